"""Plateaus of correlations in the logarithm of the lag."""

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.errors import over_clones
from glassnet.analysis.labels import require
from glassnet.analysis.relaxation import LEVEL
from glassnet.analysis.resampling import bootstrap
from glassnet.core.check import finite, positive

FLATTER = 2.0
"""A plateau falls less than an earlier decade does by this factor."""


def plateau(correlation: DataArray, *, level: float = LEVEL, decades: float = 1.0) -> DataArray:
    """Height of the plateau of each curve: its mean over that decade of lags in which it falls least.

    height = mean of c(t') over t <= t' <= w t,   t = argmin c(t) - c(w t),   w = 10^decades

    among the lags t with c(w t) >= `level`, the border of solid and liquid [Huang et al. 2025], that come after a
    decade (or after a first step from lag 0 to the shortest lag) in which c falls at least twice as much: so a
    stretched exponential alone, which falls ever faster above 1/e, has no plateau. The decay from the plateau need
    not lie within the lags.

    Args:
        correlation: any dimensions with `lag` (sweeps) among them.
        level: what falls below it is liquid.
        decades: length of the plateau.
    Returns:
        Without `lag`; NaN where there is no plateau within the lags, or where the curve holds a NaN.
    Raises:
        ValueError: if there is no dimension `lag` or a number is out of range.
    """
    require(correlation, "correlation", "lag")
    finite(level=level)
    positive(decades=decades)
    curve = correlation.astype(float).sortby("lag")
    found = xr.apply_ufunc(
        _plateau,
        curve,
        input_core_dims=[["lag"]],
        kwargs={"lag": curve["lag"].values, "level": level, "factor": 10**decades},
    )
    words = f"plateau of the {correlation.attrs.get('long_name', 'correlation')}"
    return found.rename("plateau").assign_attrs(correlation.attrs, long_name=words)


def _plateau(c: np.ndarray, lag: np.ndarray, level: float, factor: float) -> np.ndarray:
    """Heights of curves whose last axis is the lag."""
    end = np.searchsorted(lag, factor * lag * (1 - 1e-9))
    starts = np.flatnonzero((lag > 0) & (end < len(lag)))
    if not len(starts):
        return np.full(c.shape[:-1], np.nan)
    ends = end[starts]
    fall = c[..., starts] - c[..., ends]
    first = c[..., :1] - c[..., starts[:1]]
    steepest = np.maximum.accumulate(np.concatenate([first, fall], -1), -1)[..., :-1]
    candidate = (c[..., ends] >= level) & (steepest >= FLATTER * fall)
    best = np.where(candidate, fall, np.inf).argmin(-1)[..., None]
    total = np.concatenate([np.zeros_like(c[..., :1]), np.cumsum(c, -1)], -1)
    heights = (total[..., ends + 1] - total[..., starts]) / (ends + 1 - starts)
    known = candidate.any(-1) & np.isfinite(c).all(-1)
    return np.where(known, np.take_along_axis(heights, best, -1)[..., 0], np.nan)


def plateau_height(
    correlation: DataArray, *, seed: int, resamples: int = 300, level: float = LEVEL, decades: float = 1.0
) -> Dataset:
    """Plateau of the mean over samples (and clones), with its error over samples by bootstrap.

    Where the plateau is found is chosen anew in each resample.

    Args:
        correlation: dims with `sample` and `lag`; clones, or pairs of different clones, are averaged over.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        level: as in `plateau`.
        decades: as in `plateau`.
    Returns:
        `value`, `error`, `low`, `high` as `bootstrap` gives them.
    Raises:
        ValueError: as `plateau`, or if there is no dimension `sample`.
    """
    require(correlation, "correlation", "sample", "lag")
    curves = over_clones(correlation)

    def height(c: DataArray) -> DataArray:
        return plateau(c.mean("sample", skipna=False, keep_attrs=True), level=level, decades=decades)

    return bootstrap(height, curves, seed=seed, resamples=resamples)
