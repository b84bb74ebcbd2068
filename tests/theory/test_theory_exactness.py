"""What each curve and result says of itself: exact, dense limit or heuristic."""

import inspect
import warnings

import numpy as np
import pytest

import glassnet as gn
from glassnet.perceptron.potential import Counting, HardCore, SoftCore
from glassnet.theory import CapacityWarning, curves, replica_symmetric
from glassnet.theory.exactness import DENSE, EXACT, HEURISTIC, LABELS, weakest
from glassnet.theory.stability import is_log_concave, replicon

CURVES = {
    "overlap_curves": ({"depth": 2, "alpha": [3.0], "stability": True}, HEURISTIC),
    "branch_curves": ({"depth": 1, "alpha": [3.0]}, EXACT),
    "transition_curves": ({"depths": [2], "closure": "exact"}, DENSE),
    "penetration_curve": ({"levels": 3}, HEURISTIC),
    "parisi_curves": ({"depth": 1, "alpha": [1.0], "steps": 1}, HEURISTIC),
    "one_output_curves": ({"depths": [1], "alpha": [1.0]}, EXACT),
}
"""Function: arguments, and what its curve is."""


def test_every_curve_is_tried():
    public = [name for name, f in inspect.getmembers(curves, inspect.isfunction) if f.__module__ == curves.__name__]
    assert sorted(n for n in public if n[0] != "_" and n != "warn_of_noisy_teacher") == sorted(CURVES)


@pytest.mark.parametrize("name", CURVES)
def test_every_curve_says_how_far_it_is_to_be_believed(name):
    arguments, label = CURVES[name]
    data = getattr(curves, name)(**arguments)
    assert data.attrs["exactness"] == label
    for variable in data.data_vars:
        source = curves.VARIABLES[str(variable)][3]
        expected = (EXACT if variable in curves.PROVED else label) if source else None
        assert data[variable].attrs.get("exactness") == expected, variable


def test_the_label_of_a_curve_is_that_of_its_least_certain_point():
    options = {"depth": 2, "closure": "exact"}
    one, two = (replica_symmetric(alpha=alpha, **options) for alpha in (1.0, 3.0))
    assert (one.exactness, two.exactness) == (DENSE, HEURISTIC)
    assert curves.overlap_curves(alpha=[1.0, 3.0], **options).attrs["exactness"] == HEURISTIC
    assert weakest(LABELS) == HEURISTIC and weakest([DENSE, EXACT]) == DENSE


TEACHER = {"scenario": "teacher"}
SOLUTIONS = [
    ({"depth": 1, "alpha": 1.0}, EXACT),
    ({"depth": 1, "alpha": 1.0, "potential": HardCore(-1.0)}, EXACT),
    ({"depth": 1, "alpha": 5.0, "potential": HardCore(-1.0)}, DENSE),
    ({"depth": 1, "alpha": 9.0, "potential": HardCore(-1.0)}, HEURISTIC),
    ({"depth": 1, "alpha": 3.0, "potential": SoftCore(), "beta": 1.0}, EXACT),
    ({"depth": 1, "alpha": 3.0, "potential": SoftCore(), "beta": 10.0}, DENSE),
    ({"depth": 1, "alpha": 0.5, "potential": Counting(), "beta": 2.0}, DENSE),
    ({"depth": 1, "alpha": 3.0, "potential": Counting(), "beta": 20.0}, HEURISTIC),
    ({"depth": 1, "alpha": 0.5, "ensemble": "ising"}, HEURISTIC),
    ({"depth": 1, "alpha": 3.0, **TEACHER}, EXACT),
    ({"depth": 1, "alpha": 0.5, "ensemble": "ising", **TEACHER}, EXACT),
    ({"depth": 1, "alpha": 3.0, "potential": Counting(), "beta": 2.0, **TEACHER}, EXACT),
    ({"depth": 1, "alpha": 3.0, "potential": SoftCore(), "beta": 2.0, **TEACHER}, DENSE),
    ({"depth": 2, "alpha": 0.5}, HEURISTIC),
    ({"depth": 2, "alpha": 0.5, "closure": "exact"}, DENSE),
    ({"depth": 2, "alpha": 0.5, "closure": "exact", "ensemble": "ising"}, HEURISTIC),
    ({"depth": 2, "alpha": 9.5, "closure": "exact"}, HEURISTIC),
    ({"depth": 3, "alpha": 8.0, "closure": "exact", **TEACHER}, DENSE),
    ({"depth": 3, "alpha": 8.0, **TEACHER}, HEURISTIC),
]


@pytest.mark.parametrize(("options", "label"), SOLUTIONS)
def test_solutions(options, label):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CapacityWarning)
        assert replica_symmetric(**options).exactness == label


def test_other_results():
    theory = gn.theory
    assert theory.transitions(depth=2).exactness == HEURISTIC
    assert theory.transitions(depth=2, closure="exact").exactness == DENSE
    assert theory.transitions(depth=3, closure="exact").exactness == HEURISTIC
    assert theory.transitions(depth=3, closure="exact", scenario="teacher").exactness == DENSE
    assert theory.parisi(depth=1, alpha=1.0, m=0.5).exactness == HEURISTIC
    assert theory.penetration_fit(np.array([2.0, 20.0])).exactness == HEURISTIC
    assert theory.bulk_transition(scenario="teacher").exactness == HEURISTIC
    assert theory.best_path(rule=3, student=1, kappa=1.5).exactness == DENSE
    assert theory.best_path(rule=3, student=1, kappa=3.0).exactness == HEURISTIC


def test_a_log_concave_perceptron_is_stable():
    """The multiplier of the norm falls with alpha and beta; replica symmetry cannot break before it vanishes."""
    points = [(a, b) for a in (0.5, 2.0, 4.0) for b in (0.3, 1.0, 3.0)]
    found = [replica_symmetric(depth=1, alpha=a, potential=SoftCore(), beta=b) for a, b in points]
    concave = [is_log_concave(s) for s in found]
    assert 0 < sum(concave) < len(points)
    assert all(replicon(s) < 0 for s, yes in zip(found, concave, strict=True) if yes)


@pytest.mark.parametrize("power", [1.0, 2.0, 3.0])
def test_where_a_measure_stops_to_be_log_concave(power):
    """Virial theorem: z = 1 - power alpha beta e without margin, the energy e by differences of the free entropy."""
    alpha = 3.0

    def multiplier(beta):
        up, down = (
            replica_symmetric(depth=1, alpha=alpha, potential=SoftCore(power), beta=beta * s).free_entropy
            for s in (1.001, 0.999)
        )
        return 1 + power * alpha * (up - down) / 0.002

    for beta in (0.2, 0.7, 1.5, 4.0):
        solution = replica_symmetric(depth=1, alpha=alpha, potential=SoftCore(power), beta=beta)
        assert is_log_concave(solution) == (multiplier(beta) > 0)
    assert multiplier(0.2) > 0 > multiplier(4.0)
