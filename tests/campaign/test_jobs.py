"""Runs as jobs: what a job does with signals and exit statuses, and submitit's local cluster in place of a real one."""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from command import command as call
from test_sweep import file_of, has_checkpoint, send_when, simulated

import glassnet as gn
from glassnet.campaign import jobs
from glassnet.campaign.cluster import engine, read_options
from glassnet.campaign.jobs import QueuedRun
from glassnet.campaign.processes import Assignment
from glassnet.store.folder import log

CLUSTER = "[cluster]\ntimeout_min = 10\n"

ENDS = {
    "complete": "pass",
    "out_of_time": "raise SystemExit(75)",
    "broken": "raise SystemExit(1)",
    "asked": "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(75)); {kill}; {wait}",
    "asked_early": "import time; {kill}; {wait}",
}


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A function that carries out a job whose run is a program; how often the job asked to be queued again."""
    requeued = []

    def carry_out(end, sent=None):
        kill = "" if sent is None else f"import os; os.kill({os.getpid()}, {int(sent)})"
        wait = "[time.sleep(0.05) for _ in range(1000)]"  # a signal just before a long sleep would wait for its end
        program = ENDS[end].format(kill=kill, wait=wait)
        monkeypatch.setattr(jobs, "command", lambda *_, time_limit: [sys.executable, "-c", program])
        return QueuedRun(Assignment("run", tmp_path / "run", tmp_path / "run.json", tmp_path / "log"), 60.0)()

    carry_out.requeued = requeued
    former = {number: signal.getsignal(number) for number in (signal.SIGUSR2, signal.SIGTERM)}
    signal.signal(signal.SIGUSR2, lambda *_: requeued.append(1))
    yield carry_out
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("end", "sent", "status", "queued"),
    [
        ("complete", None, 0, 0),
        ("out_of_time", None, 75, 1),
        ("asked", signal.SIGUSR2, 75, 1),
        ("asked_early", signal.SIGUSR2, -signal.SIGTERM, 1),
        ("asked", signal.SIGTERM, 75, 0),
    ],
)
def test_a_job_whose_time_is_up_asks_to_be_queued_again(job, end, sent, status, queued):
    assert job(end, sent) == status
    assert len(job.requeued) == queued


def test_a_job_whose_run_fails_fails(job):
    with pytest.raises(RuntimeError, match="run ended with status 1, see"):
        job("broken")
    assert job.requeued == []


def test_a_run_stops_before_its_job():
    options = read_options({"timeout_min": 60, "signal_delay_s": 100, "mem_gb": 4})
    assert options.time_limit == 3600 - 200
    assert options.others == {"mem_gb": 4}


WRONG = [
    ({}, "Argument `cluster.timeout_min` must be given, but is missing."),
    ({"timeout_min": 0}, "Argument `cluster.timeout_min` must be an integer of at least 1, but is 0."),
    ({"timeout_min": 3, "signal_delay_s": 90}, "`cluster.timeout_min` must be more than 3, twice signal_delay_s, but"),
    ({"timeout_min": 60, "requeues": -1}, "Argument `cluster.requeues` must be an integer of at least 0, but is -1."),
    ({"timeout_min": 60, "nodes": 2}, "Argument `cluster.nodes` must not be given, but is 2."),
]


@pytest.mark.parametrize(("table", "message"), WRONG)
def test_wrong_options_of_jobs(table, message):
    with pytest.raises(ValueError, match="^Argument") as error:
        read_options(table)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"), [("walltime", "Parameter 'walltime' need"), ("partition", "Use 'slurm_pa")]
)
def test_options_that_submitit_refuses(name, message, tmp_path):
    file = file_of(tmp_path, f"seed = [0]\n{CLUSTER}{name} = 'long'")
    code, out, err = call("sweep", file, "--cluster", "local")
    assert (code, out) == (2, "")
    assert "Argument `cluster` must suit submitit, but: " in err
    assert message in err
    assert not (tmp_path / "c" / "campaign.json").exists()


def test_without_submitit(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    code, out, err = call("sweep", file_of(tmp_path, f"seed = [0]\n{CLUSTER}"), "--cluster", "local")
    assert (code, out) == (2, "")
    assert err == (
        "glassnet: error: Jobs on a cluster need submitit, which is not installed: pip install 'glassnet[cluster]'.\n"
    )


def test_without_slurm(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, out, err = call("sweep", file_of(tmp_path, f"seed = [0]\n{CLUSTER}"), "--cluster", "slurm")
    assert (code, out) == (2, "")
    assert "Could not detect" in err


SLURM = {
    "srun": "",
    "sbatch": 'echo "Submitted batch job 12"',
    "sacct": 'echo "JobID|State|NodeList"; echo "12_0|RUNNING|a"; echo "12_1|PENDING|"',
}
"""What stands in for the commands of SLURM."""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """The folder of programs that answer as those of SLURM do."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in SLURM.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_slurm_gets_one_array_and_is_not_asked_twice(slurm, tmp_path):
    table = f"{CLUSTER}slurm_partition = 'long'\nslurm_array_parallelism = 8\nmem_gb = 4\n"
    file = file_of(tmp_path, f"seed = [0, 1]\n{table}")
    code, out, err = call("sweep", file, "--cluster", "slurm")
    assert (code, err) == (0, "")
    assert "seed=0  job 12_0\nseed=1  job 12_1\n" in out
    assert f"see   glassnet sweep {file} --dry-run" in out
    script = (tmp_path / "c" / "jobs" / "12_submission.sh").read_text()
    for flag in (
        "array=0-1%2",
        "time=10",
        "partition=long",
        "mem=4GB",
        "signal=USR2@120",
        "requeue",
        "job-name=glassnet",
    ):
        assert f"#SBATCH --{flag}\n" in script, flag
    assert call("sweep", file, "--dry-run")[1] == "seed=0  queued        0 %\nseed=1  queued        0 %\n"
    code, out, _ = call("sweep", file, "--cluster", "slurm")
    assert code == 0
    assert "2 runs (2 queued), 0 to do" in out
    (slurm / "sacct").write_text(SLURM["sacct"].replace("PENDING", "CANCELLED").join(("#!/bin/sh\n", "\n")))
    engine().SlurmJob.watcher.clear()
    assert call("sweep", file, "--dry-run")[1] == "seed=0  queued        0 %\nseed=1  absent        0 %\n"


def test_a_campaign_on_the_local_cluster(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "POLL", 0.2)
    file = file_of(tmp_path, f"seed = [0]\n{CLUSTER}")
    code, out, err = call("sweep", file, "--cluster", "local", "--wait")
    assert (code, err) == (0, "")
    assert "[1/1] seed=0  complete" in out
    assert set(json.loads((tmp_path / "c" / "jobs.json").read_text())) == {"seed=0"}
    assert (gn.open_campaign(tmp_path / "c").status == "complete").all()
    code, out, _ = call("sweep", file, "--cluster", "local", "--wait")
    assert code == 0
    assert "1 runs (1 complete), 0 to do" in out


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks up the parent of a process")
def test_a_job_that_the_cluster_asks_to_leave_is_queued_again_and_goes_on(tmp_path):
    file = file_of(tmp_path, f"seed = [0]\n{CLUSTER}", sweeps=20_000)
    run = tmp_path / "c" / "seed=0"

    def job_of_run():
        return int(Path(f"/proc/{log(run)[0]['pid']}/stat").read_text().rpartition(")")[2].split()[1])

    thread = send_when(lambda: has_checkpoint(run), signal.SIGUSR2, job_of_run)
    code, _, err = call("sweep", file, "--cluster", "local", "--wait")
    thread.join()
    assert (code, err) == (0, "")
    events = [event["event"] for event in log(run)]
    assert (events.count("stopped"), events.count("resumed"), events[-1]) == (1, 1, "complete")
    ds = gn.open_campaign(tmp_path / "c").isel(seed=0)
    np.testing.assert_array_equal(ds.spin_overlap, simulated(file, 0).spin_overlap)
