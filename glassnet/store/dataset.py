"""Records of a run as an xarray.Dataset."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr

from glassnet.perceptron.describe import described, machine_from
from glassnet.perceptron.state import Boundary, State, unpack
from glassnet.simulation.job import Configuration, Job
from glassnet.simulation.pairs import Record
from glassnet.store.provenance import canonical, config_hash
from glassnet.store.schema import COORDINATES, VARIABLES, Variable
from glassnet.tasks import Task
from glassnet.tasks.task import fingerprint

KEPT = "configuration_"


def dataset(job: Job, records: Mapping[str, Record], *, ladder: bool, keep_configurations: bool) -> xr.Dataset:
    """The records of a run as a Dataset after the schema.

    Args:
        job: the run.
        records: what it measured.
        ladder: keep the dim `temperature`; else it must have size 1 and is dropped.
        keep_configurations: keep the last configurations of the clones, and the data that clamp them. The part of
            a run that is shared by several processes always keeps them, since joining needs them.
    """
    variables = {}
    keep = keep_configurations or job.share is not None
    for name, record in records.items():
        if not name.startswith(KEPT):
            variables[name] = labelled_record(record, VARIABLES[name], ladder=ladder)
        elif keep:
            variables[name] = labelled_record(record, _kept(name, record), ladder=ladder)
    if keep:
        variables |= _boundaries(job)
    ds = xr.Dataset(variables, attrs=_attributes(job) | _of_part(job, keep_configurations))
    return with_coordinates(ds.assign_coords(_coordinates(job, ladder)))


def labelled_record(record: Record, variable: Variable, *, ladder: bool) -> xr.DataArray:
    """The record with the dims of its schema entry in their order; `temperature` after `sample`, or leading."""
    array = xr.DataArray(record.values, dims=record.dims)
    dims = list(variable.dims)
    if ladder:
        dims.insert(1 if dims[0] == "sample" else 0, "temperature")
    elif "temperature" in array.dims:
        array = array.isel(temperature=0)
    return with_attributes(array.transpose(*dims), variable)


def with_attributes(array: xr.DataArray, variable: Variable) -> xr.DataArray:
    """`array` with the attributes of its schema entry."""
    attributes = {"units": variable.units, "long_name": variable.long_name, "symbol": variable.symbol}
    return array.assign_attrs(attributes | {"source": variable.source})


def with_coordinates(ds: xr.Dataset) -> xr.Dataset:
    """`ds` with units and names on the coordinates that the schema knows."""
    for name, (units, long_name) in COORDINATES.items():
        if name in ds.coords:
            ds[name].attrs.update(units=units, long_name=long_name)
    return ds


def _kept(name: str, record: Record) -> Variable:
    words = "spins" if name.endswith("spins") else "weights of one stack of layers"
    dims = tuple(d for d in record.dims if d != "temperature")
    return Variable(dims, "1", f"last configuration: {words}", "S" if words == "spins" else "J", "glassnet")


def _boundaries(job: Job) -> dict[str, xr.DataArray]:
    """Clamped spins of each sample."""
    tasks = [job.task(s) for s in job.samples]
    sides = {"inputs": [task.inputs for task in tasks], "outputs": [task.outputs for task in tasks]}
    variable = Variable((), "1", "clamped spins", "S", "glassnet")
    return {
        f"{KEPT}{side}": with_attributes(xr.DataArray(np.stack(x), dims=("sample", "pattern", side)), variable)
        for side, x in sides.items()
    }


def _coordinates(job: Job, ladder: bool) -> dict[str, Any]:
    protocol = job.protocol
    samples = np.asarray(job.samples)
    sample, clone = np.repeat(samples, protocol.clones), np.tile(np.arange(protocol.clones), len(samples))
    beta = np.array([s.final_beta for s in job.rungs])
    with np.errstate(divide="ignore"):
        temperature = 1 / beta
    number = np.arange(len(sample))
    rung = {"temperature": temperature, "beta": ("temperature", beta)}
    return {
        "sample": samples,
        "clone": np.arange(protocol.clones),
        "clone_b": np.arange(protocol.clones),
        "waiting_time": np.array(protocol.waiting_times),
        "lag": np.array(protocol.lags),
        "time": np.array(protocol.times),
        "layer": np.arange(1, job.machine.depth + 1),
        "configuration": number,
        "configuration_b": number,
        "configuration_sample": ("configuration", sample),
        "configuration_clone": ("configuration", clone),
        **(rung if ladder else {"temperature": temperature[0], "beta": beta[0]}),
    }


def _attributes(job: Job) -> dict[str, Any]:
    config = configuration_of_run(job)
    return {
        "title": f"glassnet: {job.dynamics} dynamics of a deep perceptron on {job.tasks[0].name} data",
        "config": canonical(config),
        "config_hash": config_hash(config),
        "seed": job.seed,
        "machine": canonical(described(job.machine)),
        "depth": job.machine.depth,
        "widths": json.dumps(job.machine.widths),
        "patterns": job.patterns,
        "alpha": job.patterns / job.machine.alpha_scale,
        "task": job.tasks[0].name,
        "dynamics": job.dynamics,
    }


def _of_part(job: Job, keep_configurations: bool) -> dict[str, int]:
    """Attributes that say which part of a run this is, and whether the whole keeps configurations."""
    if job.share is None:
        return {}
    return {"part": job.share.part, "parts": job.share.parts, "keep_configurations": int(keep_configurations)}


def configuration_of_run(job: Job) -> dict[str, Any]:
    """Everything that fixes a run, as JSON values."""
    start = job.start if isinstance(job.start, str) else {"sha256": fingerprint(*job.start[0], *job.start[1])}
    return {
        "machine": described(job.machine),
        "tasks": [task.parameters for task in job.tasks],
        "data_sha256": [_digest(task) for task in job.tasks],
        "schedules": [_schedule(asdict(s)) for s in job.schedules],
        "protocol": asdict(job.protocol),
        "dynamics": job.dynamics,
        "weight_step": float(job.weight_step),
        "seed": int(job.seed),
        "start": start,
    }


def _digest(task: Task) -> str:
    """SHA-256 of the data of a task, teacher included."""
    teacher = [] if task.teacher is None else [*task.teacher.weights, *task.teacher.spins]
    return fingerprint(task.inputs, task.outputs, task.test_inputs, task.test_outputs, *teacher)


def _schedule(fields: dict[str, Any]) -> dict[str, Any]:
    """A schedule as JSON values: an infinite beta, which JSON does not know, is the string "inf"."""
    return fields | {"betas": [b if np.isfinite(b) else "inf" for b in fields["betas"]]}


def configuration(ds: xr.Dataset, **select: Any) -> Configuration:
    """One last configuration of a run that kept them.

    Args:
        ds: result of `simulate(..., keep_configurations=True)`.
        select: coordinates that single it out: `waiting_time`, `configuration` and, if present, `temperature`.
    Returns:
        Weights, one (out, in) array for each layer 1..L, and spins, one (pattern, neuron) array for layers 0..L.
    Raises:
        ValueError: if the Dataset holds no configurations or the selection leaves more than one.
    """
    if f"{KEPT}spins" not in ds:
        raise ValueError("Argument `ds` must hold configurations (keep_configurations=True), but has none.")
    one = ds.sel(select)
    open_dims = {"temperature", "waiting_time", "configuration"} & set(one[f"{KEPT}spins"].dims)
    if open_dims:
        raise ValueError(f"Argument `select` must fix {', '.join(sorted(open_dims))}, but is {select!r}.")
    machine = machine_from(json.loads(ds.attrs["machine"]))
    data = one.sel(sample=int(one["configuration_sample"]))
    sides: list[Any] = [np.asarray(data[f"{KEPT}{side}"].values, np.int8).T for side in ("inputs", "outputs")]
    weights: Any = tuple(one[f"{KEPT}weights_{g}"].values for g in range(len(machine.stacks)))
    spins: Any = one[f"{KEPT}spins"].values
    return unpack(machine, State(spins, weights, ()), Boundary(*sides))
