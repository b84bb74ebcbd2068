"""Chains: what is trained on what, measured how, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

import glassnet as gn
from glassnet.distill import Chain, Link
from glassnet.distill.measures import error_overlap, fed_forward, gram_overlaps, inherited, signs
from glassnet.perceptron.reference import feed_forward
from glassnet.store.dataset import configuration
from glassnet.tasks.guide import Guide

DEEP = gn.Machine(depth=3, width=5, outputs=1, ensemble="gaussian", potential=gn.SoftCore(margin=0.3))
SHALLOW = replace(DEEP, depth=2)
BUDGET = {
    "patterns": 20, "beta": 5.0, "protocol": gn.Protocol(sweeps=30, waiting_times=(0,), clones=1), "seeds": 2,
    "test_patterns": 60, "weight_step": 0.4,
}  # fmt: skip


@pytest.fixture(scope="module")
def assisted():
    chain = Chain.assisted(rule=SHALLOW, teacher=DEEP, assistants=[SHALLOW], student=SHALLOW, link=Link(weight=0.7))
    return chain.run(**BUDGET)


def test_a_chain_measures_machines_and_links(assisted):
    assert assisted.machine.values.tolist() == ["teacher", "assistant_1", "student", "control"]
    assert assisted.link.values.tolist() == ["teacher->assistant_1", "assistant_1->student"]
    assert assisted.generalisation_error.dims == ("machine", "seed")
    assert assisted.gram_overlap.dims == ("link", "seed", "layer", "parent_layer")
    assert np.isfinite(assisted.guidance.sel(machine=["assistant_1", "student"])).all()
    assert np.isnan(assisted.guidance.sel(machine=["teacher", "control"])).all()
    gain = assisted.generalisation_error.sel(machine="control") - assisted.generalisation_error.sel(machine="student")
    np.testing.assert_array_equal(assisted.gain.sel(machine="student"), gain)
    assert ((assisted.softness > 0) & (assisted.softness < 1)).all()


def test_equal_seeds_of_two_chains_are_paired(assisted):
    """The control is the student of a chain without a teacher; the teacher is that of any chain."""
    none = Chain.none(SHALLOW, SHALLOW).run(**BUDGET)
    for name in ("generalisation_error", "training_error"):
        np.testing.assert_array_equal(none[name].sel(machine="student"), assisted[name].sel(machine="control"))


def test_a_link_of_weight_zero_changes_nothing():
    """The student has the bits of one that knows of no teacher, apart from how costs are summed."""
    direct = Chain.direct(SHALLOW, DEEP, SHALLOW, Link(weight=0.0)).run(**BUDGET)
    np.testing.assert_allclose(direct.gain.sel(machine="student"), 0, atol=1e-12)


def test_a_dropped_link_is_one_of_weight_zero():
    direct = Chain.direct(SHALLOW, DEEP, SHALLOW, Link(weight=1.0, drop=1.0)).run(**BUDGET)
    np.testing.assert_allclose(direct.gain.sel(machine="student"), 0, atol=1e-12)


def test_what_is_measured_is_what_the_folder_holds(tmp_path):
    chain = Chain.direct(SHALLOW, DEEP, SHALLOW, Link(temperature=0.7))
    ds = chain.run(**BUDGET, folder=tmp_path / "chain")
    names = sorted(path.name for path in (tmp_path / "chain").iterdir())
    assert names == ["00-teacher", "01-student", "02-control", "chain.json"]
    student, teacher = (gn.open(tmp_path / "chain" / name) for name in ("01-student", "00-teacher"))
    for s in range(2):
        weights, spins = configuration(student, waiting_time=0, configuration=s)
        known = gn.tasks.teacher_student(SHALLOW, 20, seed=s, test_patterns=60, teacher=SHALLOW)
        np.testing.assert_array_equal(spins[0], known.inputs)
        answer = feed_forward(SHALLOW, weights, known.test_inputs)[-1]
        error = (answer != known.test_outputs).mean()
        assert error == ds.generalisation_error.sel(machine="student", seed=s)
        parent = feed_forward(DEEP, configuration(teacher, waiting_time=0, configuration=s)[0], known.test_inputs)[-1]
        assert ds.fidelity.isel(link=0, seed=s) == (parent == answer).mean()
    again = chain.run(**BUDGET, folder=tmp_path / "chain")
    assert again.equals(ds)
    other = Chain.direct(SHALLOW, DEEP, SHALLOW, Link(temperature=0.8))
    with pytest.raises(ValueError, match="hold this very chain, or none, but differs in chain"):
        other.run(**BUDGET, folder=tmp_path / "chain")


def test_copied_layers_are_the_parents_and_stay(tmp_path):
    Chain.direct(SHALLOW, DEEP, DEEP, Link(copied=1, knowledge="hard", data="fresh")).run(
        **BUDGET, folder=tmp_path / "chain", control=False
    )
    student, teacher = (gn.open(tmp_path / "chain" / name) for name in ("01-student", "00-teacher"))
    for s in range(2):
        (mine, spins), (theirs, before) = (
            configuration(ds, waiting_time=0, configuration=s) for ds in (student, teacher)
        )
        np.testing.assert_array_equal(mine[0], theirs[0])
        assert not np.array_equal(mine[1], theirs[1])
        assert not np.array_equal(spins[0], before[0]), "fresh patterns"


@pytest.mark.parametrize(
    "chain",
    [
        Chain.mutual(SHALLOW, DEEP, SHALLOW),
        pytest.param(Chain.in_time(SHALLOW, DEEP, (0.4, 1.0), SHALLOW), marks=pytest.mark.slow),
        pytest.param(Chain.direct(SHALLOW, DEEP, DEEP, Link(location=(2, 1))), marks=pytest.mark.slow),
        pytest.param(
            Chain.dense(SHALLOW, DEEP, [DEEP], SHALLOW, Link(drop=0.5, knowledge="hard")), marks=pytest.mark.slow
        ),
        pytest.param(Chain.direct(SHALLOW, DEEP, SHALLOW, Link(data="transfer", weight=1.0)), marks=pytest.mark.slow),
    ],
    ids=lambda chain: chain.kind,
)
def test_every_kind_of_chain_runs(chain):
    ds = chain.run(**BUDGET)
    assert np.isfinite(ds.generalisation_error).all()
    assert np.isfinite(ds.gain.sel(machine=chain.nodes[-1].name)).all()
    assert ds.attrs["kind"] == chain.kind


@pytest.mark.slow
def test_thermal_knowledge_is_the_mean_over_clones():
    protocol = gn.Protocol(sweeps=30, waiting_times=(0,), clones=3)
    chain = Chain.direct(SHALLOW, DEEP, SHALLOW, Link(knowledge="thermal"))
    ds = chain.run(**{**BUDGET, "protocol": protocol}, control=False)
    assert ((ds.softness > 0.1) & (ds.softness <= 1)).all()
    with pytest.raises(ValueError, match="`protocol.clones` must be at least 2 for thermal knowledge"):
        chain.run(**BUDGET)


@pytest.mark.slow
def test_machines_of_a_replica_exchange_teach_at_the_coldest_temperature(tmp_path):
    chain = Chain.direct(SHALLOW, DEEP, SHALLOW)
    ds = chain.run(**{**BUDGET, "beta": [1.0, 3.0]}, exchange=gn.Exchange(), folder=tmp_path / "chain")
    run = gn.open(tmp_path / "chain" / "01-student")
    known = gn.tasks.teacher_student(SHALLOW, 20, seed=1, test_patterns=60, teacher=SHALLOW)
    weights, _ = configuration(run, waiting_time=0, configuration=1, temperature=1 / 3)
    error = (feed_forward(SHALLOW, weights, known.test_inputs)[-1] != known.test_outputs).mean()
    assert error == ds.generalisation_error.sel(machine="student", seed=1)


def test_a_ladder_of_margins_does_not_teach():
    with pytest.raises(ValueError, match=r"`exchange\.over` must be 'temperature' in a chain"):
        Chain.none(SHALLOW, SHALLOW).run(**BUDGET, exchange=gn.Exchange(over="margin", values=[-0.5, 0.0]))


def test_targets_follow_the_ids_of_the_patterns():
    task = gn.tasks.teacher_student(SHALLOW, 12, seed=1)
    order = np.random.default_rng(0).permutation(12)
    field = np.random.default_rng(1).standard_normal((12, 1))
    guide = Guide.of(field[order], np.arange(12)[order], temperature=0.6)
    guided = replace(task, ids=np.arange(12), guide=guide)
    np.testing.assert_allclose(guided.guide.means, np.tanh(field / 0.6), atol=1e-6)
    with pytest.raises(ValueError, match="`guide` must know all patterns, as that of id 12"):
        replace(task, ids=np.arange(1, 13), guide=guide)
    with pytest.raises(ValueError, match="`ids` must name the patterns of a task with a guide"):
        replace(task, guide=guide)
    with pytest.raises(ValueError, match="`ids` must name the patterns: targets belong"):
        Guide.of(field, None)


def test_several_parents_cost_what_they_cost_together():
    from glassnet.perceptron.targets import distance

    rng = np.random.default_rng(0)
    fields, weights = rng.standard_normal((3, 7, 2)), (0.2, 0.3, 0.1)
    guides = [Guide.of(f, np.arange(7), temperature=0.9, weight=w) for f, w in zip(fields, weights, strict=True)]
    mixed, h = Guide.mixed(guides), rng.standard_normal((7, 2))
    right = sum(w * distance(h, f, 0.9) for f, w in zip(fields, weights, strict=True))
    found = mixed.weight * 0.81 * (np.log(np.cosh(h / 0.9)) - mixed.means * h / 0.9 + mixed.floor)
    np.testing.assert_allclose(found, right, atol=1e-6)
    with pytest.raises(ValueError, match="`weight` must add up to at most 1"):
        Guide.mixed([replace(guide, weight=0.6) for guide in guides])


def test_gram_overlaps_do_not_feel_gauge_nor_order():
    rng = np.random.default_rng(0)
    spins = [signs(rng.standard_normal((40, n))) for n in (9, 30)]
    turned = [S[:, rng.permutation(S.shape[1])] * signs(rng.standard_normal(S.shape[1])) for S in spins]
    found = gram_overlaps(spins, turned)
    np.testing.assert_allclose(np.diag(found), 1, atol=1e-6)
    assert abs(found[0, 1]) < 4.5 / np.sqrt(40 * 39 / 2)


def test_errors_of_child_and_parent():
    wrong, parent = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool)
    assert error_overlap(wrong, parent) == 0
    assert inherited(wrong, parent) == 0.5
    assert error_overlap(wrong, wrong) == pytest.approx(1)
    assert np.isnan(error_overlap(wrong, np.zeros(4, bool)))


def test_fields_are_those_of_the_reference():
    machine = gn.Machine(depth=3, width=6, inputs=4, outputs=2, connectivity=3, ensemble="ising")
    task = gn.tasks.teacher_student(machine, 9)
    layers = feed_forward(machine, task.teacher.weights, task.inputs)
    for field, spins in zip(fed_forward(machine, task.teacher.weights, task.inputs), layers[1:], strict=True):
        np.testing.assert_array_equal(signs(field), spins)


def test_the_table_of_methods():
    text = repr(Chain.methods())
    for name in ("BLKD", "TAKD", "DGKD", "FitNets", "deep mutual learning", "mean teacher"):
        assert name in text


NARROW = replace(SHALLOW, width=4, inputs=5)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: Link(temperature=0), "`temperature` must be a positive finite number, but is 0"),
        (lambda: Link(weight=1.5), "`weight` must lie in [0, 1], but is 1.5"),
        (lambda: Link(drop=-1), "`drop` must lie in [0, 1]"),
        (lambda: Link(knowledge="dark"), "`knowledge` must be one of 'hard', 'field', 'thermal', but is 'dark'"),
        (lambda: Link(data="old"), "`data` must be one of"),
        (lambda: Link(location="inside"), "`location` must be 'output', a hidden layer, or a pair"),
        (lambda: Link(location=1, knowledge="thermal"), "`knowledge` must be 'field' or 'hard'"),
        (
            lambda: Chain.direct(DEEP, replace(DEEP, width=4, inputs=5), DEEP, Link(location=1)),
            "hidden layers of equal width: the parent, of 4 neurons, is narrower than the child's 5",
        ),
        (lambda: Chain.direct(DEEP, DEEP, SHALLOW, Link(location=2)), "`location` must be a hidden layer of both"),
        (lambda: Chain.direct(DEEP, DEEP, SHALLOW, Link(copied=2)), "`copied` must leave the last layer"),
        (lambda: Chain.direct(DEEP, DEEP, NARROW, Link(copied=1)), "`copied` must be 0 unless widths"),
        (lambda: Chain.none(DEEP, replace(DEEP, inputs=7)), "`student.inputs` must be 5"),
        (lambda: Chain.in_time(DEEP, DEEP, (0.5,), DEEP), "`ages` must ascend to 1"),
        (lambda: Chain.in_time(DEEP, DEEP, (1.0,), DEEP, Link(data="fresh")), "`link.data` must be 'same'"),
        (lambda: Chain.mutual(DEEP, DEEP, DEEP, rounds=1), "`rounds` must be an integer of at least 2"),
        (lambda: Chain.assisted(DEEP, DEEP, [], DEEP, [Link(), Link()]), "`link` must be one Link, or one for each"),
        (lambda: Chain.direct(DEEP, "deep", DEEP), "`teacher` must be a Machine, but is 'deep'"),
        (lambda: Chain.none(DEEP, DEEP).run(**{**BUDGET, "beta": [1.0, 2.0]}), "`beta` must be one number or Schedule"),
        (lambda: Chain.none(DEEP, DEEP).run(**{**BUDGET, "patterns": 0}), "`patterns` must be an integer of at"),
    ],
)  # fmt: skip
def test_bad_arguments_get_one_sentence(wrong, words):
    with pytest.raises(ValueError, match="Argument") as caught:
        wrong()
    assert words in str(caught.value)
