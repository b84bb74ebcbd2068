import numpy as np
import pytest
import xarray as xr
from scipy import stats

from glassnet.analysis import bootstrap, jackknife, mean_and_error

SETS = 500


def mean(x):
    return x.mean("sample")


def ratio(x):
    return x.mean("sample") / (x + 3).mean("sample")


def mean_of_clones(x):
    return x.mean(("sample", "clone"))


def synthetic(samples, *, clones=None, seed=0):
    """500 data sets of exponential numbers with mean 1; clones share nine tenths of the variance of their sample."""
    rng = np.random.default_rng(seed)
    x = xr.DataArray(rng.exponential(size=(SETS, samples)), dims=("set", "sample"))
    if clones is None:
        return x
    own = xr.DataArray(rng.normal(size=(SETS, samples, clones)), dims=("set", "sample", "clone"))
    return x + own / 3


def coverage(out, truth):
    return float(((out["low"] <= truth) & (truth <= out["high"])).mean())


@pytest.mark.parametrize(("function", "truth"), [(mean, 1.0), (ratio, 0.25)])
@pytest.mark.parametrize("samples", [10, 30])
def test_two_intervals_of_three_hold_the_truth(function, truth, samples):
    x = synthetic(samples)
    assert 0.60 < coverage(bootstrap(function, x, seed=1, resamples=300), truth) < 0.75
    assert 0.60 < coverage(jackknife(function, x), truth) < 0.75


def test_another_level():
    x = xr.DataArray(np.random.default_rng(2).normal(size=(SETS, 6)), dims=("set", "sample"))
    for out in (bootstrap(mean, x, seed=1, level=0.9), jackknife(mean, x, level=0.9)):
        assert abs(coverage(out, 0.0) - 0.9) < 4.5 * np.sqrt(0.9 * 0.1 / SETS)


def test_clones_stay_with_their_sample():
    """Taking clones for independent values covers far too little: the test would see it."""
    x = synthetic(12, clones=8)
    assert 0.60 < coverage(bootstrap(mean_of_clones, x, seed=1, resamples=300), 1.0) < 0.75
    assert 0.60 < coverage(jackknife(mean_of_clones, x), 1.0) < 0.75
    wrong = x.stack(all=("sample", "clone")).drop_vars(["all", "sample", "clone"]).rename(all="sample")
    assert coverage(bootstrap(mean, wrong, seed=1, resamples=300), 1.0) < 0.5


def test_agrees_with_scipy():
    x = np.random.default_rng(3).normal(size=25)
    ours = bootstrap(lambda d: d.std("sample"), xr.DataArray(x, dims="sample"), seed=0, resamples=5000)
    theirs = stats.bootstrap((x,), np.std, n_resamples=5000, rng=np.random.default_rng(1), vectorized=True)
    spread = 2 / np.sqrt(2 * 5000)  # of the ratio of two spreads
    assert abs(ours["error"].item() / np.sqrt(25 / 24) / theirs.standard_error - 1) < 4.5 * spread


def test_jackknife_of_a_mean_is_its_standard_error():
    x = synthetic(7).isel(set=slice(5))
    np.testing.assert_allclose(jackknife(mean, x)["error"], mean_and_error(x)["error"])
    np.testing.assert_allclose(jackknife(mean, x)["value"], mean_and_error(x)["mean"])


def test_one_at_a_time_or_many_at_once_is_the_same(monkeypatch):
    x = synthetic(7).isel(set=slice(5))
    together = bootstrap(mean, x, seed=4, resamples=50)
    xr.testing.assert_allclose(together, bootstrap(mean, x, seed=4, resamples=50, vectorised=False))
    monkeypatch.setattr("glassnet.analysis.resampling.MEMORY", 5 * x.nbytes)
    xr.testing.assert_allclose(together, bootstrap(mean, x, seed=4, resamples=50))


def test_seed_is_the_only_chance():
    x = synthetic(7).isel(set=0)
    assert bootstrap(mean, x, seed=1).identical(bootstrap(mean, x, seed=1))
    assert bootstrap(mean, x, seed=1)["error"] != bootstrap(mean, x, seed=2)["error"]


def test_variables_of_a_dataset_are_resampled_together():
    """The difference of two variables that are equal in each sample has no error."""
    x = synthetic(9).isel(set=0)
    ds = xr.Dataset({"a": x, "b": x + 1, "of_all_samples": x.mean("sample")})
    out = bootstrap(lambda d: mean(d.b - d.a), ds, seed=0)
    assert out["error"].item() < 1e-12
    assert bootstrap(lambda d: mean(d.b), ds, seed=0)["error"].item() > 0.01
    for error_of in (lambda f: bootstrap(f, ds, seed=0), lambda f: jackknife(f, ds)):
        with pytest.raises(AttributeError, match="of_all_samples"):
            error_of(lambda d: d.of_all_samples)


def test_dims_coordinates_and_attributes_are_kept():
    x = synthetic(5).isel(set=slice(3)).rename(set="layer").assign_coords(layer=[1, 2, 3], sample=range(5))
    x.attrs["units"] = "sweeps"
    for out in (bootstrap(lambda d: d.mean("sample", keep_attrs=True), x, seed=0), jackknife(mean, x)):
        assert out["error"].dims == ("layer",)
        assert out.layer.values.tolist() == [1, 2, 3]
    assert bootstrap(lambda d: d.mean("sample", keep_attrs=True), x, seed=0)["low"].attrs == {"units": "sweeps"}


def test_not_reached_has_no_error():
    x = synthetic(6).isel(set=slice(2)).copy()
    x[0, 0] = np.nan
    for out in (bootstrap(lambda d: d.mean("sample", skipna=False), x, seed=0), jackknife(mean, x.where(x > 9))):
        assert np.isnan(out["value"][0]) and np.isnan(out["error"][0]) and np.isnan(out["high"][0])
    sometimes = bootstrap(lambda d: d.max("sample").where(d.max("sample") > d.max("sample").max() * 0.99), x, seed=0)
    assert sometimes["error"].isnull().all()


def test_a_single_sample_has_a_value_only():
    x = synthetic(1).isel(set=0)
    for out in (bootstrap(mean, x, seed=0), jackknife(mean, x)):
        assert out["value"].item() == x.item()
        assert np.isnan([out["error"], out["low"], out["high"]]).all()


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("`data` must have the dimension 'sample'", lambda x: bootstrap(mean, x.rename(sample="s"), seed=0)),
        ("`data` must have the dimension 'sample'", lambda x: jackknife(mean, x.rename(sample="s"))),
        ("`function` must return values without the dimension 'sample'", lambda x: bootstrap(abs, x, seed=0)),
        ("`function` must return a DataArray, but is 'float'", lambda x: jackknife(lambda d: 1.0, x)),
        ("`level` must be between 0 and 1, but is 68", lambda x: bootstrap(mean, x, seed=0, level=68)),
        ("`level` must be between 0 and 1, but is 1", lambda x: jackknife(mean, x, level=1)),
        ("`resamples` must be an integer of at least 2", lambda x: bootstrap(mean, x, seed=0, resamples=1)),
    ],
)
def test_bad_input(words, call):
    with pytest.raises(ValueError, match=words):
        call(synthetic(4).isel(set=0))
