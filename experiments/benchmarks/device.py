"""First light on an accelerator: what is there, whether its numbers are right, how fast it is, and what limits it.

    python experiments/benchmarks/device.py --output-dir results/device        # six minutes at most
    python experiments/benchmarks/device.py --dry-run --output-dir FOLDER      # on a CPU, tiny, kernels interpreted

It needs an environment with a JAX that sees the device, and this checkout; steps whose packages are missing fail alone.
Each step is a process of its own, which is ended when its time is over. What it has said by then is in device.json,
written anew after every row; at the end come device.md, device.png and device.pdf.

a device: versions, device, memory. b correct: spins counted beside exact sums; fused kernels beside the scan on the
CPU, the same seeds, sweep by sweep; the energy of a liquid. c speed, cores: site-updates, element-updates and couplings
a second by fused kernels, by the scan, and on two CPU cores. d killed: a run in a folder, killed and gone on with. e
demo: the run of `make demo`, and the same machine under Metropolis. f profile: share of the card's limits.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

MINUTES = 6.0
SHARES = {"device": 15, "correct": 90, "speed": 90, "profile": 35, "killed": 50, "demo": 40, "cores": 35}
"""Steps in their order, and their shares of the time; what one leaves is had by the next."""

WRITING = 0.03
"""Share of the time that is kept for the last files."""

MARK = "row "
"""How a line of a step begins that is one of its rows."""

Results = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0 if there is a device and nothing that was checked is wrong."""
    options = parsed(arguments)
    if options.step:
        return say(options)
    folder = options.output_dir
    folder.mkdir(parents=True, exist_ok=True)
    programs = tempfile.mkdtemp(prefix="glassnet-programs-")
    command = " ".join(["python experiments/benchmarks/device.py", *(sys.argv[1:] if arguments is None else arguments)])
    begun = time.monotonic()
    results: Results = {"command": command, "minutes": options.minutes, "dry_run": options.dry_run, "steps": {}}
    try:
        for name, end in ends(options.only, 60 * options.minutes).items():
            step = results["steps"][name] = {"state": "begun", "rows": []}
            run_step(name, step, begun + end, options, programs, lambda: write_json(results, folder))
            print(f"{name}: {step['state']}, {step['seconds']:.0f} s", flush=True)
            if name == "device" and not options.dry_run and none_there(step):
                print(f"No accelerator: {none_there(step)}. `--dry-run` runs on a CPU.", flush=True)
                return 1
    finally:
        shutil.rmtree(programs, ignore_errors=True)
    results["seconds"] = time.monotonic() - begun
    write_json(results, folder)
    write_report(results, folder)
    wrong = [row.get("check", row.get("run")) for row in checks(results) if not row["agrees"]]
    print(f"wrong: {', '.join(wrong)}" if wrong else "Nothing that was checked is wrong.")
    print(f"{folder / 'device.md'}: {results['seconds']:.0f} s in all")
    return 1 if wrong else 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options of the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--output-dir", type=Path, default=Path("results/device"), help="where the files go")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="when it has ended at the latest")
    parser.add_argument("--dry-run", action="store_true", help="tiny sizes on the CPU, kernels interpreted")
    parser.add_argument("--only", nargs="+", choices=list(SHARES), default=list(SHARES), help="steps; default: all")
    parser.add_argument("--step", choices=list(SHARES), help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if not options.minutes > 0:
        parser.error(f"argument --minutes must be positive, but is {options.minutes}")
    return options


def ends(names: Sequence[str], seconds: float) -> dict[str, float]:
    """Seconds from the start at which each step has ended at the latest, in the order of `SHARES`."""
    chosen = {name: share for name, share in SHARES.items() if name in {"device", *names}}
    whole, passed, found = sum(chosen.values()), 0.0, {}
    for name, share in chosen.items():
        passed += share
        found[name] = (1 - WRITING) * seconds * passed / whole
    return found


def none_there(step: Mapping[str, Any]) -> str | None:
    """Why there is no accelerator, in words; None if there is one."""
    if not step["rows"]:
        return step.get("error") or step["state"]
    row = step["rows"][0]
    return f"JAX {row['versions']['jax']} sees {row['kind']} only" if row["platform"] == "cpu" else None


def run_step(name: str, step: dict, end: float, options: argparse.Namespace, programs: str, keep: Any) -> None:
    """A step in a process of its own, until time `end`; its rows go into `step` as they come."""
    begun = time.monotonic()
    seconds = max(end - begun, 0.1)
    command = [sys.executable, __file__, "--step", name, "--seconds", f"{seconds:.1f}"]
    command += ["--dry-run"] if options.dry_run else []
    env = {key: value for key, value in os.environ.items() if key != "GLASSNET_FUSED"}
    env |= {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [env.get("PYTHONPATH")])]), "PYTHONUNBUFFERED": "1"}
    env.setdefault("JAX_COMPILATION_CACHE_DIR", programs)
    env.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
    if options.dry_run:
        env |= {"JAX_PLATFORMS": "cpu"}
    elif "cpu" not in env.get("JAX_PLATFORMS", "cpu"):
        env["JAX_PLATFORMS"] += ",cpu"  # what kernels are compared with runs there
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=env, start_new_session=True
        )
        reader = threading.Thread(target=collect, args=(process, step["rows"], keep))
        reader.start()
        try:
            process.wait(seconds)
            step["state"] = "complete" if process.returncode == 0 else f"failed with {process.returncode}"
        except subprocess.TimeoutExpired:
            step["state"] = "out of time"
        finally:
            end_group(process)
            reader.join(5)
            process.stdout.close()
        errors.seek(0)
        text = errors.read()
    if step["state"] != "complete":
        step["error"] = text[-3000:]
    step["seconds"] = time.monotonic() - begun
    keep()


def end_group(process: subprocess.Popen) -> None:
    """End a step and what it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def collect(process: subprocess.Popen, rows: list, keep: Any) -> None:
    """Rows that a step says, until it ends."""
    for line in process.stdout:
        if line.startswith(MARK):
            rows.append(json.loads(line[len(MARK) :]))
            keep()
        print(line.rstrip()[:300], flush=True)


def say(options: argparse.Namespace) -> int:
    """Make one step and say its rows."""
    import device_steps as steps

    sizes = steps.TINY if options.dry_run else steps.FULL
    setting = steps.Setting(sizes, time.monotonic() + options.seconds, options.dry_run)
    for row in steps.STEPS[options.step](setting):
        print(MARK + json.dumps(row), flush=True)
    return 0


def write_json(results: Results, folder: Path) -> None:
    """All that is known, whole or not at all."""
    part = folder / "device.json.part"
    part.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    part.replace(folder / "device.json")


def checks(results: Results) -> list[dict]:
    """Rows that say whether something agrees."""
    return [row for step in results["steps"].values() for row in step["rows"] if "agrees" in row]


def write_report(results: Results, folder: Path) -> None:
    """The tables and, if rates were measured, their figure."""
    import device_report

    (folder / "device.md").write_text(device_report.markdown(results), encoding="utf-8")
    if results["steps"].get("speed", {}).get("rows"):
        try:
            device_report.draw(results, folder)
        except ImportError as error:
            print(f"No figure: {error}.")


if __name__ == "__main__":
    sys.exit(main())
