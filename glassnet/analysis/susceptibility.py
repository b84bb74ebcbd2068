"""Dynamic susceptibility: how much the spin autocorrelation differs between clones and between samples."""

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.labels import labelled, own_words, patterns, require, result, widths
from glassnet.core.check import fail


@own_words
def susceptibility(ds: Dataset) -> Dataset:
    """Dynamic susceptibility chi4 of each layer, over clones and over samples.

    chi4_l(t, t_w) = N_l M Var[c_l(t, t_w)]      [Yoshino 2020]

    The variance (n - 1 in the denominator) is taken over the clones of each sample, and over the samples of the
    mean of their clones. The second is not corrected for the finite number of clones: it still holds 1/clones of
    the first.

    Args:
        ds: result with `spin_autocorrelation` and the attributes `widths` and `patterns`.
    Returns:
        `susceptibility_clones` (sample, waiting_time, lag, layer) and `susceptibility_samples` (waiting_time, lag,
        layer), in neurons times patterns, with `temperature` where present; NaN for a single clone or sample.
    Raises:
        ValueError: if the variable or an attribute is missing, or `ds` is of populations, whose means fluctuate less.
    """
    c, size = correlation_and_size(ds)
    variances = {
        "susceptibility_clones": susceptibility_of_clones(c),
        "susceptibility_samples": susceptibility_of_samples(c.mean("clone", skipna=False)),
    }
    return Dataset({name: labelled(variance * size, name) for name, variance in variances.items()})


def correlation_and_size(ds: Dataset) -> tuple[DataArray, DataArray]:
    """The spin autocorrelation in float64, and N_l M of each layer. Raises ValueError as `susceptibility`."""
    ds = result(ds, "spin_autocorrelation")
    if "population_size" in ds.attrs:
        requirement = "hold correlations of single configurations, which fluctuate, not means over populations"
        raise fail("ds", requirement, ds.attrs.get("title", "a Dataset without a title"))
    c = ds["spin_autocorrelation"].astype(float)
    require(c, "ds.spin_autocorrelation", "sample", "clone", "lag", "layer")
    return c, widths(ds) * patterns(ds)


def susceptibility_of_clones(c: DataArray) -> DataArray:
    """Variance over the clones of each sample, n - 1 in the denominator, NaN for one clone."""
    return _variance(c, "clone")


def susceptibility_of_samples(c: DataArray) -> DataArray:
    """Variance over samples, n - 1 in the denominator, NaN for one sample."""
    return _variance(c, "sample")


def _variance(values: DataArray, dim: str) -> DataArray:
    """Variance with n - 1 in the denominator, NaN for one value."""
    if values.sizes[dim] < 2:
        return xr.full_like(values.isel({dim: 0}, drop=True), np.nan)
    return values.var(dim, ddof=1, skipna=False)
