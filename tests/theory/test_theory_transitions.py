"""Transitions by layer, penetration depth, replicon, crystal and the rigorous bound: printed numbers."""

import time

import numpy as np
import pytest

from glassnet.perceptron.potential import HardCore, SoftCore
from glassnet.theory import (
    branches,
    bulk_transition,
    capacity_bound,
    crystal_transition,
    one_sided_transitions,
    penetration_fit,
    replica_symmetric,
    replicon,
    transitions,
)
from glassnet.theory.local_weight import local_weight

ONE_SIDED = {
    "random": [2.4674, 21.012, 86.095, 282.88, 796.29, 1927.2, 4014.3],
    "teacher": [2.4674, 12.916, 38.421, 88.867, 172.62, 289.85, 429.27],
}


def five_digits(value: float) -> float:
    return float(f"{value:.5g}")


@pytest.mark.parametrize("scenario", ONE_SIDED)
def test_one_sided_transitions(scenario):
    values = one_sided_transitions(7, scenario=scenario)
    assert [five_digits(v) for v in values] == ONE_SIDED[scenario]
    if scenario == "random":
        fit = penetration_fit(values[1:], first_layer=2)
        assert round(fit.intercept, 2) == -1.11
        assert round(fit.slope, 3) == 0.943
        ratio = penetration_fit(values).ratio
        assert [round(r, 1) for r in ratio] == [8.5, 4.1, 3.3, 2.8, 2.4, 2.1]


def test_first_layer_and_the_machine_of_two_layers():
    for scenario in ("random", "teacher"):
        assert transitions(depth=3, scenario=scenario).alpha_g == pytest.approx([np.pi**2 / 4] * 2, rel=1e-9)
        assert transitions(depth=2, scenario=scenario).alpha_g == pytest.approx([np.pi**2 / 8], rel=1e-9)
        exact = transitions(depth=2, scenario=scenario, closure="exact").alpha_g
        assert exact == pytest.approx([np.pi**2 / 8 * (np.sqrt(5) - 1)], rel=1e-9)
        assert round(float(exact[0]), 3) == 1.525
        assert round(np.pi**2 / 8, 3) == 1.234


@pytest.mark.parametrize("closure", ["factorised", "exact"])
@pytest.mark.parametrize("scenario", ["random", "teacher"])
@pytest.mark.parametrize("depth", [4, 5])
def test_a_layer_is_solid_just_above_its_transition_only(depth, scenario, closure):
    """The linear condition meets the solution of the full equations on both sides."""
    alpha_g = transitions(depth=depth, scenario=scenario, closure=closure).alpha_g
    options = {"depth": depth, "scenario": scenario, "closure": closure, "potential": HardCore(margin=-1e-9)}
    for alpha in np.unique(np.round(alpha_g, 6)):
        below = replica_symmetric(alpha=alpha * 0.97, **options).q[1:-1]
        above = replica_symmetric(alpha=alpha * 1.03, **options).q[1:-1]
        here = np.abs(alpha_g / alpha - 1) < 1e-4
        assert np.all(below[here] == 0)
        assert np.all(above[here] > 1e-4)


def test_factorised_solid_grows_from_both_sides_and_the_exact_one_from_the_output():
    two = transitions(depth=6).alpha_g
    one = transitions(depth=6, closure="exact").alpha_g
    assert two == pytest.approx(two[::-1])
    assert np.argmax(two) == 2
    assert np.all(np.diff(one) < 0)


def test_soft_core_transition_has_its_closed_form():
    beta = 5.0
    sigma = 1 + 2 * beta
    g2 = 2 / np.pi * ((1 - 1 / sigma) / (1 + sigma**-0.5)) ** 2
    assert transitions(depth=3, potential=SoftCore(), beta=beta).alpha_g[0] == pytest.approx(1 / g2**2, rel=1e-9)


@pytest.mark.parametrize("scenario", ["random", "teacher"])
def test_a_soft_core_freezes_from_the_input_too_in_the_exact_closure(scenario):
    """Layer 1 orders on its own at alpha = 1/k^2, k = Z''/Z(0), with a liquid layer above; the hard core has k = 0."""
    beta = 5.0
    sigma = 1 + 2 * beta
    k = 2 * beta / sigma**1.5 / (1 + sigma**-0.5)
    options = {"depth": 4, "scenario": scenario, "closure": "exact", "potential": SoftCore(), "beta": beta}
    alpha_g = transitions(**options).alpha_g
    assert alpha_g[0] == pytest.approx(1 / k**2, rel=1e-9)
    assert np.argmax(alpha_g) == 1
    for layer, alpha in enumerate(alpha_g, start=1):
        assert replica_symmetric(alpha=alpha * 0.98, **options).q[layer] == 0
        assert replica_symmetric(alpha=alpha * 1.02, **options).q[layer] > 1e-4


def test_speed_of_transitions_with_a_general_power():
    start = time.process_time()
    found = transitions(depth=4, closure="exact", potential=SoftCore(power=3), beta=20.0).alpha_g
    assert time.process_time() - start < 60
    weight = local_weight(SoftCore(power=3), 20.0)(np.zeros(1), np.ones(1))
    assert found[2] == pytest.approx(weight[1][0] ** -4, rel=1e-9)
    assert found[0] == pytest.approx((weight[2][0] + weight[1][0] ** 2) ** -2, rel=1e-9)


def test_speed_and_formal_values_at_depth_ten():
    start = time.process_time()
    found = transitions(depth=10)
    assert time.process_time() - start < 30
    assert list(found.above_capacity_bound) == [False, False, True, True, True, True, True, False, False]
    assert np.all(found.alpha_g[found.above_capacity_bound] > 77.0)


@pytest.mark.slow
def test_speed_at_depth_ten_in_the_exact_closure():
    start = time.process_time()
    transitions(depth=10, closure="exact")
    assert time.process_time() - start < 30


def test_uniform_bulk():
    assert float(f"{bulk_transition(scenario='random').alpha:.3g}") == 2.70e4
    assert round(bulk_transition(scenario="teacher").alpha) == 552


@pytest.mark.parametrize(
    ("depth", "bound"), [(1, "2"), (2, "9.09"), (3, "16.3"), (4, "24.0"), (5, "32.1"), (10, "77.0")]
)
def test_capacity_bound(depth, bound):
    digits = len(bound.partition(".")[2])
    assert f"{capacity_bound(depth):.{digits}f}" == bound


def test_capacity_bound_with_ising_weights_counts_bits():
    assert capacity_bound(1, "ising") == 1
    assert capacity_bound(5, "ising") == 5


@pytest.mark.parametrize(("alpha", "value"), [(2.4, -0.0081), (2.6, 0.0002), (5.0, 0.0437)])
def test_replicon_of_three_layers(alpha, value):
    assert round(replicon(replica_symmetric(depth=3, alpha=alpha)), 4) == value


def test_replicon_of_one_layer_and_of_the_teacher_is_stable():
    for closure in ("factorised", "exact"):
        assert replicon(replica_symmetric(depth=1, alpha=1.99, closure=closure)) < 0
        teacher = replica_symmetric(depth=3, alpha=9.0, scenario="teacher", closure=closure)
        assert np.max(teacher.q[1:-1]) > 0.1
        assert replicon(teacher) < 0


@pytest.mark.parametrize(("closure", "alpha_g"), [("factorised", np.pi**2 / 8), ("exact", 1.524937)])
def test_replica_symmetry_breaks_where_the_layer_orders(closure, alpha_g):
    below = replicon(replica_symmetric(depth=2, alpha=alpha_g * 0.99, closure=closure))
    above = replicon(replica_symmetric(depth=2, alpha=alpha_g * 1.05, closure=closure))
    assert below < 0 < above


@pytest.mark.parametrize(("depth", "alpha"), [(4, 24.9), (5, 34.7)])
def test_crystal_takes_over(depth, alpha):
    found = crystal_transition(depth=depth, alpha_range=(0.9 * alpha, 1.1 * alpha))
    assert round(found.alpha, 1) == alpha
    assert found.crystal.free_entropy == pytest.approx(found.grown.free_entropy, abs=1e-6)
    assert np.min(found.crystal.q) > 0.999 > np.max(found.grown.q[1:-1])


def test_crystal_of_three_layers():
    """The free entropies cross at 16.4487, printed as 16.5.

    To one digit that is 16.4, and 16.5 only when rounded twice (16.45, 16.5); the other depths are printed as rounded
    once: 24.852, 34.729, 45.831, 71.273, 100.880.
    """
    found = crystal_transition(depth=3, alpha_range=(15.0, 18.0))
    assert found.alpha == pytest.approx(16.449, abs=1e-3)
    grown, crystal = branches(depth=3, alpha=16.5)
    assert crystal.free_entropy > grown.free_entropy


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "alpha"), [(6, 45.8), (8, 71.3), (10, 100.9)])
def test_crystal_takes_over_in_deep_machines(depth, alpha):
    found = crystal_transition(depth=depth, alpha_range=(0.9 * alpha, 1.1 * alpha))
    assert round(found.alpha, 1) == alpha


EXACT_CRYSTAL = [
    (4, 19.3704),
    pytest.param(5, 27.5457, marks=pytest.mark.slow),
    pytest.param(6, 36.2990, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("depth", "alpha"), EXACT_CRYSTAL)
def test_crystal_takes_over_in_the_exact_closure(depth, alpha):
    """At depth 4 the crossing lies 0.08 % below the onset of layer 1 at 19.385."""
    found = crystal_transition(depth=depth, closure="exact", alpha_range=(0.97 * alpha, 1.02 * alpha))
    assert found.alpha == pytest.approx(alpha, abs=6e-5)
    assert found.crystal.free_entropy == pytest.approx(found.grown.free_entropy, abs=1e-6)
    assert max(found.crystal.residual, found.grown.residual) < 1e-10


@pytest.mark.parametrize(("depth", "alpha"), EXACT_CRYSTAL)
def test_free_entropies_far_from_the_crossing_extrapolate_to_it(depth, alpha):
    """A cubic through solutions 1 to 7 % below the crossing meets zero where the search found it."""
    away = alpha * np.array([0.93, 0.95, 0.97, 0.99])
    pairs = [branches(depth=depth, alpha=a, closure="exact") for a in away]
    lead = [crystal.free_entropy - grown.free_entropy for grown, crystal in pairs]
    assert np.polyval(np.polyfit(lead, away, 3), 0.0) == pytest.approx(alpha, abs=1e-3)


@pytest.mark.slow
def test_three_layers_have_one_branch_in_the_exact_closure():
    """The least and the largest solution agree across the steep rise of q at alpha = 13.5."""
    for alpha in (12.0, 13.5, 13.6, 14.0, 20.0):
        grown, crystal = branches(depth=3, alpha=alpha, closure="exact")
        assert grown.q == pytest.approx(crystal.q, abs=1e-8)


@pytest.mark.parametrize("closure", ["factorised", "exact"])
@pytest.mark.parametrize("scenario", ["random", "teacher"])
def test_close_to_an_onset_the_order_is_linear(scenario, closure):
    options = {"depth": 4, "closure": closure, "scenario": scenario, "potential": HardCore(margin=-1e-9)}
    alpha_g = transitions(**options).alpha_g
    layer, onset = int(np.argmax(alpha_g)), float(np.max(alpha_g))
    below = replica_symmetric(alpha=onset * (1 - 1e-5), **options)
    near, far = (replica_symmetric(alpha=onset * (1 + shift), **options) for shift in (1e-5, 2e-5))
    assert below.q[layer + 1] == 0
    assert far.q[layer + 1] / near.q[layer + 1] == pytest.approx(2, abs=5e-3)
    assert max(s.iterations for s in (below, near, far)) < 5000


SHIFTS = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8]
LAST_BIT = [1 + 1e-15, 1 - 1e-15]


def last_onset(options):
    """Hidden layer and alpha of the last transition of a machine."""
    alpha_g = transitions(**options).alpha_g
    return int(np.argmax(alpha_g)) + 1, float(np.max(alpha_g))


@pytest.mark.parametrize("closure", ["factorised", "exact"])
@pytest.mark.parametrize("scenario", ["random", "teacher"])
def test_the_linear_law_holds_down_to_the_onset(scenario, closure):
    """q = A shift (1 + B shift) above the onset, |B| < 15, for inputs that differ in the last bits, and q = 0 below.

    At a shift of 1e-8 the rest is the accuracy of the onset itself, 1e-12.
    """
    options = {"depth": 4, "closure": closure, "scenario": scenario, "potential": HardCore(margin=-1e-9)}
    layer, onset = last_onset(options)
    slope = replica_symmetric(alpha=onset * (1 + 1e-5), **options).q[layer] / 1e-5
    for shift in SHIFTS:
        for bits in LAST_BIT:
            solution = replica_symmetric(alpha=onset * (1 + shift) * bits, **options)
            assert solution.q[layer] / shift == pytest.approx(slope, rel=15 * max(shift, 1e-5) + 1e-11 / shift)
            assert solution.residual < 1e-3 * shift
            assert solution.iterations < 200
        below = replica_symmetric(alpha=onset * (1 - shift), **options)
        assert below.q[layer] == 0
        assert below.iterations < 200


@pytest.mark.parametrize(("scenario", "replicas"), [("random", 0), ("teacher", 1)])
def test_slope_of_the_order_of_the_centre_has_its_closed_form(scenario, replicas):
    """L = 4: Q = E - (2-m) E^2, E = K q(2), and q(2) = eps - (2-m) eps^2, eps = H Q, with K = alpha g^2 q(1),
    H = 2 g^2 q(1), give q(2) = (H K - 1)/((2-m)(1 + K)) to first order, and H K is linear in the shift."""
    options = {"depth": 4, "scenario": scenario}
    layer, onset = last_onset(options)
    g2 = 2 / np.pi

    def outer(alpha):
        return replica_symmetric(alpha=alpha, **options).q[1]

    before, at = (outer(onset * (1 - shift)) for shift in (1e-4, 1e-7))
    rise = 1 + 2 * np.log(at / before) / (1e-4 - 1e-7)
    slope = rise / ((2 - replicas) * (1 + onset * g2 * at))
    for shift in (1e-6, 1e-7, 1e-8):
        q = replica_symmetric(alpha=onset * (1 + shift), **options).q[layer]
        assert q == pytest.approx(slope * shift, rel=2e-3)


@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize("scenario", ["random", "teacher"])
def test_the_first_layers_to_order_do_so_together_and_in_proportion(scenario, depth):
    """At the first onset nothing is solid yet, two layers order at once, and the start q = 1e-3 lies far above q."""
    onset = np.pi**2 / (8 if depth == 2 else 4)
    layers = [1, depth - 1]
    law = []
    for shift in SHIFTS:
        above = replica_symmetric(depth=depth, alpha=onset * (1 + shift), scenario=scenario)
        below = replica_symmetric(depth=depth, alpha=onset * (1 - shift), scenario=scenario)
        law.append(above.q[layers] / shift)
        assert np.all(below.q[1:-1] == 0)
        assert max(above.iterations, below.iterations) < 200
    assert np.array(law) == pytest.approx(np.full((6, 2), law[2][0]), rel=2e-3)
    if depth > 2:
        linear = (2 - (scenario == "teacher")) * (1 + np.pi / 2)
        assert law[-1] == pytest.approx(1 / linear, rel=1e-5)


def test_no_crystal_point_where_there_is_one_branch():
    with pytest.raises(ValueError, match="Argument `alpha_range` must contain a crossing"):
        crystal_transition(depth=1, alpha_range=(2.0, 4.0))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: transitions(depth=1), "depth"),
        (lambda: transitions(depth=4, closure="x"), "closure"),
        (lambda: transitions(depth=4, scenario="x"), "scenario"),
        (lambda: transitions(depth=4, potential=SoftCore()), "beta"),
        (lambda: one_sided_transitions(0), "levels"),
        (lambda: penetration_fit(np.array([1.0])), "alpha_g"),
        (lambda: penetration_fit(np.array([2.0, 1.0])), "alpha_g"),
        (lambda: capacity_bound(0), "depth"),
        (lambda: capacity_bound(2, "x"), "ensemble"),
        (lambda: bulk_transition(scenario="x"), "scenario"),
        (lambda: crystal_transition(depth=0), "depth"),
        (lambda: crystal_transition(depth=3, alpha_range=(0.0, 1.0)), "alpha_low"),
    ],
)
def test_bad_input(call, name):
    with pytest.raises(ValueError, match=f"^Argument `{name}` must"):
        call()


@pytest.mark.parametrize(("alpha_range", "problem"), [((18.0, 40.0), "begin below"), ((40.0, 18.0), "ascend")])
def test_a_range_must_hold_the_crossing(alpha_range, problem):
    with pytest.raises(ValueError, match=problem):
        crystal_transition(depth=3, alpha_range=alpha_range)
