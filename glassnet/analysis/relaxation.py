"""Relaxation times: where a correlation falls below 1/e, and stretched exponentials fitted to it."""

import math
import warnings

import numpy as np
import scipy
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.errors import over_clones
from glassnet.analysis.labels import attribute, described, own_words, variable
from glassnet.analysis.resampling import jackknife
from glassnet.core.check import fail, finite
from glassnet.core.former import warn_former

LEVEL = math.exp(-1)
"""Level that defines relaxation times, and the overlap that tells liquid from solid [Huang et al. 2025]."""

FIT = {
    "tau": ("sweeps", "relaxation time of the stretched exponential", "tau"),
    "exponent": ("1", "stretching exponent", "b"),
    "amplitude": ("1", "amplitude of the stretched exponential", "f"),
}
"""Parameters of the fit: units, name in words, symbol."""
LIMITS = (0.01, 5.0), (0.0, 10.0)
"""Range in which b and f are sought."""


@own_words
def relaxation_time(correlation: DataArray, level: float = LEVEL) -> DataArray:
    """Lag at which a correlation first falls below `level`, between measured lags by a straight line in ln(1 + t).

    c(tau) = level

    Average over clones or samples first where that is meant (`mean_relaxation_time` does so, with errors): a mean of
    relaxation times that leaves out what was not reached, as `.mean("sample")` does, is too small. Every other
    dimension is kept.

    Args:
        correlation: any dimensions with `lag` (sweeps) among them, in any order of lags.
        level: level to fall below.
    Returns:
        Sweeps, without the dimension `lag`; the first lag where the correlation begins below. NaN where the level is
        not reached within the lags at hand, or where the correlation is NaN before.
    Raises:
        ValueError: if `correlation` is no variable of numbers by `lag`, or `level` is not finite.
    """
    curve = variable(correlation, "correlation", "lag").astype(float).sortby("lag")
    finite(level=level)
    lags = curve["lag"].values.astype(float)
    tau = xr.apply_ufunc(_crossing, curve, input_core_dims=[["lag"]], kwargs={"lags": lags, "level": level})
    return described(tau, units="sweeps", long_name="relaxation time").rename(None)


def crossing_time(correlation: DataArray, level: float = LEVEL) -> DataArray:
    """Former name of `relaxation_time`."""
    warn_former("crossing_time", "relaxation_time")
    return relaxation_time(correlation, level)


def waits(ds: Dataset) -> list[float]:
    """Waiting times of a result after which c(t, t_w) relaxes: not 0, unless its start was given or planted.

    After a random start the first sweeps are a quench, in which c(t, 0) falls below any level.
    """
    config = attribute(ds, "config") if "config" in ds.attrs else {}
    random = config.get("start", "random") == "random"
    return [t for t in np.atleast_1d(ds["waiting_time"].values).tolist() if t > 0 or not random]


def _crossing(c: np.ndarray, *, lags: np.ndarray, level: float) -> np.ndarray:
    """Position at which curves, lags along the last axis, first fall below `level`; NaN where they do not."""
    below = c < level
    after = below.argmax(-1)
    before = np.maximum(after - 1, 0)
    high, low = (np.take_along_axis(c, n[..., None], -1)[..., 0] for n in (before, after))
    known = below.any(-1) & ~(np.isnan(c) & (np.arange(len(lags)) < after[..., None])).any(-1)
    between = known & (after > 0)
    part = np.where(between, high - level, 0.0) / np.where(between, high - low, 1.0)
    t = np.log1p(lags)
    tau = np.where(between, np.expm1(t[before] + part * (t[after] - t[before])), lags[0])
    return np.where(known, tau, np.nan)


@own_words
def mean_relaxation_time(correlation: DataArray, level: float = LEVEL) -> Dataset:
    """Relaxation time of the mean curve over samples (and clones), with its error over samples.

    tau is the lag at which the mean of the curves of all samples falls below `level`: samples that stay above it for
    longer than was measured are part of that mean, and so are not left out. The error is that of a jackknife, which
    leaves out one sample at a time.

    Args:
        correlation: dims with `sample` and `lag`; clones, or pairs of different clones, are averaged over.
        level: level to fall below.
    Returns:
        `value`, `error`, `low` and `high` (68 %) in sweeps as `jackknife` gives them, and `censored`, the number of
        samples whose own curve does not fall below the level within the lags that were measured. NaN where the mean
        does not; error and interval also where it does not without one of the samples, and for a single sample.
    Raises:
        ValueError: as `relaxation_time`, or if there is no dimension `sample`.
    """
    curves = over_clones(variable(correlation, "correlation", "sample", "lag"))
    finite(level=level)
    out = jackknife(lambda c: relaxation_time(c.mean("sample", skipna=False), level), curves)
    censored = relaxation_time(curves, level).isnull().sum("sample")
    out["low"] = out["low"].clip(min=0.0, keep_attrs=True)
    return out.assign(censored=described(censored, units="samples", long_name="samples that did not fall so far"))


@own_words
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
        at hand, or where the fit does not converge or ends at a bound (b = 0.01 or 5, f = 0 or 10).
    Raises:
        ValueError: if `correlation` is no variable of numbers by `lag`, or `error` not one on the same points.
    """
    curve = variable(correlation, "correlation", "lag").astype(float).sortby("lag")
    if error is None:
        sigma = xr.full_like(curve, np.nan)
    else:
        sigma = variable(error, "error", "lag").astype(float).sortby("lag")
        try:
            xr.align(curve, sigma, join="exact")
        except ValueError as difference:
            raise fail("error", "be at the lags and labels of `correlation`", dict(sigma.sizes)) from difference
    columns = xr.apply_ufunc(
        _fit,
        curve["lag"].astype(float),
        curve,
        sigma,
        input_core_dims=[["lag"]] * 3,
        output_core_dims=[[]] * 6,
        vectorize=True,
    )
    names = [*FIT, *(f"{name}_error" for name in FIT)]
    return Dataset({name: _in_words(column, name) for name, column in zip(names, columns, strict=True)})


def _in_words(column: DataArray, name: str) -> DataArray:
    units, words, symbol = FIT[name.removesuffix("_error")]
    words = f"standard error of the {words}" if name.endswith("_error") else words
    return described(column, units=units, long_name=words, symbol=symbol).rename(name)


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
            warnings.simplefilter("error", scipy.optimize.OptimizeWarning)
            best, covariance = scipy.optimize.curve_fit(
                _curve,
                t,
                c,
                guess,
                sigma[keep] if weighted else None,
                absolute_sigma=weighted,
                bounds=tuple(zip((-np.inf, np.inf), *LIMITS, strict=True)),
            )
    except (RuntimeError, scipy.optimize.OptimizeWarning):
        return nothing
    inside = all(low < x < high for x, (low, high) in zip(best[1:], LIMITS, strict=True))
    if best[0] > t.max() or not inside:
        return nothing
    tau, (spread, *errors) = math.exp(best[0]), np.sqrt(np.diag(covariance))
    return tau, best[1], best[2], tau * spread, *errors


def _curve(log_lag: np.ndarray, log_tau: float, b: float, f: float) -> np.ndarray:
    """f exp(-(t/tau)^b) from logarithms; the power is cut where the exponential is zero anyway."""
    return f * np.exp(-np.exp(np.minimum(b * (log_lag - log_tau), 6.5)))
