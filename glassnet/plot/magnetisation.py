"""Neurons that keep one sign for all patterns, and what is left of an overlap without them."""

import numpy as np
from matplotlib.axes import Axes
from xarray import Dataset

from glassnet.analysis import longest_lag
from glassnet.analysis.labels import attribute
from glassnet.plot.labels import at_waiting_times, by_layer, label, of_run
from glassnet.plot.overlaps import MARKERS, at_longest, layer_axis, level_line, mean_of_pairs, profile_lines
from glassnet.plot.style import ENERGY, ERROR, GREY, legend, on_axes


@on_axes
def magnetisation_profile(data: Dataset, ax: Axes | None = None, *, threshold: float = 0.1) -> Axes:
    """Squared magnetisation over patterns by layer at the longest lag, one line for each waiting time.

    Means over samples and clones with bars of one standard error over samples, and the threshold of
    `glassnet.analysis.magnetised` as a dotted line.

    Args:
        data: result with `magnetisation_squared` and hidden layers.
        ax: axes; a new figure if None.
        threshold: where the dotted line is drawn.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has more than one temperature, or lacks the variable.
    """
    data = of_run(data, "magnetisation_squared")
    curves = by_layer(data, "magnetisation_squared")
    m2 = longest_lag(curves)
    handles, top = profile_lines(ax, m2)
    ax.axhline(threshold, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    layer_axis(ax, m2["layer"].values, int(attribute(data, "depth", "data")))
    ax.set(xlabel=f"layer $l${at_longest(curves)}", ylabel=label(m2), ylim=(0, 1.08 * np.fmax(top, threshold)))
    legend(ax, handles, title="$t_w =$")
    return ax


@on_axes
def raw_and_connected(data: Dataset, ax: Axes | None = None, *, waiting_time: float | None = None) -> Axes:
    """Overlap of clones by layer at the longest lag, raw and connected: what magnetised neurons add to it.

    Args:
        data: result with `spin_overlap` and `spin_overlap_connected`, at least two clones, and hidden layers.
        ax: axes; a new figure if None.
        waiting_time: waiting time in sweeps; the last one if None.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has more than one temperature or a single clone, or lacks the waiting time.
    """
    data = of_run(data, "spin_overlap", "spin_overlap_connected")
    handles, names = [], {"raw": "spin_overlap", "connected": "spin_overlap_connected"}
    for n, (word, name) in enumerate(names.items()):
        q = at_waiting_times(mean_of_pairs(longest_lag(by_layer(data, name))), waiting_time)
        colour = (ENERGY, ERROR)[n]
        lines, _ = profile_lines(ax, q, colours=[colour], markers=[MARKERS[n]], words=[word])
        handles += lines
    level_line(ax)
    layer_axis(ax, q["layer"].values, int(attribute(data, "depth", "data")))
    low = min(-0.04, ax.get_ylim()[0])
    ax.set(xlabel=f"layer $l${at_longest(data['spin_overlap'])}", ylabel=label(data["spin_overlap"]), ylim=(low, 1.04))
    legend(ax, handles)
    return ax
