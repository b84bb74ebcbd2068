"""A chain whose answer is known: do assistants help where the formula says so, and is the best path found?

Machines of the chain are random sign-perceptrons that share layers and fit the last one to their parent's fields on
kappa N patterns (`glassnet.distill.solvable`). With fresh patterns on every link assistants help for kappa > 2,
change nothing for kappa = 2 and hurt below. This is the positive control for all that is said about assistants
elsewhere: the statistics, the pairing of seeds and the search for paths must see an effect here, and must see none
where there is none.

Tested, all before the data were seen. *Formula*: the student's error after one link, for each kappa; allowed are 3
standard errors and .001. *Duels*, seed by seed, for the rule of depth 6 and the student of depth 2: the path 6-4-2
against 6-2, and the full path against 6-2; at kappa = 6 both should beat it, at kappa = 1.5 both should lose, and at
kappa = 2 nothing is expected (what is found there is told, as a control). *Same*: with the same patterns on all links
(as in Mirzadeh et al. 2020) 6-4-2 beats 6-2 at every kappa. *Search*: with costs that single links have when they are
measured one by one, the path of dynamic programming errs no more than the best of all 8 paths, each simulated;
allowed are 3 standard errors and .002. *Nothing to learn*: with the fields of other patterns the error is 1/2.

    python experiments/distill_solvable.py --scale desk      # 6 minutes on two cores
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import xarray as xr
from experiment import Claim, Experiment, paired, weakest
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.distill import best_path, every_path, solvable
from glassnet.plot.style import GREY, graded

DEPTHS = (6, 5, 4, 3, 2)
SOURCE = "glassnet"
M20 = "Mirzadeh et al. 2020"


@dataclass(frozen=True)
class Sizes:
    """Width, patterns per input, and rules."""

    width: int
    kappas: Sequence[float]
    seeds: int
    tests: int = 2000


TEST_BEFORE_DATA = "yes"
SIZES = {
    "smoke": Sizes(30, (1.5, 2.0, 6.0), 3, tests=100),
    "desk": Sizes(300, (1.5, 2.0, 6.0), 16),
    "paper": Sizes(1000, (1.2, 1.5, 2.0, 3.0, 6.0, 12.0), 100),
}


def name_of(path: Sequence[int]) -> str:
    return "-".join(map(str, path))


def errors(sizes: Sizes) -> xr.Dataset:
    """Errors of the student by path, kappa, data and seed, the formula, and the cost of every single link."""
    paths = every_path(DEPTHS)
    same = [[6, 2], [6, 4, 2]]
    options = {"width": sizes.width, "seeds": sizes.seeds, "tests": sizes.tests}
    fresh = np.full((len(paths), len(sizes.kappas), sizes.seeds), np.nan)
    formula = np.full(fresh.shape[:2], np.nan)
    shared = np.full((len(same), *fresh.shape[1:]), np.nan)
    links = [(i, j) for i in DEPTHS for j in DEPTHS if i > j]
    cost = np.full((len(links), len(sizes.kappas)), np.nan)
    for k, kappa in enumerate(sizes.kappas):
        for p, path in enumerate(paths):
            ds = solvable(depths=path, kappa=kappa, **options)
            fresh[p, k], formula[p, k] = ds.error.values[:, -1], ds.formula.values[-1]
        for p, path in enumerate(same):
            shared[p, k] = solvable(depths=path, kappa=kappa, data="same", **options).error.values[:, -1]
        for n, (i, j) in enumerate(links):  # other rules than those that judge the paths
            error = float(solvable(depths=(i, j), kappa=kappa, seed=1, **options).error.mean())
            cost[n, k] = -2 * np.log(np.cos(np.pi * error))
    shuffled = solvable(depths=(4, 3, 2), kappa=3.0, data="shuffled", **options).error.values[:, -1]
    return xr.Dataset(
        {
            "error": (("path", "kappa", "seed"), fresh),
            "formula": (("path", "kappa"), formula),
            "error_same": (("path_same", "kappa", "seed"), shared),
            "cost": (("link", "kappa"), cost),
            "shuffled": ("seed", shuffled),
        },
        {
            "path": [name_of(p) for p in paths],
            "path_same": [name_of(p) for p in same],
            "link": [name_of(link) for link in links],
            "kappa": list(sizes.kappas),
            "seed": np.arange(sizes.seeds),
        },
    )


def found_path(data: xr.Dataset, kappa: float) -> str:
    """The path of least cost by dynamic programming, from the measured costs of single links."""
    cost = {tuple(map(int, str(x).split("-"))): float(data.cost.sel(link=x, kappa=kappa)) for x in data.link.values}
    return name_of(best_path(cost, DEPTHS))


def spread(x: xr.DataArray) -> float:
    return float(x.std("seed", ddof=1)) / x.sizes["seed"] ** 0.5


def claims(data: xr.Dataset) -> list[Claim]:
    direct = name_of((6, 2))
    off = [abs(float(x.mean()) - float(f)) for x, f in zip(*one_link(data), strict=True)]
    spreads = [spread(x) for x in one_link(data)[0]]
    allowed = [0.001 + 3 * e - o for o, e in zip(off, spreads, strict=True)]
    effect, error = weakest(allowed, spreads)
    made = [
        Claim(
            text="One link of the solvable chain errs as the formula says.", source=SOURCE,
            test=f"student of depth 2 behind a rule of depth 6, kappa {', '.join(f'{k:g}' for k in data.kappa.values)}",
            effect=effect, error=error, numbers={"off": off},
        )
    ]  # fmt: skip
    for kappa in data.kappa.values:
        for path in (name_of((6, 4, 2)), name_of(DEPTHS)):
            one = data.error.sel(kappa=kappa)
            effect, error = paired(one.sel(path=direct), one.sel(path=path))
            expected = "should win" if kappa > 2 else "should lose" if kappa < 2 else "control, no difference"
            made.append(
                Claim(
                    text=f"Fresh patterns, kappa = {kappa:g}: the path {path} against {direct} ({expected}).",
                    source=SOURCE, test="error of the student of 6-2 less that of the path, paired by seed",
                    effect=effect, error=error, duel=True,
                )
            )  # fmt: skip
    gains = [
        paired(*(data.error_same.sel(kappa=k, path_same=p) for p in data.path_same.values)) for k in data.kappa.values
    ]
    effect, error = weakest(*zip(*gains, strict=True))
    made.append(
        Claim(
            text="With the same patterns on all links an assistant helps at every kappa.", source=M20,
            test="error of 6-2 less that of 6-4-2, the least of all kappa, paired by seed", effect=effect, error=error,
        )
    )  # fmt: skip
    made.append(search_claim(data))
    effect = 0.002 + 3 * spread(data.shuffled) - abs(float(data.shuffled.mean()) - 0.5)
    made.append(
        Claim(
            text="Nothing is learned from the fields of other patterns.", source=SOURCE, test="error less 1/2",
            effect=effect, error=spread(data.shuffled),
        )
    )  # fmt: skip
    return made


def one_link(data: xr.Dataset) -> tuple[list[xr.DataArray], list[xr.DataArray]]:
    direct = data.sel(path=name_of((6, 2)))
    return [direct.error.sel(kappa=k) for k in data.kappa.values], [
        direct.formula.sel(kappa=k) for k in data.kappa.values
    ]


def search_claim(data: xr.Dataset) -> Claim:
    rows, chosen = [], {}
    for kappa in data.kappa.values:
        mean = data.error.sel(kappa=kappa).mean("seed")
        best, path = str(mean.path.values[int(mean.values.argmin())]), found_path(data, kappa)
        chosen[f"{kappa:g}"] = {"found": path, "best": best}
        excess, error = paired(*(data.error.sel(kappa=kappa, path=p) for p in (path, best)))
        error = max(error, 1e-6)
        rows.append((0.002 + 3 * error - excess, error))
    effect, error = weakest(*zip(*rows, strict=True))
    return Claim(
        text="Dynamic programming on the costs of single links finds the best path.", source=SOURCE,
        test="excess of its error over that of the best of all 8 simulated paths", effect=effect, error=error,
        numbers=chosen,
    )  # fmt: skip


@gn.plot.paper()
def drawn(data: xr.Dataset) -> Figure:
    figure = Figure(figsize=(7.0, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    colours = graded("viridis", data.sizes["kappa"])
    place = np.arange(data.sizes["path"])
    order = sorted(range(len(place)), key=lambda n: (str(data.path.values[n]).count("-"), n))
    for k, kappa in enumerate(data.kappa.values):
        one = data.isel(path=order).sel(kappa=kappa)
        errors = one.error.std("seed", ddof=1) / data.sizes["seed"] ** 0.5
        left.errorbar(place, one.error.mean("seed"), errors, fmt="o", color=colours[k], label=f"kappa = {kappa:g}")
        left.plot(place, one.formula, "_", color=GREY, markersize=14)
    left.set_xticks(place, data.path.values[order], rotation=60)
    left.set_ylabel("error of the student")
    left.set_title("(a) all paths, fresh patterns; dashes: formula")
    left.legend(fontsize=6.5)
    for n, (name, x) in enumerate((("fresh", data.error), ("same", data.error_same))):
        axis = "path" if name == "fresh" else "path_same"
        gains = [
            paired(x.sel({axis: "6-2", "kappa": k}), x.sel({axis: "6-4-2", "kappa": k})) for k in data.kappa.values
        ]
        means, spreads = zip(*gains, strict=True)
        right.errorbar(data.kappa.values, means, spreads, fmt="o-", color=colours[-1 - n], label=f"{name} patterns")
    right.axhline(0, color=GREY, lw=0.8)
    right.set_xlabel("kappa, patterns per input")
    right.set_ylabel("gain by the assistant of depth 4")
    right.set_title("(b) 6-2 against 6-4-2, paired")
    right.legend(fontsize=6.5)
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    data = errors(experiment.sizes)
    found: Mapping[str, str] = {f"{k:g}": found_path(data, k) for k in data.kappa.values}
    assert all(int(a) > int(b) for path in found.values() for a, b in pairwise(path.split("-")))
    experiment.finish(drawn(data), claims(data), data, paths=found)


if __name__ == "__main__":
    main()
