"""Runs that survive: checkpoints on the way, stops on request, and going on where a run was left."""

import json
import os
import shlex
import socket
import sys
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

import xarray as xr

from glassnet.analysis import derive
from glassnet.core import compile_cache
from glassnet.core.check import fail, is_number, positive
from glassnet.core.codec import config_hash, difference
from glassnet.core.stopping import Stopped, StopRequest, stop_requests
from glassnet.perceptron.describe import renewed
from glassnet.simulation.job import Job
from glassnet.simulation.moment import CLONES, HOSTS
from glassnet.simulation.phase import Report, Status
from glassnet.simulation.run import Run
from glassnet.simulation.tuning import tuned
from glassnet.store import live, seal
from glassnet.store.dataset import dataset
from glassnet.store.folder import SEALED, RunFolder, about_run, holds_run, log, status
from glassnet.store.jobs import as_tuned
from glassnet.store.parts import DIFFERING, part_path
from glassnet.store.provenance import provenance

SHARE_OF_TIME = 0.02
"""Part of the time of a run that checkpoints may take, unless they are asked for at fixed intervals."""

USUAL_SECONDS, USUAL_SPEED = 0.15, 1e8
"""Before the first checkpoint its time is estimated as USUAL_SECONDS + bytes / USUAL_SPEED."""

LOGGED_EVERY = 60.0
"""Seconds between two checkpoints in the log."""

AFTER_CHECKPOINTS = ("checkpoint", "resumed", "stopped", "complete")
"""Events of a run that has written checkpoints."""


MARGIN = 1.0
"""Seconds kept free at the end of a time limit, beside another block of sweeps and a checkpoint."""


@dataclass(frozen=True)
class Limits:
    """When a run saves itself and when it stops.

    Args:
        time_limit: seconds after which a run has stopped, counted from the call; None for no limit.
        checkpoint_every: seconds between checkpoints; None for as many as take 2 % of the time.
    Raises:
        ValueError: for numbers out of range.
    """

    time_limit: float | None = None
    checkpoint_every: float | None = None

    def __post_init__(self) -> None:
        if self.time_limit is not None:
            positive(time_limit=self.time_limit)
        every = self.checkpoint_every
        if every is not None and (not is_number(every) or not 0 <= every < float("inf")):
            raise fail("checkpoint_every", "be a number of at least 0", every)


def start(
    path: str | os.PathLike,
    job: Job,
    limits: Limits,
    report: Report | None = None,
    *,
    run: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Run a job in a folder; go on where the folder holds the same job.

    Args:
        path: the folder, made if it does not exist; a part of a run has one of its own.
        job: what to run. Where the folder holds this run, `protocol.sweeps` may be larger than before.
        limits: when to save and when to stop.
        report: called after every block of sweeps.
        run: the configuration that `glassnet run` takes, as JSON values, or None.
    Returns:
        The result.
    Raises:
        ValueError: if the folder holds a run that differs; the message shows in what.
        LockedError: if another process works on it.
        FloatingPointError: if the configuration stops being finite.
        Stopped: if a signal or the time limit ended the run before its end.
    """
    path = Path(path).absolute()
    path = path if job.share is None else part_path(path, job.share.part, job.share.parts)
    if not holds_run(path):
        compile_cache.guard()
        job = tuned(job)
        return _go_on(RunFolder.create(path, job, run), limits, report, job=job)
    folder = RunFolder(path)
    job = as_tuned(job, folder.config)
    _check_same(folder, about_run(job, run))
    ds = finished(folder, job.protocol.sweeps)
    return _go_on(folder, limits, report, job.protocol.sweeps, job=job) if ds is None else ds


def resume(
    path: str | os.PathLike,
    *,
    sweeps: int | None = None,
    time_limit: float | None = None,
    checkpoint_every: float | None = None,
    report: Report | None = None,
) -> xr.Dataset:
    """Go on with the run in a folder, from its newest checkpoint that is whole; return the result of a complete one.

    The result has the same bits as that of a run that was never stopped, whatever the number of devices.

    Args:
        path: the folder.
        sweeps: let the clones run so many sweeps in all, at least as many as before; as before if None. The result
            is then that of a run made with so many from the start.
        time_limit: seconds from now after which the run has stopped and can be resumed; None for no limit.
        checkpoint_every: seconds between checkpoints; as many as take 2 % of the time if None.
        report: called after every block of sweeps.
    Returns:
        The result.
    Raises:
        FileNotFoundError: if there is no such run.
        ValueError: if an argument is out of range, or configuration, data or all checkpoints are damaged.
        LockedError: if another process works on it.
        FloatingPointError: if the configuration stops being finite.
        Stopped: if a signal or the time limit ended the run before its end.
    """
    folder, limits = RunFolder(Path(path).absolute()), Limits(time_limit, checkpoint_every)
    ds = finished(folder, sweeps)
    return _go_on(folder, limits, report, sweeps) if ds is None else ds


def _check_same(folder: RunFolder, new: dict[str, Any]) -> None:
    """Raise ValueError unless the folder holds this run with these options, but for the sweeps of the clones."""
    new["job"]["config"]["protocol"]["sweeps"] = folder.config["protocol"]["sweeps"]
    found = difference(renewed(_asked_for(folder.about)), _asked_for(new))
    if found:
        raise ValueError(f"Argument `folder` must hold the same run, but {folder.path} has {'; '.join(found)}.")


def _asked_for(about: Mapping[str, Any]) -> dict[str, Any]:
    """All that makes a difference to the result, from what a folder knows of its run."""
    beta = "a list" if about["ladder"] else "one value"
    part = {"part": about["job"]["part"], "keep_configurations": about["keep_configurations"]}
    return {**about["job"]["config"], "beta": beta, **part}


def finished(folder: RunFolder, sweeps: int | None = None) -> xr.Dataset | None:
    """The result of a run that is complete, with so many sweeps if asked for.

    Returns:
        None if there is something to do: sweeps, or results that are lost or damaged and can be written anew.
    """
    if status(folder.path) != "complete" or sweeps not in (None, folder.config["protocol"]["sweeps"]):
        return None
    with suppress(FileNotFoundError, ValueError):
        ds = folder.result()
        return ds if ds.attrs["status"] == "complete" else None
    return None


def _go_on(
    folder: RunFolder, limits: Limits, report: Report | None, sweeps: int | None = None, *, job: Job | None = None
) -> xr.Dataset:
    """Go on with the run in a folder; `job`, if given, is this run as a value, so that none of its code is imported."""
    compile_cache.guard()
    with stop_requests() as request, folder.lock():
        folder = RunFolder(folder.path)  # another process may have made it longer
        folder.longer(sweeps)
        return _Session(folder, limits, request, sweeps).run(job or folder.job(sweeps), report or (lambda status: None))


class _Session:
    """One process's work on a run.

    Args:
        folder: the run, locked.
        limits: when to save and when to stop.
        request: whether a signal asks to stop.
        sweeps: how many sweeps the clones are to run in all; as many as the folder says if None.
    """

    def __init__(self, folder: RunFolder, limits: Limits, request: StopRequest, sweeps: int | None = None) -> None:
        self._folder, self._limits, self._request, self._sweeps = folder, limits, request, sweeps
        self._begun = time.perf_counter()
        self._live, self._checkpoints = live.LiveResults(folder.results), folder.checkpoints
        self._made: dict[str, str] = {}
        self._earlier: dict[str, Any] = {"run_seconds": 0.0, "resumed": 0}
        self._last_block = self._cost = self._longest = 0.0
        self._reports, self._compiling = 0, 0.0
        self._size = 0
        self._kept_at, self._logged_at = self._begun, -float("inf")
        self._kept: tuple[int, ...] = ()

    def run(self, job: Job, report: Report) -> xr.Dataset:
        """Go on to the end."""
        self._made = provenance(job.system)
        self._earlier["made"] = self._made
        self._run = self._started(job)
        self._kept = self._found = self._place()
        try:
            for status in self._run.blocks():
                report(status)
                self._after(status)
            return self._finished()
        except Exception as error:
            self._end("failed", reason=str(error) or type(error).__name__, error=type(error).__name__)
            raise

    def _started(self, job: Job) -> Run:
        """The run, from its newest checkpoint that is whole or from its start; the folder is changed only now."""
        found = self._checkpoints.newest(job, self._damaged)
        run = Run(job, None if found is None else found[0])
        self._folder.extend(self._sweeps)
        surroundings = {"pid": os.getpid(), "host": socket.gethostname(), "command": shlex.join(sys.argv)}
        if found is None:
            if any(event["event"] in AFTER_CHECKPOINTS for event in log(self._folder.path)):
                words = f"No checkpoint is left in {self._folder.path}, though its log knows some: it begins anew."
                self._folder.log("lost_checkpoints")
                warnings.warn(words, RuntimeWarning, stacklevel=2)
            self._folder.log("started", **self._made, **surroundings)
            return run
        moment, about = found
        earlier, now = about["made"]["sweeps"], self._made["sweeps"]
        if not f"; {earlier}".endswith(f"; {now}"):  # of several, the last
            words = f"The run goes on by {now}, where it was made by {earlier} so far."
            warnings.warn(f"{words} Results differ by rounding, and so in their bits.", RuntimeWarning, stacklevel=2)
        self._earlier = {**about, "made": _both(about["made"], self._made), "resumed": about["resumed"] + 1}
        self._folder.log("resumed", phase=moment.phase, sweep=moment.sweep, **self._made, **surroundings)
        return run

    def _damaged(self, path: Path, reason: str) -> None:
        self._folder.log("damaged_checkpoint", file=path.name, reason=reason)
        warnings.warn(f"{reason} It is passed over.", RuntimeWarning, stacklevel=2)

    def _after(self, status: Status) -> None:
        """Save or stop, if it is time."""
        now = time.perf_counter()
        took = now - self._last_block if self._last_block else 0.0
        self._longest = max(0.5 * self._longest, took)
        self._reports += 1
        if status.phase == HOSTS and self._reports <= 3:  # the first measurement and the first sweeps compile
            self._compiling += took
        reason = self._request.reason or self._out_of_time()
        if reason is not None and not self._run.complete:
            self._keep(status)
            self._end("stopped", reason=reason, **_numbers(status))
            raise Stopped(reason, self._folder.path)
        every = self._limits.checkpoint_every
        if now - self._kept_at >= (self._expected() / SHARE_OF_TIME if every is None else every):
            self._keep(status)
        self._last_block = time.perf_counter()

    def _out_of_time(self) -> str | None:
        """Why to stop now, if another block and a checkpoint would not fit into the time limit.

        Something is always done first: a limit that is too short must not lead to stops without end.
        """
        limit = self._limits.time_limit
        if limit is None or self._place() == self._found:
            return None
        ahead = self._longest
        if self._run.phase == HOSTS and len(self._run.rows[HOSTS]) == len(self._run.job.protocol.times):
            ahead = max(ahead, self._compiling)  # the clones compile programs like those of the hosts
        if time.perf_counter() - self._begun + MARGIN + 1.5 * (ahead + 2 * self._expected()) < limit:
            return None
        return "time limit"

    def _keep(self, status: Status) -> None:
        """Write a checkpoint, and what has been measured, unless nothing happened since the last one."""
        rows = {"time": len(self._run.rows[HOSTS]), "lag": len(self._run.rows[CLONES])}
        if self._kept == self._place() and (self._live.begun or not any(rows.values())):
            return
        begun = time.perf_counter()
        about = self._earlier | {"run_seconds": self._run_seconds()}
        path = self._checkpoints.save(self._run.moment(copy=False), about)
        if any(rows.values()):
            self._live.update(self._dataset(status="running", progress=status.done / status.total), rows)
        self._kept, self._kept_at = self._place(), time.perf_counter()
        self._cost, self._size = self._kept_at - begun, self._run.size
        self._log_checkpoint(status, path)

    def _expected(self) -> float:
        """Seconds that a checkpoint would take now: as the last one, in proportion to what there is to write."""
        if not self._size:
            return USUAL_SECONDS + self._run.size / USUAL_SPEED
        return self._cost * max(1.0, self._run.size / self._size)

    def _place(self) -> tuple[int, ...]:
        """What a checkpoint made now would hold: sweeps done, times measured."""
        return (self._run.status.done, *(len(rows) for rows in self._run.rows.values()))

    def _log_checkpoint(self, status: Status, path: Path) -> None:
        now = time.perf_counter()
        if now - self._logged_at < LOGGED_EVERY:
            return
        self._logged_at = now
        sizes = {"bytes": path.stat().st_size, "checkpoint_seconds": round(self._cost, 4)}
        seconds = {"run_seconds": round(self._run_seconds(), 3)}
        self._folder.log("checkpoint", **_numbers(status), **sizes, **seconds)

    def _finished(self) -> xr.Dataset:
        status = self._run.status
        about = self._earlier | {"run_seconds": self._run_seconds()}
        self._checkpoints.save(self._run.moment(copy=False), about)
        ds = derive(self._dataset(status="complete", progress=1.0))
        live.replace(ds, self._folder.results)
        seal.put_on(self._folder.results)
        seconds = round(self._run_seconds(), 3)
        self._folder.log("complete", done=status.done, total=status.total, run_seconds=seconds)
        return ds

    def _dataset(self, **labels: Any) -> xr.Dataset:
        """What has been measured, with its provenance."""
        ds = dataset(self._run.job, self._run.records())
        made = self._earlier["made"]
        seconds = {"run_seconds": round(self._run_seconds(), 3), "resumed": self._earlier["resumed"]}
        finished = {"finished": datetime.now(UTC).isoformat(timespec="seconds")}
        run = run_config_attributes(self._folder.about["run"])
        return ds.assign_attrs(made, **finished, **run, **seconds, **labels)

    def _run_seconds(self) -> float:
        return self._earlier["run_seconds"] + time.perf_counter() - self._begun

    def _end(self, event: str, **fields: Any) -> None:
        """Say in log and results why the run ended here, if the disk still takes it; seal results that stay so."""
        with suppress(OSError):
            if self._live.begun:  # what another process left stays as it is
                live.label(self._folder.results, {"status": event, "reason": fields["reason"]})
                if event in SEALED:
                    seal.put_on(self._folder.results)
        with suppress(OSError):
            self._folder.log(event, run_seconds=round(self._run_seconds(), 3), **fields)


def _numbers(status: Status) -> dict[str, Any]:
    """A status as JSON values; None for what is not known yet or not finite."""
    values = asdict(status)
    return {name: None if isinstance(x, float) and not isfinite(x) else x for name, x in values.items()}


def run_config_attributes(run: dict[str, Any] | None) -> dict[str, str]:
    """Attributes of a result that hold the configuration which `glassnet run` takes; none if there is none."""
    return {} if run is None else {"run_config": json.dumps(run, indent=2), "run_config_hash": config_hash(run)}


def _both(first: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Provenance of a run that goes on: as at its start, all values where they differ."""
    several = {name: "; ".join(dict.fromkeys([*first[name].split("; "), now[name]])) for name in DIFFERING}
    return {**first, **several}
