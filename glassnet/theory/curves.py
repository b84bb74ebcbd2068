"""Theory curves as labelled Datasets, with the dims and names of the simulation's: they plot over each other.

Layers are counted 1..L; `spin_overlap` of layer L is the output, 1 by definition. xarray is imported on first use.

Every curve, and every variable that is theory, has the attribute `exactness`: "exact", "dense limit" or "heuristic", as
`glassnet.theory.exactness` explains; of all its values that of the least certain one.
"""

import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.core.check import fail, finite, integer
from glassnet.core.former import former_arguments
from glassnet.perceptron.law import SAME, Law
from glassnet.perceptron.observe.table import TABLE
from glassnet.perceptron.potential import HardCore, Potential
from glassnet.theory.breaking import parisi
from glassnet.theory.capacity_bound import CapacityWarning, capacity_bound
from glassnet.theory.exactness import DENSE, EXACT, HEURISTIC, weakest
from glassnet.theory.generalisation import generalisation_error
from glassnet.theory.one_output import one_output
from glassnet.theory.onset import one_sided_transitions, penetration_fit, transitions
from glassnet.theory.stability import replicon
from glassnet.theory.symmetric import replica_symmetric

if TYPE_CHECKING:
    import xarray as xr

    from glassnet.tasks import Task


def _as_measured(name: str, symbol: str) -> tuple[str, str, str, str]:
    """Labels of what a simulation measures, too; the theory's symbol is that of any two replicas."""
    return TABLE[name].long_name, TABLE[name].units, symbol, "replica theory"


VARIABLES: dict[str, tuple[str, str, str, str]] = {
    "alpha": ("patterns per input of a neuron", "1", "alpha", "M/c"),
    "layer": ("layer", "1", "l", ""),
    "spin_overlap": _as_measured("spin_overlap", "q_l"),
    "weight_overlap": _as_measured("weight_overlap", "Q_l"),
    "free_entropy": ("free entropy per N M", "1", "Phi", "replica theory"),
    "replicon": ("largest replicon eigenvalue", "1", "r", "replica theory"),
    "generalisation_error": ("generalisation error (Gibbs)", "1", "eps_g", "replica theory"),
    "bayes_error": ("generalisation error (Bayes)", "1", "eps_B", "replica theory"),
    "transition": ("alpha at which the layer orders", "1", "alpha_g", "replica theory"),
    "residual": ("residual of the saddle-point equations", "1", "", ""),
    "above_capacity_bound": ("above the rigorous bound on the capacity", "1", "", "replica theory"),
    "block_size": ("Parisi block size, upper end of the step", "1", "m", "replica theory"),
    "probability": ("weight of the overlap in P(q)", "1", "P", "replica theory"),
    "capacity_bound": ("rigorous bound on the capacity", "1", "alpha_max", "Cover 1965"),
    "linear_overlap": ("overlap of linear parts with the teacher", "1", "q", "replica theory"),
    "depth": ("layers of weights", "1", "L", ""),
}
"""Variable: long name, units, symbol, source."""

PROVED = ("capacity_bound", "above_capacity_bound")
"""Variables that are exact in every curve."""


class NoisyTeacherWarning(UserWarning):
    """A curve with a teacher that errs: its teacher is drawn with weight exp(-beta H), others may not be."""


def warn_of_noisy_teacher(attributes: Mapping[str, Any], task: "Task | None" = None) -> None:
    """Warn if the attributes of a curve tell of another teacher than that of a task.

    Args:
        attributes: of the curve.
        task: the data that it is compared with; data of a teacher that never errs if None.
    Warns:
        NoisyTeacherWarning: unless both teachers err with the same probability at each neuron.
    """
    if attributes.get("scenario") != "teacher" or (task is None and "potential" not in attributes):
        return  # without a potential the noise was asked for by its name
    potential = str(attributes.get("potential", "HardCore(margin=0.0)"))
    noise = attributes.get("teacher_noise", 0.0 if potential.startswith("HardCore(margin=0.0)") else None)
    law = Law() if task is None else task.law
    known = None if law is None else law.constant
    if noise is not None and known is not None and np.isclose(noise, known, rtol=SAME, atol=0):
        return
    if noise is None:
        text = f"a teacher with {potential} is drawn, all neurons at once, with weight exp(-beta H), and no task has it"
        text += ": this is the theory of another problem."
    else:
        other = "not of one that never errs" if known == 0 else f"not of one that is {law or 'drawn in unknown ways'}"
        drawn = f" with {potential} at beta = {attributes['beta']}" if "beta" in attributes else ""
        text = f"a teacher{drawn} errs with probability {noise:.6g} at "
        text += f"each neuron: this is the theory of tasks.teacher_student(noise={noise:.6g}), {other}."
    warnings.warn(text, NoisyTeacherWarning, stacklevel=3)


@former_arguments(weights="ensemble")
def overlap_curves(
    *,
    depth: int,
    alpha: Sequence[float],
    scenario: str = "random",
    closure: str = "factorised",
    potential: Potential | None = None,
    beta: float | None = None,
    branch: str = "grown",
    ensemble: str = "spherical",
    stability: bool = False,
) -> "xr.Dataset":
    """Replica-symmetric overlaps against alpha and layer.

    With scenario "teacher" the teacher's own configuration has the weight exp(-beta H). For a hard core without margin
    that is a teacher which never errs, for `Counting` without margin one whose neurons err with probability
    1/(1 + exp(beta strength)): `gn.tasks.teacher_student(noise=)`, or `beta=`. A soft core's teacher is drawn all at
    once; one that is drawn forward, as those of `gn.tasks` are, has another law. The attribute `teacher_noise` holds
    the probability where there is one.

    Args:
        depth, scenario, closure, potential, beta, branch, ensemble: as in `replica_symmetric`.
        alpha: values, shape (n >= 1,).
        stability: also the replicon eigenvalue.
    Returns:
        Dims `alpha`, `layer` (1..depth): spin_overlap, weight_overlap; along `alpha`: free_entropy, residual,
        above_capacity_bound, with a teacher generalisation_error and bayes_error, and replicon if asked. Exactness:
        that of `ReplicaSymmetric.exactness`.
    Raises:
        ValueError: for a bad argument.
        NoConvergenceError: if one solution does not converge.
    Warns:
        CapacityWarning: once, if some alpha lie above the bound.
    """
    values = _values(alpha, "alpha")
    options: dict[str, Any] = {"scenario": scenario, "closure": closure, "potential": potential, "beta": beta}
    options |= {"branch": branch, "ensemble": ensemble, "depth": depth}
    with _one_warning():
        solutions = [replica_symmetric(alpha=float(a), **options) for a in values]
    both, along = ("alpha", "layer"), ("alpha",)
    data: dict[str, tuple[tuple[str, ...], Any]] = {
        "spin_overlap": (both, np.array([s.q[1:] for s in solutions])),
        "weight_overlap": (both, np.array([s.Q for s in solutions])),
        "free_entropy": (along, [s.free_entropy for s in solutions]),
        "residual": (along, [s.residual for s in solutions]),
        "above_capacity_bound": (along, [s.above_capacity_bound for s in solutions]),
    }
    if scenario == "teacher":
        data["generalisation_error"] = (along, [generalisation_error(s) for s in solutions])
        data["bayes_error"] = (along, [generalisation_error(s, "bayes") for s in solutions])
    if stability:
        data["replicon"] = (along, [replicon(s) for s in solutions])
    attributes = options | {"approximation": "replica symmetric", "exactness": weakest(s.exactness for s in solutions)}
    return _dataset(data, {"alpha": values, "layer": np.arange(1, depth + 1)}, attributes)


@former_arguments(weights="ensemble")
def branch_curves(
    *, depth: int, alpha: Sequence[float], closure: str = "factorised", ensemble: str = "spherical"
) -> "xr.Dataset":
    """Grown and crystal branch of the teacher-student problem (hard core) against alpha, dim `branch` in front.

    Exactness as of `overlap_curves`: exact for one layer, dense limit in the exact closure, else heuristic. The branch
    of the larger free entropy is the equilibrium.

    Args:
        depth, alpha, closure, ensemble: as in `overlap_curves`.
    """
    import xarray as xr

    names = ["grown", "crystal"]
    parts = [
        overlap_curves(depth=depth, alpha=alpha, scenario="teacher", closure=closure, ensemble=ensemble, branch=name)
        for name in names
    ]
    both = xr.concat(parts, dim=xr.IndexVariable("branch", names), combine_attrs="drop_conflicts")
    return both.assign_attrs(branch="both")


def transition_curves(
    *,
    depths: Sequence[int],
    scenario: str = "random",
    closure: str = "factorised",
    potential: Potential | None = None,
    beta: float | None = None,
) -> "xr.Dataset":
    """alpha_g(l) of hidden layers for several depths: `transition` (depth, layer), NaN where no such layer is.

    Exactness: that of `Transitions.exactness`; the variable `capacity_bound` is exact.

    Args:
        depths: values of L >= 2.
        scenario, closure, potential, beta: as in `transitions`.
    """
    if len(depths) == 0:
        raise fail("depths", "hold at least one depth", depths)
    options: dict[str, Any] = {"scenario": scenario, "closure": closure, "potential": potential, "beta": beta}
    found = [transitions(depth=depth, **options) for depth in depths]
    layers = np.arange(1, max(depths))
    table = np.full((len(depths), layers.size), np.nan)
    for row, one in zip(table, found, strict=True):
        row[: one.depth - 1] = one.alpha_g
    data = {
        "transition": (("depth", "layer"), table),
        "capacity_bound": (("depth",), [capacity_bound(depth) for depth in depths]),
    }
    attributes = options | {"exactness": weakest(one.exactness for one in found)}
    return _dataset(data, {"depth": np.asarray(depths), "layer": layers}, attributes)


def penetration_curve(
    *,
    levels: int,
    scenario: str = "random",
    closure: str = "factorised",
    potential: Potential | None = None,
    beta: float | None = None,
    fit_from: int = 2,
) -> "xr.Dataset":
    """Thickness of the solid at one boundary: `transition` (layer, counted from the boundary), with the log fit.

    Exactness: dense limit for the exact closure with a teacher. Heuristic else, for with random data each layer orders
    upon an order that is unstable. The fit describes the numbers; the equations have no such law.

    Args:
        levels: layers, >= fit_from + 1.
        scenario, closure, potential, beta: as in `one_sided_transitions`.
        fit_from: first layer of the fit; slope and intercept of xi = a + b ln alpha are attributes.
    """
    options: dict[str, Any] = {"scenario": scenario, "closure": closure, "potential": potential, "beta": beta}
    values = one_sided_transitions(levels, **options)
    fit = penetration_fit(values[fit_from - 1 :], first_layer=fit_from)
    label = DENSE if closure == "exact" and scenario == "teacher" else HEURISTIC
    attributes = options | {"fit_slope": fit.slope, "fit_intercept": fit.intercept, "fit_from": fit_from}
    attributes["exactness"] = label
    return _dataset({"transition": (("layer",), values)}, {"layer": np.arange(1, levels + 1)}, attributes)


def parisi_curves(
    *,
    depth: int,
    alpha: Sequence[float],
    steps: int = 5,
    potential: Potential | None = None,
    beta: float | None = None,
) -> "xr.Dataset":
    """k-step overlaps: `spin_overlap`, `weight_overlap` (alpha, step, layer), `probability` and `block_size` (step).

    q(x; l) = spin_overlap[step] for x in (block_size[step] - probability[step], block_size[step]). Heuristic: the
    closure is factorised, and k steps stand for infinitely many.

    Args:
        depth, steps, potential, beta: as in `parisi`; the blocks are on the grid m_i = i/(k+1).
        alpha: values, shape (n >= 1,).
    """
    values = _values(alpha, "alpha")
    options: dict[str, Any] = {"depth": depth, "steps": steps, "m": "grid", "potential": potential, "beta": beta}
    with _one_warning():
        solutions = [parisi(alpha=float(a), **options) for a in values]
    whole = ("alpha", "step", "layer")
    data = {
        "spin_overlap": (whole, np.array([s.q[:, 1:] for s in solutions])),
        "weight_overlap": (whole, np.array([s.Q for s in solutions])),
        "free_entropy": (("alpha",), [s.free_entropy for s in solutions]),
        "residual": (("alpha",), [s.residual for s in solutions]),
        "above_capacity_bound": (("alpha",), [s.above_capacity_bound for s in solutions]),
        "probability": (("step",), solutions[0].weight),
        "block_size": (("step",), np.append(solutions[0].m, 1.0)),
    }
    coords = {"alpha": values, "step": np.arange(steps + 1), "layer": np.arange(1, depth + 1)}
    attributes = options | {"scenario": "random", "closure": "factorised", "approximation": f"{steps}-step RSB"}
    return _dataset(data, coords, attributes | {"exactness": weakest(s.exactness for s in solutions)})


def one_output_curves(*, depths: Sequence[int], alpha: Sequence[float], noise: float = 0.0) -> "xr.Dataset":
    """Errors of students of one output against alpha, for machines of several depths and equal widths N -> infinity.

    Exactness: exact for one layer; heuristic with more, the conjecture of Cui, Krzakala and Zdeborova 2023.

    Args:
        depths: values of L >= 1.
        alpha: patterns per neuron M/N >= 0, shape (n >= 1,).
        noise: probability p in [0, 1/2] that the sign of a teacher's neuron is wrong.
    Returns:
        Dims `depth`, `alpha`: generalisation_error (Gibbs), bayes_error and linear_overlap, as in `one_output`.
    Raises:
        ValueError: for a bad argument.
    """
    if len(depths) == 0:
        raise fail("depths", "hold at least one depth", depths)
    integer(1, depths=min(depths))
    finite(noise=noise)
    values = _values(alpha, "alpha")
    solutions = [one_output(depth, values, noise) for depth in depths]
    both = ("depth", "alpha")
    data = {
        "generalisation_error": (both, np.array([s.gibbs_error for s in solutions])),
        "bayes_error": (both, np.array([s.bayes_error for s in solutions])),
        "linear_overlap": (both, np.array([s.q for s in solutions])),
    }
    exactness = weakest(solution.exactness for solution in solutions)
    attributes = {"scenario": "teacher", "teacher_noise": float(noise), "exactness": exactness}
    return _dataset(data, {"depth": np.asarray(depths), "alpha": values}, attributes)


def _values(values: Sequence[float], name: str) -> np.ndarray:
    """A one-dimensional array of at least one number."""
    array = np.atleast_1d(np.asarray(values, float))
    if array.ndim != 1 or array.size == 0:
        raise fail(name, "be a sequence of numbers", values)
    return array


def _dataset(data: dict[str, Any], coords: dict[str, Any], attributes: dict[str, Any]) -> "xr.Dataset":
    """A Dataset with the attributes of `VARIABLES`; None is left out and potentials are written as text.

    `exactness` is also that of every variable with a source, but for those that are proved.
    """
    import xarray as xr

    if "potential" in attributes:
        potential = attributes["potential"] or HardCore()
        if attributes.get("scenario") == "teacher":
            attributes = attributes | {"teacher_noise": Law(potential=potential, beta=attributes.get("beta")).constant}
        attributes = attributes | {"potential": repr(potential)}
    dataset = xr.Dataset(data, coords, {k: v for k, v in attributes.items() if v is not None})
    for name in dataset.variables:
        if name in VARIABLES:
            keys = ("long_name", "units", "symbol", "source")
            dataset[name].attrs = dict(zip(keys, VARIABLES[str(name)], strict=True))
    for name, variable in dataset.data_vars.items():
        if variable.attrs["source"]:
            variable.attrs["exactness"] = EXACT if name in PROVED else attributes["exactness"]
    return dataset


@contextmanager
def _one_warning() -> Generator[None]:
    """Gather the capacity warnings of many solutions into one."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    formal = [w for w in caught if issubclass(w.category, CapacityWarning)]
    for other in caught:
        if other not in formal:
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    if formal:
        text = f"{len(formal)} values of alpha lie above the rigorous capacity bound: these results are formal."
        warnings.warn(text, CapacityWarning, stacklevel=4)
