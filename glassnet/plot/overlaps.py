"""Replica overlap by layer, and matrices of overlaps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from xarray import DataArray, Dataset

from glassnet.analysis import chance_level, clustered, longest_lag, mean_pair_overlap
from glassnet.analysis.hierarchy import square
from glassnet.analysis.infinite_connectivity import OF_NEURONS
from glassnet.analysis.labels import attribute
from glassnet.analysis.relaxation import LEVEL
from glassnet.core.check import fail, integer
from glassnet.plot.labels import at_waiting_times, by_layer, label, only, over_samples, overlaps_of
from glassnet.plot.style import GREY, graded, legend, on_axes

MARKERS = "osD^v<>ph*"

RANDOM = ("random", "teacher_student")
"""Tasks whose inputs and outputs are independent signs, or nearly so, as a chance level takes for granted."""


def chance_is_known(ds: Dataset) -> bool:
    """Whether a chance level holds for the data of a result."""
    return ds.attrs.get("task") in RANDOM and "machine" in ds.attrs


@on_axes
def overlap_profile(data: DataArray | Dataset, ax: Axes | None = None, *, name: str = "spin_overlap") -> Axes:
    """Overlap of clones at the longest lag by layer, one line for each waiting time, with the level 1/e.

    Means over samples and pairs of clones, with bars of one standard error over samples. Huang et al. 2025 call
    layers above the level solid; whether they stay there for longer than this lag cannot be seen. The level of squared
    overlaps is 1/e^2; beside those of neurons, if inputs and outputs are random, stands the chance level of unrelated
    configurations (`glassnet.analysis.chance_level`) as a dashed line.

    Args:
        data: an overlap by `layer`, or a result, of which a variable in the layers that move is drawn between the
            clamped input and output.
        ax: axes; a new figure if None.
        name: the variable of a result, such as "spin_overlap_squared".
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has more than one temperature or a single clone.
    """
    curves = by_layer(data, name)
    q = mean_of_pairs(longest_lag(curves))
    handles, _ = profile_lines(ax, q)
    level_line(ax, squared=str(curves.name).endswith("_squared"))
    if isinstance(data, Dataset) and name in OF_NEURONS and chance_is_known(data):
        chance = chance_level(data)
        ax.plot(chance["layer"], chance, color=GREY, linewidth=0.9, linestyle="--")
    depth = int(attribute(data, "depth", "data")) if isinstance(data, Dataset) else None
    layer_axis(ax, q["layer"].values, depth)
    low = min(-0.04, ax.dataLim.y0 - 0.02)
    ax.set(xlabel=f"layer $l${at_longest(curves)}", ylabel=label(q), ylim=(low, 1.04))
    legend(ax, handles, title="$t_w =$")
    return ax


def profile_lines(
    ax: Axes,
    values: DataArray,
    *,
    colours: Sequence | None = None,
    markers: Sequence[str] = MARKERS,
    words: Sequence[str] | None = None,
) -> tuple[list, float]:
    """Means over samples by `layer` with bars of one standard error, one line for each waiting time.

    Args:
        ax: the axes.
        values: dims `layer` and, if they matter, `sample`, `clone`, `waiting_time`.
        colours: of the lines, by growing waiting time if None.
        markers: of the lines, used again from the first where there are more lines.
        words: labels of the lines; the waiting times if None.
    Returns:
        What a legend explains, and the largest mean with its error.
    """
    times = values["waiting_time"].values.tolist() if "waiting_time" in values.dims else None
    values = at_waiting_times(values, times)
    curve = over_samples(values)
    times = values["waiting_time"].values.tolist()
    words = [f"{time:g}" for time in times] if words is None else words
    colours = graded("plasma", len(times)) if colours is None else colours
    handles = []
    for n, (word, colour) in enumerate(zip(words, colours, strict=True)):
        line = curve.isel(waiting_time=n)
        style = {"color": colour, "marker": markers[n % len(markers)], "capsize": 1.5, "elinewidth": 0.8}
        error = np.nan_to_num(line["error"].values)
        handles.append(ax.errorbar(values["layer"].values, line["mean"].values, error, label=word, **style))
    return handles, float((curve["mean"] + curve["error"].fillna(0)).max())


def mean_of_pairs(q: DataArray) -> DataArray:
    """Mean over pairs of different clones, if `q` has them. Raises ValueError for a single clone."""
    if "clone_b" not in q.dims:
        return q
    if q.sizes["clone"] < 2:
        raise fail("data", "have at least two clones", q.sizes["clone"])
    return mean_pair_overlap(q)


def level_line(ax: Axes, *, squared: bool = False) -> None:
    """The line at 1/e, or at 1/e^2, named at the right of the axes, where there is no data."""
    level, word = (LEVEL**2, "$1/e^2$") if squared else (LEVEL, "1/e")
    ax.axhline(level, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
    ax.annotate(word, (1, level), (3, 0), color=GREY, fontsize="small", **place)


def at_longest(values: DataArray) -> str:
    """At which lag something was measured, as the end of a label."""
    return f" (lag {float(values['lag'].max()):g})" if "lag" in values.coords else ""


def layer_axis(ax: Axes, layers: np.ndarray, depth: int | None) -> None:
    """At most twelve ticks at the layers; with the depth known, from the clamped input to the clamped output."""
    step = -(-len(layers) // 12)
    ticks = {int(l): str(int(l)) for l in layers[step - 1 :: step]}
    if depth is not None:
        ticks = {0: "in", **{l: word for l, word in ticks.items() if l <= depth - step}, depth: "out"}
        ax.set_xlim(0, depth)
    ax.set_xticks(list(ticks), labels=list(ticks.values()))
    ax.tick_params(axis="x", which="minor", length=0)


@on_axes
def overlap_matrix(
    data: DataArray | Dataset,
    ax: Axes | None = None,
    *,
    layer: int,
    waiting_time: float | None = None,
    clones: int | None = None,
    colour_bar: bool = True,
) -> Axes:
    """Overlaps between all last configurations in one layer, ordered by complete linkage.

    Args:
        data: overlaps by `configuration` and `configuration_b`, or a result, whose `final_spin_overlap` is drawn.
        ax: axes; a new figure if None.
        layer: the layer.
        waiting_time: waiting time of the clones in sweeps; the last one if None.
        clones: clones of each sample, to keep those of a sample side by side with lines between the samples;
            without it the tree alone decides the order.
        colour_bar: whether to draw one.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has more than one temperature, or lacks the layer or the waiting time.
    """
    q = one_matrix(overlaps_of(data), layer, waiting_time)
    order = clustered(q).order
    if clones is not None:
        order = _samples_together(order, clones)
    style = {"cmap": "RdBu_r", "vmin": -1, "vmax": 1, "interpolation": "nearest", "origin": "upper"}
    image = ax.imshow(q.values[np.ix_(order, order)], **style)
    for edge in np.arange(clones, len(order), clones) - 0.5 if clones else ():
        ax.axhline(edge, color="black", linewidth=0.3)
        ax.axvline(edge, color="black", linewidth=0.3)
    ax.set(xticks=[], yticks=[], xlabel="configuration $a$", ylabel="configuration $b$", title=f"layer {layer}")
    if colour_bar:
        ax.figure.colorbar(image, ax=ax, label=label(q), ticks=[-1, -0.5, 0, 0.5, 1])
    return ax


def one_matrix(values: DataArray, layer: int, waiting_time: float | None) -> DataArray:
    """Overlaps of all pairs of configurations in one layer after one waiting time, both dimensions in one order.

    Raises:
        ValueError: if layer or waiting time are not there, there are further dimensions, or an overlap is not finite.
    """
    q = at_waiting_times(at_layer(values, layer), waiting_time).isel(waiting_time=0)
    q = square(only(q, "configuration", "configuration_b"), "data").transpose("configuration", "configuration_b")
    if not np.isfinite(q.values).all():
        raise fail("data", f"have finite overlaps in layer {layer}", float(q.values[~np.isfinite(q.values)][0]))
    return q


def at_layer(values: Any, layer: int) -> Any:
    """`values` at one layer. Raises ValueError if it is not there."""
    if "layer" not in values.coords:
        raise fail("data", "have the coordinate 'layer'", sorted(map(str, values.coords)))
    known = np.atleast_1d(values["layer"].values).tolist()
    if np.ndim(layer) or layer not in known:
        raise fail("layer", f"be among the layers {known}", layer)
    return values.sel(layer=layer) if "layer" in values.dims else values


def _samples_together(order: np.ndarray, clones: int) -> np.ndarray:
    """Leaves sample by sample, samples in the order in which the tree meets them first."""
    integer(1, clones=clones)
    if len(order) % clones:
        raise fail("clones", f"divide the {len(order)} configurations", clones)
    rank = {sample: n for n, sample in reversed(list(enumerate(order // clones)))}
    return np.array(sorted(order, key=lambda leaf: rank[leaf // clones]))
