"""A result as a run would write it, with everything planted: solid ends, a liquid centre, known times."""

import json

import numpy as np
import xarray as xr

from glassnet.core.schedule import log_times
from glassnet.store.schema import COORDINATES, VARIABLES

DEPTH, PATTERNS = 10, 100
WIDTHS = [784, *[20] * (DEPTH - 1), 2]
TAU = np.array([3e6, 3e5, 2e3, 60, 15, 15, 200, 1e5, 1e6, np.inf])
"""Time of the exponential decay of each layer, in sweeps, before aging."""
PLATEAU = np.array([0.98, 0.85, 0.5, 0.1, 0.02, 0.02, 0.2, 0.7, 0.92, 1.0])
"""Overlap of clones of each layer at the longest lag."""
OMITTED = ("teacher_overlap", "teacher_overlap_squared", "teacher_overlap_histogram")


def result(*, samples=4, clones=3, temperatures=None, sweeps=1000, noise=0.01, seed=0):
    """A Dataset with the measured variables of the schema, `temperature` after `sample` if their number is given."""
    rng = np.random.default_rng(seed)
    coords = _coordinates(samples, clones, sweeps)
    ds = xr.Dataset(coords=coords)
    for name, variable in VARIABLES.items():
        if name.startswith(("susceptibility", "relaxation")) or name.endswith("_normalised") or name in OMITTED:
            continue
        shape = [ds.sizes[dim] for dim in variable.dims]
        attrs = {key: getattr(variable, key) for key in ("long_name", "units", "symbol", "source")}
        values = _mean(name, ds).transpose(*variable.dims).values
        ds[name] = (variable.dims, (values + noise * _noise(rng, shape, variable.dims)).astype(np.float32), attrs)
    ds["final_spin_overlap"] = _final(ds, samples, clones, rng)
    ds.attrs = {"depth": DEPTH, "widths": json.dumps(WIDTHS), "patterns": PATTERNS, "status": "complete"}
    return ds if temperatures is None else _laddered(ds, temperatures)


def _coordinates(samples, clones, sweeps):
    times = {
        "sample": range(samples),
        "clone": range(clones),
        "clone_b": range(clones),
        "waiting_time": (0, 10, 1000),
        "lag": log_times(sweeps, 5),
        "time": log_times(sweeps, 5),
        "layer": range(1, DEPTH + 1),
        "configuration": range(samples * clones),
        "configuration_b": range(samples * clones),
    }
    return {
        name: (name, np.array(x), dict(zip(("units", "long_name"), COORDINATES[name], strict=True)))
        for name, x in times.items()
    }


def _mean(name, ds):
    zero = sum(xr.zeros_like(ds[dim], dtype=float) for dim in VARIABLES[name].dims)
    if "autocorrelation" in name:
        return zero + np.exp(-ds.lag / (xr.DataArray(TAU, dims="layer") * (1 + ds.waiting_time) ** 0.5))
    if name in ("spin_overlap", "weight_overlap", "spin_overlap_connected"):
        decay = 1 / (1 + ds.lag / 20)
        plateau = xr.DataArray(PLATEAU, dims="layer")
        return zero + plateau * (0.6 + 0.4 * (ds.waiting_time > 5)) * (1 - decay) + decay
    if "error" in name:
        clock = ds.time if "time" in VARIABLES[name].dims else ds.lag
        return zero + 0.05 + (0.05 if "test" in name else 0) + 0.4 / (1 + clock / 30)
    if "energy" in name:
        clock = ds.time if "time" in VARIABLES[name].dims else ds.lag
        return zero + 0.05 + 0.5 / (1 + clock / 10) ** 0.5
    return zero + 0.05


def _noise(rng, shape, dims):
    """Noise without lag 0 and without the clamped layer."""
    x = rng.normal(size=shape)
    if "lag" in dims:
        x = np.moveaxis(x, dims.index("lag"), 0)
        x[0] = 0
        x = np.moveaxis(x, 0, dims.index("lag"))
    if "layer" in dims and "lag" in dims:
        x[..., -1] = 0
    return x


def _final(ds, samples, clones, rng):
    """Planted blocks: configurations of one sample share the plateau of the layer, others nothing."""
    sample = np.arange(samples * clones) // clones
    same = (sample[:, None] == sample).astype(float)
    noise = rng.normal(scale=0.05, size=(samples * clones,) * 2)
    q = same[..., None] * PLATEAU + ((noise + noise.T) / 2)[..., None]
    q[np.arange(len(q)), np.arange(len(q))] = 1
    variable = VARIABLES["final_spin_overlap"]
    attrs = {key: getattr(variable, key) for key in ("long_name", "units", "symbol", "source")}
    q = np.broadcast_to(np.clip(q, -1, 1), (ds.sizes["waiting_time"], *q.shape))
    return xr.DataArray(q.astype(np.float32), dims=variable.dims, attrs=attrs)


def _laddered(ds, temperatures):
    """The same values at each temperature, the dim after `sample` or in front."""
    ladder = ds.expand_dims(temperature=0.01 * np.arange(1, temperatures + 1)).copy()
    for name, x in ladder.data_vars.items():
        dims = [d for d in x.dims if d != "temperature"]
        dims.insert(dims.index("sample") + 1 if "sample" in dims else 0, "temperature")
        ladder[name] = x.transpose(*dims)
    return ladder.assign_coords(beta=("temperature", 1 / ladder.temperature.values))
