"""Is it in equilibrium? Sentences about relaxation times, the drift of the energy, and ageing."""

from collections.abc import Iterator

import numpy as np
from xarray import DataArray, Dataset

from glassnet.analysis import energy_per_gap, mean_and_error, moving_layers, relaxation_time, start_equilibrium
from glassnet.analysis.layers import order_parameter
from glassnet.analysis.relaxation import LEVEL, waits
from glassnet.report.numbers import count, lag_in_words, layers, listed, number, with_error
from glassnet.report.significance import bounds, differs
from glassnet.report.source import attribute, has_clones
from glassnet.sampling.system import EXACT

CORRELATIONS = {"spins": "spin_autocorrelation", "weights": "weight_autocorrelation_normalised"}
"""What relaxes, and the correlation that says how far it has come."""


def not_relaxed(ds: Dataset) -> Iterator[str]:
    """Layers whose correlation has not fallen below 1/e at the longest lag, so that tau exceeds the run."""
    if not has_clones(ds):
        return
    head = _slow(ds)
    lag = count(float(ds["lag"][-1]))
    for words, slow in _unreached(ds):
        for which, times in _by_layers(slow["above"]).items():
            doubtful = [l for l in which if bool(slow["doubtful"].sel(layer=l, waiting_time=times).any())]
            where = "" if len(doubtful) == len(which) else f"in {layers(doubtful)} "
            hint = f" ({where}just so, within its error)" if doubtful else ""
            yield (
                f"{head}: tau exceeds the run for the {words} of {layers(which)} after "
                f"{_waiting(times)}; their autocorrelation is above 1/e up to the longest lag, {lag} sweeps{hint}."
            )


def _slow(ds: Dataset) -> str:
    """What to call a run whose correlations do not fall."""
    if start_equilibrium(ds) == EXACT:
        return "Slower than the run (in equilibrium from its start)"
    return "Slower than the run (from a planted start)" if _planted(ds) else "Not equilibrated"


def _planted(ds: Dataset) -> bool:
    return attribute(ds, "config").get("start") == "planted"


def planted_elsewhere(ds: Dataset) -> Iterator[str]:
    """Whether a planted start is not known to be in equilibrium, and why."""
    said = start_equilibrium(ds)
    if _planted(ds) and "start_equilibrium" in ds.attrs and said != EXACT:
        verdict, _, reason = said.partition(": ")
        yield f"Planted, {'not' if verdict == 'no' else 'perhaps not'} in equilibrium: {reason}."


def _unreached(ds: Dataset) -> Iterator[tuple[str, Dataset]]:
    """For spins and weights: where the mean stays above 1/e, and where its last value is 1/e within its error."""
    for words, name in CORRELATIONS.items():
        if name in ds and moving_layers(ds, name).sizes["layer"]:
            c = bounds(moving_layers(ds, name))
            above = (c["mean"] >= LEVEL).all("lag")
            yield words, Dataset({"above": above, "doubtful": above & (c["low"].isel(lag=-1) < LEVEL)})


def turning_over(ds: Dataset) -> Iterator[str]:
    """Layers whose autocorrelation decays while that of single neurons stays up to a sign, beyond its error."""
    if not has_clones(ds):
        return
    name, level = order_parameter(ds, "spin_autocorrelation")
    if name == "spin_autocorrelation" or not moving_layers(ds, name).sizes["layer"]:
        return
    plain = mean_and_error(moving_layers(ds, "spin_autocorrelation"))["mean"]
    flags = (bounds(moving_layers(ds, name))["low"] >= level).all("lag") & (plain < LEVEL).any("lag")
    for which, times in _by_layers(flags).items():
        yield (
            f"Turning over: the autocorrelation of {layers(which)} after {_waiting(times)} falls below 1/e, but "
            f"squared by neurons it is above 1/e² up to the longest lag, {count(float(ds['lag'][-1]))} sweeps: "
            "neurons turn over with their weights, and nothing melts."
        )


def _by_layers(flags: DataArray) -> dict[tuple[int, ...], list[int]]:
    """The waiting times at which the same layers are flagged, by these layers."""
    found: dict[tuple[int, ...], list[int]] = {}
    for t in flags["waiting_time"].values.tolist():
        which = flags["layer"].values[flags.sel(waiting_time=t).values]
        if which.size:
            found.setdefault(tuple(which.tolist()), []).append(t)
    return found


def _waiting(times: list[int]) -> str:
    return f"t_w = {listed([count(t) for t in times])}"


def drifting(ds: Dataset) -> Iterator[str]:
    """Whether the energy of the last replicas still drifts over the last half of their time."""
    found = _late_energy(ds)
    if found is None:
        return
    energy, begun, end = found
    if _still_changing(ds, begun) or not np.isfinite(energy.values).all():
        return
    change = energy.isel(clock=1) - energy.isel(clock=0)
    if bool(differs(change)):
        pair = mean_and_error(change)
        head, verb = ("Still ageing", "falls") if float(pair["mean"]) < 0 else ("Not steady", "rises")
        size = with_error(abs(float(pair["mean"])), float(pair["error"]))
        yield (
            f"{head}: the energy per gap {verb} by {size} between sweeps {count(begun)} and {count(end)}, "
            f"{number(abs(float(pair['mean'] / pair['error'])), 2)} times the error over samples."
        )


def _late_energy(ds: Dataset) -> tuple[DataArray, float, float] | None:
    """Energy per gap halfway and at the end (dim `clock`), and the two sweeps; of clones where there are any."""
    clock, offset = "time", 0.0
    if has_clones(ds):
        last = ds.isel(waiting_time=-1)
        clock, offset = "lag", float(last["waiting_time"])
        ds = ds.assign(energy=last["clone_energy"].mean("clone"))
    times = ds[clock].values
    half = int(np.argmin(np.abs(times - times[-1] / 2))) if times.size else 0
    if times.size < 3 or times[half] == 0:
        return None
    energy = energy_per_gap(ds).rename({clock: "clock"}).isel(clock=[half, -1]).drop_vars("clock")
    return energy, offset + float(times[half]), offset + float(times[-1])


def _still_changing(ds: Dataset, begun: float) -> bool:
    """Whether the temperature changes after `begun`, which moves the energy by itself."""
    schedules = attribute(ds, "config").get("schedules", [])
    return any(max(schedule.get("times", [0])) > begun for schedule in schedules)


def slowing(ds: Dataset) -> Iterator[str]:
    """Layers whose correlation decays slower after the last waiting time than after the one before."""
    if not has_clones(ds) or len(waits(ds)) < 2:
        return
    ds = ds.sel(waiting_time=waits(ds))
    for words, name in CORRELATIONS.items():
        c = moving_layers(ds, name) if name in ds else None
        if c is None or not c.sizes["layer"]:
            continue
        decay = c.isel(waiting_time=slice(-2, None), lag=slice(1, None)).mean(("clone", "lag"))
        slower = decay.isel(waiting_time=1) - decay.isel(waiting_time=0, drop=True)
        flagged = differs(slower) & (slower.mean("sample") > 0)
        which = c["layer"].values[flagged.values].tolist()
        if which:
            yield _slowing_sentence(c.sel(layer=which).isel(waiting_time=slice(-2, None)), words)


def _slowing_sentence(c: DataArray, words: str) -> str:
    before, after = (count(t) for t in c["waiting_time"].values)
    tau = relaxation_time(c.mean(("sample", "clone")))
    ranges = [_span(tau.isel(waiting_time=n).values, c["lag"].values) for n in (0, 1)]
    times = f"tau {ranges[0]}, then {ranges[1]} sweeps" if ranges[0] != ranges[1] else f"tau {ranges[0]} sweeps in both"
    return (
        f"Ageing: the {words} of {layers(c['layer'].values)} relax slower after {after} sweeps than after {before} "
        f"({times}); after a longer wait they may be slower still."
    )


def _span(tau: np.ndarray, lags: np.ndarray) -> str:
    """Smallest and largest of some relaxation times, NaN for what exceeds the longest lag."""
    ends = [lag_in_words(x, lags) for x in (np.sort(tau)[0], np.sort(tau)[-1])]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
