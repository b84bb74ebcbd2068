"""Hierarchy in equilibrium: made-up trees, verdicts on made-up overlaps, controls that spoil, the script in small."""

import json

import equilibrium_hierarchy as script
import numpy as np
import pytest
import xarray as xr

WIDTHS = (6, 8, 10)
COUNT, SETS = 12, 12
LOAD = 4
FACTORS = {"width": 2, "connectivity": 1, "patterns": 2 * LOAD}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(script, "MANY", 50)


def made(kinds, *, mean=0.03, verdict=script.GOOD, memory=0.0, seed=1) -> xr.Dataset:
    """Overlaps of trees or single states, by layer, in place of those of machines; `memory` of the start added."""
    rng = np.random.default_rng(seed)
    q = np.empty((len(WIDTHS), SETS, COUNT, COUNT, 3))
    for n, N in enumerate(WIDTHS):
        for k in range(SETS):
            for l, kind in enumerate(kinds):
                levels = script.tree(mean) if kind == "tree" else [mean] * 3
                q[n, k, ..., l] = script.made_up(levels, COUNT, (N, LOAD * N), rng)
    half = np.arange(COUNT) < COUNT // 2
    q += memory * (half[:, None] == half)[..., None]
    dims = ("run", "sample", "temperature", *script.PAIR, "layer")
    data = xr.Dataset(
        {
            "squared": (dims, q[:, :, None]),
            "verdict": ("run", [verdict] * len(WIDTHS)),
            "reason": ("run", ["made up"] * len(WIDTHS)),
            "round_trips": ("run", [9.0] * len(WIDTHS)),
            "used": ("run", [True] * len(WIDTHS)),
        },
        {"layer": [1, 2, 3]} | {name: ("run", [f * N // 2 for N in WIDTHS]) for name, f in FACTORS.items()},
    )
    data = data.assign(script.synthetic(data).data_vars)
    return data.assign(script.shapes(data, 2).data_vars)


def verdicts(data: xr.Dataset) -> list[str]:
    return [str(claim.verdict) for claim in script.claims(data)]


@pytest.mark.parametrize("mean", [0.02, 0.1, 0.5, 0.9])
def test_levels_have_the_mean_that_is_asked_for(mean):
    weight = np.array([2 / 3, 1 / 6, 1 / 6])
    levels = script.tree(mean)
    assert weight @ levels == pytest.approx(mean)
    assert 0 <= levels[0] <= levels[1] <= levels[2] < 1


def test_the_mean_of_made_up_overlaps():
    rng = np.random.default_rng(2)
    for kind, levels in {"tree": script.tree(0.1), "single": [0.1] * 3}.items():
        q = np.stack([script.made_up(levels, 40, (16, 32), rng) for _ in range(40)])
        means = q[:, *np.triu_indices(40, 1)].mean(1)
        assert abs(means.mean() - 0.1) < 4.5 * means.std() / 40**0.5 + 1e-3, kind


def test_strangers_agree_by_chance_or_as_much_as_is_asked_for():
    part, rng = xr.Dataset({"width": 8, "connectivity": 4, "patterns": 32}), np.random.default_rng(5)
    for mean, expected in ((0.06, 0.06), (0.9, 0.18)):  # neurons that follow have .18
        q = script.strangers(mean, 60, 12, part, rng)[:, *script.apart(12)].mean(1)
        assert abs(q.mean() - expected) < 4.5 * q.std() / 60**0.5 + 0.01


def test_the_instrument_is_the_observable():
    from glassnet.perceptron.observe.overlaps import paired_spin_overlap_squared

    S = np.sign(np.random.default_rng(3).normal(size=(2, 5, 12)))
    expected = paired_spin_overlap_squared((S[:1],), (S[1:],))
    assert script.instrument(S)[0, 1] == pytest.approx(float(expected[0]), abs=1e-6)
    assert script.instrument(S)[0, 0] == pytest.approx(1)


def test_trees_at_the_boundaries_are_seen(monkeypatch):
    monkeypatch.setattr(script, "ALLOWED", 0.1)  # a few configurations in branches by chance: starts differ by chance
    found = verdicts(made(("tree", "single", "tree")))
    assert found[:3] == ["SEEN"] * 3 and found[3] != "SEEN" and found[4:] == ["SEEN"] * 7


def test_single_states_are_none():
    found = verdicts(made(("single",) * 3, mean=0.0))
    assert found[:2] == ["SEEN", "SEEN"] and "SEEN" not in found[2:]
    assert found[5:] == ["NOT SEEN"] * 6


@pytest.mark.slow
def test_controls_spoil():
    found = script.claims(made(("tree",) * 3, verdict="NOT"))
    assert found[0].spoilt.startswith("N = 6: NOT") and all(claim.spoilt for claim in found[2:])
    remember = script.claims(made(("single",) * 3, memory=0.1))
    assert str(remember[0].verdict) == "CONTRADICTED" and all(claim.spoilt for claim in remember[2:])


@pytest.mark.slow
def test_the_script_runs_in_small(tmp_path):
    script.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(summary["claims"]) == 2 + len(script.TESTS)
    assert all(claim["verdict"] is None for claim in summary["claims"])
    assert (tmp_path / "out" / "figure.pdf").stat().st_size > 1000
