"""One output at the end of wide layers: what a student of a deep sign machine learns from M = alpha N patterns.

All widths are N and M is of order N, so that only the part of the rule that is linear in the input can be learned.
Every hidden layer turns a field into a sign, which is wrong with probability p: its output is the fraction
sqrt(2/pi) k of the standardised field, k = 1 - 2p, and noise that no student can know.
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from glassnet.core.check import fail, integer
from glassnet.perceptron.potential import Counting, HardCore
from glassnet.theory.exactness import EXACT, HEURISTIC
from glassnet.theory.factorised import gap_average
from glassnet.theory.fixed_point import solve
from glassnet.theory.local_weight import LocalWeight, local_weight
from glassnet.theory.overlap import from_logit
from glassnet.theory.prior import Spherical
from glassnet.theory.symmetric import STARTS


@dataclass(frozen=True)
class OneOutput:
    """What students of one output know of their teacher. Numbers for numbers, arrays for arrays of alpha and noise.

    Attributes:
        q: overlap of the linear parts of student and teacher, in [0, 1]; 0 where it is below 1e-20.
        p: complement 1 - q, accurate for q near 1.
        gibbs_error: wrong outputs of one student drawn from the posterior, on fresh patterns. Both machines are fed
            forward without noise.
        bayes_error: the same of the vote of all students, the least that is possible.
        depth, alpha, noise: what was asked for.
    """

    q: float | np.ndarray
    p: float | np.ndarray = field(repr=False)
    gibbs_error: float | np.ndarray
    bayes_error: float | np.ndarray
    depth: int
    alpha: float | np.ndarray
    noise: float | np.ndarray

    @property
    def exactness(self) -> str:
        """Exact for one layer [Barbier et al. 2019]; heuristic for more: a conjecture with evidence, not proved."""
        return EXACT if self.depth == 1 else HEURISTIC


def one_output(depth: int, alpha: float | np.ndarray, noise: float | np.ndarray = 0.0) -> OneOutput:
    """Bayes-optimal learning of a deep sign machine with one output, Gaussian (or spherical) weights, widths N -> inf.

    qh = 2 alpha rho^2/(1 - rho^2 q) int Dw k^2 phi(u)^2/(p + k Phi(u)),  u = w sqrt(rho^2 q/(1 - rho^2 q))
    q = qh/(1 + qh),  rho^2 = (2 k^2/pi)^(L-1),  k = 1 - 2p

    The student knows depth, prior and noise. The sign of a teacher's neuron, hidden or output, is wrong with
    probability p: p = 1/(1 + exp(beta strength)) for the potential `Counting`, whose noisy teacher is a state of the
    student's equilibrium. On a fresh pattern, without noise, the field of the output is the sum of a part linear
    in the input, of weight r = (2/pi)^((L-1)/2) whatever p, and of a part that the data say nothing about. So the
    fields of a student and of the teacher have the correlation r^2 q, and the mean field over students has r sqrt q
    with the teacher's:

    gibbs_error = arccos(r^2 q)/pi,  bayes_error = arccos(r sqrt q)/pi

    A noisy output of the teacher is mistaken by the best student with probability p + k arccos(rho sqrt q)/pi instead.

    [Cui, Krzakala and Zdeborova, ICML 2023, arXiv:2302.00375, for p = 0; the noise is ours]

    Args:
        depth: layers of weights L >= 1.
        alpha: patterns per neuron M/N >= 0, a number or an array.
        noise: p in [0, 1/2], a number or an array that broadcasts with alpha.
    Returns:
        Overlap and errors, of the shape of alpha and noise together. At alpha = 0 or p = 1/2 nothing is learned:
        q = 0, and the errors are 1/2.
    Raises:
        ValueError: for a bad argument.
        NoConvergenceError: if the equation is not solved to its tolerance.
    """
    integer(1, depth=depth)
    loads, noises = _numbers("alpha", alpha, 0.0, np.inf), _numbers("noise", noise, 0.0, 0.5)
    try:
        pairs = np.broadcast(loads, noises)
    except ValueError:
        raise fail("noise", f"broadcast with `alpha`, of shape {loads.shape}", noises.shape) from None
    found = [_overlap(int(depth), float(a), float(p)) for a, p in pairs]
    q, lost = (np.reshape(values, pairs.shape) for values in zip(*found, strict=True))
    log_linear = (depth - 1) * np.log(2 / np.pi)
    missing = np.minimum(-np.expm1(log_linear) + np.exp(log_linear) * lost, 1.0)
    gibbs = np.minimum(2 * np.arcsin(np.sqrt(missing / 2)) / np.pi, 0.5)
    bayes = np.arcsin(np.sqrt(missing)) / np.pi
    q, lost, gibbs, bayes, loads, noises = (x if x.ndim else float(x) for x in (q, lost, gibbs, bayes, loads, noises))
    return OneOutput(q, lost, gibbs, bayes, depth=int(depth), alpha=loads, noise=noises)


def _numbers(name: str, value: float | np.ndarray, low: float, high: float) -> np.ndarray:
    """The argument `name` as an array of finite numbers in [low, high]."""
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError):
        raise fail(name, "be a number or an array of numbers", value) from None
    if array.size == 0 or not np.all(np.isfinite(array)) or np.any(array < low) or np.any(array > high):
        requirement = (
            "hold finite numbers of at least 0" if np.isinf(high) else f"hold numbers from {low:g} to {high:g}"
        )
        raise fail(name, requirement, value)
    return array


def _overlap(depth: int, alpha: float, noise: float) -> tuple[float, float]:
    """Root q of q/(1 - q) = qh(q), and 1 - q.

    qh = alpha rho^2 <(d ln z/dh)^2> of one output whose field has the known part rho^2 q: the average of a gap in
    the potential `Counting`, z = p + k Phi, at replica weight 1.
    """
    kept = 1 - 2 * noise
    if alpha == 0 or kept == 0:
        return 0.0, 1.0
    weight = (
        local_weight(HardCore(), None)
        if noise == 0
        else local_weight(Counting(), float(np.log1p(-noise) - np.log(noise)))
    )
    found = solve(
        partial(_iterated, weight, alpha, (depth - 1) * np.log(2 * kept**2 / np.pi)), np.array([STARTS["grown"]])
    )
    overlap = from_logit(found.x)
    return float(overlap.value[0]), float(overlap.complement[0])


def _iterated(weight: LocalWeight, alpha: float, log_share: float, x: np.ndarray) -> np.ndarray:
    """The map of x = ln(q/(1 - q)): ln qh."""
    share = np.exp(log_share)
    unknown = -np.expm1(log_share) + share * from_logit(x).complement
    response = gap_average(weight, 0.0, unknown, replicas=1.0).response
    return Spherical().overlap(alpha * share * response, replicas=1.0).logit
