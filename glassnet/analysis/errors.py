"""Means and error bars over samples."""

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.labels import require
from glassnet.analysis.layers import mean_pair_overlap


def mean_and_error(data: DataArray, dim: str = "sample") -> Dataset:
    """Mean and its standard error over independent samples.

    error = sqrt(sum_s (x_s - mean)^2 / (n (n - 1)))

    which for a mean is the jackknife error too. Clones of one sample are not independent: they (or the pairs of
    different clones) are averaged first.

    Args:
        data: dims with `dim` among them; `clone`, or `clone` and `clone_b`, are averaged over.
        dim: dimension of independent values.
    Returns:
        `mean` and `error` with the attributes of `data`, without `dim` and clones. A NaN among the samples makes
        both NaN (leaving out what was not reached would bias them); for one sample the error is NaN.
    Raises:
        ValueError: if `dim` is missing.
    """
    require(data, "data", dim)
    values = over_clones(data, dim).astype(float)
    n = values.sizes[dim]
    mean = values.mean(dim, skipna=False)
    error = xr.full_like(mean, np.nan) if n < 2 else values.std(dim, ddof=1, skipna=False) / np.sqrt(n)
    return Dataset({"mean": mean.assign_attrs(data.attrs), "error": error.assign_attrs(data.attrs)})


def over_clones(data: DataArray, dim: str = "sample") -> DataArray:
    """Mean over clones, or over pairs of different clones, of each sample; as it is where there are none."""
    if dim == "clone" or "clone" not in data.dims:
        return data
    return mean_pair_overlap(data) if "clone_b" in data.dims else data.mean("clone", skipna=False, keep_attrs=True)
