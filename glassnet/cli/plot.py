"""glassnet plot: the overview figure of a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro

from glassnet.cli.parse import parse
from glassnet.core.check import fail
from glassnet.output import FIGURES, checked_output, write_figure

if TYPE_CHECKING:
    from xarray import Dataset


@dataclass(frozen=True)
class Options:
    """Draw a dataset: energy and errors, spin autocorrelation by layer, replica overlap, overlap matrices.

    Args:
        file: dataset written by `glassnet run`; the parts of a run are joined.
        output: figure to be written: .png, .pdf or .svg; beside the dataset, as .png, if None.
        temperature: which temperature 1/beta, the nearest that is there; needed where there are several.
        overwrite: replace the figure if it exists.
        quiet: print nothing but errors.
    """

    file: Annotated[Path, tyro.conf.Positional]
    output: Path | None = None
    temperature: float | None = None
    overwrite: bool = False
    quiet: bool = False


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parse(Options, arguments, "plot")

    from glassnet.results import open_result

    ds = open_result(options.file)
    if "theory" in ds.attrs:
        raise fail("file", "be the result of a simulation", str(options.file))
    ds = at_temperature(ds, options.temperature)
    output = options.output or options.file.with_name(f"{options.file.name.removesuffix('.nc')}.png")
    checked_output(output, FIGURES, overwrite=options.overwrite)

    import matplotlib as mpl

    mpl.use("Agg")
    from glassnet.plot import overview

    write_figure(overview(ds), output)
    if not options.quiet:
        print(f"wrote {output}")


def at_temperature(ds: "Dataset", temperature: float | None) -> "Dataset":
    """The part of a dataset at the temperature nearest to `temperature`; all of it if there is but one."""
    if "temperature" not in ds.dims:
        return ds
    if temperature is None:
        known = ", ".join(f"{T:.4g}" for T in ds["temperature"].values)
        raise fail("temperature", f"be given, one of {known}", temperature)
    nearest = np.argmin(np.abs(ds["temperature"].values - temperature))
    return ds.isel(temperature=int(nearest))
