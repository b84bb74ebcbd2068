"""Times of several pieces of work in turn, so that all of them see the same machine."""

import os
import platform
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROUNDS = 5
SHORTEST = 0.05
"""Aim for the seconds of one measurement."""

Sweep = Callable[[int], object]
"""Does so many sweeps."""


def best_seconds(parts: Mapping[str, Sweep], *, seconds: float, clock: Callable = time.process_time) -> dict:
    """Least time of one sweep of each part: all parts in turn, several rounds.

    The time is that of the processor, summed over threads: it is no shorter for being shared.

    Args:
        parts: name, and what does so many sweeps; what it has to compile is compiled.
        seconds: time for each part.
        clock: what tells the time.
    """
    best = dict.fromkeys(parts, float("inf"))
    for _ in range(ROUNDS):
        for name, sweep in parts.items():
            best[name] = min(best[name], _best_of_round(sweep, best[name], seconds / ROUNDS, clock))
    return best


def _best_of_round(sweep: Sweep, expected: float, seconds: float, clock: Callable) -> float:
    best, end = expected, time.perf_counter() + seconds
    while True:
        count = max(1, round(SHORTEST / best)) if best < float("inf") else 1
        begun = clock()
        sweep(count)
        best = min(best, (clock() - begun) / count)
        if time.perf_counter() > end:
            return best


def cores() -> list[int]:
    """The cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def processor() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


@contextmanager
def one_core() -> Generator[None]:
    """This thread, and those that it starts, stay on the last of its cores."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
