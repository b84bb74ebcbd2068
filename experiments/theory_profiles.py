"""Claim: neurons freeze layer by layer; the profile q(l) falls from the boundaries to a liquid centre.

Factorised and exact closure beside each other, random data and teacher-student, grown branch.

    python experiments/theory_profiles.py --scale smoke|desk
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from theory_report import arguments, finish

from glassnet.theory import CapacityWarning
from glassnet.theory.curves import overlap_curves

DEPTH = {"smoke": 5, "desk": 10}
ALPHA = {"smoke": [3.0, 10.0, 30.0], "desk": [3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]}


def main() -> None:
    scale = arguments(__doc__)
    depth = DEPTH[scale]
    figure, axes = plt.subplots(2, 2, figsize=(9, 6.5), sharex=True, sharey=True, layout="constrained")
    numbers = {}
    for row, closure in zip(axes, ("factorised", "exact"), strict=True):
        for ax, scenario in zip(row, ("random", "teacher"), strict=True):
            alpha = [a for a in ALPHA[scale] if scenario == "random" or a <= 100]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CapacityWarning)
                data = overlap_curves(depth=depth, alpha=alpha, scenario=scenario, closure=closure)
            draw(ax, data)
            ax.set_title(f"{scenario}, {closure} closure")
            q = np.round(data.spin_overlap.values, 4).tolist()
            numbers[f"{closure} {scenario}"] = dict(zip(map(str, alpha), q, strict=True))
    for ax in axes[1]:
        ax.set_xlabel("layer $l$")
    for ax in axes[:, 0]:
        ax.set_ylabel("overlap $q(l)$")
    finish(figure, "theory_profiles", scale, {"depth": depth, "spin_overlap of layers 1..L": numbers})


def draw(ax: plt.Axes, data) -> None:  # type: ignore[no-untyped-def]
    """q(l) with the clamped input in front; formal results dashed."""
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, data.sizes["alpha"]))
    for colour, (alpha, one) in zip(colours, data.groupby("alpha"), strict=True):
        formal = bool(one.above_capacity_bound.item())
        q = np.concatenate([[1.0], one.spin_overlap.values.ravel()])
        style = {"color": colour, "marker": "o", "ms": 3.5, "ls": "--" if formal else "-"}
        ax.plot(np.arange(q.size), q, label=f"{alpha:g}" + (" (formal)" if formal else ""), **style)
    ax.legend(title=r"$\alpha$", fontsize=7, title_fontsize=8, loc="upper center")
    ax.set_ylim(-0.03, 1.05)


if __name__ == "__main__":
    main()
