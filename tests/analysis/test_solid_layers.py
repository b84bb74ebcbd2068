import numpy as np
import pytest
import xarray as xr
from analysis.synthetic_result import PLATEAU, WIDTHS, result

import glassnet as gn
from glassnet.analysis import energy_per_gap, magnetised, mean_pair_overlap, moving_layers, solid, solid_depth
from glassnet.sampling.system import Variable
from glassnet.store.dataset import with_attributes

E = np.exp(-1)


def profile(*values):
    return xr.DataArray(np.array(values), {"layer": np.arange(1, len(values) + 1)}, ("layer",))


def test_planted_profile_solid_liquid_solid():
    q = mean_pair_overlap(result(sweeps=100_000).spin_overlap).mean("sample").sel(waiting_time=1000)
    np.testing.assert_array_equal(solid(q), PLATEAU >= E)
    depth = solid_depth(q)
    assert (depth.input_depth.item(), depth.output_depth.item()) == (3, 2)


def test_depth_counts_from_each_side_and_skips_the_clamped_layer():
    for values, sides in [
        ((0.1, 0.1, 0.1, 1.0), (0, 0)),
        ((0.9, 0.1, 0.9, 0.9, 1.0), (1, 2)),
        ((0.9, 0.9, 0.9, 1.0), (3, 3)),
        ((0.1, 0.9, 0.1, 1.0), (0, 0)),
        ((1.0,), (0, 0)),
    ]:
        depth = solid_depth(profile(*values))
        assert (depth.input_depth.item(), depth.output_depth.item()) == sides, values


def test_longest_lag_decides():
    q = xr.concat([profile(0.9, 0.1, 1.0), profile(0.1, 0.9, 1.0)], "lag").assign_coords(lag=[1, 10])
    np.testing.assert_array_equal(solid(q), [False, True, True])
    np.testing.assert_array_equal(solid(q.isel(lag=[1, 0])), [False, True, True])


def test_level_itself_is_solid_and_the_level_is_an_argument():
    np.testing.assert_array_equal(solid(profile(E, E - 1e-9, 1.0)), [True, False, True])
    np.testing.assert_array_equal(solid(profile(0.6, 0.4, 1.0), level=0.5), [True, False, True])


def test_temperature_and_samples_are_kept():
    q = mean_pair_overlap(result(temperatures=2).spin_overlap)
    assert dict(solid_depth(q).sizes) == {"sample": 4, "temperature": 2, "waiting_time": 3}


def test_one_clone_has_no_overlap():
    q = mean_pair_overlap(result(clones=1).spin_overlap)
    assert q.isnull().all()
    with pytest.raises(ValueError, match=r"`overlap` must be free of NaN .* two clones"):
        solid(q)


def test_pairs_leave_out_the_diagonal():
    q = np.random.default_rng(0).random((3, 3))
    np.fill_diagonal(q, 1.0)
    expected = (q.sum() - 3) / 6
    bare = xr.DataArray(q, dims=("clone", "clone_b"))
    labelled = bare.assign_coords(clone=[4, 7, 9], clone_b=[4, 7, 9])
    assert mean_pair_overlap(bare).item() == pytest.approx(expected)
    assert mean_pair_overlap(labelled).item() == pytest.approx(expected)
    assert mean_pair_overlap(labelled.isel(clone=[0], clone_b=[1, 2])).item() == pytest.approx(q[0, 1:].mean())


def test_pairs_keep_name_and_attributes():
    ds = result()
    q = mean_pair_overlap(ds.spin_overlap)
    assert q.name == "spin_overlap"
    assert q.attrs == ds.spin_overlap.attrs


def test_magnetised_samples_are_flagged():
    ds = result(noise=0.0)
    ds["magnetisation_squared"] = ds.magnetisation_squared * 0
    early, late = ds.copy(deep=True), ds.copy(deep=True)
    early.magnetisation_squared[1, :, :, :-1, 4] = 0.5
    late.magnetisation_squared[1, :, 2, -1, 4] = 0.5
    assert not magnetised(early).any()
    flags = magnetised(late)
    assert flags.dims == ("sample", "waiting_time", "layer")
    assert flags.sizes["layer"] == ds.attrs["depth"] - 1
    assert flags.sum() == 1
    assert flags[1, 2, 4]
    assert not magnetised(late, threshold=0.6).any()


def test_clamped_output_moves_only_as_weights():
    ds = result()
    assert moving_layers(ds, "spin_autocorrelation").layer.values.tolist() == list(range(1, 10))
    assert moving_layers(ds, "weight_autocorrelation").layer.values.tolist() == list(range(1, 11))
    assert moving_layers(ds.sel(layer=[2, 5]), "spin_autocorrelation").layer.values.tolist() == [2, 5]
    with pytest.raises(ValueError, match="must have the variable 'colour'"):
        moving_layers(ds, "colour")


def test_energy_per_gap_weighs_layers_by_width():
    ds = result(noise=0.0)
    ds["energy"] = ds.energy * 0 + ds.layer
    N = np.array(WIDTHS[1:])
    np.testing.assert_allclose(energy_per_gap(ds), (N * np.arange(1, 11)).sum() / N.sum())


def test_which_layers_move_is_said_by_the_variable():
    values = xr.DataArray(np.ones(4), {"layer": np.arange(1, 5)}, ("layer",))
    ds = xr.Dataset({"own": values, "clamped": values.assign_attrs(fixed="layer"), "spin_overlap": values})
    ds = ds.assign_attrs(depth=4)
    assert {name: moving_layers(ds, name).sizes["layer"] for name in ds} == {"own": 4, "clamped": 3, "spin_overlap": 3}
    labelled = with_attributes(values, gn.Observable(abs, ("layer",), fixed=("layer",)).variable("own"))
    assert labelled.attrs["fixed"] == "layer" and "fixed" not in with_attributes(values, Variable((), *"1234")).attrs
