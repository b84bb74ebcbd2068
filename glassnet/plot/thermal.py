"""The figure of a thermal machine: energy, accuracy, overlap of clones by layer, relaxation."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from xarray import Dataset

from glassnet.analysis import energy_per_gap
from glassnet.analysis.labels import ascending, require, result
from glassnet.core.check import fail
from glassnet.plot.labels import conditions, label, logarithmic, of_run, temperatures
from glassnet.plot.overlaps import overlap_profile
from glassnet.plot.relaxation import autocorrelation, band
from glassnet.plot.style import ENERGY, ERROR, GREY, PAGE, legend, on_axes, paper, plain_numbers


@on_axes
def energy_fall(data: Dataset, ax: Axes | None = None) -> Axes:
    """Energy of the hosts over that at the start, and their kinetic temperature, against time.

    Means over samples with bands of one standard error, on logarithmic axes.

    Args:
        data: result of a thermal machine.
        ax: axes; a new figure if None.
    Returns:
        The axes of the energy; the temperature has a twin.
    Raises:
        ValueError: if `data` has more than one temperature or is no such result.
    """
    data = of_run(data, "energy", "kinetic_temperature")
    ratio = energy_per_gap(data)
    ratio = (ratio / ratio.isel(time=0, drop=True)).assign_attrs(ratio.attrs)
    moved, scale = logarithmic(data.assign(ratio=ratio)[["ratio", "kinetic_temperature"]], "time")
    lines = [band(ax, moved["ratio"], "time", color=ENERGY, label="energy")]
    ax.set(xscale=scale, yscale="log", xlabel=label(data["time"]))
    ax.set_ylabel("energy $E(t)/E(0)$", color=ENERGY)
    twin = ax.twinx()
    heat = moved["kinetic_temperature"].mean("layer")
    lines.append(band(twin, heat, "time", color=GREY, linestyle="--", label="kinetic temperature"))
    twin.set(yscale="log")
    twin.set_ylabel("kinetic temperature", color=GREY)
    plain_numbers(ax)
    legend(ax, lines)
    return ax


@on_axes
def accuracy(data: Dataset, ax: Axes | None = None) -> Axes:
    """Accuracy of the network of signs against time: right outputs on training (dashed) and on fresh data (full).

    Grey: of the machine's own network of tanh. The dotted line is chance.

    Args:
        data: result of a thermal machine with test data.
        ax: axes; a new figure if None.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has more than one temperature or is no such result.
    """
    data = of_run(data, "test_error", "train_error", "test_error_tanh")
    names = {"test_error": "fresh", "train_error": "training", "test_error_tanh": "fresh, tanh"}
    for name in names:
        require(data[name], f"data.{name}", "time")
    moved, scale = logarithmic(data[list(names)], "time")
    styles = {"train_error": "--"}
    lines = []
    for name, words in names.items():
        colour = GREY if name.endswith("tanh") else ERROR
        lines.append(band(ax, 1 - moved[name], "time", color=colour, linestyle=styles.get(name, "-"), label=words))
    ax.axhline(0.5, color=GREY, linewidth=0.9, linestyle=":")
    ax.set(xscale=scale, xlabel=label(data["time"]), ylabel="accuracy (right outputs)", ylim=(0.3, 1.02))
    legend(ax, lines)
    return ax


def thermal_overview(data: Dataset) -> Figure:
    """The four panels of a thermal machine: (a) energy, (b) accuracy, (c) overlap of clones, (d) relaxation by layer.

    Args:
        data: result of a thermal machine with hidden layers, two clones or more and test data, at one temperature.
    Returns:
        A figure of page width that pyplot does not know; write it with `savefig`.
    Raises:
        ValueError: if `data` is no such result.
    """
    data = ascending(
        result(
            data,
            "kinetic_temperature",
            "energy",
            "spin_overlap",
            "spin_autocorrelation",
            "test_error_tanh",
            name="data",
        )
    )
    ladder = temperatures(data)
    if len(ladder) > 1:
        raise fail("data", "have one temperature: select it", len(ladder))
    one = ladder[0][1]
    with paper():
        figure = Figure(figsize=(PAGE, 0.76 * PAGE), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06)
        axes = figure.subplots(2, 2).ravel()
        energy_fall(one, axes[0])
        accuracy(one, axes[1])
        overlap_profile(one, axes[2])
        autocorrelation(one, axes[3], waiting_time=[float(one["waiting_time"][-1])])
        for letter, ax in zip("abcd", axes, strict=True):
            place = {"xycoords": "axes fraction", "textcoords": "offset points"}
            ax.annotate(f"({letter})", (0, 1), (-10, 5), ha="right", fontweight="bold", annotation_clip=False, **place)
        figure.suptitle(conditions(one))
        figure.draw_without_rendering()  # ticks take their style when first drawn
    return figure
