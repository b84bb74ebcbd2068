"""A neuron (or an Ising weight) in a Gaussian field: overlap, stiffness and entropy."""

from dataclasses import dataclass

import numpy as np

from glassnet.theory.quadrature import even_field_nodes


@dataclass(frozen=True)
class SpinAverages:
    """Averages of a spin in a field of variance eps, each of shape (n,).

    Attributes:
        overlap: q = <tanh^2>.
        complement: 1 - q = <sech^2>.
        stiffness: <sech^4>.
    """

    overlap: np.ndarray
    complement: np.ndarray
    stiffness: np.ndarray


def _capped(eps: np.ndarray, replicas: float) -> np.ndarray:
    """Field variance up to a value beyond which 1 - q underflows (m = 1) or no solution lives (m < 1)."""
    return np.clip(eps, 0.0, 150.0 if replicas == 1 else 1e8)


def _log_cosh2(y: np.ndarray) -> np.ndarray:
    """ln 2 cosh y for y >= 0."""
    return y + np.log1p(np.exp(-2 * y))


def _log_norm(eps: np.ndarray, replicas: float) -> np.ndarray:
    """ln int Dz (2 cosh(sqrt(eps) z))^m, shape (n,)."""
    if replicas == 0:
        return np.zeros_like(eps)
    if replicas == 1:
        return eps / 2 + np.log(2.0)
    y, log_w = even_field_nodes(eps, replicas)
    exponent = log_w + replicas * _log_cosh2(y)
    top = exponent.max(-1, keepdims=True)
    return top[:, 0] + np.log(np.exp(exponent - top).sum(-1))


def spin_average(eps: np.ndarray, replicas: float) -> SpinAverages:
    """Overlap of a spin in a Gaussian field.

    q = int Dz cosh^m tanh^2 / int Dz cosh^m,  argument sqrt(eps) z

    Args:
        eps: variance of the field, shape (n,), >= 0.
        replicas: m in [0, 1].
    Returns:
        q, accurate for q -> 0, 1 - q, accurate for q -> 1, and <sech^4>.
    """
    if eps.size == 0:
        return SpinAverages(np.zeros(0), np.zeros(0), np.zeros(0))
    eps = _capped(eps, replicas)
    y, log_w = even_field_nodes(eps, replicas, localised=True)
    log_cosh2 = _log_cosh2(y)
    exponent = log_w + replicas * log_cosh2 - _log_norm(eps, replicas)[:, None]
    moment = [np.exp(exponent + k * (np.log(2.0) - log_cosh2)).sum(-1) for k in (2, 4)]
    complement = np.clip(moment[0], 0.0, 1.0)
    small = np.sum(np.exp(exponent) * np.tanh(y) ** 2, axis=-1)
    return SpinAverages(np.where(complement < 0.5, 1 - complement, small), complement, moment[1])


def spin_entropy(q: np.ndarray, eps: np.ndarray, replicas: float) -> np.ndarray:
    """Entropy of a spin at overlap q, per replica; stationary in eps.

    m = 0: -eps (1-q)/2 + int Dz ln 2cosh;   m = 1: -eps (1+q)/2 + exp(-eps/2) int Dz cosh ln 2cosh;
    else (1/m) ln int Dz (2 cosh)^m - eps/2 - (m-1) eps q/2

    Args:
        q: overlap, shape (n,).
        eps: variance of the field, shape (n,), >= 0.
        replicas: m in [0, 1].
    Returns:
        Shape (n,).
    """
    if eps.size == 0:
        return np.zeros(0)
    eps = _capped(eps, replicas)
    if 0 < replicas < 1:
        return _log_norm(eps, replicas) / replicas - eps / 2 - (replicas - 1) * eps * q / 2
    y, log_w = even_field_nodes(eps, replicas)
    tilted = np.exp(log_w + replicas * _log_cosh2(y) - _log_norm(eps, replicas)[:, None])
    return np.sum(tilted * _log_cosh2(y), axis=-1) - eps * (1 - (1 - 2 * replicas) * q) / 2
