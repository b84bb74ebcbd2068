"""One network trained many times over at once: seeds, and settings, as one mapped axis."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from glassnet.core import keys
from glassnet.core.check import fail, finite, integer, one_of, positive
from glassnet.core.optional import optax
from glassnet.core.pytree import pytree
from glassnet.distill.gradient.losses import loss
from glassnet.distill.gradient.networks import Network, Tree

START, ORDER = range(2)
"""Streams of one seed."""
SCHEDULES = ("constant", "cosine", "steps")
OPTIMIZERS = ("sgd", "adam")
CHUNK = 500
"""Patterns that are evaluated together."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained; the same for all that are compared.

    Args:
        epochs: passes over the training patterns.
        batch: patterns of a step; those that fill no batch wait for the next epoch, which has another order.
        optimizer: "sgd" with Nesterov momentum, or "adam" with decoupled weight decay.
        rate: learning rate.
        momentum: of sgd; the memory of the mean gradient of adam.
        decay: weight decay.
        schedule: of the learning rate: "constant", "cosine" to zero, or "steps": a tenth from half of the epochs on, a
            hundredth from three quarters on.
        weight: lambda, in [0, 1], share of the parents in the loss.
        temperature: tau > 0 that softens logits.
    """

    epochs: int = 60
    batch: int = 100
    optimizer: str = "sgd"
    rate: float = 0.05
    momentum: float = 0.9
    decay: float = 0.0
    schedule: str = "cosine"
    weight: float = 0.5
    temperature: float = 2.0

    def __post_init__(self) -> None:
        """Check all of it."""
        integer(1, epochs=self.epochs, batch=self.batch)
        one_of(OPTIMIZERS, optimizer=self.optimizer)
        one_of(SCHEDULES, schedule=self.schedule)
        positive(rate=self.rate, temperature=self.temperature)
        finite(momentum=self.momentum, decay=self.decay, weight=self.weight)
        for name, top in (("momentum", 0.9999), ("weight", 1), ("decay", np.inf)):
            if not 0 <= getattr(self, name) <= top:
                raise fail(name, f"lie in [0, {top}]" if top < np.inf else "be at least 0", getattr(self, name))


@pytree
class Settings:
    """What may differ from member to member, each of shape (member,): traced, so that nothing is compiled anew."""

    rate: Array
    momentum: Array
    decay: Array
    weight: Array
    temperature: Array


@pytree
class State:
    """A network on its way."""

    weights: Any
    running: Any
    memory: Any


@pytree
class Patterns:
    """Images and labels, common to all members.

    images: uint8, shape (pattern, ...). labels: int32, shape (pattern,). mean, scale: what is subtracted from, and then
    divides, images that go from 0 to 1, by colour or one for all.
    """

    images: Array
    labels: Array
    mean: Array
    scale: Array


def optimizer(kind: str, momentum: Array, decay: Array) -> Any:
    """Steps downhill but for the learning rate."""
    library = optax()
    if kind == "sgd":
        return library.chain(library.add_decayed_weights(decay), library.trace(momentum, nesterov=True))
    return library.chain(library.scale_by_adam(momentum), library.add_decayed_weights(decay))


def rate_factor(schedule: str, progress: Array) -> Array:
    """Learning rate over its start, at a fraction `progress` of the training."""
    if schedule == "constant":
        return jnp.ones_like(progress)
    if schedule == "cosine":
        return 0.5 * (1 + jnp.cos(jnp.pi * progress))
    return jnp.where(progress < 0.5, 1.0, jnp.where(progress < 0.75, 0.1, 0.01))


def inputs(patterns: Patterns, rows: Array) -> Array:
    """Images as numbers of mean 0 and variance 1, about."""
    x = patterns.images[rows].astype(jnp.float32)
    shape = (1,) * (x.ndim - patterns.mean.ndim) + patterns.mean.shape
    slope = 1 / (255 * patterns.scale)
    return x * slope.reshape(shape) - (patterns.mean / patterns.scale).reshape(shape)


@partial(jax.jit, static_argnames=("network", "kind", "shape", "classes"))
def started(network: Network, kind: str, shape: tuple[int, ...], classes: int, seeds: Array) -> State:
    """Networks of all members at the start; equal seeds start alike, whatever the method.

    Args:
        network: the network.
        kind: of its optimizer, which keeps a memory.
        shape: of an image.
        classes: number of outputs.
        seeds: keys of the members, shape (member,).
    """

    def one(key: Array) -> State:
        weights, running = network.start(keys.address(key, START), shape, classes)
        zero = jnp.float32(0)
        return State(weights, running, optimizer(kind, zero, zero).init(weights))

    return jax.vmap(one)(seeds)


def epoch(
    network: Network,
    recipe: Recipe,
    state: State,
    number: int,
    patterns: Patterns,
    rows: Array,
    targets: Array,
    mix: Array,
    settings: Settings,
    seeds: Array,
) -> State:
    """All members after one pass over their training patterns.

    Args:
        network: the network.
        recipe: epochs, batch, optimizer and schedule are taken from it.
        state: of all members; it is used up.
        number: of the epoch, from 0; it decides on the order of the patterns and the learning rate.
        patterns: images and labels.
        rows: which of them each member is trained with, shape (member, n).
        targets: logits of the parents for these, shape (member, n, parent, class): target k belongs to pattern k.
        mix: share of each parent, shape (parent,).
        settings: of all members.
        seeds: keys of the members.
    """
    fixed, progress = (network, recipe.batch, recipe.optimizer, recipe.schedule), jnp.float32(number / recipe.epochs)
    return _epoch(*fixed, state, jnp.int32(number), progress, patterns, rows, targets, mix, settings, seeds)


@partial(jax.jit, static_argnames=("network", "batch", "kind", "schedule"), donate_argnames="state")
def _epoch(
    network: Network, batch: int, kind: str, schedule: str, state: State, number: Array, progress: Array,
    patterns: Patterns, rows: Array, targets: Array, mix: Array, settings: Settings, seeds: Array,
) -> State:  # fmt: skip
    def one(state: State, rows: Array, targets: Array, settings: Settings, key: Array) -> State:
        step = optimizer(kind, settings.momentum, settings.decay)
        rate = settings.rate * rate_factor(schedule, progress)
        order = jnp.argsort(keys.uniform(keys.address(key, ORDER, number), rows.shape))
        batches = order[: len(order) // batch * batch].reshape(-1, batch)

        def downhill(state: State, now: Array) -> tuple[State, None]:
            x, y, parents = inputs(patterns, rows[now]), patterns.labels[rows[now]], targets[now]

            def of(weights: Tree) -> tuple[Array, Tree]:
                logits, running = network(weights, state.running, x, training=True)
                return loss(logits, y, parents, mix, settings.weight, settings.temperature), running

            slope, running = jax.grad(of, has_aux=True)(state.weights)
            change, memory = step.update(slope, state.memory, state.weights)
            weights = jax.tree.map(lambda J, d: J - rate * d, state.weights, change)
            return State(weights, running, memory), None

        return lax.scan(downhill, state, batches)[0]

    return jax.vmap(one)(state, rows, targets, settings, seeds)


@partial(jax.jit, static_argnames=("network",))
def _logits(network: Network, weights: Tree, running: Tree, patterns: Patterns, rows: Array) -> Array:
    def one(weights: Tree, running: Tree, rows: Array) -> Array:
        return network(weights, running, inputs(patterns, rows), training=False)[0]

    return jax.vmap(one)(weights, running, rows)


def logits(network: Network, state: State, patterns: Patterns, rows: np.ndarray) -> np.ndarray:
    """What trained networks say.

    Args:
        network: the network.
        state: of all members.
        patterns: images.
        rows: which of them, shape (member, n).
    Returns:
        Logits, float32, shape (member, n, class).
    """
    filled = np.pad(rows, ((0, 0), (0, -rows.shape[1] % CHUNK)), mode="edge")  # one program for any number
    parts = [
        np.asarray(_logits(network, state.weights, state.running, patterns, jnp.asarray(filled[:, k : k + CHUNK])))
        for k in range(0, filled.shape[1], CHUNK)
    ]
    return np.concatenate(parts, axis=1)[:, : rows.shape[1]]


def trained(
    network: Network,
    recipe: Recipe,
    state: State,
    patterns: Patterns,
    rows: np.ndarray,
    targets: np.ndarray,
    settings: Settings,
    seeds: Array,
    *,
    first: int = 0,
    in_turn: bool = False,
    after: Callable[[int, State], None] = lambda number, state: None,
) -> State:
    """Networks of all members after the epochs of the recipe.

    Args:
        network: the network.
        recipe: how it is trained.
        state: at the beginning of epoch `first`; it is used up.
        patterns: images and labels.
        rows: training patterns of each member, shape (member, n).
        targets: logits of the parents, shape (member, n, parent, class).
        settings: of all members.
        seeds: keys of the members.
        first: epochs that lie behind.
        in_turn: whether parents teach one after another, each for the same number of epochs, instead of together.
        after: called after each epoch with the number of epochs done and the state, which it must not keep.
    Raises:
        ValueError: if there are fewer training patterns than a batch has, or fewer epochs than parents in turn.
    """
    parents = targets.shape[2]
    if recipe.batch > rows.shape[1]:
        raise fail("recipe.batch", f"be at most {rows.shape[1]}, the training patterns", recipe.batch)
    if in_turn and parents > recipe.epochs:
        raise fail("recipe.epochs", f"be at least {parents}, one for each parent in turn", recipe.epochs)
    data = jnp.asarray(rows), jnp.asarray(targets)
    for number in range(first, recipe.epochs):
        share = np.full(parents, 1 / max(parents, 1), np.float32)
        if in_turn:
            share = np.eye(parents, dtype=np.float32)[number * parents // recipe.epochs]
        mix = jnp.asarray(share)
        state = epoch(network, recipe, state, number, patterns, *data, mix, settings, seeds)
        after(number + 1, state)
    return state
