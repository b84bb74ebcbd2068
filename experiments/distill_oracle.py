"""What the rule itself can teach: sampled machines that learn from the fields of the rule, at each tau and lambda.

Claims. Between sampled machines no teacher was seen to help (`distill_assistants`, `distill_gap`), where teachers
erred as much as students. Here the teacher is the rule, which does not err: if softened fields teach more than labels
at all [Hinton et al. 2015], they do so here, at the lambda = 1/2 and tau = 1 of those experiments; if not, their
settings could not have shown a teacher's gain. For large tau the cost of a field becomes a spring (h - h_p)^2/2, for
small tau a label.

Rule of depth 3, student of depth 2, equal widths, one output, 80 patterns, as there. The student learns from labels
alone, or with lambda = 1/2 or 1 at tau = 1/4, 1, 4. Data, start and proposals are equal in equal seeds; every arm has
as many sweeps. Nothing is tuned.

Tested, before the data were seen: differences of the error on fresh patterns, seed by seed, three standard errors:
BEATS, LOSES or INCONCLUSIVE. 32 seeds of those experiments had errors of .004 to .006; 48 shall have .0035 to .005,
so that .01 to .015 of an error of .38 can be seen. *Controls*: students whose training error (labels, at the end) is
.1 or more have not learned, and verdicts on them are withheld. *Positive control*: twice as many patterns beat these,
by labels alone.

    python experiments/distill_oracle.py --scale desk --cost
    python experiments/distill_oracle.py --scale desk
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import xarray as xr
from chains import Budget, spoilt, spread
from experiment import Arguments, Claim, Experiment, Tasks, paired
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.distill.measures import fed_forward
from glassnet.plot.style import GREY
from glassnet.tasks.guide import Guide

TAUS = (0.25, 1.0, 4.0)
WEIGHTS = (0.5, 1.0)
TEST_BEFORE_DATA = "yes"
SIZES = {
    "smoke": Budget(6, 2, 12, sweeps=10, seeds=3, test_patterns=60),
    "desk": Budget(16, 3, 80, sweeps=1500, seeds=48),
    "paper": Budget(64, 3, 1280, sweeps=20_000, seeds=128),
}


def name(weight: float, tau: float) -> str:
    """An arm."""
    return f"lambda {weight:g}, tau {tau:g}"


def task(sizes: Budget, patterns: int, weight: float, tau: float, seed: int) -> gn.tasks.Task:
    """Data of one seed, with what the rule says of them; labels alone if the weight is 0."""
    rule = sizes.machine(sizes.rule)
    made = gn.tasks.teacher_student(rule, patterns, seed=3000 + seed, test_patterns=sizes.test_patterns, teacher=rule)
    field = fed_forward(rule, made.teacher.weights, made.inputs)[-1]
    ids = np.arange(patterns)
    guide = Guide.of(field, ids, temperature=tau, weight=weight) if weight else None
    about = {"builder": "oracle", "patterns": patterns, "seed": 3000 + seed, "weight": weight, "tau": tau}
    data = made.inputs, made.outputs, made.test_inputs, made.test_outputs
    return gn.tasks.Task("oracle", *data, about, ids=ids, guide=guide)


def runs(sizes: Budget) -> dict[str, Arguments]:
    """All arms, and labels alone with twice as many patterns."""
    arms = {"labels": (sizes.patterns, 0.0, 1.0), "more labels": (2 * sizes.patterns, 0.0, 1.0)}
    arms |= {name(weight, tau): (sizes.patterns, weight, tau) for weight in WEIGHTS for tau in TAUS}
    common = {
        "machine": sizes.machine(2),
        "beta": sizes.beta,
        "protocol": gn.Protocol(sweeps=sizes.sweeps, waiting_times=(0,), clones=1, samples=sizes.seeds),
        "dynamics": "feedforward",
        "weight_step": 0.3,
        "seed": 12,
    }
    return {arm: common | {"task": Tasks(partial(task, sizes, *what), sizes.seeds)} for arm, what in arms.items()}


def table(results: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Errors at the end, (arm, seed)."""
    parts = {}
    for new, old in (("generalisation_error", "clone_test_error"), ("training_error", "clone_train_error")):
        last = [ds[old].isel(waiting_time=0, clone=0, lag=-1, drop=True) for ds in results.values()]
        parts[new] = xr.concat(last, "arm", coords="minimal", compat="override").rename(sample="seed")
    return xr.Dataset(parts).assign_coords(arm=list(results))


DUELS = (
    (name(0.5, 1), "labels", "Fields of the rule beat its labels at lambda = 1/2, tau = 1"),
    (name(1, 1), "labels", "Fields of the rule without labels beat labels at tau = 1"),
    (name(0.5, 4), "labels", "Fields of the rule beat its labels at lambda = 1/2, tau = 4"),
    (name(0.5, 4), name(0.5, 0.25), "Soft fields, tau = 4, beat nearly hard ones, tau = 1/4, at lambda = 1/2"),
)


def claims(data: xr.Dataset) -> list[Claim]:
    error, found = data.generalisation_error, []
    rows = [(*duel, "Hinton et al. 2015") for duel in DUELS]
    text = "Positive control: twice as many patterns beat these, by labels alone"
    for first, second, words, source in [*rows, ("more labels", "labels", text, "control")]:
        effect, sigma = paired(error.sel(arm=second), error.sel(arm=first))
        found.append(
            Claim(
                text=f"{words} (the rule teaches a sampled student).", source=source,
                test=f"error of {second!r} less that of {first!r}, paired by seed", effect=effect, error=sigma,
                spoilt=spoilt(data, first, second), duel=True,
                numbers={arm: float(error.sel(arm=arm).mean()) for arm in (first, second)},
            )
        )  # fmt: skip
    return found


@gn.plot.paper()
def drawn(data: xr.Dataset, found: Sequence[Claim]) -> Figure:
    figure = Figure(figsize=(7.0, 2.8), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=(1, 1, 0.9))
    for ax, kind in zip(axes[:2], ("generalisation_error", "training_error"), strict=True):
        for weight, marker, colour in zip(WEIGHTS, "so", ("C0", "C1"), strict=True):
            x = data[kind].sel(arm=[name(weight, tau) for tau in TAUS])
            error = [spread(x.isel(arm=n)) for n in range(len(TAUS))]
            look = {"marker": marker, "color": colour, "markersize": 3.5, "linewidth": 0.8}
            ax.errorbar(TAUS, x.mean("seed"), error, **look, label=rf"$\lambda$ = {weight:g}")
        for arm, line in (("labels", "--"), ("more labels", ":")):
            ax.axhline(float(data[kind].sel(arm=arm).mean()), color=GREY, linestyle=line, label=arm)
        ax.set(xscale="log", xlabel=r"temperature $\tau$ of fields", ylabel=kind.replace("_", " "))
        ax.set_xticks(TAUS, [f"{tau:g}" for tau in TAUS])
        ax.minorticks_off()
    axes[1].legend(fontsize=6.5)
    words = [r"$\frac{1}{2}$, 1", "1, 1", r"$\frac{1}{2}$, 4"]
    words = [f"{one}\nagainst labels" for one in words] + [words[2] + "\nagainst $\\frac{1}{2}$, $\\frac{1}{4}$"]
    for n, claim in enumerate(found):
        colour = "C0" if abs(claim.effect) > 3 * claim.error and not claim.spoilt else GREY
        axes[2].errorbar(claim.effect, -n, xerr=3 * claim.error, fmt="o", color=colour, markersize=4)
    axes[2].axvline(0, color=GREY, linewidth=0.6, linestyle=":")
    axes[2].set_yticks([-n for n in range(len(found))], [*words, "more labels\nagainst labels"], fontsize=6.5)
    axes[2].set(xlabel="gain", ylim=(0.5 - len(found), 0.5))
    titles = ("fresh patterns", "training patterns", r"$\lambda$, $\tau$; 3 standard errors")
    for letter, ax, title in zip("abc", axes, titles, strict=True):
        ax.set_title(f"({letter}) {title}", loc="left")
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    data = table(experiment.simulate(runs(experiment.sizes)))
    found = claims(data)
    means = {kind: data[kind].mean("seed") for kind in data.data_vars}
    experiment.finish(drawn(data, found), found, data, **means)


if __name__ == "__main__":
    main()
