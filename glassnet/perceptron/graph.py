"""Fixed random graphs of the diluted machine: who feeds whom between two layers."""

import numpy as np


def random_sources(fan_out: int, fan_in: int, connectivity: int, rng: np.random.Generator) -> np.ndarray:
    """Random bipartite graph in which every neuron has `connectivity` distinct inputs.

    The numbers of outputs of any two source neurons differ by at most one; they all equal
    `connectivity` where the two layers are equally wide. The graph is drawn by switching the ends of
    random pairs of edges, starting from a regular one; a switch that would double an edge is refused.

    Args:
        fan_out: neurons of the layer that receives.
        fan_in: neurons of the layer that feeds.
        connectivity: inputs of each receiving neuron, 1 <= connectivity <= fan_in.
        rng: source of randomness.
    Returns:
        Sources of each neuron in ascending order, shape (fan_out, connectivity), int32.
    """
    start = np.arange(fan_out * connectivity) % fan_in
    sources = rng.permutation(fan_in)[start].reshape(fan_out, connectivity)
    if connectivity < fan_in:
        for _ in range(20 * connectivity + 20):
            _switch(sources, rng)
    return np.sort(sources, axis=1).astype(np.int32)


def _switch(sources: np.ndarray, rng: np.random.Generator) -> None:
    """Pair the rows at random and try to exchange one edge end in every pair, in place."""
    fan_out, connectivity = sources.shape
    rows = rng.permutation(fan_out)[: fan_out - fan_out % 2]
    a, b = rows.reshape(2, -1)
    slot_a, slot_b = rng.integers(connectivity, size=(2, len(a)))
    end_a, end_b = sources[a, slot_a], sources[b, slot_b]
    doubled = (sources[a] == end_b[:, None]).any(1) | (sources[b] == end_a[:, None]).any(1)
    sources[a, slot_a] = np.where(doubled, end_a, end_b)
    sources[b, slot_b] = np.where(doubled, end_b, end_a)


def targets_of(sources: np.ndarray, fan_in: int) -> tuple[np.ndarray, np.ndarray]:
    """The same graph seen from the feeding layer.

    Args:
        sources: shape (fan_out, connectivity).
        fan_in: neurons of the feeding layer.
    Returns:
        For each feeding neuron its targets and the slot it has in each target's row, both of shape
        (fan_in, largest number of outputs), int32. Unused places hold the target `fan_out`, which lies
        outside the layer, and slot 0.
    """
    fan_out, connectivity = sources.shape
    edges = np.argsort(sources.ravel(), kind="stable")
    feeding = sources.ravel()[edges]
    counts = np.bincount(feeding, minlength=fan_in)
    place = np.arange(len(edges)) - (np.cumsum(counts) - counts)[feeding]
    targets = np.full((fan_in, max(1, counts.max())), fan_out, np.int32)
    slots = np.zeros_like(targets)
    targets[feeding, place] = edges // connectivity
    slots[feeding, place] = edges % connectivity
    return targets, slots


def widened(table: np.ndarray, columns: int, filling: int) -> np.ndarray:
    """A table of targets or slots (neuron, target) with so many columns, the new ones filled."""
    return np.pad(table, ((0, 0), (0, columns - table.shape[1])), constant_values=filling)
