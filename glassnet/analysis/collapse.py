"""How well curves fall onto one, as a number, and the exponents for which they fall best."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import minimize

OVERLAP = 0.3
"""Smallest fraction of points that must lie within the range of another curve."""


def collapse_quality(x: np.ndarray, y: np.ndarray, error: np.ndarray) -> float:
    """Mean squared distance, in errors, of the points of each curve from the line through the others nearby.

    S = 1/n sum_{k p} (y_kp - Y_kp)^2 / (dy_kp^2 + dY_kp^2)

    Y and its error dY at x_kp come from a straight line fitted, with weights 1/dy^2, to the two points on either
    side of x_kp of every other curve that has both   [Houdayer and Hartmann, Phys. Rev. B 70, 014418 (2004),
    eqs. A1 to A3]. About 1 is a collapse within errors, if these are independent.

    Args:
        x: positions, shape (curve, point), ascending along each curve; NaN where there is no point.
        y: values, same shape; NaN where there is no point.
        error: standard errors of y, positive, same shape.
    Returns:
        S; inf where less than 30 % of the points lie within the range of another curve.
    """
    known = np.isfinite(x) & np.isfinite(y) & (error > 0) & np.isfinite(error)
    sums = np.zeros((5, *x.shape))
    for j in range(len(x)):
        keep = known[j]
        if keep.sum() > 1:
            sums[:, np.arange(len(x)) != j] += _neighbours(
                np.delete(x, j, axis=0), x[j, keep], y[j, keep], error[j, keep] ** -2.0
            )
    K, Kx, Ky, Kxx, Kxy = sums
    determinant = K * Kxx - Kx**2
    used = known & (determinant > 1e-12 * np.maximum(K * Kxx, 1e-300))
    if used.sum() < max(OVERLAP * known.sum(), 1):
        return np.inf
    X, D = x[used], determinant[used]
    line = (Kxx[used] * Ky[used] - Kx[used] * Kxy[used] + X * (K[used] * Kxy[used] - Kx[used] * Ky[used])) / D
    variance = (Kxx[used] - 2 * X * Kx[used] + X**2 * K[used]) / D
    return float(np.mean((y[used] - line) ** 2 / (error[used] ** 2 + variance)))


def _neighbours(at: np.ndarray, x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Sums of w, w x, w y, w x^2, w x y over the two points of one curve on either side of `at`, zero outside."""
    sums = weight * np.stack([np.ones_like(x), x, y, x * x, x * y])
    pairs = np.append(sums[:, :-1] + sums[:, 1:], np.zeros((5, 1)), axis=1)
    left = np.clip(np.searchsorted(x, at) - 1, 0, len(x) - 2)
    return pairs[:, np.where((at >= x[0]) & (at <= x[-1]), left, -1)]


def best_exponents(
    quality: Callable[[np.ndarray], float], bounds: Sequence[tuple[float, float]], start: np.ndarray | None = None
) -> np.ndarray:
    """Exponents of least `quality` within `bounds`, by a grid (unless `start` is given) and a simplex from its best.

    NaN for all where the least is at a bound or nowhere finite.
    """
    low, high = np.array(bounds, dtype=float).T
    width = high - low
    if start is None:
        points = 41 if len(bounds) == 1 else 15
        grid = np.stack(np.meshgrid(*np.linspace(low, high, points).T), -1).reshape(-1, len(bounds))
        values = np.array([quality(p) for p in grid])
        if not np.isfinite(values).any():
            return np.full(len(bounds), np.nan)
        start = grid[np.argmin(values)]
    simplex = np.vstack([start, start + np.diag(np.where(start < high - width / 20, 1, -1) * width / 40)])
    options = {"initial_simplex": simplex, "xatol": 5e-4, "fatol": 1e-4}
    best = minimize(quality, start, method="Nelder-Mead", bounds=list(zip(low, high, strict=True)), options=options)
    inside = (best.x > low + 1e-3 * width) & (best.x < high - 1e-3 * width)
    return best.x if np.isfinite(best.fun) and inside.all() else np.full(len(bounds), np.nan)
