"""The table of what is measured on a thermal machine, and its functions of one replica.

Names are those of the perceptron, so that analysis, plots and reports speak of both. Neurons and weights are real
numbers, whose squares differ from 1. Correlations and overlaps are divided by the root mean squares of both
configurations, so that they begin at 1 (as in the figures of [Huang et al. 2025]); with `_raw` they are what its
equations define.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from glassnet.core.means import mean_over
from glassnet.perceptron.observe import gauge, layers, overlaps
from glassnet.perceptron.state import Boundary, State
from glassnet.sampling.langevin import Moving, drift
from glassnet.sampling.system import Observable
from glassnet.thermal.energy import layer_energies
from glassnet.thermal.machine import ThermalMachine, moving_numbers

Stacks = tuple[Array, ...]

_H25 = "Huang et al., arXiv:2506.06789 (2025)"
_Y20 = "Yoshino, SciPost Phys. Core 2, 005 (2020)"
_OWN = "glassnet"
_L = ("layer",)


def energy_per_gap(machine: ThermalMachine, state: Moving, then: State | None, scene: Boundary) -> Array:
    """E_l / (N_l M), shape (layer,)."""
    gaps = jnp.array(machine.widths[1:], jnp.float32) * scene.inputs.shape[-1]
    return layer_energies(machine, state.positions, scene) / gaps


def train_error(machine: ThermalMachine, state: Moving, then: State | None, scene: Boundary) -> Array:
    """Fraction of wrong outputs of the network of signs on the training data; 1 - A."""
    inputs, outputs = (x.astype(jnp.int8) for x in (scene.inputs, scene.outputs))  # real numbers where forces use them
    signs = replace(scene, inputs=inputs, outputs=outputs)
    return layers.output_error(machine.network, state.positions.weights, signs)


def test_error(machine: ThermalMachine, state: Moving, then: State | None, scene: Boundary) -> Array:
    """Fraction of wrong outputs of the network of signs on fresh data; 1 - A."""
    assert scene.test is not None  # the scene of observables has it
    return layers.output_error(machine.network, state.positions.weights, scene.test)


def own_error(machine: ThermalMachine, weights: Stacks, data: Boundary) -> Array:
    """Fraction of outputs with the wrong sign where S_l = tanh(J_l S_{l-1}) is fed forward, scalar."""
    S = data.inputs.astype(jnp.float32)
    for J in (J for stack in weights for J in stack):
        S = jnp.tanh(jnp.matmul(J.T, S, precision=lax.Precision.HIGHEST))
    return mean_over(S * data.outputs.astype(jnp.float32) <= 0, 2)


def train_error_tanh(machine: ThermalMachine, state: Moving, then: State | None, scene: Boundary) -> Array:
    """`own_error` on the training data."""
    return own_error(machine, state.positions.weights, scene)


def test_error_tanh(machine: ThermalMachine, state: Moving, then: State | None, scene: Boundary) -> Array:
    """`own_error` on fresh data."""
    assert scene.test is not None  # the scene of observables has it
    return own_error(machine, state.positions.weights, scene.test)


def kinetic_temperature(machine: ThermalMachine, state: Moving, then: State | None, scene: Boundary) -> Array:
    """Mean of v^2 over the weights into a layer and its hidden neurons, shape (layer,)."""
    v, patterns = state.velocities, scene.inputs.shape[-1]
    squares = jnp.concatenate([mean_over(J**2, 2) * (J.shape[1] * J.shape[2]) for J in v.weights])
    counts = [n * c for n, c in zip(machine.widths[1:], machine.connections, strict=True)]
    if machine.depth > 1:
        size = machine.width * patterns
        squares = squares.at[:-1].add(mean_over(v.spins**2, 2) * size)
        counts = [count + size * (l < machine.depth) for l, count in enumerate(counts, start=1)]
    return squares / jnp.array(counts, jnp.float32)


def energy_drift(machine: ThermalMachine, state: Moving, then: State | None, scene: Boundary) -> Array:
    """What errors of the integration have added to the energy since the start, over the number of moving numbers."""
    return drift(state) / moving_numbers(machine, scene.inputs.shape[-1])


def _rms(x: Array, axes: int) -> Array:
    """Root of the mean square over the last axes, which stay with size 1; 1 where it is zero."""
    squares = mean_over(x**2, axes)
    return jnp.sqrt(jnp.where(squares > 0, squares, 1)).reshape(*squares.shape, *[1] * axes)


def by_layer(stacks: Stacks) -> Stacks:
    """Numbers of each layer over the root of their mean square."""
    return tuple(x / _rms(x, 2) for x in stacks)


def by_neuron(stacks: Stacks) -> Stacks:
    """Numbers of each neuron over the root of their mean square over patterns."""
    return tuple(x / _rms(x, 1) for x in stacks)


def raw(stacks: Stacks) -> Stacks:
    """Numbers as they are."""
    return stacks


def _neurons(state: State, scene: Boundary, scaled: Callable[[Stacks], Stacks]) -> Stacks:
    return scaled(overlaps.measured_layers(state.spins, scene))


def _with_then(function: Callable, scaled: Callable[[Stacks], Stacks]) -> Callable:
    """Observable of the neurons now and at the waiting time."""

    def of(machine: ThermalMachine, state: Moving, then: State, scene: Boundary) -> Array:
        return function(_neurons(state.positions, scene, scaled), _neurons(then, scene, scaled))

    return of


def _of_pair(function: Callable, scaled: Callable[[Stacks], Stacks]) -> Callable:
    """Observable of the neurons of two replicas."""

    def of(machine: ThermalMachine, state: State, other: State, scenes: tuple[Boundary, Boundary]) -> Array:
        return function(*(_neurons(x, scene, scaled) for x, scene in zip((state, other), scenes, strict=True)))

    return of


def _weights_with_then(scaled: Callable[[Stacks], Stacks]) -> Callable:
    def of(machine: ThermalMachine, state: Moving, then: State, scene: Boundary) -> Array:
        return overlaps.weight_overlap(scaled(state.positions.weights), scaled(then.weights))

    return of


def _weights_of_pair(scaled: Callable[[Stacks], Stacks]) -> Callable:
    def of(machine: ThermalMachine, state: State, other: State, scenes: tuple[Boundary, Boundary]) -> Array:
        return overlaps.paired_weight_overlap(scaled(state.weights), scaled(other.weights))

    return of


def _weights_squared(machine: ThermalMachine, state: Moving, then: State, scene: Boundary) -> Array:
    return gauge.weight_overlap_squared(machine.network, state.positions, then)


def _weights_of_pair_squared(machine: ThermalMachine, state: State, other: State, scenes: Any) -> Array:
    return gauge.weight_overlap_squared(machine.network, state, other)


def _magnetisation_squared(machine: ThermalMachine, state: Moving, then: State, scene: Boundary) -> Array:
    return overlaps.magnetisation_squared(_neurons(state.positions, scene, by_neuron))


_OVER_SQUARES = "1"
"""Units of what is divided by root mean squares."""

TABLE: dict[str, Observable] = {
    "energy": Observable(energy_per_gap, _L, "both", "energy per gap", "energy", "E_l/(N_l M)", _H25),
    "train_error": Observable(
        train_error, (), "both", "fraction of output neurons", "training error", "eps_train", _H25
    ),
    "test_error": Observable(test_error, (), "both", "fraction of output neurons", "test error", "eps_test", _H25),
    "train_error_tanh": Observable(
        train_error_tanh, (), "both", "fraction of output neurons", "training error of the tanh network",
        "eps_train", _OWN,
    ),
    "test_error_tanh": Observable(
        test_error_tanh, (), "both", "fraction of output neurons", "test error of the tanh network", "eps_test", _OWN
    ),
    "kinetic_temperature": Observable(
        kinetic_temperature, _L, "both", "1", "kinetic temperature", "<v_l^2>", _H25
    ),
    "energy_drift": Observable(
        energy_drift, (), "both", "per moving number", "energy from errors of the integration", "dH/n", _OWN
    ),
    "spin_autocorrelation": Observable(
        _with_then(overlaps.spin_overlap, by_layer), _L, "clone", _OVER_SQUARES,
        "autocorrelation of neurons", "c_l(t, t_w)", _H25, fixed=_L,
    ),
    "spin_autocorrelation_raw": Observable(
        _with_then(overlaps.spin_overlap, raw), _L, "clone", "per neuron and pattern",
        "autocorrelation of neurons, not normalised", "c_l(t, t_w)", f"{_H25}, eq. 13", fixed=_L,
    ),
    "spin_autocorrelation_squared": Observable(
        _with_then(overlaps.spin_overlap_squared, by_neuron), _L, "clone", "per neuron",
        "squared autocorrelation of neurons", "c2_l(t, t_w)", _OWN, fixed=_L
    ),
    "weight_autocorrelation": Observable(
        _weights_with_then(by_layer), _L, "clone", _OVER_SQUARES, "weight autocorrelation", "C_l(t, t_w)", _H25
    ),
    "weight_autocorrelation_raw": Observable(
        _weights_with_then(raw), _L, "clone", "per weight",
        "weight autocorrelation, not normalised", "C_l(t, t_w)", _H25
    ),
    "weight_autocorrelation_squared": Observable(
        _weights_squared, _L, "clone", "per row or column", "squared weight autocorrelation", "C2_l(t, t_w)", _OWN
    ),
    "magnetisation_squared": Observable(
        _magnetisation_squared, _L, "clone", "per neuron",
        "squared magnetisation over patterns", "m2_l", _OWN, fixed=_L
    ),
    "spin_overlap": Observable(
        _of_pair(overlaps.paired_spin_overlap, by_layer), _L, "pair", _OVER_SQUARES,
        "replica overlap of neurons", "q_l^{ab}", _H25, fixed=_L,
    ),
    "spin_overlap_raw": Observable(
        _of_pair(overlaps.paired_spin_overlap, raw), _L, "pair", "per neuron and pattern",
        "replica overlap of neurons, not normalised", "q_l^{ab}", _H25, fixed=_L,
    ),
    "spin_overlap_connected": Observable(
        _of_pair(overlaps.paired_connected_spin_overlap, by_layer), _L, "pair", _OVER_SQUARES,
        "connected replica overlap of neurons", "q_l^{ab} - m m'", _Y20, fixed=_L
    ),
    "spin_overlap_squared": Observable(
        _of_pair(overlaps.paired_spin_overlap_squared, by_neuron), _L, "pair", "per neuron",
        "squared overlap of neurons", "q2_l^{ab}", _OWN, fixed=_L
    ),
    "weight_overlap": Observable(
        _weights_of_pair(by_layer), _L, "pair", _OVER_SQUARES, "replica overlap of weights", "Q_l^{ab}", _H25
    ),
    "weight_overlap_raw": Observable(
        _weights_of_pair(raw), _L, "pair", "per weight",
        "replica overlap of weights, not normalised", "Q_l^{ab}", _H25
    ),
    "weight_overlap_squared": Observable(
        _weights_of_pair_squared, _L, "pair", "per row or column", "squared overlap of weights", "Q2_l^{ab}", _OWN
    ),
}  # fmt: skip
"""Observables by name; their functions take the machine first, `bound` gives it to them."""


TESTS = (test_error, test_error_tanh)
"""What needs test data."""
VELOCITIES = (kinetic_temperature, energy_drift)
"""What needs velocities."""


@lru_cache(maxsize=256)
def bound(machine: ThermalMachine, *, tested: bool, warm: bool = True) -> dict[str, Observable]:
    """The table with the machine given to its functions.

    Test errors are left out if not `tested`, for want of test data; what needs velocities if not `warm`.
    """
    without = {*(() if tested else TESTS), *(() if warm else VELOCITIES)}
    functions = {o.of: partial(o.of, machine) for o in TABLE.values()}
    return {name: replace(o, of=functions[o.of]) for name, o in TABLE.items() if o.of not in without}
