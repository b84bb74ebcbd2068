"""Following a batch of replicas from one measurement to the next, in blocks of bounded duration."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.perceptron.state import State
from glassnet.perceptron.sweeps.catalogue import offered
from glassnet.sampling.kernel import Drive
from glassnet.simulation import compiled
from glassnet.simulation.job import Job
from glassnet.simulation.moment import CLONES, HOSTS, Row
from glassnet.simulation.parallel import Batch, Lanes, for_chunks, split

BLOCK_SECONDS = 1.0
"""Aim for the time between two reports of progress."""

LONGEST_BLOCK = 2**12
"""Sweeps of a block at most; fewer where counts of accepted moves, 32-bit integers, would run over."""


@dataclass(frozen=True)
class Status:
    """How far a run is.

    Attributes:
        phase: "hosts" or "clones".
        done: replica-sweeps finished in the whole run.
        total: replica-sweeps of the whole run.
        energy: last measured energy per gap, mean over replicas and layers.
        acceptance: accepted fraction of the moves of the last block, mean over layers.
        sweep: sweeps of the hosts since the start, or of the clones since their waiting times.
    """

    phase: str
    done: int
    total: int
    energy: float
    acceptance: float
    sweep: int = 0


Report = Callable[[Status], None]


class Follower:
    """A batch of replicas under way: their keys, drives and data, in chunks.

    Args:
        job: the run.
        lanes: where it runs.
        phase: "hosts" or "clones".
        shape: the batch unfolded, the sample first.
        replica_keys: key of each replica, in that shape.
        origins: sweep at which each replica's count starts, in that shape.
    """

    def __init__(
        self, job: Job, lanes: Lanes, phase: str, shape: tuple[int, ...], replica_keys: Array, origins: np.ndarray
    ) -> None:
        self.job, self.lanes, self.phase, self.shape = job, lanes, phase, shape
        indices = np.indices(shape)
        self.rows, self.rungs = indices[0].reshape(-1), indices[1].reshape(-1)
        self.samples = np.asarray(job.samples)[self.rows]
        self.boundary = self._data(job.boundary(self.samples))
        self.test = self._data(job.boundary(self.samples, test=True))
        self.offered = offered(job.dynamics, job.machine, job.patterns)
        self._keys = split(lanes, replica_keys.reshape(-1))
        self._drives = self._driven(np.broadcast_to(origins, shape).reshape(-1))
        self._advance = compiled.advancing(job.machine, job.dynamics, lanes, job.shared)
        self._seconds_per_sweep = 0.0

    @classmethod
    def of_hosts(cls, job: Job, lanes: Lanes) -> "Follower":
        """The hosts: (sample, temperature)."""
        shape = (len(job.samples), len(job.temperatures))
        return cls(job, lanes, HOSTS, shape, job.host_keys(), np.zeros(shape, np.int32))

    @classmethod
    def of_clones(cls, job: Job, lanes: Lanes) -> "Follower":
        """The clones: (sample, temperature, waiting time, clone)."""
        waits = np.asarray(job.protocol.waiting_times, np.int32)
        shape = (len(job.samples), len(job.temperatures), len(waits), job.protocol.clones)
        return cls(job, lanes, CLONES, shape, job.clone_keys(), waits[:, None])

    def _data(self, tree: object) -> Batch:
        """Data of the replicas in chunks; shared data is the same in every chunk."""
        if not self.job.shared:
            return split(self.lanes, tree)
        chunks = len(split(self.lanes, np.arange(len(self.samples))).chunks)
        return Batch([tree] * chunks, len(self.samples))

    def _driven(self, origins: np.ndarray) -> Batch:
        """Drives of the replicas in chunks."""
        paths = split(self.lanes, jax.tree.map(lambda x: x[self.rungs], self.job.paths()))
        starts = split(self.lanes, jnp.asarray(origins))
        numbers = {"weight_step": jnp.float32(self.job.weight_step)}
        parts = zip(paths.chunks, starts.chunks, self.boundary.chunks, strict=True)
        return Batch([Drive(path, start, numbers, boundary) for path, start, boundary in parts], len(origins))

    def teacher(self) -> Batch | None:
        """Hidden spins of the teachers in chunks, or None."""
        spins = self.job.teacher_spins(self.samples)
        return None if spins is None else self._data(spins)

    @cached_property
    def outputs(self) -> Array:
        """Clamped outputs of each replica, (replica, neuron, pattern)."""
        outputs = self.boundary.chunks[0].outputs if self.job.shared else self.boundary.whole().outputs
        return jnp.broadcast_to(outputs, (len(self.samples), *outputs.shape[-2:]))

    def block(self) -> int:
        """Sweeps of the next block: as many as take about `BLOCK_SECONDS`, 1 until that is known."""
        if self._seconds_per_sweep == 0:
            return 1
        most = np.iinfo(np.int32).max // max(1, *(int(n.max()) for n in self.offered.values()))
        return int(np.clip(BLOCK_SECONDS / self._seconds_per_sweep, 1, min(LONGEST_BLOCK, most)))

    def advanced(self, batch: Batch, start: int, stop: int) -> tuple[Batch, Row]:
        """The batch at sweep `stop` from the one at `start`, which is used up, and the moves accepted on the way.

        Returns:
            The batch, and int64 arrays (replica, layer 1..L) by name.
        """
        begun = time.perf_counter()
        bounds = np.int32(start), np.int32(stop)
        both = for_chunks(self.lanes, self._advance, self._keys, batch, self._drives, then=bounds)
        info = Batch([info for _, info in both.chunks], both.size).whole()
        accepted = self.nothing_accepted()
        for name, count in info.items():
            accepted[name][:, : count.shape[1]] = count
        self._seconds_per_sweep = (time.perf_counter() - begun) / (stop - start)
        return Batch([state for state, _ in both.chunks], both.size), accepted

    def nothing_accepted(self) -> Row:
        """Counts of accepted moves, all zero, int64 (replica, layer 1..L) by name."""
        return {name: np.zeros((len(self.samples), len(n)), np.int64) for name, n in self.offered.items()}

    def rate(self, accepted: Row, sweeps: int) -> float:
        """Accepted fraction of what so many sweeps offered, mean over layers and kinds of moves."""
        replicas = len(self.samples)
        rates = [accepted[name].sum() / (replicas * n.sum() * sweeps) for name, n in self.offered.items() if n.any()]
        return float(np.mean(rates))

    def checked(self, row: dict, sweep: int) -> Row:
        """`row` in NumPy, without its flags of finiteness, which must all be set.

        Raises:
            FloatingPointError: naming variable, layer, replica and sweep.
        """
        for name, flags in row.pop("finite").items():
            self._check_flags(name, np.asarray(flags), 1, sweep)
        return {name: np.asarray(x) for name, x in row.items()}

    def check_finite(self, states: State, sweep: int) -> None:
        """Check all replicas, (replica, layer, ...) in each stack.

        Raises:
            FloatingPointError: naming variable, layer, replica and sweep.
        """
        for name in ("weights", "fields"):
            for stack, x in zip(self.job.machine.stacks, getattr(states, name), strict=True):
                flags = np.isfinite(x).reshape(*x.shape[:2], -1).all(-1)
                self._check_flags(name, flags, stack.first, sweep)

    def _check_flags(self, name: str, flags: np.ndarray, first: int, sweep: int) -> None:
        """Raise FloatingPointError unless all `flags` (replica, layer from `first` on) are set."""
        if not flags.all():
            replica, layer = np.argwhere(~flags)[0]
            where = f"at sweep {sweep} of {self.phase}: {self._place(replica)}"
            raise FloatingPointError(f"{name} of layer {layer + first} are not finite {where}.")

    def _place(self, replica: int) -> str:
        """A replica in words, samples and temperatures as numbered in the whole run."""
        row, rung, *rest = map(int, np.unravel_index(replica, self.shape))
        numbers = (self.job.samples[row], self.job.temperatures[rung], *rest)
        names = ("sample", "temperature", "waiting_time", "clone")
        return ", ".join(f"{name} {number}" for name, number in zip(names, numbers, strict=False))
