"""Whether single moves are balanced at the temperature: a score that vanishes in equilibrium, layer by layer.

T turns one spin over, or changes the sign of one weight: done twice it does nothing, and it leaves the prior as it is.
With D = beta (H(T x) - H(x)) and p the law exp(-beta H) times the prior,

    E[ D / (1 + exp(D)) ] = 0,

since p(x) / (1 + exp(D)) = p(x) p(T x) / (p(x) + p(T x)) does not change under T, while D changes its sign: the heat
bath is reversible. Where T is forbidden, D is infinite and counts as 0. The score is beta times the energy that one
offer of a heat bath would take up in the mean: it says in which layers energy still flows.
"""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from glassnet.core.means import mean_over
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.state import Boundary, State, feeding_spins, own_spins, potential_of, sources
from glassnet.perceptron.sweeps.frozen import Frozen, moving_runs
from glassnet.perceptron.sweeps.spins import targets_and_slots
from glassnet.perceptron.targets import Targets, cost_of


def score(change: Array, temperature: Array) -> Array:
    """D / (1 + exp(D)) with D = change / temperature, elementwise.

    0 where D is +inf, and where nothing changes; -inf where zero temperature leaves a move that lowers the energy.
    """
    D = jnp.where(change == 0, 0, change / temperature)
    return jnp.where(jnp.isposinf(D), 0, D * jax.nn.sigmoid(-D))


def spin_balance(machine: Machine, state: State, scene: Boundary, frozen: Frozen) -> Array:
    """Score of turning one spin over, mean over neurons and patterns, by layer.

    The gap of the spin itself changes, and so do the gaps of all neurons that it feeds.

    Args:
        machine: the machine.
        state: configuration with cached pre-activations.
        scene: clamped neurons, and the temperature.
        frozen: layers that do not move.
    Returns:
        Shape (depth,); NaN in layers whose spins do not move.
    """
    parts = [range(max(s.first - 1, 1), s.first) for s in machine.stacks]  # layers that feed the next stack
    parts += [range(s.first, s.last) for s in machine.stacks]
    return _by_layer(machine, scene, partial(_of_spins, machine, state, scene), parts, frozen.spins, machine.depth - 1)


def weight_balance(machine: Machine, state: State, scene: Boundary, frozen: Frozen) -> Array:
    """Score of changing the sign of one weight, mean over weights, by layer.

    Args:
        machine: the machine; the prior of a row does not feel signs.
        state: configuration with cached pre-activations.
        scene: clamped neurons, and the temperature.
        frozen: layers that do not move.
    Returns:
        Shape (depth,); NaN in layers whose weights do not move.
    """
    parts = [stack.layers for stack in machine.stacks]
    return _by_layer(machine, scene, partial(_of_weights, machine, state, scene), parts, frozen.weights, machine.depth)


def _by_layer(
    machine: Machine, scene: Boundary, function: Callable, parts: Sequence[range], frozen: tuple[int, ...], last: int
) -> Array:
    """`function(layers)` of parts of the machine, without frozen layers; NaN elsewhere.

    The last layer, whose moves targets make cost something else, is a part of its own where there are targets.
    """
    found = jnp.full(machine.depth, jnp.nan, jnp.float32)
    for layers in parts:
        for run in moving_runs(layers, frozen, apart=0 if scene.targets is None else last):
            found = found.at[run[0] - 1 : run[-1]].set(function(run))
    return found


def _temperature(machine: Machine, scene: Boundary) -> Array:
    assert scene.temperature is not None  # of all observables but those that compare last configurations
    return jnp.zeros_like(scene.temperature) if machine.hard else scene.temperature


def _targets(machine: Machine, scene: Boundary, layer: int) -> Targets | None:
    return scene.targets if layer == machine.depth else None


def _of_spins(machine: Machine, state: State, scene: Boundary, layers: range) -> Array:
    """Scores of hidden layers, shape (layer,), neuron after neuron: no more is computed with than one layer."""
    a, b = (machine.stack_of(layers[0] + n) for n in (0, 1))
    lower, upper = machine.stacks[a], machine.stacks[b]
    cost, temperature = partial(cost_of, potential_of(machine, scene)), _temperature(machine, scene)
    targets, graph = _targets(machine, scene, layers[-1] + 1), targets_and_slots(machine, upper, layers)
    above = own_spins(machine, state.spins, scene)[b]

    def of_layer(l: Array) -> Array:
        S, own_field = state.spins[l - 1].astype(jnp.float32), state.fields[a][l - lower.first]
        own = cost(None, -S, own_field) - cost(None, S, own_field)
        fed = l + 1 - upper.first
        J, field, sign = state.weights[b][fed], state.fields[b][fed], above[fed].astype(jnp.float32)

        def of_neuron(i: Array) -> Array:
            if graph is None:
                J_i, h, s, asked = J[i], field, sign, targets
            else:
                fed_by_i, slots = graph[0][l - layers[0], i], graph[1][l - layers[0], i]
                place = jnp.minimum(fed_by_i, len(field) - 1)
                J_i, h, s = jnp.where(fed_by_i < len(field), J[slots, place], 0), field[place], sign[place]
                asked = None if targets is None else targets.at(place)
            moved = h - 2 * upper.scale * J_i[:, None] * S[i][None]
            change = own[i] + (cost(asked, s, moved) - cost(asked, s, h)).sum(0)
            return mean_over(score(change, temperature), 1)

        return mean_over(lax.map(of_neuron, jnp.arange(len(S))), 1)

    return lax.map(of_layer, jnp.arange(layers[0], layers[-1] + 1))


def _of_weights(machine: Machine, state: State, scene: Boundary, layers: range) -> Array:
    """Scores of layers of one stack, shape (layer,), slot after slot."""
    g = machine.stack_of(layers[0])
    stack, temperature = machine.stacks[g], _temperature(machine, scene)
    cost = partial(cost_of, potential_of(machine, scene), _targets(machine, scene, layers[-1]))
    feeding, own = feeding_spins(machine, state.spins, scene)[g], own_spins(machine, state.spins, scene)[g]
    graph = jnp.asarray(sources(machine, stack)) if stack.diluted else None

    def of_layer(n: Array) -> Array:
        J, h, sign, below = state.weights[g][n], state.fields[g][n], own[n].astype(jnp.float32), feeding[n]

        def of_slot(k: Array) -> Array:
            S = below[k][None] if graph is None else below[graph[n, k]]
            moved = h - 2 * stack.scale * J[k][:, None] * S.astype(jnp.float32)
            return mean_over(score((cost(sign, moved) - cost(sign, h)).sum(1), temperature), 1)

        return mean_over(lax.map(of_slot, jnp.arange(len(J))), 1)

    return lax.map(of_layer, jnp.arange(layers[0], layers[-1] + 1) - stack.first)
