"""Observables know the temperature: along schedules, on each rung of a ladder, in populations; and what needs it."""

from dataclasses import replace
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

import glassnet as gn
from glassnet.perceptron.observe.balance import spin_balance, weight_balance
from glassnet.perceptron.state import pack
from glassnet.perceptron.sweeps.frozen import NOTHING
from glassnet.perceptron.system import Perceptron


def warmth(state, then, scene):
    """1/beta as an observable gets it."""
    return scene.temperature


WARMTH = {"warmth": gn.Observable(warmth)}
BALANCES = {"spin_balance": True, "weight_balance": True}


def at(schedule, sweep):
    """1/beta of the last sweep before one, in NumPy."""
    return 1 / np.interp(np.maximum(np.asarray(sweep, float) - 1, 0), schedule.times, schedule.betas)


def test_along_schedules():
    schedules = [gn.Schedule.linear(1.0, stop, 8) for stop in (3.0, 5.0)]
    ds = tiny.run(beta=schedules, observables=WARMTH)
    for n, schedule in enumerate(schedules):
        here = ds.isel(temperature=n)
        np.testing.assert_allclose(here.warmth, at(schedule, ds.time) + 0 * here.warmth, rtol=1e-6)
        now = ds.waiting_time + ds.lag
        right = at(schedule, now) * np.ones((*here.clone_warmth.shape[:-2], 1, 1))
        np.testing.assert_allclose(here.clone_warmth, right, rtol=1e-6)


def test_a_step_counts_from_its_first_sweep_on():
    ds = tiny.run(beta=gn.Schedule.steps([0, 3], [2.0, np.inf]), observables=WARMTH)
    np.testing.assert_array_equal(ds.warmth.isel(sample=0), np.where(ds.time <= 3, 0.5, 0.0))


def test_in_a_population_and_of_a_thermal_machine():
    schedule = gn.Schedule.linear(0.5, 4.0, 8)
    ds = tiny.run(beta=schedule, observables=WARMTH, population=gn.Population(4), keep_configurations=False)
    np.testing.assert_allclose(ds.warmth.isel(sample=0), at(schedule, ds.time), rtol=1e-6)
    machine = gn.ThermalMachine(2, 3)
    task = gn.tasks.random(machine, 4)
    ds = gn.simulate(machine, task, temperature=0.25, protocol=gn.Protocol(4, (2,)), observables=WARMTH)
    np.testing.assert_allclose(ds.clone_warmth, 0.25)


@lru_cache
def program(machine):
    """Both balances of a state, by layer."""
    return jax.jit(lambda *x: jnp.stack([f(machine, *x, NOTHING) for f in (spin_balance, weight_balance)]))


def balances(machine, configuration, beta):
    """Both, of weights and spins at a temperature that is given."""
    scene = replace(Perceptron(machine).scene(tiny.task()), temperature=np.float32(1 / beta))
    return program(machine)(pack(machine, *configuration), scene)


LADDERS = {
    "temperatures": {"beta": [1.0, 2.0, 5.0], "exchange": gn.Exchange()},
    "margins": {"exchange": gn.Exchange(over="margin", values=[-0.5, -0.2, 0.0])},
    "side by side": {"beta": [1.0, 5.0]},
}


@pytest.mark.parametrize("case", [pytest.param("temperatures", marks=pytest.mark.slow), "margins", "side by side"])
def test_each_rung_is_measured_at_its_own(case):
    ds = tiny.run(observables=WARMTH | BALANCES, **LADDERS[case])
    rung = "margin" if case == "margins" else "temperature"
    beta = np.full(3, 5.0) if case == "margins" else ds.beta.values
    right = 1 / beta.reshape(-1, *[1] * (ds.clone_warmth.ndim - 1))
    np.testing.assert_allclose(ds.clone_warmth.transpose(rung, ...), right + 0 * ds.clone_warmth.transpose(rung, ...))
    found = ds[[*BALANCES]].isel(lag=-1).sel(waiting_time=9).stack(configuration=("sample", "clone"))
    for n in range(ds.sizes[rung]):
        machine = tiny.MACHINE
        if case == "margins":
            machine = replace(machine, potential=gn.SoftCore(margin=float(ds.margin[n])))
        for k in range(4):
            kept = gn.configuration(ds.isel({rung: n}), waiting_time=9, configuration=k)
            here = found.isel({rung: n, "configuration": k})
            right = balances(machine, kept, beta[n])
            np.testing.assert_allclose(here.spin_balance, right[0], rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(here.weight_balance, right[1], rtol=1e-4, atol=1e-6)


def test_labels():
    ds = tiny.run(observables=[*BALANCES])
    for name, moves in (("spin_balance", "spins turned over"), ("weight_balance", "signs of weights")):
        assert ds[name].dims == ("sample", "clone", "waiting_time", "lag", "layer")
        assert moves in ds[name].attrs["long_name"] and ds[name].attrs["source"] == "glassnet"
    assert np.isnan(ds.spin_balance.sel(layer=3)).all() and ds.spin_balance.attrs["fixed"] == "layer"
    assert not np.isnan(ds.spin_balance.sel(layer=[1, 2])).any() and not np.isnan(ds.weight_balance).any()


def test_frozen_layers_have_none():
    ds = tiny.run(observables=[*BALANCES], frozen=gn.Frozen(weights=(2,), spins=(1,)), dynamics="heat_bath")
    assert np.isnan(ds.spin_balance).all(("sample", "clone", "waiting_time", "lag")).values.tolist() == [1, 0, 1]
    assert np.isnan(ds.weight_balance).all(("sample", "clone", "waiting_time", "lag")).values.tolist() == [0, 1, 0]


def test_neurons_that_follow_have_none():
    with pytest.raises(ValueError, match="`observables.spin_balance` is unknown"):
        tiny.job(observables=["spin_balance"], dynamics="feedforward")
