"""Integrated autocorrelation time of a stationary series."""

import numpy as np
import xarray as xr
from scipy.fft import irfft, next_fast_len, rfft
from xarray import DataArray, Dataset

from glassnet.analysis.labels import require
from glassnet.core.check import fail, positive


def integrated_time(
    chain: DataArray,
    *,
    dim: str = "time",
    over: str | tuple[str, ...] = (),
    window: float = 5.0,
    tolerance: float = 50.0,
) -> Dataset:
    """Integrated autocorrelation time: sigma^2 tau/n is the variance of a mean over n steps.

    tau = 1 + 2 sum_{s=1..W} rho(s),   error = tau sqrt(2 (2 W + 1)/n)

    with rho the normalised autocorrelation (mean of the chains along `over`, each with its own mean taken off) and
    W the smallest window with W >= 5 tau(W)   [Sokal, Monte Carlo Methods in Statistical Mechanics (1996), sec. 3;
    error: Madras and Sokal, J. Stat. Phys. 50, 109 (1988), eq. 4.19].

    Args:
        chain: stationary values, equally spaced along `dim` (those of a run are not: its times are spaced
            logarithmically); transients must have been left out.
        dim: the dimension of time.
        over: dimensions of independent chains, whose autocorrelations are averaged.
        window: c in W >= c tau(W).
        tolerance: a chain shorter than this many tau is refused.
    Returns:
        `tau`, `error` and `window` in units of `dim` (steps where it has no coordinate), `dim` and `over` left
        out. NaN for a chain that does not move.
    Raises:
        ValueError: if a dimension is missing, times are not equally spaced, values not finite, or one of the
            chains is too short.
    """
    positive(window=window, tolerance=tolerance)
    over = (over,) if isinstance(over, str) else tuple(over)
    require(chain, "chain", dim, *over)
    if not bool(np.isfinite(chain).all()):
        raise fail("chain", "be finite", float("nan"))
    spacing = _spacing(chain, dim)
    covariance = xr.apply_ufunc(
        _autocovariance, chain.astype(float), input_core_dims=[[dim]], output_core_dims=[[dim]]
    ).mean(over)
    tau, steps = xr.apply_ufunc(
        _windowed, covariance, input_core_dims=[[dim]], output_core_dims=[[], []], kwargs={"factor": window}
    )
    _long_enough(tau, steps, chain.sizes[dim], tolerance)
    n = chain.sizes[dim] * int(np.prod([chain.sizes[d] for d in over]))
    error = tau * np.sqrt(2 * (2 * steps + 1) / n)
    words = {"tau": "integrated autocorrelation time", "error": "standard error of tau", "window": "window of the sum"}
    units = chain[dim].attrs.get("units", "steps") if dim in chain.coords else "steps"
    values = dict(zip(words, (tau, error, steps.where(tau.notnull())), strict=True))
    return Dataset({k: (x * spacing).assign_attrs(long_name=words[k], units=units) for k, x in values.items()})


def _spacing(chain: DataArray, dim: str) -> float:
    if chain.sizes[dim] < 2:
        raise fail("chain", f"have at least two values along {dim!r}", chain.sizes[dim])
    if dim not in chain.coords:
        return 1.0
    steps = np.diff(np.asarray(chain[dim].values, dtype=float))
    if not np.allclose(steps, steps[0]) or steps[0] <= 0:
        raise fail("chain", f"be equally spaced along {dim!r}", chain[dim].values.tolist()[:10])
    return float(steps[0])


def _autocovariance(x: np.ndarray) -> np.ndarray:
    """sum_t x(t) x(t + s)/n along the last axis, the mean taken off, by a padded Fourier transform."""
    n = x.shape[-1]
    moving = np.where(np.ptp(x, axis=-1, keepdims=True) > 0, x - x.mean(-1, keepdims=True), 0.0)
    spectrum = np.abs(rfft(moving, next_fast_len(2 * n, real=True), axis=-1)) ** 2
    return irfft(spectrum, next_fast_len(2 * n, real=True), axis=-1)[..., :n] / n


def _windowed(covariance: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """tau and the window, the last step where no window is wide enough; NaN where nothing moves."""
    variance = covariance[..., :1]
    rho = np.divide(covariance, variance, out=np.full_like(covariance, np.nan), where=variance > 0)
    tau = 2 * np.cumsum(rho, axis=-1) - 1
    wide = np.arange(rho.shape[-1]) >= factor * tau
    last = np.where(wide.any(-1), wide.argmax(-1), rho.shape[-1] - 1)
    return np.take_along_axis(tau, last[..., None], -1)[..., 0], last


def _long_enough(tau: DataArray, steps: DataArray, n: int, tolerance: float) -> None:
    short = (n < tolerance * tau) | (steps == n - 1) & tau.notnull()
    if bool(short.any()):
        longest = float(tau.where(short).max())
        raise ValueError(
            f"Argument `chain` must be at least {tolerance:g} autocorrelation times long, "
            f"but is {n} steps with tau = {longest:.3g} or more."
        )
