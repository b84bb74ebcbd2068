"""Observables and dynamics of the user: measured, labelled, kept in folders, resumed; refused with one clear error."""

import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import measures
import numpy as np
import pytest
import tiny
import xarray as xr
from measures import OBSERVABLES
from test_resume import assert_same, stopping_after

import glassnet as gn
from glassnet.cli.info import run_results
from glassnet.core.codec import config_hash
from glassnet.perceptron.observe import table
from glassnet.perceptron.observe.matching import matched_overlaps_squared
from glassnet.perceptron.system import Perceptron
from glassnet.sampling.paths import import_path
from glassnet.simulation import observed, phase
from glassnet.store.folder import RunFolder
from glassnet.store.schema import NAMED

HERE = Path(__file__).parent
CLONE = ("sample", "clone", "waiting_time", "lag")


def run(**changes):
    return tiny.run(**({"observables": OBSERVABLES} | changes))


@pytest.fixture(scope="module")
def right():
    return run()


def resumed_by_command(path, *places):
    """What `glassnet resume` said, in a process that finds modules in `places` alone; and the exit status."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(gn.__file__).parents[1]), *map(str, places)])}
    command = [sys.executable, "-m", "glassnet", "resume", str(path), "--quiet"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=path.parent, timeout=240)
    return "\n".join(x for x in done.stderr.splitlines() if x.startswith("glassnet")), done.returncode  # XLA has more


def layers(ds, **select):
    """Weights of a last configuration by layer, (out, in)."""
    return gn.configuration(ds, **select)[0]


def test_they_stand_beside_the_usual_with_their_labels(right):
    assert set(right.data_vars) - set(tiny.standard().data_vars) == {
        "edge", "first", "clone_first", "edge_of_hosts", "moved", "up", "clone_up", "touching", "final_touching",
        "total", "row",
    }  # fmt: skip
    assert_same(right[list(tiny.standard().data_vars)], tiny.standard())  # measuring more changes nothing else
    assert right.edge.dims == (*CLONE, "layer") and right.total.dims == CLONE and right.row.dims == (*CLONE, "slot")
    assert right.first.dims == ("sample", "time") and right.edge_of_hosts.dims == ("sample", "time", "layer")
    assert right.touching.dims == ("sample", "clone", "clone_b", "waiting_time", "lag")
    assert right.final_touching.dims == ("waiting_time", "configuration", "configuration_b")
    labels = {"units": "1", "long_name": "largest weight", "symbol": "J_max", "source": "test"}
    assert right.edge.attrs == labels
    assert right.clone_first.attrs["long_name"] == "first weight of clones"
    assert right.final_touching.attrs["long_name"] == "product between last configurations"
    assert right.edge_of_hosts.attrs["long_name"] == "edge of hosts"
    assert set(json.loads(right.attrs["config"])["observables"]) == set(OBSERVABLES)


def test_their_values_are_those_of_the_configurations(right):
    end = right.isel(lag=-1)
    for wait in right.waiting_time.values:
        firsts = []
        for n, (sample, clone) in enumerate(zip(right.configuration_sample, right.configuration_clone, strict=True)):
            J = layers(right, waiting_time=wait, configuration=n)
            here = end.sel(waiting_time=wait, sample=int(sample), clone=int(clone))
            np.testing.assert_allclose(here.edge, [abs(layer).max() for layer in J], rtol=1e-6)
            np.testing.assert_array_equal(here.row, np.sort(J[0][0]))
            np.testing.assert_allclose(here.total, J[0].sum(), rtol=1e-4, atol=1e-5)
            spins = gn.configuration(right, waiting_time=wait, configuration=n)[1]
            assert int(here.clone_up) == sum((S > 0).sum() for S in spins[1:-1])
            firsts.append(float(here.clone_first))
        np.testing.assert_allclose(right.final_touching.sel(waiting_time=wait), np.outer(firsts, firsts), rtol=1e-6)
    products = right.clone_first * right.clone_first.rename(clone="clone_b")
    np.testing.assert_allclose(right.touching, products.transpose(*right.touching.dims), rtol=1e-6)
    np.testing.assert_array_equal(right.moved.sel(lag=0), 0)
    assert (right.moved.isel(lag=-1) > 0).all() and right.up.dtype == np.int32
    hosts = right.first.sel(time=right.waiting_time).transpose("sample", "waiting_time")
    np.testing.assert_array_equal(right.clone_first.sel(lag=0, clone=1), hosts)
    J = np.stack([right.edge_of_hosts.sel(time=t) for t in right.waiting_time.values], 1)
    np.testing.assert_allclose(right.edge.sel(lag=0, clone=0), J, rtol=1e-6)


def test_stops_change_no_bit(tmp_path, monkeypatch, right):
    """Stopped several times by a signal, gone on with by the same call, by `resume` and by the command."""
    monkeypatch.setattr(phase, "LONGEST_BLOCK", 2)
    path = tmp_path / "run"
    for go_on in (partial(run, folder=path), partial(gn.resume, path), partial(run, folder=path)):
        with pytest.raises(gn.Stopped):
            go_on(report=stopping_after(5))
    partly = xr.open_zarr(path / "results.zarr", consolidated=False).load()
    assert partly["first"].notnull().any() and partly["first"].attrs["symbol"] == "J_0"
    assert resumed_by_command(path, HERE) == ("", 0)
    assert_same(gn.open(path), right)
    assert gn.open(path)["edge"].attrs == right["edge"].attrs
    assert_same(run(folder=path), right)


@pytest.mark.parametrize("case", ["ladder", pytest.param("own data", marks=pytest.mark.slow)])
def test_they_follow_temperatures_and_data(tmp_path, case):
    changes = {"ladder": {"beta": [0.5, 5.0]}, "own data": {"task": [tiny.task(seed=s) for s in range(2)]}}[case]
    ds = run(folder=tmp_path / "run", **changes)
    assert_same(gn.open(tmp_path / "run"), run(**changes))
    for n, (sample, clone) in enumerate(zip(ds.configuration_sample, ds.configuration_clone, strict=True)):
        for T in ds.temperature.values if case == "ladder" else [None]:
            at = {} if T is None else {"temperature": T}
            J = layers(ds, waiting_time=9, configuration=n, **at)
            here = ds.edge.sel(sample=int(sample), clone=int(clone), waiting_time=9, **at).isel(lag=-1)
            np.testing.assert_allclose(here, [abs(layer).max() for layer in J], rtol=1e-6)


@pytest.mark.parametrize("folders", [pytest.param(False, marks=pytest.mark.slow), True])
def test_parts_are_joined(tmp_path, folders, right):
    for n in range(2):
        part = run(part=(n, 2), folder=tmp_path / "run" if folders else None)
        if not folders:
            gn.save(part, tmp_path / "run.nc")
    assert_same(gn.open(tmp_path / ("run" if folders else "run.nc")), right)


OPTIONAL = ["spin_overlap_squared_matched", "teacher_overlap_by_neuron", "spin_autocorrelation_histogram"]


@pytest.fixture(scope="module")
def asked():
    return tiny.run(observables=OPTIONAL)


def test_optional_observables_are_measured_where_named(asked):
    usual = tiny.standard()
    new = {"final_spin_overlap_squared_matched", "teacher_overlap_by_neuron", "spin_autocorrelation_histogram"}
    assert set(asked.data_vars) - set(usual.data_vars) == new
    assert_same(asked[list(usual.data_vars)], usual[list(usual.data_vars)].assign_coords(neuron=asked.neuron))
    for name in new:
        assert asked[name].dims == NAMED[name].dims and asked[name].attrs["long_name"] == NAMED[name].long_name
    by_neuron = asked.teacher_overlap_by_neuron
    np.testing.assert_allclose(by_neuron.mean("neuron"), asked.teacher_overlap_squared, atol=1e-6)
    for name in ("spin_autocorrelation_histogram", "teacher_overlap_histogram"):
        np.testing.assert_allclose(asked[name].sum("squared_overlap"), 1, atol=1e-6)
        assert (asked[name].sel(layer=3).isel(squared_overlap=-1) == 1).all()
    assert (asked.spin_autocorrelation_histogram.sel(lag=0).isel(squared_overlap=-1) == 1).all()
    for wait in asked.waiting_time.values:
        kept = [gn.configuration(asked, waiting_time=wait, configuration=n)[1] for n in range(4)]
        spins = np.stack([np.stack([S.T for S in one[1:-1]]) for one in kept])
        found = asked.final_spin_overlap_squared_matched.sel(waiting_time=wait)
        np.testing.assert_allclose(found, matched_overlaps_squared(spins), atol=1e-6)


def test_names_of_optional_observables_are_part_of_the_run(asked, tmp_path, monkeypatch):
    """In any order, and beside those of the user; a run without has the hash that it always had."""
    config = json.loads(asked.attrs["config"])
    assert config.pop("optional_observables") == sorted(OPTIONAL, key=list(table.OPTIONAL).index)
    assert config_hash(config) == tiny.standard().attrs["config_hash"] != asked.attrs["config_hash"]
    both = {"edge": OBSERVABLES["edge"], **dict.fromkeys(reversed(OPTIONAL), True)}
    assert tiny.job(observables=both).optional == tiny.job(observables=OPTIONAL).optional
    monkeypatch.setattr(phase, "LONGEST_BLOCK", 2)
    with pytest.raises(gn.Stopped):
        tiny.run(observables=OPTIONAL, folder=tmp_path / "run", report=stopping_after(15))
    with pytest.raises(ValueError, match=r"must hold the same run.*optional_observables: \['spin_auto.*, not None"):
        tiny.run(folder=tmp_path / "run")
    assert_same(gn.resume(tmp_path / "run"), asked)
    assert_same(gn.open(tmp_path / "run"), asked)


def test_what_a_machine_does_not_have_cannot_be_asked_for():
    words = "is unknown; this run has spin_autocorrelation_histogram"
    diluted = gn.Machine(3, 6, connectivity=3)
    with pytest.raises(ValueError, match=f"`observables.spin_overlap_squared_matched` {words}"):
        tiny.job(diluted, task=gn.tasks.random(diluted, 6), observables=OPTIONAL[:1])
    with pytest.raises(ValueError, match=f"`observables.teacher_overlap_by_neuron` {words}"):
        tiny.job(task=gn.tasks.random(tiny.MACHINE, 6), observables=OPTIONAL[1:])


def local(**changes):
    """A run with an observable and dynamics that no import finds."""
    size = changes.pop("size", 2.0)
    observables = {"twice": gn.Observable(lambda state, then, scene: size * state.weights[0][0, 0, 0])}
    return tiny.run(**({"observables": observables} | changes))


def test_what_cannot_be_imported_is_resumed_by_the_same_call(tmp_path, monkeypatch):
    monkeypatch.setattr(phase, "LONGEST_BLOCK", 2)
    path = tmp_path / "run"
    with pytest.raises(gn.Stopped), pytest.warns(UserWarning, match=r"<lambda>#\w+ cannot be imported elsewhere"):
        local(folder=path, report=stopping_after(5))
    words = r"needs test_observables:local.<locals>.<lambda>#[0-9a-f]{12}, which cannot be imported here"
    with pytest.raises(ValueError, match=words):
        gn.resume(path)
    said, status = resumed_by_command(path, HERE)
    assert status == 2 and re.search(words, said) and len(said.splitlines()) == 1
    with pytest.raises(ValueError, match=r"must hold the same run.*observables.twice.of"):
        local(folder=path, size=3.0)  # the same words, another number in them
    ds = local(folder=path)
    np.testing.assert_allclose(ds.twice, 2 * run().first, rtol=1e-6)
    assert_same(ds, local())


def test_another_function_is_another_run(tmp_path):
    run(folder=tmp_path / "run")
    other = OBSERVABLES | {"up": gn.Observable(measures.first)}
    with pytest.raises(ValueError, match=r"must hold the same run.*observables.up.of: 'measures:up', not 'measures:f"):
        run(folder=tmp_path / "run", observables=other)
    fewer = {name: one for name, one in OBSERVABLES.items() if name != "up"}
    with pytest.raises(ValueError, match=r"must hold the same run.*observables.up.of: 'measures:up', not None"):
        run(folder=tmp_path / "run", observables=fewer)


def test_functions_that_are_values_have_names():
    """A `partial` or an object that can be called has no name of its own."""

    class Scaled:
        def __call__(self, state, then, scene):
            return 2 * measures.first(state, then, scene)

    power = partial(lambda p, state, then, scene: measures.first(state, then, scene) ** p, 2)
    ds = tiny.run(observables={"scaled": gn.Observable(Scaled()), "squared": gn.Observable(power)})
    np.testing.assert_allclose(ds.scaled**2, 4 * ds.squared, rtol=1e-5)
    known = json.loads(ds.attrs["config"])["observables"]
    assert known["squared"]["of"].startswith("functools:<partial>#")
    assert known["scaled"]["of"].startswith("test_observables:<")


def layer_value(n):
    return lambda state, then, scene: jnp.zeros(n)


REFUSED = [
    ({"edge": measures.edge}, r"`observables\['edge'\]` must be an Observable, but is <function edge"),
    (
        {"edge": gn.Observable(measures.edge)},
        r"`observables\['edge'\]` must have a value with the dims \(\), but is 'shape \(3,\)'",
    ),
    (
        {"edge": gn.Observable(layer_value(4), ("layer",))},
        r"`observables\['edge'\]` must have a value with the dims \(layer: 3\), but is 'shape \(4,\)'",
    ),
    (
        {"a": gn.Observable(layer_value(4), ("bin",)), "b": gn.Observable(layer_value(5), ("bin",))},
        r"`observables\['b'\]` must have a value with the dims \(bin: 4\), but is 'shape \(5,\)'",
    ),
    ({"a": gn.Observable(layer_value(7), ("pattern",))}, r"with the dims \(pattern: 6\), but is 'shape \(7,\)'"),
    ({"a": gn.Observable(layer_value(2), ("lag",))}, r"`observables\['a'\]` must have dims of its own, .*\('lag',\)"),
    ({"energy": OBSERVABLES["edge"]}, "`observables` must have names that nothing else .*, but is 'energy'"),
    ({"relaxation_time": OBSERVABLES["edge"]}, "`observables` must have names that nothing .* 'relaxation_time'"),
    ({"layer": OBSERVABLES["edge"]}, "`observables` must have names that nothing else .*, but is 'layer'"),
    ({"beta": OBSERVABLES["edge"]}, "`observables` must have names that nothing else .*, but is 'beta'"),
    ({"clone_edge": OBSERVABLES["edge"]}, "`observables` must have plain names that begin with none .* 'clone_edge'"),
    ({"final_edge": OBSERVABLES["edge"]}, "`observables` must have plain names that begin .* 'final_edge'"),
    ({"configuration_x": OBSERVABLES["edge"]}, "`observables` must have plain names .* 'configuration_x'"),
    ({"my edge": OBSERVABLES["edge"]}, "`observables` must have plain names .* 'my edge'"),
    ([OBSERVABLES["edge"]], r"`observables` must be a dict of Observables by name, or names .*, but is \[Observable"),
    ({"edge": False}, r"`observables\['edge'\]` must be an Observable, but is False"),
    ("teacher_overlap_by_neuron", "`observables` must be a dict .*, but is 'teacher_overlap_by_neuron'"),
    (["teacher_overlap_by_neurons"], "`observables.teacher_overlap_by_neurons` is unknown, the nearest is .*by_neuron"),
    ({"teacher_overlap_by_neuron": OBSERVABLES["edge"]}, "`observables` must have names that nothing else .*by_neuron"),
    (
        {"moved": gn.Observable(measures.moved, ("layer",), "both")},
        r"`observables\['moved'\]` must be a function that works in JAX on a host, but is \"AttributeError: 'NoneType'",
    ),
    (
        {"a": gn.Observable(measures.several)},
        r"`observables\['a'\]` must have an array as value \(`pick` chooses one\), but is {'row'",
    ),
]


@pytest.mark.parametrize(("observables", "message"), REFUSED)
def test_what_does_not_fit_is_refused(observables, message):
    with pytest.raises(ValueError, match=f"^Argument .*{message}") as caught:
        tiny.job(observables=observables)
    assert len(str(caught.value).splitlines()) == 1


BAD = [
    ({"of": 3}, "`of` must be a function"),
    ({"of": measures.edge, "dims": "layer"}, "`dims` must be a tuple of names, but is 'layer'"),
    ({"of": measures.edge, "dims": ("layer",), "fixed": "layer"}, "`fixed` must be a tuple of names, but is 'layer'"),
    ({"of": measures.edge, "fixed": ("layer",)}, r"`fixed` must be among the dims \(\), but is \('layer',\)"),
    ({"of": measures.edge, "on": "final"}, '`finish` must be a function with on="final"'),
    ({"of": measures.edge, "on": "hosts"}, "`on` must be one of 'host', .*, but is 'hosts'"),
    ({"of": measures.edge, "pick": slice(2)}, "`pick` must be None, a key or an index"),
]


@pytest.mark.parametrize(("fields", "message"), BAD)
def test_bad_fields_of_an_observable(fields, message):
    with pytest.raises(ValueError, match=f"^Argument {message}"):
        gn.Observable(**fields)


def test_what_numpy_finishes_is_checked_when_it_is_measured():
    with pytest.raises(ValueError, match=r"`observables\['row'\]` must be finished to the dims \(replica\)"):
        tiny.run(observables={"row": gn.Observable(measures.several, pick="row", finish=measures.ordered)})


def test_dynamics_as_a_value(tmp_path, monkeypatch):
    """Runs, counts what it says, and goes on from the command line with the same bits."""
    assert not tiny.job(dynamics=measures.weights_alone).moves
    dynamics = gn.Dynamics(measures.weights_alone, measures.counted)
    whole = run(dynamics=dynamics)
    assert "acceptance_weights" in whole and "acceptance_spins" not in whole
    uncounted = whole.drop_vars([name for name in whole.data_vars if "acceptance" in str(name)])
    assert any("energy per gap" in line for line in run_results(uncounted))
    assert (whole.spin_autocorrelation == 1).all() and (whole.moved.isel(lag=-1) > 0).all()
    assert whole.attrs["dynamics"] == "measures:weights_alone"
    monkeypatch.setattr(phase, "LONGEST_BLOCK", 2)
    with pytest.raises(gn.Stopped):
        run(dynamics=dynamics, folder=tmp_path / "run", report=stopping_after(5))
    assert resumed_by_command(tmp_path / "run", HERE) == ("", 0)
    assert_same(gn.open(tmp_path / "run"), whole)
    with pytest.raises(ValueError, match=r"must hold the same run.*dynamics"):
        run(folder=tmp_path / "run")


@pytest.mark.slow
def test_dynamics_that_cannot_be_imported(tmp_path, monkeypatch):
    monkeypatch.setattr(phase, "LONGEST_BLOCK", 2)

    def build(machine, plan):
        return measures.weights_alone(machine, plan)

    with pytest.raises(gn.Stopped), pytest.warns(UserWarning, match="build#.* cannot be imported elsewhere"):
        run(dynamics=build, folder=tmp_path / "run", report=stopping_after(5))
    with pytest.raises(ValueError, match=r"needs test_observables:.*build#[0-9a-f]{12}, which cannot be imported here"):
        gn.resume(tmp_path / "run")
    ds = run(dynamics=build, folder=tmp_path / "run")
    assert_same(ds, run(dynamics=build))
    assert RunFolder(tmp_path / "run").config["dynamics"].startswith("test_observables:")


def test_what_is_declared_but_not_counted_is_named():
    def moves(machine, patterns):
        return measures.counted(machine, patterns) | {"accepted_spins": np.ones(machine.depth, int)}

    words = (
        r"`moves` must be counted in the info of the kernel, which has \['accepted_weights'\], but is 'accepted_spins'"
    )
    with pytest.raises(ValueError, match=words):
        tiny.run(dynamics=gn.Dynamics(measures.weights_alone, moves))
    with pytest.raises(ValueError, match=r"`dynamics.moves` must give the names accepted_weights and .*\['flips'\]"):
        tiny.job(dynamics=gn.Dynamics(measures.weights_alone, lambda machine, patterns: {"flips": np.ones(3, int)}))


def test_pairs_are_finished_in_groups():
    own = gn.Observable(measures.touching, ("bin",), "pair", finish=lambda x: np.stack([x, 2 * x], -1))
    found = observed.named({"own": own}, [np.ones((3, 3))])["own"]
    assert found.shape == (3, 3, 2) and (found[..., 1] == 2).all()
    wrong = gn.Observable(measures.touching, (), "pair", finish=lambda x: x[0])
    with pytest.raises(ValueError, match=r"`observables\['own'\]` must be finished to the dims \(replica, other\)"):
        observed.named({"own": wrong}, [np.ones((3, 3))])


def test_what_is_finished_to_another_size_is_named():
    wrong = gn.Observable(measures.edge, ("layer",), "host", finish=lambda values: values[:, :2])
    with pytest.raises(ValueError, match=r"with the dims \(layer: 3\), but is 'shape \(2,\)'"):
        tiny.run(observables={"wrong": wrong})


class Scale:
    def __init__(self, by):
        self.by = by

    def scaled(self, state, then, scene):
        return self.by * measures.first(state, then, scene)

    @classmethod
    def plain(cls, state, then, scene):
        return measures.first(state, then, scene)


def test_functions_that_differ_have_different_names():
    """Methods of two objects, compiled functions, and functions that are told apart by a table or a keyword."""
    assert import_path(Scale(2).scaled) == import_path(Scale(2).scaled) != import_path(Scale(3).scaled)
    assert re.fullmatch(r"test_observables:<Scale.scaled>#[0-9a-f]{12}", import_path(Scale(2).scaled))
    assert import_path(Scale.plain) == "test_observables:Scale.plain"
    compiled = [jax.jit(lambda s, t, c: s), jax.jit(lambda s, t, c: 2 * s)]
    keyword = [lambda *_, by=by: by for by in (1, 2)]
    keyword_alone = [eval(f"lambda *_, by={by}: by") for by in (1, 2)]
    tables = [(lambda x: lambda *_: x)({"by": by}) for by in (1, 2)]
    for one, other in (compiled, keyword, keyword_alone, tables):
        assert import_path(one) == import_path(one) != import_path(other)


def test_names_of_functions_do_not_change_while_they_are_used():
    machine = gn.Machine(depth=2, width=7)
    of = (lambda machine: lambda state, then, scene: machine.depth)(machine)
    before = import_path(of)
    assert machine.stacks and not machine.hard  # which the machine remembers
    assert import_path(of) == before


def test_numbers_of_own_dynamics_are_kept():
    job = tiny.job(dynamics=measures.weights_alone, numbers={"angle": -0.3})
    config = json.loads(json.dumps(job.system.config(job.numbers)))
    assert Perceptron.from_config(config) == (job.system, {"weight_step": 0.1, "angle": -0.3})
    assert set(job.traced_numbers()) == {"weight_step", "angle"}
    plain = tiny.job()
    assert set(plain.system.config(plain.numbers)) == {"machine", "dynamics", "weight_step"}
    with pytest.raises(ValueError, match="`numbers` must be left out with a Machine, unless"):
        tiny.job(numbers={"angle": 0.3})
    with pytest.raises(ValueError, match="`numbers` must leave out `weight_step`"):
        tiny.job(dynamics=measures.weights_alone, numbers={"weight_step": 0.3})
