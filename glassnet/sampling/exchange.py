"""Replica exchange: copies of a system at several temperatures that swap them, as one replica of one system.

The copies are called walkers, the temperatures rungs. In the place of the temperature another parameter of the
Hamiltonian may differ along the ladder, such as the margin of the potential, all rungs at one temperature. Every
`every` sweeps neighbouring rungs offer to swap their walkers, in turn those that begin with an even and with an odd
rung: the non-reversible scheme, under which a walker crosses the ladder in a time that grows like its length, not like
the square   [Okabe et al. 2001; Syed et al. 2022]. A swap of the rungs k and k+1 is accepted with probability
min(1, exp((beta_k - beta_{k+1}) (E_k - E_{k+1}))); along another parameter with

    min(1, exp(beta (E_k(x_k) + E_{k+1}(x_{k+1}) - E_{k+1}(x_k) - E_k(x_{k+1})))),

E_k(x) the energy of the configuration x at the parameter of rung k. At zero temperature, where a hard core is, a swap
is accepted unless it raises the energy: of two configurations without violated gaps each must satisfy the margin of the
other.

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
from jax import Array, lax

from glassnet.core import keys
from glassnet.core.check import fail, finite, integer, is_number, plain_fields, single
from glassnet.core.pytree import pytree
from glassnet.core.sums import added, squared
from glassnet.sampling.around import Around
from glassnet.sampling.kernel import Info, Kernel, Params, State
from glassnet.sampling.plan import Plan
from glassnet.sampling.system import EXACT, Moves, Observable, Parameter, System, Work

SOURCE = "Syed et al., J. R. Stat. Soc. B 84, 321 (2022)"

TEMPERATURE = "temperature"
"""What rungs differ in, and their dim, if nothing else is said."""


@dataclass(frozen=True)
class Exchange:
    """How temperatures, or other parameters of the Hamiltonian, are swapped.

    Args:
        every: sweeps between two rounds of swaps, >= 1.
        tune: sweeps that are spent, before the run, on moving the inner temperatures until all neighbours swap equally
            often; they are not measured. 0 leaves the temperatures as they are. Of temperatures alone.
        over: what the rungs differ in: "temperature" (the betas of the run) or, all at one temperature, a parameter of
            the system: "margin" (kappa of the potential, the lowest being the softest) or "guide_weight" (lambda, how
            much the guide of a task counts).
        values: of the parameter at the rungs, at least two, ascending, that of the run among them; none for
            temperatures.
    Raises:
        ValueError: if a number is out of range, or values are missing or left over.
    """

    every: int = 1
    tune: int = 0
    over: str = TEMPERATURE
    values: Sequence[float] = ()

    def __post_init__(self) -> None:
        plain_fields(self)
        integer(1, every=self.every)
        integer(0, tune=self.tune)
        if not isinstance(self.over, str):
            raise fail("exchange.over", "be a word", self.over)
        if not isinstance(self.values, tuple) or not all(map(is_number, self.values)):
            raise fail("exchange.values", "be a list of numbers", self.values)
        if self.over == TEMPERATURE:
            if self.values:
                raise fail("exchange.values", "be left out over temperatures, which `beta` lists", self.values)
            return
        if self.tune:
            raise fail("exchange.tune", "be 0 except over temperatures", self.tune)
        for value in self.values:
            finite(**{"exchange.values": value})
            single(**{"exchange.values": value})
        object.__setattr__(self, "values", tuple(map(float, self.values)))
        if len(self.values) < 2:
            raise fail("exchange.values", "hold at least two values for an exchange between them", self.values)
        if not (np.diff(np.asarray(self.values, np.float32)) > 0).all():
            raise fail("exchange.values", "ascend, in single precision, too", self.values)

    def around(self, own: float) -> "Exchange":
        """The same, where a value that differs from that of the run, `own`, by rounding is taken for it."""
        values = np.asarray(self.values)
        near = np.abs(values - own) < 1e-6 * np.diff(values).min()
        return replace(self, values=tuple(np.where(near, own, values).tolist()))


@pytree
class Ladder:
    """Walkers and where they are.

    Attributes:
        states: configurations, the walker leading.
        walkers: the walker at each rung, int32, shape (rung,); rung 0 is the hottest.
        sweep, rounds: sweeps and rounds of swaps so far, int32.
        offered, accepted: swaps of each rung with the next so far, int32, shape (rung,).
        ends: the way of each walker, int8: 1 if it was at the hottest rung and has not been at the coldest since, 2 if
            it has, 0 if it has not been at the hottest yet.
        trips: round trips from the hottest rung to the coldest and back so far, all walkers together, int32.
        sums: over the rounds of swaps, of the energy at each rung and of its square, float32, shape (4, rung): two
            sums, and what rounding has taken from each.
    """

    states: State
    walkers: Array
    sweep: Array
    rounds: Array
    offered: Array
    accepted: Array
    ends: Array
    trips: Array
    sums: Array


def width_of(rungs: int) -> int:
    """Rungs that there is room for: 2, 3, 4, 6, 8, 12, 16, ... Ladders of one width share their programs."""
    return min(w for n in range(1, 31) for w in (2**n, 3 * 2 ** (n - 1)) if w >= rungs)


def arranged(ladder: Ladder) -> State:
    """The configurations in the order of the rungs."""
    return jax.tree.map(lambda x: x[ladder.walkers], ladder.states)


def exchanging(kernel: Kernel, along: Parameter | None = None, *, cold: bool = False) -> Kernel:
    """A kernel of ladders from one of single walkers.

    `params.temperature` holds the temperature of each rung; `params.numbers` the number of rungs in use as
    `exchange_rungs`, and the sweeps between two rounds of swaps as `exchange_every`. Walkers beyond the last rung are
    moved at a temperature of NaN, where nothing is accepted. Counts in the info are by rung.

    Args:
        kernel: moves a walker at a temperature.
        along: what the rungs differ in, if not in their temperature; clamped data then hold a value for each.
        cold: whether the walkers have no temperature but zero.
    Raises:
        ValueError: for a kernel that draws velocities: swaps would have to rescale them.
    """
    if kernel.begin is not None:
        raise fail("exchange", "be None for molecular dynamics", kernel)

    def init(ladder: Ladder, clamped: Any) -> Ladder:
        def renewed(clamped: Any, state: State) -> State:
            return kernel.init(state, clamped)

        return replace(ladder, states=_each(along, renewed, clamped, ladder, ladder.states))

    def energies(ladder: Ladder, clamped: Any) -> Array:
        def energy(clamped: Any, state: State) -> Array:
            return kernel.energy(state, clamped)

        return _each(along, energy, clamped, ladder, ladder.states)[ladder.walkers]

    def step(key: Array, ladder: Ladder, params: Params) -> tuple[Ladder, Info]:
        rung = jnp.arange(len(ladder.walkers))
        rungs, every = params.numbers["exchange_rungs"], params.numbers["exchange_every"]
        temperature = jnp.where(rung < rungs, params.temperature, jnp.float32(jnp.nan))

        def move(clamped: Any, walker: Array, state: State, temperature: Array) -> tuple[State, Info]:
            own = replace(params, temperature=temperature, clamped=clamped)
            return kernel.step(keys.address(key, 0, walker), state, own)

        own = _of_walkers(ladder, temperature)
        states, info = _each(along, move, params.clamped, ladder, rung, ladder.states, own)
        info = jax.tree.map(lambda x: x[ladder.walkers], info)
        ladder = replace(ladder, states=states, sweep=ladder.sweep + 1)

        def exchanged(ladder: Ladder) -> Ladder:
            energy = energies(ladder, params.clamped)
            if along is None:
                gain = gain_of_temperatures(energy, 1 / temperature)
            else:
                offered = along.of(params.clamped)[partners(len(rung), ladder.rounds)]
                other = energies(ladder, along.put(params.clamped, offered))
                gain = gain_of_parameters(energy, other, jnp.zeros_like(temperature) if cold else temperature)
            return swapped(keys.address(key, 1), ladder, energy, gain, rungs)

        return lax.cond(ladder.sweep % every == 0, exchanged, lambda ladder: ladder, ladder), info

    return Kernel(init, step, energies)


def _of_walkers(ladder: Ladder, values: Array) -> Array:
    """What stands at each rung, by walker."""
    return jnp.zeros_like(values).at[ladder.walkers].set(values)


def _each(along: Parameter | None, function: Callable, clamped: Any, ladder: Ladder, *arguments: Any) -> Any:
    """`function(clamped, ...)` of each walker at its rung; `arguments` lead with the walker."""
    if along is None:
        return jax.vmap(lambda *own: function(clamped, *own))(*arguments)

    def of_one(value: Array, *own: Any) -> Any:
        return function(along.put(clamped, value), *own)

    return jax.vmap(of_one)(_of_walkers(ladder, along.of(clamped)), *arguments)


def partners(rungs: int, rounds: Array) -> Array:
    """The rung with which each may swap in a round, itself where there is none, shape (rung,)."""
    rung = jnp.arange(rungs)
    return jnp.clip(jnp.where(rung % 2 == rounds % 2, rung + 1, rung - 1), 0, rungs - 1)


def gain_of_temperatures(energy: Array, beta: Array) -> Array:
    """Logarithm of the ratio of probabilities after and before each rung swaps with the next, shape (rung,).

    Args:
        energy: at each rung, shape (rung,).
        beta: inverse temperature of each rung, shape (rung,).
    """
    return (beta - jnp.roll(beta, -1)) * (energy - jnp.roll(energy, -1))


def gain_of_parameters(energy: Array, other: Array, temperature: Array) -> Array:
    """As `gain_of_temperatures`, of rungs at one temperature; infinite where zero temperature leaves no other choice.

    Args:
        energy: of what stands at each rung, at its own parameter, shape (rung,).
        other: the same at the parameter of the rung that it is offered, shape (rung,).
        temperature: of each rung, shape (rung,).
    """
    rise = other - energy
    rise = rise + jnp.roll(rise, -1)
    return jnp.where(rise <= 0, jnp.inf, -rise / temperature)


def barriers(beta: np.ndarray, rejected: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """What lies between neighbours of the communication barrier Lambda, shape (rung - 1,).

    For neighbours that are close it is the rejected fraction of swaps, which is at most 1. Far neighbours tell by
    their energies: Lambda is the integral of the standard deviation of the energy over sqrt(pi), for Gaussian energies
    (Syed et al. 2022, where E|V - V'|/2 stands for it), and the integral of the variance is a difference of means.

    Args:
        beta: inverse temperatures, ascending, shape (rung,).
        rejected: fraction of rejected swaps with the next, shape (rung - 1,).
        energy: mean energy at each, shape (rung,).
    """
    gain = np.maximum(np.diff(beta) * -np.diff(energy), 0.0)
    return np.where(rejected < FAR, rejected, np.fmax(rejected, np.sqrt(gain / np.pi)))


FAR = 0.8
"""Fraction of rejected swaps from which on it says too little of the barrier."""


def swapped(key: Array, ladder: Ladder, energy: Array, gain: Array, rungs: Array) -> Ladder:
    """A ladder after a round of swaps: of even rungs with the next in even rounds, of odd ones in odd rounds.

    Args:
        key: of this round.
        ladder: before it.
        energy: at each rung, shape (rung,).
        gain: logarithm of the ratio of probabilities after and before a swap of each rung with the next, shape (rung,).
        rungs: number of rungs in use.
    """
    rung = jnp.arange(len(energy))
    u = jax.vmap(lambda k: keys.uniform(keys.address(key, k), ()))(rung)
    offered = (rung % 2 == ladder.rounds % 2) & (rung + 1 < rungs)
    accepted = offered & (jnp.log(u) < gain)
    from_below = jnp.roll(accepted, 1)  # the last rung never offers, so that nothing comes round
    partner = jnp.where(accepted, rung + 1, jnp.where(from_below, rung - 1, rung))
    walkers = ladder.walkers[partner]
    hottest, coldest = walkers[0], walkers[rungs - 1]
    returned = ladder.ends[hottest] == 2
    ends = ladder.ends.at[coldest].set(jnp.where(ladder.ends[coldest] == 1, jnp.int8(2), ladder.ends[coldest]))
    return replace(
        ladder,
        walkers=walkers,
        rounds=ladder.rounds + 1,
        offered=ladder.offered + offered.astype(jnp.int32),
        accepted=ladder.accepted + accepted.astype(jnp.int32),
        ends=ends.at[hottest].set(1),
        trips=ladder.trips + returned.astype(jnp.int32),
        sums=_added(ladder.sums, energy),
    )


def _added(sums: Array, energy: Array) -> Array:
    """Sums of the energy and of its square with one more term, and what rounding has taken from them."""
    square, missing = squared(energy)
    lost = jnp.stack([jnp.zeros_like(missing), missing])
    return jnp.concatenate(added(sums[:2], sums[2:], jnp.stack([energy, square]), lost))


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
        lift = _lifted_pair if observable.on == "pair" else _lifted
        finish = _Rungs(self.rungs, 1 + (observable.on == "pair"), observable.finish)
        return replace(
            observable, of=lift(observable.of, self.along), dims=(self.rung, *observable.dims), finish=finish
        )

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


@lru_cache(256)
def _lifted(of: Callable, along: Parameter | None) -> Callable:
    def at_each_rung(ladder: Ladder, then: State | None, scene: Any) -> Any:
        axes = (0, None if then is None else 0)
        if along is None:
            return jax.vmap(of, (*axes, None))(arranged(ladder), then, scene)

        def of_rung(state: State, then: State | None, value: Array) -> Any:
            return of(state, then, along.put(scene, value))

        return jax.vmap(of_rung, (*axes, 0))(arranged(ladder), then, along.of(scene))

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
