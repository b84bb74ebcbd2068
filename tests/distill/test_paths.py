"""Path search against brute force."""

import numpy as np
import pytest

from glassnet.distill import best_path, every_path, path_cost, search_paths
from glassnet.theory.distillation import link_cost


def test_the_costs_of_the_formula_ask_for_no_assistant_or_for_all():
    depths = (10, 8, 6, 4, 2)
    assert best_path(lambda i, j: link_cost(i - j, 1.5), depths=depths) == [10, 2]
    assert best_path(lambda i, j: link_cost(i - j, 6.0), depths=depths) == [10, 8, 6, 4, 2]
    assert best_path(lambda i, j: link_cost(i - j, 2.0), depths=depths) == [10, 2], "a tie goes to the shortest"


@pytest.mark.parametrize("between", range(5))
@pytest.mark.parametrize("seed", range(5))
def test_dynamic_programming_finds_what_brute_force_finds(between, seed):
    names = list(range(between + 2, 0, -1))
    rng = np.random.default_rng((between, seed))
    cost = {(i, j): float(rng.exponential() - 0.2) for i in names for j in names if i > j}
    everything = every_path(names)
    assert len(everything) == 2**between
    assert best_path(cost, names) == min(everything, key=lambda path: path_cost(cost, path))
    for links in range(1, between + 2):
        allowed = [path for path in everything if len(path) == links + 1]
        assert best_path(cost, names, links=links) == min(allowed, key=lambda path: path_cost(cost, path))


def test_costs_that_a_shortest_path_would_miss_are_found():
    """A broken search that takes the cheapest next link (a greedy one) returns another path."""
    cost = {("a", "b"): 1.0, ("a", "c"): 2.0, ("a", "d"): 9.0, ("b", "c"): 5.0, ("b", "d"): 7.0, ("c", "d"): 1.0}
    assert best_path(cost, list("abcd")) == ["a", "c", "d"]


def trained(costs):
    calls = []

    def train(parent, chain):
        calls.append(chain)
        depth = chain[-1]
        error = 0.0 if parent is None else parent[0] + costs[parent[1], depth]
        return error, (error, depth)

    return train, calls


@pytest.mark.parametrize("between", range(5))
def test_search_over_trainings_agrees_with_all_chains(between):
    names = list(range(between + 2, 0, -1))
    rng = np.random.default_rng(between)
    costs = {(i, j): float(rng.exponential()) for i in names for j in names if i > j}
    train, calls = trained(costs)
    found = search_paths(train, names)
    assert len(calls) == len(set(calls)), "no chain is trained twice"
    everything = search_paths(trained(costs)[0], names, exhaustive=True)
    assert len(everything) == 2**between
    assert next(iter(found)) == next(iter(everything))
    assert found.items() <= everything.items()


def test_bad_arguments_get_one_sentence():
    for arguments, words in (
        (({}, (3,)), "list at least a teacher and a student"),
        (({}, (3, 3)), "name every machine once"),
        (({}, (3, 2)), "`cost` must be a finite number for the link from 3 to 2, but is None"),
        ((lambda i, j: float("nan"), (3, 2)), "`cost` must be a finite number"),
    ):
        with pytest.raises(ValueError, match="Argument") as caught:
            best_path(*arguments)
        assert words in str(caught.value)
    with pytest.raises(ValueError, match="`links` must be at most 1 for 2 machines"):
        best_path({(3, 2): 1.0}, (3, 2), links=2)
    with pytest.raises(ValueError, match="`train` must return a number"):
        search_paths(lambda parent, chain: (float("nan"), None), (3, 2))
