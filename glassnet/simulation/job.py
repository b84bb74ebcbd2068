"""Everything that fixes a run, checked before anything is compiled."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.core import keys
from glassnet.core.check import fail, integer, one_of, positive
from glassnet.core.schedule import BetaPath, Schedule
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.reference import checked_spins, checked_weights, energy
from glassnet.perceptron.state import Boundary
from glassnet.perceptron.sweeps.catalogue import DYNAMICS
from glassnet.simulation.protocol import Protocol
from glassnet.simulation.share import Share
from glassnet.tasks import Task

Configuration = tuple[Sequence[np.ndarray], Sequence[np.ndarray]]
"""Weights, one (out, in) array a layer, and spins, one (pattern, neuron) array for each layer 0..L."""

STARTS = ("random", "planted")


@dataclass(frozen=True, eq=False)
class Job:
    """A run: what moves, under which data, at which temperatures, for how long.

    Args:
        machine: the machine.
        tasks: one task that all samples share, or one for each sample.
        schedules: inverse temperature against time, one for each rung of the temperature axis.
        protocol: samples, waiting times, clones, lags.
        dynamics: "metropolis", "heat_bath" or "feedforward".
        weight_step: size d of a weight move.
        seed: root of all random numbers.
        start: "random" (infinite temperature), "planted" (the teacher's configuration) or a configuration.
        share: samples and temperatures that are run here, all if None. The others stay part of the job's identity.
    Raises:
        ValueError: if an argument is out of range or two of them do not fit each other.
    """

    machine: Machine
    tasks: tuple[Task, ...]
    schedules: tuple[Schedule, ...]
    protocol: Protocol
    dynamics: str = "metropolis"
    weight_step: float = 0.1
    seed: int = 0
    start: str | Configuration = "random"
    share: Share | None = None

    def __post_init__(self) -> None:
        integer(0, seed=self.seed)
        if self.seed >= 2**32:
            raise fail("seed", "be below 2**32", self.seed)
        positive(weight_step=self.weight_step)
        object.__setattr__(self, "seed", int(self.seed))
        object.__setattr__(self, "weight_step", float(self.weight_step))
        one_of(tuple(DYNAMICS), dynamics=self.dynamics)
        self._check_tasks()
        self._check_schedules()
        if not isinstance(self.start, str):
            self._check_given()
        elif self.start == "planted":
            self._check_planted()
        else:
            one_of(STARTS, start=self.start)

    def _check_tasks(self) -> None:
        if len(self.tasks) not in (1, self.protocol.samples):
            raise fail("task", f"be one task or one for each of {self.protocol.samples} samples", len(self.tasks))
        for task in self.tasks:
            task.check(self.machine)
        shapes = {(task.patterns, len(task.test_inputs)) for task in self.tasks}
        if len(shapes) > 1:
            raise fail("task", "have equal numbers of patterns in all samples", sorted(shapes))

    def _check_schedules(self) -> None:
        if len({(s.kind, len(s.times)) for s in self.schedules}) != 1:
            raise fail("beta", "hold schedules of one kind and one number of knots", self.schedules)
        if len(set(self.schedules)) < len(self.schedules):
            raise fail("beta", "hold different values", [s.betas for s in self.schedules])
        lowest = min(min(s.betas) for s in self.schedules)
        if self.machine.hard and lowest == 0:
            raise fail("beta", "be positive for a hard core", lowest)

    def _check_planted(self) -> None:
        for task in self.tasks:
            if task.teacher is None:
                raise fail("start", "not be 'planted' for a task without a teacher", task.name)
            teacher = task.teacher.machine
            if not self.machine.shares_architecture(teacher) or teacher.ensemble != self.machine.ensemble:
                raise fail("start", "not be 'planted' where teacher and student differ in architecture", teacher)

            if np.isinf(energy(self.machine, task.teacher.weights, task.teacher.spins)).any():
                raise fail("start", "not be 'planted' where the teacher violates the margin of a hard core", "planted")

    def _check_given(self) -> None:
        if not isinstance(self.start, (tuple, list)) or len(self.start) != 2:
            raise fail("start", "be 'random', 'planted' or a pair of weights and spins", self.start)
        weights, spins = checked_weights(self.machine, self.start[0]), checked_spins(self.machine, self.start[1])
        if len(spins[0]) != self.patterns:
            raise fail("start", f"have the {self.patterns} patterns of the task", len(spins[0]))
        for layer, (J, c) in enumerate(zip(weights, self.machine.connections, strict=True), start=1):
            self.machine.prior.check(f"start weights of layer {layer}", J, c)

    @property
    def samples(self) -> range:
        """Samples that are run here, as numbered in the whole job."""
        return range(self.protocol.samples) if self.share is None else self.share.samples

    @property
    def temperatures(self) -> range:
        """Temperatures that are run here, as numbered in the whole job."""
        return range(len(self.schedules)) if self.share is None else self.share.temperatures

    @property
    def rungs(self) -> tuple[Schedule, ...]:
        """Schedules of the temperatures that are run here."""
        return tuple(self.schedules[t] for t in self.temperatures)

    @property
    def shared(self) -> bool:
        """Whether all samples see the same data."""
        return len(self.tasks) == 1

    @property
    def patterns(self) -> int:
        """Number of training patterns."""
        return self.tasks[0].patterns

    def task(self, sample: int) -> Task:
        """Data of a sample."""
        return self.tasks[0 if self.shared else sample]

    def boundary(self, samples: Sequence[int], *, test: bool = False) -> Boundary:
        """Clamped neurons: of the one task, or of each sample in `samples` with a leading axis."""
        tasks = [self.tasks[0]] if self.shared else [self.tasks[s] for s in samples]
        pairs = [(t.test_inputs, t.test_outputs) if test else (t.inputs, t.outputs) for t in tasks]
        sides = [[x.T for x in side] for side in zip(*pairs, strict=True)]
        return Boundary(*(jnp.asarray(side[0] if self.shared else np.stack(side)) for side in sides))

    def one_boundary(self, sample: int) -> Boundary:
        """Clamped neurons of one sample."""
        task = self.task(sample)
        return Boundary(jnp.asarray(task.inputs.T), jnp.asarray(task.outputs.T))

    def teacher_spins(self, samples: Sequence[int]) -> Array | None:
        """Hidden spins of the teacher, (layer, neuron, pattern), or of each of `samples`; None if not comparable."""
        tasks = [self.tasks[0]] if self.shared else [self.tasks[s] for s in samples]
        teachers = [t.teacher for t in tasks if t.teacher is not None]
        if len(teachers) < len(tasks) or self.machine.depth == 1:
            return None
        if not all(self._comparable(t.machine) for t in teachers):
            return None
        spins = [np.stack([S.T for S in t.spins[1:-1]]) for t in teachers]
        return jnp.asarray(spins[0] if self.shared else np.stack(spins))

    def _comparable(self, teacher: Machine) -> bool:
        """Whether hidden layers correspond: equal widths, and the same graph where one is diluted."""
        if any(stack.diluted for stack in (*self.machine.stacks, *teacher.stacks)):
            return self.machine.shares_architecture(teacher)
        return teacher.widths[1:-1] == self.machine.widths[1:-1]

    def paths(self) -> BetaPath:
        """Schedules of `rungs` as arrays with the temperature as leading axis."""
        return jax.tree.map(lambda *x: np.stack(x), *(s.path() for s in self.rungs))

    def start_keys(self) -> Array:
        """Keys of the random starts, one for each sample."""
        return keys.grid(self.seed, self.samples, keys.START)

    def given(self, sample: int) -> Configuration:
        """Weights and spins that a sample starts from, unless it starts at random."""
        task = self.task(sample)
        if self.start == "planted":
            assert task.teacher is not None  # checked at construction
            return task.teacher.weights, task.teacher.spins
        assert not isinstance(self.start, str)
        weights, spins = self.start
        return weights, [task.inputs, *list(spins)[1:-1], task.outputs]

    def host_keys(self) -> Array:
        """Keys of the hosts, (sample, temperature)."""
        return keys.grid(self.seed, self.samples, keys.HOST, self._temperature_numbers())

    def clone_keys(self) -> Array:
        """Keys of the clones, (sample, temperature, waiting time, clone)."""
        protocol = self.protocol
        clones = self._temperature_numbers(), protocol.waiting_times, range(protocol.clones)
        return keys.grid(self.seed, self.samples, keys.CLONE, *clones)

    def _temperature_numbers(self) -> np.ndarray:
        """A number for each schedule that depends on it alone, so that a rung does not feel its neighbours."""
        return np.asarray([zlib.crc32(repr(s).encode()) for s in self.rungs], np.uint32)
