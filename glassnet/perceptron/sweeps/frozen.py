"""Layers that are held fixed while the others move."""

from dataclasses import dataclass

from glassnet.core.check import fail, integer, plain_fields
from glassnet.perceptron.machine import Machine


@dataclass(frozen=True)
class Frozen:
    """Layers that are held fixed, as those that a student has copied from its teacher.

    Args:
        weights: layers 1..L whose weights do not move.
        spins: hidden layers 1..L-1 whose neurons do not move.
    Raises:
        ValueError: for what is no layer, or one that is named twice.
    """

    weights: tuple[int, ...] = ()
    spins: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        plain_fields(self)
        for name, layers in vars(self).items():
            if not isinstance(layers, tuple):
                raise fail(f"frozen.{name}", "be a tuple of layers", layers)
            for layer in layers:
                integer(1, **{f"frozen.{name}": layer})
            if len(set(layers)) < len(layers):
                raise fail(f"frozen.{name}", "name every layer once", layers)
            object.__setattr__(self, name, tuple(sorted(map(int, layers))))

    def __bool__(self) -> bool:
        """Whether anything is held fixed."""
        return bool(self.weights or self.spins)

    def check(self, machine: Machine, *, follow: bool) -> None:
        """Raise ValueError unless the machine has these layers and something is left to move.

        Args:
            machine: the machine.
            follow: whether its neurons follow the weights.
        """
        hidden = machine.depth - 1
        for name, layers, last in (("weights", self.weights, machine.depth), ("spins", self.spins, hidden)):
            if layers and layers[-1] > last:
                kind = f"hold layers 1 to {last} of {machine}" if last else f"be empty for {machine}: no hidden neurons"
                raise fail(f"frozen.{name}", kind, layers)
        if follow and self.spins:
            raise fail("frozen.spins", "be empty where all neurons follow the weights", self.spins)
        if len(self.weights) == machine.depth and (follow or len(self.spins) == hidden):
            what = "weights of some layer" if follow else "weights or neurons of some layer"
            raise fail("frozen", f"leave {what} to move: as it is, nothing moves", self)


NOTHING = Frozen()
"""Everything moves."""


def moving_runs(layers: range, frozen: tuple[int, ...], apart: int = 0) -> list[range]:
    """`layers` without the frozen ones, in pieces of equal step; layer `apart` is a piece of its own."""
    if not any(l in frozen or l == apart for l in layers):
        return [layers] if layers else []
    pieces: list[list[int]] = [[]]
    for l in layers:
        if l in frozen or l == apart:
            pieces += [[l], []] if l not in frozen else [[]]
        else:
            pieces[-1].append(l)
    return [range(piece[0], piece[-1] + 1, layers.step) for piece in pieces if piece]
