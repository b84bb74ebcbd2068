"""Who teaches whom: paths from a teacher to a student, and the methods that name them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.core.check import fail, integer, is_number, one_of, positive

KINDS = ("chain", "dense", "in_time")
KNOWLEDGE = ("field", "hard")
"""What parents hand on: softened logits, or the class of the largest one."""
METHODS = {
    "none": "the labels alone (NOKD)",
    "direct": "the first machine (BLKD)",
    "assisted": "all machines between, one after another (TAKD)",
    "dense": "all larger machines together, each taught in the same way (DGKD)",
    "in_time": "earlier states of the first machine, one after another (progressive)",
}
"""Methods by name, and who teaches a machine."""


@dataclass(frozen=True)
class Path:
    """A trained network: its machine, and those that taught it.

    Args:
        machines: names, from the first teacher to this machine.
        kind: "chain": each is taught by the one before it; "dense": by all before it together; "in_time": the last
            one is taught by earlier states of the one before it, in turn.
        weight: share lambda of the parents in the loss of this machine, in [0, 1]; chosen as for all others if None.
        temperature: tau of this machine; chosen as for all others if None.
        knowledge: what parents hand on to this machine: "field", softened logits, or "hard", the class of the largest.
        age: epochs after which the parent was as it teaches, one of those at which a ladder keeps it; its end if None.
    """

    machines: tuple[str, ...]
    kind: str = "chain"
    weight: float | None = None
    temperature: float | None = None
    knowledge: str = "field"
    age: int | None = None

    def __post_init__(self) -> None:
        """Check it; where there is one parent at most, dense is a chain."""
        machines = (self.machines,) if isinstance(self.machines, str) else tuple(self.machines)
        object.__setattr__(self, "machines", machines)
        one_of(KINDS, kind=self.kind)
        if not machines:
            raise fail("machines", "hold one name at least", machines)
        if self.kind != "chain" and len(machines) < (3 if self.kind == "dense" else 2):
            object.__setattr__(self, "kind", "chain")
        one_of(KNOWLEDGE, knowledge=self.knowledge)
        if self.weight is not None:
            if not is_number(self.weight) or not 0 <= self.weight <= 1:
                raise fail("weight", "lie in [0, 1]", self.weight)
            object.__setattr__(self, "weight", float(self.weight))
        if self.temperature is not None:
            positive(temperature=self.temperature)
            object.__setattr__(self, "temperature", float(self.temperature))
        if self.age is not None:
            integer(1, age=self.age)
            if self.kind != "chain":
                raise fail("age", "be left out unless one parent teaches", self.age)
        if len(machines) < 2 and self.own:
            raise fail("machines", f"hold a parent where {next(iter(self.own))} is given", machines)
        if self.knowledge == "hard" and self.temperature is not None:
            raise fail("temperature", "be left out for hard knowledge, which has none", self.temperature)

    @property
    def own(self) -> dict[str, Any]:
        """What is said of this machine alone: weight, temperature, age, knowledge, where they are given."""
        values = {"weight": self.weight, "temperature": self.temperature, "age": self.age}
        found: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        return found if self.knowledge == "field" else found | {"knowledge": self.knowledge}

    @property
    def name(self) -> str:
        """A word that names files, too."""
        words = ["" if self.kind == "chain" else self.kind, *(f"{name}_{value}" for name, value in self.own.items())]
        return ".".join(["-".join(self.machines), *(word for word in words if word)])

    def shown(self, said: np.ndarray) -> np.ndarray:
        """Logits by which parents that say `said`, shape (..., class), teach this machine: their own, or 0 for the
        largest and -1e4 for all others."""
        if self.knowledge == "field":
            return said
        return np.where(np.arange(said.shape[-1]) == said.argmax(-1)[..., None], np.float32(0), np.float32(-1e4))

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"machines": self.machines, "kind": self.kind, **self.own}

    @property
    def parents(self) -> "tuple[Path, ...]":
        """Networks that teach this one."""
        before = self.machines[:-1]
        if not before:
            return ()
        if self.kind == "dense":
            return tuple(Path(before[: k + 1], "dense") for k in range(len(before)))
        return (Path(before),)


def path_of(method: str | Path, machines: Sequence[str], student: str) -> Path | None:
    """The path of a method to a student; None where the method has none, or another one than `none` has it, too.

    Args:
        method: one of METHODS, or a path of one's own.
        machines: names, from the largest machine to the smallest.
        student: one of them.
    """
    if isinstance(method, Path):
        return method if method.machines[-1] == student else None
    place = list(machines).index(student)
    if method == "none":
        return Path((student,))
    if not place:
        return None
    between = tuple(machines[: place + 1]) if method in ("assisted", "dense") else (machines[0], student)
    return Path(between, {"dense": "dense", "in_time": "in_time"}.get(method, "chain"))


def checked_methods(methods: Iterable[Any], machines: Mapping[str, Any]) -> dict[str, str | Path]:
    """Methods by name.

    Raises:
        ValueError: for a method that is unknown or named twice, or a path through unknown machines.
    """
    if isinstance(methods, (str, Path)) or not isinstance(methods, Iterable):
        raise fail("methods", "be a sequence of methods", methods)
    found: dict[str, str | Path] = {}
    for method in methods:
        one: str | Path
        if isinstance(method, str):
            one_of(tuple(METHODS), method=method)
            name, one = method, method
        else:
            one = method if isinstance(method, Path) else Path(tuple(method))
            name = one.name
            for machine in one.machines:
                one_of(tuple(machines), **{f"methods: {name}": machine})
            if len(set(one.machines)) < len(one.machines):
                raise fail("methods", "name each machine of a path once", name)
        if name in found:
            raise fail("methods", "name a method once", name)
        found[name] = one
    if not found:
        raise fail("methods", "hold one method at least", ())
    return found


def checked_machines(machines: Mapping[str, Any]) -> dict[str, Any]:
    """Machines by name, if names can be put together.

    Raises:
        ValueError: for other names, or none.
    """
    if not isinstance(machines, Mapping) or not machines:
        raise fail("machines", "be a table of networks by name, the largest first", machines)
    for name in machines:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_]+", name):
            raise fail("machines", "have names of letters, digits and underscores", name)
    return dict(machines)


def in_order(paths: Iterable[Path]) -> list[Path]:
    """All networks that these paths need, each once, parents before children."""
    found: dict[Path, None] = {}

    def add(path: Path) -> None:
        for parent in path.parents:
            add(parent)
        found.setdefault(path)

    for path in paths:
        add(path)
    return list(found)


def ages_of(epochs: int, ages: int) -> tuple[int, ...]:
    """Epochs at which earlier states of a teacher are kept, equally far apart; the last is its end.

    Raises:
        ValueError: if there are more ages than epochs.
    """
    integer(1, ages=ages)
    if ages > epochs:
        raise fail("ages", f"be at most {epochs}, the epochs", ages)
    return tuple(epochs * (n + 1) // ages for n in range(ages))
