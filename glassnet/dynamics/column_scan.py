"""The hot loop: proposals that go one after another over the input slots of a layer, in parallel over all else.

Weights at fixed spins: rows of a layer are independent, the entries of a row are not. Spins at fixed
weights: patterns are independent, the spins of a layer that feed common neurons are not. Both are the same
scan over slots j of a matrix of gaps (neuron i, pattern mu): step j offers the rank-one change

    r_{i mu}  ->  r_{i mu} + S_{i mu} a_i x_mu

where either a (weights) or x (spins) is the offer of independent sites and the other one is given; each
site sums its new cost over the axis that it does not own and accepts or refuses.

An accepted change is applied at the start of the next step, in the same pass over the gaps that evaluates
the next offer: half the memory traffic of applying it at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.extend.backend import get_backend

from glassnet.core.pytree import pytree
from glassnet.dynamics.fused import fits, fused_scan
from glassnet.model.potential import Potential


@dataclass(frozen=True)
class Plan:
    """How arrays are cut on a kind of machine.

    Attributes:
        block: gaps handled together in one step, so that they stay in cache; None for the whole array.
        dot: sum over patterns as a product with a constant vector, which XLA vectorises better on CPU.
        native: sweeps are calls of compiled kernels, see `glassnet.dynamics.native`.
        fused: chip whose kernel does the scan ("gpu" or "tpu"); None for a scan of XLA.
        interpret: run that kernel as ordinary operations, which any machine can do, slowly.
    """

    block: int | None
    dot: bool
    native: bool = False
    fused: str | None = None
    interpret: bool = False


CACHE = 2**15
"""Gaps that stay in the cache of a core."""

CPU = Plan(block=CACHE, dot=True)
ACCELERATOR = Plan(block=None, dot=False)
NATIVE = replace(CPU, native=True)
FUSED = {name: replace(ACCELERATOR, fused=chip) for name, chip in (("gpu", "gpu"), ("cuda", "gpu"), ("tpu", "tpu"))}
"""Plans of the platforms that have a kernel of their own."""


def plan_for(platform: str, replicas: int = 1) -> Plan:
    """Plan of a JAX platform ("cpu", or anything else for accelerators) for so many replicas in one call."""
    if platform == "gpu" and _rocm():
        return ACCELERATOR
    if platform != "cpu":
        return FUSED.get(platform, ACCELERATOR)
    return replace(CPU, block=max(1, CACHE // replicas))


def _rocm() -> bool:
    """Whether what JAX calls "gpu" on this machine is from AMD."""
    try:
        return "rocm" in get_backend("gpu").platform_version.lower()
    except RuntimeError:  # there is none
        return False


Factors = tuple[Array, ...]
"""One array for each term of a change; weights that move together make several terms."""


@pytree
class Offers:
    """Offers of one scan, leading axis: slot.

    Attributes:
        rows: factors a_i of the terms of the change, one array (slot, neuron) a term.
        columns: factors x_mu, one array (slot, pattern) a term; or what `lookup` turns into (neuron, pattern).
        extra: energy change of the offer apart from these gaps, shape (slot, site); None if there is none.
        threshold: the offer is accepted if its energy change does not exceed this, shape (slot, site).
    """

    rows: Factors
    columns: Factors
    extra: Array | None
    threshold: Array


def column_scan(
    gap: Array,
    sign: Array,
    offers: Offers,
    *,
    potential: Potential,
    sites: str,
    plan: Plan,
    lookup: Callable | None = None,
) -> tuple[Array, Array]:
    """Offer all slots in turn and keep what is accepted.

    Args:
        gap: gaps of one layer with the margin subtracted, shape (neuron, pattern).
        sign: spins of that layer, same shape.
        offers: the offers.
        potential: its `cost` is what the sites compare.
        sites: "rows" if the neurons decide (weights), "columns" if the patterns do (spins).
        plan: how to reduce.
        lookup: turns a column factor of one step into one of shape (neuron, pattern).
    Returns:
        The new gaps, and which offers were accepted, shape (slot, site), bool.
    """
    if plan.fused is not None and lookup is None and fits(gap.shape, len(offers.rows), sites=sites, chip=plan.fused):
        limits = [x for x in (offers.threshold, offers.extra) if x is not None]
        run = partial(fused_scan, potential=potential, sites=sites, chip=plan.fused, interpret=plan.interpret)
        return run(gap, sign, offers.rows, offers.columns, limits)
    total = _sum_over_patterns(plan) if sites == "rows" else _sum_over_neurons

    def change(rows: Factors, columns: Factors) -> Array:
        terms = [a[:, None] * (x[None] if lookup is None else lookup(x)) for a, x in zip(rows, columns, strict=True)]
        return sign * sum(terms[1:], terms[0])

    def step(carry: tuple, offer: Offers) -> tuple[tuple, Array]:
        gap, cost, pending = carry
        gap = gap + change(*pending)
        proposed = total(potential.cost(gap + change(offer.rows, offer.columns)))
        change_of_cost = proposed - cost if offer.extra is None else proposed - cost + offer.extra
        accept = change_of_cost <= offer.threshold
        pending = _masked(offer, accept, sites)
        return (gap, jnp.where(accept, proposed, cost), pending), accept

    nothing = jax.tree.map(lambda x: jnp.zeros_like(x[0]), (offers.rows, offers.columns))
    carry = (gap, total(potential.cost(gap)), nothing)
    (gap, _, pending), accepted = lax.scan(step, carry, offers)
    return gap + change(*pending), accepted


def _masked(offer: Offers, accept: Array, sites: str) -> tuple[Factors, Factors]:
    """The factors of the accepted changes; those of refused ones are zero."""
    if sites == "rows":
        return tuple(jnp.where(accept, a, 0) for a in offer.rows), offer.columns
    return offer.rows, tuple(jnp.where(accept, x, 0) for x in offer.columns)


def _sum_over_patterns(plan: Plan) -> Callable[[Array], Array]:
    if plan.dot:
        return lambda x: jnp.matmul(x, jnp.ones(x.shape[-1], x.dtype), precision=lax.Precision.HIGHEST)
    return lambda x: x.sum(-1)


def _sum_over_neurons(x: Array) -> Array:
    return x.sum(-2)


def in_blocks(plan: Plan, sites: str, scan: Callable, gap: Array, sign: Array, offers: Offers) -> tuple[Array, Array]:
    """`scan(gap, sign, offers)` on blocks of independent sites that fit the cache, one block after another.

    `offers.columns` is not cut where rows are the sites, `offers.rows` not where columns are.
    """
    axis = 0 if sites == "rows" else 1
    pieces = _pieces(plan, gap.shape[axis], gap.shape[1 - axis])
    if pieces == 1:
        return scan(gap, sign, offers)
    own = offers.rows if sites == "rows" else offers.columns
    cut = (_cut(gap, axis, pieces), _cut(sign, axis, pieces))
    cut_offers = jax.tree.map(lambda x: _cut(x, -1, pieces), (own, offers.extra, offers.threshold))

    def one(part: Any) -> tuple[Array, Array]:
        (gap, sign), (own, extra, threshold) = part
        rows, columns = (own, offers.columns) if sites == "rows" else (offers.rows, own)
        return scan(gap, sign, Offers(rows, columns, extra, threshold))

    gap, accepted = lax.map(one, (cut, cut_offers))
    return _join(gap, axis), _join(accepted, 1)


def _pieces(plan: Plan, sites: int, elements: int) -> int:
    """Smallest number of equal pieces of `sites` such that a piece of `elements` each fits the plan's block."""
    if plan.block is None:
        return 1
    fitting = [n for n in range(1, sites + 1) if sites % n == 0 and (sites // n) * elements <= plan.block]
    return fitting[0] if fitting else sites


def _cut(x: Array, axis: int, pieces: int) -> Array:
    axis %= x.ndim
    shape = (*x.shape[:axis], pieces, x.shape[axis] // pieces, *x.shape[axis + 1 :])
    return jnp.moveaxis(x.reshape(shape), axis, 0)


def _join(x: Array, axis: int) -> Array:
    x = jnp.moveaxis(x, 0, axis)
    return x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :])


def over_layers(plan: Plan, sweep_layer: Callable, arguments: Any, *, elements: int) -> Any:
    """`sweep_layer` on every layer of a stack (leading axis), as many at once as fit the cache.

    Args:
        plan: the plan.
        sweep_layer: function of one layer.
        arguments: pytree with the layer as leading axis.
        elements: gaps of one layer.
    """
    layers = jax.tree.leaves(arguments)[0].shape[0]
    pieces = _pieces(plan, layers, elements)
    if pieces == 1:
        return jax.vmap(sweep_layer)(arguments)
    if pieces == layers:
        return lax.map(sweep_layer, arguments)
    results = lax.map(jax.vmap(sweep_layer), jax.tree.map(lambda x: _cut(x, 0, pieces), arguments))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), results)
