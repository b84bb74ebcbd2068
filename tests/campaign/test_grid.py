"""Grids from a file: which configurations they mean, and one clear error for everything that is wrong with them."""

import math

import pytest

import glassnet as gn
from glassnet import campaign
from glassnet.campaign import read_grid
from glassnet.config import RandomTask, RunConfig
from glassnet.core.former import FormerName

BASE = """
[run]
beta = 2.0
machine = {depth = 2, width = 4}
task = {kind = "random", patterns = 3}
protocol = {sweeps = 20, waiting_times = [2, 8]}
"""


def plan_of(folder, text, base=BASE):
    """The plan in a file."""
    (folder / "c.toml").write_text(base + text)
    return read_grid(folder / "c.toml")


def test_points_are_the_configurations_of_all_combinations(tmp_path):
    plan = plan_of(tmp_path, "[grid]\nN = [4, 6]\nalpha = [1, 2.5]\nbeta = [2.0, inf]\n")
    assert plan.shape == (2, 2, 2)
    names = [point.name for point in plan.points]
    assert names[:3] == ["N=4,alpha=1,beta=2", "N=4,alpha=1,beta=inf", "N=4,alpha=2.5,beta=2"]
    last = plan.points[-1].config
    protocol = gn.Protocol(20, (2, 8))
    assert last == RunConfig(gn.Machine(2, 6), RandomTask(15), beta=math.inf, protocol=protocol)


def test_short_names_in_the_table_run_are_fields_unless_the_grid_varies_them(tmp_path):
    base = '[run]\nbeta = 2.0\nalpha = 2.5\nL = 3\nN = 6\ntask = {kind = "random"}\n'
    assert [p.config.task.patterns for p in plan_of(tmp_path, "[grid]\nN = [4, 8]\n", base).points] == [10, 20]
    assert [p.config.task.patterns for p in plan_of(tmp_path, "[grid]\nM = [4, 8]\n", base).points] == [4, 8]
    assert plan_of(tmp_path, "[grid]\nseed = [0]\n", base).points[0].config.machine == gn.Machine(3, 6)


def test_alpha_counts_patterns_by_connectivity_and_is_rounded(tmp_path):
    plan = plan_of(tmp_path, '[grid]\nalpha = [0.7, 5]\nc = [2, 3]\n"machine.width" = [4]')
    patterns = {point.name: point.config.task.patterns for point in plan.points}
    assert patterns["alpha=0.7,c=2,machine.width=4"] == 1
    assert patterns["alpha=0.7,c=3,machine.width=4"] == 2
    assert patterns["alpha=5,c=3,machine.width=4"] == 15


def test_names_and_paths_mean_the_same_fields(tmp_path):
    short = plan_of(tmp_path, "[grid]\nL = [2, 3]\nM = [3, 4]\nseed = [0, 1]\n")
    dotted = plan_of(tmp_path, '[grid]\nmachine.depth = [2, 3]\n"task.patterns" = [3, 4]\nseed = [0, 1]\n')
    assert [p.config for p in short.points] == [p.config for p in dotted.points]
    assert dotted.points[0].name == "machine.depth=2,task.patterns=3,seed=0"
    assert [a.attributes for a in short.axes] == [a.attributes for a in dotted.axes]


def test_names_of_folders_are_safe_and_tell_values_apart(tmp_path):
    plan = plan_of(
        tmp_path,
        '[grid]\nprotocol.waiting_times = [[2, 8], [28]]\nweight_step = [0.1, 1e-5]\ndynamics = ["heat_bath"]\n',
    )
    names = [point.name for point in plan.points]
    assert names[0] == "protocol.waiting_times=2+8,weight_step=0.1,dynamics=heat_bath"
    assert len(set(names)) == 4
    odd = plan_of(tmp_path, '[grid]\ntask.images = ["a/b c.gz"]\n', BASE.replace('"random"', '"digits", labels = "l"'))
    assert odd.points[0].name == "task.images=a%2Fb%20c%2Egz"
    long = plan_of(tmp_path, f'[grid]\ntask.images = ["{"x" * 300}a", "{"x" * 300}b"]\n', odd_base())
    assert max(len(point.name) for point in long.points) < 230
    assert len({point.name for point in long.points}) == 2


def test_noise_of_the_teacher_is_an_axis(tmp_path):
    base = BASE.replace('"random"', '"teacher_student"')
    plan = plan_of(tmp_path, "[grid]\nnoise = [0, 0.1]\n", base)
    assert [(point.name, point.config.task.noise) for point in plan.points] == [("noise=0", None), ("noise=0.1", 0.1)]
    with pytest.raises(ValueError, match="`task.noise` is unknown"):
        plan_of(tmp_path, "[grid]\nnoise = [0.1]\n")


def odd_base():
    """A base configuration with images of one's own."""
    return BASE.replace('"random"', '"digits", labels = "l"')


def test_hash_follows_configurations_and_grid(tmp_path):
    hashes = [
        plan_of(tmp_path, "[grid]\nN = [4, 6]\n").campaign_hash,
        plan_of(tmp_path, "[grid]\nN = [4, 5]\n").campaign_hash,
        plan_of(tmp_path, "[grid]\nN = [4, 6]\n", BASE.replace("2.0", "2.5")).campaign_hash,
    ]
    assert len(set(hashes)) == 3
    assert (
        plan_of(tmp_path, "[cluster]\nx = 1\n[grid]\nN = [4, 6]\n", BASE + "start = 'random'\n").campaign_hash
        == hashes[0]
    )


def test_schedules_side_by_side(tmp_path):
    """Several schedules in one run, in [run] or along an axis; a list of numbers along an axis is one schedule."""
    knots = "schedule = 'linear'\nknots = [0, 9]\n"
    base = BASE.replace("beta = 2.0", f"beta = [[1, 4], [1, 5]]\n{knots}")
    both = plan_of(tmp_path, "[grid]\nN = [4, 6]\n", base).points[0].config
    assert both.inverse_temperature == [gn.Schedule.linear(1, b, 9) for b in (4, 5)]
    text = "[grid]\nbeta = [[[1, 4], [1, 5]], [[1, 4], [1, 6]]]\n"
    plan = plan_of(tmp_path, text, BASE.replace("beta = 2.0", knots))
    assert [point.name for point in plan.points] == ["beta=1+4_1+5", "beta=1+4_1+6"]
    assert plan.points[0].config == both
    single = plan_of(tmp_path, "[grid]\nbeta = [[1, 4], [1, 5]]\n", BASE.replace("beta = 2.0", knots))
    assert [point.config.inverse_temperature for point in single.points] == both.inverse_temperature


WRONG = {
    "": "Argument `grid` must be a table with at least one list of values, but is None.",
    "[grid]\n": "Argument `grid` must be a table with at least one list of values, but is {}.",
    "[grid]\nN = 4\n": "Argument `grid.N` must be a list of values, but is 4.",
    "[grid]\nN = []\n": "Argument `grid.N` must hold at least one value, but is [].",
    "[grid]\nN = [4, 4]\n": "Argument `grid.N` must hold different values, but is [4, 4].",
    "[grid]\nbeta = [1, 1.0]\n": "Argument `grid.beta` must hold different values, but is [1, 1.0].",
    "[grid]\nN = [4, 'wide']\n": "Argument `grid.N` must hold values of one kind, but is [4, 'wide'].",
    "[grid]\nbeta = [nan]\n": "Argument `grid.beta` must hold numbers, words or lists of these, but is nan.",
    "[grid]\nbeta = [[]]\n": "Argument `grid.beta` must hold numbers, words or lists of these, but is [].",
    "[grid]\nmachine = [{depth = 3}]\n": "Argument `grid.machine` must hold numbers, words or lists of these, but is",
    "[grid]\nbreadth = [4]\n": "Argument `grid.breadth` is unknown; a grid has alpha, N, L, M, c, noise, machine, task",
    "[grid]\nmachine.breadth = [4]\n": "Argument `machine.breadth` is unknown; machine has depth, width",
    "[grid]\nalpha = [-1]\n": "Argument `grid.alpha` must be a positive finite number, but is -1.",
    "[grid]\nalpha = [1]\nM = [3]\n": "Argument `grid.M` must set another field than `grid.alpha`, but",
    "[grid]\nN = [4]\nmachine.width = [4]\n": "Argument `grid.machine.width` must set another field than `grid.N`",
    "[grid]\nalpha = [1, 1.1]\n": "`grid` must hold different runs, but alpha=1 and alpha=1.1 are the same.",
    "[grid]\nalpha = [0.01]\n": "`patterns` must be an integer of at least 1, but is 0. This is the grid point alpha=",
    "[grid]\nL = [2, 0]\n": "Argument `depth` must be an integer of at least 1, but is 0. This is the grid point L=0.",
    "[grid]\nc = [4]\nN = [4, 3]\n": "(the narrowest has 3), but is 4. This is the grid point c=4,N=3.",
    "[grid]\nbeta.x = [1]\n": "Argument `grid.beta.x` must lie in tables of the configuration, but is 2.0.",
    "[grid]\nN = [4]\n[extra]\n": "Argument `extra` is unknown; a campaign has run, grid, cluster.",
    "[grid\n": "Argument `file` must hold TOML, but",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_grids(text, tmp_path):
    with pytest.raises(ValueError, match="^Argument `") as error:
        plan_of(tmp_path, text)
    assert WRONG[text] in str(error.value)


def test_wrong_bases(tmp_path):
    with pytest.raises(
        ValueError, match="Argument `machine` must be given, but is missing. This is the grid point seed=0"
    ):
        plan_of(tmp_path, "[grid]\nseed = [0]\n", "")
    with pytest.raises(ValueError, match="Argument `temperature` is unknown; config has machine, task"):
        plan_of(tmp_path, "temperature = 1\n[grid]\nseed = [0]\n")
    with pytest.raises(
        ValueError, match="Argument `betta` is unknown, the nearest is `beta`; config has machine, task"
    ):
        plan_of(tmp_path, "[grid]\nseed = [0]\n", "[run]\nbetta = 3\n")  # before what is missing
    with pytest.raises(ValueError, match="`run.alpha` must not be given beside what sets task.patterns, too, but is 4"):
        plan_of(tmp_path, "[grid]\nseed = [0]\n", BASE + "\nalpha = 4\nM = 3\n")
    with pytest.raises(FileNotFoundError, match="Argument `file` must name a TOML file, but is"):
        read_grid(tmp_path / "absent.toml")
    with pytest.raises(ValueError, match="Argument `file` must end in .toml, but is"):
        read_grid(tmp_path / "c.json")


def test_former_names_work_with_a_warning():
    with pytest.warns(FormerName, match="`read_plan` is now called `read_grid`"):
        assert campaign.read_plan is read_grid
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = campaign.absent


def test_former_names_of_fields_work_with_a_warning(tmp_path):
    text = '[run]\ntask = {kind = "random"}\nmachine = {depth = 2, width = 4}\n[grid]\n"machine.weights" = ["ising"]\n'
    (tmp_path / "c.toml").write_text(text, encoding="utf-8")
    with pytest.warns(FormerName, match=r"`grid.machine.weights` is now called `grid.machine.ensemble`"):
        (point,) = read_grid(tmp_path / "c.toml").points
    assert point.config.machine.ensemble == "ising"


def test_a_grid_that_nobody_could_carry_out_is_refused_at_once(tmp_path):
    values = list(range(1, 2001))
    with pytest.raises(ValueError, match="`grid` must hold at most 100000 runs, but is 8000000000"):
        plan_of(tmp_path, f"[grid]\nseed = {values}\nalpha = {values}\nbeta = {values}\n")


@pytest.mark.parametrize("text", ["x = " + "[" * 2000, "[run]\n" + ".".join("a" * 1500) + " = 1\n"])
def test_a_file_that_is_nested_too_deeply_is_one_line(tmp_path, text):
    with pytest.raises(ValueError, match=r"`file` must hold TOML, but .*c\.toml (is nested too deeply|has an error)"):
        plan_of(tmp_path, text, "")


def test_a_configuration_that_is_nested_too_deeply_is_one_line():
    with pytest.raises(ValueError, match="`config` must be JSON, but has an error: it is nested too deeply"):
        RunConfig.from_json('{"a":' * 100_000)
