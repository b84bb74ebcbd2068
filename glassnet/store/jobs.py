"""A job as JSON values and arrays, and back: a run folder needs nothing else to go on."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from glassnet.core.schedule import Schedule
from glassnet.perceptron.describe import check_reopens, described, machine_from
from glassnet.simulation.job import Job
from glassnet.simulation.protocol import Protocol
from glassnet.simulation.share import share
from glassnet.store.dataset import configuration_of_run
from glassnet.store.provenance import config_hash
from glassnet.tasks import Task
from glassnet.tasks.task import Teacher

DATA = ("inputs", "outputs", "test_inputs", "test_outputs", "labels", "test_labels")
"""Arrays of a task."""


def job_arrays(job: Job) -> dict[str, np.ndarray]:
    """The data of a job, and the configuration that it starts from if one was given."""
    arrays = {}
    for n, task in enumerate(job.tasks):
        arrays |= {f"tasks/{n}/{name}": x for name in DATA if (x := getattr(task, name)) is not None}
        if task.teacher is not None:
            arrays |= _layers(f"tasks/{n}/teacher", task.teacher.weights, task.teacher.spins)
    return arrays if isinstance(job.start, str) else arrays | _layers("start", *job.start)


def job_about(job: Job) -> dict[str, Any]:
    """What `job_from` needs beside the arrays, as JSON values.

    Raises:
        ValueError: for a machine with a potential or an ensemble that cannot be imported elsewhere.
    """
    for machine in (job.machine, *(task.teacher.machine for task in job.tasks if task.teacher is not None)):
        check_reopens(machine)
    tasks = [
        {
            "name": task.name,
            "parameters": task.parameters,
            "teacher": None if task.teacher is None else described(task.teacher.machine),
        }
        for task in job.tasks
    ]
    part = None if job.share is None else [job.share.part, job.share.parts]
    return {"config": configuration_of_run(job), "tasks": tasks, "part": part}


def job_from(about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Job:
    """The job that `job_about` and `job_arrays` described."""
    config = about["config"]
    protocol = protocol_from(config["protocol"])
    schedules = tuple(_schedule(fields) for fields in config["schedules"])
    tasks = tuple(_task(values, n, arrays) for n, values in enumerate(about["tasks"]))
    start = config["start"] if isinstance(config["start"], str) else _from_layers("start", arrays)
    mine = None if about["part"] is None else share(*about["part"], protocol.samples, len(schedules))
    settings = (config["dynamics"], config["weight_step"], config["seed"])
    return Job(machine_from(config["machine"]), tasks, schedules, protocol, *settings, start, mine)


def protocol_from(values: Mapping[str, Any]) -> Protocol:
    """The protocol that a configuration describes."""
    fields: dict[str, Any] = {name: tuple(x) if isinstance(x, list) else x for name, x in values.items()}
    return Protocol(**fields)


def identity(config: Mapping[str, Any]) -> str:
    """SHA-256 of the configuration of a run but for the number of sweeps, which may grow."""
    protocol = {name: value for name, value in config["protocol"].items() if name != "sweeps"}
    return config_hash({**config, "protocol": protocol})


def _layers(prefix: str, weights: Any, spins: Any) -> dict[str, np.ndarray]:
    named = {f"{prefix}/weights/{l}": np.asarray(J) for l, J in enumerate(weights)}
    return named | {f"{prefix}/spins/{l}": np.asarray(S) for l, S in enumerate(spins)}


def _from_layers(prefix: str, arrays: Mapping[str, np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    def layers(kind: str) -> list[np.ndarray]:
        start = f"{prefix}/{kind}/"
        count = sum(name.startswith(start) for name in arrays)
        return [arrays[f"{start}{l}"] for l in range(count)]

    return layers("weights"), layers("spins")


def _task(values: Mapping[str, Any], n: int, arrays: Mapping[str, np.ndarray]) -> Task:
    data = {name: arrays.get(f"tasks/{n}/{name}") for name in DATA}
    teacher = None
    if values["teacher"] is not None:
        teacher = Teacher(machine_from(values["teacher"]), *_from_layers(f"tasks/{n}/teacher", arrays))
    return Task(values["name"], parameters=values["parameters"], teacher=teacher, **data)  # ty: ignore[invalid-argument-type]


def _schedule(fields: Mapping[str, Any]) -> Schedule:
    betas = tuple(float(beta) for beta in fields["betas"])
    return Schedule(tuple(fields["times"]), betas, fields["kind"])
