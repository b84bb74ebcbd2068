"""Tables and figure of what `device.py` has found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from glassnet.bench import table
from glassnet.bench.table import Column, number, word

Row = Mapping[str, Any]

CHECKS: Sequence[Column] = (
    ("check", word("check")),
    ("kernels", number("kernels", ".0f")),
    ("replica-sweeps", number("replica_sweeps", ".0f")),
    ("identical", number("identical", ".0f")),
    ("ties", number("ties", ".0f")),
    ("wrong", number("wrong", ".0f")),
    ("z", number("z", ".1f")),
    ("energy", number("energy", ".5f")),
    ("theory", number("theory", ".5f")),
    ("agrees", lambda row: "yes" if row["agrees"] else "NO"),
)
SPEED: Sequence[Column] = (
    ("case", word("case")),
    ("fused, M sites/s", number("fused.site_updates_per_s", ".1f", 1e6)),
    ("G couplings/s", number("fused.couplings_per_s", ".2f", 1e9)),
    ("sweep ms", number("fused.sweep_ms", ".3f")),
    ("scan, M sites/s", number("scan.site_updates_per_s", ".1f", 1e6)),
    ("fused / scan", number("fused_over_scan", ".2f")),
    ("2 cores, M sites/s", number("cores.site_updates_per_s", ".1f", 1e6)),
    ("fused / 2 cores", number("fused_over_cores", ".1f")),
)
PROFILE: Sequence[Column] = (
    ("sites", word("sites")),
    ("layers", word("layers")),
    ("N", word("N")),
    ("M", word("M")),
    ("kernel ms", number("kernel_ms", ".3f")),
    ("with layout", number("fused_ms", ".3f")),
    ("scan ms", number("scan_ms", ".3f")),
    ("G couplings/s", number("kernel_couplings_per_s", ".2f", 1e9)),
    ("of memory", number("memory_share", ".1%")),
    ("of arithmetic", number("compute_share", ".1%")),
)
LEGEND = """\
Sites: proposals, of a weight or a spin; couplings: those that a proposal touches, M for a weight, those to the neurons
above for a spin (as many as gaps: element-updates). Fused, scan: all replicas in one call; fused: kernels of our own,
scan: XLA's; 2 cores: at most 16 replicas on two cores of the same machine. Each sweep of the checks begins where the
scan on the CPU has arrived; a tie: the sweep comes out otherwise in the scan, too, once pre-activations move by
rounding. Of memory, of arithmetic: bytes and operations, counted in the kernel, over its time and the card's limits
(datasheet, or as measured where the card is unknown); a multiply-add is rare here, so one operation is one instruction.
"""


def markdown(results: Mapping[str, Any]) -> str:
    """All tables, whatever is there."""
    steps = results["steps"]
    rows = {name: step["rows"] for name, step in steps.items()}
    dry = " A dry run: tiny sizes, interpreted kernels; its rates mean nothing." if results["dry_run"] else ""
    lines = ["# First light on an accelerator\n", f"Made by `{results['command']}`.{dry}\n"]
    lines += [f"- {line}" for row in rows.get("device", []) for line in surroundings(row)]
    lines += [f"- {name}: {step['state']}, {step['seconds']:.0f} s" for name, step in steps.items()]
    lines += ["", LEGEND]
    if rows.get("correct"):
        lines += ["## The same numbers\n", table.markdown(CHECKS, rows["correct"])]
        lines += [f"- {row['check']}: {row['error']}" for row in rows["correct"] if "error" in row]
    if rows.get("speed"):
        lines += ["## Speed\n", table.markdown(SPEED, speeds(rows))]
        lines += [f"- {row['case']}, {name}: {row[name]['error']}" for row, name in failures(rows["speed"])]
    if len(rows.get("profile", [])) > 1:
        (limits, *kernels) = rows["profile"]
        lines += ["## Profile\n", table.markdown(PROFILE, kernels), *in_words(limits)]
    for row in rows.get("killed", []):
        verdict = "the same bits" if row["agrees"] else f"NOT the same: {', '.join(row['unlike'])}"
        lines += ["## A run that was killed\n", f"{row['run']} ({row['sweeps']}): {verdict} in {row['variables']}.\n"]
    if rows.get("demo"):
        lines += ["## The demonstration\n"]
    for row in rows.get("demo", []):
        cut = "all" if row["sweeps"] == row["of"] else f"{row['sweeps']} of {row['of']}"
        lines += [f"{row['dynamics']}, {cut} sweeps, {row['seconds']:.1f} s ({row['path']}):\n", "```"]
        lines += [row["headline"], "```\n"]
    return "\n".join(lines) + "\n"


def surroundings(row: Row) -> list[str]:
    """Where it was made."""
    versions = ", ".join(f"{name} {version}" for name, version in row["versions"].items())
    memory = "unknown" if row["memory_bytes"] is None else f"{row['memory_bytes'] / 2**30:.0f} GiB"
    return [
        f"device: {row['devices']} x {row['kind']}, {memory}; fused kernels: {row['fused']}",
        f"processor: {row['processor']}, {row['cores']} cores",
        f"versions: {versions}; {row['backend']}; commit {row['git_commit']}",
    ]


def speeds(rows: Mapping[str, Sequence[Row]]) -> list[dict]:
    """Rows of speed with those of two cores beside them."""
    beside = {row["case"]: row for row in rows.get("cores", [])}
    found = []
    for row in rows["speed"]:
        other = beside.get(row["case"])
        joined = dict(row) if other is None else dict(row) | {"cores": other}
        if other and "site_updates_per_s" in row["fused"]:
            joined["fused_over_cores"] = row["fused"]["site_updates_per_s"] / other["site_updates_per_s"]
        found.append(joined)
    return found


def failures(rows: Sequence[Row]) -> list[tuple[Row, str]]:
    """What could not be timed."""
    return [(row, name) for row in rows for name in ("fused", "scan") if "error" in row[name]]


def in_words(limits: Row) -> list[str]:
    """The card's limits."""
    said = []
    for name in ("known", "measured"):
        if limits[name]:
            memory, arithmetic = limits[name]
            said.append(f"{name}: {memory / 1e9:.0f} GB/s, {arithmetic / 1e12:.1f} TFLOP/s")
    return [f"Limits of {limits['card']}: {'; '.join(said)}.\n"]


def draw(results: Mapping[str, Any], folder: Path) -> None:
    """Couplings a second by size, as device.png and device.pdf."""
    import numpy as np
    from matplotlib.figure import Figure  # alone: what `glassnet.plot` needs may be missing there

    rows = speeds({name: step["rows"] for name, step in results["steps"].items()})
    kinds = {"fused": "fused kernels", "scan": "scan of XLA", "cores": "two CPU cores"}
    figure = Figure(figsize=(9.0, 4.0), layout="constrained")
    ax, place = figure.subplots(), np.arange(len(rows))
    for n, (name, label) in enumerate(kinds.items()):
        values = [row.get(name, {}).get("couplings_per_s", np.nan) for row in rows]
        ax.bar(place + 0.27 * (n - 1), values, 0.25, label=label)
    ax.set_yscale("log")
    ax.set_ylabel("couplings a second")
    ax.set_xticks(place, labels=[row["case"].replace(" ", "\n") for row in rows])
    ax.minorticks_off()
    ax.legend(loc="upper right")
    for kind in ("png", "pdf"):
        figure.savefig(folder / f"device.{kind}", dpi=200)
