import time

import numpy as np
import pytest
import xarray as xr
from analysis.test_distribution import overlaps, symmetric

from glassnet.analysis import null_overlaps, trees, ultrametricity, ultrametricity_null

GAUSSIAN = 3 / (2 * np.sqrt(np.pi))
"""Mean of the largest of three normal numbers minus the middle one."""


def branching(leaves=27, ways=3, heights=(0.1, 0.45, 0.8)):
    """Overlaps of an exact tree: each level joins three subtrees."""
    leaf = np.arange(leaves)
    q = np.full((leaves, leaves), heights[0])
    for level, height in enumerate(heights[1:], start=1):
        block = leaf // (leaves // ways**level)
        q[block[:, None] == block] = height
    return q * (1 - np.eye(leaves)) + np.eye(leaves)


def grown(samples, clones, *, neurons=2000, seed=0):
    """Overlaps of spins that descend from one ancestor for each sample through two generations, with mutations."""
    rng = np.random.default_rng(seed)

    def mutated(spins, rate):
        return spins * np.where(rng.random(spins.shape) < rate, -1, 1)

    founders = rng.choice([-1, 1], size=(samples, 1, neurons))
    families = np.repeat(mutated(np.repeat(founders, clones // 4, axis=1), 0.2), 4, axis=1)
    spins = mutated(families, 0.05)
    return xr.DataArray(np.einsum("sai,sbi->sab", spins, spins) / neurons, dims=("sample", "clone", "clone_b"))


def test_a_planted_tree_is_ultrametric():
    q = branching()
    shuffle = np.random.default_rng(0).permutation(len(q))
    out = ultrametricity(overlaps(q[np.ix_(shuffle, shuffle)], 9), seed=0)
    assert abs(out.K.item()) < 1e-9
    assert out.isosceles.item() == 1
    assert out.cophenetic.item() == pytest.approx(1)


def test_nulls_have_the_known_values_and_a_tree_stands_apart():
    tree = overlaps(branching(), 9)
    measured = ultrametricity(tree, seed=0)
    for kind in ("gaussian", "shuffled"):
        null = ultrametricity_null(tree, kind, seed=1)
        assert null.K - 4.5 * null.K_spread > measured.K
        assert measured.isosceles > null.isosceles + 4.5 * null.isosceles_spread
        assert measured.cophenetic > null.cophenetic + 4.5 * null.cophenetic_spread
    gaussian = ultrametricity_null(tree, "gaussian", seed=1, draws=40)
    assert abs(gaussian.K - GAUSSIAN) < 4.5 * gaussian.K_spread / np.sqrt(40)
    assert abs(gaussian.isosceles - 0.5) < 4.5 * gaussian.isosceles_spread / np.sqrt(40)


def test_independent_configurations_score_as_their_nulls():
    """Spins drawn one by one: no hierarchy, and none is reported."""
    spins = np.random.default_rng(3).choice([-1, 1], size=(8, 16, 2000))
    q = xr.DataArray(np.einsum("sai,sbi->sab", spins, spins) / 2000, dims=("sample", "clone", "clone_b"))
    out = ultrametricity(q, seed=0)
    assert abs(out.K - GAUSSIAN) < 4.5 * out.K_error
    assert abs(out.isosceles - 0.5) < 4.5 * out.isosceles_error
    for kind in ("gaussian", "shuffled"):
        null = ultrametricity_null(q, kind, seed=2)
        for name in ("K", "isosceles", "cophenetic"):
            assert abs(out[name] - null[name]) < 4.5 * np.hypot(out[f"{name}_error"], null[f"{name}_spread"])


def test_descendants_are_more_ultrametric_than_their_shuffled_overlaps():
    q = grown(6, 16)
    out, null = ultrametricity(q, seed=0), ultrametricity_null(q, "shuffled", seed=0)
    assert out.K < 0.3 * null.K and out.K_error > 0
    # of triangles within three families, equilateral but for noise, half count
    assert null.isosceles + 4.5 * null.isosceles_spread < 0.7 < out.isosceles
    mixed = ultrametricity(null_overlaps(q, "shuffled", seed=3), seed=0)
    assert abs(mixed.K - null.K) < 4.5 * null.K_spread


def test_definitions_by_hand():
    """One triangle with sides 0.2, 0.5, 0.6."""
    d = np.array([[0, 0.2, 0.5], [0.2, 0, 0.6], [0.5, 0.6, 0]])
    out = ultrametricity(overlaps(1 - d, 3), seed=0)
    assert out.K.item() == pytest.approx(0.1 / np.std([0.2, 0.5, 0.6]))
    assert out.isosceles.item() == 1
    d[0, 2] = d[2, 0] = 0.3
    assert ultrametricity(overlaps(1 - d, 3), seed=0).isosceles.item() == 0


def test_error_by_leaving_samples_out():
    q = overlaps(np.clip(symmetric(np.random.default_rng(1), 12, 0.1, 0.3), -1, 1), 3)
    out = ultrametricity(q, seed=0)
    keeps = [np.flatnonzero(np.arange(12) // 3 != s) for s in range(4)]
    without = [ultrametricity(q.isel(configuration=k, configuration_b=k), seed=0) for k in keeps]
    for name in ("K", "isosceles", "cophenetic"):
        assert out[f"{name}_error"].item() == pytest.approx(np.sqrt(3) * np.std([w[name].item() for w in without]))


def test_random_triangles_agree_with_all_of_them():
    q = grown(2, 40).rename(sample="layer")
    one = q.isel(layer=0, drop=True).expand_dims(sample=1)
    every, some = ultrametricity(one, seed=0), ultrametricity(one, seed=0, triples=2000)
    assert every.K != some.K
    assert abs(every.K - some.K) < 4.5 * 1.0 / np.sqrt(2000)  # K of a triangle spreads by less than 1
    assert every.K_error.isnull()


def test_nulls_keep_what_they_must():
    q = overlaps(np.stack([symmetric(np.random.default_rng(s), 8, 0.2, 0.1) for s in range(2)]), 4)
    a, b = np.triu_indices(8, 1)
    shuffled = null_overlaps(q, "shuffled", seed=0)
    np.testing.assert_allclose(np.sort(shuffled.values[:, a, b]), np.sort(q.values[:, a, b]))
    assert not np.allclose(shuffled, q)
    many = null_overlaps(overlaps(np.stack([branching()] * 200), 9), "gaussian", seed=0)
    pairs, truth = many.values[:, *np.triu_indices(27, 1)], branching()[np.triu_indices(27, 1)]
    assert abs(pairs.mean() - truth.mean()) < 4.5 * truth.std() / np.sqrt(pairs.size)
    assert abs(pairs.std() / truth.std() - 1) < 4.5 / np.sqrt(2 * pairs.size)
    for x in (shuffled, many):
        np.testing.assert_array_equal(x, x.values.swapaxes(1, 2))
        assert (np.diagonal(x, axis1=1, axis2=2) == 1).all()


def test_trees_of_all_layers():
    q = overlaps(np.stack([branching(), symmetric(np.random.default_rng(0), 27, 0, 0.1)]), 9).assign_coords(
        layer=[1, 2]
    )
    out = trees(q)
    assert out.matrix.dims == ("layer", "leaf", "leaf_b") and out.linkage.shape == (2, 26, 4)
    order = out.order.sel(layer=2).values
    np.testing.assert_array_equal(out.matrix.sel(layer=2), q.sel(layer=2).values[np.ix_(order, order)])
    assert out.cophenetic.sel(layer=1).item() == pytest.approx(1) and out.cophenetic.sel(layer=2) < 0.9
    assert trees(overlaps(np.ones((2, 2)), 1)).cophenetic.isnull()


def test_a_thousand_configurations_take_seconds():
    q = overlaps(np.clip(symmetric(np.random.default_rng(0), 1000, 0.0, 0.1), -1, 1), 100)
    start = time.perf_counter()
    ultrametricity(q, seed=0)
    trees(q)
    assert time.perf_counter() - start < 30


@pytest.mark.parametrize(
    ("words", "call"),
    [
        (
            "`overlap` must have at least three values along 'configuration'",
            lambda q: ultrametricity(q[:2, :2], seed=0),
        ),
        ("`overlap` must be free of NaN", lambda q: ultrametricity(q * np.nan, seed=0)),
        ("`overlap` must have the dimension 'configuration'", lambda q: ultrametricity(q[0], seed=0)),
        ("`kind` must be one of 'shuffled', 'gaussian'", lambda q: null_overlaps(q, "none", seed=0)),
        ("`draws` must be an integer of at least 2", lambda q: ultrametricity_null(q, "shuffled", seed=0, draws=1)),
        ("`overlap` must have the dimension 'configuration_b'", lambda q: trees(q[:, 0])),
    ],
)
def test_bad_input(words, call):
    with pytest.raises(ValueError, match=words):
        call(overlaps(branching(), 9))
