"""Runs of the command line that are killed, stopped by signals and by their time limit."""

import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from command import said

import glassnet as gn
from glassnet.cli.run import parsed
from glassnet.simulator import simulate
from glassnet.store import folder, sealed

ROOT = Path(__file__).parents[1]
MACHINE = ["--task", "random", "--task.patterns", "6", "--machine.depth", "3", "--machine.width", "4", "--beta", "5"]
PROTOCOL = ["--protocol.sweeps", "24000", "--protocol.waiting-times", "0", "8000", "--protocol.clones", "2"]
RUN = [*MACHINE, *PROTOCOL, "--protocol.samples", "2"]
READS = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "1e9"}
"""A process that is killed leaves half a program in the folder of programs: it only reads there."""


@pytest.fixture
def begin():
    """Start a process of the command line; none outlives its test."""
    processes = []

    def start(*arguments):
        command = [sys.executable, "-m", "glassnet", *map(str, arguments), "--quiet"]
        env = os.environ | READS
        processes.append(subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def finish(process):
    """Exit status, and what glassnet said on stderr."""
    _, err = process.communicate(timeout=300)
    return process.returncode, said(err)


@pytest.fixture(scope="module")
def right():
    """The run that was never disturbed."""
    return simulate(**parsed([*RUN, "--output", "x"]).run.build())


def assert_same(path, right):
    ds = gn.open(path)
    assert ds.attrs["status"] == "complete" and set(ds.variables) == set(right.variables)
    for name in right.variables:
        assert ds[name].values.tobytes() == right[name].values.tobytes(), name


def wait_for(condition, seconds=240.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def checkpoints(path):
    return sorted((path / "checkpoints").glob("*.npz"))


def newest(path):
    """Number of the newest checkpoint, -1 if there is none."""
    files = checkpoints(path)
    return int(files[-1].stem) if files else -1


@pytest.mark.parametrize("cycles", [3, pytest.param(200, marks=pytest.mark.slow)])
def test_kill_at_random_moments(tmp_path, begin, right, cycles):
    """No kill spoils a checkpoint, none loses more than what came after the newest one."""
    path, rng, kept = tmp_path / "run", np.random.default_rng(cycles), []
    process = begin("run", *RUN, "--output", path, "--checkpoint-every", "0")
    wait_for(lambda: folder.holds_run(path))
    for _ in range(cycles):
        before = newest(path)
        if rng.uniform() < 0.7:
            wait_for(lambda: newest(path) > before or process.poll() is not None)  # noqa: B023
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        assert finish(process)[0] in (-signal.SIGKILL, 0)
        kept.append(newest(path))
        process = begin("resume", path, "--checkpoint-every", "0")
    assert finish(process) == (0, "")
    assert_same(path, right)
    events = folder.log(path)
    assert not [event for event in events if event["event"] == "damaged_checkpoint"]
    places = [(e["phase"] == "clones", e["sweep"]) for e in events if e["event"] == "resumed"]
    assert places == sorted(places) and len(set(places)) >= min(cycles, 10) // 3
    assert kept == sorted(kept) and len(set(kept)) >= min(cycles, 10) // 3
    assert len(checkpoints(path)) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_stops_a_run_with_a_checkpoint(tmp_path, begin, right, number):
    path = tmp_path / "run"
    process = begin("run", *RUN, "--output", path, "--checkpoint-every", "0.1")
    wait_for(lambda: checkpoints(path) or process.poll() is not None)
    assert checkpoints(path), finish(process)
    begun = time.monotonic()
    process.send_signal(number)
    status, err = finish(process)
    assert status == 75 and time.monotonic() - begun < 10
    assert err == f"glassnet: stopped: {number.name}; `glassnet resume {path}` goes on\n"
    assert folder.status(path) == "stopped" == gn.open(path).attrs["status"]
    assert finish(begin("resume", path)) == (0, "")
    assert_same(path, right)


LARGE = ["--task", "random", "--task.patterns", "2048", "--machine.depth", "4", "--machine.width", "192"]


def test_a_second_interrupt_leaves_at_once(tmp_path, begin):
    """Also in the midst of a sweep, of which a machine of this size does a few a second."""
    path = tmp_path / "run"
    process = begin("run", *LARGE, "--output", path, "--checkpoint-every", "0")
    wait_for(lambda: newest(path) >= 0)
    process.send_signal(signal.SIGINT)
    time.sleep(0.02)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == -signal.SIGINT and time.monotonic() - begun < 5
    assert folder.status(path) == "interrupted"
    assert newest(path) >= 0 and all(sealed.read(file) for file in checkpoints(path))


def test_the_time_limit(tmp_path, begin):
    path, begun = tmp_path / "run", time.time()
    longer = [*RUN, "--protocol.sweeps", "100000000"]
    process = begin("run", *longer, "--output", path, "--time-limit", "0.1m")
    status, err = finish(process)
    assert status == 75 and "glassnet: stopped: time limit; `glassnet resume" in err
    last = folder.log(path)[-1]
    assert last["event"] == "stopped" and datetime.fromisoformat(last["time"]).timestamp() - begun < 18
    assert checkpoints(path) and folder.status(path) == "stopped"
