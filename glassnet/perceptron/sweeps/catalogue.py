"""The dynamics that can be asked for, by name or as values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from glassnet.core.check import fail
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.sweeps import native
from glassnet.perceptron.sweeps.collapsed import check_collapsed, collapsed_sweep
from glassnet.perceptron.sweeps.energy import kernel
from glassnet.perceptron.sweeps.feedforward import feedforward_kernel
from glassnet.perceptron.sweeps.frozen import NOTHING, Frozen
from glassnet.perceptron.sweeps.rows import check_rows, row_slices
from glassnet.perceptron.sweeps.spins import spin_sweep
from glassnet.perceptron.sweeps.symmetries import check_symmetry, gauge_flips, permutations
from glassnet.perceptron.sweeps.weights import weight_sweep
from glassnet.sampling.kernel import Kernel, Step
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
        fused: whether fused kernels of GPU and TPU do; as `native` if None.
    """

    build: Callable[[Machine, Plan], Kernel]
    moves: Callable[[Machine, int], Mapping[str, np.ndarray]]
    native: bool = False
    fused: bool | None = None

    def __post_init__(self) -> None:
        if self.fused is None:
            object.__setattr__(self, "fused", self.native)


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


class Further(NamedTuple):
    """Moves that a sweep makes after those of weights and spins.

    Attributes:
        step: `step(machine, plan) -> Step`.
        check: raises ValueError unless a machine takes them.
        moves: as those of `Dynamics`.
    """

    step: Callable[[Machine, Plan], Step]
    check: Callable[[Machine], None]
    moves: Callable[[Machine, int], Mapping[str, np.ndarray]] = _nothing_counted


def _rows_move(machine: Machine, patterns: int) -> dict[str, np.ndarray]:
    return {"accepted_rows": np.array(machine.widths[1:])}


def _collapsed_move(machine: Machine, patterns: int) -> dict[str, np.ndarray]:
    """The neurons of the last layer, which are clamped, have no spins to sum out."""
    return {"accepted_collapsed": np.append(weight_moves(machine)[:-1], 0)}


FURTHER: dict[str, Further] = {
    "gauge": Further(lambda machine, plan: gauge_flips(machine), partial(check_symmetry, name="gauge")),
    "permute": Further(lambda machine, plan: permutations(machine), partial(check_symmetry, name="permute")),
    "rows": Further(lambda machine, plan: row_slices(machine), check_rows, _rows_move),
    "collapsed": Further(collapsed_sweep, check_collapsed, _collapsed_move),
}
"""gauge: signs of hidden neurons with their weights; permute: their order; rows: slice moves of whole rows at fixed
spins; collapsed: weights with the spins of their neuron summed out, then these spins."""


def _swept(rule: str, machine: Machine, plan: Plan, further: tuple[str, ...] = (), frozen: Frozen = NOTHING) -> Kernel:
    steps = [weight_sweep(machine, plan, rule, frozen)]
    steps += [spin_sweep(machine, plan, rule, frozen)] if machine.depth > 1 else []
    steps += [FURTHER[name].step(machine, plan) for name in further]
    found = kernel(machine, *steps, frozen=frozen)
    return found._replace(energy=native.energy(machine)) if plan.native else found


DYNAMICS: dict[str, Dynamics] = {
    "metropolis": Dynamics(partial(_swept, "metropolis"), _all_move, native=True),
    "heat_bath": Dynamics(partial(_swept, "heat_bath"), _all_move, native=True),
    "feedforward": Dynamics(feedforward_kernel, _weights_move, native=True, fused=False),
}
"""metropolis: weights and spins; heat_bath: spins and Ising weights, other weights by Metropolis; feedforward: weights
only, the neurons follow."""

EXTENDED = ("metropolis", "heat_bath")
"""Dynamics to whose sweeps further moves can be added, by their names after a plus sign: heat_bath+gauge+rows."""


def _named(name: str) -> Dynamics:
    if name in DYNAMICS:
        return DYNAMICS[name]
    base, *further = name.split("+")
    if base not in EXTENDED or len(set(further)) < len(further) or not set(further) <= set(FURTHER):
        more = ", ".join(f"+{word}" for word in FURTHER)
        requirement = f"be one of {', '.join(map(repr, DYNAMICS))}, the first two also with any of {more}, each once"
        raise fail("dynamics", requirement, name)

    def moves(machine: Machine, patterns: int) -> dict[str, np.ndarray]:
        counts = dict(DYNAMICS[base].moves(machine, patterns))
        for word in further:
            counts |= FURTHER[word].moves(machine, patterns)
        return counts

    return Dynamics(partial(_swept, base, further=tuple(further)), moves, DYNAMICS[base].native)


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
        return _named(wish)
    raise fail("dynamics", f"be one of {', '.join(map(repr, DYNAMICS))} or a builder of a kernel", wish)


def check_dynamics(wish: Any, machine: Machine) -> None:
    """Check that there are such dynamics, and that the machine takes all moves of named ones.

    Raises:
        ValueError: as `dynamics_of`, and for moves that the machine has no place for.
    """
    dynamics_of(wish)
    for word in wish.split("+")[1:] if isinstance(wish, str) else ():
        FURTHER[word].check(machine)


def dynamics_name(wish: Any) -> str:
    """The name of dynamics, or where the value or builder is imported from."""
    if isinstance(wish, str):
        return wish
    return import_path(wish.build if isinstance(wish, Dynamics) else wish)


def dynamics_about(wish: Any) -> Any:
    """Dynamics as JSON values: a name, where a builder is imported from, or the fields of a `Dynamics`."""
    if isinstance(wish, Dynamics):
        about = {"build": import_path(wish.build), "moves": import_path(wish.moves), "native": wish.native}
        return about if wish.fused == wish.native else about | {"fused": wish.fused}
    return dynamics_name(wish)


def dynamics_from(about: Any) -> Any:
    """The inverse of `dynamics_about`.

    Raises:
        ValueError: if something cannot be imported.
    """
    if isinstance(about, str):
        return imported(about) if ":" in about else about
    return Dynamics(imported(about["build"]), imported(about["moves"]), about["native"], about.get("fused"))


def build(dynamics: Any, machine: Machine, plan: Plan, frozen: Frozen = NOTHING) -> Kernel:
    """Kernel of dynamics.

    Raises:
        ValueError: as `dynamics_of`.
    """
    found: Callable = dynamics_of(dynamics).build
    return found(machine, plan, frozen=frozen) if frozen else found(machine, plan)


def check_frozen(frozen: Any, dynamics: Any, machine: Machine) -> None:
    """Check that dynamics can hold layers of a machine fixed, and that something is left to move.

    Raises:
        ValueError: if not.
    """
    if not isinstance(frozen, Frozen):
        raise fail("frozen", "be a gn.Frozen", frozen)
    if frozen and dynamics not in DYNAMICS:
        known = ", ".join(map(repr, DYNAMICS))
        raise fail("dynamics", f"be one of {known}, without further moves, where layers are frozen", dynamics)
    frozen.check(machine, follow=dynamics == "feedforward")


def check_targets(dynamics: Any, machine: Machine) -> None:
    """Check that dynamics know what targets cost.

    Raises:
        ValueError: for moves that do not, or a hard core.
    """
    if not isinstance(dynamics, str) or {"rows", "collapsed"} & set(dynamics.split("+")):
        requirement = "be a named one without 'rows' and 'collapsed', which know labels alone, where tasks have a guide"
        raise fail("dynamics", requirement, dynamics)
    if machine.hard:
        raise fail("potential", "be soft where tasks have a guide: a hard core has no energy to mix", machine.potential)
