import numpy as np
import pytest
import xarray as xr
from scipy.signal import lfilter

from glassnet.analysis import integrated_time


def ar1(phi, n, *, chains=1, seed=0):
    """Stationary x(t + 1) = phi x(t) + noise of variance 1, tau = (1 + phi)/(1 - phi)."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(chains, n))
    noise[:, 0] /= np.sqrt(1 - phi**2)
    return xr.DataArray(lfilter([1.0], [1.0, -phi], noise), dims=("chain", "time"))


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, 0.97])
def test_time_of_a_known_process(phi):
    tau = (1 + phi) / (1 - phi)
    out = integrated_time(ar1(phi, 200_000).isel(chain=0))
    assert abs(out.tau.item() - tau) < 4.5 * out.error.item()
    assert out.error.item() < 0.15 * tau


@pytest.mark.parametrize("phi", [-0.3, -0.9])
def test_time_of_an_anticorrelated_process(phi):
    """Pulls of 60 chains; rho changes its sign at every step and decays slowly, tau is far below 1."""
    tau = (1 + phi) / (1 - phi)
    out = integrated_time(ar1(phi, 50_000, chains=60))
    pull = (out.tau - tau) / out.error
    assert abs(pull.mean()) < 4.5 / np.sqrt(60) + 0.1
    assert pull.var() < 1 + 4.5 * np.sqrt(2 / 60)
    assert (out.tau >= 0).all() and out.error.mean() < 0.3 * tau
    together = integrated_time(ar1(-0.97, 20_000, chains=20, seed=2), over="chain")
    assert abs(together.tau - 0.03 / 1.97) < 4.5 * together.error


def test_a_mean_that_does_not_move_has_no_time():
    for n in (1000, 1001):
        out = integrated_time(xr.DataArray((-1.0) ** np.arange(n), dims="time"))
        assert 0 <= out.tau < 1e-6 and 0 <= out.error < 1e-6


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_units_do_not_matter(scale):
    x = ar1(0.9, 20_000).isel(chain=0)
    one, other = integrated_time(x), integrated_time(scale * x)
    for name in one:
        assert other[name].item() == pytest.approx(one[name].item(), rel=1e-9)


def test_another_time_is_told_apart():
    out = integrated_time(ar1(0.9, 200_000).isel(chain=0))
    assert abs(out.tau.item() - 1.5 * 19) > 4.5 * out.error.item()


def test_error_covers_the_truth():
    out = integrated_time(ar1(0.8, 20_000, chains=300))
    pull = (out.tau - 9) / out.error
    assert abs(pull.mean()) < 4.5 / np.sqrt(300) + 0.1  # the bias is of order tau/n
    assert abs(pull.var() - 1) < 4.5 * np.sqrt(2 / 300) + 0.1


def test_chains_average_to_a_smaller_error():
    x = ar1(0.9, 20_000, chains=25)
    one, all_ = integrated_time(x.isel(chain=0)), integrated_time(x, over="chain")
    assert all_.error.item() < 0.3 * one.error.item()
    assert abs(all_.tau.item() - 19) < 4.5 * all_.error.item()


def test_is_the_variance_of_the_mean():
    """sigma^2 tau/n against the spread of the means of 2,000 chains."""
    x = ar1(0.8, 2000, chains=2000, seed=1)
    tau = integrated_time(x, over="chain").tau.item()
    ratio = x.mean("time").var("chain").item() / (x.var().item() * tau / 2000)
    assert abs(ratio - 1) < 4.5 * np.sqrt(2 / 2000)


def test_too_short_a_chain_is_refused_with_one_error():
    x = ar1(0.9, 300)
    with pytest.raises(ValueError, match=r"`chain` must be at least 50 autocorrelation times long, but is 300 steps"):
        integrated_time(x)
    assert integrated_time(x, tolerance=5).tau.item() > 1
    drift = xr.DataArray(np.arange(1000.0), dims="time")
    with pytest.raises(ValueError, match="`chain` must be at least"):
        integrated_time(drift)


def test_units_are_those_of_time():
    x = ar1(0.5, 10_000).isel(chain=0)
    spaced = x.assign_coords(time=("time", 20 * np.arange(10_000), {"units": "sweeps"}))
    for name in ("tau", "error", "window"):
        assert integrated_time(spaced)[name].item() == pytest.approx(20 * integrated_time(x)[name].item())
    assert integrated_time(spaced).tau.attrs["units"] == "sweeps"


def test_dims_are_kept_and_a_frozen_chain_is_nan():
    x = ar1(0.5, 10_000, chains=2).rename(chain="layer").assign_coords(layer=[1, 2]).copy()
    x[1] = 0.1
    out = integrated_time(x.transpose("time", "layer"))
    assert out.tau.dims == ("layer",)
    assert out.tau.sel(layer=1) == integrated_time(x.sel(layer=1)).tau
    assert np.isnan(out.tau.sel(layer=2)) and np.isnan(out.error.sel(layer=2)) and np.isnan(out.window.sel(layer=2))


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("must have the dimension 'time'", lambda x: x.rename(time="t")),
        ("must be finite", lambda x: x.where(x > 0)),
        ("must be equally spaced along 'time'", lambda x: x.assign_coords(time=np.arange(10_000) ** 2)),
        ("must have at least two values along 'time'", lambda x: x.isel(time=[0])),
    ],
)
def test_bad_input(words, change):
    with pytest.raises(ValueError, match=f"`chain` {words}"):
        integrated_time(change(ar1(0.5, 10_000)))
