"""The fused kernels, interpreted: the same decisions as the scan; lowered for the chips that they are made for."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import lowering
import numpy as np
import pytest
import reference as ref
from jax.sharding import AbstractMesh, AxisType, PartitionSpec

from glassnet.core import keys
from glassnet.core.schedule import Schedule
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, HardCore, Logistic, Probit, SoftCore
from glassnet.perceptron.state import random_state
from glassnet.perceptron.sweeps import fused
from glassnet.perceptron.sweeps.catalogue import build
from glassnet.perceptron.sweeps.column_scan import Offers, column_scan
from glassnet.perceptron.sweeps.spins import spin_sweep
from glassnet.perceptron.sweeps.weights import weight_sweep
from glassnet.sampling.kernel import Drive, Params, advance
from glassnet.sampling.plan import ACCELERATOR, CPU, Plan, plan_for
from glassnet.store.provenance import sweep_path

fused_gpu, fused_tpu = (
    pytest.importorskip(module, reason="JAX lacks the compiler", exc_type=ImportError)
    for module in fused.CHIPS.values()
)
CHIPS = {"gpu": fused_gpu, "tpu": fused_tpu}
INTERPRETED = {chip: replace(ACCELERATOR, fused=chip, interpret=True) for chip in CHIPS}
CASES = [
    # neurons, patterns, slots, terms, potential
    pytest.param((1, 7, 6, 1, SoftCore(1.0)), marks=pytest.mark.slow),
    (33, 70, 9, 1, SoftCore()),
    (17, 40, 5, 2, SoftCore(1.5, strength=2.0)),
    (9, 300, 130, 1, HardCore(-0.6)),
    pytest.param((70, 20, 4, 1, Counting(0.5)), marks=pytest.mark.slow),
]


def problem(neurons, patterns, slots, terms, sites, seed=0):
    """Gaps, spins and offers such that both answers occur; weights come with one term or two, spins with one."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return jnp.asarray(rng.standard_normal(shape), jnp.float32)

    def sign(*shape):
        return jnp.asarray(ref.random_signs(rng, *shape), jnp.float32)

    own = neurons if sites == "rows" else patterns
    rows = tuple(0.4 * normal(slots, neurons) for _ in range(terms))
    columns = tuple((1 if sites == "rows" else -2) * sign(slots, patterns) for _ in range(terms))
    limits = normal(slots, own), jnp.abs(normal(slots, own))
    offers = Offers(rows, columns, None if sites == "rows" else limits[0], limits[1])
    return normal(neurons, patterns), sign(neurons, patterns), offers


def assert_scans_agree(arguments, potential, sites, chip):
    run = partial(column_scan, potential=potential, sites=sites)
    gap, accepted = jax.jit(partial(run, plan=ACCELERATOR))(*arguments)
    fused_gap, fused_accepted = jax.jit(partial(run, plan=INTERPRETED[chip]))(*arguments)
    np.testing.assert_array_equal(fused_accepted, accepted)
    np.testing.assert_allclose(fused_gap, gap, atol=1e-5)
    return accepted


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("sites", ["rows", "columns"])
@pytest.mark.parametrize("chip", CHIPS)
def test_kernel_decides_as_the_scan(chip, sites, case):
    *shape, potential = case
    accepted = assert_scans_agree(problem(*shape, sites), potential, sites, chip)
    assert 0.02 < accepted.mean() < 0.98


@pytest.mark.parametrize("sites", ["rows", "columns"])
@pytest.mark.parametrize("chip", CHIPS)
def test_several_blocks_of_sites(monkeypatch, chip, sites):
    monkeypatch.setattr(fused_gpu, "LANES", 4)
    monkeypatch.setattr(fused_tpu, "TILE", 1024)
    arguments = problem(37, 300, 5, 1, sites)
    size = CHIPS[chip].block((37, 300), sites)
    assert size[0 if sites == "rows" or chip == "gpu" else 1] < (37 if sites == "rows" else 300)
    assert_scans_agree(arguments, SoftCore(), sites, chip)


# Broken on purpose


def no_sum_is_kept(gap, cost, change, limits, total):
    new, _, accept = fused.decide(gap, cost, change, limits, total)
    return new, cost, accept


def extra_forgotten(gap, cost, change, limits, total):
    return fused.decide(gap, cost, change, limits[:1], total)


def applied_always(gap, cost, change, limits, total):
    _, new_cost, accept = fused.decide(gap, cost, change, limits, total)
    return gap + change, new_cost, accept


def padding_that_costs(x, shape, filling):
    return fused.padded(x, shape, 0.0 if filling == jnp.inf else filling)


MUTATIONS = [
    # chip, sites, what breaks
    ("gpu", "rows", "decide", no_sum_is_kept),
    ("tpu", "rows", "decide", applied_always),
    ("gpu", "columns", "decide", extra_forgotten),
    ("tpu", "columns", "decide", extra_forgotten),
    ("gpu", "rows", "padded", padding_that_costs),
    ("gpu", "rows", "_packed", lambda spins, axis: jnp.zeros_like(spins, jnp.uint32).sum(axis, dtype=jnp.uint32)),
    ("tpu", "rows", "_of_neurons", lambda ref, j: ref[:, :1]),
]


@pytest.mark.parametrize(("chip", "sites", "name", "broken"), MUTATIONS)
def test_a_broken_kernel_is_noticed(monkeypatch, chip, sites, name, broken):
    arguments = problem(33, 70, 9, 1, sites)  # unbroken kernels agree on it, see above
    monkeypatch.setattr(CHIPS[chip], name, broken)
    with pytest.raises(AssertionError):
        assert_scans_agree(arguments, SoftCore(), sites, chip)


# Whole sweeps

SMALL = {"depth": 2, "width": 5}
SWEPT = [
    ("gpu", "metropolis", Machine(**SMALL, ensemble="spherical", potential=SoftCore())),
    pytest.param(
        "gpu", "heat_bath", Machine(**SMALL, ensemble="ising", potential=Counting(0.5)), marks=pytest.mark.slow
    ),
    pytest.param(
        "tpu", "metropolis", Machine(**SMALL, ensemble="gaussian", potential=HardCore(-0.6)), marks=pytest.mark.slow
    ),
    pytest.param(
        "gpu", "metropolis", Machine(**SMALL, ensemble="gaussian", potential=Probit(0.7)), marks=pytest.mark.slow
    ),
    ("tpu", "heat_bath", Machine(**SMALL, ensemble="spherical", potential=Probit(0.7, margin=0.2))),
    pytest.param(
        "gpu", "heat_bath", Machine(**SMALL, ensemble="gaussian", potential=Logistic(0.7)), marks=pytest.mark.slow
    ),
    pytest.param(
        "tpu", "metropolis", Machine(**SMALL, ensemble="gaussian", potential=Logistic(0.7)), marks=pytest.mark.slow
    ),
]
REPLICAS, PATTERNS, SWEEPS = 3, 9, 3


def swept(machine, rule, plan):
    """A batch of replicas before and after some sweeps of weights and spins, in one loop."""
    boundary = ref.boundary_of(*ref.problem(machine, PATTERNS))
    temperature = jnp.float32(0.0 if machine.hard else 0.5)
    params = Params(temperature, {"weight_step": jnp.float32(0.5)}, boundary)
    steps = [weight_sweep(machine, plan, rule), spin_sweep(machine, plan, rule)]

    def sweep(key, t, state):
        for place, step in enumerate(steps):
            state, _ = step(keys.address(key, t, place), state, params)
        return state

    def run(key, start):
        return jax.lax.fori_loop(0, SWEEPS, partial(sweep, key), start)

    start = ref.random_states(machine, boundary, REPLICAS)
    return start, jax.jit(jax.vmap(run))(ref.replica_keys(2, REPLICAS), start)


@pytest.mark.parametrize(("chip", "rule", "machine"), SWEPT)
def test_sweeps_move_the_same_spins(chip, rule, machine):
    start, right = swept(machine, rule, CPU)
    _, found = swept(machine, rule, INTERPRETED[chip])
    np.testing.assert_array_equal(found.spins, right.spins)
    for a, b in zip((*found.weights, *found.fields), (*right.weights, *right.fields), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    assert not np.array_equal(right.spins, start.spins) and not np.array_equal(right.weights[0], start.weights[0])


# What real backends get


def test_plans_of_platforms():
    assert {name: plan_for(name).fused for name in ("cpu", "gpu", "cuda", "tpu", "rocm")} == {
        "cpu": None, "gpu": "gpu", "cuda": "gpu", "tpu": "tpu", "rocm": None,
    }  # fmt: skip
    assert not any(plan_for(name).interpret for name in ("cpu", "gpu", "cuda", "tpu", "rocm"))
    assert plan_for("rocm") == ACCELERATOR == Plan(block=None, dot=False)


def test_gpus_of_amd_scan(monkeypatch):
    backend = SimpleNamespace(platform_version="PJRT C API\nrocm 70000")
    monkeypatch.setattr("jax.extend.backend.get_backend", lambda platform: backend)
    assert plan_for("gpu") == ACCELERATOR
    backend.platform_version = "PJRT C API\ncuda 12090"
    assert plan_for("gpu").fused == "gpu"


def test_fused_kernels_can_be_switched_off(monkeypatch):
    usual = {name: plan_for(name) for name in ("cpu", "cuda", "tpu")}
    monkeypatch.setenv("GLASSNET_FUSED", "1")
    assert {name: plan_for(name) for name in usual} == usual
    monkeypatch.setenv("GLASSNET_FUSED", "0")
    assert [plan_for(name) for name in usual] == [usual["cpu"], ACCELERATOR, ACCELERATOR]
    assert sweep_path("gpu").startswith("compiled scan")
    function, arguments = sweep_of_replicas(EVEN, "cuda")
    assert lowering.kernels(lowering.module(function, "cuda", *arguments)) == 0
    for wrong in ("", "no", "rows"):
        monkeypatch.setenv("GLASSNET_FUSED", wrong)
        with pytest.raises(ValueError, match=rf"Argument `GLASSNET_FUSED` must be 0 .* but is '{wrong}'"):
            plan_for("cuda")


@pytest.mark.parametrize("sites", ["rows", "columns"])
@pytest.mark.parametrize("chip", CHIPS)
def test_what_does_not_fit_is_scanned(chip, sites):
    fits = partial(fused.fits, terms=2, sites=sites, chip=chip)
    assert fits((512, 5000))
    assert not fits((10**5, 10**5))


EVEN = Machine(3, 6, ensemble="gaussian", potential=HardCore(-0.6))
KERNELS = [
    # machine, kernels of its weights (stacks) and of its spins (groups of layers)
    (EVEN, 1 + 2),
    pytest.param(Machine(3, 6, potential=Probit(0.7)), 1 + 2, marks=pytest.mark.slow),
    pytest.param(Machine(3, 6, potential=Logistic(0.7)), 1 + 2, marks=pytest.mark.slow),
    (Machine(3, 300, inputs=784, outputs=10, ensemble="ising", potential=Counting(0.5)), 3 + 2),
]


def sweep_of_replicas(machine, platform):
    """A loop of sweeps over a batch, and the shapes of its arguments."""
    boundary = ref.boundary_of(*ref.problem(machine, PATTERNS))
    loop = advance(build("metropolis", machine, plan_for(platform)))
    drive = Drive(Schedule.quench(2.0).path(), jnp.int32(0), {"weight_step": jnp.float32(0.4)}, boundary)
    state = jax.eval_shape(lambda key: random_state(machine, key, boundary), keys.root(1))
    states = jax.tree.map(lambda x: jax.ShapeDtypeStruct((4, *x.shape), x.dtype), state)

    def one(seed, state):
        return loop(keys.address(keys.root(0), seed), state, drive, jnp.int32(0), jnp.int32(5))

    return jax.vmap(one), (jax.ShapeDtypeStruct((4,), jnp.int32), states)


@pytest.mark.parametrize(("machine", "number"), KERNELS)
@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_sweeps_lower_to_kernels(platform, machine, number):
    function, arguments = sweep_of_replicas(machine, platform)
    text = lowering.module(function, platform, *arguments)
    assert lowering.kernels(text) == number
    assert "f64" not in text


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_kernels_run_on_a_batch_that_is_spread_over_devices(platform):
    function, arguments = sweep_of_replicas(EVEN, platform)
    mesh = AbstractMesh((2,), ("replica",), axis_types=(AxisType.Auto,))
    spec = PartitionSpec("replica")
    spread = jax.shard_map(function, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
    text = lowering.module(spread, platform, *arguments)
    assert lowering.kernels(text)
    assert not any(word in text for word in ("all_gather", "all_reduce", "all_to_all", "collective"))


@pytest.mark.parametrize("potential", [SoftCore(1.5, 2.0), HardCore(0.1), Counting(2.0), Probit(0.5), Logistic(0.5)])
def test_padding_costs_nothing(potential):
    """What a kernel takes is 0 at infinity; a potential that is new in the package is not taken by itself."""
    assert type(potential) in fused.TAKEN
    assert (potential.cost(jnp.array([np.inf, 1e30], jnp.float32)) == 0).all()


def test_a_new_potential_is_not_taken_unchecked(monkeypatch):
    class New(SoftCore):
        pass

    monkeypatch.setattr("glassnet.perceptron.potential.KNOWN", (*fused.TAKEN, New))
    assert not fused.known(New())
