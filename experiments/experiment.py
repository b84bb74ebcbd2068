"""What experiments share: the command line, runs that go on where they stopped, verdicts, and writing a result.

A script states its claims in its docstring and then reads like a section of a paper: sizes, runs, analysis, verdicts,
figure. It hands its runs (arguments of `glassnet.simulate` by name) to `Experiment.simulate` and what it found to
`Experiment.finish`.
"""

import argparse
import json
import math
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.cli.progress import progress_bar
from glassnet.core.check import one_of
from glassnet.distill import gradient
from glassnet.output import writable_folder, write_figure, write_text
from glassnet.store.provenance import provenance

matplotlib.use("Agg")

SCALES = ("smoke", "desk", "paper")
"""Seconds, for a test; minutes to an hour on two cores; sizes for an accelerator."""
ROOT = Path(__file__).resolve().parent.parent
Arguments = dict[str, Any]
"""Arguments of `glassnet.simulate`."""


class Verdict(StrEnum):
    """What a measurement says about a claim."""

    SEEN = "SEEN"
    NOT_SEEN = "NOT SEEN"
    CONTRADICTED = "CONTRADICTED"
    INCONCLUSIVE = "INCONCLUSIVE"
    BEATS = "BEATS"
    LOSES = "LOSES"


TEST_BEFORE_DATA = {
    "yes": "claims, test and sizes were committed before the data were made",
    "changed": "they were, and something was changed after data had been seen; the docstring says what",
    "no": "the data were made before the script was first committed",
}
"""Answers to whether the test was chosen before the data; each script gives one, which goes into its summary."""

SIGMA = 3.0
"""Standard errors at which an effect counts."""


def judge(effect: float, error: float, resolution: float | None = None) -> Verdict:
    """Verdict on a claim that `effect` is positive.

    Args:
        effect: measured effect, positive if the claim holds.
        error: its standard error.
        resolution: size below which an effect would not be what the claim means; None if any size counts.
    Returns:
        SEEN above three standard errors, CONTRADICTED below minus three. Between them NOT SEEN, if even
        effect + 3 error is below the resolution, and INCONCLUSIVE otherwise or where effect or error are not numbers.
    """
    if not (math.isfinite(effect) and math.isfinite(error) and error > 0):
        return Verdict.INCONCLUSIVE
    if effect > SIGMA * error:
        return Verdict.SEEN
    if effect < -SIGMA * error:
        return Verdict.CONTRADICTED
    resolved = resolution is not None and effect + SIGMA * error < resolution
    return Verdict.NOT_SEEN if resolved else Verdict.INCONCLUSIVE


DUEL = {Verdict.SEEN: Verdict.BEATS, Verdict.CONTRADICTED: Verdict.LOSES}
"""What becomes of verdicts where one thing is tried against another; INCONCLUSIVE else."""


def paired(first: xr.DataArray, second: xr.DataArray, along: str = "seed") -> tuple[float, float]:
    """Mean of first - second over pairs with its standard error; NaN where there are not two pairs."""
    x = (first - second).values.astype(float)
    x = x[np.isfinite(x)]
    return (float(x.mean()), float(x.std(ddof=1) / len(x) ** 0.5)) if len(x) > 1 else (math.nan, math.nan)


def weakest(effects: Any, errors: Any) -> tuple[float, float]:
    """The effect, with its error, that lies least far above zero in units of its error: the test of "all are".

    NaN where one of them is not a number, or there are none.
    """
    x, e = np.ravel(np.asarray(effects, dtype=float)), np.ravel(np.asarray(errors, dtype=float))
    if not x.size or not (np.isfinite(x) & np.isfinite(e) & (e > 0)).all():
        return math.nan, math.nan
    n = int(np.argmin(x / e))
    return float(x[n]), float(e[n])


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim and what became of it.

    Args:
        text: the claim, one sentence.
        source: whose claim.
        test: what was compared, one sentence.
        effect: the number that is positive if the claim holds.
        error: its standard error.
        resolution: as for `judge`.
        numbers: further numbers that belong to it.
        spoilt: why the test says nothing, such as a control that failed; the verdict is then INCONCLUSIVE.
        duel: whether one thing is tried against another, paired and on equal budgets: BEATS, LOSES or INCONCLUSIVE.
    """

    text: str
    source: str
    test: str
    effect: float
    error: float
    resolution: float | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)
    spoilt: str = ""
    duel: bool = False

    @property
    def verdict(self) -> Verdict:
        """What the effect says."""
        found = Verdict.INCONCLUSIVE if self.spoilt else judge(self.effect, self.error, self.resolution)
        return DUEL.get(found, Verdict.INCONCLUSIVE) if self.duel else found

    def to_json(self) -> dict[str, Any]:
        """Everything, and the verdict."""
        return {
            "claim": self.text,
            "source": self.source,
            "verdict": str(self.verdict),
            "test": self.test,
            "effect": self.effect,
            "error": self.error,
            "resolution": self.resolution,
            "spoilt": self.spoilt,
            "numbers": dict(self.numbers),
            **({"duel": True} if self.duel else {}),
        }


class Experiment:
    """One script on its way from the command line to results/NAME.

    Args:
        script: `__file__` of the script; its name is that of the experiment.
        description: docstring of the script.
        sizes: what the script needs for each scale, by its name.
        arguments: the command line; that of the process if None.
        test_before_data: whether the test was chosen before the data, a key of `TEST_BEFORE_DATA`.
    """

    def __init__(
        self,
        script: str,
        description: str | None,
        sizes: Mapping[str, Any],
        arguments: Sequence[str] | None = None,
        *,
        test_before_data: str,
    ) -> None:
        self.name = Path(script).stem
        one_of(tuple(TEST_BEFORE_DATA), test_before_data=test_before_data)
        self._test_before_data = test_before_data
        formatter = argparse.RawDescriptionHelpFormatter
        parser = argparse.ArgumentParser(description=description, formatter_class=formatter)
        parser.add_argument("--scale", choices=[s for s in SCALES if s in sizes], default="smoke")
        parser.add_argument("--output-dir", type=Path, help="results/NAME for desk, results/NAME/SCALE otherwise")
        parser.add_argument("--runs-dir", type=Path, help="where runs are kept and go on; runs/NAME/SCALE if left out")
        parser.add_argument("--cost", action="store_true", help="print the runs and what they cost, start nothing")
        parser.add_argument("--quiet", action="store_true", help="no progress")
        given = parser.parse_args(arguments)
        self.scale: str = given.scale
        self.sizes = sizes[given.scale]
        self.quiet: bool = given.quiet
        self._cost: bool = given.cost
        results = ROOT / "results" / self.name
        folder = given.output_dir or (results if given.scale == "desk" else results / given.scale)
        self.folder = folder.absolute()
        self.runs = (given.runs_dir or ROOT / "runs" / self.name / given.scale).absolute()
        self._begun = time.perf_counter()
        self._done: dict[str, Any] = {}

    def simulate(self, runs: Mapping[str, Arguments]) -> dict[str, xr.Dataset]:
        """Results of the runs, each carried out in a folder of its own, or read from there if it is complete.

        Stops the process here if the costs alone were asked for.
        """
        if self._cost:
            print(cost_table(runs))
            sys.exit(0)
        writable_folder(self.folder)
        return {name: self._one(name, arguments) for name, arguments in runs.items()}

    def _one(self, name: str, arguments: Arguments) -> xr.Dataset:
        self._tell(name)
        self.runs.mkdir(parents=True, exist_ok=True)
        with progress_bar(quiet=self.quiet) as report:
            task = arguments["task"]
            task = tuple(task) if isinstance(task, Sequence) else task
            ds = gn.simulate(**arguments | {"task": task}, folder=self.runs / name, report=report)
        kept = ("config_hash", "seed", "device", "sweeps", "git_commit", "started", "run_seconds")
        self._done[name] = {k: ds.attrs[k] for k in kept if k in ds.attrs} | {"proposals": proposals(arguments)}
        return ds

    def teach(self, ladders: Mapping[str, Arguments]) -> dict[str, xr.Dataset]:
        """Ladders of networks (arguments of `gradient.ladder` by name), each in a folder of its own, as `simulate`."""
        costs = {name: sum(gradient.cost(**arguments).values()) for name, arguments in ladders.items()}
        if self._cost:
            print(
                "\n".join(
                    f"{name}: {n:.2e} multiplications, {n / 3.6e14:.2g} hours at 1e11/s" for name, n in costs.items()
                )
            )
            sys.exit(0)
        writable_folder(self.folder)
        self.runs.mkdir(parents=True, exist_ok=True)
        found = {}
        for name, arguments in ladders.items():
            ds = gradient.ladder(**arguments, folder=self.runs / name, report=self._tell)
            kept = ("config_hash", "seed", "device", "git_commit", "started", "run_seconds")
            self._done[name] = {k: ds.attrs[k] for k in kept} | {"multiplications": costs[name]}
            found[name] = ds
        return found

    def _tell(self, line: str) -> None:
        if not self.quiet:
            print(f"{datetime.now():%H:%M:%S} {line}", file=sys.stderr, flush=True)

    def train(self, chains: Mapping[str, tuple[Any, Arguments]]) -> dict[str, xr.Dataset]:
        """Results of chains of machines (`glassnet.distill.Chain`) with their arguments of `run`, as `simulate`."""
        if self._cost:
            cost = {name: chain_proposals(*chain) for name, chain in chains.items()}
            print(cost_lines(cost))
            sys.exit(0)
        writable_folder(self.folder)
        return {name: self._trained(name, *chain) for name, chain in chains.items()}

    def _trained(self, name: str, chain: Any, arguments: Arguments) -> xr.Dataset:
        if not self.quiet:
            print(f"{datetime.now():%H:%M:%S} {name}", file=sys.stderr, flush=True)
        self.runs.mkdir(parents=True, exist_ok=True)
        begun = time.perf_counter()
        ds = chain.run(**arguments, folder=self.runs / name)
        self._done[name] = {
            "config_hash": ds.attrs["config_hash"],
            "config": json.loads(ds.attrs["config"]),
            "run_seconds": round(time.perf_counter() - begun, 1),
            "proposals": chain_proposals(chain, arguments),
        }
        return ds

    def finish(self, figure: Figure, claims: Sequence[Claim], data: xr.Dataset, **numbers: Any) -> None:
        """Write figure.png, figure.pdf, summary.json and data.nc, and print the verdicts.

        At the scale smoke, which tests that a script runs, there are none: its lags of tens of sweeps say nothing.

        Args:
            figure: the figure.
            claims: what was tested.
            data: what is drawn, small; its attributes are replaced by the provenance.
            numbers: further results for the summary.
        """
        folder, judged = writable_folder(self.folder), self.scale != "smoke"
        about = {
            "experiment": self.name,
            "scale": self.scale,
            "command": shlex.join(["python", f"experiments/{self.name}.py", "--scale", self.scale]),
            **provenance(),
        }
        about["versions"] = json.loads(about["versions"])
        summary = {
            **about,
            "test_before_data": self._test_before_data,
            "claims": [claim.to_json() | ({} if judged else {"verdict": None}) for claim in claims],
            **numbers,
            "run_seconds": round(sum(float(run["run_seconds"]) for run in self._done.values()), 1),
            "seconds_of_this_call": round(time.perf_counter() - self._begun, 1),
            "runs": self._done,
        }
        text = json.dumps(plain(summary), indent=1, allow_nan=False) + "\n"
        write_figure(figure, folder / "figure.png")
        write_figure(figure, folder / "figure.pdf")
        attrs = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in about.items()}
        gn.save(xr.Dataset(data.data_vars, data.coords, attrs), folder / "data.nc", overwrite=True)
        write_text(text, folder / "summary.json")
        for claim in claims:
            known = math.isfinite(claim.effect) and math.isfinite(claim.error)
            found = f"{claim.effect:.3g} +- {claim.error:.2g}" if known else "not measured"
            print(f"{claim.verdict if judged else 'no verdict':<13} {claim.text} ({found}: {claim.test})")
        print(os.path.relpath(folder))


def plain(value: Any) -> Any:
    """JSON values: labelled arrays with their coordinates, six digits, None for what is not finite."""
    if isinstance(value, xr.Dataset):
        return {str(name): plain(x) for name, x in value.data_vars.items()}
    if isinstance(value, xr.DataArray):
        if not value.ndim:
            return plain(value.item())
        first = str(value.dims[0])
        labels = value[first].values if first in value.coords else range(value.sizes[first])
        words = [label if isinstance(label, str) else f"{label:g}" for label in labels]
        return {f"{first}={word}": plain(value.isel({first: n})) for n, word in enumerate(words)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def proposals(arguments: Arguments) -> int:
    """Proposals (of a weight or a spin) that a run makes."""
    machine, protocol = arguments["machine"], arguments["protocol"]
    task = arguments["task"]
    patterns = (task[0] if isinstance(task, Sequence) else task).patterns
    weights = sum(n * c for n, c in zip(machine.widths[1:], machine.connections, strict=True))
    sites = weights + patterns * sum(machine.widths[1:-1])
    beta = arguments.get("beta", arguments.get("temperature"))
    rungs = len(beta) if isinstance(beta, (list, tuple)) else 1
    clones = len(protocol.waiting_times) * protocol.clones * protocol.sweeps
    return sites * protocol.samples * rungs * (protocol.last_host_sweep + clones)


RATE = 1e8
"""Proposals a second for which times are quoted: two CPU cores at widths of 20 to 60 (`glassnet bench`)."""


def cost_table(runs: Mapping[str, Arguments]) -> str:
    """Proposals of each run, and their time at 10^8 a second."""
    return cost_lines({name: proposals(arguments) for name, arguments in runs.items()})


def chain_proposals(chain: Any, arguments: Arguments) -> int:
    """Proposals of a weight that a chain makes whose neurons follow, the control of its student included."""
    protocol, beta = arguments["protocol"], arguments["beta"]
    sweeps = protocol.last_host_sweep + len(protocol.waiting_times) * protocol.clones * protocol.sweeps
    sweeps *= arguments["seeds"] * (len(beta) if isinstance(beta, (list, tuple)) else 1)
    nodes = [(node.machine, node.share) for node in chain.nodes]
    if arguments.get("control", True) and chain.kind != "none":
        nodes.append((chain.nodes[-1].machine, 1.0))
    weights = [sum(n * c for n, c in zip(m.widths[1:], m.connections, strict=True)) * share for m, share in nodes]
    return round(sum(weights) * sweeps)


def cost_lines(cost: Mapping[str, int]) -> str:
    """A table of proposals, and their time at 10^8 a second."""
    width = max([len(name) for name in cost] + [5])
    lines = [f"{'run':<{width}} proposals   hours at 1e8/s"]
    everything = {**cost, "total": sum(cost.values())}
    return "\n".join(lines + [f"{name:<{width}} {n:9.2e}   {n / RATE / 3600:.3g}" for name, n in everything.items()])


@dataclass(frozen=True)
class Tasks(Sequence):
    """Independent data for each sample, made when they are asked for."""

    make: Callable[[int], Any]
    samples: int

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, n: Any) -> Any:
        if not 0 <= n < self.samples:
            raise IndexError(n)
        return self.make(n)


def tasks(make: Callable[..., Any], machine: gn.Machine, *, samples: int, seed: int, **options: Any) -> Tasks:
    """Independent data for each sample: `make(machine, seed=..., **options)`."""
    return Tasks(lambda n: make(machine, seed=seed + n, **options), samples)


def students(
    machine: gn.Machine, *, patterns: int, test_patterns: int, sweeps: int, samples: int, points: int = 5
) -> Arguments:
    """A run of students of a teacher of their own architecture, followed from sweep 0 on; independent data.

    Heat bath, one clone; `points` a decade. What is left to say: beta and start.
    """
    options = {"samples": samples, "seed": 1000, "patterns": patterns, "test_patterns": test_patterns}
    return {
        "machine": machine,
        "task": tasks(gn.tasks.teacher_student, machine, **options),
        "protocol": gn.Protocol(sweeps=sweeps, waiting_times=(0,), clones=1, samples=samples, points_per_decade=points),
        "dynamics": "heat_bath",
        "seed": 1,
    }


def means(parts: Mapping[Any, xr.DataArray]) -> xr.Dataset:
    """NAME_mean and NAME_error over samples of each part, by `glassnet.analysis.mean_and_error`."""
    found = {name: gn.analysis.mean_and_error(part) for name, part in parts.items()}
    return xr.Dataset({f"{name}_{k}": pair[k] for name, pair in found.items() for k in ("mean", "error")})


def along_runs(parts: Iterable[xr.Dataset], **labels: Sequence[Any]) -> xr.Dataset:
    """All runs along a dim `run`, labels as its coordinates; NaN in layers and at lags that a run has not."""
    data = xr.concat(list(parts), "run", join="outer", coords="minimal")
    return data.assign_coords({name: ("run", list(values)) for name, values in labels.items()})


def runs_with(data: xr.Dataset, along: str, **labels: Any) -> xr.Dataset:
    """The runs that have these labels, with the dim `along` instead of `run`."""
    chosen = np.logical_and.reduce([data[name].values == value for name, value in labels.items()])
    return data.isel(run=chosen).swap_dims(run=along)
