"""Site-updates per second and core of the Monte Carlo sweeps.

A site-update is one proposal, of a weight or of a spin; an element-update is a proposal times the gaps that it
touches (M for a weight, the neurons that it feeds for a spin). One chunk of replicas runs at a time; the time is
that of the processor, which on several cores is no shorter for being shared. Every rate is the median of several
blocks after one that compiles.

    python experiments/benchmarks.py [--json FILE] [--seconds 2] [--only 0 3]
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np

import glassnet as gn
from glassnet.core import keys
from glassnet.core.schedule import Schedule
from glassnet.dynamics.kernel import Drive
from glassnet.simulation import compiled
from glassnet.simulation.job import Job
from glassnet.simulation.parallel import lanes
from glassnet.simulation.run import initial

UNIFORM = [(1, 4, 64, 64), (1, 4, 64, 512), (64, 4, 64, 512), (16, 10, 16, 512), (1, 4, 256, 512), (1, 10, 256, 4096)]
"""Replicas, depth, width, patterns: Gaussian weights, all layers equally wide."""

BETA = 3.0


def cases() -> list[tuple[str, int, gn.Machine, int, str]]:
    """Name, replicas, machine, patterns, dynamics."""
    uniform = [
        (f"R={R} L={L} N={N} M={M}", R, gn.Machine(L, N, weights="gaussian"), M, "metropolis") for R, L, N, M in UNIFORM
    ]
    ragged = {w: gn.Machine(10, 20, inputs=784, outputs=2, weights=w) for w in ("gaussian", "spherical", "ising")}
    return [
        *uniform,
        *((f"R=16 784-20-..-2 L=10 M=200 {w}", 16, machine, 200, "metropolis") for w, machine in ragged.items()),
        ("R=1 L=4 N=256 c=32 M=512", 1, gn.Machine(4, 256, connectivity=32, weights="gaussian"), 512, "metropolis"),
        ("R=16 L=10 N=20 M=200 heat bath", 16, gn.Machine(10, 20, weights="gaussian"), 200, "heat_bath"),
    ]


def measure(replicas: int, machine: gn.Machine, patterns: int, dynamics: str, seconds: float) -> dict[str, float]:
    """Rates of one case; the replicas run in chunks as in a simulation."""
    job = Job(
        machine, (gn.tasks.random(machine, patterns),), (Schedule.quench(BETA),), gn.Protocol(samples=1), dynamics
    )
    ways = lanes(machine, patterns, dynamics, "cpu")
    chunk = min(ways.chunk or replicas, replicas)
    ways = replace(ways, chunk=chunk)
    run = compiled.advancing(machine, dynamics, ways, True)
    state = jax.tree.map(lambda x: np.repeat(x, chunk, axis=0), initial(job))
    root = jax.vmap(lambda r: keys.address(keys.root(0), r))(np.arange(chunk))
    drive = Drive(
        jax.tree.map(lambda x: np.repeat(x, chunk, axis=0), job.paths()),
        np.zeros(chunk, np.int32),
        np.float32(0.1),
        job.boundary([0]),
    )
    begun = time.perf_counter()
    state, _ = jax.block_until_ready(run(root, state, drive, 0, 1))
    compile_seconds = time.perf_counter() - begun
    per_sweep = np.median(_sweep_seconds(run, root, state, drive, seconds)) / chunk
    sites, elements = work(machine, patterns)
    return {
        "chunk": chunk,
        "compile_s": compile_seconds,
        "sweep_ms": 1e3 * per_sweep,
        "site_updates_per_s": sites / per_sweep,
        "element_updates_per_s": elements / per_sweep,
    }


def _sweep_seconds(run, root, state, drive, seconds: float) -> list[float]:
    """Processor seconds of one sweep of the chunk, several times over."""
    now, block, times = 1, 1, []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        begun = time.process_time()
        state, _ = jax.block_until_ready(run(root, state, drive, now, now + block))
        spent = time.process_time() - begun
        times.append(spent / block)
        now, block = now + block, max(1, int(seconds / 8 / max(spent / block, 1e-6)))
    return times[1:]


def work(machine: gn.Machine, patterns: int) -> tuple[int, int]:
    """Proposals of one sweep, and proposals times gaps touched."""
    weights = sum(n * c for n, c in zip(machine.widths[1:], machine.fan_in, strict=True))
    fed = [min(c, n) for n, c in zip(machine.widths[2:], machine.fan_in[1:], strict=True)]
    spins = [machine.width * patterns] * (machine.depth - 1)
    touched = sum(s * f for s, f in zip(spins, fed, strict=True))
    return weights + sum(spins), weights * patterns + touched


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the table to this file")
    parser.add_argument("--seconds", type=float, default=2.0, help="measure each case for so long")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the cases to run")
    options = parser.parse_args()
    table = {}
    print(f"{'case':36s} {'chunk':>5s} {'compile s':>9s} {'sweep ms':>9s} {'M sites/s':>9s} {'G elem/s':>8s}")
    for number, (name, *case) in enumerate(cases()):
        if options.only and number not in options.only:
            continue
        row = table[name] = measure(*case, options.seconds)
        sites, elements = row["site_updates_per_s"] / 1e6, row["element_updates_per_s"] / 1e9
        print(
            f"{name:36s} {row['chunk']:5d} {row['compile_s']:9.1f} {row['sweep_ms']:9.3f} {sites:9.1f} {elements:8.2f}",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
