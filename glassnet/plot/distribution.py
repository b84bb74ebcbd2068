"""Distribution of overlaps P(q)."""

from matplotlib.axes import Axes
from xarray import DataArray, Dataset

from glassnet.analysis import overlap_distribution
from glassnet.plot.labels import at_waiting_times, label, of_run, only, overlaps_of
from glassnet.plot.overlaps import at_layer, one_matrix
from glassnet.plot.style import ENERGY, ERROR, legend, on_axes

PARTS = {"within": (ENERGY, "one sample"), "between": (ERROR, "two samples")}
"""Colour and words of the two kinds of pairs."""


@on_axes
def overlap_histogram(
    data: DataArray | Dataset, ax: Axes | None = None, *, layer: int, waiting_time: float | None = None
) -> Axes:
    """P(q) of one layer, between clones of one sample and between two samples, with bands of one standard error.

    Args:
        data: overlaps by `configuration` and `configuration_b`, what `overlap_distribution` makes of them, or a result,
            whose `final_spin_overlap` is taken.
        ax: axes; a new figure if None.
        layer: the layer.
        waiting_time: waiting time in sweeps; the last one if None.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has more than one temperature, or lacks the layer or the waiting time.
    """
    if isinstance(data, Dataset) and "within" in data:
        P = of_run(data, *PARTS, *(f"{name}_error" for name in PARTS))
        P = at_waiting_times(at_layer(P, layer), waiting_time).isel(waiting_time=0)
        only(P["within"], "overlap")
    else:
        P = overlap_distribution(one_matrix(overlaps_of(data), layer, waiting_time))
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
