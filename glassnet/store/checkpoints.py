"""Checkpoints of a run: the two newest are kept, damaged ones are passed over."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from glassnet.sampling.kernel import State
from glassnet.simulation.job import Job
from glassnet.simulation.moment import CLONES, Moment, Row, misfits
from glassnet.store import sealed

FORMAT = 1
"""Version of what a checkpoint holds."""

NAME = re.compile(r"[0-9]{8,18}\.npz")
"""Name of a checkpoint: its number."""

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
        """The files, oldest first; not what else lies there, such as copies of them."""
        found = [file for file in self.folder.glob("*.npz") if NAME.fullmatch(file.name) and file.is_file()]
        return sorted(found, key=lambda file: int(file.stem))

    def save(self, moment: Moment, about: Mapping[str, Any]) -> Path:
        """Write a checkpoint and remove all but the newest two, and those that `newest` found damaged.

        Args:
            moment: where the run is.
            about: JSON values that go with it.
        """
        self.folder.mkdir(exist_ok=True)
        files = self.files()
        taken = [int(file.stem) for file in self.folder.iterdir() if NAME.fullmatch(file.name)]
        number = max(taken, default=-1) + 1
        arrays, layout = packed(moment)
        about = {**about, "format": FORMAT, "identity": self._identity, "layout": layout}
        path = sealed.write(self.folder / f"{number:08d}.npz", arrays, about)
        whole = [file for file in files if file not in self._damaged]
        for file in (*self._damaged, *whole[: 1 - KEPT]):
            file.unlink(missing_ok=True)
        self._damaged.clear()
        return path

    def newest(self, job: Job, damaged: Callable[[Path, str], None]) -> tuple[Moment, dict[str, Any]] | None:
        """The newest checkpoint that is whole, None where there is no checkpoint.

        Args:
            job: the run, which may be longer than it was when the checkpoint was written.
            damaged: told of every file that is damaged, and why.
        Raises:
            ValueError: if all checkpoints are damaged, or one belongs to another run or another format, or holds what
                cannot be from this run.
        """
        files = self.files()
        for path in reversed(files):
            try:
                arrays, about = sealed.read(path)
            except (sealed.DamagedError, OSError) as error:
                self._damaged.add(path)
                damaged(path, str(error))
                continue
            return self._checked(path, arrays, about, job)
        if files:
            names = ", ".join(path.name for path in files)
            raise ValueError(f"Argument `folder` must hold a whole checkpoint, but all are damaged: {names}.")
        return None

    def _checked(
        self, path: Path, arrays: Mapping[str, np.ndarray], about: dict[str, Any], job: Job
    ) -> tuple[Moment, dict[str, Any]]:
        """The moment in a checkpoint and what goes with it, if it belongs to this run and fits it."""
        if about.get("format") != FORMAT:
            found = about.get("format")
            raise ValueError(f"Argument `folder` must hold checkpoints of format {FORMAT}, but is {found!r}.")
        if about.get("identity") != self._identity:
            raise ValueError(f"Argument `folder` must hold checkpoints of its own run, but has {path.name} of another.")
        try:
            like = job.outline()
            moment = unpacked(arrays, about.pop("layout"), like, jax.eval_shape(job.system.bare, like))
            wrong = next(misfits(moment, job), None)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            wrong = f"a layout that cannot be read ({error!r})"
        if wrong is not None or not about.keys() >= OF_SESSION:
            words = wrong or f"no {', '.join(sorted(OF_SESSION - about.keys()))}"
            raise ValueError(f"Argument `folder` must hold checkpoints of its own run, but {path.name} has {words}.")
        return moment, about


OF_SESSION = {"run_seconds", "resumed", "made"}
"""What goes with every checkpoint."""


def packed(moment: Moment) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """A moment as arrays by name, and JSON values."""
    arrays = _named("states", moment.states)
    for n, state in enumerate(moment.snapshots):
        arrays |= _named(f"snapshots/{n}", state)
    arrays |= {f"accepted/{name}": count for name, count in moment.accepted.items()}
    for phase, rows in moment.rows.items():
        arrays |= {f"rows/{phase}/{name}": np.stack([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    layout = {"phase": moment.phase, "sweep": moment.sweep, "snapshots": len(moment.snapshots), "times": moment.times}
    return arrays, layout


def unpacked(arrays: Mapping[str, np.ndarray], layout: Mapping[str, Any], like: State, bare: State) -> Moment:
    """The inverse of `packed`. States have the structure of `like`; snapshots, once clones run, that of `bare`."""
    snapshot = bare if layout["phase"] == CLONES else like
    rows = {phase: _rows(f"rows/{phase}/", len(times), arrays) for phase, times in layout["times"].items()}
    return Moment(
        layout["phase"],
        layout["sweep"],
        _filled("states", like, arrays),
        tuple(_filled(f"snapshots/{n}", snapshot, arrays) for n in range(layout["snapshots"])),
        _below("accepted/", arrays),
        rows,
        {phase: tuple(times) for phase, times in layout["times"].items()},
    )


def _named(prefix: str, tree: Any) -> dict[str, Any]:
    """The arrays of a pytree by their paths in it."""
    return {"/".join([prefix, *map(_step, path)]): x for path, x in jax.tree.leaves_with_path(tree)}


def _step(key: Any) -> str:
    """One step of a path in a pytree: the name of a field, a key or an index."""
    return str(next(getattr(key, name) for name in ("name", "key", "idx") if hasattr(key, name)))


def _filled(prefix: str, like: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """A pytree with the structure of `like` from arrays named by their paths; a tuple ends where the arrays do."""
    if isinstance(like, tuple) and not hasattr(like, "_fields"):
        parts = [
            _filled(f"{prefix}/{n}", part, arrays) for n, part in enumerate(like) if _below(f"{prefix}/{n}", arrays)
        ]
        return tuple(parts)
    if jax.tree_util.all_leaves([like]):
        return arrays[prefix]
    children, structure = jax.tree.flatten_with_path(like, is_leaf=lambda x: x is not like)
    return jax.tree.unflatten(structure, [_filled(f"{prefix}/{_step(path[0])}", x, arrays) for path, x in children])


def _rows(prefix: str, count: int, arrays: Mapping[str, np.ndarray]) -> list[Row]:
    columns = _below(prefix, arrays)
    return [{name: x[n] for name, x in columns.items()} for n in range(count)]


def _below(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `prefix`, by the rest of their names."""
    return {name.removeprefix(prefix): x for name, x in arrays.items() if name.startswith(prefix)}
