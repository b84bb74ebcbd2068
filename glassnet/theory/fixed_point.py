"""Fixed points of monotone maps of overlaps: iteration to choose the branch, Newton to finish.

The unknowns are x = ln(overlap/(1 - overlap)), which is unbounded and keeps the relative accuracy of overlaps near 0
and near 1; an overlap that vanishes has x = -inf. A residual is a change of x: relative to the order looked for.

Near the onset of an order the iteration is slow and the Jacobian of map - 1 nearly singular. There a solution without
the order is raised along the mode that grows (`glassnet.theory.ordering`), and Newton measures the Jacobian along its
slow directions with a large step, for on small ones rounding hides a slope of 1e-8.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from glassnet.theory.ordering import STILL, ordered_further
from glassnet.theory.slope import difference_jacobian, leading

FLOOR = -np.log(1e10 - 1)
"""Least x during the iteration, at overlap 1e-10; a layer that stays there is liquid."""
CEILING = -np.log(1e-24)
"""Largest x, at complement 1e-24."""

Map = Callable[[np.ndarray], np.ndarray]
_SMALL = -np.log(1e8 - 1)
"""x at overlap 1e-8: what has fallen below is tried as liquid."""
_MODEST = -np.log(20 - 1)
"""x at overlap 0.05: what is below is tried as liquid, and raised again, where Newton's method fails."""
_SLOW = 0.02
"""Slope of map - 1 below which a direction is slow."""
_SURE = 1e-5
"""A step of Newton's method after which the next one is below 1e-9."""


class NoConvergenceError(RuntimeError):
    """The saddle-point equations were not solved to the tolerance; no numbers are returned."""


@dataclass(frozen=True)
class FixedPoint:
    """A solution.

    Attributes:
        x: ln(overlap/(1 - overlap)) of each unknown, shape (n,), -inf where it vanishes.
        residual: max |map(overlap)/overlap - 1| over the overlaps that have not vanished.
        iterations: evaluations of the map.
    """

    x: np.ndarray
    residual: float
    iterations: int


class _Counted:
    """A map that counts its evaluations."""

    def __init__(self, step: Map) -> None:
        self.step, self.calls = step, 0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.calls += 1
        return np.minimum(self.step(x), CEILING)


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
        step: map of x = ln(overlap/(1 - overlap)), shape (n,) to (n,).
        start: x, shape (n,).
        tolerance: on the residual in x.
        max_iterations: evaluations of the map.
        band: unknown i acts on unknowns |i - j| <= band only; None if on all.
        patience: plain iterations before the first attempt of Newton's method.
    Returns:
        The solution.
    Raises:
        NoConvergenceError: if the tolerance is not met within `max_iterations`.
    """
    counted = _Counted(step)
    earlier = last = current = np.clip(np.asarray(start, float), FLOOR, CEILING)
    next_try = patience
    while counted.calls < max_iterations:
        earlier, last, current = last, current, np.maximum(counted(current), FLOOR)
        change = min(float(np.max(np.abs(current - before))) for before in (last, earlier))
        if counted.calls < next_try or change > 0.05:
            continue
        next_try = counted.calls + max(30, counted.calls // 4)
        found, seed = _settled(counted, np.where(current > _SMALL, current, -np.inf), tolerance, band)
        if found is None and seed is None:
            found, _ = _settled(counted, np.where(current > _MODEST, current, -np.inf), tolerance, band)
            found = found if found is not None and _on_the_way(earlier, current, found) else None
        if found is not None and _is_perfect(counted, found):
            return FixedPoint(found, _residual(counted, found), counted.calls)
        if seed is not None:
            current, next_try = np.clip(seed, FLOOR, CEILING), counted.calls
    raise NoConvergenceError(
        f"No fixed point within {max_iterations} iterations: last change of ln(q/(1-q)) {change:.2e}. "
        "There may be none here (beyond capacity, or on the limit of existence of the branch)."
    )


def _settled(
    step: Map, start: np.ndarray, tolerance: float, band: int | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Newton from `start`, and again with each order raised that grows: the solution, or the seed where it failed."""
    seed: np.ndarray | None = None
    trial = start
    while (found := _newton(step, trial, tolerance, band)) is not None:
        seed = ordered_further(step, found, band)
        if seed is None:
            return found, None
        trial = seed
    return None, seed


def _on_the_way(earlier: np.ndarray, current: np.ndarray, found: np.ndarray) -> bool:
    """Whether small overlaps move towards `found`, so that slow iteration, which is monotone, would end there.

    `earlier` is two steps back.
    """
    small = current <= _MODEST
    towards = np.sign(found - current) * np.sign(current - earlier)
    return bool(np.all(towards[small] >= 0))


def _live(x: np.ndarray) -> np.ndarray:
    """Which unknowns neither vanish nor are perfect."""
    return np.isfinite(x) & (x < CEILING)


def _residual(step: Map, x: np.ndarray) -> float:
    """max |map(q) - q|/q over the overlaps that neither vanish nor are perfect."""
    live = _live(x)
    return float(np.max(np.abs(expit(step(x)[live]) / expit(x[live]) - 1), initial=0.0))


def _newton(step: Map, start: np.ndarray, tolerance: float, band: int | None) -> np.ndarray | None:
    """Newton from `start`, vanished unknowns kept; None unless a nearby fixed point is found, stable in the rest."""
    live = _live(start)

    def expand(x: np.ndarray) -> np.ndarray:
        full = start.copy()
        full[live] = x
        return full

    def residual(x: np.ndarray) -> np.ndarray:
        return step(expand(x))[live] - x

    x = start[live]
    jacobian = np.zeros((x.size, x.size))
    last = size = np.inf if x.size else 0.0
    for _ in range(12):
        value = residual(x)
        worst = np.max(np.abs(value), initial=0.0)
        met = worst < max(tolerance, 1e-13 * np.max(np.abs(x), initial=1.0))
        if not np.isfinite(worst) or (met and (size < _SURE or size > last / 2)):
            break
        jacobian = _jacobian(residual, x, value, band)
        move = np.linalg.lstsq(jacobian, -value, rcond=None)[0]
        last, size = size, float(np.max(np.abs(move)))
        x = x + move / max(1.0, size)
        if np.max(np.abs(x - start[live])) > 1.0:
            return None
    return expand(x) if met and leading(jacobian)[0] <= STILL else None


def _jacobian(residual: Map, x: np.ndarray, value: np.ndarray, band: int | None) -> np.ndarray:
    """Derivative of `residual`, accurate relative to its own size along directions where it nearly vanishes."""
    jacobian = difference_jacobian(residual, x, value, band, 1e-6)
    _, slopes, directions = np.linalg.svd(jacobian)
    for direction in directions[slopes < _SLOW]:
        shift = 0.01 * direction
        slope = (residual(x + shift) - residual(x - shift)) / 0.02
        jacobian += np.outer(slope - jacobian @ direction, direction)
    return jacobian


def _is_perfect(step: Map, solution: np.ndarray) -> bool:
    """Whether complements at the ceiling belong there: the map sends a small complement to (nearly) nothing.

    Beyond capacity they only shrink by a factor at each step, towards a solution of no volume.
    """
    perfect = solution >= CEILING
    if not np.any(perfect):
        return True
    return bool(np.all(step(np.where(perfect, -np.log(1e-16), solution))[perfect] > -np.log(1e-20)))
