"""glassnet sweep: a grid of runs."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Annotated

import tyro

from glassnet.campaign.cluster import CLUSTERS, executor, read_options
from glassnet.campaign.folder import Campaign, campaign, held, write
from glassnet.campaign.grid import read_grid
from glassnet.campaign.jobs import in_queue, submit, wait
from glassnet.campaign.processes import Outcome, carry_out, stop_on_signals
from glassnet.campaign.standing import Standing, check_new, in_states, standings, table, to_do
from glassnet.campaign.state import last_error
from glassnet.cli.parse import parse, time_left
from glassnet.cli.tell import tell, warn
from glassnet.core.check import fail, integer, one_of
from glassnet.core.stopping import STOPPED
from glassnet.store.folder import status

FAILED = ("failed", "unreadable")
"""States of runs that are listed as failed at the end."""

STOPPING = "stopping: the runs at work write their checkpoints; a second signal ends them at once"


@dataclass(frozen=True)
class SweepOptions:
    """Carry out a grid of runs, each in a folder of its own.

    The file holds a table [run], with the fields of a configuration (as `glassnet info --config` prints them), and a
    table [grid] of lists: alpha, N, L, M, c, beta, seed or any field, as in "protocol.sweeps" = [100, 1000]. The
    same command again goes on: complete runs are skipped, stopped ones resumed, new values in the grid add runs, and
    more sweeps in [run] make all runs longer.
    If a run fails, or the configuration in its folder is damaged, the others continue; failures are listed at the
    end. A run that stopped being finite is not tried again unless asked to, one that was killed is.
    `gn.open_campaign(FOLDER)` opens the grid as one Dataset.

    Exit status: 0 all runs are complete; 1 some failed; 75 stopped by SIGTERM, SIGINT or the time limit after the runs
    wrote their checkpoints, or runs are at work elsewhere: give the command again; 2 bad arguments or files;
    130 interrupted a second time, at once.

    Args:
        file: the campaign, a TOML file.
        output: folder of the campaign; the name of the file without .toml if None.
        jobs: runs side by side, each with its share of the cores, and of the GPUs that CUDA_VISIBLE_DEVICES names.
        time_limit: stop all runs in time, with checkpoints, so that the command takes no longer than this: 3h50m, 90s.
        retry_failed: try again runs that stopped being finite.
        dry_run: say which runs there are and where they stand, and start none.
        cluster: submit each run as a job to this cluster by submitit, with the options in the table [cluster], and
            return: slurm, or local (processes of this machine, to try it out).
        wait: with --cluster, return when all jobs have ended.
        quiet: print nothing but errors.
    """

    file: Annotated[Path, tyro.conf.Positional]
    output: Path | None = None
    jobs: int = 1
    time_limit: Annotated[str | None, tyro.conf.arg(metavar="DURATION")] = None
    retry_failed: bool = False
    dry_run: bool = False
    cluster: str | None = None
    wait: bool = False
    quiet: bool = False


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parse(SweepOptions, arguments, "sweep")
    limit = checked_limit(options)
    folder = (options.output or options.file.with_suffix("")).resolve()
    made = campaign(folder, read_grid(options.file))
    found = standings(made)
    check_new(found)
    if options.dry_run:
        tell("\n".join(table(found)))
        return
    work = submit_all if options.cluster else run_all
    with held(folder):
        exit_status = work(options, made, limit)
    if exit_status:
        raise SystemExit(exit_status)


def checked_limit(options: SweepOptions) -> float | None:
    """Seconds that the runs may take, None for no limit.

    Raises:
        ValueError: if an option is out of range or does not go with another.
    """
    integer(1, jobs=options.jobs)
    if options.cluster is None:
        if options.wait:
            raise fail("wait", "be given with --cluster", True)
    else:
        one_of(CLUSTERS, cluster=options.cluster)
        for name, value, default in (("jobs", options.jobs, 1), ("time_limit", options.time_limit, None)):
            if value != default:
                raise fail(name, "not be given with --cluster, whose jobs have options of their own", value)
    return time_left(options.time_limit)


def run_all(options: SweepOptions, made: Campaign, limit: float | None) -> int:
    """Carry out runs as processes of this machine; returns the exit status."""
    deadline = None if limit is None else time.monotonic() + limit
    found = standings(made)
    tasks = to_do(made, found, retry_failed=options.retry_failed)
    say = (lambda *words: None) if options.quiet else tell
    write(made)
    say(headline(made, found, len(tasks)))
    with stop_on_signals(partial(say, STOPPING)) as stop:
        report = partial(ended, say, count(1), len(tasks))
        outcomes = carry_out(tasks, jobs=options.jobs, deadline=deadline, stop=stop, report=report)
    bad = [o for o in outcomes if o.status not in (0, STOPPED) and not (stop.signals and o.status < 0)]
    broken = {outcome.task.name: outcome.words for outcome in bad}
    return close(say, made, broken)


def submit_all(options: SweepOptions, made: Campaign, limit: float | None) -> int:
    """Submit runs as jobs, wait for them if asked to; returns the exit status."""
    settings = read_options(made.grid.cluster)
    submitter = executor(made.folder, options.cluster or "", settings)
    found = standings(made)
    tasks = to_do(made, found, retry_failed=options.retry_failed)
    say = (lambda *words: None) if options.quiet else tell
    write(made)
    say(headline(made, found, len(tasks)))
    jobs = submit(submitter, made.folder, tasks, settings) if tasks else {}
    for name, job in jobs.items():
        say(f"{name}  job {job.job_id}")
    if not options.wait:
        say(f"see   glassnet sweep {options.file} --dry-run")
        return 0
    jobs = in_queue(made.folder) | jobs
    for number, name in enumerate(wait(jobs), start=1):
        say(f"[{number}/{len(jobs)}] {name}  {status(made.folder / name)}")
    return close(say, made, {})


def headline(made: Campaign, found: Sequence[Standing], tasks: int) -> str:
    """How many runs there are in which states, and how many are carried out now."""
    return f"{made.folder}: {in_states(found)}, {tasks} to do"


def ended(say: Callable[[str], None], numbers: Iterator[int], total: int, outcome: Outcome) -> None:
    """Say how a run ended."""
    say(f"[{next(numbers)}/{total}] {outcome.task.name}  {outcome.words}, {outcome.seconds:.0f} s")


def close(say: Callable[[str], None], made: Campaign, broken: Mapping[str, str]) -> int:
    """Say where the campaign stands, list failures on stderr; returns the exit status.

    Args:
        say: prints a line.
        made: the campaign.
        broken: how the commands of runs ended that failed, by name.
    """
    found = standings(made)
    failed = [one.point for one in found if one.state in FAILED or one.point.name in broken]
    left = sum(one.state != "complete" and one.point not in failed for one in found)
    say(f"{sum(one.state == 'complete' for one in found)} of {len(found)} runs are complete")
    if failed:
        warn(f"{len(failed)} of {len(found)} runs failed:")
    for point in failed:
        log = made.log_file(point)
        why = last_error(made.run_folder(point), log) or broken.get(point.name, "without a word")
        warn(f"  {point.name}: {why} (see {log})")
    if left:
        say(f"{left} are left: give the command again")
    return STOPPED if left else int(bool(failed))
