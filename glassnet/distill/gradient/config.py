"""A ladder as a TOML file."""

import tomllib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path as File
from typing import Any

from glassnet.config.read import record
from glassnet.core.check import fail, one_of, unknown
from glassnet.distill.gradient.data import Images, cifar10, cifar100, digits, idx
from glassnet.distill.gradient.ladders import Tuning
from glassnet.distill.gradient.networks import NETWORKS
from glassnet.distill.gradient.paths import Path
from glassnet.distill.gradient.training import Recipe
from glassnet.output import text_of

DATA = {
    "digits": (digits, {"tests", "flat"}, set()),
    "cifar10": (cifar10, {"folder"}, {"folder"}),
    "cifar100": (cifar100, {"folder"}, {"folder"}),
    "idx": (
        idx,
        {"folder", "images", "labels", "test_images", "test_labels", "flat"},
        {"images", "labels", "test_images", "test_labels"},
    ),
}
"""Kinds of images, with the keys that a table may have, and must have."""
NUMBERS = ("patterns", "validation", "seeds", "ages", "seed")
KEYS = ("images", "machines", "methods", *NUMBERS, "recipe", "tuning")


def read_ladder(path: str | PathLike, folder: str | PathLike | None = None) -> dict[str, Any]:
    """Arguments of `ladder` from a file.

    Keys are those of `ladder`; `images` is a table with a `kind` ("digits", "cifar10", "cifar100" with a `folder`,
    "idx" with four files), `machines` a table of tables with a `kind` ("mlp", "cnn", "resnet"), from the largest to the
    smallest; `recipe` and `tuning` are tables, and a path is a list of names, or a table with `machines` and `kind`.

    Args:
        path: the TOML file.
        folder: where the images lie, instead of the folder in the file.
    Raises:
        FileNotFoundError: if the file, or one of the images', is not there.
        ValueError: for what is no TOML, unknown or missing keys, and values that make no sense.
    """
    path = File(path)
    if path.suffix != ".toml":
        raise fail("file", "end in .toml", str(path))
    try:
        values = tomllib.loads(text_of(path, "file", "TOML"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"Argument `file` must hold TOML, but {path} has an error: {error}.") from error
    for key in values:
        if key not in KEYS:
            raise unknown(key, KEYS, "a ladder")
    for key in ("images", "machines"):
        if not isinstance(values.get(key), dict):
            raise fail(key, "be a table", values.get(key))
    tables = {
        name: record(kind, name, values[name])
        for name, kind in (("recipe", Recipe), ("tuning", Tuning))
        if name in values
    }
    methods = {"methods": [_method(method) for method in values["methods"]]} if "methods" in values else {}
    return {
        "images": _images(values["images"], folder),
        "machines": {name: _network(name, table) for name, table in values["machines"].items()},
        **methods,
        **tables,
        **{name: values[name] for name in NUMBERS if name in values},
    }


def _images(table: Mapping[str, Any], folder: str | PathLike | None) -> Images:
    one_of(tuple(DATA), **{"images.kind": table.get("kind")})
    load, known, needed = DATA[table["kind"]]
    options = {key: value for key, value in table.items() if key != "kind"}
    if folder is not None:
        options |= {"folder": str(folder)}
    for key in options:
        if key not in known:
            raise unknown(f"images.{key}", sorted(known), f"a table of {table['kind']}")
    for key in sorted(needed - options.keys()):
        raise ValueError(f"Argument `images.{key}` must be given, but is missing.")
    if load is idx:
        place = File(options.pop("folder", "."))
        options |= {key: place / options[key] for key in needed}
    return load(**options)


def _network(name: str, table: Any) -> Any:
    if not isinstance(table, dict):
        raise fail(f"machines.{name}", "be a table", table)
    one_of(tuple(NETWORKS), **{f"machines.{name}.kind": table.get("kind")})
    values = {key: value for key, value in table.items() if key != "kind"}
    return record(NETWORKS[table["kind"]], f"machines.{name}", values)


def _method(method: Any) -> Any:
    return record(Path, "methods", method) if isinstance(method, dict) else method
