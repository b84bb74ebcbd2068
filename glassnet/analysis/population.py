"""Populations of walkers: free energy with its error, weighted means, and whether enough families are left."""

import json
from typing import Any

import numpy as np
from xarray import DataArray, Dataset

from glassnet.analysis.errors import mean_and_error
from glassnet.analysis.labels import described, own_words, require, result, variable
from glassnet.analysis.resampling import jackknife
from glassnet.core.check import fail

FEWEST_FAMILIES = 100
"""Families that there must be, counted by their entropy, exp(S_f), as Wang, Machta and Katzgraber (2015) ask; and by
their mean square size, size / rho_t, which is at most as many."""

LARGEST_VARIANCE = 0.5
"""Variance of ln Z between populations up to which the mean with weights Z is one of many (ours): beyond, a few large
weights make it."""


@own_words
def population_summary(ds: Dataset) -> Dataset:
    """Free energy of population annealing along the schedule of the hosts, its errors, and whether to trust it.

    Samples that share their data are independent populations of one system: then Z(beta)/Z(0) is the mean of their
    estimates, which has no bias, ln Z its logarithm, its error that of the jackknife   [Machta, Phys. Rev. E 82, 026704
    (2010)], and half the variance of ln Z is what ln Z of a single population is too small by   [Wang, Machta and
    Katzgraber, Phys. Rev. E 92, 063307 (2015)]. Samples with data of their own are different systems: ln Z is averaged
    with its standard error, and the variance, which differences of the data are part of, is NaN.

    Args:
        ds: result of a run with `population`.
    Returns:
        By `time`, and `temperature` where there are several schedules: `population_beta`; `log_evidence`, ln
        Z(beta)/Z(0), with `log_evidence_error` and `log_evidence_variance`; `systematic_error`, half the variance;
        `free_energy`, -ln[Z(beta)/Z(0)]/beta, with `free_energy_error` (NaN at beta = 0); the smallest `families` and
        `family_entropy` and the largest `rho_t` of all populations. `verdict` in words: "good" (exp(family_entropy) and
        size/rho_t are at least 100, and the variance of ln Z, if known, at most 1/2), "bad", or "unmeasured".
    Raises:
        ValueError: if `ds` is not the result of a run with populations.
    """
    ds = result(ds, *MEASURED)
    size = _size(ds)
    require(ds["log_evidence"], "ds.log_evidence", "sample", "time")
    log, beta = ds["log_evidence"], ds["population_beta"].astype(float).mean("sample", skipna=False)
    if _one_system(ds):
        found = jackknife(_log_of_mean, log)
        value, error = found["value"], found["error"]
        variance = _covariance(log, log)
    else:
        both = mean_and_error(log)
        value, error = both["mean"], both["error"]
        variance = value * np.nan
    families, entropy = (ds[name].min("sample", skipna=False) for name in ("families", "family_entropy"))
    rho = ds["rho_t"].max("sample", skipna=False)
    enough = (size / rho >= FEWEST_FAMILIES) & (np.exp(entropy) >= FEWEST_FAMILIES)
    good = enough & ~(variance > LARGEST_VARIANCE)
    known = np.isfinite(value) & np.isfinite(rho)
    verdict = value.copy(data=np.where(known, np.where(good, "good", "bad"), "unmeasured"))
    per_beta = 1 / beta.where(beta > 0)
    ratio = "ln Z(beta)/Z(0)"
    return Dataset({
        "population_beta": described(beta, **ds["population_beta"].attrs),
        "log_evidence": described(value, long_name=ratio, units="1", symbol="ln Z/Z_0"),
        "log_evidence_error": described(error, long_name=f"standard error of {ratio}", units="1"),
        "log_evidence_variance": described(variance, long_name=f"variance of {ratio} between populations", units="1"),
        "systematic_error": described(variance / 2, long_name=f"bias of {ratio} of one population", units="1"),
        "free_energy": described(-value * per_beta, long_name="free energy less that of beta = 0", symbol="F - F_0"),
        "free_energy_error": described(error * per_beta, long_name="standard error of the free energy"),
        "families": described(families, **ds["families"].attrs),
        "family_entropy": described(entropy, **ds["family_entropy"].attrs),
        "rho_t": described(rho, **ds["rho_t"].attrs),
        "verdict": described(verdict, long_name="whether enough families are left"),
    })  # fmt: skip


MEASURED = ("population_beta", "log_evidence", "families", "family_entropy", "rho_t")


@own_words
def population_mean(ds: Dataset, name: str) -> Dataset:
    """Average at equilibrium from independent populations, with their Z as weights.

    <A> = sum_r Z_r A_r / sum_r Z_r,   A_r the mean over population r      [Machta, Phys. Rev. E 82, 026704 (2010)]

    Args:
        ds: result of a run with `population` whose samples share their data.
        name: variable of hosts or of clones; clones of a sample count as one population.
    Returns:
        By all other dimensions: `value`, `error`, `low` and `high` of the jackknife over samples, and
        `systematic_error`, by which the mean without weights differs from an infinite population's, -cov(A, ln Z)
        [Wang, Machta and Katzgraber, Phys. Rev. E 92, 063307 (2015)].
    Raises:
        ValueError: if `ds` is not the result of a run with populations, has no such variable, or its samples have data
            of their own.
    """
    log = (
        "clone_log_evidence" if isinstance(ds, Dataset) and "lag" in ds.get(name, DataArray()).dims else "log_evidence"
    )
    ds = result(ds, name, log)
    _size(ds)
    if not _one_system(ds):
        raise fail("ds", "have samples that share their data, and so are populations of one system", ds.attrs["task"])
    x = variable(ds[name], f"ds.{name}", "sample", "lag" if log.startswith("clone") else "time").astype(float)
    over = [dim for dim in ("sample", "clone") if dim in x.dims]

    def weighted(both: Dataset) -> DataArray:
        weight: Any = np.exp(both["log"] - both["log"].max(over, skipna=False))
        total = (weight * both["x"]).sum(over, skipna=False) / weight.sum(over, skipna=False)
        return total.transpose(*(d for d in x.dims if d not in over)).assign_attrs(x.attrs)

    found = jackknife(weighted, Dataset({"x": x, "log": ds[log]}))
    clones = [dim for dim in over if dim == "clone"]
    a, log_z = (y.mean(clones, skipna=False) for y in (x, ds[log]))
    off = -_covariance(a, log_z).transpose(*found["value"].dims)
    return found.assign(systematic_error=described(off, **x.attrs))


def _size(ds: Dataset) -> int:
    """Walkers of a population."""
    if "population_size" not in ds.attrs:
        raise fail("ds", "be the result of a run with populations", ds.attrs.get("title", "a Dataset without a title"))
    return int(ds.attrs["population_size"])


def _one_system(ds: Dataset) -> bool:
    """Whether all samples have the same data."""
    return len(set(json.loads(ds.attrs["config"])["data_sha256"])) == 1


def _log_of_mean(log: DataArray) -> DataArray:
    """Logarithm of the mean of exp(log) over samples."""
    largest = log.max("sample", skipna=False)
    relative: Any = np.exp(log - largest)
    return largest + np.log(relative.mean("sample", skipna=False))


def _covariance(x: DataArray, y: DataArray) -> DataArray:
    """Covariance over samples, n - 1 in the denominator, NaN for one sample."""
    n = x.sizes["sample"]
    product = (x - x.mean("sample", skipna=False)) * (y - y.mean("sample", skipna=False))
    return product.sum("sample", skipna=False) / (n - 1 if n > 1 else np.nan)
