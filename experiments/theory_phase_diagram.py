"""Claim: in random data the solid grows from both boundaries (factorised closure) or from the output (exact closure).

Every hidden layer l freezes at its own alpha_g(l); the picture is drawn in the plane of layer and ln alpha.

    python experiments/theory_phase_diagram.py --scale smoke|desk
"""

import matplotlib.pyplot as plt
import numpy as np
from theory_report import arguments, finish

from glassnet.theory import capacity_bound, transitions

DEPTH = {"smoke": 5, "desk": 10}


def main() -> None:
    scale = arguments(__doc__)
    depth = DEPTH[scale]
    figure, axes = plt.subplots(2, 2, figsize=(9, 7), sharey=True, layout="constrained")
    numbers = {}
    for row, closure in zip(axes, ("factorised", "exact"), strict=True):
        for ax, scenario in zip(row, ("random", "teacher"), strict=True):
            found = transitions(depth=depth, scenario=scenario, closure=closure)
            draw(ax, found.alpha_g, depth)
            ax.set_title(f"{scenario}, {closure} closure")
            numbers[f"{closure} {scenario}"] = [float(f"{a:.6g}") for a in found.alpha_g]
            if scenario == "random":
                bound = capacity_bound(depth)
                ax.axvline(bound, color="0.3", ls=":")
                ax.text(bound * 1.15, 0.12, "rigorous capacity bound:\nformal to the right", fontsize=8, va="bottom")
    axes[0, 0].set_ylabel("layer $l$")
    axes[1, 0].set_ylabel("layer $l$")
    finish(figure, "theory_phase_diagram", scale, {"depth": depth, "alpha_g by layer 1..L-1": numbers})


def draw(ax: plt.Axes, alpha_g: np.ndarray, depth: int) -> None:
    """Solid (dark) right of alpha_g in each hidden layer; input and output layers are clamped data."""
    limits = (0.7, 3 * float(np.max(alpha_g)))
    for layer, alpha in enumerate(alpha_g, start=1):
        ax.barh(layer, limits[1] - alpha, left=alpha, height=1.0, color="tab:blue", alpha=0.65)
        ax.plot([alpha, alpha], [layer - 0.5, layer + 0.5], color="k", lw=1.2)
    for boundary in (0, depth):
        ax.barh(boundary, limits[1], height=1.0, color="0.75")
    ax.text(0.85, 0, "input", va="center", fontsize=8)
    ax.text(0.85, depth, "output", va="center", fontsize=8)
    ax.text(0.05, 0.5, "liquid", transform=ax.transAxes)
    ax.text(0.97, 0.72, "solid", transform=ax.transAxes, ha="right")
    ax.set(xscale="log", xlim=limits, ylim=(-0.5, depth + 0.5), xlabel=r"$\alpha = M/c$")


if __name__ == "__main__":
    main()
