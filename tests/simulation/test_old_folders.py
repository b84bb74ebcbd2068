"""Folders and files that version 0.1.0 wrote are opened, gone on with and joined to what is new."""

import json
import tarfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
from command import command

import glassnet as gn
from glassnet.config import read_config
from glassnet.store.folder import RunFolder

pytestmark = pytest.mark.filterwarnings("ignore:The run goes on by")  # made with the kernels of another processor

ARCHIVE = Path(__file__).parents[1] / "data" / "runs-of-0.1.tar.gz"


@pytest.fixture
def old(tmp_path):
    """A folder with the runs: stopped, planted (stopped), complete, command, and the file standard.nc."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


SINCE = {
    "spin_autocorrelation_squared", "weight_autocorrelation_squared", "spin_overlap_squared", "weight_overlap_squared",
    "final_spin_overlap_squared", "final_weight_overlap_squared", "teacher_overlap_histogram",
}  # fmt: skip
"""What version 0.1.0 did not measure."""


def measured(ds):
    """Where a result of a run that is not over has numbers, by name."""
    return {name: np.asarray(x.notnull()) for name, x in ds.data_vars.items() if "lag" in x.dims or "time" in x.dims}


@pytest.mark.parametrize("name", ["stopped", "planted"])
def test_a_stopped_run_goes_on(old, name):
    """What had been measured stays, bit for bit; the rest is the run's own, whatever the processor."""
    before = gn.open(old / name)
    assert before.attrs["status"] == "stopped"
    after = gn.resume(old / name)
    assert after.attrs["status"] == "complete" and after.attrs["resumed"] == 1
    known = measured(before)
    assert sum(mask.sum() for mask in known.values()) > 0
    for variable, mask in known.items():
        np.testing.assert_array_equal(after[variable].values[mask], before[variable].values[mask], err_msg=variable)
    assert after.energy.notnull().all() and after.final_weight_overlap.notnull().all()
    np.testing.assert_allclose(after.spin_overlap.sel(lag=0), 1, atol=1e-6)
    assert json.loads(gn.open(old / name).attrs["machine"])["depth"] == 3


def test_the_stopped_run_ends_where_the_whole_one_did(old):
    whole, after = gn.open(old / "standard.nc"), gn.resume(old / "stopped")
    assert set(after.data_vars) - set(whole.data_vars) == SINCE and set(whole.data_vars) <= set(after.data_vars)
    assert whole.relaxation_time.dims == ("waiting_time", "layer")  # derived anew: it was one lag for each sample
    np.testing.assert_allclose(after.energy, whole.energy, atol=1e-5)  # hosts: the checkpoint lies behind them
    assert after.clone_energy.shape == whole.clone_energy.shape


@pytest.mark.parametrize("name", ["stopped", "complete"])
def test_what_is_new_is_measured_from_where_a_run_goes_on(old, name):
    """NaN before, and a second stop changes nothing of it; pictures and reports take it."""
    before = gn.open(old / name)
    known = before.clone_energy.notnull().all([d for d in before.clone_energy.dims if d != "lag"])
    assert known.any() and name in ("complete", "stopped") and not SINCE & set(before.data_vars)
    after = gn.resume(old / name, sweeps=40)
    assert set(after.data_vars) >= SINCE
    lags = known["lag"].values[known.values]
    lags = lags[np.isin(lags, after.lag)]
    for new in SINCE - {n for n in SINCE if n.startswith("final")}:
        assert after[new].sel(lag=lags).isnull().all() and after[new].sel(lag=after.lag > lags[-1]).notnull().all()
    assert after.final_spin_overlap_squared.notnull().all()
    report = ("report", old / name, "--output", old / "page.html")
    assert command(*report)[::2] == (0, "")
    one = after.isel(temperature=0) if "temperature" in after.dims else after
    assert gn.plot.overview(one) is not None


def test_the_same_call_goes_on(old):
    """A folder of version 0.1.0 is the same run as the one asked for now."""
    ds = tiny.run(folder=old / "stopped")
    assert ds.attrs["status"] == "complete" and ds.attrs["resumed"] == 1
    with pytest.raises(ValueError, match="seed: 0, not 3"):
        tiny.run(folder=old / "stopped", seed=3)


def test_complete_results_open(old):
    ds = gn.open(old / "complete")
    assert ds.attrs["status"] == "complete" and ds.sizes["temperature"] == 2 and np.isinf(ds.beta[1])
    assert len(gn.configuration(ds, temperature=0.5, waiting_time=3, configuration=1)[0]) == 3
    longer = gn.resume(old / "complete", sweeps=20)
    assert int(longer.lag[-1]) == 20
    assert RunFolder(old / "complete").job().beta[1].final_beta == np.inf
    assert "run_config" in gn.open(old / "command").attrs


def test_commands_take_old_folders(old):
    """The configuration with present names is that of the run; nobody typed the former ones, so nothing warns."""
    with warnings.catch_warnings(action="error"):
        config = read_config(old / "command" / "config.json")
    (old / "c.json").write_text(config.to_json())
    status, out, err = command("resume", old / "command", "--config", old / "c.json")
    assert (status, err) == (0, "") and "is complete, nothing to do" in out
    status, out, err = command("info", old / "command")
    assert (status, err) == (0, "") and "glassnet run --task" in out
    (old / "c.json").write_text(replace(config, seed=5).to_json())
    status, _, err = command("resume", old / "command", "--config", old / "c.json")
    assert status == 2 and "has seed: 0, not 5." in err
