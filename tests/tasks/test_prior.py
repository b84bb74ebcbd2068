import numpy as np
import pytest

from glassnet.perceptron.machine import Machine
from glassnet.perceptron.prior import prior_weights
from glassnet.perceptron.reference import checked_weights

WIDE = {"depth": 3, "width": 60, "inputs": 80, "outputs": 40}


def on_graph(machine, weights):
    return [np.take_along_axis(J, machine.sources(l), axis=1) for l, J in enumerate(weights, start=1)]


def z_score(values, mean, variance):
    return (np.mean(values) - mean) / np.sqrt(variance / np.size(values))


@pytest.mark.parametrize("ensemble", ["gaussian", "spherical", "ising"])
@pytest.mark.parametrize("connectivity", [None, 7])
def test_shape_type_graph_and_independence_of_layers(ensemble, connectivity):
    machine = Machine(**WIDE, connectivity=connectivity, ensemble=ensemble)
    weights = prior_weights(machine, np.random.default_rng(1))
    assert [J.shape for J in weights] == [(60, 80), (60, 60), (40, 60)]
    assert {J.dtype for J in weights} == {np.dtype(np.float32)}
    checked_weights(machine, weights)  # raises for weights off the graph
    for J, c in zip(weights, machine.connections, strict=True):
        assert (np.count_nonzero(J, axis=1) == c).all()
    assert not np.array_equal(weights[1][:40], weights[2])


@pytest.mark.parametrize(
    ("ensemble", "fourth", "variance_of_fourth"),
    # <J^4> and <J^8> - <J^4>^2; on the sphere of c = 6: 3 c^2/(c(c+2)), and 105 c^4/(c(c+2)(c+4)(c+6)) for <J^8>
    [("gaussian", 3.0, 96.0), ("spherical", 2.25, 105 * 6**3 / (8 * 10 * 12) - 2.25**2)],
)
def test_moments(ensemble, fourth, variance_of_fourth):
    machine = Machine(2, 3000, connectivity=6, ensemble=ensemble)
    entries = np.stack(on_graph(machine, prior_weights(machine, np.random.default_rng(2)))).astype(float)
    first_of_row = entries[..., 0]  # rows are independent, entries of a spherical row are not
    assert abs(z_score(first_of_row, 0, 1)) < 4
    assert abs(z_score(first_of_row**2, 1, fourth - 1)) < 4
    assert abs(z_score(first_of_row**4, fourth, variance_of_fourth)) < 4
    product = entries[..., 0] * entries[..., 1]
    assert abs(z_score(product, 0, np.mean(product**2))) < 4


def test_ising_signs_are_fair():
    machine = Machine(2, 100, ensemble="ising")
    J = np.stack(prior_weights(machine, np.random.default_rng(3)))
    assert set(np.unique(J)) == {-1.0, 1.0}
    assert abs(z_score(J, 0, 1)) < 4


def test_spherical_rows_have_sum_of_squares_c():
    machine = Machine(**WIDE)
    for J, c in zip(prior_weights(machine, np.random.default_rng(4)), machine.connections, strict=True):
        np.testing.assert_allclose((J.astype(float) ** 2).sum(axis=1), c, rtol=3e-7)


def test_same_generator_state_gives_same_weights():
    machine = Machine(**WIDE)
    one, same, other = (prior_weights(machine, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
