"""Sweeps of the weights at fixed spins: moments of the priors, and single rows against exact averages."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref

from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, Logistic, Probit, SoftCore
from glassnet.perceptron.sweeps.catalogue import dynamics_of
from glassnet.perceptron.sweeps.weights import weight_sweep
from glassnet.sampling.plan import ACCELERATOR, CPU, NATIVE

BETAS = (0.4, 1.7, 5.0)
REPLICAS = 2000
STEP = 0.8


# beta = 0: the priors


def free_run(machine, replicas, sweeps, seed=1):
    """Weights of one row at infinite temperature: start and end, shape (replica, slot)."""
    boundary = ref.boundary_of(*ref.problem(machine, 2))
    replica = ref.replica_keys(seed, replicas)
    start = ref.random_states(machine, boundary, len(replica))
    run = ref.ensemble(machine, weight_sweep(machine, CPU), boundary, weight_step=STEP)
    end, info = run(replica, start, jnp.zeros(replicas), 0, sweeps)
    offered = sweeps * dynamics_of("metropolis").moves(machine, 2)["accepted_weights"]
    np.testing.assert_array_equal(info["accepted_weights"], np.broadcast_to(offered, (replicas, machine.depth)))
    return tuple(np.asarray(s.weights[0], float)[:, 0, :, 0] for s in (start, end))


def test_gaussian_prior():
    sweeps = 4
    start, end = free_run(Machine(1, 6, outputs=1, ensemble="gaussian"), 10000, sweeps)
    assert ref.worst(ref.z_score(end.mean(1), 0)) < ref.THRESHOLD
    assert ref.worst(ref.z_score((end**2).mean(1), 1)) < ref.THRESHOLD
    assert ref.worst(ref.z_score((end**4).mean(1), 3)) < ref.THRESHOLD
    memory = (1 + STEP**2) ** (-sweeps / 2)
    assert ref.worst(ref.z_score((start * end).mean(1), memory)) < ref.THRESHOLD


def test_spherical_prior():
    start, end = free_run(Machine(1, 10, outputs=1), 10000, 20)
    np.testing.assert_allclose((end**2).sum(1), 10, rtol=1e-5)
    assert ref.worst(ref.z_score((end**4).mean(1), 2.5)) < ref.THRESHOLD
    assert ref.worst(ref.z_score(end.mean(1), 0)) < ref.THRESHOLD
    assert ref.worst(ref.z_score(end[:, 0] * end[:, 1], 0)) < ref.THRESHOLD
    assert abs((start * end).mean()) < 0.1


def test_a_rotation_turns_pairs_by_gaussian_angles():
    """c = 2: both passes turn the only pair, and the sum of two angles has variance 2 d^2."""
    start, end = free_run(Machine(1, 2, outputs=1), 10000, 1)
    cosine = (start * end).sum(1) / 2
    assert ref.worst(ref.z_score(cosine, np.exp(-(STEP**2)))) < ref.THRESHOLD


def test_ising_prior():
    start, end = free_run(Machine(1, 6, outputs=1, ensemble="ising"), 4000, 3)
    np.testing.assert_array_equal(end, -start)
    assert ref.worst(ref.z_score(end.mean(1), 0)) < ref.THRESHOLD


# beta > 0: one row


def grid(ensemble, c):
    """Points J (point, slot) and their prior weights."""
    if ensemble == "ising":
        return 2.0 * ((np.arange(2**c)[:, None] >> np.arange(c)) & 1) - 1, np.ones(2**c)
    if ensemble == "gaussian":
        x = np.linspace(-7, 7, 1401) if c == 2 else np.linspace(-5.5, 5.5, 101)
        J = np.stack([axis.ravel() for axis in np.meshgrid(*[x] * c, indexing="ij")], 1)
        return J, np.exp(-(J**2).sum(1) / 2)
    phi = (np.arange(4000) + 0.5) * 2 * np.pi / 4000
    if c == 2:
        return np.sqrt(2) * np.stack([np.cos(phi), np.sin(phi)], 1), np.ones(4000)
    phi, z = np.meshgrid(phi[::8], (np.arange(1000) + 0.5) / 500 - 1)
    rho = np.sqrt(1 - z**2)
    J = np.sqrt(3) * np.stack([rho * np.cos(phi), rho * np.sin(phi), z], -1)
    return J.reshape(-1, 3), np.ones(J.shape[0] * J.shape[1])


ROWS = {
    "gaussian-2": (Machine(1, 2, outputs=1, ensemble="gaussian", potential=SoftCore(margin=0.3)), CPU),
    "gaussian-3": (Machine(1, 3, outputs=1, ensemble="gaussian", potential=SoftCore()), ACCELERATOR),
    "spherical-2": (Machine(1, 2, outputs=1, potential=Counting(0.25)), CPU),
    "spherical-3": (Machine(1, 3, outputs=1, potential=SoftCore(margin=0.3)), CPU),
    "spherical-3, native": (Machine(1, 3, outputs=1, potential=SoftCore(margin=0.3)), NATIVE),
    "probit-3": (Machine(1, 3, outputs=1, potential=Probit(0.6)), CPU),
    "probit-2, native": (Machine(1, 2, outputs=1, ensemble="gaussian", potential=Probit(0.5, margin=0.3)), NATIVE),
    "logistic-3": (Machine(1, 3, outputs=1, potential=Logistic(0.4)), CPU),
    "logistic-2, native": (Machine(1, 2, outputs=1, ensemble="gaussian", potential=Logistic(0.3, margin=0.3)), NATIVE),
    "ising-3": (Machine(1, 3, outputs=1, ensemble="ising", potential=SoftCore(margin=0.1)), CPU),
    "ising-3, heat bath": (Machine(1, 3, outputs=1, ensemble="ising", potential=SoftCore(margin=0.1)), CPU),
    "diluted": (Machine(1, 6, outputs=1, connectivity=3, ensemble="ising", potential=Counting(0.5)), CPU),
}


SLOW = ("gaussian-2", "spherical-2", "probit-3", "logistic-3")


@lru_cache
def exact(name, beta):
    """Means of the energy, its square, J_1 and J_1 J_2."""
    machine, _ = ROWS[name]
    inputs, outputs = ref.problem(machine, 5, seed=8)
    J, prior = grid(machine.ensemble, machine.connections[0])
    field = inputs[:, machine.sources(1)[0]].astype(float) @ J.T / np.sqrt(machine.connections[0])
    energy = ref.cost(machine.potential, outputs * field - machine.potential.margin).sum(0)
    weight = prior * np.exp(-beta * energy)
    values = np.stack([energy, energy**2, J[:, 0], J[:, 0] * J[:, 1]])
    return values @ weight / weight.sum()


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in ROWS])
def test_one_row_against_exact_averages(name):
    machine, plan = ROWS[name]
    inputs, outputs = ref.problem(machine, 5, seed=8)
    boundary = ref.boundary_of(inputs, outputs)
    replicas = len(BETAS) * REPLICAS
    replica = ref.replica_keys(21, replicas)
    batch = ref.random_states(machine, boundary, len(replica))
    rule = "heat_bath" if "heat bath" in name else "metropolis"
    run = ref.ensemble(machine, weight_sweep(machine, plan, rule), boundary, weight_step=STEP)
    betas = jnp.repeat(jnp.array(BETAS), REPLICAS)
    batch, _ = run(replica, batch, betas, 0, 100)
    values, snapshots = 0.0, 6
    for t in range(100, 100 + 5 * snapshots, 5):
        batch, _ = run(replica, batch, betas, t, t + 5)
        energy = ref.total(machine, ref.matrices(machine, batch), ref.all_layers(batch, boundary))
        J = np.asarray(batch.weights[0], float)[:, 0, :, 0]
        values += np.stack([energy, energy**2, J[:, 0], J[:, 0] * J[:, 1]], 1) / snapshots
    for b, beta in enumerate(BETAS):
        found = values[b * REPLICAS : (b + 1) * REPLICAS]
        assert (np.ptp(found, axis=0) > 1e-3).all()  # without spread a z-score would only see rounding
        z = ref.z_score(found, exact(name, beta))
        assert ref.worst(z) < ref.THRESHOLD, (beta, z)


def test_free_ising_weights_forget_at_once_in_a_heat_bath():
    """At beta = 0 every flip is a fair coin; Metropolis, which accepts all, only alternates."""
    machine = Machine(1, 3, outputs=1, ensemble="ising")
    boundary = ref.boundary_of(*ref.problem(machine, 2, seed=1))
    start = ref.random_states(machine, boundary, 2000)
    before = np.array(start.weights[0], float)
    overlap = {}
    for rule in ("metropolis", "heat_bath"):
        run = ref.ensemble(machine, weight_sweep(machine, CPU, rule), boundary)
        states = jax.tree.map(jnp.copy, start)
        after, _ = run(ref.replica_keys(5, 2000), states, jnp.zeros(2000), 0, 1)
        overlap[rule] = (before * np.asarray(after.weights[0])).mean((1, 2, 3))
    assert (overlap["metropolis"] == -1).all()
    assert abs(ref.z_score(overlap["heat_bath"], 0.0)) < ref.THRESHOLD
