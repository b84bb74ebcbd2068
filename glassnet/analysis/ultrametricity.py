"""How ultrametric overlaps are: triangles of distances and cophenetic correlation, beside null models."""

from math import comb

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.distribution import sample_of
from glassnet.analysis.hierarchy import PAIR, cophenetic_correlation
from glassnet.analysis.labels import described, own_words, pairs, variable
from glassnet.analysis.resampling import spread
from glassnet.core.check import fail, integer, one_of

STATISTICS = {
    "K": "mean of (d_max - d_med)/sigma_d over triangles",
    "isosceles": "fraction of isosceles triangles with a short base",
    "cophenetic": "cophenetic correlation",
}
"""What is measured: 0, 1, 1 for an ultrametric; 0.846, 1/2 and less than 1 for independent Gaussian overlaps."""
ROUNDING = 1e-6
"""Sides of triangles that differ by less are equal."""


@own_words
def ultrametricity(overlap: DataArray, *, seed: int, triples: int = 20_000) -> Dataset:
    """Triangle statistics of the distances d = 1 - q and cophenetic correlation.

    K = <(d_max - d_med)/sigma_d>,   isosceles = fraction with d_max - d_med <= d_med - d_min

    over triangles of different configurations, sigma_d the standard deviation of the distances of pairs. In an
    ultrametric space the two longer sides are equal, so K = 0 and all triangles are isosceles (equilateral ones
    count)   [Katzgraber and Hartmann, Phys. Rev. Lett. 102, 037207 (2009)]. Independent overlaps have
    K = 3/(2 sqrt(pi)) = 0.846 if they are Gaussian, and half of their triangles are isosceles; a real null is
    `ultrametricity_null`. Symmetries of the machine must have been removed: see `reduced_overlap`.

    Args:
        overlap: dims `configuration` and `configuration_b` (all last configurations, which are then one set), or
            `sample`, `clone` and `clone_b` (each sample is a set of its own); any others.
        seed: of the choice of triangles where there are more than `triples`.
        triples: number of triangles.
    Returns:
        `K`, `isosceles`, `cophenetic` and their `_error`: standard errors over samples, by a jackknife for one set of
        all configurations. NaN for K where all distances are equal, for the errors where there is one sample.
    Raises:
        ValueError: if dims are missing, an overlap is NaN or there are less than three configurations.
    """
    integer(1, triples=triples)
    overlap, pair = _pairs(overlap)
    by_sample = pair != PAIR
    n = overlap.sizes[pair[0]]
    if n < 3:
        raise fail("overlap", f"have at least three values along {pair[0]!r}", n)
    if bool(overlap.isnull().any()):
        raise fail("overlap", "be free of NaN", float("nan"))
    chosen = _triples(n, triples, np.random.default_rng(seed))
    sets = np.zeros(n, int) if by_sample else np.unique(sample_of(overlap), return_inverse=True)[1]
    value, without = xr.apply_ufunc(
        _measured,
        overlap.astype(float),
        input_core_dims=[list(pair)],
        output_core_dims=[["statistic"], ["statistic", "left_out"]],
        vectorize=True,
        kwargs={"triples": chosen, "sets": sets},
    )
    error = spread(without, "left_out", ddof=0) * np.sqrt(without.sizes["left_out"] - 1)
    if by_sample:
        error = spread(value, "sample", ddof=1) / np.sqrt(value.sizes["sample"])
        value = value.mean("sample", skipna=False)
    return _by_name(value, "").assign(_by_name(error, "_error").data_vars)


def _pairs(overlap: DataArray) -> tuple[DataArray, tuple[str, str]]:
    """Overlaps whose two dimensions of a pair have one order, and the names of these."""
    by_sample = isinstance(overlap, DataArray) and "clone_b" in overlap.dims
    pair = ("clone", "clone_b") if by_sample else PAIR
    overlap = variable(overlap, "overlap", *pair, *(["sample"] if by_sample else []), such="final_spin_overlap")
    return pairs(overlap, *pair), pair


def _triples(n: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Triples a < b < c, shape (3, triple): all of them, or `most` drawn at random."""
    if comb(n, 3) <= most:
        a, b, c = np.meshgrid(*[np.arange(n)] * 3, indexing="ij", sparse=True)
        return np.array(np.nonzero((a < b) & (b < c)))
    drawn = rng.integers(n, size=(2 * most + 100, 3))
    different = (drawn[:, 0] != drawn[:, 1]) & (drawn[:, 1] != drawn[:, 2]) & (drawn[:, 0] != drawn[:, 2])
    return np.sort(drawn[different][:most], axis=1).T


def _measured(q: np.ndarray, triples: np.ndarray, sets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Statistics of one matrix, and without each set of configurations, (statistic, set); NaN for a single set."""
    everything = np.ones(len(q), bool)
    names = np.unique(sets)
    without = [sets != name for name in names] if len(names) > 1 else []
    rows = [_statistics(q, triples, keep) for keep in (everything, *without)]
    return rows[0], np.array(rows[1:]).T if without else np.full((len(STATISTICS), 1), np.nan)


def _statistics(q: np.ndarray, triples: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """K, isosceles and cophenetic of the configurations that are kept; NaN for less than three."""
    a, b, c = triples[:, keep[triples].all(0)]
    if not len(a):
        return np.full(len(STATISTICS), np.nan)
    shortest, middle, longest = np.sort(1 - np.stack([q[a, b], q[b, c], q[a, c]]), axis=0)
    some = q[np.ix_(keep, keep)]
    sigma = some[np.triu_indices(len(some), 1)].std()
    K = (longest - middle).mean() / sigma if sigma > ROUNDING else np.nan
    isosceles = (longest - middle <= middle - shortest + ROUNDING).mean()
    return np.array([K, isosceles, cophenetic_correlation(some)])


def _by_name(values: DataArray, ending: str) -> Dataset:
    words = "standard error of the " if ending else ""
    return Dataset(
        {
            f"{name}{ending}": described(values.isel(statistic=k), long_name=f"{words}{text}", units="1")
            for k, (name, text) in enumerate(STATISTICS.items())
        }
    )


@own_words
def null_overlaps(overlap: DataArray, kind: str, *, seed: int) -> DataArray:
    """Overlaps without a hierarchy, of the same mean and spread: what ultrametricity is held against.

    Args:
        overlap: as for `ultrametricity`.
        kind: "shuffled" (the overlaps of each matrix between other pairs) or "gaussian" (independent, as those of
            independent configurations of many neurons).
        seed: of the draws.
    Returns:
        Symmetric matrices with the diagonal, dims, coordinates and attributes of `overlap`.
    Raises:
        ValueError: if dims are missing or `kind` is not known.
    """
    one_of(("shuffled", "gaussian"), kind=kind)
    dims = overlap.dims if isinstance(overlap, DataArray) else ()
    overlap, pair = _pairs(overlap)
    q = overlap.astype(float).transpose(..., *pair).copy()
    a, b = np.triu_indices(q.sizes[pair[0]], 1)
    pairs, rng = q.values[..., a, b], np.random.default_rng(seed)
    if kind == "shuffled":
        new = rng.permuted(pairs, axis=-1)
    else:
        new = pairs.mean(-1, keepdims=True) + pairs.std(-1, keepdims=True) * rng.normal(size=pairs.shape)
    q.values[..., a, b] = new
    q.values[..., b, a] = new
    return described(q.transpose(*dims), **overlap.attrs)


@own_words
def ultrametricity_null(overlap: DataArray, kind: str, *, seed: int, draws: int = 20, triples: int = 20_000) -> Dataset:
    """Statistics of `ultrametricity` for overlaps without a hierarchy.

    Args:
        overlap: as for `ultrametricity`.
        kind: "shuffled" or "gaussian", as for `null_overlaps`.
        seed: of the draws and of the choice of triangles.
        draws: number of null matrices.
        triples: number of triangles.
    Returns:
        `K`, `isosceles`, `cophenetic`, means over draws, and their `_spread`: the standard deviation of one draw,
        in which the distance of a measured value from the mean is to be counted.
    Raises:
        ValueError: as `ultrametricity` and `null_overlaps`.
    """
    integer(2, draws=draws)
    seeds = np.random.SeedSequence(seed).generate_state(draws)
    names = list(STATISTICS)
    rows = [
        ultrametricity(null_overlaps(overlap, kind, seed=int(s)), seed=int(s), triples=triples)[names] for s in seeds
    ]
    all_ = xr.concat(rows, "draw")
    new = {}
    for name, x in all_.data_vars.items():
        text = f"{STATISTICS[str(name)]}, no hierarchy"
        new[str(name)] = described(x.mean("draw", skipna=False), long_name=text, units="1")
        new[f"{name}_spread"] = described(spread(x, "draw", ddof=1), long_name=f"spread of the {text}", units="1")
    return Dataset(new)
