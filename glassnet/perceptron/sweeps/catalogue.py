"""The dynamics that can be asked for by name."""

from collections.abc import Callable

import numpy as np

from glassnet.core.check import one_of
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.sweeps.energy import kernel
from glassnet.perceptron.sweeps.feedforward import feedforward_kernel
from glassnet.perceptron.sweeps.spins import spin_sweep
from glassnet.perceptron.sweeps.weights import weight_sweep
from glassnet.sampling.kernel import Kernel
from glassnet.sampling.plan import Plan


def _sweeps(rule: str) -> Callable[[Machine, Plan], Kernel]:
    def build(machine: Machine, plan: Plan) -> Kernel:
        steps = [weight_sweep(machine, plan, rule)]
        steps += [spin_sweep(machine, plan, rule)] if machine.depth > 1 else []
        return kernel(machine, *steps)

    return build


DYNAMICS: dict[str, Callable[[Machine, Plan], Kernel]] = {
    "metropolis": _sweeps("metropolis"),
    "heat_bath": _sweeps("heat_bath"),
    "feedforward": lambda machine, plan: feedforward_kernel(machine),
}
"""metropolis: weights and spins; heat_bath: spins and Ising weights, other weights by Metropolis; feedforward: weights
only, the neurons follow."""

COMPILED = ("metropolis", "heat_bath")
"""The dynamics that native kernels know."""


def build(dynamics: str, machine: Machine, plan: Plan) -> Kernel:
    """Kernel of the named dynamics.

    Raises:
        ValueError: for an unknown name.
    """
    one_of(tuple(DYNAMICS), dynamics=dynamics)
    return DYNAMICS[dynamics](machine, plan)


def offered(dynamics: str, machine: Machine, patterns: int) -> dict[str, np.ndarray]:
    """Moves that one sweep of one replica offers in each layer 1..L, int64, by the names of the accepted ones.

    The clamped last layer is offered no flips, and no layer is where neurons follow the weights.
    """
    proposal = machine.prior.proposal
    rows = zip(machine.connections, machine.widths[1:], strict=True)
    weights = [proposal.passes * (c // proposal.rank) * neurons for c, neurons in rows]
    hidden = 0 if dynamics == "feedforward" else machine.width * patterns
    spins = [hidden] * (machine.depth - 1) + [0]
    return {"accepted_weights": np.array(weights), "accepted_spins": np.array(spins)}
