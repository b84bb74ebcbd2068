"""glassnet run: simulate a machine and write a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from glassnet.cli.parse import first_look, named_kind, parse, plain_name
from glassnet.cli.progress import progress_bar
from glassnet.config import TASKS, DigitsTask, RunConfig, TaskConfig, read_config
from glassnet.core.check import fail
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
        distributed: share the run with other processes, found through SLURM, Open MPI or the environment variables
            JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID. Each writes a part of its own, RUN.nc ->
            RUN.part-0-of-2.nc; `glassnet info`, `plot` and `join` take the name RUN.nc.
        part: run one part alone, say 0 4 for the first of four, without other processes.
        overwrite: replace the output if it exists.
        quiet: no progress bar, nothing printed but errors.
    """

    run: Annotated[RunConfig, tyro.conf.arg(name="")]
    output: Path
    config: Path | None = None
    task_kind: Annotated[str, tyro.conf.arg(name="task", metavar="KIND")] = "digits"
    potential_kind: Annotated[str, tyro.conf.arg(name="machine.potential", metavar="KIND")] = "soft_core"
    keep_configurations: bool = False
    distributed: bool = False
    part: tuple[int, int] | None = None
    overwrite: bool = False
    quiet: bool = False


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parsed(arguments)
    part, parts = place(options)
    output = checked_output(options.output, (".nc",), overwrite=options.overwrite)
    check_part(output, part, parts, overwrite=options.overwrite)
    build = options.run.build()

    from glassnet.simulator import simulate
    from glassnet.store.files import save

    with progress_bar(quiet=options.quiet or part > 0) as report:
        ds = simulate(**build, keep_configurations=options.keep_configurations, part=(part, parts), report=report)
    if parts > 1:
        output.unlink(missing_ok=True)  # a whole result, to be replaced, would hide the parts
    written = save(ds.assign_attrs(run_config=options.run.to_json(), run_config_hash=options.run.config_hash), output)
    if not options.quiet:
        hint = f"\nsee   glassnet info {output}\n      glassnet plot {output}" if part == 0 else ""
        print(f"wrote {written}{hint}")


def place(options: Options) -> tuple[int, int]:
    """Number of the part of the run that this process computes, and number of parts.

    Raises:
        ValueError: if two ways to say so are given, or the group of processes is not known.
    """
    if not options.distributed:
        return options.part or (0, 1)
    if options.part is not None:
        raise fail("part", "not be given with --distributed", options.part)

    import jax

    from glassnet.distributed import initialize

    initialize()
    return jax.process_index(), jax.process_count()


def check_part(output: Path, part: int, parts: int, *, overwrite: bool) -> None:
    """Check that a part of `output` can be written, beside no parts of another run.

    Raises:
        ValueError: if it exists and is not to be replaced, or `output` has parts in another number.
    """
    if parts == 1:
        return

    from glassnet.store.parts import part_path, parts_beside

    mine = checked_output(part_path(output, part, parts), (".nc",), overwrite=overwrite)
    others = {part_path(output, n, parts) for n in range(parts)}
    strange = [file.name for file in parts_beside(output) if file not in others]
    if strange:
        raise ValueError(
            f"Argument `output` must have no other parts beside {mine.name}, but has {', '.join(strange)}."
        )


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
