"""The one table of result variables: dimensions, units, name in words, symbol, source."""

from typing import NamedTuple


class Variable(NamedTuple):
    """A variable of the results. A dim `temperature` follows `sample`, or leads, if beta is a list."""

    dims: tuple[str, ...]
    units: str
    long_name: str
    symbol: str
    source: str


_HOST = ("sample", "time")
_CLONE = ("sample", "clone", "waiting_time", "lag")
_PAIR = ("sample", "clone", "clone_b", "waiting_time", "lag", "layer")
_FINAL = ("waiting_time", "configuration", "configuration_b", "layer")
_L = ("layer",)

_Y20 = "Yoshino, SciPost Phys. Core 2, 005 (2020)"
_Y23 = "Yoshino, Phys. Rev. Research 5, 033068 (2023)"
_H25 = "Huang et al., arXiv:2506.06789 (2025)"


def _twins(name: str, layer: tuple[str, ...], units: str, words: str, symbol: str, source: str) -> dict[str, Variable]:
    """A variable measured on hosts against time and on clones against lag."""
    return {
        name: Variable(_HOST + layer, units, words, symbol, source),
        f"clone_{name}": Variable(_CLONE + layer, units, f"{words} of clones", symbol, source),
    }


VARIABLES: dict[str, Variable] = {
    **_twins("energy", _L, "energy per gap", "energy", "E_l/(N_l M)", _Y20),
    **_twins("violated", _L, "fraction of gaps", "violated gaps", "n_l", _Y20),
    **_twins("acceptance_weights", _L, "fraction of proposals", "acceptance of weight moves", "a_J", _Y20),
    **_twins("acceptance_spins", _L, "fraction of proposals", "acceptance of spin flips", "a_S", _Y20),
    **_twins("train_error", (), "fraction of output neurons", "training error", "eps_train", _Y23),
    **_twins("test_error", (), "fraction of output neurons", "test error", "eps_test", _Y23),
    "spin_autocorrelation": Variable(
        _CLONE + _L, "per neuron and pattern", "spin autocorrelation", "c_l(t, t_w)", f"{_H25}, eq. 13"
    ),
    "spin_autocorrelation_connected": Variable(
        _CLONE + _L, "per neuron and pattern", "connected spin autocorrelation", "c_l - m m'", _Y20
    ),
    "weight_autocorrelation": Variable(_CLONE + _L, "per weight", "weight autocorrelation", "C_l(t, t_w)", _H25),
    "weight_autocorrelation_normalised": Variable(
        _CLONE + _L, "per weight, over its value at lag 0", "normalised weight autocorrelation", "C_l(t)/C_l(0)", _H25
    ),
    "spin_overlap": Variable(_PAIR, "per neuron and pattern", "replica overlap of spins", "q_l^{ab}", _Y20),
    "spin_overlap_connected": Variable(
        _PAIR, "per neuron and pattern", "connected replica overlap of spins", "q_l^{ab} - m m'", _Y20
    ),
    "weight_overlap": Variable(_PAIR, "per weight", "replica overlap of weights", "Q_l^{ab}", _Y20),
    "magnetisation_squared": Variable(_CLONE + _L, "per neuron", "squared magnetisation over patterns", "m2_l", _Y20),
    "pattern_overlap": Variable(_CLONE + _L, "per neuron", "mean overlap of two patterns", "q_l^{mu nu}", _Y23),
    "pattern_overlap_spread": Variable(
        _CLONE + _L, "per neuron", "standard deviation of the overlap of two patterns", "dq_l^{mu nu}", _Y23
    ),
    "teacher_overlap": Variable(
        _CLONE + _L, "per pattern", "teacher-student overlap, nodes matched and signs fixed", "R_l", _Y23
    ),
    "teacher_overlap_squared": Variable(
        _CLONE + _L, "per pattern", "squared teacher-student overlap above its floor", "R_l^2", _Y23
    ),
    "final_spin_overlap": Variable(
        _FINAL, "per neuron and pattern", "overlap of spins between last configurations", "q_l^{ab}", _H25
    ),
    "final_spin_overlap_connected": Variable(
        _FINAL,
        "per neuron and pattern",
        "connected overlap of spins between last configurations",
        "q_l^{ab} - m m'",
        _H25,
    ),
    "final_weight_overlap": Variable(
        _FINAL, "per weight", "overlap of weights between last configurations", "Q_l^{ab}", _H25
    ),
    "susceptibility_clones": Variable(
        ("sample", "waiting_time", "lag", "layer"),
        "neurons times patterns",
        "variance of c_l over clones",
        "chi4_l",
        _Y20,
    ),
    "susceptibility_samples": Variable(
        ("waiting_time", "lag", "layer"), "neurons times patterns", "variance of c_l over samples", "chi4_l", _Y20
    ),
    "relaxation_time": Variable(
        ("sample", "waiting_time", "layer"), "sweeps", "first lag with c_l below 1/e", "tau_l", _Y20
    ),
    "relaxation_time_weights": Variable(
        ("sample", "waiting_time", "layer"), "sweeps", "first lag with C_l/C_l(0) below 1/e", "tau_l", _Y20
    ),
}
"""Variables of a run by name."""

COORDINATES: dict[str, tuple[str, str]] = {
    "sample": ("1", "independent initial condition"),
    "clone": ("1", "clone of one host"),
    "clone_b": ("1", "other clone of the same host"),
    "temperature": ("1", "temperature 1/beta at the end of the schedule"),
    "waiting_time": ("sweeps", "waiting time"),
    "lag": ("sweeps", "lag after the waiting time"),
    "time": ("sweeps", "time of the host"),
    "layer": ("1", "layer"),
    "configuration": ("1", "last configuration, clones of one sample side by side"),
    "configuration_b": ("1", "other last configuration"),
}
"""Units and name in words of each coordinate."""
