"""glassnet ladder: networks that teach one another, by gradients."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from glassnet.cli.parse import parse
from glassnet.cli.tell import tell

if TYPE_CHECKING:
    from xarray import Dataset


@dataclass(frozen=True)
class LadderOptions:
    """Train every machine of a ladder by every method, into a folder.

    The file says which images, machines, methods, seeds and settings (`glassnet.distill.gradient.read_ladder`;
    experiments/configs has some). The same command again goes on where it was stopped or killed, with the same bits. At
    the end the folder holds results.nc, for `glassnet.distill.gradient.ladder` and xarray.

    Args:
        file: the ladder, a TOML file.
        output: folder; the name of the file without .toml if None.
        data: folder of the images, instead of that in the file.
        cost: say what it costs, and start nothing.
        quiet: print nothing but errors.
    """

    file: Annotated[Path, tyro.conf.Positional]
    output: Path | None = None
    data: Path | None = None
    cost: bool = False
    quiet: bool = False


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    from glassnet.distill import gradient

    options = parse(LadderOptions, arguments, "ladder")
    say = (lambda words: None) if options.quiet else tell
    given = gradient.read_ladder(options.file, options.data)
    if options.cost:
        costs = gradient.cost(**given)
        width = max(map(len, [*costs, "total"]))
        rows = {**costs, "total": sum(costs.values())}
        tell("\n".join(f"{name:<{width}} {number:9.2e} multiplications" for name, number in rows.items()))
        return
    folder = options.output or options.file.with_suffix("")
    ds = gradient.ladder(**given, folder=folder, report=say)
    say(table(ds))


def table(ds: "Dataset") -> str:
    """Test errors in percent, mean and standard error over seeds."""
    seeds, lines = ds.sizes["seed"], ["test error in percent"]
    for machine in ds["machine"].values:
        for method in ds["taught"].values:
            x = 100 * ds["test_error"].sel(machine=machine, taught=method)
            if x.notnull().all():  # there is such a path
                spread = f" +- {float(x.std('seed', ddof=1)) / seeds**0.5:.2f}" if seeds > 1 else ""
                lines.append(f"{machine!s:>10} {method!s:<12} {float(x.mean()):.2f}{spread}")
    return "\n".join(lines)
