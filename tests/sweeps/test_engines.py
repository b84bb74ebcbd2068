"""Engines run what they know, and the compiled scan runs the rest: potentials and ensembles of a user's own."""

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref
from scipy.special import log_expit, log_ndtr

import glassnet as gn
from glassnet.core import keys
from glassnet.native import library
from glassnet.perceptron.describe import check_reopens, described, machine_from
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, HardCore, Logistic, Probit, SoftCore
from glassnet.perceptron.prior import prior_weights
from glassnet.perceptron.proposal import Proposal
from glassnet.perceptron.state import random_state
from glassnet.perceptron.sweeps import column_scan, fused, native
from glassnet.perceptron.sweeps.catalogue import build
from glassnet.perceptron.sweeps.spins import spin_sweep
from glassnet.perceptron.sweeps.weights import weight_sweep
from glassnet.perceptron.system import Perceptron
from glassnet.sampling.kernel import Params
from glassnet.sampling.plan import CPU, NATIVE, Plan
from glassnet.simulation.parallel import placed


def placement(machine, patterns):
    """Where `simulate` runs replicas of a machine with so many patterns."""
    system = Perceptron(machine)
    return placed(system, system.work([gn.tasks.random(machine, patterns)]))


@dataclass(frozen=True)
class Huber:
    """Quadratic down to -knee, linear below."""

    knee: float = 0.5
    margin: float = 0.0

    def cost(self, gap):
        depth = jnp.maximum(-gap, 0)
        return jnp.where(depth < self.knee, depth**2, self.knee * (2 * depth - self.knee))

    def energy(self, gap):
        depth = np.maximum(-gap, 0)
        return np.where(depth < self.knee, depth**2, self.knee * (2 * depth - self.knee))


@dataclass(frozen=True)
class Tilted(SoftCore):
    """A soft core that also rewards positive gaps."""

    def cost(self, gap):
        return super().cost(gap) - 0.5 * gap

    def energy(self, gap):
        return super().energy(gap) - 0.5 * gap


def cycled(key, J, params):
    """To one of the other two values of -1, 0, 1."""
    turn = 1 + (keys.uniform(keys.address(key, 0), J.shape) < 0.5).astype(J.dtype)
    return jnp.mod(J + 1 + turn, 3) - 1 - J


@dataclass(frozen=True)
class Ternary:
    """-1, 0 or 1, equally likely."""

    name: ClassVar[str] = "ternary"
    fewest: ClassVar[int] = 1
    integral: ClassVar[bool] = True
    proposal: ClassVar[Proposal] = Proposal(cycled, 1, 1)

    def rows(self, rng, shape):
        return rng.integers(-1, 2, size=shape)

    def draw(self, key, shape):
        return jnp.floor(3 * keys.uniform(key, shape)) - 1

    def on_prior(self, weights):
        return weights

    def check(self, name, weights, c):
        if not np.isin(weights, (-1, 0, 1)).all():
            raise ValueError(f"Argument `{name}` must be -1, 0 or 1.")


SMALL = {"depth": 3, "width": 4, "inputs": 5, "outputs": 2}
UNKNOWN = {
    "potential": Machine(**SMALL, potential=Huber()),
    "subclass": Machine(**SMALL, potential=Tilted()),
    "ensemble": Machine(**SMALL, ensemble=Ternary()),
}
NAMES = {"potential": "Huber", "subclass": "Tilted", "ensemble": "Ternary"}


@pytest.fixture
def kernels():
    if not library.available():
        pytest.skip(library.status())


@pytest.mark.parametrize("name", UNKNOWN)
def test_native_kernels_refuse_what_they_do_not_know(name):
    for sweep in (native.weight_sweep, native.spin_sweep, partial(build, "metropolis", plan=NATIVE)):
        with pytest.raises(ValueError, match=rf"must be one of .* for native kernels, but is {NAMES[name]}\("):
            sweep(machine=UNKNOWN[name])


@pytest.mark.parametrize("name", UNKNOWN)
def test_the_scan_is_chosen_for_what_native_kernels_do_not_know(name, kernels):
    assert not placement(UNKNOWN[name], 5).native
    assert not placement(UNKNOWN[name], 5).plan.native
    for potential in (SoftCore(), SoftCore(1.5), HardCore(), Counting(), Probit(), Logistic()):
        for ensemble in ("gaussian", "spherical", "ising"):
            assert placement(Machine(3, 4, potential=potential, ensemble=ensemble), 5).native


PATTERNS, REPLICAS, BETA = 2, 4000, 1.2


def energies_z(machine, plan, truth=None):
    """Largest |z| of the energies by layer of spins at frozen weights, by sweeps of `machine` under a plan, against
    exact sums for `truth`, another potential or that of the machine."""
    truth = machine if truth is None else replace(machine, potential=truth)
    inputs, outputs = ref.problem(machine, PATTERNS, seed=3)
    boundary = ref.boundary_of(inputs, outputs)
    state = ref.state_at(ref.random_states(machine, boundary, 1, seed=1), 0)
    J = ref.matrices(machine, state)
    run = ref.ensemble(machine, spin_sweep(machine, plan, "heat_bath"), boundary)
    batch, _ = run(ref.replica_keys(5, REPLICAS), ref.frozen(machine, state, boundary, REPLICAS),
                   jnp.full(REPLICAS, BETA), 0, 30)  # fmt: skip
    z = []
    for mu, ends in enumerate(zip(inputs, outputs, strict=True)):
        _, energies = ref.enumerate_spins(truth, J, *ends)
        p = ref.boltzmann(energies.sum(-1), BETA)
        z.append(ref.z_score(energies[ref.number_of(np.asarray(batch.spins)[..., mu])], p @ energies))
    return ref.worst(*z)


@pytest.mark.parametrize("potential", [
    Huber(0.3, margin=0.1), Tilted(), Probit(0.6), pytest.param(Probit(1.5, margin=-0.4), marks=pytest.mark.slow),
])  # fmt: skip
def test_chosen_sweeps_sample_the_potential(potential):
    """As `simulate` would run it: native kernels for a probit where there are any, the scan for what they refuse."""
    machine = Machine(**SMALL, potential=potential)
    assert energies_z(machine, placement(machine, PATTERNS).plan) < ref.THRESHOLD


@pytest.mark.slow
def test_the_scan_samples_a_probit():
    assert energies_z(Machine(**SMALL, potential=Probit(0.6)), CPU) < ref.THRESHOLD


def test_a_potential_taken_for_counting_is_seen(monkeypatch, kernels):
    """What native kernels did before they refused: an unknown potential was compiled as a count of violated gaps."""
    machine = Machine(**SMALL, potential=Huber(0.3, margin=0.1))
    monkeypatch.setitem(native.COSTS, Huber, native.COSTS[HardCore])
    plan = placement(machine, PATTERNS).plan
    assert plan.native
    assert energies_z(machine, plan) > 2 * ref.THRESHOLD


def test_a_subclass_taken_for_its_parent_is_seen(monkeypatch, kernels):
    machine = Machine(**SMALL, potential=Tilted())
    monkeypatch.setitem(native.COSTS, Tilted, native.COSTS[SoftCore])
    assert energies_z(machine, placement(machine, PATTERNS).plan) > 2 * ref.THRESHOLD


@pytest.mark.parametrize("plan", [pytest.param(CPU, marks=pytest.mark.slow), NATIVE], ids=["scan", "native"])
def test_a_probit_of_another_width_is_seen(plan, kernels):
    machine = Machine(**SMALL, potential=Probit(0.72))
    assert energies_z(machine, plan, truth=Probit(0.6)) > ref.THRESHOLD


def test_a_logistic_of_another_width_is_seen(kernels):
    machine = Machine(**SMALL, potential=Logistic(0.5))
    assert energies_z(machine, NATIVE) < ref.THRESHOLD
    assert energies_z(machine, NATIVE, truth=Logistic(0.62)) > ref.THRESHOLD


def row_z(machine, beta, values):
    """|z| of the mean energy of one row of three weights against the exact mean over all rows of these values."""
    inputs, outputs = ref.problem(machine, 5, seed=8)
    boundary = ref.boundary_of(inputs, outputs)
    plan = placement(machine, 5).plan
    replica = ref.replica_keys(21, REPLICAS)
    start = jax.jit(jax.vmap(partial(random_state, machine), (0, None)))(replica, boundary)
    run = ref.ensemble(machine, weight_sweep(machine, plan), boundary)
    batch, _ = run(replica, start, jnp.full(REPLICAS, beta), 0, 40)
    energy = ref.total(machine, ref.matrices(machine, batch), ref.all_layers(batch, boundary))
    rows = np.array(np.meshgrid(*[values] * 3)).reshape(3, -1)
    found = ref.cost(machine.potential, outputs * (inputs @ rows) / np.sqrt(3)).sum(0)
    p = ref.boltzmann(found, beta)
    return abs(ref.z_score(energy, p @ found))


@pytest.mark.parametrize("potential", [SoftCore(), Huber(), pytest.param(Probit(0.5), marks=pytest.mark.slow)])
def test_an_ensemble_of_ones_own_is_sampled(potential):
    machine = Machine(1, 3, outputs=1, ensemble=Ternary(), potential=potential)
    for beta in (0.0, 1.5):
        assert row_z(machine, beta, (-1, 0, 1)) < ref.THRESHOLD
    assert row_z(machine, 1.5, (-1, 1)) > 2 * ref.THRESHOLD  # the rows of another ensemble


def test_a_run_with_potential_and_ensemble_of_ones_own(tmp_path):
    """In a folder, too, which another process could open."""
    machine = Machine(3, 6, ensemble=Ternary(), potential=Huber(0.3))
    task = gn.tasks.teacher_student(machine, 8, seed=2)
    protocol = gn.Protocol(sweeps=8, waiting_times=(4,), clones=2, samples=2)
    ds = gn.simulate(machine, task, 2.0, protocol=protocol, keep_configurations=True, folder=tmp_path / "run")
    np.testing.assert_array_equal(gn.resume(tmp_path / "run").energy, ds.energy)
    weights, spins = gn.configuration(ds, waiting_time=4, configuration=1)  # sample 0, clone 1
    assert set(np.unique(np.concatenate([J.ravel() for J in weights]))) == {-1.0, 0.0, 1.0}
    right = gn.energy(machine, weights, spins) / (6 * 8)
    measured = ds.clone_energy.sel(sample=0, clone=1, waiting_time=4).isel(lag=-1)
    np.testing.assert_allclose(measured, right, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="must be -1, 0 or 1"):
        gn.simulate(machine, task, 2.0, protocol=protocol, start=([2 * J for J in weights], spins))


def test_an_ensemble_given_as_its_value_is_its_name():
    machine = Machine(2, 4, ensemble=Machine(2, 4, ensemble="ising").prior)
    assert machine == Machine(2, 4, ensemble="ising") and machine.ensemble == "ising"


def test_prior_weights_of_an_ensemble_of_ones_own():
    weights = prior_weights(Machine(2, 60, connectivity=6, ensemble=Ternary()), np.random.default_rng(1))
    assert [J.dtype for J in weights] == [np.float32] * 2
    assert set(np.unique(weights[0])) == {-1.0, 0.0, 1.0} and (np.abs(weights[0]).sum(1) <= 6).all()


# Fused kernels


def test_fused_kernels_refuse_what_they_do_not_know(monkeypatch):
    def never(*args, **options):
        raise AssertionError("the fused kernel was chosen")

    plan = Plan(block=None, dot=False, fused="gpu", interpret=True)
    for machine in UNKNOWN.values():
        unknown = machine.potential
        if type(unknown) is SoftCore:
            continue
        with pytest.raises(ValueError, match=rf"for fused kernels, but is {type(unknown).__name__}\("):
            fused.fused_scan(jnp.zeros((3, 4)), jnp.ones((3, 4)), [], [], [], potential=unknown, sites="rows",
                             chip="gpu", interpret=True)  # fmt: skip
        monkeypatch.setattr(column_scan, "fused_scan", never)
        boundary = ref.boundary_of(*ref.problem(machine, PATTERNS, seed=3))
        state = ref.state_at(ref.random_states(machine, boundary, 1), 0)
        params = Params(jnp.float32(1), {"weight_step": jnp.float32(0.5)}, boundary)
        moved, _ = jax.eval_shape(weight_sweep(machine, plan), keys.root(1), state, params)
        assert moved.weights[0].shape == state.weights[0].shape


# The cost of a probit


GAPS = np.linspace(-30, 30, 600_001)


def assert_accurate(cost, width, margin, error_of_the_body=1e-6):
    """Against scipy in double precision, at gaps as single precision sees them."""
    field = (width * GAPS).astype(np.float32)
    found = np.asarray(cost(field), float)
    x = (field.astype(float) - float(np.float32(margin))) / width
    right = -log_ndtr(x)
    error = np.abs(found - right)
    gap_rounding = np.abs(x) * 1.2e-7 * np.abs(np.gradient(right, x))  # of the gap itself, not of the cost
    body, tail = x < 2, (x >= 2) & (x < 12.4)
    assert (error <= error_of_the_body * right + gap_rounding)[body].all(), (error / right)[body].max()
    assert (error <= 5e-6 * right + gap_rounding)[tail].all(), (error / right)[tail].max()
    assert (error[x >= 12.4] < 2e-35).all()
    assert (np.diff(found) <= 1e-6 * found[1:] + 1e-37).all()  # falls, but for rounding
    ends = np.asarray(cost(np.array([np.inf, 1e30, 1e4, -1e4], np.float32)), float)
    assert (ends[:3] == 0).all() and np.isclose(ends[3], (1e4 + margin) ** 2 / width**2 / 2, rtol=1e-5)


@pytest.mark.parametrize(("width", "margin"), [(1.0, 0.0), (0.37, 0.0), (2.5, 0.25)])
def test_cost_of_a_probit(width, margin):
    potential = Probit(width, margin)
    assert_accurate(jax.jit(lambda field: potential.cost(field - jnp.float32(margin))), width, margin)


@pytest.mark.parametrize("name", ["base", "avx2", "avx512"])
@pytest.mark.parametrize(("width", "margin"), [(1.0, 0.0), (0.37, 0.0), (2.5, 0.25)])
def test_cost_of_a_probit_in_native_kernels(name, width, margin, kernels):
    before = library.instruction_set()
    try:
        library.use(name)
    except ValueError:
        pytest.skip(f"this processor has no {name}")
    try:
        bound = 2.5e-6 if name == "base" else 1e-6  # without fused multiply-add, or with it
        assert_accurate(partial(native.cost, Probit(width, margin)), width, margin, bound)
        with pytest.raises(AssertionError):
            assert_accurate(partial(native.cost, Probit(width * (1 + 1e-5), margin)), width, margin, bound)
    finally:
        library.use(before)


def assert_accurate_logistic(cost, width, margin):
    """Against scipy in double precision."""
    field = (width * np.linspace(-90, 100, 600_001)).astype(np.float32)
    found = np.asarray(cost(field), float)
    x = (field.astype(float) - float(np.float32(margin))) / width
    right = -log_expit(x)
    gap_rounding = np.abs(x) * 1.8e-7 * np.abs(np.gradient(right, x))
    error = np.abs(found - right)
    assert (error <= 1e-6 * right + gap_rounding)[x < 80].all(), (error / right)[x < 80].max()
    assert (error[x >= 80] < 1e-37 + 1e-5 * right[x >= 80]).all()
    assert (np.diff(found) <= 1e-6 * found[1:] + 1e-37).all()  # falls, but for rounding
    ends = np.asarray(cost(np.array([np.inf, 1e30, 1e4, -1e4], np.float32)), float)
    assert (ends[:3] == 0).all() and np.isclose(ends[3], (1e4 + margin) / width, rtol=1e-5)


@pytest.mark.parametrize("name", ["scan", "base", "avx2", "avx512"])
@pytest.mark.parametrize(("width", "margin"), [(1.0, 0.0), (0.37, 0.0), (2.5, 0.25)])
def test_cost_of_a_logistic(name, width, margin, kernels):
    potential, other = (Logistic(w, margin) for w in (width, width * (1 + 1e-5)))
    if name == "scan":
        assert_accurate_logistic(jax.jit(lambda x: potential.cost(x - jnp.float32(margin))), width, margin)
        return
    before = library.instruction_set()
    try:
        library.use(name)
    except ValueError:
        pytest.skip(f"this processor has no {name}")
    try:
        assert_accurate_logistic(partial(native.cost, potential), width, margin)
        with pytest.raises(AssertionError):
            assert_accurate_logistic(partial(native.cost, other), width, margin)
    finally:
        library.use(before)


@pytest.mark.parametrize("potential", [SoftCore(), SoftCore(1.0, 0.7), SoftCore(3.0), SoftCore(1.5, 2.0, 0.25),
                                       Counting(0.3), HardCore(-0.5)])  # fmt: skip
def test_costs_of_native_kernels(potential, kernels):
    field = np.linspace(-9, 9, 1001).astype(np.float32)
    right = potential.cost(jnp.asarray(field) - jnp.float32(potential.margin))
    np.testing.assert_allclose(native.cost(potential, field), right, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("v", [Probit(0.7), Logistic(0.4)])
def test_probabilities_of_both_signs_add_up_to_one(v):
    """exp(-v(h)) + exp(-v(-h)) = 1: the noisy teacher is in equilibrium."""
    h = np.linspace(-8, 8, 400)
    np.testing.assert_allclose(np.exp(-v.energy(h)) + np.exp(-v.energy(-h)), 1, atol=1e-14)


# What a machine accepts


@dataclass
class Thawed:
    margin: float = 0.0


@dataclass(frozen=True)
class Costless:
    margin: float = 0.0

    def energy(self, gap):
        return 0 * gap


@dataclass(frozen=True)
class Unlike(Huber):
    def energy(self, gap):
        return 2 * super().energy(gap)


@dataclass(frozen=True)
class Holed(Huber):
    def cost(self, gap):
        return jnp.sqrt(gap)


@dataclass(frozen=True)
class Wide(Huber):
    def cost(self, gap):
        return super().cost(gap).astype(jnp.float16)


@dataclass(frozen=True)
class Wall(HardCore):
    """Forbids gaps below one."""

    def cost(self, gap):
        return (gap < 1).astype(gap.dtype)

    def energy(self, gap):
        return np.where(gap < 1, np.inf, 0.0)


@dataclass(frozen=True)
class Listed(Huber):
    table: object = None


@pytest.mark.parametrize(("potential", "message"), [
    ("soft", "be a frozen dataclass with margin, cost, energy, but is 'soft'"),
    (SoftCore, "be a frozen dataclass with margin, cost, energy, but is <class"),
    (Thawed(), "be a frozen dataclass with margin, cost, energy, but is Thawed"),
    (Costless(), r"have cost, but is Costless\(margin=0.0\)"),
    (Unlike(), "agree with `cost`, .* at a gap of -30, but is"),
    (Holed(), "be finite at a gap of -30, but is nan"),
    (Wide(), "keep the dtype of the gaps, float32, but is 'float16'"),
    (Wall(), "agree with `cost`, 0 at a gap of 0, but is inf"),
    (Listed(table=[1]), "be a number, a word, a truth value, None or a tuple of these, but is"),
    (Huber(margin=np.inf), "be a finite number, but is inf"),
])  # fmt: skip
def test_potentials_that_do_not_do_are_refused(potential, message):
    with pytest.raises(ValueError, match=f"Argument `potential.*` must {message}"):
        Machine(2, 4, potential=potential)


def test_ensembles_that_do_not_do_are_refused():
    with pytest.raises(ValueError, match="must be one of 'gaussian', 'spherical', 'ising', but is 'ternary'"):
        Machine(2, 4, ensemble="ternary")
    with pytest.raises(ValueError, match="`ensemble` must have name, fewest, .*, but is Huber"):
        Machine(2, 4, ensemble=Huber())


def test_theory_refuses_what_it_has_no_formula_for():
    for potential in (Probit(), Logistic(), Huber(), Tilted()):
        calls = [
            lambda p=potential: gn.theory.replica_symmetric(depth=2, alpha=1.0, potential=p, beta=1.0),
            lambda p=potential: gn.theory.liquid_energy(potential=p, beta=1.0),
            lambda p=potential: gn.theory.parisi(depth=2, alpha=1.0, steps=1, potential=p, beta=1.0),
        ]
        for call in calls:
            with pytest.raises(ValueError, match="`potential` must be a SoftCore, HardCore or Counting, but is"):
                call()


# In files


@pytest.mark.parametrize("name", UNKNOWN)
def test_descriptions_name_where_a_class_lies(name):
    machine = UNKNOWN[name]
    description = described(machine)
    found = description["ensemble" if name == "ensemble" else "potential"]
    assert found["kind"] == f"{__name__}:{NAMES[name]}"
    assert machine_from(description) == machine
    check_reopens(machine)


def test_what_cannot_be_imported_is_refused():
    @dataclass(frozen=True)
    class Local(Huber):
        pass

    with pytest.raises(ValueError, match="`potential` must be of a class in a module that can be imported"):
        check_reopens(Machine(2, 4, potential=Local()))
    for kind, reason in (("nowhere.at_all:Huber", "No module"), (f"{__name__}:Gone", "no attribute")):
        with pytest.raises(ValueError, match=f"`potential` must be importable as .*{reason}"):
            machine_from({"depth": 2, "width": 4, "potential": {"kind": kind}})
    with pytest.raises(
        ValueError, match="`potential` must be built from knob, margin, but .*Huber has knee, margin now"
    ):
        machine_from({"depth": 2, "width": 4, "potential": {"kind": f"{__name__}:Huber", "knob": 1.0, "margin": 0.0}})
    with pytest.raises(ValueError, match="`potential` must be a dataclass, but is"):
        machine_from({"depth": 2, "width": 4, "potential": {"kind": "os:system"}})


def test_a_run_in_a_folder_needs_a_class_that_can_be_imported(tmp_path):
    @dataclass(frozen=True)
    class Local(Huber):
        pass

    machine = Machine(2, 4, potential=Local())
    with pytest.raises(ValueError, match="`potential` must be of a class in a module that can be imported"):
        gn.simulate(machine, gn.tasks.random(machine, 4), 1.0, folder=tmp_path / "run")
    assert not list(tmp_path.iterdir())
