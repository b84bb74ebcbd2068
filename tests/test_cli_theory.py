"""glassnet theory: every curve from options to a table and a file, with numbers known from the theory."""

import json
import os

import numpy as np
import pytest
from command import command

import glassnet as gn
from glassnet.cli.theory import CURVES, parsed
from glassnet.core.codec import config_hash

CASES = {
    "overlap": (["--depth", "3", "--alpha", "5", "1"], "spin_overlap", {"alpha": 5, "layer": 1}, 0.13409),
    "branches": (["--depth", "3", "--alpha", "17"], "free_entropy", {"branch": "crystal", "alpha": 17}, -0.53086),
    "transitions": (["--depths", "2", "3"], "transition", {"depth": 3, "layer": 1}, 2.4674),
    "penetration": (["--levels", "3"], "transition", {"layer": 2}, 21.012),
    "parisi": (["--depth", "2", "--alpha", "3", "--steps", "1"], "free_entropy", {"alpha": 3}, -0.69865),
    "one-output": (
        ["--depths", "1", "2", "--alpha", "0", "5", "--noise", "0.1"],
        "generalisation_error",
        {"depth": 2, "alpha": 5},
        0.40231,
    ),
}
"""Options, and a variable with its value at a point, to five digits."""


def call(*arguments):
    """Exit status, stdout and stderr of `glassnet theory`."""
    return command("theory", *arguments)


@pytest.mark.parametrize("name", CASES)
def test_curves_from_options_to_file(name, tmp_path):
    options, variable, point, value = CASES[name]
    path = tmp_path / "out.nc"
    status, out, err = call(name, *options, "--output", path)
    assert (status, err) == (0, "")
    assert f"{value:.5g}" in out
    assert out.endswith(f"wrote {path}\n")
    assert os.listdir(tmp_path) == ["out.nc"]
    ds = gn.open(path)
    assert f"{float(ds[variable].sel(point)):.5g}" == f"{value:.5g}"
    config = json.loads(ds.attrs["config"])
    assert config["theory"] == ds.attrs["theory"] == name
    assert config_hash(config) == ds.attrs["config_hash"]
    assert {"versions", "started", "finished", "git_commit"} <= set(ds.attrs)
    status, _, err = command("plot", path)
    assert status == 2 and "`file` must be the result of a simulation" in err
    status, said, err = command("info", path)
    assert (status, err) == (0, "")
    for words in ("complete", "theory", "sizes", *point, f"{value:.5g}", "versions"):
        assert words in said


def test_every_curve_is_tested():
    assert set(CASES) == set(CURVES)


def test_a_table_without_a_file():
    status, out, err = call("transitions", "--depths", "2", "3")
    assert (status, err) == (0, "")
    assert out.splitlines()[:5] == [
        "closure factorised, scenario random, exactness heuristic",
        "alpha at which the layer orders",
        f"  {'layer':<26}{1:>12}{2:>12}",
        f"  {'depth 2':<26}{'1.2337':>12}{'-':>12}",
        f"  {'depth 3':<26}{'2.4674':>12}{'2.4674':>12}",
    ]


def test_the_fit_is_printed():
    assert "fit from layer 2\n  xi = -" in call("penetration", "--levels", "3")[1]


def test_long_tables_are_cut_where_a_file_holds_the_rest(tmp_path):
    options = ["overlap", "--depth", "1", "--alpha", *np.linspace(0.1, 1, 15)]
    assert "more" not in call(*options)[1]
    assert "... and 3 more" in call(*options, "--output", tmp_path / "out.nc")[1]
    assert gn.open(tmp_path / "out.nc").sizes["alpha"] == 15


def test_quiet_and_overwrite(tmp_path):
    path = tmp_path / "out.nc"
    path.write_bytes(b"old")
    options = ["overlap", "--depth", "2", "--alpha", "10", "--output", path, "--quiet", "--overwrite"]
    assert call(*options) == (0, "", "")
    assert bool(gn.open(path)["above_capacity_bound"].all())
    status, out, err = command("info", "--config", path)
    assert (status, out) == (2, "")
    assert "must be made by `glassnet run`" in err


def test_formal_results_come_with_a_warning_of_one_line():
    status, _, err = call("overlap", "--depth", "2", "--alpha", "10")
    assert status == 0
    assert err.startswith("glassnet: warning: ")
    assert "capacity bound" in err
    assert err.count("\n") == 1


def test_no_result_beyond_capacity(tmp_path):
    status, out, err = call("overlap", "--depth", "1", "--alpha", "2.2", "--output", tmp_path / "out.nc", "--quiet")
    assert (status, out) == (1, "")
    assert err.startswith("glassnet: error: No fixed point")
    assert os.listdir(tmp_path) == []


def test_potentials():
    def potential(*arguments):
        return parsed("parisi", ["--depth", "2", "--alpha", "3", *arguments]).potential

    assert potential() == gn.HardCore()
    assert potential("--potential.margin", "0.2") == gn.HardCore(0.2)
    assert potential("--potential=counting") == gn.Counting()
    for name in ("soft_core", "soft-core", "SoftCore"):
        assert potential("--potential", name, "--potential.power", "1") == gn.SoftCore(power=1)


def test_soft_core_has_its_closed_form(tmp_path):
    path, beta = tmp_path / "out.nc", 5.0
    assert call("transitions", "--depths", 3, "--potential", "soft_core", "--beta", beta, "--output", path)[0] == 0
    sigma = 1 + 2 * beta
    g2 = 2 / np.pi * ((1 - 1 / sigma) / (1 + sigma**-0.5)) ** 2
    ds = gn.open(path)
    assert ds["transition"].values == pytest.approx(1 / g2**2, rel=1e-9)
    assert json.loads(ds.attrs["config"])["potential"] == {
        "kind": "SoftCore",
        "power": 2.0,
        "strength": 1.0,
        "margin": 0.0,
    }


def test_help():
    status, out, _ = call("--help")
    assert status == 0
    assert out.startswith("usage: glassnet theory")
    for name in CURVES:
        assert f"  {name} " in out
        status, said, _ = call(name, "--help")
        assert status == 0
        assert f"usage: glassnet theory {name}" in said
        assert "--output" in said
    assert "  theory " in command("--help")[1]


TWO = ["overlap", "--depth", "2", "--alpha"]
NAMES = "overlap, branches, transitions, penetration, parisi, one-output"
BAD_OPTIONS = [
    ([], f"Argument `name` must be one of {NAMES}, but is ''."),
    (["dance"], f"Argument `name` must be one of {NAMES}, but is 'dance'."),
    (["overlap", "--depth", "2"], "Missing from glassnet theory overlap: --alpha"),
    ([*TWO], "Argument `alpha` must be a sequence of numbers, but is ()."),
    ([*TWO, "3", "0"], "Argument `alpha` must be a positive finite number, but is 0.0."),
    ([*TWO, "-1"], "Argument `alpha` must be a positive finite number, but is -1.0."),
    ([*TWO, "nan"], "Argument `alpha` must be a positive finite number, but is nan."),
    ([*TWO, "high"], "`alpha` must be as its help says, but is 'high'."),
    (["parisi", "--depth", "2", "--alpha", "0"], "Argument `alpha` must be a positive finite number, but is 0.0."),
    (["parisi", "--depth", "2", "--alpha", "3", "--steps", "0"], "Argument `steps` must be an integer of at least 1"),
    (["branches", "--depth", "0", "--alpha", "3"], "Argument `depth` must be an integer of at least 1, but is 0."),
    (["branches", "--depth", "2", "--alpha", "3", "--beta", "1"], "Argument `--beta` is unknown"),
    (["transitions", "--depths", "3", "1"], "Argument `depths` must be an integer of at least 2, but is 1."),
    (["penetration", "--levels", "2"], "Argument `levels` must be an integer of at least 3, but is 2."),
    (["penetration", "--levels", "3", "--fit-from", "0"], "Argument `fit_from` must be an integer of at least 1"),
    ([*TWO, "3", "--potential", "soft_core"], "Argument `beta` must be given for a soft potential, but is None."),
    ([*TWO, "3", "--potential", "soft"], "Argument `potential` must be one of soft_core, hard_core, counting, but is"),
    ([*TWO, "3", "--potential"], "argument --potential: expected one argument"),
    ([*TWO, "3", "--potential.margin", "nan"], "Argument `margin` must be a finite number, but is nan."),
    ([*TWO, "3", "--beta", "-1"], "Argument `beta` must be a positive finite number, but is -1.0."),
    ([*TWO, "3", "--scenario", "planted"], "Argument `scenario` must be one of 'random', 'teacher', but is 'planted'."),
    ([*TWO, "3", "--closure", "open"], "Argument `closure` must be one of 'factorised', 'exact', but is 'open'."),
    (["one-output", "--depths", "0", "--alpha", "1"], "Argument `depths` must be an integer of at least 1, but is 0."),
    (["one-output", "--depths", "1", "--alpha", "-1"], "Argument `alpha` must hold finite numbers of at least 0, but"),
    (["one-output", "--depths", "1", "--alpha", "1", "--noise", "0.6"], "Argument `noise` must hold numbers from 0 to"),
    ([*TWO, "3", "--branch", "liquid"], "Argument `branch` must be one of 'grown', 'crystal', but is 'liquid'."),
]


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS)
def test_bad_options(options, message, tmp_path):
    output = ["--output", tmp_path / "out.nc"] if options else []
    status, out, err = call(*options, *output)
    assert (status, out) == (2, "")
    assert err.startswith("glassnet: error: ")
    assert message in err
    assert err.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_bad_outputs_are_found_before_anything_is_computed(tmp_path, monkeypatch):
    def refuse(**_):
        raise AssertionError("a bad output reached the theory")

    monkeypatch.setattr("glassnet.theory.curves.overlap_curves", refuse)
    (tmp_path / "there.nc").write_bytes(b"keep me")
    (tmp_path / "folder.nc").mkdir()
    cases = {
        tmp_path / "out.txt": "Argument `output` must end in .nc, but is",
        tmp_path / "absent" / "out.nc": "Argument `output` must lie in an existing folder, but is",
        tmp_path / "there.nc": "Argument `output` must not exist yet unless --overwrite is given, but is",
        tmp_path / "folder.nc": "Argument `output` must be a file, not a folder, but is",
    }
    for path, message in cases.items():
        status, out, err = call(*TWO, "3", "--output", path)
        assert (status, out) == (2, "")
        assert f"{message} {str(path)!r}" in err
    assert (tmp_path / "there.nc").read_bytes() == b"keep me"


def test_theory_is_an_attribute_of_the_package():
    assert gn.theory.transitions(depth=3).alpha_g == pytest.approx(np.pi**2 / 4)


def test_the_former_option_works_with_a_warning():
    options = ["overlap", "--depth", "1", "--alpha", "0.5"]
    status, out, err = call(*options, "--weights", "ising")
    assert status == 0 and err == (
        "glassnet: warning: `--weights` is now called `--ensemble`; the former name goes with the next release.\n"
    )
    assert call(*options, "--ensemble", "ising") == (0, out, "")


def test_the_closure_is_printed_and_a_noisy_teacher_told():
    soft = ("--scenario", "teacher", "--potential", "soft_core", "--beta", "3")
    status, out, err = call("overlap", "--depth", "2", "--alpha", "1", *soft)
    assert status == 0 and out.startswith("closure factorised, scenario teacher, exactness heuristic\n")
    assert err.startswith("glassnet: warning: a teacher with SoftCore(") and err.count("\n") == 1
    assert "no task has it: this is the theory of another problem." in err
    err = call("overlap", "--depth", "2", "--alpha", "1", *soft[:2], "--potential", "counting", "--beta", "3")[2]
    assert "errs with probability 0.0474259 at each neuron: this is the theory of tasks.teacher_student(noise=" in err
    hard = call("overlap", "--depth", "2", "--alpha", "1", "--scenario", "teacher")
    assert hard[0] == 0 and hard[2] == ""
