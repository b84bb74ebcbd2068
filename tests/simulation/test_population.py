"""Population annealing: no bias at any size, by enumerated systems; and as a run that is stopped, split and kept."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import lowering
import numpy as np
import pytest
import reference as ref
import tiny
import xarray as xr
from test_resume import assert_same, run_with_stops

import glassnet as gn
from glassnet.cli.info import run_results
from glassnet.config import RunConfig, TeacherStudentTask
from glassnet.config.command import command_line
from glassnet.core import keys, sums
from glassnet.core.pytree import pytree
from glassnet.core.schedule import Schedule
from glassnet.native import library
from glassnet.perceptron.system import Perceptron
from glassnet.report import page
from glassnet.report.population import few_families
from glassnet.report.source import run_of
from glassnet.sampling import population
from glassnet.sampling.accept import metropolis
from glassnet.sampling.kernel import Drive, Kernel, advance
from glassnet.sampling.plan import CPU, FUSED, NATIVE
from glassnet.sampling.population import Annealed, Population, family_statistics, parents, relative_weights
from glassnet.sampling.system import Observable, System

ENERGIES = np.array([0.0, 2.2, 2.6, 1.8, 0.6, 2.0, 2.4, 1.5])


@pytree
class Level:
    k: jax.Array


@dataclass(frozen=True)
class Levels(System):
    """A walker on a ring of levels, which steps to neighbours; `still`, it stays where it is."""

    still: bool = False

    def kernel(self, plan):
        def step(key, state, params):
            way = jnp.where(keys.uniform(keys.address(key, 0), ()) < 0.5, 1, -1)
            new = (state.k + way) % len(ENERGIES)
            yes = level_energy(Level(new)) - level_energy(state) <= metropolis(
                keys.address(key, 1), (), params.temperature
            )
            return Level(jnp.where(yes & (not self.still), new, state.k).astype(jnp.int32)), {}

        return Kernel(lambda state, clamped: state, step, level_energy)

    def observables(self, tasks):
        return LEVELS

    def start(self, key, clamped):
        return Level((keys.uniform(key, ()) * len(ENERGIES)).astype(jnp.int32))

    def finite(self, state):
        return {"level": jnp.isfinite(state.k.astype(jnp.float32))}


def level_energy(state, *_):
    return jnp.asarray(ENERGIES, jnp.float32)[state.k]


LEVELS = {
    "energy": Observable(level_energy),
    "level": Observable(lambda state, then, c: state.k),
    "stayed": Observable(lambda state, then, c: state.k == then.k, on="clone"),
}

# The estimators: without bias for any number of walkers

SCHEDULE = Schedule.steps((0, 1, 3, 4, 6), (0.3, 0.8, 1.5, 2.5, 3.0))


def populations_after(system, schedule, sweeps, count, clamped=None, numbers=None):
    """Final populations of many, each begun at random."""
    kernel = system.kernel(CPU)
    drive = Drive(schedule.path(), jnp.int32(0), numbers, clamped)

    def one(key, stop):
        walkers = kernel.init(system.start(keys.address(key, 2**30), clamped), clamped)
        return advance(kernel)(key, walkers, drive, jnp.int32(0), stop)[0]

    return ref.optimized(jax.vmap(one, (0, None)))(ref.replica_keys(11, count), jnp.int32(sweeps))


def evidence(walkers):
    """Z(beta)/Z(0) of each population in double precision."""
    return np.exp(np.asarray(walkers.log_evidence, float).sum(-1))


def statistic(size=3, count=20000):
    """Largest z of Z times the fraction of the walkers on each level, whose mean is exp(-beta E)/levels."""
    walkers = populations_after(Annealed(Levels(), Population(size)), SCHEDULE, 7, count)
    fractions = (np.asarray(walkers.states.k)[..., None] == np.arange(len(ENERGIES))).mean(1)
    exact = np.exp(-SCHEDULE.final_beta * ENERGIES) / len(ENERGIES)
    z = ref.z_score(evidence(walkers)[:, None] * fractions, exact)
    return ref.worst(z, ref.z_score(evidence(walkers), exact.sum()))


@pytest.mark.parametrize("size", [2, 3, 7])
def test_weighted_populations_have_the_exact_law(size):
    assert statistic(size) < ref.THRESHOLD


WEIGHTS, PARENTS, RESAMPLED = population.relative_weights, population.parents, population.resampled


def late(kernel):
    """Weights by the energies after the sweep at the new temperature."""
    moved = population.annealing(kernel)

    def step(key, walkers, params):
        beta = 1 / params.temperature
        after, info = moved.step(key, replace(walkers, beta=beta), params)
        u = keys.uniform(keys.address(key, 1), ())
        return RESAMPLED(u, replace(after, beta=walkers.beta), moved.energy(after, params.clamped), beta), info

    return moved._replace(step=step)


def shifted(energy, change):
    """The logarithm of the sum in place of the mean."""
    excess, log_mean = WEIGHTS(energy, change)
    return excess, log_mean + jnp.log(jnp.float32(len(energy)))


MUTANTS = {
    "wrong sign": ("relative_weights", lambda energy, change: WEIGHTS(-energy, change)),
    "the sign of the choice alone": (
        "relative_weights", lambda energy, change: (WEIGHTS(-energy, change)[0], WEIGHTS(energy, change)[1])
    ),
    "energies of another walker": ("relative_weights", lambda energy, change: (
        WEIGHTS(jnp.roll(energy, 1), change)[0], WEIGHTS(energy, change)[1])),
    "no choice": ("parents", lambda u, excess: jnp.arange(len(excess), dtype=jnp.int32)),
    "no uniform number": ("parents", lambda u, excess: PARENTS(jnp.float32(0.5), excess)),
    "a sum in place of the mean": ("relative_weights", shifted),
    "weights once more": ("resampled", lambda u, walkers, energy, beta: RESAMPLED(
        u, replace(walkers, beta=0 * beta), energy, beta)),
}  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS)
def test_broken_populations_are_seen(mutant, monkeypatch):
    monkeypatch.setattr(population, *MUTANTS[mutant])
    assert statistic() > 2 * ref.THRESHOLD


def test_weights_by_new_energies_are_seen(monkeypatch):
    monkeypatch.setattr(Annealed, "kernel", lambda self, plan: late(self.system.kernel(plan)))
    assert statistic() > 2 * ref.THRESHOLD


MACHINE = gn.Machine(1, 7, outputs=1, ensemble="ising", potential=gn.SoftCore())
DATA = ref.problem(MACHINE, 5, seed=3)


def test_a_machine_has_its_exact_evidence_and_energy():
    system = Annealed(Perceptron(MACHINE), Population(4))
    boundary = ref.boundary_of(*DATA)
    schedule = Schedule.linear(0.0, 2.0, 4)
    numbers = {"weight_step": jnp.float32(0.5)}
    walkers = populations_after(system, schedule, 5, 6000, boundary, numbers)
    J = 2 * ((np.arange(2**7)[:, None] >> np.arange(7)) & 1) - 1
    energy = ref.total(MACHINE, [J[:, None].astype(float)], [np.broadcast_to(x, (128, *x.shape)) for x in DATA])
    found = ((np.asarray(walkers.states.weights[0])[:, :, 0, :, 0] > 0) * (1 << np.arange(7))).sum(-1)
    weight = np.exp(-2.0 * energy) / 128
    Z = evidence(walkers)
    samples = np.stack([Z, Z * energy[found].mean(1), Z * (energy[found] ** 2).mean(1)], 1)
    exact = np.array([weight.sum(), (weight * energy).sum(), (weight * energy**2).sum()])
    assert ref.worst(ref.z_score(samples, exact)) < ref.THRESHOLD


# Resampling

RANDOM = np.random.default_rng(5)
KINDS = {
    "alike": np.zeros(1000),
    "close": 1e-6 * RANDOM.standard_normal(1000),
    "usual": RANDOM.standard_normal(1000),
    "wide": 30 * RANDOM.standard_normal(1000),
    "one takes all": np.where(np.arange(1000) == 17, -200.0, 0.0),
}
WEIGHED, CHOSEN = jax.jit(relative_weights), jax.jit(jax.vmap(parents, (0, None)))


@pytest.mark.parametrize("kind", KINDS)
def test_copies_are_the_whole_numbers_around_the_weights(kind):
    energy, change = KINDS[kind].astype(np.float32), 0.7
    power = -change * energy.astype(float)
    weight = np.exp(power - power.max())
    expected = weight / weight.mean()
    excess, log_mean = WEIGHED(jnp.asarray(energy), jnp.float32(change))
    assert float(log_mean) == pytest.approx(np.log(weight.mean()) + power.max(), rel=3e-6, abs=1e-12)
    np.testing.assert_allclose(excess, expected - 1, rtol=1e-5, atol=2e-5 * max(1e-5, np.abs(expected - 1).max()))
    n, total = len(energy), 0
    uniform = (np.arange(64) + 0.5) / 64
    for chosen in np.asarray(CHOSEN(jnp.asarray(uniform, jnp.float32), excess)):
        assert (np.diff(chosen) >= 0).all()
        counts = np.bincount(chosen, minlength=n)
        assert counts.sum() == n == len(counts)
        rounding = 1e-3 * (kind == "wide")
        assert (counts >= np.floor(expected - rounding)).all() and (counts <= np.ceil(expected + rounding)).all()
        total = total + counts
    np.testing.assert_allclose(total / 64, expected, atol=1.1 / 64)  # each on average as its weight says


def test_equal_weights_leave_everyone():
    u = jnp.linspace(2.0**-24, 1 - 2.0**-24, 64)
    np.testing.assert_array_equal(CHOSEN(u, jnp.zeros(1000)), np.broadcast_to(np.arange(1000), (64, 1000)))


def test_sums_lose_nothing():
    terms, n = (jnp.float32(0.1), jnp.float32(-1e-4)), 200_000

    def one(t, pair):
        return sums.added(*pair, jnp.where(t % 2 == 0, *terms) + 1)

    total, lost = jax.jit(lambda: jax.lax.fori_loop(0, n, one, (jnp.float32(0), jnp.float32(0))))()
    exact = sum(float(np.float32(x + np.float32(1))) for x in map(np.float32, terms)) * n / 2
    assert float(total) + float(lost) == pytest.approx(exact, rel=1e-12)
    assert abs(float(jnp.float32(exact)) - exact) < abs(np.cumsum(np.full(n, 1.1, np.float32))[-1] - 1.1 * n)


def test_families_are_counted():
    family = np.array([[0, 0, 0, 5, 5, 7, 2, 2], [3] * 8, np.arange(8)])
    found = family_statistics(family)
    for n, row in enumerate(family):
        p = np.unique(row, return_counts=True)[1] / 8
        assert found["families"][n] == len(p)
        assert found["entropy"][n] == pytest.approx(-(p * np.log(p)).sum(), abs=1e-12)
        assert found["rho_t"][n] == pytest.approx(8 * (p**2).sum())


# What is measured


def levels_run(samples=60, **changes):
    protocol = gn.Protocol(sweeps=8, waiting_times=(2,), clones=2, samples=samples, host_sweeps=8, points_per_decade=3)
    arguments = {"beta": Schedule.linear(0.0, 2.0, 6), "protocol": protocol, "population": Population(400)}
    return gn.simulate(**({"machine": Levels()} | arguments | changes))


@pytest.fixture(scope="module")
def levels():
    return levels_run()


def test_the_free_energy_is_exact_within_its_error(levels):
    found = gn.analysis.population_summary(levels)
    beta = found["population_beta"].values
    exact = np.log(np.exp(-beta[:, None] * ENERGIES).mean(1))
    z = (found["log_evidence"] - exact) / np.maximum(found["log_evidence_error"], 1e-12)
    assert beta[0] == 0 and beta[-1] == 2 and ref.worst(z.values[beta > 0]) < ref.THRESHOLD
    np.testing.assert_allclose(found["free_energy"][-1], -found["log_evidence"][-1] / 2)
    np.testing.assert_allclose(found["free_energy_error"][-1], found["log_evidence_error"][-1] / 2)
    assert np.isnan(found["free_energy"][0])
    assert float(found["log_evidence_error"][-1]) < 0.01
    assert (found["verdict"] == "good").all()
    assert float(found["rho_t"][-1]) == float(levels["rho_t"].isel(time=-1).max())


def test_a_weighted_mean_is_the_average_at_equilibrium(levels):
    for name, clock in (("energy", "time"), ("clone_energy", "lag")):
        found = gn.analysis.population_mean(levels, name).isel({clock: -1})
        weight = np.exp(-2 * ENERGIES)
        exact = (weight * ENERGIES).sum() / weight.sum()
        assert ref.worst(((found["value"] - exact) / found["error"]).values) < ref.THRESHOLD
        assert float(found["error"].max()) < 0.02


def test_ancestors_are_those_at_the_waiting_time():
    """Walkers that do not move are on the level of their ancestor, however they were chosen."""
    ds = levels_run(2, machine=Levels(still=True))
    assert (ds["stayed"] == 1).all()
    assert (ds["families"].isel(time=-1) < 400).all()


def test_without_ancestors_that_is_seen(monkeypatch):
    monkeypatch.setattr(Annealed, "cloned", lambda self, states: states)
    assert (levels_run(2, machine=Levels(still=True))["stayed"].isel(lag=-1) < 0.99).all()


def test_values_of_all_kinds_are_averaged():
    walkers = Annealed(Levels(), Population(5)).start(keys.root(3), None)
    k = np.asarray(walkers.states.k)
    system = Annealed(Levels())
    for o in (
        Observable(lambda s, then, c: s.k),
        Observable(lambda s, then, c: {"a": s.k.astype(jnp.float32) * 0.5, "b": s.k > 3}, pick="a"),
        Observable(lambda s, then, c: s.k, finish=lambda x: [x, x**2], pick=1),
    ):
        lifted = system.lifted(o)
        values = jax.tree.map(lambda x: np.asarray(x)[None], lifted.of(walkers, None, None))
        values = values if lifted.finish is None else lifted.finish(values)
        found = values if o.pick is None else values[o.pick]
        exact = {None: k, "a": 0.5 * k, 1: k**2}[o.pick]
        assert found.shape == (1,) and found.dtype == np.float32
        np.testing.assert_allclose(found[0], exact.mean(), rtol=1e-6)


# Runs of machines

PROTOCOL = gn.Protocol(sweeps=12, waiting_times=(0, 9), clones=2, samples=2, points_per_decade=4)
TWO = [Schedule.linear(0.0, 3.0, 8), Schedule.linear(0.0, 6.0, 8)]


def run(**changes):
    return tiny.run(**{"beta": TWO, "protocol": PROTOCOL, "population": Population(6)} | changes)


@pytest.fixture(scope="module")
def whole():
    return run()


def test_a_result_is_laid_out_as_one_without_populations(whole):
    alone = tiny.run(beta=[1.0, 2.0], protocol=PROTOCOL)
    missing = {n for n in alone if "overlap" in n and "clone_b" in alone[n].dims} | {
        n for n in alone if n.startswith(("final_", "susceptibility"))
    }
    new = {"population_beta", "log_evidence", "families", "family_entropy", "rho_t"}
    assert set(alone) - set(whole) == missing
    assert set(whole) - set(alone) == new | {f"clone_{name}" for name in new}
    for name in set(alone) & set(whole):
        extra = ("walker",) * (name.startswith("configuration_") and "sample" not in alone[name].dims)
        assert set(whole[name].dims) == {*alone[name].dims, *extra}, name
    assert whole["log_evidence"].dims == ("sample", "temperature", "time")
    assert whole["log_evidence"].dtype == np.float64
    assert whole.attrs["population_size"] == 6
    assert whole["rho_t"].attrs["symbol"] == "rho_t" and "Machta" in whole["log_evidence"].attrs["source"]


def test_what_is_measured_is_the_mean_over_walkers(whole):
    energies = []
    for walker in range(6):
        J, S = gn.configuration(whole, temperature=1 / 6.0, waiting_time=9, configuration=3, walker=walker)
        energies.append(gn.energy(tiny.MACHINE, J, S))
    gaps = np.array(tiny.MACHINE.widths[1:]) * tiny.PATTERNS
    measured = whole["clone_energy"].sel(temperature=1 / 6.0, waiting_time=9, sample=1, clone=1).isel(lag=-1)
    np.testing.assert_allclose(measured, np.mean(energies, 0) / gaps, rtol=1e-5)


def test_stopped_at_random_it_has_the_same_bits(whole, tmp_path):
    ds, stops = run_with_stops(tmp_path / "run", np.random.default_rng(3), beta=TWO, protocol=PROTOCOL,
                               population=Population(6))  # fmt: skip
    assert stops > 1
    assert_same(ds, whole)
    assert_same(gn.resume(tmp_path / "run"), whole)


def test_parts_are_the_whole(whole, tmp_path):
    for part in range(4):
        gn.save(run(part=(part, 4)), tmp_path / "run.nc")
    assert_same(gn.open(tmp_path / "run.nc"), whole)


def test_parts_without_pairs_keep_no_configurations():
    assert not [n for n in run(part=(0, 4), keep_configurations=False) if n.startswith("configuration_")]


@pytest.mark.skipif(not library.available(), reason="no native kernels")
def test_native_kernels_move_all_walkers_as_the_scan_does():
    system = Annealed(Perceptron(tiny.MACHINE), Population(6))
    boundary = jax.tree.map(jnp.asarray, system.clamped(tiny.task()))
    drive = Drive(Schedule.linear(0, 4.0, 6).path(), jnp.int32(0), {"weight_step": jnp.float32(0.5)}, boundary)
    start, ends = system.start(keys.root(3), boundary), []
    for plan in (CPU, NATIVE):
        kernel = system.kernel(plan)
        ends.append(jax.jit(advance(kernel))(
            keys.root(4), kernel.init(start, boundary), drive, jnp.int32(0), jnp.int32(8)
        ))  # fmt: skip
    (scan, counts), (native, same) = ends
    np.testing.assert_array_equal(scan.family, native.family)
    np.testing.assert_array_equal(scan.states.spins, native.states.spins)
    np.testing.assert_allclose(scan.log_evidence.sum(), native.log_evidence.sum(), rtol=1e-5)
    assert len(set(np.asarray(scan.family).tolist())) < 6
    for name in counts:
        np.testing.assert_array_equal(counts[name], same[name])


def test_populations_lower_for_accelerators_with_fused_kernels():
    system = Annealed(Perceptron(tiny.MACHINE), Population(6))
    boundary = jax.tree.map(jnp.asarray, system.clamped(tiny.task()))
    kernel = system.kernel(FUSED["cuda"])
    drive = Drive(Schedule.linear(0, 4.0, 6).path(), jnp.int32(0), {"weight_step": jnp.float32(0.5)}, boundary)

    def two(stop):
        def one(key):
            walkers = kernel.init(system.start(key, boundary), boundary)
            return advance(kernel)(key, walkers, drive, jnp.int32(0), stop)

        return jax.vmap(one)(ref.replica_keys(1, 2))

    text = lowering.module(two, "cuda", jax.ShapeDtypeStruct((), jnp.int32))
    assert "f64" not in text
    assert lowering.kernels(text)


@pytest.mark.parametrize(("changes", "words"), [
    ({"beta": float("inf")}, "`beta` must be finite"),
    ({"start": "planted"}, "`start` must be 'random'"),
    ({"population": 100}, "`population` must be a Population"),
    ({"exchange": gn.Exchange(), "beta": [1.0, 2.0]}, "`population` must be None with an exchange"),
    ({"machine": gn.Machine(3, 4, inputs=5, outputs=2, potential=gn.HardCore()), "beta": None}, "`population` must be"),
    ({"population": Population(2**31 - 1)}, "`population.size` must be at most"),
    ({"observables": {"pair": Observable(lambda a, b, c: 0.0, on="pair")}}, "`observables` must not be on"),
])  # fmt: skip
def test_what_cannot_be_a_population_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        run(**changes)


@pytest.mark.parametrize("size", [1, 0, 2.5, True, "many"])
def test_sizes_of_a_population(size):
    with pytest.raises(ValueError, match="size"):
        Population(size)


# Analysis


def test_means_over_populations_have_no_susceptibility(whole):
    with pytest.raises(ValueError, match="single configurations"):
        gn.analysis.susceptibility(whole)


def test_different_systems_are_averaged_without_weights(levels):
    config = json.loads(levels.attrs["config"]) | {"data_sha256": ["a", "b"]}
    different = levels.assign_attrs(config=json.dumps(config))
    found = gn.analysis.population_summary(different)
    np.testing.assert_allclose(found["log_evidence"], levels["log_evidence"].mean("sample"))
    assert found["log_evidence_variance"].isnull().all()
    with pytest.raises(ValueError, match="share their data"):
        gn.analysis.population_mean(different, "energy")


def planted(log, size=10000, rho=20.0, entropy=6.0):
    """A result of populations whose ln Z is known."""
    log = np.asarray(log, float)[:, None]
    values = {
        "log_evidence": log, "population_beta": 0 * log + 2, "rho_t": 0 * log + rho, "families": 0 * log + 500,
        "family_entropy": 0 * log + entropy, "energy": 3 * log,
    }  # fmt: skip
    ds = {name: (("sample", "time"), x) for name, x in values.items()}
    attrs = {"population_size": size, "config": json.dumps({"data_sha256": ["a"]}), "task": "a"}
    return xr.Dataset(ds, {"time": [7]}, attrs)


def test_planted_evidence_is_found():
    log = np.array([-1000.0, -1000.3, -999.8])
    found = gn.analysis.population_summary(planted(log)).isel(time=0)
    assert float(found["log_evidence"]) == pytest.approx(np.log(np.exp(log + 1000).mean()) - 1000, abs=1e-9)
    left = [np.log(np.exp(np.delete(log, n) + 1000).mean()) for n in range(3)]
    assert float(found["log_evidence_error"]) == pytest.approx(np.std(left) * np.sqrt(2))
    assert float(found["log_evidence_variance"]) == pytest.approx(log.var(ddof=1))
    assert float(found["systematic_error"]) == pytest.approx(log.var(ddof=1) / 2)
    mean = gn.analysis.population_mean(planted(log), "energy").isel(time=0)
    assert float(mean["value"]) == pytest.approx(np.average(3 * log, weights=np.exp(log + 1000)))
    assert float(mean["systematic_error"]) == pytest.approx(-3 * log.var(ddof=1))


@pytest.mark.parametrize(("changes", "verdict"), [
    ({}, "good"), ({"rho": 101.0}, "bad"), ({"entropy": 4.6}, "bad"), ({"log": [0.0, 2.0]}, "bad"),
    ({"log": [0.0]}, "good"), ({"log": [0.0, np.nan]}, "unmeasured"),
])  # fmt: skip
def test_verdicts(changes, verdict):
    assert gn.analysis.population_summary(planted(**{"log": [0.0, 0.1]} | changes))["verdict"].item() == verdict


def test_populations_that_differ_are_told():
    assert "variance of ln Z between them is 2.00" in next(few_families(planted([0.0, 2.0])))
    assert not [*few_families(planted([0.0, 0.1]))]


def test_analysis_of_populations_needs_them():
    with pytest.raises(ValueError, match="population_beta"):
        gn.analysis.population_summary(tiny.standard())
    with pytest.raises(ValueError, match="log_evidence"):
        gn.analysis.population_mean(tiny.standard(), "energy")


# As a file and as a page


def test_info_report_and_figure_tell_of_populations(whole):
    one = whole.isel(temperature=1)
    told = "\n".join(run_results(whole))
    for words in ("population annealing, 6 walkers", "ln Z(beta)/Z(0)", "verdict                    bad, bad"):
        assert words in told
    for ds in (one, whole):
        written = page(run_of(ds, Path("run.nc")))
        assert "6 walkers" in written and "Few families" in written and "exp(−Δβ H)" in written
        assert "Not equilibrated" not in written and "Overlap of replicas" not in written
    counts = gn.plot.families(one).lines[1].get_ydata()
    np.testing.assert_allclose(counts, np.exp(one["family_entropy"].min("sample")))
    drawn = gn.plot.evidence(one).lines[0]
    np.testing.assert_allclose(drawn.get_xdata(), one["population_beta"][0])
    np.testing.assert_allclose(drawn.get_ydata()[-1], gn.analysis.population_summary(one)["log_evidence"][-1])
    assert len(gn.plot.overview(one).axes) >= 4


def test_a_configuration_says_its_population_only_where_there_is_one():
    alone = RunConfig(tiny.MACHINE, TeacherStudentTask(6), beta=(0.0, 3.0), schedule="linear", knots=(0, 8))
    many = replace(alone, population=6)
    assert "population" not in alone.to_dict()
    assert RunConfig.from_json(many.to_json()) == many
    assert many.config_hash != alone.config_hash
    assert alone.build()["population"] is None
    assert many.build()["population"] == Population(6)
    assert "--population 6" in command_line(many)
    for values, words in (({"population": 1}, "at least 2"), ({"population": 6, "exchange": 1}, "with an exchange")):
        with pytest.raises(ValueError, match=words):
            replace(alone, **values)
