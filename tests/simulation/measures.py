"""Observables and dynamics as a user writes them, importable, in functions of a few lines."""

import jax.numpy as jnp
import numpy as np

import glassnet as gn
from glassnet.perceptron.sweeps.energy import kernel
from glassnet.perceptron.sweeps.weights import weight_sweep


def edge(state, then, scene):
    """Largest weight of each layer."""
    return jnp.concatenate([jnp.abs(J).max((1, 2)) for J in state.weights])


def first(state, then, scene):
    """The first weight of the machine, scalar."""
    return state.weights[0][0, 0, 0]


def moved(state, then, scene):
    """How far the weights of each layer have gone since the waiting time."""
    return jnp.concatenate([((J - K) ** 2).sum((1, 2)) for J, K in zip(state.weights, then.weights, strict=True)])


def up(state, then, scene):
    """Hidden neurons that are +1, an integer."""
    return (state.spins > 0).sum()


def touching(state, other, scenes):
    """Product of the first weights of two configurations."""
    return state.weights[0][0, 0, 0] * other.weights[0][0, 0, 0]


def several(state, then, scene):
    """Two scalars and, sorted on the host, the first layer's weights of one neuron."""
    return {"sum": state.weights[0].sum(), "row": state.weights[0][0, :, 0]}


def ordered(values):
    """`several` with the row sorted."""
    return {**values, "row": np.sort(values["row"], axis=-1)}


def weights_alone(machine, plan):
    """A kernel that leaves the neurons as they are."""
    return kernel(machine, weight_sweep(machine, plan, "metropolis"))


def counted(machine, patterns):
    """Moves that `weights_alone` offers."""
    return {"accepted_weights": np.array([c * n for c, n in zip(machine.connections, machine.widths[1:], strict=True)])}


OBSERVABLES = {
    "edge": gn.Observable(edge, ("layer",), "clone", "1", "largest weight", "J_max", "test"),
    "first": gn.Observable(first, (), "both", "1", "first weight", "J_0", "test"),
    "edge_of_hosts": gn.Observable(edge, ("layer",), "host"),
    "moved": gn.Observable(moved, ("layer",), "clone"),
    "up": gn.Observable(up),
    "touching": gn.Observable(touching, (), "pair", "1", "product", "p", "test"),
    "total": gn.Observable(several, (), "clone", pick="sum", finish=ordered),
    "row": gn.Observable(several, ("slot",), "clone", pick="row", finish=ordered),
}
