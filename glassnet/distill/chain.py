"""Chains of machines: a rule, those who learn from it, and arrows from teachers to students."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from glassnet.core.check import fail, integer, is_number
from glassnet.distill.link import Link, Methods
from glassnet.perceptron.machine import Machine

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Node:
    """One machine of a chain, in one stretch of its training.

    Args:
        name: its name.
        machine: the machine.
        parents: names of its teachers, with links; the rule's labels are known to all machines.
        after: name of the node whose configuration it goes on with; None for a random start.
        share: its sweeps as a share of those of the protocol.
        stream: name of its random numbers, its own name if None: machines of equal streams in two chains are paired.
    """

    name: str
    machine: Machine
    parents: tuple[tuple[str, Link], ...] = ()
    after: str | None = None
    share: float = 1.0
    stream: str | None = None

    @property
    def data(self) -> str:
        """Patterns that it learns."""
        return self.parents[0][1].data if self.parents else "same"


@dataclass(frozen=True)
class Chain:
    """A directed chain of machines behind a rule, the ground truth, which labels all patterns.

    Use the constructors: `none`, `direct`, `assisted`, `dense`, `mutual`, `in_time`.

    Args:
        kind: name of the constructor.
        rule: the machine that labels the patterns; its weights are drawn from their prior, in each seed anew.
        nodes: machines in the order in which they are trained; the last one is the student.
    Raises:
        ValueError: if machines do not fit each other, or names are not known or used twice.

    >>> import glassnet as gn
    >>> deep, shallow = gn.Machine(depth=4, width=8, outputs=1), gn.Machine(depth=2, width=8, outputs=1)
    >>> print(Chain.direct(deep, deep, shallow))
    rule -> teacher -> student
    """

    kind: str
    rule: Machine
    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        known: dict[str, Machine] = {}
        for node in self.nodes:
            for name, widths in (("inputs", 0), ("outputs", -1)):
                wanted = self.rule.widths[widths]
                if node.machine.widths[widths] != wanted:
                    raise fail(f"{node.name}.{name}", f"be {wanted}, as those of the rule", node.machine.widths[widths])
            for parent, link in node.parents:
                if parent not in known:
                    raise fail("parents", f"come before {node.name!r} in the chain", parent)
                link.check(known[parent], node.machine)
            self._check_links(node)
            if node.name in known or node.name == "rule":
                raise fail("name", "be used once in a chain", node.name)
            if node.after is not None and (known.get(node.after) != node.machine or node.data != "same"):
                raise fail("after", "be an earlier node of the same machine, with the same patterns", node.after)
            known[node.name] = node.machine

    def _check_links(self, node: Node) -> None:
        links = [link for _, link in node.parents]
        if len({(link.data, link.temperature, link.knowledge) for link in links}) > 1:
            raise fail("link", f"have one kind of knowledge, data and temperature for all parents of {node.name!r}",
                       links)  # fmt: skip
        if len(links) > 1 and any(link.location != "output" or link.copied for link in links):
            raise fail("link", "reach the output alone where a machine has several parents", links)
        if node.after is not None and any(link.location != "output" or link.copied for link in links):
            raise fail("link", "reach the output alone where a machine goes on with what it was", links)

    @classmethod
    def none(cls, rule: Machine, student: Machine) -> "Chain":
        """NOKD: the student learns from the labels alone."""
        return cls("none", _machine("rule", rule), (Node("student", _machine("student", student)),))

    @classmethod
    def direct(cls, rule: Machine, teacher: Machine, student: Machine, link: Link | None = None) -> "Chain":
        """BLKD: a teacher learns from the labels, the student from labels and teacher   [Hinton et al. 2015]."""
        return replace(cls.assisted(rule, teacher, (), student, link), kind="direct")

    @classmethod
    def assisted(
        cls, rule: Machine, teacher: Machine, assistants: Sequence[Machine], student: Machine,
        link: Link | Sequence[Link] | None = None,
    ) -> "Chain":  # fmt: skip
        """TAKD: each machine teaches the next one   [Mirzadeh et al. 2020].

        Args:
            rule, teacher, student: machines.
            assistants: those between teacher and student, in this order.
            link: of all arrows, or one for each of them.
        """
        machines = _named(teacher, assistants, student)
        links = _links(link, len(machines) - 1)
        nodes = [Node(*machines[0])]
        for (parent, _), (name, machine), one in zip(machines[:-1], machines[1:], links, strict=True):
            nodes.append(Node(name, machine, ((parent, one),)))
        return cls("assisted", _machine("rule", rule), tuple(nodes))

    @classmethod
    def dense(
        cls, rule: Machine, teacher: Machine, assistants: Sequence[Machine], student: Machine, link: Link | None = None
    ) -> "Chain":
        """DGKD: all earlier machines teach each later one; they share its weight lambda   [Son et al. 2021]."""
        machines, one = _named(teacher, assistants, student), _link(link)
        nodes = []
        for k, (name, machine) in enumerate(machines):
            share = replace(one, weight=one.weight / max(k, 1))
            nodes.append(Node(name, machine, tuple((parent, share) for parent, _ in machines[:k])))
        return cls("dense", _machine("rule", rule), tuple(nodes))

    @classmethod
    def mutual(
        cls, rule: Machine, teacher: Machine, student: Machine, link: Link | None = None, rounds: int = 2
    ) -> "Chain":
        """Both machines teach each other, stretch by stretch of their training   [Zhang et al. 2018].

        Args:
            rule, teacher, student: machines.
            link: of all arrows; its data are the same.
            rounds: stretches of equal length, >= 2; in the first one both learn from the labels alone.
        """
        integer(2, rounds=rounds)
        one, nodes = _same_data(link), []
        for k in range(rounds):
            for name, machine, other in (("teacher", teacher, "student"), ("student", student, "teacher")):
                parents = ((_stretch(other, k - 1, rounds), one),) if k else ()
                after = _stretch(name, k - 1, rounds) if k else None
                stream = None if k else name
                made = _machine(name, machine)
                nodes.append(Node(_stretch(name, k, rounds), made, parents, after, 1 / rounds, stream))
        return cls("mutual", _machine("rule", rule), tuple(nodes))

    @classmethod
    def in_time(
        cls, rule: Machine, teacher: Machine, ages: Sequence[float], student: Machine, link: Link | None = None
    ) -> "Chain":
        """Assistants are the teacher at earlier ages: the student learns from one after the other.

        Args:
            rule, teacher, student: machines.
            ages: when the teacher teaches, as shares of its whole training, ascending to 1. The student learns for an
                equal time from each of them; its training is as long as in any other chain.
            link: of all arrows; its data are the same.
        """
        ages = tuple(ages) if isinstance(ages, Sequence) and not isinstance(ages, str) else ()
        for age in ages:
            if not is_number(age) or not 0 < age <= 1:
                raise fail("ages", "be shares of the teacher's training, above 0 and up to 1", age)
        if not ages or any(a >= b for a, b in zip((0, *ages), ages, strict=False)) or ages[-1] != 1:
            raise fail("ages", "ascend to 1", ages)
        one, count, nodes = _same_data(link), len(ages), []
        for k, age in enumerate(ages):
            after = _stretch("teacher", k - 1, count) if k else None
            share = age - (ages[k - 1] if k else 0)
            stream = None if k else "teacher"
            nodes.append(Node(_stretch("teacher", k, count), _machine("teacher", teacher), (), after, share, stream))
        for k in range(count):
            after = _stretch("student", k - 1, count) if k else None
            parents = ((_stretch("teacher", k, count), one),)
            stream, made = None if k else "student", _machine("student", student)
            nodes.append(Node(_stretch("student", k, count), made, parents, after, 1 / count, stream))
        return cls("in_time", _machine("rule", rule), tuple(nodes))

    @staticmethod
    def methods() -> Methods:
        """Published methods on the axes of a chain and its links; printing the result shows the table."""
        return Methods()

    @property
    def links(self) -> list[tuple[str, str, Link]]:
        """All arrows: parent, child, link."""
        return [(parent, node.name, link) for node in self.nodes for parent, link in node.parents]

    def __str__(self) -> str:
        """The machines in the order of their training."""
        return " -> ".join(["rule", *(node.name for node in self.nodes)])

    def run(self, **arguments: Any) -> "xr.Dataset":
        """Train all machines and measure, see `glassnet.distill.running.run_chain` for arguments and result."""
        from glassnet.distill.running import run_chain

        return run_chain(self, **arguments)


def _machine(name: str, machine: Any) -> Machine:
    if not isinstance(machine, Machine):
        raise fail(name, "be a Machine", machine)
    return machine


def _link(link: Any) -> Link:
    found = Link() if link is None else link
    if not isinstance(found, Link):
        raise fail("link", "be a Link", link)
    return found


def _same_data(link: Any) -> Link:
    found = _link(link)
    if found.data != "same":
        raise fail("link.data", "be 'same' for machines that go on with what they were", found.data)
    return found


def _links(link: Any, count: int) -> list[Link]:
    if isinstance(link, Sequence) and not isinstance(link, (str, Mapping)):
        if len(link) != count:
            raise fail("link", f"be one Link, or one for each of {count} arrows", link)
        return [_link(one) for one in link]
    return [_link(link)] * count


def _named(teacher: Machine, assistants: Sequence[Machine], student: Machine) -> list[tuple[str, Machine]]:
    if not isinstance(assistants, Sequence):
        raise fail("assistants", "be a list of Machines", assistants)
    middle = [(f"assistant_{k}", _machine(f"assistants[{k - 1}]", one)) for k, one in enumerate(assistants, start=1)]
    return [("teacher", _machine("teacher", teacher)), *middle, ("student", _machine("student", student))]


def _stretch(name: str, k: int, count: int) -> str:
    """Name of one stretch of a machine's training; the last has that of the machine."""
    return name if k == count - 1 else f"{name}_{k + 1}"
