"""Which layers of a deep perceptron are ordered? Squared overlaps of neurons, extrapolated in 1/c and c/N.

Claims. Above its threshold, alpha = 5.3 here, the output side is a solid in both closures of the replica theory: its
neurons keep an overlap q with themselves. The factorised closure [Yoshino 2020] says the same of the input side, with
the same q; the closure with the exact local trace has q = 0 there. Both are theories of width N >> connectivity
c >> 1. The plain overlap cannot tell: it decays when a single neuron turns over with all its weights, which costs no
energy (a gauge), so that `closures`, which looked at it at N = 4 c, says nothing of the solid. The squared overlap of
neurons cannot decay that way.

Machines of depth 4 on random graphs, random data, soft core at beta = 16, heat bath, quenched; two clones of one host.
Two liquid configurations under one set of data agree, too: a chance level that vanishes like 1/c and stands at the
same c and N at alpha = 3, where both closures have liquids only. What counts is the excess over it,

    D(c, N) = q2(alpha = 10) - q2(alpha = 3) = D_inf + a/c + b c/N

by layer, sample by sample, at the lags of the last octave; D_inf by least squares with errors of a jackknife. A decay
that has not ended makes D too large. For "ordered", what is left must also be positive if it falls in the next octave
by as much as in the last: D - (D an octave before - D).

Written before the run: sizes, tests and resolution (half of what the closures predict, q^2 = .0078 at alpha = 10). The
control of the chance level: between alpha = 1.5 and 3, liquids both, the excess of no hidden layer may exceed the
resolution by three errors; if it does, all claims are spoilt. The positive control of the input side is the output
side, measured by the same estimator. At alpha = 20 (q^2 = .029) there are two sizes at one c: no extrapolation; what is
said there holds for c = 24. Changed after the data had been seen: at alpha = 20 an excess of which more than half would
be gone in the next octave is not at rest, and decides nothing (the test had called that of the input side
contradicted). The runs at alpha = 10 go on to a lag of 16,000 instead of 8,000, after which the output side still fell:
whether it is ordered had been INCONCLUSIVE.

How long does a neuron keep its sign? Yoshino 2020 has it from finite width that order is lost by such turns, the later
the larger c. The plain autocorrelation falls as neurons turn, its squared kin does not: their ratio is 1 - 2 P, P the
fraction of neurons that have turned over. The time until a tenth has, ratio .8, by c: does its logarithm grow with c at
the output side at alpha = 10, and faster than in the liquid at alpha = 3? Both claims were added after the data had
been seen, and the resolution of the second, half of the liquid's slope, after its result was.

    python experiments/order.py --scale desk       # 5e11 proposals, an hour and a half at 1e8 a second
    python experiments/order.py --scale paper      # for an accelerator
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, along_runs, tasks, weakest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import glassnet as gn
from glassnet import analysis
from glassnet.plot.style import GREY, graded

DEPTH, BETA = 4, 16.0
HIDDEN = {1: "input side", 2: "centre", 3: "output side"}
"""Hidden layers."""
DILUTE, LIQUID, MIDDLE, DEEP = 1.5, 3.0, 10.0, 20.0
"""Loads alpha: two below all thresholds, and two above that of the output side."""
POTENTIAL = gn.SoftCore()


@dataclass(frozen=True)
class Sizes:
    """Machines (c, N/c) by load, times in sweeps before and after cloning, after it at alpha = 10, and samples."""

    machines: Sequence[tuple[int, int]]
    few: Sequence[tuple[int, int]]
    waiting: int
    sweeps: int
    longer: int
    samples: int


TEST_BEFORE_DATA = "changed"
SIZES = {
    "smoke": Sizes([(4, 2), (6, 2), (4, 4), (6, 3)], [(4, 2)], waiting=5, sweeps=40, longer=80, samples=3),
    "desk": Sizes(
        machines=[(20, 8), (20, 16), (20, 32), (24, 8), (24, 16), (32, 8), (32, 16), (48, 8)],
        few=[(24, 8), (24, 16)],
        waiting=3_000,
        sweeps=8_000,
        longer=16_000,
        samples=4,
    ),
    "paper": Sizes(
        machines=[(c, r) for c in (24, 32, 48, 64) for r in (8, 16, 32)],
        few=[(24, 16), (48, 16)],
        waiting=30_000,
        sweeps=100_000,
        longer=100_000,
        samples=16,
    ),
}


def runs(sizes: Sizes) -> dict[str, Arguments]:
    """Arguments of all runs by name, the short ones first."""
    plan = [(alpha, c, r) for alpha in (LIQUID, MIDDLE) for c, r in sizes.machines]
    plan += [(alpha, c, r) for alpha in (DILUTE, DEEP) for c, r in sizes.few]
    plan.sort(key=lambda point: point[0] * point[1] ** 3 * point[2])
    return {f"alpha={alpha:g}-c={c}-N={r * c}": run(alpha, c, r * c, sizes) for alpha, c, r in plan}


def run(alpha: float, c: int, N: int, sizes: Sizes) -> Arguments:
    machine = gn.Machine(depth=DEPTH, width=N, connectivity=c, potential=POTENTIAL)
    sweeps = sizes.longer if alpha == MIDDLE else sizes.sweeps
    protocol = gn.Protocol(
        sweeps=sweeps, waiting_times=(sizes.waiting,), clones=2, samples=sizes.samples, points_per_decade=8
    )
    return {
        "machine": machine,
        "task": tasks(gn.tasks.random, machine, samples=sizes.samples, seed=3000, patterns=round(alpha * c)),
        "beta": BETA,
        "protocol": protocol,
        "dynamics": "heat_bath",
        "seed": 1,
    }


# Analysis.


def measured(ds: xr.Dataset) -> xr.Dataset:
    """Squared overlap of both clones by sample, layer and lag, its mean over the last two octaves; autocorrelations."""
    one = ds.isel(waiting_time=0, drop=True).sel(layer=list(HIDDEN))
    squared = one["spin_overlap_squared"].isel(clone=0, clone_b=1, drop=True)
    own = {"plain": "spin_autocorrelation_connected", "own_squared": "spin_autocorrelation_squared"}
    last = float(ds["lag"][-1])
    late = [squared.sel(lag=slice(last / 2 ** (n + 1) + 1, last / 2**n)).mean("lag") for n in (0, 1)]
    parts = {"squared": squared, "late": late[0], "earlier": late[1]}
    return xr.Dataset(parts | {name: one[x].mean("clone") for name, x in own.items()})


def table(results: Mapping[str, xr.Dataset], arguments: Mapping[str, Arguments]) -> xr.Dataset:
    """All runs along a dim `run`, with alpha, c and width as coordinates."""
    machines = [a["machine"] for a in arguments.values()]
    labels = {
        "alpha": [round(a["task"][0].patterns / a["machine"].alpha_scale, 1) for a in arguments.values()],
        "connectivity": [m.alpha_scale for m in machines],
        "width": [m.width for m in machines],
    }
    return along_runs([measured(ds) for ds in results.values()], **labels)


def excess(data: xr.Dataset, name: str, alpha: float, below: float) -> xr.DataArray:
    """`name` at a load less that at a lower one, for each size that has both: by size, sample and layer."""
    parts = {}
    for load in (alpha, below):
        chosen = data[name].isel(run=np.flatnonzero(data["alpha"].values == load)).drop_vars("alpha")
        sizes = list(zip(chosen["connectivity"].values, chosen["width"].values, strict=True))
        parts[load] = {size: chosen.isel(run=n, drop=True) for n, size in enumerate(sizes)}
    both = sorted(set(parts[alpha]) & set(parts[below]))
    found = xr.concat([parts[alpha][size] - parts[below][size] for size in both], "size")
    labels = {"connectivity": [c for c, _ in both], "width": [N for _, N in both]}
    return found.assign_coords({label: ("size", values) for label, values in labels.items()})


def extrapolated(found: xr.DataArray) -> xr.Dataset:
    """D_inf with its error, by what dims there are."""
    return analysis.infinite_connectivity(found, loops=True)


def prediction(alpha: float) -> dict[str, np.ndarray]:
    """Squared overlaps q^2 of the hidden layers in both closures."""
    options = {"depth": DEPTH, "alpha": alpha, "scenario": "random", "potential": POTENTIAL, "beta": BETA}
    closures = ("factorised", "exact")
    return {k: np.square(gn.theory.replica_symmetric(closure=k, **options).q[1:-1]) for k in closures}


# Verdicts.


def claims(data: xr.Dataset) -> list[Claim]:
    """The sides at alpha = 10, extrapolated, and at alpha = 20 as they are."""
    expected = prediction(MIDDLE)
    resolution = float(expected["factorised"][0]) / 2
    late, earlier = (excess(data, name, MIDDLE, LIQUID) for name in ("late", "earlier"))
    now, later = extrapolated(late), extrapolated(2 * late - earlier)
    why = chance_moves(data, resolution)
    numbers = {
        "D_inf by layer": now["y_inf"],
        "errors": now["y_inf_error"],
        "D_inf if it falls on by layer": later["y_inf"],
        "errors of these": later["y_inf_error"],
        "chi squared a degree of freedom": now["chi_squared"],
        **{f"q^2 by layer, {name}": q for name, q in expected.items()},
    }
    where = f"(alpha = {MIDDLE:g}, extrapolated in 1/c and c/N)"
    found = [ordered(layer, source, now, later, resolution, where, numbers, why) for layer, source in SIDES.items()]
    sides = extrapolated(late.sel(layer=3) - late.sel(layer=1))
    found.append(
        Claim(
            text=f"The output side is more ordered than the input side {where}.",
            source=EXACT,
            test="excess of the squared overlap of layer 3 minus that of layer 1, extrapolated",
            effect=float(sides["y_inf"]),
            error=float(sides["y_inf_error"]),
            resolution=resolution,
            numbers=numbers,
            spoilt=why,
        )
    )
    found += [deep(data, layer, source, why) for layer, source in SIDES.items()]
    return [*found, *turning_claims(data)]


FACTORISED = "factorised closure [Yoshino 2020]"
EXACT = "replica theory with the exact local trace"
SIDES = {3: "both closures", 1: FACTORISED}
"""Who says that these layers are ordered."""


def ordered(
    layer: int,
    source: str,
    now: xr.Dataset,
    later: xr.Dataset,
    resolution: float,
    where: str,
    numbers: Mapping,
    why: str,
) -> Claim:
    """The weaker of the excess in the last octave, and of what is left if it falls on."""
    pairs = [(float(x["y_inf"].sel(layer=layer)), float(x["y_inf_error"].sel(layer=layer))) for x in (now, later)]
    effect, error = weakest(*zip(*pairs, strict=True))
    return Claim(
        text=f"The {HIDDEN[layer]} is ordered {where}.",
        source=source,
        test=f"excess of the squared overlap of layer {layer} over the liquid's, in the last octave of lags and "
        "after another one at the same pace, the weaker",
        effect=effect,
        error=error,
        resolution=resolution,
        numbers=numbers,
        spoilt=why,
    )


def deep(data: xr.Dataset, layer: int, source: str, why: str) -> Claim:
    """At alpha = 20, one c: the widest machine, no extrapolation."""
    late, earlier = (excess(data, name, DEEP, LIQUID).sel(layer=layer) for name in ("late", "earlier"))
    widest = int(np.argmax(late["width"].values))
    pairs = [moments(x.isel(size=widest)) for x in (late, 2 * late - earlier)]
    effect, error = weakest(*zip(*pairs, strict=True))
    now, then = (pair[0] for pair in pairs)
    moving = "" if then > now / 2 else f"not at rest: of an excess of {now:.2g}, {now - then:.2g} fell in an octave"
    expected = prediction(DEEP)
    c, N = int(late["connectivity"][widest]), int(late["width"][widest])
    return Claim(
        text=f"The {HIDDEN[layer]} is ordered (alpha = {DEEP:g}, c = {c}, N = {N}).",
        source=source,
        test=f"excess of the squared overlap of layer {layer} over that at alpha = {LIQUID:g}, in the last octave of "
        "lags and after another one at the same pace, the weaker",
        effect=effect,
        error=error,
        resolution=float(expected["factorised"][0]) / 2,
        numbers={
            "excess, and if it falls on": [pair[0] for pair in pairs],
            "errors": [pair[1] for pair in pairs],
            **{f"q^2 by layer, {name}": q for name, q in expected.items()},
        },
        spoilt=why or moving,
    )


def moments(x: xr.DataArray) -> tuple[float, float]:
    """Mean over samples and its standard error."""
    return float(x.mean("sample")), float(x.std("sample", ddof=1) / x.sizes["sample"] ** 0.5)


def chance_moves(data: xr.Dataset, resolution: float) -> str:
    """Why the chance level at alpha = 3 is not that of other loads: the control."""
    liquid = excess(data, "late", LIQUID, DILUTE)
    for layer in HIDDEN:
        for n in range(liquid.sizes["size"]):
            mean, error = moments(liquid.isel(size=n).sel(layer=layer))
            if abs(mean) - 3 * error > resolution:
                return f"the chance level of layer {layer} changes by {mean:.2g} +- {error:.1g} between liquid loads"
    return ""


TURNED = 0.8
"""Ratio of the plain autocorrelation to the root of the squared one, 1 - 2 P, when a tenth of neurons has turned."""


def turning_times(data: xr.Dataset, alpha: float, layer: int) -> xr.Dataset:
    """Lag at which the ratio falls to `TURNED`, by size, with jackknife errors over samples; inf where it does not."""
    chosen = data.isel(run=np.flatnonzero(data["alpha"].values == alpha)).sel(layer=layer)
    rows = []
    for n in range(chosen.sizes["run"]):
        one = chosen.isel(run=n).dropna("lag")
        plain, squared = (one[name].transpose("sample", "lag").values for name in ("plain", "own_squared"))
        size = len(plain)
        left = [crossing(one["lag"].values, np.delete(plain, s, 0), np.delete(squared, s, 0)) for s in range(size)]
        spread = (size - 1) ** 0.5 * np.std(np.log(left)) if np.isfinite(left).all() else np.inf
        rows.append((crossing(one["lag"].values, plain, squared), spread))
    times, spreads = np.array(rows).T
    return xr.Dataset({"time": ("run", times), "log_error": ("run", spreads)}, chosen[["connectivity", "width"]].coords)


def crossing(lag: np.ndarray, plain: np.ndarray, squared: np.ndarray) -> float:
    """Lag, interpolated in its logarithm, at which the ratio of the means over samples (axis 0) first is `TURNED`."""
    ratio = plain.mean(0)[1:] / np.sqrt(np.maximum(squared.mean(0)[1:], 1e-12))
    below = np.flatnonzero(ratio <= TURNED)
    if not len(below) or below[0] == 0:
        return np.inf if not len(below) else float(lag[1])
    n = int(below[0])
    x = np.log(lag[1:][n - 1 : n + 1])
    return float(np.exp(x[0] + (x[1] - x[0]) * (ratio[n - 1] - TURNED) / (ratio[n - 1] - ratio[n])))


def growth(times: xr.Dataset) -> tuple[float, float]:
    """Slope of ln time against c by weighted least squares with its error; NaN unless there are two c, all reached."""
    c, error = times["connectivity"].values.astype(float), times["log_error"].values
    if len(set(c)) < 2 or not (np.isfinite(times["time"].values).all() and np.isfinite(error).all() and error.all()):
        return np.nan, np.nan
    design = np.stack([np.ones_like(c), c], -1) / error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    slope = float((covariance @ design.T @ (np.log(times["time"].values) / error))[1])
    return slope, float(covariance[1, 1] ** 0.5)


def turning_claims(data: xr.Dataset) -> list[Claim]:
    """Neurons of the output side turn the later the larger c, and more so where there is order."""
    solid, liquid = (turning_times(data, alpha, 3) for alpha in (MIDDLE, LIQUID))
    (a, error_a), (b, error_b) = growth(solid), growth(liquid)
    numbers = {
        f"{name}, alpha = {alpha:g}": times[name].values
        for alpha, times in ((MIDDLE, solid), (LIQUID, liquid))
        for name in ("connectivity", "width", "time", "log_error")
    }
    test = "slope of the logarithm of the time until a tenth of the neurons has turned over, by c"
    return [
        Claim(
            text=f"Neurons of the output side turn over the later, the larger c (alpha = {MIDDLE:g}).",
            source="Yoshino 2020",
            test=test,
            effect=a,
            error=error_a,
            numbers=numbers,
        ),
        Claim(
            text=f"With c that time grows faster at alpha = {MIDDLE:g} than in the liquid at {LIQUID:g}.",
            source="order holds neurons",
            test=f"{test}, at alpha = {MIDDLE:g} less at {LIQUID:g}",
            effect=a - b,
            error=float(np.hypot(error_a, error_b)),
            resolution=b / 2,
            numbers={"slopes": [a, b], "errors": [error_a, error_b]},
        ),
    ]


# Figure.


def draw(data: xr.Dataset) -> Figure:
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 2.6), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        turning(left, data)
        sizes(middle, data)
        profile(right, data)
        for letter, ax in zip("abc", (left, middle, right), strict=True):
            ax.set_title(f"({letter})", loc="left")
    return figure


COLOURS = dict(zip(HIDDEN, graded("viridis", 3), strict=True))


def turning(ax: Axes, data: xr.Dataset) -> None:
    """Plain and squared autocorrelation against lag at the largest c."""
    chosen = data.isel(run=np.flatnonzero(data["alpha"].values == MIDDLE))
    one = chosen.isel(run=int(np.argmax(chosen["connectivity"].values)))
    one = one.isel(lag=slice(1, None)).mean("sample")
    for layer, colour in COLOURS.items():
        part = one.sel(layer=layer)
        ax.plot(part["lag"], part["own_squared"], color=colour, label=HIDDEN[layer])
        ax.plot(part["lag"], part["plain"] ** 2, color=colour, linestyle="dashed")
    ax.set(xscale="log", yscale="log", ylim=(1e-4, 1.2), xlabel="lag $t$ (sweeps)")
    ax.set_ylabel("squared autocorrelation of neurons")
    ax.legend(title=f"$c = {int(one['connectivity'])}$", loc="lower left")


def sizes(ax: Axes, data: xr.Dataset) -> None:
    """Excess of both sides against 1/c, and the fit at c/N = 0."""
    found = excess(data, "late", MIDDLE, LIQUID)
    fit, c = extrapolated(found), found["connectivity"].values
    ratio = found["width"].values // c
    markers = dict(zip(sorted(set(ratio)), "o^Dsv", strict=False))
    for layer in (3, 1):
        part = found.sel(layer=layer)
        mean, error = part.mean("sample"), part.std("sample", ddof=1) / part.sizes["sample"] ** 0.5
        for r, marker in markers.items():
            here = ratio == r
            shift = 0.0004 * (list(markers).index(r) - 1)
            style = {"color": COLOURS[layer], "marker": marker, "linestyle": "none", "markersize": 3.5}
            label = f"$N = {r} c$" if layer == 1 else None
            ax.errorbar(1 / c[here] + shift, mean.values[here], error.values[here], label=label, **style)
        line = fit.sel(layer=layer)
        x = np.array([0, 1 / c.min()])
        ax.plot(x, float(line["y_inf"]) + float(line["slope"]) * x, color=COLOURS[layer], linewidth=0.9)
        ax.errorbar(0, float(line["y_inf"]), float(line["y_inf_error"]), color=COLOURS[layer], marker="*", markersize=6)
    ax.axhline(0, color=GREY, linewidth=0.6)
    ax.axhline(prediction(MIDDLE)["factorised"][0], color=GREY, linestyle="dotted", linewidth=0.9)
    ax.set(xlabel="1 / connectivity $c$", ylabel=r"excess $D$ at $\alpha = 10$", xlim=(-0.003, None))
    ax.legend(loc="best")


def profile(ax: Axes, data: xr.Dataset) -> None:
    """Extrapolated excess by layer beside q^2 of both closures."""
    layers, fit = list(HIDDEN), extrapolated(excess(data, "late", MIDDLE, LIQUID))
    for (name, q), style in zip(prediction(MIDDLE).items(), ((0, (4, 2)), "solid"), strict=True):
        ax.plot(layers, q, color=GREY, linestyle=style, label=name)
    ax.errorbar(
        layers, fit["y_inf"], fit["y_inf_error"], color="black", marker="*", linestyle="none", label="simulated"
    )
    ax.axhline(0, color=GREY, linewidth=0.6)
    ax.set(xlabel="hidden layer $l$", ylabel=r"$D_\infty$ and $q_l^2$", xticks=layers)
    ax.legend(loc="upper left")


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    planned = runs(experiment.sizes)
    data = table(experiment.simulate(planned), planned)
    experiment.finish(draw(data), claims(data), data)


if __name__ == "__main__":
    main()
