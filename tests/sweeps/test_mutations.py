"""The statistical checks must fail where the kernels are broken on purpose."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref

from glassnet.core import keys
from glassnet.perceptron.ensembles import Gaussian, Spherical
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import SoftCore
from glassnet.perceptron.proposal import Proposal
from glassnet.perceptron.sweeps import spins, weights
from glassnet.sampling.plan import CPU

BETA = 1.6
REPLICAS = 4000
MACHINE = Machine(3, 4, potential=SoftCore())


def spin_statistic():
    """Largest z of the visited states of each pattern and of their energies, for the kernel as it stands."""
    inputs, outputs = ref.problem(MACHINE, 4, seed=6)
    boundary = ref.boundary_of(inputs, outputs)
    state = ref.state_at(ref.random_states(MACHINE, boundary, 1, seed=2), 0)
    replica = ref.replica_keys(31, REPLICAS)
    run = ref.ensemble(MACHINE, spins.spin_sweep(MACHINE, CPU), boundary)
    batch, _ = run(replica, ref.frozen(MACHINE, state, boundary, len(replica)), jnp.full(REPLICAS, BETA), 0, 50)
    z = []
    for mu in range(4):
        energy = ref.enumerate_spins(MACHINE, ref.matrices(MACHINE, state), inputs[mu], outputs[mu])[1].sum(-1)
        p = ref.boltzmann(energy, BETA)
        number = ref.number_of(np.asarray(batch.spins)[..., mu])
        z += [ref.z_of_counts(np.bincount(number, minlength=len(p)), p), abs(ref.z_score(energy[number], p @ energy))]
    return max(z)


def two_at_once(gap, sign, offers, **options):
    """Pairs of spins decide on the same gaps, and both flip."""
    accepted = []
    for first in range(0, len(offers.threshold), 2):
        change = jnp.zeros_like(gap)
        for k in (first, first + 1):
            one = jax.tree.map(lambda x, k=k: x[k : k + 1], offers)
            new, accept = SCAN(gap, sign, one, **options)
            change, accepted = change + new - gap, [*accepted, accept]
        gap = gap + change
    return gap, jnp.concatenate(accepted)


def stale(gap, sign, offers, **options):
    """The pre-activations are not updated."""
    return gap, SCAN(gap, sign, offers, **options)[1]


SCAN = spins.column_scan
METROPOLIS = spins.THRESHOLDS["metropolis"]
OWN_FIELDS = spins._own_fields
SPIN_MUTANTS = {
    "two spins at once": ("column_scan", two_at_once),
    "own gap forgotten": ("_own_fields", lambda *args: 0 * OWN_FIELDS(*args)),
    "stale pre-activations": ("column_scan", stale),
}


def test_spins_as_they_are():
    assert spin_statistic() < ref.THRESHOLD


@pytest.mark.parametrize("mutant", SPIN_MUTANTS)
def test_broken_spin_sweep_is_seen(mutant, monkeypatch, record_property):
    monkeypatch.setattr(spins, *SPIN_MUTANTS[mutant])
    z = spin_statistic()
    record_property("z", float(z))
    assert z > 2 * ref.THRESHOLD


@pytest.mark.parametrize("factor", [0.9, pytest.param(1.1, marks=pytest.mark.slow)])
def test_beta_off_by_ten_percent_is_seen_by_spins(factor, monkeypatch, record_property):
    def shifted(key, shape, temperature):
        return METROPOLIS(key, shape, temperature / factor)

    monkeypatch.setitem(spins.THRESHOLDS, "metropolis", shifted)
    z = spin_statistic()
    record_property("z", float(z))
    assert z > ref.THRESHOLD


# Weights


ROW = Machine(1, 3, outputs=1, ensemble="gaussian", potential=SoftCore())


def row_energy_z(machine=ROW, beta=BETA, replicas=REPLICAS):
    """|z| of the energy of one row of three Gaussian weights against quadrature."""
    inputs, outputs = ref.problem(machine, 4, seed=9)
    boundary = ref.boundary_of(inputs, outputs)
    replica = ref.replica_keys(32, replicas)
    run = ref.ensemble(machine, weights.weight_sweep(machine, CPU), boundary, weight_step=1.0)
    batch = ref.random_states(machine, boundary, len(replica))
    energy = 0.0
    for t in range(30, 60, 3):
        batch, _ = run(replica, batch, jnp.full(replicas, beta), 0 if t == 30 else t - 3, t)
        energy = energy + ref.total(machine, ref.matrices(machine, batch), ref.all_layers(batch, boundary)) / 10
    x = np.linspace(-5.5, 5.5, 151)
    J = np.stack(np.meshgrid(x, x, x, indexing="ij"), -1).reshape(-1, 3)
    cost = ref.cost(machine.potential, outputs * (inputs @ J.T / np.sqrt(3))).sum(0)
    weight = np.exp(-(J**2).sum(1) / 2 - beta * cost)
    return abs(ref.z_score(energy, (cost * weight).sum() / weight.sum()))


def shifted_weights(rule, key, shape, params, real=weights.thresholds):
    return real(rule, key, shape, params) / 1.1


def unscaled(key, J, params):
    """J + d x without the factor that keeps the Gaussian prior."""
    return params.numbers["weight_step"] * keys.normal(keys.address(key, 0), J.shape)


def test_weights_as_they_are():
    assert row_energy_z() < ref.THRESHOLD


def test_beta_off_by_ten_percent_is_seen_by_weights(monkeypatch, record_property):
    monkeypatch.setattr(weights, "thresholds", shifted_weights)
    z = row_energy_z()
    record_property("z", float(z))
    assert z > ref.THRESHOLD


def test_stale_preactivations_are_seen_by_weights(monkeypatch, record_property):
    monkeypatch.setattr(weights, "column_scan", stale)
    z = row_energy_z()
    record_property("z", float(z))
    assert z > 2 * ref.THRESHOLD


def test_wrong_prior_is_seen(monkeypatch, record_property):
    monkeypatch.setattr(Gaussian, "proposal", Proposal(unscaled, 1, 1))
    z = row_energy_z()
    record_property("z", float(z))
    assert z > 2 * ref.THRESHOLD


def rescale(key, J, params):
    """One entry of each row perturbed, the row rescaled to its norm: not reversible."""
    new = J.at[:, 0].add(params.numbers["weight_step"] * keys.normal(keys.address(key, 0), J[:, 0].shape))
    return new * jnp.sqrt(J.shape[1] / jnp.sum(new * new, axis=1, keepdims=True)) - J


def fourth_moment_z(c, replicas, sweeps, weight_step):
    """|z| of <J^4> = 3 c / (c + 2) of a spherical row at beta = 0."""
    machine = Machine(1, c, outputs=1)
    boundary = ref.boundary_of(*ref.problem(machine, 1))
    replica = ref.replica_keys(33, replicas)
    run = ref.ensemble(machine, weights.weight_sweep(machine, CPU), boundary, weight_step=weight_step)
    batch, _ = run(replica, ref.random_states(machine, boundary, len(replica)), jnp.zeros(replicas), 0, sweeps)
    J = np.asarray(batch.weights[0], float)[:, 0, :, 0]
    np.testing.assert_allclose((J**2).sum(1), c, rtol=1e-4)
    return abs(ref.z_score((J**4).mean(1), 3 * c / (c + 2)))


def test_rotations_keep_the_sphere():
    assert fourth_moment_z(3, 100_000, 20, 1.5) < ref.THRESHOLD


def test_rescaled_rows_are_seen(monkeypatch, record_property):
    monkeypatch.setattr(Spherical, "proposal", Proposal(rescale, 3, 3))
    z = fourth_moment_z(3, 100_000, 20, 1.5)
    record_property("z", float(z))
    assert z > 2 * ref.THRESHOLD


@pytest.mark.slow
def test_rescaled_rows_are_seen_at_ten_inputs(monkeypatch, record_property):
    """<J^4> = 2.4954 instead of 2.5 after steps of 0.1 each."""
    monkeypatch.setattr(Spherical, "proposal", Proposal(rescale, 10, 10))
    z = fourth_moment_z(10, 1_000_000, 300, 0.3)
    record_property("z", float(z))
    assert z > ref.THRESHOLD
