"""The condensed layer: verdicts on values made up, the start, the script in small."""

import json

import condensation as script
import numpy as np
import pytest
import xarray as xr
from experiment import Verdict

import glassnet as gn
from glassnet.perceptron.reference import checked_weights

C, LOADS = [16, 24, 32], [3.0, 10.0]


def made(order=0.97, error=1e-3, random=4.0, **far):
    """Values whose ratios to the theory are `far` + 2/c (1 where left out), with noise of this size."""
    rng = np.random.default_rng(2)
    shape = (2, len(LOADS), len(C), 6)
    data = xr.Dataset(
        {"order": (("start", "load", "connectivity", "sample"), order + error * rng.normal(size=shape))},
        {"start": list(script.STARTS), "load": LOADS, "connectivity": C},
    )
    for key in ("leaning", "energy", "energy_above"):
        said = np.array([[0.3, 0.2, 0.1], [0.2, 0.15, 0.1]])
        ratio = far.get(key, 1.0) + 2 / np.array(C) + np.zeros(shape[:3])
        ratio[1] = random
        values = (said * ratio)[..., None] * (1 + error * rng.normal(size=shape))
        data[key] = (("start", "load", "connectivity", "sample"), values)
        data[f"{key}_theory"] = (("load", "connectivity"), said)
    return data


S, N, I = Verdict.SEEN, Verdict.CONTRADICTED, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("changes", "verdicts"), [
    ({}, [S, S, S, S]),
    ({"order": 0.8}, [N, S, S, S]),
    ({"leaning": 1.2}, [S, N, S, S]),
    ({"energy": 0.8}, [S, S, N, S]),
    ({"energy_above": 1.3}, [S, S, S, N]),
    ({"random": 1.2}, [S, S, I, I]),
    ({"order": 0.9, "error": 0.2}, [I, I, I, I]),
])  # fmt: skip
def test_verdicts(changes, verdicts):
    assert [claim.verdict for claim in script.claims(made(**changes))] == verdicts


def test_the_start_is_what_the_theory_describes():
    machine = gn.Machine(depth=3, width=256, connectivity=32, potential=script.POTENTIAL)
    state, M = script.theory(10.0, 32), 320
    weights, spins = script.condensed_start(machine, M, state, seed=1)
    checked_weights(machine, weights)
    S2 = spins[2].astype(float)
    overlaps = S2 @ S2.T / 256
    np.testing.assert_array_equal(np.abs(overlaps), 1)
    np.testing.assert_allclose(spins[2] @ weights[2].T, 0, atol=1e-9)  # no field in the layer above
    S1 = spins[1].astype(float)
    square = ((S1 @ S1.T / 256)[np.triu_indices(M, 1)] ** 2).mean()
    expected = state.polarisation**4 + (1 - state.polarisation**4) / 256
    assert square == pytest.approx(expected, rel=0.1)
    fields = spins[1] @ weights[1].T / 32**0.5 * spins[2]
    mean = (state.overlap * 32) ** 0.5 * state.polarisation
    assert fields.mean() == pytest.approx(mean, rel=0.05)
    assert fields.var() == pytest.approx(1 - state.overlap * state.polarisation**2, rel=0.1)


@pytest.mark.slow
def test_script(tmp_path):
    script.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    assert len(json.loads((tmp_path / "out" / "summary.json").read_text())["claims"]) == 4
