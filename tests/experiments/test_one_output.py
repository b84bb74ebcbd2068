"""One output against the formula: verdicts on errors made up, the script in small."""

import json

import numpy as np
import one_output as script
import pytest
import xarray as xr
from experiment import Verdict

PLANTED = "The error of planted students without noise is that of the formula."
RANDOM = "The error of students from random starts is that of the formula."
MEET = "Students from planted and from random starts have the same error."
LEARNT = "Students from random starts learn: no training error is left."


def made(planted: float = 1.0, random: float = 1.0, train: float = 0.0) -> xr.Dataset:
    """Test errors in units of the formula's, .3, at two widths, with standard errors of .003."""
    rows = [(2, a, N, s, p) for a in (2.0, 5.0) for N in (20, 40) for s, p in KINDS]
    factor = [planted if s == "planted" else random for *_, s, _ in rows]
    ones = np.ones(len(rows))
    values = {"test_error_mean": 0.3 * np.array(factor), "test_error_error": 0.003 * ones, "formula": 0.3 * ones}
    values |= {"train_error_mean": train * ones, "train_error_error": 1e-4 * ones}
    names = ("depth", "alpha", "width", "start", "noise")
    labels = {name: ("run", list(x)) for name, x in zip(names, zip(*rows, strict=True), strict=True)}
    return xr.Dataset({name: ("run", x) for name, x in values.items()}, labels)


KINDS = (("planted", 0.0), ("random", 0.0), ("planted", script.NOISE))


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, {PLANTED: Verdict.SEEN, RANDOM: Verdict.SEEN, MEET: Verdict.SEEN, LEARNT: Verdict.SEEN}),
    ({"planted": 1.4}, {PLANTED: Verdict.CONTRADICTED, RANDOM: Verdict.SEEN, MEET: Verdict.CONTRADICTED}),
    ({"random": 0.6}, {PLANTED: Verdict.SEEN, RANDOM: Verdict.CONTRADICTED, MEET: Verdict.CONTRADICTED}),
    ({"random": 1.02}, {RANDOM: Verdict.SEEN, MEET: Verdict.SEEN}),
    ({"train": 0.1}, {LEARNT: Verdict.CONTRADICTED}),
])  # fmt: skip
def test_verdicts(changes, expected):
    found = {claim.text: claim.verdict for claim in script.claims(made(**changes))}
    assert {text: found[text] for text in expected} == expected


def test_the_limit_is_on_the_line_through_both_widths():
    part = xr.Dataset(
        {"test_error_mean": ("run", [0.4, 0.35]), "test_error_error": ("run", [0.01, 0.01])},
        {"width": ("run", [20, 40])},
    )
    assert script.limit(part) == pytest.approx((0.3, np.hypot(0.02, 0.01)))


@pytest.mark.slow
def test_script(tmp_path):
    script.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    assert len(json.loads((tmp_path / "out" / "summary.json").read_text())["claims"]) == 5
