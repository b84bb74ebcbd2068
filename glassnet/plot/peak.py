"""Dynamic susceptibility against lag, with its peaks."""

import numpy as np
from matplotlib.axes import Axes
from xarray import DataArray, Dataset

from glassnet.analysis.labels import require, result
from glassnet.core.check import fail
from glassnet.plot.labels import at_waiting_times, by_layer, label, logarithmic, over_samples
from glassnet.plot.style import layer_bar, layer_colours, on_axes


@on_axes
def susceptibility_curves(
    data: DataArray | Dataset,
    ax: Axes | None = None,
    *,
    waiting_time: float | None = None,
    peaks: Dataset | None = None,
) -> Axes:
    """Susceptibility chi4 of each layer against lag, and where its peaks are.

    Means over samples with bands of one standard error; peaks with bars of one standard error. Peaks that were not
    reached are not drawn.

    Args:
        data: a susceptibility by `lag` and `layer`, or a result, whose `susceptibility_clones` in the layers that
            move is drawn.
        ax: axes; a new figure if None.
        waiting_time: waiting time in sweeps; the last one if None.
        peaks: what `susceptibility_peak` found, at the same waiting times; none are drawn if None.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has more than one temperature, or was not measured at `waiting_time`.
    """
    values, scale = logarithmic(by_layer(data, "susceptibility_clones", "lag"), "lag")
    values = at_waiting_times(values, waiting_time).isel(waiting_time=0)
    layers = values["layer"].values.tolist()
    colours, mappable = layer_colours(layers)
    curves = over_samples(values)
    for layer, colour in zip(layers, colours, strict=True):
        curve = curves.sel(layer=layer)
        t, mean, error = curve["lag"].values, curve["mean"].values, np.nan_to_num(curve["error"].values)
        ax.plot(t, mean, color=colour)
        ax.fill_between(t, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)
    if peaks is not None:
        peaks = result(peaks, "height", "height_error", "peak_lag", "peak_lag_error", name="peaks")
        require(peaks, "peaks", "layer")
        if not set(layers) <= set(peaks["layer"].values.tolist()):
            raise fail("peaks", f"have the layers {layers}", peaks["layer"].values.tolist())
        _peaks(ax, at_waiting_times(peaks, waiting_time).isel(waiting_time=0), dict(zip(layers, colours, strict=True)))
    ax.set(xscale=scale, xlabel=label(values["lag"]), ylabel=r"susceptibility $\chi_4$")
    ax.set_ylim(bottom=0)
    layer_bar(mappable, layers, ax)
    return ax


def _peaks(ax: Axes, peaks: Dataset, colours: dict[int, tuple]) -> None:
    for layer, colour in colours.items():
        one = peaks.sel(layer=layer)
        bars = [np.nan_to_num(float(one[f"{name}_error"])) for name in ("peak_lag", "height")]
        style = {"color": colour, "marker": "o", "markeredgecolor": "black", "markeredgewidth": 0.5, "capsize": 1.5}
        if np.isfinite(one["height"]):
            ax.errorbar(float(one["peak_lag"]), float(one["height"]), xerr=bars[0], yerr=bars[1], **style)
