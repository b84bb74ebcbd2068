"""What experiments with chains of machines share: the ladder of machines, how they are trained, who has learned.

All machines have one output and equal widths, so that they differ in depth alone. Parameters (lambda, tau,
temperature) were fixed beforehand and are not tuned on any data.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

import glassnet as gn
from glassnet.distill import Link

LEARNED = 0.1
"""Training error above which a student has not learned, and says nothing."""

LINK = Link(knowledge="field", temperature=1.0, weight=0.5, data="same")
"""What teachers hand on."""


@dataclass(frozen=True)
class Budget:
    """Sizes of all machines of an experiment and the training of each.

    Args:
        width: neurons of inputs and hidden layers.
        rule: depth of the rule.
        patterns: training patterns.
        sweeps: of each machine.
        seeds: rules with their data.
        test_patterns: for the errors.
        beta: inverse temperature.
    """

    width: int
    rule: int
    patterns: int
    sweeps: int
    seeds: int
    test_patterns: int = 2000
    beta: float = 20.0

    def machine(self, depth: int) -> gn.Machine:
        """A machine of the ladder."""
        potential = gn.SoftCore(margin=0.5)
        return gn.Machine(depth=depth, width=self.width, outputs=1, ensemble="gaussian", potential=potential)

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """Arguments of `Chain.run`; the control is a chain of its own."""
        protocol = gn.Protocol(sweeps=changes.pop("sweeps", self.sweeps), waiting_times=(0,), clones=1)
        fixed = {"patterns": self.patterns, "beta": self.beta, "protocol": protocol, "seeds": self.seeds}
        others = {"test_patterns": self.test_patterns, "weight_step": 0.3, "control": False}
        return {**fixed, **others, **changes}


def students(results: Mapping[str, xr.Dataset], names: Iterable[str] | None = None) -> xr.Dataset:
    """Errors of the students of all arms, (arm, seed)."""
    names = list(results if names is None else names)
    last = [results[name].sel(machine="student", drop=True) for name in names]
    parts = {x: xr.concat([one[x] for one in last], "arm") for x in ("generalisation_error", "training_error")}
    return xr.Dataset(parts).assign_coords(arm=names, seed=last[0].seed)


def spoilt(data: xr.Dataset, *arms: str) -> str:
    """Why a comparison of arms says nothing: a student that has not learned."""
    found = [arm for arm in arms if float(data.training_error.sel(arm=arm).mean()) >= LEARNED]
    return f"not learned: {', '.join(found)}" if found else ""


def spread(x: xr.DataArray) -> np.ndarray:
    """Standard error over seeds."""
    return x.std("seed", ddof=1).values / x.sizes["seed"] ** 0.5
