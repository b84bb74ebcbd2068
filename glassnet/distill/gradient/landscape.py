"""Around a trained perceptron: rotations of its rows, its gauge, slices to another one.

A row of a neuron is its incoming weights with its threshold. With ReLU a machine says the same if hidden neurons change
places, or if a row is multiplied by a positive number and what the neuron hands on divided by it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path as File
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.optimize import linear_sum_assignment

from glassnet.core import keys
from glassnet.core.check import fail
from glassnet.distill.gradient.data import Images
from glassnet.distill.gradient.ladders import School, Sizes, Tuning
from glassnet.distill.gradient.networks import NETWORKS, Network
from glassnet.distill.gradient.paths import Path
from glassnet.distill.gradient.shelf import Shelf
from glassnet.distill.gradient.training import Patterns, Recipe

Layers = Sequence[dict[str, Any]]
"""Of a perceptron: "J", shape (input, neuron), and thresholds "b", shape (neuron,)."""


@dataclass(frozen=True)
class Kept:
    """A network of a ladder, trained for all its seeds.

    network: the machine. weights: with a first axis over seeds. patterns: all images. rows: which of them are training,
    validation and test images of each seed, by name, shape (seed, n).
    """

    network: Network
    weights: Any
    patterns: Patterns
    rows: dict[str, np.ndarray]


def kept(folder: str | PathLike, images: Images, path: Path | Sequence[str], age: int | None = None) -> Kept:
    """A trained network from the folder of a ladder that is complete.

    Args:
        folder: that of `ladder`.
        images: those of the ladder.
        path: the network: names of machines from its first teacher on, or a `Path`.
        age: epochs after which it is meant, one of those at which the ladder kept it; its end if None.
    Raises:
        ValueError: if the folder holds no complete ladder, or one of other images, or the network is not in it.
    """
    place = File(folder)
    if not (place / "results.nc").is_file():
        raise fail("folder", "hold a ladder that is complete", str(folder))
    config = json.loads((place / "config.json").read_text(encoding="utf-8"))
    if config["images"]["sha256"] != images.sha256:
        raise fail("images", f"be those of the ladder, {config['images']['name']}", images.name)
    path = path if isinstance(path, Path) else Path(tuple(path))
    if not (place / "networks" / f"{path.name}.npz").is_file():
        raise fail("path", f"be a network that was trained in {folder}", path.name)
    machines = {name: NETWORKS[one.pop("kind")](**one) for name, one in config["machines"].items()}
    tuning = Tuning(**config["tuning"]) if config["tuning"] else None
    given = machines, Recipe(**config["recipe"]), tuning, Sizes(**config["sizes"]), Shelf(place / "networks")
    school = School(images, *given, lambda line: None)
    if age not in (None, *school.ages):
        raise fail("age", f"be one of {', '.join(map(str, school.ages))}, the epochs that were kept", age)
    state, seeds = school.finished(path, age), slice(config["sizes"]["seeds"])
    rows = {name: x[seeds] for name, x in school.rows.items()}
    return Kept(school.network(path), jax.tree.map(lambda x: x[seeds], state.weights), school.patterns, rows)


def rows(layer: dict[str, Any]) -> Array:
    """Rows of all neurons, shape (neuron, input + 1), the threshold last."""
    return jnp.concatenate([jnp.asarray(layer["J"]).T, jnp.asarray(layer["b"])[:, None]], 1)


def layer_of(rows: Array) -> dict[str, Array]:
    """A layer of these rows."""
    return {"J": rows[:, :-1].T, "b": rows[:, -1]}


def rotated(key: Array, layers: Layers, angle: Array | float, which: Sequence[int] | None = None) -> list:
    """A perceptron whose rows are each turned in a random direction; they keep their length.

    Args:
        key: a key of its own.
        layers: of one perceptron.
        angle: by which each row is turned, in rad.
        which: numbers of the layers whose rows are turned, from 0; all if None.
    """

    def turned(n: int, layer: dict[str, Any]) -> dict[str, Array]:
        w = rows(layer)
        g = keys.normal(keys.address(key, n), w.shape)
        length = (w**2).sum(1, keepdims=True)
        g = g - w * (g * w).sum(1, keepdims=True) / jnp.maximum(length, 1e-30)
        g = g * jnp.sqrt(length / (g**2).sum(1, keepdims=True))
        return layer_of(jnp.cos(angle) * w + jnp.sin(angle) * g)

    return [layer if which is not None and n not in which else turned(n, layer) for n, layer in enumerate(layers)]


def normalised(layers: Layers) -> list[dict[str, Array]]:
    """The same perceptron with rows of hidden neurons of length 1: what it says is unchanged.

    A neuron whose row is 0 stays so.
    """
    found = [{name: jnp.asarray(x) for name, x in layer.items()} for layer in layers]
    for n in range(len(found) - 1):
        w = rows(found[n])
        length = jnp.sqrt((w**2).sum(1))
        length = jnp.where(length > 0, length, 1.0)
        found[n] = layer_of(w / length[:, None])
        found[n + 1]["J"] = found[n + 1]["J"] * length[:, None]
    return found


def matched(first: Layers, second: Layers, sweeps: int = 20) -> list[dict[str, Array]]:
    """The second perceptron with its hidden neurons in the order that makes it most alike to the first.

    Layer by layer, and again until nothing changes, the sum of overlaps of all rows is made as large as an order of one
    layer's neurons allows   [Ainsworth et al., arXiv:2209.04836]. Bring both to `normalised` rows first.

    Args:
        first: a perceptron.
        second: one of the same widths.
        sweeps: over all hidden layers, at most.
    Returns:
        The second one; what it says is unchanged.
    """
    a = [{name: np.asarray(x, float) for name, x in layer.items()} for layer in first]
    b = [{name: np.asarray(x, float) for name, x in layer.items()} for layer in second]
    for _ in range(sweeps):
        changed = False
        for n in range(len(a) - 1):
            alike = np.asarray(rows(a[n])) @ np.asarray(rows(b[n])).T + a[n + 1]["J"] @ b[n + 1]["J"].T
            order = linear_sum_assignment(alike, maximize=True)[1]
            changed |= not np.array_equal(order, np.arange(len(order)))
            b[n] = {"J": b[n]["J"][:, order], "b": b[n]["b"][order]}
            b[n + 1] = b[n + 1] | {"J": b[n + 1]["J"][order]}
        if not changed:
            break
    return [{name: jnp.asarray(x, jnp.float32) for name, x in layer.items()} for layer in b]


def between(first: Layers, second: Layers, share: Array | float) -> list[dict[str, Array]]:
    """A perceptron on the way from the first to the second, both with `normalised` rows: rows of hidden neurons turn at
    length 1, the last layer goes along a straight line.

    Args:
        first: a perceptron.
        second: one of the same widths.
        share: of the way, from 0 to 1.
    """
    mixed = [jax.tree.map(lambda x, y: (1 - share) * x + share * y, one, other)
             for one, other in zip(first, second, strict=True)]  # fmt: skip
    turned = [w / jnp.maximum(jnp.linalg.norm(w, axis=1, keepdims=True), 1e-30) for w in map(rows, mixed[:-1])]
    return [*map(layer_of, turned), mixed[-1]]
