import numpy as np
import pytest
import xarray as xr
from analysis.test_relaxation import LAGS, curves

from glassnet.analysis import mean_and_error, plateau, plateau_height

RNG = np.random.default_rng(11)


def two_steps(f, tau, b=0.6, fast=1.0):
    return (1 - f) * np.exp(-LAGS / fast) + f * np.exp(-((LAGS / tau) ** b))


@pytest.mark.parametrize("f", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("tau", [1e7, np.inf])
def test_height_of_a_plateau_that_is_left_or_not(f, tau):
    assert plateau(curves(two_steps(f, tau))).height.item() == pytest.approx(f, abs=0.002)


def test_plateau_left_within_the_lags():
    """The definition by hand: the mean over the decade that falls least."""
    c = two_steps(0.8, 3000.0, b=1.0)
    decade = [(c[i] - c[j], c[i : j + 1].mean()) for i in range(1, len(LAGS)) for j in [LAGS.searchsorted(10 * LAGS[i])]
              if j < len(LAGS) and c[j] >= np.exp(-1)]  # fmt: skip
    assert plateau(curves(c)).height.item() == pytest.approx(min(decade)[1], rel=1e-12)
    assert 0.77 < plateau(curves(c)).height.item() < 0.8


@pytest.mark.parametrize("b", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("tau", [3.0, 100.0, 1e4, 1e6])
def test_a_stretched_exponential_has_none(b, tau):
    assert plateau(curves(np.exp(-((LAGS / tau) ** b)))).height.isnull()


def test_liquid_has_none():
    assert plateau(curves(two_steps(0.2, np.inf), np.where(LAGS == 0, 1.0, 0.0))).height.isnull().all()
    assert plateau(curves(two_steps(0.2, np.inf)), level=0.1).height.item() == pytest.approx(0.2, abs=0.002)


def test_plateau_from_the_first_lag_on():
    c = np.where(LAGS == 0, 1.0, 0.9)
    assert plateau(curves(c)).height.item() == pytest.approx(0.9)


def test_lags_shorter_than_a_decade_or_nan():
    c = curves(two_steps(0.8, np.inf))
    assert plateau(c.isel(lag=c.lag < 9)).height.isnull().all()
    assert plateau(c.where(c.lag != 50)).height.isnull().all()
    assert plateau(c.isel(lag=slice(None, None, -1))).equals(plateau(c))


def noisy(f, samples, tau=1e9):
    """Clones with a sample's own plateau f + noise of 0.02, and noise of their own."""
    own = f + 0.02 * RNG.normal(size=(samples, 1, 1))
    c = (1 - own) * np.exp(-LAGS / 2.0) + own * np.exp(-LAGS / tau)
    c = c + 0.01 * RNG.normal(size=(samples, 4, len(LAGS))) * (LAGS > 0)
    return xr.DataArray(c, dims=("sample", "clone", "lag"), coords={"lag": LAGS})


def test_error_over_samples():
    """Pulls of 60 experiments; the error is that of the plateaus of the samples."""
    outs = [plateau_height(noisy(0.7, 8)) for _ in range(60)]
    pulls = np.array([(o["value"].item() - 0.7) / o["error"].item() for o in outs])
    assert abs(pulls.mean()) < 4.5 * pulls.std() / np.sqrt(60) + 0.2  # the choice of the decade selects a little
    assert 0.8 < pulls.std() < 1.6  # Student, 7 degrees of freedom: 1.18
    errors = np.mean([o["error"].item() for o in outs])
    assert errors == pytest.approx(0.02 / np.sqrt(8), rel=0.3)


def test_place_is_that_of_the_mean():
    c = noisy(0.7, 6)
    out, place = plateau_height(c), plateau(c.mean(("sample", "clone")))
    assert out["value"].item() == pytest.approx(place.height.item())
    assert (out.first_lag, out.last_lag) == (place.first_lag, place.last_lag)
    assert out.last_lag.item() == LAGS[LAGS.searchsorted(10 * out.first_lag.item())]
    none = plateau_height(noisy(0.2, 6))
    assert all(none[name].isnull().all() for name in none.data_vars)


def test_pairs_of_clones_are_averaged():
    q = noisy(0.7, 6).rename(clone="clone_b").expand_dims(clone=4)
    out = plateau_height(q)
    off = ~np.eye(4, dtype=bool)
    mean = q.transpose("sample", "clone", "clone_b", "lag").values[:, off].mean((0, 1))
    assert out["value"].item() == pytest.approx(plateau(curves(mean)).height.item())
    assert mean_and_error(q.isel(lag=-1))["error"] > 0


def test_bad_input():
    c = curves(two_steps(0.8, np.inf))
    with pytest.raises(ValueError, match="`correlation` must have the dimension 'lag'"):
        plateau(c.isel(lag=0))
    with pytest.raises(ValueError, match="`correlation` must have the dimension 'sample'"):
        plateau_height(c)
    with pytest.raises(ValueError, match="`decades` must be a positive"):
        plateau(c, decades=0)
