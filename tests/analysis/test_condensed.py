"""Clones that have condensed, and which layers are outermost and central."""

import numpy as np
import pytest
import xarray as xr
from analysis.synthetic_result import result

from glassnet.analysis import condensed, ends_and_centre, moving_layers


def spreads(widths, *, lags=(0, 10)):
    """Two samples of two clones of independent patterns at one waiting time: dq_l = 1/sqrt(N_l); layer L is clamped."""
    N = np.array(widths[1:], dtype=float)
    dims = ("sample", "clone", "waiting_time", "lag", "layer")
    x = np.broadcast_to(N**-0.5, (2, 2, 1, len(lags), len(N))).copy()
    x[..., -1] = 1.0
    attrs = {"depth": len(N), "widths": str(list(widths))}
    return xr.Dataset({"pattern_overlap_spread": (dims, x)}, {"lag": list(lags), "layer": 1 + np.arange(len(N))}, attrs)


def test_independent_patterns_are_not_condensed_and_the_clamped_layer_does_not_count():
    found = condensed(spreads([784, 16, 16, 2]))
    assert found.dims == ("sample", "clone", "waiting_time") and not found.any()


def test_one_layer_of_one_clone_at_the_longest_lag():
    ds = spreads([784, 16, 16, 2])
    ds["pattern_overlap_spread"][0, 1, 0, 1, 1] = 1.0
    assert condensed(ds).values[..., 0].tolist() == [[False, True], [False, False]]
    assert condensed(ds.isel(lag=[1, 0])).sum() == 1
    assert not condensed(ds.isel(lag=[0])).any()


def test_threshold_is_in_units_of_independent_patterns_of_each_width():
    ds = spreads([4, 16, 100, 4])
    ds["pattern_overlap_spread"][0, 0, 0, 1, 0] = 0.45  # 1.8/sqrt(16)
    ds["pattern_overlap_spread"][1, 0, 0, 1, 1] = 0.22  # 2.2/sqrt(100)
    assert condensed(ds).values[..., 0].tolist() == [[False, False], [True, False]]
    assert condensed(ds, 1.5).sum() == 2
    assert not condensed(ds, 2.5).any()


def test_temperatures_are_kept():
    assert dict(condensed(result(temperatures=2)).sizes) == {
        "sample": 4,
        "temperature": 2,
        "clone": 3,
        "waiting_time": 3,
    }


def test_what_was_not_measured_is_refused():
    ds = spreads([4, 16, 16, 4])
    ds["pattern_overlap_spread"][0, 0, 0, 1, 0] = np.nan
    with pytest.raises(ValueError, match="Argument `ds` must have a spread of the overlap of patterns"):
        condensed(ds)
    with pytest.raises(ValueError, match="'pattern_overlap_spread'"):
        condensed(ds.drop_vars("pattern_overlap_spread"))
    with pytest.raises(ValueError, match="Argument `threshold` must be a positive finite number"):
        condensed(ds, 0.0)


@pytest.mark.parametrize(
    ("layers", "ends", "centre"),
    [([1, 2, 3], (1, 3), 2), ([1, 2, 3, 4], (1, 4), 2), ([3, 1, 2, 5, 4], (1, 5), 3), ([2, 3, 4, 5], (2, 5), 3)],
)
def test_ends_and_centre(layers, ends, centre):
    assert ends_and_centre(xr.DataArray(np.zeros(len(layers)), {"layer": layers}, ["layer"])) == (ends, centre)


def test_ends_and_centre_of_a_result():
    assert ends_and_centre(moving_layers(result(), "spin_autocorrelation")) == ((1, 9), 5)


def test_two_layers_have_no_centre():
    two = xr.DataArray([0.0, 0.0], {"layer": [1, 2]}, ["layer"])
    with pytest.raises(ValueError, match=r"Argument `data` must have at least three layers, but is \[1, 2\]"):
        ends_and_centre(two)
    with pytest.raises(ValueError, match="must have the dimension 'layer'"):
        ends_and_centre(two.rename(layer="time"))
