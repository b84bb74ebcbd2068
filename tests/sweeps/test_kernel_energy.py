"""A kernel says what it samples: its energy is the reference energy, before and after it has moved."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref

from glassnet.native import library
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, HardCore, Logistic, Probit, SoftCore
from glassnet.perceptron.reference import energy
from glassnet.perceptron.state import unpack
from glassnet.perceptron.sweeps.catalogue import build
from glassnet.sampling.kernel import Params
from glassnet.sampling.plan import CPU, NATIVE

SMALL = {"depth": 3, "width": 4, "inputs": 6, "outputs": 2}
CASES = {
    "metropolis": ("metropolis", Machine(**SMALL, potential=SoftCore(margin=0.2))),
    "heat bath, ising": ("heat_bath", Machine(**SMALL, ensemble="ising", potential=Counting(0.7))),
    "diluted": ("metropolis", Machine(3, 6, connectivity=3, potential=Probit(0.8))),
    "logistic": ("metropolis", Machine(**SMALL, potential=Logistic(0.6, margin=0.1))),
    "feedforward": ("feedforward", Machine(**SMALL, ensemble="gaussian", potential=SoftCore(power=1))),
    "hard core": ("metropolis", Machine(**SMALL, potential=HardCore())),
}


SCANNED = ("metropolis", "feedforward")
"""Cases that are scanned in the default run; what is native there makes the same moves, and compiles at once."""
PLANS = [pytest.param(case, CPU, marks=pytest.mark.slow if case not in SCANNED else ()) for case in CASES]


@pytest.mark.parametrize(("case", "plan"), PLANS + [(case, NATIVE) for case in CASES])
def test_the_energy_is_that_of_the_configuration(case, plan):
    if plan.native and not library.available():
        pytest.skip(library.status())
    dynamics, machine = CASES[case]
    kernel = build(dynamics, machine, plan)
    boundary = ref.boundary_of(*ref.problem(machine, 7, seed=2))
    state = kernel.init(ref.state_at(ref.random_states(machine, boundary, 1), 0), boundary)
    params = Params(jnp.float32(0.8), {"weight_step": jnp.float32(0.4)}, boundary)
    step, measured = jax.jit(kernel.step), jax.jit(kernel.energy)
    seen = []
    for t in range(3):
        seen.append(float(measured(state, boundary)))
        assert seen[-1] == pytest.approx(expected(dynamics, machine, state, boundary), rel=1e-4, abs=1e-5)
        state, _ = step(jax.random.key(t), state, params)
    assert len(set(seen)) > 1


def expected(dynamics, machine, state, boundary):
    """Sum over the layers that cost energy; a hard core, whose energy is infinite, counts."""
    weights, spins = unpack(machine, state, boundary)
    counted = Counting(margin=machine.potential.margin) if machine.potential == HardCore() else machine.potential
    by_layer = energy(replace(machine, potential=counted), [np.asarray(J, float) for J in weights], spins)
    return by_layer[-1] if dynamics == "feedforward" else by_layer.sum()
