"""The fused scan on CUDA devices, compiled by Triton.

A tile has the axes (site, bit, word) where rows are the sites, (bit, word, site) where columns are: the axis that a
site sums over is split in 32 bits and as many words as needed, element b W + w being bit b of word w. Spins come as
such words; a spin of -1 is a set bit, and a product of spins is the exclusive or of their words, shifted into the
sign of the change. Along the words neighbouring threads hold neighbouring gaps, and a thread holds whole words.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from glassnet.dynamics.fused import REFUSING, decide, padded, rounded
from glassnet.model.potential import Potential

WARP = 32 * 32
"""Gaps of a warp: 32 threads with 32 gaps each, half of the registers with which a scheduler can switch warps."""

WARPS = 32
"""Warps of a program at most."""

FEWEST_COLUMNS = 8
"""Patterns of a block at least: a sector of memory."""

SIGN = np.uint32(1 << 31)


def fits(shape: tuple[int, ...], terms: int, sites: str) -> bool:
    """Whether the gaps of one block fit the registers of a program."""
    sites_of_block, gaps = block(shape, sites)
    return sites_of_block * gaps <= WARPS * WARP


def block(shape: tuple[int, ...], sites: str) -> tuple[int, int]:
    """Sites of a block and gaps of a site for a layer of that shape, both powers of two.

    One warp where a site has no more gaps than a warp holds, since it then sums without waiting for others.
    """
    own, other = shape if sites == "rows" else shape[::-1]
    gaps = pl.next_power_of_2(other)
    fewest = 1 if sites == "rows" else FEWEST_COLUMNS
    return min(max(WARP // gaps, fewest), pl.next_power_of_2(own)), gaps


def scan(
    gap: Array, sign: Array, rows: Sequence[Array], columns: Sequence[Array], limits: Sequence[Array], *,
    potential: Potential, sites: str, interpret: bool,
) -> tuple[Array, Array]:  # fmt: skip
    """As `fused.fused_scan`."""
    slots, own = limits[0].shape
    size, gaps = block(gap.shape, sites)
    arrange = _rows if sites == "rows" else _columns
    operands, limit_shape = arrange(gap, sign, rows, columns, limits, rounded(own, size), gaps)
    site_axis = 0 if sites == "rows" else 2
    spec = partial(_spec, size=size)
    given = jax.tree.map(lambda x: spec(x.shape, None), operands)
    by_site = {
        "gap": spec(operands["gap"].shape, site_axis),
        "sign": spec(operands["sign"].shape, site_axis),
        sites: [spec(x.shape, site_axis + 1) for x in operands[sites]],
        "limits": [spec(limit_shape, site_axis + 1) for _ in limits],
    }
    new_gap, accepted = pl.pallas_call(
        partial(_kernel, potential=potential, sites=sites, slots=slots),
        out_shape=(_like(operands["gap"]), jax.ShapeDtypeStruct(limit_shape, jnp.int8)),
        grid=(rounded(own, size) // size,),
        in_specs=[given | by_site],
        out_specs=(by_site["gap"], by_site["limits"][0]),
        compiler_params=triton.CompilerParams(num_warps=max(1, size * gaps // WARP), num_stages=1),
        interpret=interpret,
        name=f"fused_scan_{sites}",
    )(operands)
    whole = new_gap.reshape(-1, gaps) if sites == "rows" else new_gap.reshape(gaps, -1)
    return whole[: gap.shape[0], : gap.shape[1]], accepted.reshape(slots, -1)[:, :own] != 0


def _like(x: Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, x.dtype)


def _spec(shape: Sequence[int], axis: int | None, size: int) -> pl.BlockSpec:
    """Blocks of `size` along `axis`, all of the other axes; the whole array if `axis` is None."""
    blocks = tuple(size if k == axis else n for k, n in enumerate(shape))
    return pl.BlockSpec(blocks, lambda i: tuple(i if k == axis else 0 for k in range(len(shape))))


Operands = dict[str, Any]


def _rows(gap: Array, sign: Array, rows: Any, columns: Any, limits: Any, own: int, gaps: int) -> tuple[Operands, tuple]:
    """Operands of the kernel for rows as sites: axes (site, bit, word), after the slot where there is one."""
    bits, slots = min(32, gaps), len(limits[0])
    limit_shape = (slots, own, 1, 1)
    tile = padded(gap, (own, gaps), jnp.inf).reshape(own, bits, -1)
    spins = padded(sign, (own, gaps), 1).reshape(tile.shape)
    operands = {
        "gap": tile,
        "sign": _packed(spins, 1)[:, None],
        "rows": [padded(a, (slots, own), 0).reshape(limit_shape) for a in rows],
        "columns": [_packed(padded(x, (slots, gaps), 1).reshape(slots, bits, -1), 1)[:, None, None] for x in columns],
        "limits": [padded(x, (slots, own), f).reshape(limit_shape) for x, f in zip(limits, REFUSING, strict=False)],
    }
    return operands, limit_shape


def _columns(
    gap: Array, sign: Array, rows: Any, columns: Any, limits: Any, own: int, gaps: int
) -> tuple[Operands, tuple]:
    """Operands of the kernel for columns as sites: axes (bit, word, site), after the slot where there is one."""
    bits, slots = min(32, gaps), len(limits[0])
    limit_shape = (slots, 1, 1, own)
    tile = padded(gap, (gaps, own), jnp.inf).reshape(bits, -1, own)
    spins = padded(sign, (gaps, own), 1).reshape(tile.shape)
    operands = {
        "gap": tile,
        "sign": _packed(spins, 0)[None],
        "rows": [padded(a, (slots, gaps), 0).reshape(slots, bits, -1, 1) for a in rows],
        "columns": [padded(x, (slots, own), 0).reshape(limit_shape) for x in columns],
        "limits": [padded(x, (slots, own), f).reshape(limit_shape) for x, f in zip(limits, REFUSING, strict=False)],
    }
    return operands, limit_shape


def _packed(spins: Array, axis: int) -> Array:
    """Words whose bit b is set where spin b along `axis` is negative, without that axis, uint32."""
    place = lax.broadcasted_iota(jnp.uint32, spins.shape, axis)
    return jnp.sum((spins < 0).astype(jnp.uint32) << place, axis, dtype=jnp.uint32)


def _kernel(refs: dict[str, Any], new_gap: Any, accepted: Any, *, potential: Potential, sites: str, slots: int) -> None:
    gap, sign = refs["gap"][...], refs["sign"][...]
    bit_axis = 1 if sites == "rows" else 0
    shift = jnp.uint32(31) - lax.broadcasted_iota(jnp.uint32, gap.shape, bit_axis)
    change = partial(_change_of_rows if sites == "rows" else _change_of_columns, sign, shift)

    def total(gap: Array) -> Array:
        words = potential.cost(gap).sum(bit_axis)  # inside a thread first
        return words.sum(1)[:, None, None] if sites == "rows" else words.sum(0)[None, None]

    def read(j: Array | int) -> dict[str, list[Array]]:
        return {name: [ref[j] for ref in refs[name]] for name in ("rows", "columns", "limits")}

    def step(j: Array, carry: tuple) -> tuple:
        gap, cost, offer = carry
        following = read(jnp.minimum(j + 1, slots - 1))  # under way while this offer is decided
        changes = [change(a, x) for a, x in zip(offer["rows"], offer["columns"], strict=True)]
        gap, cost, accept = decide(gap, cost, sum(changes[1:], changes[0]), offer["limits"], total)
        accepted[j] = accept.astype(jnp.int8)
        return gap, cost, following

    new_gap[...] = lax.fori_loop(0, slots, step, (gap, total(gap), read(0)))[0]


def _change_of_rows(sign: Array, shift: Array, a: Array, x: Array) -> Array:
    """S a x of weights: the spins x are words."""
    return _flipped(a, sign ^ x, shift)


def _change_of_columns(sign: Array, shift: Array, a: Array, x: Array) -> Array:
    """S a x of spins: x are numbers."""
    return _flipped(a * x.astype(a.dtype), sign, shift)


def _flipped(x: Array, words: Array, shift: Array) -> Array:
    """`x` with its sign changed where the bit of its word is set."""
    bits = lax.bitcast_convert_type(x, jnp.uint32) ^ ((words << shift) & SIGN)
    return lax.bitcast_convert_type(bits, x.dtype)
