"""The thermal machine from files and the command line: configurations, campaigns, reports, pictures."""

import dataclasses
import json

import matplotlib as mpl
import numpy as np
import pytest
from command import command as call

import glassnet as gn
from glassnet.campaign import read_grid
from glassnet.config import RandomTask, RunConfig
from glassnet.config.command import command_line, default_config
from glassnet.demo import THERMAL, drawn, headline, summary
from glassnet.simulator import in_memory

MACHINE = gn.ThermalMachine(depth=4, width=4, inputs=6, outputs=2)
PROTOCOL = gn.Protocol(sweeps=30, waiting_times=(0, 20), clones=3, samples=2, points_per_decade=3)
CONFIG = RunConfig(MACHINE, RandomTask(12), beta=100.0, protocol=PROTOCOL, langevin=gn.Langevin(0.02, 0.1))
WORDS = {
    "machine": "thermal", "machine.depth": 4, "machine.width": 4, "machine.inputs": 6, "machine.outputs": 2,
    "task": "random", "task.patterns": 12, "beta": 100, "protocol.sweeps": 30, "protocol.clones": 3,
    "protocol.samples": 2, "protocol.points-per-decade": 3, "langevin.time-step": 0.02, "langevin.friction": 0.1,
}  # fmt: skip
OPTIONS = [word for name, value in WORDS.items() for word in (f"--{name}", value)]
OPTIONS += ["--protocol.waiting-times", 0, 20]


def test_configurations_go_through_json():
    again = RunConfig.from_json(CONFIG.to_json())
    assert again == CONFIG and again.config_hash == CONFIG.config_hash and CONFIG.dynamics == "langevin"
    assert CONFIG.to_dict()["machine"] == {"kind": "thermal", "depth": 4, "width": 4, "inputs": 6, "outputs": 2}
    plain = dataclasses.replace(CONFIG, langevin=gn.Langevin())
    assert "langevin" not in plain.to_dict() and RunConfig.from_json(plain.to_json()) == plain
    assert dataclasses.replace(CONFIG, langevin=gn.Langevin(0.02, 0.2)).config_hash != CONFIG.config_hash


def test_perceptrons_keep_their_hashes():
    """The text of a configuration of a perceptron has nothing of thermal machines in it."""
    text = default_config(RandomTask).to_json()
    assert "langevin" not in text and '"kind": "thermal"' not in text


def test_a_file_is_the_same_run_as_the_call():
    task = gn.tasks.random(MACHINE, 12)
    direct = gn.simulate(MACHINE, task, temperature=0.01, protocol=PROTOCOL, dynamics=gn.Langevin(0.02, 0.1))
    found = in_memory(CONFIG.job())
    np.testing.assert_array_equal(found.energy, direct.energy)
    assert found.attrs["config_hash"] == direct.attrs["config_hash"]


def test_a_run_from_the_command_line(tmp_path):
    run = tmp_path / "run"
    assert call("run", *OPTIONS, "--output", run, "--quiet")[0] == 0
    ds = gn.open(run)
    assert ds.attrs["run_config_hash"] == CONFIG.config_hash
    assert RunConfig.from_json(call("info", run, "--config")[1]) == CONFIG
    assert "Langevin BAOAB dynamics of a thermal machine on random data" in call("info", run)[1]
    assert call("plot", run, "--quiet")[0] == 0 and (tmp_path / "run.png").stat().st_size > 5000
    assert call("report", run)[0] == 0
    page = (run / "report.html").read_text()
    for words in ("of a thermal machine", "Kinetic temperature", "Model and dynamics", "fraction 0.1 of a velocity"):
        assert words in page
    assert "Acceptance" not in page
    words = command_line(CONFIG).replace("RUN", str(tmp_path / "again")).split()[1:]
    assert call(*words, "--quiet")[0] == 0
    assert gn.open(tmp_path / "again").energy.equals(ds.energy)


MISTAKES = [
    (["--machine", "quantum"], "`machine` must be one of perceptron, thermal, but is 'quantum'"),
    (
        ["--machine", "thermal", "--machine.potential", "counting"],
        "`machine.potential` must be left out with",
    ),
    (["--machine", "thermal", "--dynamics", "heat_bath"], "must be one of 'langevin', 'descent', but is 'heat_bath'"),
    (["--machine", "thermal", "--weight-step", "0.3"], "`weight_step` must be left out with a thermal machine"),
    (["--machine", "thermal", "--exchange", "1"], "`exchange` must be left out with a thermal machine, but is 1"),
    (["--machine", "thermal", "--langevin.time-step", "-1"], "`time_step` must be a positive finite number, but is -1"),
    (["--langevin.friction", "0.5"], "`langevin` must be left out with a perceptron"),
    (["--machine", "thermal", "--task", "teacher_student"], "`teacher` must be a Machine for a student that is no"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES)
def test_mistakes_are_one_line(tmp_path, words, message):
    status, _, err = call("run", *words, "--output", tmp_path / "run")
    assert status == 2 and message in err


def test_files_are_checked():
    values = CONFIG.to_dict()
    with pytest.raises(ValueError, match=r"`machine.kind` must be one of 'perceptron', 'thermal', but is 'other'"):
        RunConfig.from_json(json.dumps(values | {"machine": {"kind": "other", "depth": 2, "width": 2}}))
    with pytest.raises(ValueError, match=r"`machine.ensemble` is unknown"):
        RunConfig.from_json(json.dumps(values | {"machine": {**values["machine"], "ensemble": "ising"}}))
    with pytest.raises(ValueError, match=r"`langevin.speed` is unknown"):
        RunConfig.from_json(json.dumps(values | {"langevin": {"speed": 1}}))


def test_campaigns_vary_friction_and_load(tmp_path):
    (tmp_path / "c.toml").write_text(
        '[run]\nbeta = 100.0\nmachine = {kind = "thermal", depth = 4, width = 4}\ntask = {kind = "random"}\n'
        '[grid]\nalpha = [2.0, 3.0]\n"langevin.friction" = [0.1, 0.5]\n'
    )
    configs = [point.config for point in read_grid(tmp_path / "c.toml").points]
    assert {type(config.machine) for config in configs} == {gn.ThermalMachine}
    found = [(config.task.patterns, config.langevin.friction) for config in configs]
    assert found == [(8, 0.1), (8, 0.5), (12, 0.1), (12, 0.5)]


def test_the_demonstration_in_small():
    mpl.use("Agg")
    small = gn.Protocol(sweeps=20, waiting_times=(20,), clones=2, samples=2, points_per_decade=3)
    config = dataclasses.replace(THERMAL, machine=MACHINE, task=RandomTask(12), protocol=small)
    ds = in_memory(config.job()).assign_attrs(run_config=config.to_json(), run_config_hash=config.config_hash)
    figure = drawn(ds)
    assert len(figure.axes) >= 5 and figure.axes[1].get_ylabel() == "accuracy (right outputs)"
    assert "test error" in headline(summary(ds))
    with pytest.raises(ValueError, match="must have the variable 'kinetic_temperature'"):
        gn.plot.thermal_overview(ds.drop_vars("kinetic_temperature"))
