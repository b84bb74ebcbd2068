"""glassnet plot: the overview figure of a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro

from glassnet.cli.drawing import into_files
from glassnet.cli.parse import parse
from glassnet.cli.tell import tell
from glassnet.core.check import fail
from glassnet.output import FIGURES, checked_output, write_figure

if TYPE_CHECKING:
    from xarray import Dataset


@dataclass(frozen=True)
class PlotOptions:
    """Draw a dataset: energy and errors, spin autocorrelation by layer, replica overlap, overlap matrices.

    Args:
        file: dataset written by `glassnet run`; the parts of a run are joined.
        output: figure to be written: .png, .pdf or .svg; beside the dataset, as .png, if None.
        temperature: which temperature 1/beta, the nearest that is there; where there are several and neither this nor
            `beta` is given, all are drawn, six at most.
        beta: which inverse temperature, the nearest that is there; instead of `temperature`.
        margin: which margin of a ladder of margins, the nearest that is there; that of the machine if None.
        overwrite: replace the figure if it exists.
        quiet: print nothing but errors.
    """

    file: Annotated[Path, tyro.conf.Positional]
    output: Path | None = None
    temperature: float | None = None
    beta: float | None = None
    margin: float | None = None
    overwrite: bool = False
    quiet: bool = False


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parse(PlotOptions, arguments, "plot")

    from glassnet.results import open_result

    ds = open_result(options.file)
    if "theory" in ds.attrs:
        raise fail("file", "be the result of a simulation", str(options.file))
    if "energy" not in ds:
        raise fail("file", "be the result of a simulation", str(options.file))
    ds = at_margin(at_temperature(ds, options.temperature, options.beta), options.margin)
    output = options.output or options.file.with_name(f"{options.file.name.removesuffix('.nc')}.png")
    checked_output(output, FIGURES, overwrite=options.overwrite)

    into_files()
    from glassnet.plot import overview

    write_figure(overview(ds), output)
    if not options.quiet:
        tell(f"wrote {output}")


def at_temperature(ds: "Dataset", temperature: float | None, beta: float | None = None) -> "Dataset":
    """The part of a dataset at the nearest temperature, or inverse temperature; all of it where none is given.

    Raises:
        ValueError: if both are given.
    """
    if temperature is not None and beta is not None:
        raise fail("beta", "not be given together with `temperature`", beta)
    if "temperature" not in ds.dims:
        return ds
    name, wanted = ("temperature", temperature) if beta is None else ("beta", beta)
    if wanted is None:
        return ds
    values = ds[name].values
    with np.errstate(invalid="ignore"):
        distance = np.where(values == wanted, 0, np.abs(values - wanted))  # both may be infinite
    return ds.isel(temperature=int(np.argmin(distance)))


def at_margin(ds: "Dataset", margin: float | None) -> "Dataset":
    """The part of a dataset at the nearest margin of a ladder of margins, at that of the machine where none is given.

    Raises:
        ValueError: if one is given, but there is no such ladder.
    """
    from glassnet.analysis.labels import own_rung

    if margin is None:
        return own_rung(ds)
    if "margin" not in ds.dims:
        raise fail("margin", "be left out for a run without a ladder of margins", margin)
    return ds.sel(margin=margin, method="nearest")
