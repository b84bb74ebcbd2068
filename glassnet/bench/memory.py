"""Memory of this process."""

import gc
from collections.abc import Callable
from pathlib import Path


def peak_growth(make: Callable[[], object], use: Callable[[object], object]) -> int | None:
    """Bytes that this process needs at most to hold and use something, beyond what it has now.

    Args:
        make: makes it; what that needs in passing does not count.
        use: uses it.
    Returns:
        None where the system does not tell.
    """
    gc.collect()
    before = _status("VmRSS")
    made = make()
    gc.collect()
    if before is None or not _forget_peak():
        return None
    use(made)
    peak = _status("VmHWM")
    return None if peak is None else peak - before


def _status(name: str) -> int | None:
    """A line of /proc/self/status, in bytes."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), None)


def _forget_peak() -> bool:
    """Start the peak of resident memory anew."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True
