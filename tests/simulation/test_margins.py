"""Replica exchange over margins, and over the strength of a teacher, at one temperature."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import lowering
import numpy as np
import pytest
import reference as ref
import tiny
from test_resume import assert_same, run_with_stops
from wells import Wells

import glassnet as gn
from glassnet.cli import info, plot, report
from glassnet.config import RunConfig
from glassnet.config.tasks import RandomTask
from glassnet.core import keys
from glassnet.core.schedule import BetaPath
from glassnet.native import library
from glassnet.perceptron.observe.layers import layer_energy
from glassnet.perceptron.state import pack
from glassnet.perceptron.system import Perceptron
from glassnet.sampling import exchange
from glassnet.sampling.exchange import Exchange
from glassnet.sampling.kernel import Drive, advance
from glassnet.sampling.plan import CPU, FUSED, NATIVE
from glassnet.sampling.tempered import Tempered
from glassnet.simulation import compiled
from glassnet.simulation.parallel import placed
from glassnet.tasks.guide import Guide

SOFT = gn.Machine(1, 7, outputs=1, ensemble="ising", potential=gn.SoftCore())
HARD = gn.Machine(1, 7, outputs=1, ensemble="ising", potential=gn.HardCore())
DATA = ref.problem(SOFT, 5, seed=3)
BETA, MARGINS = 2.0, (-1.0, -0.2, 0.6)
BARS = (-2.7, -0.8, -0.3)
"""Margins of the hard core: the first is below all gaps, so that all weights are allowed and walkers mix."""


def running(machine, margins):
    """`f(sweeps, count)`: final ladders of many, each begun in a random configuration."""
    system = Tempered(Perceptron(machine, "heat_bath"), len(margins), Exchange(over="margin", values=margins))
    boundary = jax.tree.map(jnp.asarray, system._with_values(ref.boundary_of(*DATA)))
    kernel = system.kernel(CPU)
    numbers = {"weight_step": jnp.float32(0.5)} | system.traced()
    beta = jnp.full((system.width, 1), jnp.inf if machine.hard else BETA)
    drive = Drive(BetaPath(jnp.zeros_like(beta), beta, "steps"), jnp.int32(0), numbers, boundary)

    def one(key, start, stop):
        ladder = kernel.init(system.start(keys.address(key, 2**30), boundary), boundary)
        return advance(kernel)(key, ladder, drive, start, stop)[0]

    run = ref.optimized(jax.vmap(one, (0, None, None)))
    return lambda sweeps, count: run(ref.replica_keys(17, count), jnp.int32(0), jnp.int32(sweeps))


def laws(machine, margins):
    """Group of each weight vector, and the exact law of the groups at each margin."""
    J = 2 * ((np.arange(2**7)[:, None] >> np.arange(7)) & 1) - 1
    gap = np.einsum("wj,mj,m->wm", J, DATA[0], DATA[1][:, 0]) / np.sqrt(7)
    group = np.searchsorted([-0.5, 0.2], gap.min(1))
    if machine.hard:
        group = np.where(gap.min(1) < BARS[1], 0, 1 + (J[:, 2] > 0))
    found = []
    for margin in margins:
        energy = machine.potential.energy(gap - margin).sum(1)
        found.append(np.bincount(group, ref.boltzmann(energy, 1.0 if machine.hard else BETA), minlength=3))
    return group, found


def statistic(machine, margins, sweeps=30, count=3000):
    """Largest z of the joint counts of the groups at all rungs against the product of the exact laws."""
    group, exact = laws(machine, margins)
    ladders = running(machine, margins)(sweeps, count)
    J = np.asarray(jax.vmap(exchange.arranged)(ladders).weights[0])[:, :3, 0, :, 0]
    found = group[((J > 0) * (1 << np.arange(7))).sum(-1)]
    counts = np.bincount(found @ [9, 3, 1], minlength=27)
    return ref.z_of_counts(counts, np.einsum("i,j,k->ijk", *exact).reshape(-1))


CASES = {"soft": (SOFT, MARGINS), "hard": (HARD, BARS)}


@pytest.mark.parametrize("case", CASES)
def test_the_joint_law_is_the_product_of_the_exact_ones(case):
    assert statistic(*CASES[case]) < ref.THRESHOLD


def test_swaps_of_a_hard_core_are_those_that_both_satisfy():
    """Of uniform pairs, each in the set of its margin: the lower one is in the set of the higher, too."""
    after = running(HARD, BARS)
    early, late = after(10, 500), after(40, 500)
    J = 2 * ((np.arange(2**7)[:, None] >> np.arange(7)) & 1) - 1
    gap = np.einsum("wj,mj,m->wm", J, DATA[0], DATA[1][:, 0]) / np.sqrt(7)
    sizes = [(gap.min(1) >= margin).sum() for margin in BARS]
    accepted, offered = (np.asarray(getattr(late, x) - getattr(early, x))[:, :2] for x in ("accepted", "offered"))
    assert (
        ref.worst(ref.z_score(accepted / offered, np.array([sizes[1] / sizes[0], sizes[2] / sizes[1]]))) < ref.THRESHOLD
    )


GAIN, PARTNERS = exchange.gain_of_parameters, exchange.partners
MUTANTS = {
    "sign of the swap": {"gain_of_parameters": lambda E, other, T: GAIN(other, E, T)},
    "energy at the wrong rung": {"partners": lambda rungs, rounds: PARTNERS(rungs, rounds + 1)},
    "energy of one side": {
        "gain_of_parameters": lambda E, other, T: GAIN(E, jnp.where(jnp.arange(3) == 1, E, other), T)
    },
    "margins of rungs, not of walkers": {"_of_walkers": lambda ladder, values: values},
    "every swap": {"gain_of_parameters": lambda E, other, T: GAIN(E, E, T)},
}
QUICK = (("soft", "sign of the swap"), ("hard", "every swap"))


@pytest.mark.parametrize(
    ("case", "mutant"),
    [pytest.param(c, m, marks=() if (c, m) in QUICK else pytest.mark.slow) for c in CASES for m in MUTANTS],
)
def test_broken_swaps_are_seen(case, mutant, monkeypatch):
    for name, broken in MUTANTS[mutant].items():
        monkeypatch.setattr(exchange, name, broken)
    assert statistic(*CASES[case]) > 2 * ref.THRESHOLD


# Runs

LADDER = [-0.6, -0.3, 0.0, 0.2, 0.4]
OVER = Exchange(over="margin", values=LADDER)
PROTOCOL = gn.Protocol(sweeps=12, waiting_times=(0, 9), clones=2, samples=2, points_per_decade=4)


def run(**changes):
    return tiny.run(**{"protocol": PROTOCOL, "exchange": OVER} | changes)


@pytest.fixture(scope="module")
def whole():
    return run()


def test_a_result_has_a_dim_of_margins(whole):
    alone = tiny.run(protocol=PROTOCOL)
    new = {"swaps_offered", "swaps_accepted", "round_trips", "running_energy", "running_energy_variance"}
    assert set(whole) - set(alone) == new | {f"clone_{name}" for name in new}
    for name, x in alone.variables.items():
        assert set(whole[name].dims) - set(x.dims) <= {"margin"}, name
    assert whole["energy"].dims == ("sample", "margin", "time", "layer")
    assert whole["final_spin_overlap"].dims[0] == "margin"
    np.testing.assert_array_equal(whole["margin"], LADDER)
    assert (whole["beta"].item(), whole["beta"].dims, whole.attrs["exchange_over"]) == (5.0, (), "margin")
    np.testing.assert_array_equal(whole["swaps_offered"].sel(time=9), [[5, 4, 5, 4, 0]] * 2)


def test_energies_are_those_at_the_margin_of_the_rung(whole):
    """Of the kept configurations: measured by layer, and what swaps have summed."""
    for margin in LADDER:
        machine = gn.Machine(3, 4, inputs=5, outputs=2, potential=gn.SoftCore(margin=margin))
        one = whole.sel(margin=margin)
        exact = []
        for k in range(4):
            weights, spins = gn.configuration(one, waiting_time=9, configuration=k)
            exact.append(gn.energy(machine, weights, spins) / (np.array([4, 4, 2]) * tiny.PATTERNS))
        found = one.clone_energy.sel(waiting_time=9).isel(lag=-1).values.reshape(4, 3)
        np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-6)


def test_stopped_at_random_it_has_the_same_bits(whole, tmp_path):
    ds, stops = run_with_stops(tmp_path / "run", np.random.default_rng(3), protocol=PROTOCOL, exchange=OVER)
    assert stops > 1
    assert_same(ds, whole)
    with pytest.raises(ValueError, match=r"exchange\.values"):
        run(folder=tmp_path / "run", exchange=Exchange(over="margin", values=[-0.6, 0.0]))


def test_parts_are_the_whole(whole, tmp_path):
    for part in range(2):
        gn.save(run(part=(part, 2)), tmp_path / "run.nc")
    assert_same(gn.open(tmp_path / "run.nc"), whole)


def test_ladders_share_a_program(whole):
    system = Tempered(Perceptron(tiny.MACHINE), 5, OVER)
    program = compiled.advancing(system, placed(system, system.work([tiny.task()])), True)
    before, traced = compiled.advancing.cache_info().misses, program._cache_size()
    assert traced > 0
    run(exchange=Exchange(4, over="margin", values=[-1.0, -0.7, -0.2, 0.0, 0.1, 0.2]), beta=2.0)
    assert compiled.advancing.cache_info().misses == before
    assert program._cache_size() == traced


@pytest.mark.skipif(not library.available(), reason="no native kernels")
@pytest.mark.parametrize("kind", [pytest.param("soft", marks=pytest.mark.slow), "hard"])
def test_native_kernels_move_all_rungs_as_the_scan_does(kind):
    hard, soft = gn.Machine(1, 12, outputs=1, potential=gn.HardCore()), gn.Machine(2, 4, inputs=5, outputs=2)
    machine = hard if kind == "hard" else soft
    system = Tempered(Perceptron(machine), 5, OVER)
    boundary = jax.tree.map(jnp.asarray, system.clamped(gn.tasks.random(machine, 6, seed=1)))
    numbers = {"weight_step": jnp.float32(0.5)} | system.traced()
    beta = jnp.full((6, 1), jnp.inf if kind == "hard" else 0.5)
    drive = Drive(BetaPath(jnp.zeros((6, 1)), beta, "steps"), jnp.int32(0), numbers, boundary)
    start, ends = system.start(keys.root(3), boundary), []
    for plan in (CPU, NATIVE):
        kernel = system.kernel(plan)
        begun = kernel.init(start, boundary)
        ends.append(jax.jit(advance(kernel))(keys.root(4), begun, drive, jnp.int32(0), jnp.int32(8)))
    (scan, counts), (native, same) = ends
    np.testing.assert_array_equal(scan.walkers, native.walkers)
    np.testing.assert_array_equal(scan.accepted, native.accepted)
    assert np.asarray(scan.accepted).sum() > 3
    np.testing.assert_allclose(scan.states.weights[0][:5], native.states.weights[0][:5], rtol=1e-4, atol=1e-5)
    assert sum(int(np.abs(counts[n][:5] - same[n][:5]).max()) for n in counts) == 0
    np.testing.assert_allclose(scan.sums[0, :5], native.sums[0, :5], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_ladders_lower_for_accelerators_with_fused_kernels(platform):
    system = Tempered(Perceptron(tiny.MACHINE), 5, OVER)
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


def test_a_hard_core_is_satisfied_at_each_margin():
    machine = gn.Machine(1, 12, outputs=1, potential=gn.HardCore())
    task = gn.tasks.random(machine, 6, seed=1)
    protocol = gn.Protocol(sweeps=40, waiting_times=(60,), clones=2, samples=2, points_per_decade=1)
    ds = gn.simulate(machine, task, protocol=protocol, exchange=Exchange(over="margin", values=[-0.5, 0, 0.3]),
                     weight_step=0.5)  # fmt: skip
    assert ds.clone_violated.isel(lag=-1).max() == 0
    assert (ds.clone_swaps_accepted.isel(lag=-1, margin=slice(0, 2)) > 0).all()


def test_volumes_of_a_hard_core_are_those_of_all_states():
    """As the swaps tell them: the share of weights that each margin allows, over that at the lowest."""
    machine = gn.Machine(1, 7, outputs=1, ensemble="ising", potential=gn.HardCore(BARS[-1]))
    protocol = gn.Protocol(sweeps=400, waiting_times=(50,), clones=2, samples=20, points_per_decade=1)
    task = gn.tasks.Task.from_arrays(*DATA)
    over = Exchange(over="margin", values=BARS)
    ds = gn.simulate(machine, task, protocol=protocol, exchange=over, dynamics="heat_bath")
    found = gn.analysis.exchange_summary(ds)["log_evidence"].values
    J = 2 * ((np.arange(2**7)[:, None] >> np.arange(7)) & 1) - 1
    gap = np.einsum("wj,mj,m->wm", J, DATA[0], DATA[1][:, 0]) / np.sqrt(7)
    exact = np.log([(gap.min(1) >= margin).mean() for margin in BARS])
    error = found.std(0, ddof=1) / np.sqrt(len(found))
    assert (abs(found.mean(0) - exact)[1:] < ref.THRESHOLD * error[1:]).all(), (found.mean(0), exact, error)
    assert error.max() < 0.05


def first_margin(state, then, scene):
    return scene.margin


def test_observables_of_a_user_see_the_margin_of_their_rung():
    ds = run(observables={"own": gn.Observable(first_margin)})
    np.testing.assert_allclose(ds["own"].isel(time=0), [np.float32(LADDER)] * 2)


def test_weights_of_a_guide():
    """The energies of the rungs are those at their weights, and swaps happen; lambda = 0 obeys the labels alone."""
    task = guided(0.5)
    over = Exchange(over="guide_weight", values=[0.0, 0.25, 0.5, 1.0])
    ds = run(task=task, exchange=over, beta=2.0)
    assert ds["energy"].dims == ("sample", "guide_weight", "time", "layer")
    swaps = ds.clone_swaps_accepted.isel(lag=-1, guide_weight=slice(0, 3))
    assert (swaps.sum(("sample", "clone", "waiting_time")) > 0).all()
    for weight in over.values:
        one = ds.sel(guide_weight=weight)
        system = Perceptron(tiny.MACHINE)
        boundary = system.clamped(guided(weight))
        exact = []
        for k in range(4):
            state = pack(tiny.MACHINE, *gn.configuration(one, waiting_time=9, configuration=k))
            exact.append(layer_energy(tiny.MACHINE, state, boundary)["energy"])
        found = one.clone_energy.sel(waiting_time=9).isel(lag=-1).values.reshape(4, 3)
        np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-6)


def guided(weight):
    """Data with what a teacher asks of their outputs."""
    task, rng = tiny.task(), np.random.default_rng(2)
    ids = np.arange(tiny.PATTERNS)
    guide = Guide.of(rng.normal(size=(tiny.PATTERNS, 2)), ids, weight=weight)
    return replace(task, ids=ids, guide=guide)


@dataclass(frozen=True)
class Own:
    """A potential of a user."""

    margin: float = 0.0

    def cost(self, gap):
        return jnp.maximum(-gap, 0)

    def energy(self, gap):
        return np.maximum(-gap, 0)


def build_own(machine, plan):
    return Perceptron(machine).kernel(plan)


@pytest.mark.parametrize(("changes", "words"), [
    ({"beta": [1.0, 2.0]}, "`beta` must be one number or Schedule"),
    ({"exchange": Exchange(over="margin", values=[-0.5, 0.5])}, "`exchange.values` must have the margin of the run"),
    ({"exchange": Exchange(over="guide_weight", values=[0, 1])}, "`task` must have a guide"),
    ({"machine": gn.Machine(3, 4, inputs=5, outputs=2, potential=Own())}, "`potential` must be one of the package"),
    ({"dynamics": build_own}, "`dynamics` must be a named one for an exchange over margins"),
    ({"machine": Wells(2, 0.5), "task": None, "keep_configurations": False, "numbers": {"step": 1.0}},
     "`exchange.over` must be one of 'temperature' for a Wells"),
    ({"exchange": Exchange(over="power", values=[1, 2])}, "`exchange.over` must be one of 'temperature', 'margin', "),
    ({"task": guided(0.5), "exchange": Exchange(over="guide_weight", values=[0.5, 1.5])}, r"lie in \[0, 1\]"),
])  # fmt: skip
def test_what_cannot_be_exchanged_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        run(**changes)


@pytest.mark.parametrize(("values", "words"), [
    ({"over": 1}, "over"),
    ({"over": "margin"}, "at least two"),
    ({"over": "margin", "values": [0.0]}, "at least two"),
    ({"over": "margin", "values": [0.1, 0.0]}, "ascend"),
    ({"over": "margin", "values": [1.0, 1.0 + 1e-9]}, "ascend"),
    ({"over": "margin", "values": [0.0, np.inf]}, "finite"),
    ({"over": "margin", "values": 0.0}, "list of numbers"),
    ({"over": "margin", "values": [0, 1], "tune": 100}, "tune"),
    ({"values": [0, 1]}, "left out over temperatures"),
])  # fmt: skip
def test_numbers_of_an_exchange(values, words):
    with pytest.raises(ValueError, match=words):
        Exchange(**values)


def test_a_run_starts_from_one_margin(whole):
    with pytest.raises(ValueError, match="`start` must be of one margin"):
        tiny.run(start=whole)
    alone = tiny.run(protocol=PROTOCOL, start=whole.sel(margin=0.2))
    ladder = run(start=alone, beta=gn.Schedule.linear(1.0, 5.0, 8))
    for ds, source, at in ((alone, whole.sel(margin=0.2), {}), (ladder, alone, {"margin": 0.4})):
        weights, spins = gn.configuration(source, waiting_time=9, configuration=2)  # the first clone of sample 1
        machine = replace(tiny.MACHINE, potential=gn.SoftCore(margin=at.get("margin", 0.0)))
        exact = gn.energy(machine, weights, spins) / (np.array([4, 4, 2]) * tiny.PATTERNS)
        np.testing.assert_allclose(ds.energy.sel(sample=1, time=0, **at), exact, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_longer_run_goes_on_from_its_folder(whole, tmp_path):
    run(folder=tmp_path / "run")
    longer = gn.resume(tmp_path / "run", sweeps=20)
    assert_same(longer, run(protocol=replace(PROTOCOL, sweeps=20)))


# Files, commands, summaries


def config(**changes):
    arguments = {"machine": tiny.MACHINE, "task": RandomTask(tiny.PATTERNS), "beta": 5.0, "exchange": 2}
    return RunConfig(**(arguments | changes))


def test_margins_in_a_file():
    of_margins = config(margins=[-0.5, 0])
    assert RunConfig.from_json(of_margins.to_json()) == of_margins
    assert of_margins.to_dict()["margins"] == [-0.5, 0.0]
    assert of_margins.config_hash == config(margins=(-0.5, 0.0)).config_hash
    assert "margins" not in config(beta=[1.0, 2.0]).to_dict()
    job = of_margins.job()
    assert job.system.exchange == Exchange(2, over="margin", values=(-0.5, 0.0))
    assert (job.rung, job.rungs, job.ladder) == ("margin", 2, False)


@pytest.mark.parametrize(("changes", "words"), [
    ({"exchange": 0}, "`margins` must be left out without an exchange"),
    ({"tune": 100}, "`tune` must be 0 with margins"),
    ({"margins": [0.0, -0.5]}, "ascend"),
    ({"margins": 0.5}, "list of numbers"),
])  # fmt: skip
def test_margins_that_a_file_must_not_have(changes, words):
    with pytest.raises(ValueError, match=words):
        config(**{"margins": [-0.5, 0.0]} | changes)


def test_betas_and_margins_are_not_both_a_ladder():
    with pytest.raises(ValueError, match="`beta` must be one number or Schedule"):
        config(beta=[1.0, 2.0], margins=[-0.5, 0.0]).job()


def test_the_ladder_is_judged_by_its_swaps(whole):
    found = gn.analysis.exchange_summary(whole)
    offered, accepted = (
        x.isel(waiting_time=-1, lag=-1) - x.isel(waiting_time=-1, lag=0)
        for x in (whole.clone_swaps_offered, whole.clone_swaps_accepted)
    )
    rejected = (1 - accepted.sum(("sample", "clone")) / offered.sum(("sample", "clone"))).values[:-1]
    np.testing.assert_allclose(found["rejected"].values[:-1], rejected)
    np.testing.assert_allclose(found["barrier"], rejected.sum())
    assert found["rejected"].dims == ("margin",)
    assert "rungs_needed" in found and "log_evidence" not in found


def test_commands_show_it(whole, tmp_path, capsys):
    gn.save(whole, tmp_path / "run.nc")
    info.main([str(tmp_path / "run.nc")])
    told = capsys.readouterr().out
    assert "rungs needed" in told and "margin -0.6" in told and "-0.6, -0.3, 0, 0.2, 0.4" in told
    assert float(plot.at_margin(whole, None)["margin"]) == 0.0
    assert float(plot.at_margin(whole, 0.19)["margin"]) == 0.2
    with pytest.raises(ValueError, match="`margin` must be left out"):
        plot.at_margin(tiny.standard(), 0.2)
    with pytest.raises(ValueError, match="have a single margin"):
        gn.plot.autocorrelation(whole)


@pytest.mark.slow
def test_reports_and_pictures_show_it(whole, tmp_path):
    gn.save(whole, tmp_path / "run.nc")
    report.main([str(tmp_path / "run.nc")])
    page = next(tmp_path.glob("*.html")).read_text()
    assert "Swaps of each margin with the next higher one" in page and "All else on this page is at κ = 0." in page
    assert "neighbouring margins swap" in page
    plot.main([str(tmp_path / "run.nc")])
    assert (tmp_path / "run.png").stat().st_size > 10_000


def test_margins_that_round_to_the_own_one_are_it():
    values = np.arange(-0.3, 0.05, 0.1)
    assert values[-1] != 0
    exchange = gn.Exchange(over="margin", values=tuple(values)).around(0.0)
    assert exchange.values[-1] == 0 and exchange.values[:-1] == tuple(values[:-1])
    assert exchange.around(-0.25) == exchange
