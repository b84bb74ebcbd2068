"""The page of a run: whole, well-formed, self-contained, escaped, and about what was measured."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr
from report.clean import clean, cut
from report.runs import created, folder, report, stopped

import glassnet as gn
from glassnet.analysis import energy_per_gap, mean_and_error
from glassnet.report import page, read_run
from glassnet.report.bylayer import tables_by_layer
from glassnet.report.document import MOST_TEMPERATURES, _results
from glassnet.report.figures import on_dark
from glassnet.report.markup import Markup, joined, tag
from glassnet.report.numbers import with_error
from glassnet.report.source import measured_part, run_of

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Reads a page strictly: every element is closed where it must be, and no attribute comes twice."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, name, attributes):
        assert len(dict(attributes)) == len(attributes), (name, attributes)
        self.elements.append((name, dict(attributes)))
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name, attributes):
        assert "svg" in self.open
        self.elements.append((name, dict(attributes)))

    def handle_endtag(self, name):
        assert self.open.pop() == name, self.getpos()

    def handle_data(self, data):
        self.text.append(data)

    def all(self, name):
        return [attributes for found, attributes in self.elements if found == name]


def check_self_contained(text):
    """Nothing is loaded, every reference is answered, every colour of a theme is defined."""
    parsed = Page(text)
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    references = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)
    assert {a or b for a, b in references} <= set(ids)
    for word, attributes in parsed.elements:
        for key in ("src", "href", "xlink:href"):
            assert attributes.get(key, "#").startswith(("#", "data:image/png;base64,")), (word, attributes)
    assert not parsed.all("script") and not parsed.all("link") and not parsed.all("iframe")
    assert "@import" not in text and not re.findall(r"url\([^#]", text)
    assert set(re.findall(r"https?://[\w./]+", text)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"var\((--[\w-]+)\)", text)) <= set(re.findall(r"(--[\w-]+): ?[^;]+;", text))
    assert "nan" not in " ".join(parsed.text).lower().split()


def check_accessible(text):
    """Figures and tables have words, headers say what they head."""
    parsed = Page(text)
    assert len(parsed.all("figure")) == len(parsed.all("figcaption")) == len(parsed.all("svg"))
    for svg in parsed.all("svg"):
        assert svg["role"] == "img"
        assert svg["aria-label"].endswith(".")
    assert all(table["aria-label"] for table in parsed.all("table"))
    assert all(header["scope"] in ("col", "row") for header in parsed.all("th"))
    assert parsed.all("html") == [{"lang": "en"}]


def headings(text):
    return re.findall(r"<h[123][^>]*>(.*?)(?:</h[123]>| <span)", text)


def complete(text):
    ds = gn.open(folder())
    pair = mean_and_error(energy_per_gap(ds).isel(time=-1))
    assert f"<dt>energy per gap</dt><dd>{with_error(float(pair['mean']), float(pair['error']))}</dd>" in text
    total = 2 * (9 + 2 * 2 * 12)
    assert f"<dt>replica-sweeps</dt><dd>{total} of {total}</dd>" in text
    assert '<span class="badge complete">complete</span>' in text
    assert ds.attrs["config_hash"] in text and ds.attrs["git_commit"] in text and ds.attrs["device"] in text
    assert "Too few samples:" in text
    for heading in ("Relaxation of spins", "Landscape of last configurations", "Configuration", "Provenance"):
        assert heading in headings(text)
    for key, value in json.loads(ds.attrs["config"])["protocol"].items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else "–" if value is None else str(value)
        assert f'<th scope="row">{key}</th><td>{shown}</td>' in text


def stopped_early(text):
    assert f"Stopped by SIGTERM; <code>glassnet resume {stopped()}</code> goes on." in text
    assert "Clones have not been measured yet." in text
    assert re.search(r"<td>stopped</td><td>SIGTERM</td>", text)
    assert '<span class="badge stopped">' in text
    (stopped() / "report.html").write_text(text, encoding="utf-8")
    assert gn.resume(stopped()).attrs["status"] == "complete"  # a report in the folder is not in the way


def without_hidden_layers(text):
    assert "Relaxation of weights" in headings(text)
    assert "Relaxation of spins" not in headings(text)
    assert "Overlaps need two clones" in text
    assert "accepted spins" not in text


def two_temperatures(text):
    titles = headings(text)
    assert titles.index("T = 0.1") < titles.index("T = 0.5")
    assert text.count('<details class="rung"') == 2
    assert text.count('<details class="rung" open>') == 1
    assert "<dt>energy per gap, T = 0.1</dt>" in text


def half_of_the_clones(text):
    assert "The last configurations are compared when the run is complete." in text
    assert "clones up to sweep 3 of 12" in text


def escaped(text):
    assert "<hard>" not in text
    assert "&lt;hard&gt; &amp; &#x27;core&#x27;.nc" in text
    assert "Violated gaps of each layer against time." in text


def nothing_measured(text):
    assert "Not measured yet." in text
    assert "Incomplete:</strong>" in text


PAGES = {
    "complete": (14, complete),
    "stopped": (4, stopped_early),
    "shallow": (5, without_hidden_layers),
    "ladder": (8, two_temperatures),
    "clones under way": (12, half_of_the_clones),
    "not begun": (0, nothing_measured),
    "<hard> & 'core'": (4, escaped),
}


@pytest.mark.parametrize("name", PAGES)
def test_page(name):
    text = report(name)
    figures, check = PAGES[name]
    check_self_contained(text)
    check_accessible(text)
    assert text.count("<figure") == figures
    check(text)


def test_run_that_has_not_written_results(tmp_path):
    run = read_run(created(tmp_path / "new"))
    assert run.status == "interrupted"
    assert run.measured.sizes["time"] == 0
    assert "Not measured yet." in page(run)


def test_failed_run_and_one_that_has_only_begun(tmp_path):
    begun = cut(clean(), time=0)
    failed = {"event": "failed", "reason": "weights of layer 2 are <not> finite"}
    text = page(run_of(begun, tmp_path / "run", status="failed", events=[failed]))
    assert '<p class="reason">An error ended it: weights of layer 2 are &lt;not&gt; finite.</p>' in text
    assert "Hosts have been measured at sweep 0 alone" in text
    check_self_contained(text)


def test_long_ladder_is_drawn_in_part(monkeypatch):
    monkeypatch.setattr("glassnet.report.document.result_sections", lambda ds, prefix: [])
    monkeypatch.setattr("glassnet.report.document.table_by_temperature", lambda *_: Markup("table"))
    rungs = [(float(T), xr.Dataset()) for T in range(20)]
    sections = _results(None, rungs, [[]] * 20)
    assert len(sections) == 1 + MOST_TEMPERATURES
    assert [sections[1].title, sections[-1].title] == ["T = 0", "T = 19"]
    assert "6 of 20 temperatures are drawn." in sections[0].body


def test_no_warnings_are_said_too(tmp_path):
    from glassnet.report.document import _warnings

    ds = clean()
    box = _warnings([], [(1.0, ds)], [[]])
    assert "No warnings" in box and 'class="warnings none"' in box
    assert "2 warnings" in _warnings(["A: b t_w tau."], [(1.0, ds)], [["C: d"]])
    assert "<strong>A:</strong> b t<sub>w</sub> τ." in _warnings(["A: b t_w tau."], [(1.0, ds)], [[]])


def rows(table):
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)]


@pytest.mark.parametrize("squared", [False, True])
def test_tables_by_layer(squared):
    """Order is judged by squares of neurons, where they were measured."""
    ds = clean()
    ds = ds.assign(
        spin_autocorrelation=ds.spin_autocorrelation.where((ds.layer != 2) | (ds.lag == 0), 0.9),
        magnetisation_squared=ds.magnetisation_squared.where(ds.layer != 3, 0.5),
    )
    name, level = ("spin_overlap_squared", "1/e²") if squared else ("spin_overlap", "1/e")
    ds = ds.assign({name: ds[name].where(ds.layer != 4, 0.2 if squared else 0.9)})
    ds = ds if squared else ds.drop_vars("spin_overlap_squared")
    hosts, clones, note, quench = list(tables_by_layer(measured_part(ds)))
    words = ["layer", "neurons", "energy per gap", "violated", "accepted weights", "accepted spins"]
    assert rows(hosts)[0] == [*words, "moved rows", "accepted collapsed moves"]
    assert rows(hosts)[1][:2] == ["1", "20"] and rows(hosts)[10][:2] == ["10", "2"]
    head, *body = rows(clones)
    q, m2 = head.index(f"{'q²' if squared else 'q'} at lag 1\u202f000"), head.index("m²")
    assert [row[q] for row in body[:4]] == [f"below {level}"] * 3 + [f"above {level}"]
    assert ("squared by neurons, q²" in head) is squared
    if squared:
        chance = head.index("q² of liquids by chance, at most")
        assert float(body[0][chance].split()[0]) < 0.01 and body[9][chance] == "–"
    assert body[9][q] == "clamped"
    assert body[1][1:3] == ["&gt; 1\u202f000"] * 2
    assert body[9][1:3] == ["–"] * 2
    assert [n for n, row in enumerate(body, 1) if "⚑" in row[m2]] == [3]
    assert "⚑ magnetised" in note and "no relaxation times for t<sub>w</sub> = 0" in quench
    assert not any("= 0<" in cell for cell in head)


def test_theory_is_not_reported(tmp_path):
    with pytest.raises(ValueError, match="Argument `run` must be the result of a simulation"):
        run_of(clean().assign_attrs(theory="overlap"), tmp_path)


def test_markup_escapes_what_is_not_markup():
    assert tag("p", "<b>", Markup("<i></i>"), None, class_='"', open=True, id=None) == (
        '<p class="&quot;" open>&lt;b&gt;<i></i></p>'
    )
    assert joined(["a<", 1]) == "a&lt;1"


def test_colours_keep_their_order_on_a_dark_page():
    from glassnet.plot import layer_colours

    def lightness(rgb):
        return float(np.dot(rgb[:3], (0.3, 0.59, 0.11)))

    scale = ["".join(f"{round(255 * x):02x}" for x in colour[:3]) for colour in layer_colours(range(8))[0]]
    dark = [lightness([int(on_dark(c)[i : i + 2], 16) / 255 for i in (1, 3, 5)]) for c in scale]
    assert np.all(np.diff(dark) > 0)
    assert dark[0] > 0.3
    assert on_dark("000000") > "#e00000" and on_dark("ffffff") == "#ffffff"
