import warnings

import numpy as np
import pytest
import xarray as xr

from glassnet.analysis import crossing_time, mean_relaxation_time, relaxation_time, stretched_exponential
from glassnet.core.former import FormerName
from glassnet.core.schedule import log_times

LAGS = np.array(log_times(10_000, 10))


def curves(*values):
    return xr.DataArray(np.stack(values), dims=("layer", "lag"), coords={"lag": LAGS})


def test_it_lies_on_a_line_in_the_logarithm():
    """c = 1 - a ln(1 + t) is drawn exactly: it crosses 1/e at ln(1 + t) = (1 - 1/e)/a, wherever the lags lie."""
    slopes = np.array([1.0, 0.3, 0.09])
    t = relaxation_time(curves(*(1 - np.log1p(LAGS) * slopes[:, None])).assign_attrs(symbol="c"))
    np.testing.assert_allclose(t, np.expm1((1 - np.exp(-1)) / slopes), rtol=1e-9)
    assert t.attrs == {"units": "sweeps", "long_name": "relaxation time"}


@pytest.mark.parametrize("tau", [3.3, 40.0, 1234.5])
def test_time_of_an_exponential_lies_between_lags(tau):
    c = curves(np.exp(-LAGS / tau))
    assert relaxation_time(c).item() == pytest.approx(tau, rel=0.02)
    assert relaxation_time(c.expand_dims(temperature=3)).sizes == {"temperature": 3, "layer": 1}


def test_first_crossing_counts_even_if_the_curve_comes_back():
    c = np.ones(len(LAGS))
    c[[5, 9]] = 0.1
    assert LAGS[4] < relaxation_time(curves(c)).item() < LAGS[5]


def test_not_reached_is_nan_and_never_the_last_lag():
    t = relaxation_time(curves(np.exp(-LAGS / 1e6), np.full(len(LAGS), np.exp(-1))))
    assert t.isnull().all()


def test_reached_at_the_last_lag_only():
    c = np.ones(len(LAGS))
    c[-1] = 0
    assert LAGS[-2] < relaxation_time(curves(c)).item() < LAGS[-1]


def test_nan_before_the_crossing_makes_it_unknown():
    c = np.exp(-LAGS / 10.0)
    unknown, after = c.copy(), c.copy()
    unknown[2], after[-1] = np.nan, np.nan
    t = relaxation_time(curves(unknown, after))
    assert np.isnan(t[0])
    assert t[1] == pytest.approx(10, rel=0.02)


def test_a_curve_that_begins_below_has_its_first_lag():
    low = curves(np.full(len(LAGS), 0.1))
    assert relaxation_time(low).item() == 0
    assert relaxation_time(low.sel(lag=slice(10, None))).item() == 10


def test_the_former_name_still_works():
    with pytest.warns(FormerName, match="`crossing_time` is now called `relaxation_time`"):
        assert crossing_time(curves(np.exp(-LAGS / 3.0))).identical(relaxation_time(curves(np.exp(-LAGS / 3.0))))


def of_samples(times, *, clones=1):
    """Exponentials, the clones of a sample alike."""
    c = xr.DataArray(np.exp(-LAGS / np.array(times)[:, None]), dims=("sample", "lag"), coords={"lag": LAGS})
    return c.expand_dims(clone=clones)


def test_samples_that_were_not_reached_are_part_of_the_mean():
    """Two of four samples stay above 1/e for longer than the run: the mean curve is theirs, too, and knows it."""
    out = mean_relaxation_time(of_samples([20.0, 30.0, 1e9, 1e9], clones=2))
    assert out.censored == 2
    assert np.isnan(out.value) and np.isnan(out.error)
    assert relaxation_time(of_samples([20.0, 30.0, 1e9, 1e9])).mean("sample") == pytest.approx(25, rel=0.02)  # not so
    one = mean_relaxation_time(of_samples([20.0, 30.0, 40.0, 1e9]))
    exact = relaxation_time(of_samples([20.0, 30.0, 40.0, 1e9]).mean("sample"))
    assert one.value == exact and one.censored == 1 and one.value > 40


@pytest.mark.slow
def test_error_of_the_mean_time_is_that_of_repeated_experiments():
    """200 experiments of 12 samples each: the spread of the times found against the errors given, and the truth."""
    rng = np.random.default_rng(0)
    found = [mean_relaxation_time(of_samples(rng.lognormal(np.log(100), 0.4, 12))) for _ in range(200)]
    value, error = (np.array([float(one[name].squeeze()) for one in found]) for name in ("value", "error"))
    many = of_samples(rng.lognormal(np.log(100), 0.4, 20_000)).mean("sample")
    truth = float(relaxation_time(many).squeeze())
    assert abs(value.mean() - truth) < 4.5 * value.std() / np.sqrt(200) + 0.01 * truth
    assert np.sqrt((error**2).mean()) / value.std() == pytest.approx(1, abs=4.5 / np.sqrt(2 * 200))
    assert all(one.censored == 0 and one.low < one.value < one.high for one in found)


def test_one_sample_has_no_error_and_no_time_is_negative():
    one = mean_relaxation_time(of_samples([20.0]))
    assert one.value == pytest.approx(20, rel=0.02) and np.isnan(one.error)
    assert mean_relaxation_time(of_samples([0.1, 900.0])).low >= 0


def test_order_of_lags_does_not_matter():
    c = curves(np.exp(-LAGS / 40))
    assert relaxation_time(c.isel(lag=slice(None, None, -1))).identical(relaxation_time(c))


def test_other_dimensions_are_kept():
    c = curves(np.exp(-LAGS / 5), np.exp(-LAGS / 50)).expand_dims(temperature=[0.1, 0.2, 0.3], sample=2)
    assert dict(relaxation_time(c).sizes) == {"temperature": 3, "sample": 2, "layer": 2}


def test_level_is_an_argument():
    t = relaxation_time(curves(np.exp(-LAGS / 100)), level=0.5).item()
    assert t == pytest.approx(100 * np.log(2), rel=0.02)


def test_without_lag():
    with pytest.raises(ValueError, match="Argument `correlation` must have the dimension 'lag'"):
        relaxation_time(xr.DataArray([1.0], dims="layer"))
    with pytest.raises(ValueError, match="`level` must be a finite number"):
        relaxation_time(curves(np.ones(len(LAGS))), level=np.nan)


@pytest.mark.parametrize(
    ("tau", "b", "f"), [(30.0, 1.0, 1.0), (200.0, 0.5, 0.8), (900.0, 0.35, 0.95), (12.0, 1.4, 0.9)]
)
def test_stretched_exponential_without_noise(tau, b, f):
    fit = stretched_exponential(curves(f * np.exp(-((LAGS / tau) ** b))))
    np.testing.assert_allclose([fit.tau.item(), fit.exponent.item(), fit.amplitude.item()], [tau, b, f], rtol=1e-4)


@pytest.mark.parametrize("weighted", [True, False])
def test_errors_of_the_fit_cover_the_truth(weighted):
    """Pulls (fit - truth)/error of 200 noisy curves have mean 0 and variance 1 within their own errors."""
    tau, b, f, sigma, n = 100.0, 0.6, 0.9, 0.01, 200
    noise = np.random.default_rng(3).normal(scale=sigma, size=(n, len(LAGS)))
    c = curves(*(f * np.exp(-((LAGS / tau) ** b)) + noise))
    fit = stretched_exponential(c, xr.full_like(c, sigma) if weighted else None)
    for name, truth in {"tau": tau, "exponent": b, "amplitude": f}.items():
        pull = (fit[name] - truth) / fit[f"{name}_error"]
        assert abs(pull.mean()) < 4.5 / np.sqrt(n)
        assert abs(pull.var() - 1) < 4.5 * np.sqrt(2 / n) + 0.1, name


def test_fit_of_nothing_is_nan():
    frozen, few = np.exp(-LAGS / 1e6), np.full(len(LAGS), np.nan)
    few[:3] = [1.0, 0.5, 0.1]
    fit = stretched_exponential(curves(frozen, few))
    assert all(fit[name].isnull().all() for name in fit.data_vars)


def test_time_beyond_the_lags_is_not_reached():
    """A plateau just above 1/e, of which noise puts one point below, has not relaxed."""
    c = 0.375 + 0.004 * np.cos(7.0 * np.arange(len(LAGS)))
    c[[0, -1]] = 1.0, 0.367
    for b in (0.4, 0.7, 1.0):
        slow = 0.45 * np.exp(-((LAGS / 4e4) ** b))
        fit = stretched_exponential(curves(c, slow))
        assert relaxation_time(curves(c, slow)).notnull().all()
        assert fit.tau.isnull().all() and fit.amplitude.isnull().all() and fit.tau_error.isnull().all()


def test_unrelated_data_give_nan_or_a_number_but_no_warning():
    x = np.random.default_rng(0).normal(size=(20, len(LAGS)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = stretched_exponential(curves(*x, np.zeros(len(LAGS)), -np.ones(len(LAGS))))
    tau = fit.tau.values
    assert (np.isnan(tau) | (np.isfinite(tau) & (tau > 0))).all()


def test_fit_keeps_dimensions_and_labels():
    c = curves(np.exp(-LAGS / 5), np.exp(-LAGS / 50)).expand_dims(temperature=[0.1, 0.2])
    fit = stretched_exponential(c)
    assert dict(fit.sizes) == {"temperature": 2, "layer": 2}
    assert fit.tau.attrs["units"] == "sweeps"
    assert "standard error" in fit.exponent_error.attrs["long_name"]
