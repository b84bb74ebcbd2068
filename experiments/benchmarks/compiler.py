"""C++ beside a script, compiled on the spot and loaded."""

import ctypes
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path


def compiler() -> str | None:
    """The C++ compiler, None if there is none."""
    return next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)


@lru_cache
def compiled(source: Path, flags: tuple[str, ...]) -> ctypes.CDLL:
    """The source as a library, compiled into a temporary folder and loaded.

    Linked apart from the flags: with -Ofast, the library would switch this process to inexact small numbers.

    Raises:
        OSError, subprocess.SubprocessError: without a compiler that works.
    """
    command = compiler()
    if command is None:
        raise OSError("no C++ compiler")
    with tempfile.TemporaryDirectory() as folder:
        made, linked = (str(Path(folder) / f"{source.stem}.{kind}") for kind in ("o", "so"))
        for arguments in ([*flags, "-c", str(source), "-o", made], ["-shared", made, "-o", linked]):
            subprocess.run([command, *arguments], check=True, capture_output=True, timeout=120)
        return ctypes.CDLL(linked)


def status(source: Path, flags: tuple[str, ...]) -> str:
    """How the source was compiled, or, beginning with "no", why there is no library of it, in words."""
    try:
        lanes = compiled(source, flags).lanes()
    except (OSError, subprocess.SubprocessError) as problem:
        return f"no {source.stem}: {problem}"
    shown = [flag for flag in flags if not flag.startswith("-I")]
    return f"{Path(compiler() or '').name} {' '.join(shown)}, vectors of {lanes} numbers"
