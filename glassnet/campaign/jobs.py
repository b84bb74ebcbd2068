"""Runs as jobs on a cluster, by submitit.

Each run is one job, so nothing has to stay alive while they wait and work. A job carries out the command of its run
and passes signals on to it. A run that has written a checkpoint because the time of its job is up is put into the
queue again by submitit and goes on there.
"""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from glassnet.campaign.cluster import CLUSTERS, FOLDER, ClusterOptions, engine
from glassnet.campaign.processes import Assignment, surroundings
from glassnet.campaign.state import PROMPT, command
from glassnet.core.codec import decoded
from glassnet.core.stopping import STOPPED
from glassnet.store.durable import write_text

RECORD = "jobs.json"
POLL = 2.0
"""Seconds between two looks at jobs."""


@dataclass(frozen=True)
class QueuedRun:
    """What a job does: start a run or go on with it.

    Args:
        task: the run.
        time_limit: seconds after which the run is to stop.
    """

    task: Assignment
    time_limit: float

    def __call__(self) -> int:
        """Carry out the command of the run; a job whose time is up asks to be queued again.

        Returns:
            Exit status of the command.
        Raises:
            RuntimeError: if it failed, so that the cluster lists the job as failed.
        """
        requeue = signal.getsignal(signal.SIGUSR2)
        arguments = command(self.task.folder, self.task.config_file, time_limit=self.time_limit)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # inherited: some clusters send it to all processes of a job
        with self.task.log_file.open("a", encoding="utf-8") as log:
            log.write(f"{PROMPT}{' '.join(arguments)}\n")
            log.flush()
            streams: dict[str, Any] = {"stdout": log, "stderr": subprocess.STDOUT}
            process = subprocess.Popen(arguments, **streams, env=surroundings(0, 1), start_new_session=True)
        seen: list[int] = []
        for number in (signal.SIGUSR2, signal.SIGTERM):
            signal.signal(number, partial(_stop, process, seen))
        status = process.wait()
        signal.signal(signal.SIGUSR2, requeue)
        stopped = status == STOPPED or (status == -signal.SIGTERM and bool(seen))
        if stopped and signal.SIGTERM not in seen:  # which would mean that somebody wants the job to end
            signal.raise_signal(signal.SIGUSR2)
        if status != 0 and not stopped:
            raise RuntimeError(f"{self.task.name} ended with status {status}, see {self.task.log_file}")
        return status

    def checkpoint(self) -> Any:
        """The job that is queued again: the same, since the run knows how far it is.

        A second request from the cluster would end the process before submitit has queued the job again.
        """
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        return import_module("submitit.helpers").DelayedSubmission(self)


def _stop(process: subprocess.Popen, seen: list[int], number: int, frame: FrameType | None) -> None:
    """Ask the run to write a checkpoint; note the signal in `seen`."""
    seen.append(number)
    process.send_signal(signal.SIGTERM)


def submitted(campaign_folder: Path) -> dict[str, dict[str, str]]:
    """The jobs that have been submitted, by name of the run: {"cluster": ..., "job": number}.

    Raises:
        ValueError: if the record is damaged.
    """
    file = campaign_folder / RECORD
    if not file.exists():
        return {}
    try:
        found = decoded(file.read_bytes())
        strange = [name for name, entry in found.items() if not _is_entry(entry)]
    except (ValueError, AttributeError) as error:
        raise ValueError(f"Argument `folder` must hold a whole {RECORD}, but {file} has an error: {error}.") from error
    if strange:
        raise ValueError(f"Argument `folder` must hold a whole {RECORD}, but {file} has no job for {strange[0]!r}.")
    return found


def _is_entry(entry: Any) -> bool:
    known = isinstance(entry, dict) and set(entry) == {"cluster", "job"} and entry["cluster"] in CLUSTERS
    return known and re.fullmatch(r"\w+", str(entry["job"])) is not None


def in_queue(campaign_folder: Path) -> dict[str, Any]:
    """The submitted jobs that wait or work, by name of the run.

    Raises:
        ValueError: if submitit is not installed.
    """
    jobs = {name: job(campaign_folder, **entry) for name, entry in submitted(campaign_folder).items()}
    return {name: job for name, job in jobs.items() if not job.done()}


def wait(jobs: Mapping[str, Any]) -> Iterator[str]:
    """Names of runs as their jobs end."""
    left = dict(jobs)
    while left:
        ended = [name for name, job in left.items() if job.done()]
        yield from ended
        left = {name: job for name, job in left.items() if name not in ended}
        if left:
            time.sleep(POLL)


def job(campaign_folder: Path, cluster: str, job: str) -> Any:
    """A submitted job as submitit knows it."""
    submitit = engine()
    kind = {"slurm": submitit.SlurmJob, "local": submitit.LocalJob}[cluster]
    return kind(campaign_folder / FOLDER, job)


def submit(
    submitter: Any, campaign_folder: Path, tasks: Sequence[Assignment], options: ClusterOptions
) -> dict[str, Any]:
    """Submit runs, on SLURM as one job array, and record their numbers.

    Args:
        submitter: what `executor` made.
        campaign_folder: folder of the campaign.
        tasks: the runs.
        options: options of the jobs.
    Returns:
        The submitit job of each run, by name.
    """
    with submitter.batch():
        jobs = [submitter.submit(QueuedRun(task, options.time_limit)) for task in tasks]
    named = {task.name: job for task, job in zip(tasks, jobs, strict=True)}
    entries = {name: {"cluster": submitter.cluster, "job": job.job_id} for name, job in named.items()}
    write_text(json.dumps(submitted(campaign_folder) | entries, indent=1) + "\n", campaign_folder / RECORD)
    return named
