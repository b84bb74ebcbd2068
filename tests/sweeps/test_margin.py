"""A margin that comes with the data, as a ladder of margins has it, in the place of that of the potential."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref

import glassnet as gn
from glassnet.core import keys
from glassnet.core.schedule import BetaPath
from glassnet.native import library
from glassnet.perceptron.observe.layers import layer_energy
from glassnet.perceptron.sweeps.catalogue import build
from glassnet.sampling.kernel import Drive, advance
from glassnet.sampling.plan import ACCELERATOR, CPU, NATIVE

MACHINES = {
    "soft": gn.Machine(3, 4, inputs=5, outputs=3),
    "hard": gn.Machine(2, 4, inputs=5, outputs=2, ensemble="ising", potential=gn.HardCore()),
    "diluted": gn.Machine(3, 8, connectivity=4, potential=gn.Probit()),
}
PLANS = {"scan": CPU, "other scan": ACCELERATOR, "fused": replace(ACCELERATOR, fused="tpu", interpret=True)}
MARGIN = 0.3


def moved(machine, dynamics, plan, margin, sweeps=6):
    """Weights, energies and energies by layer of a machine, with a margin in the data unless None."""
    boundary = ref.boundary_of(*ref.problem(machine, 6, seed=3))
    boundary = boundary if margin is None else replace(boundary, margin=jnp.float32(margin))
    kernel = build(dynamics, machine, plan)
    path = BetaPath(jnp.zeros(1), jnp.full(1, 3.0), "steps")
    drive = Drive(path, jnp.int32(0), {"weight_step": jnp.float32(0.5)}, boundary)

    def one(key):
        state = kernel.init(gn.perceptron.state.random_state(machine, key, boundary), boundary)
        state, info = advance(kernel)(keys.address(key, 1), state, drive, jnp.int32(0), jnp.int32(sweeps))
        return state, info, kernel.energy(state, boundary), layer_energy(machine, state, boundary)

    return jax.jit(jax.vmap(one))(ref.replica_keys(1, 3))


def with_margin(machine, margin):
    return replace(machine, potential=replace(machine.potential, margin=margin))


def _cases():
    """Few that are quick, and all."""
    quick = {("hard", "metropolis", "scan"), ("hard", "metropolis", "native"), ("hard", "feedforward", "native")}
    dynamics = ("soft", "heat_bath+rows+collapsed"), ("soft", "feedforward"), ("hard", "feedforward")
    for kind, name in (*dynamics, ("hard", "metropolis"), ("diluted", "metropolis")):
        for plan in (*PLANS, "native"):
            marks = [] if (kind, name, plan) in quick else [pytest.mark.slow]
            marks += (
                [pytest.mark.skipif(not library.available(), reason="no native kernels")] if plan == "native" else []
            )
            yield pytest.param(kind, name, plan, marks=marks)


@pytest.mark.parametrize(("kind", "dynamics", "plan"), list(_cases()))
def test_it_moves_a_machine_as_its_own_margin_does(kind, dynamics, plan):
    machine, plan = MACHINES[kind], {**PLANS, "native": NATIVE}[plan]
    own = moved(with_margin(machine, MARGIN), dynamics, plan, None)
    given = moved(machine, dynamics, plan, MARGIN)
    np.testing.assert_array_equal(own[0].spins, given[0].spins)
    for name, count in own[1].items():
        np.testing.assert_array_equal(count, given[1][name])
    for a, b in zip(jax.tree.leaves(own), jax.tree.leaves(given), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
