"""Numbers and lists in words."""

import math

import pytest

from glassnet.report.numbers import count, duration, layers, listed, moment, number, percent, with_error

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (0, "0"),
        (1234.5, "1234"),
        (0.012345, "0.0123"),
        (-2, "−2.00"),
        (3e-6, "3.00 × 10⁻⁶"),
        (2.5e7, "2.50 × 10⁷"),
        (NAN, "–"),
        (INF, "∞"),
    ],
)
def test_number(x, words):
    assert number(x) == words


@pytest.mark.parametrize(
    ("mean", "error", "words"),
    [
        (0.5093, 0.0034, "0.5093 ± 0.0034"),
        (0.01894, 0.00066, "0.01894 ± 0.00066"),
        (9.291e-4, 3.9e-5, "(9.29 ± 0.39) × 10⁻⁴"),
        (-1.5, 20, "−2 ± 20"),
        (0.5, 0, "0.500 ± 0"),
        (0, 0, "0.000 ± 0"),
        (0, 0.2, "0.00 ± 0.20"),
        (0.25, NAN, "0.250"),
        (NAN, NAN, "–"),
        (INF, NAN, "∞"),
    ],
)
def test_with_error(mean, error, words):
    assert with_error(mean, error) == words


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (0, "0 %"),
        (0.0061, "0.61 %"),
        (0.057, "5.7 %"),
        (0.734, "73 %"),
        (0.99999, "> 99.9 %"),
        (1, "100 %"),
        (NAN, "–"),
    ],
)
def test_percent(x, words):
    assert percent(x) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (28.51, "28.5 s"),
        (60, "1 min 0 s"),
        (13_800, "3 h 50 min"),
        (187_200, "2 d 4 h"),
        (NAN, "–"),
        (59.96, "1 min 0 s"),
    ],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([3], "layer 3"),
        ([1, 2], "layers 1 and 2"),
        ([5, 1, 2, 3], "layers 1–3 and 5"),
        ([1, 3, 5, 6], "layers 1, 3, 5 and 6"),
    ],
)
def test_layers(numbers, words):
    assert layers(numbers) == words


def test_others():
    assert count(1234567.2) == "1\u202f234\u202f567"
    assert (listed([]), listed(["a"]), listed(["a", "b", "c"])) == ("", "a", "a, b and c")
    assert moment("2026-11-22T15:53:54.123+01:00") == "2026-11-22 14:53:54 UTC"
    assert moment("yesterday") == "yesterday"
