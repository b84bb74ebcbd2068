"""Real runs to report on, each simulated once, and their pages."""

import atexit
import os
import shutil
import signal
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import xarray as xr
from simulation import tiny
from simulation.tiny import MACHINE, task

import glassnet as gn
from glassnet.report import page, read_run
from glassnet.report.source import run_of
from glassnet.store.folder import RunFolder

DEMO = Path(__file__).parents[2] / "results" / "demo" / "demo.nc"
PROTOCOL = gn.Protocol(sweeps=12, waiting_times=(3, 9), clones=2, samples=2, points_per_decade=4)


@lru_cache
def folder():
    """Folder of a complete run."""
    return _simulated("complete")


def created(path):
    """Folder of a run that has not begun."""
    job = tiny.job(protocol=PROTOCOL, keep_configurations=False)
    return RunFolder.create(path, job).path


@lru_cache
def stopped():
    """Folder of a run that a signal stopped when its hosts were half way."""

    def stop(status):
        if status.done >= 8:
            os.kill(os.getpid(), signal.SIGTERM)

    return _simulated("stopped", report=stop)


def _simulated(name, **options):
    parent = mkdtemp()
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    path = Path(parent) / name
    try:
        gn.simulate(MACHINE, task(), 5.0, protocol=PROTOCOL, folder=path, **options)
    except gn.Stopped:
        assert name == "stopped"
    return path


def demo():
    """Three layers of the demonstration that lies in the repository."""
    ds = gn.open(DEMO).isel(layer=[0, 4, 9]).assign_coords(layer=[1, 2, 3])
    return ds.assign_attrs(depth=3, widths="[784, 20, 20, 2]")


def demo_hosts():
    """The same before its clones."""
    ds = demo()
    hosts = {name: x.where(x.time <= 100) for name, x in ds.data_vars.items() if "time" in x.dims}
    return xr.Dataset(hosts, ds.coords, ds.attrs | {"status": "running"})


def shallow():
    """The last layer of the complete run as a machine of its own, one sample, one clone."""
    ds = gn.open(folder()).isel(layer=[-1], sample=[0], clone=[0], clone_b=[0], configuration=[0], configuration_b=[0])
    return ds.assign_coords(layer=[1]).assign_attrs(depth=1, widths="[4, 2]")


def ladder():
    """Hosts under way at two temperatures."""
    ds = hosts_under_way().drop_vars(("temperature", "beta"))
    values = {"temperature": [0.5, 0.1], "beta": ("temperature", [2.0, 10.0])}
    return ds.expand_dims(temperature=2).assign_coords(values)


def clones_under_way():
    """A run whose clones have come half way."""
    ds = gn.open(folder())
    half = {name: x.where(x.lag <= 4) if "lag" in x.dims else x for name, x in ds.data_vars.items()}
    ds = xr.Dataset(half, ds.coords, ds.attrs | {"status": "running"})
    return ds.drop_vars([name for name in ds.data_vars if str(name).startswith("final")])


def hosts_under_way():
    """A run whose hosts have come to sweep 4."""
    ds = gn.open(folder())
    hosts = {name: x.where(x.time <= 4) for name, x in ds.data_vars.items() if "time" in x.dims}
    return xr.Dataset(hosts, ds.coords, ds.attrs | {"status": "running"})


def not_begun():
    """A run that has not measured anything."""
    ds = hosts_under_way()
    return ds.where(ds.time < 0).assign_attrs(ds.attrs)


def hard():
    """A run whose energies are infinite, at a name that must be escaped."""
    ds = hosts_under_way()
    return ds.assign(energy=ds.energy * float("inf"))


MADE = {
    "complete": folder,
    "stopped": stopped,
    "shallow": shallow,
    "ladder": ladder,
    "clones under way": clones_under_way,
    "hosts under way": hosts_under_way,
    "not begun": not_begun,
    "demo": demo,
    "demo hosts": demo_hosts,
    "<hard> & 'core'": hard,
}


@lru_cache
def report(name):
    """The page of a run by its name in `MADE`."""
    made = MADE[name]()
    return page(read_run(made) if isinstance(made, Path) else run_of(made, Path(f"{name}.nc")))
