"""Experiments on ladders of networks: verdicts on errors made up, the scripts in small."""

import json

import distill_assistant_size
import distill_in_time
import distill_landscape
import distill_paths
import distill_temperature
import ladders
import numpy as np
import pytest
import xarray as xr
from experiment import Verdict

SEEDS, TESTS = 24, 400
BEATS, LOSES, OPEN, SEEN, NOT = (
    Verdict.BEATS, Verdict.LOSES, Verdict.INCONCLUSIVE, Verdict.SEEN, Verdict.CONTRADICTED,
)  # fmt: skip


def made(machines, methods, rates=None, *, train=0.02, usual=0.2, seed=0):
    """A result of `gradient.ladder`: errors at given rates by (machine, method), the usual one elsewhere."""
    rng = np.random.default_rng(seed)
    hard = rng.uniform(size=TESTS)  # patterns are wrong together
    luck = rng.uniform(size=(SEEDS, 1))  # and seeds err together
    noise = rng.uniform(size=(len(machines), len(methods), SEEDS, TESTS))
    rate = np.array([[(rates or {}).get((machine, method), usual) for method in methods] for machine in machines])
    wrong = (0.45 * hard + 0.45 * noise + 0.1 * luck < np.sqrt(2 * rate * 0.45**2)[..., None, None]).astype(np.int8)
    dims = ("machine", "taught", "seed")
    error = wrong.mean(-1)
    values = dict.fromkeys(("test_error", "validation_error", "fidelity", "softness"), (dims, error))
    values |= {"test_wrong": ((*dims, "test_pattern"), wrong), "trial_error": (("machine", "taught", "trial"), error)}
    values["train_error"] = (dims, train + 0.001 * rng.normal(size=error.shape))
    values |= {name: (dims[:2], np.full(error.shape[:2], 0.5)) for name in ("rate", "decay")}
    path = np.array([[f"{machine} by {method}" for method in methods] for machine in machines])
    coords = {"machine": list(machines), "taught": list(methods), "seed": range(SEEDS), "path": (dims[:2], path)}
    return xr.Dataset(values, coords)


# Knowledge, temperature and share.


def grid(rates=None, train=0.02):
    sizes = distill_temperature.SIZES["desk"]
    methods = ["none", *(path.name for path in distill_temperature.cells(sizes))]
    named = {distill_temperature.cell(sizes, *k).name if k != "none" else k: x for k, x in (rates or {}).items()}
    ds = made(distill_temperature.names(sizes), methods, {("w16", k): x for k, x in named.items()}, train=train)
    return ds, made(["w16"], ["none"], usual=0.05), sizes


@pytest.mark.parametrize(("rates", "train", "expected"), [
    ({}, 0.02, [OPEN] * 7),
    ({(0.5, 4.0): 0.1}, 0.02, [BEATS] * 4 + [OPEN, OPEN, BEATS]),
    ({(0.5, 4.0): 0.4, (0.75, 4.0): 0.1}, 0.02, [LOSES] * 4 + [BEATS] * 3),
    ({"none": 0.1, (0.75, 4.0): 0.4, (1.0, 16.0): 0.15}, 0.02, [LOSES, OPEN, OPEN, OPEN, LOSES, LOSES, LOSES]),
    ({(0.5, 4.0): 0.1}, 0.2, [OPEN] * 7),
])  # fmt: skip
def test_verdicts_on_the_temperature(rates, train, expected):
    found = distill_temperature.claims(*grid(rates, train))
    assert [claim.verdict for claim in found[:7]] == expected
    assert [claim.verdict for claim in found[7:]] == [BEATS, SEEN if train < 0.1 else NOT]


def test_cells_are_chosen_by_validation():
    ds, _, sizes = grid({(0.25, 8.0): 0.1})
    assert distill_temperature.chosen(ds, sizes) == distill_temperature.cell(sizes, 0.25, 8.0)


# Which assistant.


def assistants(arms=None, alone=None, train=0.02):
    sizes = distill_assistant_size.SIZES["desk"]
    every = distill_assistant_size.names(sizes)
    named = [distill_assistant_size.arm(sizes, name) for name in every[1:-1]]
    rates = {(name, "none"): 0.05 + 0.02 * n for n, name in enumerate(every)} | (alone or {})
    rates |= {("w16", m if m in ("none", "direct") else distill_assistant_size.arm(sizes, m)): x
              for m, x in (arms or {}).items()}  # fmt: skip
    return made(every, ["none", "direct", *named], rates, train=train), made(["w16"], ["none"], usual=0.05), sizes


@pytest.mark.parametrize(("arms", "train", "expected"), [
    ({"none": 0.2}, 0.02, [OPEN] * 5),
    ({"none": 0.4, "w45": 0.1}, 0.02, [BEATS, BEATS, OPEN, BEATS, BEATS]),
    ({"none": 0.4, "w72": 0.1}, 0.02, [LOSES, OPEN, BEATS, BEATS, BEATS]),
    ({"none": 0.3, "direct": 0.1}, 0.02, [OPEN, LOSES, LOSES, LOSES, BEATS]),
    ({"none": 0.4, "w45": 0.1}, 0.2, [OPEN] * 5),
])  # fmt: skip
def test_verdicts_on_assistants(arms, train, expected):
    ds, more, sizes = assistants(arms, {("w16", "none"): 0.19}, train)
    assert distill_assistant_size.midway(ds, sizes)[1] == "w72"
    middle = {("w45", "none"): float(ds.validation_error.sel(taught="none", machine=["w128", "w16"]).mean())}
    ds["validation_error"].loc[{"taught": "none", "machine": "w45"}] = middle["w45", "none"]
    found = distill_assistant_size.claims(ds, more, sizes)
    assert [claim.verdict for claim in found[:5]] == expected


def test_nothing_is_gained_by_choosing():
    """The best of six equal arms, chosen by noise alone, gains nothing where others judge."""
    ds, _, sizes = assistants()
    arms = [distill_assistant_size.arm(sizes, name) for name in distill_assistant_size.names(sizes)[1:-1]]
    ds["validation_error"] = ds.test_error  # the worst case: seeds that choose would be judged by what chose
    claim = ladders.across_halves(ds, "w16", ladders.least("w16", arms), "direct", text="", source="")
    assert abs(claim.effect) < 4.5 * claim.error
    ds["validation_error"] = 1 - ds.test_error
    assert ladders.across_halves(ds, "w16", ladders.least("w16", arms), "direct", text="", source="").verdict == OPEN


# Which path.


def paths(excess=None, train=0.02, alone=None):
    """Errors of all chains: those of the first network, and costs of links that add, but for what is said."""
    sizes = distill_paths.SIZES["desk"]
    every = distill_paths.names(sizes)
    chains = distill_paths.chains(every)
    error = dict(zip(every, np.linspace(0.1, 0.2, 5), strict=True)) | (alone or {})
    rates = {(name, "none"): x for name, x in error.items()}
    for chain in chains:
        name = distill_paths.method(chain)
        rates[chain[-1], name] = error[chain[-1]] + (excess or {}).get(name, 0.0)
    made_ = [made(every, ["none", *map(distill_paths.method, chains)], rates, train=train, seed=n) for n in (0, 1)]
    return {250: worse(made_[0]), 1000: made_[1]}


def worse(ds):
    return ds.assign(test_wrong=ds.test_wrong | (np.arange(TESTS) < 40))


FULL, ONE = "w128-w64-w32-w22-w16", "w128-w32-w16"


@pytest.mark.parametrize(("excess", "train", "expected"), [
    ({}, 0.02, [OPEN] * 4),
    ({FULL: -0.1}, 0.02, [BEATS, OPEN, BEATS, OPEN]),
    ({FULL: 0.1, "w16-w128": -0.06}, 0.02, [OPEN, OPEN, LOSES, BEATS]),
    ({"w128-w32": -0.05, "w32-w16": -0.05, ONE: -0.1, "w16-w128": 0.1}, 0.02, [BEATS, BEATS, OPEN, LOSES]),
    ({FULL: -0.1}, 0.2, [OPEN] * 4),
])  # fmt: skip
def test_verdicts_on_paths(excess, train, expected):
    found = distill_paths.claims(paths(excess, train))
    assert [claim.verdict for claim in found[:4]] == expected
    assert [claim.verdict for claim in found[5:]] == [BEATS, SEEN if train < 0.1 else NOT]


def test_searches_find_the_best_path():
    ds = paths({ONE: -0.1, "w128-w32": -0.05, "w32-w16": -0.05})[1000]
    assert distill_paths.searched(ds) == distill_paths.cheapest(ds) == ONE


def test_costs_that_add_and_such_that_do_not():
    sizes = distill_paths.SIZES["desk"]
    ds, every = paths()[1000], distill_paths.names(sizes)
    for path in distill_paths.every_path(every):
        if len(path) > 2:
            here = {"machine": path[-1], "taught": distill_paths.method(path)}
            ds.test_error.loc[here] = distill_paths.predicted(ds, path) + 0.002 * np.sin(np.arange(SEEDS))
    assert distill_paths.additive(ds, every, "").verdict == SEEN
    ds.test_error.loc[{"machine": "w16", "taught": FULL}] += 0.02
    assert distill_paths.additive(ds, every, "").verdict == NOT
    assert distill_paths.additive(ds, every, "").numbers[FULL] == pytest.approx(0.02, abs=0.002)


# Around the minimum.


def places(angles=None, barriers=None, train=0.02):
    """Energies that pass .1 at given angles, barriers of given heights; .4 rad and .2 where nothing is said."""
    rng = np.random.default_rng(0)
    tenth = {"none": 0.4, "direct": 0.4, "assisted": 0.4, "wide": 0.8} | (angles or {})
    grid, share = np.array(distill_landscape.ANGLES), np.linspace(0, 1, 11)
    at = np.array(list(tenth.values()))[:, None] + 0.005 * rng.normal(size=(4, SEEDS))
    energy = 0.1 * grid / at[..., None]
    ways = [f"{distill_landscape.WORDS[name]}, two seeds" for name in distill_landscape.METHODS]
    ways += ["labels and teacher, one seed", "both teachers, one seed"]
    high = np.array([[(barriers or {}).get((way, match), 0.2) for match in (0, 1)] for way in range(5)])
    high = high[..., None] + 0.005 * rng.normal(size=(5, 2, SEEDS // 2))
    way_error = 0.1 + 0.05 * share + 4 * high[..., None] * share * (1 - share)
    data = xr.Dataset(
        {
            "energy": (("arm", "seed", "angle"), energy),
            "kept": (("arm", "seed", "angle"), (energy < 0.1) * 1.0),
            "layer_energy": (("taught", "layer", "seed", "angle"), energy[:3, None].repeat(3, 1)),
            "way_error": (("way", "matched", "pair", "share"), way_error),
        },
        {
            "arm": list(tenth), "taught": list(tenth)[:3], "layer": [1, 2, 3], "angle": grid, "way": ways,
            "matched": [0, 1], "share": share,
        },
    )  # fmt: skip
    return data, made(["w128", "w16"], distill_landscape.METHODS, train=train)


UNSEEN = Verdict.NOT_SEEN


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, [UNSEEN] * 5),
    ({"angles": {"assisted": 0.45}}, [SEEN] + [UNSEEN] * 4),
    ({"angles": {"direct": 0.45}}, [NOT, SEEN] + [UNSEEN] * 3),
    ({"barriers": {(0, 1): 0.1}}, [UNSEEN, UNSEEN, SEEN, NOT, NOT]),
    ({"barriers": {(1, 1): 0.1, (3, 0): 0.05}}, [UNSEEN] * 3 + [SEEN, SEEN]),
    ({"angles": {"assisted": 0.45}, "train": 0.2}, [OPEN] * 5),
])  # fmt: skip
def test_verdicts_on_the_landscape(changes, expected):
    data, ds = places(**changes)
    found = distill_landscape.claims(data, ds)
    assert [claim.verdict for claim in found[:5]] == expected
    assert [claim.verdict for claim in found[5:]] == [SEEN, NOT if "train" in changes else SEEN]


def test_tenth_angles_and_barriers():
    data, _ = places()
    energy = xr.DataArray([[0.0, 0.05, 0.15], [0.2, 0.3, 0.4], [0.0, 0.01, 0.02]], dims=("arm", "angle"))
    energy = energy.assign_coords(angle=[0.0, 0.2, 0.4])
    np.testing.assert_allclose(distill_landscape.tenth(energy), [0.3, 0.0, 0.4])
    np.testing.assert_allclose(distill_landscape.barrier(data["way_error"]).mean(), 0.2, atol=0.01)
    assert len(distill_landscape.draw(data).axes) == 4


# Ages of the teacher.


@pytest.mark.parametrize(("rates", "train", "expected"), [
    ({}, 0.02, [OPEN] * 6),
    ({"in_time": 0.1}, 0.02, [BEATS] + [OPEN] * 5),
    ({5: 0.4, 20: 0.1}, 0.02, [OPEN, LOSES, OPEN, BEATS, OPEN, BEATS]),
    ({"none": 0.2, 20: 0.1}, 0.02, [OPEN] * 6),
    ({"in_time": 0.1}, 0.2, [OPEN] * 6),
])  # fmt: skip
def test_verdicts_on_ages(rates, train, expected):
    sizes = distill_in_time.SIZES["desk"]
    methods = ["none", "direct", "in_time", *(distill_in_time.at(sizes, age).name for age in sizes.ages)]
    named = {distill_in_time.at(sizes, k).name if isinstance(k, int) else k: x for k, x in rates.items()}
    ds = made(["w128", "w16"], methods, {("w16", "none"): 0.4} | {("w16", k): x for k, x in named.items()}, train=train)
    wrong = (ds.test_wrong.isel(machine=0, taught=slice(0, 5), drop=True) == 1).rename(taught="age")
    wrong[0, :, :40] = True
    found = distill_in_time.claims(ds, wrong, sizes)
    assert [claim.verdict for claim in found[:6]] == expected
    assert found[7].verdict == SEEN
    assert len(distill_in_time.draw(ds, wrong, found, sizes).axes) == 3


SCRIPTS = {
    distill_temperature: 9, distill_assistant_size: 7, distill_paths: 7, distill_landscape: 7, distill_in_time: 7,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_scripts(tmp_path, script):
    script.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    assert len(json.loads((tmp_path / "out" / "summary.json").read_text())["claims"]) == SCRIPTS[script]
