"""Relaxation against width: the script runs, and its verdicts follow what is planted."""

import json

import finite_width as script
import numpy as np
import pytest
import xarray as xr
from experiment import Verdict

LAGS = np.array([0, *np.unique(np.rint(10 ** np.arange(0, 4.4, 0.1)))], dtype=float)
WIDTHS = np.array([10, 14, 20, 28, 40])
EXACT = 6e-4


def planted(z: list[float], tau: float = 300.0, samples: int = 10) -> xr.DataArray:
    """c_l = exp(-(t/tau_l)^0.7) with tau_l = tau (N/10)^z_l, 5 % off in each sample."""
    rng = np.random.default_rng(2)
    scale = tau * (WIDTHS[:, None] / 10) ** np.array(z)
    scale = scale[:, None, :] * np.exp(0.05 * rng.normal(size=(len(WIDTHS), samples, len(z))))
    c = np.exp(-((LAGS[:, None] / scale[:, :, None, :]) ** 0.7))
    coords = {"width": WIDTHS, "lag": LAGS, "layer": np.arange(1, len(z) + 1)}
    return xr.DataArray(c, coords, ("width", "sample", "lag", "layer"))


def extrapolated(e: float) -> xr.Dataset:
    return xr.Dataset({"y_inf": e, "y_inf_error": 0.005 * EXACT, "amplitude": 1e-4, "chi_squared": 1.0})


def fallen(by: float) -> xr.Dataset:
    """Fall of the energy of the output layer in units of its error: none, but at the largest width."""
    fall = np.array([0, 0, 0, 0, by])
    coords = {"width": WIDTHS}
    return xr.Dataset({"mean": ("width", 1e-5 * fall), "error": ("width", np.full(5, 1e-5))}, coords)


def verdicts(z: list[float], e: float = EXACT, fall: float = 0.0) -> list[Verdict]:
    return [claim.verdict for claim in script.claims(planted(z), extrapolated(e), EXACT, fallen(fall))]


def test_what_is_planted_is_seen():
    assert verdicts([1.0, 0.5, 1.5]) == [Verdict.SEEN] * 3


def test_the_opposite_is_contradicted():
    assert verdicts([-0.5, 0.5, 1.5], 1.2 * EXACT) == [Verdict.CONTRADICTED] * 3


@pytest.mark.parametrize("e", [EXACT, 1.2 * EXACT])
def test_energy_says_nothing_while_the_output_layer_falls(e):
    assert verdicts([1.0, 0.5, 1.5], e, fall=2.9)[2] is not Verdict.INCONCLUSIVE
    assert verdicts([1.0, 0.5, 1.5], e, fall=3.1) == [Verdict.SEEN] * 2 + [Verdict.INCONCLUSIVE]


def test_fall_of_the_output_layer_is_found():
    """Output layer -log10(lag): half a decade falls by 1/2; all other layers rise."""
    steps = -np.log10(np.maximum(LAGS, 1))
    e = np.stack([-steps, steps], -1) + 0.01 * np.random.default_rng(3).normal(size=(6, 2, 1, len(LAGS), 2))
    dims = ("sample", "clone", "waiting_time", "lag", "layer")
    ds = xr.Dataset({"clone_energy": (dims, e)}, {"lag": LAGS, "layer": [1, 2]})
    found = script.output_fall({16: ds}).sel(width=16)
    assert float(found["mean"]) == pytest.approx(0.5, abs=0.05)
    assert 0 < float(found["error"]) < 0.02


def test_slopes_and_collapse_find_the_exponent():
    c = planted([0.5, 1.0, 0.8])
    np.testing.assert_allclose(script.slopes(c), [0.5, 1.0, 0.8], atol=0.06)
    size = script.Widths(depth=4, widths=(), samples=0, clones=0, waiting_time=0, sweeps=0, resamples=2)
    np.testing.assert_allclose(script.collapse(c, size)["b"], [-0.5, -1.0, -0.8], atol=0.06)


def test_bound_makes_the_slope_smaller_and_stands_for_boundaries_alone():
    z = script.slopes(planted([2.0, 2.0, 2.0], tau=2000.0))
    assert 0 < z.sel(layer=1) < 1.9
    assert np.isnan(z.sel(layer=2))
    assert np.isnan(script.slopes(planted([1.0, 1.0, 1.0], tau=1e6))).all()


@pytest.mark.parametrize(("parts", "kept"), [([1, 0.6, 0.5, 0, 0], [20, 28, 40]), ([1] * 5, [28, 40])])
def test_widths_that_condense_are_left_out(parts, kept):
    assert script.apart(xr.DataArray(parts, {"width": WIDTHS}, ["width"])).tolist() == kept


def test_condensed_clones_are_counted():
    """Independent patterns: spread 1/sqrt(N); all patterns alike up to a sign: 1."""
    spread = np.full((2, 2, 1, 1, 3), 0.25)
    spread[0, 1, 0, 0, 1] = 1.0
    dims = ("sample", "clone", "waiting_time", "lag", "layer")
    ds = xr.Dataset(
        {"pattern_overlap_spread": (dims, spread)}, {"layer": [1, 2, 3]}, {"depth": 3, "widths": "[16, 16, 16, 16]"}
    )
    assert script.condensed({16: ds}).values.tolist() == [0.25]


@pytest.mark.slow
def test_smoke(tmp_path, capsys):
    script.main(["--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs"), "--quiet"])
    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(written["claims"]) == 3
    assert set(written["runs"]) == {"N=8", "N=12"}
    assert written["theory"]["exact"]["energy"] > 0
    data = xr.load_dataset(tmp_path / "out" / "data.nc")
    assert data.correlation.dims == ("width", "lag", "layer")
    assert all({"units", "long_name"} <= set(x.attrs) for x in data.data_vars.values())
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"figure.png", "figure.pdf", "summary.json", "data.nc"}
    assert "replica theory" in capsys.readouterr().out
