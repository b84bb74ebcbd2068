"""Words on axes from attributes, and the choice of what is drawn."""

import re
from collections.abc import Sequence

from xarray import DataArray, Dataset

from glassnet.analysis import mean_and_error, moving_layers
from glassnet.core.check import fail

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


def single_temperature(data: DataArray | Dataset) -> DataArray | Dataset:
    """`data` without the dimension `temperature`. Raises ValueError if it holds more than one."""
    if "temperature" not in data.dims:
        return data
    if data.sizes["temperature"] > 1:
        values = {"temperature": data["temperature"].values.tolist()}
        values |= {"beta": data["beta"].values.tolist()} if "beta" in data.coords else {}
        raise fail("data", "have a single temperature: select one with .sel(temperature=...)", values)
    return data.isel(temperature=0)


def by_layer(data: DataArray | Dataset, name: str) -> DataArray:
    """What is drawn against `layer`: a DataArray as it is, of a Dataset the variable `name` without clamped layers.

    Raises:
        ValueError: for more than one temperature, a missing variable, or no layer to draw.
    """
    data = single_temperature(data)
    values = moving_layers(data, name) if isinstance(data, Dataset) else data
    if not values.sizes.get("layer"):
        raise fail("data", "have layers that move along the dimension 'layer'", dict(values.sizes))
    return values


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
    chosen = known[-1:] if chosen is None else [chosen] if isinstance(chosen, (int, float)) else list(chosen)
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
