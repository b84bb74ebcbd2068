"""What population annealing found: free energy and families, as a table and sentences."""

from collections.abc import Iterator

import numpy as np
from xarray import Dataset

from glassnet import plot
from glassnet.analysis import population_summary
from glassnet.analysis.population import FEWEST_FAMILIES, LARGEST_VARIANCE
from glassnet.report.figures import figure
from glassnet.report.markup import joined, table, tag
from glassnet.report.numbers import count, number, with_error
from glassnet.report.sections import NOT_YET, Section
from glassnet.report.source import measured_part


def population_section(ds: Dataset) -> Section | None:
    """The section on population annealing; None for a run without it."""
    if "population_size" not in ds.attrs:
        return None
    cut = measured_part(ds)
    if not cut.sizes["time"]:
        return Section("population", "Population annealing", tag("p", NOT_YET))
    found = population_summary(cut)
    pieces = [_table(found), *(tag("p", words) for words in _sentences(cut, found))]
    if "temperature" not in found.dims:
        captions = {
            "evidence": "ln Z(β)/Z(0) along the schedule; band of one standard error.",
            "families": "Families left, of the population that has fewest; above the dotted line they may be trusted.",
        }
        draw = {"evidence": plot.evidence, "families": plot.families}
        figures = (figure(f"population-{name}", words, words, draw[name], cut) for name, words in captions.items())
        pieces.append(tag("div", *figures, class_="figures"))
    return Section("population", "Population annealing", joined(pieces))


def _table(found: Dataset) -> object:
    """A row for each schedule at the last time, or for each time of the only one."""
    several = "temperature" in found.dims
    rows = found.isel(time=-1) if several else found
    along = "temperature" if several else "time"
    cells = []
    for n in range(rows.sizes[along]):
        one = rows.isel({along: n})
        log, F = (with_error(float(one[x]), float(one[f"{x}_error"])) for x in ("log_evidence", "free_energy"))
        numbers = [number(float(one[x])) for x in ("family_entropy", "rho_t")]
        cells.append([f"{float(one['population_beta']):.4g}", log, F, count(one["families"]), *numbers])
    first = [] if several else ["sweep"]
    if not several:
        cells = [[count(t), *row] for t, row in zip(found["time"].values, cells, strict=True)]
    caption = "Hosts; families, entropy and mean square size of the population with the fewest families."
    return table(caption, [*first, "β", "ln Z(β)/Z(0)", "F − F₀", "families", "S_f", "ρ_t"], cells)


def _sentences(ds: Dataset, found: Dataset) -> Iterator[str]:
    end = found.isel(time=-1)
    size = count(ds.attrs["population_size"])
    yield f"Each replica is a population of {size} walkers; what is measured are means over them."
    systematic = np.atleast_1d(end["systematic_error"].values)
    if np.isfinite(systematic).any():
        largest = number(float(np.nanmax(systematic)))
        yield f"ln Z of a single population is too small by about {largest}, half its variance between populations."
    at = np.atleast_1d(end["population_beta"].values)
    last = np.atleast_1d(ds["beta"].values)
    if not np.allclose(at, last, rtol=1e-5):
        yield f"The hosts stop at β = {', '.join(f'{b:.4g}' for b in at)}, before the end of the schedule."


def few_families(ds: Dataset) -> Iterator[str]:
    """Why populations are not to be trusted, if so."""
    cut = measured_part(ds) if "population_size" in ds.attrs else None
    if cut is None or not cut.sizes["time"]:
        return
    end = population_summary(cut).isel(time=-1)
    if (end["verdict"] == "good").all():
        return
    fewest = min(float(np.exp(end["family_entropy"]).min()), float((ds.attrs["population_size"] / end["rho_t"]).min()))
    if fewest < FEWEST_FAMILIES:
        yield (
            f"Few families: the walkers of a population descend from {number(fewest)} of those at the start, counted "
            f"by their sizes, fewer than {FEWEST_FAMILIES}; larger populations, or slower schedules, are needed."
        )
    else:
        variance = number(float(end["log_evidence_variance"].max()))
        yield (
            f"Populations differ: the variance of ln Z between them is {variance}, more than {LARGEST_VARIANCE:g}; a "
            "few of them make the mean."
        )
