"""Files of a set of measurements: JSON, tables in Markdown, and the figure of growth with size."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glassnet.bench import table
from glassnet.bench.figure import growth_figure
from glassnet.bench.suite import GROUPS, Group
from glassnet.bench.table import LEGEND
from glassnet.output import write_figure, write_text

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
