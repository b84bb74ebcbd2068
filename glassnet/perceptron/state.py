"""The configuration of one replica, laid out for the sweeps.

Arrays of one stack of layers lead with the layer; the pattern comes last; weights lead with the input
slot, over which the sweeps run. Pre-activations are cached and kept up to date by the moves.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from glassnet.core import keys
from glassnet.core.pytree import pytree
from glassnet.perceptron.machine import Machine, Stack
from glassnet.perceptron.potential import Potential, at_margin
from glassnet.perceptron.reference import checked_spins, checked_weights
from glassnet.perceptron.targets import Targets

PIECE = 2**14
"""Spins, or pre-activations, that are computed with at once where cached pre-activations are renewed."""


@pytree
class Boundary:
    """Clamped neurons, and what observables compare with.

    Attributes:
        inputs: layer 0, shape (neuron, pattern), int8, +1 or -1.
        outputs: layer L, the same for its neurons.
        test: clamped neurons of fresh data; None where nothing is measured.
        teacher: hidden neurons of a teacher, shape (layer, neuron, pattern); None where there is none to compare with.
        targets: what a parent machine asks of the outputs; None for the labels alone.
        margin: kappa in the place of that of the potential, scalar, float32; None where the potential's own counts.
        temperature: 1 / beta, at which observables are measured, scalar, float32; None where none is said.
    """

    inputs: Array
    outputs: Array
    test: "Boundary | None" = None
    teacher: Array | None = None
    targets: Targets | None = None
    margin: Array | None = None
    temperature: Array | None = None


@pytree
class State:
    """Configuration of one replica.

    Attributes:
        spins: hidden neurons, shape (depth - 1, width, pattern), int8, +1 or -1.
        weights: for each stack of the machine, shape (layer, slot, neuron), float32; slot k of neuron i is
            its input neuron k, or the k-th of its sources in a diluted machine.
        fields: for each stack the pre-activations sum_j J S / sqrt(c), shape (layer, neuron, pattern), float32.
    """

    spins: Array
    weights: tuple[Array, ...]
    fields: tuple[Array, ...]


def potential_of(machine: Machine, boundary: Boundary) -> Potential:
    """v of a machine at the margin that the boundary carries, if it does."""
    return machine.potential if boundary.margin is None else at_margin(machine.potential, boundary.margin)


def state_bytes(machine: Machine, patterns: int) -> int:
    """Bytes of the `State` of a machine with so many patterns."""
    widths = machine.widths
    weights = sum(n * c for n, c in zip(widths[1:], machine.connections, strict=True))
    return sum(widths[1:-1]) * patterns + 4 * weights + 4 * sum(widths[1:]) * patterns


def feeding_spins(machine: Machine, spins: Array, boundary: Boundary) -> tuple[Array, ...]:
    """Spins S_{l-1} that feed the layers of each stack, shape (layer, fan_in, pattern)."""
    return tuple(_layers(machine, spins, boundary, stack.first - 1, stack.last - 1) for stack in machine.stacks)


def own_spins(machine: Machine, spins: Array, boundary: Boundary) -> tuple[Array, ...]:
    """Spins S_l of the layers of each stack, shape (layer, fan_out, pattern)."""
    return tuple(_layers(machine, spins, boundary, stack.first, stack.last) for stack in machine.stacks)


def _layers(machine: Machine, spins: Array, boundary: Boundary, first: int, last: int) -> Array:
    """Spins of layers first..last, which are equally wide, stacked."""
    parts = [spins[max(first, 1) - 1 : min(last, machine.depth - 1)]]
    if first == 0:
        parts.insert(0, boundary.inputs[None])
    if last == machine.depth:
        parts.append(boundary.outputs[None])
    parts = [part for part in parts if part.shape[0]]
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts)


def sources(machine: Machine, stack: Stack) -> np.ndarray:
    """Sources of the neurons of a diluted stack by slot, shape (layer, slot, neuron), int32."""
    return np.stack([machine.sources(layer).T for layer in stack.layers])


@partial(jax.jit, static_argnums=0, inline=True)  # a start of each sample has the same shapes: compiled once
def preactivations(machine: Machine, weights: tuple[Array, ...], feeding: tuple[Array, ...]) -> tuple[Array, ...]:
    """Pre-activations of each stack from its weights and feeding spins, shapes as in `State`."""
    shapes = [(len(stack.layers), stack.fan_out, feeding[0].shape[-1]) for stack in machine.stacks]
    return _renewed(machine, tuple(jnp.zeros(shape, jnp.float32) for shape in shapes), weights, feeding)


def _renewed(
    machine: Machine, fields: tuple[Array, ...], weights: tuple[Array, ...], feeding: tuple[Array, ...]
) -> tuple[Array, ...]:
    """`fields` overwritten by the pre-activations, piece by piece, so that it takes no second copy of anything."""
    return tuple(_renewed_stack(machine, *args) for args in zip(machine.stacks, fields, weights, feeding, strict=True))


def _renewed_stack(machine: Machine, stack: Stack, fields: Array, weights: Array, feeding: Array) -> Array:
    graph = jnp.asarray(sources(machine, stack)) if stack.diluted else None
    patterns = fields.shape[-1]
    width = min(patterns, max(1, PIECE // max(stack.fan_in, stack.fan_out)))
    pieces = -(-patterns // width)

    def piece(number: Array, fields: Array) -> Array:
        place, first = number // pieces, jnp.minimum(number % pieces * width, patterns - width)  # the last two overlap
        source = None if graph is None else graph[place]
        below = lax.dynamic_slice(feeding, (place, 0, first), (1, stack.fan_in, width))[0]
        new = layer_preactivation(stack, weights[place], source, below)
        return lax.dynamic_update_slice(fields, new[None], (place, 0, first))

    return lax.fori_loop(0, len(stack.layers) * pieces, piece, fields)


def layer_preactivation(stack: Stack, J: Array, source: Array | None, below: Array) -> Array:
    """Pre-activations (neuron, pattern) of one layer of a stack.

    Args:
        stack: the stack.
        J: weights (slot, neuron).
        source: feeding neuron of each weight (slot, neuron), None if fully connected.
        below: feeding spins (neuron, pattern).
    """
    if source is None:
        return stack.scale * jnp.matmul(J.T, below.astype(J.dtype), precision=lax.Precision.HIGHEST)

    def add_slot(total: Array, slot: tuple[Array, Array]) -> tuple[Array, None]:
        weight, neuron = slot
        return total + weight[:, None] * below[neuron].astype(J.dtype), None

    nothing = jnp.zeros((stack.fan_out, below.shape[-1]), J.dtype)
    return stack.scale * lax.scan(add_slot, nothing, (J, source))[0]


def with_fields(machine: Machine, spins: Array, weights: tuple[Array, ...], boundary: Boundary) -> State:
    """State with pre-activations computed from spins and weights."""
    return State(spins, weights, preactivations(machine, weights, feeding_spins(machine, spins, boundary)))


def on_prior(machine: Machine, weights: tuple[Array, ...]) -> tuple[Array, ...]:
    """Weights brought back to where the prior lives: rows of spherical ones scaled to sum_j J^2 = c exactly.

    The moves stay there; this only removes the rounding that they gather.
    """
    return tuple(machine.prior.on_prior(J) for J in weights)


def refreshed(machine: Machine, state: State, boundary: Boundary) -> State:
    """The same configuration with rounding removed: exact row norms, pre-activations computed anew."""
    weights = on_prior(machine, state.weights)
    feeding = feeding_spins(machine, state.spins, boundary)
    return State(state.spins, weights, _renewed(machine, state.fields, weights, feeding))


def random_state(machine: Machine, key: Array, boundary: Boundary) -> State:
    """Configuration at infinite temperature: weights from the prior, hidden neurons +1 or -1 at random."""
    patterns = boundary.inputs.shape[-1]
    shape = (machine.depth - 1, machine.width, patterns)
    spins = keys.signs(keys.address(key, 0), shape).astype(jnp.int8)
    weights = tuple(_prior(machine, keys.address(key, 1, g), stack) for g, stack in enumerate(machine.stacks))
    return with_fields(machine, spins, on_prior(machine, weights), boundary)


def _prior(machine: Machine, key: Array, stack: Stack) -> Array:
    shape = (len(stack.layers), stack.connectivity, stack.fan_out)
    return machine.prior.draw(key, shape)


def pack(machine: Machine, weights: Sequence[np.ndarray], spins: Sequence[np.ndarray]) -> State:
    """State from one (out, in) matrix a layer and one (pattern, neuron) array for each layer 0..L.

    Raises:
        ValueError: if shapes or values do not fit the machine.
    """
    matrices, layers = checked_weights(machine, weights), checked_spins(machine, spins)
    slots = [_to_slots(machine, layer, J) for layer, J in enumerate(matrices, start=1)]
    stacked = tuple(
        jnp.asarray(np.stack([slots[l - 1] for l in stack.layers]), jnp.float32) for stack in machine.stacks
    )
    hidden = np.zeros((0, machine.width, len(layers[0])), np.int8)
    if machine.depth > 1:
        hidden = np.stack([S.T for S in layers[1:-1]])
    boundary = Boundary(jnp.asarray(layers[0].T), jnp.asarray(layers[-1].T))
    return with_fields(machine, jnp.asarray(hidden), stacked, boundary)


def _to_slots(machine: Machine, layer: int, J: np.ndarray) -> np.ndarray:
    diluted = machine.connections[layer - 1] < J.shape[1]
    return (np.take_along_axis(J, machine.sources(layer), axis=1) if diluted else J).T


def unpack(machine: Machine, state: State, boundary: Boundary) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The inverse of `pack`: weights as (out, in) matrices and spins as (pattern, neuron) arrays, layers 0..L."""
    matrices = [
        _from_slots(machine, layer, np.asarray(J).T)
        for stack, stacked in zip(machine.stacks, state.weights, strict=True)
        for layer, J in zip(stack.layers, stacked, strict=True)
    ]
    layers = [boundary.inputs, *state.spins, boundary.outputs]
    return matrices, [np.asarray(S).T for S in layers]


def _from_slots(machine: Machine, layer: int, J: np.ndarray) -> np.ndarray:
    if machine.connections[layer - 1] == machine.widths[layer - 1]:
        return J
    dense = np.zeros((machine.widths[layer], machine.widths[layer - 1]), J.dtype)
    np.put_along_axis(dense, machine.sources(layer), J, axis=1)
    return dense
