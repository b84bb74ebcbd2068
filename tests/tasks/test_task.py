import json

import numpy as np
import pytest

from glassnet.perceptron.machine import Machine
from glassnet.tasks import Task, Teacher, teacher_student


def data(**changes):
    arrays = {
        "inputs": [[1, -1, 1], [-1, -1, 1]],
        "outputs": [[1, 1], [-1, 1]],
        "test_inputs": [[1, 1, 1]],
        "test_outputs": [[-1, -1]],
    }
    return {**{name: np.array(values) for name, values in arrays.items()}, **changes}


def test_arrays_are_int8_copies_that_cannot_be_written():
    given = data(labels=np.array([3, 4]), test_labels=np.array([3]))
    task = Task("mine", **given, parameters={})
    for name, values in given.items():
        kept = getattr(task, name)
        np.testing.assert_array_equal(kept, values)
        assert values.flags.writeable
        assert not np.shares_memory(kept, values)
        with pytest.raises(ValueError, match="read-only"):
            kept[0] = 1
    assert all(getattr(task, name).dtype == np.int8 for name in data())
    assert task.patterns == 2


def test_int8_input_is_copied_too():
    inputs = np.array([[1, -1, 1], [-1, -1, 1]], np.int8)
    task = Task.from_arrays(**data(inputs=inputs))
    inputs[0, 0] = -1
    assert task.inputs[0, 0] == 1


def test_hashed_by_identity():
    first, second = (Task.from_arrays(**data()) for _ in range(2))
    assert first != second
    assert len({first, second, first}) == 2


def test_outputs_of_one_neuron_may_be_flat():
    task = Task.from_arrays([[1, -1], [1, 1], [-1, 1]], [1, -1, 1], [[1, 1]], [-1])
    np.testing.assert_array_equal(task.outputs, [[1], [-1], [1]])
    np.testing.assert_array_equal(task.test_outputs, [[-1]])


def test_test_data_may_be_missing():
    task = Task.from_arrays([[1, -1], [1, 1], [-1, 1]], [1, -1, 1])
    assert (task.test_inputs.shape, task.test_outputs.shape) == ((0, 2), (0, 1))
    again = Task.stored(task.about(), task.arrays())
    assert again.digest == task.digest
    with pytest.raises(ValueError, match="`test_outputs` must be given together with `test_inputs`, but is None"):
        Task.from_arrays([[1, -1]], [1], [[1, 1]])
    with pytest.raises(ValueError, match="`test_inputs` must be given together with `test_outputs`, but is None"):
        Task.from_arrays([[1, -1]], [1], None, [1])


def test_representations_are_one_line():
    machine = Machine(depth=2, width=60, inputs=30, outputs=1)
    task = teacher_student(machine, 500)
    told = "Task('teacher_student', 500 patterns, 30 inputs, 1 output, 500 test patterns, with its teacher)"
    assert repr(task) == told
    assert repr(task.teacher) == f"Teacher({machine}, 500 patterns)"
    assert repr(Task.from_arrays([[1]], [1])) == "Task('arrays', 1 pattern, 1 input, 1 output, no test patterns)"


BAD = [
    ("inputs", np.array([1, -1, 1]), "(3,)"),
    ("inputs", [[1, -1, 1], [1]], "[[1, -1, 1], [1]]"),
    ("inputs", [["up", "down", "up"]] * 2, "'up'"),
    ("inputs", np.zeros((0, 3)), "(0, 3)"),
    ("inputs", np.zeros((2, 0)), "(2, 0)"),
    ("inputs", np.array([[1, 0, 1], [1, 1, 1]]), "0"),
    ("inputs", np.array([[1, np.nan, 1], [1, 1, 1]]), "nan"),
    ("outputs", np.array([[1, 1], [-1, 2]]), "2"),
    ("outputs", np.ones((3, 2)), "3"),
    ("test_inputs", np.ones((1, 4)), "(1, 4)"),
    ("test_inputs", np.array([[1, 0.5, 1]]), "0.5"),
    ("test_outputs", np.ones((1, 3)), "(1, 3)"),
    ("test_outputs", np.ones((2, 2)), "2"),
    ("labels", np.array([1]), "(1,)"),
    ("labels", np.array([1.0, 2.0]), "'float64'"),
    ("test_labels", np.array([1, 2]), "(2,)"),
    ("parameters", {"x": float("nan")}, "nan"),
    ("parameters", {"x": object}, "object"),
    ("parameters", [1], "[1]"),
]


@pytest.mark.parametrize(("name", "value", "shown"), BAD)
def test_bad_input_is_named(name, value, shown):
    with pytest.raises(ValueError, match=f"^Argument `{name}` must ") as error:
        Task("mine", **{**data(), "parameters": {}, name: value})
    assert shown in str(error.value).split("but is")[1]


def test_parameters_are_a_copy_made_of_json_values():
    given = {"patterns": np.int64(3), "classes": (0, 1), "nested": {"threshold": np.float64(0.5)}}
    task = Task("mine", **data(), parameters=given)
    given["nested"]["threshold"] = 1
    assert task.parameters == {"patterns": 3, "classes": [0, 1], "nested": {"threshold": 0.5}}
    assert json.loads(json.dumps(task.parameters)) == task.parameters


def test_from_arrays_tells_data_apart():
    one, same, other = (
        Task.from_arrays(**data(test_outputs=np.array([[sign, -1]])), name="mine").parameters for sign in (1, 1, -1)
    )
    assert one == same
    assert one["patterns"] == 2
    assert one["sha256"] != other["sha256"]


def test_check_of_the_machine():
    task = Task.from_arrays(**data(), name="mine")
    task.check(Machine(2, 5, inputs=3, outputs=2))
    with pytest.raises(ValueError, match=r"`machine.inputs` must be 3, .*'mine', but is 5"):
        task.check(Machine(2, 5, outputs=2))
    with pytest.raises(ValueError, match=r"`machine.outputs` must be 2, .*'mine', but is 4"):
        task.check(Machine(2, 5, inputs=3, outputs=4))


def test_teacher_is_checked_and_frozen():
    machine = Machine(2, 4)
    teacher = teacher_student(machine, 3).teacher
    for array in (*teacher.weights, *teacher.spins):
        assert not array.flags.writeable
    with pytest.raises(ValueError, match=r"`weights` must hold one array for each of the 2 layers, but is 1"):
        Teacher(machine, teacher.weights[:1], teacher.spins)
    with pytest.raises(ValueError, match=r"`spins` must hold one array for each of the 3 layers, but is 2"):
        Teacher(machine, teacher.weights, teacher.spins[:2])
