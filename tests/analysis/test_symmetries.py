import json
import time

import numpy as np
import pytest
import xarray as xr
from simulation.tiny import standard

from glassnet.analysis import overlap_distribution, reduced_overlap, ultrametricity

RNG = np.random.default_rng(17)


def kept(spins, *, connectivity=None, clones=1):
    """A result that holds spins (configuration, layer, neuron, pattern) at one waiting time."""
    n = len(spins)
    dims = ("waiting_time", "configuration", "hidden_layer", "neuron", "pattern")
    coords = {"waiting_time": [7], "configuration_sample": ("configuration", np.arange(n) // clones)}
    attrs = {"machine": json.dumps({"connectivity": connectivity})}
    return xr.Dataset({"configuration_spins": (dims, spins[None].astype(np.int8))}, coords, attrs)


def spins(n, layers=2, neurons=10, patterns=200):
    return RNG.choice([-1, 1], size=(n, layers, neurons, patterns))


def transformed(S, symmetry):
    """Each configuration after the first is the first one, changed by a symmetry."""
    n, layers, neurons, _ = S.shape
    new = np.repeat(S[:1], n, axis=0)
    for a in range(1, n):
        for l in range(layers):
            if symmetry == "permutation":
                new[a, l] = new[a, l][RNG.permutation(neurons)]
            size = 1 if symmetry == "flip" else neurons
            new[a, l] *= RNG.choice([-1, 1], size=(size, 1))
    return new


ORDER = ("none", "flip", "sign", "permutation")


@pytest.mark.parametrize("symmetry", ORDER)
def test_equal_but_for_a_symmetry(symmetry):
    """A symmetry is removed by its own reduction and by the larger ones, and not by smaller ones."""
    S = transformed(spins(8), symmetry) if symmetry != "none" else np.repeat(spins(1), 8, axis=0)
    for reduction in ORDER:
        q = reduced_overlap(kept(S), reduction).overlap.values
        if ORDER.index(reduction) >= ORDER.index(symmetry):
            np.testing.assert_allclose(q, 1, atol=1e-6)
        else:
            assert q.min() < 0.9


@pytest.mark.parametrize("symmetry", ORDER)
def test_unrelated_configurations_average_to_zero(symmetry):
    out = reduced_overlap(kept(spins(24, neurons=6, patterns=20)), symmetry)
    q = out.overlap.values[0][np.triu_indices(24, 1)]
    assert abs(q.mean()) < 4.5 * q.std() / np.sqrt(q.size / 2)  # pairs share configurations
    assert q.std() < 0.2


def test_choosing_and_measuring_on_the_same_patterns_would_fake_an_overlap():
    S = spins(24, layers=1, neurons=6, patterns=20)
    R = np.einsum("aim,bim->abi", S[:, 0], S[:, 0]) / 20
    naive = np.abs(R).mean(-1)[np.triu_indices(24, 1)]
    assert naive.mean() > 0.1


def test_noise_leaves_the_overlap_planted():
    """A tenth of the spins of two copies turned: q = 0.8^2 whatever the symmetry that was applied."""
    S = np.repeat(spins(1, layers=1, neurons=20, patterns=400), 10, axis=0)
    S = S * np.where(RNG.random(S.shape) < 0.1, -1, 1)
    changed = S.copy()
    for a in range(10):
        changed[a, 0] = (S[a, 0] * RNG.choice([-1, 1], size=(20, 1)))[RNG.permutation(20)]
    before = reduced_overlap(kept(S), "none").overlap.values[0, ..., 0][np.triu_indices(10, 1)]
    after = reduced_overlap(kept(changed), "permutation").overlap.values[0, ..., 0][np.triu_indices(10, 1)]
    np.testing.assert_allclose(after, before, atol=1e-6)
    assert before.mean() == pytest.approx(0.64, abs=0.01)


def test_raw_overlaps_are_those_of_the_simulation():
    ds = standard()
    out = reduced_overlap(ds, "none")
    hidden = ds.final_spin_overlap.sel(layer=out.layer)
    np.testing.assert_allclose(out.overlap.transpose(*hidden.dims), hidden, atol=1e-6)
    assert out.overlap.coords["configuration_sample"].equals(ds.configuration_sample)
    m2 = ds.magnetisation_squared.isel(lag=-1).sel(layer=out.layer)
    where = {"sample": ds.configuration_sample, "clone": ds.configuration_clone}
    np.testing.assert_allclose(
        out.magnetisation_squared, m2.isel(where).transpose("waiting_time", "configuration", "layer"), atol=1e-6
    )


def test_results_go_on_to_the_hierarchy():
    out = reduced_overlap(standard(), "sign")
    assert overlap_distribution(out.overlap).within.notnull().all()
    assert ultrametricity(out.overlap, seed=0).K.dims == ("waiting_time", "layer")


def test_magnetised_neurons_have_no_connected_overlap():
    """Neurons that take one sign for all patterns: overlap 1, connected 0, flagged."""
    S = spins(4, layers=2, neurons=10, patterns=400)
    S[:, 0] = 1
    for symmetry in ORDER:
        out = reduced_overlap(kept(S), symmetry)
        np.testing.assert_allclose(out.overlap.sel(layer=1), 1, atol=1e-6)
        np.testing.assert_allclose(out.overlap_connected.sel(layer=1), 0, atol=1e-6)
        assert out.magnetised.sel(layer=1).all() and not out.magnetised.sel(layer=2).any()
        assert np.abs(np.diagonal(out.overlap_connected.sel(layer=2)[0])).min() > 0.9


def test_temperatures_and_waiting_times_are_kept():
    ds = kept(spins(4))
    both = xr.concat([ds, ds], "temperature", data_vars="minimal").copy()
    both["configuration_spins"] = ds.configuration_spins.expand_dims(temperature=2)
    out = reduced_overlap(both.assign_coords(temperature=[0.1, 0.2]), "sign")
    assert out.overlap.dims == ("temperature", "waiting_time", "configuration", "configuration_b", "layer")
    one = reduced_overlap(ds, "sign")
    xr.testing.assert_allclose(out.overlap.isel(temperature=1, drop=True), one.overlap)


@pytest.mark.parametrize("layers", [2, pytest.param(9, marks=pytest.mark.slow)])
def test_a_thousand_configurations_take_seconds(layers):
    ds = kept(RNG.choice(np.array([-1, 1], np.int8), size=(1000, layers, 20, 100)))
    start = time.perf_counter()
    reduced_overlap(ds, "sign")
    assert time.perf_counter() - start < 30 * layers


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("`symmetry` must be one of 'none', 'flip', 'sign', 'permutation'", lambda ds: reduced_overlap(ds, "gauge")),
        (r"`ds` must hold configurations \(keep_configurations=True\)", lambda ds: reduced_overlap(xr.Dataset())),
        ("`ds` must have at least 2 along 'pattern', but is 1", lambda ds: reduced_overlap(ds.isel(pattern=[0]))),
        (
            "`symmetry` must be 'none', 'flip' or 'sign' in a machine of limited connectivity, but is 'permutation'",
            lambda ds: reduced_overlap(kept(spins(3), connectivity=4), "permutation"),
        ),
        ("`threshold` must be a finite number", lambda ds: reduced_overlap(ds, threshold=np.nan)),
    ],
)
def test_bad_input(words, call):
    with pytest.raises(ValueError, match=words):
        call(kept(spins(3)))
