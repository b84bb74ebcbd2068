"""The thermal machine as a system: what a run asks of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.core import keys
from glassnet.core.check import fail
from glassnet.core.means import mean_over
from glassnet.perceptron.state import Boundary, State
from glassnet.perceptron.system import Configuration, Perceptron
from glassnet.sampling import descent, langevin
from glassnet.sampling.descent import Descending, Slope, check_rate
from glassnet.sampling.kernel import Kernel
from glassnet.sampling.langevin import Moving, Scheme, check_steps
from glassnet.sampling.paths import import_path
from glassnet.sampling.plan import Plan
from glassnet.sampling.starts import Starts
from glassnet.sampling.system import Observable, System, Variable, Work
from glassnet.thermal.energy import checked_neurons, checked_weights, forces
from glassnet.thermal.machine import ThermalMachine, described, machine_from, moving_numbers
from glassnet.thermal.observe import bound

if TYPE_CHECKING:
    from glassnet.tasks.task import Task

NUMBERS: dict[type, tuple[str, ...]] = {Scheme: ("time_step", "friction"), Slope: ("rate",)}
"""Numbers that a step takes as data, by its scheme."""


def state_bytes(machine: ThermalMachine, patterns: int) -> int:
    """Bytes of one replica: positions, velocities, forces, and as much again as a step computes with."""
    return 4 * 4 * moving_numbers(machine, patterns)


@dataclass(frozen=True)
class Thermal(System):
    """A thermal machine that moves.

    Args:
        machine: the machine.
        scheme: how a time step is built, `Langevin.scheme` or `Descent.scheme`; its numbers are those of the run.
    """

    machine: ThermalMachine
    scheme: Scheme | Slope = Scheme()  # noqa: RUF009

    @property
    def title(self) -> str:
        """What runs, in words."""
        return (
            f"{self.scheme} of a thermal machine" if self.descends else f"{self.scheme} dynamics of a thermal machine"
        )

    @property
    def descends(self) -> bool:
        """Whether it goes down without temperature."""
        return isinstance(self.scheme, Slope)

    @property
    def _alike(self) -> Perceptron:
        """The perceptron whose arrays have the same layout."""
        return Perceptron(self.machine.network)

    def kernel(self, plan: Plan) -> Kernel:
        """One time step."""
        own = partial(forces, self.machine)
        return descent.kernel(own, self.scheme) if isinstance(self.scheme, Slope) else langevin.kernel(own, self.scheme)

    def observables(self, tasks: Sequence["Task"]) -> Mapping[str, Observable]:
        """`TABLE` of `glassnet.thermal.observe` as far as there are test data and velocities."""
        return bound(self.machine, tested=not tasks or len(tasks[0].test_inputs) > 0, warm=not self.descends)

    def start(self, key: Array, clamped: Boundary) -> State:
        """Infinite temperature: weights and hidden neurons uniform in (-1, 1)."""
        network, patterns = self.machine.network, clamped.inputs.shape[-1]
        shapes = [(len(s.layers), s.fan_in, s.fan_out) for s in network.stacks]
        weights = tuple(2 * keys.uniform(keys.address(key, 1, g), shape) - 1 for g, shape in enumerate(shapes))
        hidden = (network.depth - 1, network.width, patterns)
        return State(2 * keys.uniform(keys.address(key, 0), hidden) - 1, weights, ())

    def given(self, start: Configuration, task: "Task") -> State:
        """Weights and hidden neurons that were given; inputs and outputs are the task's."""
        weights, neurons = (
            checked_weights(self.machine, start[0]),
            checked_neurons(self.machine, [task.inputs, *list(start[1])[1:-1], task.outputs]),
        )
        stacks = self.machine.network.stacks
        stacked = tuple(jnp.asarray(np.stack([weights[l - 1].T for l in s.layers]), jnp.float32) for s in stacks)
        none = np.zeros((0, self.machine.width, task.patterns))
        hidden = np.stack([S.T for S in neurons[1:-1]]) if self.machine.depth > 1 else none
        return State(jnp.asarray(hidden, jnp.float32), stacked, ())

    def start_arrays(self, start: Configuration) -> dict[str, np.ndarray]:
        """Weights and neurons by layer."""
        return self._alike.start_arrays(start)

    def start_from(self, arrays: Mapping[str, np.ndarray]) -> Configuration:
        """The inverse of `start_arrays`."""
        return self._alike.start_from(arrays)

    def clamped(self, task: "Task") -> Boundary:
        """Training inputs and outputs."""
        sides = (np.ascontiguousarray(x.T, np.float32) for x in (task.inputs, task.outputs))
        return Boundary(*sides)  # ty: ignore[invalid-argument-type]

    def scene(self, task: "Task") -> Boundary:
        """Training data, and test data, if any."""
        if not len(task.test_inputs):
            return self.clamped(task)
        test = Boundary(task.test_inputs.T, task.test_outputs.T)  # ty: ignore[invalid-argument-type]
        return replace(self.clamped(task), test=test)

    def at_temperature(self, scene: Boundary, temperature: Array) -> Boundary:
        """As `scene`, with the temperature."""
        return replace(scene, temperature=temperature)

    def bare(self, state: Moving | Descending | State) -> State:
        """Weights and hidden neurons without velocities and forces."""
        return state.positions if isinstance(state, (Moving, Descending)) else state

    def finite(self, state: Moving | Descending) -> dict[str, Array]:
        """Forces, velocities, if any, and positions of weights (layers 1..L) and of hidden neurons."""
        found, velocities = {}, [("velocities of", state.velocities)] if isinstance(state, Moving) else []
        for name, part in (("forces on", state.forces), *velocities, ("", state.positions)):
            found[f"{name} weights".strip()] = jnp.concatenate([_all_finite(J) for J in part.weights])
            found[f"{name} neurons".strip()] = _all_finite(part.spins)
        return found

    def part(self, name: str, *index: int) -> str:
        """A layer in words."""
        return f"{name} of layer {index[0] + 1}"

    def work(self, tasks: Sequence["Task"]) -> Work:
        """Neurons of the widest layer below and of all layers; positions, velocities and forces."""
        widths, patterns = self.machine.widths, tasks[0].patterns
        return Work(max(widths[1:]) * patterns, 3 * moving_numbers(self.machine, patterns))

    def replica_bytes(self, tasks: Sequence["Task"]) -> int:
        """As `state_bytes`."""
        return state_bytes(self.machine, tasks[0].patterns)

    def check(self, tasks: Sequence["Task"], betas: Sequence[float], start: Any, numbers: Mapping[str, float]) -> None:
        """Raise ValueError unless data, temperatures, start and numbers fit the machine."""
        names = NUMBERS[type(self.scheme)]
        if set(numbers) != set(names):
            raise fail("numbers", f"be {' and '.join(names)}", dict(numbers))
        if isinstance(self.scheme, Slope):
            check_rate(numbers["rate"])
            if min(betas) < np.inf:
                raise fail("beta", "be inf, temperature 0, for a Descent", min(betas))
        else:
            check_steps(self.scheme.form, numbers["time_step"], numbers["friction"])
            if (numbers["friction"] > 0) != self.scheme.damped:
                raise fail("friction", f"be {'above 0' if self.scheme.damped else '0'}", numbers["friction"])
            if min(betas) == 0:
                raise fail("beta", "be positive for a thermal machine, whose velocities need a finite temperature", 0.0)
        for task in tasks:
            task.check(self.machine.network)
        shapes = {(task.patterns, len(task.test_inputs)) for task in tasks}
        if len(shapes) > 1:
            raise fail("task", "have equal numbers of patterns in all samples", sorted(shapes))
        if isinstance(start, Starts):
            for name, x in start.arrays.items():
                if not bool((np.abs(x) <= 1).all()):
                    raise fail(f"start {name}", "lie in [-1, 1]", float(np.abs(x).max()))
        elif not isinstance(start, str):
            if not isinstance(start, (tuple, list)) or len(start) != 2:
                raise fail("start", "be 'random', a run, or a pair of weights and neurons", start)
            checked_weights(self.machine, start[0])
            neurons = checked_neurons(self.machine, start[1])
            if len(neurons[0]) != tasks[0].patterns:
                raise fail("start", f"have the {tasks[0].patterns} patterns of the task", len(neurons[0]))
        elif start != "random":
            raise fail("start", "be 'random', a run, or a pair of weights and neurons", start)

    def check_storable(self, tasks: Sequence["Task"]) -> None:
        """Nothing is missing: a machine is its numbers, and a task its arrays."""
        return

    def coordinates(self) -> dict[str, np.ndarray]:
        """Layers 1..L."""
        return {"layer": np.arange(1, self.machine.depth + 1)}

    def kept(self, bare: State) -> dict[str, tuple[tuple[str, ...], Any]]:
        """Hidden neurons, and the weights of each stack of layers."""
        return self._alike.kept(bare)

    def kept_variable(self, name: str, dims: tuple[str, ...]) -> Variable:
        """Labels of kept neurons, weights and clamped data."""
        return self._alike.kept_variable(name, dims)

    def kept_data(self, task: "Task") -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
        """Clamped inputs and outputs."""
        return self._alike.kept_data(task)

    def from_kept(self, arrays: Mapping[str, Any], data: Mapping[str, np.ndarray]) -> tuple[State, Boundary]:
        """Bare configurations and clamped neurons, with whatever leading axes the arrays have."""
        state, boundary = self._alike.from_kept(arrays, data)
        sides = (np.asarray(x, np.float32) for x in (boundary.inputs, boundary.outputs))
        return state, Boundary(*sides)  # ty: ignore[invalid-argument-type]

    def equilibrium(self, tasks: Sequence["Task"], betas: Sequence[float], start: Any) -> str:
        """Whether a start is in equilibrium: no start that is known here is."""
        if len(set(betas)) > 1:
            return "no: the temperature changes"
        return "no: a random start" if isinstance(start, str) else "not known: the start was given"

    def attributes(self, tasks: Sequence["Task"]) -> dict[str, Any]:
        """The machine, its sizes, its load and its dynamics."""
        return {
            "machine": described(self.machine),
            "depth": self.machine.depth,
            "widths": json.dumps(self.machine.widths),
            "patterns": tasks[0].patterns,
            "alpha": tasks[0].patterns / self.machine.alpha_scale,
            "dynamics": str(self.scheme),
            "hard": 0,
        }

    def config(self, numbers: Mapping[str, float]) -> dict[str, Any]:
        """Machine, scheme and numbers as JSON values."""
        system = {"kind": import_path(type(self)), "machine": described(self.machine), "scheme": asdict(self.scheme)}
        return {"system": system, "numbers": dict(numbers)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> tuple[Self, dict[str, float]]:
        """The inverse of `config`."""
        system = config["system"]
        scheme = (Slope if "optimizer" in system["scheme"] else Scheme)(**system["scheme"])
        return cls(machine_from(system["machine"]), scheme), dict(config["numbers"])


def _all_finite(stack: Array) -> Array:
    return mean_over(~jnp.isfinite(stack), 2) == 0
