"""The factorised closure: neurons and gaps of a layer meet only through their overlaps.

lambda(l) = q(l-1) Q(l) q(l); the free entropy is a sum of bond, spin and gap terms   [Yoshino 2020]
Overlaps near 1 are carried by their complements p = 1 - q, P = 1 - Q, so that nothing is lost at lambda -> 1, and
small ones by their values, so that an order is as accurate as it is large just above its onset.
"""

from dataclasses import dataclass

import numpy as np

from glassnet.theory.local_weight import LocalWeight
from glassnet.theory.overlap import SOLID, Overlap, joined
from glassnet.theory.prior import WeightPrior
from glassnet.theory.quadrature import graded_nodes
from glassnet.theory.spin import spin_average, spin_entropy


@dataclass(frozen=True)
class GapAverages:
    """Averages of one gap under exp(m f), each of shape (layer,).

    Attributes:
        response: G = <f'^2>.
        curvature: Gamma = <f''^2>.
        entropy: free entropy F per replica.
    """

    response: np.ndarray
    curvature: np.ndarray
    entropy: np.ndarray


def product_complement(*complements: np.ndarray) -> np.ndarray:
    """1 - prod_i (1 - p_i), accurate when every p_i is small; shape of the arguments."""
    return -np.expm1(sum(np.log1p(-np.minimum(p, 1 - 1e-16)) for p in complements))


def gap_average(weight: LocalWeight, margin: float, variance: np.ndarray, replicas: float) -> GapAverages:
    """Averages over a gap with overlap lambda = 1 - variance and replica weight m.

    <..> = int Dz exp(m f) .. / int Dz exp(m f),  h = sqrt(lambda) z
    F = int Dz f (m = 0), <f> (m = 1), (1/m) ln int Dz exp(m f) otherwise

    Args:
        weight: (h, s^2) -> f, f', f''.
        margin: of the potential: where the weight changes.
        variance: s^2 = 1 - lambda of each layer, shape (layer,), in (0, 1].
        replicas: m in [0, 1].
    """
    root = np.sqrt(np.maximum(1 - variance, 1e-30))
    z, w = graded_nodes(np.clip(margin / root, -1e6, 1e6), np.sqrt(variance) / root)
    f, first, second = weight(root[:, None] * z, variance[:, None])
    top = np.max(replicas * f, axis=-1, keepdims=True)
    tilted = w * np.exp(replicas * f - top)
    norm = tilted.sum(-1, keepdims=True)
    tilted /= norm
    entropy = np.sum(tilted * f, axis=-1)
    if 0 < replicas < 1:
        entropy = (np.log(norm) + top)[:, 0] / replicas
    return GapAverages(np.sum(tilted * first**2, axis=-1), np.sum(tilted * second**2, axis=-1), entropy)


@dataclass(frozen=True)
class FactorisedChain:
    """The equations of a chain of `depth` layers in the factorised closure.

    Args:
        depth: L >= 1.
        alpha: M/c.
        replicas: m: 0 for random data, 1 for teacher-student.
        weight: averaged Boltzmann weight of a gap.
        margin: kappa of the potential.
        prior: ensemble of the weights.
    """

    depth: int
    alpha: float
    replicas: float
    weight: LocalWeight
    margin: float
    prior: WeightPrior

    banded = True

    def gap_complement(self, p: np.ndarray, bond: np.ndarray) -> np.ndarray:
        """1 - lambda(l), lambda = q(l-1) Q(l) q(l); p = 1 - q of shape (depth+1,), bond = 1 - Q of shape (depth,)."""
        return product_complement(p[:-1], bond, p[1:])

    def gaps(self, p: np.ndarray, bond: np.ndarray) -> GapAverages:
        """Averages of the gaps of every layer."""
        return gap_average(self.weight, self.margin, self.gap_complement(p, bond), self.replicas)

    def fields(self, q: np.ndarray, Q: np.ndarray, response: np.ndarray) -> np.ndarray:
        """eps(l) = G(l) Q(l) q(l-1) + G(l+1) Q(l+1) q(l+1) of the hidden layers, shape (depth-1,)."""
        return response[:-1] * Q[:-1] * q[:-2] + response[1:] * Q[1:] * q[2:]

    def step(self, spin: Overlap, bond: Overlap) -> tuple[Overlap, Overlap]:
        """One iteration of the saddle-point equations; overlaps of shapes (depth+1,) and (depth,)."""
        q, Q = spin.value, bond.value
        response = self.gaps(spin.complement, bond.complement).response
        new = spin_average(self.fields(q, Q, response), self.replicas)
        new_bond = self.prior.overlap(self.alpha * response * q[:-1] * q[1:], self.replicas)
        return joined(SOLID, Overlap(new.overlap, new.complement), SOLID), new_bond

    def conjugates(self, p: np.ndarray, bond: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fields eps (depth-1,) on the neurons and E (depth,) on the weights."""
        response = self.gaps(p, bond).response
        return self.fields(1 - p, 1 - bond, response), self.alpha * response * (1 - p[:-1]) * (1 - p[1:])

    def free_entropy(self, p: np.ndarray, bond: np.ndarray, eps: np.ndarray, E: np.ndarray) -> float:
        """Phi per N M, stationary in q, Q, eps (and E for Ising weights)

        Phi = sum_l { bond entropy / alpha + F[lambda(l)] } + sum_hidden s_spin
        """
        bonds = self.prior.entropy(bond, E, self.replicas) / self.alpha
        spins = spin_entropy(1 - p[1:-1], eps, self.replicas)
        return float(np.sum(bonds) + np.sum(self.gaps(p, bond).entropy) + np.sum(spins))

    def growth(self, q: np.ndarray) -> np.ndarray:
        """Factor by which a small q(l) grows when its layer is liquid: alpha g^4 (q(l-1)^2 + q(l+1)^2).

        g = f'(0) at lambda = 0

        Args:
            q: overlaps, shape (depth+1,).
        Returns:
            One value for each hidden layer, shape (depth-1,).
        """
        g = self.weight(np.zeros(1), np.ones(1))[1][0]
        return self.alpha * g**4 * (q[:-2] ** 2 + q[2:] ** 2)
