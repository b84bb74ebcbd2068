"""The fused scan on TPUs, compiled by Mosaic.

A tile has the axes (neuron, pattern), patterns along the 128 lanes. The grid runs over blocks of sites and, inside,
over pieces of the slots; the gaps of a block stay in VMEM meanwhile. What belongs to patterns comes as one line a
slot. What belongs to neurons lies with 128 slots along the lanes, since an array with the neuron along the sublanes
and one lane a slot would be padded 128-fold; its entry of a slot is picked by a mask and a sum over the lanes.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu

from glassnet.perceptron.potential import Potential
from glassnet.perceptron.sweeps.fused import REFUSING, decide, padded, rounded

LANES = 128
"""Lanes of a register, and slots of a piece."""

SUBLANES = 8
"""Lines of a register."""

BYTE_LINES = 32
"""Lines of a tile of bytes."""

TILE = 2**15
"""Gaps of a block: 32 of the 64 registers."""

VMEM = 10 * 2**20
"""Bytes of a program at most: what all generations have, 16 MiB, less what the compiler takes for itself."""


def fits(shape: tuple[int, ...], terms: int, sites: str) -> bool:
    """Whether a block and what streams past it fit the memory of a core: both held twice, and numbers on the way."""
    neurons, patterns = block(shape, sites)
    tile = neurons * patterns * (2 * (4 + 4 + 4) + 3 * 4)
    lines = LANES * patterns * (terms * (2 * 1 + 4) + (0 if sites == "rows" else 2 * 3 * 4))
    columns = LANES * neurons * 2 * 4 * (terms + (2 if sites == "rows" else 0))
    return tile + lines + columns <= VMEM


def block(shape: tuple[int, ...], sites: str) -> tuple[int, int]:
    """Neurons and patterns of a block for a layer of that shape, whole registers both."""
    neurons, patterns = rounded(shape[0], SUBLANES), rounded(shape[1], LANES)
    if sites == "rows":
        return min(neurons, max(SUBLANES, TILE // patterns // SUBLANES * SUBLANES)), patterns
    return neurons, min(patterns, max(LANES, TILE // neurons // LANES * LANES))


def scan(
    gap: Array, sign: Array, rows: Sequence[Array], columns: Sequence[Array], limits: Sequence[Array], *,
    potential: Potential, sites: str, interpret: bool,
) -> tuple[Array, Array]:  # fmt: skip
    """As `fused.fused_scan`."""
    slots, own = limits[0].shape
    size = block(gap.shape, sites)
    shape = tuple(rounded(n, b) for n, b in zip(gap.shape, size, strict=True))
    pieces, lines = -(-slots // LANES), LANES if slots > LANES else rounded(slots, BYTE_LINES)
    by_neuron = partial(_by_neuron, shape=(pieces * LANES, shape[0]))
    by_pattern = partial(padded, shape=(pieces * lines, shape[1]))
    by_site = by_neuron if sites == "rows" else by_pattern
    specs = _specs(size, lines, sites)
    operands = {
        "gap": padded(gap, shape, jnp.inf),
        "sign": padded(sign, shape, 1),
        "rows": [by_neuron(a, filling=0) for a in rows],
        "columns": [by_pattern(x, filling=0) for x in columns],
        "limits": [by_site(x, filling=f) for x, f in zip(limits, REFUSING, strict=False)],
    }
    accepted_shape = operands["limits"][0].shape
    new_gap, accepted = pl.pallas_call(
        partial(_kernel, potential=potential, sites=sites, slots=slots),
        out_shape=(jax.ShapeDtypeStruct(shape, gap.dtype), jax.ShapeDtypeStruct(accepted_shape, jnp.float32)),
        grid=(shape[0] // size[0] if sites == "rows" else shape[1] // size[1], pieces),
        in_specs=[{name: jax.tree.map(lambda _, name=name: specs[name], x) for name, x in operands.items()}],
        out_specs=(specs["gap"], specs["limits"]),
        scratch_shapes=[tpu.VMEM((lines, size[1]), jnp.float32) for _ in columns],
        compiler_params=tpu.CompilerParams(dimension_semantics=("parallel", "arbitrary")),
        interpret=interpret,
        name=f"fused_scan_{sites}",
    )(operands)
    if sites == "rows":
        accepted = accepted.transpose(0, 2, 1).reshape(-1, shape[0])
    return new_gap[: gap.shape[0], : gap.shape[1]], accepted[:slots, :own] != 0


def _by_neuron(x: Array, *, shape: tuple[int, ...], filling: float | int) -> Array:
    """`x` (slot, neuron) as (piece, neuron, lane): 128 slots along the lanes."""
    return padded(x, shape, filling).reshape(-1, LANES, shape[1]).transpose(0, 2, 1)


def _specs(size: tuple[int, int], lines: int, sites: str) -> dict[str, pl.BlockSpec]:
    """Blocks of the operands; program (i, k) has block i of the sites and piece k of the slots."""
    neurons, patterns = size
    row_sites = sites == "rows"
    tile = pl.BlockSpec(size, lambda i, k: (i, 0) if row_sites else (0, i))
    by_neuron = pl.BlockSpec((None, neurons, LANES), lambda i, k: (k, i if row_sites else 0, 0))
    by_pattern = pl.BlockSpec((lines, patterns), lambda i, k: (k, 0 if row_sites else i))
    by_site = by_neuron if row_sites else by_pattern
    return {"gap": tile, "sign": tile, "rows": by_neuron, "columns": by_pattern, "limits": by_site}


def _kernel(
    refs: dict[str, Any], new_gap: Any, accepted: Any, *lines: Any, potential: Potential, sites: str, slots: int
) -> None:
    piece = pl.program_id(1)

    @pl.when(piece == 0)
    def _() -> None:
        new_gap[...] = refs["gap"][...]

    for line, x in zip(lines, refs["columns"], strict=True):
        line[...] = x[...].astype(jnp.float32)  # lines of bytes cannot be read one by one
    sign = refs["sign"][...]
    axis = 1 if sites == "rows" else 0
    at_site = _of_neurons if sites == "rows" else _of_patterns
    if sites == "rows":
        accepted[...] = jnp.zeros_like(accepted)

    def total(gap: Array) -> Array:
        return potential.cost(gap).sum(axis, keepdims=True)

    def step(j: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        terms = [_of_neurons(a, j) * _of_patterns(x, j) for a, x in zip(refs["rows"], lines, strict=True)]
        limits = [at_site(x, j) for x in refs["limits"]]
        gap, cost, accept = decide(*carry, sign * sum(terms[1:], terms[0]), limits, total)
        _keep(accepted, j, accept.astype(jnp.float32), sites)
        return gap, cost

    gap = new_gap[...]
    count = jnp.minimum(slots - piece * LANES, LANES)
    new_gap[...] = lax.fori_loop(0, count, step, (gap, total(gap)))[0]


def _of_neurons(ref: Any, j: Array) -> Array:
    """Slot j of (neuron, slot), shape (neuron, 1)."""
    lane = lax.broadcasted_iota(jnp.int32, ref.shape, 1)
    return jnp.where(lane == j, ref[...], 0).sum(1, keepdims=True)


def _of_patterns(ref: Any, j: Array) -> Array:
    """Slot j of (slot, pattern), shape (1, pattern)."""
    return ref[pl.ds(j, 1), :]


def _keep(accepted: Any, j: Array, accept: Array, sites: str) -> None:
    """Write the answers of slot j."""
    if sites == "columns":
        accepted[pl.ds(j, 1), :] = accept
        return
    lane = lax.broadcasted_iota(jnp.int32, accepted.shape, 1)
    accepted[...] = jnp.where(lane == j, accept, accepted[...])
