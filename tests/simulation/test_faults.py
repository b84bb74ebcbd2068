"""What goes wrong on real machines: damaged files, a full disk, two processes, numbers that stop being finite."""

import dataclasses
import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
from test_resume import assert_same, stopping_after

import glassnet as gn
from glassnet.cli import main
from glassnet.simulation import phase
from glassnet.store import folder, lock, sealed
from glassnet.store.checkpoints import Checkpoints
from glassnet.store.folder import RunFolder
from glassnet.store.jobs import identity


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """A run that was stopped in the middle with two checkpoints."""
    path = tmp_path_factory.mktemp("left") / "run"
    before, phase.LONGEST_BLOCK = phase.LONGEST_BLOCK, 2
    try:
        with pytest.raises(gn.Stopped):
            tiny.run(folder=path, report=stopping_after(16), checkpoint_every=0)
    finally:
        phase.LONGEST_BLOCK = before
    return path


@pytest.fixture
def run(left, tmp_path):
    """A copy of it."""
    return Path(shutil.copytree(left, tmp_path / "run"))


def checkpoints(path):
    return sorted((path / "checkpoints").iterdir())


def test_every_flipped_bit_is_found(tmp_path):
    path = sealed.write(tmp_path / "x.npz", {"a": np.arange(3.0)}, {"n": 1})
    whole = path.read_bytes()
    sealed.read(path)
    for place in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            with pytest.raises(sealed.DamagedError, match=r"x\.npz"):
                sealed.read(path)


def test_flipped_bits_of_a_checkpoint_are_found(run):
    path = checkpoints(run)[-1]
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 1000):
        changed = bytearray(whole)
        changed[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        with pytest.raises(sealed.DamagedError):
            sealed.read(path)


def test_every_truncation_of_a_checkpoint_is_found(run):
    path = checkpoints(run)[-1]
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(sealed.DamagedError):
            sealed.read(path)
    path.write_bytes(whole + b"x")
    with pytest.raises(sealed.DamagedError):
        sealed.read(path)


@pytest.mark.parametrize("how", ["flipped", "cut", "empty"])
def test_the_checkpoint_before_a_damaged_one_is_used(run, how):
    path = checkpoints(run)[-1]
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 4
    path.write_bytes({"flipped": whole, "cut": whole[:-100], "empty": b""}[how])
    with pytest.warns(RuntimeWarning, match=rf"{path.name}.* It is passed over"):
        assert_same(gn.resume(run), tiny.standard())
    events = folder.log(run)
    assert [event["file"] for event in events if event["event"] == "damaged_checkpoint"] == [path.name]


def test_without_a_whole_checkpoint_nothing_is_begun_anew(run):
    for path in checkpoints(run):
        path.write_bytes(path.read_bytes()[:-1])
    before = [path.read_bytes() for path in checkpoints(run)]
    names = ", ".join(path.name for path in checkpoints(run))
    with (
        pytest.warns(RuntimeWarning),
        pytest.raises(ValueError, match=f"must hold a whole checkpoint, but all are damaged: {names}"),
    ):
        gn.resume(run)
    assert [path.read_bytes() for path in checkpoints(run)] == before


def test_a_run_killed_before_its_first_checkpoint_begins_anew(run):
    shutil.rmtree(run / "checkpoints")
    shutil.rmtree(run / "results.zarr")
    (run / "log.jsonl").write_text((run / "log.jsonl").read_text().splitlines()[0])
    assert_same(gn.resume(run), tiny.standard())


def test_a_run_whose_checkpoints_are_lost_says_so(run):
    shutil.rmtree(run / "checkpoints")
    with pytest.warns(RuntimeWarning, match="No checkpoint is left in .*, though its log knows some: it begins anew"):
        assert_same(gn.resume(run), tiny.standard())


def test_checkpoints_of_another_run_are_refused(run, tmp_path):
    tiny.run(folder=tmp_path / "other", seed=8)
    shutil.copy(checkpoints(tmp_path / "other")[-1], run / "checkpoints" / "00009999.npz")
    with pytest.raises(ValueError, match=r"checkpoints of its own run, but has 00009999\.npz of another"):
        gn.resume(run)


def fewer_patterns(arrays, about):
    arrays["states/fields/1"] = arrays["states/fields/1"][..., :-1]


def other_numbers(arrays, about):
    arrays["states/weights/0"] = arrays["states/weights/0"].astype(np.float64)


def without(name):
    return lambda arrays, about: arrays.pop(name)


def layout(**changes):
    return lambda arrays, about: about["layout"].update(changes)


CRAFTED = {
    "fewer patterns": (fewer_patterns, r"states\.fields\[1\] of shape \(12, 1, 4, 5\) .*, not \(12, 1, 4, 6\)"),
    "other numbers": (other_numbers, r"states\.weights\[0\] .*float64, not .*float32"),
    "nothing accepted": (without("accepted/accepted_spins"), "accepted with other parts"),
    "no spins": (without("states/spins"), "a layout that cannot be read"),
    "no measured row": (without("rows/clones/energy"), "rows of clones without energy"),
    "a row of another shape": (
        lambda arrays, about: arrays.update({"rows/clones/energy": arrays["rows/clones/energy"][:, 1:]}),
        r"rows of clones with energy of shape \(11, 3\)",
    ),
    "a sweep before the start": (layout(sweep=-5), "the sweep -5 of clones"),
    "a sweep behind what is not measured": (layout(sweep=12), "no measurement at"),
    "a sweep that is none": (layout(sweep=2.5), r"the sweep 2\.5 of clones"),
    "other times": (layout(times={"hosts": [0, 1, 3], "clones": []}), r"measurements at \(0, 1, 3\)"),
    "another phase": (layout(phase="warm"), "the phase 'warm'"),
    "fewer snapshots": (layout(snapshots=2), "2 snapshots"),
    "no times": (layout(times=3), "a layout that cannot be read"),
    "no session": (lambda arrays, about: about.pop("made"), "no made"),
}


@pytest.mark.parametrize("case", CRAFTED)
def test_a_checkpoint_that_does_not_fit_the_run_is_refused(left, tmp_path, case):
    """Its seal is whole, but compiled code would read, and write, beyond the ends of its arrays."""
    change, message = CRAFTED[case]
    run, job = RunFolder(left), tiny.job()
    arrays, about = sealed.read(checkpoints(left)[-1])
    change(arrays, about)
    crafted = Checkpoints(tmp_path, identity(run.config))
    sealed.write(tmp_path / "00000005.npz", arrays, about)
    with pytest.raises(ValueError, match=rf"checkpoints of its own run, but 00000005\.npz has {message}"):
        crafted.newest(job, pytest.fail)


def test_what_else_lies_among_checkpoints_is_left_alone(run):
    whole = checkpoints(run)[-1]
    shutil.copy(whole, run / "checkpoints" / "00000003 (copy).npz")
    (run / "checkpoints" / "00000099.npz").mkdir()
    (run / "checkpoints" / "notes.npz").write_text("mine")
    assert_same(gn.resume(run), tiny.standard())
    names = {path.name for path in checkpoints(run)}
    assert {"00000003 (copy).npz", "00000099.npz", "notes.npz", "00000100.npz"} <= names and len(names) == 5


def test_results_that_are_lost_or_damaged_are_written_anew(run):
    shutil.rmtree(run / "results.zarr")
    with pytest.raises(FileNotFoundError, match=r"results\.zarr.*does not exist yet"):
        gn.open(run)
    assert_same(gn.resume(run), tiny.standard())
    chunk = max(
        (p for p in (run / "results.zarr" / "energy").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size
    )
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    with pytest.raises(ValueError, match="hold whole results.* resuming the run mends it"):
        gn.open(run)
    assert_same(gn.resume(run), tiny.standard())
    assert_same(gn.open(run), tiny.standard())


def test_the_command_mends_a_complete_run(run, capsys):
    gn.resume(run)
    shutil.rmtree(run / "results.zarr")
    for words in ("wrote", "is complete, nothing to do"):
        assert main(["resume", str(run)]) == 0
        assert words in capsys.readouterr().out
    assert_same(gn.open(run), tiny.standard())


def test_results_without_attributes_are_not_whole(run):
    (run / "results.zarr" / "zarr.json").write_text('{"attributes": {}, "zarr_format": 3, "node_type": "group"}')
    with pytest.raises(ValueError, match=r"hold whole results.*results\.zarr.*zarr\.json is not what was written"):
        gn.open(run)
    unsealed(run)
    with pytest.raises(ValueError, match=r"hold whole results.*results\.zarr has no whole attribute `config`"):
        gn.open(run)


def unsealed(run):
    """The run as if its process had been killed while it went on: a log without an end, results without a seal."""
    (run / "results.sha256").unlink()
    with (run / "log.jsonl").open("a") as file:
        file.write('{"time": "2026-01-01T00:00:00+00:00", "event": "resumed"}\n')


def test_a_run_that_is_not_over_is_drawn(run):
    with pytest.raises(gn.Stopped):
        gn.resume(run, report=stopping_after(8))
    moved = run.rename(run.with_name("alpha=2.5"))
    assert "final_spin_overlap" not in gn.open(moved)
    assert main(["plot", str(moved), "--quiet"]) == 0
    assert moved.with_name("alpha=2.5.png").stat().st_size > 10_000


def test_after_a_damaged_checkpoint_there_are_two_whole_ones_again(run):
    checkpoints(run)[-1].write_bytes(b"")
    with pytest.warns(RuntimeWarning, match="passed over"), pytest.raises(gn.Stopped):
        gn.resume(run, time_limit=1e-3)
    files = checkpoints(run)
    assert len(files) == 2 and all(sealed.read(file) for file in files)
    files[-1].write_bytes(b"")
    with pytest.warns(RuntimeWarning, match="passed over"):
        assert_same(gn.resume(run), tiny.standard())


def test_what_killed_processes_left_is_removed(run):
    left_over = [run / ".config.json.7.part", run / ".data.npz.7.part", run / "checkpoints" / ".00000009.npz.7.part"]
    left_over.append(run / ".results.sha256.7.part")
    theirs = [run / ".report.html.7.part", run / "notes.part"]
    for file in (*left_over, *theirs):
        file.write_bytes(b"half")
    assert_same(gn.resume(run), tiny.standard())
    assert not any(file.exists() for file in left_over) and all(file.exists() for file in theirs)


def test_data_of_another_run_are_refused(run, tmp_path):
    tiny.run(folder=tmp_path / "other", task=tiny.task(seed=3))
    shutil.copy(tmp_path / "other" / "data.npz", run / "data.npz")
    with pytest.raises(ValueError, match=r"must hold its own data, but .*data\.npz is of another run"):
        gn.resume(run)


@pytest.mark.parametrize(("name", "change", "message"), [
    ("config.json", lambda text: text[:-9], "config.json is damaged"),
    ("config.json", lambda text: text.replace('"seed": 0', '"seed": 1'), "config.json is damaged: its hash does not"),
    ("config.json", lambda text: text.replace('"ladder": false', '"ladder": true'), "its hash does not fit"),
    ("config.json", lambda text: text.replace('"keep_configurations": true', '"keep_configurations": 0'), "its hash"),
    ("config.json", lambda text: '{"a":' * 100_000, "config.json is damaged.*nested too deeply"),
    ("config.json", lambda text: text.replace('"format": 2', '"format": 7'), "must hold a run of format 1 or 2"),
    ("config.json", lambda text: "[]", "config.json is damaged"),
])  # fmt: skip
def test_damaged_configurations_are_refused(run, name, change, message):
    text = (run / name).read_text()
    (run / name).write_text(change(text))
    assert (run / name).read_text() != text
    with pytest.raises(ValueError, match=message):
        gn.resume(run)
    with pytest.raises(ValueError, match=message):
        gn.open(run)


@pytest.mark.parametrize("how", ["cut", "gone"])
def test_damaged_data_are_refused(run, how):
    data = (run / "data.npz").read_bytes()
    (run / "data.npz").unlink()
    if how == "cut":
        (run / "data.npz").write_bytes(data[:-1])
    with pytest.raises(ValueError, match=r"must hold whole data.*data\.npz"):
        gn.resume(run)


def test_a_full_disk_keeps_the_last_checkpoint(run, monkeypatch):
    before = {path.name: path.read_bytes() for path in checkpoints(run)}

    def full(member, head):
        member.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(sealed.np.lib.format, "write_array_header_1_0", full)
        with pytest.raises(OSError, match="No space left"):
            gn.resume(run)
    assert {path.name: path.read_bytes() for path in checkpoints(run)} == before
    assert folder.status(run) == "failed" and "No space left" in folder.log(run)[-1]["reason"]
    assert_same(gn.resume(run), tiny.standard())


LIMITED = """
import resource, signal, sys
sys.path.insert(0, sys.argv[1])
import tiny
import glassnet as gn
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
gn.resume(sys.argv[2])
"""


def test_a_file_that_cannot_grow_keeps_the_last_checkpoint(run):
    """The system itself refuses the bytes, as a full disk or a quota does."""
    before = {path.name: path.read_bytes() for path in checkpoints(run)}
    command = [sys.executable, "-c", LIMITED, str(Path(__file__).parent), str(run), "9000"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and "File too large" in done.stderr
    assert {path.name: path.read_bytes() for path in checkpoints(run)} == before
    assert folder.status(run) == "failed"
    assert_same(gn.resume(run), tiny.standard())


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up the rights of root")
def test_a_folder_that_may_not_be_written(run, tmp_path):
    """As another user, who may read everything and write nothing."""
    for place in (tmp_path, *tmp_path.parents[:3]):
        place.chmod(0o755)
    before = {p: p.stat().st_mtime_ns for p in run.rglob("*")}
    os.seteuid(65534)
    try:
        with pytest.raises(PermissionError):
            gn.resume(run)
        with pytest.raises(PermissionError, match="new"):
            tiny.run(folder=tmp_path / "new")
        assert gn.open(run).attrs["status"] == "stopped"
    finally:
        os.seteuid(0)
    assert {p: p.stat().st_mtime_ns for p in run.rglob("*")} == before


HOLDER = """
import sys, time
from pathlib import Path
from glassnet.store.lock import locked
with locked(Path(sys.argv[1]) / ".lock"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(run):
    """Another process that works on the run."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", HOLDER, str(run)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_two_processes_do_not_work_on_one_run(run, holder):
    assert folder.status(run) == "running"
    with pytest.raises(OSError, match=f"in use by process {holder.pid} on .* since 2"):
        gn.resume(run)
    with pytest.raises(OSError, match="in use by process"):
        folder.remove_run(run)
    holder.kill()
    holder.wait()
    assert folder.status(run) == "stopped"
    assert_same(gn.resume(run), tiny.standard())
    taken = [event for event in folder.log(run) if event["event"] == "took_over_lock"]
    assert [event["pid"] for event in taken] == [holder.pid]
    assert (run / ".lock").read_text() == ""


@pytest.mark.parametrize("how", ["link", "here"])
def test_a_run_is_removed_where_its_folder_cannot_be(run, tmp_path, monkeypatch, how):
    (tmp_path / "link").symlink_to(run, target_is_directory=True)
    (tmp_path / "mine").mkdir()
    (run / "mine").symlink_to(tmp_path / "mine", target_is_directory=True)
    monkeypatch.chdir(run)
    path = {"link": tmp_path / "link", "here": Path()}[how]
    folder.remove_run(path)
    assert [file.name for file in run.iterdir()] == [".lock"]
    assert folder.free_folder(path) == path and (tmp_path / "mine").is_dir()


@pytest.mark.parametrize("text", ["[1]", '"me"', '{"pid": "x", "host": 1}', '{"pid": -1}', "\0", "[" * 10_000])
def test_a_lock_file_that_no_process_wrote_is_no_lock(tmp_path, text):
    (tmp_path / ".lock").write_text(text)
    assert lock.held(tmp_path / ".lock") is None
    with lock.locked(tmp_path / ".lock") as left:
        assert left is None


def test_a_refused_resume_leaves_a_complete_run_as_it_was(tmp_path):
    path = tmp_path / "run"
    tiny.run(folder=path)
    for file in checkpoints(path):
        file.write_bytes(b"damaged")
    before = (path / "config.json").read_bytes()
    with pytest.warns(RuntimeWarning), pytest.raises(ValueError, match="all are damaged"):
        gn.resume(path, sweeps=60)
    assert folder.status(path) == "complete" and (path / "config.json").read_bytes() == before
    assert_same(gn.resume(path), tiny.standard())


def test_the_log_of_a_complete_run_makes_none_complete(run, tmp_path):
    tiny.run(folder=tmp_path / "whole")
    shutil.copy(tmp_path / "whole" / "log.jsonl", run / "log.jsonl")
    assert folder.status(run) == "interrupted" == gn.open(run).attrs["status"]
    assert_same(gn.resume(run), tiny.standard())


@pytest.fixture
def without_locks(monkeypatch):
    """A file system that has no locks."""

    def refuse(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)


@pytest.mark.usefixtures("without_locks")
def test_without_locks_the_name_of_the_process_counts(run, holder):
    assert folder.status(run) == "running"
    with pytest.raises(OSError, match=rf"in use by process {holder.pid} .*; if that has ended, remove .*\.lock"):
        gn.resume(run)
    owner = json.loads((run / ".lock").read_text())
    holder.kill()
    holder.wait()
    (run / ".lock").write_text(json.dumps({**owner, "host": "elsewhere"}))
    with pytest.raises(OSError, match=r"on elsewhere since .*; if that has ended, remove .*\.lock"):
        gn.resume(run)
    (run / ".lock").write_text(json.dumps(owner))
    assert_same(gn.resume(run), tiny.standard())


def poisoned(monkeypatch, sweep):
    """Let one weight of one clone stop being a number at a sweep of the clones."""
    advanced = phase.Phase.advanced

    def poison(self, batch, start, stop):
        batch, accepted = advanced(self, batch, start, stop)
        if self.name == "clones" and start < sweep <= stop:
            chunk = batch.chunks[0]
            J = np.array(chunk.weights[1])
            J[0, 0, 2, 3] = np.nan
            batch.chunks[0] = dataclasses.replace(chunk, weights=(chunk.weights[0], J, *chunk.weights[2:]))
        return batch, accepted

    monkeypatch.setattr(phase.Phase, "advanced", poison)


@pytest.mark.parametrize("sweep", [3, 8], ids=["at a measurement", "between measurements"])
def test_a_run_that_stops_being_finite_keeps_its_last_good_checkpoint(tmp_path, monkeypatch, sweep):
    monkeypatch.setattr(phase, "LONGEST_BLOCK", 1)
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        poisoned(patch, sweep)
        message = (
            f"weights of layer 2 are not finite at sweep {sweep} of clones: sample 0, temperature 0, waiting_time 0"
        )
        with pytest.raises(FloatingPointError, match=message):
            tiny.run(folder=path, checkpoint_every=0)
    assert folder.status(path) == "failed" and folder.log(path)[-1]["reason"].startswith(message)
    ds = gn.open(path)
    assert ds.attrs["status"] == "failed" and message in ds.attrs["reason"]
    moment, _ = RunFolder(path).checkpoints.newest(tiny.job(), lambda *_: pytest.fail("damaged"))
    assert moment.sweep == sweep - 1 and all(np.isfinite(J).all() for J in moment.states.weights)
    assert_same(gn.resume(path), tiny.standard())


DIFFERENCES = [
    ({"seed": 3}, "seed: 0, not 3"),
    ({"beta": 4.0}, r"schedules\.0\.betas: \[5\.0\], not \[4\.0\]"),
    ({"weight_step": 0.2}, r"weight_step: 0\.1, not 0\.2"),
    ({"dynamics": "heat_bath"}, "dynamics: 'metropolis', not 'heat_bath'"),
    ({"start": "planted"}, "start: 'random', not 'planted'"),
    ({"task": tiny.task(seed=3)}, r"data_sha256.*tasks\.0\.seed: 0, not 3"),
    ({"beta": [5.0]}, "beta: 'one value', not 'a list'"),
    ({"keep_configurations": False}, "keep_configurations: True, not False"),
    ({"beta": [5.0, 4.0]}, r"schedules\.1\.betas: None, not \[4\.0\]"),
    ({"protocol": gn.Protocol(sweeps=12, waiting_times=(0, 3, 9), clones=3, samples=2, points_per_decade=4)},
     r"protocol\.clones: 2, not 3"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), DIFFERENCES)
def test_a_run_that_differs_is_refused(left, changes, message):
    with pytest.raises(ValueError, match=f"must hold the same run, but .* has .*{message}"):
        tiny.run(folder=left, **changes)


def test_a_part_is_not_taken_for_the_whole(tmp_path):
    tiny.run(folder=tmp_path / "run", part=(0, 2))
    with pytest.raises(ValueError, match=r"must hold the same run, but .* has part: \[0, 2\], not None"):
        tiny.run(folder=tmp_path / "run.part-0-of-2")


BAD = [
    ({"time_limit": 0}, "`time_limit` must be a positive finite number, but is 0"),
    ({"time_limit": float("nan")}, "`time_limit` must be a positive finite number, but is nan"),
    ({"time_limit": "1h"}, "`time_limit` must be a positive finite number, but is '1h'"),
    ({"checkpoint_every": -1}, "`checkpoint_every` must be a number of at least 0, but is -1"),
    ({"checkpoint_every": float("nan")}, "`checkpoint_every` must be a number of at least 0, but is nan"),
    ({"sweeps": 11}, "`sweeps` must be at least the 12 sweeps of the run in the folder, but is 11"),
    ({"sweeps": 12.5}, r"`sweeps` must be an integer of at least 1, but is 12\.5"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_arguments_of_resume(left, arguments, message):
    before = {p: p.stat().st_mtime_ns for p in left.rglob("*") if p.name not in (".lock",)}
    with pytest.raises(ValueError, match=message):
        gn.resume(left, **arguments)
    assert {p: p.stat().st_mtime_ns for p in left.rglob("*") if p.name not in (".lock",)} == before


def test_folders_that_hold_no_run(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    for name in ("absent", "file", "full"):
        with pytest.raises(FileNotFoundError, match=f"`folder` must hold a run.*{name}"):
            gn.resume(tmp_path / name)
    for name, message in {
        "file": "must be a folder, or a file that ends in .nc",
        "full": "must be an empty folder or not exist yet",
        "no/where": "must lie in an existing folder",
    }.items():
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            tiny.run(folder=tmp_path / name)
    assert (tmp_path / "file").read_text() == (tmp_path / "full" / "thesis.tex").read_text() == "mine"
    with pytest.raises(ValueError, match="`folder` must be given with `time_limit` or `checkpoint_every`"):
        tiny.run(time_limit=5)


def test_a_folder_that_was_never_finished_being_made(tmp_path):
    RunFolder.create(tmp_path / "run", tiny.job())
    (tmp_path / "run" / "config.json").unlink()
    assert folder.status(tmp_path / "run") == "absent"
    assert_same(tiny.run(folder=tmp_path / "run"), tiny.standard())
