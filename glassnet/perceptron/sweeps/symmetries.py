"""Moves that cost nothing: symmetries of the energy and of the prior, drawn anew in every sweep.

For each hidden neuron i of layer l the change of sign of S[l, :, i], J[l, i, :] and J[l+1, :, i] leaves every gap as it
is, and so does any order of the neurons of a fully connected hidden layer. The copies of a configuration that differ by
them are equally likely: a raw overlap of a solid decays only as fast as its neurons turn over one by one, and to zero
at once where these moves are made.
"""

import jax.numpy as jnp
from jax import Array

from glassnet.core import keys
from glassnet.core.check import fail
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.state import Boundary, State, feeding_spins, own_spins, sources
from glassnet.sampling.kernel import Info, Params, Step


def gauge_flips(machine: Machine) -> Step:
    """Every hidden neuron changes its sign together with all its weights, or does not, by a fair coin.

    S_{l,mu,i} -> s_i S_{l,mu,i},  J_{l,ij} -> s_i J_{l,ij} s_j,  s = +1 or -1 in hidden layers and +1 at both ends.
    All gaps keep their values, bit for bit.

    Raises:
        ValueError: for a machine without hidden neurons, or an ensemble whose weights may not change their signs.
    """
    check_symmetry(machine, "gauge")

    def step(key: Array, state: State, params: Params) -> tuple[State, Info]:
        signs = keys.signs(key, state.spins.shape[:2])[..., None]  # as spins of a single pattern
        first, last = (jnp.ones((machine.widths[end], 1), signs.dtype) for end in (0, -1))
        ends = Boundary(first, last)
        below, own = feeding_spins(machine, signs, ends), own_spins(machine, signs, ends)
        weights, fields = [], []
        for g, stack in enumerate(machine.stacks):
            fed = below[g]  # (layer, source, 1)
            if stack.diluted:
                fed = jnp.take_along_axis(below[g], jnp.asarray(sources(machine, stack)), 1)
            weights.append(state.weights[g] * fed * jnp.swapaxes(own[g], 1, 2))
            fields.append(state.fields[g] * own[g])
        return State(state.spins * signs.astype(state.spins.dtype), tuple(weights), tuple(fields)), {}

    return step


def permutations(machine: Machine) -> Step:
    """The neurons of each hidden layer change places, in an order drawn at random.

    S_{l,mu,i} -> S_{l,mu,o_l(i)},  J_{l,ij} -> J_{l,o_l(i) o_{l-1}(j)}; both ends keep their places.

    Raises:
        ValueError: for a machine without hidden neurons, on a graph, which fixes the places, or of an ensemble whose
            weights may not change theirs.
    """
    check_symmetry(machine, "permute")

    def step(key: Array, state: State, params: Params) -> tuple[State, Info]:
        order = jnp.argsort(keys.bits(key, state.spins.shape[:2]), axis=1)[..., None].astype(jnp.int32)
        first, last = (jnp.arange(machine.widths[end], dtype=jnp.int32)[:, None] for end in (0, -1))
        ends = Boundary(first, last)
        below, own = feeding_spins(machine, order, ends), own_spins(machine, order, ends)
        weights, fields = [], []
        for g in range(len(machine.stacks)):
            rows = jnp.take_along_axis(state.weights[g], jnp.swapaxes(own[g], 1, 2), 2)
            weights.append(jnp.take_along_axis(rows, below[g], 1))
            fields.append(jnp.take_along_axis(state.fields[g], own[g], 1))
        return State(jnp.take_along_axis(state.spins, order, 1), tuple(weights), tuple(fields)), {}

    return step


def check_symmetry(machine: Machine, name: str) -> None:
    """Raise ValueError unless "gauge" or "permute" is a symmetry of the machine."""
    if machine.depth == 1:
        raise fail("dynamics", f"leave out {name!r} where there are no hidden neurons", machine)
    if name == "permute" and any(stack.diluted for stack in machine.stacks):
        raise fail("dynamics", "leave out 'permute' on a graph, which fixes the places of the neurons", machine)
    if name not in getattr(machine.prior, "symmetries", ()):
        requirement = f"leave out {name!r} for an ensemble without {name!r} among its `symmetries`"
        raise fail("dynamics", requirement, machine.ensemble)
