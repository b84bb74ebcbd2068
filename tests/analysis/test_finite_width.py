import numpy as np
import pytest
import xarray as xr

from glassnet.analysis import finite_size_collapse, infinite_width

WIDTHS = np.array([10, 20, 40, 80])
X = np.linspace(0.0, 3.0, 60)
TIMES = np.array([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048])


def scaling(a, b, *, x=X, f=lambda u: np.exp(-u), samples=24, layers=1, noise=0.02, seed=0):
    """y = N^a f(x N^b), each sample with a scale and noise of its own."""
    rng = np.random.default_rng(seed)
    N = WIDTHS[:, None] / 20
    y = N**a * f(x * N**b)
    own = 1 + noise * rng.normal(size=(samples, layers, len(WIDTHS), 1))
    y = y * own + noise * N**a * rng.normal(size=(samples, layers, len(WIDTHS), len(x)))
    return xr.DataArray(y, dims=("sample", "layer", "width", "x"), coords={"width": WIDTHS, "x": x})


@pytest.mark.parametrize(("a", "b"), [(0.5, -0.4), (-1.0, 0.7)])
def test_known_exponents_within_their_errors(a, b):
    out = finite_size_collapse(scaling(a, b).isel(layer=0), "x", seed=1, resamples=40)
    for name, truth in (("a", a), ("b", b)):
        assert (abs(out[name] - truth) < 4.5 * out[f"{name}_error"]).all(), name
        assert (out[f"{name}_error"] < 0.1).all()
    assert (out.quality < 5).all()


def test_times_against_their_logarithm():
    """Relaxation that slows down as N^1.5."""
    y = scaling(0.0, -1.5, x=TIMES, f=lambda u: np.exp(-np.sqrt(u / 20)))
    out = finite_size_collapse(y.rename(x="lag"), "lag", seed=0, a=0.0, resamples=30, logarithmic=True)
    assert abs(out.b.item() + 1.5) < 4.5 * out.b_error.item() and out.b_error.item() < 0.2
    assert out.a.item() == 0 and out.a_error.item() == 0


def test_quality_tells_a_collapse_from_none():
    y = scaling(0.5, -0.4)
    bad = y.copy()
    bad.loc[{"width": 80}] = scaling(0.5, -0.4, f=lambda u: 1 / (1 + u**3)).sel(width=80)
    good, none = (finite_size_collapse(d, "x", seed=0, resamples=2).quality.item() for d in (y, bad))
    assert good < 5 and none > 4 * good


def test_exponent_beyond_the_bounds_is_not_reached():
    out = finite_size_collapse(scaling(0.5, -0.4), "x", seed=0, b=-0.4, resamples=3, bounds=(-1, 0.2))
    assert out.a.isnull().all() and out.a_error.isnull().all() and out.b.isnull().all()
    assert out.a.dims == out.quality.dims == ("layer",)


@pytest.mark.slow
def test_errors_are_those_of_repeated_experiments():
    outs = [finite_size_collapse(scaling(0.5, -0.4, seed=s), "x", seed=s, resamples=40) for s in range(40)]
    for name, truth in (("a", 0.5), ("b", -0.4)):
        pulls = np.array([(o[name].item() - truth) / o[f"{name}_error"].item() for o in outs])
        assert 0.6 < pulls.std() < 1.9 and abs(pulls.mean()) < 4.5 * pulls.std() / np.sqrt(40), name


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("`data` must have the dimension 'width'", lambda y: finite_size_collapse(y.isel(width=0), "x", seed=0)),
        ("`data` must have the coordinate 'x'", lambda y: finite_size_collapse(y.drop_vars("x"), "x", seed=0)),
        ("`data` must have at least two widths", lambda y: finite_size_collapse(y.isel(width=[0]), "x", seed=0)),
        ("`data` must have at least two samples", lambda y: finite_size_collapse(y.isel(sample=[0]), "x", seed=0)),
        ("`b` must be None where `a` is given", lambda y: finite_size_collapse(y, "x", seed=0, a=1.0, b=1.0)),
        ("`a` must be a finite number", lambda y: finite_size_collapse(y, "x", seed=0, a=np.nan)),
    ],
)
def test_bad_input(words, call):
    with pytest.raises(ValueError, match=words):
        call(scaling(0.5, -0.4))


def at_widths(y_inf, amplitude, w, *, noise=0.0, trials=300, widths=(5, 10, 20, 40, 80)):
    N = np.array(widths, float)
    y = y_inf + amplitude * N**-w + noise * np.random.default_rng(0).normal(size=(trials, len(N)))
    value = xr.DataArray(y, dims=("trial", "width"), coords={"width": N}, attrs={"units": "sweeps"})
    return value, xr.full_like(value, noise or 0.01)


@pytest.mark.parametrize("w", [None, 1.0])
def test_exact_law(w):
    out = infinite_width(*at_widths(0.4, 3.0, 1.0, trials=1), w=w)
    np.testing.assert_allclose([out.y_inf.item(), out.amplitude.item(), out.w.item()], [0.4, 3, 1], rtol=1e-4)
    assert out.chi_squared.item() < 1e-6
    assert out.y_inf.attrs["units"] == out.y_inf_error.attrs["units"] == "sweeps"
    assert (out.w_error == 0).all() == (w is not None)


@pytest.mark.parametrize("w", [None, 0.7])
def test_errors_cover_the_truth(w):
    out = infinite_width(*at_widths(0.4, 3.0, 0.7, noise=0.003), w=w)
    for name, truth in {"y_inf": 0.4, "amplitude": 3.0, "w": 0.7}.items():
        if name == "w" and w is not None:
            continue
        pull = (out[name] - truth) / out[f"{name}_error"]
        assert abs(pull.mean()) < 4.5 / np.sqrt(300), name
        assert abs(pull.var() - 1) < 4.5 * np.sqrt(2 / 300) + 0.05, name
    assert abs(out.chi_squared.mean() - 1) < 4.5 * np.sqrt(2 / (2 if w is None else 3) / 300)


def test_a_wrong_law_shows():
    out = infinite_width(*at_widths(0.4, 3.0, 0.7, noise=0.003, trials=20), w=2.0)
    assert (out.chi_squared > 100).all()


def test_nothing_to_fit_is_nan():
    value, error = at_widths(0.4, 3.0, 1.0, trials=3)
    value[0, 0], error[1, 0] = np.nan, np.nan
    value[2] = 0.4 + 0.1 * np.log(value.width)
    out = infinite_width(value, error)
    assert all(out[name].isnull().all() for name in out.data_vars)


def test_infinite_width_bad_input():
    value, error = at_widths(0.4, 3.0, 1.0, trials=1)
    with pytest.raises(ValueError, match="`value` must have at least 3 widths, but is 2"):
        infinite_width(value.isel(width=[0, 1]), error.isel(width=[0, 1]))
    with pytest.raises(ValueError, match="`error` must be positive, but is 0.0"):
        infinite_width(value, 0 * error)
    with pytest.raises(ValueError, match="`w` must be a positive"):
        infinite_width(value, error, w=-1.0)
    with pytest.raises(ValueError, match="`value` must have the dimension 'width'"):
        infinite_width(value.isel(width=0), error)
