"""R-hat and effective sample size of Markov chains   [Vehtari et al., Bayesian Analysis 16, 667 (2021)]."""

import numpy as np

from glassnet.analysis.autocorrelation import autocovariance

FEWEST = 4
"""Measurements of a chain below which it cannot be cut into halves that have a variance."""


def r_hat(values: np.ndarray) -> float:
    """R-hat of halves of chains by ranks: the larger one of where they lie (bulk) and how far they spread (tail).

    R-hat^2 = ((n - 1) W + B)/(n W): of n values each, W the mean variance in the chains, B n times that of their means.

    Args:
        values: at least two chains, shape (chain, measurement), at least `FEWEST` measurements.
    """
    halves = _halves(values)
    return max(_of_variances(_normal_scores(x)) for x in (halves, abs(halves - np.median(halves))))


def _of_variances(x: np.ndarray) -> float:
    n, between, within = x.shape[1], x.mean(1).var(ddof=1), x.var(1, ddof=1).mean()
    return float(np.sqrt(between / within + (n - 1) / n))


def bulk_size(values: np.ndarray) -> float:
    """Effective sample size of the bulk: halves of chains by ranks, their autocorrelation summed up to its noise.

    Lags are summed in pairs up to the first that is not positive, of which the even one counts half, and no pair counts
    more than the one before   [Geyer, Stat. Science 7, 473 (1992)].

    Args:
        values: chains, shape (chain, measurement), at least `FEWEST` measurements.
    """
    x = _normal_scores(_halves(values))
    chains, n = x.shape
    covariance = autocovariance(x - x.mean(1, keepdims=True))
    within = covariance[0] * n / (n - 1)
    rho = 1 - (within - covariance) / (covariance[0] + (x.mean(1).var(ddof=1) if chains > 1 else 0.0))
    rho[0] = 1.0
    pairs = rho[: n // 2 * 2].reshape(-1, 2).sum(1)[: max(1, (n - 1) // 2)]
    last = next((k for k, pair in enumerate(pairs) if pair <= 0), len(pairs) - 1)
    half = rho[2 * last] if rho[2 * last] > 0 or pairs[last] >= 0 else 0.0  # of the last pair
    time = 2 * np.minimum.accumulate(pairs[:last]).sum() - 1 + half
    return float(x.size / max(time, 1 / np.log10(x.size)))


def _halves(values: np.ndarray) -> np.ndarray:
    half = values.shape[1] // 2
    return np.concatenate([values[:, :half], values[:, -half:]])


def _normal_scores(x: np.ndarray) -> np.ndarray:
    """Values replaced by the normal quantiles of their ranks, equal ones by that of their mean rank."""
    from scipy.special import ndtri  # slow to load

    _, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place.reshape(x.shape)]
    return ndtri((rank - 3 / 8) / (x.size + 1 / 4))
