"""glassnet resume: go on with a run that was stopped."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from glassnet.cli.parse import parse, time_left
from glassnet.cli.progress import progress_bar
from glassnet.cli.run import hint, place
from glassnet.cli.tell import tell
from glassnet.core.stopping import interrupted_at_once

if TYPE_CHECKING:
    from glassnet.store.folder import RunFolder


@dataclass(frozen=True)
class ResumeOptions:
    """Go on with a run that was stopped, killed or cut off, from its newest checkpoint that is whole.

    The result has the same bits as that of a run that was never stopped, whatever the number of devices. A run that
    is complete is left as it is, unless --sweeps asks for more.

    Args:
        folder: folder of the run.
        sweeps: let the clones run so many sweeps in all, at least as many as before.
        config: JSON file with the configuration that the run must have; if it has another, nothing runs and the
            difference is shown.
        time_limit: stop in time, with a checkpoint, so that the process takes no longer than this: 3h50m, 90s, 1d12h.
        checkpoint_every: seconds between checkpoints; as many as take 2 % of the time if None.
        distributed: go on with the part of this process, as in `glassnet run`.
        part: go on with one part alone, say 0 4 for the first of four.
        quiet: no progress bar, nothing printed but errors.
    """

    folder: Annotated[Path, tyro.conf.Positional]
    sweeps: int | None = None
    config: Path | None = None
    time_limit: Annotated[str | None, tyro.conf.arg(metavar="DURATION")] = None
    checkpoint_every: float | None = None
    distributed: bool = False
    part: tuple[int, int] | None = None
    quiet: bool = False


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parse(ResumeOptions, arguments, "resume")
    limit = time_left(options.time_limit)
    part, parts = place(options.part, distributed=options.distributed)

    from glassnet import sessions
    from glassnet.store.folder import RunFolder
    from glassnet.store.parts import part_path

    path = options.folder if parts == 1 else part_path(options.folder, part, parts)
    folder = RunFolder(path)
    if options.config is not None:
        check_same(folder, options.config)
    if sessions.finished(folder, options.sweeps) is not None:
        say(f"{path} is complete, nothing to do (--sweeps N goes on further)", options)
        return
    limits = {"time_limit": limit, "checkpoint_every": options.checkpoint_every}
    with interrupted_at_once(), progress_bar(quiet=options.quiet or part > 0) as report:
        sessions.resume(path, sweeps=options.sweeps, **limits, report=report)
    say(f"wrote {path}{hint(options.folder) if part == 0 else ''}", options)


def check_same(folder: "RunFolder", path: Path) -> None:
    """Check that a run has the configuration in a file.

    Raises:
        ValueError: if it has another; the message shows the difference.
    """
    from glassnet.config import read_config
    from glassnet.core.codec import difference
    from glassnet.perceptron.describe import renewed

    asked = read_config(path).to_dict()
    found = difference(renewed(folder.about["run"] or {}), asked)
    if found:
        raise ValueError(f"Argument `config` must be that of the run, but {folder.path} has {'; '.join(found)}.")


def say(words: str, options: ResumeOptions) -> None:
    """Print, unless asked to be quiet."""
    if not options.quiet:
        tell(words)
