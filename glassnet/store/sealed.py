"""Arrays in one file with a seal: a single flipped bit or missing byte is noticed.

The file is an uncompressed .npz archive, which `numpy.load` opens, followed by the SHA-256 of all bytes before in 64
hexadecimal digits. Among its arrays is `about`: JSON with the SHA-256 of each other array.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile, ZipFile

import numpy as np

from glassnet.simulation.parts import Parts
from glassnet.store.durable import whole
from glassnet.tasks.task import fingerprint

SEAL = 64
"""Bytes of the seal."""

CHUNK = 2**20
"""Bytes read at once."""


class DamagedError(ValueError):
    """A sealed file is not what was written."""


def write(path: Path, arrays: Mapping[str, np.ndarray | Parts], about: Mapping[str, Any]) -> Path:
    """Write arrays and JSON values, whole or not at all.

    Args:
        path: the file; one that is there is replaced.
        arrays: by name; names may hold "/". Those in parts are not joined.
        about: JSON values that go with them.
    """
    digests = {name: _fingerprint(array) for name, array in arrays.items()}
    text = json.dumps({**about, "sha256": digests})
    members: dict[str, Any] = {**arrays, "about": np.frombuffer(text.encode(), np.uint8)}
    with whole(path) as unfinished, unfinished.open("wb") as file:
        sealing = _Sealing(file)
        with ZipFile(sealing, "w", allowZip64=True) as archive:  # as `numpy.savez` writes it
            for name, array in members.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    head = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False}
                    np.lib.format.write_array_header_1_0(member, head | {"shape": array.shape})
                    for part in _parts(array):
                        member.write(part)
        file.write(sealing.seal())
    return path


def _parts(array: np.ndarray | Parts) -> Iterator[memoryview]:
    """The bytes of an array, part by part."""
    for part in array if isinstance(array, Parts) else [array]:
        yield np.ascontiguousarray(part).data


def _fingerprint(array: np.ndarray | Parts) -> str:
    """As `fingerprint` of the joined array."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    for part in _parts(array):
        digest.update(part)
    return digest.hexdigest()


class _Sealing(io.RawIOBase):
    """A file to be written from start to end whose bytes are hashed on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest = file, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._digest.update(data)
        return self._file.write(data)

    def seal(self) -> bytes:
        return self._digest.hexdigest().encode()


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `write` wrote.

    Returns:
        The arrays by name, and the JSON values.
    Raises:
        FileNotFoundError: if there is no such file.
        DamagedError: if the file is not, bit for bit, what was written.
    """
    _check_seal(path)
    try:
        with np.load(path, allow_pickle=False) as members:
            arrays = {name: members[name] for name in members.files}
        about = json.loads(arrays.pop("about").tobytes())
        digests = about.pop("sha256")
    except (ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DamagedError(f"{path.name} has a seal but is no archive of arrays: {error}.") from error
    wrong = [name for name, array in arrays.items() if digests.get(name) != fingerprint(array)]
    if wrong:
        raise DamagedError(f"{path.name} is damaged in {', '.join(wrong)}.")
    return arrays, about


def _check_seal(path: Path) -> None:
    """Raise DamagedError unless the file ends with the SHA-256 of what comes before."""
    rest = path.stat().st_size - SEAL
    if rest < 0:
        raise DamagedError(f"{path.name} is cut off.")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while rest:
            data = file.read(min(rest, CHUNK))
            if not data:
                raise DamagedError(f"{path.name} is cut off.")
            digest.update(data)
            rest -= len(data)
        if file.read() != digest.hexdigest().encode():
            raise DamagedError(f"{path.name} is cut off or damaged: its bytes do not have the SHA-256 at their end.")
