import gc
import os
import resource

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


def test_a_file_that_cannot_grow_leaves_the_old_one_and_the_process(result, tmp_path):
    """The system itself refuses the bytes, as a full disk does; HDF5 would take the process with it, later."""
    path = gn.save(result, tmp_path / "run.nc")
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            gn.save(result, path, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    gc.collect()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.nc"]
    xr.testing.assert_identical(gn.open(gn.save(result, tmp_path / "again.nc")), result)


def test_a_link_at_the_temporary_name_is_not_followed(result, tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("keep me")
    (tmp_path / f".run.nc.{os.getpid()}.part").symlink_to(mine)
    path = gn.save(result, tmp_path / "run.nc")
    assert mine.read_text() == "keep me" and not path.is_symlink()
    xr.testing.assert_identical(gn.open(path), result)


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
    path = tmp_path / "other.nc"
    result.drop_attrs().to_netcdf(path, engine="h5netcdf")
    with pytest.raises(ValueError, match="glassnet result"):
        gn.open(path)
