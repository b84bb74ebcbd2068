"""Penetration depth: verdicts on profiles that were made up, and the script in small."""

import json

import numpy as np
import penetration_depth
import pytest
import xarray as xr
from experiment import Verdict

L, SAMPLES = 8, 8
ALPHA = np.array([1.5, 6.0, 12.0, 48.0])
LAGS = np.array([0, 1, 10, 100, 1000])


def overlaps(growth: dict[str, float], centre: float = 0.0, relaxation: float = 1.0) -> xr.Dataset:
    """Spins that fall to LEVEL at 1 + growth ln(alpha/1.5) layers from each side, deeper at lag 100 than at 1000."""
    l = xr.DataArray(np.arange(1, L + 1), dims="layer", coords={"layer": np.arange(1, L + 1)})
    alpha = xr.DataArray(ALPHA, {"alpha": ALPHA}, "alpha")
    lag = xr.DataArray(LAGS, {"lag": LAGS}, "lag")
    noise = np.random.default_rng(0).normal(0, 0.02, (2, len(ALPHA), SAMPLES, len(LAGS)))
    noise = xr.DataArray(noise, dims=("side", "alpha", "sample", "lag"), coords={"side": ["input", "output"]})
    away = {"input": l, "output": L - l}
    mean = {s: 1 + growth[s] * np.log(alpha / 1.5) + relaxation / (1 + lag / 100) for s in away}
    depth = {s: mean[s] + noise.sel(side=s, drop=True) for s in away}
    q = sum(penetration_depth.LEVEL ** (away[s] / depth[s]) for s in away)
    middle = xr.where(l == L // 2, centre + 0.001 * noise.sel(side="input", drop=True), 0)
    spins = q.where(l < L, 1.0) + middle
    return xr.Dataset({"spins": spins, "weights": spins, "energy": 1 + 0 * spins})


def claims(q: xr.Dataset) -> dict[str, Verdict]:
    theory = xr.Dataset({"alpha_g": (("closure", "layer"), [[5.3]])}, {"closure": ["factorised"], "layer": [1]})
    found = penetration_depth.claims(q, penetration_depth.table(q), theory)
    return {claim.text: claim.verdict for claim in found}


INPUT, OUTPUT = (f"What holds still at the {side} grows thicker with the load." for side in ("input", "output"))
EQUAL = "The solid is as thick on the input side as on the output side."
EXCEEDS = "The solid is thicker on the output side than on the input side (test chosen after the data)."
KINETIC = "The thickness is kinetic: on both sides it still shrinks as the lag grows."
LIQUID = "The centre is liquid at all loads that have not condensed: spins."


def test_equal_solids_that_grow():
    found = claims(overlaps({"input": 0.3, "output": 0.3}))
    assert [found[x] for x in (INPUT, OUTPUT, EQUAL, KINETIC, LIQUID)] == [Verdict.SEEN] * 5
    assert found[EXCEEDS] is Verdict.INCONCLUSIVE


def test_solid_on_the_output_side_alone():
    found = claims(overlaps({"input": -0.1, "output": 0.3}))
    assert (found[INPUT], found[OUTPUT]) == (Verdict.CONTRADICTED, Verdict.SEEN)
    assert (found[EQUAL], found[EXCEEDS]) == (Verdict.CONTRADICTED, Verdict.SEEN)


def test_thicker_input_side_contradicts_both_closures():
    found = claims(overlaps({"input": 0.3, "output": 0.1}))
    assert (found[EQUAL], found[EXCEEDS]) == (Verdict.CONTRADICTED, Verdict.CONTRADICTED)


def test_solid_centre_and_growth_with_lag_are_contradicted():
    found = claims(overlaps({"input": 0.1, "output": 0.1}, centre=0.3, relaxation=-0.3))
    assert (found[LIQUID], found[KINETIC]) == (Verdict.CONTRADICTED, Verdict.CONTRADICTED)


def test_machines_that_condensed_are_left_out():
    q = overlaps({"input": 0.3, "output": 0.3})
    cold = q.assign(energy=q["energy"].where(q["alpha"] < 48, 0.5))
    data, rest = penetration_depth.table(q), penetration_depth.table(cold)
    assert penetration_depth.uncondensed(data["energy_mean"]).tolist() == ALPHA.tolist()
    assert penetration_depth.uncondensed(rest["energy_mean"]).tolist() == ALPHA[:-1].tolist()
    away = cold.assign(spins=cold["spins"].where(cold["alpha"] < 48, 0.9))
    xr.testing.assert_allclose(penetration_depth.table(away)["slope"], rest["slope"])


def test_nothing_is_said_where_all_machines_condensed():
    q = overlaps({"input": 0.3, "output": 0.3})
    cold = q.assign(energy=q["energy"].where(q["alpha"] < 3, 0.5))
    assert set(claims(cold).values()) == {Verdict.INCONCLUSIVE}


def test_slope_and_lags():
    data = penetration_depth.table(overlaps({"input": 0.3, "output": 0.1}))
    assert data["two_lags"].values.tolist() == [100, 1000]
    last = data.isel(two_lags=-1).sel(side="input")
    assert float(last["slope"]) == pytest.approx(0.3, abs=0.06)
    assert 0 < float(last["slope_error"]) < 0.02


@pytest.mark.slow
def test_script(tmp_path):
    penetration_depth.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(summary["claims"]) == 7
    data = xr.load_dataset(tmp_path / "out" / "data.nc")
    assert data["spins_mean"].sel(lag=0).values == pytest.approx(1, abs=0.2)
    assert data["theory_alpha_g"].sel(closure="factorised", layer=[1, 3]).values == pytest.approx(5.30, abs=0.01)
    assert np.diff(data["theory_alpha_g"].sel(layer=1)) > 10  # exact minus factorised
    assert all("units" in x.attrs for x in data.data_vars.values())
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"figure.png", "figure.pdf", "summary.json", "data.nc"}
