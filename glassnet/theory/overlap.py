"""Overlaps in [0, 1] that keep their relative accuracy at both ends: near 0 by the value, near 1 by the complement."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit


@dataclass(frozen=True)
class Overlap:
    """Overlaps with their complements.

    Attributes:
        value: q, any shape.
        complement: 1 - q, same shape.
    """

    value: np.ndarray
    complement: np.ndarray

    @property
    def logit(self) -> np.ndarray:
        """x = ln(q/(1 - q)): -inf at q = 0, inf at q = 1."""
        with np.errstate(divide="ignore"):
            return np.log(self.value) - np.log(self.complement)


def from_logit(x: np.ndarray) -> Overlap:
    """The overlaps at x = ln(q/(1 - q)), which may be infinite."""
    return Overlap(expit(x), expit(-x))


def from_complement(complement: np.ndarray) -> Overlap:
    """The overlaps with these complements, accurate where they are not close to 1."""
    return Overlap(1 - complement, complement)


def joined(*parts: Overlap) -> Overlap:
    """One-dimensional overlaps, one after the other."""
    return Overlap(np.concatenate([p.value for p in parts]), np.concatenate([p.complement for p in parts]))


SOLID = Overlap(np.ones(1), np.zeros(1))
"""q = 1, at a boundary that is given."""
LIQUID = Overlap(np.zeros(1), np.ones(1))
"""q = 0."""
