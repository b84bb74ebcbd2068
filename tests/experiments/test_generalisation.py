"""Deep students that have learned: verdicts on errors made up, the script in small."""

import json

import generalisation as script
import numpy as np
import pytest
import xarray as xr
from experiment import Verdict

DEPTHS = {script.ONE: (2, 4, 10), script.MANY: (2, 10), script.LOW: (2, 10)}
FORMULA = {2: 0.3, 4: 0.45, 10: 0.497}


def made(errors: dict | None = None, train: float = 0.0) -> xr.Dataset:
    """Test errors by kind and start at the largest depth, .3 above it; one output as the formula unless said."""
    errors = errors or {}
    rows = [(kind, start, L) for kind, depths in DEPTHS.items() for start in ("random", "planted") for L in depths]
    rows = [row for row in rows if row[:2] != (script.LOW, "planted")]
    test = [
        FORMULA[L] if kind == script.ONE and (kind, start) not in errors else errors.get((kind, start), 0.5)
        if L == 10 else 0.3
        for kind, start, L in rows
    ]  # fmt: skip
    test, ones = np.array(test), np.ones(len(rows))
    means = {"test_error": test, "train_error": train * ones, "constant": 0.5 * ones, "nearest": 0.4 * ones}
    means |= {"gain_constant": 0.5 - test, "gain_nearest": 0.4 - test}
    values = {f"{name}_mean": ("run", x) for name, x in means.items()}
    values |= {f"{name}_error": ("run", 0.003 * ones) for name in means}
    values["formula"] = ("run", [FORMULA[L] for *_, L in rows])
    labels = dict(zip(("kind", "start", "depth"), map(list, zip(*rows, strict=True)), strict=True))
    return xr.Dataset(values, {name: ("run", x) for name, x in labels.items()})


def verdicts(data: xr.Dataset) -> dict[str, Verdict]:
    return {claim.text: claim.verdict for claim in script.claims(data)}


FOLLOWED = "The error of deep students is that of the formula, which tends to 1/2 (one output)."
MEET = "Control: students from random starts and from their teacher have the same error (one output)."
ONE = "The deepest students generalise (one output)."
MANY = "The deepest students generalise (N outputs)."
LOW = "The deepest students generalise (one output, D = 2)."
NEAR = "The deepest students generalise better than the nearest training pattern (one output, D = 2)."
HELP = "Data of many outputs make the deepest students generalise better."
FLAT = "Data of dimension 2 make the deepest students generalise better."
MISSED = "Students from random starts miss a state that generalises better, in which their teacher is (N outputs)."
SEEN, NOT_SEEN, CONTRADICTED = Verdict.SEEN, Verdict.NOT_SEEN, Verdict.CONTRADICTED


@pytest.mark.parametrize(("errors", "expected"), [
    ({}, {FOLLOWED: SEEN, MEET: SEEN, ONE: NOT_SEEN, MANY: NOT_SEEN, LOW: NOT_SEEN, HELP: NOT_SEEN, FLAT: NOT_SEEN,
          NEAR: CONTRADICTED, MISSED: NOT_SEEN}),
    ({(script.MANY, "random"): 0.4, (script.MANY, "planted"): 0.1}, {MANY: SEEN, HELP: SEEN, MISSED: SEEN}),
    ({(script.LOW, "random"): 0.3}, {LOW: SEEN, NEAR: SEEN, FLAT: SEEN, MANY: NOT_SEEN}),
    ({(script.ONE, "random"): 0.4}, {FOLLOWED: CONTRADICTED, MEET: CONTRADICTED, ONE: SEEN}),
])  # fmt: skip
def test_verdicts(errors, expected):
    found = verdicts(made(errors))
    assert {text: found[text] for text in expected} == expected


def test_who_has_not_learned_says_nothing_of_generalisation():
    found = verdicts(made({(script.LOW, "random"): 0.3}, train=0.1))
    assert found["Control: students of every depth have learned (one output)."] == CONTRADICTED
    assert {found[text] for text in (FOLLOWED, MEET, ONE, MANY, LOW, NEAR, HELP, FLAT, MISSED)} == {
        Verdict.INCONCLUSIVE
    }


@pytest.mark.slow
def test_script(tmp_path):
    script.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    assert len(json.loads((tmp_path / "out" / "summary.json").read_text())["claims"]) == 13
    data = xr.load_dataset(tmp_path / "out" / "data.nc")
    for name in ("constant", "nearest"):
        gain = data[f"{name}_mean"] - data["test_error_mean"]
        np.testing.assert_allclose(data[f"gain_{name}_mean"], gain, atol=1e-6)
