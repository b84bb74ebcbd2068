"""The dynamics that can be asked for by name."""

from collections.abc import Callable

from glassnet.core.check import one_of
from glassnet.dynamics.column_scan import Plan
from glassnet.dynamics.feedforward import feedforward_kernel
from glassnet.dynamics.kernel import Kernel, kernel
from glassnet.dynamics.spins import spin_sweep
from glassnet.dynamics.weights import weight_sweep
from glassnet.model.machine import Machine


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
