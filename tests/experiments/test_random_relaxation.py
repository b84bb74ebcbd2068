"""Heterogeneous relaxation: the script runs, and its verdicts follow what is planted."""

import json

import numpy as np
import pytest
import random_relaxation as script
import xarray as xr
from experiment import Verdict

LAGS = np.array([0, *np.unique(np.rint(10 ** np.arange(0, 3.9, 0.2)))], dtype=float)
WAITS = np.array([10.0, 100.0, 1000.0])


def planted(tau: list[float], mu: float = 0.0, samples: int = 8) -> xr.DataArray:
    """c_l = exp(-(t/tau_l (10/t_w)^mu)^0.7), tau of each sample 5 % off, with some noise on each point."""
    rng = np.random.default_rng(1)
    spread = np.exp(0.05 * rng.normal(size=(samples, 1, 1, 1)))
    scale = spread * np.array(tau) * ((WAITS / 10) ** mu)[:, None, None]
    c = np.exp(-((LAGS[:, None] / scale) ** 0.7))
    c = c + 0.005 * rng.normal(size=c.shape)
    coords = {"waiting_time": WAITS, "lag": LAGS, "layer": np.arange(1, len(tau) + 1)}
    return xr.DataArray(c, coords, ("sample", "waiting_time", "lag", "layer"))


def verdicts(moderate: xr.DataArray, high: xr.DataArray) -> list[Verdict]:
    mu = [script.aging(x, 20) for x in (moderate, high)]
    return [claim.verdict for claim in script.claims(moderate, high, mu, (5, 20), 20)]


def test_what_is_planted_is_seen():
    moderate = planted([200, 50, 400])
    high = planted([4e3, 1e3, 8e3], mu=0.5)
    *others, aging, aging_high, cut_off, output = verdicts(moderate, high)
    assert others == [Verdict.SEEN] * 2
    assert (aging, aging_high) == (Verdict.INCONCLUSIVE, Verdict.SEEN)
    assert (cut_off, output) == (Verdict.SEEN, Verdict.SEEN)


def test_the_opposite_is_contradicted():
    moderate = planted([50, 200, 30])
    high = planted([1e5, 4e6, 2e4], mu=-0.3)
    found = verdicts(moderate, high)
    assert found[0] is found[1] is found[3] is found[5] is Verdict.CONTRADICTED
    assert verdicts(high, high)[4] is Verdict.CONTRADICTED


def test_growth_is_that_from_the_shortest_wait_to_the_longest():
    tau = 4e3
    found = script.growth(planted([tau, 1e3, tau], mu=0.5)).sel(layer=1)
    known = np.exp(-((LAGS[-1] / (10 * tau)) ** 0.7)) - np.exp(-((LAGS[-1] / tau) ** 0.7))
    assert abs(float(found["value"]) - known) < 4 * float(found["error"]) + 0.01


@pytest.mark.parametrize(("slow", "fast"), [(200.0, 50.0), (50.0, 200.0)])
def test_ratio_of_times(slow, fast):
    c = planted([slow, fast, 10.0])
    found = script.slower(c, [1], 2)
    assert abs(float(found["value"][0]) - np.log(slow / fast)) < 4 * float(found["error"][0]) + 0.01


def test_longest_lag_stands_for_a_slow_layer_alone():
    c = planted([1e6, 100.0, 1e6])
    bound = float(script.log_ratio(c, 1, 2).isel(waiting_time=-1))
    assert bound == pytest.approx(np.log(LAGS[-1] / 100), abs=0.1)
    assert np.isnan(script.log_ratio(c, 2, 1)).all()


def test_smoke(tmp_path, capsys):
    script.main(["--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs"), "--quiet"])
    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(written["claims"]) == 6
    assert set(written["runs"]) == {"moderate", "high"}
    data = xr.load_dataset(tmp_path / "out" / "data.nc")
    assert data.correlation.dims == ("alpha", "waiting_time", "lag", "layer")
    assert all({"units", "long_name"} <= set(x.attrs) for x in data.data_vars.values())
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"figure.png", "figure.pdf", "summary.json", "data.nc"}
    assert "alpha = 6" in capsys.readouterr().out
