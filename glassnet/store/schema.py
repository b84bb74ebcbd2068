"""The labels of result variables: dimensions, units, name in words, symbol, source, from one table of observables."""

from collections.abc import Mapping

from glassnet.perceptron.observe.table import ACCEPTANCE, OPTIONAL, TABLE
from glassnet.perceptron.system import PARAMETERS
from glassnet.sampling.exchange import TEMPERATURE
from glassnet.sampling.system import Observable, Variable, rate_name

RUNGS = (TEMPERATURE, *PARAMETERS)
"""Dims of temperatures, and of what else differs along a ladder of replica exchange."""

_HOST = ("sample", "time")
_CLONE = ("sample", "clone", "waiting_time", "lag")
_PAIR = ("sample", "clone", "clone_b", "waiting_time", "lag")
_FINAL = ("waiting_time", "configuration", "configuration_b")

_Y20 = "Yoshino, SciPost Phys. Core 2, 005 (2020)"


def variables(observables: Mapping[str, Observable], moves: Mapping[str, Variable]) -> dict[str, Variable]:
    """Labels of what a run measures, by the names in its result.

    A dim `temperature` follows `sample`, or leads, if beta is a list.

    Args:
        observables: by name.
        moves: labels of accepted fractions by the names of the counts of accepted moves.
    """
    found: dict[str, Variable] = {}
    for name, observable in observables.items():
        found |= _measured(name, observable.on, observable.variable(name))
    for name, variable in moves.items():
        found |= _measured(rate_name(name), "both", variable)
    return found


def _measured(name: str, on: str, variable: Variable) -> dict[str, Variable]:
    def along(dims: tuple[str, ...], words: str = "{}") -> Variable:
        return variable._replace(dims=dims + variable.dims, long_name=words.format(variable.long_name))

    if on in ("pair", "final"):
        words = variable.long_name.replace("replica overlap", "overlap")
        final = variable._replace(dims=_FINAL + variable.dims, long_name=f"{words} between last configurations")
        return {f"final_{name}": final} if on == "final" else {name: along(_PAIR), f"final_{name}": final}
    if on == "both":
        return {name: along(_HOST), f"clone_{name}": along(_CLONE, "{} of clones")}
    return {name: along(_HOST if on == "host" else _CLONE)}


DERIVED: dict[str, Variable] = {
    "weight_autocorrelation_normalised": Variable(
        (*_CLONE, "layer"), "per weight, over its value at lag 0", "normalised weight autocorrelation", "C_l(t)/C_l(0)",
        TABLE["weight_autocorrelation"].source,
    ),
    "susceptibility_clones": Variable(
        ("sample", "waiting_time", "lag", "layer"),
        "neurons times patterns", "variance of c_l over clones", "chi4_l", _Y20, ("layer",),
    ),
    "susceptibility_samples": Variable(
        ("waiting_time", "lag", "layer"),
        "neurons times patterns", "variance of c_l over samples", "chi4_l", _Y20, ("layer",),
    ),
    **{
        f"{name}{ending}": Variable(("waiting_time", "layer"), units, words.format(c), symbol, _Y20, fixed)
        for name, c, fixed in (
            ("relaxation_time", "c_l", ("layer",)), ("relaxation_time_weights", "C_l/C_l(0)", ()),
        )
        for ending, units, words, symbol in (
            ("", "sweeps", "lag at which the mean of {} over samples falls below 1/e", "tau_l"),
            ("_error", "sweeps", "standard error of the lag at which the mean of {} falls below 1/e", "tau_l"),
            ("_censored", "samples", "samples whose {} does not fall below 1/e", "n"),
        )
    },
}  # fmt: skip
"""What analysis adds to a result."""

VARIABLES: dict[str, Variable] = variables(TABLE, ACCEPTANCE) | DERIVED
"""Variables of a run of a perceptron by name."""

NAMED: dict[str, Variable] = variables(OPTIONAL, {})
"""Variables that such a run has where it names them."""

COORDINATES: dict[str, tuple[str, str]] = {
    "sample": ("1", "independent initial condition"),
    "clone": ("1", "clone of one host"),
    "clone_b": ("1", "other clone of the same host"),
    "temperature": ("1", "temperature 1/beta at the end of the schedule"),
    "beta": ("1", "inverse temperature at the end of the schedule"),
    "margin": ("1", "margin kappa of the potential"),
    "guide_weight": ("1", "weight lambda of the guide"),
    "waiting_time": ("sweeps", "waiting time"),
    "lag": ("sweeps", "lag after the waiting time"),
    "time": ("sweeps", "time of the host"),
    "layer": ("1", "layer"),
    "neuron": ("1", "hidden neuron"),
    "squared_overlap": ("1", "squared overlap of a neuron, middle of the bin"),
    "configuration": ("1", "last configuration, clones of one sample side by side"),
    "configuration_b": ("1", "other last configuration"),
}
"""Units and name in words of each coordinate."""
