"""Training against float64 NumPy, step by step; seeds side by side and alone; targets bound to patterns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lowering import module

from glassnet.core import keys
from glassnet.distill.gradient import training
from glassnet.distill.gradient.networks import CNN, MLP, ResNet
from glassnet.distill.gradient.training import (
    Patterns,
    Recipe,
    Settings,
    epoch,
    inputs,
    logits,
    rate_factor,
    started,
    trained,
)

MEMBERS, N, CLASSES, SHAPE = 3, 20, 4, (6,)
RECIPE = Recipe(epochs=4, batch=6)
NETWORK = MLP((5,))


def world(members=MEMBERS, shape=SHAPE, parents=2, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(256, size=(60, *shape), dtype=np.uint8)
    labels = rng.integers(CLASSES, size=60)
    colours = np.full(shape[-1] if len(shape) == 3 else 1, 1, np.float32)
    patterns = Patterns(jnp.asarray(images), jnp.asarray(labels, jnp.int32), *map(jnp.asarray, (colours / 2, colours)))
    rows = np.stack([rng.permutation(60)[:N] for _ in range(members)]).astype(np.int32)
    targets = rng.normal(size=(members, N, parents, CLASSES)).astype(np.float32)
    spread = np.linspace(0.5, 1, members)
    values = {"rate": 0.1 * spread, "momentum": 0.8 * spread, "decay": 0.01 * spread, "weight": 0.7 * spread}
    values["temperature"] = 3 * spread
    return patterns, rows, targets, Settings(**{k: jnp.asarray(v, jnp.float32) for k, v in values.items()})


def begun(network=NETWORK, shape=SHAPE, kind="sgd", members=MEMBERS):
    return started(network, kind, shape, CLASSES, keys.grid(5, range(members)))


def by_hand(member, patterns, rows, targets, settings, *, in_turn, shift=0):
    """Weights after the recipe, in float64: slopes written out, Nesterov momentum as in its definition."""
    rate, momentum, decay, weight, tau = (float(getattr(settings, k)[member]) for k in Settings.__annotations__)
    state = begun()
    J = [np.asarray(layer[k][member], float) for layer in state.weights for k in ("J", "b")]
    v = [np.zeros_like(x) for x in J]
    x = (np.asarray(patterns.images, float) / 255 - 0.5)[rows[member]]
    y, a_p = np.asarray(patterns.labels)[rows[member]], np.roll(targets[member], shift, axis=0).astype(float)
    key = keys.grid(5, range(MEMBERS))[member]
    for number in range(RECIPE.epochs):
        order = np.argsort(np.asarray(keys.uniform(keys.address(key, training.ORDER, number), (N,))), kind="stable")
        mix = np.eye(2)[number * 2 // RECIPE.epochs] if in_turn else np.full(2, 0.5)
        for k in range(N // RECIPE.batch):
            now = order[RECIPE.batch * k : RECIPE.batch * (k + 1)]
            hidden = x[now] @ J[0] + J[1]
            a = np.maximum(hidden, 0) @ J[2] + J[3]
            soft = [np.exp(z - z.max(-1, keepdims=True)) for z in (a, a / tau, a_p[now] / tau)]
            q, q_tau, p = (e / e.sum(-1, keepdims=True) for e in soft)
            taught = (mix[None, :, None] * (q_tau[:, None] - p)).sum(1)
            slope = ((1 - weight) * (q - np.eye(CLASSES)[y[now]]) + weight * tau * taught) / RECIPE.batch
            back = (slope @ J[2].T) * (hidden > 0)
            g = [x[now].T @ back, back.sum(0), np.maximum(hidden, 0).T @ slope, slope.sum(0)]
            g = [d + decay * w for d, w in zip(g, J, strict=True)]
            v = [momentum * u + d for u, d in zip(v, g, strict=True)]
            step = rate * 0.5 * (1 + np.cos(np.pi * number / RECIPE.epochs))
            J = [w - step * (d + momentum * u) for w, d, u in zip(J, g, v, strict=True)]
    return J


def run(world, *, in_turn=False):
    patterns, rows, targets, settings = world
    members = keys.grid(5, range(MEMBERS))
    return trained(NETWORK, RECIPE, begun(), patterns, rows, targets, settings, members, in_turn=in_turn)


@pytest.mark.parametrize("in_turn", [False, True])
def test_training_is_gradient_descent(in_turn):
    """Each member with its own settings, and targets that are bound to patterns: shifted ones are noticed."""
    patterns, rows, targets, settings = world()
    found = run((patterns, rows, targets, settings), in_turn=in_turn)
    for member in range(MEMBERS):
        mine = [np.asarray(layer[k][member]) for layer in found.weights for k in ("J", "b")]
        exact = by_hand(member, patterns, rows, targets, settings, in_turn=in_turn)
        other = by_hand(member, patterns, rows, targets, settings, in_turn=in_turn, shift=1)
        for a, b, c in zip(mine, exact, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)
            assert np.abs(b - c).max() > 1e-3


def test_seeds_side_by_side_are_seeds_alone():
    everything = patterns, rows, targets, settings = world()
    together = run(everything)
    for n in range(MEMBERS):
        part = jax.tree.map(lambda x, n=n: x[n : n + 1], settings)
        alone = trained(
            NETWORK, RECIPE, jax.tree.map(lambda x, n=n: x[n : n + 1], begun()), patterns, rows[n : n + 1],
            targets[n : n + 1], part, keys.grid(5, range(MEMBERS))[n : n + 1],
        )  # fmt: skip
        for a, b in zip(*map(jax.tree.leaves, (together.weights, alone.weights)), strict=True):
            np.testing.assert_allclose(a[n], b[0], rtol=1e-4, atol=1e-6)


def test_targets_are_bound_to_patterns():
    """A student that hears its labels from the parent alone learns them; from targets in another order it does not."""
    patterns, rows, _, _ = world(parents=1)
    told = 8 * np.eye(CLASSES, dtype=np.float32)[np.asarray(patterns.labels)[rows]][:, :, None]
    network, recipe = MLP((40,)), Recipe(epochs=150, batch=5, rate=0.1, weight=1.0)
    values = {"rate": 0.1, "momentum": 0.9, "decay": 0.0, "weight": 1.0, "temperature": 2.0}
    settings = Settings(**{k: jnp.full(MEMBERS, v, jnp.float32) for k, v in values.items()})
    errors = []
    for targets in (told, np.roll(told, 1, axis=1)):
        state = begun(network)
        state = trained(network, recipe, state, patterns, rows, targets, settings, keys.grid(5, range(MEMBERS)))
        said = logits(network, state, patterns, rows).argmax(-1)
        errors.append((said != np.asarray(patterns.labels)[rows]).mean())
    assert errors[0] < 0.02
    assert errors[1] > 0.4


def test_nothing_is_compiled_for_another_rate_weight_or_temperature():
    everything = patterns, rows, targets, settings = world()
    run(everything)
    before = training._epoch._cache_size()
    changed = jax.tree.map(lambda x: 0.9 * x, settings)
    members, other = keys.grid(6, range(MEMBERS)), Recipe(epochs=5, batch=6, rate=1.0, weight=0.1, temperature=9.0)
    trained(NETWORK, other, begun(), patterns, rows, targets, changed, members)
    assert training._epoch._cache_size() == before


def test_adam_and_schedules():
    patterns, rows, targets, settings = world()
    with jax.numpy_dtype_promotion("standard"):  # optax promotes
        state = begun(kind="adam")
    first = np.array(state.weights[0]["J"])  # the state is used up
    recipe = Recipe(epochs=1, batch=20, optimizer="adam", schedule="constant")
    mix = jnp.full(2, 0.5, jnp.float32)
    data = jnp.asarray(rows), jnp.asarray(targets)
    with jax.numpy_dtype_promotion("standard"):
        state = epoch(NETWORK, recipe, state, 0, patterns, *data, mix, settings, keys.grid(5, range(MEMBERS)))
    rate, decay = (np.asarray(x)[:, None, None] for x in (settings.rate, settings.decay))
    change = (np.asarray(state.weights[0]["J"]) - first) / rate + decay * first
    sizes = np.abs(change)  # but for the decay, each weight goes one learning rate far, or its neuron is dead
    assert (np.isclose(sizes, 1, atol=1e-2) | (sizes < 1e-4)).mean() > 0.98
    assert (sizes > 0.5).mean() > 0.5
    for schedule, values in (("constant", [1, 1, 1]), ("steps", [1, 0.1, 0.01]), ("cosine", [1, 0.5, 0.1464466])):
        found = [float(rate_factor(schedule, jnp.float32(x))) for x in (0.0, 0.5, 0.75)]
        assert found == pytest.approx(values, rel=1e-5)


def test_inputs_are_normalised_by_colour():
    images = np.random.default_rng(0).integers(256, size=(50, 4, 4, 3), dtype=np.uint8)
    mean, scale = images.reshape(-1, 3).mean(0) / 255, images.reshape(-1, 3).std(0) / 255
    patterns = Patterns(
        jnp.asarray(images), jnp.zeros(50, jnp.int32), *(jnp.asarray(x, jnp.float32) for x in (mean, scale))
    )
    x = np.asarray(inputs(patterns, jnp.arange(50)))
    np.testing.assert_allclose(x, (images / 255 - mean) / scale, atol=1e-5)


def test_logits_of_many_patterns():
    patterns, rows, _, _ = world()
    state = begun()
    many = np.tile(rows, (1, 40))  # more than one chunk, and a part of one
    found = logits(NETWORK, state, patterns, many)
    assert found.shape == (MEMBERS, 40 * N, CLASSES)
    np.testing.assert_allclose(found, np.tile(logits(NETWORK, state, patterns, rows), (1, 40, 1)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
@pytest.mark.parametrize(
    ("network", "shape"), [(NETWORK, SHAPE), (CNN((2, "pool")), (4, 4, 1)), (ResNet(14, (2, 2)), (4, 4, 1))]
)
def test_lowers_for_accelerators(platform, network, shape):
    patterns, rows, targets, settings = world(shape=shape)
    members, mix = keys.grid(5, range(MEMBERS)), jnp.full(2, 0.5, jnp.float32)
    state = begun(network, shape)
    data = jnp.asarray(rows), jnp.asarray(targets)

    def one(state):
        return epoch(network, RECIPE, state, 0, patterns, *data, mix, settings, members)

    text = module(one, platform, state)
    assert "callback" not in text
    assert "f64" not in text


@pytest.mark.parametrize(("changes", "words"), [
    ({"temperature": 0.0}, "Argument `temperature` must be a positive finite number, but is 0.0"),
    ({"temperature": -1}, "Argument `temperature` must be a positive"),
    ({"weight": 1.5}, r"Argument `weight` must lie in \[0, 1\], but is 1.5"),
    ({"weight": -0.1}, r"Argument `weight` must lie in \[0, 1\], but is -0.1"),
    ({"momentum": 1.0}, "Argument `momentum` must lie in"),
    ({"decay": -1.0}, "Argument `decay` must be at least 0"),
    ({"rate": 0}, "Argument `rate` must be a positive"),
    ({"epochs": 0}, "Argument `epochs` must be an integer of at least 1"),
    ({"optimizer": "newton"}, "Argument `optimizer` must be one of 'sgd', 'adam', but is 'newton'"),
    ({"schedule": "warm"}, "Argument `schedule` must be one of"),
])  # fmt: skip
def test_bad_recipes(changes, words):
    with pytest.raises(ValueError, match=words):
        Recipe(**changes)


def test_batches_and_parents_that_do_not_fit():
    patterns, rows, targets, settings = world()
    members = keys.grid(5, range(MEMBERS))
    with pytest.raises(ValueError, match="`recipe.batch` must be at most 20, the training patterns, but is 21"):
        trained(NETWORK, Recipe(batch=21), begun(), patterns, rows, targets, settings, members)
    with pytest.raises(ValueError, match="`recipe.epochs` must be at least 2, one for each parent in turn, but is 1"):
        trained(NETWORK, Recipe(epochs=1, batch=5), begun(), patterns, rows, targets, settings, members, in_turn=True)
