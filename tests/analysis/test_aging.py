import numpy as np
import pytest
import xarray as xr

from glassnet.analysis import aging_exponent
from glassnet.analysis.collapse import best_exponents, collapse_quality
from glassnet.core.schedule import log_times

LAGS = np.array(log_times(20_000, 6))
WAITS = np.array([0, 10, 100, 1000])


def aging(mu, *, samples=12, layers=1, noise=0.03, seed=0, b=0.5):
    """exp(-(t/10 t_w^mu)^b) with a time and noise of each sample's own."""
    rng = np.random.default_rng(seed)
    dims = ("sample", "layer", "waiting_time", "lag")
    own = np.exp(0.1 * rng.normal(size=(samples, layers, len(WAITS), 1)))
    tau = 10 * np.maximum(WAITS, 1)[:, None] ** mu * own
    c = np.exp(-((LAGS / tau) ** b)) + noise * rng.normal(size=(samples, layers, len(WAITS), len(LAGS))) * (LAGS > 0)
    return xr.DataArray(c, dims=dims, coords={"waiting_time": WAITS, "lag": LAGS})


@pytest.mark.parametrize("mu", [0.0, 0.5, 1.0])
def test_known_exponent_within_its_error(mu):
    out = aging_exponent(aging(mu, layers=2), seed=1, resamples=40)
    z = (out["value"] - mu) / out["error"]
    assert (abs(z) < 4.5).all()
    assert (out["error"] < 0.05).all()
    assert (out["low"] < out["value"]).all() and (out["value"] < out["high"]).all()
    assert (out["quality"] < 5).all()


@pytest.mark.slow
def test_error_is_that_of_repeated_experiments():
    """Pulls of 60 experiments of 10 samples each; Student, 9 degrees of freedom: 1.13."""
    outs = [aging_exponent(aging(0.6, samples=10, seed=s), seed=s, resamples=60) for s in range(60)]
    pulls = np.array([(o["value"].item() - 0.6) / o["error"].item() for o in outs])
    assert 0.75 < pulls.std() < 1.9 and abs(pulls.mean()) < 4.5 * pulls.std() / np.sqrt(60)


def test_quality_tells_a_collapse_from_none():
    """Curves whose shape changes with the waiting time fall onto one at no mu."""
    one = aging(0.5, layers=1, noise=0.005)
    other = one.copy()
    for n, b in enumerate((0.3, 0.3, 0.6, 1.2)):
        other[:, :, n] = aging(0.5, layers=1, noise=0.005, b=b)[:, :, n]
    good, bad = (aging_exponent(c, seed=0, resamples=2)["quality"].item() for c in (one, other))
    assert good < 5 and bad > 10 * good


def test_exponent_beyond_the_bounds_is_not_reached():
    out = aging_exponent(aging(1.0), seed=0, resamples=5, bounds=(-0.5, 0.6))
    assert all(out[name].isnull().all() for name in out.data_vars)


def test_clones_are_averaged_and_dims_kept():
    c = aging(0.5).expand_dims(clone=3, temperature=[0.1]).transpose("sample", "temperature", "clone", ...)
    out = aging_exponent(c, seed=0, resamples=3)
    assert out["value"].dims == ("temperature", "layer")
    assert out["value"].item() == pytest.approx(aging_exponent(aging(0.5), seed=0, resamples=3)["value"].item())
    assert out["error"].attrs["long_name"] == "aging exponent"


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("`correlation` must have the dimension 'lag'", lambda c: aging_exponent(c.isel(lag=1), seed=0)),
        ("`correlation` must have at least two samples", lambda c: aging_exponent(c.isel(sample=[0]), seed=0)),
        (
            "`correlation` must have at least two waiting times above 0, but is 1",
            lambda c: aging_exponent(c.isel(waiting_time=[0, 1]), seed=0),
        ),
        ("`bounds` must ascend", lambda c: aging_exponent(c, seed=0, bounds=(1, 0))),
        ("`lower` must be a finite", lambda c: aging_exponent(c, seed=0, bounds=(-np.inf, 0))),
    ],
)
def test_bad_input(words, call):
    with pytest.raises(ValueError, match=words):
        call(aging(0.5))


def test_no_exponent_is_favoured_because_points_coincide():
    """Without noise curves with mu = 0.05 do not collapse at 0, where their lags are the same; lines would say so."""
    x = np.log(LAGS[1:]) - 0.0 * np.log(WAITS[1:, None])
    c = np.exp(-np.sqrt(LAGS[1:] / (10 * WAITS[1:, None] ** 0.05)))
    quality = [collapse_quality(x - mu * np.log(WAITS[1:, None]), c, np.full_like(c, 0.002)) for mu in (0.0, 0.05)]
    assert quality[1] < 0.05 < 1 < quality[0]
    best = best_exponents(
        lambda p: collapse_quality(x - p[0] * np.log(WAITS[1:, None]), c, np.full_like(c, 0.002)), [(-0.5, 2.0)]
    )
    assert best[0] == pytest.approx(0.05, abs=0.005)


def test_cubics_are_interpolated_exactly():
    x = np.array([[0.0, 1.0, 2.5, 3.0, 5.0, 6.0], [0.5, 0.9, 1.7, 2.7, 4.1, 5.5]])
    assert collapse_quality(x, x**3 - 4 * x**2, np.full(x.shape, 1e-6)) < 1e-6
    assert collapse_quality(x, np.exp(x), np.full(x.shape, 1e-6)) > 1


def test_quality_by_hand():
    """Two curves: a point at 1 between points (0, 0) and (2, 4) of the other has Y = 2, dY^2 = 1/2."""
    x = np.array([[0.0, 2.0], [1.0, np.nan]])
    y = np.array([[0.0, 4.0], [5.0, np.nan]])
    assert collapse_quality(np.add(x, [[2.0], [0.0]]), y, np.ones((2, 2))) == np.inf
    assert collapse_quality(x, y, np.ones((2, 2))) == pytest.approx((5 - 2) ** 2 / 1.5)


def test_quality_of_independent_points_is_about_one():
    rng = np.random.default_rng(4)
    x = np.sort(rng.uniform(0, 6, size=(3, 400)), axis=-1)
    s = [collapse_quality(x, 2 * x + rng.normal(size=x.shape), np.ones_like(x)) for _ in range(20)]
    assert np.mean(s) == pytest.approx(1, abs=4.5 * np.std(s) / np.sqrt(20) + 0.01)
    assert collapse_quality(x, 2 * x + rng.normal(scale=3, size=x.shape), np.ones_like(x)) > 4


def test_best_exponents_of_two():
    best = best_exponents(lambda p: (p[0] - 0.3) ** 2 + (p[1] + 0.7) ** 2, [(-1, 1), (-2, 2)])
    np.testing.assert_allclose(best, [0.3, -0.7], atol=2e-3)
    assert np.isnan(best_exponents(lambda p: p[0] + p[1] ** 2, [(-1, 1), (-2, 2)])).all()
    assert np.isnan(best_exponents(lambda p: np.inf, [(-1, 1)])).all()
