"""A run between two blocks of sweeps: everything that it needs to go on, which is what a checkpoint keeps."""

from dataclasses import dataclass, replace

import numpy as np

from glassnet.core.check import fail
from glassnet.sampling.kernel import State
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
        states: configurations of all replicas of the phase, the replica leading.
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
