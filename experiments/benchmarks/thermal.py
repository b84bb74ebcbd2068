"""How long a time step of the thermal machine takes: one and many replicas, beside PyTorch, and beside its products.

    python experiments/benchmarks/thermal.py                                   # print; a minute on an idle machine
    python experiments/benchmarks/thermal.py --torch /path/to/python           # beside autograd of a PyTorch there
    python experiments/benchmarks/thermal.py --output-dir results/benchmarks   # and write thermal.json

All on one core, in processor time, the best of several rounds: on a shared machine compare within one call. The floor
of the forces is the time of their matrix products alone, each measured by itself in the same shapes.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # before JAX counts cores

import jax
import jax.numpy as jnp
import numpy as np

import glassnet as gn
from glassnet.core import keys
from glassnet.core.schedule import Schedule
from glassnet.output import write_text
from glassnet.sampling import langevin
from glassnet.sampling.kernel import Drive, advance
from glassnet.simulation.parallel import placed
from glassnet.store.provenance import provenance
from glassnet.thermal import energy as physics
from glassnet.thermal.system import Thermal

ROUNDS = 5
CASES = {"N = 10, M = 2000": (10, 2000, 30), "N = 10, M = 600": (10, 600, 100), "N = 200, M = 4000": (200, 4000, 2)}
"""Width, patterns, and steps of a round, at depth 10 with 784 inputs and 2 outputs."""


def best(function: Callable, *arguments: object) -> float:
    """Processor seconds of a call, compiled before, the best of `ROUNDS`."""
    compiled = jax.jit(function)
    jax.block_until_ready(compiled(*arguments))
    spent = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        jax.block_until_ready(compiled(*arguments))
        spent.append(time.process_time() - begun)
    return min(spent)


class Machine:
    """A thermal machine under random data."""

    def __init__(self, width: int, patterns: int) -> None:
        self.machine = gn.ThermalMachine(10, width, inputs=784, outputs=2)
        self.task = gn.tasks.random(self.machine, patterns, test_patterns=1)
        dynamics = gn.Langevin()
        self.system = Thermal(self.machine, dynamics.scheme)
        self.clamped = jax.tree.map(jnp.asarray, self.system.clamped(self.task))
        numbers = {name: jnp.float32(x) for name, x in dynamics.numbers.items()}
        self.drive = Drive(Schedule.quench(1e5).path(), jnp.int32(0), numbers, self.clamped)
        self.forces = partial(physics.forces, self.machine)
        self.kernel = langevin.kernel(self.forces, dynamics.scheme)

    def step(self, replicas: int, steps: int) -> float:
        """Processor milliseconds of one step of so many replicas in one call."""

        def one(key: jax.Array) -> jax.Array:
            state = self.kernel.init(self.system.start(key, self.clamped), self.clamped)
            return advance(self.kernel)(key, state, self.drive, jnp.int32(0), jnp.int32(steps))[0].positions

        each = keys.grid(0, range(replicas))
        spent = best(jax.vmap(one), each) if replicas > 1 else best(lambda k: one(k[0]), each)
        return 1e3 * spent / steps

    def force(self, steps: int) -> float:
        """Processor milliseconds of one evaluation of the forces."""

        def many(x: object) -> object:
            return jax.lax.fori_loop(
                0, steps, lambda _, x: jax.tree.map(lambda a, f: a + 1e-6 * f, x, self.forces(x, self.clamped)[1]), x
            )

        return 1e3 * best(many, self.system.start(keys.root(0), self.clamped)) / steps

    def products(self, steps: int) -> float:
        """Processor milliseconds of the matrix products of one evaluation: J S, d S^T and, but for layer 1, J^T d."""
        total = 0.0
        for stack in self.machine.network.stacks:
            layers, n, c = len(stack.layers), stack.fan_out, stack.fan_in
            shapes = {"J": (layers, c, n), "S": (layers, c, self.task.patterns), "d": (layers, n, self.task.patterns)}
            made = {name: jnp.ones(shape, jnp.float32) for name, shape in shapes.items()}
            wanted = [("lji,ljm->lim", "J", "S"), ("ljm,lim->lji", "S", "d")]
            wanted += [("lji,lim->ljm", "J", "d")] if stack.first > 1 else []
            for indices, a, b in wanted:
                total += self._product(indices, made[a], made[b], steps)
        return total

    def _product(self, indices: str, a: jax.Array, b: jax.Array, steps: int) -> float:
        def many(a: jax.Array, b: jax.Array) -> jax.Array:
            def again(_: int, carry: tuple) -> tuple:
                a, total = carry
                product = jnp.einsum(indices, a, b)
                return a.at[0, 0, 0].add(1e-9 * product[0, 0, 0]), total + product[0, 0, 0]

            return jax.lax.fori_loop(0, steps, again, (a, jnp.float32(0)))

        return 1e3 * best(many, a, b) / steps

    def torch(self, python: str, steps: int) -> dict:
        """Milliseconds of the same step by autograd, from the same configuration."""
        state = self.system.start(keys.root(0), self.clamped)
        weights = [np.ascontiguousarray(J.T) for stack in state.weights for J in np.asarray(stack)]
        arrays = {f"weights_{l}": J for l, J in enumerate(weights)}
        arrays |= {f"neurons_{l}": np.ascontiguousarray(S.T) for l, S in enumerate(np.asarray(state.spins))}
        arrays |= {
            "inputs": np.asarray(self.task.inputs, np.float32),
            "outputs": np.asarray(self.task.outputs, np.float32),
        }
        with tempfile.TemporaryDirectory() as folder:
            np.savez(Path(folder) / "start.npz", **arrays)
            script = str(Path(__file__).with_name("thermal_torch.py"))
            command = [python, script, str(Path(folder) / "start.npz"), str(steps), str(ROUNDS)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        ours = float(self.forces(state, self.clamped)[0])
        if abs(found["energy"] - ours) > 1e-4 * ours:
            raise ValueError(f"PyTorch has the energy {found['energy']}, not {ours}.")
        return found


def measured(name: str, python: str | None) -> dict:
    """Numbers of one case."""
    width, patterns, steps = CASES[name]
    machine = Machine(width, patterns)
    row = {"step_ms": machine.step(1, steps), "force_ms": machine.force(steps), "products_ms": machine.products(steps)}
    if width < 100:
        chunk = placed(machine.system, machine.system.work([machine.task])).chunk  # replicas of one call in a run
        row["step_of_16_ms"] = machine.step(chunk, max(1, steps // 5)) * 16 / chunk
        row["16_over_one"] = row["step_of_16_ms"] / row["step_ms"]
    row["force_over_products"] = row["force_ms"] / row["products_ms"]
    if python is not None and width < 100:
        found = machine.torch(python, steps)
        row |= {"torch_step_ms": found["ms"], "torch_over_ours": found["ms"] / row["step_ms"], "torch": found["torch"]}
    return row


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and perhaps write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", help="python that has PyTorch")
    parser.add_argument(
        "--only", choices=CASES, action="append", help="a case, several times for more; all if left out"
    )
    parser.add_argument("--output-dir", type=Path)
    given = parser.parse_args(arguments)
    rows = {}
    for name in given.only or CASES:
        rows[name] = measured(name, given.torch)
        print(name, json.dumps({k: x if isinstance(x, str) else float(f"{x:.3g}") for k, x in rows[name].items()}))
    if given.output_dir is not None:
        about = provenance() | {"load": os.getloadavg(), "cores": 1, "seconds": "of the processor"}
        write_text(json.dumps({**about, "depth": 10, "rows": rows}, indent=1) + "\n", given.output_dir / "thermal.json")


if __name__ == "__main__":
    main()
