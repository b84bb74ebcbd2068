"""Same bits however a run is cut, whatever runs beside a replica; small rounding; one compilation; accelerators."""

import jax
import jax.numpy as jnp
import lowering
import numpy as np
import pytest
import reference as ref

from glassnet.core import keys
from glassnet.core.schedule import Schedule
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import SoftCore
from glassnet.perceptron.state import feeding_spins, preactivations, random_state
from glassnet.perceptron.sweeps import column_scan
from glassnet.perceptron.sweeps.catalogue import build, dynamics_of
from glassnet.sampling.kernel import Drive, advance
from glassnet.sampling.plan import ACCELERATOR, CPU, plan_for

MACHINE = Machine(3, 5, outputs=3, potential=SoftCore())
RAGGED = Machine(3, 5, inputs=7, outputs=3, potential=SoftCore())
REPLICAS = 4
PATTERNS = 6


def drive_of(schedule, boundary, origin=0, step=0.4):
    return Drive(schedule.path(), jnp.int32(origin), {"weight_step": jnp.float32(step)}, boundary)


def assert_same(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


class Runner:
    """A compiled batch of replicas with temperature and key of their own."""

    def __init__(self, machine, dynamics, plan, refresh=4):
        self.boundary = ref.boundary_of(*ref.problem(machine, PATTERNS))
        self.kernel = build(dynamics, machine, plan)
        axes = (0, 0, Drive(0, None, None, None), None, None)
        self.batch = jax.jit(jax.vmap(advance(self.kernel, refresh), in_axes=axes))
        self.keys = ref.replica_keys(3, REPLICAS)
        self.start = ref.initialised(self.kernel, ref.random_states(machine, self.boundary, REPLICAS), self.boundary)

    def __call__(self, state, start, stop, betas=(0.5, 1.5, 3.0, 9.0), order=None):
        order = np.arange(REPLICAS) if order is None else np.asarray(order)
        paths = [Schedule.quench(betas[n]).path() for n in order]
        drive = drive_of(Schedule.quench(1.0), self.boundary)
        drive = Drive(jax.tree.map(lambda *x: jnp.stack(x), *paths), drive.origin, drive.numbers, self.boundary)
        batch = jax.tree.map(lambda x: x[order], state)
        return self.batch(self.keys[order], batch, drive, jnp.int32(start), jnp.int32(stop))


@pytest.fixture(scope="module", params=["metropolis", "heat_bath", "feedforward"])
def runner(request):
    machine = Machine(2, 5, outputs=2, connectivity=3) if request.param == "feedforward" else MACHINE
    return Runner(machine, request.param, CPU)


def test_a_run_may_be_cut_anywhere(runner):
    whole, info = runner(runner.start, 0, 20)
    first, first_info = runner(runner.start, 0, 7)
    second, second_info = runner(first, 7, 20)
    assert_same(whole, second)
    for name, value in info.items():
        np.testing.assert_array_equal(value, first_info[name] + second_info[name])
    assert not np.array_equal(whole.weights[0], first.weights[0])


def test_a_replica_does_not_see_its_neighbours(runner):
    all_of_them, _ = runner(runner.start, 0, 12)
    turned, _ = runner(runner.start, 0, 12, order=[2, 0, 3, 1])
    assert_same(all_of_them, jax.tree.map(lambda x: x[np.argsort([2, 0, 3, 1])], turned))
    beside_copies, _ = runner(runner.start, 0, 12, order=[1, 1, 1, 1])
    for n in range(REPLICAS):
        assert_same(ref.state_at(beside_copies, n), ref.state_at(all_of_them, 1))
    assert not np.array_equal(all_of_them.weights[0][0], all_of_them.weights[0][1])


def test_one_compilation(runner):
    runner(runner.start, 0, 3)
    size = runner.batch._cache_size()
    runner.keys, kept = ref.replica_keys(77, REPLICAS), runner.keys
    runner(runner.start, 5, 9, betas=(0.0, 2.0, 50.0, np.inf))
    runner.keys = kept
    assert runner.batch._cache_size() == size == 1


@pytest.mark.slow  # each plan is replayed by itself, see test_replay
def test_plans_give_the_same_spins():
    ends = []
    for plan in (CPU, ACCELERATOR):
        one = Runner(Machine(2, 5), "metropolis", plan, refresh=None)
        ends.append(one(one.start, 0, 10)[0])
    np.testing.assert_array_equal(ends[0].spins, ends[1].spins)
    for a, b in zip(ends[0].weights, ends[1].weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("width", [pytest.param(6, marks=pytest.mark.slow), 11])
def test_sums_may_be_cut_anywhere(monkeypatch, width):
    machine = Machine(2, width, potential=SoftCore(margin=0.1))
    right, _ = advanced(machine, CPU)
    monkeypatch.setattr(column_scan, "WIDEST", 4)
    monkeypatch.setattr(column_scan, "STRIPS", 2)
    assert column_scan._padded(CPU, "columns", width) == width + width % 2
    np.testing.assert_array_equal(advanced(machine, CPU)[0].spins, right.spins)


def advanced(machine, plan):
    runner = Runner(machine, "metropolis", plan, refresh=None)
    return runner(runner.start, 0, 10)


@pytest.mark.parametrize(("neurons", "strips", "padded"), [(16, 8, 16), (20, 10, 20), (100, 10, 100), (37, 37, 40)])
def test_strips_leave_no_rest(neurons, strips, padded):
    assert column_scan._strips(neurons) == strips
    assert column_scan._padded(CPU, "columns", neurons) == padded
    assert column_scan._padded(CPU, "rows", neurons) == column_scan._padded(ACCELERATOR, "columns", neurons) == neurons


@pytest.mark.parametrize("size", [7, 4095, 4096, 4099, 5000, 60_000])
def test_long_rows_are_summed_whole(size):
    x = np.random.default_rng(size).normal(size=(3, size)).astype(np.float32)
    sums = column_scan._sums(CPU, "rows", x.shape)

    def total(x):
        return sums(lambda patterns=column_scan.ALL: x[:, patterns] ** 2)

    np.testing.assert_allclose(jax.jit(total)(x), (x.astype(float) ** 2).sum(1), rtol=1e-5)


@pytest.mark.parametrize("machine", [
    pytest.param(Machine(3, 8, inputs=11, outputs=5, ensemble="gaussian"), marks=pytest.mark.slow),
    Machine(2, 6, connectivity=3),
])  # fmt: skip
def test_cached_preactivations_stay_exact_for_ten_thousand_sweeps(machine):
    boundary = ref.boundary_of(*ref.problem(machine, 6))
    state = ref.state_at(ref.random_states(machine, boundary, 1, seed=4), 0)
    run = ref.optimized(advance(build("metropolis", machine, CPU), refresh=None))
    drive = drive_of(Schedule.quench(3.0), boundary)
    state, info = run(keys.root(5), state, drive, jnp.int32(0), jnp.int32(10_000))
    offered = dynamics_of("metropolis").moves(machine, 6)
    for name, count in info.items():
        assert (count > 500 * offered[name][: len(count)]).all()
    J, S = ref.matrices(machine, state), ref.all_layers(state, boundary)
    worst = 0.0
    for g, stack in enumerate(machine.stacks):
        for place, l in enumerate(stack.layers):
            field = J[l - 1] @ S[l - 1].T / np.sqrt(machine.connections[l - 1])
            worst = max(worst, np.abs(np.asarray(state.fields[g])[place] - field).max())
    assert worst < 1e-4


# jaxlib 0.10.2 and 0.11.0 gave wrong sums at odd sizes on CPU


@pytest.mark.parametrize("batched", [False, True])
def test_compiled_sums_equal_numpy_at_all_small_sizes(batched):
    rng = np.random.default_rng(1)
    function = jax.jit(lambda W, x: jnp.sum((W @ x) ** 2))
    function = jax.jit(jax.vmap(function)) if batched else function
    for n in range(1, 34) if not batched else range(1, 34, 2):
        shape = (3,) if batched else ()
        W, x = rng.standard_normal((*shape, n, n)).astype("f4"), rng.standard_normal((*shape, n)).astype("f4")
        right = ((W.astype(float) @ x[..., None].astype(float)) ** 2).sum((-1, -2))
        np.testing.assert_allclose(function(W, x), right, rtol=2e-5)


@pytest.mark.parametrize("width", [1, 3, 7, 13, 17, 33])
def test_compiled_preactivations_equal_numpy_at_odd_widths(width):
    machine = Machine(3, width, inputs=width + 2, outputs=max(1, width - 2), ensemble="gaussian")
    rng = np.random.default_rng(width)
    patterns = 2 * width + 1
    boundary = ref.boundary_of(*ref.problem(machine, patterns))
    spins = jnp.asarray(ref.random_signs(rng, 2, width, patterns))
    J = tuple(
        jnp.asarray(rng.standard_normal((len(s.layers), s.connectivity, s.fan_out)), jnp.float32)
        for s in machine.stacks
    )
    fields = jax.jit(lambda J, spins: preactivations(machine, J, feeding_spins(machine, spins, boundary)))(J, spins)
    below = [boundary.inputs, *spins]
    for stack, stacked, field in zip(machine.stacks, J, fields, strict=True):
        for place, l in enumerate(stack.layers):
            right = np.asarray(stacked[place], float).T @ np.asarray(below[l - 1], float) / np.sqrt(stack.fan_in)
            np.testing.assert_allclose(field[place], right, atol=2e-6 * width)


# Accelerators


DILUTED = Machine(4, 6, inputs=9, outputs=4, connectivity=3, ensemble="ising")


@pytest.mark.parametrize(("machine", "dynamics", "platform"), [
    (RAGGED, "heat_bath", "cuda"),
    (RAGGED, "heat_bath", "tpu"),
    (RAGGED, "heat_bath+gauge+permute+rows+collapsed", "cuda"),
    (DILUTED, "metropolis", "rocm"),
    pytest.param(DILUTED, "metropolis", "cuda", marks=pytest.mark.slow),
    pytest.param(RAGGED, "heat_bath", "rocm", marks=pytest.mark.slow),
    pytest.param(DILUTED, "metropolis", "tpu", marks=pytest.mark.slow),
])  # fmt: skip
def test_sweeps_lower_for_accelerators(machine, dynamics, platform):
    boundary = ref.boundary_of(*ref.problem(machine, PATTERNS))
    state = jax.eval_shape(lambda key: random_state(machine, key, boundary), keys.root(1))
    states = jax.tree.map(lambda x: jax.ShapeDtypeStruct((REPLICAS, *x.shape), x.dtype), state)
    loop = advance(build(dynamics, machine, plan_for(platform)))
    drive = drive_of(Schedule.geometric(0.5, 5.0, 20), boundary)

    def run(seeds, states, stop):
        one = jax.vmap(lambda seed, state: loop(keys.address(keys.root(0), seed), state, drive, jnp.int32(0), stop))
        return one(seeds, states)

    arguments = (jax.ShapeDtypeStruct((REPLICAS,), jnp.int32), states, jax.ShapeDtypeStruct((), jnp.int32))
    text = lowering.module(run, platform, *arguments)
    assert "f64" not in text
    assert bool(lowering.kernels(text)) == (platform != "rocm" and machine is RAGGED)
