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
    """Note SIGTERM and SIGINT instead of ending; a second SIGINT ends the process at once.

    Signals are left alone outside the main thread, where Python cannot handle them.
    """
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        request.reason = signal.Signals(number).name
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
