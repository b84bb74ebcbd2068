"""Fixed points of maps of ordered overlaps x_0 <= x_1 <= ..: plain iteration, then Newton on the increments.

Every solution with fewer levels is a fixed point too (some increments zero), so a point is accepted only where
plain iteration would stay: no eigenvalue of the map above 1, and no vanishing increment that would grow.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from glassnet.theory.fixed_point import NoConvergenceError

Map = Callable[[np.ndarray], np.ndarray]

_DEAD = 1e-7
_PROBE = 1e-6
_NEAR = 0.2


@dataclass(frozen=True)
class FixedPoint:
    """A solution.

    Attributes:
        complement: the ordered overlaps x, shape (levels, n).
        residual: max |step(x) - x|.
        iterations: evaluations of the map.
    """

    complement: np.ndarray
    residual: float
    iterations: int


def solve_ordered(step: Map, start: np.ndarray, tolerance: float, max_iterations: int = 4000) -> FixedPoint:
    """The fixed point that plain iteration from `start` reaches.

    Args:
        step: map of an array (levels, n) of overlaps in [0, 1), increasing with the level.
        start: shape (levels, n).
        tolerance: on max |step(x) - x|.
        max_iterations: plain steps.
    Returns:
        The solution.
    Raises:
        NoConvergenceError: if no accepted solution is found.
    """
    x, chunk, plain, calls = start, 25, 0, 0
    while plain < max_iterations:
        for _ in range(chunk):
            x = np.maximum.accumulate(step(x), axis=0)
        plain += chunk
        found = _newton(step, x, tolerance)
        if found is not None:
            return FixedPoint(found.complement, found.residual, plain + calls + found.iterations)
        chunk = plain
    raise NoConvergenceError(f"No stable solution within {plain} iterations at a residual below {tolerance:.0e}.")


def _newton(step: Map, start: np.ndarray, tolerance: float, max_rounds: int = 15) -> FixedPoint | None:
    """Newton in the increments above 1e-7; None unless a nearby and stable fixed point is found."""
    calls = 0
    increments = np.diff(start, axis=0, prepend=0.0)
    jacobian = np.zeros((0, 0))
    for _ in range(max_rounds):
        live = increments > _DEAD
        increments[~live] = 0.0

        def residual(values: np.ndarray, live: np.ndarray = live) -> np.ndarray:
            nonlocal calls
            calls += 1
            full = np.zeros(start.shape)
            full[live] = values
            return np.diff(step(np.cumsum(full, axis=0)), axis=0, prepend=0.0)[live] - values

        x = increments[live]
        value = residual(x)
        jacobian = _columns(residual, x, value) if jacobian.shape[0] != x.size or calls > 1 else jacobian
        if np.max(np.abs(value), initial=0.0) < tolerance / (2 * start.shape[0]):
            break
        increments[live] = _damped(residual, x, value, np.linalg.lstsq(jacobian, -value, rcond=1e-13)[0])
        if np.max(np.abs(np.cumsum(increments, axis=0) - start)) > _NEAR:
            return None
    solution = np.cumsum(increments, axis=0)
    size = float(np.max(np.abs(step(solution) - solution)))
    stable = jacobian.size == 0 or np.max(np.linalg.eigvals(jacobian).real) < 1e-6
    if not size < tolerance or not stable or _grows(step, increments):
        return None
    return FixedPoint(solution, size, calls)


def _columns(residual: Map, x: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Forward differences; the shift is relative for small increments."""
    jacobian = np.empty((x.size, x.size))
    for i in range(x.size):
        moved = x.copy()
        moved[i] += max(1e-7, 1e-5 * x[i])
        jacobian[:, i] = (residual(moved) - value) / (moved[i] - x[i])
    return jacobian


def _damped(residual: Map, x: np.ndarray, value: np.ndarray, move: np.ndarray) -> np.ndarray:
    """The longest of the steps 1, 1/2, .. that keeps increments positive and lowers the residual."""
    size = np.max(np.abs(value))
    shrinking = move < 0
    limit = min(1.0, 0.95 * np.min(x[shrinking] / -move[shrinking], initial=1.2))
    for halving in range(6):
        trial = x + limit * 0.5**halving * move
        if np.max(np.abs(residual(trial))) < size:
            break
    return trial


def _grows(step: Map, increments: np.ndarray) -> bool:
    """Whether small values put on the vanishing increments grow: power iteration, two steps at a time."""
    dead = increments == 0
    if not np.any(dead):
        return False
    small = np.full(int(dead.sum()), _PROBE)
    growth = []
    for n in range(40):
        probe = increments.copy()
        probe[dead] = small
        small = np.maximum(np.diff(step(np.cumsum(probe, axis=0)), axis=0, prepend=0.0)[dead], 0.0)
        if n % 2 == 0:
            continue
        growth.append(np.log(max(small.max(), 1e-300) / _PROBE))
        if n > 4 and growth[-1] < -1.5:
            return False
        small = np.maximum(small * _PROBE / max(small.max(), 1e-300), 1e-12)
    return bool(np.mean(growth[-5:]) > 0)
