"""Liquid and solid layers, and reductions of variables that are resolved by layer."""

import numpy as np
from xarray import DataArray, Dataset

from glassnet.analysis.labels import attribute, described, own_words, require, result, variable, widths
from glassnet.analysis.relaxation import LEVEL
from glassnet.core.check import fail, finite, positive
from glassnet.store.schema import VARIABLES


@own_words
def longest_lag(data: DataArray) -> DataArray:
    """Values at the longest lag; `data` itself where it has no dimension `lag`.

    Raises:
        ValueError: if `data` is no variable of numbers, or has no lags.
    """
    data = variable(data, "data")
    return data.isel(lag=int(np.argmax(data["lag"].values)), drop=True) if "lag" in data.dims else data


@own_words
def moving_layers(ds: Dataset, name: str) -> DataArray:
    """The variable `name` on the layers that move: 1..L-1 for spins, as layer L is clamped, 1..L for all else.

    Args:
        ds: result with the variable and the attribute `depth`.
        name: a variable by `layer`; its attribute `fixed`, else the table of observables, says whether its last layer
            is clamped.
    Raises:
        ValueError: if the variable, its dimension `layer` or the attribute is missing.
    """
    ds = result(ds, name)
    values, known = ds[name], VARIABLES.get(name)
    require(values, f"ds.{name}", "layer")
    fixed = values.attrs["fixed"].split() if "fixed" in values.attrs else known.fixed if known else ()
    if "layer" not in fixed:
        return values
    return values.isel(layer=values["layer"].values < attribute(ds, "depth"))


def hidden_layers(ds: Dataset) -> bool:
    """Whether a result has layers whose spins move.

    Raises:
        ValueError: if the attribute `depth` is missing.
    """
    ds = result(ds)
    return bool((ds["layer"] < attribute(ds, "depth")).any())


def order_parameter(ds: Dataset, name: str) -> tuple[str, float]:
    """By which variable order is judged in place of `name`, and above which level.

    Where neurons turn over, an overlap or autocorrelation decays though nothing melts, and its square by single neurons
    stays.

    Args:
        ds: a result.
        name: an overlap or an autocorrelation, such as "spin_overlap".
    Returns:
        `name` with `_squared` and 1/e^2, if the result has it and no NaN among it (earlier versions did not measure it,
        and one pattern does not tell); else `name` and 1/e.
    """
    squared = f"{name}_squared"
    if squared in ds and not bool(moving_layers(ds, squared).isnull().any()):
        return squared, LEVEL**2
    return name, LEVEL


@own_words
def solid(overlap: DataArray, level: float = LEVEL) -> DataArray:
    """Where the overlap of clones at the longest lag is not below `level`: the layers that Huang et al. call solid.

    It says what was seen within these lags, no more: a layer above the level may relax later.

    Args:
        overlap: mean overlap of clones (`mean_pair_overlap`) by `layer`, any other dimensions; without `lag` it
            is taken to be at the longest lag already.
        level: 1/e unless given; 1/e^2 belongs to squared overlaps.
    Returns:
        True where it is not below, without the dimension `lag`.
    Raises:
        ValueError: if `layer` is missing or an overlap at the longest lag is NaN (a single clone).
    """
    overlap = variable(overlap, "overlap", "layer", such="spin_overlap")
    finite(level=level)
    last = longest_lag(overlap)
    if bool(last.isnull().any()):
        raise fail("overlap", "be free of NaN at the longest lag (it takes two clones)", float("nan"))
    return described(last >= level, long_name=f"overlap of clones not below {level:.3g}", units="1")


@own_words
def solid_depth(overlap: DataArray, level: float = LEVEL) -> Dataset:
    """Number of consecutive layers next to the input, and next to the output, that `solid` finds.

    Counted from layer 1 upwards and from layer L-1 downwards. The clamped layer L, the last of `overlap`, does
    not count. Where all layers are solid both depths are L-1.

    Args:
        overlap: mean overlap of clones by `layer` 1..L in any order, as for `solid`.
        level: 1/e unless given.
    Returns:
        `input_depth` and `output_depth` in layers, without `lag` and `layer`.
    Raises:
        ValueError: as `solid`, or if a layer between 1 and L is not there.
    """
    hidden = between_the_clamped(solid(overlap, level)).astype(int)
    sides = {"input": hidden, "output": hidden.isel(layer=slice(None, None, -1))}
    depths = {side: layers.cumprod("layer").sum("layer") for side, layers in sides.items()}
    words = {side: f"solid layers next to the {side}" for side in sides}
    return Dataset({f"{side}_depth": described(x, long_name=words[side], units="layers") for side, x in depths.items()})


def between_the_clamped(overlap: DataArray) -> DataArray:
    """Overlaps of layers 1..L, the last of which is clamped, in the hidden layers 1..L-1, in their order.

    Raises:
        ValueError: if the layers are not 1..L.
    """
    layers = np.sort(overlap["layer"].values)
    if not np.array_equal(layers, np.arange(1, len(layers) + 1)):
        raise fail("overlap", "have all layers 1, ..., L", layers.tolist())
    return overlap.sortby("layer").isel(layer=slice(None, -1))


@own_words
def magnetised(ds: Dataset, threshold: float = 0.1) -> DataArray:
    """Hidden layers in which neurons keep one sign for all patterns, so that a raw overlap is no sign of a glass.

    Args:
        ds: result with `magnetisation_squared`, whose floor for independent signs is 1/patterns, and the
            attribute `depth`.
        threshold: layers whose clones on average exceed it at the longest lag are flagged.
    Returns:
        True where flagged, False also where nothing was measured, dims (sample, waiting_time, layer) with
        `temperature` where present, layers 1..L-1.
    Raises:
        ValueError: if the variable or the attribute is missing.
    """
    finite(threshold=threshold)
    last = longest_lag(moving_layers(ds, "magnetisation_squared"))
    require(last, "ds.magnetisation_squared", "clone")
    return described(last.mean("clone", skipna=False) > threshold, long_name="magnetised layer", units="1")


@own_words
def condensed(ds: Dataset, threshold: float = 2.0) -> DataArray:
    """Which clones have condensed: in some hidden layer all patterns share one configuration up to a sign.

    max_l sqrt(N_l) dq_l > threshold,   dq_l = standard deviation of q_l^{mu nu} over pairs of patterns

    Independent patterns have dq_l = 1/sqrt(N_l), patterns that are alike up to a sign dq_l of order 1. Narrow
    machines fall into such states of low energy, which replica theory of the liquid does not know (see
    experiments/finite_width.py).

    Args:
        ds: result with `pattern_overlap_spread` (dq_l) and the attributes `depth` and `widths`.
        threshold: in units of the spread of independent patterns.
    Returns:
        True where condensed at the longest lag, dims (sample, clone, waiting_time) with `temperature` where present.
    Raises:
        ValueError: if the variable or an attribute is missing, the threshold is not positive or a spread at the
            longest lag is NaN.
    """
    positive(threshold=threshold)
    spread = longest_lag(moving_layers(ds, "pattern_overlap_spread"))
    if bool(spread.isnull().any()):
        raise fail("ds", "have a spread of the overlap of patterns at the longest lag", float("nan"))
    most = (spread * widths(ds) ** 0.5).max("layer")
    return described(most > threshold, long_name="condensed clone", units="1").rename("condensed")


def ends_and_centre(data: DataArray | Dataset) -> tuple[tuple[int, int], int]:
    """The outermost layers and the central one, ((a, b), floor((a + b)/2)): of two central ones the lower.

    Args:
        data: anything by `layer`, as `moving_layers` gives it.
    Returns:
        Numbers of layers.
    Raises:
        ValueError: if `layer` is missing, or there are less than three layers or not the central one.
    """
    if not isinstance(data, Dataset):
        data = variable(data, "data")
    require(data, "data", "layer")
    layers = sorted(map(int, data["layer"].values))
    if len(layers) < 3:
        raise fail("data", "have at least three layers", layers)
    first, last = layers[0], layers[-1]
    if (first + last) // 2 not in layers:
        raise fail("data", f"have the layer {(first + last) // 2} between the outermost ones", layers)
    return (first, last), (first + last) // 2


@own_words
def energy_per_gap(ds: Dataset) -> DataArray:
    """Energy of the hosts over the number of gaps, E / (M sum_l N_l), without the dimension `layer`.

    Args:
        ds: result with `energy` (per gap of each layer) and the attribute `widths`.
    Raises:
        ValueError: if `energy`, its dimension `layer` or the attribute is missing.
    """
    ds = result(ds, "energy")
    require(ds["energy"], "ds.energy", "layer")
    N = widths(ds)
    total = (ds["energy"] * N).where(N.notnull(), 0.0)  # layers that a run of a campaign does not have
    mean = total.sum("layer", skipna=False) / N.sum("layer")
    words = {"units": "1", "long_name": "energy per gap", "symbol": "E/(M sum N_l)"}
    return described(mean, **words).rename("energy_per_gap")
