"""Tables with a row for each layer, and one with a row for each temperature."""

import json
from collections.abc import Iterator, Sequence

import numpy as np
from xarray import DataArray, Dataset

from glassnet.analysis import chance_level, energy_per_gap, longest_lag, mean_and_error, moving_layers, relaxation_time
from glassnet.analysis.layers import order_parameter
from glassnet.analysis.relaxation import waits
from glassnet.plot.overlaps import chance_is_known
from glassnet.report.cautions import magnetisation_threshold
from glassnet.report.equilibrium import CORRELATIONS
from glassnet.report.markup import Markup, joined, table, tag
from glassnet.report.numbers import count, lag_in_words, number, percent, with_error
from glassnet.report.significance import bounds
from glassnet.report.source import has_clones, measured_part

FLAG = "⚑"
"""Marks a magnetised layer."""

Column = tuple[object, list[object]]


def tables_by_layer(ds: Dataset) -> Iterator[Markup]:
    """Hosts: energy, violated gaps, acceptance. Clones: relaxation times, overlap beside 1/e, magnetisation.

    Args:
        ds: the measured part of a result at one temperature.
    """
    n = ds.sizes["sample"]
    over = f"Mean over {n} samples" if n > 1 else "A single sample"
    yield _by_layer(ds, f"Hosts at sweep {count(ds['time'][-1])}. {over}.", list(_host_columns(ds)))
    if has_clones(ds):
        columns = [*_relaxation_columns(ds), *_overlap_columns(ds), *_squared_columns(ds)]
        caption = f"Clones at lag {count(ds['lag'][-1])}: relaxation times τ in sweeps"
        rest = f" = {count(ds['waiting_time'][-1])}. {over}."
        caption = joined([caption, "; the other columns after t", tag("sub", "w"), rest])
        yield _by_layer(ds, caption, columns)
        if any(FLAG in str(cell) for _, cells in columns for cell in cells):
            yield tag("p", f"{FLAG} magnetised: there a high overlap q or q² is no sign of a glass.", class_="note")
        if len(waits(ds)) < ds.sizes["waiting_time"]:
            without = "After a random start the first sweeps are a quench: no relaxation times for t"
            yield tag("p", without, tag("sub", "w"), " = 0.", class_="note")


def _by_layer(ds: Dataset, caption: object, columns: list[Column]) -> Markup:
    layers = ds["layer"].values.tolist()
    rows = ([f"{l}", *(cells[n] for _, cells in columns)] for n, l in enumerate(layers))
    return table(caption, ["layer", *(head for head, _ in columns)], rows)


def _host_columns(ds: Dataset) -> Iterator[Column]:
    widths = json.loads(ds.attrs["widths"])
    yield "neurons", [widths[l] for l in ds["layer"].values.tolist()]
    last = ds.isel(time=-1)
    with np.errstate(invalid="ignore"):  # the energy of a hard core may be infinite
        energy = mean_and_error(last["energy"])
    yield "energy per gap", [with_error(m, e) for m, e in _pairs(energy)]
    for name, words in {"violated": "violated", **ACCEPTED}.items():
        if name in ds and bool(last[name].notnull().any()):
            yield words, [percent(x) for x in last[name].mean("sample").values.tolist()]


def _pairs(pair: Dataset) -> list[tuple[float, float]]:
    return list(zip(pair["mean"].values.tolist(), pair["error"].values.tolist(), strict=True))


def _relaxation_columns(ds: Dataset) -> Iterator[Column]:
    """Relaxation times of the mean; "> longest lag" where it stays above 1/e, a dash for what is clamped."""
    for words, name in CORRELATIONS.items():
        c = moving_layers(ds, name) if name in ds else None
        if c is None or not c.sizes["layer"]:
            continue
        tau = relaxation_time(c.mean(("sample", "clone")))
        for t in waits(ds):
            cells = {l: lag_in_words(float(tau.sel(waiting_time=t, layer=l)), ds["lag"]) for l in c["layer"].values}
            head = joined([tag("span", f"τ {words}"), tag("span", "t", tag("sub", "w"), f" = {count(t)}")])
            yield head, [cells.get(l, "–") for l in ds["layer"].values]


def _overlap_columns(ds: Dataset) -> Iterator[Column]:
    """Overlaps of clones at the longest lag after the last wait, and whether they are above the level beyond errors.

    Judged is the square of single neurons, where it was measured: the plain overlap falls where neurons turn over.
    """
    if ds.sizes["clone"] < 2 or "spin_overlap" not in ds or not moving_layers(ds, "spin_overlap").sizes["layer"]:
        return
    last = ds.isel(waiting_time=-1)
    name, limit = order_parameter(ds, "spin_overlap")
    symbol, level = ("q²", "1/e²") if name != "spin_overlap" else ("q", "1/e")
    plain, judged = (bounds(longest_lag(moving_layers(last, variable))) for variable in ("spin_overlap", name))
    below = np.where(judged["high"] < limit, f"below {level}", f"{level} within error")
    words = np.where(judged["low"] >= limit, f"above {level}", below).tolist()
    yield "overlap q", [*(number(x, 2) for x in plain["mean"].values.tolist()), "1"]
    if name != "spin_overlap":
        yield "squared by neurons, q²", [*(number(x, 2) for x in judged["mean"].values.tolist()), "1"]
    if name != "spin_overlap" and chance_is_known(ds):
        yield "q² of liquids by chance, at most", [*(number(x, 2) for x in chance_level(ds).values.tolist()), "–"]
    yield f"{symbol} at lag {count(ds['lag'][-1])}", [*words, "clamped"]


def _squared_columns(ds: Dataset) -> Iterator[Column]:
    """Squared magnetisation after the last wait, with a mark above the threshold, and squared teacher overlap."""
    for name, words in {"magnetisation_squared": "m²", "teacher_overlap_squared": "teacher R²"}.items():
        if name not in ds or not moving_layers(ds, name).sizes["layer"]:
            continue
        mean = longest_lag(moving_layers(ds, name).isel(waiting_time=-1)).mean(("sample", "clone"))
        limit = magnetisation_threshold(ds) if name == "magnetisation_squared" else np.inf
        cells = [f"{number(x, 2)}{f' {FLAG}' if x > limit else ''}" for x in mean.values.tolist()]
        yield words, [*cells, "–"]


def end_values(ds: Dataset) -> dict[str, str]:
    """Energy per gap and errors of the hosts at the last measured time, mean ± standard error.

    Args:
        ds: the measured part of a result at one temperature; dashes where nothing is measured.
    """
    errors = {words: name for name, words in _ERRORS.items() if name in ds}
    if not ds.sizes["time"]:
        return dict.fromkeys(["energy per gap", *errors], "–")
    with np.errstate(invalid="ignore"):
        values = {"energy per gap": energy_per_gap(ds)} | {words: ds[name] for words, name in errors.items()}
        return {words: _at_the_end(x) for words, x in values.items()}


_ERRORS = {"train_error": "training error", "test_error": "test error"}


def _at_the_end(values: DataArray) -> str:
    pair = mean_and_error(values.isel(time=-1))
    return with_error(float(pair["mean"]), float(pair["error"]))


ACCEPTED = {
    "acceptance_weights": "accepted weights",
    "acceptance_spins": "accepted spins",
    "acceptance_rows": "moved rows",
    "acceptance_collapsed": "accepted collapsed moves",
}
"""Accepted fractions and their words; the first two have a column in any table."""


def table_by_temperature(ladder: Sequence[tuple[float, Dataset]], warnings: Sequence[int]) -> Markup:
    """Energy, errors, acceptance and number of warnings at each temperature."""
    rows, counted = [], [name for n, name in enumerate(ACCEPTED) if n < 2 or any(name in ds for _, ds in ladder)]
    for (T, ds), n in zip(ladder, warnings, strict=True):
        cut = measured_part(ds)
        rates = [_mean_rate(cut, name) for name in counted]
        rows.append([f"{T:.4g}", f"{float(ds['beta']):.4g}", *end_values(cut).values(), *rates, n])
    errors = [words for name, words in _ERRORS.items() if name in ds]
    head = ["T", "β", "energy per gap", *errors, *(ACCEPTED[name] for name in counted), "warnings"]
    return table("Hosts at the last measured time, coldest first; means over samples and layers.", head, rows)


def _mean_rate(cut: Dataset, name: str) -> str:
    if name not in cut or not cut.sizes["time"]:
        return "–"
    rates = cut[name].isel(time=-1).values
    return percent(float(rates[np.isfinite(rates)].mean())) if np.isfinite(rates).any() else "–"
