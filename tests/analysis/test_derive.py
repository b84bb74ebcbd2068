import numpy as np
import pytest
from analysis.synthetic_result import PATTERNS, TAU, result

from glassnet.analysis import derive
from glassnet.store.schema import VARIABLES

NEW = (
    "weight_autocorrelation_normalised",
    "susceptibility_clones",
    "susceptibility_samples",
    "relaxation_time",
    "relaxation_time_error",
    "relaxation_time_censored",
    "relaxation_time_weights",
    "relaxation_time_weights_error",
    "relaxation_time_weights_censored",
)


def test_dims_and_attributes_are_those_of_the_schema():
    ds = derive(result())
    for name in NEW:
        assert ds[name].dims == VARIABLES[name].dims, name
        assert ds[name].attrs == {k: getattr(VARIABLES[name], k) for k in ("long_name", "units", "symbol", "source")}


def test_temperature_follows_sample_or_leads():
    ds = derive(result(temperatures=2))
    for name in NEW:
        dims = list(VARIABLES[name].dims)
        dims.insert(1 if dims[0] == "sample" else 0, "temperature")
        assert ds[name].dims == tuple(dims), name
    assert "beta" in ds.coords


def test_input_is_not_changed():
    ds = result()
    before = ds.copy(deep=True)
    derive(ds)
    assert ds.identical(before)


def test_relaxation_times_are_those_planted():
    ds = derive(result(noise=0.0))
    tau = ds.relaxation_time.sel(waiting_time=0)
    longest = ds.lag[-1].item()
    np.testing.assert_allclose(tau, np.where(longest > TAU, TAU, np.nan), rtol=0.03)
    np.testing.assert_array_equal(ds.relaxation_time_censored.sel(waiting_time=0), 4 * np.isnan(tau.values))
    assert (ds.relaxation_time_error.where(tau.notnull()).fillna(0) == 0).all()  # all samples are alike


def test_weights_are_normalised_by_lag_zero():
    ds = result()
    ds["weight_autocorrelation"] = ds.weight_autocorrelation * 2.5
    new = derive(ds)
    assert (new.weight_autocorrelation_normalised.sel(lag=0) == 1).all()
    np.testing.assert_allclose(new.relaxation_time_weights, derive(result()).relaxation_time_weights, rtol=1e-5)


def test_only_what_was_measured_is_derived():
    ds = derive(result().drop_vars("weight_autocorrelation"))
    assert "relaxation_time" in ds
    assert "relaxation_time_weights" not in ds


def test_missing_attribute_is_named():
    ds = result()
    del ds.attrs["patterns"]
    with pytest.raises(ValueError, match="must have the attribute 'patterns'"):
        derive(ds)


def test_single_clone_and_sample_give_nan():
    ds = derive(result(samples=1, clones=1))
    assert ds.susceptibility_clones.isnull().all()
    assert ds.susceptibility_samples.isnull().all()
    assert ds.relaxation_time.notnull().any()


def test_patterns_enter_the_susceptibility():
    ds = result()
    doubled = ds.assign_attrs(patterns=2 * PATTERNS)
    np.testing.assert_allclose(derive(doubled).susceptibility_clones, 2 * derive(ds).susceptibility_clones)
