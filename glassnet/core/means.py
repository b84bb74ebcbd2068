"""Means over the last axes of an array."""

import math

import jax.numpy as jnp
from jax import Array, lax


def mean_over(x: Array, axes: int) -> Array:
    """Mean over the last `axes` axes, float32.

    The sum is a product with a constant vector: on a CPU, XLA adds one number after another in a sum, and vectors of
    them in a product. Sums of whole numbers below 2^24 are exact.
    """
    kept, size = x.shape[: x.ndim - axes], math.prod(x.shape[x.ndim - axes :])
    flat = x.reshape(*kept, size).astype(jnp.float32)
    return jnp.matmul(flat, jnp.ones(size, jnp.float32), precision=lax.Precision.HIGHEST) / size
