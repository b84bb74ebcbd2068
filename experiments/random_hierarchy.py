"""Is the landscape of a machine with random data a hierarchy, and is it simpler inside?

Several sets of random data; for each, independent quenches (starts) of one machine, from each of which clones are sent
out after two waiting times. Overlaps q_l^{ab} of all last configurations of one set are connected ones, the signs and
the order of the hidden neurons removed. Three families are kept apart:

starts:  one clone of each independent start. Nothing relates them but the landscape: the real test.
clones:  clones of one start and one waiting time. They leave one configuration at once, in a structureless landscape
         as a star; basins within basins would make them a tree.
kinetic: clones of one start at both waiting times. They branch at different times: a tree BY CONSTRUCTION of the
         protocol, shown as the scale of what a hierarchy gives.

Claims of the abstract of Yoshino, SciPost Phys. Core 2, 005 (2020), with the test of each:

1. The landscape is ultrametric near the boundaries: K = <(d_max - d_med)/sigma_d> over triangles is below that of
   overlaps without a hierarchy (the same ones shuffled; Gaussian ones), in layers 1 and L-1; for starts, for clones.
2. It is most complex at the boundaries and simpler inside: the spread of overlaps, chi = N M Var(q) over the pairs
   of one family, is larger in layers 1 and L-1 than in the centre; for starts, for clones.

    python experiments/random_hierarchy.py --scale smoke|desk|paper

COST
"""

from dataclasses import dataclass

from experiment import Experiment

import glassnet as gn

YOSHINO = "Yoshino 2020, abstract"
BETA = 66.7
ALPHA = 20
SEED = 60


@dataclass(frozen=True, kw_only=True)
class Families:
    """One machine; how many sets of data, independent starts of each, clones of each at each waiting time."""

    depth: int
    width: int
    data_sets: int
    starts: int
    clones: int
    waiting_times: tuple[int, int]
    sweeps: int


SIZES = {
    "smoke": Families(depth=4, width=6, data_sets=3, starts=4, clones=3, waiting_times=(3, 30), sweeps=30),
    "desk": Families(depth=6, width=20, data_sets=8, starts=8, clones=4, waiting_times=(100, 1000), sweeps=2000),
    "paper": Families(
        depth=10, width=60, data_sets=32, starts=16, clones=8, waiting_times=(10**3, 10**5), sweeps=10**5
    ),
}


def run(size: Families, number: int) -> dict:
    """All starts and clones of one set of data."""
    machine = gn.Machine(depth=size.depth, width=size.width, weights="spherical", potential=gn.SoftCore(power=2.0))
    seed = SEED + number
    data = gn.tasks.random(machine, ALPHA * size.width, seed=seed, test_patterns=2)
    protocol = gn.Protocol(
        sweeps=size.sweeps, waiting_times=size.waiting_times, clones=size.clones, samples=size.starts
    )
    given = {"beta": BETA, "dynamics": "heat_bath", "seed": seed, "keep_configurations": True}
    return {"machine": machine, "task": data, "protocol": protocol, **given}


if __name__ == "__main__":
    experiment = Experiment(__file__, __doc__, SIZES)
    experiment.simulate({f"data {n}": run(experiment.sizes, n) for n in range(experiment.sizes.data_sets)})
