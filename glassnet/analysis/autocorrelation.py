"""Integrated autocorrelation time of a stationary series."""

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.labels import described, own_words, variable
from glassnet.core.check import fail, positive

AGAINST = 0.8
"""Autocorrelation time below which a chain is anticorrelated; 1 is that of independent values."""
ROUNDING = 1e-12
"""Means of blocks that differ by less, in units of the values, are equal."""


@own_words
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

    An anticorrelated chain has a small tau however slowly rho decays, so that this window would be too short. Where
    tau < 0.8 neighbours are averaged, again and again, and tau is taken from the means of b steps, tau = b sigma_b^2
    tau_b/sigma^2, until it stays the same within its error or the means are too few   [Flyvbjerg and Petersen, J.
    Chem. Phys. 91, 461 (1989)]. The last change is part of the error, which is rough for tau below 0.05.

    Args:
        chain: stationary values, equally spaced along `dim` (those of a run are not: its times are spaced
            logarithmically); transients must have been left out.
        dim: the dimension of time.
        over: dimensions of independent chains, whose autocorrelations are averaged.
        window: c in W >= c tau(W).
        tolerance: a chain shorter than this many tau is refused.
    Returns:
        `tau`, `error` and `window` in units of `dim` (steps where it has no coordinate), `dim` and `over` left
        out. tau is not negative; 0 where the means of blocks do not move, NaN for a chain that does not.
    Raises:
        ValueError: if `chain` is no variable of finite numbers, a dimension is missing, times are not equally spaced,
            or one of the chains is too short.
    """
    positive(window=window, tolerance=tolerance)
    over = (over,) if isinstance(over, str) else tuple(over)
    chain = variable(chain, "chain", such="energy")
    for name in (dim, *over):
        if name not in chain.dims:
            raise fail("chain", f"have the dimension {name!r}", tuple(map(str, chain.dims)))
    if not bool(np.isfinite(chain).all()):
        raise fail("chain", "be finite", float("nan"))
    spacing = _spacing(chain, dim)
    tau, error, steps = xr.apply_ufunc(
        _estimate,
        chain.astype(float),
        input_core_dims=[[*over, dim]],
        output_core_dims=[[]] * 3,
        vectorize=True,
        kwargs={"factor": window, "tolerance": tolerance},
    )
    words = {"tau": "integrated autocorrelation time", "error": "standard error of tau", "window": "window of the sum"}
    units = chain[dim].attrs.get("units", "steps") if dim in chain.coords else "steps"
    values = dict(zip(words, (tau, error, steps), strict=True))
    return Dataset({k: described(x * spacing, long_name=words[k], units=units) for k, x in values.items()})


def _spacing(chain: DataArray, dim: str) -> float:
    if chain.sizes[dim] < 2:
        raise fail("chain", f"have at least two values along {dim!r}", chain.sizes[dim])
    if dim not in chain.coords:
        return 1.0
    steps = np.diff(np.asarray(chain[dim].values, dtype=float))
    if not np.allclose(steps, steps[0]) or steps[0] <= 0:
        raise fail("chain", f"be equally spaced along {dim!r}", chain[dim].values.tolist()[:10])
    return float(steps[0])


def _estimate(x: np.ndarray, *, factor: float, tolerance: float) -> tuple[float, float, float]:
    """tau, its error and the window in steps, for chains along the last axis."""
    x = x.reshape(-1, x.shape[-1])
    moving = np.where(np.ptp(x, axis=-1, keepdims=True) > 0, x - x.mean(-1, keepdims=True), 0.0)
    largest = np.abs(moving).max()
    if not largest:
        return np.nan, np.nan, np.nan
    y, block, size = moving / largest, 1, 1.0
    covariance = _autocovariance(y)
    variance = covariance[0]
    tau, error, steps = _windowed(covariance / variance, factor, len(y))
    before = np.inf if tau < AGAINST else tau
    while abs(tau - before) > error and y.shape[-1] >= 2 * tolerance:
        before, block = tau, 2 * block
        y = y[:, : 2 * (y.shape[-1] // 2)].reshape(len(y), -1, 2).mean(-1)
        y = y - y.mean(-1, keepdims=True)
        covariance = _autocovariance(y)
        if covariance[0] <= ROUNDING**2 * variance:
            return 0.0, 0.0, float(block)
        size = block * covariance[0] / variance
        tau, error, steps = _windowed(covariance / covariance[0], factor, len(y))
        tau, error = size * tau, size * error
    n = y.shape[-1]
    if n * size < tolerance * tau or steps == n - 1:
        raise ValueError(
            f"Argument `chain` must be at least {tolerance:g} autocorrelation times long, "
            f"but is {x.shape[-1]} steps with tau = {tau:.3g} or more."
        )
    if block > 1:
        error = float(np.hypot(error, tau - before))
    return max(tau, 0.0), error, float(block * steps)


def _autocovariance(x: np.ndarray) -> np.ndarray:
    """sum_t x(t) x(t + s)/n along the last axis by a padded Fourier transform, mean over chains."""
    from scipy.fft import irfft, next_fast_len, rfft  # slow to load

    n = x.shape[-1]
    size = next_fast_len(2 * n, real=True)
    return irfft((np.abs(rfft(x, size, axis=-1)) ** 2).mean(0), size)[:n] / n


def _windowed(rho: np.ndarray, factor: float, chains: int) -> tuple[float, float, int]:
    """tau, its error and the window, the last step where no window is wide enough."""
    tau = 2 * np.cumsum(rho) - 1
    wide = np.arange(len(rho)) >= factor * tau
    last = int(wide.argmax()) if wide.any() else len(rho) - 1
    error = max(tau[last], 0.5) * np.sqrt(2 * (2 * last + 1) / (chains * len(rho)))
    return float(tau[last]), float(error), last
