"""A machine as JSON values, and back."""

from dataclasses import asdict
from typing import Any

from glassnet.core.check import one_of
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, HardCore, SoftCore

FORMER = {"weights": "ensemble"}
"""Former keys of a description, which files of earlier versions have."""

POTENTIALS = {kind.__name__: kind for kind in (SoftCore, HardCore, Counting)}
"""Potentials by the name of their class."""


def described(machine: Machine) -> dict[str, Any]:
    """The arguments that build `machine`, as JSON values; "kind" is the class of its potential."""
    potential = {"kind": type(machine.potential).__name__, **asdict(machine.potential)}
    return {**asdict(machine), "potential": potential}


def renewed(values: Any) -> Any:
    """JSON values in which every description of a machine, however deep inside, has its present keys."""
    if isinstance(values, list):
        return [renewed(value) for value in values]
    if not isinstance(values, dict):
        return values
    names = FORMER if {"depth", "width", "potential"} <= set(values) else {}
    return {names.get(key, key): renewed(value) for key, value in values.items()}


def as_formerly(values: Any) -> Any:
    """JSON values in which every description of a machine has the keys of earlier versions, by which those hashed."""
    if isinstance(values, list):
        return [as_formerly(value) for value in values]
    if not isinstance(values, dict):
        return values
    names = {new: old for old, new in FORMER.items()} if {"depth", "width", "potential"} <= set(values) else {}
    return {names.get(key, key): as_formerly(value) for key, value in values.items()}


def machine_from(description: dict[str, Any]) -> Machine:
    """The machine that `described` described.

    Raises:
        ValueError: for an unknown potential, or arguments out of range.
    """
    potential = dict(description["potential"])
    kind = potential.pop("kind")
    one_of(tuple(POTENTIALS), kind=kind)
    arguments: dict[str, Any] = {FORMER.get(key, key): value for key, value in description.items()}
    arguments["potential"] = POTENTIALS[kind](**potential)
    return Machine(**arguments)
