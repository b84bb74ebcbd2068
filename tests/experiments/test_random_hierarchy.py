"""Hierarchy with random data: the script runs, and its verdicts follow what is planted."""

import json

import numpy as np
import pytest
import random_hierarchy as script
import xarray as xr
from experiment import Verdict

SIZE = script.Families(depth=4, width=10, data_sets=4, starts=8, clones=4, waiting_times=(1, 2), sweeps=1, draws=2)
LAYERS = 3


def symmetric(q: np.ndarray) -> np.ndarray:
    q = np.tril(q, -1) + np.swapaxes(np.tril(q, -1), -1, -2)
    return q + np.eye(q.shape[-1])


def star(rng: np.random.Generator, n: int, unequal: float = 0.0) -> np.ndarray:
    """All pairs alike up to noise, and up to the length of their branches."""
    branch = unequal * rng.normal(size=n)
    return symmetric(0.5 + branch[:, None] + branch + 0.01 * rng.normal(size=(n, n)))


def tree(rng: np.random.Generator, n: int) -> np.ndarray:
    """Numbers in binary: the overlap of two grows with the digits that they share from the left."""
    a, b = np.meshgrid(*[rng.permutation(n)] * 2)
    shared = 5 - np.ceil(np.log2((a ^ b) + 1))
    return symmetric(0.15 * shared + 0.002 * rng.normal(size=(n, n)))


def families(make, n: int = 8, count: int = 6, **options) -> xr.DataArray:
    rng = np.random.default_rng(3)
    return xr.DataArray([make(rng, n, **options) for _ in range(count)], dims=("sample", "clone", "clone_b"))


@pytest.mark.parametrize("unequal", [0.0, 0.1])
def test_four_points_of_a_star_and_of_a_tree(unequal):
    assert script.four_point(families(star, count=40, unequal=unequal)) == pytest.approx(0.5, abs=0.05)
    assert script.four_point(families(tree)) < 0.05
    assert np.isnan(script.four_point(families(star, n=3)))


def test_unequal_branches_look_ultrametric_to_triangles():
    assert script.statistics(families(star, unequal=0.1), 5)["shuffled"] > 0.1
    assert abs(script.statistics(families(star, count=40), 5)["shuffled"]) < 0.05


def test_frozen_families_are_left_out():
    q = families(star)
    q[0] = 1.0
    left = script.statistics(q, 3)
    assert left["K"] == script.statistics(q[1:], 3)["K"]
    frozen = script.statistics(xr.ones_like(q), 3)
    assert np.isnan(frozen["K"]) and np.isnan(frozen["shuffled"]) and frozen["spread"] == 0


def test_members_of_families():
    chosen = script.members(SIZE)
    assert chosen["starts"].tolist() == [list(range(32, 64, 4))]
    assert chosen["clones"][1].tolist() == [36, 37, 38, 39]
    assert chosen["kinetic"][1].tolist() == [4, 5, 6, 7, 36, 37, 38, 39]


def planted(make, spread_inside: float) -> xr.Dataset:
    """Statistics of four data sets: overlaps of `make`, fluctuations about their mean in the centre stretched."""
    rng = np.random.default_rng(4)
    rows = []
    for _ in range(SIZE.data_sets):
        q = np.stack([make(rng, 64) for _ in range(LAYERS)], -1)
        q[..., 1] = 0.5 + spread_inside * (q[..., 1] - 0.5)
        dims = ("configuration", "configuration_b", "layer")
        rows.append(script.measured(xr.DataArray(q, {"layer": [1, 2, 3]}, dims), SIZE))
    return xr.concat(rows, "sample")


def random_tree(rng: np.random.Generator, n: int) -> np.ndarray:
    """A tree over configurations in random order, so that all kinds of families are parts of it."""
    order = rng.permutation(n)
    shared = 7 - np.ceil(np.log2((order[:, None] ^ order) + 1))
    return symmetric(0.1 * shared + 0.002 * rng.normal(size=(n, n)))


def test_what_is_planted_is_seen():
    found = script.claims(planted(random_tree, 0.2))
    assert [claim.verdict for claim in found] == [Verdict.SEEN] * 6


def test_no_tree_is_not_seen_and_a_complex_centre_contradicts():
    found = script.claims(planted(star, 5.0))
    verdicts = [claim.verdict for claim in found]
    assert Verdict.SEEN not in verdicts
    assert verdicts[2] is verdicts[5] is Verdict.CONTRADICTED


@pytest.mark.slow
def test_smoke(tmp_path, capsys):
    script.main(["--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs"), "--quiet"])
    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(written["claims"]) == 6
    assert set(written["runs"]) == {"data 0", "data 1"}
    data = xr.load_dataset(tmp_path / "out" / "data.nc")
    assert data.K.dims == ("kind", "layer")
    np.testing.assert_allclose(np.diagonal(data.matrix.isel(layer=0)), 1, atol=0.5)
    assert all({"units", "long_name"} <= set(x.attrs) for x in data.data_vars.values())
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"figure.png", "figure.pdf", "summary.json", "data.nc"}
    assert "independent starts" in capsys.readouterr().out
