"""The solvable chain against its formula and the measured table, and its controls."""

import numpy as np
import pytest
from reference import THRESHOLD

import glassnet.distill as distill
from glassnet.theory.distillation import gap_error, path_error

MEASURED = {(6, 4, 2): 0.3949, (6, 5, 4, 3, 2): 0.3884}
"""Errors of students with kappa = 6 and N = 300, standard error .0004: below the formula by a true correction."""


def student(ds):
    last = ds.isel(machine=-1)
    return float(last.error.mean()), float(last.standard_error), float(last.formula)


@pytest.mark.parametrize("kappa", [1.5, 2.0, 6.0])
def test_one_link_follows_the_formula(kappa):
    """Corrections are of order 1/N and smaller than the error of so many seeds."""
    error, spread, formula = student(distill.solvable(depths=(6, 2), kappa=kappa, seeds=16))
    assert spread <= 0.0005
    assert abs(error - formula) < THRESHOLD * spread + 0.3 / 300


@pytest.mark.parametrize("path", MEASURED)
def test_several_links_have_the_measured_errors(path):
    error, spread, formula = student(distill.solvable(depths=path, kappa=6.0, seeds=8))
    assert abs(error - MEASURED[path]) < THRESHOLD * np.hypot(spread, 0.0004)
    assert error < formula - 0.002


def test_assistants_help_above_two_and_hurt_below():
    """The positive control: same seeds, so that rules are paired."""

    def gain(kappa):
        direct, assisted = (
            distill.solvable(depths=path, kappa=kappa, width=100, seeds=12, tests=500).error.isel(machine=-1)
            for path in ((6, 2), (6, 4, 2))
        )
        difference = (direct - assisted).values
        return difference.mean() / (difference.std(ddof=1) / len(difference) ** 0.5)

    assert gain(6.0) > THRESHOLD
    assert gain(1.3) < -THRESHOLD


def test_the_same_patterns_on_every_link_help_more_than_fresh_ones():
    fresh, same = (
        distill.solvable(depths=(6, 4, 2), kappa=2.0, width=100, seeds=12, tests=500, data=data)
        for data in distill.DATA[:2]
    )
    gap = (fresh.error - same.error).isel(machine=-1).values
    assert gap.mean() > THRESHOLD * gap.std(ddof=1) / len(gap) ** 0.5


def test_nothing_is_learned_from_the_fields_of_other_patterns():
    error, spread, formula = student(
        distill.solvable(depths=(4, 3, 2), kappa=3.0, width=60, seeds=12, tests=500, data="shuffled")
    )
    assert formula == 0.5
    assert abs(error - 0.5) < THRESHOLD * spread


def test_a_wrong_formula_is_noticed():
    """What the formula would be if a link cost as much as with half of the patterns, or without its layers."""
    error, spread, _ = student(distill.solvable(depths=(6, 2), kappa=6.0, seeds=6))
    for wrong in (path_error([4], 3.0), gap_error(4), path_error([3], 6.0)):
        assert abs(error - wrong) > THRESHOLD * spread + 0.3 / 300


def test_seeds_do_not_depend_on_their_number():
    few, many = (distill.solvable(depths=(3, 2), width=20, seeds=n, tests=50).error.values for n in (2, 5))
    np.testing.assert_array_equal(few, many[:2])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"depths": (2, 4)}, "`depths` must fall from the rule to the student"),
        ({"depths": (3,)}, "`depths` must list"),
        ({"depths": (3, 0)}, "`depths` must be an integer of at least 1"),
        ({"kappa": 1.0}, "`kappa` must be above 1"),
        ({"kappa": (3.0,)}, "`kappa` must be one value, or one for each of 2 links"),
        ({"kappa": (3.0, 2.0), "data": "same"}, "`kappa` must be one value where"),
        ({"data": "other"}, "`data` must be one of 'fresh', 'same', 'shuffled'"),
        ({"seeds": 1}, "`seeds` must be an integer of at least 2"),
    ],
)
def test_bad_arguments_get_one_sentence(wrong, words):
    with pytest.raises(ValueError, match="Argument") as caught:
        distill.solvable(**{"depths": (4, 3, 2), **wrong})
    assert words in str(caught.value)
