"""Public solvers do not depend on the last bits of their inputs, and small overlaps keep their relative accuracy."""

import importlib

import numpy as np
import pytest

from glassnet.perceptron.potential import HardCore, SoftCore
from glassnet.theory import (
    branches,
    bulk_transition,
    crystal_transition,
    gardner_capacity,
    ising_capacity,
    ising_generalisation_transition,
    one_sided_transitions,
    parisi,
    replica_symmetric,
    replicon,
    transitions,
)
from glassnet.theory.exact import neuron_average
from glassnet.theory.local_weight import local_weight
from glassnet.theory.overlap import from_logit
from glassnet.theory.prior import PRIORS
from glassnet.theory.spin import spin_average

LAST_BITS = [1 - 1e-15, 1 + 1e-15, 1 + 4e-15]


def solved(**options):
    """Overlaps, fields and free entropy of a replica-symmetric solution, and its replicon."""
    found = replica_symmetric(**options)
    return np.concatenate([found.q, found.Q, found.eps, [found.free_entropy, replicon(found)]])


def of_both_branches(x):
    return [value for s in branches(depth=4, alpha=22.0 * x) for value in (*s.q, s.free_entropy)]


def of_breaking(x):
    found = parisi(depth=2, alpha=3.0 * x, steps=2)
    return [*np.ravel(found.q), *np.ravel(found.Q), found.free_entropy]


def of_a_soft_solid(x):
    return solved(depth=3, alpha=20.0, closure="exact", scenario="teacher", potential=SoftCore(), beta=50.0 * x)


SOLVERS = {
    "solid": (lambda x: solved(depth=5, alpha=30.0 * x), 1e-9),
    "solid, exact": (lambda x: solved(depth=4, alpha=30.0 * x, closure="exact"), 1e-9),
    "solid, soft": (of_a_soft_solid, 1e-9),
    "solid, ising": (lambda x: solved(depth=2, alpha=1.6 * x, ensemble="ising"), 1e-9),
    "solid, margin": (lambda x: solved(depth=3, alpha=4.0, potential=HardCore(margin=0.3 * x)), 1e-9),
    "grown and crystal": (of_both_branches, 1e-9),
    "breaking": (of_breaking, 1e-8),
    "transitions": (lambda x: transitions(depth=4, potential=HardCore(margin=0.2 * x)).alpha_g, 1e-11),
    "transitions, exact": (
        lambda x: transitions(depth=3, closure="exact", potential=SoftCore(), beta=5.0 * x).alpha_g,
        1e-11,
    ),
    "one side": (lambda x: one_sided_transitions(3, potential=SoftCore(), beta=5.0 * x), 1e-11),
    "bulk": (lambda x: [bulk_transition(scenario="teacher", potential=HardCore(margin=0.1 * x)).alpha], 1e-9),
    "crystal point": (lambda x: [crystal_transition(depth=3, alpha_range=(16.0 * x, 17.0)).alpha], 1e-6),
    "capacities": (lambda x: [gardner_capacity(0.5 * x), ising_capacity(0.1 * x)], 1e-9),
    "generalisation": (lambda x: [ising_generalisation_transition(0.1 * x)], 1e-9),
}
"""Solver of an input multiplied by x, and the relative tolerance that it promises."""


@pytest.mark.filterwarnings("ignore::glassnet.theory.CapacityWarning")
@pytest.mark.parametrize("name", SOLVERS)
def test_the_last_bits_of_an_input_do_not_matter(name):
    solver, tolerance = SOLVERS[name]
    expected = np.asarray(solver(1.0))
    for x in LAST_BITS:
        assert np.asarray(solver(x)) == pytest.approx(expected, rel=tolerance, abs=1e-12)


@pytest.mark.parametrize("name", ["replica symmetric", "transitions"])
def test_the_comparison_sees_a_change_of_the_ninth_digit(name):
    """The check above can fail."""
    solver, tolerance = SOLVERS["solid" if name == "replica symmetric" else name]
    assert np.asarray(solver(1 + 1e-7)) != pytest.approx(np.asarray(solver(1.0)), rel=tolerance, abs=1e-12)


@pytest.mark.parametrize("replicas", [0, 1])
@pytest.mark.parametrize("size", [1e-3, 1e-9, 1e-15])
def test_small_overlaps_keep_their_relative_accuracy(size, replicas):
    """q = eps - (2-m) eps^2 + .. of a neuron, Q = E - (2-m) E^2 + .. of a weight."""
    second = (2 - replicas) * size
    assert spin_average(np.array([size]), replicas).overlap[0] / size - 1 == pytest.approx(-second, rel=0.01, abs=1e-14)
    for prior in PRIORS.values():
        overlap = prior.overlap(np.array([size]), replicas)
        assert overlap.value[0] / size - 1 == pytest.approx(-second, rel=0.01, abs=1e-14)
        assert overlap.value + overlap.complement == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("replicas", [0, 1])
@pytest.mark.parametrize("size", [1e-8, 1e-10])
def test_a_neuron_with_its_gap_keeps_the_accuracy_of_small_overlaps(size, replicas):
    """q = eps + g^2 C and G = g^2 eps to first order in eps = C = size: g = f'(0), and Z''(0) = 0 for the hard core."""
    hard = local_weight(HardCore(), None)
    neuron = neuron_average(hard, 0.0, 1 - size, size, replicas, size)
    assert neuron.overlap / size == pytest.approx(1 + 2 / np.pi, rel=10 * size + 1e-10)
    assert neuron.response / size == pytest.approx(2 / np.pi, rel=10 * size + 1e-10)


def test_overlaps_and_their_logits():
    x = np.array([-np.inf, -300.0, -1.0, 40.0, np.inf])
    overlap = from_logit(x)
    assert overlap.logit == pytest.approx(x, rel=1e-14)
    assert overlap.value == pytest.approx([0.0, np.exp(-300.0), 1 / (1 + np.e), 1.0, 1.0], rel=1e-14)
    assert overlap.complement[3] == pytest.approx(np.exp(-40.0), rel=1e-14)


def test_a_soft_spin_is_accurate_against_mpmath():
    pytest.importorskip("mpmath")
    reference = importlib.import_module("theory_reference")
    ours = spin_average(np.array([0.7]), 0).overlap[0]
    assert ours == pytest.approx(1 - reference.spin_complement(0.7, 0), rel=1e-12)
