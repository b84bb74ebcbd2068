"""Does a thermal machine need its temperature to learn? Langevin dynamics beside Adam and plain gradients.

The machine of `thermal_learning` (real weights and neurons between walls, digits 0 and 1) goes down the same energy in
three ways, from the same starts and with the same data: Langevin dynamics quenched to T = 1e-5, Adam, and plain
gradients. A step of each takes one evaluation of all forces, so that equal steps are equal budgets. The learner's
baseline; claims are ours.

Claims: with as many force evaluations Adam ends at a lower energy than Langevin dynamics, and plain gradients at a
higher one. Thermal motion generalises better than Adam: the machine's own network S_l = tanh(J_l S_{l-1}) and the
network of signs, both with the instantaneous weights, have a higher accuracy on fresh digits at the end. That is no
matter of energy: at equal energy, too, the machine's own network is better after Langevin dynamics.

Tested, all before the data were seen, in pairs of the same sample, at both depths, the weakest one counting. *Energy*:
log10 of the ratio of the last energies. *Accuracy*: mean over the last quarter of the time, less that of Adam; a
difference below .02 would not be meant. *Equal energy*: the level is the higher one of the two last energies of a
sample, and accuracies are those where each first falls below it, on a line between the two measurements around it.
Control: the machine's own network has learned its training digits (.8) after Langevin dynamics and after Adam; without
it accuracies say nothing.

One number of each way was chosen before this run by the last energy, mean of its logarithm over both depths, in two
samples with other data and starts (seeds 900, 901) after as many steps: friction .003 a step (of .0003, .001, .003,
.01: log10 E(t)/E(0) = -1.14, -2.67, -3.09, -2.35), Adam's rate .003 (of .001, .003, .01: -2.61, -3.04, -2.82), the
gradient's .01 (of .003, .01, .03, .1: -1.28, -1.82, -1.44, -1.14). There machines made errors of up to .16 in their
training digits: hence .8 in the control, which was .9 before. `thermal_learning` has the friction .0003, by which the
published energies fall.

    python experiments/thermal_descent.py --scale desk --cost
    python experiments/thermal_descent.py --scale desk
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, along_runs, means, paired, tasks, weakest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import glassnet as gn
from glassnet.plot.style import GREY

COLD = 1e-5
LANGEVIN, ADAM, GRADIENT = "Langevin", "Adam", "gradient"
WAYS = {
    LANGEVIN: gn.Langevin(time_step=1e-2, friction=3e-3),
    ADAM: gn.Descent(rate=3e-3),
    GRADIENT: gn.Descent(rate=1e-2, optimizer="gradient"),
}
MEANT = 0.02
"""Difference of accuracies that counts."""
LEARNED = 0.2
"""Error below which a machine counts as having learned."""


@dataclass(frozen=True)
class Sizes:
    """Patterns, width, depths, steps, samples, fresh digits."""

    patterns: int
    width: int
    depths: Sequence[int]
    steps: int
    samples: int
    test_patterns: int = 400


TEST_BEFORE_DATA = "yes"
SIZES = {
    "smoke": Sizes(20, 5, (3, 4), 60, 3, 50),
    "desk": Sizes(100, 10, (5, 10), 10_000, 6),
    "paper": Sizes(600, 20, (5, 10), 500_000, 24),
}


# Runs.


def run(sizes: Sizes, depth: int, way: str) -> Arguments:
    machine = gn.ThermalMachine(depth, sizes.width, inputs=784, outputs=2)
    options = {"patterns": sizes.patterns, "test_patterns": sizes.test_patterns}
    return {
        "machine": machine,
        "task": tasks(gn.tasks.digits, machine, samples=sizes.samples, seed=300, **options),
        "temperature": COLD if way == LANGEVIN else 0.0,
        "dynamics": WAYS[way],
        "protocol": gn.Protocol(
            sweeps=1, waiting_times=(0,), clones=1, samples=sizes.samples, host_sweeps=sizes.steps, points_per_decade=10
        ),
        "seed": 5,
    }


# Analysis.


def curves(ds: xr.Dataset) -> xr.Dataset:
    """By sample and time: E(t)/E(0), accuracies of the machine's own network and of signs."""
    E = gn.analysis.energy_per_gap(ds)
    errors = {"own": "test_error_tanh", "own_training": "train_error_tanh", "signs": "test_error"}
    parts = {"energy": E / E.isel(time=0, drop=True)} | {name: 1 - ds[error] for name, error in errors.items()}
    return xr.Dataset(parts).reset_coords(drop=True).drop_attrs()


def table(found: Mapping[tuple[int, str], xr.Dataset]) -> xr.Dataset:
    """Means over samples with errors, by depth and way along a dim `run`."""
    parts = [means(dict(one.data_vars)) for one in found.values()]
    depths, ways = zip(*found, strict=True)
    return along_runs(parts, depth=depths, way=ways)


def final(one: xr.Dataset, name: str) -> xr.DataArray:
    """Mean over measurements in the last quarter of the time, by sample."""
    return one[name].sel(time=one["time"] >= 0.75 * float(one["time"][-1])).mean("time")


def at_energy(one: xr.Dataset, level: np.ndarray) -> np.ndarray:
    """Accuracy of the machine's own network where the energy of each sample first falls to its level.

    Between two measurements on a line in the logarithm of the energy; NaN where it does not come so far.
    """
    found = np.full(len(level), np.nan)
    for s, here in enumerate(np.log(level)):
        E, A = np.log(one["energy"].isel(sample=s).values), one["own"].isel(sample=s).values
        below = np.flatnonzero(E - here <= 1e-6)
        if below.size and below[0] > 0:
            n = below[0]
            share = np.clip((E[n - 1] - here) / (E[n - 1] - E[n]), 0, 1)
            found[s] = A[n - 1] + share * (A[n] - A[n - 1])
    return found


# Verdicts.


def lower(found: Mapping[tuple[int, str], xr.Dataset], depth: int, way: str, other: str) -> tuple[float, float]:
    """log10 of the last energy of another way over that of one, over pairs."""
    E = [np.log10(found[depth, w]["energy"].isel(time=-1)) for w in (other, way)]
    return paired(*E)


def better(found: Mapping[tuple[int, str], xr.Dataset], depth: int, name: str) -> tuple[float, float]:
    """Accuracy at the end after Langevin dynamics less that after Adam, over pairs."""
    return paired(*(final(found[depth, way], name) for way in (LANGEVIN, ADAM)))


def equal(found: Mapping[tuple[int, str], xr.Dataset], depth: int) -> tuple[float, float]:
    """The same of the machine's own network at equal energy."""
    both = [found[depth, way] for way in (LANGEVIN, ADAM)]
    level = np.maximum(*(one["energy"].isel(time=-1).values for one in both))
    return paired(*(xr.DataArray(at_energy(one, level)) for one in both))


def claims(found: Mapping[tuple[int, str], xr.Dataset]) -> list[Claim]:
    depths = sorted({depth for depth, _ in found})

    def claim(text: str, test: str, values: Mapping[int, tuple[float, float]], **options: object) -> Claim:
        effect, error = weakest(*zip(*values.values(), strict=True))
        numbers = {f"L = {depth}": pair for depth, pair in values.items()}
        return Claim(
            text=text, source="ours", test=f"{test}; weakest depth", effect=effect, error=error, numbers=numbers,
            **options,
        )  # fmt: skip

    learned = {}
    for depth in depths:
        for way in (LANGEVIN, ADAM):
            pair = gn.analysis.mean_and_error(final(found[depth, way], "own_training") - (1 - LEARNED))
            learned[f"{depth}, {way}"] = float(pair["mean"]), float(pair["error"])
    spoilt = "" if min(mean for mean, _ in learned.values()) > 0 else "not all machines have learned"
    ratio = "log10 of the last energy of {} over that of {}, in pairs"
    better_words = "Thermal motion generalises better than Adam: the {} network"
    accuracy = "accuracy of the {} network on fresh digits, last quarter of the time, Langevin less Adam, in pairs"
    budget = "with as many force evaluations"
    return [
        claim(
            f"Adam ends at a lower energy than Langevin dynamics {budget}", ratio.format(LANGEVIN, ADAM),
            {depth: lower(found, depth, ADAM, LANGEVIN) for depth in depths}, duel=True,
        ),
        claim(
            f"Langevin dynamics ends at a lower energy than plain gradients {budget}", ratio.format(GRADIENT, LANGEVIN),
            {depth: lower(found, depth, LANGEVIN, GRADIENT) for depth in depths}, duel=True,
        ),
        claim(
            better_words.format("machine's own"), accuracy.format("tanh"),
            {depth: better(found, depth, "own") for depth in depths}, resolution=MEANT, spoilt=spoilt,
        ),
        claim(
            better_words.format("sign"), accuracy.format("sign"),
            {depth: better(found, depth, "signs") for depth in depths}, resolution=MEANT, spoilt=spoilt,
        ),
        claim(
            "At equal energy the machine's own network generalises better after thermal motion than after Adam",
            "accuracy of the tanh network on fresh digits where both first reach the higher last energy, in pairs",
            {depth: equal(found, depth) for depth in depths}, resolution=MEANT, spoilt=spoilt,
        ),
        claim(
            "Control: the machine's own network has learned its training digits (Langevin dynamics and Adam)",
            f"accuracy of the tanh network on training digits, last quarter of the time, less {1 - LEARNED}", learned,
        ),
    ]  # fmt: skip


# Figure.


COLOURS = {LANGEVIN: "C0", ADAM: "C1", GRADIENT: GREY}


def draw(data: xr.Dataset) -> Figure:
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 4.8), layout="constrained")
        axes = figure.subplots(2, 2).ravel()
        for ax, name in zip(axes, ("energy", "own_training", "own"), strict=False):
            in_time(ax, data, name)
        axes[0].set(yscale="log", ylabel="energy $E(t)/E(0)$")
        axes[1].set(ylabel="accuracy on training digits (tanh)")
        axes[2].set(ylabel="accuracy on fresh digits (tanh)")
        against_energy(axes[3], data)
        looks = [Line2D([], [], color=colour, label=way) for way, colour in COLOURS.items()]
        depths = np.unique(data["depth"].values)
        looks += [Line2D([], [], color="k", linestyle=s, label=f"$L = {L}$") for L, s in styles(depths).items()]
        axes[0].legend(handles=looks, loc="lower left")
        for letter, ax in zip("abcd", axes, strict=True):
            ax.set_title(f"({letter})", loc="left")
    return figure


def styles(depths: Sequence[int]) -> dict[int, str]:
    return dict(zip(map(int, depths), ("-", "--"), strict=True))


def lines(data: xr.Dataset) -> list[tuple[xr.Dataset, dict]]:
    """Each run with the look of its lines."""
    style = styles(np.unique(data["depth"].values))
    return [
        (data.isel(run=n), {"color": COLOURS[str(way)], "linestyle": style[int(depth)]})
        for n, (depth, way) in enumerate(zip(data["depth"].values, data["way"].values, strict=True))
    ]


def in_time(ax: Axes, data: xr.Dataset, name: str) -> None:
    """Means with their errors against steps."""
    for one, look in lines(data):
        one = one.isel(time=slice(1, None))
        mean, error = one[f"{name}_mean"], one[f"{name}_error"]
        ax.plot(one["time"], mean, **look)
        ax.fill_between(one["time"], mean - error, mean + error, color=look["color"], alpha=0.2, linewidth=0)
    ax.set(xscale="log", xlabel="force evaluations (steps)", xlim=(10, None))


def against_energy(ax: Axes, data: xr.Dataset) -> None:
    """Accuracy on fresh digits against the energy on the way."""
    for one, look in lines(data):
        ax.plot(one["energy_mean"], one["own_mean"], **look)
    ax.set(xscale="log", xlabel="energy $E(t)/E(0)$", ylabel="accuracy on fresh digits (tanh)")
    ax.invert_xaxis()


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    sizes = experiment.sizes
    chosen = {f"L={depth}-{way}": (depth, way) for depth in sizes.depths for way in WAYS}
    results = experiment.simulate({name: run(sizes, *case) for name, case in chosen.items()})
    found = {chosen[name]: curves(ds) for name, ds in results.items()}
    data = table(found)
    experiment.finish(draw(data), claims(found), data)


if __name__ == "__main__":
    main()
