"""Variables that follow from measured ones."""

from xarray import DataArray, Dataset

from glassnet.analysis.labels import labelled, own_words, require, result
from glassnet.analysis.relaxation import mean_relaxation_time
from glassnet.analysis.susceptibility import susceptibility
from glassnet.core.check import fail


@own_words
def derive(ds: Dataset) -> Dataset:
    """A result with the variables that follow from its measured ones.

    Adds `weight_autocorrelation_normalised` (over its value at lag 0), `susceptibility_clones`,
    `susceptibility_samples`, and `relaxation_time` and `relaxation_time_weights` as `mean_relaxation_time` gives them,
    with their `_error` and `_censored`; each only where the measured variable is present, by layer of a machine. Means
    over populations have no susceptibility.

    Args:
        ds: result of a run; the attributes `widths` and `patterns` are read.
    Returns:
        A new Dataset with dims and attributes of the schema, `temperature` kept where present.
    Raises:
        ValueError: if `ds` is no Dataset, an attribute is missing, or lag 0 of the weights.
    """
    ds = result(ds)
    new: dict = {}
    if "widths" not in ds.attrs:
        return ds  # another system may use these names for something else
    if "spin_autocorrelation" in ds:
        if "population_size" not in ds.attrs:
            new |= dict(susceptibility(ds).data_vars)
        new |= _relaxation(ds["spin_autocorrelation"], "relaxation_time")
    if "weight_autocorrelation" in ds:
        C = result(ds, "weight_autocorrelation")["weight_autocorrelation"]
        require(C, "ds.weight_autocorrelation", "lag")
        if 0 not in C["lag"]:
            raise fail("ds", "have lag 0, by which weights are normalised", C["lag"].values.tolist())
        normalised = labelled(C / C.sel(lag=0).variable, "weight_autocorrelation_normalised")
        new["weight_autocorrelation_normalised"] = normalised
        new |= _relaxation(normalised, "relaxation_time_weights")
    return ds.assign(new)


def _relaxation(correlation: DataArray, name: str) -> dict[str, DataArray]:
    tau = mean_relaxation_time(correlation)
    parts = {name: "value", f"{name}_error": "error", f"{name}_censored": "censored"}
    return {new: labelled(tau[part], new) for new, part in parts.items()}
