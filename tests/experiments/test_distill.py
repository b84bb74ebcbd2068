"""Experiments with chains: verdicts on errors made up, the scripts in small."""

import json

import distill_assistants
import distill_gap
import distill_kinetic
import distill_oracle
import distill_solvable
import numpy as np
import pytest
import xarray as xr
from experiment import Verdict, paired

SEEDS = 20
NOISE = 0.002 * np.random.default_rng(0).standard_normal((8, SEEDS))
COMMON = 0.05 * np.random.default_rng(1).standard_normal(SEEDS)


def rows(**means):
    """Errors by arm and seed; what a seed has in common is larger than all differences."""
    found = np.array([mean + COMMON + NOISE[n] for n, mean in enumerate(means.values())])
    return xr.DataArray(found, dims=("arm", "seed"), coords={"arm": list(means), "seed": np.arange(SEEDS)})


def verdicts(claims):
    return {claim.text: claim.verdict for claim in claims}


def test_pairs_take_off_what_a_seed_has_in_common():
    error = rows(a=0.30, b=0.29)
    effect, sigma = paired(error.sel(arm="a"), error.sel(arm="b"))
    assert effect == pytest.approx(0.01, abs=4 * sigma)
    assert sigma < 0.001


def assistants(train=0.01, overlap=0.5, **means):
    means = {"none": 0.3, "direct": 0.3, "assisted": 0.3, "dense": 0.3, "in_time": 0.3} | means
    link = ["teacher->assistant_1", "assistant_1->student"]
    each = (("link", "seed"), overlap + NOISE[:2])
    error = rows(**means)
    return xr.Dataset(
        {"generalisation_error": error, "training_error": train + 0 * error, "teacher_error": ("seed", 0.2 + COMMON)}
        | dict.fromkeys(("error_overlap", "inherited_errors", "fidelity", "softness"), each),
        {"link": link},
    )


def test_verdicts_on_assistants():
    found = verdicts(distill_assistants.claims(assistants(direct=0.28, assisted=0.29, dense=0.28)))
    assert [found[f"{text}."] for *_, text, _ in distill_assistants.DUELS] == [
        Verdict.BEATS, Verdict.LOSES, Verdict.BEATS, Verdict.BEATS, Verdict.LOSES,
    ]  # fmt: skip
    nothing = verdicts(distill_assistants.claims(assistants(overlap=0.0)))
    assert set(nothing.values()) == {Verdict.INCONCLUSIVE}
    unlearned = verdicts(distill_assistants.claims(assistants(direct=0.28, train=0.2)))
    assert Verdict.BEATS not in unlearned.values()


def gap(near=0.3, far=0.3, slope=0.0):
    depths = list(distill_gap.TEACHERS)
    reached = (
        0.1
        + 0.02 * np.arange(len(depths))[:, None]
        + COMMON
        + 0.01 * np.random.default_rng(2).standard_normal((5, SEEDS))
    )
    error = rows(**{"none": 0.3, **{str(d): 0.3 for d in depths}, "3": near, "6": far})
    error[1:] += slope * (reached - reached.mean(0))
    return xr.Dataset(
        {
            "generalisation_error": error,
            "training_error": 0 * error,
            "teacher_generalisation": (("depth", "seed"), reached),
        },
        {"depth": depths},
    )


def test_verdicts_on_the_gap():
    first, *_, last = distill_gap.claims(gap(near=0.28, far=0.31))
    assert first.verdict == Verdict.BEATS
    assert distill_gap.claims(gap(near=0.31, far=0.3))[0].verdict == Verdict.LOSES
    assert distill_gap.claims(gap())[0].verdict == Verdict.INCONCLUSIVE
    assert distill_gap.claims(gap(slope=0.5))[-1].verdict == Verdict.SEEN
    assert distill_gap.claims(gap(slope=-0.5))[-1].verdict == Verdict.CONTRADICTED
    assert distill_gap.claims(gap())[-1].verdict == Verdict.INCONCLUSIVE


def kinetic(quench, exchange, train=0.01):
    ways = ["quench 100", "exchange"]
    parts = [rows(none=0.3, direct=0.3 - x, assisted=0.3 - 2 * x) for x in (quench, exchange)]
    error = xr.concat(parts, "way").assign_coords(way=ways)
    return xr.Dataset({"generalisation_error": error, "training_error": train + 0 * error})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (kinetic(0.02, 0.0), Verdict.SEEN),
        (kinetic(0.0, 0.02), Verdict.CONTRADICTED),
        (kinetic(0.02, 0.02), Verdict.INCONCLUSIVE),
        (kinetic(0.02, 0.0, train=0.3), Verdict.INCONCLUSIVE),
    ],
)
def test_verdicts_on_kinetics(data, expected):
    found = [claim for claim in distill_kinetic.claims(data) if "kinetic" in claim.text]
    assert [claim.verdict for claim in found] == [expected] * 2


def test_verdicts_on_the_solvable_chain():
    data = distill_solvable.errors(distill_solvable.Sizes(20, (1.5, 2.0, 6.0), 3, tests=60))
    wide = {name: data[name].mean("seed").expand_dims(seed=SEEDS, axis=-1) for name in ("error", "error_same")}
    formula = data.formula.values[..., None] + NOISE[0] / 10
    wide["error"] = wide["error"].copy(data=formula + 0 * wide["error"].values)
    wide["error"].loc[{"path": "6-5-4-3-2", "kappa": 1.5}] += 0.01 + NOISE[1] / 10
    wide["error"].loc[{"path": "6-5-4-3-2", "kappa": 6.0}] -= 0.01 + NOISE[1] / 10
    found = verdicts(distill_solvable.claims(data.drop_dims("seed").assign(**wide, shuffled=("seed", 0.5 + NOISE[2]))))
    lost = "Fresh patterns, kappa = 1.5: the path 6-5-4-3-2 against 6-2 (should lose)."
    won = "Fresh patterns, kappa = 6: the path 6-5-4-3-2 against 6-2 (should win)."
    assert (found[lost], found[won]) == (Verdict.LOSES, Verdict.BEATS)
    assert found["One link of the solvable chain errs as the formula says."] == Verdict.SEEN
    assert found["Nothing is learned from the fields of other patterns."] == Verdict.SEEN


def test_verdicts_on_the_oracle():
    arms = ["labels", "more labels", *(distill_oracle.name(w, t) for w in (0.5, 1.0) for t in (0.25, 1.0, 4.0))]

    def found(train=0.0, **changes):
        error = rows(**dict.fromkeys(arms, 0.3) | changes)
        data = xr.Dataset({"generalisation_error": error, "training_error": 0 * error + train})
        return [claim.verdict for claim in distill_oracle.claims(data)]

    beats, loses, open_ = Verdict.BEATS, Verdict.LOSES, Verdict.INCONCLUSIVE
    assert found() == [open_] * 5
    assert found(labels=0.32) == [beats] * 3 + [open_, beats]
    soft = {"lambda 0.5, tau 4": 0.28, "lambda 1, tau 1": 0.32}
    assert found(**soft) == [open_, loses, beats, beats, open_]
    assert found(labels=0.32, train=0.2) == [open_] * 5


def test_the_oracle_teaches_its_own_fields():
    """Targets of the rule are the softened fields whose signs are its labels."""
    sizes = distill_oracle.SIZES["smoke"]
    task = distill_oracle.task(sizes, 12, 0.5, 2.0, 1)
    np.testing.assert_array_equal(np.sign(task.guide.means), task.outputs)
    assert (task.guide.weight, task.guide.temperature) == (0.5, 2.0)
    other = distill_oracle.task(sizes, 24, 0.0, 2.0, 1)
    assert other.guide is None
    assert other.outputs.shape == (24, 1)


SCRIPTS = (distill_assistants, distill_gap, distill_kinetic, distill_oracle, distill_solvable)


@pytest.mark.parametrize(
    "script", [pytest.param(s, marks=pytest.mark.slow if s is not distill_solvable else ()) for s in SCRIPTS]
)
def test_scripts(script, tmp_path):
    script.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["claims"]
