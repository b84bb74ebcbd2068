"""Words that cannot be written: no reader, no terminal, a full disk, letters that it lacks. Nothing ends by them."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from test_cli import SHORT, TINY
from tqdm import tqdm

import glassnet as gn
from glassnet.campaign import processes
from glassnet.cli import guarded, main, tell
from glassnet.store.folder import status


class Broken(io.StringIO):
    """A stream whose other end is gone, or full."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def write(self, text):
        raise OSError(self.number, os.strerror(self.number))

    flush = isatty = lambda self: False


STREAMS = {
    "no reader": lambda: Broken(errno.EPIPE),
    "no terminal": lambda: Broken(errno.EIO),
    "full": lambda: Broken(errno.ENOSPC),
    "closed at the start": lambda: None,
    "closed": lambda: closed(),
    "ascii": lambda: io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True),
}


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("case", STREAMS)
def test_a_run_needs_no_one_to_read_its_words(tmp_path, monkeypatch, case):
    monkeypatch.setattr(sys, "stdout", STREAMS[case]())
    monkeypatch.setattr(sys, "stderr", STREAMS[case]())
    path = tmp_path / "glühend"
    assert main(["run", *TINY, *SHORT, "--output", str(path)]) == 0
    assert status(path) == "complete" and gn.open(path).energy.notnull().all()
    assert main(["resume", str(path)]) == 0
    assert main(["resume", str(path), "--sweeps", "1"]) == 2
    if case == "ascii":
        assert rb"wrote " in sys.stdout.buffer.getvalue() and rb"gl\xfchend" in sys.stdout.buffer.getvalue()
    other = Thread(target=taken_and_given_back, args=(tqdm.get_lock(),), daemon=True)
    other.start()
    other.join(20)
    assert not other.is_alive(), "the lock of the progress bar is taken"


def taken_and_given_back(lock):
    with lock:
        pass


@pytest.mark.parametrize(("name", "status"), [("info", 0), ("run", 2), ("sweep", 2)])
def test_a_reader_that_has_seen_enough_is_no_error_of_what_is_printed(capsys, name, status):
    """Of other commands, a broken pipe is one of their work."""

    def broken(name):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    assert guarded(broken, name) == status
    assert ("Broken pipe" in capsys.readouterr().err) == (status != 0)


@pytest.mark.parametrize("error", [MemoryError("Unable to allocate 7 TiB"), RuntimeError("RESOURCE_EXHAUSTED: 7 TiB")])
def test_too_little_memory_is_one_line(capsys, error):
    def greedy(name):
        raise error

    assert guarded(greedy, "run") == 2
    said = capsys.readouterr().err
    assert said.startswith("glassnet: error: not enough memory: ") and said.count("\n") == 1


SPEAKS = """
import os
from glassnet.cli import tell
tell.occupy_standard_streams()
assert os.readlink("/proc/self/fd/2") == os.devnull  # no file that is opened later gets this number
tell.tell("a line")
tell.warn("another")
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_the_end_of_a_process_does_not_stumble_over_what_was_not_written():
    command = ["sh", "-c", f"{sys.executable} -c '{SPEAKS}' > /dev/full 2>&-"]
    assert subprocess.run(command, cwd=Path(__file__).parents[1], timeout=60, check=False).returncode == 0


def test_a_campaign_goes_on_without_a_reader(tmp_path, monkeypatch):
    file = tmp_path / "c.toml"
    run = 'beta = 5.0\nmachine = {depth = 2, width = 4}\ntask = {kind = "random", patterns = 3}'
    file.write_text(f"[run]\n{run}\n[grid]\nseed = [0, 1]\n")
    started = []

    def start(task, place, jobs, deadline):
        started.append(task.name)
        process = subprocess.Popen(["true"])
        return processes.Child(task, place, process)

    monkeypatch.setattr(processes, "start", start)
    monkeypatch.setattr(sys, "stdout", Broken(errno.EPIPE))
    with pytest.raises(SystemExit, match="75"):  # the processes did nothing
        main(["sweep", str(file)])
    assert started == ["seed=0", "seed=1"]
    assert tell.tell("still here") is None
