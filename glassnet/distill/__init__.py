"""Distillation: chains of machines, each of which teaches the next."""

from glassnet.distill.chain import Chain, Node
from glassnet.distill.link import Link
from glassnet.distill.paths import best_path, every_path, path_cost, search_paths
from glassnet.distill.running import run_chain
from glassnet.distill.solvable import DATA, solvable

__all__ = [
    "DATA", "Chain", "Link", "Node", "best_path", "every_path", "path_cost", "run_chain", "search_paths", "solvable",
]  # fmt: skip
