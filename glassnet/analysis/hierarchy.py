"""Hierarchy of configurations: complete linkage on the distance d = 1 - q."""

from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from xarray import DataArray

from glassnet.core.check import fail


class Tree(NamedTuple):
    """A hierarchical clustering.

    Attributes:
        order: configurations in the order of the leaves, shape (configuration,), integers.
        linkage: merges as scipy writes them, shape (configuration - 1, 4): two clusters, distance, leaves.
    """

    order: np.ndarray
    linkage: np.ndarray


def clustered(matrix: DataArray | np.ndarray) -> Tree:
    """Tree of configurations by complete linkage on d = max(1 - q, 0)   [Huang et al. 2025].

    Args:
        matrix: overlaps q of all pairs, square and symmetric; the diagonal is not read.
    Returns:
        Leaves and merges; no merges for a single configuration.
    Raises:
        ValueError: if the matrix is not square, not symmetric (within 1e-4) or not finite.
    """
    q = np.asarray(matrix, dtype=float)
    if q.ndim != 2 or q.shape[0] != q.shape[1] or not q.size:
        raise fail("matrix", "be square", q.shape)
    if not np.isfinite(q).all():
        raise fail("matrix", "be finite", q)
    if not np.allclose(q, q.T, rtol=0, atol=1e-4):
        raise fail("matrix", "be symmetric", q)
    if len(q) == 1:
        return Tree(np.zeros(1, int), np.empty((0, 4)))
    distance = np.maximum(1 - (q + q.T) / 2, 0)
    np.fill_diagonal(distance, 0)
    merges = linkage(squareform(distance, checks=False), method="complete")
    return Tree(leaves_list(merges), merges)
