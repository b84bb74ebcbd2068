"""Samplers of the Sherrington-Kirkpatrick model at one temperature: ours, and others where they are installed.

Each holds several chains, which go on where they stopped.
"""

import time
from collections.abc import Callable
from importlib import import_module
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
import sk

from glassnet.core import keys


class Sampler(Protocol):
    """Chains of one sampler."""

    @property
    def spins(self) -> np.ndarray:
        """Configurations, (site, chain)."""
        ...

    def sweep(self, count: int) -> float:
        """`count` Metropolis sweeps of all chains; returns their processor seconds."""
        ...


class Ours:
    """The sweeps of sk.py, chains side by side."""

    def __init__(self, J: np.ndarray, beta: float, *, native: bool, chains: int = 32) -> None:
        self.spins, self.now = sk.random_spins(len(J), chains, seed=7), 0
        self._state, self._key = jnp.asarray(self.spins), keys.root(11)
        self._J, self._temperature = jnp.asarray(sk.padded(J)), jnp.float32(1 / beta)
        self._run = sk.sampler(native=native)

    def sweep(self, count: int) -> float:
        """As `Sampler.sweep`."""
        begun = time.process_time()
        bounds = jnp.int32(self.now), jnp.int32(self.now + count)
        self._state, _ = self._run(self._key, self._state, self._J, self._temperature, *bounds)
        jax.block_until_ready(self._state)
        spent = time.process_time() - begun
        self.spins, self.now = np.asarray(self._state), self.now + count
        return spent


class OpenJij:
    """OpenJij's dense model in its precision (double), single spin flips at a constant temperature.

    Chains go one after another, each with couplings of its own: the fastest one tells the time, so that moving
    from one to the next costs nothing.
    """

    def __init__(self, J: np.ndarray, beta: float, *, chains: int = 8) -> None:
        library = import_module("openjij.cxxjij")
        self._sweep = library.algorithm.Algorithm_SingleSpinFlip_run
        self._phase, self.now = library.utility.ClassicalSchedule(), 0
        self._phase.updater_parameter.beta = beta
        start, graph = sk.random_spins(len(J), chains, seed=8), library.graph.Dense(len(J))
        matrix = np.diag([*np.zeros(len(J)), 1.0])
        matrix[:-1, :-1] = -J.astype(float)
        graph.set_interaction_matrix(matrix)
        self._systems = [library.system.make_classical_ising(s.tolist(), graph) for s in start.T]

    @property
    def spins(self) -> np.ndarray:
        """Configurations, (site, chain)."""
        return np.array([system.spin for system in self._systems])[:, :-1].T

    def sweep(self, count: int) -> float:
        """As `Sampler.sweep`."""
        self._phase.one_mc_step = count
        best = float("inf")
        for chain, system in enumerate(self._systems):
            begun = time.process_time()
            self._sweep(system, self.now + chain, [self._phase])
            best = min(best, time.process_time() - begun)
        self.now += len(self._systems)
        return best * len(self._systems)


class Dwave:
    """Simulated annealing of dwave-samplers at a constant temperature.

    A call prepares the model anew: the time of a sweep follows from the difference between a long call and one of a
    single sweep.
    """

    def __init__(self, J: np.ndarray, beta: float, *, chains: int = 8) -> None:
        dimod, samplers = import_module("dimod"), import_module("dwave.samplers")
        first, second = np.triu_indices(len(J), 1)
        pairs = (first, second, -J[first, second].astype(float))
        self._model = dimod.BQM.from_numpy_vectors(np.zeros(len(J)), pairs, 0.0, "SPIN")
        self._sampler, self._beta, self.now = samplers.SimulatedAnnealingSampler(), beta, 0
        self.spins = sk.random_spins(len(J), chains, seed=9)

    def sweep(self, count: int) -> float:
        """As `Sampler.sweep`, but four times as many sweeps, and one."""
        return (self._call(4 * count) - self._call(1)) * count / (4 * count - 1)

    def _call(self, count: int) -> float:
        sites, chains = self.spins.shape
        options = {"num_sweeps_per_beta": count, "beta_schedule_type": "custom", "beta_schedule": [self._beta]}
        start = (self.spins.T, list(range(sites)))
        begun = time.process_time()
        found = self._sampler.sample(self._model, num_reads=chains, initial_states=start, seed=self.now, **options)
        spent = time.process_time() - begun
        self.now += 1
        self.spins = found.record.sample[:, np.argsort(found.variables)].T
        return spent


PEERS: dict[str, tuple[str, Callable[..., Sampler]]] = {
    "OpenJij (dense)": ("openjij", OpenJij),
    "dwave-samplers": ("dwave.samplers", Dwave),
}
"""Name: what must be importable, sampler."""


def installed() -> dict[str, Callable[..., Sampler]]:
    """The other samplers that can be imported."""
    found = {}
    for name, (package, kind) in PEERS.items():
        try:
            import_module(package)
        except ImportError:
            continue
        found[name] = kind
    return found
