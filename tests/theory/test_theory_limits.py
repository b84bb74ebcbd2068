"""Single-perceptron limits, generalisation, the liquid, the distillation chain, Datasets."""

import itertools

import numpy as np
import pytest

from glassnet.perceptron.potential import Counting, HardCore, SoftCore
from glassnet.theory import (
    CapacityWarning,
    best_path,
    curves,
    gap_error,
    gardner_capacity,
    generalisation_error,
    ising_capacity,
    ising_generalisation_transition,
    liquid_energy,
    path_error,
    replica_symmetric,
    test_overlap,
)


@pytest.mark.parametrize(("margin", "value"), [(0.0, "2.00000"), (0.5, "0.96121"), (1.0, "0.51957")])
def test_gardner_capacity(margin, value):
    assert f"{gardner_capacity(margin):.5f}" == value


def test_gardner_capacity_is_where_the_overlap_becomes_one():
    potential = HardCore(margin=0.5)
    near = replica_symmetric(depth=1, alpha=0.96121 * 0.995, potential=potential)
    assert 0 < near.P[0] < 0.01


@pytest.mark.parametrize(
    ("margin", "value"), [(0.0, 0.8330785997397923), (0.05, 0.7810743282532177), (-0.45, 1.5576523751532336)]
)
def test_capacity_of_ising_weights(margin, value):
    """Both equations by mpmath with 25 digits. (1.557653, which is quoted for the last one, is 6e-7 too large.)"""
    assert ising_capacity(margin) == pytest.approx(value, abs=2e-10)


def test_ising_limits():
    assert round(ising_capacity(), 4) == 0.8331
    assert round(float(replica_symmetric(depth=1, alpha=0.8331, ensemble="ising").Q[0]), 3) == 0.564
    assert round(ising_generalisation_transition(), 3) == 1.245


@pytest.mark.parametrize(
    ("alpha", "gibbs", "bayes"), [(1.0, 0.33836, 0.25437), (5.0, 0.11801, 0.08394), (20.0, 0.03111, 0.02201)]
)
def test_generalisation_of_one_perceptron(alpha, gibbs, bayes):
    solution = replica_symmetric(depth=1, alpha=alpha, scenario="teacher")
    assert generalisation_error(solution) == pytest.approx(gibbs, abs=5.1e-6)
    assert generalisation_error(solution, "bayes") == pytest.approx(bayes, abs=5.1e-6)


def test_tails_of_the_generalisation_error():
    solution = replica_symmetric(depth=1, alpha=1e4, scenario="teacher")
    assert round(1e4 * generalisation_error(solution), 3) == 0.625
    assert round(1e4 * generalisation_error(solution, "bayes"), 3) == 0.442


def test_deep_generalisation_tends_to_chance():
    assert test_overlap(np.ones(4)) == pytest.approx(np.ones(5))
    errors = [generalisation_error(np.full(depth, 0.9)) for depth in (1, 3, 8, 30)]
    assert np.all(np.diff(errors) > 0)
    assert errors[-1] == pytest.approx(0.5, abs=1e-2)
    assert generalisation_error(np.full(3, 0.9), "bayes") < errors[1]


def test_generalisation_against_machines_drawn_at_random():
    """Two feed-forward machines of three layers with weight overlap R, 400 neurons, 6000 fresh patterns."""
    rng, R, width = np.random.default_rng(3), np.array([0.9, 0.8, 0.95]), 400
    one = two = rng.choice([-1.0, 1.0], size=(6000, width))
    for r in R:
        J = rng.normal(size=(width, width))
        K = r * J + np.sqrt(1 - r**2) * rng.normal(size=(width, width))
        one, two = np.sign(one @ J), np.sign(two @ K)
    assert np.mean(one != two) == pytest.approx(generalisation_error(R), abs=0.004)


def test_liquid_energy():
    assert f"{liquid_energy(potential=SoftCore(), beta=66.7):.2e}" == "5.91e-04"
    for beta in (0.3, 66.7):
        sigma = 1 + 2 * beta
        closed = sigma**-1.5 / (1 + sigma**-0.5)
        assert liquid_energy(potential=SoftCore(), beta=beta) == pytest.approx(closed, rel=1e-9)
    assert liquid_energy(potential=HardCore()) == 0.0
    violated = np.exp(-2.0) / (1 + np.exp(-2.0))
    assert liquid_energy(potential=Counting(), beta=2.0) == pytest.approx(violated, rel=1e-12)


def test_liquid_energy_is_the_slope_of_the_free_entropy():
    potential = SoftCore(power=1, strength=0.5, margin=0.3)
    up, down = (
        replica_symmetric(depth=1, alpha=1e-3, potential=potential, beta=2 + s).free_entropy for s in (1e-3, -1e-3)
    )
    assert -(up - down) / 2e-3 == pytest.approx(liquid_energy(potential=potential, beta=2.0), rel=2e-3)


def test_gap_law():
    expected = [0, 0.2060, 0.2803, 0.3304, 0.3672, 0.3952, 0.4169, 0.4340, 0.4475]
    assert [round(gap_error(g), 4) for g in range(9)] == expected


@pytest.mark.parametrize(
    ("kappa", "row"), [(1.5, [0.4613, 0.4672, 0.4718]), (2, [0.4475] * 3), (6, [0.4079, 0.3986, 0.3941])]
)
def test_path_formula(kappa, row):
    assert [round(path_error(g, kappa), 4) for g in ([4], [2, 2], [1, 1, 1, 1])] == row


@pytest.mark.parametrize("kappa", [1.3, 1.9, 2.1, 7.0])
def test_best_path_against_all_paths(kappa):
    rule, student = 7, 1
    inner = range(student + 1, rule)
    paths = [
        (rule, *sorted(chosen, reverse=True), student)
        for n in range(len(inner) + 1)
        for chosen in itertools.combinations(inner, n)
    ]
    errors = {path: path_error(list(-np.diff(path)), kappa) for path in paths}
    best = best_path(rule=rule, student=student, kappa=kappa)
    assert best.error == pytest.approx(min(errors.values()), abs=1e-12)
    assert best.depths == ((7, 1) if kappa < 2 else tuple(range(7, 0, -1)))
    two = best_path(rule=rule, student=student, kappa=7.0, links=2)
    assert two.depths == (7, 4, 1)


def test_one_link_against_a_simulation():
    """Rule of depth 4, student of depth 2 that shares the first layer; least squares on 3 N patterns."""
    rng, width, kappa = np.random.default_rng(8), 250, 3.0
    layers = [rng.normal(size=(width, width)) / np.sqrt(width) for _ in range(4)]

    def machine(S, upto):
        for J in layers[: upto - 1]:
            S = np.sign(S @ J)
        return S @ layers[upto - 1]

    train, fresh = (rng.choice([-1.0, 1.0], size=(n, width)) for n in (int(kappa * width), 4000))
    features, targets = np.sign(train @ layers[0]), machine(train, 4)
    fit = np.linalg.lstsq(features, targets, rcond=None)[0]
    wrong = np.mean(np.sign(np.sign(fresh @ layers[0]) @ fit) != np.sign(machine(fresh, 4)))
    assert wrong == pytest.approx(path_error([2], kappa), abs=0.008)


def test_datasets():
    data = curves.overlap_curves(depth=3, alpha=[2.0, 9.0], scenario="teacher", stability=True)
    assert data.spin_overlap.dims == data.weight_overlap.dims == ("alpha", "layer")
    assert list(data.layer) == [1, 2, 3]
    assert np.all(data.spin_overlap.sel(layer=3) == 1)
    assert {"closure", "scenario", "branch"} <= set(data.attrs)
    solution = replica_symmetric(depth=3, alpha=9.0, scenario="teacher")
    assert np.array_equal(data.spin_overlap[1], solution.q[1:])
    assert float(data.generalisation_error[1]) == generalisation_error(solution)
    assert data.spin_overlap.attrs["symbol"] == "q_l"


def test_datasets_of_branches_transitions_and_steps():
    both = curves.branch_curves(depth=3, alpha=[10.0, 17.0])
    assert both.free_entropy.dims == ("branch", "alpha")
    assert float(both.free_entropy.sel(branch="crystal")[1]) > float(both.free_entropy.sel(branch="grown")[1])
    table = curves.transition_curves(depths=[2, 4]).transition
    assert np.isnan(table.sel(depth=2, layer=2))
    assert int(table.notnull().sum()) == 4
    broken = curves.parisi_curves(depth=2, alpha=[3.0], steps=1)
    assert broken.spin_overlap.dims == ("alpha", "step", "layer")
    assert float(broken.probability.sum()) == 1
    line = curves.penetration_curve(levels=3)
    assert line.attrs["fit_slope"] > 0


def test_one_warning_for_a_curve():
    with pytest.warns(CapacityWarning) as caught:
        curves.overlap_curves(depth=2, alpha=[3.0, 10.0, 11.0])
    assert len(caught) == 1
    assert "2 values" in str(caught[0].message)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: generalisation_error(np.array([1.2])), "Q"),
        (lambda: generalisation_error(np.array([0.5]), "vote"), "predictor"),
        (lambda: generalisation_error(replica_symmetric(depth=1, alpha=1.0)), "Q"),
        (lambda: liquid_energy(potential=SoftCore()), "beta"),
        (lambda: gap_error(-1), "gap"),
        (lambda: path_error([1], 1.0), "kappa"),
        (lambda: path_error([1, 1], [2.0]), "kappa"),
        (lambda: path_error([], 3.0), "kappa"),
        (lambda: best_path(rule=2, student=2, kappa=3.0), "rule"),
        (lambda: best_path(rule=4, student=2, kappa=3.0, links=3), "links"),
        (lambda: gardner_capacity(float("inf")), "margin"),
        (lambda: curves.overlap_curves(depth=2, alpha=[]), "alpha"),
        (lambda: curves.transition_curves(depths=[]), "depths"),
    ],
)
def test_bad_input(call, name):
    with pytest.raises(ValueError, match=f"^Argument `{name}` must"):
        call()


def test_frozen_ising_weights_leave_no_entropy():
    """At the crystal all weights are the teacher's: both closures find ln 1, though the fields are of order 1e11."""
    for closure in ("factorised", "exact"):
        solution = replica_symmetric(
            depth=2, alpha=1.0, scenario="teacher", closure=closure, ensemble="ising", branch="crystal"
        )
        assert solution.P.max() < 1e-12 and abs(solution.free_entropy) < 1e-9
