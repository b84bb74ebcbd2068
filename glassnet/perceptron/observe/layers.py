"""Energy, violated gaps and training error of one replica."""

from functools import partial

import jax.numpy as jnp
from jax import Array

from glassnet.core.means import LARGE, by_place, mean_over
from glassnet.perceptron.forward import output_field, signs
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Potential
from glassnet.perceptron.state import Boundary, State, own_spins, potential_of
from glassnet.perceptron.targets import cost_of, told_less_own


def layer_energy(machine: Machine, state: State, boundary: Boundary) -> dict[str, Array]:
    """Energy and violated gaps of each layer, per gap.

    energy_l = 1/(N_l M) sum_{mu i} v(r),   violated_l = 1/(N_l M) sum_{mu i} theta(-r)      [Yoshino 2020]

    With targets, the energy of the outputs is the mixture of `glassnet.perceptron.targets`.

    Args:
        machine: the machine.
        state: configuration with cached pre-activations.
        boundary: clamped neurons.
    Returns:
        `energy` and `violated`, each of shape (depth,); the energy is inf where a hard core is violated.
    """
    energies, violated, potential = [], [], potential_of(machine, boundary)
    for field, own in zip(state.fields, own_spins(machine, state.spins, boundary), strict=True):
        energy, below = by_place(partial(_costs, potential), own, field)
        energies.append(energy)
        violated.append(below)
    energy = jnp.concatenate(energies)
    if boundary.targets is not None:
        field = state.fields[-1][-1]
        last = cost_of(potential, boundary.targets, boundary.outputs.astype(field.dtype), field)
        energy = energy.at[-1].set(mean_over(last, 2))
    if machine.hard:
        energy = jnp.where(energy > 0, jnp.inf, energy)
    return {"energy": energy, "violated": jnp.concatenate(violated)}


def _costs(potential: Potential, own: Array, field: Array) -> tuple[Array, Array]:
    """Mean cost of the gaps, and fraction of violated ones, by layer; (layer, neuron, pattern) each."""
    gap = own.astype(field.dtype) * field - potential.margin
    return mean_over(potential.cost(gap), 2), mean_over(gap < 0, 2)


def guidance(machine: Machine, state: State, boundary: Boundary) -> Array:
    """dH/dlambda per output neuron and pattern, scalar: u_tau(h, h_p) - v(y h) on average."""
    assert boundary.targets is not None  # measured only where there are some
    field = state.fields[-1][-1]
    own = boundary.outputs.astype(field.dtype)
    return mean_over(told_less_own(potential_of(machine, boundary), boundary.targets, own, field), 2)


def output_error(machine: Machine, weights: tuple[Array, ...], boundary: Boundary) -> Array:
    """Fraction of wrong output neurons when the inputs are fed forward with the instantaneous weights, scalar."""
    outputs = signs(output_field(machine, weights, boundary.inputs))
    return mean_over(outputs != boundary.outputs, 2)


def finite(state: State) -> dict[str, Array]:
    """Whether weights and pre-activations of each layer are finite, bool, each of shape (depth,)."""
    return {"weights": _all_finite(state.weights), "fields": _all_finite(state.fields)}


def _all_finite(stacks: tuple[Array, ...]) -> Array:
    return jnp.concatenate(
        [mean_over(~jnp.isfinite(x), 2) == 0 if x.size < LARGE else jnp.isfinite(x).all((1, 2)) for x in stacks]
    )
