"""R-hat and effective sample size of the energies, as users of Markov chains elsewhere know them."""

import json

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.labels import ascending, described, own_words, require, result
from glassnet.core.check import fail, is_number

FEWEST, ENOUGH = 4, 20
"""Measurements of a chain below which it cannot be cut into halves that have a variance, and below which its halves do
not tell how long it remembers: an effective sample size of fewer exceeds their number."""


@own_words
def convergence(ds: Dataset, *, since: float | None = None) -> Dataset:
    """R-hat and effective sample size of the energy of each layer, over the clones of the last waiting time.

    The clones are the chains: of all samples together if these share their data, else of each sample by itself, of
    which the worst counts. R-hat is that of ranks and halves, the effective sample size that of the bulk   [Vehtari et
    al., Bayesian Analysis 16, 667 (2021)], by arviz-stats. Of glasses both say little: chains that are all caught
    agree. They can speak against equilibrium and not for it (`equilibration`). Lags are not equidistant, so that the
    size is one of the measurements that were kept, not of sweeps.

    Args:
        ds: result of a run.
        since: lag in sweeps from which on measurements count; a tenth of the longest one if None.
    Returns:
        `r_hat` and `effective_sample_size` by `layer` (and `temperature`), NaN where an energy never changes or a chain
        has less than 4 measurements, for the size 20; attributes `chains` and `measurements`, their numbers.
    Raises:
        ValueError: if `ds` is no result of a run, or `since` is no lag of it.
    """
    from arviz_stats.base import array_stats  # slow to load

    ds = ascending(result(ds, "clone_energy"))
    require(ds["clone_energy"], "ds.clone_energy", "sample", "clone", "waiting_time", "lag")
    energy = ds["clone_energy"].isel(waiting_time=-1, drop=True)
    longest = float(ds["lag"].max())
    since = longest / 10 if since is None else since
    if not is_number(since) or not 0 <= since <= longest:
        raise fail("since", f"be a lag from 0 to {longest:g}", since)
    late = energy.isel(lag=(ds["lag"] >= since).values).astype(float)
    together = len(json.loads(str(ds.attrs.get("config", "{}"))).get("tasks", [])) == 1
    groups = (
        late.stack(chain=("sample", "clone")).expand_dims("group")
        if together
        else late.rename(sample="group", clone="chain")
    )
    groups = groups.transpose("group", ..., "chain", "lag")
    shape, (chains, measurements) = groups.shape[:-2], groups.shape[-2:]
    r_hat, size = np.full(shape, np.nan), np.full(shape, np.nan)
    for place in np.ndindex(shape) if measurements >= FEWEST else ():
        values = groups.values[place]
        if np.isfinite(values).all() and np.ptp(values):
            r_hat[place] = array_stats.rhat(values)
            size[place] = array_stats.ess(values) if measurements >= ENOUGH else np.nan
    dims = {d: groups[d] for d in groups.dims[1:-2] if d in groups.coords}
    found = {
        "r_hat": described(_worst(np.fmax, r_hat, groups, dims), long_name="R-hat of the energy", units="1"),
        "effective_sample_size": described(
            _worst(np.fmin, size, groups, dims), long_name="effective sample size of the energy", units="measurements"
        ),
    }
    return Dataset(found, attrs={"chains": chains, "measurements": chains * measurements})


def _worst(of: np.ufunc, values: np.ndarray, groups: DataArray, coords: dict) -> DataArray:
    """The worst of all groups, without those that have no value."""
    return xr.DataArray(of.reduce(values, axis=0), dims=groups.dims[1:-2], coords=coords)
