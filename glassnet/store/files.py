"""Datasets as netCDF files, written whole or not at all."""

import os
from pathlib import Path

import xarray as xr

from glassnet.core.check import fail

ENGINE = "h5netcdf"


def check_writable(path: str | os.PathLike) -> Path:
    """The path of a result file, if it can be written.

    Raises:
        ValueError: if the name does not end in .nc.
        FileNotFoundError: if its folder does not exist.
        PermissionError: if the folder cannot be written to.
    """
    path = Path(path)
    if path.suffix != ".nc":
        raise fail("path", "end in .nc", str(path))
    if path.is_dir():
        raise fail("path", "be a file, not a folder", str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"Argument `path` must lie in an existing folder, but is {str(path)!r}.")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"Argument `path` must lie in a folder that can be written to, but is {str(path)!r}.")
    return path


def save(ds: xr.Dataset, path: str | os.PathLike) -> Path:
    """Write a result as compressed netCDF-4, under a temporary name that is renamed when complete.

    Raises:
        ValueError, FileNotFoundError, PermissionError: as `check_writable`.
    """
    path = check_writable(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    encoding = {name: {"zlib": True, "complevel": 4} for name, x in ds.data_vars.items() if x.ndim}
    try:
        ds.to_netcdf(part, engine=ENGINE, encoding=encoding)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def open_result(path: str | os.PathLike) -> xr.Dataset:
    """Read a result into memory.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a whole glassnet result.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"Argument `path` must name a result file, but is {str(path)!r}.")
    try:
        with xr.open_dataset(path, engine=ENGINE) as ds:
            ds = ds.load()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ValueError(f"Argument `path` must name a whole netCDF file, but is {str(path)!r}: {error}") from error
    if "config" not in ds.attrs:
        raise fail("path", "name a glassnet result (attribute `config`)", str(path))
    return ds
