"""Results on disk: one file, or the parts of a run joined."""

import os
from pathlib import Path

import xarray as xr

from glassnet.analysis import derive
from glassnet.store.files import read
from glassnet.store.parts import check_complete, joined, parts_beside


def open_result(path: str | os.PathLike) -> xr.Dataset:
    """Read a result into memory; where there is no such file but the parts of one, join them.

    Raises:
        FileNotFoundError: if there is neither such a file nor a part of it.
        ValueError: if a file is not a whole glassnet result, or parts are missing or belong to different runs.
    """
    return read(path) if files_of(path) == [Path(path)] else join(path)


def join(path: str | os.PathLike) -> xr.Dataset:
    """The whole result of a run whose parts lie beside `path`: run.part-0-of-2.nc, run.part-1-of-2.nc for run.nc.

    The whole is bit for bit what one process gives. What compares samples is computed here, from the last
    configurations.

    Raises:
        FileNotFoundError: if there is no part.
        ValueError: if a file is not a whole glassnet result, or parts are missing or belong to different runs.
    """
    files = parts_beside(path)
    if not files:
        raise FileNotFoundError(f"Argument `path` must have the parts of a run beside it, but is {str(path)!r}.")
    check_complete(files)
    return derive(joined({file.name: read(file) for file in files}))


def files_of(path: str | os.PathLike) -> list[Path]:
    """The files that a result is read from: `path` itself, or its parts where it does not exist."""
    path = Path(path)
    return [path] if path.exists() else parts_beside(path) or [path]
