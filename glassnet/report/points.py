"""The runs of a campaign, each with what a page about all of them says of it."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from xarray import Dataset

from glassnet.analysis import energy_per_gap, longest_lag, mean_and_error, mean_relaxation_time, moving_layers
from glassnet.analysis.relaxation import waits
from glassnet.campaign.folder import Campaign, check_run, open_folder
from glassnet.campaign.jobs import in_queue
from glassnet.campaign.standing import OPEN
from glassnet.campaign.state import last_error, state_of
from glassnet.plot.labels import temperatures
from glassnet.report.bylayer import end_values
from glassnet.report.cautions import of_result, of_run, reason
from glassnet.report.equilibrium import CORRELATIONS
from glassnet.report.exchange import unmixed
from glassnet.report.source import Reported, has_clones, measured_part, read_run

OVERLAPS = ("spin_overlap_squared", "spin_overlap", "weight_overlap")
"""Overlaps of clones that are drawn along the axes of a grid, where a campaign has them."""


class PointReport(NamedTuple):
    """A run of a campaign.

    Attributes:
        name: name of its folder.
        folder: where it lies.
        values: its value on each axis of the grid.
        state: one of `glassnet.campaign.state.STATES`.
        done: part of its sweeps that is done; NaN if not known.
        why: why it is not at its end; "" if it is, or nobody knows.
        ends: its last numbers in words, at its coldest temperature.
        warnings: what is doubtful, sentences under the temperature they belong to, "" for the run as a whole.
        numbers: the same last numbers and those of clones by layer, each as a Dataset of `mean` and `error`.
        attrs: attributes of its result.
    """

    name: str
    folder: Path
    values: tuple[Any, ...]
    state: str
    done: float
    why: str
    ends: dict[str, str]
    warnings: dict[str, list[str]]
    numbers: dict[str, Dataset]
    attrs: dict[str, Any]


class CampaignReport(NamedTuple):
    """A campaign and its runs, in the order of its grid."""

    campaign: Campaign
    points: tuple[PointReport, ...]

    @property
    def states(self) -> Counter[str]:
        """How many runs are in each state."""
        return Counter(point.state for point in self.points)


def read_campaign(folder: str | Path) -> CampaignReport:
    """The campaign in a folder, as far as it has come; one result after the other is in memory.

    Raises:
        FileNotFoundError: if there is no campaign.
        ValueError: if its record cannot be read. A run that cannot be read is among the points, with the reason.
    """
    campaign = open_folder(folder)
    queued = in_queue(campaign.folder)
    places = itertools.product(*(axis.values for axis in campaign.grid.axes))
    points = []
    for point, values in zip(campaign.points, places, strict=True):
        path = campaign.run_folder(point)
        run, broken = None, ""
        state, done = state_of(path, point.config)
        try:
            if state != "absent":
                check_run(path, point.config, also_longer=True)
                run = read_run(path)
        except ValueError as error:
            state, done, broken = "unreadable", math.nan, str(error)
        why = broken or ("" if state == "complete" else last_error(path, campaign.log_file(point)))
        state = "queued" if state in OPEN and point.name in queued else state
        points.append(_of_run(PointReport(point.name, path, values, state, done, why, {}, {}, {}, {}), run))
    return CampaignReport(campaign, tuple(points))


def _of_run(point: PointReport, run: Reported | None) -> PointReport:
    """With what the result of the run says, if there is one."""
    if run is None:
        return point
    ladder = temperatures(run.data)
    warnings = {"": [*of_run(run.data, status=run.status, events=run.events), *unmixed(run.rungs)]}
    for T, ds in ladder:
        warnings.setdefault(f"T = {T:.4g}" if len(ladder) > 1 else "", []).extend(of_result(ds))
    cold = measured_part(ladder[0][1])
    return point._replace(
        why=reason(run.data, run.events) if point.state == "stopped" else point.why,
        ends=end_values(cold),
        warnings={where: sentences for where, sentences in warnings.items() if sentences},
        numbers=dict(_numbers(cold)),
        attrs=run.data.attrs,
    )


def _numbers(ds: Dataset) -> Iterator[tuple[str, Dataset]]:
    """Energy and errors of the hosts at the last time; of the clones after the last wait, by layer that moves."""
    if not ds.sizes["time"]:
        return
    last = ds.isel(time=-1)
    with np.errstate(invalid="ignore"):  # the energy of a hard core may be infinite
        yield "energy", mean_and_error(energy_per_gap(last))
    for name in ("train_error", "test_error"):
        if name in last:
            yield name, mean_and_error(last[name])
    if not has_clones(ds):
        return
    for name in (*CORRELATIONS.values(), *OVERLAPS):
        values = moving_layers(ds, name) if name in ds else None
        if values is None or not values.sizes["layer"]:
            continue
        if name in OVERLAPS and ds.sizes["clone"] > 1:
            yield name, mean_and_error(longest_lag(values.isel(waiting_time=-1)))
        if name not in OVERLAPS and waits(ds):
            tau = mean_relaxation_time(values.sel(waiting_time=waits(ds)[-1]))
            yield name, tau[["value", "error"]].rename(value="mean")
