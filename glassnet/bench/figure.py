"""Seconds of a sweep against the size of the machine."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from glassnet.plot.style import ENERGY, GREY, PAGE, paper

NAMES = {"R": "replicas $R$", "L": "depth $L$", "N": "width $N$", "M": "patterns $M$"}

Rows = Sequence[Mapping[str, Any]]


def exponent(x: ArrayLike, y: ArrayLike) -> tuple[float, float]:
    """Slope of log y against log x by least squares, and its standard error."""
    a, b = np.log(np.asarray(x, float)), np.log(np.asarray(y, float))
    slope, intercept = np.polyfit(a, b, 1)
    rest = b - slope * a - intercept
    return float(slope), float(np.sqrt((rest**2).sum() / max(len(a) - 2, 1) / ((a - a.mean()) ** 2).sum()))


def growth_figure(rows: Rows) -> Figure:
    """Four panels, one for each of R, L, N, M."""
    with paper():
        figure = Figure(figsize=(PAGE, 0.3 * PAGE), layout="constrained")
        for ax, axis in zip(figure.subplots(1, 4), NAMES, strict=True):
            panel([row for row in rows if row["axis"] == axis], axis, ax)
        figure.axes[0].set_ylabel("seconds of a sweep")
        figure.draw_without_rendering()
    return figure


def panel(rows: Rows, axis: str, ax: Axes) -> Axes:
    """Seconds of a sweep against one size, beside the gaps that it touches."""
    x, seconds, gaps = (np.array([row[name] for row in rows]) for name in (axis, "sweep_seconds", "element_updates"))
    slope, error = exponent(x, seconds)
    counted, _ = exponent(x, gaps)
    ax.loglog(x, gaps * seconds[-1] / gaps[-1], "--", color=GREY, label=f"gaps touched, {counted:.2f}")
    ax.loglog(x, seconds, "o-", color=ENERGY, label=f"measured, {slope:.2f} $\\pm$ {error:.2f}")
    ax.set_xlabel(NAMES[axis])
    ax.set_xticks(x, labels=[str(value) for value in x])
    ax.minorticks_off()
    ax.set_ylim(top=3 * seconds.max())
    ax.legend(loc="upper left", fontsize=7, handlelength=1.0)
    return ax
