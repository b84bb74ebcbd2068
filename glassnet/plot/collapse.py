"""Curves that fall onto one: aging, and observables at several widths."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from xarray import DataArray

from glassnet.core.check import fail, finite
from glassnet.plot.labels import array, label, only, over_samples
from glassnet.plot.overlaps import MARKERS, at_layer
from glassnet.plot.style import graded, legend, on_axes


@on_axes
def aging_collapse(data: DataArray, ax: Axes | None = None, *, layer: int, exponent: float) -> Axes:
    """Correlations of one layer at all waiting times above 0 against t/t_w^mu.

    Means over samples with bars of one standard error; lag 0 does not fit the logarithmic axis and is left out.

    Args:
        data: a correlation by `sample`, `waiting_time`, `lag` and `layer`.
        ax: axes; a new figure if None.
        layer: the layer.
        exponent: mu, such as `value` of `aging_exponent`; 0 shows the curves as they are.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has more than one temperature or lacks the layer, or `exponent` is not finite.
    """
    finite(exponent=exponent)
    data = array(data, "waiting_time", "lag", such="spin_autocorrelation")
    c = only(at_layer(data, layer), "sample", "clone", "clone_b", "waiting_time", "lag")
    c = c.isel(waiting_time=c["waiting_time"].values > 0, lag=c["lag"].values > 0)
    if not c.size:
        raise fail("data", "have waiting times and lags above 0", dict(data.sizes))
    times = c["waiting_time"].values
    x = c["lag"].values / times[:, None].astype(float) ** exponent
    _curves(ax, x, c.transpose("waiting_time", ...), [f"{t:g}" for t in times], "$t_w =$")
    ax.set(xscale="log", xlabel=f"$t/t_w^\\mu$, $\\mu = {exponent:.3g}$", ylabel=label(data))
    return ax


@on_axes
def width_collapse(data: DataArray, ax: Axes | None = None, *, dim: str, a: float, b: float) -> Axes:
    """An observable at several widths as y N^-a against x N^b.

    Means over samples with bars of one standard error.

    Args:
        data: dims `width`, `sample` and `dim`.
        ax: axes; a new figure if None.
        dim: the dimension of x.
        a: exponent of the observable, such as `finite_size_collapse` gives it; 0 shows it as it is.
        b: exponent of the argument; 0 shows it as it is.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has other dimensions, or an exponent is not finite.
    """
    finite(a=a, b=b)
    data = array(data, "width", "sample", dim, such="energy")
    if {*data.dims} != {"width", "sample", dim}:
        raise fail("data", f"have the dimensions 'width', 'sample' and {dim!r} only", tuple(map(str, data.dims)))
    N = data["width"].astype(float)
    x = data[dim].values * N.values[:, None] ** b
    _curves(ax, x, (data * N**-a).transpose("width", ...), [f"{n:g}" for n in data["width"].values], "$N =$")
    name = label(data) if data.name else "y"
    ax.set(
        xlabel=f"{label(data[dim])} $\\times\\,N^{{{b:.3g}}}$",
        ylabel=f"{name} $\\times\\,N^{{{-a:.3g}}}$",
    )
    return ax


def _curves(ax: Axes, x: np.ndarray, values: DataArray, names: Sequence[str], title: str) -> None:
    """One line with bars for each position along the first dimension, from dark to light."""
    curve, handles = over_samples(values), []
    for n, (name, colour) in enumerate(zip(names, graded("plasma", len(names)), strict=True)):
        error = np.nan_to_num(curve["error"].values[n])
        style = {"color": colour, "marker": MARKERS[n % len(MARKERS)], "markersize": 2.5, "linewidth": 0.6}
        handles.append(ax.errorbar(x[n], curve["mean"].values[n], error, label=name, **style))
    legend(ax, handles, title=title)
