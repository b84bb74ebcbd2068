"""A machine without boundaries: where a solid that is the same in every layer exists."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from glassnet.core.check import fail, one_of
from glassnet.perceptron.potential import HardCore, Potential
from glassnet.theory.exactness import HEURISTIC
from glassnet.theory.factorised import gap_average
from glassnet.theory.local_weight import LocalWeight, local_weight
from glassnet.theory.spin import spin_average
from glassnet.theory.symmetric import SCENARIOS


@dataclass(frozen=True)
class BulkPoint:
    """The limit of existence of a uniform solid.

    Attributes:
        alpha: first minimum of alpha(q); above it the penetration depth ceases to be finite.
        q: overlap of the neurons there.
        Q: overlap of the weights there.
    """

    alpha: float
    q: float
    Q: float

    @property
    def exactness(self) -> str:
        """Heuristic: the closure is factorised."""
        return HEURISTIC


def bulk_transition(
    *, scenario: str = "random", potential: Potential | None = None, beta: float | None = None
) -> BulkPoint:
    """Alpha from which a uniform solid of the grown branch exists (factorised closure, spherical weights).

    lambda = q^2 Q,  Q/[(1-Q)(1+(m-1)Q)] = alpha G q^2,  q = q(eps),  eps = 2 G Q q: alpha(q) falls from
    infinity at q = 0 to a minimum, 2.70e4 (random) and 552 (teacher) for the hard core: there the logarithmic law of
    the depth ends. With a teacher alpha(q) falls again near q = 1, to the crystal.

    Args:
        scenario, potential, beta: as in `replica_symmetric`.
    Raises:
        ValueError: for a bad argument.
    """
    one_of(SCENARIOS, scenario=scenario)
    potential = HardCore() if potential is None else potential
    weight = local_weight(potential, beta)
    m, margin = SCENARIOS[scenario], potential.margin

    def log_alpha(q: float) -> float:
        return _uniform(float(q), m, weight, margin)[0]

    grid = np.linspace(0.01, 0.98, 98)
    values = np.array([log_alpha(q) for q in grid])
    rises = np.flatnonzero(np.diff(values) > 0)
    if rises.size == 0 or rises[0] == 0:
        raise fail("potential", "have a uniform solid that ends at some alpha", potential)
    at = int(rises[0])
    best = minimize_scalar(log_alpha, bounds=(grid[at - 1], grid[at + 1]), method="bounded", options={"xatol": 1e-9})
    return BulkPoint(float(np.exp(best.fun)), float(best.x), _uniform(float(best.x), m, weight, margin)[1])


def _uniform(q: float, m: float, weight: LocalWeight, margin: float) -> tuple[float, float]:
    """ln alpha and Q of the uniform solution with neuron overlap q; 1e3 if there is none."""

    def response(Q: float) -> float:
        return float(gap_average(weight, margin, np.array([1 - q * q * Q]), m).response[0])

    eps = brentq(lambda e: 1 - q - spin_average(np.array([e]), m).complement[0], 1e-9, 1e6)

    def excess(Q: float) -> float:
        return 2 * response(Q) * Q * q - eps

    if excess(1 - 1e-12) < 0:
        return 1e3, 1.0
    Q = float(brentq(excess, 0.0, 1 - 1e-12, xtol=1e-15))
    return float(np.log(Q / ((1 - Q) * (1 + (m - 1) * Q) * response(Q) * q**2))), Q
