"""Potentials v(r) of the gap r = S sum_j J S' / sqrt(c) - margin.

Each class has `cost`, the function of r that the Monte Carlo moves use, and `energy`, the value of v.
They agree except for the hard core, whose v is infinite: there `cost` counts violated gaps and the
moves compare it at zero temperature, which is the limit beta -> infinity.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.core.check import finite, plain_fields, positive


@dataclass(frozen=True)
class SoftCore:
    """v(r) = strength * (-r)^power for r < 0, else 0   [Yoshino 2020; power 2, no factor 1/2].

    Args:
        power: exponent p > 0 (p = 1 and p = 2 are cheapest).
        strength: energy scale eps > 0.
        margin: subtracted from every gap (kappa).
    Raises:
        ValueError: for a power or strength that is not positive and finite, or a margin that is not finite.
    """

    power: float = 2.0
    strength: float = 1.0
    margin: float = 0.0
    hard: ClassVar[bool] = False

    def __post_init__(self) -> None:
        plain_fields(self)
        positive(power=self.power, strength=self.strength)
        finite(margin=self.margin)

    def cost(self, gap: Array) -> Array:
        """v(r) elementwise, in the dtype of `gap`; `gap` already has the margin subtracted."""
        power = int(self.power) if float(self.power).is_integer() else self.power
        negative = jnp.minimum(gap, 0)
        depth = negative if power % 2 == 0 else -negative  # the sign does not matter to an even power
        value = depth if power == 1 else depth**power
        return value if self.strength == 1 else value * self.strength

    def energy(self, gap: np.ndarray) -> np.ndarray:
        """v(r) elementwise with NumPy, in the dtype of `gap`."""
        return self.strength * np.maximum(-gap, 0) ** self.power


@dataclass(frozen=True)
class HardCore:
    """v(r) = infinity for r < 0, else 0.

    The weight exp(-beta v) is the same for every beta > 0. A chain that starts without violated gaps
    samples the prior restricted to ground states; any other start first lowers the number of violated
    gaps, never raising it. Single flips of hidden spins turn the gap r into -r - 2 margin: with a margin of at
    least 0 no spin of a ground state can flip, and only the weights move.

    Args:
        margin: subtracted from every gap (kappa).
    Raises:
        ValueError: for a margin that is not finite.
    """

    margin: float = 0.0
    hard: ClassVar[bool] = True

    def __post_init__(self) -> None:
        plain_fields(self)
        finite(margin=self.margin)

    def cost(self, gap: Array) -> Array:
        """1 for a violated gap, else 0, in the dtype of `gap`."""
        return (gap < 0).astype(gap.dtype)

    def energy(self, gap: np.ndarray) -> np.ndarray:
        """v(r) elementwise with NumPy: inf or 0."""
        return np.where(gap < 0, np.inf, np.zeros_like(gap))


@dataclass(frozen=True)
class Counting:
    """v(r) = strength for r < 0, else 0.

    Args:
        strength: energy of one violated gap, > 0.
        margin: subtracted from every gap (kappa).
    Raises:
        ValueError: for a strength that is not positive and finite, or a margin that is not finite.
    """

    strength: float = 1.0
    margin: float = 0.0
    hard: ClassVar[bool] = False

    def __post_init__(self) -> None:
        plain_fields(self)
        positive(strength=self.strength)
        finite(margin=self.margin)

    def cost(self, gap: Array) -> Array:
        """v(r) elementwise, in the dtype of `gap`."""
        return (gap < 0).astype(gap.dtype) * self.strength

    def energy(self, gap: np.ndarray) -> np.ndarray:
        """v(r) elementwise with NumPy, in the dtype of `gap`."""
        return np.where(gap < 0, self.strength, np.zeros_like(gap))


Potential = SoftCore | HardCore | Counting
