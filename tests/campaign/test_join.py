"""Results on a grid joined into one Dataset: nothing is moved, nothing is invented."""

import numpy as np
import pytest
import xarray as xr

from glassnet.campaign.join import joined


def result(*, depth=2, lags=(0, 1, 3), samples=2, clones=2, temperature=0.5, seed=0, **more):
    """A result with the dims and coordinates that those of runs have."""
    rng = np.random.default_rng(seed)
    count = samples * clones
    variables = {
        "energy": (("sample", "lag", "layer"), rng.normal(size=(samples, len(lags), depth)).astype(np.float32)),
        "moves": (("sample", "layer"), rng.integers(9, size=(samples, depth))),
        "total": ((), rng.normal()),
        "overlap": (("configuration", "configuration_b"), rng.normal(size=(count, count))),
        "bare": (("sample", "pattern"), rng.normal(size=(samples, 3))),
    }
    coordinates = {
        "sample": np.arange(samples),
        "lag": ("lag", np.array(lags), {"units": "sweeps"}),
        "layer": np.arange(1, depth + 1),
        "configuration": np.arange(count),
        "configuration_b": np.arange(count),
        "configuration_sample": ("configuration", np.repeat(np.arange(samples), clones)),
        "configuration_clone": ("configuration", np.tile(np.arange(clones), samples)),
        "temperature": temperature,
    }
    ds = xr.Dataset(variables | more, coordinates)
    ds["energy"].attrs["units"] = "energy per gap"
    return ds


def check_holds(whole, part, place, names):
    """Check that `part` stands at `place` of `whole`, and NaN around it."""
    here = whole.isel(place)
    for name in names:
        there = here[name].sel({d: part[d] for d in part[name].dims})
        np.testing.assert_array_equal(there, part[name])
        assert int(here[name].notnull().sum()) == part[name].size


def test_outer_join_of_different_depths_and_lags():
    parts = {
        (0, 0): result(),
        (0, 1): result(depth=3, seed=1),
        (1, 1): result(lags=(0, 2, 3, 9), samples=1, seed=2, temperature=0.25),
    }
    whole, left_out = joined(parts, ("a", "b"), (2, 2))
    assert left_out == ["bare"]
    assert dict(whole.sizes) == {
        "a": 2,
        "b": 2,
        "sample": 2,
        "lag": 5,
        "layer": 3,
        "configuration": 4,
        "configuration_b": 4,
    }
    assert whole.energy.dims == ("a", "b", "sample", "lag", "layer")
    assert list(whole.lag.values) == [0, 1, 2, 3, 9]
    for (a, b), part in parts.items():
        check_holds(whole, part, {"a": a, "b": b}, ("energy", "moves", "total", "overlap"))
    assert whole.isel(a=1, b=0).energy.isnull().all()
    assert (whole.energy.dtype, whole.moves.dtype, whole.total.dtype) == (np.float32, np.float64, np.float64)
    assert whole.energy.attrs == {"units": "energy per gap"}
    assert whole.lag.attrs == {"units": "sweeps"}


def test_integers_stay_integers_where_nothing_is_missing():
    whole, _ = joined({(0,): result(), (1,): result(seed=1)}, ("a",), (2,))
    assert whole.moves.dtype == np.int64
    assert whole.configuration_sample.dtype == np.int64


def test_coordinates_stand_over_the_dims_they_depend_on():
    parts = {(a, b): result(temperature=0.5 * b) for a in range(2) for b in range(2)}
    del parts[0, 1]
    whole, _ = joined(parts, ("a", "b"), (2, 2))
    assert whole.temperature.dims == ("b",)
    np.testing.assert_array_equal(whole.temperature, [0, 0.5])
    assert whole.configuration_clone.dims == ("configuration",)
    same, _ = joined({(0,): result(), (1,): result()}, ("a",), (2,))
    assert same.temperature.item() == 0.5


def test_order_of_a_coordinate_is_kept_where_all_agree():
    ladder = result().drop_vars("temperature").expand_dims(temperature=[0.5, 0.1])
    whole, _ = joined({(0,): ladder, (2,): ladder}, ("a",), (3,))
    assert list(whole.temperature.values) == [0.5, 0.1]
    check_holds(whole, ladder, {"a": 2}, ("energy",))


def test_a_coordinate_gives_way_to_the_grid():
    whole, _ = joined({(0,): result(), (1,): result(temperature=0.25)}, ("temperature",), (2,))
    assert "temperature" not in whole.coords
    assert whole.energy.dims[0] == "temperature"


def test_overlaps_of_configurations_that_mean_different_clones_are_left_out():
    whole, left_out = joined({(0,): result(), (1,): result(clones=3)}, ("a",), (2,))
    assert left_out == ["bare", "overlap"]
    assert not {"overlap", "configuration", "configuration_sample"} & set(whole.variables)
    more_samples, left_out = joined({(0,): result(), (1,): result(samples=3)}, ("a",), (2,))
    assert left_out == ["bare"]
    assert more_samples.sizes["configuration"] == 6


def test_variables_that_change_their_dims_or_are_in_some_runs_alone():
    odd = result(odd=(("layer",), [1.0, 2.0]))
    other = result(odd=(("sample",), [1.0, 2.0]))
    whole, left_out = joined({(0,): odd, (1,): other}, ("a",), (2,))
    assert left_out == ["bare", "odd"]
    whole, _ = joined({(0,): odd, (1,): result()}, ("a",), (2,))
    np.testing.assert_array_equal(whole.odd, [[1, 2], [np.nan, np.nan]])


def test_no_results_at_all():
    whole, left_out = joined({}, ("a",), (2,))
    assert not whole.variables
    assert left_out == []


@pytest.mark.parametrize("runs", [300])
def test_cost_grows_with_the_number_of_runs(runs):
    """Hundreds of runs in seconds, and no faster than linearly."""
    import time

    parts = {(n,): result(seed=n) for n in range(runs)}
    begun = time.process_time()
    joined(parts, ("a",), (runs,))
    assert time.process_time() - begun < 5
