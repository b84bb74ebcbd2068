"""glassnet run: simulate a machine and write a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from glassnet.cli.parse import first_look, named_kind, parse, plain_name
from glassnet.cli.progress import progress_bar
from glassnet.config import TASKS, DigitsTask, RunConfig, TaskConfig, read_config
from glassnet.model.describe import POTENTIALS
from glassnet.model.machine import Machine
from glassnet.output import checked_output


@dataclass(frozen=True)
class Options:
    """Simulate a machine and write a dataset (netCDF).

    Hosts run from sweep 0 and are cloned at the waiting times; clones run on, and are compared with the host
    at the waiting time and with each other. Options override the file given by --config. Options of the data
    and of the potential depend on their kinds: `glassnet run --task random --machine.potential counting --help`.

    Args:
        run: the run.
        output: dataset to be written, a name that ends in .nc.
        config: JSON file with a configuration; `glassnet info --config RUN.nc` prints that of a run.
        task_kind: data that clamp inputs and outputs: random, teacher_student, hidden_manifold or digits.
        potential_kind: potential v(r) of a gap r: soft_core ((-r)^power where r < 0), hard_core (infinite where
            r < 0) or counting (constant where r < 0).
        keep_configurations: write the last configurations of all clones, too.
        overwrite: replace the output if it exists.
        quiet: no progress bar, nothing printed but errors.
    """

    run: Annotated[RunConfig, tyro.conf.arg(name="")]
    output: Path
    config: Path | None = None
    task_kind: Annotated[str, tyro.conf.arg(name="task", metavar="KIND")] = "digits"
    potential_kind: Annotated[str, tyro.conf.arg(name="machine.potential", metavar="KIND")] = "soft_core"
    keep_configurations: bool = False
    overwrite: bool = False
    quiet: bool = False


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parsed(arguments)
    output = checked_output(options.output, (".nc",), overwrite=options.overwrite)
    build = options.run.build()

    from glassnet.simulator import simulate
    from glassnet.store.files import save

    with progress_bar(quiet=options.quiet) as report:
        ds = simulate(**build, keep_configurations=options.keep_configurations, report=report)
    save(ds.assign_attrs(run_config=options.run.to_json(), run_config_hash=options.run.config_hash), output)
    if not options.quiet:
        print(f"wrote {output}\nsee   glassnet info {output}\n      glassnet plot {output}")


def parsed(arguments: Sequence[str]) -> Options:
    """The options of the command."""
    start = starting_point(arguments)
    kinds = start.task.kind, plain_name(type(start.machine.potential).__name__)
    default = Options(start, tyro.MISSING, None, *kinds)
    return parse(Options, arguments, "run", default)


def starting_point(arguments: Sequence[str]) -> RunConfig:
    """The configuration that the options override: a file's or the default, with the kinds asked for."""
    chosen = first_look(arguments, "run", config="--config", task="--task", potential="--machine.potential")
    config = read_config(chosen.config) if chosen.config else None
    task = named_kind(TASKS, "task", chosen.task)
    potential = named_kind(POTENTIALS, "machine.potential", chosen.potential)
    config = config or default_config(task or DigitsTask)
    if task is not None and not isinstance(config.task, task):
        config = replace(config, task=task())
    if potential is not None and not isinstance(config.machine.potential, potential):
        config = replace(config, machine=replace(config.machine, potential=potential()))
    return config


def default_config(task: type[TaskConfig]) -> RunConfig:
    """The configuration with nothing said but the kind of data."""
    inputs, outputs = (784, 2) if task is DigitsTask else (None, None)
    return RunConfig(Machine(depth=10, width=20, inputs=inputs, outputs=outputs), task())
