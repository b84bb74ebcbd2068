"""Checks of arguments: one clear error that names the argument and its value."""

import math
from collections.abc import Collection
from dataclasses import fields
from typing import Any


def fail(name: str, requirement: str, value: Any) -> ValueError:
    """The error for argument `name`: "Argument `name` must <requirement>, but is <value>."."""
    return ValueError(f"Argument `{name}` must {requirement}, but is {value!r}.")


def unknown(name: str, known: Collection[str], owner: str, others: Collection[str] = ()) -> ValueError:
    """The error for a name that `owner` does not have, with the nearest one that it has.

    Args:
        name: the name.
        known: names that there are; a few of them are listed.
        owner: what has them, in words.
        others: names that may have been meant, too.
    """
    from difflib import get_close_matches  # for those who mistype alone

    bare = name.lstrip("-")
    names = {full.lstrip("-"): full for full in (*known, *others)}
    parts = {full.rpartition(".")[2]: names[full] for full in reversed(names)}
    near = [names[x] for x in get_close_matches(bare, names, n=1)]
    near = near or [parts[x] for x in get_close_matches(bare.rpartition(".")[2], parts, n=1)]
    hint = f", the nearest is `{near[0]}`" if near else ""
    has = f"; {owner} has {', '.join(known)}" if len(known) <= LISTED else ""
    return ValueError(f"Argument `{name}` is unknown{hint}{has}.")


LISTED = 24
"""So many known names are listed beside an unknown one; where there are more, none."""


def is_number(value: Any) -> bool:
    """Whether `value` is a real number (NumPy scalars included, booleans not)."""
    return not isinstance(value, bool) and hasattr(value, "__float__") and getattr(value, "ndim", 0) == 0


def plain_fields(instance: Any) -> None:
    """Turn NumPy scalars, also inside tuples, lists and arrays, into Python values in all fields of a frozen dataclass.

    So that equal instances have one hash, one text and one JSON form: -0.0 becomes 0.0, too.
    """
    for name, value in vars(instance).items():
        object.__setattr__(instance, name, plain(value))


def plain(value: Any) -> Any:
    """Python values for NumPy scalars, and tuples for lists and arrays, however deep; others as they are."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return value + 0.0  # no negative zero, which is equal to zero, but not in its text nor under 1 / x
    return tuple(map(plain, value)) if isinstance(value, (list, tuple)) else value


def frozen_value(name: str, value: Any, parts: Collection[str]) -> None:
    """Raise ValueError unless `value` is a frozen dataclass that has `parts` and whose fields are plain.

    Such a value is equal to any other with the same fields, can be hashed, and can be written as JSON.
    """
    settings = getattr(type(value), "__dataclass_params__", None)
    if settings is None or not settings.frozen or not settings.eq:
        raise fail(name, f"be a frozen dataclass with {', '.join(parts)}", value)
    missing = [part for part in parts if not hasattr(value, part)]
    if missing:
        raise fail(name, f"have {', '.join(missing)}", value)
    for field in fields(value):
        if not _is_plain(getattr(value, field.name)):
            requirement = "be a number, a word, a truth value, None or a tuple of these"
            raise fail(f"{name}.{field.name}", requirement, getattr(value, field.name))


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def finite(**values: Any) -> None:
    """Raise ValueError unless every value is a finite real number."""
    for name, value in values.items():
        if not is_number(value) or not math.isfinite(value):
            raise fail(name, "be a finite number", value)


SINGLE = 1e-37, 1e37
"""Sizes of numbers that single precision holds with all digits, and their inverses, too. Kernels compute in it."""


def single(**values: Any) -> None:
    """Raise ValueError unless every value is zero, infinite, or of a size that single precision holds."""
    for name, value in values.items():
        if value and not math.isinf(value) and not SINGLE[0] <= abs(value) <= SINGLE[1]:
            raise fail(name, f"be zero or between {SINGLE[0]:g} and {SINGLE[1]:g} in size, in single precision", value)


def positive(**values: Any) -> None:
    """Raise ValueError unless every value is a finite real number above zero."""
    for name, value in values.items():
        if not is_number(value) or not math.isfinite(value) or value <= 0:
            raise fail(name, "be a positive finite number", value)


def integer(minimum: int, **values: Any) -> None:
    """Raise ValueError unless every value is an integer of at least `minimum`."""
    for name, value in values.items():
        whole = not isinstance(value, bool) and hasattr(value, "__index__")
        if not whole or value < minimum:
            raise fail(name, f"be an integer of at least {minimum}", value)


def one_of(options: Collection[str], **values: Any) -> None:
    """Raise ValueError unless every value is one of `options`."""
    for name, value in values.items():
        if not isinstance(value, str) or value not in options:
            raise fail(name, f"be one of {', '.join(map(repr, options))}", value)
