"""glassnet: glassy learning dynamics of deep perceptrons, simulated with JAX.

>>> import glassnet as gn
>>> machine = gn.Machine(depth=3, width=6)
>>> machine.widths
(6, 6, 6, 6)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glassnet import analysis, distill, distributed, plot, tasks, theory
    from glassnet.campaign.dataset import open_campaign
    from glassnet.core.schedule import Schedule
    from glassnet.core.stopping import Stopped
    from glassnet.hamiltonian import energy
    from glassnet.perceptron.machine import Machine
    from glassnet.perceptron.potential import Counting, HardCore, Logistic, Probit, SoftCore
    from glassnet.perceptron.reference import feed_forward, gaps
    from glassnet.perceptron.sweeps.catalogue import Dynamics
    from glassnet.perceptron.sweeps.frozen import Frozen
    from glassnet.results import open_result as open
    from glassnet.sampling.descent import Descent
    from glassnet.sampling.exchange import Exchange
    from glassnet.sampling.langevin import Langevin
    from glassnet.sampling.population import Population
    from glassnet.sampling.system import Observable, System
    from glassnet.sessions import resume
    from glassnet.simulation.protocol import Protocol
    from glassnet.simulator import clear_caches, simulate
    from glassnet.store.dataset import configuration
    from glassnet.store.files import save
    from glassnet.thermal.machine import ThermalMachine

__version__ = "0.1.0"

_LAZY = {
    "Machine": ("glassnet.perceptron.machine", "Machine"),
    **{
        name: ("glassnet.perceptron.potential", name)
        for name in ("SoftCore", "HardCore", "Counting", "Probit", "Logistic")
    },
    "ThermalMachine": ("glassnet.thermal.machine", "ThermalMachine"),
    "energy": ("glassnet.hamiltonian", "energy"),
    **{name: ("glassnet.perceptron.reference", name) for name in ("gaps", "feed_forward")},
    "Schedule": ("glassnet.core.schedule", "Schedule"),
    "Protocol": ("glassnet.simulation.protocol", "Protocol"),
    "tasks": ("glassnet.tasks", None),
    "simulate": ("glassnet.simulator", "simulate"),
    "clear_caches": ("glassnet.simulator", "clear_caches"),
    "resume": ("glassnet.sessions", "resume"),
    "Stopped": ("glassnet.core.stopping", "Stopped"),
    "open": ("glassnet.results", "open_result"),
    "open_campaign": ("glassnet.campaign.dataset", "open_campaign"),
    "save": ("glassnet.store.files", "save"),
    "configuration": ("glassnet.store.dataset", "configuration"),
    "Exchange": ("glassnet.sampling.exchange", "Exchange"),
    "Population": ("glassnet.sampling.population", "Population"),
    "Observable": ("glassnet.sampling.system", "Observable"),
    "System": ("glassnet.sampling.system", "System"),
    "Langevin": ("glassnet.sampling.langevin", "Langevin"),
    "Descent": ("glassnet.sampling.descent", "Descent"),
    "Dynamics": ("glassnet.perceptron.sweeps.catalogue", "Dynamics"),
    "Frozen": ("glassnet.perceptron.sweeps.frozen", "Frozen"),
    "analysis": ("glassnet.analysis", None),
    "distill": ("glassnet.distill", None),
    "distributed": ("glassnet.distributed", None),
    "plot": ("glassnet.plot", None),
    "theory": ("glassnet.theory", None),
}
"""Where the public names are. All are loaded on first use, so that `glassnet --help` need not load JAX."""

__all__ = [
    "Machine", "ThermalMachine", "SoftCore", "HardCore", "Counting", "Probit", "Logistic", "Protocol", "Schedule",
    "Exchange", "Population", "tasks", "Observable", "Dynamics", "Frozen", "Langevin", "Descent", "System", "energy",
    "gaps", "feed_forward",
    "simulate", "resume", "Stopped", "open", "open_campaign", "save", "configuration",
    "clear_caches",
    "analysis", "plot", "theory", "distributed", "distill",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'glassnet' has no attribute {name!r}")
    module, attribute = _LAZY[name]
    found = import_module(module)
    return found if attribute is None else getattr(found, attribute)


def __dir__() -> list[str]:
    return __all__
