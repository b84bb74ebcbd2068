"""How well curves fall onto one, as a number, and the exponents for which they fall best."""

from collections.abc import Callable, Sequence

import numpy as np
import scipy

from glassnet.analysis.labels import in_words
from glassnet.core.check import fail

OVERLAP = 0.3
"""Smallest fraction of points that must lie within the range of another curve."""


def collapse_quality(x: np.ndarray, y: np.ndarray, error: np.ndarray) -> float:
    """Mean squared distance, in errors, of the points of each curve from what the other curves say there.

    S = 1/n sum_{k p} (y_kp - Y_kp)^2 / (dy_kp^2 + dY_kp^2)

    Y and its error dY at x_kp are the weighted mean of all other curves that reach from below x_kp to above it, each
    interpolated by a cubic through its four nearest points. About 1 is a collapse within errors, if these are
    independent. [After Houdayer and Hartmann, Phys. Rev. B 70, 014418 (2004), appendix, who draw straight lines:
    where curves bend between points, these favour exponents at which points of two curves coincide.]

    Args:
        x: positions, shape (curve, point), ascending along each curve; NaN where there is no point.
        y: values, same shape; NaN where there is no point.
        error: standard errors of y, positive, same shape.
    Returns:
        S; inf where less than 30 % of the points lie within the range of another curve.
    Raises:
        ValueError: if these are no arrays of numbers of one shape (curve, point).
    """
    for name, values in (("x", x), ("y", y), ("error", error)):
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
            raise ValueError(f"Argument `{name}` must be a NumPy array of numbers, but is {in_words(values)}.")
        if values.ndim != 2 or values.shape != x.shape:
            raise fail(name, "have the shape (curve, point) of `x`", values.shape)
    known = np.isfinite(x) & np.isfinite(y) & (error > 0) & np.isfinite(error)
    weight, total = np.zeros(x.shape), np.zeros(x.shape)
    for j in range(len(x)):
        keep, others = known[j], np.arange(len(x)) != j
        if keep.sum() > 1:
            Y, w = _interpolated(x[others], x[j, keep], y[j, keep], error[j, keep])
            weight[others] += w
            total[others] += w * Y
    used = known & (weight > 0)
    if used.sum() < max(OVERLAP * known.sum(), 1):
        return np.inf
    line = total[used] / weight[used]
    return float(np.mean((y[used] - line) ** 2 / (error[used] ** 2 + 1 / weight[used])))


def _interpolated(at: np.ndarray, x: np.ndarray, y: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of one curve at `at` by a cubic through four points, and 1/error^2 of them, 0 outside of the curve."""
    points = min(4, len(x))
    first = np.clip(np.searchsorted(x, at) - points // 2, 0, len(x) - points)
    near = [first + k for k in range(points)]
    X = [x[index] for index in near]
    value, variance = np.zeros(at.shape), np.zeros(at.shape)
    for k, index in enumerate(near):
        basis = np.ones(at.shape)
        for m in range(points):
            if m != k:
                basis *= (at - X[m]) / (X[k] - X[m])
        value += basis * y[index]
        variance += (basis * error[index]) ** 2
    inside = (at >= x[0]) & (at <= x[-1])
    return np.where(inside, value, 0.0), np.where(inside, 1 / variance, 0.0)


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
    best = scipy.optimize.minimize(
        quality, start, method="Nelder-Mead", bounds=list(zip(low, high, strict=True)), options=options
    )
    inside = (best.x > low + 1e-3 * width) & (best.x < high - 1e-3 * width)
    return best.x if np.isfinite(best.fun) and inside.all() else np.full(len(bounds), np.nan)
