"""Free entropy of a machine from runs at a ladder of temperatures, by integration of the energy over beta."""

import numpy as np
import xarray as xr
from xarray import DataArray, Dataset

from glassnet.analysis.errors import over_clones
from glassnet.analysis.exchange import last_window
from glassnet.analysis.labels import attribute, described, own_words, patterns, require, result, widths
from glassnet.analysis.resampling import jackknife
from glassnet.core.check import fail, is_number

COUNTED = ("metropolis", "heat_bath")
"""Dynamics under which every hidden neuron is free, so that its two states are counted."""
FOLLOWING = ("feedforward",)
"""Dynamics under which hidden neurons follow the weights: one state, and the outputs alone cost energy."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


@own_words
def free_entropy(ds: Dataset, *, since: float | None = None) -> Dataset:
    """Free entropy ln Z per N M at every beta of a ladder, by integration of the mean energy from beta = 0.

    ln Z(beta) = ln Z(0) - int_0^beta db <H>_b,   Z = int dJ sum_S exp(-beta H)

    N is the mean number of neurons of the layers 1..L, so that this is the free entropy of `glassnet.theory` (per N M,
    of L layers together) for layers of equal width; times M/c it is per weight of one layer. As in the theory, the two
    states of every free neuron and of every Ising weight are counted, and other weights have a prior of integral 1:
    ln Z(0)/(N M) = ln 2 sum_{l<L} N_l/N, plus ln 2 sum_l N_l c_l/(N M) for Ising weights. With the dynamics
    "feedforward" neurons follow the weights and are not counted, and the outputs alone have energy. For a liquid
    compare `glassnet.theory.liquid_free_entropy`, else the `free_entropy` of `replica_symmetric`; the difference of
    finite machines is of order 1/c.

    Between the temperatures the energy is a cubic spline in ln(1 + beta/beta_1), beta_1 the lowest beta above 0: a
    ladder is best even on that scale, as beta = 0 and powers of a factor are. The result is that of the run: it is as
    close to equilibrium as all temperatures are from `since` on. With exchange the energies are those of all rounds of
    swaps, else those of the lags that were measured.

    Args:
        ds: result of a ladder, `gn.simulate(..., beta=[0, ...])`, with or without exchange of temperatures:
            `clone_energy` by `temperature`, whose coordinate `beta` holds different finite numbers with 0 among them.
            The clones of the last waiting time are averaged over.
        since: lag in sweeps from which on clones are averaged; half the longest one if None.
    Returns:
        By `beta`, in rising order: `value`, `error`, `low` and `high` (68 %) over samples, as `jackknife` gives them,
        and `integration_error`: how far the value moves when every second temperature is left out, which is more than
        the error of the integral where the ladder is dense enough for its energy; NaN where there is none to leave out.
    Raises:
        ValueError: if a variable, coordinate or attribute is missing, beta does not begin at 0 or is infinite, an
            energy is not finite (a hard core), or the dynamics are not known.
    """
    ds = ladder(ds)
    late = late_energies(ds, since)
    energy, at_zero = energies_at_zero(ds, over_clones(late).mean("lag"))
    if "clone_running_energy" in ds:  # of all rounds of swaps, not of the few lags that are measured
        since = float(ds["lag"].max()) / 2 if since is None else since
        totals = last_window(ds.swap_dims(beta="temperature"), since)[0]
        energy = energy.transpose("sample", "beta").copy(data=totals / (float(patterns(ds)) * float(widths(ds).mean())))
    if not bool(np.isfinite(energy).all()):
        raise fail("ds.clone_energy", "be finite", float(energy.values[~np.isfinite(energy.values)][0]))
    beta = ds["beta"].values.astype(float)
    found = jackknife(lambda e: at_zero - _integrated(e, _spline_weights(beta)).mean("sample"), energy)
    moved = _integrated(energy.mean("sample"), _halved_weights(beta))
    words = {"long_name": "free entropy per N M", "units": "1", "symbol": "Phi"}
    values = {str(name): described(x, **words) for name, x in found.data_vars.items()}
    error = described(abs(moved), long_name="change of Phi without every second temperature", units="1")
    return Dataset(values | {"integration_error": error})


def ladder(ds: Dataset) -> Dataset:
    """A result with energies of clones and the dimension `beta` in place of `temperature`, rising from 0.

    Raises:
        ValueError: for another Dataset, or a beta that does not begin at 0 or is infinite.
    """
    ds = result(ds, "clone_energy")
    require(ds["clone_energy"], "ds.clone_energy", "temperature", "sample", "clone", "waiting_time", "lag", "layer")
    if "beta" not in ds.coords or ds["beta"].dims != ("temperature",):
        raise fail("ds", "have the coordinate 'beta' along 'temperature'", sorted(map(str, ds.coords)))
    ds = ds.swap_dims(temperature="beta").sortby("beta")
    beta = ds["beta"].values
    if len(beta) < 2 or beta[0] != 0 or not np.all(np.isfinite(beta)) or np.any(np.diff(beta) <= 0):
        raise fail("ds.beta", "hold 0 and other finite numbers, all different", beta.tolist())
    return ds


def late_energies(ds: Dataset, since: float | None) -> DataArray:
    """Energies of the clones of the last waiting time from a lag on, half the longest one if None, float64.

    Raises:
        ValueError: if `since` is no lag of the run.
    """
    longest = float(ds["lag"].max())
    since = longest / 2 if since is None else since
    if not is_number(since) or not 0 <= since <= longest:
        raise fail("since", f"be a lag from 0 to {longest:g}", since)
    last = ds["clone_energy"].sel(waiting_time=ds["waiting_time"].max(), drop=True)
    return last.isel(lag=(ds["lag"] >= since).values).astype(float)


def energies_at_zero(ds: Dataset, per_gap: DataArray) -> tuple[DataArray, DataArray | float]:
    """Energies by layer as energies per N M, and ln Z(0) per N M.

    Raises:
        ValueError: for dynamics that are not known, or a result that lacks layers.
    """
    about, N, M = attribute(ds, "machine"), widths(ds), patterns(ds)
    dynamics = str(ds.attrs.get("dynamics")).split("+")[0]  # further moves change nothing
    if dynamics not in (*COUNTED, *FOLLOWING):
        raise fail("ds", f"have dynamics among {', '.join((*COUNTED, *FOLLOWING))}", dynamics)
    depth = about["depth"]
    if not np.array_equal(np.sort(N["layer"].values), np.arange(1, depth + 1)):
        raise fail("ds", f"have all layers 1, ..., {depth}", N["layer"].values.tolist())
    costs = N if dynamics in COUNTED else N.where(N["layer"] == depth, 0.0)
    free = N.where(N["layer"] < depth, 0.0).sum("layer") if dynamics in COUNTED else 0.0
    inputs = N.sortby("layer").shift(layer=1, fill_value=about["inputs"] or about["width"])
    c = inputs.where(False, about["connectivity"]) if about["connectivity"] else inputs
    binary = (N * c).sum("layer") / M if about["ensemble"] == "ising" else 0.0
    mean = N.mean("layer")
    return (per_gap * costs).sum("layer", skipna=False) / mean, np.log(2) * (free + binary) / mean


def _integrated(energy: DataArray, weights: np.ndarray) -> DataArray:
    """Integrals of the energy from 0 to each beta, for the weights (beta, beta) of a rule."""
    along = ["beta"]
    return xr.apply_ufunc(lambda e: e @ weights.T, energy, input_core_dims=[along], output_core_dims=[along])


def _spline_weights(beta: np.ndarray) -> np.ndarray:
    """Row k: weights of all values in the integral from 0 to beta_k of their spline in u = ln(1 + beta/beta_1)."""
    from scipy.interpolate import CubicSpline  # slow to load

    u = np.log1p(beta / beta[1])
    half = np.diff(u)[:, None] / 2
    at = u[:-1, None] + half * (1 + _NODES)
    spline = CubicSpline(u, np.eye(len(u)))(at)
    pieces = np.einsum("in,inj->ij", half * _WEIGHTS * beta[1] * np.exp(at), spline)
    return np.concatenate([np.zeros((1, len(u))), np.cumsum(pieces, axis=0)])


def _halved_weights(beta: np.ndarray) -> np.ndarray:
    """Row k: weights of all beta less those of every second one, k and 0 among them; NaN where that leaves out none."""
    number = np.arange(len(beta))
    weights = _spline_weights(beta)
    for k in number[1:]:
        kept = np.flatnonzero((number == 0) | ((number - k) % 2 == 0))
        if len(kept) == len(beta):
            weights[k] = np.nan
        else:
            weights[k, kept] -= _spline_weights(beta[kept])[np.flatnonzero(kept == k)[0]]
    return weights
