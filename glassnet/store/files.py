"""Datasets as netCDF files, written whole or not at all."""

import io
import os
from pathlib import Path

import xarray as xr
from xarray.backends import H5NetCDFStore

from glassnet.core.check import fail
from glassnet.store.durable import whole
from glassnet.store.parts import part_path

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


def save(ds: xr.Dataset, path: str | os.PathLike, *, overwrite: bool = False) -> Path:
    """Write a result as compressed netCDF-4, under a temporary name that is renamed when complete.

    The file is put together in memory, which needs as much again as it has bytes.

    The part of a run that several processes share goes to a file of its own: run.nc -> run.part-0-of-2.nc.

    Args:
        ds: the result.
        path: name of the file, which ends in .nc.
        overwrite: replace the file if it exists.
    Returns:
        The path of the file.
    Raises:
        ValueError: if `ds` is no Dataset, the file exists and is not to be replaced, or `ds` is a part and a whole
            result lies at `path`.
        ValueError, FileNotFoundError, PermissionError: as `check_writable`.
    """
    if not isinstance(ds, xr.Dataset):
        raise fail("ds", "be a Dataset", type(ds).__name__)
    path = check_writable(path)
    if "parts" in ds.attrs:
        path = check_writable(free_for_part(path, ds.attrs["part"], ds.attrs["parts"]))
    if path.exists() and not overwrite:
        raise fail("path", "not exist yet (overwrite=True replaces it)", str(path))
    content = _netcdf(ds)  # in memory: HDF5 does not survive a file that cannot grow
    with whole(path) as part:
        part.write_bytes(content)
    return path


def _netcdf(ds: xr.Dataset) -> memoryview:
    """The bytes of a netCDF-4 file, variables compressed."""
    import h5netcdf

    encoding = {name: {"zlib": True, "complevel": 4} for name, x in ds.data_vars.items() if x.ndim}
    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:  # `to_netcdf` of earlier xarrays writes another format into memory
        ds.dump_to_store(H5NetCDFStore(file), encoding=encoding)
    return buffer.getbuffer()


def free_for_part(path: Path, part: int, parts: int) -> Path:
    """Where a part of the result `path` is written.

    Raises:
        ValueError: if a whole result lies at `path`, which would hide the parts.
    """
    own = part_path(path, part, parts)
    if own != path and path.exists():
        raise fail("path", "not be a whole result that is there, where a part is written", str(path))
    return own


def read(path: str | os.PathLike) -> xr.Dataset:
    """Read one file into memory.

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
