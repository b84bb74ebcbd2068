"""Every public function of analysis and plot with an argument that it takes, and what strangers may hand over."""

import json

import numpy as np
import xarray as xr
from analysis.synthetic_result import result
from matplotlib.figure import Figure

import glassnet as gn
from glassnet import analysis, plot
from glassnet.analysis import bootstrap, derive, longest_lag, mean_and_error, mean_pair_overlap, susceptibility_peak
from glassnet.campaign.dataset import _sized
from glassnet.campaign.join import joined


def whole(**sizes):
    """A result with everything that analysis reads, configurations and widths of two machines among it."""
    ds = result(**({"samples": 3, "clones": 2, "sweeps": 100} | sizes)).isel(layer=[0, 4, 9])
    ds = ds.assign_coords(layer=[1, 2, 3]).assign_attrs(depth=3, widths="[5, 4, 4, 2]")
    ds = derive(ds)
    ds["weight_autocorrelation"] = ds["weight_autocorrelation"].assign_attrs(units="per weight")
    number = np.arange(ds.sizes["configuration"])
    labels = {"configuration_sample": ("configuration", number // ds.sizes["clone"])}
    spins = np.random.default_rng(0).choice([-1, 1], size=(3, len(number), 2, 4, 6)).astype(np.int8)
    ds["configuration_spins"] = (("waiting_time", "configuration", "hidden_layer", "neuron", "pattern"), spins)
    machine = {"depth": 3, "width": 4, "inputs": 5, "outputs": 2, "connectivity": None}
    ds.attrs |= {"machine": json.dumps(machine), "alpha": 5.0}
    return ds.assign_coords(labels | {"beta": 4.0, "temperature": 0.25})


def campaign(ds):
    """Two such results as `gn.open_campaign` joins them."""
    parts = {(n,): _sized(ds.drop_vars("configuration_spins")) for n in range(2)}
    joined_, _ = joined(parts, ("seed",), (2,))
    return joined_.assign_coords(seed=[0, 1]).assign(status=("seed", ["complete"] * 2))


def by(dim, positions, data):
    """`data` at other values of a parameter, as a campaign over it would have it."""
    return xr.concat([data * (1 + 0.1 * n) for n in range(len(positions))], dim).assign_coords({dim: positions})


def pairs(ds):
    return mean_pair_overlap(ds.spin_overlap)


def several(ds):
    """Results of machines of three sizes."""
    machines = [{"depth": 3, "width": n} for n in (4, 8, 16)]
    return [ds.assign_attrs(machine=json.dumps(machine)) for machine in machines]


def sizes(ds):
    """A variable by size as `by_connectivity` gives it."""
    last = longest_lag(ds.spin_autocorrelation.mean("clone")).sel(waiting_time=1000, drop=True)
    parts = [last * n for n in (1.0, 1.1, 1.3)]
    return xr.concat(parts, "size").assign_coords(connectivity=("size", [4, 8, 16]), width=("size", [8, 16, 32]))


def energies(ds):
    return by("width", [10, 20, 40], ds.energy.sel(layer=1).sortby("time").isel(time=slice(1, 9)))


def ladder(ds):
    """The result at three temperatures, of a machine whose free neurons are known."""
    rungs = xr.concat([ds.assign(clone_energy=ds.clone_energy / (1 + b)) for b in (0, 1, 2)], "temperature")
    at = {"temperature": [np.inf, 1.0, 0.5], "beta": ("temperature", [0.0, 1.0, 2.0])}
    about = '{"connectivity": null, "depth": 3, "ensemble": "ising", "inputs": 5, "width": 4}'
    return rungs.assign_coords(at).assign_attrs(machine=about, dynamics="heat_bath")


def exchanged(ds):
    """The result at three temperatures that swap."""
    ds = ladder(ds)
    hosts, clones = ds.energy.isel(layer=0, drop=True), ds.clone_energy.isel(layer=0, drop=True)
    new = {}
    for prefix, x, clock in (("", hosts, "time"), ("clone_", clones, "lag")):
        t = x[clock] + 0 * x
        t = t if "temperature" in t.dims else t.expand_dims(temperature=3)
        new[f"{prefix}swaps_offered"], new[f"{prefix}swaps_accepted"] = t // 2, t // 4
        new[f"{prefix}round_trips"] = (t // 50).isel(temperature=0, drop=True)
        new[f"{prefix}running_energy"], new[f"{prefix}running_energy_variance"] = 1 / (1 + t), 1 / (2 + t)
    config = json.loads(ds.attrs.get("config", "{}")) | {"exchange": {"every": 1}}
    return ds.assign(new).assign_attrs(config=json.dumps(config))


def populations(ds):
    """The result as one of populations of walkers."""
    ones = xr.ones_like(ds.energy.isel(layer=0, drop=True))
    new = {"population_beta": ones, "log_evidence": -3 * ones, "families": 40 * ones, "family_entropy": 3 * ones}
    config = json.loads(ds.attrs.get("config", "{}")) | {"data_sha256": ["0"]}
    about = {"population_size": 200, "config": json.dumps(config)}
    return ds.assign(new | {"rho_t": 2 * ones}).assign_attrs(about)


def hosts(ds):
    return ds.energy.sel(layer=1).assign_coords(time=np.arange(ds.sizes["time"]))


def mean(x):
    return x.mean("sample")


def of_pymbar(ds):
    """What `mbar` says of data; where only pymbar is missing, that."""
    try:
        return analysis.mbar(ds)
    except ModuleNotFoundError:
        return "pymbar is missing"


ANALYSIS = {
    "derive": (lambda ds: ds, analysis.derive),
    "relaxation_time": (lambda ds: ds.spin_autocorrelation, analysis.relaxation_time),
    "mean_relaxation_time": (lambda ds: ds.spin_autocorrelation, analysis.mean_relaxation_time),
    "stretched_exponential": (
        lambda ds: ds.spin_autocorrelation.sel(clone=0, sample=[0], layer=[2]),
        analysis.stretched_exponential,
    ),
    "aging_exponent": (
        lambda ds: ds.spin_autocorrelation.sel(layer=[2]),
        lambda x: analysis.aging_exponent(x, seed=0, resamples=2),
    ),
    "integrated_time": (hosts, lambda x: analysis.integrated_time(x, tolerance=1.0)),
    "susceptibility": (lambda ds: ds, analysis.susceptibility),
    "susceptibility_peak": (lambda ds: ds, lambda x: analysis.susceptibility_peak(x, seed=0, resamples=3)),
    "peak": (lambda ds: ds.susceptibility_clones, analysis.peak),
    "plateau": (lambda ds: ds.spin_autocorrelation, analysis.plateau),
    "plateau_height": (lambda ds: ds.spin_overlap, analysis.plateau_height),
    "mean_and_error": (lambda ds: ds.energy, analysis.mean_and_error),
    "bootstrap": (lambda ds: ds.energy, lambda x: bootstrap(mean, x, seed=0, resamples=5)),
    "jackknife": (lambda ds: ds.energy, lambda x: analysis.jackknife(mean, x)),
    "mean_pair_overlap": (lambda ds: ds.spin_overlap, analysis.mean_pair_overlap),
    "moving_layers": (lambda ds: ds, lambda x: analysis.moving_layers(x, "spin_autocorrelation")),
    "longest_lag": (lambda ds: ds.spin_overlap, analysis.longest_lag),
    "energy_per_gap": (lambda ds: ds, analysis.energy_per_gap),
    "solid": (pairs, analysis.solid),
    "solid_depth": (pairs, analysis.solid_depth),
    "magnetised": (lambda ds: ds, analysis.magnetised),
    "condensed": (lambda ds: ds, analysis.condensed),
    "ends_and_centre": (lambda ds: ds.energy, analysis.ends_and_centre),
    "reduced_overlap": (lambda ds: ds, analysis.reduced_overlap),
    "overlap_distribution": (lambda ds: ds.final_spin_overlap, analysis.overlap_distribution),
    "clustered": (lambda ds: ds.final_spin_overlap.sel(waiting_time=0, layer=1), analysis.clustered),
    "trees": (lambda ds: ds.final_spin_overlap, analysis.trees),
    "ultrametricity": (lambda ds: ds.final_spin_overlap, lambda x: analysis.ultrametricity(x, seed=0)),
    "ultrametricity_null": (
        lambda ds: ds.final_spin_overlap,
        lambda x: analysis.ultrametricity_null(x, "shuffled", seed=0, draws=2),
    ),
    "null_overlaps": (lambda ds: ds.final_spin_overlap, lambda x: analysis.null_overlaps(x, "gaussian", seed=0)),
    "finite_size_collapse": (
        energies,
        lambda x: analysis.finite_size_collapse(x, "time", seed=0, resamples=2, a=0.0),
    ),
    "infinite_width": (
        lambda ds: mean_and_error(energies(ds).isel(time=-1))["mean"],
        lambda x: analysis.infinite_width(x, x, w=1.0),
    ),
    "chance_level": (lambda ds: ds, analysis.chance_level),
    "by_connectivity": (several, analysis.by_connectivity),
    "infinite_connectivity": (sizes, analysis.infinite_connectivity),
    "free_entropy": (ladder, analysis.free_entropy),
    "mbar": (ladder, of_pymbar),
    "convergence": (lambda ds: ds, analysis.convergence),
    "start_equilibrium": (lambda ds: ds, analysis.start_equilibrium),
    "equilibration": (lambda ds: ds, analysis.equilibration),
    "population_summary": (populations, analysis.population_summary),
    "population_mean": (populations, lambda x: analysis.population_mean(x, "energy")),
    "exchange_summary": (exchanged, analysis.exchange_summary),
    "penetration_depth": (pairs, analysis.penetration_depth),
    "logarithmic_growth": (
        lambda ds: by("alpha", [1.0, 2.0, 4.0], ds.train_error.sel(time=100)),
        lambda x: analysis.logarithmic_growth(x, seed=0, resamples=3),
    ),
    "collapse_quality": (
        lambda ds: np.linspace(0, 1, 12).reshape(3, 4),
        lambda x: analysis.collapse_quality(x, x, x),
    ),
    "constant_error": (lambda ds: task(), analysis.constant_error),
    "nearest_error": (lambda ds: task(), analysis.nearest_error),
}
"""By name: what of a result it takes, and the call."""


def task():
    return gn.tasks.random(gn.Machine(depth=2, width=4), 5, seed=0)


def on_axes(draw, **options):
    """The picture on axes that are not laid out, which takes most of the time."""
    return lambda data: draw(data, Figure().add_subplot(), **options)


def heated(ds):
    """What a thermal machine measures besides."""
    return ds.assign(kinetic_temperature=ds.energy, test_error_tanh=ds.test_error)


PLOT = {
    "evidence": (populations, on_axes(plot.evidence)),
    "families": (populations, on_axes(plot.families)),
    "overview": (lambda ds: ds, plot.overview),
    "thermal_overview": (heated, plot.thermal_overview),
    "energy_fall": (heated, on_axes(plot.energy_fall)),
    "accuracy": (heated, on_axes(plot.accuracy)),
    "energy_and_error": (lambda ds: ds, on_axes(plot.energy_and_error)),
    "autocorrelation": (lambda ds: ds, on_axes(plot.autocorrelation)),
    "overlap_profile": (lambda ds: ds, on_axes(plot.overlap_profile)),
    "overlap_matrix": (lambda ds: ds, on_axes(plot.overlap_matrix, layer=1)),
    "overlap_tree": (lambda ds: ds, on_axes(plot.overlap_tree, layer=1)),
    "magnetisation_profile": (lambda ds: ds, on_axes(plot.magnetisation_profile)),
    "raw_and_connected": (lambda ds: ds, on_axes(plot.raw_and_connected)),
    "layers_in_time": (lambda ds: ds.energy, on_axes(plot.layers_in_time)),
    "along_axis": (lambda ds: ds.energy.isel(time=-1), on_axes(plot.along_axis, axis="layer")),
    "rate": (lambda ds: ds.energy.isel(layer=0, sample=0).rename(time="done"), on_axes(plot.rate)),
    "overlap_histogram": (lambda ds: ds, on_axes(plot.overlap_histogram, layer=1)),
    "susceptibility_curves": (lambda ds: ds, on_axes(plot.susceptibility_curves)),
    "peaks": (
        lambda ds: susceptibility_peak(ds, seed=0, resamples=3),
        lambda x: on_axes(plot.susceptibility_curves, peaks=x)(whole()),
    ),
    "aging_collapse": (lambda ds: ds.spin_autocorrelation, on_axes(plot.aging_collapse, layer=1, exponent=0.5)),
    "width_collapse": (energies, on_axes(plot.width_collapse, dim="time", a=0.0, b=0.0)),
    "connectivity_extrapolation": (sizes, on_axes(plot.connectivity_extrapolation)),
    "phase_diagram": (lambda ds: by("alpha", [1.0, 2.0], ds.spin_overlap), on_axes(plot.phase_diagram)),
    "theory_lines": (lambda ds: theory(), on_axes(plot.theory_lines)),
    "layer_colours": (lambda ds: [1, 2, 3], plot.layer_colours),
}


def theory():
    return xr.Dataset({"spin_overlap": ("layer", [0.9, 0.5, 0.1])}, {"layer": [1, 2, 3]}, {"closure": "exact"})
