"""The package as a whole: what an import costs and pulls in, and what is shipped."""

import copy
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.resources import files
from pathlib import Path

import pytest

import glassnet as gn
from glassnet.config import RandomTask, RunConfig
from glassnet.core.former import FormerName
from glassnet.simulator import prepared
from glassnet.store.lock import LockedError
from glassnet.store.sealed import DamagedError

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


def test_info_of_a_run_loads_no_figures_and_no_statistics(tmp_path):
    """What takes long to load, and is needed by other commands alone."""
    run = str(tmp_path / "run")
    protocol = gn.Protocol(sweeps=12, waiting_times=(3,), clones=2, samples=2)
    gn.simulate(MACHINE, gn.tasks.random(MACHINE, 3), 1.0, protocol=protocol, folder=run)
    said = fresh(f"import sys; from glassnet.cli import main; main(['info', {run!r}]); print(*sys.modules)")
    assert "equilibrium:" in said
    assert not {"matplotlib", "arviz_stats", "scipy.stats", "scipy.signal", "scipy.optimize"} & set(said)


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


MACHINE = gn.Machine(2, 4)


def public_values():
    """An instance of every public class, and of every error."""
    task = gn.tasks.teacher_student(MACHINE, 3)
    values = [gn.SoftCore(), gn.HardCore(), gn.Counting(), gn.Probit(2.0), gn.Logistic(), gn.Protocol()]
    values += [
        gn.Schedule.linear(1, 2, 3),
        MACHINE,
        gn.Observable(gn.energy),
        gn.Dynamics(gn.energy, gn.gaps),
        RunConfig(MACHINE, RandomTask()),
    ]
    values += [task, task.teacher, prepared(MACHINE, task, 1.0), prepared(MACHINE, task, 1.0).system]
    values += [gn.theory.replica_symmetric(depth=2, alpha=0.5)]
    errors = LockedError, DamagedError, FormerName, gn.theory.NoConvergenceError, gn.theory.CapacityWarning
    return values + [error("in words") for error in errors] + [gn.Stopped("time limit", Path("run"))]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_public_classes_and_errors_can_be_copied(copied):
    for value in public_values():
        again = copied(value)
        assert type(again) is type(value)
        assert str(again) == str(value) or not isinstance(value, BaseException)
    task = copied(gn.tasks.teacher_student(MACHINE, 3))
    assert task.digest == gn.tasks.teacher_student(MACHINE, 3).digest
    for array in (task.inputs, task.test_outputs, *task.teacher.weights, *task.teacher.spins):
        assert not array.flags.writeable
    assert copied(gn.Stopped("time limit", Path("run"))).folder == Path("run")


def stopped():
    """As a run ends in a worker of a pool."""
    raise gn.Stopped("time limit", Path("run"))


def test_a_stop_comes_back_from_another_process():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        stop = pool.submit(stopped).exception(timeout=60)
    assert isinstance(stop, gn.Stopped) and str(stop) == "time limit"
    assert (stop.code, stop.folder) == (75, Path("run"))
