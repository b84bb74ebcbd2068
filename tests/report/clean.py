"""A result that nothing is wrong with, and changes that each make one thing wrong."""

import json

import numpy as np
import xarray as xr
from analysis.synthetic_result import result

from glassnet.analysis import derive

SAMPLES = 6
CONFIG = {
    "tasks": [{"builder": "teacher_student", "patterns": 100, "test_patterns": 400}],
    "schedules": [{"betas": [5.0], "kind": "steps", "times": [0]}],
    "start": "random",
}


def clean(samples=SAMPLES, clones=3):
    """Correlations that decay within 20 sweeps whatever the waiting time, a steady energy, ordinary rates."""
    ds = result(samples=samples, clones=clones, noise=0.005)
    noise = {name: ds[name] - ds[name].mean("sample") for name in ds.data_vars if "sample" in ds[name].dims}
    decay = np.exp(-ds.lag / 20)
    levels = {"acceptance": 0.4, "error": 0.2, "energy": 0.1, "violated": 0.05, "magnetisation_squared": 0.02}
    for name, x in noise.items():
        level = next((value for word, value in levels.items() if word in name), 0.0)
        ds[name] = (x + (decay if "autocorrelation" in name else level)).transpose(*ds[name].dims)
    shape = {"depth": 10, "width": 20, "inputs": 784, "outputs": 2}
    machine = {"potential": {"kind": "SoftCore"}, **shape, "ensemble": "gaussian"}
    ds.attrs |= {"task": "teacher_student", "config": json.dumps(CONFIG), "machine": json.dumps(machine)}
    return derive(ds)


def slow(ds, *, layers, waiting_times=(0, 10, 1000), variable="spin_autocorrelation", level=0.8):
    """With a correlation that stays at `level` in some layers after some waiting times."""
    where = ds.layer.isin(layers) & ds.waiting_time.isin(waiting_times)
    return derive(ds.assign({variable: ds[variable].where(~where | (ds.lag == 0), level)}))


def cut(ds, *, time=None, lag=None):
    """As it is while a run goes on: NaN after some time of hosts or lag of clones, no comparison at the end."""
    if lag is None:
        ds = ds.drop_vars([name for name in ds.data_vars if "lag" in ds[name].dims])
    ds = ds.drop_vars([name for name in ds.data_vars if str(name).startswith("final")])
    parts = {}
    for name, x in ds.data_vars.items():
        for clock, last in (("time", time), ("lag", lag)):
            if clock in x.dims and last is not None:
                x = x.where(x[clock] <= last)
        parts[name] = x
    return xr.Dataset(parts, ds.coords, ds.attrs | {"status": "running"})
