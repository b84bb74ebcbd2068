"""k-step replica symmetry breaking of the deep perceptron in the factorised closure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy.optimize import minimize_scalar

from glassnet.core.check import fail, finite, integer, one_of, positive
from glassnet.perceptron.potential import HardCore, Potential
from glassnet.theory.acceleration import solve_ordered
from glassnet.theory.capacity_bound import exceeds_capacity_bound, warn_above_capacity
from glassnet.theory.exactness import HEURISTIC
from glassnet.theory.hierarchy import (
    bond_free_entropy,
    bond_overlaps,
    gap_hierarchy,
    spin_free_entropy,
    spin_hierarchy,
)
from glassnet.theory.local_weight import LocalWeight, local_weight

TOLERANCE = 1e-10
"""Largest residual of a returned solution."""


@dataclass(frozen=True)
class Parisi:
    """A converged k-step solution.

    Attributes:
        q: overlaps of the neurons, shape (steps+1, depth+1), q[:, 0] = q[:, depth] = 1.
        Q: overlaps of the weights, shape (steps+1, depth).
        m: block sizes m_1 < .. < m_k, shape (steps,).
        eps: fields on the hidden neurons, shape (steps+1, depth-1).
        free_entropy: Phi per N M.
        complexity: 1RSB: -m^2 dPhi/dm, the logarithm of the number of states per N M; None for more steps.
        residual: max |x - map(x)| over all overlaps.
        iterations: evaluations of the saddle-point equations.
        converged: always True: a solver that fails raises NoConvergenceError.
        above_capacity_bound: the solution is formal.
        depth, alpha, steps, potential, beta: what was asked for.
    """

    q: np.ndarray
    Q: np.ndarray
    m: np.ndarray
    eps: np.ndarray = field(repr=False)
    free_entropy: float
    complexity: float | None
    residual: float
    iterations: int
    converged: bool
    above_capacity_bound: bool
    depth: int
    alpha: float
    steps: int
    potential: Potential
    beta: float | None

    @property
    def exactness(self) -> str:
        """Heuristic: the closure is factorised, and k steps stand for infinitely many."""
        return HEURISTIC

    @property
    def weight(self) -> np.ndarray:
        """P(q): probability m_{i+1} - m_i of the overlaps q[i], Q[i], shape (steps+1,)."""
        return np.diff(self.m, prepend=0.0, append=1.0)

    def function(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Parisi functions q(x; l) and Q(x; l): q_i for m_i <= x < m_{i+1}.

        Args:
            x: values in [0, 1], shape (n,).
        Returns:
            Shapes (n, depth+1) and (n, depth).
        """
        level = np.searchsorted(self.m, np.asarray(x, float), side="right")
        return self.q[level], self.Q[level]


@dataclass(frozen=True)
class ParisiChain:
    """The k-step equations of a chain: q_i, Q_i, lambda_i = q_i(l-1) Q_i(l) q_i(l).

    Args:
        depth: L.
        alpha: M/c.
        weight: averaged Boltzmann weight of a gap.
        m: block sizes, as a tuple.
    """

    depth: int
    alpha: float
    weight: LocalWeight
    m: tuple[float, ...]
    _gap: Callable[[bytes], np.ndarray] = field(init=False, repr=False, compare=False)
    _spin: Callable[[bytes], np.ndarray] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Remember recursions: layers that mirror each other are solved once."""
        object.__setattr__(self, "_gap", lru_cache(4 * self.depth)(self._gap_response))
        object.__setattr__(self, "_spin", lru_cache(4 * self.depth)(self._spin_response))

    def _gap_response(self, overlaps: bytes) -> np.ndarray:
        return gap_hierarchy(self.weight, np.frombuffer(overlaps), np.array(self.m)).response

    def _spin_response(self, fields: bytes) -> np.ndarray:
        return spin_hierarchy(np.frombuffer(fields), np.array(self.m)).response

    def lambdas(self, q: np.ndarray, Q: np.ndarray) -> np.ndarray:
        """lambda_i(l), shape (steps+1, depth)."""
        return q[:, :-1] * Q * q[:, 1:]

    def conjugates(self, q: np.ndarray, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """eps_i(l) of the hidden neurons and E_i(l) = alpha G_i(l) q_i(l-1) q_i(l) of the weights."""
        overlaps = self.lambdas(q, Q)
        G = np.stack([self._gap(np.ascontiguousarray(column).tobytes()) for column in overlaps.T], axis=1)
        eps = G[:, :-1] * Q[:, :-1] * q[:, :-2] + G[:, 1:] * Q[:, 1:] * q[:, 2:]
        return np.maximum.accumulate(eps, axis=0), np.maximum.accumulate(self.alpha * G * q[:, :-1] * q[:, 1:], axis=0)

    def step(self, q: np.ndarray, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One iteration of the saddle-point equations."""
        eps, E = self.conjugates(q, Q)
        new_q = np.ones_like(q)
        for l in range(1, self.depth):
            new_q[:, l] = self._spin(np.ascontiguousarray(eps[:, l - 1]).tobytes())
        return new_q, np.stack([bond_overlaps(column, np.array(self.m)) for column in E.T], axis=1)

    def free_entropy(self, q: np.ndarray, Q: np.ndarray, eps: np.ndarray) -> float:
        """Phi per N M at any q, Q, eps; stationary at the solution."""
        m = np.array(self.m)
        gaps = sum(gap_hierarchy(self.weight, column, m).entropy for column in self.lambdas(q, Q).T)
        bonds = sum(bond_free_entropy(column, m) for column in Q.T) / self.alpha
        spins = sum(spin_free_entropy(eps[:, l], q[:, l + 1], m) for l in range(self.depth - 1))
        return float(gaps + bonds + spins)

    def solve(self, start: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, float, int]:
        """q, Q, residual and iterations; `start` of shape (steps+1, 2 depth - 1) holds q(1..L-1) and Q(1..L)."""
        levels, hidden = len(self.m) + 1, self.depth - 1

        def unpack(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            edge = np.ones((levels, 1))
            return np.hstack([edge, x[:, :hidden], edge]), x[:, hidden:]

        def step(x: np.ndarray) -> np.ndarray:
            q, Q = self.step(*unpack(x))
            return np.hstack([q[:, 1:-1], Q])

        if start is None:
            ramp = (0.05 + 0.5 * np.arange(levels) / max(levels - 1, 1))[:, None]
            start = np.repeat(ramp, 2 * self.depth - 1, axis=1)
        found = solve_ordered(step, start, TOLERANCE)
        return *unpack(found.complement), found.residual, found.iterations


def parisi(
    *,
    depth: int,
    alpha: float,
    steps: int = 1,
    m: float | np.ndarray | str | None = None,
    potential: Potential | None = None,
    beta: float | None = None,
) -> Parisi:
    """k-step replica symmetry breaking for random data, factorised closure, spherical weights.

    f_i(h) = (1/m_i) ln int Dz exp[m_i f_{i+1}(h + sqrt(d_i) z)], d_i = lambda_i - lambda_{i-1}, in every gap and
    neuron; G_i = int dh P_{i+1} f'_{i+1}^2;  eps_i(l) = G_i(l) q_i(l-1) Q_i(l) + G_i(l+1) Q_i(l+1) q_i(l+1)
    [structure: Yoshino 2020]

    Args:
        depth: L >= 1.
        alpha: M/c > 0.
        steps: k >= 1; 1RSB for 1, full RSB as k grows.
        m: block sizes: "grid" (m_i = i/(k+1)), "extremal" (1RSB only: dPhi/dm = 0), or k values in (0, 1); if None,
            "extremal" for one step and "grid" for more.
        potential: of the gap; hard core without margin if None.
        beta: inverse temperature, needed unless the potential is hard.
    Returns:
        The solution with its free entropy.
    Raises:
        ValueError: for a bad argument.
        NoConvergenceError: if the residual stays above 1e-10.
    Warns:
        CapacityWarning: above the rigorous bound on the capacity (hard core).
    """
    integer(1, depth=depth, steps=steps)
    positive(alpha=alpha)
    potential = HardCore() if potential is None else potential
    weight = local_weight(potential, beta)
    blocks = _block_sizes(steps, ("extremal" if steps == 1 else "grid") if m is None else m)
    if blocks is None:
        blocks = (_extremal_block(int(depth), float(alpha), weight),)
    chain = ParisiChain(int(depth), float(alpha), weight, blocks)
    q, Q, residual, iterations = chain.solve()
    eps, _ = chain.conjugates(q, Q)
    formal = exceeds_capacity_bound(alpha, depth, "random", potential, "spherical")
    warn_above_capacity(formal, alpha, depth)
    return Parisi(
        q=q,
        Q=Q,
        m=np.array(blocks),
        eps=eps,
        free_entropy=chain.free_entropy(q, Q, eps),
        complexity=_complexity(chain, q, Q, eps) if steps == 1 else None,
        residual=residual,
        iterations=iterations,
        converged=True,
        above_capacity_bound=formal,
        depth=int(depth),
        alpha=float(alpha),
        steps=int(steps),
        potential=potential,
        beta=beta,
    )


def _block_sizes(steps: int, m: float | np.ndarray | str) -> tuple[float, ...] | None:
    """m_1 < .. < m_k, or None when they are to be found."""
    if isinstance(m, str):
        one_of(("grid", "extremal"), m=m)
        if m == "extremal" and steps != 1:
            raise fail("m", "be 'grid' or values for more than one step", m)
        return None if m == "extremal" else tuple(i / (steps + 1) for i in range(1, steps + 1))
    values = np.atleast_1d(np.asarray(m, float))
    finite(**{f"m[{i}]": float(v) for i, v in enumerate(values)})
    if values.size != steps or np.any(values <= 0) or np.any(values >= 1) or np.any(np.diff(values) <= 0):
        raise fail("m", f"be {steps} increasing values in (0, 1)", m)
    return tuple(float(v) for v in values)


def _extremal_block(depth: int, alpha: float, weight: LocalWeight) -> float:
    """m at which the 1RSB free entropy is least (there the complexity is zero)."""

    def phi(m: float) -> float:
        chain = ParisiChain(depth, alpha, weight, (float(m),))
        q, Q, _, _ = chain.solve()
        return chain.free_entropy(q, Q, chain.conjugates(q, Q)[0])

    return float(minimize_scalar(phi, bounds=(0.02, 0.98), method="bounded", options={"xatol": 1e-5}).x)


def _complexity(chain: ParisiChain, q: np.ndarray, Q: np.ndarray, eps: np.ndarray) -> float:
    """-m^2 dPhi/dm at fixed overlaps (the others are stationary), by central difference."""
    (m,), shift = chain.m, 1e-4
    values = [
        ParisiChain(chain.depth, chain.alpha, chain.weight, (m + s * shift,)).free_entropy(q, Q, eps) for s in (1, -1)
    ]
    return float(-(m**2) * (values[0] - values[1]) / (2 * shift))
