"""Slice moves of whole rows of weights at fixed spins: all rows of all layers at once, no step size.

At fixed spins the energy of a row is a function of that row alone. With a second vector V drawn for the row J, the
points J cos t + V sin t form an ellipse (independent Gaussian weights) or a great circle (rows of a sphere) on which
the prior is uniform. A level below the density is drawn, and a point of the curve above it is found by shrinking a
bracket towards t = 0   [elliptical slice sampling: Murray, Adams and MacKay, AISTATS 9, 541 (2010); on the sphere:
Habeck, Hasenpflug, Kodgirwar and Rudolf, arXiv:2301.08056 (2023)].
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
from jax import Array, lax

from glassnet.core import keys
from glassnet.core.check import fail
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.state import State, feeding_spins, own_spins, potential_of, preactivations
from glassnet.perceptron.sweeps.energy import cooled
from glassnet.sampling.accept import metropolis
from glassnet.sampling.kernel import Info, Params, Step

MOST = 100
"""Points that a row tries: then it stays where it is. That is exact for any number: a move and its way back try equally
many points, with equal probabilities. So many points shrink a bracket far below what single precision tells apart, to
1e-21 on average."""


def row_slices(machine: Machine) -> Step:
    """One slice move of every row: J' = J cos t + V sin t, with E(J') <= E(J) - T ln u, u uniform.

    V is drawn from the prior for Gaussian rows, and is for spherical ones a random tangent of the same norm
    (`direction` of the ensemble). At zero temperature a row moves to where its energy is not higher.

    Info: `accepted_rows`, rows that moved in each layer 1..L, int32.

    Raises:
        ValueError: for an ensemble without `direction`, as that of Ising weights, which lie on no curve.
    """
    check_rows(machine)

    def step(key: Array, state: State, params: Params) -> tuple[State, Info]:
        state, angles, _ = sliced(machine, key, state, params)
        return state, {"accepted_rows": jnp.concatenate([(x != 0).sum(1, dtype=jnp.int32) for x in angles])}

    return step


def check_rows(machine: Machine) -> None:
    """Raise ValueError unless rows of the machine's ensemble lie on curves along which they can move."""
    if getattr(machine.prior, "direction", None) is None:
        requirement = "leave out 'rows' for weights that have no `direction` to move in, as Ising weights"
        raise fail("dynamics", requirement, machine.ensemble)


def sliced(
    machine: Machine, key: Array, state: State, params: Params
) -> tuple[State, tuple[Array, ...], tuple[Array, ...]]:
    """The state after a slice move of every row.

    Returns:
        The state; for each stack the angles t by which the rows moved, shape (layer, neuron), 0 for those that did not;
        and how many points of its curve each row tried, int32, in the same shape.
    """
    params, prior = cooled(machine, params), cast(Any, machine.prior)
    feeding = feeding_spins(machine, state.spins, params.clamped)
    own = own_spins(machine, state.spins, params.clamped)
    at = [jax.vmap(partial(keys.address, key))(jnp.asarray(stack.layers)) for stack in machine.stacks]
    toward = tuple(
        jax.vmap(lambda key, J: prior.direction(keys.address(key, 0), J))(layers, J)
        for layers, J in zip(at, state.weights, strict=True)
    )
    slopes = preactivations(machine, toward, feeding)
    weights, fields, angles, points = [], [], [], []
    for g, layers in enumerate(at):
        angle, tried = _angles(machine, layers, state.fields[g], slopes[g], own[g], params)
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        weights.append(cosine[:, None] * state.weights[g] + sine[:, None] * toward[g])
        fields.append(cosine[..., None] * state.fields[g] + sine[..., None] * slopes[g])
        angles.append(angle)
        points.append(tried)
    return State(state.spins, tuple(weights), tuple(fields)), tuple(angles), tuple(points)


def _angles(
    machine: Machine, layers: Array, field: Array, slope: Array, own: Array, params: Params
) -> tuple[Array, Array]:
    """Where each row of a stack moves to on its curve, and how many points it tried, each of shape (layer, neuron).

    Args:
        machine: the machine.
        layers: keys of the layers.
        field: pre-activations of the rows, shape (layer, neuron, pattern).
        slope: those of the vectors V.
        own: spins of the neurons, in the same shape.
        params: of the sweep.
    """
    sign, shape = own.astype(field.dtype), field.shape[1:2]
    potential = potential_of(machine, params.clamped)

    def uniform(n: Array) -> Array:
        """Numbers for the n-th point of each row."""
        return jax.vmap(lambda key: keys.uniform(keys.address(key, 2, n), shape))(layers)

    def energy(angle: Array) -> Array:
        moved = jnp.cos(angle)[..., None] * field + jnp.sin(angle)[..., None] * slope
        return potential.cost(sign * moved - potential.margin).sum(-1)

    drawn = jax.vmap(lambda key: metropolis(keys.address(key, 1), shape, params.temperature))(layers)
    level = energy(jnp.zeros(field.shape[:2], field.dtype)) + drawn
    high = jnp.float32(2 * math.pi) * uniform(jnp.int32(0))
    return shrunk(energy, level, uniform, high)


def shrunk(energy: Callable, level: Array, uniform: Callable, first: Array) -> tuple[Array, Array]:
    """The first point of each curve whose energy is at most `level`, 0 where there is none; and the points tried.

    A point that is refused becomes an end of the bracket around 0, at first (t - 2 pi, t) with the first point t, in
    which the next one is uniform.

    Args:
        energy: of points, one for each site.
        level: highest energies that are taken; NaN takes none.
        uniform: `uniform(n)`, uniform numbers for the n-th point of each site, counted from 0.
        first: the first points, between 0 and 2 pi.
    """

    def searching(carry: tuple[Array, ...]) -> Array:
        return carry[0].any()

    def one(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        searched, angle, low, high, tried, n = carry
        refused = searched & (energy(angle) > level)
        low, high = jnp.where(angle < 0, angle, low), jnp.where(angle < 0, high, angle)
        angle = jnp.where(refused, low + (high - low) * uniform(n), angle)
        last = n == MOST
        angle = jnp.where(refused & last, 0, angle)
        return refused & ~last, angle, low, high, tried + searched.astype(jnp.int32), n + 1

    known = ~jnp.isnan(level)
    angle, nothing = jnp.where(known, first, 0), jnp.zeros(level.shape, jnp.int32)
    carry = lax.while_loop(searching, one, (known, angle, first - 2 * math.pi, first, nothing, jnp.int32(1)))
    return carry[1], carry[4]
