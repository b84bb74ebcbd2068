"""How much faster several replicas run on all cores than on one: each in a process of its own, timed on the wall.

As a program it prints the seconds of a sweep: python -m glassnet.bench.cores CORES R L N M SECONDS
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from glassnet.bench.cases import uniform
from glassnet.bench.timing import best_seconds, cores

SIZES = ((8, 4, 64, 512), (8, 10, 20, 200), (16, 10, 16, 512))
"""Replicas, depth, width, patterns."""

TURNS = 3


def core_rates(*, seconds: float) -> Iterator[dict[str, Any]]:
    """A row for each size: rates on one core and on all, in turn, and their ratio.

    `cores_had` is how many cores' worth of processor time the threads got in the best turn: other work on the
    machine makes it less than there are.
    """
    available = cores()
    for size in SIZES:
        best = dict.fromkeys((1, len(available)), (float("inf"), 0.0))
        for _ in range(TURNS):
            for count, least in best.items():
                best[count] = min(least, _child(available[-count:], size, seconds / TURNS))
        (one, _), (all_cores, had) = best[1], best[len(available)]
        case = uniform(*size)
        yield {
            "case": case.name,
            "cores": len(available),
            "one_core_per_s": case.work[0] / one,
            "all_cores_per_s": case.work[0] / all_cores,
            "speedup": one / all_cores,
            "cores_had": had,
        }


def _child(chosen: list[int], size: tuple[int, ...], seconds: float) -> tuple[float, float]:
    """What a process on the chosen cores prints."""
    command = [sys.executable, "-m", "glassnet.bench.cores", ",".join(map(str, chosen)), *map(str, (*size, seconds))]
    return tuple(json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout))


def main(chosen: str, *arguments: str) -> None:
    """Print the least seconds of one sweep of all replicas on the chosen cores, and how many of these it had."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core) for core in chosen.split(",")})
    *size, seconds = arguments
    from glassnet.bench.program import Program

    program = Program(uniform(*map(int, size)))
    program.sweep_on_all_cores(1)
    parts = {"package": program.sweep_on_all_cores}
    begun, used = time.perf_counter(), time.process_time()
    best = best_seconds(parts, seconds=float(seconds), clock=time.perf_counter)["package"]
    print(json.dumps([best, (time.process_time() - used) / (time.perf_counter() - begun)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
