"""The recipes of glassnet/README.md run as they stand there, and do what they say."""

import importlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import pytest

import glassnet as gn
from glassnet.core import keys
from glassnet.perceptron.proposal import Proposal

HOUSE = Path(gn.__file__).parent / "README.md"


def blocks(path):
    """Python blocks by the name of the file that they are."""
    found = re.findall(r"```python\n(# (\w+)\.py.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {name: text for text, name in found}


NAMES = ("redraw", "edge", "huber", "box", "parity", "ring")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """A recipe by name, imported as a file of its own."""
    folder = tmp_path_factory.mktemp("recipes")
    for name, text in blocks(HOUSE).items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield lambda name: importlib.import_module(name)


def test_all_recipes_are_here():
    assert tuple(blocks(HOUSE)) == NAMES


def test_a_kernel(recipe):
    """Cached fields stay what the weights say, all proposals are counted, and at beta = 0 all are accepted."""
    module = recipe("redraw")

    def run(beta):
        dynamics = gn.Dynamics(module.build, module.moves)
        return gn.simulate(module.machine, module.task, beta, protocol=module.protocol, dynamics=dynamics,
                           keep_configurations=True)  # fmt: skip

    np.testing.assert_array_equal(run(0.0).acceptance_weights.isel(time=-1), 1)
    ds = run(5.0)
    assert ((ds.acceptance_weights.mean("time") > 0.1) & (ds.acceptance_weights.mean("time") < 0.9)).all()
    weights, spins = gn.configuration(ds, waiting_time=10, configuration=3)
    measured = ds.clone_energy.sel(sample=1, clone=1, waiting_time=10).isel(lag=-1) * 50
    np.testing.assert_allclose(gn.energy(module.machine, weights, spins), measured, rtol=1e-4, atol=1e-4)


def test_an_observable(recipe):
    ds = recipe("edge").ds
    assert ds.turned.dims == ("sample", "clone", "waiting_time", "lag", "layer") and ds.turned.attrs["units"] == "rad"
    np.testing.assert_allclose(ds.turned.isel(lag=0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cos(ds.turned), ds.weight_autocorrelation_normalised, atol=1e-5)
    pair = ds.agreeing.sel(clone=0, clone_b=1)
    q = ds.spin_overlap.sel(clone=0, clone_b=1).isel(layer=slice(None, -1)).mean("layer")
    np.testing.assert_allclose(pair, (1 + q) / 2, atol=1e-6)


def test_a_potential(recipe):
    module = recipe("huber")
    expected = module.ds.clone_energy.sel(sample=0, clone=0, waiting_time=10).isel(lag=-1) * (6 * 12)
    np.testing.assert_allclose(gn.energy(module.machine, module.weights, module.spins), expected, rtol=1e-5, atol=1e-5)


def test_an_ensemble(recipe):
    """At beta = 0 the weights stay uniform; a step that stops at the walls does not keep them so."""
    module = recipe("box")
    assert (module.ds.acceptance_weights.isel(time=-1) > 0.1).all()
    protocol = gn.Protocol(sweeps=1, waiting_times=(60,), clones=1, samples=40)

    def stopped(key, J, params):
        x = J + params.numbers["weight_step"] * keys.normal(keys.address(key, 0), J.shape)
        return jnp.clip(x, -module.EDGE, module.EDGE) - J

    @dataclass(frozen=True)
    class Broken(module.Box):
        proposal: ClassVar[Proposal] = Proposal(stopped, rank=1, passes=1)

    def fourth_moment(machine):
        ds = gn.simulate(machine, module.task, 0.0, protocol=protocol, weight_step=0.5, keep_configurations=True)
        J = ds.configuration_weights_0.values
        assert np.abs(J).max() <= module.EDGE * 1.00001
        by_sample = (J**4).reshape(40, -1).mean(1)
        return (by_sample.mean() - 9 / 5) / (by_sample.std(ddof=1) / 40**0.5)

    assert abs(fourth_moment(module.machine)) < 4.5
    assert fourth_moment(replace(module.machine, ensemble=Broken())) > 4.5


def test_a_task(recipe):
    module = recipe("parity")
    for task in module.tasks:
        np.testing.assert_array_equal(task.outputs[:, 0], task.inputs[:, 0] * task.inputs[:, 1])
    assert module.ds.train_error.dims == ("sample", "time")


def test_a_system(recipe, tmp_path):
    module = recipe("ring")
    error = float(module.last.std(ddof=1)) / 200**0.5
    assert abs(float(module.last.mean()) - module.exact) < 4.5 * error
    assert module.ds.overlap.dims == ("sample", "clone", "waiting_time", "lag", "site")
    protocol = gn.Protocol(sweeps=20, waiting_times=(0, 5), clones=2, samples=200)
    gn.simulate(module.Ring(), beta=0.6, protocol=protocol, folder=tmp_path / "run")
    longer = gn.resume(tmp_path / "run", sweeps=30)
    assert longer.lag[-1] == 30 and np.isfinite(longer.overlap).all()
