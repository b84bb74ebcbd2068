"""All measurements by name, how they are carried out, and where they were made."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from glassnet.bench import table
from glassnet.bench.cases import shapes, sizes
from glassnet.bench.cores import core_rates
from glassnet.bench.measuring import measuring_costs
from glassnet.bench.peak import run_peaks
from glassnet.bench.rates import growth, rates
from glassnet.bench.timing import cores, one_core, processor
from glassnet.store.provenance import provenance

Row = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """How long and what to measure: seconds for each number; cases by place, all if empty; also the scan in JAX."""

    seconds: float = 3.0
    cases: tuple[int, ...] = ()
    scan: bool = False


@dataclass(frozen=True)
class Group:
    """Measurements of one kind.

    Attributes:
        title: what they are, in words.
        columns: how they are shown.
        rows: makes them.
        alone: whether they run on one core.
    """

    title: str
    columns: Sequence[table.Column]
    rows: Callable[[Settings], Iterator[Row]]
    alone: bool = True

    def place(self) -> AbstractContextManager[None]:
        """Where they run."""
        return one_core() if self.alone else nullcontext()


def chosen(cases: list, options: Settings) -> list:
    """The cases that are asked for."""
    return [case for n, case in enumerate(cases) if not options.cases or n in options.cases]


GROUPS = {
    "sizes": Group(
        "equal layers, Gaussian weights, one core",
        table.RATES,
        lambda o: rates(chosen(sizes(), o), seconds=o.seconds, scan=o.scan),
    ),
    "shapes": Group(
        "other machines, one core; beside a uniform Gaussian machine, per element-update",
        table.RATES,
        lambda o: rates(chosen(shapes(), o), seconds=o.seconds, scan=o.scan),
    ),
    "cores": Group(
        "several replicas on one core and on all",
        table.CORES,
        lambda o: core_rates(seconds=o.seconds),
        alone=False,
    ),
    "measuring": Group(
        "a run in a folder, 5 points a decade, against its sweeps, one core",
        table.MEASURING,
        lambda o: measuring_costs(),
    ),
    "memory": Group(
        "the most memory that a run in a folder needs, against its checkpoint", table.PEAKS, lambda o: run_peaks()
    ),
    "growth": Group(
        "a sweep of all replicas against size, one core", table.GROWTH, lambda o: growth(seconds=o.seconds / 2)
    ),
}
"""Measurements by name, in the order in which they are made."""


def measured(
    groups: Mapping[str, Group], options: Settings, say: Callable[[str], object] = print
) -> dict[str, list[Row]]:
    """Rows of each group by its name, said as lines of a table as soon as they are there."""
    results: dict[str, list[Row]] = {}
    for name, group in groups.items():
        say(f"\n{name}: {group.title}")
        rows = results[name] = []
        with group.place():
            for line in table.aligned(group.columns, _kept(group.rows(options), rows)):
                say(line)
    return results


def _kept(rows: Iterator[Row], found: list[Row]) -> Iterator[Row]:
    """`rows`, each put into `found` when it comes."""
    for row in rows:
        found.append(row)
        yield row


def surroundings() -> dict[str, Any]:
    """Versions, machine and what runs."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    available = len(cores())
    with one_core():  # JAX counts its cores when it starts
        made = provenance()
    return {**made, "processor": processor(), "cores": available, "load_at_start": load}
