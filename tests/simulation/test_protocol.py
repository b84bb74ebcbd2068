import pytest

import glassnet as gn


def test_hosts_are_measured_at_every_waiting_time():
    protocol = gn.Protocol(sweeps=5, waiting_times=(0, 7, 40), points_per_decade=3)
    assert {0, 7, 40} <= set(protocol.times)
    assert protocol.times == tuple(sorted(set(protocol.times)))
    assert protocol.lags[0] == 0 and protocol.lags[-1] == 5


def test_hosts_can_run_on():
    protocol = gn.Protocol(sweeps=5, waiting_times=(0, 7), host_sweeps=100)
    assert protocol.times[-1] == 100


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sweeps": 0}, "`sweeps` must be an integer of at least 1, but is 0"),
        ({"clones": -1}, "`clones`.*-1"),
        ({"samples": 1.5}, "`samples`.*1.5"),
        ({"points_per_decade": 0}, "`points_per_decade`.*0"),
        ({"waiting_times": ()}, r"`waiting_times`.*\(\)"),
        ({"waiting_times": (3, 3)}, r"`waiting_times` must ascend, but is \(3, 3\)"),
        ({"waiting_times": (-1, 3)}, r"`waiting_times\[0\]`.*-1"),
        ({"waiting_times": (0, 2**31)}, "`waiting_times` must stay below 2.*2147483648"),
        ({"waiting_times": (0,), "host_sweeps": 2**31}, "`host_sweeps` must stay below 2.*2147483648"),
        ({"waiting_times": (0, 1), "sweeps": 2**31 - 1}, "`sweeps` must stay below 2.*2147483647"),
        ({"waiting_times": (0, 50), "host_sweeps": 20}, r"`waiting_times` must not exceed the 20 sweeps.*50"),
    ],
)
def test_bad_protocols_are_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message):
        gn.Protocol(**changes)
