"""Files of a set of measurements: JSON, tables in Markdown, and the figure of growth with size."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glassnet.bench import table
from glassnet.bench.figure import growth_figure
from glassnet.bench.suite import GROUPS, Group
from glassnet.output import write_figure, write_text

LEGEND = """\
M sites/s: proposals, of a weight or a spin, in millions a second; G elem/s: proposals times the gaps that each
touches; of uniform: element-updates a second over those of a machine of equal layers with Gaussian weights under
Metropolis; scan: the same sweeps in JAX alone; held: memory of the compiled loop over that of its configurations (1
byte a spin, 4 a weight and a pre-activation); resident: the same as seen by the system. Rates are the best of several
rounds, in processor time; speedups are on the wall, and cores had says how many cores the threads got in that time.
Its sweeps: processor seconds in the calls for the sweeps of a run; beyond: all else that the run does, to measure, to
write checkpoints and results, to tell its progress.
"""

FIGURE = """\
![Seconds of a sweep against R, L, N, M](benchmarks.png)

Seconds of a sweep of all replicas against replicas R, depth L, width N, patterns M, with fitted exponents; dashed: the
same time for each gap touched as at the last point.
"""


def write(results: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write benchmarks.json, benchmarks.md and, if growth was measured, its figure; returns the paths."""
    paths = [
        write_text(json.dumps(results, indent=1) + "\n", folder / "benchmarks.json"),
        write_text(report(results), folder / "benchmarks.md"),
    ]
    if "growth" in results:
        figure = growth_figure(results["growth"])
        paths += [write_figure(figure, folder / f"benchmarks.{kind}") for kind in ("png", "pdf")]
    return paths


def report(results: Mapping[str, Any]) -> str:
    """The tables in Markdown, with the machine and how they were made."""
    options = results["options"]
    scan = " --scan" if options["scan"] else ""
    command = f"glassnet bench{scan} --seconds {options['seconds']:g} --output-dir FOLDER"
    lines = ["# Speed\n", *origin(results["made"], command), LEGEND, *tables(results, GROUPS)]
    return "\n".join([*lines, *([FIGURE] if "growth" in results else [])])


def origin(made: Mapping[str, Any], command: str, *further: str) -> list[str]:
    """Lines in Markdown: where and how numbers were made (`suite.surroundings`), and `further` items."""
    versions = ", ".join(f"{name} {number}" for name, number in json.loads(made["versions"]).items())
    items = [
        f"sweeps: {made['sweeps']}",
        *further,
        f"processor: {made['processor']}, {made['cores']} cores, load {made['load_at_start']} at the start",
        f"versions: {versions}; commit {made['git_commit']}\n",
    ]
    return [f"Made by `{command}` on {made['started']}.\n", *(f"- {item}" for item in items)]


def tables(results: Mapping[str, Any], groups: Mapping[str, Group]) -> list[str]:
    """A title and a table in Markdown for each group that was measured."""
    return [
        f"## {group.title[0].upper()}{group.title[1:]}\n\n{table.markdown(group.columns, results[name])}"
        for name, group in groups.items()
        if name in results
    ]
