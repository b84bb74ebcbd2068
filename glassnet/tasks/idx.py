"""Files in the idx format, in which MNIST and its relatives are distributed."""

import gzip
import math
import zlib
from os import PathLike
from pathlib import Path

import numpy as np

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def load_idx(path: str | PathLike) -> np.ndarray:
    """Read an array from an idx file, gzip-compressed or not.

    The format, big-endian throughout: two zero bytes, one byte for the type, one for the number of
    dimensions, 4 bytes for each dimension, then the values, last dimension fastest.

    Args:
        path: the file; compression is recognised by content, whatever the name.
    Returns:
        The array, in native byte order: uint8, int8, int16, int32, float32 or float64.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not an idx file, is truncated or has trailing bytes; it names path and numbers.
    """
    path = Path(path)
    content = _content(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in TYPES or content[3] == 0:
        known = ", ".join(f"{code:#04x}" for code in TYPES)
        requirement = f"00 00, a type ({known}) and a number of dimensions > 0"
        raise ValueError(
            f"File {path} is not in idx format: it starts with '{content[:4].hex(' ')}', not {requirement}."
        )
    dtype, start = np.dtype(TYPES[content[2]]), 4 + 4 * content[3]
    if len(content) < start:
        raise ValueError(f"File {path} is truncated: its header has {start} bytes, but {len(content)} are there.")
    shape = tuple(np.frombuffer(content, ">u4", content[3], 4).tolist())
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        state = "is truncated" if len(content) < expected else "has trailing bytes"
        raise ValueError(f"File {path} {state}: shape {shape} takes {expected} bytes, but {len(content)} are there.")
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def idx_images(images_path: str | PathLike, labels_path: str | PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a pair of idx files, for `digits(..., images=images, labels=labels)`.

    Args:
        images_path: file of uint8 images, shape (image, height, width).
        labels_path: file of integer labels, shape (image,).
    Returns:
        (images, labels).
    Raises:
        FileNotFoundError, ValueError: as in `load_idx`, or if shapes, types or numbers of images do not fit.
    """
    images, labels = load_idx(images_path), load_idx(labels_path)
    if images.ndim != 3 or images.dtype != np.uint8:
        found = f"{images.dtype} of shape {images.shape}"
        raise ValueError(f"File {images_path} must hold uint8 of shape (image, height, width), but holds {found}.")
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        found = f"{labels.dtype} of shape {labels.shape}"
        raise ValueError(f"File {labels_path} must hold integers of shape (image,), but holds {found}.")
    if len(images) != len(labels):
        numbers = f"{len(images)} images, but {labels_path} holds {len(labels)} labels"
        raise ValueError(f"Files must hold as many images as labels, but {images_path} holds {numbers}.")
    return images, labels


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    content = path.read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"File {path} is not intact: gzip fails on its {len(content)} bytes ({error}).") from error
