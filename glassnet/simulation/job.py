"""Everything that fixes a run, checked before anything is compiled."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.core import keys
from glassnet.core.check import fail, finite, integer, single, unknown
from glassnet.core.schedule import BetaPath, Schedule
from glassnet.sampling.kernel import Kernel, Params, State
from glassnet.sampling.starts import Starts
from glassnet.sampling.system import COUNTS, OF_LAST, Moves, Observable, System, rate_name
from glassnet.simulation.compiled import kernel_of, randomise
from glassnet.simulation.parallel import placed
from glassnet.simulation.protocol import Protocol
from glassnet.simulation.share import Share

PREFIXES = ("clone_", "final_", "configuration_")
"""Prefixes that results add to names; a user's observable must not begin with one."""

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
        start: "random" (infinite temperature), what else the system knows, or `Starts`.
        observables: what is measured beside the system's own observables, by name.
        optional: names of the system's optional observables that are measured, too, in any order.
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
    optional: tuple[str, ...] = ()
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
        if isinstance(self.start, Starts):
            self._check_starts(self.start)
        betas = [beta for schedule in self.schedules for beta in schedule.betas]
        self.system.check(self.tasks, betas, self.start, self.numbers)
        finite(**self.numbers)
        single(**self.numbers)
        object.__setattr__(self, "numbers", {name: float(x) + 0.0 for name, x in self.numbers.items()})
        self._check_observables()
        if self.share is not None:
            self._check_share()

    def _check_schedules(self) -> None:
        if len({(s.kind, len(s.times)) for s in self.schedules}) != 1:
            raise fail("beta", "hold schedules of one kind and one number of knots", self.schedules)
        if len(set(self.schedules)) < len(self.schedules):
            raise fail("beta", "hold different values", [s.betas for s in self.schedules])
        if self.system.tempered and not all(  # of a ladder in something else there is one schedule
            a.times == b.times and all(x < y for x, y in zip(a.betas, b.betas, strict=True))
            for a, b in pairwise(self.schedules)
        ):
            raise fail("beta", "ascend at all times for an exchange", [s.betas for s in self.schedules])

    def _check_starts(self, start: Starts) -> None:
        """Raise ValueError unless there is a configuration of the right sizes for each sample and temperature."""
        if start.shape != (self.protocol.samples, len(self.schedules)):
            wanted = f"{self.protocol.samples} samples and {len(self.schedules)} temperatures"
            raise fail("start", f"have configurations for {wanted}", start.shape)
        in_front = 1 if self.system.tempered else 0
        wanted = {name: np.shape(x)[in_front:] for name, (_, x) in self.system.kept(self._bare()).items()}
        found = {name: np.shape(x)[2:] for name, x in start.arrays.items()}
        if found != wanted:
            raise fail("start", f"have parts of the sizes {wanted}", found)

    def _check_share(self) -> None:
        """Raise ValueError unless the parts of the run can be joined, by another process."""
        self.system.check_storable(self.tasks)
        joins = type(self.system.single).from_kept is not System.from_kept
        pairs = [name for name, observable in self.measured.items() if observable.on in OF_LAST]
        if pairs and not joins:
            requirement = (
                "have `kept` and `from_kept` to be run in parts, since overlaps of all pairs are measured again"
            )
            raise fail("system", f"{requirement} ({', '.join(pairs)})", self.system)

    def _check_observables(self) -> None:
        """Raise ValueError unless the user's observables have names of their own and values with the declared dims."""
        counts = set(self.moves)
        energy = self.system.observables(self.tasks).get("energy")
        if energy is None or energy.on != "both":
            raise fail("system", "have an observable 'energy' on \"both\", hosts and clones", energy)
        known = self.system.optional(self.tasks)
        for name in self.optional:
            if name not in known:
                raise unknown(f"observables.{name}", tuple(known), "this run")
        object.__setattr__(self, "optional", tuple(name for name in known if name in self.optional))
        if not self.observables:
            return
        taken = {*self.system.observables(self.tasks), *known, *counts, *map(rate_name, counts), *self.sizes, *RUN_DIMS}
        for name, observable in self.observables.items():
            if not isinstance(observable, Observable):
                raise fail(f"observables[{name!r}]", "be an Observable", observable)
            if not isinstance(name, str) or not name.isidentifier() or name.startswith(PREFIXES):
                raise fail("observables", f"have plain names that begin with none of {', '.join(PREFIXES)}", name)
            if name in taken:
                raise fail("observables", "have names that nothing else in the result has", name)
            self._check_shapes(name, self.system.lifted(observable))

    def check_system(self) -> None:
        """Check that the system's own observables and moves have the dims that they declare, and that it can be kept.

        All its functions are traced for that, which takes about a second; nothing is compiled.

        Raises:
            ValueError: naming what does not fit.
        """
        if self.keep_configurations and not self.system.kept(self._bare()):
            raise fail("keep_configurations", "be False for a system whose `kept` is empty", True)
        for name, observable in (
            *self.system.observables(self.tasks).items(),
            *self.system.optional(self.tasks).items(),
        ):
            self._check_shapes(name, observable)
        for name, kind in self.moves.items():
            dims, shape = kind.variable.dims, np.shape(kind.offered)
            if not name.startswith(COUNTS):
                raise fail("moves", f"have names that begin with {COUNTS!r}", name)
            if not self._fit(dims, shape):
                raise fail(f"moves[{name!r}]", f"offer numbers with the dims ({self._sized(dims)})", f"shape {shape}")
        try:
            counted = jax.eval_shape(self._one_sweep)
        except Exception as error:
            words = f"{type(error).__name__}: {error}"
            raise fail("system", "have a kernel that works in JAX with these data and numbers", words) from error
        for name, kind in self.moves.items():
            if name not in counted and np.any(kind.offered):
                raise fail("moves", f"be counted in the info of `kernel`, which has {sorted(counted)}", name)

    def _one_sweep(self) -> Any:
        """What one sweep counts."""
        clamped = jax.tree.map(jnp.asarray, self.system.clamped(self.tasks[0]))
        kernel = self._kernel()
        state = kernel.init(self.system.start(keys.root(0), clamped), clamped)
        params = Params(jnp.float32(1), self.traced_numbers(), clamped)
        return kernel.step(keys.root(0), state, params)[1]

    def _check_shapes(self, name: str, observable: Observable) -> None:
        """Raise ValueError unless an observable has values with dims of its own, of one size in the whole result."""
        dims, taken = observable.dims, RUN_DIMS - ({self.system.rung} if self.system.tempered else set())
        if len(set(dims)) < len(dims) or set(dims) & taken:
            requirement = f"have dims of its own, each once, none of {', '.join(sorted(RUN_DIMS))}"
            raise fail(f"observables[{name!r}]", requirement, dims)
        for shape in self._shapes(name, observable):
            self.check_shape(name, observable, shape)

    def check_shape(self, name: str, observable: Observable, shape: tuple[int, ...]) -> None:
        """Raise ValueError unless a value of an observable has the sizes that its dims have in the whole result."""
        if not self._fit(observable.dims, shape):
            wanted = f"have a value with the dims ({self._sized(observable.dims)})"
            raise fail(f"observables[{name!r}]", wanted, f"shape {shape}")

    def _fit(self, dims: tuple[str, ...], shape: tuple[int, ...]) -> bool:
        """Whether the shape has these dims; the size of a new one is noted."""
        return len(shape) == len(dims) and all(
            self.sizes.setdefault(d, n) == n for d, n in zip(dims, shape, strict=True)
        )

    def _sized(self, dims: tuple[str, ...]) -> str:
        return ", ".join(f"{d}: {self.sizes[d]}" if d in self.sizes else d for d in dims)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Sizes of the dims that a result has beside those of the run, by name, as far as they are known."""
        kept = [*self.system.kept(self._bare()).values(), *self.system.kept_data(self.tasks[0]).values()]
        sizes = {dim: n for dims, x in kept for dim, n in zip(dims, np.shape(x), strict=True)}
        return sizes | {dim: len(x) for dim, x in self.system.coordinates().items()}

    def _shapes(self, name: str, observable: Observable) -> list[tuple[int, ...]]:
        """Shapes of the values of an observable on all that it is measured on; of none that NumPy has to finish."""

        system = self.system.single if observable.on == "final" else self.system

        def value(on: str, state: State, clamped: Any, scene: Any, path: BetaPath) -> Any:
            bare, scene = system.bare(state), system.at_temperature(scene, path.temperature(jnp.int32(0)))
            if on == "pair":
                found = observable.of(bare, bare, (clamped, clamped))
            elif on == "final":
                found = observable.of(bare, None, clamped)
            else:
                found = observable.of(state, None if on == "host" else bare, scene)
            whole = observable.finish is not None or observable.pick is None
            return jax.tree.map(jnp.asarray, found if whole else found[observable.pick])

        task = self.tasks[0]
        data = jax.tree.map(jnp.asarray, (system.clamped(task), system.scene(task)))
        path = jax.tree.map(lambda x: x[0], self.paths())
        shapes = []
        for on in ("host", "clone") if observable.on == "both" else (observable.on,):
            try:
                found = jax.eval_shape(partial(value, on), self._drawn(system), *data, path)
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
    def keeps(self) -> bool:
        """Whether the result keeps the last configurations: as asked for, or to compare pairs as parts are joined."""
        joins = self.share is not None and any(o.on in OF_LAST for o in self.measured.values())
        return self.keep_configurations or joins

    @property
    def rung(self) -> str | None:
        """Dim of the temperatures of the job, or of the rungs of a ladder; None where there is one of them."""
        return self.system.rung if self.ladder or self.system.tempered else None

    @property
    def rungs(self) -> int:
        """Places along `rung`."""
        return len(self.system.coordinates().get(self.system.rung, self.schedules))

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
        """Places on the temperature axis that are run here, as numbered in the whole job; a ladder has one place."""
        return range(places(self.system, len(self.schedules))) if self.share is None else self.share.temperatures

    @property
    def schedules_here(self) -> tuple[Schedule, ...]:
        """Schedules of the temperatures that are run here."""
        if self.system.tempered:
            return self.schedules
        return tuple(self.schedules[t] for t in self.temperatures)

    @property
    def shared(self) -> bool:
        """Whether all samples see the same data."""
        return len(self.tasks) == 1

    @cached_property
    def measured(self) -> dict[str, Observable]:
        """All observables by name."""
        optional = self.system.optional(self.tasks)
        named = {name: optional[name] for name in self.optional}
        own = {name: self.system.lifted(observable) for name, observable in self.observables.items()}
        return {**self.system.observables(self.tasks), **named, **own}

    @cached_property
    def compared(self) -> dict[str, Observable]:
        """Observables that compare last configurations at one temperature, by name."""
        one = self.system.single
        optional = one.optional(self.tasks)
        named = {name: optional[name] for name in self.optional}
        every = {**one.observables(self.tasks), **named, **self.observables}
        return {name: observable for name, observable in every.items() if observable.on in OF_LAST}

    @cached_property
    def moves(self) -> Mapping[str, Moves]:
        """Moves that a sweep offers, by the names of the counts of accepted ones."""
        return self.system.moves(self.tasks)

    @cached_property
    def start_equilibrium(self) -> tuple[str, ...]:
        """What `System.equilibrium` says of the start, for each place on the temperature axis of the whole job."""
        return tuple(self.system.equilibrium(self.tasks, s.betas, self.start) for s in self.schedules)

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
        """Schedules that are run here as arrays with the temperature as leading axis; of a ladder then the rungs."""
        paths = jax.tree.map(lambda *x: np.stack(x), *(s.path() for s in self.schedules_here))
        return self.system.paths(paths)

    def traced_numbers(self) -> dict[str, Array]:
        """Sizes of the moves as compiled code takes them."""
        return {name: jnp.float32(x) for name, x in self.numbers.items()} | self.system.traced()

    def initial(self, draw: Any) -> State:
        """Initial configurations (leading axis): one for each sample that is run here, the start of its hosts at all
        temperatures; of starts that depend on the temperature, one for each sample and temperature.

        Args:
            draw: `System.start`, compiled or not.
        """
        if isinstance(self.start, str) and self.start == "random":
            clamped = [jax.tree.map(jnp.asarray, self.system.clamped(self.task(s))) for s in self.samples]
            sample_keys = keys.grid(self.seed, self.samples, keys.START)
            states = [draw(key, data) for key, data in zip(sample_keys, clamped, strict=True)]
        elif isinstance(self.start, Starts) and self.system.tempered:
            states = [self.system.started(self.start.at_all(s), self.task(s)) for s in self.samples]
        elif isinstance(self.start, Starts):
            hosts = [(s, t) for s in self.samples for t in self.temperatures]
            states = [self.system.started(self.start.of(s, t), self.task(s)) for s, t in hosts]
        else:
            states = [self.system.given(self.start, self.task(s)) for s in self.samples]
        return jax.tree.map(lambda *x: np.stack(x), *states)

    def outline(self) -> State:
        """A configuration that moves, with all that it caches, without numbers: shapes and types of its arrays."""
        clamped = jax.tree.map(jnp.asarray, self.system.clamped(self.tasks[0]))
        return jax.eval_shape(self._kernel().init, self._drawn(), clamped)

    def _bare(self) -> State:
        """A bare configuration of zeros."""
        outline = jax.eval_shape(self.system.bare, self._drawn())
        return jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), outline)

    def _drawn(self, system: System | None = None) -> State:
        """A configuration as it is drawn, of another system if one is given, without numbers."""
        clamped = jax.tree.map(jnp.asarray, self.system.clamped(self.tasks[0]))
        return jax.eval_shape(randomise(self.system if system is None else system), keys.root(0), clamped)

    def _kernel(self) -> Kernel:
        """The kernel that moves replicas here."""
        return kernel_of(self.system, placed(self.system, self.system.work(self.tasks)).plan)

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
        each = [self.schedules] if self.system.tempered else self.schedules_here
        return np.asarray([zlib.crc32(repr(s).encode()) for s in each], np.uint32)


def places(system: System, schedules: int) -> int:
    """Places on the temperature axis of replicas: one for each schedule, or one for a ladder of all."""
    return 1 if system.tempered else schedules
