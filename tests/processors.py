"""A quick part of the tests on what other processors have: `make test-processors`.

The native kernels of older processors, none of them, and XLA without AVX-512. What this processor lacks is told, and
not counted as passed.
"""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]

ANYWHERE = [
    "tests/sweeps/test_bits.py::test_a_run_may_be_cut_anywhere[metropolis]",
    "tests/sweeps/test_bits.py::test_a_replica_does_not_see_its_neighbours[metropolis]",
    "tests/sweeps/test_bits.py::test_compiled_sums_equal_numpy_at_all_small_sizes[False]",
    "tests/sweeps/test_bits.py::test_compiled_preactivations_equal_numpy_at_odd_widths[13]",
    "tests/sweeps/test_spins_exact.py::test_boltzmann_distribution[soft-heat-bath]",
    "tests/sweeps/test_weights_exact.py::test_one_row_against_exact_averages[spherical-3]",
    "tests/simulation/test_resume.py::test_stops_anywhere_change_no_bit[3]",
]
"""Bits, exactness, and a run that is stopped and taken up again."""

NATIVE = [
    "tests/sweeps/test_native.py::test_same_decisions_as_the_scan[gaussian]",
    "tests/sweeps/test_native.py::test_same_decisions_as_the_scan[diluted spherical]",
    "tests/sweeps/test_native.py::test_preactivations_stay_exact",
    "tests/sweeps/test_spins_exact.py::test_boltzmann_distribution[native]",
    "tests/sweeps/test_weights_exact.py::test_one_row_against_exact_averages[spherical-3, native]",
]
"""The native kernels."""

RUN = [test for test in ANYWHERE if "simulation" in test]
"""What calls native kernels where there are any; the other tests of `ANYWHERE` compile scans."""

SETTINGS = {
    "GLASSNET_NATIVE=avx2": NATIVE + RUN,
    "XLA_FLAGS=--xla_cpu_max_isa=AVX2": ANYWHERE + NATIVE,
    "GLASSNET_NATIVE=base": NATIVE + RUN,  # reads the programs that the first one compiled
    "GLASSNET_NATIVE=0": RUN,
}
"""What is set in the environment, and the tests that run under it."""


def main() -> int:
    """Run the tests under all settings, two at a time; the number of settings that failed."""
    with tempfile.TemporaryDirectory(prefix="glassnet-compiled-") as programs, ThreadPoolExecutor(2) as pool:
        kept = os.environ.get("JAX_COMPILATION_CACHE_DIR", programs)
        # XLA as users have it
        shared = {"JAX_COMPILATION_CACHE_DIR": kept, "XLA_FLAGS": "", "GLASSNET_TEST_TYPES": "1"}
        outcomes = list(pool.map(lambda setting: tried(setting, shared), SETTINGS))
    for setting, (_, words) in zip(SETTINGS, outcomes, strict=True):
        print(f"{setting:<34} {words}")
    return sum(failed for failed, _ in outcomes)


def tried(setting: str, shared: dict[str, str]) -> tuple[bool, str]:
    """Whether the tests under a setting failed, and what became of them in words."""
    name, value = setting.split("=", 1)
    env = os.environ | {"JAX_PLATFORMS": "cpu"} | shared | {name: value}
    lacking = reason_to_leave_out(name, value, env)
    if lacking:
        return False, f"not run: {lacking}"
    begun = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SETTINGS[setting]]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    last = (done.stdout.strip().splitlines() or [done.stderr])[-1]
    skipped = " skipped" in last
    if done.returncode or skipped:
        print(f"== {setting}\n{done.stdout}{done.stderr}", flush=True)
        return True, f"FAILED: {last}"
    return False, f"{last.strip('= ')} ({time.monotonic() - begun:.0f} s)"


def reason_to_leave_out(name: str, value: str, env: dict[str, str]) -> str:
    """Why a setting means nothing here; "" if it does mean something."""
    if name == "XLA_FLAGS":
        flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else []
        return "" if "avx512f" in flags else "this processor has no AVX-512 that could be left out"
    if value == "0":
        return ""
    program = "from glassnet.native import library; print(library.instruction_set() or library.status())"
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    return "" if said.stdout.strip() == value else said.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
