"""The perceptron as a system: what a run asks of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.core.check import fail, finite
from glassnet.native import library
from glassnet.perceptron.describe import check_reopens, described, machine_from
from glassnet.perceptron.law import unlike_equilibrium
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.observe import layers
from glassnet.perceptron.observe.table import ACCEPTANCE, COORDINATES, Tables, Taught, bound
from glassnet.perceptron.potential import KNOWN
from glassnet.perceptron.proposal import check_step
from glassnet.perceptron.reference import checked_signs, checked_spins, checked_weights, energy, feed_forward
from glassnet.perceptron.state import Boundary, State, pack, random_state, state_bytes, unpack, with_fields
from glassnet.perceptron.sweeps import fused
from glassnet.perceptron.sweeps.catalogue import (
    build,
    check_dynamics,
    check_frozen,
    check_targets,
    dynamics_about,
    dynamics_from,
    dynamics_name,
    dynamics_of,
)
from glassnet.perceptron.sweeps.frozen import NOTHING, Frozen
from glassnet.perceptron.sweeps.native import known
from glassnet.sampling.kernel import Kernel
from glassnet.sampling.plan import Plan
from glassnet.sampling.starts import Starts
from glassnet.sampling.system import EXACT, Moves, Observable, Parameter, System, Variable, Work

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
        frozen: layers that are held fixed.
    Raises:
        ValueError: for something else, moves that the machine has no place for, or if nothing is left to move.
    """

    machine: Machine
    dynamics: Any = "metropolis"
    frozen: Frozen = NOTHING

    def __post_init__(self) -> None:
        check_dynamics(self.dynamics, self.machine)
        check_frozen(self.frozen, self.dynamics, self.machine)

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
        return bool(dynamics_of(self.dynamics).fused) and fused.known(self.machine.potential)

    @property
    def cold(self) -> bool:
        """Whether the machine has a hard core."""
        return self.machine.hard

    def parameters(self) -> Mapping[str, Parameter]:
        """The margin of the potential, and the weight of what a teacher asks of the outputs."""
        return PARAMETERS

    def kernel(self, plan: Plan) -> Kernel:
        """The moves."""
        return build(self.dynamics, self.machine, plan, self.frozen)

    def observables(self, tasks: Sequence["Task"]) -> Mapping[str, Observable]:
        """`TABLE` of `glassnet.perceptron.observe.table`.

        Overlaps with a teacher where all tasks have a comparable one, the test error where there are test data.
        """
        return self._tables(tasks).usual

    def optional(self, tasks: Sequence["Task"]) -> Mapping[str, Observable]:
        """`OPTIONAL` of `glassnet.perceptron.observe.table`, as far as machine and data have it."""
        return self._tables(tasks).optional

    def _tables(self, tasks: Sequence["Task"]) -> Tables:
        match = not any(stack.diluted for stack in self.machine.stacks)
        taught = Taught(tasks[0].patterns, match) if self._taught(tasks) else None
        guided = bool(tasks) and all(task.guide is not None for task in tasks)
        tested = not tasks or len(tasks[0].test_inputs) > 0
        both_move = self.dynamics != "feedforward"
        return bound(self.machine, taught, tested=tested, guided=guided, frozen=self.frozen if both_move else None)

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

    def continued(
        self,
        arrays: Mapping[str, np.ndarray],
        data: Mapping[str, np.ndarray],
        config: Mapping[str, Any],
        task: "Task",
    ) -> dict[str, np.ndarray]:
        """Weights and hidden spins of another run; at patterns that it did not have, neurons follow the weights.

        Potential and temperature may differ, and the task may have more patterns behind those of the other run.
        """
        if "machine" not in config:
            raise fail("start", "be the result of a Machine", config.get("system", {}).get("kind"))
        source = machine_from(config["machine"])
        if not self.machine.shares_architecture(source):
            raise fail("start", f"have the widths, the connectivity and the graph of {self.machine}", source)
        known = len(data["inputs"])
        if known > task.patterns:
            raise fail("start", f"have at most the {task.patterns} patterns of the task", known)
        for side in ("inputs", "outputs"):
            if not np.array_equal(data[side], getattr(task, side)[:known]):
                raise fail("start", f"have the {side} of task {task.name!r} in its {known} patterns", f"others, {side}")
        if known == task.patterns:
            return dict(arrays)
        bare, boundary = self.from_kept(arrays, data)
        weights, _ = unpack(self.machine, bare, boundary)
        followed = feed_forward(self.machine, weights, task.inputs[known:])[1:-1]
        spins = [np.concatenate([S, T.T], 1) for S, T in zip(arrays["spins"], followed, strict=True)]
        none = np.zeros((0, self.machine.width, task.patterns), np.int8)
        return {**arrays, "spins": np.stack(spins) if spins else none}

    def started(self, arrays: Mapping[str, np.ndarray], task: "Task") -> State:
        """Weights and hidden spins with their pre-activations."""
        bare = jax.tree.map(jnp.asarray, self.from_kept(arrays, {"inputs": task.inputs, "outputs": task.outputs}))
        return with_fields(self.machine, bare[0].spins, bare[0].weights, bare[1])

    def clamped(self, task: "Task") -> Boundary:
        """Training inputs and outputs, and what a parent asks of these."""
        sides: Any = (task.inputs.T, task.outputs.T)
        return Boundary(*sides, targets=None if task.guide is None else task.guide.targets())

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

    def at_temperature(self, scene: Boundary, temperature: Array) -> Boundary:
        """As `scene`, with the temperature."""
        return replace(scene, temperature=temperature)

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
        offered = dict(dynamics_of(self.dynamics).moves(self.machine, tasks[0].patterns))
        for name, held in (("accepted_weights", self.frozen.weights), ("accepted_spins", self.frozen.spins)):
            if held:
                offered[name] = np.where(np.isin(np.arange(1, self.machine.depth + 1), held), 0, offered[name])
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
        guides = [task.guide is not None for task in tasks]
        if any(guides):
            check_targets(self.dynamics, self.machine)
            if not all(guides):
                raise fail("task", "have a guide in all samples, or in none", guides)
        shapes = {(task.patterns, len(task.test_inputs)) for task in tasks}
        if len(shapes) > 1:
            raise fail("task", "have equal numbers of patterns in all samples", sorted(shapes))
        if self.machine.hard and min(betas) == 0:
            raise fail("beta", "be positive for a hard core", min(betas))
        if isinstance(start, Starts):
            self._check_starts(start)
        elif not isinstance(start, str):
            self._check_given(start, tasks[0].patterns)
        elif start == "planted":
            for task in tasks:
                self._check_planted(task)
        elif start not in STARTS:
            raise fail("start", f"be one of {', '.join(map(repr, STARTS))}, or the path of a run", start)

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
            raise fail(
                "start", "not be 'planted' where the teacher violates the margin of a hard core, or errs", "planted"
            )

    def _check_given(self, start: Any, patterns: int) -> None:
        if not isinstance(start, (tuple, list)) or len(start) != 2:
            raise fail("start", "be 'random', 'planted', a run, or a pair of weights and spins", start)
        weights, spins = checked_weights(self.machine, start[0]), checked_spins(self.machine, start[1])
        if len(spins[0]) != patterns:
            raise fail("start", f"have the {patterns} patterns of the task", len(spins[0]))
        for layer, (J, c) in enumerate(zip(weights, self.machine.connections, strict=True), start=1):
            _check_size(f"start weights of layer {layer}", J)
            self.machine.prior.check(f"start weights of layer {layer}", J, c)

    def _check_starts(self, start: Starts) -> None:
        """Raise ValueError unless all weights lie where the prior lives, and spins are signs; sizes are the job's."""
        for g, stack in enumerate(self.machine.stacks):
            weights = start.arrays[f"weights_{g}"]
            for place in np.ndindex(weights.shape[:3]):
                name = f"start weights of layer {stack.first + place[-1]}"
                J = np.asarray(weights[place]).T
                _check_size(name, J)
                self.machine.prior.check(name, J, stack.connectivity)
        if self.machine.depth > 1:
            checked_signs("start", np.reshape(start.arrays["spins"], (-1, self.machine.width)), self.machine.width)

    def check_storable(self, tasks: Sequence["Task"]) -> None:
        """Raise ValueError for a machine with a potential or an ensemble that cannot be imported elsewhere."""
        for machine in (self.machine, *(task.teacher.machine for task in tasks if task.teacher is not None)):
            check_reopens(machine)

    def coordinates(self) -> dict[str, np.ndarray]:
        """Layers 1..L, hidden neurons, bins of squared overlaps."""
        return {
            "layer": np.arange(1, self.machine.depth + 1),
            "neuron": np.arange(self.machine.width),
            **COORDINATES,
        }

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

    def equilibrium(self, tasks: Sequence["Task"], betas: Sequence[float], start: Any) -> str:
        """Whether a start is in equilibrium: a planted one if its teacher was drawn as the student's law asks."""
        if len(set(betas)) > 1:
            return "no: the temperature changes"
        if not isinstance(self.dynamics, str):
            return f"not known: whether the moves of {dynamics_name(self.dynamics)} keep the law of weights and neurons"
        if not isinstance(start, str):
            return f"not known: the start {'is that of another run' if isinstance(start, Starts) else 'was given'}"
        if start == "random":
            return EXACT if betas[0] == 0 else "no: a random start"
        if self.frozen or any(task.guide is not None for task in tasks):
            return "not known: layers are frozen, or outputs have targets"
        reasons = [self._unlike_equilibrium(task, betas[0]) for task in tasks]
        return next((reason for reason in reasons if reason is not None), EXACT)

    def _unlike_equilibrium(self, task: "Task", beta: float) -> str | None:
        """Why the teacher of a task is not in equilibrium under its own outputs; None if it is."""
        law, machine = task.law, self.machine
        if law is None:
            return "not known: the task does not say how its teacher was drawn"
        if not law.from_prior:
            return "no: the teacher's weights were given, not drawn from their prior"
        whole = range(1, machine.depth + 1)
        if self.dynamics == "feedforward":  # neurons that follow, and a law of the outputs alone
            if machine.depth > 1 and law.constant != 0:
                return "no: hidden neurons of the teacher err, those of a student that is fed forward do not"
            whole = whole[-1:]
        reason = unlike_equilibrium(machine, beta, law, whole)
        return None if reason is None else f"no: {reason}"

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
        if self.frozen:
            config["frozen"] = {"weights": list(self.frozen.weights), "spins": list(self.frozen.spins)}
        return {**config, "numbers": own} if own else config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> tuple[Self, dict[str, float]]:
        """The inverse of `config`."""
        numbers = {"weight_step": config["weight_step"], **config.get("numbers", {})}
        frozen = Frozen(**{name: tuple(layers) for name, layers in config.get("frozen", {}).items()})
        return cls(machine_from(config["machine"]), dynamics_from(config["dynamics"]), frozen), numbers


def _margin(boundary: Boundary) -> Any:
    return boundary.margin


def _put_margin(boundary: Boundary, values: Any) -> Boundary:
    return replace(boundary, margin=values)


def _own_margin(system: Perceptron, tasks: Sequence["Task"]) -> float:
    if type(system.machine.potential) not in KNOWN:
        requirement = "be one of the package for an exchange over margins: another may feel its margin beside the gap"
        raise fail("potential", requirement, system.machine.potential)
    if not isinstance(system.dynamics, str):
        requirement = "be a named one for an exchange over margins: others may not look for them in the data"
        raise fail("dynamics", requirement, system.dynamics)
    return system.machine.potential.margin


def _at_margin(system: Perceptron, value: float) -> Perceptron:
    potential: Any = system.machine.potential
    return replace(system, machine=replace(system.machine, potential=replace(potential, margin=value)))


def _weight(boundary: Boundary) -> Any:
    assert boundary.targets is not None  # a ladder of weights has a guide
    return boundary.targets.weight


def _put_weight(boundary: Boundary, values: Any) -> Boundary:
    targets = boundary.targets  # what results keep of the data is without
    return boundary if targets is None else replace(boundary, targets=replace(targets, weight=values))


def _own_weight(system: Perceptron, tasks: Sequence["Task"]) -> float:
    weights = {None if task.guide is None else task.guide.weight for task in tasks}
    if len(weights) > 1 or None in weights:
        found = [task.guide for task in tasks]
        raise fail("task", "have a guide, of one weight in all samples, for an exchange over 'guide_weight'", found)
    return weights.pop()  # ty: ignore[invalid-explicit-return]


def _at_weight(system: Perceptron, value: float) -> Perceptron:
    if not 0 <= value <= 1:
        raise fail("exchange.values", "lie in [0, 1], as weights of a guide", value)
    return system


PARAMETERS = {
    "margin": Parameter(_margin, _put_margin, _own_margin, _at_margin, "margin"),
    "guide_weight": Parameter(_weight, _put_weight, _own_weight, _at_weight, "weight of the guide"),
}
"""What rungs of a ladder may differ in beside the temperature."""

LARGEST_WEIGHT = 1e6
"""Weights of a start are no larger: beyond, single precision no longer feels the moves of the others."""


def _check_size(name: str, weights: np.ndarray) -> None:
    largest = float(np.abs(weights).max())
    if largest > LARGEST_WEIGHT:
        raise fail(name, f"be at most {LARGEST_WEIGHT:g} in size, as in single precision", largest)
