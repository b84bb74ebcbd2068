"""Samplers and runs know no Hamiltonian: they import none, and speak of none."""

import re
from pathlib import Path

import pytest

import glassnet
from glassnet.sampling.kernel import advance

PACKAGE = Path(glassnet.__file__).parent
WORDS = re.compile(
    r"\b(spins?|neurons?|weights?|synap\w+|layers?|teachers?|students?|patterns?|perceptrons?|machines?)\b", re.I
)
"""What a perceptron has and another system need not have."""


def files(folder):
    return sorted((PACKAGE / folder).rglob("*.py"))


@pytest.mark.parametrize("path", files("sampling") + files("simulation"), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_no_word_of_the_perceptron(path):
    found = [f"{n}: {line}" for n, line in enumerate(path.read_text().splitlines(), 1) if WORDS.search(line)]
    assert not found


def test_the_words_are_found_where_they_are():
    assert all(WORDS.search(path.read_text()) for path in files("perceptron") if path.name != "__init__.py")
    assert advance.__module__ == "glassnet.sampling.kernel" and len(files("simulation")) > 5
