"""The energy of explicit weights and neurons, of any machine."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from glassnet.perceptron import reference
from glassnet.perceptron.machine import Machine
from glassnet.thermal.energy import energy as thermal_energy
from glassnet.thermal.machine import ThermalMachine


def energy(machine: Machine | ThermalMachine, weights: Sequence[ArrayLike], spins: Sequence[ArrayLike]) -> np.ndarray:
    """Energy of each layer of a machine, of which H is the sum.

    E_l = sum_{mu i} v(r_{l mu i}) of a `Machine` [Yoshino 2020, eq. 6 ff.]; of a `ThermalMachine` the root of the sum
    of the squares of S_l - tanh(J_l S_{l-1}) over neurons and patterns [Huang et al. 2025].

    Args:
        machine: the machine.
        weights: one array for each layer 1..L, shape (out, in); entries off the graph of a diluted machine must be
            zero, those of a thermal machine lie in [-1, 1].
        spins: one array for each layer 0..L, shape (pattern, neuron), values +1 or -1; neurons of a thermal machine lie
            in [-1, 1].
    Returns:
        Shape (depth,), in the floating point type of the weights; inf where a hard core is violated.
    Raises:
        ValueError: if shapes do not fit the machine, or values are out of range or not finite.
    """
    if isinstance(machine, ThermalMachine):
        return thermal_energy(machine, weights, spins)
    return reference.energy(machine, weights, spins)
