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
SIZES = script.Sizes((24,), (*script.ONE, *script.ALL), sweeps=1, longer=1, samples=8)
LIQUID, ORDERED = [0.0, 0.0, 0.0], [0.8, 0.8, 0.8]


def made(one=LIQUID, every=LIQUID, *, cooled=0.0, fall=0.0, strangers=0.0, neurons=0.5, follow=0.0, noise=0.005):
    """X and Y by layer with N^2 patterns and one output, and with N patterns and outputs."""
    rng = np.random.default_rng(5)
    rows = script.plan(SIZES)
    level = {script.ONE_N2: one, script.ALL_N: every, script.ONE_N: LIQUID}
    X = np.array([np.append(level[p.case], 0) + (cooled if s == "cooled" else 0) for _, p, s in rows])[:, None]
    X = X + noise * rng.normal(size=(len(rows), 8, 4))
    strange = strangers + noise * rng.normal(size=X.shape)
    single = np.broadcast_to(np.resize(neurons, 24), (len(rows), 8, 4, 24))
    readout = rng.random((len(rows), 8, 24))
    depth = np.array([p.depth for _, p, _ in rows])
    hidden = np.where(np.arange(1, 5) < depth[:, None, None], 1, np.nan)
    dims = ("run", "sample", "layer")
    values = {
        "R": (dims, X * hidden),
        "X": (dims, X * hidden),
        "X_before": (dims, (X + fall) * hidden),
        "Y": (dims, X),
        "strangers": (dims, strange * hidden),
        "neurons": ((*dims, "neuron"), single + follow * readout[:, :, None]),
        "readout": (("run", "sample", "neuron"), readout),
        "train_error": (("run", "sample"), np.zeros((len(rows), 8))),
        "test_error": (("run", "sample"), np.zeros((len(rows), 8))),
    }
    labels = {"depth": depth, "width": [24] * len(rows), "case": [p.case for _, p, _ in rows]}
    labels |= {"load": [float(p.load) for _, p, _ in rows], "start": [s for *_, s in rows]}
    return xr.Dataset(values, {"layer": [1, 2, 3, 4], **{k: ("run", list(x)) for k, x in labels.items()}})


def verdicts(data):
    return [claim.verdict for claim in script.claims(data)]


def test_liquids():
    assert verdicts(made())[:3] == [C, C, S]
    assert verdicts(made())[3:8] == [N] * 5
    assert verdicts(made())[12:] == [C, S]


def test_order_from_the_input_side():
    found = verdicts(made(one=[0.8, 0.4, 0.4], every=[0.8, 0.4, 0.4]))
    assert found[:8] == [S, S, S, S, S, C, C, N]


def test_order_from_the_output_side():
    assert verdicts(made(one=[0, 0.5, 0.5], every=[0, 0.5, 0.8]))[:8] == [C, S, S, C, C, S, S, C]


def test_order_from_both_sides():
    assert verdicts(made(every=[0.8, 0.3, 0.8]))[7] == S


def test_what_still_falls_is_no_order():
    assert verdicts(made(one=[0.5, 0.5, 0.5], fall=0.6))[0] == C


def test_starts():
    assert verdicts(made(one=ORDERED, every=ORDERED))[8:10] == [S, S]
    assert verdicts(made(one=ORDERED, every=ORDERED, cooled=-0.6))[8:10] == [C, C]


def test_single_neurons():
    assert verdicts(made(neurons=[0.1, 0.9]))[10] == S
    assert verdicts(made(neurons=0.5))[10] == C
    assert verdicts(made(follow=0.3))[11] == S
    assert verdicts(made(follow=-0.3))[11] == C


def test_a_wrong_chance_level_spoils_all():
    found = verdicts(made(one=ORDERED, every=ORDERED, strangers=0.2))
    assert found[:12] == [I] * 12
    assert found[13] == C


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
    assert len(json.loads((tmp_path / "out" / "summary.json").read_text())["claims"]) == 14
