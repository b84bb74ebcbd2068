"""Starts in equilibrium: nothing changes in the mean from sweep 0 on, and what a result says of its start."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref
import tiny

import glassnet as gn
from glassnet.analysis import start_equilibrium
from glassnet.core.schedule import BetaPath
from glassnet.perceptron.system import Perceptron
from glassnet.sampling.kernel import Drive, advance
from glassnet.sampling.plan import CPU, NATIVE
from glassnet.simulator import prepared

SAMPLES, PATTERNS, TIMES = 120, 12, (0, 1, 4, 16)
P = 0.15
NUMBERS = {"weight_step": np.float32(0.7)}


@lru_cache
def program(system):
    """Compiled sweeps of many replicas, each with data of its own."""
    loop = advance(system.kernel(NATIVE if system.native else CPU), refresh=None)

    def run(key, state, boundary, beta, start, stop):
        drive = Drive(BetaPath(jnp.zeros(1), beta[None], "steps"), jnp.int32(0), NUMBERS, boundary)
        return loop(key, state, drive, start, stop)[0]

    return jax.jit(jax.vmap(run, (0, 0, 0, None, None, None)))


def followed(machine, beta, errors):
    """Energy per gap by layer, and squared overlap of two patterns by hidden layer, from planted starts.

    Shape (sample, time, what); every sample has a teacher and data of its own.
    """
    tasks = [gn.tasks.teacher_student(machine, PATTERNS, seed=s, test_patterns=1, **errors) for s in range(SAMPLES)]
    system = Perceptron(machine, "heat_bath")
    starts = [(system.given("planted", task), system.clamped(task)) for task in tasks]
    state, boundary = jax.tree.map(lambda *x: np.stack(x), *starts)
    replica, found = ref.replica_keys(1, SAMPLES), []
    for start, stop in zip((0, *TIMES), TIMES, strict=False):
        times = jnp.int32(start), jnp.int32(stop)
        state = program(system)(replica, state, boundary, jnp.float32(beta), *times) if stop else state
        ends = [np.swapaxes(x, -1, -2) for x in (boundary.inputs, boundary.outputs)]
        layers = [ends[0], *np.moveaxis(np.swapaxes(np.asarray(state.spins), -1, -2), 1, 0), ends[1]]
        energy = ref.layer_energies(machine, ref.matrices(machine, state), layers)
        alike = [(S[:, 0].astype(float) * S[:, 1]).mean(-1) ** 2 for S in layers[1:-1]]
        found.append(np.concatenate([energy / PATTERNS / np.array(machine.widths[1:]), np.stack(alike, 1)], 1))
    return np.stack(found, 1)


def said(machine, beta, errors):
    (words,) = prepared(
        machine, gn.tasks.teacher_student(machine, 3, **errors), beta, start="planted"
    ).start_equilibrium
    return words


def z_of_change(values):
    """|z| of the change since sweep 0, the largest over times and variables."""
    return ref.worst(ref.z_score(values[:, 1:] - values[:, :1], 0))


COUNTING = gn.Machine(2, 10, potential=gn.Counting(0.7))
COLD = np.log(1 / P - 1) / 0.7
STATIONARY = {
    "counting": (COUNTING, COLD, {"noise": P}),
    "probit": (gn.Machine(3, 7, outputs=2, ensemble="gaussian", potential=gn.Probit(0.5)), 1.0, {"beta": 1.0}),
    "logistic": (gn.Machine(2, 9, connectivity=3, ensemble="ising", potential=gn.Logistic(0.3)), 1.0, {"beta": 1.0}),
}


@pytest.mark.parametrize("case", STATIONARY)
def test_nothing_changes_in_equilibrium(case):
    machine, beta, errors = STATIONARY[case]
    values = followed(machine, beta, errors)
    assert said(machine, beta, errors) == "exact"
    assert z_of_change(values) < ref.THRESHOLD
    if case == "counting":
        assert ref.worst(ref.z_score(values[..., : machine.depth], 0.7 * P)) < ref.THRESHOLD


DRIFTING = {
    "no errors": (COUNTING, COLD, {}),
    "another temperature": (COUNTING, 0.7 * COLD, {"noise": P}),
    "a soft core": (gn.Machine(2, 10), 2.0, {"beta": 2.0}),
    "a margin": (gn.Machine(2, 10, potential=gn.Counting(0.7, margin=0.3)), COLD, {"beta": COLD}),
    "probit at another beta": (gn.Machine(2, 10, potential=gn.Probit(0.5)), 2.0, {"beta": 2.0}),
    "fields of zero": (gn.Machine(2, 2, ensemble="ising", potential=gn.Counting(0.7)), COLD, {"noise": P}),
}


SLOW = ("a margin", "probit at another beta")


@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.slow if c in SLOW else ()) for c in DRIFTING])
def test_what_is_no_equilibrium_drifts_and_is_labelled(case):
    machine, beta, errors = DRIFTING[case]
    assert said(machine, beta, errors).startswith("no: ")
    assert z_of_change(followed(machine, beta, errors)) > ref.THRESHOLD


def test_errors_that_the_layers_above_do_not_see_are_no_equilibrium(monkeypatch):
    """Each neuron of a teacher without errors turned over by itself: as many errors, another law."""
    monkeypatch.setattr("glassnet.tasks.synthetic._drawn", flipped_afterwards)
    assert z_of_change(followed(COUNTING, COLD, {"noise": P})) > ref.THRESHOLD


def test_results_say_at_which_temperatures_they_began_in_equilibrium():
    """A soft core with a teacher whose neurons are coins: in equilibrium where nothing has a weight."""
    task = gn.tasks.teacher_student(tiny.MACHINE, tiny.PATTERNS, beta=0)
    ds = tiny.run(task=task, beta=[0.0, 5.0], start="planted")
    words = "no: with a soft core sum_S exp(-beta v(S h)) depends on the field h at beta = 5"
    assert start_equilibrium(ds) == f"beta 0: exact; beta 5: {words}"
    assert [start_equilibrium(ds.isel(temperature=n)) for n in (0, 1)] == ["exact", words]
    assert (ds.teacher_overlap.sel(waiting_time=0, lag=0) == 1).all()  # its errors are part of the start
    assert start_equilibrium(tiny.standard()) == "no: a random start"
    assert start_equilibrium(tiny.standard().assign_attrs({"start_equilibrium": "exact"})) == "exact"
    old = tiny.standard().copy()
    del old.attrs["start_equilibrium"]
    assert start_equilibrium(old).startswith("not known")


def flipped_afterwards(owner, weights, inputs, law, seed):
    told = gn.feed_forward(owner, weights, inputs)
    rng = np.random.default_rng(seed)
    return [told[0], *(np.where(rng.random(S.shape) < law.noise, -S, S) for S in told[1:])]
