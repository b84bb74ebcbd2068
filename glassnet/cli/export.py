"""glassnet export: a run as one file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from glassnet.cli.parse import parse
from glassnet.cli.tell import tell
from glassnet.output import checked_output


@dataclass(frozen=True)
class ExportOptions:
    """Write the results of a run as one dataset (netCDF), as far as the run is.

    Args:
        run: folder of the run, or the name that parts of a run have in common.
        output: dataset to be written, a name that ends in .nc.
        overwrite: replace the output if it exists.
        quiet: print nothing but errors.
    """

    run: Annotated[Path, tyro.conf.Positional]
    output: Annotated[Path, tyro.conf.Positional]
    overwrite: bool = False
    quiet: bool = False


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parse(ExportOptions, arguments, "export")
    output = checked_output(options.output, (".nc",), overwrite=options.overwrite)

    from glassnet.results import open_result
    from glassnet.store.files import save

    written = save(open_result(options.run), output, overwrite=options.overwrite)
    if not options.quiet:
        tell(f"wrote {written}")
