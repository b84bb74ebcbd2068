"""Which starts are said to be in equilibrium, and the sums over both signs that decide it."""

import re
from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
import pytest

import glassnet as gn
from glassnet.perceptron.law import fields_of, log_z, wrong
from glassnet.perceptron.sweeps.energy import kernel
from glassnet.perceptron.sweeps.spins import spin_sweep
from glassnet.simulator import prepared
from glassnet.tasks import Task, hidden_manifold, teacher_student

COUNTING, PROBIT, SOFT = gn.Counting(0.5), gn.Probit(0.8), gn.SoftCore()
P = 0.1
BETA = 2 * np.log(9)
"""Where a neuron of a counting machine of strength 0.5 is wrong with probability P."""


@dataclass(frozen=True)
class Blunt:
    """At beta = 1 a neuron is wrong with probability 0.3 where its field is small and 0.1 elsewhere."""

    margin: float = 0.0

    def probability(self, gap, xp):
        return xp.where(xp.abs(gap) < 1, xp.where(gap > 0, 0.7, 0.3), xp.where(gap > 0, 0.9, 0.1))

    def cost(self, gap):
        return -jnp.log(self.probability(gap, jnp)).astype(gap.dtype)

    def energy(self, gap):
        return -np.log(self.probability(np.asarray(gap, float), np))


def said(potential, errors=None, beta=BETA, start="planted", dynamics="metropolis", build=teacher_student, **shape):
    machine = gn.Machine(**({"depth": 3, "width": 5, "potential": potential} | shape))
    options = {"dimension": 2} if build is hidden_manifold else {}
    task = build(machine, 4, **(errors or {}), **options)
    labels = prepared(machine, task, beta, start=start, dynamics=dynamics).start_equilibrium
    return labels[0] if len(labels) == 1 else labels


def own_moves(machine, plan):
    return kernel(machine, spin_sweep(machine, plan))


HARD = gn.HardCore()
FORWARD = {"dynamics": "feedforward"}
LABELS = {
    "hard core": (said, (HARD, {}, 3.0), "exact"),
    "diluted, gaussian": (lambda: said(COUNTING, {"noise": P}, connectivity=2, ensemble="gaussian"), (), "exact"),
    "hidden manifold": (lambda: said(COUNTING, {"noise": P}, build=hidden_manifold), (), "exact"),
    "counting by beta": (said, (COUNTING, {"beta": BETA}), "exact"),
    "rounded to six digits": (said, (COUNTING, {"noise": P}, float(f"{BETA:.6g}")), "exact"),
    "probit": (said, (PROBIT, {"beta": 1}, 1.0), "exact"),
    "logistic": (said, (gn.Logistic(0.3), {"beta": 1}, 1.0), "exact"),
    "one's own potential": (said, (Blunt(), {"beta": 1}, 1.0), "exact"),
    "zero temperature": (said, (COUNTING, {}, np.inf), "exact"),
    "soft core at zero temperature": (said, (SOFT, {}, np.inf), "exact"),
    "infinite temperature": (said, (SOFT, {"beta": 0}, 0.0), "exact"),
    "random at infinite temperature": (said, (SOFT, {}, 0.0, "random"), "exact"),
    "ising, odd": (lambda: said(COUNTING, {"noise": P}, ensemble="ising"), (), "exact"),
    "fed forward": (lambda: said(HARD, **FORWARD), (), "exact"),
    "one layer fed forward": (lambda: said(COUNTING, {"noise": P}, depth=1, **FORWARD), (), "exact"),
    "random": (said, (COUNTING, {"noise": P}, BETA, "random"), "no: a random start"),
    "soft core": (said, (SOFT, {"beta": BETA}), r"no: with a soft core sum_S .* depends on the field h at beta = 4.39"),
    "margin": (said, (gn.Counting(0.5, 0.2), {"beta": BETA}), r"no: with a margin of 0.2 sum_S"),
    "hard core with a hole": (said, (gn.HardCore(-0.2), {}), r"no: with a margin of -0.2 sum_S"),
    "probit at another beta": (said, (PROBIT, {"beta": 2}, 2.0), "no: with Probit sum_S .* at beta = 2"),
    "one's own at another beta": (said, (Blunt(), {"beta": 2}, 2.0), "no: with Blunt sum_S"),
    "probit at zero temperature": (said, (PROBIT, {}, np.inf), "no: with Probit every sign of every neuron costs"),
    "teacher without errors": (said, (COUNTING, {}), "no: the teacher never errs, .*, not at beta = 4.39"),
    "another temperature": (said, (COUNTING, {"noise": P}, 2.0), "no: .* at beta = 4.3944492, not at 2"),
    "another beta": (said, (PROBIT, {"beta": 2}, 1.0), "no: .* as in equilibrium at beta = 2, not at 1"),
    "noise for a probit": (said, (PROBIT, {"noise": P}, 1.0), "no: .* wrong with probability 0.1, not at"),
    "ising, even": (lambda: said(COUNTING, {"noise": P}, ensemble="ising", width=6), (), "no: fields of ising weights"),
    "ising, even, hard": (lambda: said(HARD, ensemble="ising", outputs=2, connectivity=2), (), "no: fields of ising"),
    "fed forward with errors": (lambda: said(COUNTING, {"noise": P}, **FORWARD), (), "no: hidden neurons"),
    "changing beta": (said, (COUNTING, {"noise": P}, gn.Schedule.linear(1, BETA, 9)), "no: the temperature changes"),
    "own moves": (said, (COUNTING, {"noise": P}, BETA, "planted", own_moves), "not known: .*own_moves"),
}  # fmt: skip


@pytest.mark.parametrize("case", LABELS)
def test_starts_are_told_apart(case):
    call, arguments, words = LABELS[case]
    found = call(*arguments)
    assert (found == "exact") == (words == "exact")
    assert re.match(words, found), found


def test_an_even_layer_below_the_outputs_does_not_matter_to_neurons_that_follow():
    """Hidden neurons of student and teacher take the same sign at a field of zero; at the outputs both are possible."""
    assert said(HARD, ensemble="ising", inputs=4, **FORWARD) == "exact"
    assert said(HARD, ensemble="ising", inputs=4).startswith("no: fields of ising")


def test_a_teacher_with_another_potential():
    machine = gn.Machine(3, 5, potential=COUNTING)
    other = replace(machine, potential=gn.Counting(1.0))
    assert said(COUNTING, {"teacher": other, "beta": BETA / 2}) == "exact"
    words = said(PROBIT, {"teacher": machine, "beta": BETA}, 1.0)
    assert (
        words == f"no: the teacher's neurons are drawn at beta = 4.3944492 of {COUNTING}, not at beta = 1 of {PROBIT}"
    )


def test_tasks_that_do_not_say_how_their_teacher_was_drawn():
    machine = gn.Machine(3, 5, potential=COUNTING)
    known = teacher_student(machine, 4, noise=P)
    given = teacher_student(machine, 4, noise=P, teacher=known.teacher.weights)
    unknown = Task("own", known.inputs, known.outputs, known.test_inputs, known.test_outputs, {}, known.teacher)
    for tasks, words in (
        ([known, given], "no: the teacher's weights were given, not drawn from their prior"),
        ([known, unknown], "not known: the task does not say how its teacher was drawn"),
    ):
        protocol = gn.Protocol(samples=2)
        assert prepared(machine, tasks, BETA, start="planted", protocol=protocol).start_equilibrium == (words,)
    start = known.teacher.weights, known.teacher.spins
    assert prepared(machine, known, BETA, start=start).start_equilibrium == ("not known: the start was given",)


def test_each_temperature_is_judged():
    exact, other = said(COUNTING, {"noise": P}, [BETA, 2.0])
    assert exact == "exact" and other.startswith("no: ")


# The sums


def test_sums_over_both_signs():
    h = np.linspace(0.1, 5, 40)
    for potential, beta, right in (
        (COUNTING, 3.0, 1 + np.exp(-1.5)), (HARD, 1.0, 1), (PROBIT, 1.0, 1), (SOFT, np.inf, 1), (SOFT, 0.0, 2),
    ):  # fmt: skip
        np.testing.assert_allclose(np.exp(log_z(potential, beta, h)), right, rtol=1e-12)
    assert np.ptp(log_z(SOFT, 1.0, h)) > 0.1
    assert np.isneginf(log_z(gn.HardCore(1.0), 1.0, np.array([0.5])))[0]


def test_probabilities_of_the_wrong_sign():
    h = np.array([-2.0, -0.3, 0.0, 0.3, 2.0])
    np.testing.assert_allclose(wrong(COUNTING, BETA, h), [P, P, 0.5, P, P])
    np.testing.assert_array_equal(wrong(HARD, 0.1, h), [0, 0, 0.5, 0, 0])
    np.testing.assert_array_equal(wrong(gn.HardCore(-0.5), 1.0, h), [0, 0.5, 0.5, 0.5, 0])
    assert np.isnan(wrong(gn.HardCore(0.5), 1.0, h)).tolist() == [False, True, True, True, False]
    np.testing.assert_array_equal(wrong(SOFT, np.inf, h), [0, 0, 0.5, 0, 0])


def test_fields_that_occur():
    ising = gn.Machine(2, 4, inputs=3, ensemble="ising")
    np.testing.assert_allclose(fields_of(ising, 3), np.array([1, 3]) / np.sqrt(3))
    np.testing.assert_allclose(fields_of(ising, 4), [0, 1, 2])
    real = fields_of(gn.Machine(2, 4), 4)
    assert 0 < real[0] < 0.01 and real[-1] >= 8
