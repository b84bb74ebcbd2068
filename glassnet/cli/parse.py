"""Dataclasses from the command line, with errors of one line."""

import argparse
import io
import os
import re
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from typing import Any, TypeVar

import tyro

from glassnet.core.check import fail, unknown
from glassnet.core.former import warn_former
from glassnet.core.stopping import age_of_process

T = TypeVar("T")

STYLE = (tyro.conf.AvoidSubcommands, tyro.conf.FlagCreatePairsOff, tyro.conf.HelptextFromCommentsOff)

NAMES = tyro.constructors.ConstructorRegistry()
"""How types are read that the parser cannot read."""


@NAMES.primitive_rule
def _ensemble(info: tyro.constructors.PrimitiveTypeInfo) -> tyro.constructors.PrimitiveConstructorSpec | None:
    """An ensemble is given by its name."""
    ensembles = sys.modules.get("glassnet.perceptron.ensembles")  # loaded where a command has a machine
    if ensembles is None or info.type != str | ensembles.Ensemble:
        return None
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="STR",
        instance_from_str=lambda words: words[0],
        is_instance=lambda value: isinstance(value, str),
        str_from_instance=lambda value: [value],
    )


def parse(kind: type[T], arguments: Sequence[str], command: str, default: Any = None) -> T:
    """An instance of the dataclass `kind` from command line arguments; prints help and exits if asked to.

    Args:
        kind: dataclass whose docstring explains the fields.
        arguments: what follows the command.
        command: name of the command.
        default: an instance that gives the defaults.
    Raises:
        ValueError: for arguments that do not parse: for unknown options first, with the nearest known one.
    """
    words, arguments = io.StringIO(), current(arguments)
    options: dict[str, Any] = {"prog": f"glassnet {command}", "config": STYLE, "registry": NAMES}
    options |= {} if default is None else {"default": default}
    asked = {"-h", "--help"} & set(arguments)
    try:
        with redirect_stderr(words), nullcontext() if asked else _wide():
            return tyro.cli(kind, args=arguments, **options)
    except SystemExit as stop:
        if not stop.code:
            raise
        known = _options_of(kind, options)
        for option in _named(arguments):
            if option not in known:
                error = unknown(option, known, f"glassnet {command}")
                raise ValueError(f"{error} (see glassnet {command} --help)") from None
        raise ValueError(f"{sentence(words.getvalue())} (see glassnet {command} --help)") from None


@contextmanager
def _wide() -> Generator[None]:
    """A terminal so wide that the parser does not wrap what it says, which splits words."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "10000"
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


def _named(arguments: Sequence[str]) -> list[str]:
    """Long options among arguments, as the parser spells them, without their values."""
    words = [word.partition("=")[0] for word in arguments]
    return [word.replace("_", "-") for word in words if word.startswith("--") and word != "--"]


def _options_of(kind: Any, options: Mapping[str, Any]) -> list[str]:
    """Long options that the parser knows, in the order of its help text."""
    text = io.StringIO()
    with redirect_stdout(text), suppress(SystemExit):
        tyro.cli(kind, args=["--help"], **options)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text.getvalue())
    return re.findall(r"(?m)^[│\s]*(?:-h, )?(--[a-z][\w.-]*)", plain)


FORMER = {
    "--machine.weights": "--machine.ensemble",
    "--task.teacher.weights": "--task.teacher.ensemble",
    "--weights": "--ensemble",  # of `glassnet theory`
}
"""Former names of options."""


def current(arguments: Sequence[str]) -> list[str]:
    """`arguments` with former names of options replaced, each with a warning."""
    parts = [argument.partition("=") for argument in arguments]
    for former in FORMER.keys() & {name for name, _, _ in parts}:
        warn_former(former, FORMER[former])
    return ["".join((FORMER.get(name, name), *rest)) for name, *rest in parts]


def sentence(box: str) -> str:
    """What an error box of the parser says, in one line without frame and help text."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    framed = [line for line in plain.splitlines() if line.startswith("│")]
    lines = [line.strip("│ ").strip() for line in framed or plain.splitlines()]
    parts = [part.strip() for part in re.split(r"─+|-{9,}", " ".join(lines))]
    parts = parts if framed else parts[1:]  # without characters for frames, the title stands above a line
    said = [part for part in parts if part and not part.startswith(("For full helptext", "Argument helptext"))]
    text = re.sub(r" {2,}", " ", " ".join(said) or plain)
    if text.startswith("Missing from"):  # names without their explanations
        place, _, rest = text.partition(": ")
        return f"{place}: {', '.join(part.split()[0] for part in rest.split('(required)') if part.strip())}"
    for said_by_parser, pattern in PLAIN.items():
        text = re.sub(rf"^Error parsing --(\S+): {said_by_parser}", pattern, text)
    return text


PLAIN = {
    r"(?=Argument )": "",
    r"invalid literal for int\(\) with base 10: ('.*')$": r"Argument `\1` must be an integer, but is \2.",
    r"could not convert string to float: ('.*')$": r"Argument `\1` must be a number, but is \2.",
    r"no type matching (\S+(?: INT\})?) could be instantiated from \[(.*?)\]\..*$": (
        r"Argument `\1` must be as its help says, \2, but is \3."
    ),
    r"Could not find valid parse for arguments: \[(.*)\]$": r"Argument `\1` must be as its help says, but is \2.",
}
"""What the parser says of a value, and what we say."""


def first_look(arguments: Sequence[str], command: str, **options: str) -> argparse.Namespace:
    """The few options that decide which other options there are; None where not given.

    Args:
        arguments: what follows the command.
        command: name of the command.
        options: attribute of the result and the option it comes from.
    Raises:
        ValueError: for an option without its value.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name, option in options.items():
        parser.add_argument(option, dest=name)
    try:
        return parser.parse_known_args(list(arguments))[0]
    except argparse.ArgumentError as error:
        raise ValueError(f"{error} (see glassnet {command} --help)") from None


def named_kind(kinds: Mapping[str, type], name: str, word: str | None) -> Any:
    """The class that `word` names, however it is written: soft_core, soft-core or SoftCore; None for None.

    Raises:
        ValueError: for an unknown name; `name` is that of the option.
    """
    if word is None:
        return None
    plain = {plain_name(known).replace("_", ""): kind for known, kind in kinds.items()}
    key = word.lower().replace("-", "").replace("_", "")
    if key not in plain:
        raise ValueError(f"Argument `{name}` must be one of {', '.join(map(plain_name, kinds))}, but is {word!r}.")
    return plain[key]


def plain_name(name: str) -> str:
    """A class name in lower case with underscores; other names as they are."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def time_left(text: str | None) -> float | None:
    """What is left of the option `time_limit`, in seconds, which counts from the start of the process; None for None.

    Raises:
        ValueError: if it is no duration.
    """
    limit = seconds("time_limit", text)
    return None if limit is None else max(limit - age_of_process(), 1e-3)


UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
"""Seconds of the units of a duration."""


def seconds(name: str, text: str | None) -> float | None:
    """A duration such as 3h50m, 1d12h, 90s or 90 (seconds) in seconds; None for None.

    Raises:
        ValueError: for anything else, or nothing; `name` is that of the option.
    """
    if text is None:
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)([dhms])", text.lower())
    plain = re.fullmatch(r"\d+(?:\.\d+)?", text)
    total = float(text) if plain else sum(float(number) * UNITS[unit] for number, unit in parts)
    units = [unit for _, unit in parts]
    whole = plain or "".join(number + unit for number, unit in parts) == text.lower()
    if not whole or total <= 0 or units != sorted(set(units), key="dhms".index):
        raise fail(name, "be a duration such as 3h50m, 90s or 1d12h", text)
    return total
