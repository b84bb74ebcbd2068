"""Configurations: JSON round trip over all kinds, a hash that does not depend on how it was written, clear errors."""

import json
import math
import os
import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import pytest

import glassnet as gn
from glassnet.campaign.grid import read_grid
from glassnet.config import DigitsTask, HiddenManifoldTask, RandomTask, RunConfig, TeacherStudentTask, read_config
from glassnet.config.command import command_line
from glassnet.config.description import REAL
from glassnet.core.former import FormerName
from glassnet.perceptron.proposal import Proposal
from glassnet.simulator import prepared
from glassnet.store.jobs import configuration_of_run

MACHINE = gn.Machine(2, 4)
TASKS = [
    RandomTask(3, test_patterns=2, seed=5),
    TeacherStudentTask(3),
    TeacherStudentTask(3, teacher=gn.Machine(5, 3, 4, 4, connectivity=2, ensemble="ising", potential=gn.HardCore(0.1))),
    HiddenManifoldTask(3, dimension=2, teacher=gn.Machine(3, 4)),
    TeacherStudentTask(3, noise=0.125),
    HiddenManifoldTask(3, dimension=2, beta=math.inf),
    DigitsTask(20, classes=(3, 8, 1), threshold=0.25),
    DigitsTask(20, images="a.gz", labels="b.gz"),
]
POTENTIALS = [gn.SoftCore(1.5, 2.0, -0.1), gn.HardCore(0.3), gn.Counting(0.5)]
BETAS = [
    {"beta": 3},
    {"beta": math.inf},
    {"beta": (1.0, 2.0, math.inf)},
    {"beta": [1, 5], "schedule": "geometric", "knots": [0, 100]},
    {"beta": [1, math.inf], "schedule": "steps", "knots": [0, 100]},
    {"beta": [0, 5], "schedule": "linear", "knots": [0, 100]},
    {"beta": [[1, 10], [1, 20.5]], "schedule": "linear", "knots": [0, 100]},
    {"beta": [[1, math.inf], [2, 3]], "schedule": "steps", "knots": [0, 100]},
    {"beta": [[1], [2]], "schedule": "steps", "knots": [0]},
]


@pytest.mark.parametrize("potential", POTENTIALS)
@pytest.mark.parametrize("task", TASKS)
def test_json_round_trip(task, potential):
    machine = gn.Machine(3, 6, 5, 4, connectivity=2, ensemble="gaussian", potential=potential, graph_seed=2)
    protocol = gn.Protocol(50, (0, 7), clones=2, samples=3, points_per_decade=4, host_sweeps=20)
    config = RunConfig(machine, task, 2.5, protocol=protocol, dynamics="heat_bath", seed=4, data="independent")
    again = RunConfig.from_json(config.to_json())
    assert again == config
    assert hash(again) == hash(config)
    assert again.config_hash == config.config_hash


@pytest.mark.parametrize("options", BETAS)
def test_temperatures_survive_json(options):
    config = RunConfig(MACHINE, RandomTask(), **options)
    text = config.to_json()
    assert "Infinity" not in text
    assert RunConfig.from_json(text) == config
    assert RunConfig.from_json(text).inverse_temperature == config.inverse_temperature


def test_schedules_as_simulate_takes_them():
    def given(**options):
        return RunConfig(MACHINE, RandomTask(), **options).inverse_temperature

    assert given(beta=2) == 2.0
    assert given(beta=(2, 3)) == [2.0, 3.0]
    assert given(beta=(1, 4), schedule="linear", knots=(0, 9)) == gn.Schedule.linear(1, 4, 9)
    assert given(beta=(1, 4), schedule="geometric", knots=(0, 9)) == gn.Schedule.geometric(1, 4, 9)
    assert given(beta=(1, 4), schedule="steps", knots=(0, 9)) == gn.Schedule.steps((0, 9), (1, 4))
    both = [gn.Schedule.linear(1, 4, 9), gn.Schedule.linear(1, 5, 9)]
    assert given(beta=[[1, 4], [1, 5]], schedule="linear", knots=(0, 9)) == both


def test_job_is_that_of_the_same_arguments():
    """One function builds what runs, whoever asks: a ladder of schedules has a temperature axis."""
    config = RunConfig(MACHINE, RandomTask(3), beta=[[1, 4], [1, 5]], schedule="linear", knots=(0, 9), seed=2)
    job = config.job(part=(1, 2), keep_configurations=True)
    assert job.ladder and [s.final_beta for s in job.schedules] == [4, 5]
    assert (job.share.part, job.share.parts, job.keep_configurations) == (1, 2, True)
    arguments = {"task": RandomTask(3).build(MACHINE), "beta": config.inverse_temperature, "seed": 2}
    assert configuration_of_run(job) == configuration_of_run(prepared(MACHINE, **arguments))
    assert not RunConfig(MACHINE, RandomTask(3), beta=(1, 4), schedule="linear", knots=(0, 9)).job().ladder


def test_hash_is_stable():
    """The hash of a fixed configuration never changes: results of different versions are compared by it."""
    config = RunConfig(MACHINE, RandomTask(3), beta=2.0)
    assert config.config_hash == "57cde30c9b0d22005adc494f39e62c69e6ff3f588ce2ee2cebbb472e0381cd8a"
    hashes = {
        TeacherStudentTask: "a077fb3c1deea48a497f0ba76ad854a4a70cb0b3ce62a013c46bfb3e010b0a1f",
        HiddenManifoldTask: "5e23fa6be8660561d5f18d6cda1cab4ab6a6e393b478b6404469f4e335b95b58",
    }
    for kind, known in hashes.items():
        assert RunConfig(MACHINE, kind(3), beta=2.0).config_hash == known
        assert RunConfig(MACHINE, kind(3, noise=0), beta=2.0).config_hash == known
        assert RunConfig(MACHINE, kind(3, noise=0.1), beta=2.0).config_hash != known
    assert TeacherStudentTask(3, beta=2) == TeacherStudentTask(3, beta=2.0)
    ladder = RunConfig(MACHINE, RandomTask(3), beta=[[1, 10], [1, 20]], schedule="linear", knots=[0, 100])
    assert ladder.config_hash == RunConfig.from_json(ladder.to_json()).config_hash != config.config_hash


def test_what_no_option_says_is_made_from_a_file():
    ladder = RunConfig(MACHINE, RandomTask(3), beta=[[1], [2]], schedule="steps", knots=[0])
    assert command_line(ladder) == "glassnet run --config RUN.json --output RUN"


def test_hash_depends_on_values_alone():
    one = RunConfig(gn.Machine(2, 4, potential=gn.SoftCore(2, 1, 0)), RandomTask(3), beta=2, knots=[])
    two = RunConfig(gn.Machine(2, 4), RandomTask(np.int64(3)), beta=np.float64(2))
    assert one.config_hash == two.config_hash
    keys = json.loads(one.to_json())
    assert RunConfig.from_json(json.dumps(dict(reversed(keys.items())))).config_hash == one.config_hash
    assert RunConfig(MACHINE, RandomTask(3), beta=2.1).config_hash != one.config_hash
    assert RunConfig(MACHINE, RandomTask(3, seed=1), beta=2).config_hash != one.config_hash


def test_former_keys_are_read_with_a_warning():
    values = json.loads(RunConfig(MACHINE, TeacherStudentTask(teacher=MACHINE)).to_json())
    current = RunConfig.from_json(json.dumps(values))
    for machine in (values["machine"], values["task"]["teacher"]):
        machine["weights"] = machine.pop("ensemble")
    with pytest.warns(FormerName) as caught:
        assert RunConfig.from_json(json.dumps(values)) == current
    assert {warning.filename for warning in caught} == {__file__}
    values["machine"]["ensemble"] = "ising"
    words_of_both = "`machine.weights` is now called `machine.ensemble`: give one of the two alone"
    with pytest.warns(FormerName), pytest.raises(ValueError, match=words_of_both):
        RunConfig.from_json(json.dumps(values))
    words = {str(warning.message).partition(";")[0] for warning in caught}
    assert words == {f"`{where}.weights` is now called `{where}.ensemble`" for where in ("machine", "task.teacher")}


def test_optional_observables():
    """Named once, in the order of the table; without them the configuration is as it was before there were any."""
    plain = RunConfig(MACHINE, TeacherStudentTask(3))
    names = ("teacher_overlap_by_neuron", "spin_autocorrelation_histogram")
    config = RunConfig(MACHINE, TeacherStudentTask(3), observables=list(names))
    assert "observables" not in plain.to_dict() and plain.observables == ()
    assert config.observables == names[::-1] and RunConfig.from_json(config.to_json()) == config
    assert config.config_hash == RunConfig(MACHINE, TeacherStudentTask(3), observables=names[::-1]).config_hash
    assert config.config_hash != plain.config_hash
    assert config.job().optional == names[::-1]
    assert "--observables spin_autocorrelation_histogram teacher_overlap_by_neuron --output" in command_line(config)
    assert "--observables" not in command_line(plain)


def test_left_out_keys_take_their_defaults():
    text = '{"machine": {"depth": 2, "width": 4}, "task": {"kind": "random"}}'
    assert RunConfig.from_json(text) == RunConfig(MACHINE, RandomTask())


def test_build_shares_data_or_not():
    protocol = gn.Protocol(10, (0,), samples=3)
    shared = RunConfig(MACHINE, RandomTask(5, seed=7), protocol=protocol).build()
    own = RunConfig(MACHINE, RandomTask(5, seed=7), protocol=protocol, data="independent").build()
    assert isinstance(shared["task"], gn.tasks.Task)
    assert shared["task"].parameters["seed"] == 7
    assert [task.parameters["seed"] for task in own["task"]] == [7 * 2**32 + s for s in range(3)]
    assert len({task.inputs.tobytes() for task in own["task"]}) == 3


@pytest.mark.parametrize("task", [RandomTask, TeacherStudentTask, partial(HiddenManifoldTask, dimension=3)])
def test_independent_seeds_have_disjoint_data(task):
    """Sample s + 1 of one seed was sample s of the next one; with seed 0 samples are what they were."""
    protocol = gn.Protocol(10, (0,), samples=3)
    built = [
        RunConfig(MACHINE, task(patterns=5, seed=seed), protocol=protocol, data="independent").build()["task"]
        for seed in range(3)
    ]
    assert len({(one.inputs.tobytes(), one.outputs.tobytes()) for tasks in built for one in tasks}) == 9
    for sample, one in enumerate(built[0]):
        assert one.digest == task(patterns=5, seed=sample).build(MACHINE).digest


@pytest.mark.parametrize("task", TASKS[:4])
def test_build_every_synthetic_task(task):
    built = task.build(MACHINE)
    assert built.parameters["builder"] == task.kind
    assert built.patterns == 3


def test_build_digits():
    task = DigitsTask(20, classes=(3, 8), threshold=0.25, test_patterns=7).build(gn.Machine(2, 4, 784, 2))
    assert (task.patterns, len(task.test_inputs)) == (20, 7)
    assert set(task.labels) == {3, 8}


def test_own_images(tmp_path):
    images, labels = np.arange(24, dtype=np.uint8).reshape(6, 2, 2) * 10, np.array([0, 1, 0, 1, 0, 1], np.uint8)
    for name, data in (("i", images), ("l", labels)):
        header = bytes([0, 0, 8, data.ndim]) + np.array(data.shape, ">u4").tobytes()
        (tmp_path / name).write_bytes(header + data.tobytes())
    task = DigitsTask(4, images=str(tmp_path / "i"), labels=str(tmp_path / "l")).build(gn.Machine(2, 4, 4, 2))
    assert (task.patterns, len(task.test_inputs)) == (4, 2)


def test_read_config(tmp_path):
    config = RunConfig(MACHINE, RandomTask())
    (tmp_path / "c.json").write_text(config.to_json())
    assert read_config(tmp_path / "c.json") == config
    with pytest.raises(FileNotFoundError, match=r"Argument `config` must name a JSON file, but is '.*absent.json'"):
        read_config(tmp_path / "absent.json")


def run_of(**options):
    return RunConfig(**{"machine": MACHINE, "task": RandomTask(3)} | options)


BAD_VALUES = [
    (lambda: run_of(machine="m"), "`machine` must be a Machine, ThermalMachine, but is 'm'"),
    (lambda: run_of(task=3), "`task` must be a RandomTask, .*, but is 3"),
    (lambda: run_of(protocol=None), "`protocol` must be a Protocol, but is None"),
    (lambda: run_of(beta=-1), "`beta` must be a number of at least 0, but is -1"),
    (lambda: run_of(beta=math.nan), "`beta` must be a number of at least 0, but is nan"),
    (lambda: run_of(beta="cold"), "`beta` must be a number or a list of numbers, but is 'cold'"),
    (lambda: run_of(beta=()), r"`beta` must be a number or a list of numbers, but is \(\)"),
    (lambda: run_of(beta=(1, -2)), "`beta` must be a number of at least 0, but is -2"),
    (lambda: run_of(beta=[[1, 2], [3, 4]]), r"`beta` must be a number or a list of numbers for a quench, but is \(\(1"),
    (lambda: run_of(beta=[[1, 2], 3]), r"`beta` must be a number, .* equally long lists of numbers, but is \[\[1, 2"),
    (lambda: run_of(beta=[[1, 2], [3]]), r"`beta` must be .* equally long lists of numbers, but is \[\[1, 2\], \[3"),
    (lambda: run_of(beta=[[[1, 2]]]), r"`beta` must be .* equally long lists of numbers, but is \[\[\[1, 2"),
    (lambda: run_of(beta=[[1, -2]]), "`beta` must be a number of at least 0, but is -2"),
    (
        lambda: run_of(schedule="linear", knots=(0, 9), beta=[[1, 2], [1, 2]]),
        r"`beta` must hold different schedules, but is \(\(1",
    ),
    (
        lambda: run_of(schedule="linear", knots=(0,), beta=[[1, 2], [1, 3]]),
        r"`knots` must hold one sweep number for each of the 2 values of beta, but is \(0,\)",
    ),
    (lambda: run_of(schedule="slow"), "`schedule` must be one of 'quench', .*, but is 'slow'"),
    (lambda: run_of(knots=(0, 5)), r"`knots` must be empty for a quench, but is \(0, 5\)"),
    (
        lambda: run_of(schedule="steps", beta=(1, 2), knots=(0,)),
        r"`knots` must hold .* 2 values of beta, but is \(0,\)",
    ),
    (lambda: run_of(schedule="steps", beta=(1, 2), knots=(5, 9)), r"`knots` must ascend from 0, but is \(5, 9\)"),
    (lambda: run_of(schedule="linear", beta=(1, math.inf), knots=(0, 9)), r"`betas` must be finite .*inf"),
    (lambda: run_of(schedule="geometric", beta=(0, 1), knots=(0, 9)), r"`betas` must be positive .*\(0.0, 1.0\)"),
    (lambda: run_of(dynamics="newton"), "`dynamics` must be one of 'metropolis', .*, but is 'newton'"),
    (
        lambda: run_of(start="warm"),
        "`start` must be one of 'random', 'planted', or the path of a run, .*, but is 'warm'",
    ),
    (lambda: run_of(data="mine"), "`data` must be one of 'shared', 'independent', but is 'mine'"),
    (lambda: run_of(seed=-1), "`seed` must be an integer of at least 0, but is -1"),
    (lambda: run_of(weight_step=0), "`weight_step` must be a positive finite number, but is 0"),
    (lambda: run_of(observables="edge"), "`observables` must be a list of names, but is 'edge'"),
    (lambda: run_of(observables=("edge",)), "`observables` must be one of 'spin_autocor.*, but is 'edge'"),
    (lambda: run_of(knots=7), "`knots` must be a sequence of integers, but is 7"),
    (lambda: RandomTask(0), "`patterns` must be an integer of at least 1, but is 0"),
    (lambda: RandomTask(test_patterns=0), "`test_patterns` must be an integer of at least 1, but is 0"),
    (lambda: RandomTask(seed=0.5), "`seed` must be an integer of at least 0, but is 0.5"),
    (lambda: TeacherStudentTask(teacher="t"), "`teacher` must be None or a Machine, but is 't'"),
    (lambda: HiddenManifoldTask(dimension=0), "`dimension` must be an integer of at least 1, but is 0"),
    (lambda: DigitsTask(classes=(1,)), r"`classes` must hold at least two different labels, but is \(1,\)"),
    (lambda: DigitsTask(classes=5), "`classes` must be a sequence of integers, but is 5"),
    (lambda: DigitsTask(threshold=1.5), r"`threshold` must lie in \[0, 1\], but is 1.5"),
    (lambda: DigitsTask(images="a"), "`labels` must be given together with `images`, but is None"),
    (lambda: DigitsTask(images=1, labels="b"), "`images` must be the path of an idx file, but is 1"),
]


@pytest.mark.parametrize(("make", "message"), BAD_VALUES)
def test_bad_values(make, message):
    with pytest.raises(ValueError, match=f"^Argument {message}"):
        make()


SOUND = '{"machine": {"depth": 2, "width": 4}, "task": {"kind": "random"}, %s}'
BAD_JSON = [
    ("{", "`config` must be JSON, but has an error: .* line 1"),
    ("[1]", r"`config` must be a JSON object, but is \[1\]"),
    ('{"task": {"kind": "random"}}', "`machine` must be given, but is missing"),
    ('{"machine": {"depth": 2}, "task": {"kind": "random"}}', "`machine.width` must be given, but is missing"),
    ('{"dept": 3}', "`dept` is unknown, the nearest is `machine.depth`; config has machine, task"),
    ('{"machine": {"depht": 3}}', "`machine.depht` is unknown, the nearest is `depth`; machine has depth, width"),
    ('{"task": {"kind": "random", "teacher": {"wdth": 3}}}', "`task.teacher` is unknown"),
    (SOUND % '"temperature": 1', "`temperature` is unknown; config has machine, task"),
    (SOUND % '"protocol": {"sweep": 3}', "`protocol.sweep` is unknown, the nearest is `sweeps`; protocol has sweeps"),
    (SOUND % '"protocol": 3', "`protocol` must be a JSON object, but is 3"),
    (SOUND % '"task": {"kind": "words"}', "`task.kind` must be one of 'random', .*, but is 'words'"),
    (SOUND % '"task": {"patterns": 3}', '`task` must be a JSON object with a key "kind"'),
    (SOUND % '"task": {"kind": "random", "classes": [0]}', "`task.classes` is unknown; task has patterns"),
    (
        SOUND % '"machine": {"depth": 2, "width": 4, "potential": {"kind": "Hard"}}',
        "`machine.potential.kind` must be one",
    ),
    (SOUND % '"machine": {"depth": 0, "width": 4}', "`depth` must be an integer of at least 1, but is 0"),
    (SOUND % '"beta": "cold"', "`beta` must be a number or a list of numbers, but is 'cold'"),
]


@pytest.mark.parametrize(("text", "message"), BAD_JSON)
def test_bad_json(text, message):
    with pytest.raises(ValueError, match=f"^Argument {message}"):
        RunConfig.from_json(text)


def test_real_numbers_are_those_of_all_kinds():
    """Whole numbers in them give the same hash; a field that a machine has, too, is left to its potential."""
    assert {"power", "strength", "margin", "threshold", "weight_step", "time_step", "friction", "rate"} == REAL


@dataclass(frozen=True)
class Own:
    """A potential and an ensemble of a user, as far as a description goes."""

    slope: float = 1.0
    margin: float = 0.0
    name: ClassVar[str] = "own"
    fewest: ClassVar[int] = 1
    integral: ClassVar[bool] = False
    proposal: ClassVar[Proposal] = Proposal(abs, 1, 1)
    rows = draw = on_prior = check = None

    def cost(self, gap):
        return self.slope * jnp.maximum(-gap, 0)

    def energy(self, gap):
        return self.slope * np.maximum(-gap, 0)


def test_values_of_users_come_back_from_json():
    machine = replace(MACHINE, potential=Own(2.0), ensemble=Own())
    config = RunConfig(machine, TeacherStudentTask(teacher=machine))
    assert RunConfig.from_json(config.to_json()) == config
    values = json.loads(config.to_json())
    values["machine"]["potential"]["kind"] = "nowhere:Own"
    with pytest.raises(ValueError, match=r"`machine.potential` must be importable as 'nowhere:Own'"):
        RunConfig.from_json(json.dumps(values))


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
def test_texts_as_editors_write_them(tmp_path, coding):
    config = RunConfig(MACHINE, RandomTask(3))
    (tmp_path / "c.json").write_bytes(config.to_json().encode(coding))
    assert read_config(tmp_path / "c.json") == config
    grid = '[run]\r\nmachine = {depth = 2, width = 4}\r\ntask = {kind = "random"}\r\n[grid]\r\nseed = [0]\r\n'
    (tmp_path / "g.toml").write_bytes(grid.encode(coding))
    assert read_grid(tmp_path / "g.toml").points[0].config.machine == MACHINE


def test_a_configuration_through_a_pipe(tmp_path):
    config = RunConfig(MACHINE, RandomTask(3))
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(config.to_json(),))
    writer.start()
    assert read_config(tmp_path / "pipe") == config
    writer.join()


def test_what_is_no_text_is_named(tmp_path):
    (tmp_path / "c.json").write_bytes(b"\x80\x81")
    with pytest.raises(ValueError, match="`config` must hold JSON, but .*c.json is no text in UTF-8"):
        read_config(tmp_path / "c.json")
