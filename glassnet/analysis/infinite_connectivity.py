"""Extrapolation of order parameters to infinitely many inputs of a neuron."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.chance import chance_level, machine_of
from glassnet.analysis.errors import over_clones
from glassnet.analysis.labels import described, in_words, own_words, require, result, variable
from glassnet.analysis.layers import longest_lag, moving_layers
from glassnet.core.check import fail

FEWEST = 3
"""Samples of a size: without one of them there is still an error."""

WORDS = {"y_inf": "value at infinite connectivity", "slope": "slope in 1/c", "loops": "slope in c/N"}


@own_words
def by_connectivity(results: Any, name: str = "spin_overlap_squared") -> DataArray:
    """An order parameter of machines with several numbers c of inputs of a neuron, at the longest lag.

    Args:
        results: results of runs at one temperature that differ in their machines, a list or a dict; or a campaign
            with one dimension more than a run has, over `c`, `N` or other sizes of the machine.
        name: a variable by `sample` and `layer`; clones, or pairs of different clones, are averaged.
    Returns:
        The variable by `size`, `sample` and `layer` (those that move), at the longest lag after the last waiting time
        of each run; NaN for samples that a size does not have. Coordinates along `size`: `connectivity` c, `width` N of
        the hidden layers, and for squared overlaps of neurons their `chance_level`, `chance` (by `layer`, too).
    Raises:
        ValueError: if there is no result, or one lacks the variable, its samples or its layers, or has other layers or
            further dimensions.
    """
    parts = []
    for ds in _runs(results, name):
        values = longest_lag(moving_layers(ds, name))
        require(values, f"results.{name}", "sample", "layer")
        if "waiting_time" in values.dims:
            values = values.isel(waiting_time=int(np.argmax(values["waiting_time"].values)))
        values = over_clones(values.astype(float)).reset_coords(drop=True).sortby("layer")
        if {*values.dims} != {"sample", "layer"}:
            raise fail("results", "have no dimensions but those of runs: select from them", dict(values.sizes))
        layers = values["layer"].values.tolist()
        if parts and layers != parts[0]["layer"].values.tolist():
            raise fail("results", f"have the layers {parts[0]['layer'].values.tolist()}", layers)
        machine = machine_of(ds)
        values = values.assign_coords(connectivity=machine.alpha_scale, width=machine.width)
        if name in OF_NEURONS and machine.depth > 1:
            values = values.assign_coords(chance=chance_level(ds).reindex(layer=layers))
        parts.append(values)
    found = xr.concat(parts, "size", join="outer", coords="different", compat="equals")
    found = found.transpose("size", "sample", "layer")
    return found.rename(name)


def _runs(results: Any, name: str) -> list[Dataset]:
    """Results of single runs, each with the variable."""
    if isinstance(results, Dataset):
        extra = [d for d in result(results, name, name="results")[name].dims if d not in OF_A_RUN]
        if len(extra) != 1:
            raise fail("results", "be several results, or a campaign with one dimension", dict(results.sizes))
        return [results.isel({extra[0]: n}) for n in range(results.sizes[extra[0]])]
    runs = list(results.values()) if isinstance(results, Mapping) else results
    if not isinstance(runs, Sequence) or isinstance(runs, str) or not runs:
        raise ValueError(f"Argument `results` must hold results of runs, but is {in_words(results)}.")
    return [result(ds, name, name="results") for ds in runs]


OF_NEURONS = ("spin_overlap_squared", "spin_autocorrelation_squared")
"""Variables that have a chance level."""

OF_A_RUN = ("sample", "clone", "clone_b", "waiting_time", "lag", "layer")


@own_words
def infinite_connectivity(data: Any, *, error: DataArray | None = None, loops: bool = False) -> Dataset:
    """Extrapolation of an order parameter to infinitely many inputs of a neuron, by weighted least squares.

    y(c, N) = y_inf + slope/c   (+ loops c/N)

    A chance level of unrelated configurations vanishes like 1/c, order stays: y_inf is what is left. Weights are the
    inverse squared standard errors of the means over samples. Errors of the parameters are those of a jackknife, which
    leaves out one sample of one size at a time and fits again with new weights,

    error^2 = sum_k (n_k - 1)/n_k sum_s (f_ks - mean_s f_ks)^2

    since weights from few samples are uncertain themselves (for 5 sizes with 4 samples errors that take them for known
    cover the truth in 51 % of cases, these in 69 %). With `error` they are those of the least squares.

    Args:
        data: by `size` and `sample`, any others, with the coordinates `connectivity` and `width` along `size`, as
            `by_connectivity` gives it; with `error` means by `size`.
        error: standard errors of the means `data`, positive, independent at different sizes.
        loops: whether there is a term in c/N, which is not small where two neurons share many of their c inputs.
    Returns:
        `y_inf`, `slope`, `loops` (if asked for) with their `_error`, `chi_squared` over degrees of freedom (NaN without
        any) and `fitted`, the number of sizes: those with three samples at least that do not all agree, or with a mean
        and an error. NaN where these are fewer than the parameters.
    Raises:
        ValueError: if a dimension or a coordinate is missing, `error` has other labels or is not positive, or `loops`
            is asked for with one c/N at all sizes.
    """
    data = variable(data, "data", "size", *([] if error is not None else ["sample"]), such="spin_overlap_squared")
    for name in ("connectivity", "width"):
        if name not in data.coords or data[name].dims != ("size",):
            raise fail("data", f"have the coordinate {name!r} along 'size'", sorted(map(str, data.coords)))
    c, N = (np.asarray(data[name].values, dtype=float) for name in ("connectivity", "width"))
    for name, numbers in (("connectivity", c), ("width", N)):
        if not (np.isfinite(numbers) & (numbers > 0)).all():
            raise fail("data", f"have positive numbers as {name!r}", numbers.tolist())
    ratio = c / N
    if loops and np.ptp(ratio) < 1e-9 * ratio.max():
        raise fail("loops", "be False where c/N is the same for all sizes", loops)
    columns = {"y_inf": np.ones(len(c)), "slope": 1 / c} | ({"loops": ratio} if loops else {})
    X = np.stack(list(columns.values()), axis=-1)
    values = data.astype(float)
    if error is None:
        function, arrays, core = _from_samples, [values], [["size", "sample"]]
    else:
        function, arrays, core = _from_errors, [values, _checked(error, data)], [["size"]] * 2
    parts = xr.apply_ufunc(
        function, *arrays, input_core_dims=core, output_core_dims=[["parameter"]] * 2 + [[]] * 2, kwargs={"X": X}
    )
    new = {}
    units = data.attrs.get("units", "1")
    for n, name in enumerate(columns):
        for ending, part in (("", parts[0]), ("_error", parts[1])):
            words = f"standard error of the {WORDS[name]}" if ending else WORDS[name]
            new[f"{name}{ending}"] = described(part.isel(parameter=n), units=units, long_name=words)
    new["chi_squared"] = described(parts[2], units="1", long_name="chi squared over degrees of freedom")
    new["fitted"] = described(parts[3], units="1", long_name="sizes that were fitted")
    return Dataset({name: x.drop_vars(("chance",), errors="ignore") for name, x in new.items()})


def _checked(error: Any, data: DataArray) -> DataArray:
    error = variable(error, "error", "size", such="spin_overlap_squared").astype(float)
    try:
        xr.align(data, error, join="exact")
    except ValueError as difference:
        raise fail("error", "be at the sizes and labels of `data`", dict(error.sizes)) from difference
    if bool((error <= 0).any()):
        raise fail("error", "be positive", float(error.min()))
    return error


def _from_errors(mean: np.ndarray, error: np.ndarray, *, X: np.ndarray) -> tuple[np.ndarray, ...]:
    """Parameters, errors, chi squared and number of sizes, from means and errors (..., size)."""
    known = np.isfinite(mean) & np.isfinite(error)
    best, covariance, chi = _fit(mean, error, known, X)
    return best, np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1)), chi, known.sum(-1)


def _from_samples(values: np.ndarray, *, X: np.ndarray) -> tuple[np.ndarray, ...]:
    """The same from samples (..., size, sample)."""
    there = np.isfinite(values)
    n = there.sum(-1)
    mean, error = _moments(values, there)
    known = (n >= FEWEST) & (error > 0)
    best, _, chi = _fit(mean, error, known, X)
    variance = np.zeros_like(best)
    for k in range(values.shape[-2]):
        without = []
        for s in range(values.shape[-1]):
            rest = there.copy()
            rest[..., k, s] = False
            without.append(_fit(*_moments(values, rest), known, X)[0])
        left_out = np.moveaxis(there[..., k, :] & known[..., k, None], -1, 0)[..., None]
        count = np.maximum(n[..., k, None], 1)
        centre = np.where(left_out, without, 0.0).sum(0) / count
        variance += np.where(left_out, (np.stack(without) - centre) ** 2, 0.0).sum(0) * (count - 1) / count
    return best, np.where(np.isfinite(best), np.sqrt(variance), np.nan), chi, known.sum(-1)


def _moments(values: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard errors over those samples that are there; the error is NaN for a single one."""
    n = there.sum(-1)
    mean = np.where(there, values, 0.0).sum(-1) / np.maximum(n, 1)
    squares = np.where(there, (values - mean[..., None]) ** 2, 0.0).sum(-1)
    return mean, np.sqrt(np.where(n > 1, squares / np.maximum(n * (n - 1), 1), np.nan))


def _fit(mean: np.ndarray, error: np.ndarray, known: np.ndarray, X: np.ndarray) -> tuple[np.ndarray, ...]:
    """Parameters, their covariance and chi squared over degrees of freedom from the sizes that are known.

    NaN where these do not determine the parameters, or one of them has no error.
    """
    y = np.where(known, mean, 0.0)
    weight = np.where(known, 1 / np.where(error > 0, error, np.nan) ** 2, 0.0)
    scale = abs(X).max(0)
    A = X / scale
    determined = np.linalg.matrix_rank(A * known[..., None]) == X.shape[1]
    normal = np.einsum("ki,...k,kj->...ij", A, weight, A)
    covariance = np.linalg.inv(np.where(determined[..., None, None], normal, np.eye(X.shape[1])))
    best = np.einsum("...ij,...j->...i", covariance, np.einsum("ki,...k->...i", A, weight * y))
    residual = y - np.einsum("ki,...i->...k", A, best)
    freedom = known.sum(-1) - X.shape[1]
    chi = (weight * residual**2).sum(-1) / np.where(freedom > 0, freedom, np.nan)
    best = np.where(determined[..., None], best / scale, np.nan)
    covariance = np.where(determined[..., None, None], covariance / np.outer(scale, scale), np.nan)
    return best, covariance, np.where(determined, chi, np.nan)
