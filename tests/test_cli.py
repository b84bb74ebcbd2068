"""The command line: a run from options to files, and one line for everything that can be wrong."""

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from analysis.synthetic_result import result
from command import command as call
from command import said

import glassnet as gn
from glassnet.analysis import derive
from glassnet.cli import COMMANDS
from glassnet.cli.info import by_layer
from glassnet.cli.parse import seconds
from glassnet.cli.plot import at_temperature
from glassnet.cli.progress import progress_bar
from glassnet.cli.run import parsed, tell_slow_sweeps
from glassnet.config import DigitsTask, HiddenManifoldTask, RandomTask, RunConfig, TeacherStudentTask
from glassnet.config.command import command_line
from glassnet.demo import CONFIG, demo, headline
from glassnet.simulation.phase import Status
from glassnet.simulator import prepared
from glassnet.store import folder as gn_folder

TINY = ["--task", "random", "--task.patterns", "3", "--machine.depth", "2", "--machine.width", "4", "--beta", "2"]
SHORT = ["--protocol.sweeps", "20", "--protocol.waiting-times", "2", "8", "--protocol.samples", "2"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A dataset made by `glassnet run`, and what the command printed."""
    path = tmp_path_factory.mktemp("run") / "out.nc"
    return path, call("run", *TINY, *SHORT, "--output", path)


def test_run_writes_a_dataset(made):
    path, (status, out, err) = made
    assert status == 0, err
    assert f"wrote {path}" in out
    assert "sweeps/s" in err
    assert "energy" in err
    ds = gn.open(path)
    assert dict(ds.sizes) | {"sample": 2, "clone": 4, "waiting_time": 2, "layer": 2} == dict(ds.sizes)
    assert RunConfig.from_json(ds.attrs["run_config"]).config_hash == ds.attrs["run_config_hash"]
    assert os.listdir(path.parent) == ["out.nc"]


def test_info_on_a_dataset(made):
    path, _ = made
    status, out, err = call("info", path)
    assert (status, err) == (0, "")
    for words in (
        "complete",
        "machine.depth",
        "protocol.sweeps",
        "start in equilibrium       no: a random start",
        "energy per gap",
        "test error",
        "tau of spins",
        "jax",
    ):
        assert words in out


def test_info_prints_the_configuration(made, tmp_path):
    path, _ = made
    status, out, _ = call("info", "--config", path)
    assert status == 0
    (tmp_path / "c.json").write_text(out)
    again = parsed(["--config", str(tmp_path / "c.json"), "--output", "x.nc", "--beta", "3"]).run
    assert again.machine == gn.Machine(2, 4)
    assert again.protocol.waiting_times == (2, 8)
    assert again.beta == 3


def test_quiet_run_from_a_file_prints_nothing_and_repeats_the_run(made, tmp_path):
    path, _ = made
    (tmp_path / "c.json").write_text(gn.open(path).attrs["run_config"])
    status, out, err = call("run", "--config", tmp_path / "c.json", "--output", tmp_path / "again.nc", "--quiet")
    assert (status, out, err) == (0, "", "")
    assert gn.open(tmp_path / "again.nc").equals(gn.open(path))


def test_plot_writes_figures(made, tmp_path):
    path, _ = made
    for name in ("figure.png", "figure.pdf"):
        status, out, err = call("plot", path, "--output", tmp_path / name)
        assert (status, out) == (0, f"wrote {tmp_path / name}\n"), err
        assert (tmp_path / name).stat().st_size > 5000
    assert call("plot", path, "--output", tmp_path / "figure.png")[0] == 2


def test_plot_one_of_several_temperatures(made, tmp_path):
    ds = gn.open(made[0])
    coordinates = {"temperature": [0.5, 0.1], "beta": ("temperature", [2.0, 10.0])}
    ladder = ds.drop_vars(("temperature", "beta")).expand_dims(temperature=2).assign_coords(coordinates)
    gn.save(ladder, tmp_path / "ladder.nc")
    assert call("plot", tmp_path / "ladder.nc", "--output", tmp_path / "both.png")[0] == 0
    status, _, err = call("plot", tmp_path / "ladder.nc", "--temperature", "0.1", "--beta", "10")
    assert (status, "`beta` must not be given together with `temperature`, but is 10.0." in err) == (2, True)
    assert call("plot", tmp_path / "ladder.nc", "--temperature", "0.12")[0] == 0
    assert "T 0.1, beta 10" in call("info", tmp_path / "ladder.nc")[1]
    assert (tmp_path / "ladder.png").stat().st_size > 5000


def test_tables_say_what_was_measured():
    """No relaxation time of the quench after t_w = 0, none of the clamped output, bounds where lags end."""
    ds = derive(result(noise=0.0))
    lines = list(by_layer(ds))
    rows = {line[2:28].strip(): line[28:].split() for line in lines}
    assert "tau of spins, t_w 0" not in rows and any("no tau for t_w 0" in line for line in lines)
    assert len(rows["tau of spins, t_w 10"]) > 10  # "> 1000" is two words
    assert "".join(rows["tau of spins, t_w 1000"]).startswith(">1000>1000>1000")
    assert rows["tau of spins, t_w 10"][-1] == "-"
    planted = ds.assign_attrs(config='{"start": "planted"}')
    assert any("tau of spins, t_w 0" in line for line in by_layer(planted))
    quick = ds.assign(spin_autocorrelation=ds.spin_autocorrelation.where(ds.lag == 0, 0.01))
    assert any("tau of spins, t_w 10" in line and "< 1" in line for line in by_layer(quick))


@pytest.mark.parametrize(("beta", "nearest"), [(1.0, 2.0), (66.7, 50.0), (7.0, 2.0), (np.inf, np.inf)])
def test_the_nearest_beta(beta, nearest):
    known = np.array([2.0, 50.0, np.inf])
    ds = xr.Dataset(coords={"temperature": 1 / known, "beta": ("temperature", known)})
    assert float(at_temperature(ds, None, beta).beta) == nearest


SMALL = RunConfig(gn.Machine(2, 4), RandomTask(3), beta=2, protocol=gn.Protocol(20, (2, 8), samples=2))
DIGITS = RunConfig(gn.Machine(4, 4, 784, 2), DigitsTask(10, test_patterns=10), protocol=SMALL.protocol)


@pytest.mark.parametrize("config", [SMALL, pytest.param(DIGITS, marks=pytest.mark.slow)])
def test_demo_on_a_small_machine(config, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    files = demo(Path("new/folder"), config=config, report=lambda status: os.chdir(tmp_path / "elsewhere"))
    assert {path.parent for path in files.values()} == {tmp_path / "new" / "folder"}
    assert {path.name for path in files.values()} == {"demo.nc", "demo.png", "demo.pdf", "summary.json"}
    assert all(path.stat().st_size > 1000 for path in files.values())
    numbers = json.loads(files["summary"].read_text())
    assert numbers["config_hash"] == config.config_hash
    assert f", depth {config.machine.depth}: " in numbers["caption"]
    assert f"{100 * numbers['at_the_end']['train_error']['mean']:.1f} % of training outputs" in headline(numbers)
    assert f"{100 * numbers['at_the_end']['test_error']['mean']:.1f} % of fresh ones" in numbers["caption"]
    assert set(numbers["by_waiting_time"]) == {"2", "8"}
    last = numbers["by_waiting_time"]["8"]
    assert last["overlap_at_longest_lag"][-1] == "clamped"
    assert set(last["overlap_at_longest_lag"][:-1]) <= {"above 1/e^2", "below 1/e^2"}
    assert len(last["spin_overlap"]["error"]) == config.machine.depth
    assert "t_w = 8" in headline(numbers)


def test_configuration_of_the_demo():
    build = CONFIG.build()
    assert build["machine"].widths == (784, *[20] * 9, 2)
    assert set(build["task"].labels) == {0, 1}


def test_info_without_a_dataset():
    status, out, err = call("info")
    assert (status, err) == (0, "")
    for words in ("glassnet", "jax", "device", "cores"):
        assert words in out


LINES = [
    [],
    ["--beta", "1", "inf", "--seed", "3", "--data", "independent"],
    ["--beta", "1,10", "1,20.5", "--schedule", "linear", "--knots", "0", "100"],
    ["--machine.potential", "hard_core", "--machine.potential.margin", "-0.1", "--machine.ensemble", "ising"],
    ["--task", "hidden_manifold", "--task.dimension", "7", "--machine.connectivity", "4", "--machine.outputs", "2"],
    ["--task", "teacher_student", "--task.noise", "0.1", "--start", "planted"],
    ["--start", "runs/first"],
    ["--task", "hidden_manifold", "--task.beta", "inf", "--machine.potential", "logistic"],
    ["--schedule", "linear", "--beta", "1", "30", "--knots", "0", "100", "--dynamics", "heat_bath"],
    ["--task", "digits", "--task.classes", "3", "5", "--protocol.waiting-times", "4", "--protocol.host-sweeps", "9"],
    ["--machine.potential.power", "1e-07", "--start", "planted", "--weight-step", "0.25"],
]


@pytest.mark.parametrize("options", LINES)
def test_the_command_that_makes_a_run_makes_its_configuration(options):
    config = parsed([*options, "--output", "x"]).run
    name, command, *words = shlex.split(command_line(config))
    assert (name, command) == ("glassnet", "run")
    assert parsed(words).run == config
    assert {"--seed", "--machine.width", "--protocol.sweeps", "--weight-step"} <= set(words)  # defaults, too


@pytest.mark.parametrize("words", [["cold"], ["[[1,10],[1,20]]"], ["1,", "2"]])
def test_words_that_are_no_beta(words):
    shown = re.escape(repr(" ".join(words)))
    with pytest.raises(ValueError, match=f"^Argument `beta` must be numbers, or schedules such as .*, but is {shown}"):
        parsed(["--beta", *words, "--output", "x"])


def test_optional_observables_are_named_by_an_option():
    names = ("spin_autocorrelation_histogram", "spin_overlap_squared_matched")
    config = parsed(["--task", "random", "--observables", *names[::-1], "--output", "x"]).run
    assert config.observables == names
    assert parsed(shlex.split(command_line(config))[2:]).run == config
    with pytest.raises(ValueError, match="^Argument `observables` must be one of 'spin_auto.*, but is 'edge'"):
        parsed(["--observables", "edge", "--output", "x"])


def test_former_names_of_options_work_with_a_warning():
    for words in (["--machine.weights", "ising"], ["--machine.weights=ising"]):
        with pytest.warns(DeprecationWarning, match="`--machine.weights` is now called `--machine.ensemble`"):
            assert parsed([*words, "--output", "x"]).run.machine.ensemble == "ising"


def test_a_teacher_of_its_own_needs_a_file():
    config = RunConfig(gn.Machine(3, 4), TeacherStudentTask(teacher=gn.Machine(2, 4)))
    assert command_line(config) == "glassnet run --config RUN.json --output RUN"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of a run that its time limit stopped at once, and what the command said."""
    path = tmp_path_factory.mktemp("stopped") / "run"
    return path, call("run", *TINY, *SHORT, "--output", path, "--time-limit", "0.01s", "--quiet")


def test_a_run_in_a_folder(stopped, made, tmp_path):
    path, (status, out, err) = stopped
    assert (status, out) == (75, "")
    assert err == f"glassnet: stopped: time limit; `glassnet resume {path}` goes on\n"
    status, out, err = call("info", path)
    assert status == 0 and "stopped" in out.split("state")[1].splitlines()[0] and "reason time limit" in out
    run = shutil.copytree(path, tmp_path / "run")
    status, out, err = call("resume", run)
    assert status == 0 and f"wrote {run}" in out and "sweeps/s" in err
    right = gn.open(made[0])
    for name, x in gn.open(run).variables.items():
        assert x.values.tobytes() == right[name].values.tobytes(), name
    assert call("resume", run)[1] == f"{run} is complete, nothing to do (--sweeps N goes on further)\n"
    status, out, err = call("info", run)
    assert (status, err) == (0, "")
    for words in ("complete", "100.0%", "replica-sweeps/s", "stopped", "reason time limit", "resumed", "made by"):
        assert words in out
    assert call("export", run, tmp_path / "run.nc")[1] == f"wrote {tmp_path / 'run.nc'}\n"
    assert gn.open(tmp_path / "run.nc").identical(gn.open(run))
    assert call("export", run, tmp_path / "run.nc")[0] == 2
    assert call("info", "--config", run)[1] == call("info", "--config", made[0])[1]
    assert call("resume", run, "--sweeps", "30", "--quiet") == (0, "", "")
    assert gn.open(run).lag[-1] == 30
    assert json.loads(gn.open(run).attrs["run_config"])["protocol"]["sweeps"] == 30
    assert call("run", "--config", run / "config.json", "--output", tmp_path / "again", "--quiet")[0] == 0
    assert gn.open(tmp_path / "again").energy.identical(gn.open(run).energy)
    status, _, err = call("run", *TINY, *SHORT, "--output", run)
    assert status == 2 and "must not hold a run already (`glassnet resume` goes on with it)" in err
    assert call("run", *TINY, *SHORT, "--output", run, "--overwrite", "--quiet")[0] == 0
    assert gn.open(run).lag[-1] == 20


BAD_RESUMES = [
    (["--time-limit", "soon"], "Argument `time_limit` must be a duration such as 3h50m, 90s or 1d12h, but is 'soon'."),
    (["--time-limit", "0"], "Argument `time_limit` must be a duration such as 3h50m, 90s or 1d12h, but is '0'."),
    (["--time-limit", "-5m"], "Argument `time_limit` must be a duration such as 3h50m, 90s or 1d12h, but is '-5m'."),
    (["--time-limit", "5m3h"], "Argument `time_limit` must be a duration such as 3h50m, 90s or 1d12h, but is '5m3h'."),
    (
        ["--time-limit", "3h 5m"],
        "Argument `time_limit` must be a duration such as 3h50m, 90s or 1d12h, but is '3h 5m'.",
    ),
    (["--checkpoint-every", "-1"], "Argument `checkpoint_every` must be a number of at least 0, but is -1.0."),
    (["--checkpoint-every", "nan"], "Argument `checkpoint_every` must be a number of at least 0, but is nan."),
    (["--sweeps", "19"], "Argument `sweeps` must be at least the 20 sweeps of the run in the folder, but is 19."),
    (["--sweeps", "many"], "`sweeps` must be as its help says, {None}|INT, but is 'many'."),
    (["--part", "0", "2"], "Argument `folder` must hold a run (a file config.json), but is"),
    (["--part", "0", "2", "--distributed"], "Argument `part` must not be given with --distributed, but is (0, 2)."),
    (["--config", "absent.json"], "Argument `config` must name a JSON file, but is 'absent.json'."),
    (["--beta", "3"], "Argument `--beta` is unknown; glassnet resume has --help, --sweeps,"),
]


@pytest.mark.parametrize(("options", "message"), BAD_RESUMES)
def test_bad_resumes(stopped, options, message):
    before = (stopped[0] / "config.json").read_bytes(), gn_folder.status(stopped[0])
    status, out, err = call("resume", stopped[0], *options)
    assert (status, out) == (2, "")
    assert err.startswith("glassnet: error: ") and err.count("\n") == 1
    assert message in err
    assert before == ((stopped[0] / "config.json").read_bytes(), gn_folder.status(stopped[0]))


def test_a_run_with_another_configuration_is_not_resumed(stopped, tmp_path):
    config = json.loads((stopped[0] / "config.json").read_text())["run"]
    config["seed"], config["machine"]["width"] = 7, 9
    (tmp_path / "other.json").write_text(json.dumps(config))
    status, _, err = call("resume", stopped[0], "--config", tmp_path / "other.json")
    assert status == 2
    assert "must be that of the run" in err and "machine.width: 4, not 9; seed: 0, not 7" in err


def test_folders_that_are_not_runs(tmp_path):
    (tmp_path / "empty").mkdir()
    for arguments in (["resume"], ["export"], ["info"], ["plot"]):
        for name in ("absent", "empty"):
            more = [tmp_path / "out.nc"] if arguments == ["export"] else []
            status, out, err = call(*arguments, tmp_path / name, *more)
            assert (status, out) == (2, "") and name in err and err.count("\n") == 1


@pytest.mark.parametrize(("text", "number"), [
    ("90", 90), ("90s", 90), ("2m", 120), ("3h50m", 13800), ("1d12h", 129600), ("1.5h", 5400), ("1D", 86400),
])  # fmt: skip
def test_durations(text, number):
    assert seconds("time_limit", text) == number


@pytest.mark.parametrize("command", ["run", "resume", "export", "plot", "report", "info", "demo", "bench"])
def test_help_of_commands(command):
    status, out, _ = call(command, "--help")
    assert status == 0
    assert f"usage: glassnet {command}" in out


def test_help_explains_symbols():
    _, out, _ = call("run", "--task", "hidden_manifold", "--machine.potential", "counting", "--help")
    words = " ".join(out.replace("│", " ").split())
    for phrase in (
        "inverse temperature beta",
        "number M of training patterns",
        "dimension D",
        "energy of one violated gap",
    ):
        assert phrase in words


def test_missing_devices_are_told_in_one_line(monkeypatch, tmp_path):
    def refuse():
        raise RuntimeError("Unable to initialize backend 'cuda': no device (set JAX_PLATFORMS='' to choose)")

    monkeypatch.setattr("jax.local_devices", refuse)
    status, out, err = call("run", *TINY, "--output", tmp_path / "run")
    assert (status, out) == (2, "") and err.startswith("glassnet: error: Argument JAX_PLATFORMS must name devices")
    assert err.count("\n") == 1 and list(tmp_path.iterdir()) == []


def test_missing_kernels_are_told(monkeypatch):
    monkeypatch.setattr("glassnet.native.library.missing", lambda: "compiled scan; native kernels were not built")
    tell_slow_sweeps(quiet=True)  # warnings are errors here
    with pytest.warns(RuntimeWarning, match="two to three times as long: compiled scan; native kernels were not built"):
        tell_slow_sweeps(quiet=False)


def test_usage_and_version():
    assert call("--help")[1].startswith("usage: glassnet")
    assert call()[0] == 2
    assert call("--version") == (0, f"glassnet {gn.__version__}\n", "")


def test_as_a_module():
    done = subprocess.run([sys.executable, "-m", "glassnet", "run"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said(done.stderr).startswith("glassnet: error: Missing")
    assert said(done.stderr).count("\n") == 1


def test_kinds_of_tasks_and_potentials():
    def config(*arguments):
        return parsed([*arguments, "--output", "x.nc"]).run

    assert config().task == DigitsTask()
    assert config().machine.inputs == 784
    assert config("--task", "hidden-manifold", "--task.dimension", "3").task == HiddenManifoldTask(dimension=3)
    assert config("--task=random", "--task.test-patterns", "3").task == RandomTask(test_patterns=3)
    for name in ("hard_core", "hard-core", "HardCore"):
        machine = config("--machine.potential", name, "--machine.potential.margin", "0.2").machine
        assert machine.potential == gn.HardCore(0.2)
    assert config("--beta", "1", "inf").beta == (1.0, float("inf"))
    assert config("--beta", "inf").beta == float("inf")
    assert config("--machine.connectivity", "5").machine.connectivity == 5
    steps = config("--schedule", "steps", "--beta", "1", "9", "--knots", "0", "50")
    assert steps.inverse_temperature == gn.Schedule.steps((0, 50), (1, 9))


BAD_OPTIONS = [
    (["--machine.width", "-3"], "Argument `width` must be an integer of at least 1, but is -3."),
    (["--machine.depth", "0"], "Argument `depth` must be an integer of at least 1, but is 0."),
    (["--machine.depth", "deep"], "Argument `machine.depth` must be an integer, but is 'deep'."),
    (["--machine.inputs", "x"], "Argument `machine.inputs` must be as its help says, {None}|INT, but is 'x'."),
    (["--protocol.waiting-times", "1", "x"], "`protocol.waiting-times` must be as its help says, but is '1', 'x'."),
    (["--weight-step", "x"], "Argument `weight-step` must be a number, but is 'x'."),
    (["--machine.connectivity", "5"], "`connectivity` must be at most the width of every feeding layer"),
    (["--machine.ensemble", "binary"], "Argument `ensemble` must be one of 'gaussian', 'spherical', 'ising', but is"),
    (["--machine.potential", "soft"], "Argument `machine.potential` must be one of soft_core, hard_core, counting"),
    (["--machine.potential.power", "0"], "Argument `power` must be a positive finite number, but is 0.0."),
    (["--machine.potential.margin", "nan"], "Argument `margin` must be a finite number, but is nan."),
    (["--task", "words"], "Argument `task` must be one of random, teacher_student, hidden_manifold, digits, but is"),
    (["--task.patterns", "0"], "Argument `patterns` must be an integer of at least 1, but is 0."),
    (["--task.classes", "0", "1"], "Argument `--task.classes` is unknown"),
    (["--betta", "3"], "Argument `--betta` is unknown, the nearest is `--beta`. (see glassnet run --help)"),
    (["--beta", "three", "--machine.dept=3"], "`--machine.dept` is unknown, the nearest is `--machine.depth`."),
    (["--width", "3"], "Argument `--width` is unknown, the nearest is `--machine.width`."),
    (["--beta", "-2"], "Argument `beta` must be a number of at least 0, but is -2.0."),
    (["--beta", "nan"], "Argument `beta` must be a number of at least 0, but is nan."),
    (["--beta", "cold"], "Argument `beta` must be numbers, or schedules such as 1,10 1,20, but is 'cold'."),
    (["--beta", "2", "2"], "Argument `beta` must hold different values"),
    (
        ["--beta", "0", "--machine.potential", "hard_core"],
        "Argument `beta` must be positive for a hard core, but is 0.0.",
    ),
    (["--schedule", "linear"], "Argument `knots` must hold one sweep number for each of the 1 values of beta"),
    (
        ["--dynamics", "newton"],
        "Argument `dynamics` must be one of 'metropolis', 'heat_bath', 'feedforward', the first",
    ),
    (["--start", "planted"], "for task 'random', which has no teacher, but is 'planted'."),
    (["--weight-step", "0"], "Argument `weight_step` must be a positive finite number, but is 0.0."),
    (["--seed", "-1"], "Argument `seed` must be an integer of at least 0, but is -1."),
    (["--protocol.sweeps", "0"], "Argument `sweeps` must be an integer of at least 1, but is 0."),
    (["--protocol.clones", "0"], "Argument `clones` must be an integer of at least 1, but is 0."),
    (["--protocol.waiting-times", "9", "3"], "Argument `waiting_times` must ascend, but is (9, 3)."),
    (["--protocol.host-sweeps", "5", "--protocol.waiting-times", "6"], "`waiting_times` must not exceed the 5 sweeps"),
    (["--config", "absent.json"], "Argument `config` must name a JSON file, but is 'absent.json'."),
    (["--temperature", "1"], "Argument `--temperature` is unknown"),
    (["--time-limit", "1h"], "Argument `time_limit` must be given with a folder as output, which has checkpoints"),
    (["--checkpoint-every", "9"], "Argument `checkpoint_every` must be given with a folder as output"),
]


@pytest.fixture
def uncompiled(monkeypatch):
    """Fail as soon as anything would be simulated."""

    def refuse(*_):
        raise AssertionError("bad arguments reached the simulation")

    monkeypatch.setattr("glassnet.simulator.run", refuse)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS)
def test_bad_options(options, message, tmp_path):
    status, out, err = call("run", *TINY, *options, "--output", tmp_path / "out.nc")
    assert (status, out) == (2, "")
    assert err.startswith("glassnet: error: ")
    assert message in err
    assert err.count("\n") == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--task.patterns", "1000"], "Argument `patterns` must be at most 999 (there are 1000 images"),
        (["--task.patterns", "900", "--task.test-patterns", "200"], "Argument `test_patterns` must be at most 100"),
        (["--task.classes", "0", "12"], "Argument `classes` must hold labels of the data only"),
        (["--task.classes", "0", "1", "2"], "Argument `machine.outputs` must be 3 for 3 classes, but is 2."),
        (["--machine.inputs", "100"], "Argument `machine.inputs` must be 784, the pixels of an image, but is 100."),
        (["--task.images", "no.gz", "--task.labels", "no.gz"], "There is no file no.gz."),
    ],
)
def test_bad_digits(options, message, tmp_path):
    status, _, err = call("run", *options, "--output", tmp_path / "out.nc")
    assert status == 2
    assert message in err


@pytest.mark.usefixtures("uncompiled")
def test_bad_outputs(tmp_path):
    (tmp_path / "there.nc").write_bytes(b"keep me")
    (tmp_path / "folder.nc").mkdir()
    machine = gn.Machine(2, 3)
    run = gn_folder.RunFolder.create(tmp_path / "run", prepared(machine, gn.tasks.random(machine, 4), 1.0)).path
    cases = {
        run / "inner": "Argument `output` must not lie in the folder of another run, but is",
        tmp_path / "out.txt": "Argument `output` must end in .nc or be the name of a folder, but is",
        tmp_path / "absent" / "out": "Argument `output` must lie in an existing folder, but is",
        tmp_path: "Argument `output` must be an empty folder or not exist yet, but is",
        tmp_path / "absent" / "out.nc": "Argument `output` must lie in an existing folder, but is",
        tmp_path / "there.nc" / "out.nc": "Argument `output` must lie in an existing folder, but is",
        tmp_path / "there.nc": "Argument `output` must not exist yet unless --overwrite is given, but is",
        tmp_path / "folder.nc": "Argument `output` must be a file, not a folder, but is",
    }
    for path, message in cases.items():
        status, _, err = call("run", *TINY, "--output", path)
        assert status == 2
        assert f"{message} {str(path)!r}" in err
    assert (tmp_path / "there.nc").read_bytes() == b"keep me"


@pytest.mark.usefixtures("uncompiled")
def test_folder_without_permission(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    status, _, err = call("run", *TINY, "--output", tmp_path / "out.nc")
    assert status == 2
    assert "Argument `output` must lie in a folder that can be written to" in err
    assert "Argument `output_dir` must be a folder that can be written to" in call("demo", "--output-dir", tmp_path)[2]


def test_bad_datasets(tmp_path):
    (tmp_path / "broken.nc").write_bytes(b"no netCDF")
    for command in ("plot", "info"):
        for name in ("absent.nc", "broken.nc"):
            status, out, err = call(command, tmp_path / name)
            assert (status, out) == (2, "")
            assert name in err
            assert err.count("\n") == 1
    assert call("demo", "--output-dir", tmp_path / "broken.nc")[0] == 2
    known = ", ".join(COMMANDS)
    assert call("dance")[2] == f"glassnet: error: Argument `command` must be one of {known}, but is 'dance'.\n"


@pytest.mark.parametrize(
    ("error", "status"), [(FloatingPointError("spins\nare not finite"), 1), (KeyboardInterrupt(), 130)]
)
def test_status_of_failed_runs(error, status, monkeypatch, tmp_path):
    def fail(*_):
        raise error

    monkeypatch.setattr("glassnet.simulator.run", fail)
    code, _, err = call("run", *TINY, "--output", tmp_path / "out.nc", "--quiet")
    assert code == status
    assert err.startswith("glassnet: error: ")
    assert err.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_progress_bar():
    err = io.StringIO()
    with redirect_stderr(err), progress_bar() as report:
        report(Status("hosts", 10, 40, 0.25, 0.5))
        report(Status("clones", 40, 40, 0.125, 0.5))
    last = err.getvalue().replace("\r", "\n").strip().splitlines()[-1]
    for words in ("clones", "100 %", "sweeps/s", "energy 0.125", "acceptance 0.50", "left"):
        assert words in last
    with progress_bar(quiet=True) as report:
        assert report is None
