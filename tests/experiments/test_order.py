"""Order by squared overlaps: verdicts on values made up, controls that spoil, the script in small."""

import json

import numpy as np
import order
import pytest
import xarray as xr

SIZES = [(20, 160), (20, 320), (24, 192), (32, 256), (32, 512), (48, 384)]


def made_up(excess, *, fall=0.0, chance=0.0, noise=2e-4, seed=0, growth=(0.02, 0.02)) -> xr.Dataset:
    """Squared overlaps 0.2/c + 0.01 c/N by layer, with an excess above the threshold, a fall in the last octave, and a
    chance level that changes between liquids; times of turning that grow like exp(growth c), of solids and liquids."""
    rng = np.random.default_rng(seed)
    plan = [(alpha, c, N) for alpha in (order.LIQUID, order.MIDDLE) for c, N in SIZES]
    plan += [(alpha, 24, 192) for alpha in (order.DILUTE, order.DEEP)]
    late = np.zeros((len(plan), 6, 3))
    for n, (alpha, c, N) in enumerate(plan):
        solid = np.array(excess) if alpha > order.LIQUID else 0.0
        late[n] = 0.2 / c + 0.01 * c / N + solid - (chance if alpha == order.DILUTE else 0.0)
    late += noise * rng.normal(size=late.shape)
    alpha, c, N = map(np.array, zip(*plan, strict=True))
    earlier = late + np.where(alpha > order.LIQUID, fall, 0.0)[:, None, None]
    dims = ("run", "sample", "layer")
    lag = np.unique(np.rint(np.geomspace(1, 16_000, 40)).astype(int))
    time = np.where(alpha > order.LIQUID, 3000 * np.exp(growth[0] * c), 600 * np.exp(growth[1] * c))
    ratio = np.exp(-lag / time[:, None]) + 0.02 * rng.normal(size=(6, len(plan), len(lag)))
    squared = 0.1 + 0 * ratio
    both = {"plain": ratio * squared**0.5, "own_squared": squared}
    curves = {k: (("run", "sample", "layer", "lag"), np.stack([x.swapaxes(0, 1)] * 3, 2)) for k, x in both.items()}
    coords = {"layer": [1, 2, 3], "alpha": ("run", alpha), "connectivity": ("run", c), "width": ("run", N)}
    return xr.Dataset({"late": (dims, late), "earlier": (dims, earlier)} | curves, coords | {"lag": lag})


def verdicts(data: xr.Dataset) -> list[str]:
    return [str(claim.verdict) for claim in order.claims(data)]


def test_each_closure_is_told_from_the_other():
    q = order.prediction(order.MIDDLE)
    assert verdicts(made_up(q["exact"]))[:3] == ["SEEN", "NOT SEEN", "SEEN"]
    assert verdicts(made_up(q["factorised"]))[:3] == ["SEEN", "SEEN", "NOT SEEN"]
    assert verdicts(made_up([0, 0, 0]))[:3] == ["NOT SEEN", "NOT SEEN", "NOT SEEN"]


def test_what_still_falls_is_no_order():
    q = order.prediction(order.MIDDLE)["factorised"]
    assert verdicts(made_up(q, fall=q[0]))[:2] == ["NOT SEEN", "NOT SEEN"]
    assert set(verdicts(made_up(2 * q, fall=0.1 * q[0]))[:2]) == {"SEEN"}


def test_a_chance_level_that_moves_spoils_all():
    found = order.claims(made_up(order.prediction(order.MIDDLE)["factorised"], chance=0.02))[:5]
    assert {str(claim.verdict) for claim in found} == {"INCONCLUSIVE"}
    assert "chance level of layer 1" in found[0].spoilt


def test_at_one_c_the_widest_machine_speaks():
    found = order.claims(made_up([0.03, 0, 0.03]))[4]
    assert found.text.endswith("(alpha = 20, c = 24, N = 192).")
    assert found.effect == pytest.approx(0.03, abs=4.5 * found.error) and found.error < 1e-3


def test_what_is_not_at_rest_decides_nothing():
    found = order.claims(made_up([0.03, 0, 0.03], fall=0.02))[4]
    assert str(found.verdict) == "INCONCLUSIVE" and found.spoilt.startswith("not at rest")


@pytest.mark.parametrize(("growth", "expected"), [
    ((0.04, 0.015), ["SEEN", "SEEN"]),
    ((0.015, 0.015), ["SEEN", "NOT SEEN"]),
    ((-0.03, 0.015), ["CONTRADICTED", "CONTRADICTED"]),
])  # fmt: skip
def test_times_of_turning(growth, expected):
    assert verdicts(made_up([0, 0, 0], growth=growth))[5:] == expected


def test_the_time_of_turning_is_where_the_ratio_falls():
    data = made_up([0, 0, 0], growth=(0.02, 0.02), noise=0)
    times = order.turning_times(data, order.MIDDLE, 3)
    exact = -np.log(order.TURNED) * 3000 * np.exp(0.02 * times["connectivity"])
    assert (abs(np.log(times["time"] / exact)) < 4.5 * times["log_error"] + 0.02).all()


def test_where_neurons_have_not_turned_nothing_is_said():
    found = order.claims(made_up([0, 0, 0], growth=(0.1, 0.02)))[5:]  # the widest machine keeps its neurons
    assert {str(claim.verdict) for claim in found} == {"INCONCLUSIVE"}


@pytest.mark.slow
def test_the_script_runs_in_small(tmp_path):
    order.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(summary["claims"]) == 7 and all(claim["verdict"] is None for claim in summary["claims"])
    assert (tmp_path / "out" / "figure.pdf").stat().st_size > 1000
