"""One output at the end of wide layers: its equation by other quadrature, limits, an estimator on drawn machines."""

import numpy as np
import pytest
import reference as ref
from scipy.integrate import quad
from scipy.special import log_ndtr, ndtr

import glassnet as gn
from glassnet.theory import generalisation_error, one_output, replica_symmetric

KNOWN = [(2, 2, 0.0, "0.39540"), (3, 20, 0.0, "0.38523"), (2, 2, 0.1, "0.44756"), (2, 5, 0.1, "0.40231")]
"""Depth, alpha, noise and the error of one student."""


@pytest.mark.parametrize(("depth", "alpha", "noise", "error"), KNOWN)
def test_known_values(depth, alpha, noise, error):
    assert f"{one_output(depth, alpha, noise).gibbs_error:.5f}" == error


@pytest.mark.parametrize("alpha", [0.01, 1.0, 5.0, 20.0, 1e4])
def test_one_layer_is_the_single_perceptron(alpha):
    one, known = one_output(1, alpha), replica_symmetric(depth=1, alpha=alpha, scenario="teacher")
    assert one.p == pytest.approx(float(known.P[0]), rel=1e-9)
    assert one.gibbs_error == pytest.approx(generalisation_error(known), rel=1e-9)
    assert one.bayes_error == pytest.approx(generalisation_error(known, "bayes"), rel=1e-9)
    noisy = one_output(1, alpha, 0.1)
    beta = np.log(0.9 / 0.1)
    counted = replica_symmetric(depth=1, alpha=alpha, scenario="teacher", potential=gn.Counting(), beta=beta)
    assert noisy.p == pytest.approx(float(counted.P[0]), rel=1e-9)


@pytest.mark.parametrize("noise", [0.0, 1e-9, 0.1, 0.45])
@pytest.mark.parametrize("depth", [1, 2, 5, 20])
def test_the_overlap_solves_its_equation(depth, noise):
    """The integral over w by an adaptive rule, its equation as it is written."""
    k = 1 - 2 * noise
    share = (2 / np.pi * k**2) ** (depth - 1)
    for alpha in (0.3, 4.0, 60.0):
        q = one_output(depth, alpha, noise).q
        slope = np.sqrt(share * q / (1 - share * q))

        def density(w, slope=slope):
            u = w * slope
            log_z = np.logaddexp(np.log(noise) if noise else -np.inf, np.log(k) + log_ndtr(u))
            return k**2 * np.exp(-(w**2) / 2 - u**2 - log_z) / (2 * np.pi) ** 1.5

        edges = np.unique(np.concatenate([np.linspace(-9, 9, 13), np.linspace(-9, 9, 13) / (1 + slope)]))
        integral = sum(quad(density, a, b, epsabs=0, epsrel=1e-11)[0] for a, b in zip(edges, edges[1:], strict=False))
        assert q / (1 - q) == pytest.approx(2 * alpha * share / (1 - share * q) * integral, rel=1e-7)


def test_nothing_is_learned_from_nothing():
    nothing = one_output(3, np.array([0.0, 0.0, 7.0]), np.array([0.0, 0.2, 0.5]))
    for value, limit in ((nothing.q, 0), (nothing.p, 1), (nothing.gibbs_error, 0.5), (nothing.bayes_error, 0.5)):
        np.testing.assert_array_equal(value, limit)
    small = one_output(2, 1e-6, 0.1)
    assert small.q == pytest.approx(1e-6 * (2 / np.pi * 0.8**2) ** 2, rel=1e-4)


def test_more_patterns_less_noise_and_less_depth_help():
    alpha, noise = np.geomspace(1e-3, 1e4, 5), np.array([0.0, 1e-300, 1e-6, 0.05, 0.3, 0.49])
    for depth in (1, 2, 20):
        found = one_output(depth, alpha[:, None], noise)
        assert found.q.shape == found.gibbs_error.shape == found.bayes_error.shape == (5, 6)
        for error in (found.gibbs_error, found.bayes_error):
            assert np.all(np.diff(error, axis=0) < 1e-15) and np.all(np.diff(error, axis=1) > -1e-15)
            assert np.all((error > 0) & (error <= 0.5))
        assert np.all(found.bayes_error <= found.gibbs_error)
        assert found.q[:, 1] == pytest.approx(found.q[:, 0], rel=1e-12)  # noise of 1e-300 is none
    errors = [one_output(depth, 5.0).bayes_error for depth in (1, 2, 3, 4)]
    assert np.all(np.diff(errors) > 0)


def test_what_an_infinity_of_patterns_leaves_is_the_part_that_is_not_linear():
    """The best linear rule errs as a student that lacks the hidden layers, whatever the noise."""
    for noise in (0.0, 0.1):
        assert one_output(3, 1e7, noise).bayes_error == pytest.approx(gn.theory.gap_error(2), abs=1e-6)


def best_error(depth, alpha, noise, width, seed):
    """Error, against the noiseless teacher, of the best linear student, found by message passing from noisy outputs.

    AMP for outputs of a Gaussian field: w from the posterior means of the fields given p + k Phi  [Rangan 2011].
    """
    rng, k = np.random.default_rng(seed), 1 - 2 * noise
    layers = [rng.standard_normal((width, width)) for _ in range(depth - 1)] + [rng.standard_normal((width, 1))]

    def outputs(x, noise):
        for J in layers:
            x = np.sign(x @ J) * np.where(rng.random((len(x), J.shape[1])) < noise, -1, 1)
        return x[:, 0]

    X = rng.choice([-1.0, 1.0], size=(int(alpha * width), width)) / np.sqrt(width)
    y = outputs(X, noise)
    share = (2 / np.pi * k**2) ** (depth - 1)
    w, variance, g = np.zeros(width), 1.0, np.zeros(len(X))
    for _ in range(40):
        mean = X @ w - variance * g
        spread = np.sqrt((1 - share) / share + variance)
        u = y * mean / spread
        ratio = k * np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi) / (noise + k * ndtr(u))
        g, slope = y * ratio / spread, -np.mean(ratio * (ratio + u)) / spread**2
        precision = -alpha * slope
        w = 0.5 * w + 0.5 * (X.T @ g + precision * w) / (1 + precision)
        variance = 0.5 * variance + 0.5 / (1 + precision)
    fresh = rng.choice([-1.0, 1.0], size=(4000, width))
    return np.mean(np.sign(fresh @ w) != outputs(fresh, 0.0))


@pytest.mark.parametrize(
    ("depth", "alpha", "noise"), [(2, 5.0, 0.1), pytest.param(3, 6.0, 0.05, marks=pytest.mark.slow)]
)
def test_the_vote_of_all_students_is_what_the_best_estimator_reaches(depth, alpha, noise):
    """Machines of width 200, drawn with noise in every layer; the noise of the outputs alone is another formula."""
    errors = [best_error(depth, alpha, noise, 200, seed) for seed in range(10)]
    assert abs(ref.z_score(errors, one_output(depth, alpha, noise).bayes_error)) < ref.THRESHOLD
    k, q = 1 - 2 * noise, one_output(depth, alpha, noise).q
    noisy_test = np.arccos(np.sqrt((2 / np.pi * k**2) ** (depth - 1) * q)) / np.pi
    assert abs(ref.z_score(errors, noisy_test)) > ref.THRESHOLD


def test_numbers_for_numbers_and_exactness():
    one = one_output(2, 5, 0.1)
    assert all(type(x) is float for x in (one.q, one.gibbs_error, one.bayes_error, one.alpha, one.noise))
    assert one.exactness == "heuristic" and one_output(1, [1.0, 2.0]).exactness == "exact"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((0, 1.0), "depth"),
        ((1.5, 1.0), "depth"),
        ((2, -1.0), "alpha"),
        ((2, np.inf), "alpha"),
        ((2, []), "alpha"),
        ((2, "many"), "alpha"),
        ((2, 1.0, 0.6), "noise"),
        ((2, 1.0, [0.1, np.nan]), "noise"),
        ((2, [1.0, 2.0], [0.1, 0.2, 0.3]), "noise"),
    ],
)
def test_bad_input(arguments, name):
    with pytest.raises(ValueError, match=f"^Argument `{name}` must"):
        one_output(*arguments)
