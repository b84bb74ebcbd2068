"""Generalisation on data of low dimension: does a smaller effective dimension D, or a smaller width N, help?

Claim. The generalisation error of deep machines improves as the effective dimension D of the data or the width N gets
smaller [Yoshino 2023, the abstract in other words]. Inputs are signs of N random projections of D Gaussian numbers
[Goldt et al. 2020], a teacher of the student's machine labels them. Fully connected students of depth 2 and 3 are
quenched to beta = 66.7. The error is that of the student's weights on fresh data by feed-forward, averaged over the
last decade of time. D varies at fixed N and M; N varies at fixed D = 4, once at fixed load alpha = M/N = 20 and once at
fixed number of patterns M = 320, where a narrower machine also has more patterns per weight.

Patterns of low dimension are alike, and outputs of deep machines may be biased: the control is the error, on the same
fresh data, of the constant answer that each output neuron gives most often in training. Another is the label of the
nearest training pattern, which needs no machine: it says how much easier the data themselves become. In the desk runs
the training error is close to the test error: what a small D gains there is for the most part a better fit. A claim
that compared errors with those of the constant answer was dropped after the data had been seen; these stand beside.

    python experiments/hidden_manifold.py --scale desk        # 5.5e9 proposals, a minute on two quiet cores
    python experiments/hidden_manifold.py --scale paper       # 3.0e13 proposals, see --cost
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, along_runs, means, tasks
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import glassnet as gn
from glassnet import analysis
from glassnet.plot.style import GREY, graded

BETA, LOAD = 66.7, 20
POTENTIAL = gn.SoftCore()


@dataclass(frozen=True)
class Sizes:
    """Depths, widths, largest D of a series, D and M of the series over N, sweeps, samples and test patterns."""

    depth: Sequence[int]
    width: Sequence[int]
    dimension: Sequence[int]
    common: int
    patterns: int
    sweeps: int
    samples: int
    test_patterns: int = 1000


TEST_BEFORE_DATA = "changed"
SIZES = {
    "smoke": Sizes((2,), (4, 6), (2, 4), common=2, patterns=80, sweeps=30, samples=3, test_patterns=50),
    "desk": Sizes((2, 3), (8, 16, 32), (2, 4, 8, 16, 32), common=4, patterns=320, sweeps=1000, samples=12),
    "paper": Sizes(
        (2, 3, 4, 6), (16, 32, 64, 128), (2, 4, 8, 16, 32, 64, 128), common=8, patterns=1280, sweeps=50_000, samples=16
    ),
}


# Runs.


def runs(sizes: Sizes) -> dict[str, Arguments]:
    """Arguments of all runs by name; data and dynamics of each are independent of those of the others."""
    rows = [(L, N, D, LOAD * N) for L in sizes.depth for N in sizes.width for D in sizes.dimension if D <= N]
    rows += [(L, N, sizes.common, sizes.patterns) for L in sizes.depth for N in sizes.width]
    return {
        f"L={L}-N={N}-D={D}-M={M}": run(L, N, D, M, sizes, seed=1000 * n)
        for n, (L, N, D, M) in enumerate(dict.fromkeys(rows), start=1)
    }


def run(L: int, N: int, D: int, M: int, sizes: Sizes, seed: int) -> Arguments:
    machine = gn.Machine(depth=L, width=N, potential=POTENTIAL)
    options = {"patterns": M, "dimension": D, "test_patterns": sizes.test_patterns}
    return {
        "machine": machine,
        "task": tasks(gn.tasks.hidden_manifold, machine, samples=sizes.samples, seed=seed, **options),
        "beta": BETA,
        "protocol": gn.Protocol(
            sweeps=1, waiting_times=(0,), host_sweeps=sizes.sweeps, clones=1, samples=sizes.samples, points_per_decade=5
        ),
        "dynamics": "heat_bath",
        "seed": seed,
    }


# Analysis.


def table(results: Mapping[str, xr.Dataset], arguments: Mapping[str, Arguments]) -> xr.Dataset:
    """Test errors by run, sample and time, and the two controls by run and sample; L, N, D, M along `run`."""
    names = list(results)
    shapes = [(a["machine"], a["task"][0].parameters) for a in arguments.values()]
    labels = {
        "depth": [machine.depth for machine, _ in shapes],
        "width": [machine.width for machine, _ in shapes],
        "dimension": [parameters["dimension"] for _, parameters in shapes],
        "patterns": [parameters["patterns"] for _, parameters in shapes],
    }
    data = along_runs([results[name][["test_error", "train_error"]] for name in names], **labels)
    controls = {"majority": analysis.constant_error, "neighbour": analysis.nearest_error}
    for control, error in controls.items():
        values = [[error(task) for task in arguments[name]["task"]] for name in names]
        data[control] = (("run", "sample"), values)
    return data


def late(data: xr.Dataset) -> xr.Dataset:
    """Means over the last decade of time, log-spaced, of each sample, and the test error over that of the majority."""
    last = data.sel(time=data["time"] >= data["time"][-1] / 10).mean("time", skipna=False)
    return last.assign(relative=last["test_error"] / last["majority"].mean("sample"))


def errors(data: xr.Dataset) -> xr.Dataset:
    """Mean and error over samples of each variable."""
    return means(data.data_vars)


def series(data: xr.Dataset, along: str, **fixed: int) -> xr.Dataset:
    """Runs in which `fixed` holds, in the order of `along`; fixed load: load=..."""
    labels = {name: data[name] for name in ("depth", "width", "dimension", "patterns")}
    labels["load"] = data["patterns"] / data["width"]
    keep = np.logical_and.reduce([labels[name].values == value for name, value in fixed.items()])
    return data.isel(run=keep).swap_dims(run=along).sortby(along)


def slope(part: xr.Dataset, along: str, name: str) -> tuple[float, float]:
    """Slope d mean / d ln x through independent runs by least squares, with its error; NaN for a single run."""
    if part.sizes[along] < 2:
        return np.nan, np.nan
    x = np.log(part[along].values)
    weight = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    return float(weight @ part[f"{name}_mean"].values), float(np.hypot.reduce(weight * part[f"{name}_error"].values))


def stored(final: xr.Dataset, course: xr.Dataset) -> xr.Dataset:
    """What is drawn: late means and time courses, with units."""
    data = final.assign({f"{name}_in_time": x for name, x in course.data_vars.items()})
    for name, x in data.data_vars.items():
        unit = (
            "of the error of the majority answer" if str(name).startswith("relative") else "fraction of output neurons"
        )
        x.attrs = {"units": unit, "long_name": str(name).replace("_", " ")}
    return data


# Verdicts.

SOURCE = "Yoshino 2023, abstract"


def claims(data: xr.Dataset, sizes: Sizes) -> list[Claim]:
    """Of the means and errors of `late`, for each depth."""
    return [claim for L in sizes.depth for claim in claims_at_depth(data, sizes, L)]


def claims_at_depth(data: xr.Dataset, sizes: Sizes, L: int) -> list[Claim]:
    N, D, M = max(sizes.width), sizes.common, sizes.patterns
    manifold = series(data, "dimension", depth=L, width=N, load=LOAD)
    others = {f"N={n}": series(data, "dimension", depth=L, width=n, load=LOAD) for n in sizes.width}
    at_load = series(data, "width", depth=L, dimension=D, load=LOAD)
    at_patterns = series(data, "width", depth=L, dimension=D, patterns=M)
    where = f"depth {L}"
    return [
        rising(
            f"A smaller dimension of the data improves generalisation ({where}).",
            f"slope of the test error against ln D at N = {N}, M = {LOAD * N}",
            slope(manifold, "dimension", "test_error"),
            {name: slope(part, "dimension", "test_error") for name, part in others.items()}
            | {
                "training error by D": manifold["train_error_mean"],
                "of the majority answer": manifold["majority_mean"],
            },
        ),
        rising(
            f"A smaller width improves generalisation at fixed load ({where}).",
            f"slope of the test error against ln N at alpha = {LOAD}, D = {D}",
            slope(at_load, "width", "test_error"),
            {"nearest training pattern, slope": slope(at_load, "width", "neighbour")},
        ),
        rising(
            f"A smaller width improves generalisation at a fixed number of patterns ({where}).",
            f"slope of the test error against ln N at M = {M}, D = {D}",
            slope(at_patterns, "width", "test_error"),
            {"nearest training pattern, slope": slope(at_patterns, "width", "neighbour")},
        ),
    ]


def rising(text: str, test: str, found: tuple[float, float], numbers: Mapping) -> Claim:
    return Claim(text=text, source=SOURCE, test=test, effect=found[0], error=found[1], numbers=numbers)


# Figure.


def draw(data: xr.Dataset, course: xr.Dataset, sizes: Sizes) -> Figure:
    """For two depths: test error against D, against N, and in time."""
    shown = list(sizes.depth)[:2]
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 2.4 * len(shown)), layout="constrained")
        axes = figure.subplots(len(shown), 3, squeeze=False, sharey="row")
        for row, L in zip(axes, shown, strict=True):
            against_dimension(row[0], data, sizes, L)
            against_width(row[1], data, sizes, L)
            in_time(row[2], course, sizes, L)
            row[0].set_ylabel(f"test error, depth {L}")
        for letter, ax in zip("abcdef", axes.ravel(), strict=False):
            ax.set_title(f"({letter})", loc="left")
            ax.axhline(0.5, color=GREY, linewidth=0.6, linestyle=":")
    return figure


def against_dimension(ax: Axes, data: xr.Dataset, sizes: Sizes, L: int) -> None:
    """Test error against D at fixed load for each width, beside the controls at the largest."""
    for colour, N, marker in zip(graded("viridis", len(sizes.width)), sizes.width, "osD^v", strict=False):
        part = series(data, "dimension", depth=L, width=N, load=LOAD)
        style = {"color": colour, "marker": marker, "label": f"$N = {N}$"}
        ax.errorbar(part["dimension"], part["test_error_mean"], part["test_error_error"], **style)
    for control, style in (("majority", ":"), ("neighbour", "--")):
        ax.plot(part["dimension"], part[f"{control}_mean"], color=GREY, linestyle=style, label=f"{control}, $N = {N}$")
    logarithmic(ax, "dimension of the data $D$", sizes.dimension)
    ax.legend(loc="best")


def against_width(ax: Axes, data: xr.Dataset, sizes: Sizes, L: int) -> None:
    """Test error against N at the common D, at fixed load and at fixed number of patterns."""
    kinds = {rf"$\alpha = {LOAD}$": {"load": LOAD}, f"$M = {sizes.patterns}$": {"patterns": sizes.patterns}}
    for (label, fixed), colour, marker in zip(kinds.items(), ("#0072B2", "#D55E00"), "oD", strict=True):
        part = series(data, "width", depth=L, dimension=sizes.common, **fixed)
        style = {"color": colour, "marker": marker}
        ax.errorbar(part["width"], part["test_error_mean"], part["test_error_error"], label=label, **style)
        ax.plot(part["width"], part["neighbour_mean"], color=colour, linestyle="--", linewidth=0.8)
    logarithmic(ax, "width $N$", sizes.width)
    ax.legend(loc="best", title=f"$D = {sizes.common}$")


def in_time(ax: Axes, course: xr.Dataset, sizes: Sizes, L: int) -> None:
    """Test error after the quench at the largest width, a line for each D."""
    N = max(sizes.width)
    part = series(course, "dimension", depth=L, width=N, load=LOAD).isel(time=slice(1, None))
    for colour, D in zip(graded("plasma", part.sizes["dimension"]), part["dimension"].values, strict=True):
        one = part.sel(dimension=D)
        mean, error = one["test_error_mean"], one["test_error_error"]
        ax.plot(one["time"], mean, color=colour, label=f"{D}")
        ax.fill_between(one["time"], mean - error, mean + error, color=colour, alpha=0.25, linewidth=0)
    ax.set(xscale="log", xlabel="time (sweeps)")
    ax.legend(loc="best", title=f"$D$, $N = {N}$", ncols=2)


def logarithmic(ax: Axes, label: str, ticks: Sequence[int]) -> None:
    ax.set(xscale="log", xlabel=label)
    ax.set_xticks(ticks, labels=[str(x) for x in ticks])
    ax.set_xticks([], minor=True)


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    planned = runs(experiment.sizes)
    data = table(experiment.simulate(planned), planned)
    final, course = errors(late(data)), errors(data[["test_error", "train_error"]])
    figure = draw(final, course, experiment.sizes)
    experiment.finish(figure, claims(final, experiment.sizes), stored(final, course))


if __name__ == "__main__":
    main()
