"""Order parameters against 1/c, and what is left of them at infinite connectivity."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from xarray import DataArray, Dataset

from glassnet.analysis import infinite_connectivity
from glassnet.analysis.labels import variable
from glassnet.plot.labels import label, only, over_samples
from glassnet.plot.overlaps import MARKERS
from glassnet.plot.style import GREY, layer_bar, layer_colours, legend, on_axes

CHANCE = {"linestyle": (0, (1, 2)), "linewidth": 0.9}
"""How a chance level is drawn."""


@on_axes
def connectivity_extrapolation(data: DataArray, ax: Axes | None = None, *, loops: bool = False) -> Axes:
    """An order parameter of each layer against 1/c, the line through it and its end at infinite connectivity.

    Means over samples with bars of one standard error, a marker for each N/c; full lines are the fit of
    `glassnet.analysis.infinite_connectivity`, at c/N = 0 if it has a term in c/N and else through the points, and
    end in an open marker with the error of the intercept. Dotted lines are the chance level of unrelated
    configurations, below which an order parameter says nothing.

    Args:
        data: by `size`, `sample` and `layer`, as `glassnet.analysis.by_connectivity` gives it.
        ax: axes; a new figure if None.
        loops: whether the fit has a term in c/N; then thin lines are the fit at each N/c.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` lacks a dimension or has further ones, or as `infinite_connectivity`.
    """
    data = only(
        variable(data, "data", "size", "sample", "layer", such="spin_overlap_squared"), "size", "sample", "layer"
    )
    fit, curve = infinite_connectivity(data, loops=loops), over_samples(data)
    x, ratio = 1 / data["connectivity"].values, data["width"].values / data["connectivity"].values
    layers, ratios = data["layer"].values.tolist(), sorted({*ratio.tolist()})
    colours, mappable = layer_colours(layers)
    ends = np.array([0, 1.05 * x.max()])
    for layer, colour in zip(layers, colours, strict=True):
        one, points = fit.sel(layer=layer), curve.sel(layer=layer)
        for n, r in enumerate(ratios):
            at = ratio == r
            style = {"color": colour, "marker": MARKERS[n % len(MARKERS)], "linestyle": "", "capsize": 1.5}
            ax.errorbar(x[at], points["mean"].values[at], np.nan_to_num(points["error"].values[at]), **style)
            if loops:
                ax.plot(ends, _line(one, ends) + float(one["loops"]) / r, color=colour, linewidth=0.5)
        ax.plot(ends, _line(one, ends), color=colour)
        style = {"color": colour, "marker": "o", "markerfacecolor": "white", "capsize": 2.5, "clip_on": False}
        if np.isfinite(one["y_inf"]):
            ax.errorbar(0, float(one["y_inf"]), np.nan_to_num(float(one["y_inf_error"])), zorder=3, **style)
        if "chance" in data.coords:
            for r in ratios:
                at = np.flatnonzero(ratio == r)[np.argsort(x[ratio == r])]
                level = data["chance"].sel(layer=layer).values[at]
                ax.plot([0, *x[at]], [0, *level], color=colour, **CHANCE)
    ax.axhline(0, color=GREY, linewidth=0.5)
    ax.set(xlim=(-0.03 * ends[1], ends[1]), xlabel="$1/c$", ylabel=label(data))
    style = {"color": GREY, "linestyle": ""}
    words = [f"$N/c = {r:g}$" for r in ratios]
    handles = [Line2D([], [], marker=MARKERS[n % len(MARKERS)], label=word, **style) for n, word in enumerate(words)]
    chance = [Line2D([], [], color=GREY, label="chance", **CHANCE)] if "chance" in data.coords else []
    legend(ax, chance + handles)
    layer_bar(mappable, layers, ax)
    return ax


def _line(fit: Dataset, x: np.ndarray) -> np.ndarray:
    return float(fit["y_inf"]) + float(fit["slope"]) * x
