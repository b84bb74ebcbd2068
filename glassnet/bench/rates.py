"""Rates of the sweeps on one core, beside the scan, a plainer machine or other programs, timed in turn."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from glassnet.bench.cases import Case, uniform
from glassnet.bench.program import Program
from glassnet.bench.timing import Sweep, best_seconds

Row = dict[str, Any]

Others = Mapping[str, Callable[[Case], Sweep | None]]
"""Other programs by name: what sweeps a case, None where it does not know the case."""

NONE: Others = MappingProxyType({})


def rates(cases: Iterable[Case], *, seconds: float, scan: bool = False, others: Others = NONE) -> Iterator[Row]:
    """A row for each case; that of `others` and of the scan are rows within the row, by name.

    Args:
        cases: what to time.
        seconds: time for each part of a row.
        scan: also time the sweeps in JAX alone, where native kernels run.
        others: other programs for the same machines.
    """
    for case in cases:
        yield _row(case, seconds, scan, others)


def _row(case: Case, seconds: float, scan: bool, others: Others) -> Row:
    program = Program(case)
    parts: dict[str, Sweep] = {"package": program.sweep}
    compared = {"package": case.work}
    for name, make in others.items():
        sweep = make(case)
        if sweep is not None:
            parts[name], compared[name] = sweep, case.work
    if case.reference:
        plain = Case("reference", case.replicas, case.reference, case.patterns)
        parts["reference"], compared["reference"] = Program(plain).sweep, plain.work
    if scan and program.placement.native:
        parts["scan"], compared["scan"] = Program(case, native=False).sweep, case.work
    best = best_seconds(parts, seconds=seconds, clock=_clock(program))
    found = {name: _rates(best[name], *compared[name]) for name in parts}
    row = _described(case, program) | found["package"] | {"sweep_ms": 1e3 * best["package"]}
    row |= {name: found[name] for name in parts if name != "package"}
    if case.reference:
        row["fraction_of_reference"] = row["element_updates_per_s"] / row["reference"]["element_updates_per_s"]
    return row | program.memory()


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
        "native": program.placement.native,
        "chunk": program.placement.chunk,
        "compile_s": program.compile_seconds,
    }


def _clock(program: Program):
    """Processor time on a CPU; accelerators work while the processor waits."""
    return time.process_time if program.placement.platform == "cpu" else time.perf_counter


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
