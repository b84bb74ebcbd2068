"""Notebooks: executed as they are committed, and they run."""

import re
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "experiments" / "notebooks").glob("*.ipynb"))
LARGEST = 1_000_000
"""Bytes of a notebook with its figures."""


def outputs(notebook):
    """Outputs of all cells of code that are not empty, cell by cell."""
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def test_there_are_notebooks():
    assert {path.stem for path in NOTEBOOKS} == {"tour", "from_campaign_to_figure", "figures_of_a_paper"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_committed_with_its_outputs(path):
    """Every cell was run in order, none failed, and figures are there and small."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    shown = [output for cell in outputs(notebook) for output in cell]
    assert "error" not in {output.output_type for output in shown}
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert path.stat().st_size < LARGEST


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path, tmp_path):
    """Cells raise no error (nbclient raises CellExecutionError), show the figures of the committed ones, and the same
    numbers within their errors: another processor has other random walks.
    """
    (tmp_path / "results").symlink_to(ROOT / "results")  # what one of them draws
    committed = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    nbclient.NotebookClient(fresh, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert _figures(fresh) == _figures(committed) > 0
    new, old = numbers(fresh), numbers(committed)
    assert new.shape == old.shape and len(new) > 0
    assert worst(new, old) < agreed(SAMPLES[path.stem])


SAMPLES = {"tour": 8, "from_campaign_to_figure": 24, "figures_of_a_paper": 8}


def numbers(notebook):
    """All that is told as "value +- error", shape (number, 2)."""
    text = "".join(output.get("text", "") for cell in outputs(notebook) for output in cell)
    return np.array(re.findall(r"(-?\d+\.\d+) \+- (\d+\.\d+)", text), float).reshape(-1, 2)


def worst(new, old):
    """The largest difference in its errors; a digit is the least that an error can be."""
    return np.max(abs(new[:, 0] - old[:, 0]) / np.hypot(*np.maximum([new[:, 1], old[:, 1]], 1e-5)))


def agreed(samples):
    """Where |t| of two means over so many samples has the probability of |z| = 4.5."""
    return student.isf(norm.sf(4.5), 2 * (samples - 1))


def test_another_number_is_seen():
    for path in NOTEBOOKS:
        old = numbers(nbformat.read(path, as_version=4))
        assert len(old) > 0 and worst(old, old) == 0
        new = old + [[1.0, 0.0]] * old[:, 1:] * 2 * agreed(SAMPLES[path.stem])
        assert worst(new, old) > agreed(SAMPLES[path.stem])


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_an_error_in_a_notebook_is_found(tmp_path):
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="ZeroDivisionError"):
        nbclient.NotebookClient(broken, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()


def _figures(notebook):
    return sum("image/png" in output.get("data", {}) for cell in outputs(notebook) for output in cell)
