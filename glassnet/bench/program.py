"""The sweeps of a case as a simulation runs them, made ready to be timed."""

import time
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from glassnet import tasks
from glassnet.bench.cases import BETA, WEIGHT_STEP, Case, state_bytes
from glassnet.bench.memory import peak_growth
from glassnet.core import keys
from glassnet.core.schedule import Schedule
from glassnet.perceptron.system import Perceptron
from glassnet.sampling.kernel import REFRESH, Drive
from glassnet.simulation import compiled
from glassnet.simulation.job import Job
from glassnet.simulation.parallel import Batch, for_chunks, placed, split
from glassnet.simulation.protocol import Protocol

LARGE = 2**25
"""Bytes of a configuration whose memory goes back to the system when it is freed, so that it can be seen."""


class Program:
    """Replicas of a case, in chunks.

    Args:
        case: what to run.
        native: whether native kernels may be used.
    Attributes:
        compile_seconds: time to trace and compile the loop over sweeps.
        chunks: the states.
        placement: how they run.
    """

    def __init__(self, case: Case, *, native: bool = True) -> None:
        self.case, self.now = case, 0
        job = _job(case)
        whole = placed(job.system, job.system.work(job.tasks), native=native)
        self.placement = whole if whole.chunk is None else replace(whole, chunk=min(whole.chunk, case.replicas))
        self.keys = split(self.placement, jax.vmap(lambda r: keys.address(keys.root(0), r))(np.arange(case.replicas)))
        self.states = self._start()
        size = self.states.chunks[0].spins.shape[0]
        paths = jax.tree.map(lambda x: jnp.repeat(x, size, axis=0), job.paths())
        drive = Drive(paths, jnp.zeros(size, jnp.int32), {"weight_step": jnp.float32(WEIGHT_STEP)}, job.clamped([0]))
        self.drives = Batch([drive] * len(self.states.chunks), case.replicas)
        begun = time.perf_counter()
        self._run = self._compiled()
        self.compile_seconds = time.perf_counter() - begun

    def _start(self) -> Batch:
        job = _job(self.case)
        whole = job.initial(compiled.randomise(job.system))
        return split(self.placement, jax.tree.map(lambda x: jnp.repeat(x, self.case.replicas, axis=0), whole))

    def _compiled(self) -> Any:
        run: Any = compiled.advancing(_job(self.case).system, self.placement, True)
        bounds = np.int32(0), np.int32(1)
        return run.lower(self.keys.chunks[0], self.states.chunks[0], self.drives.chunks[0], *bounds).compile()

    def sweep(self, count: int) -> None:
        """`count` sweeps of every replica, one chunk after another."""
        bounds = np.int32(self.now), np.int32(self.now + count)
        for n, (key, drive) in enumerate(zip(self.keys.chunks, self.drives.chunks, strict=True)):
            state, _ = self._run(key, self.states.chunks[n], drive, *bounds)
            self.states.chunks[n] = jax.block_until_ready(state)
        self.now += count

    def sweep_on_all_cores(self, count: int) -> None:
        """`count` sweeps of every replica, chunks in parallel as in a simulation."""
        run = compiled.advancing(_job(self.case).system, self.placement, True)
        bounds = np.int32(self.now), np.int32(self.now + count)
        both = for_chunks(self.placement, run, self.keys, self.states, self.drives, then=bounds)
        self.states = Batch([state for state, _ in both.chunks], both.size)
        self.now += count

    def memory(self) -> dict[str, float | None]:
        """Bytes of a chunk of configurations, and the most that a call holds as multiples of that.

        `memory_ratio` is by the plan of the compiled program, `resident_ratio` what the process was seen to need for
        all replicas; None where the configurations are too small to tell.
        """
        needed = state_bytes(self.case.machine, self.case.patterns)
        chunk = self.states.chunks[0].spins.shape[0] * needed
        plan = self._run.memory_analysis()
        held = plan.argument_size_in_bytes + plan.output_size_in_bytes - plan.alias_size_in_bytes
        ratio = (held + plan.temp_size_in_bytes) / chunk
        return {"state_bytes": needed, "memory_ratio": ratio, "resident_ratio": self._resident(needed)}

    def _resident(self, needed: int) -> float | None:
        """Memory that the process needs to hold and sweep all replicas, over that of their configurations."""
        if needed < LARGE:
            return None
        self.states = Batch([], 0)

        def make() -> None:
            self.states = self._start()
            self.states.chunks = jax.block_until_ready(jax.tree.map(jnp.asarray, self.states.chunks))

        self.now = REFRESH - 2
        grown = peak_growth(make, lambda _: self.sweep(3))
        return None if grown is None else grown / (needed * self.case.replicas)


def _job(case: Case) -> Job:
    task = tasks.random(case.machine, case.patterns)
    system = Perceptron(case.machine, case.dynamics)
    return Job(system, (task,), Schedule.quench(BETA), Protocol(samples=1), {"weight_step": WEIGHT_STEP})
