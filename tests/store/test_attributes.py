"""What analysis hands out is taken back: any Dataset, with attributes of any plain kind."""

import numpy as np
import pytest
import xarray as xr
from analysis.synthetic_result import result

import glassnet as gn

ATTRIBUTES = {
    "truth": True,
    "nothing": None,
    "table": {"a": [1, 2], "b": None},
    "mixed": [1, "a", False],
    "empty": [],
    "one word": ["a"],
    "no words": "",
    "number": 0.5,
    "numpy": np.float64(2.0),
    "numpy truth": np.bool_(True),
    "words": ["a", "bc"],
}


def test_results_of_analysis_come_back(tmp_path):
    """A mean has no configuration of a run: gn.open takes it all the same."""
    for n, out in enumerate((gn.analysis.mean_and_error(result().energy), gn.analysis.susceptibility(result()))):
        gn.save(out, tmp_path / f"{n}.nc")
        xr.testing.assert_identical(gn.open(tmp_path / f"{n}.nc"), out)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_come_back(tmp_path, name):
    value = ATTRIBUTES[name]
    ds = xr.Dataset({"x": ("time", [1.0], {name: value})}, attrs={"config": "{}", name: value})
    before = ds.copy(deep=True)
    gn.save(ds, tmp_path / "some.nc")
    assert ds.identical(before)
    back = gn.open(tmp_path / "some.nc")
    for attrs in (back.attrs, back.x.attrs):
        assert np.asarray(attrs[name], dtype=object).tolist() == np.asarray(value, dtype=object).tolist()
    assert set(back.attrs) == {"config", name}


def test_what_cannot_be_written_is_named(tmp_path):
    ds = xr.Dataset({"x": ("time", [1.0], {"thing": object()})})
    with pytest.raises(ValueError, match=r"Argument `ds.x.attrs\['thing'\]` must be a number, .* but is 'object'"):
        gn.save(ds, tmp_path / "some.nc")
    assert not list(tmp_path.iterdir())


def test_files_of_others_are_refused(tmp_path):
    xr.Dataset({"x": ("time", [1.0])}).to_netcdf(tmp_path / "foreign.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match="`path` must name a glassnet result"):
        gn.open(tmp_path / "foreign.nc")
