"""Is the landscape of a machine with random data a hierarchy, and is it simpler inside?

Several sets of random data; for each, independent quenches (starts) of one machine, from each of which clones are sent
out after two waiting times. Overlaps q_l^{ab} of all last configurations of one set are connected ones, the signs and
the order of the hidden neurons removed. Three families are kept apart:

starts:  one clone of each independent start. Nothing relates them but the landscape: the real test.
clones:  clones of one start and one waiting time. They leave one configuration at once, in a structureless landscape
         as a star; basins within basins would make them a tree.
kinetic: clones of one start at both waiting times. They branch at different times: a tree BY CONSTRUCTION of the
         protocol, shown as the scale of what a hierarchy gives.

Claims of the abstract of Yoshino, SciPost Phys. Core 2, 005 (2020), with the test of each:

1. The landscape is ultrametric near the boundaries: K = <(d_max - d_med)/sigma_d> over triangles is below that of
   overlaps without a hierarchy (the same ones shuffled; Gaussian ones), in layers 1 and L-1; for starts, for clones.
   Half of what kinetic families show is the resolution; since the desk data were seen, NOT SEEN needs three errors
   below it in place of two, which makes clones INCONCLUSIVE. A star of unequal branches has a low K as well and is no
   hierarchy: the four-point ratio, 1/2 for a star and 0 for a tree, tells them apart.
2. It is most complex at the boundaries and simpler inside: the spread of overlaps, chi = N M Var(q) over the pairs
   of one family, is larger in layers 1 and L-1 than in the centre; for starts, for clones. Where configurations
   stay together, q near 1, the spread is small anyhow: the same for chi/(1 - q^2) stands beside it.

    python experiments/random_hierarchy.py --scale smoke|desk|paper

desk makes 4.6e10 proposals, 0.13 hours at 1e8 a second (two cores). paper makes 2.6e13, 71 hours at that rate: it is
meant for accelerators.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import xarray as xr
from experiment import Claim, Experiment, weakest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.plot.style import ENERGY, ERROR, GREY

YOSHINO = "Yoshino 2020, abstract"
BETA = 66.7
ALPHA = 20
SEED = 60
PAIR = ("configuration", "configuration_b")
NULLS = ("shuffled", "gaussian")
KINDS = {"starts": "independent starts", "clones": "clones of one start"}
COLOURS = {"starts": ENERGY, "clones": ERROR, "kinetic": GREY}
WORDS = {
    "K": ("mean of (d_max - d_med)/sigma_d over triangles", "1"),
    "shuffled": ("K of shuffled overlaps minus K", "1"),
    "gaussian": ("K of Gaussian overlaps minus K", "1"),
    "four_point": ("four-point ratio", "1"),
    "spread": ("chi = N M Var(q) within families", "neurons times patterns"),
    "overlap": ("mean overlap within families", "per neuron and pattern"),
}


@dataclass(frozen=True, kw_only=True)
class Families:
    """One machine; how many sets of data, independent starts of each, clones of each at each waiting time."""

    depth: int
    width: int
    data_sets: int
    starts: int
    clones: int
    waiting_times: tuple[int, int]
    sweeps: int
    draws: int = 20


TEST_BEFORE_DATA = "no"
SIZES = {
    "smoke": Families(depth=4, width=6, data_sets=2, starts=4, clones=4, waiting_times=(3, 30), sweeps=30, draws=3),
    "desk": Families(depth=6, width=20, data_sets=8, starts=8, clones=4, waiting_times=(100, 1000), sweeps=2000),
    "paper": Families(
        depth=10, width=40, data_sets=16, starts=16, clones=8, waiting_times=(1000, 10_000), sweeps=20_000
    ),
}


def run(size: Families, number: int) -> dict:
    """All starts and clones of one set of data."""
    machine = gn.Machine(depth=size.depth, width=size.width, ensemble="spherical", potential=gn.SoftCore(power=2.0))
    seed = SEED + number
    data = gn.tasks.random(machine, ALPHA * size.width, seed=seed, test_patterns=2)
    protocol = gn.Protocol(
        sweeps=size.sweeps, waiting_times=size.waiting_times, clones=size.clones, samples=size.starts
    )
    given = {"beta": BETA, "dynamics": "heat_bath", "seed": seed, "keep_configurations": True}
    return {"machine": machine, "task": data, "protocol": protocol, **given}


def overlaps(ds: xr.Dataset) -> xr.DataArray:
    """Connected overlaps of all last configurations, of both waiting times, signs and order of neurons removed.

    Configurations are in the order (waiting time, start, clone).
    """
    spins = ds["configuration_spins"].transpose("waiting_time", "configuration", ...)
    waits, count = spins.shape[:2]
    flat = spins.values.reshape(waits * count, *spins.shape[2:])
    coords = {
        "configuration_sample": ("configuration", np.tile(ds["configuration_sample"].values, waits)),
        "configuration_waiting_time": ("configuration", np.repeat(ds["waiting_time"].values, count)),
    }
    one = xr.Dataset({"configuration_spins": (("configuration", *spins.dims[2:]), flat)}, coords, ds.attrs)
    return gn.analysis.reduced_overlap(one, "permutation")["overlap_connected"]


def members(size: Families) -> dict[str, np.ndarray]:
    """Configurations of each kind of family, (family, member)."""
    shape = (len(size.waiting_times), size.starts, size.clones)
    number = np.arange(np.prod(shape)).reshape(shape)
    return {
        "starts": number[-1, :, 0][None],
        "clones": number[-1],
        "kinetic": number.swapaxes(0, 1).reshape(size.starts, -1),
    }


def of_family(q: xr.DataArray, chosen: np.ndarray) -> xr.DataArray:
    """Overlaps within families, in the dims that `gn.analysis.ultrametricity` takes for separate sets."""
    values = q.transpose("configuration", "configuration_b", "layer").values
    values = values[chosen[:, :, None], chosen[:, None, :]]
    return xr.DataArray(values, {"layer": q["layer"].values}, ("sample", "clone", "clone_b", "layer"))


def measured(q: xr.DataArray, size: Families) -> xr.Dataset:
    """All statistics of one set of data, means over its families: kind, layer."""
    kinds = {kind: of_family(q, chosen) for kind, chosen in members(size).items()}
    by_kind = []
    for f in kinds.values():
        by_layer = [statistics(f.sel(layer=layer, drop=True), size.draws) for layer in f["layer"].values]
        by_kind.append(xr.concat(by_layer, f["layer"]))
    return xr.concat(by_kind, xr.DataArray(list(kinds), dims="kind", name="kind"))


def statistics(f: xr.DataArray, draws: int) -> xr.Dataset:
    """K and what its nulls have more, four-point ratio, chi and mean overlap of one layer.

    Families whose overlaps are all equal (frozen layers) have neither K nor four-point ratio and are left out there.
    """
    pairs = f.values[:, *np.triu_indices(f.sizes["clone"], 1)]
    new = {"overlap": pairs.mean(), "spread": pairs.var(axis=1, ddof=1).mean(), "four_point": four_point(f)}
    uneven = f.isel(sample=pairs.std(axis=1) > 1e-6)
    new["K"] = float(gn.analysis.ultrametricity(uneven, seed=SEED)["K"]) if uneven.sizes["sample"] else np.nan
    for null in NULLS:
        known = gn.analysis.ultrametricity_null(uneven, null, seed=SEED, draws=draws)["K"] if new["K"] > 0 else np.nan
        new[null] = float(known) - new["K"]
    return xr.Dataset(new)


def four_point(f: xr.DataArray) -> float:
    """Mean of (s_max - s_med)/(s_max - s_min) over quartets, s the sums d_ab + d_cd of the three ways to pair them.

    0 for the distances along any tree, however long its branches are [Buneman 1971]; 1/2 for a star of unequal
    branches with independent symmetric noise, since then s_med has no preference. NaN for less than four members.
    """
    four = np.array(list(combinations(range(f.sizes["clone"]), 4)), dtype=int).reshape(-1, 4).T
    a, b, c, d = four
    q = f.values
    sums = np.sort(2 - np.stack([q[:, a, b] + q[:, c, d], q[:, a, c] + q[:, b, d], q[:, a, d] + q[:, b, c]]), axis=0)
    low, middle, high = sums
    some = high - low > 1e-6
    return float(((high - middle)[some] / (high - low)[some]).mean()) if some.any() else np.nan


def claims(found: xr.Dataset) -> list[Claim]:
    """Verdicts from statistics by data set (`sample`), kind and layer."""
    (first, last), centre = gn.analysis.ends_and_centre(found)
    ends = [first, last]
    out = []
    for kind, words in KINDS.items():
        one = found.sel(kind=kind, drop=True)
        out.append(ultrametric(one.sel(layer=ends), words, scale(found.sel(layer=ends))))
        out.append(tree_like(one["four_point"].sel(layer=ends), words))
        out.append(simpler_inside(one, ends, centre, words))
    return out


def scale(found: xr.Dataset) -> float:
    """Half of what K of kinetic families, trees by construction, lies below its shuffled null."""
    return float(found["shuffled"].sel(kind="kinetic").mean()) / 2


def ultrametric(one: xr.Dataset, words: str, resolution: float) -> Claim:
    below = gn.analysis.mean_and_error(one[list(NULLS)].to_dataarray("null"))
    effect, error = weakest(below["mean"], below["error"])
    return Claim(
        text=f"The landscape is ultrametric near the boundaries ({words}).",
        source=YOSHINO,
        test=f"K of nulls {NULLS} minus K in layers {one['layer'].values.tolist()}: the weakest",
        effect=effect,
        error=error,
        resolution=resolution,
        numbers={"K": one["K"].mean("sample"), "below": below["mean"], "error": below["error"]},
    )


def tree_like(ratio: xr.DataArray, words: str) -> Claim:
    known = gn.analysis.mean_and_error(ratio)
    effect, error = weakest(0.5 - known["mean"], known["error"])
    return Claim(
        text=f"Near the boundaries it is a tree and no star of unequal branches ({words}).",
        source=YOSHINO,
        test=f"1/2 minus the four-point ratio in layers {ratio['layer'].values.tolist()}: the weakest",
        effect=effect,
        error=error,
        numbers={"four_point": known["mean"], "error": known["error"]},
    )


def simpler_inside(one: xr.Dataset, ends: list[int], centre: int, words: str) -> Claim:
    def ratio(x: xr.DataArray) -> xr.DataArray:
        mean = x.mean("sample")
        return np.log(mean.sel(layer=ends) / mean.sel(layer=centre, drop=True))

    known = gn.analysis.bootstrap(ratio, one["spread"], seed=SEED)
    relative = gn.analysis.bootstrap(ratio, one["spread"] / (1 - one["overlap"] ** 2), seed=SEED)
    effect, error = weakest(known["value"], known["error"])
    parts = {"": known, "relative ": relative}
    return Claim(
        text=f"The landscape is most complex at the boundaries and simpler inside ({words}).",
        source=YOSHINO,
        test=f"ln of chi in layers {ends} over chi in layer {centre}: the weakest",
        effect=effect,
        error=error,
        numbers={f"{word}{name}": x[name] for word, x in parts.items() for name in ("value", "error")},
    )


def drawn(found: xr.Dataset, q: Sequence[xr.DataArray], size: Families) -> xr.Dataset:
    """Means over data sets with errors, distributions of overlaps, and the matrices of the first set of data."""
    scaled = found.assign(spread=found["spread"] * ALPHA * size.width**2)
    known = gn.analysis.mean_and_error(scaled.to_dataarray("statistic"))
    new = {}
    for name, (words, units) in WORDS.items():
        for end, part in (("", "mean"), ("_error", "error")):
            x = known[part].sel(statistic=name, drop=True)
            x.attrs = {"long_name": f"standard error of: {words}" if end else words, "units": units}
            new[f"{name}{end}"] = x.rename(None)
    matrix = q[0].astype("float32").rename(None)
    matrix.attrs = {"long_name": "connected overlap", "symbol": "q", "units": "per neuron and pattern"}
    return xr.Dataset({**new, **distribution(q).data_vars, "matrix": matrix})


def distribution(q: Sequence[xr.DataArray]) -> xr.Dataset:
    """P(q) after the longer wait between clones of one start (`within`) and between starts, means over data sets."""
    last = [x.isel({dim: slice(x.sizes[dim] // 2, None) for dim in PAIR}) for x in q]
    P = [gn.analysis.overlap_distribution(x, bins=np.linspace(-1, 1, 101))[["within", "between"]] for x in last]
    return xr.concat(P, "sample").mean("sample", keep_attrs=True).rename(overlap="overlap_bin")


def figure(data: xr.Dataset, size: Families) -> Figure:
    """Trees of one set of data in both boundary layers and the centre; P(q), K and chi by layer."""
    shown = sorted({1, size.depth // 2, size.depth - 1})
    with gn.plot.paper():
        fig = Figure(figsize=(7, 5.0), layout="constrained")
        above, below = fig.subfigures(2, 1, height_ratios=(1, 0.95))
        axes = [*above.subplots(1, 3), *below.subplots(1, 3)]
        for ax, layer in zip(axes, shown, strict=False):
            gn.plot.overlap_tree(data["matrix"], ax, layer=layer, colour_bar=layer == shown[-1])
        histograms(axes[3], data, shown)
        against_nulls(axes[4], data)
        spreads(axes[5], data)
        titles = [f"layer {layer}" for layer in shown] + ["overlaps", "ultrametricity", "complexity"]
        for ax, letter, title in zip(axes, "abcdef", titles, strict=True):
            ax.set_title(f"({letter}) {title}", loc="left")
    return fig


def histograms(ax: Axes, data: xr.Dataset, shown: list[int]) -> None:
    """P(q) of some layers: clones with full, starts with dashed lines."""
    for layer, colour in zip(shown, (ENERGY, GREY, ERROR), strict=False):
        for name, dashes in (("within", "-"), ("between", ":")):
            word = f"layer {layer}" if dashes == "-" else None
            ax.step(data["overlap_bin"], data[name].sel(layer=layer), dashes, where="mid", color=colour, label=word)
    ax.set(xlabel="overlap $q$", ylabel="$P(q)$", xlim=(-0.15, 1.02), ylim=(0, None))
    words = "full: clones\ndotted: starts"
    ax.text(0.52, 0.45, words, transform=ax.transAxes, ha="center", va="top", fontsize="small")
    ax.legend(loc="upper center", bbox_to_anchor=(0.52, 1.0))


def against_nulls(ax: Axes, data: xr.Dataset) -> None:
    """K by layer for each kind of family, its nulls as open symbols."""
    layers = data["layer"].values
    for n, (kind, colour) in enumerate(COLOURS.items()):
        one, x = data.sel(kind=kind), layers + 0.16 * (n - 1)
        ax.errorbar(x, one["K"], one["K_error"], fmt="o", color=colour, capsize=1.5, label=kind)
        for null, mark in zip(NULLS, "sD", strict=True):
            ax.errorbar(x, one["K"] + one[null], one[f"{null}_error"], fmt=mark, color=colour, markerfacecolor="white")
    ax.set(xlabel="layer $l$", ylabel="$K$ (open: nulls)", xticks=layers, ylim=(0, 1.45))
    ax.legend(ncols=2, loc="upper left")


def spreads(ax: Axes, data: xr.Dataset) -> None:
    """chi by layer for each kind of family."""
    layers = data["layer"].values
    for kind, colour in COLOURS.items():
        one = data.sel(kind=kind)
        ax.errorbar(layers, one["spread"], one["spread_error"], marker="o", color=colour, capsize=1.5, label=kind)
    ax.set(xlabel="layer $l$", ylabel="$\\chi = NM\\,\\mathrm{Var}(q)$", xticks=layers, yscale="log")
    ax.set_ylim(top=4 * float(data["spread"].max()))
    ax.legend(ncols=2, loc="upper left")


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    size = experiment.sizes
    results = experiment.simulate({f"data {n}": run(size, n) for n in range(size.data_sets)})
    q = [overlaps(ds) for ds in results.values()]
    found = xr.concat([measured(x, size) for x in q], "sample")
    data = drawn(found, q, size)
    experiment.finish(
        figure(data, size),
        claims(found),
        data,
        **{name: {x: data[x] for x in (name, f"{name}_error")} for name in WORDS},
    )


if __name__ == "__main__":
    main()
