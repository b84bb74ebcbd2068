"""The axes of a grid: which field of the configuration each one sets, and to which values."""

import json
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import quote

import numpy as np

from glassnet.config import RunConfig
from glassnet.config.read import machine_from
from glassnet.core.check import fail, positive, unknown
from glassnet.core.codec import flat, from_json, leaves
from glassnet.core.former import warn_former

ALIASES = {
    "alpha": "task.patterns",
    "N": "machine.width",
    "L": "machine.depth",
    "M": "task.patterns",
    "c": "machine.connectivity",
    "noise": "task.noise",
}
"""Short names of fields. `alpha` sets the number of patterns to alpha c, rounded."""

FORMER = {"machine.weights": "machine.ensemble", "task.teacher.weights": "task.teacher.ensemble"}
"""Former names of fields; folders of runs keep them in their names."""

LABELS = {
    "alpha": ("patterns per connection", "constraint density alpha = M / c"),
    "task.patterns": ("patterns", "number of patterns M"),
    "machine.width": ("neurons", "width N of hidden layers"),
    "machine.depth": ("layers", "depth L"),
    "machine.connectivity": ("neurons", "connectivity c"),
    "machine.potential.margin": ("1", "margin kappa"),
    "beta": ("1", "inverse temperature beta"),
    "weight_step": ("1", "size of a weight move"),
    "langevin.time_step": ("1", "time step"),
    "langevin.friction": ("1", "friction"),
    "descent.rate": ("1", "size of a step"),
    "seed": ("1", "seed of the dynamics"),
    "task.seed": ("1", "seed of the data"),
    "task.noise": ("1", "probability that a neuron of the teacher is wrong"),
    "task.beta": ("1", "inverse temperature of the teacher"),
}
"""Units and names in words of axes, by their key or the field that they set."""

PLAIN = (bool, int, float, str)


@dataclass(frozen=True)
class Axis:
    """One axis of a grid.

    Args:
        key: its name in the campaign file, which is the name of the dim, too.
        values: values of one kind, all different: numbers, words, truth values, lists of these, or lists of such lists.
        table: where it stands in the campaign file, for errors.
    Raises:
        ValueError: for a key that names no field, no values, equal values, or values of several kinds.
    """

    key: str
    values: tuple[Any, ...]
    table: str = "grid"

    def __post_init__(self) -> None:
        if self.path[0] not in {f.name for f in fields(RunConfig)}:
            raise unknown(self.where, (*ALIASES, *(f.name for f in fields(RunConfig))), "a grid")
        if not self.values:
            raise fail(self.where, "hold at least one value", list(self.values))
        for value in self.values:
            self._check(value)
        kinds = {_kind(value) for value in self.values}
        if len(kinds) > 1:
            raise fail(self.where, "hold values of one kind", list(self.values))
        if len(set(map(label, self.values))) < len(self.values):
            raise fail(self.where, "hold different values", list(self.values))

    def _check(self, value: Any) -> None:
        if self.key == "alpha":
            positive(**{self.where: value})
        parts = value if isinstance(value, list) else [value]
        rows = [part if isinstance(part, list) else [part] for part in parts]
        if not parts or not all(row and all(isinstance(x, PLAIN) and x == x for x in row) for row in rows):
            raise fail(self.where, "hold numbers, words or lists of these", value)

    @property
    def where(self) -> str:
        """The axis as errors name it."""
        return f"{self.table}.{self.key}"

    @property
    def path(self) -> tuple[str, ...]:
        """Names that lead to the field in a nested configuration."""
        return tuple((ALIASES | FORMER).get(self.key, self.key).split("."))

    @property
    def coordinate(self) -> np.ndarray:
        """Values of the coordinate: numbers and words as they are, lists as words."""
        return np.array([label(value) if isinstance(value, list) else value for value in self.values])

    @property
    def attributes(self) -> dict[str, str]:
        """Units and name in words of the coordinate."""
        field = ".".join(self.path)
        units, words = LABELS.get(self.key) or LABELS.get(field) or ("1", f"field {field} of the configuration")
        return {"units": units, "long_name": words}


def read_axes(grid: Any) -> tuple[Axis, ...]:
    """The axes of a table `grid`, in its order; keys with dots and nested tables mean the same.

    Raises:
        ValueError: as `Axis`, for an empty table, values that are not a list, or two keys that set the same field.
    """
    if not isinstance(grid, dict) or not grid:
        raise fail("grid", "be a table with at least one list of values", grid)
    axes: dict[tuple[str, ...], Axis] = {}
    for key, values in leaves(grid):
        if not isinstance(values, list):
            raise fail(f"grid.{key}", "be a list of values", values)
        if key in FORMER:
            warn_former(f"grid.{key}", f"grid.{FORMER[key]}", stacklevel=3)
        axis = Axis(key, tuple(value if isinstance(value, list) else from_json(value) for value in values))
        if axis.path in axes:
            other = axes[axis.path].key
            raise ValueError(
                f"Argument `grid.{key}` must set another field than `grid.{other}`, but both set the same."
            )
        axes[axis.path] = axis
    return tuple(axes.values())


def placed(base: dict[str, Any], axes: tuple[Axis, ...], values: tuple[Any, ...]) -> dict[str, Any]:
    """The nested configuration `base` with the field of each axis set to its value; short names in `base` are fields.

    Raises:
        ValueError: if a field lies inside something that is not a table, a short name sets what is set already, or
            alpha meets a machine that is not valid.
    """
    short = [Axis(key, (base[key],), "run") for key in ALIASES if key in base]
    config = {key: value for key, value in base.items() if key not in ALIASES}
    swept, given = {axis.path for axis in axes}, {tuple(name.split(".")) for name in flat(config)}
    for axis in short:
        if axis.path in given or [other.path for other in short].count(axis.path) > 1:
            requirement = f"not be given beside what sets {'.'.join(axis.path)}, too"
            raise fail(axis.where, requirement, axis.values[0])
    pairs = [(axis, axis.values[0]) for axis in short if axis.path not in swept]
    pairs += zip(axes, values, strict=True)
    for axis, value in sorted(pairs, key=lambda pair: pair[0].key == "alpha"):
        if axis.key == "alpha":  # last: it needs the machine
            value = round(value * machine_from("machine", config.get("machine", {})).alpha_scale)
        config = _with(config, axis.path, value, axis)
    return config


def label(value: Any) -> str:
    """A value in words: 5, 66.7, inf, true, metropolis; the words of a list are joined by "+", lists by "_"."""
    if isinstance(value, list):
        return ("_" if any(isinstance(part, list) for part in value) else "+").join(map(label, value))
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def file_name(axes: tuple[Axis, ...], values: tuple[Any, ...]) -> str:
    """Name of the folder of a grid point: "N=20,alpha=2.5"; what file names should not hold, or end in, is escaped."""
    return ",".join(f"{axis.key}={_escaped(value)}" for axis, value in zip(axes, values, strict=True))


def _escaped(value: Any) -> str:
    text = quote(label(value), safe="+")
    return text if _kind(value) == "number" else text.replace(".", "%2E")


def _kind(value: Any) -> str:
    if isinstance(value, (bool, list, str)):
        return type(value).__name__
    return "number"


def _with(config: Any, path: tuple[str, ...], value: Any, axis: Axis) -> dict[str, Any]:
    if not isinstance(config, dict):
        raise fail(axis.where, "lie in tables of the configuration", config)
    first, *rest = path
    return config | {first: _with(config.get(first, {}), tuple(rest), value, axis) if rest else value}
