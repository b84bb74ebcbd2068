"""A Hamiltonian that is no perceptron runs through all of `simulate`: the proof that samplers know none."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from test_resume import assert_same, stopping_after
from wells import CACHED, Cached, Wells, covariance

import glassnet as gn
from glassnet.cli import main
from glassnet.sampling.system import Free, Moves, System, Variable
from glassnet.simulation import phase
from glassnet.simulator import prepared

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
    with pytest.raises(ValueError, match="`weight_step` must be that of the system: .*, but is 0.2"):
        run(weight_step=0.2)


FEW = gn.Protocol(sweeps=4, waiting_times=(0, 3), clones=2, samples=2, points_per_decade=2)


def cached(**changes):
    return run(Cached(), **{"protocol": FEW, "beta": [0.7, 2.0]} | changes)


def test_a_system_that_caches_is_resumed(tmp_path, monkeypatch):
    monkeypatch.setattr(phase, "LONGEST_BLOCK", 1)
    for stops in range(100):  # noqa: B007
        try:
            found = cached(folder=tmp_path / "run", report=stopping_after(2))
            break
        except gn.Stopped:
            continue
    assert stops > 3
    assert_same(found, cached())


@pytest.mark.parametrize("beta", [0.7, [0.7, 2.0]])
def test_parts_without_pairs_are_joined(tmp_path, beta):
    for n in range(2):
        gn.save(cached(beta=beta, part=(n, 2)), tmp_path / "run.nc")
    whole, right = gn.open(tmp_path / "run.nc"), cached(beta=beta)
    assert_same(whole, right)
    assert set(whole.coords) == set(right.coords) and "relaxation_time" not in whole


def test_parts_with_pairs_are_joined(tmp_path, right):
    for n in range(2):
        gn.save(run(part=(n, 2), keep_configurations=True), tmp_path / "run.nc")
    assert_same(gn.open(tmp_path / "run.nc"), right)


class Broken(Wells):
    """Wells that cannot be joined from parts."""

    from_kept = System.from_kept

    def __hash__(self):
        return hash(Wells())

    def __eq__(self, other):
        return isinstance(other, Wells)


def test_parts_that_nothing_joins_are_refused_at_the_start():
    with pytest.raises(ValueError, match=r"`system` must have `kept` and `from_kept` to be run in parts.*\(overlap\)"):
        prepared(Broken(), None, BETA, numbers={"step": 1.5}, part=(0, 2))


def other(**members):
    """A class that differs from Cached in some members."""
    return dataclass(frozen=True)(type("Other", (Cached,), members))()


@dataclass(frozen=True)
class Silent(System):
    pass


@dataclass(frozen=True)
class With(Cached):
    field: Any = None


def moves(name="accepted", dims=(), offered=1):
    return lambda self, tasks: {name: Moves(np.array(offered), Variable(dims, "1", "acceptance", "a", ""))}


def square(dims):
    return CACHED | {"square": gn.Observable(lambda s, then, c: s.x**2, dims)}


SYSTEMS = [
    (Cached, "`machine` must be a Machine or another System .an instance, no class., but is <class"),
    (Silent(), "`machine` must define kernel, observables, start, finite, but is Silent"),
    (With(np.ones(2)), "`machine` must have fields that can be hashed"),
    (With(field=print), "`machine` must have fields, .*JSON cannot hold <built-in function print>"),
    (With(field=PROTOCOL), "`machine` must have fields, .*JSON cannot hold Protocol"),
    (other(observables=lambda self, tasks: {}), "`system` must have an observable 'energy' on \"both\""),
    (other(observables=lambda self, tasks: square(("a",))), r"`observables\['square'\]` must have a value .*\(a\)"),
    (other(observables=lambda self, tasks: square(("lag",))), r"`observables\['square'\]` must have dims of its own"),
    (other(moves=moves("flips")), "`moves` must have names that begin with 'accepted', but is 'flips'"),
    (other(moves=moves(dims=("a",))), r"`moves\['accepted'\]` must offer numbers with the dims \(a\)"),
    (other(moves=moves()), r"`moves` must be counted in the info of `kernel`, which has \[\], but is 'accepted'"),
]


@pytest.mark.parametrize(("system", "message"), SYSTEMS)
def test_what_is_no_system_is_refused_before_it_runs(system, message):
    with pytest.raises(ValueError, match=f"^Argument {message}"):
        prepared(system, None, BETA, numbers={"step": 1.5})


def test_a_class_that_can_change_is_no_system():
    class Plain(System):
        kernel = observables = start = finite = None

    with pytest.raises(ValueError, match="`machine` must be of a class that is a frozen dataclass"):
        prepared(Plain(), None, BETA)


def test_data_of_a_system_are_checked():
    with pytest.raises(ValueError, match=r"`task` must have what .*Data.* lists: .*, but is 3"):
        prepared(Cached(), 3, BETA)
    numbers = {"step": 1.5}
    assert len(prepared(Cached(), [Free(), Free()], BETA, protocol=FEW, numbers=numbers).tasks) == 2
    with pytest.raises(ValueError, match="`system` must have a kernel that works in JAX .*KeyError: 'step'"):
        prepared(Cached(), None, BETA)


def test_plain_values_of_numpy_are_kept_as_numbers(tmp_path):
    job = prepared(With(np.int64(3)), None, BETA, numbers={"step": 1.5})
    assert job.system.config({})["system"]["field"] == 3 and isinstance(job.system.config({})["system"]["field"], int)
    nested = With(((1, 2), (3, ("a", None))))
    described = json.loads(json.dumps(nested.config({})))
    assert With.from_config(described) == (nested, {})
    described["system"]["other"] = 1
    with pytest.raises(ValueError, match="needs a system with the fields field, other, but .*:With has field now"):
        With.from_config(described)


def test_configurations_of_another_system_are_no_weights(right):
    with pytest.raises(ValueError, match="`ds` must be the result of a Machine, but is 'glassnet: Wells on no data'"):
        gn.configuration(right, waiting_time=0, configuration=0)
    assert right.configuration_positions.attrs["long_name"] == "last configuration: positions"
