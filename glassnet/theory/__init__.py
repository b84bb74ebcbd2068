"""Replica theory of the deep perceptron: overlaps, transitions, free entropies and limits, layer by layer.

Results say how far they are to be believed (`exactness`, explained in `glassnet.theory.exactness`).
Curves over alpha or depth as labelled Datasets are in `glassnet.theory.curves`.
"""

from glassnet.theory import curves
from glassnet.theory.breaking import Parisi, parisi
from glassnet.theory.bulk import BulkPoint, bulk_transition
from glassnet.theory.capacity_bound import CapacityWarning, capacity_bound
from glassnet.theory.condensation import CondensedLayer, condensation_load, condensed_layer
from glassnet.theory.crystal import FirstOrderPoint, branches, crystal_transition
from glassnet.theory.distillation import BestPath, best_path, gap_error, path_error
from glassnet.theory.fixed_point import NoConvergenceError
from glassnet.theory.generalisation import generalisation_error, test_overlap
from glassnet.theory.liquid import liquid_energy, liquid_free_entropy
from glassnet.theory.one_output import OneOutput, one_output
from glassnet.theory.onset import PenetrationFit, Transitions, one_sided_transitions, penetration_fit, transitions
from glassnet.theory.perceptron import gardner_capacity, ising_capacity, ising_generalisation_transition
from glassnet.theory.stability import replicon
from glassnet.theory.symmetric import ReplicaSymmetric, replica_symmetric

__all__ = [
    "curves",
    "replica_symmetric",
    "ReplicaSymmetric",
    "parisi",
    "Parisi",
    "transitions",
    "Transitions",
    "one_sided_transitions",
    "penetration_fit",
    "PenetrationFit",
    "bulk_transition",
    "BulkPoint",
    "branches",
    "crystal_transition",
    "FirstOrderPoint",
    "replicon",
    "capacity_bound",
    "CapacityWarning",
    "NoConvergenceError",
    "one_output",
    "OneOutput",
    "generalisation_error",
    "test_overlap",
    "liquid_energy",
    "liquid_free_entropy",
    "gardner_capacity",
    "ising_capacity",
    "ising_generalisation_transition",
    "gap_error",
    "path_error",
    "best_path",
    "BestPath",
    "condensed_layer",
    "condensation_load",
    "CondensedLayer",
]
