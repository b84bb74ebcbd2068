"""Compiled functions of a chunk of replicas, shared by all runs of one system."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import jax
from jax import Array

from glassnet.sampling.kernel import Drive, Kernel, State, advance, beginning
from glassnet.sampling.plan import Plan
from glassnet.sampling.system import Observable, System
from glassnet.simulation.parallel import Placement, batched

CACHED_PROGRAMS = 32
"""Systems whose programs are kept; those of a small one take about 36 MB."""


@lru_cache(CACHED_PROGRAMS)
def randomise(system: System) -> Callable:
    """`f(key, clamped) -> state` at infinite temperature, for one replica."""

    def start(key: Array, clamped: Any) -> State:
        return system.start(key, clamped)

    return jax.jit(start)


@lru_cache(CACHED_PROGRAMS)
def kernel_of(system: System, plan: Plan) -> Kernel:
    """The kernel of a system, made once: JAX keeps what it traced by the functions."""
    return system.kernel(plan)


@lru_cache(CACHED_PROGRAMS)
def initialise(system: System, placement: Placement, shared: bool) -> Callable:
    """`f(states, clamped) -> states`: the kernel's `init`, which computes anew what follows from the rest."""
    init = kernel_of(system, placement.plan).init
    return jax.jit(batched(placement, init, (0, _axis(shared))))


@lru_cache(CACHED_PROGRAMS)
def begin(system: System, placement: Placement, shared: bool) -> Callable | None:
    """`f(keys, states, drives) -> states`: what replicas do as they begin; None where that is nothing."""
    kernel = kernel_of(system, placement.plan)
    return None if kernel.begin is None else jax.jit(batched(placement, beginning(kernel), (0, 0, _drives(shared))))


@lru_cache(CACHED_PROGRAMS)
def advancing(system: System, placement: Placement, shared: bool) -> Callable:
    """`f(keys, states, drives, start, stop) -> (states, info)`; the states given are used up."""
    run = advance(kernel_of(system, placement.plan))
    return jax.jit(batched(placement, run, (0, 0, _drives(shared), None, None)), donate_argnums=1)


@lru_cache(CACHED_PROGRAMS)
def measuring(
    system: System, functions: tuple[Callable, ...], placement: Placement, shared: bool, *, later: bool, large: bool
) -> Callable:
    """`f(states[, then], scene, drives, sweep) -> (values, finite)`: the values of `functions`, flags of finiteness.

    They are measured at the temperature of the last sweep before `sweep`.

    Args:
        system: the system.
        functions: `of` of observables.
        placement: where replicas run.
        shared: whether all see the same data.
        later: whether the configurations at the waiting times, bare, come second; else the functions get None.
        large: whether configurations are so large that one function is to be computed after another.
    """

    def program(*functions: Callable, flags: bool) -> Callable:
        def measure(state: State, *others: Any) -> tuple[list[Any], dict[str, Array]]:
            then, scene, drive, sweep = others if later else (None, *others)
            scene = system.at_temperature(scene, drive.at(sweep - 1).temperature)
            return [of(state, then, scene) for of in functions], system.finite(state) if flags else {}

        axes = (_axis(shared), _drives(shared), None)
        return jax.jit(batched(placement, measure, (0, 0, *axes) if later else (0, *axes)))

    if not large:
        return program(*functions, flags=True)
    finite, programs = program(flags=True), [program(of, flags=False) for of in functions]

    def measure_in_turn(*arguments: Any) -> tuple[list[Any], dict[str, Array]]:
        return [jax.block_until_ready(of(*arguments)[0][0]) for of in programs], finite(*arguments)[1]

    measure_in_turn._cache_size = finite._cache_size  # ty: ignore[missing-attribute]
    return measure_in_turn


@lru_cache(CACHED_PROGRAMS)
def pairing(functions: tuple[Callable, ...], shared: bool) -> Callable:
    """`f(configurations, clamped) -> values` of all pairs of bare configurations, (a, b, ...) each.

    Each configuration has clamped data of its own (leading axis) unless they share one. With `(others, theirs)` behind,
    pairs of the first with these.
    """
    axis = _axis(shared)

    def pairs(configurations: State, clamped: Any, others: State = None, theirs: Any = None) -> list[Any]:
        seconds = (configurations, clamped) if others is None else (others, theirs)

        def with_all(a: State, own: Any) -> list[Any]:
            def of_two(b: State, other: Any) -> list[Any]:
                return [of(a, b, (own, other)) for of in functions]

            return jax.vmap(of_two, (0, axis))(*seconds)

        return jax.vmap(with_all, (0, axis))(configurations, clamped)

    return jax.jit(pairs)


@lru_cache(CACHED_PROGRAMS)
def comparing(functions: tuple[Callable, ...], shared: bool) -> Callable:
    """`f((a, own), (b, others)) -> values` of one pair of bare configurations, each with a leading axis of one place.

    So have their clamped data, unless they share one.
    """

    def first(x: Any) -> Any:
        return jax.tree.map(lambda y: y[0], x)

    def of_two(one: tuple[State, Any], other: tuple[State, Any]) -> list[Any]:
        (a, own), (b, others) = one, other
        data = (own, others) if shared else (first(own), first(others))
        return [of(first(a), first(b), data) for of in functions]

    return jax.jit(of_two)


@lru_cache(CACHED_PROGRAMS)
def alone(functions: tuple[Callable, ...], shared: bool) -> Callable:
    """`f(configurations, clamped) -> values` of each bare configuration by itself; clamped data as in `pairing`."""

    def of_one(configuration: State, own: Any) -> list[Any]:
        return [of(configuration, None, own) for of in functions]

    return jax.jit(jax.vmap(of_one, (0, _axis(shared))))


def functions_of(observables: Sequence[Observable]) -> tuple[Callable, ...]:
    """The functions of observables, each once."""
    return tuple(dict.fromkeys(observable.of for observable in observables))


def forget() -> None:
    """Give back the programs of all systems, and what JAX keeps of them; they are compiled anew where needed."""
    for kept in (randomise, kernel_of, initialise, begin, advancing, measuring, pairing, comparing, alone):
        kept.cache_clear()
    jax.clear_caches()


def _drives(shared: bool) -> Any:
    """Axes of the drives of a chunk: a path and an origin for each replica, numbers for all."""
    return Drive(path=0, origin=0, numbers=None, clamped=_axis(shared))  # ty: ignore[invalid-argument-type]


def _axis(shared: bool) -> int | None:
    return None if shared else 0
