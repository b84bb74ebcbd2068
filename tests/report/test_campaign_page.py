"""The page of a campaign: its grid, where its runs stand, what they end with, warnings, figures along its axes."""

import re
import shutil
from urllib.parse import unquote

import numpy as np
import pytest
from command import command
from report.test_page import Page, check_accessible, check_self_contained, headings

import glassnet as gn
from glassnet.analysis import energy_per_gap, longest_lag, mean_and_error, moving_layers
from glassnet.campaign import read_grid
from glassnet.campaign.folder import campaign, write
from glassnet.report import campaign_page, read_campaign, read_run, warnings_of
from glassnet.report.bylayer import end_values
from glassnet.report.campaign import _curve, _runs

GRID = """
[run]
machine = {depth = 3, width = 4, inputs = 5, outputs = 2}
task = {kind = "teacher_student", patterns = 6}
protocol = {sweeps = 12, waiting_times = [3, 9], clones = 2, samples = 2, points_per_decade = 4}
[grid]
beta = [8.0, 5.0]
seed = [0, 1]
dynamics = ["metropolis"]
"""
COMPLETE = (
    "beta=8,seed=0,dynamics=metropolis",
    "beta=5,seed=0,dynamics=metropolis",
    "beta=5,seed=1,dynamics=metropolis",
)
FAILED = "beta=8,seed=1,dynamics=metropolis"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A campaign three runs of which are complete; the fourth could not start, as its log says."""
    path = tmp_path_factory.mktemp("report") / "two axes"
    path.with_suffix(".toml").write_text(GRID)
    made = campaign(path, read_grid(path.with_suffix(".toml")))
    write(made)
    for point in made.points:
        if point.name in COMPLETE:
            arguments = ("--config", made.config_file(point), "--output", made.run_folder(point), "--quiet")
            assert command("run", *arguments)[0] == 0
        else:
            made.log_file(point).write_text("$ glassnet run\nglassnet: error: no <room> left\n")
    return path


@pytest.fixture(scope="module")
def text(folder):
    assert command("report", folder) == (0, f"wrote {folder / 'report.html'}\n", "")
    return (folder / "report.html").read_text(encoding="utf-8")


def rows(text):
    """Cells of the table of runs by the name of the run."""
    body = re.search(r'id="runs".*?<tbody>(.*?)</tbody>', text, re.DOTALL)[1]
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in body.split("</tr>")[:-1]]
    return {re.sub("<.*?>", "", cells[0]): cells for cells in found}


def test_the_page_is_whole_and_needs_nothing_else(text):
    check_self_contained(re.sub(r' href="\./[^"]*"', "", text))
    check_accessible(text)
    assert headings(text)[0] == "two axes"
    assert '<span class="badge stopped">3 of 4 complete</span>' in text
    assert "4 runs: beta = 8, 5; seed = 0, 1; dynamics = metropolis." in text
    assert {"Grid", "Runs", "Against beta", "Against seed", "Configuration", "Provenance"} <= set(headings(text))
    assert "Against dynamics" not in headings(text)


def test_a_row_says_what_its_run_says(folder, text):
    table = rows(text)
    assert [*table] == [COMPLETE[0], FAILED, *COMPLETE[1:]]
    for name in COMPLETE:
        run = read_run(folder / name)
        numbers, warnings = end_values(run.measured), warnings_of(run.data, status=run.status, events=run.events)
        values = [part.partition("=")[2] for part in name.split(",")]
        assert table[name][1:] == [*values, "complete", "100 %", *numbers.values(), str(len(warnings))]
        assert f"{name}: {len(warnings)} warning" in text
    assert table[FAILED][1:] == ["8", "1", "metropolis", "absent", "0 %", "–", "–", "–", "–"]
    assert f"<strong>{FAILED}</strong>: absent: no &lt;room&gt; left" in text


def test_links_lead_to_the_folders_from_wherever_the_page_lies(folder, text):
    (folder / COMPLETE[0] / "report.html").write_text("own")
    report = read_campaign(folder)
    for file in (folder / "report.html", folder.parent / "page.html"):
        links = re.findall(r' href="(\.[^"]*)"', _runs(report, file))
        assert len(links) == len(COMPLETE) + 1
        assert all((file.parent / unquote(link)).exists() for link in links)
        assert {(file.parent / unquote(link)).resolve() for link in links} == {
            *((folder / name).resolve() for name in COMPLETE),
            (folder / COMPLETE[0] / "report.html").resolve(),
        }
    (folder / COMPLETE[0] / "report.html").unlink()


def test_figures_are_of_what_the_runs_measured(folder, text):
    """Two lines of complete runs end up in figures: along beta at seed 0, along seed at beta 5; NaN is no number."""
    found = {figure["id"] for figure in Page(text).all("figure")}
    assert {"axis0-energy", "axis0-train_error", "axis0-test_error", "axis1-energy"} <= found
    assert any(name.startswith("axis0-spin_overlap") for name in found)
    report = read_campaign(folder)
    points = [point for point in report.points if point.state == "complete" and point.values[1] == 0]
    axis = report.campaign.grid.axes[0]
    results = {beta: gn.open(folder / f"beta={beta},seed=0,dynamics=metropolis") for beta in (8, 5)}
    for name, value in {
        "energy": lambda ds: energy_per_gap(ds.isel(time=-1)),
        "spin_overlap": lambda ds: longest_lag(moving_layers(ds, "spin_overlap").isel(waiting_time=-1)),
    }.items():
        curve = _curve(points, name, axis, 0)
        assert curve["mean"].attrs["long_name"] and curve["beta"].attrs["long_name"] == "inverse temperature beta"
        for beta, ds in results.items():
            pair = mean_and_error(value(ds))
            np.testing.assert_array_equal(curve["mean"].sel(beta=beta), pair["mean"])
            np.testing.assert_array_equal(curve["error"].sel(beta=beta), pair["error"])


def test_runs_that_cannot_be_read_or_did_not_begin_are_rows_too(folder, tmp_path):
    path = tmp_path / "c"
    shutil.copytree(folder, path)
    (path / COMPLETE[0] / "config.json").write_text("{")
    (path / COMPLETE[1] / "results.zarr" / "energy" / "zarr.json").write_text("{")
    shutil.rmtree(path / COMPLETE[2])
    page = campaign_page(read_campaign(path), path / "report.html")
    check_self_contained(re.sub(r' href="\./[^"]*"', "", page))
    table = rows(page)
    assert [table[name][4] for name in COMPLETE] == ["unreadable", "unreadable", "absent"]
    assert f"{COMPLETE[0]}</strong>: unreadable: Argument `folder` must hold a run, but " in page
    assert "0 of 4 complete" in page and "No run has a result yet." in page
    assert "Figures need two complete runs" in page and "<figure" not in page


def test_a_campaign_whose_record_is_damaged_is_one_line(tmp_path):
    (tmp_path / "campaign.json").write_text("{")
    status, out, err = command("report", tmp_path)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "must hold a whole campaign.json" in err
