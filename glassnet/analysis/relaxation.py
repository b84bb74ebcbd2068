"""Relaxation times: where a correlation falls below 1/e, and stretched exponentials fitted to it."""

import math
import warnings

import numpy as np
import xarray as xr
from scipy.optimize import OptimizeWarning, curve_fit
from xarray import DataArray, Dataset

from glassnet.analysis.labels import require
from glassnet.core.check import finite

LEVEL = math.exp(-1)
"""Level that defines relaxation times and tells liquid from solid."""

FIT = {
    "tau": ("sweeps", "relaxation time of the stretched exponential", "tau"),
    "exponent": ("1", "stretching exponent", "b"),
    "amplitude": ("1", "amplitude of the stretched exponential", "f"),
}
"""Parameters of the fit: units, name in words, symbol."""


def relaxation_time(correlation: DataArray, level: float = LEVEL) -> DataArray:
    """First lag at which a correlation is below `level`.

    tau = min {t : c(t) < level}

    No interpolation: the result is one of the measured lags (`crossing_time` is between them). Average over clones or
    samples first where that is meant; every other dimension is kept.

    Args:
        correlation: any dimensions with `lag` (sweeps) among them.
        level: level to fall below.
    Returns:
        Sweeps, without the dimension `lag`. NaN where the level is not reached within the lags at hand, or where
        the correlation is NaN before.
    Raises:
        ValueError: if there is no dimension `lag` or `level` is not finite.
    """
    require(correlation, "correlation", "lag")
    finite(level=level)
    one = correlation.isel(lag=0, drop=True)
    lags = correlation["lag"].values.astype(float)
    values = np.moveaxis(correlation.values, correlation.get_axis_num("lag"), -1)
    below, unknown = _first(lags, values < level), _first(lags, np.isnan(values))
    tau = np.where(np.isfinite(below) & (below < unknown), below, np.nan)
    return DataArray(tau, one.coords, one.dims, attrs={"units": "sweeps", "long_name": "relaxation time"})


def _first(lags: np.ndarray, condition: np.ndarray) -> np.ndarray:
    """Smallest lag (last axis) at which a condition holds, inf where none does."""
    return np.where(condition, lags, np.inf).min(-1)


def crossing_time(correlation: DataArray, level: float = LEVEL) -> DataArray:
    """Lag at which a correlation first falls to `level`, between measured lags by a straight line in ln(1 + t).

    Without the steps of `relaxation_time`, for ratios of times, slopes and bootstrap errors. Average over clones or
    samples first where that is meant; every other dimension is kept.

    Args:
        correlation: any dimensions with `lag` (sweeps) among them.
        level: level to fall to.
    Returns:
        Sweeps, without the dimension `lag`; 0 where the correlation begins below. NaN where the level is not reached
        within the lags at hand, or where the correlation is NaN before.
    Raises:
        ValueError: as `relaxation_time`.
    """
    require(correlation, "correlation", "lag")
    finite(level=level)
    curve = correlation.astype(float).sortby("lag")
    tau = xr.apply_ufunc(
        _crossing,
        curve,
        input_core_dims=[["lag"]],
        kwargs={"log_lag": np.log1p(curve["lag"].values.astype(float)), "level": level},
    )
    tau.attrs = {"units": "sweeps", "long_name": "relaxation time"}
    return tau.rename(None)


def _crossing(c: np.ndarray, *, log_lag: np.ndarray, level: float) -> np.ndarray:
    """Position at which curves, lags along the last axis, first fall to `level`; NaN where they do not."""
    below = c < level
    after = below.argmax(-1)
    before = np.maximum(after - 1, 0)
    high, low = (np.take_along_axis(c, n[..., None], -1)[..., 0] for n in (before, after))
    part = np.where(after > 0, (high - level) / np.where(after > 0, high - low, 1.0), 0.0)
    known = below.any(-1) & ~(np.isnan(c) & (np.arange(len(log_lag)) < after[..., None])).any(-1)
    return np.where(known, np.expm1(log_lag[before] + part * (log_lag[after] - log_lag[before])), np.nan)


def stretched_exponential(correlation: DataArray, error: DataArray | None = None) -> Dataset:
    """Least-squares fit of f exp(-(t/tau)^b) to each curve, lag 0 left out.

    Errors come from the covariance of the fit and take the lags as independent. Points of one curve are not:
    for an error bar that counts, fit each sample and take the spread.

    Args:
        correlation: any dimensions with `lag` (sweeps) among them.
        error: standard error of each value, used as weight and in absolute terms; equal weights, scaled by the
            residuals, if None.
    Returns:
        `tau` (sweeps), `exponent` b, `amplitude` f (the plateau) and `tau_error`, `exponent_error`,
        `amplitude_error`, one standard error each, without the dimension `lag`. NaN where the correlation never
        falls below 1/e, where tau comes out beyond the longest lag (not reached), where fewer than four lags are
        at hand, or where the fit does not converge.
    Raises:
        ValueError: if there is no dimension `lag`.
    """
    require(correlation, "correlation", "lag")
    sigma = xr.full_like(correlation, np.nan, dtype=float) if error is None else error
    columns = xr.apply_ufunc(
        _fit,
        correlation["lag"].astype(float),
        correlation.astype(float),
        sigma.astype(float),
        input_core_dims=[["lag"]] * 3,
        output_core_dims=[[]] * 6,
        vectorize=True,
    )
    names = [*FIT, *(f"{name}_error" for name in FIT)]
    return Dataset({name: _described(column, name) for name, column in zip(names, columns, strict=True)})


def _described(column: DataArray, name: str) -> DataArray:
    units, words, symbol = FIT[name.removesuffix("_error")]
    words = f"standard error of the {words}" if name.endswith("_error") else words
    column.attrs = {"units": units, "long_name": words, "symbol": symbol}
    return column.rename(name)


def _fit(lag: np.ndarray, values: np.ndarray, sigma: np.ndarray) -> tuple[float, ...]:
    """tau, b, f and their standard errors for one curve; NaN without a trustworthy fit."""
    nothing = (math.nan,) * 6
    weighted = bool(np.isfinite(sigma).any())
    keep = (lag > 0) & np.isfinite(values) & ((sigma > 0) | (not weighted))
    t, c = np.log(lag[keep]), values[keep]
    if len(c) < 4 or not (c < LEVEL).any():
        return nothing
    guess = (t[np.argmax(c < LEVEL)], 0.7, min(max(c[0], 0.1), 1.0))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", OptimizeWarning)
            best, covariance = curve_fit(
                _curve,
                t,
                c,
                guess,
                sigma[keep] if weighted else None,
                absolute_sigma=weighted,
                bounds=([-np.inf, 0.01, 0.0], [np.inf, 5.0, 10.0]),
            )
    except (RuntimeError, OptimizeWarning):
        return nothing
    if best[0] > t.max():
        return nothing
    tau, (spread, *errors) = math.exp(best[0]), np.sqrt(np.diag(covariance))
    return tau, best[1], best[2], tau * spread, *errors


def _curve(log_lag: np.ndarray, log_tau: float, b: float, f: float) -> np.ndarray:
    """f exp(-(t/tau)^b) from logarithms; the power is cut where the exponential is zero anyway."""
    return f * np.exp(-np.exp(np.minimum(b * (log_lag - log_tau), 6.5)))
