"""What was measured at one temperature, as sections of a page: figures, and one table by layer."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from xarray import Dataset

from glassnet import plot
from glassnet.analysis.layers import hidden_layers, order_parameter
from glassnet.plot.overlaps import chance_is_known
from glassnet.report.bylayer import tables_by_layer
from glassnet.report.cautions import magnetisation_threshold
from glassnet.report.figures import figure
from glassnet.report.markup import Markup, joined, tag
from glassnet.report.numbers import count, number
from glassnet.report.source import has_clones, measured_part

TREE_HEIGHT = 3.9
"""Inches of a matrix with its tree."""

NOT_YET = "Not measured yet."
NO_CLONES = "Clones have not been measured yet."
NO_PAIRS = "Overlaps need two clones of a host; this run has one."


class Section(NamedTuple):
    """A part of the page.

    Attributes:
        anchor: unique name.
        title: its heading.
        body: what is below.
    """

    anchor: str
    title: str
    body: Markup


def result_sections(ds: Dataset, prefix: str = "") -> list[Section]:
    """Sections about a result at one temperature, complete or not.

    Args:
        ds: the result.
        prefix: begins all anchors.
    """
    cut = measured_part(ds)
    if not cut.sizes["time"]:
        return [Section(f"{prefix}energy", "Energy and errors", tag("p", NOT_YET))]
    parts: dict[str, tuple[str, Callable[[Dataset, str], Iterator[Markup]]]] = {
        "layers": ("By layer", _tables),
        "energy": ("Energy and errors", _energy),
        "spins": ("Relaxation of spins", _spins),
        "weights": ("Relaxation of weights", _weights),
        "overlaps": ("Overlap of replicas", _overlaps),
        "landscape": ("Landscape of last configurations", _landscape),
        "magnetisation": ("Magnetised neurons", _magnetisation),
        "acceptance": ("Acceptance", _acceptance),
        "temperature": ("Kinetic temperature", _temperature),
    }
    dynamical = "kinetic_temperature" in cut  # molecular dynamics, which accepts all it does
    parts.pop("acceptance" if dynamical else "temperature")
    if not hidden_layers(cut):
        parts = {name: part for name, part in parts.items() if name not in ("spins", "magnetisation")}
    if "population_size" in ds.attrs:  # measures no pairs
        parts = {name: part for name, part in parts.items() if name not in ("overlaps", "landscape")}
    drawn = {name: joined(_gathered(draw(cut, prefix + name))) for name, (_, draw) in parts.items()}
    return [Section(prefix + name, parts[name][0], body) for name, body in drawn.items()]


def _gathered(pieces: Iterator[Markup]) -> Iterator[Markup]:
    """Pieces of a section, with figures that follow each other side by side."""
    figures: list[Markup] = []
    for piece in pieces:
        if piece.startswith("<figure"):
            figures.append(piece)
            continue
        if figures:
            yield tag("div", *figures, class_="figures")
            figures = []
        yield piece
    if figures:
        yield tag("div", *figures, class_="figures")


def _tables(ds: Dataset, anchor: str) -> Iterator[Markup]:
    yield from tables_by_layer(ds)


def _energy(ds: Dataset, anchor: str) -> Iterator[Markup]:
    if not float(ds["time"][-1]):
        yield tag("p", "Hosts have been measured at sweep 0 alone; the table has the numbers.")
        return
    finite = np.isfinite(ds["energy"])
    masked = ds.assign(energy=ds["energy"].where(finite))
    hint = (
        "" if bool(finite.all()) else " Where a gap of a hard core is negative the energy is infinite, and not drawn."
    )
    yield figure(
        f"{anchor}-total",
        f"Energy per gap and errors of the hosts; bands of one standard error over samples.{hint}",
        "Energy per gap, training error and test error against time.",
        plot.energy_and_error,
        masked,
    )
    shown, words = ("energy", "Energy") if bool(finite.any()) else ("violated", "Violated gaps")
    yield figure(
        f"{anchor}-layers",
        f"{words} of each layer against time.",
        f"{words} against time, one line for each layer.",
        plot.layers_in_time,
        masked[shown],
    )


def _absent(ds: Dataset, *, pairs: bool = False) -> Markup | None:
    """Why there is nothing to draw, if so."""
    if not has_clones(ds):
        return tag("p", NO_CLONES)
    return tag("p", NO_PAIRS) if pairs and ds.sizes["clone"] < 2 else None


def _spins(ds: Dataset, anchor: str) -> Iterator[Markup]:
    absent = _absent(ds)
    yield from [absent] if absent else _relaxation(ds, anchor, ds, "Spin autocorrelation")


def _weights(ds: Dataset, anchor: str) -> Iterator[Markup]:
    name = "weight_autocorrelation_normalised"
    absent = _absent(ds)
    yield from [absent] if absent else _relaxation(ds, anchor, ds[name], "Normalised weight autocorrelation")


def _relaxation(ds: Dataset, anchor: str, data: Any, words: str) -> Iterator[Markup]:
    for t in ds["waiting_time"].values.tolist():
        yield figure(
            f"{anchor}-{t}",
            joined([words, " after t", tag("sub", "w"), f" = {count(t)} sweeps. Below 1/e a layer has relaxed."]),
            f"{words} against lag after {t} sweeps, one line for each layer.",
            plot.autocorrelation,
            data,
            waiting_time=t,
        )


def _overlaps(ds: Dataset, anchor: str) -> Iterator[Markup]:
    absent = _absent(ds, pairs=True)
    if absent:
        yield absent
        return
    lag = f"at lag {count(ds['lag'][-1])}"
    if hidden_layers(ds):
        name, _ = order_parameter(ds, "spin_overlap")
        squared = name != "spin_overlap"
        words = "Overlap of spins between clones, squared by neurons," if squared else "Overlap of spins between clones"
        caption = f"{words} {lag}; the dotted line is {'1/e²' if squared else '1/e'}."
        caption += " The dashed one is the most that liquids have by chance." if squared and chance_is_known(ds) else ""
        yield figure(f"{anchor}-spins", caption, "Overlap of spins by layer.", plot.overlap_profile, ds, name=name)
    name, _ = order_parameter(ds, "weight_overlap")
    squared = ", squared by rows and columns," if name != "weight_overlap" else ""
    caption = f"Overlap of weights between clones{squared} {lag}."
    yield figure(f"{anchor}-weights", caption, "Overlap of weights by layer.", plot.overlap_profile, ds[name])


def _landscape(ds: Dataset, anchor: str) -> Iterator[Markup]:
    depth = int(ds.attrs["depth"])
    name, words = ("final_spin_overlap", "spins") if depth > 1 else ("final_weight_overlap", "weights")
    if name not in ds or not bool(np.isfinite(ds[name]).all()):
        yield tag("p", "The last configurations are compared when the run is complete.")
        return
    if ds.sizes["configuration"] < 2:
        yield tag("p", "There is a single last configuration: nothing to compare.")
        return
    for layer in sorted({1, depth // 2, depth - 1} - {0}):
        yield figure(
            f"{anchor}-{layer}",
            joined([f"Overlap of {words} in layer {layer}, ordered by the tree of complete linkage", *_last_wait(ds)]),
            f"Matrix of overlaps between all last configurations in layer {layer}, with its tree above.",
            plot.overlap_tree,
            ds[name],
            layer=layer,
            height=TREE_HEIGHT,
        )


def _last_wait(ds: Dataset) -> list[object]:
    return [" (t", tag("sub", "w"), f" = {count(ds['waiting_time'][-1])})."]


def _magnetisation(ds: Dataset, anchor: str) -> Iterator[Markup]:
    absent = _absent(ds)
    if absent:
        yield absent
        return
    threshold = magnetisation_threshold(ds)
    yield figure(
        f"{anchor}-squared",
        "Squared magnetisation over patterns at the longest lag; layers above the dotted line are flagged.",
        "Squared magnetisation by layer.",
        plot.magnetisation_profile,
        ds,
        threshold=threshold,
    )
    if ds.sizes["clone"] > 1 and "spin_overlap" in ds:
        yield figure(
            f"{anchor}-overlaps",
            joined(["Raw and connected overlap of clones at the longest lag", *_last_wait(ds)]),
            "Raw and connected overlap of spins by layer.",
            plot.raw_and_connected,
            ds,
        )


def _temperature(ds: Dataset, anchor: str) -> Iterator[Markup]:
    drift = float(ds["energy_drift"].isel(time=-1).mean())
    yield figure(
        f"{anchor}-layers",
        "Mean square of the velocities of weights and hidden neurons in each layer of the hosts.",
        "Kinetic temperature against time, one line for each layer.",
        plot.layers_in_time,
        ds["kinetic_temperature"],
    )
    yield tag("p", f"Errors of the integration have added {number(drift)} to the energy of each moving number.")


def _acceptance(ds: Dataset, anchor: str) -> Iterator[Markup]:
    names = {
        "acceptance_weights": "weight moves",
        "acceptance_spins": "spin flips",
        "acceptance_rows": "rows in slice moves",
        "acceptance_collapsed": "collapsed moves of weights",
    }
    found = {name: words for name, words in names.items() if name in ds and bool(ds[name].notnull().any())}
    if not found:
        yield tag("p", NOT_YET)
    for name, words in found.items():
        yield figure(
            f"{anchor}-{words.split()[0]}",
            f"Accepted fraction of {words} of the hosts since the measurement before.",
            f"Accepted fraction of {words} against time, one line for each layer.",
            plot.layers_in_time,
            ds[name],
        )
