"""Descent of an energy by its gradient in a box: how a learner without temperature goes, beside molecular dynamics.

What moves is known only by its forces, a pytree of real numbers in [-1, 1], as in `glassnet.sampling.langevin`. The
optimizers are those of optax.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from glassnet.core.check import fail, one_of, plain_fields, positive
from glassnet.core.optional import optax
from glassnet.core.pytree import pytree
from glassnet.sampling.kernel import Info, Kernel, Params
from glassnet.sampling.langevin import Forces

OPTIMIZERS = ("adam", "gradient")
"""Steps that adapt to each number, or the gradient as it is."""


@dataclass(frozen=True)
class Descent:
    """Descent of the energy, a baseline without temperature: all data at once, no noise.

        x <- x - rate g                              "gradient": g is the gradient of the energy
        x <- x - rate m / (sqrt(v) + 1e-8)           "adam": m and v are the means of g and g^2 over about 10 and 1000
                                                     steps, freed of the bias of their start [Kingma and Ba 2015]

    What would leave the box stays at its wall. All clones of a host go the same way: one is enough.

    Args:
        rate: size of a step, above 0 and at most 1, half the box.
        optimizer: "adam" or "gradient".
    Raises:
        ValueError: if an argument is out of range; it names the argument and the value.
    """

    rate: float = 1e-3
    optimizer: str = "adam"

    def __post_init__(self) -> None:
        plain_fields(self)
        one_of(OPTIMIZERS, optimizer=self.optimizer)
        check_rate(self.rate)
        object.__setattr__(self, "rate", float(self.rate))

    @property
    def numbers(self) -> dict[str, float]:
        """What compiled code takes as data."""
        return {"rate": self.rate}

    @property
    def scheme(self) -> "Slope":
        """What compiled code is made of."""
        return Slope(self.optimizer)

    def __str__(self) -> str:
        """In words, for titles."""
        return str(self.scheme)


@dataclass(frozen=True)
class Slope:
    """How a step down is built: the optimizer."""

    optimizer: str = "adam"

    def __str__(self) -> str:
        """In words, for titles."""
        return {"adam": "Adam", "gradient": "gradient descent"}[self.optimizer]


def check_rate(rate: float) -> None:
    """Raise ValueError unless the rate is in the range of `Descent`."""
    positive(rate=rate)
    if rate > 1:
        raise fail("rate", "be at most 1, half the box", rate)


@pytree
class Descending:
    """Positions that go down.

    Attributes:
        positions: a pytree of numbers in [-1, 1].
        forces: minus the gradient of the energy at the positions.
        energy: energy at the positions, scalar.
        memory: what the optimizer keeps from step to step.
    """

    positions: Any
    forces: Any
    energy: Array
    memory: Any


def kernel(forces: Forces, scheme: Slope) -> Kernel:
    """One step down.

    `params.numbers` has `rate`; the temperature is of no account. The state is `Descending`, or bare positions where
    `init` gets it.

    Args:
        forces: energy and forces of positions.
        scheme: how the step is built.
    Raises:
        ModuleNotFoundError: if optax is not installed.
    """
    library = optax()
    direction = library.scale_by_adam() if scheme.optimizer == "adam" else library.identity()

    def init(state: Any, clamped: Any) -> Descending:
        positions = state.positions if isinstance(state, Descending) else state
        energy, force = forces(positions, clamped)
        memory = state.memory if isinstance(state, Descending) else direction.init(positions)
        return Descending(positions, force, energy, memory)

    def step(key: Array, state: Descending, params: Params) -> tuple[Descending, Info]:
        with jax.numpy_dtype_promotion("standard"):  # the library mixes integers and floats
            down, memory = direction.update(jax.tree.map(jnp.negative, state.forces), state.memory)
        rate = params.numbers["rate"]
        positions = jax.tree.map(lambda x, d: jnp.clip(x - rate * d, -1, 1), state.positions, down)
        energy, force = forces(positions, params.clamped)
        return Descending(positions, force, energy, memory), {}

    return Kernel(init, step, lambda state, clamped: state.energy)
