"""Langevin molecular dynamics of positions in a box, a pytree of real numbers in [-1, 1] of unit mass, k_B = 1.

What moves is known only by its forces. A kernel made here is one time step. It leaves exp(-H/T) invariant up to an
error of second order in the time step, where H is the potential energy plus v^2/2. Walls at -1 and +1 reflect.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from glassnet.core import keys
from glassnet.core.check import fail, finite, one_of, plain_fields, positive
from glassnet.core.pytree import pytree
from glassnet.core.sums import added
from glassnet.sampling.kernel import Info, Kernel, Params

INTEGRATORS = ("baoab", "leapfrog")
"""Half a kick, half a drift, friction and noise, half a drift, half a kick; or velocities at half steps."""

FORMS = ("step", "rate", "printed")
"""What `friction` means, see `Langevin`."""

Forces = Callable[[Any, Any], tuple[Array, Any]]
"""`forces(positions, clamped) -> (potential energy, forces)`, the latter as a pytree like the positions."""


@dataclass(frozen=True)
class Langevin:
    """Langevin dynamics: how positions and velocities make a step.

    With the fraction c of a velocity that friction leaves, and xi Gaussian of variance 1, in each step

        v <- c v + s sqrt(T) xi

    | form      | c                | s^2              |                                                       |
    |-----------|------------------|------------------|-------------------------------------------------------|
    | "step"    | 1 - friction     | 1 - c^2          | friction is the fraction of the velocity lost a step  |
    | "rate"    | exp(-friction h) | 1 - c^2          | friction is a rate; h is the time step                |
    | "printed" | 1 - friction h   | 2 friction h^2   | equation (11) of [Huang et al. 2025], read literally  |

    The first two keep exactly the Maxwell distribution at T. The third has friction and noise inside the force times h;
    its temperature is about T h, and it hardly damps. No friction at all gives velocity Verlet, which conserves energy;
    the temperature is then that of the first velocities alone. The leap-frog with friction 1 at T = 0 is gradient
    descent at the rate h^2.

    Args:
        time_step: h, above 0 and at most 1, half the box.
        friction: in [0, 1] a step ("step"), >= 0 ("rate"), or with friction h in [0, 1] ("printed").
        integrator: "baoab" [Leimkuhler and Matthews 2013], whose error in positions is smallest, or "leapfrog", the
            paper's, which keeps velocities at half steps.
        form: see above; "printed" belongs to "leapfrog".
    Raises:
        ValueError: if an argument is out of range; it names the argument and the value.
    """

    time_step: float = 1e-2
    friction: float = 1e-3
    integrator: str = "baoab"
    form: str = "step"

    def __post_init__(self) -> None:
        plain_fields(self)
        one_of(INTEGRATORS, integrator=self.integrator)
        one_of(FORMS, form=self.form)
        if self.form == "printed" and self.integrator != "leapfrog":
            raise fail("form", "be 'step' or 'rate' with the integrator 'baoab'", self.form)
        check_steps(self.form, self.time_step, self.friction)
        for name in ("time_step", "friction"):
            object.__setattr__(self, name, float(getattr(self, name)))

    @property
    def numbers(self) -> dict[str, float]:
        """What compiled code takes as data."""
        return {"time_step": self.time_step, "friction": self.friction}

    @property
    def scheme(self) -> "Scheme":
        """What compiled code is made of."""
        return Scheme(self.integrator, self.form, self.friction > 0)

    def __str__(self) -> str:
        """In words, for titles."""
        return str(self.scheme)


@dataclass(frozen=True)
class Scheme:
    """How a step is built: the integrator, the form of friction, and whether there is friction at all."""

    integrator: str = "baoab"
    form: str = "step"
    damped: bool = True

    def __str__(self) -> str:
        """In words, for titles."""
        if not self.damped:
            return "Newtonian " + self.integrator.replace("baoab", "Verlet")
        return f"Langevin {self.integrator.replace('baoab', 'BAOAB')}"


def check_steps(form: str, time_step: float, friction: float) -> None:
    """Raise ValueError unless time step and friction are in the range of a form, see `Langevin`."""
    positive(time_step=time_step)
    if time_step > 1:
        raise fail("time_step", "be at most 1, half the box", time_step)
    finite(friction=friction)
    if friction < 0:
        raise fail("friction", "be at least 0", friction)
    if form == "step" and friction > 1:
        raise fail("friction", "be at most 1, the fraction of a velocity that is lost in a step", friction)
    if form == "printed" and friction * time_step > 1:
        raise fail("friction", f"be at most 1 / time_step = {1 / time_step:g}", friction)


@pytree
class Moving:
    """Positions that move.

    Attributes:
        positions: a pytree of numbers in [-1, 1].
        velocities: a pytree like them; of the leap-frog half a step before the positions.
        forces: minus the gradient of the energy at the positions.
        energy: potential energy at the positions, scalar.
        received: the first potential energy, and kinetic energy from first velocities and thermostat so far, shape
            (2,): a sum and what rounding has taken from it. Energy less this is conserved by the exact dynamics.
    """

    positions: Any
    velocities: Any
    forces: Any
    energy: Array
    received: Array


def kernel(forces: Forces, scheme: Scheme) -> Kernel:
    """One time step of molecular dynamics.

    `params.numbers` has `time_step` and `friction`. The state is `Moving`, or bare positions where `init` gets it;
    `begin` draws Maxwell velocities. The kernel's energy is that of positions and velocities together.

    Args:
        forces: energy and forces of positions.
        scheme: how the step is built.
    """

    def init(state: Any, clamped: Any) -> Moving:
        positions = state.positions if isinstance(state, Moving) else state
        energy, force = forces(positions, clamped)
        if isinstance(state, Moving):
            return Moving(positions, state.velocities, force, energy, state.received)
        rest = jax.tree.map(jnp.zeros_like, positions)
        return Moving(positions, rest, force, energy, jnp.stack([energy, jnp.zeros_like(energy)]))

    def begin(key: Array, state: Moving, params: Params) -> Moving:
        velocities = jax.tree.map(lambda xi: jnp.sqrt(params.temperature) * xi, noise(key, state.velocities))
        return _with_velocities(state, velocities)

    def step(key: Array, state: Moving, params: Params) -> tuple[Moving, Info]:
        h = params.numbers["time_step"]
        thermostat = _thermostat(scheme, key, params)
        if scheme.integrator == "leapfrog":
            state = _kicked(thermostat(state), h)
            positions, velocities = drifted(state.positions, state.velocities, h)
        else:
            state = _kicked(state, h / 2)
            positions, velocities = drifted(state.positions, state.velocities, h / 2)
            state = thermostat(Moving(positions, velocities, state.forces, state.energy, state.received))
            positions, velocities = drifted(state.positions, state.velocities, h / 2)
        energy, force = forces(positions, params.clamped)
        state = Moving(positions, velocities, force, energy, state.received)
        return (state if scheme.integrator == "leapfrog" else _kicked(state, h / 2)), {}

    return Kernel(init, step, lambda state, clamped: state.energy + kinetic_energy(state.velocities), begin)


def _kicked(state: Moving, time: Array) -> Moving:
    """Velocities changed by forces for a time."""
    velocities = jax.tree.map(lambda v, f: v + time * f, state.velocities, state.forces)
    return Moving(state.positions, velocities, state.forces, state.energy, state.received)


def drifted(positions: Any, velocities: Any, time: Array) -> tuple[Any, Any]:
    """Free flight for a time, thrown back by the walls at -1 and +1 as often as they are met.

    Returns:
        Positions in [-1, 1] and velocities, which have changed sign after an odd number of hits.
    """

    def flown(x: Array, v: Array) -> tuple[Array, Array]:
        far = x + time * v
        folded = (far + 1) - 4 * jnp.floor((far + 1) / 4)  # in [0, 4): the box, and its mirror image
        inside, back = jnp.abs(far) <= 1, folded > 2
        place = jnp.clip(jnp.where(back, 3 - folded, folded - 1), -1, 1)
        return jnp.where(inside, far, place), jnp.where(~inside & back, -v, v)

    both = jax.tree.map(flown, positions, velocities)
    return jax.tree.transpose(jax.tree.structure(positions), jax.tree.structure((0, 0)), both)


def _thermostat(scheme: Scheme, key: Array, params: Params) -> Callable[[Moving], Moving]:
    """Friction and noise of one step."""
    if not scheme.damped:
        return lambda state: state
    left, spread = friction_and_noise(scheme.form, params.numbers["friction"], params.numbers["time_step"])
    spread = spread * jnp.sqrt(params.temperature)

    def rub(state: Moving) -> Moving:
        xi = noise(key, state.velocities)
        return _with_velocities(state, jax.tree.map(lambda v, x: left * v + spread * x, state.velocities, xi))

    return rub


def friction_and_noise(form: str, friction: Array, time_step: Array) -> tuple[Array, Array]:
    """c and s of `Langevin`: the fraction of a velocity that is left, and the noise in units of sqrt(T)."""
    if form == "step":
        return 1 - friction, jnp.sqrt(friction * (2 - friction))
    if form == "rate":
        return jnp.exp(-friction * time_step), jnp.sqrt(-jnp.expm1(-2 * friction * time_step))
    return 1 - friction * time_step, jnp.sqrt(2 * friction) * time_step


def noise(key: Array, like: Any) -> Any:
    """Independent Gaussian numbers of variance 1 in the shapes of a pytree, drawn as one flat array."""
    leaves, structure = jax.tree.flatten(like)
    ends = list(itertools.accumulate(x.size for x in leaves))
    drawn = keys.normal(key, (ends[-1],))
    parts = [drawn[end - x.size : end].reshape(x.shape) for x, end in zip(leaves, ends, strict=True)]
    return jax.tree.unflatten(structure, parts)


def _with_velocities(state: Moving, velocities: Any) -> Moving:
    """Other velocities, whose gain of kinetic energy counts as received."""
    gains = jax.tree.map(lambda old, new: jnp.vdot(new - old, new + old) / 2, state.velocities, velocities)
    gain = sum(jax.tree.leaves(gains), jnp.zeros_like(state.energy))
    received = jnp.stack(added(state.received[0], state.received[1], gain))
    return Moving(state.positions, velocities, state.forces, state.energy, received)


def kinetic_energy(velocities: Any) -> Array:
    """Sum of v^2/2, scalar."""
    squares = [jnp.vdot(v, v) for v in jax.tree.leaves(velocities)]
    return sum(squares, jnp.float32(0)) / 2


def drift(state: Moving) -> Array:
    """Energy that errors of the integration have made since the start, scalar: H less what was received."""
    return ((state.energy - state.received[0]) + kinetic_energy(state.velocities)) - state.received[1]
