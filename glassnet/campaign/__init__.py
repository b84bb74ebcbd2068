"""Campaigns: a grid of parameters as independent runs in one folder, opened as one Dataset."""

from typing import Any

from glassnet.campaign.dataset import open_campaign
from glassnet.campaign.grid import Grid, Point, read_grid
from glassnet.core.former import warn_former

__all__ = ["Grid", "Point", "open_campaign", "read_grid"]

FORMER = {"Plan": "Grid", "read_plan": "read_grid"}
"""Former names."""


def __getattr__(name: str) -> Any:
    if name not in FORMER:
        raise AttributeError(f"module 'glassnet.campaign' has no attribute {name!r}")
    warn_former(name, FORMER[name])
    return globals()[FORMER[name]]
