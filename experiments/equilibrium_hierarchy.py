"""Is the equilibrium of small machines a hierarchy: overlaps by layer, trees and triangles, beside a made-up tree?

Claims. In equilibrium and at low temperature the distribution P(q) of overlaps between independent configurations is
broad, most so at the boundaries, and the configurations form an ultrametric tree there [Yoshino 2020]. This is the
thermodynamic question; `random_hierarchy` has the kinetic one (quenches, clones of clones).

Machines of depth 4 on random graphs with N = 2 c and random data, all temperatures of a ladder side by side with
replica exchange (heat bath, spherical weights, quadratic soft core). Each set of data has two independent starts; the
configurations are those of clones that run ladders of their own after the wait. All overlaps are squared overlaps of
neurons, which no change of gauge alters. A width whose ladder is not EQUILIBRATED (`glassnet.analysis.equilibration`:
good ladder, d<E>/d beta = -var E) spoils the claims and is not drawn.

Two controls are SYNTHETIC, with as many configurations, sets of data, layers, neurons and patterns, and pass through
the same instrument: a made-up tree (three branches of two states, spins from Gaussian fields in common) whose mean
overlap is that found, and a single state of the same mean overlap. The tree shows that a hierarchy would have been
seen, the single state what sampling noise alone does.

Tested, all before the data, at the lowest temperature. *Spread as N grows*: one plus the slope of ln Var(q) against ln
N, by layer. A hierarchy has slope 0, a single state slope -2 (solid) or -3 (liquid, with M ~ N). *Broad*: ln of Var(q)
over that of the single state, largest N. *Boundary*: the same, boundary layer less centre. *Ultrametric*: K of nulls
(shuffled, Gaussian) less K. All resolutions are half of what the synthetic tree shows.

    python experiments/equilibrium_hierarchy.py --scale desk --cost
    python experiments/equilibrium_hierarchy.py --scale desk
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, Tasks, along_runs, weakest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from random_hierarchy import statistics

import glassnet as gn
from glassnet.plot.style import GREY, graded

DEPTH = 4
LAYERS = {1: "input side", 2: "centre", 3: "output side"}
"""Hidden layers."""
ENDS, CENTRE = [1, 3], 2
YOSHINO = "Yoshino 2020, abstract"
ALLOWED = 0.02
"""Difference of squared overlaps between clones of one start and of two that is taken for equilibrium."""
BRANCHES, STATES = 3, 2
"""Of the made-up tree."""
PAIR = ("clone", "clone_b")
GOOD = "EQUILIBRATED"


@dataclass(frozen=True)
class Sizes:
    """Connectivities c of machines with N = 2 c, load, ladder, times in sweeps, sets of data, starts and clones."""

    connectivities: Sequence[int]
    alpha: float
    betas: Sequence[float]
    waiting: int
    sweeps: int
    data_sets: int
    starts: int
    clones: int
    draws: int = 20


TEST_BEFORE_DATA = "yes"
LADDER = tuple(float(b) for b in np.geomspace(0.5, 16, 11))
SIZES = {
    "smoke": Sizes((4, 6), 3.0, (0.5, 1.0, 2.0), 10, 30, data_sets=3, starts=2, clones=3, draws=2),
    "desk": Sizes((6, 8, 12), 4.0, LADDER, 2000, 2000, data_sets=8, starts=2, clones=8),
    "paper": Sizes((8, 12, 16, 24), 4.0, LADDER, 50_000, 50_000, data_sets=32, starts=2, clones=16),
}


def runs(sizes: Sizes) -> dict[str, Arguments]:
    """Arguments of all runs by name: width."""
    return {f"N={2 * c}": run(sizes, c) for c in sizes.connectivities}


def run(sizes: Sizes, c: int) -> Arguments:
    """One width: sets of data with `starts` samples each."""
    machine = gn.Machine(depth=DEPTH, width=2 * c, connectivity=c, potential=gn.SoftCore(power=2.0))
    samples = sizes.data_sets * sizes.starts

    def data(n: int) -> gn.tasks.Task:
        return gn.tasks.random(machine, round(sizes.alpha * c), seed=12_000 + n // sizes.starts)

    return {
        "machine": machine,
        "task": Tasks(data, samples),
        "beta": [0.0, *sizes.betas],
        "exchange": gn.Exchange(every=1),
        "dynamics": "heat_bath",
        "weight_step": 0.5,
        "protocol": gn.Protocol(
            sweeps=sizes.sweeps,
            waiting_times=(sizes.waiting,),
            clones=sizes.clones,
            samples=samples,
            points_per_decade=8,
        ),
        "seed": 6,
    }


# Analysis.


def measured(ds: xr.Dataset, sizes: Sizes) -> xr.Dataset:
    """Squared overlaps between the last configurations of each set of data, how alike patterns are, and the verdict.

    Configurations of a set are in the order (start, clone), along `clone` and `clone_b`.
    """
    found, summary = gn.analysis.equilibration(ds, footnotes=False), gn.analysis.exchange_summary(ds)
    last = ds.isel(waiting_time=0, drop=True).sortby("beta").sel(layer=list(LAYERS))
    q = last["final_spin_overlap_squared"].transpose("temperature", "configuration", "configuration_b", "layer").values
    n = sizes.starts * sizes.clones
    sets = [q[:, k * n : (k + 1) * n, k * n : (k + 1) * n] for k in range(sizes.data_sets)]
    alike = last["pattern_overlap_spread"].isel(lag=-1, drop=True).mean("clone").coarsen(sample=sizes.starts).mean()
    return xr.Dataset(
        {
            "squared": (("sample", "temperature", *PAIR, "layer"), np.array(sets)),
            "alike": alike.drop_vars("sample"),
            "round_trips": float(summary["round_trips"]) / (ds.sizes["sample"] * ds.sizes["clone"]),
            "verdict": found.verdict,
            "reason": found.reasons[0],
        },
        {"layer": list(LAYERS)},
    )


def instrument(spins: np.ndarray) -> np.ndarray:
    """Squared overlaps of all pairs of configurations, (configuration, configuration), from (configuration, i, mu).

    As `spin_overlap_squared`: 1/N sum_i (M r_i^2 - 1)/(M - 1), r_i = 1/M sum_mu S^a S^b.
    """
    M = spins.shape[-1]
    r = np.einsum("aim,bim->abi", spins, spins) / M
    return ((M * r**2 - 1) / (M - 1)).mean(-1)


def made_up(levels: Sequence[float], configurations: int, shape: tuple[int, int], rng: np.random.Generator):
    """SYNTHETIC squared overlaps of one layer: configurations of a tree of states, or of one state.

    Each configuration belongs to one of three branches of two states, by chance. S = sign of a sum of Gaussian fields:
    of all, of its branch, of its state, of its own, so that overlaps of neurons are (2/pi) asin C.

    Args:
        levels: squared overlaps of different branches, of one branch, of one state, ascending.
        configurations: how many.
        shape: neurons N, patterns M.
    """
    C = np.sin(np.pi / 2 * np.sqrt(levels))
    branch = rng.integers(BRANCHES, size=configurations)
    state = BRANCHES + STATES * branch + rng.integers(STATES, size=configurations)
    fields = rng.normal(size=(1 + BRANCHES + BRANCHES * STATES + configurations, *shape))
    own = BRANCHES * (1 + STATES) + 1 + np.arange(configurations)
    parts = [np.zeros(configurations, int), 1 + branch, 1 + state, own]
    shares = np.sqrt(np.diff([0.0, *C, 1.0]))
    return instrument(np.sign(sum(share * fields[part] for share, part in zip(shares, parts, strict=True))))


def levels(mean: float) -> dict[str, tuple[float, float, float]]:
    """Squared overlaps of the made-up tree and of the single state that have this mean over pairs.

    In the tree they rise by one step from different branches to one branch and by two from there to one state.
    """
    mean = float(np.clip(mean, 0, 0.9))
    weight = np.array([1 - 1 / BRANCHES, (1 - 1 / STATES) / BRANCHES, 1 / (BRANCHES * STATES)])
    rise = np.array([0.0, 1.0, 3.0])
    step = min(mean / (weight @ rise), (0.95 - mean) / (3 - weight @ rise))
    tree = mean + step * (rise - weight @ rise)
    return {"tree": tuple(np.maximum(tree, 0)), "single": (mean,) * 3}


def synthetic(data: xr.Dataset) -> xr.DataArray:
    """SYNTHETIC overlaps for all widths, sets of data and layers, with the mean overlap of the widest at low T."""
    mean = pairs_of(coldest(data)["squared"].isel(run=-1)).mean(("sample", "pair"))
    found = np.empty((2, data.sizes["run"], data.sizes["sample"], *[data.sizes[PAIR[0]]] * 2, len(LAYERS)))
    rng = np.random.default_rng(0)
    for place in np.ndindex(found.shape[:3]):
        for n, layer in enumerate(LAYERS):
            level = list(levels(float(mean.sel(layer=layer))).values())[place[0]]
            shape = int(data["width"][place[1]]), int(data["patterns"][place[1]])
            found[(*place, ..., n)] = made_up(level, found.shape[3], shape, rng)
    dims = ("kind", "run", "sample", *PAIR, "layer")
    return xr.DataArray(found, {"kind": ["tree", "single"], "layer": list(LAYERS)}, dims)


def table(results: Mapping[str, xr.Dataset], arguments: Mapping[str, Arguments], sizes: Sizes) -> xr.Dataset:
    """All widths along a dim `run`, ascending, the synthetic controls, and the theory."""
    data = along_runs(
        [measured(ds, sizes) for ds in results.values()],
        width=[a["machine"].width for a in arguments.values()],
        connectivity=[a["machine"].connectivity for a in arguments.values()],
        patterns=[a["task"][0].patterns for a in arguments.values()],
    )
    data = data.assign_coords(beta=("temperature", [0.0, *sizes.betas])).assign_attrs(starts=sizes.starts)
    good = (data["verdict"] == GOOD).values
    data["used"] = ("run", good if good.any() else ~good)
    data = data.assign(synthetic=synthetic(data), theory=theory(sizes))
    return data.assign(shapes(data, sizes.draws).data_vars)


def shapes(data: xr.Dataset, draws: int) -> xr.Dataset:
    """K, its nulls and four-point ratio at the largest N in use, of what was found and of the made-up tree."""
    last = data.isel(run=np.flatnonzero(data["used"].values)[-1], drop=True)
    kinds = [coldest(last)["squared"], last["synthetic"].sel(kind="tree", drop=True)]
    return xr.concat([triangles(q, draws) for q in kinds], xr.DataArray(["found", "tree"], dims="of", name="of"))


def theory(sizes: Sizes) -> xr.DataArray:
    """Mean squared overlap by temperature and layer, two steps of symmetry breaking, factorised closure: formal."""
    found = []
    for beta in (0.0, *sizes.betas):
        options = {"depth": DEPTH, "alpha": sizes.alpha, "steps": 2, "potential": gn.SoftCore(power=2.0)}
        q = gn.theory.parisi(beta=beta, **options) if beta > 0 else None
        found.append([0.0] * len(LAYERS) if q is None else q.weight @ q.q[:, 1:-1] ** 2)
    return xr.DataArray(found, {"layer": list(LAYERS)}, ("temperature", "layer"))


def coldest(data: xr.Dataset) -> xr.Dataset:
    """Everything at the lowest temperature."""
    return data.isel(temperature=-1, drop=True)


def pairs_of(q: xr.DataArray) -> xr.DataArray:
    """Overlaps of different configurations along `pair`."""
    a, b = (xr.DataArray(x, dims="pair") for x in np.triu_indices(q.sizes[PAIR[0]], 1))
    return q.isel(clone=a, clone_b=b)


def variance(q: xr.DataArray) -> xr.DataArray:
    """Var(q) over the pairs of each set of data."""
    return pairs_of(q).var("pair", ddof=1)


def broad(part: xr.Dataset) -> xr.DataArray:
    """ln of Var(q) over that of a single state, means over sets of data, by layer (and kind)."""
    return np.log(part["variance"].mean("sample") / part["single"].mean("sample"))


def slope(part: xr.DataArray, width: xr.DataArray) -> tuple[float, float]:
    """d ln Var(q)/d ln N and its error, from Var(q) by run and sample."""
    mean = part.mean("sample").values
    error = part.std("sample", ddof=1).values / np.sqrt(part.sizes["sample"]) / mean
    fit, cov = np.polyfit(np.log(width.values), np.log(mean), 1, w=1 / error, cov="unscaled")
    return float(fit[0]), float(np.sqrt(cov[0, 0]))


def triangles(q: xr.DataArray, draws: int) -> xr.Dataset:
    """K, what its nulls have more, and four-point ratio of each set of data, by layer."""
    rows = [
        xr.concat([statistics(q.isel(sample=[k]).sel(layer=l, drop=True), draws) for l in LAYERS], "layer")
        for k in range(q.sizes["sample"])
    ]
    return xr.concat(rows, "sample").assign_coords(layer=list(LAYERS))


def starts_differ(data: xr.Dataset) -> xr.DataArray:
    """Overlap between clones of one start less that between clones of two, lowest temperature, each set of data."""
    q = coldest(data)["squared"]
    start = np.arange(q.sizes[PAIR[0]]) * data.attrs["starts"] // q.sizes[PAIR[0]]
    one = start[:, None] == start
    off = ~np.eye(len(start), dtype=bool)
    within, between = (q.where(xr.DataArray(keep, dims=PAIR)).mean(PAIR) for keep in (one & off, ~one))
    return within - between


# Verdicts.


def claims(data: xr.Dataset) -> list[Claim]:
    """Controls first: equilibrium, and that the synthetic tree is seen."""
    used = data.isel(run=data["used"].values)
    q, made = coldest(used)["squared"], used["synthetic"]
    kinds = {"found": q, "tree": made.sel(kind="tree", drop=True)}
    single = made.sel(kind="single", drop=True)
    effects = {kind: effects_of(x, single, used.sel(of=kind)) for kind, x in kinds.items()}
    control = equilibrium(data)
    why = control.spoilt or ("" if str(control.verdict) == "SEEN" else "starts do not meet")
    synthetic_seen = seen(effects["tree"])
    if str(synthetic_seen.verdict) != "SEEN":
        why = why or "the synthetic tree is not seen"
    return [control, synthetic_seen, *judged(effects, why)]


NULLS = ["shuffled", "gaussian"]
Effects = dict[str, xr.Dataset]
"""By test: `mean` and `error`, by layer (and null)."""


def effects_of(q: xr.DataArray, single: xr.DataArray, data: xr.Dataset) -> Effects:
    """All effects of overlaps (run, sample, clone, clone_b, layer), against those of a single state."""
    var = variance(q)
    slopes = np.array([slope(var.sel(layer=layer), data["width"]) for layer in LAYERS])
    part = xr.Dataset({"variance": var, "single": variance(single)}).isel(run=-1, drop=True)
    known = {
        "broad": gn.analysis.jackknife(broad, part),
        "boundary": gn.analysis.jackknife(
            lambda p: broad(p).sel(layer=ENDS) - broad(p).sel(layer=CENTRE, drop=True), part
        ),
    }
    coords = {"layer": list(LAYERS)}
    return {
        "slope": xr.Dataset({"mean": ("layer", 1 + slopes[:, 0]), "error": ("layer", slopes[:, 1])}, coords),
        **{name: x[["value", "error"]].rename(value="mean") for name, x in known.items()},
        "ultrametric": gn.analysis.mean_and_error(data[NULLS].to_dataarray("null")),
        "K": gn.analysis.mean_and_error(data["K"]),
        "four_point": gn.analysis.mean_and_error(data["four_point"]),
    }


def at(effect: xr.Dataset, layers: Sequence[int]) -> tuple[float, float]:
    """The weakest of these layers."""
    part = effect.sel(layer=list(layers))
    return weakest(part["mean"], part["error"])


def equilibrium(data: xr.Dataset) -> Claim:
    difference = gn.analysis.mean_and_error(starts_differ(data))
    mean, error = difference["mean"].values, difference["error"].values
    effect, sigma = weakest(ALLOWED + 6 * error - abs(mean), error)
    not_so = [f"N = {int(N)}: {v}" for N, v in zip(data["width"], data["verdict"].values, strict=True) if v != GOOD]
    return Claim(
        text="Control: ladders of all widths are in equilibrium, starts forgotten.",
        source="control",
        test=(
            f"{ALLOWED:g} and six errors less the difference of overlaps between clones of one start and of two (seen "
            f"where it is within {ALLOWED:g} and three errors), lowest temperature, worst of widths and layers"
        ),
        effect=effect,
        error=sigma,
        numbers={
            "difference by width and layer": mean,
            "errors": error,
            "verdicts": data["verdict"].values.tolist(),
            "reasons": data["reason"].values.tolist(),
            "round trips a ladder": data["round_trips"].values,
        },
        spoilt="; ".join(not_so),
    )


def of_tree(tree: Effects, name: str, layers: Sequence[int]) -> tuple[float, float]:
    """Effect of the made-up tree; a centre that is a single state has nothing to take off."""
    return at(tree["broad" if name == "boundary" else name], layers)


def seen(tree: Effects) -> Claim:
    parts = [of_tree(tree, *test) for test in TESTS.values()]
    effect, error = weakest(*zip(*parts, strict=True))
    return Claim(
        text="Control, SYNTHETIC: a made-up tree of this size, noise and mean overlap is seen by every test below.",
        source="synthetic positive control",
        test="the weakest of all effects below, for overlaps drawn from the made-up tree",
        effect=effect,
        error=error,
        numbers=dict(zip(TESTS, parts, strict=True)),
    )


TESTS = {
    **{f"The spread of overlaps stays as N grows (layer {n}, {words})": ("slope", [n]) for n, words in LAYERS.items()},
    "P(q) is broader than that of a single state at the boundaries (largest N)": ("broad", ENDS),
    "P(q) is broader at the boundaries than in the centre, against a single state (largest N)": ("boundary", ENDS),
    "Configurations are ultrametric at the boundaries (largest N)": ("ultrametric", ENDS),
}
"""Claims: the effect and the layers, of which the weakest counts."""
WORDS = {
    "slope": "one plus the slope of ln Var(q) against ln N, lowest temperature",
    "broad": "ln of Var(q) over that of a synthetic single state, lowest temperature",
    "boundary": "ln of Var(q) over that of a synthetic single state, boundary layer less centre: the weakest",
    "ultrametric": f"K of nulls {NULLS} minus K: the weakest",
}
"""What is measured."""


def judged(effects: Mapping[str, Effects], why: str) -> list[Claim]:
    found = []
    for text, (name, layers) in TESTS.items():
        effect, error = at(effects["found"][name], layers)
        tree = of_tree(effects["tree"], name, layers)[0]
        numbers = {f"{k}, {part}": x[name][part] for k, x in effects.items() for part in ("mean", "error")}
        if name == "ultrametric":
            numbers |= {f"{k}, {x}": effects[k][x]["mean"] for k in effects for x in ("K", "four_point")}
        found.append(
            Claim(
                text=f"{text}.",
                source=YOSHINO,
                test=f"{WORDS[name]}; resolution: half of what the synthetic tree shows",
                effect=effect,
                error=error,
                resolution=tree / 2,
                numbers=numbers,
                spoilt=why,
            )
        )
    return found


# Figure.

COLOURS = dict(zip(LAYERS, graded("viridis", 3), strict=True))


def draw(data: xr.Dataset) -> Figure:
    """Ordered matrices of one set of data and of a made-up tree; P(q), mean, spread and K by layer."""
    used = data.isel(run=data["used"].values)
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 4.2), layout="constrained")
        axes = figure.subplots(2, 4)
        matrices(axes[0], used)
        distributions(axes[1, 0], used)
        in_temperature(axes[1, 1], used)
        in_width(axes[1, 2], used)
        against_nulls(axes[1, 3], used)
        for letter, ax in zip("abcdefgh", axes.flat, strict=True):
            ax.set_title(f"({letter})", loc="left", x=-0.05)
        if not (used["verdict"] == GOOD).all():
            figure.suptitle("equilibrium not shown")
    return figure


def matrices(axes: np.ndarray, data: xr.Dataset) -> None:
    """Overlaps of one set of data in the order of their trees, by layer, and those of a made-up tree."""
    last = data.isel(run=-1)
    found = coldest(last)["squared"].isel(sample=0, drop=True)
    made = last["synthetic"].sel(kind="tree", layer=ENDS[1], drop=True).isel(sample=0, drop=True)
    shown = {f"layer {layer}": found.sel(layer=layer, drop=True) for layer in LAYERS} | {"SYNTHETIC tree": made}
    top = max(float(x.where(~np.eye(x.sizes[PAIR[0]], dtype=bool)).max()) for x in shown.values())
    for ax, (words, x) in zip(axes, shown.items(), strict=True):
        named = x.rename(clone="configuration", clone_b="configuration_b").drop_vars(PAIR, errors="ignore")
        matrix = gn.analysis.trees(named)["matrix"].values
        image = ax.imshow(matrix, cmap="viridis", vmin=0, vmax=top, interpolation="nearest")
        ax.set(xticks=[], yticks=[], title=words)
    axes[0].set_ylabel(f"$N = {int(last['width'])}$, ordered by tree")
    bar = axes[0].figure.colorbar(image, ax=list(axes), pad=0.01, aspect=14)
    bar.set_label("squared overlap")


def distributions(ax: Axes, data: xr.Dataset) -> None:
    """P(q) by layer, largest N, lowest temperature, and those of the made-up tree and state (output side)."""
    last = data.isel(run=-1)
    parts = {layer: coldest(last)["squared"].sel(layer=layer) for layer in LAYERS}
    made = {kind: last["synthetic"].sel(kind=kind, layer=ENDS[1]) for kind in ("tree", "single")}
    values = {name: pairs_of(x).values.ravel() for name, x in (parts | made).items()}
    everything = np.concatenate(list(values.values()))
    edges = np.linspace(everything.min(), np.quantile(everything, 0.998), 36)
    middle = (edges[1:] + edges[:-1]) / 2
    for name, x in values.items():
        density = np.histogram(x, edges)[0] / (len(x) * np.diff(edges))
        if name in LAYERS:
            ax.step(middle, density, where="mid", color=COLOURS[name], label=f"layer {name}")
        else:
            style = "--" if name == "tree" else ":"
            ax.step(middle, density, style, where="mid", color=GREY, linewidth=0.9, label=f"synthetic {name}")
    ax.set(xlabel="squared overlap $q$", ylabel="$P(q)$", yscale="log")
    ax.set_ylim(top=30 * ax.get_ylim()[1])
    ax.legend(loc="upper right", fontsize=6, ncols=2)


def in_temperature(ax: Axes, data: xr.Dataset) -> None:
    """Mean overlap against beta by layer, largest N: clones of one start, of two (open); theory dotted."""
    last = data.isel(run=-1)
    beta = last["beta"].values[1:]
    for layer, colour in COLOURS.items():
        q = pairs_of(last["squared"].sel(layer=layer)).mean("pair").isel(temperature=slice(1, None))
        known = gn.analysis.mean_and_error(q)
        ax.errorbar(beta, known["mean"], known["error"], color=colour, marker="o", label=f"layer {layer}")
        if layer != ENDS[1]:
            line = data["theory"].sel(layer=layer).values[1:]
            ax.plot(beta, line, ":", color=colour, linewidth=0.9)
    ax.set(xscale="log", xlabel=r"$\beta$", ylabel="mean squared overlap")
    ax.legend(loc="upper left", fontsize=6.5)


def in_width(ax: Axes, data: xr.Dataset) -> None:
    """Var(q) against N by layer, and those of the made-up tree and state (output side)."""
    width = data["width"].values
    for layer, colour in COLOURS.items():
        known = gn.analysis.mean_and_error(variance(coldest(data)["squared"].sel(layer=layer)))
        ax.errorbar(width, known["mean"], known["error"], color=colour, marker="o", label=f"layer {layer}")
    for kind, style in (("tree", "--"), ("single", ":")):
        made = variance(data["synthetic"].sel(kind=kind, layer=ENDS[1])).mean("sample")
        ax.plot(width, made, style, color=GREY, label=f"synthetic {kind}")
    ax.set(xscale="log", yscale="log", xlabel="width $N$", ylabel=r"$\mathrm{Var}(q)$")
    ax.set_xticks(width, [str(n) for n in width])
    ax.minorticks_off()
    ax.legend(loc="lower left", fontsize=6)


def against_nulls(ax: Axes, data: xr.Dataset) -> None:
    """K by layer at the largest N, that of the made-up tree, and nulls as open symbols."""
    kinds = {"found": ("found", "black"), "tree": ("synthetic tree", GREY)}
    for n, (kind, (words, colour)) in enumerate(kinds.items()):
        t, x = data.sel(of=kind), np.array(list(LAYERS)) + 0.2 * n - 0.1
        known = gn.analysis.mean_and_error(t["K"])
        ax.errorbar(x, known["mean"], known["error"], fmt="o^"[n], color=colour, label=words)
        for null, mark in zip(NULLS, "sD", strict=True):
            ax.plot(x, known["mean"] + t[null].mean("sample"), mark, color=colour, markerfacecolor="white")
    ax.set(xlabel="layer $l$", ylabel="$K$ (open: nulls)", xticks=list(LAYERS), ylim=(0, 1.5), xlim=(0.6, 3.4))
    ax.legend(loc="upper left", fontsize=6.5)


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    sizes = experiment.sizes
    planned = runs(sizes)
    data = table(experiment.simulate(planned), planned, sizes)
    experiment.finish(draw(data), claims(data), data)


if __name__ == "__main__":
    main()
