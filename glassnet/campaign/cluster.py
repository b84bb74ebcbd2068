"""Clusters, by submitit: options of jobs, and what submits them."""

import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from glassnet.core.check import fail, integer, one_of

CLUSTERS = ("slurm", "local")

FOLDER = "jobs"
"""Where submitit keeps its files, in the folder of a campaign."""

REQUEUES = 100
"""How often the time of a job may run out, if not said otherwise."""

MARGIN = 2.0
"""A run stops by itself so many signal delays before the end of its job: earlier than the cluster asks it to."""

RESERVED = ("nodes", "tasks_per_node", "slurm_ntasks_per_node", "slurm_nodes", "slurm_time", "slurm_signal_delay_s")
"""Options that are not free: a run is one process, and its time limit follows from `timeout_min`."""


@dataclass(frozen=True)
class ClusterOptions:
    """The table [cluster] of a campaign file.

    Args:
        timeout_min: minutes that a job may take; a run that needs longer is queued again, and goes on.
        signal_delay_s: seconds before the end of a job at which the cluster asks it to stop, enough for a checkpoint.
        requeues: how often a job may be queued again.
        others: other parameters of submitit's `AutoExecutor.update_parameters`: mem_gb, cpus_per_task, gpus_per_node,
            slurm_partition, slurm_account, slurm_array_parallelism, slurm_setup, ...
    Raises:
        ValueError: if an argument is out of range, or a parameter is one of `RESERVED`.
    """

    timeout_min: int
    signal_delay_s: int
    requeues: int
    others: dict[str, Any]

    def __post_init__(self) -> None:
        integer(1, **{"cluster.timeout_min": self.timeout_min, "cluster.signal_delay_s": self.signal_delay_s})
        integer(0, **{"cluster.requeues": self.requeues})
        if self.time_limit <= 0:
            least = MARGIN * self.signal_delay_s / 60
            raise fail("cluster.timeout_min", f"be more than {least:g}, twice signal_delay_s", self.timeout_min)
        for name in RESERVED:
            if name in self.others:
                raise fail(f"cluster.{name}", "not be given", self.others[name])

    @property
    def time_limit(self) -> float:
        """Seconds after which a run is to stop by itself."""
        return 60 * self.timeout_min - MARGIN * self.signal_delay_s


def read_options(table: dict[str, Any]) -> ClusterOptions:
    """The options in a table [cluster].

    Raises:
        ValueError: as `ClusterOptions`, or if `timeout_min` is missing.
    """
    if "timeout_min" not in table:
        raise ValueError("Argument `cluster.timeout_min` must be given, but is missing.")
    own = {"signal_delay_s": 120, "requeues": REQUEUES} | table
    named = {name: own.pop(name) for name in ("timeout_min", "signal_delay_s", "requeues")}
    return ClusterOptions(**named, others=own)


def executor(campaign_folder: Path, cluster: str, options: ClusterOptions) -> Any:
    """A submitit executor for the jobs of a campaign; makes no files.

    Raises:
        ValueError: if submitit is not installed, the cluster is not there, or it does not know a parameter.
    """
    one_of(CLUSTERS, cluster=cluster)
    submitit = engine()
    given: dict[str, Any] = {"timeout_min": options.timeout_min, "name": "glassnet", **options.others}
    if cluster == "slurm":
        more = {"requeue": True, **given.get("slurm_additional_parameters", {})}
        given |= {"slurm_signal_delay_s": options.signal_delay_s, "slurm_additional_parameters": more}
    requeues = {f"{cluster}_max_num_timeout": options.requeues}
    try:
        with warnings.catch_warnings(action="error"):
            made = submitit.AutoExecutor(campaign_folder / FOLDER, cluster=cluster, **requeues)
            made.update_parameters(**given)
    except (NameError, AssertionError, RuntimeError, TypeError, ValueError, Warning) as error:
        raise ValueError(f"Argument `cluster` must suit submitit, but: {error}") from error
    return made


def engine() -> Any:
    """The module submitit.

    Raises:
        ValueError: if it is not installed.
    """
    try:
        return import_module("submitit")
    except ImportError:
        message = "Jobs on a cluster need submitit, which is not installed: pip install 'glassnet[cluster]'."
        raise ValueError(message) from None
