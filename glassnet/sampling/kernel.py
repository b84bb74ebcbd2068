"""The contract of all moves, and the loop that repeats them.

A kernel is three plain functions of one replica, and a fourth where a replica draws something as it begins, such as
velocities: `begin(key, state, params)`. `init(state, clamped)` computes anew what a state caches.
`step(key, state, params) -> (state, info)` moves it by one sweep. `energy(state, clamped)` is what it samples:
`step` leaves exp(-energy / temperature) times the prior of the moves invariant. `params` holds what may differ between
replicas: temperature, sizes of moves, clamped data. `info` counts accepted moves, a dict of small integer arrays.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from glassnet.core import keys
from glassnet.core.pytree import pytree
from glassnet.core.schedule import BetaPath

REFRESH = 1000
"""Sweeps between two recomputations of cached quantities."""

State = Any
"""Configuration of one replica, a pytree of arrays with whatever the moves cache."""

Info = dict[str, Array]


@pytree
class Params:
    """What one sweep needs beside the state.

    Attributes:
        temperature: 1 / beta, scalar; 0 accepts what does not raise the energy.
        numbers: sizes of moves, time steps and the like, a pytree of scalars.
        clamped: data that do not move, a pytree.
    """

    temperature: Array
    numbers: Any
    clamped: Any


@pytree
class Drive:
    """What drives one replica in time.

    Attributes:
        path: inverse temperature against sweep.
        origin: sweep at which this replica's own count starts, scalar int32 (the waiting time of a clone).
        numbers: sizes of moves, time steps and the like, a pytree of scalars.
        clamped: data that do not move, a pytree.
    """

    path: BetaPath
    origin: Array
    numbers: Any
    clamped: Any

    def at(self, sweep: Array) -> Params:
        """Parameters of a sweep of the replica's own count."""
        return Params(self.path.temperature(self.origin + sweep), self.numbers, self.clamped)


Init = Callable[[State, Any], State]
Step = Callable[[Array, State, Params], tuple[State, Info]]
Energy = Callable[[State, Any], Array]
Begin = Callable[[Array, State, Params], State]


class Kernel(NamedTuple):
    """`init(state, clamped)`, `step(key, state, params)`, `energy(state, clamped)`: see `glassnet.sampling.kernel`.

    `begin(key, state, params) -> state`, if any, is what each host does at its start, each clone at its waiting time.
    """

    init: Init
    step: Step
    energy: Energy
    begin: Begin | None = None


BEGIN = 2**31
"""Address of the key of `begin`, which no sweep has."""


def beginning(kernel: Kernel) -> Callable:
    """`f(key, state, drive) -> state`: what a replica does before its first sweep, nothing if the kernel has none."""

    def run(key: Array, state: State, drive: Drive) -> State:
        begun = kernel.begin
        return state if begun is None else begun(keys.address(key, jnp.uint32(BEGIN)), state, drive.at(jnp.int32(0)))

    return run


def compose(*steps: Step) -> Step:
    """One step that does all `steps` in turn, each with a key of its own; their infos are joined."""

    def step(key: Array, state: State, params: Params) -> tuple[State, Info]:
        info: Info = {}
        for place, part in enumerate(steps):
            state, new = part(keys.address(key, place), state, params)
            info |= new
        return state, info

    return step


def advance(kernel: Kernel, refresh: int | None = REFRESH) -> Callable:
    """The loop over sweeps: `run(key, state, drive, start, stop) -> (state, info)`.

    Sweep t (start <= t < stop, both traced) uses the key at the address t, and `info` is summed over the sweeps.
    Rounding gathers in what a state caches. The kernel's `init` removes it after every sweep t with t + 1 divisible
    by `refresh`. All this depends on t alone, so that a run has the same bits however it is cut into blocks.
    """

    def run(key: Array, state: State, drive: Drive, start: Array, stop: Array) -> tuple[State, Info]:
        def sweep(t: Array, carry: tuple[State, Info]) -> tuple[State, Info]:
            state, total = carry
            state, info = kernel.step(keys.address(key, t), state, drive.at(t))
            if refresh is not None:
                due = (t + 1) % refresh == 0
                state = lax.cond(due, lambda s: kernel.init(s, drive.clamped), lambda s: s, state)
            return state, jax.tree.map(jnp.add, total, info)

        shapes = jax.eval_shape(kernel.step, key, state, drive.at(jnp.int32(0)))[1]
        nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        return lax.fori_loop(start, stop, sweep, (state, nothing))

    return run
