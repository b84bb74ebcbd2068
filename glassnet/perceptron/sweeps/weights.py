"""Metropolis sweeps of the weights at fixed spins: all rows of all layers at once, one slot after another."""

from collections.abc import Callable
from functools import partial
from operator import itemgetter

import jax
import jax.numpy as jnp
from jax import Array, lax

from glassnet.core import keys
from glassnet.core.check import one_of
from glassnet.perceptron.machine import Machine, Stack
from glassnet.perceptron.potential import Potential
from glassnet.perceptron.proposal import Proposal
from glassnet.perceptron.state import State, feeding_spins, own_spins, potential_of, sources
from glassnet.perceptron.sweeps import native
from glassnet.perceptron.sweeps.column_scan import Offers, column_scan, in_blocks, over_layers
from glassnet.perceptron.sweeps.energy import cooled
from glassnet.perceptron.sweeps.frozen import NOTHING, Frozen, moving_runs
from glassnet.perceptron.targets import Targets
from glassnet.sampling.accept import THRESHOLDS
from glassnet.sampling.kernel import Info, Params, Step
from glassnet.sampling.plan import Plan


def weight_sweep(machine: Machine, plan: Plan, rule: str = "metropolis", frozen: Frozen = NOTHING) -> Step:
    """One proposal for every weight, accepted with min(1, exp(-beta dE)).

    gaussian:  J' = (J + d x) / sqrt(1 + d^2), x ~ N(0, 1)              [Yoshino 2020, eq. 35]
    spherical: two entries of a row turned by a random angle ~ N(0, d^2); the pairs are drawn anew in each of
               two passes, c/2 pairs each, the same for all rows (one entry rests where c is odd)
    ising:     J' = -J; with `rule` "heat_bath" accepted with 1 / (1 + exp(beta dE)), which, unlike Metropolis,
               is random even where all moves are free

    Info: `accepted_weights`, accepted moves of each layer 1..L, int32.

    Raises:
        ValueError: for an unknown rule.
    """
    one_of(tuple(THRESHOLDS), rule=rule)
    if plan.native:
        return native.weight_sweep(machine, rule, frozen)
    proposal = machine.prior.proposal
    rule = rule if proposal.heat_bath else "metropolis"

    def step(key: Array, state: State, params: Params) -> tuple[State, Info]:
        params = cooled(machine, params)
        sweep_layer = partial(_sweep_layer, proposal, potential_of(machine, params.clamped), plan, rule)
        feeding = feeding_spins(machine, state.spins, params.clamped)
        own = own_spins(machine, state.spins, params.clamped)
        weights, fields, accepted = [], [], []
        for g, stack in enumerate(machine.stacks):
            arrays = (state.weights[g], state.fields[g], feeding[g], own[g], _graph(machine, stack))
            layer_keys = jax.vmap(partial(keys.address, key))(jnp.asarray(stack.layers))
            whole = (layer_keys, *arrays)
            aimed = params.clamped.targets is not None and stack.last == machine.depth
            runs = moving_runs(stack.layers, frozen.weights, apart=machine.depth if aimed else 0)
            old = (state.weights[g], state.fields[g], jnp.zeros(len(stack.layers), jnp.int32))
            for layers in runs:
                targets = params.clamped.targets if aimed and layers[-1] == machine.depth else None
                place = slice(layers.start - stack.first, layers.stop - stack.first)
                swept = over_layers(
                    plan,
                    lambda a, stack=stack, targets=targets: sweep_layer(stack, params, targets, *a),
                    whole if layers == stack.layers else jax.tree.map(itemgetter(place), whole),
                    elements=stack.fan_out * feeding[g].shape[-1],
                )
                if layers == stack.layers:
                    old = swept
                else:
                    old = jax.tree.map(lambda x, new, place=place: x.at[place].set(new), old, swept)
            for part, value in zip((weights, fields, accepted), old, strict=True):
                part.append(value)
        info = {"accepted_weights": jnp.concatenate(accepted)}
        return State(state.spins, tuple(weights), tuple(fields)), info

    return step


def _graph(machine: Machine, stack: Stack) -> Array | None:
    return jnp.asarray(sources(machine, stack)) if stack.diluted else None


def _sweep_layer(
    proposal: Proposal, potential: Potential, plan: Plan, rule: str, stack: Stack, params: Params,
    targets: Targets | None, key: Array, J: Array, field: Array, feeding: Array, own: Array, graph: Array | None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Sweep one layer: J (slot, neuron), field (neuron, pattern), feeding (source, pattern), own as field."""

    def one_pass(number: Array | int, carry: tuple) -> tuple[Array, Array, Array]:
        field, J, accepted = carry
        pass_key = keys.address(key, number)
        order, inverse = proposal.order(pass_key, len(J))
        moving, resting = proposal.arranged(J, order)
        change = proposal.change(pass_key, moving, params)
        feed = proposal.terms(proposal.arranged(feeding if graph is None else graph, order)[0])
        lookup = None if graph is None else lambda source: feeding[source]
        limit = thresholds(rule, pass_key, (len(change), J.shape[1]), params)
        offers = Offers(proposal.terms(stack.scale * change), feed, None, limit)
        field, accept = _scan(potential, plan, field, own, offers, lookup, targets)
        moved = moving + jnp.where(accept[:, None], change, 0)
        return field, proposal.restored(moved, resting, inverse), accepted + accept.sum(dtype=jnp.int32)

    carry = (field, J, jnp.int32(0))
    field, J, accepted = (
        one_pass(0, carry) if proposal.passes == 1 else lax.fori_loop(0, proposal.passes, one_pass, carry)
    )
    return J, field, accepted


def _scan(
    potential: Potential, plan: Plan, field: Array, sign: Array, offers: Offers, lookup: Callable | None,
    targets: Targets | None,
) -> tuple[Array, Array]:  # fmt: skip
    run = partial(column_scan, potential=potential, sites="rows", plan=plan, targets=targets)
    if lookup is None and targets is None:
        return in_blocks(plan, "rows", run, field, sign, offers)
    return run(field, sign, offers, lookup=lookup)


def thresholds(rule: str, key: Array, shape: tuple[int, ...], params: Params) -> Array:
    """Largest energy changes that a rule accepts in one pass."""
    return THRESHOLDS[rule](keys.address(key, 1), shape, params.temperature)
