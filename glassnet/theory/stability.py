"""Stability of a replica-symmetric solution against the breaking of replica symmetry (the replicon)."""

import numpy as np

from glassnet.perceptron.potential import HardCore, SoftCore
from glassnet.theory.exact import ExactChain, neuron_stiffness
from glassnet.theory.factorised import FactorisedChain, gap_average, product_complement
from glassnet.theory.local_weight import local_weight
from glassnet.theory.quadrature import graded_nodes
from glassnet.theory.spin import spin_average
from glassnet.theory.symmetric import ReplicaSymmetric, chain_equations, pack


def replicon(solution: ReplicaSymmetric) -> float:
    """Largest eigenvalue of the replicon Hessian: replica symmetry is unstable where it is positive.

       Hessian in (dQ(l), dq(l)): H_QQ = -1/(alpha (1-Q)^2), H_qq = -1/<sech^4>, + Gamma(l) v v^T with
       v = (dlambda/dQ, dlambda/dq(l), dlambda/dq(l-1)), Gamma = <f''^2>, + G q(l-1), G q(l), G Q(l) off the diagonal
    In the exact closure a neuron adds -(dq - b dC)^2/(2a) + c dC^2/2, C = q(l-1) Q(l), with
       a, b, c the averages <(d_x^2 ln A)^2>, <(d_x d_h ln A)^2>, <(d_h^2 ln A)^2>. Liquid layers are left out.

       Args:
           solution: of `replica_symmetric`.
       Returns:
           The eigenvalue, in units of Phi per squared overlap.
    """
    chain = chain_equations(
        depth=solution.depth,
        alpha=solution.alpha,
        scenario=solution.scenario,
        closure=solution.closure,
        potential=solution.potential,
        beta=solution.beta,
        ensemble=solution.ensemble,
    )
    if isinstance(chain, FactorisedChain):
        matrix = _factorised(chain, solution.p, solution.P)
    else:
        matrix = _exact(chain, solution.p, solution.P)
    return float(np.linalg.eigvalsh(matrix)[-1])


def is_log_concave(solution: ReplicaSymmetric) -> bool:
    """Whether one perceptron with spherical weights and random data has a log-concave measure.

    Spherical weights are Gaussian ones of weight exp(-z J^2/2) where z keeps their norm:

    z = 1/(1 - Q) + alpha int Dz f''(sqrt(Q) z)

    The measure is log-concave for convex potentials (hard core, soft core of power >= 1) if z > 0. For the hard core
    z = 1 without margin, and more with one. The energy of a soft core pulls weights together, and z falls below 0
    where it is large: beta alpha <r v'(r)> > 1 without margin.

    Args:
        solution: of depth 1, scenario "random", spherical weights.
    """
    potential = solution.potential
    if not isinstance(potential, HardCore | SoftCore) or (isinstance(potential, SoftCore) and potential.power < 1):
        return False
    if isinstance(potential, HardCore) and potential.margin >= 0:
        return True
    P = solution.P
    root = np.sqrt(1 - P)
    z, w = graded_nodes(np.clip(potential.margin / root, -1e6, 1e6), np.sqrt(P) / root)
    bend = local_weight(potential, solution.beta)(root[:, None] * z, P[:, None])[2]
    return bool(1 / P[0] + solution.alpha * np.sum(w * bend) > 0)


def _bond_term(chain: FactorisedChain | ExactChain, p: np.ndarray, bond: np.ndarray) -> np.ndarray:
    """-1/(alpha stiffness) on the weights, 0 on the neurons, in the packed order."""
    _, E = chain.conjugates(p, bond)
    diagonal = -1 / (chain.alpha * chain.prior.stiffness(bond, E, chain.replicas))
    full_p = np.concatenate([[0.0], np.zeros(p.size - 2), [0.0]])
    return np.diag(pack(full_p, diagonal))


def _factorised(chain: FactorisedChain, p: np.ndarray, bond: np.ndarray) -> np.ndarray:
    """Hessian of the factorised closure in the packed order Q(1), q(1), Q(2), ..."""
    q, Q = 1 - p, 1 - bond
    matrix = _bond_term(chain, p, bond)
    gaps = chain.gaps(p, bond)
    stiffness = spin_average(chain.fields(q, Q, gaps.response), chain.replicas).stiffness
    for l in range(1, chain.depth):
        matrix[2 * l - 1, 2 * l - 1] -= 1 / stiffness[l - 1]
    for l in range(1, chain.depth + 1):
        values = np.array([q[l - 1], Q[l - 1], q[l]])
        _add_product(matrix, [2 * l - 3, 2 * l - 2, 2 * l - 1], values, gaps.response[l - 1], gaps.curvature[l - 1])
    return matrix


def _add_product(matrix: np.ndarray, rows: list[int], values: np.ndarray, first: float, second: float) -> None:
    """Add first * d^2(prod x) + second * d(prod x) d(prod x)^T for the factors x = `values` at `rows`."""
    inside = [i for i, row in enumerate(rows) if 0 <= row < matrix.shape[0]]
    gradient = np.array([np.prod(np.delete(values, i)) for i in range(values.size)])
    for i in inside:
        for j in inside:
            mixed = first * np.prod(np.delete(values, [i, j])) if i != j else 0.0
            matrix[rows[i], rows[j]] += second * gradient[i] * gradient[j] + mixed


def _exact(chain: ExactChain, p: np.ndarray, bond: np.ndarray) -> np.ndarray:
    """Hessian of the exact closure in the packed order, the fields eps eliminated."""
    q, Q = 1 - p, 1 - bond
    matrix = _bond_term(chain, p, bond)
    _, eps, response = chain.neurons(p, bond)
    variance = product_complement(p[:-1], bond)
    for l in range(1, chain.depth):
        a, b, c = neuron_stiffness(chain.weight, chain.margin, variance[l - 1], eps[l - 1], chain.replicas)
        rows, values = [2 * l - 3, 2 * l - 2], np.array([q[l - 1], Q[l - 1]])
        _add_product(matrix, rows, values, response[l - 1], c - b**2 / a)
        matrix[2 * l - 1, 2 * l - 1] -= 1 / a
        for row, slope in zip(rows, values[::-1], strict=True):
            if row >= 0:
                matrix[row, 2 * l - 1] += b * slope / a
                matrix[2 * l - 1, row] += b * slope / a
    last = gap_average(chain.weight, chain.margin, variance[-1:], chain.replicas)
    rows = [2 * chain.depth - 3, 2 * chain.depth - 2]
    _add_product(matrix, rows, np.array([q[-2], Q[-1]]), last.response[0], last.curvature[0])
    return matrix
