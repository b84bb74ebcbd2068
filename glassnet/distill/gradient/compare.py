"""Which of two methods is better: paired seeds, errors over seeds and test patterns."""

import math

import numpy as np
import xarray as xr

from glassnet.core.check import fail

SIGMA = 3.0
"""Standard errors at which a difference counts."""


def difference(ds: xr.Dataset, machine: str, method: str, other: str) -> tuple[float, float]:
    """How much less a machine errs on test patterns by one method than by another, with the standard error.

    d_sp = wrong_sp(other) - wrong_sp(method), for seed s and test pattern p. Seeds (data, start, order) and test
    patterns are both samples, so that the variance of the mean is

        var(d) = V_s/S + V_p/P + V_sp/(S P)

    with the variances of a two-way layout; the error holds for other seeds and other test patterns.

    Args:
        ds: result of `ladder`.
        machine: the student.
        method: a method.
        other: the method that it is compared with.
    Returns:
        Mean and standard error; NaN if there is one seed alone.
    Raises:
        ValueError: if one of the methods does not lead to the machine.
    """
    for name in (method, other):
        if not str(ds["path"].sel(machine=machine, taught=name).item()):
            raise fail("method", f"lead to the machine {machine!r}", name)
    wrong = ds["test_wrong"].sel(machine=machine).astype(float)
    return mean_and_error((wrong.sel(taught=other) - wrong.sel(taught=method)).values)


def mean_and_error(d: np.ndarray) -> tuple[float, float]:
    """Mean of a table (seed, pattern) and its standard error, if both are samples."""
    S, P = d.shape
    if S < 2 or P < 2:
        return float(d.mean()), math.nan
    by_seed, by_pattern = d.mean(1, keepdims=True), d.mean(0, keepdims=True)
    rest = np.square(d - by_seed - by_pattern + d.mean()).sum() / ((S - 1) * (P - 1))
    variance = by_seed.var(ddof=1) / S + by_pattern.var(ddof=1) / P - rest / (S * P)
    return float(d.mean()), math.sqrt(max(variance, by_seed.var(ddof=1) / S))


def verdict(effect: float, error: float) -> str:
    """BEATS above three standard errors, LOSES below minus three, INCONCLUSIVE between."""
    if not (math.isfinite(effect) and math.isfinite(error) and error > 0) or abs(effect) <= SIGMA * error:
        return "INCONCLUSIVE"
    return "BEATS" if effect > 0 else "LOSES"
