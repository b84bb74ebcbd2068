"""glassnet demo: handwritten digits at the ends of a deep machine, from data to figure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from glassnet.cli.drawing import into_files
from glassnet.cli.parse import parse
from glassnet.cli.progress import progress_bar
from glassnet.cli.tell import tell
from glassnet.core.check import one_of

FOLDERS = {"perceptron": Path("results/demo"), "thermal": Path("results/demo_thermal")}
"""Where the files go, by machine."""


@dataclass(frozen=True)
class DemoOptions:
    """Let a machine of depth 10 learn the digits 0 and 1, and draw at which pace its layers move.

    A perceptron moves by Monte Carlo; a thermal machine, real weights and neurons between walls, by molecular dynamics:
    it learns, and layers between both ends forget sooner than those next to them.

    Writes demo.nc (dataset), demo.png and demo.pdf (four panels: energy and errors against time; spin
    autocorrelation by layer at two waiting times; replica overlap by layer; overlap matrices of a boundary and a
    central layer) and summary.json (numbers with errors). Takes one to three minutes on two cores.

    Args:
        machine: perceptron or thermal.
        output_dir: folder of the files, results/demo or results/demo_thermal if left out; made if it does not exist,
            files of an earlier run are replaced.
        quiet: no progress bar, nothing printed but errors.
    """

    machine: str = "perceptron"
    output_dir: Path | None = None
    quiet: bool = False


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parse(DemoOptions, arguments, "demo")
    one_of(FOLDERS, machine=options.machine)
    folder = options.output_dir or FOLDERS[options.machine]

    into_files()
    from glassnet.demo import CONFIG, THERMAL, demo, headline

    config = THERMAL if options.machine == "thermal" else CONFIG
    with progress_bar(quiet=options.quiet) as report:
        paths = demo(folder, config=config, report=report)
    if not options.quiet:
        tell(headline(json.loads(paths["summary"].read_text(encoding="utf-8"))))
        tell("\n".join(f"{name.replace('_', ' '):<15} {path}" for name, path in paths.items()))
