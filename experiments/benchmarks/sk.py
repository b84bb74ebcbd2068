"""The Sherrington-Kirkpatrick model by Metropolis: a dense model for which other samplers exist, to compare speeds.

    E = -1/2 sum_ij J_ij s_i s_j,   J symmetric with variance 1/N off the diagonal      [Sherrington, Kirkpatrick 1975]

The cost of a flip is known from the local fields h_i = sum_j J_ij s_j, which change only with accepted flips. The sweep
stands here twice: in JAX, and in C++ with the vectors and random numbers of the package's kernels (sk.cpp), compiled on
the spot. Both draw and decide alike.
"""

import ctypes
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import compiler
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from glassnet.core import keys
from glassnet.core.check import fail
from glassnet.native import library
from glassnet.sampling.accept import metropolis

TILE = 64
"""Fields are padded to a multiple of this."""

SOURCE = Path(__file__).with_name("sk.cpp")
FLAGS = (
    *("-std=c++17", "-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fPIC"),
    f"-I{library.FOLDER / 'src'}",
)
"""Those of the package's kernels, for this processor."""


def status() -> str:
    """How the sweep was compiled, or, beginning with "no", why it was not, in words."""
    return compiler.status(SOURCE, FLAGS)


def couplings(sites: int, seed: int = 0) -> np.ndarray:
    """Couplings J, shape (site, site), float32, zero on the diagonal."""
    upper = np.triu(np.random.default_rng(seed).normal(size=(sites, sites)) / np.sqrt(sites), 1)
    return (upper + upper.T).astype(np.float32)


def random_spins(sites: int, replicas: int, seed: int = 0) -> np.ndarray:
    """Spins of infinite temperature, shape (site, replica), int8."""
    return np.random.default_rng((seed, 1)).choice(np.array([-1, 1], np.int8), (sites, replicas))


def energy(J: np.ndarray, spins: np.ndarray) -> np.ndarray:
    """Energy per spin of each replica, in double precision.

    Args:
        J: couplings, (site, site).
        spins: (site, replica).
    """
    s = np.asarray(spins, float)
    return -0.5 * (s * (np.asarray(J, float) @ s)).sum(0) / len(s)


def padded(J: np.ndarray) -> np.ndarray:
    """`J` with columns of zeros up to an odd multiple of TILE: rows whose distance is a power of two share few places
    of a cache."""
    tiles = -(-len(J) // TILE)
    return np.pad(J, ((0, 0), (0, (tiles + 1 - tiles % 2) * TILE - len(J))))


@lru_cache
def sampler(*, native: bool) -> Callable:
    """`f(key, spins, J, temperature, start, stop) -> (spins, accepted)`; the spins given are used up.

    Offers every spin once a sweep, in order, with the numbers that (key, sweep) address; `J` is padded, `accepted`
    is the fraction of each replica over the sweeps start..stop - 1.

    Args:
        native: C++ on one thread, or the scan in JAX; both make the same decisions, rounding apart.
    Raises:
        OSError, subprocess.SubprocessError: native without a compiler that works.
        ValueError: the native f, for couplings that are not those of the spins, or not padded.
    """
    if native:
        compiler.compiled(SOURCE, FLAGS)
        return _native

    def run(key: Array, spins: Array, J: Array, temperature: Array, start: Array, stop: Array) -> tuple[Array, Array]:
        def body(t: Array, carry: tuple) -> tuple:
            spins, fields, total = carry
            spins, fields, accepted = _scan(keys.address(key, t), spins, fields, J, temperature)
            return spins, fields, total + accepted

        columns = -(-len(spins) // TILE) * TILE
        fields = jnp.matmul(spins.T.astype(J.dtype), J[:, :columns], precision=lax.Precision.HIGHEST)
        spins, _, total = lax.fori_loop(start, stop, body, (spins, fields, jnp.zeros(spins.shape[1], jnp.int32)))
        return spins, total.astype(J.dtype) / ((stop - start) * spins.shape[0]).astype(J.dtype)

    return jax.jit(run, donate_argnums=1)


def _native(
    key: Array, spins: Array, J: Array, temperature: Array, start: Array, stop: Array
) -> tuple[np.ndarray, np.ndarray]:
    """The sweeps by sk.cpp."""
    spins, J = np.array(spins, np.int8), np.ascontiguousarray(J, np.float32)
    sites, replicas = spins.shape
    columns = -(-sites // TILE) * TILE
    if J.ndim != 2 or len(J) != sites or J.shape[1] < columns:
        raise fail("J", f"have {sites} rows and at least {columns} columns, see `padded`", J.shape)
    accepted, words = np.zeros(replicas, np.int64), np.asarray(jax.random.key_data(key))
    compiler.compiled(SOURCE, FLAGS).sweeps(
        *(ctypes.c_int(n) for n in (sites, columns, J.shape[1], replicas)),
        ctypes.c_void_p(J.ctypes.data),
        ctypes.c_void_p(spins.ctypes.data),
        ctypes.c_float(float(temperature)),
        *(ctypes.c_uint32(int(word)) for word in words),
        *(ctypes.c_int(int(t)) for t in (start, stop)),
        ctypes.c_void_p(accepted.ctypes.data),
    )
    return spins, (accepted / ((int(stop) - int(start)) * sites)).astype(np.float32)


def _scan(key: Array, spins: Array, fields: Array, J: Array, temperature: Array) -> tuple[Array, Array, Array]:
    """One sweep of all replicas in JAX."""
    threshold = metropolis(key, spins.shape, temperature)

    def site(carry: tuple, given: tuple) -> tuple:
        fields, accepted = carry
        j, s, threshold, J = given
        step = -2.0 * s.astype(J.dtype)
        yes = -step * fields[:, j] <= threshold
        fields = fields + jnp.where(yes, step, 0)[:, None] * J[None]
        return (fields, accepted + yes.astype(jnp.int32)), jnp.where(yes, -s, s)

    start = (fields, jnp.zeros(spins.shape[1], jnp.int32))
    (fields, accepted), spins = lax.scan(
        site, start, (jnp.arange(len(spins)), spins, threshold, J[:, : fields.shape[1]])
    )
    return spins, fields, accepted
