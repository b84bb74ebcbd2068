"""Relaxation times against the width N at fixed load: does the finite width cut the glass off?

Random data, quench to beta = 66.7, alpha = M/N = 5 for all widths N. The relaxation time tau_l(N) of a layer is the lag
at which its connected spin autocorrelation, after one fixed waiting time, falls to 1/e. Narrow machines hold magnetised
neurons, whose raw autocorrelation has a plateau that is no glass: hence the connected one.

Narrow machines do something else as well: after a while they condense. All patterns then share one configuration of a
hidden layer up to a sign, q^{mu nu} = 1/N sum_i S_i^mu S_i^nu = +-1, and the energy falls far below that of the liquid.
A clone counts as condensed if in some hidden layer the spread of q^{mu nu} over pairs of patterns is above 2/sqrt(N),
twice that of independent patterns, at the end. Widths at which most clones condense are drawn but left out of fits:
their relaxation is that into another phase.

Claims of the abstract of Yoshino, SciPost Phys. Core 2, 005 (2020), with the test of each:

1. Finite width truncates the glass. Tested is only what follows from it: tau of the outermost layers grows with N,
   d ln tau/d ln N > 0. Where all layers grow alike, this need not be the end of a glass.
2. It grows faster at the boundaries than in the centre: the difference of these slopes.

Replica theory is one of infinite width:

3. The energy per gap at the end of the run, extrapolated as e(N) = e_inf + A/N, is that of the replica-symmetric
   solution within 5 %. That is one of equilibrium. The control: from the last but one half decade of lags to the
   last the energy of the output layer must not fall by more than three errors at any width of the fit, or the verdict
   is INCONCLUSIVE. The control was added after the desk data were seen; the claim was CONTRADICTED before.

Beside them: collapse c_l(t, N) = f(t N^b) with its quality, plateaus, and the peak of chi4.

    python experiments/finite_width.py --scale smoke|desk|paper

desk makes 5.8e10 proposals, 0.16 hours at 1e8 a second (two cores). paper makes 1.2e14, 333 hours at that rate: it is
meant for accelerators.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from experiment import SIGMA, Claim, Experiment, tasks, weakest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.analysis import ends_and_centre
from glassnet.plot.style import ENERGY, ERROR, GREY, graded, plain_numbers

YOSHINO = "Yoshino 2020, abstract"
BETA = 66.7
ALPHA = 5
SEED = 40
CONDENSED = 2.0
"""Spread of the overlap of patterns, in units of 1/sqrt(N), above which a layer is condensed."""
TOLERANCE = 0.05
"""Part of the theory's energy by which the extrapolated one may differ."""

WORDS = {
    "correlation": ("connected spin autocorrelation", "1"),
    "tau": ("relaxation time", "sweeps"),
    "slope": ("d ln tau/d ln N", "1"),
    "energy": ("energy per gap", "1"),
    "condensed": ("part of the clones that are condensed", "1"),
    "collapse_b": ("exponent b of c = f(t N^b)", "1"),
    "collapse_quality": ("quality S of the collapse", "1"),
    "chi4_height": ("peak of chi4 over clones", "neurons times patterns"),
    "chi4_peak_lag": ("lag of the peak of chi4", "sweeps"),
}


@dataclass(frozen=True, kw_only=True)
class Widths:
    """Machines that differ in width alone."""

    depth: int
    widths: tuple[int, ...]
    samples: int
    clones: int
    waiting_time: int
    sweeps: int
    resamples: int = 100
    collapse_from: int = 100


TEST_BEFORE_DATA = "no"
SIZES = {
    "smoke": Widths(
        depth=4, widths=(8, 12), samples=3, clones=2, waiting_time=5, sweeps=300, resamples=3, collapse_from=5
    ),
    "desk": Widths(depth=6, widths=(10, 14, 20, 28, 40), samples=10, clones=2, waiting_time=1000, sweeps=30_000),
    "paper": Widths(
        depth=10, widths=(20, 40, 80, 160), samples=16, clones=4, waiting_time=10**4, sweeps=10**6, collapse_from=1000
    ),
}


def run(size: Widths, width: int) -> dict:
    """Independent data for each sample and width; heat bath, so that flips that cost nothing do not alternate."""
    machine = gn.Machine(depth=size.depth, width=width, ensemble="spherical", potential=gn.SoftCore(power=2.0))
    seed = SEED * width
    data = tasks(gn.tasks.random, machine, samples=size.samples, seed=seed, patterns=ALPHA * width, test_patterns=2)
    protocol = gn.Protocol(
        sweeps=size.sweeps,
        waiting_times=(size.waiting_time,),
        clones=size.clones,
        samples=size.samples,
        points_per_decade=10,
    )
    return {"machine": machine, "task": data, "beta": BETA, "dynamics": "heat_bath", "protocol": protocol, "seed": seed}


def autocorrelation(results: Mapping[int, xr.Dataset]) -> xr.DataArray:
    """Connected c_l(t) of the layers that move, clones averaged: width, sample, lag, layer."""
    name = "spin_autocorrelation_connected"
    one = [gn.analysis.moving_layers(ds, name).isel(waiting_time=0).mean("clone") for ds in results.values()]
    return xr.concat(one, by_width(results)).astype(float)


def energy(results: Mapping[int, xr.Dataset]) -> xr.DataArray:
    """Energy per gap of the clones: width, sample, lag. All layers have as many gaps."""
    means = [ds["clone_energy"].mean(("clone", "layer", "waiting_time")) for ds in results.values()]
    return xr.concat(means, by_width(results)).astype(float)


def last_energy(results: Mapping[int, xr.Dataset]) -> xr.DataArray:
    """Energy per gap of each layer at the last lag: width, layer."""
    one = [ds["clone_energy"].isel(waiting_time=0, lag=-1).mean(("sample", "clone")) for ds in results.values()]
    return xr.concat(one, by_width(results))


def late(x: xr.DataArray) -> xr.DataArray:
    """Mean over the last half decade of lags."""
    return x.sel(lag=x["lag"] > float(x["lag"].max()) / 10**0.5).mean("lag")


def output_fall(results: Mapping[int, xr.Dataset]) -> xr.Dataset:
    """Fall of the energy of the output layer from the last but one half decade of lags to the last: width.

    Mean and error over samples; positive as long as the layer is not in equilibrium.
    """
    falls = []
    for ds in results.values():
        e = ds["clone_energy"].isel(waiting_time=0, layer=-1, drop=True).mean("clone").astype(float)
        parts = float(e["lag"].max()) / e["lag"]
        before = e.sel(lag=(parts >= 10**0.5) & (parts < 10)).mean("lag")
        falls.append(before - late(e))
    return gn.analysis.mean_and_error(xr.concat(falls, by_width(results)))


def condensed(results: Mapping[int, xr.Dataset]) -> xr.DataArray:
    """Part of the clones that are condensed at the end: width."""
    one = [gn.analysis.condensed(ds, CONDENSED).isel(waiting_time=0) for ds in results.values()]
    return xr.concat([clones.mean(("sample", "clone")) for clones in one], by_width(results))


def by_width(results: Mapping[int, xr.Dataset]) -> xr.DataArray:
    words = {"units": "neurons", "long_name": "width", "symbol": "N"}
    return xr.DataArray(list(results), dims="width", name="width", attrs=words)


def times(c: xr.DataArray) -> xr.DataArray:
    """tau_l(N) of the mean over samples; NaN where it is not reached."""
    return gn.analysis.relaxation_time(c.mean("sample"))


def slopes(c: xr.DataArray) -> xr.DataArray:
    """z_l = d ln tau/d ln N of a straight line.

    In the outermost layers the longest lag stands for a tau that is not reached, if that of two widths is: a lower
    bound, which makes z smaller since it is the largest widths whose tau is not reached.
    """
    tau = times(c)
    bounded = tau["layer"].isin(ends_and_centre(c)[0]) & (tau.notnull().sum("width") > 1)
    y = np.log(xr.where(bounded, tau.fillna(float(c["lag"].max())), tau))
    x = np.log(c["width"].astype(float))
    x = x - x.mean()
    return (y * x).sum("width", skipna=False) / (x**2).sum()


def lead(c: xr.DataArray) -> xr.DataArray:
    """Slopes of the outermost layers over that of the centre."""
    ends, centre = ends_and_centre(c)
    z = slopes(c)
    return z.sel(layer=[*ends]) - z.sel(layer=centre, drop=True)


def collapse(c: xr.DataArray, size: Widths) -> xr.Dataset:
    """b and quality S of c_l(t, N) = f(t N^b), the first decades (which no width slows) left out."""
    slow = c.sel(lag=c["lag"] >= size.collapse_from)
    return gn.analysis.finite_size_collapse(slow, "lag", seed=SEED, a=0.0, resamples=size.resamples, logarithmic=True)


def peaks(results: Mapping[int, xr.Dataset]) -> xr.Dataset:
    """Height and lag of the peak of chi4 over clones, by width and layer that moves."""
    one = [
        gn.analysis.susceptibility_peak(ds, seed=SEED).isel(waiting_time=0, layer=slice(-1)) for ds in results.values()
    ]
    return xr.concat(one, by_width(results))


def theory(size: Widths, closure: str) -> tuple[float, np.ndarray]:
    """Energy per gap e = -(1/L) dPhi/dbeta and overlaps q(l) of the replica-symmetric solution."""

    def solution(beta: float) -> gn.theory.ReplicaSymmetric:
        given = {"depth": size.depth, "alpha": float(ALPHA), "closure": closure, "potential": gn.SoftCore(power=2.0)}
        return gn.theory.replica_symmetric(beta=beta, **given)

    step = 0.02 * BETA
    slope = (solution(BETA + step).free_entropy - solution(BETA - step).free_entropy) / (2 * step)
    return -slope / size.depth, solution(BETA).q


def claims(c: xr.DataArray, e: xr.Dataset, exact: float, fall: xr.Dataset) -> list[Claim]:
    """Verdicts from c_l(t, N), the extrapolated energy, that of the theory, and the fall at the widths of the fit."""
    (first, last), centre = ends_and_centre(c)
    ends = [first, last]
    words = "the longest lag stands for what is not reached (lower bound): the weakest"
    tests = {
        "Relaxation times of the outermost layers grow with the width.": (
            bootstrap(lambda x: slopes(x).sel(layer=ends), c),
            f"d ln tau/d ln N of layers {ends}, {words}",
        ),
        "They grow faster at the boundaries than in the centre.": (
            bootstrap(lead, c),
            f"d ln tau/d ln N of layers {ends} minus that of layer {centre}, {words}",
        ),
    }
    out = []
    for text, (found, test) in tests.items():
        effect, error = weakest(found["value"], found["error"])
        numbers = {name: found[name] for name in ("value", "error")}
        out.append(Claim(text=text, source=YOSHINO, test=test, effect=effect, error=error, numbers=numbers))
    return [*out, energy_claim(e, exact, fall)]


def energy_claim(e: xr.Dataset, exact: float, fall: xr.Dataset) -> Claim:
    """The extrapolated energy lies within `TOLERANCE` of the theory's, if the output layer is in equilibrium."""
    falls = bool((fall["mean"] > SIGMA * fall["error"]).any())
    numbers = {name: e[name] for name in ("y_inf", "y_inf_error", "amplitude", "chi_squared")}
    return Claim(
        text="The energy per gap at infinite width is that of replica theory.",
        source="replica theory, exact local trace",
        test=f"{TOLERANCE:g} of the theory's energy minus the distance from it of e_inf in e_inf + A/N",
        effect=TOLERANCE * exact - abs(float(e["y_inf"]) - exact),
        error=float(e["y_inf_error"]),
        numbers=numbers | {"theory": exact, "fall": fall["mean"], "fall_error": fall["error"]},
        spoilt="the energy of the output layer still falls: not in equilibrium" if falls else "",
    )


def bootstrap(function: Callable[[xr.DataArray], xr.DataArray], c: xr.DataArray) -> xr.Dataset:
    return gn.analysis.bootstrap(function, c, seed=SEED)


def apart(parts: xr.DataArray) -> np.ndarray:
    """Widths at which at most half of the clones condense, at least the two widest."""
    keep = (parts <= 0.5).values
    keep[-2:] = True
    return parts["width"].values[keep]


def drawn(c: xr.DataArray, e: xr.DataArray, parts: xr.DataArray, fit: xr.Dataset, chi: xr.Dataset) -> xr.Dataset:
    """Everything that the figure shows."""
    curve, tau, z = gn.analysis.mean_and_error(c), bootstrap(times, c), bootstrap(slopes, c.sel(width=apart(parts)))
    per_gap = gn.analysis.mean_and_error(late(e))
    new = {
        "correlation": curve["mean"],
        "correlation_error": curve["error"],
        "tau": tau["value"],
        "tau_error": tau["error"],
        "slope": z["value"],
        "slope_error": z["error"],
        "energy": per_gap["mean"],
        "energy_error": per_gap["error"],
        "condensed": parts,
        **{f"collapse_{name}": fit[name] for name in ("b", "b_error", "quality")},
        **{f"chi4_{name}": chi[name] for name in ("height", "height_error", "peak_lag", "peak_lag_error")},
    }
    return xr.Dataset({name: described(name, x) for name, x in new.items()})


def described(name: str, x: xr.DataArray) -> xr.DataArray:
    words, units = WORDS[name.removesuffix("_error")]
    x = x.rename(None)
    x.attrs = {"long_name": f"standard error of: {words}" if name.endswith("_error") else words, "units": units}
    return x


def figure(c: xr.DataArray, data: xr.Dataset, e: xr.Dataset, exact: float) -> Figure:
    """Autocorrelation, times and collapse against width, exponents by layer, peak of chi4, energy."""
    last, kept = ends_and_centre(c)[0][1], apart(data["condensed"])
    outer = c.sel(layer=last)
    with gn.plot.paper():
        fig = Figure(figsize=(7, 7.6), layout="constrained")
        axes = fig.subplots(3, 2).ravel()
        widths_apart(axes[0], outer, kept)
        against_width(axes[1], data["tau"], data["tau_error"], "relaxation time $\\tau_l$ (sweeps)")
        b = float(np.nan_to_num(data["collapse_b"].sel(layer=last)))
        gn.plot.width_collapse(positive_lags(outer.sel(width=kept).drop_vars("layer")), axes[2], dim="lag", a=0.0, b=b)
        axes[2].set(xscale="log", xlabel=f"$t\\,N^{{{b:.2f}}}$ (sweeps)", ylabel=f"$c_{last}(t, N)$")
        exponents(axes[3], data)
        chi = data.sel(width=kept)
        against_width(axes[4], chi["chi4_height"], chi["chi4_height_error"], "peak of $\\chi_4$ over clones")
        extrapolation(axes[5], data, e, exact)
        shade(axes[1], data["width"].values, kept)
        titles = [f"layer {last}", "relaxation times", "collapse", "exponents", "susceptibility", "energy"]
        for ax, letter, title in zip(axes, "abcdef", titles, strict=True):
            ax.set_title(f"({letter}) {title}", loc="left")
    return fig


def positive_lags(c: xr.DataArray) -> xr.DataArray:
    return c.isel(lag=c["lag"].values > 0)


def widths_apart(ax: Axes, c: xr.DataArray, kept: np.ndarray) -> None:
    """c(t) of one layer, one colour for each width, bands of one standard error; widths that condense are dotted."""
    curve = gn.analysis.mean_and_error(positive_lags(c))
    for N, colour in zip(c["width"].values, graded("plasma", c.sizes["width"]), strict=True):
        one = curve.sel(width=N)
        t, mean, error = one["lag"].values, one["mean"].values, one["error"].values
        ax.plot(t, mean, "-" if N in kept else ":", color=colour, label=f"{N}")
        ax.fill_between(t, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)
    ax.axhline(np.exp(-1), color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    ax.annotate("1/e", (1, np.exp(-1)), (-3, 1.5), ("axes fraction", "data"), "offset points", color=GREY, ha="right")
    ax.set(xscale="log", xlabel="lag $t$ (sweeps)", ylabel=f"$c_{int(c['layer'])}(t)$, connected")
    ax.legend(title="$N$", loc="lower left")


def against_width(ax: Axes, values: xr.DataArray, errors: xr.DataArray, words: str) -> None:
    """Values against width, one line for each layer; nothing where they are not reached."""
    layers, N = values["layer"].values.tolist(), values["width"].values
    for mark, layer, colour in zip("osD^v<>ph", layers, gn.plot.layer_colours(layers)[0], strict=False):
        y, error = values.sel(layer=layer).values, np.nan_to_num(errors.sel(layer=layer).values)
        ax.errorbar(N, y, error, color=colour, marker=mark, capsize=1.5, elinewidth=0.8, label=f"{layer}")
    if values.notnull().any():
        ax.set_yscale("log")
    ax.set(xscale="log", xlabel="width $N$ (neurons)", ylabel=words)
    ax.set_xticks(N, labels=[f"{n}" for n in N])
    ax.tick_params(axis="x", which="minor", length=0, labelbottom=False)
    plain_numbers(ax)
    ax.legend(title="layer", ncols=1, loc="center left", bbox_to_anchor=(1.0, 0.5))


def shade(ax: Axes, N: np.ndarray, kept: np.ndarray) -> None:
    """Widths that condense, shaded."""
    if kept[0] > N[0]:
        border = (kept[0] * N[list(N).index(kept[0]) - 1]) ** 0.5
        ax.axvspan(0.9 * N[0], border, color="0.93", zorder=0)
        ax.text(border, 0.03, "condense ", transform=ax.get_xaxis_transform(), ha="right", color=GREY)
        ax.set_xlim(0.9 * N[0], 1.1 * N[-1])


def exponents(ax: Axes, data: xr.Dataset) -> None:
    """Slopes z and -b of the collapse by layer."""
    layers, style = data["layer"].values, {"capsize": 1.5, "elinewidth": 0.8}
    z, error = data["slope"].values, np.nan_to_num(data["slope_error"])
    ax.errorbar(layers - 0.05, z, error, color=ENERGY, marker="o", label="$z = d\\ln\\tau/d\\ln N$", **style)
    b, error = -data["collapse_b"].values, np.nan_to_num(data["collapse_b_error"])
    ax.errorbar(layers + 0.05, b, error, color=ERROR, marker="s", ls="--", label="$-b$ of $c = f(tN^b)$", **style)
    ax.set(xlabel="layer $l$", ylabel="exponent", xticks=layers)
    ax.legend()


def extrapolation(ax: Axes, data: xr.Dataset, e: xr.Dataset, exact: float) -> None:
    """Energy per gap against 1/N with its line, beside the theory at infinite width."""
    N, kept = data["width"].values, apart(data["condensed"])
    line = np.linspace(0, 1 / kept.min(), 2)
    style = {"color": ENERGY, "capsize": 1.5, "markersize": 4}
    for chosen, face, word in ((kept, ENERGY, "simulation"), (np.setdiff1d(N, kept), "white", "condense")):
        one = data.sel(width=chosen)
        if chosen.size:
            y, error = 1e4 * one["energy"], 1e4 * one["energy_error"]
            ax.errorbar(1 / chosen, y, error, fmt="o", markerfacecolor=face, label=word, **style)
    fitted = 1e4 * (float(e["y_inf"]) + float(e["amplitude"]) * line)
    ax.plot(line, fitted, color=GREY, label="$e_\\infty + A/N$")
    ax.plot([0], [1e4 * exact], "*", markersize=9, color=ERROR, clip_on=False, label="replica theory", zorder=5)
    ax.set(xlabel="$1/N$", ylabel="energy per gap ($10^{-4}$)", xlim=(0, None))
    ax.legend()


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    size = experiment.sizes
    found = experiment.simulate({f"N={n}": run(size, n) for n in size.widths})
    results = dict(zip(size.widths, found.values(), strict=True))
    c, per_gap, parts = autocorrelation(results), energy(results), condensed(results)
    kept = apart(parts)
    mean = gn.analysis.mean_and_error(late(per_gap).sel(width=kept))
    e = gn.analysis.infinite_width(mean["mean"], mean["error"], w=1.0)
    solved = {closure: theory(size, closure) for closure in ("exact", "factorised")}
    exact = solved["exact"][0]
    data = drawn(c, per_gap, parts, collapse(c.sel(width=kept), size), peaks(results))
    experiment.finish(
        figure(c, data, e, exact),
        claims(c.sel(width=kept), e, exact, output_fall(results).sel(width=kept)),
        data,
        theory={name: {"energy": x, "q": q} for name, (x, q) in solved.items()},
        condensed=parts,
        plateau=gn.analysis.plateau_height(c)["value"],
        energy={"last half decade": late(per_gap).mean("sample"), "last lag, by layer": last_energy(results)},
        **{name: {x: data[x] for x in (name, f"{name}_error")} for name in ("tau", "slope", "chi4_height")},
        collapse={name: data[f"collapse_{name}"] for name in ("b", "b_error", "quality")},
    )


if __name__ == "__main__":
    main()
