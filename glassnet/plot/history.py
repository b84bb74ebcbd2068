"""What hosts do against time, layer by layer, and how fast a run goes."""

import numpy as np
from matplotlib.axes import Axes
from xarray import DataArray

from glassnet.analysis.labels import variable
from glassnet.core.check import fail
from glassnet.plot.labels import array, label, logarithmic, only, over_samples
from glassnet.plot.relaxation import band
from glassnet.plot.style import ENERGY, GREY, layer_bar, layer_colours, on_axes, plain_numbers

WIDE = 30
"""A ratio of the largest to the smallest mean above which the vertical axis is logarithmic."""


@on_axes
def layers_in_time(data: DataArray, ax: Axes | None = None) -> Axes:
    """A variable of the hosts against time, one line for each layer, or whatever else it is resolved by.

    Means over samples with bands of one standard error. Time 0 does not fit the logarithmic axis and is left out,
    and so are layers without a number. The vertical axis is logarithmic for positive values that differ by more
    than a factor `WIDE`.

    Args:
        data: `energy`, `violated` or an acceptance, dims (sample, time, layer) with any name of the last one, or none.
        ax: axes; a new figure if None.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has more than one temperature, no times, or more than one further dimension.
    """
    values, scale = logarithmic(array(data, "time", such="energy"), "time")
    parts, *further = [dim for dim in values.dims if dim not in ("sample", "time")] or [None]
    if further:
        raise fail("data", f"have one dimension beside sample and time, not {further[0]!r} too", dict(values.sizes))
    if parts is None:
        parts, values = "layer", values.expand_dims(layer=[0])
    values = values.where(np.isfinite(values)).dropna(parts, how="all")
    shown = values[parts].values.tolist()
    ax.set(xscale=scale, xlabel=label(values["time"]), ylabel=label(data))
    if not shown:
        return ax
    colours, mappable = layer_colours(shown)
    for n, colour in enumerate(colours):
        band(ax, values.isel({parts: n}), "time", color=colour)
    vertical(ax, over_samples(values)["mean"].values)
    layer_bar(mappable, shown, ax, "layer $l$" if parts == "layer" else str(parts).replace("_", " "))
    return ax


def vertical(ax: Axes, means: np.ndarray) -> None:
    """A logarithmic axis where it shows more, else one that starts at 0."""
    known = means[np.isfinite(means)]
    if known.size and known.min() > 0 and known.max() > WIDE * known.min():
        ax.set_yscale("log")
        plain_numbers(ax)
    elif known.size and known.min() >= 0:
        ax.set_ylim(bottom=0)


@on_axes
def rate(data: DataArray, ax: Axes | None = None) -> Axes:
    """Speed of a run against what it has done, with a line where it was taken up again.

    Args:
        data: replica-sweeps a second along the dim `done` (replica-sweeps finished); a coordinate `session` along it,
            if there is one, counts how often the run was started.
        ax: axes; a new figure if None.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` is no variable of numbers along `done`.
    """
    data = only(variable(data, "data", "done"), "done")
    done, speed = data["done"].values, data.values
    ax.plot(done, speed, color=ENERGY, marker="o")
    if "session" in data.coords:
        for edge in np.flatnonzero(np.diff(data["session"].values)):
            ax.axvline((done[edge] + done[edge + 1]) / 2, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    ax.set(xlabel=label(data["done"]), ylabel=label(data))
    ax.set_ylim(bottom=0)
    ax.ticklabel_format(axis="both", style="sci", scilimits=(-3, 4), useMathText=True)
    return ax
