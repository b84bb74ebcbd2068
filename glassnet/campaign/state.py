"""One run of a campaign, seen from outside: its state, how far it is, the command that carries it out."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from glassnet.config import RunConfig, read_config
from glassnet.core.check import is_number
from glassnet.simulation.protocol import Protocol
from glassnet.store import live
from glassnet.store.folder import RESULTS, RunFolder, holds_run, log, status

STATES = ("absent", "running", "stopped", "failed", "interrupted", "complete", "queued", "unreadable")
"""Where a run may stand: as `glassnet.store.folder.status` says, waiting as a job, or damaged."""

SAID = "glassnet: error: "
"""How the line begins that a command leaves behind when it fails."""

GLASSNET = (sys.executable, "-P", "-m", "glassnet")
"""How to start a command of glassnet; -P: what lies in the folder where the user happens to be is not imported."""

PROMPT = "$ "
"""What stands in front of a command in the file that keeps what it prints."""


def state_of(folder: Path, config: RunConfig) -> tuple[str, float]:
    """Where a run stands, one of `STATES` but "queued", and the part of its sweeps that is done.

    Args:
        folder: folder of the run.
        config: what it is to become: a complete run with fewer sweeps than that is "stopped".
    """
    if damage(folder):
        return "unreadable", fraction_done(folder, "unreadable")
    now = status(folder)
    done = fraction_done(folder, now)
    if not holds_run(folder):
        return now, done
    protocol = RunFolder(folder).config["protocol"]
    if protocol["sweeps"] < config.protocol.sweeps:
        now = "stopped" if now == "complete" else now
        done *= _work(replace(config.protocol, sweeps=protocol["sweeps"])) / _work(config.protocol)
    return now, done


def _work(protocol: Protocol) -> int:
    """Sweeps of the host and the clones of a sample."""
    return protocol.last_host_sweep + len(protocol.waiting_times) * protocol.clones * protocol.sweeps


def fraction_done(folder: Path, state: str) -> float:
    """Part of the sweeps of a run that is done, as of its last checkpoint, in [0, 1]; NaN if not known.

    Args:
        folder: folder of the run.
        state: the state that it is in.
    """
    if state == "complete":
        return 1.0
    if not holds_run(folder):
        return 0.0
    progress: Any = live.attributes(folder / RESULTS).get("progress")
    if is_number(progress) and 0 <= progress <= 1:
        return float(progress)
    known = [event["done"] / event["total"] for event in log(folder) if "done" in event]
    return known[-1] if known else float("nan")


def damage(folder: Path) -> str:
    """What is wrong with the configuration in the folder of a run; "" if nothing is, or there is none."""
    try:
        RunFolder(folder)
    except FileNotFoundError:
        return ""
    except ValueError as error:
        return str(error)
    return ""


def doomed(folder: Path) -> bool:
    """Whether a run stopped being finite: going on, it makes the same moves and fails again."""
    end = _failure(folder)
    return end is not None and end.get("error") == FloatingPointError.__name__


def command(folder: Path, config_file: Path, *, time_limit: float | None) -> list[str]:
    """The command that starts the run, or goes on with what is there, to as many sweeps as its configuration has.

    Args:
        folder: folder of the run.
        config_file: its configuration.
        time_limit: seconds after which it is to write a checkpoint and stop; none if None.
    """
    limit = [] if time_limit is None else ["--time-limit", f"{max(1, round(time_limit))}s"]
    start = ["run", "--config", str(config_file), "--output", str(folder)]
    verb = start
    if holds_run(folder):
        verb = ["resume", str(folder), "--sweeps", str(read_config(config_file).protocol.sweeps)]
    return [*GLASSNET, *verb, *limit, "--quiet"]


def last_error(folder: Path, log_file: Path) -> str:
    """Why a run failed: a damaged configuration, what its log says, or the last error that its last command printed.

    "" if that is not known.
    """
    broken = damage(folder)
    if broken:
        return broken
    end = _failure(folder)
    if end is not None:
        return str(end.get("reason", ""))
    if not log_file.exists():
        return ""
    text = log_file.read_text(encoding="utf-8", errors="replace")
    _, prompt, printed = f"\n{text}".rpartition(f"\n{PROMPT}")
    lines = [line.strip() for line in printed.splitlines()][1 if prompt else 0 :]  # below the last command
    own = [line for line in lines if line.startswith(SAID)]  # XLA keeps a log there, too
    return next((line for line in reversed(own or lines) if line), "").removeprefix(SAID)


def _failure(folder: Path) -> dict[str, Any] | None:
    """The event that ended a run which has failed."""
    if status(folder) != "failed":
        return None
    return next(event for event in reversed(log(folder)) if event["event"] == "failed")
