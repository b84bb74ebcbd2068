"""Peaks of curves against lag, and the peak of the dynamic susceptibility."""

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.labels import described, own_words, variable
from glassnet.analysis.resampling import bootstrap, named
from glassnet.analysis.susceptibility import correlation_and_size, susceptibility_of_clones, susceptibility_of_samples
from glassnet.core.check import one_of

OVER = {
    "clones": (susceptibility_of_clones, lambda chi: chi.mean("sample", skipna=False)),
    "samples": (lambda c: c.mean("clone", skipna=False), susceptibility_of_samples),
}
"""Of what the variance is taken: what is computed in each sample, and what of all samples together."""
WORDS = {
    "height": {"units": "neurons times patterns", "long_name": "peak of the susceptibility"},
    "peak": {"units": "sweeps", "long_name": "lag of the peak of the susceptibility"},
}


@own_words
def susceptibility_peak(ds: Dataset, *, over: str = "clones", seed: int, resamples: int = 300) -> Dataset:
    """Height and lag of the peak of chi4 of each layer, with errors over samples by bootstrap.

    chi4_l(t) = N_l M Var[c_l(t, t_w)]      [Yoshino 2020]

    over clones (then the mean over samples is taken before the peak is sought) or over samples (of the mean of
    their clones), the two that `susceptibility` keeps apart.

    Args:
        ds: result with `spin_autocorrelation` and the attributes `widths` and `patterns`.
        over: "clones" or "samples".
        seed: of the bootstrap.
        resamples: of the bootstrap.
    Returns:
        `height` (neurons times patterns), `peak_lag` (sweeps), and of both `_error`, `_low`, `_high`, dims
        (waiting_time, layer) with `temperature` where present. NaN where the peak is at the border of the lags;
        error and interval also where it is there in one resample.
    Raises:
        ValueError: if the variable or an attribute is missing or `over` is not known.
    """
    one_of(OVER, over=over)
    c, size = correlation_and_size(ds)
    of_each, of_all = OVER[over]

    def highest(x: DataArray) -> DataArray:
        return peak(of_all(x) * size).to_dataarray("quantity")

    out = named(bootstrap(highest, of_each(c), seed=seed, resamples=resamples), "quantity")
    return Dataset({name: described(x, **WORDS[str(name).split("_")[0]]) for name, x in out.data_vars.items()})


@own_words
def peak(curve: DataArray) -> Dataset:
    """Highest point of each curve against lag, on the parabola in ln t through it and its neighbours.

    Args:
        curve: any dimensions with `lag` (sweeps) among them; lag 0 is left out.
    Returns:
        `height` in the units of `curve` and `lag` in sweeps, without the dimension `lag`. NaN where the highest
        point is at the first or last lag (the peak was not reached) or where the curve holds a NaN.
    Raises:
        ValueError: if `curve` is no variable of numbers by `lag`.
    """
    curve = variable(curve, "curve", "lag", such="susceptibility_clones")
    positive_lags = curve.isel(lag=curve["lag"].values > 0).sortby("lag")
    height, lag = xr.apply_ufunc(
        _peak,
        positive_lags.astype(float),
        input_core_dims=[["lag"]],
        output_core_dims=[[], []],
        kwargs={"log_lag": np.log(positive_lags["lag"].values)},
    )
    name = curve.attrs.get("long_name", "curve")
    return Dataset(
        {
            "height": described(height, units=curve.attrs.get("units"), long_name=f"peak of the {name}"),
            "peak_lag": described(lag, units="sweeps", long_name=f"lag of the peak of the {name}"),
        }
    )


def _peak(y: np.ndarray, log_lag: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height and lag of the vertex of each curve, the lag being the last axis."""
    if len(log_lag) < 3:
        nothing = np.full(y.shape[:-1], np.nan)
        return nothing, nothing
    top = np.where(np.isfinite(y), y, -np.inf).argmax(-1)
    inside = (top > 0) & (top < len(log_lag) - 1) & np.isfinite(y).all(-1)
    middle = np.clip(top, 1, len(log_lag) - 2)
    (x0, x1, x2), (y0, y1, y2) = zip(
        *((log_lag[middle + k], np.take_along_axis(y, middle[..., None] + k, -1)[..., 0]) for k in (-1, 0, 1)),
        strict=True,
    )
    left, right = (y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)
    curvature = (right - left) / (x2 - x0)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(curvature < 0, (x0 + x1) / 2 - left / (2 * curvature), x1)
    height = y1 + (x - x1) * (left + curvature * (x - x0))
    return np.where(inside, height, np.nan), np.exp(np.where(inside, x, np.nan))
