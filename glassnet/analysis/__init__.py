"""Numbers from results: Dataset in, Dataset out. Nothing here runs a simulation or draws."""

from glassnet.analysis.aging import aging_exponent
from glassnet.analysis.autocorrelation import integrated_time
from glassnet.analysis.chance import chance_level
from glassnet.analysis.collapse import collapse_quality
from glassnet.analysis.convergence import convergence
from glassnet.analysis.derive import derive
from glassnet.analysis.distribution import overlap_distribution
from glassnet.analysis.equilibration import Equilibration, equilibration
from glassnet.analysis.errors import mean_and_error, mean_pair_overlap
from glassnet.analysis.exchange import exchange_summary
from glassnet.analysis.finite_width import finite_size_collapse
from glassnet.analysis.free_entropy import free_entropy
from glassnet.analysis.hierarchy import Tree, clustered, trees
from glassnet.analysis.infinite_connectivity import by_connectivity, infinite_connectivity
from glassnet.analysis.infinite_width import infinite_width
from glassnet.analysis.layers import (
    condensed,
    ends_and_centre,
    energy_per_gap,
    longest_lag,
    magnetised,
    moving_layers,
    solid,
    solid_depth,
)
from glassnet.analysis.mbar import mbar
from glassnet.analysis.peak import peak, susceptibility_peak
from glassnet.analysis.penetration import logarithmic_growth, penetration_depth
from glassnet.analysis.plateau import plateau, plateau_height
from glassnet.analysis.population import population_mean, population_summary
from glassnet.analysis.relaxation import crossing_time, mean_relaxation_time, relaxation_time, stretched_exponential
from glassnet.analysis.resampling import bootstrap, jackknife
from glassnet.analysis.start import start_equilibrium
from glassnet.analysis.susceptibility import susceptibility
from glassnet.analysis.symmetries import reduced_overlap
from glassnet.analysis.trivial import constant_error, nearest_error
from glassnet.analysis.ultrametricity import null_overlaps, ultrametricity, ultrametricity_null

__all__ = [
    "derive",
    "relaxation_time",
    "mean_relaxation_time",
    "crossing_time",
    "stretched_exponential",
    "aging_exponent",
    "collapse_quality",
    "integrated_time",
    "start_equilibrium",
    "susceptibility",
    "susceptibility_peak",
    "peak",
    "plateau",
    "plateau_height",
    "mean_and_error",
    "bootstrap",
    "jackknife",
    "mean_pair_overlap",
    "moving_layers",
    "longest_lag",
    "energy_per_gap",
    "solid",
    "solid_depth",
    "magnetised",
    "condensed",
    "ends_and_centre",
    "constant_error",
    "nearest_error",
    "reduced_overlap",
    "overlap_distribution",
    "clustered",
    "Tree",
    "trees",
    "ultrametricity",
    "ultrametricity_null",
    "null_overlaps",
    "equilibration",
    "Equilibration",
    "exchange_summary",
    "population_summary",
    "population_mean",
    "finite_size_collapse",
    "infinite_width",
    "chance_level",
    "by_connectivity",
    "infinite_connectivity",
    "convergence",
    "free_entropy",
    "mbar",
    "penetration_depth",
    "logarithmic_growth",
]
