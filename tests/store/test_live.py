"""Whole results as a store on disk."""

import numpy as np
import pytest
import xarray as xr

from glassnet.store import live


def result(seed):
    rng = np.random.default_rng(seed)
    C = rng.normal(size=(3, 40)).astype(np.float32)
    C[:, 30:] = np.nan
    spins = rng.choice(np.array([-1, 1], np.int8), (3, 5))
    variables = {"c": (("sample", "lag"), C), "spins": (("sample", "neuron"), spins), "T": ((), 0.5)}
    return xr.Dataset(variables, {"lag": np.arange(40)}, {"status": "complete", "seed": seed})


@pytest.mark.parametrize("small", [0, 2**24])
def test_a_whole_result_takes_the_place_of_another(tmp_path, monkeypatch, small):
    """Also one that is too large to be put together in memory."""
    monkeypatch.setattr(live, "SMALL", small)
    for seed in range(2):
        live.replace(result(seed), tmp_path / "results.zarr")
        xr.testing.assert_identical(live.read(tmp_path / "results.zarr"), result(seed))
    assert [file.name for file in tmp_path.iterdir()] == ["results.zarr"]


@pytest.mark.parametrize("small", [0, 2**24])
def test_a_damaged_chunk_is_found(tmp_path, monkeypatch, small):
    monkeypatch.setattr(live, "SMALL", small)
    live.replace(result(0), tmp_path / "results.zarr")
    (chunk,) = [file for file in (tmp_path / "results.zarr" / "c").rglob("*") if file.is_file() and file.suffix == ""]
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        live.read(tmp_path / "results.zarr")
