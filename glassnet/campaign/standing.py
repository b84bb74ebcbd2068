"""Where the runs of a campaign stand, and which are to be carried out."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from glassnet.campaign.folder import Campaign, check_run
from glassnet.campaign.grid import Point
from glassnet.campaign.jobs import in_queue
from glassnet.campaign.processes import Assignment
from glassnet.campaign.state import doomed, state_of

OPEN = ("absent", "stopped", "interrupted", "failed")
"""States from which a run is started or gone on with."""


@dataclass(frozen=True)
class Standing:
    """A run, its state, and the part of its sweeps that is done (NaN if not known)."""

    point: Point
    state: str
    done: float


def standings(campaign: Campaign) -> list[Standing]:
    """Where all runs stand: one of `glassnet.campaign.state.STATES`, or "queued" as a job that does not work yet.

    Raises:
        ValueError: if the folder of a run holds another one.
    """
    found, queued = [], in_queue(campaign.folder)
    for point in campaign.points:
        folder = campaign.run_folder(point)
        now, done = state_of(folder, point.config)
        if now not in ("absent", "unreadable"):
            check_run(folder, point.config)
        if now in OPEN and point.name in queued:
            now = "queued"
        found.append(Standing(point, now, done))
    return found


def in_states(found: Sequence[Standing]) -> str:
    """How many runs there are, and in which states: "12 runs (3 complete, 9 absent)"."""
    states = Counter(one.state for one in found)
    return f"{len(found)} runs ({', '.join(f'{n} {name}' for name, n in states.items())})"


def table(found: Sequence[Standing]) -> Iterator[str]:
    """A line for each run: name, state, part of the sweeps that is done."""
    width = max(len(one.point.name) for one in found)
    for one in found:
        done = "" if math.isnan(one.done) else f"{100 * one.done:4.0f} %"
        yield f"{one.point.name:<{width}}  {one.state:<11}{done}"


def check_new(found: Sequence[Standing]) -> None:
    """Build the data of all runs that have not started, as they will.

    Raises:
        ValueError, FileNotFoundError: if they do not fit the machine or cannot be read, naming the grid point.
    """
    for one in found:
        if one.state == "absent":
            _check(one.point)


def to_do(campaign: Campaign, found: Sequence[Standing], *, retry_failed: bool) -> list[Assignment]:
    """The runs to be carried out: neither complete nor queued or at work elsewhere.

    Args:
        campaign: the campaign.
        found: where its runs stand.
        retry_failed: try again those that stopped being finite, too.
    """
    points = [one.point for one in found if one.state in OPEN]
    points = [p for p in points if retry_failed or not doomed(campaign.run_folder(p))]
    return [Assignment(p.name, campaign.run_folder(p), campaign.config_file(p), campaign.log_file(p)) for p in points]


def _check(point: Point) -> None:
    try:
        point.config.job(part=(0, 1))
    except (ValueError, FileNotFoundError) as error:
        raise type(error)(f"{error} This is the grid point {point.name}.") from error
