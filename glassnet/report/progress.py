"""How far a run has come, how fast it goes, and its history."""

from typing import NamedTuple

import numpy as np
from xarray import DataArray

from glassnet.report.source import Event, Run

STARTS = ("started", "resumed")


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


def progress_of(run: Run) -> Progress:
    """How far a run has come, by its log, or else by what has been measured."""
    marks = [event for event in run.events if "done" in event and "total" in event]
    total = float(marks[-1]["total"]) if marks else _replica_sweeps(run, whole=True)
    done = float(marks[-1]["done"]) if marks else _replica_sweeps(run, whole=False)
    done = total if run.status == "complete" else done
    seconds = next((float(e["run_seconds"]) for e in reversed(run.events) if "run_seconds" in e), float("nan"))
    if np.isnan(seconds) or run.status == "complete":
        seconds = float(run.data.attrs.get("run_seconds", seconds))
    return Progress(done, total, seconds, done / seconds if seconds > 0 else float("nan"))


def _replica_sweeps(run: Run, *, whole: bool) -> float:
    """Replica-sweeps up to the last time and lag, planned or measured."""
    sizes, ds = run.data.sizes, run.data if whole else run.measured
    hosts = sizes["sample"] * sizes.get("temperature", 1)
    clones = sizes.get("waiting_time", 0) * sizes.get("clone", 0)
    ends = [float(ds[clock][-1]) if ds.sizes.get(clock) else 0.0 for clock in ("time", "lag")]
    return hosts * (ends[0] + clones * ends[1])


def sessions(events: tuple[Event, ...]) -> list[tuple[Event, ...]]:
    """Events from each start to the next."""
    found: list[list[Event]] = []
    for event in events:
        if event.get("event") in STARTS or not found:
            found.append([])
        found[-1].append(event)
    return [tuple(session) for session in found]


def rates(events: tuple[Event, ...]) -> DataArray | None:
    """Replica-sweeps a second between the checkpoints of each session, along the replica-sweeps done.

    Returns:
        Dim `done` with a coordinate `session`; None where the log does not say it.
    """
    rows = []
    for n, session in enumerate(sessions(events)):
        marks = [(e["done"], e["run_seconds"]) for e in session if {"done", "run_seconds"} <= e.keys()]
        for (done, seconds), (later, end) in zip(marks[:-1], marks[1:], strict=True):
            if end > seconds and later > done:
                rows.append((later, (later - done) / (end - seconds), n))
    if len(rows) < 2:
        return None
    done, speed, session = np.array(rows).T
    words = {"long_name": "replica-sweeps a second", "units": "1"}
    clock = ("done", done, {"long_name": "replica-sweeps done", "units": "1"})
    return DataArray(speed, {"done": clock, "session": ("done", session)}, ("done",), attrs=words)
