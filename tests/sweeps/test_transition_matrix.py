"""Sweeps as transition matrices: all states of a tiny machine, weights and spins, in float64.

Every kind of move keeps the Boltzmann distribution to rounding, and what the compiled sweeps decide from every state is
what the matrix is made of: the same offers in the same order, accepted up to a threshold whose law is the acceptance.
"""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref

from glassnet.core import keys
from glassnet.native import library
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import SoftCore
from glassnet.perceptron.sweeps import spins
from glassnet.perceptron.sweeps.spins import spin_sweep
from glassnet.perceptron.sweeps.weights import weight_sweep
from glassnet.sampling.accept import THRESHOLDS
from glassnet.sampling.kernel import Params
from glassnet.sampling.plan import CPU, NATIVE

MACHINE = Machine(2, 2, inputs=2, outputs=1, ensemble="ising", potential=SoftCore(margin=0.2))
PATTERNS = 2
WEIGHTS = [(2, 2), (2, 1)]
"""Slots and neurons of the layers."""
BITS = 6 + 2 * PATTERNS
STATES = 2**BITS
BETA = 1.3
KINDS = [(kind, rule) for kind in ("weights", "spins") for rule in ("metropolis", "heat_bath")]


def boundary():
    return ref.boundary_of(*ref.problem(MACHINE, PATTERNS, seed=2))


@lru_cache
def every_state():
    """All configurations as a batch, with their energies. Bit k of the number of a state is weight or spin k."""
    signs = (2 * ((np.arange(STATES)[:, None] >> np.arange(BITS)) & 1) - 1).astype(np.int8)
    first, second = (
        signs[:, a:b].reshape(STATES, 1, *shape) for (a, b), shape in zip([(0, 4), (4, 6)], WEIGHTS, strict=True)
    )
    batch = ref.batch_of(MACHINE, (first, second), signs[:, 6:].reshape(STATES, 1, 2, PATTERNS), boundary())
    return batch, ref.total(MACHINE, ref.matrices(MACHINE, batch), ref.all_layers(batch, boundary()))


def number_of(batch):
    """Numbers of the states of a batch."""
    parts = [np.asarray(x).reshape(STATES, -1) > 0 for x in (*batch.weights, batch.spins)]
    return (np.concatenate(parts, axis=1) * (1 << np.arange(BITS))).sum(1)


def moves(kind):
    """Bits in the order of a sweep, with layer and place in the layer's thresholds.

    Weights: slot after slot, all neurons of a layer at once; spins: neuron after neuron, all patterns at once. What
    moves at once shares no gap.
    """
    if kind == "spins":
        return [(6 + 2 * i + mu, 1, (i, mu)) for i in range(2) for mu in range(PATTERNS)]
    first = [(2 * j + i, 1, (j, i)) for j in range(2) for i in range(2)]
    return first + [(4 + j, 2, (j, 0)) for j in range(2)]


def single(energy, bit, beta, rule):
    """Probabilities to go from each state to each other one when a bit is offered."""
    number = np.arange(STATES)
    accept = ref.acceptance(energy[number ^ (1 << bit)] - energy, beta, rule)
    P = np.diag(1 - accept)
    P[number, number ^ (1 << bit)] = accept
    return P


def sweep_matrix(energy, kind, beta, rule):
    P = np.eye(STATES)
    for bit, _, _ in moves(kind):
        accept = ref.acceptance(energy[np.arange(STATES) ^ (1 << bit)] - energy, beta, rule)
        P = P * (1 - accept) + (P * accept)[:, np.arange(STATES) ^ (1 << bit)]
    return P


@pytest.mark.parametrize(("kind", "rule"), KINDS)
@pytest.mark.parametrize("beta", [0.0, BETA, 20.0])
def test_a_sweep_keeps_the_boltzmann_distribution(kind, rule, beta):
    energy = every_state()[1]
    P, pi = sweep_matrix(energy, kind, beta, rule), ref.boltzmann(energy, beta)
    assert abs(P.sum(1) - 1).max() < 1e-12 and P.min() >= 0
    assert abs(pi @ P - pi).max() < 1e-12
    for bit, _, _ in moves(kind):
        flow = pi[:, None] * single(energy, bit, beta, rule)
        assert abs(flow - flow.T).max() < 1e-12  # detailed balance of each move, which a sweep does not have


@pytest.mark.parametrize(("kind", "rule"), KINDS)
def test_a_broken_sweep_does_not(kind, rule):
    """Another temperature, and two neighbours that decide on the same energy."""
    energy = every_state()[1]
    pi = ref.boltzmann(energy, BETA)
    assert abs(pi @ sweep_matrix(energy, kind, 1.1 * BETA, rule) - pi).max() > 1e-5
    a, b = (4, 5) if kind == "weights" else (6, 8)
    both = np.arange(STATES)
    accept = [ref.acceptance(energy[both ^ (1 << k)] - energy, BETA, rule) for k in (a, b)]
    wrong = np.zeros(STATES)
    for first in (0, 1):
        for second in (0, 1):
            chance = (accept[0] if first else 1 - accept[0]) * (accept[1] if second else 1 - accept[1])
            np.add.at(wrong, both ^ (first << a) ^ (second << b), pi * chance)
    assert abs(wrong - pi).max() > 1e-5


@pytest.mark.parametrize("rule", ["metropolis", "heat_bath"])
def test_thresholds_have_the_law_of_the_acceptance(rule):
    draws = np.asarray(THRESHOLDS[rule](keys.root(5), (200_000,), jnp.float32(1 / BETA)), float)
    for dE in (-2.0, -0.3, 0.0, 0.1, 0.5, 1.0, 3.0):
        p = ref.acceptance(dE, BETA, rule)
        spread = np.sqrt(p * (1 - p) / len(draws))
        assert abs(np.mean(dE <= draws) - p) <= ref.THRESHOLD * spread


def moved(kind, rule, plan):
    """Numbers of the states that the kernel and the replay reach from every state, and how many moves they accept."""
    batch, energy = every_state()
    step = (weight_sweep if kind == "weights" else spin_sweep)(MACHINE, plan, rule)
    params = Params(jnp.float32(1 / BETA), {"weight_step": jnp.float32(1.0)}, boundary())
    replica = ref.replica_keys(8, STATES)
    after, info = jax.jit(jax.vmap(step, in_axes=(0, 0, None)))(replica, batch, params)
    state, accepted = np.arange(STATES), np.zeros(STATES, int)
    limits = {layer: np.asarray(limit, float) for layer, limit in thresholds(kind, rule, replica).items()}
    for bit, layer, place in moves(kind):
        yes = energy[state ^ (1 << bit)] - energy[state] <= limits[layer][:, *place]
        state, accepted = np.where(yes, state ^ (1 << bit), state), accepted + yes
    return (number_of(after), np.sum(info[f"accepted_{kind}"], axis=1)), (state, accepted)


@pytest.mark.parametrize("plan", [CPU, NATIVE], ids=["scan", "native"])
@pytest.mark.parametrize(("kind", "rule"), KINDS)
def test_every_state_moves_as_the_matrix_says(kind, rule, plan):
    """From each state, the kernel and moves one after another with the same thresholds end in the same state."""
    if plan is NATIVE and not library.available():
        pytest.skip(library.status())
    found, (state, accepted) = moved(kind, rule, plan)
    np.testing.assert_array_equal(found, (state, accepted))
    assert 0.1 < accepted.mean() / len(moves(kind)) < 0.9  # both answers occur


def test_a_broken_kernel_moves_otherwise(monkeypatch):
    own = spins._own_fields
    monkeypatch.setattr(spins, "_own_fields", lambda *args: 0 * own(*args))
    (numbers, _), (state, _) = moved("spins", "heat_bath", CPU)
    assert np.mean(numbers != state) > 0.1


def thresholds(kind, rule, replica):
    """Thresholds of each layer that moves, drawn at the addresses of the kernels: (state, step, neuron or pattern)."""

    def drawn(shape, *address):
        def of_one(key):
            for number in address:
                key = keys.address(key, number)
            return THRESHOLDS[rule](key, shape, jnp.float32(1 / BETA))

        return jax.vmap(of_one)(replica)

    if kind == "spins":
        return {1: drawn((2, PATTERNS), 1)}
    return {l: drawn(WEIGHTS[l - 1], l, 0, 1) for l in (1, 2)}  # layer, pass, thresholds
