"""How a sweep is laid out for a kind of processor: CPU, GPU or TPU."""

import os
from dataclasses import dataclass, replace

from glassnet.core.check import fail


@dataclass(frozen=True)
class Plan:
    """How a sweep is laid out for a kind of processor. A kernel of your own may ignore it.

    Attributes:
        block: numbers handled together in one step, so that they stay in cache; None for the whole array.
        dot: long sums as a product with a constant vector, which XLA vectorises better on CPU.
        native: sweeps are calls of compiled kernels, where the system has them.
        fused: chip whose kernel does the scan ("gpu" or "tpu"); None for a scan of XLA.
        interpret: run that kernel as ordinary operations, which any processor can do, slowly.
    """

    block: int | None
    dot: bool
    native: bool = False
    fused: str | None = None
    interpret: bool = False


CACHE = 2**15
"""Numbers (float32) that stay in the cache of a core."""

CPU = Plan(block=CACHE, dot=True)
ACCELERATOR = Plan(block=None, dot=False)
NATIVE = replace(CPU, native=True)
FUSED = {name: replace(ACCELERATOR, fused=chip) for name, chip in (("gpu", "gpu"), ("cuda", "gpu"), ("tpu", "tpu"))}
"""Plans of the platforms that have a kernel of their own."""


VARIABLE = "GLASSNET_FUSED"
"""Set to "0" in the environment, accelerators scan: for a card on which the scan of XLA is faster."""


def plan_for(platform: str, replicas: int = 1) -> Plan:
    """Plan of a JAX platform ("cpu", or anything else for accelerators) for so many replicas in one call.

    Raises:
        ValueError: if `GLASSNET_FUSED` in the environment is neither "0" nor "1".
    """
    wish = os.environ.get(VARIABLE, "1")
    if wish not in ("0", "1"):
        raise fail(VARIABLE, "be 0 (compiled scan) or 1 (fused kernels)", wish)
    if platform == "cpu":
        return replace(CPU, block=max(1, CACHE // replicas))
    if wish == "0" or (platform == "gpu" and _rocm()):
        return ACCELERATOR
    return FUSED.get(platform, ACCELERATOR)


def _rocm() -> bool:
    """Whether what JAX calls "gpu" here is from AMD."""
    from jax.extend.backend import get_backend  # loads Pallas

    try:
        return "rocm" in get_backend("gpu").platform_version.lower()
    except RuntimeError:  # there is none
        return False
