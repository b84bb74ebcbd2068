"""Kinds of boundary data, as values that say how to build them."""

from dataclasses import dataclass
from typing import Any, ClassVar, get_args

from glassnet import tasks
from glassnet.core.check import fail, finite, integer
from glassnet.core.codec import from_json
from glassnet.perceptron.machine import Machine
from glassnet.tasks import Task
from glassnet.tasks.synthetic import checked_errors
from glassnet.thermal.machine import AnyMachine


@dataclass(frozen=True)
class RandomTask:
    """Inputs and outputs independent, +1 or -1 with equal probability: a constraint satisfaction problem.

    Args:
        patterns: number M of training patterns, >= 1; alpha = M / c.
        test_patterns: number of test patterns; as many as `patterns` if None.
        seed: seed of the data, >= 0.
    """

    patterns: int = 100
    test_patterns: int | None = None
    seed: int = 0
    kind: ClassVar[str] = "random"

    def __post_init__(self) -> None:
        _check_counts(self)

    def build(self, machine: AnyMachine, sample: int | None = None) -> Task:
        """The data, with the seed of the sample, see `seed_of`."""
        return tasks.random(machine, self.patterns, seed=seed_of(self.seed, sample), test_patterns=self.test_patterns)


@dataclass(frozen=True)
class TeacherStudentTask:
    """Outputs of a teacher machine for random inputs: an inference problem.

    Args:
        patterns: number M of training patterns, >= 1; alpha = M / c.
        test_patterns: number of fresh inputs labelled by the same teacher; as many as `patterns` if None.
        seed: seed of the inputs and of the teacher's weights, >= 0.
        teacher: machine of the teacher; the student's machine (matched) if None.
        noise: each neuron of the teacher is wrong with this probability, below 1/2.
        beta: in place of noise, the teacher's neurons are drawn forward with weight exp(-beta v), inf for no errors.
    """

    patterns: int = 100
    test_patterns: int | None = None
    seed: int = 0
    teacher: Machine | None = None
    noise: float | None = None
    beta: float | None = None
    kind: ClassVar[str] = "teacher_student"

    def __post_init__(self) -> None:
        _check_counts(self)
        _check_teacher(self)

    def build(self, machine: AnyMachine, sample: int | None = None) -> Task:
        """The data, with the seed of the sample, see `seed_of`."""
        return tasks.teacher_student(machine, self.patterns, **_options(self, sample))


@dataclass(frozen=True)
class HiddenManifoldTask:
    """Inputs near a manifold of low dimension, labelled by a teacher that sees the inputs.

    Args:
        patterns: number M of training patterns, >= 1; alpha = M / c.
        dimension: dimension D of the manifold, 1 <= D <= width of the input.
        test_patterns: number of fresh patterns of the same manifold and teacher; as many as `patterns` if None.
        seed: seed of the manifold, the patterns and the teacher's weights, >= 0.
        teacher: machine of the teacher; the student's machine (matched) if None.
        noise: each neuron of the teacher is wrong with this probability, below 1/2.
        beta: in place of noise, the teacher's neurons are drawn forward with weight exp(-beta v), inf for no errors.
    """

    patterns: int = 100
    dimension: int = 10
    test_patterns: int | None = None
    seed: int = 0
    teacher: Machine | None = None
    noise: float | None = None
    beta: float | None = None
    kind: ClassVar[str] = "hidden_manifold"

    def __post_init__(self) -> None:
        _check_counts(self)
        integer(1, dimension=self.dimension)
        _check_teacher(self)

    def build(self, machine: AnyMachine, sample: int | None = None) -> Task:
        """The data, with the seed of the sample, see `seed_of`."""
        return tasks.hidden_manifold(machine, self.patterns, dimension=self.dimension, **_options(self, sample))


@dataclass(frozen=True)
class DigitsTask:
    """Handwritten digits as inputs, their classes as outputs; the machine needs 784 inputs for those of the package.

    Args:
        patterns: number M of training patterns, >= 1; alpha = M / c.
        classes: digits to be told apart, at least two; as many outputs, or one output for two classes.
        test_patterns: number of test patterns; 400, or what is left if that is less, if None.
        seed: seed of the selection of images, >= 0.
        threshold: grey level, in [0, 1], above which a pixel is +1.
        images: idx file of images of your own (MNIST, Fashion-MNIST as distributed); needs `labels`.
        labels: idx file of their classes; needs `images`.
    """

    patterns: int = 200
    classes: tuple[int, ...] = (0, 1)
    test_patterns: int | None = None
    seed: int = 0
    threshold: float = 0.5
    images: str | None = None
    labels: str | None = None
    kind: ClassVar[str] = "digits"

    def __post_init__(self) -> None:
        _check_counts(self)
        object.__setattr__(self, "classes", integers("classes", self.classes))
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise fail("classes", "hold at least two different labels", self.classes)
        finite(threshold=self.threshold)
        if not 0 <= self.threshold <= 1:
            raise fail("threshold", "lie in [0, 1]", self.threshold)
        object.__setattr__(self, "threshold", float(self.threshold) + 0.0)  # no negative zero
        for name, other in (("images", "labels"), ("labels", "images")):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise fail(name, "be the path of an idx file", value)
            if value is None and getattr(self, other) is not None:
                raise fail(name, f"be given together with `{other}`", value)

    def build(self, machine: AnyMachine, sample: int | None = None) -> Task:
        """The data, with the seed of the sample, see `seed_of`."""
        options: dict[str, Any] = {"seed": seed_of(self.seed, sample), "test_patterns": self.test_patterns}
        if self.images is not None and self.labels is not None:
            options["images"], options["labels"] = tasks.idx_images(self.images, self.labels)
        return tasks.digits(machine, self.patterns, classes=self.classes, threshold=self.threshold, **options)


TaskConfig = RandomTask | TeacherStudentTask | HiddenManifoldTask | DigitsTask
"""All kinds of data."""

TASKS: dict[str, type[TaskConfig]] = {task.kind: task for task in get_args(TaskConfig)}
"""Kinds of data by name."""


def seed_of(seed: int, sample: int | None) -> int:
    """Seed of the data of a sample, different for all pairs of seed and sample; of data for all samples if None.

    seed 2^32 + sample

    Version 0.1.0 took seed + sample, which gives sample 1 of seed 0 and sample 0 of seed 1 the same data. With seed 0
    nothing has changed; neither have data that all samples share, whose seed is `seed` itself.
    """
    return seed if sample is None else seed * 2**32 + sample


def _check_counts(task: Any) -> None:
    integer(1, patterns=task.patterns)
    if task.test_patterns is not None:
        integer(1, test_patterns=task.test_patterns)
    integer(0, seed=task.seed)


def _check_teacher(task: Any) -> None:
    """Check the teacher and its errors; numbers become floats, and no noise None, so that equal runs have one hash."""
    if task.teacher is not None and not isinstance(task.teacher, Machine):
        raise fail("teacher", "be None or a Machine", task.teacher)
    errors = checked_errors(task.noise, task.beta)
    for name in ("noise", "beta"):
        object.__setattr__(task, name, from_json(errors.get(name)))


def _options(task: Any, sample: int | None) -> dict[str, Any]:
    """What the builders with a teacher take."""
    options = {"seed": seed_of(task.seed, sample), "test_patterns": task.test_patterns, "teacher": task.teacher}
    return {**options, "noise": task.noise, "beta": task.beta}


def integers(name: str, values: Any) -> tuple[int, ...]:
    """`values` as a tuple of integers >= 0, or ValueError."""
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise fail(name, "be a sequence of integers", values)
    integer(0, **{f"{name}[{n}]": value for n, value in enumerate(values)})
    return tuple(int(value) for value in values)
