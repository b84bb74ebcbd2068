"""Scores of single moves: against energies in full, exact sums and quadrature; what is forgotten must be seen."""

import itertools
from dataclasses import replace
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import lowering
import numpy as np
import pytest
import reference as ref
from scipy.special import expit

import glassnet as gn
from glassnet.perceptron.observe import balance
from glassnet.perceptron.observe.table import bound
from glassnet.perceptron.state import unpack
from glassnet.perceptron.sweeps.frozen import NOTHING
from glassnet.perceptron.system import Perceptron
from glassnet.perceptron.targets import distance
from glassnet.simulator import prepared
from glassnet.tasks.guide import Guide

BETA = 1.7


def reference_score(D):
    """D / (1 + exp(D)) in float64, 0 at infinity."""
    return np.where(np.isposinf(D), 0.0, np.where(np.isposinf(D), 0.0, D) * expit(-D))


def turned(arrays, layer, place):
    """A copy of weights or spins with one entry of a layer turned over."""
    new = [np.array(x) for x in arrays]
    new[layer][place] *= -1
    return new


def by_force(energy, machine, weights, spins, beta):
    """Scores by layer from the energy of each configuration in full: of spins, of weights."""
    here = energy(weights, spins)
    of_spins, of_weights = np.full((2, machine.depth), np.nan)
    for l in range(1, machine.depth):
        moved = [energy(weights, turned(spins, l, place)) for place in np.ndindex(spins[l].shape)]
        of_spins[l - 1] = reference_score(beta * (np.array(moved) - here)).mean()
    for l, J in enumerate(weights):
        there = [place for place in np.ndindex(J.shape) if J[place] != 0]
        moved = [energy(turned(weights, l, place), spins) for place in there]
        of_weights[l] = reference_score(beta * (np.array(moved) - here)).mean()
    return of_spins, of_weights


def measured(machine, state, boundary, beta, frozen=NOTHING):
    scene = replace(boundary, temperature=jnp.float32(1 / beta))
    functions = (balance.spin_balance, balance.weight_balance)
    return jax.jit(lambda state, scene: [f(machine, state, scene, frozen) for f in functions])(state, scene)


MACHINES = {
    "dense": gn.Machine(4, 5, potential=gn.SoftCore(margin=0.2)),
    "ragged": gn.Machine(3, 4, inputs=6, outputs=3, ensemble="ising", potential=gn.Counting(0.8)),
    "diluted": gn.Machine(4, 6, connectivity=3, ensemble="gaussian", potential=gn.Logistic(0.7)),
    "diluted, ragged": gn.Machine(3, 5, inputs=7, outputs=3, connectivity=2, potential=gn.Probit(0.5)),
    "one hidden layer": gn.Machine(2, 4, inputs=3, outputs=1, potential=gn.SoftCore(power=1)),
}


@lru_cache
def problem(name, patterns=5):
    machine = MACHINES[name]
    boundary = ref.boundary_of(*ref.problem(machine, patterns, seed=3))
    return machine, boundary, ref.state_at(ref.random_states(machine, boundary, 1, seed=4), 0)


@pytest.mark.parametrize("name", MACHINES)
def test_scores_are_those_of_energies_in_full(name):
    machine, boundary, state = problem(name)
    weights, spins = unpack(machine, state, boundary)
    expected = by_force(partial(ref.total, machine), machine, weights, spins, BETA)
    for found, right in zip(measured(machine, state, boundary, BETA), expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=2e-5, atol=2e-6)
        assert (np.abs(right[: machine.depth - 1]) > 1e-4).all()


@pytest.mark.parametrize("name", ["dense", "diluted, ragged"])
@pytest.mark.parametrize("tau", [0.8, 0])
def test_outputs_with_targets_and_frozen_layers(name, tau):
    machine, boundary, state = problem(name)
    rng, patterns, weight = np.random.default_rng(5), 5, 0.6
    parent = rng.standard_normal((patterns, machine.widths[-1]))
    knowledge = {"knowledge": "hard"} if tau == 0 else {"knowledge": "field", "temperature": tau}
    guide = Guide.of(np.sign(parent) if tau == 0 else parent, np.arange(patterns), weight=weight, **knowledge)
    v, margin = machine.potential, machine.potential.margin

    def energy(weights, spins):
        h = spins[-2].astype(float) @ weights[-1].T / np.sqrt(machine.connections[-1])
        told = ref.cost(v, np.sign(parent) * h - margin) if tau == 0 else distance(h, parent, tau)
        own = ref.layer_energies(machine, weights, spins)
        return own[:-1].sum() + (1 - weight) * own[-1] + weight * told.sum()

    weights, spins = unpack(machine, state, boundary)
    of_spins, of_weights = by_force(energy, machine, weights, spins, BETA)
    of_spins[0] = of_weights[1] = np.nan
    frozen = gn.Frozen(weights=(2,), spins=(1,))
    found = measured(machine, state, replace(boundary, targets=guide.targets()), BETA, frozen)
    np.testing.assert_allclose(found, [of_spins, of_weights], rtol=2e-5, atol=2e-6)


def test_what_the_score_is_at_the_ends():
    changes = jnp.array([1.0, -1.0, 0.0])
    at = partial(balance.score, changes)
    np.testing.assert_allclose(at(jnp.float32(1)), [1 / (1 + np.e), -np.e / (1 + np.e), 0], rtol=1e-6)
    np.testing.assert_array_equal(at(jnp.float32(0)), [0, -np.inf, 0])
    np.testing.assert_array_equal(at(jnp.float32(jnp.inf)), [0, 0, 0])
    D = np.array([-90.0, -5.0, 0.3, 1.2785, 60.0, 100.0, np.inf])
    np.testing.assert_allclose(balance.score(jnp.float32(D), jnp.float32(1)), reference_score(D), rtol=1e-6, atol=1e-30)
    assert reference_score(np.linspace(0, 5, 100_001)).max() == pytest.approx(0.278, abs=5e-4)


# Zero in equilibrium: exact sums over all states of tiny machines. Weights that are real numbers take a few values with
# given probabilities, alike for both signs, as in a quadrature: the identity asks no more of the prior

BETA_OF_LAW = 1.3
PAIR = {"depth": 2, "width": 2, "outputs": 1}
TINY = {
    "soft core": gn.Machine(**PAIR, ensemble="ising", potential=gn.SoftCore(margin=0.3)),
    "counting": gn.Machine(**PAIR, ensemble="ising", potential=gn.Counting(0.7)),
    "hard core": gn.Machine(**PAIR, ensemble="ising", potential=gn.HardCore()),
    "gaussian": gn.Machine(**PAIR, ensemble="gaussian", potential=gn.SoftCore()),
    "spherical": gn.Machine(**PAIR, potential=gn.Probit(0.6)),
    "three layers": gn.Machine(3, 2, outputs=1, ensemble="ising", potential=gn.Logistic(0.8)),
}


def all_signs(n):
    return 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1) - 1


def rows(ensemble):
    """All rows of two weights, and their probabilities."""
    if ensemble == "gaussian":
        x, p = np.polynomial.hermite_e.hermegauss(4)
        return np.array([*itertools.product(x, x)]), np.outer(p, p).reshape(-1) / p.sum() ** 2
    if ensemble == "spherical":
        angles, p = np.array([0.2, 0.7, 1.3]), np.array([0.5, 0.2, 0.3])
        first = np.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], 1)
        return (all_signs(2)[:, None] * first).reshape(-1, 2), np.tile(p / 4, 4)
    return all_signs(2), np.full(4, 0.25)


@lru_cache
def law(name):
    """All configurations of a tiny machine (state, ...) that are allowed, and their law at `BETA_OF_LAW`."""
    machine = TINY[name]
    patterns = 1 if machine.depth > 2 else 2
    inputs, outputs = ref.problem(machine, patterns, seed=1)
    values, prior = rows(machine.ensemble)
    count = sum(machine.widths[1:])
    which = np.array([*itertools.product(range(len(values)), repeat=count)])
    signs = all_signs(patterns * machine.width * (machine.depth - 1))
    which, signs = np.repeat(which, len(signs), 0), np.tile(signs, (len(which), 1)).astype(np.int8)
    weights = np.split(values[which], np.cumsum(machine.widths[1:-1]), axis=1)
    hidden = signs.reshape(-1, machine.depth - 1, patterns, machine.width)
    ends = [np.broadcast_to(x, (len(signs), *x.shape)) for x in (inputs, outputs)]
    spins = [ends[0], *np.moveaxis(hidden, 1, 0), ends[1]]
    energy = ref.total(machine, weights, spins)
    p = prior[which].prod(1) * np.exp(-BETA_OF_LAW * energy)
    allowed = p > 0
    return machine, [J[allowed] for J in weights], [S[allowed] for S in spins], p[allowed] / p.sum()


def exact_means(name, beta=BETA_OF_LAW, energy=None):
    """E[D/(1 + e^D)] and E[|D|/(1 + e^D)] of the moves of each layer, spins first, from energies in full.

    `energy` and `beta` stand for those by which moves are scored.
    """
    machine, weights, spins, p = law(name)
    energy = energy or partial(ref.total, machine)
    here, found = energy(weights, spins), []
    for arrays, layers in ((spins, range(1, machine.depth)), (weights, range(machine.depth))):
        for l in layers:
            scores = []
            for place in np.ndindex(arrays[l].shape[1:]):
                new = turned(arrays, l, (slice(None), *place))
                moved = energy(weights, new) if arrays is spins else energy(new, spins)
                x = reference_score(beta * (moved - here))
                scores.append([p @ x, p @ np.abs(x)])
            found.append(np.mean(scores, 0))
    return np.array(found).T


@pytest.mark.parametrize("name", TINY)
def test_zero_in_equilibrium(name):
    net, size = exact_means(name)
    assert np.abs(net).max() < 1e-10
    assert (size == 0).all() if TINY[name].hard else (size > 1e-3).all()


@pytest.mark.parametrize("name", ["counting", "gaussian", "three layers"])
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_another_beta_is_seen_in_each_layer(name, factor):
    net, size = exact_means(name, BETA_OF_LAW * factor)
    assert (np.abs(net) > 0.01 * size).all()


def test_the_upper_layer_forgotten_is_seen():
    machine = TINY["spherical"]
    net, size = exact_means("spherical", energy=lambda J, S: ref.layer_energies(machine, J, S)[..., 0])
    assert abs(net[0]) > 0.1 * size[0]


def means_of_measured(name, beta=BETA_OF_LAW, forgotten=False):
    """E over the law of what the package measures, by layer: of spins, of weights. Weights may be `forgotten`."""
    machine, weights, spins, p = law(name)
    stacked = tuple(np.stack([np.swapaxes(weights[l - 1], 1, 2) for l in stack.layers], 1) for stack in machine.stacks)
    hidden = np.stack([np.swapaxes(S, 1, 2) for S in spins[1:-1]], 1)
    boundary = ref.boundary_of(spins[0][0], spins[-1][0])
    states = ref.batch_of(machine, stacked, hidden, boundary)
    if forgotten:
        states = replace(states, weights=jax.tree.map(jnp.zeros_like, states.weights))
    found = jax.vmap(lambda state: jnp.stack(measured(machine, state, boundary, beta)))(states)
    return np.tensordot(p, np.asarray(found, float), 1)


@pytest.mark.parametrize("name", ["soft core", "counting", "hard core", "spherical", "three layers"])
def test_what_is_measured_is_zero_in_equilibrium(name):
    found = means_of_measured(name)
    right = np.ones(found.shape, bool)
    right[0, -1] = False  # clamped
    np.testing.assert_array_equal(np.isfinite(found), right)
    assert np.nanmax(np.abs(found)) < 2e-6  # single precision


def test_mutants_of_what_is_measured_are_seen():
    """Another beta in all layers; in the layer below, neurons that are fed and forgotten."""
    assert np.nanmin(np.abs(means_of_measured("three layers", 1.1 * BETA_OF_LAW))) > 5e-4
    assert abs(means_of_measured("spherical", forgotten=True)[0, 0]) > 5e-3


# What is asked for


def test_who_has_balances():
    machine = gn.Machine(3, 4)
    names = {"spin_balance", "weight_balance"}

    def of(system):
        return names & set(system.optional(()))

    assert of(Perceptron(machine)) == of(Perceptron(machine, "heat_bath+rows")) == names
    assert of(Perceptron(machine, "feedforward")) == set()
    assert of(Perceptron(gn.Machine(1, 4))) == {"weight_balance"}
    table = bound(machine, None).optional
    assert table["spin_balance"].fixed == ("layer",) and table["weight_balance"].fixed == ()
    for name in names:
        assert table[name].dims == ("layer",) and table[name].on == "clone" and table[name].source == "glassnet"


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_lowers_for_accelerators(platform):
    machine, boundary, state = problem("diluted, ragged")
    text = lowering.module(lambda s: measured(machine, s, boundary, BETA), platform, state)
    assert lowering.kernels(text) == 0 and "while" in text


@pytest.mark.slow
def test_a_large_machine_takes_no_array_of_neurons_by_neurons_by_patterns():
    """By the plan of the compiled program: a twentieth of that array at most."""
    machine, patterns = gn.Machine(3, 512, ensemble="gaussian"), 256
    names = ("spin_balance", "weight_balance")
    job = prepared(machine, gn.tasks.random(machine, patterns), 1.0, observables=names)
    scene = jax.tree.map(jnp.asarray, job.system.scene(job.tasks[0]))
    for name in names:
        of = job.measured[name].of
        program = jax.jit(lambda state, scene, of=of: of(state, None, replace(scene, temperature=jnp.float32(1))))
        temporary = program.lower(job.outline(), scene).compile().memory_analysis().temp_size_in_bytes
        assert temporary < 4 * machine.width**2 * patterns / 20, name
