"""Several processes that share a run: the border to `jax.distributed`."""

import os

import jax

from glassnet.core.check import fail, integer

PATIENCE = 30 * 24 * 3600
"""Seconds that a process which is done waits for the others: shares may differ in length."""

ENVIRONMENT = {
    "coordinator": "JAX_COORDINATOR_ADDRESS",
    "processes": "JAX_NUM_PROCESSES",
    "process": "JAX_PROCESS_ID",
}
"""Environment variables that stand in for arguments."""


def initialize(coordinator: str | None = None, processes: int | None = None, process: int | None = None) -> None:
    """Join a group of processes that share each run; `jax.distributed.initialize` with arguments from where they are.

    Call it once, before anything else of JAX or glassnet computes. From then on `gn.simulate` runs the share of this
    process on the devices of this process and returns one part. The processes exchange nothing while they compute.

    What is not given is taken from the environment variables JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and
    JAX_PROCESS_ID, and then from SLURM, Open MPI, Kubernetes or Cloud TPU, as JAX detects them. Under SLURM and Open
    MPI a process takes the one GPU that has its local rank, unless JAX_LOCAL_DEVICE_IDS ("0,1,2,3") says otherwise.

    Args:
        coordinator: address "host:port" of process 0, the same for all.
        processes: number of processes.
        process: number of this process, from 0.
    Raises:
        ValueError: if an argument is out of range, or neither given nor found.
        RuntimeError: if JAX has computed before or the group exists already. A process whose coordinator does not
            come within five minutes is aborted by JAX.
    """
    coordinator = coordinator or os.environ.get(ENVIRONMENT["coordinator"])
    processes = _number("processes", processes, 1)
    process = _number("process", process, 0)
    if processes is not None and process is not None and process >= processes:
        raise fail("process", f"be below the number of processes, {processes}", process)
    if coordinator is not None and ":" not in coordinator:
        raise fail("coordinator", "be an address 'host:port'", coordinator)
    try:
        jax.distributed.initialize(coordinator, processes, process, shutdown_timeout_seconds=PATIENCE)
    except ValueError as error:
        where = f"be given, here or in {', '.join(ENVIRONMENT.values())}, outside SLURM and Open MPI"
        raise fail("coordinator, processes, process", where, (coordinator, processes, process)) from error


def _number(name: str, value: int | None, minimum: int) -> int | None:
    """An argument or, if it is None, the number in its environment variable; None without one."""
    text = os.environ.get(ENVIRONMENT[name])
    if value is None and text is not None:
        if not text.isdecimal():
            raise fail(ENVIRONMENT[name], f"be an integer of at least {minimum}", text)
        value = int(text)
    if value is not None:
        integer(minimum, **{name: value})
    return value
