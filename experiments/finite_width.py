"""The glass is cut off by the finite width: relaxation times against N at fixed load.

Random data, quench to beta = 66.7, alpha = M/N = 5 for all widths N. The relaxation time tau_l(N) of a layer is the lag
at which its connected spin autocorrelation, after one fixed waiting time, falls to 1/e. Narrow machines hold magnetised
neurons, whose raw autocorrelation has a plateau that is no glass: hence the connected one.

Claims of the abstract of Yoshino, SciPost Phys. Core 2, 005 (2020), with the test of each:

1. Finite width truncates the glass: tau of the outermost layers grows with N, d ln tau/d ln N > 0.
2. It grows faster at the boundaries than in the centre: the difference of these slopes.

Replica theory is one of infinite width:

3. The energy per gap, extrapolated as e(N) = e_inf + A/N, is that of the replica-symmetric solution within 5 %.

Beside them: collapse c_l(t, N) = f(t N^b) with its quality, plateaus, and the peak of chi4.

    python experiments/finite_width.py --scale smoke|desk|paper

desk makes 5.8e10 proposals, 0.16 hours at 1e8 a second (two cores). paper makes 1.2e14, 333 hours at that rate: it is
meant for accelerators.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from experiment import Claim, Experiment, tasks, weakest
from matplotlib.figure import Figure

import glassnet as gn
from glassnet.plot.style import GREY, graded

YOSHINO = "Yoshino 2020, abstract"
BETA = 66.7
ALPHA = 5
SEED = 40
TOLERANCE = 0.05
"""Part of the theory's energy by which the extrapolated one may differ."""


@dataclass(frozen=True, kw_only=True)
class Widths:
    """Machines that differ in width alone."""

    depth: int
    widths: tuple[int, ...]
    samples: int
    clones: int
    waiting_time: int
    sweeps: int
    resamples: int = 100


SIZES = {
    "smoke": Widths(depth=4, widths=(4, 6, 8), samples=3, clones=2, waiting_time=5, sweeps=100, resamples=3),
    "desk": Widths(depth=6, widths=(10, 14, 20, 28, 40), samples=10, clones=2, waiting_time=1000, sweeps=30_000),
    "paper": Widths(depth=10, widths=(20, 40, 80, 160), samples=16, clones=4, waiting_time=10**4, sweeps=10**6),
}


def run(size: Widths, width: int) -> dict:
    """Independent data for each sample and width; heat bath, so that flips that cost nothing do not alternate."""
    machine = gn.Machine(depth=size.depth, width=width, weights="spherical", potential=gn.SoftCore(power=2.0))
    seed = SEED * width
    data = tasks(gn.tasks.random, machine, samples=size.samples, seed=seed, patterns=ALPHA * width, test_patterns=2)
    protocol = gn.Protocol(
        sweeps=size.sweeps,
        waiting_times=(size.waiting_time,),
        clones=size.clones,
        samples=size.samples,
        points_per_decade=10,
    )
    return {"machine": machine, "task": data, "beta": BETA, "dynamics": "heat_bath", "protocol": protocol, "seed": seed}


if __name__ == "__main__":
    experiment = Experiment(__file__, __doc__, SIZES)
    experiment.simulate({f"N={n}": run(experiment.sizes, n) for n in experiment.sizes.widths})
