"""Weights alone, neurons slaved: against the sum over all Ising weights, and greedy descent at zero temperature."""

import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref

from glassnet.native import library
from glassnet.perceptron.forward import forward
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, SoftCore
from glassnet.perceptron.reference import feed_forward
from glassnet.perceptron.sweeps.catalogue import build, dynamics_of
from glassnet.sampling.plan import CPU, NATIVE

BETAS = (0.3, 0.8, 2.0)
REPLICAS = 1500
MACHINES = {
    "counting": Machine(2, 3, outputs=1, ensemble="ising", potential=Counting()),
    "soft": Machine(2, 3, outputs=1, ensemble="ising", potential=SoftCore(margin=0.2)),
    "deep-with-zero-fields": Machine(3, 2, ensemble="ising", potential=Counting(0.6)),
    "diluted-ragged": Machine(2, 3, inputs=4, outputs=2, connectivity=2, ensemble="ising", potential=SoftCore()),
}


def loss(machine, weights, inputs, outputs):
    """Energy of the outputs where all neurons follow from the inputs: weights (..., out, in), result (...)."""
    S = inputs.astype(float)
    for J, c in zip(weights, machine.connections, strict=True):
        field = S @ np.swapaxes(J, -1, -2) / np.sqrt(c)
        S = np.where(field >= -1e-9, 1.0, -1.0)
    gap = outputs * np.where(np.abs(field) < 1e-9, 0, field) - machine.potential.margin
    return ref.cost(machine.potential, gap).sum((-2, -1))


def all_weights(machine):
    """Every configuration of the Ising weights, (state, out, in) for each layer, numbered by bits."""
    sizes = [n * c for n, c in zip(machine.widths[1:], machine.connections, strict=True)]
    bits = 2.0 * ((np.arange(2 ** sum(sizes))[:, None] >> np.arange(sum(sizes))) & 1) - 1
    weights, start = [], 0
    for layer, (n, c) in enumerate(zip(machine.widths[1:], machine.connections, strict=True), start=1):
        rows = bits[:, start : start + n * c].reshape(-1, n, c)
        dense = np.zeros((len(bits), n, machine.widths[layer - 1]))
        np.put_along_axis(dense, np.broadcast_to(machine.sources(layer), rows.shape), rows, axis=-1)
        weights.append(dense)
        start += n * c
    return weights


def number_of(machine, weights):
    rows = [
        np.take_along_axis(J, np.broadcast_to(machine.sources(l), (*J.shape[:-1], machine.connections[l - 1])), axis=-1)
        for l, J in enumerate(weights, start=1)
    ]
    flat = np.concatenate([r.reshape(len(r), -1) for r in rows], axis=-1)
    return ((flat > 0) * (1 << np.arange(flat.shape[-1]))).sum(-1)


PLANS = {"scan": CPU, "native": NATIVE}
CASES = [(p, m) for p in PLANS for m in MACHINES]
QUICK = {("scan", "counting"), ("scan", "deep-with-zero-fields"), *(("native", m) for m in MACHINES)}


@pytest.fixture(params=PLANS)
def plan(request):
    return plan_of(request.param)


def plan_of(name):
    if name == "native" and not library.available():
        pytest.skip(library.status())
    return PLANS[name]


@pytest.mark.parametrize(
    ("by", "name"), [pytest.param(*c, marks=() if c in QUICK else pytest.mark.slow) for c in CASES]
)
def test_boltzmann_distribution_of_ising_weights(by, name):
    plan = plan_of(by)
    machine = MACHINES[name]
    inputs, outputs = ref.problem(machine, 5, seed=2)
    boundary = ref.boundary_of(inputs, outputs)
    energies = loss(machine, all_weights(machine), inputs, outputs)
    assert len(np.unique(energies.round(6))) > 2
    kernel = build("feedforward", machine, plan)
    count = len(BETAS) * REPLICAS
    replica, betas = ref.replica_keys(51, count), jnp.repeat(jnp.array(BETAS), REPLICAS)
    batch = ref.random_states(machine, boundary, len(replica))
    run = ref.ensemble(machine, kernel, boundary)
    batch = ref.initialised(kernel, batch, boundary)
    batch, _ = run(replica, batch, betas, 0, 60)
    mean, snapshots = 0.0, 5
    for t in range(60, 60 + 3 * snapshots, 3):
        batch, _ = run(replica, batch, betas, t, t + 3)
        mean = mean + energies[number_of(machine, ref.matrices(machine, batch))] / snapshots
    number = number_of(machine, ref.matrices(machine, batch))
    levels, level_of = np.unique(energies.round(6), return_inverse=True)
    for b, beta in enumerate(BETAS):
        own = slice(b * REPLICAS, (b + 1) * REPLICAS)
        p = ref.boltzmann(energies, beta)
        assert abs(ref.z_score(mean[own], p @ energies)) < ref.THRESHOLD, beta
        by_level = np.bincount(level_of, p, len(levels))
        assert ref.z_of_counts(np.bincount(level_of[number[own]], minlength=len(levels)), by_level) < ref.THRESHOLD
        coarse = np.bincount(np.arange(len(p)) % 64 + 64 * level_of, p, 64 * len(levels))  # six weights and the level
        seen = np.bincount(number[own] % 64 + 64 * level_of[number[own]], minlength=len(coarse))
        assert ref.z_of_counts(seen, coarse) < ref.THRESHOLD, beta


@pytest.mark.parametrize(("machine"), [
    pytest.param(Machine(3, 5, inputs=7, outputs=2, ensemble="gaussian", potential=Counting()), marks=pytest.mark.slow),
    pytest.param(Machine(3, 4, potential=SoftCore()), marks=pytest.mark.slow),
    Machine(3, 6, connectivity=3, ensemble="ising", potential=Counting(0.5)),
])  # fmt: skip
def test_greedy_never_raises_the_loss(machine, plan):
    inputs, outputs = ref.problem(machine, 8, seed=3)
    boundary = ref.boundary_of(inputs, outputs)
    kernel = build("feedforward", machine, plan)
    replica = ref.replica_keys(52, 20)
    batch = ref.initialised(kernel, ref.random_states(machine, boundary, len(replica)), boundary)
    run = ref.ensemble(machine, kernel, boundary)
    losses = []
    for t in range(15):
        losses.append(loss(machine, ref.matrices(machine, batch), inputs, outputs))
        batch, _ = run(replica, batch, jnp.full(20, jnp.inf), t, t + 1)
    assert (np.diff(losses, axis=0) < 1e-4).all()
    assert np.mean(losses[-1]) < 0.7 * np.mean(losses[0])
    # the neurons are those of feed-forward from the weights
    for n in range(3):
        J = [j[n] for j in ref.matrices(machine, batch)]
        hidden = ref.all_layers(batch, boundary)[1:-1]
        for found, right in zip(hidden, feed_forward(machine, J, inputs)[1:-1], strict=True):
            np.testing.assert_array_equal(found[n], right)


def test_cached_fields_are_those_of_feed_forward(plan):
    machine = Machine(2, 5, inputs=6, outputs=3, connectivity=3, ensemble="gaussian", potential=Counting())
    inputs, outputs = ref.problem(machine, 6)
    boundary = ref.boundary_of(inputs, outputs)
    kernel = build("feedforward", machine, plan)
    replica = ref.replica_keys(53, 4)
    run = ref.ensemble(machine, kernel, boundary)
    batch = ref.initialised(kernel, ref.random_states(machine, boundary, len(replica)), boundary)
    batch, info = run(replica, batch, jnp.full(4, 1.5), 0, 100)
    rate = np.asarray(info["accepted_weights"]) / dynamics_of("feedforward").moves(machine, 6)["accepted_weights"]
    assert ((rate > 1) & (rate < 100)).all()
    for n in range(4):
        one = ref.state_at(batch, n)
        again = forward(machine, one.weights, boundary.inputs)
        np.testing.assert_array_equal(one.spins, again.spins)
        for found, right in zip(one.fields, again.fields, strict=True):
            np.testing.assert_allclose(found, right, atol=2e-5)
