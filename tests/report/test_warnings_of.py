"""Each warning appears where it should and nowhere else."""

import json

import numpy as np
import pytest
import xarray as xr
from report.clean import CONFIG, clean, cut, slow

from glassnet import report
from glassnet.core.former import FormerName
from glassnet.report import warnings_of
from glassnet.report.document import _in_words
from glassnet.report.significance import bounds, differs


@pytest.fixture(scope="module")
def ds():
    return clean()


def keywords(found):
    return [sentence.split(":")[0] for sentence in found]


def test_nothing_wrong(ds):
    assert warnings_of(ds) == []


def configured(ds, **changes):
    return ds.assign_attrs(config=json.dumps(CONFIG | changes))


def ramp(ds, slope, name="clone_energy"):
    """With an energy that changes by `slope` over the second half of the lags."""
    return ds.assign({name: ds[name] + slope * (ds.lag - 500).clip(0) / 500})


WRONG = {
    "spins that do not relax": (
        lambda ds: slow(ds, layers=[1, 2, 4]),
        "Not equilibrated: tau exceeds the run for the spins of layers 1, 2 and 4 after t_w = 0, 10 and 1\u202f000; "
        "their autocorrelation is above 1/e up to the longest lag, 1\u202f000 sweeps.",
    ),
    "neurons that turn over": (
        lambda ds: slow(ds, layers=[2, 3], variable="spin_autocorrelation_squared", waiting_times=(10, 1000)),
        "Turning over: the autocorrelation of layers 2 and 3 after t_w = 10 and 1\u202f000 falls below 1/e, but "
        "squared by neurons it is above 1/e² up to the longest lag, 1\u202f000 sweeps",
    ),
    "weights that do not relax": (
        lambda ds: slow(ds, layers=[10], variable="weight_autocorrelation"),
        "Not equilibrated: tau exceeds the run for the weights of layer 10 after",
    ),
    "a planted start": (
        lambda ds: configured(slow(ds, layers=[3]), start="planted"),
        "Slower than the run (from a planted start): tau exceeds the run for the spins of layer 3",
    ),
    "a planted start in equilibrium": (
        lambda ds: configured(slow(ds, layers=[3]), start="planted").assign_attrs(start_equilibrium="exact"),
        "Slower than the run (in equilibrium from its start): tau exceeds the run for the spins of layer 3",
    ),
    "a planted start elsewhere": (
        lambda ds: configured(ds, start="planted").assign_attrs(start_equilibrium="no: with a soft core it is not"),
        "Planted, not in equilibrium: with a soft core it is not.",
    ),
    "a planted start of which nothing is known": (
        lambda ds: configured(ds, start="planted").assign_attrs(start_equilibrium="not known: the task does not say"),
        "Planted, perhaps not in equilibrium: the task does not say.",
    ),
    "a falling energy": (
        lambda ds: ramp(ds, -0.02),
        "Still ageing: the energy per gap falls by",
    ),
    "a rising energy": (lambda ds: ramp(ds, 0.02), "Not steady: the energy per gap rises by"),
    "magnetised neurons in one sample": (
        lambda ds: ds.assign(magnetisation_squared=ds.magnetisation_squared.where(_place(ds, 5, 1), 0.5)),
        "Magnetised: neurons of layer 5 keep one sign for all patterns in 1 of 6 samples",
    ),
    "few accepted flips": (
        lambda ds: ds.assign(clone_acceptance_spins=ds.clone_acceptance_spins.where(ds.layer != 2, 0.001)),
        "Low acceptance: 0.10 % of the spin flips of layer 2 are accepted at the end.",
    ),
    "many accepted moves": (
        lambda ds: ds.assign(clone_acceptance_weights=ds.clone_acceptance_weights.where(ds.layer > 2, 0.99)),
        "High acceptance: 99 % of the weight moves of layers 1 and 2 are accepted at the end.",
    ),
    "a test error at chance": (
        lambda ds: ds.assign(clone_test_error=ds.clone_test_error + 0.3),
        "Nothing learned: the test error of the clones at the end, 0.50",
    ),
    "an infinite energy": (
        lambda ds: ds.assign(energy=ds.energy.where(ds.layer != 2, np.inf)),
        "Not finite: energies of some layers are infinite.",
    ),
    "a violated hard core": (
        lambda ds: hard(ds).assign(clone_violated=ds.clone_violated.where(ds.layer == 4, 0)),
        "Hard core violated: 5.0 % of the gaps of layer 4 are negative at the end",
    ),
    "one sample": (lambda ds: ds.isel(sample=[0]), "Too few samples: a single sample has no error bars"),
    "two samples": (lambda ds: ds.isel(sample=[0, 1]), "Too few samples: error bars over 2 samples are themselves"),
}


def _place(ds, layer, sample):
    """Everywhere but in one layer of one sample."""
    return (ds.layer != layer) | (ds.sample != sample)


def hard(ds):
    return ds.assign_attrs(machine=json.dumps({"potential": {"kind": "HardCore"}}))


@pytest.mark.parametrize(("change", "sentence"), WRONG.values(), ids=WRONG)
def test_one_thing_wrong(ds, change, sentence):
    (found,) = warnings_of(change(ds))
    assert found.startswith(sentence)


NOT_WRONG = {
    "a hard core that is satisfied": lambda ds: hard(ds).assign(clone_violated=ds.clone_violated * 0),
    "a test error at chance where labels are random": lambda ds: ds.assign(
        clone_test_error=ds.clone_test_error + 0.3
    ).assign_attrs(task="random"),
    "an energy that follows the temperature": lambda ds: configured(
        ramp(ds, -0.02), schedules=[{"kind": "linear", "times": [0, 2000], "betas": [1, 5]}]
    ),
    "a drift within the error": lambda ds: ramp(ds, -0.0001),
    "magnetisation of few patterns": lambda ds: ds.assign(
        magnetisation_squared=ds.magnetisation_squared + 0.1
    ).assign_attrs(patterns=10),
    "four samples": lambda ds: ds.isel(sample=range(4)),
    "a planted start in equilibrium": lambda ds: configured(ds, start="planted").assign_attrs(
        start_equilibrium="exact"
    ),
    "layers that are clamped": lambda ds: ds.assign(
        spin_autocorrelation=ds.spin_autocorrelation.where(ds.layer < 10, 1)
    ),
}


@pytest.mark.parametrize("change", NOT_WRONG.values(), ids=NOT_WRONG)
def test_not_wrong(ds, change):
    assert warnings_of(change(ds)) == []


def test_relaxation_that_slows_down_with_the_waiting_time(ds):
    aged = np.exp(-ds.lag / xr.where(ds.waiting_time == 1000, 60, 20))
    noise = ds.spin_autocorrelation - np.exp(-ds.lag / 20)
    later = ds.assign(spin_autocorrelation=ds.spin_autocorrelation.where(ds.layer != 7, aged + noise))
    (found,) = warnings_of(later)
    assert found.startswith("Ageing: the spins of layer 7 relax slower after 1\u202f000 sweeps than after 10 (tau ")
    assert "tau 20, then 60 sweeps" in found
    assert warnings_of(later.isel(waiting_time=[0, 1])) == []
    assert warnings_of(later.isel(waiting_time=[2])) == []


def test_a_correlation_that_is_at_the_level_within_its_error(ds):
    spread = xr.DataArray(np.linspace(-0.1, 0.1, 6), dims="sample")
    doubtful = slow(ds, layers=[1], level=np.exp(-1) + 0.01 + spread)
    found = [s for s in warnings_of(doubtful) if s.startswith("Not equilibrated")]
    assert len(found) == 1
    assert found[0].endswith("(just so, within its error).")


def test_one_temperature_at_a_time(ds):
    assert warnings_of(ds.expand_dims(temperature=[0.1])) == []
    with pytest.raises(ValueError, match="`data` must have a single temperature"):
        warnings_of(ds.expand_dims(temperature=[0.1, 0.2]))


def test_clones_of_one_sample_are_not_independent(ds):
    """One sample far off is no drift of the mean, however many clones it has."""
    odd = ds.assign(clone_energy=ds.clone_energy - 0.5 * (ds.sample == 0) * (ds.lag > 700))
    assert warnings_of(odd) == []


@pytest.mark.parametrize(("time", "lag"), [(100, None), (1000, 40)])
def test_incomplete(ds, time, lag):
    (found,) = warnings_of(cut(ds, time=time, lag=lag))
    assert found.startswith("Incomplete: the run goes on; measured so far: hosts up to sweep ")
    assert ("nothing of the clones" in found) == (lag is None)


def test_what_is_measured_of_a_run_under_way_counts(ds):
    found = warnings_of(cut(slow(ds, layers=[1]), time=1000, lag=100))
    assert keywords(found) == ["Incomplete", "Not equilibrated"]
    assert "up to the longest lag, 100 sweeps" in found[1]
    low = cut(ds.assign(acceptance_spins=ds.acceptance_spins * 0), time=100)
    assert keywords(warnings_of(low)) == ["Incomplete", "Low acceptance"]
    assert keywords(warnings_of(cut(ds, time=-1))) == ["Incomplete"]


def test_reasons_come_from_the_log(ds):
    events = [{"event": "stopped", "reason": "SIGTERM"}, {"event": "resumed"}]
    (found,) = warnings_of(ds, status="stopped", events=events)
    assert found.startswith("Incomplete: the run was stopped (SIGTERM)")
    error = {"event": "failed", "reason": "weights of layer 2 are not finite at sweep 7 of hosts: sample 0."}
    failed = warnings_of(ds, status="failed", events=[*events, error])
    assert failed[0].startswith("Failed: an error ended the run (weights of layer 2 are not finite at sweep 7")
    assert keywords(failed) == ["Failed", "Incomplete"]
    damaged = {"event": "damaged_checkpoint", "reason": "damage"}
    assert "damage" not in warnings_of(ds, status="running", events=[damaged])[0]


def test_false_alarms_are_rare():
    """Differences that are noise are flagged in about one of a hundred reports of ten layers, a shift always."""
    noise = xr.DataArray(np.random.default_rng(0).normal(size=(4000, 5, 10)), dims=("report", "sample", "layer"))
    alarms = differs(noise).any("layer").sum().item()
    assert 40 - 4 * np.sqrt(40) < alarms < 40 + 4 * np.sqrt(40)
    assert bool(differs(noise + 30).all())
    assert not bool(differs(noise.isel(sample=[0])).any())


def test_bounds_hold_the_mean_as_often_as_they_say():
    noise = xr.DataArray(np.random.default_rng(1).normal(size=(4000, 3)), dims=("report", "sample"))
    interval = bounds(noise)
    missed = int(((interval.low > 0) | (interval.high < 0)).sum())
    assert 40 - 4 * np.sqrt(40) < missed < 40 + 4 * np.sqrt(40)
    assert bool((bounds(noise.isel(sample=[0])).low == noise.isel(sample=0)).all())


def test_hard_cores_of_users_are_hard(ds):
    """The result says whether its potential is hard; the name of the class does not."""
    infinite = ds.assign(energy=ds.energy.where(ds.layer != 2, np.inf), violated=ds.violated.where(ds.layer != 2, 0.1))
    assert "Not finite" in keywords(warnings_of(infinite))
    hard = keywords(warnings_of(infinite.assign_attrs(hard=1)))
    assert "Hard core violated" in hard and "Not finite" not in hard


def test_own_classes_are_named(ds):
    machine = json.loads(ds.attrs["machine"]) | {
        "ensemble": {"kind": "box:Box"},
        "potential": {"kind": "mine:My.Huber"},
    }
    words = _in_words(ds.assign_attrs(machine=json.dumps(machine)))
    assert "Box weights, huber potential" in words
    assert _in_words(ds.assign_attrs(start_equilibrium="exact")).endswith("; in equilibrium from its start.")
    assert _in_words(configured(ds, start="planted")).endswith("; planted start.")
    usual = _in_words(ds)
    assert "weights, " in usual and ":" not in usual.partition(" potential")[0]


def test_former_name_of_a_reported_run():
    with pytest.warns(FormerName, match="`glassnet.report.Run` is now called `glassnet.report.Reported`"):
        assert report.Run is report.Reported
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = report.absent
