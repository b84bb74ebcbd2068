"""glassnet distill: a chain of machines, each of which teaches the next, from one file into one folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from glassnet.cli.parse import parse, time_left
from glassnet.cli.tell import tell
from glassnet.core.check import fail
from glassnet.core.stopping import interrupted_at_once

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class DistillOptions:
    """Train a chain of machines, each of which teaches the next, and measure what the student has learned.

    The file is TOML: kind (none, direct, assisted, dense, mutual, in_time), tables [rule], [teacher], [[assistants]],
    [student], [link] and [protocol], numbers patterns, beta, seeds. The folder holds one run folder for each machine
    and the result, chain.nc; the same command goes on after a stop or a kill, with the same bits.

    Args:
        config: the file.
        output: the folder; made if it does not exist.
        time_limit: stop in time, with a checkpoint, so that the process takes no longer than this: 3h50m, 90s, 1d12h.
        methods: print the table of published methods on the axes of a chain, and do nothing else.
        quiet: print nothing but errors.
    """

    config: Annotated[Path | None, tyro.conf.Positional] = None
    output: Path | None = None
    time_limit: Annotated[str | None, tyro.conf.arg(metavar="DURATION")] = None
    methods: bool = False
    quiet: bool = False


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parse(DistillOptions, arguments, "distill")
    limit = time_left(options.time_limit)
    if options.methods:
        from glassnet.distill.link import Methods

        tell(repr(Methods()))
        return
    for name in ("config", "output"):
        if getattr(options, name) is None:
            raise fail(name, "be given", None)
    assert options.config is not None
    assert options.output is not None

    from glassnet.distill.recipe import read_recipe
    from glassnet.store.files import save

    recipe = read_recipe(options.config)
    with interrupted_at_once():
        ds = recipe.chain().run(**recipe.arguments, folder=options.output, time_limit=limit)
    written = save(ds, options.output / "chain.nc", overwrite=True)
    if not options.quiet:
        tell(summary(ds))
        tell(f"wrote {written}")


def summary(ds: "xr.Dataset") -> str:
    """Errors of all machines, and what the links carried over, as two tables of means with errors over seeds."""
    lines = [f"{'machine':<14}{'depth':>6}  {'error':<16}{'training error':<16}{'gain':<16}"]
    for name in ds.machine.values:
        one = ds.sel(machine=name)
        cells = [_mean(one[x].values) for x in ("generalisation_error", "training_error", "gain")]
        lines.append(f"{name:<14}{int(one.depth):>6}  {cells[0]:<16}{cells[1]:<16}{cells[2]:<16}".rstrip())
    if ds.sizes["link"]:
        lines.append(f"{'link':<30}{'fidelity':<16}{'softness':<16}{'error overlap':<16}")
    for name in ds.link.values:
        one = ds.sel(link=name)
        cells = [_mean(one[x].values) for x in ("fidelity", "softness", "error_overlap")]
        lines.append(f"{name:<30}{cells[0]:<16}{cells[1]:<16}{cells[2]:<16}".rstrip())
    return "\n".join(lines)


def _mean(values) -> str:
    import numpy as np

    values = values[np.isfinite(values)]
    if not len(values):
        return "-"
    error = f" +- {values.std(ddof=1) / len(values) ** 0.5:.4f}" if len(values) > 1 else ""
    return f"{values.mean():.4f}{error}"
