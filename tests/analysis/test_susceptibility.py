import json

import numpy as np
import pytest
import xarray as xr

from glassnet.analysis import susceptibility


def dataset(c, widths=(3, 5, 7), patterns=11):
    dims = ("sample", "clone", "waiting_time", "lag", "layer")
    coords = {"layer": [1, 2], "lag": np.arange(c.shape[3]), "waiting_time": np.arange(c.shape[2])}
    attrs = {"widths": json.dumps(list(widths)), "patterns": patterns}
    return xr.Dataset({"spin_autocorrelation": (dims, c)}, coords, attrs)


def test_equals_numpy():
    c = np.random.default_rng(0).normal(size=(4, 3, 2, 5, 2))
    chi = susceptibility(dataset(c))
    size = 11 * np.array([5, 7])
    np.testing.assert_allclose(chi.susceptibility_clones, size * c.var(1, ddof=1))
    np.testing.assert_allclose(chi.susceptibility_samples, size * c.mean(1).var(0, ddof=1))


def test_planted_variances_are_recovered():
    """Samples differ by `a`, clones by `b`: clones show b^2, samples a^2 + b^2/clones."""
    rng, a, b, clones, samples = np.random.default_rng(1), 0.2, 0.1, 4, 4000
    c = a * rng.normal(size=(samples, 1, 1, 1, 1)) + b * rng.normal(size=(samples, clones, 1, 1, 2))
    chi = susceptibility(dataset(c)) / (11 * xr.DataArray([5, 7], dims="layer"))
    within, between = chi.susceptibility_clones.mean("sample"), chi.susceptibility_samples
    np.testing.assert_allclose(within, b**2, rtol=4.5 * np.sqrt(2 / (samples * (clones - 1))))
    np.testing.assert_allclose(between, a**2 + b**2 / clones, rtol=4.5 * np.sqrt(2 / samples))


def test_single_precision_near_one_is_not_lost():
    c = 1 - 1e-4 * np.random.default_rng(2).random(size=(3, 4, 1, 1, 2)).astype(np.float32)
    expected = 55 * c.astype(float)[..., 0].var(1, ddof=1)
    np.testing.assert_allclose(susceptibility(dataset(c)).susceptibility_clones[..., 0], expected)


@pytest.mark.parametrize(("samples", "clones"), [(1, 3), (3, 1), (1, 1)])
def test_one_value_has_no_variance(samples, clones):
    chi = susceptibility(dataset(np.ones((samples, clones, 1, 2, 2))))
    assert chi.susceptibility_clones.isnull().all() == (clones == 1)
    assert chi.susceptibility_samples.isnull().all() == (samples == 1)


def test_nan_is_not_skipped():
    c = np.ones((3, 3, 1, 2, 2))
    c[0, 0, 0, 1, 0] = np.nan
    chi = susceptibility(dataset(c))
    assert np.isnan(chi.susceptibility_clones[0, 0, 1, 0])
    assert np.isnan(chi.susceptibility_samples[0, 1, 0])
    assert chi.susceptibility_clones.isnull().sum() == 1


def test_missing_variable_is_named():
    with pytest.raises(ValueError, match="must have the variable 'spin_autocorrelation'"):
        susceptibility(xr.Dataset(attrs={"widths": "[1, 1]", "patterns": 1}))
