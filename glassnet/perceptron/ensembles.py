"""Weight ensembles: the prior measures of the weights.

An ensemble is a frozen dataclass that meets `Ensemble`. A machine takes those of this file by their names, and any
other as a value; what native kernels do not know is run by the compiled scan.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.core import keys
from glassnet.core.check import fail, frozen_value, one_of
from glassnet.perceptron.proposal import Proposal
from glassnet.sampling.kernel import Params


@runtime_checkable
class Ensemble(Protocol):
    """What a prior measure of the weights has to know. Rows are independent; c is the number of entries of a row.

    Two attributes may be left out, and with them the moves that need them. `direction(key, J)` with J of shape (c,
    neuron): for each row a random vector V such that (J cos t + V sin t, V cos t - J sin t) has the law of (J, V) for
    any angle t; "rows" moves along this curve. `symmetries`: what of "gauge" (any entries change their signs) and
    "permute" (entries change places, alike in all rows) leaves the prior as it is.
    """

    @property
    def name(self) -> str:
        """One word."""
        ...

    @property
    def fewest(self) -> int:
        """Inputs that a neuron has at least."""
        ...

    @property
    def integral(self) -> bool:
        """Whether sums of weights times spins are whole numbers."""
        ...

    @property
    def proposal(self) -> Proposal:
        """Moves that leave the prior invariant where all are accepted."""
        ...

    def rows(self, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        """Independent rows, shape (row, c)."""
        ...

    def draw(self, key: Array, shape: tuple[int, int, int]) -> Array:
        """Independent weights (layer, c, neuron), float32; `on_prior` follows."""
        ...

    def on_prior(self, weights: Array) -> Array:
        """Weights (layer, c, neuron) brought back to where the prior lives: removes what rounding gathers."""
        ...

    def check(self, name: str, weights: np.ndarray, c: int) -> None:
        """Raise ValueError unless weights (out, in) lie where the prior lives; entries off the graph are zero."""
        ...


@dataclass(frozen=True)
class Gaussian:
    """Independent N(0, 1). Moves: J' = (J + d x) / sqrt(1 + d^2), x ~ N(0, 1)            [Yoshino 2020, eq. 35]."""

    name: ClassVar[str] = "gaussian"
    fewest: ClassVar[int] = 1
    integral: ClassVar[bool] = False
    symmetries: ClassVar[tuple[str, ...]] = ("gauge", "permute")

    @property
    def proposal(self) -> Proposal:
        """One weight at a time."""
        return Proposal(_step, 1, 1)

    def direction(self, key: Array, J: Array) -> Array:
        """Another draw from the prior: J cos t + V sin t is an ellipse on which it is uniform."""
        return keys.normal(key, J.shape)

    def rows(self, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        """As `Ensemble.rows`."""
        return rng.standard_normal(shape)

    def draw(self, key: Array, shape: tuple[int, int, int]) -> Array:
        """As `Ensemble.draw`."""
        return keys.normal(key, shape)

    def on_prior(self, weights: Array) -> Array:
        """The same weights: the prior lives everywhere."""
        return weights

    def check(self, name: str, weights: np.ndarray, c: int) -> None:
        """Nothing to check."""


@dataclass(frozen=True)
class Spherical:
    """Each row uniform on the sphere sum_j J^2 = c. Moves: two entries of a row turned by an angle ~ N(0, d^2)."""

    name: ClassVar[str] = "spherical"
    fewest: ClassVar[int] = 2
    integral: ClassVar[bool] = False
    symmetries: ClassVar[tuple[str, ...]] = ("gauge", "permute")

    @property
    def proposal(self) -> Proposal:
        """Pairs, drawn anew in each of two passes, the same for all rows (one entry rests where c is odd)."""
        return Proposal(_rotation, 2, 2)

    def direction(self, key: Array, J: Array) -> Array:
        """A random tangent of the norm of J: J cos t + V sin t is a great circle.

        It is made orthogonal twice: what rounding leaves the first time matters where little of V is left.
        """
        V = keys.normal(key, J.shape)
        for _ in range(2):
            V = V - J * ((J * V).sum(0, keepdims=True) / (J * J).sum(0, keepdims=True))
            V = V * jnp.sqrt(len(J) / jnp.maximum((V * V).sum(0, keepdims=True), TINY))
        return V

    def rows(self, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        """As `Ensemble.rows`."""
        rows = rng.standard_normal(shape)
        rows *= np.sqrt(shape[1]) / np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    def draw(self, key: Array, shape: tuple[int, int, int]) -> Array:
        """As `Ensemble.draw`."""
        return keys.normal(key, shape)

    def on_prior(self, weights: Array) -> Array:
        """Rows scaled to sum_j J^2 = c exactly."""
        return weights * jnp.sqrt(weights.shape[1] / jnp.sum(weights * weights, axis=1, keepdims=True))

    def check(self, name: str, weights: np.ndarray, c: int) -> None:
        """As `Ensemble.check`."""
        norms = (weights.astype(float) ** 2).sum(1)
        if not np.allclose(norms, c, rtol=1e-3):
            raise fail(name, f"have rows with a sum of squares of {c}", float(norms[np.argmax(np.abs(norms - c))]))


@dataclass(frozen=True)
class Ising:
    """+1 or -1 with equal probability. Moves: J' = -J."""

    name: ClassVar[str] = "ising"
    fewest: ClassVar[int] = 1
    integral: ClassVar[bool] = True
    symmetries: ClassVar[tuple[str, ...]] = ("gauge", "permute")

    @property
    def proposal(self) -> Proposal:
        """One weight at a time, which a heat bath can draw."""
        return Proposal(_flip, 1, 1, heat_bath=True)

    def rows(self, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        """As `Ensemble.rows`."""
        return 2 * rng.integers(2, size=shape) - 1

    def draw(self, key: Array, shape: tuple[int, int, int]) -> Array:
        """As `Ensemble.draw`."""
        return keys.signs(key, shape)

    def on_prior(self, weights: Array) -> Array:
        """The same weights: flips are exact."""
        return weights

    def check(self, name: str, weights: np.ndarray, c: int) -> None:
        """As `Ensemble.check`."""
        if (np.abs(weights).sum(1) != c).any() | ~np.isin(weights, (-1, 0, 1)).all():
            raise fail(name, "be +1 or -1", float(weights.flat[np.argmax(np.abs(np.abs(weights) - 1))]))


ENSEMBLES: dict[str, Ensemble] = {kind.name: kind() for kind in (Gaussian, Spherical, Ising)}
"""Ensembles by name."""

PARTS = ("name", "fewest", "integral", "proposal", "rows", "draw", "on_prior", "check")
"""What an ensemble has."""


def named(ensemble: str | Ensemble) -> str | Ensemble:
    """The name of an ensemble of this file, also where it is given as a value; any other value as it is.

    Raises:
        ValueError: for an unknown name, or a value that lacks something.
    """
    if isinstance(ensemble, str):
        one_of(tuple(ENSEMBLES), ensemble=ensemble)
        return ensemble
    if ensemble in ENSEMBLES.values():
        return ensemble.name
    frozen_value("ensemble", ensemble, PARTS)
    if not isinstance(ensemble.proposal, Proposal):
        raise fail("ensemble.proposal", "be a Proposal", ensemble.proposal)
    return ensemble


TINY = 1e-30
"""Squares of norms are not divided by less."""


def _step(key: Array, J: Array, params: Params) -> Array:
    d = params.numbers["weight_step"]
    x = keys.normal(keys.address(key, 0), J.shape)
    return (J + d * x) / jnp.sqrt(1 + d * d) - J


def _flip(key: Array, J: Array, params: Params) -> Array:
    return -2 * J


def _rotation(key: Array, J: Array, params: Params) -> Array:
    first, second = J[:, 0], J[:, 1]
    angle = params.numbers["weight_step"] * keys.normal(keys.address(key, 0), first.shape)
    versine, sine = 2 * jnp.sin(angle / 2) ** 2, jnp.sin(angle)  # 1 - cos without cancellation
    return jnp.stack([-versine * first - sine * second, sine * first - versine * second], axis=1)
