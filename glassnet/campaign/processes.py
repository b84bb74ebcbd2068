"""Runs as processes on this machine, some side by side."""

import os
import signal
import site
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import glassnet
from glassnet.campaign.state import PROMPT, command
from glassnet.core.stopping import STOPPED

T = TypeVar("T")

POLL = 0.1
"""Seconds between two looks at the processes."""


@dataclass(frozen=True)
class Assignment:
    """A run to be carried out: its name, its folder, its configuration, where its output goes."""

    name: str
    folder: Path
    config_file: Path
    log_file: Path


@dataclass(frozen=True)
class Outcome:
    """How the command of a run ended: exit status (minus the signal that ended it), seconds it took."""

    task: Assignment
    status: int
    seconds: float

    @property
    def words(self) -> str:
        """The exit status in words."""
        if self.status < 0:
            return f"killed by {signal.Signals(-self.status).name}"
        return {0: "complete", STOPPED: "stopped"}.get(self.status, f"failed with status {self.status}")


@dataclass
class Child:
    """A process at work: the run, its place among those side by side, when it began."""

    task: Assignment
    place: int
    process: subprocess.Popen
    begun: float = field(default_factory=time.monotonic)

    def outcome(self) -> Outcome:
        """How it ended."""
        return Outcome(self.task, self.process.wait(), time.monotonic() - self.begun)


@dataclass
class Stop:
    """Whether the runs are to stop.

    Args:
        told: called at the first signal.
        signals: how many signals have asked for it.
    """

    told: Callable[[], None] = lambda: None
    signals: int = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Count a signal."""
        self.signals += 1
        if self.signals == 1:
            self.told()


@contextmanager
def stop_on_signals(told: Callable[[], None] = lambda: None) -> Generator[Stop]:
    """Count SIGINT, SIGTERM and SIGHUP, unless ignored, instead of dying of them; `told` is called at the first."""
    stop = Stop(told)
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    former = {n: signal.getsignal(n) for n in numbers if signal.getsignal(n) not in (None, signal.SIG_IGN)}
    for number in former:
        signal.signal(number, stop)
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def carry_out(
    tasks: Sequence[Assignment],
    *,
    jobs: int,
    deadline: float | None,
    stop: Stop,
    report: Callable[[Outcome], None],
) -> list[Outcome]:
    """Carry out runs, at most `jobs` side by side, each on its share of the cores.

    Args:
        tasks: the runs, in order.
        jobs: number of processes.
        deadline: value of `time.monotonic` after which no run starts; each run gets what is left as its limit.
        stop: at the first signal no run starts any more and those at work are asked to write a checkpoint.
        report: called with each outcome.
    Returns:
        The outcomes of the runs that were started.
    Raises:
        KeyboardInterrupt: at the second signal, when the processes have been killed.
    """
    waiting, working, ended = list(tasks), [], []
    asked = False
    try:
        while working or (waiting and not _over(stop, deadline)):
            while waiting and len(working) < jobs and not _over(stop, deadline):
                working.append(start(waiting.pop(0), _free(working), jobs, deadline))
            if stop.signals and not asked:
                asked = True
                for child in working:
                    child.process.terminate()
            if stop.signals > 1:
                raise KeyboardInterrupt
            time.sleep(POLL)
            for child in [c for c in working if c.process.poll() is not None]:
                working.remove(child)
                ended.append(child.outcome())
                report(ended[-1])
    finally:
        for child in working:
            child.process.kill()
            child.process.wait()
    return ended


def start(task: Assignment, place: int, jobs: int, deadline: float | None) -> Child:
    """Start the command of a run, in a process group of its own, so that a Ctrl-C reaches it through us alone."""
    limit = None if deadline is None else deadline - time.monotonic()
    arguments = command(task.folder, task.config_file, time_limit=limit)
    with task.log_file.open("a", encoding="utf-8") as log:
        log.write(f"{PROMPT}{' '.join(arguments)}\n")
        log.flush()
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(arguments, **streams, env=surroundings(place, jobs), start_new_session=True)
    if jobs > 1 and hasattr(os, "sched_setaffinity"):
        with suppress(ProcessLookupError):  # it may have ended already
            os.sched_setaffinity(process.pid, share(sorted(os.sched_getaffinity(0)), place, jobs))
    return Child(task, place, process)


def surroundings(place: int, jobs: int) -> dict[str, str]:
    """Environment of one of `jobs` processes side by side, with its share of the GPUs in CUDA_VISIBLE_DEVICES.

    It imports the very glassnet of this process, also one that is not installed.
    """
    found = dict(os.environ)
    if ROOT not in map(os.path.abspath, [*site.getsitepackages(), site.getusersitepackages()]):
        found["PYTHONPATH"] = os.pathsep.join([ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])
    devices = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if len(devices) >= 2:
        found["CUDA_VISIBLE_DEVICES"] = ",".join(share(devices, place, jobs))
    return found


ROOT = str(Path(glassnet.__file__).resolve().parents[1])
"""The folder from which this glassnet is imported."""


def share(things: Sequence[T], place: int, jobs: int) -> list[T]:
    """The cores or devices of one of `jobs` processes side by side: equal shares, or one of all in turn."""
    if jobs >= len(things):
        return [things[place % len(things)]]
    return list(things[place * len(things) // jobs : (place + 1) * len(things) // jobs])


def _over(stop: Stop, deadline: float | None) -> bool:
    return stop.signals > 0 or (deadline is not None and time.monotonic() >= deadline)


def _free(working: Sequence[Child]) -> int:
    """The first place that no process has."""
    taken = {child.place for child in working}
    return next(place for place in range(len(working) + 1) if place not in taken)
