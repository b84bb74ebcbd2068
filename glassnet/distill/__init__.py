"""Distillation: chains of machines, each of which teaches the next."""

from glassnet.distill.paths import best_path, every_path, path_cost, search_paths
from glassnet.distill.solvable import DATA, solvable

__all__ = ["DATA", "best_path", "every_path", "path_cost", "search_paths", "solvable"]
