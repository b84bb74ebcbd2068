"""Specialisation: verdicts on made-up orders, overlaps against permuted and turned machines, the script in small."""

import json

import numpy as np
import pytest
import specialisation as script
import xarray as xr
from experiment import Verdict

import glassnet as gn
from glassnet.perceptron.prior import prior_weights

S, C, I, N = Verdict.SEEN, Verdict.CONTRADICTED, Verdict.INCONCLUSIVE, Verdict.NOT_SEEN
SIZES = script.Sizes((16, 24), script.SIZES["desk"].points, pace=1, samples=8, control=(8, 1))
LIQUID = [0.0, 0.0, 0.0]


def made(one=LIQUID, every=LIQUID, *, high=1.0, cooled=0.0, wall=0.0, fall=0.0, narrow=0.0, strangers=0.0, control=0.5,
         neurons=0.5, follow=0.0, noise=0.004):  # fmt: skip
    """Orders by layer: of few outputs and N^2 patterns, and of N outputs and N patterns.

    High loads have `high` times as much; cooled students differ by `cooled`, at high loads by `wall`.
    """
    rng = np.random.default_rng(5)
    rows = script.plan(SIZES)
    X = np.zeros((len(rows), 8, 4))
    for n, (N, p, start, _) in enumerate(rows):
        top = p.load > 2 or (p.squared and p.load == 2)
        level = np.array(one if p.squared else every if p.outputs is None else LIQUID) * (high if top else 1)
        level = level * 0 if p.squared and p.load <= 1 and p.outputs == 1 else level
        shift = 0 if start == "planted" else wall if top else cooled
        X[n, :, :3] = level + shift - (narrow if N == 16 else 0)
    X[0] = control
    X += noise * rng.normal(size=X.shape)
    readout = rng.random((len(rows), 8, 24))
    single = rng.choice(np.atleast_1d(neurons), (len(rows), 8, 4, 24)) + follow * readout[:, :, None]
    single = single + 0.1 * rng.normal(size=single.shape)
    depth = np.array([p.depth for _, p, *_ in rows])
    hidden = np.where(np.arange(1, 5) < depth[:, None, None], 1, np.nan)
    dims = ("run", "sample", "layer")
    values = {
        "R": (dims, X * hidden),
        "X": (dims, X * hidden),
        "X_before": (dims, (X + fall) * hidden),
        "Y": (dims, X),
        "strangers": (dims, (strangers + noise * rng.normal(size=X.shape)) * hidden),
        "neurons": ((*dims, "neuron"), single),
        "readout": (("run", "sample", "neuron"), readout),
        "train_error": (("run", "sample"), np.zeros((len(rows), 8))),
        "test_error": (("run", "sample"), np.zeros((len(rows), 8))),
    }
    labels = {"depth": depth, "width": [N for N, *_ in rows], "case": [p.case for _, p, *_ in rows]}
    labels |= {"load": [float(p.load) for _, p, *_ in rows], "start": [start for *_, start, _ in rows]}
    return xr.Dataset(values, {"layer": [1, 2, 3, 4], **{k: ("run", list(x)) for k, x in labels.items()}})


NAMES = (
    "ordered", "second", "grows", "linear", "low", "neurons", "weights", "few", "kinds", "readout",
    "output", "liquid", "output high", "centre", "centre high",
    "meet one", "meet every", "wall one", "wall every", "control", "chance",
)  # fmt: skip


def verdicts(**changes):
    return dict(zip(NAMES, [claim.verdict for claim in script.claims(made(**changes))], strict=True))


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, {"ordered": C, "second": C, "grows": N, "linear": S, "low": S, "neurons": N, "weights": N, "few": N}),
    ({}, {"output": N, "liquid": S, "output high": N, "centre": N, "centre high": N, "control": S, "chance": S}),
    ({"one": [0.8, 0.4, 0]}, {"ordered": S, "second": S, "neurons": S, "weights": S, "few": S, "low": S}),
    ({"one": [0.0, 0.4, 0]}, {"ordered": C, "second": S, "neurons": C, "weights": C, "few": C}),
    ({"every": [0.02, 0.12, 0.12]}, {"output": S, "liquid": S, "output high": S, "centre": C, "centre high": C}),
    ({"every": [0.12, 0.02, 0.12]}, {"output": C, "liquid": C, "centre": S, "centre high": S}),
    ({"every": [0.5, 0.5, 0.5], "fall": 0.6}, {"output": N, "liquid": C}),
    ({"one": [0.5, 0.5, 0], "fall": 0.6}, {"ordered": C, "second": C}),
    ({"one": [0.5, 0.5, 0], "narrow": 0.1}, {"grows": S}),
    ({"one": [0.5, 0.5, 0], "narrow": -0.1}, {"grows": C}),
    ({}, {"meet one": S, "meet every": S, "wall one": S, "wall every": S}),
    ({"wall": -0.3}, {"meet one": S, "meet every": S, "wall one": C, "wall every": C, "output": N}),
    ({"cooled": -0.3}, {"meet one": C, "meet every": C, "low": I, "output": I, "liquid": I, "centre": I}),
    ({"control": 0.0}, {"control": C}),
    ({"neurons": [0.1, 0.9]}, {"kinds": S}),
    ({"neurons": 0.5}, {"kinds": C}),
    ({"follow": 0.3}, {"readout": S}),
    ({"follow": -0.3}, {"readout": C}),
    ({"strangers": 0.2}, dict.fromkeys(NAMES[:19], I) | {"chance": C, "control": S}),
])  # fmt: skip
def test_verdicts(changes, expected):
    found = verdicts(**changes)
    assert {name: found[name] for name in expected} == expected


MACHINE = gn.Machine(depth=3, width=7, outputs=2, ensemble="gaussian", potential=gn.Counting())


def inputs(rng, M=400):
    return 2 * rng.integers(2, size=(M, 7), dtype=np.int8) - 1


def test_overlaps_know_permuted_and_turned_machines():
    """Neurons in another order, with other signs, are the same machine; so are they where weights are stretched."""
    rng = np.random.default_rng(1)
    teacher = prior_weights(MACHINE, rng)
    student = [2 * J for J in teacher]
    for l in (0, 1):
        place, sign = rng.permutation(7), rng.choice([-1.0, 1.0], 7)
        student[l] = sign[:, None] * student[l][place]
        student[l + 1] = student[l + 1][:, place] * sign
    R, neurons, rows = script.compared(MACHINE, inputs(rng), teacher, student)
    np.testing.assert_allclose(R, 1)
    np.testing.assert_allclose(neurons, 1)
    np.testing.assert_allclose(rows, 1, rtol=1e-5)


def test_order_is_seen_in_the_layer_that_has_it():
    """A student that knows one layer of weights and not the others."""
    rng = np.random.default_rng(2)
    teacher, other = prior_weights(MACHINE, rng), prior_weights(MACHINE, rng)
    R, _, rows = script.compared(MACHINE, inputs(rng), teacher, [teacher[0], other[1], other[2]])
    assert (R[0], rows[0]) == (pytest.approx(1), pytest.approx(1, rel=1e-5))
    assert max(R[1], rows[1]) < 0.8


def test_chance_is_what_strangers_have():
    """Means over other pairs than those that it is made of."""
    level = script.chance(MACHINE, 60, 200)
    found = []
    for n in range(200):
        rng = np.random.default_rng((9, n))
        one = script.compared(MACHINE, inputs(rng, 60), prior_weights(MACHINE, rng), prior_weights(MACHINE, rng))
        found.append(np.concatenate([one[0], one[2]]))
    error = np.std(found, axis=0) * (2 / 200) ** 0.5
    z = (np.mean(found, axis=0) - np.concatenate(level)) / error
    assert np.abs(z).max() < 4.5
    assert level[0].min() > 0.02  # matched strangers agree


@pytest.mark.slow
def test_script(tmp_path):
    script.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    assert len(json.loads((tmp_path / "out" / "summary.json").read_text())["claims"]) == 21
