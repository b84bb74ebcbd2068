"""What the sweeps sample: the energy of a configuration, and the temperature that it is sampled at."""

from dataclasses import replace
from functools import partial

import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.perceptron.machine import Machine
from glassnet.perceptron.state import Boundary, State, on_prior, own_spins, potential_of, refreshed, with_fields
from glassnet.perceptron.sweeps.frozen import NOTHING, Frozen
from glassnet.perceptron.targets import cost_of
from glassnet.sampling.kernel import Kernel, Params, Step, compose


def configuration_energy(machine: Machine, state: State, boundary: Boundary) -> Array:
    """H = sum_{l mu i} v(r_{l mu i}) from the cached pre-activations, scalar   [Yoshino 2020, eq. 6 ff.].

    The outputs of a machine with targets cost as `glassnet.perceptron.targets` says.

    A hard core, whose v is infinite, counts violated gaps: what its moves compare at zero temperature.
    """
    total, potential = jnp.float32(0), potential_of(machine, boundary)
    fields, spins = list(state.fields), list(own_spins(machine, state.spins, boundary))
    if boundary.targets is not None:  # of the outputs, which leave their stack
        total += output_energy(machine, state, boundary)
        fields[-1], spins[-1] = fields[-1][:-1], spins[-1][:-1]
    for field, own in zip(fields, spins, strict=True):
        total += potential.cost(own.astype(field.dtype) * field - potential.margin).sum()
    return total


def output_energy(machine: Machine, state: State, boundary: Boundary) -> Array:
    """Energy of the output layer alone, H = sum_{mu i} v(r_{L mu i}), scalar   [Yoshino 2023], targets included."""
    field = state.fields[-1][-1]
    own = boundary.outputs.astype(field.dtype)
    return cost_of(potential_of(machine, boundary), boundary.targets, own, field).sum()


def cooled(machine: Machine, params: Params) -> Params:
    """`params` at zero temperature if the potential is a hard core, which has no other."""
    return replace(params, temperature=jnp.float32(0)) if machine.hard else params


def kept_on_prior(machine: Machine, weights: tuple[Array, ...], frozen: Frozen) -> tuple[Array, ...]:
    """As `on_prior`; frozen layers stay as they are, bit for bit."""
    renewed = on_prior(machine, weights)
    if not frozen.weights:
        return renewed
    found = []
    for stack, old, new in zip(machine.stacks, weights, renewed, strict=True):
        held = [l - stack.first for l in stack.layers if l in frozen.weights]
        found.append(new.at[np.asarray(held)].set(old[np.asarray(held)]) if held else new)
    return tuple(found)


def kernel(machine: Machine, *steps: Step, frozen: Frozen = NOTHING) -> Kernel:
    """Kernel that does `steps` in turn on spins and weights which both move."""

    def init(state: State, boundary: Boundary) -> State:
        new = refreshed(machine, state, boundary)
        if not frozen.weights:
            return new
        weights = kept_on_prior(machine, state.weights, frozen)
        return with_fields(machine, state.spins, weights, boundary)

    energy = partial(configuration_energy, machine)
    return Kernel(init if frozen else partial(refreshed, machine), compose(*steps), energy)
