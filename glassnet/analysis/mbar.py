"""Free entropy of a ladder by the multistate Bennett acceptance ratio, as a check of the integration over beta.

The library pymbar solves its equations. It switches JAX to 64 bits for the whole process, so it has a process of its
own, and without JAX.
"""

import io
import os
import subprocess
import sys

import numpy as np
from xarray import DataArray, Dataset

from glassnet.analysis.free_entropy import energies_at_zero, ladder, late_energies
from glassnet.analysis.labels import described, own_words, patterns, widths
from glassnet.core.check import fail

SOLVE = """
import io, sys
import numpy as np
from pymbar import MBAR
with np.load(io.BytesIO(sys.stdin.buffer.read())) as given:
    energy, beta = given["energy"], given["beta"]
found = []
for one in energy:  # (temperature, measurement)
    u = beta[:, None] * one.reshape(1, -1)
    solved = MBAR(u, np.full(len(beta), one.shape[1]), solver_protocol="robust")
    f = solved.compute_free_energy_differences(compute_uncertainty=False)["Delta_f"][0]
    apart = np.diag(solved.compute_overlap()["matrix"], -1) < 1e-3
    f[1:][np.cumsum(apart) > 0] = np.nan
    found.append(f)
np.save(sys.stdout.buffer, np.array(found))
"""


@own_words
def mbar(ds: Dataset, *, since: float | None = None) -> Dataset:
    """Free entropy per N M at every beta of a ladder that begins at 0, by MBAR from all measured energies.

    ln Z_k = ln sum_n [sum_m N_m exp(beta_k E_n - beta_m E_n) / Z_m]^-1 over N_m measurements n at all temperatures m
    [Shirts and Chodera, J. Chem. Phys. 129, 124105 (2008)]. Normalised as `free_entropy`, of which it is independent
    but for the run: no integral over beta, and distributions of neighbours that must overlap.

    Args:
        ds: result of a ladder as `free_entropy` takes it.
        since: lag in sweeps from which on clones count; half the longest one if None.
    Returns:
        By `beta`, in rising order: `value`, the mean over samples, and `error`, its standard error; NaN from where two
        neighbours have no energies in common, so that nothing connects them.
    Raises:
        ValueError: as `free_entropy`.
        ModuleNotFoundError: without pymbar (`pip install glassnet[mbar]`).
        RuntimeError: if the equations are not solved; it holds what pymbar says.
    """
    ds = ladder(ds)
    per_gap = late_energies(ds, since)
    size = float(widths(ds).mean()) * float(patterns(ds))
    energy, at_zero = energies_at_zero(ds, per_gap)
    if not bool(np.isfinite(energy).all()):
        raise fail("ds.clone_energy", "be finite", float(energy.values[~np.isfinite(energy.values)][0]))
    total = size * energy.transpose("sample", "beta", "clone", "lag").values
    beta = ds["beta"].values.astype(float)
    log_z = -_differences(total.reshape(*total.shape[:2], -1), beta) / size
    values = DataArray(log_z, dims=("sample", "beta"), coords={"beta": beta}) + at_zero
    words = {"units": "1", "symbol": "Phi"}
    error = values.std("sample", ddof=1) / np.sqrt(values.sizes["sample"])
    return Dataset(
        {
            "value": described(values.mean("sample"), long_name="free entropy per N M", **words),
            "error": described(error, long_name="standard error of the free entropy", **words),
        }
    )


def _differences(energy: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """-ln Z(beta)/Z(0) of each sample, shape (sample, temperature), of energies (sample, temperature, measurement)."""
    file = io.BytesIO()
    np.savez(file, energy=energy, beta=beta)
    solved = subprocess.run(
        [sys.executable, "-P", "-c", SOLVE],
        input=file.getvalue(),
        capture_output=True,
        env=os.environ | {"PYMBAR_DISABLE_JAX": "TRUE"},
    )
    if solved.returncode:
        words = solved.stderr.decode(errors="replace").strip()
        if "ModuleNotFoundError" in words and "pymbar" in words:
            raise ModuleNotFoundError("mbar needs pymbar: pip install glassnet[mbar]")
        raise RuntimeError(f"pymbar did not solve the equations: {words[-500:]}")
    return np.load(io.BytesIO(solved.stdout))
