"""Every decision of a sweep against a float64 replay: the same offers and thresholds, energies recomputed in full."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref

from glassnet.core import keys
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, HardCore, Logistic, Probit, SoftCore
from glassnet.perceptron.sweeps.catalogue import dynamics_of
from glassnet.perceptron.sweeps.spins import spin_sweep
from glassnet.perceptron.sweeps.weights import thresholds, weight_sweep
from glassnet.sampling.accept import THRESHOLDS
from glassnet.sampling.kernel import Params
from glassnet.sampling.plan import ACCELERATOR, CPU, NATIVE, Plan

SHAPES = {
    "dense": {"depth": 4, "width": 5},
    "ragged": {"depth": 5, "width": 4, "inputs": 7, "outputs": 3},
    "two": {"depth": 2, "width": 5, "inputs": 3, "outputs": 2},
    "diluted": {"depth": 4, "width": 6, "connectivity": 3},
    "ragged-diluted": {"depth": 5, "width": 6, "inputs": 9, "outputs": 4, "connectivity": 3},
}
POTENTIALS = [
    SoftCore(margin=0.2),
    SoftCore(1.5, strength=2.0),
    SoftCore(1.0),
    Counting(0.5),
    HardCore(-0.6),
    Probit(0.7),
    Logistic(0.4, margin=0.1),
]
PLANS = {"cpu": CPU, "accelerator": ACCELERATOR, "blocks": Plan(block=12, dot=True), "native": NATIVE}
CASES = [
    ("dense", 0, "spherical", "metropolis", "cpu"),
    ("ragged", 3, "ising", "metropolis", "blocks"),
    ("diluted", 4, "gaussian", "heat_bath", "cpu"),
    ("ragged-diluted", 4, "spherical", "metropolis", "accelerator"),
    ("dense", 1, "gaussian", "heat_bath", "native"),
    ("ragged", 0, "spherical", "metropolis", "native"),
    ("two", 3, "ising", "heat_bath", "native"),
    ("diluted", 2, "gaussian", "metropolis", "native"),
    ("ragged-diluted", 4, "spherical", "metropolis", "native"),
]
MORE = [
    ("ragged", 5, "gaussian", "metropolis", "cpu"),
    ("ragged-diluted", 1, "ising", "metropolis", "blocks"),
    ("two", 2, "gaussian", "metropolis", "cpu"),
    ("dense", 1, "gaussian", "heat_bath", "blocks"),
    ("ragged", 0, "spherical", "heat_bath", "accelerator"),
    ("diluted", 0, "spherical", "metropolis", "accelerator"),
    ("ragged-diluted", 0, "gaussian", "heat_bath", "cpu"),
    ("ragged", 6, "gaussian", "heat_bath", "cpu"),
    ("diluted", 6, "gaussian", "metropolis", "native"),
]
SWEEPS, PATTERNS = 3, 6
ROUNDING = {False: 3e-6, True: 2e-5}
"""Of weights; XLA's erfinv, from which the replay draws Gaussian numbers, is off by up to 2e-5, the kernels' is not."""


def counting_if_hard(machine):
    """The same machine; one that counts violated gaps in place of a hard core."""
    if not ref.is_hard(machine):
        return machine
    return dataclasses.replace(machine, potential=Counting(margin=machine.potential.margin))


def replay_spins(machine, key, weights, layers, temperature, rule):
    machine = counting_if_hard(machine)
    layers = [S[:, None].copy() for S in layers]  # one pattern alone: they do not act on each other
    for l in [*range(1, machine.depth, 2), *range(2, machine.depth, 2)]:
        shape = (machine.width, len(layers[l]))
        thresholds = np.asarray(THRESHOLDS[rule](keys.address(key, l), shape, temperature), float)
        for i in range(machine.width):
            before = ref.total(machine, weights, layers)
            layers[l][..., i] *= -1
            refused = ref.total(machine, weights, layers) - before > thresholds[i]
            layers[l][refused, :, i] *= -1
    return [S[:, 0] for S in layers]


@partial(jax.jit, static_argnums=0)
def drawn(proposal, key, J, params):
    """Slots (step, rank), changes (step, rank, neuron) and thresholds (step, neuron) of one pass."""
    order, _ = proposal.order(key, len(J))
    change = proposal.change(key, proposal.arranged(J, order)[0], params)
    threshold = thresholds("metropolis", key, (len(change), J.shape[1]), params)
    return proposal.arranged(jnp.arange(len(J)), order)[0], change, threshold


def replay_weights(machine, key, weights, layers, params):
    machine, weights, proposal = counting_if_hard(machine), [J.copy() for J in weights], machine.prior.proposal
    for l, J in enumerate(weights, start=1):
        sources, rows = machine.sources(l), np.arange(len(J))

        def energy_of_rows(J, l=l):
            field = layers[l - 1].astype(float) @ J.T / np.sqrt(machine.connections[l - 1])
            return ref.cost(machine.potential, layers[l] * field - machine.potential.margin).sum(0)

        for number in range(proposal.passes):
            slots_of_rows = np.take_along_axis(J, sources, axis=1).T
            pass_key = keys.address(keys.address(key, l), number)
            found = drawn(proposal, pass_key, jnp.asarray(slots_of_rows, jnp.float32), params)
            slots, change, threshold = map(np.asarray, found)
            for step in range(len(slots)):
                new = J.copy()
                for rank, slot in enumerate(slots[step]):
                    new[rows, sources[:, slot]] += change[step, rank]
                accepted = energy_of_rows(new) - energy_of_rows(J) <= threshold[step]
                J[accepted] = new[accepted]
    return weights


@pytest.mark.parametrize(
    ("shape", "potential", "ensemble", "rule", "plan"),
    CASES + [pytest.param(*case, marks=pytest.mark.slow) for case in MORE],
)
def test_every_decision(shape, potential, ensemble, rule, plan):
    machine = Machine(**SHAPES[shape], ensemble=ensemble, potential=POTENTIALS[potential])
    boundary = ref.boundary_of(*ref.problem(machine, PATTERNS))
    temperature = jnp.float32(0.0 if ref.is_hard(machine) else 0.4)
    params = Params(temperature, {"weight_step": jnp.float32(0.6)}, boundary)
    weights_step = jax.jit(weight_sweep(machine, PLANS[plan]))
    spins_step = jax.jit(spin_sweep(machine, PLANS[plan], rule))
    state = ref.state_at(ref.random_states(machine, boundary, 1, seed=5), 0)
    offered = dynamics_of(rule).moves(machine, PATTERNS)
    weight_moves = spin_moves = 0
    for t in range(SWEEPS):
        key = keys.address(keys.root(7), t)
        J, S = ref.matrices(machine, state), ref.all_layers(state, boundary)
        moved, weight_info = weights_step(keys.address(key, 0), state, params)
        expected = replay_weights(machine, keys.address(key, 0), J, S, params)
        for new, right in zip(ref.matrices(machine, moved), expected, strict=True):
            np.testing.assert_allclose(new, right, atol=ROUNDING[plan == "native"])
        state, spin_info = spins_step(keys.address(key, 1), moved, params)
        right = replay_spins(machine, keys.address(key, 1), ref.matrices(machine, moved), S, temperature, rule)
        for new, layer in zip(ref.all_layers(state, boundary), right, strict=True):
            np.testing.assert_array_equal(new, layer)
        flips = [np.sum(new != old) for new, old in zip(right[1:-1], S[1:-1], strict=True)]
        np.testing.assert_array_equal(spin_info["accepted_spins"], flips)
        weight_moves += (weight_info["accepted_weights"] / offered["accepted_weights"]).mean()
        spin_moves += (flips / offered["accepted_spins"][:-1]).mean()
    assert 0.02 < weight_moves / SWEEPS < 0.98  # both answers occur
    assert 0.02 < spin_moves / SWEEPS < 0.98
