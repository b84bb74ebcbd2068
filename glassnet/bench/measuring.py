"""What a run in a folder costs beyond its sweeps: measurements, checkpoints, results, progress; and to compile it."""

import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from glassnet import tasks
from glassnet.bench.cases import BETA, Case
from glassnet.bench.program import Program
from glassnet.model.machine import Machine
from glassnet.simulation.protocol import Protocol
from glassnet.simulator import simulate

SIZES = ((10, 20, 200, 1000), (10, 20, 100, 80_000), (4, 64, 512, 10_000))
"""Depth, width, patterns, sweeps of the clone: the first run is short and shows what does not grow with length."""

TURNS = 2


def measuring_costs(sizes: Iterable[tuple[int, ...]] = SIZES) -> Iterator[dict[str, Any]]:
    """A row for each size: seconds of a run with five points a decade and of its sweeps alone, in turn."""
    for depth, width, patterns, sweeps in sizes:
        machine = Machine(depth, width, weights="gaussian")
        case = Case(f"L={depth} N={width} M={patterns}", 1, machine, patterns)
        yield _row(case, Protocol(sweeps=sweeps, waiting_times=(sweeps // 10,), clones=1, samples=1))


def _row(case: Case, protocol: Protocol) -> dict[str, Any]:
    total = protocol.last_host_sweep + protocol.clones * protocol.sweeps
    (whole, first), alone, program = _run(case, protocol), float("inf"), Program(case)
    second = float("inf")
    for _ in range(TURNS):
        begun = time.process_time()
        program.sweep(total)
        alone = min(alone, time.process_time() - begun)
        whole, second = map(min, _run(case, protocol), (whole, second))
    return {
        "case": case.name,
        "sweeps": total,
        "points": len(protocol.times) + len(protocol.lags),
        "run_s": whole,
        "sweeps_alone_s": alone,
        "beyond_s": whole - alone,
        "cost_beyond_sweeps": whole / alone - 1,
        "compile_s": max(first - second, 0.0),
    }


def _run(case: Case, protocol: Protocol) -> tuple[float, float]:
    """Processor seconds and seconds on the wall of a run in a folder that reports its progress."""
    task = tasks.random(case.machine, case.patterns)
    reports = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        begun, wall = time.process_time(), time.perf_counter()
        simulate(case.machine, task, BETA, protocol=protocol, folder=folder, report=reports.append)
        return time.process_time() - begun, time.perf_counter() - wall
