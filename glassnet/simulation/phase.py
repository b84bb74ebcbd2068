"""One phase of a run, hosts or clones: a batch of replicas, followed from one measurement to the next.

Blocks of sweeps have a bounded duration, so that progress is reported and a stop is obeyed in time.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.core.check import fail
from glassnet.sampling.kernel import Drive, State
from glassnet.sampling.system import Observable, rate_name
from glassnet.simulation import compiled, observed
from glassnet.simulation.job import Job
from glassnet.simulation.moment import CLONES, HOSTS, Row
from glassnet.simulation.parallel import Batch, Placement, for_chunks, split

BLOCK_SECONDS = 1.0
"""Aim for the time between two reports of progress."""

LONGEST_BLOCK = 2**12
"""Sweeps of a block at most; fewer where counts of accepted moves, 32-bit integers, would run over."""

HOST = ("sample", "temperature")
CLONE = ("sample", "temperature", "waiting_time", "clone")


@dataclass(frozen=True)
class Status:
    """How far a run is.

    Attributes:
        phase: "hosts" or "clones".
        done: replica-sweeps finished in the whole run.
        total: replica-sweeps of the whole run.
        energy: last measured energy, mean over replicas and over what it is resolved by.
        acceptance: accepted fraction of the moves of the last block, mean over the kinds of moves.
        sweep: sweeps of the hosts since the start, or of the clones since their waiting times.
    """

    phase: str
    done: int
    total: int
    energy: float
    acceptance: float
    sweep: int = 0


Report = Callable[[Status], None]


class Phase:
    """Hosts or clones: the keys, temperatures and data of all replicas, cut into chunks that are run together.

    Args:
        job: the run.
        placement: where it runs.
        name: "hosts" or "clones".
        dims: names of the axes of `replica_keys`, the sample and the temperature first.
        replica_keys: key of each replica, (sample, temperature) or (sample, temperature, waiting time, clone).
        origins: sweep of the whole run at which each replica starts to count, broadcast to that shape.
    Attributes:
        shape: sizes of `dims`.
        rows, rungs: places (integers) of each replica among the samples and temperatures that are run here.
        observables: what is measured on one replica, by name.
    """

    def __init__(
        self, job: Job, placement: Placement, name: str, dims: tuple[str, ...], replica_keys: Array, origins: np.ndarray
    ) -> None:
        self.job, self.placement, self.name, self.dims, self.shape = job, placement, name, dims, replica_keys.shape
        indices = np.indices(self.shape)
        self.rows, self.rungs = indices[0].reshape(-1), indices[1].reshape(-1)
        self.samples = np.asarray(job.samples)[self.rows]
        self.clamped = self._data(job.clamped(self.samples))
        self.observables = observed.on("host" if name == HOSTS else "clone", job.measured)
        self._scene = self._data(job.scene(self.samples))
        self._keys = split(placement, replica_keys.reshape(-1))
        self._drives = self._driven(np.broadcast_to(origins, self.shape).reshape(-1))
        clocks = [replace(drive, numbers={}, clamped=None) for drive in self._drives.chunks]
        self._clocks = Batch(clocks, self._drives.size)  # what says the temperature at a sweep
        self._advance = compiled.advancing(job.system, placement, job.shared)
        self._seconds_per_sweep = 0.0
        self._large = job.system.replica_bytes(job.tasks) >= observed.LARGE_STATE

    @classmethod
    def of_hosts(cls, job: Job, placement: Placement) -> "Phase":
        """The hosts: (sample, temperature)."""
        return cls(job, placement, HOSTS, HOST, job.host_keys(), np.zeros((1, 1), np.int32))

    @classmethod
    def of_clones(cls, job: Job, placement: Placement) -> "Phase":
        """The clones: (sample, temperature, waiting time, clone)."""
        waits = np.asarray(job.protocol.waiting_times, np.int32)
        return cls(job, placement, CLONES, CLONE, job.clone_keys(), waits[:, None])

    def _data(self, tree: Any) -> Batch:
        """Data of the replicas in chunks; shared data is the same in every chunk."""
        if not self.job.shared and jax.tree.leaves(tree):
            return split(self.placement, tree)
        chunks = len(split(self.placement, np.arange(len(self.samples))).chunks)
        return Batch([tree] * chunks, len(self.samples))

    def _driven(self, origins: np.ndarray) -> Batch:
        """Drives of the replicas in chunks."""
        paths = split(self.placement, jax.tree.map(lambda x: x[self.rungs], self.job.paths()))
        starts = split(self.placement, jnp.asarray(origins))
        numbers = self.job.traced_numbers()
        parts = zip(paths.chunks, starts.chunks, self.clamped.chunks, strict=True)
        return Batch([Drive(path, start, numbers, clamped) for path, start, clamped in parts], len(origins))

    def initialised(self, batch: Batch) -> Batch:
        """The batch with what its configurations cache computed anew."""
        init = compiled.initialise(self.job.system, self.placement, self.job.shared)
        return for_chunks(self.placement, init, batch, self.clamped)

    def begun(self, batch: Batch) -> Batch:
        """The batch after what replicas do as they begin."""
        begin = compiled.begin(self.job.system, self.placement, self.job.shared)
        return batch if begin is None else for_chunks(self.placement, begin, self._keys, batch, self._drives)

    def block(self) -> int:
        """Sweeps of the next block: as many as take about `BLOCK_SECONDS`, 1 until that is known."""
        if self._seconds_per_sweep == 0:
            return 1
        most = np.iinfo(np.int32).max // max([1, *(int(kind.offered.max()) for kind in self.job.moves.values())])
        return int(np.clip(BLOCK_SECONDS / self._seconds_per_sweep, 1, min(LONGEST_BLOCK, most)))

    def advanced(self, batch: Batch, start: int, stop: int) -> tuple[Batch, Row]:
        """The batch at sweep `stop` from the one at `start`, which is used up, and the moves accepted on the way.

        Returns:
            The batch, and by name int64 arrays with the replica leading.
        """
        begun = time.perf_counter()
        bounds = np.int32(start), np.int32(stop)
        both = for_chunks(self.placement, self._advance, self._keys, batch, self._drives, then=bounds)
        accepted = self.nothing_accepted()
        info = Batch([info for _, info in both.chunks], both.size).whole() if accepted else {}
        for name, kind in self.job.moves.items():
            if name in info:
                count = info[name][tuple(slice(n) for n in accepted[name].shape)]  # a ladder has places to spare
                counted = tuple(slice(n) for n in count.shape)  # last places without offers may be missing
                accepted[name][counted] = count
            elif kind.offered.any():
                raise fail("moves", f"be counted in the info of the kernel, which has {sorted(info)}", name)
        self._seconds_per_sweep = (time.perf_counter() - begun) / (stop - start)
        return Batch([state for state, _ in both.chunks], both.size), accepted

    def nothing_accepted(self) -> Row:
        """Counts of accepted moves, all zero, int64, the replica leading."""
        moves = self.job.moves.items()
        return {name: np.zeros((len(self.samples), *kind.offered.shape), np.int64) for name, kind in moves}

    def rate(self, accepted: Row, sweeps: int) -> float:
        """Accepted fraction of what so many sweeps offered, mean over the kinds of moves; NaN where none is counted."""
        offered = {name: len(self.samples) * kind.offered.sum() * sweeps for name, kind in self.job.moves.items()}
        rates = [accepted[name].sum() / count for name, count in offered.items() if count]
        return float(np.mean(rates)) if rates else float("nan")

    def measuring(self, then: Batch | None = None) -> Callable[[Batch, int], Row]:
        """What measures a batch at a sweep: observables of each replica and of pairs, in NumPy, by name.

        Args:
            then: bare configurations of the replicas at the waiting times; None for hosts.
        """
        job, later = self.job, then is not None
        functions = compiled.functions_of(list(self.observables.values()))
        function = compiled.measuring(job.system, functions, self.placement, job.shared, later=later, large=self._large)
        data = [self._scene, self._clocks] if then is None else [then, self._scene, self._clocks]
        pairs = observed.on("pair", job.measured) if later else {}

        def measure(batch: Batch, sweep: int) -> Row:
            values, finite = for_chunks(self.placement, function, batch, *data, then=(np.int32(sweep),)).whole()
            self._check_flags(finite, sweep)
            row = observed.named(self.observables, values)
            self._check_finished(self.observables, row, 1)
            return row | (self._pairs(pairs, batch) if pairs else {})

        return measure

    def _check_finished(self, observables: Mapping[str, Observable], row: Row, leading: int) -> None:
        """Raise ValueError unless what NumPy has finished has one size along each dim in the whole result."""
        for name, o in observables.items():
            if o.finish is not None:
                self.job.check_shape(name, o, row[name].shape[leading:])

    def _pairs(self, pairs: Mapping[str, Observable], batch: Batch) -> Row:
        """Observables of all pairs of clones of one host, (host, clone, clone, ...)."""
        groups, shared = (int(np.prod(self.shape[:-1])), self.shape[-1]), self.job.shared
        if self._large:
            row = observed.one_by_one(pairs, partial(self._taken, batch), groups, shared=shared)
        else:
            data = self.clamped.chunks[0] if shared else self.clamped.whole()
            row = observed.in_groups(pairs, compiled.pairing, self._bare(batch), data, groups, shared=shared)
        self._check_finished(pairs, row, 3)
        return row

    def _bare(self, batch: Batch) -> State:
        """All configurations without what they cache, which is left out before they are joined."""
        return Batch([jax.vmap(self.job.system.bare)(chunk) for chunk in batch.chunks], batch.size).whole()

    def _taken(self, batch: Batch, n: int) -> tuple[State, Any]:
        """Configuration n without what it caches, and its data, as `observed.one_by_one` takes them."""
        data = self.clamped.chunks[0] if self.job.shared else self.clamped.one(n)
        return jax.vmap(self.job.system.bare)(batch.one(n)), data

    def final(self, batch: Batch) -> observed.Records:
        """Observables of pairs of all last configurations of a temperature and waiting time, and the configurations."""
        job, (samples, temperatures, waits, clones) = self.job, self.shape
        order = np.arange(batch.size).reshape(self.shape).transpose(1, 2, 0, 3)

        def arranged(x: Array) -> np.ndarray:
            y = np.asarray(x)[order].reshape(temperatures, waits, samples * clones, *x.shape[1:])
            return np.moveaxis(y[0], 2, 0)[: job.rungs] if job.system.tempered else y

        if self._large and not job.keeps and not job.system.tempered:
            places, sizes = order.reshape(-1), (temperatures, waits, samples * clones)
            records = observed.final_pairs_one_by_one(
                job.compared, lambda n: self._taken(batch, places[n]), sizes, job.system.rung, shared=job.shared
            )
            bare = None
        else:
            bare = jax.tree.map(arranged, self._bare(batch))
            one = order[0, 0].reshape(-1)
            data = self.clamped.chunks[0] if job.shared else jax.tree.map(lambda x: x[one], self.clamped.whole())
            leading = () if job.shared else (len(one),)
            rungs = [job.system.at_rung(data, rung, leading) for rung in range(len(jax.tree.leaves(bare)[0]))]
            records = observed.final_pairs(job.compared, bare, rungs, job.system.rung, shared=job.shared)
        for name, observable in observed.on("final", job.compared).items():
            job.check_shape(name, observable, records[f"final_{name}"].values.shape[4:])
        for name, (dims, x) in job.system.single.kept(bare).items() if job.keeps else ():
            records[f"configuration_{name}"] = observed.Record((job.system.rung, *observed.FINAL, *dims), x)
        return records

    def check_finite(self, states: State, sweep: int) -> None:
        """Raise FloatingPointError, naming what, where and when, unless all numbers of all replicas are finite."""
        floats = [x for x in jax.tree.leaves(states) if np.issubdtype(x.dtype, np.floating)]
        if not all(np.isfinite(part).all() for x in floats for part in x):
            whole = jax.tree.map(np.asarray, states)
            self._check_flags(jax.vmap(self.job.system.finite)(whole), sweep)

    def _check_flags(self, finite: dict[str, Any], sweep: int) -> None:
        """Raise FloatingPointError unless all flags, the replica leading, are set."""
        for name, flags in finite.items():
            flags = np.asarray(flags)
            if not flags.all():
                replica, *index = map(int, np.argwhere(~flags)[0])
                where = f"at sweep {sweep} of {self.name}: {self._place(replica)}"
                raise FloatingPointError(f"{self.job.system.part(name, *index)} are not finite {where}.")

    def _place(self, replica: int) -> str:
        """A replica in words, samples and temperatures as numbered in the whole run."""
        row, rung, *rest = map(int, np.unravel_index(replica, self.shape))
        numbers = (self.job.samples[row], self.job.temperatures[rung], *rest)
        return ", ".join(f"{name} {number}" for name, number in zip(self.dims, numbers, strict=True))

    def rated(self, rows: Sequence[Row], times: Sequence[int]) -> list[Row]:
        """Rows with accepted fractions, NaN at the start and where nothing is offered, in place of counts."""
        found = []
        for row, t, before in zip(rows, times, (times[0], *times), strict=False):
            new = dict(row)
            for name, kind in self.job.moves.items():
                with np.errstate(invalid="ignore"):
                    rate = new.pop(name) / (kind.offered * (t - before))
                rate[np.isnan(rate)] = np.nan  # 0/0 has a sign, which a store that leaves out empty chunks forgets
                new[rate_name(name)] = rate.astype(np.float32)
            found.append(new)
        return found
