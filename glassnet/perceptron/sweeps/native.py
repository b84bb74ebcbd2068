"""The sweeps of weights and spins as compiled CPU kernels: one call a sweep, in place, all layers of a replica.

Same contract, same moves, same random numbers as `weight_sweep` and `spin_sweep`: decisions differ only where an
energy change equals its threshold up to rounding.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.core.check import fail, one_of
from glassnet.native import library
from glassnet.perceptron.graph import targets_of, widened
from glassnet.perceptron.machine import Machine, Stack
from glassnet.perceptron.potential import Counting, HardCore, Logistic, Potential, Probit, SoftCore
from glassnet.perceptron.state import Boundary, State, potential_of
from glassnet.perceptron.sweeps.energy import cooled
from glassnet.perceptron.sweeps.frozen import NOTHING, Frozen
from glassnet.sampling.accept import THRESHOLDS
from glassnet.sampling.kernel import Energy, Info, Params, Step

KINDS = ("quadratic", "linear", "count", "power", "probit", "logistic")
"""Costs of a gap that the kernels know, in their numbering."""

COSTS: dict[type, Callable[[Any], tuple[str, float, float]]] = {
    SoftCore: lambda v: ({1.0: "linear", 2.0: "quadratic"}.get(float(v.power), "power"), v.strength, v.power),
    HardCore: lambda v: ("count", 1.0, 0.0),
    Counting: lambda v: ("count", v.strength, 0.0),
    Probit: lambda v: ("probit", 1.0, 1 / v.width),
    Logistic: lambda v: ("logistic", 1.0, 1 / v.width),
}
"""Cost, strength and shape (an exponent, or 1 / width) of potentials by their exact type."""

NUMBER: dict[Any, int] = {"gaussian": 0, "ising": 1, "spherical": 2}
"""Ensembles in the numbering of the kernels."""


def known(machine: Machine) -> bool:
    """Whether the kernels know potential and ensemble of a machine; a subclass of a known one may differ from it."""
    return type(machine.potential) in COSTS and machine.ensemble in NUMBER


def _require(machine: Machine, rule: str) -> None:
    """Raise ValueError for what the kernels do not know, RuntimeError where there are none."""
    one_of(tuple(THRESHOLDS), rule=rule)
    if type(machine.potential) not in COSTS:
        names = ", ".join(kind.__name__ for kind in COSTS)
        raise fail("potential", f"be one of {names} for native kernels", machine.potential)
    if machine.ensemble not in NUMBER:
        raise fail("ensemble", f"be one of {', '.join(NUMBER)} for native kernels", machine.ensemble)
    library.require()


def cost(potential: Potential, field: np.ndarray) -> np.ndarray:
    """v(field - margin) as the kernels compute it, float32, shape (n,); a hard core counts."""
    kind, strength, shape = COSTS[type(potential)](potential)
    return library.costs(KINDS.index(kind), strength, potential.margin, shape, field)


def weight_sweep(machine: Machine, rule: str = "metropolis", frozen: Frozen = NOTHING) -> Step:
    """As `glassnet.perceptron.sweeps.weights.weight_sweep`.

    Raises:
        ValueError: for an unknown rule, or a potential or ensemble that the kernels do not know.
        RuntimeError: if there are no kernels in this process.
    """
    _require(machine, rule)
    heat_bath = rule == "heat_bath" and machine.prior.proposal.heat_bath
    graph = _sources(machine)

    def step(key: Array, state: State, params: Params) -> tuple[State, Info]:
        changed = (*state.weights, *state.fields)
        count = jax.ShapeDtypeStruct((machine.depth,), jnp.int32)
        common = _common(machine, key, params, state.spins)
        places = {len(common) + n: n for n in range(len(changed))}
        call = _call("glassnet_weights", machine, params, heat_bath, (*changed, count), places, frozen)
        *new, accepted = call(*common, *changed, *graph)
        weights, fields = new[: len(state.weights)], new[len(state.weights) :]
        return State(state.spins, tuple(weights), tuple(fields)), {"accepted_weights": accepted}

    return step


def spin_sweep(machine: Machine, rule: str = "metropolis", frozen: Frozen = NOTHING) -> Step:
    """As `glassnet.perceptron.sweeps.spins.spin_sweep`.

    Raises:
        ValueError: for an unknown rule, or a potential or ensemble that the kernels do not know.
        RuntimeError: if there are no kernels in this process.
    """
    _require(machine, rule)
    heat_bath = rule == "heat_bath"
    graph = _targets(machine)

    def step(key: Array, state: State, params: Params) -> tuple[State, Info]:
        common = _common(machine, key, params, state.spins)
        operands = (*common, *state.weights, *state.fields, *graph)
        first = len(common) + len(state.weights)
        places = {len(common) - 1: 0} | {first + g: 1 + g for g in range(len(state.fields))}
        count = jax.ShapeDtypeStruct((machine.depth - 1,), jnp.int32)
        results = (state.spins, *state.fields, count)
        call = _call("glassnet_spins", machine, params, heat_bath, results, places, frozen)
        spins, *fields, accepted = call(*operands)
        return State(spins, state.weights, tuple(fields)), {"accepted_spins": accepted}

    return step


def energy(machine: Machine) -> Energy:
    """As `glassnet.perceptron.sweeps.energy.configuration_energy`, summed in another order.

    Raises:
        ValueError: for a potential or ensemble that the kernels do not know.
        RuntimeError: if there are no kernels in this process.
    """
    _require(machine, "metropolis")

    def of(state: State, boundary: Boundary) -> Array:
        params = Params(jnp.float32(0), {"weight_step": 0.0}, boundary)
        operands = (*_common(machine, None, params, state.spins), *state.fields)
        (total,) = _call("glassnet_energy", machine, params, False, (jax.ShapeDtypeStruct((), jnp.float32),), {})(
            *operands
        )
        return total

    return of


def feedforward_sweep(machine: Machine, frozen: Frozen = NOTHING) -> Step:
    """As the step of `glassnet.perceptron.sweeps.feedforward.feedforward_kernel`.

    Raises:
        ValueError: for a potential or ensemble that the kernels do not know.
        RuntimeError: if there are no kernels in this process.
    """
    _require(machine, "metropolis")
    graph = _sources(machine) + _targets(machine)

    def step(key: Array, state: State, params: Params) -> tuple[State, Info]:
        common = _common(machine, key, params, state.spins)
        changed = (state.spins, *state.weights, *state.fields)
        places = {len(common) - 1 + n: n for n in range(len(changed))}
        count = jax.ShapeDtypeStruct((machine.depth,), jnp.int32)
        call = _call("glassnet_feedforward", machine, params, False, (*changed, count), places, frozen)
        spins, *new, accepted = call(*common[:-1], *changed, *graph)
        weights, fields = new[: len(state.weights)], new[len(state.weights) :]
        return State(spins, tuple(weights), tuple(fields)), {"accepted_weights": accepted}

    return step


def _common(machine: Machine, key: Array | None, params: Params, spins: Array) -> tuple[Array, ...]:
    """Operands that every call begins with, without a key where nothing is drawn; the spins come last."""
    params = cooled(machine, params)
    boundary = params.clamped
    words = jnp.zeros(2, jnp.uint32) if key is None else jax.random.key_data(key)
    margin = potential_of(machine, boundary).margin
    numbers = (jnp.asarray(x, jnp.float32) for x in (params.temperature, params.numbers["weight_step"], margin))
    return words, *numbers, boundary.inputs, boundary.outputs, spins


def _call(
    function: str, machine: Machine, params: Params, heat_bath: bool, results: tuple, places: dict,
    frozen: Frozen = NOTHING,
):  # fmt: skip
    """The call; `places` says which operand each result replaces. Mapped over replicas, it holds them all."""
    shapes = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in results)
    call = jax.ffi.ffi_call(function, shapes, vmap_method="broadcast_all", input_output_aliases=places)
    about = _description(machine) | {"coin": heat_bath, "patterns": np.int64(params.clamped.inputs.shape[-1])}
    for name, layers, count in (("weights", frozen.weights, machine.depth), ("spins", frozen.spins, machine.depth - 1)):
        if layers:
            about[f"frozen_{name}"] = np.isin(np.arange(1, count + 1), layers).astype(np.int64)
    targets = params.clamped.targets
    if targets is None:
        return lambda *operands: call(*operands, **about)
    numbers = (jnp.asarray(x, jnp.float32) for x in (targets.temperature, targets.weight))
    asked = (targets.means, targets.floor, *numbers)
    return lambda *operands: call(*operands, *asked, **about, aimed=True)


def _description(machine: Machine) -> dict:
    """Attributes of a call that follow from the machine."""
    cost, strength, shape = COSTS[type(machine.potential)](machine.potential)
    shapes = [(s.first, s.last, s.fan_out, s.fan_in, s.connectivity) for s in machine.stacks]
    graph = _targets(machine)
    return {
        "stacks": np.array(shapes, np.int64).reshape(-1),
        "scales": np.array([s.scale for s in machine.stacks], np.float32),
        "width": np.int64(machine.width),
        "ensemble": np.int64(NUMBER[machine.ensemble]),
        "diluted": _diluted(machine),
        "targets": np.int64(graph[0].shape[-1] if graph else 0),
        "cost": np.int64(KINDS.index(cost)),
        "shape": np.float32(shape),
        "strength": np.float32(strength),
    }


def _diluted(machine: Machine) -> bool:
    return any(stack.diluted for stack in machine.stacks)


def _sources(machine: Machine) -> tuple[np.ndarray, ...]:
    """Sources of every weight by stack, (layer, slot, neuron); empty if all layers are fully connected."""
    if not _diluted(machine):
        return ()
    return tuple(np.stack([_inputs_of(machine, stack, l).T for l in stack.layers]) for stack in machine.stacks)


def _inputs_of(machine: Machine, stack: Stack, layer: int) -> np.ndarray:
    """Feeding neuron of each weight of a layer, (neuron, slot)."""
    if stack.diluted:
        return machine.sources(layer)
    return np.broadcast_to(np.arange(stack.fan_in, dtype=np.int32), (stack.fan_out, stack.fan_in))


def _targets(machine: Machine) -> tuple[np.ndarray, ...]:
    """Targets of every hidden neuron and the slots it has there, (hidden layer, neuron, target).

    Where there are fewer, the target lies outside the layer. Empty if all layers are fully connected.
    """
    if not _diluted(machine) or machine.depth == 1:
        return ()
    found = []
    for layer in range(2, machine.depth + 1):
        stack = machine.stacks[machine.stack_of(layer)]
        found.append((stack.fan_out, *targets_of(_inputs_of(machine, stack, layer), machine.width)))
    most = max(targets.shape[1] for _, targets, _ in found)
    wide = [[widened(targets, most, outside), widened(slots, most, 0)] for outside, targets, slots in found]
    return tuple(np.stack(x) for x in zip(*wide, strict=True))
