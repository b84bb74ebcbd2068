"""Overlap of weights with the gauge taken out.

A hidden neuron may be turned over for all patterns, together with its own weights and those that it feeds, which gives
J[l, i, j] -> s_i J[l, i, j] s_j: the same state, with the same energy.
"""

from functools import lru_cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from glassnet.core.means import LARGE, by_place, mean_over
from glassnet.perceptron.graph import targets_of, widened
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.state import Boundary, State, feeding_spins, own_spins, sources

LARGE_GRAPH = 2**18
"""Weights of a diluted stack from which on they are read slot by slot: XLA takes minutes to fold larger indices."""


def weight_overlap_squared(machine: Machine, a: State, b: State) -> Array:
    """Mean square of the overlaps of single units of weights, which no change of gauge alters, for layers 1..L.

    A unit is the row of weights that enter a neuron, or the column of weights that leave one. With its n weights u_e
    and v_e in the two configurations, e being the neurons at their other ends,

    Q^2 = (n q^2 - 1)/(n - 1),   q = sum_e s_e u_e v_e / (|u| |v|)

    averaged over the units of a layer. Turning over the neuron that the unit belongs to changes the sign of q alone.
    Turning over another end e changes the sign of u_e, and q stays if that of s_e changes, too:

        s_e = 1 where e is clamped (inputs, outputs),   else s_e = sgn sum_mu S^a_e S^b_e

    over an odd number of patterns (of an even number the last is left out), so that the sum is never zero. Layer 1 is
    measured by its rows, whose other ends are the inputs, layer L by its columns, whose other ends are the outputs;
    neither needs a sign. Layers between take the mean of both.

    Unrelated weights: with signs that do not depend on the unit, E[q^2] = sum_ef s_e s_f E[u'_e u'_f] E[v'_e v'_f] for
    the normalised u', v'. Terms with e != f vanish where weights are as often positive as negative, and E[u'_e^2] =
    1/n where they may be exchanged: E[q^2] = 1/n and E[Q^2] = 0, for Gaussian, spherical and Ising weights alike.
    Equal configurations have q = 1 and Q^2 = 1. All patterns choose the signs: halves would be needed only if
    something were measured on patterns.

    Neurons follow the weights of their own row, so that in a liquid signs and columns are not independent: pairs of
    machines fed forward with the same inputs (N = c = 8 to 32) have Q^2 = .2 to .5/c^2 by columns, and 0 within errors
    by rows, where the mean of s_i u_ij v_ij s_j, with the signs of both sides, is .5/c. In liquids under the same data
    units follow the overlaps that their neurons have by chance: .020 +- .003 in layer L for c = 16, N = 32, alpha = 2,
    beta = 16, and 0 within .003 in the others. Where neurons are hardly ordered their signs are tosses of a coin, and
    Q^2 is a lower estimate.

    Args:
        machine: the machine.
        a: one configuration, of which spins and weights are read.
        b: another one.
    Returns:
        Shape (layer,). A layer whose own units hold a single weight (the columns to a single output) is measured by
        the others; NaN where these do, too.
    """
    patterns = a.spins.shape[-1]
    S, T = (x.spins[..., : patterns - 1 + patterns % 2] for x in (a, b))
    agreeing = by_place(lambda S, T: mean_over(S * T, 1) > 0, S, T) if len(S) else jnp.zeros(S.shape[:2], bool)
    signs = jnp.where(agreeing, 1.0, -1.0)[..., None]
    inputs, outputs = (jnp.ones((machine.widths[side], 1)) for side in (0, -1))
    below, above = (ends(machine, signs, Boundary(inputs, outputs)) for ends in (feeding_spins, own_spins))
    found = []
    for g, weights in enumerate(zip(a.weights, b.weights, strict=True)):
        large = LARGE_GRAPH if machine.stacks[g].diluted else LARGE
        of = _of_stack if weights[0].size < large else _of_large_stack
        found.append(of(machine, g, weights, (below[g][..., 0], above[g][..., 0])))
    return jnp.concatenate(found)


class _Units(NamedTuple):
    """Rows or columns of a stack.

    Attributes:
        share: of each layer's overlap that they make up.
        sizes: weights in each unit, (layer, unit).
        free: whether some of their other ends may turn over.
        ends: other end of each weight, (weight, layer, unit); None where end e belongs to neuron e.
        slots: slot of each weight, (weight, layer, unit), where they are columns of a diluted stack.
    """

    share: np.ndarray
    sizes: np.ndarray
    free: bool
    ends: np.ndarray | None = None
    slots: np.ndarray | None = None


@lru_cache(maxsize=64)
def _units(machine: Machine, g: int) -> tuple[_Units, _Units]:
    """Rows and columns of the stack g."""
    rows, columns = _sized(machine, g)
    stack = machine.stacks[g]
    if not stack.diluted:
        return rows, columns
    found = [targets_of(machine.sources(l), stack.fan_in) for l in stack.layers]
    most = max(t.shape[1] for t, _ in found)
    targets = np.stack([widened(t, most, stack.fan_out) for t, _ in found]).transpose(2, 0, 1)
    slots = np.stack([widened(s, most, 0) for _, s in found]).transpose(2, 0, 1)
    return rows._replace(ends=sources(machine, stack).swapaxes(0, 1)), columns._replace(ends=targets, slots=slots)


@lru_cache(maxsize=64)
def _sized(machine: Machine, g: int) -> tuple[_Units, _Units]:
    """Rows and columns of the stack g, without places of weights."""
    stack = machine.stacks[g]
    layers = np.array(stack.layers)
    rows = np.full((len(layers), stack.fan_out), stack.connectivity)
    columns = np.full((len(layers), stack.fan_in), stack.fan_out)
    if stack.diluted:
        columns = np.stack([np.bincount(machine.sources(l).reshape(-1), minlength=stack.fan_in) for l in layers])
    first, last = layers == 1, (layers == machine.depth) & (machine.depth > 1)
    able = [(sizes > 1).any(1) for sizes in (rows, columns)]
    by_rows, by_columns = able[0] & ~(last & able[1]), able[1] & ~(first & able[0])
    count = np.maximum(by_rows.astype(int) + by_columns, 1)
    shares = [(by / count).astype(np.float32) for by in (by_rows, by_columns)]
    rows, columns = (sizes.astype(np.float32) for sizes in (rows, columns))
    return (
        _Units(shares[0], rows, bool((by_rows & ~first).any())),
        _Units(shares[1], columns, bool((by_columns & (layers < machine.depth)).any())),
    )


def _of_stack(machine: Machine, g: int, weights: tuple[Array, Array], signs: tuple[Array, Array]) -> Array:
    """Squared overlap of each layer of the stack g; weights (layer, slot, neuron), signs below and above it."""
    rows, columns = _units(machine, g)
    total = jnp.zeros(len(machine.stacks[g].layers))
    for units, axes, sign in ((rows, (1, 0, 2), signs[0]), (columns, (2, 0, 1), signs[1])):
        if units.share.any():
            u, v = (J.transpose(axes) if units.slots is None else _gathered(J, units) for J in weights)
            total += jnp.where(units.share > 0, units.share * _mean_square(units, u, v, sign), 0)
    return jnp.where(rows.share + columns.share > 0, total, jnp.nan)


def _of_large_stack(machine: Machine, g: int, weights: tuple[Array, Array], signs: tuple[Array, Array]) -> Array:
    """As `_of_stack`, without a copy of the weights: one slot of all neurons of a layer after another."""
    stack = machine.stacks[g]
    rows, columns = _sized(machine, g)
    graph = jnp.asarray(sources(machine, stack)) if stack.diluted else None  # (layer, slot, neuron)
    below, above = signs

    def of_layer(l: Array) -> tuple[Array, Array]:
        def add(totals: tuple[Array, Array], slot: Array) -> tuple[tuple[Array, Array], None]:
            x, y = (J[l, slot] for J in weights)
            end = slot if graph is None else graph[l, slot]
            squares = x * x, y * y
            row, column = (jnp.stack([sign * x * y, *squares]) for sign in (below[l, end], above[l]))
            column = column.sum(-1) if graph is None else column
            return (totals[0] + row, totals[1].at[:, end].add(column)), None

        nothing = jnp.zeros((3, stack.fan_out)), jnp.zeros((3, stack.fan_in))
        slots = jnp.arange(stack.connectivity, dtype=jnp.int32)
        sums = lax.scan(add, nothing, slots)[0]
        row, column = (uv / jnp.sqrt(uu * vv) for uv, uu, vv in sums)
        return row, column

    overlaps = lax.map(of_layer, jnp.arange(len(stack.layers), dtype=jnp.int32))
    total = jnp.zeros(len(stack.layers))
    for units, q in zip((rows, columns), overlaps, strict=True):
        total += jnp.where(units.share > 0, units.share * _mean_of_units(units, q), 0)
    return jnp.where(rows.share + columns.share > 0, total, jnp.nan)


def _gathered(J: Array, units: _Units) -> Array:
    """Weights of the columns of a diluted stack, (weight, layer, unit), 0 in places that hold none."""
    assert units.ends is not None
    layer = np.arange(len(J))[:, None]
    return J.at[layer, units.slots, units.ends].get(mode="fill", fill_value=0)


def _mean_square(units: _Units, u: Array, v: Array, signs: Array) -> Array:
    """Q^2, mean over the units of each layer that hold several weights; u and v (weight, layer, unit)."""
    if not units.free:
        products = jnp.einsum("eln,eln->ln", u, v, precision=lax.Precision.HIGHEST)
    else:
        products = _signed_sum(units, u, v, signs)
    norms = [jnp.sqrt((x**2).sum(0)) for x in (u, v)]
    return _mean_of_units(units, products / (norms[0] * norms[1]))


def _mean_of_units(units: _Units, q: Array) -> Array:
    """Q^2 from the overlaps q of single units, (layer, unit): mean over those that hold several weights."""
    square = (units.sizes * q**2 - 1) / np.maximum(units.sizes - 1, 1)
    several = units.sizes > 1
    counted = several / np.maximum(several.sum(1, keepdims=True, dtype=np.float32), 1)
    return (square * counted).sum(1)


def _signed_sum(units: _Units, u: Array, v: Array, signs: Array) -> Array:
    """sum_e s_e u_e v_e, (layer, unit): one weight of every unit after the other.

    Mapped over all pairs of configurations, whose signs all differ, it holds one number for each unit and pair, where
    a product of arrays would hold one for each weight and pair.
    """

    def add(total: Array, one: tuple[Array, ...]) -> tuple[Array, None]:
        x, y, end = one
        sign = end[:, None] if units.ends is None else jnp.take_along_axis(signs, end, 1, mode="clip")
        return total + sign * x * y, None

    ends = signs.T if units.ends is None else jnp.asarray(units.ends)
    return lax.scan(add, jnp.zeros(u.shape[1:]), (u, v, ends))[0]
