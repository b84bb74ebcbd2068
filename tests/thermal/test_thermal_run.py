"""The thermal machine through all of `simulate`: protocol, folders, parts, starts, observables, errors."""

import json
import os
import signal
from functools import partial

import jax
import jax.numpy as jnp
import lowering
import matplotlib as mpl
import numpy as np
import pytest
from dynamics import z

import glassnet as gn
from glassnet.sampling.kernel import advance, beginning
from glassnet.sampling.plan import ACCELERATOR
from glassnet.simulation import phase
from glassnet.simulator import prepared
from glassnet.thermal import system
from glassnet.thermal.observe import TABLE

MACHINE = gn.ThermalMachine(depth=4, width=4, inputs=6, outputs=2)
PROTOCOL = gn.Protocol(sweeps=30, waiting_times=(0, 20), clones=3, samples=2, points_per_decade=3)


def data(machine=MACHINE, patterns=12, **options):
    return gn.tasks.random(machine, patterns, **options)


def run(machine=MACHINE, task=None, temperature=0.01, **changes):
    task = data(machine) if task is None else task
    return gn.simulate(machine, task, temperature=temperature, **{"protocol": PROTOCOL, **changes})


@pytest.fixture(scope="module")
def right():
    return run(keep_configurations=True)


def stopping_after(blocks):
    """A report that asks to stop as the signal of a queue does."""
    calls = []

    def report(status):
        calls.append(status)
        if len(calls) == blocks + 1:
            os.kill(os.getpid(), signal.SIGTERM)

    return report


def assert_same(found, right):
    assert set(found.variables) == set(right.variables)
    for name in right.variables:
        assert found[name].values.tobytes() == right[name].values.tobytes(), name


def test_the_result_is_labelled(right):
    assert set(TABLE) <= set(right) and right.attrs["title"] == (
        "glassnet: Langevin BAOAB dynamics of a thermal machine on random data"
    )
    assert right.energy.dims == ("sample", "time", "layer") and right.energy.attrs["units"] == "energy per gap"
    assert right.spin_overlap.dims == ("sample", "clone", "clone_b", "waiting_time", "lag", "layer")
    assert right.kinetic_temperature.dims == ("sample", "time", "layer") and right.energy_drift.dims == (
        "sample",
        "time",
    )
    assert right.attrs["start_equilibrium"] == "no: a random start" and "relaxation_time" in right
    assert float(right.temperature) == pytest.approx(0.01)


def test_what_is_measured_is_what_explicit_arrays_give(right):
    """Energy, errors and overlaps of the last configurations, in NumPy."""
    task, last = data(), right.isel(lag=-1, waiting_time=-1)
    found = [gn.configuration(right, waiting_time=20, configuration=n) for n in range(6)]
    for n, (weights, neurons) in enumerate(found):
        one = last.isel(sample=n // 3, clone=n % 3)
        gaps = 12 * np.array(MACHINE.widths[1:])
        np.testing.assert_allclose(one.clone_energy, gn.energy(MACHINE, weights, neurons) / gaps, rtol=1e-5)
        assert all(np.abs(x).max() <= 1 for x in (*weights, *neurons))
        signs = own = task.test_inputs
        for J in weights:
            signs, own = np.where(signs @ J.T >= 0, 1, -1), np.tanh(own @ J.T)
        np.testing.assert_allclose(one.clone_test_error_tanh, (np.sign(own) != task.test_outputs).mean(), atol=1e-6)
        np.testing.assert_allclose(one.clone_test_error, (signs != task.test_outputs).mean(), atol=1e-6)
    (J, S), (K, R) = found[:2]
    pair = last.isel(sample=0).sel(clone=0, clone_b=1)
    for l in range(3):
        a, b = S[l + 1].astype(float), R[l + 1].astype(float)
        raw = (a * b).mean()
        np.testing.assert_allclose(pair.spin_overlap_raw[l], raw, atol=1e-5)
        np.testing.assert_allclose(pair.spin_overlap[l], raw / np.sqrt((a**2).mean() * (b**2).mean()), atol=1e-5)
        cosines = (a * b).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum(0))
        np.testing.assert_allclose(pair.spin_overlap_squared[l], ((12 * cosines**2 - 1) / 11).mean(), atol=1e-5)
    for l in range(4):
        raw = (J[l] * K[l]).mean()
        np.testing.assert_allclose(pair.weight_overlap_raw[l], raw, atol=1e-5)
        np.testing.assert_allclose(
            pair.weight_overlap[l], raw / np.sqrt((J[l] ** 2).mean() * (K[l] ** 2).mean()), atol=1e-5
        )


def test_correlations_begin_at_one(right):
    start = right.sel(lag=0)
    for name in ("spin_autocorrelation", "weight_autocorrelation", "spin_autocorrelation_squared", "spin_overlap"):
        np.testing.assert_allclose(start[name], 1, atol=1e-5)
    assert (start.spin_autocorrelation_raw.isel(layer=slice(None, -1)) < 0.9).all()
    np.testing.assert_array_equal(right.spin_autocorrelation.sel(layer=4), 1)  # clamped


def test_clones_part_by_their_velocities():
    """Without noise, too: clones have positions in common, and velocities of their own at the temperature."""
    protocol = gn.Protocol(sweeps=60, waiting_times=(30,), clones=40, samples=2, points_per_decade=2)
    ds = run(temperature=0.5, dynamics=gn.Langevin(0.05, friction=0), protocol=protocol)
    first, last = ds.isel(waiting_time=0, lag=0), ds.isel(waiting_time=0, lag=-1)
    other = ds.clone != ds.clone_b
    np.testing.assert_allclose(first.spin_overlap.where(other).mean(), 1, atol=1e-5)
    assert float(last.spin_overlap.where(other).isel(layer=slice(None, -1)).max()) < 0.99
    assert abs(z(first.clone_kinetic_temperature.mean("layer").values.ravel(), 0.5)) < 4.5
    assert first.clone_kinetic_temperature.std("clone").min() > 0
    assert float(abs(last.clone_energy_drift).max()) < 0.02 * 0.5  # energy is conserved all along


def test_two_calls_have_the_same_bits(right):
    assert_same(run(keep_configurations=True), right)
    assert not np.array_equal(run(seed=1).energy, right.energy)


def test_stops_change_no_bit(tmp_path, monkeypatch, right):
    monkeypatch.setattr(phase, "LONGEST_BLOCK", 7)
    for stops in range(100):  # noqa: B007
        try:
            found = run(folder=tmp_path / "run", keep_configurations=True, report=stopping_after(3))
            break
        except gn.Stopped:
            continue
    assert stops > 3
    assert_same(found, right)
    assert_same(gn.open(tmp_path / "run"), right)
    longer = gn.Protocol(sweeps=50, waiting_times=(0, 20), clones=3, samples=2, points_per_decade=3)
    assert_same(gn.resume(tmp_path / "run", sweeps=50), run(protocol=longer, keep_configurations=True))


def test_parts_are_joined(tmp_path, right):
    for n in range(2):
        gn.save(run(part=(n, 2), keep_configurations=True), tmp_path / "run.nc")
    assert_same(gn.open(tmp_path / "run.nc"), right)


def test_temperatures_side_by_side_are_those_alone():
    both = run(temperature=[0.01, 1e-3])
    np.testing.assert_allclose(both.temperature, [0.01, 1e-3])
    np.testing.assert_array_equal(both.energy.isel(temperature=1), run(temperature=1e-3).energy)
    np.testing.assert_array_equal(run(temperature=None, beta=100.0).energy, both.energy.isel(temperature=0))
    cold = run(temperature=0)
    assert float(cold.beta) == np.inf and (cold.kinetic_temperature.isel(time=0) == 0).all()


def test_one_run_starts_another(tmp_path, right):
    gn.save(right, tmp_path / "first.nc")
    hot = run(temperature=0.1, start=tmp_path / "first.nc", protocol=PROTOCOL)
    before = right.clone_energy.isel(clone=0, waiting_time=-1, lag=-1)
    np.testing.assert_allclose(hot.energy.isel(time=0), before, rtol=1e-5)
    weights, neurons = gn.configuration(right, waiting_time=20, configuration=0)
    given = run(start=(weights, neurons))
    np.testing.assert_allclose(given.energy.isel(time=0, sample=1), before.isel(sample=0), rtol=1e-5)


def test_an_annealed_machine_cools():
    path = gn.Schedule.geometric(10.0, 1000.0, 100)
    ds = run(temperature=None, beta=path, dynamics=gn.Langevin(0.05, 0.1), protocol=gn.Protocol(300, (200,), 1, 2))
    T = ds.clone_kinetic_temperature.isel(lag=-1).mean()
    assert 0.5e-3 < float(T) < 5e-3


@pytest.mark.slow
def test_the_default_thermostat_has_its_temperature():
    """The mean of v^2 over long times is T within errors."""
    protocol = gn.Protocol(sweeps=20000, waiting_times=(20000,), clones=1, samples=16, points_per_decade=40)
    T = 0.02
    ds = run(temperature=T, protocol=protocol).isel(waiting_time=0, clone=0)
    late = ds.clone_kinetic_temperature.sel(lag=slice(1000, None)).mean(("lag", "layer"))
    assert abs(z(late.values, T)) < 4.5


@pytest.mark.parametrize("integrator", ["baoab", "leapfrog"])
def test_the_thermostat_has_its_temperature(integrator):
    """A short form: strong friction, and a step that follows the steep energy."""
    protocol = gn.Protocol(sweeps=1, waiting_times=(600,), clones=1, samples=24, points_per_decade=1)
    ds = run(temperature=0.05, protocol=protocol, dynamics=gn.Langevin(0.01, 0.02, integrator))
    late = ds.kinetic_temperature.isel(time=-1)
    sizes = np.array([4 * 6 + 48, 16 + 48, 16 + 48, 8])
    assert abs(z((late * sizes).sum("layer").values / sizes.sum(), 0.05)) < 4.5


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_it_lowers_for_accelerators(platform):
    job = prepared(MACHINE, data(), temperature=0.1, protocol=PROTOCOL)
    kernel = job.system.kernel(ACCELERATOR)
    clamped = jax.tree.map(jnp.asarray, job.system.clamped(job.tasks[0]))
    host_keys = job.host_keys()[:, 0]
    drive = phase.Drive(
        jax.tree.map(lambda x: jnp.asarray(x[0]), job.paths()), jnp.int32(0), job.traced_numbers(), clamped
    )

    def two(start):
        def one(key):
            state = beginning(kernel)(key, kernel.init(job.system.start(key, clamped), clamped), drive)
            return advance(kernel)(key, state, drive, start, start + 2)[0].positions

        return jax.vmap(one)(host_keys)

    text = lowering.module(two, platform, jax.ShapeDtypeStruct((), jnp.int32))
    assert "callback" not in text and lowering.kernels(text) == 0


def test_temperature_and_length_are_data():
    """One program for all temperatures, steps, frictions and lengths."""
    from glassnet.simulation import compiled

    before = compiled.advancing.cache_info().currsize
    run()
    for changes in ({"temperature": 0.2}, {"dynamics": gn.Langevin(0.02, 0.3)}):
        run(**changes)
    run(protocol=gn.Protocol(sweeps=5, waiting_times=(3,), clones=3, samples=2))
    assert compiled.advancing.cache_info().currsize <= before + 1


def test_numbers_that_are_not_finite_are_named(monkeypatch):
    right = system.forces

    def broken(machine, state, boundary):
        energy, force = right(machine, state, boundary)
        weights = list(force.weights)
        weights[1] = weights[1].at[1, 0, 0].set(jnp.where(energy > 0, jnp.nan, 0.0))
        return energy, type(force)(force.spins, tuple(weights), ())

    monkeypatch.setattr(system, "forces", broken)
    machine = gn.ThermalMachine(depth=4, width=3, inputs=6, outputs=2)
    words = r"forces on weights of layer 3 are not finite at sweep 0 of hosts: sample 0, temperature 0"
    with pytest.raises(FloatingPointError, match=words):
        run(machine)


BAD = [
    ({"temperature": -1.0}, "`temperature` must be a finite number of at least 0 or a list of these, but is -1.0"),
    ({"temperature": np.inf}, "`temperature` must be a finite number of at least 0"),
    ({"beta": 1.0}, "`temperature` must be left out where `beta` is given, but is 0.01"),
    ({"temperature": None, "beta": 0.0}, "`beta` must be positive for a thermal machine"),
    ({"dynamics": "heat_bath"}, "`dynamics` must be a Langevin or a Descent with a ThermalMachine, but is 'heat_bath'"),
    ({"weight_step": 0.2}, "`weight_step` must be left out with a ThermalMachine, but is 0.2"),
    ({"numbers": {"a": 1.0}}, "`numbers` must be left out with a ThermalMachine"),
    ({"frozen": gn.Frozen(weights=(1,))}, "`frozen` must be left out with a ThermalMachine"),
    ({"exchange": gn.Exchange()}, "`exchange` must be left out with a ThermalMachine"),
    ({"population": gn.Population(4)}, "`population` must be left out with a ThermalMachine"),
    ({"start": "planted"}, "`start` must be 'random', a run, or a pair of weights and neurons, but is 'planted'"),
    ({"observables": {"energy_drift": gn.Observable(len)}}, "`observables` must have names that nothing else"),
    ({"task": gn.tasks.random(gn.Machine(4, 4), 5)}, "`machine.inputs` must be 4, the width of the inputs"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_bad_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=f"^Argument {message}"):
        run(**changes)


def test_starts_outside_the_box_are_refused(right):
    weights, neurons = gn.configuration(right, waiting_time=20, configuration=0)
    neurons[2] = neurons[2] * 5
    with pytest.raises(ValueError, match=r"^Argument `neurons\[2\]` must lie in \[-1, 1\]"):
        run(start=(weights, neurons))
    kept = right.assign(configuration_spins=right.configuration_spins * 5)
    with pytest.raises(ValueError, match=r"^Argument `start spins` must lie in \[-1, 1\]"):
        run(start=kept)
    with pytest.raises(ValueError, match=r"hold \+1 and -1 only"):
        gn.tasks.Task.from_arrays(np.full((3, 6), 0.5), np.ones((3, 2)))
    with pytest.raises(ValueError, match="`dynamics`"):
        gn.simulate(gn.Machine(2, 4), data(gn.Machine(2, 4)), 1.0, dynamics=gn.Langevin())


def test_it_is_drawn_and_described(tmp_path, right):
    mpl.use("Agg")
    assert len(gn.plot.overview(right).axes) >= 4
    for name in ("kinetic_temperature", "energy"):
        assert gn.plot.layers_in_time(right[name]).get_ylabel()
    assert json.loads(right.attrs["config"])["system"]["machine"]["kind"] == "thermal"
    assert json.loads(right.attrs["machine"])["width"] == 4
    assert partial(gn.analysis.energy_per_gap, right)().dims == ("sample", "time")


def test_a_machine_of_spins_has_no_trajectories():
    machine = gn.Machine(2, 4)
    with pytest.raises(ValueError, match="^Argument `dynamics` must be that of spins and weights"):
        gn.simulate(machine, gn.tasks.random(machine, 5), 1.0, dynamics=gn.Langevin())
