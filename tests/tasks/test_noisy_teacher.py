"""Teachers that err: the law of their neurons, layer by layer and together with the weights."""

import itertools
from dataclasses import dataclass
from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref

import glassnet as gn
from glassnet.perceptron.law import Law
from glassnet.perceptron.reference import feed_forward
from glassnet.tasks import Task, hidden_manifold, teacher_student

MACHINE = gn.Machine(3, 20, potential=gn.Counting(0.7))
P = 0.1
BETA = np.log(1 / P - 1) / 0.7
"""Where a counting student errs with probability P."""


manifold = partial(hidden_manifold, dimension=4)
BUILDERS = pytest.mark.parametrize("build", [teacher_student, manifold], ids=["teacher_student", "hidden_manifold"])


def same_data(a: Task, b: Task) -> bool:
    return a.digest == b.digest and a.parameters == b.parameters


@BUILDERS
def test_no_noise_changes_nothing(build):
    """Inputs, weights and outputs are those of earlier versions, to the bit."""
    machine = gn.Machine(3, 11, inputs=21, outputs=5, ensemble="ising")
    digests = {
        teacher_student: "442f2957d60495941810078e1eb5776ce5619b2996653448e56a1a7b95b71fb0",
        manifold: "a04ae25d2a7b37409332a7d4ae27d208698935a7c38eba6a070b6f54bb4073f5",
    }
    for options in ({}, {"noise": None}, {"noise": 0}, {"noise": 0.0}, {"beta": None}):
        task = build(machine, 7, seed=3, test_patterns=4, **options)
        assert task.digest == digests[build] and not {"noise", "beta"} & set(task.parameters)
    cold = build(machine, 7, seed=3, test_patterns=4, beta=np.inf)
    assert cold.digest == digests[build] and cold.parameters["beta"] == "inf"


@BUILDERS
def test_inputs_weights_and_tests_are_those_of_the_teacher_without_errors(build):
    plain, noisy = (build(MACHINE, 30, seed=2, **options) for options in ({}, {"noise": P}))
    for a, b in zip((*plain.teacher.weights, plain.inputs), (*noisy.teacher.weights, noisy.inputs), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(plain.test_outputs, noisy.test_outputs)
    assert (plain.outputs != noisy.outputs).any()
    np.testing.assert_array_equal(noisy.teacher.spins[-1], noisy.outputs)
    assert not same_data(noisy, build(MACHINE, 30, seed=3, noise=P))


def test_more_patterns_leave_the_first_ones_alone():
    few, many = (teacher_student(MACHINE, M, noise=P) for M in (5, 40))
    for a, b in zip(few.teacher.spins, many.teacher.spins, strict=True):
        np.testing.assert_array_equal(a, b[:5])


def test_noise_is_a_temperature_of_a_counting_teacher():
    noisy, warm = teacher_student(MACHINE, 50, noise=P), teacher_student(MACHINE, 50, beta=BETA)
    assert noisy.digest == warm.digest and (noisy.parameters["noise"], warm.parameters["beta"]) == (P, BETA)


def violations(task: Task) -> np.ndarray:
    """Fraction of violated gaps by layer."""
    return np.array(
        [(gap < 0).mean() for gap in gn.gaps(task.teacher.machine, task.teacher.weights, task.teacher.spins)]
    )


@pytest.mark.parametrize("machine", [
    MACHINE,
    gn.Machine(2, 24, inputs=30, outputs=3, connectivity=5, ensemble="ising"),
    gn.Machine(1, 12, ensemble="gaussian"),
])  # fmt: skip
def test_each_neuron_errs_with_the_probability_that_was_asked_for(machine):
    """Whatever the neurons below did: the energy per gap of a counting machine is p times its strength."""
    M = 3000
    found = violations(teacher_student(machine, M, noise=P, seed=4))
    error = np.sqrt(P * (1 - P) / (M * np.array(machine.widths[1:])))
    assert ref.worst((found - P) / error) < ref.THRESHOLD
    assert ref.worst((found - 1.1 * P) / error) > ref.THRESHOLD


def test_errors_are_seen_by_the_layers_above():
    task = teacher_student(MACHINE, 200, noise=P)
    told = feed_forward(MACHINE, task.teacher.weights, task.inputs)
    assert ((task.outputs != told[-1]).mean() > 2 * P) and ((task.teacher.spins[1] != told[1]).mean() < 1.3 * P)


def test_errors_of_a_probit_are_those_of_noise_on_the_field():
    """P(S) = Phi(S h / width): compared with signs of fields that noise has been added to, by size of the field."""
    machine = gn.Machine(1, 15, ensemble="gaussian", potential=gn.Probit(0.6))
    task = teacher_student(machine, 3000, beta=1.0, seed=1)
    field = task.inputs.astype(float) @ task.teacher.weights[0].T / np.sqrt(15)
    noisy = field + 0.6 * np.random.default_rng(5).standard_normal(field.shape)
    for low in (0.0, 0.3, 0.6, 1.0):
        within = (np.abs(field) >= low) & (np.abs(field) < low + 0.3)
        drawn, right = (np.sign(x[within]) != np.sign(field[within]) for x in (task.outputs, noisy))
        assert abs(ref.z_between(drawn, right)) < ref.THRESHOLD
    wider = field + 0.72 * np.random.default_rng(5).standard_normal(field.shape)
    drawn, other = (np.ravel(np.sign(x) != np.sign(field)) for x in (task.outputs, wider))
    assert abs(ref.z_between(drawn, other)) > ref.THRESHOLD


# The joint law of weights and neurons, against all configurations of a small machine


@dataclass(frozen=True)
class Blunt:
    """A neuron is wrong with probability 0.3 where its field is small and 0.1 elsewhere, at beta = 1: z is 1."""

    margin: float = 0.0

    def probability(self, gap, xp):
        return xp.where(xp.abs(gap) < 1, xp.where(gap > 0, 0.7, 0.3), xp.where(gap > 0, 0.9, 0.1))

    def cost(self, gap):
        return -jnp.log(self.probability(gap, jnp)).astype(gap.dtype)

    def energy(self, gap):
        return -np.log(self.probability(np.asarray(gap, float), np))


def chain(potential):
    """Ising weights; an odd number of inputs everywhere, so that no field is zero."""
    return gn.Machine(2, 1, ensemble="ising", potential=potential)


def all_configurations(machine):
    """Weights and spins of one pattern of a machine whose layers all have one neuron, as rows of bits, and energies."""
    bits = np.array(list(itertools.product((-1, 1), repeat=2 * machine.depth + 1)), np.int8)
    weights = [bits[:, l].reshape(-1, 1, 1).astype(float) for l in range(machine.depth)]
    spins = [bits[:, machine.depth + l].reshape(-1, 1, 1) for l in range(machine.depth + 1)]
    return bits, ref.total(machine, weights, spins)


def drawn(machine, number, **options):
    """How often each configuration is drawn, in the order of `all_configurations`."""
    counts = np.zeros(2 ** (2 * machine.depth + 1), int)
    for seed in range(number):
        teacher = teacher_student(machine, 1, seed=seed, test_patterns=1, **options).teacher
        bits = np.concatenate([np.ravel(x) for x in (*teacher.weights, *teacher.spins)]) > 0
        counts[int(bits @ (1 << np.arange(len(bits))[::-1]))] += 1
    return counts


NUMBER = 1500


@pytest.mark.parametrize(("potential", "beta", "options"), [
    (gn.Counting(0.7), BETA, {"noise": P}),
    (gn.Probit(0.8), 1.0, {"beta": 1.0}),
    (gn.Logistic(0.6), 1.0, {"beta": 1.0}),
])  # fmt: skip
def test_weights_and_neurons_have_the_weight_of_their_energy(potential, beta, options):
    """P(J, S) = exp(-beta H) / Z over all configurations, and not that of another temperature."""
    machine = chain(potential)
    energies, counts = all_configurations(machine)[1], drawn(machine, NUMBER, **options)
    assert ref.z_of_counts(counts, ref.boltzmann(energies, beta)) < ref.THRESHOLD
    assert ref.z_of_counts(counts, ref.boltzmann(energies, 1.3 * beta)) > ref.THRESHOLD


BROKEN = {
    "no errors": lambda self, field: np.zeros(field.shape),
    "the other sign": lambda self, field: 1 - P + np.zeros(field.shape),
    "too few": lambda self, field: 0.4 * P + np.zeros(field.shape),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_another_law_is_seen(broken, monkeypatch):
    monkeypatch.setattr(Law, "wrong", BROKEN[broken])
    machine = chain(gn.Counting(0.7))
    counts = drawn(machine, NUMBER, noise=P)
    assert ref.z_of_counts(counts, ref.boltzmann(all_configurations(machine)[1], BETA)) > ref.THRESHOLD


def given_weights(machine, patterns, **options):
    """How often each configuration of neurons is drawn at the weights of one teacher, and energies of all.

    Bit i of layer l has the place 3 l + i.
    """
    task = teacher_student(machine, patterns, seed=8, test_patterns=1, **options)
    number = sum((S > 0) @ (1 << 3 * l + np.arange(S.shape[1])) for l, S in enumerate(task.teacher.spins))
    places = [3 * l + i for l, width in enumerate(machine.widths) for i in range(width)]
    bits = np.array(list(itertools.product((-1, 1), repeat=len(places))), np.int8)
    cuts = np.cumsum(machine.widths)[:-1]
    spins = [x[:, None] for x in np.split(bits, cuts, axis=1)]
    weights = [J[None].astype(float) for J in task.teacher.weights]
    return np.bincount(number, minlength=512)[(bits > 0) @ (1 << np.array(places))], ref.total(machine, weights, spins)


@pytest.mark.parametrize(("ensemble", "potential", "beta"), [
    ("gaussian", gn.Counting(0.7), BETA), ("gaussian", gn.Logistic(0.4), 1.0), ("ising", Blunt(), 1.0),
])  # fmt: skip
def test_neurons_of_several_layers_have_the_weight_of_their_energy(ensemble, potential, beta):
    machine = gn.Machine(2, 3, inputs=1, outputs=1, ensemble=ensemble, potential=potential)
    counts, energies = given_weights(machine, 4000, beta=beta)
    assert counts.sum() == 4000
    assert ref.z_of_counts(counts, ref.boltzmann(energies, beta)) < ref.THRESHOLD
    assert ref.z_of_counts(counts, ref.boltzmann(energies, 1.2 * beta)) > ref.THRESHOLD


# What a task says of its teacher


def test_tasks_know_the_law_of_their_teacher():
    weights = gn.tasks.teacher_student(MACHINE, 3).teacher.weights
    cases = {
        Law(): {},
        Law(noise=P): {"noise": P},
        Law(potential=MACHINE.potential, beta=2.0): {"beta": 2},
        Law(potential=gn.Probit(), beta=1.0): {"teacher": gn.Machine(2, 20, potential=gn.Probit()), "beta": 1.0},
        Law(False, P): {"teacher": list(weights), "noise": P},
    }
    for law, options in cases.items():
        task = teacher_student(MACHINE, 3, **options)
        assert task.law == law == Task.stored(task.about(), task.arrays()).law
    assert gn.tasks.random(MACHINE, 3).law is None
    own = Task("mine", task.inputs, task.outputs, task.test_inputs, task.test_outputs, {}, task.teacher)
    assert own.law is None


def test_a_teacher_of_another_architecture_may_err():
    other = gn.Machine(2, 9, inputs=20, outputs=20, potential=gn.Counting())
    task = teacher_student(MACHINE, 2000, teacher=other, noise=0.2)
    error = np.sqrt(0.16 / (2000 * np.array([9, 20])))
    assert ref.worst((violations(task) - 0.2) / error) < ref.THRESHOLD


def test_other_potentials_are_drawn_forward_all_the_same():
    """Two signs that cost the same are equally likely; of those that differ, the cheaper one is likelier."""
    machine = gn.Machine(1, 20, ensemble="gaussian", potential=gn.SoftCore(margin=-0.5))
    task = teacher_student(machine, 1000, beta=50.0)
    (gap,) = gn.gaps(machine, task.teacher.weights, task.teacher.spins)
    field = np.abs(gap - 0.5)  # the margin is subtracted from a gap
    assert ref.worst(ref.z_score((gap < 0.5)[field < 0.5].astype(float), 0.5)) < ref.THRESHOLD
    assert (gap < 0.5)[field > 1.5].mean() == 0


BAD = [
    ({"noise": 0.5}, "`noise` must be a probability of at least 0 and below 1/2, but is 0.5"),
    ({"noise": -0.1}, "`noise` must .*-0.1"),
    ({"noise": "some"}, "`noise` must .*'some'"),
    ({"noise": float("nan")}, "`noise` must .*nan"),
    ({"beta": -1}, "`beta` must be a number of at least 0, or inf, but is -1"),
    ({"beta": float("nan")}, "`beta` must .*nan"),
    ({"noise": 0.1, "beta": 1.0}, "`noise` must be None where `beta` is given, but is 0.1"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
@BUILDERS
def test_bad_noise_is_named(build, options, message):
    with pytest.raises(ValueError, match=message):
        build(MACHINE, 4, **options)


def test_a_hard_core_that_forbids_both_signs_has_no_warm_teacher():
    machine = gn.Machine(2, 20, potential=gn.HardCore(margin=0.5))
    with pytest.raises(ValueError, match="`beta` must be left out with HardCore.*forbids both signs"):
        teacher_student(machine, 4, beta=1.0)
    teacher_student(machine, 4)
