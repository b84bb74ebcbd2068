"""Quadratures and local weights against mpmath and against finite differences."""

import importlib

import numpy as np
import pytest

from glassnet.perceptron.potential import Counting, HardCore, SoftCore
from glassnet.theory.exact import neuron_average
from glassnet.theory.factorised import gap_average, product_complement
from glassnet.theory.local_weight import local_weight
from glassnet.theory.quadrature import graded_nodes
from glassnet.theory.spin import spin_average

pytest.importorskip("mpmath")
reference = importlib.import_module("theory_reference")

HARD = local_weight(HardCore(), None)
WEIGHTS = {
    "hard": (HardCore(margin=0.2), None),
    "counting": (Counting(strength=1.5), 2.0),
    "linear": (SoftCore(power=1), 3.0),
    "quadratic": (SoftCore(margin=-0.1), 66.7),
    "cubic": (SoftCore(power=3, strength=0.7), 5.0),
    "root": (SoftCore(power=0.5), 2.0),
}


@pytest.mark.parametrize("replicas", [0, 1])
@pytest.mark.parametrize("variance", [0.9, 1e-3, 1e-7, 1e-10])
def test_hard_core_response_up_to_lambda_one(variance, replicas):
    ours = gap_average(HARD, 0.0, np.array([variance]), replicas).response[0]
    assert ours == pytest.approx(reference.gap_response(variance, replicas), rel=1e-11)


def test_a_fixed_gauss_hermite_rule_fails_where_ours_holds():
    """The check above can fail: 200 fixed nodes miss the step at lambda = 1 - 1e-7."""
    z, w = np.polynomial.hermite_e.hermegauss(200)
    s = np.sqrt(1e-7)
    f, slope, _ = HARD(np.sqrt(1 - 1e-7) * z, np.array(1e-7))
    fixed = np.sum(w * np.exp(f) * slope**2) / np.sum(w * np.exp(f))
    assert abs(fixed / reference.gap_response(s**2, 1) - 1) > 0.1


@pytest.mark.parametrize(("variance", "beta"), [(0.9, 66.7), (1e-3, 1e4), (1e-10, 0.5), (1e-10, 66.7)])
def test_soft_core_response(variance, beta):
    weight = local_weight(SoftCore(), beta)
    ours = gap_average(weight, 0.0, np.array([variance]), 0.0).response[0]
    assert ours == pytest.approx(reference.gap_response(variance, 0, beta), rel=1e-10)


@pytest.mark.parametrize("replicas", [0, 1])
@pytest.mark.parametrize("eps", [1e-3, 0.7, 6.0, 90.0])
def test_spin_complement(eps, replicas):
    ours = spin_average(np.array([eps]), replicas).complement[0]
    assert ours == pytest.approx(reference.spin_complement(eps, replicas), rel=1e-11)


@pytest.mark.parametrize(("variance", "eps", "replicas"), [(0.7, 0.6, 0), (0.3, 1.5, 1)])
def test_neuron_traced_with_its_gap(variance, eps, replicas):
    ours = neuron_average(HARD, 0.0, variance, eps, replicas)
    q, G = reference.neuron(variance, eps, replicas)
    assert 1 - ours.complement == pytest.approx(q, abs=1e-8)
    assert ours.response == pytest.approx(G, abs=1e-8)


def test_neuron_without_field_carries_no_information():
    """sum_S theta(S h) = 1: with a free far end a hard-core neuron weighs 1 for every weight."""
    free = neuron_average(HARD, 0.0, 0.2, 0.0, 0)
    assert free.response == pytest.approx(0.0, abs=1e-25)
    assert free.entropy == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("variance", [1.0, 0.3, 0.01])
def test_derivatives_of_the_local_weight(name, variance):
    weight = local_weight(*WEIGHTS[name])
    h = np.linspace(-2.5, 2.5, 41) * max(np.sqrt(variance), 0.3)
    step = 1e-4 * np.sqrt(variance)
    f, first, second = weight(h, np.array(variance))
    up, down = weight(h + step, np.array(variance)), weight(h - step, np.array(variance))
    assert np.max(np.abs((up[0] - down[0]) / (2 * step) - first)) < 3e-6 * (1 + np.max(np.abs(first)))
    assert np.max(np.abs((up[1] - down[1]) / (2 * step) - second)) < 3e-6 * (1 + np.max(np.abs(second)))
    assert np.all(f <= 1e-12)


@pytest.mark.parametrize("name", ["counting", "linear", "quadratic", "cubic", "root"])
def test_local_weight_is_the_gaussian_average_of_the_boltzmann_weight(name):
    potential, beta = WEIGHTS[name]
    z, w = graded_nodes(np.array((0.4 + potential.margin) / 0.6), np.array(1e-7))
    direct = np.sum(w * np.exp(-beta * potential.energy(-0.4 + 0.6 * z - potential.margin)))
    ours = local_weight(potential, beta)(np.array([-0.4]), np.array([0.36]))[0][0]
    assert np.exp(ours) == pytest.approx(direct, rel=1e-9)


@pytest.mark.parametrize(
    ("power", "strength", "mean"),
    [(1.1, 1e4, -8.0), (1.5, 66.7, -0.03), (3, 66.7, -8.0), (7.3, 5.0, 0.0)],
)
def test_soft_cores_of_any_power_at_strong_violation(power, strength, mean):
    ours = local_weight(SoftCore(power=power), strength)(np.array([mean]), np.array(1.0))
    f, slope = reference.power_law(power, strength, mean)
    assert ours[0][0] == pytest.approx(f, rel=1e-9)
    assert ours[1][0] == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_general_power_meets_the_closed_forms(power):
    h = np.linspace(-2, 2, 21)
    closed = local_weight(SoftCore(power=power), 7.0)(h, np.array(0.2))
    general = local_weight(SoftCore(power=power * (1 + 1e-13)), 7.0)(h, np.array(0.2))
    for ours, expected in zip(general, closed, strict=True):
        assert np.max(np.abs(ours - expected)) < 1e-8


def test_product_complement_keeps_small_numbers():
    tiny = np.array([1e-18])
    assert product_complement(tiny, tiny, tiny)[0] == pytest.approx(3e-18, rel=1e-12)


@pytest.mark.parametrize(
    ("potential", "beta", "name"),
    [(SoftCore(), None, "beta"), (SoftCore(), -1.0, "beta"), (Counting(), None, "beta"), ("hard", None, "potential")],
)
def test_bad_potentials(potential, beta, name):
    with pytest.raises(ValueError, match=f"Argument `{name}` must"):
        local_weight(potential, beta)
