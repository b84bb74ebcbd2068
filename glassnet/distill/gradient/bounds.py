"""How errors fall with the number of training patterns, for each pair of a child and its parent, and what follows.

The theory of [Mirzadeh et al. 2020] (after [Lopez-Paz et al. 2016]) bounds what a machine errs more than its parent,
with the rule r as the parent of all that learn from labels alone:

    R(f_c) - R(f_p) <= O(|F_c| / n^alpha_cp) + eps_cp

and concludes from assumptions on the exponents alpha and offsets eps that a teacher t helps a student s, and an
assistant a helps more. Here the left side is measured for several n, and from it exponent and offset.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from scipy.optimize import minimize_scalar
from xarray import DataArray, Dataset

from glassnet.analysis import jackknife
from glassnet.core.check import fail
from glassnet.distill.gradient.compare import SIGMA

EXPONENTS = (0.05, 4.0)
"""Where exponents are looked for; one at the edge counts as not found."""
INEQUALITIES = {
    "alpha_sr <= alpha_tr": (("alpha_tr", 1), ("alpha_sr", -1)),
    "alpha_sr <= alpha_st": (("alpha_st", 1), ("alpha_sr", -1)),
    "alpha_st <= alpha_at": (("alpha_at", 1), ("alpha_st", -1)),
    "alpha_st <= alpha_sa": (("alpha_sa", 1), ("alpha_st", -1)),
    "eps_tr + eps_st <= eps_sr": (("eps_sr", 1), ("eps_tr", -1), ("eps_st", -1)),
    "eps_at + eps_sa <= eps_st": (("eps_st", 1), ("eps_at", -1), ("eps_sa", -1)),
    "R(t, s) <= R(s)": (("e_sr", 1), ("e_tr", -1), ("e_st", -1)),
    "R(t, a, s) <= R(t, s)": (("e_st", 1), ("e_at", -1), ("e_sa", -1)),
}
"""What the theory assumes of exponents and offsets, and concludes for errors at the largest n: sums that are >= 0."""


def excess(ladders: Mapping[int, Dataset]) -> DataArray:
    """What a child errs more than its parent on test patterns.

    Args:
        ladders: results of `ladder` for three machines (teacher, assistant, student) by "none", "direct", "assisted"
            and the path (assistant, student), by their numbers of training patterns.
    Returns:
        Dims pair, seed, patterns. Pairs are sr, ar, tr (of labels alone), st, at (of the teacher), sa (of an assistant
        that was taught) and sa0 (of an assistant by labels alone).
    Raises:
        ValueError: for ladders of other machines or methods, or fewer than four numbers of patterns.
    """
    if len(ladders) < 4:
        raise fail("ladders", "hold four numbers of patterns at least", tuple(ladders))
    found = []
    for n in sorted(ladders):
        ds = ladders[n]
        names = [str(name) for name in ds["machine"].values]
        wanted = {"none", "direct", "assisted", "-".join(names[1:])}
        if len(names) != 3 or not wanted <= {str(name) for name in ds["taught"].values}:
            raise fail("ladders", f"hold three machines by {', '.join(sorted(wanted))}", (names, n))
        R = ds["test_error"]
        t, a, s = (R.sel(machine=name, drop=True) for name in names)
        one = {
            "sr": s.sel(taught="none"),
            "ar": a.sel(taught="none"),
            "tr": t.sel(taught="none"),
            "st": s.sel(taught="direct") - t.sel(taught="none"),
            "at": a.sel(taught="direct") - t.sel(taught="none"),
            "sa": s.sel(taught="assisted") - a.sel(taught="direct"),
            "sa0": s.sel(taught="-".join(names[1:])) - a.sel(taught="none"),
        }
        parts = [x.drop_vars([c for c in x.coords if c != "seed"]) for x in one.values()]
        found.append(xr.concat(parts, "pair").assign_coords(pair=list(one)))
    return xr.concat(found, "patterns").assign_coords(patterns=sorted(ladders)).transpose("pair", "seed", "patterns")


def decay(n: np.ndarray, values: np.ndarray, errors: np.ndarray) -> tuple[float, float, float]:
    """Offset, amplitude and exponent of a decay, by least squares.

        e(n) = eps + C n^-alpha

    Args:
        n: numbers of patterns, four at least.
        values: e, same shape.
        errors: standard errors of e.
    Returns:
        (eps, C, alpha); NaN if alpha is at the edge of where it is looked for.
    """
    scale = np.exp(np.log(n).mean())
    weights = 1 / np.maximum(errors, 1e-9) ** 2
    weights = weights / weights.sum()
    middle = values @ weights

    def line(log_alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Offset and amplitude that fit best at given exponents, and what is left: a straight line in n^-alpha."""
        x = (n / scale) ** -np.exp(log_alpha)[..., None]
        centred = x - (x @ weights)[..., None]
        amplitude = (centred * values) @ weights / (centred**2 @ weights)
        rest = values - middle - amplitude[..., None] * centred
        return middle - amplitude * (x @ weights), amplitude, rest**2 @ weights

    grid = np.linspace(*np.log(EXPONENTS), 200)
    best = int(np.argmin(line(grid)[2]))
    if best in (0, len(grid) - 1):
        return np.nan, np.nan, np.nan
    bounds = grid[best - 1], grid[best + 1]
    found = minimize_scalar(lambda x: float(line(np.asarray(x))[2]), bounds=bounds, method="bounded").x
    offset, amplitude, _ = line(np.asarray(found))
    alpha = float(np.exp(found))
    return float(offset), float(amplitude * scale**alpha), alpha


def measured(excess: DataArray) -> Dataset:
    """Exponents, offsets and the sums of them that the theory wants, with errors from leaving out one seed at a time.

    Args:
        excess: as `excess` gives it.
    Returns:
        value and error along the dim quantity: eps_PAIR, amplitude_PAIR, alpha_PAIR, e_PAIR (at the largest n), and
        the inequalities, whose value is the right side less the left.
    """

    errors = excess.std("seed", ddof=1) / excess.sizes["seed"] ** 0.5

    def quantities(data: DataArray) -> DataArray:
        found = {}
        for pair in data["pair"].values:
            one = data.sel(pair=pair)
            values = one.mean("seed").values
            fitted = decay(one["patterns"].values.astype(float), values, errors.sel(pair=pair).values)
            found |= {f"{name}_{pair}": x for name, x in zip(("eps", "amplitude", "alpha"), fitted, strict=True)}
            found[f"e_{pair}"] = float(values[-1])
        found |= {name: sum(c * found[term] for term, c in terms) for name, terms in INEQUALITIES.items()}
        return DataArray(list(found.values()), dims="quantity", coords={"quantity": list(found)})

    return jackknife(quantities, excess, dim="seed")[["value", "error"]]


def holds(value: float, error: float) -> str:
    """HOLDS, FAILS, or INCONCLUSIVE within three standard errors, for an inequality whose value shall be >= 0."""
    if not (np.isfinite(value) and np.isfinite(error) and error > 0) or abs(value) <= SIGMA * error:
        return "INCONCLUSIVE"
    return "HOLDS" if value > 0 else "FAILS"
