"""Test errors of answers that need no machine: what has learned something beyond its data must do better."""

import numpy as np

from glassnet.analysis.labels import in_words
from glassnet.core.check import fail
from glassnet.tasks import Task


def constant_error(task: Task) -> float:
    """Test error of the constant answer, the sign that each output neuron has in most training patterns.

    epsilon = 1/(M' N_L) sum_{nu i} [S'_{nu i} != sgn sum_mu S_{mu i}],   +1 in a tie

    Args:
        task: training outputs S, shape (pattern, neuron), and test outputs S', shape (test pattern, neuron).
    Returns:
        Fraction of wrong test outputs, over test patterns and output neurons.
    Raises:
        ValueError: if `task` is no task, or has no test data.
    """
    _require_task(task)
    answer = np.where(task.outputs.sum(axis=0, dtype=int) >= 0, 1, -1)
    return float((answer != task.test_outputs).mean())


def nearest_error(task: Task, *, opposite: bool = False) -> float:
    """Test error of the nearest neighbour: the outputs of the training pattern whose input is nearest.

    The answer to x' is S_m with m = argmax_mu x'.x_mu, the first one in a tie. With `opposite` inputs count up to
    their sign, as for a machine without thresholds, whose answer to -x is minus that to x: m = argmax_mu |x'.x_mu|
    and the answer is S_m sgn(x'.x_m), +S_m where the product is 0.   [Cover, Hart 1967: nearest neighbour rule]

    Args:
        task: inputs x, shape (pattern, neuron), and outputs of training and test patterns.
        opposite: whether the opposite of a training pattern counts as one, too.
    Returns:
        Fraction of wrong test outputs, over test patterns and output neurons.
    Raises:
        ValueError: if `task` is no task, or has no test data.
    """
    _require_task(task)
    product = task.test_inputs.astype(np.float32) @ task.inputs.T.astype(np.float32)  # exact: integers below 2^24
    nearest = (abs(product) if opposite else product).argmax(axis=1)
    answer = task.outputs[nearest]
    if opposite:
        answer = answer * np.where(product[np.arange(len(nearest)), nearest] >= 0, 1, -1)[:, None]
    return float((answer != task.test_outputs).mean())


def _require_task(task: Task) -> None:
    if not isinstance(task, Task):
        raise ValueError(f"Argument `task` must be a task (glassnet.tasks), but is {in_words(task)}.")
    if not len(task.test_inputs):
        raise fail("task", "have test data", task)
