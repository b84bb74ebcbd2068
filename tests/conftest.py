"""Settings made before JAX and the package are imported: no silent promotion, quick to compile, compiled once."""

import atexit
import gc
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from compiling import quick_flags

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", quick_flags())  # most of the time goes into compiling
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:  # workers and the commands that tests start share what is compiled
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="glassnet-compiled-")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

import jax
from absl import logging as absl_logging
from jax._src.compilation_cache import decompress_executable
from jaxtyping import install_import_hook

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Of absl, which optax brings: its handler closes what was stderr at its import when submitit sets up its log.
absl_logging.get_absl_handler().python_handler.setStream(sys.__stderr__)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and with it the tests

sys.path.insert(0, str(Path(__file__).parent))
# functions at the border check their arguments themselves, with clearer errors: not listed
CHECKED = [
    "glassnet.core.keys",
    "glassnet.perceptron.state",
    "glassnet.perceptron.forward",
    "glassnet.perceptron.sweeps",
    "glassnet.sampling.kernel",
    "glassnet.sampling.accept",
]
if os.environ.get("GLASSNET_TEST_TYPES"):  # it takes a quarter of the time of tracing
    install_import_hook(CHECKED, "annotations.checked")

OLD = 30 * 24 * 3600
"""Seconds after which a compiled program is made anew."""


def pytest_sessionstart():
    """Remove compiled programs that are old, or only half there: a process was killed as it wrote them."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    for file in Path(os.environ["JAX_COMPILATION_CACHE_DIR"]).glob("*-cache"):
        if time.time() - file.stat().st_mtime > OLD or not whole(file):
            file.unlink()


def pytest_collection_finish():
    """Let the collector of cycles pass over what has been loaded by now, and come less often: a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def whole(file):
    """Whether all of a compiled program is there."""
    try:
        return bool(decompress_executable(file.read_bytes()))
    except Exception:
        return False


LONG = ["test_survival", "test_devices", "test_distributed", "experiments", "test_joint", "test_parts", "sweeps"]
"""Files and folders that take longest. A file stays on one worker: no long one may begin when the others are done."""


def pytest_collection_modifyitems(items):
    """Long files first, in the order of `LONG`; the others as they are."""

    def place(item):
        names = {item.path.stem, item.path.parent.name}
        return next((n for n, name in enumerate(LONG) if name in names), len(LONG))

    items.sort(key=place)
