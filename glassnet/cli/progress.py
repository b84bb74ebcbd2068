"""A progress bar on stderr."""

import math
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

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
    broken: list[Exception] = []

    def shown(what: Callable[[], Any]) -> None:
        """Do something to the bar, unless it could not be written before; a run goes on without a terminal."""
        if broken or sys.stderr is None:
            return
        try:
            what()
        except (OSError, ValueError) as error:
            broken.append(error)
            silence(sys.stderr)

    def report(status: "Status") -> None:
        shown(partial(_show, bars, status))

    try:
        yield report
    finally:
        for bar in bars:
            shown(bar.close)


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

    wait = 0.2 if sys.stderr.isatty() else 10
    counts = {"total": status.total, "initial": status.done, "unit": " sweeps", "unit_scale": True}
    return tqdm(**counts, bar_format=FORMAT, mininterval=wait, dynamic_ncols=True)
