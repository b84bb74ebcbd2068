"""A command of glassnet in this process, and what one in another process said."""

import io
from contextlib import redirect_stderr, redirect_stdout

from glassnet.cli import main


def command(*arguments):
    """Exit status, stdout and stderr of `glassnet` with these arguments."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main([str(a) for a in arguments])
        except SystemExit as stop:
            status = stop.code or 0
    return status, out.getvalue(), err.getvalue()


def said(err):
    """What glassnet itself printed on stderr: the libraries below it have logs of their own there."""
    return "".join(line for line in err.splitlines(keepends=True) if line.startswith("glassnet:"))
