"""History, configuration and provenance of a run: where a result comes from and how to make it again."""

import json
import shlex
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from glassnet import plot
from glassnet.config import RunConfig
from glassnet.config.command import command_line
from glassnet.core.codec import leaves
from glassnet.report.figures import figure
from glassnet.report.markup import Markup, joined, table, tag
from glassnet.report.numbers import count, duration, moment, number
from glassnet.report.progress import Progress, rates, sessions
from glassnet.report.sections import Section
from glassnet.report.source import Event, Reported, attribute

ENDS = ("stopped", "failed", "complete")
"""Events that end a session."""

MOST_OBJECTS = 3
"""Entries of a list of objects, such as data of each sample, that are shown; all are in the JSON."""

LONGEST_LOG = 200
"""Rows of the log that are shown, the last ones."""


def history(run: Reported, progress: Progress) -> Section:
    """Progress, and what happened to the run, from its log."""
    rows = [
        ("replica-sweeps", f"{count(progress.done)} of {count(progress.total)}"),
        ("time spent", duration(progress.seconds)),
        ("replica-sweeps a second", number(progress.rate)),
    ]
    if run.status != "complete":
        rows.append(("time left at this rate", duration(progress.left)))
    parts = [table("Progress", [], rows, numbers=False), *_log(run.events)]
    return Section("history", "Progress and history", joined(parts))


def _log(events: tuple[Event, ...]) -> Iterator[Markup]:
    if not events:
        yield tag("p", "This result is a file: it keeps no log of its run.")
        return
    head = ["session", "began", "lasted", "ended", "reason", "sweeps by", "host"]
    rows = [[str(n), *_session(session)] for n, session in enumerate(sessions(events), 1)]
    yield table("Sessions", head, rows, numbers=False)
    speed = rates(events)
    if speed is not None:
        caption = "Speed between checkpoints; a dotted line where the run was resumed."
        drawing = figure("history-rate", caption, "Replica-sweeps a second against what is done.", plot.rate, speed)
        yield tag("div", drawing, class_="figures")
    shown = events[-LONGEST_LOG:]
    rows = [[moment(str(e.get("time", ""))), str(e.get("event", "")), _details(e)] for e in shown]
    words = f"The whole log ({len(events)} events)" if len(shown) == len(events) else f"The last {len(shown)} events"
    inner = table(words, ["time", "event", "details"], rows, numbers=False)
    yield tag("details", tag("summary", words), inner)


def _session(session: tuple[Event, ...]) -> list[str]:
    """Begin, duration, end, reason, kernel path, host; a session without an end is still open or was cut off."""
    said = {name: str(value) for event in session for name, value in event.items()}
    first, last = str(session[0].get("time", "")), str(session[-1].get("time", ""))
    end = next((event for event in reversed(session) if event.get("event") in ENDS), {})
    words = [moment(first), _between(first, last), str(end.get("event", "–")), str(end.get("reason", "–"))]
    return [*words, said.get("sweeps", "–"), said.get("host", "–")]


def _between(begun: str, ended: str) -> str:
    try:
        return duration((datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds())
    except (ValueError, TypeError):
        return "–"


def _details(event: Event) -> str:
    return ", ".join(f"{k} {_scalar(v)}" for k, v in event.items() if k not in ("time", "event", "versions"))


def configuration(run: Reported) -> Section:
    """The configuration, group by group, and as the JSON that makes the run again."""
    text = run.data.attrs.get("run_config")
    values = attribute(run.data, "run_config") or attribute(run.data, "config")
    return Section("configuration", "Configuration", configuration_tables(values, text))


def configuration_tables(values: Mapping[str, Any], text: object = None) -> Markup:
    """A configuration as tables, one for each group, and as JSON: `text` if given."""
    groups = {key: value for key, value in values.items() if isinstance(value, dict)}
    alone = {key: value for key, value in values.items() if key not in groups}
    tables = [_group(name, group) for name, group in ({"run": alone} | groups).items() if group]
    raw = json.dumps(values, indent=2) if text is None else str(text)
    whole = tag("details", tag("summary", "As JSON"), tag("pre", raw, tabindex="0"))
    return joined([tag("div", *tables, class_="tables"), whole])


def _group(name: str, values: Mapping[str, Any]) -> Markup:
    return table(name, [], [[key, _scalar(value)] for key, value in leaves(_cut(values))], numbers=False)


def _cut(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with the first few entries of each list of objects side by side, and how many more there are."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, list) and any(isinstance(x, dict) for x in value):
            found |= _cut({f"{key}.{n}": x for n, x in enumerate(value[:MOST_OBJECTS])})
            found |= {key: f"and {len(value) - MOST_OBJECTS} more"} if len(value) > MOST_OBJECTS else {}
        else:
            found[key] = _cut(value) if isinstance(value, dict) else value
    return found


def _scalar(value: Any) -> str:
    """A JSON value in words."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and not any(isinstance(x, (dict, list)) for x in value):
        return ", ".join(_scalar(x) for x in value) or "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value) if isinstance(value, (str, int)) else json.dumps(value)


def provenance(run: Reported) -> Section:
    """Versions, machine, commit, hashes, and the command that repeats the run."""
    attrs = run.data.attrs
    hashed = attrs.get("run_config_hash", attrs.get("config_hash", "–"))
    names = ("seed", "started", "finished", "device", "platform", "sweeps", "git_commit")
    rows = [[name.replace("_", " "), moment(str(attrs[name]))] for name in names if name in attrs]
    rows += [["configuration hash", tag("code", hashed)], ["path", tag("code", str(run.path))]]
    versions = [[name, value] for name, value in attribute(run.data, "versions").items()]
    tables = [table("Origin", [], rows, numbers=False)]
    tables += [table("Versions", [], versions, numbers=False)] if versions else []
    return Section("provenance", "Provenance", joined([tag("div", *tables, class_="tables"), *_again(run)]))


def _again(run: Reported) -> Iterator[Markup]:
    """The command that makes the run again."""
    if "run_config" not in run.data.attrs:
        yield tag("p", "The run was made from Python: ", tag("code", "glassnet.simulate"), " with this configuration.")
        return
    try:
        line = command_line(RunConfig.stored(attribute(run.data, "run_config")))
    except ValueError:  # written by another version
        line = "glassnet run --config RUN.json --output RUN"
    yield tag("p", "This command repeats the run, number for number on the same kind of processor:")
    yield tag("pre", tag("code", line), tabindex="0")
    if "--config" in line:
        words = f"glassnet info --config {shlex.quote(str(run.path))} > RUN.json"
        yield tag("p", "where the configuration comes from ", tag("code", words))
