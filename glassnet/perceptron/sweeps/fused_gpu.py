"""The fused scan on CUDA devices, compiled by Triton.

A tile has the axes (bit, site, word) where rows are the sites, (bit, word, site) where columns are: the axis that a
site sums over is split in 32 bits and as many words as needed, element b W + w being bit b of word w. Spins come as
such words. A spin of -1 is a set bit, a product of spins is the exclusive or of their words, and a factor of -1
flips the sign bit of a number.

Triton spreads a tile over its threads from the last axis to the first. The sizes below are such that the threads are
used up before the first axis: a thread holds whole words, and sums them alone.
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

from glassnet.perceptron.potential import Potential
from glassnet.perceptron.sweeps.fused import REFUSING, decide, padded, rounded

LANES = 32
"""Threads of a warp."""

WORD = 32
"""Bits of a word, and gaps of a thread where rows are the sites: with the offered gaps and what the compiler keeps,
half of the registers that a thread may have, a quarter of the warps that a multiprocessor may have."""

ROW_WARPS = 16
"""Warps of a program at most where rows are the sites: 128 registers a thread."""

LONE = 64
"""Gaps of a site at most that one thread holds alone where columns are the sites."""

SHARE = 16
"""Gaps of a thread where threads share a pattern. With 32 patterns a program then has more threads than a pattern
has gaps; Triton loads an array that is smaller than the number of threads straight to where it is needed, and any
other array in pieces that threads must exchange."""

COLUMN_WARPS = 32
"""Warps of a program at most where columns are the sites: 64 registers a thread."""

SIGN = np.uint32(1 << 31)

Operands = dict[str, Any]
"""Arrays of the kernel: gap, sign, and lists rows, columns, limits."""


def fits(shape: tuple[int, ...], terms: int, sites: str) -> bool:
    """Whether the gaps of one block fit the registers of a program."""
    return block(shape, sites)[2] <= (ROW_WARPS if sites == "rows" else COLUMN_WARPS)


def block(shape: tuple[int, ...], sites: str) -> tuple[int, int, int]:
    """Sites of a block, gaps of a site and warps of a program for a layer of that shape, all powers of two.

    Rows: one warp and as many rows as fill it, or as many warps as one row needs. Columns: 4 warps with a pattern for
    each thread; 32 patterns where those have too many gaps or are too few.
    """
    if sites == "rows":
        gaps = pl.next_power_of_2(shape[1])
        size = min(max(LANES * WORD // gaps, 1), pl.next_power_of_2(shape[0]))
        return size, gaps, max(1, size * gaps // (LANES * WORD))
    gaps = pl.next_power_of_2(shape[0])
    if gaps <= LONE and shape[1] > 2 * LANES:
        return 4 * LANES, gaps, 4
    return LANES, gaps, max(1, gaps // SHARE)


def scan(
    gap: Array, sign: Array, rows: Sequence[Array], columns: Sequence[Array], limits: Sequence[Array], *,
    potential: Potential, sites: str, interpret: bool,
) -> tuple[Array, Array]:  # fmt: skip
    """As `fused.fused_scan`."""
    slots, own = limits[0].shape
    gaps = block(gap.shape, sites)[1]
    operands = arranged(gap, sign, rows, columns, limits, sites=sites)
    tile, accepted = call(operands, gap.shape, potential=potential, sites=sites, interpret=interpret)
    tile = tile[..., : operands["gap"].shape[-1]]
    tile = tile.transpose(1, 0, 2).reshape(-1, gaps) if sites == "rows" else tile.reshape(gaps, -1)
    return tile[: gap.shape[0], : gap.shape[1]], accepted.reshape(slots, -1)[:, :own] != 0


def arranged(
    gap: Array, sign: Array, rows: Sequence[Array], columns: Sequence[Array], limits: Sequence[Array], *, sites: str
) -> Operands:
    """Arrays as the kernel takes them, padded to whole blocks."""
    size, gaps, _ = block(gap.shape, sites)
    own = rounded(limits[0].shape[1], size)
    return (_rows if sites == "rows" else _columns)(gap, sign, rows, columns, limits, own, gaps)


def call(
    whole: Operands, shape: tuple[int, ...], *, potential: Potential, sites: str, interpret: bool
) -> tuple[Array, Array]:
    """The kernel itself on what `arranged` gives for a layer of that shape: gaps, and acceptance as int8."""
    size, _, warps = block(shape, sites)
    slots, own = len(whole["limits"][0]), whole["limits"][0].shape[2 if sites == "rows" else 3]
    specs, operands = _specs(whole, sites, size), jax.tree.map(_odd, whole)
    return pl.pallas_call(
        partial(_kernel, potential=potential, sites=sites, slots=slots),
        out_shape=[_like(operands["gap"], operands["gap"].dtype), _like(operands["limits"][0], jnp.int8)],
        grid=(own // size,),
        in_specs=[specs],
        out_specs=[specs["gap"], specs["limits"][0]],
        compiler_params=triton.CompilerParams(num_warps=warps, num_stages=1),
        interpret=interpret,
        name=f"fused_scan_{sites}",
    )(operands)


def _rows(gap: Array, sign: Array, rows: Any, columns: Any, limits: Any, own: int, gaps: int) -> Operands:
    """Arrays with `own` rows as sites: axes (bit, site, word), after the slot where there is one."""
    bits, slots = min(WORD, gaps), len(limits[0])
    spins = padded(sign, (own, gaps), 1).reshape(own, bits, -1)
    return {
        "gap": padded(gap, (own, gaps), jnp.inf).reshape(own, bits, -1).transpose(1, 0, 2),
        "sign": _packed(spins, 1)[None],
        "rows": [padded(a, (slots, own), 0)[:, None, :, None] for a in rows],
        "columns": [_packed(padded(x, (slots, gaps), 1).reshape(slots, bits, -1), 1)[:, None, None] for x in columns],
        "limits": [padded(x, (slots, own), f)[:, None, :, None] for x, f in zip(limits, REFUSING, strict=False)],
    }


def _columns(gap: Array, sign: Array, rows: Any, columns: Any, limits: Any, own: int, gaps: int) -> Operands:
    """Arrays with `own` columns as sites: axes (bit, word, site), after the slot where there is one."""
    bits, slots = min(WORD, gaps), len(limits[0])
    spins = padded(sign, (gaps, own), 1).reshape(bits, -1, own)
    return {
        "gap": padded(gap, (gaps, own), jnp.inf).reshape(bits, -1, own),
        "sign": _packed(spins, 0)[None],
        "rows": [padded(a, (slots, gaps), 0).reshape(slots, bits, -1, 1) for a in rows],
        "columns": [padded(x, (slots, own), 0)[:, None, None] for x in columns],
        "limits": [padded(x, (slots, own), f)[:, None, None] for x, f in zip(limits, REFUSING, strict=False)],
    }


def _packed(spins: Array, axis: int) -> Array:
    """Words whose bit b is set where spin b along `axis` is negative, without that axis, uint32."""
    place = lax.broadcasted_iota(jnp.uint32, spins.shape, axis)
    return jnp.sum((spins < 0).astype(jnp.uint32) << place, axis, dtype=jnp.uint32)


def _odd(x: Array) -> Array:
    """`x` with a last axis of odd length.

    Triton gives four neighbouring numbers to one thread where lines of them begin at multiples of 16 bytes. Threads
    would then hold four sites or words, and share the bits.
    """
    length = x.shape[-1]
    return padded(x, (*x.shape[:-1], length + 1 - length % 2), 0)


def _like(x: Array, dtype: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, dtype)


def _specs(operands: Operands, sites: str, size: int) -> dict[str, Any]:
    """Blocks of `size` sites of the arrays that belong to sites, the whole of the others."""
    of_sites, axis = {"gap", "sign", sites, "limits"}, 2 if sites == "rows" else 1

    def spec(name: str, x: Array) -> pl.BlockSpec:
        place = x.ndim - axis if name in of_sites else None
        shape = tuple(size if k == place else n for k, n in enumerate(x.shape))
        return pl.BlockSpec(shape, lambda i: tuple(i if k == place else 0 for k in range(x.ndim)))

    return {name: jax.tree.map(partial(spec, name), part) for name, part in operands.items()}


def _kernel(refs: Operands, new_gap: Any, accepted: Any, *, potential: Potential, sites: str, slots: int) -> None:
    gap, sign = refs["gap"][...], refs["sign"][...]
    shift = jnp.uint32(31) - lax.broadcasted_iota(jnp.uint32, gap.shape, 0)
    change = partial(_change_of_rows if sites == "rows" else _change_of_columns, sign, shift)
    late = [] if sites == "rows" else ["rows"]  # a register for each neuron would be too many to hold in advance
    early = [name for name in ("rows", "columns", "limits") if name not in late]

    def read(j: Array | int, names: list[str]) -> dict[str, list[Array]]:
        return {name: [ref[j] for ref in refs[name]] for name in names}

    def total(gap: Array) -> Array:
        words = potential.cost(gap).sum(0)
        return words.sum(1)[None, :, None] if sites == "rows" else words.sum(0)[None, None]

    def step(j: Array, carry: tuple) -> tuple:
        gap, cost, offer = carry
        following = read(jnp.minimum(j + 1, slots - 1), early)  # on its way while this offer is decided
        offer = offer | read(j, late)
        changes = [change(a, x) for a, x in zip(offer["rows"], offer["columns"], strict=True)]
        gap, cost, accept = decide(gap, cost, sum(changes[1:], changes[0]), offer["limits"], total)
        accepted[j] = accept.astype(jnp.int8)
        return gap, cost, following

    new_gap[...] = lax.fori_loop(0, slots, step, (gap, total(gap), read(0, early)))[0]


def _change_of_rows(sign: Array, shift: Array, a: Array, x: Array) -> Array:
    """S a x of weights, where spins x are words."""
    return _flipped(a, sign ^ x, shift)


def _change_of_columns(sign: Array, shift: Array, a: Array, x: Array) -> Array:
    """S a x of spins, where x are numbers.

    Their sign goes the way of S: what depends on S alone the compiler would keep, one register for each gap.
    """
    return _flipped(a * jnp.abs(x.astype(a.dtype)), jnp.where(x < 0, ~sign, sign), shift)


def _flipped(x: Array, words: Array, shift: Array) -> Array:
    """`x` with its sign changed where the bit of its word is set."""
    bits = lax.bitcast_convert_type(x, jnp.uint32) ^ ((words << shift) & SIGN)
    return lax.bitcast_convert_type(bits, x.dtype)
