"""Learning and relaxation: energy and errors against time, autocorrelation against lag."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from xarray import DataArray, Dataset

from glassnet.analysis import energy_per_gap
from glassnet.analysis.labels import attribute, require
from glassnet.analysis.relaxation import LEVEL
from glassnet.plot.labels import at_waiting_times, by_layer, label, logarithmic, of_run, only, over_samples
from glassnet.plot.style import ENERGY, ERROR, GREY, layer_bar, layer_colours, legend, on_axes, plain_numbers

DASHES = ("-", "--", ":", "-.")
"""Line styles of waiting times, the last one first."""


@on_axes
def energy_and_error(data: Dataset, ax: Axes | None = None) -> Axes:
    """Energy per gap (left axis) and training and test error (right axis) of the hosts against time.

    Means over samples with bands of one standard error. Time 0 does not fit the logarithmic axis and is left out.
    The axis of energies that are not finite has no numbers.

    Args:
        data: result with `energy`, `train_error`, `test_error` and the attribute `widths`.
        ax: axes for the energy; the errors get a twin. A new figure if None.
    Returns:
        The axes of the energy.
    Raises:
        ValueError: if `data` has more than one temperature, is no result of a machine, or lacks the energy.
    """
    data = of_run(data, "energy")
    if "neurons" not in data.coords:
        attribute(data, "widths", "data")
    errors = [name for name in ("train_error", "test_error") if name in data]
    for name in ("energy", *errors):
        only(data[name], "sample", "time", "layer")
        require(data[name], f"data.{name}", "time")
    data, scale = logarithmic(data[["energy", *errors]], "time")
    energy = energy_per_gap(data)
    lines = [band(ax, energy, "time", color=ENERGY, label="energy")]
    ax.set(xscale=scale, xlabel=label(data["time"]))
    _coloured(ax, label(energy), ENERGY)
    if not np.isfinite(energy.values).any():
        ax.set_yticks([])
    elif _all_positive(energy):
        ax.set_yscale("log")
        plain_numbers(ax)
    if errors:
        lines += _errors(ax.twinx(), data, errors)
    legend(ax, lines)
    return ax


def _errors(ax: Axes, data: Dataset, names: list[str]) -> list[Line2D]:
    """Lines of errors, of which that on test data is full, on an axis at the right."""
    dashes = {"train_error": "--", "test_error": "-"}
    lines = [
        band(ax, data[name], "time", color=ERROR, linestyle=dashes[name], label=data[name].attrs.get("long_name", name))
        for name in names
    ]
    _coloured(ax, f"error ({data[names[0]].attrs.get('units', '1')})", ERROR)
    ax.set_ylim(bottom=0)
    return lines


def _coloured(ax: Axes, words: str, colour: str) -> None:
    """The vertical axis in the colour of what it measures, ticks on its own side only."""
    ax.set_ylabel(words, color=colour)
    side = ax.yaxis.get_label_position()
    ax.tick_params(axis="y", which="both", colors=colour, left=side == "left", right=side == "right")


def _all_positive(values: DataArray) -> bool:
    finite = values.values[np.isfinite(values.values)]
    return bool(finite.size and finite.min() > 0)


def band(ax: Axes, values: DataArray, clock: str, **style) -> Line2D:
    """Line of the mean over samples against `clock`, with a band of one standard error."""
    curve = over_samples(values)
    t, mean, error = values[clock].values, curve["mean"].values, curve["error"].values
    (line,) = ax.plot(t, mean, marker="o" if len(t) == 1 else "", **style)
    if np.isfinite(error).any():
        ax.fill_between(t, mean - error, mean + error, color=line.get_color(), alpha=0.2, linewidth=0)
    return line


@on_axes
def autocorrelation(
    data: DataArray | Dataset,
    ax: Axes | None = None,
    *,
    waiting_time: float | Sequence[float] | None = None,
    name: str = "spin_autocorrelation",
) -> Axes:
    """Autocorrelation of each layer against lag, with the level that defines the relaxation time.

    The level is 1/e, for squared ones 1/e^2.

    Means over samples with bands of one standard error; lag 0 does not fit the logarithmic axis and is left out.
    The last waiting time has full lines, those before it dashed ones.

    Args:
        data: an autocorrelation by `lag` and `layer`, or a result, of which `name` in the layers that move is drawn.
        ax: axes; a new figure if None.
        waiting_time: one waiting time in sweeps, or up to four; the last one if None.
        name: an autocorrelation of a result.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has more than one temperature or no `name`, or was not measured at `waiting_time`.
    """
    values, scale = logarithmic(by_layer(data, name, "lag"), "lag")
    values = at_waiting_times(values, waiting_time)
    layers = values["layer"].values.tolist()
    colours, mappable = layer_colours(layers)
    times = values["waiting_time"].values.tolist()
    dashes = dict(zip(reversed(times), DASHES, strict=False))
    if len(dashes) < len(times):
        raise ValueError(f"Argument `waiting_time` must hold at most {len(DASHES)} values, but is {times!r}.")
    for (w, time), (n, colour) in ((a, b) for a in enumerate(times) for b in enumerate(colours)):
        band(ax, values.isel(waiting_time=w, layer=n), "lag", color=colour, linestyle=dashes[time])
    level, word = (LEVEL**2, "$1/e^2$") if str(values.name).endswith("_squared") else (LEVEL, "1/e")
    ax.axhline(level, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    ax.annotate(word, (0, level), (8, 1.5), ("axes fraction", "data"), "offset points", color=GREY, fontsize="small")
    ax.set(
        xscale=scale,
        ylim=(min(0.0, float(values.min()) - 0.02), 1.02),
        xlabel=label(values["lag"]),
        ylabel=label(values),
    )
    legend(ax, [Line2D([], [], color=GREY, linestyle=dashes[t], label=f"{t:g}") for t in times], title="$t_w =$")
    layer_bar(mappable, layers, ax)
    return ax
