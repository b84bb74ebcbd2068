"""A run between two blocks of sweeps: everything that it needs to go on, which is what a checkpoint keeps."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from glassnet.core.check import fail
from glassnet.sampling.kernel import State
from glassnet.simulation import observed
from glassnet.simulation.job import Job

Row = dict[str, np.ndarray]
"""What is measured at one time: by name, arrays whose leading axis runs over replicas (or groups of clones)."""

HOSTS, CLONES = "hosts", "clones"


@dataclass(frozen=True)
class Moment:
    """Where a run is, in arrays on the host.

    Attributes:
        phase: "hosts" or "clones".
        sweep: sweeps of the hosts since the start, or of the clones since their waiting times.
        states: configurations of all replicas of the phase, the replica leading; `Parts` where it is written at once.
        snapshots: configurations of the hosts at the waiting times so far, the host leading; bare
            once the clones run.
        accepted: accepted moves of each replica since the last measurement, int64, by name.
        rows: measurements so far, by phase.
        times: when they were taken, by phase.
    """

    phase: str
    sweep: int
    states: State
    snapshots: tuple[State, ...]
    accepted: Row
    rows: dict[str, list[Row]]
    times: dict[str, tuple[int, ...]]


def fitted(moment: Moment, job: Job) -> Moment:
    """`moment` of a shorter run as one of `job`, which differs in `protocol.sweeps` alone.

    The shorter run measures at its last lag. If the longer one does not, that measurement is dropped, and what
    follows has the bits of a run that was made so long at once.

    Raises:
        ValueError: if the moment lies beyond the end of the job.
    """
    if moment.phase == HOSTS:
        return moment
    lags, taken = job.protocol.lags, moment.times[CLONES]
    if moment.sweep > lags[-1]:
        raise fail("sweeps", f"be at least the {moment.sweep} sweeps that the clones have run", lags[-1])
    if taken == lags[: len(taken)]:
        return moment
    *rows, last = moment.rows[CLONES]
    accepted = {name: count + last[name] for name, count in moment.accepted.items()}
    shorter = {"rows": {**moment.rows, CLONES: rows}, "times": {**moment.times, CLONES: taken[:-1]}}
    return replace(moment, accepted=accepted, **shorter)


def completed(rows: list[Row], new: Row) -> list[Row]:
    """Rows with NaN for what `new`, which follows them, has beyond: a run that an earlier version began has less."""
    missing = new.keys() - rows[0].keys() if rows else set()
    nothing = {
        name: np.full(new[name].shape, np.nan, np.result_type(new[name], np.float32)) for name in sorted(missing)
    }
    return [row | nothing for row in rows]


def misfits(moment: Moment, job: Job) -> Iterator[str]:
    """What of a moment cannot be from `job`, or from a shorter run of it, in words; nothing if all fits.

    Compiled code takes shapes and types of arrays for granted.
    """
    protocol, hosts = job.protocol, len(job.samples) * len(job.temperatures)
    groups = hosts * len(protocol.waiting_times)
    replicas = {HOSTS: hosts, CLONES: groups * protocol.clones}
    if moment.phase not in replicas or set(moment.times) != set(replicas) or set(moment.rows) != set(replicas):
        yield f"the phase {moment.phase!r}"
        return
    yield from _mistimed(moment, job)
    outline, later = job.outline(), moment.phase == CLONES
    bare = jax.eval_shape(job.system.bare, outline) if later else outline
    yield from _unlike("states", moment.states, outline, replicas[moment.phase])
    for n, state in enumerate(moment.snapshots):
        yield from _unlike(f"snapshots/{n}", state, bare, hosts)
    counts = {name: jax.ShapeDtypeStruct(kind.offered.shape, np.int64) for name, kind in job.moves.items()}
    yield from _unlike("accepted", moment.accepted, counts, replicas[moment.phase])
    if any((count < 0).any() for count in moment.accepted.values()):
        yield "negative numbers of accepted moves"
    for phase, rows in moment.rows.items():
        dims = {name: (replicas[phase], 1 + kind.offered.ndim) for name, kind in job.moves.items()}
        known = observed.on("host" if phase == HOSTS else "clone", job.measured)
        dims |= {name: (replicas[phase], 1 + len(o.dims)) for name, o in known.items()}
        if phase == CLONES:
            dims |= {name: (groups, 3 + len(o.dims)) for name, o in observed.on("pair", job.measured).items()}
        if rows and not {"energy", *job.moves} <= rows[0].keys():
            yield f"rows of {phase} without energy or counts of accepted moves"
        for name, x in ((name, x) for row in rows for name, x in row.items()):
            if (x.shape[:1] and (x.shape[0], x.ndim)) != dims.get(name):
                yield f"rows of {phase} with {name} of shape {x.shape}"
                break


def _mistimed(moment: Moment, job: Job) -> Iterator[str]:
    """What is wrong with the times of a moment."""
    protocol, sweep, later = job.protocol, moment.sweep, moment.phase == CLONES
    taken, lags = moment.times[HOSTS], moment.times[CLONES]
    last = protocol.lags[-1] if later else protocol.last_host_sweep
    if type(sweep) is not int or sweep < 0 or (sweep > last and not later):
        yield f"the sweep {sweep!r} of {moment.phase}"
        return
    if taken != protocol.times[: len(taken)] or (later and taken != protocol.times):
        yield f"measurements at {taken}"
    known = protocol.lags[: len(lags)]
    if lags[:-1] != known[:-1] or len(known) < len(lags) or (lags and not later):
        yield f"measurements at the lags {lags}"
    ahead, before = (lags if later else taken), (protocol.lags if later else protocol.times)
    if ahead and ahead[-1] > sweep:
        yield f"measurements beyond sweep {sweep}"
    elif len(ahead) < len(before) and sweep > before[len(ahead)] and ahead == before[: len(ahead)]:
        yield f"no measurement at {before[len(ahead)]}"
    wanted = [t for t in protocol.waiting_times if later or t in taken]
    if len(moment.snapshots) != len(wanted):
        yield f"{len(moment.snapshots)} snapshots"


def _unlike(name: str, found: Any, like: Any, count: int) -> Iterator[str]:
    """How arrays differ from those of one replica with `count` replicas in front."""
    arrays, models = (dict(jax.tree.leaves_with_path(tree)) for tree in (found, like))
    if arrays.keys() != models.keys():
        yield f"{name} with other parts"
        return
    for path, model in models.items():
        x, shape = arrays[path], (count, *model.shape)
        if np.shape(x) != shape or x.dtype != model.dtype:
            where = name + jax.tree_util.keystr(path)
            yield f"{where} of shape {np.shape(x)} and type {x.dtype}, not {shape} and {model.dtype}"
