"""What the runs of a campaign end with, against an axis of its grid."""

import numpy as np
from matplotlib.axes import Axes
from xarray import DataArray, Dataset

from glassnet.analysis.labels import result, variable
from glassnet.core.check import fail
from glassnet.plot.history import WIDE, vertical
from glassnet.plot.labels import label, over_samples
from glassnet.plot.style import layer_bar, layer_colours, on_axes


@on_axes
def along_axis(data: DataArray | Dataset, ax: Axes | None = None, *, axis: str) -> Axes:
    """A number that runs end with, against an axis of their grid; one line for each layer, or value of another axis.

    Means over samples with bars of one standard error. What is not finite is left out. An axis is logarithmic where
    its numbers are positive and differ by more than a factor `glassnet.plot.history.WIDE`.

    Args:
        data: numbers by `axis`, with or without `sample`, and at most one further dimension; or `mean` and `error`
            of such, as `glassnet.analysis.mean_and_error` gives them.
        ax: axes; a new figure if None.
        axis: a key of the grid whose values are numbers.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has no dimension `axis`, no numbers along it, or more than one further dimension.
    """
    pair = result(data, "mean", "error", name="data") if isinstance(data, Dataset) else None
    mean = variable(data if pair is None else pair["mean"], "data", axis, such="energy")
    pair = over_samples(mean) if pair is None else pair
    x = mean[axis].values
    if x.dtype.kind not in "iuf":
        raise fail("axis", "have numbers as values", x.tolist())
    parts, *further = [dim for dim in pair["mean"].dims if dim != axis] or [None]
    if further:
        raise fail("data", f"have one dimension beside {axis} and sample, not {further[0]!r} too", dict(mean.sizes))
    pair = pair.sortby(axis) if parts is not None else pair.sortby(axis).expand_dims(line=[0])
    parts = "line" if parts is None else parts
    x, lines = pair[axis].values, pair[parts].values.tolist()
    colours, mappable = layer_colours(range(len(lines)))
    for n, colour in enumerate(colours):
        one = pair.isel({parts: n})
        known = np.isfinite(one["mean"].values) & np.isfinite(x)
        bars = np.nan_to_num(one["error"].values[known], posinf=0.0)
        ax.errorbar(x[known], one["mean"].values[known], bars, color=colour, marker="o", capsize=1.5)
    shown = x[np.isfinite(x)]
    ax.update_datalim(np.column_stack([shown, shown]), updatey=False)  # the whole axis, also where nothing is known
    ax.autoscale_view()
    if shown.size and shown.min() > 0 and shown.max() > WIDE * shown.min():
        ax.set_xscale("log")
    vertical(ax, pair["mean"].values)
    ax.set(xlabel=label(pair[axis]), ylabel=label(mean))
    layer_bar(mappable, lines, ax, "layer $l$" if parts == "layer" else str(pair[parts].attrs.get("long_name", parts)))
    return ax
