"""Classes and functions by where they are imported from: what files keep of code that is a user's own."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from importlib import import_module
from types import CodeType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any

import numpy as np


def import_path(thing: Any) -> str:
    """Where a class or function is found: "module:name".

    What no import finds (a lambda, a function inside another one, a `partial`, a method of an object) has a name that
    says so, with a digest of what it does in place of a path: "module:<lambda>#0123456789ab".
    """
    name = getattr(thing, "__qualname__", None)
    if isinstance(thing, MethodType) and not isinstance(thing.__self__, type):
        return f"{thing.__module__}:<{name}>#{_digest(thing)}"
    if name is None:
        return f"{type(thing).__module__}:<{type(thing).__qualname__}>#{_digest(thing)}"
    return f"{thing.__module__}:{name}" + (f"#{_digest(thing)}" if "<" in name else "")


def _digest(thing: Any) -> str:
    """Twelve digits that differ where two functions do: by their code and the plain values bound to them."""
    return hashlib.sha256(repr(_essence(thing)).encode()).hexdigest()[:12]


def _essence(thing: Any, depth: int = 0) -> Any:
    """What a function does, as tuples of plain values."""
    if depth > DEEPEST:  # functions may be bound to themselves
        return None
    inside = partial(_essence, depth=depth + 1)
    if isinstance(thing, (tuple, list)):
        return tuple(map(inside, thing))
    if isinstance(thing, Mapping):
        return tuple(sorted(((inside(key), inside(value)) for key, value in thing.items()), key=repr))
    if isinstance(thing, partial):
        return inside(thing.func), inside(thing.args), inside(sorted(thing.keywords.items()))
    if isinstance(thing, MethodType):
        return inside(thing.__func__), inside(thing.__self__)
    if isinstance(thing, CodeType):
        return thing.co_code, thing.co_names, inside(thing.co_consts)
    if isinstance(thing, FunctionType) and "<" in thing.__qualname__:
        bound = [cell.cell_contents for cell in thing.__closure__ or ()]
        by_name = (inside(sorted(thing.__kwdefaults__.items())),) if thing.__kwdefaults__ else ()
        return inside(thing.__code__), inside(bound), inside(thing.__defaults__ or ()), *by_name
    if not isinstance(thing, FunctionType) and hasattr(thing, "__wrapped__"):  # compiled by `jax.jit`
        return inside(thing.__wrapped__)
    if isinstance(thing, (str, bytes, int, float, complex, NoneType)):
        return thing
    if hasattr(thing, "__array__"):
        return np.asarray(thing).tobytes()
    if is_dataclass(thing) and not isinstance(thing, type):  # without properties that it has cached
        return import_path(type(thing)), inside(sorted((f.name, getattr(thing, f.name)) for f in fields(thing)))
    if hasattr(thing, "__dict__") and not isinstance(thing, (type, FunctionType, ModuleType)):
        return import_path(type(thing)), inside(sorted(vars(thing).items()))
    return f"{type(thing).__module__}:{type(thing).__qualname__}:{getattr(thing, '__qualname__', '')}"


DEEPEST = 8
"""Functions bound to functions are followed so far."""


def imported(path: str) -> Any:
    """The class or function at "module:name".

    Raises:
        ValueError: if there is none.
    """
    module, _, name = path.partition(":")
    try:
        found = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        advice = "set PYTHONPATH to where its module is, or run the script that defines it again"
        raise ValueError(f"The run needs {path}, which cannot be imported here ({error}): {advice}.") from error
    return found
