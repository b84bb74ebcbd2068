"""Every file of a folder is input: damaged in any way, the result is the right one, or refused in one line.

A walk over all files of a complete run, of a stopped run and of a campaign: flipped bits, cut off, emptied, removed,
taken from another run.
"""

import shutil
import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tiny
from test_resume import assert_same, stopping_after

import glassnet as gn
from glassnet import sessions
from glassnet.campaign.axes import read_axes
from glassnet.campaign.folder import campaign, write
from glassnet.campaign.grid import Grid
from glassnet.simulation import phase
from glassnet.store import live

REFUSALS = (ValueError, OSError)


@pytest.fixture(scope="module", autouse=True)
def _no_pauses():
    """Nobody is replacing what is read here."""
    before, live.PAUSES = live.PAUSES, ()
    yield
    live.PAUSES = before


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """A complete run, and another one."""
    folder = tmp_path_factory.mktemp("complete")
    for seed in range(2):
        tiny.run(folder=folder / str(seed), seed=seed)
    return folder / "0", folder / "1"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that was stopped in the middle, and another one."""
    folder = tmp_path_factory.mktemp("stopped")
    before, phase.LONGEST_BLOCK = phase.LONGEST_BLOCK, 2
    for seed in range(2):
        with pytest.raises(gn.Stopped):
            tiny.run(folder=folder / str(seed), seed=seed, report=stopping_after(20), checkpoint_every=0)
    phase.LONGEST_BLOCK = before
    return folder / "0", folder / "1"


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """A campaign of two runs that are complete."""
    folder = tmp_path_factory.mktemp("campaign") / "c"
    task, protocol = {"kind": "random", "patterns": 3}, {"sweeps": 20, "waiting_times": [2, 8], "samples": 2}
    base = {"beta": 5.0, "machine": {"depth": 2, "width": 4}, "task": task, "protocol": protocol}
    made = campaign(folder, Grid(base, read_axes({"seed": [0, 1]})))
    write(made)
    for point in made.points:
        run = point.config
        sessions.start(made.run_folder(point), run.job(part=(0, 1)), sessions.Limits(), run=run.to_dict())
    return folder


def files_of(path):
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


def damages(content, other, rng, flips):
    """What may become of the bytes of a file, None for its removal; `other` are those of another run."""
    for _ in range(flips if content else 0):
        changed = bytearray(content)
        changed[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        yield "flipped", bytes(changed)
    if content:
        yield "cut", content[: rng.integers(len(content))]
        yield "empty", b""
    yield "removed", None
    yield "foreign", b'[1]\n{"event": 3}\n\xff\x00'
    if other is not None and other != content:
        yield "of another run", other


@contextmanager
def damaged(file, content, aside):
    """With other bytes in a file, or without it; a new one, since a disk takes its time to cut an old one off."""
    file.rename(aside)
    try:
        if content is not None:
            file.write_bytes(content)
        yield
    finally:
        file.unlink(missing_ok=True)
        aside.rename(file)


def walked(folder, other, check, aside, names=("",), *, every):
    """Damage one file after another, and let `check` look at the folder; how many times that was right, or refused.

    A file is damaged in one way, the next one in the next way; in all ways if `every`.
    """
    rng, found = np.random.default_rng(0), {"right": 0, "refused": 0}
    for n, file in enumerate(sorted({file for name in names for file in files_of(folder / name)})):
        content, twin = file.read_bytes(), other / file.relative_to(folder)
        ways = list(damages(content, twin.read_bytes() if twin.is_file() else None, rng, flips=4 if every else 1))
        for how, changed in ways if every else [ways[n % len(ways)]]:
            with damaged(file, changed, aside):
                found[outcome(partial(check, folder), f"{file.relative_to(folder)} {how}")] += 1
    check(folder)
    return found


def outcome(check, where):
    """Whether a check went through, or refused in one line."""
    try:
        check()
    except REFUSALS as error:
        words = str(error).strip()
    except Exception as error:
        raise AssertionError(f"{where}: {error!r}") from error
    else:
        return "right"
    assert words and "\n" not in words, where
    return "refused"


def same(found, right):
    """All numbers and attributes, but for where the run stands."""
    assert_same(found, right)
    told = ("status", "reason")
    assert {k: v for k, v in found.attrs.items() if k not in told} == {
        k: v for k, v in right.attrs.items() if k not in told
    }
    for name in right.variables:
        assert found[name].attrs == right[name].attrs, name


EVERY = pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])


@EVERY
@pytest.mark.parametrize("kind", ["complete", "stopped"])
def test_a_damaged_run_opens_right_or_not_at_all(request, tmp_path, kind, every):
    folder, other = request.getfixturevalue(kind)
    right = gn.open(folder)
    found = walked(folder, other, lambda path: same(gn.open(path), right), tmp_path / "aside", every=every)
    assert found["refused"] > 4 * found["right"] > 0  # checkpoints, log, data and lock are not read


@pytest.mark.parametrize("kind", ["complete", "stopped"])
def test_folders_of_results_that_are_lost(request, tmp_path, kind):
    folder, other = request.getfixturevalue(kind)
    for part in sorted(path for path in (folder / "results.zarr").iterdir() if path.is_dir()):
        part.rename(tmp_path / "away")
        with pytest.raises(ValueError, match="damaged .*is missing"):
            gn.open(folder)
        (tmp_path / "away").rename(part)
    for name in ("results.zarr", "results.sha256"):
        (folder / name).rename(tmp_path / name)
        (shutil.copytree if (other / name).is_dir() else shutil.copy)(other / name, folder / name)
    with pytest.raises(ValueError, match="is of another run"):
        gn.open(folder)
    for name in ("results.zarr", "results.sha256"):
        shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()
        (tmp_path / name).rename(folder / name)
    gn.open(folder)


READ = {
    "config.json", "data.npz", "log.jsonl", ".lock", "results.sha256", "results.zarr/zarr.json",
    "results.zarr/beta/c", "results.zarr/energy/zarr.json",
}  # fmt: skip
"""Files of every kind but checkpoints and chunks, of which there are many."""


def kinds_of(folder):
    """A file of every kind."""
    *_, last = sorted((folder / "checkpoints").iterdir())
    chunk = next(file for file in files_of(folder / "results.zarr" / "energy") if file.name != "zarr.json")
    return [folder / name for name in sorted(READ)] + [last, chunk]


@EVERY
@pytest.mark.parametrize("kind", ["complete", "stopped"])
def test_a_damaged_run_goes_on_right_or_not_at_all(request, tmp_path, kind, every):
    """By turns again; all kinds of damage to a file of each kind in the long run of the tests."""
    folder, other = request.getfixturevalue(kind)
    rng, refused = np.random.default_rng(1), 0
    kinds = kinds_of(folder)
    for n, file in enumerate(kinds if every else kinds[::2]):
        twin = other / file.relative_to(folder)
        ways = list(damages(file.read_bytes(), twin.read_bytes() if twin.is_file() else None, rng, 1))
        for how, changed in ways if every else [ways[n % len(ways)]]:
            copy = Path(shutil.copytree(folder, tmp_path / f"{n} {how}"))
            with damaged(copy / file.relative_to(folder), changed, tmp_path / "aside"):
                refused += outcome(partial(goes_on, copy), f"{file} {how}") == "refused"
    assert refused < len(kinds)  # most of it is mended


def goes_on(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = gn.resume(path)
    assert_same(ds, tiny.standard())
    assert_same(gn.open(path), tiny.standard())


def held_to(right):
    """A check that a campaign has the right numbers, or none where it says that it cannot be read."""

    def check(folder):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds = gn.open_campaign(folder)
        for seed in (0, 1):
            one, want = ds.sel(seed=seed), right.sel(seed=seed)
            if str(one.status.values) in ("unreadable", "absent"):
                assert "energy" not in ds or one.energy.isnull().all()
                continue
            assert one.status.values in ("complete", "interrupted", "stopped", "failed")
            for name in set(right.data_vars) - {"status", "done"}:
                np.testing.assert_array_equal(one[name], want[name], err_msg=name)
        if (ds.status != "complete").any():
            raise ValueError("told")

    return check


@EVERY
def test_a_damaged_campaign_opens_right_or_says_so(grid, tmp_path, every):
    right = gn.open_campaign(grid)
    assert (right.status == "complete").all()
    other = Path(shutil.copytree(grid, tmp_path / "other"))
    swap(other / "seed=0", other / "seed=1")
    (other / "campaign.json").write_text((grid / "campaign.json").read_text().replace("20", "21"))
    own = ("config.json", "log.jsonl", "results.sha256", "results.zarr/zarr.json", "results.zarr/energy")
    runs = ("configs", *(f"seed=0/{name}" for name in own))  # the rest is walked over above
    check, aside = held_to(right), tmp_path / "aside"
    assert walked(grid, other, check, aside, ("campaign.json",), every=True) == {"right": 0, "refused": 9}
    found = walked(grid, other, check, aside, runs, every=every)
    assert found["refused"] > found["right"] > 0


def swap(a, b):
    """Exchange two folders."""
    between = a.with_name("between")
    a.rename(between)
    b.rename(a)
    between.rename(b)


def test_swapped_runs_of_a_campaign_are_told(grid):
    swap(grid / "seed=0", grid / "seed=1")
    try:
        with pytest.warns(UserWarning, match="is left out: .*must be that of the run in .*: seed: [01], not [01]"):
            ds = gn.open_campaign(grid, variables=["energy"])
    finally:
        swap(grid / "seed=0", grid / "seed=1")
    assert (ds.status == "unreadable").all() and ds.done.isnull().all() and "energy" not in ds
