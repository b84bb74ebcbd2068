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

IMPLEMENTATION = "threefry2x32"
"""The generator, named, so that a global default cannot change a result."""

DATA, START, HOST, CLONE, TUNE = range(5)
"""Streams of one sample: the first index below the sample's key."""


def root(seed: int | Array) -> Array:
    """Root key of a run."""
    return jax.random.key(seed, impl=IMPLEMENTATION)


def address(key: Array, *indices: int | Array) -> Array:
    """Key at the address `indices` below `key`."""
    for index in indices:
        key = jax.random.fold_in(key, index)
    return key


def grid(seed: int, *axes: int | Sequence[int] | np.ndarray) -> Array:
    """Keys at all addresses below the root of `seed`, one axis for each sequence of indices; a number adds none.

    Runs of all sizes share a few compiled programs: addresses are filled up to a power of two.
    """
    shape = tuple(n for axis in axes for n in np.shape(axis))
    places = np.broadcast_arrays(*np.ix_(*map(np.atleast_1d, axes)))
    size = max(FEWEST, 1 << (math.prod(shape) - 1).bit_length())
    indices = np.zeros((max(DEEPEST, len(places)), size), np.uint32)
    indices[: len(places), : math.prod(shape)] = [place.reshape(-1) for place in places]
    words = np.asarray(_addresses(np.uint32(seed), indices, np.int32(len(places))))
    return jax.random.wrap_key_data(jnp.asarray(words[: math.prod(shape)].reshape(*shape, -1)), impl=IMPLEMENTATION)


FEWEST, DEEPEST = 64, 5
"""Addresses of one compiled call at least, and the indices of each."""


@jax.jit
def _addresses(seed: Array, indices: Array, depth: Array) -> Array:
    """Words of the keys at the addresses indices[:depth, n], n = 0, 1, ..."""

    def one(index: Array) -> Array:
        return jax.random.key_data(lax.fori_loop(0, depth, lambda k, key: address(key, index[k]), root(seed)))

    return jax.vmap(one, 1)(indices)


def bits(key: Array, shape: tuple[int, ...]) -> Array:
    """Random 32-bit words (uint32): the key's Threefry cipher of the counters 0, 1, 2, ...

    Both words of every block are used; `jax.random.bits` folds them into one and takes twice as long. Entries j and
    j + half of the leading axis, half = ceil(length / 2), share their blocks: what stands at one place along the
    other axes can be drawn without the rest.
    """
    from jax.extend.random import threefry_2x32  # loads much, and registers settings: not at import of the package

    if not shape:
        return bits(key, (1,))[0]
    length = shape[0] + shape[0] % 2
    counters = lax.iota(jnp.uint32, length * math.prod(shape[1:]))
    words = threefry_2x32(jax.random.key_data(key), counters)
    return words.reshape(length, *shape[1:])[: shape[0]]


def uniform(key: Array, shape: tuple[int, ...]) -> Array:
    """Uniform numbers in the open interval (0, 1): odd multiples of 2^-24, never 0, 1/2 or 1.

    One 32-bit draw each. The open ends keep `log` finite, and a threshold made of it never becomes
    0 * inf at zero or infinite temperature.
    """
    return ((bits(key, shape) >> 9).astype(jnp.float32) + 0.5) * jnp.float32(2.0**-23)


def signs(key: Array, shape: tuple[int, ...]) -> Array:
    """+1 or -1 with equal probability, float32."""
    return jnp.where(bits(key, shape) >> 31, jnp.float32(1), jnp.float32(-1))


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
