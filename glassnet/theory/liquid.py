"""The liquid: no overlap anywhere, every gap an independent Gaussian.

Dense limit (see `glassnet.theory.exactness`), at loads where the liquid is the equilibrium.
"""

import numpy as np
from scipy.integrate import quad
from scipy.special import ndtr

from glassnet.core.check import positive
from glassnet.perceptron.potential import Counting, HardCore, Potential, SoftCore
from glassnet.theory.local_weight import local_weight


def liquid_energy(*, potential: Potential, beta: float | None = None) -> float:
    """Energy per gap where all overlaps are zero.

    e = int Dh v(h - kappa) exp(-beta v) / int Dh exp(-beta v); quadratic soft core without margin:
    e = strength sigma^(-3/2) / (1 + sigma^(-1/2)), sigma = 1 + 2 beta strength

    Args:
        potential: of the gap.
        beta: inverse temperature, needed unless the potential is hard.
    Returns:
        In the units of `potential.strength`; 0 for the hard core.
    Raises:
        ValueError: for a bad potential or beta.
    """
    log_norm = float(local_weight(potential, beta)(np.zeros(1), np.ones(1))[0][0])
    if isinstance(potential, HardCore) or beta is None:
        return 0.0
    if isinstance(potential, Counting):
        return float(potential.strength * np.exp(-beta * potential.strength - log_norm) * ndtr(potential.margin))
    assert isinstance(potential, SoftCore)  # checked by `local_weight`

    def weighted(r: float) -> float:
        energy = potential.strength * r**potential.power
        return energy * np.exp(-beta * energy - (r - potential.margin) ** 2 / 2 - log_norm) / np.sqrt(2 * np.pi)

    scale = (beta * potential.strength) ** (-1 / potential.power)
    points = [k * scale for k in (0.5, 1, 2, 4) if k * scale < 12]
    return float(quad(weighted, 0, 12 + max(potential.margin, 0), points=points, epsabs=0, epsrel=1e-11, limit=200)[0])


def liquid_free_entropy(*, depth: int, potential: Potential, beta: float | None = None) -> float:
    """Free entropy per N M of the liquid: L ln int Dh exp(-beta v) + (L - 1) ln 2; -ln 2 for the hard core.

    Args:
        depth: L >= 1.
        potential: of the gap.
        beta: inverse temperature, needed unless the potential is hard.
    """
    positive(depth=depth)
    log_norm = float(local_weight(potential, beta)(np.zeros(1), np.ones(1))[0][0])
    return depth * log_norm + (depth - 1) * float(np.log(2.0))
