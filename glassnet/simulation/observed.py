"""From what compiled functions return to the values of observables by name; several may share one function."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from glassnet.core.check import fail
from glassnet.core.means import LARGE
from glassnet.sampling.kernel import State
from glassnet.sampling.system import Observable
from glassnet.simulation import compiled

FINAL = ("waiting_time", "configuration")
"""Leading dims of last configurations, behind that of the temperature or the rung."""


LARGE_STATE = 4 * LARGE
"""Bytes of a configuration from which on pairs are compared one by one, so that none is copied."""


BLOCK = 2**23
"""Bytes of the configurations of which all pairs are compared in one call, about; one pair at least."""


class Record(NamedTuple):
    """A measured variable: its dimensions in the order of the axes of `values`."""

    dims: tuple[str, ...]
    values: np.ndarray


Records = dict[str, Record]


def on(phase: str, observables: Mapping[str, Observable]) -> dict[str, Observable]:
    """Those that are measured on "host", "clone", "pair" or "final"."""
    both = phase in ("host", "clone")
    return {name: o for name, o in observables.items() if o.on == phase or (o.on == "both" and both)}


def named(observables: Mapping[str, Observable], values: Sequence[Any]) -> dict[str, np.ndarray]:
    """Values by name in NumPy, replica (of pairs both) leading, from those of `compiled.functions_of(observables)`."""
    by_function = dict(zip(compiled.functions_of(list(observables.values())), values, strict=True))
    finished, found = {}, {}
    for name, o in observables.items():
        if (o.of, o.finish) not in finished:
            value = by_function[o.of]
            finished[o.of, o.finish] = value if o.finish is None else o.finish(jax.tree.map(np.asarray, value))
        value = finished[o.of, o.finish]
        found[name] = np.asarray(value if o.pick is None else value[o.pick])
        leading = ("replica", "other") if o.on in ("pair", "final") else ("replica",)
        if o.finish is not None and found[name].ndim != len(leading) + len(o.dims):
            dims = ", ".join((*leading, *o.dims))
            raise fail(f"observables[{name!r}]", f"be finished to the dims ({dims})", f"shape {found[name].shape}")
    return found


def in_groups(
    observables: Mapping[str, Observable],
    compiler: Callable,
    configurations: State,
    clamped: Any,
    groups: tuple[int, int],
    *,
    shared: bool,
) -> dict[str, np.ndarray]:
    """Observables of all pairs within each group of configurations that follow each other.

    Each group is one call on one device, a large one a call for each pair of its blocks: its values have the same bits
    whatever other groups there are.

    Args:
        observables: by name.
        compiler: `compiled.pairing` for those on "pair", `compiled.alone` for those on "final".
        configurations: bare configurations, the configuration leading.
        clamped: their clamped data; one for all if `shared`, else the configuration leading.
        groups: number of groups, and configurations of each.
        shared: whether all have the same data.
    Returns:
        By name, shape (group, configuration, configuration, ...).
    """
    measure = compiler(compiled.functions_of(list(observables.values())), shared)
    bytes_of_one = sum(x.nbytes for x in jax.tree.leaves(configurations)) / (groups[0] * groups[1])
    blocks = math.ceil(groups[1] * bytes_of_one / BLOCK) if compiler is compiled.pairing else 1

    def of_group(tree: Any, n: int) -> Any:
        return jax.tree.map(lambda x: np.asarray(x).reshape(*groups, *x.shape[1:])[n], tree)

    data = [clamped if shared else of_group(clamped, n) for n in range(groups[0])]

    def of_all(group: State, own: Any) -> list[Any]:
        if blocks <= 1:
            return measure(group, own)
        most = math.ceil(groups[1] / blocks)
        even = next(n for n in range(most, 0, -1) if groups[1] % n == 0)
        step = even if 2 * even > most else most  # equal blocks have one program
        cuts = [slice(n, n + step) for n in range(0, groups[1], step)]
        parts = [(_cut(group, cut), own if shared else _cut(own, cut)) for cut in cuts]
        lines = [_joined([measure(*one, *other) for other in parts], 1) for one in parts]
        return _joined(lines, 0)

    rows = [named(observables, of_all(of_group(configurations, n), data[n])) for n in range(groups[0])]
    return {name: np.stack([row[name] for row in rows]) for name in observables}


def _cut(tree: Any, cut: slice) -> Any:
    return jax.tree.map(lambda x: x[cut], tree)


def _joined(trees: Sequence[Any], axis: int) -> Any:
    """Arrays joined in NumPy."""
    return jax.tree.map(lambda *x: np.concatenate(x, axis), *trees)


def one_by_one(
    observables: Mapping[str, Observable],
    take: Callable[[int], tuple[State, Any]],
    groups: tuple[int, int],
    *,
    shared: bool,
) -> dict[str, np.ndarray]:
    """As `in_groups`, of configurations that are too large to be joined: one pair, or one configuration, at a time.

    Args:
        observables: by name, those on "pair" or those on "final".
        take: `take(n) -> (configuration, clamped)`: number n of all, bare, and its data, with a leading axis of one
            place; data that all share without.
        groups: number of groups, and configurations of each.
        shared: whether all have the same data.
    """
    functions = compiled.functions_of(list(observables.values()))
    paired = next(iter(observables.values())).on == "pair"
    compare, alone = compiled.comparing(functions, shared), compiled.alone(functions, shared)

    def of_group(members: range) -> dict[str, np.ndarray]:
        if not paired:
            found = [jax.tree.map(np.asarray, alone(*take(n))) for n in members]
            return named(observables, _joined(found, 0))
        rows = []
        for one in map(take, members):
            row = [jax.tree.map(np.asarray, compare(one, take(n))) for n in members]
            rows.append(jax.tree.map(lambda *x: np.stack(x), *row))
        return named(observables, jax.tree.map(lambda *x: np.stack(x), *rows))

    count, size = groups
    rows = [of_group(range(n * size, (n + 1) * size)) for n in range(count)]
    return {name: np.stack([row[name] for row in rows]) for name in observables}


def final_pairs(
    observables: Mapping[str, Observable], configurations: State, clamped: Sequence[Any], rung: str, *, shared: bool
) -> Records:
    """Observables of all pairs of last configurations of each temperature and waiting time.

    Args:
        observables: those on "pair" and on "final", by name.
        configurations: bare, leading axes (temperature, waiting_time, configuration).
        clamped: their clamped data for each temperature; one for all if `shared`, else leading axis configuration.
        rung: name of the first of these dims.
        shared: whether all have the same data.
    Returns:
        Records by name, with the prefix `final_`.
    """
    waits, size = jax.tree.leaves(configurations)[0].shape[1:3]
    found: list[dict[str, np.ndarray]] = []
    for place, data in enumerate(clamped):
        flat = jax.tree.map(lambda x, n=place: np.reshape(x[n], (waits * size, *x.shape[3:])), configurations)
        if not shared:
            data = jax.tree.map(lambda x: np.concatenate([np.asarray(x)] * waits), data)
        if sum(x.nbytes for x in jax.tree.leaves(flat)) >= LARGE_STATE * waits * size:

            def take(n: int, flat: State = flat, data: Any = data) -> tuple[State, Any]:
                place = slice(n, n + 1)
                return _cut(flat, place), data if shared else _cut(data, place)

            found.append(_of_large(observables, take, (waits, size), shared=shared))
            continue
        found.append({})
        for compiler, part in ((compiled.pairing, on("pair", observables)), (compiled.alone, on("final", observables))):
            if part:
                found[-1] |= in_groups(part, compiler, flat, data, (waits, size), shared=shared)
    return _final(observables, found, rung)


def final_pairs_one_by_one(
    observables: Mapping[str, Observable],
    take: Callable[[int], tuple[State, Any]],
    sizes: tuple[int, int, int],
    rung: str,
    *,
    shared: bool,
) -> Records:
    """As `final_pairs`, of configurations that are too large to be joined.

    Args:
        observables: those on "pair" and on "final", by name.
        take: as in `one_by_one`; the last configurations follow each other, those of one temperature and waiting time
            together.
        sizes: temperatures, waiting times, configurations of each.
        rung: name of the first of these dims.
        shared: whether all have the same data.
    """
    temperatures, waits, size = sizes
    found = [
        _of_large(observables, lambda n, first=place * waits * size: take(first + n), (waits, size), shared=shared)
        for place in range(temperatures)
    ]
    return _final(observables, found, rung)


def _of_large(
    observables: Mapping[str, Observable],
    take: Callable[[int], tuple[State, Any]],
    groups: tuple[int, int],
    *,
    shared: bool,
) -> dict[str, np.ndarray]:
    found = {}
    for part in (on("pair", observables), on("final", observables)):
        if part:
            found |= one_by_one(part, take, groups, shared=shared)
    return found


def _final(observables: Mapping[str, Observable], found: Sequence[Mapping[str, np.ndarray]], rung: str) -> Records:
    """Records of the values of each place along `rung`."""
    dims = (rung, *FINAL, "configuration_b")
    return {
        f"final_{name}": Record((*dims, *observables[name].dims), np.stack([one[name] for one in found]))
        for name in found[0]
    }
