"""Which assistant: midway between teacher and student in size, or in accuracy?

Claims. One assistant between teacher and student helps; the best one is not midway in size but near the mean accuracy
of both [Mirzadeh et al. 2020, convolutional networks of 2 to 10 layers, no errors given]. Other sizes help less.

Networks of two hidden layers learn 1000 digits, a teacher of width 128, a student of width 16, and assistants of
widths 96 to 20 between them. Midway in size is width 72, the mean of both widths (the mean number of weights is
nearly there, too). Midway in accuracy is the assistant whose validation error, by labels alone, is nearest to the
mean of those of teacher and student: a rule fixed beforehand, in which neither test images nor taught students have a
part. All networks have the same settings, so that arms differ by the assistant alone: learning rate, weight decay,
lambda and tau are those that `distill_temperature` chose by validation images, with other seeds, for a student of
width 16 taught by width 128 (lambda = 1, tau = 4). Labels alone would choose other ones, so that the comparison with
them is a control. Ten other seeds were looked at beforehand, by validation images: students of two of the assistants
erred .003 to .004 more than those of the teacher (standard deviation of the differences .006).

Tested, all before the data were seen: differences of test errors of the student, paired seeds, with errors that hold
for other seeds and other test images; BEATS or LOSES beyond three errors. The best assistant is chosen by the
student's validation error on one half of the seeds and judged on the other half, both ways. 64 seeds shall have an
error of .0008 to .001, so that .3 points can be seen. *Controls*: students learn (training error below .1), else
verdicts are withheld; direct teaching beats the labels, or there is nothing to hand on. *Positive control*: 2000
training images beat 1000, by labels alone.

    python experiments/distill_assistant_size.py --scale desk --cost
    python experiments/distill_assistant_size.py --scale desk
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, Verdict
from ladders import SETTINGS, across_halves, duel, gains, learned, least, more_images, spoilt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.distill import gradient
from glassnet.plot.style import GREY


@dataclass(frozen=True)
class Sizes:
    """Sizes.

    Args:
        widths: of both hidden layers: teacher, assistants, student.
        patterns: training images; the positive control has twice as many.
        validation: validation images.
        epochs: of each training.
        seeds: paired seeds.
    """

    widths: tuple[int, ...]
    patterns: int
    validation: int
    epochs: int
    seeds: int


TEST_BEFORE_DATA = "yes"
SIZES = {
    "smoke": Sizes((12, 8, 6, 4), patterns=60, validation=40, epochs=2, seeds=2),
    "desk": Sizes((128, 96, 72, 45, 32, 24, 20, 16), patterns=1000, validation=900, epochs=60, seeds=64),
    "paper": Sizes((1024, 512, 256, 128, 64, 45, 32, 24, 20, 16), patterns=1000, validation=900, epochs=120, seeds=512),
}


def names(sizes: Sizes) -> list[str]:
    """All networks, from the teacher to the student."""
    return [f"w{width}" for width in sizes.widths]


def arm(sizes: Sizes, assistant: str) -> str:
    """The method with one assistant."""
    every = names(sizes)
    return gradient.Path((every[0], assistant, every[-1])).name


def ladders(sizes: Sizes) -> dict[str, Arguments]:
    """All assistants, and labels alone with twice as many images."""
    every = names(sizes)
    machines = {name: gradient.MLP((width, width)) for name, width in zip(every, sizes.widths, strict=True)}
    common = {"images": gradient.digits(), "validation": sizes.validation, "seeds": sizes.seeds, "seed": 5}

    def part(factor: int, **options: object) -> Arguments:
        batch = min(50, sizes.patterns // 2)
        recipe = gradient.Recipe(epochs=sizes.epochs // factor, batch=batch, **SETTINGS)
        return common | {"patterns": factor * sizes.patterns, "recipe": recipe} | options

    arms = [(every[0], assistant, every[-1]) for assistant in every[1:-1]]
    return {
        "assistants": part(1, machines=machines, methods=["none", "direct", *arms]),
        "more": part(2, machines={every[-1]: machines[every[-1]]}, methods=["none"]),
    }


# Analysis.


def midway(ds: xr.Dataset, sizes: Sizes) -> tuple[str, str]:
    """The assistants midway in accuracy (by labels alone, validation images) and in size."""
    every = names(sizes)
    error = ds["validation_error"].sel(taught="none").mean("seed")
    middle = float(error.sel(machine=[every[0], every[-1]]).mean())
    apart = abs(error.sel(machine=every[1:-1]) - middle)
    mean = (sizes.widths[0] + sizes.widths[-1]) / 2
    in_size = min(sizes.widths[1:-1], key=lambda width: abs(width - mean))
    return every[1 + int(apart.values.argmin())], f"w{in_size}"


# Verdicts.


def claims(ds: xr.Dataset, more: xr.Dataset, sizes: Sizes) -> list[Claim]:
    every = names(sizes)
    student, arms = every[-1], [arm(sizes, assistant) for assistant in every[1:-1]]
    control = learned(ds, student, ["none", "direct", *arms])
    why = spoilt(control)
    accurate, large = midway(ds, sizes)
    first, second = arm(sizes, accurate), arm(sizes, large)
    source, where = "Mirzadeh et al. 2020", f"(digits, {every[0]} to {student})"
    text = f"Control: a teacher beats the labels alone {where}."
    taught = duel(ds, student, "direct", "none", text=text, source="control", spoilt=why)
    why = why or ("" if taught.verdict == Verdict.BEATS else "the teacher hands nothing on")
    same = why or ("both are the same assistant" if accurate == large else "")
    rows = [
        (first, second, f"An assistant midway in accuracy, {accurate}, beats one midway in size, {large}", same),
        (first, "direct", f"An assistant midway in accuracy, {accurate}, beats the teacher alone", why),
        (second, "direct", f"An assistant midway in size, {large}, beats the teacher alone", why),
    ]
    found = [duel(ds, student, a, b, text=f"{text} {where}.", source=source, spoilt=no) for a, b, text, no in rows]
    text = f"The best assistant, chosen by validation on other seeds, beats the teacher alone {where}."
    found.append(across_halves(ds, student, least(student, arms), "direct", text=text, source=source, spoilt=why))
    return [*found, taught, more_images(ds, more, student), control]


# Figure.


def draw(ds: xr.Dataset, found: Sequence[Claim], sizes: Sizes) -> Figure:
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 2.8), layout="constrained")
        axes = figure.subplots(1, 3, width_ratios=(1, 1, 0.9))
        alone(axes[0], ds, sizes)
        assisted(axes[1], ds, sizes)
        accurate, large = midway(ds, sizes)
        labels = [f"{accurate} against\n{large}", f"{accurate} against\ndirect", f"{large} against\ndirect"]
        gains(axes[2], found[:5], [*labels, "best against\ndirect", "direct against\nlabels"])
        titles = ("networks", f"students, {names(sizes)[-1]}", "3 standard errors")
        for letter, ax, title in zip("abc", axes, titles, strict=True):
            ax.set_title(f"({letter}) {title}", loc="left")
    return figure


def alone(ax: Axes, ds: xr.Dataset, sizes: Sizes) -> None:
    """Test error of every network by labels and by the teacher."""
    for method, marker, colour in (("none", "o", "k"), ("direct", "s", "C0")):
        x = 100 * ds["test_error"].sel(taught=method)
        look = {"marker": marker, "color": colour, "markersize": 3.5, "linewidth": 0.8}
        label = "labels alone" if method == "none" else "taught by the teacher"
        ax.errorbar(sizes.widths, x.mean("seed"), x.std("seed", ddof=1) / x.sizes["seed"] ** 0.5, **look, label=label)
    ends = ds["test_error"].sel(taught="none", machine=[names(sizes)[0], names(sizes)[-1]])
    ax.axhline(100 * float(ends.mean()), color=GREY, linestyle=":", label="midway in accuracy")
    ax.axvline((sizes.widths[0] + sizes.widths[-1]) / 2, color=GREY, linestyle="--", label="midway in size")
    ax.set(xscale="log", xlabel="width", ylabel="test error (%)")
    ax.set_xticks(sizes.widths[::2], [f"{width}" for width in sizes.widths[::2]])
    ax.minorticks_off()
    ax.legend(fontsize=6.5, frameon=True, framealpha=1, edgecolor="none")


def assisted(ax: Axes, ds: xr.Dataset, sizes: Sizes) -> None:
    """Gain of the student by each assistant over the teacher alone, against how far it is on the way in accuracy."""
    every = names(sizes)
    error = ds["test_error"].sel(taught="none").mean("seed")
    first, last = float(error.sel(machine=every[0])), float(error.sel(machine=every[-1]))
    way = [(float(error.sel(machine=name)) - first) / (last - first or np.nan) for name in every[1:-1]]
    found = [gradient.difference(ds, every[-1], arm(sizes, name), "direct") for name in every[1:-1]]
    effect, sigma = 100 * np.array(found).T
    ax.errorbar(way, effect, 3 * sigma, marker="o", markersize=3.5, linestyle="none", color="C0")
    for x, y, name in zip(way, effect + 3 * np.nan_to_num(sigma), every[1:-1], strict=True):
        ax.annotate(name[1:], (x, y), (0, 2), textcoords="offset points", ha="center", fontsize=6.5)
    ax.axhline(0, color=GREY, linewidth=0.6, linestyle=":")
    ax.axvline(0.5, color=GREY, linewidth=0.6, linestyle=":")
    ax.set(xlabel="assistant, way in error\n(0: teacher, 1: student)", ylabel="gain over direct teaching (points)")
    ax.margins(y=0.12)


def main(given: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, given, test_before_data=TEST_BEFORE_DATA)
    sizes = experiment.sizes
    runs = experiment.teach(ladders(sizes))
    ds, more = runs["assistants"], runs["more"]
    found = claims(ds, more, sizes)
    accurate, large = midway(ds, sizes)
    about = {"midway": {"accuracy": accurate, "size": large}, "settings": SETTINGS}
    errors = {name: ds[name].mean("seed") for name in ("test_error", "validation_error", "train_error")}
    experiment.finish(draw(ds, found, sizes), found, ds, **about, **errors)


if __name__ == "__main__":
    main()
