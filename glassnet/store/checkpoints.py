"""Checkpoints of a run: the two newest are kept, damaged ones are passed over."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.perceptron.state import State
from glassnet.simulation.moment import Moment, Row
from glassnet.store import sealed

FORMAT = 1
"""Version of what a checkpoint holds."""

KEPT = 2
"""Checkpoints that are kept."""


class Checkpoints:
    """The checkpoints in a folder.

    Args:
        folder: where they lie.
        identity: hash of what must be the same for a run to go on from them.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder, self._identity = folder, identity
        self._damaged: set[Path] = set()

    def files(self) -> list[Path]:
        """The files, oldest first."""
        return sorted(self.folder.glob("[0-9]*.npz"))

    def save(self, moment: Moment, about: Mapping[str, Any]) -> Path:
        """Write a checkpoint and remove all but the newest two, and those that `newest` found damaged.

        Args:
            moment: where the run is.
            about: JSON values that go with it.
        """
        self.folder.mkdir(exist_ok=True)
        files = self.files()
        number = int(files[-1].stem) + 1 if files else 0
        arrays, layout = packed(moment)
        about = {**about, "format": FORMAT, "identity": self._identity, "layout": layout}
        path = sealed.write(self.folder / f"{number:08d}.npz", arrays, about)
        whole = [file for file in files if file not in self._damaged]
        for file in (*self._damaged, *whole[: 1 - KEPT]):
            file.unlink(missing_ok=True)
        self._damaged.clear()
        return path

    def newest(self, damaged: Callable[[Path, str], None]) -> tuple[Moment, dict[str, Any]] | None:
        """The newest checkpoint that is whole, None where no checkpoint was ever written.

        Args:
            damaged: told of every file that is damaged, and why.
        Raises:
            ValueError: if all checkpoints are damaged, or one belongs to another run or another format.
        """
        files = self.files()
        for path in reversed(files):
            try:
                arrays, about = sealed.read(path)
            except (sealed.DamagedError, OSError) as error:
                self._damaged.add(path)
                damaged(path, str(error))
                continue
            self._check(path, about)
            return unpacked(arrays, about.pop("layout")), about
        if files:
            names = ", ".join(path.name for path in files)
            raise ValueError(f"Argument `folder` must hold a whole checkpoint, but all are damaged: {names}.")
        return None

    def _check(self, path: Path, about: Mapping[str, Any]) -> None:
        """Raise ValueError unless the checkpoint belongs to this run."""
        if about["format"] != FORMAT:
            raise ValueError(f"Argument `folder` must hold checkpoints of format {FORMAT}, but is {about['format']!r}.")
        if about["identity"] != self._identity:
            raise ValueError(f"Argument `folder` must hold checkpoints of its own run, but has {path.name} of another.")


def packed(moment: Moment) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """A moment as arrays by name, and JSON values."""
    arrays = _state("states", moment.states)
    for n, state in enumerate(moment.snapshots):
        arrays |= _state(f"snapshots/{n}", state)
    arrays |= {f"accepted/{name}": count for name, count in moment.accepted.items()}
    for phase, rows in moment.rows.items():
        arrays |= {f"rows/{phase}/{name}": np.stack([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    layout = {"phase": moment.phase, "sweep": moment.sweep, "snapshots": len(moment.snapshots), "times": moment.times}
    return arrays, layout


def unpacked(arrays: Mapping[str, np.ndarray], layout: Mapping[str, Any]) -> Moment:
    """The inverse of `packed`."""
    rows = {phase: _rows(f"rows/{phase}/", len(times), arrays) for phase, times in layout["times"].items()}
    return Moment(
        layout["phase"],
        layout["sweep"],
        _state_from("states", arrays),
        tuple(_state_from(f"snapshots/{n}", arrays) for n in range(layout["snapshots"])),
        _below("accepted/", arrays),
        rows,
        {phase: tuple(times) for phase, times in layout["times"].items()},
    )


def _state(prefix: str, state: State) -> dict[str, Any]:
    named = {f"{prefix}/weights/{g}": J for g, J in enumerate(state.weights)}
    return {f"{prefix}/spins": state.spins} | named | {f"{prefix}/fields/{g}": h for g, h in enumerate(state.fields)}


def _state_from(prefix: str, arrays: Mapping[str, np.ndarray]) -> State:
    weights, fields = (_below(f"{prefix}/{kind}/", arrays) for kind in ("weights", "fields"))
    stacks = [tuple(found[str(g)] for g in range(len(found))) for found in (weights, fields)]
    return State(arrays[f"{prefix}/spins"], *stacks)  # ty: ignore[invalid-argument-type]


def _rows(prefix: str, count: int, arrays: Mapping[str, np.ndarray]) -> list[Row]:
    columns = _below(prefix, arrays)
    return [{name: x[n] for name, x in columns.items()} for n in range(count)]


def _below(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `prefix`, by the rest of their names."""
    return {name.removeprefix(prefix): x for name, x in arrays.items() if name.startswith(prefix)}
