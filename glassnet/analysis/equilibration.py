"""Is it in equilibrium? Evidence in the order of its weight, and a verdict with three values.

That chains from random starts agree with each other proves nothing: they may be stuck alike. What counts is that runs
from a random and from an exact planted start meet, and, along a ladder with replica exchange, that walkers make round
trips and energies obey d<E>/d beta = -var E. All order parameters are gauge invariant: a neuron that turns over
together with its weights changes nothing.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit
from xarray import DataArray, Dataset

from glassnet.analysis.convergence import convergence
from glassnet.analysis.errors import mean_and_error, over_clones
from glassnet.analysis.exchange import exchange_summary, last_window
from glassnet.analysis.labels import ascending, own_words, require, result
from glassnet.analysis.layers import moving_layers
from glassnet.analysis.population import population_summary
from glassnet.analysis.start import start_equilibrium
from glassnet.sampling.system import EXACT

EQUILIBRATED, NOT, UNMEASURED = "EQUILIBRATED", "NOT", "UNMEASURED"

WORDS = {EQUILIBRATED: "in equilibrium", NOT: "not in equilibrium", UNMEASURED: "equilibrium not shown"}
"""What pictures say."""

FALSE_ALARMS = 1e-3
"""Probability that one of the checks fails in equilibrium, for all its comparisons together (Bonferroni)."""

RESOLUTION = 0.05
"""A comparison says something where its error is below this fraction of an energy or error, or of an overlap of 1."""

ENERGIES = ("clone_energy", "clone_train_error", "clone_test_error")
OVERLAPS = ("spin_overlap_squared", "teacher_overlap_squared")
"""What runs from different starts must agree in, as far as both have it."""


class Check(NamedTuple):
    """One piece of evidence.

    Attributes:
        name: what was looked at.
        passed: True, False, or None where it could not be told.
        reason: a sentence.
        strong: whether it can carry the verdict EQUILIBRATED.
    """

    name: str
    passed: bool | None
    reason: str
    strong: bool = False


@dataclass(frozen=True)
class Equilibration:
    """A verdict on equilibrium.

    Attributes:
        verdict: "EQUILIBRATED" (a strong check passed, and none failed), "NOT" (a check failed) or "UNMEASURED".
        reasons: a sentence for each check, those that decide first.
        checks: the checks.
        footnotes: what decides nothing: R-hat and effective sample size (`convergence`).
    """

    verdict: str
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    footnotes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The verdict in a sentence's words."""
        return WORDS[self.verdict]

    def stored(self, ds: Dataset) -> Dataset:
        """`ds` with the verdict and its reasons as attributes, which figures and reports show."""
        return ds.assign_attrs(equilibration=self.verdict, equilibration_reasons=json.dumps(self.reasons))


@own_words
def equilibration(ds: Dataset, planted: Dataset | None = None, *, footnotes: bool = True) -> Equilibration:
    """Whether a run has reached equilibrium.

    Strong evidence, any of which suffices if nothing speaks against it:

    - *starts meet*: from `ds` and from `planted`, whose start is exact equilibrium (`start_equilibrium`), energies and
      errors agree over the last octave of lags after the last waiting time, and squared overlaps at the last lag, all
      by layer;
    - *exchange*: the ladder is "good" (`exchange_summary`) and energies obey d<E>/d beta = -var E between neighbours;
    - *populations*: at the end of the schedule all are "good" (`population_summary`): enough families are left.

    Weak evidence, which can only speak against it: *two clones of the planted start* overlap as much with each other as
    with the start (Nishimori), *energies are flat* over the last two octaves, and *correlations do not age* between the
    last two waiting times.

    Comparisons are Student t tests over samples, with one false alarm in a thousand runs; one whose error exceeds 5 %
    of an energy, or .05 of an overlap, says nothing and makes a check undecided.

    Args:
        ds: result of a run, one or several temperatures.
        planted: the same run from a planted start.
        footnotes: whether R-hat and effective sample size are computed, too.
    Raises:
        ValueError: if `ds` is no result of a run, or `planted` is another run.
    """
    if "clone_energy" not in result(ds, "energy"):
        return Equilibration(UNMEASURED, ("No clones were measured yet.",), ())
    ds = _taken(ds, "ds")
    if planted is not None:
        planted = _taken(planted, "planted")
        _check_same(ds, planted)
    checks = tuple(_checks(ds, planted))
    failed = [check for check in checks if check.passed is False]
    carried = [check for check in checks if check.strong and check.passed]
    undecided = [check for check in checks if check.strong and check.passed is None]
    verdict = NOT if failed else EQUILIBRATED if carried else UNMEASURED
    first = failed or carried or undecided
    others = [check for check in checks if check not in first]
    reasons = tuple(check.reason for check in (*first, *others))
    return Equilibration(verdict, reasons, checks, tuple(_footnotes(ds)) if footnotes else ())


def _footnotes(ds: Dataset) -> Iterator[str]:
    found = convergence(ds)
    r_hat, size = (found[name].values for name in ("r_hat", "effective_sample_size"))
    if np.isnan(r_hat).all():
        return
    words = f"R-hat of the energies over the last decade of lags: at most {np.nanmax(r_hat):.3g}"
    if not np.isnan(size).all():
        words += (
            f"; effective sample size: at least {np.nanmin(size):.0f} of {found.attrs['measurements']} measurements"
        )
    yield f"{words}. This can speak against equilibrium alone."


def _taken(ds: Dataset, name: str) -> Dataset:
    """A result with clones, its coordinates in rising order."""
    ds = result(ds, "clone_energy", name=name)
    require(ds["clone_energy"], f"{name}.clone_energy", "sample", "clone", "waiting_time", "lag")
    return ascending(ds)


def _check_same(ds: Dataset, planted: Dataset) -> None:
    """Raise ValueError unless `planted` is the same run but for start, seed and protocol."""
    ours, theirs = (json.loads(x.attrs.get("config", "{}")) for x in (ds, planted))
    free = {"start", "seed", "protocol", "observables"}
    differing = [k for k in sorted({*ours, *theirs} - free) if ours.get(k) != theirs.get(k)]
    if differing:
        words = "be the same run but for start, seed and protocol"
        raise ValueError(f"Argument `planted` must {words}, but differs in {', '.join(differing)}.")


def _checks(ds: Dataset, planted: Dataset | None) -> Iterator[Check]:
    yield _starts_meet(ds, planted)
    if "swaps_offered" in ds:
        yield _exchange(ds)
    if "population_size" in ds.attrs:
        yield _populations(ds)
    if planted is not None:
        yield from _nishimori(planted)
    yield from _flat(ds)
    yield from _ageing(ds)


# Comparisons


class Compared(NamedTuple):
    """Differences of means that equilibrium makes zero, as arrays of equal length."""

    names: list[str]
    difference: np.ndarray
    error: np.ndarray
    freedom: np.ndarray
    size: np.ndarray


def _unpaired(name: str, a: DataArray, b: DataArray, size: DataArray | float) -> Compared:
    """Means over the samples of two runs."""
    x, y = mean_and_error(a), mean_and_error(b)
    error = (x["error"] ** 2 + y["error"] ** 2) ** 0.5
    freedom = a.sizes["sample"] + b.sizes["sample"] - 2 if min(a.sizes["sample"], b.sizes["sample"]) > 1 else 0
    return _listed(name, x["mean"] - y["mean"], error, freedom, size)


def _paired(name: str, difference: DataArray, size: DataArray | float) -> Compared:
    """Differences of each sample."""
    pair = mean_and_error(difference)
    return _listed(name, pair["mean"], pair["error"], difference.sizes["sample"] - 1, size)


def _listed(name: str, difference: DataArray, error: DataArray, freedom: int, size: DataArray | float) -> Compared:
    labels = [f"{name}{_where(difference, place)}" for place in np.ndindex(difference.shape)]
    sizes = np.broadcast_to(np.asarray(size, float), difference.shape).reshape(-1)
    flat = difference.values.reshape(-1), error.values.reshape(-1)
    return Compared(labels, *flat, np.full(len(labels), freedom), sizes)


def _where(x: DataArray, place: tuple[int, ...]) -> str:
    """Layer and temperature of an entry, in words."""
    words = {"layer": "in layer {:g}", "temperature": "at T = {:.4g}"}
    places = zip(map(str, x.dims), place, strict=True)
    parts = [words[d].format(float(x[d].values[n])) for d, n in places if d in words]
    return f" {' '.join(parts)}" if parts else ""


def _judged(parts: list[Compared]) -> tuple[bool | None, str]:
    """Whether all differences are zero within their errors; what was found, in words."""
    if not parts:
        return None, "nothing can be compared"
    names = [name for part in parts for name in part.names]
    difference, error, freedom, size = (
        np.concatenate([getattr(p, f) for p in parts]) for f in ("difference", "error", "freedom", "size")
    )
    if (freedom < 1).any():
        return None, "one sample has no error"
    same = (error == 0) & (difference == 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(same, 0.0, np.abs(difference) / error)
    if not np.isfinite(z).all():  # samples that differ by the same step of a discrete energy have no error, by chance
        n = int(np.argmax(~np.isfinite(z)))
        return None, f"{names[n]} differs by {difference[n]:.3g}, without an error"
    limit = stdtrit(freedom, 1 - FALSE_ALARMS / (2 * len(z)))
    worst = int(np.argmax(z / limit))
    told = f"{names[worst]} differs by {difference[worst]:.3g} +- {error[worst]:.2g}"
    if z[worst] > limit[worst]:
        return False, told
    coarse = error > RESOLUTION * size
    if coarse.any():
        n = int(np.argmax(error / np.maximum(size, 1e-300)))
        return None, f"the error of {names[n]}, {error[n]:.2g}, is too large to tell"
    return True, f"of {len(z)} comparisons the worst: {told}"


# Checks


def _last(ds: Dataset, name: str) -> DataArray:
    """A variable of the clones after the last waiting time, moving layers alone, mean over clones.

    Overlaps at the last lag, energies and errors on average over the last octave of lags.
    """
    x = ds[name].isel(waiting_time=-1, drop=True)
    late = ds["lag"].values > ds["lag"].values[-1] / 2
    x = x.isel(lag=np.flatnonzero(late)).mean("lag", skipna=False) if name in ENERGIES else x.isel(lag=-1, drop=True)
    if "layer" in str(ds[name].attrs.get("fixed", "")):
        x = x.sel(layer=moving_layers(ds, name)["layer"])
    return over_clones(x)


def _size(name: str, a: DataArray) -> DataArray | float:
    """What the error of a variable is held against: its mean, or 1 for an overlap."""
    return 1.0 if name in OVERLAPS else abs(mean_and_error(a)["mean"])


def _starts_meet(ds: Dataset, planted: Dataset | None) -> Check:
    if planted is None:
        return Check("starts", None, "Starts: no run from a planted start to compare with.", strong=True)
    exact = start_equilibrium(planted)
    parts = []
    for name in (*ENERGIES, *OVERLAPS):
        if name in ds and name in planted and _last(ds, name).size:
            a, b = _last(ds, name), _last(planted, name)
            parts.append(_unpaired(name.removeprefix("clone_").replace("_", " "), a, b, _size(name, b)))
    passed, words = _judged(parts)
    if passed is False:
        return Check("starts", False, f"Starts do not meet: {words}.", strong=True)
    if exact != EXACT:
        reason = f"Starts: the planted one is no exact equilibrium ({exact.removeprefix('no: ')}); {words}."
        return Check("starts", None, reason, strong=True)
    head = "Starts meet" if passed else "Starts: undecided"
    return Check("starts", passed, f"{head}: random and exact planted start, {words}.", strong=True)


def _exchange(ds: Dataset) -> Check:
    try:
        summary = exchange_summary(ds)
    except ValueError:
        return Check("exchange", None, "Exchange: clones have not swapped yet.", strong=True)
    verdict = summary["verdict"].item()
    if verdict != "good":
        trips = f"{int(summary['round_trips'])} round trips, {float(summary['round_trips_expected']):.3g} expected"
        worst = float(summary["rejected"].max())
        words = f"Exchange: the ladder is {verdict} ({trips}; up to {worst:.0%} of the swaps are rejected)."
        return Check("exchange", None, words, strong=True)
    if "exchange_over" in ds.attrs:
        return Check("exchange", None, f"Exchange: good ladder of {ds.attrs['exchange_over']}s.", strong=True)
    passed, words = _fluctuations(ds)
    head = "obey" if passed else "disobey" if passed is False else "are not known to obey"
    return Check(
        "exchange", passed, f"Exchange: good ladder, energies {head} d<E>/d beta = -var E; {words}.", strong=True
    )


def _populations(ds: Dataset) -> Check:
    end = population_summary(ds).isel(time=-1)
    if _changing(ds) or (end["verdict"] == "unmeasured").any():
        return Check("populations", None, "Populations: they have not come to the end of the schedule.", strong=True)
    entropy, rho = float(np.exp(end["family_entropy"]).min()), float((ds.attrs["population_size"] / end["rho_t"]).min())
    good = bool((end["verdict"] == "good").all())
    head = "enough families are left" if good else "they are not good"
    words = f"Populations: {head} (exp(S_f) = {entropy:.3g}, size/rho_t = {rho:.3g}"
    variance = float(end["log_evidence_variance"].max())
    words += f", variance of ln Z = {variance:.2g})." if np.isfinite(variance) else ")."
    return Check("populations", good or None, words, strong=True)


def _fluctuations(ds: Dataset) -> tuple[bool | None, str]:
    """Whether the energies of neighbours differ by the fluctuations between them.

    The fall of the energy from one rung to the next is the integral of the variance over beta. Taken for exponential in
    between, it gives the step times the logarithmic mean of both ends; taken for linear, the step times their mean.
    That the integral is as far off the first as the second is, or farther, is not expected of a smooth variance.
    """
    mean, variance = last_window(ds)
    beta = np.sort(ds["beta"].values)
    step = np.diff(beta)
    fall = mean[:, :-1] - mean[:, 1:]
    ends = np.maximum(np.stack([variance[:, :-1], variance[:, 1:]]), 1e-300)
    ratio = np.log(ends[1] / ends[0])
    straight = ends.mean(0)
    bent = np.where(np.abs(ratio) < 1e-4, straight, (ends[1] - ends[0]) / np.where(ratio == 0, 1, ratio))
    low, high = step * (2 * bent - straight), step * straight
    count = len(mean)
    if count < 2:
        return None, "one ladder has no error"
    limit = stdtrit(count - 1, 1 - FALSE_ALARMS / (2 * 2 * len(step)))
    beyond = np.stack([low - fall, fall - high])
    error = beyond.std(1, ddof=1) / np.sqrt(count)
    excess = beyond.mean(1) / np.maximum(error, 1e-12 * np.abs(fall).max())
    side, pair = np.unravel_index(int(np.argmax(excess)), excess.shape)
    b = beta[pair : pair + 2]
    words = f"the worst between beta = {b[0]:.4g} and {b[1]:.4g}, {excess[side, pair]:.2g} errors beyond the variances"
    return bool(excess[side, pair] <= limit), words


def _nishimori(planted: Dataset) -> Iterator[Check]:
    """Two clones of an exact start overlap as much as each with the start, once they have forgotten each other."""
    exact = start_equilibrium(planted) == EXACT
    names = ("spin_overlap_squared", "spin_autocorrelation_squared")
    if not exact or not all(name in planted for name in names) or 0 not in planted["waiting_time"]:
        return
    if planted.sizes["clone"] < 2 or not moving_layers(planted, names[1]).sizes["layer"]:
        return
    begun = planted.sel(waiting_time=[0])
    q, c = (_last(begun, name) for name in names)
    passed, words = _judged([_paired("overlap of clones less that with the start", q - c, 1.0)])
    reason = {
        True: f"Planted clones overlap with each other as with the start: {words}.",
        False: f"Planted clones remember that they were one: {words}.",
        None: f"Planted clones: {words}.",
    }
    yield Check("clones", passed, reason[passed])


def _flat(ds: Dataset) -> Iterator[Check]:
    """Energies of the clones over the last two octaves of lags after the last waiting time."""
    if "clone_energy" not in ds or _changing(ds):
        return
    energy = over_clones(ds["clone_energy"].isel(waiting_time=-1, drop=True))
    lags = ds["lag"].values
    if lags[-1] < 8:
        return
    old, new = ((lags > lags[-1] / 4) & (lags <= lags[-1] / 2), lags > lags[-1] / 2)
    if not old.any() or not new.any():
        return
    early, late = (energy.isel(lag=np.flatnonzero(which)).mean("lag", skipna=False) for which in (old, new))
    size = abs(mean_and_error(late)["mean"])
    passed, words = _judged([_paired("energy", late - early, size)])
    reason = {
        True: f"Energies are flat over the last two octaves: {words}.",
        False: f"Energies drift over the last two octaves: {words}.",
        None: f"Energies over the last two octaves: {words}.",
    }
    yield Check("flat", passed, reason[passed])


def _ageing(ds: Dataset) -> Iterator[Check]:
    """Squared correlations at the last lag after the last two waiting times, the later at least twice the earlier."""
    name = "spin_autocorrelation_squared"
    waits = [t for t in ds["waiting_time"].values.tolist() if t > 0] if "waiting_time" in ds.coords else []
    earlier = [t for t in waits if t <= waits[-1] / 2] if waits else []
    if name not in ds or not earlier or _changing(ds):
        return
    layers = moving_layers(ds, name)
    if not layers.sizes["layer"]:
        return
    old, new = (
        over_clones(layers.sel(waiting_time=t, drop=True).isel(lag=-1, drop=True)) for t in (earlier[-1], waits[-1])
    )
    passed, words = _judged([_paired("squared autocorrelation", new - old, 1.0)])
    reason = {
        True: f"Correlations do not age between waiting times {earlier[-1]} and {waits[-1]}: {words}.",
        False: f"Correlations age between waiting times {earlier[-1]} and {waits[-1]}: {words}.",
        None: f"Ageing: {words}.",
    }
    yield Check("ageing", passed, reason[passed])


def _changing(ds: Dataset) -> bool:
    """Whether the temperature still changes after the last waiting time, so that nothing need be steady."""
    schedules: list[Mapping] = json.loads(ds.attrs.get("config", "{}")).get("schedules", [])
    return any(max(schedule.get("times", [0])) > float(ds["waiting_time"].max()) for schedule in schedules)
