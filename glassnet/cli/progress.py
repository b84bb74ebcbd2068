"""A progress bar on stderr."""

import sys
from collections.abc import Generator
from contextlib import contextmanager

from tqdm import tqdm

from glassnet.simulation.follow import Report, Status

FORMAT = "{desc}{percentage:3.0f} % |{bar:24}| {rate_noinv_fmt}{postfix}, {remaining} left"


@contextmanager
def progress_bar(*, quiet: bool = False) -> Generator[Report | None]:
    """A function that shows the status of a run: percent, replica-sweeps/s, energy, acceptance, time left.

    Args:
        quiet: show nothing; the function is then None.
    """
    if quiet:
        yield None
        return
    wait = 0.2 if sys.stderr.isatty() else 10
    with tqdm(total=1, unit=" sweeps", unit_scale=True, bar_format=FORMAT, mininterval=wait, dynamic_ncols=True) as bar:

        def report(status: Status) -> None:
            bar.total = status.total
            bar.set_description_str(f"{status.phase:<7}", refresh=False)
            words = f"energy {status.energy:.3g}, acceptance {status.acceptance:.2f}"
            bar.set_postfix_str(words, refresh=False)
            bar.update(status.done - bar.n)

        yield report
