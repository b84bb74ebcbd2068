"""glassnet report: where the page goes, what is replaced, what is refused."""

import os
from pathlib import Path

import matplotlib as mpl
import pytest
from command import command
from report.clean import clean, cut
from report.runs import created

import glassnet as gn
from glassnet.cli.report import default_output


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A result in a file of which nothing is measured yet, so that its report is quickly made."""
    path = tmp_path_factory.mktemp("file") / "run.nc"
    return gn.save(cut(clean(), time=-1), path)


def test_report_of_a_file_lies_beside_it_and_is_replaced(file):
    for _ in range(2):
        assert command("report", file) == (0, f"wrote {file.with_suffix('.html')}\n", "")
    assert file.with_suffix(".html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert sorted(os.listdir(file.parent)) == ["run.html", "run.nc"]


def test_report_of_a_folder_lies_inside_and_leaves_the_run_as_it_is(tmp_path):
    run = created(tmp_path / "run")
    before = {file.name: file.read_bytes() for file in run.iterdir()}
    for _ in range(2):
        assert command("report", run, "--quiet") == (0, "", "")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert '<span class="badge interrupted">' in page
    after = {file.name: file.read_bytes() for file in run.iterdir()}
    assert after.pop("report.html").startswith(b"<!DOCTYPE html>")
    assert after == before


def test_output_is_replaced_only_if_asked(file, tmp_path):
    output = tmp_path / "other.html"
    assert command("report", file, "--output", output)[0] == 0
    status, _, err = command("report", file, "--output", output)
    assert (status, err.count("\n")) == (2, 1)
    assert "must not exist yet unless --overwrite is given" in err
    assert command("report", file, "--output", output, "--overwrite")[0] == 0


def test_refusals(file, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.nc").write_bytes(b"no netCDF")
    for arguments, message in {
        (tmp_path / "absent.nc",): "absent.nc",
        (tmp_path / "broken.nc",): "broken.nc",
        (tmp_path / "empty",): "must hold a run",
        (file, "--output", tmp_path / "page.pdf"): "must end in .html",
    }.items():
        status, out, err = command("report", *arguments)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert message in err
    assert os.listdir(tmp_path / "empty") == []


@pytest.mark.filterwarnings("default:matplotlib's settings ask for LaTeX")
@pytest.mark.parametrize("name", ["plot", "report"])
def test_settings_that_ask_for_latex_where_there_is_none(name, tmp_path, monkeypatch):
    """A matplotlibrc with `text.usetex: True`: drawn without it, and one line says so."""
    ds = clean(samples=2)
    path = gn.save(ds if name == "plot" else cut(ds, time=10), tmp_path / "run.nc")
    monkeypatch.setenv("PATH", str(tmp_path))
    with mpl.rc_context({"text.usetex": True}):
        status, out, err = command(name, path)
    assert (status, out) == (0, f"wrote {path.with_suffix('.png' if name == 'plot' else '.html')}\n"), err
    assert err.startswith("glassnet: warning: matplotlib's settings ask for LaTeX (text.usetex)")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("run", "page"), [("a/run.nc", "a/run.html"), ("a/T0.5", "a/T0.5.html"), ("run.v2.nc", "run.v2.html")]
)
def test_place_of_the_report(run, page):
    assert default_output(Path(run)) == Path(page)


def test_a_failure_leaves_the_old_report(file, monkeypatch):
    path = file.with_suffix(".html")
    path.write_text("old", encoding="utf-8")

    def fail(run):
        raise ValueError("broken")

    monkeypatch.setattr("glassnet.report.page", fail)
    assert command("report", file)[0] == 2
    assert path.read_text(encoding="utf-8") == "old"
