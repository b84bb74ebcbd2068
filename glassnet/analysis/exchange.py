"""How well replica exchange works: swaps, the barrier of the ladder, round trips, and what limits them."""

import json
from typing import NamedTuple

import numpy as np
from xarray import DataArray, Dataset

from glassnet.analysis.labels import ascending, own_words, require, result
from glassnet.core.check import fail
from glassnet.sampling.exchange import TEMPERATURE, barriers

MOST_REJECTED = 0.75
"""A pair of neighbours that rejects this fraction of swaps, or more, cuts the ladder."""

LEAST_EFFICIENCY = 0.15
"""Round trips over those of walkers that forget where they come from between two rounds, at least."""

FEWEST_TRIPS = 10
"""Round trips that must be expected before their number says anything."""


class Window(NamedTuple):
    """What ladders did in a stretch of time.

    Attributes:
        offered, accepted: swaps, (ladder, rung).
        trips: round trips, (ladder,).
        energy: mean over the rounds of swaps and the ladders, (rung,).
        rounds: of swaps.
    """

    offered: np.ndarray
    accepted: np.ndarray
    trips: np.ndarray
    energy: np.ndarray
    rounds: int


@own_words
def exchange_summary(ds: Dataset) -> Dataset:
    """Rejected swaps, communication barrier, round trips, and whether the ladder may be trusted.

    Taken from the clones of the last waiting time, all their lags, all samples together.

    With r_k the fraction of rejected swaps between the rungs k and k+1, the barrier is Lambda = sum_k r_k (far
    neighbours tell by their energies, see `glassnet.sampling.exchange.barriers`), the number of temperatures that
    wastes nothing is 2 Lambda + 1, and round trips happen at the rate 1/(2 + 2 sum_k r_k/(1 - r_k)) per round of swaps
    and ladder, if a walker forgets between two rounds how it came to its rung   [Syed et al., J. R. Stat. Soc. B 84,
    321 (2022)]. A ladder that has not reached equilibrium shows too small a barrier: `temperatures_needed` is from the
    largest of all octaves of the time of hosts and clones.

    Of a ladder of margins, or of weights of a guide, its dim takes the place of `temperature`, `rungs_needed` that of
    `temperatures_needed`; the barrier is the sum of the r_k alone. Of these ladders a hard core alone has a
    `log_evidence`, by the accepted fractions of its swaps: how the volume of what is allowed shrinks with the margin.

    Args:
        ds: result of a run with `exchange`.
    Returns:
        Dataset with `rejected` and `rejected_error` (dim temperature: with the next one; NaN at the last),
        `log_evidence` (dims sample, temperature): ln Z(beta)/Z(beta_0) along the ladder, by integration of the mean
        energy with the variance as its slope, and `log_evidence_discretisation`, what it moves by when every second
        temperature is left out, which is more than the error of the integral (NaN where there is none to leave out);
        `barrier`, `temperatures_needed`, `round_trips`, `round_trips_expected`, `efficiency` (trips over expected
        ones), and two words. `limited_by`: "ladder" (more or other temperatures help), "local moves" (walkers come
        back before the moves have changed them) or "unmeasured". `verdict`: "good", "bad" (a pair rejects 0.75 or more,
        or the efficiency is below 0.15) or "unmeasured" (fewer than 10 trips expected).
    Raises:
        ValueError: if `ds` is not the result of a run with exchange, or has measured nothing yet.
    """
    ds, every, rung = _ladders(ds, *HOSTS, *CLONES)
    last = _clones(ds, 0, int(ds["lag"][-1]), every)
    if not last.rounds or np.isnan(last.trips).any():
        raise fail("ds", "have clones that have swapped up to the last lag", f"lags up to {int(ds['lag'][-1])}")
    r = _rejected(last)
    spread = 1 - last.accepted / np.maximum(last.offered, 1)
    error = spread.std(0, ddof=1) / np.sqrt(len(spread)) if len(spread) > 1 else np.full_like(r, np.nan)
    octaves = [*_host_octaves(ds, every), *_clone_octaves(ds, every)]
    largest = max(float(_steps(ds, rung, w).sum()) for w in (*octaves, last))
    with np.errstate(divide="ignore"):
        rate = 1 / (2 + 2 * (r / (1 - r)).sum())
    expected, trips = rate * last.rounds * len(last.trips), int(last.trips.sum())
    efficiency = trips / expected if expected > 0 else np.nan
    bad = (r >= MOST_REJECTED).any()
    measured = expected >= FEWEST_TRIPS
    slow = measured and efficiency < LEAST_EFFICIENCY
    limited = "ladder" if bad or (measured and efficiency >= 0.5) else "local moves" if measured else "unmeasured"
    scalars = {
        "barrier": float(_steps(ds, rung, last).sum()),
        "temperatures_needed" if rung == TEMPERATURE else "rungs_needed": int(np.ceil(2 * largest + 1)),
        "round_trips": trips,
        "round_trips_expected": expected,
        "efficiency": efficiency,
        "limited_by": limited,
        "verdict": "bad" if bad or slow else "good" if measured else "unmeasured",
    }
    pairs = {"rejected": r, "rejected_error": error}
    along = {rung: ds[rung], "beta": ds["beta"]}
    rungs = {name: DataArray(np.append(x, np.nan), along, (rung,)) for name, x in pairs.items()}
    if rung == TEMPERATURE:
        rungs |= {str(name): x for name, x in _log_evidence(ds).data_vars.items()}
    elif rung == "margin" and ds.attrs.get("hard"):
        rungs["log_evidence"] = _log_volume(ds, every)
    return Dataset(rungs | scalars)


def _steps(ds: Dataset, rung: str, window: Window) -> np.ndarray:
    """What lies between neighbours of the barrier; of margins far neighbours do not tell by their energies."""
    rejected = _rejected(window)
    return barriers(ds["beta"].values, rejected, window.energy) if rung == TEMPERATURE else rejected


def integrated(beta: np.ndarray, energy: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """ln Z(beta)/Z(beta_0) at each rung, from d ln Z/d beta = -<E> and d<E>/d beta = -var E.

    Between neighbours h apart it grows by -h (E + E')/2 + h^2 (var - var')/12, the integral of the cubic with these
    values and slopes at both ends, whose error falls like h^4.

    Args:
        beta: inverse temperatures, ascending, shape (rung,).
        energy, variance: of the energy, shape (..., rung).
    """
    h = np.diff(beta)
    steps = -h * (energy[..., 1:] + energy[..., :-1]) / 2 - h**2 * np.diff(variance) / 12
    return np.concatenate([np.zeros_like(energy[..., :1]), np.cumsum(steps, -1)], -1)


def _log_evidence(ds: Dataset) -> Dataset:
    """ln Z along the ladder of each sample, and what it moves by when every second rung is left out."""
    beta = ds["beta"].values.astype(float)
    mean, variance = last_window(ds)
    value, moved = integrated(beta, mean, variance), np.full_like(mean, np.nan)
    for k in range(2, len(beta)):
        kept = [n for n in range(k + 1) if n == 0 or (k - n) % 2 == 0]
        moved[:, k] = abs(value[:, k] - integrated(beta[kept], mean[:, kept], variance[:, kept])[:, -1])
    ratio = "ln Z(beta)/Z(0)" if beta[0] == 0 else f"ln Z(beta)/Z({beta[0]:g})"
    without = f"change of {ratio} without every second temperature"
    words = {"log_evidence": (value, ratio), "log_evidence_discretisation": (moved, without)}
    along = {"sample": ds["sample"], "temperature": ds["temperature"], "beta": ds["beta"]}
    return Dataset({
        name: DataArray(x, along, ("sample", "temperature"), attrs={"long_name": long_name, "units": "1"})
        for name, (x, long_name) in words.items()
    })  # fmt: skip


def _log_volume(ds: Dataset, every: int) -> DataArray:
    """ln of the share of weights and neurons that a hard core allows at each margin, over that at the lowest.

    What a margin allows, a lower one allows, too: a swap is accepted just where the configuration of the lower margin
    satisfies the higher one, with the ratio of both volumes as its probability. NaN where gaps were violated, as on the
    way to the first configurations without.
    """
    window = _clones(ds, 0, int(ds["lag"][-1]), every)
    by_sample = (ds.sizes["sample"], ds.sizes["clone"], -1)
    offered, accepted = (x.reshape(by_sample).sum(1) for x in (window.offered, window.accepted))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(accepted / offered)
    energy = last_window(ds)[0]
    ratio = np.where((energy[:, 1:] > 0) | (energy[:, :-1] > 0), np.nan, ratio)
    value = np.concatenate([np.zeros_like(ratio[:, :1]), np.cumsum(ratio, -1)], -1)
    words = {"long_name": f"ln Z(kappa)/Z({float(ds['margin'][0]):g})", "units": "1"}
    return DataArray(value, {"sample": ds["sample"], "margin": ds["margin"]}, ("sample", "margin"), attrs=words)


HOSTS = ("swaps_offered", "swaps_accepted", "round_trips", "running_energy")
CLONES = tuple(f"clone_{name}" for name in HOSTS)


def _ladders(ds: Dataset, *names: str) -> tuple[Dataset, int, str]:
    """A result with exchange, rungs in their order, the sweeps between rounds of swaps, and the dim of the rungs."""
    ds = result(ds, *names)
    config = json.loads(ds.attrs.get("config", "{}"))
    if "exchange" not in config:
        raise fail("ds", "be the result of a run with exchange", ds.attrs.get("title", "a Dataset without a title"))
    rung = config["exchange"].get("over", TEMPERATURE)
    for name in names:
        clones = ("clone", "waiting_time", "lag") if name in CLONES or "clone" in name else ("time",)
        require(ds[name], f"ds.{name}", "sample", *clones, *(() if "trips" in name else (rung,)))
    rungs = config["exchange"].get("values", config.get("schedules", ds[rung]))
    if ds[rung].size != len(rungs):
        raise fail("ds", f"have all {len(rungs)} rungs of the ladder ({rung})", ds[rung].size)
    return ascending(ds).sortby("beta" if rung == TEMPERATURE else rung), config["exchange"]["every"], rung


def _rejected(window: Window) -> np.ndarray:
    """Fraction of rejected swaps of each pair, all ladders together; 0 where none was offered."""
    offered, accepted = window.offered.sum(0), window.accepted.sum(0)
    return np.where(offered > 0, 1 - accepted / np.maximum(offered, 1), 0.0)


def _host_octaves(ds: Dataset, every: int) -> list[Window]:
    hosts = ds[list(HOSTS)].rename(time="t", sample="ladder")
    return [_window(hosts, first, last, 0, every) for first, last in _octaves(hosts)]


def _clone_octaves(ds: Dataset, every: int) -> list[Window]:
    clones = _last_clones(ds)
    return [_window(clones, first, last, _wait(ds), every) for first, last in _octaves(clones)]


def _clones(ds: Dataset, first: int, last: int, every: int) -> Window:
    return _window(_last_clones(ds), first, last, _wait(ds), every)


def _wait(ds: Dataset) -> int:
    return int(ds["waiting_time"][-1])


def _last_clones(ds: Dataset) -> Dataset:
    clones = ds[list(CLONES)].isel(waiting_time=-1).stack(ladder=("sample", "clone")).rename(lag="t")
    return clones.rename(dict(zip(CLONES, HOSTS, strict=True)))


def _window(ladders: Dataset, first: int, last: int, begun: int, every: int) -> Window:
    """What ladders did between two times of their own, which begin after `begun` sweeps."""
    ends = [ladders.sel(t=t).transpose("ladder", ...) for t in (first, last)]
    n, a, trips = ((ends[1][name] - ends[0][name]).values.astype(float) for name in HOSTS[:3])
    rounds = [(begun + t) // every for t in (first, last)]
    sums = [np.nan_to_num(end["running_energy"].values) * m for end, m in zip(ends, rounds, strict=True)]
    energy = (sums[1] - sums[0]).mean(0) / max(1, rounds[1] - rounds[0])
    return Window(n[:, :-1], a[:, :-1], trips, energy, rounds[1] - rounds[0])


def last_window(ds: Dataset, since: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the total energy at each rung, of the clones of the last waiting time.

    Args:
        ds: result of a run with exchange.
        since: lag from which on they are averaged.
    Returns:
        Arrays (sample, rung), the lowest beta, margin or weight first: mean over the rounds of swaps of all clones of a
        sample, and mean of their variances.
    """
    names = ("clone_running_energy", "clone_running_energy_variance")
    ds, every, rung = _ladders(ds, *names)
    clones = ds[list(names)].isel(waiting_time=-1)
    places = int(np.searchsorted(ds["lag"].values[:-1], since)), ds["lag"].size - 1
    rounds = [(_wait(ds) + int(t)) // every for t in ds["lag"].values[list(places)]]
    n = max(1, rounds[1] - rounds[0])
    moments = []
    for place, m in zip(places, rounds, strict=True):
        x = clones.isel(lag=place).transpose("sample", "clone", rung)
        mean, variance = (np.nan_to_num(x[name].values) for name in x.data_vars)
        moments.append((m * mean, m * (variance + mean**2)))
    first, second = ((late - early) / n for early, late in zip(*moments, strict=True))
    return first.mean(1), (second - first**2).mean(1)


def _octaves(ladders: Dataset) -> list[tuple[int, int]]:
    """Stretches from about t/2 to t of what has been measured."""
    known = ladders["round_trips"].notnull().all("ladder")
    times = ladders["t"].values[known.values].tolist()
    pairs = ((max(t for t in times if t <= last / 2), last) for last in times if last > 0 and times[0] <= last / 2)
    return [(first, last) for first, last in pairs if last - first >= SHORTEST]


SHORTEST = 20
"""Sweeps of an octave at least."""
