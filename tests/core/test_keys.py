import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest

from glassnet.core import keys

SHAPE = (20_000,)


@pytest.mark.parametrize(("draw", "distribution"), [
    (keys.uniform, "uniform"), (keys.exponential, "expon"), (keys.logistic, "logistic"), (keys.normal, "norm"),
])  # fmt: skip
def test_distribution(draw, distribution):
    x = np.asarray(jax.jit(draw, static_argnums=1)(keys.root(1), SHAPE))
    assert x.dtype == np.float32
    assert np.isfinite(x).all()
    assert kstest(x.astype(float), distribution).pvalue > 1e-5


def test_ends_are_open():
    """The smallest and the largest number of the generator keep logarithms finite and off zero."""
    u = np.float32([0.5, 2**23 - 0.5]) * np.float32(2.0**-23)
    assert (u > 0).all()
    assert (u < 1).all()
    assert -np.log(u[1]) > 0


def test_addresses_differ_and_repeat():
    key = keys.root(3)
    data = jax.random.key_data
    assert np.array_equal(data(keys.address(key, 1, 2)), data(keys.address(keys.address(key, 1), 2)))
    seen = {tuple(np.asarray(data(keys.address(key, a, b)))) for a in range(8) for b in range(8)}
    assert len(seen) == 64
    assert np.array_equal(data(keys.root(3)), data(key))


def test_the_generator_is_named():
    with jax.default_prng_impl("rbg"):
        assert jax.random.key_impl(keys.root(0)) == jax.random.key_impl(jax.random.key(0, impl="threefry2x32"))


@pytest.mark.parametrize("seed", [0, 7, 2**31, 2**32 - 1])
def test_a_grid_holds_the_keys_of_its_addresses(seed):
    found = keys.grid(seed, range(2, 4), 3, np.uint32([2**32 - 1]), (0, 10, 100))
    assert found.shape == (2, 1, 3)
    root, data = keys.root(seed), jax.random.key_data
    for (a, b, c), _ in np.ndenumerate(np.zeros(found.shape)):
        right = keys.address(root, a + 2, 3, jnp.uint32(2**32 - 1), (0, 10, 100)[c])
        assert np.array_equal(data(found[a, b, c]), data(right))


def test_grids_of_all_seeds_share_one_program():
    keys.grid(1, range(3), 0)
    size = keys._addresses._cache_size()
    keys.grid(2, range(5, 8), 1)
    assert keys._addresses._cache_size() == size
