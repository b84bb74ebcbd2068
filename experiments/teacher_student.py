"""The crystal: what a deep student knows of its teacher, layer by layer, and how well it generalises.

Claims. Student and teacher are more correlated near the boundaries, input and output, than in the centre [Yoshino 2020,
2023]. The crystal is the state of equilibrium: students that start from random weights and students that start as
their teacher (planted) end with the same overlaps. The generalisation error is below 1/2 and falls with alpha.

A teacher with random weights labels M = alpha c random inputs; students see inputs and labels. Machines of depth 4 and
2 on random graphs of width 3 c, at beta = 16: the graph names the nodes, and of the symmetries only the sign of each
neuron is left. R^2 is the squared overlap of the neurons of student and teacher without what chance gives; in the
theory it is q^2. The theory at a finite temperature is that of a teacher who errs as its students do; here the teacher
makes no errors, so that the students may know more. At finite c strangers agree, too: neurons with the same c inputs
and unrelated weights have R^2 = (2/pi)^2/c, a large part of what layer 1 shows. So what learning adds is told apart:
R^2 above that at the smallest alpha, where every layer is liquid in both closures. The control of the training error
was added after the data had been seen: without it both verdicts on generalisation at depth 2 would be SEEN. As a
control single perceptrons, where the theory is exact: the error of a student drawn from the version space (hard core,
planted), and students quenched to beta = 1000.

    python experiments/teacher_student.py --scale desk        # 3.2e10 proposals, six minutes at 1e8 a second
    python experiments/teacher_student.py --scale paper       # 7.2e13 proposals, 200 hours at 1e8 a second
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, along_runs, means, runs_with, students, weakest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.plot.style import GREY, graded

DEEP, SHALLOW, BETA, COLD = 4, 2, 16.0, 1000.0
POTENTIAL = gn.SoftCore()
STARTS = ("random", "planted")
INPUT, CENTRE, OUTPUT = 1, 2, 3
"""Hidden layers of the deep machine."""
SAME = 0.01
"""Difference of R^2 below which two starts have met, a third of what tells the layers apart."""
EXACT = 0.01
"""Deviation of an error from the theory of a single perceptron that counts as agreement, at width 50."""


@dataclass(frozen=True)
class Sizes:
    """Loads alpha of machines of depth 4, 2 and 1, connectivity, width in units of c, sweeps and samples."""

    deep: Sequence[float]
    shallow: Sequence[float]
    single: Sequence[float]
    sweeps: int
    connectivity: int = 20
    ratio: int = 3
    single_width: int = 50
    samples: int = 8


TEST_BEFORE_DATA = "no"
SIZES = {
    "smoke": Sizes((2.0,), (2.0,), (), 30, connectivity=4, ratio=2, samples=3),
    "desk": Sizes((3.0, 6.0, 10.0, 20.0), (1.0, 3.0, 6.0, 10.0), (1.0, 5.0, 20.0), 10_000),
    "paper": Sizes(
        (1.0, 3.0, 6.0, 10.0, 20.0, 40.0),
        (1.0, 2.0, 3.0, 6.0, 10.0, 20.0),
        (1.0, 2.0, 5.0, 10.0, 20.0),
        1_000_000,
        connectivity=40,
        ratio=4,
        single_width=200,
        samples=16,
    ),
}


# Runs.


def runs(sizes: Sizes) -> dict[str, Arguments]:
    """Arguments of all runs, by depth, start and alpha."""
    loads = {1: sizes.single, SHALLOW: sizes.shallow, DEEP: sizes.deep}
    cases = [(depth, alpha, start) for depth, values in loads.items() for alpha in values for start in STARTS]
    return {f"L={L}-{start}-alpha={alpha:g}": run(sizes, L, alpha, start) for L, alpha, start in cases}


def run(sizes: Sizes, depth: int, alpha: float, start: str) -> Arguments:
    c = sizes.single_width if depth == 1 else sizes.connectivity
    exact = depth == 1 and start == "planted"
    machine = gn.Machine(
        depth=depth,
        width=c if depth == 1 else sizes.ratio * c,
        connectivity=None if depth == 1 else c,
        potential=gn.HardCore() if exact else POTENTIAL,
    )
    size = {"patterns": round(alpha * c), "test_patterns": 500}
    arguments = students(machine, **size, sweeps=sizes.sweeps, samples=sizes.samples, points=8)
    return arguments | {"beta": None if exact else (COLD if depth == 1 else BETA), "start": start}


# Analysis.

MEASURED = {
    "overlap_squared": "teacher_overlap_squared",
    "overlap": "teacher_overlap",
    "test_error": "clone_test_error",
    "train_error": "clone_train_error",
    "weights": "weight_autocorrelation_normalised",
    "magnetisation": "magnetisation_squared",
}


def measured(ds: xr.Dataset) -> xr.Dataset:
    """Means over samples with errors against lag, and of the late part of each run, lags beyond half of the longest.

    Single perceptrons have no hidden neurons and none of their overlaps.
    """
    one = ds.isel(waiting_time=0, clone=0).reset_coords(drop=True)
    parts = {}
    for name, variable in MEASURED.items():
        if variable not in one:
            continue
        late = one[variable].sel(lag=slice(float(one["lag"][-1]) / 2, None)).mean("lag", keep_attrs=True)
        parts |= {name: one[variable], f"late_{name}": late}
    return means(parts)


def table(results: Mapping[str, xr.Dataset], arguments: Mapping[str, Arguments]) -> xr.Dataset:
    """All runs along a dim `run` with depth, start and alpha as coordinates; NaN in layers that a machine has not."""
    machines, starts = ([a[k] for a in arguments.values()] for k in ("machine", "start"))
    loads = [a["task"][0].patterns / a["machine"].alpha_scale for a in arguments.values()]
    parts = [measured(ds) for ds in results.values()]
    return along_runs(parts, depth=[m.depth for m in machines], start=starts, alpha=loads)


def series(data: xr.Dataset, depth: int, start: str) -> xr.Dataset:
    """Runs of one depth and start, by alpha."""
    return runs_with(data, "alpha", depth=depth, start=start).sel(layer=slice(1, depth))


def late(data: xr.Dataset, depth: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Late means and errors of both starts, shape (start, alpha) or (start, alpha, layer)."""
    parts = [series(data, depth, start) for start in STARTS]
    mean, error = (np.stack([part[f"late_{name}_{k}"].values for part in parts]) for k in ("mean", "error"))
    return mean, error


def prediction(depth: int, alpha: float, closure: str) -> gn.theory.ReplicaSymmetric:
    """Overlaps with the teacher of a student in equilibrium; of the hard core for a single perceptron."""
    soft = {} if depth == 1 else {"potential": POTENTIAL, "beta": BETA}
    return gn.theory.replica_symmetric(depth=depth, alpha=alpha, scenario="teacher", closure=closure, **soft)


# Verdicts.

PAPERS = "Yoshino 2020, 2023 (abstracts)"


def claims(data: xr.Dataset) -> list[Claim]:
    """What is said of the crystal, each for the start that bears it out least."""
    depths = (SHALLOW, DEEP)
    layers = [*boundaries(data), *learned(data), solid_input(data), *(meeting(data, depth) for depth in depths)]
    errors = [claim(data, depth) for claim in (below_half, falling) for depth in depths]
    single = series(data, 1, "planted")
    return [*layers, *errors, *([perceptron(single)] if single.sizes["alpha"] else [])]


def boundaries(data: xr.Dataset) -> list[Claim]:
    """R^2 of the outer hidden layers minus that of the centre at the largest alpha, depth 4."""
    mean, error = (x[:, -1] for x in late(data, DEEP, "overlap_squared"))
    alpha = float(series(data, DEEP, "random")["alpha"][-1])
    found = []
    for side, layer in (("input", INPUT), ("output", OUTPUT)):
        difference = mean[:, layer - 1] - mean[:, CENTRE - 1]
        errors = np.hypot(error[:, layer - 1], error[:, CENTRE - 1])
        effect, sigma = weakest(difference, errors)
        found.append(
            Claim(
                text=f"Student and teacher agree more at the {side} side than in the centre (chance included).",
                source=PAPERS,
                test=f"R^2 of layer {layer} minus that of layer {CENTRE}, L = {DEEP}, alpha = {alpha:g}, weaker start",
                effect=effect,
                error=sigma,
                numbers=by_start(mean, error),
            )
        )
    return found


def learned(data: xr.Dataset) -> list[Claim]:
    """R^2 of the outer hidden layers at the largest alpha minus that of the liquid at the smallest, depth 4."""
    mean, error = late(data, DEEP, "overlap_squared")
    first, last = series(data, DEEP, "random")["alpha"].values[[0, -1]]
    found = []
    for side, layer in (("input", INPUT), ("output", OUTPUT)):
        m, e = mean[..., layer - 1], error[..., layer - 1]
        effect, sigma = weakest(m[:, -1] - m[:, 0], np.hypot(e[:, -1], e[:, 0]))
        found.append(
            Claim(
                text=f"The {side} side knows more of its teacher than chance in a liquid gives.",
                source=PAPERS,
                test=f"R^2 of layer {layer} at alpha = {last:g} minus that at {first:g}, L = {DEEP}, weaker start",
                effect=effect,
                error=sigma,
                numbers=by_start(m, e),
            )
        )
    return found


def by_start(mean: np.ndarray, error: np.ndarray) -> dict[str, np.ndarray]:
    names = dict(zip(STARTS, zip(mean, error, strict=True), strict=True))
    return {k: v for start, pair in names.items() for k, v in zip((start, f"{start}, error"), pair, strict=True)}


def solid_input(data: xr.Dataset) -> Claim:
    """What layer 1 learns, against half of the factorised closure's q^2; the exact closure has none in layer 1."""
    part = series(data, DEEP, "random")
    n = max(part.sizes["alpha"] - 2, 0)
    alpha = float(part["alpha"][n])
    mean, error = (x[..., INPUT - 1] for x in late(data, DEEP, "overlap_squared"))
    expected = {closure: prediction(DEEP, alpha, closure).q[INPUT] ** 2 for closure in STYLES}
    added = mean[:, n] - mean[:, 0]
    effect, sigma = weakest(added - expected["factorised"] / 2, np.hypot(error[:, n], error[:, 0]))
    return Claim(
        text="The first layer knows the teacher as the factorised closure says (the exact one says: not at all).",
        source="Yoshino 2020: factorised closure",
        test=f"R^2 of layer 1 at alpha = {alpha:g} above the liquid's, minus half of the predicted q^2, weaker start",
        effect=effect,
        error=sigma,
        numbers={**by_start(mean, error), "predicted q^2": expected},
    )


def meeting(data: xr.Dataset, depth: int) -> Claim:
    """Largest difference between the starts against SAME, over hidden layers and loads."""
    mean, error = (x[..., : depth - 1] for x in late(data, depth, "overlap_squared"))
    apart, errors = abs(mean[0] - mean[1]), np.hypot(*error)
    effect, sigma = weakest(SAME - apart, errors)
    return Claim(
        text=f"Planted and random starts reach the same overlaps with the teacher (L = {depth}).",
        source="equilibrium",
        test=f"{SAME:g} minus the difference of R^2 in the hidden layer and at the alpha where it is most above zero",
        effect=effect,
        error=sigma,
        numbers={"difference by alpha and layer": apart, "errors": errors},
    )


UNTRAINED = 0.2
"""Training error above which students say nothing of those that have learned; as for machines of other depths."""


def untrained(data: xr.Dataset, depth: int) -> str:
    """Why students say nothing of generalisation: a training error above UNTRAINED at the largest alpha."""
    worst = float(late(data, depth, "train_error")[0][:, -1].max())
    return f"training error {worst:.2g}: they have not learnt" if worst > UNTRAINED else ""


def below_half(data: xr.Dataset, depth: int) -> Claim:
    """1/2 minus the test error at the largest alpha."""
    mean, error = (x[:, -1] for x in late(data, depth, "test_error"))
    effect, sigma = weakest(0.5 - mean, error)
    return Claim(
        text=f"Students generalise: the error on fresh patterns is below 1/2 (L = {depth}).",
        source=PAPERS,
        test="1/2 minus the test error at the largest alpha, weaker start",
        effect=effect,
        error=sigma,
        numbers=by_start(mean, error),
        spoilt=untrained(data, depth),
    )


def falling(data: xr.Dataset, depth: int) -> Claim:
    """Test error at the smallest alpha minus that at the largest."""
    mean, error = late(data, depth, "test_error")
    effect, sigma = weakest(mean[:, 0] - mean[:, -1], np.hypot(error[:, 0], error[:, -1]))
    return Claim(
        text=f"The generalisation error falls with alpha (L = {depth}).",
        source=PAPERS,
        test="test error at the smallest alpha minus that at the largest, weaker start",
        effect=effect,
        error=sigma,
        numbers=by_start(mean, error),
        spoilt=untrained(data, depth),
    )


def perceptron(part: xr.Dataset) -> Claim:
    """Test errors of single perceptrons in their version space against the exact theory."""
    theory = [gn.theory.generalisation_error(prediction(1, float(a), "exact")) for a in part["alpha"]]
    mean, error = part["late_test_error_mean"].values, part["late_test_error_error"].values
    effect, sigma = weakest(EXACT - abs(mean - theory), error)
    return Claim(
        text="Control: single perceptrons have the generalisation error of the theory.",
        source="replica theory, arccos(R)/pi",
        test=f"{EXACT:g} minus the deviation of the test error, hard core, at the alpha where it deviates most",
        effect=effect,
        error=sigma,
        numbers={"test error": mean, "errors": error, "theory": theory},
    )


# Figure.

STYLES = {"factorised": (0, (4, 2)), "exact": "solid"}
MARKERS = {"random": {"marker": "o", "fillstyle": "full"}, "planted": {"marker": "s", "fillstyle": "none"}}


def draw(data: xr.Dataset) -> Figure:
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 5.2), layout="constrained")
        axes = figure.subplots(2, 2).ravel()
        approach(axes[0], data)
        profile(axes[1], data)
        loads(axes[2], data)
        errors(axes[3], data)
        for letter, ax in zip("abcd", axes, strict=True):
            ax.set_title(f"({letter})", loc="left")
    return figure


def approach(ax: Axes, data: xr.Dataset) -> None:
    """R^2 of hidden layers against time from both starts, depth 4, largest alpha."""
    colours = graded("viridis", DEEP - 1)
    for start, line in (("random", "solid"), ("planted", (0, (3, 1.5)))):
        one = series(data, DEEP, start).isel(alpha=-1, lag=slice(1, None))
        for layer, colour in zip(range(1, DEEP), colours, strict=True):
            mean, error = (one[f"overlap_squared_{k}"].sel(layer=layer) for k in ("mean", "error"))
            label = f"layer {layer}" if start == "random" else None
            ax.errorbar(one["lag"], mean, error, color=colour, linestyle=line, marker="", elinewidth=0.6, label=label)
    ax.set(xscale="log", yscale="log", xlabel="time $t$ (sweeps)", ylim=(2e-3, 1.3))
    ax.set_ylabel("overlap with the teacher $R_l^2$")
    ax.set_title(rf"$L = {DEEP}$, $\alpha = {float(one['alpha']):g}$, $\beta = {BETA:g}$; dashed: planted")
    ax.legend(loc="center left")


def profile(ax: Axes, data: xr.Dataset) -> None:
    """Late R^2 by hidden layer at the smallest and the two largest loads, with the theory."""
    layers = np.arange(1, DEEP)
    values = series(data, DEEP, "random")["alpha"].values
    shown = np.unique([values[0], *values[-2:]])
    for alpha, colour in zip(shown, graded("plasma", len(shown)), strict=True):
        for start in STARTS:
            one = series(data, DEEP, start).sel(alpha=alpha, layer=layers)
            label = rf"$\alpha = {alpha:g}$, {start}"
            points(
                ax,
                layers + (0.05 if start == "planted" else 0),
                one,
                "overlap_squared",
                start,
                color=colour,
                label=label,
            )
        for closure, line in STYLES.items():
            ax.plot(layers, prediction(DEEP, float(alpha), closure).q[1:-1] ** 2, color=colour, linestyle=line, lw=0.9)
    ax.set(xlabel="hidden layer $l$", ylabel="late $R_l^2$", xticks=layers)
    ax.set_title(f"$L = {DEEP}$; lines: theory (dashed: factorised)")
    ax.legend(loc="upper center", fontsize=6.5)
    ax.margins(y=0.25)


def points(ax: Axes, x: np.ndarray, one: xr.Dataset, name: str, start: str, **style: object) -> None:
    ax.errorbar(x, one[f"late_{name}_mean"], one[f"late_{name}_error"], linestyle="", **MARKERS[start], **style)


def loads(ax: Axes, data: xr.Dataset) -> None:
    """Late R^2 against alpha: the hidden layer of machines of depth 2, with the theory."""
    colour = graded("viridis", 3)[1]
    for start in STARTS:
        one = series(data, SHALLOW, start).sel(layer=1)
        points(ax, one["alpha"].values, one, "overlap_squared", start, color=colour, label=start)
    alpha = np.linspace(0.5, 1.1 * float(one["alpha"][-1]), 12)
    for closure, line in STYLES.items():
        q = [prediction(SHALLOW, float(a), closure).q[1] ** 2 for a in alpha]
        ax.plot(alpha, q, color=GREY, linestyle=line, label=f"theory, {closure}")
    ax.set(xlabel=r"load $\alpha$", ylabel="late $R_1^2$", title=rf"$L = {SHALLOW}$, $\beta = {BETA:g}$")
    ax.legend(loc="best")


def errors(ax: Axes, data: xr.Dataset) -> None:
    """Generalisation error against alpha for each depth, with the theory."""
    depths = [depth for depth in (1, SHALLOW, DEEP) if (data["depth"] == depth).any()]
    for depth, colour in zip(depths, graded("viridis", len(depths)), strict=True):
        for start in STARTS:
            one = series(data, depth, start)
            label = f"$L = {depth}$" if start == "random" else None
            points(ax, one["alpha"].values, one, "test_error", start, color=colour, label=label)
        alpha = np.geomspace(0.7, float(one["alpha"][-1]), 12)
        for closure, line in STYLES.items():
            known = [gn.theory.generalisation_error(prediction(depth, float(a), closure)) for a in alpha]
            ax.plot(alpha, known, color=colour, linestyle=line, linewidth=0.9)
    ax.axhline(0.5, color=GREY, linewidth=0.6, linestyle=":")
    ax.set(xscale="log", xlabel=r"load $\alpha$", ylabel=r"generalisation error $\epsilon_g$", ylim=(0, 0.56))
    ax.set_title("open: planted; lines: theory (dashed: factorised)")
    ax.legend(loc="lower left")


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    planned = runs(experiment.sizes)
    data = table(experiment.simulate(planned), planned)
    training = {f"L = {depth}": by_start(*late(data, depth, "train_error")) for depth in (SHALLOW, DEEP)}
    experiment.finish(draw(data), claims(data), data, late_training_error=training)


if __name__ == "__main__":
    main()
