"""Datasets as netCDF files, written whole or not at all."""

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import H5NetCDFStore

from glassnet.core.check import fail
from glassnet.store.durable import whole
from glassnet.store.parts import part_path

ENGINE = "h5netcdf"
MARK = "glassnet_json"
"""Attribute of files of glassnet that are no runs: which attributes, by variable, are written as JSON."""


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
        ValueError: if `ds` is no Dataset, the file exists and is not to be replaced, `ds` is a part and a whole result
            lies at `path`, or an attribute cannot be written.
        ValueError, FileNotFoundError, PermissionError: as `check_writable`.
    """
    if not isinstance(ds, xr.Dataset):
        raise fail("ds", "be a Dataset", type(ds).__name__)
    path = check_writable(path)
    if "parts" in ds.attrs:
        path = check_writable(free_for_part(path, ds.attrs["part"], ds.attrs["parts"]))
    if path.exists() and not overwrite:
        raise fail("path", "not exist yet (overwrite=True replaces it)", str(path))
    content = _netcdf(plain_attributes(ds))  # in memory: HDF5 does not survive a file that cannot grow
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
    if MARK not in ds.attrs and "config" not in ds.attrs:
        raise fail("path", "name a glassnet result (attribute `config`)", str(path))
    return own_attributes(ds)


def plain_attributes(ds: xr.Dataset) -> xr.Dataset:
    """A Dataset as netCDF can hold it: attributes that are truth values, None, dicts or mixed lists as JSON.

    A mark says which these are, and that glassnet wrote the file where there is no configuration of a run.

    Raises:
        ValueError: for an attribute that is none of these, nor a number, a word or a list of them.
    """
    ds = ds.copy(deep=False)
    encoded: dict[str, list[str]] = {}
    for name, attrs in _attributes(ds).items():
        for key, value in attrs.items():
            if not _fits(value):
                attrs[key] = _json(name, key, value)
                encoded.setdefault(name, []).append(key)
    if encoded or "config" not in ds.attrs:
        ds.attrs[MARK] = json.dumps(encoded)
    return ds


def own_attributes(ds: xr.Dataset) -> xr.Dataset:
    """The inverse of `plain_attributes`."""
    attributes = _attributes(ds)
    for name, keys in json.loads(ds.attrs.pop(MARK, "{}")).items():
        attributes[name] |= {key: json.loads(attributes[name][key]) for key in keys}
    return ds


def _attributes(ds: xr.Dataset) -> dict[str, dict]:
    """Attributes of the Dataset (by an empty name) and of each variable, to be changed."""
    for x in ds.variables.values():
        x.attrs = dict(x.attrs)
    ds.attrs = dict(ds.attrs)
    return {"": ds.attrs} | {str(name): x.attrs for name, x in ds.variables.items()}


def _fits(value: Any) -> bool:
    """Whether netCDF holds an attribute as it is."""
    if isinstance(value, (list, tuple)):
        kinds = {np.asarray(x).dtype.kind for x in value} if all(np.ndim(x) == 0 for x in value) else {"O"}
        return bool(value) and (kinds <= {"i", "u", "f"} or (kinds == {"U"} and len(value) > 1))
    return np.asarray(value).dtype.kind in "iufUS"


def _json(name: str, key: str, value: Any) -> str:
    where = f"ds.{name}.attrs[{key!r}]" if name else f"ds.attrs[{key!r}]"
    try:
        return json.dumps(value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value)
    except (TypeError, ValueError) as error:
        wanted = "be a number, a word, a truth value, None, or a list or dict of these"
        raise fail(where, wanted, type(value).__name__) from error
