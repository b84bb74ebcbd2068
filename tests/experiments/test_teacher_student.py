"""The crystal: verdicts on overlaps and errors that were made up, and the script in small."""

import json

import numpy as np
import pytest
import teacher_student as script
import xarray as xr
from experiment import Verdict

ALPHA = [3.0, 10.0, 20.0]
NAMES = ("overlap_squared", "test_error", "train_error")


def made(profile: list[float], error: list[float], apart: float = 0.0, training: float = 0.1) -> xr.Dataset:
    """Both depths and starts: R^2 of hidden layers, test errors by alpha; planted starts are `apart` above random."""
    rows = [(depth, start, n) for depth in (2, 4) for start in script.STARTS for n in range(len(ALPHA))]
    shift = np.array([apart * (start == "planted") for _, start, _ in rows])
    squared = np.array([[*profile, 1.0]] * len(rows)) + shift[:, None]
    mean = {"overlap_squared": (("run", "layer"), squared), "test_error": ("run", [error[n] for *_, n in rows])}
    mean["train_error"] = ("run", [training] * len(rows))
    data = {f"late_{name}_mean": mean[name] for name in NAMES}
    data |= {f"late_{name}_error": (dims, np.full(np.shape(x), 0.002)) for name, (dims, x) in mean.items()}
    labels = {k: [row[n] for row in rows] for n, k in enumerate(("depth", "start"))} | {
        "alpha": [ALPHA[row[2]] for row in rows]
    }
    return xr.Dataset(data, {"layer": [1, 2, 3, 4], **{k: ("run", v) for k, v in labels.items()}})


def verdicts(*arguments, **options) -> dict[str, Verdict]:
    return {claim.text: claim.verdict for claim in script.claims(made(*arguments, **options))}


INPUT_SIDE = "Student and teacher agree more at the input side than in the centre (chance included)."
OUTPUT_SIDE = "Student and teacher agree more at the output side than in the centre (chance included)."
SAME = "Planted and random starts reach the same overlaps with the teacher (L = 4)."
GENERALISE = "Students generalise: the error on fresh patterns is below 1/2 (L = 4)."
FALLS = "The generalisation error falls with alpha (L = 4)."


def test_a_crystal_at_both_boundaries():
    found = verdicts([0.2, 0.01, 0.3], [0.5, 0.4, 0.3])
    assert [found[text] for text in (INPUT_SIDE, OUTPUT_SIDE, SAME, GENERALISE, FALLS)] == [Verdict.SEEN] * 5


def test_a_centre_that_knows_the_teacher_best():
    found = verdicts([0.01, 0.3, 0.2], [0.3, 0.4, 0.52])
    contradicted = (INPUT_SIDE, OUTPUT_SIDE, GENERALISE, FALLS)
    assert [found[text] for text in contradicted] == [Verdict.CONTRADICTED] * 4


def test_students_that_did_not_learn_say_nothing_of_generalisation():
    found = verdicts([0.2, 0.01, 0.3], [0.5, 0.4, 0.3], training=0.45)
    assert (found[GENERALISE], found[FALLS], found[INPUT_SIDE]) == (*[Verdict.INCONCLUSIVE] * 2, Verdict.SEEN)


def test_starts_that_stay_apart():
    assert verdicts([0.2, 0.01, 0.3], [0.5, 0.4, 0.3], apart=0.1)[SAME] is Verdict.CONTRADICTED


@pytest.mark.parametrize(("liquid", "verdict"), [(0.0, Verdict.SEEN), (0.2, Verdict.INCONCLUSIVE)])
def test_chance_is_what_a_liquid_shows(liquid, verdict):
    data = made([0.2, 0.01, 0.3], [0.5, 0.4, 0.3])
    outer = (data["alpha"] == ALPHA[0]) & (data["layer"] == 1)
    data["late_overlap_squared_mean"] = data["late_overlap_squared_mean"].where(~outer, liquid)
    found = {claim.text: claim.verdict for claim in script.claims(data)}
    assert found["The input side knows more of its teacher than chance in a liquid gives."] is verdict
    solid = "The first layer knows the teacher as the factorised closure says (the exact one says: not at all)."
    assert found[solid] is (Verdict.SEEN if liquid == 0 else Verdict.CONTRADICTED)


def test_the_weaker_start_decides():
    data = made([0.2, 0.01, 0.3], [0.5, 0.4, 0.3])
    cold = (data["start"] == "random") & (data["layer"] == 1)
    data["late_overlap_squared_mean"] = data["late_overlap_squared_mean"].where(~cold, 0.01)
    found = {claim.text: claim for claim in script.claims(data)}
    assert found[INPUT_SIDE].effect == pytest.approx(0)
    assert found[INPUT_SIDE].verdict is Verdict.INCONCLUSIVE
    assert found[OUTPUT_SIDE].verdict is Verdict.SEEN


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, Verdict.SEEN), (0.03, Verdict.CONTRADICTED)])
def test_single_perceptrons_against_the_reference(shift, verdict):
    reference = {1.0: 0.33836, 5.0: 0.11801, 20.0: 0.03111}
    part = xr.Dataset(
        {
            "late_test_error_mean": ("alpha", [eps + shift for eps in reference.values()]),
            "late_test_error_error": ("alpha", [0.001] * 3),
        },
        {"alpha": list(reference)},
    )
    claim = script.perceptron(part)
    assert claim.verdict is verdict
    assert claim.numbers["theory"] == pytest.approx(list(reference.values()), abs=1e-4)


@pytest.mark.slow
def test_script(tmp_path):
    script.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(summary["claims"]) == 11
    data = xr.load_dataset(tmp_path / "out" / "data.nc")
    planted = script.series(data, script.DEEP, "planted")
    assert planted["overlap_squared_mean"].sel(lag=0).values == pytest.approx(1)
    assert planted["test_error_mean"].sel(lag=0).values == pytest.approx(0)
    assert abs(script.series(data, script.DEEP, "random")["overlap_squared_mean"].sel(lag=0, layer=2)) < 0.5
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"figure.png", "figure.pdf", "summary.json", "data.nc"}
