"""The exact closure: a neuron is traced together with its own gap (dense limit N >> c >> 1).

With the field eps(l) from the layer above and C(l) = q(l-1) Q(l) from below:
A(z, z') = sum_S exp(S sqrt(eps) z') Z_C(S sqrt(C) z),   Z_C(h) = int Dy exp(-beta v(h + sqrt(1-C) y))
"""

from dataclasses import dataclass

import numpy as np

from glassnet.theory.factorised import gap_average, product_complement
from glassnet.theory.fixed_point import NoConvergenceError
from glassnet.theory.local_weight import Derivatives, LocalWeight
from glassnet.theory.overlap import SOLID, Overlap, from_complement, joined
from glassnet.theory.prior import WeightPrior
from glassnet.theory.quadrature import field_nodes, graded_nodes

_LARGEST_FIELD = 1e5
_SATURATION = 150.0
"""Field variance beyond which 1 - q < exp(-75) for m = 1."""


@dataclass(frozen=True)
class NeuronAverages:
    """Averages of one neuron with its gap under A^m.

    Attributes:
        overlap: q = <<S>^2>, accurate for q -> 0.
        complement: 1 - q, accurate for q -> 1.
        response: G = <(d_h ln A)^2>.
        entropy: int Dz Dz' ln A (m = 0), <ln A> (m = 1), (1/m) ln int A^m otherwise; no eps terms.
    """

    overlap: float
    complement: float
    response: float
    entropy: float


@dataclass(frozen=True)
class _Grid:
    """A neuron on a grid (z, x): weight of A^m normalised to 1, p_-, p_+ and mean of the spin, f at both signs of h."""

    tilted: np.ndarray
    log_A: np.ndarray
    log_norm: float
    minus: np.ndarray
    plus: np.ndarray
    mean: np.ndarray
    up: Derivatives
    down: Derivatives


def _grid(
    weight: LocalWeight, margin: float, variance: float, eps: float, replicas: float, overlap: float | None = None
) -> _Grid:
    """Nodes in z, and in x = sqrt(eps) z' >= 0 only, for A(-z, -z') = A(z, z')."""
    if replicas < 1 and eps > _LARGEST_FIELD:
        raise NoConvergenceError(f"The field on a neuron grew to a variance of {eps:.1e}: no solution here.")
    eps = min(eps, _SATURATION) if replicas == 1 else eps
    root = np.sqrt(max(1 - variance if overlap is None else overlap, 1e-30))
    centre = np.array(min(max(margin / root, -1e6), 1e6))
    z, w = graded_nodes(centre, np.array(np.sqrt(variance) / root), reach=9.0)
    z, w = z[w > 1e-22], w[w > 1e-22]
    up, down = (weight(S * root * z, np.array(variance)) for S in (1.0, -1.0))
    x, log_w = field_nodes(eps, replicas)
    y = x + ((up[0] - down[0]) / 2)[:, None]
    size = np.abs(y)
    small = np.exp(-2 * size)
    share = 1 / (1 + small)
    minus, plus = np.where(y > 0, small * share, share), np.where(y > 0, share, small * share)
    mean = -np.expm1(-2 * size) * share * np.sign(y)
    log_A = np.maximum(up[0][:, None] + x, down[0][:, None] - x) + np.log1p(small)
    if replicas == 0:
        tilted, top = np.exp(log_w) * w[:, None], 0.0
    else:
        exponent = replicas * log_A + log_w
        top = exponent.max()
        tilted = np.exp(exponent - top) * w[:, None]
    norm = tilted.sum()
    return _Grid(tilted / norm, log_A, float(np.log(norm) + top), minus, plus, mean, up, down)


def neuron_average(
    weight: LocalWeight, margin: float, variance: float, eps: float, replicas: float, overlap: float | None = None
) -> NeuronAverages:
    """Averages over a hidden neuron at C = 1 - variance and field variance eps, replica weight m.

    W = -m eps/2 + ln int Dz Dz' A^m,  q = <<S>^2>,  G = <(d_h ln A)^2>

    Args:
        weight: (h, s^2) -> f, f', f''.
        margin: of the potential.
        variance: 1 - C in (0, 1].
        eps: >= 0.
        replicas: m in [0, 1].
        overlap: C, for the case that it is small and known better than 1 - variance.
    """
    grid = _grid(weight, margin, variance, eps, replicas, overlap)
    slope = grid.plus * grid.up[1][:, None] - grid.minus * grid.down[1][:, None]
    entropy = grid.log_norm / replicas if 0 < replicas < 1 else np.sum(grid.tilted * grid.log_A)
    complement = 4 * np.sum(grid.tilted * grid.plus * grid.minus)
    q = 1 - complement if complement < 0.5 else np.sum(grid.tilted * grid.mean**2)
    return NeuronAverages(float(q), float(complement), float(np.sum(grid.tilted * slope**2)), float(entropy))


def neuron_stiffness(
    weight: LocalWeight, margin: float, variance: float, eps: float, replicas: float
) -> tuple[float, float, float]:
    """Replicon averages <(d_x^2 ln A)^2>, <(d_x d_h ln A)^2>, <(d_h^2 ln A)^2>; arguments as `neuron_average`.

    x is the field that couples to S, h the mean gap of S = 1.
    """
    grid = _grid(weight, margin, variance, eps, replicas)
    up, down = ([g[:, None] for g in side] for side in (grid.up, grid.down))
    slope = grid.plus * up[1] - grid.minus * down[1]
    second = grid.plus * (up[2] + up[1] ** 2) + grid.minus * (down[2] + down[1] ** 2) - slope**2
    both = grid.plus * grid.minus
    bends = (4 * both, 2 * both * (up[1] + down[1]), second)
    a, b, c = (float(np.sum(grid.tilted * bend**2)) for bend in bends)
    return a, b, c


@dataclass(frozen=True)
class ExactChain:
    """The equations of a chain of `depth` layers in the exact closure; fields as in `FactorisedChain`."""

    depth: int
    alpha: float
    replicas: float
    weight: LocalWeight
    margin: float
    prior: WeightPrior

    banded = False

    def neurons(
        self, p: np.ndarray, bond: np.ndarray, eps: np.ndarray | None = None
    ) -> tuple[list[NeuronAverages], np.ndarray, np.ndarray]:
        """Sweep from the output down: averages of the hidden layers, their fields eps, and G of every layer.

        eps(l) = Q(l+1) G(l+1); at the output A = Z_C with C = q(L-1) Q(L). Given `eps`, these are used instead.
        """
        return self._neurons(from_complement(p), from_complement(bond), eps)

    def _neurons(
        self, spin: Overlap, bond: Overlap, eps: np.ndarray | None = None
    ) -> tuple[list[NeuronAverages], np.ndarray, np.ndarray]:
        """As `neurons`, with the relative accuracy of small overlaps."""
        overlap = spin.value[:-1] * bond.value
        variance = product_complement(spin.complement[:-1], bond.complement)
        output = gap_average(self.weight, self.margin, variance[-1:], self.replicas)
        response = np.zeros(self.depth)
        response[-1] = output.response[0]
        fields = np.zeros(self.depth - 1)
        averages: list[NeuronAverages] = []
        for l in range(self.depth - 1, 0, -1):
            fields[l - 1] = bond.value[l] * response[l] if eps is None else eps[l - 1]
            place = (variance[l - 1], fields[l - 1], self.replicas, overlap[l - 1])
            neuron = neuron_average(self.weight, self.margin, *place)
            response[l - 1] = neuron.response
            averages.insert(0, neuron)
        return averages, fields, response

    def step(self, spin: Overlap, bond: Overlap) -> tuple[Overlap, Overlap]:
        """One iteration of Q/[(1-Q)(1+(m-1)Q)] = alpha q(l-1) G(l), q = <<S>^2>; shapes (depth+1,) and (depth,)."""
        averages, _, response = self._neurons(spin, bond)
        new = Overlap(np.array([n.overlap for n in averages]), np.array([n.complement for n in averages]))
        new_bond = self.prior.overlap(self.alpha * spin.value[:-1] * response, self.replicas)
        return joined(SOLID, new, SOLID), new_bond

    def conjugates(self, p: np.ndarray, bond: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fields eps (depth-1,) on the neurons and E (depth,) on the weights."""
        _, eps, response = self.neurons(p, bond)
        return eps, self.alpha * (1 - p[:-1]) * response

    def free_entropy(self, p: np.ndarray, bond: np.ndarray, eps: np.ndarray, E: np.ndarray) -> float:
        """Phi per N M, stationary in q, Q, eps (and E for Ising weights).

        Phi = sum_l bond entropy / alpha + F[C(L)] + sum_hidden { int Dz Dz' ln A - eps (1 - q)/2 }   (m = 0),
        with <ln A> - eps (1 + q)/2 for m = 1 and (1/m) ln int A^m - eps/2 - (m-1) eps q/2 otherwise.
        """
        bonds = self.prior.entropy(bond, E, self.replicas) / self.alpha
        averages, _, _ = self.neurons(p, bond, eps)
        eps = np.minimum(eps, _SATURATION) if self.replicas == 1 else eps  # as in the averages: both parts are large
        last = product_complement(p[-2:-1], bond[-1:])
        output = gap_average(self.weight, self.margin, last, self.replicas).entropy[0]
        factor = 2 * self.replicas - 1 if self.replicas in (0, 1) else self.replicas - 1
        hidden = sum(neuron.entropy for neuron in averages) - np.sum(eps * (1 + factor * (1 - p[1:-1]))) / 2
        return float(np.sum(bonds) + output + hidden)

    def growth(self, q: np.ndarray) -> np.ndarray:
        """Factor by which a small q(l) grows when its layer is liquid.

        alpha g^4 q(l+1)^2 [1 + alpha g^4 q(l-1)^2 / (1 - alpha k^2 q(l-1)^2)],  g = f'(0), k = Z''/Z(0) at C = 0.
        For L = 2 and the hard core it is 1 at alpha g^4 = (sqrt 5 - 1)/2, alpha = 1.525. Where k is not 0 (soft core,
        margin) the weights also order on their own, by alpha k^2 q(l-1)^2, with a liquid layer above.

        Args:
            q: overlaps, shape (depth+1,).
        Returns:
            One value for each hidden layer, shape (depth-1,); the larger of both factors.
        """
        _, first, second = self.weight(np.zeros(1), np.ones(1))
        g, bend = first[0], second[0] + first[0] ** 2
        below, above = self.alpha * q[:-2] ** 2, self.alpha * g**4 * q[2:] ** 2
        own = below * bend**2
        factor = 1 + g**4 * below / np.maximum(1 - own, 1e-300)
        return np.maximum(own, above * factor)
