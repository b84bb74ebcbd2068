"""Differences of means that equilibrium makes zero, and whether they are zero within their errors."""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit
from xarray import DataArray

from glassnet.analysis.errors import mean_and_error

FALSE_ALARMS = 1e-3
"""Probability that one of the checks fails in equilibrium, for all its comparisons together (Bonferroni)."""

RESOLUTION = 0.05
"""A comparison says something where its error is below this fraction of what is compared: see `Compared.size`."""


class Compared(NamedTuple):
    """Differences of means that equilibrium makes zero, as arrays of equal length.

    Attributes:
        names: what differs, in words.
        difference: of means over samples.
        error: its standard error.
        freedom: degrees of freedom of the error.
        size: what the error is held against: an energy or error, 1 for an overlap.
    """

    names: list[str]
    difference: np.ndarray
    error: np.ndarray
    freedom: np.ndarray
    size: np.ndarray


def unpaired(name: str, a: DataArray, b: DataArray, size: DataArray | float) -> Compared:
    """Means over the samples of two runs."""
    x, y = mean_and_error(a), mean_and_error(b)
    error = (x["error"] ** 2 + y["error"] ** 2) ** 0.5
    freedom = a.sizes["sample"] + b.sizes["sample"] - 2 if min(a.sizes["sample"], b.sizes["sample"]) > 1 else 0
    return _listed(name, x["mean"] - y["mean"], error, freedom, size)


def paired(name: str, difference: DataArray, size: DataArray | float) -> Compared:
    """Differences of each sample, or what is zero in the mean by itself."""
    pair = mean_and_error(difference)
    return _listed(name, pair["mean"], pair["error"], difference.sizes["sample"] - 1, size)


def _listed(name: str, difference: DataArray, error: DataArray, freedom: int, size: DataArray | float) -> Compared:
    labels = [f"{name}{_where(difference, place)}" for place in np.ndindex(difference.shape)]
    sizes = np.broadcast_to(np.asarray(size, float), difference.shape).reshape(-1)
    flat = difference.values.reshape(-1), error.values.reshape(-1)
    return Compared(labels, *flat, np.full(len(labels), freedom), sizes)


def _where(x: DataArray, place: tuple[int, ...]) -> str:
    """Layer and temperature of an entry, in words."""
    words = {"layer": "in layer {:g}", "temperature": "at T = {:.4g}"}
    places = zip(map(str, x.dims), place, strict=True)
    parts = [words[d].format(float(x[d].values[n])) for d, n in places if d in words]
    return f" {' '.join(parts)}" if parts else ""


def largest(freedom: np.ndarray, comparisons: int) -> np.ndarray:
    """How many errors the largest of so many differences may be: the limit of Student's t for `FALSE_ALARMS`."""
    return stdtrit(freedom, 1 - FALSE_ALARMS / (2 * comparisons))


def limit_in_words(limit: float, freedom: int) -> str:
    """The limit of a comparison: few samples have a high one."""
    return f"limit {limit:.3g} errors at {freedom} degree{'s' if freedom > 1 else ''} of freedom"


def judged(parts: list[Compared]) -> tuple[bool | None, str]:
    """Whether all differences are zero within their errors; what was found, in words."""
    if not parts:
        return None, "nothing can be compared"
    names = [name for part in parts for name in part.names]
    difference, error, freedom, size = (
        np.concatenate([getattr(p, f) for p in parts]) for f in ("difference", "error", "freedom", "size")
    )
    if (freedom < 1).any():
        return None, "one sample has no error"
    same = (error == 0) & (difference == 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(same, 0.0, np.abs(difference) / error)
    if not np.isfinite(z).all():  # samples that differ by the same step of a discrete energy have no error, by chance
        n = int(np.argmax(~np.isfinite(z)))
        return None, f"{names[n]} differs by {difference[n]:.3g}, without an error"
    limit = largest(freedom, len(z))
    n = int(np.argmax(z / limit))
    told = f"{names[n]} differs by {difference[n]:.3g} +- {error[n]:.2g} ({limit_in_words(limit[n], freedom[n])})"
    if z[n] > limit[n]:
        return False, told
    coarse = error > RESOLUTION * size
    if coarse.any():
        n = int(np.argmax(error / np.maximum(size, 1e-300)))
        return None, f"the error of {names[n]}, {error[n]:.2g}, is too large to tell"
    return True, f"of {len(z)} comparisons the worst: {told}"
