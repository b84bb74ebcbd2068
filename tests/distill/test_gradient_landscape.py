"""Around trained perceptrons: rotations against their definition, gauges that change nothing, slices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glassnet.core import keys
from glassnet.distill import gradient
from glassnet.distill.gradient import landscape
from glassnet.distill.gradient.networks import MLP, dense
from glassnet.distill.gradient.training import inputs

NETWORK = MLP((7, 6))


def perceptron(seed):
    """One with thresholds that are not 0."""
    rng = np.random.default_rng(seed)
    weights, _ = NETWORK.start(keys.root(seed), (5,), 4)
    return [{"J": layer["J"], "b": jnp.asarray(0.3 * rng.normal(size=layer["b"].shape), jnp.float32)}
            for layer in weights]  # fmt: skip


X = jnp.asarray(np.random.default_rng(9).normal(size=(40, 5)), jnp.float32)


def test_rows_turn_by_the_angle_and_keep_their_length():
    layers = perceptron(0)
    for angle in (0.0, 0.4, 2.0):
        for one, other in zip(layers, landscape.rotated(keys.root(1), layers, angle), strict=True):
            a, b = (np.asarray(landscape.rows(x), float) for x in (one, other))
            lengths = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
            np.testing.assert_allclose(*lengths, rtol=1e-5)
            np.testing.assert_allclose((a * b).sum(1) / lengths[0] ** 2, np.cos(angle), atol=1e-5)
    one_layer = landscape.rotated(keys.root(1), layers, 0.4, which=[1])
    assert [bool((a["J"] == b["J"]).all()) for a, b in zip(layers, one_layer, strict=True)] == [True, False, True]


def test_directions_are_isotropic():
    """Mean and spread of a turned component, over many rotations, of a row of 6 weights with its threshold."""
    layers, n = perceptron(0)[:1], 4000
    turned = jax.vmap(lambda key: landscape.rows(landscape.rotated(key, layers, np.pi / 2)[0])[0])(
        keys.grid(3, 0, range(n))
    )
    w = np.asarray(landscape.rows(layers[0])[0], float)
    exact = (w @ w * np.eye(len(w)) - np.outer(w, w)) / (len(w) - 1)  # covariance on the sphere across w
    x = np.asarray(turned, float)
    products = x[:, :, None] * x[:, None]
    error = products.std(0) / n**0.5
    assert (abs(products.mean(0) - exact) < 4.5 * error + 1e-5).all()
    assert (abs(x.mean(0)) < 4.5 * x.std(0) / n**0.5 + 1e-5).all()


def test_normalised_rows_say_the_same():
    layers = perceptron(0)
    layers[0]["J"], layers[0]["b"] = layers[0]["J"].at[:, 2].set(0), layers[0]["b"].at[2].set(0)
    found = landscape.normalised(layers)
    for layer in found[:-1]:
        length = np.linalg.norm(landscape.rows(layer), axis=1)
        assert np.allclose(length, 1, rtol=1e-5) | (length == 0).any()
    np.testing.assert_allclose(dense(found, X), dense(layers, X), rtol=1e-4, atol=1e-5)


def disguised(layers, seed):
    """The same perceptron, its hidden neurons in another order and of other sizes."""
    rng, found = np.random.default_rng(seed), [dict(layer) for layer in layers]
    for n in range(len(found) - 1):
        order = rng.permutation(found[n]["b"].shape[0])
        size = jnp.asarray(rng.uniform(0.3, 3, len(order)), jnp.float32)
        found[n] = {"J": found[n]["J"][:, order] * size[None], "b": found[n]["b"][order] * size}
        found[n + 1]["J"] = found[n + 1]["J"][order] / size[:, None]
    return found


def test_matching_undoes_a_gauge_and_changes_nothing():
    first = landscape.normalised(perceptron(0))
    found = landscape.matched(first, landscape.normalised(disguised(first, 1)))
    for a, b in zip(first, found, strict=True):
        np.testing.assert_allclose(a["J"], b["J"], atol=1e-5)
        np.testing.assert_allclose(a["b"], b["b"], atol=1e-5)
    second = landscape.normalised(perceptron(5))
    other = landscape.matched(first, second)
    np.testing.assert_allclose(dense(other, X), dense(second, X), rtol=1e-4, atol=1e-5)

    def alike(second):
        return sum(float((landscape.rows(a) * landscape.rows(b)).sum()) for a, b in zip(first, second, strict=True))

    assert alike(other) >= alike(second)


def test_the_way_between_two():
    first, second = (landscape.normalised(perceptron(n)) for n in (0, 5))
    for share, end in ((0.0, first), (1.0, second)):
        np.testing.assert_allclose(dense(landscape.between(first, second, share), X), dense(end, X), atol=1e-5)
    middle = landscape.between(first, second, 0.5)
    np.testing.assert_allclose(np.linalg.norm(landscape.rows(middle[0]), axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(middle[-1]["J"], (first[-1]["J"] + second[-1]["J"]) / 2, rtol=1e-5)


def test_kept_networks_are_those_that_were_measured(tmp_path):
    whole = gradient.digits(4600)
    images = gradient.Images("few digits", whole.images[:600], whole.labels[:600], 200, 10)
    machines = {"a": MLP((6,)), "b": MLP((4,))}
    given = {"patterns": 60, "validation": 40, "seeds": 2, "recipe": gradient.Recipe(epochs=2, batch=20)}
    given["tuning"] = gradient.Tuning(trials=2, seeds=1)
    with pytest.raises(ValueError, match="Argument `folder` must hold a ladder that is complete"):
        landscape.kept(tmp_path, images, ("a",))
    ages = {"recipe": gradient.Recipe(epochs=2, batch=20, schedule="constant"), "ages": 2, "tuning": None}
    gradient.ladder(images, machines, ["none", "in_time"], **given | ages, folder=tmp_path / "ages")
    short = gradient.Recipe(epochs=1, batch=20, schedule="constant")
    gradient.ladder(images, machines, ["none"], **given | {"recipe": short, "tuning": None}, folder=tmp_path / "short")
    young = [landscape.kept(tmp_path / name, images, ("a",), age) for name, age in (("ages", 1), ("short", None))]
    jax.tree.map(np.testing.assert_array_equal, *(one.weights for one in young))
    with pytest.raises(ValueError, match="Argument `age` must be one of 1, 2, the epochs that were kept, but is 3"):
        landscape.kept(tmp_path / "ages", images, ("a",), 3)
    ds = gradient.ladder(images, machines, ["none", "direct"], **given, folder=tmp_path / "ladder")
    found = landscape.kept(tmp_path / "ladder", images, ("a", "b"))
    assert found.network == machines["b"]
    for n in range(2):
        for part in ("train", "test"):
            rows = found.rows[part][n]
            said = dense(jax.tree.map(lambda x, n=n: x[n], found.weights), inputs(found.patterns, rows))
            wrong = (np.asarray(said).argmax(-1) != images.labels[rows]).mean()
            assert wrong == ds[f"{part}_error"].sel(machine="b", taught="direct")[n]
    with pytest.raises(ValueError, match="Argument `path` must be a network that was trained in"):
        landscape.kept(tmp_path / "ladder", images, ("b", "a"))
    with pytest.raises(ValueError, match="Argument `images` must be those of the ladder, few digits"):
        landscape.kept(tmp_path / "ladder", whole, ("a",))
