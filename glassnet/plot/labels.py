"""Words on axes from attributes, and the choice of what is drawn."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from xarray import DataArray, Dataset

from glassnet.analysis import mean_and_error, moving_layers
from glassnet.analysis.equilibration import WORDS
from glassnet.analysis.labels import ascending, attribute, in_words, result, variable, widths
from glassnet.core.check import fail
from glassnet.store.schema import RUNGS

OF_CLONES = ("sample", "clone", "clone_b", "waiting_time", "lag", "layer")
"""Dimensions of what clones measure at one temperature."""

GREEK = {"alpha": "alpha", "eps": "epsilon", "tau": "tau", "chi": "chi", "mu": "mu", "nu": "nu", "sum": "sum"}


def symbol(data: DataArray) -> str:
    """Symbol in the attributes as mathematics between dollar signs; empty without one."""
    text = str(data.attrs.get("symbol", ""))
    text = re.sub(rf"(?<![a-zA-Z])({'|'.join(GREEK)})(?![a-zA-Z])", lambda m: rf"\{GREEK[m[1]]} ", text)
    text = re.sub(r"_(\w\w+)", r"_{\\mathrm{\1}}", text)
    return f"${text}$" if text else ""


def label(data: DataArray) -> str:
    """Name in words, symbol and units of an axis; units that only normalise ("per ...") go without saying."""
    words = [str(data.attrs.get("long_name", data.name)), symbol(data)]
    units = str(data.attrs.get("units", "1"))
    if units != "1" and not units.startswith("per "):
        words.append(f"({units})")
    return " ".join(filter(None, words))


def conditions(data: Any) -> str:
    """Of what a picture is: temperature, load, width, depth and equilibrium, as far as the labels of `data` say."""
    if not isinstance(data, (DataArray, Dataset)):
        return ""
    known = {name: x.item() for name, x in data.coords.items() if not x.ndim}
    if isinstance(data, Dataset):
        known = {name: data.attrs[name] for name in ("alpha", "depth") if name in data.attrs} | known
    words = {"temperature": "T", "beta": r"\beta", "margin": r"\kappa", "guide_weight": r"\lambda", "alpha": r"\alpha"}
    told = [f"${symbol} = {_number(known[name])}$" for name, symbol in words.items() if name in known]
    hidden = _hidden_widths(data, known)
    if hidden:
        low, high = min(hidden), max(hidden)
        told.append(f"$N = {low:g}$" if low == high else f"$N = {low:g}$ to ${high:g}$")
    if "depth" in known:
        told.append(f"$L = {known['depth']:g}$")
    verdict = WORDS.get(str(data.attrs.get("equilibration")))
    return ", ".join(told if verdict is None else [*told, verdict])


def _number(x: float) -> str:
    return r"\infty" if np.isinf(x) else f"{x:.4g}"


def _hidden_widths(data: DataArray | Dataset, known: dict) -> list[float]:
    """Neurons of the hidden layers, as far as they are known."""
    if not isinstance(data, Dataset) or "depth" not in known or "layer" not in data.coords:
        return []
    if "widths" not in data.attrs and "neurons" not in data.coords:
        return []
    N = widths(data)
    inside = N["layer"].values < known["depth"]
    return N.values[..., inside].ravel().tolist() if N.dims == ("layer",) else []


def of_run(data: Any, *variables: str) -> Dataset:
    """A result at one temperature that has these variables, its coordinates in rising order.

    Raises:
        ValueError: for anything else, in one sentence.
    """
    return single_temperature(result(data, *variables, name="data"))


def array(data: Any, *dims: str, such: str) -> DataArray:
    """A variable at one temperature that has these dimensions, its coordinates in rising order.

    Raises:
        ValueError: for anything else, in one sentence.
    """
    if isinstance(data, DataArray):
        data = single_temperature(data)
    return variable(data, "data", *dims, such=such)


def overlaps_of(data: Any) -> DataArray:
    """Overlaps between configurations: an array as it is, of a result those of the spins at the end."""
    name = "final_spin_overlap"
    if isinstance(data, Dataset):
        data = result(data, name, name="data")[name]
    return array(data, "configuration", "configuration_b", such=name)


def only(values: DataArray, *dims: str) -> DataArray:
    """`values`, if they have no other dimensions, such as those of a campaign. Raises ValueError if they have."""
    further = sorted({*map(str, values.dims)} - {*dims})
    if further:
        raise fail("data", f"have no dimension {further[0]!r}: select from it or average", dict(values.sizes))
    return values


def temperatures(data: Dataset) -> list[tuple[float, Dataset]]:
    """Each temperature, coldest first, with the part of the result that belongs to it."""
    if "temperature" not in data.dims:
        return [(float(data.coords.get("temperature", np.nan)), data)]
    order = np.argsort(data["temperature"].values)
    return [(float(data["temperature"][n]), data.isel(temperature=int(n))) for n in order]


def evenly(count: int, most: int) -> list[int]:
    """Places of at most `most` of `count` things, evenly chosen, the first and the last among them."""
    return sorted({round(n * (count - 1) / (most - 1)) for n in range(most)}) if count > most else list(range(count))


def single_temperature(data: Any) -> Any:
    """`data` without the dimension `temperature`, its coordinates in rising order.

    Raises:
        ValueError: if it holds more than one temperature, or is no data at all.
    """
    if not isinstance(data, (DataArray, Dataset)):
        raise ValueError(f"Argument `data` must be a Dataset or a DataArray of it, but is {in_words(data)}.")
    data = ascending(data)
    for rung in set(data.dims) & set(RUNGS) - {"temperature"}:
        values = {rung: data[rung].values.tolist()}
        raise fail("data", f"have a single {rung.replace('_', ' ')}: select one with .sel({rung}=...)", values)
    if "temperature" not in data.dims:
        return data
    if data.sizes["temperature"] > 1:
        values = {"temperature": data["temperature"].values.tolist()}
        values |= {"beta": data["beta"].values.tolist()} if "beta" in data.coords else {}
        raise fail("data", "have a single temperature: select one with .sel(temperature=...)", values)
    if not data.sizes["temperature"]:
        raise fail("data", "have values along 'temperature'", dict(data.sizes))
    return data.isel(temperature=0)


def by_layer(data: DataArray | Dataset, name: str, *dims: str) -> DataArray:
    """What is drawn against `layer`: a DataArray as it is, of a Dataset the variable `name` without clamped layers.

    Raises:
        ValueError: for more than one temperature, a missing variable or one of `dims`, a dimension that runs do not
            have, or no layer to draw.
    """
    data = single_temperature(data)
    if isinstance(data, Dataset):
        data = result(data, name, name="data")
        attribute(data, "depth", "data")
        data = moving_layers(data, name)
    if not data.sizes.get("layer"):
        raise fail("data", "have layers that move along the dimension 'layer'", dict(data.sizes))
    return only(variable(data, "data", "layer", *dims, such=name), *OF_CLONES)


def over_samples(values: DataArray) -> Dataset:
    """`mean` and `error` over samples; without the dimension `sample` the values are the mean, the error NaN."""
    return mean_and_error(values if "sample" in values.dims else values.expand_dims("sample"))


def at_waiting_times(values: DataArray, chosen: float | Sequence[float] | None) -> DataArray:
    """`values` at some waiting times, the last one for None, along a dimension `waiting_time`.

    Raises:
        ValueError: if a waiting time is not among those measured.
    """
    if "waiting_time" not in values.dims:
        values = values.expand_dims("waiting_time") if "waiting_time" in values.coords else values
        return values if "waiting_time" in values.dims else values.expand_dims(waiting_time=[0])
    known = values["waiting_time"].values.tolist()
    chosen = [max(known)] if chosen is None else np.atleast_1d(np.asarray(chosen)).tolist()
    if not chosen or not set(chosen) <= set(known):
        raise fail("waiting_time", f"be among the waiting times {known}", chosen)
    return values.sel(waiting_time=chosen)


def logarithmic(values: DataArray | Dataset, clock: str) -> tuple[DataArray | Dataset, str]:
    """What a logarithmic axis of times can show: `values` after time 0 and "log".

    All and "linear" if nothing was measured after time 0.
    """
    later = values.sel({clock: values[clock] > 0})
    arrays = later.data_vars.values() if isinstance(later, Dataset) else [later]
    measured = any(x.notnull().any() for x in arrays if clock in x.dims)
    return (later, "log") if measured else (values, "linear")
