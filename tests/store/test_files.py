import numpy as np
import pytest
import xarray as xr

import glassnet as gn


@pytest.fixture
def result():
    values = xr.DataArray(np.arange(6.0).reshape(2, 3), dims=("sample", "time"), attrs={"units": "1"})
    return xr.Dataset({"energy": values}, {"time": [0, 1, 5]}, {"config": "{}", "seed": 3})


def test_a_result_comes_back_as_it_was_saved(result, tmp_path):
    path = gn.save(result, tmp_path / "run.nc")
    xr.testing.assert_identical(gn.open(path), result)
    assert [p.name for p in tmp_path.iterdir()] == ["run.nc"]


def test_every_truncation_is_refused(result, tmp_path):
    path = gn.save(result, tmp_path / "run.nc")
    whole = path.read_bytes()
    for size in np.linspace(0, len(whole) - 1, 20).astype(int):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"run\.nc"):
            gn.open(path)


def test_a_failed_write_leaves_the_old_file_and_no_litter(result, tmp_path, monkeypatch):
    path = gn.save(result, tmp_path / "run.nc")
    before = path.read_bytes()

    def full(self, target, **options):
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", full)
    with pytest.raises(OSError, match="No space"):
        gn.save(result, path, overwrite=True)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.nc"]


def test_a_file_is_replaced_only_if_asked_to(result, tmp_path):
    path = gn.save(result, tmp_path / "run.nc")
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"`path` must not exist yet \(overwrite=True replaces it\), but is .*run\.nc"):
        gn.save(result.isel(time=[-1]), path)
    assert path.read_bytes() == before
    gn.save(result.isel(time=[-1]), path, overwrite=True)
    assert gn.open(path).sizes["time"] == 1
    with pytest.raises(ValueError, match="`ds` must be a Dataset, but is 'DataArray'"):
        gn.save(result.energy, tmp_path / "other.nc")
    assert [p.name for p in tmp_path.iterdir()] == ["run.nc"]


def test_bad_paths_are_named(result, tmp_path):
    with pytest.raises(ValueError, match=r"`path` must end in .nc, but is .*run.txt"):
        gn.save(result, tmp_path / "run.txt")
    with pytest.raises(FileNotFoundError, match=r"`path`.*nowhere"):
        gn.save(result, tmp_path / "nowhere" / "run.nc")
    with pytest.raises(FileNotFoundError, match=r"`path`.*absent.nc"):
        gn.open(tmp_path / "absent.nc")


def test_a_netcdf_file_of_something_else_is_refused(result, tmp_path):
    path = gn.save(result.drop_attrs(), tmp_path / "other.nc")
    with pytest.raises(ValueError, match="glassnet result"):
        gn.open(path)
