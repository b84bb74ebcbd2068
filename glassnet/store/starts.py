"""The last configurations of a run, as starts of another one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from glassnet.core.check import fail
from glassnet.core.codec import decoded
from glassnet.core.schedule import Schedule
from glassnet.sampling.starts import Starts
from glassnet.sampling.system import System
from glassnet.store.dataset import KEPT
from glassnet.store.schema import RUNGS
from glassnet.tasks.task import fingerprint


def starts_from(
    ds: xr.Dataset,
    system: System,
    tasks: Sequence[Any],
    samples: int,
    schedules: Sequence[Schedule],
    *,
    path: str | None = None,
) -> Starts:
    """The last configurations in a result, one for each sample and temperature of a run.

    Of several waiting times the last one counts. n samples of the run take the samples of the result one by one, each
    its first clone; or, where there are as many, all clones of all samples, sample by sample; a single sample is the
    start of all. Temperatures are those of the same beta where the result has them all; else they are taken one by one,
    or the only one is the start of all. What is selected from the result beforehand, by `sel`, is all that counts:
    `ds.sel(waiting_time=10)`, `ds.sel(clone=[1])`, `ds.sel(sample=[0])`.

    Args:
        ds: result of a run that kept its last configurations.
        system, tasks, samples, schedules: of the run that is to start.
        path: where the result lies, if anywhere.
    Raises:
        ValueError: if it holds no configurations, is a part of a run, or numbers, data or sizes do not fit.
    """
    kept = {str(name).removeprefix(KEPT): x for name, x in ds.data_vars.items() if str(name).startswith(KEPT)}
    if not kept or "config" not in ds.attrs:
        words = "has none" if ds.attrs.get("status", "complete") == "complete" else f"is {ds.attrs['status']}"
        raise ValueError(f"Argument `start` must hold configurations (keep_configurations=True), but {words}.")
    if "parts" in ds.attrs:
        raise fail("start", "be a whole run, joined by `gn.open`", f"part {ds.attrs.get('part')} of a run")
    for dim in (set(RUNGS) - {"temperature"}) & set(ds.dims):
        raise fail("start", f"be of one {dim}, selected by ds.sel({dim}=...)", ds[dim].values.tolist())
    data = {name: kept.pop(name) for name in system.kept_data(tasks[0]) if name in kept}
    parts = {name: _in_front(x).values for name, x in kept.items()}
    config, places = decoded(ds.attrs["config"]), {pair: n for n, pair in enumerate(_numbered(ds))}
    rungs, found = _temperatures(ds, schedules), []
    for s, pair in enumerate(_replicas(ds, samples)):
        of_sample = {name: (x.sel(sample=pair[0]) if "sample" in x.dims else x).values for name, x in data.items()}
        replicas = [{name: x[t, places[pair]] for name, x in parts.items()} for t in rungs]
        task = tasks[s % len(tasks)]  # their number is checked with that of the samples
        found.append([system.continued(replica, of_sample, config, task) for replica in replicas])
    stacked = {name: np.stack([[one[name] for one in row] for row in found]) for name in found[0][0]}
    source = {"path": path, "config_hash": ds.attrs.get("config_hash"), "sha256": fingerprint(*stacked.values())}
    return Starts(stacked, source)


def _in_front(x: xr.DataArray) -> xr.DataArray:
    """Kept parts with the axes temperature and configuration in front, at the last waiting time."""
    if "waiting_time" in x.dims:
        x = x.isel(waiting_time=int(np.argmax(x["waiting_time"].values)))
    missing = [dim for dim in ("temperature", "configuration") if dim not in x.dims]
    return x.expand_dims(missing).transpose("temperature", "configuration", ...)


def _numbered(ds: xr.Dataset) -> list[tuple[int, int]]:
    """Sample and clone of each kept configuration."""
    numbers = (np.atleast_1d(ds[f"configuration_{name}"].values).tolist() for name in ("sample", "clone"))
    return list(zip(*numbers, strict=True))


def _replicas(ds: xr.Dataset, samples: int) -> list[tuple[int, int]]:
    """Sample and clone in the result for each sample of the run."""
    there, clones = (np.atleast_1d(ds[name].values).tolist() for name in ("sample", "clone"))
    every = [pair for pair in _numbered(ds) if pair[0] in there and pair[1] in clones]
    of_samples: dict[int, tuple[int, int]] = {}
    for pair in every:
        of_samples.setdefault(pair[0], pair)
    first = [*of_samples.values()]
    if len(first) == samples:
        return first
    if len(every) == samples:
        return every
    if len(first) == 1:
        return first * samples
    requirement = f"have 1 or {samples} samples, or {samples} configurations in all, for the samples of the run"
    raise fail("start", requirement, f"{len(first)} samples with {len(every)} configurations")


def _temperatures(ds: xr.Dataset, schedules: Sequence[Schedule]) -> list[int]:
    """Place on the temperature axis of the result for each temperature of the run."""
    there, wanted = np.atleast_1d(ds["beta"].values).tolist(), [schedule.betas[0] for schedule in schedules]
    if set(wanted) <= set(there):
        return [there.index(beta) for beta in wanted]
    if len(there) == len(wanted):
        return list(range(len(there)))
    if len(there) == 1:
        return [0] * len(wanted)
    requirement = f"have 1 or {len(wanted)} temperatures, or those of the run, beta = {wanted}"
    raise fail("start", requirement, f"{len(there)}, beta = {there}")
