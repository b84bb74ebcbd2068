"""A run as a folder: configuration, data, results, checkpoints and a log."""

import json
import os
import shutil
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xarray as xr

from glassnet.core.check import fail, is_number
from glassnet.core.codec import config_hash, decoded
from glassnet.perceptron.describe import renewed
from glassnet.simulation.job import Job
from glassnet.store import live, seal, sealed
from glassnet.store.checkpoints import Checkpoints
from glassnet.store.durable import remove_left_over, write_text
from glassnet.store.jobs import identity, job_about, job_arrays, job_from, protocol_from, warn_of_own_code
from glassnet.store.lock import held, locked

FORMAT = 2
"""Version of the layout of a folder. Those of format 1 (glassnet 0.1) have neither the SHA-256 of their whole
configuration nor seals on results, and are opened and gone on with as they are."""

FORMATS = (1, FORMAT)
"""Versions that are read."""

CONFIG, DATA, RESULTS, CHECKPOINTS, LOG, LOCK = (
    "config.json", "data.npz", "results.zarr", "checkpoints", "log.jsonl", ".lock",
)  # fmt: skip

ENDS = {"stopped": "stopped", "failed": "failed", "complete": "complete"}
"""Events after which nothing runs, and what a folder is then."""

BEGINNINGS = ("started", "resumed", "extended")

SEALED = ("complete", "stopped")
"""States in which results have a seal."""


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

    def result(self, variables: Collection[str] | None = None) -> xr.Dataset:
        """What has been measured, every byte checked if nothing works on the run.

        Args:
            variables: names of the variables that are wanted; all if None.
        Returns:
            The Dataset as the run wrote it; its attribute `status` is that of the run now.
        Raises:
            FileNotFoundError: if there is nothing yet.
            ValueError: if it is damaged or of another run.
        """
        states: list[str] = []

        def sealed() -> bool:
            states.append(status(self.path))
            return states[-1] in SEALED and self.about["format"] > 1

        ds = live.read(self.results, variables, sealed=sealed)
        own, part = self.about["job"], ds.attrs.get("part")
        try:
            found = identity(renewed(decoded(ds.attrs["config"])))
        except (KeyError, TypeError, ValueError) as error:
            raise self._not_whole("has no whole attribute `config`") from error
        asked = identity(renewed(own["config"])), (own["part"] or [None])[0], self.about["ladder"]
        if (found, part, "temperature" in ds.dims) != asked:
            raise self._not_whole("is of another run")
        return ds.assign_attrs(status=states[-1])

    def _not_whole(self, what: str) -> ValueError:
        message = f"hold whole results of its run, but {self.results} {what}; resuming the run mends it"
        return ValueError(f"Argument `path` must {message}.")

    def job(self, sweeps: int | None = None) -> Job:
        """The run, with so many sweeps of the clones if asked for.

        Raises:
            ValueError: if the data are missing, damaged or of another run, or as `longer`.
        """
        about = self.longer(sweeps)
        try:
            arrays, of_data = sealed.read(self.path / DATA)
        except (FileNotFoundError, sealed.DamagedError) as error:
            raise ValueError(f"Argument `folder` must hold whole data, but {self.path / DATA}: {error}") from error
        own = identity(self.config)
        if of_data.get("identity", own) != own:
            raise ValueError(f"Argument `folder` must hold its own data, but {self.path / DATA} is of another run.")
        job = job_from(about["job"], arrays, ladder=about["ladder"], keep=about["keep_configurations"])
        if [task.digest for task in job.tasks] != self.config["data_sha256"]:
            raise ValueError(f"Argument `folder` must hold its own data, but {self.path / DATA} has others.")
        return job

    def longer(self, sweeps: int | None) -> dict[str, Any]:
        """What the folder would know of the run with so many sweeps of the clones; as it is if None. Writes nothing.

        Raises:
            ValueError: if that is less than they were to run before, or too many.
        """
        before = self.config["protocol"]["sweeps"]
        if sweeps is None or sweeps == before:
            return self.about
        sweeps = protocol_from({**self.config["protocol"], "sweeps": sweeps}).sweeps
        if sweeps < before:
            raise fail("sweeps", f"be at least the {before} sweeps of the run in the folder", sweeps)
        about = json.loads(json.dumps(self.about))
        for config in (about["job"]["config"], about["run"]):
            if config is not None:
                config["protocol"]["sweeps"] = int(sweeps)
        return about

    def extend(self, sweeps: int | None) -> None:
        """Let the clones run `sweeps` sweeps in all.

        Raises:
            ValueError: as `longer`.
        """
        about, before = self.longer(sweeps), self.config["protocol"]["sweeps"]
        if about is self.about:
            return
        after = about["job"]["config"]["protocol"]["sweeps"]
        self.log("extended", **{"from": before, "to": after})  # first: a longer run must never pass for complete
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
            for name in (CONFIG, DATA, seal.path_of(self.results).name):
                remove_left_over(self.path, name)
            remove_left_over(self.path / CHECKPOINTS, "*.npz")
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
        ValueError: if there is something in it, or it lies in the folder of another run.
        FileNotFoundError: if the folder that it lies in does not exist.
        PermissionError: if that cannot be written to.
    """
    path = Path(path)
    if holds_run(path):
        raise fail("output", "not hold a run already (`glassnet resume` goes on with it)", str(path))
    if any(map(holds_run, path.absolute().parents)):
        raise fail("output", "not lie in the folder of another run", str(path))
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
    """The events in the log of a run, oldest first; lines that are cut off or otherwise damaged are left out."""
    try:
        lines = (Path(path) / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    events = []
    for line in lines:
        try:
            event = decoded(line)
        except ValueError:
            continue
        events += [event] if _whole(event) else []
    return events


def _whole(event: Any) -> bool:
    """Whether this is what `RunFolder.log` writes."""
    if not isinstance(event, dict) or not isinstance(event.get("event"), str) or not isinstance(event.get("time"), str):
        return False
    numbers = [event.get(name) for name in ("done", "total", "run_seconds")] if "done" in event else []
    return all(is_number(x) and x >= 0 for x in numbers) and event.get("total") != 0


def status(path: str | os.PathLike) -> str:
    """What state a run is in.

    Returns:
        "absent" (no run there), "running" (a process works on it), "complete", "stopped" (it left a checkpoint and
        waits to be resumed), "failed" (an error ended it) or "interrupted" (its process is gone without a word, or its
        log says complete and its results do not).
    """
    if not holds_run(path):
        return "absent"
    if held(Path(path) / LOCK) is not None:
        return "running"
    told = [event["event"] for event in log(path) if event["event"] in (*ENDS, *BEGINNINGS)]
    state = ENDS.get(told[-1] if told else "", "interrupted")
    if state != "complete":
        return state
    try:
        asked = decoded((Path(path) / CONFIG).read_bytes())["job"]["config"]
        results = live.attributes(Path(path) / RESULTS)
        done = decoded(results["config"])
    except (OSError, ValueError, KeyError, TypeError):
        return "interrupted"
    return "complete" if results.get("status") == "complete" and renewed(done) == renewed(asked) else "interrupted"


def _write_about(path: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    about = {name: value for name, value in about.items() if name != "sha256"}
    about |= {"format": FORMAT, "hash": config_hash(about["job"]["config"])}
    about["sha256"] = config_hash(about)
    write_text(json.dumps(about, indent=1) + "\n", path / CONFIG)
    return about


def _checked_about(path: Path) -> dict[str, Any]:
    try:
        about = decoded(path.read_bytes())
        version, found, right = about["format"], about["hash"], config_hash(about["job"]["config"])
        rest = {name: value for name, value in about.items() if name != "sha256"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"Argument `folder` must hold a run, but {path} is damaged: {error!r}.") from error
    if version not in FORMATS:
        words = " or ".join(map(str, FORMATS))
        raise ValueError(f"Argument `folder` must hold a run of format {words}, but {path} has {version!r}.")
    if found != right or (version > 1 and about.get("sha256") != config_hash(rest)):
        raise ValueError(f"Argument `folder` must hold a run, but {path} is damaged: its hash does not fit.")
    return about
