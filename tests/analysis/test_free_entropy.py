"""Free entropy by integration over beta: of energies that are known, of enumerated machines, of one perceptron."""

import json
import sys

import numpy as np
import pytest
import reference as ref
import xarray as xr

import glassnet as gn
from glassnet.theory import liquid_energy, liquid_free_entropy

BETA = np.array([0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0])
POTENTIALS = [gn.SoftCore(), gn.SoftCore(1.0, strength=0.5), gn.Counting(0.5)]


def liquid(potential, beta=BETA, *, samples=6, noise=0.0, **machine):
    """A ladder of a deep liquid: layers of 6, 4 and 2 neurons, 30 patterns, all gaps with the energy of the theory."""
    e = [liquid_energy(potential=potential, beta=max(b, 1e-12)) for b in beta]
    about = {"connectivity": None, "depth": 3, "ensemble": "spherical", "inputs": 5, "width": 4} | machine
    values = np.array(e)[:, None, None, None, None] * np.ones((samples, len(beta), 2, 2, 3, 3))
    values += noise * np.random.default_rng(1).standard_normal(values.shape)
    coords = {"sample": range(samples), "clone": [0, 1], "waiting_time": [0, 9], "lag": [0, 5, 10], "layer": [1, 2, 3]}
    with np.errstate(divide="ignore"):
        coords |= {"temperature": 1 / beta, "beta": ("temperature", beta)}
    attrs = {
        "machine": json.dumps(about),
        "dynamics": "heat_bath",
        "depth": 3,
        "widths": "[5, 6, 4, 2]",
        "patterns": 30,
    }
    dims = ("sample", "temperature", "clone", "waiting_time", "lag", "layer")
    return xr.Dataset({"clone_energy": (dims, values)}, coords, attrs)


def exact(potential, beta=BETA):
    """The liquid of three layers per N M; its hidden spins are those of the layers of 6 and 4 neurons."""
    gaps = [liquid_free_entropy(depth=1, potential=potential, beta=b) if b else 0.0 for b in beta]
    return 3 * np.array(gaps) + np.log(2) * (6 + 4) / 4


LADDERS = {"powers": BETA, "squares": 16 * np.linspace(0, 1, 11) ** 2, "falling": BETA[::-1]}


@pytest.mark.parametrize("potential", POTENTIALS, ids=str)
@pytest.mark.parametrize("ladder", LADDERS)
def test_the_error_of_the_integral_is_less_than_what_is_told(potential, ladder):
    beta = LADDERS[ladder]
    found = gn.analysis.free_entropy(liquid(potential, beta))
    np.testing.assert_array_equal(found.beta, np.sort(beta))
    off = abs(found.value - exact(potential, np.sort(beta)))
    assert (off <= found.integration_error + 4e-4).all() and float(off.sel(beta=4, method="nearest")) < 3e-3
    assert float(found.integration_error.sel(beta=4, method="nearest")) < 0.05
    assert (found.error < 1e-12).all()


def test_ever_denser_ladders_end_at_the_free_entropy():
    off = []
    for count in (5, 9, 17, 33):
        beta = np.concatenate([[0.0], np.geomspace(0.1, 10.0, count)])
        found = gn.analysis.free_entropy(liquid(gn.SoftCore(), beta)).value - exact(gn.SoftCore(), beta)
        off.append(float(abs(found).max()))
    assert np.all(np.diff(off) < 0) and off[-1] < 5e-5
    alone = gn.analysis.free_entropy(liquid(gn.SoftCore(), np.array([0.0, 1.0])))
    assert np.isnan(alone.integration_error[-1])


def test_every_neuron_and_binary_weight_that_is_free_is_counted():
    potential = gn.Counting()
    first = {
        "spherical": np.log(2) * 10 / 4,
        "ising": np.log(2) * (10 / 4 + (6 * 5 + 4 * 6 + 2 * 4) / (4 * 30)),
    }
    for ensemble, value in first.items():
        assert float(gn.analysis.free_entropy(liquid(potential, ensemble=ensemble)).value[0]) == pytest.approx(value)
    diluted = gn.analysis.free_entropy(liquid(potential, ensemble="ising", connectivity=2))
    assert float(diluted.value[0]) == pytest.approx(np.log(2) * (10 / 4 + 2 * 12 / (4 * 30)))
    follow = gn.analysis.free_entropy(liquid(potential).assign_attrs(dynamics="feedforward"))
    outputs = 2 / 4 * np.array([liquid_free_entropy(depth=1, potential=potential, beta=b) if b else 0 for b in BETA])
    np.testing.assert_allclose(follow.value, outputs, atol=0.01)


def test_errors_are_those_of_independent_samples():
    """The integral is linear in the energy: that of each sample alone has their spread."""
    ladder = liquid(gn.SoftCore(), samples=20, noise=0.3)
    found = gn.analysis.free_entropy(ladder, since=5)
    alone = [gn.analysis.free_entropy(ladder.isel(sample=[s]), since=5) for s in range(20)]
    np.testing.assert_allclose(found.value, np.mean([one.value for one in alone], axis=0))
    np.testing.assert_allclose(found.error, np.std([one.value for one in alone], axis=0, ddof=1) / 20**0.5, atol=1e-12)
    assert np.isnan(alone[0].error).all() and float(found.error[-1]) > 0.01


def test_what_is_averaged():
    """The last waiting time, lags from `since` on."""
    ladder = liquid(gn.SoftCore())
    spoiled = ladder.copy(deep=True)
    spoiled.clone_energy[:, :, :, 0] = np.inf
    spoiled.clone_energy[..., 0, :] = np.nan
    plain = gn.analysis.free_entropy(ladder)
    xr.testing.assert_identical(gn.analysis.free_entropy(spoiled), plain)
    xr.testing.assert_identical(gn.analysis.free_entropy(spoiled, since=10), plain)
    assert plain.value.attrs == {"long_name": "free entropy per N M", "units": "1", "symbol": "Phi"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.drop_vars("beta"), "`ds` must have the coordinate 'beta' along 'temperature'"),
        (lambda ds: ds.isel(temperature=slice(1, None)), "`ds.beta` must hold 0 and other finite numbers"),
        (lambda ds: ds.isel(temperature=[0]), "`ds.beta` must hold 0 and other finite numbers"),
        (lambda ds: ds.assign_coords(beta=("temperature", [*BETA[:-1], np.inf])), "`ds.beta` must hold 0"),
        (lambda ds: ds.isel(temperature=0), "`ds.clone_energy` must have the dimension 'temperature'"),
        (lambda ds: ds * np.inf, "`ds.clone_energy` must be finite"),
        (lambda ds: ds.isel(layer=[0, 1]), "`ds` must have all layers 1, ..., 3"),
        (lambda ds: ds.assign_attrs(dynamics="mine:build"), "`ds` must have dynamics among metropolis, heat_bath"),
        (lambda ds: ds.drop_attrs(), "`ds` must have the attribute"),
    ],
)
def test_refuses(change, message):
    with pytest.raises(ValueError, match=message), xr.set_options(keep_attrs=True), np.errstate(invalid="ignore"):
        gn.analysis.free_entropy(change(liquid(gn.SoftCore())))


def test_since_is_a_lag():
    with pytest.raises(ValueError, match="`since` must be a lag from 0 to 10, but is 11"):
        gn.analysis.free_entropy(liquid(gn.SoftCore()), since=11)


# An enumerated machine

MACHINE = gn.Machine(2, 2, inputs=3, outputs=1, ensemble="ising", potential=gn.SoftCore(margin=0.2))
LADDER = np.array([0.0, 0.25, 0.5, 1.0, 1.6, 2.5, 4.0])


def log_partition(machine, task, beta):
    """ln Z of a machine of two layers and Ising weights: a sum over all weights, in which patterns are independent."""
    sizes = [n * c for n, c in zip(machine.widths[1:], machine.connections, strict=True)]
    bits = 2.0 * ((np.arange(2 ** sum(sizes))[:, None] >> np.arange(sum(sizes))) & 1) - 1
    J, K = np.split(bits, [sizes[0]], axis=1)
    J, K = J.reshape(-1, *machine.widths[1::-1]), K.reshape(-1, *machine.widths[:0:-1])
    total = np.zeros((len(bits), len(beta)))
    for x, y in zip(task.inputs, task.outputs, strict=True):
        states = 2.0 * ((np.arange(2**machine.width)[:, None] >> np.arange(machine.width)) & 1) - 1
        below = (J @ x / np.sqrt(machine.connections[0]))[:, None] * states
        above = np.einsum("woi,si->wso", K, states) / np.sqrt(machine.connections[1]) * y
        gaps = np.concatenate([below, above], axis=-1) - machine.potential.margin
        energy = ref.cost(machine.potential, gaps).sum(-1)
        total += np.log(np.exp(-energy[..., None] * beta).sum(1))
    return np.log(np.exp(total).sum(0))


def exactly(ds, values):
    """The result with these energies per N M in place of its own."""
    shape = xr.DataArray(values, dims="temperature") / MACHINE.depth
    return ds.assign(clone_energy=xr.zeros_like(ds.clone_energy, dtype=float) + shape)


@pytest.fixture(scope="module")
def enumerated():
    """A run, and the exact free entropy at its temperatures: of the sum, and as the integral of exact energies."""
    task, per_NM = gn.tasks.random(MACHINE, patterns=3, seed=4), sum(MACHINE.widths[1:]) / MACHINE.depth * 3
    protocol = gn.Protocol(sweeps=200, waiting_times=(20,), clones=2, samples=24)
    ds = gn.simulate(MACHINE, task, beta=LADDER.tolist(), protocol=protocol, dynamics="heat_bath", seed=2)
    up, down = (log_partition(MACHINE, task, LADDER + shift) for shift in (1e-4, -1e-4))
    integral = gn.analysis.free_entropy(exactly(ds, (down - up) / 2e-4 / per_NM))
    return ds, log_partition(MACHINE, task, LADDER) / per_NM, integral


def z_of(ds, integral):
    """z of every beta above 0 against the same integral of exact energies."""
    found = gn.analysis.free_entropy(ds, since=20)
    return ((found.value.values - integral.value.values) / found.error.values)[1:]


def test_an_enumerated_machine(enumerated):
    ds, exact, integral = enumerated
    assert (
        abs(integral.value - exact).max() < 0.005
        and (abs(integral.value - exact) <= integral.integration_error + 1e-12).all()
    )
    assert ref.worst(z_of(ds, integral)) < ref.THRESHOLD
    found = gn.analysis.free_entropy(ds, since=20)
    assert float(found.value[0]) == pytest.approx(exact[0], rel=1e-12) and float(found.error.max()) < 0.025


def test_energies_of_the_wrong_rung_are_seen(enumerated):
    ds, _, integral = enumerated
    for shift in (1, -1):
        wrong = ds.clone_energy.copy(data=np.roll(ds.clone_energy, shift, axis=1))
        assert abs(z_of(ds.assign(clone_energy=wrong), integral)[-1]) > 2 * ref.THRESHOLD
    warmer = ds.assign_coords(beta=("temperature", 1.15 * LADDER))
    assert ref.worst(z_of(warmer, integral)) > ref.THRESHOLD


@pytest.mark.slow  # a library of its own
def test_all_energies_together_give_the_same(enumerated):
    pytest.importorskip("pymbar")
    ds, exact, _ = enumerated
    found = gn.analysis.mbar(ds, since=20)
    assert ref.worst(((found.value.values - exact) / found.error.values)[1:]) < ref.THRESHOLD
    assert found.value.values[0] == pytest.approx(exact[0], rel=1e-12) and float(found.error.max()) < 0.025
    warmer = gn.analysis.mbar(ds.assign_coords(beta=("temperature", 1.15 * LADDER)), since=20)
    assert ref.worst(((warmer.value.values - exact) / warmer.error.values)[1:]) > ref.THRESHOLD


@pytest.mark.slow
def test_temperatures_without_common_energies_are_not_connected():
    pytest.importorskip("pymbar")
    found = gn.analysis.mbar(liquid(gn.SoftCore(), BETA[[0, 1, 8]]))  # all energies of a temperature are one
    assert found.value.isnull().values.tolist()[0] is False and found.value.isnull().values[-1]


def test_without_pymbar_it_is_named(enumerated, monkeypatch):
    module = sys.modules["glassnet.analysis.mbar"]
    monkeypatch.setattr(module, "SOLVE", "import sys; sys.modules['pymbar'] = None; import pymbar")
    with pytest.raises(ModuleNotFoundError, match=r"pip install glassnet\[mbar\]"):
        gn.analysis.mbar(enumerated[0])
    monkeypatch.setattr(module, "SOLVE", "raise SystemExit('not solved')")
    with pytest.raises(RuntimeError, match="pymbar did not solve the equations: not solved"):
        gn.analysis.mbar(enumerated[0])
