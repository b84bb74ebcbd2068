"""What population annealing finds on its way: free energy, and the families that are left."""

import numpy as np
from matplotlib.axes import Axes
from xarray import Dataset

from glassnet.analysis import population_summary
from glassnet.analysis.population import FEWEST_FAMILIES
from glassnet.plot.labels import of_run
from glassnet.plot.style import ENERGY, ERROR, GREY, legend, on_axes, plain_numbers


@on_axes
def evidence(data: Dataset, ax: Axes | None = None) -> Axes:
    """ln Z(beta)/Z(0) of populations against beta along the schedule, with a band of one standard error.

    Args:
        data: result of a run with `population`.
        ax: axes; a new figure if None.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has more than one schedule, or is no such result.
    """
    found = _along_beta(data)
    beta, value, error = (found[x].values for x in ("population_beta", "log_evidence", "log_evidence_error"))
    ax.plot(beta, value, color=ENERGY, marker="o")
    ax.fill_between(beta, value - np.nan_to_num(error), value + np.nan_to_num(error), color=ENERGY, alpha=0.2, lw=0)
    ax.set(xlabel=r"$\beta$", ylabel=r"$\ln Z(\beta)/Z(0)$")
    return ax


@on_axes
def families(data: Dataset, ax: Axes | None = None) -> Axes:
    """Families of populations against beta, counted in three ways, and how many there must be.

    Those of the population that has fewest: all that are left, exp(S_f) with S_f the entropy of their sizes, and the
    number of walkers over the mean square size rho_t. The dotted line is the fewest that may be trusted.

    Args:
        data: result of a run with `population`.
        ax: axes; a new figure if None.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has more than one schedule, or is no such result.
    """
    found = _along_beta(data)
    counts = {
        "all": (found["families"], GREY, ":"),
        r"$\exp(S_f)$": (np.exp(found["family_entropy"]), ENERGY, "-"),
        r"size$/\rho_t$": (data.attrs["population_size"] / found["rho_t"], ERROR, "--"),
    }
    lines = [
        ax.plot(found["population_beta"], x, color=colour, linestyle=dashes, marker="o", label=words)[0]
        for words, (x, colour, dashes) in counts.items()
    ]
    ax.axhline(FEWEST_FAMILIES, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    largest = max(int(data.attrs["population_size"]), FEWEST_FAMILIES)
    ax.set(ylim=(0.8, 1.25 * largest), yscale="log", xlabel=r"$\beta$", ylabel="families left")
    plain_numbers(ax)
    legend(ax, lines)
    return ax


def _along_beta(data: Dataset) -> Dataset:
    """What has been found, in rising order of the times that were measured."""
    found = population_summary(of_run(data, "log_evidence"))
    return found.isel(time=np.flatnonzero(np.isfinite(found["log_evidence"].values)))
