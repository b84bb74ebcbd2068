"""Population annealing: copies of a system, chosen by Boltzmann factors along one schedule, as one replica.

The copies are called walkers. They begin at infinite temperature. Whenever beta differs from that of the sweep before
by db, the population is drawn anew: each walker leaves as many copies of itself as its factor exp(-db E) says, in units
of the mean factor, rounded up or down by one uniform number for all (systematic resampling), so that the size stays.
Then every walker makes a sweep at the new beta. The product of all mean factors estimates Z(beta)/Z(0), without bias
for any size of the population   [Hukushima and Iba, AIP Conf. Proc. 690, 200 (2003); Machta 2010].

What a run measures are means over the walkers. Each estimates an average at equilibrium, with a bias of the order of
1/size; the mean over independent populations with their Z as factors has a smaller one (see
`glassnet.analysis.population_mean`). Clones are copies of a whole population, which go on with random numbers of their
own. What compares with the waiting time compares each walker with its own ancestor there. Pairs of clones are not
measured: after some resampling their walkers have little to do with each other, or are of one family.
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
from glassnet.core.check import fail, integer, plain_fields
from glassnet.core.pytree import pytree
from glassnet.core.sums import added
from glassnet.sampling.around import Around
from glassnet.sampling.kernel import Info, Kernel, Params, State
from glassnet.sampling.plan import Plan
from glassnet.sampling.system import EXACT, OF_LAST, Moves, Observable, System, Work

MACHTA = "Machta, Phys. Rev. E 82, 026704 (2010)"
WANG = "Wang, Machta and Katzgraber, Phys. Rev. E 92, 063307 (2015)"

WALKER = "walker"
"""Dim of the configurations of a population."""

RANDOM = "be 'random' for a population, whose Boltzmann factors count from infinite temperature"

MOST_COUNTED = 2**31 - 1
"""Moves that one sweep may offer: those that are accepted are counted in 32 bits."""


@dataclass(frozen=True)
class Population:
    """How population annealing is done.

    Args:
        size: walkers of a population, >= 2. The fewest that `glassnet.analysis.population_summary` may call good are
            100 times the mean square family size.
    Raises:
        ValueError: if the size is out of range.
    """

    size: int = 1000

    def __post_init__(self) -> None:
        plain_fields(self)
        integer(2, size=self.size)


@pytree
class Walkers:
    """A population.

    Attributes:
        states: configurations, the walker leading.
        beta: inverse temperature that their factors have brought them to, float32.
        family: the walker at the start that each one descends from, int32, shape (walker,).
        ancestor: the walker at the waiting time (of hosts: at the start) that each one descends from, int32.
        log_evidence: ln Z(beta)/Z(0), float32, shape (2,): the sum, and what rounding has taken from it.
    """

    states: State
    beta: Array
    family: Array
    ancestor: Array
    log_evidence: Array


def annealing(kernel: Kernel) -> Kernel:
    """A kernel of populations from one of single walkers. Counts in the info are over all walkers.

    Args:
        kernel: moves a walker at a temperature.
    Raises:
        ValueError: for a kernel that draws velocities, of which there are none at infinite temperature.
    """
    if kernel.begin is not None:
        raise fail("population", "be None for molecular dynamics", kernel)

    def init(walkers: Walkers, clamped: Any) -> Walkers:
        return replace(walkers, states=jax.vmap(lambda state: kernel.init(state, clamped))(walkers.states))

    def energies(walkers: Walkers, clamped: Any) -> Array:
        return jax.vmap(lambda state: kernel.energy(state, clamped))(walkers.states)

    def step(key: Array, walkers: Walkers, params: Params) -> tuple[Walkers, Info]:
        beta = 1 / params.temperature

        def chosen(walkers: Walkers) -> Walkers:
            u = keys.uniform(keys.address(key, 1), ())
            return resampled(u, walkers, energies(walkers, params.clamped), beta)

        def move(place: Array, state: State) -> tuple[State, Info]:
            return kernel.step(keys.address(key, 0, place), state, params)

        walkers = lax.cond(beta == walkers.beta, lambda walkers: walkers, chosen, walkers)
        states, info = jax.vmap(move)(jnp.arange(len(walkers.family)), walkers.states)
        return replace(walkers, states=states), jax.tree.map(lambda x: x.sum(0), info)

    return Kernel(init, step, energies)


def resampled(u: Array, walkers: Walkers, energy: Array, beta: Array) -> Walkers:
    """A population that is drawn anew, with factors that bring it to another inverse temperature.

    Args:
        u: uniform in (0, 1).
        walkers: the population.
        energy: of each walker, shape (walker,).
        beta: the new inverse temperature.
    """
    excess, log_mean = relative_weights(energy, beta - walkers.beta)
    chosen = parents(u, excess)
    return Walkers(
        jax.tree.map(lambda x: x[chosen], walkers.states),
        beta,
        walkers.family[chosen],
        walkers.ancestor[chosen],
        jnp.stack(added(*walkers.log_evidence, log_mean)),
    )


def relative_weights(energy: Array, change: Array) -> tuple[Array, Array]:
    """Factors exp(-change * energy) over their mean, less 1, and the logarithm of the mean.

    They are computed relative to the largest. Where all are of one order, as in small steps of beta, their differences
    from it are summed, which keeps the digits of factors close to 1.

    Args:
        energy: of each walker, shape (walker,).
        change: new beta less the old one.
    """
    best = jnp.where(change > 0, energy.min(), energy.max())
    power = -change * (energy - best)
    close = jnp.expm1(power).mean() > -0.5
    factor = jnp.where(close, jnp.expm1(power), jnp.exp(power))  # less 1, or as it is
    mean = factor.mean()
    log_mean = jnp.where(close, jnp.log1p(mean), jnp.log(mean))
    return (factor - mean) / jnp.where(close, 1 + mean, mean), log_mean - change * best


def parents(u: Array, excess: Array) -> Array:
    """Whose copy each walker of the new population is, ascending, int32, shape (walker,).

    Walker i gets the places j = 0, 1, ... with j + u in its stretch of the line, whose length is its relative factor
    1 + excess_i: so many in the mean, and always one of the two whole numbers around it. Where a stretch ends is kept
    as a whole number, which is exact, and the sum of what factors so far differ from 1.

    Args:
        u: uniform in (0, 1).
        excess: relative factors less 1, shape (walker,); they sum to 0 but for rounding.
    """
    n = len(excess)
    whole = jnp.arange(1, n + 1)
    ahead = jnp.cumsum(excess)
    ahead = ahead - ahead[-1] * (whole.astype(jnp.float32) / n)  # the last stretch ends at n
    ends = lax.cummax(jnp.clip(whole + jnp.ceil(ahead - u).astype(jnp.int32), 0, n))  # places before each end
    return jnp.searchsorted(ends, jnp.arange(n), side="right").astype(jnp.int32)


@dataclass(frozen=True)
class Annealed(Around):
    """A population of walkers of a system as one replica.

    Args:
        system: what each walker is.
        population: how many there are.
    """

    population: Population = field(default_factory=Population)

    @property
    def title(self) -> str:
        """What runs, in words."""
        return f"{self.system.title} with population annealing"

    @property
    def size(self) -> int:
        """Number of walkers."""
        return self.population.size

    def kernel(self, plan: Plan) -> Kernel:
        """The moves of all walkers, and the resampling."""
        return annealing(self.system.kernel(plan))

    def observables(self, tasks: Sequence[Any]) -> dict[str, Observable]:
        """Means over the walkers, and what families and factors tell; nothing of pairs."""
        return self._means(self.system.observables(tasks)) | POPULATION

    def optional(self, tasks: Sequence[Any]) -> dict[str, Observable]:
        """Means over the walkers of those of the system, but for those of pairs."""
        return self._means(self.system.optional(tasks))

    def _means(self, observables: Mapping[str, Observable]) -> dict[str, Observable]:
        return {name: self.lifted(o) for name, o in observables.items() if o.on not in OF_LAST}

    def lifted(self, observable: Observable) -> Observable:
        """The mean of an observable over the walkers.

        Raises:
            ValueError: for one of pairs.
        """
        if observable.on in OF_LAST:
            requirement = f"not be on {' or '.join(OF_LAST)} for a population, whose clones have no walkers in common"
            raise fail("observables", requirement, observable)
        if observable.finish is None:
            return replace(observable, of=_mean_of(observable.of))
        return replace(observable, of=_of_each(observable.of), finish=_MeanOfFinished(observable.finish))

    def start(self, key: Array, clamped: Any) -> Walkers:
        """Each walker at infinite temperature, independent of the others."""
        place = jnp.arange(self.size, dtype=jnp.int32)
        states = jax.vmap(lambda w: self.system.start(keys.address(key, w), clamped))(place)
        return Walkers(states, jnp.float32(0), place, place, jnp.zeros(2, jnp.float32))

    def continued(
        self,
        arrays: Mapping[str, np.ndarray],
        data: Mapping[str, np.ndarray],
        config: Mapping[str, Any],
        task: Any,
    ) -> dict[str, np.ndarray]:
        """Raise ValueError: factors count from infinite temperature."""
        raise fail("start", RANDOM, "a run")

    def cloned(self, states: Walkers) -> Walkers:
        """The same walkers, each its own ancestor."""
        return replace(states, ancestor=np.broadcast_to(np.arange(self.size, dtype=np.int32), states.ancestor.shape))

    def bare(self, state: Walkers) -> State:
        """The bare configurations, the walker leading."""
        return jax.vmap(self.system.bare)(state.states)

    def finite(self, state: Walkers) -> dict[str, Array]:
        """Flags of the system for each walker."""
        return jax.vmap(self.system.finite)(state.states)

    def part(self, name: str, *index: int) -> str:
        """A part of the configuration of a walker in words."""
        return f"{self.system.part(name, *index[1:])} of walker {index[0]}"

    def moves(self, tasks: Sequence[Any]) -> dict[str, Moves]:
        """Moves of the system, offered to all walkers together."""
        return {name: Moves(self.size * n, variable) for name, (n, variable) in self.system.moves(tasks).items()}

    def work(self, tasks: Sequence[Any]) -> Work:
        """All walkers at once."""
        one = self.system.work(tasks)
        return Work(one.step * self.size, one.replica * self.size)

    def replica_bytes(self, tasks: Sequence[Any]) -> int:
        """All walkers."""
        return self.size * self.system.replica_bytes(tasks)

    def check(self, tasks: Sequence[Any], betas: Sequence[float], start: Any, numbers: Mapping[str, float]) -> None:
        """Raise ValueError unless all fits the system, temperatures are positive, and the start is a random one."""
        if not isinstance(start, str) or start != "random":
            raise fail("start", RANDOM, start if isinstance(start, str) else type(start).__name__)
        self.system.check(tasks, betas, start, numbers)
        if not np.isfinite(betas).all():
            raise fail("beta", "be finite for a population", list(betas))
        most = max([1, *(int(kind.offered.max()) for kind in self.system.moves(tasks).values())])
        if self.size > MOST_COUNTED // most:
            raise fail("population.size", f"be at most {MOST_COUNTED // most}, to count moves in 32 bits", self.size)

    def kept(self, bare: State) -> dict[str, tuple[tuple[str, ...], Any]]:
        """What the system keeps, of each walker."""
        return {name: ((WALKER, *dims), x) for name, (dims, x) in self.system.kept(bare).items()}

    def equilibrium(self, tasks: Sequence[Any], betas: Sequence[float], start: Any) -> str:
        """Exact where beta stays 0; else the size of the population decides how close it comes."""
        return EXACT if not any(betas) else "no: a population begins at infinite temperature"

    def attributes(self, tasks: Sequence[Any]) -> dict[str, Any]:
        """Those of the system, and the number of walkers."""
        return self.system.attributes(tasks) | {"population_size": self.size}

    def config(self, numbers: Mapping[str, float]) -> dict[str, Any]:
        """The system's, and the number of walkers."""
        return self.system.config(numbers) | {"population": {"size": self.size}}

    @classmethod
    def stored(cls, system: System, values: Mapping[str, Any]) -> "Annealed":
        """Populations of the system, from what `config` has under "population"."""
        return cls(system, Population(values["size"]))


@lru_cache(256)
def _of_each(of: Callable) -> Callable:
    def of_each(walkers: Walkers, then: State | None, scene: Any) -> Any:
        before = None if then is None else jax.tree.map(lambda x: x[walkers.ancestor], then)
        return jax.vmap(of, (0, None if then is None else 0, None))(walkers.states, before, scene)

    return of_each


@lru_cache(256)
def _mean_of(of: Callable) -> Callable:
    def mean(values: Array) -> Array:
        real = values if jnp.issubdtype(values.dtype, jnp.floating) else values.astype(jnp.float32)
        return real.mean(0)

    def mean_of(walkers: Walkers, then: State | None, scene: Any) -> Any:
        return jax.tree.map(mean, _of_each(of)(walkers, then, scene))

    return mean_of


@dataclass(frozen=True)
class _MeanOfFinished:
    """Finishes the values of all walkers of all replicas, and takes the means over walkers.

    Attributes:
        finish: `finish` of the observable.
    """

    finish: Callable

    def __call__(self, values: Any) -> Any:
        replicas, walkers = jax.tree.leaves(values)[0].shape[:2]
        finished = self.finish(jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), values))

        def mean(x: Any) -> np.ndarray:
            x = np.asarray(x)
            real = x.dtype if np.issubdtype(x.dtype, np.floating) else np.float32
            return x.reshape(replicas, walkers, *x.shape[1:]).mean(1, dtype=np.float64).astype(real)

        return jax.tree.map(mean, finished)


def _beta(walkers: Walkers, then: Any, scene: Any) -> Array:
    return walkers.beta


def _log_evidence(walkers: Walkers, then: Any, scene: Any) -> Array:
    return walkers.log_evidence


def _family(walkers: Walkers, then: Any, scene: Any) -> Array:
    return walkers.family


def _whole(sums: np.ndarray) -> np.ndarray:
    """The sum and what rounding took from it, in double precision."""
    return np.asarray(sums, np.float64).sum(-1)


def family_statistics(family: np.ndarray) -> dict[str, np.ndarray]:
    """Number, entropy and mean square size of the families of populations.

    With n_i the fraction of the walkers in family i: S_f = -sum_i n_i ln n_i, and rho_t = size sum_i n_i^2, which is
    the size of the family of a walker chosen at random   [Wang, Machta and Katzgraber 2015].

    Args:
        family: the walker at the start that each one descends from, shape (population, walker).
    Returns:
        "families", "entropy" and "rho_t", shape (population,).
    """
    populations, size = family.shape
    counts = np.bincount((family + size * np.arange(populations)[:, None]).reshape(-1), minlength=populations * size)
    n = counts.reshape(populations, size) / size
    log = np.log(np.where(n > 0, n, 1))
    return {"families": (n > 0).sum(1), "entropy": 0.0 - (n * log).sum(1), "rho_t": size * (n**2).sum(1)}


def _of_families(words: str, symbol: str, units: str, pick: str) -> Observable:
    return Observable(_family, (), "both", units, words, symbol, WANG, family_statistics, pick)


POPULATION = {
    "population_beta": Observable(
        _beta, (), "both", "1", "inverse temperature of the population", "beta", MACHTA
    ),
    "log_evidence": Observable(
        _log_evidence, (), "both", "1", "ln Z(beta)/Z(0) by the factors so far", "ln Z/Z_0", MACHTA, _whole
    ),
    "families": _of_families("families from the start that are left", "n_f", "families", "families"),
    "family_entropy": _of_families("entropy of the sizes of families", "S_f", "1", "entropy"),
    "rho_t": _of_families("mean square family size", "rho_t", "walkers", "rho_t"),
}  # fmt: skip
"""What is measured of a population beside the means over its walkers."""
