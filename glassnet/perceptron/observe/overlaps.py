"""Overlaps of spins and weights, between two times of one replica or between two replicas.

Spins come as (layer, neuron, pattern), the layers being 1..L: hidden ones and the clamped output, whose overlap
with itself is 1. Output and hidden layers may differ in width, hence `Layers`, a tuple of stacks.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from glassnet.core.means import LARGE, by_place, mean_over
from glassnet.perceptron.state import Boundary

Layers = tuple[Array, ...]
"""Arrays (layer, neuron, pattern) of equal width each, layers ascending."""


def measured_layers(spins: Array, boundary: Boundary) -> Layers:
    """Spins of layers 1..L: hidden spins (if any) and the outputs."""
    outputs = boundary.outputs[None]
    return (spins, outputs) if spins.shape[0] else (outputs,)


def spin_overlap(a: Layers, b: Layers) -> Array:
    """q_l = 1/(N_l M) sum_{mu i} S^a S^b for layers 1..L, shape (layer,)  [Yoshino 2020; Huang et al. 2025, eq. 13]."""
    return _by_layer(_mean_product, a, b)


def spin_overlap_squared(a: Layers, b: Layers) -> Array:
    """Mean square of the overlaps of single neurons, which no change of gauge alters, for layers 1..L.

    1/N_l sum_i (M r_i^2 - 1)/(M - 1),   r_i = 1/M sum_mu S^a_i S^b_i

    Where the signs S^a_i S^b_i of different patterns are independent with mean rho_i, E[r_i^2] = rho_i^2 + (1 -
    rho_i^2)/M, so that each term is rho_i^2 on average: 0 for unrelated configurations, 1 for equal ones. Turning
    S_i over for all patterns of one configuration turns r_i over and leaves its square; `spin_overlap` decays
    then, though nothing melts.

    Returns:
        Shape (layer,); NaN for a single pattern.
    """
    return _by_layer(lambda S, T: mean_over(unbiased_square(mean_over(S * T, 1), S.shape[-1]), 1), a, b)


def unbiased_square(x: Array, size: int) -> Array:
    """(n x^2 - 1)/(n - 1): estimates the square of the mean of n independent signs from their average x; NaN for 1."""
    return (size * x**2 - 1) / (size - 1) if size > 1 else jnp.full_like(x, jnp.nan)


SQUARED_OVERLAPS = (np.arange(20) + 0.5) / 20
"""Middles of the bins of histograms of squared overlaps of single neurons; the lowest holds what is negative, too."""


def squared_overlap_histogram(a: Layers, b: Layers) -> Array:
    """Fractions of the neurons of layers 1..L by the terms of `spin_overlap_squared`, shape (layer, bin).

    NaN for a single pattern.
    """

    bins = jnp.arange(len(SQUARED_OVERLAPS), dtype=jnp.int32)

    def fractions(S: Array, T: Array) -> Array:
        x = unbiased_square(mean_over(S * T, 1), S.shape[-1])
        place = jnp.clip(jnp.floor(x * len(bins)), 0, len(bins) - 1).astype(jnp.int32)
        return (
            mean_over(place[:, None] == bins[None, :, None], 1)
            if S.shape[-1] > 1
            else jnp.full((len(S), len(bins)), jnp.nan)
        )

    return _by_layer(fractions, a, b)


def connected_spin_overlap(a: Layers, b: Layers) -> Array:
    """q_l - 1/N_l sum_i m_i^a m_i^b with m_i = 1/M sum_mu S_i^mu, shape (layer,)."""
    return _by_layer(lambda S, T: _mean_product(S, T) - (_magnetisation(S) * _magnetisation(T)).mean(-1), a, b)


def magnetisation_squared(a: Layers) -> Array:
    """m2_l = 1/N_l sum_i (1/M sum_mu S_i^mu)^2, shape (layer,)."""
    return _by_layer(lambda S: (_magnetisation(S) ** 2).mean(-1), a)


def pattern_overlap(a: Layers) -> tuple[Array, Array]:
    """Mean and standard deviation over pairs mu < nu of 1/N_l sum_i S_i^mu S_i^nu, each of shape (layer,).

    NaN for a single pattern. The pairs are summed through the N x N matrix of neuron correlations, so the cost
    is N^2 M and not N M^2; where that matrix is large, and there are fewer patterns, through theirs.
    """
    moments = _by_layer(lambda S: jnp.stack(_pattern_moments(S), -1), a)
    return moments[:, 0], moments[:, 1]


def weight_overlap(a: tuple[Array, ...], b: tuple[Array, ...]) -> Array:
    """Q_l = 1/(N_l c) sum_{ij} J^a J^b for layers 1..L, shape (layer,)   [Yoshino 2020]."""
    return jnp.concatenate(
        [mean_over(J * K, 2) if J.size < LARGE else _mean_row_by_row(J, K) for J, K in zip(a, b, strict=True)]
    )


def neuron_overlaps(teacher: Array, student: Array) -> Array:
    """R_ij = 1/M sum_mu S^T_i S^S_j of all pairs of neurons, from the even and from the odd patterns.

    Args:
        teacher: spins (layer, neuron, pattern).
        student: the same.
    Returns:
        Shape (2, layer, teacher neuron, student neuron): the two halves of the patterns.
    """
    halves = [_correlation(teacher[..., k::2], student[..., k::2]) for k in range(2)]
    return jnp.stack(halves)


def _correlation(S: Array, T: Array) -> Array:
    S, T = S.astype(jnp.float32), T.astype(jnp.float32)
    return jnp.einsum("lim,ljm->lij", S, T, precision=lax.Precision.HIGHEST) / S.shape[-1]


def _by_layer(function: Callable[..., Array], *stacks: tuple[Array, ...]) -> Array:
    return jnp.concatenate([by_place(function, *parts) for parts in zip(*stacks, strict=True)])


def _mean_product(S: Array, T: Array) -> Array:
    return mean_over(S * T, 2)


def _magnetisation(S: Array) -> Array:
    return mean_over(S, 1)


def _pattern_moments(S: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of the overlap of two patterns, by layer."""
    neurons, patterns = S.shape[1:]
    pairs = patterns * (patterns - 1)
    T = S if neurons**2 < LARGE or neurons <= patterns else S.swapaxes(1, 2)
    gram = _correlation(T, T) * T.shape[-1]
    total = ((patterns * _magnetisation(S)) ** 2).sum(-1) / neurons - patterns
    squares = (gram**2).sum((1, 2)) / neurons**2 - patterns
    if pairs == 0:
        nothing = jnp.full(S.shape[0], jnp.nan)
        return nothing, nothing
    mean = total / pairs
    return mean, jnp.sqrt(jnp.maximum(squares / pairs - mean**2, 0))


def paired_spin_overlap(a: Layers, b: Layers) -> Array:
    """`spin_overlap` of two configurations, written so that mapped over many of both it is a product of matrices."""
    return _by_layer(_paired_mean, a, b)


def paired_spin_overlap_squared(a: Layers, b: Layers) -> Array:
    """`spin_overlap_squared` of two configurations, as `paired_spin_overlap`."""

    def squared(S: Array, T: Array) -> Array:
        S, T = S.astype(jnp.float32), T.astype(jnp.float32)
        r = jnp.einsum("lim,lim->li", S, T, precision=lax.Precision.HIGHEST) / S.shape[-1]
        return mean_over(unbiased_square(r, S.shape[-1]), 1)

    return _by_layer(squared, a, b)


def paired_connected_spin_overlap(a: Layers, b: Layers) -> Array:
    """`connected_spin_overlap` of two configurations, as `paired_spin_overlap`."""

    def magnetisations(S: Array, T: Array) -> Array:
        return _paired_mean(_magnetisation(S)[..., None], _magnetisation(T)[..., None])

    return paired_spin_overlap(a, b) - _by_layer(magnetisations, a, b)


def paired_weight_overlap(a: tuple[Array, ...], b: tuple[Array, ...]) -> Array:
    """`weight_overlap` of two configurations, as `paired_spin_overlap`."""
    return jnp.concatenate(
        [_paired_mean(J, K) if J.size < LARGE else _mean_row_by_row(J, K) for J, K in zip(a, b, strict=True)]
    )


def _mean_row_by_row(J: Array, K: Array) -> Array:
    """Mean product over the last two axes without an array of products, (layer, i, j) each -> (layer,)."""
    rows = jnp.einsum("lij,lij->li", J, K, precision=lax.Precision.HIGHEST)
    return mean_over(rows, 1) / J.shape[-1]


def _paired_mean(x: Array, y: Array) -> Array:
    """Mean product over the last two axes, (layer, i, j) each -> (layer,)."""
    x, y = (z.reshape(z.shape[0], -1).astype(jnp.float32) for z in (x, y))
    return jnp.einsum("lk,lk->l", x, y, precision=lax.Precision.HIGHEST) / x.shape[-1]
