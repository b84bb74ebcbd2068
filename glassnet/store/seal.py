"""The seal of a store: the SHA-256 of each of its files, in a file beside it that `sha256sum -c` reads.

A store without a seal is one that is being written, or was made before there were seals.
"""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from glassnet.store.durable import sync_folder, write_text

THREADS = 16
"""Files at once: a disk brings many of them to rest in the time of one."""


class BrokenSealError(ValueError):
    """A store is not, byte for byte, what was sealed."""


def path_of(store: Path) -> Path:
    """Where the seal of a store lies: results.zarr -> results.sha256."""
    return store.with_suffix(".sha256")


def put_on(store: Path) -> None:
    """Bring a store to the disk, then write its seal."""
    names, folders = _names(store), [store, *(folder for folder in store.rglob("*") if folder.is_dir())]
    with ThreadPoolExecutor(THREADS) as threads:
        digests = list(threads.map(lambda name: _synchronised(store / name), names))
        list(threads.map(sync_folder, [*folders, store.parent]))
    lines = (f"{digest}  {store.name}/{name}\n" for digest, name in zip(digests, names, strict=True))
    write_text("".join(lines), path_of(store))


def take_off(store: Path) -> None:
    """Remove the seal, before the store is changed."""
    path_of(store).unlink(missing_ok=True)


def check(store: Path, wanted: Callable[[str], bool] = lambda name: True) -> bool:
    """Check the files of a sealed store.

    Args:
        store: the store.
        wanted: whether the content of a file matters, by its name in the store. Other files must be there.
    Returns:
        Whether the store has a seal.
    Raises:
        BrokenSealError: if a file is missing, new or not what was sealed.
    """
    try:
        lines = path_of(store).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return False
    parts = (line.partition("  ") for line in lines)
    digests = {name.removeprefix(f"{store.name}/"): digest for digest, _, name in parts}
    names = _names(store)
    for name in sorted(digests.keys() ^ set(names)):
        raise BrokenSealError(f"{name} is {'missing' if name in digests else 'not of this result'}")
    for name in filter(wanted, names):
        with (store / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digests[name]:
                raise BrokenSealError(f"{name} is not what was written")
    return True


def _names(store: Path) -> list[str]:
    """The files in a store, but hidden ones: file managers and network disks leave some."""
    files = (Path(folder, name) for folder, _, names in os.walk(store) for name in names if not name.startswith("."))
    return sorted(file.relative_to(store).as_posix() for file in files)


def _synchronised(path: Path) -> str:
    """The digest of a file that is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()
