"""Do deep students that have learned generalise? One and many outputs, random data and data of low dimension.

Claims. The ability to generalise does not vanish for deep machines [Yoshino 2023, abstract]. For one output and random
inputs a formula for the dense limit says that it does (`glassnet.theory.one_output`: from layer to layer a factor 2/pi,
so that the error tends to 1/2). Left to ask: machines with as many outputs as inputs, whose data say more about each
hidden neuron, and inputs near a manifold of low dimension, which are alike. `hidden_manifold` asked the same of
students in which neurons move on their own; these, and deep ones in a script that this one replaces, did not learn
their training data. Here weights move and neurons follow ("feedforward", only wrong outputs cost energy) while the
temperature falls to 0, and they do.

Students of a teacher of their own architecture, Gaussian weights, M = 10 N, depth 2 to 10, from random starts and from
their teacher, which without noise is one of the machines without training error: at temperature 0 an exact start.

Tests, sizes and controls were chosen before the data were seen. Trials of four samples with others chose the sweeps:
with N outputs cooling must be slow (training error .1 after 2,000 sweeps, .02 to .05 after 16,000). They showed that
with N outputs random and planted starts part at depth 2, that at depth 10 random ones say nothing of fresh patterns,
and that at D = 2 errors vanish, for whatever reason. *Formula*: as in `one_output`, 2 % of it and six standard errors
less the deviation, worst of the depths, one width. *Deep*: error of the constant answer (each output that of most
training patterns) less that of the students at the largest depth; where none is seen, .02 or more are excluded. *Many
outputs*: error with one output less that with N, the same depths and load. *Low dimension*: error on random inputs less
that at dimension D = 2, at the largest depth, and the gain there over the label of the nearest training pattern, which
needs no machine. *Learned* is the control of all: a training error above .05 at a depth that counts spoils a verdict.
*Starts*: planted and random starts differ by less than .02 (one output), which says that the chain has forgotten where
it began; with N outputs the same is asked as a question, is there a better state that is not found?

    python experiments/generalisation.py --scale desk --cost
    python experiments/generalisation.py --scale desk
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, along_runs, means, runs_with, tasks, weakest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import glassnet as gn
from glassnet import analysis
from glassnet.plot.style import GREY, graded
from glassnet.tasks import Task

LOAD, DIMENSION = 10, 2
HOT, COLD = 1.0, 30.0
"""Inverse temperatures of random starts: at the beginning, and from half of the sweeps on, when a wrong output in 1e13
proposals is taken."""
RESOLUTION = 0.02
"""Gain that would count as generalisation, and difference of starts that would count as one."""
LEARNED = 0.05
"""Training error below which students have learned."""
ALLOWED = 0.02
"""Fraction of the formula by which a finite width may be off."""
ONE, MANY, LOW = "one output", "N outputs", f"one output, D = {DIMENSION}"
NAMES = {"one": ONE, "many": MANY, "low": LOW}
"""Kinds of data by their names in those of runs."""


@dataclass(frozen=True)
class Sizes:
    """Width, depths with one output and of other data; sweeps and samples with one output and with N; test patterns."""

    width: int
    depths: Sequence[int]
    few: Sequence[int]
    sweeps: tuple[int, int]
    samples: tuple[int, int]
    test_patterns: int = 2000


TEST_BEFORE_DATA = "yes"
SIZES = {
    "smoke": Sizes(6, (2, 3), (2, 3), (30, 40), (3, 3), test_patterns=100),
    "desk": Sizes(24, (2, 3, 4, 6, 10), (2, 4, 10), (4_000, 24_000), (16, 8)),
    "paper": Sizes(100, (2, 3, 4, 6, 10, 20), (2, 3, 4, 6, 10, 20), (100_000, 500_000), (32, 32)),
}


# Runs.


def runs(sizes: Sizes) -> dict[str, Arguments]:
    """Arguments of all runs, by kind of data, start and depth."""
    both = ("random", "planted")
    kinds = {"one": (sizes.depths, both), "many": (sizes.few, both), "low": (sizes.few, ("random",))}
    return {
        f"{kind}-{start}-L={L}": run(sizes, NAMES[kind], start, L)
        for kind, (depths, starts) in kinds.items()
        for start in starts
        for L in depths
    }


def run(sizes: Sizes, kind: str, start: str, L: int) -> Arguments:
    N, sweeps, samples = sizes.width, sizes.sweeps[kind == MANY], sizes.samples[kind == MANY]
    machine = gn.Machine(
        depth=L, width=N, outputs=N if kind == MANY else 1, ensemble="gaussian", potential=gn.Counting()
    )
    options = {"patterns": LOAD * N, "test_patterns": sizes.test_patterns}
    make = gn.tasks.teacher_student
    if kind == LOW:
        make, options["dimension"] = gn.tasks.hidden_manifold, DIMENSION
    return {
        "machine": machine,
        "task": tasks(make, machine, samples=samples, seed=9000, **options),
        "beta": np.inf if start == "planted" else gn.Schedule.geometric(HOT, COLD, sweeps // 2),
        "dynamics": "feedforward",
        "weight_step": 0.5,
        "protocol": gn.Protocol(sweeps=sweeps, waiting_times=(0,), clones=1, samples=samples, points_per_decade=10),
        "start": start,
        "seed": 5,
    }


# Analysis.


def measured(ds: xr.Dataset, given: Sequence[Task]) -> xr.Dataset:
    """Errors of the last octave and in time, overlaps with the teacher there, trivial answers and gains over them."""
    one = ds.isel(waiting_time=0, clone=0).reset_coords(drop=True)
    late = one.sel(lag=one["lag"] > one["lag"][-1] / 2).mean("lag", keep_attrs=True)
    eps = late["clone_test_error"]
    trivial = {
        "constant": eps.copy(data=[analysis.constant_error(task) for task in given]),
        "nearest": eps.copy(data=[analysis.nearest_error(task, opposite=True) for task in given]),
    }
    parts = {
        "test_error": eps,
        "train_error": late["clone_train_error"],
        "test_error_in_time": one["clone_test_error"],
        "train_error_in_time": one["clone_train_error"],
        "overlap_squared": late["teacher_overlap_squared"],
        **trivial,
        **{f"gain_{name}": (error - eps).assign_attrs(eps.attrs) for name, error in trivial.items()},
    }
    return means(parts)


def table(results: Mapping[str, xr.Dataset], arguments: Mapping[str, Arguments]) -> xr.Dataset:
    """All runs along a dim `run`, with kind of data, start and depth as coordinates, and the formula for one output."""
    kinds = [NAMES[name.split("-")[0]] for name in arguments]
    depths = [a["machine"].depth for a in arguments.values()]
    parts = [measured(ds, arguments[name]["task"]) for name, ds in results.items()]
    data = along_runs(parts, kind=kinds, start=[a["start"] for a in arguments.values()], depth=depths)
    formula = [gn.theory.one_output(depth=L, alpha=float(LOAD)).gibbs_error for L in depths]
    return data.assign(formula=("run", formula))


def series(data: xr.Dataset, kind: str, start: str = "random") -> xr.Dataset:
    """Runs of one kind and start, by depth."""
    return runs_with(data, "depth", kind=kind, start=start)


def pair(part: xr.Dataset, name: str) -> tuple[np.ndarray, np.ndarray]:
    return part[f"{name}_mean"].values, part[f"{name}_error"].values


def untrained(*parts: xr.Dataset) -> str:
    """Why students say nothing of generalisation: a training error above LEARNED at a depth that counts."""
    worst = max(float(part["train_error_mean"].max()) for part in parts)
    return f"training error {worst:.2g}: they have not learned" if worst > LEARNED else ""


# Verdicts.

PAPER = "Yoshino 2023 (abstract)"


def claims(data: xr.Dataset) -> list[Claim]:
    one, many, low = (series(data, kind) for kind in (ONE, MANY, LOW))
    return [
        *(learned(part, kind) for part, kind in ((one, ONE), (many, MANY), (low, LOW))),
        starts(one, series(data, ONE, "planted")),
        formula(one),
        deep(one, ONE),
        deep(many, MANY),
        deep(series(data, MANY, "planted"), f"{MANY}, start at the teacher"),
        deep(low, LOW),
        beyond_neighbours(low),
        helps(one, many, "Data of many outputs"),
        helps(one, low, f"Data of dimension {DIMENSION}"),
        better_state(many, series(data, MANY, "planted")),
    ]


def learned(part: xr.Dataset, kind: str) -> Claim:
    mean, error = pair(part, "train_error")
    effect, sigma = weakest(LEARNED - mean, np.maximum(error, 1e-6))
    return Claim(
        text=f"Control: students of every depth have learned ({kind}).",
        source="control",
        test=f"{LEARNED:g} minus the training error, at the depth where it is largest in units of its error",
        effect=effect,
        error=sigma,
        numbers={"training error by depth": mean, "depths": part["depth"].values},
    )


def starts(random: xr.Dataset, planted: xr.Dataset) -> Claim:
    (a, error_a), (b, error_b) = pair(random, "test_error"), pair(planted, "test_error")
    error = np.hypot(error_a, error_b)
    effect, sigma = weakest(RESOLUTION - abs(a - b) + 3 * error, error)
    return Claim(
        text="Control: students from random starts and from their teacher have the same error (one output).",
        source="control: equilibrium",
        test=f"{RESOLUTION:g} and three standard errors less the difference (seen where it is below {RESOLUTION:g}), "
        "worst of all depths",
        effect=effect,
        error=sigma,
        numbers={"random less planted by depth": a - b, "errors": error},
        spoilt=untrained(random),
    )


def formula(part: xr.Dataset) -> Claim:
    mean, error = pair(part, "test_error")
    expected = part["formula"].values
    effect, sigma = weakest(ALLOWED * expected - abs(mean - expected) + 6 * error, error)
    return Claim(
        text=f"The error of deep students is that of the formula, which tends to 1/2 ({ONE}).",
        source="Cui, Krzakala and Zdeborova 2023",
        test="2 % of the formula and six standard errors less the deviation (seen where it is within 2 % and three "
        "errors), worst of all depths",
        effect=effect,
        error=sigma,
        numbers={"error by depth": mean, "errors": error, "formula": expected, "depths": part["depth"].values},
        spoilt=untrained(part),
    )


def deep(part: xr.Dataset, kind: str) -> Claim:
    """Gain over the constant answer at the largest depth."""
    last = part.isel(depth=-1)
    return Claim(
        text=f"The deepest students generalise ({kind}).",
        source=PAPER,
        test=f"error of the constant answer minus that of students, L = {int(last['depth'])}, alpha = {LOAD}",
        effect=float(last["gain_constant_mean"]),
        error=float(last["gain_constant_error"]),
        resolution=RESOLUTION,
        numbers={f"{name} by depth": pair(part, name) for name in ("test_error", "train_error", "constant", "nearest")},
        spoilt=untrained(last),
    )


def beyond_neighbours(part: xr.Dataset) -> Claim:
    last = part.isel(depth=-1)
    return Claim(
        text=f"The deepest students generalise better than the nearest training pattern ({LOW}).",
        source="control: more than similarity of inputs",
        test=f"error of the nearest pattern's label minus that of students, L = {int(last['depth'])}",
        effect=float(last["gain_nearest_mean"]),
        error=float(last["gain_nearest_error"]),
        resolution=RESOLUTION,
        spoilt=untrained(last),
    )


def helps(one: xr.Dataset, other: xr.Dataset, words: str) -> Claim:
    """Error with one output and random inputs minus that of others, the largest depth."""
    a, b = one.isel(depth=-1), other.isel(depth=-1)
    return Claim(
        text=f"{words} make the deepest students generalise better.",
        source=PAPER,
        test=f"error with one output and random inputs minus that with these, L = {int(a['depth'])}",
        effect=float(a["test_error_mean"] - b["test_error_mean"]),
        error=float(np.hypot(a["test_error_error"], b["test_error_error"])),
        resolution=RESOLUTION,
        spoilt=untrained(a, b),
    )


def better_state(random: xr.Dataset, planted: xr.Dataset) -> Claim:
    (a, error_a), (b, error_b) = pair(random, "test_error"), pair(planted, "test_error")
    depth = planted["depth"].values
    worst = int(np.argmax((a - b) / np.hypot(error_a, error_b)))
    return Claim(
        text=f"Students from random starts miss a state that generalises better, in which their teacher is ({MANY}).",
        source="hard phase of inference",
        test="error from random starts minus that from the teacher, at the depth where it is largest in its errors",
        effect=float(a[worst] - b[worst]),
        error=float(np.hypot(error_a, error_b)[worst]),
        resolution=RESOLUTION,
        numbers={"random less planted by depth": a - b, "errors": np.hypot(error_a, error_b), "depths": depth},
        spoilt=untrained(random),
    )


# Figure.


LOOKS = {ONE: "o", MANY: "s", LOW: "^"}


def colours() -> dict[str, tuple]:
    return dict(zip(LOOKS, graded("viridis", len(LOOKS) + 1), strict=False))


def draw(data: xr.Dataset) -> Figure:
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 2.6), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        against_depth(left, data)
        in_time(middle, data)
        profile(right, data)
        for letter, ax in zip("abc", (left, middle, right), strict=True):
            ax.set_title(f"({letter})", loc="left")
    return figure


def against_depth(ax: Axes, data: xr.Dataset) -> None:
    """Errors of all kinds, planted starts open, the formula, and the nearest pattern's label."""
    for kind, colour in colours().items():
        style = {"color": colour, "marker": LOOKS[kind], "markersize": 4}
        part = series(data, kind)
        ax.errorbar(part["depth"], *pair(part, "test_error"), label=kind, **style)
        if kind in (MANY, LOW):
            ax.plot(part["depth"], part["nearest_mean"], color=colour, linestyle="-.", linewidth=0.8)
        if kind != LOW:
            planted = series(data, kind, "planted")
            ax.errorbar(planted["depth"], *pair(planted, "test_error"), fillstyle="none", linestyle=":", **style)
    one = series(data, ONE)
    ax.plot(one["depth"], one["formula"], color="black", linestyle="--", linewidth=0.9, label="formula, one output")
    ax.axhline(0.5, color=GREY, linewidth=0.6, linestyle=":")
    ax.set(xscale="log", xlabel="depth $L$", ylabel="generalisation error", ylim=(0, 0.66))
    ax.set_xticks(one["depth"].values, labels=[f"{L}" for L in one["depth"].values])
    ax.set_xticks([], minor=True)
    ax.legend(loc="lower right", fontsize=6)


def in_time(ax: Axes, data: xr.Dataset) -> None:
    """Test and training error (dashed) of the deepest students from random starts."""
    for kind, colour in colours().items():
        part = series(data, kind).isel(depth=-1, lag=slice(1, None))[
            ["test_error_in_time_mean", "train_error_in_time_mean"]
        ]
        part = part.dropna("lag")
        ax.plot(part["lag"], part["test_error_in_time_mean"], color=colour, label=kind)
        ax.plot(part["lag"], part["train_error_in_time_mean"], color=colour, linestyle="--")
    depth = int(data["depth"].max())
    ax.set(
        xscale="log", xlabel="time (sweeps)", ylabel="error", title=f"$L = {depth}$; dashed: training", ylim=(0, 0.55)
    )


def profile(ax: Axes, data: xr.Dataset) -> None:
    """Squared overlaps with the teacher by layer of the deepest students, planted starts open."""
    depth = int(data["depth"].max())
    for kind, colour in colours().items():
        for start, fill in (("random", "full"), ("planted", "none")):
            if kind == LOW and start == "planted":
                continue
            part = series(data, kind, start).sel(depth=depth, layer=slice(1, depth - 1))
            style = {"color": colour, "marker": LOOKS[kind], "markersize": 3.5, "fillstyle": fill, "linewidth": 0.8}
            ax.errorbar(part["layer"], *pair(part, "overlap_squared"), elinewidth=0.6, **style)
    ax.axhline(0, color=GREY, linewidth=0.6, linestyle=":")
    ax.set(xlabel="hidden layer $l$", ylabel="overlap with the teacher $R_l^2$", title=f"$L = {depth}$")
    ax.set_xticks(range(1, depth, 2))


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    planned = runs(experiment.sizes)
    data = table(experiment.simulate(planned), planned)
    experiment.finish(draw(data), claims(data), data)


if __name__ == "__main__":
    main()
