"""Starts from another run: which configuration each host takes, data that grow, folders that need no other."""

import json
import os
import shutil
import signal
from dataclasses import replace
from functools import lru_cache, partial

import jax
import numpy as np
import pytest
import tiny
from command import command
from wells import Wells

import glassnet as gn
from glassnet.perceptron.describe import described
from glassnet.perceptron.state import unpack
from glassnet.sampling.starts import Starts
from glassnet.simulator import prepared

BETAS = [1.0, 5.0]
SHORT = gn.Protocol(sweeps=2, waiting_times=(1,), clones=1, samples=2)


@lru_cache
def source():
    """Two samples, two temperatures, three waiting times, two clones."""
    return tiny.run(beta=BETAS)


def run(start, samples=2, **changes):
    protocol = gn.Protocol(sweeps=2, waiting_times=(1,), clones=1, samples=samples)
    arguments = {"machine": tiny.MACHINE, "task": tiny.task(), "beta": BETAS, "protocol": protocol, "seed": 7}
    return gn.simulate(**(arguments | changes), start=start)


same = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)


def initial(start, samples=2, **changes):
    """Weights and spins by layer of each host, (sample, temperature), without a run."""
    protocol = gn.Protocol(sweeps=2, waiting_times=(1,), clones=1, samples=samples)
    arguments = {"machine": tiny.MACHINE, "task": tiny.task(), "beta": BETAS, "protocol": protocol}
    job = prepared(**(arguments | changes), start=start)
    states, tasks = job.initial(None), job.tasks
    rungs, found = len(job.schedules), []
    for n in range(samples * rungs):
        task = tasks[n // rungs % len(tasks)]
        state = jax.tree.map(lambda x, n=n: x[n], states)
        found.append(unpack(job.system.machine, state, job.system.clamped(task)))
    return [found[n : n + rungs] for n in range(0, len(found), rungs)]


def assert_equal(found, right):
    for a, b in zip((*found[0], *found[1]), (*right[0], *right[1]), strict=True):
        np.testing.assert_array_equal(a, b)


def ended(sample, clone, rung, waiting_time=9):
    """A last configuration of the source."""
    ds = source().isel(temperature=rung)
    return gn.configuration(ds, waiting_time=waiting_time, configuration=2 * sample + clone)


TAKEN = {
    "one by one": ({}, {}, (0, 1), (0, 0)),
    "all clones of all samples": ({}, {"samples": 4}, (0, 0, 1, 1), (0, 1, 0, 1)),
    "a clone that is chosen": ({"clone": [1]}, {}, (0, 1), (1, 1)),
    "a sample that is chosen": ({"sample": [1]}, {"samples": 1}, (1,), (0,)),
    "one for all": ({"sample": [1], "clone": [1]}, {"samples": 3}, (1, 1, 1), (1, 1, 1)),
    "a number that is chosen": ({"sample": 1, "clone": 1, "configuration": 3}, {}, (1, 1), (1, 1)),
    "the clones of one sample": ({"sample": [0]}, {}, (0, 0), (0, 1)),
    "an earlier waiting time": ({"waiting_time": 3}, {}, (0, 1), (0, 0), (0, 1), 3),
    "temperatures by beta": ({}, {"beta": [5.0, 1.0]}, (0, 1), (0, 0), (1, 0)),
    "one of the temperatures": ({}, {"beta": 5.0}, (0, 1), (0, 0), (1,)),
    "other temperatures one by one": ({}, {"beta": [2.0, 9.0]}, (0, 1), (0, 0)),
    "one temperature for all": ({"temperature": 0.2}, {"beta": [2.0, 3.0, 9.0]}, (0, 1), (0, 0), (1, 1, 1)),
    "schedules, by where they begin": (
        {}, {"beta": [gn.Schedule.linear(5, 1, 9), gn.Schedule.linear(1, 5, 9)]}, (0, 1), (0, 0), (1, 0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TAKEN)
def test_each_host_takes_the_configuration_that_is_meant(case):
    select, changes, samples, clones, *rest = TAKEN[case]
    rungs, *waiting_time = rest or [(0, 1)]
    found = initial(source().sel(select), **changes)
    assert len(found) == len(samples)
    for row, sample, clone in zip(found, samples, clones, strict=True):
        assert len(row) == len(rungs)
        for one, rung in zip(row, rungs, strict=True):
            assert_equal(one, ended(sample, clone, rung, *waiting_time))


def test_the_configurations_of_the_source_can_be_told_apart():
    weights = [ended(s, c, t, w)[0][1].tobytes() for s in (0, 1) for c in (0, 1) for t in (0, 1) for w in (3, 9)]
    assert len(set(weights)) == 16


def test_a_run_begins_there():
    """Hosts of samples and temperatures are not mixed up, and what they cache is that of their configurations."""
    ds = run(source())
    energy = ds.energy.sel(time=0).transpose("sample", "temperature", "layer")
    end = source().clone_energy.isel(lag=-1).sel(waiting_time=9, clone=0).transpose("sample", "temperature", "layer")
    same(energy, end)
    assert len(np.unique(end)) == end.size and (ds.energy.sel(time=1) != ds.energy.sel(time=0)).any()
    assert not np.array_equal(run(source(), seed=8).clone_energy, ds.clone_energy)


def walkers_from(betas, start):
    """Walkers of a ladder that begins in another run."""
    options = {"protocol": tiny.PROTOCOL, "exchange": gn.Exchange(), "start": start}
    return prepared(tiny.MACHINE, tiny.task(), betas, **options).initial(None).states


def test_walkers_of_a_ladder_take_a_configuration_each():
    """At the rungs; places beyond the last are filled with it."""
    job = prepared(
        tiny.MACHINE, tiny.task(), [2.0, 3.0], protocol=tiny.PROTOCOL, exchange=gn.Exchange(), start=source()
    )
    states = job.initial(None)
    assert job.start_equilibrium == ("not known: the start is that of another run",) * 2
    for sample in (0, 1):
        for walker in range(job.system.width):
            state = jax.tree.map(lambda x, place=(sample, walker): x[place], states.states)
            found = unpack(tiny.MACHINE, state, job.system.clamped(tiny.task()))
            assert_equal(found, ended(sample, 0, walker))
    betas = [1.0, 2.0, 3.0, 4.0, 5.5]
    wide = walkers_from(betas, source().isel(temperature=1))
    assert wide.weights[0].shape[:2] == (2, 6) and (wide.weights[0] == wide.weights[0][:, :1]).all()
    exact = {"task": gn.tasks.teacher_student(tiny.MACHINE, 6, beta=0), "start": "planted", "protocol": tiny.PROTOCOL}
    said = prepared(tiny.MACHINE, beta=[0.0, 1.0], exchange=gn.Exchange(), **exact).start_equilibrium
    assert said[0].startswith("no: exchange brings walkers") and said[1].startswith("no: with a soft core")


def grown(patterns, seed=0):
    return gn.tasks.teacher_student(tiny.MACHINE, patterns, seed=seed)


def test_neurons_at_new_patterns_follow_the_weights():
    task = grown(9)
    weights, spins = initial(source(), task=task)[1][0]
    old = ended(1, 0, 0)
    fed = gn.feed_forward(tiny.MACHINE, weights, task.inputs)
    assert_equal((weights, [S[:6] for S in spins]), old)
    assert_equal(([], [S[6:] for S in spins[:-1]]), ([], [S[6:] for S in fed[:-1]]))
    np.testing.assert_array_equal(spins[-1], task.outputs)


def test_a_machine_without_hidden_layers_may_get_new_patterns_too():
    machine = gn.Machine(1, 4, inputs=5, outputs=2)
    task = gn.tasks.random(machine, 9)
    weights = np.random.default_rng(0).standard_normal((2, 1, 1, 5, 2))
    weights *= np.sqrt(5 / (weights**2).sum(-2, keepdims=True))
    starts = Starts({"spins": np.zeros((2, 1, 0, 4, 9), np.int8), "weights_0": weights.astype(np.float32)}, {})
    config, data = {"machine": described(machine)}, {side: getattr(task, side)[:4] for side in ("inputs", "outputs")}
    job = prepared(machine, task, 2.0, protocol=SHORT)
    arrays = {"spins": np.zeros((0, 4, 4), np.int8), "weights_0": starts.arrays["weights_0"][1, 0]}
    fitted = job.system.continued(arrays, data, config, task)
    assert fitted["spins"].shape == (0, 4, 9)
    job = replace(job, start=starts)
    np.testing.assert_array_equal(job.initial(None).weights[0][1], starts.arrays["weights_0"][1, 0])


def test_potential_and_data_of_each_sample_may_be_its_own():
    tasks = [tiny.task(seed=s) for s in range(2)]
    first = tiny.run(task=tasks)
    machine = gn.Machine(depth=3, width=4, inputs=5, outputs=2, potential=gn.Counting())
    found = initial(first, machine=machine, task=tasks, beta=3.0)
    for sample in range(2):
        assert_equal(found[sample][0], gn.configuration(first, waiting_time=9, configuration=2 * sample))
    with pytest.raises(ValueError, match="`start` must have the inputs of task 'teacher_student' in its 6 patterns"):
        initial(first, task=tasks[::-1])


def without(ds, *names):
    return ds.drop_vars([name for name in ds.data_vars if str(name).startswith(names)])


OTHER = gn.Machine(3, 4, inputs=5, outputs=3)
OF_WELLS = {"numbers": {"step": 1.0}, "protocol": SHORT}
BAD = [
    (lambda: initial(source(), samples=3), "have 1 or 3 samples, or 3 configurations in all.*'2 samples with 4 config"),
    (lambda: initial(source(), beta=[1.0, 2.0, 3.0]), "have 1 or 3 temperatures, or those of .*but is '2, b"),
    (lambda: initial(without(source(), "configuration_")), "hold configurations .*, but has none"),
    (lambda: initial(source().assign_attrs(part=0, parts=2)), "be a whole run, .*but is 'part 0 of a run'"),
    (lambda: initial(source(), machine=OTHER, task=gn.tasks.random(OTHER, 6)), "have the widths, the connectivity and"),
    (lambda: initial(source(), task=tiny.task(seed=1)), "have the inputs of task 'teacher_student' in its 6 patterns"),
    (lambda: initial(source(), task=grown(4)), "have at most the 4 patterns of the task, but is 6"),
    (lambda: initial("nowhere/run"), "nowhere/run"),
    (lambda: initial("nowhere.nc"), "nowhere.nc"),
    (lambda: initial(gn.simulate(Wells(), beta=1.0, keep_configurations=True, **OF_WELLS)), "be the result of a Mac"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        call()


def test_weights_that_the_prior_does_not_have_are_refused():
    machine = gn.Machine(3, 4, inputs=5, outputs=2, ensemble="ising")
    with pytest.raises(ValueError, match=r"`start weights of layer 1` must be \+1 or -1"):
        prepared(machine, tiny.task(), BETAS, start=source(), protocol=SHORT)


# Folders, files, commands


def stopping(status):
    if status.done:
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_folder_needs_no_other(tmp_path):
    """It is stopped at once, the source is removed, and it goes on; parts of it join to the same."""
    gn.save(source(), tmp_path / "source.nc")
    right = run(tmp_path / "source.nc")
    with pytest.raises(gn.Stopped):
        run(str(tmp_path / "source.nc"), folder=tmp_path / "run", report=stopping)
    (tmp_path / "source.nc").unlink()
    ds = gn.resume(tmp_path / "run")
    for name in ("energy", "clone_energy", "final_weight_overlap"):
        np.testing.assert_array_equal(ds[name], right[name])
    about = json.loads(ds.attrs["started_from"])
    assert about["path"] == str(tmp_path / "source.nc") and about["config_hash"] == source().attrs["config_hash"]
    assert json.loads(ds.attrs["config"])["start"] == {"sha256": about["sha256"], "configurations": [2, 2]}
    assert ds.attrs["config_hash"] == right.attrs["config_hash"] == run(source()).attrs["config_hash"]
    assert ds.attrs["start_equilibrium"] == "not known: the start is that of another run"
    np.testing.assert_array_equal(run(source(), folder=tmp_path / "run").energy, ds.energy)  # the same run
    with pytest.raises(ValueError, match=r"must hold the same run.*start\.sha256"):
        run(source().sel(clone=[1]), folder=tmp_path / "run")


def test_parts_begin_where_the_whole_does(tmp_path):
    for n in range(2):
        gn.save(run(source(), part=(n, 2)), tmp_path / "run.nc")
    whole, right = gn.open(tmp_path / "run.nc"), run(source())
    np.testing.assert_array_equal(whole.energy, right.energy)
    assert whole.attrs["started_from"] == right.attrs["started_from"]


def test_the_command_line_starts_from_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    about = [
        "--task", "teacher_student", "--task.patterns", "6", "--machine.depth", "3", "--machine.width", "4",
        "--machine.inputs", "5", "--machine.outputs", "2", "--beta", "5", "--protocol.samples", "2",
        "--protocol.clones", "2", "--protocol.waiting-times", "0", "3", "9", "--protocol.sweeps", "12",
        "--protocol.points-per-decade", "4", "--quiet",
    ]  # fmt: skip
    assert command("run", *about, "--keep-configurations", "--output", "first")[0] == 0
    first = gn.open("first")
    np.testing.assert_array_equal(first.energy, tiny.standard().energy)
    status, _, err = command("run", *about, "--start", "first/", "--seed", "3", "--output", "second")
    assert (status, err) == (0, "")
    shutil.rmtree("first")
    second = gn.open("second")
    end = first.clone_energy.isel(lag=-1).sel(waiting_time=9, clone=0)
    same(second.energy.sel(time=0), end)
    words = command("info", "second")[1]
    assert "start.configurations" in words and '"path":"first/"' in words and "--start first/" in words
    assert command("resume", "second", "--quiet")[0] == 0
    status, _, err = command("run", "--config", "second/config.json", "--output", "third")
    assert status == 2 and "first" in err
    for start, message in (("cold", "or the path of a run, with a slash"), ("second/", "must hold configurations")):
        status, _, err = command("run", *about, "--start", start, "--output", "fourth")
        assert status == 2 and message in err and err.count("\n") == 1


def test_another_system_goes_on_from_a_run():
    first = gn.simulate(Wells(), beta=[1.0, 2.0], keep_configurations=True, **OF_WELLS)
    ds = gn.simulate(Wells(), beta=[1.0, 3.0], protocol=SHORT, numbers={"step": 1.0}, start=first)
    same(
        ds.energy.sel(time=0),
        first.clone_energy.isel(lag=-1, clone=0, waiting_time=0).transpose(*ds.energy.sel(time=0).dims),
    )
    assert ds.attrs["start_equilibrium"] == "not known"
    with pytest.raises(ValueError, match=r"`start` must have parts of the sizes \{'positions': \(2,\)\}, but is"):
        gn.simulate(Wells(2, 0.5), beta=[1.0, 3.0], start=first, **OF_WELLS)
