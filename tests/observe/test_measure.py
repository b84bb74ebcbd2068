"""Observables against plain NumPy on explicit arrays."""

import itertools
from dataclasses import replace
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import glassnet as gn
from glassnet.core import keys
from glassnet.core.means import mean_over
from glassnet.perceptron.observe import layers, overlaps
from glassnet.perceptron.observe.table import bound
from glassnet.perceptron.observe.teacher import teacher_overlaps
from glassnet.perceptron.state import Boundary, random_state, state_bytes, unpack
from glassnet.perceptron.system import Perceptron
from glassnet.simulation.compiled import functions_of, pairing
from glassnet.simulation.observed import named, on
from glassnet.simulator import prepared

MACHINES = [
    gn.Machine(4, 5, inputs=7, outputs=3, potential=gn.SoftCore(margin=0.2)),
    gn.Machine(3, 6, connectivity=3, ensemble="gaussian", potential=gn.Counting(strength=2.0)),
    gn.Machine(1, 4, inputs=5, ensemble="ising", potential=gn.HardCore()),
]


@lru_cache
def two_states(machine, patterns=9):
    rng = np.random.default_rng(1)
    sides = [rng.choice([-1, 1], (n, patterns)).astype(np.int8) for n in (machine.widths[0], machine.widths[-1])]
    boundary = Boundary(*map(jnp.asarray, sides))
    draw = jax.jit(partial(random_state, machine))
    states = [draw(keys.address(keys.root(3), k), boundary) for k in range(2)]
    return boundary, states


@pytest.mark.parametrize("machine", MACHINES)
def test_energy_and_violated_gaps_agree_with_the_reference(machine):
    boundary, (state, _) = two_states(machine)
    found = jax.jit(partial(layers.layer_energy, machine))(state, boundary)
    weights, spins = unpack(machine, state, boundary)
    gaps = gn.gaps(machine, [J.astype(float) for J in weights], spins)
    expected = [machine.potential.energy(gap).mean() for gap in gaps]
    np.testing.assert_allclose(found["energy"], expected, rtol=1e-5)
    np.testing.assert_allclose(found["violated"], [(gap < 0).mean() for gap in gaps], rtol=1e-6)


@pytest.mark.parametrize("machine", MACHINES)
def test_output_error_is_that_of_the_reference_feed_forward(machine):
    boundary, (state, _) = two_states(machine)
    weights, spins = unpack(machine, state, boundary)
    outputs = gn.feed_forward(machine, weights, spins[0])[-1]
    expected = (outputs != spins[-1]).mean()
    assert 0 < expected < 1
    np.testing.assert_allclose(
        jax.jit(partial(layers.output_error, machine))(state.weights, boundary), expected, rtol=1e-6
    )


@pytest.mark.parametrize("machine", MACHINES)
def test_overlaps_are_means_of_products(machine):
    boundary, (a, b) = two_states(machine)
    S, T = (overlaps.measured_layers(x.spins, boundary) for x in (a, b))
    (J, spins_a), (K, spins_b) = (unpack(machine, x, boundary) for x in (a, b))
    pairs = list(zip(spins_a[1:], spins_b[1:], strict=True))
    q = np.array([(x * y).mean() for x, y in pairs])
    m = np.array([(x.mean(0) * y.mean(0)).mean() for x, y in pairs])
    Q = [(x * y).sum() / (len(x) * c) for x, y, c in zip(J, K, machine.connections, strict=True)]
    np.testing.assert_allclose(jax.jit(overlaps.spin_overlap)(S, T), q, atol=1e-6)
    np.testing.assert_allclose(jax.jit(overlaps.connected_spin_overlap)(S, T), q - m, atol=1e-6)
    np.testing.assert_allclose(jax.jit(overlaps.weight_overlap)(a.weights, b.weights), Q, atol=1e-6)
    np.testing.assert_allclose(
        jax.jit(overlaps.magnetisation_squared)(S), [(x.mean(0) ** 2).mean() for x in spins_a[1:]], atol=1e-6
    )


@pytest.mark.parametrize("machine", MACHINES)
def test_pattern_overlap_runs_over_all_pairs(machine):
    boundary, (state, _) = two_states(machine)
    mean, spread = jax.jit(overlaps.pattern_overlap)(overlaps.measured_layers(state.spins, boundary))
    spins = unpack(machine, state, boundary)[1][1:]
    pairs = [[(x * y).mean() for x, y in itertools.combinations(S.astype(float), 2)] for S in spins]
    np.testing.assert_allclose(mean, [np.mean(p) for p in pairs], atol=1e-6)
    np.testing.assert_allclose(spread, [np.std(p) for p in pairs], atol=1e-5)


def test_a_single_pattern_has_no_pattern_overlap():
    machine = MACHINES[0]
    boundary, (state, _) = two_states(machine, patterns=1)
    mean, spread = jax.jit(overlaps.pattern_overlap)(overlaps.measured_layers(state.spins, boundary))
    assert np.isnan(mean).all() and np.isnan(spread).all()


@pytest.mark.parametrize("shared", [True, False])
def test_all_pairs_hold_the_overlap_of_each_pair(shared):
    machine = MACHINES[0]
    boundary, states = two_states(machine)
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *states)
    table = on("pair", Perceptron(machine).observables(()))
    clamped = boundary if shared else jax.tree.map(lambda x: jnp.stack([x, x]), boundary)
    found = named(table, pairing(functions_of(list(table.values())), shared)(stacked, clamped))
    for a, b in itertools.product(range(2), repeat=2):
        S, T = (overlaps.measured_layers(states[k].spins, boundary) for k in (a, b))
        np.testing.assert_allclose(found["spin_overlap"][a, b], jax.jit(overlaps.spin_overlap)(S, T), atol=1e-6)
        np.testing.assert_allclose(
            found["spin_overlap_connected"][a, b], jax.jit(overlaps.connected_spin_overlap)(S, T), atol=1e-6
        )
        weights = jax.jit(overlaps.weight_overlap)(states[a].weights, states[b].weights)
        np.testing.assert_allclose(found["weight_overlap"][a, b], weights, atol=1e-6)


def halves_of(teacher, student):
    return np.asarray(overlaps.neuron_overlaps(jnp.asarray(teacher), jnp.asarray(student)))


def disguised(teacher, rng):
    """The same neurons in another order and with other signs, layer by layer."""
    neurons = teacher.shape[1]
    return np.stack([S[rng.permutation(neurons)] * rng.choice([-1, 1], (neurons, 1)) for S in teacher]).astype(np.int8)


def test_a_disguised_teacher_is_recognised_when_nodes_are_matched():
    rng = np.random.default_rng(0)
    teacher = rng.choice([-1, 1], (3, 8, 101)).astype(np.int8)
    R, squared = teacher_overlaps(halves_of(teacher, disguised(teacher, rng)), 101, match=True)
    np.testing.assert_allclose(R, 1, atol=1e-6)
    np.testing.assert_allclose(squared, 1, atol=1e-6)


def test_signs_alone_are_fixed_without_matching():
    rng = np.random.default_rng(0)
    teacher = rng.choice([-1, 1], (3, 8, 60)).astype(np.int8)
    flipped = (teacher * rng.choice([-1, 1], (3, 8, 1))).astype(np.int8)
    R, squared = teacher_overlaps(halves_of(teacher, flipped), 60, match=False)
    np.testing.assert_allclose(R, 1, atol=1e-6)
    np.testing.assert_allclose(squared, 1, atol=1e-6)


@pytest.mark.parametrize("match", [True, False])
def test_unrelated_machines_have_no_overlap_on_average(match):
    rng = np.random.default_rng(5)
    found = []
    for _ in range(400):
        a, b = rng.choice([-1, 1], (2, 1, 10, 20)).astype(np.int8)
        halves = np.stack([a[..., k::2] @ b[..., k::2].transpose(0, 2, 1) / 10 for k in range(2)])
        found.append([x[0] for x in teacher_overlaps(halves, 20, match=match)])
    found = np.array(found)
    z = found.mean(0) / (found.std(0, ddof=1) / np.sqrt(len(found)))
    assert (np.abs(z) < 4.5).all()


def test_matching_on_the_patterns_it_is_measured_on_would_fake_an_overlap():
    rng = np.random.default_rng(5)
    a, b = rng.choice([-1, 1], (2, 50, 10, 20)).astype(np.int8)
    R = a @ b.transpose(0, 2, 1) / 20
    fake, _ = teacher_overlaps(np.stack([R, R]), 20, match=True)
    assert fake.mean() > 0.3


@pytest.mark.parametrize("size", [1, 5, 300, 10_000])
def test_means_as_of_numpy(size):
    rng = np.random.default_rng(size)
    S, x = rng.choice([-1, 1], (2, 3, size)).astype(np.int8), rng.standard_normal((2, 3, size)).astype(np.float32)
    np.testing.assert_array_equal(mean_over(jnp.asarray(S), 2), S.mean((1, 2), dtype=float).astype(np.float32))
    np.testing.assert_allclose(mean_over(jnp.asarray(x), 1), x.mean(-1, dtype=float), atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_seen(bad):
    _, (state, _) = two_states(MACHINES[0])
    found = layers.finite(state)
    assert found["weights"].all()
    assert found["fields"].all()
    broken = replace(state, fields=tuple(u.at[0, -1, -1].set(bad) for u in state.fields))
    firsts = [stack.first - 1 for stack in MACHINES[0].stacks]
    right = ~np.isin(np.arange(MACHINES[0].depth), firsts)
    np.testing.assert_array_equal(layers.finite(broken)["fields"], right)


LARGE_IN = ("glassnet.core.means", *(f"glassnet.perceptron.observe.{name}" for name in ("gauge", "layers", "overlaps")))


@pytest.mark.parametrize(("machine", "patterns"), [(MACHINES[0], 9), (MACHINES[1], 3)])
def test_large_arrays_are_measured_part_by_part_with_the_same_values(machine, patterns, monkeypatch):
    boundary, (a, b) = two_states(machine, patterns)
    table = bound(machine, None, tested=False).usual

    def measured():
        def of(a, b):
            values = {n: o.of(a, b, (boundary, boundary) if o.on == "pair" else boundary) for n, o in table.items()}
            return values, layers.finite(a)

        return jax.jit(of)(a, b)

    whole = measured()
    for module in LARGE_IN:
        monkeypatch.setattr(f"{module}.LARGE", 1)
    monkeypatch.setattr("glassnet.perceptron.observe.gauge.LARGE_GRAPH", 1)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=2e-5, atol=2e-6), measured(), whole)


def test_measuring_a_large_machine_takes_no_copy_of_it():
    """By the plan of the compiled programs, in bytes of a configuration of 2^22 weights and more."""
    machine, patterns = gn.Machine(2, 2048, ensemble="gaussian"), 4
    job = prepared(machine, gn.tasks.random(machine, patterns), 1.0)
    state = job.outline()
    bare = jax.eval_shape(job.system.bare, state)
    data = jax.tree.map(jnp.asarray, (job.system.clamped(job.tasks[0]), job.system.scene(job.tasks[0])))
    for name in (
        "weight_autocorrelation",
        "weight_autocorrelation_squared",
        "pattern_overlap",
        "weight_overlap_squared",
    ):
        of, pair = job.measured[name].of, job.measured[name].on == "pair"
        program = jax.jit(lambda a, b, of=of, pair=pair: of(a, b, (data[0], data[0]) if pair else data[1]))
        temporary = program.lower(bare if pair else state, bare).compile().memory_analysis().temp_size_in_bytes
        assert temporary < 0.1 * state_bytes(machine, patterns), name
