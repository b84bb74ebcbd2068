"""Whole campaigns: real runs of a tiny machine, failures, a stop and going on, one Dataset in the end."""

import json
import os
import shutil
import signal
import threading
import time

import numpy as np
import pytest
from command import command as call

import glassnet as gn
from glassnet.campaign import processes, read_grid
from glassnet.campaign.folder import check_run
from glassnet.campaign.state import command as run_command
from glassnet.cli import sweep as sweep_module
from glassnet.simulator import prepared
from glassnet.store.folder import RunFolder, log, status

RUN = """
[run]
beta = 5.0
machine = {depth = 2, width = 4}
task = {kind = "random", patterns = 3}
protocol = {sweeps = SWEEPS, waiting_times = [2, 8], clones = 2, samples = 2}
"""


def file_of(folder, grid, sweeps=12):
    """A campaign file."""
    (folder / "c.toml").write_text(f"{RUN.replace('SWEEPS', str(sweeps))}[grid]\n{grid}\n")
    return folder / "c.toml"


def simulated(file, number):
    """The result of a point of the grid, computed here."""
    return gn.simulate(**read_grid(file).points[number].config.build())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A campaign one run of which cannot start, what the command said, and what it said when the way was free."""
    folder = tmp_path_factory.mktemp("sweep")
    file = file_of(folder, "seed = [0, 1]\nalpha = [0.75]")
    blocked = folder / "c" / "seed=1,alpha=0.75"
    assert call("sweep", file, "--dry-run")[0] == 0
    assert not (folder / "c").exists()
    write_record(file)
    blocked.mkdir()
    (blocked / "mine.txt").write_text("keep me")
    first = call("sweep", file, "--jobs", "2")
    partial = gn.open_campaign(folder / "c")
    (blocked / "mine.txt").unlink()
    second = call("sweep", file, "--quiet")
    return file, first, partial, second


def write_record(file):
    """Record the campaign, so that there may be something else in its folder."""
    sweep_module.write(sweep_module.campaign(file.with_suffix(""), read_grid(file)))


def test_a_failed_run_is_listed_and_the_others_go_on(made):
    file, (code, out, err), _, _ = made
    assert code == 1
    assert "2 runs (2 absent), 2 to do" in out
    assert "seed=0,alpha=0.75  complete" in out
    assert "seed=1,alpha=0.75  failed with status 2" in out
    assert "1 of 2 runs are complete" in out
    assert err.startswith("1 of 2 runs failed:\n  seed=1,alpha=0.75: Argument `output` must be an empty folder")
    assert f"(see {file.with_suffix('')}/logs/seed=1,alpha=0.75.log)" in err


def test_the_next_command_does_what_is_left(made):
    file, _, _, (code, out, err) = made
    assert (code, out, err) == (0, "", "")
    logs = {
        name: (file.with_suffix("") / "logs" / f"{name},alpha=0.75.log").read_text() for name in ("seed=0", "seed=1")
    }
    assert [text.count("$ ") for text in logs.values()] == [1, 2]
    code, out, _ = call("sweep", file)
    assert code == 0
    assert "2 runs (2 complete), 0 to do" in out
    assert call("sweep", file, "--dry-run")[1].splitlines() == [
        "seed=0,alpha=0.75  complete    100 %",
        "seed=1,alpha=0.75  complete    100 %",
    ]


def test_the_grid_is_one_dataset_of_the_same_bits(made):
    file, *_ = made
    ds = gn.open_campaign(file.with_suffix(""))
    assert ds.energy.dims == ("seed", "alpha", "sample", "time", "layer")
    assert ds.alpha.attrs["long_name"] == "constraint density alpha = M / c"
    assert (ds.status == "complete").all()
    assert (ds.done == 1).all()
    for number in (0, 1):
        alone = simulated(file, number)
        for name, x in alone.data_vars.items():
            np.testing.assert_array_equal(ds[name].isel(seed=number, alpha=0), x, err_msg=name)
    config = json.loads(ds.attrs["config"])
    assert config["grid"] == {"seed": [0, 1], "alpha": [0.75]}
    assert config["run"]["beta"] == 5
    assert "jax" in ds.attrs["versions"]


def test_what_is_missing_is_nan(made):
    _, _, partial, _ = made
    assert list(partial.status.values.ravel()) == ["complete", "absent"]
    assert list(partial.done.values.ravel()) == [1, 0]
    assert partial.energy.isel(seed=0).notnull().all()
    assert partial.energy.isel(seed=1).isnull().all()


def test_some_variables_alone(made):
    ds = gn.open_campaign(made[0].with_suffix(""), variables=["energy"])
    assert set(ds.data_vars) == {"energy", "status", "done"}


def test_a_campaign_can_be_saved(made, tmp_path):
    ds = gn.open_campaign(made[0].with_suffix(""))
    gn.save(ds, tmp_path / "all.nc")
    assert gn.open(tmp_path / "all.nc").identical(ds)


def test_a_damaged_result_is_told_and_left_out(made, tmp_path):
    shutil.copytree(made[0].with_suffix(""), tmp_path / "c")
    damaged = tmp_path / "c" / "seed=1,alpha=0.75" / "results.zarr" / "energy" / "zarr.json"
    damaged.write_text("{")
    with pytest.warns(UserWarning, match="seed=1,alpha=0.75 is left out: .*damaged"):
        ds = gn.open_campaign(tmp_path / "c")
    assert list(ds.status.values.ravel()) == ["complete", "unreadable"]
    assert ds.energy.isel(seed=1).isnull().all()


def test_a_run_with_a_damaged_configuration_is_listed_and_the_others_go_on(made, tmp_path):
    file = file_of(tmp_path, "seed = [0, 1, 2]\nalpha = [0.75]")
    shutil.copytree(made[0].with_suffix(""), tmp_path / "c")
    damaged = tmp_path / "c" / "seed=1,alpha=0.75" / "config.json"
    damaged.write_text(damaged.read_text()[:-40])
    assert "seed=1,alpha=0.75  unreadable" in call("sweep", file, "--dry-run")[1]
    cut = damaged.read_bytes()
    code, out, err = call("sweep", file)
    assert code == 1
    assert "3 runs (1 complete, 1 unreadable, 1 absent), 1 to do" in out
    assert "2 of 3 runs are complete" in out
    assert err.startswith("1 of 3 runs failed:\n  seed=1,alpha=0.75: Argument `folder` must hold a run, but ")
    assert "config.json is damaged" in err
    assert damaged.read_bytes() == cut


def test_more_sweeps_make_all_runs_longer(made, tmp_path):
    """Those of an axis that came later included; what was measured stays, to the bits of a run of that length."""
    shutil.copytree(made[0].with_suffix(""), tmp_path / "c")
    file = file_of(tmp_path, "seed = [0, 1]\nalpha = [0.75]", sweeps=40)
    part = (8 + 2 * 2 * 12) / (8 + 2 * 2 * 40)
    assert call("sweep", file, "--dry-run")[1].splitlines() == [
        f"seed=0,alpha=0.75  stopped    {100 * part:4.0f} %",
        f"seed=1,alpha=0.75  stopped    {100 * part:4.0f} %",
    ]
    assert (gn.open_campaign(tmp_path / "c").status == "complete").all()  # nothing has been written
    code, out, err = call("sweep", file)
    assert (code, err) == (0, "")
    assert "2 runs (2 stopped), 2 to do" in out
    assert call("sweep", file)[1].splitlines()[-1] == "2 of 2 runs are complete"
    ds = gn.open_campaign(tmp_path / "c")
    assert (ds.done == 1).all() and json.loads(ds.attrs["run_config"])["protocol"]["sweeps"] == 40
    for number in (0, 1):
        alone = simulated(file, number)
        for name, x in alone.data_vars.items():
            np.testing.assert_array_equal(ds[name].isel(seed=number, alpha=0), x, err_msg=name)


@pytest.mark.slow
def test_a_run_left_out_for_a_while_is_made_longer_too(made, tmp_path):
    shutil.copytree(made[0].with_suffix(""), tmp_path / "c")
    assert call("sweep", file_of(tmp_path, "seed = [0]\nalpha = [0.75]", sweeps=40))[0] == 0
    file = file_of(tmp_path, "seed = [0, 1]\nalpha = [0.75]", sweeps=40)
    states = [line.split()[1] for line in call("sweep", file, "--dry-run")[1].splitlines()]
    assert states == ["complete", "stopped"]
    assert call("sweep", file)[0] == 0
    assert sorted(path.name for path in (tmp_path / "c").glob("seed=*")) == ["seed=0,alpha=0.75", "seed=1,alpha=0.75"]


@pytest.mark.slow
def test_more_sweeps_along_an_axis_are_runs_of_their_own(tmp_path):
    assert call("sweep", file_of(tmp_path, '"protocol.sweeps" = [4, 6]'), "--quiet")[0] == 0
    longer = file_of(tmp_path, '"protocol.sweeps" = [6, 9]')
    assert call("sweep", longer, "--dry-run")[1].splitlines() == [
        "protocol.sweeps=6  complete    100 %",
        "protocol.sweeps=9  absent        0 %",
    ]
    without_it = file_of(tmp_path, "seed = [0]", sweeps=9)
    assert call("sweep", without_it, "--dry-run")[1].startswith("seed=0  absent")


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"SWEEPS": "11"}, "protocol.sweeps: 12, not 11"), ({"SWEEPS": "40", "5.0": "6.0"}, "beta: 5.0, not 6.0")],
)
def test_fewer_sweeps_or_another_run_are_refused(made, tmp_path, changes, message):
    shutil.copytree(made[0].with_suffix(""), tmp_path / "c")
    text = RUN
    for old, new in changes.items():
        text = text.replace(old, new)
    (tmp_path / "c.toml").write_text(f"{text}[grid]\nseed = [0, 1]\nalpha = [0.75]\n")
    before = (tmp_path / "c" / "campaign.json").read_bytes()
    code, _, err = call("sweep", tmp_path / "c.toml")
    assert code == 2 and message in err
    assert (tmp_path / "c" / "campaign.json").read_bytes() == before


def test_a_run_that_has_more_sweeps_than_the_plan_is_refused(made, tmp_path):
    point = read_grid(file_of(tmp_path, "seed = [0, 1]\nalpha = [0.75]", sweeps=11)).points[0]
    with pytest.raises(ValueError, match="protocol.sweeps: 12, not 11"):
        check_run(made[0].with_suffix("") / point.name, point.config)


def test_info_tells_where_a_campaign_stands(made):
    folder = made[0].with_suffix("")
    code, out, err = call("info", folder)
    assert (code, err) == (0, "")
    assert [" ".join(line.split()) if n in (2, 3) else line for n, line in enumerate(out.splitlines())] == [
        f"{folder}: campaign of 2 runs (2 complete)",
        "grid",
        "seed 0, 1",
        "alpha 0.75",
        "runs",
        "  seed=0,alpha=0.75  complete    100 %",
        "  seed=1,alpha=0.75  complete    100 %",
    ]
    code, _, err = call("info", folder, "--config")
    assert code == 2 and "must be one run of the campaign" in err


def send_when(when, number, pid):
    """Send process `pid()` a signal as soon as `when()` holds."""

    def send():
        end = time.monotonic() + 100
        while not when() and time.monotonic() < end:
            time.sleep(0.02)
        os.kill(pid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


@pytest.fixture
def many_checkpoints(monkeypatch):
    """Let runs, which are short here, write checkpoints early."""

    def often(*arguments, **limits):
        return [*run_command(*arguments, **limits), "--checkpoint-every", "0.1"]

    monkeypatch.setattr(processes, "command", often)


def has_checkpoint(folder):
    """Whether a run has written a checkpoint."""
    return any(event["event"] == "checkpoint" for event in log(folder))


@pytest.mark.usefixtures("many_checkpoints")
def test_a_stopped_campaign_goes_on_to_the_same_bits(tmp_path):
    file = file_of(tmp_path, "seed = [3, 4]", sweeps=20_000)
    folder = tmp_path / "c" / "seed=3"
    thread = send_when(lambda: has_checkpoint(folder), signal.SIGINT, os.getpid)
    code, out, err = call("sweep", file)
    thread.join()
    assert (code, err) == (75, "")
    assert "[1/2] seed=3  stopped" in out
    assert "2 are left: give the command again" in out
    assert (status(folder), status(tmp_path / "c" / "seed=4")) == ("stopped", "absent")
    ds = gn.open_campaign(tmp_path / "c")
    assert 0 <= ds.done.values[0] < 1
    code, out, err = call("sweep", file_of(tmp_path, "seed = [3]", sweeps=20_000))
    assert (code, err) == (0, "")
    assert [event["event"] for event in log(folder)].count("resumed") == 1
    ds = gn.open_campaign(tmp_path / "c").isel(seed=0)
    alone = simulated(file, 0)
    for name, x in alone.data_vars.items():
        np.testing.assert_array_equal(ds[name], x, err_msg=name)


@pytest.mark.slow
@pytest.mark.usefixtures("many_checkpoints")
def test_a_killed_run_is_listed_and_goes_on_with_the_next_command(tmp_path):
    file = file_of(tmp_path, "seed = [3, 4]", sweeps=20_000)
    folder = tmp_path / "c" / "seed=3"
    thread = send_when(lambda: has_checkpoint(folder), signal.SIGKILL, lambda: log(folder)[0]["pid"])
    code, out, err = call("sweep", file)
    thread.join()
    assert code == 1
    assert "[1/2] seed=3  killed by SIGKILL" in out
    assert "[2/2] seed=4  complete" in out
    assert "1 of 2 runs failed:\n  seed=3: killed by SIGKILL (see " in err
    assert status(folder) == "interrupted"
    assert call("sweep", file)[0] == 0
    assert [event["event"] for event in log(folder)].count("resumed") == 1
    ds = gn.open_campaign(tmp_path / "c").isel(seed=0)
    np.testing.assert_array_equal(ds.spin_overlap, simulated(file, 0).spin_overlap)


def test_a_run_that_stopped_being_finite_is_tried_again_on_request_alone(tmp_path, monkeypatch):
    file = file_of(tmp_path, "seed = [0]")
    plan = read_grid(file)
    grid = sweep_module.campaign(tmp_path / "c", plan)
    sweep_module.write(grid)
    monkeypatch.setattr("glassnet.simulation.run.Run.blocks", not_finite)
    with pytest.raises(FloatingPointError):
        run_in_folder(plan.points[0].config, tmp_path / "c" / "seed=0")
    found = sweep_module.standings(grid)
    assert [one.state for one in found] == ["failed"]
    assert sweep_module.to_do(grid, found, retry_failed=False) == []
    assert [task.name for task in sweep_module.to_do(grid, found, retry_failed=True)] == ["seed=0"]
    code, _, err = call("sweep", file)
    assert code == 1
    assert "1 of 1 runs failed:\n  seed=0: spins are not finite" in err


def not_finite(*_):
    """In place of the blocks of a run."""
    raise FloatingPointError("spins are not finite")


def run_in_folder(config, folder):
    """What `glassnet run` does."""
    from glassnet.sessions import Limits, start
    from glassnet.simulator import prepared

    start(folder, prepared(**config.build()), Limits(), run=config.to_dict())


WRONG = [
    (["--jobs", "0"], "Argument `jobs` must be an integer of at least 1, but is 0."),
    (["--time-limit", "soon"], "Argument `time_limit` must be a duration such as 3h50m"),
    (["--wait"], "Argument `wait` must be given with --cluster, but is True."),
    (["--cluster", "cray"], "Argument `cluster` must be one of 'slurm', 'local', but is 'cray'."),
    (["--cluster", "local", "--jobs", "2"], "Argument `jobs` must not be given with --cluster"),
    (["--cluster", "local"], "Argument `cluster.timeout_min` must be given, but is missing."),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_wrong_options(options, message, tmp_path):
    code, out, err = call("sweep", file_of(tmp_path, "seed = [0]"), *options)
    assert (code, out) == (2, "")
    assert err.startswith(f"glassnet: error: {message}")
    assert not (tmp_path / "c" / "campaign.json").exists()


def test_data_that_do_not_fit_are_told_before_anything_runs(tmp_path):
    file = file_of(tmp_path, 'start = ["random", "planted"]')
    code, _, err = call("sweep", file)
    assert code == 2
    assert "which has no teacher, but is 'planted'" in err
    assert "This is the grid point start=planted." in err
    assert not (tmp_path / "c" / "campaign.json").exists()


def test_another_run_in_the_place_of_a_point(tmp_path, monkeypatch):
    file = file_of(tmp_path, "seed = [0]")
    write_record(file)
    folder = tmp_path / "c" / "seed=0"
    config = read_grid(file_of(tmp_path, "seed = [0]", sweeps=13)).points[0].config
    RunFolder.create(folder, prepared(**config.build()), config.to_dict())
    code, _, err = call("sweep", file_of(tmp_path, "seed = [0]"))
    assert code == 2
    assert f"Argument `run` must be that of the run in {folder}, but differs: protocol.sweeps: 13, not 12." in err
