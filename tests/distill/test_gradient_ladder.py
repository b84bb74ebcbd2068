"""Ladders: what is trained with what, bits however a ladder is stopped, and arguments that make no sense."""

import doctest
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from glassnet.distill import gradient
from glassnet.distill.gradient import ladders as module
from glassnet.distill.gradient.losses import divergence
from glassnet.distill.gradient.paths import Path, ages_of, in_order, path_of
from glassnet.distill.gradient.shelf import Shelf

MACHINES = {"a": gradient.MLP((6,)), "b": gradient.MLP((4,)), "c": gradient.MLP((4,))}
METHODS = ["none", "direct", "assisted", "dense", "in_time", ("b", "c")]
SMALL = {
    "patterns": 60, "validation": 40, "seeds": 2, "ages": 2,
    "recipe": gradient.Recipe(epochs=4, batch=20), "tuning": gradient.Tuning(trials=3, seeds=1),
}  # fmt: skip


@pytest.fixture(scope="module")
def images():
    whole = gradient.digits(4600)
    return gradient.Images("few digits", whole.images[:600], whole.labels[:600], 200, 10)


@pytest.fixture(scope="module")
def result(images):
    return gradient.ladder(images, MACHINES, METHODS, **SMALL)


def same(a: xr.Dataset, b: xr.Dataset):
    xr.testing.assert_identical(a.drop_attrs(), b.drop_attrs())


def test_dataset(result):
    assert dict(result.test_wrong.sizes) == {"machine": 3, "taught": 6, "seed": 2, "test_pattern": 200}
    assert result.path.values.tolist() == [
        ["a", "", "", "", "", ""],
        ["b", "a-b", "a-b", "a-b", "a-b.in_time", ""],
        ["c", "a-c", "a-b-c", "a-b-c.dense", "a-c.in_time", "b-c"],
    ]
    there = result.path != ""
    for name in ("train_error", "validation_error", "test_error", "train_loss", "test_loss"):
        assert (result[name].notnull() == there).all()
        assert result[name].attrs["units"] in ("1", "nats")
    assert (result.fidelity.notnull() == (there & (result.path.str.contains("-")))).all()
    wrong = result.test_wrong.where(there).mean("test_pattern")
    np.testing.assert_allclose(wrong.transpose(*result.test_error.dims), result.test_error)
    assert (result.softness.max() <= np.log(10)) & (result.softness.min() > 0)
    best = result.trial_error.min("trial")
    chosen = result.trial_rate.isel(trial=result.trial_error.fillna(9).argmin("trial"))
    tied = (result.trial_error == best).sum("trial") > 1
    assert ((result.rate == chosen) | tied | ~there).all()
    assert result.weight.isnull().sum() == 3 + (~there).sum()


def test_measures_are_those_of_the_networks(images, result):
    """Errors, fidelity, overlaps and targets from logits that are computed here, in another way."""
    sizes = {k: v for k, v in SMALL.items() if k not in ("recipe", "tuning")} | {"seed": 0}
    school = module.School(
        images, MACHINES, SMALL["recipe"], SMALL["tuning"], module.Sizes(**sizes), Shelf(), lambda line: None
    )
    path = Path(("a", "b", "c"), "dense")
    for parent, k in ((Path(("a",)), 0), (Path(("a", "b")), 1)):
        state, rows = school.finished(parent), school.rows["train"]
        x = (images.images[rows] / 255 - np.asarray(school.patterns.mean)) / np.asarray(school.patterns.scale)
        for n in range(3):
            J = jax.tree.map(lambda leaf, n=n: np.asarray(leaf[n], float), state.weights)
            a = np.maximum(x[n] @ J[0]["J"] + J[0]["b"], 0) @ J[1]["J"] + J[1]["b"]
            np.testing.assert_allclose(school.targets(path, np.arange(3))[n, :, k], a, rtol=1e-3, atol=1e-4)
    here = result.sel(machine="c", taught="dense")
    says = {p.name: school.said(p, "test").argmax(-1)[:2] for p in (path, Path(("a", "b")))}
    right = images.labels[images.pool :]
    child, parent = says.values()
    np.testing.assert_allclose(here.test_error, (child != right).mean(1))
    np.testing.assert_allclose(here.fidelity, (child == parent).mean(1))
    both = ((child != right) & (parent != right)).sum(1) / (parent != right).sum(1)
    np.testing.assert_allclose(here.error_overlap, both)
    in_time = school.targets(Path(("a", "c"), "in_time"), np.arange(3))
    np.testing.assert_array_equal(in_time[:, :, 1], school.said(Path(("a",)), "train"))
    assert not np.array_equal(in_time[:, :, 0], in_time[:, :, 1])


def test_seeds_do_not_depend_on_how_many_there_are(images, result):
    one = gradient.ladder(images, MACHINES, ["none", "direct"], **SMALL | {"seeds": 1})
    for name in ("test_loss", "train_loss"):
        np.testing.assert_allclose(one[name], result[name].sel(seed=[0], taught=["none", "direct"]), rtol=1e-3)


def test_every_method_starts_alike_and_sees_the_same(images):
    """Paired: with lambda = 0 in effect, whoever teaches, the networks are the same."""
    recipe = gradient.Recipe(epochs=3, batch=20, weight=0.0)
    ds = gradient.ladder(images, MACHINES, METHODS, **SMALL | {"recipe": recipe, "tuning": None, "ages": 3})
    spread = ds.test_loss.max("taught") - ds.test_loss.min("taught")
    assert float(spread.max()) < 1e-3
    assert len(np.unique(ds.test_loss.sel(machine="c", taught="none"))) == 2


class Killed(BaseException):
    """Stands for a kill."""


@pytest.mark.parametrize("after", [1, 5, 12, 23])
def test_a_ladder_that_was_killed_has_the_same_bits(tmp_path, images, result, monkeypatch, after):
    monkeypatch.setattr(module, "PAUSE", 0)  # a checkpoint after every epoch
    put, count = Shelf.put, [0]

    def counted(self, *arguments):
        put(self, *arguments)
        count[0] += 1
        if count[0] == after:
            raise Killed

    monkeypatch.setattr(Shelf, "put", counted)
    with pytest.raises(Killed):
        gradient.ladder(images, MACHINES, METHODS, **SMALL, folder=tmp_path / "run")
    assert not (tmp_path / "run" / "results.nc").exists()
    same(gradient.ladder(images, MACHINES, METHODS, **SMALL, folder=tmp_path / "run"), result)
    kept = {path.name for path in (tmp_path / "run" / "networks").iterdir()}
    assert not [name for name in kept if "part" in name or "choice" in name]
    same(gradient.ladder(images, MACHINES, METHODS, **SMALL, folder=tmp_path / "run"), result)  # read


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
from test_gradient_ladder import MACHINES, METHODS, SMALL, gradient, module
module.PAUSE = 0
whole = gradient.digits(4600)
images = gradient.Images("few digits", whole.images[:600], whole.labels[:600], 200, 10)
gradient.ladder(images, MACHINES, METHODS, **SMALL, folder={folder!r})
"""


@pytest.mark.slow
def test_kill_9(tmp_path, images, result):
    code = PROGRAM.format(tests=str(tmp_path.__class__(__file__).parent), folder=str(tmp_path / "run"))
    for seconds in (6, 9, 12, 15):
        process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.kill()
        process.wait()
    same(gradient.ladder(images, MACHINES, METHODS, **SMALL, folder=tmp_path / "run"), result)


def test_a_folder_of_another_ladder_is_refused(tmp_path, images):
    options = SMALL | {"tuning": None, "recipe": gradient.Recipe(epochs=2, batch=20)}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".config.json.77.part").write_text("{")  # of a process that was killed as it began
    gradient.ladder(images, MACHINES, ["none"], **options, folder=tmp_path / "run")
    with pytest.raises(ValueError, match="holds another ladder .*sizes.seeds: 2, not 3"):
        gradient.ladder(images, MACHINES, ["none"], **options | {"seeds": 3}, folder=tmp_path / "run")
    with pytest.raises(ValueError, match="Argument `folder` must be empty, new, or of this ladder"):
        gradient.ladder(images, MACHINES, ["none"], **options, folder=tmp_path)
    (tmp_path / "run" / "results.nc").unlink()
    kept = tmp_path / "run" / "networks" / "b.npz"
    content = kept.read_bytes()
    kept.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=f"File {kept} is damaged"):
        gradient.ladder(images, MACHINES, ["none"], **options, folder=tmp_path / "run")
    kept.write_bytes((tmp_path / "run" / "networks" / "a.npz").read_bytes())
    with pytest.raises(ValueError, match="network b that was kept has other shapes"):
        gradient.ladder(images, MACHINES, ["none"], **options, folder=tmp_path / "run")


def test_trees_on_a_shelf(tmp_path):
    tree = {"x": jnp.arange(3.0), "y": [np.float64(2), None]}
    for shelf in (Shelf(), Shelf(tmp_path / "shelf")):
        assert shelf.get("one", tree) is None
        shelf.put("one", tree)
        kept = shelf.get(
            "one",
            jax.eval_shape(lambda: {"x": jnp.arange(3.0), "y": [np.float64(2), None]}) | {"y": [np.float64(0), None]},
        )
        assert (kept["x"] == tree["x"]).all()
        shelf.drop("one")
        assert shelf.get("one", tree) is None


PLAIN = {"large": gradient.CNN((3, "pool")), "small": gradient.CNN((2, "pool"))}
RESIDUAL = {"large": gradient.ResNet(14, (2, 3, 4)), "small": gradient.ResNet(8, (2, 3, 4))}


@pytest.mark.parametrize("machines", [PLAIN, pytest.param(RESIDUAL, marks=pytest.mark.slow)], ids=["plain", "residual"])
def test_convolutions_in_a_ladder(images, machines):
    square = gradient.Images("square", images.images.reshape(-1, 28, 28, 1)[:, ::2, ::2], images.labels, 200, 10)
    ds = gradient.ladder(square, machines, ["none", "direct"], **SMALL | {"tuning": None})
    assert np.isfinite(ds.test_loss.sel(machine="small")).all()


def test_the_example_of_the_package():
    assert doctest.testmod(gradient).failed == 0


# Paths.


def test_parents():
    dense = Path(("a", "b", "c"), "dense")
    assert dense.parents == (Path(("a",)), Path(("a", "b")))  # of one parent, dense is a chain
    assert Path(("a", "b", "c", "d"), "dense").parents[-1] == dense
    assert Path(("a", "b", "c")).parents == (Path(("a", "b")),)
    assert Path(("a", "c"), "in_time").parents == (Path(("a",)),)
    names = [path.name for path in in_order([Path(("a", "b", "c", "d"), "dense"), Path(("a", "b"))])]
    assert names == ["a", "a-b", "a-b-c.dense", "a-b-c-d.dense"]
    assert path_of("direct", "abc", "c") == Path(("a", "c"))
    assert path_of("assisted", "abc", "a") is None
    assert path_of("none", "abc", "a") == Path(("a",))
    assert ages_of(10, 4) == (2, 5, 7, 10)


def test_a_path_that_says_its_settings(images, result):
    """They hold for its last machine alone, and are those that a recipe of the same settings has."""
    fixed = Path(("a", "b", "c"), weight=0.75, temperature=4)
    assert fixed.parents == (Path(("a", "b")),)
    assert fixed.name == "a-b-c.weight_0.75.temperature_4.0"
    silent, hard = Path(("a", "c"), weight=0), Path(("a", "c"), knowledge="hard")
    ds = gradient.ladder(images, MACHINES, [fixed, silent, hard, "none", "assisted"], **SMALL)
    here = ds.sel(machine="c")
    np.testing.assert_array_equal(here.weight.values[:2], [0.75, 0])
    np.testing.assert_array_equal(here.temperature.values[[0, 2]], [4, 1])
    np.testing.assert_array_equal(ds.test_loss.sel(taught="assisted"), result.test_loss.sel(taught="assisted"))
    np.testing.assert_allclose(here.test_loss[1], here.test_loss.sel(taught="none"), rtol=1e-3)
    assert float(abs(here.softness.sel(taught=hard.name)).max()) == 0
    recipe = gradient.Recipe(epochs=4, batch=20, weight=0.75, temperature=4.0)
    plain = SMALL | {"tuning": None, "recipe": gradient.Recipe(epochs=4, batch=20)}
    one = gradient.ladder(images, MACHINES, [Path(("a", "c"), weight=0.75, temperature=4)], **plain)
    two = gradient.ladder(images, MACHINES, ["direct"], **plain | {"recipe": recipe})
    np.testing.assert_array_equal(one.test_loss.sel(machine="c"), two.test_loss.sel(machine="c"))


def test_a_parent_at_an_age(images):
    """Targets, fidelity and overlaps are those of the parent as it was; at its end it is the parent."""
    young, old = Path(("a", "c"), age=2), Path(("a", "c"), age=4)
    plain = SMALL | {"tuning": None}
    ds = gradient.ladder(images, MACHINES, ["none", "direct", "in_time", young, old], **plain).sel(machine="c")
    xr.testing.assert_equal(ds.test_loss.sel(taught="direct", drop=True), ds.test_loss.sel(taught=old.name, drop=True))
    xr.testing.assert_equal(ds.fidelity.sel(taught="direct", drop=True), ds.fidelity.sel(taught=old.name, drop=True))
    short = plain | {"recipe": gradient.Recipe(epochs=2, batch=20, schedule="constant")}
    still = plain | {"recipe": gradient.Recipe(epochs=4, batch=20, schedule="constant")}
    parent = gradient.ladder(images, {"a": MACHINES["a"]}, ["none"], **short).test_wrong[0, 0]
    taught = gradient.ladder(images, MACHINES, ["none", young], **still)
    child = taught.test_wrong.sel(machine="c", taught=young.name)
    both = ((parent == 1) & (child == 1)).sum("test_pattern") / (parent == 1).sum("test_pattern")
    np.testing.assert_allclose(taught.error_overlap.sel(machine="c", taught=young.name), both)
    with pytest.raises(ValueError, match="Argument `age` must be one of 2, 4, the epochs that are kept, but is 3"):
        gradient.ladder(images, MACHINES, [Path(("a", "c"), age=3)], **plain)


def test_hard_labels_of_a_parent_are_labels():
    rng = np.random.default_rng(0)
    parent, student = rng.normal(size=(2, 7, 10)).astype(np.float32)
    shown = Path(("a", "b"), knowledge="hard").shown(parent)
    exact = -np.log(np.exp(student.astype(float)) / np.exp(student.astype(float)).sum(-1, keepdims=True))
    found = divergence(jnp.asarray(shown), jnp.asarray(student), 1.0)
    np.testing.assert_allclose(found, exact[range(7), parent.argmax(-1)], rtol=1e-5)
    assert Path(("a", "b")).shown(parent) is parent


@pytest.mark.parametrize(("given", "words"), [
    ({"weight": 1.5}, "Argument `weight` must lie in"),
    ({"temperature": 0}, "Argument `temperature` must be"),
    ({"knowledge": "soft"}, "Argument `knowledge` must be one of 'field', 'hard'"),
    ({"knowledge": "hard", "temperature": 2}, "Argument `temperature` must be left out for hard knowledge"),
    ({"age": 0}, "Argument `age` must be an integer of at least 1"),
    ({"age": 2, "kind": "in_time"}, "Argument `age` must be left out unless one parent teaches"),
    ({"machines": ("a",), "weight": 0.5}, "Argument `machines` must hold a parent where weight is given"),
])  # fmt: skip
def test_bad_paths(given, words):
    with pytest.raises(ValueError, match=words):
        Path(**{"machines": ("a", "b")} | given)


def test_cost(images):
    found = gradient.cost(images, MACHINES, METHODS, **SMALL)
    assert len(found) == 10
    members = 2 + 1 * (1 + 3)
    assert found["c"] == found["a-b-c.dense"] == 3 * 60 * 4 * members * (784 * 4 + 40)


BAD = [
    ({"methods": ["indirect"]}, "Argument `method` must be one of 'none', 'direct'"),
    ({"methods": "none"}, "Argument `methods` must be a sequence of methods, but is 'none'"),
    ({"methods": []}, "Argument `methods` must hold one method at least"),
    ({"methods": ["none", "none"]}, "Argument `methods` must name a method once, but is 'none'"),
    ({"methods": [("a", "d")]}, "Argument `methods: a-d` must be one of 'a', 'b', 'c', but is 'd'"),
    ({"methods": [("a", "b", "a")]}, "Argument `methods` must name each machine of a path once"),
    ({"machines": {}}, "Argument `machines` must be a table of networks"),
    ({"machines": {"a-b": gradient.MLP((3,))}}, "Argument `machines` must have names of letters"),
    ({"machines": {"a": 3}, "methods": ["none"]}, "Argument `machines` must hold MLP, CNN, ResNet, but is 3"),
    ({"machines": {"a": gradient.ResNet(8)}, "methods": ["none"]}, "Argument `images` must have shape"),
    ({"patterns": 380}, "Argument `patterns` must be at most 360"),
    ({"patterns": 10}, "Argument `recipe.batch` must be at most 10, the training patterns, but is 20"),
    ({"seeds": 0}, "Argument `seeds` must be an integer of at least 1"),
    ({"seed": -1}, "Argument `seed` must be an integer of at least 0"),
    ({"ages": 5}, "Argument `ages` must be at most 4, the epochs, but is 5"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), BAD)
def test_bad_ladders(images, changes, words):
    with pytest.raises(ValueError, match=words):
        gradient.ladder(**{"images": images, "machines": MACHINES, "methods": METHODS} | SMALL | changes)


@pytest.mark.parametrize(("changes", "words"), [
    ({"rate": (0.1, 0.01)}, "Argument `rate` must be a range, two growing numbers above 0"),
    ({"temperature": (0, 4)}, "Argument `temperature` must be a range"),
    ({"weight": (0.5, 1.5)}, "Argument `weight` must be a range, two growing numbers above 0 and at most 1"),
    ({"decay": 0.1}, "Argument `decay` must be a range, two numbers"),
    ({"trials": 0}, "Argument `trials` must be an integer of at least 1"),
])  # fmt: skip
def test_bad_tunings(changes, words):
    with pytest.raises(ValueError, match=words):
        gradient.Tuning(**changes)


def test_without_optax(images, monkeypatch):
    monkeypatch.setitem(sys.modules, "optax", None)
    with pytest.raises(ModuleNotFoundError, match=r"Gradients need optax: pip install 'glassnet\[distill\]'"):
        gradient.ladder(images, MACHINES, ["none"], **SMALL)


# Comparisons.


def test_errors_hold_for_seeds_and_patterns():
    """Means of tables with effects of seeds and of patterns scatter as their errors say."""
    rng, S, P = np.random.default_rng(0), 16, 40
    found = []
    for _ in range(400):
        d = 0.3 * rng.normal(size=(S, 1)) + 0.5 * rng.normal(size=(1, P)) + rng.normal(size=(S, P))
        found.append(gradient.compare.mean_and_error(d))
    mean, error = np.array(found).T
    exact = np.sqrt(0.09 / S + 0.25 / P + 1 / (S * P))
    assert mean.std() == pytest.approx(exact, rel=4.5 / np.sqrt(2 * 400))
    assert np.sqrt((error**2).mean()) == pytest.approx(exact, rel=0.05)


def test_differences_and_verdicts(result):
    effect, error = gradient.difference(result, "c", "direct", "none")
    errors = result.test_error.sel(machine="c").mean("seed")
    assert effect == pytest.approx(float(errors.sel(taught="none") - errors.sel(taught="direct")))
    assert error >= 0
    with pytest.raises(ValueError, match="Argument `method` must lead to the machine 'a', but is 'direct'"):
        gradient.difference(result, "a", "direct", "none")
    nan = float("nan")
    cases = [(0.4, 0.1), (-0.4, 0.1), (0.2, 0.1), (0.4, 0.0), (nan, nan)]
    words = ["BEATS", "LOSES", "INCONCLUSIVE", "INCONCLUSIVE", "INCONCLUSIVE"]
    assert [gradient.verdict(*case) for case in cases] == words
