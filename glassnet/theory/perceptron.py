"""Limits known for the single perceptron: capacities and the transition to perfect generalisation."""

import warnings
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from glassnet.core.check import finite
from glassnet.perceptron.potential import HardCore
from glassnet.theory.capacity_bound import CapacityWarning
from glassnet.theory.symmetric import replica_symmetric


def gardner_capacity(margin: float = 0.0) -> float:
    """Capacity of one perceptron with spherical weights.

    1/alpha_c = int_{-kappa}^inf Dt (t + kappa)^2 = (1 + kappa^2) Phi(kappa) + kappa phi(kappa)    [Gardner 1988]

    Exact for kappa >= 0 [Shcherbina and Tirozzi 2003]; heuristic below, where replica symmetry breaks.

    Args:
        margin: kappa.
    Raises:
        ValueError: for a margin that is no finite number.
    """
    finite(margin=margin)
    density = np.exp(-(margin**2) / 2) / np.sqrt(2 * np.pi)
    return float(1 / ((1 + margin**2) * ndtr(margin) + margin * density))


def ising_capacity(margin: float = 0.0) -> float:
    """Capacity of one perceptron with Ising weights: alpha at which the replica-symmetric entropy is zero.

    alpha Phi(alpha) = 0                                                               [Krauth and Mezard 1989]

    0.8330786 for kappa = 0, 0.7810743 for 0.05, 1.5576524 for -0.45. At kappa = 0 it is the capacity, if two functions
    of one and two variables have their maximum where numbers say [Ding and Sun 2018; Huang 2024, arXiv:2404.18902].

    Args:
        margin: kappa.
    Returns:
        To ten digits.
    Raises:
        ValueError: for a margin that is no finite number.
    """
    finite(margin=margin)
    return _zero_entropy("random", margin, 0.9 * gardner_capacity(margin) / 2 * 1.15)


def ising_generalisation_transition(margin: float = 0.0) -> float:
    """First-order transition to perfect generalisation of one perceptron with Ising weights.

    The entropy of the grown branch falls below that of the teacher itself, 0: alpha = 1.245    [Gyorgyi 1990]

    Exact [Barbier et al. 2019] for kappa = 0.

    Args:
        margin: kappa.
    """
    finite(margin=margin)
    return _zero_entropy("teacher", margin, 1.3)


def _zero_entropy(scenario: str, margin: float, guess: float) -> float:
    """Root of alpha Phi(alpha) for one layer of Ising weights."""

    def entropy(alpha: float) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CapacityWarning)
            potential = HardCore(margin=margin)
            options: dict[str, Any] = {"scenario": scenario, "potential": potential, "ensemble": "ising"}
            return alpha * replica_symmetric(depth=1, alpha=alpha, **options).free_entropy

    high = guess
    while entropy(high) > 0:
        high *= 1.1
    return float(brentq(entropy, 1e-3 * high, high, xtol=1e-10))
