"""Memory that a run needs and that there is: asked before anything is made."""

import os
from pathlib import Path

import jax

UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def in_words(size: float) -> str:
    """A number of bytes with two digits at least: 7.3 TB, 24 GB, 640 B."""
    place = 0
    while size >= 1000 and place < len(UNITS) - 1:
        size, place = size / 1000, place + 1
    return f"{size:.2g} {UNITS[place]}" if size < 100 else f"{size:.0f} {UNITS[place]}"


def devices() -> list[jax.Device]:
    """Devices of this process.

    Raises:
        ValueError: if there is none of those that the environment asks for.
    """
    try:
        return jax.local_devices()
    except (RuntimeError, AssertionError) as error:  # the second where JAX has not even a plugin for them
        wish = jax.config.values["jax_platforms"]
        raise ValueError(f"Argument JAX_PLATFORMS must name devices that are here, but is {wish!r}. {error}") from error


def free() -> int | None:
    """Bytes that this process may still take: of the accelerators if there are any, else of the machine, swap included.

    None where the system does not tell.
    """
    here = devices()
    if here[0].platform == "cpu":
        known = [size for size in (_of_machine(), _of_group()) if size is not None]
        return min(known, default=None)
    found = [device.memory_stats() for device in here]
    if not all(stats and "bytes_limit" in stats for stats in found):
        return None
    return sum(stats["bytes_limit"] - stats.get("bytes_in_use", 0) for stats in found if stats)


PEAK = 1.5
"""Most that a run of large machines needs at a time, in bytes of its configurations: `glassnet bench --only memory`."""


def needed(configurations: int, data: int = 0) -> int:
    """Bytes that a run needs at least.

    Args:
        configurations: bytes of all that are held at once, `Protocol.replicas`.
        data: bytes of its data.
    """
    return data + int(PEAK * configurations)


def check(configurations: int, data: int = 0) -> None:
    """Raise ValueError if a run needs more memory than there is; arguments as of `needed`."""
    there, most = free(), needed(configurations, data)
    if there is not None and most > there:
        what = "fewer neurons, patterns, samples, temperatures, waiting times or clones would need less"
        raise ValueError(f"The run needs at least {in_words(most)} of memory, but {in_words(there)} are free: {what}.")


def _of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        sizes = {line.split(":")[0]: 1024 * int(line.split()[1]) for line in lines if line.endswith(" kB")}
        return sizes["MemAvailable"] + sizes["SwapFree"]
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _of_group() -> int | None:
    """What the control group of a container or of a job of a cluster still allows."""
    try:
        mine = Path("/proc/self/cgroup").read_text(encoding="ascii").strip().rpartition("::")[2]
    except OSError:
        return None
    for folder in dict.fromkeys((Path(f"/sys/fs/cgroup{mine}"), Path("/sys/fs/cgroup"))):
        try:
            return int((folder / "memory.max").read_text()) - int((folder / "memory.current").read_text())
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return None
