"""Parts of one run: their names as files, and how they become one Dataset."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from glassnet.sampling.system import OF_LAST
from glassnet.simulation import observed
from glassnet.store.dataset import KEPT, labelled_record, with_coordinates
from glassnet.store.jobs import observables_from, system_of
from glassnet.store.schema import variables

OF_PART = ("part", "parts", "keep_configurations")
"""Attributes that only parts have."""

DIFFERING = ("versions", "device", "platform", "sweeps", "git_commit")
"""Attributes in which parts may differ; the whole result lists all values."""

CONCAT: dict[str, Any] = {"data_vars": "minimal", "coords": "minimal", "compat": "override", "join": "exact"}
"""Only variables that have the dim are joined along it; others are the same in all parts."""


def part_path(path: str | os.PathLike, part: int, parts: int) -> Path:
    """Where a part of the result `path` lies: run.nc -> run.part-0-of-2.nc, the folder run -> run.part-0-of-2."""
    path = Path(path)
    stem, suffix = _cut(path)
    ending = f".part-{part}-of-{parts}"
    return path if stem.endswith(ending) else path.with_name(f"{stem}{ending}{suffix}")


def parts_beside(path: str | os.PathLike) -> list[Path]:
    """The files or folders that hold parts of the result `path`, in order."""
    path = Path(path)
    stem, suffix = _cut(path)
    if not path.parent.is_dir():
        return []
    name = re.compile(rf"{re.escape(stem)}\.part-(\d+)-of-(\d+){re.escape(suffix)}")
    found = ((name.fullmatch(file.name), file) for file in path.parent.iterdir())
    numbered = {(int(match[2]), int(match[1])): file for match, file in found if match}
    return [numbered[key] for key in sorted(numbered)]


def _cut(path: Path) -> tuple[str, str]:
    """Name and ending of a result, which is a file if it ends in .nc and a folder otherwise."""
    return (path.stem, ".nc") if path.suffix == ".nc" else (path.name, "")


def check_complete(files: list[Path]) -> None:
    """Check that `files`, from `parts_beside`, are all parts of one run.

    Raises:
        ValueError: naming the parts that are missing, or those that are there if they belong to several runs.
    """
    totals = {_cut(file)[0].rsplit("-", 1)[1] for file in files}
    names = [file.name for file in files]
    if len(totals) > 1:
        raise ValueError(f"Argument `path` must have the parts of one run beside it, but has {', '.join(names)}.")
    parts = int(totals.pop())
    stem, suffix = _cut(files[0])
    whole = stem.rsplit(".part-", 1)[0] + suffix
    expected = [part_path(whole, part, parts).name for part in range(parts)]
    missing = [name for name in expected if name not in names]
    if missing:
        raise ValueError(f"Argument `path` must have all {parts} parts beside it, but lacks {', '.join(missing)}.")


def joined(parts: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """The whole result of a run from all its parts, without the variables that follow from measured ones.

    Overlaps between last configurations of all samples are computed here.

    Args:
        parts: results of the parts by file name, in the order of their numbers.
    Raises:
        ValueError: if the parts belong to different runs, or a file has the name of another part.
    """
    _check_one_run(parts)
    rows: dict[tuple, list[xr.Dataset]] = {}
    for ds in parts.values():
        rows.setdefault(tuple(ds["sample"].values), []).append(ds)
    last = _along("configuration", rows.values())
    whole = _along("sample", rows.values()).assign(last).assign_coords(last.coords)
    number = np.arange(whole.sizes["configuration"])
    whole = whole.assign_coords(configuration=number, configuration_b=number)
    first = next(iter(parts.values()))
    whole = whole.assign_coords({name: x for name, x in first.coords.items() if name not in whole.coords})
    whole = whole.assign(_final(whole))
    if not all(ds.attrs["keep_configurations"] for ds in parts.values()):
        whole = whole.drop_vars([name for name in whole.data_vars if str(name).startswith(KEPT)])
    whole.attrs = _attributes([ds.attrs for ds in parts.values()])
    return with_coordinates(whole)


def _check_one_run(parts: Mapping[str, xr.Dataset]) -> None:
    """Raise ValueError unless all parts have the configuration of the first, and the numbers in their names."""
    first, *others = parts
    for name in others:
        if parts[name].attrs["config_hash"] != parts[first].attrs["config_hash"]:
            message = f"{name} has another configuration than {first}"
            raise ValueError(f"Argument `path` must have the parts of one run beside it, but {message}.")
    for number, (name, ds) in enumerate(parts.items()):
        if (ds.attrs.get("part"), ds.attrs.get("parts")) != (number, len(parts)):
            message = f"{name} is not part {number} of {len(parts)}"
            raise ValueError(f"Argument `path` must have the parts of one run beside it, but {message}.")


def _along(dim: str, rows: Any) -> xr.Dataset:
    """Variables with the dim `dim` (not those between two configurations), joined over temperatures and samples.

    Those that all parts have: earlier versions measured less.
    """
    blocks, rows = [], list(rows)
    common = set.intersection(*(set(ds.variables) for row in rows for ds in row))
    for row in rows:
        names = [n for n, x in row[0].variables.items() if dim in x.dims and "configuration_b" not in x.dims]
        names = [name for name in names if name in common]
        measured = [ds[names] for ds in row]
        blocks.append(measured[0] if len(row) == 1 else xr.concat(measured, "temperature", **CONCAT))
    return blocks[0] if len(blocks) == 1 else xr.concat(blocks, dim, **CONCAT)


def _final(ds: xr.Dataset) -> dict[str, xr.DataArray]:
    """Observables of pairs of all last configurations, from the configurations."""
    config = json.loads(ds.attrs["config"])
    whole = system_of(config)[0]
    system = whole.single
    optional = {name: o for name, o in system.optional(()).items() if name in config.get("optional_observables", ())}
    measured = {**system.observables(()), **optional, **observables_from(config, OF_LAST)}
    pairs = {name: observable for name, observable in measured.items() if observable.on in OF_LAST}
    if not pairs:
        return {}
    rung = whole.rung if whole.rung in ds.dims else None
    shared = len(config["tasks"]) == 1
    chosen = {"sample": ds["sample"][0] if shared else ds[f"{KEPT}sample"]}
    data, arrays = {}, {}
    for name, x in ds.data_vars.items():
        part = str(name).removeprefix(KEPT)
        if part != name and "sample" in x.dims:
            data[part] = x.sel(chosen).transpose(..., *x.dims[1:]).values
        elif part != name:
            arrays[part] = x.values if rung else x.values[None]
    configurations, clamped = system.from_kept(arrays, data)
    leading = () if shared else (len(chosen["sample"]),)
    rungs = [whole.at_rung(clamped, n, leading) for n in range(ds.sizes[rung] if rung else 1)]
    records = observed.final_pairs(pairs, configurations, rungs, whole.rung, shared=shared)
    known = variables(pairs, {})
    return {name: labelled_record(record, known[name], rung=rung) for name, record in records.items()}


def _attributes(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Attributes of the whole from those of the parts: the first's, all values where they may differ."""
    whole = {name: value for name, value in parts[0].items() if name not in OF_PART}
    for name in DIFFERING:
        whole[name] = "; ".join(dict.fromkeys(str(part.get(name, "unknown")) for part in parts))
    whole["started"] = min(part["started"] for part in parts)
    whole["finished"] = max(part["finished"] for part in parts)
    whole["run_seconds"] = float(max(part["run_seconds"] for part in parts))
    return whole | {"processes": len(parts)}
