"""What a report is about: a result, complete or not, and the events of its run."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from xarray import DataArray, Dataset

from glassnet.analysis.labels import ascending, own_rung
from glassnet.core.check import fail
from glassnet.results import open_result
from glassnet.sessions import run_config_attributes
from glassnet.store import folder
from glassnet.store.dataset import dataset
from glassnet.store.schema import RUNGS

Event = dict[str, Any]


class Reported(NamedTuple):
    """A run as far as it has come.

    Attributes:
        path: run folder, dataset file, or the name that parts have in common.
        data: the result on the whole grid of times and lags, NaN where nothing is measured yet.
        measured: the result on the times and lags that have been measured.
        status: complete, running, stopped, failed or interrupted.
        events: what happened, oldest first; none for a run without a folder.
        whole: the result at all rungs of a ladder of margins, of which `data` is that of the machine; None without one.
    """

    path: Path
    data: Dataset
    measured: Dataset
    status: str
    events: tuple[Event, ...] = ()
    whole: Dataset | None = None

    @property
    def rungs(self) -> Dataset:
        """The result at all rungs of a ladder."""
        return self.data if self.whole is None else self.whole

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.path.resolve().name


def read_run(path: str | os.PathLike) -> Reported:
    """The run in a folder, a dataset file or joined parts.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is no result of a simulation, or something of it is damaged.
    """
    path = Path(path)
    if not folder.holds_run(path):
        return run_of(open_result(path), path)
    run = folder.RunFolder(path)
    data = open_result(path) if run.results.is_dir() else nothing_yet(run)
    return run_of(data, path, status=folder.status(path), events=folder.log(path))


def nothing_yet(run: folder.RunFolder) -> Dataset:
    """The result of a run that has not written anything: its grid, configuration, and energies that are NaN."""
    ds = dataset(replace(run.job(), keep_configurations=False), {})
    dims = [dim for dim in ("sample", *RUNGS, "time", "layer") if dim in ds.sizes]
    energy = np.full([ds.sizes[dim] for dim in dims], np.nan)
    return ds.assign(energy=(dims, energy)).assign_attrs(run_config_attributes(run.about["run"]))


def run_of(data: Dataset, path: Path, *, status: str | None = None, events: Sequence[Event] = ()) -> Reported:
    """A run from its result and events.

    Raises:
        ValueError: if `data` is a result of the theory, or of another system than a machine.
    """
    if "theory" in data.attrs or "energy" not in data:
        raise fail("run", "be the result of a simulation", str(path))
    if "depth" not in data.attrs:
        raise fail("run", "be the result of a machine: a report speaks of layers", str(path))
    whole = ascending(data)
    data = own_rung(whole)
    status = status or str(data.attrs.get("status", "complete"))
    return Reported(path, data, measured_part(data), status, tuple(events), None if data is whole else whole)


def measured_part(data: Dataset) -> Dataset:
    """The times of the hosts and the lags of the clones that have been measured in all replicas.

    Returns:
        `data` on these times and lags, none of them where a run has not come so far. The sizes of other dims stay.
    """
    times = _known(data["energy"], "time")
    lags = np.zeros(data.sizes.get("lag", 0), bool)
    if "clone_energy" in data:
        lags = _known(data["clone_energy"], "lag")
    cut = data.isel(time=np.flatnonzero(times))
    return cut.isel(lag=np.flatnonzero(lags)) if "lag" in cut.dims else cut


def _known(values: DataArray, clock: str) -> np.ndarray:
    """At which points of `clock` no value is NaN, except in layers that never have one."""
    others = [dim for dim in values.dims if dim != clock]
    never = values.isnull().all([dim for dim in values.dims if dim != "layer"])
    return (values.notnull() | never).all(others).values & bool((~never).any())


def attribute(data: Dataset, name: str) -> dict[str, Any]:
    """A root attribute that holds JSON; empty where it is missing or no object."""
    try:
        value = json.loads(str(data.attrs.get(name, "{}")))
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def has_clones(data: Dataset) -> bool:
    """Whether clones have been measured at a lag above 0."""
    return data.sizes.get("lag", 0) > 1
