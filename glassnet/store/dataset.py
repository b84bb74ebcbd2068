"""Records of a run as an xarray.Dataset."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from glassnet.core.check import fail
from glassnet.core.codec import canonical, config_hash, to_json
from glassnet.perceptron.describe import machine_from
from glassnet.perceptron.state import Boundary, State, unpack
from glassnet.perceptron.system import Configuration
from glassnet.sampling.population import WALKER
from glassnet.sampling.starts import Starts
from glassnet.sampling.system import EXACT, Variable
from glassnet.simulation.job import Job
from glassnet.simulation.observed import Record
from glassnet.store.jobs import configuration_of_run
from glassnet.store.schema import COORDINATES, RUNGS, variables
from glassnet.thermal.machine import KIND
from glassnet.thermal.machine import machine_from as thermal_from

KEPT = "configuration_"


def dataset(job: Job, records: Mapping[str, Record]) -> xr.Dataset:
    """The records of a run as a Dataset, labelled by the table of observables.

    The last configurations of the clones, and the data that clamp them, are kept where the job asks for it. The part of
    a run that is shared by several processes keeps them, too, where overlaps of pairs are measured again on joining.

    Args:
        job: the run.
        records: what it measured.
    """
    known = variables(job.measured, {name: kind.variable for name, kind in job.moves.items()})
    found = {}
    for name, record in records.items():
        if not name.startswith(KEPT):
            found[name] = labelled_record(record, known[name], rung=job.rung)
        elif job.keeps:
            dims = tuple(d for d in record.dims if d not in ("temperature", job.rung))
            variable = job.system.kept_variable(name.removeprefix(KEPT), dims)
            found[name] = labelled_record(record, variable, rung=job.rung)
    if job.keeps:
        found |= _kept_data(job)
    ds = xr.Dataset(found, attrs=_attributes(job) | _of_part(job))
    return with_coordinates(ds.assign_coords(_coordinates(job)))


def labelled_record(record: Record, variable: Variable, *, rung: str | None) -> xr.DataArray:
    """The record with the dims of its schema entry in their order; that of the rungs, `temperature` or another, after
    `sample`, or leading."""
    array = xr.DataArray(record.values, dims=record.dims)
    dims = [dim for dim in variable.dims if dim not in ("temperature", rung)]
    if rung is not None and rung in array.dims:
        dims.insert(1 if dims[0] == "sample" else 0, rung)
    elif "temperature" in array.dims:
        array = array.isel(temperature=0)
    return with_attributes(array.transpose(*dims), variable)


def with_attributes(array: xr.DataArray, variable: Variable) -> xr.DataArray:
    """`array` with the attributes of its schema entry."""
    attributes = {"units": variable.units, "long_name": variable.long_name, "symbol": variable.symbol}
    fixed = {"fixed": " ".join(variable.fixed)} if variable.fixed else {}
    return array.assign_attrs(attributes | {"source": variable.source} | fixed)


def with_coordinates(ds: xr.Dataset) -> xr.Dataset:
    """`ds` with units and names on the coordinates that the schema knows."""
    for name, (units, long_name) in COORDINATES.items():
        if name in ds.coords:
            ds[name].attrs.update(units=units, long_name=long_name)
    return ds


def _kept_data(job: Job) -> dict[str, xr.DataArray]:
    """Clamped data of each sample."""
    kept = [job.system.kept_data(job.task(s)) for s in job.samples]
    found = {}
    for name, (dims, _) in kept[0].items():
        values = np.stack([data[name][1] for data in kept])
        variable = job.system.kept_variable(name, dims)
        found[f"{KEPT}{name}"] = with_attributes(xr.DataArray(values, dims=("sample", *dims)), variable)
    return found


def _coordinates(job: Job) -> dict[str, Any]:
    protocol = job.protocol
    samples = np.asarray(job.samples)
    sample, clone = np.repeat(samples, protocol.clones), np.tile(np.arange(protocol.clones), len(samples))
    beta = np.array([s.final_beta for s in job.schedules_here])
    with np.errstate(divide="ignore"):
        temperature = 1 / beta
    number = np.arange(len(sample))
    variables = (*job.measured.values(), *(kind.variable for kind in job.moves.values()))
    used = {dim for variable in variables for dim in variable.dims}
    axis = {"temperature": temperature, "beta": ("temperature", beta)}
    return {
        "sample": samples,
        "clone": np.arange(protocol.clones),
        "clone_b": np.arange(protocol.clones),
        "waiting_time": np.array(protocol.waiting_times),
        "lag": np.array(protocol.lags),
        "time": np.array(protocol.times),
        **{name: x for name, x in job.system.coordinates().items() if name in used},
        "configuration": number,
        "configuration_b": number,
        "configuration_sample": ("configuration", sample),
        "configuration_clone": ("configuration", clone),
        **(axis if job.ladder else {"temperature": temperature[0], "beta": beta[0]}),
    }


def _attributes(job: Job) -> dict[str, Any]:
    config, own = configuration_of_run(job), job.system.attributes(job.tasks)
    source = {"started_from": canonical(job.start.source)} if isinstance(job.start, Starts) else {}
    return {
        "title": f"glassnet: {job.system.title} on {job.tasks[0].name} data",
        "config": canonical(config),
        "config_hash": config_hash(config),
        "seed": job.seed,
        **{name: canonical(x) if isinstance(x, dict) else x for name, x in own.items()},
        "task": job.tasks[0].name,
        "start_equilibrium": _start_equilibrium(job),
        **source,
    }


def _start_equilibrium(job: Job) -> str:
    """Whether the start is in equilibrium, in words; where temperatures differ in it, a JSON object by beta."""
    said = job.start_equilibrium
    if len(set(said)) == 1:
        return said[0]
    by_beta: dict[str, str] = {}
    for schedule, words in zip(job.schedules, said, strict=True):
        beta = str(to_json(schedule.final_beta))
        by_beta[beta] = words if words != EXACT else by_beta.get(beta, words)  # of two that end alike, the doubtful one
    return canonical(by_beta)


def _of_part(job: Job) -> dict[str, int]:
    """Attributes that say which part of a run this is, and whether the whole keeps configurations."""
    if job.share is None:
        return {}
    return {"part": job.share.part, "parts": job.share.parts, "keep_configurations": int(job.keep_configurations)}


def configuration(ds: xr.Dataset, **select: Any) -> Configuration:
    """One last configuration of a run that kept them.

    Args:
        ds: result of `simulate(..., keep_configurations=True)`.
        select: coordinates that single it out: `waiting_time`, `configuration` and, if present, `temperature` (or
            `margin`, `guide_weight`) and the place `walker` in a population.
    Returns:
        Weights, one (out, in) array for each layer 1..L, and spins, one (pattern, neuron) array for layers 0..L; these
        are the neurons of a thermal machine.
    Raises:
        ValueError: if the Dataset is not the result of a machine (another system's configurations are variables
            `configuration_...`), holds no configurations, or the selection leaves more than one.
    """
    if "machine" not in ds.attrs:
        raise fail("ds", "be the result of a Machine", ds.attrs.get("title", "a Dataset without a title"))
    if f"{KEPT}spins" not in ds:
        raise ValueError("Argument `ds` must hold configurations (keep_configurations=True), but has none.")
    one = ds.sel(select)
    open_dims = {*RUNGS, "waiting_time", "configuration", WALKER} & set(one[f"{KEPT}spins"].dims)
    if open_dims:
        raise ValueError(f"Argument `select` must fix {', '.join(sorted(open_dims))}, but is {select!r}.")
    described = json.loads(ds.attrs["machine"])
    thermal = described.get("kind") == KIND
    machine = thermal_from(described).network if thermal else machine_from(described)
    data = one.sel(sample=int(one["configuration_sample"]))
    sides: list[Any] = [np.asarray(data[f"{KEPT}{side}"].values, np.int8).T for side in ("inputs", "outputs")]
    weights: Any = tuple(one[f"{KEPT}weights_{g}"].values for g in range(len(machine.stacks)))
    spins: Any = one[f"{KEPT}spins"].values
    return unpack(machine, State(spins, weights, ()), Boundary(*sides))
