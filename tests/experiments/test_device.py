"""The script of the first run on an accelerator, on a CPU: its steps, what it notices, its files, its end."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import card
import device
import device_report
import device_steps as steps
import jax.numpy as jnp
import numpy as np
import pytest

from glassnet.perceptron.potential import SoftCore
from glassnet.perceptron.sweeps import fused

fused_gpu = pytest.importorskip(fused.CHIPS["gpu"], reason="JAX lacks the compiler", exc_type=ImportError)
TINY = replace(steps.TINY, checks=dict([*steps.TINY.checks.items()][:1]))


def setting(sizes=TINY):
    return steps.Setting(sizes, time.monotonic() + 60, dry=True)


def script(*arguments, **more):
    return subprocess.run([sys.executable, device.__file__, *arguments], capture_output=True, text=True, **more)


def test_the_same_sweeps():
    (row,) = steps.compared(setting())
    assert row["agrees"] and row["wrong"] == 0 and row["identical"] + row["ties"] == row["replica_sweeps"]


def half_a_change(gap, cost, change, limits, total):
    return fused.decide(gap, cost, 0.5 * change, limits, total)


def test_a_broken_kernel_is_wrong_and_no_tie(monkeypatch):
    monkeypatch.setattr(fused_gpu, "decide", half_a_change)
    (row,) = steps.compared(setting())
    assert not row["agrees"] and row["wrong"] > 0


def wrong_gaps(gap, cost, change, limits, total):
    """Right decisions, gaps that are not quite those of the weights."""
    gap, cost, accept = fused.decide(gap, cost, change, limits, total)
    return gap + 0.01, cost, accept


def test_wrong_numbers_are_seen_where_spins_are_right(monkeypatch):
    monkeypatch.setattr(fused_gpu, "decide", wrong_gaps)
    (row,) = steps.compared(setting(replace(TINY, sweeps=1)))
    assert not row["agrees"] and row["wrong"] > 0


def test_an_error_of_one_check_is_a_row():
    check = next(iter(TINY.checks.values()))
    (row,) = steps.compared(setting(replace(TINY, checks={"bad": check._replace(rule="none")})))
    assert not row["agrees"] and "ValueError" in row["error"]


def test_a_tie_is_told_from_an_error():
    """A sweep that any noise changes hangs on rounding, one that none changes does not."""
    spins = np.ones((4, 1, 3, 2), np.int8)
    states = steps.State(spins, (), (np.zeros((4, 1, 3, 2), np.float32),))

    def sweep(touchy, key, states, *bounds):
        field = np.asarray(states.fields[0])
        return steps.State(np.where((field > 0) & touchy, -1, np.asarray(states.spins)), (), (field,))

    key = steps.ref.replica_keys(0, 4)
    for touchy in (True, False):
        run = partial(sweep, touchy)
        assert steps.hangs_on_rounding(run, key, states, run(key, states), 2, (0, 1)) == touchy


@pytest.mark.parametrize("sites", ["rows", "columns"])
def test_operations_are_counted(sites):
    """Quadratic soft core: twice the work for twice the slots or the programs; some ten operations a gap at most."""
    counted = []
    for slots, own in ((4, 64), (8, 64), (4, 256)):
        N, M = (own, 64) if sites == "rows" else (slots, own)
        rng = np.random.default_rng(0)
        gap, sign = jnp.asarray(rng.normal(size=(N, M)), jnp.float32), jnp.ones((N, M), jnp.float32)
        rows, columns = jnp.ones((slots, N), jnp.float32), jnp.ones((slots, M), jnp.int8)
        limits = [jnp.ones((slots, own), jnp.float32)]
        operands = fused_gpu.arranged(gap, sign, [rows], [columns], limits, sites=sites)
        call = partial(fused_gpu.call, shape=(N, M), potential=SoftCore(), sites=sites, interpret=True)
        work = card.kernel_work(call, operands)
        assert work["bytes"] >= 2 * gap.nbytes
        padded = gap.size * fused_gpu.block((N, M), sites)[1] / (M if sites == "rows" else N)
        assert 4 < work["float"] / slots / padded < 16
        counted.append(work)
    assert counted[2]["float"] == pytest.approx(4 * counted[0]["float"], rel=0.01)
    with pytest.raises(ValueError, match="must call a kernel"):
        card.kernel_work(jnp.sin, jnp.ones(3))


def test_cards():
    assert card.limits("NVIDIA H200") == (4800e9, 67e12)
    assert card.limits("NVIDIA GH200 480GB")[0] == 4000e9
    assert card.limits("NVIDIA H100 80GB HBM3")[0] == 3350e9
    assert card.limits("a card of tomorrow") is None
    shares = card.shares({"bytes": 48e9, "float": 20e12, "integer": 5e12}, 1.0, (4800e9, 60e12))
    assert shares == pytest.approx({"memory_share": 0.01, "compute_share": 1.0})


def test_time_of_the_steps():
    found = device.ends(list(device.SHARES), 360)
    assert list(found) == list(device.SHARES) == list(steps.STEPS)
    assert list(found.values()) == sorted(found.values()) and 340 < max(found.values()) < 360
    assert list(device.ends(["speed"], 60)) == ["device", "speed"]


def test_a_step_is_ended_and_its_rows_stay(tmp_path, monkeypatch):
    slow = tmp_path / "slow.py"
    slow.write_text("import time\nprint('row {\"n\": 1}', flush=True)\ntime.sleep(60)\n")
    monkeypatch.setattr(device, "__file__", str(slow))
    options = device.parsed(["--dry-run", "--output-dir", str(tmp_path)])
    step, kept = {"rows": []}, []
    begun = time.monotonic()
    device.run_step("speed", step, begun + 3, options, str(tmp_path), lambda: kept.append(len(step["rows"])))
    assert time.monotonic() - begun < 20
    assert step["rows"] == [{"n": 1}] and step["state"] == "out of time" and kept == [1, 1]


def test_no_accelerator(tmp_path):
    done = script("--minutes", "20", "--output-dir", tmp_path)
    if done.returncode != 1:
        pytest.skip("there is one")
    assert "No accelerator: JAX" in done.stdout and not (tmp_path / "device.md").exists()
    assert json.loads((tmp_path / "device.json").read_text())["steps"]["device"]["state"] == "complete"


def test_time_of_more_sweeps():
    assert steps.expected([], 100) == 0
    assert steps.expected([(4, 2.0)], 40) == pytest.approx(20)
    assert steps.expected([(4, 2.0), (40, 3.8)], 400) == pytest.approx(21.8)


def test_minutes_must_be_positive(capsys):
    with pytest.raises(SystemExit):
        device.parsed(["--minutes", "0"])
    assert "--minutes must be positive, but is 0.0" in capsys.readouterr().err


def rate(value):
    return steps.rates(1e-3, 1000 * value, 128000 * value)


def test_tables_and_figure(tmp_path):
    row = {"versions": {"jax": "1"}, "memory_bytes": 2**30, "devices": 1, "kind": "card", "fused": "for gpu"}
    row |= {"processor": "p", "cores": 2, "backend": "cuda", "git_commit": "abc"}
    check = {"check": "spins", "replica_sweeps": 6, "identical": 5, "ties": 1, "wrong": 0, "kernels": 2, "agrees": True}
    bad = {"check": "liquid", "error": "XlaRuntimeError: no", "agrees": False}
    speed = {"case": "R=1 L=2 N=3 M=4", "fused": rate(4), "scan": rate(2), "fused_over_scan": 2.0}
    lost = {"case": "R=9 L=2 N=3 M=4", "fused": {"error": "out of memory"}, "scan": rate(2)}
    limits = {"card": "card", "known": None, "measured": [1e12, 2e13]}
    kernel = {"sites": "rows", "layers": 1, "N": 2, "M": 3, "memory_share": 0.25, "compute_share": 0.5}
    demo = {"dynamics": "metropolis", "sweeps": 20, "of": 2000, "seconds": 1.0, "path": "scan", "headline": "caption"}
    killed = {"run": "L=2", "sweeps": "fused", "variables": 3, "unlike": [], "agrees": True}
    rows = {"device": [row], "correct": [check, bad], "speed": [speed, lost], "profile": [limits, kernel]}
    rows |= {"killed": [killed], "demo": [demo], "cores": [{"case": speed["case"], **rate(1)}]}
    parts = {name: {"state": "complete", "seconds": 1.0, "rows": x} for name, x in rows.items()}
    results = {"command": "python device.py", "dry_run": False, "steps": parts}
    device.write_report(results, tmp_path)
    text = (tmp_path / "device.md").read_text()
    assert "| 2.00 |" in text and "| 4.0 |" in text and "| 25.0% | 50.0% |" in text and "out of memory" in text
    assert "the same bits" in text and "20 of 2000 sweeps" in text and "| NO |" in text and "XlaRuntimeError" in text
    assert (tmp_path / "device.png").stat().st_size > 1000
    assert device_report.markdown(results | {"steps": {}}).startswith("# First light")


@pytest.mark.slow
def test_dry_run(tmp_path):
    done = script("--dry-run", "--minutes", "15", "--output-dir", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "device.json").read_text())["steps"]
    assert {name: step["state"] for name, step in found.items()} == dict.fromkeys(device.SHARES, "complete")
    assert all(step["rows"] for step in found.values())
    assert found["killed"]["rows"][0]["agrees"] and found["killed"]["rows"][0]["variables"] > 10
    assert {row["dynamics"] for row in found["demo"]["rows"]} == {"metropolis", "feedforward"}
    assert all(Path(tmp_path, f"device.{kind}").exists() for kind in ("md", "png", "pdf"))
