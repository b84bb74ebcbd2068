"""Feed-forward: all neurons slaved to the weights, S_l = sgn(J_l S_{l-1} / sqrt(c)), with sgn(0) = +1."""

import jax.numpy as jnp
from jax import Array, lax

from glassnet.perceptron.machine import Machine
from glassnet.perceptron.state import State, layer_preactivation, sources


def signs(field: Array) -> Array:
    """+1 where the field is >= 0, else -1, int8."""
    return jnp.where(field >= 0, jnp.int8(1), jnp.int8(-1))


def forward(machine: Machine, weights: tuple[Array, ...], inputs: Array) -> State:
    """State whose hidden spins follow from weights and inputs (neuron, pattern).

    The field of the last layer, `fields[-1][-1]`, decides the output.
    """
    below, spins, fields = inputs, [], []
    for stack, J in zip(machine.stacks, weights, strict=True):

        def layer(below: Array, x: tuple, stack=stack) -> tuple[Array, tuple[Array, Array]]:
            field = layer_preactivation(stack, *x, below)
            return signs(field), (signs(field), field)

        graph = jnp.asarray(sources(machine, stack)) if stack.diluted else None
        if len(stack.layers) == 1:
            below, out = layer(below, (J[0], None if graph is None else graph[0]))
            S, field = out[0][None], out[1][None]
        else:
            below, (S, field) = lax.scan(layer, below, (J, graph))
        spins.append(S)
        fields.append(field)
    hidden = [S for S in (*spins[:-1], spins[-1][:-1]) if S.shape[0]]
    none = jnp.zeros((0, machine.width, inputs.shape[-1]), jnp.int8)
    return State(jnp.concatenate(hidden) if hidden else none, weights, tuple(fields))


def output_field(machine: Machine, weights: tuple[Array, ...], inputs: Array) -> Array:
    """Field of the last layer alone, (neuron, pattern), as `forward` gives it: no other layer is kept."""
    below, field = inputs, jnp.zeros((machine.widths[0], inputs.shape[-1]), jnp.float32)
    for stack, J in zip(machine.stacks, weights, strict=True):

        def layer(carry: tuple[Array, Array], x: tuple, stack=stack) -> tuple[tuple[Array, Array], None]:
            field = layer_preactivation(stack, *x, carry[0])
            return (signs(field), field), None

        graph = jnp.asarray(sources(machine, stack)) if stack.diluted else None
        if len(stack.layers) == 1:
            below, field = layer((below, field), (J[0], None if graph is None else graph[0]))[0]
        else:
            below, field = lax.scan(layer, (below, field), (J, graph))[0]
    return field
