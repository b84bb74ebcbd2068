"""Losses against float64 NumPy, their limits and their slopes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glassnet.core import keys
from glassnet.distill.gradient.losses import cross_entropy, divergence, loss
from glassnet.distill.gradient.networks import CNN, MLP, ResNet


def softmax(a):
    e = np.exp(a - a.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def reference(logits, labels, parents, mix, weight, tau):
    """The formula, term by term."""
    total = 0.0
    for a, y, others in zip(logits, labels, parents, strict=True):
        total += (1 - weight) * -np.log(softmax(a)[y])
        for w, other in zip(mix, others, strict=True):
            p, q = softmax(other / tau), softmax(a / tau)
            total += weight * w * tau**2 * sum(p[k] * np.log(p[k] / q[k]) for k in range(len(a)))
    return total / len(logits)


def drawn(patterns=7, parents=3, classes=10, seed=0):
    rng = np.random.default_rng(seed)
    logits, others = rng.normal(size=(patterns, classes)), 2 * rng.normal(size=(patterns, parents, classes))
    return 2 * logits, rng.integers(classes, size=patterns), others, rng.dirichlet(np.ones(parents))


@pytest.mark.parametrize(("weight", "tau"), [(0.0, 1.0), (0.3, 2.0), (1.0, 0.5), (0.7, 8.0)])
def test_loss_is_the_formula(weight, tau):
    logits, labels, parents, mix = drawn()
    with jax.enable_x64(True):
        found = float(loss(*map(jnp.asarray, (logits, labels, parents, mix)), weight, tau))
    exact = reference(logits, labels, parents, mix, weight, tau)
    assert found == pytest.approx(exact, rel=1e-12)
    narrow = [jnp.asarray(x, jnp.float32) for x in (logits, parents, mix)]
    single = loss(narrow[0], jnp.asarray(labels, jnp.int32), *narrow[1:], jnp.float32(weight), jnp.float32(tau))
    assert float(single) == pytest.approx(exact, rel=1e-5)
    if weight:  # the mean over classes, as in several public codes, is another loss
        halved = reference(logits, labels, parents, mix / len(logits[0]), weight, tau)
        assert abs(found - halved) > 0.01


def test_without_parents_the_labels_alone_count():
    logits, labels, parents, _ = drawn()
    with jax.enable_x64(True):
        found = loss(jnp.asarray(logits), jnp.asarray(labels), jnp.asarray(parents[:, :0]), jnp.zeros(0), 0.9, 2.0)
        own = cross_entropy(jnp.asarray(logits), jnp.asarray(labels)).mean()
    assert float(found) == float(own)


def test_limits_of_the_temperature():
    logits, _, parents, _ = drawn()
    a, b = logits, parents[:, 0]
    with jax.enable_x64(True):
        hot, cold, same = (
            np.asarray(divergence(jnp.asarray(b), jnp.asarray(x), tau)) for x, tau in ((a, 1e4), (a, 1e-4), (b, 2.0))
        )
    np.testing.assert_allclose(hot, (b - a).var(1) / 2, rtol=1e-3)
    gap = a.max(1) - a[np.arange(len(a)), b.argmax(1)]
    np.testing.assert_allclose(cold / 1e-4, gap, atol=1e-8)
    assert np.abs(same).max() < 1e-14


NETWORKS = [(MLP((5, 4)), (6,)), (CNN((3, "pool", 4, "pool"), (5,)), (8, 8, 2)), (ResNet(14, (2, 3)), (6, 6, 1))]


@pytest.mark.parametrize(("network", "shape"), NETWORKS, ids=lambda x: type(x).__name__)
def test_slopes_are_differences(network, shape):
    """Through all layers and batch normalisation, along random directions, in double precision."""
    rng = np.random.default_rng(1)
    with jax.enable_x64(True):
        weights, running = jax.tree.map(lambda x: x.astype(jnp.float64), network.start(keys.root(3), shape, 4))
        images, labels = jnp.asarray(rng.normal(size=(9, *shape))), jnp.asarray(rng.integers(4, size=9))
        parents, mix = jnp.asarray(rng.normal(size=(9, 2, 4))), jnp.asarray([0.25, 0.75])

        @jax.jit
        def value(weights):
            logits, _ = network(weights, running, images, training=True)
            return loss(logits, labels, parents, mix, 0.6, 3.0)

        slope = jax.jit(jax.grad(value))(weights)
        for _ in range(3):
            way = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), weights)
            near = [float(value(jax.tree.map(lambda x, d, s=s: x + s * d, weights, way))) for s in (1e-6, -1e-6)]
            along = sum(float((g * d).sum()) for g, d in zip(*map(jax.tree.leaves, (slope, way)), strict=True))
            assert (near[0] - near[1]) / 2e-6 == pytest.approx(along, rel=1e-5, abs=1e-7)
