"""Files that commands write: checked before any work is done, written whole or not at all."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from glassnet.core.check import fail
from glassnet.store.durable import whole, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "checked_output", "writable_folder", "write_figure", "write_text"]

FIGURES = (".png", ".pdf", ".svg")


def checked_output(path: Path, suffixes: Collection[str], *, overwrite: bool = False) -> Path:
    """`path`, if a file can be written there.

    Raises:
        ValueError: for a suffix not in `suffixes`, or a file that is there without `overwrite`.
        FileNotFoundError: if its folder does not exist.
        PermissionError: if its folder cannot be written to.
    """
    if path.suffix not in suffixes:
        raise fail("output", f"end in {' or '.join(suffixes)}", str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"Argument `output` must lie in an existing folder, but is {str(path)!r}.")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"Argument `output` must lie in a folder that can be written to, but is {str(path)!r}.")
    if path.is_dir():
        raise fail("output", "be a file, not a folder", str(path))
    if path.exists() and not overwrite:
        raise fail("output", "not exist yet unless --overwrite is given", str(path))
    return path


def writable_folder(folder: Path) -> Path:
    """`folder`, made if it does not exist.

    Raises:
        ValueError: if it is a file.
        PermissionError: if it cannot be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"Argument `output_dir` must be a folder, but is {str(folder)!r}.")
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"Argument `output_dir` must be a folder that can be written to, but is {str(folder)!r}.")
    return folder


def write_figure(figure: "Figure", path: Path) -> Path:
    """Write a figure, whole or not at all."""
    with whole(path) as part:
        figure.savefig(part, format=path.suffix[1:], dpi=160)
    return path
