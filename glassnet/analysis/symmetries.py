"""Overlaps of kept configurations with the symmetries of the machine removed.

Turning the sign of a hidden neuron and of its weights, and in a fully connected machine permuting the hidden
neurons of a layer, leaves the energy as it is: configurations that differ by such a change are the same state.
"""

from collections.abc import Callable

import numpy as np
import scipy
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.labels import attribute, described, in_words, own_words, require, result
from glassnet.core.check import fail, finite, one_of

SYMMETRIES = ("none", "flip", "sign", "permutation")
"""What is removed: nothing, one sign for each layer, one for each neuron, signs and the order of neurons."""
BLOCK = 32
"""Configurations whose neurons are compared with all others in one matrix product."""
DIMS = ("configuration", "hidden_layer", "neuron", "pattern")


@own_words
def reduced_overlap(ds: Dataset, symmetry: str = "sign", *, threshold: float = 0.1) -> Dataset:
    """Overlaps of hidden spins between all kept configurations, symmetries removed.

    q_l^{ab} = 1/N sum_i s_i R_{i p(i)},   R_ij = 1/M' sum_mu S^a_i S^b_j

    The sign s (one for the layer, or one for each neuron) and the permutation p (assignment on |R_ij|) are chosen
    on one half of the patterns, R is measured on the other, and the other way round: so chance is not mistaken for
    an overlap, configurations that have nothing in common average to zero and equal ones give 1. The connected
    overlap has m_i^a m_j^b with m_i = 1/M' sum_mu S_i taken off R_ij.

    Work for n configurations: n^2 N M L multiplications in matrix products for all but "permutation", which solves
    two assignments of N neurons for each pair and layer (15 microseconds each at N = 20 on one core).

    Args:
        ds: result of `simulate(..., keep_configurations=True)`.
        symmetry: "none", "flip" (one sign for each layer), "sign" (of each neuron), or "permutation" (sign and
            order of neurons; not for a random graph of connections, which fixes the order).
        threshold: magnetised layers are those with a magnetisation squared above it (see `magnetised`).
    Returns:
        `overlap` and `overlap_connected` with dims (waiting_time, configuration, configuration_b, layer) for the
        hidden layers and the coordinates of configurations, `magnetisation_squared` and `magnetised` (waiting_time,
        configuration, layer), `temperature` where present.
    Raises:
        ValueError: if no configurations were kept, `symmetry` is not known or not one of this machine, there are
            less than two patterns or no hidden layer.
    """
    one_of(SYMMETRIES, symmetry=symmetry)
    finite(threshold=threshold)
    spins = _hidden_spins(ds)
    if symmetry == "permutation" and attribute(ds, "machine")["connectivity"] is not None:
        raise fail("symmetry", "be 'none', 'flip' or 'sign' in a machine of limited connectivity", symmetry)
    q, connected = xr.apply_ufunc(
        _all_pairs,
        spins,
        input_core_dims=[list(DIMS)],
        output_core_dims=[["configuration", "configuration_b", "layer"]] * 2,
        vectorize=True,
        kwargs={"reduce": _REDUCED[symmetry]},
    )
    squared = (spins.astype(float).mean("pattern") ** 2).mean("neuron").rename(hidden_layer="layer")
    removed = "" if symmetry == "none" else f", {symmetry} removed"
    words = {
        "overlap": (q, f"overlap of spins between last configurations{removed}", "per neuron and pattern"),
        "overlap_connected": (connected, f"connected overlap of spins{removed}", "per neuron and pattern"),
        "magnetisation_squared": (squared, "squared magnetisation over patterns", "per neuron"),
        "magnetised": (squared > threshold, "magnetised layer", "1"),
    }
    new = {name: described(x, long_name=text, units=units) for name, (x, text, units) in words.items()}
    coords = {str(name): x for name, x in ds.coords.items() if str(name).startswith("configuration")}
    if "configuration" in coords:
        coords["configuration_b"] = DataArray(ds["configuration"].values, dims="configuration_b")
    return Dataset(new).assign_coords(coords | {"layer": np.arange(1, spins.sizes["hidden_layer"] + 1)})


def _hidden_spins(ds: Dataset) -> DataArray:
    if "configuration_spins" not in result(ds):
        raise ValueError(f"Argument `ds` must hold configurations (keep_configurations=True), but is {in_words(ds)}.")
    spins = result(ds, "configuration_spins")["configuration_spins"]
    require(spins, "ds.configuration_spins", *DIMS)
    for dim, least in (("pattern", 2), ("hidden_layer", 1)):
        if spins.sizes[dim] < least:
            raise fail("ds", f"have at least {least} along {dim!r}", spins.sizes[dim])
    if "depth" in ds.attrs and spins.sizes["hidden_layer"] != attribute(ds, "depth") - 1:
        raise fail("ds", "have all hidden layers along 'hidden_layer'", spins.sizes["hidden_layer"])
    return spins


def _all_pairs(spins: np.ndarray, reduce: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Raw and connected overlaps (configuration, configuration, layer) of spins (configuration, layer, i, mu)."""
    by_layer = [_one_layer(spins[:, l].astype(np.float32), reduce) for l in range(spins.shape[1])]
    raw, connected = (np.stack(parts, axis=-1).astype(float) for parts in zip(*by_layer, strict=True))
    return raw, connected


def _one_layer(S: np.ndarray, reduce: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Overlaps of spins (configuration, neuron, pattern), the mean of both ways to share the patterns."""
    halves = S[..., ::2], S[..., 1::2]
    ways = [reduce(halves[a], halves[b]) for a, b in ((0, 1), (1, 0))]
    sizes = [halves[1].shape[-1], halves[0].shape[-1]]
    raw, connected = (np.average(parts, axis=0, weights=sizes) for parts in zip(*ways, strict=True))
    return (raw + raw.T) / 2, (connected + connected.T) / 2


def _raw(chosen: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    q, m = _gram(measured), _gram(measured.mean(-1, keepdims=True))
    return q, q - m


def _flip(chosen: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sign = _signs(_gram(chosen))
    raw, connected = _raw(chosen, measured)
    return sign * raw, sign * connected


def _sign(chosen: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One neuron after the other: a matrix of all pairs of configurations at a time."""
    parts = [_flip(chosen[:, [i]], measured[:, [i]]) for i in range(chosen.shape[1])]
    raw, connected = (sum(part) / len(parts) for part in zip(*parts, strict=True))
    return np.asarray(raw), np.asarray(connected)


def _permutation(chosen: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One configuration against all from itself on, whose neurons are matched to its own."""
    n = len(chosen)
    raw, connected, m = np.empty((n, n)), np.empty((n, n)), measured.mean(-1)
    for a in range(n):
        if a % BLOCK == 0:
            R, T = _neuron_overlaps(chosen, a), _neuron_overlaps(measured, a)
        own = R[a:, :, a % BLOCK]
        cost = -np.abs(own)
        partner = np.stack([scipy.optimize.linear_sum_assignment(c)[1] for c in cost])
        sign = _signs(np.take_along_axis(own, partner[..., None], -1)[..., 0])
        q = sign * np.take_along_axis(T[a:, :, a % BLOCK], partner[..., None], -1)[..., 0]
        raw[a, a:] = raw[a:, a] = q.mean(-1)
        connected[a, a:] = connected[a:, a] = (q - sign * m[a:] * m[a, partner]).mean(-1)
    return raw, connected


def _neuron_overlaps(S: np.ndarray, start: int) -> np.ndarray:
    """R of all neurons of all configurations with those of a block, (configuration, i, configuration in block, j)."""
    block = S[start : start + BLOCK]
    R = S.reshape(-1, S.shape[-1]) @ block.reshape(-1, S.shape[-1]).T / S.shape[-1]
    return R.reshape(*S.shape[:2], *block.shape[:2])


def _gram(x: np.ndarray) -> np.ndarray:
    """Mean product over neurons and patterns for all pairs of configurations."""
    flat = x.reshape(len(x), -1)
    return flat @ flat.T / flat.shape[1]


def _signs(x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, np.float32(-1), np.float32(1))


_REDUCED: dict[str, Callable] = dict(zip(SYMMETRIES, (_raw, _flip, _sign, _permutation), strict=True))
