"""Results on a grid as one Dataset: every array is laid out once and filled run by run."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

Place = tuple[int, ...]
"""Place of a run in the grid, one number for each dim."""

LABELS = ("configuration_sample", "configuration_clone")
"""Coordinates that say what the numbers along `configuration` and `configuration_b` mean."""


def joined(
    parts: Mapping[Place, xr.Dataset], dims: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[xr.Dataset, list[str]]:
    """Results at some points of a grid, joined outer, and the names of the variables that cannot be joined.

    Args:
        parts: results by their place in the grid.
        dims: names of the dims of the grid.
        shape: size of the grid.
    """
    parts, left_out = _joinable(parts)
    union = unions(parts)
    places = {place: {d: positions(union[d], ds.variables[d].values) for d in ds.dims} for place, ds in parts.items()}

    def join(name: str) -> xr.Variable:
        found = {place: ds.variables[name] for place, ds in parts.items() if name in ds.variables}
        return _filled(found, places, union, dims, shape)

    labels = _names(ds.coords for ds in parts.values())
    labels = [name for name in labels if name not in union and name not in dims]
    coordinates = {name: _reduced(join(name), len(dims), _kind(parts, name)) for name in labels}
    variables = {name: join(name) for name in _names(ds.data_vars for ds in parts.values())}
    return xr.Dataset(variables, {**_indices(parts, union), **coordinates}), left_out


def unions(parts: Mapping[Place, xr.Dataset]) -> dict[Hashable, np.ndarray]:
    """Coordinates along each dim of the results: that of all if they agree, else all values in order."""
    found: dict[Hashable, list[np.ndarray]] = {}
    for ds in parts.values():
        for d in ds.dims:
            found.setdefault(d, []).append(ds.variables[d].values)
    return {d: _union(values) for d, values in found.items()}


def positions(union: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where `values` lie in `union`, which holds them all, in any order."""
    order = np.argsort(union)
    return order[np.searchsorted(union, values, sorter=order)]


def _union(values: list[np.ndarray]) -> np.ndarray:
    if all(np.array_equal(values[0], other) for other in values[1:]):
        return values[0]
    return np.unique(np.concatenate(values))


def _joinable(parts: Mapping[Place, xr.Dataset]) -> tuple[dict[Place, xr.Dataset], list[str]]:
    """The results without the variables that cannot be joined, and the names of these."""
    dims: dict[str, tuple] = {}
    left_out = set()
    clash = _labels_clash(parts)
    for ds in parts.values():
        for name in map(str, ds.data_vars):
            own = ds.variables[name].dims
            bare = any(d not in ds.variables for d in own)
            other = set(dims.setdefault(name, own)) != set(own)
            if bare or other or (clash and "configuration" in own):
                left_out.add(name)
    cut = {place: ds[[name for name in ds.data_vars if name not in left_out]] for place, ds in parts.items()}
    return cut, sorted(left_out)


def _labels_clash(parts: Mapping[Place, xr.Dataset]) -> bool:
    """Whether the same number along `configuration` means different samples or clones in two results."""
    seen: dict[int, tuple[int, ...]] = {}
    for ds in parts.values():
        if all(name in ds.coords for name in LABELS):
            labels = zip(*(ds[name].values.tolist() for name in LABELS), strict=True)
            rows = zip(ds["configuration"].values.tolist(), labels, strict=True)
            if any(seen.setdefault(number, label) != label for number, label in rows):
                return True
    return False


def _names(groups: Any) -> list[str]:
    """All names in several mappings, in the order in which they are met."""
    return list(dict.fromkeys(str(name) for group in groups for name in group))


def _filled(
    found: Mapping[Place, xr.Variable],
    places: Mapping[Place, dict[Hashable, np.ndarray]],
    union: Mapping[Hashable, np.ndarray],
    dims: tuple[str, ...],
    shape: tuple[int, ...],
) -> xr.Variable:
    """One variable of all results: NaN where none has a value, integers kept if there is no such place."""
    model = next(iter(found.values()))
    full = (*shape, *(len(union[d]) for d in model.dims))
    kind = np.result_type(*{x.dtype for x in found.values()})
    if kind.kind != "f" and sum(x.size for x in found.values()) < np.prod(full):
        kind = np.dtype(float)
    array = np.full(full, np.nan if kind.kind == "f" else 0, kind)
    for place, x in found.items():
        where = np.ix_(*(places[place][d] for d in model.dims))
        array[(*place, ...)][where] = x.transpose(*model.dims).values
    return xr.Variable((*dims, *model.dims), array, model.attrs)


def _reduced(x: xr.Variable, count: int, kind: np.dtype) -> xr.Variable:
    """`x` without those of its first `count` dims along which it does not change, NaN apart; as `kind` without NaN."""
    for dim in x.dims[:count]:
        axis = x.dims.index(dim)
        one = np.fmax.reduce(x.values, axis=axis)
        if ((x.values == np.expand_dims(one, axis)) | np.isnan(x.values)).all():
            x = xr.Variable([d for d in x.dims if d != dim], one, x.attrs)
    return x if np.isnan(x.values).any() else x.astype(kind)


def _kind(parts: Mapping[Place, xr.Dataset], name: str) -> np.dtype:
    """The type that holds a coordinate of all results."""
    return np.result_type(*{ds[name].dtype for ds in parts.values() if name in ds.coords})


def _indices(parts: Mapping[Place, xr.Dataset], union: Mapping[Hashable, np.ndarray]) -> dict[Hashable, xr.Variable]:
    """The coordinates along the dims of the results, with their attributes."""
    models = {d: next(ds[d] for ds in parts.values() if d in ds.dims) for d in union}
    return {d: xr.Variable(d, values, models[d].attrs) for d, values in union.items()}
