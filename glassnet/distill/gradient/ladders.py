"""A ladder of machines: every one trained by every method, over seeds, as one Dataset."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from os import PathLike
from pathlib import Path as File
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from scipy.special import log_softmax

from glassnet.core import keys
from glassnet.core.check import fail, integer
from glassnet.core.codec import canonical, config_hash, decoded, difference
from glassnet.core.optional import optax
from glassnet.distill.gradient.data import Images
from glassnet.distill.gradient.networks import NETWORKS, Network
from glassnet.distill.gradient.paths import (
    Path,
    ages_of,
    checked_machines,
    checked_methods,
    in_order,
    path_of,
)
from glassnet.distill.gradient.shelf import Shelf
from glassnet.distill.gradient.training import Patterns, Recipe, Settings, State, logits, started, trained
from glassnet.store.durable import remove_left_over, write_text
from glassnet.store.files import read, save
from glassnet.store.lock import locked
from glassnet.store.provenance import provenance
from glassnet.tasks.synthetic import stream

REPORTED, CHOOSING = range(2)
"""Streams of seeds: those of the result, and those by which settings are chosen."""
CHOSEN = ("rate", "decay", "weight", "temperature")
PARTS = ("train", "validation", "test")
KEPT_LOGITS = 12
"""Tables of logits that are kept in memory."""
VARIABLES = {
    **{f"{part}_error": ("1", f"fraction of wrong {part} patterns") for part in PARTS},
    **{f"{part}_loss": ("nats", f"cross-entropy of {part} patterns") for part in PARTS},
    "fidelity": ("1", "test patterns on which a network says the same as its last parent"),
    "error_overlap": ("1", "wrong test patterns of the last parent that are wrong, too"),
    "softness": ("nats", "entropy of the softened targets of the last parent"),
    "test_wrong": ("1", "whether a test pattern is wrong; -1 where there is no network"),
    "trial_error": ("1", "fraction of wrong validation patterns with settings that were tried"),
    "rate": ("1", "learning rate"),
    "decay": ("1", "weight decay"),
    "weight": ("1", "share lambda of the parents in the loss"),
    "temperature": ("1", "temperature tau that softens logits"),
}
"""Units and words of what the result holds."""
PAUSE = 60.0
"""Seconds between two checkpoints of a network that is being trained."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Numbers of a ladder."""

    patterns: int
    validation: int
    seeds: int
    ages: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How the settings of each network are chosen: by its validation error, with seeds that are not reported.

    Every network, whoever teaches it, gets the same number of trials. Their learning rates and weight decays are the
    same for all networks, and so are lambda and tau for all that have parents. All ranges are covered evenly in the
    logarithm, that of lambda evenly.

    Args:
        trials: settings tried.
        seeds: for each of them.
        rate: range of the learning rate.
        decay: range of the weight decay.
        weight: range of lambda.
        temperature: range of tau.
    """

    trials: int = 16
    seeds: int = 2
    rate: tuple[float, float] = (0.01, 0.3)
    decay: tuple[float, float] = (1e-5, 1e-2)
    weight: tuple[float, float] = (0.1, 1.0)
    temperature: tuple[float, float] = (1.0, 8.0)

    def __post_init__(self) -> None:
        """Check the ranges."""
        integer(1, trials=self.trials, seeds=self.seeds)
        for name in CHOSEN:
            try:
                low, high = (float(x) for x in getattr(self, name))
            except (TypeError, ValueError):
                raise fail(name, "be a range, two numbers", getattr(self, name)) from None
            if not 0 < low <= high < np.inf or (name == "weight" and high > 1):
                limit = "1" if name == "weight" else "infinity"
                raise fail(name, f"be a range, two growing numbers above 0 and at most {limit}", (low, high))
            object.__setattr__(self, name, (low, high))

    def drawn(self, seed: int) -> dict[str, np.ndarray]:
        """Values of all trials by name, float32, shape (trial,)."""
        found = {}
        for name in CHOSEN:
            u = stream(seed, f"trials of {name}").random(self.trials)
            low, high = getattr(self, name)
            x = low + u * (high - low) if name == "weight" else low * (high / low) ** u
            found[name] = x.astype(np.float32)
        return found


def ladder(
    images: Images,
    machines: Mapping[str, Network],
    methods: Iterable[Any] = ("none", "direct", "assisted"),
    *,
    patterns: int = 1000,
    validation: int = 500,
    recipe: Recipe | None = None,
    tuning: Tuning | None = None,
    seeds: int = 16,
    ages: int = 4,
    seed: int = 0,
    folder: str | PathLike | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> xr.Dataset:
    """Train every machine by every method.

    Each seed has training and validation images of its own, drawn from those that are no test images; start, order of
    the patterns and data of a seed are the same for all methods, so that differences of methods are paired. Settings
    are chosen by the validation error alone. Parents' logits are bound to the patterns, not to their order.

    In a folder each trained network is kept. The same call again goes on where it was stopped or killed, with the same
    bits; one with other arguments is refused.

    Args:
        images: labelled images.
        machines: networks by name, from the teacher to the smallest student.
        methods: names of METHODS, or paths: names of machines from the teacher to the student, or a `Path`, which may
            fix lambda and tau of its last machine, hand on hard labels, and name the age of the parent.
        patterns: training images of each seed.
        validation: validation images of each seed.
        recipe: how all are trained.
        tuning: how settings are chosen; those of the recipe hold for all if None.
        seeds: number of seeds.
        ages: states of the teacher that teach in turn, if "in_time" is among the methods, or one of which teaches in a
            `Path` with an age; they are kept then, equally far apart.
        seed: root of all random numbers.
        folder: where everything is kept; nowhere if None.
        report: called with a line for each network.
    Returns:
        Dataset with dims machine, taught (the method) and seed, NaN where a method does not lead to a machine:
        train_error, validation_error and test_error (fractions of wrong patterns), train_loss and so on (cross-entropy,
        nats); of networks with parents fidelity (test patterns on which it says the same as its last parent),
        error_overlap (fraction of that parent's wrong test patterns that are wrong, too) and softness (entropy of
        softened targets, nats); test_wrong with dim test_pattern; without dim seed rate, decay, weight, temperature,
        and trial_error with dim trial, the validation error of the settings tried.
    Raises:
        ValueError: for an unknown method or machine, sizes that do not fit, or a folder of another ladder.
        ModuleNotFoundError: if optax is not installed.
    """
    optax()
    recipe = recipe or Recipe()
    machines, chosen = checked_machines(machines), checked_methods(methods, machines)
    integer(1, seeds=seeds, ages=ages)
    integer(0, seed=seed)
    images.check(patterns, validation)
    if recipe.batch > patterns:
        raise fail("recipe.batch", f"be at most {patterns}, the training patterns", recipe.batch)
    paths = [m for m in chosen.values() if isinstance(m, Path)]
    timed = "in_time" in chosen.values() or any(m.kind == "in_time" or m.age for m in paths)
    sizes = Sizes(patterns=patterns, validation=validation, seeds=seeds, ages=ages if timed else 1, seed=seed)
    known = ages_of(recipe.epochs, sizes.ages)
    for path in paths:
        if path.age not in (None, *known):
            raise fail("age", f"be one of {', '.join(map(str, known))}, the epochs that are kept", path.age)
    described = {name: description(network) for name, network in machines.items()}
    for network in machines.values():
        jax.eval_shape(lambda n=network: n.start(keys.root(0), images.shape, images.classes))
    config = {
        "images": {"name": images.name, "sha256": images.sha256, "tests": images.tests, "classes": images.classes},
        "machines": described,
        "methods": [m if isinstance(m, str) else m.to_json() for m in chosen.values()],
        "sizes": asdict(sizes), "recipe": asdict(recipe), "tuning": asdict(tuning) if tuning else None,
    }  # fmt: skip
    with ExitStack() as stack:
        if folder is not None:
            place = checked_folder(File(folder), config)
            stack.enter_context(locked(place / ".lock"))
            if (place / "results.nc").exists():
                return read(place / "results.nc")
        shelf = Shelf(None if folder is None else File(folder) / "networks")
        school = School(images, machines, recipe, tuning, sizes, shelf, report)
        begun = time.perf_counter()
        ds = school.dataset(chosen)
        ds.attrs = {
            "title": f"glassnet: a ladder of networks on {images.name}",
            "config": canonical(config),
            "config_hash": config_hash(config),
            "seed": seed,
            "run_seconds": round(time.perf_counter() - begun, 1),
            **{k: v for k, v in provenance().items() if k != "sweeps"},
        }
        if folder is not None:
            save(ds, File(folder) / "results.nc")
    return ds


def description(network: Any) -> dict[str, Any]:
    """A network as JSON values."""
    kinds = {kind: name for name, kind in NETWORKS.items()}
    if type(network) not in kinds:
        raise fail("machines", f"hold {', '.join(kind.__name__ for kind in kinds)}", network)
    return {"kind": kinds[type(network)], **asdict(network)}


def checked_folder(folder: File, config: Mapping[str, Any]) -> File:
    """The folder of a ladder, made if it is not there.

    Raises:
        ValueError: if it holds something else, or another ladder; it says what differs.
    """
    path, config = folder / "config.json", json.loads(canonical(config))
    if path.exists():
        changed = difference(decoded(path.read_text(encoding="utf-8")), config)
        if changed:
            raise ValueError(f"Argument `folder` holds another ladder ({folder}): {'; '.join(changed)}.")
        return folder
    if folder.is_dir():
        remove_left_over(folder, "config.json")  # of a process that was killed as it began
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise fail("folder", "be empty, new, or of this ladder", str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    write_text(json.dumps(config, indent=1) + "\n", path)
    return folder


class School:
    """Networks of one ladder, trained when they are asked for.

    Members are the seeds of the result, followed by those by which settings are chosen.
    """

    def __init__(
        self, images: Images, machines: Mapping[str, Network], recipe: Recipe, tuning: Tuning | None, sizes: Sizes,
        shelf: Shelf, report: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.images, self.machines, self.recipe, self.tuning = images, machines, recipe, tuning
        self.sizes, self.shelf, self.report = sizes, shelf, report
        self.ages = ages_of(recipe.epochs, sizes.ages)
        kinds = {REPORTED: sizes.seeds, CHOOSING: tuning.seeds if tuning else 0}
        self.keys = jnp.concatenate([keys.grid(sizes.seed, kind, range(n)) for kind, n in kinds.items() if n])
        streams = [stream(sizes.seed, f"split {kind} {n}") for kind, number in kinds.items() for n in range(number)]
        splits = [images.split(rng, sizes.patterns, sizes.validation) for rng in streams]
        test = np.tile(np.arange(images.pool, len(images.images), dtype=np.int32), (len(splits), 1))
        self.rows = {name: np.stack([split[i] for split in splits]) for i, name in enumerate(PARTS[:2])}
        self.rows["test"] = test
        moments = [jnp.asarray(x) for x in images.moments()]
        self.patterns = Patterns(jnp.asarray(images.images), jnp.asarray(images.labels), *moments)
        self.said = lru_cache(KEPT_LOGITS)(self.said)

    def network(self, path: Path) -> Network:
        """The machine at the end of a path."""
        return self.machines[path.machines[-1]]

    def settings(self, path: Path) -> dict[str, np.float32]:
        """Learning rate, weight decay, lambda and tau of a network: by validation errors, or from the recipe."""
        if self.tuning is None:
            return {name: np.float32(x) for name, x in (asdict(self.recipe) | fixed(path)).items() if name in CHOSEN}
        found = self.trials(path, self.tuning)
        best = np.lexsort((found["loss"], found["error"]))[0]
        drawn = {name: x[best] for name, x in self.tuning.drawn(self.sizes.seed).items()}
        return drawn | {name: np.float32(x) for name, x in fixed(path).items()}

    def trials(self, path: Path, tuning: Tuning) -> dict[str, np.ndarray]:
        """Validation error and cross-entropy of a network with each of the settings tried, shape (trial,)."""
        trials, per = tuning.trials, tuning.seeds
        like = {name: np.zeros(trials) for name in ("error", "loss")}
        found = self.shelf.get(f"{path.name}.trials", like)
        if found is None:
            who = np.tile(np.arange(self.sizes.seeds, len(self.keys)), trials)
            values = {name: np.repeat(x, per) for name, x in tuning.drawn(self.sizes.seed).items()}
            values |= {name: np.full(len(who), x, np.float32) for name, x in fixed(path).items()}
            state = self.taught(f"{path.name}.choice", path, who, values)
            said = logits(self.network(path), state, self.patterns, self.rows["validation"][who])
            right = self.images.labels[self.rows["validation"][who]]
            found = {"error": (said.argmax(-1) != right).mean(1), "loss": losses(said, right).mean(1)}
            found = {name: x.reshape(trials, per).mean(1) for name, x in found.items()}
            self.shelf.put(f"{path.name}.trials", found)
        self.shelf.drop(f"{path.name}.choice")
        return found

    def taught(
        self, name: str, path: Path, who: np.ndarray, values: Mapping[str, np.ndarray], ages: Iterable[int] = ()
    ) -> State:
        """A network, kept under a name: trained, or as it was kept.

        Args:
            name: under which it is kept.
            path: its machine and its parents.
            who: the member whose data, start and parents are meant, shape (network,).
            values: settings, each of shape (network,).
            ages: epochs after which its state is kept, too.
        """
        network, recipe, members = self.network(path), self.recipe, self.keys[jnp.asarray(who)]
        first = partial(started, network, recipe.optimizer, self.images.shape, self.images.classes)
        like = jax.eval_shape(first, members)
        kept = self.shelf.get(name, (like.weights, like.running))
        if kept is not None:
            return State(*kept, ())
        begun = self.shelf.get(f"{name}.part", (like, jax.ShapeDtypeStruct((), jnp.int32)))
        state, done = (first(members), 0) if begun is None else (begun[0], int(begun[1]))
        last = time.monotonic()

        def after(number: int, state: State) -> None:
            nonlocal last
            if number in ages:
                self.shelf.put(f"{name}.age{number}", (state.weights, state.running))
            if number < recipe.epochs and time.monotonic() - last >= PAUSE:
                self.shelf.put(f"{name}.part", (state, np.int32(number)))
                last = time.monotonic()

        settings = {k: jnp.asarray(values[k], jnp.float32) for k in CHOSEN}
        settings["weight"] *= float(bool(path.parents))
        settings["momentum"] = jnp.full(len(who), recipe.momentum, jnp.float32)
        state = trained(
            network, recipe, state, self.patterns, self.rows["train"][who], self.targets(path, who),
            Settings(**settings), members, first=done, in_turn=path.kind == "in_time", after=after,
        )  # fmt: skip
        self.shelf.put(name, (state.weights, state.running))
        self.shelf.drop(f"{name}.part")
        return state

    def finished(self, path: Path, age: int | None = None) -> State:
        """A network with its chosen settings, for all members; at an earlier age if one is given."""
        everyone = np.arange(len(self.keys))
        values = {name: np.full(len(everyone), x) for name, x in self.settings(path).items()}
        state = self.taught(path.name, path, everyone, values, self.ages[:-1])
        if age is None or age == self.recipe.epochs:
            return state
        kept = self.shelf.get(f"{path.name}.age{age}", (state.weights, state.running))
        if kept is None:
            raise ValueError(
                f"The network {path.name}.age{age} is missing; remove {path.name}, and it is trained anew."
            )
        return State(*kept, ())

    def said(self, path: Path, part: str, age: int | None = None) -> np.ndarray:
        """Logits of a finished network for the images of a part, shape (member, pattern, class)."""
        return logits(self.network(path), self.finished(path, age), self.patterns, self.rows[part])

    def targets(self, path: Path, who: np.ndarray) -> np.ndarray:
        """What its parents say to a network: logits of shape (network, pattern, parent, class).

        Without parents one that says nothing, and whose share lambda is 0: the program is that of one parent.
        """
        ages = self.ages if path.kind == "in_time" else (path.age,)
        said = [path.shown(self.said(parent, "train", age)[who]) for parent in path.parents for age in ages]
        nothing = np.zeros((len(who), self.sizes.patterns, self.images.classes), np.float32)
        return np.stack(said or [nothing], axis=2)

    def measured(self, path: Path) -> dict[str, Any]:
        """What the result says of one network; arrays over its seeds."""
        settings, reported = self.settings(path), slice(self.sizes.seeds)
        found: dict[str, Any] = {}
        for part in PARTS:
            said, right = self.said(path, part)[reported], self.images.labels[self.rows[part]][reported]
            wrong = said.argmax(-1) != right
            found |= {f"{part}_error": wrong.mean(1), f"{part}_loss": losses(said, right).mean(1)}
        if self.tuning is not None:
            found["trial_error"] = self.trials(path, self.tuning)["error"]
        found |= {"test_wrong": wrong} | {name: settings[name] for name in CHOSEN[:2]}
        if not path.parents:
            return found
        parent, soft = path.parents[-1], settings["temperature"]
        other = self.said(parent, "test", path.age)[reported]
        missed = other.argmax(-1) != right
        a = log_softmax(path.shown(self.said(parent, "train", path.age)[reported]).astype(float) / soft, axis=-1)
        with np.errstate(invalid="ignore"):  # a parent without errors
            overlap = (wrong & missed).sum(1) / missed.sum(1)
        return found | {
            "fidelity": (said.argmax(-1) == other.argmax(-1)).mean(1),
            "error_overlap": overlap,
            "softness": -(np.exp(a) * a).sum(-1).mean(1),
            **{name: settings[name] for name in CHOSEN[2:]},
        }

    def dataset(self, methods: Mapping[str, str | Path]) -> xr.Dataset:
        """All networks that the methods ask for, trained and measured."""
        names = list(self.machines)
        paths = {(m, k): path_of(method, names, m) for m in names for k, method in methods.items()}
        wanted = [path for path in paths.values() if path is not None]
        found = {}
        for path in in_order(wanted):
            found[path] = self.measured(path)
            error = found[path]["test_error"].mean()
            self.report(f"{path.name}: validation {found[path]['validation_error'].mean():.4f}, test {error:.4f}")
        outer = {"machine": len(names), "taught": len(methods)}
        trials = self.tuning.drawn(self.sizes.seed) if self.tuning else {}
        further = {"test_wrong": {"seed": self.sizes.seeds, "test_pattern": self.images.tests}}
        further |= {name: {} for name in CHOSEN} | {"trial_error": {"trial": len(trials["rate"]) if trials else 0}}
        variables = {}
        for name, (units, words) in VARIABLES.items():
            inner = further.get(name, {"seed": self.sizes.seeds})
            kind, nothing = (np.int8, -1) if name == "test_wrong" else (np.float64, np.nan)
            values = np.full([*outer.values(), *inner.values()], nothing, kind)
            for (m, k), path in paths.items():
                if path in found and name in found[path]:
                    values[names.index(m), list(methods).index(k)] = found[path][name]
            variables[name] = ((*outer, *inner), values, {"units": units, "long_name": words})
        if not trials:
            del variables["trial_error"]
        paths_of = [["" if (p := paths[m, k]) is None else p.name for k in methods] for m in names]
        shape_of = self.images.shape, self.images.classes
        coordinates: dict[str, Any] = {
            "machine": names, "taught": list(methods), "seed": np.arange(self.sizes.seeds),
            "path": (("machine", "taught"), paths_of),
            "operations": ("machine", [network.operations(*shape_of) for network in self.machines.values()]),
        }  # fmt: skip
        coordinates |= {f"trial_{name}": ("trial", x) for name, x in trials.items()}
        return xr.Dataset(variables, coordinates)


def fixed(path: Path) -> dict[str, float]:
    """Settings that a path says itself; where the class alone is handed on, tau is 1."""
    hard = {"temperature": 1.0} if path.knowledge == "hard" else {}
    return {name: path.own[name] for name in CHOSEN if name in path.own} | hard


def losses(said: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Cross-entropy of logits (..., class) with labels (...), float64."""
    a = log_softmax(said.astype(float), axis=-1)
    return -np.take_along_axis(a, right[..., None], -1)[..., 0]
