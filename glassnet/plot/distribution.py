"""Distribution of overlaps P(q)."""

from matplotlib.axes import Axes
from xarray import DataArray, Dataset

from glassnet.analysis import overlap_distribution
from glassnet.core.check import fail
from glassnet.plot.labels import at_waiting_times, label, single_temperature
from glassnet.plot.style import ENERGY, ERROR, legend, on_axes

PARTS = {"within": (ENERGY, "one sample"), "between": (ERROR, "two samples")}
"""Colour and words of the two kinds of pairs."""


@on_axes
def overlap_histogram(
    data: DataArray | Dataset, ax: Axes | None = None, *, layer: int, waiting_time: float | None = None
) -> Axes:
    """P(q) of one layer, between clones of one sample and between two samples, with bands of one standard error.

    Args:
        data: overlaps by `configuration` and `configuration_b`, or what `overlap_distribution` makes of them.
        ax: axes; a new figure if None.
        layer: the layer.
        waiting_time: waiting time in sweeps; the last one if None.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has more than one temperature, or lacks the layer or the waiting time.
    """
    data = single_temperature(data)
    if layer not in data["layer"].values:
        raise fail("layer", f"be one of {data['layer'].values.tolist()}", layer)
    chosen = data.sel(layer=layer)
    if "waiting_time" in chosen.dims:
        chosen = at_waiting_times(chosen, waiting_time).isel(waiting_time=0)
    P = overlap_distribution(chosen) if isinstance(chosen, DataArray) else chosen
    q, lines = P["overlap"].values, []
    for name, (colour, words) in PARTS.items():
        if bool(P[name].isnull().all()):
            continue
        density, error = P[name].values, P[f"{name}_error"].fillna(0).values
        lines += ax.plot(q, density, drawstyle="steps-mid", color=colour, label=words)
        ax.fill_between(q, density - error, density + error, step="mid", color=colour, alpha=0.2, linewidth=0)
    ax.set(xlabel=label(P["overlap"]), ylabel="$P(q)$", xlim=(q[0], q[-1]))
    ax.set_ylim(bottom=0)
    legend(ax, lines)
    return ax
