"""What public functions of analysis and plot do with whatever is handed over: the right thing, or one sentence."""

import re

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from analysis.whatever import ANALYSIS, PLOT, campaign, whole

import glassnet as gn
from glassnet.report.cautions import warnings_of

mpl.use("Agg")
SENTENCE = re.compile(r"Argument `[\w.]+` must [^\n]{5,300}, but (is|has|lacks) [^\n]{1,250}\.")
ALL = ANALYSIS | PLOT
FOREIGN = xr.Dataset({"air": (("lat", "lon"), np.ones((3, 2))), "wind": ("lat", ["n", "s", "w"])}, {"lat": [1, 2, 3]})
WHOLE = whole()
ONE = whole(samples=1)


def nan(x):
    """Everything that is measured as NaN."""
    if isinstance(x, xr.Dataset):
        return x.map(lambda v: v * np.nan if v.dtype.kind == "f" else v, keep_attrs=True).assign_attrs(x.attrs)
    return x * np.nan if isinstance(x, xr.DataArray) else x


def empty(x):
    return x.isel({d: slice(0) for d in x.dims[:1]}) if isinstance(x, xr.DataArray) else none_of(x)


def none_of(x):
    return x.isel(dict.fromkeys(x.dims, slice(0))) if isinstance(x, xr.Dataset) else x


STRANGERS = {
    "a result": lambda pick: WHOLE,
    "a campaign": lambda pick: campaign(WHOLE),
    "one run of a campaign": lambda pick: campaign(WHOLE).isel(seed=0),
    "foreign": lambda pick: FOREIGN,
    "foreign array": lambda pick: FOREIGN.air,
    "words": lambda pick: FOREIGN.wind,
    "a string": lambda pick: "own",
    "nothing": lambda pick: None,
    "a list": lambda pick: [1, "a"],
    "empty": lambda pick: empty(pick(WHOLE)),
    "all empty": lambda pick: none_of(WHOLE),
    "one sample": lambda pick: pick(ONE),
    "all NaN": lambda pick: nan(pick(WHOLE)),
    "a scalar of it": lambda pick: of_one(pick(WHOLE)),
}


def of_one(x):
    return x.isel(dict.fromkeys(x.dims, 0)) if isinstance(x, (xr.DataArray, xr.Dataset)) else x


def test_all_public_functions_are_here():
    former = {"crossing_time"}
    assert {*ANALYSIS} == {*gn.analysis.__all__} - {"Tree", "Equilibration", *former}
    assert {*PLOT} - {"peaks"} == {*gn.plot.__all__} - {"paper"}


def test_takes_what_it_says():
    for pick, call in ALL.values():
        assert call(pick(WHOLE)) is not None


@pytest.mark.parametrize("stranger", STRANGERS)
def test_takes_or_refuses_in_one_sentence(stranger):
    """Nothing raw: no KeyError, no traceback of a library, no warning, and no page of text."""
    raw = {}
    for name, (pick, call) in ALL.items():
        given = STRANGERS[stranger](pick)
        try:
            call(given)
        except Exception as error:
            if not isinstance(error, ValueError) or not SENTENCE.fullmatch(str(error)):
                raw[name] = repr(error)
    assert not raw


@pytest.mark.parametrize("given", ["own", None, FOREIGN, WHOLE.energy])
def test_warnings_of_whatever(given):
    with pytest.raises(ValueError, match=SENTENCE):
        warnings_of(given)


def turned(x):
    """The same with every numbered and labelled axis in another order, but for samples."""
    if not isinstance(x, (xr.DataArray, xr.Dataset)):
        return x
    rng = np.random.default_rng(3)
    numbered = [d for d in x.dims if d in x.indexes and d not in ("sample", "alpha")]
    return x.isel({d: rng.permutation(x.sizes[d]) for d in numbered})


def in_order(x):
    if isinstance(x, (xr.DataArray, xr.Dataset)):
        return x.sortby([d for d in x.dims if d in x.indexes])
    return x


ORDER_MATTERS = ("integrated_time", "null_overlaps", "ultrametricity_null", "clustered", "trees")
"""A chain is refused out of order, random overlaps are drawn in theirs, and trees name places of leaves."""


@pytest.mark.parametrize("source", [turned(WHOLE), WHOLE.isel(layer=[2, 1, 0], lag=slice(None, None, -1))])
def test_order_of_coordinates_does_not_matter(source):
    differ = {}
    for name, (pick, call) in ANALYSIS.items():
        if name not in ORDER_MATTERS:
            straight, other = call(pick(WHOLE)), call(pick(source))
            try:
                compare(in_order(straight), in_order(other))
            except AssertionError as error:
                differ[name] = str(error)[:500]
    assert not differ


def compare(a, b):
    if isinstance(a, (xr.DataArray, xr.Dataset)):
        xr.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
    else:
        assert a == b


def test_trees_know_configurations_by_their_labels():
    """The merges of shuffled rows and columns join the same configurations at the same distances."""
    q = WHOLE.final_spin_overlap.isel(waiting_time=0, layer=0)
    rows, columns = np.random.default_rng(0).permutation(q.shape[0]), np.random.default_rng(1).permutation(q.shape[0])
    mixed = q.isel(configuration=rows, configuration_b=columns)
    np.testing.assert_allclose(gn.analysis.clustered(mixed).linkage[:, 2], gn.analysis.clustered(q).linkage[:, 2])
    assert gn.analysis.trees(mixed).cophenetic == pytest.approx(gn.analysis.trees(q).cophenetic.item())
    with pytest.raises(ValueError, match="`overlap` must have the same labels along 'configuration' and"):
        gn.analysis.trees(q.isel(configuration=[0, 1], configuration_b=[1, 2]))


@pytest.mark.parametrize("keep", [True, False])
def test_words_do_not_depend_on_options_of_xarray(keep):
    """Attributes are set: under any option the same, and those of no other quantity."""
    differ = []
    for name, (pick, call) in ANALYSIS.items():
        given = pick(WHOLE)
        plain = call(given)
        with xr.set_options(keep_attrs=keep):
            other = call(given)
        if isinstance(plain, (xr.DataArray, xr.Dataset)) and not plain.identical(other):
            differ.append(name)
    assert not differ


def test_words_are_not_those_of_another_quantity():
    q, K = WHOLE.final_spin_overlap, gn.analysis.ultrametricity(WHOLE.final_spin_overlap, seed=0).K
    assert K.attrs == {"long_name": "mean of (d_max - d_med)/sigma_d over triangles", "units": "1"}
    assert "symbol" in q.attrs
    for name in ("trees", "plateau_height", "peak", "solid", "solid_depth", "penetration_depth", "infinite_width"):
        pick, call = ANALYSIS[name]
        out = call(pick(WHOLE))
        parts = [out] if isinstance(out, xr.DataArray) else out.data_vars.values()
        assert all({*x.attrs} <= {"long_name", "units"} for x in parts), name


@pytest.mark.slow  # dask, which it needs, makes every process start later
def test_lazy_data_give_the_same():
    pytest.importorskip("dask")
    differ = {}
    drawn = {name: PLOT[name] for name in ("autocorrelation", "overlap_tree", "energy_and_error")}
    for name, (pick, call) in (ANALYSIS | drawn).items():
        given = pick(WHOLE)
        if isinstance(given, (xr.DataArray, xr.Dataset)):
            try:
                out = call(given.chunk())
                if hasattr(out, "compute"):
                    xr.testing.assert_identical(call(given), out.compute())
            except Exception as error:
                differ[name] = repr(error)[:300]
    assert not differ


@pytest.mark.parametrize("scale", [1e-200, 1e200, 0.0])
def test_numbers_of_any_size(scale):
    """No warning, no negative error, no error of zero where numbers differ; a constant has none."""
    x = WHOLE.energy.astype(float) * scale
    for out in (ANALYSIS[name][1](x) for name in ("mean_and_error", "bootstrap", "jackknife")):
        error = out["error"]
        assert (error > 0).all() if scale else (error == 0).all()
        plain = gn.analysis.mean_and_error(WHOLE.energy.astype(float))["error"]
        if "mean" in out and scale:
            np.testing.assert_allclose(error / scale, plain, rtol=1e-12)


SERIES = {
    "alternating": lambda lags: (-1.0) ** np.arange(len(lags)),
    "constant": lambda lags: np.full(len(lags), 0.7),
    "tiny": lambda lags: 1e-200 * np.exp(-lags / 10),
    "huge": lambda lags: 1e200 * np.exp(-lags / 10),
}


@pytest.mark.parametrize("series", SERIES)
def test_estimators_stay_in_the_range_of_what_they_estimate(series):
    """Times, heights of plateaus and errors are not negative, whatever the curve; a time lies among the lags."""
    c = WHOLE.spin_autocorrelation.astype(float)
    one = xr.DataArray(SERIES[series](c.lag.values), dims="lag")
    curves = (c * 0 + one).transpose(*c.dims)
    with np.errstate(all="raise", under="ignore"):
        tau = gn.analysis.relaxation_time(curves)
        mean = gn.analysis.mean_relaxation_time(curves)
        fit = gn.analysis.stretched_exponential(curves.isel(sample=0, clone=0, layer=0))
        height = gn.analysis.plateau_height(curves)
        gn.analysis.peak(curves)
    assert (tau.isnull() | ((tau >= 0) & (tau <= c.lag.max()))).all()
    for x in (mean.value, mean.error, mean.low, fit.tau, fit.exponent, fit.amplitude, fit.tau_error, height.error):
        assert (x.isnull() | (x >= 0)).all()
    q = xr.full_like(WHOLE.final_spin_overlap, 0.1)
    out = gn.analysis.ultrametricity(q, seed=0)
    assert out.K.isnull().all() and out.cophenetic.isnull().all() and (out.isosceles == 1).all()
