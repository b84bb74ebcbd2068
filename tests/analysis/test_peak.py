import json

import numpy as np
import pytest
import xarray as xr

from glassnet.analysis import peak, susceptibility_peak
from glassnet.core.schedule import log_times

LAGS = np.array(log_times(10_000, 8))
RNG = np.random.default_rng(7)


def bump(height, lag, width=1.0):
    with np.errstate(divide="ignore"):
        return height * np.exp(-(np.log(LAGS / lag) ** 2) / (2 * width**2))


def curve(*values):
    return xr.DataArray(np.stack(values), dims=("layer", "lag"), coords={"lag": LAGS}, attrs={"units": "1"})


@pytest.mark.parametrize("lag", [12.0, 100.0, 777.0])
def test_known_peak(lag):
    out = peak(curve(bump(3.0, lag)))
    assert out.height.item() == pytest.approx(3.0, rel=0.005)
    assert out.peak_lag.item() == pytest.approx(lag, rel=0.02)
    assert out.peak_lag.attrs["units"] == "sweeps" and out.height.attrs["units"] == "1"


def test_parabola_is_exact():
    y = 2 - 0.3 * (np.log(np.maximum(LAGS, 1)) - np.log(55)) ** 2
    out = peak(curve(y))
    np.testing.assert_allclose([out.height.item(), out.peak_lag.item()], [2, 55])


def test_border_is_not_reached():
    falling, rising = 1 / (1.0 + LAGS), np.log1p(LAGS)
    nan = np.where(LAGS == 100, np.nan, bump(1, 20))
    almost_straight = np.log(np.maximum(LAGS, 1.0)) * (1 - 1e-9 * np.log(np.maximum(LAGS, 1.0)))
    out = peak(curve(falling, rising, nan, np.ones(len(LAGS)), almost_straight))
    assert out.height.isnull().all() and out.peak_lag.isnull().all()
    assert peak(curve(bump(1, 20)).isel(lag=slice(3))).height.isnull().all()


def test_order_of_lags_and_lag_zero_do_not_matter():
    c = curve(bump(1.0, 40.0))
    c[:, 0] = 9.0
    assert peak(c.isel(lag=slice(None, None, -1))).equals(peak(c))


def result(samples, clones, *, widths=(9, 20, 30), patterns=10, height=(4.0, 2.0), lag=(60.0, 300.0)):
    """c of two layers whose variance over clones (and over samples) makes chi4 peak at a known height and lag."""
    spread = np.sqrt(np.stack([bump(h, t) / (n * patterns) for h, t, n in zip(height, lag, widths[1:], strict=True)]))
    clone, sample = RNG.normal(size=(samples, clones, 1, 1)), RNG.normal(size=(samples, 1, 1, 1))
    c = (clone + 2 * sample) * spread
    dims = ("sample", "clone", "layer", "lag")
    attrs = {"widths": json.dumps(widths), "patterns": patterns}
    return xr.Dataset({"spin_autocorrelation": (dims, c)}, {"lag": LAGS, "layer": [1, 2]}, attrs)


def test_peak_over_clones_within_its_error():
    out = susceptibility_peak(result(40, 6), seed=0)
    z = (out.height - xr.DataArray([4.0, 2.0], dims="layer")) / out.height_error
    assert (abs(z) < 4.5).all() and (out.height_error < 0.3 * out.height).all()
    np.testing.assert_allclose(out.peak_lag, [60, 300], rtol=0.03)
    assert (out.height_low < out.height).all() and (out.height < out.height_high).all()


def test_peak_over_samples_within_its_error():
    out = susceptibility_peak(result(200, 5), over="samples", seed=0)
    z = (out.height - (4 + 1 / 5) * xr.DataArray([4.0, 2.0], dims="layer")) / out.height_error
    assert (abs(z) < 4.5).all() and (out.height_error < 0.3 * out.height).all()


def test_lag_has_an_error():
    """Peaks of single samples at lags that differ: the error of the mean peak's lag is not zero."""
    parts = [result(1, 30, lag=(t, 300.0)) for t in (30.0, 40.0, 60.0, 90.0, 120.0)]
    out = susceptibility_peak(xr.concat(parts, "sample", data_vars="minimal", combine_attrs="override"), seed=0)
    assert 0.05 < (out.peak_lag_error / out.peak_lag).isel(layer=0).item() < 0.6


def test_not_reached():
    out = susceptibility_peak(result(5, 4, lag=(1e6, 300.0)), seed=0)
    assert out.height.isnull().values.tolist() == [True, False]
    assert out.height_error.isnull().values.tolist() == [True, False]


def test_bad_input():
    with pytest.raises(ValueError, match="`over` must be one of 'clones', 'samples', but is 'time'"):
        susceptibility_peak(result(2, 2), over="time", seed=0)
    with pytest.raises(ValueError, match="must have the variable 'spin_autocorrelation'"):
        susceptibility_peak(xr.Dataset(), seed=0)
    with pytest.raises(ValueError, match="`curve` must have the dimension 'lag'"):
        peak(xr.DataArray([1.0], dims="x"))
