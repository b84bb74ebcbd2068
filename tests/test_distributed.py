"""Two processes that share a run, and how a process finds its group."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import pytest
from command import said

import glassnet as gn
from glassnet.cli import main

MACHINE = [
    "--task",
    "random",
    "--task.patterns",
    "3",
    "--machine.depth",
    "2",
    "--machine.width",
    "4",
    "--beta",
    "2",
    "5",
]
SHORT = ["--protocol.sweeps", "8", "--protocol.waiting-times", "2", "--protocol.clones", "2", "--protocol.samples", "3"]
RUN = [*MACHINE, *SHORT, "--beta", "2", "5", "--quiet"]

VARIABLES = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def start(process, address, output):
    """One of two processes of a run."""
    group = dict(zip(VARIABLES, (address, "2", str(process)), strict=True))
    command = [sys.executable, "-m", "glassnet", "run", *RUN, "--output", str(output), "--distributed"]
    env = {**os.environ, **group, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(command, env=env, cwd=Path(__file__).parents[1], stderr=subprocess.PIPE, text=True)


def test_two_processes_give_the_bits_of_one(tmp_path):
    both, alone = tmp_path / "both.nc", tmp_path / "alone.nc"
    address = f"localhost:{free_port()}"
    processes = [start(n, address, both) for n in range(2)]
    try:
        errors = [process.communicate(timeout=300)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], errors
    assert {p.name for p in tmp_path.iterdir()} == {"both.part-0-of-2.nc", "both.part-1-of-2.nc"}
    assert main(["run", *RUN, "--output", str(alone)]) == 0
    one, two = gn.open(alone), gn.open(both)
    assert set(one.variables) == set(two.variables)
    for name in one.variables:
        assert one[name].values.tobytes() == two[name].values.tobytes(), name
    assert one.attrs["config_hash"] == two.attrs["config_hash"] and two.attrs["processes"] == 2

    assert main(["join", str(both), "--quiet"]) == 0
    assert gn.open(both).identical(two)
    assert main(["join", str(both)]) == 2


def test_one_part_alone_from_the_command_line(tmp_path, capsys):
    for n in ("0", "1"):
        assert main(["run", *RUN, "--output", str(tmp_path / "run.nc"), "--part", n, "2"]) == 0
    assert gn.open(tmp_path / "run.nc").sizes["sample"] == 3
    assert main(["run", *RUN, "--output", str(tmp_path / "run.nc"), "--part", "0", "2"]) == 2
    assert "not exist yet unless --overwrite" in capsys.readouterr().err
    assert main(["run", *RUN, "--output", str(tmp_path / "run.nc"), "--part", "0", "3"]) == 2
    assert "no other parts beside run.part-0-of-3.nc, but has run.part-0-of-2.nc" in capsys.readouterr().err
    assert main(["run", *RUN, "--output", str(tmp_path / "run.nc"), "--part", "0", "2", "--distributed"]) == 2
    assert "`part` must not be given with --distributed" in capsys.readouterr().err


@pytest.fixture
def asked(monkeypatch):
    """What JAX is asked for, in an environment without a group."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    calls = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda *arguments, **options: calls.append(arguments))
    return calls


def test_arguments_go_before_the_environment_and_this_before_detection(asked, monkeypatch):
    gn.distributed.initialize()
    gn.distributed.initialize("here:1", 4, 3)
    for name, value in zip(VARIABLES, ("there:2", "8", "0"), strict=True):
        monkeypatch.setenv(name, value)
    gn.distributed.initialize()
    gn.distributed.initialize(process=5)
    assert asked == [(None, None, None), ("here:1", 4, 3), ("there:2", 8, 0), ("there:2", 8, 5)]


BAD = [
    ({"processes": 0}, "`processes` must be an integer of at least 1, but is 0"),
    ({"processes": 2, "process": 2}, "`process` must be below the number of processes, 2, but is 2"),
    ({"coordinator": "here"}, "`coordinator` must be an address 'host:port', but is 'here'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_groups_are_refused(asked, arguments, message):
    with pytest.raises(ValueError, match=message):
        gn.distributed.initialize(**arguments)
    assert not asked


def test_numbers_in_the_environment_are_checked(asked, monkeypatch):
    monkeypatch.setenv("JAX_NUM_PROCESSES", "two")
    with pytest.raises(ValueError, match="`JAX_NUM_PROCESSES` must be an integer of at least 1, but is 'two'"):
        gn.distributed.initialize()


def test_a_process_without_a_group_is_told_how_to_find_one():
    """In a new process, since JAX has computed in this one."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_NUM", "JAX_COORD", "SLURM"))}
    command = [sys.executable, "-m", "glassnet", "run", *RUN, "--output", "absent.nc", "--distributed"]
    done = subprocess.run(command, env=env, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "JAX_COORDINATOR_ADDRESS" in done.stderr
    assert said(done.stderr).count("\n") == 1
