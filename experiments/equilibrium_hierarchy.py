"""Is the equilibrium of small machines a hierarchy: overlaps by layer, trees and triangles, beside a made-up tree?

Claims. In equilibrium and at low temperature the distribution P(q) of overlaps between independent configurations is
broad, most so at the boundaries, and the configurations form an ultrametric tree there [Yoshino 2020]. This is the
thermodynamic question; `random_hierarchy` has the kinetic one (quenches, clones of clones).

Machines of depth 4 on random graphs with N = 2 c and random data, alpha = 8, soft core, spherical weights; 20
temperatures from 1/2 to 1/9 side by side with replica exchange (heat bath). Each set of data has two independent
starts; the configurations are those of clones that run ladders of their own after the wait. All overlaps are squared
overlaps of neurons, which no change of gauge alters, q = 1/N sum_i (M r_i^2 - 1)/(M - 1). Small trials on other data
say how far one gets: at N = 12 (c = 6) no walker makes a round trip within 15,000 sweeps down to beta = 12, nor at
alpha = 4, N = 16 within 3,000 down to beta = 8. A width that is not EQUILIBRATED (`glassnet.analysis.equilibration`:
good ladder, d<E>/d beta = -var E) spoils the claims and is not drawn.

The theory (two steps, factorised closure) orders both boundary layers beyond beta = 7.2, with q^2 = .0003 at beta =
9: formal at these widths, and below what they resolve. What can be excluded is a hierarchy that is stronger.

Two controls are SYNTHETIC, with as many configurations, sets of data, layers, neurons and patterns, and pass through
the same instrument: a made-up tree (three branches of two states, spins from Gaussian fields in common) whose mean
overlap is the larger of .03 and that found at the largest N; and overlaps without a hierarchy, of the mean that each
width has: of a single state, on the input side of strangers (machines whose first layers follow random weights, and
share their inputs alone; a part of the spins turned over). The tree shows that such a hierarchy would have been seen,
the other what sampling and chance do alone.

Tested at the lowest temperature; b = ln of Var(q) within sets of data over that without a hierarchy, between
configurations of different starts. *Grows*: slope of b against ln N, by layer; in a hierarchy Var(q) stays as that of
a single state vanishes like N^-2 or N^-3, so that b grows; what is left of correlations of finite machines does not.
*Broad*: b at the largest N. *Boundary*: b less that of the centre. *Ultrametric*: K of nulls (shuffled, Gaussian,
shuffled less what the overlaps without a hierarchy show) less K; the four-point ratio of `random_hierarchy`, 1/2 for a
star of unequal branches, 0 for a tree, stands beside it. Resolutions are half of what the synthetic tree shows; where
it is not seen, or starts do not meet (overlaps between clones of one start and of two, within .04 with three errors),
nothing is said.

Changed after a first run was seen, and made anew with other data: that one went down to beta = 12, took all pairs, and
asked of the starts only that no difference be seen. At N = 10 the clones remembered theirs there: the difference was
.013 +- .003 on the output side, .039 +- .019 on the input side, and all that was broad on the output side lay between
clones of one start (Var(q) 18 times that of a liquid; 1.3 between starts). So the ladder ends at beta = 9, pairs are
of different starts, the control must show that the difference is small, and both sides are judged apart. The tree's
least mean overlap is .03 in place of .02, which 12 sets of data see at each test; smaller machines run less long.
After the second run was seen: strangers take the place of a single state on the input side, where all that share their
inputs agree by chance. They have b = .7 over a single state at all widths; no verdict changed.

    python experiments/equilibrium_hierarchy.py --scale desk --cost
    python experiments/equilibrium_hierarchy.py --scale desk           # 4.0e10 proposals, ten minutes on one core
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, Tasks, Verdict, along_runs, judge, weakest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator
from random_hierarchy import statistics

import glassnet as gn
from glassnet.plot.style import GREY, graded

DEPTH = 4
LAYERS = {1: "input side", 2: "centre", 3: "output side"}
"""Hidden layers."""
ENDS, CENTRE = [1, 3], 2
YOSHINO = "Yoshino 2020, abstract"
STARTS = 2
"""Independent starts of each set of data."""
ALLOWED = 0.04
"""Difference of squared overlaps between clones of one start and of two that is taken for equilibrium."""
BRANCHES, STATES = 3, 2
"""Of the made-up tree."""
PAIR = ("clone", "clone_b")
GOOD = "EQUILIBRATED"
EVERY = 5
"""Sweeps between swaps."""
LEAST = 0.03
"""Mean overlap that the made-up tree has at least."""
MANY = 200
"""Sets of what has no hierarchy, for its Var(q); at least as many as sets of data."""


@dataclass(frozen=True)
class Sizes:
    """Connectivities c of machines of N = 2 c, load, ladder, sweeps before and after cloning, sets of data, clones."""

    connectivities: Sequence[int]
    alpha: float
    betas: Sequence[float]
    waiting: Sequence[int]
    sweeps: Sequence[int]
    data_sets: int
    clones: int
    draws: int = 20


TEST_BEFORE_DATA = "changed"
LOWEST, HIGHEST, RUNGS = 2.0, 9.0, np.linspace(0, 1, 20)
LADDER = tuple((LOWEST * (HIGHEST / LOWEST) ** (RUNGS * (0.72 + 0.28 * RUNGS))).tolist())
"""Denser where it is hot, so that all neighbours swap about equally often."""
SIZES = {
    "smoke": Sizes((3, 4), 3.0, (0.5, 1.0, 2.0), (10, 10), (30, 30), data_sets=3, clones=3, draws=2),
    "desk": Sizes((3, 4, 5), 8.0, LADDER, (1_500, 2_500, 4_000), (2_000, 3_500, 6_000), data_sets=12, clones=6),
    "paper": Sizes(
        (3, 4, 5, 6), 8.0, LADDER, (10_000, 20_000, 50_000, 200_000), (20_000, 40_000, 100_000, 1_000_000), 32, 12
    ),
}


def runs(sizes: Sizes) -> dict[str, Arguments]:
    """Arguments of all runs by name: width."""
    times = zip(sizes.connectivities, sizes.waiting, sizes.sweeps, strict=True)
    return {f"N={2 * c}": run(sizes, c, waiting, sweeps) for c, waiting, sweeps in times}


def run(sizes: Sizes, c: int, waiting: int, sweeps: int) -> Arguments:
    """One width: sets of data with `STARTS` samples each."""
    machine = gn.Machine(depth=DEPTH, width=2 * c, connectivity=c, potential=gn.SoftCore(power=2.0))
    samples = sizes.data_sets * STARTS

    def data(n: int) -> gn.tasks.Task:
        return gn.tasks.random(machine, round(sizes.alpha * c), seed=13_000 + n // STARTS)

    return {
        "machine": machine,
        "task": Tasks(data, samples),
        "beta": list(sizes.betas),
        "exchange": gn.Exchange(every=EVERY),
        "dynamics": "heat_bath",
        "weight_step": 0.4,
        "protocol": gn.Protocol(
            sweeps=sweeps,
            waiting_times=(waiting,),
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
    n = STARTS * sizes.clones
    sets = [q[:, k * n : (k + 1) * n, k * n : (k + 1) * n] for k in range(sizes.data_sets)]
    alike = last["pattern_overlap_spread"].isel(lag=-1, drop=True).mean("clone").coarsen(sample=STARTS).mean()
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


def tree(mean: float) -> list[float]:
    """Squared overlaps of the made-up tree that has this mean over pairs, at most .9.

    They rise by one step from different branches to one branch and by two from there to one state.
    """
    weight = np.array([1 - 1 / BRANCHES, (1 - 1 / STATES) / BRANCHES, 1 / (BRANCHES * STATES)])
    rise = np.array([0.0, 1.0, 3.0])
    step = min(mean / (weight @ rise), (0.95 - mean) / (3 - weight @ rise))
    return np.maximum(mean + step * (rise - weight @ rise), 0).tolist()


def means(data: xr.Dataset) -> dict[str, xr.DataArray]:
    """Mean overlaps of single states by width and layer: those found, and those of the made-up trees."""
    found = pairs_of(coldest(data)["squared"]).mean(("sample", "pair")).clip(0, 0.9)
    return {"found": found, "tree": xr.zeros_like(found) + found.isel(run=-1).clip(LEAST)}


def strangers(mean: float, sets: int, configurations: int, part: xr.Dataset, rng: np.random.Generator) -> np.ndarray:
    """SYNTHETIC overlaps of layer 1 of machines that share their inputs alone, (set, configuration, configuration).

    Weights are drawn from the prior, neurons follow them, and spins are turned over by chance until the mean overlap is
    `mean`, at most what neurons that follow have.
    """
    N, c, M = (int(part[name]) for name in ("width", "connectivity", "patterns"))

    def spins() -> np.ndarray:
        inputs = rng.choice([-1, 1], size=(M, N))
        sources = np.array([rng.permutation(N)[:c] for _ in range(N)])
        return np.sign(np.einsum("aic,mic->aim", rng.normal(size=(configurations, N, c)), inputs[:, sources]))

    S = np.stack([spins() for _ in range(sets)])
    between = (slice(None), *apart(configurations))
    following = np.stack([instrument(x) for x in S])[between].mean()
    turned = (1 - min(mean / following, 1) ** 0.25) / 2
    S = np.where(rng.random(S.shape) < turned, -S, S)
    return np.stack([instrument(x) for x in S])


def synthetic(data: xr.Dataset) -> xr.Dataset:
    """SYNTHETIC controls for all widths and layers.

    `synthetic`: overlaps of trees, whose mean is that of the widest machine in this layer and at least `LEAST`, and of
    what has no hierarchy and the mean of this width, for each set of data: strangers on the input side, single states
    elsewhere. `plain`: Var(q) of the latter, and of single states with the tree's mean overlap; mean over many sets.
    """
    rng, count = np.random.default_rng(0), data.sizes[PAIR[0]]
    mean = means(data)
    made = np.empty((2, data.sizes["run"], data.sizes["sample"], count, count, len(LAYERS)))
    plain = np.empty((2, data.sizes["run"], len(LAYERS)))
    between = (slice(None), *apart(count))
    for run, n in np.ndindex(plain.shape[1:]):
        part = data.isel(run=run)
        shape = int(part["width"]), int(part["patterns"])
        own, of_tree = (float(mean[of][run, n]) for of in ("found", "tree"))

        def states(levels: Sequence[float], sets: int, shape: tuple[int, int] = shape) -> np.ndarray:
            return np.stack([made_up(levels, count, shape, rng) for _ in range(sets)])

        first = list(LAYERS)[n] == ENDS[0]
        nothing = strangers(own, MANY, count, part, rng) if first else states([own] * 3, MANY)
        made[0, run, ..., n] = states(tree(of_tree), made.shape[2])
        made[1, run, ..., n] = nothing[: made.shape[2]]
        for k, sets in enumerate((nothing, states([of_tree] * 3, MANY))):
            plain[k, run, n] = sets[between].var(axis=1, ddof=1).mean()
    coords = {"kind": ["tree", "plain"], "of": ["found", "tree"], "layer": list(LAYERS)}
    dims = ("kind", "run", "sample", *PAIR, "layer")
    return xr.Dataset({"synthetic": (dims, made), "plain": (("of", "run", "layer"), plain)}, coords)


def table(results: Mapping[str, xr.Dataset], arguments: Mapping[str, Arguments], sizes: Sizes) -> xr.Dataset:
    """All widths along a dim `run`, ascending, the synthetic controls, and the theory."""
    data = along_runs(
        [measured(ds, sizes) for ds in results.values()],
        width=[a["machine"].width for a in arguments.values()],
        connectivity=[a["machine"].connectivity for a in arguments.values()],
        patterns=[a["task"][0].patterns for a in arguments.values()],
    )
    data = data.assign_coords(beta=("temperature", list(sizes.betas)))
    good = (data["verdict"] == GOOD).values
    data["used"] = ("run", good if good.any() else ~good)
    data = data.assign(synthetic(data).data_vars).assign(theory=theory(sizes))
    return data.assign(shapes(data, sizes.draws).data_vars)


def shapes(data: xr.Dataset, draws: int) -> xr.Dataset:
    """K, its nulls and four-point ratio at the largest N in use, of what was found and of the made-up tree."""
    last = data.isel(run=np.flatnonzero(data["used"].values)[-1], drop=True)
    tree, plain = (last["synthetic"].sel(kind=kind, drop=True) for kind in ("tree", "plain"))
    parts = [triangles(q, draws) for q in (coldest(last)["squared"], tree)]
    nothing = triangles(plain, draws)["shuffled"]
    parts = [x.assign(plain_shuffled=x["shuffled"] - nothing) for x in parts]
    return xr.concat(parts, xr.DataArray(["found", "tree"], dims="of", name="of"))


def theory(sizes: Sizes) -> xr.DataArray:
    """Mean squared overlap by temperature and layer, two steps of symmetry breaking, factorised closure: formal."""
    options = {"depth": DEPTH, "alpha": sizes.alpha, "steps": 2, "potential": gn.SoftCore(power=2.0)}
    solved = [gn.theory.parisi(beta=beta, **options) for beta in sizes.betas]
    found = [x.weight @ x.q[:, 1:-1] ** 2 for x in solved]
    return xr.DataArray(found, {"layer": list(LAYERS)}, ("temperature", "layer"))


def coldest(data: xr.Dataset) -> xr.Dataset:
    """Everything at the lowest temperature."""
    return data.isel(temperature=-1, drop=True)


def start_of(configurations: int) -> np.ndarray:
    """Start of each configuration of a set of data."""
    return np.arange(configurations) * STARTS // configurations


def apart(configurations: int) -> np.ndarray:
    """Pairs of configurations from different starts, (2, pair)."""
    start = start_of(configurations)
    return np.array(np.nonzero(start[:, None] < start))


def pairs_of(q: xr.DataArray) -> xr.DataArray:
    """Overlaps of configurations from different starts along `pair`: what clones remember of theirs cannot count."""
    a, b = (xr.DataArray(x, dims="pair") for x in apart(q.sizes[PAIR[0]]))
    return q.isel(clone=a, clone_b=b)


def variance(q: xr.DataArray) -> xr.DataArray:
    """Var(q) over the pairs of each set of data."""
    return pairs_of(q).var("pair", ddof=1)


def broad(data: xr.Dataset) -> xr.DataArray:
    """ln of Var(q), mean over sets of data, over that without a hierarchy, by width and layer."""
    return np.log(data["variance"].mean("sample") / data["plain"])


def growth(data: xr.Dataset) -> xr.DataArray:
    """Slope of `broad` against ln N, by layer: a straight line through all widths."""
    x = np.log(data["width"])
    x = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    return (broad(data) * x).sum("run")


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
    start = start_of(q.sizes[PAIR[0]])
    one = start[:, None] == start
    off = ~np.eye(len(start), dtype=bool)
    within, between = (q.where(xr.DataArray(keep, dims=PAIR)).mean(PAIR) for keep in (one & off, ~one))
    return within - between


# Verdicts.


def claims(data: xr.Dataset) -> list[Claim]:
    """Controls first: equilibrium, and that the synthetic tree is seen."""
    used = data.isel(run=data["used"].values)
    effects = {of: effects_of(used, of) for of in ("found", "tree")}
    control = equilibrium(data)
    why = control.spoilt or ("" if control.verdict == Verdict.SEEN else "starts do not meet")
    return [control, seen(effects["tree"]), *judged(effects, why)]


NULLS = ["shuffled", "gaussian", "plain_shuffled"]
Effects = dict[str, xr.Dataset]
"""By test: `mean` and `error`, by layer (and null)."""


def effects_of(data: xr.Dataset, of: str) -> Effects:
    """All effects of what was "found", or of the made-up "tree"."""
    q = coldest(data)["squared"] if of == "found" else data["synthetic"].sel(kind="tree", drop=True)
    var, plain = variance(q), data["plain"].sel(of=of, drop=True)

    def of_sets(function: Callable[[xr.Dataset], xr.DataArray]) -> xr.Dataset:
        known = gn.analysis.jackknife(lambda x: function(x.to_dataset(name="variance").assign(plain=plain)), var)
        return known[["value", "error"]].rename(value="mean")

    widest = {"run": -1, "drop": True}
    shape = data.sel(of=of)
    return {
        "growth": of_sets(growth),
        "by width": of_sets(broad),
        "broad": of_sets(lambda x: broad(x).isel(**widest)),
        "boundary": of_sets(lambda x: broad(x).isel(**widest).pipe(lambda y: y - y.sel(layer=CENTRE, drop=True))),
        "ultrametric": gn.analysis.mean_and_error(shape[NULLS].to_dataarray("null")),
        "K": gn.analysis.mean_and_error(shape["K"]),
        "four_point": gn.analysis.mean_and_error(shape["four_point"]),
    }


def at(effect: xr.Dataset, layers: Sequence[int]) -> tuple[float, float]:
    """The weakest of these layers."""
    part = effect.sel(layer=list(layers))
    return weakest(part["mean"], part["error"])


def equilibrium(data: xr.Dataset) -> Claim:
    difference = gn.analysis.mean_and_error(starts_differ(data))
    mean, error = difference["mean"].values, difference["error"].values
    effect, sigma = weakest(ALLOWED - abs(mean), error)
    not_so = [f"N = {int(N)}: {v}" for N, v in zip(data["width"], data["verdict"].values, strict=True) if v != GOOD]
    return Claim(
        text="Control: ladders of all widths are in equilibrium, starts forgotten.",
        source="control",
        test=(
            f"{ALLOWED:g} less the difference of overlaps between clones of one start and of two, lowest temperature, "
            "worst of widths and layers"
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


SIDES = {layer: words for layer, words in LAYERS.items() if layer != CENTRE}
TESTS = {
    **{
        f"P(q) grows broader than without a hierarchy with N (layer {l}, {x})": ("growth", [l])
        for l, x in LAYERS.items()
    },
    **{f"P(q) is broader than without a hierarchy on the {x} (largest N)": ("broad", [l]) for l, x in SIDES.items()},
    **{f"P(q) is broader on the {x} than in the centre (largest N)": ("boundary", [l]) for l, x in SIDES.items()},
    **{f"Configurations are ultrametric on the {x} (largest N)": ("ultrametric", [l]) for l, x in SIDES.items()},
}
"""Claims: the effect and the layers, of which the weakest counts."""
WORDS = {
    "growth": "slope against ln N of ln of Var(q) over that of the synthetic control without one, lowest temperature",
    "broad": "ln of Var(q) over that of the synthetic control without one, lowest temperature",
    "boundary": "ln of Var(q) over that of the synthetic control, less the same of the centre, lowest temperature",
    "ultrametric": "K of nulls less K: shuffled, Gaussian, shuffled less what the synthetic control shows; the weakest",
}
"""What is measured."""


def judged(effects: Mapping[str, Effects], why: str) -> list[Claim]:
    found = []
    for text, (name, layers) in TESTS.items():
        effect, error = at(effects["found"][name], layers)
        tree, tree_error = of_tree(effects["tree"], name, layers)
        blind = "" if judge(tree, tree_error) == Verdict.SEEN else "the synthetic tree is not seen"
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
                spoilt=why or blind,
            )
        )
    return found


# Figure.

COLOURS = dict(zip(LAYERS, graded("viridis", 3), strict=True))
LOOKS = {"tree": "--", "single state": ":"}
"""Lines of synthetic overlaps."""


def draw(data: xr.Dataset) -> Figure:
    """Ordered matrices of one set of data and of a made-up tree; P(q), mean, spread and K by layer."""
    used = data.isel(run=data["used"].values)
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 4.4), layout="constrained")
        axes = figure.subplots(2, 4)
        matrices(axes[0], used)
        distributions(axes[1, 0], used)
        in_temperature(axes[1, 1], used)
        in_width(axes[1, 2], used)
        against_nulls(axes[1, 3], used)
        titles = [*(f"layer {layer}" for layer in LAYERS), "SYNTHETIC", "", "", "", ""]
        for ax, letter, title in zip(axes.flat, "abcdefgh", titles, strict=True):
            ax.set_title(f"({letter}) {title}", loc="left")
        key = [Line2D([], [], color=colour, label=f"layer {l}, {LAYERS[l]}") for l, colour in COLOURS.items()]
        key += [Line2D([], [], color=GREY, linestyle=look, label=f"synthetic {x}") for x, look in LOOKS.items()]
        figure.legend(handles=key, loc="outside lower center", ncols=5)
        if not (used["verdict"] == GOOD).all():
            figure.suptitle("equilibrium not shown")
    return figure


def matrices(axes: np.ndarray, data: xr.Dataset) -> None:
    """Overlaps of one set of data in the order of their trees, by layer, and those of a made-up tree."""
    last = data.isel(run=-1)
    found = coldest(last)["squared"].isel(sample=0, drop=True)
    made = last["synthetic"].sel(kind="tree", layer=ENDS[1], drop=True).isel(sample=0, drop=True)
    shown = [*(found.sel(layer=layer, drop=True) for layer in LAYERS), made]
    top = max(float(x.where(~np.eye(x.sizes[PAIR[0]], dtype=bool)).max()) for x in shown)
    for ax, x in zip(axes, shown, strict=True):
        named = x.rename(clone="configuration", clone_b="configuration_b").drop_vars(PAIR, errors="ignore")
        matrix = gn.analysis.trees(named)["matrix"].values
        image = ax.imshow(matrix, cmap="viridis", vmin=0, vmax=top, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
    axes[0].set_ylabel(f"$N = {int(last['width'])}$, ordered by tree")
    bar = axes[0].figure.colorbar(image, ax=list(axes), pad=0.01, aspect=14)
    bar.set_label("squared overlap")


def distributions(ax: Axes, data: xr.Dataset) -> None:
    """P(q) by layer, largest N, lowest temperature, and those of the made-up tree and state (output side)."""
    last = data.isel(run=-1)
    parts = {layer: coldest(last)["squared"].sel(layer=layer) for layer in LAYERS}
    made = {kind: last["synthetic"].sel(kind=kind, layer=ENDS[1]) for kind in ("tree", "plain")}
    values = {name: pairs_of(x).values.ravel() for name, x in (parts | made).items()}
    everything = np.concatenate(list(values.values()))
    edges = np.linspace(everything.min(), np.quantile(everything, 0.998), 28)
    middle = (edges[1:] + edges[:-1]) / 2
    for name, x in values.items():
        density = np.histogram(x, edges)[0] / (len(x) * np.diff(edges))
        look = {"tree": "--", "plain": ":"}.get(name, "-")
        ax.step(middle, density, look, where="mid", color=COLOURS.get(name, GREY), linewidth=0.9)
    ax.set(xlabel="squared overlap $q$", ylabel="$P(q)$", yscale="log")


def in_temperature(ax: Axes, data: xr.Dataset) -> None:
    """Mean overlap against beta by layer, largest N; the theory of both boundary layers."""
    last = data.isel(run=-1)
    beta = last["beta"].values
    for layer, colour in COLOURS.items():
        q = pairs_of(last["squared"].sel(layer=layer)).mean("pair")
        known = gn.analysis.mean_and_error(q)
        ax.errorbar(beta, known["mean"], known["error"], color=colour, marker="o", markersize=2.5)
    ax.plot(beta, data["theory"].sel(layer=ENDS[0]), "-.", color="black", linewidth=0.9, label="theory")
    ax.legend(loc="upper left")
    ax.set(xscale="log", xlabel=r"inverse temperature $\beta$", ylabel="mean squared overlap")
    ax.xaxis.set_major_locator(LogLocator(2, numticks=9))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()


def in_width(ax: Axes, data: xr.Dataset) -> None:
    """ln of Var(q) over that without a hierarchy against N by layer; dashed: the made-up trees."""
    width = data["width"].values
    for of, style in (("found", "-"), ("tree", "--")):
        known = effects_of(data, of)["by width"]
        for layer, colour in COLOURS.items():
            one = known.sel(layer=layer)
            ax.errorbar(width, one["mean"], one["error"], fmt=f"{style}o", color=colour)
    ax.axhline(0, color=GREY, linewidth=0.6)
    ax.set(xscale="log", xlabel="width $N$", ylabel=r"$b = \ln\,\mathrm{Var}(q)/\mathrm{Var}_0$")
    ax.set_xticks(width, [str(n) for n in width])
    ax.minorticks_off()


def against_nulls(ax: Axes, data: xr.Dataset) -> None:
    """K by layer at the largest N, that of the made-up tree, and nulls as open symbols."""
    kinds = {"found": ("found", "black"), "tree": ("synthetic tree", GREY)}
    for n, (kind, (words, colour)) in enumerate(kinds.items()):
        t, x = data.sel(of=kind), np.array(list(LAYERS)) + 0.2 * n - 0.1
        known = gn.analysis.mean_and_error(t["K"])
        ax.errorbar(x, known["mean"], known["error"], fmt="o^"[n], color=colour, label=words)
        for null, mark in zip(NULLS, "sD", strict=False):
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
