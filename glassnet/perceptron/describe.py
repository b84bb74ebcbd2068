"""A machine as JSON values, and back."""

from dataclasses import asdict, fields, is_dataclass
from importlib import import_module
from typing import Any

from glassnet.core.check import fail, one_of
from glassnet.core.codec import as_tuples
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import KNOWN

FORMER = {"weights": "ensemble"}
"""Former keys of a description, which files of earlier versions have."""

POTENTIALS: dict[str, Any] = {kind.__name__: kind for kind in KNOWN}
"""Potentials by the name of their class."""


def described(machine: Machine) -> dict[str, Any]:
    """The arguments that build `machine`, as JSON values.

    The potential is its fields and "kind", the name of its class, or "module:name" if it is not one of this package.
    The ensemble is its name, or fields and "kind" alike.
    """
    arguments = {field.name: getattr(machine, field.name) for field in fields(machine)}
    ensemble = machine.ensemble if isinstance(machine.ensemble, str) else _described(machine.ensemble)
    return {**arguments, "potential": _described(machine.potential), "ensemble": ensemble}


def renewed(values: Any) -> Any:
    """JSON values in which every description of a machine, however deep inside, has its present keys."""
    return _renamed(values, FORMER)


def as_formerly(values: Any) -> Any:
    """JSON values in which every description of a machine has the keys of earlier versions: their hashes used them."""
    return _renamed(values, {new: old for old, new in FORMER.items()})


def _renamed(values: Any, names: dict[str, str]) -> Any:
    if isinstance(values, list):
        return [_renamed(value, names) for value in values]
    if not isinstance(values, dict):
        return values
    here = names if {"depth", "width", "potential"} <= set(values) else {}
    return {here.get(key, key): _renamed(value, names) for key, value in values.items()}


def machine_from(description: dict[str, Any]) -> Machine:
    """The machine that `described` described.

    Raises:
        ValueError: for an unknown potential or ensemble, or one that has changed, or arguments out of range.
    """
    arguments: dict[str, Any] = {FORMER.get(key, key): value for key, value in description.items()}
    for name in ("potential", "ensemble"):
        if isinstance(arguments.get(name), dict):
            arguments[name] = value_from(name, arguments[name])
    return Machine(**arguments)


def check_reopens(machine: Machine) -> None:
    """Check that another process could build `machine` from its description.

    Raises:
        ValueError: if a class lies where it cannot be imported from: in a script, a notebook or a function.
    """
    for name, value in (("potential", machine.potential), ("ensemble", machine.ensemble)):
        kind = type(value)
        if kind.__module__ in ("__main__", "__mp_main__") or "<locals>" in kind.__qualname__:
            requirement = "be of a class in a module that can be imported where the run is opened again"
            raise fail(name, requirement, value)


def _described(value: Any) -> dict[str, Any]:
    kind = type(value)
    name = kind.__name__ if POTENTIALS.get(kind.__name__) is kind else f"{kind.__module__}:{kind.__qualname__}"
    return {"kind": name, **asdict(value)}


def value_from(name: str, description: dict[str, Any]) -> Any:
    """The potential or ensemble that `described` described; checked further by `Machine`.

    Raises:
        ValueError: for an unknown kind, one that cannot be imported, or one that has other fields now.
    """
    values = {key: as_tuples(x) for key, x in description.items() if key != "kind"}
    kind = _kind(name, description["kind"])
    known = [field.name for field in fields(kind)]
    if set(known) != set(values):
        now = f"{description['kind']} has {', '.join(known) or 'none'} now"
        raise ValueError(f"Argument `{name}` must be built from {', '.join(values) or 'no fields'}, but {now}.")
    return kind(**values)


def _kind(name: str, path: str) -> Any:
    if ":" not in path:
        one_of(tuple(POTENTIALS), **{f"{name}.kind": path})
        return POTENTIALS[path]
    module, _, names = path.partition(":")
    try:
        kind: Any = import_module(module)
        for part in names.split("."):
            kind = getattr(kind, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"Argument `{name}` must be importable as {path!r}, but is not: {error}.") from error
    if not isinstance(kind, type) or not is_dataclass(kind):
        raise fail(name, "be a dataclass", path)
    return kind
