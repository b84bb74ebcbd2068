"""How a weight ensemble proposes moves."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.core import keys
from glassnet.core.check import fail, positive
from glassnet.sampling.kernel import Params

STEPS = 1e-6, 1e6
"""Sizes of weight moves: smaller ones are lost to single precision, larger ones draw from the prior as well."""


def check_step(weight_step: float) -> None:
    """Raise ValueError unless `weight_step` is the size of a move that single precision can carry out."""
    positive(weight_step=weight_step)
    if not STEPS[0] <= weight_step <= STEPS[1]:
        raise fail("weight_step", f"lie between {STEPS[0]:g} and {STEPS[1]:g}", weight_step)


class Proposal(NamedTuple):
    """How an ensemble proposes: moves that leave its measure invariant where all are accepted.

    Attributes:
        change: `change(key, J, params)`: proposed changes of weights that move together, (step, rank, neuron).
        rank: weights of a row that move together; the groups are drawn anew in every pass.
        passes: passes over a row in a sweep, each of which moves a weight once at most.
        heat_bath: whether the heat bath decides on it where that is asked for, else Metropolis does.
    """

    change: Callable[[Array, Array, Params], Array]
    rank: int
    passes: int
    heat_bath: bool = False

    def order(self, key: Array, slots: int) -> tuple[Array, Array]:
        """Order in which the slots of a row move, and its inverse: a permutation and where it puts each slot.

        Slots that move together stand side by side. They lie a random distance apart on a ring, turned by a random
        angle: position k holds slot (a k + b) mod c, with a random b and a random a that has no divisor in common
        with c.
        """
        place = jnp.arange(slots)
        if self.rank == 1:
            return place, place
        units = np.array([a for a in range(1, slots + 1) if math.gcd(a, slots) == 1])
        inverses = np.array([pow(int(a), -1, slots) if slots > 1 else 0 for a in units])
        u = keys.uniform(keys.address(key, 2), (2,))
        choice = (u[0] * len(units)).astype(jnp.int32)
        turn = (u[1] * slots).astype(jnp.int32)
        order = (jnp.asarray(units)[choice] * place + turn) % slots
        return order, (jnp.asarray(inverses)[choice] * (place - turn)) % slots

    def arranged(self, x: Array, order: Array) -> tuple[Array, Array]:
        """`x` (slot, ...) as groups (step, rank, ...) in that order, and the slots that are left over."""
        x = x if self.rank == 1 else x[order]
        used = len(x) - len(x) % self.rank
        return x[:used].reshape(-1, self.rank, *x.shape[1:]), x[used:]

    def terms(self, x: Array) -> tuple[Array, ...]:
        """`x` (step, rank, ...) as one array (step, ...) for each weight of a group."""
        return tuple(x[:, k] for k in range(self.rank))

    def restored(self, moved: Array, resting: Array, inverse: Array) -> Array:
        """What `arranged` took apart, put together again."""
        x = jnp.concatenate([moved.reshape(-1, *moved.shape[2:]), resting])
        return x if self.rank == 1 else x[inverse]
