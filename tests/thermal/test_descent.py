"""Descent by gradients: steps against NumPy in double precision, walls, files, refusals."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import optax
import pytest

import glassnet as gn
from glassnet.config import RunConfig
from glassnet.config.tasks import RandomTask
from glassnet.sampling import descent
from glassnet.simulation import compiled
from glassnet.thermal.energy import energy

MACHINE = gn.ThermalMachine(depth=3, width=3, inputs=4, outputs=2)
TASK = gn.tasks.random(MACHINE, 7, seed=3)
PROTOCOL = gn.Protocol(sweeps=25, waiting_times=(0, 10), clones=1, samples=1, points_per_decade=20)


def run(dynamics, machine=MACHINE, task=TASK, **changes):
    options = {"temperature": 0.0, "protocol": PROTOCOL, "dynamics": dynamics, "keep_configurations": True}
    return gn.simulate(machine, task, **{**options, **changes})


def slopes(machine, weights, neurons):
    """Gradient of H by weights and hidden neurons, in NumPy."""
    tanh = [np.tanh(S @ J.T) for J, S in zip(weights, neurons[:-1], strict=True)]
    residuals = [S - t for S, t in zip(neurons[1:], tanh, strict=True)]
    g = [r / np.sqrt((r**2).sum()) for r in residuals]
    d = [x * (1 - t**2) for x, t in zip(g, tanh, strict=True)]
    by_weights = [-x.T @ S for x, S in zip(d, neurons[:-1], strict=True)]
    by_neurons = [g[l] - d[l + 1] @ weights[l + 1] for l in range(machine.depth - 1)]
    return [*by_weights, *by_neurons]


def gone_down(dynamics, weights, neurons, steps):
    """Numbers after so many steps in double precision; Adam from its definition [Kingma and Ba 2015, algorithm 1]."""
    x = [np.asarray(a, float) for a in (*weights, *neurons[1:-1])]
    ends = neurons[0].astype(float), neurons[-1].astype(float)
    m, v = ([np.zeros_like(a) for a in x] for _ in range(2))
    for t in range(1, steps + 1):
        split = MACHINE.depth
        g = slopes(MACHINE, x[:split], [ends[0], *x[split:], ends[1]])
        if dynamics.optimizer == "adam":
            m = [0.9 * a + 0.1 * b for a, b in zip(m, g, strict=True)]
            v = [0.999 * a + 0.001 * b**2 for a, b in zip(v, g, strict=True)]
            g = [a / (1 - 0.9**t) / (np.sqrt(b / (1 - 0.999**t)) + 1e-8) for a, b in zip(m, v, strict=True)]
        x = [np.clip(a - dynamics.rate * b, -1, 1) for a, b in zip(x, g, strict=True)]
    return x


@pytest.mark.parametrize("dynamics", [gn.Descent(0.01), gn.Descent(0.2, "gradient")], ids=str)
def test_steps_are_those_of_double_precision(dynamics):
    compare(dynamics)


BROKEN = {
    "another memory": lambda: optax.scale_by_adam(b1=0.8),
    "no memory": lambda: optax.scale(1.0),
    "twice as far": lambda: optax.chain(optax.scale_by_adam(), optax.scale(2.0)),
    "uphill": lambda: optax.chain(optax.scale_by_adam(), optax.scale(-1.0)),
}


@pytest.mark.slow  # what is compiled is made anew
@pytest.mark.parametrize("name", BROKEN)
def test_other_steps_are_told(name, monkeypatch):
    broken = SimpleNamespace(scale_by_adam=BROKEN[name], identity=optax.identity)
    monkeypatch.setattr(descent, "optax", lambda: broken)
    gn.clear_caches()  # what was compiled before
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        compare(gn.Descent(0.01))
    gn.clear_caches()


def compare(dynamics):
    """Raise AssertionError unless positions and energy after 25 steps are those of NumPy."""
    rng = np.random.default_rng(0)
    weights = [rng.uniform(-1, 1, (n, c)) for n, c in zip(MACHINE.widths[1:], MACHINE.widths[:-1], strict=True)]
    hidden = [rng.uniform(-1, 1, (7, 3)) for _ in range(2)]
    neurons = [TASK.inputs, *hidden, TASK.outputs]
    ds = run(dynamics, start=(weights, neurons))
    found = gn.configuration(ds, waiting_time=0, configuration=0)
    exact = gone_down(dynamics, weights, neurons, PROTOCOL.sweeps)
    for ours, right in zip([*found[0], *found[1][1:-1]], exact, strict=True):
        np.testing.assert_allclose(ours, right, atol=2e-5)
    assert any((np.abs(x) == 1).any() for x in exact)  # walls were met
    gaps = np.array(MACHINE.widths[1:]) * TASK.patterns
    right = energy(MACHINE, exact[:3], [TASK.inputs, *exact[3:], TASK.outputs]) / gaps
    np.testing.assert_allclose(ds.clone_energy.sel(waiting_time=0).isel(lag=-1).squeeze(), right, rtol=1e-4)


def test_it_learns_and_has_no_velocities():
    machine = gn.ThermalMachine(depth=2, width=6, inputs=8, outputs=1)
    task = gn.tasks.random(machine, 20, seed=1)
    ds = run(gn.Descent(0.02), machine, task, protocol=gn.Protocol(400, (0,), clones=1, samples=1))
    energies = ds.clone_energy.sum("layer").squeeze().values
    assert energies[-1] < 0.3 * energies[0]
    assert "kinetic_temperature" not in ds and "energy_drift" not in ds
    assert ds.dynamics == "Adam" and "Adam" in ds.title


def test_all_layers_may_be_equal():
    machine = gn.ThermalMachine(depth=3, width=4)
    task = gn.tasks.random(machine, 5, seed=2, test_patterns=4)
    for options in ({"dynamics": gn.Descent()}, {"temperature": 1e-3}):
        ds = gn.simulate(machine, task, protocol=gn.Protocol(8, (4,), clones=1, samples=1), **options)
        assert bool(ds.test_error.notnull().all())


def test_a_folder_goes_on_to_the_bit(tmp_path):
    right = run(gn.Descent(0.01))

    def stop(status):
        raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, gn.Stopped)):
        run(gn.Descent(0.01), folder=tmp_path / "r", report=stop)
    found = gn.resume(tmp_path / "r")
    for name in right.data_vars:
        assert found[name].values.tobytes() == right[name].values.tobytes(), name


def test_files_say_the_same():
    config = RunConfig(
        MACHINE, RandomTask(7), np.inf, dynamics="descent", protocol=PROTOCOL, descent=gn.Descent(0.02, "gradient")
    )
    assert RunConfig.from_json(config.to_json()) == config
    ds = gn.simulate(**config.build())
    assert ds.dynamics == "gradient descent"
    with pytest.raises(ValueError, match="`langevin` must be left out where the dynamics are 'descent'"):
        replace(config, langevin=gn.Langevin(friction=0.5))
    with pytest.raises(ValueError, match="`descent` must be left out where the dynamics are 'langevin'"):
        replace(config, dynamics="langevin")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: gn.Descent(0.0), "`rate` must be a positive finite number, but is 0.0"),
        (lambda: gn.Descent(2.0), "`rate` must be at most 1, half the box, but is 2.0"),
        (lambda: gn.Descent(float("nan")), "`rate` must be a positive finite number, but is nan"),
        (lambda: gn.Descent(optimizer="sgd"), "`optimizer`"),
        (lambda: run(gn.Descent(), temperature=1e-3), "`beta` must be inf, temperature 0, for a Descent"),
        (lambda: run(gn.Descent(), gn.Machine(3, 4), temperature=0.1), "a Descent moves a ThermalMachine"),
    ],
)
def test_what_cannot_be_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_other_rates_share_a_program():
    run(gn.Descent(0.01))
    before = compiled.advancing.cache_info().currsize
    run(gn.Descent(0.02))
    assert compiled.advancing.cache_info().currsize == before
