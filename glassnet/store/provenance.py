"""Where a result comes from: versions, device, time, commit."""

import hashlib
import json
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax

from glassnet.simulation.parallel import sweep_path

PACKAGES = ("glassnet", "jax", "jaxlib", "numpy", "scipy", "xarray")


def provenance() -> dict[str, str]:
    """Attributes of a result that say where it was made: versions, device, commit, time of start (UTC)."""
    devices = jax.local_devices()
    return {
        "versions": json.dumps(versions()),
        "device": f"{len(devices)} x {devices[0].platform} ({devices[0].device_kind})",
        "platform": platform.platform(),
        "sweeps": sweep_path(),
        "git_commit": git_commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


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
        done = subprocess.run(["git", *arguments], cwd=source, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def canonical(config: dict[str, Any]) -> str:
    """JSON with sorted keys and no spaces; equal configs give equal text."""
    return json.dumps(config, sort_keys=True, separators=(",", ":"), default=lambda value: value.item())


def config_hash(config: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON of a config."""
    return hashlib.sha256(canonical(config).encode()).hexdigest()
