"""Times of measurement and protocols of temperature."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.core.check import fail, integer, is_number, one_of, plain_fields, single
from glassnet.core.pytree import pytree, static

KINDS = ("steps", "linear", "geometric")


def log_times(last: int, points_per_decade: int) -> tuple[int, ...]:
    """Whole numbers 0, 1, ..., `last`, spaced evenly in the logarithm, without repetition.

    Args:
        last: largest time, >= 0.
        points_per_decade: density, >= 1.
    Returns:
        Ascending times that begin with 0 and end with `last`.
    Raises:
        ValueError: for arguments out of range.
    """
    integer(0, last=last)
    integer(1, points_per_decade=points_per_decade)
    if last == 0:
        return (0,)
    count = math.ceil(math.log10(last) * points_per_decade) + 1
    spaced = 10.0 ** (np.arange(count) / points_per_decade)
    times = {0, last, *(int(t) for t in np.rint(spaced) if t <= last)}
    return tuple(sorted(times))


@pytree
class BetaPath:
    """A schedule as arrays: knots `times` (knot,) and `betas` (knot,), float32; `kind` as in `Schedule`.

    Several schedules of one kind have leading axes.
    """

    times: Array
    betas: Array
    kind: str = static()

    def temperature(self, sweep: Array) -> Array:
        """1 / beta at a sweep (scalar, integer), float32, with the leading axes of the knots."""
        if self.times.ndim > 1:
            return jax.vmap(lambda path: path.temperature(sweep))(self)
        t = sweep.astype(jnp.float32)
        if self.kind == "steps":
            return 1 / self.betas[jnp.maximum(jnp.sum(self.times <= t) - 1, 0)]
        if self.kind == "linear":
            return 1 / jnp.interp(t, self.times, self.betas)
        return jnp.exp(-jnp.interp(t, self.times, jnp.log(self.betas)))


@dataclass(frozen=True)
class Schedule:
    """Inverse temperature against time, given at knots; constant before the first and after the last.

    Args:
        times: sweeps of the knots, ascending, the first one 0.
        betas: inverse temperature at each knot, 0 or from 1e-37 to 1e37; inf (zero temperature) in steps only.
        kind: "steps" (jump at each knot), "linear" (beta linear in time between knots) or "geometric"
            (log beta linear in time).
    Raises:
        ValueError: for knots that do not ascend from 0, or a beta out of range.
    """

    times: tuple[int, ...]
    betas: tuple[float, ...]
    kind: str = "steps"

    def __post_init__(self) -> None:
        plain_fields(self)
        one_of(KINDS, kind=self.kind)
        object.__setattr__(self, "betas", tuple(float(_checked_beta(beta)) for beta in self.betas))
        integer(0, **{f"times[{n}]": t for n, t in enumerate(self.times)})
        if not self.times or self.times[0] != 0 or any(np.diff(self.times) <= 0):
            raise fail("times", "ascend from 0", self.times)
        if len(self.times) != len(self.betas):
            raise fail("betas", f"hold one value for each of the {len(self.times)} times", self.betas)
        if self.kind != "steps" and not all(map(math.isfinite, self.betas)):
            raise fail("betas", f"be finite in a {self.kind} schedule", self.betas)
        if self.kind == "geometric" and min(self.betas) == 0:
            raise fail("betas", "be positive in a geometric schedule", self.betas)

    @classmethod
    def quench(cls, beta: float) -> "Schedule":
        """Constant `beta` from time 0 on."""
        return cls((0,), (beta,))

    @classmethod
    def linear(cls, start: float, stop: float, sweeps: int) -> "Schedule":
        """beta grows linearly from `start` to `stop` within `sweeps`, then stays."""
        integer(1, sweeps=sweeps)
        return cls((0, sweeps), (start, stop), "linear")

    @classmethod
    def geometric(cls, start: float, stop: float, sweeps: int) -> "Schedule":
        """log beta grows linearly from log `start` to log `stop` within `sweeps`, then beta stays."""
        integer(1, sweeps=sweeps)
        return cls((0, sweeps), (start, stop), "geometric")

    @classmethod
    def steps(cls, times: Sequence[int], betas: Sequence[float]) -> "Schedule":
        """beta jumps to betas[n] at times[n]."""
        return cls(tuple(times), tuple(betas))

    @property
    def constant(self) -> bool:
        """Whether beta never changes."""
        return len(set(self.betas)) == 1

    @property
    def final_beta(self) -> float:
        """beta after the last knot."""
        return self.betas[-1]

    def path(self) -> BetaPath:
        """The schedule as arrays for compiled code."""
        return BetaPath(jnp.asarray(self.times, jnp.float32), jnp.asarray(self.betas, jnp.float32), self.kind)


def _checked_beta(beta: float) -> float:
    if not is_number(beta) or math.isnan(beta) or beta < 0:
        raise fail("beta", "be a number of at least 0", beta)
    single(beta=beta)
    return beta
