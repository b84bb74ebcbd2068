import numpy as np
import pytest
import xarray as xr
from scipy.cluster.hierarchy import cophenet
from scipy.spatial.distance import squareform

from glassnet.analysis import clustered


def planted(levels=(0.0, 0.4, 0.8)):
    """Overlaps of a tree with 3 x 2 x 2 leaves."""
    leaf = np.arange(12)
    q = np.full((12, 12), levels[0])
    q[leaf[:, None] // 4 == leaf // 4] = levels[1]
    q[leaf[:, None] // 2 == leaf // 2] = levels[2]
    np.fill_diagonal(q, 1.0)
    return q


def test_planted_blocks_come_side_by_side():
    shuffle = np.random.default_rng(0).permutation(12)
    q = planted()[np.ix_(shuffle, shuffle)]
    tree = clustered(xr.DataArray(q, dims=("configuration", "configuration_b")))
    leaves = shuffle[tree.order]
    assert sorted(tree.order) == list(range(12))
    assert all(len(set(leaves[i : i + 4] // 4)) == 1 for i in (0, 4, 8))
    assert all(len(set(leaves[i : i + 2] // 2)) == 1 for i in range(0, 12, 2))


def test_tree_of_an_ultrametric_matrix_is_exact():
    q = planted()
    np.testing.assert_allclose(squareform(cophenet(clustered(q).linkage)), 1 - q, atol=1e-12)


def test_linkage_is_complete():
    q = 1 - np.array([[0, 1, 5], [1, 0, 3], [5, 3, 0]]) / 10
    np.testing.assert_allclose(clustered(q).linkage[:, 2], [0.1, 0.5])


def test_rounding_above_one_is_no_distance():
    q = np.array([[1.0, 1.0 + 1e-6], [1.0 + 1e-6, 1.0]])
    assert clustered(q).linkage[0, 2] == 0


def test_single_configuration():
    tree = clustered(np.ones((1, 1)))
    assert tree.order.tolist() == [0]
    assert tree.linkage.shape == (0, 4)


@pytest.mark.parametrize(
    ("matrix", "requirement"),
    [
        (np.ones((2, 3)), "be square"),
        (np.ones(4), "be square"),
        (np.ones((0, 0)), "be square"),
        (np.full((2, 2), np.nan), "be finite"),
        (np.array([[1, 0.5], [0.2, 1]]), "be symmetric"),
    ],
)
def test_bad_matrix(matrix, requirement):
    with pytest.raises(ValueError, match=f"Argument `matrix` must {requirement}"):
        clustered(matrix)
