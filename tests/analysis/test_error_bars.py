import numpy as np
import pytest
import xarray as xr

from glassnet.analysis import mean_and_error

RNG = np.random.default_rng(5)


def test_equals_the_jackknife():
    x = RNG.normal(size=(6, 3))
    out = mean_and_error(xr.DataArray(x, dims=("sample", "layer")))
    left_out = np.array([np.delete(x, s, axis=0).mean(0) for s in range(6)])
    jackknife = np.sqrt(5 / 6 * ((left_out - x.mean(0)) ** 2).sum(0))
    np.testing.assert_allclose(out["mean"], x.mean(0))
    np.testing.assert_allclose(out["error"], jackknife)


def test_clones_are_no_independent_samples():
    """Clones that repeat their sample leave the error as it is."""
    x = xr.DataArray(RNG.normal(size=8), dims="sample")
    copies = x.expand_dims(clone=50).transpose("sample", "clone")
    assert mean_and_error(copies)["error"].item() == pytest.approx(mean_and_error(x)["error"].item())


def test_pairs_of_clones_are_averaged_first():
    q = xr.DataArray(RNG.random((4, 3, 3)), dims=("sample", "clone", "clone_b"))
    off = q.values[:, ~np.eye(3, dtype=bool)].mean(1)
    assert mean_and_error(q)["mean"].item() == pytest.approx(off.mean())
    assert mean_and_error(q)["error"].item() == pytest.approx(off.std(ddof=1) / 2)


def test_error_covers_the_mean():
    x = xr.DataArray(RNG.normal(size=(10, 5000)), dims=("sample", "trial"))
    out = mean_and_error(x)
    assert (out["error"] ** 2).mean().item() == pytest.approx(0.1, rel=0.05)


def test_one_sample_has_no_error():
    out = mean_and_error(xr.DataArray([[1.0, 2.0]], dims=("sample", "layer")))
    np.testing.assert_array_equal(out["mean"], [1, 2])
    assert out["error"].isnull().all()


def test_not_reached_in_one_sample_is_not_averaged_away():
    out = mean_and_error(xr.DataArray([1.0, np.nan, 3.0], dims="sample"))
    assert out["mean"].isnull()
    assert out["error"].isnull()


def test_another_dimension_and_a_missing_one():
    x = xr.DataArray(RNG.normal(size=(4, 3)), dims=("clone", "lag"), attrs={"units": "1"})
    out = mean_and_error(x, dim="clone")
    np.testing.assert_allclose(out["error"], x.std("clone", ddof=1) / 2)
    assert out["mean"].attrs == {"units": "1"}
    with pytest.raises(ValueError, match="Argument `data` must have the dimension 'sample'"):
        mean_and_error(x)
