"""Sweeps of the hidden spins at fixed weights: layers of one parity and all patterns at once."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from glassnet.core import keys
from glassnet.core.check import one_of
from glassnet.perceptron.graph import targets_of, widened
from glassnet.perceptron.machine import Machine, Stack
from glassnet.perceptron.potential import Potential
from glassnet.perceptron.state import State, own_spins, potential_of
from glassnet.perceptron.sweeps import native
from glassnet.perceptron.sweeps.column_scan import Offers, column_scan, in_blocks, over_layers
from glassnet.perceptron.sweeps.energy import cooled
from glassnet.perceptron.sweeps.frozen import NOTHING, Frozen, moving_runs
from glassnet.perceptron.targets import Targets, cost_of
from glassnet.sampling.accept import THRESHOLDS
from glassnet.sampling.kernel import Info, Params, Step
from glassnet.sampling.plan import Plan


def spin_sweep(machine: Machine, plan: Plan, rule: str = "metropolis", frozen: Frozen = NOTHING) -> Step:
    """One flip offered to every hidden spin: first the odd layers, then the even ones.

    A flip changes the spin's own gap and the gaps of all neurons that it feeds. It is accepted with
    min(1, exp(-beta dE)) (`rule` "metropolis") or 1 / (1 + exp(beta dE)) ("heat_bath").

    Info: `accepted_spins`, accepted flips in each hidden layer 1..L-1, int32.

    Raises:
        ValueError: for an unknown rule.
    """
    one_of(tuple(THRESHOLDS), rule=rule)
    if plan.native:
        return native.spin_sweep(machine, rule, frozen)

    def step(key: Array, state: State, params: Params) -> tuple[State, Info]:
        params = cooled(machine, params)
        accepted = jnp.zeros(machine.depth - 1, jnp.int32)
        for g, layers in _groups(machine, frozen, aimed=params.clamped.targets is not None):
            state, flips = _sweep_group(machine, plan, rule, g, layers, key, state, params)
            accepted = accepted.at[np.asarray(layers) - 1].set(flips)
        return state, {"accepted_spins": accepted}

    return step


def _groups(machine: Machine, frozen: Frozen, *, aimed: bool) -> list[tuple[int, range]]:
    """Hidden layers that move at once: equal parity, and fed layers in one stack. Odd layers come first.

    The layer that feeds outputs with targets moves by itself.
    """
    groups = []
    for parity in (1, 0):
        for g, stack in enumerate(machine.stacks):
            first = max(stack.first - 1, 1)
            layers = range(first + (first + parity) % 2, stack.last, 2)
            for run in moving_runs(layers, frozen.spins, apart=machine.depth - 1 if aimed else 0):
                groups.append((g, run))
    return groups


def _sweep_group(
    machine: Machine, plan: Plan, rule: str, g: int, layers: range, key: Array, state: State, params: Params
) -> tuple[State, Array]:
    """Sweep hidden layers `layers`, whose fed layers l + 1 lie in stack g."""
    stack = machine.stacks[g]
    hidden = slice(layers.start - 1, layers.stop - 1, 2)
    fed = slice(layers.start + 1 - stack.first, layers.stop + 1 - stack.first, 2)
    spins = state.spins[hidden]
    arrays = (
        jax.vmap(partial(keys.address, key))(jnp.asarray(layers)),
        spins,
        _own_fields(machine, state.fields, layers),
        state.weights[g][fed],
        state.fields[g][fed],
        own_spins(machine, state.spins, params.clamped)[g][fed],
        targets_and_slots(machine, stack, layers),
    )
    targets = params.clamped.targets if layers[-1] == machine.depth - 1 else None
    sweep_layer = partial(_sweep_layer, potential_of(machine, params.clamped), plan, rule, stack, params, targets)
    whole = plan.block is not None and stack.diluted  # one layer at a time: its graph is then no batch of graphs
    elements = plan.block if whole else stack.fan_out * spins.shape[-1]
    spins, fields, flips = over_layers(plan, lambda a: sweep_layer(*a), arrays, elements=elements)
    all_fields = list(state.fields)
    all_fields[g] = all_fields[g].at[fed].set(fields)
    return State(state.spins.at[hidden].set(spins), state.weights, tuple(all_fields)), flips


def _own_fields(machine: Machine, fields: tuple[Array, ...], layers: range) -> Array:
    """Pre-activations of the moving layers, shape (layer, neuron, pattern)."""
    if machine.stack_of(layers[0]) == machine.stack_of(layers[-1]):
        stack = machine.stack_of(layers[0])
        first = machine.stacks[stack].first
        return fields[stack][layers.start - first : layers.stop - first : 2]
    return jnp.stack([fields[g][l - machine.stacks[g].first] for l in layers for g in [machine.stack_of(l)]])


def targets_and_slots(machine: Machine, stack: Stack, layers: range) -> tuple[Array, Array] | None:
    """Targets and slots of each neuron of `layers` in a diluted stack, each of shape (layer, neuron, target)."""
    if not stack.diluted:
        return None
    found = [targets_of(machine.sources(l + 1), machine.widths[l]) for l in layers]
    most = max(targets.shape[1] for targets, _ in found)
    targets = [widened(targets, most, stack.fan_out) for targets, _ in found]
    slots = [widened(slots, most, 0) for _, slots in found]
    return jnp.asarray(np.stack(targets)), jnp.asarray(np.stack(slots))


def _sweep_layer(
    potential: Potential, plan: Plan, rule: str, stack: Stack, params: Params, targets: Targets | None,
    key: Array, spins: Array, own_field: Array, J: Array, field: Array, above: Array, graph: tuple | None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Sweep one hidden layer.

    spins (neuron, pattern) and their own_field; J (slot, fed neuron), field and spins `above` (fed neuron,
    pattern) of the fed layer, which may have targets.
    """
    S = spins.astype(J.dtype)
    sign = above.astype(J.dtype)
    own = S * own_field
    extra = potential.cost(-own - potential.margin) - potential.cost(own - potential.margin)
    threshold = THRESHOLDS[rule](key, S.shape, params.temperature)
    if graph is None:
        offers = Offers((stack.scale * J,), (-2 * S,), extra, threshold)
        scan = partial(column_scan, potential=potential, sites="columns", plan=plan, targets=targets)
        if targets is not None:
            field, accept = scan(field, sign, offers)
        else:
            field, accept = in_blocks(plan, "columns", scan, field, sign, offers)
    else:
        gap, asked = sign * field - potential.margin, targets
        targets, slots = graph
        weights = jnp.where(targets < len(gap), stack.scale * J[slots, jnp.minimum(targets, len(gap) - 1)], 0)
        scan = _target_loop if plan.dot else _target_scan
        cost = _gap_cost(potential, asked, sign)
        gap, accept = scan(cost, gap, sign, (targets, weights, -2 * S, extra, threshold))
        field = sign * (gap + potential.margin)
    spins = jnp.where(accept, -spins, spins)
    return spins, field, accept.sum(dtype=jnp.int32)


def _gap_cost(potential: Potential, asked: Targets | None, sign: Array) -> Callable[[Array, Array], Array]:
    """`f(gaps, neurons) -> costs` of some fed neurons; those beyond the layer are none."""
    if asked is None:
        return lambda gap, place: potential.cost(gap)

    def cost(gap: Array, place: Array) -> Array:
        means, floor, own = (x.at[place].get(mode="fill", fill_value=1) for x in (asked.means, asked.floor, sign))
        return cost_of(potential, replace(asked, means=means, floor=floor), own, own * (gap + potential.margin))

    return cost


def _target_scan(cost: Callable, gap: Array, sign: Array, offers: tuple[Array, ...]) -> tuple[Array, Array]:
    """As `column_scan` with columns as sites, but each step touches the gaps of one neuron's targets only.

    offers: targets and weights towards them (neuron, target), weight 0 where there is none; change of the spins if they
    flip, energy change apart from these gaps, threshold (neuron, pattern).
    """

    def step(gap: Array, offer: tuple[Array, ...]) -> tuple[Array, Array]:
        target, weight, flip, extra, threshold = offer
        before = gap.at[target].get(mode="fill", fill_value=0)
        signs = sign.at[target].get(mode="fill", fill_value=0)
        after = before + signs * weight[:, None] * flip[None]
        change = (cost(after, target) - cost(before, target)).sum(0) + extra
        accept = change <= threshold
        return gap.at[target].set(jnp.where(accept, after, before), mode="drop", unique_indices=False), accept

    return lax.scan(step, gap, offers)


def _target_loop(cost: Callable, gap: Array, sign: Array, offers: tuple[Array, ...]) -> tuple[Array, Array]:
    """`_target_scan` for a CPU, which takes rows one by one six times faster than it gathers and scatters them."""

    def row(x: Array, place: Array) -> Array:
        return lax.dynamic_index_in_dim(x, place, keepdims=False)

    def step(gap: Array, offer: tuple[Array, ...]) -> tuple[Array, Array]:
        target, weight, flip, extra, threshold = offer

        def with_cost_of(n: Array, change: Array) -> Array:
            before = row(gap, target[n])
            after = before + weight[n] * row(sign, target[n]) * flip
            return change + (cost(after, target[n]) - cost(before, target[n]))

        def with_flips_of(n: Array, gap: Array) -> Array:
            after = row(gap, target[n]) + weight[n] * row(sign, target[n]) * kept
            return lax.dynamic_update_index_in_dim(gap, after, target[n], 0)

        accept = lax.fori_loop(0, len(target), with_cost_of, extra) <= threshold
        kept = jnp.where(accept, flip, 0)
        return lax.fori_loop(0, len(target), with_flips_of, gap), accept

    return lax.scan(step, gap, offers)
