"""Everything that fixes a run, checked before anything is compiled."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.core import keys
from glassnet.core.check import fail, finite, integer, single
from glassnet.core.schedule import BetaPath, Schedule
from glassnet.sampling.kernel import State
from glassnet.sampling.system import Moves, Observable, System
from glassnet.simulation.protocol import Protocol
from glassnet.simulation.share import Share

PREFIXES = ("clone_", "final_", "configuration_")
"""Beginnings of names that results give to what belongs to other names."""

RUN_DIMS = {
    "sample", "temperature", "beta", "waiting_time", "clone", "clone_b", "lag", "time",
    "configuration", "configuration_b",
}  # fmt: skip
"""Coordinates that a run gives to its result."""


@dataclass(frozen=True, eq=False)
class Job:
    """A run: what moves, under which data, at which temperatures, for how long, and what is measured.

    Args:
        system: the Hamiltonian, its moves and observables.
        tasks: one task that all samples share, or one for each sample.
        beta: inverse temperature against time; several, in a tuple, make a temperature axis.
        protocol: samples, waiting times, clones, lags.
        numbers: sizes of the moves by name.
        seed: root of all random numbers.
        start: "random" (infinite temperature), or what else the system knows.
        observables: what is measured beside the system's own observables, by name.
        keep_configurations: whether the result keeps the last configurations of the clones.
        share: samples and temperatures that are run here, all if None. The others stay part of the job's identity.
    Raises:
        ValueError: if an argument is out of range or two of them do not fit each other.
    """

    system: System
    tasks: tuple[Any, ...]
    beta: Schedule | tuple[Schedule, ...]
    protocol: Protocol
    numbers: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    start: Any = "random"
    observables: Mapping[str, Observable] = field(default_factory=dict)
    keep_configurations: bool = False
    share: Share | None = None

    def __post_init__(self) -> None:
        integer(0, seed=self.seed)
        if self.seed >= 2**32:
            raise fail("seed", "be below 2**32", self.seed)
        object.__setattr__(self, "seed", int(self.seed))
        self._check_schedules()
        if len(self.tasks) not in (1, self.protocol.samples):
            raise fail("task", f"be one task or one for each of {self.protocol.samples} samples", len(self.tasks))
        betas = [beta for schedule in self.schedules for beta in schedule.betas]
        self.system.check(self.tasks, betas, self.start, self.numbers)
        finite(**self.numbers)
        single(**self.numbers)
        object.__setattr__(self, "numbers", {name: float(x) + 0.0 for name, x in self.numbers.items()})
        self._check_observables()

    def _check_schedules(self) -> None:
        if len({(s.kind, len(s.times)) for s in self.schedules}) != 1:
            raise fail("beta", "hold schedules of one kind and one number of knots", self.schedules)
        if len(set(self.schedules)) < len(self.schedules):
            raise fail("beta", "hold different values", [s.betas for s in self.schedules])

    def _check_observables(self) -> None:
        """Raise ValueError unless the user's observables have names of their own and values with the declared dims."""
        if not self.observables:
            return
        moves = {name.replace("accepted", "acceptance") for name in self.system.moves(self.tasks)}
        taken = {
            *self.system.observables(self.tasks),
            *moves,
            *self.system.moves(self.tasks),
            *self._sizes(),
        } | RUN_DIMS
        sizes = self._sizes()
        for name, observable in self.observables.items():
            if not isinstance(observable, Observable):
                raise fail(f"observables[{name!r}]", "be an Observable", observable)
            if not isinstance(name, str) or not name.isidentifier() or name.startswith(PREFIXES):
                raise fail("observables", f"have plain names that begin with none of {', '.join(PREFIXES)}", name)
            if name in taken:
                raise fail("observables", "have names that nothing else in the result has", name)
            dims = observable.dims
            if len(set(dims)) < len(dims) or set(dims) & RUN_DIMS:
                requirement = f"have dims of its own, each once, none of {', '.join(sorted(RUN_DIMS))}"
                raise fail(f"observables[{name!r}]", requirement, dims)
            for shape in self._shapes(name, observable):
                if len(shape) != len(dims) or any(
                    sizes.setdefault(d, n) != n for d, n in zip(dims, shape, strict=True)
                ):
                    wanted = ", ".join(f"{d}: {sizes[d]}" if d in sizes else d for d in dims)
                    raise fail(f"observables[{name!r}]", f"have a value with the dims ({wanted})", f"shape {shape}")

    def _sizes(self) -> dict[str, int]:
        """Sizes of the dims that a result has beside those of the run, by name."""
        bare = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), jax.eval_shape(self.system.bare, self.outline()))
        kept = [*self.system.kept(bare).values(), *self.system.kept_data(self.tasks[0]).values()]
        sizes = {dim: n for dims, x in kept for dim, n in zip(dims, np.shape(x), strict=True)}
        return sizes | {dim: len(x) for dim, x in self.system.coordinates().items()}

    def _shapes(self, name: str, observable: Observable) -> list[tuple[int, ...]]:
        """Shapes of the values of an observable on all that it is measured on; of none that NumPy has to finish."""

        def value(on: str, key: Array, clamped: Any, scene: Any) -> Any:
            state = self.system.start(key, clamped)
            bare = self.system.bare(state)
            if on == "pair":
                found = observable.of(bare, bare, (clamped, clamped))
            else:
                found = observable.of(state, None if on == "host" else bare, scene)
            whole = observable.finish is not None or observable.pick is None
            return jax.tree.map(jnp.asarray, found if whole else found[observable.pick])

        task = self.tasks[0]
        data = jax.tree.map(jnp.asarray, (self.system.clamped(task), self.system.scene(task)))
        shapes = []
        for on in ("host", "clone") if observable.on == "both" else (observable.on,):
            try:
                found = jax.eval_shape(partial(value, on), keys.root(0), *data)
            except Exception as error:
                words = f"{type(error).__name__}: {error}"
                raise fail(f"observables[{name!r}]", f"be a function that works in JAX on a {on}", words) from error
            if observable.finish is None:
                if not hasattr(found, "shape"):
                    raise fail(f"observables[{name!r}]", "have an array as value (`pick` chooses one)", found)
                shapes.append(found.shape)
        return shapes

    @property
    def ladder(self) -> bool:
        """Whether there is a temperature axis."""
        return isinstance(self.beta, tuple)

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """Inverse temperature against time, for each place on the temperature axis or for the one temperature."""
        return self.beta if isinstance(self.beta, tuple) else (self.beta,)

    @property
    def samples(self) -> range:
        """Samples that are run here, as numbered in the whole job."""
        return range(self.protocol.samples) if self.share is None else self.share.samples

    @property
    def temperatures(self) -> range:
        """Temperatures that are run here, as numbered in the whole job."""
        return range(len(self.schedules)) if self.share is None else self.share.temperatures

    @property
    def schedules_here(self) -> tuple[Schedule, ...]:
        """Schedules of the temperatures that are run here."""
        return tuple(self.schedules[t] for t in self.temperatures)

    @property
    def shared(self) -> bool:
        """Whether all samples see the same data."""
        return len(self.tasks) == 1

    @cached_property
    def measured(self) -> dict[str, Observable]:
        """All observables by name."""
        return {**self.system.observables(self.tasks), **self.observables}

    @cached_property
    def moves(self) -> Mapping[str, Moves]:
        """Moves that a sweep offers, by the names of the counts of accepted ones."""
        return self.system.moves(self.tasks)

    def task(self, sample: int) -> Any:
        """Data of a sample."""
        return self.tasks[0 if self.shared else sample]

    def clamped(self, samples: Sequence[int]) -> Any:
        """Clamped data: of the one task, or of each sample in `samples` with a leading axis."""
        return self._of_tasks(self.system.clamped, samples)

    def scene(self, samples: Sequence[int]) -> Any:
        """What observables look at, as `clamped`."""
        return self._of_tasks(self.system.scene, samples)

    def _of_tasks(self, part: Any, samples: Sequence[int]) -> Any:
        if self.shared:
            return jax.tree.map(jnp.asarray, part(self.tasks[0]))
        found = [part(task) for task in self.tasks]
        return jax.tree.map(lambda *x: jnp.asarray(np.stack([x[s] for s in samples])), *found)

    def paths(self) -> BetaPath:
        """Schedules that are run here as arrays with the temperature as leading axis."""
        return jax.tree.map(lambda *x: np.stack(x), *(s.path() for s in self.schedules_here))

    def traced_numbers(self) -> dict[str, Array]:
        """Sizes of the moves as compiled code takes them."""
        return {name: jnp.float32(x) for name, x in self.numbers.items()}

    def initial(self, draw: Any) -> State:
        """Initial configurations, one for each sample that is run here (leading axis).

        Args:
            draw: `System.start`, compiled or not.
        """
        if isinstance(self.start, str) and self.start == "random":
            clamped = [jax.tree.map(jnp.asarray, self.system.clamped(self.task(s))) for s in self.samples]
            sample_keys = keys.grid(self.seed, self.samples, keys.START)
            states = [draw(key, data) for key, data in zip(sample_keys, clamped, strict=True)]
        else:
            states = [self.system.given(self.start, self.task(s)) for s in self.samples]
        return jax.tree.map(lambda *x: jnp.stack(x), *states)

    def outline(self) -> State:
        """A configuration without numbers: shapes and types of its arrays."""
        clamped = jax.tree.map(jnp.asarray, self.system.clamped(self.tasks[0]))
        return jax.eval_shape(self.system.start, keys.root(0), clamped)

    def host_keys(self) -> Array:
        """Keys of the hosts, (sample, temperature)."""
        return keys.grid(self.seed, self.samples, keys.HOST, self._temperature_numbers())

    def clone_keys(self) -> Array:
        """Keys of the clones, (sample, temperature, waiting time, clone)."""
        protocol = self.protocol
        clones = self._temperature_numbers(), protocol.waiting_times, range(protocol.clones)
        return keys.grid(self.seed, self.samples, keys.CLONE, *clones)

    def _temperature_numbers(self) -> np.ndarray:
        """A number for each schedule that depends on it alone, so that a temperature does not feel its neighbours."""
        return np.asarray([zlib.crc32(repr(s).encode()) for s in self.schedules_here], np.uint32)
