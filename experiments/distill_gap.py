"""How far may a teacher be from its student? Error of the student against depth, and reached error, of the teacher.

Claims. A teacher that is much deeper than its student teaches worse than one that is a little deeper (Mirzadeh et al.
2020: the student's accuracy against the teacher's size is an inverted U). What counts is the error that the teacher
has reached, not its size (Busbridge et al. 2025).

Rule of depth 3, students of depth 2, teachers of depth 2 to 6 trained as long as their students on the same patterns;
otherwise as in `distill_assistants`. lambda = 1/2, tau = 1, not tuned.

Tested, before the data were seen, seed by seed, 3 standard errors. *Near against far*: teachers of depth 3 against
those of depth 6. *Near against none*, *far against none*. *Equal*: a teacher of the student's own depth against none
(born again, Furlanello et al. 2018). *Capacity*: the slope of the student's error in that of its teacher, over the
teachers of one seed (what a seed has in common is taken off), on average over seeds, is positive. Control: students
have learned, a training error below .1, or the verdict is withheld.

    python experiments/distill_gap.py --scale desk --cost
    python experiments/distill_gap.py --scale desk
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

TEACHERS = (2, 3, 4, 5, 6)
STUDENT, NEAR, FAR = 2, 3, 6


def chains(sizes: Budget) -> dict[str, tuple[Chain, dict]]:
    """A chain for each depth of the teacher, and one without."""
    rule, student = sizes.machine(sizes.rule), sizes.machine(STUDENT)
    made = {"none": Chain.none(rule, student)}
    for depth in TEACHERS:
        made[f"{depth}"] = Chain.direct(rule, sizes.machine(depth), student, LINK)
    return {name: (chain, sizes.arguments()) for name, chain in made.items()}


def table(results: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Students by arm, and what their teachers have reached, (depth, seed)."""
    teachers = [results[str(d)].sel(machine="teacher", drop=True) for d in TEACHERS]
    reached = {
        f"teacher_{name}": xr.concat([one[f"{name}_error"] for one in teachers], "depth")
        for name in ("generalisation", "training")
    }
    return students(results).assign(reached).assign_coords(depth=list(TEACHERS))


def slopes(data: xr.Dataset) -> np.ndarray:
    """Slope of the student's error in its teacher's over the depths of the teacher, of each seed."""
    student = data.generalisation_error.sel(arm=[str(d) for d in TEACHERS]).transpose("arm", "seed").values
    teacher = data.teacher_generalisation.transpose("depth", "seed").values
    x, y = teacher - teacher.mean(0), student - student.mean(0)
    return (x * y).sum(0) / np.maximum((x**2).sum(0), 1e-12)


def claims(data: xr.Dataset) -> list[Claim]:
    error, found = data.generalisation_error, []
    duels = (
        (str(NEAR), str(FAR), "A teacher one layer deeper than the student beats one four layers deeper",
         "Mirzadeh et al. 2020"),
        (str(NEAR), "none", "A teacher one layer deeper beats none", "Mirzadeh et al. 2020"),
        (str(FAR), "none", "A teacher four layers deeper beats none", "Mirzadeh et al. 2020"),
        (str(STUDENT), "none", "A teacher of the student's own depth beats none", "Furlanello et al. 2018"),
    )  # fmt: skip
    for first, second, text, source in duels:
        effect, sigma = paired(error.sel(arm=second), error.sel(arm=first))
        found.append(
            Claim(
                text=f"{text}.", source=source, test=f"error with {second} less that with {first}, paired by seed",
                effect=effect, error=sigma, spoilt=spoilt(data, first, second), duel=True,
                numbers={"errors": [float(error.sel(arm=arm).mean()) for arm in (first, second)]},
            )
        )  # fmt: skip
    each = slopes(data)
    found.append(
        Claim(
            text="The student errs the more, the more its teacher errs.", source="Busbridge et al. 2025",
            test="slope of the student's error in that of teachers of other depths, mean over seeds",
            effect=float(each.mean()), error=float(each.std(ddof=1) / len(each) ** 0.5),
            spoilt=spoilt(data, *(str(d) for d in TEACHERS)),
        )
    )  # fmt: skip
    return found


@gn.plot.paper()
def drawn(data: xr.Dataset) -> Figure:
    figure = Figure(figsize=(7.0, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    arms, colours = [str(d) for d in TEACHERS], graded("viridis", len(TEACHERS))
    error = data.generalisation_error.sel(arm=arms)
    left.errorbar(TEACHERS, error.mean("seed"), spread(error), fmt="o-", color=colours[0], label="student")
    teacher = data.teacher_generalisation
    left.errorbar(TEACHERS, teacher.mean("seed"), spread(teacher), fmt="s--", color=colours[-1], label="teacher")
    none = data.generalisation_error.sel(arm="none")
    left.axhspan(
        *(float(none.mean()) + k * float(spread(none)) for k in (-1, 1)), color=GREY, alpha=0.3, label="no teacher"
    )
    left.set_xticks(TEACHERS)
    left.set_xlabel("depth of the teacher")
    left.set_ylabel("generalisation error")
    left.set_title(f"(a) student of depth {STUDENT}")
    left.legend(fontsize=6.5)
    for n, (arm, depth) in enumerate(zip(arms, TEACHERS, strict=True)):
        right.plot(teacher.sel(depth=depth), data.generalisation_error.sel(arm=arm), ".", color=colours[n], label=arm)
    right.set_xlabel("error that the teacher reached")
    right.set_ylabel("error of the student")
    right.set_title("(b) seeds, by depth of the teacher")
    right.legend(fontsize=6.5)
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    data = table(experiment.train(chains(experiment.sizes)))
    experiment.finish(drawn(data), claims(data), data, slope=slopes(data).mean())


if __name__ == "__main__":
    main()
