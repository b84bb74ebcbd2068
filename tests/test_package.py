"""The package as a whole: what an import costs and pulls in, and what is shipped."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import glassnet as gn

HEAVY = ("matplotlib", "zarr", "xarray", "tyro", "tqdm", "h5netcdf")


def fresh(code):
    """What a new interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.split()


def test_import_pulls_in_nothing_heavy():
    loaded = fresh("import sys, glassnet; print(*sys.modules)")
    assert "glassnet" in loaded
    assert not {name.split(".")[0] for name in loaded} & set(HEAVY)


def test_import_is_quick():
    """Under 2 s of processor time, the best of three."""
    code = "import time; t = time.process_time(); import glassnet; print(time.process_time() - t)"
    assert min(float(fresh(code)[0]) for _ in range(3)) < 2


def test_import_leaves_the_configuration_of_jax_alone():
    code = "import jax; before = dict(jax.config.values); import glassnet; print(before == dict(jax.config.values))"
    assert fresh(code) == ["True"]


def test_help_draws_nothing():
    loaded = fresh("import sys; from glassnet.cli import main; main(['--help']); print(*sys.modules)")
    assert not {name.split(".")[0] for name in loaded} & set(HEAVY)


def test_public_names():
    for name in gn.__all__:
        assert getattr(gn, name) is not None
    assert set(gn.__all__) == set(dir(gn))
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = gn.absent


def test_shipped_files():
    data = files("glassnet.tasks").joinpath("data")
    for name in ("mnist5k.npz", "README.md", "make_mnist5k.py"):
        assert data.joinpath(name).is_file()
    assert files("glassnet").joinpath("py.typed").is_file()
    for name in ("page.html", "style.css"):
        assert files("glassnet.report").joinpath(name).is_file()


def test_every_requirement_has_a_reason():
    source = Path(__file__).parents[1] / "pyproject.toml"
    block = source.read_text().split("dependencies = [")[1].split("\n]")[0]
    for line in filter(None, map(str.strip, block.splitlines())):
        assert "#" in line or line.startswith('"jaxlib'), line
