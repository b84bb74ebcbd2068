"""Configurations from JSON values: unknown and missing keys are named."""

from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import partial
from typing import Any

from glassnet.config.tasks import TASKS
from glassnet.core.check import fail, one_of
from glassnet.core.codec import from_json
from glassnet.core.former import current_keys
from glassnet.perceptron.describe import FORMER, POTENTIALS, value_from
from glassnet.perceptron.machine import Machine
from glassnet.simulation.protocol import Protocol


def _beta(name: str, value: Any) -> Any:
    return from_json(value)


def _plain(name: str, value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def record(kind: Any, name: str, values: Any) -> Any:
    """An instance of the dataclass `kind` from a JSON object whose keys are its fields."""
    if not isinstance(values, dict):
        raise fail(name, "be a JSON object", values)
    known = {f.name: f for f in fields(kind)}
    prefix = "" if name == "config" else f"{name}."
    values = current_keys(values, FORMER, prefix) if kind is Machine else values
    for key in values:
        if key not in known:
            raise ValueError(f"Argument `{prefix}{key}` is unknown; {name} has {', '.join(known)}.")
    for key, one in known.items():
        if key not in values and one.default is MISSING and one.default_factory is MISSING:
            raise ValueError(f"Argument `{prefix}{key}` must be given, but is missing.")
    return kind(**{key: READERS.get(key, _plain)(f"{prefix}{key}", value) for key, value in values.items()})


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
    "machine": partial(record, Machine),
    "teacher": _optional_machine,
    "protocol": partial(record, Protocol),
    "potential": _potential,
    "ensemble": _ensemble,
    "task": partial(_variant, TASKS),
    "beta": _beta,
}
"""How fields that are not plain JSON values are read, by their names."""
