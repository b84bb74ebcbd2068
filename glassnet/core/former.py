"""Names that have been replaced: the former ones work for one release, with a warning that names the new one."""

import sys
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class FormerName(DeprecationWarning):
    """A name that was replaced; the command line shows this one, unlike other deprecations."""


def warn_former(former: str, new: str, stacklevel: int = 2) -> None:
    """Warn that `former` is now called `new`; with stacklevel 2 about the caller of this function."""
    warnings.warn(f"`{former}` is now called `{new}`; the former name goes with the next release.", FormerName,
                  stacklevel=stacklevel + 1)  # fmt: skip


@contextmanager
def of_earlier_versions() -> Generator[None]:
    """No warnings about former names, which nobody typed, in what earlier versions have written."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FormerName)
        yield


def former_arguments(**names: str) -> Callable[[T], T]:
    """Decorator of a class or function: takes arguments by their former names, too, `former="new"`.

    A function refuses both names at once. A class takes the former one: `dataclasses.replace` gives all fields by their
    new names beside what it was asked to change.
    """

    def taking(function: Callable, *, both: bool = False) -> Callable:
        @wraps(function)
        def with_former_names(*args: Any, **kwargs: Any) -> Any:
            for former in names.keys() & kwargs.keys():
                warn_former(former, names[former])
                if not both:
                    _check_once(former, names[former], kwargs)
                kwargs[names[former]] = kwargs.pop(former)
            return function(*args, **kwargs)

        return with_former_names

    def decorated(thing: Any) -> Any:
        if not isinstance(thing, type):
            return taking(thing)
        thing.__init__ = taking(thing.__init__, both=True)
        return thing

    return decorated


def current_keys(values: Mapping[str, Any], names: Mapping[str, str], prefix: str = "") -> dict[str, Any]:
    """`values` with former keys replaced by the new ones, each with a warning.

    Raises:
        ValueError: if a former key and its new one are both there.
    """
    for former in names.keys() & values.keys():
        warn_former(prefix + former, prefix + names[former], stacklevel=_outside())
        _check_once(former, names[former], values, prefix)
    former = {new: values[old] for old, new in names.items() if old in values}
    return former | {key: value for key, value in values.items() if key not in names}


PACKAGE = str(Path(__file__).parents[1])


def _outside() -> int:
    """The stacklevel that means, for the caller of this function, the nearest caller outside the package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame, level = frame.f_back, level + 1
    return level


def _check_once(former: str, new: str, values: Mapping[str, Any], prefix: str = "") -> None:
    """Raise ValueError where both names are given."""
    if new in values:
        raise ValueError(f"Argument `{prefix}{former}` is now called `{prefix}{new}`: give one of the two alone.")
