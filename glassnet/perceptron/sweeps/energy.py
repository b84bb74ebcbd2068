"""What the sweeps sample: the energy of a configuration, and the temperature that it is sampled at."""

from dataclasses import replace
from functools import partial

import jax.numpy as jnp
from jax import Array

from glassnet.perceptron.machine import Machine
from glassnet.perceptron.state import Boundary, State, own_spins, refreshed
from glassnet.sampling.kernel import Kernel, Params, Step, compose


def configuration_energy(machine: Machine, state: State, boundary: Boundary) -> Array:
    """H = sum_{l mu i} v(r_{l mu i}) from the cached pre-activations, scalar   [Yoshino 2020, eq. 6 ff.].

    A hard core, whose v is infinite, counts violated gaps: what its moves compare at zero temperature.
    """
    total = jnp.float32(0)
    for field, own in zip(state.fields, own_spins(machine, state.spins, boundary), strict=True):
        total += machine.potential.cost(own.astype(field.dtype) * field - machine.potential.margin).sum()
    return total


def output_energy(machine: Machine, state: State, boundary: Boundary) -> Array:
    """Energy of the output layer alone, H = sum_{mu i} v(r_{L mu i}), scalar   [Yoshino 2023]."""
    field = state.fields[-1][-1]
    gap = boundary.outputs.astype(field.dtype) * field - machine.potential.margin
    return machine.potential.cost(gap).sum()


def cooled(machine: Machine, params: Params) -> Params:
    """`params` at zero temperature if the potential is a hard core, which has no other."""
    return replace(params, temperature=jnp.float32(0)) if machine.hard else params


def kernel(machine: Machine, *steps: Step) -> Kernel:
    """Kernel that does `steps` in turn on spins and weights which both move."""
    return Kernel(partial(refreshed, machine), compose(*steps), partial(configuration_energy, machine))
