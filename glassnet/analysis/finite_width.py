"""Finite width: observables at several widths as one function."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.collapse import best_exponents, collapse_quality
from glassnet.analysis.errors import mean_and_error
from glassnet.analysis.labels import described, own_words, variable
from glassnet.analysis.resampling import interval, named
from glassnet.core.check import fail, finite, integer, positive

BOUNDS = (-3.0, 3.0)
"""Range in which exponents are sought."""
WORDS = {"a": "exponent of the observable", "b": "exponent of the argument"}


@own_words
def finite_size_collapse(
    data: DataArray,
    dim: str,
    *,
    seed: int,
    a: float | None = None,
    b: float | None = None,
    resamples: int = 100,
    bounds: tuple[float, float] = BOUNDS,
    logarithmic: bool = False,
) -> Dataset:
    """Exponents with which an observable at several widths falls onto one curve, and how well it does.

    y(x, N) = N^a f(x N^b)

    a and b make the quality S of Houdayer and Hartmann (`collapse_quality` of y N^-a against x N^b) least. Errors
    of points are standard errors over samples, those of a and b come from a bootstrap over samples, drawn
    independently at each width. Points must be so dense that cubics join them
    within errors.

    Args:
        data: dims `width` (coordinate N), `sample` and `dim` (coordinate x), any others. Points that are NaN in a
            sample or do not vary between samples are left out.
        dim: the dimension of x, such as "lag".
        seed: of the bootstrap.
        a: exponent that is known and not fitted.
        b: exponent that is known and not fitted.
        resamples: of the bootstrap.
        bounds: range in which exponents are sought.
        logarithmic: whether points are interpolated in ln x (x <= 0 left out) rather than in x.
    Returns:
        `a`, `b` and their `_error`, `_low`, `_high` (0 and the value itself for a known one), `quality` S, further
        dimensions kept. NaN where the best exponents are at a bound or curves do not overlap; errors also where
        that happens in one resample.
    Raises:
        ValueError: if dims are missing, there are less than two widths or samples, both exponents are given, or a
            number is out of range.
    """
    data = _by_width(data, dim)
    integer(2, resamples=resamples)
    finite(lower=bounds[0], upper=bounds[1], **{k: v for k, v in (("a", a), ("b", b)) if v is not None})
    if a is not None and b is not None:
        raise fail("b", "be None where `a` is given: one exponent is fitted at least", b)
    search, error = _search(data, dim, (a, b), bounds, logarithmic), mean_and_error(data)["error"]
    best, quality = _best(data.mean("sample", skipna=False), error, dim, search)
    rng, n = np.random.default_rng(seed), data.sizes["sample"]
    draws = []
    for _ in range(resamples):
        index = DataArray(rng.integers(n, size=(data.sizes["width"], n)), dims=("width", "sample"))
        drawn = data.isel(sample=index).mean("sample", skipna=False)
        draws.append(_best(drawn, error, dim, search, best)[0])
    out = named(interval(best, xr.concat(draws, "resample"), n, 0.68), "exponent")
    exponents = {str(k): described(x, long_name=WORDS[str(k)[0]], units="1") for k, x in out.data_vars.items()}
    return Dataset(exponents | {"quality": described(quality, long_name="collapse quality", symbol="S", units="1")})


def _by_width(data: DataArray, dim: str) -> DataArray:
    data = variable(data, "data", "width", "sample", dim)
    for name in ("width", dim):
        if name not in data.coords:
            raise fail("data", f"have the coordinate {name!r}", sorted(map(str, data.coords)))
    for name, what in (("width", "widths"), ("sample", "samples")):
        if data.sizes[name] < 2:
            raise fail("data", f"have at least two {what}", data.sizes[name])
    positive(smallest_width=float(data["width"].min()))
    return data.astype(float).sortby(["width", dim]).drop_vars("sample", errors="ignore")


class _Search(NamedTuple):
    """Where exponents are sought: positions x (or their logarithms) and ln N, known exponents (a, b), bounds."""

    x: np.ndarray
    log_width: np.ndarray
    known: tuple[float | None, float | None]
    bounds: tuple[float, float]
    logarithmic: bool


def _search(data: DataArray, dim: str, known: tuple, bounds: tuple[float, float], logarithmic: bool) -> _Search:
    x = np.asarray(data[dim].values, dtype=float)
    if logarithmic:
        x = np.log(np.where(x > 0, x, 1.0)) + np.where(x > 0, 0.0, np.nan)
    return _Search(x, np.log(np.asarray(data["width"].values, dtype=float))[:, None], known, bounds, logarithmic)


def _best(
    y: DataArray, error: DataArray, dim: str, search: _Search, start: DataArray | None = None
) -> tuple[DataArray, DataArray]:
    """Exponents (along `exponent`) and S for means y; a search that starts from NaN finds nothing."""
    core = ["width", dim]
    starts = [] if start is None else [start]
    best, quality = xr.apply_ufunc(
        lambda *arrays: _one(search, *arrays),
        y,
        error,
        *starts,
        input_core_dims=[core, core, *([["exponent"]] * len(starts))],
        output_core_dims=[["exponent"], []],
        vectorize=True,
    )
    return best.assign_coords(exponent=["a", "b"]), quality


def _one(
    search: _Search, y: np.ndarray, error: np.ndarray, start: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    if start is not None and np.isnan(start).any():
        return np.full(2, np.nan), np.nan
    free = np.array([k is None for k in search.known])
    exponents = np.array([np.nan if k is None else k for k in search.known], dtype=float)

    def quality(p: np.ndarray) -> float:
        exponents[free] = p
        scale, shift = np.exp(-exponents[0] * search.log_width), exponents[1] * search.log_width
        x = search.x + shift if search.logarithmic else search.x * np.exp(shift)
        return collapse_quality(x, y * scale, error * scale)

    best = best_exponents(quality, [search.bounds] * int(free.sum()), None if start is None else start[free])
    if not np.isfinite(best).all():
        return np.full(2, np.nan), np.nan
    least = quality(best)
    return exponents, least
