"""Evidence for and against equilibrium: each piece looks at one thing in a result, and says it in a sentence."""

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from xarray import DataArray, Dataset

from glassnet.analysis.compared import RESOLUTION, Compared, judged, largest, limit_in_words, paired, unpaired
from glassnet.analysis.errors import mean_and_error, over_clones
from glassnet.analysis.exchange import exchange_summary, last_window
from glassnet.analysis.layers import moving_layers
from glassnet.analysis.population import population_summary
from glassnet.analysis.start import start_equilibrium
from glassnet.sampling.system import EXACT

ENERGIES = ("clone_energy", "clone_train_error", "clone_test_error")
OVERLAPS = ("spin_overlap_squared", "teacher_overlap_squared")
"""What runs from different starts must agree in, as far as both have it."""

BALANCES = {"spin_balance": "score of spins", "weight_balance": "score of weights"}
"""What is zero in equilibrium, in words."""

HIGHEST_SCORE = 0.278
"""Maximum of D/(1 + exp(D)), W(1/e), against which errors of scores are held."""


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


def _weighed(name: str, parts: list[Compared], heads: tuple[str, ...]) -> Check:
    """Weak evidence from what must be zero: how its sentence begins if it is, if it is not, and if that is not told."""
    passed, words = judged(parts)
    head = heads[2 if passed is None else int(not passed)]
    return Check(name, passed, f"{head}: {words}.")


def _last(ds: Dataset, name: str) -> DataArray:
    """A variable of the clones after the last waiting time, moving layers alone, mean over clones.

    Overlaps at the last lag; energies, errors and scores on average over the last octave of lags.
    """
    x = ds[name].isel(waiting_time=-1, drop=True)
    late = ds["lag"].values > ds["lag"].values[-1] / 2
    averaged = name in (*ENERGIES, *BALANCES)
    x = x.isel(lag=np.flatnonzero(late)).mean("lag", skipna=False) if averaged else x.isel(lag=-1, drop=True)
    if "layer" in str(ds[name].attrs.get("fixed", "")):
        x = x.sel(layer=moving_layers(ds, name)["layer"])
    return over_clones(x)


def _size(name: str, a: DataArray) -> DataArray | float:
    """What the error of a variable is held against: its mean, or 1 for an overlap."""
    return 1.0 if name in OVERLAPS else abs(mean_and_error(a)["mean"])


def starts_meet(ds: Dataset, planted: Dataset | None) -> Check:
    """Energies, errors and squared overlaps of runs from a random and from an exact planted start."""
    if planted is None:
        return Check("starts", None, "Starts: no run from a planted start to compare with.", strong=True)
    exact = start_equilibrium(planted)
    parts = []
    for name in (*ENERGIES, *OVERLAPS):
        if name in ds and name in planted and _last(ds, name).size:
            a, b = _last(ds, name), _last(planted, name)
            parts.append(unpaired(name.removeprefix("clone_").replace("_", " "), a, b, _size(name, b)))
    passed, words = judged(parts)
    if passed is False:
        return Check("starts", False, f"Starts do not meet: {words}.", strong=True)
    if exact != EXACT:
        reason = f"Starts: the planted one is no exact equilibrium ({exact.removeprefix('no: ')}); {words}."
        return Check("starts", None, reason, strong=True)
    head = "Starts meet within errors" if passed else "Starts: undecided"
    return Check("starts", passed, f"{head}: random and exact planted start, {words}.", strong=True)


def exchange(ds: Dataset) -> Check:
    """Round trips along a ladder, and the energies of neighbours on it."""
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
    if passed and (why := _remembered(ds)):
        return Check("exchange", None, f"Exchange: good ladder, but {why}.", strong=True)
    head = "obey" if passed else "disobey" if passed is False else "are not known to obey"
    return Check(
        "exchange", passed, f"Exchange: good ladder, energies {head} d<E>/d beta = -var E; {words}.", strong=True
    )


def _remembered(ds: Dataset) -> str:
    """Why clones are not known to have forgotten their common start; empty if they have, or if it cannot be told.

    Last configurations of one sample at the lowest temperature must overlap as much as those of samples that have the
    same data: in squares, by hidden layer, within `RESOLUTION` with three standard errors over data or, of one set of
    data, over samples. Where neurons have no fixed places they must have been matched.
    """
    config, name = json.loads(ds.attrs.get("config", "{}")), "final_spin_overlap_squared"
    if f"{name}_matched" in ds:
        name = f"{name}_matched"
    elif name not in ds or config.get("machine", {}).get("connectivity") is None:
        return ""
    q = moving_layers(ds, name).isel(waiting_time=-1)
    if "temperature" in q.dims:
        q = q.isel(temperature=int(np.argmax(ds["beta"].values)))
    q = q.transpose("layer", "configuration", "configuration_b")
    owner, data = q["configuration_sample"].values, config.get("data_sha256", [""])
    seen = np.array([data[int(sample)] if len(data) > 1 else data[0] for sample in owner])
    excess: dict[str, list[np.ndarray]] = {}
    for sample in np.unique(owner):
        mine = owner == sample
        others = (seen == seen[mine][0]) & ~mine
        if mine.sum() > 1 and others.any():
            own = q.values[:, mine][:, :, mine][:, ~np.eye(mine.sum(), dtype=bool)]
            between = q.values[:, mine][:, :, others]
            excess.setdefault(seen[mine][0], []).append(own.mean(1) - between.mean((1, 2)))
    units = (
        [np.mean(one, 0) for one in excess.values()] if len(excess) > 1 else [x for one in excess.values() for x in one]
    )
    if len(units) < 3 or not q.sizes["layer"] or not np.isfinite(units).all():
        return ""
    mean, error = np.mean(units, 0), np.std(units, 0, ddof=1) / len(units) ** 0.5
    n = int(np.argmax(mean + 3 * error))
    if mean[n] + 3 * error[n] <= RESOLUTION:
        return ""
    words = "clones of one start are not known to have forgotten it: their squared overlap in layer"
    return f"{words} {q['layer'].values[n]:g} exceeds that of different starts by {mean[n]:.2g} +- {error[n]:.2g}"


def populations(ds: Dataset) -> Check:
    """Families that are left at the end of the schedule."""
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
    limit = float(largest(np.array(count - 1), 2 * len(step)))
    beyond = np.stack([low - fall, fall - high])
    error = beyond.std(1, ddof=1) / np.sqrt(count)
    excess = beyond.mean(1) / np.maximum(error, 1e-12 * np.abs(fall).max())
    side, pair = np.unravel_index(int(np.argmax(excess)), excess.shape)
    b = beta[pair : pair + 2]
    words = f"the worst between beta = {b[0]:.4g} and {b[1]:.4g}, {excess[side, pair]:.2g} errors beyond the variances"
    words += f" ({limit_in_words(limit, count - 1)})"
    return bool(excess[side, pair] <= limit), words


def nishimori(planted: Dataset) -> Iterator[Check]:
    """Two clones of an exact start overlap as much as each with the start, once they have forgotten each other."""
    exact = start_equilibrium(planted) == EXACT
    names = ("spin_overlap_squared", "spin_autocorrelation_squared")
    if not exact or not all(name in planted for name in names) or 0 not in planted["waiting_time"]:
        return
    if planted.sizes["clone"] < 2 or not moving_layers(planted, names[1]).sizes["layer"]:
        return
    begun = planted.sel(waiting_time=[0])
    q, c = (_last(begun, name) for name in names)
    heads = (
        "Planted clones overlap with each other as with the start, within errors",
        "Planted clones remember that they were one",
        "Planted clones",
    )
    yield _weighed("clones", [paired("overlap of clones less that with the start", q - c, 1.0)], heads)


def balance(ds: Dataset) -> Iterator[Check]:
    """Scores of single moves, which are zero in the mean where the law is Boltzmann's: see the observables.

    They see a chain whose law is another one, or that still flows; one that is stuck has them at zero, too.
    """
    found = {words: _last(ds, name).dropna("layer", how="all") for name, words in BALANCES.items() if name in ds}
    found = {words: x for words, x in found.items() if x.size}
    if not found or _changing(ds):
        return
    if any(np.isinf(x.values).any() for x in found.values()):
        yield Check("balance", None, "Balance of single moves: at zero temperature some would still lower the energy.")
    elif not any(x.values.any() for x in found.values()):
        yield Check("balance", None, "Balance of single moves: none that is allowed changes the energy.")
    else:
        heads = ("Single moves are balanced within errors", "Single moves are not balanced", "Balance of single moves")
        yield _weighed("balance", [paired(name, x, HIGHEST_SCORE) for name, x in found.items()], heads)


def flat(ds: Dataset) -> Iterator[Check]:
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
    heads = ("Energies show no drift beyond errors", "Energies drift", "Energies")
    over = tuple(f"{head} over the last two octaves" for head in heads)
    yield _weighed("flat", [paired("energy", late - early, size)], over)


def ageing(ds: Dataset) -> Iterator[Check]:
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
    between = f"between waiting times {earlier[-1]} and {waits[-1]}"
    heads = (f"Correlations show no ageing beyond errors {between}", f"Correlations age {between}", "Ageing")
    yield _weighed("ageing", [paired("squared autocorrelation", new - old, 1.0)], heads)


def _changing(ds: Dataset) -> bool:
    """Whether the temperature still changes after the last waiting time, so that nothing need be steady."""
    schedules: list[Mapping] = json.loads(ds.attrs.get("config", "{}")).get("schedules", [])
    return any(max(schedule.get("times", [0])) > float(ds["waiting_time"].max()) for schedule in schedules)
