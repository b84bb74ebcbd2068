"""Do teacher assistants help, where machines are sampled and seeds are paired?

Claims. A student that also learns from a teacher errs less than one that learns the labels alone (distillation, BLKD
against NOKD), and less still with an assistant of a depth in between (TAKD against BLKD), which is the claim of
Mirzadeh et al. 2020; its critics find no gain (Cho and Hariharan 2019) or say that errors avalanche along the chain
and that all machines should teach the student (Son et al. 2021, dense). Earlier ages of the teacher may do what
smaller machines do (Panigrahi et al. 2024, in time).

Rule of depth 3; teacher of depth 4, assistant 3, student 2; equal widths, one output, weights by Metropolis, neurons
follow. Each machine has the same number of patterns and sweeps, the student as many in all chains. Rule, data, the
student's start and its proposals are equal in equal seeds. lambda = 1/2, tau = 1, not tuned.

Tested, before the data were seen: differences of the student's generalisation error, seed by seed, 3 standard errors:
BEATS, LOSES or INCONCLUSIVE. Control: what students have learned, a training error below .1, or the verdict is
withheld. *Avalanche*: the student makes the errors of its parent more often than it errs elsewhere (correlation of
errors above 0), for the assistant and for the teacher.

    python experiments/distill_assistants.py --scale desk --cost
    python experiments/distill_assistants.py --scale desk
"""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from chains import LINK, Budget, spoilt, spread, students
from experiment import Claim, Experiment, paired
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.distill import Chain
from glassnet.plot.style import GREY, graded

TEST_BEFORE_DATA = "yes"
SIZES = {
    "smoke": Budget(6, 2, 12, sweeps=10, seeds=3, test_patterns=60),
    "desk": Budget(16, 3, 80, sweeps=1500, seeds=32),
    "paper": Budget(64, 3, 1280, sweeps=20_000, seeds=64),
}

DUELS = (
    ("direct", "none", "A teacher beats none (BLKD against NOKD)", "Mirzadeh et al. 2020"),
    ("assisted", "direct", "An assistant beats direct distillation (TAKD against BLKD)", "Mirzadeh et al. 2020"),
    ("assisted", "none", "A chain with an assistant beats no distillation (TAKD against NOKD)", "Mirzadeh et al. 2020"),
    ("dense", "assisted", "All machines together beat a chain (dense against TAKD)", "Son et al. 2021"),
    ("in_time", "direct", "Earlier ages of the teacher beat the teacher alone", "Panigrahi et al. 2024"),
)


def chains(sizes: Budget) -> dict[str, tuple[Chain, dict]]:
    """All arms by name."""
    rule, teacher, middle, student = (sizes.machine(depth) for depth in (sizes.rule, 4, 3, 2))
    made = {
        "none": Chain.none(rule, student),
        "direct": Chain.direct(rule, teacher, student, LINK),
        "assisted": Chain.assisted(rule, teacher, [middle], student, LINK),
        "dense": Chain.dense(rule, teacher, [middle], student, LINK),
        "in_time": Chain.in_time(rule, teacher, (0.3, 1.0), student, LINK),
    }
    return {name: (chain, sizes.arguments()) for name, chain in made.items()}


def table(results: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Students by arm, the teacher's error, and how errors are handed on along the chain with an assistant."""
    data = students(results)
    chain = results["assisted"]
    teacher = chain.generalisation_error.sel(machine="teacher", drop=True)
    handed = chain[["error_overlap", "inherited_errors", "fidelity", "softness"]]
    return data.assign(teacher_error=teacher, **handed.data_vars)


def claims(data: xr.Dataset) -> list[Claim]:
    error, found = data.generalisation_error, []
    for first, second, text, source in DUELS:
        effect, sigma = paired(error.sel(arm=second), error.sel(arm=first))
        found.append(
            Claim(
                text=f"{text}.", source=source, test=f"error of {second!r} less that of {first!r}, paired by seed",
                effect=effect, error=sigma, spoilt=spoilt(data, first, second), duel=True,
                numbers={"errors": [float(error.sel(arm=arm).mean()) for arm in (first, second)]},
            )
        )  # fmt: skip
    for link in data.link.values:
        x = data.error_overlap.sel(link=link)
        found.append(
            Claim(
                text=f"Errors avalanche: the child of {link} repeats those of its parent.", source="Son et al. 2021",
                test="correlation of the errors of child and parent", effect=float(x.mean()), error=float(spread(x)),
                numbers={"inherited": float(data.inherited_errors.sel(link=link).mean())},
            )
        )  # fmt: skip
    return found


@gn.plot.paper()
def drawn(data: xr.Dataset) -> Figure:
    figure = Figure(figsize=(7.0, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    colours, place = graded("viridis", data.sizes["arm"]), np.arange(data.sizes["arm"])
    error = data.generalisation_error
    for n, arm in enumerate(data.arm.values):
        x = error.sel(arm=arm)
        left.plot(np.full(x.size, n) + np.linspace(-0.2, 0.2, x.size), x, ".", color=colours[n], alpha=0.5)
        left.errorbar(n, x.mean(), spread(x), fmt="_", color="black", markersize=18)
    left.axhline(float(data.teacher_error.mean()), color=GREY, ls=":", label="teacher")
    left.set_xticks(place, data.arm.values)
    left.set_ylabel("generalisation error of the student")
    left.set_title("(a) seeds; bars: mean and standard error")
    left.legend(fontsize=6.5)
    for n, (first, second, *_) in enumerate(DUELS):
        effect, sigma = paired(error.sel(arm=second), error.sel(arm=first))
        right.errorbar(effect, n, xerr=3 * sigma, fmt="o", color=colours[n % len(colours)])
    right.axvline(0, color=GREY, lw=0.8)
    right.set_yticks(range(len(DUELS)), [f"{first}\nagainst {second}" for first, second, *_ in DUELS], fontsize=6.5)
    right.invert_yaxis()
    right.set_xlabel("gain, 3 standard errors")
    right.set_title("(b) paired differences")
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    data = table(experiment.train(chains(experiment.sizes)))
    experiment.finish(drawn(data), claims(data), data)


if __name__ == "__main__":
    main()
