"""The ladder beside PyTorch: what is handed over, and the table; PyTorch itself where it is installed."""

import json
import sys

import distill
import numpy as np
import pytest

from glassnet.distill import gradient

ARGUMENTS = distill.ladder(seeds=2, epochs=2, patterns=100, widths=(8, 6, 4))


def test_both_get_the_same(tmp_path):
    distill.written(tmp_path / "case.npz", ARGUMENTS)
    with np.load(tmp_path / "case.npz") as file:
        case = {name: file[name] for name in file.files}
    settings = json.loads(str(case.pop("settings")))
    assert [path[0] for path in settings["paths"]] == ["w8", "w6", "w8-w6", "w4", "w8-w4", "w8-w6-w4"]
    assert (np.sort(case["orders"], axis=-1) == np.arange(100)).all()
    assert not (case["orders"][0] == case["orders"][1]).all()
    school = gradient.ladders.School(
        ARGUMENTS["images"], ARGUMENTS["machines"], ARGUMENTS["recipe"], None,
        gradient.ladders.Sizes(patterns=100, validation=500, seeds=2, ages=1, seed=0),
        gradient.ladders.Shelf(), lambda line: None,
    )  # fmt: skip
    np.testing.assert_array_equal(case["rows"], school.rows["train"])
    assert {name: case[f"{name}_0"].shape for name in ARGUMENTS["machines"]} == {
        "w8": (2, 784, 8), "w6": (2, 784, 6), "w4": (2, 784, 4),
    }  # fmt: skip


def test_table(monkeypatch):
    errors = {"w8": [0.1, 0.2, 0.3], "w4": [0.2, 0.2, 0.2]}
    assert distill.agreement(errors, errors) == 0
    shifted = errors | {"w4": [0.19, 0.2, 0.21]}
    assert distill.agreement(errors, shifted) == pytest.approx(0, abs=1e-9)
    shifted = errors | {"w4": [0.3, 0.31, 0.32]}
    assert distill.agreement(errors, shifted) == pytest.approx(0.11 / (0.01 / 3**0.5))
    first, second = {"seconds": 2.0, "processor": 4.0}, {"seconds": 1.0, "processor": 2.0}
    ours = {"first": first, "second": second, "errors": errors}
    monkeypatch.setattr(distill, "timed_here", lambda arguments: ours)
    theirs = {"seconds": 6.0, "processor": 8.0, "errors": errors, "torch": "9"}
    monkeypatch.setattr(distill, "timed_torch", lambda *_: theirs)
    found = distill.compared(ARGUMENTS, "python")
    assert "| PyTorch 9, seed after seed | 6.0 | 3.00 | 8.0 | 2.00 | 0.0 |" in distill.table(found)
    assert "| glassnet, compiled | 1.0 | 0.50 | 2.0 | 0.50 |  |" in distill.table(found)
    assert "PyTorch is not installed there" in distill.table({"glassnet": ours})


@pytest.mark.slow
def test_pytorch_learns_the_same(tmp_path):
    pytest.importorskip("torch")
    distill.written(tmp_path / "case.npz", ARGUMENTS)
    ours = distill.timed_here(ARGUMENTS)["errors"]
    for way in distill.WAYS:
        theirs = distill.timed_torch(sys.executable, tmp_path / "case.npz", way)
        for name, errors in ours.items():
            np.testing.assert_allclose(theirs["errors"][name], errors, atol=2e-3)
