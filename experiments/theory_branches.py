"""Claim: with a teacher a crystal takes over from the grown branch at a first-order point.

Free entropies of both branches and their overlaps in the middle of the machine against alpha; both closures.

    python experiments/theory_branches.py --scale smoke|desk
"""

import matplotlib.pyplot as plt
import numpy as np
from theory_report import arguments, finish

from glassnet.theory import crystal_transition
from glassnet.theory.curves import branch_curves

DEPTHS = {"smoke": [3], "desk": [3, 5]}
RANGE = {3: (8.0, 20.0), 5: (12.0, 42.0)}
SEARCH = {3: (15.0, 18.0), 5: (33.0, 37.0)}
POINTS = {"smoke": 5, "desk": 16}
STYLE = {"grown": "-", "crystal": "--"}


def main() -> None:
    scale = arguments(__doc__)
    depths = DEPTHS[scale]
    figure, axes = plt.subplots(2, len(depths), figsize=(4.2 * len(depths), 6.5), squeeze=False, layout="constrained")
    numbers = {}
    for column, depth in zip(axes.T, depths, strict=True):
        data = branch_curves(depth=depth, alpha=np.linspace(*RANGE[depth], POINTS[scale]))
        exact = branch_curves(depth=depth, alpha=np.linspace(*RANGE[depth], POINTS[scale]), closure="exact")
        point = crystal_transition(depth=depth, alpha_range=SEARCH[depth])
        numbers[f"L = {depth}"] = {
            "first-order alpha, factorised": round(point.alpha, 4),
            "free entropy there": round(point.grown.free_entropy, 6),
            "q grown": np.round(point.grown.q, 4).tolist(),
            "q crystal": np.round(point.crystal.q, 6).tolist(),
            "exact closure, first plotted alpha where the crystal leads": first_lead(exact),
        }
        draw(column, data, exact, depth)
        column[0].axvline(point.alpha, color="0.4", ls=":")
        column[0].set_title(rf"$L = {depth}$, first order at $\alpha = {point.alpha:.1f}$ (factorised)", fontsize=9)
    axes[0, 0].set_ylabel(r"free entropy $\Phi$")
    axes[1, 0].set_ylabel("overlap of the middle layer")
    axes[0, 0].legend(fontsize=8)
    finish(figure, "theory_branches", scale, numbers)


def draw(column: np.ndarray, data, exact, depth: int) -> None:  # type: ignore[no-untyped-def]
    """Both branches of both closures; the crystal only where it is a state of its own."""
    for name, style in STYLE.items():
        for which, label, colour in ((data, "factorised", "tab:blue"), (exact, "exact", "tab:orange")):
            one = which.sel(branch=name)
            if name == "crystal":
                gap = which.spin_overlap.sel(branch="crystal") - which.spin_overlap.sel(branch="grown")
                one = one.where(gap.max("layer") > 1e-6)
            column[0].plot(one.alpha, one.free_entropy, style, color=colour, label=f"{name}, {label}")
            column[1].plot(one.alpha, one.spin_overlap.sel(layer=depth // 2), style, color=colour)
    column[1].set(xlabel=r"$\alpha$", ylim=(-0.03, 1.05))


def first_lead(data) -> float | None:  # type: ignore[no-untyped-def]
    """Least alpha of the Dataset at which the crystal is another state and has the larger free entropy."""
    lead = data.free_entropy.sel(branch="crystal") - data.free_entropy.sel(branch="grown")
    leads = data.alpha.values[lead.values > 1e-9]
    return round(float(leads[0]), 3) if leads.size else None


if __name__ == "__main__":
    main()
