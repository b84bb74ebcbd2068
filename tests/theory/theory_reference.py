"""Slow and independent evaluations of the averages with mpmath, for arguments where fixed rules fail."""

import mpmath as mp
import numpy as np
from scipy.special import ndtr


def gap_response(variance: float, replicas: int, beta: float | None = None, digits: int = 25) -> float:
    """G = <f'^2> of a gap at lambda = 1 - variance; hard core for beta None, else the quadratic soft core."""
    mp.mp.dps = digits
    s2 = mp.mpf(variance)
    s, root = mp.sqrt(s2), mp.sqrt(1 - s2)

    def weight(h):
        if beta is None:
            return mp.ncdf(h / s), mp.npdf(h / s) / s
        b = 2 * mp.mpf(beta)
        sigma = 1 + b * s2
        violated = mp.exp(-b * h**2 / (2 * sigma)) / mp.sqrt(sigma) * mp.ncdf(-h / (s * mp.sqrt(sigma)))
        slope = mp.npdf(h / s) / s * (1 - 1 / sigma) - b * h / sigma * violated
        return mp.ncdf(h / s) + violated, slope

    def integrand(z):
        Z, slope = weight(root * z)
        return mp.npdf(z) * Z**replicas * (slope / Z) ** 2

    scale = s / root
    edges = [mp.mpf(0)] + [scale * 2**k for k in range(-1, 60) if scale * 2**k < 13] + [mp.mpf(13)]
    total = mp.quad(integrand, [-e for e in reversed(edges)] + edges[1:])
    norm = mp.mpf(1) if replicas == 0 else mp.quad(lambda z: mp.npdf(z) * weight(root * z)[0], [-13, 0, 13])
    return float(total / norm)


def power_law(power: float, strength: float, mean: float) -> tuple[float, float]:
    """f and f' of a soft core -strength r^power at variance 1, by quadrature in y = ln(violation)."""
    mp.mp.dps = 20
    p, c = mp.mpf(power), mp.mpf(strength)

    def integrand(y, order):
        t = mp.exp(y)
        return t * mp.exp(-c * t**p) * mp.npdf(t + mean) * (c * p * t ** (p - 1)) ** order

    edges = [mp.mpf(k) / 2 for k in range(-100, 0, 4)] + [mp.mpf(k) / 16 for k in range(52)]
    violated, force = (mp.quad(lambda y, n=order: integrand(y, n), edges) for order in (0, 1))
    weight = mp.ncdf(mean) + violated
    return float(mp.log(weight)), float(force / weight)


def spin_complement(eps: float, replicas: int) -> float:
    """1 - q of a spin in a field of variance eps."""
    mp.mp.dps = 25
    root = mp.sqrt(mp.mpf(eps))
    edges = [-60, -20, -5, 0, 5, 20, 60]

    def integrand(y):
        return mp.exp(-(y**2) / (2 * root**2)) / (root * mp.sqrt(2 * mp.pi)) * mp.sech(y) ** (2 - replicas)

    value = mp.quad(integrand, edges)
    return float(value if replicas == 0 else value * mp.exp(-mp.mpf(eps) / 2))


def neuron(variance: float, eps: float, replicas: int) -> tuple[float, float]:
    """q and G of a neuron traced with its gap (hard core), by a product rule on the plane."""
    x, w = np.polynomial.hermite_e.hermegauss(180)
    z, y = x[:, None], np.sqrt(eps) * x[None, :]
    s, root = np.sqrt(variance), np.sqrt(1 - variance)
    up, down = np.exp(y) * ndtr(root * z / s), np.exp(-y) * ndtr(-root * z / s)
    slope = 2 * np.sinh(y) * np.exp(-((root * z / s) ** 2) / 2) / (np.sqrt(2 * np.pi) * s)
    weight = w[:, None] * w[None, :] * (up + down) ** replicas
    q = np.sum(weight * ((up - down) / (up + down)) ** 2) / weight.sum()
    return float(q), float(np.sum(weight * (slope / (up + down)) ** 2) / weight.sum())
