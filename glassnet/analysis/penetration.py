"""How deep the solid reaches from a boundary into the machine, and how that grows with the load alpha."""

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.labels import described, own_words, variable
from glassnet.analysis.layers import between_the_clamped, longest_lag
from glassnet.analysis.relaxation import LEVEL
from glassnet.analysis.resampling import interval, named
from glassnet.core.check import fail, finite, integer


@own_words
def penetration_depth(overlap: DataArray, level: float = LEVEL) -> Dataset:
    """Distance from each boundary at which the overlap of clones first falls to `level`, between layers by a line.

    xi = l + (q_l - level)/(q_l - q_(l+1)),   l the last layer before the first one with q < level

    counted from the clamped input (layer 0, overlap 1), and likewise from the clamped output (layer L). It is
    the number of solid layers of `solid_depth` plus the part of a spacing: without steps, fit for means and lines.

    Args:
        overlap: mean overlap of clones (`mean_pair_overlap`) by `layer` 1..L in any order, L being the clamped output,
            any other dimensions; with `lag` the longest is taken.
        level: 1/e unless given [Huang et al. 2025]; 1/e^2 belongs to squared overlaps.
    Returns:
        `input_depth` and `output_depth` in layers, without `lag` and `layer`. NaN where all layers are solid (the
        two solids meet) or an overlap is NaN.
    Raises:
        ValueError: if `layer` is missing, is not 1..L or has a single layer, or `level` is not between 0 and 1.
    """
    overlap = variable(overlap, "overlap", "layer", such="spin_overlap")
    finite(level=level)
    if not 0 < level < 1:
        raise fail("level", "be between 0 and 1", level)
    if overlap.sizes["layer"] < 2:
        raise fail("overlap", "have at least two layers", overlap.sizes["layer"])
    hidden = between_the_clamped(longest_lag(overlap)).astype(float)
    sides = {"input": hidden, "output": hidden.isel(layer=slice(None, None, -1))}
    new = {}
    for side, q in sides.items():
        depth = xr.apply_ufunc(_crossing, q, input_core_dims=[["layer"]], kwargs={"level": level})
        new[f"{side}_depth"] = described(depth, long_name=f"depth of the solid from the {side}", units="layers")
    return Dataset(new)


def _crossing(q: np.ndarray, level: float) -> np.ndarray:
    """Position at which q, layers along the last axis, first falls below `level`; NaN where it does not."""
    q = np.concatenate([np.ones_like(q[..., :1]), q], axis=-1)
    below = q < level
    first = np.maximum(below.argmax(-1), 1)[..., None]
    before, after = (np.take_along_axis(q, first - k, -1)[..., 0] for k in (1, 0))
    known = below.any(-1) & np.isfinite(q).all(-1)
    return np.where(known, first[..., 0] - 1 + (before - level) / np.where(known, before - after, 1.0), np.nan)


@own_words
def logarithmic_growth(depth: DataArray, *, seed: int, resamples: int = 1000) -> Dataset:
    """Line through depths against the logarithm of the load, with errors over samples by bootstrap.

    xi = intercept + slope ln alpha      [Yoshino 2020]

    by least squares with equal weights; samples are drawn independently at each alpha.

    Args:
        depth: depths of single samples, dims `alpha` (coordinate, positive) and `sample`, any others. Every depth
            must have been reached: leave out loads at which the solids meet, a mean without them would be biased.
        seed: of the bootstrap.
        resamples: of the bootstrap.
    Returns:
        `slope` (layers), `intercept` (layers) and their `_error`, `_low`, `_high`, further dimensions kept; NaN
        where a depth is NaN, errors also for a single sample.
    Raises:
        ValueError: if dims are missing or there are less than two positive values of alpha.
    """
    depth = variable(depth, "depth", "alpha", "sample", such="energy")
    integer(2, resamples=resamples)
    alpha = np.asarray(depth["alpha"].values, dtype=float)
    if len(np.unique(alpha)) < 2 or not (alpha > 0).all():
        raise fail("depth", "have at least two positive values of alpha", alpha.tolist())
    data = depth.astype(float).sortby("alpha").drop_vars("sample", errors="ignore")
    n, x = data.sizes["sample"], np.log(np.sort(alpha))
    chosen = np.random.default_rng(seed).integers(n, size=(resamples, len(alpha), n))
    drawn = data.isel(sample=DataArray(chosen, dims=("resample", "alpha", "sample")))
    out = named(interval(_line(data, x), _line(drawn, x), n, 0.68), "parameter")
    words = {"slope": "growth of the depth with ln alpha", "intercept": "depth at alpha = 1"}
    return Dataset(
        {
            name: described(x, units="layers", long_name=words[str(name).split("_")[0]])
            for name, x in out.data_vars.items()
        }
    )


def _line(data: DataArray, x: np.ndarray) -> DataArray:
    """Slope and intercept, along `parameter`, of means over samples against x."""
    mean = data.mean("sample", skipna=False)
    distance = DataArray(x - x.mean(), dims="alpha")
    slope = (mean * distance).sum("alpha", skipna=False) / float((distance**2).sum())
    intercept = mean.mean("alpha", skipna=False) - slope * x.mean()
    return xr.concat([slope, intercept], "parameter").assign_coords(parameter=["slope", "intercept"])
