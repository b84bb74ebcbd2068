import math
from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytest

from glassnet.core.schedule import Schedule, log_times


def betas(schedule, times):
    path = schedule.path()
    return [float(1 / path.temperature(jnp.int32(t))) for t in times]


@pytest.mark.parametrize(("last", "density"), [(0, 3), (1, 1), (7, 4), (1000, 1), (1000, 10), (12345, 5), (10**7, 3)])
def test_log_times(last, density):
    times = log_times(last, density)
    assert times[0] == 0
    assert times[-1] == last
    assert all(isinstance(t, int) for t in times)
    assert all(a < b for a, b in pairwise(times))


def test_log_times_hit_the_decades_with_the_density_asked_for():
    assert log_times(1000, 1) == (0, 1, 10, 100, 1000)
    times = log_times(10**6, 8)
    assert {10, 100, 1000, 10**4, 10**5} < set(times)
    assert sum(10**4 <= t < 10**5 for t in times) == 8


def test_quench():
    assert betas(Schedule.quench(2.5), [0, 1, 10**6]) == [2.5] * 3
    assert Schedule.quench(2.5).constant
    assert float(Schedule.quench(math.inf).path().temperature(jnp.int32(3))) == 0
    assert math.isinf(float(Schedule.quench(0).path().temperature(jnp.int32(3))))


def test_steps():
    schedule = Schedule.steps([0, 10, 20], [0.5, 2.0, math.inf])
    assert betas(schedule, [0, 9, 10, 19, 20, 500]) == [0.5, 0.5, 2, 2, math.inf, math.inf]
    assert not schedule.constant
    assert schedule.final_beta == math.inf


def test_linear():
    np.testing.assert_allclose(betas(Schedule.linear(1, 5, 100), [0, 25, 50, 100, 900]), [1, 2, 3, 5, 5], rtol=1e-6)


def test_geometric():
    schedule = Schedule.geometric(0.1, 1000.0, 400)
    np.testing.assert_allclose(betas(schedule, [0, 100, 200, 400, 999]), [0.1, 1, 10, 1000, 1000], rtol=1e-5)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: log_times(-1, 3), "`last` must be an integer of at least 0, but is -1"),
    (lambda: log_times(10, 0), "`points_per_decade` must be an integer of at least 1, but is 0"),
    (lambda: log_times(2.5, 3), "`last` must be an integer of at least 0, but is 2.5"),
    (lambda: Schedule.quench(-1.0), "`beta` must be a number of at least 0, but is -1.0"),
    (lambda: Schedule.quench(math.nan), "`beta` must be a number of at least 0, but is nan"),
    (lambda: Schedule.quench("2"), "`beta` must be a number of at least 0, but is '2'"),
    (lambda: Schedule((0, 5, 5), (1, 2, 3)), r"`times` must ascend from 0, but is \(0, 5, 5\)"),
    (lambda: Schedule((1, 5), (1, 2)), r"`times` must ascend from 0, but is \(1, 5\)"),
    (lambda: Schedule((), ()), r"`times` must ascend from 0, but is \(\)"),
    (lambda: Schedule((0, -3), (1, 2)), r"`times\[1\]` must be an integer of at least 0, but is -3"),
    (lambda: Schedule((0, 5), (1,)), r"`betas` must hold one value for each of the 2 times, but is \(1.0,\)"),
    (lambda: Schedule((0, 5), (1, 2), "cubic"), "`kind` must be one of .*, but is 'cubic'"),
    (lambda: Schedule.linear(1, math.inf, 10), r"`betas` must be finite in a linear schedule, but is \(1.0, inf\)"),
    (lambda: Schedule.geometric(0, 1, 10), r"`betas` must be positive in a geometric schedule, but is \(0.0, 1.0\)"),
    (lambda: Schedule.linear(0, 1, 0), "`sweeps` must be an integer of at least 1, but is 0"),
])  # fmt: skip
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match="Argument " + message):
        make()


def test_minus_zero_is_zero():
    assert repr(Schedule.quench(-0.0)) == repr(Schedule.quench(0.0))
    assert math.isinf(float(Schedule.quench(-0.0).path().temperature(jnp.int32(3))))
    assert float(Schedule.quench(-0.0).path().temperature(jnp.int32(3))) > 0


@pytest.mark.parametrize("beta", [1e-39, 5e-324, 1e39, 1.7e308])
def test_betas_that_single_precision_does_not_hold_are_refused(beta):
    for make in (
        lambda: Schedule.quench(beta),
        lambda: Schedule.linear(beta, 1, 20),
        lambda: Schedule.geometric(1, beta, 20),
        lambda: Schedule.steps([0, 5], [1.0, beta]),
    ):
        with pytest.raises(ValueError, match="`beta` must be zero or between 1e-37 and 1e\\+37 in size"):
            make()


@pytest.mark.parametrize("beta", [1e-37, 1e37])
def test_the_smallest_and_the_largest_beta_arrive_with_all_digits(beta):
    assert betas(Schedule.quench(beta), [3])[0] == pytest.approx(beta, rel=1e-6)
