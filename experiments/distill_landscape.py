"""Around the minimum: is the landscape flatter where a student was taught, and do two students lie in one valley?

Claims. Students that are taught through an assistant lie in a flatter place than those that the teacher teaches
alone, and these in a flatter one than those that learn from labels [Mirzadeh et al. 2020, slices through a loss, by
eye]. Barriers between two networks are for the most part a matter of the order of neurons [Entezari et al. 2022;
Ainsworth et al. 2023].

A student of width 16 (two hidden layers) learns 1000 digits from labels alone, from a teacher of width 128, or
through an assistant of width 45; all networks have the same settings, those that `distill_temperature` chose by
validation images, since learning rate and decay alone make places flat or sharp. A seed has its data and its start,
the same for all methods. Energy is the fraction of wrong training images, which knows no scale of logits.
*Rotations*: every row (weights and threshold of a neuron) turns by the same angle, each in a random direction, at its
length. The tenth-angle is that at which the mean over rotations reaches .1, by straight lines between the angles
tried. *Local entropy*: logarithm of the fraction of rotations by an angle that keep the energy below .1, as far as so
few tell. *Slices*: neurons of the second student are put into the order in which they are most alike to those of the
first, rows of hidden neurons have length 1 (for ReLU, sizes take the place of signs), and turn from one student to
the other. A barrier is the largest test error on the way less the straight line between both ends; pairs of seeds (0,
1), (2, 3) and so on are independent.

Tested, all before the data were seen, as differences over paired seeds with their standard errors, SEEN or
CONTRADICTED beyond three: tenth-angles, assistant against teacher alone, teacher alone against labels; barriers
between students of two seeds, as they are against matched; matched barriers, labels against taught; and the barrier
of two students of one seed, labels and taught, against the matched one of two seeds by labels. An angle counts as the
same below .01 rad, a barrier below .01. *Control*: students have learned (energy below .1 by every method), else
verdicts on them are withheld. *Positive control*: the tenth-angle of a network of width 128 is larger than that of
width 16, both by labels: many neurons average what each one errs.

    python experiments/distill_landscape.py --scale desk --cost
    python experiments/distill_landscape.py --scale desk
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, paired
from jax import Array, lax
from ladders import LEARNED, SETTINGS, learned, spoilt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.core import keys
from glassnet.distill import gradient
from glassnet.distill.gradient import landscape
from glassnet.distill.gradient.networks import dense
from glassnet.distill.gradient.training import inputs
from glassnet.plot.style import GREY

SAME = 0.01
"""Angle in rad, or barrier, below which two are the same."""
METHODS = ("none", "direct", "assisted")
WORDS = {"none": "labels alone", "direct": "teacher", "assisted": "assistant", "wide": "labels alone, width 128"}


@dataclass(frozen=True)
class Sizes:
    """Sizes.

    Args:
        widths: of both hidden layers of teacher, assistant, student.
        patterns: training images.
        epochs: of each training.
        seeds: paired seeds, an even number.
        angles: of rotations, in rad.
        rotations: for each angle.
        shares: points of a slice.
    """

    widths: tuple[int, int, int]
    patterns: int
    epochs: int
    seeds: int
    angles: tuple[float, ...]
    rotations: int
    shares: int


ANGLES = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.85, 1.0)
TEST_BEFORE_DATA = "yes"
SIZES = {
    "smoke": Sizes((8, 6, 4), patterns=60, epochs=2, seeds=4, angles=(0.0, 0.3), rotations=2, shares=3),
    "desk": Sizes((128, 45, 16), patterns=1000, epochs=60, seeds=48, angles=ANGLES, rotations=32, shares=11),
    "paper": Sizes((1024, 128, 16), patterns=1000, epochs=120, seeds=256, angles=ANGLES, rotations=256, shares=21),
}


def ladder(sizes: Sizes) -> Arguments:
    """Teacher, assistant and student by all methods."""
    return {
        "images": gradient.digits(),
        "machines": {f"w{width}": gradient.MLP((width, width)) for width in sizes.widths},
        "methods": list(METHODS),
        "patterns": sizes.patterns,
        "validation": 900,
        "recipe": gradient.Recipe(epochs=sizes.epochs, batch=min(50, sizes.patterns // 2), **SETTINGS),
        "seeds": sizes.seeds,
        "seed": 7,
    }


# Measurements.


@partial(jax.jit, static_argnames=("rotations", "which"))
def turned(
    key: Array, layers: list, x: Array, y: Array, angles: Array, rotations: int, which: tuple[int, ...]
) -> Array:
    """Fraction of wrong patterns of one perceptron whose rows are turned, (angle, rotation)."""

    def at(angle: Array) -> Array:
        def one(n: Array) -> Array:
            said = dense(landscape.rotated(keys.address(key, n), layers, angle, which), x)
            return (said.argmax(-1) != y).mean()

        return jax.vmap(one)(jnp.arange(rotations))

    return lax.map(at, angles)


@jax.jit
def slices(first: list, second: list, x: Array, y: Array, shares: Array) -> Array:
    """Fraction of wrong patterns on the way from one perceptron to another, (share,)."""

    def at(share: Array) -> Array:
        return (dense(landscape.between(first, second, share), x).argmax(-1) != y).mean()

    return lax.map(at, shares)


def network(kept: landscape.Kept, seed: int) -> list:
    """One seed's."""
    return jax.tree.map(lambda x: x[seed], kept.weights)


def data(kept: landscape.Kept, part: str, seed: int) -> tuple[Array, Array]:
    """Images and labels of one seed."""
    rows = jnp.asarray(kept.rows[part][seed])
    return inputs(kept.patterns, rows), kept.patterns.labels[rows]


def around(kept: landscape.Kept, sizes: Sizes, rotations: int, which: tuple[int, ...] = (0, 1, 2)) -> np.ndarray:
    """Energies of turned networks, (seed, angle, rotation)."""
    angles = jnp.asarray(sizes.angles, jnp.float32)
    streams = [keys.address(keys.root(8), n) for n in range(sizes.seeds)]
    found = [
        turned(key, network(kept, n), *data(kept, "train", n), angles, rotations, which)
        for n, key in enumerate(streams)
    ]
    return np.stack([np.asarray(x) for x in found])


def way(first: tuple[landscape.Kept, int], second: tuple[landscape.Kept, int], shares: int, match: bool) -> np.ndarray:
    """Test errors on the way from one student to another, (share,)."""
    a, b = (landscape.normalised(network(*one)) for one in (first, second))
    b = landscape.matched(a, b) if match else b
    return np.asarray(slices(a, b, *data(first[0], "test", first[1]), jnp.linspace(0, 1, shares)))


def measured(folder: Path, sizes: Sizes) -> xr.Dataset:
    """Rotations of all students, of the teacher, and slices."""
    images = gradient.digits()
    large, middle, small = (f"w{width}" for width in sizes.widths)
    paths = {"none": (small,), "direct": (large, small), "assisted": (large, middle, small)}
    kept = {name: landscape.kept(folder, images, path) for name, path in paths.items()}
    wide = landscape.kept(folder, images, (large,))
    all_layers = {name: around(one, sizes, sizes.rotations) for name, one in kept.items()}
    all_layers["wide"] = around(wide, sizes, max(sizes.rotations // 4, 1))
    few = max(sizes.rotations // 4, 1)
    by_layer = [[around(one, sizes, few, (n,)).mean(-1) for n in range(3)] for one in kept.values()]
    pairs = [(n, n + 1) for n in range(0, sizes.seeds - 1, 2)]

    def along(first: str, second: str, apart: int, match: bool) -> np.ndarray:
        return np.stack([way((kept[first], n), (kept[second], n + apart), sizes.shares, match) for n, _ in pairs])

    ways = {f"{WORDS[name]}, two seeds": (name, name, 1) for name in METHODS}
    ways |= {
        "labels and teacher, one seed": ("none", "direct", 0),
        "both teachers, one seed": ("direct", "assisted", 0),
    }
    errors = np.stack([[along(*one, match) for match in (False, True)] for one in ways.values()])
    return xr.Dataset(
        {
            "energy": (("arm", "seed", "angle"), np.stack([x.mean(-1) for x in all_layers.values()])),
            "kept": (("arm", "seed", "angle"), np.stack([(x < LEARNED).mean(-1) for x in all_layers.values()])),
            "layer_energy": (("taught", "layer", "seed", "angle"), np.array(by_layer)),
            "way_error": (("way", "matched", "pair", "share"), errors),
        },
        {
            "arm": list(all_layers), "taught": list(kept), "layer": [1, 2, 3], "angle": list(sizes.angles),
            "way": list(ways), "matched": [0, 1], "share": np.linspace(0, 1, sizes.shares),
        },
    )  # fmt: skip


# Analysis.


def tenth(energy: xr.DataArray) -> xr.DataArray:
    """Angle at which the energy passes .1; the last one if it does not, 0 where it never was below."""
    angles = energy["angle"].values

    def one(x: np.ndarray) -> float:
        above = np.flatnonzero(x >= LEARNED)
        if not above.size:
            return float(angles[-1])
        k = above[0]
        if not k:
            return 0.0
        return float(np.interp(LEARNED, x[[k - 1, k]], angles[[k - 1, k]]))

    return xr.apply_ufunc(one, energy, input_core_dims=[["angle"]], vectorize=True)


def barrier(error: xr.DataArray) -> xr.DataArray:
    """Largest error on the way less the straight line between its ends."""
    share = error["share"]
    line = (1 - share) * error.isel(share=0) + share * error.isel(share=-1)
    return (error - line).max("share")


# Verdicts.


def claims(data: xr.Dataset, ds: xr.Dataset) -> list[Claim]:
    student = str(ds["machine"].values[-1])
    control = learned(ds, student, METHODS)
    why, where = spoilt(control), f"(digits, {student})"
    angle = tenth(data["energy"])
    high = barrier(data["way_error"])
    labels, teacher = (f"{WORDS[name]}, two seeds" for name in METHODS[:2])
    one_seed = high.sel(way="labels and teacher, one seed", matched=0)
    flat = "tenth-angle by {} less that by {}, rad, paired seeds"
    rows = [
        ("Students lie in a flatter place through an assistant than by the teacher alone", "Mirzadeh et al. 2020",
         flat.format("assistant", "teacher"), angle.sel(arm="assisted"), angle.sel(arm="direct"), "seed", why),
        ("Students lie in a flatter place by the teacher than by labels alone", "Mirzadeh et al. 2020",
         flat.format("teacher", "labels"), angle.sel(arm="direct"), angle.sel(arm="none"), "seed", why),
        ("Matching neurons lowers the barrier between students of two seeds", "Entezari et al. 2022",
         "barrier as it is less matched, labels alone", high.sel(way=labels, matched=0),
         high.sel(way=labels, matched=1), "pair", why),
        ("Matched barriers between two seeds are lower for students of teachers than by labels", "glassnet",
         "matched barrier, labels less teacher", high.sel(way=labels, matched=1), high.sel(way=teacher, matched=1),
         "pair", why),
        ("One start leads into one valley, whoever teaches: a lower barrier than between matched seeds", "glassnet",
         "matched barrier of two seeds by labels, less that of labels and teacher of one seed",
         high.sel(way=labels, matched=1), one_seed, "pair", why),
        ("Positive control: a wide network lies in a flatter place than the student, by labels alone", "control",
         "tenth-angle, wide less student, rad, paired seeds", angle.sel(arm="wide"), angle.sel(arm="none"),
         "seed", ""),
    ]  # fmt: skip
    found = []
    for text, source, test, first, second, along, reason in rows:
        effect, error = paired(first, second, along)
        found.append(
            Claim(
                text=f"{text} {where}.", source=source, test=test, effect=effect, error=error, resolution=SAME,
                numbers={"first": float(first.mean()), "second": float(second.mean())}, spoilt=reason,
            )
        )  # fmt: skip
    return [*found, control]


# Figure.


LOOKS = {"none": ("o", "k"), "direct": ("s", "C0"), "assisted": ("^", "C1"), "wide": ("D", "0.6")}


def draw(data: xr.Dataset) -> Figure:
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 4.9), layout="constrained")
        axes = figure.subplots(2, 2)
        rotations(axes[0, 0], data)
        layers(axes[0, 1], data)
        entropies(axes[1, 0], data)
        paths(axes[1, 1], data)
        titles = ("all rows turned", "rows of one layer turned", "local entropy", "from one student to another")
        for letter, ax, title in zip("abcd", axes.flat, titles, strict=True):
            ax.set_title(f"({letter}) {title}", loc="left")
    return figure


def rotations(ax: Axes, data: xr.Dataset) -> None:
    """Energy against the angle."""
    for name, (marker, colour) in LOOKS.items():
        x = 100 * data["energy"].sel(arm=name)
        look = {"marker": marker, "color": colour, "markersize": 3, "linewidth": 0.8, "label": WORDS[name]}
        ax.errorbar(x["angle"].values, x.mean("seed"), x.std("seed", ddof=1) / x.sizes["seed"] ** 0.5, **look)
    ax.axhline(100 * LEARNED, color=GREY, linewidth=0.6, linestyle=":")
    ax.set(xlabel="angle (rad)", ylabel="wrong training images (%)")
    ax.legend(fontsize=6.5)


def layers(ax: Axes, data: xr.Dataset) -> None:
    """Tenth-angles by layer."""
    angle = tenth(data["layer_energy"])
    for n, name in enumerate(METHODS):
        marker, colour = LOOKS[name]
        x = angle.sel(taught=name)
        look = {"marker": marker, "color": colour, "markersize": 4, "linestyle": "none", "label": WORDS[name]}
        place = x["layer"].values + 0.12 * (n - 1)
        ax.errorbar(place, x.mean("seed"), 3 * x.std("seed", ddof=1) / x.sizes["seed"] ** 0.5, **look)
    ax.set_xticks(data["layer"].values)
    ax.set(xlabel="layer", ylabel="angle at 10 % wrong (rad)", xlim=(0.6, 3.4))
    ax.legend(fontsize=6.5)


def entropies(ax: Axes, data: xr.Dataset) -> None:
    """Logarithm of the fraction of rotations that keep the energy below .1, over all seeds."""
    for name, (marker, colour) in LOOKS.items():
        x = data["kept"].sel(arm=name).mean("seed")
        x = x.where(x > 0)
        look = {"marker": marker, "color": colour, "markersize": 3, "linewidth": 0.8, "label": WORDS[name]}
        ax.plot(x["angle"].values, np.log(x), **look)
    ax.set(xlabel="angle (rad)", ylabel="ln fraction of rotations\nbelow 10 % wrong")


def paths(ax: Axes, data: xr.Dataset) -> None:
    """Test errors along slices."""
    looks = {
        ("labels alone, two seeds", 0): ("k", ":", "labels, two seeds, as they are"),
        ("labels alone, two seeds", 1): ("k", "-", "labels, two seeds, matched"),
        ("teacher, two seeds", 1): ("C0", "-", "teacher, two seeds, matched"),
        ("assistant, two seeds", 1): ("C1", "-", "assistant, two seeds, matched"),
        ("labels and teacher, one seed", 0): ("C2", "--", "labels to teacher, one seed"),
        ("both teachers, one seed", 0): ("C3", "-.", "teacher to assistant, one seed"),
    }
    for (name, match), (colour, line, words) in looks.items():
        x = 100 * data["way_error"].sel(way=name, matched=match)
        error = x.std("pair", ddof=1) / x.sizes["pair"] ** 0.5
        ax.errorbar(x["share"].values, x.mean("pair"), error, color=colour, linestyle=line, linewidth=0.9, label=words)
    ax.set(xlabel="share of the way", ylabel="test error (%)")
    ax.set_ylim(top=1.45 * ax.get_ylim()[1])
    ax.set_yticks([0, 20, 40, 60, 80])
    ax.legend(fontsize=6.5, loc="upper center", ncols=2)


def main(given: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, given, test_before_data=TEST_BEFORE_DATA)
    ds = experiment.teach({"ladder": ladder(experiment.sizes)})["ladder"]
    found = measured(experiment.runs / "ladder", experiment.sizes)
    verdicts = claims(found, ds)
    angles = tenth(found["energy"]).mean("seed")
    by_layer = tenth(found["layer_energy"]).mean("seed")
    barriers = barrier(found["way_error"]).mean("pair")
    experiment.finish(draw(found), verdicts, found, angles=angles, angles_by_layer=by_layer, barriers=barriers)


if __name__ == "__main__":
    main()
