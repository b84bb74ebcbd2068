import numpy as np
import pytest

from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import HardCore, SoftCore
from glassnet.perceptron.prior import prior_weights
from glassnet.perceptron.reference import feed_forward, gaps
from glassnet.tasks import hidden_manifold, random, teacher_student
from glassnet.tasks.synthetic import manifold_fields

MACHINE = Machine(3, 12, inputs=20, outputs=5)
DATA = ("inputs", "outputs", "test_inputs", "test_outputs")


def manifold(machine, patterns, **options):
    return hidden_manifold(machine, patterns, **{"dimension": 4, **options})


BUILDERS = pytest.mark.parametrize("build", [random, teacher_student, manifold])


def arrays(task):
    return [getattr(task, name) for name in DATA]


@BUILDERS
def test_shapes_and_default_number_of_test_patterns(build):
    assert [a.shape for a in arrays(build(MACHINE, 7))] == [(7, 20), (7, 5), (7, 20), (7, 5)]
    assert [len(a) for a in arrays(build(MACHINE, 7, test_patterns=3))] == [7, 7, 3, 3]
    build(MACHINE, 7).check(MACHINE)


@BUILDERS
def test_seed_decides_the_data(build):
    one, same, other = (arrays(build(MACHINE, 30, seed=seed)) for seed in (4, 4, 5))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(one[0], one[2])


@BUILDERS
def test_number_of_test_patterns_leaves_training_data_alone(build):
    few, many = (build(MACHINE, 10, test_patterns=count) for count in (1, 50))
    np.testing.assert_array_equal(few.inputs, many.inputs)
    np.testing.assert_array_equal(few.outputs, many.outputs)


@BUILDERS
def test_parameters_reproduce_the_task(build):
    task = build(MACHINE, 6, seed=3, test_patterns=2)
    builders = {"random": random, "teacher_student": teacher_student, "hidden_manifold": hidden_manifold}
    parameters = {name: value for name, value in task.parameters.items() if name != "teacher"}
    again = builders[parameters.pop("builder")](MACHINE, **parameters)
    assert all(np.array_equal(a, b) for a, b in zip(arrays(task), arrays(again), strict=True))


def test_random_data_are_fair_and_independent():
    machine = Machine(2, 50)
    task = random(machine, 2000, seed=1)
    inputs, outputs = task.inputs.astype(float), task.outputs.astype(float)
    for values in (inputs, outputs, inputs * outputs, inputs * task.test_inputs, outputs * task.test_outputs):
        assert abs(values.mean()) * np.sqrt(values.size) < 4
    assert abs((inputs[:, 1:] * inputs[:, :-1]).mean()) * np.sqrt(2000 * 49) < 4
    assert abs((inputs[1:] * inputs[:-1]).mean()) * np.sqrt(1999 * 50) < 4


@pytest.mark.parametrize("ensemble", ["gaussian", "spherical", "ising"])
@pytest.mark.parametrize("connectivity", [None, 5])
@pytest.mark.parametrize("build", [teacher_student, manifold])
def test_matched_teacher_is_a_ground_state(build, ensemble, connectivity):
    machine = Machine(4, 12, connectivity=connectivity, ensemble=ensemble, potential=HardCore())
    task = build(machine, 40, seed=2)
    teacher = task.teacher
    assert teacher.machine is machine
    np.testing.assert_array_equal(teacher.spins[0], task.inputs)
    np.testing.assert_array_equal(teacher.spins[-1], task.outputs)
    assert all((gap >= 0).all() for gap in gaps(machine, teacher.weights, teacher.spins))
    np.testing.assert_array_equal(task.test_outputs, feed_forward(machine, teacher.weights, task.test_inputs)[-1])


def test_teacher_violates_a_margin():
    machine = Machine(2, 20, potential=SoftCore(margin=0.5))
    teacher = teacher_student(machine, 50).teacher
    violated = np.mean([gap < 0 for gap in gaps(machine, teacher.weights, teacher.spins)])
    assert 0.3 < violated < 0.5  # P(|N(0, 1)| < 0.5) = 0.383 for wide layers


def test_teacher_of_another_architecture():
    other = Machine(2, 30, inputs=20, outputs=5, ensemble="ising")
    task = teacher_student(MACHINE, 9, teacher=other)
    assert [J.shape for J in task.teacher.weights] == [(30, 20), (5, 30)]
    np.testing.assert_array_equal(task.outputs, feed_forward(other, task.teacher.weights, task.inputs)[-1])
    kind = {"kind": "SoftCore", "power": 2.0, "strength": 1.0, "margin": 0.0}
    described = {**task.parameters["teacher"]}
    assert described.pop("potential") == kind
    assert Machine(**described) == other


def test_explicit_weights_are_used():
    weights = [J.astype(np.float64) for J in prior_weights(MACHINE, np.random.default_rng(0))]
    task = teacher_student(MACHINE, 9, teacher=weights)
    assert all(np.array_equal(a, b) for a, b in zip(weights, task.teacher.weights, strict=True))
    np.testing.assert_array_equal(task.outputs, feed_forward(MACHINE, weights, task.inputs)[-1])
    assert (
        task.parameters["teacher"] != teacher_student(MACHINE, 9, teacher=[-J for J in weights]).parameters["teacher"]
    )
    assert weights[0].flags.writeable


def test_teacher_does_not_depend_on_the_data():
    plain, folded = teacher_student(MACHINE, 3), manifold(MACHINE, 8)
    assert all(np.array_equal(a, b) for a, b in zip(plain.teacher.weights, folded.teacher.weights, strict=True))


@pytest.mark.parametrize("dimension", [1, 3, 20])
def test_manifold_fields_have_the_rank_of_the_manifold(dimension):
    rng = np.random.default_rng(0)
    fields = manifold_fields(rng.standard_normal((20, dimension)), rng.standard_normal((200, dimension)))
    assert fields.shape == (200, 20)
    assert np.linalg.matrix_rank(fields) == dimension
    assert 0.5 < fields.var() < 2


def test_one_dimension_leaves_one_input_up_to_its_sign():
    task = hidden_manifold(MACHINE, 40, dimension=1)
    first = task.inputs[0]
    for inputs in (task.inputs, task.test_inputs):
        assert set(np.abs(inputs.astype(int) @ first)) == {20}
        assert len(np.unique(inputs, axis=0)) == 2


def test_input_correlations_follow_the_arcsine_law():
    # for two neurons <S_i S_j> = (2/pi) arcsin(rho), rho Gaussian overlap of two rows of F; averaged over rows at
    # D = 2, where rho = cos(angle) with a uniform angle, <(2/pi arcsin rho)^2> = 1/3
    machine = Machine(2, 2, inputs=600, outputs=1, ensemble="gaussian")
    inputs = hidden_manifold(machine, 4000, dimension=2, seed=1).inputs.astype(float)
    correlation = (inputs.T @ inputs / 4000)[np.triu_indices(600, 1)]
    assert np.mean(correlation**2) == pytest.approx(1 / 3, abs=0.03)


BAD = [
    (random, {"patterns": 0}, "patterns", "0"),
    (random, {"patterns": 2.5}, "patterns", "2.5"),
    (random, {"test_patterns": 0}, "test_patterns", "0"),
    (random, {"seed": -1}, "seed", "-1"),
    (random, {"seed": "x"}, "seed", "'x'"),
    (teacher_student, {"patterns": True}, "patterns", "True"),
    (teacher_student, {"seed": -3}, "seed", "-3"),
    (teacher_student, {"teacher": Machine(2, 12)}, "teacher", "(12, 12)"),
    (teacher_student, {"teacher": Machine(2, 12, inputs=20)}, "teacher", "(20, 12)"),
    (teacher_student, {"teacher": 3}, "teacher", "3"),
    (teacher_student, {"teacher": [np.ones((12, 20))]}, "teacher", "1"),
    (teacher_student, {"teacher": [np.ones((12, 20)), np.ones((12, 12)), np.ones((5, 11))]}, "teacher", "(5, 11)"),
    (manifold, {"test_patterns": -2}, "test_patterns", "-2"),
    (manifold, {"dimension": 0}, "dimension", "0"),
    (manifold, {"dimension": 21}, "dimension", "21"),
    (manifold, {"dimension": 1.5}, "dimension", "1.5"),
    (manifold, {"teacher": Machine(2, 12)}, "teacher", "(12, 12)"),
]


@pytest.mark.parametrize(("build", "options", "name", "shown"), BAD)
def test_bad_input_is_named(build, options, name, shown):
    with pytest.raises(ValueError, match=f"^Argument `{name}` must ") as error:
        build(MACHINE, **{"patterns": 4, **options})
    assert str(error.value).endswith(f"but is {shown}.")
