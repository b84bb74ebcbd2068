"""Means over the last axes of an array, and what is done with arrays of which there is no room for copies."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

LARGE = 2**22
"""Entries of an array from which on it is measured part by part: a copy of it is no small thing, a pass over it is."""


def mean_over(x: Array, axes: int) -> Array:
    """Mean over the last `axes` axes, float32.

    The sum is a product with a constant vector: on a CPU, XLA adds one number after another in a sum, and vectors of
    them in a product. Sums of whole numbers below 2^24 are exact.
    """
    kept, size = x.shape[: x.ndim - axes], math.prod(x.shape[x.ndim - axes :])
    flat = x.reshape(*kept, size).astype(jnp.float32)
    return jnp.matmul(flat, jnp.ones(size, jnp.float32), precision=lax.Precision.HIGHEST) / size


def by_place(function: Callable, *arrays: Array) -> Any:
    """`function(*arrays)`, which treats the places of their first axis alike; of large arrays one place after another.

    Args:
        function: takes arrays with equal first axes, returns a pytree of arrays with the same one.
        arrays: what it takes.
    """
    if max(x.size for x in arrays) < LARGE:
        return function(*arrays)
    return lax.map(lambda parts: jax.tree.map(lambda y: y[0], function(*(x[None] for x in parts))), arrays)
