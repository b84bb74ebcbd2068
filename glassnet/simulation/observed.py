"""From what compiled functions return to the values of observables by name; several may share one function."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from glassnet.core.check import fail
from glassnet.sampling.kernel import State
from glassnet.sampling.system import Observable
from glassnet.simulation import compiled

FINAL = ("waiting_time", "configuration")
"""Leading dims of last configurations, behind that of the temperature or the rung."""


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

    Each group is one call on one device: its values have the same bits whatever other groups there are.

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

    def of_group(tree: Any, n: int) -> Any:
        return jax.tree.map(lambda x: np.asarray(x).reshape(*groups, *x.shape[1:])[n], tree)

    data = [clamped if shared else of_group(clamped, n) for n in range(groups[0])]
    rows = [named(observables, measure(of_group(configurations, n), data[n])) for n in range(groups[0])]
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
        found.append({})
        for compiler, part in ((compiled.pairing, on("pair", observables)), (compiled.alone, on("final", observables))):
            if part:
                found[-1] |= in_groups(part, compiler, flat, data, (waits, size), shared=shared)
    dims = (rung, *FINAL, "configuration_b")
    return {
        f"final_{name}": Record((*dims, *observables[name].dims), np.stack([one[name] for one in found]))
        for name in found[0]
    }
