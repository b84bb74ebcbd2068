"""Comparisons: the yardstick and the dense model sample the right distributions, the command prints and writes all."""

import itertools
import json
from pathlib import Path

import compare
import jax.numpy as jnp
import numpy as np
import pytest
import sk
import yardstick
from compiler import compiled
from peers import Ours
from samplers import compared
from yardstick import Yardstick

import glassnet as gn
from glassnet.bench import report as bench
from glassnet.bench.cases import BETA, WEIGHT_STEP, Case
from glassnet.bench.program import Program
from glassnet.bench.table import markdown
from glassnet.core import keys

needs_sweep = pytest.mark.skipif(sk.status().startswith("no"), reason=sk.status())
needs_yardstick = pytest.mark.skipif(yardstick.status().startswith("no"), reason=yardstick.status())


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


@pytest.mark.parametrize("native", [pytest.param(True, marks=needs_sweep), False])
def test_dense_model_against_enumeration(native):
    J = 2 * sk.couplings(9, seed=3)
    found = sampled(J, native=native)
    error = found.std(ddof=1) / np.sqrt(len(found))
    assert error < 0.01
    assert abs(found.mean() - exact_energy(J)) < 4.5 * error
    for broken in ({"temperature": 1.1}, {"change": lambda J: np.triu(J)}, {"change": np.abs}):
        wrong = sampled(J, native=native, **broken)
        assert abs(wrong.mean() - exact_energy(J)) > 4.5 * wrong.std(ddof=1) / np.sqrt(len(wrong))


@needs_sweep
@pytest.mark.parametrize(("sites", "replicas"), [(7, 1), (64, 8), (130, 19)])
def test_dense_kernel_decides_as_the_scan(sites, replicas):
    J, spins = sk.padded(sk.couplings(sites)), sk.random_spins(sites, replicas)
    bounds = jnp.int32(3), jnp.int32(9)
    (spins, accepted), (expected, known) = (
        sk.sampler(native=native)(keys.root(1), jnp.asarray(spins), jnp.asarray(J), jnp.float32(1.0), *bounds)
        for native in (True, False)
    )
    np.testing.assert_array_equal(spins, expected)
    np.testing.assert_allclose(accepted, known, rtol=1e-6)


@needs_sweep
def test_dense_kernel_on_every_instruction_set(monkeypatch):
    J, spins = sk.padded(sk.couplings(70)), sk.random_spins(70, 5)
    plain = tuple(flag for flag in sk.FLAGS if flag != "-march=native")
    assert compiled(sk.SOURCE, plain).lanes() <= compiled(sk.SOURCE, sk.FLAGS).lanes()
    found = []
    for flags in (plain, sk.FLAGS):
        monkeypatch.setattr(sk, "FLAGS", flags)
        run = sk.sampler(native=True)
        found.append(run(keys.root(1), jnp.asarray(spins), jnp.asarray(J), jnp.float32(1), jnp.int32(0), jnp.int32(5)))
    np.testing.assert_array_equal(found[0][0], found[1][0])


@needs_sweep
def test_wrong_shapes_are_refused():
    J, spins = sk.couplings(70), sk.random_spins(70, 5)
    operands = keys.root(1), jnp.asarray(spins), jnp.asarray(J), jnp.float32(1), jnp.int32(0), jnp.int32(5)
    with pytest.raises(ValueError, match="Argument `J` must have 70 rows and at least 128 columns"):
        sk.sampler(native=True)(*operands)


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


@needs_yardstick
def test_yardstick_has_the_physics_of_the_package():
    depth, width, patterns, replicas = 3, 8, 64, 24
    program = Program(Case("small", replicas, gn.Machine(depth, width, ensemble="gaussian"), patterns))
    clamped = program.drives.chunks[0].clamped
    data = {"inputs": np.asarray(clamped.inputs), "outputs": np.asarray(clamped.outputs)}
    ours = averaged(program, lambda: energies(program))
    for beta, right in ((BETA, True), (0.9 * BETA, False)):
        stick = Yardstick(replicas, depth, width, patterns, beta=beta, weight_step=WEIGHT_STEP, **data)
        assert (abs(z_score(ours, averaged(stick, stick.energy))) < 4.5) == right


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A short comparison of one case, the samplers left out, and its files."""
    folder = tmp_path_factory.mktemp("comparison")
    compare.main(["--only", "loop", "--cases", "0", "--seconds", "0.05", "--scan", "--output-dir", str(folder)])
    return folder


@pytest.mark.slow
def test_comparison_is_complete(quick):
    results = json.loads((quick / "comparison.json").read_text())
    assert {"versions", "processor", "cores", "sweeps", "git_commit", "yardstick", "sk", "peers"} <= results[
        "made"
    ].keys()
    (row,) = results["loop"]
    assert row["site_updates_per_s"] > 0
    if yardstick.known(4, 64, 64):
        assert row["fraction_of_yardstick"] == row["site_updates_per_s"] / row["yardstick"]["site_updates_per_s"]
        assert 0.02 < row["fraction_of_yardstick"] < 50


def test_comparison_in_markdown(quick):
    text = (quick / "comparison.md").read_text()
    assert "| R=1 L=4 N=64 M=64 |" in text and "Equal layers" in text
    assert "`python experiments/benchmarks/compare.py --only loop --cases 0" in text
    assert "openjij" in text.lower()


def test_samplers_as_a_table():
    J = sk.couplings(32)
    rows = compared({"one": Ours(J, 1.0, native=False), "hot": Ours(J, 0.7, native=False)}, J, blocks=10, sweeps=20)
    text = markdown(compare.SAMPLERS, rows)
    assert "| one | 32 | 32 |" in text and text.splitlines()[-1].endswith("| energies differ |")


@pytest.mark.parametrize(("name", "report"), [("benchmarks", bench.report), ("comparison", compare.report)])
def test_committed_tables_are_those_of_the_numbers(name, report):
    folder = Path(__file__).parents[2] / "results" / "benchmarks"
    assert (folder / f"{name}.md").read_text() == report(json.loads((folder / f"{name}.json").read_text()))
