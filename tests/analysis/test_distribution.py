import numpy as np
import pytest
import xarray as xr

from glassnet.analysis import overlap_distribution


def overlaps(q, clones):
    """Matrices (..., configuration, configuration_b) of samples with `clones` clones each."""
    n = q.shape[-1]
    dims = ("layer", "configuration", "configuration_b")[-q.ndim :]
    coords = {"configuration_sample": ("configuration", np.arange(n) // clones)}
    return xr.DataArray(q, dims=dims, coords=coords)


def symmetric(rng, n, mean, spread):
    upper = np.triu(rng.normal(mean, spread, size=(n, n)), 1)
    return upper + upper.T + np.eye(n)


def test_against_a_histogram_by_hand():
    q = np.clip(symmetric(np.random.default_rng(0), 12, 0.1, 0.3), -1, 1)
    out = overlap_distribution(overlaps(q, 4), bins=20)
    a, b = np.triu_indices(12, 1)
    same = a // 4 == b // 4
    for name, pairs in (("within", same), ("between", ~same)):
        expected = np.histogram(q[a, b][pairs], np.linspace(-1, 1, 21), density=True)[0]
        np.testing.assert_allclose(out[name], expected)
        assert (out[name].sum() * 0.1).item() == pytest.approx(1)
    np.testing.assert_allclose(out.overlap, np.linspace(-0.95, 0.95, 20))


def test_error_by_leaving_samples_out():
    q = np.clip(symmetric(np.random.default_rng(1), 15, 0.1, 0.3), -1, 1)
    out = overlap_distribution(overlaps(q, 3), bins=8)
    for name in ("within", "between"):
        without = []
        for s in range(5):
            keep = np.flatnonzero(np.arange(15) // 3 != s)
            without.append(
                overlap_distribution(overlaps(q, 3).isel(configuration=keep, configuration_b=keep), bins=8)[name]
            )
        np.testing.assert_allclose(out[f"{name}_error"], np.sqrt(4) * np.std(without, axis=0))


def test_diagonal_is_left_out():
    q = np.full((4, 4), 0.25) + 0.75 * np.eye(4)
    out = overlap_distribution(overlaps(q, 4), bins=4)
    assert out.within.values.tolist() == [0, 0, 2, 0]
    assert out.between.isnull().all()


def test_one_and_ends_are_inside():
    q = np.array([[1, 1 + 1e-6, -1], [1 + 1e-6, 1, -1 - 1e-6], [-1, -1 - 1e-6, 1]])
    assert overlap_distribution(overlaps(q, 3), bins=2).within.values.tolist() == pytest.approx([2 / 3, 1 / 3])


def test_errors_cover_planted_distributions():
    """Samples have their own mean overlap: the error sees it, that of independent pairs would not."""
    rng, samples, clones, layers = np.random.default_rng(2), 20, 5, 400
    same = np.arange(samples * clones)[:, None] // clones == np.arange(samples * clones) // clones
    q = np.empty((layers, samples * clones, samples * clones))
    for layer in range(layers):
        own = np.repeat(rng.choice([-0.5, 0.5], size=samples), clones)
        q[layer] = np.where(same, own[:, None], 0.0)
        np.fill_diagonal(q[layer], 1)
    out = overlap_distribution(overlaps(q, clones), bins=np.array([-1.0, 0.0, 1.01]))
    p, error = out.within.isel(overlap=1) * 1.01, out.within_error.isel(overlap=1) * 1.01
    assert p.mean().item() == pytest.approx(0.5, abs=4.5 * 0.5 / np.sqrt(layers * samples))
    assert (error**2).mean().item() == pytest.approx(0.25 / samples, rel=0.05)
    assert p.std().item() == pytest.approx(0.5 / np.sqrt(samples), rel=4.5 / np.sqrt(2 * layers))


def test_dims_are_kept_wherever_pairs_stand():
    q = overlaps(np.stack([symmetric(np.random.default_rng(s), 6, 0, 0.1) for s in range(2)]), 2)
    q = q.assign_coords(layer=[1, 2])
    out = overlap_distribution(q.transpose("configuration", "layer", "configuration_b"), bins=4)
    assert out.within.dims == ("layer", "overlap")
    assert out.identical(overlap_distribution(q, bins=4))
    assert overlap_distribution(q.sel(layer=2), bins=4).within.equals(out.within.sel(layer=2, drop=False))


def test_one_sample_has_no_error():
    out = overlap_distribution(overlaps(np.eye(3), 3), bins=3)
    assert out.within_error.isnull().all() and out.within.notnull().all()
    two = overlap_distribution(overlaps(np.eye(4), 2), bins=3)
    assert two.between.notnull().all() and two.between_error.isnull().all() and two.within_error.notnull().all()


@pytest.mark.parametrize(
    ("words", "call"),
    [
        (
            "`overlap` must have the dimension 'configuration_b'",
            lambda q: overlap_distribution(q.isel(configuration_b=0)),
        ),
        (
            "`overlap` must have the coordinate 'configuration_sample'",
            lambda q: overlap_distribution(q.drop_vars("configuration_sample")),
        ),
        ("`overlap` must lie between -1 and 1, but is 3.0", lambda q: overlap_distribution(3 + q)),
        ("`overlap` must lie between -1 and 1, but is nan", lambda q: overlap_distribution(q * np.nan)),
        ("`bins` must be an integer of at least 1, but is 0", lambda q: overlap_distribution(q, bins=0)),
        ("`bins` must be a number or ascending edges", lambda q: overlap_distribution(q, bins=[0, 0])),
    ],
)
def test_bad_input(words, call):
    with pytest.raises(ValueError, match=words):
        call(overlaps(np.zeros((4, 4)), 2))
