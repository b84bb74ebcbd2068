"""Proposals per second in the Sherrington-Kirkpatrick model at T = 1, for samplers whose energies agree."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import sk
from peers import Ours, Sampler, installed

SITES = (256, 512, 1024)
BETA = 1.0
BURN_IN = 300
"""Sweeps before the first energy."""

LARGEST_Z = 4.5
"""Energies agree if their difference is at most so many standard errors."""


def sk_rates(*, sites: tuple[int, ...] = SITES, blocks: int = 12, sweeps: int = 50, scan: bool = False) -> Iterator:
    """Rows for each number of sites: ours first, then the others, with energies and, if these agree, rates.

    Args:
        sites: sizes.
        blocks: measurements of each sampler, in turn.
        sweeps: sweeps of a block.
        scan: also the sweeps in JAX alone, where those in C++ run.
    """
    for N in sites:
        yield from compared(_samplers(sk.couplings(N, seed=N), scan), sk.couplings(N, seed=N), blocks, sweeps)


def _samplers(J: np.ndarray, scan: bool) -> dict[str, Sampler]:
    native = not sk.status().startswith("no")
    name = "sk.cpp" if native else "sk.py"
    kinds: dict[str, Any] = {
        name: partial(Ours, native=native),
        f"{name}, one chain": partial(Ours, native=native, chains=1),
    }
    kinds |= {"sk.py": partial(Ours, native=False)} if scan and native else {}
    return {name: kind(J, BETA) for name, kind in (kinds | installed()).items()}


def compared(samplers: dict[str, Sampler], J: np.ndarray, blocks: int, sweeps: int) -> list[dict[str, Any]]:
    """Run samplers in turn; a row for each, the first of which is what the energies are held against."""
    for sampler in samplers.values():
        sampler.sweep(BURN_IN)
    seconds = dict.fromkeys(samplers, float("inf"))
    energies: dict[str, list[np.ndarray]] = {name: [] for name in samplers}
    for _ in range(blocks):
        for name, sampler in samplers.items():
            seconds[name] = min(seconds[name], max(sampler.sweep(sweeps), 1e-9))
            energies[name].append(sk.energy(J, sampler.spins))
    reference = _mean_and_error(energies[next(iter(samplers))])
    rows = []
    for name, sampler in samplers.items():
        rate = sampler.spins.size * sweeps / seconds[name]
        rows.append(_row(name, sampler.spins.shape, rate, _mean_and_error(energies[name]), reference))
    return rows


def _row(name: str, shape: tuple[int, ...], rate: float, found: tuple, reference: tuple) -> dict[str, Any]:
    (mean, error), (right, right_error) = found, reference
    z = 0.0 if found == reference else float((mean - right) / np.hypot(error, right_error))
    agrees = abs(z) < LARGEST_Z
    row = {"sampler": name, "sites": shape[0], "chains": shape[1], "energy": mean, "energy_error": error, "z": z}
    return row | {"agrees": agrees, "proposals_per_s": rate if agrees else None}


def _mean_and_error(energies: list[np.ndarray]) -> tuple[float, float]:
    """Mean over blocks and chains; error from chains, which are independent, or from ten parts of a lone one."""
    x = np.stack(energies)
    means = (
        x.mean(0) if x.shape[1] > 1 else np.array([part.mean() for part in np.array_split(x[:, 0], min(10, len(x)))])
    )
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means)))
