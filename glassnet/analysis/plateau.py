"""Plateaus of correlations in the logarithm of the lag."""

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.errors import over_clones
from glassnet.analysis.labels import described, own_words, variable
from glassnet.analysis.relaxation import LEVEL
from glassnet.analysis.resampling import jackknife
from glassnet.core.check import finite, positive

FLATTER = 2.0
"""A plateau falls less than an earlier decade does by this factor."""


@own_words
def plateau(correlation: DataArray, *, level: float = LEVEL, decades: float = 1.0) -> Dataset:
    """Height of the plateau of each curve: its mean over that decade of lags in which it falls least.

    height = mean of c(t') over t <= t' <= w t,   t = argmin c(t) - c(w t),   w = 10^decades

    among the lags t with c(w t) >= `level`, the border of solid and liquid [Huang et al. 2025], that come after a
    decade (or after a first step from lag 0 to the shortest lag) in which c falls at least twice as much: so a
    stretched exponential alone, which falls ever faster above 1/e, has no plateau. The decay from the plateau need
    not lie within the lags.

    Args:
        correlation: any dimensions with `lag` (sweeps) among them.
        level: what falls below it is liquid; 1/e^2 belongs to squared correlations.
        decades: length of the plateau.
    Returns:
        `height` and the `first_lag` and `last_lag` of that decade (sweeps), without `lag`; NaN where there is no
        plateau within the lags, or where the curve holds a NaN.
    Raises:
        ValueError: if `correlation` is no variable of numbers by `lag`, or a number is out of range.
    """
    curve = variable(correlation, "correlation", "lag").astype(float).sortby("lag")
    finite(level=level)
    positive(decades=decades)
    height, first, last = xr.apply_ufunc(
        _plateau,
        curve,
        input_core_dims=[["lag"]],
        output_core_dims=[[], [], []],
        kwargs={"lag": curve["lag"].values.astype(float), "level": level, "factor": 10**decades},
    )
    words = f"plateau of the {correlation.attrs.get('long_name', 'correlation')}"
    new = {
        "height": described(height, units=correlation.attrs.get("units"), long_name=words),
        "first_lag": described(first, units="sweeps", long_name=f"begin of the {words}"),
        "last_lag": described(last, units="sweeps", long_name=f"end of the {words}"),
    }
    return Dataset(new)


def _plateau(c: np.ndarray, lag: np.ndarray, level: float, factor: float) -> tuple[np.ndarray, ...]:
    """Height, first and last lag for curves whose last axis is the lag."""
    end = np.searchsorted(lag, factor * lag * (1 - 1e-9))
    starts = np.flatnonzero((lag > 0) & (end < len(lag)))
    if not len(starts):
        return (np.full(c.shape[:-1], np.nan),) * 3
    ends = end[starts]
    fall = c[..., starts] - c[..., ends]
    first = c[..., :1] - c[..., starts[:1]]
    steepest = np.maximum.accumulate(np.concatenate([first, fall], -1), -1)[..., :-1]
    candidate = (c[..., ends] >= level) & (steepest >= FLATTER * fall)
    best = np.where(candidate, fall, np.inf).argmin(-1)
    total = np.concatenate([np.zeros_like(c[..., :1]), np.cumsum(c, -1)], -1)
    heights = (total[..., ends + 1] - total[..., starts]) / (ends + 1 - starts)
    height = np.take_along_axis(heights, best[..., None], -1)[..., 0]
    known = candidate.any(-1) & np.isfinite(c).all(-1)
    return tuple(np.where(known, x, np.nan) for x in (height, lag[starts[best]], lag[ends[best]]))


@own_words
def plateau_height(correlation: DataArray, *, level: float = LEVEL, decades: float = 1.0) -> Dataset:
    """Plateau of the mean over samples (and clones), with its standard error over samples.

    The error is that of the mean over the decade found, which is not chosen anew for each sample.

    Args:
        correlation: dims with `sample` and `lag`; clones, or pairs of different clones, are averaged over.
        level: as in `plateau`.
        decades: as in `plateau`.
    Returns:
        `value`, `error`, `low`, `high` (68 %) as `jackknife` gives them, and `first_lag`, `last_lag`; NaN where
        there is no plateau.
    Raises:
        ValueError: as `plateau`, or if there is no dimension `sample`.
    """
    correlation = variable(correlation, "correlation", "sample", "lag")
    curves = over_clones(correlation.astype(float)).sortby("lag")
    place = plateau(curves.mean("sample", skipna=False, keep_attrs=True), level=level, decades=decades)
    lag = curves["lag"]
    heights = curves.where((lag >= place["first_lag"]) & (lag <= place["last_lag"])).mean("lag")
    out = jackknife(lambda x: x.mean("sample", skipna=False), heights)
    heights = {name: described(x, **place["height"].attrs) for name, x in out.data_vars.items()}
    return Dataset(heights).assign(place[["first_lag", "last_lag"]].data_vars)
