"""What further moves gain: time in which layers forget, in sweeps and in gap evaluations, in equilibrium.

    python experiments/benchmarks/mixing.py                                             # print; some minutes
    python experiments/benchmarks/mixing.py --output-dir results/benchmarks             # and write mixing.md

Random data, quadratic soft core. Replicas equilibrate by all moves, and then go on by some: W(d), single weights with
steps of size d; S, spins by heat bath; R, slice moves of rows; C, collapsed moves. Measured are the integrated
autocorrelation time of the energies of the layers, and the lag at which the squared overlap of a row of weights with
itself, less its value between random rows, falls below 1/e. What a sweep costs is counted in evaluations of v(gap).
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from xarray import DataArray

import glassnet as gn
from glassnet.bench.report import origin
from glassnet.bench.suite import surroundings
from glassnet.bench.table import Column, markdown, number, word
from glassnet.core import keys
from glassnet.native import library
from glassnet.output import writable_folder, write_text
from glassnet.perceptron.state import Boundary, State, own_spins, random_state
from glassnet.perceptron.sweeps.catalogue import weight_moves
from glassnet.perceptron.sweeps.collapsed import collapsed_sweep
from glassnet.perceptron.sweeps.rows import row_slices, sliced
from glassnet.perceptron.sweeps.spins import spin_sweep
from glassnet.perceptron.sweeps.weights import weight_sweep
from glassnet.sampling.kernel import Params, Step, compose
from glassnet.sampling.plan import CPU, NATIVE

LEGEND = """\
Depth 3, random data, quadratic soft core, in equilibrium. W(d): single weights (pairs for spherical rows) with steps of
size d; S: spins by heat bath; R: slice moves of rows, which try so many points a row; C: collapsed moves with d = 0.3.
Tau energy: integrated autocorrelation time of the energy of a layer in sweeps; tau rows: sweeps until the squared
overlap of a row of weights with itself, less its value between random rows, has fallen to 1/e; both means over layers.
M evaluations: millions of evaluations of v(gap) in a sweep; the last columns are those in a tau.
"""

PLAN = NATIVE if library.available() else CPU
COMBINED = ("W(0.1) S", "W(0.3) S", "W(1) S", "R S", "W(0.3) R S", "W(0.3) S C")


def sized(step: Step, d: float) -> Step:
    """The step with weight moves of size d."""

    def fixed(key: Array, state: State, params: Params):
        return step(key, state, Params(params.temperature, {"weight_step": jnp.float32(d)}, params.clamped))

    return fixed


def moves(machine: gn.Machine, words: str) -> Step:
    """One sweep of the moves that the words name."""
    known = {
        "W": lambda d: sized(weight_sweep(machine, PLAN), float(d)),
        "S": lambda _: spin_sweep(machine, PLAN, "heat_bath"),
        "R": lambda _: row_slices(machine),
        "C": lambda _: collapsed_sweep(machine, CPU),
    }
    return compose(*(known[one[0]](one[2:-1]) for one in words.split()))


def evaluations(machine: gn.Machine, patterns: int, points: float) -> dict[str, float]:
    """Evaluations of v in a sweep of each kind of moves, where slice moves try so many points a row.

    A collapsed proposal has two values of the spin to weigh, and each pass over a row looks at the gaps above twice.
    """
    fed = np.array(machine.widths[2:])
    proposals, passes = weight_moves(machine), machine.prior.proposal.passes
    return {
        "W": patterns * int(proposals.sum()),
        "S": patterns * machine.width * int((fed + 1).sum()),
        "R": patterns * sum(machine.widths[1:]) * (points + 1),
        "C": 2 * patterns * int(proposals[:-1].sum() + passes * machine.width * fed.sum()),
    }


def followed(machine: gn.Machine, step: Step, boundary: Boundary, beta: float, state: State, sweeps: int, seed: int):
    """States at the end, energies (replica, sweep, layer) and rows (replica, sweep, layer, slot, neuron)."""
    params = Params(jnp.float32(1 / beta), {"weight_step": jnp.float32(0.3)}, boundary)

    def sweep(key: Array, state: State, t: Array):
        state, _ = step(keys.address(key, t), state, params)
        sides = zip(own_spins(machine, state.spins, boundary), state.fields, strict=True)
        costs = [machine.potential.cost(S.astype(h.dtype) * h - machine.potential.margin).sum((1, 2)) for S, h in sides]
        return state, (jnp.concatenate(costs), state.weights[0])

    def one(key: Array, state: State):
        return jax.lax.scan(lambda s, t: sweep(key, s, t), state, jnp.arange(sweeps))

    replica = jnp.arange(len(state.spins))
    state, (energy, J) = jax.jit(jax.vmap(lambda r, s: one(keys.address(keys.root(seed), r), s)))(replica, state)
    return state, np.asarray(energy, float), np.asarray(J)


def energy_time(energy: np.ndarray) -> float:
    """Integrated autocorrelation time, mean over layers; NaN where the chains are shorter than 50 of them."""
    chain = DataArray(energy, dims=("replica", "time", "layer"))
    try:
        return float(gn.analysis.integrated_time(chain, over="replica").tau.mean())
    except ValueError:
        return np.nan


def row_time(J: np.ndarray) -> float:
    """First lag at which rows have forgotten themselves to 1/e, on a line between lags, mean over layers."""
    sweeps, c = J.shape[1], J.shape[3]
    lags = np.unique(np.concatenate([np.arange(1, 10), np.geomspace(10, sweeps // 2, 40).astype(int)]))
    kept = [np.ones(J.shape[2])]
    for lag in lags:
        at = np.arange(0, sweeps - lag, max(1, (sweeps - lag) // 40))
        now, then = J[:, at + lag], J[:, at]
        product, before, after = (
            np.einsum("rtlji,rtlji->rtli", x, y) for x, y in ((now, then), (then, then), (now, now))
        )
        kept.append(((product**2 / (before * after)).mean((0, 1, 3)) * c - 1) / (c - 1))
    q, t = np.array(kept), np.append(0, lags)
    if not (q[-1] < np.exp(-1)).all():
        return np.nan
    first = (q < np.exp(-1)).argmax(0)
    fall = [(q[n - 1, l] - np.exp(-1)) / (q[n - 1, l] - q[n, l]) for l, n in enumerate(first)]
    return float(np.mean([t[n - 1] + x * (t[n] - t[n - 1]) for n, x in zip(first, fall, strict=True)]))


def compared(ensemble: str, beta: float, *, width: int, patterns: int, replicas: int, sweeps: int):
    """A row of the table for each combination of moves."""
    machine = gn.Machine(3, width, ensemble=ensemble)
    task = gn.tasks.random(machine, patterns, seed=0)
    boundary = Boundary(jnp.asarray(task.inputs.T), jnp.asarray(task.outputs.T))
    start = jax.vmap(lambda r: random_state(machine, keys.address(keys.root(1), r), boundary))(jnp.arange(replicas))
    state, _, _ = followed(machine, moves(machine, "W(0.3) S R"), boundary, beta, start, sweeps, 2)
    params = Params(jnp.float32(1 / beta), {"weight_step": jnp.float32(0.3)}, boundary)
    tried = jax.vmap(lambda s: sliced(machine, keys.root(3), s, params)[2][0])(state)
    costs = evaluations(machine, patterns, points := float(tried.mean()))
    for words in COMBINED:
        _, energy, J = followed(machine, moves(machine, words), boundary, beta, state, sweeps, 4)
        cost = sum(costs[word[0]] for word in words.split()) / 1e6
        times = energy_time(energy), row_time(J)
        yield {
            "ensemble": ensemble, "beta": beta, "moves": words, "points": points, "cost": cost,
            "energy": times[0], "rows": times[1], "energy_cost": times[0] * cost, "rows_cost": times[1] * cost,
        }  # fmt: skip


COLUMNS: Sequence[Column] = (
    ("ensemble", word("ensemble")),
    ("beta", word("beta")),
    ("moves", word("moves")),
    ("points of R", number("points", ".1f")),
    ("tau energy", number("energy", ".1f")),
    ("tau rows", number("rows", ".1f")),
    ("M evaluations", number("cost", ".3f")),
    ("energy, M", number("energy_cost", ".2f")),
    ("rows, M", number("rows_cost", ".2f")),
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beta", type=float, nargs="+", default=(0.5, 5.0, 66.7))
    parser.add_argument("--sweeps", type=int, nargs="+", default=(1000, 2000, 8000), help="for each beta")
    parser.add_argument("--ensemble", choices=("gaussian", "spherical"), nargs="+", default=("gaussian", "spherical"))
    parser.add_argument("--width", type=int, default=20)
    parser.add_argument("--patterns", type=int, default=60)
    parser.add_argument("--replicas", type=int, default=8)
    parser.add_argument("--output-dir", type=Path, help="write mixing.md there")
    given = parser.parse_args(arguments)
    folder, made = None if given.output_dir is None else writable_folder(given.output_dir), surroundings()
    rows = []
    for ensemble in given.ensemble:
        for beta, sweeps in zip(given.beta, given.sweeps, strict=True):
            sizes = {"width": given.width, "patterns": given.patterns, "replicas": given.replicas, "sweeps": sweeps}
            for row in compared(ensemble, beta, **sizes):
                rows.append(row)
                print("  ".join(text(row) for _, text in COLUMNS), flush=True)
    words = sys.argv[1:] if arguments is None else map(str, arguments)
    if folder is not None:
        command = shlex.join(["python", "experiments/benchmarks/mixing.py", *words])
        lines = ["# What further moves gain\n", *origin(made, command), LEGEND, markdown(COLUMNS, rows)]
        print("wrote", write_text("\n".join(lines), folder / "mixing.md"))


if __name__ == "__main__":
    main()
