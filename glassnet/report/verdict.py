"""The verdict on equilibrium: that which a result carries, or what the run alone can tell."""

import json

from xarray import Dataset

from glassnet.analysis import equilibration
from glassnet.report.markup import joined, tag
from glassnet.report.sections import Section
from glassnet.report.source import has_clones, measured_part


def verdict(ds: Dataset) -> str:
    """EQUILIBRATED, NOT or UNMEASURED."""
    return _found(ds)[0]


def reasons(ds: Dataset) -> Section | None:
    """The verdict and its reasons as a section; None where clones have not been measured yet."""
    word, sentences, footnotes = _found(ds)
    if not sentences:
        return None
    listed = tag("ul", *(tag("li", sentence) for sentence in sentences))
    notes = (tag("p", note, class_="note") for note in footnotes)
    return Section("equilibrium", f"Equilibrium: {word}", joined([listed, *notes]))


def _found(ds: Dataset) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    if "equilibration" in ds.attrs:
        return str(ds.attrs["equilibration"]), tuple(json.loads(str(ds.attrs.get("equilibration_reasons", "[]")))), ()
    cut = measured_part(ds)
    if not has_clones(cut):
        return "–", (), ()
    found = equilibration(cut)
    return found.verdict, found.reasons, found.footnotes
