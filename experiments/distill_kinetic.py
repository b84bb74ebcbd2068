"""Is the gain by a teacher, or an assistant, kinetic or thermodynamic?

Claim, ours: if a teacher helps because its student is trained for too short a time, the gain falls with the time of
training and is gone where the machines are in equilibrium. This would reconcile Mirzadeh et al. 2020 with their
critics.

The chains of `distill_assistants` without teacher, with one, and with an assistant, trained in five ways: quenches of
growing length, a geometric anneal as long as the longest of them, and replica exchange over five temperatures with as
many sweeps, the coldest of which is that of the quenches. All machines of a chain are trained in the same way.

Tested, before the data were seen, seed by seed, 3 standard errors. *By way of training*: the teacher's gain (none
less direct) and the assistant's (direct less assisted). *Kinetic*: each of these gains after the shortest quench less
that under replica exchange is positive. Control: in a comparison all students have learned, a training error below
.1.

    python experiments/distill_kinetic.py --scale desk --cost
    python experiments/distill_kinetic.py --scale desk
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from chains import LEARNED, LINK, Budget
from experiment import Claim, Experiment, paired
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.distill import Chain
from glassnet.plot.style import GREY, graded


@dataclass(frozen=True)
class Sizes:
    """Machines, lengths of the quenches, temperatures of the exchange."""

    budget: Budget
    sweeps: Sequence[int]
    rungs: int = 5


TEST_BEFORE_DATA = "yes"
SIZES = {
    "smoke": Sizes(Budget(6, 2, 12, sweeps=10, seeds=3, test_patterns=60), (5, 10), 2),
    "desk": Sizes(Budget(16, 3, 80, sweeps=1500, seeds=24), (100, 400, 1600)),
    "paper": Sizes(Budget(64, 3, 1280, sweeps=20_000, seeds=64), (1000, 10_000, 100_000), 12),
}

ARMS = ("none", "direct", "assisted")
GAINS = {"teacher": ("none", "direct"), "assistant": ("direct", "assisted")}
"""What each gain is the difference of."""


def ways(sizes: Sizes) -> dict[str, dict]:
    """Changes of the arguments of `Chain.run` by way of training."""
    beta, longest = sizes.budget.beta, max(sizes.sweeps)
    found: dict[str, dict] = {f"quench {n}": {"sweeps": n} for n in sizes.sweeps}
    knots = (0, max(1, longest * 4 // 5))
    found["anneal"] = {"sweeps": longest, "beta": gn.Schedule(knots, (beta / 20, beta), "geometric")}
    ladder = [float(b) for b in np.geomspace(beta / 10, beta, sizes.rungs)]
    found["exchange"] = {"sweeps": longest, "beta": ladder, "exchange": gn.Exchange(every=2)}
    return found


def chains(sizes: Sizes) -> dict[str, tuple[Chain, dict]]:
    """All arms, each trained in all ways."""
    budget = sizes.budget
    rule, teacher, middle, student = (budget.machine(depth) for depth in (budget.rule, 4, 3, 2))
    made = {
        "none": Chain.none(rule, student),
        "direct": Chain.direct(rule, teacher, student, LINK),
        "assisted": Chain.assisted(rule, teacher, [middle], student, LINK),
    }
    return {
        f"{way}, {name}": (chain, budget.arguments(**changes))
        for way, changes in ways(sizes).items()
        for name, chain in made.items()
    }


def table(results: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Errors of the students, (way, arm, seed)."""
    found = list(dict.fromkeys(name.split(", ")[0] for name in results))
    parts = {}
    for x in ("generalisation_error", "training_error"):
        rows = [[results[f"{way}, {arm}"][x].sel(machine="student").values for arm in ARMS] for way in found]
        parts[x] = (("way", "arm", "seed"), np.array(rows))
    return xr.Dataset(parts, {"way": found, "arm": list(ARMS), "seed": next(iter(results.values())).seed.values})


def gain(data: xr.Dataset, way: str, name: str) -> xr.DataArray:
    """A gain of each seed."""
    before, after = (data.generalisation_error.sel(way=way, arm=arm, drop=True) for arm in GAINS[name])
    return before - after


def spoilt(data: xr.Dataset, name: str, *found: str) -> str:
    """Why a comparison says nothing."""
    mean = data.training_error.mean("seed")
    bad = [f"{w}, {a}" for w in found for a in GAINS[name] if float(mean.sel(way=w, arm=a)) >= LEARNED]
    return f"not learned: {'; '.join(bad)}" if bad else ""


def claims(data: xr.Dataset) -> list[Claim]:
    found, shortest = [], str(data.way.values[0])
    for name in GAINS:
        article = "A teacher" if name == "teacher" else "An assistant"
        for way in data.way.values:
            x = gain(data, way, name)
            effect, error = paired(x, xr.zeros_like(x))
            found.append(
                Claim(
                    text=f"{article} helps ({way}).", source="Mirzadeh et al. 2020",
                    test=f"error of {GAINS[name][0]!r} less that of {GAINS[name][1]!r}, paired by seed", effect=effect,
                    error=error, spoilt=spoilt(data, name, way), duel=True,
                )
            )  # fmt: skip
        effect, error = paired(gain(data, shortest, name), gain(data, "exchange", name))
        found.append(
            Claim(
                text=f"The gain by {article.lower()} is kinetic: larger after a short quench than in equilibrium.",
                source="glassnet", test=f"gain ({shortest}) less gain (exchange), paired by seed", effect=effect,
                error=error, spoilt=spoilt(data, name, shortest, "exchange"),
            )
        )  # fmt: skip
    return found


@gn.plot.paper()
def drawn(data: xr.Dataset) -> Figure:
    figure = Figure(figsize=(7.0, 3.0), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    place, colours = np.arange(data.sizes["way"]), graded("viridis", 3)
    spread = data.std("seed", ddof=1) / data.sizes["seed"] ** 0.5
    for axes, x, words in ((left, "generalisation_error", "error"), (right, "training_error", "training error")):
        for n, arm in enumerate(ARMS):
            axes.errorbar(
                place, data[x].sel(arm=arm).mean("seed"), spread[x].sel(arm=arm), fmt="o-", color=colours[n], label=arm
            )
        axes.set_ylabel(f"{words} of the student")
        axes.legend(fontsize=6.5, loc="upper left")
    for n, name in enumerate(GAINS):
        gains = [paired(x, xr.zeros_like(x)) for x in (gain(data, way, name) for way in data.way.values)]
        effects, errors = np.array(gains).T
        middle.errorbar(place + 0.1 * n, effects, 3 * errors, fmt="o-", color=colours[n], label=f"by the {name}")
    middle.axhline(0, color=GREY, lw=0.8)
    middle.set_ylabel("gain, 3 standard errors")
    middle.legend(fontsize=6.5, loc="lower left")
    for letter, axes in zip("abc", (left, middle, right), strict=True):
        axes.set_xticks(place, data.way.values, rotation=40, ha="right")
        axes.set_title(f"({letter})")
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    data = table(experiment.train(chains(experiment.sizes)))
    experiment.finish(drawn(data), claims(data), data)


if __name__ == "__main__":
    main()
