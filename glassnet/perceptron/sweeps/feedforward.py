"""Weights alone move; the neurons follow by feed-forward and only the outputs cost energy   [Yoshino 2023]."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from glassnet.core import keys
from glassnet.perceptron.forward import forward, signs
from glassnet.perceptron.machine import Machine, Stack
from glassnet.perceptron.state import Boundary, State, layer_preactivation, sources
from glassnet.perceptron.sweeps import native
from glassnet.perceptron.sweeps.energy import cooled, kept_on_prior, output_energy
from glassnet.perceptron.sweeps.frozen import NOTHING, Frozen
from glassnet.perceptron.sweeps.weights import thresholds
from glassnet.sampling.kernel import Info, Kernel, Params
from glassnet.sampling.plan import Plan


def feedforward_kernel(machine: Machine, plan: Plan, frozen: Frozen = NOTHING) -> Kernel:
    """Metropolis moves of single weights (pairs for spherical rows), all hidden neurons slaved to them.

    The energy is that of the output layer, H = sum_{mu i} v(y_{mu i} h_{mu i} / sqrt(c) - kappa): the number of
    wrong outputs for the counting potential, a loss for the soft core. At zero temperature this is greedy: a move
    is kept if the loss does not rise. Proposals are those of the weight sweeps, but strictly one after another,
    since every weight acts on all layers above it.

    Info: `accepted_weights`, accepted moves of each layer 1..L, int32.

    Raises:
        ValueError: if the plan asks for native kernels, which do not know the potential or the ensemble.
        RuntimeError: if it does and there are none in this process.
    """

    def init(state: State, boundary: Boundary) -> State:
        return forward(machine, kept_on_prior(machine, state.weights, frozen), boundary.inputs)

    def step(key: Array, state: State, params: Params) -> tuple[State, Info]:
        params = cooled(machine, params)
        accepted = []
        for g, stack in enumerate(machine.stacks):

            def sweep(state: State, layer: Array, g=g) -> tuple[State, Array]:
                return _sweep_layer(machine, g, layer, keys.address(key, layer), state, params)

            moving = [l for l in stack.layers if l not in frozen.weights]
            if len(moving) == len(stack.layers):
                state, moves = lax.scan(sweep, state, jnp.arange(stack.first, stack.last + 1))
            else:
                moves = jnp.zeros(len(stack.layers), jnp.int32)
                if moving:
                    state, some = lax.scan(sweep, state, jnp.asarray(moving, jnp.int32))
                    moves = moves.at[np.asarray(moving) - stack.first].set(some)
            accepted.append(moves)
        return state, {"accepted_weights": jnp.concatenate(accepted)}

    return Kernel(
        init, native.feedforward_sweep(machine, frozen) if plan.native else step, partial(output_energy, machine)
    )


def _sweep_layer(machine: Machine, g: int, layer: Array, key: Array, state: State, params: Params) -> tuple:
    """Offer every weight of one layer (traced index) of stack g; returns the state and the number of accepted moves."""
    stack = machine.stacks[g]
    place = layer - stack.first
    proposal = machine.prior.proposal
    below = _feeding(stack, layer, state.spins, params.clamped.inputs)
    try_one = partial(_try, machine, g, place, below, params.clamped)

    def one_pass(state: State, number: Array) -> tuple[State, Array]:
        pass_key, J = keys.address(key, number), state.weights[g][place]
        order, _ = proposal.order(pass_key, len(J))
        change = proposal.change(pass_key, proposal.arranged(J, order)[0], params)
        threshold = thresholds("metropolis", pass_key, (len(change), J.shape[1]), params)
        slots = proposal.arranged(jnp.arange(len(J)), order)[0]
        return lax.scan(try_one, state, _one_by_one(slots, change, threshold))

    state, accepted = lax.scan(one_pass, state, jnp.arange(proposal.passes))
    return state, accepted.sum(dtype=jnp.int32)


def _feeding(stack: Stack, layer: Array, spins: Array, inputs: Array) -> Array:
    """Spins of the layer below `layer`, which lies in `stack`."""
    if stack.last == 1:
        return inputs
    below = spins[jnp.maximum(layer - 2, 0)]
    return below if stack.first > 1 else jnp.where(layer == 1, inputs, below)


def _one_by_one(slots: Array, change: Array, threshold: Array) -> tuple[Array, ...]:
    """The offers of all neurons in a row: neuron, slots (rank), change (rank), threshold."""
    steps, rank, neurons = change.shape
    neuron = jnp.tile(jnp.arange(neurons), steps)
    change = change.transpose(0, 2, 1).reshape(-1, rank)
    return neuron, jnp.repeat(slots, neurons, axis=0), change, threshold.reshape(-1)


def _try(
    machine: Machine, g: int, place: Array, below: Array, boundary: Boundary, state: State, offer: tuple[Array, ...]
) -> tuple[State, Array]:
    """Offer one change of the weights of a neuron; `place` is its layer within stack g."""
    stack = machine.stacks[g]
    neuron, slots, change, threshold = offer
    source = slots if not stack.diluted else jnp.asarray(sources(machine, stack))[place, slots, neuron]
    before = state.fields[g][place, neuron]
    after = before + stack.scale * change @ below[source].astype(jnp.float32)
    weights = _replace(state.weights, g, state.weights[g].at[place, slots, neuron].add(change))
    fields = _replace(state.fields, g, state.fields[g].at[place, neuron].set(after))
    felt = (signs(before) != signs(after)).any() | (stack.first + place == machine.depth)
    offered = State(state.spins, weights, fields)
    moved = lax.cond(felt, partial(_propagate, machine, g, place), lambda s: s, offered)
    accept = output_energy(machine, moved, boundary) - output_energy(machine, state, boundary) <= threshold
    return jax.tree.map(partial(jnp.where, accept), moved, state), accept


def _replace(arrays: tuple[Array, ...], g: int, value: Array) -> tuple[Array, ...]:
    return (*arrays[:g], value, *arrays[g + 1 :])


def _propagate(machine: Machine, g: int, place: Array, state: State) -> State:
    """Feed-forward from layer `place` of stack g upward, whose field has changed."""
    below = signs(state.fields[g][place])
    spins = _with_layer(machine, state.spins, g, place, below)
    fields, start = state.fields, place + 1
    for h in range(g, len(machine.stacks)):
        below, spins, field = _through(machine, h, start, below, spins, state.weights[h], fields[h])
        fields, start = _replace(fields, h, field), 0
    return State(spins, state.weights, fields)


def _through(
    machine: Machine, h: int, start: Array | int, below: Array, spins: Array, weights: Array, fields: Array
) -> tuple[Array, Array, Array]:
    """Feed-forward through the layers start, start + 1, ... of stack h."""
    stack = machine.stacks[h]
    graph = jnp.asarray(sources(machine, stack)) if stack.diluted else None

    def layer(q: Array | int, carry: tuple) -> tuple:
        below, spins, fields = carry
        field = layer_preactivation(stack, weights[q], None if graph is None else graph[q], below)
        return signs(field), _with_layer(machine, spins, h, q, signs(field)), fields.at[q].set(field)

    if len(stack.layers) == 1:
        alone = isinstance(start, int)  # the stack above the one that changed; that one itself has no more layers
        return layer(0, (below, spins, fields)) if alone else (below, spins, fields)
    return lax.fori_loop(start, len(stack.layers), layer, (below, spins, fields))


def _with_layer(machine: Machine, spins: Array, g: int, place: Array | int, value: Array) -> Array:
    """Hidden spins with the layer at `place` of stack g replaced; the output layer is not among them."""
    stack = machine.stacks[g]
    if stack.first == machine.depth:
        return spins
    return spins.at[stack.first + place - 1].set(value, mode="drop")
