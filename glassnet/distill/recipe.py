"""A chain as a file: TOML, read, checked, built."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from os import PathLike
from pathlib import Path
from typing import Any

from glassnet.config.read import record
from glassnet.core.check import fail, one_of, unknown
from glassnet.core.codec import from_json
from glassnet.core.schedule import KINDS, Schedule
from glassnet.distill.chain import Chain
from glassnet.distill.link import Link
from glassnet.output import text_of
from glassnet.perceptron.machine import Machine
from glassnet.sampling.exchange import Exchange
from glassnet.simulation.protocol import Protocol

CHAINS = ("none", "direct", "assisted", "dense", "mutual", "in_time")

MACHINES = ("rule", "teacher", "student")

NEEDS: dict[str, tuple[str, ...]] = {
    "none": ("rule", "student"),
    "direct": ("rule", "teacher", "student"),
    "assisted": ("rule", "teacher", "assistants", "student"),
    "dense": ("rule", "teacher", "assistants", "student"),
    "mutual": ("rule", "teacher", "student"),
    "in_time": ("rule", "teacher", "ages", "student"),
}
"""What each chain is made of; a file that says more is refused."""


@dataclass(frozen=True)
class Recipe:
    """A chain and how it is trained, as a file says it.

    Args:
        kind: one of `CHAINS`.
        machines: rule, teacher, student by name; what a table [machine] says holds for all of them.
        assistants: machines between teacher and student.
        link: of all arrows, or a list, one for each.
        ages, rounds: of `Chain.in_time` and `Chain.mutual`.
        arguments: those of `Chain.run`.
    """

    kind: str
    machines: Mapping[str, Machine]
    assistants: tuple[Machine, ...] = ()
    link: Link | tuple[Link, ...] | None = None
    ages: tuple[float, ...] = ()
    rounds: int = 2
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def chain(self) -> Chain:
        """The chain."""
        given: dict[str, Any] = dict(self.machines)
        if self.kind != "none":
            given["link"] = self.link
        given |= {"assistants": list(self.assistants)} if self.kind in ("assisted", "dense") else {}
        given |= {"ages": self.ages} if self.kind == "in_time" else {}
        given |= {"rounds": self.rounds} if self.kind == "mutual" else {}
        return getattr(Chain, self.kind)(**given)


PLAIN = ("patterns", "seeds", "test_patterns", "dynamics", "weight_step", "seed", "control")
"""Arguments of `Chain.run` that are plain values in a file."""

KEYS = (
    "kind", "machine", *MACHINES, "assistants", "link", "ages", "rounds", "protocol", "beta", "schedule", "knots",
    "exchange", *PLAIN,
)  # fmt: skip


def read_recipe(path: str | PathLike) -> Recipe:
    """The chain in a TOML file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for text that is not TOML, names that are not known, or values out of range.
    """
    text = text_of(Path(path), "config", "TOML")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"Argument `config` must be TOML, but has an error: {error}.") from error
    return recipe_from(values)


def recipe_from(values: Mapping[str, Any]) -> Recipe:
    """The chain that such values describe.

    Raises:
        ValueError: as `read_recipe`.
    """
    for key in values:
        if key not in KEYS:
            raise unknown(key, KEYS, "a chain")
    for key in ("kind", "patterns", "beta"):
        if key not in values:
            raise ValueError(f"Argument `{key}` must be given, but is missing.")
    one_of(CHAINS, kind=values["kind"])
    needs = NEEDS[values["kind"]]
    for key in (*MACHINES, "assistants", "ages"):
        if key in values and key not in needs:
            raise fail(key, f"be left out of a chain of kind {values['kind']!r}", values[key])
        if key in needs and key not in values:
            raise ValueError(f"Argument `{key}` must be given for a chain of kind {values['kind']!r}, but is missing.")
    if "rounds" in values and values["kind"] != "mutual":
        raise fail("rounds", "be left out of a chain that is not mutual", values["rounds"])
    common = _table("machine", values.get("machine", {}))

    def machine(name: str, own: Any) -> Machine:
        return record(Machine, name, {**common, **_table(name, own)})

    several = values.get("assistants", [])
    if not isinstance(several, list):
        raise fail("assistants", "be a list of tables, [[assistants]]", several)
    arguments: dict[str, Any] = {key: values[key] for key in PLAIN if key in values}
    arguments["beta"] = _beta(values)
    if "protocol" in values:
        arguments["protocol"] = record(Protocol, "protocol", values["protocol"])
    if "exchange" in values:
        arguments["exchange"] = Exchange(values["exchange"])
    return Recipe(
        values["kind"],
        {name: machine(name, values[name]) for name in MACHINES if name in values},
        tuple(machine(f"assistants[{k}]", one) for k, one in enumerate(several)),
        _link(values.get("link")),
        tuple(values.get("ages", ())),
        values.get("rounds", 2),
        arguments,
    )


def _table(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise fail(name, "be a table", value)
    return value


def _link(value: Any) -> Link | tuple[Link, ...] | None:
    if value is None:
        return None
    if isinstance(value, list):
        return tuple(_one_link(f"link[{k}]", one) for k, one in enumerate(value))
    return _one_link("link", value)


def _one_link(name: str, value: Any) -> Link:
    known = [f.name for f in fields(Link)]
    for key in _table(name, value):
        if key not in known:
            raise unknown(f"{name}.{key}", known, "a link")
    given: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in value.items()}
    return Link(**given)


def _beta(values: Mapping[str, Any]) -> Any:
    kind, beta, knots = values.get("schedule", "quench"), from_json(values["beta"]), values.get("knots", [])
    one_of(("quench", *KINDS), schedule=kind)
    if kind == "quench":
        if knots:
            raise fail("knots", "be left out of a quench", knots)
        return list(beta) if isinstance(beta, (list, tuple)) else beta
    if not isinstance(beta, (list, tuple)) or len(beta) != len(knots):
        raise fail("knots", "hold one sweep number for each value of beta", knots)
    return Schedule(tuple(knots), tuple(beta), kind)
