"""A run as a folder: configuration, data, results, checkpoints and a log."""

import json
import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from glassnet.core.check import fail
from glassnet.core.codec import config_hash
from glassnet.simulation.job import Job
from glassnet.store import sealed
from glassnet.store.checkpoints import Checkpoints
from glassnet.store.durable import remove_left_over, write_text
from glassnet.store.jobs import identity, job_about, job_arrays, job_from, protocol_from, warn_of_own_code
from glassnet.store.lock import held, locked

FORMAT = 1
"""Version of the layout of a folder."""

CONFIG, DATA, RESULTS, CHECKPOINTS, LOG, LOCK = (
    "config.json", "data.npz", "results.zarr", "checkpoints", "log.jsonl", ".lock",
)  # fmt: skip

ENDS = {"stopped": "stopped", "failed": "failed", "complete": "complete"}
"""Events after which nothing runs, and what a folder is then."""

BEGINNINGS = ("started", "resumed", "extended")


class RunFolder:
    """The folder of a run.

    Args:
        path: the folder, which must hold a run.
    Raises:
        FileNotFoundError: if it does not.
        ValueError: if its configuration is damaged or of another format.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        if not holds_run(self.path):
            raise FileNotFoundError(f"Argument `folder` must hold a run (a file {CONFIG}), but is {str(path)!r}.")
        self.about = _checked_about(self.path / CONFIG)

    @classmethod
    def create(cls, path: str | os.PathLike, job: Job, run: Mapping[str, Any] | None = None) -> "RunFolder":
        """Make a folder for a run that has not begun.

        Args:
            path: the folder; it must not exist yet, or be empty.
            job: the run.
            run: the configuration that `glassnet run` takes, as JSON values, or None.
        Raises:
            ValueError: if there is something in the folder, or the run could not be opened from it elsewhere.
            OSError: if it cannot be made.
        """
        job.system.check_storable(job.tasks)
        warn_of_own_code(job)
        path = free_folder(path)
        path.mkdir(exist_ok=True)
        with locked(path / LOCK):
            free_folder(path)  # another process may have come before
            about = about_run(job, run)
            sealed.write(path / DATA, job_arrays(job), {"identity": identity(about["job"]["config"])})
            _write_about(path, about)
        return cls(path)

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of the run, as in the attribute `config` of its results."""
        return self.about["job"]["config"]

    @property
    def results(self) -> Path:
        """The zarr store with the results."""
        return self.path / RESULTS

    @property
    def checkpoints(self) -> Checkpoints:
        """The checkpoints."""
        return Checkpoints(self.path / CHECKPOINTS, identity(self.config))

    def job(self) -> Job:
        """The run.

        Raises:
            ValueError: if the data are missing, damaged or of another run.
        """
        try:
            arrays, about = sealed.read(self.path / DATA)
        except (FileNotFoundError, sealed.DamagedError) as error:
            raise ValueError(f"Argument `folder` must hold whole data, but {self.path / DATA}: {error}") from error
        own = identity(self.config)
        if about.get("identity", own) != own:
            raise ValueError(f"Argument `folder` must hold its own data, but {self.path / DATA} is of another run.")
        about = self.about
        return job_from(about["job"], arrays, ladder=about["ladder"], keep=about["keep_configurations"])

    def extend(self, sweeps: int) -> None:
        """Let the clones run `sweeps` sweeps in all.

        Raises:
            ValueError: if that is less than they were to run before, or too many.
        """
        before = self.config["protocol"]["sweeps"]
        sweeps = protocol_from({**self.config["protocol"], "sweeps": sweeps}).sweeps
        if sweeps < before:
            raise fail("sweeps", f"be at least the {before} sweeps of the run in the folder", sweeps)
        if sweeps == before:
            return
        about = json.loads(json.dumps(self.about))
        for config in (about["job"]["config"], about["run"]):
            if config is not None:
                config["protocol"]["sweeps"] = sweeps
        self.log("extended", **{"from": before, "to": sweeps})  # first: a longer run must never pass for complete
        self.about = _write_about(self.path, about)

    def log(self, event: str, **fields: Any) -> None:
        """Add a line to the log."""
        made = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
        with (self.path / LOG).open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                file.write(b"" if file.read() == b"\n" else b"\n")  # the line before may be cut off
            file.write(json.dumps(made).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def lock(self) -> Generator[None]:
        """Keep other processes from working on this run.

        Raises:
            LockedError: if one does.
        """
        with locked(self.path / LOCK) as left:
            for folder, name in ((self.path, CONFIG), (self.path, DATA), (self.path / CHECKPOINTS, "*.npz")):
                remove_left_over(folder, name)
            if left is not None:
                self.log("took_over_lock", **left)
            yield


def about_run(job: Job, run: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a folder knows of its run beside the data, as JSON values."""
    options = {"ladder": job.ladder, "keep_configurations": job.keep_configurations, "run": run}
    return {"format": FORMAT, "job": job_about(job), **options}


def holds_run(path: str | os.PathLike) -> bool:
    """Whether there is a folder with a run."""
    return (Path(path) / CONFIG).is_file()


def free_folder(path: str | os.PathLike) -> Path:
    """The path of a folder that a run may be written to.

    Raises:
        ValueError: if there is something in it.
        FileNotFoundError: if the folder that it lies in does not exist.
        PermissionError: if that cannot be written to.
    """
    path = Path(path)
    if holds_run(path):
        raise fail("output", "not hold a run already (`glassnet resume` goes on with it)", str(path))
    if path.exists() and not path.is_dir():
        raise fail("output", "be a folder, or a file that ends in .nc", str(path))
    left_over = (DATA, LOCK)  # of a run that was killed while it was made
    if path.is_dir() and any(x.name not in left_over and not x.name.endswith(".part") for x in path.iterdir()):
        raise fail("output", "be an empty folder or not exist yet", str(path))
    if not path.is_dir() and not path.parent.is_dir():
        raise FileNotFoundError(f"Argument `output` must lie in an existing folder, but is {str(path)!r}.")
    place = path if path.is_dir() else path.parent
    if not os.access(place, os.W_OK):
        raise PermissionError(f"Argument `output` must lie in a folder that can be written to, but is {str(path)!r}.")
    return path


def remove_run(path: str | os.PathLike) -> None:
    """Remove all that is in the folder of a run; the folder stays, which may be a link or where a process works.

    Raises:
        ValueError: if it holds no run.
        LockedError: if a process works on it.
    """
    folder = RunFolder(path)
    with folder.lock():
        for inside in sorted(folder.path.iterdir(), key=lambda file: file.name == CONFIG):  # last: it can be done again
            if inside.is_dir() and not inside.is_symlink():
                shutil.rmtree(inside)
            elif inside.name != LOCK:
                inside.unlink()


def log(path: str | os.PathLike) -> list[dict[str, Any]]:
    """The events in the log of a run, oldest first; lines that are cut off are left out."""
    try:
        lines = (Path(path) / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    events = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        events += [event] if isinstance(event, dict) and "event" in event else []
    return events


def status(path: str | os.PathLike) -> str:
    """What state a run is in.

    Returns:
        "absent" (no run there), "running" (a process works on it), "complete", "stopped" (it left a checkpoint and
        waits to be resumed), "failed" (an error ended it) or "interrupted" (its process is gone without a word).
    """
    if not holds_run(path):
        return "absent"
    if held(Path(path) / LOCK) is not None:
        return "running"
    told = [event["event"] for event in log(path) if event["event"] in (*ENDS, *BEGINNINGS)]
    return ENDS.get(told[-1] if told else "", "interrupted")


def _write_about(path: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    about = {**about, "hash": config_hash(about["job"]["config"])}
    write_text(json.dumps(about, indent=1) + "\n", path / CONFIG)
    return about


def _checked_about(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        found, right = about["hash"], config_hash(about["job"]["config"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"Argument `folder` must hold a run, but {path} is damaged: {error!r}.") from error
    if about["format"] != FORMAT:
        raise ValueError(f"Argument `folder` must hold a run of format {FORMAT}, but {path} has {about['format']!r}.")
    if found != right:
        raise ValueError(f"Argument `folder` must hold a run, but {path} is damaged: its hash does not fit.")
    return about
