"""Pictures of results: DataArray or Dataset in, Axes out. Nothing here shows or saves a figure.

With `ax=None` a function draws on a new figure in the style of `paper`. That figure is not registered with
pyplot: write it with `ax.figure.savefig`, or hand over axes of your own to have it shown.
"""

from glassnet.plot.collapse import aging_collapse, width_collapse
from glassnet.plot.connectivity import connectivity_extrapolation
from glassnet.plot.distribution import overlap_histogram
from glassnet.plot.grid import along_axis
from glassnet.plot.history import layers_in_time, rate
from glassnet.plot.magnetisation import magnetisation_profile, raw_and_connected
from glassnet.plot.overlaps import overlap_matrix, overlap_profile
from glassnet.plot.panels import overview
from glassnet.plot.peak import susceptibility_curves
from glassnet.plot.phases import phase_diagram
from glassnet.plot.population import evidence, families
from glassnet.plot.relaxation import autocorrelation, energy_and_error
from glassnet.plot.style import layer_colours, paper
from glassnet.plot.theory import theory_lines
from glassnet.plot.thermal import accuracy, energy_fall, thermal_overview
from glassnet.plot.tree import overlap_tree

__all__ = [
    "overview",
    "thermal_overview",
    "energy_fall",
    "accuracy",
    "energy_and_error",
    "autocorrelation",
    "overlap_profile",
    "overlap_matrix",
    "overlap_tree",
    "magnetisation_profile",
    "raw_and_connected",
    "along_axis",
    "layers_in_time",
    "rate",
    "overlap_histogram",
    "susceptibility_curves",
    "evidence",
    "families",
    "aging_collapse",
    "width_collapse",
    "connectivity_extrapolation",
    "phase_diagram",
    "theory_lines",
    "layer_colours",
    "paper",
]
