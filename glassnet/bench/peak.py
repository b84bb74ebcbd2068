"""The most memory that a run in a folder needs, beside the checkpoint that it keeps."""

import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from glassnet import tasks
from glassnet.bench.cases import BETA
from glassnet.bench.memory import peak_growth
from glassnet.core import memory
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.state import state_bytes
from glassnet.simulation.protocol import Protocol
from glassnet.simulator import simulate

SIZES = ((3, 2048, 8, 4), (4, 256, 40_000, 2))
"""Depth, width, patterns, clones of one host: mostly weights, and in the second mostly spins and pre-activations."""


def run_peaks(sizes: Iterable[tuple[int, int, int, int]] = SIZES) -> Iterator[dict[str, Any]]:
    """A row for each size: bytes of the last checkpoint of a short run, the most that its process needed, and what is
    said of it beforehand, when it is asked whether there is so much.

    Each runs in a process of its own, which has run a tiny machine before: what is loaded does not count, what is
    compiled for this machine does. Checkpoints are written after every block of sweeps.
    """
    for size in sizes:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            checkpoint, peak = process.submit(_measured, *size).result()
        depth, width, patterns, clones = size
        configurations = (clones + 1) * state_bytes(Machine(depth, width, ensemble="gaussian"), patterns)
        yield {
            "case": f"L={depth} N={width} M={patterns}, {clones} clones",
            "checkpoint_bytes": checkpoint,
            "said_bytes": memory.needed(configurations),
            "peak_bytes": peak,
            "peak_ratio": None if peak is None else peak / checkpoint,
        }


def _measured(depth: int, width: int, patterns: int, clones: int) -> tuple[int, int | None]:
    """Bytes of the last checkpoint, and by how many the process grew at most."""
    protocol = Protocol(sweeps=2, waiting_times=(1,), clones=clones, samples=1)

    def run(machine: Machine, folder: Path) -> None:
        data = tasks.random(machine, patterns)
        simulate(machine, data, BETA, protocol=protocol, folder=folder, checkpoint_every=0)

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        run(Machine(depth, 8, ensemble="gaussian"), Path(place) / "tiny")
        machine = Machine(depth, width, ensemble="gaussian")
        peak = peak_growth(lambda: machine, lambda _: run(machine, folder))
        return max(file.stat().st_size for file in folder.rglob("*.npz")), peak
