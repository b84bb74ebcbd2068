"""A campaign as it is asked for: configurations of all points of a grid, checked before anything runs."""

import itertools
import math
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from glassnet.campaign.axes import Axis, file_name, placed, read_axes
from glassnet.config import RunConfig
from glassnet.config.read import record
from glassnet.core.check import fail, unknown
from glassnet.core.codec import config_hash, differing, flat, to_json
from glassnet.output import text_of

TABLES = ("run", "grid", "cluster")
LONGEST_NAME = 200

MOST_RUNS = 100_000
"""Runs of a grid at most: each is a folder with a few hundred files."""


@dataclass(frozen=True)
class Point:
    """One run of a campaign.

    Args:
        name: name of its folder.
        config: its configuration.
    """

    name: str
    config: RunConfig


@dataclass(frozen=True)
class Grid:
    """A grid of runs.

    Args:
        base: configuration that all runs share, nested tables as in the campaign file.
        axes: axes of the grid, the last one varies fastest.
        cluster: options of jobs on a cluster.
    Raises:
        ValueError: if the configuration of a point is not valid, naming the point, two points are the same run, or
            there are more than `MOST_RUNS`.
    """

    base: dict[str, Any]
    axes: tuple[Axis, ...]
    cluster: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if math.prod(self.shape) > MOST_RUNS:
            raise fail("grid", f"hold at most {MOST_RUNS} runs", math.prod(self.shape))
        names: dict[str, str] = {}
        for point in self.points:
            other = names.setdefault(point.config.config_hash, point.name)
            if other != point.name:
                raise ValueError(
                    f"Argument `grid` must hold different runs, but {other} and {point.name} are the same."
                )

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """All runs, in the order of the grid."""
        return tuple(self._point(values) for values in itertools.product(*(axis.values for axis in self.axes)))

    def _point(self, values: tuple[Any, ...]) -> Point:
        name = file_name(self.axes, values)
        try:
            config = record(RunConfig, "config", placed(self.base, self.axes, values))
        except ValueError as error:
            raise ValueError(f"{error} This is the grid point {name}.") from error
        return Point(name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]},{config.config_hash[:12]}", config)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values along each axis."""
        return tuple(len(axis.values) for axis in self.axes)

    @property
    def values(self) -> dict[str, list[Any]]:
        """Values of each axis by its key, as JSON values."""
        return {axis.key: to_json(list(axis.values)) for axis in self.axes}

    @property
    def campaign_hash(self) -> str:
        """SHA-256 that changes with any configuration or value of the grid, 64 hexadecimal digits."""
        return config_hash({"grid": self.values, "runs": [point.config.config_hash for point in self.points]})

    @cached_property
    def fixed(self) -> dict[str, Any]:
        """Fields that the grid does not vary, by their names with dots."""
        swept = {".".join(axis.path) for axis in self.axes}
        return {name: value for name, value in flat(self.points[0].config.to_dict()).items() if name not in swept}


def read_grid(path: str | PathLike) -> Grid:
    """The campaign in a TOML file: tables [run] (fields of `RunConfig`), [grid] and, for clusters, [cluster].

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for another ending, text that is not TOML, unknown tables or keys, or an invalid grid point.
    """
    path = Path(path)
    if path.suffix != ".toml" and not path.is_fifo():
        raise fail("file", "end in .toml", str(path))
    text = text_of(path, "file", "TOML")
    try:
        return _of_tables(tomllib.loads(text.replace("\r\n", "\n")))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"Argument `file` must hold TOML, but {path} has an error: {error}.") from error
    except RecursionError:
        raise ValueError(f"Argument `file` must hold TOML, but {path} is nested too deeply.") from None


def _of_tables(tables: dict[str, Any]) -> Grid:
    for name, table in tables.items():
        if name not in TABLES:
            raise unknown(name, TABLES, "a campaign")
        if not isinstance(table, dict):
            raise fail(name, "be a table", table)
    return Grid(to_json(tables.get("run", {})), read_axes(tables.get("grid")), tables.get("cluster", {}))


SWEEPS = "protocol.sweeps"


def longer(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether two configurations are of the same run, which has more sweeps in the new one."""
    found = differing(old, new)
    return set(found) == {SWEEPS} and found[SWEEPS][0] < found[SWEEPS][1]
