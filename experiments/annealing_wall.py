"""The annealing wall of the Ising perceptron: up to which load does slow cooling find weights without errors?

Claims. Single perceptrons with weights +1 and -1 can store M = .833 N random patterns [Krauth and Mezard 1989], but the
weights are isolated points [Huang and Kabashima 2014], and cooling finds some only up to a smaller load, the wall:
the load alpha = M/N at which half of the samples are solved. At a fixed number of sweeps the wall falls as N grows; at
fixed N it rises with the logarithm of the sweeps (ours; that cooling meets a wall is Horner 1992).

One output, energy the sum of violated gaps (soft core of power 1), Metropolis. beta grows geometrically from 1 to 60
in the given number of sweeps; a tail of 16 greedy sweeps follows, for at beta = 60 and N = 801 the smallest violation
costs 2 kT, so that warmth alone could hide a solution. A sample, one set of random data, is solved if one of its 24
clones, each cooled once, ends at E = 0. N is odd, so that no field is zero. Samples of one N have the same patterns at
all loads (the first M) and all sweeps.

Tested, all before the data were seen. The wall of each N and number of sweeps is the midpoint of a logistic curve,
by maximum likelihood (width .01 to .1). *Fall*: less the slope of the wall in ln N, for each number of sweeps, the
weakest; an effect below .02 is not meant. *Rise*: the slope of the wall in ln sweeps, for each N, the weakest; below
.003 is not meant. Errors: bootstrap over samples, of one N together at all loads and sweeps. Three standard errors.
Controls, any of which spoils both verdicts: at alpha = .3 all samples of each N are solved in the fewest sweeps; at
alpha = 1.2, above the capacity, none is, at the smallest N and the most sweeps; no clone has E = 0 and wrong outputs,
or the reverse; more than half of the samples are solved at the lowest load of each cell and fewer at the highest, so
that the wall lies within.

Loads, and the range of sweeps, were chosen by a pilot of six samples each with other data, at about half of the cells;
it gave .70 to .76 at N = 101, .60 to .68 at 201 and .48 to .57 at 401, from 100 to 6400 sweeps. That the wall falls and
rises was to be expected after it; how steeply and how surely is what is measured.

    python experiments/annealing_wall.py --scale desk             # 6.1e9 proposals
    python experiments/annealing_wall.py --scale paper --cost     # 4.2e11 proposals
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, tasks, weakest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.plot.style import GREY, graded

CAPACITY = 0.833
CLONES, TAIL = 24, 16
COLDEST = 1e6
EASY, IMPOSSIBLE = 0.3, 1.2
"""Loads of the controls."""
MEANT = {"fall": 0.02, "rise": 0.003}
RESAMPLES = 1000


@dataclass(frozen=True)
class Sizes:
    """Middle of the loads by N and sweeps, their distances from it, samples by N, those of the impossible control."""

    middle: Mapping[int, Mapping[int, float]]
    around: Sequence[float]
    samples: Mapping[int, int]
    impossible: int = 8

    widths: tuple[int, ...] = field(init=False)
    sweeps: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.middle))
        object.__setattr__(self, "sweeps", tuple(next(iter(self.middle.values()))))


TEST_BEFORE_DATA = "yes"
SIZES = {
    "smoke": Sizes({11: {4: 0.6, 8: 0.6}, 21: {4: 0.6, 8: 0.6}}, (-0.2, 0.2), {11: 3, 21: 2}, impossible=2),
    "desk": Sizes(
        {
            101: {100: 0.70, 400: 0.73, 1600: 0.755, 6400: 0.765},
            201: {100: 0.61, 400: 0.64, 1600: 0.66, 6400: 0.68},
            401: {100: 0.48, 400: 0.51, 1600: 0.55, 6400: 0.57},
        },
        (-0.09, -0.03, 0.03, 0.09),
        {101: 16, 201: 12, 401: 8},
    ),
    "paper": Sizes(
        {
            101: {400: 0.73, 1600: 0.755, 6400: 0.765, 25600: 0.775},
            201: {400: 0.64, 1600: 0.66, 6400: 0.68, 25600: 0.70},
            401: {400: 0.51, 1600: 0.55, 6400: 0.57, 25600: 0.60},
            801: {400: 0.40, 1600: 0.44, 6400: 0.48, 25600: 0.52},
        },
        (-0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15),
        {101: 48, 201: 48, 401: 48, 801: 48},
        impossible=48,
    ),
}


# Runs.


def run(N: int, sweeps: int, alpha: float, samples: int) -> Arguments:
    """Arguments of one load: each sample has patterns of its own, which smaller loads share."""
    machine = gn.Machine(depth=1, width=N, outputs=1, ensemble="ising", potential=gn.SoftCore(power=1.0))
    options = {"patterns": round(alpha * N), "test_patterns": 1}
    return {
        "machine": machine,
        "task": tasks(gn.tasks.random, machine, samples=samples, seed=1000 * N, **options),
        "beta": gn.Schedule((0, sweeps, sweeps + 1), (1.0, 60.0, COLDEST), "geometric"),
        "protocol": gn.Protocol(
            sweeps=sweeps + TAIL, waiting_times=(0,), clones=CLONES, samples=samples, points_per_decade=1
        ),
        "seed": 5,
    }


def loads(sizes: Sizes, N: int, sweeps: int) -> list[float]:
    return [sizes.middle[N][sweeps] + x for x in sizes.around]


def cell(N: int, sweeps: int, alpha: float) -> str:
    return f"N={N}-sweeps={sweeps}-alpha={alpha:g}"


def runs(sizes: Sizes) -> dict[str, Arguments]:
    """All loads of all cells by name, and the controls."""
    wanted = [(N, t, a, sizes.samples[N]) for N in sizes.widths for t in sizes.sweeps for a in loads(sizes, N, t)]
    wanted += [(N, sizes.sweeps[0], EASY, sizes.samples[N]) for N in sizes.widths]
    wanted += [(sizes.widths[0], sizes.sweeps[-1], IMPOSSIBLE, sizes.impossible)]
    return {cell(N, t, a): run(N, t, a, samples) for N, t, a, samples in wanted}


# Analysis.


def solved(ds: xr.Dataset) -> tuple[np.ndarray, int]:
    """Whether each sample is solved, and the number of clones whose energy and errors disagree about it."""
    end = ds.isel(waiting_time=0, lag=-1)
    zero = (end["clone_energy"].isel(layer=0) == 0).transpose("sample", "clone").values
    right = (end["clone_train_error"] == 0).transpose("sample", "clone").values
    return zero.any(1), int((zero != right).sum())


def table(results: Mapping[str, xr.Dataset], sizes: Sizes) -> xr.Dataset:
    """What was solved, by N, sweeps, load and sample (NaN beyond the samples of an N), and the controls."""
    found = {name: solved(ds) for name, ds in results.items()}
    most = max(sizes.samples.values())

    def padded(name: str) -> np.ndarray:
        one = found[name][0].astype(float)
        return np.pad(one, (0, most - len(one)), constant_values=np.nan)

    grid = [[loads(sizes, N, t) for t in sizes.sweeps] for N in sizes.widths]
    values = [[[padded(cell(N, t, a)) for a in loads(sizes, N, t)] for t in sizes.sweeps] for N in sizes.widths]
    # the load that a whole number of patterns makes
    exact = [[[round(a * N) / N for a in one] for one in row] for N, row in zip(sizes.widths, grid, strict=True)]
    easy = [found[cell(N, sizes.sweeps[0], EASY)][0].mean() for N in sizes.widths]
    impossible = found[cell(sizes.widths[0], sizes.sweeps[-1], IMPOSSIBLE)][0].mean()
    labels = {"width": list(sizes.widths), "sweeps": list(sizes.sweeps)}
    return xr.Dataset(
        {
            "solved": (("width", "sweeps", "load", "sample"), np.array(values)),
            "alpha": (("width", "sweeps", "load"), np.array(exact)),
            "easy": ("width", np.array(easy)),
            "impossible": float(impossible),
            "disagreements": sum(n for _, n in found.values()),
        },
        labels,
    )


MIDDLES = np.linspace(-0.3, 0.3, 1201)
WIDTHS = np.geomspace(0.01, 0.1, 24)


def logistic(alpha: np.ndarray, hits: np.ndarray, tried: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Midpoint and width of the likeliest curve 1/(1 + exp((alpha - a)/w)), looked for on a grid.

    Args:
        alpha: loads (load,).
        hits: samples that are solved, (..., load).
        tried: samples in all, like `hits`.
    Returns:
        a and w, each of the shape of `hits` without the last axis.
    """
    x = (alpha - alpha.mean() - MIDDLES[:, None, None]) / WIDTHS[:, None]  # (middle, width, load)
    no, yes = -np.logaddexp(0, -x), -np.logaddexp(0, x)
    flat = (len(MIDDLES) * len(WIDTHS), len(alpha))
    log = hits @ yes.reshape(flat).T + (tried - hits) @ no.reshape(flat).T
    m, w = np.unravel_index(log.argmax(-1), (len(MIDDLES), len(WIDTHS)))
    return alpha.mean() + MIDDLES[m], WIDTHS[w]


def walls(data: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Walls (width, sweeps), widths of the curves alike, and walls of resampled samples (resample, width, sweeps)."""
    alpha, values = data["alpha"].values, data["solved"].values
    rng = np.random.default_rng(17)
    middle, width = np.empty(alpha.shape[:2]), np.empty(alpha.shape[:2])
    again = np.empty((RESAMPLES, *alpha.shape[:2]))
    for n, one in enumerate(values):
        kept = one[..., np.isfinite(one[0, 0])]  # (sweeps, load, sample)
        S = kept.shape[-1]
        weight = rng.multinomial(S, np.full(S, 1 / S), RESAMPLES)
        for t, cell_ in enumerate(kept):
            hits = np.vstack([np.ones((1, S)), weight]) @ cell_.T
            a, w = logistic(alpha[n, t], hits, np.full_like(hits, S))
            middle[n, t], width[n, t] = a[0], w[0]
            again[:, n, t] = a[0] + (a[1:] - a[0]) * (S / (S - 1)) ** 0.5  # few samples: the bootstrap is too narrow
    return middle, width, again


def slopes(y: np.ndarray, x: np.ndarray, axis: int) -> np.ndarray:
    """Slopes of straight lines of y along an axis."""
    x = x - x.mean()
    return np.tensordot(y, x, (axis, 0)) / (x**2).sum()


def measured(data: xr.Dataset) -> xr.Dataset:
    """The table with walls, their errors and slopes."""
    middle, width, again = walls(data)
    lnN, lnt = np.log(data["width"].values), np.log(data["sweeps"].values)
    cells = ("width", "sweeps")
    return data.assign(
        wall=(cells, middle),
        wall_error=(cells, again.std(0, ddof=1)),
        curve_width=(cells, width),
        fall=("sweeps", -slopes(middle, lnN, 0)),
        fall_error=("sweeps", slopes(again, lnN, 1).std(0, ddof=1)),
        rise=("width", slopes(middle, lnt, 1)),
        rise_error=("width", slopes(again, lnt, 2).std(0, ddof=1)),
    )


def spoilt(data: xr.Dataset) -> str:
    """What makes the test worthless; empty if nothing does."""
    reasons = []
    share = data["solved"].mean("sample")
    if (data["easy"] < 1).any():
        reasons.append(f"not all samples are solved at alpha = {EASY:g}")
    if data["impossible"] > 0:
        reasons.append(f"samples are solved at alpha = {IMPOSSIBLE:g}, above the capacity")
    if data["disagreements"] > 0:
        reasons.append("energies and errors disagree about what is solved")
    if not ((share.isel(load=0) > 0.5) & (share.isel(load=-1) < 0.5)).all():
        reasons.append("the wall does not lie within the loads of each cell")
    return "; ".join(reasons)


def claims(data: xr.Dataset) -> list[Claim]:
    sweeps, widths = data["sweeps"].values, data["width"].values
    texts = {
        "fall": (
            f"The wall falls as N grows, at fixed sweeps (N = {widths[0]} to {widths[-1]}).",
            f"less d alpha/d ln N at {', '.join(map(str, sweeps))} sweeps: the weakest",
        ),
        "rise": (
            f"The wall rises with the logarithm of the sweeps, at fixed N ({sweeps[0]} to {sweeps[-1]} sweeps).",
            f"d alpha/d ln sweeps at N = {', '.join(map(str, widths))}: the weakest",
        ),
    }
    found = []
    for name, (text, test) in texts.items():
        effect, error = weakest(data[name], data[f"{name}_error"])
        found.append(
            Claim(
                text=text,
                source="ours, after Horner 1992",
                test=test,
                effect=effect,
                error=error,
                resolution=MEANT[name],
                numbers={key: data[key] for key in (name, f"{name}_error", "wall", "wall_error")},
                spoilt=spoilt(data),
            )
        )
    return found


# Figure.


def draw(data: xr.Dataset) -> Figure:
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 2.5), layout="constrained")
        axes = figure.subplots(1, 3)
        success(axes[0], data.isel(sweeps=-1))
        lines(axes[1], data, "width", "sweeps", "input neurons $N$", "sweeps")
        lines(axes[2], data, "sweeps", "width", "sweeps", "$N$")
        for ax, letter in zip(axes, "abc", strict=True):
            ax.set_title(f"({letter})", loc="left")
    return figure


MARKS = "osD^v"


def success(ax: Axes, data: xr.Dataset) -> None:
    """Share of solved samples against the load after the most sweeps, with the fitted curves."""
    for N, mark, colour in zip(data["width"].values, MARKS, graded("viridis", data.sizes["width"] + 1), strict=False):
        one = data.sel(width=N)
        x, a, w = one["alpha"].values, float(one["wall"]), float(one["curve_width"])
        line = np.linspace(x.min() - 0.03, x.max() + 0.03, 100)
        ax.plot(x, one["solved"].mean("sample"), mark, color=colour, label=f"{N}", clip_on=False)
        ax.plot(line, 1 / (1 + np.exp((line - a) / w)), color=colour)
    ax.axvline(CAPACITY, color=GREY, linestyle=":")
    ax.set(xlabel=r"load $\alpha = M/N$", ylabel="share of samples solved", ylim=(0, 1))
    ax.set_title(f"{int(data['sweeps'])} sweeps")
    ax.legend(title="$N$", loc="lower left")


def lines(ax: Axes, data: xr.Dataset, along: str, by: str, label: str, title: str) -> None:
    """Walls along N or sweeps, one line for each of the other, below the capacity."""
    x = data[along].values
    for label_, mark, colour in zip(data[by].values, MARKS, graded("viridis", data.sizes[by] + 1), strict=False):
        one = data.sel({by: label_})
        ax.errorbar(x, one["wall"], one["wall_error"], color=colour, marker=mark, capsize=1.5, label=f"{label_}")
    ax.axhline(CAPACITY, color=GREY, linestyle=":")
    ax.set(xscale="log", xlabel=label, ylabel=r"wall $\alpha$, half solved")
    ax.set_xticks(x, labels=[f"{n}" for n in x])
    ax.tick_params(axis="x", which="minor", length=0, labelbottom=False)
    low = float((data["wall"] - data["wall_error"]).min())
    ax.set_ylim(low - 0.55 * (CAPACITY - low), CAPACITY + 0.04)
    ax.legend(title=title, loc="lower left", ncols=2)


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    data = measured(table(experiment.simulate(runs(experiment.sizes)), experiment.sizes))
    share = data["solved"].mean("sample")
    experiment.finish(
        draw(data), claims(data), data, share=share, controls=data[["easy", "impossible", "disagreements"]]
    )


if __name__ == "__main__":
    main()
