"""What is measured on the machines of a chain, with NumPy: answers, errors, overlaps of layers."""

import math
from collections.abc import Sequence

import numpy as np

from glassnet.perceptron.machine import Machine


def fed_forward(machine: Machine, weights: Sequence[np.ndarray], inputs: np.ndarray) -> list[np.ndarray]:
    """Pre-activations of layers 1..L for given inputs, neurons following, each of shape (pattern, neuron), float32.

    Args:
        machine: the machine.
        weights: one (out, in) array a layer.
        inputs: +1 and -1, shape (pattern, neuron).
    """
    fields, below = [], inputs.astype(np.float32)
    for J, c in zip(weights, machine.connections, strict=True):
        fields.append(below @ np.asarray(J, np.float32).T / np.float32(math.sqrt(c)))
        below = signs(fields[-1]).astype(np.float32)
    return fields


def signs(field: np.ndarray) -> np.ndarray:
    """+1 where a field is >= 0, else -1, int8."""
    return np.where(field >= 0, 1, -1).astype(np.int8)


def error_overlap(wrong: np.ndarray, parent: np.ndarray) -> float:
    """Correlation of the errors of child and parent: 0 if independent, 1 if the same; NaN if one of them never errs.

    Args:
        wrong: where the child errs, bool.
        parent: where the parent errs, same shape.
    """
    a, b = wrong.ravel().astype(float), parent.ravel().astype(float)
    spread = a.std() * b.std()
    return float(((a - a.mean()) * (b - b.mean())).mean() / spread) if spread > 0 else math.nan


def inherited(wrong: np.ndarray, parent: np.ndarray) -> float:
    """Share of the parent's errors that the child makes, too; NaN if the parent never errs."""
    return float(wrong[parent].mean()) if parent.any() else math.nan


def gram_overlaps(child: Sequence[np.ndarray], parent: Sequence[np.ndarray]) -> np.ndarray:
    """G(l, l') = corr over pairs of patterns of q_l^{mu nu} and q_l'^{mu nu}, q = (1/N) sum_i S_i^mu S_i^nu.

    No change of gauge, and no order of the neurons, alters it; widths may differ.

    Args:
        child, parent: spins of their layers at the same patterns, each of shape (pattern, neuron).
    Returns:
        Shape (layers of the child, layers of the parent), NaN where a layer has the same overlap for all pairs.
    """

    def overlaps(spins: np.ndarray) -> np.ndarray:
        S = spins.astype(np.float32)
        q = (S @ S.T / S.shape[1])[np.triu_indices(len(S), 1)].astype(float)
        q -= q.mean()
        norm = math.sqrt(float(q @ q))
        return q / norm if norm > 0 else np.full_like(q, np.nan)

    rows, columns = ([overlaps(S) for S in layers] for layers in (child, parent))
    return np.array([[float(a @ b) for b in columns] for a in rows])
