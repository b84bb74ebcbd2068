"""What parent machines say of the outputs of their child, bound to the patterns by their ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from glassnet.core.check import fail, is_number, one_of, positive
from glassnet.perceptron.targets import Targets, floor_of

KNOWLEDGE = ("hard", "field", "thermal")
"""hard: the parent's output spins; field: its output fields, softened at a temperature; thermal: the time average of
its output spins."""


@dataclass(frozen=True, eq=False)
class Guide:
    """Targets of the outputs of a child, see `glassnet.perceptron.targets` for what they cost.

    Args:
        means: mean output spin m of the parents, shape (pattern, neuron), from -1 to 1.
        floor: what makes the cost of a target 0 at its minimum, same shape.
        temperature: tau, or 0 for hard targets.
        weight: lambda, from 0 (labels alone) to 1 (parents alone).
        ids: the ids of the patterns, shape (pattern,), integers, each once.
    Raises:
        ValueError: for values out of range, or shapes that do not fit each other.
    """

    means: np.ndarray
    floor: np.ndarray
    temperature: float
    weight: float
    ids: np.ndarray

    def __post_init__(self) -> None:
        means, floor = (np.array(x, np.float32) for x in (self.means, self.floor))
        if means.ndim != 2 or means.shape != floor.shape:
            raise fail("means", "have shape (pattern, neuron), as `floor`", (means.shape, floor.shape))
        if not (np.abs(means) <= 1).all() or not np.isfinite(floor).all():
            raise fail("means", "lie in [-1, 1]", float(np.abs(means).max()))
        if not is_number(self.temperature) or not 0 <= self.temperature < np.inf:
            raise fail("temperature", "be 0 or positive, and finite", self.temperature)
        if not is_number(self.weight) or not 0 <= self.weight <= 1:
            raise fail("weight", "lie in [0, 1]", self.weight)
        ids = checked_ids(self.ids, len(means))
        for name, array in (("means", means), ("floor", floor), ("ids", ids)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "temperature", float(self.temperature))
        object.__setattr__(self, "weight", float(self.weight))

    @classmethod
    def of(
        cls, values: ArrayLike, ids: ArrayLike | None, *, knowledge: str = "field", temperature: float = 1.0,
        weight: float = 1.0,
    ) -> Self:  # fmt: skip
        """The guide of one parent.

        Args:
            values: its output spins (hard), fields (field) or mean spins (thermal), shape (pattern, neuron).
            ids: ids of the patterns, integers, each once.
            knowledge: one of `KNOWLEDGE`.
            temperature: tau > 0; of no effect on hard targets.
            weight: lambda in [0, 1].
        Raises:
            ValueError: for a bad argument.
        """
        one_of(KNOWLEDGE, knowledge=knowledge)
        positive(temperature=temperature)
        values = np.asarray(values, float)
        if values.ndim != 2:
            raise fail("values", "have shape (pattern, neuron)", values.shape)
        if ids is None:
            raise fail("ids", "name the patterns: targets belong to patterns, whatever their order", ids)
        if knowledge == "hard" and not (np.abs(values) == 1).all():
            raise fail("values", "be +1 or -1 where knowledge is hard", values[np.abs(values) != 1][0])
        means = np.tanh(values / temperature) if knowledge == "field" else values
        if knowledge != "hard" and not (np.abs(means) <= 1).all():
            raise fail("values", "lie in [-1, 1] where knowledge is thermal", float(np.abs(values).max()))
        if knowledge == "hard":
            return cls(means, np.zeros_like(means), 0.0, weight, np.asarray(ids))
        return cls(means, floor_of(means), temperature, weight, np.asarray(ids))

    @classmethod
    def mixed(cls, guides: Sequence["Guide"]) -> Self:
        """One guide that costs what several parents cost together: their weights add, up to 1.

        sum_k lambda_k tau^2 [phi(x) - m_k x + f_k] is the cost of the mean of m_k and f_k by their weights.

        Raises:
            ValueError: if temperatures differ, weights exceed 1 together, or patterns are not the same.
        """
        first = guides[0]
        if len({guide.temperature for guide in guides}) > 1:
            wrong = [guide.temperature for guide in guides]
            raise fail("temperature", "be the same for all parents of a machine (0 is hard)", wrong)
        weights = np.array([guide.weight for guide in guides])
        if weights.sum() > 1 + 1e-9:
            raise fail("weight", "add up to at most 1 over the parents of a machine", weights.tolist())
        if len(guides) == 1 or weights.sum() == 0:
            return cls(first.means, first.floor, first.temperature, min(weights.sum(), 1.0), first.ids)
        aligned = [guide.at(first.ids) for guide in guides]
        means, floor = (
            np.average([getattr(guide, name).astype(float) for guide in aligned], axis=0, weights=weights)
            for name in ("means", "floor")
        )
        return cls(np.clip(means, -1, 1), floor, first.temperature, min(weights.sum(), 1.0), first.ids)

    def at(self, ids: np.ndarray) -> "Guide":
        """The guide of these patterns, in this order.

        Raises:
            ValueError: if it says nothing of one of them.
        """
        places = {int(name): n for n, name in enumerate(self.ids)}
        missing = [int(name) for name in ids if int(name) not in places]
        if missing:
            raise fail("guide", f"know all patterns, as that of id {missing[0]}", f"one of {len(places)} others")
        rows = [places[int(name)] for name in ids]
        return Guide(self.means[rows], self.floor[rows], self.temperature, self.weight, np.asarray(ids))

    def targets(self) -> Targets:
        """As the sweeps take them."""
        means, floor = (jnp.asarray(np.ascontiguousarray(x.T)) for x in (self.means, self.floor))
        return Targets(means, floor, jnp.float32(self.temperature), jnp.float32(self.weight))

    @property
    def softness(self) -> float:
        """<m^2> of the targets: 1 for hard ones, 0 where they say nothing."""
        return float((self.means.astype(float) ** 2).mean())

    def __repr__(self) -> str:
        """One line, without the targets."""
        return f"Guide({len(self.means)} patterns, temperature={self.temperature}, weight={self.weight})"


def checked_ids(ids: ArrayLike, patterns: int) -> np.ndarray:
    """Ids of patterns, int64, or a ValueError unless there is one for each, each once."""
    found = np.array(ids)
    if found.shape != (patterns,) or not np.issubdtype(found.dtype, np.integer):
        raise fail("ids", f"be {patterns} integers, one a pattern", f"shape {found.shape} of {found.dtype}")
    if len(np.unique(found)) < patterns:
        raise fail("ids", "name every pattern once", f"{patterns - len(np.unique(found))} repeated")
    return found.astype(np.int64)
