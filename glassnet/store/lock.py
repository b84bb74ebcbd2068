"""One process at a time: the lock of a run folder."""

import errno
import json
import os
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from glassnet.core.codec import decoded

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None

PATIENCE = 0.5
"""Seconds to try again: who only looks whether a folder is locked holds the lock for an instant."""


class LockedError(OSError):
    """Another process works on the folder."""


@contextmanager
def locked(path: Path) -> Generator[dict[str, Any] | None]:
    """Hold the lock file `path` while the block runs.

    The operating system drops the lock of a process that ends, however it ends. What the file says of a process
    that is gone is stale: it was not removed.

    Yields:
        What a process left that held the lock and did not end well (host, pid, since); None if there is none.
    Raises:
        LockedError: if another process holds it; it names process and host.
    """
    with path.open("a+", encoding="utf-8") as file:
        _acquire(file, path)
        left = _owner(file)
        _write(
            file, {"host": socket.gethostname(), "pid": os.getpid(), "since": time.strftime("%FT%TZ", time.gmtime())}
        )
        try:
            yield left
        finally:
            _write(file, None)


def held(path: Path) -> dict[str, Any] | None:
    """Who holds the lock file now (host, pid, since); None if nobody does."""
    try:
        with path.open(encoding="utf-8") as file:
            owner = _owner(file)
            free = _try(file, exclusive=False, unknown=lambda: owner is None)
            return None if free else owner or {}
    except FileNotFoundError:
        return None


def _acquire(file: IO[str], path: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not _try(file, exclusive=True, unknown=lambda: _free(_owner(file), path)):
        if time.monotonic() > end:
            owner = _owner(file) or {"pid": "?", "host": "?", "since": "?"}
            raise LockedError(f"{path.parent} is in use by {_in_words(owner)}.")
        time.sleep(PATIENCE / 20)


def _try(file: IO[str], *, exclusive: bool, unknown: Callable[[], bool]) -> bool:
    """Whether the lock could be had; `unknown()` where the file system has no locks."""
    if fcntl is None:
        return unknown()
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        return unknown()
    return True


def _free(owner: dict[str, Any] | None, path: Path) -> bool:
    """Whether nobody holds a lock, by what its file says: to be used where the file system has no locks.

    Raises:
        LockedError: if the process that it names is alive, or ran on another host, of which nothing is known here.
    """
    if owner is None:
        return True
    if owner["host"] == socket.gethostname():
        if owner["pid"] == os.getpid():
            return True
        try:
            os.kill(owner["pid"], 0)
        except (ProcessLookupError, OverflowError):
            return True
        except PermissionError:
            pass
    words = f"{_in_words(owner)}; if that has ended, remove {path}"  # another process may have got its number since
    raise LockedError(f"{path.parent} is in use by {words}.")


def _in_words(owner: dict[str, Any]) -> str:
    return f"process {owner['pid']} on {owner['host']} since {owner['since']}"


def _owner(file: IO[str]) -> dict[str, Any] | None:
    """What the file says of who holds the lock; None if it says nothing, or nothing that a process wrote."""
    file.seek(0)
    try:
        owner = decoded(file.read() or "null")
    except ValueError:
        return None
    known = isinstance(owner, dict) and type(owner.get("pid")) is int and owner["pid"] > 0
    return owner if known and {"host", "since"} <= owner.keys() else None


def _write(file: IO[str], owner: dict[str, Any] | None) -> None:
    file.seek(0)
    file.truncate()
    file.write("" if owner is None else json.dumps(owner))
    file.flush()
