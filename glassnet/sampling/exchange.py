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
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from glassnet.core import keys
from glassnet.core.check import fail, finite, integer, is_number, plain_fields, single
from glassnet.core.pytree import pytree
from glassnet.core.sums import added, squared
from glassnet.sampling.kernel import Info, Kernel, Params, State
from glassnet.sampling.system import Parameter

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
