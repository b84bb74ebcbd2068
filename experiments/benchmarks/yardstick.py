"""What one core can do: the sweeps of a uniform machine written by hand, compiled on the spot (yardstick.cpp)."""

import ctypes
from functools import lru_cache
from pathlib import Path

import compiler
import numpy as np

from glassnet.bench.cases import BETA, WEIGHT_STEP, Case
from glassnet.bench.timing import Sweep

SOURCE = Path(__file__).with_name("yardstick.cpp")
FLAGS = ("-march=native", "-Ofast", "-fPIC")
SIGN = np.uint32(0x80000000)


def status() -> str:
    """How the yardstick was compiled, or, beginning with "no", why there is none, in words."""
    return compiler.status(SOURCE, FLAGS)


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """The yardstick; raises as `compiler.compiled`."""
    found = compiler.compiled(SOURCE, FLAGS)
    sizes, number, array, seed = [ctypes.c_int] * 3, ctypes.c_float, ctypes.c_void_p, ctypes.c_uint64
    found.pack.argtypes = [*sizes, array, array]
    found.weights.argtypes = [*sizes, number, number, array, array, array, seed]
    found.spins.argtypes = [*sizes, number, array, array, array, seed]
    found.weights.restype = found.spins.restype = ctypes.c_long
    return found


def known(depth: int, width: int, patterns: int) -> bool:
    """Whether the yardstick knows machines of this size."""
    return not status().startswith("no") and depth > 1 and width % 2 == 0 and patterns % (2 * library().lanes()) == 0


def beside(case: Case) -> Sweep | None:
    """The sweeps of a uniform case by the yardstick, None if it does not know them."""
    size = case.machine.depth, case.machine.width, case.patterns
    return Yardstick(case.replicas, *size, beta=BETA, weight_step=WEIGHT_STEP).sweep if known(*size) else None


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
