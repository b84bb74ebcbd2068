"""glassnet join: one dataset of the parts that several processes wrote."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from glassnet.cli.parse import parse
from glassnet.cli.tell import tell
from glassnet.output import checked_output


@dataclass(frozen=True)
class JoinOptions:
    """Make one dataset of the parts of a run: RUN.part-0-of-2.nc and RUN.part-1-of-2.nc become RUN.nc.

    The parts stay where they are and are no longer needed.

    Args:
        file: name that `glassnet run` was given, RUN.nc.
        output: dataset to be written; `file` if None.
        overwrite: replace the output if it exists.
        quiet: print nothing but errors.
    """

    file: Annotated[Path, tyro.conf.Positional]
    output: Path | None = None
    overwrite: bool = False
    quiet: bool = False


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parse(JoinOptions, arguments, "join")
    output = checked_output(options.output or options.file, (".nc",), overwrite=options.overwrite)

    from glassnet.results import join
    from glassnet.store.files import save

    save(join(options.file), output, overwrite=options.overwrite)
    if not options.quiet:
        tell(f"wrote {output}")
