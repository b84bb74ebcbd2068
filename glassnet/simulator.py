"""The main entry: simulate a machine under the constraints of a task."""

import math
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from glassnet import sessions
from glassnet.analysis import derive
from glassnet.core import compile_cache, memory
from glassnet.core.check import fail, is_number
from glassnet.core.schedule import Schedule
from glassnet.perceptron.machine import Machine, sources_of
from glassnet.perceptron.observe.table import bound
from glassnet.perceptron.sweeps.catalogue import Dynamics
from glassnet.perceptron.sweeps.frozen import NOTHING, Frozen
from glassnet.perceptron.system import STARTS, Configuration, Perceptron
from glassnet.results import is_path, open_result
from glassnet.sampling.descent import Descent
from glassnet.sampling.exchange import TEMPERATURE, Exchange
from glassnet.sampling.langevin import Langevin
from glassnet.sampling.population import Annealed, Population
from glassnet.sampling.system import Data, Free, Observable, System
from glassnet.sampling.tempered import Tempered
from glassnet.sessions import Limits
from glassnet.simulation import compiled
from glassnet.simulation.job import Job
from glassnet.simulation.phase import Report
from glassnet.simulation.protocol import Protocol
from glassnet.simulation.run import run
from glassnet.simulation.share import share
from glassnet.simulation.tuning import tuned
from glassnet.store.dataset import dataset
from glassnet.store.jobs import check_described, warn_of_own_code
from glassnet.store.provenance import provenance
from glassnet.store.schema import NAMED, VARIABLES
from glassnet.store.starts import starts_from
from glassnet.tasks import Task
from glassnet.tasks.digits import archive
from glassnet.thermal import observe as thermal
from glassnet.thermal.machine import ThermalMachine
from glassnet.thermal.system import Thermal

Beta = float | Schedule | Sequence[float | Schedule]
Observables = Mapping[str, Observable | bool] | Sequence[str] | None


def simulate(
    machine: Machine | ThermalMachine | System,
    task: Task | Sequence[Task] | None = None,
    beta: Beta | None = None,
    *,
    temperature: float | Sequence[float] | None = None,
    protocol: Protocol | None = None,
    dynamics: str | Dynamics | Langevin | Descent | Callable = "metropolis",
    weight_step: float = 0.1,
    numbers: Mapping[str, float] | None = None,
    observables: Observables = None,
    seed: int = 0,
    start: str | os.PathLike | Configuration | xr.Dataset = "random",
    keep_configurations: bool = False,
    exchange: Exchange | None = None,
    population: Population | None = None,
    part: tuple[int, int] | None = None,
    frozen: Frozen | None = None,
    folder: str | os.PathLike | None = None,
    time_limit: float | None = None,
    checkpoint_every: float | None = None,
    report: Report | None = None,
) -> xr.Dataset:
    """Let weights and hidden neurons of a machine move under the constraints of its data, and measure.

    Samples exp(-beta H) times the prior of the weights by Monte Carlo [Yoshino 2020, 2023]; a `ThermalMachine` by
    molecular dynamics, where a sweep is a time step [Huang et al. 2025].

    Args:
        machine: the machine, or another system (`glassnet.sampling.system.System`), which brings its own dynamics.
        task: its data, the same for all samples, or one task for each sample; None for a system that needs none.
        beta: inverse temperature: a number (inf for zero temperature), a `Schedule`, or a list of these, which
            adds a dim `temperature`. May be left out for a hard core, where it has no effect.
        temperature: in place of `beta` the temperature 1 / beta, a number >= 0 or a list of numbers.
        protocol: samples, waiting times, clones and lags; `Protocol()` if None.
        dynamics: "metropolis", "heat_bath" (spins and Ising weights by heat bath, other weights by Metropolis) or
            "feedforward" (weights alone move, neurons follow, only the outputs cost energy). Metropolis offers flips
            in a fixed order: at beta = 0, where every flip is accepted, spins and Ising weights just alternate, and at
            beta = inf their clones need not part; the heat bath has neither trait. Both also with further moves, as in
            "heat_bath+gauge+permute+rows+collapsed" (`RunConfig` says what they are). Or a value: `Dynamics`, or a
            builder `build(machine, plan) -> Kernel` of a kernel of your own, whose accepted moves are not counted. Of a
            `ThermalMachine` it is a `Langevin`, `Langevin()` if left out, or at temperature 0 a `Descent`.
        weight_step: size d of a weight move (no effect on Ising weights).
        numbers: sizes of the moves by name, of another system, or of dynamics or an ensemble of your own, which find
            them in `params.numbers` beside `weight_step`.
        observables: what is measured beside the usual: names of optional observables (`OPTIONAL` in
            glassnet.perceptron.observe.table), or a dict of your own by name, see `Observable`, in which an optional
            one has the value True. In a folder, functions are kept by where they are imported from.
        seed: root of all random numbers of the dynamics and of random starts.
        start: "random" (infinite temperature), "planted" (the teacher's configuration, with its errors), weights and
            spins as `gn.configuration` returns them, or a run that kept its last configurations: its Dataset, or the
            path of its folder or file. Boundary layers always take the task's data. Of a run, the last waiting time
            counts; n samples take its samples one by one, the first clone of each (all clones of all samples, where
            these are n; a single one is the start of all), and temperatures those of the same beta (one by one, where
            it does not have all of them; a single one is the start of all). Potential and beta may differ. The task has
            the patterns of that run and may have more behind them, at which hidden neurons follow the weights.
        keep_configurations: add the last configurations of all clones to the result.
        exchange: swaps between the temperatures of a list of betas, which then ascend; None leaves them side by side.
            Or, at one beta, between margins of the potential or weights of a guide, `gn.Exchange(over="margin",
            values=[-0.4, -0.2, 0])`, which adds a dim of that name. The result says how often neighbours swap, see
            `gn.analysis.exchange_summary`.
        population: population annealing: each replica is so many walkers that follow one schedule `beta`, from
            infinite temperature on, and are chosen by their weights; None for walkers that stay alone. What is measured
            are means over the walkers, without pairs of clones; the free energy and the families that are left as well,
            see `gn.analysis.population_summary`. Samples that share their data are independent populations.
        part: (number from 0, number of parts): run only this share of the samples and temperatures. Taken from the
            group of processes, if `gn.distributed.initialize` was called; (0, 1), the whole run, otherwise. Joined,
            the parts are bit for bit the whole: `gn.save` each under one path, and `gn.open` that path.
        folder: run in this folder, with checkpoints on the way; made if it does not exist. Where it holds this very
            run, go on with it, or return its result if it is complete; `protocol.sweeps` may then be larger than
            before. A SIGTERM or SIGINT stops the run after the block of sweeps under way (aim: 1 s), see `Stopped`.
        time_limit: seconds from now after which a run in a folder has stopped, with a checkpoint; None for no limit.
        checkpoint_every: seconds between checkpoints in the folder; as many as take 2 % of the time if None.
        report: called with a status after every block of sweeps.
        frozen: layers whose weights or hidden neurons are held fixed, as those that a student has copied from its
            teacher; None lets all of them move.
    Returns:
        Dataset with the variables of `glassnet.store.schema`, whole config and provenance in its attributes. A part
        has its own samples and temperatures as coordinates, `part` and `parts` as attributes, and keeps its last
        configurations if joining measures pairs of them; what compares samples is over its own samples until then.
    Raises:
        ValueError: if an argument is out of range, or the run needs more memory than there is, before anything is
            compiled.
        ValueError: if the folder holds a run that differs; the message shows in what.
        LockedError: an OSError, if another process works on the folder.
        FloatingPointError: if the configuration stops being finite.
        Stopped: a SystemExit of status 75, if a signal or the time limit stopped the run; the same call goes on.
    """
    folder = None if folder is None else Path(folder).absolute()  # before any code of the user's runs
    job = prepared(
        machine, task, beta,
        temperature=temperature, protocol=protocol,
        dynamics=dynamics, weight_step=weight_step, numbers=numbers, observables=observables,
        seed=seed, start=start, keep_configurations=keep_configurations, exchange=exchange,
        population=population, part=part, frozen=frozen,
    )  # fmt: skip
    limits = Limits(time_limit, checkpoint_every)
    if folder is not None:
        return sessions.start(folder, job, limits, report)
    if limits != Limits():
        raise fail("folder", "be given with `time_limit` or `checkpoint_every`", folder)
    return in_memory(job, report)


def clear_caches() -> None:
    """Give back the memory of compiled programs and of other things that are kept for the next run.

    For a process that goes through hundreds of machines: programs of the last 16 are kept, about 36 MB each, and JAX
    keeps some of the others. Clears the caches of JAX, too (`jax.clear_caches`); all is made anew where needed, with
    the same bits.
    """
    compiled.forget()
    for kept in (bound, thermal.bound, sources_of, archive):
        kept.cache_clear()


def in_memory(job: Job, report: Report | None = None) -> xr.Dataset:
    """Run a job from start to end, without a folder, as `simulate` does.

    Args:
        job: what to run.
        report: called with a status after every block of sweeps.
    Raises:
        FloatingPointError: if the configuration stops being finite.
    """
    compile_cache.guard()
    job = tuned(job)
    if job.share is not None:
        warn_of_own_code(job)
    made = provenance(job.system)
    begun = time.perf_counter()
    ds = derive(dataset(job, run(job, report)))
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    seconds = round(time.perf_counter() - begun, 3)
    return ds.assign_attrs(made, finished=finished, run_seconds=seconds, status="complete")


def prepared(
    machine: Machine | ThermalMachine | System,
    task: Task | Sequence[Task] | None = None,
    beta: Beta | None = None,
    *,
    temperature: float | Sequence[float] | None = None,
    protocol: Protocol | None = None,
    dynamics: str | Dynamics | Langevin | Descent | Callable = "metropolis",
    weight_step: float = 0.1,
    numbers: Mapping[str, float] | None = None,
    observables: Observables = None,
    seed: int = 0,
    start: str | os.PathLike | Configuration | xr.Dataset = "random",
    keep_configurations: bool = False,
    exchange: Exchange | None = None,
    population: Population | None = None,
    part: tuple[int, int] | None = None,
    frozen: Frozen | None = None,
) -> Job:
    """The job that the arguments of `simulate` describe.

    Raises:
        ValueError: if an argument is out of range, or the run needs more memory than there is.
    """
    protocol = Protocol() if protocol is None else protocol
    if not isinstance(protocol, Protocol):
        raise fail("protocol", "be a Protocol", protocol)
    brought = {"dynamics": dynamics, "weight_step": weight_step, "numbers": numbers, "frozen": frozen}
    if isinstance(machine, Machine):
        (system, numbers), tasks = _perceptron(machine, **brought), _tasks(task)
    elif isinstance(machine, ThermalMachine):
        _left_out(machine, exchange=exchange, population=population)
        (system, numbers), tasks = _thermal(machine, **brought), _tasks(task)
    else:
        (system, numbers), tasks = _own(machine, **brought), _tasks_of_system(task)
    cold = (isinstance(machine, Machine) and machine.hard) or isinstance(dynamics, Descent)
    schedules = _beta(_either(beta, temperature), cold=cold)
    if exchange is not None:
        if not isinstance(exchange, Exchange):
            raise fail("exchange", "be an Exchange or None", exchange)
        if exchange.over == TEMPERATURE and cold:
            raise fail("exchange", "be None for a hard core, which has no temperature, or over margins", exchange)
        if exchange.over != TEMPERATURE and isinstance(schedules, tuple):
            raise fail("beta", f"be one number or Schedule for an exchange over {exchange.over!r}", beta)
        system = Tempered.of(system, len(schedules) if isinstance(schedules, tuple) else 1, exchange)
        if system.along is not None:
            system = replace(system, exchange=exchange.around(system.along.own(system.system, tasks)))
    if population is not None:
        if not isinstance(population, Population):
            raise fail("population", "be a Population or None", population)
        if cold:
            raise fail("population", "be None for a hard core, which has no temperature", population)
        if exchange is not None:
            raise fail("population", "be None with an exchange", population)
        system = Annealed(system, population)
    start = _start(start, system, tasks, protocol, schedules if isinstance(schedules, tuple) else (schedules,))
    taken = (*VARIABLES, *NAMED) if isinstance(machine, (Machine, ThermalMachine)) else ()
    own, optional = _observables(observables, taken)
    job = Job(
        system, tasks, schedules, protocol,
        numbers=numbers, seed=seed, start=start,
        observables=own, optional=optional, keep_configurations=keep_configurations,
    )  # fmt: skip
    job = _shared(job, part)
    memory.check(protocol.replicas(len(job.samples), len(job.temperatures)) * job.system.replica_bytes(job.tasks))
    if not isinstance(machine, (Machine, ThermalMachine)):
        job.check_system()
    check_described(job)
    return job


Moves = str | Dynamics | Langevin | Descent | Callable
Chosen = tuple[System, Mapping[str, float]]
"""A system and the sizes of its moves."""


def _perceptron(
    machine: Machine, *, dynamics: Moves, weight_step: float, numbers: Mapping[str, float] | None, frozen: Frozen | None
) -> Chosen:
    own = dict(numbers or {})
    if isinstance(dynamics, (Langevin, Descent)):
        words = f"be that of spins and weights: a {type(dynamics).__name__} moves a ThermalMachine"
        raise fail("dynamics", words, dynamics)
    if own and isinstance(dynamics, str) and isinstance(machine.ensemble, str):
        requirement = "be left out with a Machine, unless its dynamics or its ensemble are values of your own"
        raise fail("numbers", requirement, own)
    if "weight_step" in own:
        raise fail("numbers", "leave out `weight_step`, which is an argument of its own", own)
    system = Perceptron(machine, dynamics, NOTHING if frozen is None else frozen)
    return system, {"weight_step": weight_step, **own}


def _thermal(
    machine: ThermalMachine, *, dynamics: Moves, weight_step: float, numbers: Mapping[str, float] | None,
    frozen: Frozen | None,
) -> Chosen:  # fmt: skip
    moves = Langevin() if dynamics == "metropolis" else dynamics
    if not isinstance(moves, (Langevin, Descent)):
        raise fail("dynamics", "be a Langevin or a Descent with a ThermalMachine", dynamics)
    step = None if weight_step == 0.1 else weight_step
    _left_out(machine, weight_step=step, numbers=numbers or None, frozen=frozen)
    return Thermal(machine, moves.scheme), moves.numbers


def _own(
    machine: System, *, dynamics: Moves, weight_step: float, numbers: Mapping[str, float] | None, frozen: Frozen | None
) -> Chosen:
    _check_system(machine)
    for name, value, default in (("dynamics", dynamics, "metropolis"), ("weight_step", weight_step, 0.1)):
        if value != default:
            raise fail(name, "be that of the system: it brings its own, with `numbers`", value)
    if frozen is not None:
        raise fail("frozen", "be None for a system that is no Machine", frozen)
    return machine, dict(numbers or {})


def _left_out(machine: ThermalMachine, **given: Any) -> None:
    """Raise ValueError for an argument that a machine has no use for."""
    for name, value in given.items():
        if value is not None:
            raise fail(name, f"be left out with a {type(machine).__name__}", value)


REQUIRED = ("kernel", "observables", "start", "finite")
"""What a system has no default for."""


def _check_system(system: Any) -> None:
    """Raise ValueError unless `system` is a System: a value of a frozen dataclass that says all that has no default."""
    settings = getattr(type(system), "__dataclass_params__", None)
    if isinstance(system, type) or not isinstance(system, System):
        raise fail("machine", "be a Machine or another System (an instance, no class)", system)
    if settings is None or not settings.frozen or not settings.eq:
        raise fail("machine", "be of a class that is a frozen dataclass, `@dataclass(frozen=True)`", system)
    missing = [name for name in REQUIRED if getattr(type(system), name) is getattr(System, name)]
    if missing:
        raise fail("machine", f"define {', '.join(missing)}", system)
    try:
        hash(system)
    except TypeError as error:
        raise fail("machine", "have fields that can be hashed, no arrays and no lists", system) from error


def _observables(observables: Any, taken: Collection[str]) -> tuple[dict[str, Observable], tuple[str, ...]]:
    """The user's observables, and the names of the optional ones.

    Raises:
        ValueError: for a name of the user's that results have with other data, or for something else.
    """
    if observables is None:
        return {}, ()
    if isinstance(observables, Mapping):
        own = {name: value for name, value in observables.items() if value is not True}
        for name in own:
            if name in taken:
                raise fail("observables", "have names that nothing else in the result has", name)
        return own, tuple(name for name, value in observables.items() if value is True)
    if not isinstance(observables, (list, tuple)) or not all(isinstance(name, str) for name in observables):
        raise fail("observables", "be a dict of Observables by name, or names of optional ones", observables)
    return {}, tuple(observables)


def _shared(job: Job, part: tuple[int, int] | None) -> Job:
    """The job, or the share of it that is meant or that falls to this process."""
    if part is None:
        memory.devices()
        part = jax.process_index(), jax.process_count()
    if not isinstance(part, (tuple, list)) or len(part) != 2:
        raise fail("part", "be a pair of numbers, (part, parts)", part)
    mine = share(*part, job.protocol.samples, len(job.temperatures))
    return job if mine.parts == 1 else replace(job, share=mine)


def _start(
    start: Any, system: System, tasks: tuple[Any, ...], protocol: Protocol, schedules: tuple[Schedule, ...]
) -> Any:
    """How the run begins, where that is another run, opened."""
    path = None
    if isinstance(start, os.PathLike) or (isinstance(start, str) and start not in STARTS and is_path(start)):
        path, start = os.fspath(start), open_result(start)
    if not isinstance(start, xr.Dataset):
        return start
    return starts_from(start, system, tasks, protocol.samples, schedules, path=path)


def _tasks(task: Any) -> tuple[Task, ...]:
    tasks = tuple(task) if isinstance(task, (list, tuple)) else (task,)
    for one in tasks:
        if not isinstance(one, Task):
            raise fail("task", "be a Task or a list of Tasks", one)
    if not tasks:
        raise fail("task", "hold at least one Task", task)
    return tasks


def _tasks_of_system(task: Any) -> tuple[Data, ...]:
    tasks = tuple(task) if isinstance(task, (list, tuple)) else (Free() if task is None else task,)
    for one in tasks:
        if isinstance(one, type) or not isinstance(one, Data):
            raise fail("task", "have what `glassnet.sampling.system.Data` lists: name, parameters, digest, ...", one)
    return tasks


def _either(beta: Any, temperature: Any) -> Any:
    """Beta, which may have been given as a temperature.

    Raises:
        ValueError: if both are given, or the temperature is no number >= 0 and no list of such.
    """
    if temperature is None:
        return beta
    if beta is not None:
        raise fail("temperature", "be left out where `beta` is given", temperature)
    if isinstance(temperature, (list, tuple, np.ndarray)) and len(temperature):
        return [_either(None, one) for one in temperature]
    if not is_number(temperature) or not 0 <= temperature < math.inf:
        raise fail("temperature", "be a finite number of at least 0 or a list of these", temperature)
    return 1 / temperature if temperature else math.inf


def _beta(beta: Any, *, cold: bool) -> Schedule | tuple[Schedule, ...]:
    """Inverse temperature against time, several along a temperature axis; `cold` if there is but zero temperature."""
    if beta is None:
        if not cold:
            raise fail("beta", "be given unless the potential is a hard core or the dynamics a Descent", beta)
        beta = math.inf
    if is_number(beta) or isinstance(beta, Schedule):
        return _schedule(beta)
    several: Any = beta
    if isinstance(several, str) or not hasattr(several, "__len__") or not len(several):
        raise fail("beta", "be a number, a Schedule or a list of these", beta)
    return tuple(map(_schedule, several))


def _schedule(beta: Any) -> Schedule:
    return beta if isinstance(beta, Schedule) else Schedule.quench(beta)
