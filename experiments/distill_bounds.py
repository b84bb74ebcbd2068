"""The bounds behind teacher assistants, measured: how errors fall with the number of training images, pair by pair.

Claims. [Mirzadeh et al. 2020] bound what a child errs more than its parent by O(|F|/n^alpha) + eps, for each pair of
rule r, teacher t, assistant a and student s. They assume alpha_sr <= alpha_st, alpha_sr <= alpha_tr and, with an
assistant, alpha_st <= alpha_sa, alpha_st <= alpha_at, and that offsets add up to less: eps_tr + eps_st <= eps_sr and
eps_at + eps_sa <= eps_st. From this follows that teaching is better than no teaching, and assisted teaching better
still. None of it was measured there.

Here all three networks learn digits from 100 to 1600 training images, on their own and from one another, with paired
seeds, as many steps for each number of images, and settings chosen by validation images (see distill_digits). For each
pair e(n) = eps + C n^-alpha is fitted to the mean excess; errors come from leaving out one seed at a time, since a
seed's training sets contain one another. Bounds are one-sided and speak of the worst rule; what is measured is the
left side, and what is tested is whether exponents and offsets of the left side stand in the order that is assumed.

Tested, all before the data were seen: each inequality, by its right side less its left, which is >= 0 if it holds;
HOLDS is SEEN, FAILS is CONTRADICTED, beyond three errors. *Control*: errors by labels alone fall as n grows, for each
of the three networks, from the smallest number of images to the largest; and the student learns (training error below
.1).

    python experiments/distill_bounds.py --scale desk --cost
    python experiments/distill_bounds.py --scale desk
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, weakest
from ladders import LEARNED
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.distill import gradient
from glassnet.plot.style import GREY


@dataclass(frozen=True)
class Sizes:
    """Sizes.

    Args:
        widths: of both hidden layers of teacher, assistant and student.
        patterns: numbers of training images, multiples of the batch.
        batch: images of a step.
        steps: of each training.
        seeds: paired seeds.
        trials: settings tried for each network, two seeds each.
    """

    widths: tuple[int, int, int]
    patterns: tuple[int, ...]
    batch: int
    steps: int
    seeds: int
    trials: int


TEST_BEFORE_DATA = "yes"
SIZES = {
    "smoke": Sizes((12, 8, 6), (20, 40, 60, 80), batch=20, steps=12, seeds=2, trials=2),
    "desk": Sizes((256, 32, 10), (100, 200, 400, 800, 1600), batch=50, steps=1200, seeds=16, trials=8),
    "paper": Sizes((1024, 64, 10), (50, 100, 200, 400, 800, 1600, 2400), batch=50, steps=4800, seeds=128, trials=32),
}


def ladders(sizes: Sizes) -> dict[int, Arguments]:
    """One ladder for each number of images."""
    names = [f"w{width}" for width in sizes.widths]
    machines = {name: gradient.MLP((width, width)) for name, width in zip(names, sizes.widths, strict=True)}
    common = {
        "images": gradient.digits(),
        "machines": machines,
        "methods": ["none", "direct", "assisted", tuple(names[1:])],
        "validation": 600,
        "tuning": gradient.Tuning(trials=sizes.trials),
        "seeds": sizes.seeds,
        "ages": 1,
        "seed": 3,
    }
    return {
        n: common | {"patterns": n, "recipe": gradient.Recipe(epochs=sizes.steps * sizes.batch // n, batch=sizes.batch)}
        for n in sizes.patterns
    }


# Verdicts.


def claims(results: Mapping[int, xr.Dataset], excess: xr.DataArray, found: xr.Dataset) -> list[Claim]:
    fall, learned = control_fall(excess), control_learned(results[max(results)])
    spoilt = "" if learned.effect > 0 and fall.effect > 0 else "errors do not fall, or students do not learn"
    rows = [inequality(name, found, spoilt) for name in gradient.bounds.INEQUALITIES]
    return [*rows, fall, learned]


def inequality(name: str, found: xr.Dataset, spoilt: str) -> Claim:
    one = found.sel(quantity=name)
    effect, error = float(one["value"]), float(one["error"])
    terms = [term for term, _ in gradient.bounds.INEQUALITIES[name]]
    at_end = "" if "alpha" in name or "eps" in name else " at the largest n"
    return Claim(
        text=f"{name}{at_end} (digits, t = 256, a = 32, s = 10).",
        source="assumed by Mirzadeh et al. 2020" if not at_end else "concluded by Mirzadeh et al. 2020",
        test="right side less left side, errors over seeds",
        effect=effect,
        error=error,
        numbers={"verdict": gradient.bounds.holds(effect, error)}
        | {term: [float(found[k].sel(quantity=term)) for k in ("value", "error")] for term in terms},
        spoilt=spoilt,
    )


def control_fall(excess: xr.DataArray) -> Claim:
    fall = excess.isel(patterns=0) - excess.isel(patterns=-1)
    labels = fall.sel(pair=["sr", "ar", "tr"])
    effect, error = weakest(labels.mean("seed"), labels.std("seed", ddof=1) / labels.sizes["seed"] ** 0.5)
    return Claim(
        text="Control: errors by labels alone fall with the number of training images (digits).",
        source="control",
        test="test error at the smallest n less that at the largest, the network where it is least in its errors",
        effect=effect,
        error=error,
    )


def control_learned(ds: xr.Dataset) -> Claim:
    train = ds["train_error"].isel(machine=-1)
    mean, error = train.mean("seed").values, train.std("seed", ddof=1).values / ds.sizes["seed"] ** 0.5
    effect, sigma = weakest(LEARNED - mean, np.maximum(error, 1e-6))
    return Claim(
        text="Control: students learn their training images at the largest n, whoever teaches (digits, w10).",
        source="control",
        test=f"{LEARNED:g} less the training error, at the method where it is least in its errors",
        effect=effect,
        error=sigma,
        numbers={str(name): float(x) for name, x in zip(ds["taught"].values, mean, strict=True)},
    )


# Figure.


LOOKS = {"sr": "k", "ar": "0.35", "tr": "0.65", "st": "C0", "at": "C1", "sa": "C2", "sa0": "C3"}
WORDS = {"sr": "s, labels", "ar": "a, labels", "tr": "t, labels", "st": "s of t", "at": "a of t", "sa": "s of a of t"}
WORDS |= {"sa0": "s of a"}


def draw(excess: xr.DataArray, found: xr.Dataset) -> Figure:
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 2.7), layout="constrained")
        axes = figure.subplots(1, 3)
        n = excess["patterns"].values.astype(float)
        fine = np.geomspace(n[0], n[-1], 60)
        for pair, colour in LOOKS.items():
            one = excess.sel(pair=pair)
            error = one.std("seed", ddof=1) / one.sizes["seed"] ** 0.5
            ax = axes[0] if pair in ("sr", "ar", "tr") else axes[1]
            ax.errorbar(n, one.mean("seed"), error, fmt="o", markersize=3, color=colour, label=WORDS[pair])
            names = (f"{name}_{pair}" for name in ("eps", "amplitude", "alpha"))
            eps, C, alpha = (float(found["value"].sel(quantity=name)) for name in names)
            if np.isfinite(alpha):
                ax.plot(fine, eps + C * fine**-alpha, color=colour, linewidth=0.8)
        axes[0].set(xscale="log", yscale="log", xlabel="training images", ylabel="test error", title="labels alone")
        axes[1].set(xscale="log", xlabel="training images", ylabel="excess over parent", title="taught")
        axes[1].axhline(0, color=GREY, linewidth=0.6, linestyle=":")
        axes[0].legend(fontsize=6.5)
        axes[1].legend(fontsize=6.5)
        names = list(gradient.bounds.INEQUALITIES)
        for k, name in enumerate(names):
            one = found.sel(quantity=name)
            z = float(one["value"] / one["error"])
            if np.isfinite(z):
                axes[2].plot(np.clip(z, -9, 9), -k, "o", color="C0" if z > 3 else "C3" if z < -3 else GREY)
        axes[2].set_yticks(-np.arange(len(names)), names, fontsize=5.5)
        for edge in (-3, 3):
            axes[2].axvline(edge, color=GREY, linewidth=0.6, linestyle=":")
        axes[2].set(xlim=(-9.5, 9.5), xlabel="right less left, in errors", title="beyond 3: holds")
        for letter, ax in zip("abc", axes, strict=True):
            ax.set_title(f"({letter})", loc="left")
    return figure


def main(given: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, given, test_before_data=TEST_BEFORE_DATA)
    planned = ladders(experiment.sizes)
    runs = experiment.teach({f"n{n}": arguments for n, arguments in planned.items()})
    results = {n: runs[f"n{n}"] for n in planned}
    excess = gradient.bounds.excess(results)
    found = gradient.bounds.measured(excess)
    data = xr.Dataset({"excess": excess, "value": found["value"], "error": found["error"]})
    table = {
        name: xr.Dataset({k: found[k].sel(quantity=name) for k in ("value", "error")})
        for name in found["quantity"].values
    }
    experiment.finish(draw(excess, found), claims(results, excess, found), data, measured=table)


if __name__ == "__main__":
    main()
