"""The annealing wall: curves through made-up successes, planted walls and their verdicts, the script in small."""

import json

import annealing_wall as script
import numpy as np
import pytest
import xarray as xr
from experiment import Verdict
from scipy.optimize import minimize

import glassnet as gn


def made(fall=0.1, rise=0.02, samples=200, width=0.03, **changes):
    """Successes drawn from logistic curves whose walls fall with ln N and rise with ln sweeps."""
    rng = np.random.default_rng(3)
    N, t = np.array([101, 201, 401]), np.array([100, 400, 1600])
    wall = 0.6 - fall * np.log(N / 201)[:, None] + rise * np.log(t / 400)
    alpha = wall[..., None] + np.array([-0.09, -0.03, 0.03, 0.09])
    share = 1 / (1 + np.exp((alpha - wall[..., None]) / width))
    solved = (rng.random((*share.shape, samples)) < share[..., None]).astype(float)
    solved[2, ..., samples // 2 :] = np.nan  # fewer samples at the largest N
    data = xr.Dataset(
        {
            "solved": (("width", "sweeps", "load", "sample"), solved),
            "alpha": (("width", "sweeps", "load"), alpha),
            "easy": ("width", np.ones(3)),
            "impossible": 0.0,
            "disagreements": 0,
        },
        {"width": N, "sweeps": t},
    ).assign(changes)
    return script.measured(data), wall


S, C, I, N = Verdict.SEEN, Verdict.CONTRADICTED, Verdict.INCONCLUSIVE, Verdict.NOT_SEEN


@pytest.mark.parametrize(("changes", "verdicts"), [
    ({}, [S, S]),
    ({"fall": -0.1}, [C, S]),
    ({"rise": -0.02}, [S, C]),
    ({"fall": 0.0, "rise": 0.0, "samples": 4000}, [N, N]),
    ({"easy": ("width", np.array([1.0, 1.0, 0.9]))}, [I, I]),
    ({"impossible": 0.1}, [I, I]),
    ({"disagreements": 1}, [I, I]),
])  # fmt: skip
def test_verdicts(changes, verdicts):
    assert [claim.verdict for claim in script.claims(made(**changes)[0])] == verdicts


def test_loads_that_miss_the_wall_spoil_the_verdicts():
    data, _ = made()
    data["solved"][0, 0, -1] = 1.0
    assert {claim.verdict for claim in script.claims(data)} == {I}


def test_walls_are_those_that_were_planted():
    data, wall = made()
    z = (data["wall"].values - wall) / data["wall_error"].values
    assert np.abs(z).max() < 4.5
    assert 0.3 < np.sqrt((z**2).mean()) < 2


def test_errors_are_those_of_the_likelihood():
    """Independent samples: the bootstrap is close to the curvature of the likelihood at the known curve."""
    data, wall = made()
    w = 0.03
    alpha = data["alpha"].values[0, 0]
    p = 1 / (1 + np.exp((alpha - wall[0, 0]) / w))
    information = 200 * (p * (1 - p)).sum() / w**2
    assert data["wall_error"].values[0, 0] == pytest.approx(information**-0.5, rel=0.25)


def test_the_likeliest_curve():
    """The grid against a continuous search."""
    alpha, hits, tried = np.array([0.5, 0.55, 0.6, 0.65]), np.array([11.0, 9.0, 3.0, 1.0]), np.full(4, 12.0)

    def cost(v):
        x = (alpha - v[0]) / v[1]
        return (hits * np.logaddexp(0, x) + (tried - hits) * np.logaddexp(0, -x)).sum()

    exact = minimize(cost, [0.58, 0.03], method="Nelder-Mead").x
    a, w = script.logistic(alpha, hits, tried)
    assert a == pytest.approx(exact[0], abs=5e-4)
    assert w == pytest.approx(exact[1], rel=0.06)


def test_one_sample_has_the_same_patterns_at_all_loads():
    few, many = (script.run(21, 4, alpha, 2)["task"][1] for alpha in (0.5, 0.8))
    for name in ("inputs", "outputs"):
        np.testing.assert_array_equal(getattr(many, name)[: few.patterns], getattr(few, name))


def test_solved_is_what_weights_say():
    """Outputs computed anew from the last weights are right in just the samples that count as solved."""
    arguments = script.run(21, 40, 0.75, samples=6)
    ds = gn.simulate(**arguments | {"task": tuple(arguments["task"])}, keep_configurations=True)
    found, disagreements = script.solved(ds)
    owner, right = ds["configuration_sample"].values.tolist(), np.zeros(6, bool)
    assert len(owner) == 6 * script.CLONES
    for configuration, sample in enumerate(owner):
        weights, _ = gn.configuration(ds, waiting_time=0, configuration=configuration)
        task = arguments["task"][sample]
        fields = task.inputs.astype(float) @ np.asarray(weights[0], float)[0]
        right[sample] |= bool((fields * task.outputs[:, 0] > 0).all())
    np.testing.assert_array_equal(found, right)
    assert disagreements == 0
    assert 0 < found.mean() < 1


@pytest.mark.slow
def test_script(tmp_path):
    script.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    assert len(json.loads((tmp_path / "out" / "summary.json").read_text())["claims"]) == 2
