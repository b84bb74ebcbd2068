"""Theory against simulation, where theory is exact: one perceptron; and a deep liquid.

Finite size changes entropies, overlaps and errors by relative terms of order 1/N: overlaps of inputs are not zero, and
the field of spherical weights has <h^4> = 3N/(N + 2), which moves the energy of a soft core. The sign of a field has no
such term, so that a count of violated gaps is held to half of it.
"""

import numpy as np
import pytest
import reference as ref

import glassnet as gn
from glassnet.theory import liquid_free_entropy, one_output, replica_symmetric

N = 48
LADDER = np.concatenate([[0.0], np.geomspace(0.25, 12.0, 13)])


def ladder_of(machine, patterns, *, samples, sweeps, beta=LADDER, **options):
    """A run of independent data at all temperatures, clones from half of its time on."""
    tasks = [gn.tasks.random(machine, patterns=patterns, seed=s) for s in range(samples)]
    protocol = gn.Protocol(sweeps=sweeps, waiting_times=(sweeps // 2,), clones=2, samples=samples, points_per_decade=20)
    return gn.simulate(machine, tasks, beta=beta.tolist(), protocol=protocol, seed=1, **options)


def late(values):
    """Mean and standard error over samples of the last third of lags, in octaves."""
    values = values.isel(waiting_time=-1)
    kept = values.isel(lag=(values["lag"] >= values["lag"].max() / 2).values).mean("lag")
    found = gn.analysis.mean_and_error(kept)
    return found["mean"].values, found["error"].values


@pytest.mark.slow
@pytest.mark.parametrize(("potential", "sweeps"), [(gn.Counting(), 400), (gn.SoftCore(), 300)], ids=str)
def test_entropy_and_overlap_of_one_perceptron(potential, sweeps):
    """16 perceptrons on common inputs, alpha = 1/2, in 48 samples; 20 % more patterns would be seen."""
    machine = gn.Machine(1, N, outputs=16, potential=potential)
    ds = ladder_of(machine, N // 2, samples=48, sweeps=sweeps, weight_step=0.4)
    found = gn.analysis.free_entropy(ds).sel(beta=slice(1.0, None))
    beta, counts = found.beta.values, isinstance(potential, gn.Counting)
    theory, more = (
        [replica_symmetric(depth=1, alpha=alpha, potential=potential, beta=b) for b in beta] for alpha in (0.5, 0.6)
    )
    exact = np.array([solution.free_entropy for solution in theory])
    assert np.all(found.error < 0.005 * abs(exact))
    assert np.all(abs(found.value / exact - 1) < (0.5 if counts else 1.0) / N)
    mean, error = (x[-len(beta) :] for x in late(ds.weight_overlap.isel(layer=0)))
    Q, other = (np.array([solution.Q[0] for solution in solutions]) for solutions in (theory, more))
    assert ref.worst((mean - Q) / (error + Q / N)) < ref.THRESHOLD
    assert ref.worst((mean - other) / (error + other / N)) > ref.THRESHOLD
    if counts:  # cold enough to be the hard core: entropy per weight
        assert float(found.value[-1]) / 2 == pytest.approx(-0.37767, rel=0.01)


@pytest.mark.parametrize(("alpha", "sweeps"), [(1.0, 300), pytest.param(2.0, 1000, marks=pytest.mark.slow)])
def test_generalisation_of_one_perceptron(alpha, sweeps):
    """32 students of a hard core: errors on fresh patterns, and overlaps, from a random start."""
    machine = gn.Machine(1, N, outputs=32, potential=gn.HardCore())
    tasks = [gn.tasks.teacher_student(machine, int(N * alpha), test_patterns=500, seed=s) for s in range(8)]
    protocol = gn.Protocol(sweeps=sweeps, waiting_times=(sweeps,), clones=2, samples=8)
    ds = gn.simulate(machine, tasks, protocol=protocol, weight_step=0.3, seed=1)
    assert float(ds.clone_train_error.isel(lag=-1).mean()) < 1e-3
    exact = one_output(1, alpha)
    for values, expected in ((ds.clone_test_error, exact.gibbs_error), (ds.weight_overlap.isel(layer=0), exact.q)):
        mean, error = late(values)
        assert error < 0.01 * expected
        assert abs(mean - expected) < ref.THRESHOLD * error + expected / N
    other = one_output(1, 1.2 * alpha).gibbs_error
    mean, error = late(ds.clone_test_error)
    assert abs(mean - other) > ref.THRESHOLD * error + other / N


@pytest.mark.slow
def test_free_entropy_of_a_deep_liquid():
    """Three layers of 16 neurons with two patterns, alpha = 1/8: spins and weights move."""
    beta = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 4.0])
    machine = gn.Machine(3, 16, ensemble="gaussian", potential=gn.SoftCore())
    ds = ladder_of(machine, 2, samples=32, sweeps=200, beta=beta, weight_step=0.7, dynamics="heat_bath")
    found = gn.analysis.free_entropy(ds)
    exact = [2 * np.log(2)] + [liquid_free_entropy(depth=3, potential=machine.potential, beta=b) for b in beta[1:]]
    fall = exact[0] - np.array(exact[1:])
    off = exact[0] - found.value.values[1:] - fall
    assert np.all(abs(off) < ref.THRESHOLD * found.error.values[1:] + 0.02 * fall)
    assert np.all(found.error.values[1:] < 0.015 * fall)
