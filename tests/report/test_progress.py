"""Progress and history from logs."""

import numpy as np
import pytest
from report.clean import clean, cut

from glassnet.report.origin import history
from glassnet.report.progress import progress_of, rates, sessions
from glassnet.report.source import run_of

LOG = (
    {"time": "2026-01-01T00:00:00+00:00", "event": "started", "host": "a", "sweeps": "scan"},
    {"time": "2026-01-01T00:01:00+00:00", "event": "checkpoint", "done": 600, "total": 6000, "run_seconds": 60},
    {"time": "2026-01-01T00:02:00+00:00", "event": "checkpoint", "done": 1800, "total": 6000, "run_seconds": 120},
    {"time": "2026-01-01T00:02:30+00:00", "event": "stopped", "reason": "time limit", "run_seconds": 150},
    {"time": "2026-01-02T00:00:00+00:00", "event": "took_over_lock"},
    {"time": "2026-01-02T00:00:01+00:00", "event": "resumed", "host": "b"},
    {"time": "2026-01-02T00:01:00+00:00", "event": "checkpoint", "done": 2400, "run_seconds": 210, "energy": None},
    {"time": "2026-01-02T00:02:00+00:00", "event": "checkpoint", "done": 3000, "run_seconds": 270},
)


def test_sessions_and_rates():
    first, second = sessions(LOG)
    assert [event["event"] for event in second][:2] == ["took_over_lock", "resumed"]
    assert len(first) == 4
    speed = rates(LOG)
    np.testing.assert_allclose(speed, [20, 10])
    np.testing.assert_array_equal(speed.done, [1800, 3000])
    np.testing.assert_array_equal(speed.session, [0, 1])
    assert rates(LOG[:4]) is None
    assert sessions([]) == []


def test_progress(tmp_path):
    ds = clean()
    total = 6 * (1000 + 3 * 3 * 1000)
    complete = progress_of(run_of(ds.assign_attrs(run_seconds=30.0), tmp_path))
    assert (complete.done, complete.total, complete.rate, complete.fraction) == (total, total, total / 30, 1)
    by_data = progress_of(run_of(cut(ds, time=100), tmp_path))
    assert by_data.done == 6 * 100
    assert np.isnan(by_data.seconds) and np.isnan(by_data.left)
    by_log = progress_of(run_of(cut(ds, time=100), tmp_path, status="running", events=LOG))
    assert (by_log.done, by_log.seconds) == (3000, 270)
    assert by_log.left == pytest.approx((total - 3000) * 270 / 3000)
    labelled = cut(ds, time=100).assign_attrs(progress=0.5, run_seconds=300.0, status="running")
    by_label = progress_of(run_of(labelled, tmp_path, events=LOG))
    assert (by_label.done, by_label.seconds) == (total / 2, 300)


def test_history(tmp_path):
    run = run_of(cut(clean(), time=100), tmp_path, status="running", events=LOG)
    body = history(run, progress_of(run)).body
    assert "<td>2 min 30 s</td><td>stopped</td><td>time limit</td><td>scan</td><td>a</td>" in body
    assert "<td>2 min 0 s</td><td>–</td><td>–</td><td>–</td><td>b</td>" in body
    assert 'id="history-rate"' in body
    assert "energy –" in body
    assert "keeps no log" in history(run._replace(events=()), progress_of(run)).body
