"""The page as a whole: head, key numbers, warnings, contents, sections."""

import re
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from xarray import Dataset

from glassnet import __version__
from glassnet.analysis import start_equilibrium
from glassnet.plot.labels import evenly, temperatures
from glassnet.report.bylayer import end_values, table_by_temperature
from glassnet.report.cautions import of_result, of_run, reason
from glassnet.report.exchange import exchange_section, unmixed
from glassnet.report.figures import palette
from glassnet.report.markup import Markup, joined, tag
from glassnet.report.moves import moves
from glassnet.report.numbers import count, duration, listed, number
from glassnet.report.origin import configuration, history, provenance
from glassnet.report.population import few_families, population_section
from glassnet.report.progress import Progress, progress_of
from glassnet.report.sections import Section, result_sections
from glassnet.report.source import Reported, attribute
from glassnet.report.verdict import reasons, verdict
from glassnet.sampling.system import EXACT
from glassnet.thermal.machine import KIND as THERMAL

MOST_TEMPERATURES = 6
"""Temperatures that are drawn, evenly chosen from a longer ladder; all are in the table."""

Ladder = list[tuple[float, Dataset]]


def page(run: Reported) -> str:
    """The report of a run as one HTML document that needs nothing else."""
    ladder = temperatures(run.data)
    cautions = [of_result(ds) for _, ds in ladder]
    progress = progress_of(run)
    origin = [
        reasons(run.data),
        exchange_section(run.rungs),
        population_section(run.data),
        moves(run),
        history(run, progress),
        configuration(run),
        provenance(run),
    ]
    sections = [*_results(run, ladder, cautions), *(section for section in origin if section is not None)]
    run_wide = [*of_run(run.data, status=run.status, events=run.events), *unmixed(run.rungs), *few_families(run.data)]
    return document(
        title=f"{run.name}: {run.status}",
        header=_header(run, ladder, progress),
        warnings=_warnings(run_wide, ladder, cautions),
        sections=sections,
    )


def document(*, title: str, header: Markup, warnings: Markup, sections: Sequence[Section]) -> str:
    """The whole of a page: head, warnings, contents, sections, and the style sheet with the colours of the figures."""
    content = {
        "title": tag("title", title),
        "header": header,
        "warnings": warnings,
        "contents": _contents(sections),
        "sections": joined(_section(section) for section in sections),
        "footer": tag("footer", f"Made by glassnet {__version__} at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC."),
    }
    light, dark = palette("".join(content.values()))
    style = Template(_resource("style.css")).substitute(light=light, dark=dark)
    return Template(_resource("page.html")).substitute(content, style=style)


def _resource(name: str) -> str:
    return files("glassnet.report").joinpath(name).read_text(encoding="utf-8")


def _header(run: Reported, ladder: Ladder, progress: Progress) -> Markup:
    badge = tag("span", run.status, class_=f"badge {run.status}")
    bar = tag(
        "progress", f"{100 * progress.fraction:.0f} %", value=f"{progress.fraction:.4f}", max="1", aria_label="progress"
    )
    return tag(
        "header",
        tag("p", "glassnet report", class_="kind"),
        tag("h1", run.name, " ", badge),
        _ended(run),
        tag("p", _in_words(run.data), class_="summary"),
        tag("dl", *(key(*pair) for pair in _key_numbers(run, ladder, progress)), class_="keys"),
        tag("div", bar, tag("span", f"{100 * progress.fraction:.3g} % of the run"), class_="bar"),
    )


def _ended(run: Reported) -> Markup | None:
    """Why a run is not at its end, and how to go on with it."""
    why = reason(run.data, run.events)
    words = {
        "stopped": f"Stopped{f' by {why}' if why else ''}",
        "interrupted": "Its process is gone without a word",
        "failed": f"An error ended it{f': {why}' if why else ''}",
    }
    if run.status not in words:
        return None
    command = tag("code", f"glassnet resume {shlex.quote(str(run.path))}")
    hint = joined(["; ", command, " goes on"]) if run.status != "failed" and run.path.is_dir() else None
    return tag("p", words[run.status], hint, ".", class_="reason")


def key(name: str, value: str) -> Markup:
    """A number at the head of a page, with its name."""
    return tag("div", tag("dt", name), tag("dd", value))


def _in_words(ds: Dataset) -> str:
    """Machine, data, temperature and protocol in one sentence."""
    machine, attrs, sizes = attribute(ds, "machine"), ds.attrs, ds.sizes
    ensemble = _kind(machine.get("ensemble") or machine.get("weights", ""))  # its name in files of earlier versions
    potential = _kind(machine.get("potential", {})).replace("Core", " core").lower()
    betas = [f"{b:g}" for b in ds["beta"].values.reshape(-1)] if "beta" in ds.coords else []
    shown = betas if len(betas) <= 6 else [*betas[:2], "…", betas[-1]]
    numbers = {"sample": "sample", "waiting_time": "waiting time", "clone": "clone"}
    protocol = ", ".join(_several(sizes.get(dim, 0), word) for dim, word in numbers.items())
    dynamics = str(attrs.get("dynamics", "")).replace("_", " ").replace("+", " + ")
    kind = f", {ensemble} weights, {potential} potential"
    if machine.get("kind") == THERMAL:
        kind, dynamics = " of a thermal machine", str(attrs.get("dynamics", ""))
    return (
        f"{dynamics[:1].upper()}{dynamics[1:]} dynamics of depth {attrs['depth']}, "
        f"width {machine.get('width', '?')}{kind}; "
        f"{count(attrs['patterns'])} patterns of {str(attrs.get('task', '')).replace('_', ' ')} data "
        f"(α\u00a0=\u00a0{number(float(attrs.get('alpha', 'nan')))}); β\u00a0=\u00a0{listed(shown)}; "
        f"{protocol}{_began(ds)}."
    )


def _began(ds: Dataset) -> str:
    """How the run began, where that was no quench."""
    if start_equilibrium(ds) == EXACT:
        return "; in equilibrium from its start"
    start = attribute(ds, "config").get("start", "random")
    return "" if start == "random" else f"; {'planted' if start == 'planted' else 'given'} start"


def _kind(described: Any) -> str:
    """The name of an ensemble or a potential; of a user's own that of its class, without its module."""
    name = described.get("kind", "") if isinstance(described, dict) else described
    return str(name).rpartition(":")[2].rpartition(".")[2]


def _several(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"


def _key_numbers(run: Reported, ladder: Ladder, progress: Progress) -> list[tuple[str, str]]:
    """What a glance is for; of a ladder the coldest temperature."""
    T, cold = temperatures(run.measured)[0]
    suffix = f", T = {T:.4g}" if len(ladder) > 1 else ""
    keys = [
        ("replica-sweeps", f"{count(progress.done)} of {count(progress.total)}"),
        ("replica-sweeps a second", number(progress.rate)),
        ("time spent", duration(progress.seconds)),
    ]
    if run.status == "running":
        keys.append(("time left", duration(progress.left)))
    keys.append(("equilibrium", verdict(run.data)))
    return keys + [(f"{name}{suffix}", value) for name, value in end_values(cold).items()]


def _warnings(run_wide: Sequence[str], ladder: Ladder, cautions: Sequence[Sequence[str]]) -> Markup:
    """The box of warnings, for a ladder by temperature."""
    total = len(run_wide) + sum(map(len, cautions))
    if not total:
        words = "None of the checks found anything: relaxation, drift, acceptance, magnetisation, samples, test error."
        return tag("section", tag("h2", "No warnings"), tag("p", words), class_="warnings none", id="warnings")
    lists = [listed_warnings(run_wide)]
    for (T, _), sentences in zip(ladder, cautions, strict=True):
        heading = tag("h3", f"T = {T:.4g}") if len(ladder) > 1 and sentences else None
        lists += [heading, listed_warnings(sentences)]
    title = f"{total} warning{'' if total == 1 else 's'}"
    return tag("section", tag("h2", title), *lists, class_="warnings", id="warnings")


def listed_warnings(sentences: Sequence[str]) -> Markup | None:
    """Sentences as a list, the keyword of each in bold."""
    if not sentences:
        return None
    parts = [sentence.partition(":") for sentence in sentences]
    return tag("ul", *(tag("li", tag("strong", head + colon), with_symbols(rest)) for head, colon, rest in parts))


def with_symbols(text: str) -> Markup:
    """Text with the symbols of times as on paper."""
    return Markup(re.sub(r"\btau\b", "τ", escape(text)).replace("t_w", "t<sub>w</sub>"))


def _results(run: Reported, ladder: Ladder, cautions: Sequence[Sequence[str]]) -> list[Section]:
    """Sections of the results: at one temperature as they are, of a ladder one that unfolds for each temperature."""
    if len(ladder) == 1:
        return result_sections(ladder[0][1])
    chosen = evenly(len(ladder), MOST_TEMPERATURES)
    table = table_by_temperature(ladder, [len(sentences) for sentences in cautions])
    note = None if len(chosen) == len(ladder) else tag("p", f"{len(chosen)} of {len(ladder)} temperatures are drawn.")
    overview = Section("temperatures", "Temperatures", joined([table, note]))
    return [overview, *(_rung(n, *ladder[n], unfolded=n == 0) for n in chosen)]


def _rung(n: int, T: float, ds: Dataset, *, unfolded: bool) -> Section:
    """One temperature of a ladder."""
    title = f"T = {T:.4g}"
    inner = (_section(section, level=3) for section in result_sections(ds, f"t{n}-"))
    fold = tag("details", tag("summary", f"Results at {title}"), *inner, class_="rung", open=unfolded or None)
    return Section(f"t{n}", title, fold)


def _section(section: Section, level: int = 2) -> Markup:
    heading = tag(f"h{level}", section.title, id=f"{section.anchor}-title")
    return tag("section", heading, section.body, id=section.anchor, aria_labelledby=f"{section.anchor}-title")


def _contents(sections: Sequence[Section]) -> Markup:
    entries = [("warnings", "Warnings"), *((section.anchor, section.title) for section in sections)]
    links = (tag("li", tag("a", title, href=f"#{anchor}")) for anchor, title in entries)
    return tag("nav", tag("h2", "Contents"), tag("ul", *links), aria_label="Contents", class_="contents")
