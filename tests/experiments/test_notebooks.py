"""Notebooks: executed as they are committed, and they run."""

from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "experiments" / "notebooks").glob("*.ipynb"))
LARGEST = 1_000_000
"""Bytes of a notebook with its figures."""


def outputs(notebook):
    """Outputs of all cells of code that are not empty, cell by cell."""
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def test_there_are_notebooks():
    assert {path.stem for path in NOTEBOOKS} == {"tour", "from_campaign_to_figure"}


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
    """Cells raise no error (nbclient raises CellExecutionError) and show as many figures as the committed ones."""
    committed = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    nbclient.NotebookClient(fresh, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert _figures(fresh) == _figures(committed) > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_an_error_in_a_notebook_is_found(tmp_path):
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="ZeroDivisionError"):
        nbclient.NotebookClient(broken, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()


def _figures(notebook):
    return sum("image/png" in output.get("data", {}) for cell in outputs(notebook) for output in cell)
