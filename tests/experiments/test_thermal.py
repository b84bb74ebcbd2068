"""The thermal machine: verdicts on curves that were made up, and both scripts in small."""

import json

import numpy as np
import pytest
import thermal_descent
import thermal_layers
import thermal_learning
import xarray as xr
from experiment import Verdict
from thermal_learning import COLD, Case

SAMPLES = 6
TIMES = np.array([0, *np.unique(np.rint(10 ** np.arange(0, 4.05, 0.125)).astype(int))])


def learning(best: int = 245, shallow: float = 0.05, slower: float = 1.0) -> dict[Case, xr.Dataset]:
    """Published curves with noise where there are some; accuracy best at one load, more at smaller depths."""
    rng, found = np.random.default_rng(0), {}
    for case in thermal_learning.cases(thermal_learning.SIZES["desk"]):
        load = Case(case.patterns)
        energy = thermal_learning.published("E", load)
        score = thermal_learning.published("A", load)
        energy = np.array([TIMES[1:], TIMES[1:] ** -0.5]) if energy is None else energy
        score = np.array([TIMES[1:], 0.5 + 0.02 * np.log(TIMES[1:])]) if score is None else score
        E = np.exp(np.interp(np.log(np.maximum(TIMES, 1)), np.log(energy[0]), np.log(energy[1]))) ** slower
        A = np.interp(np.log(np.maximum(TIMES, 1)), np.log(score[0]), score[1])
        A = A - 0.1 * (case.patterns != best) * (best != 245) + 0.1 * (case.patterns == best) * (best != 245)
        noise = 0.01 * rng.normal(size=(2, SAMPLES, 1))
        parts = {"energy": E * np.exp(noise[0]), "accuracy": A + shallow * (case.depth < 10) + noise[1]}
        parts |= dict.fromkeys(("training", "own", "own_training"), 0.98 + noise[1] + 0 * A)
        dims = ("sample", "time")
        found[case] = xr.Dataset({k: (dims, x) for k, x in parts.items()}, {"time": TIMES})
    return found


def verdicts(claims):
    return {claim.text: claim.verdict for claim in claims}


SHALLOW, SIGNS = "Shallower machines generalise better (N = 10)", "The network of signs generalises: better than chance"
NEAR_E, NEAR_A = "The E(t)/E(0) is the published one (within 15 %)", "The accuracy is the published one (within .05)"
BEST = "There is a best load: accuracy falls to both sides of it (N = 10, L = 10)"


def test_published_curves_are_found_to_be_published():
    found = verdicts(thermal_learning.claims(learning()))
    assert (found[NEAR_E], found[NEAR_A], found[SHALLOW], found[BEST]) == (Verdict.SEEN,) * 4


def test_other_curves_are_not():
    found = verdicts(thermal_learning.claims(learning(best=600, shallow=-0.2, slower=0.7)))
    assert (found[NEAR_E], found[NEAR_A], found[SHALLOW]) == (Verdict.CONTRADICTED,) * 3
    assert found[BEST] is Verdict.INCONCLUSIVE  # the best load is the last one


def layers(
    ends: float = 0.9, centre: float = 0.1, growth: float = 0.1, learned: float = 0.99
) -> dict[Case, xr.Dataset]:
    """Overlaps that fall from the ends to the centre, more with the load, less with the waiting time."""
    rng, found = np.random.default_rng(1), {}
    for case in thermal_layers.cases(thermal_layers.SIZES["desk"]):
        l = np.arange(1, case.depth)
        inside = np.minimum(l - 1, case.depth - 1 - l) / (thermal_layers.centre_of(case.depth) - 1)
        q = ends + (centre - ends) * np.minimum(inside, 1) ** 0.5 + (0.7 if case.temperature == COLD else 0) * inside
        q = q + growth * np.log(case.patterns / 245) * 0.1 + 0.2 * (case.depth < 10) * inside
        wait = np.array([0.8, 1.0])[:, None, None]
        both = q * wait * np.array([1.0, 1.0])[:, None] + 0.01 * rng.normal(size=(SAMPLES, 2, 2, len(l)))
        dims = ("sample", "waiting_time", "lag", "layer")
        parts = dict.fromkeys(("overlap", "correlation", "raw"), (dims, both))
        parts |= {name: ("sample", learned + 0.001 * rng.normal(size=SAMPLES)) for name in ("own_training", "signs")}
        found[case] = xr.Dataset(parts, {"layer": l, "lag": [0, 8000], "waiting_time": [100, 12000]})
    return found


def test_solid_liquid_solid_is_seen():
    assert set(verdicts(thermal_layers.claims(layers())).values()) == {Verdict.SEEN}


def test_a_solid_centre_and_a_shrinking_solid_are_contradicted():
    found = verdicts(thermal_layers.claims(layers(centre=0.85, growth=-0.5)))
    assert found["The centre is liquid"] is Verdict.CONTRADICTED
    assert found["The solid grows with the load (N fixed)"] is Verdict.CONTRADICTED


def test_machines_that_have_not_learned_say_nothing():
    found = verdicts(thermal_layers.claims(layers(learned=0.6)))
    control = next(text for text in found if text.startswith("Control"))
    assert found.pop(control) is Verdict.CONTRADICTED and set(found.values()) == {Verdict.INCONCLUSIVE}


def descents(ahead: float = 0.5, better: float = 0.1, learned: float = 0.99) -> dict:
    """Energies that fall as powers of time, and accuracies that grow as they fall, more so in thermal motion."""
    rng, found = np.random.default_rng(2), {}
    power = {"gradient": 0.5 - ahead / 2, "Langevin": 0.5, "Adam": 0.5 + ahead / 2}
    for depth in (5, 10):
        sample = 0.03 * rng.normal(size=(SAMPLES, 1))  # what pairs share
        for way in thermal_descent.WAYS:
            noise = sample + 0.01 * rng.normal(size=(4, SAMPLES, 1))
            E = np.maximum(TIMES, 1.0) ** -power[way] * np.exp(noise[0] * (TIMES > 0))
            A = 0.6 - 0.03 * np.log(E) + better * (way == "Langevin")
            parts = {
                "energy": E,
                "own": A + noise[1],
                "signs": A + noise[2],
                "own_training": learned + noise[3] + 0 * A,
            }
            found[depth, way] = xr.Dataset({k: (("sample", "time"), x) for k, x in parts.items()}, {"time": TIMES})
    return found


def test_what_thermal_motion_does_beside_descent():
    claims = thermal_descent.claims(descents(better=0.3))
    assert [c.verdict for c in claims] == [Verdict.BEATS] * 2 + [Verdict.SEEN] * 4
    claims = thermal_descent.claims(descents(ahead=-0.5, better=-0.3))
    assert [c.verdict for c in claims] == [Verdict.LOSES] * 2 + [Verdict.CONTRADICTED] * 3 + [Verdict.SEEN]
    claims = thermal_descent.claims(descents(ahead=0.0, better=0.0))
    assert {c.verdict for c in claims[:-1]} <= {Verdict.INCONCLUSIVE, Verdict.NOT_SEEN}
    assert {c.verdict for c in thermal_descent.claims(descents(learned=0.6))[2:5]} == {Verdict.INCONCLUSIVE}


def test_accuracy_at_equal_energy_is_that_of_the_same_energy():
    """Where it depends on the energy alone, nothing is left of the difference at equal times."""
    found = descents(better=0.0)
    for depth in (5, 10):
        (fair, error), (late, _) = thermal_descent.equal(found, depth), thermal_descent.better(found, depth, "own")
        assert abs(fair) < 4.5 * error < 0.05 < -late


@pytest.mark.slow
@pytest.mark.parametrize("script", [thermal_learning, thermal_layers, thermal_descent])
def test_the_script_runs(script, tmp_path):
    script.main(["--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs"), "--quiet"])
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["scale"] == "smoke" and {claim["verdict"] for claim in summary["claims"]} == {None}
    assert (tmp_path / "out" / "figure.png").stat().st_size > 5000
