"""How well replica exchange works: swaps, the barrier of the ladder, round trips, and what limits them."""

import json
from typing import NamedTuple

import numpy as np
from xarray import DataArray, Dataset

from glassnet.analysis.labels import own_words, result
from glassnet.core.check import fail

MOST_REJECTED = 0.75
"""A pair of neighbours that rejects this fraction of swaps, or more, cuts the ladder."""

LEAST_EFFICIENCY = 0.15
"""Round trips over those of walkers that forget where they come from between two rounds, at least."""

FEWEST_TRIPS = 10
"""Round trips that must be expected before their number says anything."""


class Window(NamedTuple):
    """Swaps and trips in a stretch of time: arrays (ladder, pair), (ladder, pair), (ladder,), and rounds of swaps."""

    offered: np.ndarray
    accepted: np.ndarray
    trips: np.ndarray
    rounds: int


@own_words
def exchange_summary(ds: Dataset) -> Dataset:
    """Rejected swaps, communication barrier, round trips, and whether the ladder may be trusted.

    Taken from the clones of the last waiting time, all their lags, all samples together.

    With r_k the fraction of rejected swaps between the rungs k and k+1, the barrier is Lambda = sum_k r_k, the number
    of temperatures that wastes nothing 2 Lambda + 1, and round trips happen at the rate 1/(2 + 2 sum_k r_k/(1 - r_k))
    per round of swaps and ladder, if a walker forgets between two rounds how it came to its rung   [Syed et al., J. R.
    Stat. Soc. B 84, 321 (2022)]. Lambda of a coarse ladder comes out too small: `temperatures_needed` is from the
    largest of all octaves of the time of hosts and clones, and grows as ladders grow until it is right.

    Args:
        ds: result of a run with `exchange`.
    Returns:
        Dataset with `rejected` and `rejected_error` (dim temperature: with the next one; NaN at the last),
        `barrier`, `temperatures_needed`, `round_trips`, `round_trips_expected`, `efficiency` (trips over expected
        ones), and two words. `limited_by`: "ladder" (more or other temperatures help), "local moves" (walkers come
        back before the moves have changed them) or "unmeasured". `verdict`: "good", "bad" (a pair rejects 0.75 or more,
        or the efficiency is below 0.15) or "unmeasured" (fewer than 10 trips expected).
    Raises:
        ValueError: if `ds` is not the result of a run with exchange, or has measured nothing yet.
    """
    ds = result(ds, "swaps_offered", "swaps_accepted", "round_trips", *CLONES)
    config = json.loads(ds.attrs["config"])
    if "exchange" not in config:
        raise fail("ds", "be the result of a run with exchange", ds.attrs.get("title", "a Dataset without a title"))
    every = config["exchange"]["every"]
    windows = [*_host_octaves(ds, every), *_clone_octaves(ds, every)]
    last = _clones(ds, 0, int(ds["lag"][-1]), every)
    if last is None or not last.rounds:
        raise fail("ds", "have clones that have swapped", f"lags up to {int(ds['lag'][-1])}")
    r = _rejected(last)
    spread = 1 - last.accepted / np.maximum(last.offered, 1)
    error = spread.std(0, ddof=1) / np.sqrt(len(spread)) if len(spread) > 1 else np.full_like(r, np.nan)
    barrier = max(float(_rejected(window).sum()) for window in (*windows, last))
    with np.errstate(divide="ignore"):
        rate = 1 / (2 + 2 * (r / (1 - r)).sum())
    expected, trips = rate * last.rounds * len(last.trips), int(last.trips.sum())
    efficiency = trips / expected if expected > 0 else np.nan
    bad = (r >= MOST_REJECTED).any()
    measured = expected >= FEWEST_TRIPS
    slow = measured and efficiency < LEAST_EFFICIENCY
    limited = "ladder" if bad or (measured and efficiency >= 0.5) else "local moves" if measured else "unmeasured"
    along = {"temperature": ds["temperature"], "beta": ds["beta"]}
    scalars = {
        "barrier": float(r.sum()),
        "temperatures_needed": int(np.ceil(2 * barrier + 1)),
        "round_trips": trips,
        "round_trips_expected": expected,
        "efficiency": efficiency,
        "limited_by": limited,
        "verdict": "bad" if bad or slow else "good" if measured else "unmeasured",
    }
    pairs = {"rejected": r, "rejected_error": error}
    return Dataset(
        {name: DataArray(np.append(x, np.nan), along, ("temperature",)) for name, x in pairs.items()} | scalars
    )


CLONES = ("clone_swaps_offered", "clone_swaps_accepted", "clone_round_trips")


def _rejected(window: Window) -> np.ndarray:
    """Fraction of rejected swaps of each pair, all ladders together; 0 where none was offered."""
    offered = window.offered.sum(0)
    return np.where(offered, 1 - window.accepted.sum(0) / np.maximum(offered, 1), 0.0)


def _host_octaves(ds: Dataset, every: int) -> list[Window]:
    times = _measured(ds["round_trips"], "time")
    found = []
    for first, last in _octaves(times):
        n, a, trips = (
            (ds[name].sel(time=last) - ds[name].sel(time=first)).transpose("sample", ...).values
            for name in ("swaps_offered", "swaps_accepted", "round_trips")
        )
        found.append(Window(n[:, :-1], a[:, :-1], trips, last // every - first // every))
    return found


def _clone_octaves(ds: Dataset, every: int) -> list[Window]:
    octaves = _octaves(_measured(ds["clone_round_trips"].isel(waiting_time=-1), "lag"))
    return [window for first, last in octaves if (window := _clones(ds, first, last, every)) is not None]


def _clones(ds: Dataset, first: int, last: int, every: int) -> Window | None:
    """What the clones of the last waiting time did between two lags; None where that lies ahead."""
    one = ds.isel(waiting_time=-1)
    wait = int(one["waiting_time"])
    change = (one[list(CLONES)].sel(lag=last) - one[list(CLONES)].sel(lag=first)).stack(ladder=("sample", "clone"))
    n, a, trips = (change[name].transpose("ladder", ...).values for name in CLONES)
    if np.isnan(trips.astype(float)).any():
        return None
    return Window(n[:, :-1], a[:, :-1], trips, (wait + last) // every - (wait + first) // every)


def _measured(x: DataArray, dim: str) -> list[int]:
    """The coordinates at which something has been measured."""
    known = x.notnull().all([d for d in x.dims if d != dim])
    return x[dim].values[known.values].tolist()


def _octaves(times: list[int]) -> list[tuple[int, int]]:
    """Stretches from about t/2 to t."""
    pairs = ((max(t for t in times if t <= last / 2), last) for last in times if last > 0 and times[0] <= last / 2)
    return [(first, last) for first, last in pairs if last - first >= 20]
