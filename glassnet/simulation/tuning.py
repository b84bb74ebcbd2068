"""Ladders of temperatures whose neighbours swap equally often."""

import math
from dataclasses import replace

import numpy as np

from glassnet.core import keys
from glassnet.core.check import fail
from glassnet.core.schedule import Schedule
from glassnet.sampling.exchange import Ladder, barriers
from glassnet.sampling.tempered import Tempered
from glassnet.simulation import compiled
from glassnet.simulation.job import Job
from glassnet.simulation.parallel import gathered, placed
from glassnet.simulation.phase import HOST, HOSTS, Phase

DIGITS = 6
"""Significant digits of a tuned beta."""

FEWEST = 50
"""Rounds of swaps of the first stage of tuning, at least."""

MOST_STAGES = 8


def tuned(job: Job) -> Job:
    """The job with the ladder that its exchange asks for; the job itself where none is to be found.

    Hosts run through stages, each twice as long as the one before and from its last configurations. After each the
    inner temperatures are moved to where the barrier Lambda(beta), the sum of the rejected fractions up to beta, has
    equal steps   [Syed et al. 2022]. What random numbers they draw, no run draws.

    Raises:
        ValueError: if beta changes in time, or there are fewer sweeps than a first stage needs.
    """
    system = job.system
    if not isinstance(system, Tempered) or not system.exchange.tune or system.asked is not None:
        return job
    if not all(len(schedule.times) == 1 for schedule in job.schedules):
        raise fail("exchange.tune", "be 0 where beta changes in time", system.exchange.tune)
    rounds = system.exchange.tune // system.exchange.every
    if rounds < FEWEST:
        raise fail("exchange.tune", f"be at least {FEWEST * system.exchange.every}, or 0", system.exchange.tune)
    stages = min(MOST_STAGES, int(math.log2(rounds / FEWEST + 1)))
    asked = tuple(schedule.final_beta for schedule in job.schedules)
    placement = placed(system, system.work(job.tasks))
    whole = replace(job, share=None)  # all parts of a run find the same ladder
    begun = Phase.of_hosts(whole, placement)
    batch = begun.initialised(
        gathered(placement, [whole.initial(compiled.randomise(system))], 0 * begun.rows, begun.rows)
    )
    replica_keys = keys.grid(job.seed, whole.samples, keys.TUNE, [0])
    betas, start = asked, 0
    before = [np.zeros(1)] * 4
    for stage in range(stages):
        stop = system.exchange.every * (rounds * (2 ** (stage + 1) - 1) // (2**stages - 1))
        now = replace(whole, beta=tuple(map(Schedule.quench, betas)))
        phase = Phase(now, placement, HOSTS, HOST, replica_keys, np.zeros((1, 1), np.int32))
        while start < stop:
            end = min(stop, start + phase.block())
            batch, _ = phase.advanced(batch, start, end)
            start = end
        after = _totals(batch.whole(), system.rungs)
        offered, accepted, energies, swaps = (x - y for x, y in zip(after, before, strict=True))
        rejected = 1 - accepted[:-1] / np.maximum(offered[:-1], 1)
        betas, before = spaced(betas, barriers(np.asarray(betas), rejected, energies / swaps)), after
    system = replace(system, asked=asked)
    return replace(job, system=system, beta=tuple(map(Schedule.quench, betas)))


def _totals(ladders: Ladder, rungs: int) -> list[np.ndarray]:
    """Of all samples: swaps offered, swaps accepted and sum of the energies at each rung, and rounds of swaps."""
    sums = np.asarray(ladders.sums, float)
    arrays = ladders.offered, ladders.accepted, sums[:, 0] + sums[:, 2]
    return [*(np.asarray(x, float).sum(0)[:rungs] for x in arrays), np.asarray(ladders.rounds, float).sum()]


def spaced(betas: tuple[float, ...], steps: np.ndarray) -> tuple[float, ...]:
    """As many betas between the same ends, at equal steps of the barrier.

    Args:
        betas: ascending.
        steps: of the barrier, from each to the next.
    """
    from scipy.interpolate import PchipInterpolator  # slow to load

    least = 1e-3  # where all swaps are accepted, the barrier must rise all the same
    barrier = np.concatenate([[0.0], np.cumsum(np.maximum(steps, least))])
    at = PchipInterpolator(barrier, betas)(np.linspace(0, barrier[-1], len(betas)))
    inner = [float(f"{x:.{DIGITS}g}") for x in at[1:-1]]
    return (betas[0], *inner, betas[-1])
