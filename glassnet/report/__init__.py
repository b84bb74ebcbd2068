"""A run on one page: a self-contained HTML file for people, made from a result and its log."""

from glassnet.report.cautions import warnings_of
from glassnet.report.document import page
from glassnet.report.source import Reported, read_run

__all__ = ["page", "warnings_of", "read_run", "Reported"]
