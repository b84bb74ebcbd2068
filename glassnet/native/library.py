"""The compiled kernels for CPUs: found, loaded, registered with XLA; or the reason why they are not used.

The library is built when glassnet is installed where a C++ compiler is present. `GLASSNET_NATIVE` in the environment
turns them off ("0") or asks for one instruction set ("avx512", "avx2", "base").
"""

import ctypes
import hashlib
import os
from functools import lru_cache
from pathlib import Path

import jax
import numpy as np

from glassnet.core.check import fail

FUNCTIONS = ("glassnet_weights", "glassnet_spins", "glassnet_energy", "glassnet_feedforward")
"""Targets of `jax.ffi.ffi_call`."""

VARIABLE = "GLASSNET_NATIVE"

SETS = ("avx512", "avx2", "base")
"""Instruction sets, the fastest first."""

FOLDER = Path(__file__).parent


def available() -> bool:
    """Whether the kernels can be called in this process.

    Raises:
        ValueError: if `GLASSNET_NATIVE` in the environment has no meaning.
    """
    return _load()[0] is not None


def require() -> None:
    """Load the kernels.

    Raises:
        RuntimeError: if there are none, with the reason.
    """
    if not available():
        raise RuntimeError(f"No native kernels: {status()}.")


def status() -> str:
    """What runs on CPUs, and why, in words."""
    return _load()[1]


def missing() -> str | None:
    """Why there are no kernels, in words; None if there are, or if they were switched off on purpose."""
    found, words = _load()
    return None if found is not None or os.environ.get(VARIABLE) == "0" else words


def instruction_set() -> str | None:
    """Instruction set of the kernels in use, None if there are no kernels."""
    library = _load()[0]
    return None if library is None else library.glassnet_set().decode()


def use(name: str) -> None:
    """Switch all further calls of this process to an instruction set; results differ by rounding only.

    Raises:
        ValueError: if there are no kernels, or the processor lacks the set.
    """
    library = _load()[0]
    if library is None or not library.glassnet_use(name.encode()):
        raise ValueError(f"Argument `name` must be an instruction set of this processor, but is {name!r} ({status()}).")


def costs(kind: int, strength: float, margin: float, shape: float, fields: np.ndarray) -> np.ndarray:
    """Costs of fields as the kernels compute them, float32, shape (n,): what a test compares.

    Raises:
        RuntimeError: if there are no kernels.
    """
    require()
    library, out = _load()[0], np.empty(len(fields), np.float32)
    assert library is not None
    library.glassnet_costs(kind, strength, margin, shape, np.ascontiguousarray(fields, np.float32), len(out), out)
    return out


@lru_cache(maxsize=1)
def _load() -> tuple[ctypes.CDLL | None, str]:
    """The library, or None, and a sentence that says why."""
    wish = os.environ.get(VARIABLE, "")
    if wish == "0":
        return None, f"compiled scan; native kernels are switched off ({VARIABLE}=0)"
    if wish not in ("", "1", *SETS):
        raise fail(VARIABLE, f"be 0, 1 or one of {', '.join(SETS)}", wish)
    files = sorted(FOLDER.glob("_kernels*.so"))
    if not files:
        return None, "compiled scan; native kernels were not built (no C++ compiler at install?)"
    try:
        library = next((x for x in map(_opened, files) if x.glassnet_source().decode() == _digest()), None)
        if library is None:
            return None, "compiled scan; native kernels were built from other sources: install glassnet again"
        for name in FUNCTIONS:
            jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(getattr(library, name)), platform="cpu")
    except (OSError, AttributeError, RuntimeError) as problem:
        return None, f"compiled scan; native kernels cannot be loaded: {problem}"
    if wish in SETS and not library.glassnet_use(wish.encode()):
        return None, f"compiled scan; this processor has no instruction set {wish} ({VARIABLE}={wish})"
    return library, f"native kernels ({library.glassnet_set().decode()})"


def _opened(file: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(file))
    library.glassnet_set.restype = library.glassnet_source.restype = ctypes.c_char_p
    array = np.ctypeslib.ndpointer(np.float32, flags="C")
    numbers = [ctypes.c_int32, ctypes.c_float, ctypes.c_float, ctypes.c_float]
    library.glassnet_costs.argtypes, library.glassnet_costs.restype = [*numbers, array, ctypes.c_int, array], None
    library.glassnet_use.argtypes, library.glassnet_use.restype = [ctypes.c_char_p], ctypes.c_bool
    return library


def _digest() -> str:
    """Digest of the sources beside this file, as setup.py builds it in."""
    files = sorted(path for path in (FOLDER / "src").iterdir() if path.suffix in (".h", ".cpp"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
