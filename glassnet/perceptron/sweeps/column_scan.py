"""The hot loop: proposals that go one after another over the input slots of a layer, in parallel over all else.

Weights at fixed spins: rows of a layer are independent, the entries of a row are not. Spins at fixed
weights: patterns are independent, the spins of a layer that feed common neurons are not. Both are the same
scan over slots j of a matrix of gaps (neuron i, pattern mu): step j offers the rank-one change

    r_{i mu}  ->  r_{i mu} + S_{i mu} a_i x_mu

where either a (weights) or x (spins) is the offer of independent sites and the other one is given; each
site sums its new cost over the axis that it does not own and accepts or refuses.

What is kept is the pre-activation u = S r, which a change moves without S. An accepted change is applied at the start
of the next step, and only there does its cost become the cost: what a step computes is then used by little else.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from glassnet.core.pytree import pytree
from glassnet.perceptron.potential import Potential, at_margin
from glassnet.perceptron.sweeps.fused import fits, fused_scan, known
from glassnet.perceptron.targets import Targets, cost_of
from glassnet.sampling.plan import Plan

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


ALL = slice(None)


def column_scan(
    field: Array,
    sign: Array,
    offers: Offers,
    *,
    potential: Potential,
    sites: str,
    plan: Plan,
    lookup: Callable | None = None,
    targets: Targets | None = None,
) -> tuple[Array, Array]:
    """Offer all slots in turn and keep what is accepted.

    Args:
        field: pre-activations of one layer, shape (neuron, pattern).
        sign: spins of that layer, same shape, in any type.
        offers: the offers.
        potential: its `cost` is what the sites compare.
        sites: "rows" if the neurons decide (weights), "columns" if the patterns do (spins).
        plan: how to reduce.
        lookup: turns a column factor of one step into one of shape (neuron, pattern).
        targets: what else the neurons are asked for; None where they have none.
    Returns:
        The new pre-activations, and which offers were accepted, shape (slot, site), bool.
    """
    fusible = plan.fused is not None and lookup is None and targets is None and known(potential)
    if fusible and fits(field.shape, len(offers.rows), sites=sites, chip=plan.fused):
        limits = [x for x in (offers.threshold, offers.extra) if x is not None]
        still, sign = at_margin(potential, 0.0), sign.astype(field.dtype)  # gaps are without the margin
        run = partial(fused_scan, potential=still, sites=sites, chip=plan.fused, interpret=plan.interpret)
        gap, accepted = run(sign * field - potential.margin, sign, offers.rows, offers.columns, limits)
        return sign * (gap + potential.margin), accepted
    neurons, idle = len(field), _padded(plan, sites, len(field)) - len(field)
    if idle:
        field, sign = (jnp.pad(x, ((0, idle), (0, 0))) for x in (field, sign))  # their costs never change
        offers = replace(offers, rows=tuple(jnp.pad(x, ((0, 0), (0, idle))) for x in offers.rows))
        targets = None if targets is None else targets.padded(idle)
    own, given = (offers.rows, offers.columns) if sites == "rows" else (offers.columns, offers.rows)
    sums = _sums(plan, sites, field.shape)

    def change(own: Factors, slot: Array, neurons: slice = ALL, patterns: slice = ALL) -> Array:
        others = tuple(lax.dynamic_index_in_dim(x, slot, keepdims=False) for x in given)
        rows, columns = (own, others) if sites == "rows" else (others, own)
        wide = [x[None, patterns] if lookup is None else lookup(x)[neurons, patterns] for x in columns]
        terms = [a[neurons, None] * x.astype(a.dtype) for a, x in zip(rows, wide, strict=True)]
        return sum(terms[1:], terms[0])

    def costs(field: Array, offered: Factors, slot: Array, neurons: slice = ALL, patterns: slice = ALL) -> Array:
        moved = field[neurons, patterns] + change(offered, slot, neurons, patterns)
        asked = None if targets is None else targets.at(neurons, patterns)
        return cost_of(potential, asked, sign[neurons, patterns].astype(field.dtype), moved)

    def step(carry: tuple, offer: tuple) -> tuple[tuple, Array]:
        """`summed` is carried to be used once more: XLA then keeps it instead of computing it for each use."""
        field, cost, summed, accept, pending, slot = carry
        offered, extra, threshold = offer
        cost = jnp.where(accept, _total(summed, sites), cost)
        field = field + change(pending, jnp.maximum(slot, 1) - 1)
        summed = sums(partial(costs, field, offered, slot))
        rise = _total(summed, sites) - cost
        accept = (rise if extra is None else rise + extra) <= threshold
        pending = tuple(jnp.where(accept, x, 0) for x in offered)
        return (field, cost, summed, accept, pending, slot + 1), accept

    nothing = tuple(jnp.zeros_like(x[0]) for x in own)
    summed = sums(partial(costs, field, nothing, jnp.int32(0)))
    cost = _total(summed, sites)
    carry = (field, cost, summed, jnp.ones(cost.shape, bool), nothing, jnp.int32(0))
    (field, *_, pending, slot), accepted = lax.scan(step, carry, (own, offers.extra, offers.threshold))
    return (field + change(pending, slot - 1))[:neurons], accepted


STRIPS = 8
"""Neurons whose costs are best added up as they are computed; with more, their gaps drive each other out of cache."""

WIDEST = 2**12 - 1
"""Patterns whose costs XLA adds up as it computes them: with more it writes all costs to memory first."""

NARROWEST = 2**8
"""Narrower pieces of a longer row are not worth it."""


def _sums(plan: Plan, sites: str, shape: tuple[int, ...]) -> Callable[[Callable], Array]:
    """What sums the costs of each site, or most of the way, `_total` the rest.

    It takes the function that computes costs of some `neurons` and `patterns`, two slices, since XLA merges a sum of
    slices into one loop over the slices of what they are computed from.
    """
    size = shape[1] if sites == "rows" else shape[0]
    if not plan.dot:
        return (lambda costs: costs().sum(-1)) if sites == "rows" else (lambda costs: costs().sum(-2)[None])
    if sites == "rows":
        return _sums_of_rows(size)
    strips = _strips(size)
    rows = [slice(first, size, strips) for first in range(strips)]
    return lambda costs: _tree([costs(neurons=x) for x in rows])


def _strips(size: int) -> int:
    """How many of so many neurons have their costs added up as they are computed: a divisor of their number."""
    near = [n for n in range(max(2, STRIPS // 2), 2 * STRIPS + 1) if size % n == 0]
    return min(near, key=lambda n: abs(n - STRIPS), default=size)


def _padded(plan: Plan, sites: str, size: int) -> int:
    """Neurons, with idle ones, among which `_strips` finds a divisor; few need none."""
    if not plan.dot or sites == "rows" or _strips(size) < size or size <= 4 * STRIPS:
        return size
    return -(-size // STRIPS) * STRIPS


def _sums_of_rows(size: int) -> Callable[[Callable], Array]:
    """`_sums` where rows of so many patterns are the sites."""
    if size <= WIDEST:
        return lambda costs: _row_sums(costs())
    width = _whole_width(size)
    if width is not None:
        return lambda costs: _row_sums(costs().reshape(-1, width)).reshape(-1, size // width).sum(-1)
    width = -(-size // -(-size // WIDEST))
    pieces = [slice(first, min(first + width, size)) for first in range(0, size, width)]
    return lambda costs: _tree([_row_sums(costs(patterns=piece)) for piece in pieces])


def _whole_width(size: int) -> int | None:
    """The widest equal pieces of a row whose costs XLA adds up as it computes them; None if only tiny ones would do.

    Pieces that are no multiple of 16 wide are not vectorised.
    """
    widths = (size // n for n in range(2, size // NARROWEST + 1) if size % (16 * n) == 0)
    return next((width for width in widths if width <= WIDEST), None)


def _row_sums(x: Array) -> Array:
    """Sums of rows as a product with a constant vector, which XLA vectorises better on a CPU."""
    return jnp.matmul(x, jnp.ones(x.shape[-1], x.dtype), precision=lax.Precision.HIGHEST)


def _total(summed: Array, sites: str) -> Array:
    """The sum of the costs of each site from what `_sums` left."""
    return summed if sites == "rows" else _tree(list(summed))


def _tree(parts: list[Array]) -> Array:
    """Sum in pairs, pairs of pairs, ..."""
    while len(parts) > 1:
        odd = parts[-1:] if len(parts) % 2 else []
        parts = [a + b for a, b in zip(parts[::2], parts[1::2], strict=False)] + odd
    return parts[0]


def in_blocks(plan: Plan, sites: str, scan: Callable, field: Array, sign: Array, offers: Offers) -> tuple[Array, Array]:
    """`scan(field, sign, offers)` on blocks of independent sites that fit the cache, one block after another.

    `offers.columns` is not cut where rows are the sites, `offers.rows` not where columns are.
    """
    axis = 0 if sites == "rows" else 1
    pieces = _pieces(plan, field.shape[axis], field.shape[1 - axis])
    if pieces == 1:
        return scan(field, sign, offers)
    own = offers.rows if sites == "rows" else offers.columns
    cut = (_cut(field, axis, pieces), _cut(sign, axis, pieces))
    cut_offers = jax.tree.map(lambda x: _cut(x, -1, pieces), (own, offers.extra, offers.threshold))

    def one(part: Any) -> tuple[Array, Array]:
        (field, sign), (own, extra, threshold) = part
        rows, columns = (own, offers.columns) if sites == "rows" else (offers.rows, own)
        return scan(field, sign, Offers(rows, columns, extra, threshold))

    field, accepted = lax.map(one, (cut, cut_offers))
    return _join(field, axis), _join(accepted, 1)


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
