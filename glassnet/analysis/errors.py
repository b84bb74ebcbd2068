"""Means and error bars over samples."""

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.labels import described, own_words, variable
from glassnet.analysis.resampling import spread


@own_words
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
        ValueError: if `data` is no variable of numbers, or `dim` is missing or empty.
    """
    data = variable(data, "data", dim)
    values = over_clones(data, dim).astype(float)
    n = values.sizes[dim]
    mean = values.mean(dim, skipna=False)
    error = spread(values, dim, ddof=1) / np.sqrt(n)
    return Dataset({"mean": described(mean, **data.attrs), "error": described(error, **data.attrs)})


@own_words
def mean_pair_overlap(overlap: DataArray) -> DataArray:
    """Mean overlap over pairs of different clones.

    Args:
        overlap: dims `clone` and `clone_b` and any others.
    Returns:
        The other dimensions, with name and attributes of `overlap`; NaN for a single clone.
    Raises:
        ValueError: if `overlap` is no variable of numbers, or `clone` or `clone_b` is missing or empty.
    """
    overlap = variable(overlap, "overlap", "clone", "clone_b", such="spin_overlap")
    different = overlap["clone"] != overlap["clone_b"].drop_vars("clone", errors="ignore")
    pairs = int(different.sum())
    if pairs == 0:
        return xr.full_like(overlap.isel(clone=0, clone_b=0, drop=True), np.nan, dtype=float)
    total = overlap.where(different, 0.0).sum(("clone", "clone_b"), skipna=False)
    return described(total / pairs, **overlap.attrs).rename(overlap.name)


def over_clones(data: DataArray, dim: str = "sample") -> DataArray:
    """Mean over clones, or over pairs of different clones, of each sample; as it is where there are none."""
    if dim == "clone" or "clone" not in data.dims:
        return data
    return mean_pair_overlap(data) if "clone_b" in data.dims else data.mean("clone", skipna=False, keep_attrs=True)
