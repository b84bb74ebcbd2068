import numpy as np
import pytest
import xarray as xr

from glassnet.analysis import logarithmic_growth, penetration_depth, solid_depth

LEVEL = np.exp(-1)


def profile(*q):
    return xr.DataArray(np.stack(q), dims=("case", "layer"), coords={"layer": np.arange(1, len(q[0]) + 1)})


def test_by_hand():
    out = penetration_depth(profile([0.9, 0.7, 0.2, 0.1, 0.0, 0.6, 1.0]), level=0.5)
    assert out.input_depth.item() == pytest.approx(2 + 0.2 / 0.5)
    assert out.output_depth.item() == pytest.approx(1 + 0.1 / 0.6)


def test_exponential_profile():
    """q = exp(-l/xi) falls to 1/e at xi."""
    l = np.arange(1, 61)
    out = penetration_depth(profile(np.exp(-l / 3.0) + np.exp(-(60 - l) / 2.0)))
    assert out.input_depth.item() == pytest.approx(3, abs=1e-6)
    assert out.output_depth.item() == pytest.approx(2, abs=1e-6)


def test_agrees_with_the_count_of_solid_layers():
    q = profile(*np.random.default_rng(0).uniform(0, 1, size=(200, 9)))
    q[:, -1] = 1.0
    depth, count = penetration_depth(q), solid_depth(q)
    for side in ("input_depth", "output_depth"):
        reached = depth[side].notnull()
        np.testing.assert_array_equal(np.floor(depth[side])[reached], count[side][reached])
        assert (count[side][~reached] == 8).all()


def test_liquid_machine_and_solid_machine():
    out = penetration_depth(profile([0.0, 0.0, 0.0, 1.0], [0.9, 0.9, 0.9, 1.0], [0.9, np.nan, 0.0, 1.0]))
    assert out.input_depth.values[0] == pytest.approx(1 - LEVEL)
    assert out.input_depth.isnull().values.tolist() == [False, True, True]
    assert out.output_depth.isnull().values.tolist() == [False, True, True]


def test_longest_lag_and_dims():
    q = profile([0.9, 0.1, 0.0, 1.0]).expand_dims(lag=[1, 5], temperature=2).copy()
    q.loc[{"lag": 1}] = 1.0
    out = penetration_depth(q)
    assert out.input_depth.dims == ("temperature", "case")
    assert out.input_depth.isel(temperature=0).item() == pytest.approx(1 + (0.9 - LEVEL) / 0.8)


def depths(slope, *, samples=10, noise=0.3, layers=1, seed=0):
    alpha = np.array([2.0, 5.0, 10.0, 50.0, 100.0])
    noisy = noise * np.random.default_rng(seed).normal(size=(layers, len(alpha), samples))
    mean = 0.5 + slope * np.log(alpha)
    return xr.DataArray(mean[:, None] + noisy, dims=("side", "alpha", "sample"), coords={"alpha": alpha})


def test_growth_with_known_slope():
    """Pulls of 300 experiments: Student, 5 x 9 degrees of freedom."""
    out = logarithmic_growth(depths(0.8, layers=300), seed=0, resamples=200)
    for name, truth in {"slope": 0.8, "intercept": 0.5}.items():
        pull = (out[name] - truth) / out[f"{name}_error"]
        assert abs(pull.mean()) < 4.5 / np.sqrt(300)
        assert abs(pull.var() - 1) < 4.5 * np.sqrt(2 / 300) + 0.1
        assert out[name].dims == ("side",)
    assert out.slope.attrs["units"] == "layers"


def test_growth_with_another_law_is_told_apart():
    out = logarithmic_growth(depths(0.8), seed=0)
    assert abs(out.slope.item() - 0.8) < 4.5 * out.slope_error.item() < abs(out.slope.item() - 0.3)


def test_growth_without_noise_and_with_depths_not_reached():
    d = depths(0.8, noise=0.0, layers=2)
    d[1, 2, 3] = np.nan
    out = logarithmic_growth(d, seed=0, resamples=5)
    assert out.slope[0].item() == pytest.approx(0.8) and out.slope_error[0].item() < 1e-12
    assert out.slope.isnull().values.tolist() == [False, True] and out.slope_error[1].isnull()
    assert logarithmic_growth(depths(0.8, samples=1), seed=0).slope_error.isnull().all()


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("`overlap` must have the dimension 'layer'", lambda: penetration_depth(profile([0.5, 1.0]).isel(layer=0))),
        ("`overlap` must have at least two layers", lambda: penetration_depth(profile([1.0]))),
        ("`level` must be between 0 and 1, but is 1", lambda: penetration_depth(profile([0.5, 1.0]), level=1)),
        ("`depth` must have the dimension 'alpha'", lambda: logarithmic_growth(depths(1.0).isel(alpha=0), seed=0)),
        (
            "`depth` must have at least two positive values of alpha",
            lambda: logarithmic_growth(depths(1.0).isel(alpha=[0]), seed=0),
        ),
    ],
)
def test_bad_input(words, call):
    with pytest.raises(ValueError, match=words):
        call()
