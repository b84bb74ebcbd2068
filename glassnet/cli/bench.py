"""glassnet bench: how fast the sweeps are on this machine."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from glassnet.bench.cases import shapes, sizes
from glassnet.bench.table import LEGEND
from glassnet.cli.parse import parse
from glassnet.core.check import fail, integer, positive
from glassnet.output import checked_output, writable_folder, write_text

Name = Literal["sizes", "shapes", "cores", "measuring", "memory", "growth"]

USUAL: tuple[Name, ...] = ("sizes", "shapes", "cores", "measuring", "memory")


@dataclass(frozen=True)
class BenchOptions:
    """Measure how fast the sweeps are: proposals (site-updates) and gaps touched (element-updates) a second.

    What is compared runs in turn and the best of each counts. Prints what runs and a table for each group.

    Args:
        only: groups to measure, all but growth if none is given. sizes: equal layers; shapes: ragged and diluted
            layers, other weights, heat bath; cores: several replicas on one core and on all; measuring: a run in a
            folder against its sweeps; memory: the most that a run in a folder needs, against its checkpoint; growth:
            seconds of a sweep against R, L, N, M.
        cases: numbers of the rows of sizes and shapes to measure, from 0; all if none is given.
        seconds: time for each number.
        scan: also time the sweeps in JAX alone, where native kernels run.
        json: write all numbers to this file, with versions and machine; a file that is there is replaced.
        output_dir: measure growth too and write benchmarks.json, benchmarks.md, benchmarks.png and benchmarks.pdf
            into this folder; files of an earlier run are replaced.
    """

    only: Annotated[tuple[Name, ...], tyro.conf.arg(metavar="GROUP [GROUP ...]")] = ()
    cases: tuple[int, ...] = ()
    seconds: float = 3.0
    scan: bool = False
    json: Path | None = None
    output_dir: Path | None = None


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parse(BenchOptions, arguments, "bench")
    check(options)
    results = measured(options)
    print(f"\n{LEGEND}", end="")
    if options.json is not None:
        print("wrote", write_text(json.dumps(results, indent=1) + "\n", options.json))
    if options.output_dir is not None:
        from glassnet.bench.report import write

        print("\n".join(f"wrote {path}" for path in write(results, options.output_dir)))


def check(options: BenchOptions) -> None:
    """Check what is used late, so that nothing is measured in vain.

    Raises:
        ValueError: for numbers out of range, or growth not measured where its figure is asked for.
        OSError: if a file cannot be written.
    """
    positive(seconds=options.seconds)
    most = max(len(sizes()), len(shapes()))
    for case in options.cases:
        integer(0, cases=case)
        if case >= most:
            raise fail("cases", f"be below {most}", case)
    if options.json is not None:
        checked_output(options.json, (".json",), overwrite=True)
    if options.output_dir is not None:
        writable_folder(options.output_dir)


def measured(options: BenchOptions) -> dict[str, Any]:
    """Measure and print; all numbers by group, and where they were made."""
    from glassnet.bench import suite

    names = options.only or (USUAL if options.output_dir is None else tuple(suite.GROUPS))
    made = suite.surroundings()
    print("\n".join(f"{words:<10} {made[name]}" for words, name in SHOWN.items()))
    groups = {name: group for name, group in suite.GROUPS.items() if name in names}
    asked = suite.Settings(options.seconds, options.cases, options.scan)
    found = suite.measured(groups, asked, partial(print, flush=True))
    return {"made": made, "options": {"seconds": options.seconds, "scan": options.scan}, **found}


SHOWN = {"sweeps": "sweeps", "processor": "processor", "load": "load_at_start"}
