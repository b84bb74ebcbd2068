"""The Parisi recursion of one function of a Gaussian field with hierarchical covariance.

f_{k+1} given;  f_i(h) = (1/m_i) ln int Dz exp[m_i f_{i+1}(h + sqrt(d_i) z)];  F/n = int Dz f_1(sqrt(d_0) z)
P_1 = N(0, d_0);  P_{i+1}(h) = exp(m_i f_{i+1}(h)) int dh' P_i(h') K_{d_i}(h - h') exp(-m_i f_i(h'))
G_i = int dh P_{i+1} f'_{i+1}^2

Functions live on a uniform grid, so that a shift by sqrt(d) z is one interpolation filter for the whole grid;
measures are moved by its transpose, which keeps f and P consistent to rounding.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

TopFunction = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""h -> f_{k+1}(h), f'_{k+1}(h)."""

_TAPS = np.arange(-3, 5)
_REACH = 8.6


@dataclass(frozen=True)
class Hierarchy:
    """What the recursion gives.

    Attributes:
        response: G_i, i = 0..k, shape (k+1,).
        entropy: F/n.
        h: grid, shape (n,).
        density: P_{k+1} on the grid, weights that sum to 1.
    """

    response: np.ndarray
    entropy: float
    h: np.ndarray
    density: np.ndarray


@dataclass(frozen=True)
class _Shift:
    """Nodes z of a Gaussian average as shifts of the grid: h + sqrt(d) z_j = h + (offset_j + fraction) step."""

    weight: np.ndarray
    offset: np.ndarray
    filter: np.ndarray
    pad: int


def parisi_recursion(
    top: TopFunction, increments: np.ndarray, m: np.ndarray, *, step: float, half_width: float, scale: float
) -> Hierarchy:
    """Solve the recursion for variance increments d_0..d_k and block sizes m_1..m_k.

    Args:
        top: f_{k+1} and its derivative.
        increments: d_i >= 0, shape (k+1,).
        m: shape (k,), increasing in (0, 1).
        step: of the grid, well below the distance on which f_{k+1} changes.
        half_width: of the grid.
        scale: distance of the nearest complex singularity of f_{k+1} from the real line.
    """
    count = int(np.ceil(half_width / step))
    h = step * np.arange(-count, count + 1)
    f, slope = top(h)
    levels, slopes = [f], [slope]
    tilts: list[tuple[_Shift, np.ndarray] | None] = []
    for i in range(m.size, 0, -1):
        if increments[i] > 1e-15:
            shift = _shift(increments[i], step, scale)
            f, slope, tilt = _climb(shift, m[i - 1], f, slope)
            tilts.insert(0, (shift, tilt))
        else:
            tilts.insert(0, None)
        levels.insert(0, f)
        slopes.insert(0, slope)
    density = _initial(increments[0], step, scale, count)
    entropy = float(density @ levels[0])
    response = [density @ slopes[0] ** 2]
    for i, tilt in enumerate(tilts, start=1):
        density = density if tilt is None else _descend(*tilt, density)
        response.append(density @ slopes[i] ** 2)
    return Hierarchy(np.array(response), entropy, h, density)


def _shift(variance: float, step: float, scale: float) -> _Shift:
    """Trapezoidal nodes, close enough for functions analytic up to `scale` from the real line."""
    root = np.sqrt(variance)
    spacing = min(0.7, 0.25 * scale / root)
    count = int(np.ceil(_REACH / spacing))
    z = spacing * np.arange(-count, count + 1)
    weight = np.exp(-(z**2) / 2)
    position = root * z / step
    offset = np.floor(position).astype(int)
    return _Shift(weight / weight.sum(), offset, _lagrange(position - offset), int(np.max(np.abs(offset))) + 5)


def _lagrange(fraction: np.ndarray) -> np.ndarray:
    """Weights of the points -3..4 in the value at `fraction` in [0, 1), shape (nodes, 8)."""
    weights = np.ones((fraction.size, _TAPS.size))
    for a, x in enumerate(_TAPS):
        for y in np.delete(_TAPS, a):
            weights[:, a] *= (fraction - y) / (x - y)
    return weights


def _shifted(shift: _Shift, values: np.ndarray) -> np.ndarray:
    """values(h + sqrt(d) z_j), shape (n, nodes); beyond the grid by quadratic extrapolation."""
    far = np.arange(1, shift.pad + 1)
    right = _quadratic(values[-1], values[-2], values[-3], far)
    left = _quadratic(values[0], values[1], values[2], far)[::-1]
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([left, values, right]), _TAPS.size)
    return _diagonals(windows @ shift.filter.T, shift, values.size)


def _quadratic(a: float, b: float, c: float, t: np.ndarray) -> np.ndarray:
    """Parabola through a (t = 0), b (-1), c (-2)."""
    return a + t * (1.5 * a - 2 * b + 0.5 * c) + t**2 * (0.5 * a - b + 0.5 * c)


def _diagonals(table: np.ndarray, shift: _Shift, size: int) -> np.ndarray:
    """table[r + pad + offset_j - 3, j] for the grid points r."""
    rows = np.arange(size)[:, None] + (shift.pad + shift.offset - 3)
    return table[rows, np.arange(shift.offset.size)]


def _climb(shift: _Shift, m: float, f: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """f_i, f_i' and the tilted weights w_j exp(m [f_{i+1}(h + ..) - f_i(h)])."""
    exponent = m * _shifted(shift, f)
    top = exponent.max(axis=1, keepdims=True)
    tilt = shift.weight * np.exp(exponent - top)
    norm = tilt.sum(axis=1, keepdims=True)
    tilt /= norm
    return (np.log(norm) + top)[:, 0] / m, np.sum(tilt * _shifted(shift, slope), axis=1), tilt


def _descend(shift: _Shift, tilt: np.ndarray, density: np.ndarray) -> np.ndarray:
    """P_{i+1} from P_i: the transpose of the interpolation in `_climb`."""
    size = density.size
    table = np.zeros((size + 2 * shift.pad - _TAPS.size + 1, shift.offset.size))
    rows = np.arange(size)[:, None] + (shift.pad + shift.offset - 3)
    table[rows, np.arange(shift.offset.size)] = tilt * density[:, None]
    spread = table @ shift.filter
    full = np.zeros(size + 2 * shift.pad)
    for t in range(_TAPS.size):
        full[t : t + table.shape[0]] += spread[:, t]
    return full[shift.pad : shift.pad + size]


def _initial(variance: float, step: float, scale: float, count: int) -> np.ndarray:
    """N(0, variance) on the grid."""
    point = np.zeros(2 * count + 1)
    point[count] = 1.0
    if variance <= 1e-15:
        return point
    shift = _shift(variance, step, scale)
    return _descend(shift, np.broadcast_to(shift.weight, (point.size, shift.weight.size)), point)
