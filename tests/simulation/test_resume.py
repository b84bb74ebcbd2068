"""A run that is left and taken up again, in any way, has the bits of one that never stopped."""

import dataclasses
import json
import os
import signal
from types import SimpleNamespace

import jax
import numpy as np
import pytest
import tiny
import xarray as xr

import glassnet as gn
from glassnet import sessions
from glassnet.native import library
from glassnet.simulation import parallel, phase
from glassnet.simulation.moment import CLONES
from glassnet.simulation.run import Run
from glassnet.store import folder, sealed
from glassnet.store.checkpoints import packed, unpacked
from glassnet.store.folder import RunFolder


def assert_same(found, right):
    """All variables and coordinates bit for bit."""
    assert set(found.variables) == set(right.variables)
    for name in right.variables:
        assert found[name].dims == right[name].dims
        assert found[name].values.tobytes() == right[name].values.tobytes(), name


def stopping_after(blocks):
    """A report that asks to stop as the signal of a queue does."""
    calls = []

    def report(status):
        calls.append(status)
        if len(calls) == blocks + 1:  # the first call comes before the first block
            os.kill(os.getpid(), signal.SIGTERM)

    return report


def run_with_stops(path, rng, most=12, **changes):
    """A run in a folder that is stopped at random until it is complete; returns it and the number of stops."""
    for stops in range(200):
        try:
            return tiny.run(folder=path, report=stopping_after(int(rng.integers(0, most))), **changes), stops
        except gn.Stopped:
            assert folder.status(path) == "stopped"
    raise AssertionError("the run does not advance")


def test_a_folder_gives_the_bits_of_memory(tmp_path):
    ds = tiny.run(folder=tmp_path / "run", checkpoint_every=0)
    assert_same(ds, tiny.standard())
    assert_same(gn.open(tmp_path / "run"), ds)
    assert gn.open(tmp_path / "run").attrs == ds.attrs
    assert {p.name for p in (tmp_path / "run").iterdir()} == {
        "config.json", "data.npz", "results.zarr", "results.sha256", "checkpoints", "log.jsonl", ".lock",
    }  # fmt: skip
    assert len(list((tmp_path / "run" / "checkpoints").iterdir())) == 2
    assert folder.status(tmp_path / "run") == "complete"


@pytest.mark.parametrize("longest", [1, 3])
def test_stops_anywhere_change_no_bit(tmp_path, monkeypatch, longest):
    monkeypatch.setattr(phase, "LONGEST_BLOCK", longest)
    ds, stops = run_with_stops(tmp_path / "run", np.random.default_rng(longest))
    assert stops >= 3
    assert_same(ds, tiny.standard())
    assert_same(gn.open(tmp_path / "run"), ds)
    assert 3 <= ds.attrs["resumed"] <= stops


SINGLE = gn.Machine(depth=1, width=4, inputs=5, outputs=2)
EVEN = gn.Machine(depth=2, width=4)

CASES = {
    "ladder": {"beta": [0.5, 5.0]},
    "schedule": {"beta": gn.Schedule.linear(1.0, 9.0, 20)},
    "own data": {"task": [tiny.task(seed=s) for s in range(2)]},
    "planted": {"start": "planted"},
    "hosts go on": {"protocol": gn.Protocol(sweeps=7, waiting_times=(0, 4), clones=1, samples=1, host_sweeps=9)},
    "feedforward": {"dynamics": "feedforward"},
    "heat bath": {"dynamics": "heat_bath"},
    "further moves": {"machine": EVEN, "task": gn.tasks.random(EVEN, 6), "dynamics": "heat_bath+gauge+rows+collapsed"},
    "part": {"part": (1, 2)},
    "no hidden layer": {"machine": SINGLE, "task": gn.tasks.random(SINGLE, patterns=6, seed=0)},
    "a single replica": {"protocol": gn.Protocol(sweeps=7, waiting_times=(0,), clones=1, samples=1)},
}


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_run_can_be_stopped(tmp_path, monkeypatch, case):
    right = tiny.run(**CASES[case])
    monkeypatch.setattr(phase, "LONGEST_BLOCK", 2)
    path = tmp_path / ("run.part-1-of-2" if case == "part" else "run")
    report = stopping_after(9)
    with pytest.raises(gn.Stopped):
        tiny.run(folder=tmp_path / "run", report=report, **CASES[case])
    assert_same(gn.resume(path), right)
    assert_same(gn.open(path), right)


def test_a_run_from_a_given_configuration_can_be_stopped(tmp_path):
    start = gn.configuration(tiny.standard(), waiting_time=9, configuration=2)
    with pytest.raises(gn.Stopped):
        tiny.run(folder=tmp_path / "run", start=start, report=stopping_after(3))
    assert_same(gn.resume(tmp_path / "run"), tiny.run(start=start))
    other = gn.configuration(tiny.standard(), waiting_time=9, configuration=1)
    with pytest.raises(ValueError, match=r"must hold the same run.*start\.sha256"):
        tiny.run(folder=tmp_path / "run", start=other)


@pytest.mark.slow
def test_the_batch_may_be_cut_otherwise_after_a_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(library, "available", lambda: False)
    right = tiny.run()
    with pytest.raises(gn.Stopped):
        tiny.run(folder=tmp_path / "run", report=stopping_after(12))
    monkeypatch.setattr(parallel, "LARGEST_CHUNK", 3)
    assert_same(gn.resume(tmp_path / "run"), right)


LONGER = {"on the grid": (12, 18), "off the grid": (12, 40), "twice": (12, 13, 40)}


@pytest.mark.parametrize("case", LONGER)
def test_a_longer_run_is_as_if_made_at_once(tmp_path, case):
    first, *more = LONGER[case]
    protocol = {"waiting_times": (0, 3, 9), "clones": 2, "samples": 2, "points_per_decade": 4}
    tiny.run(folder=tmp_path / "run", protocol=gn.Protocol(sweeps=first, **protocol))
    for sweeps in more:
        ds = gn.resume(tmp_path / "run", sweeps=sweeps)
    right = tiny.run(protocol=gn.Protocol(sweeps=more[-1], **protocol))
    assert_same(ds, right)
    assert ds.attrs["config_hash"] == right.attrs["config_hash"]
    assert_same(tiny.run(folder=tmp_path / "run", protocol=gn.Protocol(sweeps=more[-1], **protocol)), right)


def test_a_stopped_run_can_be_made_longer(tmp_path, monkeypatch):
    monkeypatch.setattr(phase, "LONGEST_BLOCK", 2)
    protocol = gn.Protocol(sweeps=30, waiting_times=(0, 3, 9), clones=2, samples=2, points_per_decade=4)
    right = tiny.run(protocol=protocol)
    for stop, path in ((2, tmp_path / "hosts"), (24, tmp_path / "clones")):
        with pytest.raises(gn.Stopped):
            tiny.run(folder=path, report=stopping_after(stop))
        assert folder.log(path)[-1]["phase"] == path.name
        assert_same(gn.resume(path, sweeps=30), right)


def test_an_extension_that_is_cut_off_is_not_complete(tmp_path, monkeypatch):
    """At any of the writes with which it begins."""
    right = tiny.run(protocol=dataclasses.replace(tiny.PROTOCOL, sweeps=40))
    for place in ((folder, "_write_about"), (RunFolder, "log")):
        path = tmp_path / place[1]
        tiny.run(folder=path)
        with monkeypatch.context() as patch:
            patch.setattr(*place, killed)
            with pytest.raises(Killed):
                gn.resume(path, sweeps=40)
        assert RunFolder(path).config["protocol"]["sweeps"] == 12
        assert_same(gn.resume(path), tiny.standard())
        assert_same(gn.resume(path, sweeps=np.int64(40)), right)


class Killed(BaseException):
    """The end of a process."""


def killed(*_, **__):
    raise Killed


def test_a_longer_run_that_cannot_be_is_refused_before_anything_is_written(tmp_path):
    tiny.run(folder=tmp_path / "run")
    before = (tmp_path / "run" / "config.json").read_bytes()
    with pytest.raises(ValueError, match=r"`sweeps` must stay below 2\*\*31"):
        gn.resume(tmp_path / "run", sweeps=2**40)
    assert (tmp_path / "run" / "config.json").read_bytes() == before
    assert folder.status(tmp_path / "run") == "complete"


def test_a_run_made_longer_by_another_process_goes_on_as_that_one(tmp_path, monkeypatch):
    """Configurations are read again when the lock is held."""
    tiny.run(folder=tmp_path / "run")
    late = RunFolder(tmp_path / "run")
    gn.resume(tmp_path / "run", sweeps=40)
    with pytest.raises(ValueError, match="`sweeps` must be at least the 40 sweeps of the run in the folder, but is 20"):
        sessions._go_on(late, sessions.Limits(), None, 20)


def test_a_complete_run_is_left_alone(tmp_path):
    tiny.run(folder=tmp_path / "run")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*")}
    assert_same(gn.resume(tmp_path / "run"), tiny.standard())
    assert_same(tiny.run(folder=tmp_path / "run"), tiny.standard())
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*")} == before


def test_results_can_be_read_while_the_run_goes_on(tmp_path):
    seen = []

    def look(status):
        if (tmp_path / "run" / "results.zarr").exists():
            seen.append((status, gn.open(tmp_path / "run")))

    tiny.run(folder=tmp_path / "run", report=look, checkpoint_every=0)
    right = tiny.standard()
    for _, ds in seen:
        assert ds.attrs["status"] == "running" and 0 <= ds.attrs["progress"] <= 1
        assert list(ds.time) == list(right.time) and list(ds.lag) == list(right.lag)
        for name, x in ds.data_vars.items():
            measured = x.notnull()
            more = name.endswith("_censored")  # samples that did not fall so far, by now
            assert ((x >= right[name]) if more else (x == right[name])).where(measured, True).all(), name
        clock = ds.energy.notnull().all(("sample", "layer"))
        assert clock.sum() > 0 and (clock.astype(int).diff("time") <= 0).all()
    assert {status.phase for status, _ in seen} == {"hosts", "clones"}
    assert any("spin_autocorrelation" not in ds for _, ds in seen)
    partial = [ds for _, ds in seen if "spin_autocorrelation" in ds]
    assert any(ds.spin_autocorrelation.isnull().any() for ds in partial)


def test_a_stopped_run_says_how_far_it_is(tmp_path):
    with pytest.raises(gn.Stopped) as stop:
        tiny.run(folder=tmp_path / "run", report=stopping_after(14))
    assert stop.value.code == 75 and stop.value.reason == "SIGTERM" and stop.value.folder == tmp_path / "run"
    ds = gn.open(tmp_path / "run")
    assert ds.attrs["status"] == "stopped" and ds.attrs["reason"] == "SIGTERM"
    saved = gn.open(gn.save(ds, tmp_path / "half.nc"))
    xr.testing.assert_identical(saved, ds)


def test_the_time_limit_stops_a_run(tmp_path):
    with pytest.raises(gn.Stopped) as stop:
        tiny.run(folder=tmp_path / "run", time_limit=1e-3)
    assert str(stop.value) == "time limit"
    assert_same(gn.resume(tmp_path / "run", time_limit=1e9), tiny.standard())


def test_parts_in_folders_become_one_run(tmp_path):
    for n in range(2):
        tiny.run(folder=tmp_path / "run", part=(n, 2))
    assert_same(gn.open(tmp_path / "run"), tiny.standard())
    with pytest.raises(gn.Stopped):
        tiny.run(folder=tmp_path / "other", part=(0, 2), report=stopping_after(3))
    tiny.run(folder=tmp_path / "other", part=(1, 2))
    with pytest.raises(ValueError, match="must have complete parts beside it, but other.part-0-of-2 is stopped"):
        gn.open(tmp_path / "other")


def test_a_moment_is_what_it_was_after_writing(tmp_path):
    going = Run(RunFolder.create(tmp_path / "run", tiny.job()).job())
    for status in going.blocks():
        if status.phase == CLONES and status.sweep > 3:
            break
    moment = going.moment()
    arrays, layout = packed(moment)
    path = sealed.write(tmp_path / "moment.npz", arrays, {"layout": layout, "word": "yes"})
    found, about = sealed.read(path)
    like = going.job.outline()
    again, _ = packed(unpacked(found, about["layout"], like, jax.eval_shape(going.job.system.bare, like)))
    assert about["word"] == "yes" and set(again) == set(arrays)
    for name in arrays:
        assert arrays[name].dtype == again[name].dtype
        np.testing.assert_array_equal(arrays[name], again[name])
    with np.load(path) as plain:  # the seal behind the archive does not keep others from reading it
        np.testing.assert_array_equal(plain["states/spins"], arrays["states/spins"])


def test_the_log_tells_the_story(tmp_path):
    with pytest.raises(gn.Stopped):
        tiny.run(folder=tmp_path / "run", report=stopping_after(3))
    gn.resume(tmp_path / "run", sweeps=20)
    events = folder.log(tmp_path / "run")
    told = [event["event"] for event in events if event["event"] != "checkpoint"]
    assert told == ["started", "stopped", "extended", "resumed", "complete"]
    assert all({"time", "event"} <= set(event) for event in events)
    assert json.loads(events[0]["versions"])["jax"]
    with (tmp_path / "run" / "log.jsonl").open("a") as file:
        file.write('{"event": "cut o')
    assert len(folder.log(tmp_path / "run")) == len(events)
    RunFolder(tmp_path / "run").log("extended")
    assert folder.log(tmp_path / "run")[len(events) :][0]["event"] == "extended"


def test_time_limits_count_the_compiling_ahead(tmp_path, monkeypatch):
    """Hosts that compiled for 16 s leave 24 s of a limit of 40 s; the clones would compile as long, and end late."""
    clock = [1000.0]
    spent = iter([0.0, 8.0, 8.0])
    monkeypatch.setattr(sessions, "time", SimpleNamespace(perf_counter=lambda: clock[0]))

    def report(status):
        clock[0] += next(spent, 0.01)

    with pytest.raises(gn.Stopped, match="time limit"):
        tiny.run(folder=tmp_path / "run", time_limit=40.0, report=report)
    ds = gn.open(tmp_path / "run")
    assert ds.attrs["status"] == "stopped" and np.isfinite(ds.train_error).all() and "clone_train_error" not in ds
    assert_same(gn.resume(tmp_path / "run"), tiny.standard())


def test_a_run_that_goes_on_by_other_kernels_says_so(tmp_path, monkeypatch):
    with pytest.raises(gn.Stopped):
        tiny.run(folder=tmp_path / "run", report=stopping_after(14))
    made = sessions.provenance
    monkeypatch.setattr(sessions, "provenance", lambda system: {**made(system), "sweeps": "other kernels"})
    with pytest.warns(RuntimeWarning, match="goes on by other kernels, where it was made by .*differ by rounding"):
        ds = gn.resume(tmp_path / "run")
    assert ds.attrs["sweeps"].endswith("; other kernels")


def test_relative_folders_are_meant_where_the_run_began(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    ds = tiny.run(folder="run", checkpoint_every=0, report=lambda status: os.chdir(tmp_path / "elsewhere"))
    assert_same(ds, tiny.standard())
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert folder.status(tmp_path / "run") == "complete"


def test_relative_folders_are_meant_where_simulate_was_called(tmp_path, monkeypatch):
    """Before a run begins, the task, the dynamics and the system are asked, which are the user's."""

    class Leaving(list):
        def __iter__(self):
            os.chdir(tmp_path / "elsewhere")
            return super().__iter__()

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    tiny.run(task=Leaving([tiny.task()]), folder="run")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert folder.status(tmp_path / "run") == "complete"
