"""Configurations from JSON values: unknown and missing keys are named."""

from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import partial
from typing import Any

from glassnet.config.tasks import TASKS
from glassnet.core.check import fail, one_of, unknown
from glassnet.core.codec import from_json
from glassnet.core.former import current_keys
from glassnet.perceptron.describe import FORMER, POTENTIALS, value_from
from glassnet.perceptron.machine import Machine
from glassnet.sampling.descent import Descent
from glassnet.sampling.langevin import Langevin
from glassnet.simulation.protocol import Protocol
from glassnet.thermal.machine import KIND, ThermalMachine


def _beta(name: str, value: Any) -> Any:
    return from_json(value)


def _plain(name: str, value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def record(kind: Any, name: str, values: Any) -> Any:
    """An instance of the dataclass `kind` from a JSON object whose keys are its fields.

    Raises:
        ValueError: for a name that no field has, in `values` or in tables inside it, before all else; for what is
            missing or out of range.
    """
    if not isinstance(values, dict):
        raise fail(name, "be a JSON object", values)
    prefix = "" if name == "config" else f"{name}."
    _check_names(kind, name, values)
    values = current_keys(values, FORMER, prefix) if kind is Machine else values
    known = {f.name: f for f in fields(kind)}
    for key, one in known.items():
        if key not in values and one.default is MISSING and one.default_factory is MISSING:
            raise ValueError(f"Argument `{prefix}{key}` must be given, but is missing.")
    return kind(**{key: READERS.get(key, _plain)(f"{prefix}{key}", value) for key, value in values.items()})


def _check_names(kind: Any, name: str, values: dict[str, Any]) -> None:
    """Raise ValueError for keys that no field of `kind` has, here and in the tables inside."""
    prefix = "" if name == "config" else f"{name}."
    known = [f.name for f in fields(kind)]
    allowed = {*known, *FORMER} if kind is Machine else {*known}
    for key in values:
        if key not in allowed:
            tables = {one: TABLES[one] for one in known if not isinstance(TABLES.get(one, {}), dict)}
            deeper = [f"{prefix}{table}.{f.name}" for table, inner in tables.items() for f in fields(inner)]
            raise unknown(f"{prefix}{key}", known, name, deeper)
    for key in TABLES.keys() & values.keys():
        table = values[key]
        if not isinstance(table, dict):
            continue
        kinds = machine_kind(table) if key == "machine" else TABLES[key]
        if kinds is ThermalMachine:
            table = {k: v for k, v in table.items() if k != "kind"}
        if not isinstance(kinds, dict):
            _check_names(kinds, f"{prefix}{key}", table)
        elif isinstance(table.get("kind"), str) and table["kind"] in kinds:
            _check_names(kinds[table["kind"]], f"{prefix}{key}", {k: v for k, v in table.items() if k != "kind"})


TABLES: dict[str, Any] = {
    "machine": Machine, "teacher": Machine, "protocol": Protocol, "potential": POTENTIALS, "task": TASKS,
    "langevin": Langevin, "descent": Descent,
}  # fmt: skip
"""Fields that are tables: their dataclass, or several by the key "kind"."""


MACHINES: dict[str, Any] = {"perceptron": Machine, KIND: ThermalMachine}
"""Kinds of machines by name; the first where none is named."""


def machine_kind(values: Any) -> Any:
    """The class of the machine that a JSON object describes.

    Raises:
        ValueError: for an unknown kind.
    """
    if not isinstance(values, dict) or "kind" not in values:
        return Machine
    one_of(tuple(MACHINES), **{"machine.kind": values["kind"]})
    return MACHINES[values["kind"]]


def machine_from(name: str, values: Any) -> Any:
    """A machine from a JSON object: a perceptron unless its "kind" says another."""
    kind = machine_kind(values)
    return record(kind, name, {k: v for k, v in values.items() if k != "kind"} if isinstance(values, dict) else values)


def _variant(kinds: dict[str, Any], name: str, values: Any) -> Any:
    """One of several dataclasses, named by the key "kind"."""
    if not isinstance(values, dict) or "kind" not in values:
        raise fail(name, 'be a JSON object with a key "kind"', values)
    one_of(tuple(kinds), **{f"{name}.kind": values["kind"]})
    return record(kinds[values["kind"]], name, {k: v for k, v in values.items() if k != "kind"})


def _potential(name: str, values: Any) -> Any:
    """One of the package by the name of its class, one of a user by where it is imported from."""
    imported = isinstance(values, dict) and ":" in str(values.get("kind"))
    return value_from(name, values) if imported else _variant(POTENTIALS, name, values)


def _ensemble(name: str, values: Any) -> Any:
    """A name, or one of a user by where it is imported from."""
    return value_from(name, values) if isinstance(values, dict) and "kind" in values else _plain(name, values)


def _optional_machine(name: str, values: Any) -> Machine | None:
    return None if values is None else record(Machine, name, values)


READERS: dict[str, Callable[[str, Any], Any]] = {
    "machine": machine_from,
    "langevin": partial(record, Langevin),
    "descent": partial(record, Descent),
    "teacher": _optional_machine,
    "protocol": partial(record, Protocol),
    "potential": _potential,
    "ensemble": _ensemble,
    "task": partial(_variant, TASKS),
    "beta": _beta,
}
"""How fields that are not plain JSON values are read, by their names."""
