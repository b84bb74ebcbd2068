"""The contract of all moves, and the loop that repeats them.

A kernel is a pair of plain functions of one replica: `init(state, boundary)` makes the cached fields of a
configuration exact, `step(key, state, params) -> (state, info)` moves it by one sweep. `params` holds the numbers
that may differ between replicas; `info` counts the accepted moves by layer, a dict of small integer arrays.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from glassnet.core import keys
from glassnet.core.pytree import pytree
from glassnet.core.schedule import BetaPath
from glassnet.model.machine import Machine
from glassnet.model.state import Boundary, State, refreshed

REFRESH = 1000
"""Sweeps between two recomputations of the cached pre-activations."""

Info = dict[str, Array]


@pytree
class Params:
    """What one sweep needs beside the state.

    Attributes:
        temperature: 1 / beta, scalar; 0 accepts what does not raise the energy.
        weight_step: size d of a weight move, scalar.
        boundary: the clamped neurons.
    """

    temperature: Array
    weight_step: Array
    boundary: Boundary


def cooled(machine: Machine, params: Params) -> Params:
    """`params` at zero temperature if the potential is a hard core, which has no other."""
    return replace(params, temperature=jnp.float32(0)) if machine.potential.hard else params


@pytree
class Drive:
    """What drives one replica in time.

    Attributes:
        path: inverse temperature against sweep.
        origin: sweep at which this replica's own count starts, scalar int32 (the waiting time of a clone).
        weight_step: size d of a weight move, scalar.
        boundary: the clamped neurons.
    """

    path: BetaPath
    origin: Array
    weight_step: Array
    boundary: Boundary

    def at(self, sweep: Array) -> Params:
        """Parameters of a sweep of the replica's own count."""
        return Params(self.path.temperature(self.origin + sweep), self.weight_step, self.boundary)


Init = Callable[[State, Boundary], State]
Step = Callable[[Array, State, Params], tuple[State, Info]]


class Kernel(NamedTuple):
    """`init(state, boundary) -> state` and `step(key, state, params) -> (state, info)`."""

    init: Init
    step: Step


def kernel(machine: Machine, *steps: Step) -> Kernel:
    """Kernel that does `steps` in turn on spins and weights which both move."""
    return Kernel(partial(refreshed, machine), compose(*steps))


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

    Sweep t (start <= t < stop, traced) uses the key addressed by t; `info` is summed over the sweeps. The
    kernel's `init` removes rounding after every sweep t with t + 1 divisible by `refresh`: how a run is cut into
    blocks does not change it.
    """

    def run(key: Array, state: State, drive: Drive, start: Array, stop: Array) -> tuple[State, Info]:
        def sweep(t: Array, carry: tuple[State, Info]) -> tuple[State, Info]:
            state, total = carry
            state, info = kernel.step(keys.address(key, t), state, drive.at(t))
            if refresh is not None:
                due = (t + 1) % refresh == 0
                state = lax.cond(due, lambda s: kernel.init(s, drive.boundary), lambda s: s, state)
            return state, jax.tree.map(jnp.add, total, info)

        shapes = jax.eval_shape(kernel.step, key, state, drive.at(jnp.int32(0)))[1]
        nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        return lax.fori_loop(start, stop, sweep, (state, nothing))

    return run
