"""What a run in a folder costs beyond its sweeps: measurements, checkpoints, results, progress; and to compile it."""

import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from glassnet import tasks
from glassnet.bench.cases import BETA
from glassnet.perceptron.machine import Machine
from glassnet.simulation.phase import Phase
from glassnet.simulation.protocol import Protocol
from glassnet.simulator import simulate

SIZES = ((10, 20, 200, 1000), (10, 20, 100, 80_000), (4, 64, 512, 10_000))
"""Depth, width, patterns, sweeps of the clone: the first run is short and shows what does not grow with length."""

TURNS = 2


@dataclass(frozen=True)
class Seconds:
    """Processor seconds of a run and of the calls for its sweeps, and seconds of the run on the wall."""

    whole: float
    sweeps: float
    wall: float


def measuring_costs(sizes: Iterable[tuple[int, ...]] = SIZES) -> Iterator[dict[str, Any]]:
    """A row for each size: processor seconds of a run with five points a decade, and of its sweeps.

    Both are of the same run: on a shared machine two runs differ by as much as is looked for here. Of several turns
    the one with the least cost counts; the first, which compiles, does not.
    """
    for depth, width, patterns, sweeps in sizes:
        machine = Machine(depth, width, ensemble="gaussian")
        protocol = Protocol(sweeps=sweeps, waiting_times=(sweeps // 10,), clones=1, samples=1)
        first, *turns = [_run(machine, patterns, protocol) for _ in range(1 + TURNS)]
        best = min(turns, key=lambda turn: turn.whole / turn.sweeps)
        yield {
            "case": f"L={depth} N={width} M={patterns}",
            "sweeps": protocol.last_host_sweep + protocol.clones * protocol.sweeps,
            "points": len(protocol.times) + len(protocol.lags),
            "run_s": best.whole,
            "sweeps_s": best.sweeps,
            "beyond_s": best.whole - best.sweeps,
            "cost_beyond_sweeps": best.whole / best.sweeps - 1,
            "compile_s": max(first.wall - best.wall, 0.0),
        }


def _run(machine: Machine, patterns: int, protocol: Protocol) -> Seconds:
    """A run in a folder that reports its progress."""
    task, reports = tasks.random(machine, patterns), []
    with tempfile.TemporaryDirectory() as place, _counted(Phase, "advanced") as spent:
        begun, wall = time.process_time(), time.perf_counter()
        simulate(machine, task, BETA, protocol=protocol, folder=Path(place) / "run", report=reports.append)
        return Seconds(time.process_time() - begun, sum(spent), time.perf_counter() - wall)


@contextmanager
def _counted(owner: type, name: str) -> Generator[list[float]]:
    """Collect the processor seconds of each call of a method."""
    method: Callable = getattr(owner, name)
    spent = []

    def timed(*arguments: Any) -> Any:
        begun = time.process_time()
        try:
            return method(*arguments)
        finally:
            spent.append(time.process_time() - begun)

    with patch.object(owner, name, timed):
        yield spent
