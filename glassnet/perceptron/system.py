"""The perceptron as a system: what a run asks of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from jax import Array

from glassnet.core.check import fail, finite, one_of
from glassnet.native import library
from glassnet.perceptron.describe import check_reopens, described, machine_from
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.observe import layers
from glassnet.perceptron.observe.table import ACCEPTANCE, Taught, bound
from glassnet.perceptron.proposal import check_step
from glassnet.perceptron.reference import checked_spins, checked_weights, energy
from glassnet.perceptron.state import Boundary, State, pack, random_state, state_bytes
from glassnet.perceptron.sweeps import fused
from glassnet.perceptron.sweeps.catalogue import (
    check_dynamics,
    dynamics_about,
    dynamics_from,
    dynamics_name,
    dynamics_of,
)
from glassnet.perceptron.sweeps.native import known
from glassnet.sampling.kernel import Kernel
from glassnet.sampling.plan import Plan
from glassnet.sampling.system import Moves, Observable, System, Variable, Work

if TYPE_CHECKING:
    from glassnet.tasks.task import Task

Configuration = tuple[Sequence[np.ndarray], Sequence[np.ndarray]]
"""Weights, one (out, in) array a layer, and spins, one (pattern, neuron) array for each layer 0..L."""

STARTS = ("random", "planted")

KEPT_WORDS = {
    "spins": ("last configuration: spins", "S"),
    "inputs": ("clamped data", "S"),
    "outputs": ("clamped data", "S"),
}
"""Words and symbol of what results keep beside weights."""


@dataclass(frozen=True)
class Perceptron(System):
    """A machine that moves.

    Args:
        machine: the machine.
        dynamics: a name, a `Dynamics` or a builder of a kernel, as in `simulate`.
    Raises:
        ValueError: for something else, or moves that the machine has no place for.
    """

    machine: Machine
    dynamics: Any = "metropolis"

    def __post_init__(self) -> None:
        check_dynamics(self.dynamics, self.machine)

    @property
    def title(self) -> str:
        """What runs, in words."""
        return f"{dynamics_name(self.dynamics)} dynamics of a deep perceptron"

    @property
    def native(self) -> bool:
        """Whether native kernels carry out the sweeps on a CPU."""
        return dynamics_of(self.dynamics).native and library.available() and known(self.machine)

    @property
    def fused(self) -> bool:
        """Whether fused kernels carry out the sweeps on an accelerator."""
        return dynamics_of(self.dynamics).native and fused.known(self.machine.potential)

    def kernel(self, plan: Plan) -> Kernel:
        """The moves."""
        return dynamics_of(self.dynamics).build(self.machine, plan)

    def observables(self, tasks: Sequence["Task"]) -> Mapping[str, Observable]:
        """`glassnet.perceptron.observe.table`.

        Overlaps with a teacher where all tasks have a comparable one, the test error where there are test data.
        """
        match = not any(stack.diluted for stack in self.machine.stacks)
        taught = Taught(tasks[0].patterns, match) if self._taught(tasks) else None
        return bound(self.machine, taught, tested=not tasks or len(tasks[0].test_inputs) > 0)

    def _taught(self, tasks: Sequence["Task"]) -> bool:
        teachers = [task.teacher for task in tasks]
        return (
            bool(tasks)
            and self.machine.depth > 1
            and all(t is not None and self._comparable(t.machine) for t in teachers)
        )

    def _comparable(self, teacher: Machine) -> bool:
        """Whether hidden layers correspond: equal widths, and the same graph where one is diluted."""
        if any(stack.diluted for stack in (*self.machine.stacks, *teacher.stacks)):
            return self.machine.shares_architecture(teacher)
        return teacher.widths[1:-1] == self.machine.widths[1:-1]

    def start(self, key: Array, clamped: Boundary) -> State:
        """Infinite temperature: weights from their prior, hidden neurons at random."""
        return random_state(self.machine, key, clamped)

    def given(self, start: str | Configuration, task: "Task") -> State:
        """The teacher's configuration, or one that was given; inputs and outputs are the task's."""
        if start == "planted":
            assert task.teacher is not None  # checked before
            return pack(self.machine, task.teacher.weights, task.teacher.spins)
        assert not isinstance(start, str)
        weights, spins = start
        return pack(self.machine, weights, [task.inputs, *list(spins)[1:-1], task.outputs])

    def start_arrays(self, start: Configuration) -> dict[str, np.ndarray]:
        """Weights and spins by layer."""
        weights, spins = start
        named = {f"weights/{l}": np.asarray(J) for l, J in enumerate(weights)}
        return named | {f"spins/{l}": np.asarray(S) for l, S in enumerate(spins)}

    def start_from(self, arrays: Mapping[str, np.ndarray]) -> Configuration:
        """The inverse of `start_arrays`."""
        weights, spins = ([n for n in arrays if n.startswith(kind)] for kind in ("weights/", "spins/"))
        return [arrays[f"weights/{l}"] for l in range(len(weights))], [arrays[f"spins/{l}"] for l in range(len(spins))]

    def clamped(self, task: "Task") -> Boundary:
        """Training inputs and outputs."""
        return Boundary(task.inputs.T, task.outputs.T)  # ty: ignore[invalid-argument-type]

    def scene(self, task: "Task") -> Boundary:
        """Training data, test data, if any, and the teacher's hidden neurons where they correspond to the machine's."""
        whole = self.clamped(task)
        if len(task.test_inputs):
            test = Boundary(task.test_inputs.T, task.test_outputs.T)  # ty: ignore[invalid-argument-type]
            whole = replace(whole, test=test)
        if not self._taught([task]):
            return whole
        assert task.teacher is not None
        return replace(whole, teacher=np.stack([S.T for S in task.teacher.spins[1:-1]]))

    def bare(self, state: State) -> State:
        """Weights and spins without pre-activations."""
        return replace(state, fields=())

    def finite(self, state: State) -> dict[str, Array]:
        """Weights and pre-activations, by layer."""
        return layers.finite(state)

    def part(self, name: str, *index: int) -> str:
        """A layer in words."""
        return f"{name} of layer {index[0] + 1}"

    def moves(self, tasks: Sequence["Task"]) -> dict[str, Moves]:
        """Moves offered to weights and spins, by layer 1..L."""
        offered = dynamics_of(self.dynamics).moves(self.machine, tasks[0].patterns)
        unknown = [name for name in offered if name not in ACCEPTANCE]
        if unknown:
            raise fail("dynamics.moves", f"give the names {' and '.join(ACCEPTANCE)}", unknown)
        return {name: Moves(count, ACCEPTANCE[name]) for name, count in offered.items()}

    def replica_bytes(self, tasks: Sequence["Task"]) -> int:
        """Weights, hidden spins and pre-activations."""
        return state_bytes(self.machine, tasks[0].patterns)

    def work(self, tasks: Sequence["Task"]) -> Work:
        """Gaps of the widest layer, and of all layers."""
        widths, patterns = self.machine.widths[1:], tasks[0].patterns
        return Work(max(widths) * patterns, sum(widths) * patterns)

    def check(self, tasks: Sequence["Task"], betas: Sequence[float], start: Any, numbers: Mapping[str, float]) -> None:
        """Raise ValueError unless data, temperatures, start and numbers fit the machine."""
        check_step(weight_step=numbers["weight_step"])
        finite(**{f"numbers[{name!r}]": x for name, x in numbers.items() if name != "weight_step"})
        for task in tasks:
            task.check(self.machine)
        shapes = {(task.patterns, len(task.test_inputs)) for task in tasks}
        if len(shapes) > 1:
            raise fail("task", "have equal numbers of patterns in all samples", sorted(shapes))
        if self.machine.hard and min(betas) == 0:
            raise fail("beta", "be positive for a hard core", min(betas))
        if not isinstance(start, str):
            self._check_given(start, tasks[0].patterns)
        elif start == "planted":
            for task in tasks:
                self._check_planted(task)
        else:
            one_of(STARTS, start=start)

    def _check_planted(self, task: "Task") -> None:
        if task.teacher is None:
            raise fail(
                "start", f"be 'random' or a configuration for task {task.name!r}, which has no teacher", "planted"
            )
        teacher = task.teacher.machine
        if not self.machine.shares_architecture(teacher) or teacher.ensemble != self.machine.ensemble:
            raise fail("start", f"not be that of a teacher of another architecture, {teacher}", "planted")
        for layer, J in enumerate(task.teacher.weights, start=1):
            _check_size(f"weights of layer {layer} of the teacher", J)
        if np.isinf(energy(self.machine, task.teacher.weights, task.teacher.spins)).any():
            raise fail("start", "not be 'planted' where the teacher violates the margin of a hard core", "planted")

    def _check_given(self, start: Any, patterns: int) -> None:
        if not isinstance(start, (tuple, list)) or len(start) != 2:
            raise fail("start", "be 'random', 'planted' or a pair of weights and spins", start)
        weights, spins = checked_weights(self.machine, start[0]), checked_spins(self.machine, start[1])
        if len(spins[0]) != patterns:
            raise fail("start", f"have the {patterns} patterns of the task", len(spins[0]))
        for layer, (J, c) in enumerate(zip(weights, self.machine.connections, strict=True), start=1):
            _check_size(f"start weights of layer {layer}", J)
            self.machine.prior.check(f"start weights of layer {layer}", J, c)

    def check_storable(self, tasks: Sequence["Task"]) -> None:
        """Raise ValueError for a machine with a potential or an ensemble that cannot be imported elsewhere."""
        for machine in (self.machine, *(task.teacher.machine for task in tasks if task.teacher is not None)):
            check_reopens(machine)

    def coordinates(self) -> dict[str, np.ndarray]:
        """Layers 1..L."""
        return {"layer": np.arange(1, self.machine.depth + 1)}

    def kept(self, bare: State) -> dict[str, tuple[tuple[str, ...], Any]]:
        """Hidden spins, and the weights of each stack of layers."""
        weights = {f"weights_{g}": ((f"layer_{g}", f"slot_{g}", f"neuron_{g}"), J) for g, J in enumerate(bare.weights)}
        return {"spins": (("hidden_layer", "neuron", "pattern"), bare.spins)} | weights

    def kept_variable(self, name: str, dims: tuple[str, ...]) -> Variable:
        """Labels of kept spins, weights and clamped data."""
        words, symbol = KEPT_WORDS.get(name, ("last configuration: weights of one stack of layers", "J"))
        return Variable(dims, "1", words, symbol, "glassnet")

    def kept_data(self, task: "Task") -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
        """Clamped inputs and outputs."""
        return {"inputs": (("pattern", "inputs"), task.inputs), "outputs": (("pattern", "outputs"), task.outputs)}

    def from_kept(self, arrays: Mapping[str, Any], data: Mapping[str, np.ndarray]) -> tuple[State, Boundary]:
        """Bare configurations and clamped neurons, with whatever leading axes the arrays have."""
        weights = tuple(arrays[f"weights_{g}"] for g in range(len(self.machine.stacks)))
        sides = (np.swapaxes(data[side], -1, -2) for side in ("inputs", "outputs"))
        return State(arrays["spins"], weights, ()), Boundary(*sides)  # ty: ignore[invalid-argument-type]

    def attributes(self, tasks: Sequence["Task"]) -> dict[str, Any]:
        """The machine, its sizes, its load and its dynamics."""
        return {
            "machine": described(self.machine),
            "depth": self.machine.depth,
            "widths": json.dumps(self.machine.widths),
            "patterns": tasks[0].patterns,
            "alpha": tasks[0].patterns / self.machine.alpha_scale,
            "dynamics": dynamics_name(self.dynamics),
            "hard": int(self.machine.hard),
        }

    def config(self, numbers: Mapping[str, float]) -> dict[str, Any]:
        """Machine and dynamics as JSON values; `numbers` holds what moves of a user need beside `weight_step`."""
        step = numbers["weight_step"]
        own = {name: x for name, x in numbers.items() if name != "weight_step"}
        config = {"machine": described(self.machine), "dynamics": dynamics_about(self.dynamics), "weight_step": step}
        return {**config, "numbers": own} if own else config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> tuple[Self, dict[str, float]]:
        """The inverse of `config`."""
        numbers = {"weight_step": config["weight_step"], **config.get("numbers", {})}
        return cls(machine_from(config["machine"]), dynamics_from(config["dynamics"])), numbers


LARGEST_WEIGHT = 1e6
"""Weights of a start are no larger: beyond, single precision no longer feels the moves of the others."""


def _check_size(name: str, weights: np.ndarray) -> None:
    largest = float(np.abs(weights).max())
    if largest > LARGEST_WEIGHT:
        raise fail(name, f"be at most {LARGEST_WEIGHT:g} in size, as in single precision", largest)
