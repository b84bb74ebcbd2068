"""Answers that need no machine, on data small enough to count by hand."""

import numpy as np
import pytest

import glassnet as gn
from glassnet.analysis import constant_error, nearest_error

INPUTS = [[1, 1, 1], [-1, -1, -1], [1, -1, 1], [-1, 1, -1]]


def task(outputs: list[int], test_outputs: list[int]) -> gn.tasks.Task:
    """One output neuron; test inputs are the training inputs."""
    column = [np.array(x)[:, None] for x in (outputs, test_outputs)]
    return gn.tasks.Task.from_arrays(INPUTS, column[0], INPUTS, column[1])


@pytest.mark.parametrize(
    ("outputs", "fresh", "error"),
    [
        ([1, 1, 1, -1], [1, 1, -1, -1], 0.5),
        ([-1, -1, 1, -1], [-1, -1, -1, 1], 0.25),
        ([1, 1, -1, -1], [1, 1, 1, -1], 0.25),  # a tie says +1
    ],
)
def test_constant_answer(outputs, fresh, error):
    assert constant_error(task(outputs, fresh)) == error


def test_constant_answer_of_each_output_neuron():
    outputs = [[1, -1], [1, -1], [1, 1], [-1, -1]]
    fresh = np.tile([1, -1], (8, 1))
    fresh[0] = [-1, -1]
    given = gn.tasks.Task.from_arrays(np.ones((4, 3)), outputs, np.ones((8, 3)), fresh)
    assert constant_error(given) == 1 / 16


def test_nearest_pattern():
    assert nearest_error(task([1, 1, 1, -1], [1, 1, 1, -1])) == 0
    assert nearest_error(task([1, 1, 1, -1], [1, 1, -1, 1])) == 0.5


def test_nearest_pattern_or_its_opposite():
    inputs = [[1, 1, 1, 1, 1], [1, -1, 1, -1, 1]]
    outputs = [[1, 1], [-1, 1]]
    test = [[1, 1, 1, 1, -1], [-1, 1, -1, 1, 1]]  # near the first; near the opposite of the second
    for fresh, error in (([[1, 1], [1, -1]], 0), ([[1, 1], [-1, 1]], 0.5)):
        assert nearest_error(gn.tasks.Task.from_arrays(inputs, outputs, test, fresh), opposite=True) == error
    assert nearest_error(gn.tasks.Task.from_arrays(inputs, outputs, test, [[1, 1], [1, 1]])) == 0


def test_odd_data_are_known_from_their_opposites():
    """All inputs of five neurons, half of them in training, outputs odd: the opposite of each test input is known."""
    x = np.array(np.meshgrid(*[[-1, 1]] * 5)).reshape(5, -1).T
    y = np.sign(x.sum(1))[:, None]
    known = x[:, 0] > 0
    given = gn.tasks.Task.from_arrays(x[known], y[known], x[~known], y[~known])
    assert nearest_error(given, opposite=True) == 0
    assert nearest_error(given) > 0


@pytest.mark.parametrize("error", [constant_error, nearest_error])
def test_other_things_are_refused(error):
    with pytest.raises(ValueError, match="Argument `task` must be a task"):
        error(INPUTS)
