"""glassnet info: what is in a dataset, or on what machine glassnet would run."""

import json
import os
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from glassnet.cli.parse import parse
from glassnet.core.check import fail
from glassnet.core.codec import flat

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

MOST_ROWS = 12
"""Rows of a table of a theory result; the others are in the file."""


@dataclass(frozen=True)
class InfoOptions:
    """Say what is in a dataset, or how far a run or a campaign is; without one, list versions and devices.

    Args:
        file: dataset written by `glassnet run` or `glassnet theory`, or folder of a run, or of a campaign; the parts of
            a run are joined.
        config: print only the configuration, as JSON that `glassnet run --config` takes.
        planted: the same run from a planted start, which the verdict on equilibrium compares with.
    """

    file: Annotated[Path | None, tyro.conf.Positional] = None
    config: bool = False
    planted: Path | None = None


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parse(InfoOptions, arguments, "info")
    if options.file is None:
        print("\n".join(surroundings()))
        return

    from glassnet.analysis.labels import ascending
    from glassnet.campaign.folder import holds_campaign
    from glassnet.results import files_of, open_result
    from glassnet.store.folder import RESULTS, holds_run

    if holds_campaign(options.file):
        if options.config:
            raise fail("file", "be one run of the campaign, where --config is given", str(options.file))
        print("\n".join(campaign_progress(options.file)))
        return
    if holds_run(options.file) and not options.config:
        print("\n".join(progress(options.file)))
        if not (options.file / RESULTS).is_dir():
            return
    ds = open_result(options.file)
    if "config" not in ds.attrs:
        raise fail("file", "be the result of a run or of theory, not what analysis made of it", str(options.file))
    if options.config:
        print(configuration(ds))
    else:
        print("\n".join(summary(ascending(ds), options.file, files_of(options.file))))
        if "theory" not in ds.attrs:
            planted = None if options.planted is None else ascending(open_result(options.planted))
            print("\n".join(equilibrium(ascending(ds), planted)))


def configuration(ds: "Dataset") -> str:
    """The JSON that made a dataset by `glassnet run`.

    Raises:
        ValueError: if the dataset was made otherwise.
    """
    if "run_config" not in ds.attrs:
        raise ValueError("Argument `file` must be made by `glassnet run` to hold its configuration, but is not.")
    return ds.attrs["run_config"]


def progress(path: Path) -> Iterator[str]:
    """How far the run in a folder is, how fast it was, where it stopped and why."""
    from glassnet.store.folder import ENDS, log, status

    events = log(path)
    marks = [event for event in events if "done" in event]
    last = marks[-1] if marks else {}
    yield "run"
    yield from _aligned({"state": status(path), "begun": events[0]["time"] if events else "not yet"})
    if last:
        done, total, seconds = last["done"], last["total"], last["run_seconds"]
        yield from _aligned({"done": f"{done} of {total} replica-sweeps ({done / total:.1%})"})
        yield from _aligned(
            {"speed": f"{done / max(seconds, 1e-3):.4g} replica-sweeps/s over {seconds:.4g} s, compilation included"}
        )
    for event in events:
        if event["event"] in (*ENDS, "resumed", "extended", "took_over_lock", "damaged_checkpoint"):
            yield from _aligned({event["event"]: f"{event['time']}  {_told(event)}"})


def campaign_progress(path: Path) -> Iterator[str]:
    """The grid of a campaign, the states of its runs and how far each is."""
    from glassnet.campaign.folder import open_folder
    from glassnet.campaign.standing import in_states, standings, table

    campaign = open_folder(path)
    found = standings(campaign)
    yield f"{path}: campaign of {in_states(found)}"
    yield "grid"
    yield from _aligned({name: ", ".join(map(str, values)) for name, values in campaign.grid.values.items()})
    yield "runs"
    yield from (f"  {line}" for line in table(found))


def _told(event: dict[str, Any]) -> str:
    """What an event of the log says beside its name and time."""
    words = ("reason", "phase", "sweep", "from", "to", "file", "device", "host", "pid")
    return ", ".join(f"{word} {event[word]}" for word in words if word in event)


def surroundings() -> Iterator[str]:
    """Versions, devices and platform."""
    import jax

    from glassnet.core import compile_cache
    from glassnet.store.provenance import provenance, versions

    yield "versions"
    yield from _aligned(versions())
    made = provenance()
    yield "machine"
    yield from _aligned({"device": made["device"], "platform": made["platform"], "cores": os.cpu_count()})
    yield from _aligned(
        {"JAX backend": jax.default_backend(), "sweeps": made["sweeps"], "git commit": made["git_commit"]}
    )
    yield from _aligned({"compiled programs": compile_cache.status()})


def summary(ds: "Dataset", path: Path, files: Sequence[Path]) -> Iterator[str]:
    """Configuration, sizes, results at the end and provenance of a dataset that was read from `files`."""
    attrs = ds.attrs
    size = sum(_bytes(file) for file in files) / 1e6
    where = str(path) if len(files) == 1 else f"{path}, joined from {len(files)} parts"
    yield f"{where} ({size:.1f} MB): {attrs.get('status', 'unknown status')}"
    yield attrs.get("title", "")
    yield "configuration"
    yield from _aligned({name: _short(value) for name, value in flat(json.loads(attrs["config"])).items()})
    if "start_equilibrium" in attrs:
        from glassnet.analysis import start_equilibrium

        yield from _aligned({"start in equilibrium": start_equilibrium(ds)})
    yield "sizes"
    yield from _aligned(dict(ds.sizes))
    yield from theory_results(ds, MOST_ROWS) if "theory" in attrs else run_results(ds)
    yield "provenance"
    names = (
        "config_hash",
        "run_config_hash",
        "seed",
        "versions",
        "device",
        "platform",
        "sweeps",
        "git_commit",
        "command",
        "started_from",
    )
    known = {name: attrs[name] for name in (*names, "started", "finished", "run_seconds", "resumed") if name in attrs}
    if "run_config" in attrs:
        from glassnet.config import RunConfig
        from glassnet.config.command import command_line

        known["made by"] = command_line(RunConfig.stored(json.loads(attrs["run_config"])))
    yield from _aligned(known)


def _bytes(path: Path) -> int:
    """Size of a file, or of all files in a folder."""
    inside = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in inside if file.is_file())


def run_results(ds: "Dataset") -> Iterator[str]:
    """Results of a run at the end, and by layer; of a system without layers the energy of its hosts."""
    yield "at the end"
    if "depth" in ds.attrs:
        yield from _aligned(last_values(ds))
        yield from by_layer(ds)
        yield from exchange(ds)
        yield from population(ds)
        return

    from glassnet.analysis import mean_and_error

    yield from _aligned({"energy": _with_errors(mean_and_error(ds["energy"].isel(time=last_measured(ds))))})
    yield from population(ds)


def theory_results(ds: "Dataset", most: int | None = None) -> Iterator[str]:
    """Tables of a theory result: each variable by layer, then all others, one row for each alpha, depth, ...

    Args:
        ds: result of `glassnet theory`.
        most: longest table in rows; all rows if None.
    """
    others: dict[tuple[Hashable, ...], list[Hashable]] = {}
    for name, x in ds.data_vars.items():
        if "layer" in x.dims:
            yield from _grid(x.attrs.get("long_name", str(name)), x, list(ds["layer"].values), most)
        else:
            others.setdefault(x.dims, []).append(name)
    for dims, names in others.items():
        x = ds[names].to_dataarray("name").transpose(..., "name")
        yield from _grid(f"by {', '.join(map(str, dims))}", x, names, most)
    if "fit_slope" in ds.attrs:
        yield f"fit from layer {ds.attrs['fit_from']}"
        yield f"  xi = {ds.attrs['fit_intercept']:.4g} + {ds.attrs['fit_slope']:.4g} ln alpha"


def last_values(ds: "Dataset") -> dict[str, str]:
    """Energy and errors at the last time of the hosts, mean over samples with standard error."""
    from glassnet.analysis import energy_per_gap, mean_and_error

    errors = {"training error": "train_error", "test error": "test_error"}
    values = {"energy per gap": energy_per_gap(ds)} | {words: ds[x] for words, x in errors.items() if x in ds}
    with np.errstate(invalid="ignore"):  # the energy of a hard core may be infinite
        last = {name: mean_and_error(x.isel(time=last_measured(ds))) for name, x in values.items()}
    return {name: _with_errors(pair) for name, pair in last.items()}


def last_measured(ds: "Dataset") -> int:
    """Index of the last time at which the hosts have been measured."""
    measured = ds["energy"].notnull().any([dim for dim in ds["energy"].dims if dim != "time"])
    return int(np.flatnonzero(measured.values)[-1])


def by_layer(ds: "Dataset") -> Iterator[str]:
    """Tables by layer: energy, violated gaps and acceptance at the end, relaxation times at each waiting time."""
    from glassnet.analysis import moving_layers, relaxation_time
    from glassnet.analysis.relaxation import waits

    yield f"{'by layer':<28}" + "".join(f"{l:>9}" for l in ds["layer"].values)
    names = {"energy": "energy", "violated": "violated"}
    names |= {f"acceptance_{kind}": f"acceptance of {kind}" for kind in ("weights", "spins", "rows")}
    names["acceptance_collapsed"] = "acceptance, collapsed moves"
    for name, words in names.items():
        if name in ds:  # dynamics of a builder count no moves
            yield from _table(words, ds[name].isel(time=last_measured(ds)).mean("sample"), ds["layer"])
    sources = {"spins": "spin_autocorrelation", "weights": "weight_autocorrelation_normalised"}
    for words, name in sources.items():
        if name not in ds:
            continue
        c = moving_layers(ds, name)
        c = c.dropna("lag", how="all")
        if not c.size:
            continue
        tau = relaxation_time(c.mean(("sample", "clone")))
        for t in waits(ds):
            yield from _table(f"tau of {words}, t_w {t}", tau.sel(waiting_time=t), ds["layer"], c["lag"])
    if len(waits(ds)) < ds.sizes["waiting_time"]:
        yield "  no tau for t_w 0: after a random start the first sweeps are a quench"


def equilibrium(ds: "Dataset", planted: "Dataset | None") -> Iterator[str]:
    """The verdict on equilibrium and its reasons."""
    from glassnet.analysis import equilibration

    found = equilibration(ds, planted, footnotes=False)
    yield f"equilibrium: {found.verdict}"
    yield from (f"  {reason}" for reason in found.reasons)


def exchange(ds: "Dataset") -> Iterator[str]:
    """How the temperatures of a run with replica exchange mix."""
    if "swaps_offered" not in ds:
        return

    from glassnet.analysis import exchange_summary

    yield "replica exchange"
    try:
        found = exchange_summary(ds)
    except ValueError:
        yield "  not measured yet"
        return
    rejected = ", ".join(f"{x:.2g}" for x in found["rejected"].values[:-1])
    trips = f"{int(found['round_trips'])}, {float(found['round_trips_expected']):.3g} expected"
    rung = ds.attrs.get("exchange_over", "temperature")
    wanted = "temperatures" if rung == "temperature" else "rungs"
    needed = f"{int(found[f'{wanted}_needed'])} (there are {found.sizes[rung]})"
    yield from _aligned({"swaps rejected": rejected, "barrier": f"{float(found['barrier']):.3g}"})
    if rung != "temperature":
        yield from _aligned({rung.replace("_", " "): ", ".join(f"{x:g}" for x in found[rung].values)})
    yield from _aligned({f"{wanted} needed": needed, "round trips": trips})
    yield from _aligned({"limited by": found["limited_by"].item(), "ladder": found["verdict"].item()})


def population(ds: "Dataset") -> Iterator[str]:
    """Free energy and families of a run of populations, at the last time of the hosts."""
    if "population_size" not in ds.attrs:
        return

    from xarray import Dataset

    from glassnet.analysis import population_summary

    yield f"population annealing, {ds.attrs['population_size']} walkers"
    end = population_summary(ds).isel(time=last_measured(ds))
    pairs = {
        words: _with_errors(Dataset({"mean": end[name], "error": end[f"{name}_error"]}))
        for words, name in (("ln Z(beta)/Z(0)", "log_evidence"), ("free energy, 0 at beta 0", "free_energy"))
    }
    names = {
        "beta": "population_beta", "families": "families", "entropy of families": "family_entropy",
        "mean square family size": "rho_t", "verdict": "verdict",
    }  # fmt: skip
    rows = {words: ", ".join(map(_plain_number, end[name].values.reshape(-1))) for words, name in names.items()}
    yield from _aligned({"beta": rows.pop("beta"), **pairs, **rows})


def _table(name: str, values: "DataArray", layers: "DataArray", lags: "DataArray | None" = None) -> Iterator[str]:
    """A row of values in `layers`, for each rung; "-" where there is none, or beyond `lags` if it is a lag."""
    first, last = (
        (float(lags[lags > 0].min()), float(lags.max())) if lags is not None and lags.max() > 0 else (0.0, 0.0)
    )
    moving = values["layer"].values

    def cell(layer: int, x: float) -> str:
        if layer not in moving or (np.isnan(x) and lags is None):
            return "-"
        if np.isnan(x):
            return f"> {last:g}"
        return f"< {first:g}" if 0 <= x < first else f"{x:.3g}" if abs(x) < 1000 else f"{x:.0f}"

    from glassnet.store.schema import RUNGS

    rung = next((dim for dim in RUNGS if dim in values.dims), "temperature")
    rows = [values.isel({rung: n}) for n in range(values.sizes.get(rung, 0))]
    for row in rows or [values]:
        cells = (cell(*pair) for pair in zip(layers.values, row.reindex(layer=layers).values, strict=True))
        suffix = f"   T {float(row.temperature):.4g}, beta {float(row.beta):.4g}" if rows else ""
        if rung != "temperature":
            suffix = f"   {rung.replace('_', ' ')} {float(row[rung]):g}"
        yield f"  {name:<26}" + "".join(f"{cell:>9}" for cell in cells) + suffix


def _grid(title: str, x: "DataArray", columns: Sequence[object], most: int | None) -> Iterator[str]:
    """Values with the last dim as columns and a row for each combination of the others."""
    rows = list(np.ndindex(x.shape[:-1]))
    labels = [_label(x, row) for row in rows]
    widths = [max(12, len(str(column)) + 2) for column in columns]
    first = max(26, *map(len, labels))
    yield title
    header = "layer" if x.dims[-1] == "layer" else ""
    yield f"  {header:<{first}}" + "".join(f"{column!s:>{w}}" for column, w in zip(columns, widths, strict=True))
    for row, label in list(zip(rows, labels, strict=True))[:most]:
        cells = zip(x.values[row], widths, strict=True)
        yield f"  {label:<{first}}" + "".join(f"{_plain_number(value):>{w}}" for value, w in cells)
    if most is not None and len(rows) > most:
        yield f"  ... and {len(rows) - most} more"


def _label(x: "DataArray", row: tuple[int, ...]) -> str:
    """Values of all coordinates but the last: "alpha 5, step 0"."""
    return ", ".join(f"{dim} {_plain_number(x[dim].values[i])}" for dim, i in zip(x.dims[:-1], row, strict=True))


def _plain_number(value: Any) -> str:
    """Five digits of a number, "-" if there is none; words as they are."""
    if isinstance(value, str):
        return value
    return "-" if np.isnan(value) else f"{value:.5g}"


def _with_errors(pair: "Dataset") -> str:
    """Mean +- standard error, one for each temperature."""
    means, errors = pair["mean"].values.reshape(-1), pair["error"].values.reshape(-1)
    return ", ".join(f"{m:.5g}" + ("" if np.isnan(e) else f" +- {e:.1g}") for m, e in zip(means, errors, strict=True))


def _aligned(values: dict) -> Iterator[str]:
    for name, value in values.items():
        yield f"  {name!s:<26} {value}"


def _short(value: object, longest: int = 90) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= longest else f"{text[: longest - 4]} ..."
