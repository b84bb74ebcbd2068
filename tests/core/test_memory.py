"""A run that does not fit into memory is refused before anything is made."""

import jax
import numpy as np
import pytest
from command import command

import glassnet as gn
from glassnet.config import RunConfig
from glassnet.config.tasks import RandomTask
from glassnet.core import memory
from glassnet.perceptron.state import state_bytes
from glassnet.simulator import prepared

BASE = ("run", "--task", "random", "--machine.depth", "3", "--quiet")
TOO_LARGE = [
    ("--machine.width", "1000000"),
    ("--task.patterns", "1000000000000"),
    ("--task.patterns", "4", "--machine.width", "4", "--protocol.clones", "1000000000000"),
    ("--task.patterns", "4", "--machine.width", "4", "--protocol.samples", "1000000000000"),
]


@pytest.mark.parametrize("options", TOO_LARGE)
@pytest.mark.parametrize("name", ["run", "run.nc"])
def test_too_large_runs_leave_nothing_behind(options, name, tmp_path):
    status, out, err = command(*BASE, *options, "--output", tmp_path / name)
    assert (status, out) == (2, "")
    assert err.startswith("glassnet: error: The run needs at least ") and err.count("\n") == 1
    assert "B of memory, but" in err and "are free" in err
    assert list(tmp_path.iterdir()) == []


def test_too_large_runs_from_python(tmp_path, monkeypatch):
    machine = gn.Machine(depth=3, width=6)
    task = gn.tasks.random(machine, 4)
    monkeypatch.setattr(memory, "free", lambda: 10**6)
    prepared(machine, task, 1.0)
    with pytest.raises(ValueError, match=r"needs at least 18 GB of memory, but 1 MB are free: fewer neurons"):
        gn.simulate(machine, task, 1.0, protocol=gn.Protocol(clones=10**6), folder=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("machine", [
    gn.Machine(3, 6), gn.Machine(1, 4, 5, 2), gn.Machine(4, 8, inputs=5, outputs=2), gn.Machine(3, 8, connectivity=3),
])  # fmt: skip
def test_bytes_of_a_configuration(machine):
    job = prepared(machine, gn.tasks.random(machine, 7), 1.0)
    found = sum(np.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(job.outline()))
    assert state_bytes(machine, 7) == job.system.replica_bytes(job.tasks) == found


@pytest.mark.parametrize(("changes", "walkers"), [
    ({"beta": 1.0}, 1),
    ({"beta": [1.0, 2.0, 3.0, 4.0, 5.0]}, 5),
    ({"beta": [1.0, 2.0, 3.0, 4.0, 5.0], "exchange": 1}, 6),  # room for six
    ({"beta": 1.0, "exchange": 1, "margins": (-0.4, -0.3, -0.2, -0.1, 0.0)}, 6),
])  # fmt: skip
def test_a_ladder_needs_room_for_its_rungs(changes, walkers, monkeypatch):
    asked = []
    monkeypatch.setattr(memory, "check", lambda states, data: asked.append(states))
    machine, protocol = gn.Machine(3, 6), gn.Protocol(clones=2, samples=3, waiting_times=(0, 5))
    RunConfig(machine=machine, task=RandomTask(patterns=4), protocol=protocol, **changes).build()
    assert asked == [walkers * 3 * 2 * (2 + 1) * state_bytes(machine, 4)]


def test_bytes_in_words():
    assert [memory.in_words(x) for x in (640, 7.3e12, 2.4e10, 1.234e5, 10**30)] == [
        "640 B", "7.3 TB", "24 GB", "123 kB", "1000000000000 EB",
    ]  # fmt: skip


def test_there_is_memory():
    assert memory.free() > 10**6
