"""A machine small enough that a whole run takes a second, shared so that it compiles once."""

from functools import lru_cache

import glassnet as gn
from glassnet.simulator import prepared

MACHINE = gn.Machine(depth=3, width=4, inputs=5, outputs=2)
PROTOCOL = gn.Protocol(sweeps=12, waiting_times=(0, 3, 9), clones=2, samples=2, points_per_decade=4)
PATTERNS = 6


@lru_cache
def task(seed=0):
    """Teacher-student data."""
    return gn.tasks.teacher_student(MACHINE, PATTERNS, seed=seed)


def run(**changes):
    """A run that differs from the standard one in `changes`."""
    arguments = {"machine": MACHINE, "task": task(), "beta": 5.0, "protocol": PROTOCOL, "keep_configurations": True}
    return gn.simulate(**(arguments | changes))


@lru_cache
def standard():
    """The standard run."""
    return run()


def job(machine=MACHINE, **changes):
    """The job of the standard run, but for `changes`."""
    arguments = {"task": task(), "beta": 5.0, "protocol": PROTOCOL, "keep_configurations": True}
    return prepared(machine, **(arguments | changes))
