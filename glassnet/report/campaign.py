"""A campaign on one page: its grid, where its runs stand, what they end with, figures along its axes."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import xarray as xr
from xarray import DataArray, Dataset

from glassnet import plot
from glassnet.campaign.axes import Axis, label
from glassnet.campaign.dataset import SEEN
from glassnet.plot.labels import evenly
from glassnet.report.document import document, key, listed_warnings
from glassnet.report.equilibrium import CORRELATIONS
from glassnet.report.figures import figure
from glassnet.report.markup import Markup, joined, table, tag
from glassnet.report.numbers import count, percent
from glassnet.report.origin import configuration_tables
from glassnet.report.points import OVERLAPS, CampaignReport, PointReport
from glassnet.report.sections import Section

MOST_LINES = 6
"""Lines in a figure of a number that has no layers: combinations of values on the other axes, evenly chosen."""

MOST_SLICES = 3
"""Such combinations for which a figure by layer is drawn."""

WORDS = {
    "energy": "Energy per gap of the hosts at the end",
    "train_error": "Training error of the hosts at the end",
    "test_error": "Test error of the hosts at the end",
    "spin_autocorrelation": "Relaxation time of spins after the last wait",
    "weight_autocorrelation_normalised": "Relaxation time of weights after the last wait",
    "spin_overlap_squared": "Overlap of spins between clones, squared by neurons, at the longest lag",
    "spin_overlap": "Overlap of spins between clones at the longest lag",
    "weight_overlap": "Overlap of weights between clones at the longest lag",
}
"""What is drawn along the axes."""

HOSTS = ("energy", "train_error", "test_error")


def campaign_page(report: CampaignReport, file: Path) -> str:
    """The report of a campaign as one HTML document that needs nothing else.

    Args:
        report: the campaign.
        file: where the page is to lie; links to the folders of runs lead from there.
    """
    campaign, name = report.campaign, report.campaign.folder.resolve().name
    sections = [
        Section("grid", "Grid", _grid(campaign.grid.axes)),
        Section("runs", "Runs", _runs(report, file)),
        *_along_axes(report),
        Section("configuration", "Configuration", configuration_tables(campaign.grid.base)),
        Section("provenance", "Provenance", _provenance(report)),
    ]
    return document(
        title=f"{name}: {_state(report)}", header=_header(report, name), warnings=_warnings(report), sections=sections
    )


def _state(report: CampaignReport) -> str:
    complete = report.states["complete"]
    return "complete" if complete == len(report.points) else f"{complete} of {len(report.points)} complete"


def _header(report: CampaignReport, name: str) -> Markup:
    part = sum(p.done for p in report.points if p.done == p.done) / len(report.points)
    state = next((word for word in ("failed", "running", "complete") if report.states[word]), "stopped")
    state = "stopped" if state == "complete" and _state(report) != state else state
    axes = "; ".join(f"{axis.key} = {', '.join(map(label, axis.values))}" for axis in report.campaign.grid.axes)
    bar = tag("progress", percent(part), value=f"{part:.4f}", max="1", aria_label="progress")
    return tag(
        "header",
        tag("p", "glassnet report of a campaign", class_="kind"),
        tag("h1", name, " ", tag("span", _state(report), class_=f"badge {state}")),
        tag("p", f"{count(len(report.points))} runs: {axes}.", class_="summary"),
        tag("dl", *(key(word, count(n)) for word, n in report.states.items()), class_="keys"),
        tag("div", bar, tag("span", f"{100 * part:.3g} % of the sweeps, in the mean over runs"), class_="bar"),
    )


def _grid(axes: Sequence[Axis]) -> Markup:
    rows = [
        [axis.key, axis.attributes["long_name"], str(len(axis.values)), ", ".join(map(label, axis.values))]
        for axis in axes
    ]
    return table("Axes; the last one varies fastest", ["key", "what it is", "values", "which"], rows, numbers=False)


def _runs(report: CampaignReport, file: Path) -> Markup:
    """One row for each run, and why runs are not at their end."""
    keys = [axis.key for axis in report.campaign.grid.axes]
    ends = list(dict.fromkeys(name for point in report.points for name in point.ends))
    rows = (
        [
            _links(point, file),
            *map(label, point.values),
            point.state,
            percent(point.done),
            *(point.ends.get(name, "–") for name in ends),
            sum(map(len, point.warnings.values())) if point.attrs else "–",
        ]
        for point in report.points
    )
    caption = "Last measured numbers of the hosts, mean ± standard error over samples, at the coldest temperature."
    whole = table(caption, ["run", *keys, "state", "done", *ends, "warnings"], rows)
    told = [
        tag("li", tag("strong", point.name), f": {point.state}: {point.why}") for point in report.points if point.why
    ]
    return joined(
        [whole, tag("p", "Why runs are not at their end:") if told else None, tag("ul", *told) if told else None]
    )


def _links(point: PointReport, file: Path) -> Markup:
    """To the folder of a run, relative to the page, and to its report, where there is one."""
    if not point.folder.exists():
        return tag("span", point.name)
    way = quote(os.path.relpath(point.folder.resolve(), file.resolve().parent).replace(os.sep, "/"))
    way = way if way.startswith(".") else f"./{way}"
    own = (point.folder / "report.html").exists()
    report = joined([" (", tag("a", "report", href=f"{way}/report.html"), ")"]) if own else None
    return joined([tag("a", point.name, href=f"{way}/"), report])


def _warnings(report: CampaignReport) -> Markup:
    """The box of warnings, run by run."""
    doubtful = [point for point in report.points if point.warnings]
    total = sum(len(sentences) for point in doubtful for sentences in point.warnings.values())
    if not total:
        measured = any(point.attrs for point in report.points)
        words = "None of the checks found anything in any run." if measured else "No run has a result yet."
        return tag("section", tag("h2", "No warnings"), tag("p", words), class_="warnings none", id="warnings")
    folds = []
    for point in doubtful:
        lists = [
            part
            for where, sentences in point.warnings.items()
            for part in (tag("h3", where) if where else None, listed_warnings(sentences))
        ]
        folds.append(
            tag("details", tag("summary", f"{point.name}: {_several(sum(map(len, point.warnings.values())))}"), *lists)
        )
    title = f"{_several(total)} in {len(doubtful)} of {len(report.points)} runs"
    return tag("section", tag("h2", title), *folds, class_="warnings", id="warnings")


def _several(n: int) -> str:
    return f"{n} warning{'' if n == 1 else 's'}"


def _along_axes(report: CampaignReport) -> Iterator[Section]:
    """Figures against each axis of numbers that has two of them."""
    for n, axis in enumerate(report.campaign.grid.axes):
        if axis.coordinate.dtype.kind in "iuf" and len(axis.values) > 1:
            figures = list(_figures(report, n))
            absent = tag("p", "Figures need two complete runs that differ along this axis alone.")
            body = tag("div", *figures, class_="figures") if figures else absent
            yield Section(f"axis{n}", f"Against {axis.key}", body)


def _figures(report: CampaignReport, n: int) -> Iterator[Markup]:
    """What complete runs end with: of hosts one line for each combination of the other axes, of clones one a layer."""
    axes = report.campaign.grid.axes
    others = [m for m, axis in enumerate(axes) if m != n and len(axis.values) > 1]
    lines: dict[str, list[PointReport]] = {}
    for point in report.points:
        if point.state == "complete":
            lines.setdefault(", ".join(label(point.values[m]) for m in others), []).append(point)
    lines = {words: points for words, points in lines.items() if len(points) > 1}
    names = ", ".join(axes[m].key for m in others)
    for name in HOSTS:
        yield from _of_hosts(name, {w: p for w, p in lines.items() if _measured(name, p)}, names, axes[n], n)
    for k in evenly(len(lines), MOST_SLICES):
        words, points = list(lines.items())[k]
        yield from _by_layer(points, f"at {names} = {words}" if names else "", axes[n], n, k)


def _measured(name: str, points: Sequence[PointReport]) -> bool:
    return all(name in point.numbers for point in points)


def _of_hosts(name: str, lines: dict[str, list[PointReport]], names: str, axis: Axis, n: int) -> Iterator[Markup]:
    """A number without layers, one line for each combination of the other axes, whose keys are `names`."""
    chosen = [list(lines)[k] for k in evenly(len(lines), MOST_LINES)]
    curves = [_curve(lines[words], name, axis, n) for words in chosen]
    if curves:
        by = DataArray(chosen, dims="others", name="others", attrs={"long_name": names})
        pair = curves[0] if len(curves) == 1 else xr.concat(curves, by, **JOIN)
        alone = f"at {names} = {chosen[0]}" if names and len(chosen) == 1 else ""
        few = "" if len(chosen) == len(lines) else f"{len(chosen)} of {len(lines)} combinations of {names} are drawn"
        yield _figure(f"axis{n}-{name}", name, alone or few, pair, axis)


def _by_layer(points: Sequence[PointReport], at: str, axis: Axis, n: int, k: int) -> Iterator[Markup]:
    """Relaxation times and overlaps, one line for each layer; of several overlaps the first of `OVERLAPS`."""
    measured = [name for name in WORDS if name not in HOSTS and _measured(name, points)]
    overlap = next((name for name in OVERLAPS if name in measured), None)
    for name in measured:
        pair = _curve(points, name, axis, n)
        if (name not in OVERLAPS or name == overlap) and bool(pair["mean"].notnull().any()):
            yield _figure(f"axis{n}-{name}-{k}", name, at, pair, axis)


JOIN: Any = {"join": "outer", "coords": "minimal", "compat": "override", "data_vars": "all"}


def _curve(points: Sequence[PointReport], name: str, axis: Axis, n: int) -> Dataset:
    """`mean` and `error` of a number along an axis."""
    x = DataArray([point.values[n] for point in points], dims=axis.key, name=axis.key, attrs=axis.attributes)
    return xr.concat([point.numbers[name].reset_coords(drop=True) for point in points], x, **JOIN)


def _figure(anchor: str, name: str, where: str, pair: Dataset, axis: Axis) -> Markup:
    words = f"{WORDS[name]}{f', {where}' if where else ''}."
    hint = " What is not drawn is longer than the run." if name in CORRELATIONS.values() else ""
    caption = f"{words}{hint} Bars of one standard error over samples."
    alt = f"{words.removesuffix('.')}, against {axis.key}."
    return figure(anchor, caption, alt, plot.along_axis, pair, axis=axis.key)


def _provenance(report: CampaignReport) -> Markup:
    """Where the campaign lies, and all versions and machines seen in its results."""
    rows: list[list[object]] = [
        ["folder", tag("code", str(report.campaign.folder))],
        ["campaign hash", tag("code", report.campaign.grid.campaign_hash)],
    ]
    for name in SEEN:
        seen = dict.fromkeys(str(point.attrs[name]) for point in report.points if name in point.attrs)
        rows += [[name.replace("_", " "), "; ".join(seen)]] if seen else []
    return table("Origin", [], rows, numbers=False)
