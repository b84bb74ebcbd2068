"""The door of analysis: what is taken, in which words it is refused; and the words on what is handed out."""

import json
import reprlib
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.core.check import fail
from glassnet.store.schema import RUNGS, VARIABLES

Function = TypeVar("Function", bound=Callable)
NUMBERED = ("lag", "time", "waiting_time", "layer", "width", "alpha")
"""Dimensions whose positions are numbers with a meaning, so that places 0, 1, 2, ... cannot stand in for them."""
SHOWN = 6
"""Names that an error lists."""


def variable(data: Any, name: str, *dims: str, such: str = "spin_autocorrelation") -> DataArray:
    """`data`, the argument `name`, in memory, if it is one variable of numbers with values along all of `dims`.

    Args:
        data: what was handed over.
        name: of the argument.
        dims: dimensions that it must have.
        such: variable of a result that would do, for the error.
    Raises:
        ValueError: in one sentence that says what is wanted and what came.
    """
    if not isinstance(data, DataArray):
        raise ValueError(f"Argument `{name}` must be a DataArray such as ds.{such}, but is {in_words(data)}.")
    if data.dtype.kind not in "biuf":
        raise fail(name, "hold numbers", str(data.dtype))
    require(data, name, *dims)
    return data.compute()


def result(ds: Any, *variables: str, name: str = "ds") -> Dataset:
    """`ds`, the argument `name`, if it is a Dataset with `variables`, these as `variable` wants them.

    Raises:
        ValueError: as `variable`.
    """
    if not isinstance(ds, Dataset):
        raise ValueError(f"Argument `{name}` must be a Dataset, the result of a run, but is {in_words(ds)}.")
    for wanted in variables:
        if wanted not in ds:
            raise ValueError(f"Argument `{name}` must have the variable {wanted!r}, but is {in_words(ds)}.")
    return ds.assign({wanted: variable(ds[wanted], f"{name}.{wanted}") for wanted in variables})


def require(data: DataArray | Dataset, name: str, *dims: str) -> None:
    """Raise ValueError unless `data`, the argument `name`, has values along all of `dims`, and numbers on them."""
    for dim in dims:
        if dim not in data.dims:
            raise fail(name, f"have the dimension {dim!r}", tuple(map(str, data.dims)))
        if dim in NUMBERED and dim not in data.coords:
            raise fail(name, f"have the coordinate {dim!r}", sorted(map(str, data.coords)))
    for dim, size in data.sizes.items():
        if not size:
            raise fail(name, f"have values along {str(dim)!r}", dict(data.sizes))
    for dim in data.indexes.keys() & {*NUMBERED}:
        at = data.indexes[dim]
        if at.dtype.kind not in "iuf" or not at.is_unique:
            raise fail(name, f"have different numbers along {dim!r}", list(at[:SHOWN]))


def in_words(x: Any) -> str:
    """What something is, in a few words for an error."""
    if isinstance(x, DataArray):
        return f"a DataArray along {', '.join(map(str, x.dims)) or 'no dimension'}"
    if isinstance(x, Dataset):
        names = [*map(str, x.data_vars)]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        return f"a Dataset of {', '.join(names[:SHOWN])}{more}" if names else "an empty Dataset"
    if isinstance(x, np.ndarray) or not isinstance(x, (str, int, float, type(None))):
        return f"of type {type(x).__name__}"
    return reprlib.repr(x)


def own_words(function: Function) -> Function:
    """Decorator: attributes of coordinates stay, and those of variables are what the function sets.

    Under any option `keep_attrs` that the caller may have chosen.
    """

    @wraps(function)
    def deciding(*args: Any, **kwargs: Any) -> Any:
        with xr.set_options(keep_attrs=True):
            return function(*args, **kwargs)

    return cast(Function, deciding)


def ascending(data: DataArray | Dataset) -> Any:
    """`data` with its numbered dimensions in rising order, so that the last one along them is the largest."""
    disordered = [d for d in NUMBERED if d in data.indexes and not data.indexes[d].is_monotonic_increasing]
    return data.sortby(disordered) if disordered else data


def pairs(overlap: DataArray, first: str, second: str) -> DataArray:
    """Overlaps with `second` in the order of `first`, by label where there are labels.

    Raises:
        ValueError: if the two dimensions do not have the same labels.
    """
    if overlap.sizes[first] == overlap.sizes[second]:
        if first not in overlap.indexes or second not in overlap.indexes:
            return overlap
        a, b = overlap.indexes[first], overlap.indexes[second]
        if a.equals(b):
            return overlap
        if a.is_unique and b.is_unique and set(a) == set(b):
            return overlap.isel({second: b.get_indexer(a)})
    raise fail("overlap", f"have the same labels along {first!r} and {second!r}", dict(overlap.sizes))


def described(values: DataArray, /, **words: Any) -> DataArray:
    """`values` with these attributes and no others: what follows from a variable does not inherit its words."""
    values = values.copy(deep=False)
    values.attrs = {key: text for key, text in words.items() if text is not None}
    return values


def labelled(values: DataArray, name: str) -> DataArray:
    """`values` with the order of dimensions, the attributes and the name that the schema gives to `name`.

    A dim of rungs, as `temperature`, follows `sample`, or leads where there is no sample; those of a campaign stand in
    front.
    """
    variable = VARIABLES[name]
    dims = list(variable.dims)
    for rung in RUNGS:
        if rung in values.dims:
            dims.insert(dims.index("sample") + 1 if "sample" in dims else 0, rung)
    words = {key: getattr(variable, key) for key in ("long_name", "units", "symbol", "source")}
    return described(values.transpose(..., *(d for d in dims if d in values.dims)), **words).rename(name)


def attribute(ds: Dataset, name: str, argument: str = "ds") -> Any:
    """Root attribute of a result, lists decoded from JSON; of a campaign, the coordinate of this name.

    Raises:
        ValueError: if it is missing, no JSON, or not the same for all runs of a campaign.
    """
    if name in ds.coords:
        if ds[name].ndim:
            raise fail(argument, f"have one {name}: select from it", dict(ds[name].sizes))
        return ds[name].item()
    if name not in ds.attrs:
        raise ValueError(f"Argument `{argument}` must have the attribute {name!r} of results, but is {in_words(ds)}.")
    value = ds.attrs[name]
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError as error:
        raise fail(argument, f"have the attribute {name!r} as JSON", value) from error


def own_rung(ds: Dataset) -> Dataset:
    """Of a ladder of margins, or of weights of a guide, the run itself: the rung at the value that its machine has."""
    rung = str(ds.attrs.get("exchange_over", ""))
    return ds.sel({rung: ds.attrs["exchange_own"]}) if rung in ds.dims else ds


def widths(ds: Dataset) -> DataArray:
    """Number of neurons N_l of each layer of the coordinate `layer`, shape (layer,), float64.

    Of a campaign the coordinate `neurons`, by `layer` and what it depends on.
    """
    if "neurons" in ds.coords:
        return ds["neurons"].astype(float).reset_coords(drop=True)
    by_layer = attribute(ds, "widths")
    if "layer" not in ds.indexes:
        raise fail("ds", "have the dimension 'layer'", tuple(map(str, ds.dims)))
    layers = ds["layer"].values.tolist()
    if not set(layers) <= set(range(len(by_layer))):
        raise fail("ds", f"have layers up to {len(by_layer) - 1}, as its attribute 'widths' has", layers)
    neurons = np.array([by_layer[int(l)] for l in layers], dtype=float)
    return DataArray(neurons, {"layer": ds["layer"]}, ("layer",))


def patterns(ds: Dataset) -> DataArray:
    """Number of patterns M, float64; of a campaign by what it depends on."""
    if "patterns" in ds.coords:
        return ds["patterns"].astype(float).reset_coords(drop=True)
    return xr.DataArray(float(attribute(ds, "patterns")))
