"""Benchmarks: the yardstick and the dense model sample the right distributions, the command prints and writes all."""

import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from command import command as call

import glassnet as gn
from glassnet.bench import sk, yardstick
from glassnet.bench.cases import BETA, WEIGHT_STEP, Case, shapes, sizes, state_bytes, work
from glassnet.bench.comparison import compared
from glassnet.bench.figure import exponent, growth_figure
from glassnet.bench.measuring import measuring_costs
from glassnet.bench.peers import Ours
from glassnet.bench.program import Program
from glassnet.bench.rates import rates
from glassnet.bench.yardstick import Yardstick
from glassnet.core import keys
from glassnet.native import library

needs_kernels = pytest.mark.skipif(not library.available(), reason=library.status())
needs_compiler = pytest.mark.skipif(yardstick.status().startswith("no"), reason=yardstick.status())


def z_score(a, b):
    """Difference of the means of independent numbers, in standard errors."""
    errors = [x.std(ddof=1) / np.sqrt(len(x)) for x in (a, b)]
    return (a.mean() - b.mean()) / np.hypot(*errors)


def sampled(J, *, native, replicas=64, sweeps=400, temperature=1.0, change=lambda J: J):
    """Mean energy per spin of each replica after 20 sweeps; `change` breaks the couplings that the sampler sees."""
    run, key = sk.sampler(native=native), keys.root(5)
    spins, seen, T = jnp.asarray(sk.random_spins(len(J), replicas)), jnp.asarray(sk.padded(change(J))), temperature
    means = []
    for t in range(20, sweeps, 2):
        spins, _ = run(key, spins, seen, jnp.float32(T), jnp.int32(t if means else 0), jnp.int32(t + 2))
        means.append(sk.energy(J, np.asarray(spins)))
    return np.mean(means, axis=0)


def exact_energy(J):
    """Mean energy per spin at T = 1 by enumeration."""
    spins = np.array(list(itertools.product([-1, 1], repeat=len(J)))).T
    E = len(J) * sk.energy(J, spins)
    p = np.exp(-(E - E.min()))
    return (E * p).sum() / p.sum() / len(J)


@pytest.mark.parametrize("native", [pytest.param(True, marks=needs_kernels), False])
def test_dense_model_against_enumeration(native):
    J = 2 * sk.couplings(9, seed=3)
    found = sampled(J, native=native)
    error = found.std(ddof=1) / np.sqrt(len(found))
    assert error < 0.01
    assert abs(found.mean() - exact_energy(J)) < 4.5 * error
    for broken in ({"temperature": 1.1}, {"change": lambda J: np.triu(J)}, {"change": np.abs}):
        wrong = sampled(J, native=native, **broken)
        assert abs(wrong.mean() - exact_energy(J)) > 4.5 * wrong.std(ddof=1) / np.sqrt(len(wrong))


@needs_kernels
@pytest.mark.parametrize(("sites", "replicas"), [(7, 1), (64, 8), (130, 19)])
def test_dense_kernel_decides_as_the_scan(sites, replicas):
    J, spins = sk.padded(sk.couplings(sites)), sk.random_spins(sites, replicas)
    bounds = jnp.int32(3), jnp.int32(9)
    results = [
        sk.sampler(native=native)(keys.root(1), jnp.asarray(spins), jnp.asarray(J), jnp.float32(1.0), *bounds)
        for native in (True, False)
    ]
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


@needs_kernels
def test_dense_kernel_on_every_instruction_set():
    J, spins = sk.padded(sk.couplings(70)), sk.random_spins(70, 5)
    before, found = library.instruction_set(), []
    for name in ("base", before):
        library.use(name)
        run = sk.sampler(native=True)
        found.append(run(keys.root(1), jnp.asarray(spins), jnp.asarray(J), jnp.float32(1), jnp.int32(0), jnp.int32(5)))
    np.testing.assert_array_equal(found[0][0], found[1][0])


@needs_kernels
def test_wrong_shapes_are_refused():
    J, spins = sk.couplings(70), sk.random_spins(70, 5)
    operands = keys.root(1), jnp.asarray(spins), jnp.asarray(J), jnp.float32(1), jnp.int32(0), jnp.int32(5)
    with pytest.raises(jax.errors.JaxRuntimeError, match="do not fit"):
        jax.block_until_ready(sk.sampler(native=True)(*operands))


def test_a_rate_counts_only_if_energies_agree():
    J = sk.couplings(32)
    samplers = {"right": Ours(J, 1.0, native=False), "same": Ours(J, 1.0, native=False, chains=16)}
    rows = compared(samplers | {"hot": Ours(J, 0.7, native=False)}, J, blocks=10, sweeps=20)
    assert [row["agrees"] for row in rows] == [True, True, False]
    assert rows[1]["proposals_per_s"] > 0 and rows[2]["proposals_per_s"] is None


def energies(program):
    """Energy of each replica of a uniform machine."""
    outputs = np.asarray(program.drives.chunks[0].clamped.outputs)
    found = []
    for state in program.states.chunks:
        own = [np.concatenate([spins, outputs[None]]) for spins in np.asarray(state.spins)]
        found += [(np.minimum(u * S, 0.0) ** 2).sum() for u, S in zip(np.asarray(state.fields[0]), own, strict=True)]
    return np.array(found)


def averaged(sampler, measure):
    """Mean of a measurement over time, after the start is forgotten."""
    sampler.sweep(600)
    means = []
    for _ in range(40):
        sampler.sweep(20)
        means.append(measure())
    return np.mean(means, axis=0)


@needs_compiler
def test_yardstick_has_the_physics_of_the_package():
    depth, width, patterns, replicas = 3, 8, 64, 24
    program = Program(Case("small", replicas, gn.Machine(depth, width, ensemble="gaussian"), patterns))
    clamped = program.drives.chunks[0].clamped
    data = {"inputs": np.asarray(clamped.inputs), "outputs": np.asarray(clamped.outputs)}
    ours = averaged(program, lambda: energies(program))
    for beta, right in ((BETA, True), (0.9 * BETA, False)):
        stick = Yardstick(replicas, depth, width, patterns, beta=beta, weight_step=WEIGHT_STEP, **data)
        assert (abs(z_score(ours, averaged(stick, stick.energy))) < 4.5) == right


def test_work_and_state_of_a_sweep():
    machine = gn.Machine(3, 8, inputs=20, outputs=2, ensemble="gaussian")
    weights = 20 * 8 + 8 * 8 + 8 * 2
    assert work(machine, 10) == (weights + 2 * 8 * 10, weights * 10 + 80 * 8 + 80 * 2)
    assert state_bytes(machine, 10) == 10 * 38 + 4 * (10 * 18 + weights)
    assert work(gn.Machine(3, 64, connectivity=4), 10)[1] == 3 * 64 * 4 * 10 + 2 * 64 * 10 * 4
    assert len({case.name for case in sizes() + shapes()}) == 12


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A short benchmark of one case with growth left out, and its files."""
    folder = tmp_path_factory.mktemp("bench")
    words = ("--only", "sizes", "--cases", "0", "--seconds", "0.05", "--scan")
    return folder, call("bench", *words, "--output-dir", folder, "--json", folder / "all.json")


def test_command_prints_a_table(quick):
    folder, (status, out, err) = quick
    assert (status, err) == (0, "")
    for words in ("sweeps", "yardstick", "M sites/s", "R=1 L=4 N=64 M=64", "wrote"):
        assert words in out


def test_json_is_complete(quick):
    folder, _ = quick
    results = json.loads((folder / "all.json").read_text())
    assert {"versions", "processor", "cores", "sweeps", "yardstick", "git_commit"} <= results["made"].keys()
    (row,) = results["sizes"]
    numbers = ("site_updates_per_s", "element_updates_per_s", "sweep_ms", "compile_s", "state_bytes", "memory_ratio")
    assert all(row[name] > 0 for name in numbers)
    if library.available():
        assert row["scan"]["site_updates_per_s"] > 0
    if yardstick.known(4, 64, 64):
        assert 0.02 < row["fraction_of_limit"] < 50


def test_a_machine_beside_a_plainer_one():
    machine, plain = gn.Machine(2, 8, inputs=30, ensemble="gaussian"), gn.Machine(2, 8, ensemble="gaussian")
    (row,) = rates([Case("small", 2, machine, 16, "heat_bath", reference=plain)], seconds=0.01)
    ratio = row["element_updates_per_s"] / row["reference"]["element_updates_per_s"]
    assert row["fraction_of_reference"] == pytest.approx(ratio)
    assert row["widths"] == [30, 8, 8] and "yardstick" not in row


def test_cost_of_measuring():
    (row,) = measuring_costs([(2, 4, 8, 10)])
    assert row["run_s"] > row["sweeps_s"] > 0 and row["sweeps"] == 11 and row["points"] > 3
    assert row["beyond_s"] == pytest.approx(row["run_s"] - row["sweeps_s"])
    assert row["cost_beyond_sweeps"] == pytest.approx(row["beyond_s"] / row["sweeps_s"])


def test_tables_in_markdown(quick):
    folder, _ = quick
    text = (folder / "benchmarks.md").read_text()
    assert "| R=1 L=4 N=64 M=64 |" in text and "Equal layers" in text
    assert json.loads((folder / "benchmarks.json").read_text()) == json.loads((folder / "all.json").read_text())


def test_growth_figure():
    rows = [
        {"axis": axis, axis: x, "sweep_seconds": 1e-6 * x**power, "element_updates": x**power}
        for axis, power in (("R", 1), ("L", 1), ("N", 2), ("M", 1))
        for x in (2, 4, 8, 16)
    ]
    figure = growth_figure(rows)
    assert len(figure.axes) == 4
    assert "2.00 $\\pm$ 0.00" in figure.axes[2].get_legend().get_texts()[1].get_text()
    slope, error = exponent([1, 2, 4, 8], [1.0, 2.1, 3.9, 8.2])
    assert abs(slope - 1) < 3 * error < 0.1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "speed"], "invalid choice 'speed'"),
        (["--fast"], "Unrecognized options: --fast"),
        (["--seconds", "0"], "Argument `seconds` must be a positive finite number"),
        (["--cases", "99"], "Argument `cases` must be below"),
        (["--json", "bench.txt"], "must end in .json"),
        (["--json", "nowhere/bench.json"], "existing folder"),
    ],
)
def test_wrong_options(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = call("bench", *words)
    assert status == 2 and not out
    assert said in err and err.count("\n") == 1
