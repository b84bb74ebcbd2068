"""Generalisation of deep machines: verdicts on errors made up, the script in small."""

import json

import depth as script
import numpy as np
import pytest
import xarray as xr
from experiment import Verdict

DEPTHS = [2, 4, 30]


def made(eps: float, constant: float, train: float = 0.01) -> xr.Dataset:
    """Errors of every series, the same at all depths; the nearest pattern is wrong 0.45 of the time."""
    rows = [(depth, N, start) for N, start in ((20, "random"), (10, "random"), (20, "planted")) for depth in DEPTHS]
    values = {"test_error": eps, "train_error": train, "constant": constant, "nearest": 0.45}
    values |= {"gain_constant": constant - eps, "gain_nearest": 0.45 - eps}
    ones = np.ones(len(rows))
    data = {f"{name}_mean": ("run", x * ones) for name, x in values.items()}
    data |= {f"{name}_error": ("run", 0.001 * ones) for name in values}
    names = ("depth", "width", "start")
    return xr.Dataset(data, {name: ("run", list(x)) for name, x in zip(names, zip(*rows, strict=True), strict=True)})


BETTER = "Deep students generalise better than the constant answer (width 20)."
NEAREST = "Deep students generalise better than the answer of the nearest training pattern (width 20)."
THEORY = "Deep students of finite width generalise better than the theory of the dense limit says."
BALANCED = "Control: outputs of deep teachers stay balanced, the constant answer is wrong half of the time."
LEARNED = "Control: cooled students of every depth reproduce their training data (width 20)."


def verdicts(*arguments: float) -> dict[str, Verdict]:
    return {claim.text: claim.verdict for claim in script.claims(made(*arguments))}


@pytest.mark.parametrize(
    ("eps", "constant", "expected"),
    [
        (0.4, 0.5, {BETTER: Verdict.SEEN, NEAREST: Verdict.SEEN, THEORY: Verdict.SEEN, BALANCED: Verdict.SEEN}),
        (0.48, 0.5, {BETTER: Verdict.SEEN, NEAREST: Verdict.CONTRADICTED, THEORY: Verdict.SEEN}),
        (0.5, 0.5, {BETTER: Verdict.NOT_SEEN, NEAREST: Verdict.CONTRADICTED, THEORY: Verdict.NOT_SEEN}),
        (0.4, 0.3, {BETTER: Verdict.CONTRADICTED, THEORY: Verdict.SEEN, BALANCED: Verdict.CONTRADICTED}),
    ],
)
def test_verdicts(eps, constant, expected):
    found = verdicts(eps, constant)
    assert {text: found[text] for text in expected} == expected


@pytest.mark.parametrize(("train", "verdict"), [(0.01, Verdict.SEEN), (0.3, Verdict.CONTRADICTED)])
def test_students_that_have_not_learned_are_named(train, verdict):
    assert verdicts(0.4, 0.5, train)[LEARNED] is verdict


@pytest.mark.slow
def test_script(tmp_path):
    script.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(summary["claims"]) == 6
    data = xr.load_dataset(tmp_path / "out" / "data.nc")
    planted, random = (script.series(data, 6, start).sel(depth=4) for start in ("planted", "random"))
    assert planted["test_error_in_time_mean"].sel(lag=0) == 0
    assert random["test_error_in_time_mean"].sel(lag=0) == pytest.approx(0.5, abs=0.2)
    gain = random["constant_mean"] - random["test_error_mean"]
    assert random["gain_constant_mean"].item() == pytest.approx(gain.item())
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"figure.png", "figure.pdf", "summary.json", "data.nc"}
