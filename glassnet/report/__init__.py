"""A run, or a campaign, on one page: a self-contained HTML file for people, made from a result and its log."""

from typing import Any

from glassnet.core.former import warn_former
from glassnet.report.campaign import campaign_page
from glassnet.report.cautions import warnings_of
from glassnet.report.document import page
from glassnet.report.points import CampaignReport, read_campaign
from glassnet.report.source import Reported, read_run

__all__ = ["page", "warnings_of", "read_run", "Reported", "campaign_page", "read_campaign", "CampaignReport"]


def __getattr__(name: str) -> Any:
    """`Run`, the former name of `Reported`."""
    if name != "Run":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn_former("glassnet.report.Run", "glassnet.report.Reported")
    return Reported
