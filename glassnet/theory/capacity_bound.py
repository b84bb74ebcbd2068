"""A rigorous bound on how many random patterns a deep machine can store, and the warning above it."""

import math
import warnings

from scipy.optimize import brentq

from glassnet.core.check import integer, one_of
from glassnet.perceptron.potential import HardCore, Potential


class CapacityWarning(UserWarning):
    """A hard-core result for random data lies above the rigorous bound on the capacity: it is formal."""


def capacity_bound(depth: int, weights: str = "spherical") -> float:
    """Largest alpha at which random outputs may be realised: H_2(1/alpha) = 1/L bits, alpha = 2 for L = 1.

    Each perceptron realises at most C(M, N) = 2 sum_{k<N} binom(M-1, k) dichotomies [Cover 1965]; N L of them
    must produce 2^(N M) outputs. Ising weights have N^2 L bits, so alpha <= L as well.

    Args:
        depth: L >= 1.
        weights: "spherical" or "ising".
    Raises:
        ValueError: for a bad argument.
    """
    integer(1, depth=depth)
    one_of(("spherical", "ising"), weights=weights)
    if depth == 1:
        return 2.0 if weights == "spherical" else 1.0

    def excess(rate: float) -> float:
        bits = -(rate * math.log2(rate) + (1 - rate) * math.log2(1 - rate))
        return bits - 1 / depth

    bound = 1 / brentq(excess, 1e-12, 0.5, xtol=1e-15, rtol=1e-14)
    return bound if weights == "spherical" else min(bound, float(depth))


def exceeds_capacity_bound(alpha: float, depth: int, scenario: str, potential: Potential, weights: str) -> bool:
    """Whether a result is formal: random data, hard core, margin >= 0 and alpha above `capacity_bound`."""
    if scenario != "random" or not isinstance(potential, HardCore) or potential.margin < 0:
        return False
    return alpha > capacity_bound(depth, weights)


def warn_above_capacity(formal: bool, alpha: float, depth: int) -> None:
    """Emit a CapacityWarning when `formal`."""
    if formal:
        message = f"alpha = {alpha:g} lies above the rigorous capacity bound of depth {depth}: the result is formal."
        warnings.warn(message, CapacityWarning, stacklevel=3)
