"""Ensembles of the weights: what a field E on a weight does to its overlap, and the entropy it costs."""

from typing import Protocol

import numpy as np

from glassnet.core.check import one_of
from glassnet.theory.overlap import Overlap
from glassnet.theory.spin import spin_average, spin_entropy


class WeightPrior(Protocol):
    """One ensemble of weights, at replica weight m."""

    def overlap(self, E: np.ndarray, replicas: float) -> Overlap:
        """Q and 1 - Q at conjugate field E, shape of E."""
        ...

    def stiffness(self, bond: np.ndarray, E: np.ndarray, replicas: float) -> np.ndarray:
        """Response of E-fluctuations in the replicon direction: (1-Q)^2 or <sech^4>."""
        ...

    def entropy(self, bond: np.ndarray, E: np.ndarray, replicas: float) -> np.ndarray:
        """Entropy per weight and replica at overlap Q = 1 - bond, shape of bond."""
        ...


class Spherical:
    """Rows with sum_j J^2 = c.

    Independent Gaussian weights are the same for a hard core without margin, to which norms do not matter. A soft
    core pulls their norms down: at finite alpha they are another problem.
    """

    def overlap(self, E: np.ndarray, replicas: float) -> Overlap:
        """Root P = 1 - Q of Q / [(1-Q)(1+(m-1)Q)] = E and Q = E P [m + (1-m) P], without cancellation."""
        linear = E * replicas + 1
        P = 2 / (linear + np.sqrt(linear**2 + 4 * E * (1 - replicas)))
        return Overlap(E * P * (replicas + (1 - replicas) * P), P)

    def stiffness(self, bond: np.ndarray, E: np.ndarray, replicas: float) -> np.ndarray:
        """(1 - Q)^2."""
        return bond**2

    def entropy(self, bond: np.ndarray, E: np.ndarray, replicas: float) -> np.ndarray:
        """(1/2)[ln(1-Q) + Q/(1-Q)] for m = 0, (1/2)[ln(1-Q) + Q] for m = 1, (1/2n) ln det Q per replica else."""
        log, Q = np.log(bond), 1 - bond
        if replicas == 0:
            return (log + Q / bond) / 2
        if replicas == 1:
            return (log + Q) / 2
        return ((replicas - 1) * log + np.log1p((replicas - 1) * Q)) / (2 * replicas)


class Ising:
    """Weights +1 and -1 with equal weight: a weight is a spin in the field E."""

    def overlap(self, E: np.ndarray, replicas: float) -> Overlap:
        """Q = int Dz cosh^m tanh^2 / int Dz cosh^m, argument sqrt(E) z, and 1 - Q."""
        spin = spin_average(E, replicas)
        return Overlap(spin.overlap, spin.complement)

    def stiffness(self, bond: np.ndarray, E: np.ndarray, replicas: float) -> np.ndarray:
        """<sech^4>."""
        return spin_average(E, replicas).stiffness

    def entropy(self, bond: np.ndarray, E: np.ndarray, replicas: float) -> np.ndarray:
        """The entropy of a spin at overlap Q, ln 2 when free."""
        return spin_entropy(1 - bond, E, replicas)


PRIORS: dict[str, WeightPrior] = {"spherical": Spherical(), "ising": Ising()}
"""Ensembles by name."""


def weight_prior(ensemble: str) -> WeightPrior:
    """The ensemble called `ensemble` ("spherical" or "ising"); raises ValueError for another name."""
    one_of(PRIORS, ensemble=ensemble)
    return PRIORS[ensemble]
