"""Condensation: a hidden layer in which all patterns share one configuration up to a sign (ours).

S_l^mu = tau^mu s with tau^mu = +-1. Such a layer gives up the entropy of its spins. What it wins: the layer above
feels the same field in all patterns, +-g, and makes all its gaps small by a small g; and its own gaps are satisfied by
weights that lean on one direction u, if the spins below lean on it as well, <S_{l-1}^mu> = m tau^mu u. Both leanings
are cheap, since fields are sums over c inputs. Neither closure of replica theory knows this state: their order
parameters compare replicas, not patterns.

Free entropy per N M over that of the liquid, with a = int Dh exp(-beta v) and M = alpha c patterns:

    gain = -ln(2 a^2) + max_{m, q} [ s(m) - ln 2 + ln(1 - q)/(2 alpha) + f(sqrt(q c) m; 1 - q m^2) ]
           + (1/M) ln int Dg exp(-beta M (v(g) + v(-g))/2)

s(m) is the entropy of a spin with mean m, q the squared overlap of the weights of a neuron with u, f the logarithm of
the averaged weight of a gap (`glassnet.theory.local_weight`). As c grows, m and q go to zero and the gain to
-ln(2 a^2), at any load: for the quadratic soft core it is positive for beta > 2.41. Leading order in 1/c for N >> c;
terms of order 1/M without logarithm are left out, and fields of different neurons of the layer taken as independent.
The spins below lean at the cost of free spins, though it is their weights that have to follow: what that leaves out is
of order alpha m^4 (by estimate), and measured leanings are 2 to 10 % smaller at c = 16 to 32, alpha = 3 to 10
(experiments/condensation.py). So the load at which the gain changes its sign is an estimate, too.
The layer below must be hidden, or there is nothing that leans; every second layer can condense, each with this gain.
That the gain is positive says which of the two states wins in equilibrium, not that it is reached: a layer has to turn
as a whole.
"""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq, minimize

from glassnet.core.check import fail, integer, positive
from glassnet.perceptron.potential import Potential, SoftCore
from glassnet.theory.local_weight import LocalWeight, local_weight


@dataclass(frozen=True)
class CondensedLayer:
    """One condensed layer in a liquid.

    Args:
        alpha: load M / c.
        connectivity: inputs c of a neuron.
        gain: free entropy per N M less that of the liquid.
        polarisation: mean m of the spins below, along what they lean on, of one pattern.
        overlap: squared overlap q of the weights of the layer with what they lean on, of one neuron.
        energy: of the layer, per gap, in units of `potential.strength`.
        energy_above: of the layer above, per gap.
    """

    alpha: float
    connectivity: int
    gain: float
    polarisation: float
    overlap: float
    energy: float
    energy_above: float


def condensed_layer(
    *, alpha: float, connectivity: int, beta: float, potential: Potential | None = None
) -> CondensedLayer:
    """The state with one condensed layer, and its gain over the liquid.

    Args:
        alpha: load M / c > 0.
        connectivity: inputs c >= 1 of a neuron.
        beta: inverse temperature > 0.
        potential: a soft core without margin; `SoftCore()` if None.
    Raises:
        ValueError: for an argument out of range, or another potential (a hard core forbids the layer above).
    """
    potential = _checked(potential)
    positive(alpha=alpha, beta=beta)
    integer(1, connectivity=connectivity)
    weight, c = local_weight(potential, beta), connectivity

    def leaning(x: np.ndarray) -> float:
        """Minus what is maximised, at m = tanh x_0 and sqrt q = tanh x_1."""
        m, r = np.tanh(x)
        p = np.clip([(1 + m) / 2, (1 - m) / 2], 1e-300, 1)
        lost = np.log(2) + (p * np.log(p)).sum()
        narrowed = np.log1p(-min(r * r, 1 - 1e-15)) / (2 * alpha)
        return float(lost - narrowed - _log(weight, r * c**0.5 * m, 1 - (r * m) ** 2))

    starts = [(0.1, 0.3), (0.3, 1.0), (0.6, 0.5), (0.15, 1.5), (1.0, 1.0)]
    options = {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 4000}
    found = min(
        (minimize(leaning, x, method="Nelder-Mead", options=options) for x in starts), key=lambda one: float(one.fun)
    )
    m, r = (abs(float(x)) for x in np.tanh(found.x))
    mean, variance = r * c**0.5 * m, 1 - (r * m) ** 2
    above, energy_above = _above(potential, beta, alpha * c)
    step = 1e-4 * beta
    up, down = (_log(local_weight(potential, beta + x), mean, variance) for x in (step, -step))
    gain = -np.log(2) - 2 * _log(weight, 0.0, 1.0) - float(found.fun) + above
    return CondensedLayer(alpha, c, float(gain), m, r * r, (down - up) / (2 * step), energy_above)


def condensation_load(*, connectivity: int, beta: float, potential: Potential | None = None) -> float:
    """Load alpha above which a condensed layer has more free entropy than the liquid.

    Args:
        connectivity: inputs c >= 1 of a neuron.
        beta: inverse temperature > 0.
        potential: a soft core without margin; `SoftCore()` if None.
    Returns:
        alpha between 1/c (one pattern) and 1e4; NaN if the gain does not change its sign there, as where the liquid is
        too hot.
    Raises:
        ValueError: as `condensed_layer`.
    """

    def gain(log_alpha: float) -> float:
        at = float(np.exp(log_alpha))
        return condensed_layer(alpha=at, connectivity=connectivity, beta=beta, potential=potential).gain

    integer(1, connectivity=connectivity)
    ends = -np.log(connectivity), np.log(1e4)
    if not gain(ends[0]) < 0 < gain(ends[1]):
        return float("nan")
    return float(np.exp(brentq(gain, *ends, xtol=1e-6)))


def _checked(potential: Potential | None) -> SoftCore:
    chosen = SoftCore() if potential is None else potential
    if type(chosen) is not SoftCore or chosen.margin != 0:
        raise fail("potential", "be a SoftCore without margin", potential)
    return chosen


def _log(weight: LocalWeight, mean: float, variance: float) -> float:
    return float(weight(np.array([mean]), np.array([variance]))[0][0])


def _above(potential: SoftCore, beta: float, patterns: float) -> tuple[float, float]:
    """(1/M) ln int Dg exp(-beta M v(-|g|)/2) and the mean of v(-|g|)/2, the energy per gap."""
    stiffness, power = beta * patterns * potential.strength / 2, potential.power
    scale = min(stiffness ** (-1 / power), 1.0)
    points = [k * scale for k in 0.5 * 2.0 ** np.arange(12) if k * scale < 40]

    def moment(n: float) -> float:
        def integrand(g: float) -> float:
            return g ** (n * power) * np.exp(-stiffness * g**power - g * g / 2)

        return float(quad(integrand, 0, 40, points=points, epsabs=0, epsrel=1e-10, limit=400)[0])

    zeroth = moment(0)
    return float(np.log(zeroth * (2 / np.pi) ** 0.5) / patterns), potential.strength * moment(1) / (2 * zeroth)
