"""How an order starts from zero: the mode that grows on a solution without it, and the size at which growth ends.

Just above an onset the order is a 'mode' u of the linearised map, with amplitude a: the map multiplies it by
1 + growth - b a, so that a = growth/b. Both factors are measured on overlaps relative to their own size, which needs a
map that keeps the relative accuracy of small overlaps, and then holds at any distance from the onset above rounding.

Unknowns are x = ln(overlap/(1 - overlap)), -inf where the overlap vanishes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.special import expit, logit

from glassnet.theory.slope import difference_jacobian, leading

STILL = 1e-9
"""Growth per step that counts as none: rounding of the map."""

Map = Callable[[np.ndarray], np.ndarray]
_PROBE = 1e-8
_LARGEST = 0.5
_NOTHING = 1e-20
"""Overlap that is rounding of the map."""


@dataclass(frozen=True)
class _Mode:
    """A mode of small overlaps.

    Attributes:
        growth: its eigenvalue under map - 1.
        members: indices of the unknowns it lives on, shape (k,); those that drive it come first.
        shape: overlaps at amplitude 1, shape (k,), largest 1.
        weight: left eigenvector, on the unknowns that drive it, shape (<= k,).
    """

    growth: float
    members: np.ndarray
    shape: np.ndarray
    weight: np.ndarray


def ordered_further(step: Map, x: np.ndarray, band: int | None) -> np.ndarray | None:
    """A solution with some overlaps zero, with the next of them raised that do not stay there; None if all do.

    Overlaps that the rest drives take the value of the map; else the fastest mode is raised to where its growth ends.
    """
    liquid = np.flatnonzero(np.isneginf(x))
    if liquid.size == 0:
        return None
    image = step(x)
    driven = liquid[expit(image[liquid]) > _NOTHING]
    if driven.size:
        raised = x.copy()
        raised[driven] = image[driven]
        return raised
    mode = _fastest(step, x, liquid, band)
    return None if mode is None or mode.growth <= STILL else _raised(step, x, mode)


def _fastest(step: Map, x: np.ndarray, liquid: np.ndarray, band: int | None) -> _Mode | None:
    """The fastest mode of the unknowns `liquid`.

    The map is monotone: its matrix has no negative entry. Unknowns that act on each other in a closed loop share one
    mode, which has no zero entry on them, nor on what they drive; loops that do not act on each other have their own.
    """

    def change(overlap: np.ndarray) -> np.ndarray:
        probe = x.copy()
        probe[liquid] = logit(overlap)
        return expit(step(probe)[liquid]) - overlap

    nothing = np.zeros(liquid.size)
    half, whole = (difference_jacobian(change, nothing, nothing, band, s) for s in (_PROBE / 2, _PROBE))
    matrix = 2 * half - whole
    links = csr_array(np.abs((matrix + np.eye(liquid.size)).T) > _PROBE)
    count, label = connected_components(links, directed=True, connection="strong")
    loops = [np.flatnonzero(label == k) for k in range(count)]
    growth, loop = max(((leading(matrix[np.ix_(k, k)])[0], k) for k in loops), key=lambda pair: pair[0])
    reached = breadth_first_order(links, loop[0], return_predecessors=False)
    local = np.concatenate([loop, np.setdiff1d(reached, loop)])
    shape = leading(matrix[np.ix_(local, local)])[1]
    weight = leading(matrix[np.ix_(loop, loop)].T)[1]
    return _Mode(growth, liquid[local], shape / np.max(shape, initial=1e-300), weight)


def _raised(step: Map, x: np.ndarray, mode: _Mode) -> np.ndarray:
    """`x` with the mode at the amplitude where its growth, projected on the left eigenvector, ends."""
    drivers = slice(mode.weight.size)

    def at(amplitude: float) -> np.ndarray:
        raised = x.copy()
        raised[mode.members] = logit(amplitude * mode.shape)
        return raised

    def growth(amplitude: float) -> float:
        if amplitude == 0:
            return mode.growth
        image = expit(step(at(amplitude))[mode.members][drivers])
        return float(mode.weight @ image / (amplitude * mode.weight @ mode.shape[drivers])) - 1

    low, high = 0.0, min(mode.growth, _LARGEST)
    while growth(high) > 0:
        if high >= _LARGEST:
            return at(high)
        low, high = high, min(2 * high, _LARGEST)
    return at(brentq(growth, low, high, xtol=1e-4 * high, rtol=1e-4))
