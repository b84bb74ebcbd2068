"""The solvable chain: random sign-perceptrons that share layers and fit the last one to their parent's fields.

What an assistant does there is known: fresh patterns on each link, kappa N of them, help along a path for kappa > 2,
change nothing for kappa = 2 and hurt below. So it is the positive control of everything else that is said of chains.
The formula is `glassnet.theory.distillation`.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import xarray as xr

from glassnet.core.check import fail, integer, is_number, one_of
from glassnet.theory.distillation import path_error

DATA = ("fresh", "same", "shuffled")
"""fresh: patterns of its own for each link; same: those of the first link for all, as in Mirzadeh et al. 2020;
shuffled: fresh ones, but each fit gets the fields of other patterns, so that nothing can be learned (a control)."""


def solvable(
    *,
    depths: Sequence[int] = (6, 4, 2),
    kappa: float | Sequence[float] = 6.0,
    width: int = 300,
    seeds: int = 100,
    tests: int = 2000,
    data: str = "fresh",
    seed: int = 0,
) -> xr.Dataset:
    """Errors of a chain of random sign-perceptrons, simulated, and the formula.

    The rule has Gaussian weights. A machine of depth L' takes over the first L'-1 layers of its parent; the fields of
    its last layer are fitted by least squares to the parent's on kappa N random patterns.

    Args:
        depths: of the machines from the rule to the student, falling.
        kappa: patterns per input of each link, or one value for all, > 1.
        width: neurons N of every layer, >= 2.
        seeds: independent rules and patterns, >= 2.
        tests: patterns that measure the errors of one seed.
        data: one of `DATA`.
        seed: root of all random numbers.
    Returns:
        `error` (seed, machine): fraction of output neurons of a machine that differ from the rule's on fresh patterns;
        `formula` (machine): its prediction for N -> infinity and fresh patterns (not for several links with "same");
        `standard_error` (machine) of the mean over seeds. Coordinate `machine`: the depth. For N = 300 ten to twenty
        seeds give standard errors of .0004.
    Raises:
        ValueError: for a bad argument.
    """
    depths, kappas = _checked(depths, kappa, width)
    integer(2, seeds=seeds)
    integer(1, tests=tests)
    integer(0, seed=seed)
    one_of(DATA, data=data)
    if data == "same" and len(set(kappas)) > 1:
        raise fail("kappa", "be one value where all links have the same data", kappa)
    patterns = tuple(max(round(k * width), width + 1) for k in kappas)
    errors = np.array([_errors(depths, patterns, width, tests, data, (seed, s)) for s in range(seeds)])
    if data == "shuffled":
        formula = np.full(len(depths) - 1, 0.5)
    else:
        gaps = [a - b for a, b in pairwise(depths)]
        formula = np.array([path_error(gaps[: k + 1], kappas[: k + 1]) for k in range(len(gaps))])
    source = "a chain of random sign-perceptrons with one fitted layer"
    labels = {"units": "fraction of output neurons", "source": source}
    return xr.Dataset(
        {
            "error": (("seed", "machine"), errors, {**labels, "long_name": "generalisation error", "symbol": "eps"}),
            "formula": ("machine", formula, {**labels, "long_name": "generalisation error, N to infinity"}),
            "standard_error": (
                "machine",
                errors.std(0, ddof=1) / np.sqrt(seeds),
                {**labels, "long_name": "standard error of the mean of the generalisation error over seeds"},
            ),
        },
        {"machine": ("machine", np.array(depths[1:]), {"long_name": "depth"}), "seed": np.arange(seeds)},
        {"depths": depths, "kappa": kappas, "width": width, "patterns": patterns, "data": data},
    )


def _checked(depths: Sequence[int], kappa: float | Sequence[float], width: int) -> tuple[tuple, tuple[float, ...]]:
    integer(2, width=width)
    if isinstance(depths, str) or not isinstance(depths, Sequence) or len(depths) < 2:
        raise fail("depths", "list the depths of at least a rule and a student", depths)
    for depth in depths:
        integer(1, depths=depth)
    if any(a <= b for a, b in pairwise(depths)):
        raise fail("depths", "fall from the rule to the student", depths)
    kappas: tuple = (kappa,) * (len(depths) - 1)
    if isinstance(kappa, Sequence) and not isinstance(kappa, str):
        kappas = tuple(kappa)
    if len(kappas) != len(depths) - 1:
        raise fail("kappa", f"be one value, or one for each of {len(depths) - 1} links", kappa)
    for value in kappas:
        if not is_number(value) or not 1 < value < np.inf:
            raise fail("kappa", "be above 1 and finite: with fewer patterns than inputs nothing is fitted", value)
    return tuple(map(int, depths)), tuple(map(float, kappas))


def _errors(depths: tuple, patterns: tuple, width: int, tests: int, data: str, seed: tuple[int, int]) -> list[float]:
    """Errors of all machines below the rule, one seed."""
    weights, test, *links = (np.random.default_rng((*seed, n)) for n in range(2 + len(patterns)))
    J = weights.standard_normal((depths[0], width, width), np.float32)

    def hidden(rng: np.random.Generator, count: int) -> list[np.ndarray]:
        """Layers 0..L-1 of the rule at random patterns, each of shape (pattern, neuron)."""
        layers = [_signs(rng.random((count, width), np.float32) - np.float32(0.5))]
        for matrix in J[:-1]:
            layers.append(_signs(layers[-1] @ matrix))
        return layers

    tested = hidden(test, tests)
    right = tested[-1] @ J[-1] >= 0
    last, errors = J[-1], []
    layers: list[np.ndarray] = []
    for k, (parent, child) in enumerate(pairwise(depths)):
        if not layers or data != "same":
            layers = hidden(links[k], patterns[k])
        known, fields = layers[child - 1], layers[parent - 1] @ last
        if data == "shuffled":
            fields = np.roll(fields, 1, axis=0)
        last = np.linalg.solve(known.T @ known, known.T @ fields)
        errors.append(float(np.mean((tested[child - 1] @ last >= 0) != right)))
    return errors


def _signs(field: np.ndarray) -> np.ndarray:
    return np.where(field >= 0, np.float32(1), np.float32(-1))
