"""From which side does order come? What students know of their teacher's neurons, layer by layer, neuron by neuron.

Claims. Yoshino 2020 and 2023 (abstracts): order comes from both boundaries inwards, the centre last. Replica theory
with the exact local trace (ours): the output side is ordered first, and the input side is liquid. Both speak of M =
alpha N patterns and as many outputs as inputs. Barbier et al. 2025 (arXiv:2510.24616): with one output nothing is
ordered at M = alpha N; at M of order N^2 neurons specialise, from the input side into the depth, and one after
another.

Students follow their weights (dynamics "feedforward") and have to make no training error: beta = inf, no noise. This
is the hard core of the first two theories, too, where a configuration without violated gaps is one whose neurons
follow. Planted students start as their teacher, which is an exact sample of that equilibrium: order that they lose is
not there; what they keep may be kept for want of time. Cooled students start at random, with errors allowed at first
(beta from .3 to 8, geometric, in three quarters of the run, then zero temperature), and run twice as long. Where both
agree it is equilibrium; order that cooled ones do not find may be there all the same. All run 12 N^2 sweeps: moves are
as N/M, so that at M ~ N^2 weights of every width diffuse as far.

Order of a hidden layer, X: squared overlap of its neurons with the teacher's on the training patterns, matched on half
of them and measured on the other, mean over the last octave of the run, less what unrelated machines of the prior have
by the same estimate (matched strangers agree by .01 to .11), as a fraction of what is left to 1. Order of weights, Y:
the same of rows of weights, whose neurons are matched at both ends, at the end of the run. They differ: a neuron
follows its teacher only if those below do, but for what M patterns fix. A layer above an ordered one agrees by chance
as much as the first does, by .1 or so; "ordered" means X > .1.

Written before the data were seen: sizes, tests and resolutions, after a first look at other teachers (widths 8 to 24,
4 to 6 a size, up to 10,000 sweeps). Claims on order and sides at high loads are about planted students in these times;
the test takes the weaker of X and of what is left if another octave takes as much. Whether that order stays as N grows
is a claim of its own, since at each width it decays slowly. Controls: students of other teachers are at the level of
chance, or all claims are spoilt; of narrow machines (N = 8) students that never saw their teacher find its neurons, so
that order would be seen in cooled ones; at low loads planted and cooled agree, or what is said of equilibrium is
spoilt.

Changed after the data of a first desk run had been seen, which is in the history of this file (8 teachers, loads of .5
to 4 N^2): 24 teachers, none of them of that run; four times the sweeps at M = 2 N, where planted students had not come
to rest and the difference of the sides was left undecided, .032 +- .017; a load of 3 N^2, since at 2 and 4 layer 1 was
not halfway. Tests are as they were. Of 21 verdicts that run left two undecided (the sides at 2 N, and the growth with
the width, .074 +- .040), and it said NOT SEEN of both sides at depth 4 and 2 N; all others are as before.

    python experiments/specialisation.py --scale desk --cost
    python experiments/specialisation.py --scale desk         # 24 minutes on a busy core
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import xarray as xr
from experiment import Arguments, Claim, Experiment, along_runs, tasks, weakest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr

import glassnet as gn
from glassnet.perceptron.observe.teacher import squared_overlaps_by_neuron, teacher_overlaps
from glassnet.perceptron.prior import prior_weights
from glassnet.perceptron.reference import feed_forward
from glassnet.plot.style import GREY, graded

ORDERED, AGREE = 0.1, 0.05
"""Order X above which a layer counts as ordered, and difference of X below which two starts agree."""
COLDEST = 1e6
"""beta after cooling: nothing that costs energy is accepted."""
STEP = 12.0
"""Moves of weights are N/(M sqrt(outputs)) times this, .5 at most: then one in three or so is accepted."""
SEED = 53_000


@dataclass(frozen=True)
class Point:
    """One machine and its load.

    Args:
        depth: L.
        outputs: number of outputs; None for as many as the width.
        load: M in units of N, or of N^2 if `squared`.
        squared: whether it is.
        cooled: whether cooled students are run, too.
        times: factor on the sweeps.
    """

    depth: int
    outputs: int | None
    load: float
    squared: bool
    cooled: bool = False
    times: int = 1

    @property
    def case(self) -> str:
        """Outputs, and what M grows with."""
        return f"{self.outputs or 'N'}, {'N^2' if self.squared else 'N'}"

    def patterns(self, N: int) -> int:
        """M at a width."""
        return round(self.load * N ** (2 if self.squared else 1))


@dataclass(frozen=True)
class Sizes:
    """Widths, points, sweeps in units of N^2 (cooled students run twice as many), and teachers.

    Args:
        control: width, outputs as many, and sweeps of the positive control, at M = 10 N.
        strangers: pairs that the level of chance is made of.
    """

    widths: Sequence[int]
    points: Sequence[Point]
    pace: float
    samples: int
    control: tuple[int, int]
    strangers: int = 64


LOADS = (0.5, 1, 2, 3, 4)
ONE = [Point(3, 1, 5, squared=False), *(Point(3, 1, x, squared=True, cooled=x in (1, 2)) for x in LOADS)]
FEW = [Point(3, 4, 1, squared=True)]
TIMES = {2: 4}
"""Factor on sweeps by load, where M ~ N with N outputs: there runs are to come to rest."""
ALL = [Point(3, None, x, squared=False, cooled=x in (2, 10), times=TIMES.get(x, 1)) for x in (1, 2, 3, 5, 10)]
DEEP = [Point(4, None, x, squared=False, times=TIMES.get(x, 1)) for x in (2, 5, 10)]
CONTROL = Point(3, None, 10, squared=False)

CASES = {"linear": "1, N", "one": "1, N^2", "few": "4, N^2", "every": "N, N", "deep": "N, N"}
"""Outputs, and what M grows with."""

TEST_BEFORE_DATA = "changed"
SIZES = {
    "smoke": Sizes(
        (5, 6), (ONE[0], *ONE[2:4], ONE[5], *FEW, ALL[1], *ALL[3:], *DEEP[:2]), 0.5, 3, (4, 30), strangers=4
    ),
    "desk": Sizes((14, 20), (*ONE, *FEW, *ALL, *DEEP), pace=12, samples=24, control=(8, 40_000)),
    "paper": Sizes((24, 32, 48), (*ONE, *FEW, *ALL, *DEEP), pace=200, samples=48, control=(8, 200_000)),
}


# Runs.


def plan(sizes: Sizes) -> list[tuple[int, Point, str, int]]:
    """Width, point, start and sweeps of all runs; narrower machines have planted students of the main points only."""
    found = [(sizes.control[0], CONTROL, "cooled", sizes.control[1])]
    for N in sizes.widths:
        widest = sizes.widths[-1] == N
        for p in sizes.points:
            sweeps = round(sizes.pace * N**2) * p.times
            if widest or (p.depth == 3 and p.case in (CASES["one"], CASES["every"])):
                found.append((N, p, "planted", sweeps))
            if widest and p.cooled:
                found.append((N, p, "cooled", 2 * sweeps))
    return found


def runs(sizes: Sizes) -> dict[str, Arguments]:
    """Arguments of all runs by name."""
    return {
        f"L={p.depth}-outputs={p.outputs or N}-N={N}-M={p.patterns(N)}-{start}": run(sizes, N, p, start, sweeps)
        for N, p, start, sweeps in plan(sizes)
    }


def run(sizes: Sizes, N: int, p: Point, start: str, sweeps: int) -> Arguments:
    outputs, M = p.outputs or N, p.patterns(N)
    machine = gn.Machine(depth=p.depth, width=N, outputs=outputs, ensemble="gaussian", potential=gn.Counting())
    cooling = gn.Schedule((0, 3 * sweeps // 4, 3 * sweeps // 4 + 1), (0.3, 8.0, COLDEST), "geometric")
    options = {"patterns": M, "test_patterns": 1000}
    return {
        "machine": machine,
        "task": tasks(gn.tasks.teacher_student, machine, samples=sizes.samples, seed=SEED, **options),
        "beta": np.inf if start == "planted" else cooling,
        "dynamics": "feedforward",
        "weight_step": min(0.5, STEP * N / (M * outputs**0.5)),
        "protocol": gn.Protocol(
            sweeps=sweeps, waiting_times=(0,), clones=1, samples=sizes.samples, points_per_decade=16
        ),
        "start": "planted" if start == "planted" else "random",
        "observables": ["teacher_overlap_by_neuron"],
        "keep_configurations": True,
        "seed": 11,
    }


# Analysis.


def hidden_overlaps(teacher: Sequence[np.ndarray], student: Sequence[np.ndarray]) -> np.ndarray:
    """R_ij of hidden neurons on even and odd patterns, (2, layer, teacher neuron, student neuron).

    Args:
        teacher: spins of layers 0..L, (pattern, neuron).
        student: the same.
    """
    pairs = [(T.astype(float), S.astype(float)) for T, S in zip(teacher[1:-1], student[1:-1], strict=True)]
    return np.array([[T[k::2].T @ S[k::2] / len(T[k::2]) for T, S in pairs] for k in (0, 1)])


def row_overlaps(teacher: Sequence[np.ndarray], student: Sequence[np.ndarray], R: np.ndarray) -> np.ndarray:
    """Mean squared overlap of the rows of each layer 1..L, less what random rows have: (n q^2 - 1)/(n - 1).

    Args:
        teacher: weights of layers 1..L, (out, in).
        student: the same.
        R: overlaps of the hidden neurons, (layer, teacher neuron, student neuron), by which they are matched and their
            signs chosen.
    """
    places, signs = [np.arange(teacher[0].shape[1])], [np.ones(teacher[0].shape[1])]
    for r in R:
        places.append(linear_sum_assignment(-np.abs(r))[1])
        signs.append(np.where(np.take_along_axis(r, places[-1][:, None], 1)[:, 0] < 0, -1.0, 1.0))
    places.append(np.arange(teacher[-1].shape[0]))
    signs.append(np.ones(teacher[-1].shape[0]))
    found = []
    for l, (J, K) in enumerate(zip(teacher, student, strict=True)):
        K = signs[l + 1][:, None] * K[np.ix_(places[l + 1], places[l])] * signs[l]
        q = (J * K).sum(1) / np.sqrt((J**2).sum(1) * (K**2).sum(1))
        n = J.shape[1]
        found.append(float(((n * q**2 - 1) / (n - 1)).mean()))
    return np.array(found)


def compared(machine: gn.Machine, inputs: np.ndarray, teacher: Sequence, student: Sequence) -> tuple:
    """R^2 of hidden layers, of their neurons, and Y of the rows of all layers; weights by layer in, inputs as data."""
    spins = [feed_forward(machine, J, inputs) for J in (teacher, student)]
    halves, M = hidden_overlaps(*spins), len(inputs)
    return (
        teacher_overlaps(halves, M, match=True)[1],
        squared_overlaps_by_neuron(halves, M, match=True),
        row_overlaps(teacher, student, halves.mean(0)),
    )


@cache
def chance(machine: gn.Machine, M: int, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """R^2 of hidden layers and Y of rows between independent machines of the prior, means over pairs."""
    found = []
    for n in range(pairs):
        rng = np.random.default_rng((SEED, n))
        teacher, student = prior_weights(machine, rng), prior_weights(machine, rng)
        one = compared(machine, 2 * rng.integers(2, size=(M, machine.widths[0]), dtype=np.int8) - 1, teacher, student)
        found.append((one[0], one[2]))
    return tuple(np.mean(x, axis=0) for x in zip(*found, strict=True))


def above(x, level):
    """What exceeds chance, as a fraction of what is left to 1."""
    return (x - level) / (1 - level)


def measured(ds: xr.Dataset, arguments: Arguments, pairs: int) -> xr.Dataset:
    """Order by sample and layer of one run; NaN in layers that have none.

    X and X_before: of neurons, in the last octave and the one before. Y: of rows of weights at the end. `strangers`: X
    of students and the teacher of the next sample, at the end. `neurons`: R^2 by neuron of the teacher. `readout`: root
    mean square of the weights by which neurons of the last hidden layer act on the outputs in the teacher.
    """
    machine, taught = arguments["machine"], list(arguments["task"])
    hidden = list(range(1, machine.depth))
    level, of_rows = chance(machine, taught[0].patterns, pairs)
    level = xr.DataArray(level, {"layer": hidden}, "layer")
    one = ds.isel(waiting_time=0, clone=0).reset_coords(drop=True)
    squared, last = one["teacher_overlap_squared"].sel(layer=hidden), float(one["lag"][-1])
    octaves = [squared.sel(lag=slice(last / 2 ** (n + 1) + 1, last / 2**n)).mean("lag") for n in (0, 1)]
    late = one.sel(lag=slice(last / 2 + 1, None)).mean("lag")
    rows, strange = [], []
    for n, task in enumerate(taught):
        weights, _ = gn.configuration(ds, waiting_time=0, configuration=n)
        rows.append(compared(machine, task.inputs, task.teacher.weights, weights)[2])
        other = taught[(n + 1) % len(taught)]
        strange.append(compared(machine, other.inputs, other.teacher.weights, weights)[0])
    layers = list(range(1, machine.depth + 1))
    readout = [np.sqrt((task.teacher.weights[-1] ** 2).mean(0)) for task in taught]
    return xr.Dataset(
        {
            "R": octaves[0],
            "X": above(octaves[0], level),
            "X_before": above(octaves[1], level),
            "X_in_time": above(squared, level).mean("sample"),
            "chance": level,
            "Y": (("sample", "layer"), above(np.array(rows), of_rows)),
            "strangers": above(xr.DataArray(strange, {"layer": hidden}, ("sample", "layer")), level),
            "neurons": late["teacher_overlap_by_neuron"].sel(layer=hidden),
            "readout": (("sample", "neuron"), np.array(readout)),
            "train_error": late["clone_train_error"],
            "test_error": late["clone_test_error"],
        },
        {"layer": layers},
    )


def table(results: Mapping[str, xr.Dataset], arguments: Mapping[str, Arguments], sizes: Sizes) -> xr.Dataset:
    """All runs along a dim `run`, with depth, width, case (outputs, what M grows with), load and start.

    The narrowest is the positive control.
    """
    rows = plan(sizes)
    return along_runs(
        [measured(ds, a, sizes.strangers) for ds, a in zip(results.values(), arguments.values(), strict=True)],
        depth=[p.depth for _, p, *_ in rows],
        width=[N for N, *_ in rows],
        case=[p.case for _, p, *_ in rows],
        load=[float(p.load) for _, p, *_ in rows],
        start=[start for *_, start, _ in rows],
    )


def chosen(data: xr.Dataset, **labels: object) -> xr.Dataset:
    """Runs with these labels, in the order of their loads."""
    part = data.isel(run=np.logical_and.reduce([data[name].values == value for name, value in labels.items()]))
    return part.isel(run=np.argsort(part["load"].values, kind="stable"))


# Verdicts.

BARBIER = "Barbier et al. 2025 (arXiv:2510.24616)"
YOSHINO = "Yoshino 2020 and 2023 (abstracts)"
EXACT = "replica theory with the exact local trace"


def claims(data: xr.Dataset) -> list[Claim]:
    """All; at the largest width but for the growth with it and the positive control."""
    widths = sorted(set(data["width"].values.tolist()))
    N, control = widths[-1], chosen(data, width=widths[0])

    def part(case: str, *loads: float, start: str = "planted", width: int = N) -> xr.Dataset:
        runs = chosen(data, case=CASES[case], depth=4 if case == "deep" else 3, width=width, start=start)
        return runs.isel(run=np.isin(runs["load"].values, loads)) if loads else runs

    both = {case: [part(case, load, start=s) for s in STARTS] for case, load in (("one", 1), ("every", 2))}
    why = strange(chosen(data, width=N, start="planted"))
    settled = {case: why or apart(*pair) for case, pair in both.items()}
    one, every, deep = (
        "With one output and M = {}N^2",
        "With N outputs and M = {} N",
        "With N outputs, L = 4 and M = {} N",
    )
    return [
        ordered(part("one", 4), 1, one.format("4 ") + " the input side is ordered", BARBIER, why),
        ordered(part("one", 4), 2, one.format("4 ") + " the second layer is ordered", BARBIER, why),
        grows([part("one", 4, width=n) for n in widths[-2:]], one.format("4 "), why),
        liquid(part("linear", 5), [1, 2], "With one output and M = 5 N no hidden layer is ordered", BARBIER, why),
        liquid(part("one", 1), [1, 2], one.format("") + " no hidden layer is ordered", "control", settled["one"]),
        sides(part("one", 2, 4), "X", (1, 2), one.format("2 and 4 ") + " neurons", BARBIER, why),
        sides(part("one", 2, 4), "Y", (1, 2), one.format("2 and 4 ") + " weights", BARBIER, why),
        sides(part("few", 1), "X", (1, 2), "With four outputs and M = N^2 neurons", BARBIER, why),
        two_kinds(part("one"), why),
        by_readout(part("one"), why),
        sides(part("every", 2), "X", (2, 1), every.format(2) + " neurons", EXACT, settled["every"]),
        liquid(part("every", 2), [1], every.format(2) + " the input side is not ordered", EXACT, settled["every"]),
        sides(part("every", 5, 10), "X", (2, 1), every.format("5 and 10") + " neurons", EXACT, why),
        centre(part("deep", 2), deep.format(2), settled["every"]),
        centre(part("deep", 5, 10), deep.format("5 and 10"), why),
        meet(*both["one"], one.format(""), why),
        meet(*both["every"], every.format(2), why),
        meet(*(part("one", 2, start=s) for s in STARTS), one.format("2 "), why),
        meet(*(part("every", 10, start=s) for s in STARTS), every.format(10), why),
        found_by_themselves(control),
        chance_level(chosen(data, width=N, start="planted")),
    ]


STARTS = ("planted", "cooled")


def moments(x: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean over samples and its standard error."""
    return x.mean("sample", skipna=False), x.std("sample", ddof=1, skipna=False) / x.sizes["sample"] ** 0.5


def width(part: xr.Dataset) -> int:
    return int(part["width"][0])


def lasting(run: xr.Dataset) -> list[xr.DataArray]:
    """X in the last octave, and after another one in which as much is lost."""
    return [run["X"], 2 * run["X"] - run["X_before"]]


STILL = "in the last octave and after another one that loses as much, the weaker"


def ordered(part: xr.Dataset, layer: int, text: str, source: str, why: str) -> Claim:
    pairs = [moments(x.sel(layer=layer)) for x in lasting(part.isel(run=0))]
    effect, error = weakest([m - ORDERED for m, _ in pairs], [e for _, e in pairs])
    return Claim(
        text=f"{text} (N = {width(part)}, planted).",
        source=source,
        test=f"order X of layer {layer} less {ORDERED:g}, {STILL}",
        effect=effect,
        error=error,
        numbers=profile_numbers(part),
        spoilt=why,
    )


def grows(parts: Sequence[xr.Dataset], text: str, why: str) -> Claim:
    """The largest width against the next, after as many sweeps in units of N^2."""
    (x, e), (y, f) = (moments(part.isel(run=0)["X"].sel(layer=1)) for part in parts)
    return Claim(
        text=f"{text} order of the input side lasts the longer the wider the machine (N = {width(parts[0])} and "
        f"{width(parts[1])}, planted).",
        source="ours: order that stays as N grows",
        test="X of layer 1 of the wider machine less that of the narrower, both in the last octave of 12 N^2 sweeps",
        effect=float(y - x),
        error=float(np.hypot(e, f)),
        resolution=0.02,
        numbers={f"N = {width(part)}": profile_numbers(part) for part in parts},
        spoilt=why,
    )


def profile_numbers(part: xr.Dataset) -> dict[str, dict]:
    """X and Y of all loads, by layer."""
    found = {}
    for n, load in enumerate(part["load"].values):
        run = part.isel(run=n)
        found[f"{run['start'].item()}, load {load:g}"] = {
            name: [x.values[np.isfinite(m.values)] for x in (m, e)]
            for name in ("X", "Y")
            for m, e in [moments(run[name])]
        } | {"training error": float(run["train_error"].mean()), "test error": float(run["test_error"].mean())}
    return found


def liquid(part: xr.Dataset, layers: Sequence[int], text: str, source: str, why: str) -> Claim:
    mean, error = moments(part.isel(run=0)["X"].sel(layer=layers))
    effect, sigma = weakest(ORDERED - mean, error)
    return Claim(
        text=f"{text} (N = {width(part)}, planted).",
        source=source,
        test=f"{ORDERED:g} less order X in the last octave, the layer where that is least in its errors",
        effect=effect,
        error=sigma,
        numbers=profile_numbers(part),
        spoilt=why,
    )


SIDE = {
    1: "the input side is more ordered than the second layer",
    2: "the output side is more ordered than the input side",
}


def sides(part: xr.Dataset, name: str, layers: tuple[int, int], text: str, source: str, why: str) -> Claim:
    """Order of one layer less that of another, by sample, mean over loads, at which samples keep their teachers."""
    pairs = []
    for x in lasting(part) if name == "X" else [part[name]]:
        pairs.append(moments((x.sel(layer=layers[0]) - x.sel(layer=layers[1])).mean("run")))
    effect, error = weakest(*zip(*pairs, strict=True))
    loads = ", mean over loads" if part.sizes["run"] > 1 else ""
    return Claim(
        text=f"{text}: {SIDE[layers[0]]} (N = {width(part)}, planted).",
        source=source,
        test=f"{name} of layer {layers[0]} less that of layer {layers[1]}{loads}{f', {STILL}' if name == 'X' else ''}",
        effect=effect,
        error=error,
        resolution=0.02,
        numbers=profile_numbers(part),
        spoilt=why,
    )


def centre(part: xr.Dataset, text: str, why: str) -> Claim:
    pairs = []
    for x in lasting(part):
        pairs += [moments((x.sel(layer=l) - x.sel(layer=2)).mean("run")) for l in (1, 3)]
    effect, error = weakest(*zip(*pairs, strict=True))
    return Claim(
        text=f"{text}, both sides are more ordered than the centre (N = {width(part)}, planted).",
        source=YOSHINO,
        test=f"X of layers 1 and 3 less that of layer 2, mean over loads, the side where it is less, {STILL}",
        effect=effect,
        error=error,
        resolution=0.02,
        numbers=profile_numbers(part),
        spoilt=why,
    )


def differences(planted: xr.Dataset, cooled: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """X of cooled students less that of planted ones of the same teachers, by layer, with errors."""
    return moments((cooled.isel(run=0)["X"] - planted.isel(run=0)["X"]).dropna("layer"))


def apart(planted: xr.Dataset, cooled: xr.Dataset) -> str:
    """Why they are not in equilibrium, where they are not."""
    mean, error = differences(planted, cooled)
    if bool((abs(mean) - 3 * error > AGREE).any()):
        return f"planted and cooled students differ by {float(abs(mean).max()):.2g}"
    return ""


def meet(planted: xr.Dataset, cooled: xr.Dataset, text: str, why: str) -> Claim:
    mean, error = differences(planted, cooled)
    effect, sigma = weakest(AGREE - abs(mean), error)
    return Claim(
        text=f"{text}, cooled students are as ordered as planted ones (N = {width(cooled)}).",
        source="control: equilibrium",
        test=f"{AGREE:g} less the difference of X, the layer where that is least in its errors",
        effect=effect,
        error=sigma,
        numbers=profile_numbers(planted) | profile_numbers(cooled),
        spoilt=why,
    )


def halfway(part: xr.Dataset, layer: int) -> xr.Dataset:
    """The run where the mean R^2 of a layer is nearest to 1/2."""
    distance = abs(part["R"].sel(layer=layer).mean("sample") - 0.5)
    return part.isel(run=int(np.argmin(distance.values)))


def two_kinds(part: xr.Dataset, why: str) -> Claim:
    run = halfway(part, 1)
    x = run["neurons"].sel(layer=1)
    low, middle, high = (
        (x < 1 / 3).mean("neuron"),
        ((x >= 1 / 3) & (x <= 2 / 3)).mean("neuron"),
        (x > 2 / 3).mean("neuron"),
    )
    pairs = [moments(side - middle) for side in (low, high)]
    effect, error = weakest(*zip(*pairs, strict=True))
    return Claim(
        text=f"With one output, neurons of layer 1 are of two kinds, ordered or not (N = {width(part)}, planted).",
        source=BARBIER,
        test="at the load of order N^2 where the mean R^2 of layer 1 is nearest to 1/2: fraction of neurons with R^2 "
        "below 1/3, and above 2/3, less that between, the weaker",
        effect=effect,
        error=error,
        resolution=0.05,
        numbers={"load": float(run["load"]), "fractions": [float(f.mean()) for f in (low, middle, high)]},
        spoilt=why,
    )


def by_readout(part: xr.Dataset, why: str) -> Claim:
    run = halfway(part, 2)
    pairs = zip(run["neurons"].sel(layer=2).values, run["readout"].values, strict=True)
    found = [spearmanr(x[: width(part)], a[: width(part)]).statistic for x, a in pairs]
    effect, error = moments(xr.DataArray(found, dims="sample"))
    return Claim(
        text=f"With one output, neurons on which it depends more are more ordered (N = {width(part)}, planted).",
        source=BARBIER,
        test="rank correlation of R^2 of neurons of the second layer with the size of their weight to the output in "
        "the teacher, at the load of order N^2 where the mean R^2 of the layer is nearest to 1/2; mean over teachers",
        effect=float(effect),
        error=float(error),
        resolution=0.1,
        numbers={"load": float(run["load"]), "by teacher": found},
        spoilt=why,
    )


def found_by_themselves(part: xr.Dataset) -> Claim:
    mean, error = moments(part.isel(run=0)["X"].dropna("layer"))
    effect, sigma = weakest(mean - ORDERED, error)
    return Claim(
        text="Positive control: with N outputs and M = 10 N, students that never saw their teacher find its neurons "
        f"(N = {width(part)}, cooled).",
        source="control",
        test=f"order X less {ORDERED:g}, the layer where that is least in its errors",
        effect=effect,
        error=sigma,
        numbers=profile_numbers(part),
    )


LEVEL = 0.03
"""By how much the chance level may be off."""


def chance_level(part: xr.Dataset) -> Claim:
    mean, error = moments(part["strangers"].mean("run"))
    mean, error = (x.dropna("layer") for x in (mean, error))
    effect, sigma = weakest(LEVEL - abs(mean), error)
    return Claim(
        text=f"Control: students of other teachers are at the level of chance (N = {width(part)}, planted).",
        source="control",
        test=f"{LEVEL:g} less the size of X between students and the teacher of the next sample, mean over runs, the "
        "layer where that is least in its errors",
        effect=effect,
        error=sigma,
        numbers={"X by layer": mean, "errors": error},
    )


def strange(part: xr.Dataset) -> str:
    """Why the chance level is wrong, where it is: the control."""
    mean, error = moments(part["strangers"].mean("run"))
    for layer in part["layer"].values:
        m, e = float(mean.sel(layer=layer)), float(error.sel(layer=layer))
        if abs(m) - 3 * e > LEVEL:
            return f"students of other teachers have X = {m:.2g} +- {e:.1g} in layer {layer}"
    return ""


# Figure.


def draw(data: xr.Dataset) -> Figure:
    wide = chosen(data, width=int(data["width"].max()))
    with gn.plot.paper():
        figure = Figure(figsize=(7.0, 4.6), layout="constrained")
        axes = figure.subplots(2, 3)
        against_load(axes[0, 0], data, "X", "one", [1, 2])
        against_load(axes[0, 1], data, "Y", "one", [1, 2])
        histogram(axes[0, 2], wide)
        against_load(axes[1, 0], data, "X", "every", [1, 2])
        against_load(axes[1, 1], data, "Y", "every", [1, 2, 3])
        profile(axes[1, 2], wide)
        for letter, ax in zip("abcdef", axes.flat, strict=True):
            ax.set_title(f"({letter})", loc="left", x=-0.1)
    return figure


COLOURS = dict(zip((1, 2, 3), graded("viridis", 4), strict=False))
"""Layers."""
NAMES = {"X": "order of neurons $X$", "Y": "order of weights $Y$"}


def against_load(ax: Axes, data: xr.Dataset, name: str, case: str, layers: Sequence[int]) -> None:
    """Order by layer against the load: planted students of all widths, cooled ones of the largest."""
    widths = sorted(set(data["width"].values.tolist()))[1:]  # the first is that of the control
    looks = {(N, "planted"): {"marker": "os^"[k], "linestyle": ("-", ":", "--")[k]} for k, N in enumerate(widths[::-1])}
    looks[widths[-1], "cooled"] = {"marker": "D", "linestyle": "none", "fillstyle": "none"}
    for (N, start), look in looks.items():
        look["markersize"] = 6 if start == "cooled" else 3.5
        part = chosen(data, width=N, start=start, case=CASES[case], depth=3)
        mean, error = moments(part[name])
        for layer in layers:
            ax.errorbar(part["load"], mean.sel(layer=layer), error.sel(layer=layer), color=COLOURS[layer], **look)
    of, title = ("$M/N^2$", "one output") if case == "one" else ("$M/N$", "$N$ outputs")
    ax.set(xscale="log", ylim=(-0.1, 1.05), xlabel=f"load {of}", ylabel=NAMES[name], title=title)
    ticks = sorted(set(chosen(data, case=CASES[case], depth=3)["load"].values.tolist()))
    ax.set_xticks(ticks, [f"{x:g}" for x in ticks])
    ax.minorticks_off()
    ax.axhline(0, color=GREY, linewidth=0.6)
    handles = [Line2D([], [], color=COLOURS[l], label=f"layer {l}") for l in layers]
    if name == "X":
        handles += [Line2D([], [], color=GREY, label=f"$N={N}$, {start}", **k) for (N, start), k in looks.items()]
    ax.legend(handles=handles, loc="upper left", fontsize=6.5)


def histogram(ax: Axes, wide: xr.Dataset) -> None:
    """Neurons by their R^2 where their layer is halfway, both layers."""
    part = chosen(wide, case=CASES["one"], start="planted")
    for layer, style in ((1, "-"), (2, "--")):
        run = halfway(part, layer)
        x = run["neurons"].sel(layer=layer).values.ravel()
        heights, edges = np.histogram(np.clip(x[np.isfinite(x)], -0.05, 1), np.linspace(-0.05, 1, 22))
        label = f"layer {layer}, $M = {float(run['load']):g} N^2$"
        ax.stairs(heights / heights.sum(), edges, color=COLOURS[layer], linestyle=style, label=label, linewidth=1.1)
    ax.set(xlabel="$R_i^2$ of single neurons", ylabel="fraction of neurons", title="one output")
    ax.legend(loc="best", fontsize=6.5)


def profile(ax: Axes, wide: xr.Dataset) -> None:
    """X by layer at depth 4."""
    part = chosen(wide, case=CASES["deep"], depth=4, start="planted")
    for n, colour in enumerate(graded("plasma", part.sizes["run"] + 1)[: part.sizes["run"]]):
        mean, error = moments(part.isel(run=n)["X"].sel(layer=[1, 2, 3]))
        label = f"$M = {float(part['load'][n]):g} N$"
        ax.errorbar([1, 2, 3], mean, error, color=colour, marker="os^D"[n % 4], markersize=3.5, label=label)
    ax.set(
        xlabel="hidden layer $l$", ylabel=NAMES["X"], xticks=[1, 2, 3], ylim=(-0.1, 1.05), title="$N$ outputs, $L = 4$"
    )
    ax.axhline(0, color=GREY, linewidth=0.6)
    ax.legend(loc=(0.05, 0.2), fontsize=6.5)


def main(arguments: Sequence[str] | None = None) -> None:
    experiment = Experiment(__file__, __doc__, SIZES, arguments, test_before_data=TEST_BEFORE_DATA)
    planned = runs(experiment.sizes)
    data = table(experiment.simulate(planned), planned, experiment.sizes)
    experiment.finish(draw(data), claims(data), data)


if __name__ == "__main__":
    main()
