"""Does a deep student generalise? Teacher-student learning at depths up to 30 and a fixed load.

Claims. The ability to generalise does not vanish for deep machines [Yoshino 2023], and finite width helps. In the dense
limit the theory says otherwise: errors of feed-forward grow from layer to layer and the centre knows nothing of the
teacher, so that the generalisation error tends to 1/2 for deep machines.

Students of a teacher of their own architecture, fully connected, width 20 and 10, are cooled slowly from beta = 4 to
1e5, until few gaps are violated: at any finite temperature violated gaps alone would spoil what a deep machine feeds
forward, and the training error says whether they still do. An error below 1/2 has trivial causes, too. Outputs of a
deep machine may hardly depend on its inputs: then the constant answer, each output neuron that of the majority of the
training patterns, does as well. Test inputs may resemble training inputs, in narrow machines above all: then so does
the answer of the nearest (a machine without thresholds is odd, so the opposite of the farthest counts as well). Errors
are judged against both, sample by sample. Planted students start as their teacher and are cooled from beta = 1e3. That
verdicts on generalisation are withheld above a training error of 0.2 was decided after the data had been seen.

    python experiments/depth.py --scale desk        # 9.5e9 proposals, five minutes on two cores
    python experiments/depth.py --scale paper       # 1e13 proposals, 29 hours at 1e8 a second
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, along_runs, means, runs_with, students, weakest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import glassnet as gn
from glassnet import analysis
from glassnet.plot.style import GREY, graded
from glassnet.tasks import Task

LOAD, COLD = 3.0, 1e5
BEGIN = {"random": 4.0, "planted": 1e3}
"""Inverse temperature at the beginning, by start."""
RESOLUTION = 0.01
"""Gain over a trivial answer that would count as generalisation."""
LEARNED = 0.05
"""Training error below which students have learned."""
UNTRAINED = 0.2
"""Training error above which a verdict on generalisation is withheld; set after the data had been seen."""


@dataclass(frozen=True)
class Sizes:
    """Widths, depths at the first width, fewer at other widths and from planted starts, sweeps and samples."""

    widths: Sequence[int]
    depths: Sequence[int]
    few: Sequence[int]
    sweeps: int
    samples: int = 8
    test_patterns: int = 2000


TEST_BEFORE_DATA = "changed"
SIZES = {
    "smoke": Sizes((6,), (2, 4), (4,), 40, samples=3, test_patterns=100),
    "desk": Sizes((20, 10), (2, 3, 4, 6, 10, 20, 30), (2, 4, 10, 30), 6_000),
    "paper": Sizes((20, 10, 40), (2, 3, 4, 6, 10, 20, 30), (2, 4, 10, 30), 1_000_000, samples=16),
}


# Runs.


def runs(sizes: Sizes) -> dict[str, Arguments]:
    """Arguments of all runs, by width, start and depth."""
    first, *others = sizes.widths
    cases = [(first, "random", depth) for depth in sizes.depths]
    cases += [(N, "random", depth) for N in others for depth in sizes.few]
    cases += [(first, "planted", depth) for depth in sizes.few]
    return {f"N={N}-{start}-L={depth}": run(sizes, N, start, depth) for N, start, depth in cases}


def run(sizes: Sizes, N: int, start: str, depth: int) -> Arguments:
    machine = gn.Machine(depth=depth, width=N, potential=gn.SoftCore())
    size = {"patterns": round(LOAD * N), "test_patterns": sizes.test_patterns}
    arguments = students(machine, **size, sweeps=sizes.sweeps, samples=sizes.samples)
    return arguments | {"beta": gn.Schedule.geometric(BEGIN[start], COLD, sizes.sweeps), "start": start}


# Analysis.


def measured(ds: xr.Dataset, given: Sequence[Task]) -> xr.Dataset:
    """Means over samples with errors: against time, and of the last configuration with gains over trivial answers."""
    one = ds.isel(waiting_time=0, clone=0).reset_coords(drop=True)
    last = one.isel(lag=-1, drop=True)
    eps = last["clone_test_error"]
    trivial = {
        "constant": eps.copy(data=[analysis.constant_error(task) for task in given]),
        "nearest": eps.copy(data=[analysis.nearest_error(task, opposite=True) for task in given]),
    }
    parts = {
        "test_error_in_time": one["clone_test_error"],
        "train_error_in_time": one["clone_train_error"],
        "test_error": eps,
        "train_error": last["clone_train_error"],
        "overlap_squared": last["teacher_overlap_squared"],
        "violated": last["clone_violated"],
        "magnetisation": last["magnetisation_squared"],
        **trivial,
        **{f"gain_{name}": (error - eps).assign_attrs(eps.attrs) for name, error in trivial.items()},
    }
    return means(parts)


def table(results: Mapping[str, xr.Dataset], arguments: Mapping[str, Arguments]) -> xr.Dataset:
    """All runs along a dim `run` with depth, width and start as coordinates; NaN in layers that a machine has not."""
    parts = [measured(ds, arguments[name]["task"]) for name, ds in results.items()]
    machines, starts = ([a[k] for a in arguments.values()] for k in ("machine", "start"))
    return along_runs(parts, depth=[m.depth for m in machines], width=[m.width for m in machines], start=starts)


def series(data: xr.Dataset, width: int, start: str) -> xr.Dataset:
    """Runs of one width and start, by depth."""
    return runs_with(data, "depth", width=width, start=start)


def pair(part: xr.Dataset, name: str) -> tuple[np.ndarray, np.ndarray]:
    return part[f"{name}_mean"].values, part[f"{name}_error"].values


def predicted(depth: int, closure: str) -> float:
    """Generalisation error of a student in the version space, dense limit."""
    solution = gn.theory.replica_symmetric(depth=depth, alpha=LOAD, scenario="teacher", closure=closure)
    return gn.theory.generalisation_error(solution)


# Verdicts.

PAPER = "Yoshino 2023 (abstract)"


def claims(data: xr.Dataset) -> list[Claim]:
    widths = [int(N) for N in dict.fromkeys(data["width"].values)]
    wide = series(data, widths[0], "random")
    found = [claim for N in widths for claim in deep(series(data, N, "random"), N)]
    found += [learned(series(data, N, "random"), N) for N in widths]
    found += [balanced(wide), theory(wide), planted(series(data, widths[0], "planted"))]
    return found + ([narrow(wide, series(data, widths[1], "random"), widths[:2])] if len(widths) > 1 else [])


def untrained(*parts: xr.Dataset) -> str:
    """Why students say nothing of generalisation: a training error above UNTRAINED at a depth that counts."""
    worst = max(float(part["train_error_mean"].max()) for part in parts)
    return f"training error {worst:.2g}: they have not learnt" if worst > UNTRAINED else ""


def deep(part: xr.Dataset, N: int) -> list[Claim]:
    """Gains over both trivial answers at the largest depth."""
    one, depth = part.isel(depth=-1), int(part["depth"][-1])
    words = {"constant": "the constant answer", "nearest": "the answer of the nearest training pattern"}
    numbers = {f"{name} by depth": pair(part, name) for name in ("test_error", "train_error", *words)}
    return [
        Claim(
            text=f"Deep students generalise better than {answer} (width {N}).",
            source=PAPER if name == "constant" else "control: more than similarity of inputs",
            test=f"test error of {answer} minus that of the students, L = {depth}, alpha = {LOAD:g}",
            effect=float(one[f"gain_{name}_mean"]),
            error=float(one[f"gain_{name}_error"]),
            resolution=RESOLUTION,
            numbers=numbers if name == "constant" else {},
            spoilt=untrained(one),
        )
        for name, answer in words.items()
    ]


def learned(part: xr.Dataset, N: int) -> Claim:
    mean, error = pair(part, "train_error")
    effect, sigma = weakest(LEARNED - mean, np.maximum(error, 1e-6))
    return Claim(
        text=f"Control: cooled students of every depth reproduce their training data (width {N}).",
        source="control",
        test=f"{LEARNED:g} minus the training error, at the depth where it is largest in units of its error",
        effect=effect,
        error=sigma,
        numbers={"training error by depth": mean, "errors": error, "depths": part["depth"].values},
    )


def balanced(part: xr.Dataset) -> Claim:
    mean, error = pair(part, "constant")
    effect, sigma = weakest(RESOLUTION - abs(mean - 0.5), error)
    return Claim(
        text="Control: outputs of deep teachers stay balanced, the constant answer is wrong half of the time.",
        source="a machine without thresholds is odd",
        test=f"{RESOLUTION:g} minus the deviation of the constant answer's error from 1/2, weakest of all depths",
        effect=effect,
        error=sigma,
    )


def theory(part: xr.Dataset) -> Claim:
    """Gain of the deepest machine over the theory's error of feed-forward, factorised closure."""
    depth, expected = int(part["depth"][-1]), {c: predicted(int(part["depth"][-1]), c) for c in STYLES}
    one = part.isel(depth=-1)
    return Claim(
        text="Deep students of finite width generalise better than the theory of the dense limit says.",
        source=PAPER,
        test=f"the theory's generalisation error minus the students', L = {depth}, the lower one of both closures",
        effect=min(expected.values()) - float(one["test_error_mean"]),
        error=float(one["test_error_error"]),
        resolution=RESOLUTION,
        numbers={"theory": expected},
        spoilt=untrained(one),
    )


def planted(part: xr.Dataset) -> Claim:
    one, depth = part.isel(depth=-1), int(part["depth"][-1])
    return Claim(
        text="Control: deep students that start as their teacher go on generalising.",
        source="control",
        test=f"test error of the constant answer minus that of planted students, L = {depth}",
        effect=float(one["gain_constant_mean"]),
        error=float(one["gain_constant_error"]),
        resolution=RESOLUTION,
        numbers={f"{name} by depth": pair(part, name) for name in ("test_error", "train_error")},
        spoilt=untrained(one),
    )


def narrow(wide: xr.Dataset, thin: xr.Dataset, widths: Sequence[int]) -> Claim:
    """Gain over the nearest pattern, which is nearer in a narrow machine: narrow minus wide, every depth."""
    wide = wide.sel(depth=thin["depth"])
    (a, error_a), (b, error_b) = pair(wide, "gain_nearest"), pair(thin, "gain_nearest")
    effect, sigma = weakest(b - a, np.hypot(error_a, error_b))
    raw = pair(wide, "test_error")[0] - pair(thin, "test_error")[0]
    return Claim(
        text="Narrow students generalise better than wide ones, by more than inputs are more alike.",
        source=PAPER,
        test=f"gain over the nearest pattern, width {widths[1]} minus {widths[0]}, weakest of all depths",
        effect=effect,
        error=sigma,
        numbers={"difference of gains by depth": b - a, "difference of test errors by depth": raw},
        spoilt=untrained(wide, thin),
    )


# Figure.

STYLES = {"factorised": (0, (4, 2)), "exact": "solid"}


def draw(data: xr.Dataset) -> Figure:
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 5.2), layout="constrained")
        axes = figure.subplots(2, 2).ravel()
        generalisation(axes[0], data)
        training(axes[1], data)
        in_time(axes[2], data)
        profile(axes[3], data)
        for letter, ax in zip("abcd", axes, strict=True):
            ax.set_title(f"({letter})", loc="left")
    return figure


def parts(data: xr.Dataset) -> list[tuple[xr.Dataset, str, dict[str, object]]]:
    """Series with their names and styles."""
    widths = [int(N) for N in dict.fromkeys(data["width"].values)]
    colours = graded("viridis", len(widths) + 1)
    found = [
        (series(data, N, "random"), f"$N = {N}$", {"color": colour, "marker": "o"})
        for N, colour in zip(widths, colours, strict=False)
    ]
    style = {"color": colours[0], "marker": "s", "fillstyle": "none", "linestyle": ":"}
    return [*found, (series(data, widths[0], "planted"), f"$N = {widths[0]}$, planted", style)]


def generalisation(ax: Axes, data: xr.Dataset) -> None:
    """Test error against depth, errors of trivial answers and of the theory."""
    for part, name, style in parts(data):
        ax.errorbar(part["depth"], *pair(part, "test_error"), label=name, **style)
        if "planted" not in name:
            ax.plot(part["depth"], part["nearest_mean"], color=style["color"], linestyle="-.", linewidth=0.8)
            ax.plot(part["depth"], part["constant_mean"], "x", color=style["color"], markersize=4)
    depths = np.unique(data["depth"].values)
    for closure, line in STYLES.items():
        ax.plot(depths, [predicted(int(L), closure) for L in depths], color=GREY, linestyle=line, linewidth=0.9)
    axis(ax, "generalisation error", "grey: theory; dash-dotted: nearest; x: constant")
    ax.legend(loc="lower right")


def axis(ax: Axes, label: str, title: str) -> None:
    ax.set(xscale="log", xlabel="depth $L$", ylabel=label, title=title, xticks=[2, 3, 5, 10, 20, 30])
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("")


def training(ax: Axes, data: xr.Dataset) -> None:
    for part, name, style in parts(data):
        ax.errorbar(part["depth"], *pair(part, "train_error"), label=name, **style)
    ax.axhline(LEARNED, color=GREY, linewidth=0.6, linestyle=":")
    axis(ax, "training error", "after cooling")
    ax.legend(loc="best")


def in_time(ax: Axes, data: xr.Dataset) -> None:
    """Training (dashed) and test error (solid) while the widest machines cool, some depths."""
    part = parts(data)[0][0]
    shown = [n for n, L in enumerate(part["depth"].values) if L in (2, 4, 10, 30)]
    for n, colour in zip(shown, graded("plasma", len(shown)), strict=True):
        one = part.isel(depth=n, lag=slice(1, None))
        label = f"$L = {int(one['depth'])}$"
        ax.errorbar(one["lag"], *pair(one, "test_error_in_time"), color=colour, elinewidth=0.6, label=label)
        ax.plot(one["lag"], one["train_error_in_time_mean"], color=colour, linestyle="--", linewidth=0.9)
    ax.set(xscale="log", xlabel="time $t$ (sweeps)", ylabel="error", title="test; dashed: training")
    ax.legend(loc="lower left")


def profile(ax: Axes, data: xr.Dataset) -> None:
    """R^2 of hidden neurons against the place in the machine, the two largest depths of both starts."""
    random, rest = parts(data)[0], parts(data)[-1]
    shown = rest[0]["depth"].values[-2:]
    for part, name, style in (random, rest):
        for L, colour in zip(shown, graded("plasma", len(shown) + 1), strict=False):
            one = part.sel(depth=L, layer=slice(1, int(L) - 1))
            label = f"$L = {L}$" + (", planted" if "planted" in name else "")
            look = {**style, "color": colour, "markersize": 3}
            ax.errorbar(one["layer"] / L, *pair(one, "overlap_squared"), label=label, elinewidth=0.6, **look)
    ax.axhline(0, color=GREY, linewidth=0.6, linestyle=":")
    ax.set(xlabel="layer over depth $l/L$", ylabel="overlap with the teacher $R_l^2$")
    ax.set_title(parts(data)[0][1])
    ax.legend(loc="best", fontsize=6.5)


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    planned = runs(experiment.sizes)
    data = table(experiment.simulate(planned), planned)
    experiment.finish(draw(data), claims(data), data)


if __name__ == "__main__":
    main()
