"""When a difference between samples counts. Clones of one sample are not independent and are averaged first."""

from scipy.special import stdtrit
from xarray import DataArray, Dataset

from glassnet.analysis import mean_and_error

FALSE_ALARMS = 0.01
"""Probability that a test by layers finds something where there is nothing: one report in a hundred."""


def bounds(values: DataArray) -> Dataset:
    """Mean over samples with the interval in which the true mean lies, by Student's t.

    Args:
        values: dims with `sample` among them; clones are averaged.
    Returns:
        `mean`, `low` and `high`, without `sample`. For one sample, which has no error, all three are its value.
    """
    pair = mean_and_error(values)
    half = pair["error"].fillna(0) * _quantile(values.sizes["sample"], 1)
    return Dataset({"mean": pair["mean"], "low": pair["mean"] - half, "high": pair["mean"] + half})


def differs(differences: DataArray) -> DataArray:
    """Where the mean over samples of paired differences is not zero, by a two-sided t test.

    The probability of a false alarm is `FALSE_ALARMS` for all layers together (Bonferroni).

    Args:
        differences: one for each `sample`, any other dims, clones averaged by the caller.
    Returns:
        True where it differs, without `sample`; False everywhere for one sample.
    """
    pair = mean_and_error(differences)
    tests = differences.sizes.get("layer", 1)
    return abs(pair["mean"]) > pair["error"] * _quantile(differences.sizes["sample"], max(tests, 1))


def _quantile(samples: int, tests: int) -> float:
    """How many standard errors a mean may be off; many for few samples. Without meaning, and 0, for one sample."""
    return float(stdtrit(samples - 1, 1 - FALSE_ALARMS / (2 * tests))) if samples > 1 else 0.0
