"""Averaged Boltzmann weight of a soft core of any power, by quadrature over the depth of the violation.

In units of s: exp f = Phi(u) + int_0^inf dt exp(-psi(t))/sqrt(2 pi), psi(t) = c t^p + (t + u)^2/2,
u = (h - margin)/s, c = strength s^p. For p >= 1 psi is convex, and few nodes on both sides of its minimum do.
"""

import numpy as np
from scipy.special import log_ndtr

_DROP = 37.0
"""Nodes reach to where the integrand has fallen by exp(-37)."""
_FINE = np.polynomial.legendre.leggauss(10)


_SMOOTH = np.polynomial.legendre.leggauss(40)


def power_law_weight(
    margin: float, power: float, strength: float, h: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """f, f', f'' of exp f = Phi(h/s) + int_0^inf dr exp(-strength r^power) phi((r + h)/s)/s.

    With density p(r) of the violation r (p integrates to the weight of violated gaps):
    f' = <g'(r)> and f'' = - <g'(r) (r + h)/s^2> - f'^2 with g = strength r^power (partial integration).

    Args:
        margin: subtracted from the mean gap h.
        power: exponent p > 0 of the soft core.
        strength: beta times the energy scale.
        h: mean gap, any shape.
        variance: s^2 > 0, broadcasts with h.
    Returns:
        f, f', f'' with the broadcast shape.
    """
    h, variance = np.broadcast_arrays(np.asarray(h, float) - margin, np.asarray(variance, float))
    s = np.sqrt(variance)
    u, cost = h / s, strength * s**power
    t, dt = (_convex_nodes if power >= 1 else _nodes)(u, power, cost)
    barrier = cost[..., None] * t**power
    lag = t + u[..., None]
    psi = barrier + lag**2 / 2
    least = np.min(psi, axis=-1)
    violated = dt * np.exp(least[..., None] - psi) / np.sqrt(2 * np.pi)
    f = np.logaddexp(log_ndtr(u), np.log(violated.sum(-1)) - least)
    force = power * barrier / t * violated * np.exp(-least - f)[..., None]
    first = force.sum(-1) / s
    return f, first, -np.sum(force * lag, axis=-1) / variance - first**2


def _convex_nodes(u: np.ndarray, power: float, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes t > 0 and dt for p >= 1: 40 on each side of the minimum of psi, shape (*u.shape, 80).

    t = y^3 with even panels in y smooths the branch point of t^p at 0, where that is needed.
    """
    peak = _most_likely(u, power, cost)
    low = peak - _reach(-1.0, np.minimum(peak, np.sqrt(2 * _DROP)), peak, u, power, cost)
    high = peak + _reach(1.0, np.full_like(u, np.sqrt(2 * _DROP)), peak, u, power, cost)
    bend = 1 if power == int(power) or power > 4 else 3
    edges = np.maximum(np.stack([low, peak, high], axis=-1), 0.0) ** (1 / bend)
    half = np.diff(edges, axis=-1)[..., None] / 2
    y = edges[..., :-1, None] + half * (1 + _SMOOTH[0])
    dt = half * _SMOOTH[1] * bend * y ** (bend - 1)
    shape = (*u.shape, -1)
    return np.maximum(y**bend, 1e-300).reshape(shape), dt.reshape(shape)


def _reach(
    side: float, distance: np.ndarray, peak: np.ndarray, u: np.ndarray, power: float, cost: np.ndarray
) -> np.ndarray:
    """Distance from the minimum at which psi has risen by _DROP: Newton in logarithms, from `distance` downwards."""
    limit, base = distance, cost * peak**power
    for _ in range(8):
        t = peak + side * distance
        barrier = cost * np.maximum(t, 1e-300) ** power
        rise = np.maximum(barrier - base + side * distance * (distance * side / 2 + peak + u), 1e-300)
        slope = distance * side * (power * barrier / np.maximum(t, 1e-300) + t + u) / rise
        distance = np.minimum(limit, distance * (_DROP / rise) ** (1 / np.maximum(slope, 1.0)))
    return distance


def _nodes(u: np.ndarray, power: float, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes t > 0 and dt for p < 1: panels that halve towards t = 0, and panels around the most likely violation."""
    far = np.maximum(-u, 0) + np.sqrt(2 * _DROP)
    far = np.where(u > 0, np.minimum(far, _DROP / np.maximum(u, 1e-300)), far)
    peak = _most_likely(u, power, cost)
    width = 1 / np.sqrt(1 + np.minimum(cost * power * (1 - power) * np.maximum(peak, 1e-150) ** (power - 2), 1e100))
    side = np.array([1.0, 2.0, 3.0, 4.5, 6.5, 9.0])
    near = peak[..., None] + width[..., None] * np.concatenate([-side[::-1], [0.0], side])
    fine = far[..., None] * np.concatenate([[0.0], 0.5 ** np.arange(60, -1, -1)])
    edges = np.sort(np.clip(np.concatenate([fine, near], axis=-1), 0, far[..., None]), axis=-1)
    half = np.diff(edges) / 2
    t = (edges[..., :-1] + half)[..., None] + half[..., None] * _FINE[0]
    shape = (*u.shape, -1)
    return np.maximum(t.reshape(shape), 1e-300), (half[..., None] * _FINE[1]).reshape(shape)


def _most_likely(u: np.ndarray, power: float, cost: np.ndarray) -> np.ndarray:
    """Root t of t + u + c p t^(p - 1) = 0 by bisection on [0, max(-u, 0)]."""
    low, high = np.zeros_like(u), np.maximum(-u, 0)
    for _ in range(30):
        t = (low + high) / 2
        above = t + u + cost * power * np.maximum(t, 1e-300) ** (power - 1) > 0
        low, high = np.where(above, low, t), np.where(above, t, high)
    return (low + high) / 2
