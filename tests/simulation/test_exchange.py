"""Replica exchange: against the product of enumerated distributions, and as a run that is stopped, split and kept."""

import jax
import jax.numpy as jnp
import lowering
import numpy as np
import pytest
import reference as ref
import tiny
from test_resume import assert_same, run_with_stops
from wells import Wells, covariance

import glassnet as gn
from glassnet.analysis.exchange import integrated
from glassnet.core import keys
from glassnet.core.schedule import BetaPath
from glassnet.native import library
from glassnet.perceptron.observe.matching import matched_overlaps_squared
from glassnet.perceptron.observe.table import OPTIONAL
from glassnet.perceptron.system import Perceptron
from glassnet.sampling import exchange, tempered
from glassnet.sampling.exchange import Exchange, width_of
from glassnet.sampling.kernel import Drive, Kernel, advance
from glassnet.sampling.plan import CPU, FUSED, NATIVE
from glassnet.sampling.tempered import Tempered
from glassnet.simulation import compiled
from glassnet.simulation.tuning import spaced
from glassnet.store.schema import NAMED

MACHINE = gn.Machine(1, 7, outputs=1, ensemble="ising", potential=gn.SoftCore())
BETAS = (0.2, 1.0, 3.0)
LADDERS = 3000
DATA = ref.problem(MACHINE, 5, seed=3)


def ladders_after(sweeps, betas=BETAS, count=LADDERS, width=None):
    """Final ladders of many, each begun in a random configuration."""
    system = Tempered(Perceptron(MACHINE), len(betas))
    width = width or system.width
    object.__setattr__(system, "width", width)
    boundary = ref.boundary_of(*DATA)
    kernel = system.kernel(CPU)
    numbers = {"weight_step": jnp.float32(0.5)} | system.traced()
    padded = np.array([*betas, *[betas[-1]] * (width - len(betas))], np.float32)[:, None]
    path = BetaPath(jnp.zeros_like(padded), jnp.asarray(padded), "steps")
    drive = Drive(path, jnp.int32(0), numbers, boundary)

    def one(key, start, stop):
        ladder = kernel.init(system.start(keys.address(key, 2**30), boundary), boundary)
        return advance(kernel)(key, ladder, drive, start, stop)[0]

    run = ref.optimized(jax.vmap(one, (0, None, None)))
    return run(ref.replica_keys(17, count), jnp.int32(0), jnp.int32(sweeps))


def levels(betas=BETAS):
    """Number of the energy level of each weight vector, and the law of the levels at each beta."""
    J = 2 * ((np.arange(2**7)[:, None] >> np.arange(7)) & 1) - 1
    energy = ref.total(MACHINE, [J[:, None].astype(float)], [np.broadcast_to(x, (128, *x.shape)) for x in DATA])
    value, level = np.unique(np.round(energy, 4), return_inverse=True)
    edges = np.quantile(value, [0.1, 0.4])
    group = np.searchsorted(edges, value)[level]  # three groups of levels: low, middle, high
    laws = [np.bincount(group, ref.boltzmann(energy, beta), minlength=3) for beta in betas]
    return group, laws


def statistic(sweeps=30):
    """Largest z of the joint counts of the levels at all rungs against the product of the exact laws."""
    group, laws = levels()
    ladders = ladders_after(sweeps)
    states = jax.vmap(exchange.arranged)(ladders)
    J = np.asarray(states.weights[0])[:, :3, 0, :, 0]
    found = group[((J > 0) * (1 << np.arange(7))).sum(-1)]
    counts = np.bincount(found @ [9, 3, 1], minlength=27)
    product = np.einsum("i,j,k->ijk", *laws).reshape(-1)
    return ref.z_of_counts(counts, product)


def test_the_joint_law_is_the_product_of_the_exact_ones():
    assert statistic() < ref.THRESHOLD


GAIN, SWAPPED = exchange.gain_of_temperatures, exchange.swapped
MUTANTS = {
    "sign of the swap": {"gain_of_temperatures": lambda E, beta: GAIN(-E, beta)},
    "energy of the wrong rung": {"gain_of_temperatures": lambda E, beta: GAIN(jnp.roll(E, 1), beta)},
    "beta of the wrong rung": {"gain_of_temperatures": lambda E, beta: GAIN(E, jnp.roll(beta, 1))},
    "gain by walker, not by rung": {
        "swapped": lambda key, ladder, E, gain, rungs: SWAPPED(
            key, ladder, E, jnp.zeros_like(gain).at[ladder.walkers].set(gain), rungs
        )
    },
    "every swap": {"gain_of_temperatures": lambda E, beta: GAIN(0 * E, beta)},
}


SLOW = ("energy of the wrong rung", "beta of the wrong rung", "every swap")


@pytest.mark.parametrize("mutant", [pytest.param(m, marks=pytest.mark.slow if m in SLOW else ()) for m in MUTANTS])
def test_broken_swaps_are_seen(mutant, monkeypatch):
    for name, broken in MUTANTS[mutant].items():
        monkeypatch.setattr(exchange, name, broken)
    assert statistic() > 2 * ref.THRESHOLD


def test_a_wider_ladder_has_the_same_bits():
    narrow, wide = (ladders_after(12, count=3, width=w) for w in (3, 8))
    np.testing.assert_array_equal(narrow.walkers, wide.walkers[:, :3])
    np.testing.assert_array_equal(narrow.accepted, wide.accepted[:, :3])
    np.testing.assert_array_equal(narrow.states.weights[0], wide.states.weights[0][:, :3])
    np.testing.assert_array_equal(narrow.sums, wide.sums[:, :, :3])
    assert (np.asarray(narrow.accepted)[:, :2] > 0).all()


def test_widths_are_few():
    assert [width_of(n) for n in (2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 17, 25, 33, 64)] == [
        2, 3, 4, 6, 6, 8, 8, 12, 12, 16, 24, 32, 48, 64,
    ]  # fmt: skip


# Walkers: a kernel that does not move, so that energies are known


def still(energies):
    """A kernel whose states keep their energies."""
    return Kernel(lambda s, c: s, lambda key, s, p: (s, {}), lambda s, c: s)


def walked(energies, betas, rounds, every=1):
    """The ladder after each sweep of walkers with fixed energies."""
    kernel = exchange.exchanging(still(energies))
    n = len(betas)
    system = Tempered(Perceptron(MACHINE), n, Exchange(every))
    path = BetaPath(jnp.zeros((n, 1)), jnp.asarray(betas, jnp.float32)[:, None], "steps")
    drive = Drive(path, jnp.int32(0), system.traced(), None)
    step = jax.jit(advance(kernel, refresh=None))
    ladder, found = system._begun(jnp.asarray(energies, jnp.float32)), []
    for t in range(rounds):
        ladder, _ = step(keys.root(5), ladder, drive, jnp.int32(t), jnp.int32(t + 1))
        found.append(jax.tree.map(np.asarray, ladder))
    return found


def trips_of(history):
    """Round trips from the hottest rung to the coldest and back, counted from where walkers have been."""
    ways = np.argsort(history, axis=1)  # rung of each walker in time
    total = 0
    for way in ways.T:
        ends = [0 if r == 0 else 1 for r in way if r in (0, history.shape[1] - 1)]
        turns = [ends[n] for n in range(len(ends)) if n == 0 or ends[n] != ends[n - 1]]
        turns = turns if turns and turns[0] == 0 else turns[1:]
        total += max(0, (len(turns) - 1) // 2)
    return total


def test_walkers_of_equal_energy_cross_the_ladder_as_fast_as_can_be():
    found = walked([1.0] * 4, (1.0, 2.0, 3.0, 4.0), 41)
    last = found[-1]
    assert last.accepted.tolist() == last.offered.tolist() == [21, 20, 21, 0]
    assert int(last.trips) == trips_of(np.stack([x.walkers for x in found]))
    assert int(last.trips) >= 4 * (41 // 8 - 1)


def test_trips_are_those_of_the_walkers():
    found = walked([3.0, 0.0, 1.0, 2.5], (0.5, 0.7, 0.9, 1.1), 400)
    assert int(found[-1].trips) == trips_of(np.stack([x.walkers for x in found])) > 5


def test_energies_are_summed_by_rung_without_losing_small_terms():
    energies, rounds = np.array([2.0**20, 2.0**20 + 1, 2.0**20 + 2], np.float32), 300
    found = walked(energies, (1.0, 1.1, 1.2), rounds)
    before = np.stack([np.arange(3), *(x.walkers for x in found[:-1])])
    E = energies.astype(float)[before]
    mean = tempered._Moments(3)((found[-1].sums[None], found[-1].rounds[None]))
    np.testing.assert_allclose(mean["mean"][0], E.mean(0), rtol=1e-14)
    np.testing.assert_allclose(mean["variance"][0], E.var(0), atol=1e-12 * 2.0**40)


def test_swaps_come_every_so_many_sweeps():
    found = walked([1.0, 1.0], (1.0, 2.0), 12, every=3)
    assert [int(x.rounds) for x in found] == [(t + 1) // 3 for t in range(12)]
    assert int(found[-1].offered[0]) == 2  # even rounds


# Runs

LADDER = [1.0, 2.0, 4.0, 8.0, 16.0]
PROTOCOL = gn.Protocol(sweeps=12, waiting_times=(0, 9), clones=2, samples=2, points_per_decade=4)


def run(**changes):
    return tiny.run(**{"beta": LADDER, "protocol": PROTOCOL, "exchange": Exchange()} | changes)


@pytest.fixture(scope="module")
def whole():
    return run()


def test_a_result_is_laid_out_as_one_without_exchange(whole):
    alone = tiny.run(beta=LADDER, protocol=PROTOCOL)
    for name, x in alone.variables.items():
        assert (x.dims, x.shape) == (whole[name].dims, whole[name].shape), name
    new = {"swaps_offered", "swaps_accepted", "round_trips", "running_energy", "running_energy_variance"}
    assert set(whole) - set(alone) == new | {f"clone_{name}" for name in new}
    assert whole["swaps_offered"].dims == ("sample", "temperature", "time")
    assert whole["round_trips"].dims == ("sample", "time")
    np.testing.assert_array_equal(whole["swaps_offered"].sel(time=9), [[5, 4, 5, 4, 0]] * 2)
    assert whole.attrs["exchange_every"] == 1


def test_stopped_at_random_it_has_the_same_bits(whole, tmp_path):
    ds, stops = run_with_stops(tmp_path / "run", np.random.default_rng(3), beta=LADDER, protocol=PROTOCOL,
                               exchange=Exchange())  # fmt: skip
    assert stops > 1
    assert_same(ds, whole)


def test_parts_are_the_whole(whole, tmp_path):
    for part in range(2):
        gn.save(run(part=(part, 2)), tmp_path / "run.nc")
    assert_same(gn.open(tmp_path / "run.nc"), whole)


def test_ladders_share_a_program():
    five, six = (Tempered(Perceptron(tiny.MACHINE), n, Exchange(every)) for n, every in ((5, 1), (6, 4)))
    assert five == six
    run()
    before = compiled.advancing.cache_info().misses
    run(beta=[0.5, 1.0, 2.0, 3.0, 5.0, 9.0], exchange=Exchange(4))
    run(beta=[1.0, 1.5, 2.0, 3.0, 5.0])
    assert compiled.advancing.cache_info().misses == before


def test_another_system_has_its_law_at_each_temperature():
    system, betas = Wells(2, 0.5), [0.5, 1.0, 2.0, 4.0]
    protocol = gn.Protocol(sweeps=100, waiting_times=(100,), clones=200, samples=4, points_per_decade=1)
    ds = gn.simulate(system, beta=betas, protocol=protocol, numbers={"step": 1.0}, exchange=Exchange())
    square = ds["square"].isel(lag=-1, waiting_time=0).stack(chain=("sample", "clone")).transpose("chain", ...)
    exact = np.array([np.diag(covariance(system, beta)) for beta in betas])
    assert ref.worst(ref.z_score(square.values, exact)) < ref.THRESHOLD
    assert gn.analysis.exchange_summary(ds)["verdict"] == "good"


def test_observables_of_a_user_are_measured_at_each_temperature():
    """Those of the user, and those of the table that a run names."""
    first = gn.Observable(first_spin, ("neuron",), on="clone")
    ds = run(observables={"first": first, **dict.fromkeys(OPTIONAL, True)})
    for name, variable in NAMED.items():
        assert {*ds[name].dims} == {*variable.dims, "temperature"}, name
    np.testing.assert_allclose(ds.teacher_overlap_by_neuron.mean("neuron"), ds.teacher_overlap_squared, atol=1e-6)
    for n in range(len(LADDER)):
        kept = [gn.configuration(ds.isel(temperature=n), waiting_time=9, configuration=k)[1] for k in range(4)]
        spins = np.stack([np.stack([S.T for S in one[1:-1]]) for one in kept])
        found = ds.final_spin_overlap_squared_matched.isel(temperature=n).sel(waiting_time=9)
        np.testing.assert_allclose(found, matched_overlaps_squared(spins), atol=1e-6)
    assert ds["first"].dims == ("sample", "temperature", "clone", "waiting_time", "lag", "neuron")
    assert set(np.unique(ds["first"])) == {-1, 1}


def first_spin(state, then, scene):
    return state.spins[0, :, 0].astype(jnp.float32)


@pytest.mark.skipif(not library.available(), reason="no native kernels")
def test_native_kernels_move_all_rungs_as_the_scan_does():
    system = Tempered(Perceptron(tiny.MACHINE), 5)
    boundary = jax.tree.map(jnp.asarray, system.clamped(tiny.task()))
    numbers = {"weight_step": jnp.float32(0.5)} | system.traced()
    path = system.paths(BetaPath(np.zeros((5, 1), np.float32), np.array(LADDER, np.float32)[:, None], "steps"))
    drive = Drive(jax.tree.map(lambda x: jnp.asarray(x[0]), path), jnp.int32(0), numbers, boundary)
    start = system.start(keys.root(3), boundary)
    ends = []
    for plan in (CPU, NATIVE):
        kernel = system.kernel(plan)
        ladder, info = jax.jit(advance(kernel))(
            keys.root(4), kernel.init(start, boundary), drive, jnp.int32(0), jnp.int32(8)
        )
        ends.append((ladder, info))
    (scan, counts), (native, same) = ends
    np.testing.assert_array_equal(scan.walkers, native.walkers)
    np.testing.assert_array_equal(scan.accepted, native.accepted)
    np.testing.assert_array_equal(scan.states.spins[:5], native.states.spins[:5])
    assert sum(int(np.abs(counts[n][:5] - same[n][:5]).max()) for n in counts) == 0
    assert not np.asarray(same["accepted_weights"][5]).any()  # beyond the last rung nothing moves
    np.testing.assert_allclose(scan.sums[0, :5], native.sums[0, :5], rtol=1e-5)


@pytest.mark.parametrize("platform", ["cuda", pytest.param("tpu", marks=pytest.mark.slow)])
def test_ladders_lower_for_accelerators_with_fused_kernels(platform):
    system = Tempered(Perceptron(tiny.MACHINE), 5)
    boundary = jax.tree.map(jnp.asarray, system.clamped(tiny.task()))
    kernel = system.kernel(FUSED[platform])
    path = BetaPath(jnp.zeros((6, 1)), jnp.ones((6, 1)), "steps")
    drive = Drive(path, jnp.int32(0), {"weight_step": jnp.float32(0.5)} | system.traced(), boundary)

    def two(stop):
        def one(key):
            ladder = kernel.init(system.start(key, boundary), boundary)
            return advance(kernel)(key, ladder, drive, jnp.int32(0), stop)

        return jax.vmap(one)(ref.replica_keys(1, 2))

    text = lowering.module(two, platform, jax.ShapeDtypeStruct((), jnp.int32))
    assert "f64" not in text
    assert lowering.kernels(text)


# The ladder


def test_spacing_follows_the_barrier():
    assert spaced((1.0, 2.0, 3.0, 4.0, 5.0), np.array([0.5] * 4)) == (1.0, 2.0, 3.0, 4.0, 5.0)
    crowded = spaced((1.0, 2.0, 3.0, 4.0, 5.0), np.array([0.0, 0.0, 0.9, 0.0]))
    assert all(3.0 < beta < 4.0 for beta in crowded[1:4])


def test_far_neighbours_tell_the_barrier_by_their_energies():
    """A Gaussian density of states: E = -s^2 beta, of variance s^2, so that Lambda = s (b - a) / sqrt(pi)."""
    beta, s = np.array([0.0, 1.0, 5.0]), 3.0
    steps = exchange.barriers(beta, np.array([0.9, 1.0]), -(s**2) * beta)
    np.testing.assert_allclose(steps, s * np.diff(beta) / np.sqrt(np.pi))


def test_tuning_evens_out_the_swaps(tmp_path):
    machine = gn.Machine(2, 6, outputs=2, ensemble="ising")
    task = gn.tasks.random(machine, 6, seed=2)
    betas, protocol = (
        [0.1, 0.2, 0.3, 0.5, 1.0, 16.0],
        gn.Protocol(sweeps=600, waiting_times=(200,), clones=4, samples=2),
    )
    found = {}
    for tune in (0, 1500):
        exchange = Exchange(tune=tune)
        arguments = {"protocol": protocol, "exchange": exchange, "folder": tmp_path / str(tune)}
        found[tune] = gn.simulate(machine, task, betas, **arguments)
        assert_same(gn.simulate(machine, task, betas, **arguments), found[tune])  # the same ladder is found again
    spread = {tune: float(np.ptp(gn.analysis.exchange_summary(ds)["rejected"].values[:-1])) for tune, ds in
              found.items()}  # fmt: skip
    assert spread[1500] < 0.5 * spread[0]
    tuned = found[1500]["beta"].values
    assert tuned[0] == 0.1 and tuned[-1] == 16.0 and (np.diff(tuned) > 0).all()
    resumed = gn.resume(tmp_path / "1500", sweeps=700)
    np.testing.assert_array_equal(resumed["beta"], tuned)


@pytest.mark.parametrize(("changes", "words"), [
    ({"beta": [2.0, 1.0]}, "`beta` must ascend"),
    ({"beta": [1.0]}, "`beta` must hold at least two"),
    ({"beta": 1.0}, "`beta` must hold at least two"),
    ({"beta": [1.0, float("inf")]}, "`beta` must be finite"),
    ({"exchange": 1}, "`exchange` must be an Exchange"),
    ({"exchange": Exchange(tune=10)}, "`exchange.tune` must be at least 50"),
    ({"machine": gn.Machine(3, 4, inputs=5, outputs=2, potential=gn.HardCore()), "beta": None}, "`exchange` must be"),
])  # fmt: skip
def test_what_cannot_be_exchanged_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        run(**changes)


@pytest.mark.parametrize("values", [{"every": 0}, {"every": 1.5}, {"tune": -1}])
def test_numbers_of_an_exchange(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        Exchange(**values)


def test_evidence_is_the_integral_of_the_energy():
    levels, errors = np.array([0.0, 1.0, 3.0, 4.0]), []
    for n in (6, 11, 21):
        beta = np.linspace(0.5, 3, n)
        p = np.exp(-beta * levels[:, None])
        Z = p.sum(0)
        mean, square = ((levels**k)[:, None] * p / Z for k in (1, 2))
        energy, variance = mean.sum(0), square.sum(0) - mean.sum(0) ** 2
        errors.append(abs(integrated(beta, energy, variance) - np.log(Z / Z[0])).max())
    assert errors[0] < 1e-3
    assert errors[1] < errors[0] / 10
    assert errors[2] < errors[1] / 13  # 16 in the limit of small steps


def test_a_ladder_has_the_evidence_of_its_system():
    """Gaussian wells: Z(beta)/Z(beta_0) = (beta_0/beta)^(n/2) for n of them."""
    betas = np.geomspace(0.5, 4, 6)
    protocol = gn.Protocol(sweeps=400, waiting_times=(20,), clones=4, samples=30, points_per_decade=1)
    ds = gn.simulate(Wells(2, 0.5), beta=betas.tolist(), protocol=protocol, numbers={"step": 1.0}, exchange=Exchange())
    found = gn.analysis.exchange_summary(ds)
    exact = -np.log(betas / betas[0])
    assert found["log_evidence"].dims == ("sample", "temperature")
    assert found["log_evidence"].attrs["long_name"] == "ln Z(beta)/Z(0.5)"
    value = found["log_evidence"].values
    off, error = abs(value.mean(0) - exact), value.std(0, ddof=1) / np.sqrt(30)
    missed = found["log_evidence_discretisation"].mean("sample").values
    assert np.isnan(missed[:2]).all()
    assert (off[2:] < ref.THRESHOLD * error[2:] + missed[2:]).all()
    assert (error < 0.02).all() and (missed[2:] < 0.05).all()


def test_summary_needs_an_exchange():
    with pytest.raises(ValueError, match="swaps_offered"):
        gn.analysis.exchange_summary(tiny.standard())


def test_free_entropy_of_a_ladder_is_that_of_all_states():
    """By the energies of all rounds of swaps, between lags that are far apart."""
    task = gn.tasks.Task.from_arrays(*DATA)
    betas, protocol = [0.0, 0.1, 0.3, 0.6, 1.0, 1.6, 2.4, 3.4], gn.Protocol(2000, (100,), 1, 12, points_per_decade=1)
    ds = gn.simulate(MACHINE, task, betas, protocol=protocol, exchange=Exchange())
    found = gn.analysis.free_entropy(ds)
    J = 2 * ((np.arange(2**7)[:, None] >> np.arange(7)) & 1) - 1
    E = ref.total(MACHINE, [J[:, None].astype(float)], [np.broadcast_to(x, (128, *x.shape)) for x in DATA])
    exact = [np.log(np.exp(-beta * E).sum()) / 5 for beta in betas]
    z = (found["value"] - exact) / np.hypot(found["error"], found["integration_error"] / 10)
    assert ref.worst(z.values[1:]) < ref.THRESHOLD, (found["value"].values, exact)
    assert float(found["error"].max()) < 0.01
    evidence = gn.analysis.exchange_summary(ds)["log_evidence"]
    np.testing.assert_allclose(evidence.mean("sample") / 5, np.array(exact) - exact[0], atol=0.01)
