"""The figure of a run: learning, relaxation, overlap of clones by layer, landscape."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.gridspec import SubplotSpec
from xarray import Dataset

from glassnet.analysis.labels import ascending, attribute, result
from glassnet.analysis.layers import order_parameter
from glassnet.core.check import fail
from glassnet.plot.history import layers_in_time
from glassnet.plot.labels import OF_CLONES, conditions, evenly, label, only, temperatures
from glassnet.plot.overlaps import overlap_matrix, overlap_profile
from glassnet.plot.population import evidence, families
from glassnet.plot.relaxation import autocorrelation, energy_and_error
from glassnet.plot.style import PAGE, paper

MOST = 6
"""Temperatures that are drawn, evenly chosen from a longer ladder."""


def overview(data: Dataset) -> Figure:
    """The four panels of a run, under a title that says at which temperature, load, width and depth.

    (a) energy and errors against time, (b) spin autocorrelation by layer at the first waiting time above 0 and at
    the last one, (c) overlap of clones by layer, both squared by neurons where that was measured, (d) overlaps of all
    last configurations in the layer next to the input and in the central one. Of populations (c) the families that are
    left and (d) ln Z(beta)/Z(0). Of a system without layers, energy and acceptance of the hosts against time.

    Args:
        data: result of a run; a machine must have hidden layers. Several temperatures stand below each other, the
            coldest first, at most six of them.
    Returns:
        A figure of page width that pyplot does not know; write it with `savefig`.
    Raises:
        ValueError: if `data` is no result, has no hidden layer, or a dimension that no run has.
    """
    data = ascending(result(data, "energy", name="data"))
    ladder = temperatures(data)
    shown = [ladder[n][1] for n in evenly(len(ladder), MOST)]
    machine = "depth" in data.attrs or "depth" in data.coords
    if machine:
        depth = int(attribute(data, "depth", "data"))
        if depth < 2:
            raise fail("data", "have hidden layers (a depth of at least 2)", depth)
        name = "spin_autocorrelation" if _populations(data) else "spin_overlap"
        wanted = result(data, "spin_autocorrelation", name, name="data")[name]
        only(wanted, "temperature", *OF_CLONES)
    with paper():
        figure = Figure(figsize=(PAGE, (0.76 if machine else 0.39) * PAGE * len(shown)), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06)
        parts = figure.subfigures(len(shown), 1, squeeze=False)[:, 0] if len(shown) > 1 else [figure]
        for part, one in zip(parts, shown, strict=True):
            (_four_panels if machine else _hosts)(one, part)
            part.suptitle(conditions(one))
        if len(shown) < len(ladder):
            figure.suptitle(f"{len(shown)} of {len(ladder)} temperatures")
        figure.draw_without_rendering()  # ticks take their style when first drawn
    return figure


def _four_panels(data: Dataset, figure: FigureBase) -> None:
    """What clones and hosts of a machine do, and the landscape."""
    depth = int(attribute(data, "depth", "data"))
    grid = figure.add_gridspec(2, 2)
    panels = [figure.add_subplot(grid[place]) for place in ((0, 0), (0, 1), (1, 0))]
    energy_and_error(data, panels[0])
    measured = order_parameter(data, "spin_autocorrelation")[0]
    autocorrelation(data, panels[1], waiting_time=_two_waiting_times(data), name=measured)
    if _populations(data):
        families(data, panels[2])
        panels.append(evidence(data, figure.add_subplot(grid[1, 1])))
    else:
        _profile(data, panels[2])
        panels.append(_matrices(data, figure, grid[1, 1], sorted({1, depth // 2})))
    for letter, ax in zip("abcd", panels, strict=True):
        place = {"xycoords": "axes fraction", "textcoords": "offset points"}
        ax.annotate(f"({letter})", (0, 1), (-10, 5), ha="right", fontweight="bold", annotation_clip=False, **place)


def _populations(data: Dataset) -> bool:
    """Whether means over populations were measured, and no pairs."""
    return "population_size" in data.attrs


def _hosts(data: Dataset, figure: FigureBase) -> None:
    """Energy and accepted fractions of the hosts against time, one panel each."""
    names = ["energy", *(str(name) for name in data.data_vars if str(name).startswith("acceptance"))]
    for n, name in enumerate(names, start=1):
        layers_in_time(data[name], figure.add_subplot(1, len(names), n))


def _two_waiting_times(data: Dataset) -> list[float]:
    """First waiting time above 0 and the last one; one of them where they are the same."""
    times = data["waiting_time"].values.tolist()
    return sorted({next((t for t in times if t > 0), times[-1]), times[-1]})


def _profile(data: Dataset, ax: Axes) -> None:
    """The overlap profile, or a word where there are no pairs of clones."""
    if data.sizes.get("clone", 0) > 1:
        overlap_profile(data, ax, name=order_parameter(data, "spin_overlap")[0])
        return
    _words(ax, "overlaps need two clones")


def _words(ax: Axes, words: str) -> None:
    """What an empty panel says."""
    ax.text(0.5, 0.5, words, ha="center", va="center", transform=ax.transAxes)
    ax.set(xticks=[], yticks=[])


def _matrices(data: Dataset, figure: FigureBase, place: SubplotSpec, layers: list[int]) -> Axes:
    """Overlap matrices side by side with one colour bar, or a word where the run is not over; returns the first."""
    if "final_spin_overlap" not in data or not np.isfinite(data["final_spin_overlap"].values).all():
        ax = figure.add_subplot(place)
        _words(ax, "last overlaps come at the end")
        return ax
    grid = place.subgridspec(1, len(layers))
    axes = [figure.add_subplot(grid[0, n]) for n in range(len(layers))]
    for ax, layer in zip(axes, layers, strict=True):
        overlap_matrix(data, ax, layer=layer, clones=data.sizes.get("clone", 1), colour_bar=False)
    for ax in axes[1:]:
        ax.set_ylabel("")
    image = axes[-1].images[0]
    words = label(data["final_spin_overlap"])
    bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.8, aspect=30, ticks=[-1, -0.5, 0, 0.5, 1])
    bar.set_label(words)
    return axes[0]
