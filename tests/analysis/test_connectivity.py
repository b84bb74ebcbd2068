"""Extrapolation to infinitely many inputs against planted intercepts; chance levels against machines fed forward."""

import json
import re

import numpy as np
import pytest
import xarray as xr
from analysis.synthetic_result import result
from reference import THRESHOLD

import glassnet as gn
from glassnet.analysis import by_connectivity, chance_level, infinite_connectivity, longest_lag, mean_and_error
from glassnet.analysis.chance import _followed, machine_of

C = np.array([12, 16, 24, 32, 48])
Y_INF, SLOPE, LOOPS = 0.01, 0.3, 0.05


def planted(repeats, samples, *, ratio=(4,), loops=0.0, seed=0):
    """y = Y_INF + SLOPE/c + loops c/N + noise, by repeat, size and sample; and the standard errors of the means."""
    rng = np.random.default_rng(seed)
    c, r = (x.ravel() for x in np.meshgrid(C, ratio))
    spread = 0.02 * (24 / c) ** 0.5
    y = Y_INF + SLOPE / c + loops / r
    noise = rng.normal(size=(repeats, len(c), samples)) * spread[:, None]
    coords = {"connectivity": ("size", c), "width": ("size", c * r)}
    values = xr.DataArray(y[:, None] + noise, dims=("repeat", "size", "sample"), coords=coords)
    return values, xr.zeros_like(values.mean("sample")) + xr.DataArray(spread / samples**0.5, dims="size")


def check_pulls(fit, truths, *, coverage=0.683, wide=THRESHOLD):
    for name, truth in truths.items():
        pull = ((fit[name] - truth) / fit[f"{name}_error"]).values
        n = len(pull)
        assert abs(pull).max() < wide, (name, pull.max())
        assert abs(pull.mean()) < THRESHOLD * pull.std() / n**0.5, name
        inside = (abs(pull) < 1).mean()
        assert abs(inside - coverage) < THRESHOLD * (coverage * (1 - coverage) / n) ** 0.5, (name, inside)


def test_known_errors_give_exact_pulls():
    values, error = planted(500, 6)
    fit = infinite_connectivity(values.mean("sample"), error=error)
    check_pulls(fit, {"y_inf": Y_INF, "slope": SLOPE})
    chi = fit.chi_squared.values  # 3 degrees of freedom
    assert abs(chi.mean() - 1) < THRESHOLD * (2 / 3 / 500) ** 0.5
    assert (fit.fitted == 5).all()
    X = np.stack([np.ones(5), 1 / C], 1) / error.values[0][:, None]
    best = np.linalg.lstsq(X, (values.mean("sample") / error).values[0], rcond=None)[0]
    np.testing.assert_allclose([fit.y_inf[0], fit.slope[0]], best, rtol=1e-9)
    covariance = np.linalg.inv(X.T @ X)
    np.testing.assert_allclose([fit.y_inf_error[0], fit.slope_error[0]], np.sqrt(np.diag(covariance)), rtol=1e-9)


def test_errors_from_samples_cover_the_truth():
    """Errors that take weights from 4 samples for known ones would not. Students have long tails."""
    values, _ = planted(400, 4)
    check_pulls(infinite_connectivity(values), {"y_inf": Y_INF, "slope": SLOPE}, wide=12)
    known = infinite_connectivity(values.mean("sample"), error=mean_and_error(values)["error"])
    with pytest.raises(AssertionError, match=r"\('y_inf', "):
        check_pulls(known, {"y_inf": Y_INF, "slope": SLOPE}, wide=np.inf)


def test_a_term_in_c_over_N():
    values, error = planted(300, 6, ratio=(4, 8, 16), loops=LOOPS)
    mean = values.mean("sample")
    check_pulls(infinite_connectivity(mean, error=error, loops=True), {"y_inf": Y_INF, "slope": SLOPE, "loops": LOOPS})
    with pytest.raises(AssertionError):
        check_pulls(infinite_connectivity(mean, error=error), {"y_inf": Y_INF})
    one = planted(1, 6, ratio=(4,))[0]
    with pytest.raises(ValueError, match="`loops` must be False where c/N is the same for all sizes, but is True"):
        infinite_connectivity(one, loops=True)


def test_jackknife_is_that_of_the_definition():
    values = planted(1, 5, seed=3)[0].isel(repeat=0)
    whole = infinite_connectivity(values)
    variance = 0.0
    for k in range(5):
        left = []
        for s in range(5):
            x = values.copy()
            x[k, s] = np.nan
            left.append(float(infinite_connectivity(x).y_inf))
        variance += 4 / 5 * ((np.array(left) - np.mean(left)) ** 2).sum()
    np.testing.assert_allclose(whole.y_inf_error, variance**0.5, rtol=1e-9)


def test_too_few_sizes_give_nothing():
    values = planted(1, 4)[0].isel(repeat=0)
    for cut in (values[:1], values.where(values.connectivity == 12), values.isel(sample=slice(2)), 0 * values):
        fit = infinite_connectivity(cut)
        assert np.isnan([fit.y_inf, fit.y_inf_error, fit.slope, fit.chi_squared]).all() and fit.fitted < 2
    two = infinite_connectivity(values[:2])
    assert np.isfinite([two.y_inf, two.y_inf_error]).all() and np.isnan(two.chi_squared) and two.fitted == 2
    fewer = values.copy()
    fewer[4, 1:] = np.nan  # one sample is left
    xr.testing.assert_allclose(infinite_connectivity(fewer), infinite_connectivity(values[:4]).assign(fitted=4))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: {"data": x.drop_vars("width")}, "`data` must have the coordinate 'width' along 'size'"),
        (lambda x: {"data": x.assign_coords(width=0 * x.width)}, "`data` must have positive numbers as 'width'"),
        (lambda x: {"data": x.mean("sample")}, "`data` must have the dimension 'sample'"),
        (lambda x: {"data": x.mean("sample"), "error": 0 * x.mean("sample")}, "`error` must be positive, but is 0.0"),
        (
            lambda x: {"data": x.mean("sample"), "error": x.mean("sample")[:2]},
            "`error` must be at the sizes and labels",
        ),
    ],
)
def test_bad_arguments(change, words):
    values = planted(1, 4)[0].isel(repeat=0)
    with pytest.raises(ValueError, match=f"^Argument {re.escape(words)}"):
        infinite_connectivity(**change(values))


def of_machine(samples=3, seed=0, **machine):
    ds = result(samples=samples, clones=2, sweeps=10, seed=seed)
    return ds.assign_attrs(machine=json.dumps({"depth": 10, **machine}), task="random")


def test_results_become_values_by_size():
    runs = [
        of_machine(width=48, connectivity=12),
        of_machine(width=96, connectivity=24, samples=4),
        of_machine(width=16),
    ]
    values = by_connectivity(runs)
    assert values.dims == ("size", "sample", "layer") and values.shape == (3, 4, 9)
    assert values.connectivity.values.tolist() == [12, 24, 16] and values.width.values.tolist() == [48, 96, 16]
    assert np.isnan(values.values[0, 3]).all() and np.isfinite(values.values[1]).all()
    q = longest_lag(runs[1].spin_overlap_squared).isel(waiting_time=-1, layer=slice(9))
    expected = (q.sel(clone=0, clone_b=1) + q.sel(clone=1, clone_b=0)) / 2
    np.testing.assert_allclose(values[1], expected, rtol=1e-6)
    np.testing.assert_allclose(values.chance[0], chance_level(runs[0]))
    assert values.attrs["long_name"] == "squared overlap of neurons"
    xr.testing.assert_identical(by_connectivity(dict(enumerate(runs))), values)
    fit = infinite_connectivity(values)
    assert fit.y_inf.dims == ("layer",) and "chance" not in fit.coords
    plain = by_connectivity(runs, "weight_overlap")
    assert "chance" not in plain.coords and plain.sizes["layer"] == 10


def test_a_campaign_is_taken_along_its_dimension():
    runs = [of_machine(width=n) for n in (8, 16)]
    base = {"machine": {"depth": 10}, "c": None}
    grid = (
        xr.concat(runs, "N", combine_attrs="drop")
        .assign_coords(N=[8, 16])
        .assign_attrs(run_config=json.dumps(base), depth=10)
    )
    found = by_connectivity(grid)
    xr.testing.assert_allclose(found, by_connectivity(runs))
    assert machine_of(grid.isel(N=1)) == gn.Machine(10, 16)
    with pytest.raises(ValueError, match="`results` must be several results, or a campaign with one dimension"):
        by_connectivity(runs[0])
    with pytest.raises(ValueError, match="`results` must have the layers"):
        by_connectivity([runs[0], runs[1].isel(layer=slice(4))])
    with pytest.raises(ValueError, match=r"`results` must hold results of runs, but is"):
        by_connectivity([])


def fed_forward(c, N, layers, draws, patterns, rng):
    """Squared overlaps of two independent machines of sign neurons under the same inputs, (draw, layer)."""
    machine = gn.Machine(layers + 1, N, connectivity=c)
    found = np.empty((draws, layers))
    for n in range(draws):
        S = [rng.choice([-1.0, 1.0], (N, patterns)).astype(np.float32)] * 2
        for l in range(layers):
            for k in range(2):
                J = np.zeros((N, N), np.float32)
                np.put_along_axis(J, machine.sources(l + 1), rng.normal(size=(N, c)).astype(np.float32), 1)
                S[k] = np.where(J @ S[k] >= 0, 1, -1).astype(np.float32)
            r = (S[0] * S[1]).mean(1)
            found[n, l] = ((patterns * r**2 - 1) / (patterns - 1)).mean()
    return found


@pytest.mark.parametrize(("c", "N", "draws"), [(32, 32, 200), (16, 48, 100)])
def test_the_recursion_is_that_of_machines_fed_forward(c, N, draws):
    """The next order in 1/c: less than 3/c for each layer passed."""
    found = fed_forward(c, N, 3, draws, 129, np.random.default_rng(0))
    mean, error = found.mean(0), found.std(0, ddof=1) / draws**0.5
    theory = np.array(_followed([(c, N, 1.0)] * 3))
    tolerance = THRESHOLD * error + theory * [1 / c, 3 / c, 6 / c]
    assert (abs(mean - theory) < tolerance).all()
    assert (abs(mean - 2 * theory) > tolerance)[:2].all()


def test_a_chance_level_by_hand():
    ds = of_machine(width=20).assign_attrs(machine='{"depth": 2, "width": 100, "inputs": 10, "outputs": 5}')
    x, y = 0.1, (5 / 100) ** 2 * (1 / 5 + 1 / 25)
    np.testing.assert_allclose(chance_level(ds), (2 / np.pi) ** 2 * (x + x**2 + y))
    both = chance_level(of_machine(width=64, connectivity=16))
    np.testing.assert_allclose(both, both[::-1])  # equal widths: the same from both sides
    np.testing.assert_allclose(both[0], (2 / np.pi) ** 2 * (1 / 16 + 1 / 256), rtol=1e-3)
    np.testing.assert_allclose(both.layer, range(1, 10))
    for words, attrs in (
        ("`ds` must have hidden layers, but is 1", {"machine": '{"depth": 1, "width": 4}'}),
        ("`ds` must have the depth and the width of its machine", {"machine": "{}"}),
        ("`ds` must be the result of a machine", {}),
    ):
        with pytest.raises(ValueError, match=words):
            chance_level(ds.drop_attrs().assign_attrs(attrs))
