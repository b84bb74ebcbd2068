"""Networks against known sizes and slow convolutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glassnet.core import keys
from glassnet.distill.gradient.networks import CNN, MLP, ResNet, convolved


def numbers(network, shape, classes):
    weights, _ = jax.eval_shape(lambda: network.start(keys.root(0), shape, classes))
    return sum(leaf.size for leaf in jax.tree.leaves(weights))


@pytest.mark.parametrize(("network", "classes", "count"), [
    (ResNet(8), 10, 78042),
    (ResNet(20), 10, 269722 + 2752),  # 1 x 1 convolutions with normalisation instead of zeros
    (ResNet(110), 10, 1727962 + 2752),
    (CNN((16, "pool", 16, "pool")), 10, (27 + 2) * 16 + (144 + 2) * 16 + 10241 * 1 + 9),
])  # fmt: skip
def test_numbers_of_weights(network, classes, count):
    """Of residual networks as counted by others for CIFAR-10."""
    assert numbers(network, (32, 32, 3), classes) == count


def test_operations():
    assert MLP((5,)).operations((4, 4, 1), 3) == 16 * 5 + 5 * 3
    assert CNN((2, "pool"), (4,)).operations((6, 6, 3), 3) == 36 * 27 * 2 + 18 * 4 + 12
    assert ResNet(20).operations((32, 32, 3), 10) == pytest.approx(40.6e6, rel=0.02)  # 41 million, He et al.


def slow(x, J, stride):
    """A convolution, pixel by pixel, in float64."""
    k = J.shape[0] // 2
    padded = np.pad(x.astype(float), ((0, 0), (k, k), (k, k), (0, 0)))
    rows = range(0, x.shape[1], stride)
    parts = [[padded[:, i : i + 2 * k + 1, j : j + 2 * k + 1] for j in rows] for i in rows]
    return np.array([[np.tensordot(p, J.astype(float), 3) for p in row] for row in parts]).transpose(2, 0, 1, 3)


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (1, 2)])
def test_convolution_and_normalisation(size, stride):
    rng = np.random.default_rng(2)
    x, J = rng.normal(size=(5, 7, 7, 3)), rng.normal(size=(size, size, 3, 4))
    weights = {"J": J, "scale": rng.normal(size=4), "shift": rng.normal(size=4)}
    running = {"mean": rng.normal(size=4), "variance": rng.uniform(1, 2, 4)}
    narrow = jax.tree.map(lambda v: jnp.asarray(v, jnp.float32), (x, weights, running))
    y = slow(x, J, stride)
    for training in (True, False):
        found, new = convolved(*narrow, training=training, stride=stride)
        mean, variance = (y.mean((0, 1, 2)), y.var((0, 1, 2))) if training else (running["mean"], running["variance"])
        exact = (y - mean) / np.sqrt(variance + 1e-5) * weights["scale"] + weights["shift"]
        np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-4)
        if training:
            np.testing.assert_allclose(new["mean"], 0.9 * running["mean"] + 0.1 * mean, rtol=1e-4, atol=1e-5)
            unbiased = y.reshape(-1, 4).var(0, ddof=1)
            np.testing.assert_allclose(new["variance"], 0.9 * running["variance"] + 0.1 * unbiased, rtol=1e-4)
        else:
            assert new is narrow[2]


def test_pooling_takes_the_larger():
    network = CNN((1, "pool"))
    weights, running = network.start(keys.root(0), (4, 4, 1), 3)
    weights["filters"][0] |= {"J": jnp.zeros((3, 3, 1, 1)).at[1, 1].set(1.0), "scale": jnp.array([1.00000500])}
    weights["dense"][0] = {"J": jnp.eye(4)[:, :3], "b": jnp.zeros(3)}
    x = np.random.default_rng(0).uniform(size=(2, 4, 4, 1)).astype(np.float32)
    found, _ = network(weights, running, jnp.asarray(x), training=False)
    exact = x[..., 0].reshape(2, 2, 2, 2, 2).max((2, 4)).reshape(2, 4)[:, :3]
    np.testing.assert_allclose(found, exact, rtol=1e-5)


def test_stages_halve_images_and_blocks_add_their_input():
    network = ResNet(14, (2, 4))
    weights, running = network.start(keys.root(0), (8, 8, 3), 5)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 8, 8, 3)), jnp.float32)
    one, _ = network(weights, running, x, training=False)
    for stage in weights["stages"]:  # blocks that turn nothing hand on what they get, which is not negative
        stage["rest"] = stage["rest"] | {"second": jax.tree.map(jnp.zeros_like, stage["rest"]["second"])}
    two, _ = network(weights, running, x, training=False)
    without = [{"head": stage["head"], "rest": None} for stage in weights["stages"]]
    averages = [{"head": stage["head"], "rest": None} for stage in running["stages"]]
    bare, _ = network(weights | {"stages": without}, running | {"stages": averages}, x, training=False)
    assert one.shape == (2, 5)
    assert not np.allclose(one, two)
    np.testing.assert_allclose(two, bare, rtol=1e-6)


@pytest.mark.parametrize(("make", "words"), [
    (lambda: MLP((4, 0)), "Argument `hidden` must be an integer of at least 1, but is 0"),
    (lambda: MLP("4"), "Argument `hidden` must be a sequence of integers, but is '4'"),
    (lambda: CNN(("pool", 3)), "Argument `layers` must begin with a number of filters"),
    (lambda: CNN((3, "poll")), "Argument `layers` must be an integer of at least 1, but is 'poll'"),
    (lambda: ResNet(9), "Argument `depth` must be 6 n \\+ 2, but is 9"),
    (lambda: ResNet(8, ()), "Argument `filters` must hold one number"),
    (lambda: CNN((3,)).start(keys.root(0), (784,), 10), "Argument `images` must have shape"),
    (lambda: CNN((3, "pool", "pool")).start(keys.root(0), (3, 3, 1), 10), "Argument `layers` must leave a pixel"),
])  # fmt: skip
def test_bad_networks(make, words):
    with pytest.raises(ValueError, match=words):
        make()
