"""Aging: correlations at several waiting times as one function of t/t_w^mu."""

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.collapse import best_exponents, collapse_quality
from glassnet.analysis.errors import mean_and_error, over_clones
from glassnet.analysis.labels import described, own_words, variable
from glassnet.analysis.resampling import bootstrap
from glassnet.core.check import fail, finite

BOUNDS = (-0.5, 2.0)
"""Range in which mu is sought: 0 is no aging, 1 full aging."""


@own_words
def aging_exponent(
    correlation: DataArray, *, seed: int, resamples: int = 200, bounds: tuple[float, float] = BOUNDS
) -> Dataset:
    """Exponent mu with which correlations at all waiting times fall onto one curve, and how well they do.

    c(t, t_w) = F(t/t_w^mu)      [Struik 1978; Vincent et al., in Complex Behaviour of Glassy Systems (1997)]

    mu makes the quality S of Houdayer and Hartmann (`collapse_quality`, in ln t) least. Errors of points are
    standard errors over samples, that of mu comes from a bootstrap over samples. Points along a lag are not
    independent and errors of few samples are rough: S tells a collapse (about 1) from none (far above), no more.

    Args:
        correlation: dims with `sample`, `waiting_time` and `lag`; clones, or pairs of different clones, are
            averaged over. Waiting time 0 and lag 0 have no logarithm and are left out, points that do not vary
            between samples as well.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        bounds: range in which mu is sought.
    Returns:
        `value`, `error`, `low`, `high` of mu and `quality` S, further dimensions kept. NaN where the best mu is at
        a bound or too few curves overlap; error and interval also where that happens in one resample.
    Raises:
        ValueError: if `correlation` is no variable of numbers by these, there are less than two waiting times above 0
            or two samples, or the bounds are out of order.
    """
    correlation = variable(correlation, "correlation", "sample", "waiting_time", "lag")
    finite(lower=bounds[0], upper=bounds[1])
    if bounds[0] >= bounds[1]:
        raise fail("bounds", "ascend", bounds)
    c = over_clones(correlation.astype(float)).sortby(["waiting_time", "lag"])
    c = c.isel(waiting_time=c["waiting_time"].values > 0, lag=c["lag"].values > 0)
    least = {
        "waiting_time": (2, "two waiting times above 0"),
        "sample": (2, "two samples"),
        "lag": (1, "one lag above 0"),
    }
    for dim, (count, words) in least.items():
        if c.sizes[dim] < count:
            raise fail("correlation", f"have at least {words}", c.sizes[dim])
    mu, quality = _fit(c, c, bounds)
    errors = mean_and_error(c)["error"]
    out = bootstrap(lambda x: _fit(x, c, bounds, mu, errors)[0], c, seed=seed, resamples=resamples, vectorised=False)
    words = {"long_name": "aging exponent", "symbol": "mu", "units": "1"}
    mus = {name: described(x, **words) for name, x in out.data_vars.items()}
    return Dataset(mus | {"quality": described(quality, long_name="collapse quality", symbol="S", units="1")})


def _fit(
    c: DataArray,
    like: DataArray,
    bounds: tuple[float, float],
    start: DataArray | None = None,
    errors: DataArray | None = None,
) -> tuple[DataArray, DataArray]:
    """mu and S of each curve family; errors of points from the samples unless given."""
    curve = mean_and_error(c)
    errors = curve["error"] if errors is None else errors
    guess = xr.full_like(curve["mean"].isel(waiting_time=0, lag=0, drop=True), np.nan) if start is None else start
    log_lag, log_wait = np.log(like["lag"].values), np.log(like["waiting_time"].values)
    mu, quality = xr.apply_ufunc(
        _fit_one,
        curve["mean"],
        errors,
        guess,
        input_core_dims=[["waiting_time", "lag"]] * 2 + [[]],
        output_core_dims=[[], []],
        vectorize=True,
        kwargs={"log_lag": log_lag, "log_wait": log_wait, "bounds": bounds, "searched": start is not None},
    )
    return mu, quality


def _fit_one(
    c: np.ndarray,
    error: np.ndarray,
    guess: float,
    *,
    log_lag: np.ndarray,
    log_wait: np.ndarray,
    bounds: tuple[float, float],
    searched: bool,
) -> tuple[float, float]:
    """mu and S of curves (waiting_time, lag); where a search found nothing already, nothing is found again."""

    def quality(mu: np.ndarray) -> float:
        return collapse_quality(log_lag - mu[0] * log_wait[:, None], c, error)

    if searched and np.isnan(guess):
        return np.nan, np.nan
    mu = best_exponents(quality, [bounds], np.array([guess]) if searched else None)
    return float(mu[0]), quality(mu) if np.isfinite(mu[0]) else np.nan
