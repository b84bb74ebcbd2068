"""Replica-symmetric solutions of the deep perceptron, layer by layer."""

from dataclasses import dataclass, field

import numpy as np

from glassnet.core.check import integer, one_of, positive
from glassnet.core.former import former_arguments, warn_former
from glassnet.perceptron.potential import Counting, HardCore, Potential
from glassnet.theory.capacity_bound import exceeds_capacity_bound, warn_above_capacity
from glassnet.theory.exact import ExactChain
from glassnet.theory.exactness import DENSE, EXACT, HEURISTIC
from glassnet.theory.factorised import FactorisedChain
from glassnet.theory.fixed_point import CEILING, FLOOR, FixedPoint, solve
from glassnet.theory.local_weight import local_weight
from glassnet.theory.overlap import SOLID, Overlap, from_logit, joined
from glassnet.theory.prior import weight_prior

SCENARIOS = {"random": 0.0, "teacher": 1.0}
"""Replica weight m of each kind of data."""
CLOSURES = {"factorised": FactorisedChain, "exact": ExactChain}
"""Equations of each closure."""
STARTS = {"grown": -np.log(1e3 - 1), "crystal": np.log(1e6 - 1)}
"""x = ln(q/(1-q)) from which each branch is iterated: q = 1e-3 and 1 - 1e-6."""

Chain = FactorisedChain | ExactChain


@dataclass(frozen=True)
class ReplicaSymmetric:
    """A converged replica-symmetric solution.

    Attributes:
        q: overlaps of the neurons, shape (depth+1,), q[0] = q[depth] = 1.
        Q: overlaps of the weights, shape (depth,), Q[l-1] of layer l.
        eps: variances of the fields on the hidden neurons, shape (depth-1,).
        p: complements 1 - q, accurate for q near 1.
        P: complements 1 - Q.
        free_entropy: Phi per N M.
        residual: max |map(q)/q - 1| over all overlaps that have not vanished: relative to the order, however small.
        iterations: evaluations of the saddle-point equations.
        converged: always True: a solver that fails raises NoConvergenceError.
        above_capacity_bound: the solution is formal, for no machine can store so many random patterns.
        depth, alpha, scenario, closure, potential, beta, branch, ensemble: what was asked for.
    """

    q: np.ndarray
    Q: np.ndarray
    eps: np.ndarray
    p: np.ndarray = field(repr=False)
    P: np.ndarray = field(repr=False)
    free_entropy: float
    residual: float
    iterations: int
    converged: bool
    above_capacity_bound: bool
    depth: int
    alpha: float
    scenario: str
    closure: str
    potential: Potential
    beta: float | None
    branch: str
    ensemble: str

    @property
    def exactness(self) -> str:
        """One of `glassnet.theory.exactness.LABELS`.

        One perceptron is exact with a teacher whose outputs are drawn given its weights (hard core or `Counting`
        without margin) [Barbier et al., PNAS 116, 5451 (2019)], and with random data where its measure is
        log-concave [Shcherbina and Tirozzi 2003; Talagrand, Mean Field Models for Spin Glasses I (2011), ch. 3].
        Else the dense limit, if the closure is exact and replica symmetry stable or given by a teacher. Heuristic:
        the factorised closure of two layers or more, broken replica symmetry, random data above the capacity bound,
        and random data with Ising weights, which freeze without a sign of instability.
        """
        from glassnet.theory.stability import is_log_concave, replicon  # which need this class

        if self.above_capacity_bound or (self.depth > 1 and self.closure == "factorised"):
            return HEURISTIC
        if self.scenario == "teacher":
            drawn = self.potential.margin == 0 and isinstance(self.potential, HardCore | Counting)
            return EXACT if self.depth == 1 and drawn else DENSE
        if self.ensemble == "ising":
            return HEURISTIC
        if self.depth == 1 and is_log_concave(self):
            return EXACT
        return DENSE if replicon(self) < 0 else HEURISTIC

    @property
    def weights(self) -> str:
        """Former name of `ensemble`."""
        warn_former("weights", "ensemble")
        return self.ensemble


def chain_equations(
    *,
    depth: int,
    alpha: float,
    scenario: str = "random",
    closure: str = "factorised",
    potential: Potential | None = None,
    beta: float | None = None,
    ensemble: str = "spherical",
) -> Chain:
    """The checked saddle-point equations; arguments and errors as in `replica_symmetric`."""
    integer(1, depth=depth)
    positive(alpha=alpha)
    one_of(SCENARIOS, scenario=scenario)
    one_of(CLOSURES, closure=closure)
    potential = HardCore() if potential is None else potential
    weight = local_weight(potential, beta)
    return CLOSURES[closure](
        depth=int(depth),
        alpha=float(alpha),
        replicas=SCENARIOS[scenario],
        weight=weight,
        margin=potential.margin,
        prior=weight_prior(ensemble),
    )


def unpack(x: np.ndarray) -> tuple[Overlap, Overlap]:
    """Overlaps of neurons (with both ends) and weights from x in the order Q(1), q(1), Q(2), ..., Q(L)."""
    return joined(SOLID, from_logit(x[1::2]), SOLID), from_logit(x[0::2])


def pack(spin: np.ndarray, bond: np.ndarray) -> np.ndarray:
    """Values in the order Q(1), q(1), Q(2), ..., Q(L) from those of neurons (with both ends, left out) and weights."""
    packed = np.empty(2 * bond.size - 1)
    packed[0::2], packed[1::2] = bond, spin[1:-1]
    return packed


def solve_chain(chain: Chain, start: np.ndarray) -> FixedPoint:
    """The fixed point reached from `start`: x = ln(overlap/(1 - overlap)) in the order of `pack`."""

    def step(x: np.ndarray) -> np.ndarray:
        spin, bond = chain.step(*unpack(x))
        return pack(spin.logit, bond.logit)

    return solve(step, start, band=2 if chain.banded else None)


@former_arguments(weights="ensemble")
def replica_symmetric(
    *,
    depth: int,
    alpha: float,
    scenario: str = "random",
    closure: str = "factorised",
    potential: Potential | None = None,
    beta: float | None = None,
    branch: str = "grown",
    ensemble: str = "spherical",
) -> ReplicaSymmetric:
    """Overlaps of neurons and weights in every layer, one step from replicas to physics.

    Q(l)/[(1-Q(l))(1+(m-1)Q(l))] = alpha G_m(lambda(l)) q(l-1) q(l),  lambda(l) = q(l-1) Q(l) q(l)
    q(l) = int Dz cosh^m tanh^2 / int Dz cosh^m,  eps(l) = G(l) Q(l) q(l-1) + G(l+1) Q(l+1) q(l+1)
    with m = 0 (random) or 1 (teacher); the exact closure: see `glassnet.theory.exact`
    [structure: Yoshino 2020]

    Args:
        depth: number of weight layers L >= 1.
        alpha: patterns per input of a neuron, M/c > 0.
        scenario: "random" boundaries, or "teacher": the Nishimori line m = 1, on which the teacher is one of the
            replicas. For a hard core without margin it labels without noise; else its configuration and the outputs
            are drawn together with weight exp(-beta H), so that the student knows noise and margin.
        closure: "factorised" or "exact".
        potential: of the gap; hard core without margin if None.
        beta: inverse temperature, needed unless the potential is hard.
        branch: "grown" (start at q = 1e-3) or "crystal" (start at 1 - 1e-6); both may end in one solution.
        ensemble: "spherical" or "ising".
    Returns:
        The solution with its free entropy. A layer is liquid, q = 0, where a small order would grow by less than
        1e-9 per iteration, which is rounding.
    Raises:
        ValueError: for a bad argument.
        NoConvergenceError: if the residual does not reach the tolerance.
    Warns:
        CapacityWarning: above the rigorous bound on the capacity (random data, hard core).
    """
    options = {"scenario": scenario, "closure": closure, "potential": potential, "beta": beta, "ensemble": ensemble}
    one_of(STARTS, branch=branch)
    chain = chain_equations(depth=depth, alpha=alpha, **options)
    found = solve_chain(chain, np.full(2 * depth - 1, STARTS[branch]))
    spin, weight = unpack(found.x)
    p, P = spin.complement, weight.complement
    eps, E = chain.conjugates(p, P)
    formal = exceeds_capacity_bound(alpha, depth, scenario, potential or HardCore(), ensemble)
    warn_above_capacity(formal, alpha, depth)
    return ReplicaSymmetric(
        q=spin.value,
        Q=weight.value,
        eps=eps,
        p=p,
        P=P,
        free_entropy=chain.free_entropy(p, P, eps, E),
        residual=found.residual,
        iterations=found.iterations,
        converged=True,
        above_capacity_bound=formal,
        depth=int(depth),
        alpha=float(alpha),
        scenario=scenario,
        closure=closure,
        potential=potential or HardCore(),
        beta=beta,
        branch=branch,
        ensemble=ensemble,
    )


def distance(first: ReplicaSymmetric, second: ReplicaSymmetric) -> float:
    """Largest difference of ln(q/(1-q)) between two solutions where both are solid: 0 if they are the same."""
    one, two = (pack(Overlap(s.q, s.p).logit, Overlap(s.Q, s.P).logit) for s in (first, second))
    return float(np.max(np.abs(np.clip(one, FLOOR, CEILING) - np.clip(two, FLOOR, CEILING))))
