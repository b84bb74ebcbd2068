"""Teacher-student overlap with the symmetries of the machine removed."""

import numpy as np

from glassnet.perceptron.observe.overlaps import SQUARED_OVERLAPS


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
    results = []
    for choice, value, size in _both_ways(halves, patterns, match):
        squared = (size * (value**2).mean(1) - 1) / (size - 1) if size > 1 else np.full(len(value), np.nan)
        results.append(((np.where(choice < 0, -1, 1) * value).mean(1), squared))
    return tuple(np.mean(results, axis=0))


def squared_overlaps_by_neuron(halves: np.ndarray, patterns: int, *, match: bool) -> np.ndarray:
    """The terms of R^2 of `teacher_overlaps`, by neuron of the teacher: means of both ways to share the patterns.

    Args:
        halves: as `teacher_overlaps`.
        patterns: number of patterns of both halves together.
        match: as `teacher_overlaps`.
    Returns:
        Shape (layer, teacher neuron); NaN below 4 patterns.
    """
    if patterns < 4:
        return np.full(halves.shape[1:3], np.nan)
    ways = [(size * value**2 - 1) / (size - 1) for _, value, size in _both_ways(halves, patterns, match)]
    return np.mean(ways, axis=0)


def histogram(squared: np.ndarray) -> np.ndarray:
    """Fractions of neurons in the bins around `SQUARED_OVERLAPS`, (..., neuron) -> (..., bin).

    The lowest bin holds what is negative, too. NaN where a neuron is.
    """
    bins = len(SQUARED_OVERLAPS)
    missing = np.isnan(squared).any(-1, keepdims=True)
    place = np.clip(np.floor(np.nan_to_num(squared) * bins), 0, bins - 1)
    return np.where(missing, np.nan, (place[..., None] == np.arange(bins)).mean(-2))


def _both_ways(halves: np.ndarray, patterns: int, match: bool) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Overlap of each neuron of the teacher with its partner: where partners are chosen, where they are measured.

    Each (layer, teacher neuron), with the number of patterns measured on, for both ways to share the patterns.
    """
    sizes = np.array([(patterns + 1) // 2, patterns // 2])
    found = []
    for chosen, measured in ((0, 1), (1, 0)):
        partner = np.stack([_partners(R) if match else np.arange(len(R)) for R in halves[chosen]])[..., None]
        choice, value = (np.take_along_axis(halves[k], partner, axis=2)[..., 0] for k in (chosen, measured))
        found.append((choice, value, sizes[measured]))
    return found


def _partners(R: np.ndarray) -> np.ndarray:
    """Student neuron matched to each teacher neuron."""
    from scipy.optimize import linear_sum_assignment  # slow to load

    return linear_sum_assignment(-np.abs(R))[1]
