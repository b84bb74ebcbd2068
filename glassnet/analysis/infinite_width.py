"""Extrapolation of an observable to infinite width."""

import numpy as np
import scipy
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.labels import described, own_words, variable
from glassnet.core.check import fail, positive


@own_words
def infinite_width(value: DataArray, error: DataArray, *, w: float | None = None) -> Dataset:
    """Extrapolation to infinite width by weighted least squares.

    y(N) = y_inf + amplitude N^-w

    Args:
        value: means by `width` (coordinate N), any other dimensions; such as `mean` of `mean_and_error`.
        error: their standard errors, positive, independent at different widths.
        w: exponent of the correction, fitted if None (between 0.05 and 5).
    Returns:
        `y_inf`, `amplitude`, `w` and their `_error` (from the covariance of the fit; 0 for a given w), and
        `chi_squared` over degrees of freedom (NaN without any). All NaN where a value or error is NaN, the fit does
        not converge, or w comes out at a bound.
    Raises:
        ValueError: if `width` is missing, there are less widths than parameters, w is not positive or an error is
            not.
    """
    value = variable(value, "value", "width", such="energy").sortby("width")
    error = variable(error, "error", "width", such="energy").sortby("width")
    try:
        xr.align(value, error, join="exact")
    except ValueError as difference:
        raise fail("error", "be at the widths and labels of `value`", dict(error.sizes)) from difference
    if w is not None:
        positive(w=w)
    least = 3 if w is None else 2
    if value.sizes["width"] < least:
        raise fail("value", f"have at least {least} widths", value.sizes["width"])
    if bool((error <= 0).any()):
        raise fail("error", "be positive", float(error.min()))
    width = np.asarray(value["width"].values, dtype=float)
    positive(smallest_width=float(width.min()))
    columns = xr.apply_ufunc(
        _extrapolated,
        value.astype(float),
        error.astype(float),
        input_core_dims=[["width"]] * 2,
        output_core_dims=[[]] * 7,
        vectorize=True,
        kwargs={"width": width, "w": w},
    )
    units = {"y_inf": value.attrs.get("units", "1"), "amplitude": "units of y_inf times N^w", "w": "1"}
    names = ["y_inf", "amplitude", "w", "y_inf_error", "amplitude_error", "w_error", "chi_squared"]
    labelled = zip(names, columns, strict=True)
    return Dataset({k: described(x, units=units.get(k.removesuffix("_error"), "1")) for k, x in labelled})


def _extrapolated(y: np.ndarray, error: np.ndarray, *, width: np.ndarray, w: float | None) -> tuple[float, ...]:
    """y_inf, amplitude, w, their errors and chi squared over degrees of freedom; NaN without a fit."""
    nothing = (np.nan,) * 7
    if not (np.isfinite(y).all() and np.isfinite(error).all()):
        return nothing
    N = width / width.min()

    def law(_: np.ndarray, y_inf: float, amplitude: float, power: float = w or 1.0) -> np.ndarray:
        return y_inf + amplitude * N**-power

    ends = y[np.argmax(N)], y[np.argmin(N)] - y[np.argmax(N)]
    start, low, high = (ends, -np.inf, np.inf) if w else ((*ends, 1.0), [-np.inf, -np.inf, 0.05], [np.inf, np.inf, 5.0])
    try:
        best, covariance = scipy.optimize.curve_fit(law, N, y, start, error, absolute_sigma=True, bounds=(low, high))
    except (RuntimeError, scipy.optimize.OptimizeWarning):
        return nothing
    power = w or best[2]
    if not (w or 0.051 < power < 4.99):
        return nothing
    freedom = len(y) - len(best)
    chi = float((((y - law(N, *best)) / error) ** 2).sum() / freedom) if freedom else np.nan
    slope = np.array([0, width.min() ** power, best[1] * width.min() ** power * np.log(width.min())])[: len(best)]
    spread = np.sqrt(np.diag(covariance))
    amplitude_error = np.sqrt(slope @ covariance @ slope)
    return best[0], best[1] * slope[1], power, spread[0], amplitude_error, 0.0 if w else spread[2], chi
