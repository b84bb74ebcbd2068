"""Words beside the work of a command: what cannot be written is left out, and never ends what a command does."""

import os
import sys
from contextlib import suppress
from typing import IO


def tell(words: str) -> None:
    """Print a line on stdout, at once."""
    _write(words, sys.stdout)


def warn(words: str) -> None:
    """Print a line on stderr."""
    _write(words, sys.stderr)


def _write(words: str, stream: IO[str] | None) -> None:
    if stream is None:  # closed since before the process began
        return
    try:
        print(words, file=stream, flush=True)
    except UnicodeEncodeError:
        _write(words.encode("ascii", "backslashreplace").decode("ascii"), stream)
    except (OSError, ValueError):  # no reader, no terminal, a full disk; ValueError: closed
        silence(stream)


def silence(stream: IO[str] | None) -> None:
    """Let what is still to be written to a stream go nowhere, so that no error waits at the end of the process."""
    if stream is None:
        return
    with suppress(OSError, ValueError):
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


def occupy_standard_streams() -> None:
    """Open what of stdin, stdout and stderr is closed, to nowhere: the next file that is opened would take its place,
    and what libraries below write to stderr would end up in it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
