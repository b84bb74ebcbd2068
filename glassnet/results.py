"""Results on disk: a file, the folder of a run, or the parts of a run joined."""

import os
from collections.abc import Collection
from pathlib import Path

import xarray as xr

from glassnet.analysis import derive
from glassnet.store import folder
from glassnet.store.files import read
from glassnet.store.parts import check_complete, joined, parts_beside


def open_result(path: str | os.PathLike) -> xr.Dataset:
    """Read a result into memory; where there is nothing at `path` but the parts of one, join them.

    Args:
        path: netCDF file, or folder of a run, which may still be under way: what it has not measured yet is NaN, or
            absent if nothing of it has been, and the attribute `status` says how far it is.
    Raises:
        FileNotFoundError: if there is no such result and no part of it.
        ValueError: if it is not a whole glassnet result, or parts are missing or belong to different runs.
    """
    return read_one(path) if files_of(path) == [Path(path)] else join(path)


def read_one(path: str | os.PathLike, variables: Collection[str] | None = None) -> xr.Dataset:
    """Read a netCDF file or the folder of a run, whole or a part.

    Args:
        path: file or folder.
        variables: names of the variables of a complete run that are wanted; all if None.
    Raises:
        FileNotFoundError: if there is no such result.
        ValueError: if it is not a whole glassnet result, or not that of the run in the folder.
    """
    if not Path(path).is_dir():
        return of_this_version(read(path))
    ds = folder.RunFolder(path).result(variables)
    return of_this_version(ds) if ds.attrs["status"] == "complete" else derive(ds)


def of_this_version(ds: xr.Dataset) -> xr.Dataset:
    """A result with what follows from it derived anew, if an earlier version gave a relaxation time to each sample."""
    former = "spin_autocorrelation" in ds and "relaxation_time" in ds and "sample" in ds["relaxation_time"].dims
    return derive(ds) if former else ds


def join(path: str | os.PathLike) -> xr.Dataset:
    """The whole result of a run whose parts lie beside `path`: run.part-0-of-2.nc, run.part-1-of-2.nc for run.nc.

    The whole is bit for bit what one process gives. What compares samples is computed here, from the last
    configurations.

    Raises:
        FileNotFoundError: if there is no part.
        ValueError: if a file is not a whole glassnet result, or parts are missing, not complete or belong to
            different runs.
    """
    files = parts_beside(path)
    if not files:
        raise FileNotFoundError(f"Argument `path` must have the parts of a run beside it, but is {str(path)!r}.")
    check_complete(files)
    parts = {file.name: read_one(file) for file in files}
    waiting = [f"{name} is {ds.attrs['status']}" for name, ds in parts.items() if ds.attrs["status"] != "complete"]
    if waiting:
        raise ValueError(f"Argument `path` must have complete parts beside it, but {', '.join(waiting)}.")
    return derive(joined(parts))


def is_path(text: str) -> bool:
    """Whether a word is meant as the path of a result: with a slash, or ending in .nc, or naming something there."""
    return "/" in text or os.sep in text or text.endswith(".nc") or files_of(text)[0].exists()


def files_of(path: str | os.PathLike) -> list[Path]:
    """What a result is read from: `path` itself, or its parts where it does not exist."""
    path = Path(path)
    return [path] if path.exists() else parts_beside(path) or [path]
