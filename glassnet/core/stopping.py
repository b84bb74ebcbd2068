"""Asking a long computation to stop: by signal, and an exit status that says so."""

import os
import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

STOPPED = 75
"""Exit status of a program that stopped before its end and can go on (EX_TEMPFAIL of sysexits.h)."""


def age_of_process() -> float:
    """Seconds since this process began; since this module was loaded where the system does not tell."""
    try:
        ticks = int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        return time.monotonic() - LOADED


LOADED = time.monotonic()


class Stopped(SystemExit):
    """A run stopped before its end; all that it did is in its folder. As an exit status: 75.

    Args:
        reason: why, in words.
        folder: folder of the run.
    """

    def __init__(self, reason: str, folder: Path) -> None:
        super().__init__(STOPPED)
        self.reason, self.folder = reason, folder

    def __str__(self) -> str:
        return self.reason

    def __reduce__(self) -> tuple[Any, ...]:
        """As pickle takes it apart: it comes back from other processes, too."""
        return type(self), (self.reason, self.folder)


class StopRequest:
    """Whether a signal asked to stop.

    Attributes:
        reason: the signal in words, None as long as there was none.
    """

    reason: str | None = None


@contextmanager
def stop_requests() -> Generator[StopRequest]:
    """Note SIGTERM and SIGINT instead of ending; at the first SIGINT, its former handler takes the next one.

    Handlers are given back as they were. A signal that came too late to stop anything is sent again when they are, so
    that it ends what goes on behind this block. Left alone are signals that are ignored (SIGINT by `&` in a script, and
    it stays so), those whose handler is not Python's, which could not be given back, and all outside the main thread,
    where Python cannot handle them.
    """
    request, before = StopRequest(), _former()
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        request.reason = signal.Signals(number).name
        if number == signal.SIGINT:
            signal.signal(number, before[number])

    for number in before:
        signal.signal(number, note)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:  # the block went on to its end
        signal.raise_signal(came[-1])


def _former() -> dict[int, Any]:
    """Handlers of the signals that ask to stop."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    handlers: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    return {number: handler for number, handler in handlers.items() if handler not in (None, signal.SIG_IGN)}


@contextmanager
def interrupted_at_once() -> Generator[None]:
    """Let SIGINT end the process, also in the midst of compiled code, where Python would be asked only afterwards.

    For programs of their own: `stop_requests` makes that the second SIGINT. In a notebook it would end the kernel.
    """
    before = _former().get(signal.SIGINT)
    if before is None:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
