"""How deep the solid reaches into the machine, and how that grows with the load alpha.

Claims. The solid grows like ln(alpha) from both boundaries, and the centre is liquid [Yoshino 2020, the abstract in
other words]; judged is that it grows, since a handful of loads cannot tell a logarithm from another law. In the
factorised closure both sides are equal; in the closure that traces each neuron together with its gap the output side
alone is solid at these loads. Machines of depth 8 on random graphs of width 4 c are quenched to beta = 16 with random
data; two clones part at one waiting time. The thickness xi is the distance from a boundary at which the connected
overlap of their spins falls to 0.1, between layers by a line. Without any solid xi = 0.9, since the boundary itself is
clamped. The level lies below 1/e because in equilibrium, too, overlaps at these loads are 0.02 to 0.25 next to the
boundary and zero behind it: in replica theory the second layer freezes at 68.

At a finite lag the thickness is kinetic: a layer counts that has not yet relaxed, whether it ever will or not. It is
shown against the lag. Waiting time and lag are the same at all loads. Loads at which machines have condensed into
states of low energy are drawn, hollow, but neither line nor claim rests on them; that was decided when they had been
seen.

    python experiments/penetration_depth.py --scale desk        # 1.6e10 proposals, 3 minutes on two quiet cores
    python experiments/penetration_depth.py --scale paper       # 4.3e13 proposals, see --cost
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, means, tasks, weakest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import glassnet as gn
from glassnet import analysis
from glassnet.plot.style import GREY, graded

BETA, LEVEL = 16.0, 0.1
"""LEVEL: overlap that bounds the solid."""
TOLERANCE = 0.1
"""Layers by which both sides may differ and still count as equal."""
POTENTIAL = gn.SoftCore()
CLOSURES = ("factorised", "exact")
SIDES = {"input": ("#0072B2", "o"), "output": ("#D55E00", "D")}


@dataclass(frozen=True)
class Sizes:
    """Depth, loads, connectivity c, width in units of c, samples, and sweeps before and after cloning."""

    depth: int
    alpha: Sequence[float]
    connectivity: int
    waiting: int
    sweeps: int
    samples: int = 8
    ratio: int = 4
    theory_points: int = 21


TEST_BEFORE_DATA = "changed"
SIZES = {
    "smoke": Sizes(4, (1.0, 6.0), 4, waiting=5, sweeps=1000, samples=3, ratio=2, theory_points=3),
    "desk": Sizes(8, (1.5, 3.0, 6.0, 12.0, 24.0, 48.0), 16, waiting=300, sweeps=1200),
    "paper": Sizes(8, (1.5, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0), 48, waiting=10_000, sweeps=100_000, samples=16),
}


# Runs.


def runs(sizes: Sizes) -> dict[str, Arguments]:
    """Arguments of all runs, by name; data and dynamics of each are independent of those of the others."""
    return {f"alpha={alpha:g}": run(alpha, sizes, seed=1000 * n) for n, alpha in enumerate(sizes.alpha, start=1)}


def run(alpha: float, sizes: Sizes, seed: int) -> Arguments:
    c, samples = sizes.connectivity, sizes.samples
    machine = gn.Machine(depth=sizes.depth, width=sizes.ratio * c, connectivity=c, potential=POTENTIAL)
    return {
        "machine": machine,
        "task": tasks(gn.tasks.random, machine, samples=samples, seed=seed, patterns=round(alpha * c), test_patterns=1),
        "beta": BETA,
        "protocol": gn.Protocol(
            sweeps=sizes.sweeps, waiting_times=(sizes.waiting,), clones=2, samples=samples, points_per_decade=4
        ),
        "dynamics": "heat_bath",
        "seed": seed,
    }


# Analysis.


def overlaps(results: Sequence[xr.Dataset], alpha: Sequence[float]) -> xr.Dataset:
    """Of clones, by alpha, sample, lag and layer: connected overlap of spins, overlap of weights, energy / liquid's."""
    return xr.concat([overlaps_of_run(ds) for ds in results], xr.IndexVariable("alpha", list(alpha)))


def overlaps_of_run(ds: xr.Dataset) -> xr.Dataset:
    one = ds.isel(waiting_time=0, drop=True)
    pairs = {"spins": "spin_overlap_connected", "weights": "weight_overlap"}
    parts = {name: analysis.mean_pair_overlap(one[variable]) for name, variable in pairs.items()}
    liquid = gn.theory.liquid_energy(potential=POTENTIAL, beta=BETA)
    return xr.Dataset({**parts, "energy": one["clone_energy"].mean("clone") / liquid})


def thickness(spins: xr.DataArray) -> xr.DataArray:
    """xi in layers by `side` (input, output) and all dims of `spins` but the layer."""
    found = analysis.penetration_depth(spins.rename(lag="at") if "lag" in spins.dims else spins, LEVEL)
    both = xr.concat([found[f"{side}_depth"] for side in SIDES], xr.IndexVariable("side", list(SIDES)))
    return both.rename(at="lag") if "at" in both.dims else both


def table(q: xr.Dataset) -> xr.Dataset:
    """What is drawn: means over samples with errors, and lines through the thickness at two lags."""
    depth = thickness(q["spins"])
    data = means({**q, "thickness": depth})
    lines = analysis.logarithmic_growth(
        depth.sel(lag=two_lags(depth), alpha=fitted(data["energy_mean"])).rename(lag="two_lags"), seed=0
    )
    return data.assign({k: lines[k] for k in ("slope", "slope_error", "intercept", "intercept_error")})


CONDENSED = 0.8
"""Energy of a layer, over that of the liquid, below which a machine has condensed; closures do not know that state."""


def uncondensed(energy: xr.DataArray) -> np.ndarray:
    """Values of alpha whose machines have not condensed at the longest lag, by the mean energy of each layer."""
    least = energy.isel(lag=-1).min("layer")
    return energy["alpha"].values[least.values > CONDENSED]


def fitted(energy: xr.DataArray) -> np.ndarray:
    """The loads that lines are drawn through; all if less than two have not condensed, `spoilt` says that then."""
    kept = uncondensed(energy)
    return kept if len(kept) > 1 else energy["alpha"].values


def spoilt(energy: xr.DataArray) -> str:
    """Why nothing can be said."""
    return "" if len(uncondensed(energy)) > 1 else "the machines have condensed at all loads but one at most"


def two_lags(data: xr.DataArray) -> list[int]:
    """The longest lag and the one nearest to a quarter of it; before that all layers may still be solid."""
    lag = data["lag"]
    return [int(lag.sel(lag=lag[-1] / 4, method="nearest")), int(lag[-1])]


def equilibrium(depth: int, alpha: Sequence[float]) -> xr.Dataset:
    """Replica theory by closure: alpha_g of hidden layers, and thickness by alpha and side."""
    options = {"potential": POTENTIAL, "beta": BETA}
    curve, step = gn.theory.curves.overlap_curves, gn.theory.transitions
    overlap = [curve(depth=depth, alpha=alpha, closure=name, **options)["spin_overlap"] for name in CLOSURES]
    alpha_g = [step(depth=depth, closure=name, **options).alpha_g for name in CLOSURES]
    xi = xr.concat([thickness(q) for q in overlap], xr.IndexVariable("closure", list(CLOSURES)))
    thresholds = xr.DataArray(alpha_g, {"layer": np.arange(1, depth)}, ("closure", "layer"))
    return xr.Dataset({"thickness": xi, "alpha_g": thresholds})


UNITS = {"spins": "per neuron and pattern", "weights": "per weight", "energy": "of the liquid's", "alpha_g": "1"}


def slopes(theory: xr.Dataset) -> xr.DataArray:
    """d xi / d ln alpha of both closures by least squares over the same range of loads."""
    lines = theory["thickness"].assign_coords(alpha=np.log(theory["alpha"])).polyfit("alpha", 1)
    return lines["polyfit_coefficients"].sel(degree=1, drop=True).drop_vars(["closure", "side"])


def stored(data: xr.Dataset, theory: xr.Dataset) -> xr.Dataset:
    """All that is drawn in one Dataset, with units."""
    extra = theory.rename(alpha="theory_alpha", thickness="theory_thickness", alpha_g="theory_alpha_g")
    both = data.assign(extra.data_vars)
    for name, x in both.data_vars.items():
        unit = next((u for key, u in UNITS.items() if key in str(name)), "layers")
        x.attrs = {"units": unit, "long_name": str(name).replace("_", " ")}
    return both


# Verdicts.

YOSHINO = "Yoshino 2020, abstract"
FACTORISED, EXACT = "factorised closure [Yoshino 2020]", "replica theory with the exact local trace"


def claims(q: xr.Dataset, data: xr.Dataset, theory: xr.Dataset) -> list[Claim]:
    depth = thickness(q["spins"])
    last = depth.isel(lag=-1)
    solid = theory["alpha_g"].sel(closure="factorised").isel(layer=0)
    frozen = depth["alpha"] > float(solid)
    energy = data["energy_mean"]
    kept = fitted(energy)
    frozen &= depth["alpha"].isin(kept)
    found = [growth(data.sel(alpha=kept), side) for side in SIDES]
    found += [liquid(data.sel(alpha=kept), name) for name in ("spins", "weights")]
    found += [*symmetry(last.sel(alpha=frozen)), shrinking(depth.sel(alpha=frozen))]
    return [replace(claim, spoilt=spoilt(energy)) for claim in found]


def growth(data: xr.Dataset, side: str) -> Claim:
    lines = data[["slope", "slope_error"]].sel(side=side)
    numbers = {f"slope and error at lag {int(x['two_lags'])}": list(x.values()) for x in by_lag(lines)}
    lag = int(data["two_lags"][-1])
    return Claim(
        text=f"What holds still at the {side} grows thicker with the load.",
        source=YOSHINO,
        test=f"slope d xi/d ln alpha by least squares, loads that have not condensed, xi at lag {lag}",
        effect=float(lines["slope"][-1]),
        error=float(lines["slope_error"][-1]),
        numbers=numbers | {"largest distance from the line, layers": abs(misfit(data, side)).max()},
    )


def misfit(data: xr.Dataset, side: str) -> xr.DataArray:
    """Mean thickness at the longest lag minus the fitted line, by load."""
    part = data[["thickness_mean", "slope", "intercept"]].sel(side=side).isel(lag=-1, two_lags=-1, drop=True)
    return part["thickness_mean"] - part["intercept"] - part["slope"] * np.log(part["alpha"])


def by_lag(lines: xr.Dataset) -> list[xr.Dataset]:
    return [lines.isel(two_lags=n) for n in range(lines.sizes["two_lags"])]


def liquid(data: xr.Dataset, name: str) -> Claim:
    """The layer of spins (or the two of weights) in the middle, the weakest over loads."""
    mean, error = (data[f"{name}_{k}"].isel(lag=-1) for k in ("mean", "error"))
    L = mean.sizes["layer"]
    middle = [L // 2] if name == "spins" else [L // 2, L // 2 + 1]
    effect, sigma = weakest(LEVEL - mean.sel(layer=middle), error.sel(layer=middle))
    return Claim(
        text=f"The centre is liquid at all loads that have not condensed: {name}.",
        source=YOSHINO,
        test=f"{LEVEL} minus overlap of {name} in layer {' and '.join(map(str, middle))} at the longest lag, weakest",
        effect=effect,
        error=sigma,
        numbers={"overlap": mean.sel(layer=middle), "energy over the liquid's": data["energy_mean"].isel(lag=-1)},
    )


def symmetry(xi: xr.DataArray) -> list[Claim]:
    """Thickness on both sides, at each of the loads at which the factorised closure has two solids."""
    difference = analysis.mean_and_error(xi.sel(side="output", drop=True) - xi.sel(side="input", drop=True))
    mean, error = difference["mean"], difference["error"]
    thicker = weakest(mean, error)
    over_loads = float(mean.mean(skipna=False)), float(np.sqrt((error**2).sum(skipna=False))) / mean.size
    where = f"longest lag, weakest of alpha = {xi['alpha'].values[0]:g} to {xi['alpha'].values[-1]:g}"
    numbers = {"output minus input by load": difference, "mean over loads and error": over_loads}
    return [
        Claim(
            text="The solid is as thick on the input side as on the output side.",
            source=FACTORISED,
            test=f"{TOLERANCE} layers minus the size of the difference of xi, mean over loads",
            effect=TOLERANCE - abs(over_loads[0]),
            error=over_loads[1],
            numbers=numbers,
        ),
        Claim(
            text="The solid is thicker on the output side than on the input side (test chosen after the data).",
            source=EXACT,
            test=f"xi of the output minus xi of the input, {where}",
            effect=thicker[0],
            error=thicker[1],
            numbers=numbers,
        ),
    ]


def shrinking(depth: xr.DataArray) -> Claim:
    early, late = two_lags(depth)
    change = depth.sel(lag=early).drop_vars("lag") - depth.sel(lag=late).drop_vars("lag")
    part = analysis.mean_and_error(change)
    effect, error = weakest(part["mean"], part["error"])
    return Claim(
        text="The thickness is kinetic: on both sides it still shrinks as the lag grows.",
        source="simulations of this model",
        test=f"xi at lag {early} minus xi at lag {late}, weakest of sides and loads with two solids in theory",
        effect=effect,
        error=error,
        numbers={side: part.sel(side=side, drop=True) for side in SIDES},
    )


# Figure.


def draw(data: xr.Dataset, theory: xr.Dataset) -> Figure:
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 5.0), layout="constrained")
        axes = figure.subplots(2, 2).ravel()
        phases(axes[0], data)
        against_load(axes[1], data, theory["thickness"])
        against_lag(axes[2], data)
        weights(axes[3], data)
        for letter, ax in zip("abcd", axes, strict=True):
            ax.set_title(f"({letter})", loc="left")
    return figure


def phases(ax: Axes, data: xr.Dataset) -> None:
    """Overlap of spins of clones at the longest lag as a colour, white at LEVEL, and the steps of both closures."""
    depth = data.sizes["layer"]
    options = {"depths": [depth], "potential": POTENTIAL, "beta": BETA}
    steps = [gn.theory.curves.transition_curves(closure=name, **options) for name in CLOSURES]
    q = data["spins_mean"].isel(lag=-1, layer=slice(None, -1)).assign_attrs(long_name="connected overlap of spins")
    gn.plot.phase_diagram(q.drop_vars("lag"), ax, theory=steps, level=LEVEL)


def against_load(ax: Axes, data: xr.Dataset, theory: xr.DataArray) -> None:
    """Thickness at the longest lag with the fitted lines, and that of both closures; hollow where condensed."""
    alpha, cold = data["alpha"].values, ~data["alpha"].isin(uncondensed(data["energy_mean"])).values
    kept = fitted(data["energy_mean"])
    for side, (colour, marker) in SIDES.items():
        one, line = data.isel(lag=-1).sel(side=side), data.isel(two_lags=-1).sel(side=side)
        mean, error = one["thickness_mean"], one["thickness_error"]
        style = {"color": colour, "marker": marker, "linestyle": ""}
        ax.errorbar(alpha[~cold], mean[~cold], error[~cold], label=f"{side} side", **style)
        ax.errorbar(alpha[cold], mean[cold], error[cold], markerfacecolor="white", **style)
        ax.plot(kept, float(line["intercept"]) + float(line["slope"]) * np.log(kept), color=colour, linewidth=0.8)
    fine = theory["alpha"]
    both = {"color": "black", "linestyle": "--", "label": "equilibrium, factorised"}
    ax.plot(fine, theory.sel(closure="factorised", side="input"), **both)
    for side in SIDES:
        words = {"input": "equilibrium, exact, input", "output": "equilibrium, exact, output"}[side]
        style = {"color": SIDES[side][0], "linewidth": 3, "alpha": 0.35, "zorder": 1, "label": words}
        ax.plot(fine, theory.sel(closure="exact", side=side), **style)
    ax.set(ylabel=r"thickness $\xi$ (layers)")
    loads(ax, alpha)
    ax.legend(loc="best")


def loads(ax: Axes, alpha: np.ndarray) -> None:
    """A logarithmic axis with the simulated loads as ticks."""
    ax.set(xscale="log", xlabel=r"constraint density $\alpha = M/c$")
    ax.set_xticks(alpha, labels=[f"{x:g}" for x in alpha])
    ax.set_xticks([], minor=True)


def against_lag(ax: Axes, data: xr.Dataset) -> None:
    """Thickness against the lag, a colour for each load, both sides."""
    part = data.isel(lag=slice(1, None))
    for colour, alpha in zip(graded("plasma", part.sizes["alpha"]), part["alpha"].values, strict=True):
        for (side, (_, marker)), style in zip(SIDES.items(), ("--", "-"), strict=True):
            one = part.sel(alpha=alpha, side=side)
            options = {"color": colour, "linestyle": style, "marker": marker, "markersize": 2.5, "elinewidth": 0.6}
            label = f"{alpha:g}" if side == "output" else None
            ax.errorbar(one["lag"], one["thickness_mean"], one["thickness_error"], label=label, **options)
    ax.set(xscale="log", xlabel="lag $t$ (sweeps)", ylabel=r"thickness $\xi$ (layers)", ylim=(0.8, 4.2))
    known = part["lag"].values[np.isfinite(part["thickness_mean"]).any(["alpha", "side"]).values]
    ax.set_xticks(known, labels=[str(lag) for lag in known])
    ax.set_xticks([], minor=True)
    ax.legend(title=r"$\alpha$", loc="upper right", ncols=3)
    ax.set_title("full: output side, dashed: input side")


def weights(ax: Axes, data: xr.Dataset) -> None:
    """Overlap of weights at the longest lag by layer."""
    part = data.isel(lag=-1)
    for colour, alpha in zip(graded("plasma", part.sizes["alpha"]), part["alpha"].values, strict=True):
        one = part.sel(alpha=alpha)
        style = {"color": colour, "marker": "o", "label": f"{alpha:g}"}
        ax.errorbar(one["layer"], one["weights_mean"], one["weights_error"], **style)
    ax.axhline(LEVEL, color=GREY, linewidth=0.6, linestyle=":")
    ax.set(xlabel="layer $l$", ylabel="overlap of clones, weights", xticks=part["layer"])
    ax.set_title("longest lag, colours as in (c)")


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    sizes = experiment.sizes
    q = overlaps(list(experiment.simulate(runs(sizes)).values()), sizes.alpha)
    data = table(q)
    fine = np.geomspace(sizes.alpha[0], sizes.alpha[-1], sizes.theory_points)
    theory = equilibrium(sizes.depth, fine)
    experiment.finish(draw(data, theory), claims(q, data, theory), stored(data, theory), theory_slopes=slopes(theory))


if __name__ == "__main__":
    main()
