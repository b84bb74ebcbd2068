"""glassnet report: a run, or a campaign, on one page of HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from glassnet.cli.drawing import into_files
from glassnet.cli.parse import parse
from glassnet.cli.tell import tell
from glassnet.output import checked_output, write_text


@dataclass(frozen=True)
class ReportOptions:
    """Write a report: one HTML file with figures inside, to be opened in a browser, needing nothing else.

    It says how far a run is and what is doubtful about it, shows energy, relaxation, overlaps and acceptance by layer,
    configuration and history. A run that goes on, has stopped or failed has a report, too. That of a campaign has its
    grid, a table with a row for each run, and figures along the axes.

    Args:
        run: run folder, dataset file, the name that the parts of a run have in common, or folder of a campaign.
        output: file to be written, a name that ends in .html; if None, report.html in the folder, or RUN.html
            beside RUN.nc, where an older report is replaced.
        overwrite: replace the file given by --output if it exists.
        quiet: print nothing but errors.
    """

    run: Annotated[Path, tyro.conf.Positional]
    output: Path | None = None
    overwrite: bool = False
    quiet: bool = False


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parse(ReportOptions, arguments, "report")
    output = options.output or default_output(options.run)
    checked_output(output, (".html",), overwrite=options.overwrite or options.output is None)

    into_files()
    from glassnet.campaign.folder import holds_campaign
    from glassnet.report import campaign_page, page, read_campaign, read_run

    if holds_campaign(options.run):
        text = campaign_page(read_campaign(options.run), output)
    else:
        text = page(read_run(options.run))
    write_text(text, output)
    if not options.quiet:
        tell(f"wrote {output}")


def default_output(run: Path) -> Path:
    """Where the report of a run goes: into its folder, or beside its file."""
    if run.is_dir():
        return run / "report.html"
    return run.with_name(f"{run.name.removesuffix('.nc')}.html")
