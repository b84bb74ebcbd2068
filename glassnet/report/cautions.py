"""What a reader of a result must know before believing it, each as one sentence."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from xarray import DataArray, Dataset

from glassnet.analysis import magnetised, moving_layers
from glassnet.analysis.labels import attribute as attribute_of
from glassnet.analysis.labels import result
from glassnet.plot.labels import single_temperature
from glassnet.report.equilibrium import drifting, not_relaxed, planted_elsewhere, slowing, turning_over
from glassnet.report.numbers import count, layers, listed, number, percent
from glassnet.report.significance import bounds
from glassnet.report.source import Event, attribute, has_clones, measured_part

LOW_ACCEPTANCE, HIGH_ACCEPTANCE = 0.01, 0.95
"""Below the first a sweep moves hardly anything; above the second moves are so small, or so hot, that weights
diffuse slowly or nothing constrains them."""

FEWEST_SAMPLES = 4
"""From n samples a standard error is itself uncertain by 1/sqrt(2 (n - 1)): half of it or more below four."""

MAGNETISED, FLOORS = 0.1, 3.0
"""Squared magnetisation that flags a layer: the first, or this many times 1/M, its mean for independent signs."""

STATES = {"running": "goes on", "stopped": "was stopped", "failed": "failed", "interrupted": "was interrupted"}
"""What to say of a run that is not complete."""

RANDOM_LABELS = ("random",)
"""Tasks without a rule, whose test error is at chance by construction."""


def warnings_of(ds: Dataset, *, status: str | None = None, events: Sequence[Event] = ()) -> list[str]:
    """What is wrong or doubtful with a result, as sentences that begin with a keyword and a colon.

    Tests use errors over samples: a sentence appears where the effect is beyond them.

    Args:
        ds: result of a run, complete or not, at one temperature.
        status: of the run; that in the attributes if None.
        events: log of the run, which gives reasons.
    Returns:
        The sentences, gravest first; none for a result that can be taken as it is.
    Raises:
        ValueError: if `ds` is no result of a machine, or has more than one temperature.
    """
    for name in ("depth", "widths", "patterns"):
        attribute_of(result(ds, "energy"), name)
    single: Any = single_temperature(ds)
    return [*of_run(single, status=status, events=events), *of_result(single)]


def of_run(ds: Dataset, *, status: str | None = None, events: Sequence[Event] = ()) -> list[str]:
    """Sentences about the run as a whole, at any number of temperatures."""
    status = status or str(ds.attrs.get("status", "complete"))
    return [*_failed(ds, status, events), *_incomplete(ds, status, events), *_few_samples(ds)]


def of_result(ds: Dataset) -> list[str]:
    """Sentences about what was measured at one temperature."""
    cut = measured_part(ds)
    if not cut.sizes["time"]:
        return []
    relaxing = () if "population_size" in ds.attrs else (not_relaxed, slowing)  # weights equilibrate a population
    checks = (
        _infinite, _violated_hard_core, planted_elsewhere, *relaxing, turning_over, drifting, _magnetised, _acceptance,
        _at_chance,
    )  # fmt: skip
    return [sentence for check in checks for sentence in check(cut)]


def reason(ds: Dataset, events: Sequence[Event]) -> str:
    """Why a run stopped or failed, by its log or its result; empty if none of them says."""
    told = [event.get("reason") for event in events if event.get("event") in ("stopped", "failed")]
    return str((told[-1] if told else None) or ds.attrs.get("reason", "")).rstrip(".")


def _failed(ds: Dataset, status: str, events: Sequence[Event]) -> Iterator[str]:
    if status == "failed":
        why = reason(ds, events) or "no reason is recorded"
        yield f"Failed: an error ended the run ({why}); nothing after that was measured."


def _incomplete(ds: Dataset, status: str, events: Sequence[Event]) -> Iterator[str]:
    if status == "complete":
        return
    cut = measured_part(ds)
    parts = [_reached(cut, ds, "time", "hosts"), _reached(cut, ds, "lag", "clones")]
    why = reason(ds, events) if status == "stopped" else ""
    yield (
        f"Incomplete: the run {STATES.get(status, status)}{f' ({why})' if why else ''}; measured so far: "
        f"{listed([part for part in parts if part])}."
    )


def _reached(cut: Dataset, ds: Dataset, clock: str, who: str) -> str:
    if clock not in ds.dims:
        return ""
    if not cut.sizes[clock]:
        return f"nothing of the {who}"
    return f"{who} up to sweep {count(cut[clock][-1])} of {count(ds[clock][-1])}"


def _few_samples(ds: Dataset) -> Iterator[str]:
    n = ds.sizes["sample"]
    if n == 1:
        yield "Too few samples: a single sample has no error bars; fluctuations between samples are unknown."
    elif n < FEWEST_SAMPLES:
        yield (
            f"Too few samples: error bars over {n} samples are themselves uncertain by "
            f"{percent(1 / np.sqrt(2 * (n - 1)))}."
        )


def _infinite(cut: Dataset) -> Iterator[str]:
    if not _hard(cut) and not np.isfinite(cut["energy"].values).all():
        yield "Not finite: energies of some layers are infinite."


def _violated_hard_core(cut: Dataset) -> Iterator[str]:
    if not _hard(cut):
        return
    last = _last(cut, "violated").mean("sample")
    which = cut["layer"].values[(last > 0).values]
    if which.size:
        yield (
            f"Hard core violated: {percent(float(last.sel(layer=which).mean()))} of the gaps of {layers(which)} are "
            "negative at the end, where the energy is infinite; the chain has not reached the allowed configurations."
        )


def _hard(ds: Dataset) -> bool:
    """Whether violated gaps are forbidden; results of version 0.1 have the name of the potential alone."""
    return bool(ds.attrs.get("hard", attribute(ds, "machine").get("potential", {}).get("kind") == "HardCore"))


def _last(cut: Dataset, name: str) -> DataArray:
    """Last values by sample and layer: of the clones, mean over them, where there are any, else of the hosts."""
    if has_clones(cut) and f"clone_{name}" in cut:
        return cut[f"clone_{name}"].isel(lag=-1).mean(("clone", "waiting_time"))
    return cut[name].isel(time=-1)


def _magnetised(cut: Dataset) -> Iterator[str]:
    if not has_clones(cut) or "magnetisation_squared" not in cut:
        return
    threshold = magnetisation_threshold(cut)
    if not moving_layers(cut, "magnetisation_squared").sizes["layer"]:
        return
    flags = magnetised(cut, threshold).any("waiting_time")
    which = flags["layer"].values[flags.any("sample").values]
    if which.size:
        samples = int(flags.any("layer").sum())
        yield (
            f"Magnetised: neurons of {layers(which)} keep one sign for all patterns in {samples} of "
            f"{cut.sizes['sample']} samples (squared magnetisation above {number(threshold, 2)}); there a plateau of "
            "the raw overlap is no sign of a glass: read the connected one."
        )


def magnetisation_threshold(ds: Dataset) -> float:
    """Squared magnetisation above which a layer counts as magnetised."""
    return max(MAGNETISED, FLOORS / float(ds.attrs["patterns"]))


def _acceptance(cut: Dataset) -> Iterator[str]:
    moves = {
        "acceptance_weights": "weight moves",
        "acceptance_spins": "spin flips",
        "acceptance_collapsed": "collapsed moves",
    }
    for name, words in moves.items():
        if name not in cut or cut.sizes["time"] < 2:
            continue
        rate = bounds(_last(cut, name))
        yield from _rates("Low", rate["high"] < LOW_ACCEPTANCE, rate["mean"], words)
        yield from _rates("High", rate["low"] > HIGH_ACCEPTANCE, rate["mean"], words)


def _rates(side: str, flags: DataArray, mean: DataArray, words: str) -> Iterator[str]:
    if bool(flags.any()):
        rates = mean.values[flags.values]
        lowest, highest = percent(float(rates.min())), percent(float(rates.max()))
        span = lowest if lowest == highest else f"{lowest} to {highest}"
        which = layers(flags["layer"].values[flags.values])
        yield f"{side} acceptance: {span} of the {words} of {which} are accepted at the end."


def _at_chance(cut: Dataset) -> Iterator[str]:
    if cut.attrs.get("task") in RANDOM_LABELS or "test_error" not in cut:
        return
    error, chance = bounds(_last(cut, "test_error")), _chance(cut)
    mean = float(error["mean"])
    who = "clones" if has_clones(cut) else "hosts"
    if mean + max(float(error["high"]) - mean, _counting_error(cut, chance)) >= chance:
        yield (
            f"Nothing learned: the test error of the {who} at the end, {number(mean)}, is no better than chance "
            f"({number(chance)}) within its error."
        )


def _task(ds: Dataset) -> dict:
    tasks = attribute(ds, "config").get("tasks", [])
    return tasks[0] if tasks and isinstance(tasks[0], dict) else {}


def _chance(ds: Dataset) -> float:
    """Error of an output neuron that always gives its more frequent sign: 1/k for k classes, else 1/2."""
    classes = _task(ds).get("classes") or ()
    return 1 / max(len(classes), 2)


def _counting_error(ds: Dataset, chance: float) -> float:
    """Two standard errors of guessing the outputs of the test patterns, which all samples may share."""
    task, widths = _task(ds), json.loads(ds.attrs["widths"])
    answers = 1 if task.get("classes") else widths[-1]
    patterns = float(task.get("test_patterns") or ds.attrs["patterns"])
    return 2 * float(np.sqrt(chance * (1 - chance) / (patterns * answers)))
