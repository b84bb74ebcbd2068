"""Small problems of molecular dynamics with exact answers, and a plain reference of every integrator."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from glassnet.core import keys
from glassnet.core.schedule import Schedule
from glassnet.sampling import langevin
from glassnet.sampling.kernel import Drive, advance, beginning
from glassnet.sampling.langevin import Langevin


def spring(stiffness):
    """Forces of a harmonic well around 0, much narrower than the box where T << stiffness."""
    return lambda x, clamped: (stiffness * (x**2).sum() / 2, -stiffness * x)


def free(x, clamped):
    return jnp.float32(0), jnp.zeros_like(x)


def drive(dynamics, T, clamped=None):
    numbers = {name: jnp.float32(x) for name, x in dynamics.numbers.items()}
    return Drive(Schedule.quench(1 / T if T else np.inf).path(), jnp.int32(0), numbers, clamped)


def going(forces, dynamics, T, positions, steps, *, seed=0, clamped=None, velocities=None):
    """States after so many steps, replicas leading; Maxwell velocities at first unless they are given."""
    kernel = langevin.kernel(forces, dynamics.scheme)
    driven = drive(dynamics, T, clamped)
    count = len(jax.tree.leaves(positions)[0])

    @partial(jax.jit, static_argnums=2)
    def run(positions, velocities, drawn):
        def one(n, x, v):
            key = keys.address(keys.root(seed), n)
            state = kernel.init(x, clamped)
            state = beginning(kernel)(key, state, driven) if drawn else langevin._with_velocities(state, v)
            return advance(kernel)(key, state, driven, jnp.int32(0), jnp.int32(steps))[0]

        return jax.vmap(one)(jnp.arange(count), positions, positions if velocities is None else velocities)

    return jax.block_until_ready(run(positions, velocities, velocities is None))


def z(values, exact):
    """Deviation of the mean of independent values from the exact one, in standard errors."""
    values = np.asarray(values, float).reshape(len(values), -1).mean(1)
    return (values.mean() - exact) / (values.std(ddof=1) / np.sqrt(len(values)))


def starts(shape, spread=0.0, seed=7):
    """Positions: Gaussian of a spread, or uniform in the box where that is None."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, shape) if spread is None else spread * rng.normal(size=shape)
    return jnp.asarray(x, jnp.float32)


def reflected(x, v):
    """One number thrown back by the walls, one hit after another."""
    while abs(x) > 1:
        x, v = (2 - x if x > 1 else -2 - x), -v
    return x, v


def reference(force, dynamics, T, x, v, xi):
    """Positions and velocities after len(xi) steps, in float64, by the formulas of the docstring of `Langevin`."""
    h, eta = dynamics.time_step, dynamics.friction
    c = {"step": 1 - eta, "rate": np.exp(-eta * h), "printed": 1 - eta * h}[dynamics.form]
    s = np.sqrt(2 * eta) * h if dynamics.form == "printed" else np.sqrt(1 - c**2)
    walls = np.vectorize(reflected, otypes=[float, float])
    for noise in xi:
        if dynamics.integrator == "leapfrog":
            v = c * v + s * np.sqrt(T) * noise + h * force(x)
            x, v = walls(x + h * v, v)
        else:
            v = v + h / 2 * force(x)
            x, v = walls(x + h / 2 * v, v)
            v = c * v + s * np.sqrt(T) * noise
            x, v = walls(x + h / 2 * v, v)
            v = v + h / 2 * force(x)
    return x, v


ALL = [
    Langevin(0.01, 0.0),
    Langevin(0.01, 0.0, "leapfrog"),
    *(Langevin(0.02, 0.1, integrator, form) for integrator in ("baoab", "leapfrog") for form in ("step", "rate")),
    Langevin(0.02, 0.1, "leapfrog", "printed"),
]
"""Every kind of step."""
