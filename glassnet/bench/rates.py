"""Rates of the sweeps on one core, beside the yardstick or a plainer machine, timed in turn."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

from glassnet.bench.cases import BETA, WEIGHT_STEP, Case, uniform
from glassnet.bench.program import Program
from glassnet.bench.timing import Sweep, best_seconds
from glassnet.bench.yardstick import Yardstick, known

Row = dict[str, Any]


def rates(cases: Iterable[Case], *, seconds: float, scan: bool = False) -> Iterator[Row]:
    """A row for each case.

    Args:
        cases: what to time.
        seconds: time for each part of a row.
        scan: also time the sweeps in JAX alone, where native kernels run.
    """
    for case in cases:
        yield _row(case, seconds, scan)


def _row(case: Case, seconds: float, scan: bool) -> Row:
    program = Program(case)
    parts: dict[str, Sweep] = {"package": program.sweep}
    compared = {"package": case.work}
    yardstick = None if case.reference else _yardstick(case)
    if yardstick is not None:
        parts["yardstick"], compared["yardstick"] = yardstick.sweep, case.work
    if case.reference:
        plain = Case("reference", case.replicas, case.reference, case.patterns)
        parts["reference"], compared["reference"] = Program(plain).sweep, plain.work
    if scan and program.lanes.native:
        parts["scan"], compared["scan"] = Program(case, native=False).sweep, case.work
    best = best_seconds(parts, seconds=seconds, clock=_clock(program))
    found = {name: _rates(best[name], *compared[name]) for name in parts}
    row = _described(case, program) | found["package"] | {"sweep_ms": 1e3 * best["package"]}
    row |= {name: found[name] for name in parts if name != "package"}
    return row | _ratios(found) | program.memory()


def _ratios(found: dict[str, Row]) -> Row:
    """Rates over that of the yardstick; rate per gap touched over that of the reference."""
    ratios, sites, elements = {}, "site_updates_per_s", "element_updates_per_s"
    if "yardstick" in found:
        limit = found["yardstick"][sites]
        ratios["fraction_of_limit"] = found["package"][sites] / limit
        ratios |= {"scan_fraction_of_limit": found["scan"][sites] / limit} if "scan" in found else {}
    if "reference" in found:
        ratios["fraction_of_reference"] = found["package"][elements] / found["reference"][elements]
    return ratios


def _rates(seconds: float, sites: int, elements: int) -> Row:
    return {"site_updates_per_s": sites / seconds, "element_updates_per_s": elements / seconds}


def _described(case: Case, program: Program) -> Row:
    machine = case.machine
    return {
        "case": case.name,
        "replicas": case.replicas,
        "widths": list(machine.widths),
        "patterns": case.patterns,
        "weights": machine.ensemble,
        "connectivity": machine.connectivity,
        "dynamics": case.dynamics,
        "native": program.lanes.native,
        "chunk": program.lanes.chunk,
        "compile_s": program.compile_seconds,
    }


def _yardstick(case: Case) -> Yardstick | None:
    """The yardstick at the size of a uniform case, if it knows that."""
    size = case.machine.depth, case.machine.width, case.patterns
    return Yardstick(case.replicas, *size, beta=BETA, weight_step=WEIGHT_STEP) if known(*size) else None


def _clock(program: Program):
    """Processor time on a CPU; accelerators work while the processor waits."""
    return time.process_time if program.lanes.platform == "cpu" else time.perf_counter


GROWTH = {
    "R": ((4, 32, 256), (1, 2, 4, 8, 16, 32)),
    "L": ((1, 64, 512), (4, 8, 16, 32)),
    "N": ((1, 4, 512), (32, 64, 128, 256)),
    "M": ((1, 4, 64), (256, 512, 1024, 2048, 4096)),
}
"""Axis: the other sizes in the order R, L, N, M, and the values along it."""


def growth(*, seconds: float) -> Iterator[Row]:
    """Seconds of a sweep of all replicas along each axis R, L, N, M, and the gaps that it touches."""
    for place, (axis, (others, values)) in enumerate(GROWTH.items()):
        for value in values:
            case = uniform(*others[:place], value, *others[place:])
            program = Program(case)
            best = best_seconds({"package": program.sweep}, seconds=seconds, clock=_clock(program))["package"]
            size = dict(zip("RLNM", (*others[:place], value, *others[place:]), strict=True))
            yield {"axis": axis, **size, "sweep_seconds": best, "element_updates": case.work[1]}
