"""The demonstration: a deep machine learns digits, and each of its layers forgets at a pace of its own.

A machine of depth 10 begins with random weights, its inputs are clamped to handwritten digits 0 and 1 and its outputs
to their classes. One weight moves at a time, all neurons follow, and only wrong outputs cost energy. The
autocorrelation of each layer says how fast it moves and ages, the overlap of clones in which layers they stay together.

Claim: the error on the training digits falls to zero, that on fresh ones far below chance, and of machines that have
learned the hidden layers go on moving: layers decay at rates that differ by more than their errors, the slower the
closer to the input.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from glassnet.analysis import energy_per_gap, magnetised, mean_and_error, relaxation_time, solid
from glassnet.analysis.relaxation import LEVEL
from glassnet.config import DigitsTask, RunConfig
from glassnet.output import writable_folder, write_figure, write_text
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting
from glassnet.plot import overview, thermal_overview
from glassnet.plot.style import paper
from glassnet.sampling.langevin import Langevin
from glassnet.simulation.phase import Report
from glassnet.simulation.protocol import Protocol
from glassnet.simulator import in_memory
from glassnet.store.files import save
from glassnet.thermal.machine import ThermalMachine

CONFIG = RunConfig(
    machine=Machine(depth=10, width=20, inputs=784, outputs=2, ensemble="gaussian", potential=Counting()),
    task=DigitsTask(patterns=200, classes=(0, 1)),
    dynamics="feedforward",
    weight_step=0.3,
    beta=8.0,
    protocol=Protocol(sweeps=2000, waiting_times=(100, 2000), clones=4, samples=4, points_per_decade=5),
)
"""The run of the demonstration: under three minutes on two cores. The energy counts wrong outputs."""

BY_LAYER = (
    "spin_overlap_squared", "spin_overlap", "spin_overlap_connected", "weight_overlap", "spin_autocorrelation_squared",
    "spin_autocorrelation",
)  # fmt: skip

THERMAL = RunConfig(
    machine=ThermalMachine(depth=7, width=10, inputs=784, outputs=2),
    task=DigitsTask(patterns=300, classes=(0, 1)),
    beta=1e3,
    langevin=Langevin(time_step=1e-2, friction=3e-4),
    protocol=Protocol(sweeps=24_000, waiting_times=(16_000,), clones=2, samples=4, points_per_decade=5),
)
"""The demonstration of the thermal machine: real weights and neurons at T = 1e-3, under three minutes on two cores."""


def demo(folder: Path, *, config: RunConfig = CONFIG, report: Report | None = None) -> dict[str, Path]:
    """Simulate, analyse, draw.

    Args:
        folder: where the files go; made if it does not exist, and files of an earlier run are replaced.
        config: the run.
        report: called with a status after every block of sweeps.
    Returns:
        Paths of `dataset` (demo.nc), `figure` (demo.png), `figure_pdf` (demo.pdf) and `summary` (summary.json).
    Raises:
        ValueError, OSError: if the folder cannot be made or written to, before anything is compiled.
    """
    folder = writable_folder(folder).absolute()  # `report` may go elsewhere
    ds = in_memory(config.job(), report)
    ds = ds.assign_attrs(run_config=config.to_json(), run_config_hash=config.config_hash)
    figure = drawn(ds)
    return {
        "dataset": save(ds, folder / "demo.nc", overwrite=True),
        "figure": write_figure(figure, folder / "demo.png"),
        "figure_pdf": write_figure(figure, folder / "demo.pdf"),
        "summary": write_text(json.dumps(summary(ds), indent=1) + "\n", folder / "summary.json"),
    }


def drawn(ds: xr.Dataset) -> Figure:
    """The panels of the run under its caption."""
    figure = thermal_overview(ds) if "kinetic_temperature" in ds else overview(ds)
    with paper():
        figure.suptitle(caption(ds))
        figure.draw_without_rendering()
    return figure


def caption(ds: xr.Dataset) -> str:
    """What was done and what was learned, in one line."""
    what = f"{ds.attrs['patterns']} patterns ({ds.attrs['task']}), depth {ds.attrs['depth']}"
    if "kinetic_temperature" in ds:
        what = f"thermal machine, {what}"
    wrong = (float(mean_and_error(ds[name].isel(time=-1))["mean"]) for name in ("train_error", "test_error"))
    training, fresh = (f"{100 * error:.1f} %" for error in wrong)
    return f"{what}: {training} of training outputs and {fresh} of fresh ones are wrong"


def summary(ds: xr.Dataset) -> dict[str, Any]:
    """The numbers of a run with standard errors over samples, as JSON values (None for NaN).

    Overlaps and autocorrelations are those at the longest lag, lists run over layers. Relaxation times are of the
    mean over clones and samples; None means longer than the longest lag.
    """
    hosts = {"energy_per_gap": energy_per_gap(ds), "train_error": ds["train_error"], "test_error": ds["test_error"]}
    return {
        "caption": caption(ds),
        "at_the_end": {name: _with_error(x.isel(time=-1)) for name, x in hosts.items()},
        "energy_by_layer": _with_error(ds["energy"].isel(time=-1)),
        "longest_lag": int(ds["lag"][-1]),
        "by_waiting_time": {str(t): by_layer(ds.sel(waiting_time=t)) for t in ds["waiting_time"].values},
        "config": json.loads(ds.attrs["run_config"]),
        "config_hash": ds.attrs["run_config_hash"],
        "versions": json.loads(ds.attrs["versions"]),
        "device": ds.attrs["device"],
        "git_commit": ds.attrs["git_commit"],
        "run_seconds": float(ds.attrs["run_seconds"]),
    }


def by_layer(ds: xr.Dataset) -> dict[str, Any]:
    """What each layer does after one waiting time: clones agree by more than 1/e^2 or not, the last is clamped."""
    q = mean_and_error(ds["spin_overlap_squared"])["mean"]
    words = np.where(solid(q, LEVEL**2).isel(layer=slice(None, -1)), "above 1/e^2", "below 1/e^2")
    flagged = magnetised(ds).any("sample").values
    times = {"spins": ds["spin_autocorrelation"], "weights": ds["weight_autocorrelation_normalised"]}
    return {
        "overlap_at_longest_lag": [*words.tolist(), "clamped"],
        "magnetised": [int(l) for l in ds["layer"].values[:-1][flagged]],
        **{name: _with_error(ds[name].isel(lag=-1)) for name in BY_LAYER},
        "relaxation_time": {k: _plain(relaxation_time(c.mean(("sample", "clone")))) for k, c in times.items()},
    }


def headline(numbers: dict[str, Any]) -> str:
    """The summary in a few lines of text."""
    end = numbers["at_the_end"]
    names = {"energy per gap": "energy_per_gap", "training error": "train_error", "test error": "test_error"}
    lines = [numbers["caption"]]
    lines += [f"{words:<15} {end[name]['mean']:.4g} +- {end[name]['error']:.1g}" for words, name in names.items()]
    for t, layers in numbers["by_waiting_time"].items():
        row = " ".join(f"{value:.2f}" for value in layers["spin_overlap_squared"]["mean"][:-1])
        lines.append(f"squared overlap of clones by layer, t_w = {t}, lag {numbers['longest_lag']}: {row}")
    return "\n".join(lines)


def _with_error(data: xr.DataArray) -> dict[str, Any]:
    pair = mean_and_error(data)
    return {name: _plain(pair[name]) for name in ("mean", "error")}


def _plain(values: xr.DataArray) -> Any:
    """Numbers as JSON values with six digits, None for what is not finite."""
    return [_rounded(x) for x in values.values] if values.ndim else _rounded(values.item())


def _rounded(number: float) -> float | None:
    return float(f"{number:.6g}") if np.isfinite(number) else None
