"""Fixed points of monotone maps of overlaps: damped iteration to choose the branch, Newton to finish.

The unknowns are complements c = 1 - overlap; Newton works in x = ln(overlap/complement), which is unbounded.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

FLOOR = 1e-10
"""Least overlap during the iteration; a layer that stays there is liquid and is set to 0."""
CEILING = 1e-24
"""Least complement."""

Map = Callable[[np.ndarray], np.ndarray]
_SMALL = 1e-8
_PROBE = 1e-7


class NoConvergenceError(RuntimeError):
    """The saddle-point equations were not solved to the tolerance; no numbers are returned."""


@dataclass(frozen=True)
class FixedPoint:
    """A solution.

    Attributes:
        complement: 1 - overlap of each unknown, shape (n,).
        residual: max |overlap - map(overlap)| over the overlaps that have not vanished.
        iterations: evaluations of the map.
    """

    complement: np.ndarray
    residual: float
    iterations: int


def logit(complement: np.ndarray) -> np.ndarray:
    """x = ln((1 - c)/c)."""
    return np.log1p(-complement) - np.log(complement)


def _bounded(complement: np.ndarray) -> np.ndarray:
    return np.clip(complement, CEILING, 1 - FLOOR)


class _Counted:
    """A map that counts its evaluations."""

    def __init__(self, step: Map) -> None:
        self.step, self.calls = step, 0

    def __call__(self, complement: np.ndarray) -> np.ndarray:
        self.calls += 1
        return self.step(complement)


def solve(
    step: Map,
    start: np.ndarray,
    tolerance: float = 1e-11,
    max_iterations: int = 20000,
    band: int | None = None,
    patience: int = 20,
) -> FixedPoint:
    """The fixed point that plain iteration from `start` reaches, polished by Newton.

    Args:
        step: map of complements, shape (n,) to (n,).
        start: complements, shape (n,).
        tolerance: on the residual in logits where the overlap lives.
        max_iterations: evaluations of the map.
        band: unknown i acts on unknowns |i - j| <= band only; None if on all.
        patience: plain iterations before the first attempt of Newton's method.
    Returns:
        The solution; unknowns that stay at the floor are exactly 0.
    Raises:
        NoConvergenceError: if the tolerance is not met within `max_iterations`.
    """
    counted = _Counted(step)
    current = _bounded(np.asarray(start, float))
    next_try = patience
    while counted.calls < max_iterations:
        new = _bounded(counted(current))
        change = float(np.max(np.abs(logit(new) - logit(current))))
        current = new
        if counted.calls < next_try or change > 0.05:
            continue
        found = _polish(counted, current, tolerance, band)
        if found is not None:
            return found
        next_try = counted.calls + max(30, counted.calls // 4)
    raise NoConvergenceError(
        f"No fixed point within {max_iterations} iterations: last change of ln(q/(1-q)) {change:.2e}. "
        "There may be none here (beyond capacity, or on the limit of existence of the branch)."
    )


def _polish(step: _Counted, start: np.ndarray, tolerance: float, band: int | None) -> FixedPoint | None:
    """Newton from `start` with liquid unknowns at 0; None unless a nearby and stable fixed point is found."""
    live = (start < 1 - _SMALL) & (start > CEILING)
    frozen = np.where(start > 0.5, 1.0, CEILING)

    def expand(x: np.ndarray) -> np.ndarray:
        full = frozen.copy()
        full[live] = 1 / (1 + np.exp(x))
        return full

    def residual(x: np.ndarray) -> np.ndarray:
        return logit(_bounded(step(expand(x))[live])) - x

    x = origin = logit(start[live])
    jacobian = np.zeros((x.size, x.size))
    for _ in range(12):
        value = residual(x)
        noise = np.minimum(1.0, 1e3 / (1 + np.exp(-x)))  # a small overlap is known to rounding of 1 - q only
        worst = np.max(np.abs(value) * noise, initial=0.0)
        if worst < tolerance or not np.isfinite(worst):
            break
        jacobian = _jacobian(residual, x, value, band)
        move = np.linalg.lstsq(jacobian, -value, rcond=None)[0]
        x = x + move / max(1.0, np.max(np.abs(move)))
        if np.max(np.abs(x - origin)) > 1.0:
            return None
    if not worst < max(tolerance, 1e-13 * np.max(np.abs(x), initial=1.0)) or not _is_stable(jacobian):
        return None
    full = expand(x)
    if not _stays_liquid(step, full, start, live) or not _is_perfect(step, full):
        return None
    return FixedPoint(full, float(np.max(np.abs(step(full) - full)[live], initial=0.0)), step.calls)


def _jacobian(residual: Map, x: np.ndarray, value: np.ndarray, band: int | None) -> np.ndarray:
    """Forward differences; columns further apart than 2 band are taken at once."""
    size, shift = x.size, 1e-6
    groups = size if band is None else min(size, 2 * band + 1)
    jacobian = np.zeros((size, size))
    for first in range(groups):
        columns = np.arange(first, size, groups)
        moved = x.copy()
        moved[columns] += shift
        slope = (residual(moved) - value) / shift
        for column in columns:
            rows = slice(None) if band is None else slice(max(0, column - band), column + band + 1)
            jacobian[rows, column] = slope[rows]
    return jacobian


def _is_stable(jacobian: np.ndarray) -> bool:
    """Whether plain iteration would be attracted: the map has no eigenvalue above 1."""
    if jacobian.size == 0 or not np.any(jacobian):
        return True
    return bool(np.max(np.linalg.eigvals(jacobian).real) < 1e-6)


def _is_perfect(step: _Counted, solution: np.ndarray) -> bool:
    """Whether complements at the ceiling belong there: the map sends a small complement to (nearly) nothing.

    Beyond capacity they only shrink by a factor at each step, towards a solution of no volume.
    """
    perfect = solution <= CEILING
    if not np.any(perfect):
        return True
    return bool(np.all(step(np.where(perfect, 1e-16, solution))[perfect] < 1e-20))


def _stays_liquid(step: _Counted, solution: np.ndarray, start: np.ndarray, live: np.ndarray) -> bool:
    """Whether small overlaps put on the liquid unknowns shrink: power iteration, two steps at a time.

    Weights and neurons feed each other, so that only every second step can be compared.
    """
    liquid = ~live & (start > 0.5)
    if not np.any(liquid):
        return True
    overlap = np.full(int(liquid.sum()), _PROBE)
    growth = []
    for n in range(30):
        probe = solution.copy()
        probe[liquid] = 1 - overlap
        overlap = 1 - step(probe)[liquid]
        if n % 2 == 0:
            continue
        growth.append(np.log(max(overlap.max(), 1e-300) / _PROBE))
        if n > 2 and growth[-1] < -2.0:
            return True
        overlap = np.maximum(overlap * _PROBE / max(overlap.max(), 1e-300), 1e-13)
    return bool(np.mean(growth[-5:]) < 0)
