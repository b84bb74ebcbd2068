"""The one table of what is measured on a perceptron: functions, dimensions, units, names, symbols, sources."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from jax import Array

from glassnet.perceptron.machine import Machine
from glassnet.perceptron.observe import balance, gauge, layers, matching, overlaps
from glassnet.perceptron.observe.teacher import histogram, squared_overlaps_by_neuron, teacher_overlaps
from glassnet.perceptron.state import Boundary, State
from glassnet.perceptron.sweeps.frozen import NOTHING, Frozen
from glassnet.sampling.system import Observable, Variable

_Y20 = "Yoshino, SciPost Phys. Core 2, 005 (2020)"
_Y23 = "Yoshino, Phys. Rev. Research 5, 033068 (2023)"
_H25 = "Huang et al., arXiv:2506.06789 (2025)"
_M10 = "Murray, Adams and MacKay, AISTATS 9, 541 (2010)"
_OWN = "glassnet"
_L = ("layer",)
_BINS = ("layer", "squared_overlap")
_SPINS = "per neuron and pattern"


def _energy(machine: Machine, state: State, then: State | None, scene: Boundary) -> dict[str, Array]:
    return layers.layer_energy(machine, state, scene)


def _guidance(machine: Machine, state: State, then: State | None, scene: Boundary) -> Array:
    return layers.guidance(machine, state, scene)


def _train_error(machine: Machine, state: State, then: State | None, scene: Boundary) -> Array:
    return layers.output_error(machine, state.weights, scene)


def _test_error(machine: Machine, state: State, then: State | None, scene: Boundary) -> Array:
    assert scene.test is not None  # the scene of observables has it
    return layers.output_error(machine, state.weights, scene.test)


def _of_spins(function: Callable) -> Callable:
    """Observable of the spins now and at the waiting time."""

    def of(machine: Machine, state: State, then: State, scene: Boundary) -> Any:
        now, before = (overlaps.measured_layers(spins, scene) for spins in (state.spins, then.spins))
        return function(now, before)

    return of


def _of_spins_now(function: Callable) -> Callable:
    def of(machine: Machine, state: State, then: State, scene: Boundary) -> Any:
        return function(overlaps.measured_layers(state.spins, scene))

    return of


def _weight_autocorrelation(machine: Machine, state: State, then: State, scene: Boundary) -> Array:
    return overlaps.weight_overlap(state.weights, then.weights)


def _weight_autocorrelation_squared(machine: Machine, state: State, then: State, scene: Boundary) -> Array:
    return gauge.weight_overlap_squared(machine, state, then)


def _with_teacher(machine: Machine, state: State, then: State, scene: Boundary) -> Array:
    assert scene.teacher is not None  # measured only where there is one
    return overlaps.neuron_overlaps(scene.teacher, state.spins)


def _pair_of_spins(function: Callable) -> Callable:
    def of(machine: Machine, state: State, other: State, scenes: tuple[Boundary, Boundary]) -> Array:
        a, b = (overlaps.measured_layers(s.spins, scene) for s, scene in zip((state, other), scenes, strict=True))
        return function(a, b)

    return of


def _pair_of_weights(machine: Machine, state: State, other: State, scenes: tuple[Boundary, Boundary]) -> Array:
    return overlaps.paired_weight_overlap(state.weights, other.weights)


def _pair_of_weights_squared(machine: Machine, state: State, other: State, scenes: tuple[Boundary, Boundary]) -> Array:
    return gauge.weight_overlap_squared(machine, state, other)


def _hidden_spins(machine: Machine, state: State, then: State | None, scene: Boundary) -> Array:
    return state.spins


def _spin_balance(
    machine: Machine, state: State, then: State | None, scene: Boundary, frozen: Frozen = NOTHING
) -> Array:
    return balance.spin_balance(machine, state, scene, frozen)


def _weight_balance(
    machine: Machine, state: State, then: State | None, scene: Boundary, frozen: Frozen = NOTHING
) -> Array:
    return balance.weight_balance(machine, state, scene, frozen)


_BALANCES = (_spin_balance, _weight_balance)
_PATTERNS = _of_spins_now(overlaps.pattern_overlap)

TABLE: dict[str, Observable] = {
    "energy": Observable(_energy, _L, "both", "energy per gap", "energy", "E_l/(N_l M)", _Y20, pick="energy"),
    "violated": Observable(_energy, _L, "both", "fraction of gaps", "violated gaps", "n_l", _Y20, pick="violated"),
    "train_error": Observable(
        _train_error, (), "both", "fraction of output neurons", "training error", "eps_train", _Y23
    ),
    "guidance": Observable(
        _guidance, (), "both", "energy per output",
        "derivative of the energy by the weight of the targets", "dH/dlambda", _OWN,
    ),
    "test_error": Observable(_test_error, (), "both", "fraction of output neurons", "test error", "eps_test", _Y23),
    "spin_autocorrelation": Observable(
        _of_spins(overlaps.spin_overlap), _L, "clone", _SPINS,
        "spin autocorrelation", "c_l(t, t_w)", f"{_H25}, eq. 13", fixed=_L,
    ),
    "spin_autocorrelation_connected": Observable(
        _of_spins(overlaps.connected_spin_overlap), _L, "clone", _SPINS,
        "connected spin autocorrelation", "c_l - m m'", _Y20, fixed=_L
    ),
    "spin_autocorrelation_squared": Observable(
        _of_spins(overlaps.spin_overlap_squared), _L, "clone", "per neuron",
        "squared spin autocorrelation", "c2_l(t, t_w)", _OWN, fixed=_L
    ),
    "weight_autocorrelation": Observable(
        _weight_autocorrelation, _L, "clone", "per weight", "weight autocorrelation", "C_l(t, t_w)", _H25
    ),
    "weight_autocorrelation_squared": Observable(
        _weight_autocorrelation_squared, _L, "clone", "per row or column",
        "squared weight autocorrelation", "C2_l(t, t_w)", _OWN
    ),
    "magnetisation_squared": Observable(
        _of_spins_now(overlaps.magnetisation_squared), _L, "clone", "per neuron",
        "squared magnetisation over patterns", "m2_l", _Y20, fixed=_L
    ),
    "pattern_overlap": Observable(
        _PATTERNS, _L, "clone", "per neuron", "mean overlap of two patterns", "q_l^{mu nu}", _Y23, pick=0, fixed=_L
    ),
    "pattern_overlap_spread": Observable(
        _PATTERNS, _L, "clone", "per neuron",
        "standard deviation of the overlap of two patterns", "dq_l^{mu nu}", _Y23, pick=1, fixed=_L
    ),
    "teacher_overlap": Observable(
        _with_teacher, _L, "clone", "per pattern",
        "teacher-student overlap, nodes matched and signs fixed", "R_l", _Y23, pick=0, fixed=_L
    ),
    "teacher_overlap_squared": Observable(
        _with_teacher, _L, "clone", "per pattern",
        "squared teacher-student overlap above its floor", "R_l^2", _Y23, pick=1, fixed=_L
    ),
    "teacher_overlap_histogram": Observable(
        _with_teacher, _BINS, "clone", "fraction of neurons",
        "neurons by their squared teacher-student overlap", "P_l(R_i^2)", _OWN, pick=2, fixed=_L
    ),
    "spin_overlap": Observable(
        _pair_of_spins(overlaps.paired_spin_overlap), _L, "pair", _SPINS,
        "replica overlap of spins", "q_l^{ab}", _Y20, fixed=_L,
    ),
    "spin_overlap_connected": Observable(
        _pair_of_spins(overlaps.paired_connected_spin_overlap), _L, "pair", _SPINS,
        "connected replica overlap of spins", "q_l^{ab} - m m'", _Y20, fixed=_L
    ),
    "spin_overlap_squared": Observable(
        _pair_of_spins(overlaps.paired_spin_overlap_squared), _L, "pair", "per neuron",
        "squared overlap of neurons", "q2_l^{ab}", _OWN, fixed=_L
    ),
    "weight_overlap": Observable(
        _pair_of_weights, _L, "pair", "per weight", "replica overlap of weights", "Q_l^{ab}", _Y20
    ),
    "weight_overlap_squared": Observable(
        _pair_of_weights_squared, _L, "pair", "per row or column",
        "squared overlap of weights", "Q2_l^{ab}", _OWN
    ),
}  # fmt: skip
"""Observables by name; their functions take the machine first, `bound` gives it to them."""

OPTIONAL: dict[str, Observable] = {
    "spin_autocorrelation_histogram": Observable(
        _of_spins(overlaps.squared_overlap_histogram), _BINS, "clone", "fraction of neurons",
        "neurons by their squared spin autocorrelation", "P_l(c_i^2)", _OWN, fixed=_L
    ),
    "teacher_overlap_by_neuron": Observable(
        _with_teacher, ("layer", "neuron"), "clone", "per pattern",
        "squared teacher-student overlap of each neuron of the teacher", "R_i^2", _OWN, pick=3, fixed=_L
    ),
    "spin_overlap_squared_matched": Observable(
        _hidden_spins, _L, "final", "per neuron",
        "squared overlap of matched neurons", "q2_l^{ab}", _OWN, finish=matching.matched_overlaps_squared, fixed=_L
    ),
    "spin_balance": Observable(
        _spin_balance, _L, "clone", _SPINS,
        "score of spins turned over, 0 in equilibrium", "<D/(1 + e^D)>_S", _OWN, fixed=_L
    ),
    "weight_balance": Observable(
        _weight_balance, _L, "clone", "per weight",
        "score of signs of weights, 0 in equilibrium", "<D/(1 + e^D)>_J", _OWN
    ),
}  # fmt: skip
"""Observables that are measured where a run names them."""

COORDINATES = {"squared_overlap": overlaps.SQUARED_OVERLAPS}
"""Coordinates of the dims that only these tables have."""

ACCEPTANCE: dict[str, Variable] = {
    "accepted_weights": Variable(_L, "fraction of proposals", "acceptance of weight moves", "a_J", _Y20),
    "accepted_spins": Variable(_L, "fraction of proposals", "acceptance of spin flips", "a_S", _Y20, _L),
    "accepted_rows": Variable(_L, "fraction of rows", "rows that moved by slice moves", "a_r", _M10),
    "accepted_collapsed": Variable(
        _L, "fraction of proposals", "acceptance of weight moves with spins summed out", "a_c", "glassnet", _L
    ),
}
"""Accepted fractions, by the names of the counts of accepted moves."""


@dataclass(frozen=True)
class Taught:
    """What the comparison with a teacher needs: the number of patterns, and whether neurons must be matched first."""

    patterns: int
    match: bool

    def finish(self, halves: np.ndarray) -> Sequence[np.ndarray]:
        """Overlap with the teacher, its square, and the squares by bin and by neuron, (replica, layer 1..L, ...).

        The clamped output agrees by definition.

        Args:
            halves: overlaps of all pairs of neurons, (replica, half, layer, teacher neuron, student neuron).
        """
        pairs = [teacher_overlaps(replica, self.patterns, match=self.match) for replica in halves]
        neurons = np.stack([squared_overlaps_by_neuron(x, self.patterns, match=self.match) for x in halves])
        neurons = np.pad(neurons, ((0, 0), (0, 1), (0, 0)), constant_values=1.0)
        columns = zip(*pairs, strict=True)
        layers = [np.pad(np.stack(x), ((0, 0), (0, 1)), constant_values=1.0) for x in columns]
        return [*layers, histogram(neurons), neurons]


class Tables(NamedTuple):
    """What is measured, and what may be asked for, by name."""

    usual: dict[str, Observable]
    optional: dict[str, Observable]


@lru_cache(maxsize=256)
def bound(
    machine: Machine,
    taught: Taught | None,
    *,
    tested: bool = True,
    guided: bool = False,
    frozen: Frozen | None = NOTHING,
) -> Tables:
    """The tables with the machine given to their functions.

    Without `taught`, the overlaps with a teacher are left out; if not `tested`, for want of test data, the test error.
    What targets do to the energy is measured where the outputs are `guided`.
    Neurons of a diluted machine keep their places on its graph, and are not matched. Balances are those of layers that
    are not `frozen`, of hidden neurons if there are some, of weights if the prior does not feel their signs; there are
    none if `frozen` is None: where neurons follow the weights.
    """
    functions = {o.of: partial(o.of, machine) for o in (TABLE | OPTIONAL).values()}
    functions |= {of: partial(of, machine, frozen=frozen or NOTHING) for of in _BALANCES}
    without = set() if tested else {_test_error}
    without |= set() if guided else {_guidance}
    without |= set() if taught is not None else {_with_teacher}
    without |= {_hidden_spins} if any(stack.diluted for stack in machine.stacks) else set()
    without |= set(_BALANCES) if frozen is None else set()
    without |= set() if machine.depth > 1 else {_spin_balance}
    without |= set() if "gauge" in getattr(machine.prior, "symmetries", ()) else {_weight_balance}

    def given(table: dict[str, Observable]) -> dict[str, Observable]:
        found = {}
        for name, o in table.items():
            if o.of not in without:
                finish = taught.finish if taught is not None and o.of is _with_teacher else o.finish
                found[name] = replace(o, of=functions[o.of], finish=finish)
        return found

    return Tables(given(TABLE), given(OPTIONAL))
