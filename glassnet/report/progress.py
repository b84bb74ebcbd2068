"""How far a run has come, how fast it goes, and its history."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from xarray import DataArray

from glassnet.report.source import Event, Reported

STARTS = ("started", "resumed")
BEFORE = ("took_over_lock", "extended", "damaged_checkpoint")
"""Events that a process writes before the one that says that it starts."""


class Progress(NamedTuple):
    """How far a run has come.

    Attributes:
        done: replica-sweeps finished.
        total: replica-sweeps of the whole run.
        seconds: time spent; NaN if unknown.
        rate: replica-sweeps a second over all of it; NaN if unknown.
    """

    done: float
    total: float
    seconds: float
    rate: float

    @property
    def fraction(self) -> float:
        """Finished part of the whole, 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    @property
    def left(self) -> float:
        """Seconds left at this rate; NaN if unknown."""
        return (self.total - self.done) / self.rate if self.rate > 0 else float("nan")


def progress_of(run: Reported) -> Progress:
    """How far a run has come, by its log, or else by what has been measured."""
    total = _replica_sweeps(run, whole=True)
    told = [float(event["done"]) for event in run.events if event.get("done") is not None]
    written = float(run.data.attrs.get("progress", 0.0)) * total
    done = total if run.status == "complete" else min(max([*told, written, _replica_sweeps(run, whole=False)]), total)
    spent = [float(x) for x in (run.data.attrs.get("run_seconds"), *(e.get("run_seconds") for e in run.events)) if x]
    seconds = max(spent, default=float("nan"))
    return Progress(done, total, seconds, done / seconds if seconds > 0 else float("nan"))


def _replica_sweeps(run: Reported, *, whole: bool) -> float:
    """Replica-sweeps up to the last time and lag, planned or measured."""
    sizes, ds = run.data.sizes, run.data if whole else run.measured
    hosts = sizes["sample"] * sizes.get("temperature", 1)
    clones = sizes.get("waiting_time", 0) * sizes.get("clone", 0)
    ends = [float(ds[clock][-1]) if ds.sizes.get(clock) else 0.0 for clock in ("time", "lag")]
    return hosts * (ends[0] + clones * ends[1])


def sessions(events: Sequence[Event]) -> list[tuple[Event, ...]]:
    """Events of each process that worked on the run, with what it noted before it said that it starts."""
    found: list[list[Event]] = []
    for event in events:
        begins = event.get("event") in (*STARTS, *BEFORE)
        waiting = bool(found) and all(e.get("event") in BEFORE for e in found[-1])
        if not found or (begins and not waiting):
            found.append([])
        found[-1].append(event)
    return [tuple(session) for session in found]


def rates(events: Sequence[Event]) -> DataArray | None:
    """Replica-sweeps a second between the checkpoints of each session, along the replica-sweeps done.

    Returns:
        Dim `done` with a coordinate `session`; None where the log does not say it.
    """
    rows = []
    for n, session in enumerate(sessions(events)):
        known = [(e.get("done"), e.get("run_seconds")) for e in session]
        marks = [(done, seconds) for done, seconds in known if done is not None and seconds is not None]
        for (done, seconds), (later, end) in zip(marks[:-1], marks[1:], strict=True):
            if end > seconds and later > done:
                rows.append((later, (later - done) / (end - seconds), n))
    if len(rows) < 2:
        return None
    done, speed, session = np.array(rows).T
    words = {"long_name": "replica-sweeps a second", "units": "1"}
    clock = ("done", done, {"long_name": "replica-sweeps done", "units": "1"})
    return DataArray(speed, {"done": clock, "session": ("done", session)}, ("done",), attrs=words)
