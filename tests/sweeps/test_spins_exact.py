"""Sweeps of the spins at frozen weights against exact sums over all their configurations."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref

from glassnet.perceptron.forward import forward
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, HardCore, Logistic, Probit, SoftCore
from glassnet.perceptron.state import pack, with_fields
from glassnet.perceptron.sweeps.spins import spin_sweep
from glassnet.sampling.plan import ACCELERATOR, CPU, NATIVE

BETAS = (0.3, 0.9, 2.5)
REPLICAS = 1500
PATTERNS = 2
BURN, THINNING, SNAPSHOTS = 60, 4, 4
CASES = {
    "soft": (Machine(4, 3, potential=SoftCore()), "metropolis", CPU),
    "soft-heat-bath": (Machine(3, 4, inputs=5, outputs=2, potential=SoftCore(margin=0.3)), "heat_bath", CPU),
    "soft-3/2": (Machine(4, 3, inputs=5, outputs=2, potential=SoftCore(1.5, 0.8)), "metropolis", ACCELERATOR),
    "counting": (Machine(3, 4, ensemble="gaussian", potential=Counting(margin=-0.2)), "metropolis", CPU),
    "counting-zeros": (Machine(2, 10, inputs=3, ensemble="ising", potential=Counting(0.7)), "heat_bath", CPU),
    "probit": (Machine(3, 4, inputs=5, outputs=2, potential=Probit(1.2)), "metropolis", CPU),
    "probit, native": (Machine(3, 4, inputs=5, potential=Probit(0.8, margin=0.2)), "heat_bath", NATIVE),
    "logistic": (Machine(3, 4, inputs=5, outputs=2, potential=Logistic(0.8)), "metropolis", CPU),
    "logistic, native": (Machine(3, 4, inputs=5, potential=Logistic(0.5, margin=0.2)), "heat_bath", NATIVE),
    "native": (Machine(3, 4, inputs=5, outputs=2, potential=SoftCore(margin=0.3)), "heat_bath", NATIVE),
    "diluted": (Machine(4, 4, connectivity=2, potential=SoftCore(0.5)), "metropolis", CPU),
    "diluted-ragged": (
        Machine(3, 5, inputs=6, outputs=3, connectivity=3, ensemble="gaussian", potential=Counting()),
        "heat_bath",
        ACCELERATOR,
    ),
}


DEFAULT = [
    pytest.param(name, marks=pytest.mark.slow if name in ("soft-3/2", "logistic", "diluted-ragged") else ())
    for name in CASES
]


@lru_cache
def setting(name):
    machine, rule, plan = CASES[name]
    inputs, outputs = ref.problem(machine, PATTERNS, seed=3)
    boundary = ref.boundary_of(inputs, outputs)
    state = ref.state_at(ref.random_states(machine, boundary, 1, seed=1), 0)
    J = ref.matrices(machine, state)
    exact = [ref.enumerate_spins(machine, J, *ends) for ends in zip(inputs, outputs, strict=True)]
    run = ref.ensemble(machine, spin_sweep(machine, plan, rule), boundary)
    return machine, rule, boundary, state, [energies for _, energies in exact], run


def visited(batch, pattern):
    """Number of the state of one pattern in each replica."""
    return ref.number_of(np.asarray(batch.spins)[..., pattern])


@pytest.mark.parametrize("name", DEFAULT)
def test_boltzmann_distribution(name):
    machine, rule, boundary, state, energies, run = setting(name)
    replica = ref.replica_keys(11, len(BETAS) * REPLICAS)
    betas = jnp.repeat(jnp.array(BETAS), REPLICAS)
    batch = ref.frozen(machine, state, boundary, len(replica))
    batch, _ = run(replica, batch, betas, 0, BURN)
    total = np.zeros((PATTERNS, len(BETAS) * REPLICAS, machine.depth))
    for t in range(BURN, BURN + THINNING * SNAPSHOTS, THINNING):
        batch, _ = run(replica, batch, betas, t, t + THINNING)
        for mu in range(PATTERNS):
            total[mu] += energies[mu][visited(batch, mu)] / SNAPSHOTS
    for b, beta in enumerate(BETAS):
        own = slice(b * REPLICAS, (b + 1) * REPLICAS)
        for mu in range(PATTERNS):
            energy = energies[mu].sum(-1)
            p, uniform = ref.boltzmann(energy, beta), np.full(len(energy), 1 / len(energy))
            relaxed = ref.swept(uniform, energy, ref.sweep_order(machine), beta, rule, BURN)
            assert np.abs(relaxed - p).sum() < 1e-3  # the burn-in is long enough
            counts = np.bincount(visited(batch, mu)[own], minlength=len(p))
            assert ref.z_of_counts(counts, p) < ref.THRESHOLD, (beta, mu)
            assert ref.worst(ref.z_score(total[mu][own], p @ energies[mu])) < ref.THRESHOLD, (beta, mu)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("beta", BETAS)
def test_every_move_of_the_reference_keeps_the_boltzmann_distribution(name, beta):
    machine, rule, _, _, energies, _ = setting(name)
    for energy in energies:
        p = ref.boltzmann(energy.sum(-1), beta)
        for site in ref.sweep_order(machine):
            assert np.abs(ref.move(p, energy.sum(-1), site, beta, rule) - p).max() < 1e-12


@pytest.mark.parametrize("name", DEFAULT)
def test_transition_probabilities_of_one_sweep(name):
    """From one start, the sweep of the kernel against the product of the reference moves in the same order."""
    machine, rule, _, state, energies, run = setting(name)
    replica = ref.replica_keys(12, len(BETAS) * REPLICAS)
    start = ref.repeated(state, len(BETAS) * REPLICAS)
    batch, _ = run(replica, start, jnp.repeat(jnp.array(BETAS), REPLICAS), 0, 1)
    for b, beta in enumerate(BETAS):
        for mu in range(PATTERNS):
            p = np.zeros(len(energies[mu]))
            p[visited(state, mu)] = 1
            p = ref.swept(p, energies[mu].sum(-1), ref.sweep_order(machine), beta, rule, 1)
            counts = np.bincount(visited(batch, mu)[b * REPLICAS : (b + 1) * REPLICAS], minlength=len(p))
            assert ref.z_of_counts(counts, np.where(p < 1e-15, 0, p)) < ref.THRESHOLD, (beta, mu)


# Hard core


def planted(machine, patterns, seed):
    """Weights from the prior, hidden spins and outputs by feed-forward: no gap is violated at margin <= 0."""
    inputs, outputs = ref.problem(machine, patterns, seed)
    state = ref.state_at(ref.random_states(machine, ref.boundary_of(inputs, outputs), 1, seed), 0)
    teacher = forward(machine, state.weights, jnp.asarray(inputs.T))
    outputs = np.where(np.asarray(teacher.fields[-1][-1]).T >= 0, 1, -1).astype(np.int8)
    return inputs, outputs, teacher


def reachable(allowed, start, free):
    """States connected to `start` by single flips through allowed states."""
    found, new = {start}, [start]
    while new:
        near = {s ^ (1 << k) for s in new for k in range(free)} - found
        new = [s for s in near if allowed[s]]
        found |= set(new)
    return np.isin(np.arange(len(allowed)), list(found))


@pytest.mark.parametrize("machine", [
    pytest.param(Machine(3, 4, ensemble="gaussian", potential=HardCore(-0.9)), marks=pytest.mark.slow),
    Machine(3, 4, inputs=6, outputs=2, connectivity=3, potential=HardCore(-0.9)),
])  # fmt: skip
def test_hard_core_from_a_planted_state_visits_all_connected_ground_states_alike(machine):
    inputs, outputs, state = planted(machine, 3, 5)
    boundary = ref.boundary_of(inputs, outputs)
    run = ref.ensemble(machine, spin_sweep(machine, CPU, "heat_bath"), boundary)
    replica = ref.replica_keys(13, REPLICAS)
    batch, _ = run(replica, ref.repeated(state, REPLICAS), jnp.full(REPLICAS, jnp.inf), 0, 100)
    J = ref.matrices(machine, state)
    sizes = []
    for mu in range(3):
        energy = ref.enumerate_spins(machine, J, inputs[mu], outputs[mu])[1].sum(-1)
        connected = reachable(energy == 0, int(visited(state, mu)), (machine.depth - 1) * machine.width)
        counts = np.bincount(visited(batch, mu), minlength=len(energy))
        assert ref.z_of_counts(counts, connected / connected.sum()) < ref.THRESHOLD
        sizes.append(connected.sum())
    assert max(sizes) >= 16


def test_metropolis_keeps_the_uniform_distribution_over_hard_core_ground_states():
    """At zero temperature a Metropolis sweep is a one-to-one map of the ground states, without randomness."""
    machine = Machine(3, 4, ensemble="gaussian", potential=HardCore(-0.9))
    inputs, outputs, state = planted(machine, 1, 5)
    boundary = ref.boundary_of(inputs, outputs)
    hidden, energies = ref.enumerate_spins(machine, ref.matrices(machine, state), inputs[0], outputs[0])
    ground = np.flatnonzero(energies.sum(-1) == 0)
    spins = jnp.asarray(hidden[ground][..., None])
    batch = jax.vmap(lambda S: with_fields(machine, S, state.weights, boundary))(spins)
    run = ref.ensemble(machine, spin_sweep(machine, CPU), boundary)
    count = len(ground)
    assert count >= 16
    batch, info = run(ref.replica_keys(1, count), batch, jnp.full(count, jnp.inf), 0, 7)
    assert sorted(visited(batch, 0)) == sorted(ground)
    assert info["accepted_spins"].sum() > 0


def test_heat_bath_at_zero_temperature_flips_a_tie_every_second_time():
    """Two inputs of equal weight and opposite spin: the flip of a hidden spin costs nothing."""
    machine = Machine(2, 2, inputs=2, outputs=2, ensemble="ising", potential=Counting())
    first, second = np.array([[1, 1], [1, 1]]), np.array([[1, 1], [1, -1]])
    inputs, outputs = np.array([[1, -1]]), np.array([[-1, 1]])
    state = pack(machine, [first, second], [inputs, np.array([[1, 1]]), outputs])
    energy = ref.enumerate_spins(machine, [first, second], inputs[0], outputs[0])[1].sum(-1)
    start = ref.number_of(np.ones((1, 2)))
    assert energy[start ^ 1] == energy[start]
    boundary = ref.boundary_of(inputs.astype(np.int8), outputs.astype(np.int8))
    run = ref.ensemble(machine, spin_sweep(machine, CPU, "heat_bath"), boundary)
    replicas = 4000
    batch, _ = run(ref.replica_keys(2, replicas), ref.repeated(state, replicas), jnp.full(replicas, jnp.inf), 0, 1)
    flipped = np.asarray(batch.spins)[:, 0, 0, 0] < 0
    assert abs(flipped.mean() - 0.5) < ref.THRESHOLD * 0.5 / np.sqrt(replicas)


@pytest.mark.parametrize("rule", ["metropolis", pytest.param("heat_bath", marks=pytest.mark.slow)])
def test_zero_temperature_never_raises_the_energy(rule):
    machine = Machine(4, 5, ensemble="ising", potential=SoftCore())
    boundary = ref.boundary_of(*ref.problem(machine, 6))
    replica = ref.replica_keys(4, 50)
    batch = ref.random_states(machine, boundary, len(replica))
    run = ref.ensemble(machine, spin_sweep(machine, CPU, rule), boundary)
    energies = []
    for t in range(8):
        energies.append(ref.total(machine, ref.matrices(machine, batch), ref.all_layers(batch, boundary)))
        batch, _ = run(replica, batch, jnp.full(50, jnp.inf), t, t + 1)
    assert (np.diff(energies, axis=0) < 1e-5).all()
    assert np.mean(energies[-1]) < 0.6 * np.mean(energies[0])


def test_unknown_rule():
    with pytest.raises(ValueError, match=r"Argument `rule` must be one of .* but is 'glauber'"):
        spin_sweep(Machine(2, 3), CPU, "glauber")
