"""glassnet run: simulate a machine, into a folder that survives stops or into one file."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from glassnet.cli.parse import first_look, named_kind, parse, plain_name, time_left
from glassnet.cli.progress import progress_bar
from glassnet.cli.tell import tell
from glassnet.config import TASKS, DigitsTask, RunConfig, read_config
from glassnet.config.command import default_config
from glassnet.config.read import MACHINES
from glassnet.core.check import fail
from glassnet.core.stopping import interrupted_at_once
from glassnet.output import checked_output
from glassnet.perceptron.describe import POTENTIALS
from glassnet.perceptron.machine import Machine
from glassnet.thermal.machine import KIND, ThermalMachine


@dataclass(frozen=True)
class RunOptions:
    """Simulate a machine, into a folder with checkpoints or into one dataset (netCDF).

    Hosts run from sweep 0 and are cloned at the waiting times; clones run on, and are compared with the host
    at the waiting time and with each other. Options override the file given by --config. Options of the data
    and of the potential depend on their kinds: `glassnet run --task random --machine.potential counting --help`.

    Args:
        run: the run.
        output: a new folder, which holds configuration, results, checkpoints and a log; results can be opened while
            the run goes on, and `glassnet resume` continues a run that was stopped. Or a name that ends in .nc: one
            dataset, written at the end, without checkpoints.
        config: JSON file with a configuration: config.json of a run's folder, or what `glassnet info --config RUN`
            prints.
        task_kind: data that clamp inputs and outputs: random, teacher_student, hidden_manifold or digits.
        machine_kind: perceptron (spins and weights by Monte Carlo) or thermal (real numbers by molecular dynamics, with
            the options --langevin.time-step and so on; its beta is 1 / T, 1e5 unless given; with --dynamics descent
            and --beta inf by gradients, --descent.rate).
        potential_kind: potential v(r) of a gap r of a perceptron: soft_core ((-r)^power where r < 0), hard_core
            (infinite where r < 0), counting (constant where r < 0), probit (-ln Phi(r / width)) or logistic
            (ln(1 + exp(-r / width))).
        keep_configurations: write the last configurations of all clones, too.
        time_limit: stop in time, with a checkpoint, so that the process takes no longer than this: 3h50m, 90s, 1d12h.
        checkpoint_every: seconds between checkpoints; as many as take 2 % of the time if None.
        distributed: share the run with other processes, found through SLURM, Open MPI or the environment variables
            JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID. Each writes a part of its own, RUN.nc ->
            RUN.part-0-of-2.nc, RUN -> RUN.part-0-of-2; `glassnet info`, `plot` and `join` take the name of the whole.
        part: run one part alone, say 0 4 for the first of four, without other processes.
        overwrite: replace the output if it exists, a folder of a run with all that is in it.
        quiet: no progress bar, nothing printed but errors.
    """

    run: Annotated[RunConfig, tyro.conf.arg(name="")]
    output: Path
    config: Path | None = None
    task_kind: Annotated[str, tyro.conf.arg(name="task", metavar="KIND")] = "digits"
    machine_kind: Annotated[str, tyro.conf.arg(name="machine", metavar="KIND")] = "perceptron"
    potential_kind: Annotated[str, tyro.conf.arg(name="machine.potential", metavar="KIND")] = "soft_core"
    keep_configurations: bool = False
    time_limit: Annotated[str | None, tyro.conf.arg(metavar="DURATION")] = None
    checkpoint_every: float | None = None
    distributed: bool = False
    part: tuple[int, int] | None = None
    overwrite: bool = False
    quiet: bool = False


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parsed(arguments)
    limit = time_left(options.time_limit)
    (into_file if options.output.suffix == ".nc" else into_folder)(options, limit)


def into_folder(options: RunOptions, limit: float | None) -> None:
    """Run in a folder."""
    output, (part, parts) = checked_folder(options.output), place(options.part, distributed=options.distributed)
    job = options.run.job(part=(part, parts), keep_configurations=options.keep_configurations)

    from glassnet import sessions
    from glassnet.store.folder import free_folder, holds_run, remove_run
    from glassnet.store.parts import part_path

    mine = output if parts == 1 else part_path(output, part, parts)
    limits = sessions.Limits(limit, options.checkpoint_every)
    if options.overwrite and holds_run(mine):
        remove_run(mine)
    free_folder(mine)
    check_parts_beside(output, mine, parts)
    tell_slow_sweeps(quiet=options.quiet)
    with interrupted_at_once(), progress_bar(quiet=options.quiet or part > 0) as report:
        sessions.start(output, job, limits, report, run=options.run.to_dict())
    if not options.quiet:
        tell(f"wrote {mine}{hint(output) if part == 0 else ''}")


def into_file(options: RunOptions, limit: float | None) -> None:
    """Run in memory and write one file at the end."""
    for name, value in (("time_limit", limit), ("checkpoint_every", options.checkpoint_every)):
        if value is not None:
            raise fail(name, "be given with a folder as output, which has checkpoints", value)
    part, parts = place(options.part, distributed=options.distributed)
    output = checked_output(options.output, (".nc",), overwrite=options.overwrite)
    check_part(output, part, parts, overwrite=options.overwrite)
    job = options.run.job(part=(part, parts), keep_configurations=options.keep_configurations)

    from glassnet.sessions import run_config_attributes
    from glassnet.simulator import in_memory
    from glassnet.store.files import save

    tell_slow_sweeps(quiet=options.quiet)
    with progress_bar(quiet=options.quiet or part > 0) as report:
        ds = in_memory(job, report)
    if parts > 1:
        output.unlink(missing_ok=True)  # a whole result, to be replaced, would hide the parts
    written = save(ds.assign_attrs(run_config_attributes(options.run.to_dict())), output, overwrite=options.overwrite)
    if not options.quiet:
        tell(f"wrote {written}{hint(output) if part == 0 else ''}")


def tell_slow_sweeps(*, quiet: bool) -> None:
    """Warn if the native kernels of a CPU are missing though nobody switched them off."""
    import jax

    from glassnet.native import library

    if not quiet and jax.default_backend() == "cpu" and library.missing() is not None:
        warnings.warn(f"sweeps take two to three times as long: {library.missing()}", RuntimeWarning, stacklevel=2)


def hint(output: Path) -> str:
    """What can be done with a result."""
    return f"\nsee   glassnet info {output}\n      glassnet plot {output}"


def checked_folder(output: Path) -> Path:
    """The name of a folder, if it does not look like that of a file.

    Raises:
        ValueError: if it does.
    """
    if output.suffix.lower() in FILES:
        raise fail("output", "end in .nc or be the name of a folder", str(output))
    return output


FILES = (".txt", ".json", ".toml", ".csv", ".npz", ".npy", ".h5", ".hdf5", ".nc4", ".cdf", ".png", ".pdf")
"""Endings that a folder of a run does not have."""


def place(part: tuple[int, int] | None, *, distributed: bool) -> tuple[int, int]:
    """Number of the part of the run that this process computes, and number of parts.

    Args:
        part: the option of that name.
        distributed: the option of that name.
    Raises:
        ValueError: if two ways to say so are given, or the group of processes is not known.
    """
    if not distributed:
        return part or (0, 1)
    if part is not None:
        raise fail("part", "not be given with --distributed", part)

    import jax

    from glassnet.distributed import initialize

    initialize()
    return jax.process_index(), jax.process_count()


def check_part(output: Path, part: int, parts: int, *, overwrite: bool) -> None:
    """Check that a part of the file `output` can be written, beside no parts of another run.

    Raises:
        ValueError: if it exists and is not to be replaced, or `output` has parts in another number.
    """
    if parts == 1:
        return

    from glassnet.store.parts import part_path

    mine = checked_output(part_path(output, part, parts), (".nc",), overwrite=overwrite)
    check_parts_beside(output, mine, parts)


def check_parts_beside(output: Path, mine: Path, parts: int) -> None:
    """Check that beside the part `mine` of `output` there are no parts of another run.

    Raises:
        ValueError: if there are parts in another number.
    """
    from glassnet.store.parts import part_path, parts_beside

    others = {part_path(output, n, parts) for n in range(parts)} if parts > 1 else set()
    strange = [file.name for file in parts_beside(output) if file not in others]
    if strange and parts > 1:
        raise ValueError(
            f"Argument `output` must have no other parts beside {mine.name}, but has {', '.join(strange)}."
        )


def parsed(arguments: Sequence[str]) -> RunOptions:
    """The options of the command."""
    start = starting_point(arguments)
    thermal = isinstance(start.machine, ThermalMachine)
    potential = "none" if thermal else plain_name(type(start.machine.potential).__name__)
    kinds = start.task.kind, KIND if thermal else "perceptron", potential
    default = RunOptions(start, tyro.MISSING, None, *kinds)
    return parse(RunOptions, arguments, "run", default)


def starting_point(arguments: Sequence[str]) -> RunConfig:
    """The configuration that the options override: a file's or the default, with the kinds asked for."""
    kinds = {"task": "--task", "machine": "--machine", "potential": "--machine.potential"}
    chosen = first_look(arguments, "run", config="--config", **kinds)
    config = read_config(chosen.config) if chosen.config else None
    task = named_kind(TASKS, "task", chosen.task)
    potential = named_kind(POTENTIALS, "machine.potential", chosen.potential)
    machine = named_kind(MACHINES, "machine", chosen.machine)
    config = config or default_config(task or DigitsTask, machine or Machine)
    if machine is not None and not isinstance(config.machine, machine):
        config = default_config(task or type(config.task), machine)
    if task is not None and not isinstance(config.task, task):
        config = replace(config, task=task())
    if isinstance(config.machine, ThermalMachine):
        if potential is not None:
            raise fail("machine.potential", "be left out with a thermal machine", chosen.potential)
    elif potential is not None and not isinstance(config.machine.potential, potential):
        config = replace(config, machine=replace(config.machine, potential=potential()))
    return config
