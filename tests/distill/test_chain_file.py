"""Chains from files, on the command line, and killed in the middle."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray as xr
from command import command, said

from glassnet.distill.recipe import read_recipe, recipe_from

ROOT = Path(__file__).parents[2]

FILE = """
kind = "assisted"
patterns = 16
beta = 5.0
seeds = 2
test_patterns = 40
weight_step = 0.4

[machine]  # what all machines have
width = 5
outputs = 1
ensemble = "gaussian"

[rule]
depth = 2
[teacher]
depth = 3
[[assistants]]
depth = 2
[student]
depth = 2

[link]
knowledge = "field"
temperature = 2.0
weight = 0.5

[protocol]
sweeps = 20
waiting_times = [0]
clones = 1
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "chain.toml"
    path.write_text(FILE)
    return path


def test_a_file_and_one_command(file, tmp_path):
    folder = tmp_path / "chain"
    status, out, err = command("distill", file, "--output", folder)
    assert (status, err) == (0, "")
    for word in ("teacher->assistant_1", "control", "gain", "fidelity"):
        assert word in out
    recipe = read_recipe(file)
    ds = recipe.chain().run(**recipe.arguments)
    kept = xr.load_dataset(folder / "chain.nc")
    for name in ds.variables:
        assert kept[name].equals(ds[name]), name
    status, _, err = command("distill", file, "--output", folder, "--quiet")
    assert (status, err) == (0, "")
    file.write_text(FILE.replace("temperature = 2.0", "temperature = 1.0"))
    status, _, err = command("distill", file, "--output", folder)
    assert status == 2
    assert "hold this very chain, or none, but differs in chain" in err


def test_the_table_of_methods():
    status, out, _ = command("distill", "--methods")
    assert status == 0
    assert "TAKD" in out


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "assisted"', 'kind = "chained"', "`kind` must be one of 'none', 'direct', 'assisted'"),
        ("seeds = 2", "seed_count = 2", "`seed_count` is unknown"),
        ("weight = 0.5", "wait = 0.5", "`link.wait` is unknown, the nearest is `weight`"),
        ("weight = 0.5", "weight = 2", "`weight` must lie in [0, 1], but is 2"),
        ("[teacher]\ndepth = 3", "", "`teacher` must be given for a chain of kind 'assisted'"),
        ('kind = "assisted"', 'kind = "direct"', "`assistants` must be left out of a chain of kind 'direct'"),
        ("beta = 5.0", 'beta = [1.0, 5.0]\nschedule = "linear"', "`knots` must hold one sweep number"),
        ("patterns = 16", "", "`patterns` must be given"),
        ("depth = 3", "deep = 3", "`teacher.deep` is unknown"),
        ("[rule]", "[rule", "`config` must be TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_line(file, tmp_path, old, new, words):
    file.write_text(FILE.replace(old, new, 1))
    status, _, err = command("distill", file, "--output", tmp_path / "chain")
    assert status == 2
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "chain").exists()


def test_missing_words_on_the_command_line(tmp_path):
    assert "`config` must be given" in command("distill")[2]
    assert "must name a TOML file" in command("distill", tmp_path / "no.toml", "--output", tmp_path / "x")[2]


def test_anneals_and_exchanges():
    values = {"kind": "none", "patterns": 4, "rule": {"depth": 1, "width": 3}, "student": {"depth": 1, "width": 3}}
    anneal = recipe_from({**values, "beta": [1.0, 5.0], "schedule": "geometric", "knots": [0, 10]})
    assert anneal.arguments["beta"].betas == (1.0, 5.0)
    ladder = recipe_from({**values, "beta": [1.0, 5.0], "exchange": 3})
    assert ladder.arguments["beta"] == [1.0, 5.0]
    assert ladder.arguments["exchange"].every == 3


def begun(file, folder):
    """The command in a process of its own, which only reads compiled programs."""
    env = os.environ | {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "1e9"}
    words = [sys.executable, "-m", "glassnet", "distill", str(file), "--output", str(folder), "--quiet"]
    return subprocess.Popen(words, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    "killed", ["01-assistant_1", pytest.param(("00-teacher", "02-student", "03-control"), marks=pytest.mark.slow)]
)
def test_a_kill_in_any_link_changes_no_bit(file, tmp_path, killed):
    file.write_text(FILE.replace("sweeps = 20", "sweeps = 30000"))
    recipe = read_recipe(file)
    right = recipe.chain().run(**recipe.arguments)
    folder = tmp_path / "chain"
    for name in (killed,) if isinstance(killed, str) else killed:
        process, end = begun(file, folder), time.monotonic() + 240
        while not (folder / name / "config.json").exists() and process.poll() is None:
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.02)
        time.sleep(0.3)
        process.kill()
        assert process.wait() in (-signal.SIGKILL, 0)
        process.communicate()
    process = begun(file, folder)
    _, err = process.communicate(timeout=300)
    assert (process.returncode, said(err)) == (0, "")
    kept = xr.load_dataset(folder / "chain.nc")
    for name in right.variables:
        assert kept[name].values.tobytes() == right[name].values.tobytes(), name
