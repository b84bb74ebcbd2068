"""Where each layer freezes: continuous transitions of the grown branch, and the depth of the solid."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial

import numpy as np
from scipy.optimize import brentq

from glassnet.core.check import fail, integer
from glassnet.core.former import former_arguments, warn_former
from glassnet.perceptron.potential import HardCore, Potential
from glassnet.theory.capacity_bound import exceeds_capacity_bound
from glassnet.theory.exactness import DENSE, HEURISTIC
from glassnet.theory.fixed_point import solve
from glassnet.theory.overlap import LIQUID, SOLID, Overlap, from_logit, joined
from glassnet.theory.symmetric import STARTS, Chain, chain_equations

ALPHA_LIMIT = 1e7
"""Largest alpha at which a transition is looked for."""


@dataclass(frozen=True)
class Transitions:
    """Transition of every hidden layer.

    Attributes:
        alpha_g: shape (depth-1,), alpha_g[l-1] of hidden layer l; inf where no transition was found.
        above_capacity_bound: shape (depth-1,): the value is formal, above the rigorous capacity bound.
        depth, scenario, closure, potential, beta, ensemble: what was asked for.
    """

    alpha_g: np.ndarray
    above_capacity_bound: np.ndarray = field(repr=False)
    depth: int
    scenario: str
    closure: str
    potential: Potential
    beta: float | None
    ensemble: str

    @property
    def exactness(self) -> str:
        """Dense limit in the exact closure, with a teacher or for the one hidden layer of L = 2; heuristic otherwise.

        With random data the layers that order after the first one do so upon a replica-symmetric order that is
        unstable.
        """
        first_alone = self.depth == 2 or self.scenario == "teacher"
        return DENSE if self.closure == "exact" and first_alone and not any(self.above_capacity_bound) else HEURISTIC

    @property
    def weights(self) -> str:
        """Former name of `ensemble`."""
        warn_former("weights", "ensemble")
        return self.ensemble


@dataclass(frozen=True)
class PenetrationFit:
    """Thickness of the solid against storage: xi = intercept + slope ln alpha.

    Attributes:
        slope, intercept: of the least-squares line through (ln alpha_g(l), l).
        ratio: alpha_g(l+1)/alpha_g(l): constant where the logarithm holds, and it is not (it falls steadily).
        local_slope: 1/ln ratio, the slope between neighbours.
    """

    slope: float
    intercept: float
    ratio: np.ndarray
    local_slope: np.ndarray

    @property
    def exactness(self) -> str:
        """Heuristic: the logarithm is no law of the equations."""
        return HEURISTIC


@former_arguments(weights="ensemble")
def transitions(
    *,
    depth: int,
    scenario: str = "random",
    closure: str = "factorised",
    potential: Potential | None = None,
    beta: float | None = None,
    ensemble: str = "spherical",
) -> Transitions:
    """alpha_g(l) at which hidden layer l of the grown branch leaves q = 0.

    The layer next to a solid one orders where a small q(l) grows by a factor 1:
    alpha g^4 [q(l-1)^2 + q(l+1)^2] = 1 in the factorised closure (g = f'(0) at lambda = 0), from both sides;
    alpha g^4 q(l+1)^2 [1 + alpha g^4 q(l-1)^2/(1 - ..)] = 1 in the exact closure, from the output side, or
    alpha k^2 q(l-1)^2 = 1 (k = Z''/Z(0) at C = 0) from the input side, never for the hard core without margin.
    alpha_g(1) = pi^2/4 for L >= 3 and pi^2/8 for L = 2 (hard core)

    Args:
        depth: L >= 2.
        scenario, closure, potential, beta, ensemble: as in `replica_symmetric`.
    Raises:
        ValueError: for a bad argument.
        NoConvergenceError: if a profile on the way does not converge.
    """
    options = {"scenario": scenario, "closure": closure, "potential": potential, "beta": beta, "ensemble": ensemble}
    integer(2, depth=depth)
    if closure == "factorised":
        half = _transitions(depth // 2, depth, options)
        alpha_g = np.concatenate([half, half[: (depth - 1) // 2][::-1]])
    else:
        alpha_g = _from_both_sides(depth, options)
    hard = potential or HardCore()
    formal = [bool(np.isfinite(a)) and exceeds_capacity_bound(a, depth, scenario, hard, ensemble) for a in alpha_g]
    return Transitions(alpha_g, np.array(formal), int(depth), scenario, closure, hard, beta, ensemble)


@former_arguments(weights="ensemble")
def one_sided_transitions(
    levels: int,
    *,
    scenario: str = "random",
    closure: str = "factorised",
    potential: Potential | None = None,
    beta: float | None = None,
    ensemble: str = "spherical",
) -> np.ndarray:
    """alpha_g of the first `levels` layers that freeze at one boundary of an infinitely deep machine.

    Factorised: alpha g^4 q(l-1)^2 = 1 counted from either boundary; exact: counted from the output.

    Args:
        levels: how many layers, >= 1.
        scenario, closure, potential, beta, ensemble: as in `replica_symmetric`.
    Returns:
        Shape (levels,), increasing; inf from the first one that was not found.
    """
    integer(1, levels=levels)
    options = {"scenario": scenario, "closure": closure, "potential": potential, "beta": beta, "ensemble": ensemble}
    return _transitions(levels, 2 * levels + 2, options)


def penetration_fit(alpha_g: np.ndarray, first_layer: int = 1) -> PenetrationFit:
    """Least-squares line xi = a + b ln alpha through the thickness xi = l at alpha_g(l).

    Args:
        alpha_g: transitions of consecutive layers from the boundary, shape (n >= 2,), finite, increasing.
        first_layer: layer of alpha_g[0].
    Raises:
        ValueError: for fewer than two values, or values that do not increase.
    """
    alpha_g = np.asarray(alpha_g, float)
    if alpha_g.ndim != 1 or alpha_g.size < 2 or not np.all(np.isfinite(alpha_g)) or np.any(np.diff(alpha_g) <= 0):
        raise fail("alpha_g", "be at least two finite increasing values", alpha_g)
    slope, intercept = np.polyfit(np.log(alpha_g), first_layer + np.arange(alpha_g.size), 1)
    ratio = alpha_g[1:] / alpha_g[:-1]
    return PenetrationFit(float(slope), float(intercept), ratio, 1 / np.log(ratio))


class _Profiles:
    """Overlaps of the solid layers at one end of a machine whose next layer is liquid, for rising alpha.

    A profile starts from the one at the nearest smaller alpha, that is from below, so that the branch stays the
    grown one. The end is the output, or the input if `reverse`.
    """

    def __init__(self, level: int, inner: "_Profiles | None" = None, *, reverse: bool = False) -> None:
        self.hidden, self.reverse = level - 1, reverse
        self.known: dict[float, np.ndarray] = {}
        if inner is not None and inner.known:
            alpha, new = max(inner.known), np.full(2, STARTS["grown"])
            self.known[alpha] = np.concatenate([inner.known[alpha], new] if reverse else [new, inner.known[alpha]])

    def at(self, chain: Chain) -> np.ndarray:
        """q of the solid hidden layers and of the end, from input to output, shape (level,)."""
        if self.hidden == 0:
            return np.ones(1)
        short = type(chain)(self.hidden + 1, chain.alpha, chain.replicas, chain.weight, chain.margin, chain.prior)
        opened = _open_above if self.reverse else _open
        solid = slice(None, -1) if self.reverse else slice(1, None)

        def step(x: np.ndarray) -> np.ndarray:
            spin, bond = (overlap.logit for overlap in short.step(*opened(x)))
            pair = (bond[solid], spin[1:-1]) if self.reverse else (spin[1:-1], bond[solid])
            return np.ravel(np.column_stack(pair))

        below = [alpha for alpha in self.known if alpha <= chain.alpha]
        start = self.known[max(below)] if below else np.full(2 * self.hidden, STARTS["grown"])
        found = solve(step, start, band=2 if chain.banded else None, patience=4)
        self.known[chain.alpha] = found.x
        return opened(found.x)[0].value[solid]


def _from_both_sides(depth: int, options: dict) -> np.ndarray:
    """alpha_g(l) in the exact closure: a solid grows from the output and, apart from it, from the input."""
    values = np.full(depth - 1, np.inf)
    inner, outer, low = _Profiles(1, reverse=True), _Profiles(1), 0.0
    while inner.hidden + outer.hidden < depth - 1:
        fronts = [inner.hidden, depth - 2 - outer.hidden]

        def growth(chain: Chain, inner: _Profiles = inner, outer: _Profiles = outer) -> np.ndarray:
            gap = np.zeros(chain.depth - 1 - inner.hidden - outer.hidden)
            return chain.growth(np.concatenate([inner.at(chain), gap, outer.at(chain)]))

        low = _onset(lambda chain, fronts=fronts: float(np.max(growth(chain)[fronts])), depth, low, options)
        if np.isinf(low):
            break
        rates = growth(chain_equations(depth=depth, alpha=low, **options))
        if rates[fronts[0]] > rates[fronts[1]]:
            inner, values[fronts[0]] = _Profiles(inner.hidden + 2, inner, reverse=True), low
        else:
            outer, values[fronts[1]] = _Profiles(outer.hidden + 2, outer), low
    return values


def _transitions(levels: int, depth: int, options: dict) -> np.ndarray:
    """alpha_g of the first `levels` layers from the boundary (factorised) or the output (exact); inf if not found."""
    values = np.full(levels, np.inf)
    profiles: _Profiles | None = None
    low = 0.0
    for level in range(1, levels + 1):
        profiles = _Profiles(level, profiles)
        rate = partial(_growth, level, profiles)
        low = values[level - 1] = _onset(rate, depth, low, options)
        if np.isinf(low):
            break
    return values


def _onset(rate: Callable[[Chain], float], depth: int, low: float, options: dict) -> float:
    """The alpha > low at which the growth factor `rate` of a layer passes 1; inf if beyond ALPHA_LIMIT."""
    edge = np.log(low) if low else np.log(1e-3)

    @lru_cache
    def excess(log_alpha: float) -> float:
        if log_alpha <= edge:
            return -3.0  # the innermost solid layer vanishes here, and converging to that is slow
        chain = chain_equations(depth=depth, alpha=float(np.exp(log_alpha)), **options)
        return float(np.clip(np.log(max(rate(chain), 1e-300)), -50, 50))

    left, right = edge, edge + 0.25
    while excess(right) < 0:
        left, right = right, right + 0.25
        if right > np.log(ALPHA_LIMIT):
            return np.inf
    return float(np.exp(brentq(excess, left, right, xtol=1e-13, rtol=1e-13)))


def _growth(level: int, profiles: _Profiles, chain: Chain) -> float:
    """Growth factor of the liquid layer `level` steps below the output, the layers outside it being solid."""
    q = np.zeros(chain.depth + 1)
    solid = profiles.at(chain)
    q[chain.depth - level + 1 :] = solid
    q[0] = 1.0
    if chain.banded:
        q[:level] = solid[::-1]
    return float(chain.growth(q)[chain.depth - level - 1])


def _open(x: np.ndarray) -> tuple[Overlap, Overlap]:
    """Overlaps of neurons and weights from q(1), Q(2), q(2), Q(3), ... with q(0) = Q(1) = 0."""
    return joined(LIQUID, from_logit(x[0::2]), SOLID), joined(LIQUID, from_logit(x[1::2]))


def _open_above(x: np.ndarray) -> tuple[Overlap, Overlap]:
    """Overlaps of neurons and weights from Q(1), q(1), Q(2), ... with q(0) = 1 and nothing above the last q."""
    return joined(SOLID, from_logit(x[1::2]), LIQUID), joined(from_logit(x[0::2]), LIQUID)
