"""Which closure holds: verdicts on correlations that were made up for either, and the script in small."""

import json

import closures
import numpy as np
import pytest
import xarray as xr
from experiment import Verdict

LAGS = np.unique([0, *np.logspace(0, 4, 30).round()])


def series(name: str, alpha: float, times: dict[int, list[float]], plateau: list[float]) -> xr.Dataset:
    """Exponential decays with a relaxation time for each c and layer to a plateau for each layer."""
    c = sorted(times)
    tau = np.array([times[n] for n in c])[:, None, :]
    curve = plateau + (1 - np.array(plateau)) * np.exp(-LAGS[:, None] / tau)
    dims = ("run", "lag", "layer")
    layers = np.arange(1, closures.DEPTH + 1)
    reached = np.isfinite(np.log(tau[:, 0])) & (np.array(plateau) < closures.LEVEL)
    log_tau = np.where(reached, np.log(tau[:, 0]), np.nan)
    small = {"spins": curve, "weights": curve}
    data = {f"{k}_mean": (dims, x) for k, x in small.items()} | {
        f"{k}_error": (dims, 0.005 + 0 * x) for k, x in small.items()
    }
    excess = curve[..., -1] - curve[..., 0]
    data |= {"excess_mean": (dims[:2], excess), "excess_error": (dims[:2], 0.01 + 0 * excess)}
    data |= {
        "energy_mean": (dims[::2], 1 + 1 / np.array(c)[:, None] + 0 * log_tau),
        "energy_error": (dims[::2], 0.001 + 0 * log_tau),
    }
    data |= {"log_tau_mean": (dims[::2], log_tau), "log_tau_error": (dims[::2], 0.05 + 0 * log_tau)}
    labels = {"series": [name] * len(c), "alpha": [alpha] * len(c), "connectivity": c, "width": [4 * n for n in c]}
    coords = {"lag": LAGS, "layer": layers, **{k: ("run", v) for k, v in labels.items()}}
    return xr.Dataset(data, coords)


def verdicts(plateau: list[float], grows: list[float]) -> dict[str, Verdict]:
    times = {16: [100.0, 50.0, 100.0, 100.0], 32: [100 * grows[0], 50.0, 100 * grows[2], 100.0]}
    parts = [series("random", closures.MIDDLE, times, plateau), series("liquid", closures.LIQUID, times, [0.0] * 4)]
    found = closures.claims(xr.concat(parts, "run"))
    return {claim.text.split(" (")[0]: claim.verdict for claim in found}


def test_mirror_symmetric_solids():
    found = verdicts([0.4, 0.0, 0.0, 0.4], [4.0, 1.0, 4.0])
    assert found["The input side is a solid"] is Verdict.SEEN
    assert found["The output side is a solid"] is Verdict.SEEN
    assert found["The output side keeps more of its weights than the input side"] is Verdict.INCONCLUSIVE


def test_a_solid_on_the_output_side_alone():
    found = verdicts([0.0, 0.0, 0.0, 0.4], [1.0, 1.0, 4.0])
    assert found["The input side is a solid"] is Verdict.CONTRADICTED
    assert found["The output side is a solid"] is Verdict.SEEN
    assert found["The output side keeps more of its weights than the input side"] is Verdict.SEEN
    assert found["Relaxation times grow with width on the output side and saturate on the input side."] is Verdict.SEEN
    assert found["The input side is slower than the centre: kinetics, where it is no solid."] is Verdict.SEEN


def test_a_solid_on_the_input_side_alone_contradicts_the_growth():
    found = verdicts([0.0, 0.0, 0.0, 0.0], [4.0, 1.0, 1.0])
    assert found["The output side is a solid"] is Verdict.CONTRADICTED
    assert (
        found["Relaxation times grow with width on the output side and saturate on the input side."]
        is Verdict.CONTRADICTED
    )


def test_time_beyond_the_run_is_a_lower_bound():
    part = closures.of_series(series("random", 10.0, {16: [100.0] * 4, 32: [np.inf] * 4}, [0.0] * 4), "random")
    assert np.isnan(part["log_tau_mean"].values[1]).all()
    assert closures.growth(part, 1, bound=True) == pytest.approx((np.log(1e4 / 100), 0.05))
    assert np.isnan(closures.growth(part, 1)).all()


@pytest.mark.slow
def test_script(tmp_path):
    closures.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(summary["claims"]) == 10
    assert summary["thresholds_by_layer"]["exact"][0] > 5 * summary["thresholds_by_layer"]["factorised"][0]
    data = xr.load_dataset(tmp_path / "out" / "data.nc")
    assert data["weights_mean"].sel(lag=0).values == pytest.approx(1)
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"figure.png", "figure.pdf", "summary.json", "data.nc"}


def test_what_still_falls_is_no_solid():
    """Far above half of the plateau at the last lag, but an exponential with a time of that lag."""
    times = {16: [1e4] * 4, 32: [1e4] * 4}
    part = closures.of_series(series("random", closures.MIDDLE, times, [0.0] * 4), "random")
    found = closures.solid(part, 1, 0.2, "solid", "nobody", {})
    assert float(part.isel(connectivity=-1, lag=-1)["weights_mean"][0]) > 0.3
    assert found.verdict is Verdict.CONTRADICTED
