"""Replica exchange over margins, and over the strength of a teacher, at one temperature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref
import tiny
from test_resume import assert_same, run_with_stops

import glassnet as gn
from glassnet.core import keys
from glassnet.core.schedule import BetaPath
from glassnet.native import library
from glassnet.perceptron.state import own_spins
from glassnet.perceptron.system import Perceptron
from glassnet.sampling import exchange
from glassnet.sampling.exchange import Exchange, Tempered
from glassnet.sampling.kernel import Drive, advance
from glassnet.sampling.plan import CPU, FUSED, NATIVE

SOFT = gn.Machine(1, 7, outputs=1, ensemble="ising", potential=gn.SoftCore())
HARD = gn.Machine(1, 7, outputs=1, ensemble="ising", potential=gn.HardCore())
DATA = ref.problem(SOFT, 5, seed=3)
BETA, MARGINS = 2.0, (-1.0, -0.2, 0.6)
BARS = (-2.7, -0.8, -0.3)
"""Margins of the hard core: the first is below all gaps, so that all weights are allowed and walkers mix."""


def running(machine, margins):
    """`f(sweeps, count)`: final ladders of many, each begun in a random configuration."""
    system = Tempered(Perceptron(machine, "heat_bath"), len(margins), Exchange(over="margin", values=margins))
    boundary = jax.tree.map(jnp.asarray, system._with_values(ref.boundary_of(*DATA)))
    kernel = system.kernel(CPU)
    numbers = {"weight_step": jnp.float32(0.5)} | system.traced()
    beta = jnp.full((system.width, 1), jnp.inf if machine.hard else BETA)
    drive = Drive(BetaPath(jnp.zeros_like(beta), beta, "steps"), jnp.int32(0), numbers, boundary)

    def one(key, start, stop):
        ladder = kernel.init(system.start(keys.address(key, 2**30), boundary), boundary)
        return advance(kernel)(key, ladder, drive, start, stop)[0]

    run = ref.optimized(jax.vmap(one, (0, None, None)))
    return lambda sweeps, count: run(ref.replica_keys(17, count), jnp.int32(0), jnp.int32(sweeps))


def laws(machine, margins):
    """Group of each weight vector, and the exact law of the groups at each margin."""
    J = 2 * ((np.arange(2**7)[:, None] >> np.arange(7)) & 1) - 1
    gap = np.einsum("wj,mj,m->wm", J, DATA[0], DATA[1][:, 0]) / np.sqrt(7)
    group = np.searchsorted([-0.5, 0.2], gap.min(1))
    if machine.hard:
        group = np.where(gap.min(1) < BARS[1], 0, 1 + (J[:, 2] > 0))
    found = []
    for margin in margins:
        energy = machine.potential.energy(gap - margin).sum(1)
        found.append(np.bincount(group, ref.boltzmann(energy, 1.0 if machine.hard else BETA), minlength=3))
    return group, found


def statistic(machine, margins, sweeps=30, count=3000):
    """Largest z of the joint counts of the groups at all rungs against the product of the exact laws."""
    group, exact = laws(machine, margins)
    ladders = running(machine, margins)(sweeps, count)
    J = np.asarray(jax.vmap(exchange.arranged)(ladders).weights[0])[:, :3, 0, :, 0]
    found = group[((J > 0) * (1 << np.arange(7))).sum(-1)]
    counts = np.bincount(found @ [9, 3, 1], minlength=27)
    return ref.z_of_counts(counts, np.einsum("i,j,k->ijk", *exact).reshape(-1))


CASES = {"soft": (SOFT, MARGINS), "hard": (HARD, BARS)}


@pytest.mark.parametrize("case", CASES)
def test_the_joint_law_is_the_product_of_the_exact_ones(case):
    assert statistic(*CASES[case]) < ref.THRESHOLD


def test_swaps_of_a_hard_core_are_those_that_both_satisfy():
    """Of uniform pairs, each in the set of its margin: the lower one is in the set of the higher, too."""
    after = running(HARD, BARS)
    early, late = after(10, 500), after(40, 500)
    J = 2 * ((np.arange(2**7)[:, None] >> np.arange(7)) & 1) - 1
    gap = np.einsum("wj,mj,m->wm", J, DATA[0], DATA[1][:, 0]) / np.sqrt(7)
    sizes = [(gap.min(1) >= margin).sum() for margin in BARS]
    accepted, offered = (np.asarray(getattr(late, x) - getattr(early, x))[:, :2] for x in ("accepted", "offered"))
    assert (
        ref.worst(ref.z_score(accepted / offered, np.array([sizes[1] / sizes[0], sizes[2] / sizes[1]]))) < ref.THRESHOLD
    )


GAIN, PARTNERS = exchange.gain_of_parameters, exchange.partners
MUTANTS = {
    "sign of the swap": {"gain_of_parameters": lambda E, other, T: GAIN(other, E, T)},
    "energy at the wrong rung": {"partners": lambda rungs, rounds: PARTNERS(rungs, rounds + 1)},
    "energy of one side": {"gain_of_parameters": lambda E, other, T: GAIN(E, jnp.where(jnp.arange(3) == 1, E, other), T)},
    "margins of rungs, not of walkers": {"_of_walkers": lambda ladder, values: values},
    "every swap": {"gain_of_parameters": lambda E, other, T: GAIN(E, E, T)},
}
QUICK = (("soft", "sign of the swap"), ("hard", "every swap"))


@pytest.mark.parametrize(
    ("case", "mutant"),
    [pytest.param(c, m, marks=() if (c, m) in QUICK else pytest.mark.slow) for c in CASES for m in MUTANTS],
)
def test_broken_swaps_are_seen(case, mutant, monkeypatch):
    for name, broken in MUTANTS[mutant].items():
        monkeypatch.setattr(exchange, name, broken)
    assert statistic(*CASES[case]) > 2 * ref.THRESHOLD
