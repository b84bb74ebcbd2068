"""The folder of a campaign: what it records, and where each run lies."""

import json
import math
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from glassnet.campaign.axes import read_axes
from glassnet.campaign.cluster import FOLDER
from glassnet.campaign.grid import SWEEPS, Grid, Point, longer
from glassnet.config import RunConfig
from glassnet.core.check import fail
from glassnet.core.codec import config_hash, decoded, difference, flat
from glassnet.core.former import of_earlier_versions
from glassnet.store.durable import write_text
from glassnet.store.folder import RunFolder
from glassnet.store.lock import locked

RECORD, LOCK = "campaign.json", ".lock"

FORMATS = 1, 2
"""Versions of the record that are read; the last is written. The first (glassnet 0.1) has no SHA-256."""


@dataclass(frozen=True)
class Campaign:
    """A campaign in its folder.

    Args:
        folder: the folder, an absolute path, so that it is the same wherever the process goes.
        grid: what it consists of; the names of its points are those of the folders of the runs.
        runs: hash of the configuration by name of all runs that have ever belonged to it.
    """

    folder: Path
    grid: Grid
    points: tuple[Point, ...]
    runs: dict[str, str]

    def run_folder(self, point: Point) -> Path:
        """Where the run lies."""
        return self.folder / point.name

    def log_file(self, point: Point) -> Path:
        """What the commands that carry out the run print."""
        return self.folder / "logs" / f"{point.name}.log"

    def config_file(self, point: Point) -> Path:
        """The configuration that the run starts from."""
        return self.folder / "configs" / f"{point.name}.json"


def campaign(folder: Path, grid: Grid) -> Campaign:
    """The campaign `grid` in `folder`, new or an enlargement of what is recorded there; writes nothing.

    A run that is recorded keeps its folder, also if the grid has got another axis or the clones are to run longer.

    Raises:
        ValueError: if another campaign is recorded there, with the fields that differ.
    """
    runs, shorter = {}, {}
    if (folder / RECORD).exists():
        recorded = _recorded(folder)
        old = _grid(recorded)
        runs = _runs(recorded, grid)
        _check_same(folder, old, grid)
        if SWEEPS in old.fixed and SWEEPS in grid.fixed:  # along an axis, more sweeps are another run
            shorter = _shorter(folder, runs, grid)
    elif folder.exists() and any(not file.name.startswith(".") and file.name != FOLDER for file in folder.iterdir()):
        raise fail("output", "be empty, new, or the folder of a campaign", str(folder))
    names = {config_hash: name for name, config_hash in runs.items()}
    names |= {new: name for name, new in shorter.items()}
    points = tuple(replace(p, name=names.get(p.config.config_hash, p.name)) for p in grid.points)
    known = runs | shorter
    taken = [p.name for p in points if known.get(p.name, p.config.config_hash) != p.config.config_hash]
    if taken:
        raise ValueError(f"Argument `output` must not hold other runs, but {folder} has another {', '.join(taken)}.")
    return Campaign(folder.absolute(), grid, points, runs | {p.name: p.config.config_hash for p in points})


def holds_campaign(folder: str | os.PathLike) -> bool:
    """Whether `folder` is that of a campaign."""
    return (Path(folder) / RECORD).is_file()


def open_folder(folder: str | os.PathLike) -> Campaign:
    """The campaign that is recorded in `folder`.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if the record cannot be read.
    """
    folder = Path(folder)
    if not holds_campaign(folder):
        raise FileNotFoundError(f"Argument `folder` must be the folder of a campaign, but is {str(folder)!r}.")
    return campaign(folder, _grid(_recorded(folder)))


def write(campaign: Campaign) -> None:
    """Record the campaign in its folder, with the configurations of its runs; makes the folder."""
    campaign.folder.mkdir(parents=True, exist_ok=True)
    grid = campaign.grid
    values = {
        "format": FORMATS[-1],
        "hash": grid.campaign_hash,
        "run": grid.base,
        "grid": grid.values,
        "runs": campaign.runs,
    }
    values["written"] = datetime.now(UTC).isoformat(timespec="seconds")
    values["sha256"] = config_hash(values)
    write_text(json.dumps(values, indent=1) + "\n", campaign.folder / RECORD)
    for name in ("configs", "logs"):
        (campaign.folder / name).mkdir(exist_ok=True)
    for point in campaign.points:
        file, text = campaign.config_file(point), point.config.to_json() + "\n"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            write_text(text, file)


def check_run(folder: Path, config: RunConfig, *, also_longer: bool = False) -> None:
    """Check that the run in `folder` has the configuration `config`, or is to be made longer.

    Args:
        folder: folder of the run.
        config: what it is to be.
        also_longer: whether it may have more sweeps, too.
    Raises:
        ValueError: with the fields that differ, or if the run has no configuration of its own.
    """
    values = RunFolder(folder).about["run"]
    found = RunConfig.stored(values) if values else None
    if found is None:
        raise fail("output", "hold runs made by `glassnet run`", str(folder))
    old, new = found.to_dict(), config.to_dict()
    if found.config_hash == config.config_hash or longer(old, new) or (also_longer and longer(new, old)):
        return
    changed = "; ".join(difference(old, new))
    raise ValueError(f"Argument `run` must be that of the run in {folder}, but differs: {changed}.")


def _recorded(folder: Path) -> dict[str, Any]:
    """What is recorded in the folder, checked."""
    file = folder / RECORD
    try:
        values = decoded(file.read_bytes())
        version, rest = values["format"], {name: x for name, x in values.items() if name != "sha256"}
        whole = version == FORMATS[0] or values.get("sha256") == config_hash(rest)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        words = f"{folder} has an error: {error!r}"
        raise ValueError(f"Argument `folder` must hold a whole {RECORD}, but {words}.") from error
    if version not in FORMATS:
        raise fail("folder", f"hold a {RECORD} of format {' or '.join(map(str, FORMATS))}", str(folder))
    runs = values.get("runs")
    if not whole or not isinstance(values.get("run"), dict) or not isinstance(runs, dict):
        raise ValueError(f"Argument `folder` must hold a whole {RECORD}, but {file} is damaged.")
    for name in runs:
        if not plain_name(name):
            raise ValueError(f"Argument `folder` must hold runs in folders of its own, but {file} names {name!r}.")
    return values


def plain_name(name: str) -> bool:
    """Whether this is the name of something in a folder, not a path that leads elsewhere."""
    return name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0"}


def _grid(recorded: dict[str, Any]) -> Grid:
    with of_earlier_versions():
        return Grid(recorded["run"], read_axes(recorded.get("grid")))


def _runs(recorded: dict[str, Any], grid: Grid) -> dict[str, str]:
    """The hashes of the recorded runs, by name; a hash that an earlier version gave is replaced by the present one."""
    renewed = {point.config.former_hash: point.config.config_hash for point in grid.points}
    return {name: renewed.get(known, known) for name, known in recorded["runs"].items()}


def _check_same(folder: Path, old: Grid, new: Grid) -> None:
    """Raise ValueError if fields that neither grid varies differ, but for more sweeps of the clones."""
    shared = old.fixed.keys() & new.fixed.keys()
    before, now = ({name: x for name, x in grid.fixed.items() if name in shared} for grid in (old, new))
    if before.get(SWEEPS, math.inf) < now.get(SWEEPS, 0):
        before[SWEEPS] = now[SWEEPS]
    changed = difference(before, now)
    if changed:
        message = f"must be that of the campaign in {folder}, but differs: {'; '.join(changed)}"
        raise ValueError(f"Argument `run` {message}. Give another --output, or vary the field in the grid.")


def _shorter(folder: Path, runs: dict[str, str], grid: Grid) -> dict[str, str]:
    """Hashes that recorded runs which are to be made longer have in `grid`, by name."""
    wanted = [point.config for point in grid.points if point.config.config_hash not in runs.values()]
    if not wanted:
        return {}
    asked = {_but_sweeps(config): config for config in wanted}
    best: dict[str, tuple[int, str]] = {}  # sweeps and name of the longest that there is
    for name in runs:
        with suppress(FileNotFoundError, ValueError):  # a run whose configuration is lost is another one
            old = RunConfig.stored(decoded((folder / "configs" / f"{name}.json").read_bytes()))
            new = asked.get(_but_sweeps(old))
            if new is not None and longer(old.to_dict(), new.to_dict()):
                best[new.config_hash] = max(best.get(new.config_hash, (0, "")), (old.protocol.sweeps, name))
    return {name: new for new, (_, name) in best.items()}


def _but_sweeps(config: RunConfig) -> str:
    """A hash of all of a configuration but the sweeps of the clones."""
    return config_hash(flat(config.to_dict()) | {SWEEPS: None})


@contextmanager
def held(folder: Path) -> Generator[None]:
    """Hold the folder, which is made if need be, against other commands that would start its runs.

    Raises:
        LockedError: if another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / LOCK):
        yield
