"""A ladder of replica exchange as a system: what a run asks of all rungs at once, and what it measures at each.

What a run measures is measured at each rung: `then` is the configuration that was at the same temperature at the
waiting time, whichever walker it belonged to.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.core import keys
from glassnet.core.check import fail
from glassnet.core.pytree import pytree
from glassnet.sampling.around import Around
from glassnet.sampling.exchange import TEMPERATURE, Exchange, Ladder, arranged, exchanging, width_of
from glassnet.sampling.kernel import Kernel, State
from glassnet.sampling.plan import Plan
from glassnet.sampling.system import EXACT, Moves, Observable, Parameter, System, Work

SOURCE = "Syed et al., J. R. Stat. Soc. B 84, 321 (2022)"


@dataclass(frozen=True)
class Tempered(Around):
    """A system at several temperatures at once, or at several values of another parameter, which are swapped.

    Systems that differ in the number of rungs, their values or `every` alone are equal, as long as they have room for
    equally many rungs: they share compiled programs, and nothing that is compiled looks at these numbers.

    Args:
        system: what moves at each rung.
        rungs: number of rungs, >= 2.
        exchange: how they are swapped.
        asked: the betas that were asked for, where those of the run have been tuned.
    Raises:
        ValueError: if there are fewer than two temperatures, or no such parameter.
    """

    rungs: int = field(compare=False)
    exchange: Exchange = field(default_factory=Exchange, compare=False)
    asked: tuple[float, ...] | None = field(default=None, compare=False)
    width: int = field(init=False)
    over: str = field(init=False)

    def __post_init__(self) -> None:
        if self.rungs < 2:
            raise fail("beta", "hold at least two values for an exchange between them", self.rungs)
        over = self.exchange.over
        if over != TEMPERATURE and over not in self.system.parameters():
            names = ", ".join(map(repr, (TEMPERATURE, *self.system.parameters())))
            raise fail("exchange.over", f"be one of {names} for a {type(self.system).__name__}", over)
        object.__setattr__(self, "width", width_of(self.rungs))
        object.__setattr__(self, "over", over)

    @property
    def title(self) -> str:
        """What runs, in words."""
        return f"{self.system.title} with replica exchange"

    @property
    def tempered(self) -> bool:
        """One replica is at all rungs of a run."""
        return True

    @property
    def rung(self) -> str:
        """Dim of the rungs."""
        return self.over

    @property
    def along(self) -> Parameter | None:
        """What rungs differ in; None for the temperature."""
        return None if self.over == TEMPERATURE else self.system.parameters()[self.over]

    @property
    def single(self) -> System:
        """The system that moves at each rung."""
        return self.system

    def clamped(self, task: Any) -> Any:
        """As the system, with the value of each rung where the rungs differ in more than their temperature."""
        return self._with_values(self.system.clamped(task))

    def scene(self, task: Any) -> Any:
        """As `clamped`."""
        return self._with_values(self.system.scene(task))

    def at_temperature(self, scene: Any, temperature: Array) -> "Scenes":
        """The scene and the temperature of each rung, which `lifted` observables take apart."""
        return Scenes(scene, temperature)

    def _with_values(self, clamped: Any) -> Any:
        """Clamped data with the values of the rungs; those beyond the last have its value."""
        if self.along is None:
            return clamped
        values = np.array(self.exchange.values, np.float32)
        return self.along.put(clamped, np.pad(values, (0, self.width - self.rungs), mode="edge"))

    def at_rung(self, clamped: Any, rung: int, leading: tuple[int, ...] = ()) -> Any:
        """Clamped data of the system at one rung."""
        if self.along is None:
            return clamped
        return self.along.put(clamped, np.full(leading, self.exchange.values[rung], np.float32))

    def coordinates(self) -> dict[str, np.ndarray]:
        """Those of the system, and the values of the rungs."""
        own = {} if self.along is None else {self.rung: np.array(self.exchange.values)}
        return self.system.coordinates() | own

    def traced(self) -> dict[str, Array]:
        """Number of rungs and sweeps between rounds of swaps."""
        return {"exchange_rungs": jnp.int32(self.rungs), "exchange_every": jnp.int32(self.exchange.every)}

    def paths(self, paths: Any) -> Any:
        """One replica with the paths of all rungs; those beyond the last have its path."""
        there = len(jax.tree.leaves(paths)[0])  # one where rungs differ in something else
        rungs = np.minimum(np.arange(self.width), there - 1)
        return jax.tree.map(lambda x: x[rungs][None], paths)

    def kernel(self, plan: Plan) -> Kernel:
        """The moves of all walkers, and the swaps."""
        return exchanging(self.system.kernel(plan), self.along, cold=self.system.cold)

    def observables(self, tasks: Sequence[Any]) -> dict[str, Observable]:
        """Those of the system at each rung, and what the swaps tell."""
        own = {name: self.lifted(o) for name, o in self.system.observables(tasks).items()}
        return own | self._of_swaps()

    def optional(self, tasks: Sequence[Any]) -> dict[str, Observable]:
        """Those of the system at each rung."""
        return {name: self.lifted(o) for name, o in self.system.optional(tasks).items()}

    def lifted(self, observable: Observable) -> Observable:
        """An observable of the system as one of all rungs; what compares last configurations alone does so at each."""
        if observable.on == "final":
            return observable
        pair = observable.on == "pair"
        of = _lifted_pair(observable.of, self.along) if pair else _lifted(observable.of, self.system, self.along)
        finish = _Rungs(self.rungs, 1 + pair, observable.finish)
        return replace(observable, of=of, dims=(self.rung, *observable.dims), finish=finish)

    def _of_swaps(self) -> dict[str, Observable]:
        cut, moments = _Rungs(self.rungs, 1, None), _Moments(self.rungs)
        first, last, beside = ("highest", "lowest", "lower") if self.along is None else ("lowest", "highest", "higher")
        swaps = f"swaps {{}} so far with the next {beside} {self._called}"
        energy = "{} of the energy over the rounds of swaps so far"
        trips = f"round trips so far from the {first} {self._called} to the {last}"
        rows = {
            "swaps_offered": (_offered, (self.rung,), "swaps", swaps.format("offered"), "n_k", cut, None),
            "swaps_accepted": (_accepted, (self.rung,), "swaps", swaps.format("accepted"), "a_k", cut, None),
            "round_trips": (_trips, (), "trips", trips, "n", None, None),
            "running_energy": (_sums, (self.rung,), "total energy", energy.format("mean"), "<E>", moments, "mean"),
            "running_energy_variance": (
                _sums, (self.rung,), "total energy squared", energy.format("variance"), "var E", moments, "variance",
            ),
        }  # fmt: skip
        return {
            name: Observable(of, dims, "both", units, words, symbol, SOURCE, finish, pick)
            for name, (of, dims, units, words, symbol, finish, pick) in rows.items()
        }

    def start(self, key: Array, clamped: Any) -> Ladder:
        """Each walker at infinite temperature, independent of the others."""
        walkers = jnp.arange(self.width)
        return self._begun(jax.vmap(lambda w: self.system.start(keys.address(key, w), clamped))(walkers))

    def given(self, start: Any, task: Any) -> Ladder:
        """All walkers in the configuration that a start means."""
        state = self.system.given(start, task)
        return self._begun(jax.tree.map(lambda x: np.broadcast_to(x, (self.width, *np.shape(x))), state))

    def continued(
        self,
        arrays: Mapping[str, np.ndarray],
        data: Mapping[str, np.ndarray],
        config: Mapping[str, Any],
        task: Any,
    ) -> dict[str, np.ndarray]:
        """As the system, at one rung."""
        return self.system.continued(arrays, data, config, task)

    def started(self, arrays: Mapping[str, np.ndarray], task: Any) -> Ladder:
        """Walkers in configurations of which there is one for each temperature; those beyond the last are like it."""
        there = len(next(iter(arrays.values())))
        rungs = [{name: x[n] for name, x in arrays.items()} for n in range(min(there, self.rungs))]
        states = [self.system.started(rung, task) for rung in rungs]
        states += [states[-1]] * (self.width - len(states))
        return self._begun(jax.tree.map(lambda *x: np.stack(x), *states))

    def _begun(self, states: State) -> Ladder:
        def zeros(*shape: int, dtype: Any = jnp.int32) -> Array:
            return jnp.zeros(shape, dtype)

        n = self.width
        return Ladder(
            states, jnp.arange(n, dtype=jnp.int32),
            sweep=zeros(), rounds=zeros(), offered=zeros(n), accepted=zeros(n),
            ends=zeros(n, dtype=jnp.int8), trips=zeros(), sums=zeros(4, n, dtype=jnp.float32),
        )  # fmt: skip

    def bare(self, state: Ladder) -> State:
        """The bare configurations at the rungs, the rung leading."""
        return jax.vmap(self.system.bare)(arranged(state))

    def finite(self, state: Ladder) -> dict[str, Array]:
        """Flags of the system at each rung."""
        return jax.vmap(self.system.finite)(arranged(state))

    def part(self, name: str, *index: int) -> str:
        """A part of the configuration at a rung in words."""
        return f"{self.system.part(name, *index[1:])} at {self._called} {index[0]}"

    @property
    def _called(self) -> str:
        """What rungs differ in, in words."""
        return TEMPERATURE if self.along is None else self.along.words

    def moves(self, tasks: Sequence[Any]) -> dict[str, Moves]:
        """Moves of the system at each rung."""

        def at_each(kind: Moves) -> Moves:
            offered = np.broadcast_to(kind.offered, (self.rungs, *np.shape(kind.offered)))
            return Moves(offered, kind.variable._replace(dims=(self.rung, *kind.variable.dims)))

        return {name: at_each(kind) for name, kind in self.system.moves(tasks).items()}

    def work(self, tasks: Sequence[Any]) -> Work:
        """All walkers at once."""
        one = self.system.work(tasks)
        return Work(one.step * self.width, one.replica * self.width)

    def replica_bytes(self, tasks: Sequence[Any]) -> int:
        """All walkers."""
        return self.width * self.system.replica_bytes(tasks)

    def check(self, tasks: Sequence[Any], betas: Sequence[float], start: Any, numbers: Mapping[str, float]) -> None:
        """Raise ValueError unless all fits the system at each rung, and temperatures are positive."""
        self.system.check(tasks, betas, start, numbers)
        if self.along is None:
            if not np.isfinite(betas).all():
                raise fail("beta", "be finite for an exchange", list(betas))
            return
        own = self.along.own(self.system, tasks)
        if own not in self.exchange.values:
            raise fail(
                "exchange.values", f"have the {self.along.words} of the run among them, {own!r}", self.exchange.values
            )
        for value in self.exchange.values:
            self.along.at(self.system, value).check(tasks, betas, start, numbers)

    def kept(self, bare: State) -> dict[str, tuple[tuple[str, ...], Any]]:
        """What the system keeps, at each rung."""
        found = {}
        for name, (dims, x) in self.system.kept(bare).items():
            rung = np.ndim(x) - len(dims) - 1
            found[name] = ((self.rung, *dims), x[(slice(None),) * rung + (slice(self.rungs),)])
        return found

    def equilibrium(self, tasks: Sequence[Any], betas: Sequence[float], start: Any) -> str:
        """As the system, but that walkers of other temperatures, at which a start is in none, come to this one."""
        said = self.system.equilibrium(tasks, betas, start)
        if said != EXACT:
            return said
        if self.along is not None:
            rungs = (self.along.at(self.system, value) for value in self.exchange.values)
            if all(rung.equilibrium(tasks, betas, start) == EXACT for rung in rungs):
                return EXACT
        return f"no: exchange brings walkers from {self._called}s at which the start is not in equilibrium"

    def attributes(self, tasks: Sequence[Any]) -> dict[str, Any]:
        """Those of the system, and how temperatures are swapped."""
        over = {}
        if self.along is not None:
            over = {"exchange_over": self.rung, "exchange_own": self.along.own(self.system, tasks)}
        return self.system.attributes(tasks) | {"exchange_every": self.exchange.every, **over}

    def config(self, numbers: Mapping[str, float]) -> dict[str, Any]:
        """The system's, and how temperatures are swapped."""
        more = {"tune": self.exchange.tune, "asked": self.asked} if self.exchange.tune else {}
        if self.along is not None:
            more = {"over": self.rung, "values": list(self.exchange.values)}
        return self.system.config(numbers) | {"exchange": {"every": self.exchange.every, **more}}

    @classmethod
    def stored(cls, system: System, schedules: int, values: Mapping[str, Any]) -> "Tempered":
        """The ladder of a run with so many schedules, from what `config` has under "exchange"."""
        asked = values.get("asked")
        exchange = Exchange(**{name: x for name, x in values.items() if name != "asked"})
        return cls.of(system, schedules, exchange, None if asked is None else tuple(asked))

    @classmethod
    def of(
        cls, system: System, schedules: int, exchange: Exchange, asked: tuple[float, ...] | None = None
    ) -> "Tempered":
        """The ladder of a run with so many schedules.

        Raises:
            ValueError: as the class.
        """
        return cls(system, len(exchange.values) or schedules, exchange, asked)


@pytree
class Scenes:
    """What observables of a ladder look at.

    Attributes:
        scene: what `System.scene` returns, with the values of the rungs where they differ in more than temperature.
        temperature: of each rung, shape (rung,).
    """

    scene: Any
    temperature: Array


@lru_cache(256)
def _lifted(of: Callable, system: System, along: Parameter | None) -> Callable:
    def at_each_rung(ladder: Ladder, then: State | None, scenes: Scenes) -> Any:
        scene = scenes.scene

        def of_rung(state: State, then: State | None, temperature: Array, value: Array | None) -> Any:
            own = scene if along is None else along.put(scene, value)
            return of(state, then, system.at_temperature(own, temperature))

        values = None if along is None else along.of(scene)
        axes = (0, None if then is None else 0, 0, None if values is None else 0)
        return jax.vmap(of_rung, axes)(arranged(ladder), then, scenes.temperature, values)

    return at_each_rung


@lru_cache(256)
def _lifted_pair(of: Callable, along: Parameter | None) -> Callable:
    def at_each_rung(states: State, others: State, clamped: Any) -> Any:
        if along is None:
            return jax.vmap(of, (0, 0, None))(states, others, clamped)
        put, (own, theirs) = along.put, clamped

        def of_rung(state: State, other: State, value: Array) -> Any:
            return of(state, other, (put(own, value), put(theirs, value)))

        return jax.vmap(of_rung)(states, others, along.of(own))

    return at_each_rung


def _offered(ladder: Ladder, then: Any, scene: Any) -> Array:
    return ladder.offered


def _accepted(ladder: Ladder, then: Any, scene: Any) -> Array:
    return ladder.accepted


def _trips(ladder: Ladder, then: Any, scene: Any) -> Array:
    return ladder.trips


def _sums(ladder: Ladder, then: Any, scene: Any) -> tuple[Array, Array]:
    return ladder.sums, ladder.rounds


@dataclass(frozen=True)
class _Rungs:
    """Cuts values down to the rungs in use, and finishes them by what the observable has for it.

    Attributes:
        rungs: number of rungs in use.
        axis: axis of the rung: 1 after the replica, 2 after both replicas of a pair.
        finish: `finish` of the observable, or None.
    """

    rungs: int
    axis: int
    finish: Callable | None

    def __call__(self, values: Any) -> Any:
        front = (slice(None),) * self.axis
        if self.finish is None:
            return jax.tree.map(lambda x: x[(*front, slice(self.rungs))], values)
        finished = [self.finish(jax.tree.map(lambda x, k=k: x[(*front, k)], values)) for k in range(self.rungs)]
        return jax.tree.map(lambda *x: np.stack(x, axis=self.axis), *finished)


@dataclass(frozen=True)
class _Moments:
    """Mean and variance of the energy at each rung in use, in double precision; NaN before the first round."""

    rungs: int

    def __call__(self, values: Any) -> dict[str, np.ndarray]:
        sums, rounds = (np.asarray(x, np.float64) for x in values)
        first, second = ((sums[:, n] + sums[:, n + 2])[:, : self.rungs] for n in range(2))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = first / rounds[:, None]
            return {"mean": mean, "variance": second / rounds[:, None] - mean**2}
