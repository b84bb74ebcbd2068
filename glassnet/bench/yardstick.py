"""What one core can do: the sweeps of a uniform machine written by hand, compiled on the spot (yardstick.cpp)."""

import ctypes
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_name("yardstick.cpp")
FLAGS = ("-march=native", "-Ofast", "-fPIC")
SIGN = np.uint32(0x80000000)


def compiler() -> str | None:
    """The C++ compiler, None if there is none."""
    return next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)


def status() -> str:
    """How the yardstick was compiled, or why there is none, in words."""
    if compiler() is None:
        return "no yardstick: no C++ compiler"
    try:
        return f"{Path(compiler() or '').name} {' '.join(FLAGS)}, vectors of {library().lanes()} numbers"
    except (OSError, subprocess.SubprocessError) as problem:
        return f"no yardstick: {problem}"


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """The yardstick, compiled into a temporary folder and loaded.

    Linked apart from the flags above: with them, the library would switch this process to inexact small numbers.

    Raises:
        OSError, subprocess.SubprocessError: without a compiler that works.
    """
    command = compiler()
    if command is None:
        raise OSError("no C++ compiler")
    with tempfile.TemporaryDirectory() as folder:
        made, linked = (str(Path(folder) / name) for name in ("yardstick.o", "yardstick.so"))
        for arguments in ([*FLAGS, "-c", str(SOURCE), "-o", made], ["-shared", made, "-o", linked]):
            subprocess.run([command, *arguments], check=True, capture_output=True, timeout=120)
        found = ctypes.CDLL(linked)
    sizes, number, array, seed = [ctypes.c_int] * 3, ctypes.c_float, ctypes.c_void_p, ctypes.c_uint64
    found.pack.argtypes = [*sizes, array, array]
    found.weights.argtypes = [*sizes, number, number, array, array, array, seed]
    found.spins.argtypes = [*sizes, number, array, array, array, seed]
    found.weights.restype = found.spins.restype = ctypes.c_long
    return found


def known(depth: int, width: int, patterns: int) -> bool:
    """Whether the yardstick knows machines of this size."""
    return not status().startswith("no") and depth > 1 and width % 2 == 0 and patterns % (2 * library().lanes()) == 0


class Yardstick:
    """Replicas of a uniform machine with Gaussian weights and quadratic soft core, under Metropolis.

    Args:
        replicas: number of replicas, which have inputs and outputs in common.
        depth, width, patterns: size; `known`.
        beta: inverse temperature.
        weight_step: size of a weight move.
        inputs, outputs: clamped neurons, shape (neuron, pattern), values +1 or -1; random if None.
    """

    def __init__(
        self,
        replicas: int,
        depth: int,
        width: int,
        patterns: int,
        *,
        beta: float,
        weight_step: float,
        inputs: np.ndarray | None = None,
        outputs: np.ndarray | None = None,
    ) -> None:
        self.size, self.beta, self.weight_step, self.swept = (depth, width, patterns), beta, weight_step, 0
        rng, lanes = np.random.default_rng(0), library().lanes()
        words = -(-patterns // (32 * lanes)) * lanes
        self.replicas = []
        for _ in range(replicas):
            spins, J = _aligned((depth + 1, width, patterns), np.uint32), _aligned((depth, width, width), np.float32)
            signs = rng.choice([1, -1], spins.shape)
            signs[0] = signs[0] if inputs is None else inputs
            signs[-1] = signs[-1] if outputs is None else outputs
            spins[:], J[:] = np.where(signs < 0, SIGN, 0), rng.normal(size=J.shape)
            gaps = _aligned((depth, width, patterns), np.float32)
            gaps[:] = signs[1:] * (J @ signs[:-1].astype(np.float32)) / np.sqrt(width)
            self.replicas.append((gaps, J, spins, _aligned((depth + 1, width, words), np.uint32)))

    def sweep(self, count: int) -> None:
        """`count` sweeps of every replica."""
        for n, replica in enumerate(self.replicas):
            gaps, J, spins, packed = (x.ctypes.data for x in replica)
            for t in range(self.swept, self.swept + count):
                seed = 2 * (t * len(self.replicas) + n)
                library().pack(*self.size, spins, packed)
                library().weights(*self.size, self.beta, self.weight_step, gaps, J, packed, seed)
                library().spins(*self.size, self.beta, gaps, J, spins, seed + 1)
        self.swept += count

    def energy(self) -> np.ndarray:
        """Energy of each replica, all layers together."""
        return np.array([(np.minimum(gaps, 0).astype(float) ** 2).sum() for gaps, *_ in self.replicas])


def _aligned(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Zeros that begin at a cache line, for numbers of four bytes."""
    size = 4 * int(np.prod(shape))
    memory = np.zeros(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)
