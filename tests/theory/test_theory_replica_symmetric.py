"""Replica-symmetric solutions: printed numbers, residuals, stationarity, branches, bad input."""

import time
import warnings

import numpy as np
import pytest

from glassnet.core.former import FormerName
from glassnet.perceptron.potential import HardCore, SoftCore
from glassnet.theory import CapacityWarning, NoConvergenceError, capacity_bound, liquid_free_entropy, replica_symmetric
from glassnet.theory.symmetric import chain_equations

PROFILES = [
    ({"depth": 3, "alpha": 5.0}, [0.13409, 0.13409], [0.25386, 0.05157, 0.25386], 5),
    ({"depth": 4, "alpha": 10.0, "scenario": "teacher"}, [0.4109, 0.0973, 0.4109], [0.7673, 0.2037, 0.2037, 0.7673], 4),
    ({"depth": 2, "alpha": 3.0, "closure": "exact"}, [0.212], [0.189, 0.252], 3),
    ({"depth": 5, "alpha": 10.0, "closure": "exact"}, [0, 0, 0, 0.238], [0, 0, 0, 0, 0.494], 3),
    (
        {"depth": 3, "alpha": 8.0, "closure": "exact", "scenario": "teacher"},
        [0.251, 0.410],
        [0.302, 0.337, 0.721],
        3,
    ),
]


@pytest.mark.parametrize(("options", "q", "Q", "digits"), PROFILES)
def test_profiles(options, q, Q, digits):
    solution = replica_symmetric(**options)
    assert np.round(solution.q[1:-1], digits) == pytest.approx(q, abs=1e-12)
    assert np.round(solution.Q, digits) == pytest.approx(Q, abs=1e-12)
    assert solution.residual < 1e-10
    assert solution.converged
    assert solution.q[0] == solution.q[-1] == 1


def test_deep_profiles_and_speed():
    start = time.process_time()
    with pytest.warns(CapacityWarning, match="formal"):
        solution = replica_symmetric(depth=20, alpha=1000.0)
    assert time.process_time() - start < 2.0
    assert np.round(solution.q[1:7], 4) == pytest.approx([0.6861, 0.3452, 0.1665, 0.0661, 0.0099, 0.0], abs=1e-12)
    assert np.array_equal(solution.q[6:15], np.zeros(9))
    assert solution.above_capacity_bound
    assert np.allclose(solution.q, solution.q[::-1], atol=1e-12)
    teacher = replica_symmetric(depth=10, alpha=100.0, scenario="teacher")
    assert np.round(teacher.q[1:6], 4) == pytest.approx([0.6738, 0.3930, 0.1827, 0.0273, 0.0], abs=1e-12)


@pytest.mark.parametrize(
    ("alpha", "Q", "entropy"), [(0.5, 0.30739, -0.37767), (1.0, 0.58531, -0.85582), (1.5, 0.82172, -1.58921)]
)
def test_one_perceptron_random(alpha, Q, entropy):
    for closure in ("factorised", "exact"):
        solution = replica_symmetric(depth=1, alpha=alpha, closure=closure)
        assert round(float(solution.Q[0]), 5) == Q
        assert round(alpha * solution.free_entropy, 5) == entropy


@pytest.mark.parametrize(("alpha", "entropy"), [(0.2, 0.55012), (0.5, 0.31439), (0.8, 0.03531)])
def test_one_perceptron_with_ising_weights(alpha, entropy):
    solution = replica_symmetric(depth=1, alpha=alpha, ensemble="ising")
    assert round(alpha * solution.free_entropy, 5) == entropy


def test_a_step_integrand_is_resolved_at_large_alpha():
    solution = replica_symmetric(depth=1, alpha=30.0, scenario="teacher")
    assert round(float(solution.P[0]), 4) == 0.0021
    steep = replica_symmetric(depth=1, alpha=1e5, scenario="teacher")
    assert steep.P[0] < 1e-9
    assert 1e5 * np.arccos(1 - steep.P[0]) / np.pi == pytest.approx(0.625, abs=5e-4)


@pytest.mark.parametrize("closure", ["factorised", "exact"])
@pytest.mark.parametrize(
    "options",
    [
        {"depth": 3, "alpha": 12.0},
        {"depth": 3, "alpha": 9.0, "scenario": "teacher"},
        {"depth": 3, "alpha": 14.0, "scenario": "teacher", "branch": "crystal"},
        {"depth": 2, "alpha": 3.0, "potential": SoftCore(margin=0.2), "beta": 20.0},
        {"depth": 2, "alpha": 1.6, "ensemble": "ising"},
        {"depth": 2, "alpha": 2.0, "ensemble": "ising", "scenario": "teacher"},
        {"depth": 3, "alpha": 9.0, "scenario": "teacher", "potential": SoftCore(), "beta": 50.0},
    ],
)
def test_free_entropy_is_stationary(closure, options):
    """The derivative by every q, Q, eps (and E) vanishes, and does not vanish beside the solution."""
    solution = replica_symmetric(closure=closure, **options)
    chain = chain_equations(closure=closure, **{k: v for k, v in options.items() if k != "branch"})
    _, E = chain.conjugates(solution.p, solution.P)
    point = [solution.p.copy(), solution.P.copy(), solution.eps.copy(), E.copy()]
    names = {0: range(1, solution.depth), 1: range(solution.depth), 2: range(solution.depth - 1)}
    if options.get("weights") == "ising":
        names[3] = range(solution.depth)

    def slope(part, i):
        values = []
        size = point[part][i] if part > 1 else min(point[part][i], 1 - point[part][i])
        step = min(1e-4, 1e-3 * size) if size > 0 else 1e-4
        for factor in (2, 1, -1, -2):
            moved = [x.copy() for x in point]
            moved[part][i] += factor * step
            values.append(chain.free_entropy(*moved))
        return (8 * (values[1] - values[2]) - (values[0] - values[3])) / (12 * step)

    slopes = [abs(slope(part, i)) for part, indices in names.items() for i in indices if point[part][i] > 1e-12]
    assert len(slopes) >= 3
    assert max(slopes) < 1e-7
    point[1] = point[1] * 0.99
    assert abs(slope(1, 0)) > 1e-6


def test_liquid_value():
    solution = replica_symmetric(depth=4, alpha=1.0)
    assert solution.free_entropy == pytest.approx(-np.log(2), abs=1e-12)
    soft = replica_symmetric(depth=3, alpha=0.5, potential=SoftCore(), beta=5.0)
    assert soft.free_entropy == pytest.approx(liquid_free_entropy(depth=3, potential=SoftCore(), beta=5.0), abs=1e-12)
    assert np.all(soft.q[1:-1] == 0)


def test_closures_agree_for_one_layer_and_differ_for_more():
    one = [replica_symmetric(depth=1, alpha=1.3, closure=c).Q[0] for c in ("factorised", "exact")]
    two = [replica_symmetric(depth=2, alpha=3.0, closure=c).q[1] for c in ("factorised", "exact")]
    assert one[0] == pytest.approx(one[1], abs=1e-12)
    assert abs(two[0] - two[1]) > 0.02


def test_soft_core_becomes_the_hard_core():
    hard = replica_symmetric(depth=2, alpha=3.0)
    soft = replica_symmetric(depth=2, alpha=3.0, potential=SoftCore(), beta=1e9)
    assert soft.q[1] == pytest.approx(hard.q[1], abs=2e-4)


def test_branches_of_the_teacher():
    grown = replica_symmetric(depth=5, alpha=30.0, scenario="teacher")
    crystal = replica_symmetric(depth=5, alpha=30.0, scenario="teacher", branch="crystal")
    assert np.max(grown.q[1:-1]) < 0.7
    assert np.min(crystal.q) > 0.999
    assert grown.free_entropy > crystal.free_entropy


def test_ising_teacher_crystal_is_the_teacher_itself():
    crystal = replica_symmetric(depth=2, alpha=6.0, scenario="teacher", ensemble="ising", branch="crystal")
    assert np.all(crystal.P < 1e-20)
    assert crystal.free_entropy == pytest.approx(0.0, abs=1e-9)


@pytest.mark.slow  # the command line tells it in the default run
def test_no_result_beyond_capacity():
    with pytest.raises(NoConvergenceError, match="No fixed point"):
        replica_symmetric(depth=1, alpha=2.2)


def test_capacity_warning_only_where_the_bound_holds():
    bound = capacity_bound(2)
    with pytest.warns(CapacityWarning):
        assert replica_symmetric(depth=2, alpha=bound * 1.01).above_capacity_bound
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not replica_symmetric(depth=2, alpha=bound * 0.99).above_capacity_bound
        assert not replica_symmetric(depth=2, alpha=12.0, scenario="teacher").above_capacity_bound
        assert not replica_symmetric(depth=2, alpha=12.0, potential=SoftCore(), beta=5.0).above_capacity_bound


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"alpha": -0.1}, "alpha"),
        ({"alpha": 0}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"alpha": "1"}, "alpha"),
        ({"depth": 0}, "depth"),
        ({"depth": 2.0}, "depth"),
        ({"depth": True}, "depth"),
        ({"scenario": "planted"}, "scenario"),
        ({"closure": "other"}, "closure"),
        ({"branch": "liquid"}, "branch"),
        ({"ensemble": "gauss"}, "ensemble"),
        ({"potential": SoftCore()}, "beta"),
        ({"potential": SoftCore(), "beta": 0.0}, "beta"),
        ({"potential": "hard"}, "potential"),
    ],
)
def test_bad_input(change, name):
    with pytest.raises(ValueError, match=f"^Argument `{name}` must"):
        replica_symmetric(**({"depth": 2, "alpha": 1.0} | change))


def test_margin_lowers_the_capacity():
    assert replica_symmetric(depth=1, alpha=0.5, potential=HardCore(margin=0.5)).Q[0] > 0.30739


@pytest.mark.parametrize("closure", ["factorised", "exact"])
def test_a_cold_soft_teacher_tends_to_the_hard_one(closure):
    """The distance to the hard core shrinks like beta^{-1/2}: by 10 for a beta 100 times as large."""
    options = {"depth": 3, "alpha": 8.0, "scenario": "teacher", "closure": closure}
    hard = replica_symmetric(**options).q
    far, near = (
        np.abs(replica_symmetric(**options, potential=SoftCore(), beta=beta).q - hard).max() for beta in (1e6, 1e8)
    )
    assert near < 0.01
    assert far / near == pytest.approx(10, rel=0.15)


def test_former_names_work_with_a_warning():
    with pytest.warns(FormerName, match="`weights` is now called `ensemble`") as caught:
        solution = replica_symmetric(depth=1, alpha=0.5, weights="ising")
    assert caught[0].filename == __file__
    with pytest.warns(FormerName, match="`weights` is now called `ensemble`"):
        assert solution.weights == solution.ensemble == "ising"
