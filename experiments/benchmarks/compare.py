"""The sweeps beside what others make of a core: a hand-written loop in C++, and other samplers of a dense spin glass.

    python experiments/benchmarks/compare.py                                                   # print
    python experiments/benchmarks/compare.py --scan --output-dir results/benchmarks            # and write

Compared are the package and yardstick.cpp, which knows uniform machines alone, in proposals a second; and the
Sherrington-Kirkpatrick model swept with the vectors and random numbers of the package's kernels (sk.cpp), OpenJij and
dwave-samplers, in proposals a second of those samplers whose energies agree. All run on one core, in turn, and the best
of each counts.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import sk
import yardstick
from peers import PEERS, installed
from samplers import sk_rates

from glassnet.bench.cases import sizes
from glassnet.bench.rates import Row, rates
from glassnet.bench.report import origin, tables
from glassnet.bench.suite import Group, Settings, chosen, measured, surroundings
from glassnet.bench.table import Column, number, word
from glassnet.output import writable_folder, write_text

LOOP: Sequence[Column] = (
    ("case", word("case")),
    ("package", number("site_updates_per_s", ".1f", 1e6)),
    ("yardstick", number("yardstick.site_updates_per_s", ".1f", 1e6)),
    ("of yardstick", number("fraction_of_yardstick", ".2f")),
    ("scan", number("scan.site_updates_per_s", ".1f", 1e6)),
)

SAMPLERS: Sequence[Column] = (
    ("sampler", word("sampler")),
    ("N", word("sites")),
    ("chains", word("chains")),
    ("energy per spin", lambda row: f"{row['energy']:.4f} +- {row['energy_error']:.4f}"),
    ("z", number("z", ".1f")),
    ("M proposals/s", lambda row: number("proposals_per_s", ".1f", 1e6)(row) if row["agrees"] else "energies differ"),
)

LEGEND = """\
Millions of proposals a second on one core, in processor time, the best of several rounds in turn. Package: the sweeps
as `glassnet run` makes them; yardstick: a hand-written C++ loop (experiments/benchmarks/yardstick.cpp) for machines of
equal layers with Gaussian weights and a quadratic soft core under Metropolis alone, which draws its own random
numbers; of yardstick: package over yardstick; scan: the same sweeps in JAX alone. Samplers of the
Sherrington-Kirkpatrick model: sk.cpp, chains side by side with the vectors and random numbers of the package's
kernels, and one chain; sk.py, the same in JAX; z: difference of the energies from those of the first row in standard
errors.
"""


def loop_rates(options: Settings) -> Iterator[Row]:
    """Rows of `rates` for uniform machines with those of the yardstick, and package over yardstick."""
    cases = chosen(sizes(), options)
    for row in rates(cases, seconds=options.seconds, scan=options.scan, others={"yardstick": yardstick.beside}):
        if "yardstick" in row:
            row["fraction_of_yardstick"] = row["site_updates_per_s"] / row["yardstick"]["site_updates_per_s"]
        yield row


GROUPS = {
    "loop": Group("equal layers, Gaussian weights, beside a hand-written loop", LOOP, loop_rates),
    "samplers": Group(
        "Sherrington-Kirkpatrick model, T = 1, Metropolis, one thread; a rate counts if the energies agree",
        SAMPLERS,
        lambda o: sk_rates(blocks=max(12, round(4 * o.seconds)), scan=o.scan),
    ),
}


def report(results: Mapping[str, Any]) -> str:
    """The tables in Markdown, with the machine and how they were made."""
    made = results["made"]
    further = (f"yardstick: {made['yardstick']}", f"sk: {made['sk']}", f"samplers: {spelt(made['peers'])}")
    lines = ["# Speed beside others\n", *origin(made, results["command"], *further), LEGEND, *tables(results, GROUPS)]
    return "\n".join(lines)


def spelt(words: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {word}" for name, word in words.items())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(GROUPS), nargs="+", default=tuple(GROUPS), help="what to compare")
    parser.add_argument("--cases", type=int, nargs="+", default=(), help="rows of the loop, from 0")
    parser.add_argument("--seconds", type=float, default=3.0, help="time for each number")
    parser.add_argument("--scan", action="store_true", help="also time the sweeps in JAX alone")
    parser.add_argument("--output-dir", type=Path, help="write comparison.json and comparison.md there")
    given = parser.parse_args(arguments)
    folder = None if given.output_dir is None else writable_folder(given.output_dir)

    there = installed()
    made = {
        **surroundings(),
        "yardstick": yardstick.status(),
        "sk": sk.status(),
        "peers": {name: "installed" if name in there else "not installed" for name in PEERS},
    }
    print(f"sweeps     {made['sweeps']}\nyardstick  {made['yardstick']}\nsamplers   {spelt(made['peers'])}")
    groups = {name: GROUPS[name] for name in given.only}
    found = measured(groups, Settings(given.seconds, tuple(given.cases), given.scan), partial(print, flush=True))
    words = sys.argv[1:] if arguments is None else map(str, arguments)
    results = {"made": made, "command": shlex.join(["python", "experiments/benchmarks/compare.py", *words]), **found}
    if folder is not None:
        print("wrote", write_text(json.dumps(results, indent=1) + "\n", folder / "comparison.json"))
        print("wrote", write_text(report(results), folder / "comparison.md"))


if __name__ == "__main__":
    main()
