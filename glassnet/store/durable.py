"""Files that are written whole or not at all, and are on the disk before they get their name."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Generator[Path]:
    """A temporary file in the folder of `path`; what is written there becomes `path` when the block ends well.

    File and folder are synchronised with the disk. If the block fails, nothing is left and `path` is as it was. The
    file is a new one: what lies at its name, say a link to somewhere else, is removed and not followed.
    """
    path = path.absolute()  # what writes it may go elsewhere
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0), 0o666))
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def remove_left_over(folder: Path, name: str) -> None:
    """Remove what processes left that were killed while they wrote a file; nobody may be writing one.

    Args:
        folder: where the file lies.
        name: its name, or a pattern of names.
    """
    for part in folder.glob(f".{name}.*.part"):
        part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(text: str, path: Path) -> Path:
    """Write text, whole or not at all."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")
    return path
