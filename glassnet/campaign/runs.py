"""One run of a campaign, seen from outside: its state, how far it is, the command that carries it out."""

import json
import sys
from pathlib import Path

STOPPED = 75
"""Exit status of a command that stopped before the end, to be gone on with."""

STATES = ("absent", "running", "stopped", "failed", "interrupted", "complete")
"""What `state` may say. `failed`: stopped being finite; `interrupted`: its process died without saying so."""


def state(folder: Path) -> str:
    """The state of a run, one of `STATES`."""
    events = [entry["event"] for entry in _log(folder)]
    if not (folder / "config.json").exists():
        return "absent"
    return next((e for e in reversed(events) if e in ("complete", "failed", "stopped")), "interrupted")


def fraction_done(folder: Path) -> float:
    """Sweeps done over all sweeps of a run, in [0, 1]; NaN where the log of the run does not say."""
    now = state(folder)
    if now in ("absent", "complete"):
        return float(now == "complete")
    known = [entry for entry in _log(folder) if entry.get("event") == "checkpoint" and entry.get("total")]
    return known[-1]["done"] / known[-1]["total"] if known else float("nan")


def command(folder: Path, config_file: Path, *, time_limit: float | None) -> list[str]:
    """The command that starts the run, or goes on with what is there.

    Args:
        folder: folder of the run.
        config_file: its configuration, for the start.
        time_limit: seconds after which it is to write a checkpoint and stop; none if None.
    """
    limit = [] if time_limit is None else ["--time-limit", f"{max(1, round(time_limit))}s"]
    start = ["run", "--config", str(config_file), "--output", str(folder)]
    verb = start if state(folder) == "absent" else ["resume", str(folder)]
    return [sys.executable, "-m", "glassnet", *verb, *limit, "--quiet"]


def last_error(log_file: Path) -> str:
    """The last line that a run has printed, without the name of the program; "" if there is none."""
    if not log_file.exists():
        return ""
    lines = [line.strip() for line in log_file.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line.removeprefix("glassnet: error: ") for line in reversed(lines) if line), "")


def _log(folder: Path) -> list[dict]:
    try:
        return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    except OSError:
        return []
