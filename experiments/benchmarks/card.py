"""What a card can do at most, and what a kernel asks of it: bytes and operations, counted in the program."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

CARDS = {
    "GH200": (4000e9, 67e12),
    "H200": (4800e9, 67e12),
    "H100 PCIe": (2000e9, 51e12),
    "H100": (3350e9, 67e12),
    "A100-SXM4-40GB": (1555e9, 19.5e12),
    "A100-PCIE-40GB": (1555e9, 19.5e12),
    "A100-SXM4-80GB": (2039e9, 19.5e12),
    "A100 80GB PCIe": (1935e9, 19.5e12),
    "V100": (900e9, 15.7e12),
    "L40S": (864e9, 91.6e12),
    "RTX 4090": (1008e9, 82.6e12),
}
"""Bytes a second of the memory, and operations a second in single precision where a multiply-add counts as two, by what
the name of the card contains, as their makers say. The first that fits counts."""

CHAIN = 256
"""Multiply-adds in a row of each number, where their rate is measured."""

FREE = {
    "get", "swap", "iota", "broadcast_in_dim", "reshape", "squeeze", "expand_dims", "convert_element_type", "transpose",
    "bitcast_convert_type", "program_id", "slice", "concatenate", "copy", "stop_gradient", "masked_load", "load",
}  # fmt: skip
"""What costs no arithmetic, or next to none."""


def limits(kind: str) -> tuple[float, float] | None:
    """Bytes and operations a second of a card by the name that JAX has for it; None if it is not in the table."""
    return next((rates for name, rates in CARDS.items() if name in kind), None)


def measured(numbers: int, repeats: int = 5) -> tuple[float, float]:
    """Bytes a second of a copy, and operations a second of multiply-adds (two each), of the default device.

    Args:
        numbers: single precision numbers of the arrays; the cache of the card must not hold them.
        repeats: the best of so many counts.
    """
    x = jnp.ones(numbers, jnp.float32)
    copy = jax.jit(lambda x: x + 1)

    def chained(x: Any, a: Any) -> Any:
        for _ in range(CHAIN):
            x = x * a + a
        return x

    bandwidth = 2 * x.nbytes / best_of(lambda: copy(x), repeats)
    chain, a = jax.jit(chained), jnp.float32(0.5)
    return bandwidth, 2 * CHAIN * numbers / best_of(lambda: chain(x, a), repeats)


def best_of(call: Callable[[], Any], repeats: int) -> float:
    """Least seconds of a call whose result is waited for, after one that may compile."""
    jax.block_until_ready(call())
    best = float("inf")
    for _ in range(repeats):
        begun = time.perf_counter()
        jax.block_until_ready(call())
        best = min(best, time.perf_counter() - begun)
    return best


def kernel_work(function: Callable, *arguments: Any) -> Counter:
    """What the kernels in a program ask of a card.

    Returns:
        Counts of `bytes` (operands and results, each once), `float` and `integer` operations of single numbers: one for
        every entry that arithmetic, a comparison or a choice gives, and for every entry that a sum takes.
    Raises:
        ValueError: if there is no kernel in the program.
    """
    found: Counter = Counter()
    _collect(jax.make_jaxpr(function)(*arguments).jaxpr, found)
    if not found:
        raise ValueError("Argument `function` must call a kernel, but calls none.")
    return found


def _collect(jaxpr: core.Jaxpr, found: Counter) -> None:
    for equation in jaxpr.eqns:
        if equation.primitive.name == "pallas_call":
            programs = int(np.prod(equation.params["grid_mapping"].grid))
            found["bytes"] += sum(_size(v) * v.aval.dtype.itemsize for v in (*equation.invars, *equation.outvars))
            for kind, count in _operations(equation.params["jaxpr"]).items():
                found[kind] += programs * count
        else:
            for inner in _within(equation):
                _collect(inner, found)


def _operations(jaxpr: Any) -> Counter:
    found: Counter = Counter()
    for equation in jaxpr.eqns:
        times = equation.params.get("length", 1) if equation.primitive.name == "scan" else 1
        inner = _within(equation)
        for part in inner:
            for kind, count in _operations(part).items():
                found[kind] += times * count
        if inner or equation.primitive.name in FREE:
            continue
        summed = equation.primitive.name.startswith("reduce_")
        entries = _size(equation.invars[0] if summed else equation.outvars[0])
        kinds = {v.aval.dtype.kind for v in (*equation.invars, *equation.outvars) if hasattr(v.aval, "dtype")}
        found["float" if "f" in kinds else "integer"] += entries
    return found


def _within(equation: Any) -> list[Any]:
    """Programs inside an equation."""
    values = [x for value in equation.params.values() for x in (value if isinstance(value, tuple | list) else [value])]
    closed = [getattr(value, "jaxpr", value) for value in values]
    return [value for value in closed if hasattr(value, "eqns")]


def _size(variable: Any) -> int:
    return int(np.prod(variable.aval.shape, dtype=np.int64))


def shares(work: Counter, seconds: float, rates: tuple[float, float]) -> dict[str, float]:
    """Shares of what a card can do: of its memory's bandwidth, and of the issue of single precision operations.

    An operation that is no multiply-add takes the place of one, so half of the rate counts; integers go half as fast
    again, as on cards since 2020.
    """
    bandwidth, operations = rates
    issued = operations / 2
    busy = (work["float"] + 2 * work["integer"]) / issued
    return {"memory_share": work["bytes"] / bandwidth / seconds, "compute_share": busy / seconds}
