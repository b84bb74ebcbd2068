"""Following a batch of replicas from one measurement to the next, in blocks of bounded duration."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.dynamics.kernel import Drive
from glassnet.simulation import compiled
from glassnet.simulation.job import Job
from glassnet.simulation.parallel import Batch, Lanes, for_chunks, split

BLOCK_SECONDS = 1.0
"""Aim for the time between two reports of progress."""

LONGEST_BLOCK = 2**12
"""Sweeps of a block at most: the accepted fractions are summed in single precision within it."""


@dataclass(frozen=True)
class Status:
    """How far a run is.

    Attributes:
        phase: "hosts" or "clones".
        done: replica-sweeps finished in the whole run.
        total: replica-sweeps of the whole run.
        energy: last measured energy per gap, mean over replicas and layers.
        acceptance: accepted fraction of the moves of the last block, mean over layers.
    """

    phase: str
    done: int
    total: int
    energy: float
    acceptance: float


Report = Callable[[Status], None]


class Progress:
    """Counts replica-sweeps and reports them."""

    def __init__(self, report: Report, total: int) -> None:
        self._report = report
        self.status = Status("hosts", 0, total, float("nan"), float("nan"))
        self._report(self.status)

    @classmethod
    def of(cls, job: Job, report: Report) -> "Progress":
        """Progress of a job that has not begun."""
        protocol, hosts = job.protocol, len(job.samples) * len(job.temperatures)
        clones = len(protocol.waiting_times) * protocol.clones * protocol.sweeps
        return cls(report, hosts * (protocol.last_host_sweep + clones))

    def update(self, *, sweeps: int = 0, **changes: object) -> None:
        """Add replica-sweeps, change other fields of the status, report."""
        self.status = replace(self.status, done=self.status.done + sweeps, **changes)
        self._report(self.status)


class Follower:
    """A batch of replicas under way: their keys, drives and data, in chunks.

    Args:
        job: the run.
        lanes: where it runs.
        progress: told of every block.
        phase: "hosts" or "clones".
        shape: the batch unfolded, the sample first.
        replica_keys: key of each replica, in that shape.
        origins: sweep at which each replica's count starts, in that shape.
    """

    def __init__(
        self,
        job: Job,
        lanes: Lanes,
        progress: Progress,
        phase: str,
        shape: tuple[int, ...],
        replica_keys: Array,
        origins: np.ndarray,
    ) -> None:
        self.job, self.lanes, self.progress, self.phase, self.shape = job, lanes, progress, phase, shape
        indices = np.indices(shape)
        self.rows, self.rungs = indices[0].reshape(-1), indices[1].reshape(-1)
        self.samples = np.asarray(job.samples)[self.rows]
        self.boundary = self._data(job.boundary(self.samples))
        self.test = self._data(job.boundary(self.samples, test=True))
        self._keys = split(lanes, replica_keys.reshape(-1))
        self._drives = self._driven(np.broadcast_to(origins, shape).reshape(-1))
        self._advance = compiled.advancing(job.machine, job.dynamics, lanes, job.shared)
        self._seconds_per_sweep = 0.0

    @classmethod
    def of_hosts(cls, job: Job, lanes: Lanes, progress: Progress) -> "Follower":
        """The hosts: (sample, temperature)."""
        shape = (len(job.samples), len(job.temperatures))
        return cls(job, lanes, progress, "hosts", shape, job.host_keys(), np.zeros(shape, np.int32))

    @classmethod
    def of_clones(cls, job: Job, lanes: Lanes, progress: Progress) -> "Follower":
        """The clones: (sample, temperature, waiting time, clone)."""
        waits = np.asarray(job.protocol.waiting_times, np.int32)
        shape = (len(job.samples), len(job.temperatures), len(waits), job.protocol.clones)
        return cls(job, lanes, progress, "clones", shape, job.clone_keys(), waits[:, None])

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
        step = jnp.float32(self.job.weight_step)
        parts = zip(paths.chunks, starts.chunks, self.boundary.chunks, strict=True)
        return Batch([Drive(path, start, step, boundary) for path, start, boundary in parts], len(origins))

    def teacher(self) -> Batch | None:
        """Hidden spins of the teachers in chunks, or None."""
        spins = self.job.teacher_spins(self.samples)
        return None if spins is None else self._data(spins)

    def outputs(self) -> Array:
        """Clamped outputs of each replica, (replica, neuron, pattern)."""
        outputs = self.boundary.chunks[0].outputs if self.job.shared else self.boundary.whole().outputs
        return jnp.broadcast_to(outputs, (len(self.samples), *outputs.shape[-2:]))

    def along(self, times: Sequence[int], batch: Batch) -> Iterator[tuple[int, Batch, dict[str, np.ndarray]]]:
        """The batch at each of `times`, which ascend from 0, with the accepted fractions since the one before."""
        now, rates = 0, self._rates({}, 1)
        for t in times:
            if t > now:
                batch, rates = self._until(batch, now, t)
            now = t
            yield t, batch, rates

    def _until(self, batch: Batch, start: int, stop: int) -> tuple[Batch, dict[str, np.ndarray]]:
        total: dict[str, np.ndarray] = {}
        now = start
        while now < stop:
            end = min(stop, now + self._block())
            batch, info = self._block_of_sweeps(batch, now, end)
            total = {k: v.astype(float) + total.get(k, 0) for k, v in info.items()}
            now = end
        return batch, self._rates(total, stop - start)

    def _block(self) -> int:
        """Sweeps of the next block."""
        if self._seconds_per_sweep == 0:
            return 1
        return int(np.clip(BLOCK_SECONDS / self._seconds_per_sweep, 1, LONGEST_BLOCK))

    def _block_of_sweeps(self, batch: Batch, start: int, stop: int) -> tuple[Batch, dict[str, np.ndarray]]:
        begun = time.perf_counter()
        bounds = np.int32(start), np.int32(stop)
        both = for_chunks(self.lanes, self._advance, self._keys, batch, self._drives, then=bounds)
        info = jax.tree.map(np.asarray, Batch([info for _, info in both.chunks], both.size).whole())
        self._seconds_per_sweep = (time.perf_counter() - begun) / (stop - start)
        accepted = float(np.mean([x.mean() for x in info.values()])) / (stop - start)
        self.progress.update(sweeps=batch.size * (stop - start), phase=self.phase, acceptance=accepted)
        return Batch([state for state, _ in both.chunks], both.size), info

    def _rates(self, total: dict[str, np.ndarray], sweeps: int) -> dict[str, np.ndarray]:
        """Accepted fractions by layer 1..L; NaN where nothing was offered."""
        depth = self.job.machine.depth
        rates = {}
        for name in ("acceptance_weights", "acceptance_spins"):
            rate = np.full((len(self.samples), depth), np.nan, np.float32)
            if name in total:
                rate[:, : total[name].shape[1]] = total[name] / sweeps
            rates[name] = rate
        return rates

    def checked(self, row: dict, sweep: int) -> dict:
        """`row` without its flags of finiteness, which must all be set.

        Raises:
            FloatingPointError: naming variable, layer, replica and sweep.
        """
        for name, flags in row.pop("finite").items():
            bad = np.argwhere(~np.asarray(flags))
            if len(bad):
                where = self._place(bad[0][0])
                raise FloatingPointError(
                    f"{name} of layer {bad[0][1] + 1} are not finite at sweep {sweep} of {self.phase}: {where}."
                )
        energy = np.asarray(row["energy"])
        self.progress.update(phase=self.phase, energy=float(energy.mean()))
        return row

    def _place(self, replica: int) -> str:
        """A replica in words, samples and temperatures as numbered in the whole run."""
        row, rung, *rest = map(int, np.unravel_index(replica, self.shape))
        numbers = (self.job.samples[row], self.job.temperatures[rung], *rest)
        names = ("sample", "temperature", "waiting_time", "clone")
        return ", ".join(f"{name} {number}" for name, number in zip(names, numbers, strict=False))
