"""Where a result comes from: versions, device, time, commit."""

import json
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import jax

from glassnet.core import memory
from glassnet.native import library
from glassnet.sampling.plan import plan_for
from glassnet.sampling.system import System

UNKNOWN = "no native kernel for this system or potential"

PACKAGES = ("glassnet", "jax", "jaxlib", "numpy", "scipy", "xarray")


def provenance(system: System | None = None) -> dict[str, str]:
    """Attributes of a result that say where it was made: versions, device, commit, time of start (UTC).

    Args:
        system: what runs; native and fused kernels are named only if they know it.
    """
    devices = memory.devices()
    return {
        "versions": json.dumps(versions()),
        "device": f"{len(devices)} x {devices[0].platform} ({devices[0].device_kind})",
        "platform": platform.platform(),
        "sweeps": sweep_path(native=system is None or system.native, fused=system is None or system.fused),
        "git_commit": git_commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def sweep_path(platform: str | None = None, *, native: bool = True, fused: bool = True) -> str:
    """What carries out the sweeps on a platform, and why, in words.

    Args:
        platform: JAX platform; the default one if None.
        native: whether native kernels know what runs.
        fused: whether fused kernels do.
    """
    platform = platform or jax.default_backend()
    if platform == "cpu":
        known = native or not library.available()
        return library.status() if known else f"compiled scan; {UNKNOWN}"
    return (
        f"{'fused kernel' if fused and plan_for(platform).fused else 'compiled scan'} over the whole batch ({platform})"
    )


def versions() -> dict[str, str]:
    """Versions of Python, glassnet and what it computes with."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@cache
def git_commit() -> str:
    """Commit of the source tree that glassnet was imported from, "+" if it has changes; "none" outside one."""
    source = Path(__file__).resolve().parents[2]
    if not (source / ".git").exists():
        return "none"
    commit = _git(source, "rev-parse", "HEAD")
    changed = _git(source, "status", "--porcelain", "--untracked-files=no", "--", "glassnet")
    return (commit or "none") + ("+" if changed else "")


def _git(source: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=source,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
