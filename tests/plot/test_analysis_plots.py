import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from analysis.synthetic_result import result
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glassnet import plot
from glassnet.analysis import derive, infinite_connectivity, mean_and_error, overlap_distribution, susceptibility_peak

mpl.use("Agg")


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """Plots leave neither open figures nor settings."""
    before = dict(mpl.rcParams)
    yield
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before


@pytest.fixture(scope="module")
def ds():
    data = derive(result(samples=5))
    return data.assign_coords(configuration_sample=("configuration", np.arange(15) // 3))


def widths():
    N, x = np.array([10, 20, 40]), np.linspace(0.1, 2, 9)
    y = np.exp(-x * (N[:, None] / 10) ** -0.5) * N[:, None] ** 0.3
    noisy = y + 0.001 * np.random.default_rng(0).normal(size=(4, 3, 9))
    return xr.DataArray(noisy, dims=("sample", "width", "x"), coords={"width": N, "x": x}, name="y")


def by_size():
    """Squared overlaps of machines of four sizes, with their chance level."""
    c, ratio = np.array([12, 24, 48, 24]), np.array([4, 4, 4, 16])
    order = xr.DataArray([0.0, 0.02], {"layer": [1, 2]}, ("layer",))
    noise = 0.002 * np.random.default_rng(0).normal(size=(4, 5, 2))
    sizes = {
        "connectivity": ("size", c),
        "width": ("size", c * ratio),
        "chance": (("size", "layer"), 0.4 / c[:, None] + [0, 0]),
    }
    values = xr.DataArray(noise, dims=("size", "sample", "layer")).assign_coords(sizes) + order
    return (values + 0.2 / values.connectivity).rename("q2")


DRAWN = {
    "connectivity_extrapolation": lambda ds, ax=None: plot.connectivity_extrapolation(by_size(), ax),
    "overlap_histogram": lambda ds, ax=None: plot.overlap_histogram(ds.final_spin_overlap, ax, layer=2),
    "susceptibility_curves": plot.susceptibility_curves,
    "aging_collapse": lambda ds, ax=None: plot.aging_collapse(ds.spin_autocorrelation, ax, layer=3, exponent=0.5),
    "width_collapse": lambda ds, ax=None: plot.width_collapse(widths(), ax, dim="x", a=0.3, b=-0.5),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_returns_the_axes_given_or_new_ones(ds, draw):
    ax = Figure().add_subplot()
    assert draw(ds, ax) is ax
    new = draw(ds)
    assert isinstance(new, Axes) and new is not ax
    assert new.get_xlabel() and new.get_ylabel()


def test_extrapolation_draws_points_fit_intercept_and_chance():
    values = by_size()
    fit = infinite_connectivity(values)
    ax = plot.connectivity_extrapolation(values)
    bars = [bar.lines[0] for bar in ax.containers]
    assert len(bars) == 2 * 3  # for each layer the points of two N/c and the intercept
    for n, layer in enumerate((1, 2)):
        few, more, end = bars[3 * n : 3 * n + 3]
        np.testing.assert_allclose(few.get_xdata(), [1 / 12, 1 / 24, 1 / 48])
        np.testing.assert_allclose(more.get_ydata(), values.mean("sample").sel(layer=layer)[3:])
        assert end.get_xdata()[0] == 0 and end.get_ydata()[0] == float(fit.y_inf.sel(layer=layer))
    lines = [line for line in ax.get_lines() if len(line.get_xdata()) == 2 and line.get_linestyle() == "-"]
    ends = np.array(lines[0].get_xdata())
    np.testing.assert_allclose(lines[0].get_ydata(), float(fit.y_inf[0]) + float(fit.slope[0]) * ends)
    dotted = [line for line in ax.get_lines() if line.get_linestyle() not in ("-", "None")]
    np.testing.assert_allclose(dotted[0].get_ydata(), [0, 0.4 / 48, 0.4 / 24, 0.4 / 12])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["chance", "$N/c = 4$", "$N/c = 16$"]
    more = plot.connectivity_extrapolation(values.drop_vars("chance"), loops=True)
    assert len(more.get_lines()) > len(ax.get_lines()) - 4 and len(more.get_legend().get_texts()) == 2
    with pytest.raises(ValueError, match="`data` must have no dimension 'clone'"):
        plot.connectivity_extrapolation(values.expand_dims(clone=2))


def test_histogram_draws_the_distribution(ds):
    P = overlap_distribution(ds.final_spin_overlap)
    for data in (P, ds.final_spin_overlap):
        within, between = plot.overlap_histogram(data, layer=2, waiting_time=10).get_lines()
        here = P.sel(layer=2, waiting_time=10)
        np.testing.assert_allclose(within.get_ydata(), here.within)
        np.testing.assert_allclose(between.get_ydata(), here.between)
        np.testing.assert_allclose(within.get_xdata(), P.overlap)
    with pytest.raises(ValueError, match="`layer` must be among the layers"):
        plot.overlap_histogram(P, layer=99)


def test_curves_and_peaks_of_the_susceptibility(ds):
    ax = plot.susceptibility_curves(ds)
    chi = mean_and_error(ds.susceptibility_clones.isel(waiting_time=-1))["mean"]
    lines = ax.get_lines()
    assert len(lines) == 9
    np.testing.assert_allclose(lines[4].get_ydata(), chi.sel(layer=5).isel(lag=slice(1, None)))
    peaks = susceptibility_peak(ds, seed=0, resamples=20)
    with_peaks = plot.susceptibility_curves(ds, peaks=peaks)
    points = [bar.lines[0] for bar in with_peaks.containers]
    last = peaks.isel(waiting_time=-1).sel(layer=slice(1, 9))
    reached = last.height.dropna("layer")
    assert len(points) == len(reached) > 0
    np.testing.assert_allclose([p.get_ydata()[0] for p in points], reached)
    np.testing.assert_allclose([p.get_xdata()[0] for p in points], last.peak_lag.dropna("layer"))


def test_aging_curves_are_moved_by_the_exponent(ds):
    raw, moved = (plot.aging_collapse(ds.spin_autocorrelation, layer=3, exponent=mu) for mu in (0.0, 0.5))
    assert len(raw.containers) == 2  # waiting times 10 and 1000
    for bar, shifted, time in zip(raw.containers, moved.containers, (10, 1000), strict=True):
        np.testing.assert_array_equal(bar.lines[0].get_xdata(), ds.lag[1:])
        np.testing.assert_allclose(shifted.lines[0].get_xdata(), ds.lag[1:] / np.sqrt(time))
        mean = ds.spin_autocorrelation.sel(waiting_time=time, layer=3).mean(("sample", "clone"))[1:]
        np.testing.assert_allclose(bar.lines[0].get_ydata(), mean, rtol=1e-5)


def test_widths_fall_onto_one_curve():
    ax = plot.width_collapse(widths(), dim="x", a=0.3, b=-0.5)
    N = [10, 20, 40]
    for n, bar in zip(N, ax.containers, strict=True):
        x, y = bar.lines[0].get_data()
        np.testing.assert_allclose(y, np.exp(-x * 10**0.5), atol=0.003)
        np.testing.assert_allclose(x, np.linspace(0.1, 2, 9) * n**-0.5)


@pytest.mark.parametrize(
    ("words", "call"),
    [
        (
            "`layer` must be among the layers",
            lambda ds: plot.aging_collapse(ds.spin_autocorrelation, layer=99, exponent=1.0),
        ),
        ("`exponent` must be a finite", lambda ds: plot.aging_collapse(ds.energy, layer=1, exponent=np.nan)),
        ("`data` must have the dimension 'width'", lambda ds: plot.width_collapse(ds.energy, dim="x", a=0.0, b=0.0)),
        ("`a` must be a finite", lambda ds: plot.width_collapse(widths(), dim="x", a=np.inf, b=0.0)),
        (
            "`data` must have a single temperature",
            lambda ds: plot.susceptibility_curves(derive(result(temperatures=2))),
        ),
    ],
)
def test_bad_input(ds, words, call):
    with pytest.raises(ValueError, match=words):
        call(ds)
