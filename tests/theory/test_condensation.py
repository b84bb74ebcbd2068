"""A condensed layer: integrals against quadrature, its energies as derivatives, limits."""

import numpy as np
import pytest
from mpmath import mp
from scipy.optimize import minimize
from scipy.stats import norm

import glassnet as gn
from glassnet.theory import condensation_load, condensed_layer, liquid_energy


def gap(beta, power, mean, variance):
    """ln int Dx exp(-beta v(mean + s x)) by mpmath."""
    s = mp.sqrt(variance)

    def integrand(x):
        return mp.npdf(x) * mp.exp(-beta * max(-(mean + s * x), 0) ** power)

    return float(mp.log(mp.quad(integrand, [-12, -mean / s - 2, -mean / s - 0.5, -mean / s, 12])))


def gain(m, q, alpha, c, beta, power):
    """The formula, term by term."""
    entropy = -sum(p * np.log(p) for p in ((1 + m) / 2, (1 - m) / 2))
    M = alpha * c

    def layer(g):
        return mp.npdf(g) * mp.exp(-beta * M * abs(g) ** power / 2)

    width = float((beta * M / 2) ** (-1 / power))
    above = mp.log(2 * mp.quad(layer, [0, width, 3 * width, 8 * width, 30 * width, 12])) / M
    liquid = gap(beta, power, 0.0, 1.0)
    own = np.log(1 - q) / (2 * alpha) + gap(beta, power, np.sqrt(q * c) * m, 1 - q * m**2)
    return entropy - 2 * np.log(2) - 2 * liquid + own + float(above)


@pytest.mark.parametrize(("alpha", "c", "beta", "power"), [(10.0, 24, 16.0, 2.0), (2.0, 16, 30.0, 1.0)])
def test_the_formula_and_its_maximum(alpha, c, beta, power):
    found = condensed_layer(alpha=alpha, connectivity=c, beta=beta, potential=gn.SoftCore(power))
    m, q = found.polarisation, found.overlap
    assert found.gain == pytest.approx(gain(m, q, alpha, c, beta, power), abs=1e-7)
    for dm, dq in ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)):
        assert gain(m + dm, q + dq, alpha, c, beta, power) < found.gain


def test_energies_are_the_derivative_of_the_gain():
    """-d gain/d beta = energy of the layer and of that above, less those of two liquid layers."""
    given = {"alpha": 5.0, "connectivity": 32}
    one = condensed_layer(beta=16.0, **given)
    up, down = (condensed_layer(beta=b, **given).gain for b in (16.05, 15.95))
    liquid = liquid_energy(potential=gn.SoftCore(), beta=16.0)
    assert -(up - down) / 0.1 == pytest.approx(one.energy + one.energy_above - 2 * liquid, rel=1e-4)


def test_the_layer_above_has_half_a_degree_of_freedom():
    """Quadratic: exp(-beta M g^2/2) beside the prior exp(-g^2/2)."""
    found = condensed_layer(alpha=5.0, connectivity=20, beta=8.0)
    assert found.energy_above == pytest.approx(1 / (2 * (8.0 * 100 + 1)), rel=1e-8)


def test_many_inputs():
    """c to infinity: leanings vanish, the gain is -ln(2 a^2) at any load."""
    a = (1 + (1 + 2 * 16.0) ** -0.5) / 2
    gains = [condensed_layer(alpha=1.0, connectivity=c, beta=16.0).gain for c in (10**3, 10**5, 10**7)]
    rest = -np.log(2 * a**2) - np.array(gains)
    assert (rest > 0).all() and (rest[1:] < rest[:-1] / 3).all() and rest[-1] < 0.01


def test_the_line():
    found = [condensation_load(connectivity=c, beta=16.0) for c in (12, 24, 48)]
    assert found[0] > found[1] > found[2] > 0
    for alpha, c in zip(found, (12, 24, 48), strict=True):
        assert abs(condensed_layer(alpha=alpha, connectivity=c, beta=16.0).gain) < 1e-5
    assert condensation_load(connectivity=24, beta=30.0) < found[1]
    assert np.isnan(condensation_load(connectivity=24, beta=2.4))  # 2 a^2 > 1


def test_hot_liquids_win_with_any_number_of_inputs():
    critical = ((1 / (2**0.5 - 1)) ** 2 - 1) / 2
    assert critical == pytest.approx(2.414, abs=1e-3)
    assert condensed_layer(alpha=1e3, connectivity=10**8, beta=critical * 1.05).gain > 0
    assert condensed_layer(alpha=1e3, connectivity=10**8, beta=critical * 0.95).gain < 0


def test_no_maximum_is_missed():
    """The search from many starts finds nothing better than what is returned."""
    for alpha, c in ((0.5, 8), (3.0, 64), (50.0, 16)):
        found = condensed_layer(alpha=alpha, connectivity=c, beta=16.0)
        a = float(np.log((1 + 33**-0.5) / 2))

        def rest(x, alpha=alpha, c=c):
            m, q = np.tanh(x[0]), np.tanh(x[1]) ** 2
            s = 1 - q * m**2
            sigma, h = 1 + 32 * s, np.sqrt(q * c) * m
            w = norm.cdf(h / s**0.5) + sigma**-0.5 * np.exp(-16 * h * h / sigma) * norm.cdf(-h / (s * sigma) ** 0.5)
            entropy = -sum(p * np.log(p) for p in ((1 + m) / 2, (1 - m) / 2))
            return np.log(2) - entropy - np.log(1 - q) / (2 * alpha) - np.log(w)

        best = min(minimize(rest, x, method="Nelder-Mead").fun for x in np.random.default_rng(0).random((12, 2)) * 2)
        above = np.log1p(16 * alpha * c) / (2 * alpha * c)
        assert found.gain >= -np.log(2) - 2 * a - best - above - 1e-6


@pytest.mark.parametrize(("changes", "word"), [
    ({"alpha": 0.0}, "alpha"),
    ({"beta": -1.0}, "beta"),
    ({"connectivity": 0}, "connectivity"),
    ({"potential": gn.HardCore()}, "potential"),
    ({"potential": gn.SoftCore(margin=0.1)}, "potential"),
])  # fmt: skip
def test_bad_arguments(changes, word):
    with pytest.raises(ValueError, match=word):
        condensed_layer(**{"alpha": 1.0, "connectivity": 8, "beta": 4.0} | changes)
