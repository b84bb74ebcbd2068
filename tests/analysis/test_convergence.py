"""R-hat and effective sample size of clones: of chains that are known to agree, to differ, or to remember."""

import json
import re
from importlib import import_module

import numpy as np
import pytest
import xarray as xr

import glassnet as gn

equilibration = import_module("glassnet.analysis.equilibration")


def made(values, *, shared=True, lags=None):
    """A result with these energies (sample, clone, lag, layer), the data of all samples being the same or not."""
    lags = np.arange(values.shape[2]) + 1000 if lags is None else lags
    energy = xr.DataArray(
        values[:, :, None],
        dims=("sample", "clone", "waiting_time", "lag", "layer"),
        coords={"waiting_time": [10], "lag": lags, "layer": np.arange(values.shape[3]) + 1},
    )
    config = {"tasks": [{}] if shared else [{}] * len(values)}
    return xr.Dataset(
        {"clone_energy": energy, "energy": energy.isel(waiting_time=0)}, attrs={"config": json.dumps(config)}
    )


def noise(*shape):
    return np.random.default_rng(3).standard_normal(shape)


def test_independent_chains_agree():
    found = gn.analysis.convergence(made(noise(3, 4, 400, 2)))
    assert found.r_hat.dims == ("layer",) and (abs(found.r_hat - 1) < 0.01).all()
    assert found.attrs == {"chains": 12, "measurements": 4800}
    assert (abs(found.effective_sample_size / 4800 - 1) < 0.15).all()


def test_chains_that_remember_count_less():
    """An autoregressive series with coefficient a has n (1 - a)/(1 + a) independent measurements."""
    a, x = 0.8, noise(2, 4, 2000, 1)
    for n in range(1, x.shape[2]):
        x[:, :, n] = a * x[:, :, n - 1] + np.sqrt(1 - a**2) * x[:, :, n]
    found = gn.analysis.convergence(made(x))
    assert float(found.effective_sample_size[0]) == pytest.approx(x.size * (1 - a) / (1 + a), rel=0.2)


def test_samples_are_compared_where_they_share_their_data():
    apart = noise(3, 4, 100, 1) + 5 * np.arange(3)[:, None, None, None]
    assert float(gn.analysis.convergence(made(apart)).r_hat[0]) > 1.5
    found = gn.analysis.convergence(made(apart, shared=False))
    assert float(found.r_hat[0]) < 1.05 and found.attrs == {"chains": 4, "measurements": 400}
    apart[1, 2] += 9  # a clone of one sample
    assert float(gn.analysis.convergence(made(apart, shared=False)).r_hat[0]) > 1.2


def test_what_never_changes_has_none():
    found = gn.analysis.convergence(made(np.zeros((2, 2, 50, 1))))
    assert found.r_hat.isnull().all() and found.effective_sample_size.isnull().all()
    few = gn.analysis.convergence(made(noise(2, 2, 3, 1)))
    assert few.r_hat.isnull().all()
    some = gn.analysis.convergence(made(noise(2, 2, 19, 1)))
    assert some.r_hat.notnull().all() and some.effective_sample_size.isnull().all()


def test_footnotes_say_what_is_known():
    noisy = made(noise(3, 4, 60, 2), lags=np.arange(1, 61))
    (note,) = equilibration._footnotes(noisy)
    assert re.match(r"R-hat .*: at most [\d.]+; effective sample size: at least \d+ of 660 measurements\. This", note)
    (note,) = equilibration._footnotes(made(noise(3, 4, 12, 2)))
    assert re.match(r"R-hat .*: at most [\d.]+\. This", note)
    assert not [*equilibration._footnotes(made(np.zeros((2, 2, 50, 1))))]


def test_since_is_a_lag():
    with pytest.raises(ValueError, match="`since` must be a lag from 0 to 1049, but is -1"):
        gn.analysis.convergence(made(noise(2, 2, 50, 1)), since=-1)
