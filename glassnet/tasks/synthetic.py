"""Synthetic tasks: random data, teacher and student, hidden manifold.

Every independent ingredient has its own random stream, addressed by the seed and a name, so that for
instance the number of test patterns does not change the training data.
"""

from collections.abc import Sequence

import numpy as np

from glassnet.core.check import fail, integer, is_number
from glassnet.core.codec import to_json
from glassnet.perceptron.describe import described
from glassnet.perceptron.law import Law
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.prior import prior_weights
from glassnet.perceptron.reference import checked_weights, feed_forward
from glassnet.tasks.task import Task, Teacher, fingerprint, law_of
from glassnet.thermal.machine import AnyMachine

TeacherChoice = Machine | Sequence[np.ndarray] | None


def random(machine: AnyMachine, patterns: int, *, seed: int = 0, test_patterns: int | None = None) -> Task:
    """Inputs and outputs independent, +1 or -1 with equal probability: a constraint satisfaction problem.

    Args:
        machine: the machine to be trained; gives the widths.
        patterns: number M >= 1 of training patterns.
        seed: seed >= 0 of the data.
        test_patterns: number of test patterns, as many as `patterns` if None. Nothing relates them to the
            training data, so the test error of any machine is 1/2 on average.
    Raises:
        ValueError: if a number is out of range.
    """
    counts = _checked_counts(patterns, seed, test_patterns)
    ends = {"inputs": machine.widths[0], "outputs": machine.widths[-1]}
    inputs, outputs, test_inputs, test_outputs = (
        signs(stream(seed, part + side), count, width) for part, count in counts.items() for side, width in ends.items()
    )
    parameters = _parameters("random", counts, seed)
    return Task("random", inputs, outputs, test_inputs, test_outputs, parameters)


def teacher_student(
    machine: AnyMachine,
    patterns: int,
    *,
    seed: int = 0,
    test_patterns: int | None = None,
    teacher: TeacherChoice = None,
    noise: float | None = None,
    beta: float | None = None,
) -> Task:
    """Outputs of a teacher machine for random inputs: an inference problem.

    The outputs follow by S_l = sgn(J_l S_{l-1} / sqrt(c)), sgn(0) = +1, from weights J of the teacher. Without
    margin, weights and neurons of a matched teacher violate no gap of the student: they are a ground state
    and, for a hard core, an equilibrium configuration (not for Ising weights with an even number of inputs, whose
    fields can be zero). With a margin > 0 in the potential they are not, since many of the teacher's own gaps fall
    below it.

    With `noise` or `beta` the teacher errs: its neurons are drawn forward, layer after layer, and later layers see the
    errors of earlier ones. Weights and neurons are then in equilibrium under their own outputs as data, so that
    `simulate(start="planted")` begins in equilibrium at any depth and width, where z(h) = sum_S exp(-beta v(S h)) does
    not depend on the field h: for `Counting` at margin 0 at each beta (errors with p = 1/(1 + exp(beta strength))), for
    `Probit` and `Logistic` at margin 0 at beta = 1. Results say whether it is so, and why not, in their attribute
    `start_equilibrium`.

    Args:
        machine: the student; gives the widths.
        patterns: number M >= 1 of training patterns.
        seed: seed >= 0 of the inputs and of the teacher's weights.
        test_patterns: number of fresh inputs labelled by the same teacher, as many as `patterns` if None.
        teacher: None for the student's machine with weights from its prior (matched), or another machine of
            equal input and output widths with weights from its own prior, or explicit weights of the
            student's machine, one array (out, in) a layer.
        noise: each neuron of the teacher, outputs included, is wrong with this probability, 0 <= noise < 1/2.
        beta: in place of `noise`, each neuron is drawn with weight exp(-beta v(S h)), v the potential of the teacher's
            machine; inf for zero temperature.
    Returns:
        The task, with `teacher` set: its weights, and its neurons with their errors. Test outputs are those of the
        teacher without errors: `test_error` compares the rules that student and teacher have learned or are.
    Raises:
        ValueError: if a number is out of range, widths differ, explicit weights do not fit, both `noise` and `beta` are
            given, or a hard core with a margin > 0 forbids both signs of a neuron.
    """
    counts = _checked_counts(patterns, seed, test_patterns)
    inputs = {part: signs(stream(seed, f"{part}inputs"), count, machine.widths[0]) for part, count in counts.items()}
    parameters = _parameters("teacher_student", counts, seed) | checked_errors(noise, beta)
    return _labelled("teacher_student", machine, inputs, parameters, teacher)


def hidden_manifold(
    machine: AnyMachine,
    patterns: int,
    *,
    dimension: int,
    seed: int = 0,
    test_patterns: int | None = None,
    teacher: TeacherChoice = None,
    noise: float | None = None,
    beta: float | None = None,
) -> Task:
    """Inputs near a manifold of low dimension, labelled by a teacher that sees the inputs.

    S_0 = sgn(F z / sqrt(D))                                             [Goldt et al. 2020; Yoshino 2023]

    with z of dimension D independent N(0, 1) for each pattern and one fixed F, shape (N_0, D), of independent
    N(0, 1), shared by training and test data.

    Args:
        machine: the student; gives the widths.
        patterns: number M >= 1 of training patterns.
        dimension: D, 1 <= D <= N_0.
        seed: seed >= 0 of F, z and the teacher's weights.
        test_patterns: number of fresh patterns of the same manifold and teacher, as many as `patterns` if None.
        teacher, noise, beta: as in `teacher_student`.
    Returns:
        The task, with `teacher` set; test outputs are without errors.
    Raises:
        ValueError: as in `teacher_student`, or if the dimension is out of range.
    """
    counts = _checked_counts(patterns, seed, test_patterns)
    width = machine.widths[0]
    integer(1, dimension=dimension)
    if dimension > width:
        raise fail("dimension", f"be at most the input width {width}", dimension)
    folding = stream(seed, "folding").standard_normal((width, dimension))
    inputs = {}
    for part, count in counts.items():
        latent = stream(seed, f"{part}latent").standard_normal((count, dimension))
        inputs[part] = np.where(manifold_fields(folding, latent) >= 0, 1, -1).astype(np.int8)
    parameters = {**_parameters("hidden_manifold", counts, seed), "dimension": dimension}
    parameters |= checked_errors(noise, beta)
    return _labelled("hidden_manifold", machine, inputs, parameters, teacher)


def manifold_fields(folding: np.ndarray, latent: np.ndarray) -> np.ndarray:
    """Fields F z / sqrt(D) whose signs are the inputs of the hidden manifold, shape (pattern, N_0).

    Args:
        folding: F, shape (N_0, D).
        latent: z, shape (pattern, D).
    """
    return latent @ folding.T / np.sqrt(folding.shape[1])


def stream(seed: int, name: str) -> np.random.Generator:
    """Random numbers addressed by a seed and the name of what is drawn."""
    return np.random.default_rng((seed, int.from_bytes(name.encode())))


def signs(rng: np.random.Generator, patterns: int, width: int) -> np.ndarray:
    """Independent +1 and -1 with equal probability, int8, shape (patterns, width)."""
    return 2 * rng.integers(2, size=(patterns, width), dtype=np.int8) - 1


def _labelled(name: str, machine: AnyMachine, inputs: dict, parameters: dict, choice: TeacherChoice) -> Task:
    owner, weights, description = _teacher(machine, parameters["seed"], choice)
    spins = _drawn(owner, weights, inputs[""], law_of(parameters, owner), parameters["seed"])
    test_spins = feed_forward(owner, weights, inputs["test_"])
    return Task(
        name,
        inputs=spins[0],
        outputs=spins[-1],
        test_inputs=test_spins[0],
        test_outputs=test_spins[-1],
        parameters={**parameters, "teacher": description},
        teacher=Teacher(owner, weights, spins),
    )


def _drawn(owner: Machine, weights: list[np.ndarray], inputs: np.ndarray, law: Law, seed: int) -> list[np.ndarray]:
    """Neurons of a teacher, drawn forward; each layer has its own random stream, one number a neuron and pattern."""
    if law.potential is None and law.noise == 0:
        return feed_forward(owner, weights, inputs)

    def wrong(layer: int, field: np.ndarray) -> np.ndarray:
        probability = law.wrong(field)
        if np.isnan(probability).any():
            raise fail(
                "beta", f"be left out with {owner.potential}, which forbids both signs of some neurons", law.beta
            )
        return stream(seed, f"errors{layer}").random(field.shape) < probability

    return feed_forward(owner, weights, inputs, wrong)


def _teacher(machine: AnyMachine, seed: int, choice: TeacherChoice) -> tuple[Machine, list[np.ndarray], object]:
    """The teacher's machine, its weights, and what to note of it in the parameters."""
    if isinstance(choice, Machine):
        ends = (machine.widths[0], machine.widths[-1])
        if (choice.widths[0], choice.widths[-1]) != ends:
            raise fail("teacher", f"have input and output widths {ends}", (choice.widths[0], choice.widths[-1]))
        return choice, prior_weights(choice, stream(seed, "teacher")), described(choice)
    if not isinstance(machine, Machine):
        raise fail("teacher", "be a Machine for a student that is no perceptron", choice)
    if choice is None:
        return machine, prior_weights(machine, stream(seed, "teacher")), "matched"
    if not isinstance(choice, Sequence):
        raise fail("teacher", "be None, a Machine, or a list of weight arrays", choice)
    try:
        weights = checked_weights(machine, choice)
    except ValueError as error:
        raise ValueError(f"Argument `teacher` must hold weights of the student's machine. {error}") from error
    return machine, weights, {"sha256": fingerprint(*weights)}


def _checked_counts(patterns: int, seed: int, test_patterns: int | None) -> dict[str, int]:
    test_patterns = patterns if test_patterns is None else test_patterns
    integer(1, patterns=patterns, test_patterns=test_patterns)
    integer(0, seed=seed)
    return {"": patterns, "test_": test_patterns}


def checked_errors(noise: float | None, beta: float | None) -> dict:
    """What to note of the teacher's errors in the parameters; nothing where there are none.

    Raises:
        ValueError: for numbers out of range, or both.
    """
    if noise is not None and (not is_number(noise) or not 0 <= noise < 0.5):
        raise fail("noise", "be a probability of at least 0 and below 1/2", noise)
    if beta is not None and (not is_number(beta) or not beta >= 0):
        raise fail("beta", "be a number of at least 0, or inf", beta)
    if noise is not None and beta is not None:
        raise fail("noise", "be None where `beta` is given", noise)
    if beta is not None:
        return {"beta": to_json(float(beta) + 0.0)}
    return {"noise": float(noise)} if noise else {}


def _parameters(builder: str, counts: dict[str, int], seed: int) -> dict:
    return {"builder": builder, "patterns": counts[""], "test_patterns": counts["test_"], "seed": seed}
