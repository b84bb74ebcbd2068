"""Overlaps of configurations whose hidden neurons stand in different orders: each is matched to its partner first."""

import numpy as np


def matched_overlaps_squared(spins: np.ndarray) -> np.ndarray:
    """Mean square of the overlaps of matched neurons, between all pairs of configurations.

    1/N_l sum_i (M' r_i^2 - 1)/(M' - 1),   r_i = 1/M' sum_mu S^a_i S^b_p(i)

    In a fully connected machine the neurons of a hidden layer may be permuted, and machines that did not start from one
    configuration have no labels in common. The permutation p is the one with the largest sum of r_i^2 (assignment)
    on the even patterns, and r_i is measured on the M' odd ones; and the other way round, of which the mean is taken.
    So unrelated configurations have 0 on average, as in `spin_overlap_squared`, and such that differ by a permutation
    and by signs of neurons have 1.

    Args:
        spins: hidden neurons, (configuration, layer, neuron, pattern), +1 or -1.
    Returns:
        Shape (configuration, configuration, layer), layers 1..L: the clamped output has 1. NaN below 4 patterns.
    """
    count, layers, _, patterns = spins.shape
    found = np.ones((count, count, layers + 1))
    if patterns < 4:
        return np.full_like(found, np.nan)
    S = spins.astype(np.float32)
    for a, b in zip(*np.triu_indices(count), strict=True):
        found[a, b, :-1] = found[b, a, :-1] = [_matched(*pair) for pair in zip(S[a], S[b], strict=True)]
    return found


def _matched(S: np.ndarray, T: np.ndarray) -> float:
    """Mean square of the overlaps of matched neurons of one layer, (neuron, pattern) each."""
    from scipy.optimize import linear_sum_assignment  # slow to load

    sizes = [len(S[0, k::2]) for k in (0, 1)]
    squares = [(S[:, k::2] @ T[:, k::2].T / size) ** 2 for k, size in enumerate(sizes)]
    ways = []
    for chosen, measured in ((0, 1), (1, 0)):
        mean = squares[measured][linear_sum_assignment(-squares[chosen])].mean(dtype=float)
        ways.append((sizes[measured] * mean - 1) / (sizes[measured] - 1))
    return sum(ways) / 2
