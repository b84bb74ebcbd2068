"""Configurations as JSON values: one text, one hash, one way to flatten, one way to tell what differs."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any


def canonical(config: Mapping[str, Any]) -> str:
    """JSON with sorted keys and no spaces; equal configurations give equal text.

    Raises:
        TypeError: for a value that JSON cannot hold.
    """
    return json.dumps(config, sort_keys=True, separators=(",", ":"), default=_number)


def _number(value: Any) -> Any:
    """A NumPy scalar as a Python number."""
    if getattr(value, "ndim", None) != 0:
        raise TypeError(f"JSON cannot hold {value!r}")
    return value.item()


def config_hash(config: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of a configuration."""
    return hashlib.sha256(canonical(config).encode()).hexdigest()


def decoded(text: str | bytes) -> Any:
    """The JSON values in a text.

    Raises:
        ValueError: if it is no JSON, or nested so deeply that it cannot be read.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


INFINITE = "inf"
"""What stands in JSON, which has no infinite numbers, for infinity."""


def to_json(values: Any) -> Any:
    """`values`, nested or not, with "inf" for what is infinite and lists for tuples."""
    if isinstance(values, Mapping):
        return {key: to_json(value) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [to_json(value) for value in values]
    return INFINITE if isinstance(values, float) and values == math.inf else values


def from_json(values: Any) -> Any:
    """A number, or lists of numbers as tuples, from what `to_json` made of it."""
    if isinstance(values, list):
        return tuple(map(from_json, values))
    return math.inf if values == INFINITE else values


def as_tuples(value: Any) -> Any:
    """`value` with tuples for lists, however deep: what a JSON file made of a tuple becomes one again."""
    return tuple(map(as_tuples, value)) if isinstance(value, (list, tuple)) else value


def as_lists(value: Any) -> Any:
    """`value` with lists for tuples, however deep, as a JSON file holds it."""
    return list(map(as_lists, value)) if isinstance(value, (list, tuple)) else value


def leaves(values: Mapping[str, Any], *, lists: bool = False, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Names with dots and values on one level, in their order: machine.depth, machine.potential.kind, ...

    Args:
        values: nested values.
        lists: also open lists that hold tables; their places are numbered.
        prefix: begins all names.
    """
    for key, value in values.items():
        if lists and isinstance(value, (list, tuple)) and any(isinstance(x, Mapping) for x in value):
            value = {str(n): x for n, x in enumerate(value)}
        if isinstance(value, Mapping):
            yield from leaves(value, lists=lists, prefix=f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", as_lists(value)


def flat(values: Mapping[str, Any], *, lists: bool = False) -> dict[str, Any]:
    """Nested values on one level by names with dots, as `leaves`."""
    return dict(leaves(values, lists=lists))


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Values that differ between two configurations, old and new (None where there is none), by names with dots."""
    a, b = flat(old, lists=True), flat(new, lists=True)
    return {name: (a.get(name), b.get(name)) for name in sorted(a | b) if a.get(name) != b.get(name)}


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two configurations, one line each: "name: old, not new"."""
    return [f"{name}: {before!r}, not {now!r}" for name, (before, now) in differing(old, new).items()]
