"""What experiments with ladders of networks share: students that have learned, and methods against each other."""

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from experiment import Claim
from matplotlib.axes import Axes

from glassnet.distill import gradient
from glassnet.plot.style import GREY

LEARNED = 0.1
"""Training error below which a student has learned."""
SETTINGS = {"rate": 0.0118101, "decay": 3.70345e-5, "weight": 1.0, "temperature": 4.0}
"""Of all networks, where they are not chosen for each: what `distill_temperature` chose for width 16."""


def learned(ds: xr.Dataset, student: str, methods: Sequence[str]) -> Claim:
    """Control: the student learns its training images by each of these methods."""
    train = ds["train_error"].sel(machine=student, taught=list(methods))
    mean, error = train.mean("seed"), train.std("seed", ddof=1) / ds.sizes["seed"] ** 0.5
    worst = int(mean.values.argmax())
    return Claim(
        text=f"Control: students learn their training images, whoever teaches (digits, {student}).",
        source="control",
        test=f"{LEARNED:g} less the training error, at the worst method",
        effect=LEARNED - float(mean[worst]),
        error=max(float(error[worst]), 1e-6),
        numbers={str(m): float(x) for m, x in zip(mean["taught"].values, mean.values, strict=True)},
    )


def spoilt(control: Claim) -> str:
    """Why comparisons say nothing: the students have not learned."""
    return "" if control.effect > 0 else "students have not learned their training images"


def duel(ds: xr.Dataset, student: str, method: str, other: str, *, text: str, source: str, spoilt: str = "") -> Claim:
    """One method against another: paired seeds, errors that hold for other seeds and other test images."""
    effect, error = gradient.difference(ds, student, method, other)
    mean = ds["test_error"].sel(machine=student).mean("seed")
    return Claim(
        text=text,
        source=source,
        test=f"test error by {other} less that by {method}, paired seeds",
        effect=effect,
        error=error,
        numbers={m: float(mean.sel(taught=m)) for m in (method, other)},
        spoilt=spoilt,
        duel=True,
    )


def least(student: str, methods: Sequence[str]) -> Callable[[xr.Dataset], str]:
    """The method of least validation error, as a function of a result."""

    def choose(ds: xr.Dataset) -> str:
        error = ds["validation_error"].sel(machine=student, taught=list(methods)).mean("seed")
        return str(error["taught"].values[int(error.values.argmin())])

    return choose


def across_halves(
    ds: xr.Dataset, student: str, choose: Callable[[xr.Dataset], str], other: str, *, text: str, source: str,
    spoilt: str = "",
) -> Claim:  # fmt: skip
    """A method that one half of the seeds chooses, tested on the other half, both ways; errors as for `duel`."""
    halves = [ds.isel(seed=np.arange(ds.sizes["seed"]) % 2 == k) for k in (0, 1)]
    chosen = [choose(half) for half in halves[::-1]]
    wrong = [half["test_wrong"].sel(machine=student).astype(float) for half in halves]
    parts = [(x.sel(taught=other) - x.sel(taught=method)).values for x, method in zip(wrong, chosen, strict=True)]
    effect, error = gradient.compare.mean_and_error(np.concatenate(parts))
    return Claim(
        text=text,
        source=source,
        test=f"test error by {other} less that by what the other half of the seeds chooses, paired seeds",
        effect=effect,
        error=error,
        numbers={"chosen": chosen},
        spoilt=spoilt,
        duel=True,
    )


def more_images(ds: xr.Dataset, more: xr.Dataset, student: str) -> Claim:
    """Positive control: labels alone, with more training images in `more` than in `ds`, of the same seeds."""
    few, many = (x["test_wrong"].sel(machine=student, taught="none").astype(float) for x in (ds, more))
    effect, error = gradient.compare.mean_and_error((few - many).values)
    return Claim(
        text=f"Positive control: with more images labels alone teach better (digits, {student}).",
        source="control",
        test="test error less that with more images, labels alone, paired seeds",
        effect=effect,
        error=error,
        duel=True,
    )


def gains(ax: Axes, claims: Sequence[Claim], labels: Sequence[str]) -> None:
    """Effects of duels in points, from top to bottom; bars are three standard errors."""
    for n, claim in enumerate(claims):
        decided = abs(claim.effect) > 3 * claim.error
        ax.errorbar(
            100 * claim.effect, -n, xerr=300 * claim.error, marker="o", markersize=4, color="C0" if decided else GREY
        )
    ax.axvline(0, color=GREY, linewidth=0.6, linestyle=":")
    ax.set_yticks([-n for n in range(len(claims))], labels, fontsize=6.5)
    ax.set(xlabel="gain (points of test error)", ylim=(0.5 - len(claims), 0.5))
