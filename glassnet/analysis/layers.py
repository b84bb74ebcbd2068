"""Liquid and solid layers, and reductions of variables that are resolved by layer."""

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.labels import attribute, require, widths
from glassnet.analysis.relaxation import LEVEL
from glassnet.core.check import fail, finite, positive
from glassnet.store.schema import VARIABLES


def mean_pair_overlap(overlap: DataArray) -> DataArray:
    """Mean overlap over pairs of different clones.

    Args:
        overlap: dims `clone` and `clone_b` and any others.
    Returns:
        The other dimensions; NaN for a single clone.
    Raises:
        ValueError: if `clone` or `clone_b` is missing.
    """
    require(overlap, "overlap", "clone", "clone_b")
    different = overlap["clone"] != overlap["clone_b"].drop_vars("clone", errors="ignore")
    pairs = int(different.sum())
    if pairs == 0:
        return xr.full_like(overlap.isel(clone=0, clone_b=0, drop=True), np.nan, dtype=float)
    total = overlap.where(different, 0.0).sum(("clone", "clone_b"), skipna=False)
    return (total / pairs).assign_attrs(overlap.attrs).rename(overlap.name)


def longest_lag(data: DataArray) -> DataArray:
    """Values at the longest lag; `data` itself where it has no dimension `lag`."""
    return data.isel(lag=int(np.argmax(data["lag"].values)), drop=True) if "lag" in data.dims else data


def moving_layers(ds: Dataset, name: str) -> DataArray:
    """The variable `name` on the layers that move: 1..L-1 for spins, as layer L is clamped, 1..L for all else.

    Args:
        ds: result with the variable and the attribute `depth`.
        name: a variable by `layer`; its attribute `fixed`, else the table of observables, says whether its last layer
            is clamped.
    Raises:
        ValueError: if the variable or the attribute is missing.
    """
    if name not in ds:
        raise fail("ds", f"have the variable {name!r}", sorted(map(str, ds.data_vars)))
    known = VARIABLES.get(name)
    fixed = ds[name].attrs["fixed"].split() if "fixed" in ds[name].attrs else known.fixed if known else ()
    if "layer" not in fixed:
        return ds[name]
    return ds[name].sel(layer=ds["layer"] < attribute(ds, "depth"))


def hidden_layers(ds: Dataset) -> bool:
    """Whether a result has layers whose spins move.

    Raises:
        ValueError: if the attribute `depth` is missing.
    """
    return bool((ds["layer"] < attribute(ds, "depth")).any())


def solid(overlap: DataArray, level: float = LEVEL) -> DataArray:
    """Which layers are solid: overlap of clones at the longest lag not below `level`   [Huang et al. 2025].

    Args:
        overlap: mean overlap of clones (`mean_pair_overlap`) by `layer`, any other dimensions; without `lag` it
            is taken to be at the longest lag already.
        level: 1/e unless given.
    Returns:
        True for solid, False for liquid, without the dimension `lag`.
    Raises:
        ValueError: if `layer` is missing or an overlap at the longest lag is NaN (a single clone).
    """
    require(overlap, "overlap", "layer")
    finite(level=level)
    last = longest_lag(overlap)
    if bool(last.isnull().any()):
        raise fail("overlap", "be free of NaN at the longest lag (it takes two clones)", float("nan"))
    return (last >= level).assign_attrs(long_name="solid layer", units="1")


def solid_depth(overlap: DataArray, level: float = LEVEL) -> Dataset:
    """Number of consecutive solid layers next to the input and next to the output.

    Counted from layer 1 upwards and from layer L-1 downwards. The clamped layer L, the last of `overlap`, does
    not count. Where all layers are solid both depths are L-1.

    Args:
        overlap: mean overlap of clones by `layer` 1..L, as for `solid`.
        level: 1/e unless given.
    Returns:
        `input_depth` and `output_depth` in layers, without `lag` and `layer`.
    Raises:
        ValueError: as `solid`.
    """
    hidden = solid(overlap, level).isel(layer=slice(None, -1)).astype(int)
    sides = {"input": hidden, "output": hidden.isel(layer=slice(None, None, -1))}
    depths = {f"{side}_depth": layers.cumprod("layer").sum("layer") for side, layers in sides.items()}
    for side in sides:
        depths[f"{side}_depth"].attrs = {"long_name": f"solid layers next to the {side}", "units": "layers"}
    return Dataset(depths)


def magnetised(ds: Dataset, threshold: float = 0.1) -> DataArray:
    """Hidden layers in which neurons keep one sign for all patterns, so that a raw overlap is no sign of a glass.

    Args:
        ds: result with `magnetisation_squared`, whose floor for independent signs is 1/patterns, and the
            attribute `depth`.
        threshold: layers whose clones on average exceed it at the longest lag are flagged.
    Returns:
        True where flagged, dims (sample, waiting_time, layer) with `temperature` where present, layers 1..L-1.
    Raises:
        ValueError: if the variable or the attribute is missing.
    """
    finite(threshold=threshold)
    last = longest_lag(moving_layers(ds, "magnetisation_squared"))
    return (last.mean("clone") > threshold).assign_attrs(long_name="magnetised layer", units="1")


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
    return (most > threshold).assign_attrs(long_name="condensed clone", units="1").rename("condensed")


def ends_and_centre(data: DataArray | Dataset) -> tuple[tuple[int, int], int]:
    """The outermost layers and the central one, ((a, b), floor((a + b)/2)): of two central ones the lower.

    Args:
        data: anything by `layer`, as `moving_layers` gives it.
    Returns:
        Numbers of layers.
    Raises:
        ValueError: if `layer` is missing or there are less than three layers, so that none is central.
    """
    require(data, "data", "layer")
    layers = data["layer"].values
    if len(layers) < 3:
        raise fail("data", "have at least three layers", layers.tolist())
    first, last = int(layers.min()), int(layers.max())
    return (first, last), (first + last) // 2


def energy_per_gap(ds: Dataset) -> DataArray:
    """Energy of the hosts over the number of gaps, E / (M sum_l N_l), without the dimension `layer`.

    Args:
        ds: result with `energy` (per gap of each layer) and the attribute `widths`.
    Raises:
        ValueError: if the attribute is missing.
    """
    N = widths(ds)
    mean = (ds["energy"] * N).sum("layer", skipna=False) / N.sum()
    attrs = {"units": "1", "long_name": "energy per gap", "symbol": "E/(M sum N_l)"}
    return mean.rename("energy_per_gap").assign_attrs(attrs)
