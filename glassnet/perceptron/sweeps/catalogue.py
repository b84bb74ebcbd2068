"""The dynamics that can be asked for, by name or as values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from glassnet.core.check import fail, one_of
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.sweeps import native
from glassnet.perceptron.sweeps.energy import kernel
from glassnet.perceptron.sweeps.feedforward import feedforward_kernel
from glassnet.perceptron.sweeps.spins import spin_sweep
from glassnet.perceptron.sweeps.weights import weight_sweep
from glassnet.sampling.kernel import Kernel
from glassnet.sampling.paths import import_path, imported
from glassnet.sampling.plan import Plan


@dataclass(frozen=True)
class Dynamics:
    """How a machine moves.

    Args:
        build: `build(machine, plan) -> Kernel`.
        moves: `moves(machine, patterns)`: how many moves one sweep of one replica offers in each layer 1..L, int64, by
            the names of the counts in the kernel's info. Counts without an entry are not kept.
        native: whether native kernels carry it out where they know the machine.
    """

    build: Callable[[Machine, Plan], Kernel]
    moves: Callable[[Machine, int], Mapping[str, np.ndarray]]
    native: bool = False


def weight_moves(machine: Machine) -> np.ndarray:
    """Moves of weights, or of groups of them, that a sweep offers in each layer 1..L."""
    proposal = machine.prior.proposal
    rows = zip(machine.connections, machine.widths[1:], strict=True)
    return np.array([proposal.passes * (c // proposal.rank) * neurons for c, neurons in rows])


def _all_move(machine: Machine, patterns: int) -> dict[str, np.ndarray]:
    """The clamped last layer is offered no flips."""
    spins = [machine.width * patterns] * (machine.depth - 1) + [0]
    return {"accepted_weights": weight_moves(machine), "accepted_spins": np.array(spins)}


def _weights_move(machine: Machine, patterns: int) -> dict[str, np.ndarray]:
    """No flips are offered where neurons follow the weights."""
    return {"accepted_weights": weight_moves(machine), "accepted_spins": np.zeros(machine.depth, np.int64)}


def _nothing_counted(machine: Machine, patterns: int) -> dict[str, np.ndarray]:
    return {}


def _swept(rule: str, machine: Machine, plan: Plan) -> Kernel:
    steps = [weight_sweep(machine, plan, rule)]
    steps += [spin_sweep(machine, plan, rule)] if machine.depth > 1 else []
    found = kernel(machine, *steps)
    return found._replace(energy=native.energy(machine)) if plan.native else found


DYNAMICS: dict[str, Dynamics] = {
    "metropolis": Dynamics(partial(_swept, "metropolis"), _all_move, native=True),
    "heat_bath": Dynamics(partial(_swept, "heat_bath"), _all_move, native=True),
    "feedforward": Dynamics(feedforward_kernel, _weights_move, native=True),
}
"""metropolis: weights and spins; heat_bath: spins and Ising weights, other weights by Metropolis; feedforward: weights
only, the neurons follow."""


def dynamics_of(wish: Any) -> Dynamics:
    """Dynamics by name, as they are, or of a builder `build(machine, plan) -> Kernel`, whose moves are not counted.

    Raises:
        ValueError: for an unknown name, or what is no builder.
    """
    if isinstance(wish, Dynamics):
        return wish
    if callable(wish):
        return Dynamics(wish, _nothing_counted)
    if isinstance(wish, str):
        one_of(tuple(DYNAMICS), dynamics=wish)
        return DYNAMICS[wish]
    raise fail("dynamics", f"be one of {', '.join(map(repr, DYNAMICS))} or a builder of a kernel", wish)


def dynamics_name(wish: Any) -> str:
    """The name of dynamics, or where the value or builder is imported from."""
    if isinstance(wish, str):
        return wish
    return import_path(wish.build if isinstance(wish, Dynamics) else wish)


def dynamics_about(wish: Any) -> Any:
    """Dynamics as JSON values: a name, where a builder is imported from, or the fields of a `Dynamics`."""
    if isinstance(wish, Dynamics):
        return {"build": import_path(wish.build), "moves": import_path(wish.moves), "native": wish.native}
    return dynamics_name(wish)


def dynamics_from(about: Any) -> Any:
    """The inverse of `dynamics_about`.

    Raises:
        ValueError: if something cannot be imported.
    """
    if isinstance(about, str):
        return imported(about) if ":" in about else about
    return Dynamics(imported(about["build"]), imported(about["moves"]), about["native"])


def build(dynamics: Any, machine: Machine, plan: Plan) -> Kernel:
    """Kernel of dynamics.

    Raises:
        ValueError: as `dynamics_of`.
    """
    return dynamics_of(dynamics).build(machine, plan)
