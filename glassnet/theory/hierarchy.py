"""k-step replica symmetry breaking in one gap, one neuron and one weight."""

import numpy as np
from scipy.optimize import brentq

from glassnet.theory.local_weight import LocalWeight
from glassnet.theory.recursion import Hierarchy, parisi_recursion

_SINGULARITY = np.pi / 2


def _ladder(value: float, base: float) -> float:
    """`value` rounded down to base 2^(-n/2), so that a grid changes rarely during an iteration."""
    return base * 2.0 ** (-np.ceil(2 * np.log2(base / value)) / 2) if value < base else base


def gap_hierarchy(weight: LocalWeight, overlaps: np.ndarray, m: np.ndarray) -> Hierarchy:
    """Recursion of a gap, f_{k+1}(h) = ln int Dy exp(-beta v(h + sqrt(1 - lambda_k) y))

    Args:
        weight: (h, s^2) -> f, f', f''.
        overlaps: lambda_0 <= .. <= lambda_k < 1, shape (k+1,).
        m: block sizes, shape (k,).
    """
    variance = max(1 - overlaps[-1], 1e-12)
    width = np.sqrt(variance)
    return parisi_recursion(
        lambda h: weight(h, np.array(variance))[:2],
        np.maximum(np.diff(overlaps, prepend=0.0), 0.0),
        m,
        step=_ladder(width / 10, 0.1),
        half_width=8.6 * np.sqrt(_ladder(overlaps[-1], 1.0)) + 0.5 if overlaps[-1] > 1e-3 else 1.0,
        scale=1.5 * width,
    )


def spin_hierarchy(fields: np.ndarray, m: np.ndarray) -> Hierarchy:
    """Recursion of a spin, f_{k+1}(h) = ln 2 cosh h; response[i] is q_i

    Args:
        fields: eps_0 <= .. <= eps_k, shape (k+1,).
        m: block sizes, shape (k,).
    """
    increments = np.maximum(np.diff(fields, prepend=0.0), 0.0)
    drift = float(np.sum(np.concatenate([[0.0], m]) * increments))
    reach = 8.6 * np.sqrt(fields[-1]) + drift + 1.0
    return parisi_recursion(
        lambda h: (np.logaddexp(h, -h), np.tanh(h)),
        increments,
        m,
        step=0.06,
        half_width=1.0 / _ladder(1.0 / reach, 1.0),
        scale=_SINGULARITY,
    )


def mean_over_replicas(values: np.ndarray, m: np.ndarray) -> float:
    """int_0^1 dx v(x) = sum_i (m_{i+1} - m_i) v_i with m_0 = 0, m_{k+1} = 1."""
    return float(np.sum(np.diff(m, prepend=0.0, append=1.0) * values))


def spin_free_entropy(fields: np.ndarray, q: np.ndarray, m: np.ndarray) -> float:
    """Entropy of a spin per replica: int Dz f_1 - eps_k/2 + (1/2) int dx eps(x) q(x)."""
    free = spin_hierarchy(fields, m).entropy
    return free - fields[-1] / 2 + mean_over_replicas(fields * q, m) / 2


def bond_overlaps(E: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Q_i of spherical weights in conjugate fields E_i.

    Q_0 = E_0 eta_1^2;  1/eta_{i+1} = 1/eta_i + m_i (E_i - E_{i-1});  Q_i = Q_{i-1} + (eta_i - eta_{i+1})/m_i;
    eta_1 is the root of Q_k + eta_{k+1} = 1

    Args:
        E: 0 <= E_0 <= .. <= E_k, shape (k+1,).
        m: block sizes, shape (k,).
    Returns:
        Q_i, shape (k+1,).
    """
    steps = np.concatenate([[0.0], np.cumsum(m * np.diff(E))])

    def overlaps(eta_1: float) -> tuple[np.ndarray, float]:
        eta = 1 / (1 / eta_1 + steps)
        return np.cumsum(np.concatenate([[E[0] * eta_1**2], -np.diff(eta) / m])), eta[-1]

    def excess(log_eta: float) -> float:
        Q, last = overlaps(np.exp(log_eta))
        return float(Q[-1] + last - 1)

    log_eta = brentq(excess, -60.0, 1e-9, xtol=1e-15, rtol=1e-15)
    return overlaps(float(np.exp(log_eta)))[0]


def bond_free_entropy(Q: np.ndarray, m: np.ndarray) -> float:
    """(1/2n) ln det Q = (1/2){ Q_0/eta_1 + ln(eta_1)/m_1 + sum_{i=2..k+1} (1/m_i - 1/m_{i-1}) ln eta_i }.

    eta_i = 1 - Q_k + sum_{j>=i} m_j (Q_j - Q_{j-1}), m_{k+1} = 1

    Args:
        Q: shape (k+1,).
        m: block sizes, shape (k,).
    """
    tail = np.append(np.cumsum((m * np.diff(Q))[::-1])[::-1], 0.0)
    eta = 1 - Q[-1] + tail
    inverse = 1 / np.append(m, 1.0)
    logs = inverse[0] * np.log(eta[0]) + np.sum(np.diff(inverse) * np.log(eta[1:]))
    return float(Q[0] / eta[0] + logs) / 2
