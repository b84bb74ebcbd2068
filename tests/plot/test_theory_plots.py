"""Theory over simulation, and the diagram of solid and liquid layers: what is drawn."""

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from analysis.synthetic_result import result
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.patches import Rectangle

import glassnet as gn
from glassnet import plot
from glassnet.plot.style import graded
from glassnet.theory.curves import (
    VARIABLES,
    NoisyTeacherWarning,
    one_output_curves,
    overlap_curves,
    transition_curves,
)

mpl.use("Agg")
SOFT = {"potential": gn.SoftCore(), "beta": 66.7}
CLOSURES = ["factorised: heuristic", "exact: heuristic"]
"""Random data in more than two layers: replica symmetry is unstable above the first transition."""


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """Plots leave neither open figures nor settings."""
    before = dict(mpl.rcParams)
    yield
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before


@pytest.fixture(scope="module")
def ds():
    return result()


@pytest.fixture(scope="module")
def curves():
    """Both closures at two loads."""
    return [overlap_curves(depth=4, alpha=[10.0, 60.0], closure=c, **SOFT) for c in ("factorised", "exact")]


@pytest.fixture(scope="module")
def alpha_g():
    return [transition_curves(depths=[3, 4], closure=c, **SOFT) for c in ("factorised", "exact")]


def theory_of(ax):
    return [line for line in ax.get_lines() if line.get_gid() == "theory"]


def legends(ax):
    return [x for x in (*ax.artists, ax.get_legend()) if isinstance(x, Legend)]


def words(legend):
    return [text.get_text() for text in legend.get_texts()]


def made_up(values, alpha=(10.0,), **attributes):
    """A curve by alpha and layer with given numbers."""
    q = np.atleast_2d(values)
    coords = {"alpha": list(alpha), "layer": np.arange(1, q.shape[1] + 1)}
    curve = xr.Dataset({"spin_overlap": (("alpha", "layer"), q)}, coords, attributes)
    for name in curve.variables:
        curve[name].attrs = dict(zip(("long_name", "units", "symbol", "source"), VARIABLES[name], strict=True))
    return curve


def test_theory_over_a_profile_of_the_simulation(ds):
    ax = plot.overlap_profile(ds)
    before = words(ax.get_legend())
    one = overlap_curves(depth=10, alpha=[10.0], closure="factorised", **SOFT)
    assert plot.theory_lines(one, ax) is ax
    (line,) = theory_of(ax)
    np.testing.assert_array_equal(line.get_xdata(), range(11))
    np.testing.assert_allclose(line.get_ydata(), [1, *one.spin_overlap.values[0]])
    assert line.get_color() == "black" and line.get_linestyle() == "--"
    assert [words(x) for x in legends(ax)] == [before, ["factorised: heuristic"]]
    assert ax.get_xlim() == (0, 10)


def test_closures_one_after_the_other_or_at_once(ds, curves):
    """The legend of closures grows; that of the simulation is there once."""
    ax = plot.overlap_profile(ds)
    before = words(ax.get_legend())
    for curve in curves:
        plot.theory_lines(curve, ax)
    assert [words(x) for x in legends(ax)] == [before, CLOSURES]
    at_once = plot.theory_lines(curves, plot.overlap_profile(ds))
    assert [words(x) for x in legends(at_once)] == [before, CLOSURES]
    for one, other in zip(theory_of(ax), theory_of(at_once), strict=True):
        np.testing.assert_array_equal(one.get_xydata(), other.get_xydata())
        assert one.get_linestyle() == other.get_linestyle()


def test_rows_of_legends_do_not_overlap(ds, curves):
    ax = plot.theory_lines(curves, plot.overlap_profile(ds))
    ax.figure.draw_without_rendering()
    simulation, theory = (x.get_window_extent() for x in legends(ax))
    assert not simulation.overlaps(theory) and theory.y0 > simulation.y0 > ax.get_window_extent().y1 - 1
    inside = Figure(figsize=(5, 4)).add_subplot()
    inside.plot([0, 10], [0, 1], label="simulation")
    inside.legend(loc="center")
    plot.theory_lines(curves, inside)
    inside.figure.draw_without_rendering()
    assert 0 < legends(inside)[1].get_window_extent().y0 - inside.get_window_extent().y1 < 15


def test_legend_of_theory_looks_like_that_of_the_picture(ds, curves):
    """Axes that were made in the style of a paper, theory drawn outside of it."""
    simulation, theory = legends(plot.theory_lines(curves, plot.overlap_profile(ds)))
    one, other = (x.get_texts()[0].get_fontproperties() for x in (simulation, theory))
    assert one == other and theory.get_frame_on() is simulation.get_frame_on() is False


def test_loads_have_the_colours_of_profiles(curves):
    ax = plot.theory_lines(curves[0])
    assert [line.get_color() for line in theory_of(ax)] == graded("plasma", 2)
    np.testing.assert_allclose([x.get_ydata()[1:] for x in theory_of(ax)], curves[0].spin_overlap)
    assert [words(x) for x in legends(ax)] == [[r"$\alpha =$", "10", "60"], CLOSURES[:1]]
    chosen = plot.theory_lines(curves[0], colours={60.0: "red", 10.0: "blue"})
    assert [line.get_color() for line in theory_of(chosen)] == ["blue", "red"]


def test_layers_against_alpha_have_the_colours_of_layers(curves):
    ax = Figure().add_subplot()
    ax.plot([1, 100], [0, 1])
    limits = ax.get_xlim()
    plot.theory_lines(curves, ax, name="weight_overlap", against="alpha")
    lines = theory_of(ax)
    assert [line.get_color() for line in lines] == plot.layer_colours(range(4))[0] * 2
    np.testing.assert_allclose(lines[4 + 1].get_ydata(), curves[1].weight_overlap.sel(layer=2))
    np.testing.assert_array_equal(lines[0].get_xdata(), [10, 60])
    assert ax.get_xlim() == limits
    assert "alpha" in plot.theory_lines(curves, against="alpha").get_xlabel()


def test_against_width_theory_is_level(curves):
    ax = Figure().add_subplot()
    ax.plot([10, 40], [0.2, 0.1], label="simulation")
    one = curves[0].sel(alpha=60.0, layer=3)
    plot.theory_lines(one, ax, against="width")
    (line,) = theory_of(ax)
    np.testing.assert_allclose(line.get_ydata(), float(one.spin_overlap))
    assert len(theory_of(plot.theory_lines(curves[0].isel(alpha=[0]), against="width"))) == 4


def test_overlap_with_the_teacher_is_that_of_replicas():
    curve = overlap_curves(depth=3, alpha=[8.0], scenario="teacher", closure="exact")
    (line,) = theory_of(plot.theory_lines(curve, name="teacher_overlap"))
    np.testing.assert_allclose(line.get_ydata()[1:], curve.spin_overlap[0])
    error = plot.theory_lines(curve, name="generalisation_error", against="alpha")
    np.testing.assert_allclose(theory_of(error)[0].get_ydata(), curve.generalisation_error)


def test_errors_of_one_output_have_a_line_for_each_depth():
    data = one_output_curves(depths=[1, 2], alpha=[1.0, 5.0, 20.0])
    ax = plot.theory_lines(data, name="generalisation_error", against="alpha")
    np.testing.assert_array_equal([x.get_ydata() for x in theory_of(ax)], data.generalisation_error)
    assert [words(x) for x in legends(ax)] == [["$L =$", "1", "2"], ["theory: heuristic"]]
    one = plot.theory_lines(data.sel(depth=[1]), name="bayes_error", against="alpha", colours=["red"])
    assert [line.get_color() for line in theory_of(one)] == ["red"]


def test_theory_above_the_bound_is_called_formal():
    curve = made_up([0.5, 1.0], closure="exact").assign(above_capacity_bound=("alpha", [True]))
    assert [words(x) for x in legends(plot.theory_lines(curve))] == [["exact (formal)"]]
    (line,) = theory_of(plot.theory_lines(made_up([0.5, 1.0])))
    assert line.get_label() == "theory" and line.get_linestyle() == ":"


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("`against` must be one of 'layer'", lambda c: plot.theory_lines(c, against="depth")),
        ("`data` must hold at least one curve", lambda c: plot.theory_lines([])),
        ("`name` must be one of", lambda c: plot.theory_lines(c, name="energy")),
        ("`data` must have the scenario 'teacher'", lambda c: plot.theory_lines(c, name="teacher_overlap")),
        ("`data` must have the dimension 'layer'", lambda c: plot.theory_lines(c, name="free_entropy")),
        ("`data` must have no dimension 'step'", lambda c: plot.theory_lines([x.expand_dims("step") for x in c])),
        (
            "`data` must have no dimension 'depth'",
            lambda c: plot.theory_lines(c[0].expand_dims("depth"), against="alpha"),
        ),
        ("`data` must have a single alpha against 'width'", lambda c: plot.theory_lines(c, against="width")),
        ("`colours` must have one for each alpha", lambda c: plot.theory_lines(c, colours=["red"])),
    ],
)
def test_theory_refuses(curves, message, call):
    with pytest.raises(ValueError, match=message):
        call(curves)


ALPHA = np.array([2.0, 8.0, 32.0])


def campaign():
    """Overlaps of three clones at three loads, layer 4 clamped, one load not yet at its longest lag."""
    rng = np.random.default_rng(0)
    dims = ("alpha", "sample", "clone", "clone_b", "waiting_time", "lag", "layer")
    q = rng.uniform(0, 0.9, size=(3, 5, 3, 3, 2, 2, 4))
    q[..., -1] = 1.0
    q[2, ..., -1, :] = np.nan
    coords = {"alpha": ALPHA, "layer": range(1, 5), "lag": [0, 100], "waiting_time": [0, 10], "clone": range(3)}
    attrs = {"long_name": "replica overlap of spins", "units": "1", "symbol": "q_l^{ab}"}
    return xr.Dataset({"spin_overlap": (dims, q, attrs)}, coords | {"clone_b": range(3)})


def hatched(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_hatch()]


def test_colours_of_a_phase_diagram_are_mean_overlaps():
    data = campaign()
    ax = plot.phase_diagram(data)
    (mesh,) = ax.collections
    last = data.spin_overlap.isel(lag=-1, waiting_time=-1, layer=slice(None, -1))
    expected = gn.analysis.mean_pair_overlap(last).mean("sample").transpose("layer", "alpha")
    drawn = np.ma.filled(mesh.get_array().reshape(3, 3), np.nan)
    np.testing.assert_allclose(drawn, expected)
    assert mesh.norm(np.exp(-1)) == pytest.approx(0.5)
    assert mesh.norm.vmin == 0 and mesh.norm.vmax == 1
    lower = plot.phase_diagram(data, level=0.1)
    assert lower.collections[0].norm(0.1) == pytest.approx(0.5)
    assert [text.get_text() for text in lower.figure.axes[1].get_yticklabels()] == ["0", "0.1", "1"]
    earlier = plot.phase_diagram(data, waiting_time=0).collections[0].get_array()
    assert abs(earlier - mesh.get_array()).max() > 0.01


def test_cells_surround_their_load_and_layer_and_what_is_unknown_is_hatched():
    ax = plot.phase_diagram(campaign())
    corners = ax.collections[0].get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], [1, 4, 16, 64])
    np.testing.assert_allclose(corners[:, 0, 1], [0.5, 1.5, 2.5, 3.5])
    assert ax.get_xscale() == "log"
    assert [text.get_text() for text in ax.get_xticklabels(which="both")] == ["2", "8", "32"]
    assert sorted(patch.get_xy() for patch in hatched(ax)) == [(pytest.approx(16), y) for y in (0.5, 1.5, 2.5)]
    assert [words(x) for x in legends(ax)] == [["not measured"]]
    assert hatched(plot.phase_diagram(campaign().isel(alpha=[0, 1]))) == []


def test_order_of_loads_and_a_single_one():
    data = campaign()
    turned = plot.phase_diagram(data.isel(alpha=[2, 0, 1]), colour_bar=False)
    np.testing.assert_array_equal(
        turned.collections[0].get_array(), plot.phase_diagram(data).collections[0].get_array()
    )
    assert len(turned.figure.axes) == 1
    (one,) = plot.phase_diagram(data.isel(alpha=[0])).collections
    np.testing.assert_allclose(one.get_coordinates()[0, :, 0], 2 * np.exp([-0.5, 0.5]))


def test_one_array_is_drawn_as_it_is():
    q = campaign().spin_overlap.isel(waiting_time=-1, lag=0).mean(("sample", "clone", "clone_b"))
    ax = plot.phase_diagram(q)
    assert isinstance(ax, Axes)
    assert ax.collections[0].get_array().size == 12
    given = Figure().add_subplot()
    assert plot.phase_diagram(q, given) is given


def test_steps_of_theory_stand_at_the_transitions(alpha_g):
    ax = plot.phase_diagram(campaign(), theory=alpha_g)
    assert [line.get_label() for line in theory_of(ax)] == CLOSURES
    assert words(ax.get_legend()) == [*CLOSURES, "not measured"]
    for line, curve in zip(theory_of(ax), alpha_g, strict=True):
        expected = curve.transition.sel(depth=4, layer=[1, 2, 3]).values
        np.testing.assert_allclose(line.get_xdata(), np.repeat(expected, 2))
        np.testing.assert_array_equal(line.get_ydata(), [0.5, 1.5, 1.5, 2.5, 2.5, 3.5])
    np.testing.assert_allclose(ax.get_xlim(), (1, 64))


def test_a_layer_that_never_freezes_has_its_step_off_the_axes(alpha_g):
    never = alpha_g[0].copy(deep=True)
    never.transition.loc[{"depth": 4, "layer": 2}] = np.inf
    (line,) = theory_of(plot.phase_diagram(campaign(), theory=never))
    assert np.isfinite(line.get_xdata()).all() and line.get_xdata()[2] > 64


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("`data` must have the variable 'spin_overlap'", lambda d, t: plot.phase_diagram(d.drop_vars("spin_overlap"))),
        ("values along the dimension 'alpha'", lambda d, t: plot.phase_diagram(d.isel(alpha=0))),
        (
            "`data` must have positive values of alpha",
            lambda d, t: plot.phase_diagram(d.assign_coords(alpha=[0, 1, 2])),
        ),
        ("`data` must have no dimension 'seed'", lambda d, t: plot.phase_diagram(d.expand_dims(seed=2))),
        ("`data` must have a single temperature", lambda d, t: plot.phase_diagram(d.expand_dims(temperature=2))),
        ("`data` must have at least two clones", lambda d, t: plot.phase_diagram(d.isel(clone=[0], clone_b=[0]))),
        ("`data` must have measured overlaps", lambda d, t: plot.phase_diagram(d * np.nan)),
        ("`waiting_time` must be among", lambda d, t: plot.phase_diagram(d, waiting_time=3)),
        ("`level` must be between 0 and 1", lambda d, t: plot.phase_diagram(d, level=1.0)),
        ("`theory` must be of `transition_curves`", lambda d, t: plot.phase_diagram(d, theory=d)),
        ("`theory` must hold the depth 4", lambda d, t: plot.phase_diagram(d, theory=t[0].sel(depth=[3]))),
    ],
)
def test_phase_diagram_refuses(alpha_g, message, call):
    with pytest.raises(ValueError, match=message):
        call(campaign(), alpha_g)


def test_lines_of_a_noisy_teacher_come_with_a_warning():
    attrs = {"scenario": "teacher", "closure": "factorised", "potential": "SoftCore(power=2.0)"}
    curve = xr.Dataset({"spin_overlap": ("layer", [0.2, 0.5, 1.0])}, {"layer": [1, 2, 3]}, attrs)
    with pytest.warns(NoisyTeacherWarning, match="drawn, all neurons at once, .* theory of another problem"):
        gn.plot.theory_lines(curve)
    gn.plot.theory_lines(curve.assign_attrs(potential="HardCore(margin=0.0)"))
    with pytest.warns(NoisyTeacherWarning, match="theory of another problem"):
        gn.plot.theory_lines(curve.assign_attrs(potential="HardCore(margin=0.5)"))


def test_lines_of_the_teacher_of_the_task_come_without_a_warning():
    options = {"depth": 2, "alpha": [1.0], "scenario": "teacher", "potential": gn.Counting(0.7), "beta": 3.0}
    curve, machine = overlap_curves(**options), gn.Machine(2, 4, potential=gn.Counting(0.7))
    p = 1 / (1 + np.exp(2.1))
    assert curve.attrs["teacher_noise"] == pytest.approx(p)
    for errors in ({"beta": 3.0}, {"noise": p}):
        gn.plot.theory_lines(curve, task=gn.tasks.teacher_student(machine, 3, **errors))
    for errors, words in (
        ({}, "never errs"),
        ({"noise": 0.2}, "wrong with probability 0.2"),
        ({"beta": 2}, "beta = 2 "),
    ):
        with pytest.warns(NoisyTeacherWarning, match=words):
            gn.plot.theory_lines(curve, task=gn.tasks.teacher_student(machine, 3, **errors))
    with pytest.warns(NoisyTeacherWarning, match="never errs"):
        gn.plot.theory_lines(curve)
    hard = curve.assign_attrs(potential="HardCore(margin=0.0)", teacher_noise=0.0)
    with pytest.warns(NoisyTeacherWarning, match="wrong with probability 0.2"):
        gn.plot.theory_lines(hard, task=gn.tasks.teacher_student(machine, 3, noise=0.2))
