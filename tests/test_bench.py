"""Benchmarks: the work of a sweep, rates beside other programs, the command prints and writes all."""

import json

import pytest
from command import command as call

import glassnet as gn
from glassnet.bench.cases import Case, shapes, sizes, state_bytes, uniform, work
from glassnet.bench.figure import exponent, growth_figure
from glassnet.bench.measuring import measuring_costs
from glassnet.bench.peak import run_peaks
from glassnet.bench.rates import rates
from glassnet.native import library


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
    for words in ("sweeps", "M sites/s", "R=1 L=4 N=64 M=64", "wrote", "M sites/s: proposals"):
        assert words in out


def test_json_is_complete(quick):
    folder, _ = quick
    results = json.loads((folder / "all.json").read_text())
    assert {"versions", "processor", "cores", "sweeps", "git_commit"} <= results["made"].keys()
    (row,) = results["sizes"]
    numbers = ("site_updates_per_s", "element_updates_per_s", "sweep_ms", "compile_s", "state_bytes", "memory_ratio")
    assert all(row[name] > 0 for name in numbers)
    if library.available():
        assert row["scan"]["site_updates_per_s"] > 0


def test_a_machine_beside_a_plainer_one():
    machine, plain = gn.Machine(2, 8, inputs=30, ensemble="gaussian"), gn.Machine(2, 8, ensemble="gaussian")
    (row,) = rates([Case("small", 2, machine, 16, "heat_bath", reference=plain)], seconds=0.01)
    ratio = row["element_updates_per_s"] / row["reference"]["element_updates_per_s"]
    assert row["fraction_of_reference"] == pytest.approx(ratio)
    assert row["widths"] == [30, 8, 8]


def test_a_machine_beside_other_programs():
    swept = []

    def counting(count):
        swept.append(sum(1 for _ in range(10_000 * count)))

    others = {"counting": lambda case: counting, "unknown": lambda case: None}
    (row,) = rates([uniform(2, 2, 8, 16)], seconds=0.01, others=others)
    assert sum(swept) > 0 and row["counting"]["site_updates_per_s"] > 0
    assert "unknown" not in row


def test_cost_of_measuring():
    (row,) = measuring_costs([(2, 4, 8, 10)])
    assert row["run_s"] > row["sweeps_s"] > 0 and row["sweeps"] == 11 and row["points"] > 3
    assert row["beyond_s"] == pytest.approx(row["run_s"] - row["sweeps_s"])
    assert row["cost_beyond_sweeps"] == pytest.approx(row["beyond_s"] / row["sweeps_s"])


@pytest.mark.slow
def test_a_run_needs_at_most_three_times_its_checkpoint():
    (row,) = run_peaks([(3, 2048, 8, 4)])
    assert row["checkpoint_bytes"] > 2.4e8
    if row["peak_bytes"] is not None:
        assert 1 < row["peak_ratio"] < 3
        assert 0.7 < row["peak_bytes"] / row["said_bytes"] < 1.8


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
        (["--fast"], "Argument `--fast` is unknown"),
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
