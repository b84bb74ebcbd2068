"""glassnet plot: the overview figure of a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from glassnet.cli.parse import parse
from glassnet.output import FIGURES, checked_output, write_figure


@dataclass(frozen=True)
class Options:
    """Draw a dataset: energy and errors, spin autocorrelation by layer, replica overlap, overlap matrices.

    Args:
        file: dataset written by `glassnet run`.
        output: figure to be written: .png, .pdf or .svg; beside the dataset, as .png, if None.
        overwrite: replace the figure if it exists.
        quiet: print nothing but errors.
    """

    file: Annotated[Path, tyro.conf.Positional]
    output: Path | None = None
    overwrite: bool = False
    quiet: bool = False


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parse(Options, arguments, "plot")

    from glassnet.store.files import open_result

    ds = open_result(options.file)
    output = options.output or options.file.with_suffix(".png")
    checked_output(output, FIGURES, overwrite=options.overwrite)

    import matplotlib as mpl

    mpl.use("Agg")
    from glassnet.plot import overview

    write_figure(overview(ds), output)
    if not options.quiet:
        print(f"wrote {output}")
