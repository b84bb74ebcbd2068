"""The run: hosts to their waiting times, then all clones together; blocks of sweeps between measurements."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from glassnet.perceptron.observe.teacher import teacher_overlaps
from glassnet.perceptron.state import State, pack
from glassnet.simulation import compiled
from glassnet.simulation.follow import Follower, Report, Status
from glassnet.simulation.job import Job
from glassnet.simulation.moment import CLONES, HOSTS, Moment, Row, fitted
from glassnet.simulation.pairs import FINAL, Record, Records, final_overlaps, pairs_in_groups
from glassnet.simulation.parallel import Batch, for_chunks, lanes, split

HOST = ("sample", "temperature")
CLONE = ("sample", "temperature", "waiting_time", "clone")

CLONE_TWINS = ("energy", "violated", "acceptance_weights", "acceptance_spins", "train_error", "test_error")
"""Variables that hosts and clones share; the clones' carry the prefix `clone_`."""

PAIRS = ("spin_overlap", "spin_overlap_connected", "weight_overlap")
"""Variables of pairs of clones."""


def run(job: Job, report: Report | None = None) -> Records:
    """Run a job from start to end.

    Args:
        job: what to run.
        report: called after every block of sweeps.
    Returns:
        The measured variables by name; those that hosts and clones share are `name` and `clone_name`.
    Raises:
        FloatingPointError: if weights or pre-activations stop being finite.
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
        self._lanes = lanes(job.machine, job.patterns, job.dynamics)
        self._resumed = None if moment is None else fitted(moment, job)
        self.phase, self.sweep, self._acceptance = HOSTS, 0, float("nan")
        self.rows: dict[str, list[Row]] = {HOSTS: [], CLONES: []}
        self._snapshots: list[State] = []
        self._accepted: Row = {}
        if self._resumed is not None:
            self.phase, self.sweep = self._resumed.phase, self._resumed.sweep
            self.rows = {phase: list(rows) for phase, rows in self._resumed.rows.items()}
            self._snapshots, self._accepted = list(self._resumed.snapshots), self._resumed.accepted

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
            FloatingPointError: if weights or pre-activations stop being finite.
        """
        if self.phase == HOSTS:
            self._begin_hosts()
            yield from self._measured_along(self.job.protocol.times, self._host_measures())
        self._begin_clones()
        yield from self._measured_along(self.job.protocol.lags, self._clone_measures())

    def moment(self) -> Moment:
        """Where the run is, in arrays of its own.

        Raises:
            FloatingPointError: if weights or pre-activations are not finite.
        """
        states = _on_host(self._batch.whole())
        self._follower.check_finite(states, self.sweep)
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
        job, protocol = self.job, self.job.protocol
        hosts = (len(job.samples), len(job.temperatures))
        shape = (*hosts, len(protocol.waiting_times), protocol.clones)
        found = _unfolded(self._rated(HOSTS, protocol.times), HOST, hosts, "time", len(protocol.times))
        clones = self._rated(CLONES, protocol.lags)
        alone = [{name: x for name, x in row.items() if name not in PAIRS} for row in clones]
        pairs = [{name: row[name] for name in PAIRS} for row in clones]
        ahead = "lag", len(protocol.lags)
        of_clones = _unfolded(alone, CLONE, shape, *ahead)
        found |= {f"clone_{name}" if name in CLONE_TWINS else name: x for name, x in of_clones.items()}
        found |= _unfolded(pairs, (*CLONE[:3], "clone", "clone_b"), shape[:3], *ahead, inner=2)
        return found | (_final(self._follower, self._batch) if self.complete else {})

    def _begin_hosts(self) -> None:
        job, ways = self.job, self._lanes
        self._follower = Follower.of_hosts(job, ways)
        if self._resumed is None:
            rows = self._follower.rows
            states = compiled.picked((initial(job),), np.zeros_like(rows), rows)
            init = compiled.initialise(job.machine, job.dynamics, ways, job.shared)
            self._batch = for_chunks(ways, init, split(ways, states), self._follower.boundary)
            self._accepted = self._follower.nothing_accepted()
        else:
            self._batch = split(ways, _on_device(self._resumed.states))
            self._resumed = None  # its arrays are no longer needed

    def _begin_clones(self) -> None:
        """Let the clones start from the snapshots, or go on."""
        self._follower = Follower.of_clones(self.job, self._lanes)
        if self.phase == CLONES and self._resumed is not None:
            self._batch = split(self._lanes, _on_device(self._resumed.states))
            self._resumed = None
            return
        self._batch = split(self._lanes, self._cloned(self._snapshots))
        self._snapshots = [replace(state, fields=()) for state in self._snapshots]
        self.phase, self.sweep, self._accepted = CLONES, 0, self._follower.nothing_accepted()

    def _cloned(self, snapshots: list[State]) -> State:
        """A copy of a snapshot for each clone."""
        rungs = self._follower.shape[1]
        sample, rung, wait, _ = np.indices(self._follower.shape).reshape(4, -1)
        return compiled.picked(tuple(snapshots), wait, sample * rungs + rung)

    def _measured_along(self, times: tuple[int, ...], measure: Callable[[Batch], Row]) -> Iterator[Status]:
        """Take the batch to each of the `times` that lie ahead, and measure it there."""
        rows, follower = self.rows[self.phase], self._follower
        yield self.status
        for t in times[len(rows) :]:
            while self.sweep < t:
                self._advance(min(t, self.sweep + follower.block()))
                yield self.status
            rows.append(follower.checked(measure(self._batch), t) | self._accepted)
            self._accepted = follower.nothing_accepted()
            if self.phase == HOSTS and t in self.job.protocol.waiting_times:
                self._snapshots.append(compiled.copy(self._batch.whole()))
            yield self.status

    def _advance(self, stop: int) -> None:
        sweeps = stop - self.sweep
        self._batch, accepted = self._follower.advanced(self._batch, self.sweep, stop)
        self._accepted = {name: count + accepted[name] for name, count in self._accepted.items()}
        self._acceptance, self.sweep = self._follower.rate(accepted, sweeps), stop

    def _host_measures(self) -> Callable[[Batch], Row]:
        job, follower = self.job, self._follower
        function = compiled.host_measures(job.machine, self._lanes, job.shared)
        return lambda batch: for_chunks(self._lanes, function, batch, follower.boundary, follower.test).whole()

    def _clone_measures(self) -> Callable[[Batch], Row]:
        """The measurement of a batch of clones, against the configurations at the waiting times and each other."""
        job, ways, follower = self.job, self._lanes, self._follower
        then = self._cloned([replace(state, fields=()) for state in self._snapshots])
        reference = split(ways, (then.spins, then.weights))
        teacher = follower.teacher()
        function = compiled.clone_measures(job.machine, ways, job.shared, teacher is not None)
        data = [reference, follower.boundary, follower.test] + ([teacher] if teacher is not None else [])
        groups = (int(np.prod(follower.shape[:3])), follower.shape[3])

        def measure(batch: Batch) -> Row:
            row = for_chunks(ways, function, batch, *data).whole()
            halves = row.pop("neuron_overlaps", None)
            row |= {} if halves is None else _teacher(job, np.asarray(halves))
            return row | _all_pairs(follower, batch, groups)

        return measure

    def _rated(self, phase: str, times: tuple[int, ...]) -> list[Row]:
        """Rows with accepted fractions, NaN at the start and where nothing is offered, in place of counts."""
        rows = []
        for row, t, before in zip(self.rows[phase], times, (times[0], *times), strict=False):
            new = dict(row)
            for name, offered in self._follower.offered.items():
                with np.errstate(invalid="ignore"):
                    rate = new.pop(name) / (offered * (t - before))
                rate[np.isnan(rate)] = np.nan  # 0/0 has a sign, which a store that leaves out empty chunks forgets
                new[name.replace("accepted", "acceptance")] = rate.astype(np.float32)
            rows.append(new)
        return rows


def initial(job: Job) -> State:
    """Initial configurations, one for each sample that is run here (leading axis)."""
    if isinstance(job.start, str) and job.start == "random":
        draw = compiled.randomise(job.machine)
        states = [draw(key, job.one_boundary(s)) for s, key in zip(job.samples, job.start_keys(), strict=True)]
    else:
        states = [pack(job.machine, *job.given(s)) for s in job.samples]
    return jax.tree.map(lambda *x: jnp.stack(x), *states)


def _on_host(states: State) -> State:
    """The same in NumPy; copies of arrays of JAX, whose memory later sweeps may use."""
    return jax.tree.map(lambda x: np.array(x) if isinstance(x, jax.Array) else x, states)


def _on_device(states: State) -> State:
    return jax.tree.map(jnp.asarray, states)


def _teacher(job: Job, halves: np.ndarray) -> dict[str, np.ndarray]:
    """Teacher-student overlaps of each replica for layers 1..L; the clamped output agrees by definition."""
    match = not any(stack.diluted for stack in job.machine.stacks)
    pairs = [teacher_overlaps(replica, job.patterns, match=match) for replica in halves]
    overlap, squared = (np.pad(np.stack(x), ((0, 0), (0, 1)), constant_values=1.0) for x in zip(*pairs, strict=True))
    return {"teacher_overlap": overlap, "teacher_overlap_squared": squared}


def _all_pairs(follower: Follower, batch: Batch, groups: tuple[int, int]) -> dict[str, np.ndarray]:
    """Overlaps of all pairs within each group of replicas that follow each other in the batch."""
    state = batch.whole()
    return pairs_in_groups((state.spins, follower.outputs, state.weights), groups)


def _final(follower: Follower, batch: Batch) -> Records:
    """Overlaps between all last configurations of a temperature and waiting time, and the configurations."""
    samples, rungs, waits, clones = follower.shape
    order = np.arange(batch.size).reshape(follower.shape).transpose(1, 2, 0, 3)
    state = batch.whole()
    spins, weights = jax.tree.map(
        lambda x: np.asarray(x)[order].reshape(rungs, waits, samples * clones, *x.shape[1:]),
        (state.spins, state.weights),
    )
    outputs = np.asarray(follower.outputs)[order[0, 0].reshape(-1)]
    records = {"configuration_spins": Record((*FINAL, "hidden_layer", "neuron", "pattern"), spins)}
    for g, J in enumerate(weights):
        records[f"configuration_weights_{g}"] = Record((*FINAL, f"layer_{g}", f"slot_{g}", f"neuron_{g}"), J)
    return final_overlaps(spins, outputs, weights) | records


def _unfolded(
    rows: list[Row], dims: tuple[str, ...], shape: tuple[int, ...], clock: str, length: int, inner: int = 0
) -> Records:
    """Measurements of successive times as one array each, NaN at the times that lie ahead.

    Args:
        rows: for each time, arrays whose leading axis runs over the replicas (or groups of them).
        dims: names of the unfolded leading axes, the last `inner` of which each row already has.
        shape: sizes of the leading axis unfolded.
        clock: name of the axis of times, which comes after `dims`.
        length: number of times, measured or not.
        inner: number of further axes in `dims`.
    """
    records = {}
    for name in rows[0] if rows else ():
        axis = 1 + inner
        x = np.stack([row[name] for row in rows], axis=axis)
        ahead = [(0, length - len(rows) if n == axis else 0) for n in range(x.ndim)]
        x = np.pad(x, ahead, constant_values=np.nan) if len(rows) < length else x
        x = x.reshape(*shape, *x.shape[1:])
        layer = ("layer",) if x.ndim > len(dims) + 1 else ()
        records[name] = Record((*dims, clock, *layer), x)
    return records
