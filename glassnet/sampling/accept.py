"""Acceptance as a threshold: a move of energy change dE is accepted if dE does not exceed a random number."""

import jax.numpy as jnp
from jax import Array

from glassnet.core import keys


def metropolis(key: Array, shape: tuple[int, ...], temperature: Array) -> Array:
    """T times an exponential number: probability min(1, exp(-dE / T)); at zero temperature ties are accepted."""
    return temperature * keys.exponential(key, shape)


def heat_bath(key: Array, shape: tuple[int, ...], temperature: Array) -> Array:
    """T times a logistic number: probability 1 / (1 + exp(dE / T)); at zero temperature a fair coin decides ties.

    For the coin the sign of the logistic number must survive, hence the tiny lower bound of T.
    """
    return jnp.maximum(temperature, jnp.float32(1e-30)) * keys.logistic(key, shape)


THRESHOLDS = {"metropolis": metropolis, "heat_bath": heat_bath}
"""Rules by name."""
