"""A chain is trained: each machine by `glassnet.simulate`, one after another, in one folder or in memory."""

import json
import os
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from glassnet.core.check import fail, integer
from glassnet.core.codec import canonical, config_hash
from glassnet.core.schedule import Schedule
from glassnet.distill.chain import Chain, Node
from glassnet.distill.link import Link
from glassnet.distill.measures import error_overlap, fed_forward, gram_overlaps, inherited, signs
from glassnet.output import write_text
from glassnet.perceptron.describe import described
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.state import pack
from glassnet.perceptron.sweeps.frozen import Frozen
from glassnet.sampling.exchange import TEMPERATURE, Exchange
from glassnet.sampling.starts import Starts
from glassnet.simulation.protocol import Protocol
from glassnet.simulator import simulate
from glassnet.store.dataset import configuration
from glassnet.tasks.guide import Guide
from glassnet.tasks.synthetic import teacher_student
from glassnet.tasks.task import Task, fingerprint

PAIRS = 256
"""Test patterns at most whose pairs give the Gram overlaps."""


@dataclass(frozen=True)
class Training:
    """How every machine of a chain is trained.

    Args:
        patterns: M, of every machine.
        beta: inverse temperature as `simulate` takes it: a number (quench), a Schedule (anneal), or an ascending list
            with an exchange, whose coldest machines teach.
        protocol: sweeps, waiting times, clones; samples are the seeds.
        seeds: independent rules and data.
        test_patterns: fresh patterns on which errors are measured.
        dynamics, weight_step, exchange: as in `simulate`.
        seed: root of all random numbers.
    """

    patterns: int
    beta: Any
    protocol: Protocol
    seeds: int
    test_patterns: int
    dynamics: str
    weight_step: float
    exchange: Exchange | None
    seed: int

    def about(self) -> dict[str, Any]:
        """As JSON values."""
        betas = self.beta if isinstance(self.beta, (list, tuple)) else [self.beta]
        beta = [asdict(one) if isinstance(one, Schedule) else str(float(one)) for one in betas]
        exchange = None if self.exchange is None else {"every": self.exchange.every, "tune": self.exchange.tune}
        return {**vars(self), "beta": beta, "protocol": asdict(self.protocol), "exchange": exchange}

    def shortened(self, share: float) -> "Training":
        """The same for a share of the sweeps, those before the waiting time first."""
        if share == 1:
            return self
        if isinstance(self.beta, Schedule) or any(isinstance(b, Schedule) for b in np.atleast_1d(self.beta)):
            raise fail("beta", "be constant in a chain whose machines go on with what they were", self.beta)
        whole = self.protocol.waiting_times[-1] + self.protocol.sweeps
        sweeps = round(share * whole)
        if sweeps < 2:
            raise fail("protocol", f"have enough sweeps for a share of {share:g} of them", self.protocol)
        clones = max(1, round(sweeps * self.protocol.sweeps / whole))
        protocol = replace(self.protocol, waiting_times=(sweeps - clones,), sweeps=clones, host_sweeps=None)
        return replace(self, protocol=protocol)


@dataclass(frozen=True)
class Limits:
    """When a chain in a folder stops, on the clock `time.monotonic`, and how often it leaves checkpoints."""

    end: float | None
    every: float | None

    @property
    def left(self) -> float | None:
        """Seconds that are left."""
        return None if self.end is None else max(self.end - time.monotonic(), 1e-3)


@dataclass(frozen=True)
class Trained:
    """A machine of all seeds after its training.

    Attributes:
        node: what it is.
        tasks: what it has learned, by seed.
        weights: by seed and clone, one (out, in) array a layer.
        result: Dataset of its run.
    """

    node: Node
    tasks: list[Task]
    weights: list[list[list[np.ndarray]]]
    result: xr.Dataset

    def fields(self, seed: int, inputs: np.ndarray, clone: int = 0) -> list[np.ndarray]:
        """Pre-activations of all layers at `inputs`."""
        return fed_forward(self.node.machine, self.weights[seed][clone], inputs)


def run_chain(
    chain: Chain,
    *,
    patterns: int,
    beta: float | Schedule | Sequence[float | Schedule],
    protocol: Protocol | None = None,
    seeds: int = 16,
    test_patterns: int = 1000,
    dynamics: str = "feedforward",
    weight_step: float = 0.1,
    exchange: Exchange | None = None,
    seed: int = 0,
    control: bool = True,
    folder: str | os.PathLike | None = None,
    time_limit: float | None = None,
    checkpoint_every: float | None = None,
) -> xr.Dataset:
    """Train all machines of a chain under the constraints of their parents, and measure.

    Each machine runs by `glassnet.simulate`, all seeds side by side. Its last configuration (first clone, last waiting
    time, coldest temperature) is what teaches the next. Rule, data, starts and moves of equal seeds are the same in all
    chains for machines of equal name: compare chains seed by seed. No seed is ever chosen by its result.

    Args:
        chain: the machines.
        patterns: training patterns M of every machine.
        beta: inverse temperature: a number (a quench), a Schedule (an anneal), or an ascending list with `exchange`.
        protocol: sweeps, waiting times and clones of every machine; `samples` is not used. A single waiting time 0 and
            one clone if None, with 1000 sweeps.
        seeds: independent rules and data, >= 1.
        test_patterns: fresh patterns on which errors are measured.
        dynamics: "feedforward" (weights move, neurons follow), "metropolis" or "heat_bath".
        weight_step: size of a weight move.
        exchange: replica exchange between the temperatures of a list.
        seed: root of all random numbers.
        control: train the student by the labels alone, too, with the same budget, start and data.
        folder: run in this folder, each machine in a run folder inside; the same call goes on after a stop or a kill.
        time_limit: seconds from now after which a chain in a folder has stopped, with a checkpoint.
        checkpoint_every: seconds between checkpoints, as in `simulate`.
    Returns:
        Dataset with dims machine, link ("parent->child"), seed, layer, parent_layer:

        - `generalisation_error` (machine, seed) against the rule on fresh patterns, `training_error` against labels;
        - `gain` (machine, seed): error of the control less that of the student; NaN for other machines;
        - `guidance` (machine, seed): dH/dlambda per output and pattern at the end, NaN without parents;
        - `relaxation_time` (machine, layer): sweeps, of the last waiting time;
        - `fidelity` (link, seed): share of test outputs where child and parent agree;
        - `softness` (link, seed): mean of m^2 over the targets;
        - `error_overlap` (link, seed): correlation of the errors of child and parent, and `inherited_errors`, the
          share of the parent's errors that the child makes, too;
        - `gram_overlap` (link, seed, layer, parent_layer): how alike layers of child and parent order the patterns.
    Raises:
        ValueError: for a bad argument, or if the folder holds another chain.
        Stopped: as in `simulate`; the same call goes on.
    """
    integer(1, patterns=patterns, seeds=seeds, test_patterns=test_patterns)
    integer(0, seed=seed)
    protocol = Protocol(sweeps=1000, waiting_times=(0,), clones=1) if protocol is None else protocol
    if not isinstance(protocol, Protocol):
        raise fail("protocol", "be a Protocol", protocol)
    if not isinstance(dynamics, str):
        raise fail("dynamics", "be a name: a builder knows no targets", dynamics)
    if isinstance(beta, (list, tuple)) and exchange is None:
        raise fail("beta", "be one number or Schedule, or come with an `exchange`", beta)
    if exchange is not None and exchange.over != TEMPERATURE:
        raise fail("exchange.over", "be 'temperature' in a chain, whose coldest machines teach", exchange.over)
    thermal = [name for _, name, link in chain.links if link.knowledge == "thermal"]
    if thermal and protocol.clones < 2:
        raise fail("protocol.clones", f"be at least 2 for thermal knowledge of {thermal[0]!r}", protocol.clones)
    training = Training(
        patterns, beta, replace(protocol, samples=seeds), seeds, test_patterns, dynamics, weight_step, exchange, seed
    )
    nodes = list(chain.nodes)
    student = nodes[-1]
    if control and chain.kind != "none":
        nodes.append(Node("control", student.machine, stream="student"))
    home = None if folder is None else _home(Path(folder).absolute(), chain, training)
    limits = Limits(None if time_limit is None else time.monotonic() + time_limit, checkpoint_every)
    rules = [_rule(chain.rule, training, s) for s in range(seeds)]
    trained: dict[str, Trained] = {}
    for number, node in enumerate(nodes):
        place = None if home is None else home / f"{number:02d}-{node.name}"
        trained[node.name] = _train(node, trained, rules, training, place, limits)
    return _measured(chain, trained, rules, training).assign_attrs(chain=str(chain), kind=chain.kind)


def _home(folder: Path, chain: Chain, training: Training) -> Path:
    """The folder of a chain: made, or checked to be that of the same one."""
    about = {"chain": _described(chain), "training": training.about()}
    text = json.dumps({**about, "sha256": config_hash(about)}, indent=2)
    file = folder / "chain.json"
    if file.exists():
        there = json.loads(file.read_text(encoding="utf-8"))
        if there.get("sha256") != config_hash(about):
            changed = [key for key in about if canonical(there.get(key)) != canonical(about[key])]
            raise fail("folder", f"hold this very chain, or none, but differs in {' and '.join(changed)}", str(folder))
        return folder
    if folder.exists() and any(folder.iterdir()):
        raise fail("folder", "be new, empty, or that of this chain", str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    write_text(f"{text}\n", file)
    return folder


def _described(chain: Chain) -> dict[str, Any]:
    nodes = [
        {**vars(node), "machine": described(node.machine), "parents": [[p, asdict(link)] for p, link in node.parents]}
        for node in chain.nodes
    ]
    return {"kind": chain.kind, "rule": described(chain.rule), "nodes": nodes}


def _seed_of(training: Training, s: int) -> int:
    return 2**32 * training.seed + s


def _rule(rule: Machine, training: Training, s: int) -> Task:
    """Data of one seed, with the rule as their teacher."""
    return teacher_student(
        rule, training.patterns, seed=_seed_of(training, s), test_patterns=training.test_patterns, teacher=rule
    )


def _stream(word: str) -> int:
    return zlib.crc32(word.encode())


def _inputs(node: Node, rule: Task, training: Training, s: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patterns that a machine learns, their labels by the rule, and their ids."""
    if node.data == "same":
        return rule.inputs, rule.outputs, np.arange(training.patterns)
    assert rule.teacher is not None
    stream = _stream(f"{node.data} {node.stream or node.name}")
    other = teacher_student(
        rule.teacher.machine, training.patterns, seed=2**64 * (1 + stream) + _seed_of(training, s), test_patterns=1,
        teacher=rule.teacher.weights,
    )  # fmt: skip
    return other.inputs, other.outputs, 2**31 * (1 + stream) + np.arange(training.patterns)


def _train(
    node: Node, trained: Mapping[str, Trained], rules: list[Task], training: Training, place: Path | None,
    limits: Limits,
) -> Trained:  # fmt: skip
    """Train one machine in all seeds."""
    training = training.shortened(node.share)
    link = node.parents[0][1] if node.parents else Link()
    hidden, _ = link.layers
    start: Any = "random"
    frozen = None
    if hidden:
        start = _hinted(node, link, trained, rules, training, place, limits)
    tasks = [_task(node, trained, rules[s], training, s, guided=not hidden) for s in range(training.seeds)]
    if link.copied:
        layers = tuple(range(1, link.copied + 1))
        frozen = Frozen(layers, () if training.dynamics == "feedforward" else layers)
        parent = trained[node.parents[0][0]]
        given = [[*(parent.weights[s][0][l] for l in range(link.copied))] for s in range(training.seeds)]
        start = _begun(node, given, tasks, training)
    if node.after is not None:
        start = _begun(node, [trained[node.after].weights[s][0] for s in range(training.seeds)], tasks, training)
    return _trained(node, tasks, training, start, frozen, place, limits)


def _trained(
    node: Node, tasks: list[Task], training: Training, start: Any, frozen: Frozen | None, place: Path | None,
    limits: Limits,
) -> Trained:  # fmt: skip
    ds = simulate(
        node.machine, tasks, training.beta, protocol=training.protocol, dynamics=training.dynamics,
        weight_step=training.weight_step, seed=_stream(f"{training.seed} {node.stream or node.name}"), start=start,
        keep_configurations=True, exchange=training.exchange, frozen=frozen, folder=place,
        time_limit=None if place is None else limits.left, checkpoint_every=None if place is None else limits.every,
    )  # fmt: skip
    last: dict[str, Any] = {"waiting_time": training.protocol.waiting_times[-1]}
    if "temperature" in ds.configuration_spins.dims:
        last["temperature"] = float(ds.temperature.min())
    clones = training.protocol.clones
    weights = [
        [list(configuration(ds, configuration=s * clones + clone, **last)[0]) for clone in range(clones)]
        for s in range(training.seeds)
    ]
    return Trained(node, tasks, weights, ds)


def _task(node: Node, trained: Mapping[str, Trained], rule: Task, training: Training, s: int, *, guided: bool) -> Task:
    """The data of one seed, with what the parents say of them."""
    inputs, outputs, ids = _inputs(node, rule, training, s)
    if node.data == "transfer":
        parent = trained[node.parents[0][0]]
        outputs = signs(parent.fields(s, inputs)[-1])
    guides = []
    for name, link in node.parents if guided else ():
        drawn = np.random.default_rng((training.seed, s, _stream(f"{name} {node.name}"))).random()
        weight = 0.0 if drawn < link.drop else link.weight
        guides.append(_guide(trained[name], replace(link, weight=weight), s, inputs, ids))
    about = {"builder": "distillation", "patterns": training.patterns, "seed": _seed_of(training, s), "data": node.data}
    return Task(
        "distillation", inputs, outputs, rule.test_inputs, rule.test_outputs, about, ids=ids,
        guide=Guide.mixed(guides) if guides else None,
    )  # fmt: skip


def _guide(parent: Trained, link: Link, s: int, inputs: np.ndarray, ids: np.ndarray) -> Guide:
    """What one parent says of the outputs of some patterns."""
    if link.knowledge == "thermal":
        clones = range(len(parent.weights[s]))
        values = np.mean([signs(parent.fields(s, inputs, clone)[-1]) for clone in clones], axis=0)
    else:
        field = parent.fields(s, inputs)[-1]
        values = signs(field) if link.knowledge == "hard" else field
    return Guide.of(values, ids, knowledge=link.knowledge, temperature=link.temperature, weight=link.weight)


def _hinted(
    node: Node, link: Link, trained: Mapping[str, Trained], rules: list[Task], training: Training, place: Path | None,
    limits: Limits,
) -> Starts:  # fmt: skip
    """The child's first layers, which learn a hidden layer of the parent: where its training begins."""
    above, below = link.layers
    name, parent = node.parents[0][0], trained[node.parents[0][0]]
    first = replace(node.machine, depth=below, outputs=node.machine.width)
    tasks = []
    for s in range(training.seeds):
        inputs, _, ids = _inputs(node, rules[s], training, s)
        field = parent.fields(s, inputs)[above - 1]
        values = signs(field) if link.knowledge == "hard" else field
        guide = Guide.of(values, ids, knowledge=link.knowledge, temperature=link.temperature, weight=link.weight)
        none = np.zeros((0, first.widths[0])), np.zeros((0, first.widths[-1]))
        about = {"builder": "hint", "patterns": training.patterns, "seed": _seed_of(training, s), "layer": above}
        tasks.append(Task("hint", inputs, signs(field), *none, about, ids=ids, guide=guide))
    hint = Node(f"{node.name}-hint", first, ((name, link),))
    home = None if place is None else place.with_name(f"{place.name}-hint")
    learned = _trained(hint, tasks, training, "random", None, home, limits)
    bare = [_task(node, trained, rules[s], training, s, guided=False) for s in range(training.seeds)]
    return _begun(node, [learned.weights[s][0] for s in range(training.seeds)], bare, training)


def _begun(node: Node, first: list[list[np.ndarray]], tasks: list[Task], training: Training) -> Starts:
    """Starts with given first layers, by seed, the other layers from their prior, and neurons that follow.

    Where layers are given, no seed shares random numbers with another.
    """
    machine, columns = node.machine, []
    for s, given in enumerate(first):
        rng = np.random.default_rng((training.seed, s, _stream(f"start {node.stream or node.name}")))
        weights = []
        for l, c in enumerate(machine.connections, start=1):
            rows = machine.prior.rows(rng, (machine.widths[l], c)).astype(np.float32)
            dense = np.zeros((machine.widths[l], machine.widths[l - 1]), np.float32)
            np.put_along_axis(dense, machine.sources(l) if c < dense.shape[1] else _all(dense), rows, axis=1)
            weights.append(given[l - 1] if l <= len(given) else dense)
        fields = fed_forward(machine, weights, tasks[s].inputs)
        state = pack(machine, weights, [tasks[s].inputs, *(signs(h) for h in fields[:-1]), tasks[s].outputs])
        columns.append({"spins": state.spins, **{f"weights_{g}": J for g, J in enumerate(state.weights)}})
    rungs = len(training.beta) if isinstance(training.beta, (list, tuple)) else 1
    arrays = {name: np.stack([np.stack([np.asarray(one[name])] * rungs) for one in columns]) for name in columns[0]}
    return Starts(arrays, {"chain": node.name, "sha256": fingerprint(*arrays.values())})


def _all(dense: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.arange(dense.shape[1]), dense.shape)


def _measured(chain: Chain, trained: dict[str, Trained], rules: list[Task], training: Training) -> xr.Dataset:
    """The Dataset of a chain whose machines are trained."""
    answers = {name: _answers(one, rules) for name, one in trained.items()}
    machines = [one.node.machine for one in trained.values()]
    deepest = max(machine.depth for machine in machines)
    found = _by_machine(chain, trained, rules, answers) | _by_link(chain, trained, rules, answers, deepest)
    found["relaxation_time"] = ("machine", "layer"), _relaxation(trained, training, deepest)
    coordinates = {
        "machine": list(trained),
        "depth": ("machine", [machine.depth for machine in machines]),
        "width": ("machine", [machine.width for machine in machines]),
        "link": [f"{parent}->{child}" for parent, child, _ in chain.links],
        "seed": np.arange(training.seeds),
        "layer": np.arange(1, deepest + 1),
        "parent_layer": np.arange(1, deepest + 1),
    }
    ds = xr.Dataset({name: found[name] for name in LABELS}, coordinates)
    for name, (units, words, symbol) in LABELS.items():
        ds[name].attrs = {"units": units, "long_name": words, "symbol": symbol, "source": SOURCE}
    about = {"chain": _described(chain), "training": training.about()}
    return ds.assign_attrs(config=canonical(about), config_hash=config_hash(about))


Measured = dict[str, tuple[tuple[str, ...], np.ndarray]]
"""Variables with their dims."""


def _answers(one: Trained, rules: list[Task]) -> list[list[np.ndarray]]:
    """Neurons of all layers at the test patterns of each seed."""
    return [[signs(h) for h in one.fields(s, rule.test_inputs)] for s, rule in enumerate(rules)]


def _by_machine(
    chain: Chain, trained: dict[str, Trained], rules: list[Task], answers: dict[str, list[list[np.ndarray]]]
) -> Measured:
    """Errors of all machines, the gain of the student, and dH/dlambda."""
    shape = len(trained), len(rules)
    test, training, gain, guidance = (np.full(shape, np.nan) for _ in range(4))
    for n, (name, one) in enumerate(trained.items()):
        for s, (rule, learned) in enumerate(zip(rules, one.tasks, strict=True)):
            test[n, s] = (answers[name][s][-1] != rule.test_outputs).mean()
            training[n, s] = (signs(one.fields(s, learned.inputs)[-1]) != learned.outputs).mean()
        guidance[n] = _guidance(one)
    names = list(trained)
    if "control" in names:
        student = names.index(chain.nodes[-1].name)
        gain[student] = test[names.index("control")] - test[student]
    values = {"generalisation_error": test, "training_error": training, "gain": gain, "guidance": guidance}
    return {name: (("machine", "seed"), x) for name, x in values.items()}


def _relaxation(trained: dict[str, Trained], training: Training, deepest: int) -> np.ndarray:
    """Relaxation times (machine, layer) after the last waiting time, at the coldest temperature; NaN where unknown."""
    name = "relaxation_time_weights" if training.dynamics == "feedforward" else "relaxation_time"
    found = np.full((len(trained), deepest), np.nan)
    for n, one in enumerate(trained.values()):
        if name in one.result:
            found[n, : one.node.machine.depth] = _coldest(one.result[name].isel(waiting_time=-1)).values
    return found


def _by_link(
    chain: Chain, trained: dict[str, Trained], rules: list[Task], answers: dict[str, list[list[np.ndarray]]],
    deepest: int,
) -> Measured:  # fmt: skip
    """What children have in common with their parents."""
    shape = len(chain.links), len(rules)
    names = ("fidelity", "softness", "error_overlap", "inherited_errors")
    found = {name: np.full(shape, np.nan) for name in names}
    gram = np.full((*shape, deepest, deepest), np.nan)
    for n, (parent, child, link) in enumerate(chain.links):
        for s, rule in enumerate(rules):
            mine, theirs, task = answers[child][s], answers[parent][s], trained[child].tasks[s]
            wrong, taught = mine[-1] != rule.test_outputs, theirs[-1] != rule.test_outputs
            found["fidelity"][n, s] = (mine[-1] == theirs[-1]).mean()
            found["error_overlap"][n, s] = error_overlap(wrong, taught)
            found["inherited_errors"][n, s] = inherited(wrong, taught)
            assert task.ids is not None
            if link.location == "output":
                found["softness"][n, s] = _guide(trained[parent], link, s, task.inputs, task.ids).softness
            pairs = gram_overlaps([x[:PAIRS] for x in mine], [x[:PAIRS] for x in theirs])
            gram[n, s, : pairs.shape[0], : pairs.shape[1]] = pairs
    by_link: Measured = {name: (("link", "seed"), x) for name, x in found.items()}
    return by_link | {"gram_overlap": (("link", "seed", "layer", "parent_layer"), gram)}


def _guidance(one: Trained) -> np.ndarray | float:
    """dH/dlambda per output and pattern of each seed at the end, NaN where there are no targets."""
    if "clone_guidance" not in one.result:
        return np.nan
    return _coldest(one.result.clone_guidance.isel(waiting_time=-1, lag=-1, clone=0)).transpose("sample").values


def _coldest(values: xr.DataArray) -> xr.DataArray:
    """Values at the lowest temperature, where there are several."""
    if "temperature" not in values.dims:
        return values
    return values.isel(temperature=int(np.argmin(values.temperature.values)))


SOURCE = "glassnet.distill; Mirzadeh et al., AAAI 2020"

LABELS = {
    "generalisation_error": ("fraction of output neurons", "generalisation error against the rule", "eps"),
    "training_error": ("fraction of output neurons", "training error", "eps_train"),
    "gain": ("fraction of output neurons", "error of the control less that of the student", "gain"),
    "guidance": ("energy per output", "derivative of the energy by the weight of the targets", "dH/dlambda"),
    "relaxation_time": ("sweeps", "relaxation time of the weights (spins, where they move)", "tau_l"),
    "fidelity": ("fraction of output neurons", "agreement of child and parent", "F"),
    "softness": ("1", "mean squared target", "m^2"),
    "error_overlap": ("1", "correlation of the errors of child and parent", "O"),
    "inherited_errors": ("fraction of errors", "errors of the parent that the child makes, too", "p(c|p)"),
    "gram_overlap": ("1", "correlation of the overlaps of patterns in two layers", "G(l, l')"),
}
"""Units, words and symbols of what a chain measures."""
