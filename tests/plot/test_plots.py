import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from analysis.synthetic_result import DEPTH, result
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import dendrogram

from glassnet import plot
from glassnet.analysis import chance_level, clustered, mean_and_error
from glassnet.plot.labels import evenly
from glassnet.plot.tree import brackets

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
    return result(sweeps=10_000)


DRAWN = {
    "energy_and_error": plot.energy_and_error,
    "autocorrelation": plot.autocorrelation,
    "overlap_profile": plot.overlap_profile,
    "overlap_matrix": lambda data, ax=None: plot.overlap_matrix(data, ax, layer=1),
    "overlap_tree": lambda data, ax=None: plot.overlap_tree(data.final_spin_overlap, ax, layer=1),
    "layers_in_time": lambda data, ax=None: plot.layers_in_time(data.energy, ax),
    "magnetisation_profile": plot.magnetisation_profile,
    "raw_and_connected": plot.raw_and_connected,
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_returns_the_axes_given_or_new_ones(ds, draw):
    ax = Figure().add_subplot()
    assert draw(ds, ax) is ax
    new = draw(ds)
    assert isinstance(new, Axes)
    assert new is not ax


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_more_than_one_temperature_needs_a_choice(draw):
    ladder = result(temperatures=2)
    with pytest.raises(ValueError, match=r"`data` must have a single temperature: select one with .sel\(temperature="):
        draw(ladder)
    draw(ladder.isel(temperature=0))
    draw(ladder.isel(temperature=[1]))


def lines(ax):
    """Curves of data, reference lines left out."""
    return [line for line in ax.get_lines() if len(line.get_xdata()) > 2]


def test_energy_and_errors(ds):
    ax = plot.energy_and_error(ds)
    right = next(other for other in ax.figure.axes if other is not ax)
    assert (len(lines(ax)), len(lines(right))) == (1, 2)
    assert len(ax.collections) == 1
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert "sweeps" in ax.get_xlabel()
    assert "energy per gap" in ax.get_ylabel()
    assert right.get_ylabel() == "error (fraction of output neurons)"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["energy", "training error", "test error"]
    t = lines(ax)[0].get_xdata()
    assert (t > 0).all()
    expected = mean_and_error(ds.test_error)["mean"].sel(time=t)
    np.testing.assert_allclose(lines(right)[1].get_ydata(), expected)


def test_energy_zero_and_time_zero_only(ds):
    assert plot.energy_and_error(ds.assign(energy=ds.energy * 0)).get_yscale() == "linear"
    assert plot.energy_and_error(ds.isel(time=[0])).get_xscale() == "linear"
    assert plot.energy_and_error(ds.drop_vars(["train_error", "test_error"])).figure.axes[1:] == []


def test_a_run_that_has_measured_lag_zero_alone_can_be_drawn(ds):
    begun = ds.map(lambda x: x.where(x.lag == 0) if "lag" in x.dims else x, keep_attrs=True)
    ax = plot.autocorrelation(begun)
    assert ax.get_xscale() == "linear"
    ax.figure.canvas.draw()
    np.testing.assert_array_equal(lines(ax)[0].get_xdata(), ds.lag)
    assert lines(ax)[0].get_ydata()[0] == 1
    assert np.isnan(lines(ax)[0].get_ydata()[1:]).all()


def test_autocorrelation_has_a_line_for_each_hidden_layer(ds):
    ax = plot.autocorrelation(ds)
    assert len(lines(ax)) == DEPTH - 1
    assert len(ax.collections) == DEPTH - 1
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "lag after the waiting time (sweeps)"
    assert ax.get_ylabel() == "spin autocorrelation $c_l(t, t_w)$"
    level = next(line for line in ax.get_lines() if len(line.get_xdata()) == 2)
    assert level.get_ydata()[0] == pytest.approx(np.exp(-1))
    assert all((line.get_xdata() > 0).all() for line in lines(ax))
    expected = mean_and_error(ds.spin_autocorrelation)["mean"].sel(waiting_time=1000, layer=4)[1:]
    np.testing.assert_allclose(lines(ax)[3].get_ydata(), expected)


def test_autocorrelation_at_two_waiting_times(ds):
    ax = plot.autocorrelation(ds, waiting_time=(10, 1000))
    styles = [line.get_linestyle() for line in lines(ax)]
    assert styles == ["--"] * (DEPTH - 1) + ["-"] * (DEPTH - 1)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["$t_w =$", "10", "1000"]
    colours = [line.get_color() for line in lines(ax)]
    assert colours[: DEPTH - 1] == colours[DEPTH - 1 :]


def test_autocorrelation_of_one_array(ds):
    C = ds.weight_autocorrelation
    assert len(lines(plot.autocorrelation(C, waiting_time=0))) == DEPTH
    assert len(lines(plot.autocorrelation(C.mean(("sample", "clone")).sel(layer=[2, 3])))) == 2
    assert len(lines(plot.autocorrelation(C.sel(waiting_time=10)))) == DEPTH
    assert len(lines(plot.autocorrelation(C.sel(waiting_time=10, drop=True)))) == DEPTH


def test_unknown_waiting_time(ds):
    with pytest.raises(
        ValueError, match=r"`waiting_time` must be among the waiting times \[0, 10, 1000\], but is \[7\]"
    ):
        plot.autocorrelation(ds, waiting_time=7)


def test_too_many_waiting_times_for_dashes(ds):
    many = ds.isel(waiting_time=[0, 0, 0, 1, 2]).assign_coords(waiting_time=range(5))
    with pytest.raises(ValueError, match="`waiting_time` must hold at most 4 values"):
        plot.autocorrelation(many, waiting_time=range(5))


def test_layers_have_colours_of_growing_lightness():
    colours, _ = plot.layer_colours(range(1, 20))
    lightness = np.array([to_rgb(colour) for colour in colours]) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()


def test_profile_has_a_line_for_each_waiting_time(ds):
    ax = plot.overlap_profile(ds)
    drawn = ax.containers
    assert len(drawn) == 3
    expected = mean_and_error(ds.spin_overlap)["mean"].isel(lag=-1, layer=slice(None, -1))
    np.testing.assert_allclose([bar.lines[0].get_ydata() for bar in drawn], expected)
    assert ax.get_ylabel() == "replica overlap of spins $q_l^{ab}$"
    assert ax.get_ylim()[1] > 1
    words = [text.get_text() for text in ax.get_xticklabels()]
    assert words == ["in", *map(str, range(1, DEPTH)), "out"]


def test_many_waiting_times_go_into_the_axes(ds):
    many = ds.isel(waiting_time=[0, 0, 0, 1, 1, 2]).assign_coords(waiting_time=10 ** np.arange(6))
    ax = plot.overlap_profile(many)
    box, frame = ax.get_legend().get_window_extent(), ax.get_window_extent()
    assert frame.y0 < box.y0 < box.y1 < frame.y1
    assert len(ax.get_legend().get_texts()) == 6


def test_profile_of_one_array_and_of_one_clone(ds):
    ax = plot.overlap_profile(ds.weight_overlap.isel(waiting_time=-1))
    assert ax.texts[-1].get_text() == "1/e"
    assert len(ax.containers) == 1
    assert len(ax.containers[0].lines[0].get_xdata()) == DEPTH
    with pytest.raises(ValueError, match="`data` must have at least two clones"):
        plot.overlap_profile(result(clones=1))


def test_squared_overlaps_stand_beside_their_level_and_chance(ds):
    machine = '{"depth": 10, "width": 20, "inputs": 784, "outputs": 2}'
    ds = ds.assign_attrs(task="random", machine=machine)
    ax = plot.overlap_profile(ds, name="spin_overlap_squared")
    assert ax.texts[-1].get_text() == "$1/e^2$" and "squared overlap of neurons" in ax.get_ylabel()
    np.testing.assert_allclose(ax.get_lines()[-1].get_ydata(), chance_level(ds))
    digits = plot.overlap_profile(ds.assign_attrs(task="digits"), name="spin_overlap_squared")
    assert len(digits.get_lines()) == len(ax.get_lines()) - 1
    plain = ds.drop_vars("spin_overlap_squared")
    for data, squared in ((ds, 2), (plain, 1), (plain.drop_vars("spin_autocorrelation_squared"), 0)):
        assert sum("squared" in ax.get_ylabel() for ax in plot.overview(data).axes) == squared


def test_matrix_is_ordered_by_the_tree(ds):
    shuffle = np.random.default_rng(0).permutation(ds.sizes["configuration"])
    mixed = ds.isel(configuration=shuffle, configuration_b=shuffle)
    ax = plot.overlap_matrix(mixed, layer=1)
    q = mixed.final_spin_overlap.isel(waiting_time=-1).sel(layer=1).values
    order = clustered(q).order
    np.testing.assert_array_equal(ax.images[0].get_array(), q[np.ix_(order, order)])
    assert ax.images[0].get_clim() == (-1, 1)
    assert ax.get_title() == "layer 1"
    assert len(ax.figure.axes) == 2
    assert len(plot.overlap_matrix(mixed, layer=1, colour_bar=False).figure.axes) == 1


def test_matrix_with_samples_side_by_side(ds):
    """In a layer without blocks the tree mixes samples; with `clones` they stay together, with lines between."""
    ax = plot.overlap_matrix(ds, layer=5, clones=3)
    assert len(ax.get_lines()) == 2 * 3
    q = ds.final_spin_overlap.isel(waiting_time=-1).sel(layer=5).values
    image = np.asarray(ax.images[0].get_array())
    leaves = np.array([int(np.argmax([np.isin(row, image[n]).mean() for row in q])) for n in range(len(q))])
    samples = leaves // 3
    assert sorted(leaves) == list(range(12))
    assert all(len(set(samples[n : n + 3])) == 1 for n in range(0, 12, 3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": 11}, "`layer` must be among the layers"),
        ({"layer": 1, "clones": 5}, "`clones` must divide the 12 configurations"),
        ({"layer": 1, "clones": 0}, "`clones` must be an integer of at least 1"),
        ({"layer": 1, "waiting_time": 3}, "`waiting_time` must be among"),
    ],
)
def test_matrix_refuses(ds, options, message):
    with pytest.raises(ValueError, match=message):
        plot.overlap_matrix(ds, **options)


def test_tree_stands_over_the_matrix_that_it_orders(ds):
    shuffle = np.random.default_rng(1).permutation(ds.sizes["configuration"])
    named = ds.final_spin_overlap.assign_coords(configuration_sample=("configuration", np.arange(12) // 3))
    mixed = named.isel(configuration=shuffle, configuration_b=shuffle)
    ax = plot.overlap_tree(mixed, layer=2)
    matrix, tree, strip = ax.child_axes
    q = mixed.isel(waiting_time=-1).sel(layer=2).values
    order, merges = clustered(q)
    np.testing.assert_array_equal(matrix.images[0].get_array(), q[np.ix_(order, order)])
    brackets = np.array(tree.collections[0].get_segments())
    assert brackets.shape == (11, 4, 2)
    np.testing.assert_allclose(np.sort(brackets[:, 1, 1]), np.sort(merges[:, 2]))
    leaves = brackets[brackets[..., 1] == 0][:, 0]
    np.testing.assert_allclose(np.sort(leaves), range(12))
    assert matrix.get_xlim() == tree.get_xlim() == strip.get_xlim()
    samples = named.configuration_sample.values[shuffle][order]
    np.testing.assert_array_equal(np.asarray(strip.images[0].get_array()).ravel(), samples)
    assert [text.get_text() for text in strip.texts] == [str(s) for s in samples[::3]]


def test_brackets_are_those_of_scipy():
    x = np.random.default_rng(0).normal(size=(40, 5))
    q = np.corrcoef(x)
    lines = dendrogram(clustered(q).linkage, no_plot=True)
    expected = np.stack([(np.array(lines["icoord"]) - 5) / 10, np.array(lines["dcoord"])], -1)
    found = brackets(clustered(q))
    assert found.shape == (39, 4, 2)
    np.testing.assert_allclose(found[np.lexsort(found[:, 1].T)], expected[np.lexsort(expected[:, 1].T)])


@pytest.mark.parametrize("close", [0.0, 1e-7])
def test_tree_of_thousands_that_are_alike(close):
    """Ties and chains of merges: the tree is as deep as it has leaves, as that of a planted state may be."""
    n = 1100
    position = close * np.arange(n)
    q = 1 - np.abs(position[:, None] - position) ** 2 / 2
    labels = {"layer": [1], "configuration_sample": ("configuration", np.arange(n) // 15)}
    data = xr.DataArray(q[..., None], dims=("configuration", "configuration_b", "layer"), coords=labels)
    ax = plot.overlap_tree(data, Figure().add_subplot(), layer=1)
    assert len(ax.child_axes[1].collections[0].get_segments()) == n - 1
    assert np.isfinite(brackets(clustered(q))).all()


def test_tree_of_one_configuration_and_without_samples(ds):
    one = ds.final_spin_overlap.isel(configuration=[0], configuration_b=[0])
    assert len(plot.overlap_tree(one, layer=1).child_axes) == 2
    with pytest.raises(ValueError, match="`layer` must be among the layers"):
        plot.overlap_tree(ds.final_spin_overlap, layer=11)


def test_layers_in_time(ds):
    energy = ds.energy.where(ds.layer != 3).where(ds.time <= 100)
    ax = plot.layers_in_time(energy)
    assert len(lines(ax)) == DEPTH - 1
    expected = mean_and_error(energy)["mean"].sel(layer=1).where(ds.time > 0, drop=True)
    np.testing.assert_allclose(lines(ax)[0].get_ydata(), expected)
    assert ax.get_xscale() == "log"
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim()[0] == 0
    assert plot.layers_in_time(ds.energy * 10.0 ** -(ds.time / 500)).get_yscale() == "log"
    assert lines(plot.layers_in_time(energy * np.nan)) == []


def test_along_an_axis(ds):
    energy = xr.concat(
        [ds.energy.isel(time=-1) * k for k in (2, 3, 1, 5)],
        xr.DataArray([0.5, 40.0, 0.1, np.inf], dims="beta", name="beta"),
    )
    ax = plot.along_axis(energy, axis="beta")
    curves = [bars.lines[0] for bars in ax.containers]
    assert len(curves) == DEPTH
    expected = mean_and_error(energy)["mean"].sel(layer=1, beta=[0.1, 0.5, 40.0])
    np.testing.assert_array_equal(curves[0].get_xdata(), expected.beta)
    np.testing.assert_allclose(curves[0].get_ydata(), expected)
    assert ax.get_xscale() == "log" and ax.get_ylim()[0] == 0
    pair = mean_and_error(energy.isel(layer=0).where(energy.beta < 40))
    ax = plot.along_axis(pair.isel(beta=[0, 2]), axis="beta")
    assert ax.get_xscale() == "linear" and list(ax.get_lines()[0].get_xdata()) == [0.1, 0.5]
    for data, words in {
        "time": (ds.energy.isel(layer=0), "have the dimension 'beta'"),
        "words": (energy.assign_coords(beta=list("abcd")), "`axis` must have numbers as values"),
        "two": (energy.expand_dims(seed=2), "have one dimension beside beta and sample"),
    }.values():
        with pytest.raises(ValueError, match=words):
            plot.along_axis(data, axis="beta")


def test_profiles_of_magnetisation(ds):
    ax = plot.magnetisation_profile(ds, threshold=0.2)
    expected = mean_and_error(ds.magnetisation_squared)["mean"].isel(lag=-1, layer=slice(None, -1))
    np.testing.assert_allclose([bar.lines[0].get_ydata() for bar in ax.containers], expected)
    assert ax.get_ylim()[1] > 0.2
    both = plot.raw_and_connected(ds, waiting_time=10)
    for bar, name in zip(both.containers, ("spin_overlap", "spin_overlap_connected"), strict=True):
        expected = mean_and_error(ds[name].sel(waiting_time=10))["mean"].isel(lag=-1, layer=slice(None, -1))
        np.testing.assert_allclose(bar.lines[0].get_ydata(), expected)
    with pytest.raises(ValueError, match="`data` must have at least two clones"):
        plot.raw_and_connected(result(clones=1))


def test_rate_marks_where_a_run_was_taken_up_again():
    done = ("done", [10.0, 20.0, 30.0, 40.0], {"long_name": "replica-sweeps done"})
    speed = xr.DataArray([5.0, 6.0, 4.0, 4.0], {"done": done, "session": ("done", [0, 0, 1, 1])}, ("done",))
    ax = plot.rate(speed)
    np.testing.assert_array_equal(ax.get_lines()[0].get_ydata(), speed)
    assert [line.get_xdata()[0] for line in ax.get_lines()[1:]] == [25]
    assert len(plot.rate(speed.drop_vars("session")).get_lines()) == 1


def test_energy_that_is_not_finite_has_no_numbers(ds):
    ax = plot.energy_and_error(ds.assign(energy=ds.energy * np.nan))
    assert len(ax.get_yticks()) == 0
    assert len(plot.energy_and_error(ds).get_yticks()) > 0


def test_overview_says_which_run_it_shows(ds):
    """T, beta, alpha, N, L, over each temperature where there are several; six of a longer ladder."""
    named = ds.assign_attrs(alpha=2.5).assign_coords(temperature=0.25, beta=4.0)
    words = r"$T = 0.25$, $\beta = 4$, $\alpha = 2.5$, $N = 20$, $L = 10$"
    assert plot.overview(named).get_suptitle() == words
    assert plot.autocorrelation(named).figure.get_suptitle() == words
    assert plot.autocorrelation(named.spin_autocorrelation).figure.get_suptitle() == words.split(r", $\alpha")[0]
    figure = plot.overview(result(temperatures=2, sweeps=10))
    titles = [part.get_suptitle() for part in figure.subfigs]
    assert [title.split(",")[0] for title in titles] == ["$T = 0.01$", "$T = 0.02$"]
    assert sum(bool(ax.images) for ax in figure.get_axes()) == 4


def test_a_long_ladder_is_thinned_out(ds):
    assert evenly(5, 6) == [0, 1, 2, 3, 4] and evenly(100, 6) == [0, 20, 40, 59, 79, 99]
    hosts = result(temperatures=8, sweeps=10)[["energy"]].drop_attrs()
    figure = plot.overview(hosts)
    assert figure.get_suptitle() == "6 of 8 temperatures" and len(figure.subfigs) == 6


def test_overview_has_four_panels(ds, tmp_path):
    figure = plot.overview(ds)
    assert isinstance(figure, Figure)
    letters = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert [letter for letter in letters if letter.startswith("(")] == ["(a)", "(b)", "(c)", "(d)"]
    assert [ax.get_title() for ax in figure.axes if ax.images] == ["layer 1", "layer 5"]
    figure.savefig(tmp_path / "overview.png")
    assert (tmp_path / "overview.png").stat().st_size > 10_000


@pytest.mark.parametrize("sizes", [{"samples": 1, "clones": 1}, {"sweeps": 1}])
def test_overview_of_little(sizes, tmp_path):
    figure = plot.overview(result(**sizes))
    figure.savefig(tmp_path / "little.png")
    assert sum(bool(ax.images) for ax in figure.axes) == 2


@pytest.mark.parametrize("depth", [2, 30])
def test_overview_of_other_depths(ds, depth, tmp_path):
    layers = np.linspace(0, DEPTH - 1, depth).astype(int)
    other = ds.isel(layer=layers).assign_coords(layer=range(1, depth + 1))
    other.attrs |= {"depth": depth, "widths": str([20] * (depth + 1))}
    figure = plot.overview(other)
    figure.savefig(tmp_path / "depth.png")
    assert "layer 1" in [ax.get_title() for ax in figure.axes]


def test_overview_of_one_waiting_time(ds):
    labels = [text.get_text() for ax in plot.overview(ds.isel(waiting_time=[0])).axes for text in ax.texts]
    assert {"(a)", "(b)", "(c)", "(d)"} <= set(labels)


def test_overview_without_hidden_layers(ds):
    with pytest.raises(ValueError, match="`data` must have hidden layers"):
        plot.overview(ds.isel(layer=[-1]).assign_attrs(depth=1))


def test_no_text_lies_on_other_text(ds):
    """Tick labels, axis labels, titles and legends of the overview do not overlap."""
    figure = plot.overview(ds)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    boxes = []
    for ax in figure.axes:
        words = [ax.title, ax.xaxis.label, ax.yaxis.label, ax.get_legend(), *ax.texts]
        for n, axis in enumerate((ax.xaxis, ax.yaxis)):
            low, high = sorted(axis.get_view_interval())
            ticks = axis.get_ticklabels(which="both") if axis.get_visible() else []
            words += [text for text in ticks if low <= text.get_position()[n] <= high]
        shown = [word for word in words if word is not None and getattr(word, "get_text", lambda: "legend")()]
        boxes += [word.get_window_extent(renderer).shrunk(0.98, 0.8) for word in shown]
    assert len(boxes) > 60
    assert not [(a, b) for n, a in enumerate(boxes) for b in boxes[:n] if a.overlaps(b)]


def test_analysis_does_not_load_matplotlib():
    code = "import sys, glassnet.analysis; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
