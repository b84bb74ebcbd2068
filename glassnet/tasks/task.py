"""A task: the boundary data that clamp the input and the output layer of a machine."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from glassnet.core.check import fail
from glassnet.core.codec import from_json
from glassnet.perceptron.describe import described, machine_from
from glassnet.perceptron.law import Law
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.reference import checked_signs, checked_spins, checked_weights
from glassnet.tasks.guide import Guide, checked_ids


@dataclass(frozen=True, eq=False)
class Teacher:
    """The machine that labelled the patterns, with its configuration on the training data.

    Args:
        machine: the teacher machine.
        weights: one array for each layer 1..L of the teacher, shape (out, in).
        spins: one int8 array for each layer 0..L, shape (pattern, neuron), for the training inputs.
    Raises:
        ValueError: if weights or spins do not fit the machine.
    """

    machine: Machine
    weights: list[np.ndarray]
    spins: list[np.ndarray]

    def __post_init__(self) -> None:
        """Check, copy and freeze the arrays."""
        weights = [_frozen(J.copy()) for J in checked_weights(self.machine, self.weights)]
        spins = [_frozen(S) for S in checked_spins(self.machine, self.spins)]
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "spins", spins)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Copies, also from other processes, are read-only again."""
        for name, arrays in state.items():
            frozen = [_frozen(x) for x in arrays] if name in TAUGHT else arrays
            object.__setattr__(self, name, frozen)

    def __repr__(self) -> str:
        """One line, without the configuration."""
        return f"Teacher({self.machine}, {_counted(len(self.spins[0]), 'pattern')})"


ARRAYS = ("inputs", "outputs", "test_inputs", "test_outputs", "labels", "test_labels", "ids")
"""Arrays of a task."""


@dataclass(frozen=True, eq=False)
class Task:
    """Training and test data of a machine.

    Two tasks are equal only if they are the same object. All arrays are copied and made read-only.

    Args:
        name: kind of data.
        inputs: spins of layer 0, shape (pattern, neuron), values +1 or -1; kept as int8.
        outputs: spins of the last layer for the same patterns, shape (pattern, neuron).
        test_inputs: fresh data of the same kind, shape (test pattern, neuron); none at all, shape (0, neuron), where
            there are no test data.
        test_outputs: their outputs, shape (test pattern, neuron).
        parameters: what reproduces the task, as JSON values.
        teacher: the machine that made the outputs, if any.
        labels: class of each training pattern, shape (pattern,), integers.
        test_labels: class of each test pattern.
        ids: names of the training patterns, shape (pattern,), integers, each once.
        guide: what parent machines say of the outputs, by the ids of the patterns; it is kept in their order.
    Raises:
        ValueError: for wrong shapes, no patterns, values other than +1 and -1, numbers of patterns or widths
            that differ, parameters that JSON cannot hold, or a guide that does not know all patterns; it names
            argument and value.
    """

    name: str
    inputs: np.ndarray
    outputs: np.ndarray
    test_inputs: np.ndarray
    test_outputs: np.ndarray
    parameters: dict[str, Any]
    teacher: Teacher | None = None
    labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    ids: np.ndarray | None = None
    guide: Guide | None = None

    def __post_init__(self) -> None:
        """Check, copy and freeze the arrays."""
        inputs, outputs = _checked("inputs", self.inputs), _checked("outputs", self.outputs)
        test_inputs = _checked("test_inputs", self.test_inputs, inputs.shape[1], fewest=0)
        test_outputs = _checked("test_outputs", self.test_outputs, outputs.shape[1], fewest=0)
        _same_patterns(outputs=outputs, inputs=inputs)
        _same_patterns(test_outputs=test_outputs, test_inputs=test_inputs)
        values = {
            "inputs": inputs,
            "outputs": outputs,
            "test_inputs": test_inputs,
            "test_outputs": test_outputs,
            "parameters": _plain(self.parameters),
            "labels": _checked_labels("labels", self.labels, len(inputs)),
            "test_labels": _checked_labels("test_labels", self.test_labels, len(test_inputs)),
            "ids": None if self.ids is None else _frozen(checked_ids(self.ids, len(inputs))),
        }
        if self.guide is not None:
            if values["ids"] is None:
                raise fail("ids", "name the patterns of a task with a guide", None)
            if self.guide.means.shape[1] != outputs.shape[1]:
                raise fail("guide", f"have targets for {outputs.shape[1]} outputs", self.guide.means.shape[1])
            values["guide"] = self.guide.at(values["ids"])
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_arrays(
        cls,
        inputs: ArrayLike,
        outputs: ArrayLike,
        test_inputs: ArrayLike | None = None,
        test_outputs: ArrayLike | None = None,
        name: str = "arrays",
    ) -> "Task":
        """A task from data of one's own; `parameters` then hold the number of patterns and a fingerprint of the data.

        Args:
            inputs: values +1 or -1, shape (pattern, neuron); np.where(x > threshold, 1, -1) makes them of real numbers.
            outputs: values +1 or -1, shape (pattern, neuron), or (pattern,) for a single output neuron.
            test_inputs: fresh data, as `inputs`; without them, no test error is measured.
            test_outputs: as `outputs`.
            name: kind of data.
        Raises:
            ValueError: as `Task`, or if one of test inputs and outputs is given alone.

        >>> x = np.array([[1, 1, -1], [-1, 1, 1], [1, -1, -1]])
        >>> Task.from_arrays(x, x[:, 0])
        Task('arrays', 3 patterns, 3 inputs, 1 output, no test patterns)
        """
        if (test_inputs is None) != (test_outputs is None):
            missing, given = ("test_inputs", "test_outputs")[:: 1 if test_inputs is None else -1]
            raise fail(missing, f"be given together with `{given}`", None)
        sides = [_columns("inputs", inputs), _columns("outputs", outputs)]
        if test_inputs is None:
            sides += [x[:0] for x in sides]
        else:
            sides += [_columns("test_inputs", test_inputs), _columns("test_outputs", test_outputs)]
        task = cls(name, *sides, parameters={})
        digest = fingerprint(task.inputs, task.outputs, task.test_inputs, task.test_outputs)
        parameters = {"builder": "arrays", "patterns": task.patterns, "sha256": digest}
        object.__setattr__(task, "parameters", parameters)
        return task

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Copies, also from other processes, are read-only again."""
        for name, value in state.items():
            object.__setattr__(self, name, _frozen(value) if isinstance(value, np.ndarray) else value)

    def __repr__(self) -> str:
        """One line, without the data."""
        ends = [_counted(getattr(self, side).shape[1], side[:-1]) for side in ("inputs", "outputs")]
        tests = _counted(len(self.test_inputs), "test pattern")
        teacher = [] if self.teacher is None else ["with its teacher"]
        words = [repr(self.name), _counted(self.patterns, "pattern"), *ends, tests, *teacher]
        return f"Task({', '.join(words)})"

    @property
    def patterns(self) -> int:
        """Number M of training patterns."""
        return len(self.inputs)

    @property
    def law(self) -> Law | None:
        """How the teacher was drawn; None where there is none, or the task does not know."""
        if self.teacher is None or self.parameters.get("builder") not in DRAWN:
            return None
        return law_of(self.parameters, self.teacher.machine)

    @property
    def digest(self) -> str:
        """SHA-256 of the data, teacher and guide included."""
        teacher = [] if self.teacher is None else [*self.teacher.weights, *self.teacher.spins]
        guide: list[np.ndarray] = []
        if self.guide is not None:
            guide = [self.guide.means, self.guide.floor, np.array([self.guide.temperature, self.guide.weight])]
        return fingerprint(self.inputs, self.outputs, self.test_inputs, self.test_outputs, *teacher, *guide)

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name, the teacher's by layer."""
        found = {name: x for name in ARRAYS if (x := getattr(self, name)) is not None}
        if self.teacher is not None:
            found |= {f"teacher/weights/{l}": J for l, J in enumerate(self.teacher.weights)}
            found |= {f"teacher/spins/{l}": S for l, S in enumerate(self.teacher.spins)}
        if self.guide is not None:
            found |= {"guide/means": self.guide.means, "guide/floor": self.guide.floor}
        return found

    def about(self) -> dict[str, Any]:
        """What `stored` needs beside the arrays, as JSON values."""
        teacher = None if self.teacher is None else described(self.teacher.machine)
        about = {"name": self.name, "parameters": self.parameters, "teacher": teacher}
        if self.guide is not None:
            about["guide"] = {"temperature": self.guide.temperature, "weight": self.guide.weight}
        return about

    @classmethod
    def stored(cls, about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The task that `about` and `arrays` took apart."""
        teacher = None
        if about["teacher"] is not None:
            teacher = Teacher(machine_from(about["teacher"]), *(_layers(f"teacher/{x}/", arrays) for x in TAUGHT))
        data: dict[str, Any] = {name: arrays.get(name) for name in ARRAYS}
        if "guide" in about:
            data["guide"] = Guide(arrays["guide/means"], arrays["guide/floor"], **about["guide"], ids=arrays["ids"])
        return cls(about["name"], parameters=about["parameters"], teacher=teacher, **data)

    def check(self, machine: Machine) -> None:
        """Raise ValueError unless the machine has the input and output widths of the data."""
        ends = {"inputs": machine.widths[0], "outputs": machine.widths[-1]}
        for side, width in ends.items():
            expected = getattr(self, side).shape[1]
            if width != expected:
                raise fail(f"machine.{side}", f"be {expected}, the width of the {side} of task {self.name!r}", width)


TAUGHT = ("weights", "spins")
"""What a teacher holds, by layer."""

DRAWN = ("teacher_student", "hidden_manifold")
"""Builders whose parameters say how the teacher was drawn."""


def law_of(parameters: Mapping[str, Any], teacher: Machine) -> Law:
    """How the teacher of such a task was drawn.

    Args:
        parameters: those of the task; without `noise` and `beta` the teacher never errs.
        teacher: its machine.
    """
    choice = parameters.get("teacher")
    from_prior = not (isinstance(choice, dict) and "sha256" in choice)  # the digest of weights that were given
    if "beta" in parameters:
        return Law(from_prior, potential=teacher.potential, beta=from_json(parameters["beta"]))
    return Law(from_prior, noise=parameters.get("noise", 0.0))


def _layers(prefix: str, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    return [arrays[f"{prefix}{l}"] for l in range(sum(name.startswith(prefix) for name in arrays))]


def fingerprint(*arrays: np.ndarray) -> str:
    """SHA-256 of type, shape and values of the arrays, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)  # no copy
    return digest.hexdigest()


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


def _counted(number: int, word: str) -> str:
    """3 patterns, 1 pattern, no patterns."""
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"


def _columns(name: str, values: ArrayLike | None) -> np.ndarray:
    """Data as an array; those of a single output neuron, (pattern,), as (pattern, 1)."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise fail(name, "have rows of equal length", values) from error
    return array[:, None] if array.ndim == 1 and name.endswith("outputs") else array


def _checked(name: str, values: ArrayLike, width: int | None = None, fewest: int = 1) -> np.ndarray:
    try:
        values = np.asarray(values)
    except ValueError as error:
        raise fail(name, "have rows of equal length", values) from error
    if values.ndim != 2 or values.shape[1] == 0:
        raise fail(name, "have shape (pattern, neuron) with at least one neuron", values.shape)
    width = values.shape[1] if width is None else width
    if fewest == 0 and values.shape == (0, width):
        return _frozen(np.empty((0, width), np.int8))
    return _frozen(checked_signs(name, values, width))


def _checked_labels(name: str, labels: ArrayLike | None, patterns: int) -> np.ndarray | None:
    if labels is None:
        return None
    labels = np.array(labels)
    if labels.shape != (patterns,):
        raise fail(name, f"have shape ({patterns},), one label a pattern", labels.shape)
    if not np.issubdtype(labels.dtype, np.integer):
        raise fail(name, "hold integers", str(labels.dtype))
    return _frozen(labels)


def _same_patterns(**data: np.ndarray) -> None:
    (name, values), (other, expected) = data.items()
    if len(values) != len(expected):
        raise fail(name, f"have as many patterns as `{other}`, {len(expected)}", len(values))


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    """A copy of `parameters` made of JSON values; NumPy scalars become Python numbers."""
    if not isinstance(parameters, dict):
        raise fail("parameters", "be a dict", parameters)
    try:
        return json.loads(json.dumps(parameters, allow_nan=False, default=lambda value: value.item()))
    except (TypeError, ValueError, AttributeError) as error:
        raise fail("parameters", "hold JSON values only", parameters) from error
