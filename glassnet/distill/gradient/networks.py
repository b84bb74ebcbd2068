"""Softmax networks: perceptrons, plain convolutional networks and residual networks of Mirzadeh et al. 2020.

A network is a frozen value. `start` draws its variables: weights, which are trained, and running averages of batch
normalisation, which are not. Calling it gives logits. Weights are Gaussian with variance 2/inputs [He et al. 2015].
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax import Array, lax

from glassnet.core import keys
from glassnet.core.check import fail, integer

Tree = Any
"""A pytree of arrays."""
MEMORY = 0.9
"""What running averages of batch normalisation keep of themselves at each step."""


class Network(Protocol):
    """What trains, and teaches."""

    def start(self, key: Array, shape: tuple[int, ...], classes: int) -> tuple[Tree, Tree]:
        """Weights and running averages.

        Args:
            key: a key of its own.
            shape: of an image, (row, column, colour) or (pixel,).
            classes: number of outputs.
        """
        ...

    def __call__(self, weights: Tree, running: Tree, images: Array, *, training: bool) -> tuple[Array, Tree]:
        """Logits, shape (image, class), and new running averages, which change in training alone."""
        ...

    def operations(self, shape: tuple[int, ...], classes: int) -> int:
        """Multiplications with weights for one image, forwards; training takes about three times as many."""
        ...


@dataclass(frozen=True)
class MLP:
    """Perceptron: fully connected layers with ReLU.

    Args:
        hidden: widths of the hidden layers; without any it is linear.
    """

    hidden: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check the widths."""
        object.__setattr__(self, "hidden", checked_widths("hidden", self.hidden))

    def start(self, key: Array, shape: tuple[int, ...], classes: int) -> tuple[Tree, Tree]:
        """As `Network.start`."""
        return dense_start(key, (math.prod(shape), *self.hidden, classes)), ()

    def __call__(self, weights: Tree, running: Tree, images: Array, *, training: bool) -> tuple[Array, Tree]:
        """As `Network`."""
        return dense(weights, images.reshape(len(images), -1)), running

    def operations(self, shape: tuple[int, ...], classes: int) -> int:
        """As `Network.operations`."""
        widths = (math.prod(shape), *self.hidden, classes)
        return sum(a * b for a, b in zip(widths, widths[1:], strict=False))


POOL = "pool"


@dataclass(frozen=True)
class CNN:
    """Plain convolutional network: 3 x 3 convolutions with batch normalisation and ReLU, then dense layers.

    Args:
        layers: in their order, the number of filters of a convolution or "pool" (the larger of 2 x 2 pixels).
        hidden: widths of dense layers before the last one.
    """

    layers: tuple[int | str, ...]
    hidden: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check the layers."""
        layers = tuple(self.layers) if isinstance(self.layers, Sequence) and self.layers != POOL else ()
        if not layers or layers[0] == POOL:
            raise fail("layers", 'begin with a number of filters, followed by others or "pool"', self.layers)
        checked_widths("layers", [x for x in layers if x != POOL])
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "hidden", checked_widths("hidden", self.hidden))

    def start(self, key: Array, shape: tuple[int, ...], classes: int) -> tuple[Tree, Tree]:
        """As `Network.start`."""
        pixels, _, depth = shape_of_image(shape)
        filters = []
        for n, layer in enumerate(self.layers):
            if layer == POOL:
                pixels //= 2
            else:
                filters.append(convolution_start(keys.address(key, 0, n), 3, depth, int(layer)))
                depth = int(layer)
        if pixels < 1:
            raise fail("layers", f"leave a pixel of the {shape[0]} x {shape[1]}", self.layers)
        last = dense_start(keys.address(key, 1), (pixels**2 * depth, *self.hidden, classes))
        return {"filters": filters, "dense": last}, [running_start(f) for f in filters]

    def __call__(self, weights: Tree, running: Tree, images: Array, *, training: bool) -> tuple[Array, Tree]:
        """As `Network`."""
        x, new = images, []
        for layer in self.layers:
            if layer == POOL:
                x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
            else:
                n = len(new)
                x, averages = convolved(x, weights["filters"][n], running[n], training=training)
                x, new = jax.nn.relu(x), [*new, averages]
        return dense(weights["dense"], x.reshape(len(x), -1)), new

    def operations(self, shape: tuple[int, ...], classes: int) -> int:
        """As `Network.operations`."""
        pixels, _, depth = shape_of_image(shape)
        total = 0
        for layer in self.layers:
            if layer == POOL:
                pixels //= 2
            else:
                total, depth = total + pixels**2 * 9 * depth * int(layer), int(layer)
        widths = (pixels**2 * depth, *self.hidden, classes)
        return total + sum(a * b for a, b in zip(widths, widths[1:], strict=False))


@dataclass(frozen=True)
class ResNet:
    """Residual network for small images: a convolution, three stages of n blocks, an average, a dense layer.

    A block is two 3 x 3 convolutions with batch normalisation around which its input is added [He et al. 2016]; where
    a stage halves the image, the input passes through a 1 x 1 convolution, as in [Mirzadeh et al. 2020].

    Args:
        depth: layers, 6 n + 2: 8, 20, 110.
        filters: of the three stages.
    """

    depth: int
    filters: tuple[int, ...] = field(default=(16, 32, 64))

    def __post_init__(self) -> None:
        """Check depth and filters."""
        integer(8, depth=self.depth)
        if (self.depth - 2) % 6:
            raise fail("depth", "be 6 n + 2", self.depth)
        object.__setattr__(self, "filters", checked_widths("filters", self.filters))
        if not self.filters:
            raise fail("filters", "hold one number for each stage", self.filters)

    def start(self, key: Array, shape: tuple[int, ...], classes: int) -> tuple[Tree, Tree]:
        """As `Network.start`."""
        depth, stages = shape_of_image(shape)[2], []
        first = convolution_start(keys.address(key, 0), 3, depth, self.filters[0])
        depth = self.filters[0]
        for s, filters in enumerate(self.filters):
            head = block_start(keys.address(key, 1, s, 0), depth, filters, turned=depth != filters or s > 0)
            rest = [
                block_start(keys.address(key, 1, s, n), filters, filters, turned=False)
                for n in range(1, (self.depth - 2) // 6)
            ]
            stages.append({"head": head, "rest": jax.tree.map(lambda *x: jnp.stack(x), *rest) if rest else None})
            depth = filters
        weights = {"first": first, "stages": stages, "dense": dense_start(keys.address(key, 2), (depth, classes))}
        return weights, jax.tree.map(running_start, {k: weights[k] for k in ("first", "stages")}, is_leaf=is_filter)

    def __call__(self, weights: Tree, running: Tree, images: Array, *, training: bool) -> tuple[Array, Tree]:
        """As `Network`."""
        x, first = convolved(images, weights["first"], running["first"], training=training)
        x, stages = jax.nn.relu(x), []
        for s, (stage, averages) in enumerate(zip(weights["stages"], running["stages"], strict=True)):
            x, head = block(x, stage["head"], averages["head"], training=training, stride=1 if s == 0 else 2)
            rest = None
            if stage["rest"] is not None:  # alike, and so compiled once
                x, rest = lax.scan(
                    lambda x, one: block(x, *one, training=training), x, (stage["rest"], averages["rest"])
                )
            stages.append({"head": head, "rest": rest})
        return dense(weights["dense"], x.mean((1, 2))), {"first": first, "stages": stages}

    def operations(self, shape: tuple[int, ...], classes: int) -> int:
        """As `Network.operations`."""
        pixels, _, depth = shape_of_image(shape)
        total, depth, blocks = pixels**2 * 9 * depth * self.filters[0], self.filters[0], (self.depth - 2) // 6
        for s, n in enumerate(self.filters):
            pixels = pixels if s == 0 else -(-pixels // 2)
            turned = 9 * depth * n + 9 * n * n + (depth * n if depth != n or s > 0 else 0)
            total, depth = total + pixels**2 * (turned + (blocks - 1) * 18 * n * n), n
        return total + depth * classes


Known = MLP | CNN | ResNet
NETWORKS: dict[str, type] = {"mlp": MLP, "cnn": CNN, "resnet": ResNet}
"""By the names that files use."""


def checked_widths(name: str, widths: Any) -> tuple[int, ...]:
    """Widths as a tuple, if each is an integer of at least 1."""
    if not isinstance(widths, Sequence) or isinstance(widths, str):
        raise fail(name, "be a sequence of integers", widths)
    for width in widths:
        integer(1, **{name: width})
    return tuple(int(width) for width in widths)


def shape_of_image(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(row, column, colour) of square images.

    Raises:
        ValueError: for others.
    """
    if len(shape) != 3 or shape[0] != shape[1]:
        raise fail("images", "have shape (image, row, column, colour), as many rows as columns", ("image", *shape))
    return shape[0], shape[1], shape[2]


def gaussian(key: Array, shape: tuple[int, ...]) -> Array:
    """Weights of variance 2/inputs; the last axis is the outputs'."""
    return math.sqrt(2 / math.prod(shape[:-1])) * keys.normal(key, shape)


def dense_start(key: Array, widths: Sequence[int]) -> list[dict[str, Array]]:
    """Weights and zero thresholds of dense layers."""
    pairs = enumerate(zip(widths, widths[1:], strict=False))
    return [{"J": gaussian(keys.address(key, n), pair), "b": jnp.zeros(pair[1])} for n, pair in pairs]


def dense(layers: Sequence[dict[str, Array]], x: Array) -> Array:
    """Dense layers with ReLU between them."""
    for n, layer in enumerate(layers):
        x = (jax.nn.relu(x) if n else x) @ layer["J"] + layer["b"][None]
    return x


def convolution_start(key: Array, size: int, inputs: int, outputs: int) -> dict[str, Array]:
    """A convolution with what batch normalisation trains."""
    return {"J": gaussian(key, (size, size, inputs, outputs)), "scale": jnp.ones(outputs), "shift": jnp.zeros(outputs)}


def is_filter(tree: Any) -> bool:
    """Whether these are the weights of one convolution (or of several, stacked)."""
    return isinstance(tree, dict) and "J" in tree


def running_start(weights: dict[str, Array]) -> dict[str, Array]:
    """Running averages of a convolution."""
    return {"mean": jnp.zeros_like(weights["shift"]), "variance": jnp.ones_like(weights["scale"])}


@partial(jax.checkpoint, static_argnums=2)
def product(x: Array, J: Array, stride: int) -> Array:
    """A convolution as a product of patches and weights, which stays a product where seeds are mapped over.

    The patches are made again for the slopes instead of being kept.

    Args:
        x: shape (image, row, column, colour).
        J: shape (row, column, colour, filter), as many rows as columns, an odd number.
        stride: pixels from one output to the next.
    """
    size, reach = J.shape[0], J.shape[0] // 2
    padded = jnp.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    last = x.shape[1] - 1 - (x.shape[1] - 1) % stride
    parts = [padded[:, i : i + last + 1 : stride, j : j + last + 1 : stride] for i in range(size) for j in range(size)]
    return jnp.concatenate(parts, axis=-1) @ J.reshape(-1, J.shape[-1])


def convolved(
    x: Array, weights: dict[str, Array], running: dict[str, Array], *, training: bool, stride: int = 1
) -> tuple[Array, dict[str, Array]]:
    """A convolution and batch normalisation [Ioffe and Szegedy 2015]: over the batch in training, else by averages.

    Args:
        x: shape (image, row, column, colour).
        weights: J, scale and shift.
        running: mean and variance.
        training: whether the batch is normalised by itself.
        stride: pixels from one output to the next.
    Returns:
        The same for the next layer, and new running averages.
    """
    x = product(x, weights["J"], stride)
    mean, variance = running["mean"], running["variance"]
    if training:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        unbiased = variance * (x[..., 0].size / max(x[..., 0].size - 1, 1))
        new = {"mean": mean, "variance": unbiased}
        running = jax.tree.map(lambda old, now: MEMORY * old + (1 - MEMORY) * now, running, new)
    slope = weights["scale"] * lax.rsqrt(variance + 1e-5)
    return x * slope[None, None, None] + (weights["shift"] - mean * slope)[None, None, None], running


def block_start(key: Array, inputs: int, outputs: int, *, turned: bool) -> dict[str, Any]:
    """A residual block; `turned` where its input has another shape than its output."""
    first = convolution_start(keys.address(key, 0), 3, inputs, outputs)
    second = convolution_start(keys.address(key, 1), 3, outputs, outputs)
    around = convolution_start(keys.address(key, 2), 1, inputs, outputs) if turned else None
    return {"first": first, "second": second, "around": around}


def block(x: Array, weights: Any, running: Any, *, training: bool, stride: int = 1) -> tuple[Array, Any]:
    """A residual block and its new running averages."""
    y, first = convolved(x, weights["first"], running["first"], training=training, stride=stride)
    y, second = convolved(jax.nn.relu(y), weights["second"], running["second"], training=training)
    around = None
    if weights["around"] is not None:
        x, around = convolved(x, weights["around"], running["around"], training=training, stride=stride)
    return jax.nn.relu(x + y), {"first": first, "second": second, "around": around}
