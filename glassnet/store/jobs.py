"""A job as JSON values and arrays, and back: a run folder needs nothing else to go on."""

import re
import warnings
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from glassnet.core.codec import as_tuples, canonical, config_hash, flat, from_json, to_json
from glassnet.core.schedule import Schedule
from glassnet.sampling.paths import import_path, imported
from glassnet.sampling.population import Annealed
from glassnet.sampling.starts import Starts
from glassnet.sampling.system import ON, Observable, System, system_from
from glassnet.sampling.tempered import Tempered
from glassnet.simulation.job import Job, places
from glassnet.simulation.protocol import Protocol
from glassnet.simulation.share import share
from glassnet.tasks.task import fingerprint

PERCEPTRON = "glassnet.perceptron.system:Perceptron"
"""Where the system of a configuration is found that names none."""

TASK = "glassnet.tasks.task:Task"
"""Where the kind of a task is found that names none."""


def configuration_of_run(job: Job) -> dict[str, Any]:
    """Everything that fixes a run, as JSON values."""
    start: Any = job.start
    if not isinstance(start, str):
        several = {"configurations": list(start.shape)} if isinstance(start, Starts) else {}
        start = {"sha256": fingerprint(*_start_arrays(job).values()), **several}
    config = {
        **job.system.config(job.numbers),
        "tasks": [task.parameters for task in job.tasks],
        "data_sha256": [task.digest for task in job.tasks],
        "schedules": [to_json(asdict(s)) for s in job.schedules],
        "protocol": asdict(job.protocol),
        "seed": job.seed,
        "start": start,
    }
    if job.optional:
        config["optional_observables"] = list(job.optional)
    if job.observables:
        config["observables"] = {name: _observable_about(o) for name, o in job.observables.items()}
    return config


def check_described(job: Job) -> None:
    """Check that everything that fixes a run can be written down, before it runs.

    Raises:
        ValueError: naming what cannot.
    """
    try:
        canonical(configuration_of_run(job))
    except TypeError as error:
        requirement = "have fields, and its data parameters, that JSON can hold (or say others in `config`)"
        raise ValueError(f"Argument `machine` must {requirement}, but {error}.") from error


def warn_of_own_code(job: Job) -> None:
    """Warn if the run needs what no other process can import: classes or functions of a script or inside a function."""
    names = [x for x in flat(configuration_of_run(job), lists=True).values() if isinstance(x, str) and OWN.search(x)]
    if names:
        message = (
            f"{', '.join(names)} cannot be imported elsewhere: only the same call goes on with this run or joins it."
        )
        warnings.warn(message, stacklevel=3)


OWN = re.compile(r"^__(mp_)?main__:|:.*<.*#[0-9a-f]{12}$")
"""What `import_path` says of something that another process does not find."""


def job_about(job: Job) -> dict[str, Any]:
    """What `job_from` needs beside the arrays, as JSON values."""
    part = None if job.share is None else [job.share.part, job.share.parts]
    source = {"start": dict(job.start.source)} if isinstance(job.start, Starts) else {}
    return source | {"config": configuration_of_run(job), "tasks": [task.about() for task in job.tasks], "part": part}


def job_arrays(job: Job) -> dict[str, np.ndarray]:
    """The data of a job, and the configuration that it starts from if one was given."""
    arrays = {f"tasks/{n}/{name}": x for n, task in enumerate(job.tasks) for name, x in task.arrays().items()}
    if isinstance(job.start, str):
        return arrays
    return arrays | {f"start/{name}": x for name, x in _start_arrays(job).items()}


def job_from(about: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, ladder: bool, keep: bool) -> Job:
    """The job that `job_about` and `job_arrays` described.

    Args:
        about: what `job_about` gave.
        arrays: what `job_arrays` gave.
        ladder: whether there is a temperature axis.
        keep: whether the result keeps configurations.
    Raises:
        ValueError: if the run needs code that cannot be imported here.
    """
    config = about["config"]
    system, numbers = system_of(config)
    protocol = protocol_from(config["protocol"])
    schedules = tuple(_schedule(fields) for fields in config["schedules"])
    tasks = []
    for n, values in enumerate(about["tasks"]):
        tasks.append(imported(values.get("kind", TASK)).stored(values, _below(f"tasks/{n}/", arrays)))
    start = config["start"]
    if not isinstance(start, str):
        given = _below("start/", arrays)
        start = Starts(given, about["start"]) if "configurations" in start else system.start_from(given)
    mine = None if about["part"] is None else share(*about["part"], protocol.samples, places(system, len(schedules)))
    beta = schedules if ladder else schedules[0]
    return Job(
        system, tuple(tasks), beta, protocol,
        numbers=numbers, seed=config["seed"], start=start,
        observables=observables_from(config), optional=tuple(config.get("optional_observables", ())),
        keep_configurations=keep, share=mine,
    )  # fmt: skip


def system_of(config: Mapping[str, Any]) -> tuple[System, dict[str, float]]:
    """The system of a run, one of ladders or populations included, and the numbers of its moves.

    Args:
        config: the configuration of the run.
    Raises:
        ValueError: if the system cannot be imported here.
    """
    system, numbers = system_from(config, PERCEPTRON)
    if "exchange" in config:
        system = Tempered.stored(system, len(config["schedules"]), config["exchange"])
    if "population" in config:
        system = Annealed.stored(system, config["population"])
    return system, numbers


def as_tuned(job: Job, config: Mapping[str, Any]) -> Job:
    """The job with the ladder of a run that asked for the same one, which has been tuned; else the job as it is."""
    if not isinstance(job.system, Tempered) or not job.system.exchange.tune:
        return job
    asked = tuple(schedule.final_beta for schedule in job.schedules)
    earlier = config.get("exchange", {})
    if earlier.get("asked") is None or tuple(earlier["asked"]) != asked:
        return job
    beta = tuple(_schedule(fields) for fields in config["schedules"])
    return replace(job, system=replace(job.system, asked=asked), beta=beta)


def observables_from(config: Mapping[str, Any], on: tuple[str, ...] = ON) -> dict[str, Observable]:
    """The observables that a run has beside its system's own, from its configuration.

    Args:
        config: the configuration.
        on: on what those are measured that are wanted.
    Raises:
        ValueError: if a function cannot be imported here.
    """
    stored = config.get("observables", {})
    return {name: _observable_from(values) for name, values in stored.items() if values["on"] in on}


def protocol_from(values: Mapping[str, Any]) -> Protocol:
    """The protocol that a configuration describes."""
    return Protocol(**{name: as_tuples(x) for name, x in values.items()})


def identity(config: Mapping[str, Any]) -> str:
    """SHA-256 of the configuration of a run but for the number of sweeps, which may grow."""
    protocol = {name: value for name, value in config["protocol"].items() if name != "sweeps"}
    return config_hash({**config, "protocol": protocol})


def _start_arrays(job: Job) -> dict[str, np.ndarray]:
    if isinstance(job.start, Starts):
        return dict(job.start.arrays)
    return job.system.start_arrays(job.start)


def _below(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `prefix`, by the rest of their names."""
    return {name.removeprefix(prefix): x for name, x in arrays.items() if name.startswith(prefix)}


def _schedule(fields: Mapping[str, Any]) -> Schedule:
    return Schedule(tuple(fields["times"]), from_json(fields["betas"]), fields["kind"])


FUNCTIONS = ("of", "finish")
"""Fields of an observable that hold functions."""


def _observable_about(observable: Observable) -> dict[str, Any]:
    """An observable as JSON values: labels, and where its functions are imported from."""
    values: dict[str, Any] = {name: x for name, x in vars(observable).items() if name not in FUNCTIONS}
    functions = {name: getattr(observable, name) for name in FUNCTIONS}
    return to_json(values) | {name: None if f is None else import_path(f) for name, f in functions.items()}


def _observable_from(values: Mapping[str, Any]) -> Observable:
    functions: dict[str, Any] = {name: None if values[name] is None else imported(values[name]) for name in FUNCTIONS}
    fields: dict[str, Any] = {name: as_tuples(x) for name, x in values.items()}
    return Observable(**fields | functions)
