"""Targets: what a parent machine asks of the outputs of its child, beside the labels of the data.

A child's output neuron with field h, label y and its parent's field h_p costs

    (1 - lambda) v(y h) + lambda u_tau(h, h_p),
    u_tau(h, h_p) = tau^2 [ phi(h/tau) - phi(h_p/tau) - ((h - h_p)/tau) tanh(h_p/tau) ],   phi(x) = ln cosh x,

and u_tau is tau^2 KL(p_{h_p} || p_h) of binary units with p(+) = 1 / (1 + exp(-2h/tau)): a spring (h - h_p)^2 / 2
for tau -> infinity, the hard clamp 2 tau |h| theta(-h h_p) for tau -> 0. Of the parent it needs m = tanh(h_p/tau), the
mean of its output spin at temperature tau, alone.
"""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from glassnet.core.pytree import pytree
from glassnet.perceptron.potential import Potential


@pytree
class Targets:
    """What a parent says of the clamped outputs of one replica.

    Attributes:
        means: m = tanh(h_p / tau), shape (neuron, pattern), float32; the parent's spins where `temperature` is 0. Of
            several parents the mean by their weights.
        floor: phi(x) - m x at its minimum, with the other sign, so that the cost is 0 there; same shape.
        temperature: tau; 0 for hard targets, which cost (1 + m)/2 v(h) + (1 - m)/2 v(-h) in the place of u.
        weight: lambda, from 0 to 1.
    """

    means: Array
    floor: Array
    temperature: Array
    weight: Array

    def at(self, *place: Any) -> "Targets":
        """Targets of some neurons and patterns."""
        return replace(self, means=self.means[place], floor=self.floor[place])

    def padded(self, idle: int) -> "Targets":
        """With so many more neurons, whose targets are zero."""
        means, floor = (jnp.pad(x, ((0, idle), (0, 0))) for x in (self.means, self.floor))
        return replace(self, means=means, floor=floor)


def distance(field: ArrayLike, parent: ArrayLike, temperature: float) -> np.ndarray:
    """u_tau(h, h_p) with NumPy in double precision, elementwise.

    Args:
        field: h.
        parent: h_p.
        temperature: tau > 0.
    """
    x, p = np.asarray(field, float) / temperature, np.asarray(parent, float) / temperature
    # phi(x) - phi(p) - (x - p) tanh p = ln(q e^d + (1 - q) e^-d) - d tanh p, d = x - p, q = 1 / (1 + e^-2p): no large
    # numbers cancel
    d = x - p
    with np.errstate(over="ignore"):
        minus, plus = 1 / (1 + np.exp(2 * p)), 1 / (1 + np.exp(-2 * p))  # probabilities of the parent's spin
        small = np.log1p(plus * np.expm1(np.clip(d, -1, 1)) + minus * np.expm1(-np.clip(d, -1, 1)))
        large = np.logaddexp(-np.logaddexp(0, -2 * p) + d, -np.logaddexp(0, 2 * p) - d)
    return temperature**2 * (np.where(np.abs(d) < 1, small, large) - d * (plus - minus))


def floor_of(means: np.ndarray) -> np.ndarray:
    """ln 2 less the entropy of a spin with mean m: what makes the cost of a target 0 at its minimum, float64."""
    m = np.abs(np.asarray(means, float))
    q = (1 - m) / 2
    rest = np.where(q > 0, q * np.log(np.where(q > 0, 2 * q, 1)), 0)
    return (1 + m) / 2 * np.log1p(m) + rest


NEAR = 1.2
"""Below, ln cosh x is a series in x^2, relative error 6e-8; above, |x| + ln(1 + exp(-2|x|)) - ln 2."""

SERIES = (
    5.7880569726e-05, -4.6144249868e-04, 1.9596196156e-03, -6.6429996942e-03, 2.2199150275e-02, -8.3331355803e-02,
    4.9999997200e-01,
)  # fmt: skip
"""Coefficients of ln cosh(x) / x^2 in x^2, from the highest power down."""


def log_cosh(x: Array) -> Array:
    """phi(x) = ln cosh x, as exact as single precision allows also where x is small; the native kernels do the same."""
    size, square = jnp.abs(x), x * x
    near = jnp.full_like(x, SERIES[0])
    for coefficient in SERIES[1:]:
        near = near * square + coefficient
    far = size + jnp.log1p(jnp.exp(-2 * size)) - jnp.float32(np.log(2))
    return jnp.where(size < NEAR, near * square, far)


def cost_of(potential: Potential, targets: Targets | None, own: Array, field: Array) -> Array:
    """Cost of neurons at their spins, elementwise: v(own h - margin), with targets the mixture of both.

    Args:
        potential: v.
        targets: of these neurons; None for those that have none.
        own: spins, in the dtype of `field`.
        field: h, the same shape.
    """
    cost = potential.cost(own * field - potential.margin)
    if targets is None:
        return cost
    tau, weight = targets.temperature, targets.weight
    x = field / jnp.where(tau > 0, tau, 1)
    soft = tau * tau * (log_cosh(x) - targets.means * x + targets.floor)
    up, down = (potential.cost(sign * field - potential.margin) for sign in (1, -1))
    hard = (1 + targets.means) / 2 * up + (1 - targets.means) / 2 * down
    told = jnp.where(tau > 0, soft, hard)
    return (1 - weight) * cost + weight * told


def told_less_own(potential: Potential, targets: Targets, own: Array, field: Array) -> Array:
    """Derivative of `cost_of` with respect to lambda: u_tau(h, h_p) - v(own h - margin), elementwise."""
    whole = jnp.ones_like(targets.weight)
    return cost_of(potential, replace(targets, weight=whole), own, field) - cost_of(potential, None, own, field)
