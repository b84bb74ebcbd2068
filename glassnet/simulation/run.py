"""The run: hosts to their waiting times, then all clones together; blocks of sweeps between measurements."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from glassnet.measure.teacher import teacher_overlaps
from glassnet.model.state import State, pack
from glassnet.simulation import compiled
from glassnet.simulation.follow import Follower, Progress, Report
from glassnet.simulation.job import Job
from glassnet.simulation.pairs import FINAL, Record, Records, final_overlaps, pairs_in_groups
from glassnet.simulation.parallel import Batch, for_chunks, lanes, split

HOST = ("sample", "temperature")
CLONE = ("sample", "temperature", "waiting_time", "clone")


Rows = list[dict[str, np.ndarray]]


def run(job: Job, report: Report | None = None) -> Records:
    """Run a job.

    Args:
        job: what to run.
        report: called after every block of sweeps.
    Returns:
        The measured variables by name; those that hosts and clones share are `name` and `clone_name`.
    Raises:
        FloatingPointError: if weights or pre-activations stop being finite.
    """
    ways = lanes(job.machine, job.patterns, job.dynamics)
    progress = Progress.of(job, report or (lambda progress: None))
    hosts, snapshots = _hosts(job, Follower.of_hosts(job, ways, progress))
    return hosts | _clones(job, Follower.of_clones(job, ways, progress), snapshots)


def _hosts(job: Job, follower: Follower) -> tuple[Records, list[State]]:
    """Measurements of the hosts, and their configurations at the waiting times, replica first."""
    ways = follower.lanes
    states = jax.tree.map(lambda x: x[follower.rows], initial(job))
    init = compiled.initialise(job.machine, job.dynamics, ways, job.shared)
    measure = compiled.host_measures(job.machine, ways, job.shared)
    start = for_chunks(ways, init, split(ways, states), follower.boundary)
    rows, snapshots = [], []
    for t, batch, rates in follower.along(job.protocol.times, start):
        row = for_chunks(ways, measure, batch, follower.boundary, follower.test).whole()
        rows.append(follower.checked(row, t) | rates)
        if t in job.protocol.waiting_times:
            snapshots.append(compiled.copy(batch.whole()))
    return _unfolded(rows, HOST, follower.shape, "time"), snapshots


def initial(job: Job) -> State:
    """Initial configurations, one for each sample that is run here (leading axis)."""
    if isinstance(job.start, str) and job.start == "random":
        draw = compiled.randomise(job.machine)
        states = [draw(key, job.one_boundary(s)) for s, key in zip(job.samples, job.start_keys(), strict=True)]
    else:
        states = [pack(job.machine, *job.given(s)) for s in job.samples]
    return jax.tree.map(lambda *x: jnp.stack(x), *states)


def _clones(job: Job, follower: Follower, snapshots: list[State]) -> Records:
    """Measurements of the clones, whose lags count from their waiting times."""
    shape = follower.shape
    _, rungs, _, _ = shape
    sample, rung, wait, _ = np.indices(shape).reshape(4, -1)
    states = jax.tree.map(lambda *x: jnp.stack(x)[wait, sample * rungs + rung], *snapshots)
    start = split(follower.lanes, states)
    measure = _clone_measures(job, follower, start)
    groups = (int(np.prod(shape[:3])), shape[3])
    rows, pairs = [], []
    for t, batch, rates in follower.along(job.protocol.lags, start):
        rows.append(follower.checked(measure(batch), t) | rates)
        pairs.append(_all_pairs(follower, batch, groups))
        last = batch
    records = _unfolded(rows, CLONE, shape, "lag")
    records = {f"clone_{k}" if k in CLONE_TWINS else k: v for k, v in records.items()}
    between = _unfolded(pairs, (*CLONE[:3], "clone", "clone_b"), (*shape[:3],), "lag", inner=2)
    return records | between | _final(follower, last)


CLONE_TWINS = ("energy", "violated", "acceptance_weights", "acceptance_spins", "train_error", "test_error")
"""Variables that hosts and clones share; the clones' carry the prefix `clone_`."""


def _clone_measures(job: Job, follower: Follower, batch: Batch) -> Callable[[Batch], dict]:
    """The measurement of a batch of clones against its configurations at the waiting time, which are now."""
    ways = follower.lanes
    reference = Batch([compiled.copy((chunk.spins, chunk.weights)) for chunk in batch.chunks], batch.size)
    teacher = follower.teacher()
    function = compiled.clone_measures(job.machine, ways, job.shared, teacher is not None)
    data = [reference, follower.boundary, follower.test] + ([teacher] if teacher is not None else [])

    def measure(batch: Batch) -> dict:
        row = for_chunks(ways, function, batch, *data).whole()
        halves = row.pop("neuron_overlaps", None)
        return row if halves is None else row | _teacher(job, np.asarray(halves))

    return measure


def _teacher(job: Job, halves: np.ndarray) -> dict[str, np.ndarray]:
    """Teacher-student overlaps of each replica for layers 1..L; the clamped output agrees by definition."""
    match = not any(stack.diluted for stack in job.machine.stacks)
    pairs = [teacher_overlaps(replica, job.patterns, match=match) for replica in halves]
    overlap, squared = (np.pad(np.stack(x), ((0, 0), (0, 1)), constant_values=1.0) for x in zip(*pairs, strict=True))
    return {"teacher_overlap": overlap, "teacher_overlap_squared": squared}


def _all_pairs(follower: Follower, batch: Batch, groups: tuple[int, int]) -> dict[str, np.ndarray]:
    """Overlaps of all pairs within each group of replicas that follow each other in the batch."""
    state = batch.whole()
    return pairs_in_groups((state.spins, follower.outputs(), state.weights), groups)


def _final(follower: Follower, batch: Batch) -> Records:
    """Overlaps between all last configurations of a temperature and waiting time, and the configurations."""
    samples, rungs, waits, clones = follower.shape
    order = np.arange(batch.size).reshape(follower.shape).transpose(1, 2, 0, 3)
    state = batch.whole()
    spins, weights = jax.tree.map(
        lambda x: np.asarray(x)[order].reshape(rungs, waits, samples * clones, *x.shape[1:]),
        (state.spins, state.weights),
    )
    outputs = np.asarray(follower.outputs())[order[0, 0].reshape(-1)]
    records = {"configuration_spins": Record((*FINAL, "hidden_layer", "neuron", "pattern"), spins)}
    for g, J in enumerate(weights):
        records[f"configuration_weights_{g}"] = Record((*FINAL, f"layer_{g}", f"slot_{g}", f"neuron_{g}"), J)
    return final_overlaps(spins, outputs, weights) | records


def _unfolded(rows: Rows, dims: tuple[str, ...], shape: tuple[int, ...], clock: str, inner: int = 0) -> Records:
    """Measurements of successive times as one array each.

    Args:
        rows: for each time, arrays whose leading axis runs over the replicas (or groups of them).
        dims: names of the unfolded leading axes, the last `inner` of which each row already has.
        shape: sizes of the leading axis unfolded.
        clock: name of the axis of times, which comes after `dims`.
        inner: number of further axes in `dims`.
    """
    records = {}
    for name in rows[0]:
        x = np.stack([np.asarray(row[name]) for row in rows], axis=1 + inner)
        x = x.reshape(*shape, *x.shape[1:])
        layer = ("layer",) if x.ndim > len(dims) + 1 else ()
        records[name] = Record((*dims, clock, *layer), x)
    return records
