"""Runs side by side, with small programs in place of runs: what starts when, what a signal and a failure do."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

import glassnet
from glassnet.campaign import processes
from glassnet.campaign.processes import Assignment, Stop, carry_out, share, stop_on_signals, surroundings
from glassnet.campaign.state import GLASSNET
from glassnet.campaign.state import command as run_command

PROGRAMS = {
    "good": "print('fine')",
    "bad": "import sys; print('glassnet: error: no luck', file=sys.stderr); sys.exit(1)",
    "slow": "import time; time.sleep(0.6)",
    "timed": "import time; print('from', time.time(), flush=True); time.sleep(0.3); print('to', time.time())",
    "waiting": "import glob, sys, time; end = time.time() + 60\n"
    "open(sys.argv[1] + '.here', 'w').close()\n"
    "while len(glob.glob(sys.argv[1][:-1] + '?.here')) < 3: time.sleep(0.01); assert time.time() < end",
    "patient": "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(75)); print('up', flush=True);"
    "time.sleep(60)",
    "deaf": "import os, signal, time; signal.signal(15, signal.SIG_IGN); print('up', os.getpid(), flush=True);"
    "time.sleep(60)",
}


@pytest.fixture
def tasks(tmp_path, monkeypatch):
    """A function that makes runs which are programs, and the time limits that they got."""
    limits = []

    def command(folder, config_file, *, time_limit):
        limits.append(time_limit)
        return [sys.executable, "-c", PROGRAMS[folder.name.split("-")[0]], str(folder)]

    def make(*names):
        return [
            Assignment(f"{name}-{n}", tmp_path / f"{name}-{n}", None, tmp_path / f"{n}.log")
            for n, name in enumerate(names)
        ]

    monkeypatch.setattr(processes, "command", command)
    make.limits = limits
    return make


def carried_out(runs, *, jobs=1, deadline=None, stop=None):
    """Names and exit statuses in the order in which they were reported."""
    reported = []
    outcomes = carry_out(runs, jobs=jobs, deadline=deadline, stop=stop or Stop(), report=reported.append)
    assert reported == outcomes
    return [(o.task.name, o.status) for o in outcomes]


def up(run):
    """Whether the program of a run is ready for signals."""
    return run.log_file.exists() and "\nup" in run.log_file.read_text()


@contextmanager
def signals(*runs, count=1):
    """Send this process SIGINT `count` times, as soon as all `runs` are up."""
    over = threading.Event()

    def send():
        while not (over.is_set() or all(map(up, runs))):
            time.sleep(0.05)
        for _ in range(count):
            if not over.is_set():
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.3)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_failure_leaves_the_others_alone(tasks):
    runs = tasks("good", "bad", "good")
    assert carried_out(runs) == [("good-0", 0), ("bad-1", 1), ("good-2", 0)]
    first, last = runs[1].log_file.read_text().splitlines()
    assert first.startswith("$ ")
    assert last == "glassnet: error: no luck"


def test_so_many_at_a_time(tasks):
    """Three wait for each other; of those that run alone each begins when the one before has ended."""
    assert sorted(carried_out(tasks(*["waiting"] * 3), jobs=3)) == [(f"waiting-{n}", 0) for n in range(3)]
    runs = tasks(*["timed"] * 3)
    carried_out(runs, jobs=1)
    said = [line.split() for run in runs for line in run.log_file.read_text().splitlines()]
    times = [float(words[1]) for words in said if words[0] in ("from", "to")]
    assert len(times) == 6 and times == sorted(times)


def test_cores_are_shared():
    assert [share(range(8), place, 3) for place in range(3)] == [[0, 1], [2, 3, 4], [5, 6, 7]]
    assert [share([4, 7], place, 3) for place in range(3)] == [[4], [7], [4]]


def test_devices_are_shared(monkeypatch):
    def visible(place, jobs):
        return surroundings(place, jobs).get("CUDA_VISIBLE_DEVICES")

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,GPU-5,3")
    assert [visible(place, 2) for place in range(2)] == ["0,1", "GPU-5,3"]
    assert visible(0, 1) == "0,1,GPU-5,3"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert visible(1, 2) == "2"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert visible(1, 2) is None


def test_nothing_starts_after_the_deadline(tasks):
    deadline = time.monotonic() + 0.5
    assert carried_out(tasks("slow", "good"), deadline=deadline) == [("slow-0", 0)]
    assert [0 < limit <= 0.5 for limit in tasks.limits] == [True]
    assert carried_out(tasks("good"), deadline=time.monotonic() - 1) == []


def test_a_signal_asks_all_to_stop_and_starts_no_more(tasks):
    runs = tasks("patient", "patient", "good")
    with stop_on_signals() as stop, signals(*runs[:2]):
        assert sorted(carried_out(runs, jobs=2, stop=stop)) == [("patient-0", 75), ("patient-1", 75)]
    assert stop.signals == 1
    assert not runs[2].log_file.exists()


def test_a_second_signal_leaves_at_once(tasks):
    run = tasks("deaf")[0]
    with stop_on_signals() as stop, signals(run, count=2), pytest.raises(KeyboardInterrupt):
        carried_out([run], stop=stop)
    assert stop.signals == 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(ProcessLookupError):
        os.kill(int(run.log_file.read_text().split()[-1]), 0)


def test_what_lies_where_the_user_is_is_not_imported(tmp_path, monkeypatch):
    """Runs are processes in the folder of the user, who may have a random.py there, or even a glassnet.py."""
    for name in ("random.py", "glassnet.py", "jax.py"):
        (tmp_path / name).write_text("raise SystemExit('not the right one')")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    command = run_command(tmp_path / "run", tmp_path / "c.json", time_limit=None)
    assert command[: len(GLASSNET)] == list(GLASSNET)
    done = subprocess.run(
        [*GLASSNET, "--version"], cwd=tmp_path, env=surroundings(0, 1), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"glassnet {glassnet.__version__}\n"), done.stderr
