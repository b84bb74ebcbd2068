"""Files that are written whole or not at all."""

import os
from pathlib import Path

import pytest

from glassnet.store.durable import whole


def leave_and_fail(folder):
    os.chdir(folder)
    raise ZeroDivisionError


def test_a_relative_name_is_meant_where_the_writing_began(tmp_path, monkeypatch):
    """What writes may be a user's, say an artist of a figure, and may go elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with whole(Path("text")) as part:
        os.chdir(tmp_path / "elsewhere")
        part.write_text("whole")
    os.chdir(tmp_path)
    with pytest.raises(ZeroDivisionError), whole(Path("other")):
        leave_and_fail(tmp_path / "elsewhere")
    assert (tmp_path / "text").read_text() == "whole"
    assert {path.name for path in tmp_path.rglob("*")} == {"elsewhere", "text"}
