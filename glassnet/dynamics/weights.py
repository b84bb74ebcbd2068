"""Metropolis sweeps of the weights at fixed spins: all rows of all layers at once, one slot after another."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from glassnet.core import keys
from glassnet.dynamics.column_scan import Offers, Plan, column_scan, in_blocks, over_layers
from glassnet.dynamics.kernel import Info, Params, Step, cooled
from glassnet.model.machine import Machine, Stack
from glassnet.model.potential import Potential
from glassnet.model.state import State, feeding_spins, own_spins, sources

Arrays = tuple[Array, ...]


def weight_sweep(machine: Machine, plan: Plan) -> Step:
    """One proposal for every weight, accepted with min(1, exp(-beta dE)).

    gaussian:  J' = (J + d x) / sqrt(1 + d^2), x ~ N(0, 1)              [Yoshino 2020, eq. 35]
    spherical: two entries of a row turned by a random angle ~ N(0, d^2); the pairs are drawn anew in each of
               two passes, c/2 pairs each, the same for all rows (the odd one out rests where c is odd)
    ising:     J' = -J

    Info: `acceptance_weights`, accepted fraction of each layer 1..L.
    """
    sweep_layer = partial(_sweep_layer, machine.weights, machine.potential, plan)

    def step(key: Array, state: State, params: Params) -> tuple[State, Info]:
        params = cooled(machine, params)
        feeding = feeding_spins(machine, state.spins, params.boundary)
        own = own_spins(machine, state.spins, params.boundary)
        weights, fields, rates = [], [], []
        for g, stack in enumerate(machine.stacks):
            arrays = (state.weights[g], state.fields[g], feeding[g], own[g], _graph(machine, stack))
            layer_keys = jax.vmap(partial(keys.address, key))(jnp.asarray(stack.layers))
            swept = over_layers(
                plan,
                lambda a, stack=stack: sweep_layer(stack, params, *a),
                (layer_keys, *arrays),
                elements=stack.fan_out * feeding[g].shape[-1],
            )
            for part, value in zip((weights, fields, rates), swept, strict=True):
                part.append(value)
        info = {"acceptance_weights": jnp.concatenate(rates)}
        return State(state.spins, tuple(weights), tuple(fields)), info

    return step


def _graph(machine: Machine, stack: Stack) -> Array | None:
    return jnp.asarray(sources(machine, stack)) if stack.diluted else None


def _sweep_layer(
    ensemble: str, potential: Potential, plan: Plan, stack: Stack, params: Params,
    key: Array, J: Array, field: Array, feeding: Array, own: Array, graph: Array | None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Sweep one layer: J (slot, neuron), field (neuron, pattern), feeding (source, pattern), own as field."""
    sign = own.astype(J.dtype)
    below = feeding.astype(J.dtype)
    gap = sign * field - potential.margin
    offer = OFFERS[ensemble]

    def one_pass(number: Array | int, carry: tuple) -> tuple[Array, Array, Array]:
        gap, J, accepted = carry
        slots, change, threshold = offer.draw(keys.address(key, number), J, params)
        gap, accept = _scan(potential, plan, gap, sign, below, graph, (slots, stack.scale * change, threshold))
        J = J.at[slots].add(jnp.where(accept[:, None], change, 0))
        return gap, J, accepted + accept.mean() / offer.passes

    carry = (gap, J, jnp.float32(0))
    gap, J, accepted = one_pass(0, carry) if offer.passes == 1 else lax.fori_loop(0, offer.passes, one_pass, carry)
    return J, sign * (gap + potential.margin), accepted


def _scan(
    potential: Potential, plan: Plan, gap: Array, sign: Array, below: Array, graph: Array | None, offer: Arrays
) -> tuple[Array, Array]:
    """Scan the offers (slots (step, rank), change (step, rank, neuron), threshold (step, neuron))."""
    slots, change, threshold = offer
    run = partial(column_scan, potential=potential, sites="rows", plan=plan)
    none = jnp.zeros_like(threshold)
    if graph is None:
        offers = Offers(change, below[slots], none, threshold)
        return in_blocks(plan, "rows", run, gap, sign, offers)
    offers = Offers(change, graph[slots], none, threshold)
    return run(gap, sign, offers, lookup=lambda source: below[source])


def _gaussian(key: Array, J: Array, params: Params) -> Arrays:
    d = params.weight_step
    x = keys.normal(keys.address(key, 0), J.shape)
    change = (J + d * x) / jnp.sqrt(1 + d * d) - J
    return jnp.arange(len(J))[:, None], change[:, None], _metropolis(key, J.shape, params)


def _ising(key: Array, J: Array, params: Params) -> Arrays:
    return jnp.arange(len(J))[:, None], -2 * J[:, None], _metropolis(key, J.shape, params)


def _rotation(key: Array, J: Array, params: Params) -> Arrays:
    pairs = len(J) // 2
    slots = jnp.argsort(keys.uniform(keys.address(key, 2), (len(J),)))[: 2 * pairs].reshape(pairs, 2)
    angle = params.weight_step * keys.normal(keys.address(key, 0), (pairs, J.shape[1]))
    first, second = J[slots[:, 0]], J[slots[:, 1]]
    versine, sine = 2 * jnp.sin(angle / 2) ** 2, jnp.sin(angle)  # 1 - cos without cancellation
    change = jnp.stack([-versine * first - sine * second, sine * first - versine * second], axis=1)
    return slots, change, _metropolis(key, angle.shape, params)


def _metropolis(key: Array, shape: tuple[int, ...], params: Params) -> Array:
    """Largest energy change that is accepted: T times an exponential number."""
    return params.temperature * keys.exponential(keys.address(key, 1), shape)


class Offer(NamedTuple):
    """How an ensemble proposes: `draw(key, J, params)` offers slots (step, rank), changes of J (step, rank, neuron)
    and thresholds (step, neuron), each entry at most once; `passes` such rounds make a sweep."""

    draw: Callable[[Array, Array, Params], Arrays]
    passes: int


OFFERS = {"gaussian": Offer(_gaussian, 1), "ising": Offer(_ising, 1), "spherical": Offer(_rotation, 2)}
"""Proposals of the weight ensembles."""
