"""Further moves: gauge flips, permutations, slice moves of rows, weights with the spins of their neuron summed out."""

import dataclasses
from functools import lru_cache, partial
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref
from scipy.special import logsumexp
from test_joint import single_gap_energy

import glassnet as gn
from glassnet.config import RunConfig
from glassnet.core import keys
from glassnet.native import library
from glassnet.perceptron.ensembles import Gaussian
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, HardCore, Probit, SoftCore
from glassnet.perceptron.state import State
from glassnet.perceptron.sweeps import collapsed, rows, symmetries
from glassnet.perceptron.sweeps.catalogue import build, dynamics_of
from glassnet.perceptron.sweeps.collapsed import collapsed_sweep
from glassnet.perceptron.sweeps.rows import row_slices
from glassnet.perceptron.sweeps.symmetries import gauge_flips, permutations
from glassnet.perceptron.system import Perceptron
from glassnet.sampling.accept import THRESHOLDS
from glassnet.sampling.kernel import Params
from glassnet.sampling.plan import CPU, NATIVE

BETA = 1.6
QUICK = NATIVE if library.available() else CPU
"""Weights and spins by native kernels, which compile at once."""


def params_of(boundary, beta=BETA, step=0.6):
    return Params(jnp.float32(1 / beta if beta else np.inf), {"weight_step": jnp.float32(step)}, boundary)


def assert_cached(machine, batch, boundary, atol=3e-6):
    """The pre-activations of a batch are those of its weights and spins."""
    exact = ref.batch_of(machine, tuple(np.asarray(J) for J in batch.weights), np.asarray(batch.spins), boundary)
    for found, right in zip(batch.fields, exact.fields, strict=True):
        np.testing.assert_allclose(found, right, atol=atol)


@dataclasses.dataclass(frozen=True)
class OneSided(Gaussian):
    """An ensemble that does not say what leaves it as it is."""

    symmetries: ClassVar[tuple[str, ...]] = ()


# All states of a tiny machine


TINY = Machine(2, 2, inputs=2, outputs=1, ensemble="ising", potential=SoftCore(margin=0.2))
PATTERNS = 2
STATES = 2**10


def tiny_boundary():
    return ref.boundary_of(*ref.problem(TINY, PATTERNS, seed=2))


@lru_cache
def every_state():
    """All states of `TINY`. Bit k of the number of a state: weight j of neuron i of layer 1 at 2 j + i, of layer 2 at
    4 + j, then spin of neuron i in pattern mu at 6 + 2 i + mu."""
    signs = (2 * ((np.arange(STATES)[:, None] >> np.arange(10)) & 1) - 1).astype(np.int8)
    weights = signs[:, :4].reshape(-1, 1, 2, 2), signs[:, 4:6].reshape(-1, 1, 2, 1)
    return ref.batch_of(TINY, weights, signs[:, 6:].reshape(-1, 1, 2, PATTERNS), tiny_boundary())


def number_of(batch):
    parts = [np.asarray(x).reshape(len(batch.spins), -1) > 0 for x in (*batch.weights, batch.spins)]
    bits = np.concatenate(parts, axis=1)
    return (bits * (1 << np.arange(bits.shape[1]))).sum(1)


def energies(potential=TINY.potential):
    machine, batch = dataclasses.replace(TINY, potential=potential), every_state()
    return ref.total(machine, ref.matrices(machine, batch), ref.all_layers(batch, tiny_boundary()))


@pytest.mark.parametrize("make", [gauge_flips, permutations])
def test_a_symmetry_is_a_permutation_of_states_of_equal_energy(make):
    """One draw, applied to all states: none is reached twice, and none costs more. So it keeps any function of E."""
    step = jax.jit(jax.vmap(make(TINY), in_axes=(None, 0, None)))
    seen = set()
    for t in range(12):
        moved, _ = step(keys.address(keys.root(3), t), every_state(), params_of(tiny_boundary()))
        number = number_of(moved)
        assert len(set(number)) == STATES
        np.testing.assert_allclose(energies()[number], energies(), atol=1e-12)
        assert_cached(TINY, moved, tiny_boundary(), 0.0)
        seen.add(tuple(number))
    assert len(seen) == (4 if make is gauge_flips else 2)


DEEP = Machine(4, 5, inputs=6, outputs=3, ensemble="gaussian", potential=Probit(0.7))
DILUTED = Machine(4, 6, inputs=7, outputs=4, connectivity=3, potential=SoftCore(margin=0.2))


@pytest.mark.parametrize(("make", "machine"), [(gauge_flips, DEEP), (gauge_flips, DILUTED), (permutations, DEEP)])
def test_symmetries_keep_every_gap(make, machine):
    boundary = ref.boundary_of(*ref.problem(machine, 7, seed=1))
    before = ref.random_states(machine, boundary, 400, seed=3)
    after, info = jax.jit(jax.vmap(make(machine), in_axes=(0, 0, None)))(
        ref.replica_keys(4, 400), before, params_of(boundary)
    )
    assert not info
    old, new = (
        ref.layer_energies(machine, ref.matrices(machine, s), ref.all_layers(s, boundary)) for s in (before, after)
    )
    np.testing.assert_allclose(new, old, rtol=1e-6)
    assert_cached(machine, after, boundary)
    S, T = (np.asarray(s.spins, float) for s in (before, after))
    if make is gauge_flips:
        sign = (S * T).mean(-1)
        assert set(np.unique(sign)) == {-1.0, 1.0}
        assert ref.worst(ref.z_score(sign, 0)) < ref.THRESHOLD
        assert ref.worst(ref.z_score(sign[..., 1:] * sign[..., :-1], 0)) < ref.THRESHOLD
        assert ref.worst(ref.z_score(sign[:, 1:] * sign[:, :-1], 0)) < ref.THRESHOLD
    else:
        np.testing.assert_array_equal(np.sort(S.mean(-1)), np.sort(T.mean(-1)))


def test_a_gauge_flip_that_forgets_one_side_is_seen(monkeypatch):
    forgotten = lambda *args: tuple(jnp.ones_like(x) for x in FEEDING(*args))  # noqa: E731
    monkeypatch.setattr(symmetries, "feeding_spins", forgotten)
    with pytest.raises(AssertionError):
        test_a_symmetry_is_a_permutation_of_states_of_equal_energy(gauge_flips)


FEEDING = symmetries.feeding_spins


def test_all_orders_of_three_neurons_are_equally_likely():
    machine = Machine(2, 3, ensemble="ising")
    boundary = ref.boundary_of(*ref.problem(machine, 2))
    spins = np.array([[[1, 1], [1, -1], [-1, 1]]], np.int8)
    weights = tuple(J[0] for J in ref.random_states(machine, boundary, 1).weights)
    state = ref.state_at(ref.batch_of(machine, tuple(J[None] for J in weights), spins[None], boundary), 0)
    step = jax.jit(jax.vmap(permutations(machine), in_axes=(0, None, None)))
    after, _ = step(ref.replica_keys(6, 3000), state, params_of(boundary))
    words = np.asarray(after.spins)[:, 0].reshape(3000, -1) @ (1 << np.arange(6))
    _, counts = np.unique(words, return_counts=True)
    assert len(counts) == 6
    assert ref.z_of_counts(counts, np.full(6, 1 / 6)) < ref.THRESHOLD


# Collapsed moves of Ising weights as a matrix


def free_energy(energy, i, beta):
    """-ln z of each state of `TINY`, the spins of neuron i summed out; and the probabilities of its spins there."""
    own = 3 << (6 + 2 * i)
    group = np.arange(STATES) & ~own
    weight = np.exp(-beta * energy) if np.isfinite(beta) else np.isfinite(energy).astype(float)
    z = np.bincount(group, weight, STATES)[group]
    return z, np.divide(weight, z, out=np.zeros_like(weight), where=z > 0), group


def collapsed_once(p, energy, beta):
    """Distribution after one collapsed sweep of `TINY` from p."""
    for i in range(2):
        z, spins, group = free_energy(energy, i, beta)
        for j in range(2):
            flipped = np.arange(STATES) ^ (1 << (2 * j + i))
            accept = np.divide(z[flipped], z + z[flipped], out=np.zeros_like(z), where=z + z[flipped] > 0)
            p = p * (1 - accept) + (p * accept)[flipped]
        p = np.bincount(group, p, STATES)[group] * spins
    return p


@pytest.mark.parametrize("beta", [0.0, BETA, 20.0])
def test_a_collapsed_sweep_keeps_the_boltzmann_distribution(beta):
    pi = ref.boltzmann(energies(), beta)
    assert abs(collapsed_once(pi, energies(), beta) - pi).max() < 1e-12
    assert abs(collapsed_once(np.roll(pi, 1), energies(), beta) - np.roll(pi, 1)).max() > 1e-4 or beta == 0


def test_a_collapsed_sweep_keeps_ground_states_of_a_hard_core_equally_likely():
    energy = energies(HardCore())
    pi = np.isfinite(energy) / np.isfinite(energy).sum()
    assert 10 < np.isfinite(energy).sum() < STATES / 4
    assert abs(collapsed_once(pi, energy, np.inf) - pi).max() < 1e-12


@partial(jax.jit, static_argnums=0)
def drawn(machine, key, J, field, params):
    """Slots (step, rank), changes (step, rank, neuron) and thresholds, in units of T, of one pass over a layer."""
    proposal = machine.prior.proposal
    order, _ = proposal.order(key, len(J))
    change = proposal.change(key, proposal.arranged(J, order)[0], params)
    rule = THRESHOLDS["heat_bath" if proposal.heat_bath else "metropolis"]
    limits = rule(keys.address(key, 1), change[:, 0].shape, jnp.float32(1))
    coins = THRESHOLDS["heat_bath"](keys.address(key, 3), field.shape, jnp.float32(1))
    return proposal.arranged(jnp.arange(len(J)), order)[0], change, limits, coins


def both_energies(machine, weights, layers, l, i):
    """Energies of each pattern with the spin of neuron i of layer l as it is and turned over, (pattern)."""
    turned = [S.copy() for S in layers]
    turned[l][:, i] *= -1
    one = lambda S: np.array([ref.total(machine, weights, [x[mu : mu + 1] for x in S]) for mu in range(len(S[0]))])  # noqa: E731
    return one(layers), one(turned)


def replay(machine, key, weights, layers, params):
    """A collapsed sweep in float64 with the same random numbers; energies are computed in full. And what it accepts."""
    temperature = float(params.temperature)
    if ref.is_hard(machine):
        machine, temperature = dataclasses.replace(machine, potential=Counting(margin=machine.potential.margin)), 0.0
    weights, layers = [J.copy() for J in weights], [S.copy() for S in layers]
    accepted = np.zeros(machine.depth - 1, int)

    def summed(l, i):
        energy = np.round(both_energies(machine, weights, layers, l, i), 9)
        low, gap = energy.min(0).sum(), abs(energy[0] - energy[1])
        with np.errstate(divide="ignore", invalid="ignore"):
            more = np.log1p(np.exp(-np.where(gap > 0, gap / temperature, 0.0))).sum()
        return low, more, energy

    for l in [*range(1, machine.depth, 2), *range(2, machine.depth, 2)]:
        J, sources = weights[l - 1], machine.sources(l)
        for number in range(machine.prior.proposal.passes):
            slots_of_rows = np.take_along_axis(J, sources, axis=1).T
            pass_key = keys.address(keys.address(key, l), number)
            found = drawn(machine, pass_key, jnp.asarray(slots_of_rows, jnp.float32), jnp.asarray(layers[l].T), params)
            slots, change, limits, coins = (np.asarray(x, float if n else int) for n, x in enumerate(found))
            for i in range(machine.width):
                for step in range(len(slots)):
                    low, more, _ = summed(l, i)
                    old = J[i].copy()
                    J[i, sources[i, slots[step]]] += change[step, :, i]
                    new_low, new_more, _ = summed(l, i)
                    x = limits[step, i] + new_more - more
                    yes = new_low - low <= temperature * x if temperature else (new_low - low, -x) <= (0, 0)
                    J[i] = J[i] if yes else old
                    accepted[l - 1] += yes
                stay, flip = summed(l, i)[2]
                flips = flip - stay <= max(temperature, 1e-30) * coins[i]
                layers[l][flips, i] *= -1
    return weights, layers, accepted


FIVE = {"depth": 5, "width": 4}
REPLAYED = {
    "even, spherical": Machine(**FIVE, potential=SoftCore(margin=0.2)),
    "diluted, gaussian": dataclasses.replace(DILUTED, ensemble="gaussian"),
    "ragged, ising": Machine(3, 3, inputs=4, outputs=2, ensemble="ising", potential=Counting(0.5)),
    "hard core, ising": Machine(3, 3, inputs=4, outputs=2, ensemble="ising", potential=HardCore(-0.6)),
}


def some_slow(cases, *slow):
    return [pytest.param(case, marks=pytest.mark.slow if case in slow else ()) for case in cases]


@pytest.mark.parametrize("case", some_slow(REPLAYED, "ragged, ising"))
def test_every_decision_of_a_collapsed_sweep(case):
    machine = REPLAYED[case]
    boundary = ref.boundary_of(*ref.problem(machine, 5))
    params = params_of(boundary, 2.5)
    step = jax.jit(collapsed_sweep(machine, CPU))
    state, moves, flips = ref.state_at(ref.random_states(machine, boundary, 1, seed=5), 0), 0, 0
    for t in range(3):
        key = keys.address(keys.root(7), t)
        J, S = ref.matrices(machine, state), ref.all_layers(state, boundary)
        state, info = step(key, state, params)
        weights, layers, accepted = replay(machine, key, J, S, params)
        for new, right in zip(ref.matrices(machine, state), weights, strict=True):
            np.testing.assert_allclose(new, right, atol=5e-6)
        for new, right in zip(ref.all_layers(state, boundary), layers, strict=True):
            np.testing.assert_array_equal(new, right)
        np.testing.assert_array_equal(info["accepted_collapsed"], accepted)
        moves += (
            accepted.sum() / sum(n * c for n, c in zip(machine.widths[1:-1], machine.connections, strict=False)) / 3
        )
        flips += np.mean([np.mean(a != b) for a, b in zip(S[1:-1], layers[1:-1], strict=True)]) / 3
    assert 0.02 < moves < 0.98
    assert 0.02 < flips < 0.98
    assert_cached(machine, jax.tree.map(lambda x: x[None], state), boundary)


# Collapsed moves: continuous weights, and what must be seen if it is broken


PAIR = Machine(2, 2, inputs=2, outputs=1, potential=SoftCore(margin=0.1))
"""Two hidden neurons with two spherical weights each, which are angles; the weights of the output rest."""
ABOVE = np.array([0.6, 1.0]) / np.sqrt(0.68)
"""The output's weights."""


@lru_cache
def exact_pair(patterns):
    """Means over weights and spins of the observables of `collapsed_pair`, by quadrature over both angles."""
    inputs, outputs = ref.problem(PAIR, patterns, seed=6)
    angle = np.arange(240) * 2 * np.pi / 240
    h = inputs @ np.stack([np.cos(angle), np.sin(angle)])  # (pattern, angle): sqrt 2 of J and of c cancel
    own = {s: ref.cost(PAIR.potential, s * h - 0.1) for s in (1, -1)}
    logs, energy, agree = 0.0, 0.0, []
    for mu in range(patterns):
        terms, spins = [], [(s, t) for s in (1, -1) for t in (1, -1)]
        for s, t in spins:
            up = ref.cost(PAIR.potential, outputs[mu, 0] * (ABOVE @ [s, t]) / np.sqrt(2) - 0.1)
            terms.append(own[s][mu][:, None] + own[t][mu][None] + up)
        terms = np.array(terms)
        log = logsumexp(-BETA * terms, axis=0)
        p = np.exp(-BETA * terms - log)
        logs, energy = logs + log, energy + (p * terms).sum(0)
        agree.append(np.tensordot([s * t for s, t in spins], p, 1))
    weight = np.exp(logs - logs.max())
    first = np.broadcast_to(np.sin(2 * angle)[:, None], weight.shape)  # J_1 J_2 of the first neuron
    both = first * np.sin(2 * angle)[None]
    values = [energy, first, both, *agree]
    return np.array([(x * weight).sum() / weight.sum() for x in values])


def collapsed_z():
    """|z| of energy, products of weights and agreement of spins after collapsed moves alone, as they stand."""
    patterns, replicas = 3, 3000
    boundary = ref.boundary_of(*ref.problem(PAIR, patterns, seed=6))
    start = ref.random_states(PAIR, boundary, replicas, seed=2)
    weights = np.asarray(start.weights[0]), np.broadcast_to(ABOVE[:, None], (replicas, 1, 2, 1))
    start = ref.batch_of(PAIR, weights, np.asarray(start.spins), boundary)
    run = ref.ensemble(PAIR, collapsed_sweep(PAIR, CPU), boundary, weight_step=1.0)
    batch, values = start, 0.0
    for t in range(6):
        batch, _ = run(ref.replica_keys(9, replicas), batch, jnp.full(replicas, BETA), 4 * t, 4 * t + 4)
        if t > 1:
            J, S = ref.matrices(PAIR, batch), ref.all_layers(batch, boundary)
            product = J[0][..., 0] * J[0][..., 1]
            columns = [ref.total(PAIR, J, S), product[:, 0], product[:, 0] * product[:, 1]]
            values = values + np.column_stack([*columns, *(S[1][..., 0] * S[1][..., 1]).T]) / 4
    assert (values.std(0) > 0.05).all()
    return ref.worst(ref.z_score(values, exact_pair(patterns)))


def without_entropy(stay, flip, temperature):
    return jnp.minimum(stay, flip).sum(), jnp.float32(0)


def with_stale_fields(potential, temperature, sign, fed_by, above, own):
    return above, TURN(potential, temperature, sign, fed_by, above, own)[1]


TURN = collapsed._turn
MUTANTS = {
    "log-weight missing": ("summed", without_entropy),
    "upward energy missing": ("rise", lambda potential, sign, before, after: jnp.zeros(before.shape[1])),
    "upward energy stale": ("_turn", with_stale_fields),
}


def test_collapsed_moves_against_quadrature():
    assert collapsed_z() < ref.THRESHOLD


@pytest.mark.parametrize("mutant", some_slow(MUTANTS, "upward energy missing"))
def test_broken_collapsed_moves_are_seen(mutant, monkeypatch, record_property):
    monkeypatch.setattr(collapsed, *MUTANTS[mutant])
    z = collapsed_z()
    record_property("z", float(z))
    assert z > 2 * ref.THRESHOLD


# A hard core


FROZEN = Machine(2, 3, outputs=1, ensemble="ising", potential=HardCore())
"""Three inputs: no pre-activation is zero."""


def ground_states(boundary):
    """Numbers of all states of `FROZEN` without violated gaps, as of `number_of`, and the states."""
    signs = (2 * ((np.arange(2**18)[:, None] >> np.arange(18)) & 1) - 1).astype(np.int8)
    weights = signs[:, :9].reshape(-1, 1, 3, 3), signs[:, 9:12].reshape(-1, 1, 3, 1)
    whole = State(signs[:, 12:].reshape(-1, 1, 3, 2), weights, ())
    allowed = ref.total(FROZEN, ref.matrices(FROZEN, whole), ref.all_layers(whole, boundary)) == 0
    return np.flatnonzero(allowed), jax.tree.map(lambda x: x[allowed], whole)


def test_a_hard_core_is_frozen_but_for_collapsed_moves():
    boundary = ref.boundary_of(*ref.problem(FROZEN, 2, seed=5))
    numbers, states = ground_states(boundary)
    replicas = 8000
    start = ref.batch_of(FROZEN, *(jax.tree.map(lambda x: x[:1], x) for x in (states.weights, states.spins)), boundary)
    start = jax.tree.map(lambda x: jnp.repeat(x, replicas, 0), start)
    seen = {}
    for dynamics in ("heat_bath", "heat_bath+collapsed"):
        run = ref.ensemble(FROZEN, build(dynamics, FROZEN, QUICK), boundary)
        seen[dynamics], _ = run(ref.replica_keys(12, replicas), start, jnp.full(replicas, jnp.inf), 0, 60)
    np.testing.assert_array_equal(seen["heat_bath"].spins, start.spins)
    visits = np.bincount(number_of(seen["heat_bath+collapsed"]), minlength=2**18)
    assert visits[numbers].sum() == replicas
    assert (visits[numbers] > 0).mean() > 0.99
    assert ref.z_of_counts(visits[numbers], np.full(len(numbers), 1 / len(numbers))) < ref.THRESHOLD


# Rows


ROWS = {
    "gaussian": Machine(1, 3, outputs=1, ensemble="gaussian", potential=SoftCore(margin=0.3)),
    "spherical": Machine(1, 3, outputs=1, potential=Counting(0.6, margin=0.3)),
    "diluted": Machine(1, 5, outputs=1, connectivity=2, potential=Probit(0.6)),
}


@lru_cache
def exact_row(case):
    """Means of the energy, its square, and J_1 J_2 at BETA by quadrature."""
    machine = ROWS[case]
    c = machine.connections[0]
    inputs, outputs = ref.problem(machine, 4, seed=8)
    if case == "gaussian":
        x = np.linspace(-5.5, 5.5, 67)
        J = np.stack(np.meshgrid(x, x, x, indexing="ij"), -1).reshape(-1, 3)
        prior = np.exp(-(J**2).sum(1) / 2)
    else:
        angle = (np.arange(720) + 0.5) * np.pi / 360
        z = (np.arange(721) + 0.5) / 360.5 - 1 if c == 3 else np.zeros(1)
        angle, z = np.meshgrid(angle, z)
        rho = np.sqrt(1 - z**2)
        J = np.sqrt(c) * np.stack([rho * np.cos(angle), rho * np.sin(angle), z], -1).reshape(-1, 3)[:, :c]
        prior = np.ones(len(J))
    field = inputs[:, machine.sources(1)[0]].astype(float) @ J.T / np.sqrt(c)
    energy = ref.cost(machine.potential, outputs * field - machine.potential.margin).sum(0)
    weight = prior * np.exp(-BETA * energy)
    return np.stack([energy, energy**2, J[:, 0] * J[:, 1]]) @ weight / weight.sum()


def row_z(case):
    """|z| of the slice moves as they stand, alone."""
    machine, replicas = ROWS[case], 3000
    boundary = ref.boundary_of(*ref.problem(machine, 4, seed=8))
    run = ref.ensemble(machine, row_slices(machine), boundary)
    batch, values = ref.random_states(machine, boundary, replicas), 0.0
    for t in range(8):
        batch, info = run(ref.replica_keys(22, replicas), batch, jnp.full(replicas, BETA), 3 * t, 3 * t + 3)
        if t > 1:
            J = np.asarray(batch.weights[0], float)[:, 0, :, 0]
            energy = ref.total(machine, ref.matrices(machine, batch), ref.all_layers(batch, boundary))
            values = values + np.stack([energy, energy**2, J[:, 0] * J[:, 1]], 1) / 6
    assert_cached(machine, batch, boundary)
    if machine.ensemble == "spherical":
        np.testing.assert_allclose((J**2).sum(1), machine.connections[0], rtol=1e-5)
    return ref.worst(ref.z_score(values, exact_row(case))), np.asarray(info["accepted_rows"])


@pytest.mark.parametrize("case", some_slow(ROWS, "diluted"))
def test_slice_moves_against_quadrature(case):
    z, moved = row_z(case)
    assert z < ref.THRESHOLD
    assert (moved == 3).all()  # a slice move moves


@pytest.mark.parametrize("most", some_slow([1, 2], 2))
def test_slice_moves_that_give_up_early_are_exact(most, monkeypatch):
    monkeypatch.setattr(rows, "MOST", most)
    z, moved = row_z("gaussian")
    assert z < ref.THRESHOLD
    assert (moved < 3).any()


@pytest.mark.parametrize("mutant", some_slow(["beta missing", "no level", "another curve"], "no level"))
def test_broken_slice_moves_are_seen(mutant, monkeypatch, record_property):
    if mutant == "beta missing":
        monkeypatch.setattr(rows, "metropolis", lambda key, shape, temperature: keys.exponential(key, shape))
    elif mutant == "no level":  # every point is taken
        monkeypatch.setattr(rows, "metropolis", lambda key, shape, temperature: jnp.full(shape, jnp.inf))
    else:  # V of another variance than J
        real = type(ROWS["gaussian"].prior).direction
        monkeypatch.setattr(type(ROWS["gaussian"].prior), "direction", lambda self, key, J: 1.3 * real(self, key, J))
    z, _ = row_z("gaussian")
    record_property("z", float(z))
    assert z > 2 * ref.THRESHOLD


def test_cold_rows_never_climb_and_unknown_temperatures_move_nothing():
    machine = Machine(2, 4, potential=HardCore())
    boundary = ref.boundary_of(*ref.problem(machine, 6, seed=3))
    batch = ref.random_states(machine, boundary, 40)
    step = jax.jit(jax.vmap(row_slices(machine), in_axes=(0, 0, None)))
    counting = dataclasses.replace(machine, potential=Counting())
    count = lambda s: ref.layer_energies(counting, ref.matrices(machine, s), ref.all_layers(s, boundary))  # noqa: E731
    for t in range(5):
        new, info = step(ref.replica_keys(t, 40), batch, params_of(boundary, 3.0))
        assert (count(new) <= count(batch)).all()
        batch = new
    soft = dataclasses.replace(machine, potential=SoftCore())
    step = jax.jit(jax.vmap(row_slices(soft), in_axes=(0, 0, None)))
    new, info = step(ref.replica_keys(5, 40), batch, params_of(boundary, np.nan))
    np.testing.assert_array_equal(new.weights[0], batch.weights[0])
    assert not np.asarray(info["accepted_rows"]).any()


# All of them, beside the sweeps


ALL = "heat_bath+gauge+permute+rows+collapsed"
RAGGED = Machine(3, 4, inputs=5, outputs=3, ensemble="gaussian", potential=SoftCore(margin=0.1))


@pytest.mark.slow
def test_all_moves_together_against_gaps_of_a_single_pattern():
    """With one pattern the weights can be integrated for any spins: all gaps are independent."""
    boundary, betas, replicas = ref.boundary_of(*ref.problem(RAGGED, 1, seed=7)), (0.5, 4.0), 800
    run = ref.ensemble(RAGGED, build(ALL, RAGGED, QUICK), boundary, weight_step=0.7)
    beta, energy = jnp.repeat(jnp.array(betas), replicas), 0.0
    batch = ref.random_states(RAGGED, boundary, 2 * replicas)
    for t in range(8):
        batch, info = run(ref.replica_keys(17, 2 * replicas), batch, beta, 3 * t, 3 * t + 3)
        if t > 2:
            layers = ref.layer_energies(RAGGED, ref.matrices(RAGGED, batch), ref.all_layers(batch, boundary))
            energy = energy + layers / np.array(RAGGED.widths[1:]) / 5
    assert_cached(RAGGED, batch, boundary)
    for b, values in enumerate(energy.reshape(2, replicas, -1)):
        exact = single_gap_energy("gaussian", RAGGED.potential, 4, betas[b])
        assert ref.worst(ref.z_score(values, exact)) < ref.THRESHOLD, (betas[b], values.mean(0), exact)
    offered = dynamics_of(ALL).moves(RAGGED, 1)
    assert set(info) == set(offered)
    for name, count in info.items():
        assert (np.asarray(count) <= 3 * offered[name][: count.shape[1]]).all(), name


def test_the_sweeps_beside_them_are_as_without():
    """The first sweep makes the same moves of weights and spins: gauge flips keep its gaps."""
    boundary = ref.boundary_of(*ref.problem(DILUTED, 5, seed=1))
    start = jax.tree.map(lambda x: x[0], ref.random_states(DILUTED, boundary, 1))
    alone, (beside, info) = (
        jax.jit(build(dynamics, DILUTED, QUICK).step)(keys.root(2), start, params_of(boundary))
        for dynamics in ("metropolis", "metropolis+gauge")
    )
    assert not np.array_equal(alone[0].spins, beside.spins)
    assert set(info) == set(alone[1]) == {"accepted_weights", "accepted_spins"}
    for a, b in zip(alone[0].fields, beside.fields, strict=True):
        np.testing.assert_array_equal(abs(a), abs(b))


def config(**changes):
    task = gn.config.RandomTask(patterns=4)
    return RunConfig(**({"machine": Machine(3, 4), "task": task} | changes))


def test_further_moves_are_words_of_a_configuration():
    one = config(dynamics="heat_bath+gauge+rows")
    assert RunConfig.from_json(one.to_json()) == one
    assert one.config_hash != config(dynamics="heat_bath").config_hash
    system = one.job().system
    assert system.native == Perceptron(system.machine, "heat_bath").native
    assert Perceptron.from_config(system.config({"weight_step": 0.1}))[0] == system


@pytest.mark.parametrize(("dynamics", "machine", "words"), [
    ("heat_bath+gauge+gauge", {}, "be one of 'metropolis', .* with any of \\+gauge, .* each once, but is 'heat_"),
    ("feedforward+gauge", {}, "the first two also with any of"),
    ("metropolis+slices", {}, "but is 'metropolis\\+slices'"),
    ("heat_bath+", {}, "but is 'heat_bath\\+'"),
    ("heat_bath+permute", {"connectivity": 2}, "leave out 'permute' on a graph"),
    ("heat_bath+rows", {"ensemble": "ising"}, "leave out 'rows' for weights that have no `direction`"),
    ("heat_bath+collapsed", {"depth": 1}, "leave out 'collapsed' where there are no hidden neurons"),
    ("heat_bath+gauge", {"depth": 1}, "leave out 'gauge' where there are no hidden neurons"),
    ("heat_bath+gauge", {"ensemble": OneSided()}, "an ensemble without 'gauge' among its `symmetries`"),
])  # fmt: skip
def test_moves_that_have_no_place_are_refused(dynamics, machine, words):
    machine = Machine(**({"depth": 3, "width": 4} | machine))
    with pytest.raises(ValueError, match=f"Argument `dynamics` must .*{words}"):
        Perceptron(machine, dynamics)
    with pytest.raises(ValueError, match=words):
        config(machine=machine, dynamics=dynamics)
