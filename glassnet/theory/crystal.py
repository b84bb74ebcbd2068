"""The crystal: the second branch of the teacher-student problem and where it takes over."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.optimize import brentq

from glassnet.core.check import fail, integer, positive
from glassnet.core.former import former_arguments
from glassnet.perceptron.potential import Potential
from glassnet.theory.fixed_point import NoConvergenceError
from glassnet.theory.symmetric import ReplicaSymmetric, distance, replica_symmetric

SAME = 0.1
"""Two solutions whose ln(q/(1-q)) differ by less than this everywhere are one branch."""


@dataclass(frozen=True)
class FirstOrderPoint:
    """Coexistence of the grown and the crystal branch.

    Attributes:
        alpha: where both free entropies are equal (crystal above).
        alpha_spinodal: least alpha of the search grid at which the crystal was found as a branch of its own.
        grown, crystal: the solutions at `alpha`.
        depth: L.
        closure: "factorised" or "exact".
    """

    alpha: float
    alpha_spinodal: float
    grown: ReplicaSymmetric
    crystal: ReplicaSymmetric
    depth: int
    closure: str

    @property
    def exactness(self) -> str:
        """That of both branches: with a teacher replica symmetry holds, so that the closure decides."""
        return self.grown.exactness


@former_arguments(weights="ensemble")
def branches(
    *,
    depth: int,
    alpha: float,
    closure: str = "factorised",
    potential: Potential | None = None,
    ensemble: str = "spherical",
) -> tuple[ReplicaSymmetric, ReplicaSymmetric]:
    """Grown and crystal solution of the teacher-student problem at one alpha; they may be the same.

    The branch with the larger free entropy is the equilibrium one

    Args:
        depth, alpha, closure, potential, ensemble: as in `replica_symmetric`.
    """
    options: dict[str, Any] = {"closure": closure, "potential": potential, "ensemble": ensemble}
    grown, crystal = (
        replica_symmetric(depth=depth, alpha=alpha, scenario="teacher", branch=branch, **options)
        for branch in ("grown", "crystal")
    )
    return grown, crystal


@former_arguments(weights="ensemble")
def crystal_transition(
    *,
    depth: int,
    closure: str = "factorised",
    potential: Potential | None = None,
    ensemble: str = "spherical",
    alpha_range: tuple[float, float] = (1.0, 1e3),
    tolerance: float = 1e-6,
) -> FirstOrderPoint:
    """First-order point: the alpha at which the crystal's free entropy overtakes that of the grown branch.

    Phi_crystal(alpha) = Phi_grown(alpha); for the hard core alpha = 16.45 (L = 3), 24.9 (4), 34.7 (5), 45.8 (6),
    71.3 (8), 100.9 (10) in the factorised closure, and 19.370 (4), 27.546 (5), 36.299 (6) in the exact one, where
    three layers have one branch only: it rises steeply at alpha = 13.5, without a jump.

    Args:
        depth, closure, potential, ensemble: as in `replica_symmetric`.
        alpha_range: searched from below on a geometric grid (factor 1.05).
        tolerance: relative, on alpha.
    Raises:
        ValueError: for a bad argument, or when the branches do not cross in the range (as for L = 1 and 2).
        NoConvergenceError: if the grown branch is not found.
    """
    integer(1, depth=depth)
    positive(alpha_low=alpha_range[0], alpha_high=alpha_range[1], tolerance=tolerance)
    if not alpha_range[0] < alpha_range[1]:
        raise fail("alpha_range", "ascend", alpha_range)
    options = {"depth": depth, "closure": closure, "potential": potential, "ensemble": ensemble}
    lead = lru_cache(lambda alpha: _crystal_lead(alpha, options))
    grid = np.geomspace(*alpha_range, int(np.log(alpha_range[1] / alpha_range[0]) / np.log(1.05)) + 2).tolist()
    high = next((alpha for alpha in grid if (lead(alpha) or 0.0) > 0), None)
    if high is None:
        raise fail("alpha_range", "contain a crossing of the crystal and the grown branch", alpha_range)
    if high == grid[0]:
        raise fail("alpha_range", "begin below the crossing of the crystal and the grown branch", alpha_range)
    searched = grid[: grid.index(high) + 1]
    spinodal = next(alpha for alpha in searched if lead(alpha) is not None)
    crossing = _crossing(lead, searched[-2:], tolerance)
    grown, crystal = branches(alpha=crossing, **options)
    return FirstOrderPoint(crossing, spinodal, grown, crystal, int(depth), closure)


def _crossing(lead: Callable[[float], float | None], bracket: list[float], tolerance: float) -> float:
    """Where the lead of the crystal changes sign in `bracket` (low, high): bisection until both branches are there."""
    low, high = bracket[0], bracket[-1]
    while lead(low) is None and high / low - 1 > tolerance:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if (lead(middle) or 0.0) > 0 else (middle, high)
    if lead(low) is None:
        return high

    def difference(alpha: float) -> float:
        value = lead(alpha)
        if value is None:
            raise NoConvergenceError(f"The crystal was lost at alpha = {alpha:g}, between {low:g} and {high:g}.")
        return value

    return float(brentq(difference, low, high, rtol=tolerance))


def _crystal_lead(alpha: float, options: dict) -> float | None:
    """Phi_crystal - Phi_grown, or None where there is one branch only (or the crystal is lost)."""
    grown = replica_symmetric(alpha=float(alpha), scenario="teacher", branch="grown", **options)
    try:
        crystal = replica_symmetric(alpha=float(alpha), scenario="teacher", branch="crystal", **options)
    except NoConvergenceError:
        return None
    return crystal.free_entropy - grown.free_entropy if distance(grown, crystal) > SAME else None
