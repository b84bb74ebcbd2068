"""Potentials v(r) of the gap r = S sum_j J S' / sqrt(c) - margin.

Each class has `cost`, the function of r that the Monte Carlo moves use, and `energy`, the value of v.
They agree except for the hard core, whose v is infinite: there `cost` counts violated gaps and the
moves compare it at zero temperature, which is the limit beta -> infinity.

A machine takes any other frozen dataclass that meets `Potential`, too; what native and fused kernels do not know is
run by the compiled scan.
"""

from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Protocol, get_args, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.core.check import fail, finite, frozen_value, plain_fields, positive, single


@runtime_checkable
class Potential(Protocol):
    """What a potential has to know: a frozen dataclass whose fields are plain values.

    A class attribute `hard` that is True says that `energy` is inf where the gap is negative and 0 elsewhere, and that
    `cost` counts such gaps; without it the potential is finite.

    >>> import glassnet as gn
    >>> @dataclass(frozen=True)
    ... class Huber:
    ...     knee: float = 1.0
    ...     margin: float = 0.0
    ...
    ...     def cost(self, gap):
    ...         depth = jnp.maximum(-gap, 0)
    ...         return jnp.where(depth < self.knee, depth**2, self.knee * (2 * depth - self.knee))
    ...
    ...     def energy(self, gap):
    ...         depth = np.maximum(-gap, 0)
    ...         return np.where(depth < self.knee, depth**2, self.knee * (2 * depth - self.knee))
    >>> gn.Machine(depth=3, width=6, potential=Huber(0.5)).potential
    Huber(knee=0.5, margin=0.0)
    """

    @property
    def margin(self) -> float:
        """Subtracted from every gap (kappa)."""
        ...

    def cost(self, gap: Array) -> Array:
        """v(r) elementwise with JAX, in the dtype of `gap`; `gap` already has the margin subtracted."""
        ...

    def energy(self, gap: np.ndarray) -> np.ndarray:
        """v(r) elementwise with NumPy, in the dtype of `gap`."""
        ...


@dataclass(frozen=True)
class SoftCore:
    """v(r) = strength * (-r)^power for r < 0, else 0   [Yoshino 2020; power 2, no factor 1/2].

    Args:
        power: exponent p > 0 (p = 1 and p = 2 are cheapest).
        strength: energy scale eps > 0.
        margin: subtracted from every gap (kappa).
    Raises:
        ValueError: for a power or strength that is not positive and finite, or a margin that is not finite.
    """

    power: float = 2.0
    strength: float = 1.0
    margin: float = 0.0
    hard: ClassVar[bool] = False

    def __post_init__(self) -> None:
        plain_fields(self)
        positive(power=self.power, strength=self.strength)
        finite(margin=self.margin)
        single(power=self.power, strength=self.strength, margin=self.margin)

    def cost(self, gap: Array) -> Array:
        """v(r) elementwise, in the dtype of `gap`; `gap` already has the margin subtracted."""
        power = int(self.power) if float(self.power).is_integer() else self.power
        negative = jnp.minimum(gap, 0)
        depth = negative if power % 2 == 0 else -negative  # the sign does not matter to an even power
        value = depth if power == 1 else depth**power
        return value if self.strength == 1 else value * self.strength

    def energy(self, gap: np.ndarray) -> np.ndarray:
        """v(r) elementwise with NumPy, in the dtype of `gap`."""
        return self.strength * np.maximum(-gap, 0) ** self.power


@dataclass(frozen=True)
class HardCore:
    """v(r) = infinity for r < 0, else 0.

    The weight exp(-beta v) is the same for every beta > 0. A chain that starts without violated gaps
    samples the prior restricted to ground states; any other start first lowers the number of violated
    gaps, never raising it. Single flips of hidden spins turn the gap r into -r - 2 margin: with a margin of at
    least 0 no spin of a ground state can flip, and only the weights move.

    Args:
        margin: subtracted from every gap (kappa).
    Raises:
        ValueError: for a margin that is not finite.
    """

    margin: float = 0.0
    hard: ClassVar[bool] = True

    def __post_init__(self) -> None:
        plain_fields(self)
        finite(margin=self.margin)
        single(margin=self.margin)

    def cost(self, gap: Array) -> Array:
        """1 for a violated gap, else 0, in the dtype of `gap`."""
        return (gap < 0).astype(gap.dtype)

    def energy(self, gap: np.ndarray) -> np.ndarray:
        """v(r) elementwise with NumPy: inf or 0."""
        return np.where(gap < 0, np.inf, np.zeros_like(gap))


@dataclass(frozen=True)
class Counting:
    """v(r) = strength for r < 0, else 0.

    Args:
        strength: energy of one violated gap, > 0.
        margin: subtracted from every gap (kappa).
    Raises:
        ValueError: for a strength that is not positive and finite, or a margin that is not finite.
    """

    strength: float = 1.0
    margin: float = 0.0
    hard: ClassVar[bool] = False

    def __post_init__(self) -> None:
        plain_fields(self)
        positive(strength=self.strength)
        finite(margin=self.margin)
        single(strength=self.strength, margin=self.margin)

    def cost(self, gap: Array) -> Array:
        """v(r) elementwise, in the dtype of `gap`."""
        return (gap < 0).astype(gap.dtype) * self.strength

    def energy(self, gap: np.ndarray) -> np.ndarray:
        """v(r) elementwise with NumPy, in the dtype of `gap`."""
        return np.where(gap < 0, self.strength, np.zeros_like(gap))


@dataclass(frozen=True)
class Probit:
    """v(r) = -ln Phi(r / width), Phi the normal distribution function.

    At beta = 1 exp(-v) is the probability that the sign of a gap survives Gaussian noise of standard deviation `width`
    on it. The probabilities of both signs add up to 1 whatever the field, so that with margin 0 and beta = 1 weights
    from their prior and neurons drawn forward from these probabilities are in equilibrium with their outputs as data.

    Args:
        width: standard deviation of the noise, in units of the gap, > 0.
        margin: subtracted from every gap (kappa).
    Raises:
        ValueError: for a width that is not positive and finite, or a margin that is not finite.
    """

    width: float = 1.0
    margin: float = 0.0
    hard: ClassVar[bool] = False

    def __post_init__(self) -> None:
        plain_fields(self)
        positive(width=self.width)
        finite(margin=self.margin)
        single(width=self.width, margin=self.margin)
        object.__setattr__(self, "width", float(self.width))  # a machine has a `width`, too, a whole number

    def cost(self, gap: Array) -> Array:
        """v(r) elementwise, in the dtype of `gap`; as exact as single precision allows, 0 at infinity.

        With t = |r| / width: Phi(-t) = exp(-t^2/2) g(t), g(t) = s p(s), s = 1/(1 + t/4), p fitted to an error of 4e-8.
        The native kernel computes the same.
        """
        x = gap * (1 / self.width)
        t = jnp.abs(x)
        s = 1 / (1 + t / 4)
        p = jnp.full_like(s, TAIL[0])
        for coefficient in TAIL[1:]:
            p = p * s + coefficient
        half, g = t * t / 2, p * s
        missing = jnp.where(t < 12.5, jnp.exp(-half) * g, 0)  # 1 - Phi(t); beyond, it is below 4e-36
        return jnp.where(x > 0, -jnp.log1p(-missing), half - jnp.log(g))

    def energy(self, gap: np.ndarray) -> np.ndarray:
        """v(r) elementwise with NumPy, in the dtype of `gap`."""
        from scipy.special import log_ndtr  # slow to load

        return -log_ndtr(gap / self.width)


@dataclass(frozen=True)
class Logistic:
    """v(r) = ln(1 + exp(-r / width)), the logistic loss of a gap.

    At beta = 1 exp(-v) is the probability 1 / (1 + exp(-r / width)) that the sign of a gap survives logistic noise of
    scale `width`, and as for a probit the probabilities of both signs add up to 1.

    Args:
        width: scale of the noise, in units of the gap, > 0.
        margin: subtracted from every gap (kappa).
    Raises:
        ValueError: for a width that is not positive and finite, or a margin that is not finite.
    """

    width: float = 1.0
    margin: float = 0.0
    hard: ClassVar[bool] = False

    def __post_init__(self) -> None:
        plain_fields(self)
        positive(width=self.width)
        finite(margin=self.margin)
        single(width=self.width, margin=self.margin)
        object.__setattr__(self, "width", float(self.width))  # as for a probit

    def cost(self, gap: Array) -> Array:
        """v(r) elementwise, in the dtype of `gap`; as exact as single precision allows, 0 at infinity."""
        x = gap * (1 / self.width)
        return jnp.maximum(-x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))

    def energy(self, gap: np.ndarray) -> np.ndarray:
        """v(r) elementwise with NumPy, in the dtype of `gap`."""
        return np.logaddexp(0, -gap / self.width)


TAIL = (
    1.9782265028e-02, -8.0878446824e-02, 9.5599193053e-02, -3.1719647993e-02, 6.3700373657e-02,
    5.8974700375e-02, 8.1603201982e-02, 9.3466344937e-02, 9.9736432135e-02, 9.9735566715e-02,
)  # fmt: skip
"""Coefficients of p(s) in `Probit.cost`, from the highest power down."""

Known = SoftCore | HardCore | Counting | Probit | Logistic
"""Potentials of this file."""

KNOWN: tuple[type[Known], ...] = get_args(Known)
"""The same for a look-up by exact type: a subclass may override what an engine has compiled."""

TRIED = np.array([-30.0, -3.0, -1.0, -0.25, 0.0, 0.25, 1.0, 3.0, 30.0], np.float32)
"""Gaps at which `cost` and `energy` of an unknown potential are compared."""


def at_margin(potential: Potential, margin: Any) -> Potential:
    """The same potential at another margin, which may be a number of a program under way."""
    moved = copy(potential)
    object.__setattr__(moved, "margin", margin)  # no check: what is traced has no value yet
    return moved


def check_potential(potential: Any) -> None:
    """Raise ValueError unless `potential` meets `Potential`: one sentence that says what it lacks.

    Of a potential that is not of this file `cost` and `energy` are compared at a few gaps.
    """
    if type(potential) in KNOWN:
        return
    frozen_value("potential", potential, ("margin", "cost", "energy"))
    finite(**{"potential.margin": potential.margin})
    single(**{"potential.margin": potential.margin})
    _compare(potential)


HIGHEST = 1e30
"""Cost of one gap up to which sums over a layer stay in single precision."""


def check_costs(potential: Potential, c: int) -> None:
    """Raise ValueError unless the costs of all gaps that a neuron with `c` inputs can have fit into single precision.

    Weights with a mean square of 1 give gaps down to -sqrt(c) - margin.
    """
    gap = -(c**0.5) - abs(potential.margin)
    with np.errstate(over="ignore"):
        value = float(potential.energy(np.array([gap]))[0])
    if not getattr(potential, "hard", False) and not abs(value) <= HIGHEST:
        raise fail("potential", f"cost at most {HIGHEST:g} at a gap of {gap:g}, as in single precision", value)


@lru_cache(maxsize=64)
def _compare(potential: Potential) -> None:
    with jax.ensure_compile_time_eval():
        cost, energy = np.asarray(potential.cost(jnp.asarray(TRIED))), np.asarray(potential.energy(TRIED))
    for name, values in (("cost", cost), ("energy", energy)):
        if values.shape != TRIED.shape:
            raise fail(f"potential.{name}", f"keep the shape of the gaps, {TRIED.shape}", values.shape)
    if cost.dtype != np.float32:
        raise fail("potential.cost", "keep the dtype of the gaps, float32", str(cost.dtype))
    hard = getattr(potential, "hard", False)
    expected = np.where(TRIED < 0, np.inf, 0) if hard else cost
    for gap, value, right, moved in zip(TRIED.tolist(), energy.tolist(), expected.tolist(), cost.tolist(), strict=True):
        if not np.isfinite(moved):
            raise fail("potential.cost", f"be finite at a gap of {gap:g}", moved)
        if not (np.isclose(value, right, rtol=1e-4, atol=1e-5) and (hard or np.isfinite(value))):
            raise fail("potential.energy", f"agree with `cost`, {right:g} at a gap of {gap:g}", value)
