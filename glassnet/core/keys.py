"""Addressed randomness: a key is computed from where it is used, never consumed.

Root seed -> sample -> replica -> sweep, each step one `fold_in`. A replica therefore draws the same
numbers whatever runs beside it and however its run is cut into blocks.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

DATA, START, HOST, CLONE = range(4)
"""Streams of one sample: the first index below the sample's key."""


def root(seed: int | Array) -> Array:
    """Root key of a run. The generator is named, so that a global default cannot change a result."""
    return jax.random.key(seed, impl="threefry2x32")


def address(key: Array, *indices: int | Array) -> Array:
    """Key at the address `indices` below `key`."""
    a, b = _words(key)
    for index in indices:
        a, b = threefry(a, b, jnp.uint32(0), jnp.uint32(index))
    return jax.random.wrap_key_data(jnp.stack([a, b], axis=-1), impl="threefry2x32")


def _words(key: Array) -> tuple[Array, Array]:
    data = jax.random.key_data(key)
    return data[..., 0], data[..., 1]


ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)


@jax.jit
def threefry(a: Array, b: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """The cipher Threefry-2x32 with 20 rounds [Salmon et al. 2011] of blocks (x, y) under the key (a, b).

    `jax.random` draws the same words; on a CPU it loops over the rounds, each of which goes through memory.
    """
    schedule = (a, b, a ^ b ^ jnp.uint32(0x1BD11BDA))
    x, y = x + a, y + b
    for n in range(20):
        turn = ROTATIONS[n % 8]
        x = x + y
        y = ((y << turn) | (y >> (32 - turn))) ^ x
        if n % 4 == 3:
            part = n // 4 + 1
            x, y = x + schedule[part % 3], y + schedule[(part + 1) % 3] + jnp.uint32(part)
    return x, y


def grid(seed: int, *axes: int | Sequence[int] | np.ndarray) -> Array:
    """Keys at all addresses below the root of `seed`, one axis for each sequence of indices; a number adds none.

    One compiled call whatever the seed and the indices.
    """
    shape = tuple(n for axis in axes for n in np.shape(axis))
    places = np.broadcast_arrays(*np.ix_(*map(np.atleast_1d, axes)))
    return _addresses(np.uint32(seed), *(place.reshape(shape) for place in places))


@jax.jit
def _addresses(seed: Array, *indices: Array) -> Array:
    shape = indices[0].shape
    flat = jax.vmap(lambda *index: address(root(seed), *index))(*(x.reshape(-1) for x in indices))
    return flat.reshape(shape)


def bits(key: Array, shape: tuple[int, ...]) -> Array:
    """Random 32-bit words (uint32): the key's Threefry cipher of the counters 0, 1, 2, ...

    Both words of every block are used; `jax.random.bits` folds them into one and takes twice as long. Entries j and
    j + half of the leading axis, half = ceil(length / 2), share their blocks: what stands at one place along the
    other axes can be drawn without the rest.
    """
    half = (shape[0] + 1) // 2
    blocks = half * math.prod(shape[1:])
    counters = lax.iota(jnp.uint32, blocks).reshape(1, half, *shape[1:])
    first, second = threefry(*_words(key), counters, counters + jnp.uint32(blocks))
    which = lax.broadcasted_iota(jnp.int32, (2, *first.shape[1:]), 0)
    words = jnp.where(which == 0, first, second)  # on a CPU quicker than to put one behind the other
    return words.reshape(2 * half, *shape[1:])[: shape[0]]


def uniform(key: Array, shape: tuple[int, ...]) -> Array:
    """Uniform numbers in the open interval (0, 1): odd multiples of 2^-24, never 0, 1/2 or 1.

    One 32-bit draw each. The open ends keep `log` finite, and a threshold made of it never becomes
    0 * inf at zero or infinite temperature.
    """
    return ((bits(key, shape) >> 9).astype(jnp.float32) + 0.5) * jnp.float32(2.0**-23)


def exponential(key: Array, shape: tuple[int, ...]) -> Array:
    """Exponential numbers of mean 1, positive, cut at 16.6 (probability 6e-8)."""
    return -jnp.log(uniform(key, shape))


def logistic(key: Array, shape: tuple[int, ...]) -> Array:
    """Logistic numbers (location 0, scale 1), never exactly 0."""
    u = uniform(key, shape)
    return jnp.log(u) - jnp.log1p(-u)


def normal(key: Array, shape: tuple[int, ...]) -> Array:
    """Gaussian numbers of mean 0 and variance 1, cut at 5.4 standard deviations (probability 6e-8)."""
    u = uniform(key, shape)
    return jnp.float32(2.0**0.5) * jax.scipy.special.erfinv(2.0 * u - 1.0)
