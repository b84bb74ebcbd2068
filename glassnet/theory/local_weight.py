"""The logarithm of the averaged Boltzmann weight of one gap and its derivatives.

f(h; s^2) = ln int Dy exp(-beta v(h + s y - margin)),   s^2 = 1 - lambda,   f' = df/dh,   f'' = d^2f/dh^2
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.special import erfcx, log_ndtr

from glassnet.core.check import fail, positive
from glassnet.perceptron.potential import Counting, HardCore, Potential, SoftCore
from glassnet.theory.power_law import power_law_weight

Derivatives = tuple[np.ndarray, np.ndarray, np.ndarray]
LocalWeight = Callable[[np.ndarray, np.ndarray], Derivatives]
"""Function of the mean gap h and the variance s^2 (shapes that broadcast) that returns f, f', f''."""


AVERAGED = (SoftCore, HardCore, Counting)
"""Potentials whose averages are known here."""


def local_weight(potential: Potential, beta: float | None) -> LocalWeight:
    """The function (h, s^2) -> (f, f', f'') of a potential at inverse temperature `beta`.

    f(h; s^2) = ln int Dy exp(-beta v(h + s y - margin))

    Args:
        potential: hard core, soft core of any power, or counting.
        beta: inverse temperature in units of 1/energy; the hard core needs none.
    Returns:
        A function of h (mean gap, before the margin) and s^2 > 0 (variance of the gap).
    Raises:
        ValueError: for an unknown potential, or a missing or not positive `beta` where one is needed.
    """
    if not isinstance(potential, AVERAGED) or type(potential) not in AVERAGED:  # a subclass may be another potential
        raise fail("potential", "be a SoftCore, HardCore or Counting", potential)
    if beta is not None:
        positive(beta=beta)
    if isinstance(potential, HardCore):
        return partial(_hard_core, potential.margin)
    if beta is None:
        raise fail("beta", "be given for a soft potential", beta)
    if isinstance(potential, Counting):
        return partial(_counting, potential.margin, beta * potential.strength)
    if potential.power == 1:
        return partial(_linear, potential.margin, beta * potential.strength)
    if potential.power == 2:
        return partial(_quadratic, potential.margin, 2 * beta * potential.strength)
    return partial(power_law_weight, potential.margin, potential.power, beta * potential.strength)


def _hard_core(margin: float, h: np.ndarray, variance: np.ndarray) -> Derivatives:
    """f = ln H(-u), u = (h - margin)/s, f' = r/s with the inverse Mills ratio r(u) = phi(u)/Phi(u)."""
    s = np.sqrt(variance)
    u = (h - margin) / s
    ratio = np.sqrt(2 / np.pi) / erfcx(-u / np.sqrt(2))
    deep = u < -1e3
    safe = np.where(deep, -1e3, u)
    product = np.where(deep, 1 - 1 / np.where(deep, u, 1.0) ** 2, ratio * (np.where(deep, -safe, ratio) + safe))
    return log_ndtr(u), ratio / s, -product / variance


def _counting(margin: float, cost: float, h: np.ndarray, variance: np.ndarray) -> Derivatives:
    """exp f = exp(-cost) + (1 - exp(-cost)) Phi(u), u = (h - margin)/s."""
    s = np.sqrt(variance)
    u = (h - margin) / s
    log_rest = np.log(-np.expm1(-cost))
    f = np.logaddexp(-cost, log_rest + log_ndtr(u))
    first = np.exp(log_rest - u**2 / 2 - f) / (np.sqrt(2 * np.pi) * s)
    return f, first, -first * (first + u / s)


def _quadratic(margin: float, stiffness: float, h: np.ndarray, variance: np.ndarray) -> Derivatives:
    """exp f = Phi(h/s) + w, w = sigma^(-1/2) exp(-b h^2/(2 sigma)) Phi(-h/(s sqrt sigma)), sigma = 1 + b s^2."""
    h = h - margin
    s = np.sqrt(variance)
    sigma = 1 + stiffness * variance
    log_violated = -np.log(sigma) / 2 - stiffness * h**2 / (2 * sigma) + log_ndtr(-h / (s * np.sqrt(sigma)))
    f = np.logaddexp(log_ndtr(h / s), log_violated)
    violated = np.exp(log_violated - f)
    density = np.exp(-(h**2) / (2 * variance) - f) / np.sqrt(2 * np.pi)
    pull = stiffness / sigma
    first = pull * (s * density - h * violated)
    second = pull * (violated * (pull * h**2 - 1) - stiffness * s * h * density / sigma)
    return f, first, second - first**2


def _linear(margin: float, force: float, h: np.ndarray, variance: np.ndarray) -> Derivatives:
    """exp f = Phi(h/s) + w, w = exp(b h + b^2 s^2/2) Phi(-(h + b s^2)/s), b = beta strength."""
    h = h - margin
    s = np.sqrt(variance)
    log_violated = force * h + force**2 * variance / 2 + log_ndtr(-(h + force * variance) / s)
    f = np.logaddexp(log_ndtr(h / s), log_violated)
    violated = np.exp(log_violated - f)
    density = np.exp(-(h**2) / (2 * variance) - f) / (np.sqrt(2 * np.pi) * s)
    first = force * violated
    return f, first, force * (first - density) - first**2
