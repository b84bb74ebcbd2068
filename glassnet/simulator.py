"""The main entry: simulate a machine under the constraints of a task."""

import math
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jax
import xarray as xr

from glassnet import runs
from glassnet.analysis import derive
from glassnet.core import compile_cache
from glassnet.core.check import fail, is_number
from glassnet.core.schedule import Schedule
from glassnet.perceptron.machine import Machine
from glassnet.runs import Limits
from glassnet.simulation.follow import Report
from glassnet.simulation.job import Configuration, Job
from glassnet.simulation.protocol import Protocol
from glassnet.simulation.run import run
from glassnet.simulation.share import share
from glassnet.store.dataset import dataset
from glassnet.store.provenance import provenance
from glassnet.tasks import Task

Beta = float | Schedule | Sequence[float | Schedule]


def simulate(
    machine: Machine,
    task: Task | Sequence[Task],
    beta: Beta | None = None,
    *,
    protocol: Protocol | None = None,
    dynamics: str = "metropolis",
    weight_step: float = 0.1,
    seed: int = 0,
    start: str | Configuration = "random",
    keep_configurations: bool = False,
    part: tuple[int, int] | None = None,
    folder: str | os.PathLike | None = None,
    time_limit: float | None = None,
    checkpoint_every: float | None = None,
    report: Report | None = None,
) -> xr.Dataset:
    """Let weights and hidden neurons of a machine move under the constraints of its data, and measure.

    Samples exp(-beta H) times the prior of the weights by Monte Carlo [Yoshino 2020, 2023].

    Args:
        machine: the machine.
        task: its data, the same for all samples, or one task for each sample.
        beta: inverse temperature: a number (inf for zero temperature), a `Schedule`, or a list of these, which
            adds a dim `temperature`. May be left out for a hard core, where it has no effect.
        protocol: samples, waiting times, clones and lags; `Protocol()` if None.
        dynamics: "metropolis", "heat_bath" (spins and Ising weights by heat bath, other weights by Metropolis) or
            "feedforward" (weights alone move, neurons follow, only the outputs cost energy). Metropolis offers flips
            in a fixed order: at beta = 0, where every flip is accepted, spins and Ising weights just alternate, and at
            beta = inf their clones need not part; the heat bath has neither trait.
        weight_step: size d of a weight move (no effect on Ising weights).
        seed: root of all random numbers of the dynamics and of random starts.
        start: "random" (infinite temperature), "planted" (the teacher's configuration) or weights and spins as
            `gn.configuration` returns them; boundary layers always take the task's data.
        keep_configurations: add the last configurations of all clones to the result.
        part: (number from 0, number of parts): run only this share of the samples and temperatures. Taken from the
            group of processes, if `gn.distributed.initialize` was called; (0, 1), the whole run, otherwise. Joined,
            the parts are bit for bit the whole: `gn.save` each under one path, and `gn.open` that path.
        folder: run in this folder, with checkpoints on the way; made if it does not exist. Where it holds this very
            run, go on with it, or return its result if it is complete; `protocol.sweeps` may then be larger than
            before. A SIGTERM or SIGINT stops the run after the block of sweeps under way (aim: 1 s), see `Stopped`.
        time_limit: seconds from now after which a run in a folder has stopped, with a checkpoint; None for no limit.
        checkpoint_every: seconds between checkpoints in the folder; as many as take 2 % of the time if None.
        report: called with a status after every block of sweeps.
    Returns:
        Dataset with the variables of `glassnet.store.schema`, whole config and provenance in its attributes. A part
        has its own samples and temperatures as coordinates, `part` and `parts` as attributes, and keeps its last
        configurations; what compares samples is over its own samples until parts are joined.
    Raises:
        ValueError: if an argument is out of range, before anything is compiled.
        ValueError: if the folder holds a run that differs; the message shows in what.
        LockedError: an OSError, if another process works on the folder.
        FloatingPointError: if the configuration stops being finite.
        Stopped: a SystemExit of status 75, if a signal or the time limit stopped the run; the same call goes on.
    """
    job, ladder = prepared(
        machine, task, beta,
        protocol=protocol, dynamics=dynamics, weight_step=weight_step, seed=seed, start=start, part=part,
    )  # fmt: skip
    limits = Limits(time_limit, checkpoint_every)
    if folder is not None:
        options = {"ladder": ladder, "keep_configurations": keep_configurations, "run": None}
        return runs.start(folder, job, options, limits, report)
    if limits != Limits():
        raise fail("folder", "be given with `time_limit` or `checkpoint_every`", folder)
    compile_cache.guard()
    made = provenance()
    begun = time.perf_counter()
    records = run(job, report)
    ds = derive(dataset(job, records, ladder=ladder, keep_configurations=keep_configurations))
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    seconds = round(time.perf_counter() - begun, 3)
    return ds.assign_attrs(made, finished=finished, run_seconds=seconds, status="complete")


def prepared(
    machine: Machine,
    task: Task | Sequence[Task],
    beta: Beta | None = None,
    *,
    protocol: Protocol | None = None,
    dynamics: str = "metropolis",
    weight_step: float = 0.1,
    seed: int = 0,
    start: str | Configuration = "random",
    part: tuple[int, int] | None = None,
) -> tuple[Job, bool]:
    """The job that the arguments of `simulate` describe, and whether its result has a dim `temperature`.

    Raises:
        ValueError: if an argument is out of range.
    """
    tasks = _tasks(task)
    ladder, schedules = _schedules(machine, beta)
    protocol = Protocol() if protocol is None else protocol
    if not isinstance(protocol, Protocol):
        raise fail("protocol", "be a Protocol", protocol)
    job = Job(machine, tasks, schedules, protocol, dynamics, weight_step, seed, start)
    return _shared(job, part), ladder


def _shared(job: Job, part: tuple[int, int] | None) -> Job:
    """The job, or the share of it that is meant or that falls to this process."""
    if part is None:
        part = jax.process_index(), jax.process_count()
    if not isinstance(part, (tuple, list)) or len(part) != 2:
        raise fail("part", "be a pair of numbers, (part, parts)", part)
    mine = share(*part, job.protocol.samples, len(job.schedules))
    return job if mine.parts == 1 else replace(job, share=mine)


def _tasks(task: Any) -> tuple[Task, ...]:
    tasks = tuple(task) if isinstance(task, (list, tuple)) else (task,)
    for one in tasks:
        if not isinstance(one, Task):
            raise fail("task", "be a Task or a list of Tasks", one)
    if not tasks:
        raise fail("task", "hold at least one Task", task)
    return tasks


def _schedules(machine: Machine, beta: Any) -> tuple[bool, tuple[Schedule, ...]]:
    """Whether there is a temperature axis, and the schedules along it."""
    if beta is None:
        if not machine.potential.hard:
            raise fail("beta", "be given unless the potential is a hard core", beta)
        beta = math.inf
    ladder = not (is_number(beta) or isinstance(beta, Schedule))
    rungs: Any = beta if ladder else [beta]
    if isinstance(rungs, str) or not hasattr(rungs, "__len__") or not len(rungs):
        raise fail("beta", "be a number, a Schedule or a list of these", beta)
    return ladder, tuple(b if isinstance(b, Schedule) else Schedule.quench(b) for b in rungs)
