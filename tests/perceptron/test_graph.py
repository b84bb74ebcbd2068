import numpy as np
import pytest
from scipy.stats import chi2

from glassnet.perceptron.graph import random_sources, targets_of
from glassnet.perceptron.machine import Machine

SHAPES = [(8, 8, 3), (12, 20, 5), (20, 12, 5), (3, 12, 4), (7, 7, 6), (9, 5, 1), (6, 6, 6), (1, 4, 2)]


@pytest.mark.parametrize(("fan_out", "fan_in", "c"), SHAPES)
def test_degrees(fan_out, fan_in, c):
    sources = random_sources(fan_out, fan_in, c, np.random.default_rng(1))
    assert sources.shape == (fan_out, c)
    assert sources.dtype == np.int32
    assert (np.diff(sources, axis=1) > 0).all()  # distinct, ascending
    assert sources.min() >= 0
    assert sources.max() < fan_in
    outputs = np.bincount(sources.ravel(), minlength=fan_in)
    assert np.ptp(outputs) <= 1
    if fan_out == fan_in:
        assert (outputs == c).all()


@pytest.mark.parametrize(("fan_out", "fan_in", "c"), SHAPES)
def test_targets_are_the_inverse_of_sources(fan_out, fan_in, c):
    sources = random_sources(fan_out, fan_in, c, np.random.default_rng(2))
    targets, slots = targets_of(sources, fan_in)
    assert targets.shape == slots.shape
    edges = {(int(j), i, k) for i in range(fan_out) for k, j in enumerate(sources[i])}
    found = {
        (j, int(i), int(k)) for j in range(fan_in) for i, k in zip(targets[j], slots[j], strict=True) if i < fan_out
    }
    assert found == edges
    assert (slots[targets == fan_out] == 0).all()


def test_graphs_differ_by_layer_and_seed_and_repeat():
    machine = Machine(4, 12, connectivity=3)
    assert not np.array_equal(machine.sources(1), machine.sources(2))
    assert not np.array_equal(machine.sources(1), Machine(4, 12, connectivity=3, graph_seed=1).sources(1))
    np.testing.assert_array_equal(machine.sources(3), Machine(4, 12, connectivity=3, ensemble="ising").sources(3))
    with pytest.raises(ValueError, match="read-only"):
        machine.sources(1)[0, 0] = 5


def test_full_connectivity_is_the_identity():
    np.testing.assert_array_equal(Machine(2, 5).sources(1), np.tile(np.arange(5), (5, 1)))


def test_every_edge_is_equally_likely():
    graphs = 500
    count = np.zeros((6, 6))
    rng = np.random.default_rng(3)
    for _ in range(graphs):
        np.add.at(count, (np.arange(6)[:, None], random_sources(6, 6, 2, rng)), 1)
    p = 1 / 3
    # rows and columns of each graph have fixed sums: (6 - 1)^2 free entries of variance p (1 - p) 36/25
    statistic = ((count - graphs * p) ** 2).sum() / (graphs * p * (1 - p) * 36 / 25)
    assert chi2.sf(statistic, 25) > 1e-5
    assert chi2.cdf(statistic, 25) > 1e-5


def test_pairs_of_inputs_are_equally_likely():
    graphs = 600
    rng = np.random.default_rng(4)
    first = np.array([random_sources(6, 6, 2, rng)[0] for _ in range(graphs)])
    count = np.bincount(first[:, 0] * 6 + first[:, 1], minlength=36).reshape(6, 6)[np.triu_indices(6, 1)]
    assert chi2.sf(((count - graphs / 15) ** 2).sum() / (graphs / 15), 14) > 1e-5
