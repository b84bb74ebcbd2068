"""Campaigns: a grid of parameters as independent runs in one folder, opened as one Dataset."""

from glassnet.campaign.dataset import open_campaign
from glassnet.campaign.plan import Plan, Point, read_plan

__all__ = ["Plan", "Point", "open_campaign", "read_plan"]
