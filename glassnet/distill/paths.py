"""Which machines shall stand between a teacher and a student: dynamic programming over chains."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any

from glassnet.core.check import fail, integer, is_number

Cost = Callable[[Any, Any], float] | Mapping[tuple[Any, Any], float]
"""What a link from a parent to a child costs: a function of both, or a mapping from pairs of them."""

Train = Callable[[Any, tuple], tuple[float, Any]]
"""`train(parent, chain) -> (error, child)`: trains the last machine of a chain (a tuple of names), taught by `parent`
(what the call for the machine before it returned, None for the first)."""


def best_path(cost: Cost, depths: Sequence[Hashable] = (10, 8, 6, 4, 2), *, links: int | None = None) -> list:
    """The path of least cost from the first to the last of `depths`, where costs of links add.

    V(j) = min over i before j of V(i) + cost(i, j); O(n^2) links are looked at instead of 2^(n-2) paths. Of paths of
    equal cost (to 1e-12 of it) the one with the fewest links is returned.

    >>> from glassnet.theory.distillation import link_cost
    >>> best_path(lambda i, j: link_cost(i - j, 6.0))
    [10, 8, 6, 4, 2]
    >>> best_path(lambda i, j: link_cost(i - j, 1.5))
    [10, 2]

    Args:
        cost: of a link, finite.
        depths: machines in order (depths, or other names), no two alike.
        links: how many links the path has; any number if None.
    Returns:
        The machines of the path, the first and the last of `depths` among them.
    Raises:
        ValueError: for a bad argument or a cost that is not finite.
    """
    names = _names(depths, links)

    def along(parent: tuple[float, Any], j: Any) -> float:
        total, i = parent
        value = cost.get((i, j)) if isinstance(cost, Mapping) else cost(i, j)
        if value is None or not is_number(value) or not abs(value) < float("inf"):
            raise fail("cost", f"be a finite number for the link from {i!r} to {j!r}", value)
        return total + float(value)

    best: dict[int, dict[Any, tuple[float, list]]] = {0: {names[0]: (0.0, [names[0]])}}
    for k in range(1, len(names)):
        best[k] = {}
        for place, j in enumerate(names[1:], start=1):
            offers = [
                (along((best[k - 1][i][0], i), j), [*best[k - 1][i][1], j]) for i in names[:place] if i in best[k - 1]
            ]
            if offers:
                best[k][j] = min(offers, key=lambda offer: offer[0])
    return _fewest([best[k][names[-1]] for k in best if names[-1] in best[k] and links in (None, k)])


def search_paths(
    train: Train, depths: Sequence[Hashable], *, links: int | None = None, exhaustive: bool = False
) -> dict[tuple, float]:
    """Errors of the machines of a greedy search, where the error of a child depends on its whole chain.

    V(j, k) = min_i eps(distil(i after k-1 links -> j)): for each machine and number of links the best one so far is
    kept and teaches the next. O(n^2 k) trainings instead of 2^(n-2) chains. It is exact where a better parent never
    has a worse child.

    Args:
        train: trains one machine, see `Train`. It is called once for each chain that is tried.
        depths: machines in order, the first is trained without a parent.
        links: how many links at most; as many as there are if None.
        exhaustive: try all chains instead, to check the search; for 2 + 4 machines these are 16.
    Returns:
        Errors of the last machine of `depths` by the chain (a tuple of names), the best first.
    Raises:
        ValueError: for a bad argument, or an error that is not a number.
    """
    names = _names(depths, links)
    most = len(names) - 1 if links is None else links

    def taught(parent: Any, chain: tuple) -> tuple[float, Any]:
        error, child = train(parent, chain)
        if not is_number(error) or error != error:
            raise fail("train", f"return a number as the error of {chain[-1]!r}", error)
        return float(error), child

    top = taught(None, (names[0],))
    if exhaustive:
        found, known = {}, {(names[0],): top}
        for chain in sorted(_chains(names, most), key=len):
            for end in range(2, len(chain) + 1):
                head = chain[:end]
                if head not in known:
                    known[head] = taught(known[head[:-1]][1], head)
            found[chain] = known[chain][0]
        return _sorted(found)
    kept: dict[Any, tuple[tuple, tuple[float, Any]]] = {names[0]: ((names[0],), top)}
    found = {}
    for _ in range(most):
        new: dict[Any, tuple[tuple, tuple[float, Any]]] = {}
        for place, j in enumerate(names[1:], start=1):
            tried = [
                ((*chain, j), taught(parent, (*chain, j)))
                for chain, (_, parent) in (kept[i] for i in names[:place] if i in kept)
            ]
            if tried:
                new[j] = min(tried, key=lambda entry: entry[1][0])
            if j == names[-1]:
                found |= {chain: result[0] for chain, result in tried}
        kept = new
    return _sorted(found)


def path_cost(cost: Cost, path: Sequence) -> float:
    """The cost of a path, the sum over its links; what brute force compares."""
    return float(sum(cost[i, j] if isinstance(cost, Mapping) else cost(i, j) for i, j in pairwise(path)))


def every_path(depths: Sequence[Hashable]) -> list[list]:
    """All 2^(n-2) paths from the first to the last of `depths`."""
    return [list(chain) for chain in _chains(_names(depths, None), len(depths) - 1)]


def _chains(names: list, most: int) -> list[tuple]:
    between = names[1:-1]
    sizes = range(min(most - 1, len(between)) + 1)
    return [(names[0], *middle, names[-1]) for size in sizes for middle in combinations(between, size)]


def _sorted(found: dict[tuple, float]) -> dict[tuple, float]:
    return dict(sorted(found.items(), key=lambda entry: (entry[1], len(entry[0]))))


def _fewest(found: list[tuple[float, list]]) -> list:
    least = min(value for value, _ in found)
    return next(path for value, path in found if value <= least + 1e-12 * abs(least))


def _names(depths: Sequence[Hashable], links: int | None) -> list:
    if isinstance(depths, str) or not isinstance(depths, Sequence) or len(depths) < 2:
        raise fail("depths", "list at least a teacher and a student", depths)
    if len(set(depths)) < len(depths):
        raise fail("depths", "name every machine once", depths)
    if links is not None:
        integer(1, links=links)
        if links > len(depths) - 1:
            raise fail("links", f"be at most {len(depths) - 1} for {len(depths)} machines", links)
    return list(depths)
