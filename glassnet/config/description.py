"""A whole run as one value: checked when it is made, written as JSON and read back, hashed."""

import json
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import jax
import tyro

from glassnet.config.read import record
from glassnet.config.tasks import TASKS, TaskConfig, integers
from glassnet.core import memory
from glassnet.core.check import fail, integer, is_number, one_of
from glassnet.core.codec import config_hash, decoded, to_json
from glassnet.core.former import of_earlier_versions
from glassnet.core.schedule import KINDS, Schedule
from glassnet.output import text_of
from glassnet.perceptron import describe
from glassnet.perceptron.describe import POTENTIALS, as_formerly
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.observe.table import OPTIONAL
from glassnet.perceptron.proposal import check_step
from glassnet.perceptron.state import state_bytes
from glassnet.perceptron.sweeps.catalogue import check_dynamics
from glassnet.perceptron.system import STARTS
from glassnet.sampling.descent import Descent
from glassnet.sampling.exchange import TEMPERATURE, Exchange, width_of
from glassnet.sampling.langevin import Langevin
from glassnet.sampling.population import Population
from glassnet.simulation.protocol import Protocol
from glassnet.simulation.share import share
from glassnet.thermal import machine as thermal
from glassnet.thermal.machine import ThermalMachine
from glassnet.thermal.system import state_bytes as thermal_bytes

if TYPE_CHECKING:
    from glassnet.simulation.job import Job

Beta = float | tuple[float, ...] | tuple[tuple[float, ...], ...]


def beta_from(words: list[str]) -> Beta:
    """Beta from the words of an option: numbers, or numbers joined by commas for each of several schedules.

    Raises:
        ValueError: for other words.
    """
    try:
        rows = tuple(tuple(map(float, word.split(","))) for word in words)
    except ValueError:
        raise fail("beta", "be numbers, or schedules such as 1,10 1,20", " ".join(words)) from None
    if any("," in word for word in words):
        return rows
    return rows[0][0] if len(rows) == 1 else tuple(row[0] for row in rows)


def beta_words(beta: Beta) -> list[str]:
    """The words of the option that means `beta`."""
    rows = beta if isinstance(beta, tuple) else (beta,)
    return [",".join(map(str, row)) if isinstance(row, tuple) else str(row) for row in rows]


def _is_beta(value: Any) -> bool:
    return isinstance(value, (float, int, tuple))


WORDS = tyro.constructors.PrimitiveConstructorSpec("*", "FLOAT [FLOAT ...]", beta_from, _is_beta, beta_words)
"""How beta is an option of the command line."""

LATER: dict[str, Any] = {
    "exchange": 0, "tune": 0, "margins": (), "observables": (), "population": 0, "langevin": asdict(Langevin()),
    "descent": asdict(Descent()),
}  # fmt: skip
"""Options that came later, which are written down where they are not as before: hashes stay as they were."""

LANGEVIN, DESCENT = "langevin", "descent"
"""The dynamics of a thermal machine."""

SCHEDULES = ("quench", *KINDS)
DATA = ("shared", "independent")


@dataclass(frozen=True)
class RunConfig:
    """Everything that fixes a run.

    Args:
        machine: the machine: depth, widths, and, of a perceptron, weights and potential.
        task: the data that clamp inputs and outputs.
        beta: inverse temperature beta >= 0, inf for zero temperature. Several values: for a quench, temperatures
            that run side by side; for other schedules, beta at each of `knots`. Several schedules side by side are a
            list of lists, [[1, 10], [1, 20]] for two knots, on the command line --beta 1,10 1,20.
        schedule: "quench" (beta from sweep 0 on), "steps" (beta jumps at each knot), "linear" (beta linear in
            time between knots) or "geometric" (log beta linear in time).
        knots: sweeps at which `beta` is given, ascending from 0; none for a quench.
        protocol: samples, waiting times, clones, lags.
        dynamics: "metropolis", "heat_bath" (spins, and Ising weights, by heat bath) or "feedforward" (weights alone
            move, neurons follow, only the outputs cost energy). The first two also with further moves: +gauge (signs of
            hidden neurons), +permute (their order), +rows (slice moves of whole rows of weights), +collapsed (weights
            with the spins of their neuron summed out), as in heat_bath+gauge+collapsed. A thermal machine has
            "langevin" and, at beta inf, "descent", see there.
        weight_step: size d of a weight move, > 0.
        exchange: sweeps between two rounds of swaps of neighbouring temperatures (replica exchange), which then ascend
            in `beta`; 0 leaves the temperatures side by side.
        margins: margins kappa of the potential, ascending, that swap at one temperature in the place of temperatures;
            that of the machine is among them. With none given, temperatures swap.
        tune: sweeps before the run that move the inner temperatures until all neighbours swap equally often; not of
            margins.
        population: walkers of a population (population annealing), each replica being one: they follow the schedule
            from infinite temperature on and are chosen by their weights; 0 leaves every walker alone.
        seed: root of all random numbers of the dynamics, >= 0.
        start: "random" (infinite temperature), "planted" (the teacher's configuration, with its errors) or the path of
            a run that kept its last configurations, with a slash (./run) or ending in .nc: they are kept in the folder
            of the new run, see `simulate`.
        data: "shared" (all samples see the same data) or "independent" (data of each sample s with a seed of its
            own, 2^32 times that of the task + s: no two samples of two seeds share data).
        observables: optional observables that are measured, too: spin_autocorrelation_histogram,
            spin_overlap_squared_matched (not on a random graph), teacher_overlap_by_neuron (with a teacher),
            spin_balance and weight_balance (scores of single moves, 0 in equilibrium; not of "feedforward").
        langevin: the time step of a thermal machine, which is its sweep.
        descent: the step of a thermal machine down its energy, without temperature.
    Raises:
        ValueError: if an argument is out of range; it names the argument and the value.
    """

    machine: Machine | ThermalMachine
    task: TaskConfig
    beta: Annotated[Beta, WORDS] = 66.7
    schedule: str = "quench"
    knots: tuple[int, ...] = ()
    protocol: Protocol = field(default_factory=Protocol)
    dynamics: str = "metropolis"
    weight_step: float = 0.1
    seed: int = 0
    start: str = "random"
    data: str = "shared"
    exchange: int = 0
    tune: int = 0
    margins: tuple[float, ...] = ()
    observables: tuple[str, ...] = ()
    population: int = 0
    langevin: Langevin = field(default_factory=Langevin)
    descent: Descent = field(default_factory=Descent)

    def __post_init__(self) -> None:
        _instance(Machine | ThermalMachine, machine=self.machine)
        _instance(Langevin, langevin=self.langevin)
        _instance(Descent, descent=self.descent)
        _instance(TaskConfig, task=self.task)
        _instance(Protocol, protocol=self.protocol)
        one_of(SCHEDULES, schedule=self.schedule)
        _instance(str, dynamics=self.dynamics)
        if isinstance(self.machine, ThermalMachine):
            self._check_thermal()
        else:
            check_dynamics(self.dynamics, self.machine)
            for name, default in ((LANGEVIN, Langevin()), (DESCENT, Descent())):
                if getattr(self, name) != default:
                    raise fail(name, "be left out with a perceptron", getattr(self, name))
        self._check_start()
        one_of(DATA, data=self.data)
        check_step(self.weight_step)
        integer(0, seed=self.seed, exchange=self.exchange, tune=self.tune, population=self.population)
        if self.tune and not self.exchange:
            raise fail("tune", "be 0 without an exchange", self.tune)
        self._check_margins()
        if self.population == 1:
            raise fail("population", "be 0, for none, or at least 2", self.population)
        if self.population and self.exchange:
            raise fail("population", "be 0 with an exchange", self.population)
        object.__setattr__(self, "beta", _checked_beta(self.beta))
        object.__setattr__(self, "knots", integers("knots", self.knots))
        object.__setattr__(self, "observables", _checked_observables(self.observables))
        self._check_knots()

    def _check_margins(self) -> None:
        """Margins swap at one temperature."""
        if not isinstance(self.margins, (tuple, list)) or not all(map(is_number, self.margins)):
            raise fail("margins", "be a list of numbers", self.margins)
        object.__setattr__(self, "margins", tuple(map(float, self.margins)))
        if self.margins and not self.exchange:
            raise fail("margins", "be left out without an exchange", self.margins)
        if not self.margins:
            return
        if self.tune:
            raise fail("tune", "be 0 with margins: it moves temperatures", self.tune)
        try:
            Exchange(self.exchange, over="margin", values=self.margins)
        except ValueError as error:
            raise ValueError(str(error).replace("exchange.values", "margins")) from None

    def _check_thermal(self) -> None:
        """The dynamics of a thermal machine, without what Monte Carlo alone has."""
        if self.dynamics == "metropolis":  # the default
            object.__setattr__(self, "dynamics", LANGEVIN)
        one_of((LANGEVIN, DESCENT), dynamics=self.dynamics)
        name, default = (DESCENT, Descent()) if self.dynamics == LANGEVIN else (LANGEVIN, Langevin())
        if getattr(self, name) != default:
            raise fail(name, f"be left out where the dynamics are {self.dynamics!r}", getattr(self, name))
        none = {"weight_step": 0.1, "exchange": 0, "tune": 0, "population": 0, "observables": (), "margins": ()}
        for name, default in none.items():
            if tuple(getattr(self, name)) != default if default == () else getattr(self, name) != default:
                raise fail(name, "be left out with a thermal machine", getattr(self, name))

    def _check_start(self) -> None:
        """A name, or what can only be a path: whether there is a result is seen when the run is built."""
        path = isinstance(self.start, str) and ("/" in self.start or self.start.endswith(".nc"))
        if not path and self.start not in STARTS:
            names = ", ".join(map(repr, STARTS))
            raise fail("start", f"be one of {names}, or the path of a run, with a slash or ending in .nc", self.start)

    def _check_knots(self) -> None:
        if self.schedule == "quench":
            if self.knots:
                raise fail("knots", "be empty for a quench", self.knots)
            if self.several_schedules:
                raise fail("beta", "be a number or a list of numbers for a quench", self.beta)
            return
        for betas in self._rows:
            if len(self.knots) != len(betas):
                raise fail("knots", f"hold one sweep number for each of the {len(betas)} values of beta", self.knots)
        if self.knots[0] != 0 or any(a >= b for a, b in zip(self.knots[:-1], self.knots[1:], strict=True)):
            raise fail("knots", "ascend from 0", self.knots)
        if len(set(self._rows)) < len(self._rows):
            raise fail("beta", "hold different schedules", self.beta)
        for betas in self._rows:
            Schedule(self.knots, betas, self.schedule)

    @property
    def several_schedules(self) -> bool:
        """Whether beta lists schedules that run side by side, each given at `knots`."""
        return isinstance(self.beta, tuple) and isinstance(self.beta[0], tuple)

    @property
    def _rows(self) -> tuple[tuple[float, ...], ...]:
        """Beta at the knots, for each schedule."""
        if self.several_schedules:
            return self.beta  # ty: ignore[invalid-explicit-return]
        return (self.beta if isinstance(self.beta, tuple) else (self.beta,),)  # ty: ignore[invalid-explicit-return]

    @property
    def inverse_temperature(self) -> float | list[float] | Schedule | list[Schedule]:
        """Beta as `simulate` takes it: a number, a schedule, or a list of one of these."""
        if self.schedule == "quench":
            return list(self.beta) if isinstance(self.beta, tuple) else self.beta  # ty: ignore[invalid-explicit-return]
        schedules = [Schedule(self.knots, betas, self.schedule) for betas in self._rows]
        return schedules if self.several_schedules else schedules[0]

    def job(self, *, part: tuple[int, int] | None = None, keep_configurations: bool = False) -> "Job":
        """The run as a value, as the same arguments of `simulate` make it.

        Args:
            part: the share of it that is meant, see `simulate`.
            keep_configurations: whether its result keeps the last configurations of the clones.
        Raises:
            ValueError, FileNotFoundError: if the data do not fit the machine or cannot be read.
        """
        from glassnet.simulator import prepared

        return prepared(**self.build(part), part=part, keep_configurations=keep_configurations)

    def build(self, of: tuple[int, int] | None = None) -> dict[str, Any]:
        """The arguments of `simulate`.

        Args:
            of: number of the part of the run that memory must hold, and number of parts; as in `simulate` if None.
        Raises:
            ValueError: if the data do not fit the machine, or memory does not hold data and configurations.
            FileNotFoundError: if data cannot be read.
        """
        samples = range(self.protocol.samples) if self.data == "independent" else [None]
        memory.devices()
        self._check_memory(*(of or (jax.process_index(), jax.process_count())))
        built = [self.task.build(self.machine, sample) for sample in samples]
        return {
            "machine": self.machine,
            "task": built if self.data == "independent" else built[0],
            "beta": self.inverse_temperature,
            "protocol": self.protocol,
            "dynamics": {LANGEVIN: self.langevin, DESCENT: self.descent}.get(self.dynamics, self.dynamics),
            "weight_step": self.weight_step,
            "seed": self.seed,
            "start": self.start,
            "exchange": self._exchange,
            "observables": self.observables,
            "population": Population(self.population) if self.population else None,
        }

    @property
    def _exchange(self) -> Exchange | None:
        if not self.exchange:
            return None
        over = "margin" if self.margins else TEMPERATURE
        return Exchange(self.exchange, self.tune, over=over, values=self.margins)

    def _check_memory(self, part: int, parts: int) -> None:
        """Raise ValueError if data and configurations need more memory than there is."""
        task, ends = self.task, self.machine.widths[0] + self.machine.widths[-1]
        data = (self.protocol.samples if self.data == "independent" else 1) * ends
        data *= task.patterns + (task.test_patterns or 0)
        beta = self.inverse_temperature
        count = len(beta) if isinstance(beta, list) else 1
        mine = share(part, parts, self.protocol.samples, 1 if self.exchange else count)
        rungs = width_of(len(self.margins) or count) if self.exchange else 1
        replicas = self.protocol.replicas(len(mine.samples), len(mine.temperatures) * rungs) * (self.population or 1)
        machine = self.machine
        one = thermal_bytes(machine, task.patterns) if isinstance(machine, ThermalMachine) else None
        memory.check(replicas * (one or state_bytes(machine, task.patterns)), data)  # ty: ignore[invalid-argument-type]

    def to_dict(self) -> dict[str, Any]:
        """The configuration as JSON values; an infinite beta is the string "inf"."""
        of_task = {name: x for name, x in asdict(self.task).items() if x is not None or name not in ADDED}
        task = {"kind": self.task.kind, **to_json(of_task)}
        teacher = getattr(self.task, "teacher", None)
        if teacher is not None:
            task["teacher"] = describe.described(teacher)
        values = {**asdict(self), "machine": described(self.machine), "task": task, "beta": to_json(self.beta)}
        values = {name: x for name, x in values.items() if name not in LATER or x != LATER[name]}
        return _floats(json.loads(json.dumps(values, allow_nan=False, default=lambda number: number.item())))

    def to_json(self) -> str:
        """The configuration as indented JSON, for `from_json`."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "RunConfig":
        """The configuration that `to_json` wrote; what is left out takes its default.

        Raises:
            ValueError: for text that is not JSON, unknown or missing keys, or values out of range.
        """
        try:
            values = decoded(text)
        except ValueError as error:
            raise ValueError(f"Argument `config` must be JSON, but has an error: {error}.") from error
        return record(cls, "config", values)

    @cached_property
    def config_hash(self) -> str:
        """SHA-256 of the canonical JSON of the configuration, 64 hexadecimal digits."""
        return config_hash(self.to_dict())

    @property
    def former_hash(self) -> str:
        """The hash that version 0.1.0 gave the same configuration."""
        return config_hash(as_formerly(self.to_dict()))

    @classmethod
    def stored(cls, values: dict[str, Any]) -> "RunConfig":
        """The configuration that some version has stored as JSON values.

        Raises:
            ValueError: as `from_json`.
        """
        with of_earlier_versions():
            return record(cls, "config", values)


def read_config(path: str | PathLike) -> RunConfig:
    """The configuration in a JSON file, which may be the config.json of a run's folder.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no text, and as `RunConfig.from_json`.
    """
    path = Path(path)
    text = text_of(path, "config", "JSON")
    stored = _of_folder(text)
    return RunConfig.from_json(text) if stored is None else RunConfig.stored(stored)


def _of_folder(text: str) -> dict[str, Any] | None:
    """The configuration in the text of a run folder's config.json; None for any other text."""
    try:
        values = decoded(text)
    except ValueError:
        return None
    if not isinstance(values, dict) or not {"job", "run"} <= set(values):
        return None
    if values["run"] is None:
        raise ValueError("Argument `config` must be of a run made by `glassnet run`, but was made from Python.")
    rest = {name: value for name, value in values.items() if name != "sha256"}
    if "sha256" in values and values["sha256"] != config_hash(rest):
        raise ValueError("Argument `config` must be that of a run, but is damaged: its hash does not fit.")
    return values["run"]


ADDED = ("noise", "beta")
"""Fields of data that appear only where they are set: earlier versions did not have them, and hashes stay."""


def _instance(kind: Any, **values: Any) -> None:
    for name, value in values.items():
        if not isinstance(value, kind):
            names = getattr(kind, "__name__", None) or ", ".join(k.__name__ for k in kind.__args__)
            raise fail(name, f"be a {names}", value)


def _checked_beta(beta: Any) -> Beta:
    """Beta as float, tuple of floats or tuple of such tuples, each a number >= 0 or inf."""
    if is_number(beta):
        return Schedule.quench(beta).final_beta
    if isinstance(beta, str) or not hasattr(beta, "__len__") or not len(beta):
        raise fail("beta", "be a number or a list of numbers", beta)
    found = tuple(map(_checked_beta, beta))
    lengths = {len(one) if isinstance(one, tuple) else 0 for one in found}
    if len(lengths) > 1 or any(isinstance(b, tuple) for one in found if isinstance(one, tuple) for b in one):
        raise fail("beta", "be a number, a list of numbers, or a list of equally long lists of numbers", beta)
    return found  # ty: ignore[invalid-explicit-return]


def _checked_observables(names: Any) -> tuple[str, ...]:
    """Names of optional observables, each once, in the order of the table."""
    if not isinstance(names, (list, tuple)):
        raise fail("observables", "be a list of names", names)
    for name in names:
        one_of(tuple(OPTIONAL), observables=name)
    return tuple(name for name in OPTIONAL if name in names)


def described(machine: Machine | ThermalMachine) -> dict[str, Any]:
    """The arguments that build `machine`, as JSON values."""
    return thermal.described(machine) if isinstance(machine, ThermalMachine) else describe.described(machine)


KINDS_OF_VALUES = (RunConfig, Langevin, Descent, *TASKS.values(), *POTENTIALS.values())

REAL = {f.name for kind in KINDS_OF_VALUES for f in fields(kind) if f.type is float} - {f.name for f in fields(Machine)}
"""Fields that hold real numbers also where a whole number was given; a name that a machine has, too, is not among them
(`width`), so that its potential has to see to it itself."""


def _floats(values: dict[str, Any]) -> dict[str, Any]:
    """`values` with floats in all fields of `REAL`, so that 1 and 1.0 give the same text."""
    nested = {k: _floats(v) for k, v in values.items() if isinstance(v, dict)}
    return values | nested | {k: float(v) for k, v in values.items() if k in REAL}
