"""Programs that JAX keeps in a folder: same bits when they are read back, and none that is for another processor."""

import json
import os
import subprocess
import sys

import jax
import pytest

import glassnet as gn
from glassnet.core import compile_cache

JOBS = """
import hashlib, json, sys
import jax
import glassnet as gn

events = []
jax.monitoring.register_event_listener(lambda name, **_: events.append(name.rsplit("/", 1)[-1]))

def bits(machine, dynamics):
    protocol = gn.Protocol(sweeps=6, waiting_times=(2,), clones=2, samples=1, points_per_decade=3)
    task = gn.tasks.random(machine, 37)
    ds = gn.simulate(machine, task, 3.0, dynamics=dynamics, protocol=protocol, keep_configurations=True)
    values = {name: hashlib.sha256(ds[name].values.tobytes()).hexdigest() for name in sorted(ds.variables)}
    return ds.sweeps, values

machines = {
    "metropolis": gn.Machine(2, 19, inputs=33, ensemble="gaussian"),
    "heat_bath": gn.Machine(3, 6, connectivity=3, potential=gn.SoftCore(1.5)),
    "feedforward": gn.Machine(2, 5, outputs=2, ensemble="ising"),
}
found = [bits(machines[name], name) for name in sys.argv[1:]]
print(json.dumps([found, events.count("cache_hits"), events.count("cache_misses")]))
"""


def process(program, *arguments, **environment):
    """What a program prints in a process of its own, where all that is compiled is kept if there is a folder."""
    env = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    env |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", **environment}
    command = [sys.executable, "-c", program, *arguments]
    return json.loads(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)


def written_and_read(folder, *dynamics, native):
    """Bits of the runs in a process that compiles and keeps its programs, and in one that reads them all."""
    kept = {"JAX_COMPILATION_CACHE_DIR": str(folder), "GLASSNET_NATIVE": native}
    written, hits, made = process(JOBS, *dynamics, **kept)
    assert hits < made and len(list(folder.glob("*-cache"))) == made > 10
    read, hits, missed = process(JOBS, *dynamics, **kept)
    assert hits >= made and missed == 0
    return written, read


NATIVE = os.environ.get("GLASSNET_NATIVE", "")


@pytest.mark.parametrize(("dynamics", "native"), [
    ("metropolis", NATIVE),
    pytest.param("heat_bath", "0", marks=pytest.mark.slow),
])  # fmt: skip
def test_programs_read_back_give_the_same_bits(tmp_path, dynamics, native):
    """Those that call native kernels too, which are code of this process and found by their names."""
    written, read = written_and_read(tmp_path, dynamics, native=native)
    assert written == read


@pytest.mark.slow
@pytest.mark.parametrize("native", [NATIVE, "0"], ids=["native", "scan"])
def test_programs_are_compiled_as_without_a_folder(tmp_path, native):
    dynamics = "metropolis", "heat_bath", "feedforward"
    written, read = written_and_read(tmp_path, *dynamics, native=native)
    fresh, hits, _ = process(JOBS, *dynamics, GLASSNET_NATIVE=native)
    assert hits == 0
    assert written == read == fresh


FINGERPRINT = """
import json, jax
from glassnet.core import compile_cache
print(json.dumps(str(compile_cache._fingerprint(jax.local_devices()))))
"""


def test_keys_tell_processors_apart():
    """A processor that is told to do without its newest instructions has another fingerprint."""
    here, again, older = (process(FINGERPRINT, XLA_FLAGS=flags) for flags in ("", "", "--xla_cpu_max_isa=SSE4_2"))
    assert here == again != older
    assert compile_cache.names_processor()


@pytest.fixture
def kept(tmp_path):
    """A folder in which JAX keeps programs, as long as the test runs."""
    former = jax.config.jax_compilation_cache_dir, jax.config.jax_enable_compilation_cache
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    yield tmp_path
    jax.config.update("jax_compilation_cache_dir", former[0])
    jax.config.update("jax_enable_compilation_cache", former[1])
    compile_cache.compilation_cache.reset_cache()


def test_nothing_is_read_where_the_processor_is_not_known(kept, monkeypatch):
    compile_cache.guard()
    assert compile_cache.folder() == str(kept)
    assert compile_cache.status() == f"kept in {kept}, for processors like this one"
    monkeypatch.setattr(compile_cache, "_fingerprint", lambda devices: None)
    assert compile_cache.status() == "not kept: JAX cannot tell for which processor a program was compiled"
    machine = gn.Machine(2, 3)
    protocol = gn.Protocol(sweeps=2, waiting_times=(0,), clones=1, samples=1)
    gn.simulate(machine, gn.tasks.random(machine, 5), 1.0, protocol=protocol)
    assert compile_cache.folder() is None
    assert not list(kept.iterdir())
    assert compile_cache.status().startswith("not kept (jax_enable")


def test_without_a_folder_nothing_is_changed(monkeypatch):
    monkeypatch.setattr(compile_cache, "folder", lambda: None)
    monkeypatch.setattr(compile_cache, "names_processor", pytest.fail)
    compile_cache.guard()
    assert jax.config.jax_enable_compilation_cache
