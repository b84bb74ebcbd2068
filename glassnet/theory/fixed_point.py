"""Fixed points of monotone maps of overlaps: iteration to choose the branch, Newton to finish.

Near the onset of a layer the iteration is slow: there the solution with that layer liquid is tested for growth, and
the layer is started where its growth ends.

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
_STILL = 1e-6
"""Growth per step that counts as none."""


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


@dataclass(frozen=True)
class _Candidate:
    """A fixed point with some unknowns at 0 that may want to grow.

    Attributes:
        complement, residual: as in `FixedPoint`.
        liquid: which unknowns were put to overlap 0, shape (n,).
    """

    complement: np.ndarray
    liquid: np.ndarray
    residual: float


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
        next_try = counted.calls + max(30, counted.calls // 4)
        found = _newton(counted, current, tolerance, band)
        if found is None:
            continue
        growth, mode = _liquid_mode(counted, found, band)
        if growth > _STILL:
            current, next_try = _seeded(counted, found, mode), counted.calls
        elif _is_perfect(counted, found.complement):
            return FixedPoint(found.complement, found.residual, counted.calls)
    raise NoConvergenceError(
        f"No fixed point within {max_iterations} iterations: last change of ln(q/(1-q)) {change:.2e}. "
        "There may be none here (beyond capacity, or on the limit of existence of the branch)."
    )


def _newton(step: _Counted, start: np.ndarray, tolerance: float, band: int | None) -> _Candidate | None:
    """Newton from `start` with liquid unknowns at 0; None unless a nearby fixed point is found, stable in the rest."""
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
    if not worst < max(tolerance, 1e-13 * np.max(np.abs(x), initial=1.0)) or _leading(jacobian)[0] > _STILL:
        return None
    full = expand(x)
    size = float(np.max(np.abs(step(full) - full)[live], initial=0.0))
    return _Candidate(full, ~live & (start > 0.5), size)


def _jacobian(residual: Map, x: np.ndarray, value: np.ndarray, band: int | None, shift: float = 1e-6) -> np.ndarray:
    """Forward differences; columns further apart than 2 band are taken at once."""
    size = x.size
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


def _leading(jacobian: np.ndarray) -> tuple[float, np.ndarray]:
    """Largest real part of the eigenvalues of map - 1, above 0 where plain iteration is repelled, and its vector."""
    if not np.any(jacobian):
        return -1.0, np.zeros(len(jacobian))
    values, vectors = np.linalg.eig(jacobian)
    first = int(np.argmax(values.real))
    return float(values[first].real), np.abs(vectors[:, first])


def _is_perfect(step: _Counted, solution: np.ndarray) -> bool:
    """Whether complements at the ceiling belong there: the map sends a small complement to (nearly) nothing.

    Beyond capacity they only shrink by a factor at each step, towards a solution of no volume.
    """
    perfect = solution <= CEILING
    if not np.any(perfect):
        return True
    return bool(np.all(step(np.where(perfect, 1e-16, solution))[perfect] < 1e-20))


def _liquid_mode(step: _Counted, found: _Candidate, band: int | None) -> tuple[float, np.ndarray]:
    """Growth per step of small overlaps of the liquid unknowns (largest eigenvalue of the map - 1), and their ratios.

    The map is monotone, so that the largest eigenvalue is real and its vector has no negative entry.
    """

    def change(overlap: np.ndarray) -> np.ndarray:
        probe = found.complement.copy()
        probe[found.liquid] = 1 - overlap
        return 1 - step(probe)[found.liquid] - overlap

    nothing = np.zeros(int(found.liquid.sum()))
    growth, mode = _leading(_jacobian(change, nothing, nothing, band, _PROBE))
    return growth, mode / np.max(mode, initial=1e-300)


def _seeded(step: _Counted, found: _Candidate, mode: np.ndarray) -> np.ndarray:
    """The liquid unknowns raised along their growing mode to the amplitude, known within a factor 2, of no growth."""
    amplitude, seeded = _PROBE, found.complement.copy()
    while amplitude < 0.5:
        seeded[found.liquid] = 1 - amplitude * mode
        if mode @ (1 - step(seeded)[found.liquid]) < amplitude * mode @ mode:
            break
        amplitude *= 2
    return _bounded(seeded)
