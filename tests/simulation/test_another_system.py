"""A Hamiltonian that is no perceptron runs through all of `simulate`: the proof that samplers know none."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from test_resume import assert_same, stopping_after
from wells import Wells, covariance

import glassnet as gn
from glassnet.cli import main
from glassnet.simulation import phase

PROTOCOL = gn.Protocol(sweeps=40, waiting_times=(0, 20, 60), clones=3, samples=2, points_per_decade=4)
BETA = 0.7


def run(system=Wells(), beta=BETA, **changes):  # noqa: B008
    return gn.simulate(system, None, beta, **{"protocol": PROTOCOL, "numbers": {"step": 1.5}, **changes})


@pytest.fixture(scope="module")
def right():
    return run(keep_configurations=True)


def test_the_result_is_labelled(right):
    assert right.energy.dims == ("sample", "time") and right.clone_energy.dims == (
        "sample",
        "clone",
        "waiting_time",
        "lag",
    )
    assert right.square.dims == ("sample", "clone", "waiting_time", "lag", "well")
    assert right.overlap.dims == ("sample", "clone", "clone_b", "waiting_time", "lag", "well")
    assert right.final_overlap.dims == ("waiting_time", "configuration", "configuration_b", "well")
    assert right.acceptance.dims == ("sample", "time", "well") and right.acceptance.attrs["symbol"] == "a"
    assert right.energy.attrs["units"] == "1" and right.attrs["title"] == "glassnet: Wells on no data"
    x = right.configuration_positions
    other = x.drop_vars("configuration").rename(configuration="configuration_b")
    np.testing.assert_allclose(right.final_overlap, (x * other).transpose(*right.final_overlap.dims), rtol=1e-6)
    np.testing.assert_array_equal(right.overlap.sel(lag=0, clone=0, clone_b=1), right.square.sel(lag=0, clone=0))


def test_it_samples_its_energy():
    """Mean squares and the mean energy against the exact Gaussian; samples are independent, so errors are theirs."""
    system, samples = Wells(), 400
    protocol = gn.Protocol(sweeps=1, waiting_times=(200,), clones=1, samples=samples, points_per_decade=1)
    ds = run(system, [BETA, 3.0], protocol=protocol)
    for n, beta in enumerate((BETA, 3.0)):
        end = ds.isel(temperature=n, lag=-1, clone=0, waiting_time=0)
        exact = np.diag(covariance(system, beta))
        error = end.square.std("sample", ddof=1) / np.sqrt(samples)
        assert (abs(end.square.mean("sample") - exact) < 4.5 * error).all()
        mean, spread = float(end.clone_energy.mean()), float(end.clone_energy.std(ddof=1))
        assert abs(mean - system.wells / (2 * beta)) < 4.5 * spread / np.sqrt(samples)


def test_a_step_without_rejection_is_noticed(monkeypatch):
    monkeypatch.setattr("wells.metropolis", lambda key, shape, temperature: np.float32(np.inf))
    system, samples = Wells(2, 0.5), 400
    protocol = gn.Protocol(sweeps=1, waiting_times=(200,), clones=1, samples=samples, points_per_decade=1)
    end = run(system, protocol=protocol).isel(lag=-1, clone=0, waiting_time=0)
    error = end.square.std("sample", ddof=1) / np.sqrt(samples)
    assert (abs(end.square.mean("sample") - np.diag(covariance(system, BETA))) > 4.5 * error).all()


def test_stops_change_no_bit(tmp_path, monkeypatch, right):
    monkeypatch.setattr(phase, "LONGEST_BLOCK", 7)
    for stops in range(100):  # noqa: B007
        try:
            found = run(folder=tmp_path / "run", keep_configurations=True, report=stopping_after(3))
            break
        except gn.Stopped:
            continue
    assert stops > 3
    assert_same(found, right)
    assert_same(gn.open(tmp_path / "run"), right)


SCRIPT = """
import sys; sys.path.insert(0, sys.argv[1])
from test_another_system import run
from glassnet.simulation import phase
phase.LONGEST_BLOCK = 1
run(folder=sys.argv[2], keep_configurations=True, checkpoint_every=0)
"""


def test_a_killed_run_goes_on_from_the_command_line(tmp_path, right):
    """Killed without warning, then taken up by `glassnet resume`, which imports the system by its name."""
    path, here = tmp_path / "run", Path(__file__).parent
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(here), str(path)])
    end = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < end and len(list(path.glob("checkpoints/*.npz"))) < 2:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), *sys.path])}
    command = [sys.executable, "-m", "glassnet", "resume", str(path), "--quiet"]
    subprocess.run(command, check=True, env=env, timeout=240)
    assert_same(gn.open(path), right)


def test_a_system_that_cannot_be_imported_is_named(tmp_path):
    run(folder=tmp_path / "run", protocol=gn.Protocol(sweeps=1, waiting_times=(0,), clones=1, samples=1))
    env = {**os.environ, "PYTHONPATH": str(Path(gn.__file__).parents[1])}
    command = [sys.executable, "-m", "glassnet", "resume", str(tmp_path / "run"), "--sweeps", "3"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=tmp_path, timeout=240)
    assert done.returncode == 2 and "needs wells:Wells, which cannot be imported here" in done.stderr


def test_it_is_drawn(right):
    mpl.use("Agg")
    ax = gn.plot.layers_in_time(right.energy)
    assert ax.get_xlabel() and len(ax.lines) >= 1
    energy, acceptance, bar = gn.plot.overview(right).axes
    assert "energy" in energy.get_ylabel() and len(acceptance.lines) == 3 and bar.get_ylabel() == "well"
    assert gn.analysis.mean_and_error(right.square)["error"].notnull().any()


def test_commands_know_what_to_say(tmp_path, capsys):
    path = tmp_path / "run"
    run(folder=path)
    assert main(["info", str(path)]) == 0
    assert "energy  " in capsys.readouterr().out
    assert main(["plot", str(path), "--quiet"]) == 0 and (tmp_path / "run.png").stat().st_size > 5000
    assert main(["report", str(path)]) == 2
    assert "must be the result of a machine" in capsys.readouterr().err


def test_settings_of_the_perceptron_are_refused():
    with pytest.raises(ValueError, match="`dynamics` must be that of the system"):
        run(dynamics="heat_bath")
    with pytest.raises(ValueError, match="`start` must be 'random'"):
        run(start="planted")
    with pytest.raises(ValueError, match="`machine` must be a Machine or another System"):
        gn.simulate("wells", None, 1.0)
