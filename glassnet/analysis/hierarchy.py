"""Hierarchy of configurations: complete linkage on the distance d = 1 - q."""

from typing import NamedTuple

import numpy as np
import scipy
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.labels import described, in_words, own_words, pairs, variable
from glassnet.core.check import fail

PAIR = ("configuration", "configuration_b")
"""Dimensions of a matrix of overlaps."""
ROUNDING = 1e-12
"""Distances that differ by less are equal."""


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
    if isinstance(matrix, DataArray):
        labelled = {*PAIR} <= {*matrix.dims}
        matrix = square(matrix, "matrix").transpose(..., *PAIR) if labelled else variable(matrix, "matrix")
    elif not isinstance(matrix, np.ndarray) or matrix.dtype.kind not in "biuf":
        raise ValueError(f"Argument `matrix` must be an array of overlaps, but is {in_words(matrix)}.")
    q = np.asarray(matrix, dtype=float)
    if q.ndim != 2 or q.shape[0] != q.shape[1] or not q.size:
        raise fail("matrix", "be square", q.shape)
    if not np.isfinite(q).all():
        raise fail("matrix", "be finite", float(q[~np.isfinite(q)][0]))
    if not np.allclose(q, q.T, rtol=0, atol=1e-4):
        raise fail("matrix", "be symmetric", f"off by {np.abs(q - q.T).max():.3g}")
    if len(q) == 1:
        return Tree(np.zeros(1, int), np.empty((0, 4)))
    distance = np.maximum(1 - (q + q.T) / 2, 0)
    np.fill_diagonal(distance, 0)
    merges = scipy.cluster.hierarchy.linkage(
        scipy.spatial.distance.squareform(distance, checks=False), method="complete"
    )
    return Tree(scipy.cluster.hierarchy.leaves_list(merges), merges)


def square(overlap: DataArray, name: str = "overlap") -> DataArray:
    """Overlaps of all pairs of configurations, both dimensions in one order.

    Raises:
        ValueError: if `overlap` is no variable of numbers by both dimensions, or these have other labels.
    """
    return pairs(variable(overlap, name, *PAIR, such="final_spin_overlap"), *PAIR)


@own_words
def trees(overlap: DataArray) -> Dataset:
    """Trees and ordered matrices of all layers, waiting times and so on, by complete linkage on d = 1 - q.

    Args:
        overlap: such as `final_spin_overlap`: dims `configuration` and `configuration_b` and any others.
    Returns:
        `order` (leaf), the configurations by position; `linkage` (merge, part), as scipy writes it; `matrix`
        (leaf, leaf_b), the overlaps in the order of the leaves; `cophenetic`, the correlation of distances with
        the heights at which pairs merge (NaN for less than three configurations or equal distances). Further
        dimensions are kept.
    Raises:
        ValueError: if dims are missing or a matrix is not symmetric or not finite.
    """
    overlap = square(overlap)
    order, merges, matrix, correlation = xr.apply_ufunc(
        _tree,
        overlap.astype(float),
        input_core_dims=[list(PAIR)],
        output_core_dims=[["leaf"], ["merge", "part"], ["leaf", "leaf_b"], []],
        vectorize=True,
    )
    words = {
        "order": (order, "configuration at each leaf", "1"),
        "linkage": (merges, "merges: two clusters, distance, leaves", "1"),
        "matrix": (matrix, f"{overlap.attrs.get('long_name', 'overlap')}, ordered", overlap.attrs.get("units", "1")),
        "cophenetic": (correlation, "cophenetic correlation", "1"),
    }
    return Dataset({name: described(x, long_name=text, units=units) for name, (x, text, units) in words.items()})


def _tree(q: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    order, merges = clustered(q)
    return order, merges, q[np.ix_(order, order)], cophenetic_correlation(q)


def cophenetic_correlation(matrix: np.ndarray) -> float:
    """Correlation of the distances d = max(1 - q, 0) with the heights at which pairs merge   [Sokal and Rohlf 1962].

    1 for an ultrametric matrix; NaN for less than three configurations or equal distances.
    """
    merges = clustered(matrix).linkage
    q = np.asarray(matrix, dtype=float)
    if len(q) < 3:
        return np.nan
    distance = scipy.spatial.distance.squareform(np.maximum(1 - (q + q.T) / 2, 0) * (1 - np.eye(len(q))), checks=False)
    heights = scipy.cluster.hierarchy.cophenet(merges)
    if min(np.ptp(distance), np.ptp(heights)) <= ROUNDING:
        return np.nan
    return float(np.clip(np.corrcoef(distance, heights)[0, 1], -1, 1))
