"""How a run is split into parts."""

import itertools

import pytest

from glassnet.simulation.share import share

SPLITS = [(1, 3, 2), (2, 3, 2), (3, 3, 2), (4, 3, 2), (6, 3, 2), (5, 7, 1), (4, 1, 5), (12, 8, 3), (8, 64, 3)]


@pytest.mark.parametrize(("parts", "samples", "temperatures"), SPLITS)
def test_every_cell_falls_to_one_part(parts, samples, temperatures):
    shares = [share(n, parts, samples, temperatures) for n in range(parts)]
    cells = [cell for s in shares for cell in itertools.product(s.samples, s.temperatures)]
    assert sorted(cells) == list(itertools.product(range(samples), range(temperatures)))
    for sizes in ({len(s.samples) for s in shares}, {len(s.temperatures) for s in shares}):
        assert min(sizes) >= 1 and max(sizes) - min(sizes) <= 1


def test_samples_are_split_before_temperatures():
    assert [share(n, 4, 4, 4).samples for n in range(4)] == [range(n, n + 1) for n in range(4)]
    assert {share(n, 4, 4, 4).temperatures for n in range(4)} == {range(4)}


@pytest.mark.parametrize("parts", [5, 7, 8])
def test_what_cannot_be_split_is_refused(parts):
    with pytest.raises(ValueError, match=rf"`parts` must .* 3 samples and 2 temperatures, but is {parts}"):
        share(0, parts, 3, 2)


@pytest.mark.parametrize(("part", "parts"), [(-1, 2), (2, 2), (0, 0), (0.5, 2), (0, "two")])
def test_numbers_of_parts_are_checked(part, parts):
    with pytest.raises(ValueError, match="`parts?` must be"):
        share(part, parts, 3, 2)
