"""What experiments share: verdicts, costs, and a result written and taken up again."""

import json
import math
import os

import numpy as np
import pytest
import xarray as xr
from experiment import Claim, Experiment, Verdict, judge, plain, proposals, tasks, weakest
from matplotlib.figure import Figure

import glassnet as gn


@pytest.mark.parametrize(
    ("effect", "error", "resolution", "verdict"),
    [
        (0.31, 0.1, None, Verdict.SEEN),
        (0.29, 0.1, None, Verdict.INCONCLUSIVE),
        (-0.31, 0.1, None, Verdict.CONTRADICTED),
        (-0.31, 0.1, 1.0, Verdict.CONTRADICTED),
        (0.1, 0.1, 0.41, Verdict.NOT_SEEN),
        (0.1, 0.1, 0.39, Verdict.INCONCLUSIVE),
        (math.nan, 0.1, 1.0, Verdict.INCONCLUSIVE),
        (1.0, math.nan, None, Verdict.INCONCLUSIVE),
        (1.0, 0.0, None, Verdict.INCONCLUSIVE),
    ],
)
def test_verdict(effect, error, resolution, verdict):
    assert judge(effect, error, resolution) is verdict


def test_weakest_is_least_significant():
    assert weakest([1.0, 0.5, 3.0], [0.1, 0.01, 1.0]) == (3.0, 1.0)
    assert weakest([1.0, -0.1], [0.1, 0.1]) == (-0.1, 0.1)
    assert all(map(math.isnan, weakest([1.0, np.nan], [0.1, 0.1])))
    assert all(map(math.isnan, weakest([], [])))


def test_verdicts_of_noise_are_rarely_seen():
    """Three standard errors: one-sided 0.135 % of 4000 claims about nothing, 5.4 +- 2.3."""
    noise = np.random.default_rng(0).normal(size=4000)
    wrong = sum(judge(x, 1.0) is not Verdict.INCONCLUSIVE for x in noise)
    assert abs(wrong - 10.8) < 4.5 * 10.8**0.5


def test_json_of_labelled_numbers():
    x = xr.DataArray([[1.0, np.nan], [2.123456789, 3.0]], {"layer": [1, 2]}, ["layer", "sample"])
    assert plain({"x": x, "n": np.int64(3)}) == {
        "x": {"layer=1": {"sample=0": 1.0, "sample=1": None}, "layer=2": {"sample=0": 2.12346, "sample=1": 3.0}},
        "n": 3,
    }


def test_json_of_labels_in_words():
    x = xr.DataArray([1.0, 2.0], {"kind": ["one", "two"]}, ["kind"])
    assert plain(x) == {"kind=one": 1.0, "kind=two": 2.0}


def arguments() -> dict:
    machine = gn.Machine(depth=3, width=4)
    protocol = gn.Protocol(sweeps=5, waiting_times=(2, 3), clones=2, samples=3)
    data = tasks(gn.tasks.random, machine, samples=3, seed=7, patterns=6)
    return {"machine": machine, "task": data, "beta": 2.0, "protocol": protocol}


def test_data_are_independent():
    first, second, _ = arguments()["task"]
    assert (first.inputs != second.inputs).any()


def test_proposals_count_all_sites():
    """3 x 16 weights and 6 x 8 spins, 3 samples, 3 sweeps of hosts and 2 x 2 x 5 of clones."""
    assert proposals(arguments()) == 96 * 3 * (3 + 20)


def claim(**changes) -> Claim:
    words = {"text": "It is so.", "source": "nobody", "test": "looked", "effect": 1.0, "error": 0.1}
    return Claim(**(words | changes))


def test_a_control_that_failed_spoils_the_verdict():
    assert claim(effect=1.0).verdict is Verdict.SEEN
    assert claim(effect=1.0, spoilt="the control failed").verdict is Verdict.INCONCLUSIVE


def test_a_folder_that_cannot_be_written_is_found_before_the_runs(tmp_path):
    (tmp_path / "out").write_text("a file")
    one = Experiment(
        "some.py",
        None,
        {"smoke": 1},
        ["--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs"), "--quiet"],
        test_before_data="no",
    )
    with pytest.raises(ValueError, match="must be a folder"):
        one.simulate({"one": arguments()})
    assert not (tmp_path / "runs").exists()


def test_result_is_written_and_runs_are_not_made_twice(tmp_path, capsys, monkeypatch):
    def experiment(scale="desk") -> Experiment:
        monkeypatch.chdir(tmp_path)
        folders = ["--output-dir", "out", "--runs-dir", "runs"]
        given = [*folders, "--quiet", "--scale", scale]
        return Experiment("some.py", "About.", {"smoke": 1, "desk": 2}, given, test_before_data="changed")

    first = experiment()
    os.chdir(tmp_path.parent)  # the folders stay where they were meant
    assert first.sizes == 2
    (ds,) = first.simulate({"one": arguments()}).values()
    again = experiment()
    (same,) = again.simulate({"one": arguments()}).values()
    xr.testing.assert_identical(ds, same)
    os.chdir(tmp_path.parent)
    again.finish(Figure(), [claim(), claim(effect=-1.0)], ds[["energy"]], extra=np.float64(0.5))

    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [c["verdict"] for c in written["claims"]] == ["SEEN", "CONTRADICTED"]
    assert written["extra"] == 0.5
    assert written["test_before_data"] == "changed"
    assert written["runs"]["one"]["config_hash"] == ds.attrs["config_hash"]
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"figure.png", "figure.pdf", "summary.json", "data.nc"}
    np.testing.assert_array_equal(xr.load_dataset(tmp_path / "out" / "data.nc").energy, ds.energy)
    assert "SEEN          It is so." in capsys.readouterr().out

    experiment("smoke").finish(Figure(), [claim(), claim(effect=np.nan)], ds[["energy"]])
    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [c["verdict"] for c in written["claims"]] == [None, None]
    out = capsys.readouterr().out
    assert "SEEN" not in out and "nan" not in out and "no verdict    It is so. (not measured: " in out


def test_whether_the_test_came_first_is_said_in_known_words():
    with pytest.raises(ValueError, match="test_before_data.*'maybe'"):
        Experiment("some.py", None, {"smoke": 1}, [], test_before_data="maybe")


def test_cost_starts_nothing(tmp_path, capsys):
    given = ["--cost", "--runs-dir", str(tmp_path / "runs")]
    one = Experiment("some.py", None, {"smoke": 1}, given, test_before_data="yes")
    with pytest.raises(SystemExit) as stopped:
        one.simulate({"one": arguments()})
    assert not stopped.value.code
    assert "6.62e+03" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()
