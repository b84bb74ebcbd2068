"""The run: hosts to their waiting times, then all clones together; blocks of sweeps between measurements."""

from collections.abc import Callable, Iterator

import jax
import numpy as np

from glassnet.sampling.kernel import State
from glassnet.sampling.system import rate_name
from glassnet.simulation import compiled, observed
from glassnet.simulation.job import Job
from glassnet.simulation.moment import CLONES, HOSTS, Moment, Row, completed, fitted
from glassnet.simulation.observed import Record, Records
from glassnet.simulation.parallel import Batch, copied, gathered, owned, placed, split
from glassnet.simulation.phase import CLONE, HOST, Phase, Report, Status


def run(job: Job, report: Report | None = None) -> Records:
    """Run a job from start to end.

    Args:
        job: what to run.
        report: called after every block of sweeps.
    Returns:
        The measured variables by name; those that hosts and clones share are `name` and `clone_name`.
    Raises:
        FloatingPointError: if numbers of a configuration stop being finite.
    """
    going = Run(job)
    for status in going.blocks():
        if report is not None:
            report(status)
    return going.records()


class Run:
    """A job under way.

    Args:
        job: what to run.
        moment: where to go on, from a run of this job or of one that differs in `protocol.sweeps` alone.
    Raises:
        ValueError: if the moment lies beyond the end of the job.
    """

    def __init__(self, job: Job, moment: Moment | None = None) -> None:
        self.job = job
        self._placement = placed(job.system, job.system.work(job.tasks))
        self._resumed = None if moment is None else fitted(moment, job)
        self.phase, self.sweep, self._acceptance = HOSTS, 0, float("nan")
        self.rows: dict[str, list[Row]] = {HOSTS: [], CLONES: []}
        self._snapshots: list[State] = []
        self._accepted: Row = {}
        if self._resumed is not None:
            self.phase, self.sweep = self._resumed.phase, self._resumed.sweep
            self.rows = {phase: list(rows) for phase, rows in self._resumed.rows.items()}
            self._snapshots = [jax.tree.map(copied, state) for state in self._resumed.snapshots]
            self._accepted = self._resumed.accepted

    @property
    def status(self) -> Status:
        """How far the run is."""
        protocol, hosts = self.job.protocol, len(self.job.samples) * len(self.job.temperatures)
        clones = hosts * len(protocol.waiting_times) * protocol.clones
        total = hosts * protocol.last_host_sweep + clones * protocol.sweeps
        done = hosts * (self.sweep if self.phase == HOSTS else protocol.last_host_sweep)
        done += clones * self.sweep if self.phase == CLONES else 0
        last = next((rows[-1] for rows in (self.rows[CLONES], self.rows[HOSTS]) if rows), None)
        energy = float("nan") if last is None else float(last["energy"].mean())
        return Status(self.phase, done, total, energy, self._acceptance, self.sweep)

    @property
    def size(self) -> int:
        """Bytes of the configurations that a moment holds."""
        return sum(x.nbytes for x in jax.tree.leaves((self._batch.chunks, self._snapshots)))

    @property
    def complete(self) -> bool:
        """Whether all has been measured."""
        return len(self.rows[CLONES]) == len(self.job.protocol.lags)

    def blocks(self) -> Iterator[Status]:
        """Run on; yields at the start and after every block of sweeps and every measurement.

        Whenever it yields, `moment` and `records` tell how far it is.

        Raises:
            FloatingPointError: if numbers of a configuration stop being finite.
        """
        if self.phase == HOSTS:
            self._begin_hosts()
            yield from self._measured_along(self.job.protocol.times, self._replicas.measuring())
        self._begin_clones()
        then = self._cloned(self._snapshots)  # bare now
        yield from self._measured_along(self.job.protocol.lags, self._replicas.measuring(then))

    def moment(self, *, copy: bool = True) -> Moment:
        """Where the run is.

        Args:
            copy: whether later sweeps leave it as it is; else the configurations, in `Parts`, are to be written before.
        Raises:
            FloatingPointError: if numbers of a configuration are not finite.
        """
        states = _on_host(self._batch.whole()) if copy else self._batch.in_parts()
        self._replicas.check_finite(states, self.sweep)
        protocol = self.job.protocol
        times = {HOSTS: protocol.times, CLONES: protocol.lags}
        return Moment(
            self.phase,
            self.sweep,
            states,
            tuple(map(_on_host, self._snapshots)),
            dict(self._accepted),
            {phase: list(rows) for phase, rows in self.rows.items()},
            {phase: times[phase][: len(rows)] for phase, rows in self.rows.items()},
        )

    def records(self) -> Records:
        """What has been measured so far; NaN at times that lie ahead, last configurations only when complete."""
        job, protocol, replicas = self.job, self.job.protocol, self._replicas
        hosts = (len(job.samples), len(job.temperatures))
        shape = (*hosts, len(protocol.waiting_times), protocol.clones)
        twins = {name for name, o in job.measured.items() if o.on == "both"} | set(map(rate_name, job.moves))
        inner = {name: o.dims for name, o in job.measured.items()}
        inner |= {rate_name(name): kind.variable.dims for name, kind in job.moves.items()}
        host_rows = replicas.rated(self.rows[HOSTS], protocol.times)
        clone_rows = replicas.rated(self.rows[CLONES], protocol.lags)
        found = {}
        for name in host_rows[0] if host_rows else ():
            values = _along_clock([row[name] for row in host_rows], len(protocol.times), axis=1)
            found[name] = Record((*HOST, "time", *inner[name]), values.reshape(*hosts, *values.shape[1:]))
        pairs = observed.on("pair", job.measured)
        for name in clone_rows[0] if clone_rows else ():
            pair = name in pairs
            values = _along_clock([row[name] for row in clone_rows], len(protocol.lags), axis=3 if pair else 1)
            dims = (*CLONE, "clone_b", "lag") if pair else (*CLONE, "lag")
            unfolded = values.reshape(*(shape[:3] if pair else shape), *values.shape[1:])
            found[f"clone_{name}" if name in twins else name] = Record((*dims, *inner[name]), unfolded)
        if job.system.tempered:
            found = {name: _without("temperature", record) for name, record in found.items()}
        return found | (replicas.final(self._batch) if self.complete else {})

    def _begin_hosts(self) -> None:
        job = self.job
        self._replicas = Phase.of_hosts(job, self._placement)
        if self._resumed is None:
            rows = self._replicas.rows
            initial = job.initial(compiled.randomise(job.system))
            several = jax.tree.leaves(initial)[0].shape[0] > len(job.samples)  # one for each host, not for each sample
            place = np.arange(len(rows)) if several else rows
            batch = self._replicas.initialised(gathered(self._placement, [initial], np.zeros_like(rows), place))
            self._batch = self._replicas.begun(batch)
            self._accepted = self._replicas.nothing_accepted()
        else:
            self._batch = self._taken_up()

    def _taken_up(self) -> Batch:
        """The replicas of the moment from which the run goes on, whose arrays are no longer needed then."""
        assert self._resumed is not None
        states, self._resumed = self._resumed.states, None
        return owned(split(self._placement, states))

    def _begin_clones(self) -> None:
        """Let the clones start from the snapshots, or go on."""
        self._replicas = Phase.of_clones(self.job, self._placement)
        if self.phase == CLONES and self._resumed is not None:
            self._batch = self._taken_up()
            return
        batch = owned(self._cloned([self.job.system.cloned(state) for state in self._snapshots]))
        self._batch = self._replicas.begun(batch)
        self._snapshots = [jax.vmap(self.job.system.bare)(state) for state in self._snapshots]
        self.phase, self.sweep, self._accepted = CLONES, 0, self._replicas.nothing_accepted()

    def _cloned(self, snapshots: list[State]) -> Batch:
        """A snapshot for each clone."""
        temperatures = self._replicas.shape[1]
        sample, rung, wait, _ = np.indices(self._replicas.shape).reshape(4, -1)
        return gathered(self._placement, snapshots, wait, sample * temperatures + rung)

    def _measured_along(self, times: tuple[int, ...], measure: Callable[[Batch, int], Row]) -> Iterator[Status]:
        """Take the batch to each of the `times` that lie ahead, and measure it there."""
        rows, replicas = self.rows[self.phase], self._replicas
        yield self.status
        for t in times[len(rows) :]:
            while self.sweep < t:
                self._advance(min(t, self.sweep + replicas.block()))
                yield self.status
            row = measure(self._batch, t) | self._accepted
            rows[:] = [*completed(rows, row), row]
            self._accepted = replicas.nothing_accepted()
            if self.phase == HOSTS and t in self.job.protocol.waiting_times:
                self._snapshots.append(jax.tree.map(copied, self._batch.whole()))
            yield self.status

    def _advance(self, stop: int) -> None:
        sweeps = stop - self.sweep
        self._batch, accepted = self._replicas.advanced(self._batch, self.sweep, stop)
        self._accepted = {name: count + accepted[name] for name, count in self._accepted.items()}
        self._acceptance, self.sweep = self._replicas.rate(accepted, sweeps), stop


def _on_host(states: State) -> State:
    """The same in NumPy; copies of arrays of JAX, whose memory later sweeps may use."""
    return jax.tree.map(lambda x: np.array(x) if isinstance(x, jax.Array) else x, states)


def _without(dim: str, record: Record) -> Record:
    """A record without the first axis of that name, which has one place."""
    axis = record.dims.index(dim)
    return Record(record.dims[:axis] + record.dims[axis + 1 :], record.values.squeeze(axis))


def _along_clock(rows: list[np.ndarray], length: int, *, axis: int) -> np.ndarray:
    """Measurements of successive times along a new axis of so many times, NaN at those that lie ahead."""
    x = np.stack(rows, axis=axis)
    ahead = [(0, length - len(rows) if n == axis else 0) for n in range(x.ndim)]
    if len(rows) == length:
        return x
    return np.pad(x.astype(np.result_type(x.dtype, np.float32)), ahead, constant_values=np.nan)
