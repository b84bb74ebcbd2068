"""Settings made before JAX and the package are imported: no silent promotion, annotations checked, compiled once."""

import atexit
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:  # workers and the commands that tests start share what is compiled
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="glassnet-compiled-")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

import jax
from jaxtyping import install_import_hook

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

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
install_import_hook(CHECKED, "annotations.checked")
