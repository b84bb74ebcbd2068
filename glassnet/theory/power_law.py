"""Averaged Boltzmann weight of a soft core of any power, by quadrature over the depth of the violation."""

import numpy as np
from scipy.special import log_ndtr

_LEGENDRE = np.polynomial.legendre.leggauss(10)
_EXPONENT = 40.0


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
    r, log_dr = _violations(h, s, power, strength)
    log_p = log_dr - strength * r**power - (r + h[..., None]) ** 2 / (2 * variance[..., None])
    log_p -= np.log(np.sqrt(2 * np.pi) * s)[..., None]
    top = np.max(log_p, axis=-1)
    violated = np.exp(log_p - top[..., None])
    f = np.logaddexp(log_ndtr(h / s), top + np.log(violated.sum(-1)))
    share = violated * np.exp(top - f)[..., None]
    force = strength * power * r ** (power - 1)
    lag = (r + h[..., None]) / variance[..., None]
    first = np.sum(share * force, axis=-1)
    return f, first, -np.sum(share * force * lag, axis=-1) - first**2


def _violations(h: np.ndarray, s: np.ndarray, power: float, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes r > 0 and ln dr: panels that halve towards r = 0, and panels around the most likely violation."""
    far = np.maximum(-h, 0) + np.sqrt(2 * _EXPONENT) * s
    far = np.where(h > 0, np.minimum(far, _EXPONENT * s**2 / np.maximum(h, 1e-300)), far)
    peak = _most_likely(h, s, power, strength)
    curvature = strength * power * abs(power - 1) * np.maximum(peak, 1e-150) ** (power - 2)
    width = 1 / np.sqrt(1 / s**2 + np.minimum(curvature, 1e100))
    side = np.array([1.0, 2.0, 3.0, 4.5, 6.5, 9.0])
    near = peak[..., None] + width[..., None] * np.concatenate([-side[::-1], [0.0], side])
    fine = far[..., None] * np.concatenate([[0.0], 0.5 ** np.arange(14 if power >= 1 else 60, -1, -1)])
    edges = np.sort(np.clip(np.concatenate([fine, near], axis=-1), 0, far[..., None]), axis=-1)
    half = np.diff(edges) / 2
    r = (edges[..., :-1] + half)[..., None] + half[..., None] * _LEGENDRE[0]
    weight = half[..., None] * _LEGENDRE[1]
    shape = (*h.shape, -1)
    return np.maximum(r.reshape(shape), 1e-300), np.log(np.maximum(weight, 1e-300)).reshape(shape)


def _most_likely(h: np.ndarray, s: np.ndarray, power: float, strength: float) -> np.ndarray:
    """Root r of r + h + s^2 strength power r^(power - 1) = 0 by bisection on [0, max(-h, 0)]."""
    low, high = np.zeros_like(h), np.maximum(-h, 0)
    for _ in range(60):
        r = (low + high) / 2
        above = r + h + s**2 * strength * power * np.maximum(r, 1e-300) ** (power - 1) > 0
        low, high = np.where(above, low, r), np.where(above, r, high)
    return (low + high) / 2
