"""Dimensions and attributes of derived variables, and the sizes that a Dataset carries in its attributes."""

import json
from typing import Any

import numpy as np
from xarray import DataArray, Dataset

from glassnet.core.check import fail
from glassnet.store.schema import VARIABLES


def labelled(values: DataArray, name: str) -> DataArray:
    """`values` with the order of dimensions, the attributes and the name that the schema gives to `name`.

    A dim `temperature` follows `sample`, or leads where there is no sample.
    """
    variable = VARIABLES[name]
    dims = list(variable.dims)
    if "temperature" in values.dims:
        dims.insert(dims.index("sample") + 1 if "sample" in dims else 0, "temperature")
    attrs = {key: getattr(variable, key) for key in ("long_name", "units", "symbol", "source")}
    return values.transpose(*dims).assign_attrs(attrs).rename(name)


def attribute(ds: Dataset, name: str) -> Any:
    """Root attribute of a result, lists decoded from JSON. Raises ValueError if it is missing."""
    if name not in ds.attrs:
        raise fail("ds", f"have the attribute {name!r}", sorted(ds.attrs))
    value = ds.attrs[name]
    return json.loads(value) if isinstance(value, str) else value


def widths(ds: Dataset) -> DataArray:
    """Number of neurons N_l of each layer of the coordinate `layer`, shape (layer,), float64."""
    by_layer = attribute(ds, "widths")
    neurons = np.array([by_layer[int(l)] for l in ds["layer"].values], dtype=float)
    return DataArray(neurons, {"layer": ds["layer"]}, ("layer",))


def require(data: DataArray | Dataset, name: str, *dims: str) -> None:
    """Raise ValueError unless `data`, the argument `name`, has all of `dims`."""
    missing = [dim for dim in dims if dim not in data.dims]
    if missing:
        raise fail(name, f"have the dimension {missing[0]!r}", tuple(map(str, data.dims)))
