"""A campaign as one Dataset: dims of the grid in front of those of the runs."""

import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from glassnet.campaign.folder import Campaign, check_run, open_folder
from glassnet.campaign.join import joined
from glassnet.campaign.state import STATES, state_of
from glassnet.config import RunConfig
from glassnet.core.codec import canonical
from glassnet.results import open_result, read_one
from glassnet.store.dataset import KEPT
from glassnet.store.schema import VARIABLES

SEEN = ("versions", "device", "platform", "sweeps", "git_commit")
"""Attributes in which runs may differ; the Dataset lists all values."""


def open_campaign(folder: str | os.PathLike, *, variables: Sequence[str] | None = None) -> xr.Dataset:
    """All runs of a campaign as one Dataset, read into memory.

    The keys of the grid are dims, in their order, in front of the dims of the runs. Runs that differ in depth, lags,
    waiting times, ... are joined outer: what a run does not have, or has not measured yet, is NaN (integers become
    floats only there). `status` says where each run stands ("unreadable" with a warning for a result that is
    damaged, or a folder with another run), `done` which part of its sweeps is done. A scalar coordinate that differs
    between runs, say the temperature, is a coordinate over the dims it depends on; so are the sizes `depth`, `patterns`
    and `neurons`, by which analysis and plots know the machine.

    Left out are kept configurations (see `gn.open` on the folder of a run); overlaps between all last configurations
    if their numbers mean different samples and clones; and variables whose dims differ between runs. The
    attribute `left_out` names them.

    Args:
        folder: folder of the campaign.
        variables: names of the variables of the runs that are wanted; all if None.
    Raises:
        FileNotFoundError: if there is no campaign.
        ValueError: if its record cannot be read.
    """
    campaign = open_folder(folder)
    shape = campaign.grid.shape
    folders = [campaign.run_folder(point) for point in campaign.points]
    configs = [point.config for point in campaign.points]
    states, done = map(list, zip(*map(state_of, folders, configs), strict=True))
    results, broken = _results(campaign, states, variables)
    for n in broken:
        states[n], done[n] = "unreadable", float("nan")
    attributes = _attributes(campaign, [ds.attrs for ds in results.values()])
    places = list(np.ndindex(shape))
    parts = {places[n]: _sized(_wanted(ds, variables)) for n, ds in results.items()}
    dims = tuple(axis.key for axis in campaign.grid.axes)
    ds, left_out = joined(parts, dims, shape)
    left_out += sorted({str(name) for ds in results.values() for name in ds.data_vars if str(name).startswith(KEPT)})
    ds = ds.assign(_standing(dims, shape, states, done)).assign_coords(_grid_coordinates(campaign))
    return ds.assign_attrs(attributes, left_out=", ".join(left_out))


def _results(
    campaign: Campaign, states: Sequence[str], variables: Sequence[str] | None
) -> tuple[dict[int, xr.Dataset], list[int]]:
    """Results of the runs that have one, by number, and numbers of those that cannot be read."""
    folders = {n: campaign.run_folder(campaign.points[n]) for n, now in enumerate(states) if now != "absent"}
    found = {}
    for n, folder in folders.items():
        found[n] = _result(folder, campaign.points[n].config, variables if states[n] == "complete" else None)
    broken = [n for n, result in found.items() if isinstance(result, ValueError)]
    for n in broken:
        warnings.warn(f"{campaign.points[n].name} is left out: {found[n]}", stacklevel=3)
    return {n: ds for n, ds in found.items() if isinstance(ds, xr.Dataset)}, broken


def _result(folder: Path, config: RunConfig, variables: Sequence[str] | None) -> xr.Dataset | ValueError | None:
    """The result of a run; None if it has none yet, the error if it cannot be read or is of another run."""
    try:
        check_run(folder, config, also_longer=True)
        return open_result(folder) if variables is None else read_one(folder, variables)
    except FileNotFoundError:
        return None
    except ValueError as error:
        return error


def _wanted(ds: xr.Dataset, variables: Sequence[str] | None) -> xr.Dataset:
    known = [name for name in VARIABLES if name in ds]
    names = [*known, *(name for name in ds.data_vars if name not in VARIABLES and not str(name).startswith(KEPT))]
    return ds[names if variables is None else [name for name in names if name in variables]]


def _sized(ds: xr.Dataset) -> xr.Dataset:
    """A result whose sizes are coordinates, since they may differ between runs: depth, patterns, neurons by layer."""
    sizes: dict[str, Any] = {name: int(ds.attrs[name]) for name in ("depth", "patterns") if name in ds.attrs}
    if "widths" in ds.attrs and "layer" in ds.coords:
        widths = json.loads(ds.attrs["widths"])
        words = {"units": "1", "long_name": "neurons N_l of the layer"}
        sizes["neurons"] = ("layer", [widths[l] for l in ds["layer"].values], words)
    return ds.assign_coords(sizes)


def _standing(dims: tuple[str, ...], shape: tuple[int, ...], states: Sequence[str], done: Sequence[float]) -> dict:
    width = max(map(len, STATES))
    label = {"units": "1", "long_name": "where the run stands"}
    fraction = {"units": "fraction of sweeps", "long_name": "part of the run that is done"}
    return {
        "status": (dims, np.array(states, f"<U{width}").reshape(shape), label),
        "done": (dims, np.array(done).reshape(shape), fraction),
    }


def _grid_coordinates(campaign: Campaign) -> dict[str, Any]:
    return {axis.key: (axis.key, axis.coordinate, axis.attributes) for axis in campaign.grid.axes}


def _attributes(campaign: Campaign, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Attributes of the whole: configuration, hash, and all versions, devices, ... seen."""
    grid = campaign.grid
    config = {"run": grid.base, "grid": grid.values}
    seen = {name: "; ".join(dict.fromkeys(str(attrs[name]) for attrs in runs if name in attrs)) for name in SEEN}
    return {
        "title": f"glassnet: campaign over {', '.join(grid.values)}",
        "config": canonical(config),
        "config_hash": grid.campaign_hash,
        "run_config": canonical(grid.base),
        "grid": canonical(grid.values),
        "campaign": str(Path(campaign.folder).resolve().name),
        **seen,
    }
