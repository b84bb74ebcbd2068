"""Files that commands write: checked before any work is done, written whole or not at all."""

import codecs
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


def text_of(path: Path, name: str, kind: str) -> str:
    """The text of a file that a user wrote, UTF-8 with or without a byte order mark, or UTF-16 with one.

    Args:
        path: the file, or a pipe, such as a process substitution of the shell.
        name: the argument that names it.
        kind: what it is, for errors: "JSON".
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is a folder, or no text.
    """
    if not path.exists() or path.is_dir():
        raise FileNotFoundError(f"Argument `{name}` must name a {kind} file, but is {str(path)!r}.")
    content = path.read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"Argument `{name}` must hold {kind}, but {path} is no text in UTF-8: {error}.") from error


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
