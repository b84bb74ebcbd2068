"""Results on disk while a run goes on: a zarr store whose axes of time are laid out in advance."""

import shutil
import time
import warnings
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xarray as xr
import zarr
from zarr.codecs import ZstdCodec
from zarr.storage import MemoryStore

from glassnet.core.codec import decoded
from glassnet.store import seal

CLOCKS = ("time", "lag")
"""Axes along which rows are added."""

CHUNK = 2**20
"""Bytes of a chunk at most, where a single time does not take more."""

SMALL = 2**24
"""Bytes of a result, uncompressed, up to which a store is put together in memory before its files are written."""

OPTIONS: dict[str, Any] = {"consolidated": False, "zarr_format": 3}


class LiveResults:
    """The zarr store of a run, written row by row.

    Args:
        path: folder of the store; what is there is replaced when the first rows are written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[str, int] = {}

    @property
    def begun(self) -> bool:
        """Whether anything has been written."""
        return bool(self._rows)

    def update(self, ds: xr.Dataset, rows: Mapping[str, int]) -> None:
        """Write the rows that are new.

        Args:
            ds: everything measured so far, NaN ahead.
            rows: how many times of each clock have been measured.
        """
        if not self._rows:
            replace(ds, self.path)
        else:
            seal.take_off(self.path)
            for clock, count in rows.items():
                self._write(_along(ds, clock), clock, self._rows.get(clock, 0), count)
            label(self.path, ds.attrs)
        self._rows = dict(rows)

    def _write(self, ds: xr.Dataset, clock: str, first: int, last: int) -> None:
        """Write the rows `first`..`last` - 1 of the variables with this clock, which are laid out with the first."""
        if first == last or not ds.data_vars:
            return
        with _quiet():
            if first == 0:
                ds.to_zarr(self.path, mode="a", encoding=_encoding(ds), **OPTIONS)
            else:
                rows = slice(first, last)
                ds.isel({clock: rows}).to_zarr(self.path, region={clock: rows}, **OPTIONS)


def replace(ds: xr.Dataset, path: Path) -> None:
    """Write a whole result as a zarr store in place of what is at `path`, which is there until the new one is."""
    fresh, old = (path.with_name(f".{path.name}.{word}") for word in ("new", "old"))
    for folder in (fresh, old):
        _remove(folder)
    _write_whole(ds, fresh)
    seal.take_off(path)
    if path.exists():
        path.rename(old)
    fresh.rename(path)
    _remove(old)


def _remove(path: Path) -> None:
    """Remove what is at `path`; never what a link there leads to."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _write_whole(ds: xr.Dataset, path: Path) -> None:
    """Write a store where there is none."""
    with _quiet():
        if ds.nbytes > SMALL:
            ds.to_zarr(path, mode="w", encoding=_encoding(ds), **OPTIONS)
            return
        files: dict[str, Any] = {}  # zarr needs twice the time when it has to open and rename each of many small files
        ds.to_zarr(MemoryStore(files), mode="w", encoding=_encoding(ds), **OPTIONS)
    for folder in {(path / name).parent for name in files}:
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (path / name).write_bytes(content.to_bytes())


def label(path: Path, attributes: Mapping[str, Any]) -> None:
    """Write attributes of a store, whose seal is taken off."""
    seal.take_off(path)
    with _quiet():
        zarr.open_group(path, mode="r+").attrs.update(dict(attributes))


def attributes(path: Path) -> dict[str, Any]:
    """The attributes of a store as they are, unchecked; none where there is no store, or no whole one."""
    try:
        found = decoded((path / "zarr.json").read_bytes())
    except (OSError, ValueError):
        return {}
    values = found.get("attributes") if isinstance(found, dict) else None
    return values if isinstance(values, dict) else {}


def read(
    path: Path, variables: Collection[str] | None = None, *, sealed: Callable[[], bool] = lambda: False
) -> xr.Dataset:
    """Read a store, or some of its variables, into memory; tries again for a moment: a run may be replacing it.

    What has a seal must be, byte for byte, what was sealed.

    Args:
        path: the store.
        variables: names of those that are wanted; all if None.
        sealed: whether the store must have a seal, asked at each attempt.
    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is damaged, or has no seal and must have one.
    """
    for pause in (*PAUSES, None):
        try:
            return _read(path, variables, sealed=sealed())
        except Exception as error:  # a damaged store can make the libraries below raise anything
            if pause is None:
                raise _unreadable(path, error) from error
            time.sleep(pause)
    raise AssertionError("unreachable")


def _read(path: Path, variables: Collection[str] | None, *, sealed: bool) -> xr.Dataset:
    """Read a store, metadata checked before they are believed, numbers before they are loaded."""
    if not seal.check(path, lambda name: name.endswith(METADATA)) and sealed:
        raise seal.BrokenSealError(f"{seal.path_of(path).name} is missing")
    with _quiet(), xr.open_zarr(path, chunks=None, **OPTIONS) as ds:
        left_out = set() if variables is None else {str(name) for name in ds.data_vars} - set(variables)
        seal.check(path, lambda name: not name.endswith(METADATA) and name.partition("/")[0] not in left_out)
        return ds.drop_vars(left_out).load()


METADATA = "zarr.json"
"""Name of the files of a store that hold no numbers."""

PAUSES = (0.05, 0.2)
"""Seconds between attempts to read a store."""


def _unreadable(path: Path, error: Exception) -> Exception:
    if not path.is_dir():
        return FileNotFoundError(f"Argument `path` must hold results, but {str(path)!r} does not exist yet.")
    reason = " ".join(str(error).split()) or type(error).__name__
    message = f"hold whole results, but {str(path)!r} is damaged ({reason}); resuming the run mends it"
    return ValueError(f"Argument `path` must {message}.")


def _along(ds: xr.Dataset, clock: str) -> xr.Dataset:
    """The variables that have a clock, without coordinates."""
    part = ds[[name for name, x in ds.data_vars.items() if clock in x.dims]]
    return part.drop_vars(list(part.coords))


def _encoding(ds: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Chunks and compression of each variable and coordinate; chunks carry checksums."""
    return {
        str(name): {"chunks": _chunks(x), "compressors": (ZstdCodec(level=3, checksum=True),)}
        for name, x in ds.variables.items()
        if x.size
    }


def _chunks(x: xr.Variable) -> tuple[int, ...]:
    """All along every axis but that of time, which is cut where a chunk would be too large."""
    clock = next((dim for dim in x.dims if dim in CLOCKS), None)
    if clock is None:
        return x.shape
    row = x.nbytes // x.sizes[clock]
    return tuple(min(n, max(1, CHUNK // row)) if dim == clock else n for dim, n in x.sizes.items())


@contextmanager
def _quiet() -> Generator[None]:
    """Without warnings of zarr about what its own format may become."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
