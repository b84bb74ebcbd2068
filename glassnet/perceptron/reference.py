"""Reference energy and feed-forward of explicit weights and spins, with NumPy in the caller's precision.

Slow and plain on purpose: the kernels are tested against it.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from glassnet.core.check import fail
from glassnet.perceptron.machine import Machine


def energy(machine: Machine, weights: Sequence[ArrayLike], spins: Sequence[ArrayLike]) -> np.ndarray:
    """Energy of each layer, summed over its patterns and neurons.

    E_l = sum_{mu i} v(r_{l mu i})                                              [Yoshino 2020, eq. 6 ff.]

    Args:
        machine: the machine.
        weights: one array for each layer 1..L, shape (out, in); entries off the graph of a diluted machine
            must be zero.
        spins: one array for each layer 0..L, shape (pattern, neuron), values +1 or -1.
    Returns:
        Shape (depth,), in the floating point type of the weights; inf where a hard core is violated.
    Raises:
        ValueError: if shapes do not fit the machine, or values are not finite or not +1/-1.
    """
    return np.array([machine.potential.energy(gap).sum() for gap in gaps(machine, weights, spins)])


def gaps(machine: Machine, weights: Sequence[ArrayLike], spins: Sequence[ArrayLike]) -> list[np.ndarray]:
    """Gaps r = S_l (J S_{l-1}) / sqrt(c) - margin of layers 1..L, each of shape (pattern, neuron).

    Arguments and errors as in `energy`.
    """
    matrices = checked_weights(machine, weights)
    layers = checked_spins(machine, spins)
    margin = machine.potential.margin
    return [
        above * _preactivation(J, below, c) - margin
        for J, below, above, c in zip(matrices, layers[:-1], layers[1:], machine.connections, strict=True)
    ]


def feed_forward(
    machine: Machine,
    weights: Sequence[ArrayLike],
    inputs: ArrayLike,
    wrong: Callable[[int, np.ndarray], np.ndarray] | None = None,
) -> list[np.ndarray]:
    """Neurons of layers 0..L for given inputs: S_l = sgn(J_l S_{l-1} / sqrt(c)), with sgn(0) = +1.

    Args:
        machine: the machine.
        weights: as in `energy`.
        inputs: shape (pattern, inputs), values +1 or -1.
        wrong: `wrong(l, field)` says which neurons of layer l take the other sign, bool, shape of the pre-activations
            (pattern, neuron); none if None. The layers above see the signs that are taken.
    Returns:
        One int8 array for each layer 0..L, shape (pattern, neuron).
    Raises:
        ValueError: as in `energy`.
    """
    matrices = checked_weights(machine, weights)
    layers = [checked_signs("inputs", inputs, machine.widths[0])]
    for l, (J, c) in enumerate(zip(matrices, machine.connections, strict=True), start=1):
        field = _preactivation(J, layers[-1], c)
        positive = field >= 0 if wrong is None else (field >= 0) ^ wrong(l, field)
        layers.append(np.where(positive, 1, -1).astype(np.int8))
    return layers


def checked_weights(machine: Machine, weights: Sequence[ArrayLike]) -> list[np.ndarray]:
    """`weights` as arrays (float32 unless float64 is given), or a ValueError."""
    if len(weights) != machine.depth:
        raise fail("weights", f"hold one array for each of the {machine.depth} layers", len(weights))
    return [_checked_matrix(machine, layer, J) for layer, J in enumerate(weights, start=1)]


def _checked_matrix(machine: Machine, layer: int, J: ArrayLike) -> np.ndarray:
    J = np.asarray(J)
    J = J if J.dtype == np.float64 else J.astype(np.float32)
    name, shape = f"weights[{layer - 1}]", (machine.widths[layer], machine.widths[layer - 1])
    if J.shape != shape:
        raise fail(name, f"have shape {shape}", J.shape)
    if not np.isfinite(J).all():
        raise fail(name, "be finite", float(J[~np.isfinite(J)][0]))
    if machine.connections[layer - 1] < shape[1]:
        outside = J.copy()
        np.put_along_axis(outside, machine.sources(layer), 0, axis=1)
        if outside.any():
            raise fail(name, "be zero off the graph of the machine", float(outside[outside != 0][0]))
    return J


def checked_spins(machine: Machine, spins: Sequence[ArrayLike]) -> list[np.ndarray]:
    """`spins` as int8 arrays of one number of patterns, or a ValueError."""
    if len(spins) != machine.depth + 1:
        raise fail("spins", f"hold one array for each of the {machine.depth + 1} layers", len(spins))
    layers = [checked_signs(f"spins[{l}]", S, machine.widths[l]) for l, S in enumerate(spins)]
    patterns = {len(S) for S in layers}
    if len(patterns) > 1:
        raise fail("spins", "have one number of patterns", sorted(patterns))
    return layers


def checked_signs(name: str, values: ArrayLike, width: int) -> np.ndarray:
    """`values` as int8 of shape (pattern, width) holding +1 and -1 only, or a ValueError that names `name`."""
    values = np.asarray(values)
    if values.ndim != 2 or values.shape[1] != width or len(values) == 0:
        raise fail(name, f"have shape (pattern, {width}) with at least one pattern", values.shape)
    good = (values == 1) | (values == -1)
    if not good.all():
        raise fail(name, "hold +1 and -1 only", values[~good].flat[0].item())
    return values.astype(np.int8)


def _preactivation(J: np.ndarray, below: np.ndarray, c: int) -> np.ndarray:
    return below.astype(J.dtype) @ J.T / np.sqrt(J.dtype.type(c))
