"""Claim: with a teacher a crystal takes over from the grown branch at a first-order point.

Free entropies of both branches and their overlaps in the middle of the machine against alpha; both closures.

    python experiments/theory_branches.py --scale smoke|desk
"""

import matplotlib.pyplot as plt
import numpy as np
from theory_report import arguments, finish

from glassnet.theory import NoConvergenceError, crystal_transition
from glassnet.theory.curves import branch_curves

DEPTHS = {"smoke": [3], "desk": [3, 5, 8]}
RANGE = {3: (13.0, 20.0), 5: (20.0, 45.0), 8: (40.0, 90.0)}
POINTS = {"smoke": 5, "desk": 12}
STYLE = {"grown": "-", "crystal": "--"}


def main() -> None:
    scale = arguments(__doc__)
    depths = DEPTHS[scale]
    figure, axes = plt.subplots(2, len(depths), figsize=(4.2 * len(depths), 6.5), squeeze=False, layout="constrained")
    numbers = {}
    for column, depth in zip(axes.T, depths, strict=True):
        data = branch_curves(depth=depth, alpha=np.linspace(*RANGE[depth], POINTS[scale]))
        exact = branch_curves(depth=depth, alpha=np.linspace(*RANGE[depth], POINTS[scale]), closure="exact")
        point = crystal_transition(depth=depth, alpha_range=RANGE[depth])
        numbers[f"L = {depth}"] = {
            "first-order alpha, factorised": round(point.alpha, 4),
            "free entropy there": round(point.grown.free_entropy, 6),
            "q grown": np.round(point.grown.q, 4).tolist(),
            "q crystal": np.round(point.crystal.q, 6).tolist(),
            "exact closure, first-order alpha": exact_point(depth),
        }
        draw(column, data, exact, depth)
        column[0].axvline(point.alpha, color="0.4", ls=":")
        column[0].set_title(rf"$L = {depth}$, first order at $\alpha = {point.alpha:.1f}$ (factorised)", fontsize=9)
    axes[0, 0].set_ylabel(r"free entropy $\Phi$")
    axes[1, 0].set_ylabel("overlap of the middle layer")
    axes[0, 0].legend(fontsize=8)
    finish(figure, "theory_branches", scale, numbers)


def draw(column: np.ndarray, data, exact, depth: int) -> None:  # type: ignore[no-untyped-def]
    """Both branches of both closures."""
    for name, style in STYLE.items():
        for which, label, colour in ((data, "factorised", "tab:blue"), (exact, "exact", "tab:orange")):
            one = which.sel(branch=name)
            column[0].plot(one.alpha, one.free_entropy, style, color=colour, label=f"{name}, {label}")
            column[1].plot(one.alpha, one.spin_overlap.sel(layer=depth // 2), style, color=colour)
    column[1].set(xlabel=r"$\alpha$", ylim=(-0.03, 1.05))


def exact_point(depth: int) -> float | None:
    """First-order point of the exact closure; None if its branches do not cross."""
    try:
        return round(crystal_transition(depth=depth, closure="exact", alpha_range=(5.0, 60.0), tolerance=1e-4).alpha, 3)
    except (ValueError, NoConvergenceError):
        return None


if __name__ == "__main__":
    main()
