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
from glassnet.sampling.exchange import TEMPERATURE


def exchange_section(ds: Dataset) -> Section | None:
    """The section on replica exchange; None for a run without it."""
    if "clone_swaps_offered" not in ds and "swaps_offered" not in ds:
        return None
    found = summary_of(ds)
    if found is None:
        return Section("exchange", "Replica exchange", tag("p", NOT_YET))
    rejected = [percent(x) if np.isfinite(x) else "" for x in found["rejected"].values.tolist()]
    if rung_of(ds) == TEMPERATURE:
        values, names = [found["beta"].values, found["temperature"].values], ["β", "T"]
    else:
        values, names = [found[rung_of(ds)].values], [SYMBOLS[rung_of(ds)]]
    rows = ([*(f"{x:.4g}" for x in told), r] for *told, r in zip(*values, rejected, strict=True))
    beside = "lower" if rung_of(ds) == TEMPERATURE else "higher"
    caption = (
        f"Swaps of each {rung_of(ds).replace('_', ' ')} with the next {beside} one, clones of the last waiting time."
    )
    rungs = table(caption, [*names, "rejected"], rows)
    told = [*_sentences(found, rung_of(ds))]
    if "exchange_own" in ds.attrs:
        told.append(f"All else on this page is at {SYMBOLS[rung_of(ds)]} = {ds.attrs['exchange_own']:g}.")
    return Section("exchange", "Replica exchange", joined([rungs, *(tag("p", words) for words in told)]))


SYMBOLS = {TEMPERATURE: "T", "margin": "κ", "guide_weight": "λ"}


def rung_of(ds: Dataset) -> str:
    """Dim of the rungs of a run with exchange."""
    return str(ds.attrs.get("exchange_over", TEMPERATURE))


def summary_of(ds: Dataset) -> Dataset | None:
    """`exchange_summary` of what has been measured; None where clones have not swapped yet."""
    cut = measured_part(ds)
    try:
        return exchange_summary(cut)
    except ValueError:
        return None


def _sentences(found: Dataset, rung: str) -> Iterator[str]:
    rungs = "temperatures" if rung == TEMPERATURE else "rungs"
    barrier, needed = float(found["barrier"]), int(found[f"{rungs}_needed"])
    yield (
        f"Barrier Λ = {number(barrier)}; {count(needed)} {rungs} would waste nothing, "
        f"there are {count(found.sizes[rung])}."
    )
    trips, expected = int(found["round_trips"]), float(found["round_trips_expected"])
    yield f"Round trips: {count(trips)}, where {number(expected)} were to be expected of walkers without memory."
    limits = {
        "ladder": f"The ladder limits them: more, or other, {rungs} help.",
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
        rung, worst = rung_of(ds), np.nanargmax(found["rejected"].values)
        if rung == TEMPERATURE:
            where, wanted = f"β = {found['beta'].values[worst]:.4g}", "temperatures, or tuned ones,"
        else:
            where, wanted = f"{SYMBOLS[rung]} = {found[rung].values[worst]:.4g}", "rungs"
        needed = found["temperatures_needed" if rung == TEMPERATURE else "rungs_needed"]
        yield (
            f"Exchange cut: {percent(float(found['rejected'].max()))} of the swaps at {where} are rejected; "
            f"{count(int(needed))} {wanted} are needed."
        )
    else:
        yield (
            f"Exchange slow: walkers make {number(float(found['efficiency']))} of the round trips that the ladder "
            f"allows, less than {LEAST_EFFICIENCY:g}."
        )
