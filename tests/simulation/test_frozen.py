"""Layers that are held fixed, and tasks with a guide, in runs."""

from dataclasses import replace

import numpy as np
import pytest

import glassnet as gn
from glassnet.tasks.guide import Guide

MACHINE = gn.Machine(depth=3, width=5, ensemble="gaussian")
PROTOCOL = gn.Protocol(sweeps=6, waiting_times=(3,), clones=1, samples=2)


def guided(seed=0, patterns=10):
    task = gn.tasks.teacher_student(MACHINE, patterns, seed=seed)
    field = np.random.default_rng(seed).standard_normal(task.outputs.shape)
    return replace(task, ids=np.arange(patterns), guide=Guide.of(field, np.arange(patterns), weight=0.4))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frozen") / "run"
    tasks = [guided(0), guided(1)]
    arguments = {"protocol": PROTOCOL, "frozen": gn.Frozen(weights=(2,), spins=(1,)), "keep_configurations": True}
    return gn.simulate(MACHINE, tasks, 5.0, folder=folder, **arguments), folder, tasks, arguments


def test_frozen_layers_stay_and_are_offered_nothing(run):
    ds, _, tasks, _ = run
    assert np.isnan(ds.acceptance_weights.sel(layer=2)).all()
    assert (ds.acceptance_weights.sel(layer=[1, 3]).isel(time=-1) > 0).all()
    assert np.isnan(ds.acceptance_spins.sel(layer=1)).all()
    np.testing.assert_allclose(ds.spin_autocorrelation.sel(layer=1), 1)
    assert (ds.spin_autocorrelation.sel(layer=2).isel(lag=-1) < 1).all()
    np.testing.assert_allclose(
        ds.weight_autocorrelation.sel(layer=2) / ds.weight_autocorrelation.sel(layer=2)[..., :1], 1
    )


def test_a_folder_knows_guides_and_frozen_layers(run):
    ds, folder, tasks, arguments = run
    assert gn.open(folder).equals(ds)
    again = gn.simulate(MACHINE, [guided(0), guided(1)], 5.0, folder=folder, **arguments)
    assert again.equals(ds)
    longer = gn.resume(folder, sweeps=8)
    assert longer.sizes["lag"] >= ds.sizes["lag"]
    with pytest.raises(ValueError, match="frozen"):
        gn.simulate(MACHINE, tasks, 5.0, folder=folder, **{**arguments, "frozen": gn.Frozen(weights=(1,))})
    weaker = [replace(task, guide=replace(task.guide, weight=0.5)) for task in tasks]
    with pytest.raises(ValueError, match="data_sha256"):
        gn.simulate(MACHINE, weaker, 5.0, folder=folder, **arguments)


def test_the_energy_has_the_targets_in_it(run):
    from glassnet.perceptron.targets import distance

    ds, _, tasks, _ = run
    for s, task in enumerate(tasks):
        weights, spins = gn.configuration(ds, waiting_time=3, configuration=s)
        h = spins[-2] @ weights[-1].T / np.sqrt(5)
        field = np.random.default_rng(s).standard_normal(task.outputs.shape)
        own, told = MACHINE.potential.energy(task.outputs * h), distance(h, field, 1.0)
        last = ds.isel(lag=-1, waiting_time=0, clone=0, sample=s)
        np.testing.assert_allclose(last.clone_energy.sel(layer=3), (0.6 * own + 0.4 * told).mean(), rtol=1e-4)
        np.testing.assert_allclose(last.clone_guidance, (told - own).mean(), rtol=1e-4, atol=1e-5)


def test_hashes_of_runs_without_them_do_not_know_them():
    from glassnet.perceptron.system import Perceptron

    assert "frozen" not in Perceptron(MACHINE).config({"weight_step": 0.1})
    task = gn.tasks.random(MACHINE, 4)
    assert set(task.about()) == {"name", "parameters", "teacher"}
    assert not {"ids", "guide/means"} & set(task.arrays())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"frozen": gn.Frozen(weights=(1, 2, 3), spins=(1, 2))}, "leave weights or neurons of some layer to move"),
        ({"frozen": gn.Frozen(weights=(1, 2, 3)), "dynamics": "feedforward"}, "as it is, nothing moves"),
        ({"frozen": gn.Frozen(spins=(1,)), "dynamics": "feedforward"}, "be empty where all neurons follow"),
        ({"frozen": gn.Frozen(weights=(4,))}, "hold layers 1 to 3"),
        ({"frozen": gn.Frozen(spins=(3,))}, "hold layers 1 to 2"),
        ({"frozen": gn.Frozen(weights=(1,)), "dynamics": "heat_bath+gauge"}, "without further moves, where layers are"),
        ({"frozen": (1, 2)}, "`frozen` must be a gn.Frozen"),
        ({"dynamics": "heat_bath+collapsed"}, "without 'rows' and 'collapsed'"),
    ],
)
def test_what_does_not_fit_is_said(arguments, words):
    with pytest.raises(ValueError, match="Argument") as caught:
        gn.simulate(MACHINE, [guided(0), guided(1)], 5.0, protocol=PROTOCOL, **arguments)
    assert words in str(caught.value)


def test_hard_cores_and_half_guided_samples_are_refused():
    hard = replace(MACHINE, potential=gn.HardCore())
    with pytest.raises(ValueError, match="`potential` must be soft where tasks have a guide"):
        gn.simulate(hard, guided(), protocol=PROTOCOL)
    with pytest.raises(ValueError, match="`task` must have a guide in all samples"):
        gn.simulate(MACHINE, [guided(), gn.tasks.teacher_student(MACHINE, 10)], 5.0, protocol=PROTOCOL)
    with pytest.raises(ValueError, match="name every layer once"):
        gn.Frozen(weights=(1, 1))
