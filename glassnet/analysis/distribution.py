"""Distribution of overlaps P(q), within one sample and between samples."""

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.hierarchy import PAIR, square
from glassnet.analysis.labels import own_words
from glassnet.core.check import fail, integer


def sample_of(overlap: DataArray) -> np.ndarray:
    """Sample of each configuration, from the coordinate `configuration_sample`.

    Raises:
        ValueError: if the coordinate is missing.
    """
    if "configuration_sample" not in overlap.coords:
        raise fail("overlap", "have the coordinate 'configuration_sample'", sorted(map(str, overlap.coords)))
    return np.asarray(overlap["configuration_sample"].values)


@own_words
def overlap_distribution(overlap: DataArray, *, bins: int | np.ndarray = 50) -> Dataset:
    """Distribution P(q) of the overlaps of different configurations, clones of one sample and of two kept apart.

    P(q) = 1/(pairs width) sum_{a < b} [q^{ab} in the bin of q],   int P(q) dq = 1

    The diagonal is left out. Errors are those of a jackknife over samples: pairs that share a configuration are
    not independent, and leaving out a sample takes all of its pairs away.

    Args:
        overlap: such as `final_spin_overlap`: dims `configuration` and `configuration_b`, any others, and the
            coordinate `configuration_sample`.
        bins: number of bins between -1 and 1, or their edges, ascending.
    Returns:
        `within` (one sample) and `between` (two samples), `within_error` and `between_error`, dims of `overlap`
        without pairs and with `overlap`, the middle of each bin. NaN where there are no such pairs; the errors also
        for one sample (within) and for two (between).
    Raises:
        ValueError: if dims or coordinate are missing, bins do not ascend, or an overlap is NaN or beyond the bins.
    """
    overlap = square(overlap)
    samples = sample_of(overlap)
    edges = _edges(bins)
    names, index = np.unique(samples, return_inverse=True)
    q = overlap.transpose(..., *PAIR)
    a, b = np.triu_indices(len(index), 1)
    values = np.asarray(q.values)[..., a, b]
    bin_of = _bin(values.reshape(-1, len(a)), edges)
    coords = {name: x for name, x in q.coords.items() if not set(PAIR) & set(x.dims)}
    middle = ("overlap", (edges[1:] + edges[:-1]) / 2, {"long_name": overlap.attrs.get("long_name", "overlap")})
    same = index[a] == index[b]
    new = {}
    for name, pairs, ends in (("within", same, (a,)), ("between", ~same, (a, b))):
        counts = sum(_counts(bin_of[:, pairs], index[end[pairs]], len(names), len(edges) - 1) for end in ends)
        density, error = _density_and_error(np.asarray(counts), len(ends), np.diff(edges))
        words = {"long_name": f"distribution of overlaps {name} samples", "symbol": "P(q)", "units": "1"}
        for key, x in ((name, density), (f"{name}_error", error)):
            new[key] = ((*q.dims[:-2], "overlap"), x.reshape(*values.shape[:-1], -1), words)
    return xr.Dataset(new, {**coords, "overlap": middle})


def _edges(bins: int | np.ndarray) -> np.ndarray:
    if np.ndim(bins) == 0:
        integer(1, bins=bins)
        return np.linspace(-1, 1, int(bins) + 1)
    edges = np.asarray(bins, dtype=float)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise fail("bins", "be a number or ascending edges", bins)
    return edges


def _bin(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Bin of each value; rounding beyond the outermost edges is forgiven."""
    slack = 1e-4 * (edges[-1] - edges[0])
    bad = ~((values >= edges[0] - slack) & (values <= edges[-1] + slack))
    if bad.any():
        raise fail("overlap", f"lie between {edges[0]:g} and {edges[-1]:g}", float(values[bad][0]))
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)


def _counts(bin_of: np.ndarray, sample: np.ndarray, samples: int, bins: int) -> np.ndarray:
    """Number of values (matrix, pair) in each bin for each sample of the pairs, shape (matrix, sample, bin)."""
    rows = [np.bincount(sample * bins + row, minlength=samples * bins) for row in bin_of]
    return np.reshape(rows, (len(bin_of), samples, bins)).astype(float)


def _density_and_error(of_sample: np.ndarray, times: int, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Density, and its error by leaving out the pairs of each sample, from counts (matrix, sample, bin).

    `times` is how often each pair is counted: once within a sample, twice between two.
    """

    def density(n: np.ndarray) -> np.ndarray:
        pairs = n.sum(-1, keepdims=True)
        return np.divide(n, pairs * width, out=np.full(n.shape, np.nan), where=pairs > 0)

    total, samples = of_sample.sum(1) / times, of_sample.shape[1]
    without = density(total[:, None] - of_sample)
    return density(total), np.std(without, axis=1) * np.sqrt(samples - 1) if samples > 1 else np.nan * total
