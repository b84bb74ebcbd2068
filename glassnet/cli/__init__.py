"""The command line: `glassnet COMMAND`, one module of this package for each command."""

import sys
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from importlib import import_module

from glassnet import __version__
from glassnet.cli.tell import occupy_standard_streams, silence, warn
from glassnet.core.former import FormerName
from glassnet.core.stopping import STOPPED, Stopped

COMMANDS = {
    "run": "simulate a machine, into a folder with checkpoints or into one dataset (netCDF)",
    "resume": "go on with a run that was stopped",
    "sweep": "carry out a grid of runs, here or on a cluster, or go on with it",
    "export": "write a run as one dataset (netCDF)",
    "join": "make one dataset of the parts that several processes wrote",
    "plot": "draw the overview figure of a dataset",
    "report": "write a page of HTML about a run: warnings, figures, tables, configuration",
    "info": "say what is in a dataset, or on what machine glassnet would run",
    "theory": "curves of the replica theory: overlaps, transitions, replica symmetry breaking",
    "distill": "a chain of machines, each of which teaches the next, from a file into a folder",
    "ladder": "networks that teach one another by gradients: a ladder from teacher to student",
    "demo": "handwritten digits in a deep machine, from data to figure, in about two minutes",
    "bench": "how fast the sweeps are on this machine",
}

USAGE = """\
usage: glassnet [-h] [--version] COMMAND [OPTIONS]

Glassy learning dynamics: deep perceptrons as physical systems. Weights and hidden neurons of a
machine move by Monte Carlo at inverse temperature beta, with inputs and outputs clamped to data.

commands:
{commands}

Each command explains its options: glassnet run --help
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: what follows `glassnet` on the command line; taken from there if None.
    Returns:
        Exit status: 0, 1 if a run stopped being finite or a theory did not converge, 2 for bad arguments or files, or
        a full disk or memory, 75 if a run was stopped before its end and can be resumed, 130 if interrupted.
    """
    occupy_standard_streams()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    first = arguments[0] if arguments else ""
    if first in ("", "-h", "--help"):
        print(usage(), end="")
        return 0 if first else 2
    if first == "--version":
        print(f"glassnet {__version__}")
        return 0
    return guarded(command, first, arguments[1:])


def usage() -> str:
    """The help text of the program."""
    return USAGE.format(commands="\n".join(f"  {name:<7} {summary}" for name, summary in COMMANDS.items()))


def command(name: str, arguments: Sequence[str]) -> None:
    """Run the command `name`; its module, and what that needs, is loaded now."""
    if name not in COMMANDS:
        raise ValueError(f"Argument `command` must be one of {', '.join(COMMANDS)}, but is {name!r}.")
    import_module(f"glassnet.cli.{name}").main(arguments)


PRINTED = ("info", "theory", "bench", "distill")
"""Commands whose result is what they print; of the others, words on stdout only say what has been done."""


def guarded(function: Callable[..., None], name: str, *arguments: object) -> int:
    """Call `function(name, *arguments)`; errors that a user can cause become one line on stderr and an exit status."""
    try:
        with one_line_warnings():
            function(name, *arguments)
            if name in PRINTED and sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError as error:
        if name not in PRINTED:
            return complain(error, 2)
        silence(sys.stdout)  # its reader has seen enough
    except (ValueError, OSError) as error:
        return complain(error, 2)
    except MemoryError as error:
        return complain(f"not enough memory: {error}" if str(error) else "not enough memory", 2)
    except RuntimeError as error:
        if OUT_OF_MEMORY not in str(error):
            raise
        return complain(f"not enough memory: {error}", 2)
    except FloatingPointError as error:
        return complain(error, 1)
    except Stopped as stop:
        warn(f"glassnet: stopped: {stop}; `glassnet resume {stop.folder}` goes on")
        return STOPPED
    except KeyboardInterrupt:
        return complain("interrupted", 130)
    return 0


OUT_OF_MEMORY = "RESOURCE_EXHAUSTED"
"""What XLA calls it."""


@contextmanager
def one_line_warnings() -> Generator[None]:
    """Warnings as one line each on stderr, as long as the block runs."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        warn(f"glassnet: warning: {' '.join(str(message).split())}")

    with warnings.catch_warnings():
        warnings.simplefilter("default", FormerName)
        warnings.showwarning = show  # ty: ignore[invalid-assignment]
        yield


def complain(error: object, status: int) -> int:
    """Print an error as one line on stderr; returns `status`."""
    warn(f"glassnet: error: {' '.join(str(error).split())}")
    if sys.stdout is not None and not sys.stdout.closed:
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            silence(sys.stdout)
    return status
