"""What a run asks of a Hamiltonian: the contract that stands between samplers and models.

A `System` is a frozen, hashable value without arrays. Its functions speak of one replica and of one sample's data, and
are mapped over many by those who call them. What is measured is a table of `Observable`s with declared dimensions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from glassnet.core import keys
from glassnet.core.check import fail, one_of, plain
from glassnet.core.codec import as_tuples
from glassnet.sampling.kernel import Kernel, State
from glassnet.sampling.paths import import_path, imported
from glassnet.sampling.plan import Plan


class Variable(NamedTuple):
    """How a variable is labelled: dimensions, units, name in words, symbol on axes, source.

    `fixed` names the dims whose last place is clamped: what is measured there does not move.
    """

    dims: tuple[str, ...]
    units: str
    long_name: str
    symbol: str
    source: str
    fixed: tuple[str, ...] = ()


ON = ("host", "clone", "both", "pair", "final")
"""On what an observable is measured."""

OF_LAST = ("pair", "final")
"""Those that compare last configurations."""


@dataclass(frozen=True)
class Observable:
    """Something measured while a run goes on, inside the compiled program.

    Args:
        of: `of(state, then, clamped) -> array` for one replica, in JAX. `then` is the configuration at the waiting time
            (None on hosts), `clamped` what `System.scene` and `System.at_temperature` return. Of a pair:
            `of(state, other, (clamped, others))`, where both states are bare (`System.bare`) and both data what
            `System.clamped` returns. With on="final": `of(state, None, clamped)` of one last configuration alone, bare,
            with what `System.clamped` returns.
        dims: names of the axes of its value, in their order.
        on: "host" (against time), "clone" (against lag), "both" (then the clones' carry the prefix `clone_`), "pair"
            (all pairs of clones of a host against lag, and, with the prefix `final_`, of all last configurations), or
            "final" (the latter alone, of which `finish` makes pairs).
        units, long_name, symbol, source: labels of the variable.
        finish: `finish(values) -> values` in NumPy, for what JAX cannot do. It gets the values of all replicas at once,
            the replica as first axis; of pairs the values of a whole group, both configurations as first axes. With
            on="final" it gets the values of all last configurations of a temperature and waiting time, the
            configuration as first axis, and returns those of all pairs, both configurations as first axes.
        pick: key (a word) or index of its value, where `of` (or `finish`) returns several. Observables with the same
            functions share one evaluation.
        fixed: dims whose last place is clamped, as in `Variable`.
    Raises:
        ValueError: if `of` is no function, or `dims`, `fixed`, `on`, `finish` or `pick` are not as said.
    """

    of: Callable
    dims: tuple[str, ...] = ()
    on: str = "both"
    units: str = "1"
    long_name: str = ""
    symbol: str = ""
    source: str = ""
    finish: Callable | None = None
    pick: Any = None
    fixed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not callable(self.of):
            raise fail("of", "be a function of state, then and clamped", self.of)
        for name, dims in (("dims", self.dims), ("fixed", self.fixed)):
            if not isinstance(dims, (tuple, list)) or not all(isinstance(dim, str) for dim in dims):
                raise fail(name, "be a tuple of names", dims)
            object.__setattr__(self, name, tuple(dims))
        if not set(self.fixed) <= set(self.dims):
            raise fail("fixed", f"be among the dims {self.dims!r}", self.fixed)
        one_of(ON, on=self.on)
        if self.on == "final" and self.finish is None:
            raise fail("finish", 'be a function with on="final": it makes pairs of configurations', self.finish)
        if self.pick is not None and not isinstance(self.pick, (str, int)):
            raise fail("pick", "be None, a key or an index", self.pick)

    def variable(self, name: str) -> Variable:
        """Its labels; the name stands in for words where none were given."""
        words = self.long_name or name.replace("_", " ")
        return Variable(self.dims, self.units, words, self.symbol, self.source, self.fixed)


class Moves(NamedTuple):
    """Moves of one kind.

    Attributes:
        offered: how many one sweep of one replica offers, int64, in the shape of the count of accepted ones.
        variable: labels of the accepted fraction.
    """

    offered: np.ndarray
    variable: Variable


COUNTS = "accepted"
"""How the names of all counts of accepted moves begin."""


def rate_name(name: str) -> str:
    """Name of the accepted fraction in a result, from that of the count: accepted_spins becomes acceptance_spins."""
    return name.replace(COUNTS, "acceptance")


class Work(NamedTuple):
    """Size of one replica: how many array entries one step, and one whole sweep, read or write.

    It sets how many replicas run in one call.
    """

    step: int
    replica: int


@runtime_checkable
class Data(Protocol):
    """What a run asks of the data of a sample; what is inside concerns the system alone."""

    @property
    def name(self) -> str:
        """One word, for titles."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What reproduces the data, as JSON values."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of the data."""
        ...

    def arrays(self) -> Mapping[str, np.ndarray]:
        """The data by name, which a folder keeps."""
        ...

    def about(self) -> Mapping[str, Any]:
        """What `stored` needs beside the arrays, as JSON values, with "kind": `import_path` of the class."""
        ...

    @classmethod
    def stored(cls, about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Data":
        """The data that `about` and `arrays` described."""
        ...


@dataclass(frozen=True)
class Free:
    """No data: nothing is clamped."""

    name: str = "no"

    @property
    def parameters(self) -> dict[str, Any]:
        """What reproduces the data, as JSON values."""
        return {}

    @property
    def digest(self) -> str:
        """SHA-256 of the data."""
        return ""

    def arrays(self) -> dict[str, np.ndarray]:
        """The data by name."""
        return {}

    def about(self) -> dict[str, Any]:
        """What `stored` needs beside the arrays, as JSON values."""
        return {"kind": import_path(type(self))}

    @classmethod
    def stored(cls, about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Free":
        """The task that `about` and `arrays` described."""
        return cls()


class Parameter(NamedTuple):
    """A number of the Hamiltonian, beside the temperature, in which the rungs of a ladder may differ.

    Attributes:
        of: `of(clamped) -> values`, what `put` has put there.
        put: `put(clamped, values) -> clamped`, clamped data with the parameter in it; functions of a module.
        own: `own(system, tasks) -> number`, what it is without a ladder; ValueError where there is no ladder in it.
        at: `at(system, value) -> system`, the system at another value; ValueError for one that cannot be.
        words: name in words.
    """

    of: Callable[[Any], Array]
    put: Callable[[Any, Any], Any]
    own: Callable[[Any, Sequence[Any]], float]
    at: Callable[[Any, float], "System"]
    words: str


EXACT = "exact"
"""What `System.equilibrium` says of a start that is drawn from the law which the moves keep."""


@runtime_checkable
class System(Protocol):
    """A Hamiltonian with its moves and observables; a frozen dataclass without arrays that inherits the defaults."""

    def __hash__(self) -> int:
        """Equal systems share compiled programs."""
        ...

    @property
    def title(self) -> str:
        """What runs, in words."""
        return type(self).__name__

    @property
    def native(self) -> bool:
        """Whether compiled kernels for one replica at a time carry out its sweeps on a CPU."""
        return False

    @property
    def fused(self) -> bool:
        """Whether fused kernels for a whole batch carry out its sweeps on an accelerator."""
        return False

    @property
    def tempered(self) -> bool:
        """Whether one replica is at all rungs of a ladder at once: observables then have the dim `rung`."""
        return False

    @property
    def rung(self) -> str:
        """Dim of the rungs of a ladder."""
        return "temperature"

    @property
    def cold(self) -> bool:
        """Whether it has no temperature but zero."""
        return False

    def parameters(self) -> Mapping[str, Parameter]:
        """What may differ along a ladder beside the temperature, by name."""
        return {}

    def at_rung(self, clamped: Any, rung: int, leading: tuple[int, ...] = ()) -> Any:
        """Clamped data of the system at one rung of a ladder.

        Args:
            clamped: those of `single`, or of the whole ladder.
            rung: its number.
            leading: sizes of the axes that all its arrays have in front.
        """
        return clamped

    @property
    def single(self) -> "System":
        """What there is at one temperature."""
        return self

    def traced(self) -> dict[str, Array]:
        """Numbers beside those of the moves that the kernel finds in `params.numbers`."""
        return {}

    def paths(self, paths: Any) -> Any:
        """What drives the replicas, from the `BetaPath`s of all temperatures (temperature leading)."""
        return paths

    def lifted(self, observable: Observable) -> Observable:
        """An observable that a user adds as one of this system, where it is made of others."""
        return observable

    def kernel(self, plan: Plan) -> Kernel:
        """The kernel, laid out for the processor that `plan` describes."""
        ...

    def observables(self, tasks: Sequence[Any]) -> Mapping[str, Observable]:
        """What is measured with such data; "energy" is among them. Without tasks: what is measured with any data.

        Return the same function objects for the same arguments: compiled programs are kept by them.
        """
        ...

    def optional(self, tasks: Sequence[Any]) -> Mapping[str, Observable]:
        """What is measured beside `observables` where a run names it; its functions are the same objects, too."""
        return {}

    def start(self, key: Array, clamped: Any) -> State:
        """A configuration at infinite temperature."""
        ...

    def given(self, start: Any, task: Any) -> State:
        """The configuration that a start other than "random" means."""
        raise fail("start", "be 'random'", start)

    def start_arrays(self, start: Any) -> dict[str, np.ndarray]:
        """A start other than a name as arrays."""
        raise fail("start", "be 'random'", start)

    def start_from(self, arrays: Mapping[str, np.ndarray]) -> Any:
        """The inverse of `start_arrays`."""
        raise fail("start", "be 'random'", sorted(arrays))

    def continued(
        self,
        arrays: Mapping[str, np.ndarray],
        data: Mapping[str, np.ndarray],
        config: Mapping[str, Any],
        task: Any,
    ) -> dict[str, np.ndarray]:
        """Parts of a configuration that another run kept, as a start under the data of a task.

        Args:
            arrays: what `kept` gave there, of one replica.
            data: what `kept_data` gave there.
            config: the configuration of that run.
            task: the data of this one.
        Returns:
            Parts as `kept` gives them here.
        Raises:
            ValueError: if they do not fit.
        """
        for name, (_, own) in self.kept_data(task).items():
            if not np.array_equal(data.get(name, ()), own):
                raise fail("start", "have the data of the run that it starts", f"a run with other {name}")
        return dict(arrays)

    def started(self, arrays: Mapping[str, np.ndarray], task: Any) -> State:
        """The configuration of such parts, with all that `start` draws."""
        return self.from_kept(arrays, {name: x for name, (_, x) in self.kept_data(task).items()})[0]

    def clamped(self, task: Any) -> Any:
        """Data of one sample that do not move, a pytree of arrays."""
        return None

    def scene(self, task: Any) -> Any:
        """What observables get beside the configuration: clamped data, and what else they need, such as test data."""
        return self.clamped(task)

    def at_temperature(self, scene: Any, temperature: Array) -> Any:
        """What observables get: the scene with the temperature 1/beta of the last sweep, where they ask for it.

        Args:
            scene: what `scene` returned.
            temperature: scalar; of a ladder that of each rung.
        """
        return scene

    def bare(self, state: State) -> State:
        """The configuration without what moves cache: no more than what `start` draws. Of one replica."""
        return state

    def cloned(self, states: State) -> State:
        """Configurations of hosts at a waiting time as their clones begin with them; NumPy, the replica leading."""
        return states

    def finite(self, state: State) -> dict[str, Array]:
        """Whether all numbers are finite, bool, by name and, where the name has parts, by part."""
        ...

    def part(self, name: str, *index: int) -> str:
        """Words for what is not finite, for errors: a name that `finite` gave, and an index in its array."""
        return " ".join([name, *map(str, index)])

    def moves(self, tasks: Sequence[Any]) -> Mapping[str, Moves]:
        """How many moves a sweep offers, by the names in a kernel's `info`, which counts the accepted ones.

        All these names begin with "accepted"; a result has the accepted fraction as "acceptance" with the same ending.
        The count may leave out last places that are offered nothing.
        """
        return {}

    def work(self, tasks: Sequence[Any]) -> Work:
        """How much one replica is."""
        return Work(1, 1)

    def replica_bytes(self, tasks: Sequence[Any]) -> int:
        """Bytes of the configuration of one replica with what its moves cache."""
        clamped = jax.tree.map(jnp.asarray, self.clamped(tasks[0]))
        outline = jax.eval_shape(self.start, keys.root(0), clamped)
        return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(outline))

    def check(self, tasks: Sequence[Any], betas: Sequence[float], start: Any, numbers: Mapping[str, float]) -> None:
        """Raise ValueError unless data, inverse temperatures, start and numbers of moves fit the system."""

    def check_storable(self, tasks: Sequence[Any]) -> None:
        """Raise ValueError unless another process could build system and tasks from what a folder keeps of them."""

    def coordinates(self) -> dict[str, np.ndarray]:
        """Coordinates of the dimensions that its observables have."""
        return {}

    def kept(self, bare: State) -> dict[str, tuple[tuple[str, ...], Any]]:
        """Dims and array of each part of a configuration that results keep; arrays may have further leading axes.

        With observables of pairs, parts of a run are joined from these: see `from_kept`.
        """
        return {}

    def kept_variable(self, name: str, dims: tuple[str, ...]) -> Variable:
        """Labels of a part of a configuration that results keep, or of the data beside it."""
        return Variable(dims, "1", f"last configuration: {name.replace('_', ' ')}", "", "")

    def kept_data(self, task: Any) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
        """Dims and array of the data that results keep beside configurations."""
        return {}

    def from_kept(self, arrays: Mapping[str, np.ndarray], data: Mapping[str, np.ndarray]) -> tuple[State, Any]:
        """The bare configurations and clamped data that `kept` and `kept_data` took apart.

        Needed where a run with observables of pairs is split into parts; arrays may have further leading axes.
        """
        raise fail("ds", "hold configurations", sorted(arrays))

    def equilibrium(self, tasks: Sequence[Any], betas: Sequence[float], start: Any) -> str:
        """Whether a start is drawn from the law that the moves keep.

        Args:
            tasks: data of the samples.
            betas: inverse temperatures of one schedule.
            start: how the run begins.
        Returns:
            `EXACT`, or "no" or "not known" and, after a colon, the reason.
        """
        return EXACT if isinstance(start, str) and start == "random" and not any(betas) else "not known"

    def attributes(self, tasks: Sequence[Any]) -> dict[str, Any]:
        """Attributes of a result."""
        return {}

    def config(self, numbers: Mapping[str, float]) -> dict[str, Any]:
        """The system and the numbers of its moves as JSON values, for `from_config`."""
        values = {name: plain(getattr(self, name)) for name in getattr(self, "__dataclass_fields__", {})}
        return {"system": {"kind": import_path(type(self)), **values}, "numbers": dict(numbers)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> tuple["System", dict[str, float]]:
        """The inverse of `config`.

        Raises:
            ValueError: if the class has other fields now.
        """
        values = {name: as_tuples(x) for name, x in config["system"].items() if name != "kind"}
        known = tuple(getattr(cls, "__dataclass_fields__", {}))
        if set(known) != set(values):
            now = f"{config['system']['kind']} has {', '.join(known) or 'none'} now"
            raise ValueError(f"The run needs a system with the fields {', '.join(values) or '(none)'}, but {now}.")
        return cls(**values), dict(config["numbers"])


def system_from(config: Mapping[str, Any], default: str) -> tuple[System, dict[str, float]]:
    """The system that a configuration describes, and the numbers of its moves.

    Args:
        config: what `System.config` made, with other entries.
        default: import path of the system that is meant where none is named.
    Raises:
        ValueError: if the system cannot be imported.
    """
    return imported(config.get("system", {"kind": default})["kind"]).from_config(config)
