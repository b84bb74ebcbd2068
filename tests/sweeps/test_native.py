"""The native kernels make the decisions of the compiled scan: same random numbers, rounding apart."""

import dataclasses
import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref

from glassnet.core.schedule import Schedule
from glassnet.native import library
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, HardCore, Logistic, Probit, SoftCore
from glassnet.perceptron.state import feeding_spins, preactivations
from glassnet.perceptron.sweeps import native
from glassnet.perceptron.sweeps.catalogue import build, dynamics_of
from glassnet.perceptron.sweeps.energy import kernel
from glassnet.perceptron.sweeps.spins import spin_sweep
from glassnet.perceptron.sweeps.weights import weight_sweep
from glassnet.sampling.kernel import Drive, Params, advance
from glassnet.sampling.plan import CPU, NATIVE

SWEEPS = 6
RAGGED = {"depth": 4, "width": 7, "inputs": 33, "outputs": 2}
DILUTED = {"depth": 4, "width": 16, "inputs": 20, "outputs": 11, "connectivity": 5}
CASES = {
    "gaussian": (Machine(**RAGGED, ensemble="gaussian"), 37, "metropolis"),
    "spherical": (Machine(**RAGGED, ensemble="spherical"), 300, "heat_bath"),
    "ising": (Machine(**RAGGED, ensemble="ising", potential=Counting(margin=-0.1)), 70, "metropolis"),
    "ising heat bath": (Machine(**RAGGED, ensemble="ising"), 37, "heat_bath"),
    "hard core": (Machine(3, 20, ensemble="gaussian", potential=HardCore(-0.3)), 300, "metropolis"),
    "linear": (Machine(3, 13, ensemble="spherical", potential=SoftCore(1.0, strength=0.7)), 41, "metropolis"),
    "cubic": (Machine(3, 13, ensemble="gaussian", potential=SoftCore(3.0, margin=0.2)), 64, "metropolis"),
    "power 1.5": (Machine(3, 13, ensemble="gaussian", potential=SoftCore(1.5)), 41, "heat_bath"),
    "diluted gaussian": (Machine(**DILUTED, ensemble="gaussian"), 50, "metropolis"),
    "diluted spherical": (Machine(**DILUTED, ensemble="spherical"), 50, "heat_bath"),
    "diluted and full": (Machine(3, 8, inputs=5, connectivity=5, ensemble="ising"), 50, "heat_bath"),
    "probit": (Machine(**RAGGED, ensemble="gaussian", potential=Probit(0.7, margin=0.1)), 70, "heat_bath"),
    "diluted probit": (Machine(**DILUTED, ensemble="spherical", potential=Probit(1.3)), 50, "metropolis"),
    "logistic": (Machine(**RAGGED, ensemble="gaussian", potential=Logistic(0.7, margin=0.1)), 70, "heat_bath"),
    "one layer": (Machine(1, 13, inputs=33, ensemble="gaussian"), 1100, "metropolis"),
    "uniform": (Machine(3, 32, ensemble="gaussian"), 128, "metropolis"),
    "wide": (Machine(2, 104, ensemble="gaussian"), 50, "metropolis"),
    "feedforward": (Machine(**RAGGED, ensemble="gaussian", potential=SoftCore()), 70, "feedforward"),
    "feedforward spherical": (Machine(3, 9, ensemble="spherical", potential=Logistic(0.7)), 300, "feedforward"),
    "feedforward ising": (Machine(3, 8, outputs=3, ensemble="ising", potential=Counting()), 37, "feedforward"),
    "feedforward diluted": (Machine(**DILUTED, ensemble="gaussian", potential=Probit(0.7)), 50, "feedforward"),
    "feedforward diluted spherical": (Machine(**DILUTED, potential=SoftCore(1.0)), 41, "feedforward"),
    "feedforward diluted and full": (Machine(3, 8, inputs=5, connectivity=5, ensemble="ising"), 50, "feedforward"),
    "feedforward, one layer": (Machine(1, 13, inputs=33, ensemble="gaussian"), 300, "feedforward"),
    "feedforward, two layers": (Machine(2, 40, ensemble="gaussian", potential=Counting()), 200, "feedforward"),
    "diluted, half a block": (
        Machine(**DILUTED, ensemble="ising", potential=SoftCore(2.0, margin=0.2)),
        48,
        "metropolis",
    ),
}


@pytest.fixture(autouse=True)
def _kernels():
    if not library.available():
        pytest.skip(library.status())


def problem(machine, patterns):
    boundary = ref.boundary_of(*ref.problem(machine, patterns))
    return boundary, ref.state_at(ref.random_states(machine, boundary, 1, seed=5), 0)


def run(step_kernel, state, boundary, sweeps=SWEEPS, beta=2.0, key=None, refresh=4):
    key = ref.replica_keys(3, 1)[0] if key is None else key
    drive = Drive(Schedule.quench(beta).path(), jnp.int32(0), {"weight_step": jnp.float32(0.3)}, boundary)
    state = step_kernel.init(state, boundary)
    return jax.jit(advance(step_kernel, refresh))(key, state, drive, jnp.int32(0), jnp.int32(sweeps))


OPERANDS = {
    "fields": lambda state: dataclasses.replace(state, fields=(state.fields[0], state.fields[1][..., :-1])),
    "spins": lambda state: dataclasses.replace(state, spins=state.spins[:, 1:]),
    "weights": lambda state: dataclasses.replace(state, weights=(state.weights[0][:, 1:], state.weights[1])),
}


@pytest.mark.parametrize("sweep", [native.weight_sweep, native.spin_sweep, native.feedforward_sweep])
@pytest.mark.parametrize("what", OPERANDS)
def test_operands_of_another_size_are_refused(sweep, what):
    """Before anything is read or written beyond their ends."""
    machine = Machine(2, 6, inputs=3)
    boundary, state = problem(machine, 5)
    params = Params(jnp.float32(0.5), {"weight_step": jnp.float32(0.3)}, boundary)
    with pytest.raises(RuntimeError, match="an operand has .* numbers where the machine has"):
        jax.block_until_ready(sweep(machine)(ref.replica_keys(3, 1)[0], OPERANDS[what](state), params))


@lru_cache
def scanned(case):
    """The case by the compiled scan."""
    machine, patterns, rule = CASES[case]
    boundary, state = problem(machine, patterns)
    return run(build(rule, machine, CPU), state, boundary)


def by_kernels(case):
    machine, patterns, rule = CASES[case]
    boundary, state = problem(machine, patterns)
    return run(build(rule, machine, NATIVE), state, boundary)


def assert_same_path(found, right):
    (new, info), (expected, expected_info) = found, right
    np.testing.assert_array_equal(new.spins, expected.spins)
    for a, b in zip((*new.weights, *new.fields), (*expected.weights, *expected.fields), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    assert info.keys() == expected_info.keys()
    for name, value in info.items():
        np.testing.assert_array_equal(value, expected_info[name])
        assert (np.asarray(value) > 0).all()


SLOW = {
    "spherical", "ising", "linear", "cubic", "power 1.5", "diluted gaussian", "diluted and full", "diluted probit",
    "diluted, half a block", "hard core", "logistic", "one layer", "feedforward spherical", "feedforward ising",
    "feedforward diluted spherical", "feedforward diluted and full", "feedforward, one layer",
    "feedforward, two layers",
}  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.slow if c in SLOW else ()) for c in CASES])
def test_same_decisions_as_the_scan(case):
    assert_same_path(by_kernels(case), scanned(case))


ON_EVERY_SET = ("gaussian", "ising heat bath", "probit", "wide", "feedforward", "feedforward diluted")


@pytest.mark.parametrize(
    "cases", [ON_EVERY_SET, pytest.param(tuple(CASES), marks=pytest.mark.slow)], ids=["few", "all"]
)
@pytest.mark.parametrize("name", ["base", "avx2", "avx512"])
def test_every_instruction_set(name, cases):
    before = library.instruction_set()
    try:
        library.use(name)
    except ValueError:
        pytest.skip(f"this processor has no {name}")
    try:
        for case in cases:
            assert_same_path(by_kernels(case), scanned(case))
    finally:
        library.use(before)


def test_preactivations_stay_exact():
    machine, patterns, rule = CASES["uniform"]
    boundary, state = problem(machine, patterns)
    state, _ = run(build(rule, machine, NATIVE), state, boundary, sweeps=300, refresh=None)
    exact = preactivations(machine, state.weights, feeding_spins(machine, state.spins, boundary))
    for found, right in zip(state.fields, exact, strict=True):
        np.testing.assert_allclose(found, right, atol=5e-5)


@pytest.mark.parametrize("dynamics", ["metropolis", "feedforward"])
def test_replicas_side_by_side(dynamics):
    """Under vmap, and large enough for several threads: as one by one."""
    machine = Machine(3, 48, ensemble="gaussian")
    boundary, _ = problem(machine, 400)
    states = ref.random_states(machine, boundary, 3, seed=2)
    keys = ref.replica_keys(9, 3)
    drive = Drive(Schedule.quench(2.0).path(), jnp.int32(0), {"weight_step": jnp.float32(0.3)}, boundary)
    kernel = build(dynamics, machine, NATIVE)
    states = ref.initialised(kernel, states, boundary)
    loop = advance(kernel, None)
    axes = (0, 0, None, None, None)
    together, info = jax.jit(jax.vmap(loop, axes))(keys, states, drive, jnp.int32(0), jnp.int32(4))
    for n in range(3):
        alone, alone_info = run(kernel, ref.state_at(states, n), boundary, 4, key=keys[n], refresh=None)
        for a, b in zip(jax.tree.leaves(ref.state_at(together, n)), jax.tree.leaves(alone), strict=True):
            np.testing.assert_array_equal(a, b)
        for name in alone_info:
            np.testing.assert_array_equal(info[name][n], alone_info[name])


@pytest.mark.parametrize("step", [30.0, 1e5, 1e9, 3e38])
def test_large_rotations_keep_the_norm(step):
    machine, patterns, _ = CASES["spherical"]
    boundary, state = problem(machine, patterns)
    params = Params(jnp.float32(1e30), {"weight_step": jnp.float32(step)}, boundary)
    moved, info = jax.jit(weight_sweep(machine, NATIVE))(ref.replica_keys(3, 1)[0], state, params)
    offered = dynamics_of("metropolis").moves(machine, patterns)["accepted_weights"]
    assert (np.asarray(info["accepted_weights"]) > 0.3 * offered).all()
    for J in moved.weights:
        np.testing.assert_allclose((J**2).sum(1) / J.shape[1], 1, rtol=1e-5)


def test_numbers_of_another_precision():
    machine, patterns, _ = CASES["gaussian"]
    boundary, state = problem(machine, patterns)
    key, sweep = ref.replica_keys(3, 1)[0], jax.jit(weight_sweep(machine, NATIVE))
    with jax.enable_x64(True):
        wide, _ = sweep(key, state, Params(jnp.float64(0.5), {"weight_step": jnp.float64(0.25)}, boundary))
    right, _ = sweep(key, state, Params(jnp.float32(0.5), {"weight_step": jnp.float32(0.25)}, boundary))
    for a, b in zip(wide.weights, right.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_sources_are_noticed(tmp_path):
    """A library that was built from other sources than those beside it is not used."""
    folder = tmp_path / "native"
    shutil.copytree(Path(library.__file__).parent, folder)
    with open(folder / "src" / "rows.h", "a") as file:
        file.write("// changed\n")
    program = "import pathlib, sys; from glassnet.native import library; library.FOLDER = pathlib.Path(sys.argv[1])"
    said = output_of(f"{program}; print(library.status())", str(folder))
    assert said.startswith("compiled scan")
    assert "other sources" in said


def test_the_start_is_left_alone():
    """Without donation the call copies: what was given stays as it was."""
    machine, patterns, rule = CASES["gaussian"]
    boundary, state = problem(machine, patterns)
    before = jax.tree.map(np.array, state)
    run(build(rule, machine, NATIVE), state, boundary)
    for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(a, b)


THREADS = """
import hashlib, numpy as np, glassnet as gn
machine = gn.Machine(4, 40, ensemble="gaussian")
PROTOCOL = gn.Protocol(sweeps=4, waiting_times=(2,), clones=1, samples=1)
ds = gn.simulate(machine, gn.tasks.random(machine, 300), 2.0, protocol=PROTOCOL, keep_configurations=True)
print(ds.sweeps, hashlib.sha256(ds.configuration_spins.values.tobytes()).hexdigest(), float(ds.energy.sum()))
"""


def output_of(program, *arguments, **environment):
    made = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.strip()


def test_a_run_does_not_depend_on_threads(capsys):
    alone = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    one = output_of(THREADS, XLA_FLAGS=f"{os.environ['XLA_FLAGS']} {alone}")
    exec(THREADS, {})
    several = capsys.readouterr().out.strip()
    assert "native kernels" in one
    assert one == several


def test_kernels_can_be_switched_off():
    said = output_of("from glassnet.native import library; print(library.status())", GLASSNET_NATIVE="0")
    assert said.startswith("compiled scan; native kernels are switched off")


@pytest.mark.parametrize("wish", ["AVX2", "abacus", "off", " "])
def test_a_wish_for_kernels_without_a_meaning_is_refused(monkeypatch, wish):
    """Instead of a run by the slow scan, which has other bits."""
    monkeypatch.setenv("GLASSNET_NATIVE", wish)
    library._load.cache_clear()
    try:
        with pytest.raises(ValueError, match=f"`GLASSNET_NATIVE` must be 0, 1 or one of .*, but is '{wish}'"):
            library.available()
    finally:
        monkeypatch.delenv("GLASSNET_NATIVE")
        library._load.cache_clear()


# Kernels broken on purpose


def warmer(step):
    return lambda key, state, params: step(
        key, state, dataclasses.replace(params, temperature=params.temperature * 1.1)
    )


def stale(step):
    def broken(key, state, params):
        new, info = step(key, state, params)
        return dataclasses.replace(new, fields=state.fields), info

    return broken


def two_rows_alike(step):
    """Weights of the second neuron of a layer follow the first."""

    def broken(key, state, params):
        new, info = step(key, state, params)
        return dataclasses.replace(new, weights=tuple(J.at[:, :, 1].set(J[:, :, 0]) for J in new.weights)), info

    return broken


@pytest.mark.parametrize("breaking", [warmer, stale, two_rows_alike])
@pytest.mark.parametrize("part", ["weights", "spins"])
def test_the_comparison_sees_a_broken_kernel(part, breaking):
    machine, patterns, rule = CASES["uniform"]
    boundary, state = problem(machine, patterns)
    steps = {"weights": native.weight_sweep(machine, rule), "spins": native.spin_sweep(machine, rule)}
    steps[part] = breaking(steps[part])
    with pytest.raises(AssertionError):
        assert_same_path(run(kernel(machine, *steps.values()), state, boundary, refresh=None), scanned("uniform"))


def wrong_neuron(step):
    """Weights are those of the input beside the right one."""

    def broken(key, state, params):
        clamped = dataclasses.replace(params.clamped, inputs=jnp.roll(params.clamped.inputs, 1, axis=0))
        return step(key, state, dataclasses.replace(params, clamped=clamped))

    return broken


@pytest.mark.parametrize("breaking", [warmer, stale, two_rows_alike, wrong_neuron])
def test_the_comparison_sees_a_broken_feedforward_kernel(breaking):
    machine, patterns, rule = CASES["feedforward"]
    boundary, state = problem(machine, patterns)
    whole = build(rule, machine, NATIVE)
    broken = whole._replace(step=breaking(whole.step))
    with pytest.raises(AssertionError):
        assert_same_path(run(broken, state, boundary, refresh=None), scanned("feedforward"))


def test_sweeps_by_plan():
    machine = CASES["gaussian"][0]
    for sweep in (weight_sweep, spin_sweep):
        with pytest.raises(ValueError, match="rule"):
            sweep(machine, NATIVE, "glauber")
    with pytest.raises(ValueError, match="instruction set"):
        library.use("abacus")
