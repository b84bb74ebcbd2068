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


def seconds(code):
    """Processor time that a new interpreter takes for an import or a call, the better of two."""
    timed = f"import time; t = time.process_time(); {code}; print(time.process_time() - t)"
    return min(float(fresh(timed)[-1]) for _ in range(2))


def test_import_is_quick():
    assert seconds("import glassnet; glassnet.Machine, glassnet.tasks") < 2


def test_help_is_quicker():
    assert seconds("from glassnet.cli import main; main(['--help'])") < 0.5


def test_info_loads_what_it_says_alone():
    loaded = fresh("import sys; from glassnet.cli import main; main(['info']); print('|', *sys.modules)")
    loaded = loaded[loaded.index("|") :]
    assert not {"matplotlib", "xarray", "scipy", "zarr", "jax.experimental.pallas"} & set(loaded)


def test_import_leaves_the_configuration_of_jax_alone():
    code = "import jax; before = dict(jax.config.values); import glassnet; print(before == dict(jax.config.values))"
    assert fresh(code) == ["True"]


def test_help_loads_nothing():
    loaded = fresh("import sys; from glassnet.cli import main; main(['--help']); print(*sys.modules)")
    assert not {name.split(".")[0] for name in loaded} & {*HEAVY, "jax", "numpy", "scipy"}


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
