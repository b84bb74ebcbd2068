"""How the temperatures of a run with replica exchange mix: a table of the rungs, and sentences."""

from collections.abc import Iterator

import numpy as np
from xarray import Dataset

from glassnet.analysis import exchange_summary
from glassnet.analysis.exchange import LEAST_EFFICIENCY, MOST_REJECTED
from glassnet.report.markup import joined, table, tag
from glassnet.report.numbers import count, number, percent
from glassnet.report.sections import NOT_YET, Section
from glassnet.report.source import measured_part


def exchange_section(ds: Dataset) -> Section | None:
    """The section on replica exchange; None for a run without it."""
    if "clone_swaps_offered" not in ds and "swaps_offered" not in ds:
        return None
    found = summary_of(ds)
    if found is None:
        return Section("exchange", "Replica exchange", tag("p", NOT_YET))
    rejected = [percent(x) if np.isfinite(x) else "" for x in found["rejected"].values.tolist()]
    rows = ([f"{b:.4g}", f"{T:.4g}", r] for b, T, r in zip(found["beta"].values, found["temperature"].values, rejected,
                                                           strict=True))  # fmt: skip
    caption = "Swaps of each temperature with the next lower one, clones of the last waiting time."
    rungs = table(caption, ["β", "T", "rejected"], rows)
    return Section("exchange", "Replica exchange", joined([rungs, *(tag("p", words) for words in _sentences(found))]))


def summary_of(ds: Dataset) -> Dataset | None:
    """`exchange_summary` of what has been measured; None where clones have not swapped yet."""
    cut = measured_part(ds)
    try:
        return exchange_summary(cut)
    except ValueError:
        return None


def _sentences(found: Dataset) -> Iterator[str]:
    barrier, needed = float(found["barrier"]), int(found["temperatures_needed"])
    yield (
        f"Barrier Λ = {number(barrier)}; {count(needed)} temperatures would waste nothing, "
        f"there are {count(found.sizes['temperature'])}."
    )
    trips, expected = int(found["round_trips"]), float(found["round_trips_expected"])
    yield f"Round trips: {count(trips)}, where {number(expected)} were to be expected of walkers without memory."
    limits = {
        "ladder": "The ladder limits them: more, or other, temperatures help.",
        "local moves": "The moves limit them: walkers come back before the moves have changed them.",
        "unmeasured": "Too few were to be expected to say what limits them.",
    }
    yield limits[str(found["limited_by"].values)]


def unmixed(ds: Dataset) -> Iterator[str]:
    """Why temperatures of a run with exchange do not mix, if so."""
    found = summary_of(ds) if "swaps_offered" in ds else None
    if found is None or str(found["verdict"].values) == "good":
        return
    if str(found["verdict"].values) == "unmeasured":
        yield "Exchange unmeasured: fewer than ten round trips of the ladder were to be expected in this time."
    elif bool((found["rejected"] >= MOST_REJECTED).any()):
        at = found["beta"].values[np.nanargmax(found["rejected"].values)]
        yield (
            f"Exchange cut: {percent(float(found['rejected'].max()))} of the swaps at β = {at:.4g} are rejected; "
            f"{count(int(found['temperatures_needed']))} temperatures, or tuned ones, are needed."
        )
    else:
        yield (
            f"Exchange slow: walkers make {number(float(found['efficiency']))} of the round trips that the ladder "
            f"allows, less than {LEAST_EFFICIENCY:g}."
        )
