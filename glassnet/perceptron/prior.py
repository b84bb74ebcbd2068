"""Weights drawn from the prior measure of a machine."""

import numpy as np

from glassnet.perceptron.machine import Machine


def prior_weights(machine: Machine, rng: np.random.Generator) -> list[np.ndarray]:
    """Independent weights of every layer from the prior of the machine, its infinite-temperature state.

    "gaussian": independent N(0, 1); "spherical": each row uniform on the sphere sum_j J^2 = c; "ising": +1 or -1
    with equal probability.

    Args:
        machine: the machine; its ensemble, widths and graph are used.
        rng: source of randomness; layers are drawn in ascending order.
    Returns:
        One float32 array for each layer 1..L, shape (out, in), zero off the graph of a diluted machine. A
        spherical row has the sum of squares c up to float32 rounding.
    """
    return [_layer(machine, layer, rng) for layer in range(1, machine.depth + 1)]


def _layer(machine: Machine, layer: int, rng: np.random.Generator) -> np.ndarray:
    fan_out, fan_in, c = machine.widths[layer], machine.widths[layer - 1], machine.connections[layer - 1]
    rows = machine.prior.rows(rng, (fan_out, c)).astype(np.float32)
    if c == fan_in:
        return rows
    J = np.zeros((fan_out, fan_in), np.float32)
    np.put_along_axis(J, machine.sources(layer), rows, axis=1)
    return J
