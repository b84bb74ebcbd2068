"""Moves of the weights of a hidden neuron with its spins summed out, after which the spins are drawn.

What the spin S of neuron i in pattern mu costs is v(S h - kappa) of its own gap and E_up(S) of all gaps that it feeds;
h is its pre-activation. The weights J_i move under the density

    prod_mu z_mu,   z_mu(J_i) = sum_{S = +1, -1} exp(-beta [v(S h_mu - kappa) + E_up,mu(S)]),

which is that of J_i with everything held but the spins of neuron i; then S_mu is +1 or -1 with the probabilities of the
two terms of z_mu. So a spin may turn over together with the weights that forbid it to turn alone.

At zero temperature z_mu is the number of values of S of lowest energy, which are compared after the sum of the lowest
energies itself. For a hard core, whose energies count violated gaps, a ground state stays one: z_mu counts the allowed
values of S, and what is sampled is the prior restricted to ground states, weights and spins together.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from glassnet.core import keys
from glassnet.core.check import fail
from glassnet.perceptron.machine import Machine, Stack
from glassnet.perceptron.potential import Potential
from glassnet.perceptron.proposal import Proposal
from glassnet.perceptron.state import State, feeding_spins, own_spins, potential_of, sources
from glassnet.perceptron.sweeps.column_scan import over_layers
from glassnet.perceptron.sweeps.energy import cooled
from glassnet.perceptron.sweeps.spins import targets_and_slots
from glassnet.sampling.accept import THRESHOLDS
from glassnet.sampling.kernel import Info, Params, Step
from glassnet.sampling.plan import Plan

COLDEST = 1e-30
"""Zero temperature stands for this one: differences of energies of any size decide, and where there are none, z."""


def collapsed_sweep(machine: Machine, plan: Plan) -> Step:
    """One proposal for every weight of the hidden neurons, decided with the spins of its neuron summed out.

    Neuron after neuron of a layer, since they share the gaps above; odd layers side by side, then even ones. Proposals
    are those of `weight_sweep`, decided by Metropolis, or by heat bath for Ising weights, on the change of
    prod_mu z_mu. After each pass over the weights of a neuron all its spins are drawn.

    Info: `accepted_collapsed`, accepted moves of weights in each hidden layer 1..L-1, int32.

    Raises:
        ValueError: for a machine without hidden neurons.
    """
    check_collapsed(machine)

    def step(key: Array, state: State, params: Params) -> tuple[State, Info]:
        params = cooled(machine, params)
        accepted = jnp.zeros(machine.depth - 1, jnp.int32)
        for g, up, layers in _groups(machine):
            state, moves = _sweep_group(machine, plan, g, up, layers, key, state, params)
            accepted = accepted.at[np.asarray(layers) - 1].set(moves)
        return state, {"accepted_collapsed": accepted}

    return step


def check_collapsed(machine: Machine) -> None:
    """Raise ValueError for a machine without hidden neurons."""
    if machine.depth == 1:
        raise fail("dynamics", "leave out 'collapsed' where there are no hidden neurons", machine)


def _groups(machine: Machine) -> list[tuple[int, int, range]]:
    """Hidden layers that move at once, with the stacks of their weights and of the layers that they feed.

    Layers of equal parity share no gap. Odd ones come first.
    """
    found: dict[tuple[int, int, int], list[int]] = {}
    for l in sorted(range(1, machine.depth), key=lambda l: l % 2 == 0):
        found.setdefault((l % 2, machine.stack_of(l), machine.stack_of(l + 1)), []).append(l)
    return [(g, up, range(layers[0], layers[-1] + 1, 2)) for (_, g, up), layers in found.items()]


def _sweep_group(
    machine: Machine, plan: Plan, g: int, up: int, layers: range, key: Array, state: State, params: Params
) -> tuple[State, Array]:
    """Sweep hidden layers `layers`, which lie in stack g and feed layers of stack `up`."""
    stack, fed_stack = machine.stacks[g], machine.stacks[up]
    hidden = slice(layers.start - 1, layers.stop - 1, 2)
    here = slice(layers.start - stack.first, layers.stop - stack.first, 2)
    fed = slice(layers.start + 1 - fed_stack.first, layers.stop + 1 - fed_stack.first, 2)
    arrays = (
        jax.vmap(partial(keys.address, key))(jnp.asarray(layers)),
        state.spins[hidden],
        state.weights[g][here],
        state.fields[g][here],
        feeding_spins(machine, state.spins, params.clamped)[g][here],
        jnp.asarray(sources(machine, stack)[here]) if stack.diluted else None,
        state.weights[up][fed],
        state.fields[up][fed],
        own_spins(machine, state.spins, params.clamped)[up][fed],
        targets_and_slots(machine, fed_stack, layers),
    )
    potential = potential_of(machine, params.clamped)
    sweep_layer = partial(_sweep_layer, machine.prior.proposal, potential, stack, fed_stack, params)
    elements = max(stack.fan_out, fed_stack.fan_out) * state.spins.shape[-1]
    spins, J, field, above, accepted = over_layers(plan, lambda a: sweep_layer(*a), arrays, elements=elements)
    weights, fields = list(state.weights), list(state.fields)
    weights[g] = weights[g].at[here].set(J)
    fields[g] = fields[g].at[here].set(field)
    fields[up] = fields[up].at[fed].set(above)
    return State(state.spins.at[hidden].set(spins), tuple(weights), tuple(fields)), accepted


def _sweep_layer(
    proposal: Proposal, potential: Potential, stack: Stack, fed_stack: Stack, params: Params,
    key: Array, spins: Array, J: Array, field: Array, feeding: Array, source: Array | None,
    J_above: Array, above: Array, sign: Array, graph: tuple[Array, Array] | None,
) -> tuple[Array, Array, Array, Array, Array]:  # fmt: skip
    """Sweep one hidden layer.

    spins (neuron, pattern), their weights J (slot, neuron) and pre-activations `field`; spins `feeding` them (source,
    pattern) by `source` (slot, neuron) on a graph; weights J_above (slot, fed neuron), pre-activations `above` (fed
    neuron, pattern) and spins `sign` of the fed layer, and its `graph` as targets and slots (neuron, target).
    """
    sign = sign.astype(J.dtype)
    targets, column = None, fed_stack.scale * J_above  # (neuron, fed neuron)
    if graph is not None:
        targets, slots = graph
        there = jnp.minimum(targets, fed_stack.fan_out - 1)
        column = jnp.where(targets < fed_stack.fan_out, column[slots, there], 0)
    turn = partial(_turn, potential, jnp.maximum(params.temperature, COLDEST), sign)

    def one_pass(number: Array | int, carry: tuple) -> tuple:
        above, S, J, field, accepted = carry
        pass_key = keys.address(key, number)
        order, inverse = proposal.order(pass_key, len(J))
        moving, resting = proposal.arranged(J, order)
        change = proposal.change(pass_key, moving, params)
        feed = proposal.arranged(feeding if source is None else source, order)[0]
        by_neuron = (
            S,
            field,
            column,
            targets,
            jnp.moveaxis(stack.scale * change, -1, 0),
            None if source is None else jnp.moveaxis(feed, -1, 0),
            _draws("heat_bath" if proposal.heat_bath else "metropolis", keys.address(pass_key, 1), change[:, 0]).T,
            _draws("heat_bath", keys.address(pass_key, 3), field),
        )
        fed_by = (lambda _: feed) if source is None else (lambda own: feeding[own])
        above, (S, field, accept) = lax.scan(partial(turn, fed_by), above, by_neuron)
        moved = moving + jnp.where(accept.T[:, None], change, 0)
        return above, S, proposal.restored(moved, resting, inverse), field, accepted + accept.sum(dtype=jnp.int32)

    carry = (above, spins.astype(J.dtype), J, field, jnp.int32(0))
    above, S, J, field, accepted = (
        one_pass(0, carry) if proposal.passes == 1 else lax.fori_loop(0, proposal.passes, one_pass, carry)
    )
    return S.astype(spins.dtype), J, field, above, accepted


def _draws(rule: str, key: Array, like: Array) -> Array:
    """Thresholds of a rule in units of the temperature."""
    return THRESHOLDS[rule](key, like.shape, jnp.float32(1))


def _turn(
    potential: Potential, temperature: Array, sign: Array, fed_by: Callable, above: Array, own: tuple
) -> tuple[Array, tuple[Array, Array, Array]]:
    """One pass over the weights of one neuron, and its spins.

    Args:
        potential: of the gaps.
        temperature: positive.
        sign: spins of the fed layer, (fed neuron, pattern).
        fed_by: spins that feed each proposal (step, rank, pattern), from their sources.
        above: pre-activations of the fed layer, (fed neuron, pattern).
        own: what belongs to the neuron: spins and pre-activations (pattern), weights towards its targets, and these
            (target) or None if they are all; changes of pre-activations per spin of the offers (step, rank), their
            sources or None, thresholds of the offers (step) and of the flips (pattern).
    Returns:
        `above`, and spins and pre-activations of the neuron with the offers that were accepted.
    """
    S, field, column, targets, change, source, limit, coin = own
    before, signs = above, sign
    if targets is not None:
        before = above.at[targets].get(mode="fill", fill_value=0)
        signs = sign.at[targets].get(mode="fill", fill_value=0)
    after = before - 2 * column[:, None] * S[None]
    up = rise(potential, signs, before, after)

    def offered(carry: tuple, offer: tuple) -> tuple[tuple, Array]:
        field, energy, entropy = carry
        change, feed, limit = offer
        moved = field + (change[:, None] * feed.astype(field.dtype)).sum(0)
        new, more = summed(*both(potential, S, moved, up), temperature)
        accept = new - energy <= temperature * (limit + (more - entropy))
        return jax.tree.map(partial(jnp.where, accept), (moved, new, more), carry), accept

    start = (field, *summed(*both(potential, S, field, up), temperature))
    (field, *_), accept = lax.scan(offered, start, (change, fed_by(source), limit))
    stay, flip = both(potential, S, field, up)
    flips = flip - stay <= temperature * coin
    new = jnp.where(flips[None], after, before)
    above = new if targets is None else above.at[targets].set(new, mode="drop")
    return above, (jnp.where(flips, -S, S), field, accept)


def rise(potential: Potential, sign: Array, before: Array, after: Array) -> Array:
    """What the gaps above cost more if the neuron turns over, (pattern); pre-activations are (target, pattern)."""
    costs = (potential.cost(sign * field - potential.margin) for field in (after, before))
    return jnp.subtract(*costs).sum(0)


def both(potential: Potential, S: Array, field: Array, up: Array) -> tuple[Array, Array]:
    """Energies (pattern) of a neuron that keeps its spin S and of one that turns over, less those of the gaps above."""
    return potential.cost(S * field - potential.margin), potential.cost(-S * field - potential.margin) + up


def summed(stay: Array, flip: Array, temperature: Array) -> tuple[Array, Array]:
    """E and s of prod_mu z_mu = exp(-E / T + s): lowest energies of the spins, and what the other value adds to them.

    Four factors share a logarithm, which takes longer than all the rest.
    """
    factors = 1 + jnp.exp(-jnp.abs(flip - stay) / temperature)  # from 1 to 2
    a, b, c, d = jnp.pad(factors, (0, -len(factors) % 4), constant_values=1).reshape(4, -1)
    return jnp.minimum(stay, flip).sum(), jnp.log((a * b) * (c * d)).sum()
