"""Variables that follow from measured ones."""

from xarray import DataArray, Dataset

from glassnet.analysis.labels import labelled
from glassnet.analysis.relaxation import relaxation_time
from glassnet.analysis.susceptibility import susceptibility


def derive(ds: Dataset) -> Dataset:
    """A result with the variables that follow from its measured ones.

    Adds `weight_autocorrelation_normalised` (over its value at lag 0), `susceptibility_clones`,
    `susceptibility_samples`, and `relaxation_time` and `relaxation_time_weights` of the mean over clones; each
    only where the measured variable is present, by layer of a machine.

    Args:
        ds: result of a run; the attributes `widths` and `patterns` are read.
    Returns:
        A new Dataset with dims and attributes of the schema, `temperature` kept where present.
    Raises:
        ValueError: if an attribute is missing.
    """
    new: dict = {}
    if "widths" not in ds.attrs:
        return ds  # another system may use these names for something else
    if "spin_autocorrelation" in ds:
        new |= dict(susceptibility(ds).data_vars)
        new["relaxation_time"] = _relaxation(ds["spin_autocorrelation"], "relaxation_time")
    if "weight_autocorrelation" in ds:
        C = ds["weight_autocorrelation"]
        normalised = labelled(C / C.sel(lag=0).variable, "weight_autocorrelation_normalised")
        new["weight_autocorrelation_normalised"] = normalised
        new["relaxation_time_weights"] = _relaxation(normalised, "relaxation_time_weights")
    return ds.assign(new)


def _relaxation(correlation: DataArray, name: str) -> DataArray:
    return labelled(relaxation_time(correlation.mean("clone", skipna=False)), name)
