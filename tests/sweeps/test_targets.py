"""Outputs with targets, and layers that are held fixed: against exact sums over small machines, scan and kernels."""

from dataclasses import replace
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref
from scipy.special import expit, log_expit

from glassnet.core.schedule import Schedule
from glassnet.native import library
from glassnet.perceptron import targets as module
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, Logistic, Probit, SoftCore
from glassnet.perceptron.sweeps.catalogue import build
from glassnet.perceptron.sweeps.energy import configuration_energy, output_energy
from glassnet.perceptron.sweeps.frozen import Frozen
from glassnet.perceptron.targets import Targets, cost_of, distance, floor_of, log_cosh, told_less_own
from glassnet.sampling.kernel import Drive, advance
from glassnet.sampling.plan import ACCELERATOR, CPU, NATIVE
from glassnet.tasks.guide import Guide

PLANS = {"scan": CPU, "native": NATIVE}
BETA = 0.7


def plan_of(name):
    if name == "native" and not library.available():
        pytest.skip(library.status())
    return PLANS[name]


def divergence(field, parent, tau):
    """tau^2 KL of binary units, as its definition says."""
    total = 0.0
    for sign in (1, -1):
        x, y = 2 * sign * parent / tau, 2 * sign * field / tau
        total = total + expit(x) * (log_expit(x) - log_expit(y))
    return tau**2 * total


def guided(machine, patterns, *, tau=0.8, weight=0.6, seed=3, batch=None):
    """Boundary with targets, and the parent's fields, (pattern, neuron); tau = 0 for hard ones."""
    inputs, outputs = ref.problem(machine, patterns, seed=2)
    rng = np.random.default_rng(seed)
    parent = rng.standard_normal(outputs.shape)
    values = np.sign(parent) if tau == 0 else parent
    knowledge = {"knowledge": "hard"} if tau == 0 else {"knowledge": "field", "temperature": tau}
    guide = Guide.of(values, np.arange(patterns), weight=weight, **knowledge)
    return replace(ref.boundary_of(inputs, outputs), targets=guide.targets()), parent


def mixture(machine, own, field, parent, tau, weight):
    """Cost of outputs in float64, elementwise."""
    margin, v = machine.potential.margin, machine.potential
    told = ref.cost(v, np.sign(parent) * field - margin) if tau == 0 else divergence(field, parent, tau)
    return (1 - weight) * ref.cost(v, own * field - margin) + weight * told


# The cost itself


def test_the_distance_is_the_divergence_of_binary_units():
    h, parent = np.meshgrid(np.linspace(-6, 6, 49), np.linspace(-6, 6, 49))
    for tau in (0.7, 1.0, 3.0, 20.0):
        np.testing.assert_allclose(distance(h, parent, tau), divergence(h, parent, tau), rtol=0, atol=1e-12)


def test_it_is_a_spring_when_hot_and_a_clamp_when_cold():
    h, parent = np.meshgrid(np.linspace(-3, 3, 21), np.linspace(-2.9, 2.9, 20))
    for tau in (1e2, 1e3, 1e4):
        error = np.abs(distance(h, parent, tau) - (h - parent) ** 2 / 2).max()
        assert error < 60 / tau**2 + 1e-7, "corrections of order 1/tau^2"
    for tau in (1e-2, 1e-3, 1e-4):
        clamp = 2 * tau * np.abs(h) * (h * parent < 0)
        away = (np.abs(parent) > 0.1) & (np.abs(h) > 0.1)
        np.testing.assert_allclose(distance(h, parent, tau)[away], clamp[away], atol=1e-6 * tau)


def test_small_distances_keep_their_digits():
    np.testing.assert_allclose(distance(1 + 1e-5, 1.0, 1.0), 0.5e-10 / np.cosh(1) ** 2, rtol=1e-4)
    assert distance(1.0, 1.0, 0.3) == 0


def test_single_precision():
    x = np.concatenate([np.geomspace(1e-6, 80, 4000), -np.geomspace(1e-6, 80, 999)]).astype(np.float32)
    exact = np.abs(x.astype(float)) + np.log1p(np.exp(-2 * np.abs(x.astype(float)))) - np.log(2)
    exact = np.where(np.abs(x) < 0.1, -0.5 * np.log1p(-(np.tanh(np.clip(x.astype(float), -0.1, 0.1)) ** 2)), exact)
    np.testing.assert_allclose(np.asarray(log_cosh(jnp.asarray(x))), exact, rtol=4e-7)
    m = np.array([-1.0, -0.999, -0.3, 0.0, 0.5, 1.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        field = np.arctanh(m)
        right = field * m - np.log(np.cosh(field))
    right[[0, -1]] = np.log(2)
    np.testing.assert_allclose(floor_of(m), right, atol=1e-12)


@pytest.mark.parametrize("tau", [0, 0.05, 0.8, 5.0, 100.0])
def test_the_cost_is_the_mixture(tau):
    machine = Machine(1, 7, inputs=5, potential=SoftCore(margin=0.2, strength=1.3))
    boundary, parent = guided(machine, 30, tau=tau, weight=0.3)
    field = np.random.default_rng(0).standard_normal(parent.shape).astype(np.float32)
    own = np.asarray(boundary.outputs.T)
    found = cost_of(machine.potential, boundary.targets, own.T.astype(np.float32), jnp.asarray(field.T)).T
    right = mixture(machine, own, field.astype(float), parent, tau, 0.3)
    np.testing.assert_allclose(found, right, rtol=2e-5, atol=2e-6 * max(1, tau))
    slope = told_less_own(machine.potential, boundary.targets, own.T.astype(np.float32), jnp.asarray(field.T)).T
    exact = mixture(machine, own, field.astype(float), parent, tau, 1.0) - mixture(
        machine, own, field.astype(float), parent, tau, 0.0
    )
    np.testing.assert_allclose(slope, exact, rtol=2e-5, atol=5e-6 * max(1, tau))


# Exact sums


def all_ising(machine):
    """Every configuration of the weights, (state, out, in) a layer."""
    sizes = [a * b for a, b in zip(machine.widths[1:], machine.widths[:-1], strict=True)]
    bits = 2.0 * ((np.arange(2 ** sum(sizes))[:, None] >> np.arange(sum(sizes))) & 1) - 1
    pieces = np.split(bits, np.cumsum(sizes)[:-1], axis=1)
    return [x.reshape(-1, a, b) for x, a, b in zip(pieces, machine.widths[1:], machine.widths[:-1], strict=True)]


def fed_forward(machine, weights, inputs):
    S = inputs.astype(float)
    for J, c in zip(weights, machine.connections, strict=True):
        field = S @ np.swapaxes(J, -1, -2) / np.sqrt(c)
        field = np.where(np.abs(field) < 1e-9, 0, field)
        S = np.where(field >= 0, 1.0, -1.0)
    return field


FOLLOWING = Machine(2, 3, outputs=1, ensemble="ising", potential=SoftCore())
ONE_LAYER = Machine(1, 2, inputs=5, ensemble="ising", potential=Counting(0.8))
REPLICAS = 2000


def z_of_weights(machine, dynamics, plan, tau, weight=0.6, wrong=None, patterns=5, replicas=REPLICAS):
    """Largest z of Ising weights, by energy and as single ones, against the sum over all of them.

    `wrong` changes what the kernel is told, and the sum does not know it.
    """
    boundary, parent = guided(machine, patterns, tau=tau, weight=weight)
    inputs, outputs = (np.asarray(x).T for x in (boundary.inputs, boundary.outputs))
    weights = all_ising(machine)
    energies = mixture(machine, outputs, fed_forward(machine, weights, inputs), parent, tau, weight).sum((-2, -1))
    told = boundary if wrong is None else replace(boundary, targets=wrong(boundary.targets))
    kernel = build(dynamics, machine, plan)
    batch = ref.initialised(kernel, ref.random_states(machine, told, replicas, seed=1), told)
    run = ref.ensemble(machine, kernel, told)
    batch, _ = run(ref.replica_keys(52, replicas), batch, jnp.full(replicas, BETA), 0, 80)
    flat = np.concatenate([J.reshape(replicas, -1) for J in ref.matrices(machine, batch)], axis=1)
    number = ((flat > 0) * (1 << np.arange(flat.shape[1]))).sum(1)
    p = ref.boltzmann(energies, BETA)
    levels, level = np.unique(energies.round(5), return_inverse=True)
    by_level = np.bincount(level, p, len(levels))
    z = [ref.z_of_counts(np.bincount(level[number], minlength=len(levels)), by_level)]
    single = sum((2.0 * ((np.arange(len(p)) >> k) & 1) - 1) * (k + 1) for k in range(flat.shape[1]))
    return max(*z, abs(ref.z_score(energies[number], p @ energies)), abs(ref.z_score(single[number], p @ single)))


CASES = [
    (FOLLOWING, "feedforward", 0.8), (FOLLOWING, "feedforward", 0), (ONE_LAYER, "metropolis", 0.8),
    (ONE_LAYER, "heat_bath", 0), (ONE_LAYER, "feedforward", 2.0),
]  # fmt: skip


QUICK = {("scan", 0), *(("native", n) for n in range(len(CASES)))}
"""The kernels compile in no time, and decide as the scan does."""


@pytest.mark.parametrize(
    ("by", "case"),
    [
        pytest.param(by, n, marks=() if (by, n) in QUICK else pytest.mark.slow)
        for by in PLANS
        for n in range(len(CASES))
    ],
)
def test_boltzmann_distribution_of_weights(by, case):
    assert z_of_weights(CASES[case][0], CASES[case][1], plan_of(by), CASES[case][2]) < ref.THRESHOLD


def other_mean(targets):
    return replace(targets, means=-targets.means)


def no_parent(targets):
    return replace(targets, weight=jnp.float32(0))


def colder(targets):
    return replace(targets, temperature=targets.temperature / 2)


@pytest.mark.parametrize("by", ["native", pytest.param("scan", marks=pytest.mark.slow)])
@pytest.mark.parametrize("wrong", [other_mean, no_parent, colder])
def test_another_guide_is_noticed(by, wrong):
    assert z_of_weights(FOLLOWING, "feedforward", plan_of(by), 0.8, wrong=wrong) > ref.THRESHOLD


@pytest.mark.slow
def test_a_cost_without_tau_squared_is_noticed(monkeypatch):
    def broken(potential, targets, own, field):
        if targets is None:
            return potential.cost(own * field - potential.margin)
        tau, weight = targets.temperature, targets.weight
        soft = log_cosh(field / tau) - targets.means * field / tau + targets.floor
        return (1 - weight) * potential.cost(own * field - potential.margin) + weight * soft

    from glassnet.perceptron.sweeps import energy

    monkeypatch.setattr(energy, "cost_of", broken)
    assert z_of_weights(FOLLOWING, "feedforward", CPU, 3.0, replicas=REPLICAS) > ref.THRESHOLD


SPINS = {
    "dense": Machine(3, 3, inputs=4, outputs=2, ensemble="gaussian", potential=SoftCore(margin=0.1)),
    "one stack": Machine(3, 3, ensemble="gaussian", potential=Probit(0.8)),
    "diluted": Machine(3, 4, connectivity=2, outputs=3, ensemble="gaussian", potential=SoftCore()),
}


def z_of_spins(machine, dynamics, plan, tau, frozen, wrong=None):
    """Largest z of the hidden spins of two patterns at frozen weights against all of their states."""
    patterns, weight, replicas = 2, 0.7, 3000
    boundary, parent = guided(machine, patterns, tau=tau, weight=weight)
    state = ref.state_at(ref.random_states(machine, boundary, 1, seed=4), 0)
    told = boundary if wrong is None else replace(boundary, targets=wrong(boundary.targets))
    kernel = build(dynamics, machine, plan, frozen)
    start = ref.frozen(machine, state, boundary, replicas)
    batch, info = ref.ensemble(machine, kernel, told)(
        ref.replica_keys(32, replicas), start, jnp.full(replicas, BETA), 0, 40
    )
    for before, after in zip(start.weights, batch.weights, strict=True):
        np.testing.assert_array_equal(before, after)
    assert not np.asarray(info["accepted_weights"]).any()
    J, z = ref.matrices(machine, state), []
    held = list(frozen.spins)
    for mu in range(patterns):
        inputs, outputs = (np.asarray(x)[:, mu] for x in (boundary.inputs, boundary.outputs))
        hidden, energies = ref.enumerate_spins(machine, J, inputs, outputs)
        field = hidden[:, -1].astype(float) @ J[-1].T / np.sqrt(machine.connections[-1])
        energy = energies[:, :-1].sum(-1) + mixture(machine, outputs, field, parent[mu], tau, weight).sum(-1)
        numbers, first = ref.number_of(np.asarray(batch.spins)[..., mu]), np.asarray(start.spins)[..., mu]
        for l in held:
            np.testing.assert_array_equal(np.asarray(batch.spins)[:, l - 1, :, mu], first[:, l - 1])
        if held:  # each replica has a layer of its own: compare means of the energy at given held spins
            mean = np.array(
                [
                    ref.boltzmann(
                        np.where(
                            (hidden[:, [l - 1 for l in held]] == own[[l - 1 for l in held]]).all((1, 2)), energy, np.inf
                        ),
                        BETA,
                    )
                    @ energy
                    for own in first
                ]
            )
            z.append(abs(ref.z_score(energy[numbers] - mean, 0)))
            continue
        p = ref.boltzmann(energy, BETA)
        z += [ref.z_of_counts(np.bincount(numbers, minlength=len(p)), p), abs(ref.z_score(energy[numbers], p @ energy))]
    return max(z)


ALL = Frozen(weights=(1, 2, 3))


@pytest.mark.parametrize("by", ["native", pytest.param("scan", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("name", "dynamics", "tau"),
    [
        ("dense", "metropolis", 0.8),
        ("one stack", "heat_bath", 0),
        ("diluted", "metropolis", 1.5),
        ("diluted", "heat_bath", 0),
    ],
)
def test_boltzmann_distribution_of_spins_at_frozen_weights(by, name, dynamics, tau):
    assert z_of_spins(SPINS[name], dynamics, plan_of(by), tau, ALL) < ref.THRESHOLD


@pytest.mark.parametrize("by", ["native", pytest.param("scan", marks=pytest.mark.slow)])
@pytest.mark.parametrize("layer", [1, 2])
def test_frozen_spins_stay_and_the_others_feel_them(by, layer):
    frozen = Frozen(weights=(1, 2, 3), spins=(layer,))
    assert z_of_spins(SPINS["dense"], "metropolis", plan_of(by), 0.8, frozen) < ref.THRESHOLD


@pytest.mark.parametrize("by", ["native", pytest.param("scan", marks=pytest.mark.slow)])
def test_spins_under_other_targets_are_noticed(by):
    assert z_of_spins(SPINS["dense"], "metropolis", plan_of(by), 0.8, ALL, wrong=other_mean) > ref.THRESHOLD


# The kernels and the scan


RAGGED = {"depth": 4, "width": 7, "inputs": 33, "outputs": 2}
DILUTED = {"depth": 4, "width": 16, "inputs": 20, "outputs": 11, "connectivity": 5}
SIDE_BY_SIDE = {
    "soft": (Machine(**RAGGED, ensemble="gaussian", potential=SoftCore(margin=0.1)), 37, "metropolis", 0.9, Frozen()),
    "hard": (Machine(**RAGGED, potential=Logistic(0.7)), 70, "heat_bath", 0, Frozen()),
    "frozen": (
        Machine(**RAGGED, ensemble="gaussian"), 37, "metropolis", 0.9, Frozen(weights=(2, 4), spins=(1, 3)),
    ),
    "wide": (Machine(2, 40, ensemble="gaussian"), 70, "metropolis", 2.0, Frozen(weights=(1,))),
    "diluted": (Machine(**DILUTED), 50, "metropolis", 0.9, Frozen(spins=(2,))),
    "diluted hard": (Machine(**DILUTED, ensemble="ising", potential=SoftCore(1.0)), 41, "heat_bath", 0, Frozen()),
    "feedforward": (Machine(**RAGGED, ensemble="gaussian", potential=Counting()), 70, "feedforward", 0.9, Frozen()),
    "feedforward hard": (Machine(3, 9, potential=SoftCore(1.0)), 300, "feedforward", 0, Frozen(weights=(1,))),
    "feedforward frozen": (
        Machine(**RAGGED, ensemble="gaussian"), 70, "feedforward", 0.3, Frozen(weights=(2, 4)),
    ),
    "feedforward diluted": (Machine(**DILUTED, ensemble="gaussian"), 50, "feedforward", 4.0, Frozen(weights=(3,))),
}  # fmt: skip
SLOW = {"hard", "wide", "diluted hard", "feedforward hard", "feedforward frozen"}


def path(machine, patterns, dynamics, tau, frozen, plan, sweeps=5):
    boundary, _ = guided(machine, patterns, tau=tau)
    state = ref.state_at(ref.random_states(machine, boundary, 1, seed=5), 0)
    kernel = build(dynamics, machine, plan, frozen)
    drive = Drive(Schedule.quench(2.0).path(), jnp.int32(0), {"weight_step": jnp.float32(0.3)}, boundary)
    start = kernel.init(state, boundary)
    found, info = jax.jit(advance(kernel, 4))(ref.replica_keys(3, 1)[0], start, drive, jnp.int32(0), jnp.int32(sweeps))
    return start, found, info, boundary, kernel


@lru_cache
def scanned(case):
    """The case by the compiled scan."""
    return path(*SIDE_BY_SIDE[case], CPU)


@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.slow if c in SLOW else ()) for c in SIDE_BY_SIDE])
def test_kernels_decide_as_the_scan(case):
    machine, patterns, dynamics, tau, frozen = SIDE_BY_SIDE[case]
    _, right, expected, _, _ = scanned(case)
    start, found, info, boundary, kernel = path(*SIDE_BY_SIDE[case], plan_of("native"))
    np.testing.assert_array_equal(found.spins, right.spins)
    for a, b in zip((*found.weights, *found.fields), (*right.weights, *right.fields), strict=True):
        np.testing.assert_allclose(a, b, atol=3e-5)
    for name in info:
        np.testing.assert_array_equal(info[name], expected[name])
    moved = np.asarray(info["accepted_weights"]) > 0
    np.testing.assert_array_equal(moved, ~np.isin(np.arange(1, machine.depth + 1), frozen.weights))
    for layer in frozen.weights:
        g = machine.stack_of(layer)
        place = layer - machine.stacks[g].first
        np.testing.assert_array_equal(found.weights[g][place], start.weights[g][place])
    if dynamics == "feedforward":
        energy = output_energy(machine, found, boundary)
    else:
        for layer in frozen.spins:
            np.testing.assert_array_equal(found.spins[layer - 1], start.spins[layer - 1])
        energy = configuration_energy(machine, found, boundary)
    np.testing.assert_allclose(kernel.energy(found, boundary), energy, rtol=1e-5)


@pytest.mark.slow
def test_accelerators_decide_as_cpus():
    case = (Machine(3, 5, inputs=4, outputs=2, ensemble="gaussian"), 9, "metropolis", 0.9, Frozen(weights=(2,)))
    right, found = (path(*case, plan)[1] for plan in (CPU, ACCELERATOR))
    np.testing.assert_array_equal(found.spins, right.spins)


@pytest.mark.parametrize("name", ["base", "avx2", "avx512"])
def test_every_instruction_set(name):
    plan_of("native")
    before = library.instruction_set()
    try:
        library.use(name)
    except ValueError:
        pytest.skip(f"this processor has no {name}")
    try:
        for case in ("soft", "diluted", "feedforward"):
            right, found = scanned(case)[1], path(*SIDE_BY_SIDE[case], NATIVE)[1]
            np.testing.assert_array_equal(found.spins, right.spins)
    finally:
        library.use(before)


def test_costs_of_the_output_layer_alone_change():
    """Energies without targets, and with targets of weight 0, agree."""
    machine = Machine(3, 6, ensemble="gaussian")
    boundary, _ = guided(machine, 11, weight=0.0)
    state = ref.state_at(ref.random_states(machine, boundary, 1), 0)
    bare = replace(boundary, targets=None)
    for energy in (configuration_energy, output_energy):
        np.testing.assert_allclose(energy(machine, state, boundary), energy(machine, state, bare), rtol=1e-6)


def test_targets_are_a_pytree():
    leaves = jax.tree.leaves(Targets(*(jnp.zeros(n) for n in range(4))))
    assert len(leaves) == 4
    assert module.NEAR == 1.2
