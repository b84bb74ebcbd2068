"""Coupled harmonic wells, moved by random-walk Metropolis: a system of another kind, small enough to be solved.

E = 1/2 sum_i x_i^2 + coupling/2 sum_i (x_i - x_{i+1})^2 on a ring, so that x is Gaussian with a known covariance.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from glassnet.core import keys
from glassnet.core.pytree import pytree
from glassnet.sampling.accept import metropolis
from glassnet.sampling.kernel import Kernel
from glassnet.sampling.system import Moves, Observable, System, Variable


@pytree
class Positions:
    x: jax.Array


def energy(coupling, x):
    return 0.5 * (x**2).sum() + 0.5 * coupling * ((x - jnp.roll(x, 1)) ** 2).sum()


@dataclass(frozen=True)
class Wells(System):
    wells: int = 3
    coupling: float = 1.0

    def kernel(self, plan):
        def step(key, state, params):
            def one(i, carry):
                x, accepted = carry
                new = x.at[i].add(params.numbers["step"] * keys.normal(keys.address(key, i, 0), ()))
                rise = energy(self.coupling, new) - energy(self.coupling, x)
                yes = rise <= metropolis(keys.address(key, i, 1), (), params.temperature)
                return jnp.where(yes, new, x), accepted.at[i].add(yes.astype(jnp.int32))

            x, accepted = jax.lax.fori_loop(0, self.wells, one, (state.x, jnp.zeros(self.wells, jnp.int32)))
            return Positions(x), {"accepted": accepted}

        return Kernel(lambda state, clamped: state, step, lambda state, clamped: energy(self.coupling, state.x))

    def observables(self, tasks):
        return OBSERVABLES[self]

    def start(self, key, clamped):
        return Positions(3 * keys.normal(key, (self.wells,)))

    def finite(self, state):
        return {"positions": jnp.isfinite(state.x)}

    def moves(self, tasks):
        return {"accepted": Moves(np.ones(self.wells, np.int64), Variable(("well",), "1", "acceptance", "a", "test"))}

    def coordinates(self):
        return {"well": np.arange(self.wells)}

    def kept(self, bare):
        return {"positions": (("well",), bare.x)}

    def from_kept(self, arrays, data):
        return Positions(arrays["positions"]), None


def observables_of(system):
    return {
        "energy": Observable(lambda s, then, c: energy(system.coupling, s.x), (), "both", "1", "energy", "E", "test"),
        "square": Observable(lambda s, then, c: s.x**2, ("well",), "clone", "1", "square", "x^2", "test"),
        "autocorrelation": Observable(lambda s, then, c: s.x * then.x, ("well",), "clone", "1", "product", "c", "test"),
        "overlap": Observable(lambda a, b, c: a.x * b.x, ("well",), "pair", "1", "overlap", "q", "test"),
    }


OBSERVABLES = {system: observables_of(system) for system in (Wells(), Wells(2, 0.5))}


@pytree
class Held:
    """Positions with their energy, which the moves cache."""

    x: jax.Array
    energy: jax.Array


@dataclass(frozen=True)
class Cached(System):
    """A particle in one well. Its moves cache the energy; nothing is kept and no pairs are measured."""

    def kernel(self, plan):
        def init(state, clamped):
            return Held(state.x, state.x**2 / 2)

        def step(key, state, params):
            new = state.x + params.numbers["step"] * keys.normal(keys.address(key, 0), ())
            yes = new**2 / 2 - state.energy <= metropolis(keys.address(key, 1), (), params.temperature)
            return Held(jnp.where(yes, new, state.x), jnp.where(yes, new**2 / 2, state.energy)), {}

        return Kernel(init, step, lambda state, clamped: state.energy)

    def observables(self, tasks):
        return CACHED

    def start(self, key, clamped):
        return Positions(keys.normal(key, ()))

    def bare(self, state):
        assert state.x.ndim == 0  # one replica
        return Positions(state.x)

    def finite(self, state):
        return {"positions": jnp.isfinite(state.x)}


CACHED = {
    "energy": Observable(lambda s, then, c: getattr(s, "energy", s.x**2 / 2)),
    "spin_autocorrelation": Observable(lambda s, then, c: s.x * then.x, on="clone"),  # a name that machines use
}


def covariance(system, beta):
    """Covariance of the positions at equilibrium: the inverse of beta times the matrix of the energy."""
    identity = np.eye(system.wells)
    differences = identity - np.roll(identity, 1, axis=1)
    return np.linalg.inv(beta * (identity + system.coupling * differences @ differences.T))
