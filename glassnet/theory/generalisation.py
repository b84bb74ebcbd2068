"""Generalisation error of a student on a fresh pattern of the teacher.

Of the same exactness (`glassnet.theory.exactness`) as the overlaps: what is added holds in the dense limit.
"""

import numpy as np

from glassnet.core.check import fail, one_of
from glassnet.theory.symmetric import ReplicaSymmetric

PREDICTORS = ("gibbs", "bayes")
"""One student drawn from the posterior; the majority vote of all of them."""


def test_overlap(Q: np.ndarray) -> np.ndarray:
    """Overlap of two feed-forward machines on a fresh pattern, by layer.

    q_test(0) = 1,  q_test(l) = (2/pi) asin(R(l) q_test(l-1))

    Args:
        Q: overlap R(l) of the weights, shape (depth,), in [-1, 1].
    Returns:
        Shape (depth+1,), from the input to the output.
    Raises:
        ValueError: for overlaps outside [-1, 1] or of the wrong shape.
    """
    R = np.asarray(Q, float)
    if R.ndim != 1 or R.size == 0 or not np.all(np.abs(R) <= 1):
        raise fail("Q", "be one overlap in [-1, 1] for each layer", Q)
    overlap = [1.0]
    for value in R:
        overlap.append(2 / np.pi * np.arcsin(value * overlap[-1]))
    return np.array(overlap)


test_overlap.__test__ = False  # ty: ignore[missing-attribute]  # a name that pytest would collect


def generalisation_error(Q: np.ndarray | ReplicaSymmetric, predictor: str = "gibbs") -> float:
    """Probability of a wrong output bit on a fresh pattern.

    Gibbs: eps_g = (1 - q_test(L))/2 = arccos(C)/pi,  C = R(L) q_test(L-1)
    Bayes (majority of students): eps_g = arccos(sqrt C)/pi: given the students' common part of the output field,
    of weight C, the vote follows its sign.

    Args:
        Q: overlaps R(l) of student and teacher weights, shape (depth,), or a teacher-student solution.
        predictor: "gibbs" or "bayes".
    Returns:
        In [0, 1/2].
    Raises:
        ValueError: for a bad argument, or a solution for random data.
    """
    one_of(PREDICTORS, predictor=predictor)
    if not isinstance(Q, ReplicaSymmetric):
        R, lost = np.asarray(Q, float), None
    elif Q.scenario == "teacher":
        R, lost = Q.Q, Q.P[-1]
    else:
        raise fail("Q", "be a solution of scenario 'teacher'", Q.scenario)
    inner = float(test_overlap(R)[-2])
    common = float(R[-1]) * inner
    if predictor == "bayes" and common < 0:
        raise fail("Q", "give a non-negative overlap of the output fields for a vote", Q)
    missing = 1 - common if lost is None else lost * inner + (1 - inner)
    angle = 2 * np.arcsin(np.sqrt(missing / 2)) if predictor == "gibbs" else np.arcsin(np.sqrt(missing))
    return float(angle / np.pi)
