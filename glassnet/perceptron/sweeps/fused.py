"""The hot loop as one kernel on an accelerator: the gaps of some sites stay on the chip while all slots go by.

The scan of XLA reads and writes every gap once a slot. Here a program takes a block of independent sites (neurons
for weights, patterns for spins), loads their gaps once, offers them all slots and stores the gaps at the end.
What moves in between are the factors of the offers, and spins travel as bits or bytes.

The decision is the same on all chips and stands here; how a block lies in registers or tiles stands in
`fused_gpu` and `fused_tpu`. A block is padded with gaps that are infinite, which cost nothing whatever is offered,
and with sites that refuse everything.
"""

from collections.abc import Callable, Sequence
from importlib import import_module

import jax.numpy as jnp
from jax import Array

from glassnet.core.check import fail
from glassnet.perceptron.potential import Counting, HardCore, Logistic, Potential, Probit, SoftCore

CHIPS = {"gpu": "glassnet.perceptron.sweeps.fused_gpu", "tpu": "glassnet.perceptron.sweeps.fused_tpu"}
"""Module of each chip; imported when first used, since a program for CPUs needs neither of their compilers."""

TAKEN: tuple[type, ...] = (SoftCore, HardCore, Counting, Probit, Logistic)
"""Potentials by their exact type whose `cost` both compilers take, and which is 0 at infinity, where padding lies."""


def known(potential: Potential) -> bool:
    """Whether the kernels take a potential."""
    return type(potential) in TAKEN


def fits(shape: tuple[int, ...], terms: int, *, sites: str, chip: str) -> bool:
    """Whether the gaps of one site and what streams past them fit the chip, and JAX has a compiler for it.

    Args:
        shape: neurons and patterns of one layer.
        terms: terms of a change.
        sites: "rows" or "columns".
        chip: "gpu" or "tpu".
    """
    try:
        return import_module(CHIPS[chip]).fits(shape, terms, sites)
    except ImportError:  # JAX calls the Triton compiler deprecated
        return False


def fused_scan(
    gap: Array,
    sign: Array,
    rows: Sequence[Array],
    columns: Sequence[Array],
    limits: Sequence[Array],
    *,
    potential: Potential,
    sites: str,
    chip: str,
    interpret: bool,
) -> tuple[Array, Array]:
    """Offer all slots in turn and keep what is accepted: `column_scan` as one kernel.

    Args:
        gap: gaps with the margin subtracted, shape (neuron, pattern).
        sign: spins, same shape, +1 or -1.
        rows: factors a_i of each term, shape (slot, neuron).
        columns: factors x_mu of each term, shape (slot, pattern): spins where rows are the sites, small whole
            numbers where columns are.
        limits: the threshold, and the energy change apart from these gaps if there is one, shape (slot, site).
        potential: its `cost` is what the sites compare.
        sites: "rows" if the neurons decide, "columns" if the patterns do.
        chip: "gpu" or "tpu".
        interpret: run the kernel as ordinary JAX operations, on any machine.
    Returns:
        The new gaps, and which offers were accepted, shape (slot, site), bool.
    Raises:
        ValueError: for a potential that the kernels do not know.
    """
    if not known(potential):
        names = ", ".join(kind.__name__ for kind in TAKEN)
        raise fail("potential", f"be one of {names} for fused kernels", potential)
    columns = [x.astype(jnp.int8) for x in columns]
    scan = import_module(CHIPS[chip]).scan
    return scan(gap, sign, rows, columns, limits, potential=potential, sites=sites, interpret=interpret)


def decide(
    gap: Array, cost: Array, change: Array, limits: Sequence[Array], total: Callable[[Array], Array]
) -> tuple[Array, Array, Array]:
    """One offer to a block of sites: accepted where the change of cost, plus the rest, does not exceed the threshold.

    Args:
        gap: gaps of the block.
        cost: their cost, summed for each site.
        change: offered change of the gaps.
        limits: threshold and, if there is one, energy change apart from these gaps; shape of `cost`.
        total: cost of gaps, summed for each site.
    Returns:
        Gaps, cost and acceptance.
    """
    threshold, *extra = limits
    offered = gap + change
    proposed = total(offered)
    accept = sum(extra, proposed - cost) <= threshold
    return jnp.where(accept, offered, gap), jnp.where(accept, proposed, cost), accept


REFUSING = (-jnp.inf, 0.0)
"""Limits with which a site refuses every offer."""


def padded(x: Array, shape: Sequence[int], filling: float | int) -> Array:
    """`x` with `filling` behind its end on every axis, up to `shape`."""
    if x.shape == tuple(shape):
        return x
    return jnp.pad(x, [(0, new - old) for old, new in zip(x.shape, shape, strict=True)], constant_values=filling)


def rounded(size: int, unit: int) -> int:
    """The smallest multiple of `unit` that is not below `size`."""
    return -(-size // unit) * unit
