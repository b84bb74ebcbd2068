"""Spins and weights moving together: against random single moves in float64, and against exact single-pattern sums."""

import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref
from scipy.integrate import quad
from scipy.special import comb

from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, SoftCore
from glassnet.perceptron.sweeps.catalogue import build
from glassnet.sampling.plan import ACCELERATOR, CPU

BETA = 2.0
REPLICAS = 1200
CHAINS = 300
PATTERNS = 3
CASES = {
    "dense": (Machine(3, 3, potential=SoftCore()), "metropolis", CPU),
    "ragged": (
        Machine(3, 3, inputs=4, outputs=2, ensemble="gaussian", potential=SoftCore(margin=0.2)),
        "heat_bath",
        CPU,
    ),
    "diluted": (Machine(3, 4, connectivity=2, potential=Counting(0.6)), "metropolis", CPU),
    "ising-ragged": (
        Machine(3, 4, inputs=5, outputs=3, connectivity=3, ensemble="ising", potential=SoftCore(1.0)),
        "metropolis",
        ACCELERATOR,
    ),
}


def observables(machine, weights, spins):
    """For each chain: energy by layer, <J^4> by layer, overlap of two patterns squared by hidden layer."""
    energy = ref.layer_energies(machine, weights, spins)
    scale = [machine.widths[l - 1] / machine.connections[l - 1] for l in range(1, machine.depth + 1)]
    fourth = [s * (J.astype(float) ** 4).mean((-2, -1)) for s, J in zip(scale, weights, strict=True)]
    overlap = [(S[:, 0].astype(float) * S[:, 1]).mean(-1) ** 2 for S in spins[1:-1]]
    return np.concatenate([energy, np.stack(fourth, -1), np.stack(overlap, -1)], -1)


SLOW = ("ragged", "diluted", "ising-ragged")


@pytest.mark.parametrize("name", [pytest.param(c, marks=pytest.mark.slow if c in SLOW else ()) for c in CASES])
def test_equilibrium_equals_that_of_single_moves(name):
    machine, dynamics, plan = CASES[name]
    inputs, outputs = ref.problem(machine, PATTERNS, seed=4)
    slow = ref.SlowSampler(machine, inputs, outputs, beta=BETA, weight_step=0.8, chains=CHAINS, seed=5)
    slow.sweep(40)
    expected, snapshots = 0.0, 15
    for _ in range(snapshots):
        slow.sweep(3)
        expected = expected + observables(machine, slow.weights, slow.spins) / snapshots

    boundary = ref.boundary_of(inputs, outputs)
    replica = ref.replica_keys(41, REPLICAS)
    run = ref.ensemble(machine, build(dynamics, machine, plan), boundary, weight_step=0.8)
    batch, _ = run(replica, ref.random_states(machine, boundary, len(replica)), jnp.full(REPLICAS, BETA), 0, 100)
    found = 0.0
    for t in range(100, 160, 10):
        batch, _ = run(replica, batch, jnp.full(REPLICAS, BETA), t, t + 10)
        found = found + observables(machine, ref.matrices(machine, batch), ref.all_layers(batch, boundary)) / 6
    z = ref.z_between(found, expected)
    if machine.ensemble == "ising":
        z = np.delete(z, slice(machine.depth, 2 * machine.depth))  # J^4 = 1
    assert ref.worst(z) < ref.THRESHOLD, (found.mean(0), np.mean(expected, 0), z)


# One pattern: the weights can be integrated for any spins, so all gaps are independent


def single_gap_energy(ensemble, potential, c, beta):
    """Energy of a gap of one pattern: sum_j J_j S_j / sqrt(c) over the prior, times exp(-beta v), either sign."""

    def mean(density, points=None, limit=np.inf):
        def moment(n):
            def f(h):
                v = float(ref.cost(potential, np.float64(h) - potential.margin))
                return density(h) * v**n * np.exp(-beta * v)

            low, high = max(-limit, -12), min(limit, 12)
            return quad(f, low, potential.margin, limit=400)[0] + quad(f, potential.margin, high, limit=400)[0]

        return moment(1) / moment(0)

    if ensemble == "ising":
        k = np.arange(c + 1)
        v = ref.cost(potential, (2 * k - c) / np.sqrt(c) - potential.margin)
        weight = comb(c, k) * np.exp(-beta * v)
        return (v * weight).sum() / weight.sum()
    if ensemble == "gaussian":
        return mean(lambda h: np.exp(-h * h / 2))
    return mean(lambda h: max(1 - h * h / c, 0.0) ** ((c - 3) / 2), limit=np.sqrt(c))


def energy_per_gap(machine, patterns, betas, replicas, sweeps, seed=7):
    """Mean energy of a gap in each replica, by beta and layer: (beta, replica, layer); data differ by replica."""
    boundary = ref.boundary_of(*ref.problem(machine, patterns, seed))
    count = len(betas) * replicas
    replica = ref.replica_keys(seed, count)
    run = ref.ensemble(machine, build("metropolis", machine, CPU), boundary, weight_step=0.7)
    beta = jnp.repeat(jnp.array(betas, jnp.float32), replicas)
    batch, _ = run(replica, ref.random_states(machine, boundary, len(replica)), beta, 0, sweeps)
    energy, snapshots = 0.0, 8
    for t in range(sweeps, sweeps + 5 * snapshots, 5):
        batch, _ = run(replica, batch, beta, t, t + 5)
        energy = energy + ref.layer_energies(machine, ref.matrices(machine, batch), ref.all_layers(batch, boundary))
    return energy.reshape(len(betas), replicas, -1) / snapshots / patterns / np.array(machine.widths[1:])


@pytest.mark.slow
@pytest.mark.parametrize("machine", [
    Machine(3, 5, ensemble="gaussian", potential=SoftCore()),
    Machine(3, 6, inputs=8, outputs=4, connectivity=4, potential=SoftCore(margin=0.2)),
    Machine(3, 6, ensemble="ising", potential=SoftCore()),
])  # fmt: skip
def test_single_pattern(machine):
    betas = (0.5, 2.0, 8.0)
    energy = energy_per_gap(machine, 1, betas, 600, 60)
    for b, beta in enumerate(betas):
        for l, c in enumerate(machine.connections):
            exact = single_gap_energy(machine.ensemble, machine.potential, c, beta)
            assert abs(ref.z_score(energy[b, :, l], exact)) < ref.THRESHOLD, (beta, l)


def liquid_energy(beta):
    """e = (1 + 2 beta)^(-3/2) / (1 + (1 + 2 beta)^(-1/2)), soft core v = r^2, no correlation between patterns."""
    sigma = 1 + 2 * beta
    return sigma**-1.5 / (1 + sigma**-0.5)


@pytest.mark.parametrize("beta", [0.5, 2.0, 66.7])
def test_liquid_formula_is_the_single_pattern_energy_of_gaussian_weights(beta):
    np.testing.assert_allclose(single_gap_energy("gaussian", SoftCore(), 1, beta), liquid_energy(beta), rtol=1e-6)
    assert abs(liquid_energy(66.7) - 5.91e-4) < 1e-6


def test_liquid_energy_at_small_alpha():
    """Two patterns of a machine 16 wide, alpha = 1/8."""
    betas = (0.5, 2.0)
    energy = energy_per_gap(Machine(3, 16, ensemble="gaussian", potential=SoftCore()), 2, betas, 300, 50).mean(-1)
    for b, beta in enumerate(betas):
        finite_size = 0.02 * liquid_energy(beta)
        error = energy[b].std(ddof=1) / np.sqrt(energy.shape[1])
        assert error < 0.02 * liquid_energy(beta)
        assert abs(energy[b].mean() - liquid_energy(beta)) < finite_size + ref.THRESHOLD * error
