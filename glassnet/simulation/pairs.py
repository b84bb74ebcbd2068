"""Overlaps between all pairs of some configurations, and the records they make."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from glassnet.simulation import compiled

FINAL = ("temperature", "waiting_time", "configuration")
"""Leading dims of last configurations."""


class Record(NamedTuple):
    """A measured variable: its dimensions in the order of the axes of `values`."""

    dims: tuple[str, ...]
    values: np.ndarray


Records = dict[str, Record]


def pairs_in_groups(arrays: tuple, groups: tuple[int, int]) -> dict[str, np.ndarray]:
    """Overlaps of all pairs within each group of replicas that follow each other.

    Each group is one call on one device: its overlaps have the same bits whatever other groups there are.

    Args:
        arrays: spins, outputs and a tuple of weights as `overlaps.all_pairs` takes them, the replica leading.
        groups: number of groups, and replicas of each.
    Returns:
        By name, shape (group, replica, replica, layer).
    """
    arrays = jax.tree.map(lambda x: np.asarray(x).reshape(*groups, *x.shape[1:]), arrays)
    measure = compiled.pair_measures()
    rows = [measure(*jax.tree.map(lambda x, n=n: x[n], arrays)) for n in range(groups[0])]
    return {name: np.stack([np.asarray(row[name]) for row in rows]) for name in rows[0]}


def final_overlaps(spins: np.ndarray, outputs: np.ndarray, weights: Sequence[np.ndarray]) -> Records:
    """Overlaps between all last configurations of each temperature and waiting time.

    Args:
        spins: hidden spins, (temperature, waiting_time, configuration, layer, neuron, pattern).
        outputs: clamped outputs of each configuration, (configuration, neuron, pattern).
        weights: stacks, each (temperature, waiting_time, configuration, layer, slot, neuron).
    Returns:
        Records by name, with the prefix `final_`.
    """
    rungs, waits, size = spins.shape[:3]

    def flat(x: np.ndarray) -> Any:
        return np.reshape(x, (rungs * waits * size, *x.shape[3:]))

    arrays = flat(spins), np.tile(outputs, (rungs * waits, 1, 1)), tuple(map(flat, weights))
    pairs = pairs_in_groups(arrays, (rungs * waits, size))
    dims = (*FINAL, "configuration_b", "layer")
    return {f"final_{name}": Record(dims, x.reshape(rungs, waits, *x.shape[1:])) for name, x in pairs.items()}
