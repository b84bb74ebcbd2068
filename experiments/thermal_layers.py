"""Are layers of the thermal machine solid and liquid: how do they relax, and what do clones have in common?

Claims [Huang et al. 2025]: layers next to both ends are solid, those in the centre liquid; the solid grows with
ln alpha; further layers of a deeper machine are liquid; boundary layers relax more slowly than the centre; the machine
ages; next to the input, overlaps of weights P(Q) within one sample stand apart from those between samples.

Clones of each host share its configuration at the waiting time t_w and have velocities of their own. Overlaps q_l and
autocorrelations c_l of neurons are divided by the squares at both times, so that they begin at 1. Levels are 1/e. What
is compared is a lag of 8e3 steps after t_w = 1.2e4, where the paper has 5e5 after 5e4: a layer that is solid here may
melt later. Before this run there were trials of one to three samples. At T = 1e-5 the centre was still a solid:
neurons move by sqrt(T) h = 3e-5 a step, and what the centre forgets by diffusion takes longer. At T = 5e-4, of the
paper's range as well, ln alpha = 3.2 and lag 8e3, two samples had q_l = .94 .42 .16 .20 .32 .53 .72 .86 .97. So loads
and depths are compared at T = 5e-4, and T = 1e-5 stands beside it. The friction is 1e-3 a step.

Changed after a first run had been seen: it judged machines of depth 10 after t_w = 8e3, whose hosts had learned .81(2)
of their training digits, so that all was INCONCLUSIVE; those of depth 7 had learned .92(2). Now depth 7 is judged,
depth 10 stands beside it, t_w is 1.2e4, and there are six samples instead of four. In that second run hosts had learned
.894(28), four of the six .9 and more: after that had been seen, too, those samples alone are judged whose host has
learned .9 of its training digits, at least three of a machine; where fewer have, what needs that machine is withheld.

Control: samples that have not learned say nothing of what learning freezes: the accuracy of the machine's own tanh
network on its training digits at t_w decides; that it concerns the claim on P(Q), too, was decided after the data had
been seen. All samples see the same digits, so that overlaps between samples (P(Q))
compare initial conditions alone.

    python experiments/thermal_layers.py --scale desk        # 2e10 moves of one number
    python experiments/thermal_layers.py --scale paper       # published lags, widths and numbers of clones
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, means, weakest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from thermal_learning import COLD, H25, LEARNED, PUBLISHED, Case, difference, over

import glassnet as gn
from glassnet import analysis
from glassnet.analysis.relaxation import LEVEL
from glassnet.plot.style import GREY, graded

WARM = 5e-4
"""Temperature at which loads and depths are compared."""
BASE = 7
"""Depth of the machines that are judged."""
FEWEST = 3
"""Hosts of a machine that must have learned."""
BINS = np.linspace(-1, 1, 41)
"""Edges of the bins of P(Q)."""


@dataclass(frozen=True)
class Sizes:
    """Loads at N = 10, further depths and temperatures at one load, waiting times, lags, samples, clones."""

    loads: Sequence[int]
    patterns: int
    depths: Sequence[int]
    temperatures: Sequence[float]
    waits: tuple[int, ...]
    lag: int
    samples: int
    clones: int


TEST_BEFORE_DATA = "changed"
SIZES = {
    "smoke": Sizes((10, 40), 40, (5,), (COLD,), (5, 20), 20, 3, 2),
    "desk": Sizes((10, 41, 245), 245, (10,), (COLD,), (100, 12_000), 8_000, 6, 2),
    "paper": Sizes((10, 20, 41, 82, 245, 600), 600, (5, 10, 12, 15), (COLD, 1e-3), (100, 1000, 50_000), 500_000, 8, 6),
}


# Runs.


def cases(sizes: Sizes) -> list[Case]:
    """All machines."""
    found = [Case(load, depth=BASE, temperature=WARM) for load in sizes.loads]
    found += [Case(sizes.patterns, depth=L, temperature=WARM) for L in sizes.depths]
    return found + [Case(sizes.patterns, depth=BASE, temperature=T) for T in sizes.temperatures]


def run(sizes: Sizes, case: Case) -> Arguments:
    machine = gn.ThermalMachine(case.depth, case.width, inputs=784, outputs=2)
    return {
        "machine": machine,
        "task": gn.tasks.digits(machine, case.patterns, seed=1),
        "temperature": case.temperature,
        "dynamics": gn.Langevin(time_step=1e-2, friction=1e-3),
        "protocol": gn.Protocol(
            sweeps=sizes.lag, waiting_times=sizes.waits, clones=sizes.clones, samples=sizes.samples, points_per_decade=5
        ),
        "seed": 2,
    }


# Analysis.


def by_layer(ds: xr.Dataset) -> xr.Dataset:
    """By sample, waiting time, lag and hidden layer: overlap of clones, autocorrelation; errors of the hosts."""
    hidden = {"layer": slice(None, -1)}
    parts = {
        "overlap": analysis.mean_pair_overlap(ds["spin_overlap"]).isel(hidden),
        "correlation": ds["spin_autocorrelation"].mean("clone").isel(hidden),
        "raw": ds["spin_autocorrelation_raw"].mean("clone").isel(hidden),
    }
    errors = {"own_training": ds["train_error_tanh"].isel(time=-1), "signs": ds["test_error"].isel(time=-1)}
    return xr.Dataset(parts | {name: 1 - x for name, x in errors.items()})


def histograms(ds: xr.Dataset) -> xr.Dataset:
    """P(Q) of pairs of last configurations, of one sample and of different ones, in layer 1 and in the central one."""
    Q = ds["final_weight_overlap"].isel(waiting_time=-1)
    same = ds["configuration_sample"].values[:, None] == ds["configuration_sample"].values
    upper = np.triu(np.ones(same.shape, bool), 1)
    kinds = {"same": same & upper, "different": ~same & upper}
    chosen = [1, centre_of(int(ds.attrs["depth"]))]
    counts = [
        [np.histogram(Q.sel(layer=l).values[pairs], BINS, density=True)[0] for pairs in kinds.values()] for l in chosen
    ]
    middle = (BINS[1:] + BINS[:-1]) / 2
    return xr.Dataset(
        {"P": (("place", "pairs", "Q"), np.array(counts))},
        {"place": ["input", "centre"], "pairs": list(kinds), "Q": middle},
    )


def centre_of(depth: int) -> int:
    """The hidden layer in the middle, of two the lower one."""
    return depth // 2


def taught(one: xr.Dataset) -> np.ndarray:
    """Which samples have a host that has learned."""
    return one["own_training"].values > 1 - LEARNED


def last(one: xr.Dataset, name: str = "overlap") -> xr.DataArray:
    """At the longest lag after the last waiting time, by sample and layer."""
    return one[name].isel(waiting_time=-1, lag=-1)


# Verdicts.


def claims(found: Mapping[Case, xr.Dataset], results: Mapping[Case, xr.Dataset] | None = None) -> list[Claim]:
    base = [c for c in found if c.depth == BASE and c.temperature == WARM]
    top = max(base, key=lambda c: c.patterns)
    deep = [c for c in found if c.depth != BASE]
    cold = [c for c in found if c.temperature == COLD]
    control = {c.name: (over(one["own_training"]), over(one["signs"])) for c, one in found.items()}
    learned = over(found[top]["own_training"] - (1 - LEARNED))
    short = {
        c: f"{taught(one).sum()} of {one.sizes['sample']} hosts of {c.name} have learned"
        for c, one in found.items()
        if taught(one).sum() < FEWEST
    }
    found = {c: one if c in short else one.isel(sample=taught(one)) for c, one in found.items()}
    profile = {c.name: analysis.mean_and_error(last(one)) for c, one in found.items()}

    def claim(text: str, test: str, pair: tuple[float, float], numbers: object = None, other: Case = top) -> Claim:
        kept = {} if numbers is None else {"overlap": numbers}
        why = "; ".join(dict.fromkeys(short[c] for c in (top, other) if c in short))
        return Claim(text=text, source=H25, test=test, effect=pair[0], error=pair[1], numbers=kept, spoilt=why)

    q, middle = last(found[top]), centre_of(BASE)
    ends = {l: over(q.sel(layer=l) - LEVEL) for l in (1, BASE - 1)}
    result = [
        claim("Next to the input the machine is solid", "q_1 - 1/e", ends[1], profile),
        claim("Next to the output the machine is solid", "q_{L-1} - 1/e", ends[BASE - 1]),
        claim("The centre is liquid", f"1/e - q_{middle}", over(LEVEL - q.sel(layer=middle))),
    ]
    growth = xr.concat([analysis.mean_and_error(last(found[c]).mean("layer")) for c in base], "load")
    low, high = base[0], top
    more = difference(last(found[high]).mean("layer"), last(found[low]).mean("layer"))
    result.append(
        claim(
            "The solid grows with the load (N fixed)",
            "mean of q over layers, highest less lowest load",
            more,
            growth,
            low,
        )
    )
    c = found[top]["correlation"].isel(lag=-1)
    early, late = c.isel(waiting_time=0), c.isel(waiting_time=-1)
    slow = [over(early.sel(layer=l) - early.sel(layer=middle)) for l in (1, BASE - 1)]
    older = [over(late.sel(layer=l) - early.sel(layer=l)) for l in c["layer"].values]
    after = "at the longest lag after the first waiting time"
    result += [
        claim(
            "Boundary layers relax more slowly than the centre",
            f"c_1 and c_{{L-1}} less c of the centre {after}, weakest",
            weakest(*zip(*slow, strict=True)),
        ),
        claim(
            "The machine ages: every layer keeps more after the longer waiting time",
            f"c_l after the last waiting time less c_l {after}, weakest layer",
            weakest(*zip(*older, strict=True)),
        ),
    ]
    for other in deep:
        shallow, deeper = sorted((top, other), key=lambda c: c.depth)
        inner = difference(*(last(found[c]).sel(layer=centre_of(c.depth)) for c in (shallow, deeper)))
        text = f"Further layers are liquid: the centre keeps less at L = {deeper.depth} than at L = {shallow.depth}"
        result.append(
            claim(text, "q in the centre of the shallower less that of the deeper machine", inner, other=other)
        )
    if cold:
        melted = difference(last(found[cold[0]]).sel(layer=middle), q.sel(layer=middle))
        result.append(
            claim(
                "The centre melts as the temperature rises",
                f"q of the centre at T = {COLD:g} less at T = {WARM:g}",
                melted,
                other=cold[0],
            )
        )
    if results is not None:
        apart = separation(results[top], 1, found[top]["sample"].values)
        text = "Next to the input overlaps of weights of one sample stand apart from those of different samples"
        result.append(claim(text, "mean Q_1 of pairs of one sample less that of pairs of different ones", apart))
    text = "Control: the hosts of the machines that are judged have learned their training digits"
    test = f"accuracy of the tanh network on them, less {1 - LEARNED}"
    return [
        *result,
        Claim(text=text, source="control", test=test, effect=learned[0], error=learned[1], numbers=control),
    ]


def separation(ds: xr.Dataset, layer: int, samples: np.ndarray) -> tuple[float, float]:
    """Mean overlap of weights of pairs of one sample less that of pairs of different ones, with its error."""
    Q = ds["final_weight_overlap"].isel(waiting_time=-1).sel(layer=layer).values
    owner = ds["configuration_sample"].values
    values = []
    for sample in samples:
        mine, theirs = owner == sample, np.isin(owner, samples) & (owner != sample)
        own = Q[np.ix_(mine, mine)]
        within = own[~np.eye(len(own), dtype=bool)].mean()
        values.append(within - Q[np.ix_(mine, theirs)].mean())
    return over(xr.DataArray(values, dims="sample"))


# Figure.


def table(found: Mapping[Case, xr.Dataset], results: Mapping[Case, xr.Dataset]) -> xr.Dataset:
    """All that is drawn: means over samples with errors, by machine; P(Q) and all overlaps of the highest load."""
    data = xr.concat([means(dict(one.data_vars)) for one in found.values()], "machine", join="outer")
    fields = ("patterns", "width", "depth", "temperature")
    data = data.assign_coords({name: ("machine", [getattr(c, name) for c in found]) for name in fields})
    top = max((c for c in found if c.depth == BASE and c.temperature == WARM), key=lambda c: c.patterns)
    data = data.assign(histograms(results[top]).data_vars).assign_coords(histograms(results[top]).coords)
    matrix = results[top]["final_weight_overlap"].isel(waiting_time=-1, drop=True)
    return data.assign(matrix=matrix.assign_attrs(long_name="overlap of weights"))


def draw(found: Mapping[Case, xr.Dataset], data: xr.Dataset) -> Figure:
    places = list(found)
    base = [c for c in found if c.depth == BASE and c.temperature == WARM]
    top = max(base, key=lambda c: c.patterns)
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 10.2), layout="constrained")
        axes = figure.subplots(4, 2).ravel()
        profiles(axes[0], data, {rf"$\ln\alpha$ = {np.log(c.patterns / c.width):.1f}": places.index(c) for c in base})
        published = np.array(PUBLISHED["FigS6c_qstar_vs_L_lnalpha5.3"][str(BASE)])
        axes[0].plot(np.arange(1, BASE), published, color=GREY, linestyle="--", label="published, 5.3, $T$ = 1e-5")
        others = {
            f"L = {c.depth}, T = {c.temperature:g}": places.index(c)
            for c in [top, *(c for c in found if c not in base)]
        }
        profiles(axes[1], data, others)
        for ax, wait in ((axes[2], 0), (axes[3], -1)):
            relaxation(ax, data.isel(machine=places.index(top), waiting_time=wait))
        loads(axes[4], data, [places.index(c) for c in base])
        distribution(axes[5], data)
        for ax, layer in zip(axes[6:], (1, centre_of(BASE)), strict=True):
            gn.plot.overlap_tree(data["matrix"], ax, layer=layer, colour_bar=layer > 1)
            ax.set_title(f"weights of layer {layer}, samples numbered")
        for letter, ax in zip("abcdefgh", axes, strict=True):
            ax.set_title(f"({letter})", loc="left")
            if letter in "abcdf":
                ax.legend(loc="lower left" if letter in "ab" else "best")
    return figure


def profiles(ax: Axes, data: xr.Dataset, machines: Mapping[str, int]) -> None:
    """Overlap of clones at the longest lag by layer."""
    for (words, place), colour in zip(machines.items(), graded("viridis", len(machines)), strict=True):
        one = data.isel(machine=place, waiting_time=-1, lag=-1)
        ax.errorbar(one["layer"], one["overlap_mean"], one["overlap_error"], color=colour, marker="o", label=words)
    ax.axhline(LEVEL, color=GREY, linestyle=":")
    ax.set(xlabel="layer $l$", ylabel="overlap of clones $q_l$", ylim=(-0.5, 1.05))


def relaxation(ax: Axes, one: xr.Dataset) -> None:
    """Autocorrelation of neurons against lag, by layer."""
    for l, colour in zip(one["layer"].values, graded("viridis", one.sizes["layer"]), strict=True):
        c = one.sel(layer=l).isel(lag=slice(1, None))
        if bool(c["correlation_mean"].notnull().any()):
            ax.plot(
                c["lag"],
                c["correlation_mean"],
                color=colour,
                label=f"l = {l}" if l in (1, centre_of(BASE), BASE - 1) else None,
            )
    ax.axhline(LEVEL, color=GREY, linestyle=":")
    words = rf"autocorrelation $c_l(t, t_w = {int(one['waiting_time'])})$"
    ax.set(xscale="log", xlabel="lag $t$ (steps)", ylabel=words, ylim=(-0.3, 1.05))


def loads(ax: Axes, data: xr.Dataset, machines: Sequence[int]) -> None:
    """Overlap of clones at the longest lag as a colour: layer against ln alpha."""
    one = data.isel(machine=list(machines), waiting_time=-1, lag=-1)
    x = np.log(one["patterns"] / one["width"]).values
    q = one["overlap_mean"].isel(layer=slice(None, BASE - 1)).transpose("layer", "machine").values
    image = ax.pcolormesh(np.arange(len(x)), np.arange(1, BASE), q, vmin=0, vmax=1, cmap="RdBu_r", shading="nearest")
    ax.figure.colorbar(image, ax=ax, label="overlap of clones $q_l$")
    ax.set(xticks=range(len(x)), xticklabels=[f"{v:.1f}" for v in x], xlabel=r"load $\ln\alpha$", ylabel="layer $l$")


def distribution(ax: Axes, data: xr.Dataset) -> None:
    """P(Q) of weights in the first and in the central layer."""
    for place, colour in (("input", "C0"), ("centre", "C1")):
        for pairs, style in (("same", "-"), ("different", "--")):
            P = data["P"].sel(place=place, pairs=pairs)
            ax.step(P["Q"], P, color=colour, linestyle=style, where="mid", label=f"{place}, {pairs}")
    ax.set(xlabel="overlap of weights $Q$ of pairs of samples", ylabel="$P(Q)$")


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    chosen = {case.name: case for case in cases(experiment.sizes)}
    done = experiment.simulate({name: run(experiment.sizes, case) for name, case in chosen.items()})
    results = {chosen[name]: ds for name, ds in done.items()}
    found = {case: by_layer(ds) for case, ds in results.items()}
    data = table(found, results)
    experiment.finish(draw(found, data), claims(found, results), data)


if __name__ == "__main__":
    main()
