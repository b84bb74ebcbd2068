"""An arrow of a chain: what a parent teaches its child, where, on which patterns, and how strongly."""

from dataclasses import dataclass

from glassnet.core.check import fail, integer, is_number, one_of, plain_fields, positive
from glassnet.perceptron.machine import Machine
from glassnet.tasks.guide import KNOWLEDGE

DATA = ("same", "fresh", "transfer")
"""same: the patterns that the parent has learned; fresh: others, whose labels the child knows, too; transfer: others
without labels, for which the parent's outputs stand."""


@dataclass(frozen=True)
class Link:
    """How a parent teaches a child: the axes of Abbasi et al., arXiv:1912.13179.

    Args:
        knowledge: "field" (the parent's output fields, softened), "hard" (its output spins) or "thermal" (its output
            spins on average over the clones of its run).
        temperature: tau > 0 of softened fields and means; of no effect on hard knowledge.
        weight: lambda in [0, 1]: the child's outputs cost (1 - lambda) v(y h) + lambda u_tau(h, h_p).
        data: patterns of the child, one of `DATA`.
        location: "output", or the hidden layer (of both, or a pair: of the parent, of the child) that the parent
            teaches first, the labels of which are the parent's neurons; the child then starts from the layers that have
            learned so, and learns the labels alone   [FitNets, Romero et al. 2015].
        drop: probability that the arrow is left out, in each seed anew, from 0 to 1.
        copied: so many first layers of the child are the parent's, and are held fixed.
    Raises:
        ValueError: for a value out of range.
    """

    knowledge: str = "field"
    temperature: float = 1.0
    weight: float = 0.5
    data: str = "same"
    location: str | int | tuple[int, int] = "output"
    drop: float = 0.0
    copied: int = 0

    def __post_init__(self) -> None:
        plain_fields(self)
        one_of(KNOWLEDGE, knowledge=self.knowledge)
        one_of(DATA, data=self.data)
        positive(temperature=self.temperature)
        for name in ("weight", "drop"):
            value = getattr(self, name)
            if not is_number(value) or not 0 <= value <= 1:
                raise fail(name, "lie in [0, 1]", value)
            object.__setattr__(self, name, float(value))
        object.__setattr__(self, "temperature", float(self.temperature))
        integer(0, copied=self.copied)
        if self.location == "output":
            return
        if isinstance(self.location, str) or (isinstance(self.location, tuple) and len(self.location) != 2):
            raise fail("location", "be 'output', a hidden layer, or a pair of them", self.location)
        for layer in self.layers:
            integer(1, location=layer)
        if self.knowledge == "thermal":
            raise fail("knowledge", "be 'field' or 'hard' at a hidden layer, which is fed forward", self.knowledge)
        if self.copied:
            raise fail("copied", "be 0 where the parent teaches a hidden layer", self.copied)

    @property
    def layers(self) -> tuple[int, int]:
        """The hidden layers of parent and child that correspond; (0, 0) for the outputs."""
        if self.location == "output":
            return 0, 0
        if isinstance(self.location, tuple):
            return self.location
        return int(self.location), int(self.location)

    def check(self, parent: Machine, child: Machine) -> None:
        """Raise ValueError unless parent and child have what the link needs."""
        above, below = self.layers
        if above and (above >= parent.depth or below >= child.depth):
            raise fail("location", f"be a hidden layer of both machines, of depth {parent.depth} and {child.depth}",
                       self.location)  # fmt: skip
        if above and parent.width != child.width:
            narrower = "narrower" if parent.width < child.width else "wider"
            requirement = f"join hidden layers of equal width: the parent, of {parent.width} neurons, is {narrower}"
            raise fail("location", f"{requirement} than the child's {child.width}", self.location)
        if not self.copied:
            return
        if self.copied >= min(parent.depth, child.depth):
            raise fail("copied", "leave the last layer of both machines", self.copied)
        if parent.connectivity != child.connectivity or parent.graph_seed != child.graph_seed:
            raise fail("copied", "be 0 for machines on different graphs", self.copied)
        if parent.width != child.width or parent.ensemble != child.ensemble:
            requirement = f"be 0 unless widths and ensembles agree ({parent.width}, {child.width} neurons)"
            raise fail("copied", requirement, self.copied)


METHODS: tuple[tuple[str, str, str, str, str, str], ...] = (
    ("model compression (Bucila 2006)", "direct", "hard", "output", "transfer", "weight 1"),
    ("regression of logits (Ba & Caruana 2014)", "direct", "field, tau -> inf", "output", "same", "weight 1"),
    ("distillation, BLKD (Hinton 2015)", "direct", "field, tau", "output", "same", "0 < weight < 1"),
    ("FitNets, hints (Romero 2015)", "direct", "field", "hidden layer", "same", "hint, then labels"),
    ("mean teacher (Tarvainen 2017)", "direct", "thermal", "output", "same, transfer", "weight"),
    ("label refinery (Bagherinezhad 2018)", "assisted, equal machines", "field or hard", "output", "same", "weight 1"),
    ("born-again networks (Furlanello 2018)", "assisted, equal machines", "field", "output", "same", "weight"),
    ("deep mutual learning (Zhang 2018)", "mutual", "field, tau = 1", "output", "same", "weight"),
    ("teacher assistants, TAKD (Mirzadeh 2020)", "assisted", "field, tau", "output", "same", "weight"),
    ("noisy student (Xie 2020)", "assisted, equal or wider", "hard or field", "output", "transfer", "weight"),
    ("densely guided, DGKD (Son 2021)", "dense", "field, tau", "output", "same", "weight, drop"),
    ("progressive, checkpoints (Panigrahi 2024)", "in_time", "field, tau", "output", "same", "weight"),
    ("transfer of layers (Yosinski 2014)", "direct", "any", "first layers", "any", "copied"),
    ("attention, relations (Zagoruyko, Park)", "not built", "Gram matrices", "hidden layer", "same", "measured alone"),
)
"""Published methods on the axes of Abbasi et al.: name, chain, knowledge, location, data, transfer."""


class Methods:
    """The table of published methods; printing shows it."""

    header = ("method", "chain", "knowledge", "location", "data", "transfer")

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """One tuple a method, in the order of `header`."""
        return METHODS

    def __repr__(self) -> str:
        """The table as aligned text."""
        table = (self.header, *METHODS)
        widths = [max(len(row[k]) for row in table) for k in range(len(self.header))]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in table]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
