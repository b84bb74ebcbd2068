"""What is written for readers: links lead somewhere, the house lists what is there, formulas are set as meant."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
from matplotlib.mathtext import MathTextParser

import glassnet as gn

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page for page in ROOT.rglob("*.md") if not {".venv", "build", "runs"} & set(page.relative_to(ROOT).parts)
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


def test_the_house_lists_every_folder():
    package = Path(gn.__file__).parent
    house = (package / "README.md").read_text(encoding="utf-8")
    for path in package.iterdir():
        if (path / "__init__.py").is_file():
            assert f"`{path.name}/`" in house, path.name
        elif path.suffix == ".py" and not path.name.startswith("_"):
            assert f"`{path.name}`" in house, path.name


def test_the_readme_is_for_visitors():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1] == project["version"] == gn.__version__
    assert f"## {gn.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def formulas():
    spec = importlib.util.spec_from_file_location("formulas", ROOT / "docs" / "formulas.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FOUND = {
    "S_0 = sgn(F z / sqrt(D))     [Goldt et al. 2020]": ("", "S_0 = sgn(F z / sqrt(D))", "", "[Goldt et al. 2020]"),
    "q_l = 1/(N_l M) sum_{mu i} S^a S^b for layers 1..L.": (
        "", "q_l = 1/(N_l M) sum_{mu i} S^a S^b", "for layers 1..L", "",
    ),
    "ising:     J' = -J": ("ising:", "J' = -J", "", ""),
    "Gaps r = S_l (J S_{l-1}) / sqrt(c) of layers 1..L": None,
    "t = y^3 with even panels in y smooths the branch point of t^p at 0, where that is needed and wanted": None,
    "A sentence that begins with a letter = nothing": None,
}  # fmt: skip


@pytest.mark.parametrize("line", FOUND)
def test_what_is_a_formula(formulas, line):
    assert formulas.split(line) == FOUND[line]


SET = {
    "E_l = sum_{mu i} v(r_{l mu i})": r"E_{l} = \sum_{\mu i} v(r_{l \mu i})",
    "q = <<S>^2>": r"q = \langle \langle S\rangle^{2}\rangle",
    "w = sigma^(-1/2) exp(-b h^2)": r"w = \sigma^{(-1/2)} \exp(-b h^{2})",
    "c = F(t/sqrt(1 + t_w))": r"c = F(t/\sqrt{1 + t_{w}})",
    "a_{i j} -> {b}": r"a_{i j} \to \{b\}",
}


@pytest.mark.parametrize("formula", SET)
def test_formulas_as_tex(formulas, formula):
    found = formulas.tex(formula)
    assert re.sub(r"\s", "", found) == re.sub(r"\s", "", SET[formula])
    MathTextParser("path").parse(f"${found}$")
