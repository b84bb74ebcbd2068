"""Claim: from complex to simple. Inner layers lose the low-x part of their Parisi function.

k-step solution in the factorised closure, random data; alpha lies above the rigorous capacity bound: formal.

    python experiments/theory_parisi.py --scale smoke|desk
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from theory_report import arguments, finish

from glassnet.theory import CapacityWarning
from glassnet.theory.curves import parisi_curves

CASE = {"smoke": (3, 12.0, 3), "desk": (5, 40.0, 9)}


def main() -> None:
    scale = arguments(__doc__)
    depth, alpha, steps = CASE[scale]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CapacityWarning)
        data = parisi_curves(depth=depth, alpha=[alpha], steps=steps).isel(alpha=0)
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    edges = np.concatenate([[0.0], data.block_size.values])
    hidden, bonds = range(1, depth // 2 + 1), range(1, (depth + 1) // 2 + 1)
    for l in hidden:
        axes[0].stairs(data.spin_overlap.sel(layer=l), edges, baseline=None, label=f"layer {l}", lw=1.8)
        cumulative = np.concatenate([[0.0], data.block_size.values])
        steps_q = np.concatenate([[0.0], data.spin_overlap.sel(layer=l).values, [1.0]])
        axes[2].stairs(cumulative, steps_q, baseline=None, label=f"layer {l}", lw=1.8)
    for l in bonds:
        axes[1].stairs(data.weight_overlap.sel(layer=l), edges, baseline=None, label=f"layer {l}", lw=1.8)
    labels = (
        ("$x$", "neurons $q(x; l)$"),
        ("$x$", "weights $Q(x; l)$"),
        ("$q$", "probability of overlaps below $q$"),
    )
    for ax, (x, y) in zip(axes, labels, strict=True):
        ax.set(xlabel=x, ylabel=y, xlim=(0, 1), ylim=(-0.02, 1.02))
        ax.legend(fontsize=8)
    state = "formal: above the capacity bound" if bool(data.above_capacity_bound) else "below the capacity bound"
    figure.suptitle(rf"$L = {depth}$, $\alpha = {alpha:g}$, {steps} steps ({state}); layers mirror each other")
    numbers = {
        "depth": depth,
        "alpha": alpha,
        "steps": steps,
        "free_entropy": float(data.free_entropy),
        "residual": float(data.residual),
        "q_i by layer": {str(l): np.round(data.spin_overlap.sel(layer=l).values, 4).tolist() for l in hidden},
        "Q_i by layer": {str(l): np.round(data.weight_overlap.sel(layer=l).values, 4).tolist() for l in bonds},
    }
    finish(figure, "theory_parisi", scale, numbers)


if __name__ == "__main__":
    main()
