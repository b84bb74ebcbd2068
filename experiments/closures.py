"""Which closure of the replica theory holds: is the input side of a deep perceptron a solid?

Claims. The factorised closure [Yoshino 2020] is symmetric: with random data layers freeze from both boundaries, at the
same alpha. In the closure that traces each neuron together with its gap nothing holds the input side while the centre
is liquid: a spin can follow whatever comes from below, and only the clamped outputs freeze. Both are theories of the
dense limit, width >> connectivity c >> 1. A solid keeps its correlations as c grows and its relaxation time grows
without bound, a liquid's saturates. The slow input side of simulated machines would then be kinetic, not a phase.

Machines of depth 4 on random graphs of width 4 c, quenched to beta = 16, where one flip (a gap changes by 2/sqrt(c)) is
not large against the thermal width of a gap, 1/sqrt(beta): colder and narrower machines are slow in every layer. At
alpha = 3 both closures have liquids only; at 10 and 20 they disagree about layer 1. The same from a planted start (the
configuration of a teacher), and for fully connected machines, which neither closure describes. Relaxation times are
those of connected overlaps. A layer counts as solid if it stays above half of the plateau that is predicted and is flat
there; flatness, the slowing between loads and the test of each energy were added after the runs had been seen.

    python experiments/closures.py --scale desk        # 1.9e11 proposals, half an hour at 1e8 a second
    python experiments/closures.py --scale paper       # 5.7e13 proposals, 158 hours at that rate
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

DEPTH, BETA, LEVEL = 4, 16.0, 0.1
"""LEVEL: what correlations fall below at the relaxation time; below the plateaus that are predicted."""
INPUT, CENTRE, OUTPUT = 1, 2, 3
"""Hidden layers."""
LIQUID, MIDDLE, DEEP = 3.0, 10.0, 20.0
"""Loads alpha: below all thresholds, and above that of the output side."""
POTENTIAL = gn.SoftCore()


@dataclass(frozen=True)
class Times:
    """Sweeps before and after cloning."""

    waiting: int
    sweeps: int


@dataclass(frozen=True)
class Sizes:
    """Connectivities of each series of runs, width in units of c, samples, and times of long and of short series."""

    middle: Sequence[int]
    liquid: Sequence[int]
    planted: Sequence[int]
    full: Sequence[int]
    deep: Sequence[int]
    long: Times
    short: Times
    samples: int = 8
    ratio: int = 4


TEST_BEFORE_DATA = "no"
SIZES = {
    "smoke": Sizes((4, 6), (4,), (4,), (), (), Times(5, 40), Times(5, 40), samples=3, ratio=2),
    "desk": Sizes(
        middle=(8, 12, 16, 20, 24, 32),
        liquid=(8, 16, 24, 32),
        planted=(16, 24),
        full=(10, 16, 24, 40),
        deep=(16, 24, 32),
        long=Times(10_000, 30_000),
        short=Times(3_000, 10_000),
    ),
    "paper": Sizes(
        middle=(16, 24, 32, 48, 64, 96),
        liquid=(16, 32, 64, 96),
        planted=(16, 32, 64, 96),
        full=(10, 20, 40, 80, 160),
        deep=(16, 32, 64, 96),
        long=Times(100_000, 1_000_000),
        short=Times(30_000, 100_000),
        samples=16,
    ),
}


# Runs.


def runs(sizes: Sizes) -> dict[str, Arguments]:
    """Arguments of all runs, by name: series, alpha, c and width."""
    series = {
        "random": [(MIDDLE, c, sizes.ratio * c, sizes.long) for c in sizes.middle],
        "liquid": [(LIQUID, c, sizes.ratio * c, sizes.short) for c in sizes.liquid],
        "planted": [(MIDDLE, c, sizes.ratio * c, sizes.short) for c in sizes.planted],
        "full": [(MIDDLE, c, c, sizes.short) for c in sizes.full],
        "deep": [(DEEP, c, sizes.ratio * c, sizes.short) for c in sizes.deep],
    }
    return {
        f"{name}-alpha={alpha:g}-c={c}-N={N}": run(name == "planted", alpha, c, N, times, sizes.samples)
        for name, rows in series.items()
        for alpha, c, N, times in rows
    }


def run(planted: bool, alpha: float, c: int, N: int, times: Times, samples: int) -> Arguments:
    machine = gn.Machine(depth=DEPTH, width=N, connectivity=c if c < N else None, potential=POTENTIAL)
    make = gn.tasks.teacher_student if planted else gn.tasks.random
    waiting = 0 if planted else times.waiting
    return {
        "machine": machine,
        "task": tasks(make, machine, samples=samples, seed=1000, patterns=round(alpha * c)),
        "beta": BETA,
        "protocol": gn.Protocol(
            sweeps=times.sweeps, waiting_times=(waiting,), clones=1, samples=samples, points_per_decade=8
        ),
        "dynamics": "heat_bath",
        "start": "planted" if planted else "random",
        "seed": 1,
    }


# Analysis.


def measured(ds: xr.Dataset) -> xr.Dataset:
    """Means over samples with errors: correlations by lag and layer, relaxation times, energy over the liquid's."""
    one = ds.isel(waiting_time=0, clone=0, drop=True)
    spins = one["spin_autocorrelation_connected"]
    liquid = gn.theory.liquid_energy(potential=POTENTIAL, beta=BETA)
    weights = one["weight_autocorrelation_normalised"]
    parts = {
        "spins": spins,
        "weights": weights,
        "excess": weights.sel(layer=DEPTH, drop=True) - weights.sel(layer=1, drop=True),
        "energy": one["clone_energy"].isel(lag=slice(-4, None)).mean("lag") / liquid,
    }
    return means(parts).assign(log_time(spins).data_vars)


def log_time(spins: xr.DataArray) -> xr.Dataset:
    """ln tau of the mean curve of each layer; NaN where LEVEL is not reached."""
    found = analysis.bootstrap(time_of_mean, spins, seed=0, resamples=400)
    return xr.Dataset({"log_tau_mean": found["value"], "log_tau_error": found["error"]})


def time_of_mean(spins: xr.DataArray) -> xr.DataArray:
    return np.log(analysis.relaxation_time(spins.mean("sample"), LEVEL))


def table(results: Mapping[str, xr.Dataset], arguments: Mapping[str, Arguments]) -> xr.Dataset:
    """All runs along a dim `run` with series, alpha, c and width as coordinates; NaN beyond the lags of a run."""
    machines = [a["machine"] for a in arguments.values()]
    loads = [a["task"][0].patterns / a["machine"].alpha_scale for a in arguments.values()]
    labels = {
        "series": [name.split("-")[0] for name in results],
        "alpha": loads,
        "connectivity": [m.alpha_scale for m in machines],
        "width": [m.width for m in machines],
    }
    return along_runs([measured(ds) for ds in results.values()], **labels)


def of_series(data: xr.Dataset, name: str) -> xr.Dataset:
    """Runs of one series by c, lags that were measured."""
    part = runs_with(data, "connectivity", series=name)
    return part.dropna("lag", how="all", subset=["spins_mean"])


def late(part: xr.Dataset, what: str, earlier: float = 1.0) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean and error of a correlation at the largest c and the longest lag, or that lag divided by `earlier`."""
    lag = float(part["lag"][-1]) / earlier
    one = part.isel(connectivity=-1).sel(lag=lag, method="nearest")
    return one[f"{what}_mean"], one[f"{what}_error"]


def growth(part: xr.Dataset, layer: int, *, bound: bool = False) -> tuple[float, float]:
    """ln tau at the largest c minus that at the next smaller one, with its error.

    With `bound`, where the time is not reached at the larger c, the longest lag stands for it: the growth is then at
    least this.
    """
    ends = part.isel(connectivity=slice(-2, None)).sel(layer=layer)
    mean = ends["log_tau_mean"].values.copy()
    error = np.where(np.isfinite(mean), ends["log_tau_error"].values, 0.0 if bound else np.nan)
    if bound and np.isnan(mean[1]):
        mean[1] = np.log(float(part["lag"][-1]))
    return float(np.diff(mean)[0]), float(np.hypot(*error))


def difference(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return a[0] - b[0], float(np.hypot(a[1], b[1]))


def prediction(alpha: float, scenario: str) -> dict[str, gn.theory.ReplicaSymmetric]:
    """Overlaps of both closures."""
    options = {"depth": DEPTH, "alpha": alpha, "scenario": scenario, "potential": POTENTIAL, "beta": BETA}
    return {closure: gn.theory.replica_symmetric(closure=closure, **options) for closure in ("factorised", "exact")}


# Verdicts.

FACTORISED = "factorised closure [Yoshino 2020]"
EXACT = "replica theory with the exact local trace"


def claims(data: xr.Dataset) -> list[Claim]:
    """What each closure says, against the widest machines."""
    random, liquid = of_series(data, "random"), of_series(data, "liquid")
    found = [*sides(random, MIDDLE, "random"), growing(random), slowing(random, liquid), kinetic(random)]
    found.append(reference(liquid))
    for name, scenario, alpha in (("planted", "teacher", MIDDLE), ("deep", "random", DEEP)):
        part = of_series(data, name)
        found += sides(part, alpha, scenario) if part.sizes["connectivity"] else []
    return found


def sides(part: xr.Dataset, alpha: float, scenario: str) -> list[Claim]:
    """Weights next to the input and to the output: do they stay, above half of the plateau that is predicted?"""
    Q = {closure: solution.Q for closure, solution in prediction(alpha, scenario).items()}
    start = "planted" if scenario == "teacher" else "quenched"
    where = f"(alpha = {alpha:g}, c = {int(part['connectivity'][-1])}, {start})"
    mean, error = late(part, "weights")
    excess = [float(x) for x in late(part, "excess")]
    numbers = {"weight autocorrelation": mean, "errors": error}
    numbers |= {f"predicted Q by layer, {closure}": values for closure, values in Q.items()}
    return [
        solid(part, 1, float(Q["factorised"][0]), f"The input side is a solid {where}.", FACTORISED, numbers),
        solid(part, DEPTH, float(Q["exact"][-1]), f"The output side is a solid {where}.", "both closures", numbers),
        Claim(
            text=f"The output side keeps more of its weights than the input side {where}.",
            source=EXACT,
            test=f"weight autocorrelation of layer L minus that of layer 1 at lag {int(part['lag'][-1])}",
            effect=excess[0],
            error=excess[1],
            numbers=numbers,
        ),
    ]


FLAT = 0.9
"""Fraction of its height that a plateau keeps while the lag grows by half a decade."""


def solid(part: xr.Dataset, layer: int, plateau: float, text: str, source: str, numbers: Mapping) -> Claim:
    """The weaker of: above half of the predicted plateau at the longest lag, and flat over the last half decade."""
    (now, error), (before, error_before) = (late(part, "weights", earlier) for earlier in (1.0, 10**0.5))
    high = float(now.sel(layer=layer)) - plateau / 2, float(error.sel(layer=layer))
    fall = float(now.sel(layer=layer) - FLAT * before.sel(layer=layer))
    flat = fall, float(np.hypot(error.sel(layer=layer), FLAT * error_before.sel(layer=layer)))
    effect, spread = weakest(*zip(high, flat, strict=True))
    lag = int(part["lag"][-1])
    return Claim(
        text=text,
        source=source,
        test=f"weight autocorrelation of layer {layer} at lag {lag} minus half of the predicted plateau, "
        f"and minus {FLAT} of its value half a decade before, the weaker",
        effect=effect,
        error=spread,
        numbers={**numbers, "above half of the plateau": high, "above what is flat": flat},
    )


def growing(part: xr.Dataset) -> Claim:
    inner, outer = growth(part, INPUT), growth(part, OUTPUT, bound=True)
    effect, error = difference(outer, inner)
    pair = [int(c) for c in part["connectivity"][-2:]]
    return Claim(
        text="Relaxation times grow with width on the output side and saturate on the input side.",
        source=EXACT,
        test=f"growth of ln tau from c = {pair[0]} to {pair[-1]}, layer L-1 minus layer 1, alpha = {MIDDLE:g}",
        effect=effect,
        error=error,
        numbers={"growth by layer": [growth(part, layer) for layer in (INPUT, CENTRE, OUTPUT)]},
    )


def slowing(part: xr.Dataset, liquid: xr.Dataset) -> Claim:
    """Beyond what it is in the liquid: ln tau of the output side minus that of the input side, at both loads."""
    ratio, error = [], []
    for one in (x.isel(connectivity=-1) for x in (part, liquid)):
        ratio.append(float(one["log_tau_mean"].sel(layer=OUTPUT) - one["log_tau_mean"].sel(layer=INPUT)))
        error.append(float(np.hypot(*one["log_tau_error"].sel(layer=[INPUT, OUTPUT]).values)))
    return Claim(
        text="When the load passes the threshold of the output side, that side slows more than the input side.",
        source=EXACT,
        test=f"ln tau of layer L-1 minus that of layer 1, largest c, alpha = {MIDDLE:g} minus alpha = {LIQUID:g}",
        effect=ratio[0] - ratio[1],
        error=float(np.hypot(*error)),
        numbers={f"ln tau ratio at alpha = {MIDDLE:g} and {LIQUID:g}": ratio, "errors": error},
    )


def kinetic(part: xr.Dataset) -> Claim:
    one = part.isel(connectivity=-1)
    effect = one["log_tau_mean"].sel(layer=INPUT) - one["log_tau_mean"].sel(layer=CENTRE)
    errors = one["log_tau_error"].sel(layer=[INPUT, CENTRE])
    return Claim(
        text="The input side is slower than the centre: kinetics, where it is no solid.",
        source="simulations of this model",
        test=f"ln tau of layer 1 minus that of layer {CENTRE}, largest c, alpha = {MIDDLE:g}",
        effect=float(effect),
        error=float(np.hypot(*errors.values)),
    )


def reference(part: xr.Dataset) -> Claim:
    """The deviation of each energy from the liquid's must shrink as c grows."""
    away, error = abs(part["energy_mean"] - 1), part["energy_error"]
    shrinks = away.isel(connectivity=0) - away.isel(connectivity=-1)
    effect, spread = weakest(shrinks, np.hypot(error.isel(connectivity=0), error.isel(connectivity=-1)))
    return Claim(
        text="Below all thresholds every layer is the liquid of replica theory as c grows.",
        source="both closures",
        test=f"deviation of energies from the liquid's, smallest c minus largest c, alpha = {LIQUID:g}: weakest layer",
        effect=effect,
        error=spread,
        numbers={"energy over that of the liquid, largest c": part["energy_mean"].isel(connectivity=-1)},
    )


# Figure.


def draw(data: xr.Dataset) -> Figure:
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 4.6), layout="constrained")
        top, bottom = figure.subplots(2, 3)
        random = of_series(data, "random")
        predicted = prediction(MIDDLE, "random")
        for ax, layer, title in zip(top, (1, 2, DEPTH), ("input side", "centre", "output side"), strict=True):
            curves(ax, random, layer)
            plateaus(ax, predicted, layer)
            ax.set_title(f"{title}, weights of layer {layer}")
        top[0].set_ylabel("weight autocorrelation $C_l$")
        times(bottom[0], random)
        bottom[0].set_title(rf"$\alpha = {MIDDLE:g}$")
        energies(bottom[1], data)
        profile(bottom[2], data, predicted)
        for letter, ax in zip("abcdef", [*top, *bottom], strict=True):
            ax.set_title(f"({letter})", loc="left")
    return figure


def curves(ax: Axes, part: xr.Dataset, layer: int) -> None:
    """Weight autocorrelation of one layer against lag, one line for each c."""
    for colour, c in zip(graded("plasma", part.sizes["connectivity"]), part["connectivity"].values, strict=True):
        one = part.sel(connectivity=c, layer=layer).isel(lag=slice(1, None))
        ax.errorbar(one["lag"], one["weights_mean"], one["weights_error"], color=colour, label=f"{c}", elinewidth=0.6)
    ax.set(xscale="log", xlabel="lag $t$ (sweeps)", ylim=(-0.05, 1.05))
    if layer == CENTRE:
        ax.legend(title="$c$", ncols=2, loc="lower left", bbox_to_anchor=(0, 0.05))


STYLES = {"factorised": (0, (4, 2)), "exact": "solid"}


def plateaus(ax: Axes, predicted: Mapping[str, gn.theory.ReplicaSymmetric], layer: int) -> None:
    """Overlap of the weights in equilibrium, a line for each closure."""
    for closure, solution in predicted.items():
        ax.axhline(solution.Q[layer - 1], color=GREY, linestyle=STYLES[closure], linewidth=0.9, label=closure)
    if layer == INPUT:
        lines = [line for line in ax.get_lines() if line.get_label() in STYLES]
        ax.legend(handles=lines, title="plateau in theory", loc="lower left", bbox_to_anchor=(0, 0.24))


def times(ax: Axes, part: xr.Dataset) -> None:
    """Relaxation time of hidden layers against c; not reached: an open triangle at the longest lag."""
    limit = float(part["lag"][-1])
    sides = ((INPUT, "input side", "o"), (CENTRE, "centre", "s"), (OUTPUT, "output side", "D"))
    for (layer, name, marker), colour in zip(sides, graded("viridis", 3), strict=True):
        one = part.sel(layer=layer)
        tau, c = np.exp(one["log_tau_mean"]), one["connectivity"]
        ax.errorbar(c, tau, tau * one["log_tau_error"].fillna(0), color=colour, marker=marker, label=name)
        open_ = c[np.isnan(tau.values)]
        shift = 0.4 * (layer - CENTRE)
        ax.plot(open_ + shift, np.full(open_.size, limit), "^", color=colour, fillstyle="none")
    ax.axhline(limit, color=GREY, linewidth=0.6, linestyle=":")
    ax.set(yscale="log", xlabel="connectivity $c$", ylabel=r"relaxation time $\tau_l$ (sweeps)")
    ax.legend(loc="lower left")


def energies(ax: Axes, data: xr.Dataset) -> None:
    """Energy of a gap over the liquid's by c, input and output layer at the three loads."""
    colours = dict(zip(("liquid", "random", "deep"), graded("viridis", 3), strict=True))
    for name, colour in colours.items():
        part = of_series(data, name)
        if not part.sizes["connectivity"]:
            continue
        for layer, marker, fill in ((1, "o", "full"), (DEPTH, "D", "none")):
            one = part.sel(layer=layer)
            label = rf"$\alpha = {float(part['alpha'][0]):g}$" if layer == 1 else None
            style = {"color": colour, "marker": marker, "fillstyle": fill, "label": label}
            ax.errorbar(one["connectivity"], one["energy_mean"], one["energy_error"], **style)
    ax.axhline(1, color=GREY, linewidth=0.6, linestyle=":")
    ax.set(xlabel="connectivity $c$", ylabel="energy / liquid", title="layers 1 (full), $L$ (open)")
    ax.legend(loc="best")


def profile(ax: Axes, data: xr.Dataset, predicted: Mapping[str, gn.theory.ReplicaSymmetric]) -> None:
    """Weight autocorrelation at the longest lag of all series, largest c, beside the closures (grey: random data)."""
    layers, planted = np.arange(1, DEPTH + 1), prediction(MIDDLE, "teacher")
    for closure, solution in predicted.items():
        ax.plot(layers, solution.Q, color=GREY, linestyle=STYLES[closure], label=closure)
        ax.plot(layers, planted[closure].Q, color=graded("plasma", 3)[1], linestyle=STYLES[closure], linewidth=0.7)
    lag = min(float(of_series(data, name)["lag"][-1]) for name in ("random", "planted"))
    names = {"random": "quenched, $c = {}$", "planted": "planted, $c = {}$", "full": "$c = N = {}$"}
    for (name, words), marker, colour in zip(names.items(), "osD", graded("plasma", 3), strict=True):
        part = of_series(data, name)
        if part.sizes["connectivity"]:
            one = part.isel(connectivity=-1).sel(lag=lag, method="nearest")
            style = {"marker": marker, "color": colour, "label": words.format(int(one["connectivity"]))}
            ax.errorbar(layers, one["weights_mean"], one["weights_error"], **style)
    ax.set(xlabel="layer $l$", ylabel=f"$C_l$ at lag {lag:g}", xticks=layers, ylim=(-0.05, 1.4))
    ax.legend(loc="upper center", ncols=2, fontsize=6.5)


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    planned = runs(experiment.sizes)
    data = table(experiment.simulate(planned), planned)
    thresholds = {
        closure: gn.theory.transitions(depth=DEPTH, closure=closure, potential=POTENTIAL, beta=BETA).alpha_g
        for closure in ("factorised", "exact")
    }
    experiment.finish(draw(data), claims(data), data, thresholds_by_layer=thresholds)


if __name__ == "__main__":
    main()
