"""Observables without gauge: unchanged by it, 0 for what is unrelated, 1 for what is equal, as in plain float64."""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import THRESHOLD

import glassnet as gn
from glassnet.core import keys
from glassnet.perceptron.observe import gauge, overlaps
from glassnet.perceptron.observe.matching import matched_overlaps_squared
from glassnet.perceptron.observe.table import TABLE, Taught
from glassnet.perceptron.observe.teacher import histogram, squared_overlaps_by_neuron, teacher_overlaps
from glassnet.perceptron.state import Boundary, State, pack, random_state, unpack

PATTERNS = 8
MACHINES = {
    "layers of several widths": gn.Machine(4, 5, inputs=7, outputs=3),
    "on a graph": gn.Machine(3, 6, connectivity=3, ensemble="gaussian"),
    "a graph with uneven columns, one output": gn.Machine(4, 6, inputs=4, outputs=1, connectivity=3, ensemble="ising"),
    "no hidden layer": gn.Machine(1, 4, inputs=5, outputs=2),
}
SQUARED = ("spin_autocorrelation_squared", "weight_autocorrelation_squared", "spin_overlap_squared")


@lru_cache
def boundary_of(machine):
    rng = np.random.default_rng(1)
    sides = [rng.choice([-1, 1], (n, PATTERNS)).astype(np.int8) for n in (machine.widths[0], machine.widths[-1])]
    return Boundary(*map(jnp.asarray, sides))


def measured(machine, a, b):
    """All gauge-invariant and two plain observables of two states, by name, in one program."""
    boundary = boundary_of(machine)
    on_time = {name: TABLE[name].of(machine, a, b, boundary) for name in (*SQUARED[:2], *PLAIN)}
    pair = TABLE["spin_overlap_squared"].of(machine, a, b, (boundary, boundary))
    of_layers = [overlaps.measured_layers(x.spins, boundary) for x in (a, b)]
    return on_time | {"spin_overlap_squared": pair, "histogram": overlaps.squared_overlap_histogram(*of_layers)}


PLAIN = ("spin_autocorrelation", "weight_autocorrelation")
compiled = lru_cache(lambda machine: jax.jit(partial(measured, machine)))


@lru_cache
def two_states(name):
    machine = MACHINES[name]
    draw = jax.jit(partial(random_state, machine))
    return [draw(keys.address(keys.root(3), k), boundary_of(machine)) for k in range(2)]


def spin_reference(S, T):
    M = len(S)
    return [(M * x**2 - 1) / (M - 1) for x in (S.astype(float) * T).mean(0)]


def unit_reference(u, v, signs):
    """Squared overlap of one row or column; None for a single weight."""
    n = np.count_nonzero(u)
    if n < 2:
        return None
    q = (signs * u * v).sum() / np.sqrt((u**2).sum() * (v**2).sum())
    return (n * q**2 - 1) / (n - 1)


def weight_reference(machine, a, b):
    """Layer by layer and unit by unit, weights as matrices."""
    (J, S), (K, T) = (
        ([np.asarray(x, float) for x in part] for part in a),
        ([np.asarray(x, float) for x in part] for part in b),
    )
    L, M = machine.depth, len(S[0])
    odd = M if M % 2 else M - 1
    signs = [np.sign((x[:odd] * y[:odd]).sum(0)) for x, y in zip(S, T, strict=True)]
    signs[0], signs[L] = np.ones(machine.widths[0]), np.ones(machine.widths[L])
    found = []
    for l, (u, v) in enumerate(zip(J, K, strict=True), start=1):
        rows = [unit_reference(x, y, signs[l - 1]) for x, y in zip(u, v, strict=True)]
        columns = [unit_reference(x, y, signs[l]) for x, y in zip(u.T, v.T, strict=True)]
        both = [
            np.mean([x for x in units if x is not None])
            for units in (rows, columns)
            if any(x is not None for x in units)
        ]
        several = len(both) == 2
        found.append(both[0] if l == 1 or not several else both[1] if l == L else np.mean(both))
    return found


@pytest.mark.parametrize("name", MACHINES)
def test_as_in_plain_numpy(name):
    machine, (a, b) = MACHINES[name], two_states(name)
    found = compiled(machine)(a, b)
    (_, S), (_, T) = kept = [unpack(machine, x, boundary_of(machine)) for x in (a, b)]
    by_neuron = [np.array(spin_reference(x, y)) for x, y in zip(S[1:], T[1:], strict=True)]
    for of in ("spin_autocorrelation_squared", "spin_overlap_squared"):
        np.testing.assert_allclose(found[of], [x.mean() for x in by_neuron], atol=1e-6)
    np.testing.assert_allclose(found["weight_autocorrelation_squared"], weight_reference(machine, *kept), atol=1e-5)
    np.testing.assert_allclose(found["histogram"], [histogram(x) for x in by_neuron], atol=1e-6)
    edges = np.array([-np.inf, *np.arange(1, 20) / 20, np.inf])
    by_numpy = [np.histogram(x + 1e-9, edges)[0] / len(x) for x in by_neuron]
    np.testing.assert_allclose(found["histogram"], by_numpy, atol=1e-6)


@pytest.mark.parametrize("name", MACHINES)
def test_equal_configurations_give_one(name):
    machine, (a, _) = MACHINES[name], two_states(name)
    found = compiled(machine)(a, a)
    for of in SQUARED:
        np.testing.assert_allclose(found[of], 1, atol=1e-6)
    np.testing.assert_array_equal(found["histogram"][:, -1], 1)


def turned(machine, weights, spins, layer, neuron):
    """The same state with the gauge of one hidden neuron turned over."""
    J, S = [x.copy() for x in weights], [x.copy() for x in spins]
    S[layer][:, neuron] *= -1
    J[layer - 1][neuron] *= -1
    J[layer][:, neuron] *= -1
    return J, S


@pytest.mark.parametrize("name", list(MACHINES)[:3])
def test_gauge_changes_nothing(name):
    machine, (a, b) = MACHINES[name], two_states(name)
    before = compiled(machine)(a, b)
    weights, spins = unpack(machine, a, boundary_of(machine))
    energy = gn.energy(machine, weights, spins)
    rng = np.random.default_rng(0)
    for layer in range(1, machine.depth):
        for neuron in rng.choice(machine.width, 3, replace=False):
            weights, spins = turned(machine, weights, spins, layer, neuron)
            after = compiled(machine)(pack(machine, weights, spins), b)
            for of in (*SQUARED, "histogram"):
                np.testing.assert_allclose(after[of], before[of], atol=1e-6, err_msg=of)
    np.testing.assert_allclose(gn.energy(machine, weights, spins), energy, rtol=1e-5)
    for of in PLAIN:  # which is why they are measured
        assert (abs(after[of] - before[of]) > 0.01).any()


def check_unrelated(machine, draws=3000):
    """Pairs of independent configurations have 0 on average."""

    def one(key):
        a, b = (random_state(machine, keys.address(key, k), boundary_of(machine)) for k in range(2))
        found = measured(machine, a, b)
        return [found[name] for name in SQUARED]

    found = np.array(jax.jit(jax.vmap(one))(jax.random.split(keys.root(0), draws)), float)
    found[:, :, -1][[0, 2]] = found[:, :, 0][[0, 2]]  # the output is clamped
    z = found.mean(1) / (found.std(1, ddof=1) / np.sqrt(draws))
    assert (abs(z) < THRESHOLD).all(), z


@pytest.mark.parametrize("name", list(MACHINES)[:3])
def test_unrelated_configurations_give_nothing_on_average(name):
    check_unrelated(MACHINES[name])


def test_without_the_correction_they_would_not(monkeypatch):
    machine = MACHINES["layers of several widths"]
    with monkeypatch.context() as patch:
        patch.setattr(overlaps, "unbiased_square", lambda x, size: x**2)
        with pytest.raises(AssertionError):
            check_unrelated(machine)
    units = gauge._units

    def of_long_units(machine, g):
        return tuple(u._replace(sizes=u.sizes * 1000) for u in units(machine, g))

    monkeypatch.setattr(gauge, "_units", of_long_units)
    with pytest.raises(AssertionError):
        check_unrelated(machine)


def test_a_single_pattern_says_nothing_of_neurons():
    S = (jnp.ones((2, 3, 1), jnp.int8),)
    assert np.isnan(overlaps.spin_overlap_squared(S, S)).all()
    assert np.isnan(overlaps.paired_spin_overlap_squared(S, S)).all()
    assert np.isnan(overlaps.squared_overlap_histogram(S, S)).all()


def test_units_of_one_weight_say_nothing():
    machine = gn.Machine(3, 6, connectivity=1, ensemble="gaussian")
    rng = np.random.default_rng(0)
    spins = jnp.asarray(rng.choice([-1, 1], (2, 6, PATTERNS)).astype(np.int8))
    state = State(spins, (jnp.ones((3, 1, 6)),), ())
    assert np.isnan(jax.jit(partial(gauge.weight_overlap_squared, machine))(state, state)).all()


def disguised(spins, rng):
    """The same neurons in another order and with other signs, layer by layer."""
    neurons = spins.shape[1]
    return np.stack([S[rng.permutation(neurons)] * rng.choice([-1, 1], (neurons, 1)) for S in spins]).astype(np.int8)


def test_matched_overlaps_know_no_order_and_no_signs():
    rng = np.random.default_rng(0)
    one = rng.choice([-1, 1], (3, 8, 61)).astype(np.int8)
    noisy = one * np.where(rng.random(one.shape) < 0.1, -1, 1).astype(np.int8)
    spins = np.stack([one, noisy, disguised(one, rng), disguised(noisy, rng)])
    found = matched_overlaps_squared(spins)
    np.testing.assert_allclose(found, found.swapaxes(0, 1))
    np.testing.assert_array_equal(found[..., -1], 1)
    np.testing.assert_allclose(found[0, 2], 1)
    np.testing.assert_allclose(found[1, 3], 1)
    np.testing.assert_allclose(found[0, 3], found[0, 1], atol=1e-6)
    np.testing.assert_allclose(found[2, 1], found[0, 1], atol=1e-6)
    halves = [(one[..., k::2] * noisy[..., k::2]).mean(-1, dtype=float) for k in (0, 1)]
    expected = np.mean([(n * (r**2).mean(1) - 1) / (n - 1) for n, r in zip((31, 30), halves, strict=True)], 0)
    np.testing.assert_allclose(found[0, 1, :-1], expected, atol=1e-6)
    assert expected.min() > 0.4 and expected.max() < 0.9


def check_unmatched(draws=250):
    rng = np.random.default_rng(5)
    found = [
        matched_overlaps_squared(rng.choice([-1, 1], (2, 1, 8, 20)).astype(np.int8))[0, 1, 0] for _ in range(draws)
    ]
    z = np.mean(found) / (np.std(found, ddof=1) / np.sqrt(draws))
    assert abs(z) < THRESHOLD, z


def test_unrelated_neurons_are_matched_to_nothing():
    """Partners chosen on the patterns that are measured on would fake an overlap."""
    check_unmatched()
    assert np.isnan(matched_overlaps_squared(np.ones((2, 1, 4, 3), np.int8))).all()
    rng = np.random.default_rng(5)
    spins = np.repeat(rng.choice([-1, 1], (40, 2, 1, 8, 10)), 2, axis=-1).astype(np.int8)  # both halves are one
    assert np.mean([matched_overlaps_squared(x)[0, 1, 0] for x in spins]) > 0.1


def halves_of(teacher, student):
    return np.asarray(overlaps.neuron_overlaps(jnp.asarray(teacher), jnp.asarray(student)))


def test_teacher_overlaps_by_neuron_are_the_terms_of_the_mean():
    rng = np.random.default_rng(2)
    teacher = rng.choice([-1, 1], (2, 8, 41)).astype(np.int8)
    student = teacher * np.where(rng.random(teacher.shape) < [[[0.0]] * 4 + [[0.5]] * 4], -1, 1).astype(np.int8)
    for match, seen in ((False, student * rng.choice([-1, 1], (2, 8, 1))), (True, disguised(student, rng))):
        halves = halves_of(teacher, seen)
        by_neuron = squared_overlaps_by_neuron(halves, 41, match=match)
        _, squared = teacher_overlaps(halves, 41, match=match)
        np.testing.assert_allclose(by_neuron.mean(1), squared, rtol=1e-6)
        np.testing.assert_allclose(by_neuron[:, :4], 1, atol=1e-6)
        assert (by_neuron[:, 4:] < 0.5).all()
        R, again, bins, neurons = (x[0] for x in Taught(41, match).finish(halves[None]))
        np.testing.assert_array_equal(neurons, np.vstack([by_neuron, np.ones(8)]))
        np.testing.assert_allclose(again, [*squared, 1], rtol=1e-6)
        assert R.shape == (3,) and bins.shape == (3, len(overlaps.SQUARED_OVERLAPS))
        np.testing.assert_allclose(bins.sum(1), 1)
        np.testing.assert_allclose(bins[:2, -1], 0.5)
        assert bins[2, -1] == 1
    assert np.isnan(squared_overlaps_by_neuron(halves, 3, match=True)).all()
    assert np.isnan(histogram(np.array([[0.1, np.nan]]))).all()
