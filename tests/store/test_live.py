"""Whole results as a store on disk."""

import numpy as np
import pytest
import xarray as xr

from glassnet.store import live, seal


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


@pytest.mark.parametrize("name", ["lag", "beta"])
def test_a_damaged_coordinate_is_found_while_there_is_no_seal(tmp_path, monkeypatch, name):
    """Of a run that goes on: beta may not become 2.0005 by one bit."""
    monkeypatch.setattr(live, "PAUSES", ())
    right = result(0).assign_coords(beta=2.0)
    live.replace(right, tmp_path / "results.zarr")
    (chunk,) = [file for file in (tmp_path / "results.zarr" / name).rglob("*") if file.is_file() and not file.suffix]
    content, found = chunk.read_bytes(), 0
    for place in range(0, len(content), max(1, len(content) // 20)):
        changed = bytearray(content)
        changed[place] ^= 1
        chunk.unlink()
        chunk.write_bytes(changed)
        try:
            xr.testing.assert_identical(live.read(tmp_path / "results.zarr"), right)
        except ValueError:
            found += 1
    assert found > 10


def test_a_link_in_place_of_a_store_is_not_followed(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("keep me")
    (tmp_path / ".results.zarr.new").symlink_to(tmp_path / "mine", target_is_directory=True)
    live.replace(result(0), tmp_path / "results.zarr")
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["notes"]
    xr.testing.assert_identical(live.read(tmp_path / "results.zarr"), result(0))


def test_a_seal_tells_what_has_changed(tmp_path):
    store = tmp_path / "results.zarr"
    live.replace(result(0), store)
    assert seal.check(store) is False
    seal.put_on(store)
    assert seal.check(store) is True
    (store / ".DS_Store").write_text("of a file manager")
    assert seal.check(store) is True
    (store / "c" / "new").write_text("")
    with pytest.raises(seal.BrokenSealError, match="c/new is not of this result"):
        seal.check(store)
    (store / "c" / "new").unlink()
    (store / "c" / "zarr.json").unlink()
    with pytest.raises(seal.BrokenSealError, match=r"c/zarr\.json is missing"):
        seal.check(store)
    live.replace(result(1), store)
    with pytest.raises(ValueError, match=r"results\.sha256 is missing.*resuming the run mends it"):
        live.read(store, sealed=lambda: True)
