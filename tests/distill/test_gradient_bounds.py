"""Decays with the number of patterns: planted ones are found, and inequalities between them judged."""

import numpy as np
import pytest
import xarray as xr

from glassnet.distill.gradient import bounds

N = np.array([100, 200, 400, 800, 1600])
TRUE = {  # eps, amplitude, alpha
    "sr": (0.10, 3.0, 0.6), "ar": (0.05, 3.0, 0.6), "tr": (0.03, 6.0, 0.9), "st": (0.04, 9.0, 0.9),
    "at": (0.01, 20.0, 1.3), "sa": (0.06, 20.0, 1.2), "sa0": (0.02, 5.0, 0.8),
}  # fmt: skip


def made(noise=2e-3, seeds=16, seed=0):
    rng = np.random.default_rng(seed)
    curves = np.array([eps + C * N**-alpha for eps, C, alpha in TRUE.values()])
    values = curves[:, None] + noise * rng.normal(size=(len(TRUE), seeds, len(N)))
    return xr.DataArray(
        values, dims=("pair", "seed", "patterns"), coords={"pair": list(TRUE), "seed": np.arange(seeds), "patterns": N}
    )


def test_decays_without_noise_are_found():
    for eps, C, alpha in TRUE.values():
        found = bounds.decay(N.astype(float), eps + C * N**-alpha, np.ones(5))
        assert found == pytest.approx((eps, C, alpha), rel=1e-3, abs=1e-5)
    assert np.isnan(bounds.decay(N.astype(float), np.log(N), np.ones(5))).all()  # slower than any of the exponents


def test_errors_are_those_of_the_scatter():
    """Over many data sets the estimates lie around the truth, as far as their errors say."""
    names = [f"{name}_{pair}" for pair in ("sr", "tr") for name in ("eps", "alpha")]
    exact = [TRUE[pair][k] for pair in ("sr", "tr") for k in (0, 2)]
    found = [bounds.measured(made(seed=n).sel(pair=list(TRUE))).sel(quantity=names) for n in range(10)]
    z = np.array([(one["value"].values - exact) / one["error"].values for one in found])
    assert np.abs(z.mean(0) * np.sqrt(10)).max() < 4.5
    assert np.sqrt(np.square(z).mean()) == pytest.approx(1, abs=0.5)


def test_inequalities_are_judged():
    found = bounds.measured(made(noise=2e-4))
    verdicts = {
        name: bounds.holds(*(float(found[k].sel(quantity=name)) for k in ("value", "error")))
        for name in bounds.INEQUALITIES
    }
    assert verdicts == {
        "alpha_sr <= alpha_tr": "HOLDS", "alpha_sr <= alpha_st": "HOLDS",
        "alpha_st <= alpha_at": "HOLDS", "alpha_st <= alpha_sa": "HOLDS",
        "eps_tr + eps_st <= eps_sr": "HOLDS", "eps_at + eps_sa <= eps_st": "FAILS",
        "R(t, s) <= R(s)": "HOLDS", "R(t, a, s) <= R(t, s)": "FAILS",
    }  # fmt: skip
    assert bounds.holds(0.1, 0.05) == bounds.holds(float("nan"), 0.1) == "INCONCLUSIVE"


def ladder(n):
    names, methods = ["t", "a", "s"], ["none", "direct", "assisted", "a-s"]
    R = np.full((3, 4, 2), np.nan)
    R[0, 0], R[1, :2], R[2] = 0.1, [[0.2], [0.15]], [[0.5], [0.4], [0.3], [0.45]]
    return xr.Dataset(
        {"test_error": (("machine", "taught", "seed"), R + 1 / n)},
        {"machine": names, "taught": methods, "seed": [0, 1]},
    )


def test_excess_of_each_pair():
    found = bounds.excess({n: ladder(n) for n in (40, 10, 20, 30)})
    assert found.patterns.values.tolist() == [10, 20, 30, 40]
    by_labels, taught = [0.5 + 0.1, 0.2 + 0.1, 0.1 + 0.1], [0.3, 0.05, 0.15, 0.25]
    np.testing.assert_allclose(found.sel(patterns=10, seed=0), by_labels + taught)
    with pytest.raises(ValueError, match="Argument `ladders` must hold four numbers of patterns"):
        bounds.excess({10: ladder(10)})
    with pytest.raises(ValueError, match="must hold three machines by a-s, assisted, direct, none"):
        bounds.excess({n: ladder(n).isel(taught=[0, 1]) for n in (1, 2, 3, 4)})
