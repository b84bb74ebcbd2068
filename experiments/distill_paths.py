"""Which path: do the costs of single links say what a path of assistants costs, and does a search pay?

Claims. A machine that is taught errs more than its teacher by the cost of the link, and costs of links add along a
path [bounds of Mirzadeh et al. 2020; exact where a chain is solved, `distill_solvable`]; longer paths are better
[Mirzadeh et al. 2020]; a search by dynamic programming finds a path that is worth its trainings. Students may teach
their teachers, who gain by it [Yuan et al. 2020].

Five networks of two hidden layers, 128 to 16 wide, learn 250 or 1000 digits. Every one is taught by every other one
(20 ordered pairs), and along every path that begins at the largest. The cost of a link is the excess of its child
over its parent, both measured on test images, where the parent learned from labels alone: e(p -> c) = R(c of p) -
R(p). The prediction for a path is R of its first network and the costs of its links. `search_paths` keeps the best
network for each machine and number of links, by validation error; `best_path` adds costs, by validation error, too.
Both choose on one half of the seeds and are judged on the other half, both ways. All networks have the same settings,
those that `distill_temperature` chose by validation images for a student of width 16 (lambda = 1, tau = 4).

Tested, all before the data were seen, with 1000 images: differences of test errors, paired seeds, with errors that
hold for other seeds and other test images; BEATS or LOSES beyond three errors (.0011 to .0015 are expected from ten
other seeds, so that .5 points can be seen). *Costs add*: no path of two links or more errs by a point (.01) more or
less than predicted; the path where this holds least decides. *Control*: all students learn (training error below .1),
else verdicts are withheld. *Positive control*: 1000 training images beat 250, by labels alone.

    python experiments/distill_paths.py --scale desk --cost
    python experiments/distill_paths.py --scale desk
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, weakest
from ladders import SETTINGS, across_halves, duel, gains, learned, more_images, spoilt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.distill import best_path, every_path, gradient, search_paths
from glassnet.plot.style import GREY

CLOSE = 0.01
"""Error by which a path may differ from what its links say."""


@dataclass(frozen=True)
class Sizes:
    """Sizes.

    Args:
        widths: of both hidden layers, from the teacher to the student.
        patterns: numbers of training images; verdicts are on the last.
        validation: validation images.
        epochs: of each training.
        seeds: paired seeds.
    """

    widths: tuple[int, ...]
    patterns: tuple[int, int]
    validation: int
    epochs: int
    seeds: int


TEST_BEFORE_DATA = "yes"
SIZES = {
    "smoke": Sizes((10, 6, 4), (40, 80), validation=40, epochs=2, seeds=4),
    "desk": Sizes((128, 64, 32, 22, 16), (250, 1000), validation=900, epochs=60, seeds=32),
    "paper": Sizes((1024, 256, 64, 32, 22, 16), (250, 1000), validation=900, epochs=120, seeds=256),
}


def names(sizes: Sizes) -> list[str]:
    """All networks, from the teacher to the student."""
    return [f"w{width}" for width in sizes.widths]


def method(chain: Sequence[str]) -> str:
    """The method by which the last network of a chain is taught."""
    return gradient.Path(tuple(chain)).name if len(chain) > 1 else "none"


def chains(every: Sequence[str]) -> list[tuple[str, ...]]:
    """All ordered pairs, and all chains of three networks or more that begin at the largest."""
    longer = [(every[0], *rest) for n in range(2, len(every)) for rest in combinations(every[1:], n)]
    return [*permutations(every, 2), *longer]


def ladders(sizes: Sizes) -> dict[int, Arguments]:
    """One ladder for each number of images."""
    every = names(sizes)
    batch = min(50, sizes.patterns[0] // 2)
    common = {
        "images": gradient.digits(),
        "machines": {name: gradient.MLP((width, width)) for name, width in zip(every, sizes.widths, strict=True)},
        "methods": ["none", *chains(every)],
        "validation": sizes.validation,
        "seeds": sizes.seeds,
        "recipe": gradient.Recipe(epochs=sizes.epochs, batch=batch, **SETTINGS),
        "seed": 6,
    }
    return {n: common | {"patterns": n} for n in sizes.patterns}


# Analysis.


def errors(ds: xr.Dataset, chain: Sequence[str], kind: str = "test_error") -> xr.DataArray:
    """Errors of the last network of a chain, by seed."""
    return ds[kind].sel(machine=chain[-1], taught=method(chain), drop=True)


def costs(ds: xr.Dataset, kind: str = "test_error") -> dict[tuple[str, str], xr.DataArray]:
    """Cost of each link, by seed: what a child errs more than its parent, which has learned from labels alone."""
    every = [str(name) for name in ds["machine"].values]
    return {pair: errors(ds, pair, kind) - errors(ds, pair[:1], kind) for pair in permutations(every, 2)}


def predicted(ds: xr.Dataset, chain: Sequence[str]) -> xr.DataArray:
    """What the costs of its links say of a path, by seed."""
    cost = costs(ds)
    return errors(ds, chain[:1]) + sum(cost[link] for link in pairwise(chain))


def searched(ds: xr.Dataset) -> str:
    """The path that `search_paths` finds, by validation errors."""

    def train(parent: None, chain: tuple[str, ...]) -> tuple[float, None]:
        return float(errors(ds, chain, "validation_error").mean()), None

    return method(next(iter(search_paths(train, [str(name) for name in ds["machine"].values]))))


def cheapest(ds: xr.Dataset) -> str:
    """The path whose links cost least in all, by validation errors."""
    cost = {pair: float(x.mean()) for pair, x in costs(ds, "validation_error").items()}
    return method(best_path(cost, [str(name) for name in ds["machine"].values]))


def table(results: Mapping[int, xr.Dataset]) -> xr.Dataset:
    """Costs of all links, and errors of all paths as measured and as predicted, by number of images and seed."""
    parts = []
    for ds in results.values():
        every = [str(name) for name in ds["machine"].values]
        cost, paths = costs(ds), every_path(every)
        parts.append(
            xr.Dataset({
                "cost": xr.concat(list(cost.values()), "link").assign_coords(link=[method(pair) for pair in cost]),
                "measured": xr.concat([errors(ds, path) for path in paths], "path"),
                "predicted": xr.concat([predicted(ds, path) for path in paths], "path"),
                "alone": ds["test_error"].sel(taught="none", drop=True),
            }).assign_coords(path=[method(path) for path in paths])
        )  # fmt: skip
    return xr.concat(parts, "patterns").assign_coords(patterns=list(results))


# Verdicts.


def claims(results: Mapping[int, xr.Dataset]) -> list[Claim]:
    few, ds = results.values()
    every = [str(name) for name in ds["machine"].values]
    teacher, student = every[0], every[-1]
    paths = [method(path) for path in every_path(every)]
    control, direct = learned(ds, student, ["none", *paths]), method((teacher, student))
    why, where = spoilt(control), f"(digits, {teacher} to {student})"
    full = method(every)
    text = f"The path that a search finds on other seeds beats the teacher alone {where}."
    rows = [across_halves(ds, student, searched, direct, text=text, source="glassnet", spoilt=why)]
    text = f"The path whose links cost least on other seeds beats the teacher alone {where}."
    rows.append(across_halves(ds, student, cheapest, direct, text=text, source="glassnet", spoilt=why))
    text = f"The full path beats the teacher alone {where}."
    rows.append(duel(ds, student, full, direct, text=text, source="Mirzadeh et al. 2020", spoilt=why))
    text = f"The smallest network teaches the largest: that beats the labels alone (digits, {student} to {teacher})."
    rows.append(duel(ds, teacher, method((student, teacher)), "none", text=text, source="Yuan et al. 2020", spoilt=why))
    return [*rows, additive(ds, every, why), more_images(few, ds, student), control]


def additive(ds: xr.Dataset, every: Sequence[str], why: str) -> Claim:
    off = {method(path): errors(ds, path) - predicted(ds, path) for path in every_path(list(every)) if len(path) > 2}
    mean = {name: float(x.mean()) for name, x in off.items()}
    sigma = {name: max(float(x.std(ddof=1)) / x.size**0.5, 1e-6) for name, x in off.items()}
    effect, error = weakest([CLOSE - abs(x) for x in mean.values()], list(sigma.values()))
    return Claim(
        text=f"Costs of links add: paths err as their links say, within a point (digits, {every[0]} to {every[-1]}).",
        source="bounds of Mirzadeh et al. 2020",
        test=f"{CLOSE:g} less the difference of measured and predicted error, the path where it is least in its errors",
        effect=effect,
        error=error,
        numbers=mean,
        spoilt=why,
    )


# Figure.


def draw(data: xr.Dataset, found: Sequence[Claim]) -> Figure:
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 2.9), layout="constrained")
        axes = figure.subplots(1, 3, width_ratios=(1, 1, 0.8))
        matrix(axes[0], data)
        against(axes[1], data)
        gains(axes[2], found[:4], ["search", "least costs", "full path", "student\nteaches teacher"])
        titles = (f"cost of a link (points), n = {int(data.patterns[-1])}", "paths, by assistants", "3 standard errors")
        for letter, ax, title in zip("abc", axes, titles, strict=True):
            ax.set_title(f"({letter}) {title}", loc="left")
    return figure


def matrix(ax: Axes, data: xr.Dataset) -> None:
    """Costs of all links with the last number of images, in points."""
    every = [str(name) for name in data["machine"].values]
    mean = 100 * data["cost"].isel(patterns=-1).mean("seed")
    values = np.full((len(every),) * 2, np.nan)
    for i, parent in enumerate(every):
        for j, child in enumerate(every):
            if i != j:
                values[i, j] = float(mean.sel(link=method((parent, child))))
                ax.text(j, i, f"{values[i, j]:.1f}", ha="center", va="center", fontsize=6.5)
    edge = np.nanmax(abs(values))
    ax.imshow(values, cmap="PuOr", vmin=-edge, vmax=edge, alpha=0.6)
    words = [name[1:] for name in every]
    ax.set_xticks(range(len(every)), words)
    ax.set_yticks(range(len(every)), words)
    ax.set(xlabel="width of the child", ylabel="width of the parent")
    ax.tick_params(which="both", length=0)


def against(ax: Axes, data: xr.Dataset) -> None:
    """What each path errs more than direct teaching, as measured, with three standard errors, and as predicted."""
    paths = [str(path) for path in data["path"].values]
    for n, (patterns, marker, colour) in enumerate(zip(data["patterns"].values, "so", ("C1", "C0"), strict=True)):
        one = 100 * (data[["measured", "predicted"]] - data[["measured", "predicted"]].isel(path=0)).isel(patterns=n)
        place = np.arange(1, len(paths)) + 0.16 * (1 - 2 * n)
        measured, said = (one[name].isel(path=slice(1, None)) for name in ("measured", "predicted"))
        error = measured.std("seed", ddof=1) / measured.sizes["seed"] ** 0.5
        look = {"marker": marker, "color": colour, "markersize": 4, "linestyle": "none"}
        ax.errorbar(measured.mean("seed"), place, xerr=3 * error, **look, label=f"n = {patterns}")
        ax.plot(said.mean("seed"), place, **look, fillstyle="none", label=f"n = {patterns}, by costs")
    ax.axvline(0, color=GREY, linewidth=0.6, linestyle=":")
    words = [path.split("-")[1:-1] for path in paths[1:]]
    ax.set_yticks(range(1, len(paths)), [", ".join(name[1:] for name in one) for one in words], fontsize=6.5)
    ax.set(ylim=(len(paths) - 0.4, -1.3 - 0.1 * len(paths)), xlabel="error less that of direct (points)")
    ax.legend(fontsize=6.5, loc="upper center", ncols=2)


def main(given: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, given, test_before_data=TEST_BEFORE_DATA)
    planned = ladders(experiment.sizes)
    runs = experiment.teach({f"n{n}": arguments for n, arguments in planned.items()})
    results = {n: runs[f"n{n}"] for n in planned}
    data, found = table(results), claims(results)
    chosen = {n: {"search": searched(ds), "least costs": cheapest(ds)} for n, ds in results.items()}
    means = {name: data[name].mean("seed") for name in data.data_vars}
    experiment.finish(draw(data, found), found, data, chosen=chosen, settings=SETTINGS, **means)


if __name__ == "__main__":
    main()
