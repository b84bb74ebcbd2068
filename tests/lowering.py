"""Programs lowered for accelerators that are not there."""

import re
import warnings

import jax
import pytest
from jax import export

TARGETS = {"cuda": "__gpu$xla.gpu.triton", "tpu": "tpu_custom_call"}
"""What a module calls to run a kernel."""


def module(function, platform, *arguments):
    """StableHLO of `function` on a platform, without quoted strings except the names of what it calls."""
    checks = [export.DisabledSafetyCheck.custom_call(target) for target in TARGETS.values()]
    exporting = export.export(jax.jit(function), platforms=[platform], disabled_checks=checks)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The Pallas Triton backend is deprecated", DeprecationWarning)
        try:
            exported = exporting(*arguments)
        except (RuntimeError, NotImplementedError) as error:
            if platform == "cuda" and re.search("No supported GPU|compilation handler", str(error)):
                pytest.skip("this JAX compiles Triton kernels while it lowers, and needs a GPU for it")
            raise
    assert exported.platforms == (platform,)
    return re.sub(r'"(\\.|[^"\\])*"', '""', exported.mlir_module())


def kernels(text):
    """How many kernels a module calls."""
    return sum(len(re.findall(rf"custom_call @{re.escape(target)}\(", text)) for target in TARGETS.values())
