"""Assistants in time: does a teacher teach better when it is young?

Claims. States that the teacher passes through, one after another, teach better than its last one [Panigrahi et al.
2024]. A teacher whose training was stopped early teaches a small student better than one that was trained to its end
[Cho and Hariharan 2019]. Both make an assistant of the teacher itself, at no cost.

Networks of two hidden layers learn 1000 digits, a teacher of width 128 for 60 epochs, at a learning rate that falls
along a cosine. It is kept every 5 epochs. The student, of width 16, is taught for 60 epochs by the teacher at the age
of 5, 10, 20 or 40 epochs, by its end, or by all twelve states in turn, for 5 epochs each. All have the same settings,
those that `distill_temperature` chose by validation images, with other seeds, for a student of width 16 (lambda = 1,
tau = 4).

Tested, all before the data were seen: differences of test errors of the student, paired seeds, with errors that hold
for other seeds and other test images; BEATS or LOSES beyond three errors (.0006 to .0008 are expected from 64 seeds
of `distill_assistant_size`, with 96 here, so that .25 points can be seen). The best age is chosen by the student's
validation error on one half of the seeds and judged on the other, both ways. *Controls*: students learn (training
error below .1), else verdicts are withheld; direct teaching beats the labels, or there is nothing to hand on.
*Positive control*: a teacher of 5 epochs errs more than the teacher at its end, so that ages differ.

    python experiments/distill_in_time.py --scale desk --cost
    python experiments/distill_in_time.py --scale desk
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, Verdict
from ladders import SETTINGS, across_halves, duel, gains, learned, least, spoilt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.distill import gradient
from glassnet.distill.gradient import landscape
from glassnet.distill.gradient.training import State, logits
from glassnet.plot.style import GREY


@dataclass(frozen=True)
class Sizes:
    """Sizes.

    Args:
        widths: of both hidden layers of teacher and student.
        patterns: training images.
        epochs: of each training.
        kept: states of the teacher, equally far apart.
        ages: epochs after which a state teaches alone, from the youngest.
        seeds: paired seeds.
    """

    widths: tuple[int, int]
    patterns: int
    epochs: int
    kept: int
    ages: tuple[int, ...]
    seeds: int


TEST_BEFORE_DATA = "yes"
SIZES = {
    "smoke": Sizes((12, 4), patterns=60, epochs=4, kept=4, ages=(1, 2), seeds=4),
    "desk": Sizes((128, 16), patterns=1000, epochs=60, kept=12, ages=(5, 10, 20, 40), seeds=96),
    "paper": Sizes((1024, 16), patterns=1000, epochs=120, kept=24, ages=(5, 10, 20, 40, 80), seeds=512),
}


def names(sizes: Sizes) -> tuple[str, str]:
    """Teacher and student."""
    teacher, student = (f"w{width}" for width in sizes.widths)
    return teacher, student


def at(sizes: Sizes, age: int) -> gradient.Path:
    """The student, taught by the teacher at an age."""
    return gradient.Path(names(sizes), age=age)


def ladder(sizes: Sizes) -> Arguments:
    """The student, taught by labels, the teacher, its states in turn, and each age alone."""
    return {
        "images": gradient.digits(),
        "machines": {
            name: gradient.MLP((width, width)) for name, width in zip(names(sizes), sizes.widths, strict=True)
        },
        "methods": ["none", "direct", "in_time", *(at(sizes, age) for age in sizes.ages)],
        "patterns": sizes.patterns,
        "validation": 900,
        "recipe": gradient.Recipe(epochs=sizes.epochs, batch=min(50, sizes.patterns // 2), **SETTINGS),
        "seeds": sizes.seeds,
        "ages": sizes.kept,
        "seed": 9,
    }


def teachers(folder: Path, sizes: Sizes) -> xr.DataArray:
    """Wrong test images of the teacher at all ages, its end among them, (age, seed, test_pattern)."""
    found = []
    for age in (*sizes.ages, sizes.epochs):
        one = landscape.kept(folder, gradient.digits(), names(sizes)[:1], age)
        said = logits(one.network, State(one.weights, (), ()), one.patterns, one.rows["test"])
        found.append(said.argmax(-1) != np.asarray(one.patterns.labels)[one.rows["test"]])
    coords = {"age": [*sizes.ages, sizes.epochs]}
    return xr.DataArray(np.array(found), dims=("age", "seed", "test_pattern"), coords=coords)


# Verdicts.


def claims(ds: xr.Dataset, wrong: xr.DataArray, sizes: Sizes) -> list[Claim]:
    teacher, student = names(sizes)
    single = [at(sizes, age).name for age in sizes.ages]
    control = learned(ds, student, ["none", "direct", "in_time", *single])
    why, where = spoilt(control), f"(digits, {teacher} to {student})"
    text = f"Control: a teacher beats the labels alone {where}."
    taught = duel(ds, student, "direct", "none", text=text, source="control", spoilt=why)
    why = why or ("" if taught.verdict == Verdict.BEATS else "the teacher hands nothing on")
    text = f"States of the teacher in turn beat its end {where}."
    found = [duel(ds, student, "in_time", "direct", text=text, source="Panigrahi et al. 2024", spoilt=why)]
    for age, name in zip(sizes.ages, single, strict=True):
        text = f"A teacher stopped after {age} of {sizes.epochs} epochs beats its end {where}."
        found.append(duel(ds, student, name, "direct", text=text, source="Cho and Hariharan 2019", spoilt=why))
    text = f"The best age of the teacher, chosen on other seeds, beats its end {where}."
    choose = least(student, single)
    found.append(across_halves(ds, student, choose, "direct", text=text, source="Cho and Hariharan 2019", spoilt=why))
    young, old = (wrong.isel(age=n).astype(float) for n in (0, -1))
    effect, error = gradient.compare.mean_and_error((young - old).values)
    text = f"Positive control: a teacher of {sizes.ages[0]} epochs errs more than at its end (digits, {teacher})."
    test = "test error of the teacher when young less that at its end, paired seeds"
    ages = Claim(text=text, source="control", test=test, effect=effect, error=error)
    return [*found, taught, ages, control]


# Figure.


def draw(ds: xr.Dataset, wrong: xr.DataArray, found: Sequence[Claim], sizes: Sizes) -> Figure:
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 2.8), layout="constrained")
        axes = figure.subplots(1, 3, width_ratios=(1, 1, 0.9))
        by_age(axes[0], ds, wrong, sizes, "test_error")
        axes[0].set_ylabel("test error (%)")
        by_age(axes[1], ds, wrong, sizes, "softness")
        axes[1].set_ylabel("entropy of softened targets (nats)")
        axes[0].legend(fontsize=6.5, loc="upper right", bbox_to_anchor=(1, 0.93))
        labels = ["all in turn", *(f"age {age}" for age in sizes.ages), "best age"]
        gains(axes[2], found[: len(labels)], labels)
        titles = ("teacher and student", "targets", "against the end")
        for letter, ax, title in zip("abc", axes, titles, strict=True):
            ax.set_title(f"({letter}) {title}", loc="left")
    return figure


def by_age(ax: Axes, ds: xr.Dataset, wrong: xr.DataArray, sizes: Sizes, name: str) -> None:
    """What was measured on students, against the age of their teacher; errors of teachers, too."""
    student, ages = names(sizes)[1], [*sizes.ages, sizes.epochs]
    x = ds[name].sel(machine=student)
    parts = [(x.sel(taught=[*(at(sizes, age).name for age in sizes.ages), "direct"]), "s", "C0", "student")]
    if name == "test_error":
        parts = [(100 * part, *rest) for part, *rest in parts]
        parts.append((100 * wrong.mean("test_pattern"), "o", "k", "teacher"))
        for method, line, words in (("none", "--", "labels alone"), ("in_time", ":", "all ages in turn")):
            ax.axhline(100 * float(x.sel(taught=method).mean()), color=GREY, linestyle=line, label=words)
    for part, marker, colour, words in parts:
        error = part.std("seed", ddof=1) / part.sizes["seed"] ** 0.5
        look = {"marker": marker, "color": colour, "markersize": 3.5, "linewidth": 0.8, "label": words}
        ax.errorbar(ages, part.mean("seed"), error, **look)
    ax.set(xscale="log", xlabel="age of the teacher (epochs)")
    ax.set_xticks(ages, [f"{age}" for age in ages])
    ax.minorticks_off()


def main(given: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, given, test_before_data=TEST_BEFORE_DATA)
    sizes = experiment.sizes
    ds = experiment.teach({"ladder": ladder(sizes)})["ladder"]
    wrong = teachers(experiment.runs / "ladder", sizes)
    found = claims(ds, wrong, sizes)
    data = ds.assign(teacher_wrong=wrong.mean("test_pattern"))
    numbers = {name: ds[name].mean("seed") for name in ("test_error", "train_error", "fidelity", "softness")}
    experiment.finish(draw(ds, wrong, found, sizes), found, data, teacher=data["teacher_wrong"].mean("seed"), **numbers)


if __name__ == "__main__":
    main()
