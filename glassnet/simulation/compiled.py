"""Compiled functions of a chunk of replicas, shared by all runs of one machine."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from glassnet.perceptron.machine import Machine
from glassnet.perceptron.observe import layers, overlaps
from glassnet.perceptron.state import Boundary, State, random_state
from glassnet.perceptron.sweeps.catalogue import build
from glassnet.sampling.kernel import Drive, advance
from glassnet.simulation.parallel import Lanes, batched

CACHED_PROGRAMS = 64


@lru_cache(CACHED_PROGRAMS)
def randomise(machine: Machine) -> Callable:
    """`f(key, boundary) -> state` at infinite temperature, for one replica."""
    return jax.jit(partial(random_state, machine))


@lru_cache(CACHED_PROGRAMS)
def initialise(machine: Machine, dynamics: str, lanes: Lanes, shared: bool) -> Callable:
    """`f(states, boundary) -> states`: cached fields exact, slaved neurons in place."""
    kernel = build(dynamics, machine, lanes.plan)
    return jax.jit(batched(lanes, kernel.init, (0, _axis(shared))))


@lru_cache(CACHED_PROGRAMS)
def advancing(machine: Machine, dynamics: str, lanes: Lanes, shared: bool) -> Callable:
    """`f(keys, states, drives, start, stop) -> (states, info)`; the states given are used up."""
    run = advance(build(dynamics, machine, lanes.plan))
    drive = Drive(path=0, origin=0, numbers=None, clamped=_axis(shared))  # ty: ignore[invalid-argument-type]
    return jax.jit(batched(lanes, run, (0, 0, drive, None, None)), donate_argnums=1)


@lru_cache(CACHED_PROGRAMS)
def host_measures(machine: Machine, lanes: Lanes, shared: bool) -> Callable:
    """`f(states, boundary, test) -> dict` of what is measured on a host."""

    def measure(state: State, boundary: Boundary, test: Boundary) -> dict[str, Any]:
        return {
            **layers.layer_energy(machine, state, boundary),
            "train_error": layers.output_error(machine, state.weights, boundary),
            "test_error": layers.output_error(machine, state.weights, test),
            "finite": layers.finite(state),
        }

    axis = _axis(shared)
    return jax.jit(batched(lanes, measure, (0, axis, axis)))


@lru_cache(CACHED_PROGRAMS)
def clone_measures(machine: Machine, lanes: Lanes, shared: bool, taught: bool) -> Callable:
    """`f(states, reference, boundary, test[, teacher]) -> dict` of what is measured on a clone.

    `reference` is (spins, weights) at the waiting time; the teacher's hidden spins come last if `taught`.
    """

    def measure(
        state: State, reference: tuple, boundary: Boundary, test: Boundary, teacher: Array | None = None
    ) -> dict[str, Any]:
        now, then = (overlaps.measured_layers(spins, boundary) for spins in (state.spins, reference[0]))
        spread = overlaps.pattern_overlap(now)
        result = {
            **layers.layer_energy(machine, state, boundary),
            "train_error": layers.output_error(machine, state.weights, boundary),
            "test_error": layers.output_error(machine, state.weights, test),
            "finite": layers.finite(state),
            "spin_autocorrelation": overlaps.spin_overlap(now, then),
            "spin_autocorrelation_connected": overlaps.connected_spin_overlap(now, then),
            "weight_autocorrelation": overlaps.weight_overlap(state.weights, reference[1]),
            "magnetisation_squared": overlaps.magnetisation_squared(now),
            "pattern_overlap": spread[0],
            "pattern_overlap_spread": spread[1],
        }
        if teacher is not None:
            result["neuron_overlaps"] = overlaps.neuron_overlaps(teacher, state.spins)
        return result

    axis = _axis(shared)
    return jax.jit(batched(lanes, measure, (0, 0, axis, axis, axis) if taught else (0, 0, axis, axis)))


@lru_cache(CACHED_PROGRAMS)
def pair_measures() -> Callable:
    """`f(spins, outputs, weights) -> dict`: overlaps of all pairs of replicas (leading axis)."""
    return jax.jit(overlaps.all_pairs)


@jax.jit
def copy(tree: Any) -> Any:
    """A copy that survives the donation of the original."""
    return jax.tree.map(jnp.copy, tree)


@jax.jit
def picked(batches: Sequence[Any], which: Array, place: Array) -> Any:
    """Replicas `place[n]` of `batches[which[n]]`, n = 0, 1, ..., where all batches are pytrees of equal shapes."""
    return jax.tree.map(lambda *x: jnp.stack(x)[which, place], *batches)


def _axis(shared: bool) -> int | None:
    return None if shared else 0
