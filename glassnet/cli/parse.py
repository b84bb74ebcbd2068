"""Dataclasses from the command line, with errors of one line."""

import io
import re
from collections.abc import Sequence
from contextlib import redirect_stderr
from typing import Any, TypeVar

import tyro

T = TypeVar("T")

STYLE = (tyro.conf.AvoidSubcommands, tyro.conf.FlagCreatePairsOff, tyro.conf.HelptextFromCommentsOff)


def parse(kind: type[T], arguments: Sequence[str], command: str, default: Any = None) -> T:
    """An instance of the dataclass `kind` from command line arguments; prints help and exits if asked to.

    Args:
        kind: dataclass whose docstring explains the fields.
        arguments: what follows the command.
        command: name of the command.
        default: an instance that gives the defaults.
    Raises:
        ValueError: for arguments that do not parse.
    """
    words = io.StringIO()
    options = {} if default is None else {"default": default}
    try:
        with redirect_stderr(words):
            return tyro.cli(kind, args=list(arguments), prog=f"glassnet {command}", config=STYLE, **options)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise ValueError(f"{sentence(words.getvalue())} (see glassnet {command} --help)") from None


def sentence(box: str) -> str:
    """What an error box of the parser says, in one line without frame and help text."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    lines = [line.strip("│ ").strip() for line in plain.splitlines() if line.startswith("│")]
    parts = [part.strip() for part in re.split(r"─+", " ".join(lines))]
    said = [part for part in parts if part and not part.startswith(("For full helptext", "Argument helptext"))]
    text = re.sub(r" {2,}", " ", " ".join(said) or plain)
    return re.sub(r"^Error parsing [\w.]+: (?=Argument )", "", text)
