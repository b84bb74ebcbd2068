"""The crystal: the second branch of the teacher-student problem and where it takes over."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.core.check import fail, integer, positive
from glassnet.model.potential import Potential
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


def branches(
    *,
    depth: int,
    alpha: float,
    closure: str = "factorised",
    potential: Potential | None = None,
    weights: str = "spherical",
) -> tuple[ReplicaSymmetric, ReplicaSymmetric]:
    """Grown and crystal solution of the teacher-student problem at one alpha; they may be the same.

    The branch with the larger free entropy is the equilibrium one

    Args:
        depth, alpha, closure, potential, weights: as in `replica_symmetric`.
    """
    options: dict[str, Any] = {"closure": closure, "potential": potential, "weights": weights}
    grown, crystal = (
        replica_symmetric(depth=depth, alpha=alpha, scenario="teacher", branch=branch, **options)
        for branch in ("grown", "crystal")
    )
    return grown, crystal


def crystal_transition(
    *,
    depth: int,
    closure: str = "factorised",
    potential: Potential | None = None,
    weights: str = "spherical",
    alpha_range: tuple[float, float] = (1.0, 1e3),
    tolerance: float = 1e-6,
) -> FirstOrderPoint:
    """First-order point: the alpha at which the crystal's free entropy overtakes that of the grown branch.

    Phi_crystal(alpha) = Phi_grown(alpha); alpha = 16.5 (L = 3), 24.9 (4), 34.7 (5), 45.8 (6), 71.3 (8), 100.9 (10)
    for the hard core in the factorised closure

    Args:
        depth, closure, potential, weights: as in `replica_symmetric`.
        alpha_range: searched on a geometric grid (factor 1.05) before bisection.
        tolerance: relative, on alpha.
    Raises:
        ValueError: for a bad argument, or when the branches do not cross in the range (as for L = 1 and 2).
    """
    integer(1, depth=depth)
    positive(alpha_low=alpha_range[0], alpha_high=alpha_range[1], tolerance=tolerance)
    options = {"depth": depth, "closure": closure, "potential": potential, "weights": weights}
    low = spinodal = 0.0
    for alpha in np.geomspace(*alpha_range, int(np.log(alpha_range[1] / alpha_range[0]) / np.log(1.05)) + 2):
        lead = _crystal_lead(alpha, options)
        if lead is not None and not spinodal:
            spinodal = float(alpha)
        if lead is not None and lead > 0:
            break
        low = float(alpha)
    else:
        raise fail("alpha_range", "contain a crossing of the crystal and the grown branch", alpha_range)
    high = float(alpha)
    while high / low - 1 > tolerance:
        middle = np.sqrt(low * high)
        lead = _crystal_lead(middle, options)
        low, high = (low, middle) if lead is not None and lead > 0 else (middle, high)
    grown, crystal = branches(alpha=high, **options)
    return FirstOrderPoint(float(np.sqrt(low * high)), spinodal, grown, crystal, int(depth), closure)


def _crystal_lead(alpha: float, options: dict) -> float | None:
    """Phi_crystal - Phi_grown, or None where there is one branch only (or the crystal is lost)."""
    grown = replica_symmetric(alpha=float(alpha), scenario="teacher", branch="grown", **options)
    try:
        crystal = replica_symmetric(alpha=float(alpha), scenario="teacher", branch="crystal", **options)
    except NoConvergenceError:
        return None
    return crystal.free_entropy - grown.free_entropy if distance(grown, crystal) > SAME else None
