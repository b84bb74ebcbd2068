"""Energy and forces of a thermal machine: of one replica in JAX, and plain in NumPy for explicit arrays.

Configurations are laid out as those of the perceptron (`glassnet.perceptron.state`), with real numbers for signs.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import ArrayLike

from glassnet.core.check import fail
from glassnet.perceptron.state import Boundary, State, feeding_spins, own_spins
from glassnet.thermal.machine import ThermalMachine


def layer_energies(machine: ThermalMachine, state: State, boundary: Boundary) -> Array:
    """E_l = sqrt(sum_{mu i} (S_l - tanh(J_l S_{l-1}))^2) of layers 1..L, shape (layer,)   [Huang et al. 2025].

    Args:
        machine: the machine.
        state: hidden neurons and weights.
        boundary: clamped neurons.
    """
    return jnp.concatenate([jnp.sqrt(_squares(r)) for r, _ in _residuals(machine, state, boundary)])


def forces(machine: ThermalMachine, state: State, boundary: Boundary) -> tuple[Array, State]:
    """Energy H = sum_l E_l, and minus its gradient.

    With r_l = S_l - tanh(J_l S_{l-1}), g_l = r_l / E_l and d_l = g_l (1 - tanh^2), which are 0 where E_l is 0 (a cusp):

        -dH/dJ_l = d_l S_{l-1}^T,   -dH/dS_l = J_{l+1}^T d_{l+1} - g_l

    Returns:
        The energy, scalar, and the forces on hidden neurons and weights, laid out like `state`.
    """
    feeding = feeding_spins(machine.network, state.spins, boundary)
    total, on_weights, pulls, pushes = jnp.float32(0), [], [], []
    for J, below, (r, t) in zip(state.weights, feeding, _residuals(machine, state, boundary), strict=True):
        squares = _squares(r)
        moving = squares > 0
        inverse = jnp.where(moving, lax.rsqrt(jnp.where(moving, squares, 1)), 0)
        g = r * inverse[:, None, None]
        d = g * (1 - t * t)
        total += (squares * inverse).sum()
        on_weights.append(_product("ljm,lim->lji", below, d))
        pushes.append(g)
        first = 0 if pulls else 1  # layer 1 pulls at the inputs, which are clamped
        pulls.append(_product("lji,lim->ljm", J[first:], d[first:]))
    pushes[-1] = pushes[-1][:-1]
    above, own = ([x for x in parts if x.shape[0]] for parts in (pulls, pushes))
    on_hidden = jnp.concatenate(above) - jnp.concatenate(own) if own else jnp.zeros_like(state.spins)
    return total, State(on_hidden, tuple(on_weights), ())


def _residuals(machine: ThermalMachine, state: State, boundary: Boundary) -> list[tuple[Array, Array]]:
    """S_l - tanh(z_l) and tanh(z_l) of the layers of each stack, (layer, neuron, pattern) each."""
    feeding = feeding_spins(machine.network, state.spins, boundary)
    own = own_spins(machine.network, state.spins, boundary)
    found = []
    for J, below, S in zip(state.weights, feeding, own, strict=True):
        t = jnp.tanh(_product("lji,ljm->lim", J, below))
        found.append((S - t, t))
    return found


def _product(indices: str, a: Array, b: Array) -> Array:
    return jnp.einsum(indices, a, b, precision=lax.Precision.HIGHEST)


def _squares(x: Array) -> Array:
    """Sum of squares over neurons and patterns, (layer,): a product, which XLA vectorises on a CPU."""
    flat = x.reshape(x.shape[0], -1)
    return jnp.einsum("lk,lk->l", flat, flat, precision=lax.Precision.HIGHEST)


def energy(machine: ThermalMachine, weights: Sequence[ArrayLike], neurons: Sequence[ArrayLike]) -> np.ndarray:
    """Energy E_l of each layer, in NumPy and in the caller's precision.

    Args:
        machine: the machine.
        weights: one array for each layer 1..L, shape (out, in), values in [-1, 1].
        neurons: one array for each layer 0..L, shape (pattern, neuron), values in [-1, 1].
    Returns:
        Shape (depth,), in the floating point type of the weights.
    Raises:
        ValueError: if shapes do not fit the machine, or values lie outside [-1, 1] or are not finite.
    """
    matrices, layers = checked_weights(machine, weights), checked_neurons(machine, neurons)
    pairs = zip(matrices, layers[:-1], layers[1:], strict=True)
    return np.array([np.sqrt(((S - np.tanh(below.astype(J.dtype) @ J.T)) ** 2).sum()) for J, below, S in pairs])


def checked_weights(machine: ThermalMachine, weights: Sequence[ArrayLike]) -> list[np.ndarray]:
    """`weights` as arrays (float32 unless float64 is given), or a ValueError."""
    shapes = [(n, c) for n, c in zip(machine.widths[1:], machine.widths[:-1], strict=True)]
    return _checked("weights", weights, shapes)


def checked_neurons(machine: ThermalMachine, neurons: Sequence[ArrayLike]) -> list[np.ndarray]:
    """`neurons` as arrays (float32 unless float64 is given) of one number of patterns, or a ValueError."""
    layers = _checked("neurons", neurons, [(None, n) for n in machine.widths])
    if len({len(S) for S in layers}) > 1 or not len(layers[0]):
        raise fail("neurons", "have one number of patterns, at least 1", sorted({len(S) for S in layers}))
    return layers


def _checked(name: str, arrays: Sequence[ArrayLike], shapes: Sequence[tuple[int | None, int]]) -> list[np.ndarray]:
    if len(arrays) != len(shapes):
        raise fail(name, f"hold {len(shapes)} arrays, one for each layer", len(arrays))
    found = []
    for n, (array, shape) in enumerate(zip(arrays, shapes, strict=True)):
        x = np.asarray(array)
        x = x if x.dtype == np.float64 else x.astype(np.float32)
        if x.ndim != 2 or any(size not in (None, real) for size, real in zip(shape, x.shape, strict=True)):
            words = f"({', '.join('pattern' if size is None else str(size) for size in shape)})"
            raise fail(f"{name}[{n}]", f"have shape {words}", x.shape)
        bad = ~(np.abs(x) <= 1)
        if bad.any():
            raise fail(f"{name}[{n}]", "lie in [-1, 1]", float(x[bad][0]))
        found.append(x)
    return found
