"""What is committed under results/ belongs together: verdicts follow from numbers, and its README says the same."""

import ast
import json
import re

import pytest
import xarray as xr
from experiment import DUEL, SIGMA, TEST_BEFORE_DATA, Verdict, judge
from table import BEGIN, END, ROOT, table, with_table

SUMMARIES = sorted(p for p in (ROOT / "results").glob("*/summary.json") if "claims" in json.loads(p.read_text()))


@pytest.mark.parametrize("path", SUMMARIES, ids=lambda p: p.parent.name)
def test_result_is_whole(path):
    summary = json.loads(path.read_text())
    assert (summary["experiment"], summary["scale"]) == (path.parent.name, "desk")
    assert (ROOT / "experiments" / f"{path.parent.name}.py").exists()
    assert summary["claims"]
    for claim in summary["claims"]:
        numbers = [float("nan") if claim[k] is None else claim[k] for k in ("effect", "error")]
        if abs(abs(numbers[0] / (numbers[1] or 1)) - SIGMA) > 1e-3:  # six digits are kept
            verdict = Verdict.INCONCLUSIVE if claim["spoilt"] else judge(*numbers, claim["resolution"])
            assert claim["verdict"] == (DUEL.get(verdict, Verdict.INCONCLUSIVE) if claim.get("duel") else verdict)
    for name in ("figure.png", "figure.pdf"):
        assert (path.parent / name).stat().st_size > 5_000
    data = xr.load_dataset(path.parent / "data.nc")
    assert data.attrs["experiment"] == path.parent.name
    assert data.data_vars


@pytest.mark.parametrize("path", SUMMARIES, ids=lambda p: p.parent.name)
def test_summary_says_of_its_test_what_the_script_says(path):
    """Whether it was chosen before the data; and a script whose test was changed says so in its docstring."""
    script = ast.parse((ROOT / "experiments" / f"{path.parent.name}.py").read_text())
    (said,) = [
        ast.literal_eval(line.value)
        for line in script.body
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "TEST_BEFORE_DATA"
    ]
    assert json.loads(path.read_text())["test_before_data"] == said
    assert said in TEST_BEFORE_DATA
    words = " ".join((ast.get_docstring(script) or "").split())
    if said == "yes":
        assert "before the data were seen" in words
    if said == "changed":
        assert re.search(r"(after|since|when)[^.]* seen|after a first run|An earlier run", words)


def test_readme_has_the_verdicts_of_the_results():
    readme = (ROOT / "results" / "README.md").read_text()
    assert with_table(readme, table()) == readme


def test_readme_shows_every_figure():
    """Each figure under results/ is in the gallery, and each link there leads to a file."""
    folder = ROOT / "results"
    links = set(re.findall(r"\]\(([^)#:]+)\)", (folder / "README.md").read_text()))
    figures = {
        str(path.relative_to(folder)) for path in folder.rglob("*.png") if not {"smoke", "paper"} & {*path.parts}
    }
    assert figures <= links
    assert all((folder / link).exists() for link in links)


def test_table_of_made_up_results(tmp_path):
    (tmp_path / "one").mkdir()
    claim = {"claim": "It is | so.", "source": "nobody", "verdict": str(Verdict.SEEN)}
    (tmp_path / "one" / "summary.json").write_text(json.dumps({"test_before_data": "yes", "claims": [claim]}))
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "summary.json").write_text("{}")  # tests no claim
    last = table(tmp_path).splitlines()[-1]
    assert last == r"| It is \| so | nobody | SEEN | yes | [one](one/figure.png) |"
    assert with_table(f"a\n{BEGIN}old\n{END}b", "new\n") == f"a\n{BEGIN}new\n{END}b"
    with pytest.raises(ValueError, match="must hold"):
        with_table("a", "new")
