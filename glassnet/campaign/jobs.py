"""Runs as jobs on a cluster, by submitit.

Each run is one job, so nothing has to stay alive while they wait and work. A job carries out the command of its run
and passes signals on to it. A run that has written a checkpoint because the time of its job is up is put into the
queue again by submitit and goes on there.
"""

import json
import signal
import subprocess
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from glassnet.campaign.processes import Task
from glassnet.campaign.runs import command
from glassnet.core.check import fail, integer, one_of
from glassnet.core.stopping import STOPPED
from glassnet.store.durable import write_text

CLUSTERS = ("slurm", "local")
FOLDER, RECORD = "jobs", "jobs.json"
POLL = 2.0
"""Seconds between two looks at jobs."""

REQUEUES = 100
"""How often the time of a job may run out, if not said otherwise."""

MARGIN = 2.0
"""A run stops by itself so many signal delays before the end of its job: earlier than the cluster asks it to."""

RESERVED = ("nodes", "tasks_per_node", "slurm_ntasks_per_node", "slurm_nodes", "slurm_time", "slurm_signal_delay_s")
"""Options that are not free: a run is one process, and its time limit follows from `timeout_min`."""


@dataclass(frozen=True)
class Options:
    """The table [cluster] of a campaign file.

    Args:
        timeout_min: minutes that a job may take; a run that needs longer is queued again, and goes on.
        signal_delay_s: seconds before the end of a job at which the cluster asks it to stop, enough for a checkpoint.
        requeues: how often a job may be queued again.
        others: other parameters of submitit's `AutoExecutor.update_parameters`: mem_gb, cpus_per_task, gpus_per_node,
            slurm_partition, slurm_account, slurm_array_parallelism, slurm_setup, ...
    Raises:
        ValueError: if an argument is out of range, or a parameter is one of `RESERVED`.
    """

    timeout_min: int
    signal_delay_s: int
    requeues: int
    others: dict[str, Any]

    def __post_init__(self) -> None:
        integer(1, **{"cluster.timeout_min": self.timeout_min, "cluster.signal_delay_s": self.signal_delay_s})
        integer(0, **{"cluster.requeues": self.requeues})
        if self.time_limit <= 0:
            least = MARGIN * self.signal_delay_s / 60
            raise fail("cluster.timeout_min", f"be more than {least:g}, twice signal_delay_s", self.timeout_min)
        for name in RESERVED:
            if name in self.others:
                raise fail(f"cluster.{name}", "not be given", self.others[name])

    @property
    def time_limit(self) -> float:
        """Seconds after which a run is to stop by itself."""
        return 60 * self.timeout_min - MARGIN * self.signal_delay_s


def read_options(table: dict[str, Any]) -> Options:
    """The options in a table [cluster].

    Raises:
        ValueError: as `Options`, or if `timeout_min` is missing.
    """
    if "timeout_min" not in table:
        raise ValueError("Argument `cluster.timeout_min` must be given, but is missing.")
    own = {"signal_delay_s": 120, "requeues": REQUEUES} | table
    named = {name: own.pop(name) for name in ("timeout_min", "signal_delay_s", "requeues")}
    return Options(**named, others=own)


@dataclass(frozen=True)
class Job:
    """What a job does: start a run or go on with it.

    Args:
        task: the run.
        time_limit: seconds after which the run is to stop.
    """

    task: Task
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
            process = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
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


def executor(campaign_folder: Path, cluster: str, options: Options) -> Any:
    """A submitit executor for the jobs of a campaign; makes no files.

    Raises:
        ValueError: if submitit is not installed, the cluster is not there, or it does not know a parameter.
    """
    one_of(CLUSTERS, cluster=cluster)
    submitit = _submitit()
    given = {"timeout_min": options.timeout_min, "name": "glassnet", **options.others}
    if cluster == "slurm":
        more = {"requeue": True, **given.get("slurm_additional_parameters", {})}
        given |= {"slurm_signal_delay_s": options.signal_delay_s, "slurm_additional_parameters": more}
    requeues = {f"{cluster}_max_num_timeout": options.requeues}
    try:
        with warnings.catch_warnings(action="error"):
            made = submitit.AutoExecutor(campaign_folder / FOLDER, cluster=cluster, **requeues)
            made.update_parameters(**given)
    except (NameError, AssertionError, RuntimeError, TypeError, ValueError, Warning) as error:
        raise ValueError(f"Argument `cluster` must suit submitit, but: {error}") from error
    return made


def submitted(campaign_folder: Path) -> dict[str, dict[str, str]]:
    """The jobs that have been submitted, by name of the run: {"cluster": ..., "job": number}."""
    file = campaign_folder / RECORD
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


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
    submitit = _submitit()
    kind = {"slurm": submitit.SlurmJob, "local": submitit.LocalJob}[cluster]
    return kind(campaign_folder / FOLDER, job)


def submit(submitter: Any, campaign_folder: Path, tasks: Sequence[Task], options: Options) -> dict[str, Any]:
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
        jobs = [submitter.submit(Job(task, options.time_limit)) for task in tasks]
    named = {task.name: job for task, job in zip(tasks, jobs, strict=True)}
    entries = {name: {"cluster": submitter.cluster, "job": job.job_id} for name, job in named.items()}
    write_text(json.dumps(submitted(campaign_folder) | entries, indent=1) + "\n", campaign_folder / RECORD)
    return named


def _submitit() -> Any:
    try:
        return import_module("submitit")
    except ImportError:
        message = "Jobs on a cluster need submitit, which is not installed: pip install 'glassnet[cluster]'."
        raise ValueError(message) from None
