"""A progress bar on stderr."""

import math
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO

from glassnet.cli.tell import silence

if TYPE_CHECKING:
    from tqdm import tqdm

    from glassnet.simulation.phase import Report, Status

FORMAT = "{desc}{percentage:3.0f} % |{bar:24}| {rate_noinv_fmt}{postfix}, {remaining} left"


@contextmanager
def progress_bar(*, quiet: bool = False) -> "Generator[Report | None]":
    """A function that shows the status of a run: percent, replica-sweeps/s, energy, acceptance, time left.

    Args:
        quiet: show nothing; the function is then None.
    """
    if quiet:
        yield None
        return
    bars: list[tqdm] = []

    def report(status: "Status") -> None:
        if sys.stderr is not None:
            _show(bars, status)

    try:
        yield report
    finally:
        for bar in bars:
            bar.close()


class _Screen:
    """A stream that ends no run: what cannot be written is left out, from then on all.

    Not left to the bar: an error while it draws leaves its lock taken, for which other threads then wait forever.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._lost = stream, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        self._tried(partial(self._stream.write, text))

    def flush(self) -> None:
        self._tried(self._stream.flush)

    def _tried(self, what: Callable[[], Any]) -> None:
        if self._lost:
            return
        try:
            what()
        except (OSError, ValueError):
            self._lost = True
            silence(self._stream)


def _show(bars: "list[tqdm]", status: "Status") -> None:
    if not bars:  # the first report comes when all arguments have been checked
        bars.append(_bar(status))
    bar = bars[0]
    bar.set_description_str(f"{status.phase:<7}", refresh=False)
    counted = not math.isnan(status.acceptance)
    acceptance = f", acceptance {status.acceptance:.2f}" if counted else ""
    bar.set_postfix_str(f"energy {status.energy:.3g}{acceptance}", refresh=False)
    bar.update(status.done - bar.n)


def _bar(status: "Status") -> "tqdm":
    from tqdm import tqdm

    try:
        wait = 0.2 if sys.stderr.isatty() else 10
    except ValueError:  # a stream that is closed
        wait = 10
    counts = {"total": status.total, "initial": status.done, "unit": " sweeps", "unit_scale": True}
    return tqdm(**counts, file=_Screen(sys.stderr), bar_format=FORMAT, mininterval=wait, dynamic_ncols=True)
