"""Rows of measurements as text: aligned for a terminal, or in Markdown."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], str]]
"""Heading, and the text of a row there."""


def number(name: str, places: str, unit: float = 1.0) -> Callable[[Row], str]:
    """Text of `row[name] / unit`; a dot in the name goes into a row within the row, "-" where there is none."""

    def text(row: Row) -> str:
        value: Any = row
        for part in name.split("."):
            value = None if value is None else value.get(part)
        return "-" if value is None else format(value / unit, places)

    return text


def word(name: str) -> Callable[[Row], str]:
    """Text of `row[name]`."""
    return lambda row: str(row[name])


LEGEND = """\
M sites/s: proposals, of a weight or a spin, in millions a second; G elem/s: proposals times the gaps that each
touches; of uniform: element-updates a second over those of a machine of equal layers with Gaussian weights under
Metropolis; scan: the same sweeps in JAX alone; held: memory of the compiled loop over that of its configurations (1
byte a spin, 4 a weight and a pre-activation); resident: the same as seen by the system. Rates are the best of several
rounds, in processor time; speedups are on the wall, and cores had says how many cores the threads got in that time.
Its sweeps: processor seconds in the calls for the sweeps of a run; beyond: all else that the run does, to measure, to
write checkpoints and results, to tell its progress. Peak: the most memory that the process of a run had, less what it
had before; its checkpoint holds all clones, with weights, spins and pre-activations, and the hosts at waiting times.
Said: the least that is asked for before such a run begins.
"""
"""What the columns of all tables mean."""

RATES: Sequence[Column] = (
    ("case", word("case")),
    ("M sites/s", number("site_updates_per_s", ".1f", 1e6)),
    ("G elem/s", number("element_updates_per_s", ".2f", 1e9)),
    ("of uniform", number("fraction_of_reference", ".2f")),
    ("scan", number("scan.site_updates_per_s", ".1f", 1e6)),
    ("sweep ms", number("sweep_ms", ".3f")),
    ("compile s", number("compile_s", ".1f")),
    ("state MB", number("state_bytes", ".2f", 1e6)),
    ("held", number("memory_ratio", ".2f")),
    ("resident", number("resident_ratio", ".2f")),
)

CORES: Sequence[Column] = (
    ("case", word("case")),
    ("cores", word("cores")),
    ("one core, M/s", number("one_core_per_s", ".1f", 1e6)),
    ("all cores, M/s", number("all_cores_per_s", ".1f", 1e6)),
    ("speedup", number("speedup", ".2f")),
    ("cores had", number("cores_had", ".2f")),
)

MEASURING: Sequence[Column] = (
    ("case", word("case")),
    ("sweeps", word("sweeps")),
    ("points", word("points")),
    ("run s", number("run_s", ".2f")),
    ("its sweeps s", number("sweeps_s", ".2f")),
    ("beyond s", number("beyond_s", ".2f")),
    ("beyond sweeps", number("cost_beyond_sweeps", ".1%")),
    ("compile s", number("compile_s", ".1f")),
)

PEAKS: Sequence[Column] = (
    ("case", word("case")),
    ("checkpoint MB", number("checkpoint_bytes", ".0f", 1e6)),
    ("said MB", number("said_bytes", ".0f", 1e6)),
    ("peak MB", number("peak_bytes", ".0f", 1e6)),
    ("over checkpoint", number("peak_ratio", ".2f")),
)

GROWTH: Sequence[Column] = (
    ("axis", word("axis")),
    *((axis, word(axis)) for axis in "RLNM"),
    ("sweep ms", number("sweep_seconds", ".3f", 1e-3)),
    ("M elem", number("element_updates", ".2f", 1e6)),
)


def aligned(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[str]:
    """Lines for a terminal, each as soon as its row is there."""
    widths = [max(len(head), 29 if n == 0 else 8) + 1 for n, (head, _) in enumerate(columns)]
    yield _line([head for head, _ in columns], widths)
    for row in rows:
        yield _line([text(row) for _, text in columns], widths)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        f"{cell:<{w}}" if n == 0 else f" {cell:>{w}}" for n, (cell, w) in enumerate(zip(cells, widths, strict=True))
    )
    return (first + "".join(others)).rstrip()


def markdown(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """A table in Markdown without the columns that say nothing."""
    cells = [[text(row) for _, text in columns] for row in rows]
    kept = [n for n in range(len(columns)) if any(line[n] != "-" for line in cells)]
    lines = [
        [columns[n][0] for n in kept],
        ["---"] + ["---:"] * (len(kept) - 1),
        *([c[n] for n in kept] for c in cells),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
