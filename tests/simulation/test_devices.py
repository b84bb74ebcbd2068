"""Runs sharded over 1 and 8 (slow: also 2 and 4) devices, or over others after each stop: the same bits.

Nothing is said between devices in a sweep.
"""

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny

SHARDED = """
import itertools, pickle, sys
sys.path.insert(0, sys.argv[1])
import jax, tiny
import glassnet as gn
from glassnet.simulation import parallel, phase, run

devices = jax.local_devices()
assert len(devices) == 8
kinds = {
    "alone": {}, "ladder": {"beta": [1.0, 3.0, 9.0], "exchange": gn.Exchange()},
    "populations": {"beta": gn.Schedule.linear(0, 9.0, 8), "population": gn.Population(6)},
}
job = tiny.job(**kinds[sys.argv[3]])
run.placed = lambda *_: parallel.Placement("cpu", None, each=8)
measured = {}
for count in map(int, sys.argv[4:]):
    jax.local_devices = lambda *_, **__: devices[:count]
    measured[count] = {name: record.values for name, record in run.run(job).items()}
phase.LONGEST_BLOCK, moment, stops = 3, None, 0
for count in itertools.cycle(map(int, sys.argv[4:])):  # on other devices after every stop
    jax.local_devices = lambda *_, **__: devices[:count]
    going = run.Run(job, moment)
    list(itertools.islice(going.blocks(), 4))
    if going.complete:
        break
    moment, stops = going.moment(), stops + 1
assert stops > 4
measured["stopped"] = {name: record.values for name, record in going.records().items()}
pickle.dump(measured, open(sys.argv[2], "wb"))
"""

PAIR = ("sample", "waiting_time", "clone", "clone_b", "lag", "layer")
COLLECTIVE = re.compile(r"all-reduce|all-gather|all-to-all|collective|reduce-scatter|\bsend\(|\brecv\(")


FEW, ALL = (1, 8), (1, 2, 4, 8)


@pytest.fixture(scope="module", params=[FEW, pytest.param(ALL, marks=pytest.mark.slow)], ids=["1-8", "1-2-4-8"])
def sharded(request, tmp_path_factory):
    """Records of a run by number of devices, and the folder of its compiled sweeps."""
    return on_devices("alone", request.param, tmp_path_factory)


def on_devices(kind, counts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    flags = f"--xla_force_host_platform_device_count=8 --xla_dump_to={folder} --xla_dump_hlo_module_re=jit_run"
    env = {**os.environ, "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {flags}", "JAX_PLATFORMS": "cpu"}
    root, out = Path(__file__).parents[2], folder / "records.pickle"
    command = [sys.executable, "-c", SHARDED, str(Path(__file__).parent), str(out), kind, *map(str, counts)]
    subprocess.run(command, check=True, env=env, cwd=root, timeout=300)
    return pickle.loads(out.read_bytes()), folder


def test_any_number_of_devices_measures_the_same_bits(sharded):
    one, *others = sharded[0].values()
    assert others
    for several in others:
        assert set(one) == set(several)
        for name in one:
            assert one[name].tobytes() == several[name].tobytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ladder", "populations"])
def test_many_walkers_on_any_number_of_devices_measure_the_same_bits(kind, tmp_path_factory):
    test_any_number_of_devices_measures_the_same_bits(on_devices(kind, FEW, tmp_path_factory))


def test_devices_give_the_spins_of_chunks(sharded):
    spins, chunks = sharded[0][8]["configuration_spins"][0], tiny.standard()
    np.testing.assert_array_equal(spins, chunks.configuration_spins)
    np.testing.assert_array_equal(sharded[0][8]["spin_overlap"][:, 0], chunks.spin_overlap.transpose(*PAIR))


def test_no_collective_in_a_sweep(sharded):
    texts = [file.read_text() for file in sharded[1].glob("*jit_run*after_optimizations.txt")]
    partitions = {int(n) for text in texts for n in re.findall(r"num_partitions=(\d+)", text)}
    assert partitions == set(sharded[0]) - {1, "stopped"}
    for text in texts:
        assert not COLLECTIVE.search(text)
