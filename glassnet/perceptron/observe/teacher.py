"""Teacher-student overlap with the symmetries of the machine removed."""

import numpy as np


def teacher_overlaps(halves: np.ndarray, patterns: int, *, match: bool) -> tuple[np.ndarray, np.ndarray]:
    """Overlap R and its square by layer, after matching nodes and fixing the sign of each neuron.

    In a fully connected machine the hidden neurons may be permuted, in any machine the sign of a neuron and of
    its weights may be turned. Nodes are matched (assignment on |R_ij|) and signs are fixed on one half of the
    patterns and R_i is measured on the other half, and the other way round: so chance is not mistaken for an
    overlap, and both values average to zero for unrelated machines.

    R = 1/N sum_i sign_i R_i,   R^2 = 1/N sum_i (R_i^2 - 1/M') / (1 - 1/M')                     [Yoshino 2023]

    with M' the patterns measured on: 1/M' is what unrelated neurons give, and identical ones give 1.

    Args:
        halves: R_ij on even and on odd patterns, shape (2, layer, teacher neuron, student neuron).
        patterns: number of patterns of both halves together; R^2 is NaN below 4, R below 2.
        match: whether nodes are matched; else neuron i of the student belongs to neuron i of the teacher.
    Returns:
        R and R^2, each of shape (layer,).
    """
    if patterns < 2:
        nothing = np.full(halves.shape[1], np.nan)
        return nothing, nothing
    sizes = np.array([(patterns + 1) // 2, patterns // 2])
    results = [_cross(halves[a], halves[b], sizes[b], match) for a, b in ((0, 1), (1, 0))]
    return tuple(np.mean(results, axis=0))


def _cross(chosen: np.ndarray, measured: np.ndarray, patterns: int, match: bool) -> tuple[np.ndarray, np.ndarray]:
    """R and R^2 of `measured` with partners and signs taken from `chosen`, each (layer, teacher, student)."""
    partner = np.stack([_partners(R) if match else np.arange(len(R)) for R in chosen])[..., None]
    choice = np.take_along_axis(chosen, partner, axis=2)[..., 0]
    value = np.take_along_axis(measured, partner, axis=2)[..., 0]
    squared = (patterns * (value**2).mean(1) - 1) / (patterns - 1) if patterns > 1 else np.full(len(value), np.nan)
    return (np.where(choice < 0, -1, 1) * value).mean(1), squared


def _partners(R: np.ndarray) -> np.ndarray:
    """Student neuron matched to each teacher neuron."""
    from scipy.optimize import linear_sum_assignment  # slow to load

    return linear_sum_assignment(-np.abs(R))[1]
