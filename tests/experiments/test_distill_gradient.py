"""Distillation by gradients: verdicts on errors made up, the scripts in small."""

import json

import distill_bounds
import distill_digits
import numpy as np
import pytest
import xarray as xr
from experiment import Verdict

from glassnet.distill.gradient import bounds

NAMES = ["w16", "w12", "w8", "w6", "w4"]
METHODS = ["none", "direct", "assisted", "dense", "in_time", "w16-w12-w4", "w16-w8-w4", "w16-w6-w4"]
SEEDS, TESTS = 16, 400


def made(rates=None, train=0.02, teacher=0.08):
    """Test errors of the smallest network by method; .2 where nothing is said, the teacher's everywhere else."""
    rng = np.random.default_rng(0)
    wrong = np.full((5, 8, SEEDS, TESTS), -1, np.int8)
    path = np.full((5, 8), "", object)
    hard = rng.uniform(size=TESTS)  # patterns are wrong together
    for m, name in enumerate(NAMES):
        for k, method in enumerate(METHODS):
            own = name == "w4" or (k < 5 and m > 0)
            if own or (m, k) == (0, 0):
                path[m, k] = name if k == 0 else f"{method}>{name}"
                rate = (rates or {}).get(method, 0.2) if name == "w4" else teacher
                wrong[m, k] = 0.5 * (hard + rng.uniform(size=(SEEDS, TESTS))) < np.sqrt(rate / 2)
    there = wrong[..., :1, 0] >= 0
    error = np.where(there, wrong.mean(-1), np.nan)
    dims = ("machine", "taught", "seed")
    values = {"test_wrong": ((*dims, "test_pattern"), wrong), "test_error": (dims, error)}
    values |= {"train_error": (dims, np.where(there, train + 0.001 * rng.normal(size=error.shape), np.nan))}
    coords = {"machine": NAMES, "taught": METHODS, "path": (dims[:2], path.astype(str)), "seed": range(SEEDS)}
    return xr.Dataset(values, coords)


TEXTS = ["A teacher beats", "The full path of", "An assistant of", "The full path beats the single", "Dense", "Earlier"]
SEEN, NOT, OPEN = Verdict.SEEN, Verdict.CONTRADICTED, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, [OPEN] * 6),
    ({"rates": {"none": 0.4}}, [SEEN] + [OPEN] * 5),
    ({"rates": {"none": 0.05}, "teacher": 0.01}, [NOT] + [OPEN] * 5),
    ({"rates": {"assisted": 0.05}}, [OPEN, SEEN, OPEN, SEEN, NOT, OPEN]),
    ({"rates": {"direct": 0.05}}, [SEEN, NOT, NOT, OPEN, OPEN, NOT]),
    ({"rates": {"w16-w8-w4": 0.05, "in_time": 0.05}}, [OPEN, OPEN, SEEN, NOT, OPEN, SEEN]),
    ({"rates": {"none": 0.4}, "train": 0.2}, [OPEN] * 6),
])  # fmt: skip
def test_verdicts_on_digits(changes, expected):
    found = distill_digits.claims(made(**changes))
    assert [claim.text.startswith(text) for claim, text in zip(found, TEXTS, strict=False)] == [True] * 6
    assert [claim.verdict for claim in found[:6]] == expected
    learned, gap = found[-2:]
    assert learned.verdict == (NOT if changes.get("train") else SEEN)
    assert gap.verdict == SEEN


def test_controls_on_digits():
    assert distill_digits.claims(made(teacher=0.5))[-1].verdict == NOT
    more = distill_digits.comparisons(made(rates={"dense": 0.05}))
    assert more["w4: dense against none"]["verdict"] == more["w4: dense against direct"]["verdict"] == "BEATS"
    assert more["w4: assisted against direct"]["verdict"] == "INCONCLUSIVE"


def excess(offsets=None, scale=1.0):
    n = np.array([100, 200, 400, 800, 1600])
    pairs = {"sr": (0.1, 3, 0.6), "ar": (0.05, 3, 0.6), "tr": (0.03, 6, 0.9), "st": (0.04, 9, 0.9)}
    pairs |= {"at": (0.01, 20, 1.3), "sa": (0.02, 20, 1.2), "sa0": (0.02, 5, 0.8)} | (offsets or {})
    rng = np.random.default_rng(0)
    curves = np.array([eps + C * scale * n**-alpha for eps, C, alpha in pairs.values()])
    values = curves[:, None] + 2e-4 * rng.normal(size=(7, 16, 5))
    coords = {"pair": list(pairs), "seed": np.arange(16), "patterns": n}
    return xr.DataArray(values, dims=("pair", "seed", "patterns"), coords=coords)


@pytest.mark.parametrize(("changes", "train", "expected"), [
    ({}, 0.02, [SEEN] * 10),
    ({"offsets": {"sa": (0.06, 20, 1.2)}}, 0.02, [SEEN] * 5 + [NOT, SEEN, NOT, SEEN, SEEN]),
    ({"offsets": {"st": (0.01, 2, 0.4)}}, 0.02, [SEEN, NOT, SEEN, SEEN, SEEN, NOT, NOT, SEEN, SEEN, SEEN]),
    ({}, 0.3, [OPEN] * 8 + [SEEN, NOT]),
    ({"scale": -0.1}, 0.02, [OPEN] * 8 + [NOT, SEEN]),
])  # fmt: skip
def test_verdicts_on_bounds(changes, train, expected):
    data = excess(**changes)
    ds = made(train=train).isel(taught=slice(0, 3))
    found = distill_bounds.claims({1600: ds}, data, bounds.measured(data))
    assert [claim.verdict for claim in found] == expected


@pytest.mark.slow
@pytest.mark.parametrize(("script", "claims"), [(distill_digits, 9), (distill_bounds, 10)])
def test_scripts(tmp_path, script, claims):
    script.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    assert len(json.loads((tmp_path / "out" / "summary.json").read_text())["claims"]) == claims
